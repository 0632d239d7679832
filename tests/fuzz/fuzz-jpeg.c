/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-jpeg.c - flags and a JPEG size, then any bytes as JPEG as JPEG_ALPHA, and as a frame of video. */
#include <stdlib.h>
#include "common/codec/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct clove_job_pool *pool;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_image_info info;
	struct clove_pixels dst;
	struct clove_bytes in;

	if (size < 5)
		return 0;
	in = CLOVE_BYTES(data + 5, size - 5);
	if (clove_jpeg_probe(in, &info) || (int64_t)info.width * info.height > 1 << 14)
		return 0;
	dst = (struct clove_pixels){ malloc(4 * (size_t)info.width * (size_t)info.height), info.width,
			info.height, 4 * (ptrdiff_t)info.width, CLOVE_FORMAT_RGBA };
	(void)!clove_jpeg_alpha_decode(in, data[0], clove_le32(data + 1), &dst);
	dst.format = CLOVE_FORMAT_RGB32;
	if (!pool)
		pool = clove_job_pool_new(2);
	(void)!clove_jpeg_decode_frame(in, &dst, pool);
	dst.format = CLOVE_FORMAT_RGB16;
	dst.stride = 2 * (ptrdiff_t)info.width;
	(void)!clove_jpeg_decode(in, &dst);
	free(dst.data);
	return 0;
}
