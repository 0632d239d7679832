/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire-types.h - the first pass over a .def: its words become C structs and message ids.
 *
 * Include it, then the .def files, then wire-end.h, which forgets the words again. No guard.
 */
#define STRUCT(n)             struct clove_##n {
#define END(n)                }; const struct clove_layout *clove_##n##_layout(void);
#define U8(n)                 uint8_t n;
#define U16(n)                uint16_t n;
#define U32(n)                uint32_t n;
#define U64(n)                uint64_t n;
#define I16(n)                int16_t n;
#define I32(n)                int32_t n;
#define I64(n)                int64_t n;
#define IN(l, n)              struct clove_##l n;
#define LIST(l, n, count)     const struct clove_##l *n;
#define INTS(t, n, count)     const t *n;
#define REST_INTS(t, n, count) uint32_t count; const t *n;
#define PTR(l, n)             const struct clove_##l *n;
#define PTR_OPT(l, n)         const struct clove_##l *n;
#define PTRS(l, n, count)     const struct clove_##l *const *n;
#define PTR_LIST(l, n, fn)    const struct clove_##l *n;
#define PTR_INTS(t, n, fn)    const t *n;
#define PTR_BYTES(n, count)   struct clove_bytes n;
#define BYTES(n, count)       struct clove_bytes n;
#define UP_TO(n, count)       struct clove_bytes n;
#define REST(n)               struct clove_bytes n;
#define SIZED(n, fn)          struct clove_bytes n;
#define FIXED(n, size)        uint8_t n[size];
#define FIXED_INTS(t, n, count) t n[count];
#define WHEN(tag, m, v)
#define WHEN_CAP(bit)
#define SECRET
#define ONE_OF                union {
#define END_ONE_OF            };
#define MESSAGE(direction, number, n, l) enum { CLOVE_##n = number };
