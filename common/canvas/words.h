/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.h - rows of an image as words of the surface that is drawn on, plain or scaled. */
#ifndef CLOVE_CANVAS_WORDS_H
#define CLOVE_CANVAS_WORDS_H

#include "common/canvas/canvas.h"

/* Where column or row i of the box lies in the image: base + step * i, 16.16 (raster 8). */
struct clove_axis {
	int64_t base, step;
};

struct clove_words {
	struct clove_pixels pixels;
	const uint32_t *palette;
	uint32_t format;                  /* of the surface that is the source; 0: pixels */
	uint32_t target;
	size_t bytes;                     /* of a word of the target */
	bool is_raw;                      /* words are copied as they lie */
	bool has_high_bits;
	bool has_low_bits;                /* the canvas form's fourth bytes are 0 */
	bool is_opaque;                   /* the canvas form has no alpha */
	bool has_surface_alpha;           /* an xRGB surface whose fourth byte is alpha all the same */
	void *own;                        /* a snapshot, if the pixels are one */
	/* scaling */
	bool is_scaled, is_smooth, is_composited;
	struct clove_axis x, y;
	uint8_t *rows[2];                 /* converted ones, those at `at` */
	int64_t at[2];
};

/* Zeroed words begin; fini after success and failure. CLOVE_ERR_UNSUPPORTED: there is no way from the
 * image to the target. A source that is the target is copied first. */
CLOVE_CHECKED enum clove_err clove_words_init(struct clove_words *words,
		const struct clove_canvas_image *image, const struct clove_canvas *target);
void clove_words_fini(struct clove_words *words);

/* n words from (x, y) of the image on, all inside it: where they lie, or in `into`. */
const uint8_t *clove_words_get(const struct clove_words *words, int64_t x, int64_t y, int32_t n,
		uint8_t *into);
/* The same in their native meaning: premultiplied 0xAARRGGBB; outside the image 0. */
void clove_words_argb(const struct clove_words *words, int64_t x, int64_t y, int32_t n, uint32_t *into);

/* Prepares scaling of `area` to a box. is_smooth: interpolated. is_composited: the result is stored by
 * its meaning and not word by word. */
CLOVE_CHECKED enum clove_err clove_words_scale(struct clove_words *words, const pixman_box32_t *area,
		int64_t box_width, int64_t box_height, bool is_smooth, bool is_composited);
/* ROP3's own way. */
CLOVE_CHECKED enum clove_err clove_words_scale_rop3(struct clove_words *words, const pixman_box32_t *area,
		int64_t box_width, int64_t box_height, bool is_smooth);
/* n words from column i of row j of the box on. */
void clove_words_get_scaled(struct clove_words *words, int64_t i, int64_t j, int32_t n, uint8_t *into);
/* As clove_words_argb; nearest. */
void clove_words_argb_scaled(struct clove_words *words, int64_t i, int64_t j, int32_t n, uint32_t *into);

/* Words of a surface as premultiplied 0xAARRGGBB and back (5 bits widen to 8 by repeating; colours are
 * cut off). Formats without alpha give 255 and take 0. */
void clove_surface_to_argb(const uint8_t *words, uint32_t format, int32_t n, uint32_t *argb);
void clove_surface_from_argb(uint8_t *words, uint32_t format, int32_t n, const uint32_t *argb);

#endif
