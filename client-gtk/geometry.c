/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* geometry.c - when a picture is stretched, by how much, and when a pixel short is left alone. */
#include "client-gtk/geometry.h"

enum { SIZE_MAX_PIXELS = 32767 };

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
	return v < low ? low : v > high ? high : v;
}

void clove_geometry_set(struct clove_geometry *geometry, int32_t widget_w, int32_t widget_h,
		int32_t guest_w, int32_t guest_h, bool is_scaled)
{
	struct clove_geometry *g = geometry;

	widget_w = clamp(widget_w, 1, SIZE_MAX_PIXELS);
	widget_h = clamp(widget_h, 1, SIZE_MAX_PIXELS);
	g->guest_w = clamp(guest_w, 1, SIZE_MAX_PIXELS);
	g->guest_h = clamp(guest_h, 1, SIZE_MAX_PIXELS);
	if (!is_scaled) {
		g->w = g->guest_w;
		g->h = g->guest_h;
	} else if ((int64_t)widget_w * g->guest_h <= (int64_t)widget_h * g->guest_w) {
		g->w = widget_w;
		g->h = (int32_t)(((int64_t)widget_w * g->guest_h * 2 / g->guest_w + 1) / 2);
	} else {
		g->w = (int32_t)(((int64_t)widget_h * g->guest_w * 2 / g->guest_h + 1) / 2);
		g->h = widget_h;
	}
	/* a widget a pixel off would blur the whole picture for nothing */
	if (g->w >= g->guest_w - 1 && g->w <= g->guest_w + 1 && g->h >= g->guest_h - 1 &&
			g->h <= g->guest_h + 1) {
		g->w = g->guest_w;
		g->h = g->guest_h;
	}
	if (g->w < 1)
		g->w = 1;
	if (g->h < 1)
		g->h = 1;
	g->x = widget_w > g->w ? (widget_w - g->w) / 2 : 0;
	g->y = widget_h > g->h ? (widget_h - g->h) / 2 : 0;
	g->is_sharp = g->w % g->guest_w == 0 && g->h % g->guest_h == 0;
}

static int32_t scale_point(double at, int32_t shown, int32_t guest)
{
	if (shown <= 1)
		return 0;
	return clamp((int32_t)(at * (guest - 1) / (shown - 1)), 0, guest - 1);
}

bool clove_geometry_to_guest(const struct clove_geometry *geometry, double x, double y,
		int32_t *guest_x, int32_t *guest_y)
{
	const struct clove_geometry *g = geometry;

	x -= g->x;
	y -= g->y;
	if (!(x >= 0 && y >= 0 && x < g->w && y < g->h))
		return false;
	*guest_x = scale_point((int32_t)x, g->w, g->guest_w);
	*guest_y = scale_point((int32_t)y, g->h, g->guest_h);
	return true;
}

void clove_geometry_to_widget(const struct clove_geometry *geometry, int32_t left, int32_t top,
		int32_t right, int32_t bottom, int32_t area[4])
{
	const struct clove_geometry *g = geometry;
	int32_t more = g->is_sharp ? 0 : 1; /* a smoothed pixel bleeds into its neighbours */

	left = clamp(left - more, 0, g->guest_w);
	top = clamp(top - more, 0, g->guest_h);
	right = clamp(right + more, left, g->guest_w);
	bottom = clamp(bottom + more, top, g->guest_h);
	area[0] = g->x + (int32_t)((int64_t)left * g->w / g->guest_w);
	area[1] = g->y + (int32_t)((int64_t)top * g->h / g->guest_h);
	area[2] = g->x + (int32_t)(((int64_t)right * g->w + g->guest_w - 1) / g->guest_w) - area[0];
	area[3] = g->y + (int32_t)(((int64_t)bottom * g->h + g->guest_h - 1) / g->guest_h) - area[1];
}
