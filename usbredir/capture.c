/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.c - which devices this machine has now, by libusb's hot-plugging, and who has opened which. */
#include "usbredir/capture.h"

#include <libusb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/log.h"
#include "usbredir/capture-device.h"
#include "usbredir/local-devices.h"

enum {
	/* After a plug the kernel's drivers come, and then whoever mounts: so often the devices are looked at again. */
	LOOKS = 4,
	LOOK_MS = 1000,
};

struct clove_capture {
	struct clove_usb_thread thread;      /* first: a letter's home; it looks for devices */
	const struct clove_capture_events *events;
	void *owner;
	struct clove_mailbox *home;
	struct clove_list known;             /* the home's: struct known */
	struct clove_list openings;          /* struct opening: not begun yet */
	struct clove_list held;              /* struct clove_captured, until given back */
	/* The thread's. */
	struct clove_list seen;              /* struct seen */
	uint64_t last_id;
	int looks_left;
	uint64_t next_look;
};

struct known {
	struct clove_list link;
	struct clove_local_device device;
};

/* It begins in a turn of its own, and when the kernel has the device back from an earlier time. */
struct opening {
	struct clove_list link;
	uint64_t id;
	int fd;
	clove_capture_opened_fn opened;
	void *opaque;
};

struct seen {
	struct clove_list link;
	struct libusb_device *usb;
	struct clove_local_device device;
};

/* ---- the thread ---------------------------------------------------------------------------- */

static void on_plugged(void *home, void *carried);
static void on_unplugged(void *home, void *carried);
static void on_changed(void *home, void *carried);
static void on_settled(void *home, void *carried);

static void tell(struct clove_capture *capture, clove_letter_fn fn, const struct clove_local_device *device)
{
	struct clove_local_device *copy = malloc(sizeof *copy);

	if (copy)
		*copy = *device;
	if (!copy || !clove_mailbox_post(capture->home, fn, copy)) {
		clove_log(ERROR, "usb", "%s: not shown: no memory", device->name);
		free(copy);
	}
}

static void add(struct clove_capture *capture, struct libusb_device *usb)
{
	struct seen *seen = calloc(1, sizeof *seen);

	if (!seen)
		return;
	seen->usb = libusb_ref_device(usb);
	seen->device.id = ++capture->last_id;
	seen->device.bus = libusb_get_bus_number(usb);
	seen->device.address = libusb_get_device_address(usb);
	clove_claim_shape(capture->thread.context, usb, NULL, &seen->device.shape);
	clove_list_append(&capture->seen, &seen->link);
	if (seen->device.shape.device_class == LIBUSB_CLASS_HUB)
		return;
	clove_local_device_look(&seen->device);
	tell(capture, on_plugged, &seen->device);
	capture->looks_left = LOOKS;
	capture->next_look = clove_now_ms() + LOOK_MS;
}

static void remove_seen(struct clove_capture *capture, struct seen *seen)
{
	if (seen->device.shape.device_class != LIBUSB_CLASS_HUB)
		tell(capture, on_unplugged, &seen->device);
	clove_list_remove(&seen->link);
	libusb_unref_device(seen->usb);
	free(seen);
}

/* While the callback is being registered an arrival can be told twice. */
static int LIBUSB_CALL on_hotplug(struct libusb_context *context, struct libusb_device *usb,
		libusb_hotplug_event event, void *opaque)
{
	struct clove_capture *capture = opaque;
	struct seen *seen = NULL;

	(void)context;
	CLOVE_LIST_FOR_EACH(item, &capture->seen) {
		if (CLOVE_CONTAINER(item, struct seen, link)->usb == usb)
			seen = CLOVE_CONTAINER(item, struct seen, link);
	}
	if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED && !seen)
		add(capture, usb);
	else if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT && seen)
		remove_seen(capture, seen);
	return 0;
}

static void begin(struct clove_usb_thread *thread)
{
	struct clove_capture *capture = (struct clove_capture *)thread;
	int error = thread->init_error;

	if (!error)
		error = libusb_hotplug_register_callback(thread->context,
				LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
				LIBUSB_HOTPLUG_ENUMERATE, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
				LIBUSB_HOTPLUG_MATCH_ANY, on_hotplug, capture, NULL);
	if (error)
		clove_log(WARN, "usb", "no devices of this machine can be shown: %s", libusb_strerror(error));
	if (!clove_mailbox_post(capture->home, on_settled, NULL))
		clove_log(ERROR, "usb", "no memory");
}

static void look(struct clove_capture *capture)
{
	CLOVE_LIST_FOR_EACH(item, &capture->seen) {
		struct seen *seen = CLOVE_CONTAINER(item, struct seen, link);
		struct clove_local_device before = seen->device;

		if (before.shape.device_class == LIBUSB_CLASS_HUB)
			continue;
		clove_local_device_look(&seen->device);
		if (strcmp(before.driver, seen->device.driver) || strcmp(before.in_use, seen->device.in_use) ||
				strcmp(before.name, seen->device.name) ||
				before.is_accessible != seen->device.is_accessible)
			tell(capture, on_changed, &seen->device);
	}
}

static void on_look(void *thread, void *carried)
{
	(void)carried;
	look(thread);
}

static void turn(struct clove_usb_thread *thread)
{
	struct clove_capture *capture = (struct clove_capture *)thread;
	uint64_t now;

	thread->wait_ms = -1;
	if (!capture->looks_left)
		return;
	now = clove_now_ms();
	if (now >= capture->next_look) {
		look(capture);
		capture->looks_left--;
		capture->next_look = now + LOOK_MS;
	}
	if (capture->looks_left)
		thread->wait_ms = (int)(capture->next_look - now);
}

static void end_thread(struct clove_usb_thread *thread)
{
	struct clove_capture *capture = (struct clove_capture *)thread;

	CLOVE_LIST_FOR_EACH(item, &capture->seen) {
		struct seen *seen = CLOVE_CONTAINER(item, struct seen, link);

		clove_list_remove(item);
		libusb_unref_device(seen->usb);
		free(seen);
	}
}

/* ---- the home ------------------------------------------------------------------------------ */

static struct known *find(struct clove_capture *capture, uint64_t id)
{
	CLOVE_LIST_FOR_EACH(item, &capture->known) {
		struct known *known = CLOVE_CONTAINER(item, struct known, link);

		if (known->device.id == id)
			return known;
	}
	return NULL;
}

static struct clove_captured *holder(struct clove_capture *capture, uint64_t id)
{
	CLOVE_LIST_FOR_EACH(item, &capture->held) {
		struct clove_captured *captured = CLOVE_CONTAINER(item, struct clove_captured, link);

		if (captured->id == id)
			return captured;
	}
	return NULL;
}

static void on_plugged(void *home, void *carried)
{
	struct clove_capture *capture = home;
	struct known *known = calloc(1, sizeof *known);

	if (known) {
		memcpy(&known->device, carried, sizeof known->device);
		clove_list_append(&capture->known, &known->link);
		if (capture->events->plugged)
			capture->events->plugged(capture->owner, carried);
	}
	free(carried);
}

static void on_changed(void *home, void *carried)
{
	struct clove_capture *capture = home;
	struct clove_local_device *device = carried;
	struct known *known = find(capture, device->id);

	if (known) {
		known->device = *device;
		if (capture->events->changed)
			capture->events->changed(capture->owner, device);
	}
	free(device);
}

static void on_settled(void *home, void *carried)
{
	struct clove_capture *capture = home;

	(void)carried;
	if (capture->events->settled)
		capture->events->settled(capture->owner);
}

static void on_unplugged(void *home, void *carried)
{
	struct clove_capture *capture = home;
	struct clove_local_device *device = carried;
	struct known *known = find(capture, device->id);
	struct clove_captured *captured = holder(capture, device->id);

	if (captured)
		clove_captured_lose(captured, CLOVE_ERR_CLOSED, "it was unplugged");
	if (known) {
		clove_list_remove(&known->link);
		free(known);
		if (capture->events->unplugged)
			capture->events->unplugged(capture->owner, device->id);
	}
	free(device);
}

static void on_report(void *home, void *carried);

static void opening_free(struct opening *opening)
{
	clove_list_remove(&opening->link);
	if (opening->fd >= 0)
		close(opening->fd);
	free(opening);
}

static void refuse(struct opening *opening, enum clove_err err, const char *why)
{
	clove_capture_opened_fn opened = opening->opened;
	void *opaque = opening->opaque;

	opening_free(opening);
	opened(opaque, NULL, err, why);
}

static void start(struct clove_capture *capture, struct opening *opening, const struct clove_local_device *device)
{
	int fd = opening->fd;
	struct clove_captured *captured;

	opening->fd = -1;
	captured = clove_captured_new(device, fd, capture->home, on_report, opening->opened, opening->opaque);
	if (!captured) {
		refuse(opening, CLOVE_ERR_NOMEM, "no memory, or too many threads");
		return;
	}
	clove_list_append(&capture->held, &captured->link);
	opening_free(opening);
}

/* What is called may forget others: the search begins anew after each. */
static bool begin_one(struct clove_capture *capture)
{
	CLOVE_LIST_FOR_EACH(item, &capture->openings) {
		struct opening *opening = CLOVE_CONTAINER(item, struct opening, link);
		struct known *known = find(capture, opening->id);
		struct clove_captured *captured = holder(capture, opening->id);

		if (!known)
			refuse(opening, CLOVE_ERR_CLOSED, "it was unplugged");
		else if (!captured)
			start(capture, opening, &known->device);
		else if (!captured->is_ending)
			refuse(opening, CLOVE_ERR_STATE, "it is redirected already");
		else
			continue;
		return true;
	}
	return false;
}

static void on_opening(void *home, void *carried)
{
	(void)carried;
	while (begin_one(home))
		;
}

static void on_report(void *home, void *carried)
{
	if (!clove_captured_report(carried))
		on_opening(home, NULL);
}

struct clove_capture *clove_capture_new(struct clove_loop *loop, const struct clove_capture_events *events,
		void *owner, char **error)
{
	struct clove_capture *capture;

	*error = NULL;
	if (access("/sys/bus/usb/devices", F_OK) < 0) {
		*error = strdup("No USB here: the kernel, or this container, has no /sys/bus/usb.");
		return NULL;
	}
	capture = calloc(1, sizeof *capture);
	if (capture) {
		capture->events = events;
		capture->owner = owner;
		clove_list_init(&capture->known);
		clove_list_init(&capture->openings);
		clove_list_init(&capture->held);
		clove_list_init(&capture->seen);
		capture->thread.is_discovering = true;
		capture->thread.begin = begin;
		capture->thread.turn = turn;
		capture->thread.end = end_thread;
		capture->home = clove_mailbox_new(loop, capture);
	}
	if (!capture || !capture->home || !clove_usb_thread_start(&capture->thread)) {
		*error = strdup("No USB devices: no memory, or too many files or threads.");
		clove_capture_free(capture);
		return NULL;
	}
	return capture;
}

void clove_capture_free(struct clove_capture *capture)
{
	static const struct clove_capture_events nobody;

	if (!capture)
		return;
	capture->events = &nobody;
	clove_usb_thread_end(&capture->thread);
	while (capture->home && !clove_list_is_empty(&capture->openings))
		refuse(CLOVE_CONTAINER(capture->openings.next, struct opening, link), CLOVE_ERR_CLOSED,
				"the program ends");
	CLOVE_LIST_FOR_EACH(item, &capture->held)
		clove_captured_lose(CLOVE_CONTAINER(item, struct clove_captured, link), CLOVE_ERR_CLOSED,
				"the program ends");
	/* all give back at the same time; then the last report of each is here */
	CLOVE_LIST_FOR_EACH(item, &capture->held)
		clove_claim_join(CLOVE_CONTAINER(item, struct clove_captured, link)->claim);
	clove_usb_thread_join(&capture->thread);
	clove_mailbox_free(capture->home);
	CLOVE_LIST_FOR_EACH(item, &capture->known)
		free(CLOVE_CONTAINER(item, struct known, link));
	free(capture);
}

void clove_capture_look(struct clove_capture *capture)
{
	if (!clove_usb_thread_post(&capture->thread, on_look, NULL))
		clove_log(WARN, "usb", "no memory to look at the devices");
}

void clove_capture_open(struct clove_capture *capture, uint64_t id, int take_fd, clove_capture_opened_fn opened,
		void *opaque)
{
	struct opening *opening = calloc(1, sizeof *opening);

	if (!opening || !clove_mailbox_post(capture->home, on_opening, NULL)) {
		free(opening);
		if (take_fd >= 0)
			close(take_fd);
		opened(opaque, NULL, CLOVE_ERR_NOMEM, "no memory");
		return;
	}
	*opening = (struct opening){ .id = id, .fd = take_fd, .opened = opened, .opaque = opaque };
	clove_list_append(&capture->openings, &opening->link);
}

void clove_capture_forget(struct clove_capture *capture, void *opaque)
{
	CLOVE_LIST_FOR_EACH(item, &capture->openings) {
		struct opening *opening = CLOVE_CONTAINER(item, struct opening, link);

		if (opening->opaque == opaque)
			opening_free(opening);
	}
	CLOVE_LIST_FOR_EACH(item, &capture->held) {
		struct clove_captured *captured = CLOVE_CONTAINER(item, struct clove_captured, link);

		if (captured->opened && captured->opaque == opaque)
			clove_captured_forget(captured);
	}
}
