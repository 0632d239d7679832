/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mjpeg-scan.c - knows how coefficients become bits, and what stands in front of them (ITU-T T.81). */
#include "server/mjpeg-scan.h"

#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

/* Built once for any processor and once for newer ones, whose instructions for single bits make it a third
 * faster. */
#define INLINE static inline __attribute__((always_inline))

enum {
	SIDE_MOST = UINT16_MAX,
	MCU_BYTES_MOST = 4096,        /* more than the longest codes of an MCU take, with stuffing */
	EOB = 0x00, ZRL = 0xf0,
};

/* In zigzag order, of quality 50 (T.81, K.1). */
static const uint8_t quantizers[2][64] = {
	{ /* luminance */
		16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
		26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
		56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
		95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
	},
	{ /* chrominance */
		17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	},
};

/* Class and number, codes of each length, values (T.81, K.3). */
static const struct {
	uint8_t id, lengths[16], count, values[162];
} huffman[4] = {
	{ 0x00, {0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, 12, {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
	} },
	{ 0x10, {0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125}, 162, {
		0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
		0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
		0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
		0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
		0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
		0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
		0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
		0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
		0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
		0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
		0xf9, 0xfa,
	} },
	{ 0x01, {0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0}, 12, {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
	} },
	{ 0x11, {0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119}, 162, {
		0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
		0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
		0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
		0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
		0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
		0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
		0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
		0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
		0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
		0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
		0xf9, 0xfa,
	} },
};

/* Zigzag position to row * 8 + column. */
static const uint8_t zigzag[64] = {
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

/* What the transform leaves each frequency times. */
static const double scales[8] = { 1.0, 1.387039845, 1.306562965, 1.175875602, 1.0, 0.785694958,
		0.541196100, 0.275899379 };

static void make_codes(uint32_t codes[256], int table)
{
	uint32_t code = 0;
	int n = 0;

	for (int length = 1; length <= 16; length++) {
		for (int i = 0; i < huffman[table].lengths[length - 1]; i++, n++, code++) {
			unsigned int symbol = huffman[table].values[n], own = symbol & 15;

			codes[symbol] = code << own << 6 | ((unsigned int)length + own);
		}
		code <<= 1;
	}
}

static void set_quantizer(struct clove_mjpeg_tables *tables, int which, int quality)
{
	int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
	int16_t (*into)[16] = which ? tables->quant.chroma : tables->quant.luma;

	for (int k = 0; k < 64; k++) {
		int q = (quantizers[which][k] * scale + 50) / 100, u = zigzag[k] % 8, v = zigzag[k] / 8;
		double factor;

		q = q < 1 ? 1 : q > 255 ? 255 : q;
		factor = 32768.0 / (8.0 * q * scales[u] * scales[v]) + 0.5;
		tables->quantizers[which][k] = (uint8_t)q;
		into[u][v] = into[u][8 + v] = factor > INT16_MAX ? INT16_MAX : (int16_t)factor;
	}
}

void clove_mjpeg_set_quality(struct clove_mjpeg_tables *tables, int quality)
{
	if (quality == tables->quality)
		return;
	tables->quality = quality;
	set_quantizer(tables, 0, quality);
	set_quantizer(tables, 1, quality);
}

/* -- headers -- */

struct writer {
	uint8_t *to;
	size_t len;
};

static void put(struct writer *writer, const uint8_t *bytes, size_t n)
{
	memcpy(writer->to + writer->len, bytes, n);
	writer->len += n;
}

#define PUT(writer, ...) put(writer, (const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ })
#define TWO(n) (uint8_t)((n) >> 8), (uint8_t)(n)

size_t clove_mjpeg_header(const struct clove_mjpeg_tables *tables, int32_t width, int32_t height,
		unsigned int interval, uint8_t to[CLOVE_MJPEG_HEADER])
{
	struct writer writer = { to, 0 };

	PUT(&writer, 0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0);
	for (uint8_t i = 0; i < 2; i++) {
		PUT(&writer, 0xff, 0xdb, 0, 67, i);
		put(&writer, tables->quantizers[i], 64);
	}
	PUT(&writer, 0xff, 0xc0, 0, 17, 8, TWO(height), TWO(width), 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1);
	for (int i = 0; i < 4; i++) {
		PUT(&writer, 0xff, 0xc4, 0, (uint8_t)(19 + huffman[i].count), huffman[i].id);
		put(&writer, huffman[i].lengths, 16);
		put(&writer, huffman[i].values, huffman[i].count);
	}
	if (interval)
		PUT(&writer, 0xff, 0xdd, 0, 4, TWO(interval));
	PUT(&writer, 0xff, 0xda, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0);
	return writer.len;
}

/* -- bits -- */

struct bits {
	uint8_t *to;
	uint64_t held;                /* the lowest `n` are to be written */
	unsigned int n;
};

INLINE void put_byte(struct bits *bits, uint8_t byte)
{
	*bits->to++ = byte;
	if (byte == 0xff)
		*bits->to++ = 0;
}

/* A byte 0xff is followed by 0; mostly none of eight is one. */
INLINE void put_eight(struct bits *bits, uint64_t eight)
{
	if (eight & UINT64_C(0x8080808080808080) & ~(eight + UINT64_C(0x0101010101010101))) {
		for (int shift = 56; shift >= 0; shift -= 8)
			put_byte(bits, (uint8_t)(eight >> shift));
	} else {
		uint64_t turned = __builtin_bswap64(eight);

		memcpy(bits->to, &turned, 8);
		bits->to += 8;
	}
}

INLINE void put_bits(struct bits *bits, uint32_t value, unsigned int n)
{
	unsigned int room = 64 - bits->n;

	if (n < room) {
		bits->held = bits->held << n | value;
		bits->n += n;
		return;
	}
	n -= room;
	put_eight(bits, bits->held << room | value >> n);
	bits->held = value;
	bits->n = n;
}

INLINE unsigned int size_of(int value)
{
	return value ? 32 - (unsigned int)__builtin_clz((unsigned int)(value < 0 ? -value : value)) : 0;
}

/* A code, and behind it the value's own bits. */
INLINE void put_value(struct bits *bits, const uint32_t codes[256], unsigned int run, int value)
{
	unsigned int size = size_of(value);
	uint32_t own = (uint32_t)(value + (value >> 31)) & ((UINT32_C(1) << size) - 1);
	uint32_t code = codes[run << 4 | size];

	put_bits(bits, code >> 6 | own, code & 63);
}

INLINE void put_block(struct bits *bits, const struct clove_mjpeg_tables *tables, const int16_t *block,
		uint64_t nonzero, int *last, bool is_chroma)
{
	const uint32_t *dc = tables->codes[is_chroma ? 2 : 0], *ac = tables->codes[is_chroma ? 3 : 1];
	int difference = block[0] - *last;
	uint64_t left = 0;
	int before = 0;

	*last = block[0];
	put_value(bits, dc, 0, difference);
	for (int u = 0; nonzero; u++, nonzero >>= 8)
		left |= tables->order[u][nonzero & 255];
	for (left &= ~UINT64_C(1); left; left &= left - 1) {
		int k = __builtin_ctzll(left), value = block[tables->at[k]];
		unsigned int run = (unsigned int)(k - before - 1);

		for (; run > 15; run -= 16)
			put_bits(bits, ac[ZRL] >> 6, ac[ZRL] & 63);
		put_value(bits, ac, run, value);
		before = k;
	}
	if (before < 63)
		put_bits(bits, ac[EOB] >> 6, ac[EOB] & 63);
}

INLINE void put_mcu(struct bits *bits, const struct clove_mjpeg_tables *tables, const struct clove_mcu *mcu,
		int last[3])
{
	for (int b = 0; b < CLOVE_MCU_BLOCKS; b++)
		put_block(bits, tables, &mcu->pairs[b / 2][0][b % 2 * 8], mcu->nonzero[b],
				&last[b < 4 ? 0 : b - 3], b >= 4);
}

INLINE void end_bits(struct bits *bits)
{
	unsigned int spare = (8 - bits->n % 8) % 8;

	if (spare)
		put_bits(bits, (UINT32_C(1) << spare) - 1, spare);
	while (bits->n) {
		bits->n -= 8;
		put_byte(bits, (uint8_t)(bits->held >> bits->n));
	}
}

/* -- pixels -- */

/* What is missing at the right and below is like the last pixels that there are. */
static void fill_up(uint8_t edge[16][64], const struct clove_pixels *part, int32_t x, int32_t y)
{
	for (int32_t j = 0; j < CLOVE_MCU; j++) {
		const uint8_t *row = clove_pixels_row(part, y + j < part->height ? y + j : part->height - 1);

		for (int32_t i = 0; i < CLOVE_MCU; i++)
			memcpy(&edge[j][4 * i], row + 4 * (size_t)(x + i < part->width ? x + i : part->width - 1), 4);
	}
}

INLINE enum clove_err scan(const struct clove_mjpeg_tables *tables, const struct clove_pixels *part,
		uint8_t *to, size_t capacity, size_t *len, clove_mcu_fn make_mcu)
{
	struct bits bits = { .to = to };
	struct clove_mcu mcu;
	uint8_t edge[16][64];
	int last[3] = { 0 };

	if (part->width < 1 || part->height < 1 || part->width > SIDE_MOST || part->height > SIDE_MOST)
		return CLOVE_ERR_VALUE;
	if (part->format != CLOVE_FORMAT_RGB32 && part->format != CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_UNSUPPORTED;
	for (int32_t y = 0; y < part->height; y += CLOVE_MCU)
		for (int32_t x = 0; x < part->width; x += CLOVE_MCU) {
			if (capacity - (size_t)(bits.to - to) < MCU_BYTES_MOST)
				return CLOVE_ERR_LIMIT;
			if (x + CLOVE_MCU <= part->width && y + CLOVE_MCU <= part->height) {
				make_mcu(&mcu, clove_pixels_row(part, y) + 4 * (size_t)x, part->stride, &tables->quant);
			} else {
				fill_up(edge, part, x, y);
				make_mcu(&mcu, edge[0], sizeof edge[0], &tables->quant);
			}
			put_mcu(&bits, tables, &mcu, last);
		}
	end_bits(&bits);
	*len = (size_t)(bits.to - to);
	return CLOVE_OK;
}

enum clove_err clove_mjpeg_scan_c(const struct clove_mjpeg_tables *tables, const struct clove_pixels *part,
		uint8_t *to, size_t capacity, size_t *len)
{
	return scan(tables, part, to, capacity, len, clove_mcu_c);
}

#ifdef __x86_64__
__attribute__((target("avx2,bmi,bmi2,lzcnt")))
static enum clove_err scan_avx2(const struct clove_mjpeg_tables *tables, const struct clove_pixels *part,
		uint8_t *to, size_t capacity, size_t *len)
{
	return scan(tables, part, to, capacity, len, clove_mcu_avx2);
}

static bool is_fast(void)
{
	unsigned int a, b, c = 0, d;

	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
			__builtin_cpu_supports("bmi2") && __get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT;
}
#else
#define scan_avx2 clove_mjpeg_scan_c
static bool is_fast(void)
{
	return false;
}
#endif

enum clove_err clove_mjpeg_scan(const struct clove_mjpeg_tables *tables, const struct clove_pixels *part,
		uint8_t *to, size_t capacity, size_t *len)
{
	return tables->is_fast ? scan_avx2(tables, part, to, capacity, len) :
			clove_mjpeg_scan_c(tables, part, to, capacity, len);
}

void clove_mjpeg_tables_init(struct clove_mjpeg_tables *tables)
{
	memset(tables, 0, sizeof *tables);
	for (int i = 0; i < 4; i++)
		make_codes(tables->codes[i], i);
	/* Bits of eight coefficients at a time go where zigzag has them; so do the places. */
	for (int k = 0; k < 64; k++) {
		int u = zigzag[k] % 8, v = zigzag[k] / 8;

		tables->at[k] = (uint8_t)(u * 16 + v);
		for (int byte = 0; byte < 256; byte++)
			if (byte >> v & 1)
				tables->order[u][byte] |= UINT64_C(1) << k;
	}
	tables->is_fast = is_fast();
}
