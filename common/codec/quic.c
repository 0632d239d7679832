/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic.c - QUIC's adaptive model, its codes and its run mode, read and written.
 *
 * A row is coded in groups of planes: R, G and B together, alpha (or gray) alone. Encoder and
 * decoder keep the same model in step, so the bytes of a picture are determined. Three planes
 * are carried in one word, one component in each field, and predicted at once.
 */
#include "common/codec/quic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define QUIC_MAGIC 0x43495551u
#define QUIC_HEADER 20
#define LAST_LEVEL 6
#define LEVEL_PIXELS 2048
#define WORD_BITS 26
#define INLINE static inline __attribute__((always_inline))

enum quic_type { QUIC_GRAY = 1, QUIC_RGB16, QUIC_RGB24, QUIC_RGB32, QUIC_RGBA };

/* What a group's pixels are made of and where they lie. */
enum kind {
	KIND_RGB8,  /* three bytes of a 4-byte pixel */
	KIND_RGB5,  /* 15 bits of a 2-byte pixel */
	KIND_ALPHA, /* the fourth byte */
	KIND_GRAY,
};

static const uint8_t waits[256] = {
	 2, 23, 19, 21,  7, 18, 40, 14, 12, 32, 47, 44, 36,  6, 18, 11,
	 4, 19, 42, 29, 16, 63, 57, 51, 16,  3,  5, 14, 15, 30, 20,  9,
	36, 45,  3, 57, 61,  0,  8,  5, 41, 14, 43, 27, 43, 59, 31, 35,
	39, 60, 42, 38, 13, 54, 62,  1, 26,  3, 11, 61, 52, 34,  7, 48,
	 4, 59, 22, 12, 22,  8, 50,  4, 10,  6, 44,  8, 11, 46, 31, 51,
	53, 17,  1, 43, 46, 60, 36, 54, 10, 27, 39, 44, 22, 41, 23,  2,
	44,  0, 40, 53, 40, 48, 16, 43, 32, 28, 33, 12, 20,  2, 56, 62,
	55, 58, 18, 20, 13, 55, 38, 29, 57, 19, 49, 33, 47, 63, 59,  0,
	35, 61, 19, 25, 46, 38, 60,  4, 35,  1, 26, 40, 28, 10,  5, 14,
	25, 18, 48, 49, 20, 59, 62, 34, 46,  7, 33, 52, 34, 58,  9, 29,
	 8, 55, 62, 60, 37, 36, 37, 50,  6,  3, 10, 28, 48, 24, 26, 61,
	57, 30, 11, 54,  2,  6, 50, 47,  7, 17, 35, 53, 32, 12, 23, 17,
	 5, 21, 49, 55, 51, 45, 52, 27, 39, 25, 39, 63, 22, 24, 42, 52,
	56, 38, 41, 41, 56, 32, 13, 24, 26, 51, 27, 56, 58, 37, 24, 42,
	15, 28, 17, 30, 31, 15, 16, 23, 25, 54, 33, 34,  1, 29, 31, 50,
	53, 21, 49, 15, 47,  9,  0, 58, 37, 45, 30, 13,  9, 45, 63, 21,
};

static const uint16_t triggers[LAST_LEVEL + 1] = { 110, 550, 900, 800, 550, 400, 350 };

static const uint8_t run_bits[32] = {
	0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
	4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

/* Code l: `zeros` 0 bits announce an escape, symbols below `limit` do without, `suffix` bits follow
 * an escape. Rows: 8 bits a component, 5 bits. */
static const struct code {
	uint8_t zeros, limit, suffix;
} codes[2][8] = {
	{ { 18, 18, 8 }, { 18, 36, 8 }, { 18, 72, 8 }, { 18, 144, 7 },
			{ 15, 240, 4 }, { 7, 224, 5 }, { 3, 192, 6 }, { 1, 128, 7 } },
	{ { 21, 21, 4 }, { 15, 30, 1 }, { 7, 28, 2 }, { 3, 24, 3 }, { 1, 16, 4 } },
};

static uint8_t lengths[2][256][8]; /* of symbol s in code l */
static uint32_t words[2][8][256];  /* what is written for it, the length above WORD_BITS bits */
static uint8_t buckets_of[256];    /* for 8 bits; 5 bits: at most 4 */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (unsigned int five = 0; five < 2; five++) {
		for (unsigned int s = 0; s < (five ? 32 : 256); s++) {
			for (unsigned int l = 0; l < (five ? 5 : 8); l++) {
				const struct code *code = &codes[five][l];

				bool is_plain = s < code->limit;

				lengths[five][s][l] = (uint8_t)(is_plain ? (s >> l) + 1 + l
						: code->zeros + (unsigned int)code->suffix);
				words[five][l][s] = (uint32_t)lengths[five][s][l] << WORD_BITS
						| (is_plain ? 1u << l | (s & ((1u << l) - 1))
						: s - code->limit);
			}
		}
	}
	for (unsigned int s = 0; s < 256; s++) {
		unsigned int bucket = 31 - (unsigned int)__builtin_clz(s + 1);

		buckets_of[s] = (uint8_t)(bucket < 7 ? bucket : 7);
	}
}

/* ---- the model ---- */

struct plane {
	uint16_t cost[8][8]; /* of each code, per bucket: below 2 * 26 * 901, see triggers */
	uint8_t best[8];
};

struct group {
	unsigned int level, left, wait, rnd, runst;
	struct plane planes[3];
	uint32_t *context;   /* symbols of column x at x + 1 (symbol_shift); [0] is left of the row */
};

static bool group_init(struct group *group, unsigned int bpc, int32_t width)
{
	memset(group, 0, sizeof *group);
	group->left = LEVEL_PIXELS;
	for (int p = 0; p < 3; p++)
		memset(group->planes[p].best, (int)bpc - 1, sizeof group->planes[p].best);
	group->context = calloc((size_t)width + 1, sizeof *group->context);
	return group->context != NULL;
}

INLINE unsigned int kind_bpc(enum kind kind) { return kind == KIND_RGB5 ? 5 : 8; }
INLINE unsigned int kind_planes(enum kind kind) { return kind <= KIND_RGB5 ? 3 : 1; }

/* Where plane p lies in a pixel word. R is coded first. */
INLINE unsigned int plane_shift(enum kind kind, unsigned int p)
{
	return kind == KIND_RGB8 ? 16 - 8 * p : kind == KIND_RGB5 ? 10 - 5 * p : 0;
}

INLINE uint32_t get_pixel(enum kind kind, const uint8_t *row, int32_t x)
{
	switch (kind) {
	case KIND_RGB8:
		return clove_le32(row + 4 * (size_t)x) & 0xffffff;
	case KIND_RGB5:
		return clove_le16(row + 2 * (size_t)x) & 0x7fff;
	case KIND_ALPHA:
		return row[4 * (size_t)x + 3];
	default:
		return row[x];
	}
}

INLINE void put_pixel(enum kind kind, uint8_t *row, int32_t x, uint32_t v)
{
	switch (kind) {
	case KIND_RGB8:
		clove_put_le32(row + 4 * (size_t)x, v);
		break;
	case KIND_RGB5:
		clove_put_le16(row + 2 * (size_t)x, (uint16_t)v);
		break;
	case KIND_ALPHA:
		row[4 * (size_t)x + 3] = (uint8_t)v;
		break;
	default:
		row[x] = (uint8_t)v;
	}
}

/* Where its symbol lies in a word of three: for whole bytes as in the pixel. */
INLINE unsigned int symbol_shift(enum kind kind, unsigned int p)
{
	return kind == KIND_RGB8 ? 16 - 8 * p : 8 * p;
}

/* The top bit of each component, and all but the lowest. */
INLINE uint32_t top_bits(enum kind kind)
{
	return kind == KIND_RGB8 ? 0x808080 : kind == KIND_RGB5 ? 0x4210 : 0x80;
}

INLINE uint32_t not_low_bits(enum kind kind)
{
	return kind == KIND_RGB8 ? 0xfefefe : kind == KIND_RGB5 ? 0x7bde : 0xfe;
}

/* (a + b) >> 1 in every component. */
INLINE uint32_t average(enum kind kind, uint32_t a, uint32_t b)
{
	return (a & b) + (((a ^ b) & not_low_bits(kind)) >> 1);
}

/* a + b and a - b in every component, modulo its size. */
INLINE uint32_t add(enum kind kind, uint32_t a, uint32_t b)
{
	uint32_t top = top_bits(kind);

	return ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
}

INLINE uint32_t subtract(enum kind kind, uint32_t a, uint32_t b)
{
	uint32_t top = top_bits(kind);

	return ((a | top) - (b & ~top)) ^ ((a ^ ~b) & top);
}

/* Differences from symbols: 0, -1, 1, -2, ... in every component. */
INLINE uint32_t unfold(enum kind kind, uint32_t symbols)
{
	uint32_t d = (symbols >> 1 & 0x7f7f7f) ^ (symbols & 0x010101) * 255;

	if (kind != KIND_RGB5)
		return d;
	return (d & 31) << 10 | (d >> 8 & 31) << 5 | (d >> 16 & 31);
}

INLINE unsigned int bucket_of(enum kind kind, unsigned int symbol)
{
	unsigned int bucket = buckets_of[symbol];

	return kind == KIND_RGB5 && bucket > 4 ? 4 : bucket;
}

INLINE void update(enum kind kind, struct plane *plane, unsigned int bucket, unsigned int symbol,
		unsigned int trigger)
{
	const uint8_t *length = lengths[kind == KIND_RGB5][symbol];
	uint16_t *cost = plane->cost[bucket];
	unsigned int best = 0, least = 0xffff;

	for (unsigned int l = 0; l < 8; l++)
		cost[l] = (uint16_t)(cost[l] + length[l]);
	for (unsigned int l = 0; l < kind_bpc(kind); l++) {
		best = cost[l] <= least ? l : best;
		least = cost[l] <= least ? cost[l] : least;
	}
	plane->best[bucket] = (uint8_t)best;
	if (least > trigger)
		for (unsigned int l = 0; l < 8; l++)
			cost[l] >>= 1;
}

static __attribute__((noinline)) void learn8(struct group *group, uint32_t context, uint32_t symbols)
{
	for (unsigned int p = 0; p < 3; p++)
		update(KIND_RGB8, &group->planes[p], bucket_of(KIND_RGB8, context >> symbol_shift(KIND_RGB8, p) & 0xff),
				symbols >> symbol_shift(KIND_RGB8, p) & 0xff, triggers[group->level]);
}

/* After a coded pixel: the model learns from some of them, fewer as the picture goes on. */
INLINE void learn(enum kind kind, struct group *group, uint32_t context, uint32_t symbols)
{
	if (group->wait) {
		group->wait--;
		return;
	}
	if (kind == KIND_RGB8)
		learn8(group, context, symbols);
	else
		for (unsigned int p = 0; p < kind_planes(kind); p++)
			update(kind, &group->planes[p], bucket_of(kind, context >> symbol_shift(kind, p) & 0xff),
					symbols >> symbol_shift(kind, p) & 0xff, triggers[group->level]);
	group->wait = waits[group->rnd] & ((1u << group->level) - 1);
	group->rnd = (group->rnd + 1) & 255;
}

/* The next segment from x: level rises only between two. */
INLINE int32_t segment_end(const struct group *group, int32_t x, int32_t width)
{
	if (group->level < LAST_LEVEL && (uint32_t)(width - x) > group->left)
		return x + (int32_t)group->left;
	return width;
}

INLINE void segment_done(struct group *group, int32_t n)
{
	if (group->level == LAST_LEVEL)
		return;
	group->left -= (uint32_t)n;
	if (!group->left) {
		group->level++;
		group->left = LEVEL_PIXELS;
	}
}

/* ---- decoding ---- */

/* The codes with the bytes of each word turned round, so that they are one string of bits, first
 * bit on top; zeros follow. */
struct reader {
	const uint8_t *bytes;
	uint64_t pos, end;   /* in bits */
	uint64_t bits;       /* those at pos, at least 57 after reload */
	bool is_bad;         /* a code outside its alphabet, or beyond the end */
};

static uint8_t *reader_init(struct reader *in, struct clove_bytes codes_le)
{
	uint8_t *bytes = malloc(codes_le.len + 8);

	if (!bytes)
		return NULL;
	for (size_t i = 0; i < codes_le.len; i += 4)
		clove_put_be32(bytes + i, clove_le32(codes_le.data + i));
	memset(bytes + codes_le.len, 0, 8);
	*in = (struct reader){ bytes, 0, (uint64_t)codes_le.len * 8, 0, false };
	return bytes;
}

INLINE void reload(struct reader *in)
{
	uint64_t bits;

	if (__builtin_expect(in->pos > in->end, 0)) {
		in->pos = in->end;
		in->is_bad = true;
	}
	memcpy(&bits, in->bytes + in->pos / 8, 8);
	in->bits = be64toh(bits) << in->pos % 8;
}

/* The n bits after the next `skip`. */
INLINE uint32_t peek(const struct reader *in, unsigned int skip, unsigned int n)
{
	return (uint32_t)(in->bits << skip >> 1 >> (63 - n));
}

INLINE void drop(struct reader *in, unsigned int n)
{
	in->bits <<= n;
	in->pos += n;
}

/* Uses at most 26 bits. */
INLINE unsigned int read_symbol(enum kind kind, struct reader *in, unsigned int l)
{
	const struct code *code = &codes[kind == KIND_RGB5][l];
	unsigned int zeros = (unsigned int)__builtin_clzll(in->bits | 1), symbol;

	if (__builtin_expect(zeros < code->zeros, 1)) {
		symbol = zeros << l | peek(in, zeros + 1, l);
		drop(in, zeros + 1 + l);
		return symbol;
	}
	symbol = code->limit + peek(in, code->zeros, code->suffix);
	drop(in, code->zeros + (unsigned int)code->suffix);
	if (symbol >> kind_bpc(kind)) {  /* the suffix can say more than there is */
		in->is_bad = true;
		symbol = 0;
	}
	return symbol;
}

/* The length of a run, or more than `most` if it is too long. */
INLINE uint32_t read_run(struct group *group, struct reader *in, uint32_t most)
{
	uint32_t n = 0;
	unsigned int bits;

	for (unsigned int ones = 0; ; ones++) {
		bool more;

		if (ones % 32 == 0)
			reload(in);
		more = in->bits >> 63;
		drop(in, 1);
		if (!more)
			break;
		n += 1u << run_bits[group->runst];
		if (n > most)
			return n;
		if (group->runst < 31)
			group->runst++;
	}
	bits = run_bits[group->runst];
	reload(in);
	n += peek(in, 0, bits);
	drop(in, bits);
	if (group->runst)
		group->runst--;
	return n;
}

INLINE enum clove_err decode_row(enum kind kind, bool is_first, struct group *group,
		struct reader *stream, uint8_t *row, const uint8_t *above, int32_t width)
{
	uint32_t *context = group->context;
	struct reader in = *stream;
	uint32_t left = 0;
	bool is_same = false;   /* the two pixels to the left are equal */

	context[0] = context[1];
	for (int32_t x = 0, start = 0, guard = -1; x < width; start = x) {
		int32_t end = segment_end(group, x, width);

		while (x < end) {
			uint32_t up = is_first ? 0 : get_pixel(kind, above, x);
			uint32_t old, symbols = 0, predicted, pixel;
			uint64_t start_pos;

			if (!is_first && is_same && x > 2 && x != guard
					&& up == get_pixel(kind, above, x - 1)) {
				uint32_t n = read_run(group, &in, (uint32_t)(end - x));

				if (n > (uint32_t)(end - x))
					return CLOVE_ERR_BOUNDS;
				guard = x;
				for (int32_t stop = x + (int32_t)n; x < stop; x++)
					put_pixel(kind, row, x, left);
				continue;
			}
			old = context[x];
			reload(&in);
			start_pos = in.pos;
			for (unsigned int p = 0; p < kind_planes(kind); p++) {
				unsigned int context_symbol = old >> symbol_shift(kind, p) & 0xff;
				unsigned int bucket = bucket_of(kind, context_symbol);

				if (p == 2 && __builtin_expect(in.pos - start_pos > 57 - 26, 0))
					reload(&in);
				symbols |= read_symbol(kind, &in, group->planes[p].best[bucket])
						<< symbol_shift(kind, p);
			}
			predicted = is_first ? left : x ? average(kind, left, up) : up;
			pixel = add(kind, predicted, unfold(kind, symbols));
			put_pixel(kind, row, x, pixel);
			context[x + 1] = symbols;
			learn(kind, group, old, symbols);
			is_same = pixel == left;
			left = pixel;
			x++;
		}
		segment_done(group, x - start);
	}
	*stream = in;
	/* Zeros may be looked at beyond the end, but not used. */
	if (in.pos > in.end)
		return CLOVE_ERR_SHORT;
	return in.is_bad ? CLOVE_ERR_VALUE : CLOVE_OK;
}

static enum clove_err decode_rgb8(struct group *g, struct reader *in, uint8_t *row,
		const uint8_t *above, int32_t n)
{
	return above ? decode_row(KIND_RGB8, false, g, in, row, above, n)
			: decode_row(KIND_RGB8, true, g, in, row, above, n);
}

static enum clove_err decode_rgb5(struct group *g, struct reader *in, uint8_t *row,
		const uint8_t *above, int32_t n)
{
	return above ? decode_row(KIND_RGB5, false, g, in, row, above, n)
			: decode_row(KIND_RGB5, true, g, in, row, above, n);
}

static enum clove_err decode_alpha(struct group *g, struct reader *in, uint8_t *row,
		const uint8_t *above, int32_t n)
{
	return above ? decode_row(KIND_ALPHA, false, g, in, row, above, n)
			: decode_row(KIND_ALPHA, true, g, in, row, above, n);
}

static enum clove_err decode_gray(struct group *g, struct reader *in, uint8_t *row,
		const uint8_t *above, int32_t n)
{
	return above ? decode_row(KIND_GRAY, false, g, in, row, above, n)
			: decode_row(KIND_GRAY, true, g, in, row, above, n);
}

static enum clove_err read_header(struct clove_bytes in, enum quic_type *type, int32_t *width,
		int32_t *height)
{
	enum clove_err err;

	if (in.len < QUIC_HEADER)
		return CLOVE_ERR_SHORT;
	if (in.len % 4 || clove_le32(in.data) != QUIC_MAGIC)
		return CLOVE_ERR_VALUE;
	if (clove_le32(in.data + 4))
		return CLOVE_ERR_VERSION;
	if (clove_le32(in.data + 8) < QUIC_GRAY || clove_le32(in.data + 8) > QUIC_RGBA)
		return CLOVE_ERR_VALUE;
	err = clove_pixels_check_size((int32_t)clove_le32(in.data + 12), (int32_t)clove_le32(in.data + 16));
	if (err)
		return err;
	*type = (enum quic_type)clove_le32(in.data + 8);
	*width = (int32_t)clove_le32(in.data + 12);
	*height = (int32_t)clove_le32(in.data + 16);
	return CLOVE_OK;
}

static enum clove_format format_of(enum quic_type type)
{
	return type == QUIC_GRAY ? CLOVE_FORMAT_GRAY
			: (enum clove_format)(CLOVE_FORMAT_RGB16 + (type - QUIC_RGB16));
}

enum clove_err clove_quic_probe(struct clove_bytes in, struct clove_image_info *info)
{
	int32_t width, height;
	enum quic_type type;
	enum clove_err err = read_header(in, &type, &width, &height);

	if (!err)
		*info = (struct clove_image_info){ format_of(type), width, height, true };
	return err;
}

static enum clove_err decode_groups(enum quic_type type, struct group groups[2], struct reader *in,
		uint8_t *row, const uint8_t *above, int32_t width)
{
	enum clove_err err;

	switch (type) {
	case QUIC_GRAY:
		return decode_gray(groups, in, row, above, width);
	case QUIC_RGB16:
		return decode_rgb5(groups, in, row, above, width);
	case QUIC_RGBA:
		err = decode_rgb8(groups, in, row, above, width);
		return err ? err : decode_alpha(groups + 1, in, row, above, width);
	default:
		return decode_rgb8(groups, in, row, above, width);
	}
}

enum clove_err clove_quic_decode(struct clove_bytes in, const struct clove_pixels *dst)
{
	struct group groups[2] = { { .context = NULL }, { .context = NULL } };
	uint8_t *lines = NULL, *above = NULL;  /* two rows, for formats that are not the stream's */
	uint8_t *bytes = NULL;
	struct reader reader;
	int32_t width, height;
	enum quic_type type;
	enum clove_format native;
	enum clove_err err = read_header(in, &type, &width, &height);
	size_t row_bytes;

	if (err)
		return err;
	if (width != dst->width || height != dst->height)
		return CLOVE_ERR_BOUNDS;
	native = type == QUIC_RGB24 ? CLOVE_FORMAT_RGB32 : format_of(type);
	if (!clove_pixels_converts(native, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	pthread_once(&tables_once, make_tables);
	row_bytes = clove_format_row_bytes(native, width);
	err = CLOVE_ERR_NOMEM;
	if (!group_init(&groups[0], type == QUIC_RGB16 ? 5 : 8, width)
			|| !group_init(&groups[1], 8, width))
		goto out;
	if (native != dst->format && !(lines = malloc(2 * row_bytes)))
		goto out;
	bytes = reader_init(&reader, CLOVE_BYTES(in.data + QUIC_HEADER, in.len - QUIC_HEADER));
	if (!bytes)
		goto out;
	for (int32_t y = 0; y < height; y++) {
		uint8_t *to = clove_pixels_row(dst, y);
		uint8_t *row = lines ? lines + (y & 1) * row_bytes : to;

		err = decode_groups(type, groups, &reader, row, above, width);
		if (!err && lines)
			err = clove_pixels_convert_row(to, dst->format, row, native, width, NULL);
		if (err)
			break;
		above = row;
	}
out:
	free(lines);
	free(bytes);
	free(groups[0].context);
	free(groups[1].context);
	return err;
}

/* ---- encoding ---- */

struct writer {
	uint8_t *next, *end;
	uint64_t bits;       /* the last bits, last one lowest */
	unsigned int have;   /* how many are not written yet, below 32 */
	bool is_full;
};

/* `n` <= 32 bits of v, whose other bits are 0. */
INLINE void put_bits(struct writer *out, uint32_t v, unsigned int n)
{
	out->bits = out->bits << n | v;
	out->have += n;
	if (__builtin_expect(out->end - out->next < 4, 0)) {
		out->is_full |= out->have >= 32;
		out->have &= 31;
		return;
	}
	/* The word is stored in any case, and kept if it is whole. */
	clove_put_le32(out->next, (uint32_t)(out->bits >> ((out->have - 32) & 63)));
	out->next += out->have >> 5 << 2;
	out->have &= 31;
}

INLINE void write_symbol(enum kind kind, struct writer *out, unsigned int l, unsigned int symbol)
{
	uint32_t word = words[kind == KIND_RGB5][l][symbol];

	put_bits(out, word & ((1u << WORD_BITS) - 1), word >> WORD_BITS);
}

INLINE void write_run(struct group *group, struct writer *out, uint32_t n)
{
	while (n >= 1u << run_bits[group->runst]) {
		put_bits(out, 1, 1);
		n -= 1u << run_bits[group->runst];
		if (group->runst < 31)
			group->runst++;
	}
	put_bits(out, n, 1 + (unsigned int)run_bits[group->runst]);
	if (group->runst)
		group->runst--;
}

INLINE void encode_row(enum kind kind, bool is_first, struct group *group, struct writer *stream,
		const uint8_t *row, const uint8_t *above, int32_t width)
{
	uint32_t *context = group->context;
	struct writer out = *stream;
	uint32_t left = 0;
	bool is_same = false;

	context[0] = context[1];
	for (int32_t x = 0, start = 0, guard = -1; x < width; start = x) {
		int32_t end = segment_end(group, x, width);

		while (x < end) {
			uint32_t up = is_first ? 0 : get_pixel(kind, above, x);
			uint32_t old, symbols = 0, delta, pixel;

			if (!is_first && is_same && x > 2 && x != guard
					&& up == get_pixel(kind, above, x - 1)) {
				guard = x;
				while (x < end && get_pixel(kind, row, x) == left)
					x++;
				write_run(group, &out, (uint32_t)(x - guard));
				continue;
			}
			pixel = get_pixel(kind, row, x);
			delta = subtract(kind, pixel,
					is_first ? left : x ? average(kind, left, up) : up);
			old = context[x];
			for (unsigned int p = 0; p < kind_planes(kind); p++) {
				const uint32_t most = (1u << kind_bpc(kind)) - 1;
				uint32_t d = delta >> plane_shift(kind, p) & most;
				uint32_t s = (d << 1 ^ (0 - (d >> (kind_bpc(kind) - 1)))) & most;

				write_symbol(kind, &out,
						group->planes[p].best[bucket_of(kind,
							old >> symbol_shift(kind, p) & 0xff)], s);
				symbols |= s << symbol_shift(kind, p);
			}
			context[x + 1] = symbols;
			learn(kind, group, old, symbols);
			is_same = pixel == left;
			left = pixel;
			x++;
		}
		segment_done(group, x - start);
	}
	*stream = out;
}

static void encode_rgb8(struct group *g, struct writer *out, const uint8_t *row,
		const uint8_t *above, int32_t n)
{
	if (above)
		encode_row(KIND_RGB8, false, g, out, row, above, n);
	else
		encode_row(KIND_RGB8, true, g, out, row, above, n);
}

static void encode_rgb5(struct group *g, struct writer *out, const uint8_t *row,
		const uint8_t *above, int32_t n)
{
	if (above)
		encode_row(KIND_RGB5, false, g, out, row, above, n);
	else
		encode_row(KIND_RGB5, true, g, out, row, above, n);
}

static void encode_alpha(struct group *g, struct writer *out, const uint8_t *row,
		const uint8_t *above, int32_t n)
{
	if (above)
		encode_row(KIND_ALPHA, false, g, out, row, above, n);
	else
		encode_row(KIND_ALPHA, true, g, out, row, above, n);
}

static void encode_gray(struct group *g, struct writer *out, const uint8_t *row,
		const uint8_t *above, int32_t n)
{
	if (above)
		encode_row(KIND_GRAY, false, g, out, row, above, n);
	else
		encode_row(KIND_GRAY, true, g, out, row, above, n);
}

static enum quic_type type_of(enum clove_format format)
{
	if (format == CLOVE_FORMAT_GRAY)
		return QUIC_GRAY;
	if (format < CLOVE_FORMAT_RGB16 || format > CLOVE_FORMAT_RGBA)
		return 0;
	return (enum quic_type)(QUIC_RGB16 + (format - CLOVE_FORMAT_RGB16));
}

size_t clove_quic_bound(enum clove_format format, int32_t width, int32_t height)
{
	size_t planes = format == CLOVE_FORMAT_GRAY ? 1 : format == CLOVE_FORMAT_RGBA ? 4 : 3;

	if (!type_of(format) || clove_pixels_check_size(width, height))
		return 0;
	/* No code has more than 26 bits; a run costs less than 2 bits a pixel or follows a coded pixel. */
	return QUIC_HEADER + 8 + (size_t)width * (size_t)height * planes * 28 / 8;
}

enum clove_err clove_quic_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		size_t *size)
{
	struct group groups[2] = { { .context = NULL }, { .context = NULL } };
	enum quic_type type = type_of(src->format);
	uint8_t *lines = NULL, *above = NULL;  /* two rows of RGB24 as RGB32 */
	struct writer out;
	enum clove_err err = clove_pixels_check_size(src->width, src->height);

	if (err)
		return err;
	if (!type)
		return CLOVE_ERR_UNSUPPORTED;
	if (capacity < QUIC_HEADER)
		return CLOVE_ERR_LIMIT;
	pthread_once(&tables_once, make_tables);
	err = CLOVE_ERR_NOMEM;
	if (!group_init(&groups[0], type == QUIC_RGB16 ? 5 : 8, src->width)
			|| !group_init(&groups[1], 8, src->width))
		goto free;
	if (type == QUIC_RGB24 && !(lines = malloc(8 * (size_t)src->width)))
		goto free;
	clove_put_le32(dst, QUIC_MAGIC);
	clove_put_le32(dst + 4, 0);
	clove_put_le32(dst + 8, type);
	clove_put_le32(dst + 12, (uint32_t)src->width);
	clove_put_le32(dst + 16, (uint32_t)src->height);
	out = (struct writer){ dst + QUIC_HEADER, dst + capacity, 0, 0, false };
	err = CLOVE_OK;
	for (int32_t y = 0; y < src->height && !err; y++) {
		uint8_t *row = clove_pixels_row(src, y);

		if (lines) {
			uint8_t *line = lines + (y & 1) * 4 * (size_t)src->width;

			err = clove_pixels_convert_row(line, CLOVE_FORMAT_RGB32, row,
					CLOVE_FORMAT_RGB24, src->width, NULL);
			row = line;
		}
		if (type == QUIC_GRAY)
			encode_gray(groups, &out, row, above, src->width);
		else if (type == QUIC_RGB16)
			encode_rgb5(groups, &out, row, above, src->width);
		else
			encode_rgb8(groups, &out, row, above, src->width);
		if (type == QUIC_RGBA)
			encode_alpha(groups + 1, &out, row, above, src->width);
		if (out.is_full)
			err = CLOVE_ERR_LIMIT;
		above = row;
	}
	if (!err && out.have)
		put_bits(&out, 0, 32 - out.have);
	put_bits(&out, 0, 32);  /* existing decoders look one word ahead */
	if (out.is_full)
		err = CLOVE_ERR_LIMIT;
	*size = (size_t)(out.next - dst);
free:
	free(lines);
	free(groups[0].context);
	free(groups[1].context);
	return err;
}
