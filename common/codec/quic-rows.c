/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic-rows.c - QUIC's adaptive model, its codes and its run mode, row by row.
 *
 * Encoder and decoder keep the same model in step, so the bytes of a picture are determined. Three planes
 * are carried in one word, one component in each field, and predicted at once. The encoder first makes
 * symbols of a whole row and marks where runs may begin, which depends on pixels only; then it codes. Codes
 * change seldom: with AVX2 the pixels between two changes become bits eight at a time.
 */
#include "common/codec/quic-rows.h"

#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifndef QUIC_ROWS
#define QUIC_ROWS clove_quic_rows
#endif
#define LAST_LEVEL 6
#define CODE_BITS 26
#define INLINE static inline __attribute__((always_inline))
#define RARE(x) __builtin_expect(!!(x), 0)

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

INLINE unsigned int kind_bpc(enum quic_kind kind) { return kind == QUIC_RGB5 ? 5 : 8; }
INLINE unsigned int kind_planes(enum quic_kind kind) { return kind <= QUIC_RGB5 ? 3 : 1; }

INLINE uint32_t get_pixel(enum quic_kind kind, const uint8_t *row, int32_t x)
{
	switch (kind) {
	case QUIC_RGB8:
		return clove_le32(row + 4 * (size_t)x) & 0xffffff;
	case QUIC_RGB5:
		return clove_le16(row + 2 * (size_t)x) & 0x7fff;
	case QUIC_ALPHA:
		return row[4 * (size_t)x + 3];
	default:
		return row[x];
	}
}

INLINE void put_pixel(enum quic_kind kind, uint8_t *row, int32_t x, uint32_t v)
{
	switch (kind) {
	case QUIC_RGB8:
		clove_put_le32(row + 4 * (size_t)x, v);
		break;
	case QUIC_RGB5:
		clove_put_le16(row + 2 * (size_t)x, (uint16_t)v);
		break;
	case QUIC_ALPHA:
		row[4 * (size_t)x + 3] = (uint8_t)v;
		break;
	default:
		row[x] = (uint8_t)v;
	}
}

/* Where plane p's symbol lies in a word of three. R is coded first. */
INLINE unsigned int symbol_shift(enum quic_kind kind, unsigned int p)
{
	return kind_planes(kind) == 3 ? 16 - 8 * p : 0;
}

/* The top bit of each component, and all but the lowest. */
INLINE uint32_t top_bits(enum quic_kind kind)
{
	return kind == QUIC_RGB8 ? 0x808080 : kind == QUIC_RGB5 ? 0x4210 : 0x80;
}

INLINE uint32_t not_low_bits(enum quic_kind kind)
{
	return kind == QUIC_RGB8 ? 0xfefefe : kind == QUIC_RGB5 ? 0x7bde : 0xfe;
}

/* (a + b) >> 1 in every component. */
INLINE uint32_t average(enum quic_kind kind, uint32_t a, uint32_t b)
{
	return (a & b) + (((a ^ b) & not_low_bits(kind)) >> 1);
}

/* a + b and a - b in every component, modulo its size. */
INLINE uint32_t add(enum quic_kind kind, uint32_t a, uint32_t b)
{
	uint32_t top = top_bits(kind);

	return ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
}

INLINE uint32_t subtract(enum quic_kind kind, uint32_t a, uint32_t b)
{
	uint32_t top = top_bits(kind);

	return ((a | top) - (b & ~top)) ^ ((a ^ ~b) & top);
}

/* Symbols of differences, 0, -1, 1, -2, ... in every component; and back. */
INLINE uint32_t fold(enum quic_kind kind, uint32_t d)
{
	if (kind == QUIC_RGB5) {
		d = (d & 0x7c00) << 6 | (d & 0x3e0) << 3 | (d & 31);
		return ((d << 1) & 0x1e1e1e) ^ (d >> 4 & 0x010101) * 31;
	}
	return ((d << 1) & 0xfefefe) ^ (d >> 7 & 0x010101) * 255;
}

INLINE uint32_t unfold(enum quic_kind kind, uint32_t symbols)
{
	uint32_t d = (symbols >> 1 & 0x7f7f7f) ^ (symbols & 0x010101) * 255;

	if (kind != QUIC_RGB5)
		return d;
	return (d >> 6 & 0x7c00) | (d >> 3 & 0x3e0) | (d & 31);
}

/* ---- the model ---- */

INLINE void update(const struct quic_tables *t, enum quic_kind kind, struct quic_plane *plane,
		unsigned int context, unsigned int symbol, unsigned int trigger)
{
	unsigned int most = kind_bpc(kind) - 1, bucket = 31 - (unsigned int)__builtin_clz(context + 1);
	unsigned int first, best = 0, least = 0xffff;
	uint16_t *cost;

	bucket = bucket < most ? bucket : most;
	first = (1u << bucket) - 1;
	cost = plane->cost[bucket];
#ifdef __SSE4_1__
	{
		const uint16_t *length = t->length[kind == QUIC_RGB5][symbol];
		__m128i sum = _mm_add_epi16(_mm_loadu_si128((const __m128i *)cost),
				_mm_loadu_si128((const __m128i *)length));
		/* the first of the smallest: the largest code */
		uint32_t min = (uint32_t)_mm_cvtsi128_si32(_mm_minpos_epu16(kind == QUIC_RGB5
				? _mm_or_si128(sum, _mm_setr_epi16(-1, -1, -1, 0, 0, 0, 0, 0)) : sum));

		least = min & 0xffff;
		best = 7 - (min >> 16);
		_mm_storeu_si128((__m128i *)cost, least > trigger ? _mm_srli_epi16(sum, 1) : sum);
	}
#else
	for (unsigned int l = 0; l <= most; l++) {
		cost[7 - l] = (uint16_t)(cost[7 - l] + t->length[kind == QUIC_RGB5][symbol][7 - l]);
		best = cost[7 - l] <= least ? l : best;
		least = cost[7 - l] <= least ? cost[7 - l] : least;
	}
	if (least > trigger)
		for (unsigned int l = 0; l <= most; l++)
			cost[7 - l] >>= 1;
#endif
	if (plane->best[bucket] != best) {
		plane->best[bucket] = (uint8_t)best;
		memset(plane->code + first, (int)best, bucket == most ? (1u << (most + 1)) - first : first + 1);
	}
}

/* Some coded pixels teach the model, fewer as the picture goes on. Answers how many are to be skipped next. */
INLINE unsigned int learn(const struct quic_tables *t, enum quic_kind kind, struct quic_group *group,
		uint32_t context, uint32_t symbols)
{
	unsigned int wait = waits[group->rnd] & ((1u << group->level) - 1);

	for (unsigned int p = 0; p < kind_planes(kind); p++)
		update(t, kind, &group->planes[p], context >> symbol_shift(kind, p) & 0xff,
				symbols >> symbol_shift(kind, p) & 0xff, triggers[group->level]);
	group->rnd = (group->rnd + 1) & 255;
	return wait;
}

/* Out of line: what a loop keeps in registers matters more. */
static __attribute__((noinline)) unsigned int learn_rgb8(const struct quic_tables *t,
		struct quic_group *group, uint32_t context, uint32_t symbols)
{
	return learn(t, QUIC_RGB8, group, context, symbols);
}

static __attribute__((noinline)) unsigned int learn_rgb5(const struct quic_tables *t,
		struct quic_group *group, uint32_t context, uint32_t symbols)
{
	return learn(t, QUIC_RGB5, group, context, symbols);
}

static __attribute__((noinline)) unsigned int learn_one(const struct quic_tables *t,
		struct quic_group *group, uint32_t context, uint32_t symbols)
{
	return learn(t, QUIC_ONE, group, context, symbols);
}

INLINE unsigned int learn_kind(const struct quic_tables *t, enum quic_kind kind,
		struct quic_group *group, uint32_t context, uint32_t symbols)
{
	return kind == QUIC_RGB8 ? learn_rgb8(t, group, context, symbols)
			: kind == QUIC_RGB5 ? learn_rgb5(t, group, context, symbols)
			: learn_one(t, group, context, symbols);
}

/* The next segment from x: level rises only between two. */
INLINE int32_t segment_end(const struct quic_group *group, int32_t x, int32_t width)
{
	if (group->level < LAST_LEVEL && (uint32_t)(width - x) > group->left)
		return x + (int32_t)group->left;
	return width;
}

INLINE void segment_done(struct quic_group *group, int32_t n)
{
	if (group->level == LAST_LEVEL)
		return;
	group->left -= (uint32_t)n;
	if (!group->left) {
		group->level++;
		group->left = QUIC_LEVEL_PIXELS;
	}
}

/* ---- decoding ---- */

/* At least 56 bits then. What is there already is laid over itself. */
INLINE void refill(struct quic_reader *in)
{
	uint64_t bits;

	memcpy(&bits, in->next, 8);
	in->bits |= be64toh(bits) >> in->have;
	in->next += (63 - in->have) >> 3;
	in->have |= 56;
}

/* n below 64. */
INLINE void drop(struct quic_reader *in, unsigned int n)
{
	in->bits <<= n;
	in->have -= n;
}

static __attribute__((noinline)) unsigned int read_escape(bool is_five, struct quic_reader *in, unsigned int l)
{
	const struct quic_code *code = &clove_quic_codes[is_five][l];
	unsigned int symbol = code->limit + (unsigned int)(in->bits << code->zeros >> (64 - code->suffix));

	drop(in, code->zeros + (unsigned int)code->suffix);
	if (symbol > (is_five ? 31 : 255)) {  /* the suffix can say more than there is */
		in->is_bad = true;
		symbol = 0;
	}
	return symbol;
}

INLINE unsigned int leading_zeros(uint64_t bits)
{
#ifdef __LZCNT__
	return (unsigned int)_lzcnt_u64(bits);
#else
	return bits ? (unsigned int)__builtin_clzll(bits) : 64;
#endif
}

/* Uses at most CODE_BITS. One less than it used is added to `used`, for drop_used. */
INLINE unsigned int read_symbol(const struct quic_tables *t, enum quic_kind kind, struct quic_reader *in,
		unsigned int l, unsigned int *used)
{
	unsigned int zeros = leading_zeros(in->bits), n = zeros + l, symbol;

	if (RARE(zeros >= t->zeros[kind == QUIC_RGB5][l])) {
		struct quic_reader copy = *in;

		symbol = read_escape(kind == QUIC_RGB5, &copy, l);
		*used += in->have - copy.have - 1;
		in->bits = copy.bits;
		in->is_bad = copy.is_bad;
		return symbol;
	}
	/* the 1 bit comes with the others, and counts once too often */
	symbol = (unsigned int)(in->bits >> (~n & 63)) + ((zeros - 1) << l);
	in->bits = (in->bits + in->bits) << n;
	*used += n;
	return symbol;
}

/* After `codes` codes. */
INLINE void drop_used(struct quic_reader *in, unsigned int *used, unsigned int codes)
{
	in->have -= *used + codes;
	*used = 0;
}

/* A pixel's symbols, the planes' contexts in `s` before. */
INLINE void read_symbols(const struct quic_tables *t, enum quic_kind kind, const struct quic_group *group,
		struct quic_reader *in, unsigned int s[3])
{
	unsigned int used = 0;

	refill(in);
	s[0] = read_symbol(t, kind, in, group->planes[0].code[s[0]], &used);
	if (kind_planes(kind) == 1) {
		drop_used(in, &used, 1);
		return;
	}
	s[1] = read_symbol(t, kind, in, group->planes[1].code[s[1]], &used);
	if (RARE(used > 56 - 2 - CODE_BITS)) {
		drop_used(in, &used, 2);
		refill(in);
		s[2] = read_symbol(t, kind, in, group->planes[2].code[s[2]], &used);
		drop_used(in, &used, 1);
		return;
	}
	s[2] = read_symbol(t, kind, in, group->planes[2].code[s[2]], &used);
	drop_used(in, &used, 3);
}

INLINE void split_symbols(enum quic_kind kind, uint32_t symbols, unsigned int s[3])
{
	for (unsigned int p = 0; p < 3; p++)
		s[p] = kind_planes(kind) == 3 || !p ? symbols >> symbol_shift(kind, p) & 0xff : 0;
}

INLINE uint32_t join_symbols(enum quic_kind kind, const unsigned int s[3])
{
	return kind_planes(kind) == 3 ? s[0] << 16 | s[1] << 8 | s[2] : s[0];
}

/* The length of a run, or more than `most` if it is too long. */
INLINE uint32_t read_run(const struct quic_tables *t, struct quic_group *group, struct quic_reader *in,
		uint32_t most)
{
	unsigned int runst = group->runst, ones, bits;
	uint32_t n = 0;

	for (;;) {
		refill(in);
		ones = leading_zeros(~in->bits);
		if (ones <= 31 - runst)
			break;
		/* one at a time where the steps no longer grow */
		n += 1u << clove_quic_run_bits[runst];
		if (n > most)
			return n;
		drop(in, 1);
		if (runst < 31)
			runst++;
	}
	n += t->run[runst + ones] - t->run[runst];
	runst += ones;
	drop(in, ones + 1);
	refill(in);
	bits = clove_quic_run_bits[runst];
	n += (uint32_t)(in->bits >> 1 >> (63 - bits));
	drop(in, bits);
	group->runst = runst ? runst - 1 : 0;
	return n;
}

INLINE enum clove_err decode_row(const struct quic_tables *t, enum quic_kind kind, bool is_first,
		struct quic_group *group, struct quic_reader *stream, uint8_t *row, const uint8_t *above,
		int32_t width)
{
	uint32_t *context = group->context;
	struct quic_reader in = *stream;
	uint32_t left = is_first ? 0 : get_pixel(kind, above, 0); /* so that this is predicted */
	uint32_t up_left = 0, turn = 1; /* turn 0: the two pixels to the left are equal */
	unsigned int wait = group->wait;

	context[0] = context[1];
	for (int32_t x = 0, start = 0, guard = -1; x < width; start = x) {
		int32_t end = segment_end(group, x, width);
		unsigned int s[3];

		split_symbols(kind, context[x], s);
		while (x < end) {
			uint32_t up = is_first ? 0 : get_pixel(kind, above, x);
			uint32_t symbols, predicted, pixel;

			if (!is_first && RARE(!((up ^ up_left) | turn)) && x > 2 && x != guard) {
				uint32_t n = read_run(t, group, &in, (uint32_t)(end - x));

				if (n > (uint32_t)(end - x))
					return CLOVE_ERR_BOUNDS;
				guard = x;
				if (!n)
					continue;
				for (int32_t stop = x + (int32_t)n; x < stop; x++)
					put_pixel(kind, row, x, left);
				up_left = get_pixel(kind, above, x - 1);
				split_symbols(kind, context[x], s);
				continue;
			}
			read_symbols(t, kind, group, &in, s);
			symbols = join_symbols(kind, s);
			predicted = is_first ? left : average(kind, left, up);
			pixel = add(kind, predicted, unfold(kind, symbols));
			put_pixel(kind, row, x, pixel);
			context[x + 1] = symbols;
			if (RARE(!wait--))
				wait = learn_kind(t, kind, group, context[x], symbols);
			turn = pixel ^ left;
			left = pixel;
			up_left = up;
			x++;
		}
		segment_done(group, x - start);
	}
	group->wait = wait;
	*stream = in;
	return in.is_bad ? CLOVE_ERR_VALUE : CLOVE_OK;
}

/* The first x from `from` whose bit is not `skip`'s, but at most `end`. */
INLINE int32_t find_bit(const uint64_t *bits, uint64_t skip, int32_t from, int32_t end)
{
	uint32_t i = (uint32_t)from / 64;
	uint64_t word = (bits[i] ^ skip) >> from % 64 << from % 64;
	int32_t x;

	while (!word && (int32_t)(i + 1) * 64 < end)
		word = bits[++i] ^ skip;
	if (!word)
		return end;
	x = (int32_t)(i * 64) + __builtin_ctzll(word);
	return x < end ? x : end;
}

#ifdef __AVX2__
INLINE void mark_each(uint64_t *same, const uint8_t *row, int32_t x, int32_t end)
{
	for (; x < end; x++)
		same[x / 64] |= (uint64_t)(get_pixel(QUIC_RGB8, row, x) == get_pixel(QUIC_RGB8, row, x - 1)) << x % 64;
}

/* Which pixels of a row, but the first three, equal their left neighbours; how many. */
INLINE int32_t mark_same(uint64_t *same, const uint8_t *row, int32_t width)
{
	int32_t x = 8;

	memset(same, 0, ((size_t)width / 64 + 1) * sizeof *same);
	for (; x + 8 <= width; x += 8) {
		const uint8_t *at = row + 4 * (size_t)x;
		__m256i other = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)at),
				_mm256_loadu_si256((const __m256i *)(at - 4)));
		__m256i equal = _mm256_cmpeq_epi32(_mm256_slli_epi32(other, 8), _mm256_setzero_si256());

		((uint8_t *)same)[x / 8] = (uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal));
	}
	mark_each(same, row, 3, width < 8 ? width : 8);
	mark_each(same, row, x, width);

	int32_t n = 0;

	for (int32_t i = 0; i < width / 64 + 1; i++)
		n += __builtin_popcountll(same[i]);
	return n;
}

/* Predicted beside the codes, in registers of their own. */
INLINE __m128i next_pixel(__m128i left, __m128i up, uint32_t symbols)
{
	const __m128i low = _mm_set1_epi8(1);
	__m128i s = _mm_cvtsi32_si128((int)symbols);

	s = _mm_xor_si128(_mm_and_si128(_mm_srli_epi16(s, 1), _mm_set1_epi8(127)),
			_mm_sub_epi8(_mm_setzero_si128(), _mm_and_si128(s, low)));
	return _mm_add_epi8(_mm_sub_epi8(_mm_avg_epu8(left, up), _mm_and_si128(_mm_xor_si128(left, up), low)), s);
}

/* decode_row for rows below the first where runs may begin all the time: text. */
static enum clove_err decode_rgb8_runs(const struct quic_tables *t, struct quic_group *group,
		struct quic_reader *stream, uint8_t *row, const uint8_t *above, int32_t width)
{
	const __m128i rgb = _mm_cvtsi32_si128(0xffffff);
	uint32_t *context = group->context;
	struct quic_reader in = *stream;
	__m128i left = _mm_and_si128(_mm_loadu_si32(above), rgb), up_left = left, turn = _mm_set1_epi8(1);
	unsigned int wait = group->wait;

	context[0] = context[1];
	for (int32_t x = 0, start = 0, guard = -1; x < width; start = x) {
		int32_t end = segment_end(group, x, width);
		unsigned int symbols[3];

		split_symbols(QUIC_RGB8, context[x], symbols);
		while (x < end) {
			__m128i up = _mm_and_si128(_mm_loadu_si32(above + 4 * (size_t)x), rgb);
			__m128i test = _mm_or_si128(_mm_xor_si128(up, up_left), turn), pixel;

			if (RARE(!_mm_cvtsi128_si32(test)) && x > 2 && x != guard) {
				uint32_t n = read_run(t, group, &in, (uint32_t)(end - x));

				if (n > (uint32_t)(end - x))
					return CLOVE_ERR_BOUNDS;
				guard = x;
				if (!n)
					continue;
				for (; n >= 8; n -= 8, x += 8)
					_mm256_storeu_si256((__m256i *)(row + 4 * (size_t)x),
							_mm256_broadcastd_epi32(left));
				for (; n; n--, x++)
					_mm_storeu_si32(row + 4 * (size_t)x, left);
				up_left = _mm_and_si128(_mm_loadu_si32(above + 4 * (size_t)x - 4), rgb);
				split_symbols(QUIC_RGB8, context[x], symbols);
				continue;
			}
			read_symbols(t, QUIC_RGB8, group, &in, symbols);
			context[x + 1] = join_symbols(QUIC_RGB8, symbols);
			pixel = next_pixel(left, up, context[x + 1]);
			_mm_storeu_si32(row + 4 * (size_t)x, pixel);
			if (RARE(!wait--))
				wait = learn_rgb8(t, group, context[x], context[x + 1]);
			turn = _mm_xor_si128(pixel, left);
			left = pixel;
			up_left = up;
			x++;
		}
		segment_done(group, x - start);
	}
	group->wait = wait;
	*stream = in;
	return in.is_bad ? CLOVE_ERR_VALUE : CLOVE_OK;
}
/* Pixels from x to `end`, in which no run begins. */
INLINE void decode_span(const struct quic_tables *t, struct quic_group *group, struct quic_reader *stream,
		uint8_t *row, const uint8_t *above, int32_t x, int32_t end)
{
	const __m128i rgb = _mm_cvtsi32_si128(0xffffff);
	uint32_t *context = group->context, wait = group->wait;
	struct quic_reader in = *stream;
	__m128i left = _mm_and_si128(_mm_loadu_si32(x ? row + 4 * (size_t)x - 4 : above), rgb);
	unsigned int symbols[3];

	split_symbols(QUIC_RGB8, context[x], symbols);
	while (x < end) {
		bool learns = wait < (uint32_t)(end - x);
		int32_t stop = learns ? x + (int32_t)wait + 1 : end;

		wait -= (uint32_t)(stop - x);
		for (; x < stop; x++) {
			__m128i up = _mm_and_si128(_mm_loadu_si32(above + 4 * (size_t)x), rgb);

			read_symbols(t, QUIC_RGB8, group, &in, symbols);
			context[x + 1] = join_symbols(QUIC_RGB8, symbols);
			left = next_pixel(left, up, context[x + 1]);
			_mm_storeu_si32(row + 4 * (size_t)x, left);
		}
		if (learns)
			wait = learn_rgb8(t, group, context[x - 1], context[x]);
	}
	group->wait = wait;
	*stream = in;
}

enum { SPANS_LEAST = 8 };             /* pixels between two where a run might begin */

/* decode_row for rows below the first. Where runs may begin the row above says, before anything is read. */
static enum clove_err decode_rgb8_below(const struct quic_tables *t, struct quic_group *group,
		struct quic_reader *stream, uint8_t *row, const uint8_t *above, int32_t width)
{
	struct quic_reader in = *stream;

	/* text is mostly runs */
	if (mark_same(group->same, above, width) > width / SPANS_LEAST)
		return decode_rgb8_runs(t, group, stream, row, above, width);
	group->context[0] = group->context[1];
	for (int32_t x = 0, start = 0; x < width; start = x) {
		int32_t end = segment_end(group, x, width);

		while (x < end) {
			int32_t to = find_bit(group->same, 0, x, end);
			uint32_t pixel, n = 0;

			decode_span(t, group, &in, row, above, x, to);
			x = to;
			if (x == end)
				break;
			pixel = get_pixel(QUIC_RGB8, row, x - 1);
			if (pixel == get_pixel(QUIC_RGB8, row, x - 2)) {
				n = read_run(t, group, &in, (uint32_t)(end - x));
				if (n > (uint32_t)(end - x))
					return CLOVE_ERR_BOUNDS;
			}
			for (int32_t stop = x + (int32_t)n; x < stop; x++)
				clove_put_le32(row + 4 * (size_t)x, pixel);
			if (!n) {
				decode_span(t, group, &in, row, above, x, x + 1);
				x++;
			}
		}
		segment_done(group, x - start);
	}
	*stream = in;
	return in.is_bad ? CLOVE_ERR_VALUE : CLOVE_OK;
}
#endif

/* ---- encoding ---- */

/* `n` <= 56 bits of v, whose other bits are 0. */
INLINE void put_bits(struct quic_writer *out, uint64_t v, unsigned int n)
{
	uint64_t bytes;

	out->bits = out->bits << n | v;
	out->have += n;
	bytes = htobe64(out->bits << 1 << (63 - out->have));
	memcpy(out->next, &bytes, 8);
	out->next += out->have >> 3;
	out->have &= 7;
}

INLINE void write_run(const struct quic_tables *t, struct quic_group *group, struct quic_writer *out,
		uint32_t n)
{
	unsigned int runst = group->runst, bits;
	uint32_t target = t->run[runst] + n;

	if (target < sizeof t->step) {
		unsigned int to = t->step[target], ones = to - runst;

		bits = clove_quic_run_bits[to];
		put_bits(out, ((UINT64_C(1) << ones) - 1) << (1 + bits) | (target - t->run[to]), ones + 1 + bits);
		group->runst = to ? to - 1 : 0;
		return;
	}
	while (n >= 1u << clove_quic_run_bits[runst]) {
		put_bits(out, 1, 1);
		n -= 1u << clove_quic_run_bits[runst];
		if (runst < 31)
			runst++;
	}
	put_bits(out, n, 1 + (unsigned int)clove_quic_run_bits[runst]);
	group->runst = runst ? runst - 1 : 0;
}

#ifdef __AVX2__
/* Eight pixels, a byte for each component; five bits are the upper ones. */
INLINE __m256i get_eight(enum quic_kind kind, const uint8_t *row, int32_t x)
{
	__m256i v;

	switch (kind) {
	case QUIC_RGB8:
		v = _mm256_loadu_si256((const __m256i *)(row + 4 * (size_t)x));
		return _mm256_and_si256(v, _mm256_set1_epi32(0xffffff));
	case QUIC_RGB5:
		v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(row + 2 * (size_t)x)));
		return _mm256_or_si256(_mm256_or_si256(
				_mm256_and_si256(_mm256_slli_epi32(v, 9), _mm256_set1_epi32(0xf80000)),
				_mm256_and_si256(_mm256_slli_epi32(v, 6), _mm256_set1_epi32(0xf800))),
				_mm256_and_si256(_mm256_slli_epi32(v, 3), _mm256_set1_epi32(0xf8)));
	case QUIC_ALPHA:
		return _mm256_srli_epi32(_mm256_loadu_si256((const __m256i *)(row + 4 * (size_t)x)), 24);
	default:
		return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(row + x)));
	}
}

/* Eight pixels' symbols; answers which equal their left neighbours. */
INLINE uint8_t look_at_eight(enum quic_kind kind, uint32_t *symbols, const uint8_t *row,
		const uint8_t *above, int32_t x)
{
	__m256i pixels = get_eight(kind, row, x), lefts = get_eight(kind, row, x - 1);
	__m256i predicted = lefts, d;

	if (above) {
		__m256i ups = get_eight(kind, above, x);

		/* rounded up: one less where the sum is odd */
		predicted = _mm256_sub_epi8(_mm256_avg_epu8(lefts, ups),
				_mm256_and_si256(_mm256_xor_si256(lefts, ups), _mm256_set1_epi8(1)));
		if (kind == QUIC_RGB5)
			predicted = _mm256_and_si256(predicted, _mm256_set1_epi8((char)0xf8));
	}
	d = _mm256_sub_epi8(pixels, predicted);
	d = _mm256_xor_si256(_mm256_add_epi8(d, d), _mm256_cmpgt_epi8(_mm256_setzero_si256(), d));
	if (kind == QUIC_RGB5)
		d = _mm256_and_si256(_mm256_srli_epi32(d, 3), _mm256_set1_epi8(31));
	_mm256_storeu_si256((__m256i *)(symbols + x), d);
	return (uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(pixels, lefts)));
}
#endif

/* Pixels from x, which is not 0, to `end`. */
INLINE void look_at_each(enum quic_kind kind, struct quic_group *group, const uint8_t *row,
		const uint8_t *above, int32_t x, int32_t end)
{
	for (; x < end; x++) {
		uint32_t pixel = get_pixel(kind, row, x), left = get_pixel(kind, row, x - 1);

		group->symbols[x] = fold(kind, subtract(kind, pixel,
				above ? average(kind, left, get_pixel(kind, above, x)) : left));
		group->same[x / 64] |= (uint64_t)(pixel == left) << x % 64;
	}
}

/* Symbols of the row, and which pixels equal their left neighbour. */
INLINE void look_at_row(enum quic_kind kind, struct quic_group *group, const uint8_t *row,
		const uint8_t *above, int32_t width)
{
	size_t words = (size_t)width / 64 + 1;
	uint64_t *same = group->same_above;

	group->same_above = group->same;
	group->same = same;
	memset(same, 0, words * sizeof *same);
	group->symbols[0] = fold(kind, subtract(kind, get_pixel(kind, row, 0), above ? get_pixel(kind, above, 0) : 0));
#ifdef __AVX2__
	/* the first ones have no left neighbours to be read */
	for (int32_t x = 8; x + 8 <= width; x += 8)
		((uint8_t *)same)[x / 8] = look_at_eight(kind, group->symbols, row, above, x);
	look_at_each(kind, group, row, above, 1, width < 8 ? width : 8);
	look_at_each(kind, group, row, above, width < 8 ? width : width & ~7, width);
#else
	look_at_each(kind, group, row, above, 1, width);
#endif
	if (!above)
		return;
	for (size_t i = 0; i < words; i++)
		group->runs[i] = group->same_above[i] & (same[i] << 1 | (i ? same[i - 1] >> 63 : 0));
	group->runs[0] &= ~UINT64_C(7);
}

/* What is written for plane p's symbol, as in quic_tables. */
INLINE uint32_t word_of(const struct quic_tables *t, enum quic_kind kind, const struct quic_group *group,
		uint32_t old, uint32_t symbols, unsigned int p)
{
	unsigned int shift = symbol_shift(kind, p);

	return t->word[kind == QUIC_RGB5][symbols >> shift & 0xff][group->planes[p].code[old >> shift & 0xff]];
}

/* Pixels from x to `end` one by one. */
INLINE void encode_each(const struct quic_tables *t, enum quic_kind kind, struct quic_group *group,
		struct quic_writer *to, int32_t x, int32_t end)
{
	struct quic_writer out = *to;
	unsigned int wait = group->wait;
	uint32_t old = group->context[x];

	for (; x < end; x++) {
		uint32_t symbols = group->symbols[x];
		uint32_t first = word_of(t, kind, group, old, symbols, 0);

		if (kind_planes(kind) == 1) {
			put_bits(&out, first >> 8, first & 0xff);
		} else {
			/* lengths are their lowest bits, and shifts look at no others */
			uint32_t second = word_of(t, kind, group, old, symbols, 1);
			uint32_t third = word_of(t, kind, group, old, symbols, 2);
			unsigned int n = (first + second + third) & 0xff;

			if (RARE(n > 56)) {
				put_bits(&out, first >> 8, first & 0xff);
				put_bits(&out, second >> 8, second & 0xff);
				put_bits(&out, third >> 8, third & 0xff);
			} else {
				uint64_t v = ((uint64_t)first >> 8) << (second & 63) | second >> 8;

				put_bits(&out, v << (third & 63) | third >> 8, n);
			}
		}
		group->context[x + 1] = symbols;
		if (RARE(!wait--))
			wait = learn_kind(t, kind, group, old, symbols);
		old = symbols;
	}
	group->wait = wait;
	*to = out;
}

#ifdef __AVX2__
/* The codes of a moment: of the first two planes, and of the third; by bucket, as look-ups of bytes want them. */
struct lanes {
	__m256i two, third;
};

INLINE struct lanes lanes_of(const struct quic_group *group)
{
	__m128i first = _mm_loadl_epi64((const __m128i *)group->planes[0].best);
	__m128i second = _mm_loadl_epi64((const __m128i *)group->planes[1].best);
	__m128i third = _mm_loadl_epi64((const __m128i *)group->planes[2].best);

	return (struct lanes){ _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(first, second)),
			_mm256_broadcastsi128_si256(third) };
}

INLINE bool has_codes(const struct quic_group *group, const struct lanes *lanes)
{
	struct lanes now = lanes_of(group);
	__m256i other = _mm256_or_si256(_mm256_xor_si256(now.two, lanes->two),
			_mm256_xor_si256(now.third, lanes->third));

	return _mm256_testz_si256(other, other);
}

/* The code of each component, by the symbols to the left. */
INLINE __m256i code_of_each(const struct lanes *lanes, __m256i old)
{
	const __m256i low = _mm256_set1_epi8(15);
	const __m256i log_low = _mm256_broadcastsi128_si256(
			_mm_setr_epi8(0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
	const __m256i log_high = _mm256_broadcastsi128_si256(
			_mm_setr_epi8(0, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7));
	__m256i next = _mm256_adds_epu8(old, _mm256_set1_epi8(1));
	__m256i bucket = _mm256_max_epu8(_mm256_shuffle_epi8(log_low, _mm256_and_si256(next, low)),
			_mm256_shuffle_epi8(log_high, _mm256_and_si256(_mm256_srli_epi16(next, 4), low)));

	/* an index with its top bit set finds 0 */
	return _mm256_or_si256(
			_mm256_shuffle_epi8(lanes->two, _mm256_or_si256(bucket, _mm256_set1_epi32((int)0x80000880))),
			_mm256_shuffle_epi8(lanes->third, _mm256_or_si256(bucket, _mm256_set1_epi32((int)0x80808000))));
}

/* Codes without an escape, one in each word, behind those of other planes in *v, *n bits. */
INLINE void append_plain(__m256i *v, __m256i *n, __m256i symbol, __m256i l)
{
	const __m256i one = _mm256_set1_epi32(1);
	__m256i zeros = _mm256_srlv_epi32(symbol, l), length = _mm256_add_epi32(_mm256_add_epi32(zeros, l), one);
	__m256i code = _mm256_sub_epi32(symbol, _mm256_sllv_epi32(_mm256_sub_epi32(zeros, one), l));

	*v = _mm256_or_si256(_mm256_sllv_epi32(*v, length), code);
	*n = _mm256_add_epi32(*n, length);
}

enum {
	PIXEL_MOST = 28,              /* bits, where two pixels are put at once */
	SPAN_LEAST = 32,              /* pixels: fewer are faster one by one */
};

/* Pixels with an escape, or of many bits. */
static __attribute__((noinline)) void put_each(const struct quic_tables *t, const uint32_t *symbols, __m256i codes,
		struct quic_writer *to, int32_t n)
{
	struct quic_writer out = *to;
	uint32_t code[8];

	_mm256_storeu_si256((__m256i *)code, codes);
	for (int32_t i = 0; i < n; i++) {
		for (unsigned int p = 0; p < 3; p++) {
			unsigned int shift = symbol_shift(QUIC_RGB8, p);
			uint32_t word = t->word[0][symbols[i] >> shift & 0xff][code[i] >> shift & 0xff];

			put_bits(&out, word >> 8, word & 0xff);
		}
	}
	*to = out;
}

INLINE void put_eight(struct quic_writer *out, __m256i v, __m256i n)
{
	__m256i odd = _mm256_srli_epi64(n, 32), two = _mm256_add_epi32(n, odd), next, four;
	uint64_t bits[4], lengths[4];

	/* neighbours side by side, twice */
	v = _mm256_or_si256(_mm256_sllv_epi64(_mm256_and_si256(v, _mm256_set1_epi64x(0xffffffff)), odd),
			_mm256_srli_epi64(v, 32));
	two = _mm256_and_si256(two, _mm256_set1_epi64x(0xffffffff));
	next = _mm256_unpackhi_epi64(two, two);
	four = _mm256_add_epi64(two, next);
	if (RARE(_mm256_movemask_epi8(_mm256_cmpgt_epi32(four, _mm256_set_epi64x(INT32_MAX, 56, INT32_MAX, 56))))) {
		_mm256_storeu_si256((__m256i *)bits, v);
		_mm256_storeu_si256((__m256i *)lengths, two);
		for (int i = 0; i < 4; i++)
			put_bits(out, bits[i], (unsigned int)lengths[i]);
		return;
	}
	v = _mm256_or_si256(_mm256_sllv_epi64(v, next), _mm256_unpackhi_epi64(v, v));
	put_bits(out, (uint64_t)_mm256_extract_epi64(v, 0), (unsigned int)_mm256_extract_epi32(four, 0));
	put_bits(out, (uint64_t)_mm256_extract_epi64(v, 2), (unsigned int)_mm256_extract_epi32(four, 4));
}

/* Pixels from x to `end` by the codes of one moment. */
INLINE void put_pixels(const struct quic_tables *t, const struct quic_group *group, const struct lanes *lanes,
		struct quic_writer *to, int32_t x, int32_t end)
{
	static const int32_t window[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	const __m256i byte = _mm256_set1_epi32(255);
	const __m256i limits = _mm256_broadcastsi128_si256(_mm_loadl_epi64((const __m128i *)t->limit[0]));
	struct quic_writer out = *to;

	for (; x < end; x += 8) {
		int32_t count = end - x < 8 ? end - x : 8;
		__m256i there = _mm256_loadu_si256((const __m256i *)(window + 8 - count));
		__m256i symbols = _mm256_and_si256(there,
				_mm256_loadu_si256((const __m256i *)(group->symbols + x)));
		__m256i codes = code_of_each(lanes, _mm256_loadu_si256((const __m256i *)(group->context + x)));
		__m256i limit = _mm256_shuffle_epi8(limits, codes);
		__m256i escapes = _mm256_cmpeq_epi8(_mm256_max_epu8(symbols, limit), symbols);
		__m256i v = _mm256_setzero_si256(), n = v;

		append_plain(&v, &n, _mm256_and_si256(_mm256_srli_epi32(symbols, 16), byte),
				_mm256_and_si256(_mm256_srli_epi32(codes, 16), byte));
		append_plain(&v, &n, _mm256_and_si256(_mm256_srli_epi32(symbols, 8), byte),
				_mm256_and_si256(_mm256_srli_epi32(codes, 8), byte));
		append_plain(&v, &n, _mm256_and_si256(symbols, byte), _mm256_and_si256(codes, byte));
		if (RARE(_mm256_movemask_epi8(_mm256_or_si256(escapes,
				_mm256_cmpgt_epi32(n, _mm256_set1_epi32(PIXEL_MOST))))))
			put_each(t, group->symbols + x, codes, &out, count);
		else
			put_eight(&out, _mm256_and_si256(v, there), _mm256_and_si256(n, there));
	}
	*to = out;
}

/* encode_each: the model learns until one of its codes changes, and what comes before that is put at once. */
static __attribute__((noinline)) void encode_rgb8_span(const struct quic_tables *t, struct quic_group *group,
		struct quic_writer *out, int32_t x, int32_t end)
{
	const uint32_t *symbols = group->symbols;
	uint32_t *context = group->context, wait = group->wait;

	memcpy(context + x + 1, symbols + x, (size_t)(end - x) * sizeof *context);
	while (x < end) {
		struct lanes lanes = lanes_of(group);
		int32_t stop = x;

		do {
			if ((uint32_t)(end - stop) <= wait) {
				wait -= (uint32_t)(end - stop);
				stop = end;
				break;
			}
			stop += (int32_t)wait + 1;
			wait = learn(t, QUIC_RGB8, group, context[stop - 1], symbols[stop - 1]);
		} while (has_codes(group, &lanes));
		put_pixels(t, group, &lanes, out, x, stop);
		x = stop;
	}
	group->wait = wait;
}
#endif

INLINE void encode_pixels(const struct quic_tables *t, enum quic_kind kind, struct quic_group *group,
		struct quic_writer *out, int32_t x, int32_t end)
{
#ifdef __AVX2__
	/* not what is left between the runs of text */
	if (kind == QUIC_RGB8 && end - x >= SPAN_LEAST) {
		encode_rgb8_span(t, group, out, x, end);
		return;
	}
#endif
	encode_each(t, kind, group, out, x, end);
}

INLINE void encode_row(const struct quic_tables *t, enum quic_kind kind, struct quic_group *group,
		struct quic_writer *stream, const uint8_t *row, const uint8_t *above, int32_t width)
{
	struct quic_writer out = *stream;

	look_at_row(kind, group, row, above, width);
	group->context[0] = group->context[1];
	for (int32_t x = 0, start = 0; x < width; start = x) {
		int32_t end = segment_end(group, x, width);

		while (x < end) {
			int32_t run = above ? find_bit(group->runs, 0, x, end) : end, stop;

			if (run < end) {
				stop = find_bit(group->same, UINT64_MAX, run, end);
				encode_pixels(t, kind, group, &out, x, run);
				write_run(t, group, &out, (uint32_t)(stop - run));
				x = stop;
				if (stop != run)
					continue;
				run++;
			}
			encode_pixels(t, kind, group, &out, x, run);
			x = run;
		}
		segment_done(group, x - start);
	}
	*stream = out;
}

/* ---- one function for each kind ---- */

INLINE enum clove_err decode_below(const struct quic_tables *t, enum quic_kind kind,
		struct quic_group *group, struct quic_reader *in, uint8_t *row, const uint8_t *above,
		int32_t width)
{
#ifdef __AVX2__
	if (kind == QUIC_RGB8)
		return decode_rgb8_below(t, group, in, row, above, width);
#endif
	return decode_row(t, kind, false, group, in, row, above, width);
}

#define ROWS_OF(name, kind) \
	static enum clove_err decode_##name(const struct quic_tables *t, struct quic_group *group, \
			struct quic_reader *in, uint8_t *row, const uint8_t *above, int32_t width) \
	{ \
		return above ? decode_below(t, kind, group, in, row, above, width) \
				: decode_row(t, kind, true, group, in, row, above, width); \
	} \
	static void encode_##name(const struct quic_tables *t, struct quic_group *group, \
			struct quic_writer *out, const uint8_t *row, const uint8_t *above, int32_t width) \
	{ \
		encode_row(t, kind, group, out, row, above, width); \
	}

ROWS_OF(rgb8, QUIC_RGB8)
ROWS_OF(rgb5, QUIC_RGB5)
ROWS_OF(alpha, QUIC_ALPHA)
ROWS_OF(one, QUIC_ONE)

const struct quic_rows QUIC_ROWS = {
	{ decode_rgb8, decode_rgb5, decode_alpha, decode_one },
	{ encode_rgb8, encode_rgb5, encode_alpha, encode_one },
};
