/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memslot.h - windows of guest memory: from a QXL address to a pointer, or to nothing.
 *
 * Addresses of every group but the host's are hostile; what they lead to may change while it is read.
 */
#ifndef CLOVE_SERVER_MEMSLOT_H
#define CLOVE_SERVER_MEMSLOT_H

#include <stdbool.h>
#include <stdint.h>
#include "common/util/buf.h"
#include "common/util/err.h"

struct clove_memslot {
	uint64_t start, end;      /* host addresses; 0, 0 is an empty slot */
	uint64_t delta;           /* added to an address' offset */
	uint32_t generation;
};

struct clove_memslots {
	uint32_t n_groups, n_slots;
	uint8_t id_bits, generation_bits;
	struct clove_memslot *slots;          /* n_groups rows of n_slots */
};

/* CLOVE_ERR_VALUE for numbers that make no address layout. */
CLOVE_CHECKED enum clove_err clove_memslots_init(struct clove_memslots *memslots, uint32_t n_groups,
		uint32_t n_slots, uint8_t id_bits, uint8_t generation_bits);
void clove_memslots_fini(struct clove_memslots *memslots);

/* Replaces what the slot was. CLOVE_ERR_BOUNDS for a group or slot that is not there. */
CLOVE_CHECKED enum clove_err clove_memslot_set(struct clove_memslots *memslots, uint32_t group,
		uint32_t slot, const struct clove_memslot *window);
void clove_memslot_clear(struct clove_memslots *memslots, uint32_t group, uint32_t slot);
void clove_memslots_reset(struct clove_memslots *memslots);

/* The `len` bytes at `address`, or NULL if any of them lies outside (server ABI, section 10). */
void *clove_memslot_get(const struct clove_memslots *memslots, uint32_t group, uint64_t address,
		uint64_t len);

/* Reads `len` bytes once, so that what is decided on them stays decided. */
bool clove_memslot_read(const struct clove_memslots *memslots, uint32_t group, uint64_t address,
		void *into, size_t len);

/* True for a group whose addresses are plain pointers. */
bool clove_memslot_is_host(const struct clove_memslots *memslots, uint32_t group);

/* Bytes in all slots of the group: what its guest can own at most. */
uint64_t clove_memslots_size(const struct clove_memslots *memslots, uint32_t group);

/* Data chunks behind each other, from the header {u32 size, u64 prev, u64 next} at `address` on. */
struct clove_chunks {
	struct clove_bytes bytes;  /* in guest memory if there was one chunk, else in `copy` */
	struct clove_buf copy;
};

/* At most `most` bytes, of which CLOVE_ERR_LIMIT tells; a list that leads in a circle ends there too.
 * With `must_copy` the bytes are the caller's own, whatever the guest does meanwhile. */
CLOVE_CHECKED enum clove_err clove_memslot_get_chunks(const struct clove_memslots *memslots,
		uint32_t group, uint64_t address, uint64_t most, bool must_copy, struct clove_chunks *chunks);
void clove_chunks_fini(struct clove_chunks *chunks);

#endif
