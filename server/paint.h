/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* paint.h - a guest's drawing done on a surface, and told to those who watch it in the cheapest true words. */
#ifndef CLOVE_SERVER_PAINT_H
#define CLOVE_SERVER_PAINT_H

#include "server/drawable.h"
#include "server/motion.h"

/* What became of a surface, in order. What is `copied` or `filled` is right at that moment; what follows
 * is told on top of it. */
struct clove_paint_watch {
	void (*changed)(void *opaque, const pixman_region32_t *region);
	/* Onto `box` from (x - dx, y - dy), all within the surface. */
	void (*copied)(void *opaque, const pixman_box32_t *box, int32_t dx, int32_t dy);
	/* `box` has one colour now; `changed` of it had another. */
	void (*filled)(void *opaque, const pixman_box32_t *box, uint32_t color,
			const pixman_region32_t *changed);
	/* `box` was drawn and may have changed anywhere: of a video not every picture is compared. */
	void (*renewed)(void *opaque, const pixman_box32_t *box);
};

enum { CLOVE_PAINT_SIZES = 40 };

/* What painting remembers of a screen; zeroed at first. */
struct clove_paint {
	struct clove_motion motions[CLOVE_PAINT_SIZES]; /* by the logarithm of the area */
	pixman_region32_t *videos;    /* where what changes is most likely all new; NULL: nowhere */
	uint64_t compared_ms;         /* when a picture of a video was compared last */
};

/* Draws, as clove_drawable_draw does. With `watch` the surface is compared with what was there. */
CLOVE_CHECKED enum clove_err clove_paint_draw(struct clove_paint *paint,
		const struct clove_qxl_drawable *drawable, const struct clove_surfaces *surfaces,
		const struct clove_paint_watch *watch, void *opaque);

#endif
