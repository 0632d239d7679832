/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz.h - LZ, the byte codec whose unit is a pixel; for flat pictures, text and palettes. */
#ifndef CLOVE_CODEC_LZ_H
#define CLOVE_CODEC_LZ_H

#include "common/codec/pixels.h"

/* Reads and checks the header. Type XXXA (JPEG_ALPHA's alpha) is refused: see jpeg.h. */
CLOVE_CHECKED enum clove_err clove_lz_probe(struct clove_bytes in, struct clove_image_info *info);

/* Decodes into `dst`, which has the size of the header (else CLOVE_ERR_BOUNDS) and any format that
 * clove_pixels_converts; palette types into themselves (packed bytes) or by `palette`, which may
 * otherwise be NULL. After an error the rows hold part of the picture. */
CLOVE_CHECKED enum clove_err clove_lz_decode(struct clove_bytes in, const struct clove_palette *palette,
		const struct clove_pixels *dst);

/* A stream of type XXXA into the fourth bytes of the RGBA rows of `dst`; its header must say
 * the same size and row order. */
CLOVE_CHECKED enum clove_err clove_lz_decode_alpha(struct clove_bytes in, bool is_top_down,
		const struct clove_pixels *dst);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_lz_bound(enum clove_format format, int32_t width, int32_t height);

/* Encodes any format but GRAY; is_top_down is the row order of the stream. x bytes are not sent.
 * CLOVE_ERR_LIMIT if it does not fit in `capacity`: the caller then sends another form. */
CLOVE_CHECKED enum clove_err clove_lz_encode(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, bool is_top_down, size_t *size);

/* The fourth bytes of RGBA rows as a stream of type XXXA; bound as for A8. */
CLOVE_CHECKED enum clove_err clove_lz_encode_alpha(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, bool is_top_down, size_t *size);

#endif
