/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tile-sum.h - a number for the bytes of a tile, by a secret key. */
#ifndef CLOVE_SERVER_TILE_SUM_H
#define CLOVE_SERVER_TILE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOVE_TILE_WIDTH = 64, CLOVE_TILE_HEIGHT = 16 }; /* pixels of at most 4 bytes */

struct clove_tile_key;
struct clove_tile_sum { uint64_t low, high; };

/* A random key; NULL without memory or randomness. */
struct clove_tile_key *clove_tile_key_new(void);
void clove_tile_key_free(struct clove_tile_key *key);

/* Of `rows` (at most CLOVE_TILE_HEIGHT) of `row_bytes` (at most 4 * CLOVE_TILE_WIDTH) each. Two tiles of one size that
 * differ have the same sum with a probability of 2^-64 at most, whoever made them without knowing the key. */
struct clove_tile_sum clove_tile_sum(const struct clove_tile_key *key, const uint8_t *data, size_t stride,
		size_t row_bytes, int32_t rows);

static inline bool clove_tile_sum_is(const struct clove_tile_sum *a, const struct clove_tile_sum *b)
{
	return a->low == b->low && a->high == b->high;
}

#endif
