/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - a PCI function served to virtual machine monitors over vfio-user 0.x, one at a time.
 *
 * Knows nothing of what the function is. Never blocks: the loop says when the client has sent something.
 */
#ifndef CLOVE_VFIO_SERVER_H
#define CLOVE_VFIO_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util/loop.h"

enum { CLOVE_VFIO_BARS = 6 };

/* Accesses are inside the regions, of 1, 2 or 4 bytes, aligned. */
struct clove_vfio_function {
	uint32_t config_size, bar_sizes[CLOVE_VFIO_BARS]; /* at most 64 KiB each; 0: no such BAR */
	uint32_t (*config_read)(void *opaque, uint32_t offset, unsigned int size);
	void (*config_write)(void *opaque, uint32_t offset, uint32_t value, unsigned int size);
	uint32_t (*bar_read)(void *opaque, uint32_t bar, uint32_t offset, unsigned int size);
	void (*bar_write)(void *opaque, uint32_t bar, uint32_t offset, uint32_t value, unsigned int size);
	/* PCI reset; also when the client is gone. */
	void (*reset)(void *opaque);
	/* A client is there, or gone. May be NULL. */
	void (*attached)(void *opaque, bool is_attached);
};

struct clove_vfio_server;

/* Takes a listening socket; -1: none. NULL without memory; then the caller still has it. */
struct clove_vfio_server *clove_vfio_server_new(struct clove_loop *loop, int listener,
		const struct clove_vfio_function *function, void *opaque);
/* Cuts off the client; takes NULL. */
void clove_vfio_server_free(struct clove_vfio_server *server);

/* Takes a client that is connected already, on failure too. False: there is one, or no memory. */
bool clove_vfio_server_take_client(struct clove_vfio_server *server, int take_client);

/* The guest's memory. False: none there, no bus mastering, no client, or memory that is not shared. */
bool clove_vfio_dma(struct clove_vfio_server *server, uint64_t address, void *data, size_t len, bool is_write);
void clove_vfio_interrupt(struct clove_vfio_server *server, bool level);

#endif
