/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tile-sum.c - knows the sum by which a tile is recognized: NH of RFC 4418, with words of 64 bits.
 *
 * To each word of the tile belongs one of the key, which is added; pairs of them are multiplied, and the products of
 * 128 bits summed. A guest cannot make two tiles of one sum, as it sees neither key nor sums. One multiplication for
 * 16 bytes is less than what hashes cost that need no key as long as what they read.
 */
#include "server/tile-sum.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ROW_BYTES = 4 * CLOVE_TILE_WIDTH, ROW_WORDS = ROW_BYTES / 8 };

struct clove_tile_key {
	uint64_t words[CLOVE_TILE_HEIGHT][ROW_WORDS];
};

struct clove_tile_key *clove_tile_key_new(void)
{
	struct clove_tile_key *key = malloc(sizeof *key);

	for (int y = 0; key && y < CLOVE_TILE_HEIGHT; y++) {
		/* up to 256 bytes come whole */
		if (getrandom(key->words[y], sizeof key->words[y], 0) == (ssize_t)sizeof key->words[y])
			continue;
		free(key);
		return NULL;
	}
	return key;
}

void clove_tile_key_free(struct clove_tile_key *key)
{
	free(key);
}

static inline uint64_t word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline unsigned __int128 product(const uint8_t *p, const uint64_t *key)
{
	return (unsigned __int128)(word(p) + key[0]) * (word(p + 8) + key[1]);
}

struct clove_tile_sum clove_tile_sum(const struct clove_tile_key *key, const uint8_t *data, size_t stride,
		size_t row_bytes, int32_t rows)
{
	unsigned __int128 a = 0, b = 0;
	size_t rest = row_bytes % 32;

	for (int32_t y = 0; y < rows; y++, data += stride) {
		const uint64_t *words = key->words[y];
		uint8_t end[32] = { 0 };

		for (size_t at = 0; at + 32 <= row_bytes; at += 32) {
			a += product(data + at, words + at / 8);
			b += product(data + at + 16, words + at / 8 + 2);
		}
		if (!rest)
			continue;
		/* all rows are of one length: zeroes behind them make no other tile of it */
		memcpy(end, data + row_bytes - rest, rest);
		a += product(end, words + (row_bytes - rest) / 8);
		b += product(end + 16, words + (row_bytes - rest) / 8 + 2);
	}
	a += b;
	return (struct clove_tile_sum){ (uint64_t)a, (uint64_t)(a >> 64) };
}
