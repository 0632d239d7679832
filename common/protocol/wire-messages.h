/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire-messages.h - the third pass over a .def: its MESSAGEs of one direction become table rows.
 *
 * CLOVE_ROWS_S2C, CLOVE_ROWS_C2S or CLOVE_ROWS_AGENT chooses which. Include it inside an array,
 * then the .def files, then wire-end.h. No guard.
 */
#define STRUCT(n)
#define END(n)
#define U8(n)
#define U16(n)
#define U32(n)
#define U64(n)
#define I16(n)
#define I32(n)
#define I64(n)
#define IN(l, n)
#define LIST(l, n, count)
#define INTS(t, n, count)
#define REST_INTS(t, n, count)
#define PTR(l, n)
#define PTR_OPT(l, n)
#define PTRS(l, n, count)
#define PTR_LIST(l, n, fn)
#define PTR_INTS(t, n, fn)
#define PTR_BYTES(n, count)
#define BYTES(n, count)
#define UP_TO(n, count)
#define REST(n)
#define SIZED(n, fn)
#define FIXED(n, size)
#define FIXED_INTS(t, n, count)
#define WHEN(tag, m, v)
#define WHEN_CAP(bit)
#define SECRET
#define ONE_OF
#define END_ONE_OF

#define ROW(number, n, l) { number, #n, clove_##l##_layout },
#define MESSAGE(direction, number, n, l) ROW_##direction(number, n, l)
#if defined(CLOVE_ROWS_S2C)
#define ROW_S2C(number, n, l) ROW(number, n, l)
#define ROW_C2S(number, n, l)
#define ROW_BOTH(number, n, l) ROW(number, n, l)
#define ROW_AGENT(number, n, l)
#elif defined(CLOVE_ROWS_C2S)
#define ROW_S2C(number, n, l)
#define ROW_C2S(number, n, l) ROW(number, n, l)
#define ROW_BOTH(number, n, l) ROW(number, n, l)
#define ROW_AGENT(number, n, l)
#elif defined(CLOVE_ROWS_AGENT)
#define ROW_S2C(number, n, l)
#define ROW_C2S(number, n, l)
#define ROW_BOTH(number, n, l)
#define ROW_AGENT(number, n, l) ROW(number, n, l)
#endif
