/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fed-stream.h - a byte stream that gives a fuzz target's input, then ends, and swallows what is written. */
#ifndef CLOVE_TESTS_FED_STREAM_H
#define CLOVE_TESTS_FED_STREAM_H

#include <stdlib.h>
#include <unistd.h>
#include "common/net/stream.h"

struct fed {
	struct clove_stream stream;
	struct clove_bytes in;
	size_t piece;             /* most bytes of one read */
};

static inline enum clove_err fed_read(struct clove_stream *s, void *to, size_t len, size_t *got)
{
	struct fed *fed = (struct fed *)s;
	size_t n = len < fed->piece ? len : fed->piece;

	if (n > fed->in.len)
		n = fed->in.len;
	if (!n)
		return CLOVE_ERR_CLOSED;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = fed->in.data[i];
	fed->in = CLOVE_BYTES(fed->in.data + n, fed->in.len - n);
	*got = n;
	return CLOVE_OK;
}

static inline enum clove_err fed_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	(void)s;
	for (int i = 0; i < n; i++)
		*put += iov[i].iov_len;
	return CLOVE_OK;
}

static inline int fed_wants(const struct clove_stream *s)
{
	(void)s;
	return CLOVE_READ;
}

static inline void fed_free(struct clove_stream *s)
{
	close(s->fd);
	free(s);
}

/* NULL without memory or descriptors. */
static inline struct clove_stream *fed_new(struct clove_bytes in, size_t piece)
{
	static const struct clove_stream_ops ops = {
		.read = fed_read, .writev = fed_writev, .wants = fed_wants, .free = fed_free,
	};
	struct fed *fed = calloc(1, sizeof *fed);
	int pipes[2];

	if (!fed || pipe(pipes) < 0) {
		free(fed);
		return NULL;
	}
	close(pipes[1]); /* always ready: at its end */
	*fed = (struct fed){ { .ops = &ops, .fd = pipes[0] }, in, piece };
	return &fed->stream;
}

#endif
