/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-encode.c - knows which codec pays for which piece, and writes the pixels straight into the message.
 *
 * DRAW_COPY is written here and not by a layout: its pixels are encoded in place behind the head,
 * instead of elsewhere and then copied. Clients always see 32 bits a pixel.
 */
#include "server/image-encode.h"

#include <string.h>
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "server/drawable.h"

enum {
	HEAD = 57,                    /* of a DRAW_COPY without clip rectangles, before the image */
	DESCRIPTOR = 18,
	BITMAP_HEAD = 18,             /* format, flags, x, y, stride, palette */
	SIZED_HEAD = 4,               /* data_size */
	TYPE_BITMAP = 0, TYPE_LZ_RGB = 101, TYPE_LZ4 = 109,
	ROP_PUT = 8,
	FLAG_TOP_DOWN = 4,
	WORTH_ENCODING = 54,          /* bytes; below, the codec's head eats what it saves */
};

enum clove_image_codec clove_image_codec_for(int compression, bool has_lz4, bool is_unix)
{
	if (compression <= 1 || is_unix)
		return CLOVE_IMAGE_RAW;
	return has_lz4 && (compression <= 3 || compression == 7) ? CLOVE_IMAGE_LZ4 : CLOVE_IMAGE_LZ;
}

static void put_box(uint8_t *p, const pixman_box32_t *box)
{
	clove_put_le32(p, (uint32_t)box->y1);
	clove_put_le32(p + 4, (uint32_t)box->x1);
	clove_put_le32(p + 8, (uint32_t)box->y2);
	clove_put_le32(p + 12, (uint32_t)box->x2);
}

static void put_head(uint8_t *p, const pixman_box32_t *area, uint8_t type)
{
	pixman_box32_t source = { 0, 0, area->x2 - area->x1, area->y2 - area->y1 };

	memset(p, 0, HEAD + DESCRIPTOR);
	put_box(p + 4, area);
	clove_put_le32(p + 21, HEAD);
	put_box(p + 25, &source);
	clove_put_le16(p + 41, ROP_PUT);
	p[HEAD + 8] = type;
	clove_put_le32(p + HEAD + 10, (uint32_t)source.x2);
	clove_put_le32(p + HEAD + 14, (uint32_t)source.y2);
}

/* A row of any surface as RGB32. */
static enum clove_err get_row(const struct clove_surface *surface, int32_t x, int32_t y, int32_t n,
		uint8_t *into)
{
	struct clove_pixels pixels = clove_surface_pixels(surface);
	const uint8_t *row = clove_surface_row(surface, y) + (size_t)x * surface->bytes_per_pixel;

	if (surface->info.format == CLOVE_SURFACE_16_565) {
		for (int32_t i = 0; i < n; i++) {
			uint32_t v = clove_le16(row + (size_t)i * 2);
			uint32_t r = v >> 11, g = v >> 5 & 63, b = v & 31;

			clove_put_le32(into + (size_t)i * 4, (r << 3 | r >> 2) << 16 |
					(g << 2 | g >> 4) << 8 | b << 3 | b >> 2);
		}
		return CLOVE_OK;
	}
	if (pixels.format == CLOVE_FORMAT_RGB16)
		return clove_pixels_convert_row(into, CLOVE_FORMAT_RGB32, row, pixels.format, n, NULL);
	memset(into, 0, (size_t)n * 4); /* alpha alone is black */
	return CLOVE_OK;
}

static enum clove_err convert(const struct clove_surface *surface, const pixman_box32_t *area,
		struct clove_buf *copy, struct clove_pixels *view)
{
	int32_t width = area->x2 - area->x1, height = area->y2 - area->y1;
	enum clove_err err = CLOVE_OK;

	if (surface->bytes_per_pixel == 4) {
		*view = (struct clove_pixels){ clove_surface_row(surface, area->y1) + (size_t)area->x1 * 4,
				width, height, (ptrdiff_t)surface->stride, CLOVE_FORMAT_RGB32 };
		return CLOVE_OK;
	}
	if (!clove_buf_reserve(copy, (size_t)width * (size_t)height * 4))
		return CLOVE_ERR_NOMEM;
	*view = (struct clove_pixels){ copy->data, width, height, (ptrdiff_t)width * 4,
			CLOVE_FORMAT_RGB32 };
	for (int32_t y = 0; y < height && err == CLOVE_OK; y++)
		err = get_row(surface, area->x1, area->y1 + y, width, clove_pixels_row(view, y));
	return err;
}

static enum clove_err encode(enum clove_image_codec codec, const struct clove_pixels *view,
		uint8_t *into, size_t capacity, size_t *size)
{
	if (codec == CLOVE_IMAGE_LZ4)
		return clove_lz4_encode(into, capacity, view, true, size);
	return clove_lz_encode(into, capacity, view, true, size);
}

enum clove_err clove_image_draw_copy(const struct clove_surface *surface,
		const pixman_box32_t *area, enum clove_image_codec codec, struct clove_buf *out)
{
	struct clove_buf copy = { 0 };
	struct clove_pixels view;
	enum clove_err err = convert(surface, area, &copy, &view);
	size_t raw = (size_t)view.width * (size_t)view.height * 4, size = 0;
	uint8_t *p = err == CLOVE_OK ? clove_buf_reserve(out, HEAD + DESCRIPTOR + BITMAP_HEAD + raw) : NULL;

	if (!p) {
		clove_buf_fini(&copy);
		return err == CLOVE_OK ? CLOVE_ERR_NOMEM : err;
	}
	if (codec != CLOVE_IMAGE_RAW && raw > WORTH_ENCODING &&
			encode(codec, &view, p + HEAD + DESCRIPTOR + SIZED_HEAD, raw, &size) == CLOVE_OK) {
		put_head(p, area, codec == CLOVE_IMAGE_LZ4 ? TYPE_LZ4 : TYPE_LZ_RGB);
		clove_put_le32(p + HEAD + DESCRIPTOR, (uint32_t)size);
		out->len += HEAD + DESCRIPTOR + SIZED_HEAD + size;
	} else {
		uint8_t *body = p + HEAD + DESCRIPTOR;

		put_head(p, area, TYPE_BITMAP);
		memset(body, 0, BITMAP_HEAD);
		body[0] = CLOVE_FORMAT_RGB32;
		body[1] = FLAG_TOP_DOWN;
		clove_put_le32(body + 2, (uint32_t)view.width);
		clove_put_le32(body + 6, (uint32_t)view.height);
		clove_put_le32(body + 10, (uint32_t)view.width * 4);
		for (int32_t y = 0; y < view.height; y++)
			memcpy(body + BITMAP_HEAD + (size_t)y * (size_t)view.width * 4,
					clove_pixels_row(&view, y), (size_t)view.width * 4);
		out->len += HEAD + DESCRIPTOR + BITMAP_HEAD + raw;
	}
	clove_buf_fini(&copy);
	return CLOVE_OK;
}
