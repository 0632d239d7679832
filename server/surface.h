/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* surface.h - one surface: its pixels in our memory, and what of them the guest has not yet got. */
#ifndef CLOVE_SERVER_SURFACE_H
#define CLOVE_SERVER_SURFACE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/memslot.h"

enum clove_surface_format {
	CLOVE_SURFACE_1_A = 1,
	CLOVE_SURFACE_8_A = 8,
	CLOVE_SURFACE_16_555 = 16,
	CLOVE_SURFACE_16_565 = 80,
	CLOVE_SURFACE_32_xRGB = 32,
	CLOVE_SURFACE_32_ARGB = 96,
};

/* What a guest or the VMM says of a surface that it makes. */
struct clove_surface_info {
	uint32_t width, height, format;
	int32_t stride;           /* negative: the last row comes first */
	uint64_t address;
	uint32_t group;
	bool keeps_data;          /* its pixels are in guest memory already; otherwise it is black */
};

/* The last move, and how its rows lie when it came again and again with nothing between that read or wrote
 * there: row y of `box` is stored `turned` rows further on, and behind the last comes the first. */
struct clove_scroll {
	pixman_box32_t box;
	int32_t dy;               /* 0: there is none, or something else was done there since */
	int32_t turned;
};

struct clove_surface {
	struct clove_surface_info info;
	int32_t width, height;
	uint32_t id;
	uint32_t bytes_per_pixel; /* of ours: single bits lie in a byte each, 0 or 255 */
	uint8_t *data;            /* top row; rows are `stride` bytes apart, but see clove_surface_settle() */
	size_t stride;
	struct clove_scroll scroll;
	uint64_t guest_bytes;     /* counted against the guest's memory */
	pixman_region32_t unsaved; /* not yet in guest memory */
	pixman_region32_t dirty;   /* not yet reported to the VMM */
	void *release;            /* its create command's, given back when the surface dies */
	uint32_t release_group;
};

/* NULL if the description is not sound, or its memory is not the guest's, or none is left;
 * `why` is then a few words. `budget`: bytes that the guest may still own. */
struct clove_surface *clove_surface_new(uint32_t id, const struct clove_surface_info *info,
		const struct clove_memslots *memslots, uint64_t budget, const char **why);
void clove_surface_free(struct clove_surface *surface);

static inline uint8_t *clove_surface_row(const struct clove_surface *surface, int32_t y)
{
	return surface->data + (size_t)y * surface->stride;
}

/* Before pixels within `area` are read or written (NULL: any of them): each row lies in its place. */
void clove_surface_settle(struct clove_surface *surface, const pixman_box32_t *area);
bool clove_surface_is_settled(const struct clove_surface *surface, const pixman_box32_t *area);

/* For clove_surface_move(): whether rows did not have to be moved, as the same ones moved before. */
bool clove_scroll_again(struct clove_surface *surface, const pixman_box32_t *box, int32_t dx, int32_t dy);

/* Something was drawn in `region`. */
void clove_surface_drawn(struct clove_surface *surface, pixman_region32_t *region);

/* Moves the pixels onto `box` from (x - dx, y - dy), all within the surface; needs no settling. */
void clove_surface_move(struct clove_surface *surface, const pixman_box32_t *box, int32_t dx, int32_t dy);

/* Brings what lies in `area` into guest memory; NULL: all. */
void clove_surface_save(struct clove_surface *surface, const struct clove_memslots *memslots,
		const pixman_box32_t *area);

/* Takes all pixels from guest memory; whether they could be. */
bool clove_surface_load(struct clove_surface *surface, const struct clove_memslots *memslots);

#endif
