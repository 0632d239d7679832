/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* motion.h - how much pointer motion may be on its way, and what becomes of the rest. */
#ifndef CLOVE_CLIENT_GTK_MOTION_H
#define CLOVE_CLIENT_GTK_MOTION_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CLOVE_MOTION_BUNCH = 4,   /* what one MOTION_ACK stands for */
	CLOVE_MOTION_WINDOW = 8,  /* messages that may be unacknowledged */
};

/* All zeroes: nothing moved, nothing on its way. */
struct clove_motion {
	int32_t dx, dy;           /* server mode: the sum of what waits */
	uint32_t x, y;            /* client mode: the last position */
	bool has_motion, has_position;
	unsigned int unacked;
};

void clove_motion_by(struct clove_motion *motion, int32_t dx, int32_t dy);
void clove_motion_to(struct clove_motion *motion, uint32_t x, uint32_t y);

/* True if what waits is to be sent now; it then counts as sent and is in *out. `is_press` sends it
 * past the window too: a button must not overtake the motion before it. */
bool clove_motion_take(struct clove_motion *motion, bool is_press, struct clove_motion *out);

void clove_motion_acked(struct clove_motion *motion);

#endif
