/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire-field.h - one row of a field table, as wire-tables.h writes it and wire.c reads it. */
#ifndef CLOVE_PROTOCOL_WIRE_FIELD_H
#define CLOVE_PROTOCOL_WIRE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/protocol/wire.h"

enum clove_wire_kind {
	CLOVE_WIRE_END,
	CLOVE_WIRE_INT,
	CLOVE_WIRE_IN,
	CLOVE_WIRE_LIST,      /* of structs, in place */
	CLOVE_WIRE_INTS,      /* of integers, in place */
	CLOVE_WIRE_REST_INTS, /* ... to the end; how many is not on the wire */
	CLOVE_WIRE_PTR,
	CLOVE_WIRE_PTR_OPT,
	CLOVE_WIRE_PTRS,
	CLOVE_WIRE_PTR_LIST,
	CLOVE_WIRE_PTR_INTS,
	CLOVE_WIRE_PTR_BYTES,
	CLOVE_WIRE_BYTES,     /* counted by a field, or computed by `size` */
	CLOVE_WIRE_UP_TO,     /* counted, but cut at the end: the count is not to be trusted */
	CLOVE_WIRE_REST,
	CLOVE_WIRE_FIXED,
	CLOVE_WIRE_FIXED_INTS, /* `value` of them, always */
	/* These three say something of the next field. */
	CLOVE_WIRE_WHEN,
	CLOVE_WIRE_WHEN_CAP,
	CLOVE_WIRE_SECRET,
};

/* How many elements or bytes, from earlier fields of the struct and of the one around it (NULL:
 * none). The struct around a pointed-to one is the one with the pointer. */
typedef uint64_t (*clove_wire_size_fn)(const void *self, const void *around);

struct clove_field {
	enum clove_wire_kind kind;
	const char *name;
	uint32_t at, width;      /* in the struct; the width of an element for INTS */
	uint32_t aux, aux_width; /* the integer with the count, or the tag */
	bool is_signed;
	const struct clove_layout *(*of)(void);
	clove_wire_size_fn size; /* instead of the count at `aux` */
	uint64_t mask, value;
};

#endif
