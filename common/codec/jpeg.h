/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg.h - JPEG images by libjpeg-turbo, and JPEG_ALPHA: a JPEG with an LZ stream of alpha behind it. */
#ifndef CLOVE_CODEC_JPEG_H
#define CLOVE_CODEC_JPEG_H

#include "common/codec/pixels.h"
#include "common/util/buf.h"
#include "common/util/job-pool.h"

/* Reads and checks the header. */
CLOVE_CHECKED enum clove_err clove_jpeg_probe(struct clove_bytes in, struct clove_image_info *info);

/* Decodes into `dst`, of the size of the header (else CLOVE_ERR_BOUNDS); RGB32 with x = 0, or any
 * format that RGB32 converts into. */
CLOVE_CHECKED enum clove_err clove_jpeg_decode(struct clove_bytes in, const struct clove_pixels *dst);

/* The same in less time, without smoothing colours across pixels: for what is soon replaced by another. */
CLOVE_CHECKED enum clove_err clove_jpeg_decode_quick(struct clove_bytes in, const struct clove_pixels *dst);

/* Into how many parts of whole rows its restart markers divide a JPEG; 1: it is not, or into more than 8. */
unsigned int clove_jpeg_parts(struct clove_bytes in);
/* clove_jpeg_decode_quick of a frame of video: its parts are decoded on the pool, which may be NULL. */
CLOVE_CHECKED enum clove_err clove_jpeg_decode_frame(struct clove_bytes in, const struct clove_pixels *dst,
		struct clove_job_pool *pool);

/* `flags` and jpeg_size as in the message, `in` its data; dst is RGBA (or RGB32: without the alpha). */
CLOVE_CHECKED enum clove_err clove_jpeg_alpha_decode(struct clove_bytes in, uint8_t flags,
		uint32_t jpeg_size, const struct clove_pixels *dst);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_jpeg_bound(int32_t width, int32_t height);

/* How colours are thinned out: not, by two in a row, by two in a row and a column. */
enum clove_jpeg_chroma { CLOVE_JPEG_444, CLOVE_JPEG_422, CLOVE_JPEG_420 };

/* Keeps what libjpeg-turbo needs from one picture to the next; one thread at a time. */
struct clove_jpeg_encoder;

struct clove_jpeg_encoder *clove_jpeg_encoder_new(void);
void clove_jpeg_encoder_free(struct clove_jpeg_encoder *encoder);

/* Encodes RGB16, RGB24, RGB32 or RGBA (without its alpha), quality 1 to 100. The rows are read in place,
 * whatever their stride. CLOVE_ERR_LIMIT if it does not fit in `capacity`. */
CLOVE_CHECKED enum clove_err clove_jpeg_encoder_run(struct clove_jpeg_encoder *encoder, uint8_t *dst,
		size_t capacity, const struct clove_pixels *src, int quality,
		enum clove_jpeg_chroma chroma, size_t *size);

/* JPEG_ALPHA's data of an RGBA picture: jpeg_size bytes are the JPEG, the rest of `size` the alpha, top row
 * first (flags 1). No picture exceeds clove_jpeg_bound and clove_lz_bound for A8 together. */
CLOVE_CHECKED enum clove_err clove_jpeg_encoder_run_alpha(struct clove_jpeg_encoder *encoder, uint8_t *dst,
		size_t capacity, const struct clove_pixels *src, int quality,
		enum clove_jpeg_chroma chroma, uint32_t *jpeg_size, size_t *size);

/* clove_jpeg_encoder_run by an encoder of its own, 4:2:0. */
CLOVE_CHECKED enum clove_err clove_jpeg_encode(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, int quality, size_t *size);

#endif
