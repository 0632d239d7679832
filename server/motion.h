/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* motion.h - finds in new pixels what was there before and only moved: scrolled text, a dragged window.
 *
 * Only a guess about where it pays to look: whoever moves the old pixels then compares with the new.
 */
#ifndef CLOVE_SERVER_MOTION_H
#define CLOVE_SERVER_MOTION_H

#include <pixman.h>
#include "common/codec/pixels.h"

/* What was learned from earlier pictures; zeroed at first. */
struct clove_motion {
	int32_t dx, dy;             /* the last way that was found */
	unsigned int misses, skips; /* in a row: a film or photographs are soon left alone */
};

/* `was` and `now`: 32 bits a pixel, of one size. True: the pixels of `box` in `now` are mostly those of
 * `was` at (x - dx, y - dy), all of which lie within it. */
bool clove_motion_find(struct clove_motion *motion, const struct clove_pixels *was,
		const struct clove_pixels *now, pixman_box32_t *box, int32_t *dx, int32_t *dy);

#endif
