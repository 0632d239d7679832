/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* macros.h - what the other headers are written with. */
#ifndef CLOVE_SPICE_MACROS_H
#define CLOVE_SPICE_MACROS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SPICE_BEGIN_DECLS extern "C" {
#define SPICE_END_DECLS }
#else
#define SPICE_BEGIN_DECLS
#define SPICE_END_DECLS
#endif

#define SPICE_N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define SPICE_OFFSETOF(type, member) offsetof(type, member)
#define SPICE_CONTAINEROF(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
#define SPICE_ALIGN(number, step) (((number) + ((step) - 1)) & ~((step) - 1))  /* step: a power of 2 */

#define SPICE_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define SPICE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define SPICE_GNUC_PRINTF(format, first) __attribute__((format(printf, format, first)))
#define SPICE_GNUC_NORETURN __attribute__((noreturn))
#define SPICE_GNUC_UNUSED __attribute__((unused))
#define SPICE_GNUC_DEPRECATED __attribute__((deprecated))
#define SPICE_GNUC_WARN_UNUSED_RESULT __attribute__((warn_unused_result))

/* Four characters as a little-endian number. */
#define SPICE_MAGIC_CONST(s) ((uint32_t)(s)[0] | (uint32_t)(s)[1] << 8 | (uint32_t)(s)[2] << 16 | \
		(uint32_t)(s)[3] << 24)

#endif
