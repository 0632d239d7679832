/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic-rows.h - inside QUIC: the model of a group of planes, and how its rows are read and written. */
#ifndef CLOVE_CODEC_QUIC_ROWS_H
#define CLOVE_CODEC_QUIC_ROWS_H

#include "common/codec/pixels.h"

/* What a group's pixels are made of and where they lie. */
enum quic_kind {
	QUIC_RGB8,  /* three bytes of a 4-byte pixel */
	QUIC_RGB5,  /* 15 bits of a 2-byte pixel */
	QUIC_ALPHA, /* the fourth byte */
	QUIC_ONE,   /* the only byte */
	QUIC_KINDS
};

/* So many pixels a level takes, but the last. */
#define QUIC_LEVEL_PIXELS 2048
/* Symbols behind a row that may be looked at, in pairs. */
#define QUIC_SLACK 4

/* Code l: `zeros` 0 bits announce an escape, symbols below `limit` do without, `suffix` bits follow
 * an escape. */
struct quic_code {
	uint8_t zeros, limit, suffix;
};

extern const struct quic_code clove_quic_codes[2][8];

/* The first index: 0 for 8 bits a component, 1 for 5. */
struct quic_tables {
	uint16_t length[2][256][8]; /* of symbol s in code l: [s][7 - l] */
	uint16_t word[2][256][8];   /* what is written for it: [s][l], the value above 8 bits of length */
	uint8_t zeros[2][8], limit[2][8]; /* of clove_quic_codes */
	uint32_t run[33];           /* pixels that steps 0 to i - 1 of a run stand for */
	uint8_t step[1024];         /* the largest i with run[i] not above the index */
};

extern const uint8_t clove_quic_run_bits[32];

/* A code's best in each bucket, and the same by symbol, so that one look-up finds the next code. */
struct quic_plane {
	uint16_t cost[8][8]; /* [bucket][7 - l]: below 2 * 26 * 901, see triggers */
	uint8_t best[8];     /* [bucket] */
	uint8_t code[256];   /* by the symbol to the left */
};

struct quic_group {
	unsigned int level, left, wait, rnd, runst;
	struct quic_plane planes[3];
	uint32_t *context;   /* symbols of column x at x + 1, one in each byte; [0] is left of the row */
	void *memory;        /* of these and of what follows, which is for one row */
	uint32_t *symbols;
	uint64_t *same, *same_above, *runs; /* bits: equals its left neighbour; the row above; may begin a run */
};

/* The codes as one string of bits, first bit on top, with as many zeros behind it as a row can take. */
struct quic_reader {
	const uint8_t *next; /* the first byte of which not all is in `bits` */
	uint64_t bits;
	unsigned int have;   /* how many of them count */
	bool is_bad;         /* a code outside its alphabet */
};

/* Where a row's codes go, as one string of bits; there is room for the longest row. */
struct quic_writer {
	uint8_t *next;
	uint64_t bits;       /* the last bits, last one lowest */
	unsigned int have;   /* how many are not in whole bytes yet, below 8 */
};

/* Bytes that a row of the group never exceeds: codes of 26 bits, a run of 16 bits before each. */
static inline size_t quic_row_most(size_t width, unsigned int planes)
{
	return width * (planes * 26 + 17) / 8 + 16;
}

/* `above` NULL: the first row. */
typedef enum clove_err (*quic_decode_fn)(const struct quic_tables *t, struct quic_group *group,
		struct quic_reader *in, uint8_t *row, const uint8_t *above, int32_t width);
typedef void (*quic_encode_fn)(const struct quic_tables *t, struct quic_group *group,
		struct quic_writer *out, const uint8_t *row, const uint8_t *above, int32_t width);

struct quic_rows {
	quic_decode_fn decode[QUIC_KINDS];
	quic_encode_fn encode[QUIC_KINDS];
};

/* The definition; and the same source built for AVX2, BMI and LZCNT. */
extern const struct quic_rows clove_quic_rows;
extern const struct quic_rows clove_quic_rows_avx2;

/* For tests: these from now on; NULL: the fastest that the processor has. */
void clove_quic_pick(const struct quic_rows *rows);

#endif
