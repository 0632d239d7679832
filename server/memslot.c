/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memslot.c - knows how a guest's address names a slot, a generation and an offset. */
#include "server/memslot.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_HEADER = 20,      /* u32 size, u64 previous, u64 next */
	CHUNKS_MOST = 1 << 20,  /* empty ones count too: a circle of these has no bytes */
};

enum clove_err clove_memslots_init(struct clove_memslots *memslots, uint32_t n_groups,
		uint32_t n_slots, uint8_t id_bits, uint8_t generation_bits)
{
	if (n_groups == 0 || n_groups > 16 || n_slots == 0 || n_slots > 1024 ||
			id_bits == 0 || id_bits > 16 || generation_bits > 16)
		return CLOVE_ERR_VALUE;
	*memslots = (struct clove_memslots){ n_groups, n_slots, id_bits, generation_bits,
			calloc((size_t)n_groups * n_slots, sizeof *memslots->slots) };
	return memslots->slots ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

void clove_memslots_fini(struct clove_memslots *memslots)
{
	free(memslots->slots);
	*memslots = (struct clove_memslots){ 0 };
}

static struct clove_memslot *find(const struct clove_memslots *memslots, uint32_t group, uint32_t slot)
{
	if (group >= memslots->n_groups || slot >= memslots->n_slots)
		return NULL;
	return &memslots->slots[(size_t)group * memslots->n_slots + slot];
}

enum clove_err clove_memslot_set(struct clove_memslots *memslots, uint32_t group, uint32_t slot,
		const struct clove_memslot *window)
{
	struct clove_memslot *into = find(memslots, group, slot);

	if (!into || window->end < window->start)
		return CLOVE_ERR_BOUNDS;
	*into = *window;
	return CLOVE_OK;
}

void clove_memslot_clear(struct clove_memslots *memslots, uint32_t group, uint32_t slot)
{
	struct clove_memslot *into = find(memslots, group, slot);

	if (into)
		*into = (struct clove_memslot){ 0 };
}

void clove_memslots_reset(struct clove_memslots *memslots)
{
	memset(memslots->slots, 0, (size_t)memslots->n_groups * memslots->n_slots *
			sizeof *memslots->slots);
}

bool clove_memslot_is_host(const struct clove_memslots *memslots, uint32_t group)
{
	const struct clove_memslot *first = find(memslots, group, 0);

	return first && first->start == 0 && first->end == UINT64_MAX && first->delta == 0;
}

void *clove_memslot_get(const struct clove_memslots *memslots, uint32_t group, uint64_t address,
		uint64_t len)
{
	if (clove_memslot_is_host(memslots, group))
		return address ? (void *)(uintptr_t)address : NULL;

	uint64_t id = address >> (64 - memslots->id_bits);
	uint64_t generation = (address << memslots->id_bits);
	const struct clove_memslot *slot = id < memslots->n_slots ? find(memslots, group, (uint32_t)id) : NULL;

	generation = memslots->generation_bits ? generation >> (64 - memslots->generation_bits) : 0;
	if (!slot || slot->end == 0 || generation != slot->generation)
		return NULL;

	int offset_bits = 64 - memslots->id_bits - memslots->generation_bits;
	uint64_t at = (address & ((UINT64_C(1) << offset_bits) - 1)) + slot->delta;

	if (at < slot->start || at > slot->end || len > slot->end - at)
		return NULL;
	return (void *)(uintptr_t)at;
}

bool clove_memslot_read(const struct clove_memslots *memslots, uint32_t group, uint64_t address,
		void *into, size_t len)
{
	const void *at = clove_memslot_get(memslots, group, address, len);

	if (!at)
		return false;
	memcpy(into, at, len);
	/* Without this a compiler may read the guest's bytes again instead of the copy. */
	__asm__ volatile ("" : : "r" (into) : "memory");
	return true;
}

uint64_t clove_memslots_size(const struct clove_memslots *memslots, uint32_t group)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; group < memslots->n_groups && i < memslots->n_slots; i++) {
		const struct clove_memslot *slot = find(memslots, group, i);
		uint64_t size = slot->end - slot->start;

		sum = size > UINT64_MAX - sum ? UINT64_MAX : sum + size;
	}
	return sum;
}

enum clove_err clove_memslot_get_chunks(const struct clove_memslots *memslots, uint32_t group,
		uint64_t address, uint64_t most, bool must_copy, struct clove_chunks *chunks)
{
	uint64_t total = 0;

	*chunks = (struct clove_chunks){ 0 };
	for (unsigned int count = 0; address; count++) {
		uint8_t header[CHUNK_HEADER];
		enum clove_err err = CLOVE_OK;

		if (!clove_memslot_read(memslots, group, address, header, sizeof header))
			err = CLOVE_ERR_BOUNDS;
		else if (count >= CHUNKS_MOST)
			err = CLOVE_ERR_LIMIT;

		uint32_t size = err == CLOVE_OK ? clove_le32(header) : 0;
		uint64_t next = err == CLOVE_OK ? clove_le64(header + 12) : 0;

		if (err == CLOVE_OK && size > most - total)
			err = CLOVE_ERR_LIMIT;

		const uint8_t *at = clove_memslot_get(memslots, group, address, (uint64_t)size + sizeof header);

		if (err == CLOVE_OK && !at)
			err = CLOVE_ERR_BOUNDS;
		if (err == CLOVE_OK && size) {
			struct clove_bytes data = { at + sizeof header, size };

			if (!total && !next && !must_copy)
				chunks->bytes = data;
			else
				err = clove_buf_append(&chunks->copy, data.data, data.len);
		}
		if (err != CLOVE_OK) {
			clove_chunks_fini(chunks);
			return err;
		}
		total += size;
		address = next;
	}
	if (chunks->copy.len)
		chunks->bytes = clove_buf_bytes(&chunks->copy);
	return CLOVE_OK;
}

void clove_chunks_fini(struct clove_chunks *chunks)
{
	clove_buf_fini(&chunks->copy);
	chunks->bytes = (struct clove_bytes){ 0 };
}
