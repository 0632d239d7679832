/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-shape.c - where colours and masks lie in each type's data (spice-wire 11.3). */
#include "client-gtk/cursor-shape.h"

#include "common/protocol/enums.h"

#define BLACK 0xff000000u
#define WHITE 0xffffffffu
/* Pixels that invert the screen while a shape is being made: no premultiplied colour. */
#define INVERSE 0x00ffffffu

/* A type's data: the colours, a palette, and the mask; MONO: the two masks. */
struct layout {
	size_t row, palette, mask_row;    /* bytes; the palette's in all */
};

static bool layout_of(const struct clove_cursor *cursor, struct layout *layout)
{
	size_t w = cursor->width, bits = (w + 7) / 8;

	switch (cursor->type) {
	case CLOVE_CURSOR_TYPE_ALPHA:
		*layout = (struct layout){ w * 4, 0, 0 };
		return true;
	case CLOVE_CURSOR_TYPE_MONO:
		*layout = (struct layout){ bits, 0, bits };
		return true;
	case CLOVE_CURSOR_TYPE_COLOR4:
		*layout = (struct layout){ (w + 1) / 2, 16 * 4, bits };
		return true;
	case CLOVE_CURSOR_TYPE_COLOR8:
		*layout = (struct layout){ w, 256 * 4, bits };
		return true;
	case CLOVE_CURSOR_TYPE_COLOR16:
		*layout = (struct layout){ w * 2, 0, bits };
		return true;
	case CLOVE_CURSOR_TYPE_COLOR24:
		*layout = (struct layout){ w * 3, 0, bits };
		return true;
	case CLOVE_CURSOR_TYPE_COLOR32:
		*layout = (struct layout){ w * 4, 0, bits };
		return true;
	default:
		return false;
	}
}

static inline bool bit(const uint8_t *row, size_t x)
{
	return row[x / 8] >> (7 - x % 8) & 1;
}

/* 0x00RRGGBB of a colour type. */
static uint32_t colour_at(uint8_t type, const uint8_t *row, const uint8_t *palette, size_t x)
{
	uint32_t v;

	switch (type) {
	case CLOVE_CURSOR_TYPE_COLOR4:
		v = clove_le32(palette + 4 * (size_t)(x & 1 ? row[x / 2] & 15 : row[x / 2] >> 4));
		break;
	case CLOVE_CURSOR_TYPE_COLOR8:
		v = clove_le32(palette + 4 * (size_t)row[x]);
		break;
	case CLOVE_CURSOR_TYPE_COLOR16: {
		uint32_t c = clove_le16(row + 2 * x), r = c >> 10 & 31, g = c >> 5 & 31, b = c & 31;

		v = (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
		break;
	}
	case CLOVE_CURSOR_TYPE_COLOR24:
		v = row[3 * x] | (uint32_t)row[3 * x + 1] << 8 | (uint32_t)row[3 * x + 2] << 16;
		break;
	default:
		v = clove_le32(row + 4 * x);
	}
	return v & 0xffffff;
}

static uint32_t pixel(const struct clove_cursor *cursor, const uint8_t *row, const uint8_t *palette,
		const uint8_t *mask, size_t x)
{
	uint32_t colour;

	if (cursor->type == CLOVE_CURSOR_TYPE_ALPHA)
		return clove_le32(row + 4 * x);
	/* MONO: the AND mask comes first, and it is the one that lets the screen through */
	if (cursor->type == CLOVE_CURSOR_TYPE_MONO)
		return bit(row, x) ? bit(mask, x) ? INVERSE : 0 : bit(mask, x) ? WHITE : BLACK;
	colour = colour_at(cursor->type, row, palette, x);
	if (!bit(mask, x))
		return BLACK | colour;
	return colour == 0xffffff ? INVERSE : 0;
}

static uint32_t get(const struct clove_pixels *pixels, int32_t x, int32_t y)
{
	if (x < 0 || y < 0 || x >= pixels->width || y >= pixels->height)
		return 0;
	return clove_le32(clove_pixels_row(pixels, y) + 4 * (size_t)x);
}

static bool touches_inverse(const struct clove_pixels *pixels, int32_t x, int32_t y)
{
	for (int dy = -1; dy <= 1; dy++)
		for (int dx = -1; dx <= 1; dx++)
			if (get(pixels, x + dx, y + dy) == INVERSE)
				return true;
	return false;
}

static void put(const struct clove_pixels *pixels, int32_t x, int32_t y, uint32_t v)
{
	clove_put_le32(clove_pixels_row(pixels, y) + 4 * (size_t)x, v);
}

/* No desktop inverts: what would is black, and what is clear around it white. */
static void outline(const struct clove_pixels *pixels)
{
	for (int32_t y = 0; y < pixels->height; y++)
		for (int32_t x = 0; x < pixels->width; x++)
			if (get(pixels, x, y) == 0 && touches_inverse(pixels, x, y))
				put(pixels, x, y, WHITE);
	for (int32_t y = 0; y < pixels->height; y++)
		for (int32_t x = 0; x < pixels->width; x++)
			if (get(pixels, x, y) == INVERSE)
				put(pixels, x, y, BLACK);
}

enum clove_err clove_cursor_shape_decode(const struct clove_cursor *cursor, struct clove_picture **picture)
{
	size_t height = cursor->height;
	struct layout layout;

	*picture = NULL;
	if (!layout_of(cursor, &layout) || !cursor->width || !cursor->height)
		return CLOVE_ERR_VALUE;
	if (cursor->width > CLOVE_CURSOR_SIDE_MAX || cursor->height > CLOVE_CURSOR_SIDE_MAX)
		return CLOVE_ERR_LIMIT;
	if (cursor->data.len < layout.row * height + layout.palette + layout.mask_row * height)
		return CLOVE_ERR_SHORT;
	*picture = clove_picture_new(CLOVE_FORMAT_RGBA, cursor->width, cursor->height, false);
	if (!*picture)
		return CLOVE_ERR_NOMEM;

	const struct clove_pixels *pixels = &(*picture)->pixels;
	const uint8_t *palette = cursor->data.data + layout.row * height, *masks = palette + layout.palette;

	for (int32_t y = 0; y < pixels->height; y++)
		for (int32_t x = 0; x < pixels->width; x++)
			put(pixels, x, y, pixel(cursor, cursor->data.data + (size_t)y * layout.row, palette,
					masks + (size_t)y * layout.mask_row, (size_t)x));
	if (cursor->type != CLOVE_CURSOR_TYPE_ALPHA)
		outline(pixels);
	return CLOVE_OK;
}
