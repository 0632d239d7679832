/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scroll.c - knows how the rows of a surface lie that scrolls again and again, and need not be moved for it. */
#include "server/surface.h"

#include <stddef.h>
#include <string.h>

enum { COLUMN = 4096 };               /* bytes of a row that are turned back at a time */

static int32_t height_of(const struct clove_scroll *scroll)
{
	return scroll->box.y2 - scroll->box.y1;
}

/* Where row y of the box lies. */
static uint8_t *row_at(const struct clove_surface *surface, int32_t y)
{
	const struct clove_scroll *scroll = &surface->scroll;
	int32_t at = (int32_t)(((int64_t)y - scroll->box.y1 + scroll->turned) % height_of(scroll));

	return clove_surface_row(surface, scroll->box.y1 + at) + (size_t)scroll->box.x1 * surface->bytes_per_pixel;
}

static size_t width_of(const struct clove_surface *surface)
{
	return (size_t)(surface->scroll.box.x2 - surface->scroll.box.x1) * surface->bytes_per_pixel;
}

bool clove_scroll_again(struct clove_surface *surface, const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	struct clove_scroll *scroll = &surface->scroll;
	int32_t height = box->y2 - box->y1, step = dy < 0 ? -dy : dy;
	bool is_again = !dx && dy && dy == scroll->dy && !memcmp(box, &scroll->box, sizeof *box);

	if (!is_again || step > height / 2) {
		clove_surface_settle(surface, NULL);
		scroll->box = *box;
		scroll->dy = dx ? 0 : dy;
		return false;
	}
	/* Each row is now a step nearer; those that come in lie beside the box, in their own place. */
	scroll->turned = (scroll->turned + (dy < 0 ? step : height - step)) % height;

	int32_t first = dy < 0 ? box->y2 - step : box->y1;

	for (int32_t y = first; y < first + step; y++)
		memcpy(row_at(surface, y), clove_surface_row(surface, y - dy) +
				(size_t)box->x1 * surface->bytes_per_pixel, width_of(surface));
	return true;
}

static int32_t common_divisor(int32_t a, int32_t b)
{
	while (b) {
		int32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Each row goes where it belongs, and the one that lies there is next: as many rounds as the divisor. */
static void turn_back(struct clove_surface *surface)
{
	struct clove_scroll *scroll = &surface->scroll;
	int32_t height = height_of(scroll), rounds = common_divisor(height, scroll->turned);
	uint8_t *top = clove_surface_row(surface, scroll->box.y1) + (size_t)scroll->box.x1 * surface->bytes_per_pixel;
	uint8_t kept[COLUMN];

	for (size_t x = 0, all = width_of(surface); x < all; x += COLUMN) {
		size_t n = all - x < COLUMN ? all - x : COLUMN;

		for (int32_t first = 0; first < rounds; first++) {
			int32_t to = first, from = (first + scroll->turned) % height;

			memcpy(kept, top + (size_t)to * surface->stride + x, n);
			for (; from != first; to = from, from = (from + scroll->turned) % height)
				memcpy(top + (size_t)to * surface->stride + x, top + (size_t)from * surface->stride + x, n);
			memcpy(top + (size_t)to * surface->stride + x, kept, n);
		}
	}
}

static bool touches(const struct clove_scroll *scroll, const pixman_box32_t *area)
{
	return area->x1 < scroll->box.x2 && area->x2 > scroll->box.x1 && area->y1 < scroll->box.y2 &&
			area->y2 > scroll->box.y1;
}

bool clove_surface_is_settled(const struct clove_surface *surface, const pixman_box32_t *area)
{
	return !surface->scroll.turned || !touches(&surface->scroll, area);
}

void clove_surface_settle(struct clove_surface *surface, const pixman_box32_t *area)
{
	struct clove_scroll *scroll = &surface->scroll;

	if (!scroll->dy || (area && !touches(scroll, area)))
		return;
	if (scroll->turned)
		turn_back(surface);
	scroll->turned = 0;
	scroll->dy = 0;
}
