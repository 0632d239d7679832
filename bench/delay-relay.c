/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* delay-relay - a long line between two peers: each byte is on its way for half of the round trip, none is lost.
 *
 *   delay-relay PORT TO-PORT RTT-MS [JITTER-MS]    from 127.0.0.1:PORT to 127.0.0.1:TO-PORT, until a signal
 *
 * With jitter each piece is late by up to so much, at random; order is kept.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 8, CHUNK = 64 << 10, WINDOW = 64 << 20 };

struct chunk {
	struct chunk *next;
	uint64_t due_ns;
	size_t len, sent;
	uint8_t data[CHUNK];
};

struct way {                         /* one direction of a link */
	struct chunk *first, **last;
	size_t waiting;              /* bytes */
	uint64_t due_ns;             /* of the last */
};

static struct link {
	int end[2];                  /* -1: none */
	struct way way[2];           /* from end[i] to the other one */
} links[LINKS];
static uint64_t delay_ns, jitter_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void link_end(struct link *link)
{
	for (int i = 0; i < 2; i++) {
		for (struct chunk *c; (c = link->way[i].first);) {
			link->way[i].first = c->next;
			free(c);
		}
		if (link->end[i] >= 0)
			close(link->end[i]);
		link->end[i] = -1;
	}
}

static void link_begin(int client, const char *to)
{
	struct sockaddr_in address = local(to);
	int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	for (int i = 0; i < LINKS; i++) {
		if (links[i].end[0] >= 0)
			continue;
		links[i] = (struct link){ .end = { client, server } };
		for (int e = 0; e < 2; e++) {
			links[i].way[e].last = &links[i].way[e].first;
			setsockopt(links[i].end[e], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		}
		if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address))
			link_end(&links[i]);
		return;
	}
	close(client);
	close(server);
}

/* False when that end has closed. */
static bool take(struct way *way, int from)
{
	struct chunk *c = malloc(sizeof *c);
	ssize_t n = c ? recv(from, c->data, sizeof c->data, MSG_DONTWAIT) : -1;

	if (n <= 0) {
		free(c);
		return n < 0;
	}
	c->next = NULL;
	c->due_ns = now_ns() + delay_ns + (jitter_ns ? (uint64_t)random() * 1000 % jitter_ns : 0);
	if (c->due_ns < way->due_ns)
		c->due_ns = way->due_ns;
	way->due_ns = c->due_ns;
	c->len = (size_t)n;
	c->sent = 0;
	*way->last = c;
	way->last = &c->next;
	way->waiting += c->len;
	return true;
}

static void give(struct way *way, int to)
{
	uint64_t now = now_ns();

	while (way->first && way->first->due_ns <= now) {
		struct chunk *c = way->first;
		ssize_t n = send(to, c->data + c->sent, c->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return;
		c->sent += (size_t)n;
		if (c->sent < c->len)
			return;
		way->waiting -= c->len;
		way->first = c->next;
		if (!way->first)
			way->last = &way->first;
		free(c);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int door = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "delay-relay PORT TO-PORT RTT-MS [JITTER-MS]\n");
		return 2;
	}
	delay_ns = (uint64_t)atoi(argv[3]) * 1000000 / 2;
	jitter_ns = argc > 4 ? (uint64_t)atoi(argv[4]) * 1000000 : 0;
	address = local(argv[1]);
	for (int i = 0; i < LINKS; i++)
		links[i].end[0] = links[i].end[1] = -1;
	if (door < 0 || setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
			bind(door, (struct sockaddr *)&address, sizeof address) || listen(door, LINKS)) {
		perror("delay-relay");
		return 1;
	}
	for (;;) {
		struct pollfd fds[1 + 2 * LINKS] = { { door, POLLIN, 0 } };
		uint64_t first = UINT64_MAX, now = now_ns();
		struct timespec wait;

		for (int i = 0; i < 2 * LINKS; i++) {
			struct link *link = &links[i / 2];
			struct way *out = &link->way[!(i % 2)];
			bool is_due = out->first && out->first->due_ns <= now;

			fds[1 + i] = (struct pollfd){ link->end[i % 2],
					(short)((link->way[i % 2].waiting < WINDOW ? POLLIN : 0) | (is_due ? POLLOUT : 0)), 0 };
			if (link->end[0] >= 0 && out->first && !is_due && out->first->due_ns < first)
				first = out->first->due_ns;
		}
		wait.tv_sec = (time_t)((first - now) / 1000000000);
		wait.tv_nsec = (long)((first - now) % 1000000000);
		if (ppoll(fds, 1 + 2 * LINKS, first == UINT64_MAX ? NULL : &wait, NULL) < 0)
			continue;
		if (fds[0].revents)
			link_begin(accept(door, NULL, NULL), argv[2]);
		for (int i = 0; i < 2 * LINKS; i++) {
			struct link *link = &links[i / 2];

			if (link->end[0] < 0)
				continue;
			give(&link->way[!(i % 2)], link->end[i % 2]);
			if ((fds[1 + i].revents & (POLLIN | POLLHUP | POLLERR)) && fds[1 + i].fd == link->end[i % 2] &&
					!take(&link->way[i % 2], link->end[i % 2]))
				link_end(link);
		}
	}
}
