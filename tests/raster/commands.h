/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.h - random QXL commands of every kind, as a driver would lay them out in its memory.
 *
 * The same seed gives the same bytes. Nothing is made of which the incumbent is known to abort, or to
 * draw what its memory happened to hold.
 */
#ifndef CLOVE_TESTS_RASTER_COMMANDS_H
#define CLOVE_TESTS_RASTER_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "include/spice-server/spice.h"

enum {
	RASTER_MEMORY = 4 << 20, RASTER_GROUP = 1, RASTER_SLOT = 1, RASTER_SURFACES = 6,
	RASTER_COMMANDS = 16,
};

struct raster_surface {
	uint32_t format;
	int32_t width, height, stride;
	size_t at, bytes;       /* its pixels in `memory` */
	bool is_vague;          /* fourth bytes are whatever a library likes */
	/* The incumbent keeps a composite's or a text's settings on its source, and draws when it likes: so
	 * a surface is lent to one of these, or to others that look at more than words. */
	bool is_for_one, is_lent;
};

struct raster_case {
	uint8_t *memory;        /* RASTER_MEMORY bytes */
	size_t used;
	uint64_t random;
	struct raster_surface surfaces[RASTER_SURFACES];
	QXLCommandExt commands[RASTER_COMMANDS + RASTER_SURFACES];
	char what[RASTER_COMMANDS + RASTER_SURFACES][320];
	unsigned int count;     /* the first ones make the surfaces beside the primary one */
};

static inline uint64_t raster_address(size_t at)
{
	return (uint64_t)RASTER_SLOT << 56 | at;
}

/* Fills memory and commands; the primary surface is for the VMM to create. */
void raster_make(struct raster_case *c, uint64_t seed);

/* What the surfaces in `memory` are now: without padding, and without the fourth bytes of xRGB, which are
 * nobody's. The copy's rows come top first and close together, surface by surface. */
uint64_t raster_hash(const struct raster_case *c);
void raster_copy(const struct raster_case *c, uint8_t *pixels, size_t room);

/* Bits of a pixel. */
uint32_t raster_bits(uint32_t format);

#endif
