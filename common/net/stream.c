/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.c - short forms of the byte stream's vtable, and its sentence about the last error. */
#include "common/net/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum clove_err clove_stream_read(struct clove_stream *s, void *data, size_t len, size_t *got)
{
	*got = 0;
	return s->ops->read(s, data, len, got);
}

enum clove_err clove_stream_write(struct clove_stream *s, const void *data, size_t len, size_t *put)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };

	return clove_stream_writev(s, &iov, 1, put);
}

enum clove_err clove_stream_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	*put = 0;
	return s->ops->writev(s, iov, n, put);
}

enum clove_err clove_stream_handshake(struct clove_stream *s)
{
	return s->ops->handshake ? s->ops->handshake(s) : CLOVE_OK;
}

int clove_stream_wants(const struct clove_stream *s)
{
	return s->ops->wants(s);
}

size_t clove_stream_buffered(const struct clove_stream *s)
{
	return s->ops->buffered ? s->ops->buffered(s) : 0;
}

size_t clove_stream_unsent(const struct clove_stream *s)
{
	return s->ops->unsent ? s->ops->unsent(s) : 0;
}

void clove_stream_free(struct clove_stream *s)
{
	if (!s)
		return;
	free(s->error);
	s->error = NULL;
	s->ops->free(s);
}

void clove_stream_set_error(struct clove_stream *s, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	free(s->error);
	s->error = text;
}
