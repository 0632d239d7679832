/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pixels.c - how many bytes each format takes, and how one becomes another. */
#include "common/codec/pixels.h"

#include <string.h>

size_t clove_format_row_bytes(enum clove_format format, int32_t width)
{
	size_t n = (size_t)width;

	if (width < 0)
		return 0;
	switch (format) {
	case CLOVE_FORMAT_PLT1_LE:
	case CLOVE_FORMAT_PLT1_BE:
		return n / 8 + (n % 8 != 0);
	case CLOVE_FORMAT_PLT4_LE:
	case CLOVE_FORMAT_PLT4_BE:
		return n / 2 + n % 2;
	case CLOVE_FORMAT_PLT8:
	case CLOVE_FORMAT_A8:
	case CLOVE_FORMAT_GRAY:
		return n;
	case CLOVE_FORMAT_RGB16:
		return n * 2;
	case CLOVE_FORMAT_RGB24:
		return n * 3;
	case CLOVE_FORMAT_RGB32:
	case CLOVE_FORMAT_RGBA:
		return n * 4;
	default:
		return 0;
	}
}

enum clove_err clove_pixels_check_size(int64_t width, int64_t height)
{
	if (width < 1 || height < 1)
		return CLOVE_ERR_VALUE;
	if (width > CLOVE_PIXELS_MAX_SIDE || height > CLOVE_PIXELS_MAX_SIDE
			|| width * height > CLOVE_PIXELS_MAX)
		return CLOVE_ERR_LIMIT;
	return CLOVE_OK;
}

bool clove_pixels_converts(enum clove_format from, enum clove_format into)
{
	if (from == into)
		return from > CLOVE_FORMAT_NONE && from < CLOVE_FORMATS;
	switch (into) {
	case CLOVE_FORMAT_RGB32:
		return (from >= CLOVE_FORMAT_PLT1_LE && from <= CLOVE_FORMAT_RGBA)
				|| from == CLOVE_FORMAT_GRAY;
	case CLOVE_FORMAT_RGBA:
		return from >= CLOVE_FORMAT_PLT1_LE && from <= CLOVE_FORMAT_A8;
	case CLOVE_FORMAT_RGB16:
		return from >= CLOVE_FORMAT_PLT1_LE && from <= CLOVE_FORMAT_RGBA;
	case CLOVE_FORMAT_RGB24:
		return from == CLOVE_FORMAT_RGB32 || from == CLOVE_FORMAT_RGBA;
	default:
		return false;
	}
}

static uint32_t widen(uint32_t v)
{
	uint32_t r = v >> 10 & 31, g = v >> 5 & 31, b = v & 31;

	return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static uint16_t narrow(uint32_t v)
{
	return (uint16_t)((v >> 9 & 0x7c00) | (v >> 6 & 0x03e0) | (v >> 3 & 0x001f));
}

/* The palette index of pixel x in a packed row. */
static uint32_t index_at(const uint8_t *src, enum clove_format from, int32_t x)
{
	switch (from) {
	case CLOVE_FORMAT_PLT1_LE:
		return src[x >> 3] >> (x & 7) & 1;
	case CLOVE_FORMAT_PLT1_BE:
		return src[x >> 3] >> (7 - (x & 7)) & 1;
	case CLOVE_FORMAT_PLT4_LE:
		return src[x >> 1] >> (x & 1) * 4 & 15;
	case CLOVE_FORMAT_PLT4_BE:
		return src[x >> 1] >> (1 - (x & 1)) * 4 & 15;
	default:
		return src[x];
	}
}

static enum clove_err convert_palette(uint8_t *dst, enum clove_format into, const uint8_t *src,
		enum clove_format from, int32_t n, const struct clove_palette *palette)
{
	uint32_t high = into == CLOVE_FORMAT_RGBA ? 0xff000000 : 0;
	size_t size = into == CLOVE_FORMAT_RGB16 ? 2 : 4;
	enum clove_err err = CLOVE_OK;

	if (!palette || !palette->count)
		return CLOVE_ERR_BOUNDS;
	for (int32_t x = 0; x < n; x++) {
		uint32_t index = index_at(src, from, x);

		if (index >= palette->count) {
			memset(dst + (size_t)x * size, 0, size);
			err = from == CLOVE_FORMAT_PLT4_LE || from == CLOVE_FORMAT_PLT4_BE ? err : CLOVE_ERR_BOUNDS;
			continue;
		}
		if (into == CLOVE_FORMAT_RGB16)
			clove_put_le16(dst + 2 * (size_t)x, (uint16_t)palette->entries[index]);
		else
			clove_put_le32(dst + 4 * (size_t)x, (palette->entries[index] & 0xffffff) | high);
	}
	return err;
}

/* Pixel x as 0xAARRGGBB. */
static inline uint32_t colour_at(const uint8_t *src, enum clove_format from, int32_t x)
{
	switch (from) {
	case CLOVE_FORMAT_RGB16:
		return 0xff000000 | widen(clove_le16(src + 2 * (size_t)x));
	case CLOVE_FORMAT_RGB24:
		src += 3 * (size_t)x;
		return 0xff000000 | (uint32_t)src[2] << 16 | (uint32_t)src[1] << 8 | src[0];
	case CLOVE_FORMAT_RGB32:
		return 0xff000000 | clove_le32(src + 4 * (size_t)x);
	case CLOVE_FORMAT_RGBA:
		return clove_le32(src + 4 * (size_t)x);
	case CLOVE_FORMAT_A8:
		return (uint32_t)src[x] << 24;
	default:  /* GRAY */
		return 0xff000000 | src[x] * 0x010101u;
	}
}

/* One loop per pair once `from` and `into` are constants. */
static inline __attribute__((always_inline)) void convert_colours(uint8_t *dst, enum clove_format into,
		const uint8_t *src, enum clove_format from, int32_t n)
{
	for (int32_t x = 0; x < n; x++) {
		uint32_t v = colour_at(src, from, x);

		if (into == CLOVE_FORMAT_RGB32) {
			clove_put_le32(dst + 4 * (size_t)x, v & 0xffffff);
		} else if (into == CLOVE_FORMAT_RGBA) {
			clove_put_le32(dst + 4 * (size_t)x, v);
		} else if (into == CLOVE_FORMAT_RGB16) {
			clove_put_le16(dst + 2 * (size_t)x, narrow(v));
		} else {
			dst[3 * (size_t)x] = (uint8_t)v;
			dst[3 * (size_t)x + 1] = (uint8_t)(v >> 8);
			dst[3 * (size_t)x + 2] = (uint8_t)(v >> 16);
		}
	}
}

enum clove_err clove_pixels_convert_row(uint8_t *dst, enum clove_format into, const uint8_t *src,
		enum clove_format from, int32_t n, const struct clove_palette *palette)
{
	if (n < 0 || !clove_pixels_converts(from, into))
		return CLOVE_ERR_UNSUPPORTED;
	if (from == into)
		memcpy(dst, src, clove_format_row_bytes(from, n));
	else if (clove_format_is_palette(from))
		return convert_palette(dst, into, src, from, n, palette);
	else if (into == CLOVE_FORMAT_RGB32 && from == CLOVE_FORMAT_RGB24)
		convert_colours(dst, CLOVE_FORMAT_RGB32, src, CLOVE_FORMAT_RGB24, n);
	else if (into == CLOVE_FORMAT_RGB32 && from == CLOVE_FORMAT_RGB16)
		convert_colours(dst, CLOVE_FORMAT_RGB32, src, CLOVE_FORMAT_RGB16, n);
	else if (into == CLOVE_FORMAT_RGB32)
		convert_colours(dst, CLOVE_FORMAT_RGB32, src, from, n);
	else if (into == CLOVE_FORMAT_RGBA)
		convert_colours(dst, CLOVE_FORMAT_RGBA, src, from, n);
	else if (into == CLOVE_FORMAT_RGB16)
		convert_colours(dst, CLOVE_FORMAT_RGB16, src, from, n);
	else
		convert_colours(dst, CLOVE_FORMAT_RGB24, src, from, n);
	return CLOVE_OK;
}

enum clove_err clove_pixels_convert(const struct clove_pixels *dst, const struct clove_pixels *src,
		const struct clove_palette *palette)
{
	enum clove_err err = CLOVE_OK;

	if (dst->width != src->width || dst->height != src->height)
		return CLOVE_ERR_BOUNDS;
	/* After a bad palette index go on: the other rows are good, and nothing stays unset. */
	for (int32_t y = 0; y < dst->height && (!err || err == CLOVE_ERR_BOUNDS); y++) {
		enum clove_err row = clove_pixels_convert_row(clove_pixels_row(dst, y), dst->format,
				clove_pixels_row(src, y), src->format, dst->width, palette);

		err = row ? row : err;
	}
	return err;
}

void clove_pixels_set_high_bits(const struct clove_pixels *pixels)
{
	if (pixels->format != CLOVE_FORMAT_RGB32 && pixels->format != CLOVE_FORMAT_RGBA)
		return;
	for (int32_t y = 0; y < pixels->height; y++) {
		uint8_t *row = clove_pixels_row(pixels, y);

		for (int32_t x = 0; x < pixels->width; x++)
			row[4 * (size_t)x + 3] = 0xff;
	}
}
