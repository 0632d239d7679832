/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h - a byte stream as a vtable: tcp, unix, tls, later websocket; they stack.
 *
 * Never blocks. A stream has one owner; it may change its home thread by being posted there,
 * and asks no loop itself: its owner watches stream->fd for what clove_stream_wants() says.
 */
#ifndef CLOVE_NET_STREAM_H
#define CLOVE_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include "common/util/bytes.h"
#include "common/util/err.h"

struct clove_stream;

struct clove_stream_ops {
	/* At least one byte, or CLOVE_ERR_AGAIN, CLOVE_ERR_CLOSED (end of stream), _TLS, _IO. */
	enum clove_err (*read)(struct clove_stream *s, void *data, size_t len, size_t *got);
	/* After AGAIN the next call begins with the same bytes (a TLS record may hold them). */
	enum clove_err (*writev)(struct clove_stream *s, const struct iovec *iov, int n,
			size_t *put);
	/* CLOVE_OK when ready for data; CLOVE_ERR_AGAIN while it goes on; tcp: always OK. */
	enum clove_err (*handshake)(struct clove_stream *s);
	/* CLOVE_READ/CLOVE_WRITE that must become true before the last AGAIN can move on. */
	int (*wants)(const struct clove_stream *s);
	/* Decoded bytes that can be read though the descriptor stays silent. */
	size_t (*buffered)(const struct clove_stream *s);
	/* Bytes given to the kernel and not yet acknowledged by the peer; 0 if unknown. */
	size_t (*unsent)(const struct clove_stream *s);
	void (*free)(struct clove_stream *s); /* closes the descriptor too */
};

struct clove_stream {
	const struct clove_stream_ops *ops;
	int fd;
	bool is_tls;
	bool is_unix;      /* the bottom of the stack is a unix socket */
	char peer[64];     /* "[::1]:4711" or "unix", for log lines */
	char *error;       /* a sentence why the last _TLS or _IO happened; owned; may be NULL */
};

CLOVE_CHECKED enum clove_err clove_stream_read(struct clove_stream *s, void *data, size_t len,
		size_t *got);
CLOVE_CHECKED enum clove_err clove_stream_write(struct clove_stream *s, const void *data,
		size_t len, size_t *put);
CLOVE_CHECKED enum clove_err clove_stream_writev(struct clove_stream *s, const struct iovec *iov,
		int n, size_t *put);
CLOVE_CHECKED enum clove_err clove_stream_handshake(struct clove_stream *s);
int clove_stream_wants(const struct clove_stream *s);
size_t clove_stream_buffered(const struct clove_stream *s);
size_t clove_stream_unsent(const struct clove_stream *s);
void clove_stream_free(struct clove_stream *s);
void clove_stream_set_error(struct clove_stream *s, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

/* tcp.c (tcp.h: where sockets come from): takes a connected (or connecting) socket, makes it non-blocking, TCP_NODELAY and
 * keep-alive as the role asks (errors of a unix socket ignored). NULL without memory; then the
 * caller still owns fd. */
struct clove_stream *clove_socket_stream_new(int fd, unsigned int keepalive_idle_seconds);

#endif
