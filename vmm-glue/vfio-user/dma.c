/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dma.c - the table of a client's memory mappings, and copies that neither a hole nor a shrunken file can hurt. */
#include "vmm-glue/vfio-user/dma.h"

#include <errno.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif

/* Where guests' memory may lie. What serves a file from another process (FUSE) or machine could keep us waiting
 * in the middle of a copy. */
static const long file_systems[] = {
	TMPFS_MAGIC, HUGETLBFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
	OVERLAYFS_SUPER_MAGIC,
};

static bool is_memory_file(int fd, uint64_t end)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < end || fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof file_systems / sizeof *file_systems; i++)
		if ((unsigned long)fs.f_type == (unsigned long)file_systems[i])
			return true;
	return false;
}

/* The first mapping that ends behind `address`; count: none does. */
static unsigned int find(const struct clove_vfio_dma *dma, uint64_t address)
{
	unsigned int low = 0, high = dma->count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		const struct clove_vfio_map *map = &dma->maps[middle];

		if (address - map->address < map->size && address >= map->address)
			return middle;
		if (map->address > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int clove_vfio_dma_map(struct clove_vfio_dma *dma, int fd, uint64_t offset, uint64_t address, uint64_t size,
		bool is_writable)
{
	struct clove_vfio_map map = { .address = address, .size = size, .is_writable = is_writable };

	if (!size || (address | size | offset) % CLOVE_VFIO_PAGE || size - 1 > UINT64_MAX - address ||
			size > SIZE_MAX || offset > INT64_MAX || size > INT64_MAX - offset)
		return EINVAL;
	unsigned int at = find(dma, address);

	if (at < dma->count && (dma->maps[at].address <= address || dma->maps[at].address - address < size))
		return EEXIST;
	if (dma->count == CLOVE_VFIO_MAPS_MAX)
		return ENOSPC;
	if (dma->count == dma->cap) {
		unsigned int cap = dma->cap ? dma->cap * 2 : 16;
		struct clove_vfio_map *maps = realloc(dma->maps, cap * sizeof *maps);

		if (!maps)
			return ENOMEM;
		dma->maps = maps;
		dma->cap = cap;
	}
	if (fd >= 0) {
		if (!is_memory_file(fd, offset + size))
			return EINVAL;
		void *data = mmap(NULL, (size_t)size, PROT_READ | (is_writable ? PROT_WRITE : 0), MAP_SHARED, fd,
				(off_t)offset);
		if (data == MAP_FAILED)
			return errno;
		madvise(data, (size_t)size, MADV_DONTDUMP);
		map.data = data;
	}
	memmove(&dma->maps[at + 1], &dma->maps[at], (dma->count - at) * sizeof map);
	dma->maps[at] = map;
	dma->count++;
	return 0;
}

static void unmap(struct clove_vfio_map *map)
{
	if (map->data)
		munmap(map->data, (size_t)map->size);
}

int clove_vfio_dma_unmap(struct clove_vfio_dma *dma, uint64_t address, uint64_t size)
{
	unsigned int at = find(dma, address);

	if (at == dma->count || dma->maps[at].address != address || dma->maps[at].size != size)
		return ENOENT;
	unmap(&dma->maps[at]);
	dma->count--;
	memmove(&dma->maps[at], &dma->maps[at + 1], (dma->count - at) * sizeof *dma->maps);
	return 0;
}

void clove_vfio_dma_unmap_all(struct clove_vfio_dma *dma)
{
	for (unsigned int i = 0; i < dma->count; i++)
		unmap(&dma->maps[i]);
	free(dma->maps);
	*dma = (struct clove_vfio_dma){ 0 };
}

/* A client may cut its file while we copy. The signal that the kernel then sends ends the copy, nothing else. */
static _Thread_local sigjmp_buf *copying;

static void on_bus_error(int number)
{
	if (copying)
		siglongjmp(*copying, 1);
	signal(number, SIG_DFL);
	raise(number);
}

static void expect_bus_errors(void)
{
	static bool is_done;
	struct sigaction action = { .sa_handler = on_bus_error, .sa_flags = SA_NODEFER };

	if (!is_done)
		sigaction(SIGBUS, &action, NULL);
	is_done = true;
}

/* A driver looks at a descriptor's word while we write it: one store for one word. */
static void move(uint8_t *to, const uint8_t *from, size_t len, uint8_t *shared)
{
	if (len == 4 && !((uintptr_t)shared & 3)) {
		uint32_t word;

		if (shared == to) {
			memcpy(&word, from, 4);
			__atomic_store_n((uint32_t *)(void *)to, word, __ATOMIC_RELEASE);
		} else {
			word = __atomic_load_n((const uint32_t *)(const void *)from, __ATOMIC_ACQUIRE);
			memcpy(to, &word, 4);
		}
		return;
	}
	memcpy(to, from, len);
}

/* Whether all of it is there; *first is the mapping that it begins in. */
static enum clove_vfio_dma_result reach(struct clove_vfio_dma *dma, uint64_t address, size_t len, bool is_write,
		unsigned int *first)
{
	unsigned int at = dma->last;

	if (at >= dma->count || address < dma->maps[at].address || address - dma->maps[at].address >= dma->maps[at].size)
		at = find(dma, address);
	*first = at;
	while (len) {
		if (at >= dma->count)
			return CLOVE_VFIO_DMA_NOWHERE;
		const struct clove_vfio_map *map = &dma->maps[at++];

		if (address < map->address || (is_write && !map->is_writable))
			return CLOVE_VFIO_DMA_NOWHERE;
		if (!map->data)
			return CLOVE_VFIO_DMA_FILELESS;
		uint64_t inside = map->size - (address - map->address);
		size_t n = inside < len ? (size_t)inside : len;
		len -= n;
		if (len && address > UINT64_MAX - n)
			return CLOVE_VFIO_DMA_NOWHERE;
		address += n;
	}
	return CLOVE_VFIO_DMA_OK;
}

/* Apart, so that none of its variables is alive where a jump lands. */
__attribute__((noinline))
static void copy(const struct clove_vfio_map *map, uint64_t address, uint8_t *p, const uint8_t *end, bool is_write)
{
	for (; p < end; map++) {
		uint64_t inside = map->size - (address - map->address);
		size_t n = inside < (size_t)(end - p) ? (size_t)inside : (size_t)(end - p);
		uint8_t *shared = map->data + (address - map->address);

		if (is_write)
			move(shared, p, n, shared);
		else
			move(p, shared, n, shared);
		p += n;
		address += n;
	}
}

__attribute__((noinline))
static enum clove_vfio_dma_result guarded_copy(const struct clove_vfio_map *map, uint64_t address, uint8_t *data,
		size_t len, bool is_write)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0)) {
		copying = NULL;
		return CLOVE_VFIO_DMA_LOST;
	}
	copying = &here;
	copy(map, address, data, data + len, is_write);
	copying = NULL;
	return CLOVE_VFIO_DMA_OK;
}

enum clove_vfio_dma_result clove_vfio_dma_copy(struct clove_vfio_dma *dma, uint64_t address, void *data,
		size_t len, bool is_write)
{
	unsigned int at;
	enum clove_vfio_dma_result result = reach(dma, address, len, is_write, &at);

	if (result || !len)
		return result;
	expect_bus_errors();
	dma->last = at;
	return guarded_copy(&dma->maps[at], address, data, len, is_write);
}
