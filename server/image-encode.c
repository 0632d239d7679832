/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-encode.c - knows which codec pays for which piece, and writes the pixels straight into the message.
 *
 * DRAW_COPY is written here and not by a layout: its pixels are encoded in place behind the head,
 * instead of elsewhere and then copied. Clients always see 32 bits a pixel.
 */
#include "server/image-encode.h"

#include <string.h>
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/protocol/enums.h"
#include "server/drawable.h"

enum {
	BASE = 21,                    /* surface, box, no clip */
	SOURCE = 25,                  /* the area of the image */
	HEAD = 57,                    /* of a DRAW_COPY without clip rectangles, before the image */
	FILL = 41,
	DESCRIPTOR = 18,
	BITMAP_HEAD = 18,             /* format, flags, x, y, stride, palette */
	SIZED_HEAD = 4,               /* data_size */
	ZLIB_HEAD = 8,                /* glz_data_size, data_size */
	WORTH_DEFLATING = 100,        /* bytes */
	PALETTE_HEAD = 9,             /* LZ_PLT: flags, data_size, palette */
	COLORS_MOST = 256, SLOTS = 1024,
	SMALL = 1024,                 /* pixels of which indices are worth making anywhere */
	PALETTE_MOST = 10 + 4 * COLORS_MOST,
	WORTH_ENCODING = 54,          /* bytes; below, the codec's head eats what it saves */
	BITS_WORTH_SENDING = 128,     /* bytes of packed indices that LZ hardly makes fewer */
	QUIC_SIDE_LEAST = 3,
};

unsigned int clove_codecs_for(int compression, bool has_lz4, bool is_unix)
{
	static const unsigned int codecs[] = {
		[2] = CLOVE_CODEC_LZ | CLOVE_CODEC_PALETTE | CLOVE_CODEC_QUIC,
		[3] = CLOVE_CODEC_LZ | CLOVE_CODEC_PALETTE | CLOVE_CODEC_QUIC,
		[4] = CLOVE_CODEC_QUIC,
		[5] = CLOVE_CODEC_GLZ | CLOVE_CODEC_LZ,
		[6] = CLOVE_CODEC_LZ | CLOVE_CODEC_PALETTE,
		[7] = CLOVE_CODEC_LZ4,
	};

	if (compression <= 1 || compression > 7 || is_unix)
		return 0;
	if (compression == 7 && !has_lz4)
		return CLOVE_CODEC_LZ;
	return codecs[compression];
}

/* -- the message -- */

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
	clove_put_le32(p + BASE, HEAD);
	put_box(p + SOURCE, &source);
	clove_put_le16(p + 41, CLOVE_ROP_PUT);
	p[HEAD + 8] = type;
	clove_put_le32(p + HEAD + 10, (uint32_t)source.x2);
	clove_put_le32(p + HEAD + 14, (uint32_t)source.y2);
}

enum clove_err clove_image_fill(const pixman_box32_t *box, uint32_t color, struct clove_buf *out)
{
	uint8_t *p = clove_buf_reserve(out, FILL);

	if (!p)
		return CLOVE_ERR_NOMEM;
	memset(p, 0, FILL);
	put_box(p + 4, box);
	p[BASE] = CLOVE_BRUSH_SOLID;
	clove_put_le32(p + BASE + 1, color);
	clove_put_le16(p + BASE + 5, CLOVE_ROP_PUT);
	out->len += FILL;
	return CLOVE_OK;
}

void clove_encoded_keep(struct clove_encoded *encoded, uint64_t id)
{
	uint8_t *descriptor = encoded->body.data + HEAD;

	clove_put_le64(descriptor, id);
	descriptor[9] = id ? CLOVE_IMAGE_FLAG_CACHE_ME : 0;
}

enum clove_err clove_image_from_cache(const pixman_box32_t *box, const pixman_box32_t *image, uint64_t id,
		struct clove_buf *out)
{
	uint8_t *p = clove_buf_reserve(out, HEAD + DESCRIPTOR);
	pixman_box32_t source = { box->x1 - image->x1, box->y1 - image->y1, box->x2 - image->x1,
			box->y2 - image->y1 };

	if (!p)
		return CLOVE_ERR_NOMEM;
	put_head(p, image, CLOVE_IMAGE_TYPE_FROM_CACHE);
	put_box(p + 4, box);
	put_box(p + SOURCE, &source);
	clove_put_le64(p + HEAD, id);
	out->len += HEAD + DESCRIPTOR;
	return CLOVE_OK;
}

/* -- pixels -- */

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

static enum clove_err view_of(struct clove_encoded *e, struct clove_pixels *view)
{
	const struct clove_surface *surface = e->surface;
	const pixman_box32_t *box = &e->piece.box;
	int32_t width = box->x2 - box->x1, height = box->y2 - box->y1;
	enum clove_err err = CLOVE_OK;

	if (surface->bytes_per_pixel == 4) {
		*view = (struct clove_pixels){ clove_surface_row(surface, box->y1) + (size_t)box->x1 * 4,
				width, height, (ptrdiff_t)surface->stride, CLOVE_FORMAT_RGB32 };
		return CLOVE_OK;
	}
	clove_buf_clear(&e->work);
	if (!clove_buf_reserve(&e->work, (size_t)width * (size_t)height * 4))
		return CLOVE_ERR_NOMEM;
	*view = (struct clove_pixels){ e->work.data, width, height, (ptrdiff_t)width * 4,
			CLOVE_FORMAT_RGB32 };
	for (int32_t y = 0; y < height && err == CLOVE_OK; y++)
		err = get_row(surface, box->x1, box->y1 + y, width, clove_pixels_row(view, y));
	return err;
}

/* -- few colours -- */

struct colors {
	uint32_t color[COLORS_MOST];
	unsigned int count, most;
	struct { uint32_t color; uint16_t index; bool is_used; } slots[SLOTS];
};

static int index_of(struct colors *colors, uint32_t color)
{
	unsigned int i = (color * UINT32_C(0x9e3779b1)) >> 22;

	while (colors->slots[i].is_used && colors->slots[i].color != color)
		i = (i + 1) % SLOTS;
	if (!colors->slots[i].is_used) {
		if (colors->count == colors->most)
			return -1;
		colors->slots[i].is_used = true;
		colors->slots[i].color = color;
		colors->slots[i].index = (uint16_t)colors->count;
		colors->color[colors->count++] = color;
	}
	return colors->slots[i].index;
}

/* One index a byte; false if there are too many colours. */
static bool index_pixels(const struct clove_pixels *view, struct colors *colors, uint8_t *indices)
{
	uint32_t last = 0;
	int index = -1;

	colors->count = 0;
	memset(colors->slots, 0, sizeof colors->slots);
	for (int32_t y = 0; y < view->height; y++) {
		const uint8_t *row = clove_pixels_row(view, y);

		for (int32_t x = 0; x < view->width; x++) {
			uint32_t color = clove_le32(row + (size_t)x * 4) & 0xffffff;

			if (index < 0 || color != last) {
				index = index_of(colors, color);
				if (index < 0)
					return false;
				last = color;
			}
			*indices++ = (uint8_t)index;
		}
	}
	return true;
}

/* Indices of `bits` each, the first in the highest bits, rows in whole bytes. */
static size_t pack(uint8_t *to, const uint8_t *indices, int32_t width, int32_t height, unsigned int bits)
{
	size_t stride = ((size_t)width * bits + 7) / 8;

	for (int32_t y = 0; y < height; y++, to += stride) {
		memset(to, 0, stride);
		for (int32_t x = 0; x < width; x++) {
			size_t at = (size_t)x * bits;

			to[at / 8] |= (uint8_t)(*indices++ << (8 - bits - at % 8));
		}
	}
	return stride;
}

static size_t put_palette(uint8_t *p, const struct colors *colors)
{
	memset(p, 0, 10);
	clove_put_le16(p + 8, (uint16_t)colors->count);
	for (unsigned int i = 0; i < colors->count; i++)
		clove_put_le32(p + 10 + 4 * (size_t)i, colors->color[i]);
	return 10 + 4 * (size_t)colors->count;
}

static void put_bitmap_head(uint8_t *p, enum clove_format format, const struct clove_pixels *view,
		size_t stride, size_t palette)
{
	p[0] = (uint8_t)format;
	p[1] = CLOVE_BITMAP_FLAG_TOP_DOWN;
	clove_put_le32(p + 2, (uint32_t)view->width);
	clove_put_le32(p + 6, (uint32_t)view->height);
	clove_put_le32(p + 10, (uint32_t)stride);
	clove_put_le32(p + 14, (uint32_t)palette);
}

/* All of it is one colour, or indices are shorter than pixels would be. */
static bool encode_few(struct clove_encoded *e, const struct clove_pixels *view, uint8_t *p, size_t raw)
{
	struct colors colors;
	size_t size;
	uint8_t *body = p + HEAD + DESCRIPTOR, *indices;

	/* Otherwise only whether it is all one colour. */
	colors.most = e->codecs & CLOVE_CODEC_LZ_PLT || raw <= 4 * SMALL ? COLORS_MOST : 1;
	clove_buf_clear(&e->indices);
	indices = clove_buf_reserve(&e->indices, (size_t)view->width * (size_t)view->height);
	if (!indices || !index_pixels(view, &colors, indices))
		return false;
	if (colors.count == 1) {
		e->is_fill = true;
		return clove_image_fill(&e->piece.box, colors.color[0], &e->body) == CLOVE_OK;
	}
	if (colors.count <= 16) {
		unsigned int bits = colors.count == 2 ? 1 : 4;
		size_t packed = ((size_t)view->width * bits + 7) / 8 * (size_t)view->height;

		if (packed <= BITS_WORTH_SENDING) {
			size_t stride = pack(body + BITMAP_HEAD, indices, view->width, view->height, bits);

			put_head(p, &e->piece.box, CLOVE_IMAGE_TYPE_BITMAP);
			put_bitmap_head(body, bits == 1 ? CLOVE_FORMAT_PLT1_BE : CLOVE_FORMAT_PLT4_BE, view,
					stride, HEAD + DESCRIPTOR + BITMAP_HEAD + packed);
			e->body.len += HEAD + DESCRIPTOR + BITMAP_HEAD + packed +
					put_palette(body + BITMAP_HEAD + packed, &colors);
			return true;
		}
	}

	struct clove_pixels plane = { indices, view->width, view->height, view->width, CLOVE_FORMAT_PLT8 };

	if (clove_lz_encode(body + PALETTE_HEAD, raw, &plane, true, &size) != CLOVE_OK)
		return false;
	put_head(p, &e->piece.box, CLOVE_IMAGE_TYPE_LZ_PLT);
	body[0] = CLOVE_BITMAP_FLAG_TOP_DOWN;
	clove_put_le32(body + 1, (uint32_t)size);
	clove_put_le32(body + 5, (uint32_t)(HEAD + DESCRIPTOR + PALETTE_HEAD + size));
	e->body.len += HEAD + DESCRIPTOR + PALETTE_HEAD + size +
			put_palette(body + PALETTE_HEAD + size, &colors);
	return true;
}

/* -- one image -- */

struct codec {
	unsigned int bit;
	bool is_photo;                /* what it is best at */
	uint8_t type;
	enum clove_err (*encode)(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
			const struct clove_encoded *e, size_t *size);
};

static enum clove_err encode_quic(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		const struct clove_encoded *e, size_t *size)
{
	(void)e;
	if (src->width < QUIC_SIDE_LEAST || src->height < QUIC_SIDE_LEAST)
		return CLOVE_ERR_UNSUPPORTED;
	return clove_quic_encode(dst, capacity, src, size);
}

static enum clove_err encode_glz(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		const struct clove_encoded *e, size_t *size)
{
	return e->glz ? clove_glz_encode(e->glz, dst, capacity, src, true, size) : CLOVE_ERR_UNSUPPORTED;
}

static enum clove_err encode_lz(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		const struct clove_encoded *e, size_t *size)
{
	(void)e;
	return clove_lz_encode(dst, capacity, src, true, size);
}

static enum clove_err encode_lz4(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		const struct clove_encoded *e, size_t *size)
{
	(void)e;
	return clove_lz4_encode(dst, capacity, src, true, size);
}

static enum clove_err encode_jpeg(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		const struct clove_encoded *e, size_t *size)
{
	return clove_jpeg_encode(dst, capacity, src, e->jpeg_quality, size);
}

/* In the order in which they are tried: first those that are best at the piece's class, then the rest. */
static const struct codec codecs[] = {
	{ CLOVE_CODEC_JPEG, true, CLOVE_IMAGE_TYPE_JPEG, encode_jpeg },
	{ CLOVE_CODEC_QUIC, true, CLOVE_IMAGE_TYPE_QUIC, encode_quic },
	{ CLOVE_CODEC_GLZ, false, CLOVE_IMAGE_TYPE_GLZ_RGB, encode_glz },
	{ CLOVE_CODEC_LZ, false, CLOVE_IMAGE_TYPE_LZ_RGB, encode_lz },
	{ CLOVE_CODEC_LZ4, false, CLOVE_IMAGE_TYPE_LZ4, encode_lz4 },
};

/* A GLZ image of `size` bytes behind its head as ZLIB_GLZ_RGB, if that is smaller; its new size. */
static size_t deflate_glz(struct clove_encoded *e, uint8_t *p, size_t size)
{
	uint8_t *body = p + HEAD + DESCRIPTOR, *glz;
	size_t deflated;

	clove_buf_clear(&e->indices);
	glz = size < WORTH_DEFLATING ? NULL : clove_buf_reserve(&e->indices, size);
	if (!glz)
		return SIZED_HEAD + size;
	memcpy(glz, body + SIZED_HEAD, size);
	if (clove_zlib_glz_deflate(body + ZLIB_HEAD, size - (ZLIB_HEAD - SIZED_HEAD), CLOVE_BYTES(glz, size),
			&deflated) != CLOVE_OK) {
		memcpy(body + SIZED_HEAD, glz, size);
		return SIZED_HEAD + size;
	}
	p[HEAD + 8] = CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB;
	clove_put_le32(body, (uint32_t)size);
	clove_put_le32(body + SIZED_HEAD, (uint32_t)deflated);
	return ZLIB_HEAD + deflated;
}

static bool encode_with(struct clove_encoded *e, const struct codec *codec, const struct clove_pixels *view,
		uint8_t *p, size_t raw)
{
	uint8_t *body = p + HEAD + DESCRIPTOR;
	size_t size;

	if (codec->encode(body + SIZED_HEAD, raw, view, e, &size) != CLOVE_OK)
		return false;
	put_head(p, &e->piece.box, codec->type);
	clove_put_le32(body, (uint32_t)size);
	e->body.len += HEAD + DESCRIPTOR + (codec->bit == CLOVE_CODEC_GLZ && e->codecs & CLOVE_CODEC_ZLIB ?
			deflate_glz(e, p, size) : SIZED_HEAD + size);
	e->is_lossy = codec->bit == CLOVE_CODEC_JPEG;
	return true;
}

static bool encode_any(struct clove_encoded *e, const struct clove_pixels *view, uint8_t *p, size_t raw)
{
	bool is_photo = e->piece.class == CLOVE_CLASS_PHOTO;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
			/* Where nothing is to be gained, nothing is to be lost. */
			if (!(e->codecs & codecs[i].bit) || (codecs[i].is_photo == is_photo) != (pass == 0) ||
					(codecs[i].bit == CLOVE_CODEC_JPEG && !is_photo))
				continue;
			if (encode_with(e, &codecs[i], view, p, raw))
				return true;
		}
	}
	return false;
}

static void put_raw(struct clove_encoded *e, const struct clove_pixels *view, uint8_t *p, size_t raw)
{
	uint8_t *body = p + HEAD + DESCRIPTOR;
	size_t row = (size_t)view->width * 4;

	put_head(p, &e->piece.box, CLOVE_IMAGE_TYPE_BITMAP);
	put_bitmap_head(body, CLOVE_FORMAT_RGB32, view, row, 0);
	for (int32_t y = 0; y < view->height; y++)
		memcpy(body + BITMAP_HEAD + (size_t)y * row, clove_pixels_row(view, y), row);
	e->body.len += HEAD + DESCRIPTOR + BITMAP_HEAD + raw;
}

void clove_image_encode(struct clove_job *job)
{
	struct clove_encoded *e = (struct clove_encoded *)job;
	struct clove_pixels view;
	size_t raw;
	uint8_t *p;

	clove_buf_clear(&e->body);
	e->is_fill = e->is_lossy = false;
	e->err = view_of(e, &view);
	if (e->err != CLOVE_OK)
		return;
	raw = (size_t)view.width * (size_t)view.height * 4;
	p = clove_buf_reserve(&e->body, HEAD + DESCRIPTOR + BITMAP_HEAD + raw + PALETTE_MOST);
	if (!p) {
		e->err = CLOVE_ERR_NOMEM;
		return;
	}
	if (e->codecs && raw > WORTH_ENCODING) {
		if (e->codecs & CLOVE_CODEC_PALETTE && e->piece.class == CLOVE_CLASS_DRAWN &&
				encode_few(e, &view, p, raw))
			return;
		if (encode_any(e, &view, p, raw))
			return;
	}
	put_raw(e, &view, p, raw);
}

void clove_encoded_fini(struct clove_encoded *encoded)
{
	clove_buf_fini(&encoded->body);
	clove_buf_fini(&encoded->work);
	clove_buf_fini(&encoded->indices);
}
