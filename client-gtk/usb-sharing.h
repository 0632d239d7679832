/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-sharing.h - USB of one run: joins the session's channels, this computer's devices and the dialog. */
#ifndef CLOVE_CLIENT_GTK_USB_SHARING_H
#define CLOVE_CLIENT_GTK_USB_SHARING_H

#include <gtk/gtk.h>
#include "client-gtk/session.h"

struct clove_usb_sharing;

/* None may be NULL. */
struct clove_usb_sharing_events {
	bool (*has_focus)(void *opaque);
	/* While the dialog is not there to say it. */
	void (*message)(void *opaque, const char *text);
};

/* What is given lives as long. NULL without memory. */
struct clove_usb_sharing *clove_usb_sharing_new(struct clove_loop *loop, const struct clove_settings *settings,
		const struct clove_usb_sharing_events *events, void *opaque);
/* After the session. Takes NULL. */
void clove_usb_sharing_free(struct clove_usb_sharing *sharing);

/* A session began; or it is over, with all its channels. */
void clove_usb_sharing_connected(struct clove_usb_sharing *sharing, bool is_connected);
/* As of struct clove_session_events. */
void clove_usb_sharing_came(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel);
void clove_usb_sharing_device_left(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *why);
void clove_usb_sharing_filter(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *rules);
void clove_usb_sharing_went(struct clove_usb_sharing *sharing, struct clove_usbredir_channel *channel,
		const char *why);

void clove_usb_sharing_show(struct clove_usb_sharing *sharing, GtkWindow *parent);
/* For the guest each device is unplugged and plugged in again. */
void clove_usb_sharing_reset(struct clove_usb_sharing *sharing);

#endif
