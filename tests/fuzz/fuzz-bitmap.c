/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-bitmap.c - eight bytes of description, then any bytes as an uncompressed bitmap. */
#include <stdlib.h>
#include "common/codec/bitmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* format, flags, u16 width, u16 height, u16 stride; flags: 1 top down, bits 4 and 5 choose the
 * format of the rows, the rest how many entries the palette has. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum clove_format formats[4] = { CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGBA,
			CLOVE_FORMAT_RGB16, CLOVE_FORMAT_A8 };
	static const uint32_t entries[16];
	struct clove_palette palette;
	struct clove_pixels dst;

	if (size < 8)
		return 0;
	palette = (struct clove_palette){ entries, data[1] & 15 };
	dst.width = clove_le16(data + 2);
	dst.height = clove_le16(data + 4);
	dst.format = formats[data[1] >> 4 & 3];
	dst.stride = (ptrdiff_t)clove_format_row_bytes(dst.format, dst.width);
	if (dst.stride * dst.height > 1 << 18)
		return 0;
	dst.data = malloc((size_t)dst.stride * (size_t)dst.height + 1);
	(void)!clove_bitmap_decode(CLOVE_BYTES(data + 8, size - 8), data[0], clove_le16(data + 6),
			data[1] & 1, &palette, &dst);
	free(dst.data);
	return 0;
}
