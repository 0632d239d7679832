/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display.h - a display channel as its owner sees it, who lives on another thread than it does.
 *
 * The channel draws on surfaces of its own. The owner has a copy of the primary, into which come the
 * pixels that changed: one letter at a time, so that an owner who is slow gets the newest pixels and not a
 * queue. All calls and events are the owner's thread's; the events' rules are display-channel.h's, but
 * their loop is the owner's, and the display may not be freed inside any of them.
 */
#ifndef CLOVE_CLIENT_GTK_DISPLAY_H
#define CLOVE_CLIENT_GTK_DISPLAY_H

#include "client-gtk/display-channel.h"
#include "client-gtk/display-thread.h"

struct clove_display;

struct clove_display_place {
	struct clove_display_thread *thread;         /* outlives the display */
	struct clove_loop *loop;                     /* the owner's */
	uint8_t id;
	uint8_t preferred_compression;
	const struct clove_display_events *events;   /* static: lives as long as the display */
	void *opaque;
};

/* Takes the stream and the early bytes out of `opened` (also on failure). NULL without memory. */
struct clove_display *clove_display_new(const struct clove_display_place *place, struct clove_opened *opened);
/* Waits for the message at work at most. NULL is fine. No events. */
void clove_display_free(struct clove_display *display);

/* The primary's pixels as they were told last: RGB32, top row first, borrowed until primary_went.
 * False, and all zeroes, without a primary. */
bool clove_display_picture(const struct clove_display *display, struct clove_pixels *picture);
bool clove_display_is_marked(const struct clove_display *display);

/* As they were at the last change, or when this was called last: asks for newer ones. */
void clove_display_count(struct clove_display *display, struct clove_display_counts *counts);

#endif
