/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-relay.c - one queue for all connections, as a router has it; what does not fit waits at its sender. */
#include "bench/display-relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	LINKS = 16,
	PACKET = 1448,
	QUEUE = 64,                  /* packets: 90 kB */
	SOCKET_BUFFER = 64 << 10,
};

struct link {
	int client, server;          /* -1: none */
	uint8_t up[4096];            /* on its way to the server */
	size_t up_len;
};

struct packet {
	struct link *link;
	int client;                  /* the link may have gone and come */
	size_t len;
	uint8_t data[PACKET];
};

static struct link links[LINKS];
static struct packet queue[QUEUE];
static unsigned int queue_put, queue_got;
static uint64_t free_at_ns;          /* the line sends until then */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int listen_at(int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, LINKS) ||
			getsockname(fd, (struct sockaddr *)&address, &size))
		return -1;
	*port = ntohs(address.sin_port);
	return fd;
}

static void drop(struct link *link)
{
	close(link->client);
	close(link->server);
	*link = (struct link){ .client = -1, .server = -1 };
}

static void accept_one(int listener, const struct sockaddr_in *to)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	int size = SOCKET_BUFFER;

	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	bool is_through = client >= 0 && !connect(server, (const struct sockaddr *)to, sizeof *to);

	for (int i = 0; i < LINKS && is_through; i++)
		if (links[i].client < 0) {
			links[i] = (struct link){ .client = client, .server = server };
			return;
		}
	close(client);
	close(server);
}

static void send_up(struct link *link)
{
	ssize_t n = recv(link->client, link->up, sizeof link->up, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && send(link->server, link->up, (size_t)n, MSG_NOSIGNAL) != n))
		drop(link);
}

static void queue_down(struct link *link)
{
	struct packet *packet = &queue[queue_put % QUEUE];
	ssize_t n = recv(link->server, packet->data, PACKET, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		drop(link);
	} else if (n > 0) {
		packet->link = link;
		packet->client = link->client;
		packet->len = (size_t)n;
		queue_put++;
	}
}

static void send_down(uint64_t ns_per_byte_1024)
{
	uint64_t now = now_ns();

	while (queue_got != queue_put && free_at_ns <= now) {
		struct packet *packet = &queue[queue_got++ % QUEUE];

		if (packet->link->client == packet->client &&
				send(packet->client, packet->data, packet->len, MSG_NOSIGNAL) < 0)
			drop(packet->link);
		free_at_ns = (free_at_ns + 1000000 < now ? now : free_at_ns) +
				packet->len * ns_per_byte_1024 / 1024;
	}
}

static void run(int listener, const struct sockaddr_in *to, unsigned int kbit)
{
	uint64_t ns_per_byte_1024 = UINT64_C(8000000) * 1024 / kbit;

	for (unsigned int turn = 0;; turn++) {
		struct pollfd polled[1 + 2 * LINKS];
		uint64_t now = now_ns();
		struct timespec wait = { 0, (long)(free_at_ns > now ? (free_at_ns - now) % 1000000000 : 0) };

		polled[0] = (struct pollfd){ listener, POLLIN, 0 };
		for (int i = 0; i < LINKS; i++) {
			polled[1 + 2 * i] = (struct pollfd){ links[i].client, POLLIN, 0 };
			polled[2 + 2 * i] = (struct pollfd){ queue_put - queue_got < QUEUE ? links[i].server : -1,
					POLLIN, 0 };
		}
		ppoll(polled, 1 + 2 * LINKS, queue_got != queue_put ? &wait : NULL, NULL);
		if (polled[0].revents)
			accept_one(listener, to);
		for (unsigned int k = 0; k < LINKS; k++) {
			unsigned int i = (k + turn) % LINKS; /* nobody is always first */

			if (links[i].client >= 0 && links[i].client == polled[1 + 2 * i].fd &&
					polled[1 + 2 * i].revents)
				send_up(&links[i]);
			if (links[i].server >= 0 && links[i].server == polled[2 + 2 * i].fd &&
					polled[2 + 2 * i].revents && queue_put - queue_got < QUEUE)
				queue_down(&links[i]);
		}
		send_down(ns_per_byte_1024);
	}
}

pid_t display_relay_start(const char *host, int to_port, unsigned int kbit, int *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(host),
			.sin_port = htons((uint16_t)to_port) };
	int listener = listen_at(port);
	pid_t pid = listener < 0 || !kbit ? -1 : fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		for (int i = 0; i < LINKS; i++)
			links[i] = (struct link){ .client = -1, .server = -1 };
		run(listener, &to, kbit);
		_exit(0);
	}
	if (listener >= 0)
		close(listener);
	return pid < 0 ? 0 : pid;
}
