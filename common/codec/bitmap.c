/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap.c - where the rows of an uncompressed bitmap lie in its bytes. */
#include "common/codec/bitmap.h"

enum clove_err clove_bitmap_view(struct clove_bytes in, uint32_t format, uint32_t width,
		uint32_t height, uint32_t stride, bool is_top_down, struct clove_pixels *view)
{
	enum clove_err err = clove_pixels_check_size(width, height);
	size_t row;

	if (err)
		return err;
	if (format < CLOVE_FORMAT_PLT1_LE || format > CLOVE_FORMAT_A8)
		return CLOVE_ERR_VALUE;
	row = clove_format_row_bytes((enum clove_format)format, (int32_t)width);
	if (stride < row)
		return CLOVE_ERR_BOUNDS;
	/* The padding of the last row in memory is not needed. */
	if (in.len < row || (uint64_t)stride * (height - 1) > in.len - row)
		return CLOVE_ERR_SHORT;
	/* Views are read only, but one type for pixels has to do: hence the cast. */
	*view = (struct clove_pixels){ (uint8_t *)(uintptr_t)in.data, (int32_t)width, (int32_t)height,
			stride, (enum clove_format)format };
	if (!is_top_down) {
		view->data += (size_t)stride * (height - 1);
		view->stride = -view->stride;
	}
	return CLOVE_OK;
}

enum clove_err clove_bitmap_decode(struct clove_bytes in, uint32_t format, uint32_t stride,
		bool is_top_down, const struct clove_palette *palette, const struct clove_pixels *dst)
{
	struct clove_pixels view;
	enum clove_err err;

	if (dst->width < 0 || dst->height < 0)
		return CLOVE_ERR_VALUE;
	err = clove_bitmap_view(in, format, (uint32_t)dst->width, (uint32_t)dst->height, stride,
			is_top_down, &view);
	if (err)
		return err;
	return clove_pixels_convert(dst, &view, palette);
}
