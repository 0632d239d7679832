/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-manager.h - which of this computer's USB devices and images the guest has, should have, or cannot have.
 *
 * Knows no GTK. What a person or a rule wants is kept apart from what is: a device that is wanted is taken as soon
 * as a channel is free for it, and again after the connection was lost. Events come from the loop, never from
 * inside a call of the owner.
 */
#ifndef CLOVE_CLIENT_GTK_USB_MANAGER_H
#define CLOVE_CLIENT_GTK_USB_MANAGER_H

#include <stdbool.h>
#include "client-gtk/settings.h"
#include "usb/software.h"
#include "usbredir/capture.h"
#include "usbredir/permission.h"

struct clove_usb_manager;

enum clove_usb_state {
	CLOVE_USB_FREE,           /* it can be taken */
	CLOVE_USB_REFUSED,        /* it cannot; the text says why and what to do */
	CLOVE_USB_CLAIMING,       /* being opened, or permission is asked for */
	CLOVE_USB_WAITING,        /* wanted, and taken when there is a channel for it */
	CLOVE_USB_REDIRECTED,
	CLOVE_USB_LEAVING,        /* on its way back */
};

/* For showing; strings live until the loop turns. */
struct clove_usb_item {
	uint64_t id;
	const char *name;         /* "Kingston DataTraveler", "disk.img" */
	const char *place;        /* "0951:1666, bus 3, device 7"; an image's path and whether it may be written */
	enum clove_usb_state state;
	const char *text;         /* one or two sentences, or "" */
	bool is_trouble;          /* the text is of something that went wrong, or is in the way */
	bool is_image, is_writable;
};

/* None may be NULL. */
struct clove_usb_manager_events {
	/* Items came, went, or are not what they were. */
	void (*changed)(void *opaque);
	/* What people should hear of, though they look elsewhere. */
	void (*message)(void *opaque, const char *text);
	/* The guest's screen has the keyboard: only then what is plugged in belongs to the guest. */
	bool (*has_focus)(void *opaque);
};

/* Where devices come from (a test is another computer). */
struct clove_usb_source {
	struct clove_capture *(*capture)(struct clove_loop *loop, const struct clove_capture_events *events,
			void *owner, char **error);
	void (*capture_free)(struct clove_capture *capture);
	void (*look)(struct clove_capture *capture);
	void (*open)(struct clove_capture *capture, uint64_t id, int take_fd, clove_capture_opened_fn opened,
			void *opaque);
	void (*forget)(struct clove_capture *capture, void *opaque);
	struct clove_permission *(*ask)(struct clove_loop *loop, uint8_t bus, uint8_t address,
			clove_permission_fn answer, void *opaque);
	void (*ask_free)(struct clove_permission *permission);
	struct clove_usb_device *(*image)(const struct clove_usb_storage_options *options, char **error);
};

/* Where devices go to: what a channel can do. */
struct clove_usb_port_ops {
	enum clove_err (*plug)(void *channel, struct clove_usb_device *take_device);
	void (*unplug)(void *channel);
};

struct clove_usb_manager_options {
	struct clove_loop *loop;
	const struct clove_settings *settings;    /* its usb_... */
	const struct clove_usb_source *source;
	const struct clove_usb_port_ops *ports;
	const struct clove_usb_manager_events *events;
	void *opaque;
	uint32_t settles_ms;      /* what the capture tells of by then was there before; later, it was plugged in */
};

/* What is given lives as long as the manager. The settings' images are wanted from the start. NULL without memory. */
struct clove_usb_manager *clove_usb_manager_new(const struct clove_usb_manager_options *options);
/* After its channels are gone. Takes NULL. */
void clove_usb_manager_free(struct clove_usb_manager *manager);

/* A session began, or ended; channels are told of one by one, and a channel's device goes with it. */
void clove_usb_manager_connected(struct clove_usb_manager *manager, bool is_connected);
void clove_usb_manager_channel_came(struct clove_usb_manager *manager, void *channel);
/* `why`: the channel is no good for this device; NULL: the connection ended, or the server took it away. */
void clove_usb_manager_channel_went(struct clove_usb_manager *manager, void *channel, const char *why);
/* As of struct clove_usbredir_channel_events. */
void clove_usb_manager_device_left(struct clove_usb_manager *manager, void *channel, const char *why);
void clove_usb_manager_filter(struct clove_usb_manager *manager, void *channel, const char *rules);

/* What is there: local devices first, then images. False past the end. */
bool clove_usb_manager_item(const struct clove_usb_manager *manager, unsigned int n, struct clove_usb_item *item);
/* "2 of 4 channels are free", or why nothing can be redirected at all. */
const char *clove_usb_manager_summary(const struct clove_usb_manager *manager, bool *is_possible);

/* People look now: who uses the devices changes without a plug. */
void clove_usb_manager_look(struct clove_usb_manager *manager);

/* What people do. An id that is gone is nothing to them. */
void clove_usb_manager_take(struct clove_usb_manager *manager, uint64_t id);
/* Gives back, or cancels. */
void clove_usb_manager_give_back(struct clove_usb_manager *manager, uint64_t id);
void clove_usb_manager_add_image(struct clove_usb_manager *manager, const char *path, bool is_writable);
/* Takes an image off the list. */
void clove_usb_manager_remove_image(struct clove_usb_manager *manager, uint64_t id);
/* For the guest each device is unplugged, and plugged in again. */
void clove_usb_manager_reset(struct clove_usb_manager *manager);

#endif
