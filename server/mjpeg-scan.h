/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mjpeg-scan.h - baseline JPEG, 4:2:0, of B G R x: a header, and scans of parts that can be made side by side.
 *
 * Two to three times as fast as a general encoder: one set of tables, one format, no rows in between.
 */
#ifndef CLOVE_SERVER_MJPEG_SCAN_H
#define CLOVE_SERVER_MJPEG_SCAN_H

#include <stdbool.h>
#include "common/codec/pixels.h"
#include "server/mjpeg-mcu.h"

struct clove_mjpeg_tables {
	struct clove_mcu_quant quant;
	uint32_t codes[4][256];       /* luma DC and AC, chroma DC and AC; of each symbol the code with room for
	                               * the value's own bits, times 64, and how many bits that is */
	uint64_t order[8][256];       /* zigzag bits of the coefficients in a byte of `nonzero` */
	uint8_t at[64];               /* where in a pair the k-th in zigzag order is */
	uint8_t quantizers[2][64];
	int quality;
	bool is_fast;                 /* on this processor; on others a general encoder does better */
};

/* Before the first quality is set. */
void clove_mjpeg_tables_init(struct clove_mjpeg_tables *tables);
/* 1 to 95. */
void clove_mjpeg_set_quality(struct clove_mjpeg_tables *tables, int quality);

enum { CLOVE_MJPEG_HEADER = 640 };

/* What goes before the first scan; `interval` MCUs lie between two restart markers, 0: there are none. */
size_t clove_mjpeg_header(const struct clove_mjpeg_tables *tables, int32_t width, int32_t height,
		unsigned int interval, uint8_t to[CLOVE_MJPEG_HEADER]);

/* The entropy coded bytes of a part, whose height is a multiple of 16 unless it is the last.
 * CLOVE_ERR_LIMIT if it may not fit. */
CLOVE_CHECKED enum clove_err clove_mjpeg_scan(const struct clove_mjpeg_tables *tables,
		const struct clove_pixels *part, uint8_t *to, size_t capacity, size_t *len);
/* The same, by the definition. */
CLOVE_CHECKED enum clove_err clove_mjpeg_scan_c(const struct clove_mjpeg_tables *tables,
		const struct clove_pixels *part, uint8_t *to, size_t capacity, size_t *len);

#endif
