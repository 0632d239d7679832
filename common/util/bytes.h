/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bytes.h - borrowed bytes: a pointer and a length that someone else keeps alive. */
#ifndef CLOVE_UTIL_BYTES_H
#define CLOVE_UTIL_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct clove_bytes {
	const uint8_t *data;
	size_t len;
};

#define CLOVE_BYTES(p, n) ((struct clove_bytes){ (const uint8_t *)(p), (n) })

/* Copied by memcpy and not byte by byte: compilers then see one access, in loops too. */
#define CLOVE_GETTER(name, type, order) \
	static inline type name(const void *p) \
	{ \
		type v; \
		memcpy(&v, p, sizeof v); \
		return order(v); \
	}
#define CLOVE_PUTTER(name, type, order) \
	static inline void name(void *p, type v) \
	{ \
		v = order(v); \
		memcpy(p, &v, sizeof v); \
	}

CLOVE_GETTER(clove_le16, uint16_t, le16toh)
CLOVE_GETTER(clove_le32, uint32_t, le32toh)
CLOVE_GETTER(clove_le64, uint64_t, le64toh)
CLOVE_GETTER(clove_be32, uint32_t, be32toh)
CLOVE_GETTER(clove_be64, uint64_t, be64toh)
CLOVE_PUTTER(clove_put_le16, uint16_t, htole16)
CLOVE_PUTTER(clove_put_le32, uint32_t, htole32)
CLOVE_PUTTER(clove_put_le64, uint64_t, htole64)
CLOVE_PUTTER(clove_put_be32, uint32_t, htobe32)

#endif
