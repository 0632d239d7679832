/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dma.h - the guest's memory as a vfio-user client maps it: where an address is, and copies to and from there. */
#ifndef CLOVE_VFIO_DMA_H
#define CLOVE_VFIO_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOVE_VFIO_MAPS_MAX = 1024, CLOVE_VFIO_PAGE = 4096 };

struct clove_vfio_map {
	uint64_t address, size;
	uint8_t *data;                /* NULL: it came without a file */
	bool is_writable;
};

/* All zeroes is no memory. */
struct clove_vfio_dma {
	struct clove_vfio_map *maps;  /* by address, without overlaps */
	unsigned int count, cap, last; /* last: where an access ended */
};

/* `fd` is borrowed; -1: none. 0, or an errno. */
int clove_vfio_dma_map(struct clove_vfio_dma *dma, int fd, uint64_t offset, uint64_t address, uint64_t size,
		bool is_writable);
/* Exactly one mapping, as it was made. */
int clove_vfio_dma_unmap(struct clove_vfio_dma *dma, uint64_t address, uint64_t size);
void clove_vfio_dma_unmap_all(struct clove_vfio_dma *dma);

enum clove_vfio_dma_result {
	CLOVE_VFIO_DMA_OK,
	CLOVE_VFIO_DMA_NOWHERE,       /* not mapped, or written where only reading is allowed */
	CLOVE_VFIO_DMA_FILELESS,      /* memory that cannot be reached without messages */
	CLOVE_VFIO_DMA_LOST,          /* the file behind it became shorter than its mapping */
};

/* Across as many mappings as it takes; nothing is moved unless all of it can be. Aligned words are moved as words. */
enum clove_vfio_dma_result clove_vfio_dma_copy(struct clove_vfio_dma *dma, uint64_t address, void *data,
		size_t len, bool is_write);

#endif
