/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elements.h - what the searches of LZ and GLZ share: how far elements agree, and pixels as literals. */
#ifndef CLOVE_CODEC_ELEMENTS_H
#define CLOVE_CODEC_ELEMENTS_H

#include <stdbool.h>
#include <string.h>
#include "common/util/bytes.h"
#ifdef __SSE2__
#include <emmintrin.h>
#define CLOVE_LOAD16(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#endif

/* How many bytes agree from a and b on, b before a, up to a's end; of each eight only those in `mask`.
 * Where the mask leaves bytes out, the answer is rounded down to four by the caller. */
static inline __attribute__((always_inline)) size_t clove_agreement(const uint8_t *a, const uint8_t *b,
		const uint8_t *end, const uint64_t mask)
{
	const uint8_t *start = a;

#ifdef __SSE2__
	if (end - a >= 64) {
		const __m128i mask16 = _mm_set1_epi64x((long long)mask);

		for (; end - a >= 64; a += 64, b += 64) {
			__builtin_prefetch(a + 768);
			__m128i x0 = _mm_xor_si128(CLOVE_LOAD16(a), CLOVE_LOAD16(b));
			__m128i x1 = _mm_xor_si128(CLOVE_LOAD16(a + 16), CLOVE_LOAD16(b + 16));
			__m128i x2 = _mm_xor_si128(CLOVE_LOAD16(a + 32), CLOVE_LOAD16(b + 32));
			__m128i x3 = _mm_xor_si128(CLOVE_LOAD16(a + 48), CLOVE_LOAD16(b + 48));
			__m128i x = _mm_or_si128(_mm_or_si128(x0, x1), _mm_or_si128(x2, x3));

			x = _mm_cmpeq_epi32(_mm_and_si128(x, mask16), _mm_setzero_si128());
			if (_mm_movemask_epi8(x) != 0xffff)
				break;
		}
	}
#endif
	for (; end - a >= 8; a += 8, b += 8) {
		uint64_t differ = (clove_le64(a) ^ clove_le64(b)) & mask;

		if (differ)
			return (size_t)(a - start) + (size_t)__builtin_ctzll(differ) / 8;
	}
	if (mask != UINT64_MAX && end - a >= 4)
		return (size_t)(a - start) + ((clove_le32(a) ^ clove_le32(b)) & (uint32_t)mask ? 0 : 4);
	while (a < end && *a == *b)
		a++, b++;
	return (size_t)(a - start);
}

/* How many of the eight 4-byte elements at a and b agree before the first that does not. */
static inline unsigned int clove_agree8_plain(const uint8_t *a, const uint8_t *b, bool has_x)
{
	uint32_t mask = has_x ? 0xffffff : UINT32_MAX;
	unsigned int n = 0;

	while (n < 8 && !((clove_le32(a + 4 * n) ^ clove_le32(b + 4 * n)) & mask))
		n++;
	return n;
}

#ifdef __SSE2__
/* Matches are short and their lengths hard to foresee: no branches. */
static inline __attribute__((always_inline)) unsigned int clove_agree8(const uint8_t *a, const uint8_t *b,
		const bool has_x)
{
	__m128i low = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)a),
			_mm_loadu_si128((const __m128i *)(const void *)b));
	__m128i high = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(a + 16)),
			_mm_loadu_si128((const __m128i *)(const void *)(b + 16)));
	__m128i zero = _mm_setzero_si128();
	unsigned int same;

	if (has_x) {
		low = _mm_slli_epi32(low, 8);
		high = _mm_slli_epi32(high, 8);
	}
	low = _mm_cmpeq_epi32(low, zero);
	high = _mm_cmpeq_epi32(high, zero);
	same = (unsigned int)_mm_movemask_epi8(_mm_packs_epi32(low, high));  /* two bits an element */
	return (unsigned int)__builtin_ctz(~same | 1u << 16) / 2;
}
#else
#define clove_agree8 clove_agree8_plain
#endif

/* Four bytes into three each, whatever the fourth; one byte more may be written. */
static inline void clove_pack_rgb(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t i = 0;

	for (; i + 4 <= n; i += 4, to += 12, p += 16) {
		uint64_t a = clove_le64(p), b = clove_le64(p + 8);

		a = (a & 0xffffff) | (a >> 32 & 0xffffff) << 24;
		b = (b & 0xffffff) | (b >> 32 & 0xffffff) << 24;
		clove_put_le64(to, a | b << 48);
		clove_put_le32(to + 8, (uint32_t)(b >> 16));
	}
	for (; i < n; i++, to += 3, p += 4)
		memcpy(to, p, 4);
}

#endif
