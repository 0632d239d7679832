/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4.h - SPICE's framing of LZ4 blocks as an image, and single blocks of any bytes. */
#ifndef CLOVE_CODEC_LZ4_H
#define CLOVE_CODEC_LZ4_H

#include "common/codec/pixels.h"

/* Format and row order; the stream does not know its size, so width and height are set to 0. */
CLOVE_CHECKED enum clove_err clove_lz4_probe(struct clove_bytes in, struct clove_image_info *info);

/* Decodes into `dst`, of the descriptor's size and any format that clove_pixels_converts.
 * The x byte of RGB32 comes as it was sent. */
CLOVE_CHECKED enum clove_err clove_lz4_decode(struct clove_bytes in, const struct clove_pixels *dst);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_lz4_bound(enum clove_format format, int32_t width, int32_t height);

/* Encodes RGB16, RGB24, RGB32 or RGBA; is_top_down is the row order of the stream.
 * CLOVE_ERR_LIMIT if it does not fit in `capacity`. */
CLOVE_CHECKED enum clove_err clove_lz4_encode(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, bool is_top_down, size_t *size);

/* One raw block, as a byte stream's COMPRESSED_DATA holds it. CLOVE_ERR_LIMIT if it does not fit. */
CLOVE_CHECKED enum clove_err clove_lz4_pack(uint8_t *dst, size_t capacity, struct clove_bytes src,
		size_t *size);

/* Fills exactly `size` bytes. CLOVE_ERR_VALUE if the block does not have them, or has more. */
CLOVE_CHECKED enum clove_err clove_lz4_unpack(struct clove_bytes in, uint8_t *dst, size_t size);

/* No block becomes more than this many times its size. */
enum { CLOVE_LZ4_GROWTH = 255 };

#endif
