/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-manager.c - when a device is taken, by whose wish, and the words for why one is not. */
#include "client-gtk/usb-manager.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "usbredir/filter.h"

struct port;

struct item {
	struct clove_usb_manager *manager;
	uint64_t id;
	struct clove_local_device local;       /* of a local device */
	char *path;                            /* of an image; NULL: a local device */
	bool is_writable, is_cd;
	bool is_wanted;
	enum clove_usb_state state;            /* FREE, CLAIMING, REDIRECTED or LEAVING; the others follow */
	struct port *port;                     /* while it is claimed or redirected */
	struct clove_permission *permission;   /* while it is asked for */
	bool is_asked;                         /* for this wish */
	char *failure;                         /* what became of the last wish, or NULL */
	char *name, *place, *text;             /* as shown */
};

/* A channel. */
struct port {
	void *channel;
	struct item *item;
	bool is_busy;                          /* has a device, of an item or of one that is gone */
	bool was_refused;                      /* by the guest's side; device_left follows */
	char *rules;                           /* the guest's; NULL: all is welcome */
};

struct clove_usb_manager {
	struct clove_usb_manager_options options;
	const struct clove_usb_manager_events *events;
	struct clove_capture *capture;
	char *capture_error;
	GPtrArray *items, *ports;
	struct clove_timer *later, *settled;
	GQueue messages;
	char *summary;
	uint64_t last_id;
	bool is_settled, is_connected;
	bool takes_present;                    /* the first session has begun, and its first channel is not here yet */
	bool had_session;
};

static void pump(struct clove_usb_manager *manager);

/* -- words -- */

/* From the loop: who is told may call us again. */
static void tell_later(struct clove_usb_manager *manager)
{
	clove_timer_start(manager->options.loop, manager->later, 0);
}

static void on_later(void *opaque)
{
	struct clove_usb_manager *manager = opaque;
	char *text;

	pump(manager);
	while ((text = g_queue_pop_head(&manager->messages))) {
		manager->events->message(manager->options.opaque, text);
		g_free(text);
	}
	manager->events->changed(manager->options.opaque);
}

/* What others say may be words or a sentence; their help is ours. */
static void set_failure(struct item *item, const char *why)
{
	static const char see_help[] = " - see help";
	char *rest, *first;

	g_clear_pointer(&item->failure, g_free);
	if (!why || !*why)
		return;
	rest = g_utf8_make_valid(why, -1);
	if (g_str_has_suffix(rest, see_help)) {
		char *longer = g_strdup_printf("%.*s. The manual, clove-viewer(1), shows a udev rule that gives it.",
				(int)(strlen(rest) - strlen(see_help)), rest);

		g_free(rest);
		rest = longer;
	}
	first = g_utf8_strup(rest, g_utf8_next_char(rest) - rest);
	item->failure = g_strconcat(first, g_utf8_next_char(rest), strchr(".!?", rest[strlen(rest) - 1]) ? NULL : ".",
			NULL);
	g_free(first);
	g_free(rest);
}

/* The wish is over; people hear why. */
static void fail(struct item *item, bool was_taken, const char *why)
{
	struct clove_usb_manager *manager = item->manager;

	item->is_wanted = false;
	item->state = CLOVE_USB_FREE;
	set_failure(item, why);
	if (item->failure) {
		char *text = g_strdup_printf(was_taken ? "The guest no longer has “%s”. %s" :
				"“%s” could not be given to the guest. %s", item->name,
				item->failure);

		clove_log(INFO, "usb", "%s", text);
		g_queue_push_tail(&manager->messages, text);
	}
	tell_later(manager);
}

static const char *refusal(const struct item *item)
{
	if (item->path)
		return "The virtual machine refused it: its rules may keep storage out.";
	switch (item->local.shape.speed) {
	case CLOVE_USB_LOW:
	case CLOVE_USB_FULL:
		return "The virtual machine refused it: its rules may keep it out, or its USB controller takes no "
				"devices as slow as this one. Its administrator can add one that does: qemu-xhci, "
				"EHCI with companions, or clove-ehci-vfio.";
	case CLOVE_USB_SUPER:
		return "The virtual machine refused it: its rules may keep it out, or its USB controller takes no "
				"USB 3 devices. Try a USB 2 port or cable, or let its administrator add qemu-xhci.";
	default:
		return "The virtual machine refused it: its rules may keep it out. Its administrator can change the "
				"filter of the usb-redir device.";
	}
}

/* -- what may be -- */

static bool passes(const char *rules, const struct clove_usb_shape *shape)
{
	struct clove_usb_filter filter = { 0 };
	bool is_allowed;

	if (!rules || clove_usb_filter_parse(&filter, rules, NULL, NULL))
		return false;
	is_allowed = clove_usb_filter_check(&filter, shape, false) == CLOVE_USB_ALLOWED;
	clove_usb_filter_fini(&filter);
	return is_allowed;
}

/* Images are as our storage model says: nothing but mass storage. */
static const struct clove_usb_shape *shape_of(const struct item *item)
{
	static const struct clove_usb_shape image = {
		.speed = CLOVE_USB_HIGH, .interface_count = 1,
		.interfaces = { { .interface_class = 8, .subclass = 6, .protocol = 0x50 } },
	};

	return item->path ? &image : &item->local.shape;
}

static bool is_port_free(const struct port *port)
{
	return !port->item && !port->is_busy;
}

static bool port_takes(const struct port *port, const struct item *item)
{
	return !port->rules || !*port->rules || passes(port->rules, shape_of(item));
}

static struct port *port_for(const struct clove_usb_manager *manager, const struct item *item)
{
	for (guint i = 0; i < manager->ports->len; i++) {
		struct port *port = manager->ports->pdata[i];

		if (is_port_free(port) && port_takes(port, item))
			return port;
	}
	return NULL;
}

static unsigned int free_ports(const struct clove_usb_manager *manager)
{
	unsigned int n = 0;

	for (guint i = 0; i < manager->ports->len; i++)
		n += is_port_free(manager->ports->pdata[i]);
	return n;
}

static const char *why_nothing(const struct clove_usb_manager *manager)
{
	if (manager->options.settings->is_usb_disabled)
		return "USB redirection is switched off for this session.";
	if (!manager->is_connected)
		return "There is no connection to a virtual machine now.";
	if (!manager->ports->len)
		return "This virtual machine is not set up for USB redirection. Its administrator can add it: in QEMU a "
				"usb-redir device for each channel, elsewhere clove-ehci-vfio.";
	return NULL;
}

/* Why an item cannot be taken now; NULL: it can. */
static char *why_not(const struct item *item)
{
	const struct clove_usb_manager *manager = item->manager;
	const char *nothing = why_nothing(manager);
	bool is_welcome = false;

	if (nothing)
		return g_strdup(nothing);
	for (guint i = 0; i < manager->ports->len && !is_welcome; i++)
		is_welcome = port_takes(manager->ports->pdata[i], item);
	if (!is_welcome)
		return g_strdup("The virtual machine's rules keep it out. Its administrator can change the filter of the "
				"usb-redir device.");
	if (!item->path && item->local.in_use[0])
		return g_strdup_printf("It is in use: %s. Close what uses it and eject it first.",
				item->local.in_use);
	if (!port_for(manager, item))
		return g_strdup_printf(manager->ports->len == 1 ? "The only USB channel is in use: give back the other "
				"device first." : "All %u USB channels are in use: give back another device first.",
				manager->ports->len);
	return NULL;
}

/* -- taking -- */

static void release_port(struct item *item)
{
	if (item->port)
		item->port->item = NULL;
	item->port = NULL;
}

static void plug(struct item *item, struct clove_usb_device *take_device)
{
	struct port *port = item->port;
	enum clove_err err;

	port->is_busy = true; /* also if the device leaves from inside */
	port->was_refused = false;
	item->state = CLOVE_USB_REDIRECTED;
	set_failure(item, NULL);
	err = item->manager->options.ports->plug(port->channel, take_device);
	if (!err) {
		clove_log(INFO, "usb", "%s goes to the guest", item->name);
		tell_later(item->manager);
		return;
	}
	port->is_busy = false;
	release_port(item);
	fail(item, false, err == CLOVE_ERR_REFUSED ? "The virtual machine's rules keep it out." :
			clove_err_name(err));
}

static void ask(struct item *item);

static void opened(void *opaque, struct clove_usb_device *take_device, enum clove_err err, const char *why)
{
	struct item *item = opaque;

	if (take_device) {
		plug(item, take_device);
	} else if (err == CLOVE_ERR_AUTH && !item->is_asked) {
		ask(item);
	} else {
		release_port(item);
		fail(item, false, why && *why ? why : clove_err_name(err));
	}
}

static void answered(void *opaque, int take_fd, enum clove_err err, const char *why)
{
	struct item *item = opaque;
	struct clove_usb_manager *manager = item->manager;

	manager->options.source->ask_free(item->permission);
	item->permission = NULL;
	if (!err) {
		manager->options.source->open(manager->capture, item->local.id, take_fd, opened, item);
		tell_later(manager);
		return;
	}
	release_port(item);
	fail(item, false, err == CLOVE_ERR_CLOSED ? NULL : why); /* whoever dismissed the question knows */
}

static void ask(struct item *item)
{
	struct clove_usb_manager *manager = item->manager;

	item->is_asked = true;
	item->permission = manager->options.source->ask(manager->options.loop, item->local.bus, item->local.address,
			answered, item);
	if (!item->permission) {
		release_port(item);
		fail(item, false, "There is not enough memory.");
	}
	tell_later(manager);
}

static void take_image(struct item *item)
{
	struct clove_usb_storage_options options = {
		.path = item->path,
		.kind = item->is_cd ? CLOVE_USB_STORAGE_CD : CLOVE_USB_STORAGE_GUESS,
		.is_writable = item->is_writable,
		.loop = item->manager->options.loop,
	};
	char *error = NULL;
	struct clove_usb_device *device = item->manager->options.source->image(&options, &error);

	if (device) {
		plug(item, device);
	} else {
		release_port(item);
		fail(item, false, error ? error : "There is not enough memory.");
	}
	free(error);
}

static void take(struct item *item, struct port *port)
{
	const struct clove_usb_source *source = item->manager->options.source;

	port->item = item;
	item->port = port;
	item->state = CLOVE_USB_CLAIMING;
	item->is_asked = false;
	set_failure(item, NULL);
	tell_later(item->manager);
	if (item->path) {
		take_image(item);
	} else if (item->local.is_accessible) {
		source->open(item->manager->capture, item->local.id, -1, opened, item);
	} else {
		ask(item);
	}
}

/* Whatever is wanted and can be taken. */
static void pump(struct clove_usb_manager *manager)
{
	for (guint i = 0; i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];
		char *why;

		if (!item->is_wanted || item->state != CLOVE_USB_FREE)
			continue;
		why = why_not(item);
		if (!why)
			take(item, port_for(manager, item));
		g_free(why);
	}
}

/* Ends a claim that goes on. */
static void withdraw(struct item *item)
{
	const struct clove_usb_source *source = item->manager->options.source;

	if (item->permission)
		source->ask_free(item->permission);
	else if (!item->path)
		source->forget(item->manager->capture, item);
	item->permission = NULL;
	item->state = CLOVE_USB_FREE;
	release_port(item);
}

static void give_back(struct item *item)
{
	struct port *port = item->port;

	item->is_wanted = false;
	set_failure(item, NULL);
	if (item->state == CLOVE_USB_CLAIMING) {
		withdraw(item);
	} else if (item->state == CLOVE_USB_REDIRECTED) {
		item->state = CLOVE_USB_LEAVING;
		item->manager->options.ports->unplug(port->channel);
	}
	tell_later(item->manager);
}

/* -- items -- */

static void item_free(gpointer data)
{
	struct item *item = data;

	if (item->state == CLOVE_USB_CLAIMING)
		withdraw(item);
	release_port(item);
	g_free(item->path);
	g_free(item->failure);
	g_free(item->name);
	g_free(item->place);
	g_free(item->text);
	g_free(item);
}

static struct item *item_new(struct clove_usb_manager *manager)
{
	struct item *item = g_new0(struct item, 1);

	item->manager = manager;
	item->id = ++manager->last_id;
	return item;
}

static struct item *find(const struct clove_usb_manager *manager, uint64_t id)
{
	for (guint i = 0; i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];

		if (item->id == id)
			return item;
	}
	return NULL;
}

static void drop(struct item *item)
{
	struct clove_usb_manager *manager = item->manager;
	void *channel = item->state == CLOVE_USB_REDIRECTED ? item->port->channel : NULL;

	g_ptr_array_remove(manager->items, item);
	if (channel)
		manager->options.ports->unplug(channel);
	tell_later(manager);
}

/* For a local device that comes: is it the guest's by rule? */
static bool is_wanted_by_rule(const struct clove_usb_manager *manager, const struct clove_usb_shape *shape)
{
	const struct clove_settings *settings = manager->options.settings;

	if (settings->is_usb_disabled)
		return false;
	if (!manager->is_settled)
		return manager->had_session && !manager->takes_present &&
				passes(settings->usb_connect_filter, shape);
	return settings->shares_usb && manager->is_connected && manager->ports->len &&
			manager->events->has_focus(manager->options.opaque) &&
			passes(settings->usb_filter ? settings->usb_filter : CLOVE_USB_FILTER_AUTO, shape);
}

static void plugged(void *owner, const struct clove_local_device *device)
{
	struct clove_usb_manager *manager = owner;
	struct item *item = item_new(manager);
	guint at = 0;

	item->local = *device;
	item->name = g_utf8_make_valid(device->name, -1);
	item->place = g_strdup_printf("%04x:%04x, bus %u, device %u", device->shape.vendor, device->shape.product,
			device->bus, device->address);
	item->is_wanted = is_wanted_by_rule(manager, &device->shape);
	while (at < manager->items->len && !((struct item *)manager->items->pdata[at])->path)
		at++;
	g_ptr_array_insert(manager->items, (int)at, item);
	tell_later(manager);
}

static void unplugged(void *owner, uint64_t id)
{
	struct clove_usb_manager *manager = owner;

	for (guint i = 0; i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];

		if (!item->path && item->local.id == id) {
			drop(item);
			return;
		}
	}
}

/* Mounted, unmounted, taken by a driver, allowed. */
static void local_changed(void *owner, const struct clove_local_device *device)
{
	struct clove_usb_manager *manager = owner;

	for (guint i = 0; i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];

		if (!item->path && item->local.id == device->id)
			item->local = *device;
	}
	tell_later(manager);
}

static const struct clove_capture_events capture_events = {
	.plugged = plugged,
	.unplugged = unplugged,
	.changed = local_changed,
};

/* -- channels -- */

static struct port *find_port(const struct clove_usb_manager *manager, const void *channel, guint *at)
{
	for (*at = 0; *at < manager->ports->len; (*at)++) {
		struct port *port = manager->ports->pdata[*at];

		if (port->channel == channel)
			return port;
	}
	return NULL;
}

static void port_free(gpointer data)
{
	struct port *port = data;

	g_free(port->rules);
	g_free(port);
}

void clove_usb_manager_channel_came(struct clove_usb_manager *manager, void *channel)
{
	struct port *port = g_new0(struct port, 1);

	port->channel = channel;
	g_ptr_array_add(manager->ports, port);
	for (guint i = 0; manager->takes_present && i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];

		if (!item->path && passes(manager->options.settings->usb_connect_filter, &item->local.shape))
			item->is_wanted = true;
	}
	manager->takes_present = false;
	tell_later(manager);
}

void clove_usb_manager_channel_went(struct clove_usb_manager *manager, void *channel, const char *why)
{
	guint at;
	struct port *port = find_port(manager, channel, &at);
	struct item *item = port ? port->item : NULL;

	if (!port)
		return;
	if (item && item->state == CLOVE_USB_CLAIMING)
		withdraw(item);
	else if (item)
		item->state = CLOVE_USB_FREE;
	if (item)
		release_port(item);
	g_ptr_array_remove_index(manager->ports, at);
	if (item && why)
		fail(item, true, why);
	tell_later(manager);
}

void clove_usb_manager_connected(struct clove_usb_manager *manager, bool is_connected)
{
	if (is_connected && !manager->had_session)
		manager->had_session = manager->takes_present = true;
	manager->is_connected = is_connected;
	while (!is_connected && manager->ports->len) {
		struct port *port = manager->ports->pdata[manager->ports->len - 1];

		clove_usb_manager_channel_went(manager, port->channel, NULL);
	}
	tell_later(manager);
}

void clove_usb_manager_device_left(struct clove_usb_manager *manager, void *channel, const char *why)
{
	guint at;
	struct port *port = find_port(manager, channel, &at);
	struct item *item = port ? port->item : NULL;
	bool was_refused;

	if (!port)
		return;
	/* its rules may come while the device is on its way */
	was_refused = port->was_refused || (item && !port_takes(port, item));
	port->is_busy = port->was_refused = false;
	tell_later(manager);
	if (!item)
		return;
	release_port(item);
	if (item->state == CLOVE_USB_LEAVING) {
		item->state = CLOVE_USB_FREE;
		return;
	}
	fail(item, !was_refused, was_refused ? refusal(item) : why);
}

void clove_usb_manager_filter(struct clove_usb_manager *manager, void *channel, const char *rules)
{
	guint at;
	struct port *port = find_port(manager, channel, &at);

	if (!port)
		return;
	if (rules) {
		g_free(port->rules);
		port->rules = g_strdup(rules);
	} else {
		port->was_refused = true;
	}
	tell_later(manager);
}

/* -- showing -- */

static void describe(struct item *item, struct clove_usb_item *shown)
{
	char *why = item->state == CLOVE_USB_FREE ? why_not(item) : NULL;

	g_free(item->text);
	item->text = NULL;
	shown->state = item->state;
	if (item->state == CLOVE_USB_FREE && item->is_wanted) {
		shown->state = CLOVE_USB_WAITING;
		item->text = item->manager->is_connected ? g_steal_pointer(&why) :
				g_strdup("The guest gets it again as soon as the connection is back.");
	} else if (why) {
		shown->state = CLOVE_USB_REFUSED;
		item->text = g_steal_pointer(&why);
	} else if (item->state == CLOVE_USB_FREE && item->failure) {
		item->text = g_strdup(item->failure);
	} else if (item->state == CLOVE_USB_FREE && !item->path && !item->local.is_accessible) {
		item->text = g_strdup("You are asked for permission when you take it.");
	} else if (item->permission) {
		item->text = g_strdup("Waiting for permission…");
	} else if (item->state == CLOVE_USB_CLAIMING) {
		item->text = g_strdup("Being opened…");
	} else if (item->state == CLOVE_USB_LEAVING) {
		item->text = g_strdup("Being given back…");
	} else if (item->state == CLOVE_USB_REDIRECTED) {
		item->text = g_strdup("The guest has it.");
	}
	g_free(why);
	shown->is_trouble = shown->state == CLOVE_USB_REFUSED || (shown->state == CLOVE_USB_FREE && item->failure);
	shown->text = item->text ? item->text : "";
}

bool clove_usb_manager_item(const struct clove_usb_manager *manager, unsigned int n, struct clove_usb_item *shown)
{
	struct item *item = n < manager->items->len ? manager->items->pdata[n] : NULL;

	if (!item)
		return false;
	*shown = (struct clove_usb_item){
		.id = item->id, .name = item->name, .place = item->place,
		.is_image = item->path != NULL, .is_writable = item->is_writable,
	};
	describe(item, shown);
	return true;
}

const char *clove_usb_manager_summary(const struct clove_usb_manager *manager, bool *is_possible)
{
	struct clove_usb_manager *cache = (struct clove_usb_manager *)manager;
	const char *nothing = why_nothing(manager);
	unsigned int n = manager->ports->len, n_free = free_ports(manager);

	*is_possible = !nothing;
	g_free(manager->summary);
	if (nothing)
		cache->summary = g_strdup(nothing);
	else if (n == 1)
		cache->summary = g_strdup(n_free ? "The guest can have one device at a time." :
				"The guest's only USB channel is in use.");
	else
		cache->summary = g_strdup_printf("The guest can have %u devices at a time; %u %s free.", n, n_free,
				n_free == 1 ? "channel is" : "channels are");
	if (!nothing && manager->capture_error) {
		char *both = g_strdup_printf("%s %s", manager->summary, manager->capture_error);

		g_free(manager->summary);
		cache->summary = both;
	}
	return manager->summary;
}

void clove_usb_manager_look(struct clove_usb_manager *manager)
{
	if (manager->capture)
		manager->options.source->look(manager->capture);
}

/* -- what people do -- */

void clove_usb_manager_take(struct clove_usb_manager *manager, uint64_t id)
{
	struct item *item = find(manager, id);

	if (!item || item->is_wanted)
		return;
	item->is_wanted = true;
	pump(manager);
	tell_later(manager);
}

void clove_usb_manager_give_back(struct clove_usb_manager *manager, uint64_t id)
{
	struct item *item = find(manager, id);

	if (item)
		give_back(item);
}

static void add_image(struct clove_usb_manager *manager, const char *path, bool is_writable, bool is_cd)
{
	struct item *item = item_new(manager);
	char *name = g_path_get_basename(path), *shown = g_filename_display_name(path);

	item->path = g_strdup(path);
	item->is_writable = is_writable;
	item->is_cd = is_cd;
	item->is_wanted = true;
	item->name = g_filename_display_name(name);
	item->place = g_strdup_printf("%s, %s", shown, is_writable ? "the guest may write to it" : "read-only");
	g_free(name);
	g_free(shown);
	g_ptr_array_add(manager->items, item);
	tell_later(manager);
}

void clove_usb_manager_add_image(struct clove_usb_manager *manager, const char *path, bool is_writable)
{
	add_image(manager, path, is_writable, false);
}

void clove_usb_manager_remove_image(struct clove_usb_manager *manager, uint64_t id)
{
	struct item *item = find(manager, id);

	if (item && item->path)
		drop(item);
}

void clove_usb_manager_reset(struct clove_usb_manager *manager)
{
	for (guint i = 0; i < manager->items->len; i++) {
		struct item *item = manager->items->pdata[i];

		if (item->state != CLOVE_USB_REDIRECTED)
			continue;
		give_back(item);
		item->is_wanted = true;
	}
}

/* -- birth and death -- */

static void on_settled(void *opaque)
{
	struct clove_usb_manager *manager = opaque;

	manager->is_settled = true;
}

static void start_capture(struct clove_usb_manager *manager)
{
	char *error = NULL;

	if (manager->options.settings->is_usb_disabled)
		return;
	manager->capture = manager->options.source->capture(manager->options.loop, &capture_events, manager, &error);
	if (!manager->capture)
		manager->capture_error = g_strdup_printf("This computer's devices cannot be listed: %s",
				error ? error : "there is not enough memory.");
	free(error);
}

struct clove_usb_manager *clove_usb_manager_new(const struct clove_usb_manager_options *options)
{
	struct clove_usb_manager *manager = g_new0(struct clove_usb_manager, 1);

	manager->options = *options;
	manager->events = options->events;
	manager->items = g_ptr_array_new_with_free_func(item_free);
	manager->ports = g_ptr_array_new_with_free_func(port_free);
	manager->later = clove_timer_add(options->loop, on_later, manager);
	manager->settled = clove_timer_add(options->loop, on_settled, manager);
	if (!manager->later || !manager->settled) {
		clove_usb_manager_free(manager);
		return NULL;
	}
	clove_timer_start(options->loop, manager->settled, options->settles_ms);
	for (unsigned int i = 0; i < options->settings->n_usb_images; i++) {
		const struct clove_usb_image *image = &options->settings->usb_images[i];

		add_image(manager, image->path, image->is_writable, image->is_cd);
	}
	start_capture(manager);
	return manager;
}

void clove_usb_manager_free(struct clove_usb_manager *manager)
{
	if (!manager)
		return;
	g_ptr_array_free(manager->items, TRUE);
	g_ptr_array_free(manager->ports, TRUE);
	manager->options.source->capture_free(manager->capture);
	clove_timer_remove(manager->options.loop, manager->later);
	clove_timer_remove(manager->options.loop, manager->settled);
	g_queue_clear_full(&manager->messages, g_free);
	g_free(manager->capture_error);
	g_free(manager->summary);
	g_free(manager);
}
