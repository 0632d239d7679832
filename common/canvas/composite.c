/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* composite.c - COMPOSITE is what pixman says it is (raster 12); here is what pixman is given. */
#include "common/canvas/pen.h"

#include <stdlib.h>
#include <string.h>
#include "common/protocol/enums.h"

static bool is_operator(unsigned int op)
{
	return op <= PIXMAN_OP_SATURATE || (op >= PIXMAN_OP_DISJOINT_CLEAR && op <= PIXMAN_OP_DISJOINT_XOR) ||
			(op >= PIXMAN_OP_CONJOINT_CLEAR && op <= PIXMAN_OP_CONJOINT_XOR) ||
			(op >= PIXMAN_OP_MULTIPLY && op <= PIXMAN_OP_HSL_LUMINOSITY);
}

static pixman_format_code_t pixman_format(uint32_t format)
{
	switch (format) {
	case CLOVE_SURFACE_FMT_16_555:
		return PIXMAN_x1r5g5b5;
	case CLOVE_SURFACE_FMT_16_565:
		return PIXMAN_r5g6b5;
	case CLOVE_SURFACE_FMT_32_XRGB:
		return PIXMAN_x8r8g8b8;
	case CLOVE_SURFACE_FMT_32_ARGB:
		return PIXMAN_a8r8g8b8;
	default:
		return PIXMAN_a8;
	}
}

/* An image of pixman's own memory: rows from `row` on, n of them. */
static pixman_image_t *image_new(uint32_t format, int32_t width, int32_t height)
{
	return pixman_image_create_bits(pixman_format(format), width, height, NULL, 0);
}

/* Source or mask: a surface in its own format, anything else in canvas form. */
static pixman_image_t *make_source(const struct clove_words *words, bool is_opaque)
{
	size_t bytes = words->format ? clove_canvas_bytes(words->format) : words->bytes;
	uint32_t format = words->format ? words->format : words->bytes != 4 ? words->target :
			words->is_opaque ? CLOVE_SURFACE_FMT_32_XRGB : CLOVE_SURFACE_FMT_32_ARGB;
	int32_t width = words->pixels.width, height = words->pixels.height;
	pixman_image_t *image;

	if (is_opaque && format == CLOVE_SURFACE_FMT_32_ARGB && words->format)
		format = CLOVE_SURFACE_FMT_32_XRGB;
	image = image_new(format, width, height);
	if (!image)
		return NULL;
	for (int32_t y = 0; y < height; y++) {
		uint8_t *to = (uint8_t *)pixman_image_get_data(image) +
				(size_t)y * (size_t)pixman_image_get_stride(image);
		const uint8_t *row = words->format ? clove_pixels_row(&words->pixels, y) :
				clove_words_get(words, 0, y, width, to);

		if (row != to)
			memcpy(to, row, (size_t)width * bytes);
	}
	return image;
}

static void set_transform(pixman_image_t *image, const struct clove_transform *t)
{
	pixman_transform_t transform = { {
		{ (pixman_fixed_t)t->t00, (pixman_fixed_t)t->t01, (pixman_fixed_t)t->t02 },
		{ (pixman_fixed_t)t->t10, (pixman_fixed_t)t->t11, (pixman_fixed_t)t->t12 },
		{ 0, 0, pixman_fixed_1 },
	} };

	pixman_image_set_transform(image, &transform);
}

static void compose(struct clove_pen *pen, pixman_image_t *src, pixman_image_t *mask, pixman_image_t *dest)
{
	const struct clove_display_draw_composite *c = pen->d->composite;
	int32_t dx = pen->cover.x1 - pen->d->box.x1, dy = pen->cover.y1 - pen->d->box.y1;
	int32_t width = pen->cover.x2 - pen->cover.x1, height = pen->cover.y2 - pen->cover.y1;

	pixman_image_set_filter(src, (pixman_filter_t)(c->flags >> CLOVE_COMPOSITE_SRC_FILTER_SHIFT & 7), NULL, 0);
	pixman_image_set_repeat(src, (pixman_repeat_t)(c->flags >> CLOVE_COMPOSITE_SRC_REPEAT_SHIFT & 3));
	if (c->flags & CLOVE_COMPOSITE_HAS_SRC_TRANSFORM)
		set_transform(src, &c->src_transform);
	if (mask) {
		pixman_image_set_filter(mask, (pixman_filter_t)(c->flags >>
				CLOVE_COMPOSITE_MASK_FILTER_SHIFT & 7), NULL, 0);
		pixman_image_set_repeat(mask, (pixman_repeat_t)(c->flags >>
				CLOVE_COMPOSITE_MASK_REPEAT_SHIFT & 3));
		pixman_image_set_component_alpha(mask, !!(c->flags & CLOVE_COMPOSITE_COMPONENT_ALPHA));
		if (c->flags & CLOVE_COMPOSITE_HAS_MASK_TRANSFORM)
			set_transform(mask, &c->mask_transform);
	}
	pixman_image_composite32((pixman_op_t)(c->flags & 0xff), src, mask, dest, c->src_origin.x + dx,
			c->src_origin.y + dy, c->mask_origin.x + dx, c->mask_origin.y + dy, 0, 0, width, height);
}

enum clove_err clove_composite_draw(struct clove_pen *pen, pixman_region32_t *region)
{
	const struct clove_display_draw_composite *c = pen->d->composite;
	enum clove_err err = CLOVE_ERR_NOMEM;
	bool has_mask;

	if (!c || !is_operator(c->flags & 0xff) ||
			(c->flags >> CLOVE_COMPOSITE_SRC_FILTER_SHIFT & 7) > PIXMAN_FILTER_BILINEAR ||
			(c->flags >> CLOVE_COMPOSITE_MASK_FILTER_SHIFT & 7) > PIXMAN_FILTER_BILINEAR)
		return CLOVE_ERR_VALUE;
	has_mask = pen->d->composite_mask.kind != CLOVE_CANVAS_NO_IMAGE;
	/* the whole box: what pixman writes into unused bits depends on how much it is asked for */
	pen->cover = (pixman_box32_t){
		pen->d->box.x1 > 0 ? pen->d->box.x1 : 0, pen->d->box.y1 > 0 ? pen->d->box.y1 : 0,
		pen->d->box.x2 < pen->target->width ? pen->d->box.x2 : pen->target->width,
		pen->d->box.y2 < pen->target->height ? pen->d->box.y2 : pen->target->height,
	};
	/* where coordinates of the box and the surface are far apart pixman would see nothing */
	if ((int64_t)pen->cover.x1 - pen->d->box.x1 > CLOVE_PIXELS_MAX_SIDE ||
			(int64_t)pen->cover.y1 - pen->d->box.y1 > CLOVE_PIXELS_MAX_SIDE)
		return CLOVE_ERR_LIMIT;

	int32_t width = pen->cover.x2 - pen->cover.x1, height = pen->cover.y2 - pen->cover.y1;
	pixman_image_t *src = make_source(&pen->src, c->flags & CLOVE_COMPOSITE_SRC_OPAQUE);
	pixman_image_t *mask = has_mask ? make_source(&pen->pattern, false) : NULL;
	pixman_image_t *dest = image_new(pen->target->format, width, height);

	if (src && dest && (mask || !has_mask)) {
		pen->composed = (struct clove_pixels){ (uint8_t *)pixman_image_get_data(dest), width, height,
				pixman_image_get_stride(dest), CLOVE_FORMAT_NONE };
		for (int32_t y = 0; y < height; y++)
			memcpy(clove_pixels_row(&pen->composed, y), clove_canvas_at(pen->target, pen->bpp,
					pen->cover.x1, pen->cover.y1 + y), (size_t)width * pen->bpp);
		compose(pen, src, mask, dest);
		clove_pen_draw(pen, region, clove_composed_row);
		err = CLOVE_OK;
	}
	if (src)
		pixman_image_unref(src);
	if (mask)
		pixman_image_unref(mask);
	if (dest)
		pixman_image_unref(dest);
	return err;
}
