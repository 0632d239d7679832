/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mjpeg-mcu.h - 16x16 pixels to the quantized coefficients of their six blocks: what of a JPEG is arithmetic.
 *
 * mjpeg-mcu.c is the definition, in integers; mjpeg-mcu-avx2.c gives the same numbers.
 */
#ifndef CLOVE_SERVER_MJPEG_MCU_H
#define CLOVE_SERVER_MJPEG_MCU_H

#include <stddef.h>
#include <stdint.h>

enum { CLOVE_MCU = 16, CLOVE_MCU_BLOCKS = 6 };

/* 32768 / (8 q s(u) s(v)) at [u][v], u the horizontal frequency, s the scale that the transform leaves; for
 * two blocks side by side. */
struct clove_mcu_quant {
	int16_t luma[8][16], chroma[8][16];
} __attribute__((aligned(32)));

/* Blocks in pairs (two of luma, two of luma, Cb and Cr), at [u][v] and [u][8 + v]. */
struct clove_mcu {
	int16_t pairs[3][8][16];
	uint64_t nonzero[CLOVE_MCU_BLOCKS]; /* bit u * 8 + v */
} __attribute__((aligned(32)));

/* `pixels`: B G R x, 16 rows of 16. */
typedef void (*clove_mcu_fn)(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride,
		const struct clove_mcu_quant *quant);

void clove_mcu_c(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride,
		const struct clove_mcu_quant *quant);
void clove_mcu_avx2(struct clove_mcu *mcu, const uint8_t *pixels, ptrdiff_t stride,
		const struct clove_mcu_quant *quant);

/* Y = (15 B + 75 G + 38 R) / 128 and so on: what fits in bytes, so that it can be done by bytes. */
enum {
	CLOVE_Y_B = 15, CLOVE_Y_G = 75, CLOVE_Y_R = 38,
	CLOVE_CB_B = 64, CLOVE_CB_G = -42, CLOVE_CB_R = -22,
	CLOVE_CR_B = -10, CLOVE_CR_G = -54, CLOVE_CR_R = 64,
};

/* Of Arai, Agui and Nakajima's transform, times 32768. 1.306563 is one and this. */
enum { CLOVE_AAN_0_707 = 23170, CLOVE_AAN_0_383 = 12540, CLOVE_AAN_0_541 = 17734, CLOVE_AAN_0_307 = 10045 };

#endif
