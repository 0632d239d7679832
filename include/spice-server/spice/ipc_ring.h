/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ipc_ring.h - a ring in shared memory with one producer and one consumer.
 *
 * prod and cons count all elements ever put and taken; their low bits are the place in `items`.
 * Each side writes down at which count of the other it wants to be told: notify_on_prod is the
 * consumer's wish, notify_on_cons the producer's.
 */
#ifndef CLOVE_SPICE_IPC_RING_H
#define CLOVE_SPICE_IPC_RING_H

#include <stdint.h>
#include "barrier.h"
#include "macros.h"

/* `size` is a power of 2. The structs are as packed as the place where this stands. */
#define SPICE_RING_DECLARE(name, element, size) \
	typedef struct name##_ring_el { \
		union { \
			element el; \
			uint8_t data[sizeof(element)]; \
		}; \
	} name##_ring_el; \
	typedef struct name { \
		uint32_t num_items; \
		uint32_t prod; \
		uint32_t notify_on_prod; \
		uint32_t cons; \
		uint32_t notify_on_cons; \
		name##_ring_el items[size]; \
	} name

#define SPICE_RING_INIT(ring) do { \
		(ring)->num_items = (uint32_t)SPICE_N_ELEMENTS((ring)->items); \
		(ring)->prod = (ring)->cons = 0; \
		(ring)->notify_on_prod = 1; \
		(ring)->notify_on_cons = 0; \
	} while (0)

#define SPICE_RING_INDEX_MASK(ring) ((ring)->num_items - 1)
#define SPICE_RING_IS_PACKED(ring) (sizeof((ring)->items[0]) == sizeof((ring)->items[0].data))
#define SPICE_RING_IS_EMPTY(ring) ((ring)->cons == (ring)->prod)
#define SPICE_RING_IS_FULL(ring) ((ring)->prod - (ring)->cons == (ring)->num_items)
#define SPICE_RING_PROD_ITEM(ring) (&(ring)->items[(ring)->prod & SPICE_RING_INDEX_MASK(ring)].el)
#define SPICE_RING_CONS_ITEM(ring) (&(ring)->items[(ring)->cons & SPICE_RING_INDEX_MASK(ring)].el)

/* `wait` becomes true if there is no room yet, and the consumer will tell when there is. */
#define SPICE_RING_PROD_WAIT(ring, wait) do { \
		(wait) = SPICE_RING_IS_FULL(ring); \
		if (wait) { \
			(ring)->notify_on_cons = (ring)->cons + 1; \
			spice_mb(); \
			(wait) = SPICE_RING_IS_FULL(ring); \
		} \
	} while (0)

/* `wait` becomes true if there is nothing yet, and the producer will tell when there is. */
#define SPICE_RING_CONS_WAIT(ring, wait) do { \
		(wait) = SPICE_RING_IS_EMPTY(ring); \
		if (wait) { \
			(ring)->notify_on_prod = (ring)->prod + 1; \
			spice_mb(); \
			(wait) = SPICE_RING_IS_EMPTY(ring); \
		} \
	} while (0)

/* After the element has been written, or read; `notify` becomes true if the other side is to be told. */
#define SPICE_RING_PUSH(ring, notify) do { \
		spice_mb(); \
		(ring)->prod++; \
		spice_mb(); \
		(notify) = (ring)->prod == (ring)->notify_on_prod; \
	} while (0)
#define SPICE_RING_POP(ring, notify) do { \
		spice_mb(); \
		(ring)->cons++; \
		spice_mb(); \
		(notify) = (ring)->cons == (ring)->notify_on_cons; \
	} while (0)

#endif
