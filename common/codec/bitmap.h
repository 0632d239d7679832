/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap.h - uncompressed bitmaps as they are in messages and in guest memory. */
#ifndef CLOVE_CODEC_BITMAP_H
#define CLOVE_CODEC_BITMAP_H

#include "common/codec/pixels.h"

/* Describes the bytes of a bitmap as pixels, without a copy: `stride` is the distance of two rows in
 * `in` and `format` one of 1 to 10. The result borrows `in` and may only be read.
 * CLOVE_ERR_SHORT if the rows do not fit, CLOVE_ERR_BOUNDS if the stride holds no row. */
CLOVE_CHECKED enum clove_err clove_bitmap_view(struct clove_bytes in, uint32_t format,
		uint32_t width, uint32_t height, uint32_t stride, bool is_top_down, struct clove_pixels *view);

/* clove_bitmap_view and clove_pixels_convert in one; dst has the bitmap's size. */
CLOVE_CHECKED enum clove_err clove_bitmap_decode(struct clove_bytes in, uint32_t format,
		uint32_t stride, bool is_top_down, const struct clove_palette *palette,
		const struct clove_pixels *dst);

#endif
