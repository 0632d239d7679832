/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player-picture.c - decodes each kind of image by common/codec, and copies, fills and scrolls. */
#include "bench/player-picture.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/bitmap.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/protocol/enums.h"

static struct player_surface *find_surface(struct player_picture *picture, uint32_t id)
{
	return id < PLAYER_SURFACES && picture->surfaces[id].pixels.data ? &picture->surfaces[id] : NULL;
}

static const struct player_surface *primary_of(const struct player_picture *picture)
{
	for (int i = 0; i < PLAYER_SURFACES; i++)
		if (picture->surfaces[i].is_primary)
			return &picture->surfaces[i];
	return NULL;
}

static struct player_image *find_image(struct player_picture *picture, uint64_t id)
{
	for (int i = 0; i < PLAYER_IMAGES; i++)
		if (picture->images[i].pixels.data && picture->images[i].id == id)
			return &picture->images[i];
	return NULL;
}

const struct clove_pixels *player_primary(const struct player_picture *picture)
{
	const struct player_surface *primary = primary_of(picture);

	return primary ? &primary->pixels : NULL;
}

static enum clove_err pixels_alloc(struct clove_pixels *pixels, uint32_t width, uint32_t height)
{
	enum clove_err err = clove_pixels_check_size(width, height);

	if (err)
		return err;
	*pixels = (struct clove_pixels){ calloc((size_t)width * height, 4), (int32_t)width, (int32_t)height,
			(ptrdiff_t)width * 4, CLOVE_FORMAT_RGB32 };
	return pixels->data ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

void player_surface_destroy(struct player_picture *picture, uint32_t id)
{
	if (id >= PLAYER_SURFACES)
		return;
	free(picture->surfaces[id].pixels.data);
	free(picture->surfaces[id].drawn);
	memset(&picture->surfaces[id], 0, sizeof picture->surfaces[id]);
}

enum clove_err player_surface_create(struct player_picture *picture,
		const struct clove_display_surface_create *create)
{
	struct player_surface *surface;
	enum clove_err err;

	if (create->surface_id >= PLAYER_SURFACES)
		return CLOVE_ERR_LIMIT;
	player_surface_destroy(picture, create->surface_id);
	surface = &picture->surfaces[create->surface_id];
	err = pixels_alloc(&surface->pixels, create->width, create->height);
	if (err)
		return err;
	surface->left = (int64_t)create->width * create->height;
	surface->drawn = calloc(1, (size_t)surface->left);
	surface->is_primary = create->flags & CLOVE_SURFACE_FLAG_PRIMARY;
	return surface->drawn ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

void player_forget_images(struct player_picture *picture)
{
	for (int i = 0; i < PLAYER_IMAGES; i++)
		free(picture->images[i].pixels.data);
	memset(picture->images, 0, sizeof picture->images);
}

void player_forget_image(struct player_picture *picture, uint64_t id)
{
	struct player_image *image = find_image(picture, id);

	if (image) {
		free(image->pixels.data);
		*image = (struct player_image){ 0 };
	}
}

void player_picture_fini(struct player_picture *picture)
{
	for (uint32_t i = 0; i < PLAYER_SURFACES; i++)
		player_surface_destroy(picture, i);
	for (uint32_t i = 0; i < PLAYER_STREAMS; i++)
		player_stream_destroy(picture, i);
	player_forget_images(picture);
	clove_glz_dictionary_free(picture->dictionary);
	picture->dictionary = NULL;
	clove_job_pool_free(picture->pool);
	picture->pool = NULL;
}

/* -- images -- */

static enum clove_err decode_bitmap(const struct clove_image *image, const struct clove_pixels *pixels)
{
	const struct clove_image_bitmap *bitmap = &image->bitmap;
	struct clove_palette palette = { 0 };

	if (bitmap->palette)
		palette = (struct clove_palette){ bitmap->palette->ents, bitmap->palette->num_ents };
	return clove_bitmap_decode(bitmap->data, bitmap->format,
			bitmap->stride, bitmap->flags & CLOVE_BITMAP_FLAG_TOP_DOWN, &palette, pixels);
}

static enum clove_err decode_lz_plt(const struct clove_image *image, const struct clove_pixels *pixels)
{
	struct clove_palette palette = { 0 };

	if (!image->lz_plt.palette)
		return CLOVE_ERR_UNSUPPORTED;
	palette = (struct clove_palette){ image->lz_plt.palette->ents, image->lz_plt.palette->num_ents };
	return clove_lz_decode(image->lz_plt.data, &palette, pixels);
}

static enum clove_err decode_glz(struct player_picture *picture, struct clove_bytes in,
		const struct clove_pixels *pixels)
{
	if (!picture->dictionary)
		picture->dictionary = clove_glz_dictionary_new(PLAYER_GLZ_WINDOW);
	return picture->dictionary ? clove_glz_decode(picture->dictionary, in, pixels) : CLOVE_ERR_NOMEM;
}

static enum clove_err decode_zlib_glz(struct player_picture *picture, const struct clove_image *image,
		const struct clove_pixels *pixels)
{
	struct clove_buf glz = { 0 };
	enum clove_err err = clove_zlib_glz_inflate(image->zlib_glz_rgb.data,
			image->zlib_glz_rgb.glz_data_size, (int64_t)image->width * image->height, &glz);

	if (!err)
		err = decode_glz(picture, clove_buf_bytes(&glz), pixels);
	clove_buf_fini(&glz);
	return err;
}

static enum clove_err decode(struct player_picture *picture, const struct clove_image *image,
		const struct clove_pixels *pixels)
{
	switch (image->type) {
	case CLOVE_IMAGE_TYPE_BITMAP: return decode_bitmap(image, pixels);
	case CLOVE_IMAGE_TYPE_QUIC: return clove_quic_decode(image->quic.data, pixels);
	case CLOVE_IMAGE_TYPE_LZ_PLT: return decode_lz_plt(image, pixels);
	case CLOVE_IMAGE_TYPE_LZ_RGB: return clove_lz_decode(image->lz_rgb.data, NULL, pixels);
	case CLOVE_IMAGE_TYPE_GLZ_RGB: return decode_glz(picture, image->glz_rgb.data, pixels);
	case CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB: return decode_zlib_glz(picture, image, pixels);
	case CLOVE_IMAGE_TYPE_JPEG: return clove_jpeg_decode(image->jpeg.data, pixels);
	case CLOVE_IMAGE_TYPE_LZ4: return clove_lz4_decode(image->lz4.data, pixels);
	default: return CLOVE_ERR_UNSUPPORTED;
	}
}

/* Takes the pixels. */
static struct player_image *keep_image(struct player_picture *picture, uint64_t id, struct clove_pixels pixels)
{
	struct player_image *image = find_image(picture, id);

	if (!image)
		image = &picture->images[picture->next_image++ % PLAYER_IMAGES];
	free(image->pixels.data);
	*image = (struct player_image){ id, pixels };
	return image;
}

/* -- drawing -- */

static void set_drawn(struct player_surface *surface, int32_t x, int32_t y, int32_t n)
{
	uint8_t *at = surface->drawn + (size_t)y * (size_t)surface->pixels.width + (size_t)x;

	if (!surface->left)
		return;
	for (int32_t i = 0; i < n; i++) {
		surface->left -= !at[i];
		at[i] = 1;
	}
}

static int32_t max32(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t min32(int32_t a, int32_t b) { return a < b ? a : b; }

static struct clove_rect crop(struct clove_rect a, struct clove_rect b)
{
	return (struct clove_rect){ .top = max32(a.top, b.top), .left = max32(a.left, b.left),
			.bottom = min32(a.bottom, b.bottom), .right = min32(a.right, b.right) };
}

typedef void (*paint_fn)(struct player_surface *surface, struct clove_rect part, const void *what);

/* Calls `paint` for each visible part of a drawing's box; counts the drawing. */
static void for_each_part(struct player_picture *picture, const struct clove_display_base *base, paint_fn paint,
		const void *what)
{
	struct player_surface *surface = find_surface(picture, base->surface_id);
	struct clove_rect all;

	picture->draws++;
	if (!surface) {
		picture->unsupported++;
		return;
	}
	all = crop(base->box, (struct clove_rect){ .bottom = surface->pixels.height, .right = surface->pixels.width });
	for (uint32_t i = 0; i < (base->clip.type == CLOVE_CLIP_RECTS ? base->clip.num_rects : 1); i++) {
		struct clove_rect part = base->clip.type == CLOVE_CLIP_RECTS ? crop(all, base->clip.rects[i]) : all;

		if (part.left >= part.right || part.top >= part.bottom)
			continue;
		paint(surface, part, what);
		if (picture->drawn)
			picture->drawn(picture->opaque, base->surface_id, &part);
	}
}

struct copy {
	const struct clove_pixels *from;
	int32_t dx, dy; /* from a place on the surface to the source's */
};

static void paint_copy(struct player_surface *surface, struct clove_rect part, const void *what)
{
	const struct copy *copy = what;
	struct clove_rect there = crop(part, (struct clove_rect){ .top = -copy->dy, .left = -copy->dx,
			.bottom = copy->from->height - copy->dy, .right = copy->from->width - copy->dx });
	int32_t n = there.right - there.left;

	for (int32_t y = there.top; y < there.bottom && n > 0; y++) {
		memcpy(clove_pixels_row(&surface->pixels, y) + (size_t)there.left * 4,
				clove_pixels_row(copy->from, y + copy->dy) + (size_t)(there.left + copy->dx) * 4,
				(size_t)n * 4);
		set_drawn(surface, there.left, y, n);
	}
}

enum clove_err player_draw_copy(struct player_picture *picture, const struct clove_display_draw_copy *draw)
{
	const struct clove_image *image = draw->src;
	struct clove_pixels pixels;
	struct player_image *cached = NULL;
	enum clove_err err;

	if (image->type == CLOVE_IMAGE_TYPE_FROM_CACHE || image->type == CLOVE_IMAGE_TYPE_FROM_CACHE_LOSSLESS) {
		cached = find_image(picture, image->id);
		if (!cached)
			return CLOVE_ERR_STATE;
	} else {
		err = pixels_alloc(&pixels, image->width, image->height);
		if (!err)
			err = decode(picture, image, &pixels);
		if (err) {
			free(pixels.data);
			return err;
		}
		if (image->flags & CLOVE_IMAGE_FLAG_CACHE_ME)
			cached = keep_image(picture, image->id, pixels);
	}
	if (draw->rop != CLOVE_ROP_PUT || draw->mask.bitmap ||
			draw->src_area.right - draw->src_area.left != draw->base.box.right - draw->base.box.left ||
			draw->src_area.bottom - draw->src_area.top != draw->base.box.bottom - draw->base.box.top)
		picture->unsupported++;
	for_each_part(picture, &draw->base, paint_copy, &(struct copy){ cached ? &cached->pixels : &pixels,
			draw->src_area.left - draw->base.box.left, draw->src_area.top - draw->base.box.top });
	if (!cached)
		free(pixels.data);
	return CLOVE_OK;
}

static void paint_fill(struct player_surface *surface, struct clove_rect part, const void *what)
{
	const uint32_t *colour = what;

	for (int32_t y = part.top; y < part.bottom; y++) {
		for (int32_t x = part.left; x < part.right; x++)
			clove_put_le32(clove_pixels_row(&surface->pixels, y) + (size_t)x * 4, *colour);
		set_drawn(surface, part.left, y, part.right - part.left);
	}
}

void player_draw_fill(struct player_picture *picture, const struct clove_display_draw_fill *draw)
{
	uint32_t colour = draw->brush.color;

	if (draw->brush.type != 1 || draw->rop != CLOVE_ROP_PUT || draw->mask.bitmap)
		picture->unsupported++;
	for_each_part(picture, &draw->base, paint_fill, &colour);
}

static void paint_scroll(struct player_surface *surface, struct clove_rect part, const void *what)
{
	struct copy copy = *(const struct copy *)what;
	struct clove_rect there = crop(part, (struct clove_rect){ .top = -copy.dy, .left = -copy.dx,
			.bottom = surface->pixels.height - copy.dy, .right = surface->pixels.width - copy.dx });
	int32_t n = there.right - there.left, rows = there.bottom - there.top;

	for (int32_t i = 0; i < rows && n > 0; i++) {
		int32_t y = copy.dy < 0 ? there.bottom - 1 - i : there.top + i; /* never read what was written */

		memmove(clove_pixels_row(&surface->pixels, y) + (size_t)there.left * 4,
				clove_pixels_row(&surface->pixels, y + copy.dy) + (size_t)(there.left + copy.dx) * 4,
				(size_t)n * 4);
		set_drawn(surface, there.left, y, n);
	}
}

void player_copy_bits(struct player_picture *picture, const struct clove_display_copy_bits *draw)
{
	if (draw->base.clip.type == 1 && draw->base.clip.num_rects > 1)
		picture->unsupported++; /* parts may read what others wrote */
	for_each_part(picture, &draw->base, paint_scroll, &(struct copy){ NULL,
			draw->src_pos.x - draw->base.box.left, draw->src_pos.y - draw->base.box.top });
}

/* -- streams -- */

void player_stream_destroy(struct player_picture *picture, uint32_t id)
{
	if (id >= PLAYER_STREAMS)
		return;
	free(picture->streams[id].clip);
	memset(&picture->streams[id], 0, sizeof picture->streams[id]);
}

enum clove_err player_stream_create(struct player_picture *picture,
		const struct clove_display_stream_create *create)
{
	if (create->id >= PLAYER_STREAMS)
		return CLOVE_ERR_LIMIT;
	if (create->codec != CLOVE_VIDEO_CODEC_MJPEG)
		return CLOVE_ERR_UNSUPPORTED;
	player_stream_destroy(picture, create->id);
	picture->streams[create->id] = (struct player_stream){ .is_there = true,
			.is_top_down = create->flags & CLOVE_STREAM_TOP_DOWN, .surface_id = create->surface_id,
			.dest = create->dest };
	return player_stream_clip(picture, create->id, &create->clip);
}

enum clove_err player_stream_clip(struct player_picture *picture, uint32_t id, const struct clove_clip *clip)
{
	struct player_stream *stream;

	if (id >= PLAYER_STREAMS || !picture->streams[id].is_there)
		return CLOVE_ERR_STATE;
	stream = &picture->streams[id];
	free(stream->clip);
	stream->clip = NULL;
	if (clip->type != CLOVE_CLIP_RECTS)
		return CLOVE_OK;
	stream->clips = clip->num_rects;
	stream->clip = calloc(clip->num_rects + 1, sizeof *stream->clip);
	if (!stream->clip)
		return CLOVE_ERR_NOMEM;
	for (uint32_t i = 0; i < clip->num_rects; i++)
		stream->clip[i] = clip->rects[i];
	return CLOVE_OK;
}

struct frame {
	const struct clove_pixels *pixels;
	struct clove_rect dest;
};

/* The nearest pixel of each: good enough to read a number from. */
static void paint_frame(struct player_surface *surface, struct clove_rect part, const void *what)
{
	const struct frame *frame = what;
	const struct clove_pixels *from = frame->pixels;
	int64_t width = frame->dest.right - frame->dest.left, height = frame->dest.bottom - frame->dest.top;

	for (int32_t y = part.top; y < part.bottom; y++) {
		const uint8_t *row = clove_pixels_row(from, (int32_t)((y - frame->dest.top) * from->height / height));
		uint8_t *to = clove_pixels_row(&surface->pixels, y);

		if (width == from->width)
			memcpy(to + (size_t)part.left * 4, row + (size_t)(part.left - frame->dest.left) * 4,
					(size_t)(part.right - part.left) * 4);
		else
			for (int32_t x = part.left; x < part.right; x++)
				memcpy(to + (size_t)x * 4, row + (x - frame->dest.left) * from->width / width * 4, 4);
		set_drawn(surface, part.left, y, part.right - part.left);
	}
}

/* Where on a surface a frame of this size lies as it is; false: it is clipped or scaled. */
static bool find_place(struct player_picture *picture, const struct player_stream *stream,
		const struct clove_rect *dest, const struct clove_image_info *info, struct clove_pixels *place)
{
	struct player_surface *surface = find_surface(picture, stream->surface_id);
	const struct clove_rect *clip = stream->clip;

	if (!surface || dest->left < 0 || dest->top < 0 || dest->right > surface->pixels.width ||
			dest->bottom > surface->pixels.height || dest->right - dest->left != info->width ||
			dest->bottom - dest->top != info->height)
		return false;
	if (clip && (stream->clips != 1 || clip->left > dest->left || clip->top > dest->top ||
			clip->right < dest->right || clip->bottom < dest->bottom))
		return false;
	*place = surface->pixels;
	place->data = clove_pixels_row(&surface->pixels, dest->top) + 4 * (size_t)dest->left;
	place->width = info->width;
	place->height = info->height;
	if (!stream->is_top_down) {
		place->data = clove_pixels_row(place, info->height - 1);
		place->stride = -place->stride;
	}
	return true;
}

static void note_frame(struct player_surface *surface, struct clove_rect part, const void *what)
{
	(void)what;
	for (int32_t y = part.top; y < part.bottom; y++)
		set_drawn(surface, part.left, y, part.right - part.left);
}

enum clove_err player_stream_data(struct player_picture *picture, uint32_t id, struct clove_bytes data,
		const struct clove_rect *dest)
{
	struct clove_display_base base = { .clip.type = CLOVE_CLIP_NONE };
	const struct player_stream *stream;
	struct clove_image_info info;
	struct clove_pixels pixels = { 0 }, place;
	enum clove_err err;

	if (id >= PLAYER_STREAMS || !picture->streams[id].is_there)
		return CLOVE_ERR_STATE;
	stream = &picture->streams[id];
	base.surface_id = stream->surface_id;
	base.box = dest ? *dest : stream->dest;
	if (stream->clip) {
		base.clip.type = CLOVE_CLIP_RECTS;
		base.clip.num_rects = stream->clips;
		base.clip.rects = stream->clip;
	}
	if (!picture->pool)
		picture->pool = clove_job_pool_new(0);
	err = clove_jpeg_probe(data, &info);
	if (err)
		return err;

	bool is_straight = find_place(picture, stream, &base.box, &info, &place);
	if (!is_straight)
		err = pixels_alloc(&pixels, (uint32_t)info.width, (uint32_t)info.height);
	if (!err)
		err = clove_jpeg_decode_frame(data, is_straight ? &place : &pixels, picture->pool);
	if (err)
		goto out;
	picture->frames++;

	struct clove_pixels upright = pixels;
	if (!is_straight && !stream->is_top_down) {
		upright.data = clove_pixels_row(&pixels, pixels.height - 1);
		upright.stride = -pixels.stride;
	}
	for_each_part(picture, &base, is_straight ? note_frame : paint_frame, &(struct frame){ &upright, base.box });
out:
	free(pixels.data);
	return err;
}

bool player_picture_is_complete(const struct player_picture *picture)
{
	const struct player_surface *primary = primary_of(picture);

	return picture->is_marked && primary && !primary->left;
}

uint64_t player_picture_hash(const struct player_picture *picture)
{
	const struct player_surface *primary = primary_of(picture);
	uint64_t hash = 0xcbf29ce484222325;

	if (!primary)
		return 0;
	for (int32_t y = 0; y < primary->pixels.height; y++)
		for (int32_t x = 0; x < primary->pixels.width; x++)
			hash = (hash ^ (clove_le32(clove_pixels_row(&primary->pixels, y) + (size_t)x * 4) & 0xffffff))
					* 0x100000001b3;
	return hash;
}
