/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-manager-fixture.h - a computer with USB devices and a guest with USB channels, both made of a test. */
#ifndef CLOVE_TESTS_USB_MANAGER_FIXTURE_H
#define CLOVE_TESTS_USB_MANAGER_FIXTURE_H

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "client-gtk/usb-manager.h"
#include "net-fixture.h"

/* -- this computer -- */

struct clove_permission { int unused; };

struct clove_capture {
	const struct clove_capture_events *events;
	void *owner;
	/* the opening that waits */
	clove_capture_opened_fn opened;
	void *opaque;
	uint64_t id;
	int fd;
	int n_opens, n_forgets;
};

static struct clove_loop *loop;
static struct clove_capture machine;
static struct {
	struct clove_permission permission;
	clove_permission_fn answer;
	void *opaque;
	int n_asked, n_freed;
	uint8_t address;
} police;
static int n_devices;             /* that live */
static struct clove_usb_storage_options last_image;
static char last_path[64];
static bool has_images, has_focus;
static GString *said;
static struct clove_settings settings;
static struct clove_usb_manager *manager;
static struct clove_usb_item item;

static inline void device_free(struct clove_usb_device *device)
{
	n_devices--;
	free(device);
}

static const struct clove_usb_device_ops device_ops = { .free = device_free };

static inline struct clove_usb_device *device_new(void)
{
	struct clove_usb_device *device = calloc(1, sizeof *device);

	device->ops = &device_ops;
	n_devices++;
	return device;
}

static inline struct clove_capture *capture(struct clove_loop *its_loop, const struct clove_capture_events *events,
		void *owner, char **error)
{
	(void)error;
	ck_assert_ptr_eq(its_loop, loop);
	machine.events = events;
	machine.owner = owner;
	return &machine;
}

static inline struct clove_capture *no_capture(struct clove_loop *its_loop, const struct clove_capture_events *events,
		void *owner, char **error)
{
	(void)its_loop;
	(void)events;
	(void)owner;
	*error = strdup("There is no USB here.");
	return NULL;
}

static inline void capture_free(struct clove_capture *freed)
{
	(void)freed;
}

static int n_looks;

static inline void look(struct clove_capture *of)
{
	ck_assert_ptr_eq(of, &machine);
	n_looks++;
}

static inline void open_device(struct clove_capture *of, uint64_t id, int take_fd, clove_capture_opened_fn opened,
		void *opaque)
{
	ck_assert_ptr_null(of->opened);
	of->n_opens++;
	of->id = id;
	of->fd = take_fd;
	of->opened = opened;
	of->opaque = opaque;
}

static inline void forget(struct clove_capture *of, void *opaque)
{
	ck_assert_ptr_eq(of->opaque, opaque);
	of->opened = NULL;
	of->n_forgets++;
}

/* The machine's answer. */
static inline void answer_open(struct clove_usb_device *device, enum clove_err err, const char *why)
{
	clove_capture_opened_fn opened = machine.opened;

	ck_assert_ptr_nonnull(opened);
	machine.opened = NULL;
	opened(machine.opaque, device, err, why);
}

static inline struct clove_permission *ask(struct clove_loop *its_loop, uint8_t bus, uint8_t address,
		clove_permission_fn answer, void *opaque)
{
	(void)its_loop;
	ck_assert_uint_eq(bus, 3);
	police.address = address;
	police.answer = answer;
	police.opaque = opaque;
	police.n_asked++;
	return &police.permission;
}

static inline void ask_free(struct clove_permission *permission)
{
	ck_assert_ptr_eq(permission, &police.permission);
	police.n_freed++;
}

static inline struct clove_usb_device *image(const struct clove_usb_storage_options *options, char **error)
{
	last_image = *options;
	snprintf(last_path, sizeof last_path, "%s", options->path);
	if (has_images)
		return device_new();
	*error = strdup("The file is gone.");
	return NULL;
}

static const struct clove_usb_source source = {
	.capture = capture, .capture_free = capture_free, .look = look, .open = open_device, .forget = forget,
	.ask = ask, .ask_free = ask_free, .image = image,
};
static const struct clove_usb_source deaf_source = {
	.capture = no_capture, .capture_free = capture_free, .image = image,
};

/* -- the guest -- */

struct channel {
	struct clove_usb_device *device;
	enum clove_err err;       /* of the next plug */
	bool is_slow;             /* the device leaves later */
	int n_plugs;
};

static struct channel channels[3];

static inline enum clove_err plug(void *opaque, struct clove_usb_device *take_device)
{
	struct channel *channel = opaque;
	enum clove_err err = channel->err;

	ck_assert_ptr_null(channel->device);
	channel->n_plugs++;
	channel->err = CLOVE_OK;
	if (err)
		take_device->ops->free(take_device);
	else
		channel->device = take_device;
	return err;
}

static inline void leave(struct channel *channel, const char *why)
{
	ck_assert_ptr_nonnull(channel->device);
	channel->device->ops->free(channel->device);
	channel->device = NULL;
	clove_usb_manager_device_left(manager, channel, why);
}

static inline void unplug(void *opaque)
{
	struct channel *channel = opaque;

	if (!channel->is_slow)
		leave(channel, "");
}

static const struct clove_usb_port_ops ports = { plug, unplug };

static inline void come(int n)
{
	clove_usb_manager_channel_came(manager, &channels[n]);
}

static inline void go(int n, const char *why)
{
	clove_usb_manager_channel_went(manager, &channels[n], why);
	if (channels[n].device)
		channels[n].device->ops->free(channels[n].device);
	channels[n].device = NULL;
}

/* The session ends with all its channels. */
static inline void lose(void)
{
	clove_usb_manager_connected(manager, false);
	for (int i = 0; i < 3; i++) {
		if (channels[i].device)
			channels[i].device->ops->free(channels[i].device);
		channels[i].device = NULL;
	}
}

/* -- the person -- */

static int n_changes;
static void (*also_changed)(void);         /* a dialog */
static void (*also_message)(const char *text);

static inline void changed(void *opaque)
{
	(void)opaque;
	n_changes++;
	if (also_changed)
		also_changed();
}

static inline void message(void *opaque, const char *text)
{
	(void)opaque;
	if (also_message)
		also_message(text);
	g_string_append_printf(said, "%s\n", text);
}

static inline bool focus(void *opaque)
{
	(void)opaque;
	return has_focus;
}

static const struct clove_usb_manager_events events = { changed, message, focus };

static inline void settle(void)
{
	int before = n_changes;

	NET_TURN_UNTIL(loop, n_changes > before);
	while (before != n_changes) {
		before = n_changes;
		clove_poll_loop_step(loop, 1);
	}
}

static inline void start(const struct clove_usb_source *from)
{
	struct clove_usb_manager_options options = {
		.loop = loop, .settings = &settings, .source = from, .ports = &ports, .events = &events,
		.settles_ms = 60000,
	};

	manager = clove_usb_manager_new(&options);
	ck_assert_ptr_nonnull(manager);
}

/* As `start`, and from now on what comes is plugged in. */
static inline void start_settled(void)
{
	struct clove_usb_manager_options options = {
		.loop = loop, .settings = &settings, .source = &source, .ports = &ports, .events = &events,
	};

	manager = clove_usb_manager_new(&options);
	for (int i = 0; i < 5; i++)
		clove_poll_loop_step(loop, 2);
}

static inline void plug_in(uint64_t id, uint8_t class, uint8_t speed)
{
	struct clove_local_device local = {
		.id = id, .bus = 3, .address = 7, .is_accessible = true,
		.name = "Acme Thing",
		.shape = { .speed = speed, .vendor = 0x1234, .product = 0xabcd, .interface_count = 1,
			.interfaces = { { .interface_class = class } } },
	};

	machine.events->plugged(machine.owner, &local);
}

static inline const struct clove_usb_item *see(unsigned int n)
{
	ck_assert(clove_usb_manager_item(manager, n, &item));
	return &item;
}

static inline void setup(void)
{
	memset(&machine, 0, sizeof machine);
	memset(&police, 0, sizeof police);
	memset(&settings, 0, sizeof settings);
	memset(channels, 0, sizeof channels);
	n_devices = n_changes = n_looks = 0;
	has_images = has_focus = true;
	said = g_string_new(NULL);
	loop = clove_poll_loop_new();
}

static inline void teardown(void)
{
	lose();
	clove_usb_manager_free(manager);
	ck_assert_int_eq(n_devices, 0);
	clove_settings_fini(&settings);
	g_string_free(said, TRUE);
	clove_poll_loop_free(loop);
}

/* With one device and one channel. */
static inline void start_usual(void)
{
	start(&source);
	plug_in(1, 8, CLOVE_USB_HIGH);
	clove_usb_manager_connected(manager, true);
	come(0);
	settle();
}

#endif
