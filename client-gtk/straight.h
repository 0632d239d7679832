/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* straight.h - images that are decoded straight onto a surface, several at a time.
 *
 * Most of what a server sends are opaque copies of whole images. They need no picture of their own; and those
 * that follow each other without overlapping may be decoded together, on a pool, as soon as they
 * are there. Each is drawn for all others to see when its message has its turn.
 */
#ifndef CLOVE_CLIENT_GTK_STRAIGHT_H
#define CLOVE_CLIENT_GTK_STRAIGHT_H

#include "client-gtk/image-decode.h"
#include "common/canvas/canvas.h"
#include "common/net/channel.h"
#include "common/util/job-pool.h"

enum { CLOVE_STRAIGHT_READ_AHEAD = 512 << 10 };   /* what a channel should have for a pool to work on */

/* The rows of the surface that a copy becomes; false: it needs the canvas. */
bool clove_straight_rows(const struct clove_canvas *canvas, const struct clove_display_draw_copy *copy,
		struct clove_pixels *rows);

struct clove_straight;

/* NULL without memory. */
struct clove_straight *clove_straight_new(struct clove_job_pool *pool);
/* NULL is fine. */
void clove_straight_free(struct clove_straight *straight);

/* Inside the handler of `copy`, whose surface is `canvas`: its pure image is in its rows. Images of messages
 * behind it may be, too. As clove_image_decode. */
CLOVE_CHECKED enum clove_err clove_straight_decode(struct clove_straight *straight,
		struct clove_channel *channel, const struct clove_canvas *canvas,
		const struct clove_display_draw_copy *copy);

#endif
