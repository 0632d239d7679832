/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-lz4.c - two bytes of size, then any bytes as an LZ4 image. */
#include <stdlib.h>
#include <string.h>
#include "common/codec/lz4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_image_info info;
	struct clove_pixels dst;
	struct clove_bytes in;

	if (size < 2)
		return 0;
	in = CLOVE_BYTES(data + 2, size - 2);
	if (clove_lz4_probe(in, &info))
		return 0;
	for (int turn = 0; turn < 2; turn++) {
		enum clove_format format = turn ? CLOVE_FORMAT_RGB32 : info.format;
		size_t row = clove_format_row_bytes(format, data[0] + 1);
		size_t height = (size_t)data[1] + 1, bound, written;

		dst = (struct clove_pixels){ malloc(row * height), data[0] + 1, (int32_t)height,
				(ptrdiff_t)row, format };
		if (!clove_lz4_decode(in, &dst)) {
			uint8_t *out, *again = malloc(row * height);

			bound = clove_lz4_bound(format, dst.width, dst.height);
			out = malloc(bound);
			if (clove_lz4_encode(out, bound, &dst, true, &written)
					|| clove_lz4_decode(CLOVE_BYTES(out, written),
						&(struct clove_pixels){ again, dst.width, dst.height,
						dst.stride, format })
					|| memcmp(again, dst.data, row * height))
				abort();
			free(out);
			free(again);
		}
		free(dst.data);
	}
	return 0;
}
