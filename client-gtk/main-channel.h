/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main-channel.h - the viewer's main channel: the session's number, its channels, the mouse mode.
 *
 * Everything happens on the loop's thread. Events come from the loop, never from inside a call of the
 * owner.
 */
#ifndef CLOVE_CLIENT_GTK_MAIN_CHANNEL_H
#define CLOVE_CLIENT_GTK_MAIN_CHANNEL_H

#include "client-gtk/opening.h"
#include "common/protocol/enums.h"
#include "common/protocol/messages.h"

struct clove_main;

/* Any may be NULL. The channel may be freed inside `closed` alone. */
struct clove_main_events {
	/* The session has begun; once. The channels are asked for by then. */
	void (*init)(void *opaque, const struct clove_main_init *init);
	/* Channels that may be linked; again for each that comes later. Dies with the call. */
	void (*channels)(void *opaque, const struct clove_main_channels_list *list);
	/* At the beginning, and when it changes. Client mode is asked for whenever it is offered. */
	void (*mouse_mode)(void *opaque, enum clove_mouse_mode mode);
	/* The server's multimedia time now: after `init`, and when the server corrects it. */
	void (*mm_time)(void *opaque, uint32_t mm_time);
	/* The guest's: valid UTF-8 of one line and a sane length. */
	void (*name)(void *opaque, const char *name);
	/* The connection is over. The last event; the channel stays until the owner frees it. */
	void (*closed)(void *opaque, enum clove_err err);
};

/* What the link should ask for. */
struct clove_caps clove_main_channel_caps(void);

/* Takes the stream and the early bytes out of `opened` (also on failure). NULL without memory. */
struct clove_main *clove_main_channel_new(struct clove_loop *loop,
		const struct clove_main_events *events, void *opaque, struct clove_opened *opened);
/* NULL is fine. No events. */
void clove_main_channel_free(struct clove_main *main);

/* Since the beginning; either may be NULL. */
void clove_main_channel_count(const struct clove_main *main, uint64_t *in, uint64_t *out);

#endif
