/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire-tables.h - the second pass over a .def: its words become the field tables that wire.c walks.
 *
 * A macro cannot remember which struct it is in; so each table lives in a function of its own,
 * where `self` is a local typedef. Include it, the .def files, then wire-end.h. No guard.
 */
#include "common/protocol/wire-field.h"

#define AT(n)   .name = #n, .at = offsetof(self, n), .width = sizeof(((self *)0)->n)
#define AT_INTS(t, n) .name = #n, .at = offsetof(self, n), .width = sizeof(t), .is_signed = (t)-1 < 1
#define AUX(n)  .aux = offsetof(self, n), .aux_width = sizeof(((self *)0)->n)
#define SIGNED_INT(n) { CLOVE_WIRE_INT, AT(n), .is_signed = true },

#define STRUCT(n) \
	const struct clove_layout *clove_##n##_layout(void) \
	{ \
		typedef struct clove_##n self; \
		static const struct clove_field fields[] = {
#define END(n) \
			{ CLOVE_WIRE_END } \
		}; \
		static const struct clove_layout layout = { #n, sizeof(self), fields }; \
		return &layout; \
	}
#define U8(n)                 { CLOVE_WIRE_INT, AT(n) },
#define U16(n)                { CLOVE_WIRE_INT, AT(n) },
#define U32(n)                { CLOVE_WIRE_INT, AT(n) },
#define U64(n)                { CLOVE_WIRE_INT, AT(n) },
#define I16(n)                SIGNED_INT(n)
#define I32(n)                SIGNED_INT(n)
#define I64(n)                SIGNED_INT(n)
#define IN(l, n)              { CLOVE_WIRE_IN, AT(n), .of = clove_##l##_layout },
#define LIST(l, n, count)     { CLOVE_WIRE_LIST, AT(n), AUX(count), .of = clove_##l##_layout },
#define INTS(t, n, count)     { CLOVE_WIRE_INTS, AT_INTS(t, n), AUX(count) },
#define REST_INTS(t, n, count) { CLOVE_WIRE_REST_INTS, AT_INTS(t, n), AUX(count) },
#define PTR(l, n)             { CLOVE_WIRE_PTR, AT(n), .of = clove_##l##_layout },
#define PTR_OPT(l, n)         { CLOVE_WIRE_PTR_OPT, AT(n), .of = clove_##l##_layout },
#define PTRS(l, n, count)     { CLOVE_WIRE_PTRS, AT(n), AUX(count), .of = clove_##l##_layout },
#define PTR_LIST(l, n, fn)    { CLOVE_WIRE_PTR_LIST, AT(n), .size = fn, .of = clove_##l##_layout },
#define PTR_INTS(t, n, fn)    { CLOVE_WIRE_PTR_INTS, AT_INTS(t, n), .size = fn },
#define PTR_BYTES(n, count)   { CLOVE_WIRE_PTR_BYTES, AT(n), AUX(count) },
#define BYTES(n, count)       { CLOVE_WIRE_BYTES, AT(n), AUX(count) },
#define UP_TO(n, count)       { CLOVE_WIRE_UP_TO, AT(n), AUX(count) },
#define REST(n)               { CLOVE_WIRE_REST, AT(n) },
#define SIZED(n, fn)          { CLOVE_WIRE_BYTES, AT(n), .size = fn },
#define FIXED(n, bytes)       { CLOVE_WIRE_FIXED, AT(n) },
#define FIXED_INTS(t, n, count) { CLOVE_WIRE_FIXED_INTS, AT_INTS(t, n), .value = (count) },
#define WHEN(tag, m, v)       { CLOVE_WIRE_WHEN, AUX(tag), .mask = (m), .value = (v) },
#define WHEN_CAP(bit)         { CLOVE_WIRE_WHEN_CAP, .value = (bit) },
#define SECRET                { CLOVE_WIRE_SECRET },
#define ONE_OF
#define END_ONE_OF
#define MESSAGE(direction, number, n, l)
