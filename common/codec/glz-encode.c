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
#define SLOT_BITS_MAX 17
#define IMAGES_MAX (1 << 16)     /* far below what an image distance can say */
#define MATCH_MAX 16             /* bytes of a match without its length's extension, and more */
#define ZLIB_LEVEL 3
#define STEP_MAX 12              /* where nothing matches */
#define NEAR_BITS 13             /* of slots for the last 65536 elements: half a first-level cache */
#define MARK_ELEMENTS 1024       /* how often is looked for other images whatever matches nearby */
#define TRIES 12                 /* and how often then */
#define FAILURES 128             /* in a row; then it is not as in that image */
#define WORTH 16                 /* elements of another image that are better than a match nearby */

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
	size_t bytes;              /* at colours */
};

/* Where three or four elements were last seen. */
struct slot {
	uint32_t ofs;      /* element + 1 */
	uint16_t id, tag;  /* low quarter of the image's number; more of the hash */
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
	uint8_t *spare;            /* a dropped image's memory, for the next one */
	size_t spare_size;
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
		while (encoder->slot_bits < SLOT_BITS_MAX && 2ll << encoder->slot_bits < encoder->window)
			encoder->slot_bits++;
	}
	is_same = encoder->id == id;
	pthread_mutex_unlock(&encoder->lock);
	return is_same;
}

/* What is large is slow to get from the system and to give back. */
static void keep_spare(struct clove_glz_encoder *encoder, const struct image *image)
{
	if (encoder->spare_size >= image->bytes) {
		free(image->colours);
		return;
	}
	free(encoder->spare);
	encoder->spare = image->colours;
	encoder->spare_size = image->bytes;
}

static void drop_head(struct clove_glz_encoder *encoder)
{
	struct image *image = &encoder->images[encoder->head % IMAGES_MAX];

	encoder->held -= (int64_t)image->count;
	keep_spare(encoder, image);
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
	free(encoder->spare);
	encoder->images = NULL;
	encoder->slots = NULL;
	encoder->spare = NULL;
	encoder->spare_size = 0;
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

static void take_row(uint8_t *to, const uint8_t *row, size_t width, enum clove_format format)
{
	switch (format) {
	case CLOVE_FORMAT_RGB16:
		for (size_t x = 0; x < width; x++)
			clove_put_le32(to + 4 * x, clove_le16(row + 2 * x) & 0x7fff);
		break;
	case CLOVE_FORMAT_RGB24:
		for (size_t x = 0; x < width; x++)
			clove_put_le32(to + 4 * x, row[3 * x] | (uint32_t)row[3 * x + 1] << 8
					| (uint32_t)row[3 * x + 2] << 16);
		break;
	default:
		for (; width >= 2; width -= 2, to += 8, row += 8)
			clove_put_le64(to, clove_le64(row) & 0x00ffffff00ffffff);
		if (width)
			clove_put_le32(to, clove_le32(row) & 0xffffff);
		break;
	}
}

/* Copies the rows as elements, in stream order. */
static bool image_init(struct clove_glz_encoder *encoder, struct image *image, const struct clove_pixels *src,
		bool is_top_down)
{
	size_t width = (size_t)src->width, count = width * (size_t)src->height;

	*image = (struct image){ .format = src->format, .count = count };
	image->bytes = count * (src->format == CLOVE_FORMAT_RGBA ? 5 : 4);
	/* One that is much too large would stay so. */
	if (encoder->spare_size >= image->bytes && encoder->spare_size / 2 <= image->bytes) {
		image->colours = encoder->spare;
		image->bytes = encoder->spare_size;
		encoder->spare = NULL;
		encoder->spare_size = 0;
	} else {
		image->colours = malloc(image->bytes);
	}
	if (!image->colours)
		return false;
	image->alpha = src->format == CLOVE_FORMAT_RGBA ? image->colours + count * 4 : NULL;
	for (int32_t y = 0; y < src->height; y++) {
		const uint8_t *row = clove_pixels_row(src, is_top_down ? y : src->height - 1 - y);

		take_row(image->colours + 4 * (size_t)y * width, row, width, src->format);
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
static inline __attribute__((always_inline)) uint8_t *put_match(uint8_t *to, size_t len, size_t ofs, uint32_t img)
{
	bool is_far = ofs >= 1 << 12, has_more = ofs >= 1 << 17;

	if (__builtin_expect(!img && !is_far && len < 7 + 255, 1)) {
		/* Whether there is an extension is hard to foresee. */
		to[0] = (uint8_t)((len < 7 ? len : 7) << 5 | (ofs & 15));
		to[1] = (uint8_t)(len - 7);
		to += 1 + (len >= 7);
		to[0] = (uint8_t)(ofs >> 4);
		to[1] = 0;
		return to + 2;
	}
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

/* Of four pixels or three alpha bytes; the upper bits are slots. */
static inline __attribute__((always_inline)) uint64_t hash(const uint8_t *p, const enum part part)
{
	if (part == PART_ALPHA)
		return (clove_le16(p) | (uint64_t)p[2] << 16 | 1ull << 50) * 0x9e3779b97f4a7c15u;
	return clove_le64(p) * 0x9e3779b97f4a7c15u + clove_le64(p + 8) * 0xc2b2ae3d27d4eb4fu;
}

static inline uint16_t tag_of(uint64_t hashed)
{
	return (uint16_t)(hashed >> 24);
}

static inline const uint8_t *elements(const struct image *image, enum part part)
{
	return part == PART_ALPHA ? image->alpha : image->colours;
}

/* Where elements have been found: in which image, from which element on. */
struct place {
	const struct image *other;
	size_t ref;
	uint32_t img;  /* how many images before */
};

/* The image that a slot means, if it may be referred to. */
static inline bool referred(const struct clove_glz_encoder *encoder, const struct image *image,
		struct slot slot, struct place *place)
{
	place->img = (uint16_t)(encoder->next - slot.id);
	if (!slot.ofs || place->img > encoder->next - encoder->head)
		return false;
	place->other = place->img ? &encoder->images[(encoder->next - place->img) % IMAGES_MAX] : image;
	place->ref = (size_t)slot.ofs - 1;
	/* Peers keep each type in a form of its own, so only like refers to like. */
	return place->other->format == image->format;
}

/* How many elements from `at` on are those of the place; fewer than three are 0. */
static inline size_t agreement(const struct image *image, size_t at, const struct place *place,
		const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4;
	const uint8_t *here = elements(image, part) + at * size;
	size_t most = image->count - at;

	if (place->ref >= (place->img ? place->other->count : at))
		return 0;
	if (most > place->other->count - place->ref)
		most = place->other->count - place->ref;
	if (most < 4 || memcmp(here, elements(place->other, part) + place->ref * size, 3 * size))
		return 0;
	return clove_agreement(here, elements(place->other, part) + place->ref * size, here + most * size,
			UINT64_MAX) / size;
}

/* What is searched for in other images, and where next. */
struct further {
	const struct image *other; /* where the elements were found last time, NULL for nowhere */
	uint32_t img;
	size_t lead;               /* its element minus ours, modulo 2^64 */
	size_t spacing, kept;      /* every how many elements one is kept for later; up to which they are */
	unsigned int tries, filter, failures;
};

/* The image before, if this one may be a new version of it. */
static void further_init(struct further *further, const struct clove_glz_encoder *encoder,
		const struct image *image)
{
	size_t count = image->count;

	*further = (struct further){ .tries = TRIES, .spacing = count >> 14 ? count >> 17 ? count >> 20 ? 64 : 16 : 8 : 1,
			.filter = count >> 16 ? count >> 20 ? 15 : 3 : 0 };
	if (encoder->next > encoder->head) {
		further->other = &encoder->images[(encoder->next - 1) % IMAGES_MAX];
		further->img = 1;
		if (further->other->format != image->format || further->other->count != count)
			further->other = NULL;
	}
}

/* Keeps some of the elements up to `at` for the images to come. */
static inline void keep(struct clove_glz_encoder *encoder, struct further *further,
		const struct image *image, size_t at, const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4;
	const uint8_t *base = elements(image, part);

	for (; further->kept < at && image->count - further->kept >= 4; further->kept += further->spacing) {
		const uint8_t *p = base + further->kept * size;
		uint64_t hashed;

		/* Runs are found nearby, and would hide where they are. */
		if (further->spacing > 1 && !memcmp(p, p + size, 3 * size))
			continue;
		hashed = hash(p, part);
		encoder->slots[hashed >> (64 - encoder->slot_bits)] = (struct slot){ (uint32_t)further->kept + 1,
				(uint16_t)encoder->next, tag_of(hashed) };
	}
}

/* The elements from `at` on in other images, or further back in this one; how many. */
static inline size_t look_further(const struct clove_glz_encoder *encoder, struct further *further,
		const struct image *image, size_t at, uint64_t hashed, struct place *place, const enum part part)
{
	size_t len = 0;

	if (further->other) {
		*place = (struct place){ further->other, at + further->lead, further->img };
		len = agreement(image, at, place, part);
		if (!len && ++further->failures > FAILURES)
			further->other = NULL;
	}
	if (len < 4 && !(hashed >> 20 & further->filter)) {
		struct slot slot = encoder->slots[hashed >> (64 - encoder->slot_bits)];

		/* What the slot means is somewhere in memory: look there only if it is likely. */
		len = slot.tag == tag_of(hashed) && referred(encoder, image, slot, place)
				? agreement(image, at, place, part) : 0;
	}
	if (len >= WORTH && place->img) {
		further->other = place->other;
		further->img = place->img;
		further->lead = place->ref - at;
		further->tries = TRIES;
		further->failures = 0;
	}
	return len;
}

/* A complete element stream. Each element is looked for nearby; where that fails, and now and then where it
 * does not, in other images: so a picture that is not like any other costs little more than LZ. */
static inline __attribute__((always_inline)) bool encode_stream(struct clove_glz_encoder *encoder,
		const struct image *image, struct output *out, const enum part part)
{
	const size_t size = part == PART_ALPHA ? 1 : 4;
	const size_t bias = part;
	const uint8_t *base = elements(image, part);
	uint16_t near[1 << NEAR_BITS] = { 0 };
	size_t at = 0, literals = 0, end = image->count, misses = 0, mark = 0;
	struct further further;

	further_init(&further, encoder, image);
	while (end - at >= 4) {
		const uint8_t *here = base + at * size;
		uint64_t hashed = hash(here, part);
		uint16_t *slot = &near[hashed >> (64 - NEAR_BITS)];
		struct place place = { image, at - 1 - (uint16_t)(at - 1 - *slot), 0 };
		bool is_near = place.ref < at && !memcmp(here, base + place.ref * size, 3 * size);
		size_t len = 0, least, ofs, found = at;

		*slot = (uint16_t)at;
		if (__builtin_expect(at >= mark, 0)) {
			keep(encoder, &further, image, at, part);
			mark = at + MARK_ELEMENTS;
			further.tries = TRIES;
		}
		if (further.tries || (!is_near && !(hashed >> 20 & further.filter))) {
			struct place far = place;

			further.tries -= further.tries > 0;
			len = look_further(encoder, &further, image, at, hashed, &far, part);
			if (len >= (is_near ? WORTH : 3))
				place = far;
			else
				len = 0;
		}
		if (!len && !is_near) {
			size_t step = 1 + (misses++ >> 5);

			/* Not all steps the same, or they might never meet what was kept. */
			step = step < STEP_MAX ? step : STEP_MAX + (hashed >> 40 & 7);
			at += step < end - at ? step : end - at;
			continue;
		}
		if (!len) {
			len = 3;
			if (part != PART_ALPHA && end - at >= 8)
				len = clove_agree8(here, base + place.ref * size, false);
			if (part == PART_ALPHA || len == 8 || end - at < 8)
				len += clove_agreement(here + len * size, base + (place.ref + len) * size,
						base + end * size, UINT64_MAX) / size;
		}
		/* The elements before may agree as well. */
		while (at > literals && place.ref > 0 && !memcmp(base + (at - 1) * size,
				elements(place.other, part) + (place.ref - 1) * size, size)) {
			at--;
			place.ref--;
			len++;
		}
		ofs = place.img ? place.ref : at - place.ref - 1;
		/* What a match costs at least: 3 bytes, at most 7. */
		least = part == PART_RGB ? 3 : place.img || ofs >= 1 << 17 ? 8 / (3 - part) : part + 2;
		if (len < least) {
			at = found + 1;
			continue;
		}
		if (at > literals && !put_literals(out, base + literals * size, at - literals, part))
			return false;
		if ((size_t)(out->end - out->next) < MATCH_MAX + len / 255)
			return false;
		out->next = put_match(out->next, len - bias, ofs, place.img);
		at += len;
		literals = at;
		/* A short match here and there is not worth to look for at each element. */
		misses = misses > 8 * len ? misses - 8 * len : 0;
		if (end - at >= 4)
			near[hash(base + (at - 2) * size, part) >> (64 - NEAR_BITS)] = (uint16_t)(at - 2);
	}
	keep(encoder, &further, image, end, part);
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
	if (!encoder->images || !encoder->slots)
		return CLOVE_ERR_NOMEM;
	while (encoder->head < encoder->next && (encoder->held + count > encoder->window
			|| encoder->next - encoder->head >= IMAGES_MAX - 1))
		drop_head(encoder);
	if (!image_init(encoder, &image, src, is_top_down))
		return CLOVE_ERR_NOMEM;
	put_header(dst, encoder, src, is_top_down);
	fits = src->format == CLOVE_FORMAT_RGB16 ? encode_rgb16(encoder, &image, &out)
			: encode_rgb(encoder, &image, &out);
	if (fits && src->format == CLOVE_FORMAT_RGBA)
		fits = encode_alpha(encoder, &image, &out);
	if (!fits) {
		/* Slots that know it may stay: its number goes to the next image, where they are compared. */
		keep_spare(encoder, &image);
		return CLOVE_ERR_LIMIT;
	}
	encoder->images[encoder->next % IMAGES_MAX] = image;
	encoder->held += count;
	encoder->next++;
	if ((int64_t)encoder->spare_size > 5 * encoder->window - 4 * encoder->held) {
		free(encoder->spare);
		encoder->spare = NULL;
		encoder->spare_size = 0;
	}
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
