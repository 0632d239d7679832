/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* paint.c - knows which drawings are fills and copies, and which pixels only moved. */
#include "server/paint.h"

#include "common/protocol/enums.h"
#include "common/util/loop.h"

enum { COMPARE_MS = 100 };            /* often enough to see what of a video stands still, and its end */

/* The one rectangle that is drawn, within the surface; false if there are more, or a mask. */
static bool one_box(const struct clove_qxl_drawable *d, const struct clove_surface *target,
		pixman_box32_t *box)
{
	*box = d->box;
	if (d->mask.bitmap.kind != CLOVE_QXL_NO_IMAGE || box->x2 > target->width || box->y2 > target->height)
		return false;
	if (d->has_clip) {
		if (pixman_region32_n_rects((pixman_region32_t *)(uintptr_t)&d->clip) != 1)
			return false;

		const pixman_box32_t *clip = pixman_region32_extents((pixman_region32_t *)(uintptr_t)&d->clip);

		box->x1 = clip->x1 > box->x1 ? clip->x1 : box->x1;
		box->y1 = clip->y1 > box->y1 ? clip->y1 : box->y1;
		box->x2 = clip->x2 < box->x2 ? clip->x2 : box->x2;
		box->y2 = clip->y2 < box->y2 ? clip->y2 : box->y2;
	}
	return box->x1 < box->x2 && box->y1 < box->y2;
}

static bool is_fill(const struct clove_qxl_drawable *d)
{
	if (d->type == CLOVE_QXL_DRAW_BLACKNESS || d->type == CLOVE_QXL_DRAW_WHITENESS)
		return true;
	return d->type == CLOVE_QXL_DRAW_FILL && d->brush.type == CLOVE_BRUSH_SOLID &&
			d->rop == CLOVE_ROP_PUT;
}

static bool is_copy_within(const struct clove_qxl_drawable *d, const struct clove_surface *target,
		const pixman_box32_t *box, int32_t *dx, int32_t *dy)
{
	int64_t x = (int64_t)d->box.x1 - d->src_x, y = (int64_t)d->box.y1 - d->src_y;

	if (d->type != CLOVE_QXL_DRAW_COPY_BITS || !target->bytes_per_pixel || box->x1 - x < 0 || box->y1 - y < 0 ||
			box->x2 - x > target->width || box->y2 - y > target->height)
		return false;
	*dx = (int32_t)x;
	*dy = (int32_t)y;
	return true;
}

/* New pixels as they will lie on `box` of the surface. */
static bool new_pixels(const struct clove_qxl_drawable *d, const struct clove_surface *target,
		const pixman_box32_t *box, struct clove_pixels *pixels)
{
	const struct clove_pixels *from = &d->src.pixels;
	int64_t x = (int64_t)d->src_area.x1 + box->x1 - d->box.x1;
	int64_t y = (int64_t)d->src_area.y1 + box->y1 - d->box.y1;
	int32_t width = box->x2 - box->x1, height = box->y2 - box->y1;

	if (d->type != CLOVE_QXL_DRAW_COPY || d->src.kind != CLOVE_QXL_PIXELS ||
			d->rop != CLOVE_ROP_PUT || target->bytes_per_pixel != 4 ||
			(from->format != CLOVE_FORMAT_RGB32 && from->format != CLOVE_FORMAT_RGBA))
		return false;
	if (d->src_area.x2 - d->src_area.x1 != d->box.x2 - d->box.x1 ||
			d->src_area.y2 - d->src_area.y1 != d->box.y2 - d->box.y1)
		return false;
	if (x < 0 || y < 0 || x + width > from->width || y + height > from->height)
		return false;
	*pixels = (struct clove_pixels){ clove_pixels_row(from, (int32_t)y) + x * 4, width, height,
			from->stride, CLOVE_FORMAT_RGB32 };
	return true;
}

static unsigned int log_of(int64_t area)
{
	unsigned int log = 0;

	while (area > 1 && log < CLOVE_PAINT_SIZES - 1) {
		area >>= 1;
		log++;
	}
	return log;
}

static void follow_motion(struct clove_paint *paint, struct clove_surface *target,
		const pixman_box32_t *box, const struct clove_pixels *now,
		const struct clove_paint_watch *watch, void *opaque)
{
	struct clove_pixels was = { clove_surface_row(target, box->y1) + (size_t)box->x1 * 4,
			now->width, now->height, (ptrdiff_t)target->stride, CLOVE_FORMAT_RGB32 };
	struct clove_motion *motion = &paint->motions[log_of((int64_t)now->width * now->height)];
	pixman_box32_t moved;
	int32_t dx, dy;

	clove_surface_settle(target, box);
	if (!clove_motion_find(motion, &was, now, &moved, &dx, &dy))
		return;
	moved = (pixman_box32_t){ moved.x1 + box->x1, moved.y1 + box->y1, moved.x2 + box->x1,
			moved.y2 + box->y1 };
	clove_surface_move(target, &moved, dx, dy);
	watch->copied(opaque, &moved, dx, dy);
}

static uint32_t color_at(const struct clove_surface *surface, int32_t x, int32_t y)
{
	return clove_le32(clove_surface_row(surface, y) + (size_t)x * 4) & 0xffffff;
}

static bool is_of_video(const struct clove_paint *paint, pixman_box32_t *box)
{
	return paint->videos && pixman_region32_contains_rectangle(paint->videos, box) == PIXMAN_REGION_IN;
}

static bool is_comparison_due(struct clove_paint *paint)
{
	uint64_t now = clove_now_ms();

	if (now - paint->compared_ms < COMPARE_MS)
		return false;
	paint->compared_ms = now;
	return true;
}

enum clove_err clove_paint_draw(struct clove_paint *paint, const struct clove_qxl_drawable *d,
		const struct clove_surfaces *surfaces, const struct clove_paint_watch *watch, void *opaque)
{
	struct clove_surface *target = clove_surfaces_find(surfaces, d->surface_id);
	struct clove_pixels now;
	pixman_region32_t changed;
	pixman_box32_t box;
	int32_t dx, dy;
	enum clove_err err;

	if (!watch || !target)
		return clove_drawable_draw(d, surfaces, NULL);

	bool is_one = one_box(d, target, &box);

	if (is_one && is_copy_within(d, target, &box, &dx, &dy)) {
		if (dx || dy) {
			clove_surface_move(target, &box, dx, dy);
			watch->copied(opaque, &box, dx, dy);
		}
		return CLOVE_OK;
	}
	bool is_new = is_one && new_pixels(d, target, &box, &now);
	bool is_video = is_new && is_of_video(paint, &box);

	if (is_video && !is_comparison_due(paint)) {
		err = clove_drawable_draw(d, surfaces, NULL);
		if (err == CLOVE_OK)
			watch->renewed(opaque, &box);
		return err;
	}
	if (is_new && !is_video)
		follow_motion(paint, target, &box, &now, watch, opaque);
	pixman_region32_init(&changed);
	err = clove_drawable_draw(d, surfaces, &changed);
	if (err == CLOVE_OK && is_one && is_fill(d) && target->bytes_per_pixel == 4)
		watch->filled(opaque, &box, color_at(target, box.x1, box.y1), &changed);
	else if (err == CLOVE_OK && pixman_region32_not_empty(&changed))
		watch->changed(opaque, &changed);
	pixman_region32_fini(&changed);
	return err;
}
