/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-channel.h - one cursor channel of the viewer: from a linked connection to pointer shapes.
 *
 * Everything happens on the loop's thread. Events come from the loop, never from inside a call of the
 * owner.
 */
#ifndef CLOVE_CLIENT_GTK_CURSOR_CHANNEL_H
#define CLOVE_CLIENT_GTK_CURSOR_CHANNEL_H

#include "client-gtk/opening.h"

struct clove_cursor_channel;

/* A pointer as ARGB: B G R A, premultiplied, top row first, rows without padding. Pixels that invert the
 * screen are black inside a white outline: no desktop can show them. */
struct clove_cursor_shape {
	const uint8_t *pixels;    /* borrowed for the call */
	int32_t width, height;    /* at least 1 */
	int32_t hot_x, hot_y;     /* inside the shape */
};

/* Any may be NULL. The channel may be freed inside `closed` alone. */
struct clove_cursor_events {
	/* The guest's pointer looks like this; NULL: the guest has a pointer of no shape (show none). */
	void (*shape)(void *opaque, const struct clove_cursor_shape *shape);
	/* Where it is, in pixels of the surface (server mouse mode). */
	void (*moved)(void *opaque, int32_t x, int32_t y);
	/* HIDE, or a SET or INIT that is not visible: false. A MOVE shows it again. */
	void (*visible)(void *opaque, bool is_visible);
	/* Nothing is known of the guest's pointer, or no longer: show the desktop's own. */
	void (*reset)(void *opaque);
	/* The connection is over. The last event; the channel stays until the owner frees it. */
	void (*closed)(void *opaque, enum clove_err err);
};

struct clove_cursor_options {
	struct clove_loop *loop;
	uint8_t id;
	const struct clove_cursor_events *events;    /* static: lives as long as the channel */
	void *opaque;
};

/* What the link should ask for. */
struct clove_caps clove_cursor_channel_caps(void);

/* Takes the stream and the early bytes out of `opened` (also on failure). NULL without memory. */
struct clove_cursor_channel *clove_cursor_channel_new(const struct clove_cursor_options *options,
		struct clove_opened *opened);
/* NULL is fine. No events. */
void clove_cursor_channel_free(struct clove_cursor_channel *cursor);

void clove_cursor_channel_close(struct clove_cursor_channel *cursor, enum clove_err err);

#endif
