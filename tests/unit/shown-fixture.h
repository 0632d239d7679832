/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shown-fixture.h - what a display client shows after the drawing messages that our server sends. */
#ifndef CLOVE_TESTS_SHOWN_FIXTURE_H
#define CLOVE_TESTS_SHOWN_FIXTURE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/glz.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"

struct shown_image {
	uint64_t id;
	uint32_t *pixels, width, height;
	struct shown_image *next;
};

struct shown {
	uint32_t *picture;
	uint32_t width, height;
	unsigned int fills, moves, types[256];
	struct clove_glz_dictionary *glz;
	struct shown_image *images;       /* that it was told to keep */
	int64_t kept;                     /* their pixels */
};

static bool get_area(const struct shown *shown, const uint8_t *p, uint32_t *left, uint32_t *top, uint32_t *right, uint32_t *bottom)
{
	*top = clove_le32(p + 4);
	*left = clove_le32(p + 8);
	*bottom = clove_le32(p + 12);
	*right = clove_le32(p + 16);
	return *bottom <= shown->height && *right <= shown->width && *top < *bottom && *left < *right;
}

/* Some bits an index, the first in the highest. */
static void put_indexed(const struct clove_pixels *dst, const uint8_t *data, size_t stride, unsigned int bits,
		const uint8_t *palette)
{
	for (int32_t y = 0; y < dst->height; y++)
		for (int32_t x = 0; x < dst->width; x++) {
			size_t at = (size_t)x * bits;
			unsigned int i = data[(size_t)y * stride + at / 8] >> (8 - bits - at % 8) & ((1u << bits) - 1);

			memcpy(clove_pixels_row(dst, y) + 4 * x, palette + 10 + (size_t)4 * i, 4);
		}
}

static bool decode_glz(const struct shown *shown, const uint8_t *image, bool is_zlib, const struct clove_pixels *dst)
{
	struct clove_bytes in = { image + 22, clove_le32(image + 18) };
	struct clove_buf buf = { NULL };
	bool is_shown = shown->glz;

	if (is_zlib) {
		is_shown = is_shown && clove_zlib_glz_inflate((struct clove_bytes){ image + 26, clove_le32(image + 22) },
				(uint32_t)in.len, (int64_t)dst->width * dst->height, &buf) == CLOVE_OK;
		in = clove_buf_bytes(&buf);
	}
	is_shown = is_shown && clove_glz_decode(shown->glz, in, dst) == CLOVE_OK;
	clove_buf_fini(&buf);
	return is_shown;
}

static struct shown_image **find_image(struct shown *shown, uint64_t id)
{
	struct shown_image **at = &shown->images;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

/* False: there is none. */
static inline bool drop_image(struct shown *shown, uint64_t id)
{
	struct shown_image **at = find_image(shown, id), *image = *at;

	if (!image)
		return false;
	*at = image->next;
	shown->kept -= (int64_t)image->width * image->height;
	free(image->pixels);
	free(image);
	return true;
}

/* INVAL_LIST: of images that are there, as a server knows what is. */
static inline bool drop_images(struct shown *shown, const uint8_t *p, size_t size)
{
	bool is_good = size == 2 + 9 * (size_t)clove_le16(p);

	for (uint16_t i = 0; is_good && i < clove_le16(p); i++)
		is_good = p[2 + 9 * i] == 1 && drop_image(shown, clove_le64(p + 3 + 9 * i));
	return is_good;
}

static bool keep_image(struct shown *shown, const uint8_t *descriptor, const struct clove_pixels *pixels)
{
	struct shown_image *image = malloc(sizeof *image);
	uint32_t width = (uint32_t)pixels->width, height = (uint32_t)pixels->height;

	if (*find_image(shown, clove_le64(descriptor))) {
		free(image);
		return false;
	}
	*image = (struct shown_image){ clove_le64(descriptor), malloc((size_t)width * height * 4), width, height,
			shown->images };
	for (uint32_t y = 0; y < height; y++)
		memcpy(image->pixels + (size_t)y * width, clove_pixels_row(pixels, (int32_t)y), (size_t)width * 4);
	shown->images = image;
	shown->kept += (int64_t)width * height;
	return true;
}

static bool show_kept(struct shown *shown, const uint8_t *p, const uint8_t *descriptor, const struct clove_pixels *dst)
{
	const struct shown_image *image = *find_image(shown, clove_le64(descriptor));
	uint32_t top = clove_le32(p + 25), left = clove_le32(p + 29);

	if (!image || clove_le32(descriptor + 10) != image->width || clove_le32(descriptor + 14) != image->height ||
			clove_le32(p + 33) != top + (uint32_t)dst->height || clove_le32(p + 33) > image->height ||
			clove_le32(p + 37) != left + (uint32_t)dst->width || clove_le32(p + 37) > image->width)
		return false;
	for (uint32_t y = 0; y < (uint32_t)dst->height; y++)
		memcpy(clove_pixels_row(dst, (int32_t)y), image->pixels + (size_t)(top + y) * image->width + left,
				(size_t)dst->width * 4);
	return true;
}

static bool decode_image(struct shown *shown, const uint8_t *p, const uint8_t *image, const struct clove_pixels *to);

static bool decode_copy(struct shown *shown, const uint8_t *p, size_t size)
{
	uint32_t left, top, right, bottom, at = clove_le32(p + 21);

	if (!get_area(shown, p, &left, &top, &right, &bottom) || at + 18 > size)
		return false;
	const uint8_t *image = p + at;
	struct clove_pixels dst = { (uint8_t *)(shown->picture + (size_t)top * shown->width + left), (int32_t)(right - left),
			(int32_t)(bottom - top), (ptrdiff_t)shown->width * 4, CLOVE_FORMAT_RGB32 };

	shown->types[image[8]]++;
	if (image[8] == 103)
		return show_kept(shown, p, image, &dst);
	return decode_image(shown, p, image, &dst) && (!(image[9] & 1) || keep_image(shown, image, &dst));
}

static bool decode_image(struct shown *shown, const uint8_t *p, const uint8_t *image, const struct clove_pixels *to)
{
	struct clove_palette palette = { NULL, 0 };
	struct clove_pixels dst = *to;
	uint32_t entries[256], n = clove_le32(image + 18), width = (uint32_t)dst.width;

	switch (image[8]) {
	case 1:
		return clove_quic_decode((struct clove_bytes){ image + 22, n }, &dst) == CLOVE_OK;
	case 100:
		palette = (struct clove_palette){ entries, clove_le16(p + clove_le32(image + 23) + 8) };
		memcpy(entries, p + clove_le32(image + 23) + 10, palette.count * 4);
		return clove_lz_decode((struct clove_bytes){ image + 27, clove_le32(image + 19) }, &palette,
				&dst) == CLOVE_OK;
	case 101:
		return clove_lz_decode((struct clove_bytes){ image + 22, n }, NULL, &dst) == CLOVE_OK;
	case 102:
	case 107:
		return decode_glz(shown, image, image[8] == 107, &dst);
	case 105:
		return clove_jpeg_decode((struct clove_bytes){ image + 22, n }, &dst) == CLOVE_OK;
	case 109:
		return clove_lz4_decode((struct clove_bytes){ image + 22, n }, &dst) == CLOVE_OK;
	case 0:
		if (image[18] == 2 || image[18] == 4) {
			put_indexed(&dst, image + 36, clove_le32(image + 28), image[18] == 2 ? 1 : 4,
					p + clove_le32(image + 32));
			return true;
		}
		for (int32_t y = 0; y < dst.height; y++)
			memcpy(clove_pixels_row(&dst, y),
					image + 36 + (size_t)y * width * 4, width * 4);
		return image[18] == 8;
	default:
		return false;
	}
}

static bool decode_fill(struct shown *shown, const uint8_t *p)
{
	uint32_t left, top, right, bottom;

	if (!get_area(shown, p, &left, &top, &right, &bottom) || p[21] != 1)
		return false;
	for (uint32_t y = top; y < bottom; y++)
		for (uint32_t x = left; x < right; x++)
			shown->picture[(size_t)y * shown->width + x] = clove_le32(p + 22);
	shown->fills++;
	return true;
}

static bool decode_copy_bits(struct shown *shown, const uint8_t *p)
{
	uint32_t left, top, right, bottom, x0 = clove_le32(p + 21), y0 = clove_le32(p + 25);

	if (!get_area(shown, p, &left, &top, &right, &bottom) || x0 + right - left > shown->width ||
			y0 + bottom - top > shown->height)
		return false;

	size_t bytes = (size_t)shown->width * shown->height * 4;
	uint32_t *was = malloc(bytes);

	memcpy(was, shown->picture, bytes);
	for (uint32_t y = top; y < bottom; y++)
		memcpy(shown->picture + (size_t)y * shown->width + left, was + (size_t)(y0 + y - top) * shown->width + x0,
				(right - left) * 4);
	free(was);
	shown->moves++;
	return true;
}

static inline bool is_drawing(uint16_t id)
{
	return id == 304 || id == 302 || id == 104;
}

static bool show(struct shown *shown, uint16_t id, const uint8_t *p, size_t size)
{
	return id == 304 ? decode_copy(shown, p, size) : id == 302 ? decode_fill(shown, p) :
			decode_copy_bits(shown, p);
}

#endif
