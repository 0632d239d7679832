/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.c - knows what a guest's command and its surfaces are to the canvas. */
#include "server/drawable.h"

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

/* `canvas` is room for a surface that is the image. A guest's surface of bits has eight in a byte: it is
 * a mask and nothing else. */
static enum clove_err set_image(const struct clove_qxl_image *image, const struct clove_surfaces *surfaces,
		bool is_mask, struct clove_canvas *canvas, struct clove_canvas_image *to)
{
	const struct clove_surface *surface;

	switch (image->kind) {
	case CLOVE_QXL_PIXELS:
		*to = (struct clove_canvas_image){
			.kind = CLOVE_CANVAS_PIXELS, .pixels = image->pixels,
			.palette = image->palette.count ? image->palette.entries : NULL,
			.has_high_bits = image->has_high_bits,
		};
		return CLOVE_OK;
	case CLOVE_QXL_SURFACE:
		surface = clove_surfaces_find(surfaces, image->surface_id);
		if (!surface)
			return CLOVE_ERR_STATE;
		if (surface->bytes_per_pixel) {
			*canvas = canvas_of(surface);
			*to = (struct clove_canvas_image){ .kind = CLOVE_CANVAS_SURFACE, .surface = canvas };
			return CLOVE_OK;
		}
		if (!is_mask || surface->info.format != CLOVE_SURFACE_1_A)
			return CLOVE_ERR_UNSUPPORTED;
		*to = (struct clove_canvas_image){
			.kind = CLOVE_CANVAS_PIXELS,
			.pixels = { surface->data, surface->width, surface->height,
				(ptrdiff_t)surface->stride, CLOVE_FORMAT_PLT1_LE },
		};
		return CLOVE_OK;
	default:
		return CLOVE_OK;
	}
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
	[CLOVE_QXL_DRAW_TRANSPARENT] = CLOVE_DRAW_TRANSPARENT,
	[CLOVE_QXL_DRAW_ALPHA_BLEND] = CLOVE_DRAW_ALPHA_BLEND,
};

/* The rest the canvas draws, but nothing reads it out of guest memory yet. */
bool clove_drawable_can(enum clove_qxl_draw type)
{
	return type == CLOVE_QXL_DRAW_NOP || (type < CLOVE_QXL_DRAWS && operations[type] != CLOVE_DRAW_NOP);
}

static enum clove_err draw(const struct clove_qxl_drawable *d, const struct clove_surfaces *surfaces,
		struct clove_surface *target, pixman_region32_t *drawn, pixman_region32_t *changed)
{
	struct clove_canvas canvas = canvas_of(target), src, pattern, mask;
	struct clove_drawing drawing = {
		.type = operations[d->type], .box = d->box, .clip = d->has_clip ? &d->clip : NULL,
		.src_area = d->src_area, .rop = d->rop, .scale_mode = d->scale_mode,
		.src_x = d->src_x, .src_y = d->src_y, .true_color = d->true_color,
		.alpha = d->alpha, .alpha_flags = d->alpha_flags,
		.brush = { .type = d->brush.type, .color = d->brush.color, .x = d->brush.x, .y = d->brush.y },
		.mask = { .is_inverse = d->mask.is_inverse, .x = d->mask.x, .y = d->mask.y },
	};
	enum clove_err err = set_image(&d->src, surfaces, false, &src, &drawing.src);

	if (!err && d->brush.type == CLOVE_BRUSH_PATTERN)
		err = set_image(&d->brush.pattern, surfaces, false, &pattern, &drawing.brush.pattern);
	if (!err)
		err = set_image(&d->mask.bitmap, surfaces, true, &mask, &drawing.mask.bitmap);
	return err ? err : clove_canvas_draw(&canvas, &drawing, drawn, changed);
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
	if (!target->bytes_per_pixel || !clove_drawable_can(d->type))
		return CLOVE_ERR_UNSUPPORTED;
	pixman_region32_init(&drawn);
	err = draw(d, surfaces, target, &drawn, changed);
	if (!err)
		clove_surface_drawn(target, &drawn);
	pixman_region32_fini(&drawn);
	return err;
}
