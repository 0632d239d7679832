/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* buf.h - owned bytes that grow at the end and are consumed at the front. */
#ifndef CLOVE_UTIL_BUF_H
#define CLOVE_UTIL_BUF_H

#include <stddef.h>
#include <stdint.h>
#include "common/util/bytes.h"
#include "common/util/err.h"

/* All zeroes is an empty buffer. The bytes are data[0 .. len). */
struct clove_buf {
	uint8_t *data;
	size_t len;
	size_t cap;   /* bytes that may be written from data without growing */
	size_t start; /* bytes consumed before data; internal */
};

void clove_buf_fini(struct clove_buf *buf);

/* Forgets the bytes and keeps the memory. */
void clove_buf_clear(struct clove_buf *buf);

/* Room for `more` bytes behind len; data may move. Pointer to the room, or NULL. */
uint8_t *clove_buf_reserve(struct clove_buf *buf, size_t more);

CLOVE_CHECKED enum clove_err clove_buf_append(struct clove_buf *buf, const void *data, size_t len);

/* Drops the first n bytes (n <= len) without moving the rest. */
void clove_buf_consume(struct clove_buf *buf, size_t n);

static inline struct clove_bytes clove_buf_bytes(const struct clove_buf *buf)
{
	return (struct clove_bytes){ buf->data, buf->len };
}

#endif
