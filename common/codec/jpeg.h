/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg.h - JPEG images by libjpeg-turbo, and JPEG_ALPHA: a JPEG with an LZ stream of alpha behind it. */
#ifndef CLOVE_CODEC_JPEG_H
#define CLOVE_CODEC_JPEG_H

#include "common/codec/pixels.h"

/* Reads and checks the header. */
CLOVE_CHECKED enum clove_err clove_jpeg_probe(struct clove_bytes in, struct clove_image_info *info);

/* Decodes into `dst`, of the size of the header (else CLOVE_ERR_BOUNDS); RGB32 with x = 0, or any
 * format that RGB32 converts into. */
CLOVE_CHECKED enum clove_err clove_jpeg_decode(struct clove_bytes in, const struct clove_pixels *dst);

/* `flags` and jpeg_size as in the message, `in` its data; dst is RGBA (or RGB32: without the alpha). */
CLOVE_CHECKED enum clove_err clove_jpeg_alpha_decode(struct clove_bytes in, uint8_t flags,
		uint32_t jpeg_size, const struct clove_pixels *dst);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_jpeg_bound(int32_t width, int32_t height);

/* Encodes RGB16, RGB24, RGB32 or RGBA (without its alpha), quality 1 to 100, 4:2:0.
 * CLOVE_ERR_LIMIT if it does not fit in `capacity`. */
CLOVE_CHECKED enum clove_err clove_jpeg_encode(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, int quality, size_t *size);

#endif
