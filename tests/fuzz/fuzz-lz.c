/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-lz.c - any bytes as an LZ stream; what decodes must come back from the encoder. */
#include <stdlib.h>
#include <string.h>
#include "common/codec/lz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exact memory, bottom row first if asked. */
static struct clove_pixels rows(enum clove_format format, int32_t width, int32_t height, bool is_flipped)
{
	size_t row = clove_format_row_bytes(format, width);
	struct clove_pixels pixels = { calloc((size_t)height, row), width, height, (ptrdiff_t)row, format };

	if (is_flipped) {
		pixels.data += row * (size_t)(height - 1);
		pixels.stride = -pixels.stride;
	}
	return pixels;
}

static uint8_t *memory(const struct clove_pixels *pixels)
{
	return pixels->stride < 0 ? clove_pixels_row(pixels, pixels->height - 1) : pixels->data;
}

static void there_and_back(const struct clove_pixels *src, bool is_top_down)
{
	struct clove_pixels again = rows(src->format, src->width, src->height, false);
	size_t bound = clove_lz_bound(src->format, src->width, src->height), size;
	uint8_t *out = malloc(bound);

	if (clove_lz_encode(out, bound, src, is_top_down, &size))
		abort();
	out = realloc(out, size);
	if (clove_lz_decode(CLOVE_BYTES(out, size), NULL, &again))
		abort();
	for (int32_t y = 0; y < src->height && src->format != CLOVE_FORMAT_RGB16; y++)
		if (memcmp(clove_pixels_row(src, y), clove_pixels_row(&again, y),
				clove_format_row_bytes(src->format, src->width)))
			abort();
	free(out);
	free(again.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t entries[16] = { 0, 0xffffff, 0x808080 };
	struct clove_palette palette = { entries, size % 17 };
	struct clove_bytes in = CLOVE_BYTES(data, size);
	struct clove_image_info info;
	struct clove_pixels dst = rows(CLOVE_FORMAT_RGBA, 16, 8, false);

	(void)!clove_lz_decode_alpha(in, size & 1, &dst);
	free(dst.data);
	if (clove_lz_probe(in, &info) || (int64_t)info.width * info.height > 1 << 16)
		return 0;
	for (int turn = 0; turn < 2; turn++) {
		dst = rows(info.format, info.width, info.height, turn);
		if (!clove_lz_decode(in, &palette, &dst))
			there_and_back(&dst, !turn);
		free(memory(&dst));
	}
	if (clove_pixels_converts(info.format, CLOVE_FORMAT_RGB32)) {
		dst = rows(CLOVE_FORMAT_RGB32, info.width, info.height, false);
		(void)!clove_lz_decode(in, &palette, &dst);
		free(dst.data);
	}
	return 0;
}
