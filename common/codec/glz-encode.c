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
#define SLOT_BITS_MIN 10
#define SLOT_BITS_MAX 20
#define IMAGES_MAX (1 << 16)     /* far below what an image distance can say */
#define MATCH_MAX 16             /* bytes of a match without its length's extension, and more */
#define ZLIB_LEVEL 3
#define STEP_MAX 32              /* where nothing matches */

enum part {
	PART_RGB,   /* 3 bytes an element */
	PART_RGB16, /* 2 bytes, high one first */
	PART_ALPHA, /* 1 byte */
};

/* An image that was sent, in stream order: a u32 an element (RGB16 too), and its alpha bytes. */
struct image {
	enum clove_format format;
	size_t count;
	uint8_t *colours, *alpha;
};

/* Where three elements were last seen. */
struct slot {
	uint32_t id, ofs;  /* low half of the image's number; element + 1 */
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
	unsigned int slot_bits;
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
		encoder->slot_bits = SLOT_BITS_MIN;
		while (encoder->slot_bits < SLOT_BITS_MAX && 1 << encoder->slot_bits < encoder->window)
			encoder->slot_bits++;
	}
	is_same = encoder->id == id;
	pthread_mutex_unlock(&encoder->lock);
	return is_same;
}

static void drop_head(struct clove_glz_encoder *encoder)
{
	struct image *image = &encoder->images[encoder->head % IMAGES_MAX];

	encoder->held -= (int64_t)image->count;
	free(image->colours);
	memset(image, 0, sizeof *image);
	encoder->head++;
}

/* The images and the slots. */
static void let_go(struct clove_glz_encoder *encoder)
{
	while (encoder->head < encoder->next)
		drop_head(encoder);
	free(encoder->images);
	free(encoder->slots);
	encoder->images = NULL;
	encoder->slots = NULL;
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

/* Copies the rows as elements, in stream order. */
static bool image_init(struct image *image, const struct clove_pixels *src, bool is_top_down)
{
	size_t width = (size_t)src->width, count = width * (size_t)src->height;
	uint8_t *to;

	*image = (struct image){ .format = src->format, .count = count };
	image->colours = malloc(count * (src->format == CLOVE_FORMAT_RGBA ? 5 : 4));
	if (!image->colours)
		return false;
	image->alpha = src->format == CLOVE_FORMAT_RGBA ? image->colours + count * 4 : NULL;
	to = image->colours;
	for (int32_t y = 0; y < src->height; y++) {
		const uint8_t *row = clove_pixels_row(src, is_top_down ? y : src->height - 1 - y);

		for (size_t x = 0; x < width; x++, to += 4) {
			if (src->format == CLOVE_FORMAT_RGB16)
				clove_put_le32(to, clove_le16(row + 2 * x) & 0x7fff);
			else if (src->format == CLOVE_FORMAT_RGB24)
				clove_put_le32(to, row[3 * x] | (uint32_t)row[3 * x + 1] << 8
						| (uint32_t)row[3 * x + 2] << 16);
			else
				clove_put_le32(to, clove_le32(row + 4 * x) & 0xffffff);
		}
		for (size_t x = 0; image->alpha && x < width; x++)
			image->alpha[(size_t)y * width + x] = row[4 * x + 3];
	}
	return true;
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

static inline __attribute__((always_inline)) uint32_t hash(const uint8_t *p, unsigned int bits,
		const enum part part)
{
	uint64_t v;

	if (part == PART_ALPHA)
		v = clove_le16(p) | (uint64_t)p[2] << 16 | 1ull << 50;
	else
		v = clove_le64(p) ^ (uint64_t)clove_le32(p + 8) << 20;
	return (uint32_t)(v * 0x9e3779b97f4a7c15u >> (64 - bits));
}

static inline const uint8_t *elements(const struct image *image, enum part part)
{
	return part == PART_ALPHA ? image->alpha : image->colours;
}

/* The image that a slot means, if it may be referred to. */
static inline const struct image *referred(const struct clove_glz_encoder *encoder,
		const struct image *image, struct slot slot, uint32_t *img)
{
	const struct image *other;

	*img = (uint32_t)encoder->next - slot.id;
	if (!slot.ofs || *img > encoder->next - encoder->head)
		return NULL;
	other = *img ? &encoder->images[(encoder->next - *img) % IMAGES_MAX] : image;
	/* Peers keep each type in a form of its own, so only like refers to like. */
	if (other->format != image->format || slot.ofs + 2 > other->count)
		return NULL;
	return other;
}

/* A complete element stream. */
static inline __attribute__((always_inline)) bool encode_stream(struct clove_glz_encoder *encoder,
		const struct image *image, struct output *out, const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4, out_size = 3 - (size_t)part;
	const size_t bias = part;
	const uint8_t *base = elements(image, part);
	size_t at = 0, literals = 0, end = image->count, misses = 0;

	while (end - at >= 4) {
		const uint8_t *here = base + at * size, *there;
		struct slot *slot = &encoder->slots[hash(here, encoder->slot_bits, part)];
		struct slot seen = *slot;
		const struct image *other;
		uint8_t match[MATCH_MAX];
		size_t len, ref, most;
		uint32_t img;

		*slot = (struct slot){ (uint32_t)encoder->next, (uint32_t)at + 1 };
		other = referred(encoder, image, seen, &img);
		ref = (size_t)seen.ofs - 1;
		there = other ? elements(other, part) + ref * size : NULL;
		if (!other || (other == image && ref >= at) || memcmp(here, there, 3 * size)) {
			size_t step = 1 + (misses++ >> 5);

			step = step < STEP_MAX ? step : STEP_MAX;
			at += step < end - at ? step : end - at;
			continue;
		}
		most = end - at < other->count - ref ? end - at : other->count - ref;
		len = 3 + clove_agreement(here + 3 * size, there + 3 * size, here + most * size, UINT64_MAX) / size;
		/* The elements before may agree as well. */
		while (at > literals && ref > 0
				&& !memcmp(base + (at - 1) * size, elements(other, part) + (ref - 1) * size, size)) {
			at--;
			ref--;
			len++;
		}
		ref = img ? ref : at - ref - 1;
		if (len * out_size <= (size_t)(put_match(match, 1, ref, img) - match)) {
			at++;
			continue;
		}
		if (at > literals && !put_literals(out, base + literals * size, at - literals, part))
			return false;
		if ((size_t)(out->end - out->next) < MATCH_MAX + len / 255)
			return false;
		out->next = put_match(out->next, len - bias, ref, img);
		at += len;
		literals = at;
		misses = 0;
		if (end - at >= 4)
			encoder->slots[hash(base + (at - 2) * size, encoder->slot_bits, part)] =
					(struct slot){ (uint32_t)encoder->next, (uint32_t)(at - 2) + 1 };
	}
	return literals == end || put_literals(out, base + literals * size, end - literals, part);
}

static bool encode_rgb(struct clove_glz_encoder *encoder, const struct image *image, struct output *out)
{
	return encode_stream(encoder, image, out, PART_RGB);
}

static bool encode_rgb16(struct clove_glz_encoder *encoder, const struct image *image, struct output *out)
{
	return encode_stream(encoder, image, out, PART_RGB16);
}

static bool encode_alpha(struct clove_glz_encoder *encoder, const struct image *image, struct output *out)
{
	return encode_stream(encoder, image, out, PART_ALPHA);
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
	struct image image;
	bool fits;

	if (encoder->is_closed || !encoder->is_open)
		return CLOVE_ERR_STATE;
	if (count >= encoder->window || capacity < GLZ_HEADER)
		return CLOVE_ERR_LIMIT;
	if (!encoder->images)
		encoder->images = calloc(IMAGES_MAX, sizeof *encoder->images);
	if (!encoder->slots)
		encoder->slots = calloc((size_t)1 << encoder->slot_bits, sizeof *encoder->slots);
	if (!encoder->images || !encoder->slots || !image_init(&image, src, is_top_down))
		return CLOVE_ERR_NOMEM;
	while (encoder->head < encoder->next && (encoder->held + count > encoder->window
			|| encoder->next - encoder->head >= IMAGES_MAX - 1))
		drop_head(encoder);
	put_header(dst, encoder, src, is_top_down);
	fits = src->format == CLOVE_FORMAT_RGB16 ? encode_rgb16(encoder, &image, &out)
			: encode_rgb(encoder, &image, &out);
	if (fits && src->format == CLOVE_FORMAT_RGBA)
		fits = encode_alpha(encoder, &image, &out);
	if (!fits) {
		/* Slots that know it may stay: its number goes to the next image, where they are compared. */
		free(image.colours);
		return CLOVE_ERR_LIMIT;
	}
	encoder->images[encoder->next % IMAGES_MAX] = image;
	encoder->held += count;
	encoder->next++;
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
