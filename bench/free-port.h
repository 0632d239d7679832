/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* free-port.h - a TCP port to listen on, for programs that have to name one before they listen. */
#ifndef CLOVE_BENCH_FREE_PORT_H
#define CLOVE_BENCH_FREE_PORT_H

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A port of 127.0.0.1 that the system gives to nobody else as long as the process lives: a socket stays bound to it,
 * beside which one may listen that says SO_REUSEADDR, as servers do. */
static inline int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
			bind(fd, (struct sockaddr *)&address, size) ||
			getsockname(fd, (struct sockaddr *)&address, &size))
		abort();
	return ntohs(address.sin_port);
}

#endif
