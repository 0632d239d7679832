/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic.h - QUIC, the lossless predictive codec for smooth pictures. */
#ifndef CLOVE_CODEC_QUIC_H
#define CLOVE_CODEC_QUIC_H

#include "common/codec/pixels.h"

/* Reads and checks the header. */
CLOVE_CHECKED enum clove_err clove_quic_probe(struct clove_bytes in, struct clove_image_info *info);

/* Decodes into `dst`, which has the size of the header (else CLOVE_ERR_BOUNDS) and any format that
 * clove_pixels_converts. After an error the rows hold part of the picture. */
CLOVE_CHECKED enum clove_err clove_quic_decode(struct clove_bytes in, const struct clove_pixels *dst);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_quic_bound(enum clove_format format, int32_t width, int32_t height);

/* Encodes RGB16, RGB24, RGB32, RGBA or GRAY; *size is the stream's length.
 * CLOVE_ERR_LIMIT if it does not fit in `capacity`: the caller then sends another form. */
CLOVE_CHECKED enum clove_err clove_quic_encode(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, size_t *size);

#endif
