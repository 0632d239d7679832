/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.c - glyphs as coverage, and a brush through it (raster 9). */
#include "common/canvas/pen.h"

#include <stdlib.h>
#include <string.h>
#include "common/protocol/enums.h"

/* -- coverage -- */

/* The union of all glyph boxes; glyphs without a size count too. */
struct bounds {
	int64_t left, top, right, bottom;
};

static int64_t glyph_left(const struct clove_glyph *glyph)
{
	return (int64_t)glyph->render_pos.x + glyph->glyph_origin.x;
}

static int64_t glyph_top(const struct clove_glyph *glyph)
{
	return (int64_t)glyph->render_pos.y + glyph->glyph_origin.y;
}

static struct bounds bounds_of(const struct clove_string *string)
{
	struct bounds b = { INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN };

	for (uint32_t i = 0; i < string->length; i++) {
		const struct clove_glyph *glyph = &string->glyphs[i];
		int64_t left = glyph_left(glyph), top = glyph_top(glyph);

		b.left = left < b.left ? left : b.left;
		b.top = top < b.top ? top : b.top;
		b.right = left + glyph->width > b.right ? left + glyph->width : b.right;
		b.bottom = top + glyph->height > b.bottom ? top + glyph->height : b.bottom;
	}
	return b;
}

/* Bits of a pixel; 0: no bitmaps at all. */
static unsigned int depth_of(uint8_t flags)
{
	return flags & CLOVE_STRING_A1 ? 1 : flags & CLOVE_STRING_A4 ? 4 :
			flags & CLOVE_STRING_A8 ? 8 : 0;
}

static uint8_t cover(uint8_t old, const uint8_t *row, int64_t x, unsigned int depth)
{
	uint8_t v;

	if (depth == 1) {
		v = row[x / 8] >> (7 - x % 8) & 1 ? 255 : 0;
	} else if (depth == 4) {
		v = (uint8_t)((x & 1 ? row[x / 2] & 15 : row[x / 2] >> 4) << 4);
		/* as the incumbent does where glyphs overlap */
		if (x & 1 && row[x / 2] >> 4)
			return v;
	} else {
		v = row[x];
	}
	return v > old ? v : old;
}

/* A glyph's rows come bottom first. Only what lies inside pen->cover is looked at. */
static void add_glyph(const struct clove_pen *pen, const struct clove_glyph *glyph, unsigned int depth,
		uint8_t *coverage)
{
	size_t stride = ((size_t)glyph->width * depth + 7) / 8;
	int64_t left = glyph_left(glyph), top = glyph_top(glyph);
	int64_t x1 = left > pen->cover.x1 ? left : pen->cover.x1;
	int64_t x2 = left + glyph->width < pen->cover.x2 ? left + glyph->width : pen->cover.x2;
	int64_t y1 = top > pen->cover.y1 ? top : pen->cover.y1;
	int64_t y2 = top + glyph->height < pen->cover.y2 ? top + glyph->height : pen->cover.y2;
	size_t width = (size_t)(pen->cover.x2 - pen->cover.x1);

	if (glyph->data.len < stride * glyph->height)
		return;
	for (int64_t y = y1; y < y2; y++) {
		const uint8_t *row = glyph->data.data + stride * (size_t)(glyph->height - 1 - (y - top));
		uint8_t *to = coverage + width * (size_t)(y - pen->cover.y1);

		for (int64_t x = x1; x < x2; x++)
			to[x - pen->cover.x1] = cover(to[x - pen->cover.x1], row, x - left, depth);
	}
}

/* -- rows -- */

static void back_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	(void)words;
	clove_brush_get(pen, &pen->d->back, &pen->back, pen->d->back.x, pen->d->back.y, x, y, n, pen->row);
}

/* Colours of a solid brush are 5-5-5 on every 16-bit surface here. */
static uint32_t solid(const struct clove_pen *pen)
{
	uint32_t c = pen->d->brush.color, r = c >> 10 & 31, g = c >> 5 & 31, b = c & 31;

	if (pen->bpp != 2)
		return 0xff000000 | c;
	return 0xff000000 | (r * 65535 / 31) >> 8 << 16 | (g * 65535 / 31) >> 8 << 8 | (b * 65535 / 31) >> 8;
}

static void glyph_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	const struct clove_canvas_brush *brush = &pen->d->brush;
	uint32_t format = pen->target->format;
	const uint8_t *coverage = pen->coverage + (size_t)(y - pen->cover.y1) *
			(size_t)(pen->cover.x2 - pen->cover.x1) + (size_t)(x - pen->cover.x1);

	(void)words;
	if (brush->type == CLOVE_BRUSH_PATTERN) {
		clove_brush_get(pen, brush, &pen->pattern, pen->tile_left, pen->tile_top, x, y, n, pen->row);
		/* a surface of the same depth means what its own format says */
		clove_surface_to_argb(pen->row, pen->pattern.format && pen->pattern.is_raw ?
				pen->pattern.format : pen->bpp != 4 ? format : pen->pattern.is_opaque ?
				CLOVE_SURFACE_FMT_32_XRGB : CLOVE_SURFACE_FMT_32_ARGB, n, pen->s);
	} else {
		uint32_t color = solid(pen);

		for (int32_t i = 0; i < n; i++)
			pen->s[i] = color;
	}
	clove_surface_to_argb(clove_canvas_at(pen->target, pen->bpp, x, y), format, n, pen->t);
	clove_blend(pen->t, pen->s, n, 0, coverage);
	clove_surface_from_argb(pen->row, format, n, pen->t);
}

static enum clove_err draw_glyphs(struct clove_pen *pen, const pixman_region32_t *region, unsigned int depth)
{
	const struct clove_string *string = pen->d->string;
	struct bounds bounds = bounds_of(string);
	pixman_region32_t covered;
	uint8_t *coverage;

	pixman_region32_init(&covered);
	clove_canvas_intersect(&covered, region, pen->target, bounds.left, bounds.top, bounds.right,
			bounds.bottom);
	if (!pixman_region32_not_empty(&covered)) {
		pixman_region32_fini(&covered);
		return CLOVE_OK;
	}
	pen->cover = *pixman_region32_extents(&covered);
	coverage = calloc((size_t)(pen->cover.x2 - pen->cover.x1), (size_t)(pen->cover.y2 - pen->cover.y1));
	if (coverage) {
		for (uint32_t i = 0; i < string->length; i++)
			add_glyph(pen, &string->glyphs[i], depth, coverage);
		pen->coverage = coverage;
		pen->tile_left = bounds.left + pen->d->brush.x;
		pen->tile_top = bounds.top + pen->d->brush.y;
		clove_pen_draw(pen, &covered, glyph_row);
		free(coverage);
	}
	pixman_region32_fini(&covered);
	return coverage ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

enum clove_err clove_text_draw(struct clove_pen *pen, pixman_region32_t *region)
{
	const struct clove_drawing *d = pen->d;
	unsigned int depth = d->string ? depth_of(d->string->flags) : 0;
	pixman_region32_t back;

	pixman_region32_init(&back);
	clove_canvas_intersect(&back, region, pen->target, d->back_area.x1, d->back_area.y1, d->back_area.x2,
			d->back_area.y2);
	clove_pen_draw(pen, &back, back_row);
	pixman_region32_fini(&back);
	if (!depth || !d->string->length || d->brush.type == CLOVE_BRUSH_NONE)
		return CLOVE_OK;
	return draw_glyphs(pen, region, depth);
}
