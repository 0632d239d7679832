/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.c - what each kind of image is on each kind of surface (raster 3), and scaled (raster 8). */
#include "common/canvas/words.h"

#include <stdlib.h>
#include <string.h>

enum { FMT_555 = CLOVE_SURFACE_FMT_16_555, FMT_565 = CLOVE_SURFACE_FMT_16_565,
	FMT_XRGB = CLOVE_SURFACE_FMT_32_XRGB, FMT_ARGB = CLOVE_SURFACE_FMT_32_ARGB,
	FMT_A8 = CLOVE_SURFACE_FMT_8_A, FMT_A1 = CLOVE_SURFACE_FMT_1_A };

/* -- words and colours -- */

static inline uint32_t from_555(uint32_t v)
{
	uint32_t r = v >> 10 & 31, g = v >> 5 & 31, b = v & 31;

	return 0xff000000 | (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static inline uint32_t from_565(uint32_t v)
{
	uint32_t r = v >> 11 & 31, g = v >> 5 & 63, b = v & 31;

	return 0xff000000 | (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static inline uint16_t to_555(uint32_t v)
{
	return (uint16_t)((v >> 9 & 0x7c00) | (v >> 6 & 0x03e0) | (v >> 3 & 0x001f));
}

static inline uint16_t to_565(uint32_t v)
{
	return (uint16_t)((v >> 8 & 0xf800) | (v >> 5 & 0x07e0) | (v >> 3 & 0x001f));
}

void clove_surface_to_argb(const uint8_t *words, uint32_t format, int32_t n, uint32_t *argb)
{
	for (int32_t i = 0; i < n; i++) {
		switch (format) {
		case FMT_555:
			argb[i] = from_555(clove_le16(words + 2 * (size_t)i));
			break;
		case FMT_565:
			argb[i] = from_565(clove_le16(words + 2 * (size_t)i));
			break;
		case FMT_XRGB:
			argb[i] = 0xff000000 | clove_le32(words + 4 * (size_t)i);
			break;
		case FMT_ARGB:
			argb[i] = clove_le32(words + 4 * (size_t)i);
			break;
		default:
			argb[i] = (uint32_t)words[i] << 24;
		}
	}
}

void clove_surface_from_argb(uint8_t *words, uint32_t format, int32_t n, const uint32_t *argb)
{
	for (int32_t i = 0; i < n; i++) {
		switch (format) {
		case FMT_555:
			clove_put_le16(words + 2 * (size_t)i, to_555(argb[i]));
			break;
		case FMT_565:
			clove_put_le16(words + 2 * (size_t)i, to_565(argb[i]));
			break;
		case FMT_XRGB:
			clove_put_le32(words + 4 * (size_t)i, argb[i] & 0xffffff);
			break;
		case FMT_ARGB:
			clove_put_le32(words + 4 * (size_t)i, argb[i]);
			break;
		case FMT_A8:
			words[i] = argb[i] >> 24;
			break;
		default:
			words[i] = argb[i] >> 31 ? 255 : 0;
		}
	}
}

/* -- plain -- */

static const struct {
	uint32_t surface;
	enum clove_format format;
	size_t bytes;
} surface_formats[] = {
	{ FMT_A1,   CLOVE_FORMAT_A8,    1 },
	{ FMT_A8,   CLOVE_FORMAT_A8,    1 },
	{ FMT_555,  CLOVE_FORMAT_RGB16, 2 },
	{ FMT_565,  CLOVE_FORMAT_RGB16, 2 },
	{ FMT_XRGB, CLOVE_FORMAT_RGB32, 4 },
	{ FMT_ARGB, CLOVE_FORMAT_RGBA,  4 },
};

size_t clove_canvas_bytes(uint32_t format)
{
	for (size_t i = 0; i < sizeof surface_formats / sizeof *surface_formats; i++)
		if (surface_formats[i].surface == format)
			return surface_formats[i].bytes;
	return 0;
}

static enum clove_err open_surface(struct clove_words *words, const struct clove_canvas *surface,
		const struct clove_canvas *target)
{
	size_t bytes = clove_canvas_bytes(surface->format);

	if (!bytes)
		return CLOVE_ERR_UNSUPPORTED;
	words->format = surface->format;
	words->is_raw = bytes == words->bytes; /* of one depth words are copied, whatever they mean */
	words->pixels = (struct clove_pixels){ surface->data, surface->width, surface->height,
			(ptrdiff_t)surface->stride, CLOVE_FORMAT_NONE };
	for (size_t i = 0; i < sizeof surface_formats / sizeof *surface_formats; i++)
		if (surface_formats[i].surface == surface->format)
			words->pixels.format = surface_formats[i].format;
	words->is_opaque = surface->format != FMT_ARGB && bytes != 1;
	if (surface->data != target->data)
		return CLOVE_OK;
	words->own = malloc(surface->stride * (size_t)surface->height);
	if (!words->own)
		return CLOVE_ERR_NOMEM;
	memcpy(words->own, surface->data, surface->stride * (size_t)surface->height);
	words->pixels.data = words->own;
	return CLOVE_OK;
}

enum clove_err clove_words_init(struct clove_words *words, const struct clove_canvas_image *image,
		const struct clove_canvas *target)
{
	enum clove_format from = image->pixels.format;

	words->target = target->format;
	words->bytes = clove_canvas_bytes(target->format);
	if (!words->bytes || image->kind == CLOVE_CANVAS_NO_IMAGE)
		return CLOVE_ERR_UNSUPPORTED;
	if (image->kind == CLOVE_CANVAS_SURFACE)
		return image->surface ? open_surface(words, image->surface, target) : CLOVE_ERR_STATE;
	if (from <= CLOVE_FORMAT_NONE || from > CLOVE_FORMAT_A8 ||
			(clove_format_is_palette(from) && !image->palette) ||
			image->pixels.width < 1 || image->pixels.height < 1)
		return CLOVE_ERR_UNSUPPORTED;
	words->pixels = image->pixels;
	words->palette = image->palette;
	words->has_high_bits = image->has_high_bits && words->bytes == 4 && from != CLOVE_FORMAT_RGBA;
	words->has_low_bits = words->bytes == 4 && !image->has_high_bits && (from == CLOVE_FORMAT_RGB24 ||
			(from == CLOVE_FORMAT_RGB16 && image->is_decoded));
	words->is_opaque = words->bytes != 4 || from != CLOVE_FORMAT_RGBA;
	words->is_raw = !words->has_high_bits &&
			((words->bytes == 4 && (from == CLOVE_FORMAT_RGB32 || from == CLOVE_FORMAT_RGBA)) ||
			(target->format == FMT_555 && from == CLOVE_FORMAT_RGB16) ||
			(target->format == FMT_A8 && from == CLOVE_FORMAT_A8));
	return CLOVE_OK;
}

void clove_words_fini(struct clove_words *words)
{
	free(words->own);
	free(words->rows[0]);
	free(words->rows[1]);
}

/* The palette index of pixel x in a row. */
static inline uint32_t index_at(const uint8_t *row, enum clove_format from, int64_t x)
{
	switch (from) {
	case CLOVE_FORMAT_PLT1_LE:
		return row[x >> 3] >> (x & 7) & 1;
	case CLOVE_FORMAT_PLT1_BE:
		return row[x >> 3] >> (7 - (x & 7)) & 1;
	case CLOVE_FORMAT_PLT4_LE:
		return row[x >> 1] >> (x & 1) * 4 & 15;
	case CLOVE_FORMAT_PLT4_BE:
		return row[x >> 1] >> (1 - (x & 1)) * 4 & 15;
	default:
		return row[x];
	}
}

/* A pixel in its native form as 0xAARRGGBB. */
static inline uint32_t argb_at(const struct clove_words *words, const uint8_t *row, int64_t x)
{
	switch (words->pixels.format) {
	case CLOVE_FORMAT_RGB16:
		return words->format == FMT_565 ? from_565(clove_le16(row + 2 * x)) :
				from_555(clove_le16(row + 2 * x));
	case CLOVE_FORMAT_RGB24:
		row += 3 * x;
		return 0xff000000 | (uint32_t)row[2] << 16 | (uint32_t)row[1] << 8 | row[0];
	case CLOVE_FORMAT_RGB32:
		return clove_le32(row + 4 * x) | (words->has_surface_alpha ? 0 : 0xff000000);
	case CLOVE_FORMAT_RGBA:
		return clove_le32(row + 4 * x);
	case CLOVE_FORMAT_A8:
		return (uint32_t)row[x] << 24;
	default: {
		uint32_t entry = words->palette[index_at(row, words->pixels.format, x)];

		/* entries are words of the target */
		return words->target == FMT_555 ? from_555(entry) : words->target == FMT_565 ?
				from_565(entry) : words->target == FMT_ARGB ? entry : 0xff000000 | entry;
	}
	}
}

const uint8_t *clove_words_get(const struct clove_words *words, int64_t x, int64_t y, int32_t n,
		uint8_t *into)
{
	const uint8_t *row = clove_pixels_row(&words->pixels, (int32_t)y);
	enum clove_format from = words->pixels.format;

	if (words->is_raw)
		return row + (size_t)x * words->bytes;
	for (int32_t i = 0; i < n; i++, x++) {
		uint32_t v;

		if (clove_format_is_palette(from))
			v = words->palette[index_at(row, from, x)];
		else if (words->bytes == 4 && from == CLOVE_FORMAT_RGB32)
			v = clove_le32(row + 4 * x);
		else
			v = argb_at(words, row, x);
		if (words->bytes == 4)
			clove_put_le32(into + 4 * (size_t)i, words->has_high_bits ? v | 0xff000000 :
					words->has_low_bits ? v & 0xffffff : v);
		else if (words->bytes == 2 && clove_format_is_palette(from))
			clove_put_le16(into + 2 * (size_t)i, (uint16_t)v);
		else
			clove_surface_from_argb(into + words->bytes * (size_t)i, words->target, 1, &v);
	}
	return into;
}

void clove_words_argb(const struct clove_words *words, int64_t x, int64_t y, int32_t n, uint32_t *into)
{
	const uint8_t *row;

	if (y < 0 || y >= words->pixels.height) {
		memset(into, 0, (size_t)n * 4);
		return;
	}
	row = clove_pixels_row(&words->pixels, (int32_t)y);
	for (int32_t i = 0; i < n; i++, x++)
		into[i] = x < 0 || x >= words->pixels.width ? 0 : argb_at(words, row, x);
}

/* -- scaled -- */

static enum clove_err set_scale(struct clove_words *words, struct clove_axis x, struct clove_axis y,
		bool is_smooth)
{
	size_t size = (size_t)words->pixels.width * words->bytes;

	words->is_scaled = true;
	words->is_smooth = is_smooth;
	words->x = x;
	words->y = y;
	words->at[0] = words->at[1] = -1;
	for (int i = 0; i < 2 && !words->rows[i]; i++)
		words->rows[i] = malloc(size ? size : 1);
	return words->rows[0] && words->rows[1] ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

enum clove_err clove_words_scale(struct clove_words *words, const pixman_box32_t *area, int64_t box_width,
		int64_t box_height, bool is_smooth, bool is_composited)
{
	struct clove_axis x, y;

	if (area->x2 <= area->x1 || area->y2 <= area->y1 || box_width < 1 || box_height < 1)
		return CLOVE_ERR_BOUNDS;
	x.step = (((int64_t)area->x2 - area->x1) << 16) / box_width;
	y.step = (((int64_t)area->y2 - area->y1) << 16) / box_height;
	x.base = (int64_t)area->x1 * 65536 + ((x.step + 1) >> 1);
	y.base = (int64_t)area->y1 * 65536 + ((y.step + 1) >> 1);
	words->is_composited = is_composited;
	return set_scale(words, x, y, is_smooth);
}

enum clove_err clove_words_scale_rop3(struct clove_words *words, const pixman_box32_t *area,
		int64_t box_width, int64_t box_height, bool is_smooth)
{
	struct clove_axis x, y;
	double sx, sy;

	if (area->x2 <= area->x1 || area->y2 <= area->y1 || box_width < 1 || box_height < 1)
		return CLOVE_ERR_BOUNDS;
	sx = (double)((int64_t)area->x2 - area->x1) / (double)box_width;
	sy = (double)((int64_t)area->y2 - area->y1) / (double)box_height;
	x.step = (int64_t)(65536 * sx);
	y.step = (int64_t)(65536 * sy);
	/* left / sx is at most 2^62 and so are the products: left is an int32, sx at least 2^-32 */
	if (area->x1 / sx > 1e9 || area->x1 / sx < -1e9 || area->y1 / sy > 1e9 || area->y1 / sy < -1e9)
		return CLOVE_ERR_BOUNDS;
	x.base = x.step * (int64_t)__builtin_floor(area->x1 / sx + 0.5) + ((x.step + 1) >> 1);
	y.base = y.step * (int64_t)__builtin_floor(area->y1 / sy + 0.5) + ((y.step + 1) >> 1);
	return set_scale(words, x, y, is_smooth);
}

/* Row y in canvas form; NULL outside the image. */
static const uint8_t *row_at(struct clove_words *words, int64_t y, int slot)
{
	if (y < 0 || y >= words->pixels.height)
		return NULL;
	if (words->is_raw)
		return clove_words_get(words, 0, y, words->pixels.width, NULL);
	if (words->at[0] == y || words->at[1] == y)
		return words->rows[words->at[1] == y];
	words->at[slot] = y;
	return clove_words_get(words, 0, y, words->pixels.width, words->rows[slot]);
}

/* Pixel x of a row in canvas form, its channels 8 bits each. */
static inline uint32_t channels_at(const struct clove_words *words, const uint8_t *row, int64_t x,
		uint32_t form)
{
	uint32_t v;

	if (!row || x < 0 || x >= words->pixels.width)
		return 0;
	if (words->bytes == 4) {
		v = clove_le32(row + 4 * x);
		return words->is_composited && words->is_opaque ? v | 0xff000000 : v;
	}
	clove_surface_to_argb(row + words->bytes * (size_t)x, form, 1, &v);
	return v;
}

static inline uint32_t between(uint32_t tl, uint32_t tr, uint32_t bl, uint32_t br, uint32_t wx, uint32_t wy)
{
	uint32_t result = 0;

	for (int shift = 0; shift < 32; shift += 8) {
		uint32_t v = (tl >> shift & 255) * (256 - wx) * (256 - wy) + (tr >> shift & 255) * wx *
				(256 - wy) + (bl >> shift & 255) * (256 - wx) * wy + (br >> shift & 255) * wx * wy;

		result |= (v >> 16) << shift;
	}
	return result;
}

void clove_words_get_scaled(struct clove_words *words, int64_t i, int64_t j, int32_t n, uint8_t *into)
{
	/* words of a surface of the same depth keep that surface's form */
	uint32_t form = words->format && words->is_raw ? words->format : words->target;
	uint32_t store = words->is_composited ? words->target : form;
	int64_t px = words->x.base + words->x.step * i, py = words->y.base + words->y.step * j;

	if (!words->is_smooth) {
		const uint8_t *row = row_at(words, (py - 1) >> 16, 0);

		for (int32_t k = 0; k < n; k++, px += words->x.step) {
			int64_t x = (px - 1) >> 16;
			uint8_t *to = into + words->bytes * (size_t)k;

			if (words->is_composited) {
				uint32_t v = channels_at(words, row, x, form);

				clove_surface_from_argb(to, store, 1, &v);
			} else if (!row || x < 0 || x >= words->pixels.width) {
				memset(to, 0, words->bytes);
			} else {
				memcpy(to, row + words->bytes * (size_t)x, words->bytes);
				if (form == FMT_555) /* as in every scaled image */
					to[1] &= 0x7f;
			}
		}
		return;
	}

	py -= 0x8000;
	const uint8_t *top = row_at(words, py >> 16, (int)(py >> 16 & 1));
	const uint8_t *bottom = row_at(words, (py >> 16) + 1, (int)(~(py >> 16) & 1));
	uint32_t wy = (uint32_t)(py >> 9 & 127) * 2;

	for (int32_t k = 0; k < n; k++, px += words->x.step) {
		int64_t p = px - 0x8000, x = p >> 16;
		uint32_t wx = (uint32_t)(p >> 9 & 127) * 2;
		uint32_t v = between(channels_at(words, top, x, form), channels_at(words, top, x + 1, form),
				channels_at(words, bottom, x, form), channels_at(words, bottom, x + 1, form),
				wx, wy);

		if (words->bytes == 4 && !words->is_composited)
			clove_put_le32(into + 4 * (size_t)k, v);
		else
			clove_surface_from_argb(into + words->bytes * (size_t)k, store, 1, &v);
	}
}

void clove_words_argb_scaled(struct clove_words *words, int64_t i, int64_t j, int32_t n, uint32_t *into)
{
	int64_t y = (words->y.base + words->y.step * j - 1) >> 16;

	for (int32_t k = 0; k < n; k++)
		clove_words_argb(words, (words->x.base + words->x.step * (i + k) - 1) >> 16, y, 1, into + k);
}
