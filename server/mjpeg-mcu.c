/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mjpeg-mcu.c - colours, chroma of half the size, cosine transform and quantization, in plain integers. */
#include "server/mjpeg-mcu.h"

#include <string.h>

/* As _mm256_mulhrs_epi16 rounds. */
static int16_t times(int a, int b)
{
	return (int16_t)((a * b + 0x4000) >> 15);
}

static int16_t weigh(const uint8_t *p, int b, int g, int r)
{
	return (int16_t)((p[0] * b + p[1] * g + p[2] * r + 64) >> 7);
}

static uint8_t mean(uint8_t a, uint8_t b)
{
	return (uint8_t)((a + b + 1) >> 1);
}

static void take_colours(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride)
{
	for (int y = 0; y < CLOVE_MCU; y++)
		for (int x = 0; x < CLOVE_MCU; x++)
			mcu->pairs[y / 8][y % 8][x] = (int16_t)(weigh(pixels + y * stride + 4 * x, CLOVE_Y_B,
					CLOVE_Y_G, CLOVE_Y_R) - 128);
	for (int y = 0; y < 8; y++)
		for (int x = 0; x < 8; x++) {
			const uint8_t *a = pixels + 2 * y * stride + 8 * x, *b = a + stride;
			uint8_t p[3];

			for (int i = 0; i < 3; i++)
				p[i] = mean(mean(a[i], b[i]), mean(a[4 + i], b[4 + i]));
			mcu->pairs[2][y][x] = weigh(p, CLOVE_CB_B, CLOVE_CB_G, CLOVE_CB_R);
			mcu->pairs[2][y][8 + x] = weigh(p, CLOVE_CR_B, CLOVE_CR_G, CLOVE_CR_R);
		}
}

/* Eight values that lie `step` apart. */
static void transform(int16_t *d, int step)
{
	int a0 = d[0] + d[7 * step], a7 = d[0] - d[7 * step];
	int a1 = d[step] + d[6 * step], a6 = d[step] - d[6 * step];
	int a2 = d[2 * step] + d[5 * step], a5 = d[2 * step] - d[5 * step];
	int a3 = d[3 * step] + d[4 * step], a4 = d[3 * step] - d[4 * step];
	int b0 = a0 + a3, b3 = a0 - a3, b1 = a1 + a2, b2 = a1 - a2;
	int c4 = a4 + a5, c5 = a5 + a6, c6 = a6 + a7;
	int z1 = times(b2 + b3, CLOVE_AAN_0_707), z3 = times(c5, CLOVE_AAN_0_707);
	int z5 = times(c4 - c6, CLOVE_AAN_0_383);
	int z2 = times(c4, CLOVE_AAN_0_541) + z5, z4 = c6 + times(c6, CLOVE_AAN_0_307) + z5;

	d[0] = (int16_t)(b0 + b1);
	d[4 * step] = (int16_t)(b0 - b1);
	d[2 * step] = (int16_t)(b3 + z1);
	d[6 * step] = (int16_t)(b3 - z1);
	d[5 * step] = (int16_t)(a7 - z3 + z2);
	d[3 * step] = (int16_t)(a7 - z3 - z2);
	d[step] = (int16_t)(a7 + z3 + z4);
	d[7 * step] = (int16_t)(a7 + z3 - z4);
}

/* Rows [y][x] become coefficients [u][v]. */
static void transform_pair(int16_t pair[8][16], const int16_t quant[8][16])
{
	int16_t turned[8][16];

	for (int x = 0; x < 16; x++)
		transform(&pair[0][x], 16);
	for (int v = 0; v < 8; v++)
		for (int x = 0; x < 8; x++) {
			turned[x][v] = pair[v][x];
			turned[x][8 + v] = pair[v][8 + x];
		}
	for (int v = 0; v < 16; v++)
		transform(&turned[0][v], 16);
	for (int u = 0; u < 8; u++)
		for (int v = 0; v < 16; v++)
			pair[u][v] = times(turned[u][v], quant[u][v]);
}

void clove_mcu_c(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride,
		const struct clove_mcu_quant *quant)
{
	take_colours(mcu, pixels, stride);
	memset(mcu->nonzero, 0, sizeof mcu->nonzero);
	for (int p = 0; p < 3; p++) {
		transform_pair(mcu->pairs[p], p < 2 ? quant->luma : quant->chroma);
		for (int u = 0; u < 8; u++)
			for (int v = 0; v < 16; v++)
				mcu->nonzero[2 * p + v / 8] |= (uint64_t)(mcu->pairs[p][u][v] != 0) << (u * 8 + v % 8);
	}
}
