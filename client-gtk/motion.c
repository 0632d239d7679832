/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* motion.c - adds up relative motion, keeps the last position, and counts acknowledgements. */
#include "client-gtk/motion.h"

static int32_t add(int32_t a, int32_t b)
{
	int64_t sum = (int64_t)a + b;

	return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int32_t)sum;
}

void clove_motion_by(struct clove_motion *motion, int32_t dx, int32_t dy)
{
	motion->dx = add(motion->dx, dx);
	motion->dy = add(motion->dy, dy);
	motion->has_motion = true;
	motion->has_position = false; /* of another mouse mode */
}

void clove_motion_to(struct clove_motion *motion, uint32_t x, uint32_t y)
{
	motion->x = x;
	motion->y = y;
	motion->has_position = true;
	motion->has_motion = false;
	motion->dx = motion->dy = 0;
}

bool clove_motion_take(struct clove_motion *motion, bool is_press, struct clove_motion *out)
{
	if (!motion->has_motion && !motion->has_position)
		return false;
	if (motion->unacked >= CLOVE_MOTION_WINDOW && !is_press)
		return false;
	*out = *motion;
	motion->unacked++;
	motion->dx = motion->dy = 0;
	motion->has_motion = motion->has_position = false;
	return true;
}

void clove_motion_acked(struct clove_motion *motion)
{
	motion->unacked -= motion->unacked < CLOVE_MOTION_BUNCH ? motion->unacked : CLOVE_MOTION_BUNCH;
}
