/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pen.h - what the operations of a canvas share: a drawing on its way to the rows of its target. */
#ifndef CLOVE_CANVAS_PEN_H
#define CLOVE_CANVAS_PEN_H

#include "common/canvas/canvas.h"
#include "common/canvas/words.h"

enum {
	CLOVE_ROP_OPERATIONS = CLOVE_ROP_PUT | CLOVE_ROP_OR | CLOVE_ROP_AND | CLOVE_ROP_XOR |
			CLOVE_ROP_BLACKNESS | CLOVE_ROP_WHITENESS | CLOVE_ROP_INVERS,
};

struct clove_pen {
	const struct clove_canvas *target;
	const struct clove_drawing *d;
	size_t bpp;
	struct clove_words src, pattern;  /* COMPOSITE: pattern is the mask */
	struct clove_words back;          /* TEXT */
	struct clove_pixels mask;         /* A8: bits of a surface */
	bool has_mask;
	bool is_scaled;
	uint8_t *row, *brush;             /* as wide as the region may be */
	uint32_t *s, *t;                  /* the same, as colours */
	pixman_box32_t cover;             /* what was made beforehand, and where it lies: */
	struct clove_pixels composed;     /* new words */
	const uint8_t *coverage;          /* TEXT: bytes, rows of the cover's width */
	int64_t tile_left, tile_top;      /* TEXT */
	pixman_region32_t *changed;
};

static inline uint8_t *clove_canvas_at(const struct clove_canvas *canvas, size_t bpp, int32_t x, int32_t y)
{
	return canvas->data + (size_t)y * canvas->stride + (size_t)x * bpp;
}

/* The new words of n pixels at (x, y) of the target: in pen->row, or *words says where they lie. */
typedef void (*clove_row_fn)(struct clove_pen *pen, int32_t x, int32_t y, int32_t n,
		const uint8_t **words);
void clove_pen_draw(struct clove_pen *pen, const pixman_region32_t *region, clove_row_fn draw);

/* s becomes rop(s, d), n bytes; not_s and not_d are the bits that invert them. */
void clove_rop(uint8_t *s, const uint8_t *d, size_t n, unsigned int rop, unsigned int not_s,
		unsigned int not_d);
/* True if the result is s. */
bool clove_rop_is_put(unsigned int rop, unsigned int not_s);

/* The brush's words for n pixels from (x, y) on; a pattern's tile begins at (left, top). */
void clove_brush_get(const struct clove_pen *pen, const struct clove_canvas_brush *brush,
		const struct clove_words *pattern, int64_t left, int64_t top, int32_t x, int32_t y, int32_t n,
		uint8_t *into);

/* d, n colours, becomes s over it through the coverage m: one for all, or `mask` for each. */
void clove_blend(uint32_t *d, const uint32_t *s, int32_t n, uint32_t m, const uint8_t *mask);

/* `region` cut to a box whose sides may lie anywhere; they may be one. */
void clove_canvas_intersect(pixman_region32_t *result, const pixman_region32_t *region,
		const struct clove_canvas *canvas, int64_t left, int64_t top, int64_t right, int64_t bottom);

/* A row that was made beforehand. */
void clove_composed_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words);

CLOVE_CHECKED enum clove_err clove_text_draw(struct clove_pen *pen, pixman_region32_t *region);
CLOVE_CHECKED enum clove_err clove_stroke_draw(struct clove_pen *pen, pixman_region32_t *region);
CLOVE_CHECKED enum clove_err clove_composite_draw(struct clove_pen *pen, pixman_region32_t *region);

#endif
