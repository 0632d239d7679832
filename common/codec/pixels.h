/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pixels.h - how pixels lie in memory: formats, rows, palettes, and one format into another. */
#ifndef CLOVE_CODEC_PIXELS_H
#define CLOVE_CODEC_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util/bytes.h"
#include "common/util/err.h"

/* Bytes in memory, lowest address first. 1 to 10 are the wire's bitmap formats. */
enum clove_format {
	CLOVE_FORMAT_NONE,
	CLOVE_FORMAT_PLT1_LE, /* 8 pixels a byte, the first in the lowest bit */
	CLOVE_FORMAT_PLT1_BE,
	CLOVE_FORMAT_PLT4_LE, /* 2 pixels a byte, the first in the low nibble */
	CLOVE_FORMAT_PLT4_BE,
	CLOVE_FORMAT_PLT8,
	CLOVE_FORMAT_RGB16,   /* u16 LE: x rrrrr ggggg bbbbb */
	CLOVE_FORMAT_RGB24,   /* B G R */
	CLOVE_FORMAT_RGB32,   /* B G R x */
	CLOVE_FORMAT_RGBA,    /* B G R A, premultiplied */
	CLOVE_FORMAT_A8,
	CLOVE_FORMAT_GRAY,    /* QUIC alone has it */
	CLOVE_FORMATS
};

/* What we take from the wire at most, per side and in all. */
#define CLOVE_PIXELS_MAX_SIDE 65536
#define CLOVE_PIXELS_MAX ((int64_t)1 << 28)

/* Rows in memory; `data` is the first byte of the top row, row y begins at data + y * stride.
 * A negative stride is a picture stored bottom row first. Whoever makes one promises that all
 * rows may be accessed. */
struct clove_pixels {
	uint8_t *data;
	int32_t width, height;
	ptrdiff_t stride;
	enum clove_format format;
};

static inline uint8_t *clove_pixels_row(const struct clove_pixels *pixels, int32_t y)
{
	return pixels->data + y * pixels->stride;
}

/* Entries are 0x00RRGGBB, or on a 16-bit surface a 555 value in the low half. */
struct clove_palette {
	const uint32_t *entries;
	size_t count;
};

/* What a stream's own header says; to be compared with the message's descriptor. */
struct clove_image_info {
	enum clove_format format; /* of the stream; decoders convert, see clove_pixels_converts */
	int32_t width, height;
	bool is_top_down;         /* row order of the stream; decoders put the top row on top */
};

/* Bytes used in a row, without padding; 0 if width is negative or the format unknown. */
size_t clove_format_row_bytes(enum clove_format format, int32_t width);

static inline bool clove_format_is_palette(enum clove_format format)
{
	return format >= CLOVE_FORMAT_PLT1_LE && format <= CLOVE_FORMAT_PLT8;
}

/* CLOVE_ERR_VALUE for a size below 1, CLOVE_ERR_LIMIT for one above ours. */
CLOVE_CHECKED enum clove_err clove_pixels_check_size(int64_t width, int64_t height);

/* True for the pairs that clove_pixels_convert_row takes: a format into itself; all colour and
 * palette formats into RGB32, RGBA and RGB16; RGB32 and RGBA into RGB24; A8 into RGBA; GRAY into RGB32. */
bool clove_pixels_converts(enum clove_format from, enum clove_format into);

/* `n` pixels of one format into another (not overlapping). What the source has not is written as
 * x = 0, A = 255; 5 bits widen to 8 as (v << 3) | (v >> 2). Palettes: into RGB32 and RGBA the entries
 * are colours, into RGB16 they are 555 values. An index beyond the palette is a pixel of
 * 0, and but for 4 bits, where existing clients draw on, CLOVE_ERR_BOUNDS. CLOVE_ERR_UNSUPPORTED: no such pair. */
CLOVE_CHECKED enum clove_err clove_pixels_convert_row(uint8_t *dst, enum clove_format into,
		const uint8_t *src, enum clove_format from, int32_t n, const struct clove_palette *palette);

/* All rows of `src` into `dst` of the same size. The palette may be NULL for other formats. */
CLOVE_CHECKED enum clove_err clove_pixels_convert(const struct clove_pixels *dst,
		const struct clove_pixels *src, const struct clove_palette *palette);

/* Sets the x or A byte of every pixel of RGB32 or RGBA rows to 255: the image flag HIGH_BITS_SET. */
void clove_pixels_set_high_bits(const struct clove_pixels *pixels);

#endif
