/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcp.h - where sockets come from: listening, accepting, and connecting without waiting. */
#ifndef CLOVE_NET_TCP_H
#define CLOVE_NET_TCP_H

#include "common/net/stream.h"
#include "common/util/loop.h"

enum clove_family {
	CLOVE_FAMILY_ANY,
	CLOVE_FAMILY_IPV4,
	CLOVE_FAMILY_IPV6,
};

/* A listening, non-blocking descriptor, or -1 with a sentence in *error (free it). The first
 * address that binds wins; IPv6 wildcards take IPv4 too unless the family says IPv6.
 * addr NULL or "": every address. Port 0: any (clove_socket_port). */
int clove_listen_tcp(const char *addr, int port, enum clove_family family, char **error);
/* A leading @ makes an abstract socket; else what lies at the path is unlinked if it is a
 * socket. The caller unlinks the path when it is done. */
int clove_listen_unix(const char *path, char **error);

/* The port a TCP socket is bound to; -1 for others. */
int clove_socket_port(int fd);

/* A waiting connection, CLOEXEC and non-blocking, or -1 with errno (EAGAIN: none). Connections
 * that died while they waited are passed over. */
int clove_accept(int listener);

/* One attempt to reach a server. Names are looked up on a thread of their own; addresses are
 * tried in the order given; all of it takes 10 s at most. */
struct clove_connector;

/* Called once, from the loop: a stream, which the callee owns, or NULL and a sentence for people.
 * The connector is gone afterwards. */
typedef void (*clove_connected_fn)(void *opaque, struct clove_stream *take_stream,
		const char *error);

/* NULL without memory. The answer never comes from inside. */
struct clove_connector *clove_connect_tcp(struct clove_loop *loop, const char *host, int port,
		clove_connected_fn fn, void *opaque);
struct clove_connector *clove_connect_unix(struct clove_loop *loop, const char *path,
		clove_connected_fn fn, void *opaque);
/* Before the answer; there will be none. NULL is fine. */
void clove_connector_cancel(struct clove_connector *connector);

#endif
