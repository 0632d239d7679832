/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glz.c - GLZ's element stream, and which earlier images it may still refer to. */
#include "common/codec/glz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "common/util/list.h"

#define GLZ_MAGIC 0x20205a4cu
#define GLZ_VERSION 0x00010001u
#define GLZ_HEADER 33
#define GLZ_TOP_DOWN 0x10

#define SLOTS 4096
/* A first image beyond this number: the sequence did not begin with us (seamless migration). */
#define FIRST_ID_MAX 256
/* How far out of order ids may come, in images. */
#define DISORDER_MAX 65536
/* What is held beyond the window while an image of another channel is late, in windows; and what
 * an image costs besides its pixels, in pixels. */
#define WINDOWS_MAX 4
#define IMAGE_COST 32

/* A decoded image: B, G, R, A or x, in the order of its stream. */
struct image {
	struct clove_list order;  /* in the dictionary, by id */
	struct image *next;       /* in its slot */
	uint64_t id;
	uint32_t win_head_dist;
	size_t count;
	uint8_t pixels[];
};

struct clove_glz_dictionary {
	struct clove_list images;
	struct image *slots[SLOTS];
	int64_t window, held, cost;
	uint64_t tail;      /* all ids below have been decoded */
	uint64_t released;  /* all ids below have been given up */
	bool has_begun;
};

struct clove_glz_dictionary *clove_glz_dictionary_new(int32_t window_pixels)
{
	struct clove_glz_dictionary *dictionary = calloc(1, sizeof *dictionary);

	if (!dictionary)
		return NULL;
	clove_list_init(&dictionary->images);
	dictionary->window = window_pixels > 0 ? window_pixels : 0;
	return dictionary;
}

static void image_free(struct clove_glz_dictionary *dictionary, struct image *image)
{
	struct image **at = &dictionary->slots[image->id % SLOTS];

	while (*at != image)
		at = &(*at)->next;
	*at = image->next;
	clove_list_remove(&image->order);
	dictionary->held -= (int64_t)image->count;
	dictionary->cost -= (int64_t)image->count + IMAGE_COST;
	free(image);
}

void clove_glz_dictionary_clear(struct clove_glz_dictionary *dictionary)
{
	CLOVE_LIST_FOR_EACH(item, &dictionary->images)
		image_free(dictionary, CLOVE_CONTAINER(item, struct image, order));
	dictionary->tail = dictionary->released = 0;
	dictionary->has_begun = false;
}

void clove_glz_dictionary_free(struct clove_glz_dictionary *dictionary)
{
	if (!dictionary)
		return;
	clove_glz_dictionary_clear(dictionary);
	free(dictionary);
}

int64_t clove_glz_dictionary_pixels(const struct clove_glz_dictionary *dictionary)
{
	return dictionary->held;
}

static struct image *find(const struct clove_glz_dictionary *dictionary, uint64_t id)
{
	struct image *image = dictionary->slots[id % SLOTS];

	while (image && image->id != id)
		image = image->next;
	return image;
}

/* Room for the image of `header`, not yet in the table. */
static enum clove_err image_new(const struct clove_glz_dictionary *dictionary,
		const struct clove_glz_header *header, struct image **image)
{
	int64_t count = (int64_t)header->info.width * header->info.height;

	if (find(dictionary, header->id))
		return CLOVE_ERR_STATE;
	if (count > dictionary->window
			|| dictionary->cost + count + IMAGE_COST > WINDOWS_MAX * dictionary->window + (1 << 20))
		return CLOVE_ERR_LIMIT;
	*image = malloc(sizeof **image + (size_t)count * 4);
	if (!*image)
		return CLOVE_ERR_NOMEM;
	**image = (struct image){ .id = header->id, .win_head_dist = header->win_head_dist,
			.count = (size_t)count };
	return CLOVE_OK;
}

/* Frees what no image to come may refer to: while ids are missing, what the last one before the
 * gap let go (an image that is late may reach further back than those that overtook it). */
static void release(struct clove_glz_dictionary *dictionary)
{
	struct image *image, *last = NULL;
	uint64_t head;

	while ((image = find(dictionary, dictionary->tail))) {
		last = image;
		dictionary->tail++;
	}
	if (!last)
		return;
	head = last->id - (last->win_head_dist < last->id ? last->win_head_dist : last->id);
	if (head <= dictionary->released)
		return;
	dictionary->released = head;
	CLOVE_LIST_FOR_EACH(item, &dictionary->images) {
		image = CLOVE_CONTAINER(item, struct image, order);
		if (image->id >= head)
			break;
		image_free(dictionary, image);
	}
}

/* Takes the image; on failure too. */
static enum clove_err put(struct clove_glz_dictionary *dictionary, struct image *take_image)
{
	struct image **slot = &dictionary->slots[take_image->id % SLOTS];
	struct clove_list *before = dictionary->images.prev;
	size_t steps = 0;

	while (before != &dictionary->images
			&& CLOVE_CONTAINER(before, struct image, order)->id > take_image->id) {
		if (++steps > DISORDER_MAX) {
			free(take_image);
			return CLOVE_ERR_LIMIT;
		}
		before = before->prev;
	}
	if (!dictionary->has_begun && take_image->id > FIRST_ID_MAX)
		dictionary->tail = take_image->id;
	dictionary->has_begun = true;
	clove_list_prepend(before, &take_image->order);
	take_image->next = *slot;
	*slot = take_image;
	dictionary->held += (int64_t)take_image->count;
	dictionary->cost += (int64_t)take_image->count + IMAGE_COST;
	release(dictionary);
	return CLOVE_OK;
}

enum clove_err clove_glz_probe(struct clove_bytes in, struct clove_glz_header *header)
{
	uint32_t width, height, format;
	enum clove_err err;

	if (in.len < GLZ_HEADER)
		return CLOVE_ERR_SHORT;
	if (clove_be32(in.data) != GLZ_MAGIC)
		return CLOVE_ERR_VALUE;
	if (clove_be32(in.data + 4) != GLZ_VERSION)
		return CLOVE_ERR_VERSION;
	format = in.data[8] & 15;
	if (in.data[8] >> 5 || format < CLOVE_FORMAT_RGB16 || format > CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_VALUE;
	width = clove_be32(in.data + 9);
	height = clove_be32(in.data + 13);
	err = clove_pixels_check_size(width, height);
	if (err)
		return err;
	/* The stride (at 17) says nothing new and existing decoders do not look at it. */
	*header = (struct clove_glz_header){
		.info = { (enum clove_format)format, (int32_t)width, (int32_t)height,
				in.data[8] & GLZ_TOP_DOWN },
		.id = (uint64_t)clove_be32(in.data + 21) << 32 | clove_be32(in.data + 25),
		.win_head_dist = clove_be32(in.data + 29),
	};
	return CLOVE_OK;
}

/* ---- decoding ---- */

enum part {
	PART_RGB,   /* 3 bytes a pixel, x or A becomes 0 */
	PART_RGB16, /* 2 bytes, widened */
	PART_ALPHA, /* 1 byte, the fourth of the pixel */
};

static uint32_t widen(uint32_t v)
{
	uint32_t r = v >> 10 & 31, g = v >> 5 & 31, b = v & 31;

	return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static inline __attribute__((always_inline)) void copy_literals(uint8_t *dst, const uint8_t *src,
		size_t n, const enum part part)
{
	for (size_t i = 0; i < n; i++) {
		if (part == PART_ALPHA)
			dst[4 * i + 3] = src[i];
		else if (part == PART_RGB16)
			clove_put_le32(dst + 4 * i, widen((uint32_t)src[2 * i] << 8 | src[2 * i + 1]));
		else
			clove_put_le32(dst + 4 * i, src[3 * i] | (uint32_t)src[3 * i + 1] << 8
					| (uint32_t)src[3 * i + 2] << 16);
	}
}

/* `n` elements from `src`, one after the other. `ahead`: how many bytes src lies before dst, or
 * enough if it is another image. */
static inline __attribute__((always_inline)) void copy_match(uint8_t *dst, const uint8_t *src,
		size_t n, size_t ahead, const enum part part)
{
	if (part == PART_ALPHA) {
		for (size_t i = 0; i < n; i++)
			dst[4 * i + 3] = src[4 * i + 3];
	} else if (ahead >= 4 * n) {
		memcpy(dst, src, 4 * n);
	} else if (ahead == 4) {
		uint32_t v;

		memcpy(&v, src, 4);
		for (size_t i = 0; i < n; i++)
			memcpy(dst + 4 * i, &v, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			memcpy(dst + 4 * i, src + 4 * i, 4);
	}
}

/* What follows a match's control byte. */
struct match {
	size_t len, ofs;
	uint32_t img;
};

static inline enum clove_err read_match(unsigned int c, const uint8_t **at, const uint8_t *end,
		size_t left, struct match *match)
{
	const uint8_t *p = *at;
	unsigned int b, extra;
	bool is_far = c >> 4 & 1, has_more = false;

	match->len = c >> 5;
	match->ofs = c & 15;
	match->img = 0;
	if (match->len == 7) {
		do {
			if (p == end)
				return CLOVE_ERR_SHORT;
			b = *p++;
			match->len += b;
			if (match->len > left)
				return CLOVE_ERR_BOUNDS;
		} while (b == 255);
	}
	if (end - p < 2)
		return CLOVE_ERR_SHORT;
	match->ofs += (size_t)*p++ << 4;
	b = *p++;
	extra = b >> 6;
	if (is_far) {
		has_more = b >> 5 & 1;
		match->ofs += (size_t)(b & 31) << 12;
	} else {
		match->img = b & 63;
	}
	if ((size_t)(end - p) < extra + has_more)
		return CLOVE_ERR_SHORT;
	for (unsigned int i = 0; i < extra; i++)
		match->img += (uint32_t)*p++ << ((is_far ? 0 : 6) + 8 * i);
	if (has_more)
		match->ofs += (size_t)*p++ << 17;
	*at = p;
	return CLOVE_OK;
}

static inline __attribute__((always_inline)) enum clove_err decode_stream(
		const struct clove_glz_dictionary *dictionary, struct clove_bytes *in,
		struct image *image, const enum part part)
{
	const size_t in_size = part == PART_RGB ? 3 : part == PART_RGB16 ? 2 : 1;
	const size_t bias = part == PART_RGB ? 0 : part == PART_RGB16 ? 1 : 2;
	const uint8_t *p = in->data, *end = p + in->len;
	const struct image *other = NULL;  /* the last one referred to */
	uint8_t *out = image->pixels;
	size_t done = 0;

	while (done < image->count) {
		size_t left = image->count - done;
		struct match match;
		enum clove_err err;
		unsigned int c;

		if (p == end)
			return CLOVE_ERR_SHORT;
		c = *p++;
		if (c < 32) {
			size_t n = c + 1;

			if (n > left)
				return CLOVE_ERR_BOUNDS;
			if (n * in_size > (size_t)(end - p))
				return CLOVE_ERR_SHORT;
			copy_literals(out + 4 * done, p, n, part);
			p += n * in_size;
			done += n;
			continue;
		}
		err = read_match(c, &p, end, left, &match);
		if (err)
			return err;
		match.len += bias;
		if (match.len > left)
			return CLOVE_ERR_BOUNDS;
		if (!match.img) {
			if (match.ofs >= done)
				return CLOVE_ERR_BOUNDS;
			copy_match(out + 4 * done, out + 4 * (done - match.ofs - 1), match.len,
					4 * (match.ofs + 1), part);
		} else {
			uint64_t id = image->id - match.img;

			if (match.img > image->id)
				return CLOVE_ERR_BOUNDS;
			if (!other || other->id != id)
				other = find(dictionary, id);
			if (!other)
				return id < dictionary->released ? CLOVE_ERR_STATE : CLOVE_ERR_AGAIN;
			if (match.ofs > other->count || match.len > other->count - match.ofs)
				return CLOVE_ERR_BOUNDS;
			copy_match(out + 4 * done, other->pixels + 4 * match.ofs, match.len,
					4 * match.len, part);
		}
		done += match.len;
	}
	*in = CLOVE_BYTES(p, (size_t)(end - p));
	return CLOVE_OK;
}

static enum clove_err decode_rgb(const struct clove_glz_dictionary *dictionary,
		struct clove_bytes *in, struct image *image)
{
	return decode_stream(dictionary, in, image, PART_RGB);
}

static enum clove_err decode_rgb16(const struct clove_glz_dictionary *dictionary,
		struct clove_bytes *in, struct image *image)
{
	return decode_stream(dictionary, in, image, PART_RGB16);
}

static enum clove_err decode_alpha(const struct clove_glz_dictionary *dictionary,
		struct clove_bytes *in, struct image *image)
{
	return decode_stream(dictionary, in, image, PART_ALPHA);
}

/* The image's rows, top row first, as the caller wants them. */
static enum clove_err show(const struct clove_pixels *dst, struct image *image,
		const struct clove_glz_header *header)
{
	/* What is held of RGB has come from the stream or from images of any type, so its fourth byte is
	 * anybody's: as RGBA into RGB32 it becomes 0. */
	bool is_rgba = header->info.format == CLOVE_FORMAT_RGBA;
	ptrdiff_t row = 4 * (ptrdiff_t)header->info.width;
	struct clove_pixels held = { image->pixels, header->info.width, header->info.height, row,
			is_rgba || dst->format == CLOVE_FORMAT_RGB32 ? CLOVE_FORMAT_RGBA
					: CLOVE_FORMAT_RGB32 };

	if (!header->info.is_top_down) {
		held.data += row * (header->info.height - 1);
		held.stride = -row;
	}
	return clove_pixels_convert(dst, &held, NULL);
}

enum clove_err clove_glz_decode(struct clove_glz_dictionary *dictionary, struct clove_bytes in,
		const struct clove_pixels *dst)
{
	struct clove_glz_header header;
	struct image *image;
	enum clove_err err = clove_glz_probe(in, &header);

	if (err)
		return err;
	if (dst && (dst->width != header.info.width || dst->height != header.info.height))
		return CLOVE_ERR_BOUNDS;
	if (dst && !clove_pixels_converts(CLOVE_FORMAT_RGB32, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	err = image_new(dictionary, &header, &image);
	if (err)
		return err;
	in = CLOVE_BYTES(in.data + GLZ_HEADER, in.len - GLZ_HEADER);
	err = header.info.format == CLOVE_FORMAT_RGB16 ? decode_rgb16(dictionary, &in, image)
			: decode_rgb(dictionary, &in, image);
	if (!err && header.info.format == CLOVE_FORMAT_RGBA)
		err = decode_alpha(dictionary, &in, image);
	if (!err && in.len)
		err = CLOVE_ERR_VALUE;
	if (!err && dst)
		err = show(dst, image, &header);
	if (err) {
		free(image);
		return err;
	}
	return put(dictionary, image);
}

enum clove_err clove_glz_put_black(struct clove_glz_dictionary *dictionary,
		const struct clove_glz_header *header)
{
	struct image *image;
	enum clove_err err = clove_pixels_check_size(header->info.width, header->info.height);

	if (!err)
		err = image_new(dictionary, header, &image);
	if (err)
		return err;
	memset(image->pixels, 0, image->count * 4);
	return put(dictionary, image);
}

enum clove_err clove_zlib_glz_inflate(struct clove_bytes in, uint32_t glz_size, int64_t pixels,
		struct clove_buf *glz)
{
	z_stream stream = { .next_in = NULL };
	enum clove_err err = CLOVE_OK;
	uint8_t *out;
	int end;

	clove_buf_clear(glz);
	if (pixels < 1 || pixels > CLOVE_PIXELS_MAX || glz_size > 8 * pixels + 4096)
		return CLOVE_ERR_LIMIT;
	if (glz_size < GLZ_HEADER)
		return CLOVE_ERR_SHORT;
	/* Deflate makes at most 1032 bytes of one: no memory for what cannot be there. */
	if (in.len > UINT32_MAX || glz_size / 1040 > in.len)
		return CLOVE_ERR_SHORT;
	/* One byte more shows a stream that is longer than announced. */
	out = clove_buf_reserve(glz, (size_t)glz_size + 1);
	if (!out || inflateInit(&stream) != Z_OK)
		return CLOVE_ERR_NOMEM;
	stream.next_in = (Bytef *)(uintptr_t)in.data;
	stream.avail_in = (uInt)in.len;
	stream.next_out = out;
	stream.avail_out = glz_size + 1;
	end = inflate(&stream, Z_FINISH);
	if (end != Z_STREAM_END || stream.total_out != glz_size || stream.avail_in)
		err = CLOVE_ERR_VALUE;
	inflateEnd(&stream);
	if (!err)
		glz->len = glz_size;
	return err;
}
