/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-decode.c - which codec an image's type names, and what of its descriptor has to agree. */
#include "client-gtk/image-decode.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/bitmap.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/protocol/enums.h"

/* -- names -- */

static const struct {
	const char *name;
	uint8_t types[2];
} kinds[CLOVE_KINDS] = {
	[CLOVE_KIND_RAW] =        { "raw", { CLOVE_IMAGE_TYPE_BITMAP, CLOVE_IMAGE_TYPE_BITMAP } },
	[CLOVE_KIND_QUIC] =       { "QUIC", { CLOVE_IMAGE_TYPE_QUIC, CLOVE_IMAGE_TYPE_QUIC } },
	[CLOVE_KIND_LZ] =         { "LZ", { CLOVE_IMAGE_TYPE_LZ_RGB, CLOVE_IMAGE_TYPE_LZ_PLT } },
	[CLOVE_KIND_GLZ] =        { "GLZ", { CLOVE_IMAGE_TYPE_GLZ_RGB, CLOVE_IMAGE_TYPE_GLZ_RGB } },
	[CLOVE_KIND_ZLIB_GLZ] =   { "ZLIB-GLZ", { CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB, CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB } },
	[CLOVE_KIND_LZ4] =        { "LZ4", { CLOVE_IMAGE_TYPE_LZ4, CLOVE_IMAGE_TYPE_LZ4 } },
	[CLOVE_KIND_JPEG] =       { "JPEG", { CLOVE_IMAGE_TYPE_JPEG, CLOVE_IMAGE_TYPE_JPEG } },
	[CLOVE_KIND_JPEG_ALPHA] = { "JPEG-ALPHA", { CLOVE_IMAGE_TYPE_JPEG_ALPHA, CLOVE_IMAGE_TYPE_JPEG_ALPHA } },
	[CLOVE_KIND_CACHE] =      { "cache", { CLOVE_IMAGE_TYPE_FROM_CACHE, CLOVE_IMAGE_TYPE_FROM_CACHE_LOSSLESS } },
};

const char *clove_kind_name(enum clove_kind kind)
{
	return kinds[kind].name;
}

enum clove_kind clove_kind_of(uint8_t type)
{
	enum clove_kind kind = 0;

	while (kind < CLOVE_KINDS && kinds[kind].types[0] != type && kinds[kind].types[1] != type)
		kind++;
	return kind;
}

/* -- palettes -- */

void clove_palettes_clear(struct clove_palettes *palettes)
{
	palettes->count = palettes->next = 0;
}

void clove_palettes_fini(struct clove_palettes *palettes)
{
	free(palettes->slots);
	*palettes = (struct clove_palettes){ 0 };
}

static unsigned int palette_slot(const struct clove_palettes *palettes, uint64_t unique)
{
	unsigned int i = 0;

	while (i < palettes->count && palettes->slots[i].unique != unique)
		i++;
	return i;
}

void clove_palettes_remove(struct clove_palettes *palettes, uint64_t unique)
{
	unsigned int i = palette_slot(palettes, unique);

	if (i < palettes->count)
		palettes->slots[i] = palettes->slots[--palettes->count];
}

static void keep_palette(struct clove_palettes *palettes, uint64_t unique, const uint32_t *entries)
{
	unsigned int i = palette_slot(palettes, unique);

	if (!palettes->slots)
		palettes->slots = calloc(CLOVE_PALETTES, sizeof *palettes->slots);
	if (!palettes->slots)
		return;
	if (i == CLOVE_PALETTES)
		i = palettes->next++ % CLOVE_PALETTES;
	else if (i == palettes->count)
		palettes->count++;
	palettes->slots[i].unique = unique;
	memcpy(palettes->slots[i].entries, entries, sizeof palettes->slots[i].entries);
}

/* A picture's own 256 entries, from the message or the cache. NULL there and NULL here: none. */
static enum clove_err get_palette(struct clove_palettes *palettes, uint8_t flags, uint64_t id,
		const struct clove_image_palette *palette, uint32_t **entries)
{
	*entries = NULL;
	if (!(flags & CLOVE_BITMAP_FLAG_PAL_FROM_CACHE) && !palette)
		return CLOVE_OK;
	*entries = calloc(CLOVE_PALETTE_ENTRIES, sizeof **entries);
	if (!*entries)
		return CLOVE_ERR_NOMEM;
	if (flags & CLOVE_BITMAP_FLAG_PAL_FROM_CACHE) {
		unsigned int i = palette_slot(palettes, id);

		if (i == palettes->count)
			return CLOVE_ERR_STATE;
		memcpy(*entries, palettes->slots[i].entries, sizeof palettes->slots[i].entries);
		return CLOVE_OK;
	}
	memcpy(*entries, palette->ents, sizeof **entries * (palette->num_ents < CLOVE_PALETTE_ENTRIES ?
			palette->num_ents : CLOVE_PALETTE_ENTRIES));
	if (flags & CLOVE_BITMAP_FLAG_PAL_CACHE_ME && palette->unique)
		keep_palette(palettes, palette->unique, *entries);
	return CLOVE_OK;
}

/* -- images -- */

static enum clove_err check_size(int64_t width, int64_t height)
{
	enum clove_err err = clove_pixels_check_size(width, height);

	return err ? err : width * height > CLOVE_IMAGE_PIXELS_MAX ? CLOVE_ERR_LIMIT : CLOVE_OK;
}

static enum clove_err decode_bitmap(const struct clove_image_bitmap *bitmap, struct clove_palettes *palettes,
		bool is_kept, struct clove_picture **picture)
{
	struct clove_pixels view;
	enum clove_err err = check_size(bitmap->x, bitmap->y);

	if (!err)
		err = clove_bitmap_view(bitmap->data, bitmap->format, bitmap->x, bitmap->y, bitmap->stride,
				bitmap->flags & CLOVE_BITMAP_FLAG_TOP_DOWN, &view);
	if (err)
		return err;
	*picture = clove_picture_new(view.format, view.width, view.height, !is_kept);
	if (!*picture)
		return CLOVE_ERR_NOMEM;
	if (clove_format_is_palette(view.format)) {
		err = get_palette(palettes, bitmap->flags, bitmap->palette_id, bitmap->palette,
				&(*picture)->palette);
		if (err)
			return err;
	}
	if (is_kept)
		return clove_pixels_convert(&(*picture)->pixels, &view, NULL);
	(*picture)->pixels = view;
	return CLOVE_OK;
}

/* The form in which a stream's pixels are kept: their own, but 3 bytes become 4. */
static enum clove_format kept_format(enum clove_format format)
{
	switch (format) {
	case CLOVE_FORMAT_RGB16:
	case CLOVE_FORMAT_RGBA:
	case CLOVE_FORMAT_A8:
		return format;
	default:
		return CLOVE_FORMAT_RGB32;
	}
}

static enum clove_err make_picture(const struct clove_image *image, const struct clove_image_info *info,
		const struct clove_pixels *into, struct clove_picture **picture)
{
	if (info->width != (int64_t)image->width || info->height != (int64_t)image->height)
		return CLOVE_ERR_BOUNDS;
	if (into) {
		if (!clove_pixels_converts(info->format, into->format))
			return CLOVE_ERR_UNSUPPORTED;
		*picture = clove_picture_new(into->format, info->width, info->height, true);
		if (*picture)
			(*picture)->pixels = *into;
		return *picture ? CLOVE_OK : CLOVE_ERR_NOMEM;
	}
	*picture = clove_picture_new(kept_format(info->format), info->width, info->height, false);
	return *picture ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

static enum clove_err decode_lz(const struct clove_image *image, struct clove_bytes in,
		const struct clove_pixels *into, struct clove_picture **picture)
{
	struct clove_image_info info;
	enum clove_err err = clove_lz_probe(in, &info);

	if (!err && clove_format_is_palette(info.format))
		err = CLOVE_ERR_VALUE;
	if (!err)
		err = make_picture(image, &info, into, picture);
	return err ? err : clove_lz_decode(in, NULL, &(*picture)->pixels);
}

static enum clove_err decode_lz_plt(const struct clove_image *image, struct clove_palettes *palettes,
		struct clove_picture **picture)
{
	const struct clove_image_lz_plt *plt = &image->lz_plt;
	struct clove_palette palette = { NULL, CLOVE_PALETTE_ENTRIES };
	struct clove_image_info info;
	uint32_t *entries;
	enum clove_err err = get_palette(palettes, plt->flags, plt->palette_id, plt->palette, &entries);

	if (!err)
		err = entries ? clove_lz_probe(plt->data, &info) : CLOVE_ERR_VALUE;
	if (!err)
		err = make_picture(image, &info, NULL, picture);
	palette.entries = entries;
	if (!err)
		err = clove_lz_decode(plt->data, &palette, &(*picture)->pixels);
	free(entries);
	return err;
}

static enum clove_err decode_quic(const struct clove_image *image, struct clove_bytes in,
		const struct clove_pixels *into, struct clove_picture **picture)
{
	struct clove_image_info info;
	enum clove_err err = clove_quic_probe(in, &info);

	if (!err)
		err = make_picture(image, &info, into, picture);
	return err ? err : clove_quic_decode(in, &(*picture)->pixels);
}

static enum clove_err decode_lz4(const struct clove_image *image, struct clove_bytes in,
		const struct clove_pixels *into, struct clove_picture **picture)
{
	struct clove_image_info info;
	enum clove_err err = clove_lz4_probe(in, &info);

	info.width = (int32_t)image->width;
	info.height = (int32_t)image->height;
	if (!err)
		err = make_picture(image, &info, into, picture);
	return err ? err : clove_lz4_decode(in, &(*picture)->pixels);
}

static enum clove_err decode_jpeg(const struct clove_image *image, struct clove_bytes in,
		const struct clove_pixels *into, struct clove_picture **picture)
{
	struct clove_image_info info;
	enum clove_err err = clove_jpeg_probe(in, &info);

	info.format = CLOVE_FORMAT_RGB32;
	if (!err)
		err = make_picture(image, &info, into, picture);
	if (!err)
		(*picture)->is_lossy = true;
	return err ? err : clove_jpeg_decode(in, &(*picture)->pixels);
}

static enum clove_err decode_jpeg_alpha(const struct clove_image *image, struct clove_picture **picture)
{
	const struct clove_image_jpeg_alpha *jpeg = &image->jpeg_alpha;
	struct clove_image_info info = { CLOVE_FORMAT_RGBA, (int32_t)image->width, (int32_t)image->height, 0 };
	enum clove_err err = make_picture(image, &info, NULL, picture);

	if (err)
		return err;
	(*picture)->is_lossy = true;
	return clove_jpeg_alpha_decode(jpeg->data, jpeg->flags, jpeg->jpeg_size,
			&(*picture)->pixels);
}

static enum clove_err decode_glz(const struct clove_image *image, struct clove_bytes in,
		const struct clove_image_decoding *how, struct clove_picture **picture)
{
	struct clove_glz_header header;
	enum clove_err err = clove_glz_probe(in, &header);

	if (err)
		return err;
	err = make_picture(image, &header.info, how->into, picture);
	if (err == CLOVE_ERR_UNSUPPORTED)
		return err;             /* it comes again, without rows */
	if (!err)
		err = clove_glz_decode(how->dictionary, in, &(*picture)->pixels);
	if (!err || (err == CLOVE_ERR_AGAIN && !how->is_last_try))
		return err;
	/* of a size that the descriptor denies too: later images may count on its id */
	if (check_size(header.info.width, header.info.height) == CLOVE_OK &&
			clove_glz_put_black(how->dictionary, &header))
		return err;
	return err == CLOVE_ERR_AGAIN ? CLOVE_ERR_STATE : err;
}

static enum clove_err decode_zlib_glz(const struct clove_image *image, const struct clove_image_decoding *how,
		struct clove_picture **picture)
{
	const struct clove_image_zlib_glz *zlib = &image->zlib_glz_rgb;
	struct clove_buf glz = { 0 };
	enum clove_err err = clove_zlib_glz_inflate(zlib->data,
			zlib->glz_data_size, (int64_t)image->width * image->height, &glz);

	if (!err)
		err = decode_glz(image, clove_buf_bytes(&glz), how, picture);
	clove_buf_fini(&glz);
	return err;
}

bool clove_image_is_pure(const struct clove_image *image)
{
	return image->type == CLOVE_IMAGE_TYPE_QUIC || image->type == CLOVE_IMAGE_TYPE_LZ_RGB ||
			image->type == CLOVE_IMAGE_TYPE_LZ4 || image->type == CLOVE_IMAGE_TYPE_JPEG;
}

bool clove_image_may_go_into(const struct clove_image *image)
{
	return clove_image_is_pure(image) || image->type == CLOVE_IMAGE_TYPE_GLZ_RGB ||
			image->type == CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB;
}

static enum clove_err decode(const struct clove_image *image, const struct clove_image_decoding *how,
		struct clove_picture **picture)
{
	enum clove_err err = CLOVE_OK;

	/* a bitmap has a size of its own */
	if (image->type != CLOVE_IMAGE_TYPE_BITMAP)
		err = check_size(image->width, image->height);
	if (err)
		return err;
	switch (image->type) {
	case CLOVE_IMAGE_TYPE_BITMAP:
		return decode_bitmap(&image->bitmap, how->palettes, how->is_kept, picture);
	case CLOVE_IMAGE_TYPE_QUIC:
		return decode_quic(image, image->quic.data, how->into, picture);
	case CLOVE_IMAGE_TYPE_LZ_PLT:
		return decode_lz_plt(image, how->palettes, picture);
	case CLOVE_IMAGE_TYPE_LZ_RGB:
		return decode_lz(image, image->lz_rgb.data, how->into, picture);
	case CLOVE_IMAGE_TYPE_GLZ_RGB:
		return decode_glz(image, image->glz_rgb.data, how, picture);
	case CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB:
		return decode_zlib_glz(image, how, picture);
	case CLOVE_IMAGE_TYPE_JPEG:
		return decode_jpeg(image, image->jpeg.data, how->into, picture);
	case CLOVE_IMAGE_TYPE_JPEG_ALPHA:
		return decode_jpeg_alpha(image, picture);
	case CLOVE_IMAGE_TYPE_LZ4:
		return decode_lz4(image, image->lz4.data, how->into, picture);
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

enum clove_err clove_image_decode(const struct clove_image *image, const struct clove_image_decoding *how,
		struct clove_picture **picture)
{
	enum clove_err err;

	*picture = NULL;
	err = decode(image, how, picture);
	if (err) {
		clove_picture_unref(*picture);
		*picture = NULL;
		return err;
	}
	if (image->flags & CLOVE_IMAGE_FLAG_HIGH_BITS_SET && (*picture)->pixels.format == CLOVE_FORMAT_RGB32)
		(*picture)->has_high_bits = true;
	return CLOVE_OK;
}
