/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bytes.h - borrowed bytes: a pointer and a length that someone else keeps alive. */
#ifndef CLOVE_UTIL_BYTES_H
#define CLOVE_UTIL_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct clove_bytes {
	const uint8_t *data;
	size_t len;
};

#define CLOVE_BYTES(p, n) ((struct clove_bytes){ (const uint8_t *)(p), (n) })

static inline uint16_t clove_le16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t clove_le32(const void *p)
{
	const uint8_t *b = p;
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t clove_le64(const void *p)
{
	return clove_le32(p) | (uint64_t)clove_le32((const uint8_t *)p + 4) << 32;
}

static inline uint32_t clove_be32(const void *p)
{
	const uint8_t *b = p;
	return b[3] | (uint32_t)b[2] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[0] << 24;
}

static inline void clove_put_le16(void *p, uint16_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void clove_put_le32(void *p, uint32_t v)
{
	clove_put_le16(p, (uint16_t)v);
	clove_put_le16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void clove_put_le64(void *p, uint64_t v)
{
	clove_put_le32(p, (uint32_t)v);
	clove_put_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

static inline void clove_put_be32(void *p, uint32_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

#endif
