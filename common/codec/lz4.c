/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4.c - two bytes of header and linked LZ4 blocks, each with its size in front; or one block alone. */
#include "common/codec/lz4.h"

#include <limits.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#define LZ4_IMAGE_HEADER 2
#define LZ4_BLOCK_HEADER 4

enum clove_err clove_lz4_probe(struct clove_bytes in, struct clove_image_info *info)
{
	if (in.len < LZ4_IMAGE_HEADER)
		return CLOVE_ERR_SHORT;
	if (in.data[1] < CLOVE_FORMAT_RGB16 || in.data[1] > CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_VALUE;
	*info = (struct clove_image_info){ (enum clove_format)in.data[1], 0, 0, in.data[0] != 0 };
	return CLOVE_OK;
}

/* Fills exactly `size` bytes of `out`. */
static enum clove_err decode_blocks(struct clove_bytes in, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (in.len) {
		size_t history = done < 65536 ? done : 65536;
		size_t n, room = size - done < INT_MAX ? size - done : INT_MAX;
		int got;

		if (in.len < LZ4_BLOCK_HEADER)
			return CLOVE_ERR_SHORT;
		n = clove_be32(in.data);
		if (!n || n > INT_MAX)
			return CLOVE_ERR_VALUE;
		if (n > in.len - LZ4_BLOCK_HEADER)
			return CLOVE_ERR_SHORT;
		/* The history lies right before the output, which is the library's fast case. */
		got = LZ4_decompress_safe_usingDict((const char *)in.data + LZ4_BLOCK_HEADER,
				(char *)out + done, (int)n, (int)room,
				(const char *)out + done - history, (int)history);
		if (got < 1)
			return CLOVE_ERR_VALUE;
		done += (size_t)got;
		in.data += LZ4_BLOCK_HEADER + n;
		in.len -= LZ4_BLOCK_HEADER + n;
	}
	return done == size ? CLOVE_OK : CLOVE_ERR_SHORT;
}

enum clove_err clove_lz4_decode(struct clove_bytes in, const struct clove_pixels *dst)
{
	struct clove_image_info info;
	struct clove_pixels packed;
	enum clove_err err = clove_lz4_probe(in, &info);
	size_t row;
	uint8_t *out;

	if (!err)
		err = clove_pixels_check_size(dst->width, dst->height);
	if (err)
		return err;
	if (!clove_pixels_converts(info.format, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	row = clove_format_row_bytes(info.format, dst->width);
	in = CLOVE_BYTES(in.data + LZ4_IMAGE_HEADER, in.len - LZ4_IMAGE_HEADER);
	/* LZ4 makes at most 255 bytes of one: no memory for what cannot be there. */
	if (in.len < row * (size_t)dst->height / 255)
		return CLOVE_ERR_SHORT;
	if (info.format == dst->format && dst->stride == (info.is_top_down ? 1 : -1) * (ptrdiff_t)row)
		return decode_blocks(in, clove_pixels_row(dst, info.is_top_down ? 0 : dst->height - 1),
				row * (size_t)dst->height);

	out = malloc(row * (size_t)dst->height);
	if (!out)
		return CLOVE_ERR_NOMEM;
	packed = (struct clove_pixels){ out, dst->width, dst->height, (ptrdiff_t)row, info.format };
	if (!info.is_top_down) {
		packed.data += row * (size_t)(dst->height - 1);
		packed.stride = -packed.stride;
	}
	err = decode_blocks(in, out, row * (size_t)dst->height);
	if (!err)
		err = clove_pixels_convert(dst, &packed, NULL);
	free(out);
	return err;
}

size_t clove_lz4_bound(enum clove_format format, int32_t width, int32_t height)
{
	size_t row = clove_format_row_bytes(format, width);

	if (format < CLOVE_FORMAT_RGB16 || format > CLOVE_FORMAT_RGBA
			|| clove_pixels_check_size(width, height)
			|| row * (size_t)height > LZ4_MAX_INPUT_SIZE)
		return 0;
	return LZ4_IMAGE_HEADER + LZ4_BLOCK_HEADER
			+ (size_t)LZ4_compressBound((int)(row * (size_t)height));
}

enum clove_err clove_lz4_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		bool is_top_down, size_t *size)
{
	const uint8_t *rows = clove_pixels_row(src, is_top_down ? 0 : src->height - 1);
	size_t row = clove_format_row_bytes(src->format, src->width);
	uint8_t *packed = NULL;
	size_t room;
	int n;

	if (!clove_lz4_bound(src->format, src->width, src->height))
		return CLOVE_ERR_UNSUPPORTED;
	if (capacity <= LZ4_IMAGE_HEADER + LZ4_BLOCK_HEADER)
		return CLOVE_ERR_LIMIT;
	if (src->stride != (is_top_down ? 1 : -1) * (ptrdiff_t)row) {
		packed = malloc(row * (size_t)src->height);
		if (!packed)
			return CLOVE_ERR_NOMEM;
		for (int32_t y = 0; y < src->height; y++)
			memcpy(packed + row * (size_t)y,
					clove_pixels_row(src, is_top_down ? y : src->height - 1 - y), row);
		rows = packed;
	}
	room = capacity - LZ4_IMAGE_HEADER - LZ4_BLOCK_HEADER;
	n = LZ4_compress_default((const char *)rows,
			(char *)dst + LZ4_IMAGE_HEADER + LZ4_BLOCK_HEADER,
			(int)(row * (size_t)src->height), room < INT_MAX ? (int)room : INT_MAX);
	free(packed);
	if (n <= 0)
		return CLOVE_ERR_LIMIT;
	dst[0] = is_top_down;
	dst[1] = (uint8_t)src->format;
	clove_put_be32(dst + LZ4_IMAGE_HEADER, (uint32_t)n);
	*size = LZ4_IMAGE_HEADER + LZ4_BLOCK_HEADER + (size_t)n;
	return CLOVE_OK;
}

enum clove_err clove_lz4_pack(uint8_t *dst, size_t capacity, struct clove_bytes src, size_t *size)
{
	int n = 0;

	if (src.len <= LZ4_MAX_INPUT_SIZE)
		n = LZ4_compress_default((const char *)src.data, (char *)dst, (int)src.len,
				capacity < INT_MAX ? (int)capacity : INT_MAX);
	*size = n > 0 ? (size_t)n : 0;
	return n > 0 ? CLOVE_OK : CLOVE_ERR_LIMIT;
}

enum clove_err clove_lz4_unpack(struct clove_bytes in, uint8_t *dst, size_t size)
{
	int n = -1;

	if (in.len <= INT_MAX && size <= INT_MAX)
		n = LZ4_decompress_safe((const char *)in.data, (char *)dst, (int)in.len, (int)size);
	return n >= 0 && (size_t)n == size ? CLOVE_OK : CLOVE_ERR_VALUE;
}
