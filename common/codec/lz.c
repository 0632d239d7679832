/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz.c - the LZ element stream: literals and matches whose unit is a pixel or a palette byte. */
#include "common/codec/lz.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/elements.h"

#define LZ_MAGIC 0x20205a4cu
#define LZ_VERSION 0x00010001u
#define LZ_HEADER 28

/* Numbers of the wire; 1 to 9 are the bitmap formats'. */
enum lz_type {
	LZ_PLT8 = 5,
	LZ_RGB16,
	LZ_RGB24,
	LZ_RGB32,
	LZ_RGBA,
	LZ_XXXA,
	LZ_A8,
};

struct lz_header {
	enum lz_type type;
	int32_t width, height;
	bool is_top_down;
};

static enum clove_format format_of(enum lz_type type)
{
	if (type == LZ_A8)
		return CLOVE_FORMAT_A8;
	return type == LZ_XXXA ? CLOVE_FORMAT_RGBA : (enum clove_format)type;
}

static enum clove_err read_header(struct clove_bytes in, struct lz_header *header)
{
	uint32_t type, width, height;
	enum clove_err err;

	if (in.len < LZ_HEADER)
		return CLOVE_ERR_SHORT;
	if (clove_be32(in.data) != LZ_MAGIC)
		return CLOVE_ERR_VALUE;
	if (clove_be32(in.data + 4) != LZ_VERSION)
		return CLOVE_ERR_VERSION;
	type = clove_be32(in.data + 8);
	width = clove_be32(in.data + 12);
	height = clove_be32(in.data + 16);
	if (type < CLOVE_FORMAT_PLT1_LE || type > LZ_A8)
		return CLOVE_ERR_VALUE;
	err = clove_pixels_check_size(width, height);
	if (err)
		return err;
	*header = (struct lz_header){ (enum lz_type)type, (int32_t)width, (int32_t)height,
			clove_be32(in.data + 24) != 0 };
	/* Padded rows cannot travel; RGB24's stride is 3 bytes a pixel, the other colours' as in memory. */
	if (clove_be32(in.data + 20) != clove_format_row_bytes(format_of(header->type), header->width))
		return CLOVE_ERR_VALUE;
	return CLOVE_OK;
}

enum clove_err clove_lz_probe(struct clove_bytes in, struct clove_image_info *info)
{
	struct lz_header header;
	enum clove_err err = read_header(in, &header);

	if (err)
		return err;
	if (header.type == LZ_XXXA)
		return CLOVE_ERR_VALUE;
	*info = (struct clove_image_info){ format_of(header.type), header.width, header.height,
			header.is_top_down };
	return CLOVE_OK;
}

/* ---- decoding ---- */

/* An element by its size in memory; the size in the stream and the bias follow from it:
 * 1: a byte, bias 2; 2: RGB16, 2 bytes BE, bias 1; 4: RGB32, 3 bytes, bias 0. */
static inline __attribute__((always_inline)) void copy_literals(uint8_t *dst, const uint8_t *src,
		size_t n, size_t src_left, const size_t size)
{
	if (size == 1) {
		memcpy(dst, src, n);
	} else if (size == 2) {
		for (size_t i = 0; i < n; i++)
			clove_put_le16(dst + 2 * i, (uint16_t)(src[2 * i] << 8 | src[2 * i + 1]));
	} else {
		size_t i = 0;

		/* Four bytes at a time while a byte follows. */
		for (; i < n && 3 * i + 4 <= src_left; i++)
			clove_put_le32(dst + 4 * i, clove_le32(src + 3 * i) & 0xffffff);
		for (; i < n; i++)
			clove_put_le32(dst + 4 * i, src[3 * i] | (uint32_t)src[3 * i + 1] << 8
					| (uint32_t)src[3 * i + 2] << 16);
	}
}

/* `n` bytes from `back` bytes before, one element after the other; `room` bytes may be written. */
static inline __attribute__((always_inline)) void copy_match(uint8_t *dst, size_t back, size_t n,
		size_t room, const size_t size)
{
	const uint8_t *src = dst - back;

	if (back >= 16 && room - n >= 16) {
		for (size_t i = 0; i < n; i += 16)
			memcpy(dst + i, src + i, 16);
	} else if (back == size && size == 4) {
		uint32_t v;

		memcpy(&v, src, 4);
		for (size_t i = 0; i < n; i += 4)
			memcpy(dst + i, &v, 4);
	} else if (back == size && size == 2) {
		uint16_t v;

		memcpy(&v, src, 2);
		for (size_t i = 0; i < n; i += 2)
			memcpy(dst + i, &v, 2);
	} else if (back == 1) {
		memset(dst, *src, n);
	} else if (back >= 8 && room - n >= 8) {
		for (size_t i = 0; i < n; i += 8)
			memcpy(dst + i, src + i, 8);
	} else {
		for (size_t i = 0; i < n; i += size)
			memcpy(dst + i, src + i, size);
	}
}

/* Fills `count` elements from *in, which advances past what was used. */
static inline __attribute__((always_inline)) enum clove_err decode_stream(struct clove_bytes *in,
		uint8_t *out, size_t count, const size_t size)
{
	const size_t in_size = size == 4 ? 3 : size;
	const size_t bias = size == 4 ? 0 : size == 2 ? 1 : 2;
	const uint8_t *p = in->data, *end = p + in->len;
	size_t done = 0;

	while (done < count) {
		size_t left = count - done, len, dist;
		unsigned int c;

		if (p == end)
			return CLOVE_ERR_SHORT;
		c = *p++;
		if (c < 32) {
			len = c + 1;
			if (len > left)
				return CLOVE_ERR_BOUNDS;
			if (len * in_size > (size_t)(end - p))
				return CLOVE_ERR_SHORT;
			copy_literals(out + done * size, p, len, (size_t)(end - p), size);
			p += len * in_size;
			done += len;
			continue;
		}
		len = c >> 5;
		if (len == 7) {
			unsigned int b;

			do {
				if (p == end)
					return CLOVE_ERR_SHORT;
				b = *p++;
				len += b;
				if (len > left)
					return CLOVE_ERR_BOUNDS;
			} while (b == 255);
		}
		if (p == end)
			return CLOVE_ERR_SHORT;
		dist = (size_t)(c & 31) << 8 | *p++;
		if (dist == 8191) {
			if (end - p < 2)
				return CLOVE_ERR_SHORT;
			dist += (size_t)p[0] << 8 | p[1];
			p += 2;
		}
		len += bias;
		dist++;
		if (dist > done || len > left)
			return CLOVE_ERR_BOUNDS;
		copy_match(out + done * size, dist * size, len * size, left * size, size);
		done += len;
	}
	*in = CLOVE_BYTES(p, (size_t)(end - p));
	return CLOVE_OK;
}

static enum clove_err decode_bytes(struct clove_bytes *in, uint8_t *out, size_t count)
{
	return decode_stream(in, out, count, 1);
}

static enum clove_err decode_rgb16(struct clove_bytes *in, uint8_t *out, size_t count)
{
	return decode_stream(in, out, count, 2);
}

static enum clove_err decode_rgb32(struct clove_bytes *in, uint8_t *out, size_t count)
{
	return decode_stream(in, out, count, 4);
}

/* Alpha bytes of `count` pixels, in stream order, into the fourth byte of each. */
static enum clove_err decode_alpha(struct clove_bytes *in, uint8_t *out, size_t count)
{
	uint8_t *alpha = malloc(count);
	enum clove_err err = CLOVE_ERR_NOMEM;

	if (!alpha)
		return err;
	err = decode_bytes(in, alpha, count);
	if (!err)
		for (size_t i = 0; i < count; i++)
			out[4 * i + 3] = alpha[i];
	free(alpha);
	return err;
}

/* The whole picture, packed, in stream order. */
static enum clove_err decode_packed(struct clove_bytes in, const struct lz_header *header,
		uint8_t *out, size_t row_bytes)
{
	size_t pixels = (size_t)header->width * (size_t)header->height;
	enum clove_err err;

	switch (header->type) {
	case LZ_RGB16:
		err = decode_rgb16(&in, out, pixels);
		break;
	case LZ_RGB24:
	case LZ_RGB32:
		err = decode_rgb32(&in, out, pixels);
		break;
	case LZ_RGBA:
		err = decode_rgb32(&in, out, pixels);
		if (!err)
			err = decode_alpha(&in, out, pixels);
		break;
	default:
		err = decode_bytes(&in, out, row_bytes * (size_t)header->height);
		break;
	}
	/* Existing clients abort on bytes behind the last element, so no one may rely on them. */
	return !err && in.len ? CLOVE_ERR_VALUE : err;
}

enum clove_err clove_lz_decode(struct clove_bytes in, const struct clove_palette *palette,
		const struct clove_pixels *dst)
{
	struct clove_pixels packed = { 0 };
	struct lz_header header;
	enum clove_err err = read_header(in, &header);
	enum clove_format native;
	size_t row;
	uint8_t *out;

	if (err)
		return err;
	if (header.type == LZ_XXXA)
		return CLOVE_ERR_VALUE;
	if (header.width != dst->width || header.height != dst->height)
		return CLOVE_ERR_BOUNDS;
	native = header.type == LZ_RGB24 ? CLOVE_FORMAT_RGB32 : format_of(header.type);
	if (!clove_pixels_converts(native, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	if (clove_format_is_palette(native) && native != dst->format && (!palette || !palette->count))
		return CLOVE_ERR_VALUE;
	row = clove_format_row_bytes(native, header.width);
	in = CLOVE_BYTES(in.data + LZ_HEADER, in.len - LZ_HEADER);

	/* Rows that follow each other in memory as in the stream need no second buffer. */
	if (native == dst->format && dst->stride == (header.is_top_down ? 1 : -1) * (ptrdiff_t)row)
		return decode_packed(in, &header,
				clove_pixels_row(dst, header.is_top_down ? 0 : header.height - 1), row);

	out = malloc(row * (size_t)header.height);
	if (!out)
		return CLOVE_ERR_NOMEM;
	packed = (struct clove_pixels){ out, header.width, header.height, (ptrdiff_t)row, native };
	if (!header.is_top_down) {
		packed.data += row * (size_t)(header.height - 1);
		packed.stride = -packed.stride;
	}
	err = decode_packed(in, &header, out, row);
	if (!err)
		err = clove_pixels_convert(dst, &packed, palette);
	free(out);
	return err;
}

enum clove_err clove_lz_decode_alpha(struct clove_bytes in, bool is_top_down,
		const struct clove_pixels *dst)
{
	struct lz_header header;
	enum clove_err err = read_header(in, &header);
	size_t width, height;
	uint8_t *alpha;

	if (err)
		return err;
	if (header.type != LZ_XXXA || header.is_top_down != is_top_down
			|| clove_be32(in.data + 24) > 1)
		return CLOVE_ERR_VALUE;
	if (header.width != dst->width || header.height != dst->height)
		return CLOVE_ERR_BOUNDS;
	if (dst->format != CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_UNSUPPORTED;
	width = (size_t)header.width;
	height = (size_t)header.height;
	in = CLOVE_BYTES(in.data + LZ_HEADER, in.len - LZ_HEADER);
	alpha = malloc(width * height);
	if (!alpha)
		return CLOVE_ERR_NOMEM;
	err = decode_bytes(&in, alpha, width * height);
	if (!err && in.len)
		err = CLOVE_ERR_VALUE;
	for (size_t y = 0; !err && y < height; y++) {
		uint8_t *row = clove_pixels_row(dst, (int32_t)(is_top_down ? y : height - 1 - y));

		for (size_t x = 0; x < width; x++)
			row[4 * x + 3] = alpha[y * width + x];
	}
	free(alpha);
	return err;
}

/* ---- encoding ---- */

#define HASH_BITS 13
#define NEAR_MAX 8191        /* distances; a far one takes two bytes more */
#define FAR_MAX 65536        /* what a slot can tell; the stream could say 73727 */
#define BUFFER_ELEMENTS (1 << 18)
#define CHUNK_ELEMENTS 8192
#define MAX_STEP 8          /* where nothing matches */

/* The elements of a picture: in place where its rows lie as the stream has them, else copied here
 * a chunk at a time; what a match can still reach stays. */
struct window {
	const uint8_t *elements; /* element p is at (p - base) * its size */
	uint8_t *copy;
	size_t base, filled, capacity;
	size_t misses;           /* looked up since the last match: more and more is skipped */
	uint16_t slots[1 << HASH_BITS]; /* where a hash was last seen, low half; half of a first-level cache */
};

struct output {
	uint8_t *next, *end;
};

/* What a picture's elements are taken from. */
enum source { SOURCE_BYTES, SOURCE_RGB16, SOURCE_RGB24, SOURCE_RGB32, SOURCE_ALPHA };

static void take_row(uint8_t *to, const uint8_t *row, size_t elements, enum source source)
{
	switch (source) {
	case SOURCE_BYTES:
		memcpy(to, row, elements);
		break;
	case SOURCE_RGB16:
		for (size_t i = 0; i < elements; i++)
			clove_put_le16(to + 2 * i, clove_le16(row + 2 * i) & 0x7fff);
		break;
	case SOURCE_RGB24:
		for (size_t i = 0; i < elements; i++)
			clove_put_le32(to + 4 * i, row[3 * i] | (uint32_t)row[3 * i + 1] << 8
					| (uint32_t)row[3 * i + 2] << 16);
		break;
	case SOURCE_RGB32:
		for (; elements >= 2; elements -= 2, to += 8, row += 8)
			clove_put_le64(to, clove_le64(row) & 0x00ffffff00ffffff);
		if (elements)
			clove_put_le32(to, clove_le32(row) & 0xffffff);
		break;
	case SOURCE_ALPHA:
		for (size_t i = 0; i < elements; i++)
			to[i] = row[4 * i + 3];
		break;
	}
}

/* x bytes in place are not part of the elements. */
#define PAIR_MASK 0x00ffffff00ffffffu

static inline __attribute__((always_inline)) uint64_t pair_at(const uint8_t *p, const bool has_x)
{
	return has_x ? clove_le64(p) & PAIR_MASK : clove_le64(p);
}

static inline __attribute__((always_inline)) uint32_t single_at(const uint8_t *p, const bool has_x)
{
	return has_x ? clove_le32(p) & 0xffffff : clove_le32(p);
}

/* Of three elements, or four pixels. */
static inline __attribute__((always_inline)) uint32_t hash(const uint8_t *p, const size_t size, const bool has_x)
{
	uint64_t v;

	if (size == 4)
		return (uint32_t)((pair_at(p, has_x) * 0x9e3779b97f4a7c15u
				+ pair_at(p + 8, has_x) * 0xc2b2ae3d27d4eb4fu) >> (64 - HASH_BITS));
	if (size == 2)
		v = clove_le32(p) | (uint64_t)clove_le16(p + 4) << 32;
	else
		v = clove_le16(p) | (uint32_t)p[2] << 16;
	return (uint32_t)(v * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS));
}

static inline __attribute__((always_inline)) bool are_three_same(const uint8_t *a, const uint8_t *b,
		const size_t size, const bool has_x)
{
	if (size != 4)
		return !memcmp(a, b, 3 * size);
	return pair_at(a, has_x) == pair_at(b, has_x) && single_at(a + 8, has_x) == single_at(b + 8, has_x);
}

static inline __attribute__((always_inline)) bool is_same(const uint8_t *a, const uint8_t *b,
		const size_t size, const bool has_x)
{
	return size == 4 ? single_at(a, has_x) == single_at(b, has_x) : !memcmp(a, b, size);
}

static inline __attribute__((always_inline)) bool put_literals(struct output *out, const uint8_t *p,
		size_t n, const size_t size)
{
	const size_t out_size = size == 4 ? 3 : size;

	/* One byte for the four-byte stores to spill into. */
	if ((size_t)(out->end - out->next) < n * out_size + (n + 31) / 32 + 1)
		return false;
	while (n) {
		size_t run = n < 32 ? n : 32;
		uint8_t *to = out->next;

		*to++ = (uint8_t)(run - 1);
		if (size == 1)
			memcpy(to, p, run);
		for (size_t i = 0; size == 2 && i < run; i++) {
			to[2 * i] = p[2 * i + 1];
			to[2 * i + 1] = p[2 * i];
		}
		if (size == 4)
			clove_pack_rgb(to, p, run);
		out->next = to + run * out_size;
		p += run * size;
		n -= run;
	}
	return true;
}

/* `len` without the type's bias, `dist` counted from 0. */
static inline __attribute__((always_inline)) bool put_match(struct output *out, size_t len, size_t dist)
{
	bool is_far = dist >= NEAR_MAX;
	uint8_t *to = out->next;

	if (__builtin_expect(!is_far && len < 7 + 255 && out->end - to >= 3, 1)) {
		/* Nearly all; whether there is an extension is hard to foresee. */
		to[0] = (uint8_t)((len < 7 ? len : 7) << 5 | dist >> 8);
		to[1] = (uint8_t)(len - 7);
		to += 1 + (len >= 7);
		*to = (uint8_t)dist;
		out->next = to + 1;
		return true;
	}
	if ((size_t)(out->end - to) < 6 + len / 255)
		return false;
	*to++ = (uint8_t)((len < 7 ? len : 7) << 5 | (is_far ? 31 : dist >> 8));
	if (len >= 7) {
		for (len -= 7; len >= 255; len -= 255)
			*to++ = 255;
		*to++ = (uint8_t)len;
	}
	if (is_far) {
		dist -= NEAR_MAX;
		*to++ = 255;
		*to++ = (uint8_t)(dist >> 8);
	}
	*to++ = (uint8_t)dist;
	out->next = to;
	return true;
}

/* The elements from `at` to `end`, all of them in the window. */
static inline __attribute__((always_inline)) bool encode_chunk(struct window *window,
		struct output *out, size_t at, size_t end, const size_t size, const bool has_x)
{
	const size_t bias = size == 4 ? 0 : size == 2 ? 1 : 2;
	const size_t shortest = 3, shortest_far = size == 4 ? 4 : size == 2 ? 4 : 5;
	const uint64_t mask = has_x ? PAIR_MASK : UINT64_MAX;
	const uint8_t *base = window->elements - window->base * size;
	uint16_t *slots = window->slots;
	size_t literals = at;  /* from here on nothing is written yet */
	size_t misses = window->misses;

	while (end - at >= 4) {
		const uint8_t *here = base + at * size;
		uint16_t *slot = &slots[hash(here, size, has_x)];
		size_t dist = (uint16_t)(at - 1 - *slot), len;  /* distance - 1; anything for an empty slot */
		const uint8_t *there;

		*slot = (uint16_t)at;
		there = here - (dist + 1) * size;
		if (dist >= at - window->base || !are_three_same(here, there, size, has_x)) {
			size_t step = 1 + (misses++ >> 7);

			step = step < MAX_STEP ? step : MAX_STEP;
			at += step < end - at ? step : end - at;
			continue;
		}
		len = 3;
		if (size == 4 && end - at >= 8)
			len = clove_agree8(here, there, has_x);
		if (size != 4 || len == 8 || end - at < 8)
			len += clove_agreement(here + len * size, there + len * size,
					base + end * size, mask) / size;
		/* The elements before may agree as well. */
		while (at > literals && at - 1 - dist > window->base
				&& is_same(base + (at - 1) * size, base + (at - 2 - dist) * size, size, has_x)) {
			at--;
			len++;
		}
		if (len < (dist >= NEAR_MAX ? shortest_far : shortest)) {
			at++;
			continue;
		}
		if (at > literals && !put_literals(out, base + literals * size, at - literals, size))
			return false;
		if (!put_match(out, len - bias, dist))
			return false;
		at += len;
		literals = at;
		misses = 0;
		if (end - at >= 4)
			slots[hash(base + (at - 1) * size, size, has_x)] = (uint16_t)(at - 1);
	}
	window->misses = misses;
	return literals == end || put_literals(out, base + literals * size, end - literals, size);
}

static bool encode_bytes(struct window *window, struct output *out, size_t at, size_t end)
{
	return encode_chunk(window, out, at, end, 1, false);
}

static bool encode_rgb16(struct window *window, struct output *out, size_t at, size_t end)
{
	return encode_chunk(window, out, at, end, 2, false);
}

static bool encode_rgb32(struct window *window, struct output *out, size_t at, size_t end)
{
	return encode_chunk(window, out, at, end, 4, false);
}

static bool encode_rgbx(struct window *window, struct output *out, size_t at, size_t end)
{
	return encode_chunk(window, out, at, end, 4, true);
}

static size_t element_size(enum source source)
{
	return source == SOURCE_BYTES || source == SOURCE_ALPHA ? 1 : source == SOURCE_RGB16 ? 2 : 4;
}

/* A picture whose rows have to be brought into order. */
static enum clove_err encode_copied(struct window *window, struct output *out,
		const struct clove_pixels *src, enum source source, size_t width, bool is_top_down)
{
	size_t size = element_size(source);
	int32_t y = 0;

	while (y < src->height) {
		size_t at = window->filled;
		bool fits;

		if (window->filled - window->base + width > window->capacity) {
			size_t keep = window->filled - window->base;

			keep = keep < FAR_MAX ? keep : FAR_MAX;
			memmove(window->copy, window->copy
					+ (window->filled - window->base - keep) * size, keep * size);
			window->base = window->filled - keep;
		}
		do {
			take_row(window->copy + (window->filled - window->base) * size,
					clove_pixels_row(src, is_top_down ? y : src->height - 1 - y),
					width, source);
			window->filled += width;
			y++;
		} while (y < src->height && window->filled - at < CHUNK_ELEMENTS
				&& window->filled - window->base + width <= window->capacity);
		fits = size == 1 ? encode_bytes(window, out, at, window->filled)
				: size == 2 ? encode_rgb16(window, out, at, window->filled)
				: encode_rgb32(window, out, at, window->filled);
		if (!fits)
			return CLOVE_ERR_LIMIT;
	}
	return CLOVE_OK;
}

/* A complete element stream of `width` elements a row. */
static enum clove_err encode_stream(struct output *out, const struct clove_pixels *src,
		enum source source, size_t width, bool is_top_down)
{
	size_t row = clove_format_row_bytes(src->format, src->width);
	bool is_packed = src->stride == (is_top_down ? 1 : -1) * (ptrdiff_t)row;
	struct window window;
	size_t count = width * (size_t)src->height;
	enum clove_err err;

	memset(window.slots, 0, sizeof window.slots);
	window.base = window.filled = window.misses = 0;
	if (is_packed && (source == SOURCE_BYTES || source == SOURCE_RGB32)) {
		window.elements = clove_pixels_row(src, is_top_down ? 0 : src->height - 1);
		return (source == SOURCE_BYTES ? encode_bytes(&window, out, 0, count)
				: encode_rgbx(&window, out, 0, count)) ? CLOVE_OK : CLOVE_ERR_LIMIT;
	}
	window.capacity = count < BUFFER_ELEMENTS ? count : BUFFER_ELEMENTS;
	window.elements = window.copy = malloc(window.capacity * element_size(source));
	if (!window.copy)
		return CLOVE_ERR_NOMEM;
	err = encode_copied(&window, out, src, source, width, is_top_down);
	free(window.copy);
	return err;
}

static enum clove_err encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		enum lz_type type, enum source source, bool is_top_down, size_t *size)
{
	size_t stride = clove_format_row_bytes(src->format, src->width);
	size_t width = source == SOURCE_BYTES ? stride : (size_t)src->width;
	struct output out = { dst + LZ_HEADER, dst + capacity };
	enum clove_err err;

	if (capacity < LZ_HEADER)
		return CLOVE_ERR_LIMIT;
	clove_put_be32(dst, LZ_MAGIC);
	clove_put_be32(dst + 4, LZ_VERSION);
	clove_put_be32(dst + 8, type);
	clove_put_be32(dst + 12, (uint32_t)src->width);
	clove_put_be32(dst + 16, (uint32_t)src->height);
	clove_put_be32(dst + 20, (uint32_t)stride);
	clove_put_be32(dst + 24, is_top_down);
	err = encode_stream(&out, src, source, width, is_top_down);
	if (!err && type == LZ_RGBA)
		err = encode_stream(&out, src, SOURCE_ALPHA, width, is_top_down);
	*size = (size_t)(out.next - dst);
	return err;
}

size_t clove_lz_bound(enum clove_format format, int32_t width, int32_t height)
{
	size_t row = clove_format_row_bytes(format, width), elements, chunks;

	if (!row || format == CLOVE_FORMAT_GRAY || clove_pixels_check_size(width, height))
		return 0;
	/* A literal run of at most 32 elements costs one byte; each chunk ends one. */
	elements = row * (size_t)height;
	chunks = (size_t)height;
	return LZ_HEADER + elements + elements / 32 + 2 * chunks + 16;
}

enum clove_err clove_lz_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		bool is_top_down, size_t *size)
{
	static const enum source sources[CLOVE_FORMATS] = {
		[CLOVE_FORMAT_RGB16] = SOURCE_RGB16, [CLOVE_FORMAT_RGB24] = SOURCE_RGB24,
		[CLOVE_FORMAT_RGB32] = SOURCE_RGB32, [CLOVE_FORMAT_RGBA] = SOURCE_RGB32,
	};

	if (!clove_lz_bound(src->format, src->width, src->height))
		return CLOVE_ERR_UNSUPPORTED;
	return encode(dst, capacity, src,
			src->format == CLOVE_FORMAT_A8 ? LZ_A8 : (enum lz_type)src->format,
			sources[src->format], is_top_down, size);
}

enum clove_err clove_lz_encode_alpha(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		bool is_top_down, size_t *size)
{
	if (src->format != CLOVE_FORMAT_RGBA
			|| !clove_lz_bound(src->format, src->width, src->height))
		return CLOVE_ERR_UNSUPPORTED;
	return encode(dst, capacity, src, LZ_XXXA, SOURCE_ALPHA, is_top_down, size);
}
