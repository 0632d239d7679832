/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-sharing.c - which functions stand behind the manager's two vtables when it is no test. */
#include "client-gtk/usb-sharing.h"

#include "client-gtk/usb-dialog.h"

enum { SETTLES_MS = 1500 };

struct clove_usb_sharing {
	struct clove_usb_manager *manager;
	struct clove_usb_dialog *dialog;     /* NULL: not open */
	const struct clove_usb_sharing_events *events;
	void *opaque;
};

static const struct clove_usb_source source = {
	.capture = clove_capture_new,
	.capture_free = clove_capture_free,
	.look = clove_capture_look,
	.open = clove_capture_open,
	.forget = clove_capture_forget,
	.ask = clove_permission_ask,
	.ask_free = clove_permission_free,
	.image = clove_usb_storage_new,
};

static enum clove_err plug(void *channel, struct clove_usb_device *take_device)
{
	return clove_usbredir_channel_plug(channel, take_device);
}

static void unplug(void *channel)
{
	clove_usbredir_channel_unplug(channel);
}

static const struct clove_usb_port_ops ports = { .plug = plug, .unplug = unplug };

static void on_changed(void *opaque)
{
	struct clove_usb_sharing *sharing = opaque;

	if (sharing->dialog)
		clove_usb_dialog_refresh(sharing->dialog);
}

static void on_message(void *opaque, const char *text)
{
	struct clove_usb_sharing *sharing = opaque;

	if (sharing->dialog)
		clove_usb_dialog_message(sharing->dialog, text);
	else
		sharing->events->message(sharing->opaque, text);
}

static bool has_focus(void *opaque)
{
	struct clove_usb_sharing *sharing = opaque;

	return sharing->events->has_focus(sharing->opaque);
}

static const struct clove_usb_manager_events manager_events = {
	.changed = on_changed,
	.message = on_message,
	.has_focus = has_focus,
};

struct clove_usb_sharing *clove_usb_sharing_new(struct clove_loop *loop, const struct clove_settings *settings,
		const struct clove_usb_sharing_events *events, void *opaque)
{
	struct clove_usb_sharing *sharing = g_new0(struct clove_usb_sharing, 1);
	struct clove_usb_manager_options options = {
		.loop = loop, .settings = settings, .source = &source, .ports = &ports,
		.events = &manager_events, .opaque = sharing,
		.settles_ms = SETTLES_MS,
	};

	sharing->events = events;
	sharing->opaque = opaque;
	sharing->manager = clove_usb_manager_new(&options);
	if (!sharing->manager)
		g_clear_pointer(&sharing, g_free);
	return sharing;
}

void clove_usb_sharing_free(struct clove_usb_sharing *sharing)
{
	if (!sharing)
		return;
	clove_usb_dialog_free(sharing->dialog);
	clove_usb_manager_free(sharing->manager);
	g_free(sharing);
}

void clove_usb_sharing_connected(struct clove_usb_sharing *sharing, bool is_connected)
{
	clove_usb_manager_connected(sharing->manager, is_connected);
}

void clove_usb_sharing_came(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel)
{
	clove_usb_manager_channel_came(sharing->manager, channel);
}

void clove_usb_sharing_device_left(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *why)
{
	clove_usb_manager_device_left(sharing->manager, channel, why);
}

void clove_usb_sharing_filter(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *rules)
{
	clove_usb_manager_filter(sharing->manager, channel, rules);
}

void clove_usb_sharing_went(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *why)
{
	clove_usb_manager_channel_went(sharing->manager, channel, why);
}

static void dialog_closed(void *opaque)
{
	struct clove_usb_sharing *sharing = opaque;

	clove_usb_dialog_free(sharing->dialog);
	sharing->dialog = NULL;
}

void clove_usb_sharing_show(struct clove_usb_sharing *sharing, GtkWindow *parent)
{
	if (!sharing->dialog)
		sharing->dialog = clove_usb_dialog_new(parent, sharing->manager, dialog_closed, sharing);
	clove_usb_dialog_present(sharing->dialog);
}

void clove_usb_sharing_reset(struct clove_usb_sharing *sharing)
{
	clove_usb_manager_reset(sharing->manager);
}
