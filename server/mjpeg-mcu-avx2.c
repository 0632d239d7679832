/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mjpeg-mcu-avx2.c - mjpeg-mcu.c sixteen numbers at a time. */
#include "server/mjpeg-mcu.h"

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 static inline __attribute__((target("avx2"), always_inline))

enum { IN_ORDER = 0xd8 };             /* the middle quarters change places: what hadd leaves apart */

AVX2 __m256i weights(int b, int g, int r)
{
	return _mm256_set1_epi32((int)((uint32_t)(b & 255) | (uint32_t)(g & 255) << 8 | (uint32_t)(r & 255) << 16));
}

/* Two times eight pixels. */
AVX2 __m256i weigh(__m256i left, __m256i right, __m256i of_left, __m256i of_right)
{
	__m256i sums = _mm256_hadd_epi16(_mm256_maddubs_epi16(left, of_left),
			_mm256_maddubs_epi16(right, of_right));

	sums = _mm256_srai_epi16(_mm256_add_epi16(sums, _mm256_set1_epi16(64)), 7);
	return _mm256_permute4x64_epi64(sums, IN_ORDER);
}

AVX2 __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 void transform(__m256i d[8])
{
	__m256i a0 = _mm256_add_epi16(d[0], d[7]), a7 = _mm256_sub_epi16(d[0], d[7]);
	__m256i a1 = _mm256_add_epi16(d[1], d[6]), a6 = _mm256_sub_epi16(d[1], d[6]);
	__m256i a2 = _mm256_add_epi16(d[2], d[5]), a5 = _mm256_sub_epi16(d[2], d[5]);
	__m256i a3 = _mm256_add_epi16(d[3], d[4]), a4 = _mm256_sub_epi16(d[3], d[4]);
	__m256i b0 = _mm256_add_epi16(a0, a3), b3 = _mm256_sub_epi16(a0, a3);
	__m256i b1 = _mm256_add_epi16(a1, a2), b2 = _mm256_sub_epi16(a1, a2);
	__m256i c4 = _mm256_add_epi16(a4, a5), c5 = _mm256_add_epi16(a5, a6), c6 = _mm256_add_epi16(a6, a7);
	__m256i z1 = _mm256_mulhrs_epi16(_mm256_add_epi16(b2, b3), _mm256_set1_epi16(CLOVE_AAN_0_707));
	__m256i z3 = _mm256_mulhrs_epi16(c5, _mm256_set1_epi16(CLOVE_AAN_0_707));
	__m256i z5 = _mm256_mulhrs_epi16(_mm256_sub_epi16(c4, c6), _mm256_set1_epi16(CLOVE_AAN_0_383));
	__m256i z2 = _mm256_add_epi16(_mm256_mulhrs_epi16(c4, _mm256_set1_epi16(CLOVE_AAN_0_541)), z5);
	__m256i z4 = _mm256_add_epi16(_mm256_add_epi16(c6,
			_mm256_mulhrs_epi16(c6, _mm256_set1_epi16(CLOVE_AAN_0_307))), z5);
	__m256i e = _mm256_add_epi16(a7, z3), f = _mm256_sub_epi16(a7, z3);

	d[0] = _mm256_add_epi16(b0, b1);
	d[4] = _mm256_sub_epi16(b0, b1);
	d[2] = _mm256_add_epi16(b3, z1);
	d[6] = _mm256_sub_epi16(b3, z1);
	d[5] = _mm256_add_epi16(f, z2);
	d[3] = _mm256_sub_epi16(f, z2);
	d[1] = _mm256_add_epi16(e, z4);
	d[7] = _mm256_sub_epi16(e, z4);
}

/* Rows and columns change places, in either half. */
AVX2 void turn(__m256i d[8])
{
	__m256i a[8], b[8];

	for (int i = 0; i < 4; i++) {
		a[2 * i] = _mm256_unpacklo_epi16(d[2 * i], d[2 * i + 1]);
		a[2 * i + 1] = _mm256_unpackhi_epi16(d[2 * i], d[2 * i + 1]);
	}
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++) {
			b[4 * i + 2 * j] = _mm256_unpacklo_epi32(a[4 * i + j], a[4 * i + 2 + j]);
			b[4 * i + 2 * j + 1] = _mm256_unpackhi_epi32(a[4 * i + j], a[4 * i + 2 + j]);
		}
	for (int i = 0; i < 4; i++) {
		d[2 * i] = _mm256_unpacklo_epi64(b[i], b[4 + i]);
		d[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[4 + i]);
	}
}

AVX2 void finish(struct clove_mcu *mcu, int p, __m256i d[8], const int16_t quant[8][16])
{
	uint32_t zero[4];

	transform(d);
	turn(d);
	transform(d);
	for (int u = 0; u < 8; u++) {
		d[u] = _mm256_mulhrs_epi16(d[u], _mm256_load_si256((const __m256i *)(const void *)quant[u]));
		_mm256_store_si256((__m256i *)(void *)mcu->pairs[p][u], d[u]);
	}
	for (int i = 0; i < 4; i++)
		zero[i] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_packs_epi16(d[2 * i],
				d[2 * i + 1]), _mm256_setzero_si256()));
	mcu->nonzero[2 * p] = ~((uint64_t)(zero[0] & 0xffff) | (uint64_t)(zero[1] & 0xffff) << 16 |
			(uint64_t)(zero[2] & 0xffff) << 32 | (uint64_t)(zero[3] & 0xffff) << 48);
	mcu->nonzero[2 * p + 1] = ~((uint64_t)(zero[0] >> 16) | (uint64_t)(zero[1] >> 16) << 16 |
			(uint64_t)(zero[2] >> 16) << 32 | (uint64_t)(zero[3] >> 16) << 48);
}

__attribute__((target("avx2")))
void clove_mcu_avx2(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride,
		const struct clove_mcu_quant *quant)
{
	const __m256i y_of = weights(CLOVE_Y_B, CLOVE_Y_G, CLOVE_Y_R);
	const __m256i cb_of = weights(CLOVE_CB_B, CLOVE_CB_G, CLOVE_CB_R);
	const __m256i cr_of = weights(CLOVE_CR_B, CLOVE_CR_G, CLOVE_CR_R);
	__m256i chroma[8], luma[8];

	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < 4; i++, pixels += 2 * stride) {
			const uint8_t *next = pixels + stride;
			__m256i a = load(pixels), b = load(pixels + 32), c = load(next), d = load(next + 32);
			__m256 left = _mm256_castsi256_ps(_mm256_avg_epu8(a, c));
			__m256 right = _mm256_castsi256_ps(_mm256_avg_epu8(b, d));
			__m256i even = _mm256_castps_si256(_mm256_shuffle_ps(left, right, 0x88));
			__m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(left, right, 0xdd));
			__m256i both = _mm256_permute4x64_epi64(_mm256_avg_epu8(even, odd), IN_ORDER);

			luma[2 * i] = _mm256_sub_epi16(weigh(a, b, y_of, y_of), _mm256_set1_epi16(128));
			luma[2 * i + 1] = _mm256_sub_epi16(weigh(c, d, y_of, y_of), _mm256_set1_epi16(128));
			chroma[4 * half + i] = weigh(both, both, cb_of, cr_of);
		}
		finish(mcu, half, luma, quant->luma);
	}
	finish(mcu, 2, chroma, quant->chroma);
}
#endif
