/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbredir-channel.h - one USB channel of a session: the place in the guest where one device can be.
 *
 * Everything happens on the loop's thread.
 */
#ifndef CLOVE_CLIENT_GTK_USBREDIR_CHANNEL_H
#define CLOVE_CLIENT_GTK_USBREDIR_CHANNEL_H

#include <stdbool.h>
#include "client-gtk/opening.h"
#include "usb/device.h"

struct clove_usbredir_channel;

/* None may be NULL. The channel may be freed inside `closed` alone. */
struct clove_usbredir_channel_events {
	/* The device is the channel's no more, and freed; `why` is a sentence, "" if it was asked for.
	 * Perhaps from inside unplug. */
	void (*device_left)(void *opaque, const char *why);
	/* Which devices the guest's side takes, as rules; NULL: it refuses the one that is there. */
	void (*filter)(void *opaque, const char *rules);
	/* The channel is over: what the peer said made no sense (`why` is a sentence), or the connection ended
	 * (NULL). The last event, from the loop; a device that is still there goes when the owner frees the channel. */
	void (*closed)(void *opaque, enum clove_err err, const char *why);
};

struct clove_usbredir_channel_options {
	struct clove_loop *loop;
	uint8_t id;
	const struct clove_usbredir_channel_events *events;
	void *opaque;
};

/* What the link should ask for. */
struct clove_caps clove_usbredir_channel_caps(void);

/* Takes the stream and the early bytes out of `opened` (also on failure). NULL without memory. */
struct clove_usbredir_channel *clove_usbredir_channel_new(const struct clove_usbredir_channel_options *options,
		struct clove_opened *opened);
/* NULL is fine. No events. */
void clove_usbredir_channel_free(struct clove_usbredir_channel *channel);

uint8_t clove_usbredir_channel_id(const struct clove_usbredir_channel *channel);

/* As of a struct clove_usb_host. */
CLOVE_CHECKED enum clove_err clove_usbredir_channel_plug(struct clove_usbredir_channel *channel,
		struct clove_usb_device *take_device);
void clove_usbredir_channel_unplug(struct clove_usbredir_channel *channel);

/* Since the beginning; either may be NULL. */
void clove_usbredir_channel_count(const struct clove_usbredir_channel *channel, uint64_t *in,
		uint64_t *out);

#endif
