/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glz-encode.c - which earlier images a client still holds, and how a new one is told by them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "common/codec/elements.h"
#include "common/codec/glz.h"

#define GLZ_MAGIC 0x20205a4cu
#define GLZ_VERSION 0x00010001u
#define GLZ_HEADER 33
#define GLZ_TOP_DOWN 0x10

#define WINDOW_MAX (1 << 24)     /* pixels; an offset can say twice as many, no client asks for them */
#define SLOT_BITS 16             /* half a megabyte: more is slower to look into than it saves */
#define IMAGES_MAX (1 << 16)     /* far below what an image distance can say */
#define MATCH_MAX 16             /* bytes of a match without its length's extension, and more */
#define ZLIB_LEVEL 3
#define STEP_MAX 16              /* where nothing matches */
#define CHUNK_ELEMENTS 8192
#define LITERALS_WAITING 1024    /* at the end of a chunk, for a match that reaches back */

enum part {
	PART_RGB,   /* 3 bytes an element */
	PART_RGB16, /* 2 bytes, high one first */
	PART_ALPHA, /* 1 byte */
};

/* An image that was sent: in the ring, in stream order, a u32 an element (RGB16 too), then its alpha bytes. */
struct image {
	enum clove_format format;
	size_t count;              /* elements */
	uint64_t first;            /* place: how many bytes had gone into the ring before it */
};

/* Where four elements were last seen. What they were is looked at only if the rest of their hash agrees: most
 * places are far away. They may have been overwritten since, which comparing shows. */
struct slot {
	uint32_t check, ofs;       /* byte in the ring + 1 */
};

struct clove_glz_encoder {
	atomic_uint refs;
	/* Held for a whole image: within a channel images are to be sent in the order of their numbers, and
	 * one that an encoding refers to must stay. What follows is used under it alone. */
	pthread_mutex_t lock;
	bool is_open, is_closed;
	uint8_t id;                /* of the dictionary, as the client says */
	int64_t window, held;
	uint64_t head, next;       /* images head .. next - 1 may be referred to */
	struct image *images;      /* by number modulo IMAGES_MAX */
	struct slot *slots;
	uint8_t *ring;             /* the window's pixels */
	size_t ring_size, ring_at; /* bytes; where the next image begins */
	uint64_t place;            /* of ring_at: it grows for ever */
};

struct clove_glz_encoder *clove_glz_encoder_new(uint64_t first_id)
{
	struct clove_glz_encoder *encoder = calloc(1, sizeof *encoder);

	if (!encoder)
		return NULL;
	if (pthread_mutex_init(&encoder->lock, NULL)) {
		free(encoder);
		return NULL;
	}
	atomic_init(&encoder->refs, 1);
	encoder->head = encoder->next = first_id;
	return encoder;
}

struct clove_glz_encoder *clove_glz_encoder_ref(struct clove_glz_encoder *encoder)
{
	if (encoder)
		atomic_fetch_add_explicit(&encoder->refs, 1, memory_order_relaxed);
	return encoder;
}

bool clove_glz_encoder_open(struct clove_glz_encoder *encoder, uint8_t id, int32_t window_pixels)
{
	bool is_same;

	pthread_mutex_lock(&encoder->lock);
	if (!encoder->is_open) {
		encoder->is_open = true;
		encoder->id = id;
		encoder->window = window_pixels < 0 ? 0
				: window_pixels < WINDOW_MAX ? window_pixels : WINDOW_MAX;
		encoder->ring_size = (size_t)encoder->window * 4;
	}
	is_same = encoder->id == id;
	pthread_mutex_unlock(&encoder->lock);
	return is_same;
}

static void drop_head(struct clove_glz_encoder *encoder)
{
	struct image *image = &encoder->images[encoder->head % IMAGES_MAX];

	encoder->held -= (int64_t)image->count;
	encoder->head++;
}

/* The images, the ring and the slots. */
static void let_go(struct clove_glz_encoder *encoder)
{
	while (encoder->head < encoder->next)
		drop_head(encoder);
	free(encoder->images);
	free(encoder->slots);
	free(encoder->ring);
	encoder->images = NULL;
	encoder->slots = NULL;
	encoder->ring = NULL;
}

void clove_glz_encoder_close(struct clove_glz_encoder *encoder)
{
	pthread_mutex_lock(&encoder->lock);
	encoder->is_closed = true;
	let_go(encoder);
	pthread_mutex_unlock(&encoder->lock);
}

void clove_glz_encoder_unref(struct clove_glz_encoder *encoder)
{
	if (!encoder || atomic_fetch_sub_explicit(&encoder->refs, 1, memory_order_acq_rel) != 1)
		return;
	let_go(encoder);
	pthread_mutex_destroy(&encoder->lock);
	free(encoder);
}

uint64_t clove_glz_encoder_next_id(struct clove_glz_encoder *encoder)
{
	uint64_t next;

	pthread_mutex_lock(&encoder->lock);
	next = encoder->next;
	pthread_mutex_unlock(&encoder->lock);
	return next;
}

int64_t clove_glz_encoder_pixels(struct clove_glz_encoder *encoder)
{
	int64_t held;

	pthread_mutex_lock(&encoder->lock);
	held = encoder->held;
	pthread_mutex_unlock(&encoder->lock);
	return held;
}

size_t clove_glz_bound(enum clove_format format, int32_t width, int32_t height)
{
	size_t elements = (size_t)width * (size_t)height;

	if (format < CLOVE_FORMAT_RGB16 || format > CLOVE_FORMAT_RGBA
			|| clove_pixels_check_size(width, height))
		return 0;
	return GLZ_HEADER + elements * 4 + elements / 32 * 2 + 4 + MATCH_MAX;
}

/* Bytes in the ring; whole elements, so that those of all images are aligned. */
static size_t ring_bytes(const struct image *image)
{
	return image->count * 4 + (image->format == CLOVE_FORMAT_RGBA ? (image->count + 3) / 4 * 4 : 0);
}

/* Lets images go until the new one fits into the window and into the ring, in one piece. */
static void make_room(struct clove_glz_encoder *encoder, struct image *image)
{
	size_t bytes = ring_bytes(image);

	if (bytes > encoder->ring_size - encoder->ring_at) {
		encoder->place += encoder->ring_size - encoder->ring_at;
		encoder->ring_at = 0;
	}
	image->first = encoder->place;
	while (encoder->head < encoder->next) {
		const struct image *head = &encoder->images[encoder->head % IMAGES_MAX];

		if (encoder->held + (int64_t)image->count <= encoder->window
				&& encoder->next - encoder->head < IMAGES_MAX - 1
				&& encoder->place + bytes - head->first <= encoder->ring_size)
			break;
		drop_head(encoder);
	}
}

/* A row of the source as elements. */
static void take_row(uint8_t *to, const uint8_t *row, size_t width, enum clove_format format)
{
	size_t x = 0;

	if (format == CLOVE_FORMAT_RGB16) {
		for (; x < width; x++)
			clove_put_le32(to + 4 * x, clove_le16(row + 2 * x) & 0x7fff);
	} else if (format == CLOVE_FORMAT_RGB24) {
		for (; x < width; x++)
			clove_put_le32(to + 4 * x, row[3 * x] | (uint32_t)row[3 * x + 1] << 8
					| (uint32_t)row[3 * x + 2] << 16);
	} else {
		for (; x + 2 <= width; x += 2)
			clove_put_le64(to + 4 * x, clove_le64(row + 4 * x) & 0x00ffffff00ffffff);
		if (x < width)
			clove_put_le32(to + 4 * x, clove_le32(row + 4 * x) & 0xffffff);
	}
}

/* ---- the stream ---- */

struct output {
	uint8_t *next, *end;
};

static inline __attribute__((always_inline)) bool put_literals(struct output *out, const uint8_t *p,
		size_t n, const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4, out_size = 3 - (size_t)part;

	/* One byte for the four-byte stores to spill into. */
	if ((size_t)(out->end - out->next) < n * out_size + (n + 31) / 32 + 1)
		return false;
	while (n) {
		size_t run = n < 32 ? n : 32;
		uint8_t *to = out->next;

		*to++ = (uint8_t)(run - 1);
		if (part == PART_RGB)
			clove_pack_rgb(to, p, run);
		else if (part == PART_ALPHA)
			memcpy(to, p, run);
		for (size_t i = 0; part == PART_RGB16 && i < run; i++) {
			to[2 * i] = p[4 * i + 1];
			to[2 * i + 1] = p[4 * i];
		}
		out->next = to + run * out_size;
		p += run * size;
		n -= run;
	}
	return true;
}

/* `ofs` is the distance - 1 in the same image (img 0), or the first element in the image `img` before;
 * the length is without the bias. Needs MATCH_MAX bytes and len / 255. */
static inline uint8_t *put_match(uint8_t *to, size_t len, size_t ofs, uint32_t img)
{
	bool is_far = ofs >= 1 << 12, has_more = ofs >= 1 << 17;

	*to++ = (uint8_t)((len < 7 ? len : 7) << 5 | (size_t)is_far << 4 | (ofs & 15));
	if (len >= 7) {
		for (len -= 7; len >= 255; len -= 255)
			*to++ = 255;
		*to++ = (uint8_t)len;
	}
	*to++ = (uint8_t)(ofs >> 4);
	if (is_far) {
		unsigned int extra = !img ? 0 : img < 1 << 8 ? 1 : img < 1 << 16 ? 2 : 3;

		*to++ = (uint8_t)(extra << 6 | (size_t)has_more << 5 | (ofs >> 12 & 31));
		for (unsigned int i = 0; i < extra; i++)
			*to++ = (uint8_t)(img >> 8 * i);
		if (has_more)
			*to++ = (uint8_t)(ofs >> 17);
	} else {
		unsigned int extra = img < 1 << 6 ? 0 : img < 1 << 14 ? 1 : img < 1 << 22 ? 2 : 3;

		*to++ = (uint8_t)(extra << 6 | (img & 63));
		for (unsigned int i = 0; i < extra; i++)
			*to++ = (uint8_t)(img >> (6 + 8 * i));
	}
	return to;
}

/* Of four elements. */
static inline __attribute__((always_inline)) uint64_t hash(const uint8_t *p, const enum part part)
{
	if (part == PART_ALPHA)
		return (clove_le32(p) | 1ull << 40) * 0x9e3779b97f4a7c15u;
	return clove_le64(p) * 0x9e3779b97f4a7c15u + clove_le64(p + 8) * 0xc2b2ae3d27d4eb4fu;
}

static inline __attribute__((always_inline)) bool are_four_same(const uint8_t *a, const uint8_t *b,
		const enum part part)
{
	if (part == PART_ALPHA)
		return clove_le32(a) == clove_le32(b);
	return !((clove_le64(a) ^ clove_le64(b)) | (clove_le64(a + 8) ^ clove_le64(b + 8)));
}

/* The image that holds a place, or NULL: by halves, and most often it is the one asked for last. */
static uint64_t holder(const struct clove_glz_encoder *encoder, uint64_t place, uint64_t last)
{
	uint64_t low = encoder->head, high = encoder->next;

	if (last >= low && last < high) {
		const struct image *image = &encoder->images[last % IMAGES_MAX];

		if (place >= image->first && place - image->first < ring_bytes(image))
			return last;
	}
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (encoder->images[middle % IMAGES_MAX].first <= place)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* What a slot refers to. */
struct referred {
	uint32_t img;              /* how many images before */
	size_t ref, count;         /* the element of it, of how many */
};

static inline bool find(const struct clove_glz_encoder *encoder, const struct image *image, size_t at,
		size_t ofs, const enum part part, uint64_t *last, struct referred *found)
{
	const struct image *other = image;
	uint64_t place;
	size_t skip;

	found->img = 0;
	if (ofs >= encoder->ring_at && ofs - encoder->ring_at < ring_bytes(image)) {
		place = image->first + (ofs - encoder->ring_at);
	} else {
		place = encoder->place - (ofs < encoder->ring_at ? encoder->ring_at - ofs
				: encoder->ring_at + encoder->ring_size - ofs);
		if (encoder->head == encoder->next
				|| place < encoder->images[encoder->head % IMAGES_MAX].first)
			return false;
		*last = holder(encoder, place, *last);
		other = &encoder->images[*last % IMAGES_MAX];
		found->img = (uint32_t)(encoder->next - *last);
	}
	/* Peers keep each type in a form of its own, so only like refers to like. */
	if (other->format != image->format)
		return false;
	skip = part == PART_ALPHA ? other->count * 4 : 0;
	if (place - other->first < skip)
		return false;
	found->ref = (size_t)(place - other->first - skip) / (part == PART_ALPHA ? 1 : 4);
	found->count = other->count;
	return found->ref + 4 <= other->count && (found->img || found->ref < at);
}

/* How far a stream has got. */
struct progress {
	size_t at, literals, misses;
	uint64_t last;             /* the image referred to */
};

/* The elements before `end`, which are in the ring; what is left of a run of literals waits if there is more. */
static inline __attribute__((always_inline)) bool encode_part(struct clove_glz_encoder *encoder,
		const struct image *image, struct output *out, struct progress *progress, size_t end,
		const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4, out_size = 3 - (size_t)part;
	const size_t bias = part;
	const uint8_t *ring = encoder->ring;
	const uint8_t *base = ring + encoder->ring_at + (part == PART_ALPHA ? image->count * 4 : 0);
	size_t at = progress->at, literals = progress->literals, misses = progress->misses;
	uint64_t last = progress->last;

	while (end - at >= 4) {
		const uint8_t *here = base + at * size, *there;
		uint64_t h = hash(here, part);
		struct slot *slot = &encoder->slots[h >> (64 - SLOT_BITS)];
		struct slot seen = *slot;
		struct referred found;
		uint8_t match[MATCH_MAX];
		size_t len, ref, most;

		*slot = (struct slot){ (uint32_t)(h >> 8), (uint32_t)(here - ring) + 1 };
		there = ring + (seen.ofs ? seen.ofs - 1 : 0);
		if (seen.check != (uint32_t)(h >> 8) || !seen.ofs || !are_four_same(here, there, part)
				|| !find(encoder, image, at, seen.ofs - 1, part, &last, &found)) {
			size_t step = 1 + (misses++ >> 6);

			step = step < STEP_MAX ? step : STEP_MAX;
			at += step < end - at ? step : end - at;
			continue;
		}
		ref = found.ref;
		most = end - at < found.count - ref ? end - at : found.count - ref;
		len = 4 + clove_agreement(here + 4 * size, there + 4 * size, here + most * size, UINT64_MAX)
				/ size;
		/* The elements before may agree as well. */
		while (at > literals && ref > 0 && !memcmp(base + (at - 1) * size, there - size, size)) {
			at--;
			ref--;
			there -= size;
			len++;
		}
		ref = found.img ? ref : at - ref - 1;
		if (len * out_size <= (size_t)(put_match(match, 1, ref, found.img) - match)) {
			at++;
			continue;
		}
		if (at > literals && !put_literals(out, base + literals * size, at - literals, part))
			return false;
		if ((size_t)(out->end - out->next) < MATCH_MAX + len / 255)
			return false;
		out->next = put_match(out->next, len - bias, ref, found.img);
		at += len;
		literals = at;
		misses = 0;
		if (end - at >= 4) {
			const uint8_t *near = base + (at - 2) * size;

			h = hash(near, part);
			encoder->slots[h >> (64 - SLOT_BITS)] =
					(struct slot){ (uint32_t)(h >> 8), (uint32_t)(near - ring) + 1 };
		}
	}
	if (end == image->count || end - literals >= LITERALS_WAITING) {
		if (literals < end && !put_literals(out, base + literals * size, end - literals, part))
			return false;
		at = literals = end;
	}
	*progress = (struct progress){ at, literals, misses, last };
	return true;
}

static bool encode_rgb(struct clove_glz_encoder *encoder, const struct image *image, struct output *out,
		struct progress *progress, size_t end)
{
	return encode_part(encoder, image, out, progress, end, PART_RGB);
}

static bool encode_rgb16(struct clove_glz_encoder *encoder, const struct image *image, struct output *out,
		struct progress *progress, size_t end)
{
	return encode_part(encoder, image, out, progress, end, PART_RGB16);
}

static bool encode_alpha(struct clove_glz_encoder *encoder, const struct image *image, struct output *out,
		struct progress *progress, size_t end)
{
	return encode_part(encoder, image, out, progress, end, PART_ALPHA);
}

/* Rows become elements a chunk at a time, which are encoded while the caches hold them. */
static bool encode_streams(struct clove_glz_encoder *encoder, const struct image *image, struct output *out,
		const struct clove_pixels *src, bool is_top_down)
{
	size_t width = (size_t)src->width, filled = 0, begun = 0;
	uint8_t *colours = encoder->ring + encoder->ring_at, *alpha = colours + image->count * 4;
	struct progress rest = { 0 }, rest_alpha = { 0 };

	for (int32_t y = 0; y < src->height; y++) {
		const uint8_t *row = clove_pixels_row(src, is_top_down ? y : src->height - 1 - y);

		take_row(colours + filled * 4, row, width, src->format);
		for (size_t x = 0; src->format == CLOVE_FORMAT_RGBA && x < width; x++)
			alpha[filled + x] = row[4 * x + 3];
		filled += width;
		if (filled - begun < CHUNK_ELEMENTS && y + 1 < src->height)
			continue;
		begun = filled;
		if (!(src->format == CLOVE_FORMAT_RGB16 ? encode_rgb16 : encode_rgb)(encoder, image, out, &rest,
				filled))
			return false;
	}
	return src->format != CLOVE_FORMAT_RGBA || encode_alpha(encoder, image, out, &rest_alpha, filled);
}

static void put_header(uint8_t *dst, const struct clove_glz_encoder *encoder,
		const struct clove_pixels *src, bool is_top_down)
{
	clove_put_be32(dst, GLZ_MAGIC);
	clove_put_be32(dst + 4, GLZ_VERSION);
	dst[8] = (uint8_t)(src->format | (is_top_down ? GLZ_TOP_DOWN : 0));
	clove_put_be32(dst + 9, (uint32_t)src->width);
	clove_put_be32(dst + 13, (uint32_t)src->height);
	clove_put_be32(dst + 17, (uint32_t)clove_format_row_bytes(src->format, src->width));
	clove_put_be32(dst + 21, (uint32_t)(encoder->next >> 32));
	clove_put_be32(dst + 25, (uint32_t)encoder->next);
	clove_put_be32(dst + 29, (uint32_t)(encoder->next - encoder->head));
}

/* With the lock held. */
static enum clove_err encode(struct clove_glz_encoder *encoder, uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, bool is_top_down, size_t *size)
{
	int64_t count = (int64_t)src->width * src->height;
	struct output out = { dst + GLZ_HEADER, dst + capacity };
	struct image image = { .format = src->format, .count = (size_t)count };

	if (encoder->is_closed || !encoder->is_open)
		return CLOVE_ERR_STATE;
	if (count >= encoder->window || capacity < GLZ_HEADER || ring_bytes(&image) > encoder->ring_size)
		return CLOVE_ERR_LIMIT;
	if (!encoder->images)
		encoder->images = calloc(IMAGES_MAX, sizeof *encoder->images);
	if (!encoder->slots)
		encoder->slots = calloc((size_t)1 << SLOT_BITS, sizeof *encoder->slots);
	if (!encoder->ring)
		encoder->ring = calloc(1, encoder->ring_size);
	if (!encoder->images || !encoder->slots || !encoder->ring)
		return CLOVE_ERR_NOMEM;
	make_room(encoder, &image);
	put_header(dst, encoder, src, is_top_down);
	/* If it does not fit its number, and its room, go to the next image. */
	if (!encode_streams(encoder, &image, &out, src, is_top_down))
		return CLOVE_ERR_LIMIT;
	encoder->images[encoder->next % IMAGES_MAX] = image;
	encoder->held += count;
	encoder->next++;
	encoder->ring_at += ring_bytes(&image);
	encoder->place += ring_bytes(&image);
	*size = (size_t)(out.next - dst);
	return CLOVE_OK;
}

enum clove_err clove_glz_encode(struct clove_glz_encoder *encoder, uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, bool is_top_down, size_t *size)
{
	enum clove_err err;

	if (!clove_glz_bound(src->format, src->width, src->height))
		return CLOVE_ERR_UNSUPPORTED;
	pthread_mutex_lock(&encoder->lock);
	err = encode(encoder, dst, capacity, src, is_top_down, size);
	pthread_mutex_unlock(&encoder->lock);
	return err;
}

enum clove_err clove_zlib_glz_deflate(uint8_t *dst, size_t capacity, struct clove_bytes glz, size_t *size)
{
	uLongf n = capacity;
	int result = compress2(dst, &n, glz.data, glz.len, ZLIB_LEVEL);

	if (result != Z_OK)
		return result == Z_MEM_ERROR ? CLOVE_ERR_NOMEM : CLOVE_ERR_LIMIT;
	*size = n;
	return CLOVE_OK;
}
