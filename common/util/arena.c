/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.c - how a message's memory is cut from a few blocks. */
#include "common/util/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, KEEP = 64 * 1024 };

struct clove_arena_block {
	struct clove_arena_block *older;
	size_t size, used;
	alignas(max_align_t) uint8_t data[];
};

void clove_arena_init(struct clove_arena *arena, size_t limit)
{
	*arena = (struct clove_arena){ .limit = limit };
}

void clove_arena_fini(struct clove_arena *arena)
{
	while (arena->blocks) {
		struct clove_arena_block *older = arena->blocks->older;

		free(arena->blocks);
		arena->blocks = older;
	}
	arena->used = 0;
}

void *clove_arena_alloc(struct clove_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct clove_arena_block *block = arena->blocks;

	if (size > SIZE_MAX - align)
		return NULL;
	size = size ? (size + align - 1) / align * align : align;
	if (size > arena->limit || arena->used > arena->limit - size)
		return NULL;
	if (!block || size > block->size - block->used) {
		size_t room = size > BLOCK ? size : BLOCK;

		block = malloc(sizeof *block + room);
		if (!block)
			return NULL;
		*block = (struct clove_arena_block){ .older = arena->blocks, .size = room };
		arena->blocks = block;
	}

	void *p = block->data + block->used;

	block->used += size;
	arena->used += size;
	return memset(p, 0, size);
}

void clove_arena_reset(struct clove_arena *arena)
{
	struct clove_arena_block *keep = arena->blocks;

	if (keep && keep->size <= KEEP) {
		arena->blocks = keep->older;
		clove_arena_fini(arena);
		keep->older = NULL;
		keep->used = 0;
		arena->blocks = keep;
	} else {
		clove_arena_fini(arena);
	}
	arena->used = 0;
}
