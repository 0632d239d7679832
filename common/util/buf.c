/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* buf.c - how a growing buffer finds room: slide to the front first, then double. */
#include "common/util/buf.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

void clove_buf_fini(struct clove_buf *buf)
{
	if (buf->data)
		free(buf->data - buf->start);
	*buf = (struct clove_buf){ 0 };
}

void clove_buf_clear(struct clove_buf *buf)
{
	if (buf->data)
		buf->data -= buf->start;
	buf->cap += buf->start;
	buf->start = 0;
	buf->len = 0;
}

uint8_t *clove_buf_reserve(struct clove_buf *buf, size_t more)
{
	if (more <= buf->cap - buf->len)
		return buf->data ? buf->data + buf->len : clove_buf_reserve(buf, SMALLEST);
	if (more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4)
		return NULL;

	uint8_t *block = buf->data ? buf->data - buf->start : NULL;
	size_t size = buf->cap + buf->start;

	/* Slide only when it frees at least half, so that each byte moves a bounded number of times. */
	if (buf->start >= size - size / 2 && buf->len + more <= size) {
		memmove(block, buf->data, buf->len);
	} else {
		if (size < SMALLEST)
			size = SMALLEST;
		while (size < buf->len + more)
			size *= 2;
		uint8_t *grown = malloc(size);
		if (!grown)
			return NULL;
		if (buf->len)
			memcpy(grown, buf->data, buf->len);
		free(block);
		block = grown;
	}
	buf->data = block;
	buf->start = 0;
	buf->cap = size;
	return buf->data + buf->len;
}

enum clove_err clove_buf_append(struct clove_buf *buf, const void *data, size_t len)
{
	if (!len)
		return CLOVE_OK;

	uint8_t *room = clove_buf_reserve(buf, len);

	if (!room)
		return CLOVE_ERR_NOMEM;
	memcpy(room, data, len);
	buf->len += len;
	return CLOVE_OK;
}

void clove_buf_consume(struct clove_buf *buf, size_t n)
{
	if (n >= buf->len) {
		clove_buf_clear(buf);
		return;
	}
	buf->data += n;
	buf->start += n;
	buf->cap -= n;
	buf->len -= n;
}
