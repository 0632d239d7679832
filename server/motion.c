/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* motion.c - knows how to see that a picture moved without comparing it with all that it may have been.
 *
 * A way is proposed by the last picture, by rows whose samples are found elsewhere (scrolling), or by
 * spots that are found elsewhere (dragging); a coarse grid then says where in the picture it holds.
 */
#include "server/motion.h"

#include <stdlib.h>
#include <string.h>

enum {
	LEAST_SIDE = 32, LEAST_PIXELS = 64 * 64,
	CELL_W = 32, CELL_H = 16,     /* of the grid */
	CELLS_ACROSS = 256, CELLS_DOWN = 512,
	PATCH = 16,                   /* pixels of a sample */
	PATCHES = 6,                  /* samples of a row */
	ROWS_MOST = 8192,
	SPOT = 12,                    /* pixels that make a spot known again */
	SPOTS_MOST = 4096,
	RARE_LEAST = 15,              /* of so many pixels and one, a spot begins at one */
	ROWS = 4,                     /* of so many rows one is learned, so as many in a row are looked at, */
	BLOCKS = 3, BLOCKS_FIRST = 12, /* and of so many such blocks one; before there was any sign, fewer */
	WAYS = 1024,
	VOTES_LEAST = 8,
	ROWS_LEAST = 16,
	SKIPS_MOST = 15,
};

/* A guest puts its pixels at any address. */
typedef uint32_t pixel_at __attribute__((aligned(1), may_alias));

static const pixel_at *at(const struct clove_pixels *pixels, int32_t x, int32_t y)
{
	return (const pixel_at *)(const void *)clove_pixels_row(pixels, y) + x;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static uint64_t hash_pixels(uint64_t h, const pixel_at *p, unsigned int n)
{
	for (unsigned int i = 0; i + 1 < n; i += 2) {
		uint64_t two;

		memcpy(&two, p + i, sizeof two);
		h = (h ^ two) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return mix(h);
}

/* -- the grid: where a way holds -- */

static bool is_same(const struct clove_pixels *was, const struct clove_pixels *now, int32_t x, int32_t y,
		int32_t dx, int32_t dy, int32_t n)
{
	return memcmp(at(now, x, y), at(was, x - dx, y - dy), (size_t)n * 4) == 0;
}

/* What two rows of a cell say: it moved, it stayed, neither, or both (then it is flat). */
static int score(const struct clove_pixels *was, const struct clove_pixels *now, int32_t x, int32_t y,
		int32_t n, int32_t dx, int32_t dy)
{
	bool moved = is_same(was, now, x, y, dx, dy, n), stayed = is_same(was, now, x, y, 0, 0, n);

	return moved && !stayed ? 2 : stayed && !moved ? -3 : moved ? 0 : -2;
}

/* The rectangle of cells with the largest sum. */
static int best_cells(const int16_t *cells, int across, int down, pixman_box32_t *best)
{
	static _Thread_local int sums[CELLS_DOWN];
	int most = 0;

	for (int left = 0; left < across; left++) {
		memset(sums, 0, (size_t)down * sizeof *sums);
		for (int right = left; right < across; right++) {
			int sum = 0, from = 0;

			for (int y = 0; y < down; y++) {
				sums[y] += cells[y * across + right];
				if (sum <= 0) {
					sum = 0;
					from = y;
				}
				sum += sums[y];
				/* Flat cells at the edge are no gain. */
				if (sum > most || (sum == most && left > best->x1 && right + 1 == best->x2)) {
					most = sum;
					*best = (pixman_box32_t){ left, from, right + 1, y + 1 };
				}
			}
		}
	}
	return most;
}

/* Whether a line of `n` pixels, every `step`th of them, moved (or both moved and stayed, as flat ones do;
 * then it may lie within what moved, but not at its edge). */
static bool line_holds(const struct clove_pixels *was, const struct clove_pixels *now, int32_t x, int32_t y,
		int32_t n, int32_t across, int32_t down, int32_t dx, int32_t dy, bool *is_flat)
{
	*is_flat = true;
	for (int32_t i = 0; i < n; i++, x += across, y += down) {
		uint32_t pixel = *at(now, x, y);

		if (pixel != *at(was, x - dx, y - dy))
			return false;
		if (pixel != *at(was, x, y))
			*is_flat = false;
	}
	return true;
}

/* The edges to the pixel, a cell further at most. */
static void grow(const struct clove_pixels *was, const struct clove_pixels *now, pixman_box32_t *box,
		const pixman_box32_t *room, int32_t dx, int32_t dy)
{
	pixman_box32_t in = *box;
	int32_t rows = (box->y2 - box->y1) / 4, columns = (box->x2 - box->x1) / 4;
	bool is_flat;

	for (int32_t x = in.x1 - 1; x >= room->x1 && x > in.x1 - CELL_W &&
			line_holds(was, now, x, in.y1, rows, 0, 4, dx, dy, &is_flat); x--)
		box->x1 = is_flat ? box->x1 : x;
	for (int32_t x = in.x2; x < room->x2 && x < in.x2 + CELL_W &&
			line_holds(was, now, x, in.y1, rows, 0, 4, dx, dy, &is_flat); x++)
		box->x2 = is_flat ? box->x2 : x + 1;
	for (int32_t y = in.y1 - 1; y >= room->y1 && y > in.y1 - CELL_H &&
			line_holds(was, now, in.x1, y, columns, 4, 0, dx, dy, &is_flat); y--)
		box->y1 = is_flat ? box->y1 : y;
	for (int32_t y = in.y2; y < room->y2 && y < in.y2 + CELL_H &&
			line_holds(was, now, in.x1, y, columns, 4, 0, dx, dy, &is_flat); y++)
		box->y2 = is_flat ? box->y2 : y + 1;
}

static bool holds(const struct clove_pixels *was, const struct clove_pixels *now, int32_t dx, int32_t dy,
		pixman_box32_t *box)
{
	pixman_box32_t room = {
		dx > 0 ? dx : 0, dy > 0 ? dy : 0,
		now->width + (dx < 0 ? dx : 0), now->height + (dy < 0 ? dy : 0),
	};
	int32_t cell_w = CELL_W, cell_h = CELL_H;

	if ((!dx && !dy) || room.x2 - room.x1 < LEAST_SIDE / 2 || room.y2 - room.y1 < LEAST_SIDE / 2)
		return false;
	while ((room.x2 - room.x1) / cell_w >= CELLS_ACROSS)
		cell_w *= 2;
	while ((room.y2 - room.y1) / cell_h >= CELLS_DOWN)
		cell_h *= 2;

	int across = (room.x2 - room.x1 + cell_w - 1) / cell_w;
	int down = (room.y2 - room.y1 + cell_h - 1) / cell_h;
	int16_t *cells = malloc((size_t)(across * down) * sizeof *cells);
	pixman_box32_t best = { 0 };

	if (!cells)
		return false;
	for (int j = 0; j < down; j++) {
		int32_t y = room.y1 + j * cell_h, y2 = y + cell_h / 2 < room.y2 ? y + cell_h / 2 : y;

		for (int i = 0; i < across; i++) {
			int32_t x = room.x1 + i * cell_w, n = room.x2 - x < cell_w ? room.x2 - x : cell_w;

			cells[j * across + i] = (int16_t)(score(was, now, x, y, n, dx, dy) +
					score(was, now, x, y2, n, dx, dy));
		}
	}

	int sum = best_cells(cells, across, down, &best);

	free(cells);
	*box = (pixman_box32_t){ room.x1 + best.x1 * cell_w, room.y1 + best.y1 * cell_h,
			room.x1 + best.x2 * cell_w, room.y1 + best.y2 * cell_h };
	box->x2 = box->x2 < room.x2 ? box->x2 : room.x2;
	box->y2 = box->y2 < room.y2 ? box->y2 : room.y2;
	if ((int64_t)sum * cell_w * cell_h < 4 * LEAST_PIXELS / 2)
		return false;
	grow(was, now, box, &room, dx, dy);
	return true;
}

/* -- scrolling: rows found elsewhere -- */

static uint64_t row_hash(const struct clove_pixels *pixels, int32_t y)
{
	int32_t step = pixels->width / PATCHES, first = (step - PATCH) / 2;
	uint64_t h = 1;

	if (step < PATCH)
		return hash_pixels(1, at(pixels, 0, y), (unsigned int)pixels->width);
	for (int i = 0; i < PATCHES; i++)
		h = hash_pixels(h, at(pixels, first + i * step, y), PATCH);
	return h;
}

struct seen_row {
	uint64_t hash;
	int32_t y;                    /* -1: none; -2: more than one */
};

/* *rows: how many are not what they were. */
static bool find_scroll(const struct clove_pixels *was, const struct clove_pixels *now, int32_t *dy,
		int32_t *rows)
{
	int32_t n = now->height < ROWS_MOST ? now->height : ROWS_MOST, size = 64;

	while (size < 2 * n)
		size *= 2;

	struct seen_row *seen = malloc((size_t)size * sizeof *seen);
	uint64_t *hashes = malloc((size_t)n * sizeof *hashes);
	uint16_t *votes = calloc((size_t)n * 2, sizeof *votes);
	int32_t best = 0;

	for (int32_t i = 0; seen && i < size; i++)
		seen[i].y = -1;
	for (int32_t y = 0; seen && hashes && votes && y < n; y++) {
		uint64_t h = hashes[y] = row_hash(was, y);
		int32_t i = (int32_t)(h & (uint64_t)(size - 1));

		while (seen[i].y != -1 && seen[i].hash != h)
			i = (i + 1) & (size - 1);
		seen[i].y = seen[i].y == -1 ? y : -2;
		seen[i].hash = h;
	}
	for (int32_t y = 0; seen && hashes && votes && y < n; y++) {
		uint64_t h = row_hash(now, y);
		int32_t i = (int32_t)(h & (uint64_t)(size - 1));

		if (h == hashes[y])
			continue;
		++*rows;
		while (seen[i].y != -1 && seen[i].hash != h)
			i = (i + 1) & (size - 1);
		if (seen[i].y >= 0 && ++votes[y - seen[i].y + n] > votes[best])
			best = y - seen[i].y + n;
	}
	bool is_found = votes && best && votes[best] >= VOTES_LEAST;

	*dy = best - n;
	free(seen);
	free(hashes);
	free(votes);
	return is_found;
}

/* -- dragging: spots found elsewhere -- */

struct spot {
	uint64_t hash;
	int32_t x, y;                 /* y: -1 none, -2 more than one */
};

/* Whether a spot begins here: said by the pixels alone, so that it begins there wherever they are. One in
 * `rare` + 1 does. */
static inline bool is_spot(const pixel_at *p, uint32_t rare)
{
	uint32_t h = p[0] * 5 ^ p[1] * 3 << 7 ^ p[2] << 13;

	h ^= h >> 16;
	h ^= h >> 8;
	return (h & rare) == 7 && (p[0] != p[1] || p[1] != p[2]);
}

typedef uint32_t four_pixels __attribute__((vector_size(16)));

/* Where is_spot may hold for one of four pixels there are bits. */
static inline four_pixels spots_of_four(const pixel_at *p, uint32_t rare)
{
	four_pixels a, b, c, h;

	memcpy(&a, p, sizeof a);
	memcpy(&b, p + 1, sizeof b);
	memcpy(&c, p + 2, sizeof c);
	h = ((a << 2) + a) ^ ((b << 1) + b) << 7 ^ c << 13;
	h ^= h >> 16;
	h ^= h >> 8;
	return (four_pixels)((h & rare) == 7);
}

/* The next spot of a row from x on that begins before `end`; `end`: none. */
static inline int32_t next_spot(const pixel_at *row, int32_t x, int32_t end, uint32_t rare)
{
	for (; x < end; x++) {
		if (!(x & 7) && x + 8 <= end) {
			four_pixels any = spots_of_four(row + x, rare) | spots_of_four(row + x + 4, rare);
			uint64_t two[2];

			memcpy(two, &any, sizeof two);
			if (!(two[0] | two[1])) {
				x += 7;
				continue;
			}
		}
		if (is_spot(row + x, rare))
			return x;
	}
	return end;
}

static uint64_t spot_hash(const pixel_at *p)
{
	return hash_pixels(3, p, SPOT);
}

struct spots {
	struct spot table[2 * SPOTS_MOST];
	struct { int32_t dx, dy; uint32_t votes; } ways[WAYS];
	unsigned int count;
};

static void learn(struct spots *spots, const struct clove_pixels *was, uint32_t rare)
{
	int32_t end = was->width - SPOT + 1;

	for (int32_t y = 0; y < was->height; y += ROWS) {
		const pixel_at *row = at(was, 0, y);

		for (int32_t x = next_spot(row, 0, end, rare); x < end; x = next_spot(row, x + 1, end, rare)) {
			uint64_t h = spot_hash(row + x);
			struct spot *spot = &spots->table[h & (2 * SPOTS_MOST - 1)];

			/* Only spots that there is one of say whither. */
			if (spot->hash == h && spot->y != -1)
				spot->y = -2;
			else if (spot->y == -1)
				*spot = (struct spot){ h, x, y };
		}
	}
}

static void vote(struct spots *spots, int32_t dx, int32_t dy)
{
	unsigned int i = (unsigned int)mix((uint64_t)(uint32_t)dx << 32 | (uint32_t)dy) & (WAYS - 1);

	for (int tries = 0; tries < 8; tries++, i = (i + 1) & (WAYS - 1)) {
		if (!spots->ways[i].votes || (spots->ways[i].dx == dx && spots->ways[i].dy == dy)) {
			spots->ways[i].dx = dx;
			spots->ways[i].dy = dy;
			spots->ways[i].votes++;
			return;
		}
	}
}

/* Whether any spot of the row was elsewhere before. */
static bool look_for_spots(struct spots *spots, const struct clove_pixels *now, int32_t y, uint32_t rare)
{
	const pixel_at *row = at(now, 0, y);
	int32_t end = now->width - SPOT + 1;
	bool is_any = false;

	for (int32_t x = next_spot(row, 0, end, rare); x < end; x = next_spot(row, x + 1, end, rare)) {
		uint64_t h = spot_hash(row + x);
		const struct spot *spot = &spots->table[h & (2 * SPOTS_MOST - 1)];

		if (spot->y >= 0 && spot->hash == h && (spot->x != x || spot->y != y)) {
			vote(spots, x - spot->x, y - spot->y);
			is_any = true;
		}
	}
	return is_any;
}

static bool find_drag(const struct clove_pixels *was, const struct clove_pixels *now, int32_t *dx,
		int32_t *dy)
{
	struct spots *spots = calloc(1, sizeof *spots);
	unsigned int best = 0;
	uint32_t rare = RARE_LEAST;
	bool is_any = false;

	if (!spots)
		return false;
	/* the whole of a large picture has to find room */
	while ((int64_t)was->width * was->height / ROWS / (rare + 1) > 4 * SPOTS_MOST)
		rare = rare * 2 + 1;
	for (int i = 0; i < 2 * SPOTS_MOST; i++)
		spots->table[i].y = -1;
	learn(spots, was, rare);
	/* A few rows tell whether it is worth looking at more: a new photograph has none of the old one's spots. */
	for (int32_t y = 0; y < now->height; y++)
		if (y / ROWS % BLOCKS_FIRST == 0)
			is_any |= look_for_spots(spots, now, y, rare);
	for (int32_t y = 0; y < now->height && is_any; y++)
		if (y / ROWS % BLOCKS == 0 && y / ROWS % BLOCKS_FIRST)
			look_for_spots(spots, now, y, rare);
	for (unsigned int i = 0; i < WAYS; i++)
		if (spots->ways[i].votes > spots->ways[best].votes)
			best = i;
	bool is_found = spots->ways[best].votes >= VOTES_LEAST;

	*dx = spots->ways[best].dx;
	*dy = spots->ways[best].dy;
	free(spots);
	return is_found;
}

bool clove_motion_find(struct clove_motion *motion, const struct clove_pixels *was,
		const struct clove_pixels *now, pixman_box32_t *box, int32_t *dx, int32_t *dy)
{
	int32_t rows = 0;

	if (now->width < LEAST_SIDE || now->height < LEAST_SIDE ||
			(int64_t)now->width * now->height < LEAST_PIXELS)
		return false;
	*dx = motion->dx;
	*dy = motion->dy;
	if (holds(was, now, *dx, *dy, box))
		return true;
	if (motion->skips) {
		motion->skips--;
		return false;
	}
	*dx = 0;
	if ((find_scroll(was, now, dy, &rows) && holds(was, now, 0, *dy, box)) ||
			(rows >= ROWS_LEAST && find_drag(was, now, dx, dy) &&
			holds(was, now, *dx, *dy, box))) {
		motion->dx = *dx;
		motion->dy = *dy;
		motion->misses = 0;
		return true;
	}
	if (motion->misses < 4)
		motion->misses++;
	motion->skips = (1u << motion->misses) - 1;
	if (motion->skips > SKIPS_MOST)
		motion->skips = SKIPS_MOST;
	return false;
}
