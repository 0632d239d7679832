/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-channel.h - one display channel of the viewer: from a linked connection to pixels.
 *
 * Everything happens on the loop's thread. Events come from the loop, never from inside a call of the
 * owner.
 */
#ifndef CLOVE_CLIENT_GTK_DISPLAY_CHANNEL_H
#define CLOVE_CLIENT_GTK_DISPLAY_CHANNEL_H

#include <pixman.h>
#include "client-gtk/opening.h"
#include "client-gtk/image-decode.h"
#include "client-gtk/pictures.h"
#include "client-gtk/streams.h"
#include "common/codec/pixels.h"
#include "common/protocol/messages.h"

struct clove_display_channel;

struct clove_display_counts {
	uint64_t bytes_in, bytes_out;
	uint64_t messages;        /* from the server */
	uint64_t drawings;        /* drawing messages that were drawn */
	uint64_t skipped;         /* drawing messages that could not be */
	uint64_t frames;          /* turns of the loop in which pixels changed: calls of `changed` */
	uint64_t images;          /* decoded */
	uint64_t by_kind[CLOVE_KINDS]; /* images that were drawn */
	int32_t width, height;    /* of the primary */
	uint64_t at_us;           /* when this was so */
	uint64_t decode_us, draw_us;
	struct clove_streams_counts video;
};

/* Any may be NULL. The channel may be freed inside `closed` alone. */
struct clove_display_events {
	/* A primary surface came: all black, and nothing of it is reported as changed before it is drawn
	 * on. At once, from the message: clove_display_channel_picture() is it from here on. */
	void (*primary_came)(void *opaque, int32_t width, int32_t height);
	/* It goes: its pixels are there until this returns. A mode change is primary_went, primary_came
	 * in one turn of the loop as a rule: who wants to go on showing the last picture copies it. */
	void (*primary_went)(void *opaque);
	/* Pixels of the primary changed; `region` lies inside it, and dies with the call. Once a turn of
	 * the loop, after all messages of the turn, and once more before primary_went and closed. */
	void (*changed)(void *opaque, const pixman_region32_t *region);
	/* The primary is worth showing (MARK). Follows the `changed` that it belongs to; once per
	 * primary_came. The pixels of `--screenshot` are those from here on. */
	void (*marked)(void *opaque);
	/* Where the heads lie on the surfaces; dies with the call. Without the server's capability it never
	 * comes: the primary is then the one head. Empty lists are not told. */
	void (*monitors)(void *opaque, const struct clove_display_monitors_config *config);
	/* The connection is over; CLOVE_ERR_CLOSED is an orderly end. The last event. The channel and its
	 * picture stay until the owner frees it, here or later. */
	void (*closed)(void *opaque, enum clove_err err);
};

struct clove_display_options {
	struct clove_loop *loop;
	struct clove_pictures *pictures;             /* borrowed: outlives the channel */
	uint8_t id;
	uint8_t preferred_compression;               /* CLOVE_IMAGE_COMPRESSION_...; 0: the server's own */
	const struct clove_display_events *events;   /* static: lives as long as the channel */
	void *opaque;
};

/* What the link should ask for (struct clove_link_info's channel capabilities). */
struct clove_caps clove_display_channel_caps(void);

/* Takes the stream and the early bytes out of `opened` (also on failure) and says DISPLAY_INIT.
 * NULL without memory. */
struct clove_display_channel *clove_display_channel_new(const struct clove_display_options *options,
		struct clove_opened *opened);
/* NULL is fine. No events. */
void clove_display_channel_free(struct clove_display_channel *display);

/* The primary's pixels, borrowed until primary_went: format RGB32 (blue first; the fourth byte means
 * nothing), top row first. False, and all zeroes, without a primary. For a 16-bit primary they are
 * what the last `changed` told. */
bool clove_display_channel_picture(const struct clove_display_channel *display,
		struct clove_pixels *picture);
/* MARK came for the primary that is there. */
bool clove_display_channel_is_marked(const struct clove_display_channel *display);

void clove_display_channel_count(const struct clove_display_channel *display,
		struct clove_display_counts *counts);

/* No message is handled while it is held. */
void clove_display_channel_hold(struct clove_display_channel *display, bool is_held);

/* Sends nothing more and closes; `closed` follows from the loop, with this error. */
void clove_display_channel_close(struct clove_display_channel *display, enum clove_err err);

#endif
