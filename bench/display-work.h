/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-work.h - what a guest draws while its display is measured, and where each frame shows its number.
 *
 * Everything follows from fixed seeds. A frame's number is part of the frame's own pixels: 16 or 25 cells, black
 * or white, that also a JPEG of it leaves legible.
 */
#ifndef CLOVE_BENCH_DISPLAY_WORK_H
#define CLOVE_BENCH_DISPLAY_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORK_WIDTH = 1920, WORK_HEIGHT = 1080 };

struct work_picture {
	uint32_t *pixels;    /* 0x00RRGGBB */
	int width, height;
};

struct work_box { int x, y, width, height; };

/* Where a mark lies: `cells` of `cell` pixels each way. 4 hold 12 bits of the number, 5 hold 20: a flood's
 * numbers are soon thousands apart. */
struct work_spot { int x, y, cell, cells; };

/* What the guest can do. `from` is the picture's first pixel that is copied. */
struct work_guest {
	/* cell 0: no mark; else frame `n` is marked at (mark.x, mark.y) of the screen */
	void (*copy)(struct work_box to, const uint32_t *from, int from_width, unsigned int n, struct work_spot mark);
	void (*fill)(struct work_box to, uint32_t colour);
	void (*copy_bits)(struct work_box to, int from_x, int from_y);
};

struct work {
	const char *name;
	double hz;                                    /* 0: as fast as the ring takes it */
	double seconds;                               /* of one run, if nothing else is said */
	void (*prepare)(void);                        /* paints its pictures, before anything is timed */
	void (*begin)(const struct work_guest *guest); /* what is on the screen before the first frame */
	void (*frame)(const struct work_guest *guest, unsigned int n);
	struct work_spot (*spot)(unsigned int n);
	unsigned int period;                          /* frames after which spots come again; 0: no few */
};

/* NULL: no such work. */
const struct work *work_find(const char *name);
/* The i-th; NULL behind the last. */
const struct work *work_at(unsigned int i);

/* The bits of a number that this mark holds. */
unsigned int work_bits(const struct work_spot *spot, unsigned int n);
/* `pixels` are the mark's first. */
void work_mark(uint32_t *pixels, size_t row, unsigned int n, const struct work_spot *spot);
/* The number's bits; -1: no mark. The pixels' fourth bytes do not matter. */
int work_read_mark(const uint8_t *pixels, ptrdiff_t stride, const struct work_spot *spot);

#endif
