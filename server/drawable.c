/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.c - knows what a guest's command and its surfaces are to the canvas. */
#include "server/drawable.h"

#include <stdlib.h>
#include <string.h>
#include "common/canvas/canvas.h"

struct clove_pixels clove_surface_pixels(const struct clove_surface *surface)
{
	static const struct {
		enum clove_surface_format from;
		enum clove_format format;
	} table[] = {
		{ CLOVE_SURFACE_8_A, CLOVE_FORMAT_A8 }, { CLOVE_SURFACE_16_555, CLOVE_FORMAT_RGB16 },
		{ CLOVE_SURFACE_32_xRGB, CLOVE_FORMAT_RGB32 }, { CLOVE_SURFACE_32_ARGB, CLOVE_FORMAT_RGBA },
	};
	struct clove_pixels pixels = { surface->data, surface->width, surface->height,
			(ptrdiff_t)surface->stride, CLOVE_FORMAT_NONE };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].from == surface->info.format)
			pixels.format = table[i].format;
	return pixels;
}

static struct clove_canvas canvas_of(const struct clove_surface *surface)
{
	return (struct clove_canvas){ surface->data, surface->width, surface->height, surface->stride,
			surface->info.format };
}

/* `canvas` is room for a surface that is the image. */
static enum clove_err set_image(const struct clove_qxl_image *image, const struct clove_surfaces *surfaces,
		struct clove_canvas *canvas, struct clove_canvas_image *to)
{
	struct clove_surface *surface;

	switch (image->kind) {
	case CLOVE_QXL_PIXELS:
		*to = (struct clove_canvas_image){
			.kind = CLOVE_CANVAS_PIXELS, .pixels = image->pixels,
			.palette = image->palette.count ? image->palette.entries : NULL,
			.has_high_bits = image->has_high_bits, .is_decoded = image->decoded != NULL,
		};
		return CLOVE_OK;
	case CLOVE_QXL_SURFACE:
		surface = clove_surfaces_find(surfaces, image->surface_id);
		if (!surface)
			return CLOVE_ERR_STATE;
		clove_surface_settle(surface, NULL);
		*canvas = canvas_of(surface);
		*to = (struct clove_canvas_image){ .kind = CLOVE_CANVAS_SURFACE, .surface = canvas };
		return CLOVE_OK;
	default:
		return CLOVE_OK;
	}
}

/* A copy of part of the target as an image (raster 3): of 32 bits it is a bitmap, and beside the primary
 * one with alpha if any is there; anything else is words of the target's own. canvas->data is the copy. */
static enum clove_err set_self(struct clove_surface *target, const pixman_box32_t *area,
		struct clove_canvas *canvas, struct clove_canvas_image *to)
{
	bool has_alpha = false, is_opaque = true, is_32 = target->bytes_per_pixel == 4;

	if (area->x1 < 0 || area->y1 < 0 || area->x2 <= area->x1 || area->y2 <= area->y1 ||
			area->x2 > target->width || area->y2 > target->height)
		return CLOVE_ERR_BOUNDS;
	clove_surface_settle(target, area);
	*canvas = (struct clove_canvas){ NULL, area->x2 - area->x1, area->y2 - area->y1,
			(size_t)(area->x2 - area->x1) * target->bytes_per_pixel, target->info.format };
	canvas->data = malloc(canvas->stride * (size_t)canvas->height);
	if (!canvas->data)
		return CLOVE_ERR_NOMEM;
	for (int32_t y = 0; y < canvas->height; y++) {
		uint8_t *row = canvas->data + canvas->stride * (size_t)y;

		memcpy(row, clove_surface_row(target, area->y1 + y) + (size_t)area->x1 *
				target->bytes_per_pixel, canvas->stride);
		for (size_t i = 3; is_32 && i < canvas->stride; i += 4) {
			has_alpha |= row[i] != 0;
			is_opaque &= row[i] == 255;
		}
	}
	*to = (struct clove_canvas_image){ .kind = CLOVE_CANVAS_SURFACE, .surface = canvas };
	if (is_32)
		*to = (struct clove_canvas_image){
			.kind = CLOVE_CANVAS_PIXELS,
			.pixels = { canvas->data, canvas->width, canvas->height, (ptrdiff_t)canvas->stride,
				(target->id && has_alpha) || target->info.format == CLOVE_SURFACE_32_ARGB ?
				CLOVE_FORMAT_RGBA : CLOVE_FORMAT_RGB32 },
			.has_high_bits = target->id && is_opaque,
		};
	return CLOVE_OK;
}

static const enum clove_draw operations[CLOVE_QXL_DRAWS] = {
	[CLOVE_QXL_DRAW_FILL] = CLOVE_DRAW_FILL,
	[CLOVE_QXL_DRAW_OPAQUE] = CLOVE_DRAW_OPAQUE,
	[CLOVE_QXL_DRAW_COPY] = CLOVE_DRAW_COPY,
	[CLOVE_QXL_DRAW_COPY_BITS] = CLOVE_DRAW_COPY_BITS,
	[CLOVE_QXL_DRAW_BLEND] = CLOVE_DRAW_BLEND,
	[CLOVE_QXL_DRAW_BLACKNESS] = CLOVE_DRAW_BLACKNESS,
	[CLOVE_QXL_DRAW_WHITENESS] = CLOVE_DRAW_WHITENESS,
	[CLOVE_QXL_DRAW_INVERS] = CLOVE_DRAW_INVERS,
	[CLOVE_QXL_DRAW_ROP3] = CLOVE_DRAW_ROP3,
	[CLOVE_QXL_DRAW_STROKE] = CLOVE_DRAW_STROKE,
	[CLOVE_QXL_DRAW_TEXT] = CLOVE_DRAW_TEXT,
	[CLOVE_QXL_DRAW_TRANSPARENT] = CLOVE_DRAW_TRANSPARENT,
	[CLOVE_QXL_DRAW_ALPHA_BLEND] = CLOVE_DRAW_ALPHA_BLEND,
	[CLOVE_QXL_DRAW_COMPOSITE] = CLOVE_DRAW_COMPOSITE,
};

bool clove_drawable_can(enum clove_qxl_draw type)
{
	return type == CLOVE_QXL_DRAW_NOP || (type < CLOVE_QXL_DRAWS && operations[type] != CLOVE_DRAW_NOP);
}

static struct clove_canvas_brush brush_of(const struct clove_qxl_brush *brush)
{
	return (struct clove_canvas_brush){ .type = brush->type, .color = brush->color, .x = brush->x,
			.y = brush->y };
}

static enum clove_err draw(const struct clove_qxl_drawable *d, const struct clove_surfaces *surfaces,
		struct clove_surface *target, pixman_region32_t *drawn, pixman_region32_t *changed)
{
	struct clove_canvas canvas = canvas_of(target), self = { 0 }, room[5];
	struct clove_drawing drawing = {
		.type = operations[d->type], .box = d->box, .clip = d->has_clip ? &d->clip : NULL,
		.src_area = d->src_area, .rop = d->rop, .scale_mode = d->scale_mode,
		.src_x = d->src_x, .src_y = d->src_y, .true_color = d->true_color,
		.alpha = d->alpha, .alpha_flags = d->alpha_flags,
		.brush = brush_of(&d->brush), .back = brush_of(&d->back), .back_area = d->back_area,
		.mask = { .is_inverse = d->mask.is_inverse, .x = d->mask.x, .y = d->mask.y },
		.string = &d->string, .path = &d->path, .attr = &d->attr, .composite = &d->composite,
	};
	const struct {
		const struct clove_qxl_image *from;
		struct clove_canvas_image *to;
	} images[] = {
		{ &d->src, &drawing.src }, { &d->brush.pattern, &drawing.brush.pattern },
		{ &d->back.pattern, &drawing.back.pattern }, { &d->mask.bitmap, &drawing.mask.bitmap },
		{ &d->composite_mask, &drawing.composite_mask },
	};
	enum clove_err err = CLOVE_OK;

	clove_surface_settle(target, d->type == CLOVE_QXL_DRAW_COPY_BITS ? NULL : &d->box);
	for (size_t i = 0; i < sizeof images / sizeof *images && !err; i++)
		err = images[i].from->kind == CLOVE_QXL_SELF ?
				set_self(target, &d->self_area, &self, images[i].to) :
				set_image(images[i].from, surfaces, &room[i], images[i].to);
	if (!err)
		err = clove_canvas_draw(&canvas, &drawing, drawn, changed);
	free(self.data);
	return err;
}

enum clove_err clove_drawable_draw(const struct clove_qxl_drawable *d,
		const struct clove_surfaces *surfaces, pixman_region32_t *changed)
{
	struct clove_surface *target = clove_surfaces_find(surfaces, d->surface_id);
	pixman_region32_t drawn;
	enum clove_err err;

	if (!target)
		return CLOVE_ERR_STATE;
	if (d->box.x2 > target->width || d->box.y2 > target->height)
		return CLOVE_ERR_BOUNDS;
	if (!clove_drawable_can(d->type))
		return CLOVE_ERR_UNSUPPORTED;
	pixman_region32_init(&drawn);
	err = draw(d, surfaces, target, &drawn, changed);
	if (!err)
		clove_surface_drawn(target, &drawn);
	pixman_region32_fini(&drawn);
	return err;
}
