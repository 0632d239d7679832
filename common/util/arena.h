/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.h - memory of one message: many small allocations under a cap, freed in one step. */
#ifndef CLOVE_UTIL_ARENA_H
#define CLOVE_UTIL_ARENA_H

#include <stddef.h>

struct clove_arena_block;

struct clove_arena {
	struct clove_arena_block *blocks; /* newest first */
	size_t used;                      /* bytes handed out since the last reset */
	size_t limit;                     /* alloc fails beyond this */
};

/* `limit` in bytes bounds all allocations between two resets. */
void clove_arena_init(struct clove_arena *arena, size_t limit);
void clove_arena_fini(struct clove_arena *arena);

/* Zeroed memory aligned for any type; NULL beyond the limit or without memory.
 * A request of 0 bytes gives a pointer that is not NULL. */
void *clove_arena_alloc(struct clove_arena *arena, size_t size);

/* Frees everything but keeps one block for the next message. */
void clove_arena_reset(struct clove_arena *arena);

#endif
