/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control.c - who may use the control socket, and one line's way in and out. */
#include "vmm-glue/daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/list.h"
#include "common/util/log.h"

enum { PEERS_MAX = 16, LINE_MAX_BYTES = 4096, PATIENCE_MS = 5000 };

struct clove_control {
	struct clove_loop *loop;
	int listener;
	struct clove_watch *listening;
	clove_control_fn fn;
	void *owner;
	struct clove_list peers;
	unsigned int count;
};

struct peer {
	struct clove_list link;
	struct clove_control *control;
	int fd, file;
	struct clove_watch *watch;
	struct clove_timer *timer;    /* a peer that says nothing is sent away */
	char line[LINE_MAX_BYTES];
	size_t len;
};

static void peer_free(struct peer *peer)
{
	struct clove_control *self = peer->control;

	clove_list_remove(&peer->link);
	self->count--;
	clove_watch_remove(self->loop, peer->watch);
	clove_timer_remove(self->loop, peer->timer);
	close(peer->fd);
	if (peer->file >= 0)
		close(peer->file);
	free(peer);
}

static void on_late(void *opaque)
{
	peer_free(opaque);
}

static void answer(struct peer *peer)
{
	struct clove_buf out = { 0 };
	int file = peer->file;

	peer->file = -1;
	peer->control->fn(peer->control->owner, peer->line, file, &out);
	/* The socket is new and empty: an answer of a few lines fits. */
	if (!clove_buf_append(&out, "\n", 1) &&
			send(peer->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		clove_log(DEBUG, "control", "nobody waited for the answer: %s", strerror(errno));
	clove_buf_fini(&out);
	peer_free(peer);
}

static void on_peer(void *opaque, int fd, int events)
{
	struct peer *peer = opaque;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { peer->line + peer->len, sizeof peer->line - 1 - peer->len };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control,
	};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (peer->file >= 0)
			close(peer->file);
		memcpy(&peer->file, CMSG_DATA(c), sizeof peer->file);
	}
	if (n <= 0) {
		peer_free(peer);
		return;
	}
	peer->len += (size_t)n;
	char *end = memchr(peer->line, '\n', peer->len);

	if (!end && peer->len == sizeof peer->line - 1) {
		peer_free(peer);
		return;
	}
	if (!end)
		return;
	*end = 0;
	answer(peer);
}

static bool may(int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == geteuid() || who.uid == 0);
}

static void on_connection(void *opaque, int listener, int events)
{
	struct clove_control *self = opaque;
	int fd = clove_accept(listener);
	struct peer *peer;

	(void)events;
	if (fd < 0)
		return;
	peer = may(fd) && self->count < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
	if (!peer) {
		close(fd);
		return;
	}
	*peer = (struct peer){ .control = self, .fd = fd, .file = -1 };
	clove_list_append(&self->peers, &peer->link);
	self->count++;
	peer->watch = clove_watch_add(self->loop, fd, CLOVE_READ, on_peer, peer);
	peer->timer = clove_timer_add(self->loop, on_late, peer);
	if (!peer->watch || !peer->timer)
		peer_free(peer);
	else
		clove_timer_start(self->loop, peer->timer, PATIENCE_MS);
}

struct clove_control *clove_control_new(struct clove_loop *loop, int listener, clove_control_fn fn, void *owner)
{
	struct clove_control *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	*self = (struct clove_control){ .loop = loop, .listener = listener, .fn = fn, .owner = owner };
	clove_list_init(&self->peers);
	self->listening = clove_watch_add(loop, listener, CLOVE_READ, on_connection, self);
	if (self->listening)
		return self;
	free(self);
	return NULL;
}

void clove_control_free(struct clove_control *self)
{
	if (!self)
		return;
	CLOVE_LIST_FOR_EACH(item, &self->peers)
		peer_free(CLOVE_CONTAINER(item, struct peer, link));
	clove_watch_remove(self->loop, self->listening);
	close(self->listener);
	free(self);
}
