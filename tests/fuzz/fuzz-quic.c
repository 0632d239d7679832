/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-quic.c - any bytes as a QUIC stream; what decodes must encode to a stream of the same pixels,
 * and every variant must say the same. */
#include <stdlib.h>
#include <string.h>
#include "common/codec/quic-rows.h"
#include "common/codec/quic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_bytes in = CLOVE_BYTES(data, size);
	struct clove_image_info info;
	struct clove_pixels dst;
	size_t row, bound, written;
	uint8_t *out, *again;
	enum clove_err err;

	if (clove_quic_probe(in, &info) || (int64_t)info.width * info.height > 1 << 16)
		return 0;
	row = clove_format_row_bytes(info.format, info.width);
	dst = (struct clove_pixels){ malloc(row * (size_t)info.height), info.width, info.height,
			(ptrdiff_t)row, info.format };
	memset(dst.data, 0, row * (size_t)info.height);
	err = clove_quic_decode(in, &dst);
	again = calloc(row, (size_t)info.height);
	clove_quic_pick(&clove_quic_rows);
	if (clove_quic_decode(in, &(struct clove_pixels){ again, info.width, info.height, (ptrdiff_t)row,
			info.format }) != err || (!err && memcmp(again, dst.data, row * (size_t)info.height)))
		abort();
	free(again);
	clove_quic_pick(NULL);
	if (!err) {
		bound = clove_quic_bound(info.format, info.width, info.height);
		out = malloc(bound);
		again = malloc(row * (size_t)info.height);
		if (clove_quic_encode(out, bound, &dst, &written))
			abort();
		if (clove_quic_decode(CLOVE_BYTES(out, written), &(struct clove_pixels){ again,
				info.width, info.height, (ptrdiff_t)row, info.format }))
			abort();
		if (memcmp(again, dst.data, row * (size_t)info.height))
			abort();
		free(out);
		free(again);
	}
	free(dst.data);
	/* Not the stream's format: by way of two lines. */
	if (clove_pixels_converts(info.format, CLOVE_FORMAT_RGB32)) {
		dst = (struct clove_pixels){ malloc(4 * (size_t)info.width * (size_t)info.height),
				info.width, info.height, 4 * (ptrdiff_t)info.width, CLOVE_FORMAT_RGB32 };
		(void)!clove_quic_decode(in, &dst);
		free(dst.data);
	}
	return 0;
}
