/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire.h - one bounds-checked walk over a message description: parse, write, print, seed.
 *
 * A layout describes one structure of the protocol; the .def files make them. Only wire.c reads
 * bytes that came from a peer as protocol structures.
 */
#ifndef CLOVE_PROTOCOL_WIRE_H
#define CLOVE_PROTOCOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util/arena.h"
#include "common/util/buf.h"
#include "common/util/bytes.h"
#include "common/util/err.h"
#include "common/protocol/caps.h"

struct clove_field;

struct clove_layout {
	const char *name;                 /* "inputs_key" */
	size_t size;                      /* sizeof the C struct */
	const struct clove_field *fields; /* ends with an end mark */
};

/* Parses one message body into a struct of `layout->size` bytes from the arena. Everything it
 * points to is in the arena too, except raw bytes, which stay borrowed from `in`. `caps` are
 * those of the connection (WHEN_CAP), NULL for none. Trailing bytes are ignored.
 * CLOVE_ERR_SHORT, CLOVE_ERR_BOUNDS, CLOVE_ERR_VALUE (a NULL that may not be), CLOVE_ERR_LIMIT
 * (arena cap, nesting beyond 8). */
CLOVE_CHECKED enum clove_err clove_wire_parse(const struct clove_layout *layout,
		struct clove_bytes in, const struct clove_caps *caps,
		struct clove_arena *arena, void **message);

/* As clove_wire_parse, and tells how many bytes from the start were looked at (the end of the
 * furthest one), for structures that follow each other (agent messages, sub-messages). */
CLOVE_CHECKED enum clove_err clove_wire_parse_prefix(const struct clove_layout *layout,
		struct clove_bytes in, const struct clove_caps *caps,
		struct clove_arena *arena, void **message, size_t *used);

/* Appends the body of `message` to `out`; pointed-to blocks follow the fixed part in the order
 * of spice-wire 5.1. CLOVE_ERR_NOMEM; CLOVE_ERR_VALUE for a struct that cannot be written. */
CLOVE_CHECKED enum clove_err clove_wire_write(const struct clove_layout *layout,
		const void *message, const struct clove_caps *caps, struct clove_buf *out);

/* The bytes of a layout that has only integers and FIXED fields, with these capabilities; what is of
 * no fixed length (lists, pointers, bytes, nested structs) counts as none. */
size_t clove_wire_size(const struct clove_layout *layout, const struct clove_caps *caps);

/* Appends readable text, one field after the other: "code=30". Fields that are secret show as
 * "***" unless `secrets`. Long raw bytes are cut and counted. */
CLOVE_CHECKED enum clove_err clove_wire_print(const struct clove_layout *layout,
		const void *message, const struct clove_caps *caps, bool secrets, struct clove_buf *text);

/* Appends a body with random, well-formed contents: fuzz seeds and round-trip tests.
 * *random is the state of a small generator and is moved on. */
CLOVE_CHECKED enum clove_err clove_wire_seed(const struct clove_layout *layout,
		const struct clove_caps *caps, uint64_t *random, struct clove_buf *out);

#endif
