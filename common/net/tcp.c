/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcp.c - sockets: the byte stream at the bottom of every stack, listeners, and connecting. */
#include "common/net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/util/mailbox.h"

enum {
	CONNECT_MS = 10000,   /* for the look-up and all addresses together */
	ADDRESS_MS = 1000,    /* at least this long for each of several addresses */
};

/* -- the stream -- */

struct socket_stream {
	struct clove_stream stream;
	int wants;
};

static struct socket_stream *socket_stream(struct clove_stream *s)
{
	return (struct socket_stream *)s;
}

static enum clove_err socket_failed(struct clove_stream *s, int direction)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		socket_stream(s)->wants = direction;
		return CLOVE_ERR_AGAIN;
	}
	clove_stream_set_error(s, "%s", strerror(errno));
	return CLOVE_ERR_IO;
}

static enum clove_err socket_read(struct clove_stream *s, void *data, size_t len, size_t *got)
{
	ssize_t n;

	do
		n = recv(s->fd, data, len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return socket_failed(s, CLOVE_READ);
	*got = (size_t)n;
	return n || !len ? CLOVE_OK : CLOVE_ERR_CLOSED;
}

static enum clove_err socket_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n };
	ssize_t sent;

	/* The process around us may not ignore SIGPIPE. */
	do
		sent = sendmsg(s->fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return socket_failed(s, CLOVE_WRITE);
	*put = (size_t)sent;
	return CLOVE_OK;
}

static int socket_wants(const struct clove_stream *s)
{
	return ((const struct socket_stream *)s)->wants;
}

static size_t socket_unsent(const struct clove_stream *s)
{
	int n = 0;

	return ioctl(s->fd, SIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

static void socket_free(struct clove_stream *s)
{
	close(s->fd);
	free(s);
}

static const struct clove_stream_ops socket_ops = {
	.read = socket_read,
	.writev = socket_writev,
	.wants = socket_wants,
	.unsent = socket_unsent,
	.free = socket_free,
};

static void name_peer(struct clove_stream *s)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	char host[46], port[8];

	snprintf(s->peer, sizeof s->peer, "unix");
	if (getpeername(s->fd, (struct sockaddr *)&addr, &len) < 0) {
		snprintf(s->peer, sizeof s->peer, "unknown");
		return;
	}
	if (addr.ss_family != AF_INET && addr.ss_family != AF_INET6)
		return;
	if (getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(s->peer, sizeof s->peer, "unknown");
	else if (strchr(host, ':'))
		snprintf(s->peer, sizeof s->peer, "[%s]:%s", host, port);
	else
		snprintf(s->peer, sizeof s->peer, "%s:%s", host, port);
}

struct clove_stream *clove_socket_stream_new(int fd, unsigned int keepalive_idle_seconds)
{
	struct socket_stream *self = calloc(1, sizeof *self);
	int flags = fcntl(fd, F_GETFL), one = 1, domain = AF_UNSPEC;
	socklen_t len = sizeof domain;

	if (!self)
		return NULL;
	self->stream = (struct clove_stream){ .ops = &socket_ops, .fd = fd };
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	self->stream.is_unix = domain == AF_UNIX;
	if (!self->stream.is_unix) {
		int idle = (int)keepalive_idle_seconds;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (idle > 0) {
			setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
			setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
		}
	}
	name_peer(&self->stream);
	return &self->stream;
}

/* -- sentences -- */

static void explain(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void explain(char **error, const char *format, ...)
{
	va_list args;

	free(*error);
	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
}

static const char *look_up_error(int result)
{
	return result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result);
}

/* -- listening -- */

/* -1 with errno. */
static int listen_on(const struct addrinfo *at, enum clove_family family)
{
	int one = 1, v6only = family == CLOVE_FAMILY_IPV6;
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (at->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
	if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;

	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

int clove_listen_tcp(const char *addr, int port, enum clove_family family, char **error)
{
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_family = families[family],
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list = NULL;
	char service[16];
	int fd = -1;

	*error = NULL;
	if (port < 0 || port > 65535) {
		explain(error, "cannot listen on port %d: ports are 0 to 65535", port);
		return -1;
	}
	if (addr && !addr[0])
		addr = NULL;
	snprintf(service, sizeof service, "%d", port);
	int result = getaddrinfo(addr, service, &hints, &list);
	if (result != 0) {
		explain(error, "cannot listen on \"%s\": %s", addr ? addr : "", look_up_error(result));
		return -1;
	}
	/* The resolver names 0.0.0.0 first; [::] takes both families. */
	for (int wildcard = addr ? 1 : 0; fd < 0 && wildcard < 2; wildcard++)
		for (struct addrinfo *at = list; fd < 0 && at; at = at->ai_next)
			if (wildcard || at->ai_family == AF_INET6)
				fd = listen_on(at, family);
	if (fd < 0)
		explain(error, "cannot listen on %s%sport %d: %s", addr ? addr : "", addr ? " " : "",
				port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* 0, or -1 with a sentence. */
static int unix_address(const char *path, struct sockaddr_un *addr, socklen_t *len, char **error)
{
	size_t n = strlen(path);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n == 0 || n >= sizeof addr->sun_path) {
		explain(error, "a socket's path has 1 to %zu bytes, not %zu: %.40s%s",
				sizeof addr->sun_path - 1, n, path, n > 40 ? "..." : "");
		return -1;
	}
	memcpy(addr->sun_path, path, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	if (path[0] == '@') {
		addr->sun_path[0] = '\0';
		(*len)--;
	}
	return 0;
}

int clove_listen_unix(const char *path, char **error)
{
	struct sockaddr_un addr;
	socklen_t len;
	struct stat st;

	*error = NULL;
	if (unix_address(path, &addr, &len, error) < 0)
		return -1;
	if (path[0] != '@' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	explain(error, "cannot listen on %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int clove_socket_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -1;
	if (addr.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&addr)->sin_port);
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return -1;
}

int clove_accept(int listener)
{
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
	return fd;
}

/* -- connecting -- */

struct clove_connector {
	struct clove_loop *loop;
	clove_connected_fn fn;        /* NULL: cancelled, or answered */
	void *opaque;
	char *name;                   /* "host port 5900", or the path */
	char *host;
	char service[16];
	struct clove_mailbox *mailbox;
	bool is_looking_up;           /* the thread still has us */
	int look_up_result, look_up_errno;
	struct addrinfo *list, *next; /* TCP */
	struct sockaddr_un un;
	socklen_t un_len;             /* not 0: a unix socket, still to be tried */
	uint64_t give_up_ms;
	int fd;
	int why;                      /* errno of the last address */
	struct clove_watch *watch;
	struct clove_timer *timer;
	char *error;
};

static void connector_free(struct clove_connector *self)
{
	if (!self)
		return;
	if (self->is_looking_up) { /* on_looked_up brings us back */
		clove_timer_stop(self->loop, self->timer);
		return;
	}
	clove_watch_remove(self->loop, self->watch);
	clove_timer_remove(self->loop, self->timer);
	if (self->fd >= 0)
		close(self->fd);
	clove_mailbox_free(self->mailbox);
	if (self->list)
		freeaddrinfo(self->list);
	free(self->name);
	free(self->host);
	free(self->error);
	free(self);
}

static void answer(struct clove_connector *self, struct clove_stream *stream)
{
	clove_connected_fn fn = self->fn;

	self->fn = NULL;
	fn(self->opaque, stream, stream ? NULL : self->error ? self->error : "out of memory");
	connector_free(self);
}

static void try_next(struct clove_connector *self);

static void connected(struct clove_connector *self)
{
	clove_watch_remove(self->loop, self->watch);
	self->watch = NULL;

	struct clove_stream *stream = clove_socket_stream_new(self->fd, 30);

	if (stream)
		self->fd = -1;
	answer(self, stream);
}

static void on_connecting(void *opaque, int fd, int events)
{
	struct clove_connector *self = opaque;
	socklen_t len = sizeof self->why;

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &self->why, &len) < 0)
		self->why = errno;
	if (self->why)
		try_next(self);
	else
		connected(self);
}

static void start_timer(struct clove_connector *self)
{
	uint64_t now = clove_now_ms(), left = self->give_up_ms > now ? self->give_up_ms - now : 0;
	unsigned int addresses = 0;

	for (struct addrinfo *at = self->next; at; at = at->ai_next)
		addresses++;
	uint64_t ms = left / (addresses + 1);
	if (ms < ADDRESS_MS && ADDRESS_MS < left)
		ms = ADDRESS_MS;
	clove_timer_start(self->loop, self->timer, (uint32_t)ms);
}

/* Tries the next address, or answers with the last one's reason. */
static void try_next(struct clove_connector *self)
{
	for (;;) {
		const struct sockaddr *addr;
		socklen_t len;

		clove_watch_remove(self->loop, self->watch);
		self->watch = NULL;
		if (self->fd >= 0)
			close(self->fd);
		self->fd = -1;
		if (self->un_len) {
			addr = (struct sockaddr *)&self->un;
			len = self->un_len;
			self->un_len = 0;
		} else if (self->next && clove_now_ms() < self->give_up_ms) {
			addr = self->next->ai_addr;
			len = self->next->ai_addrlen;
			self->next = self->next->ai_next;
		} else {
			if (!self->error)
				explain(&self->error, "cannot reach %s: %s", self->name,
						strerror(self->why));
			answer(self, NULL);
			return;
		}

		self->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (self->fd < 0) {
			self->why = errno;
			continue;
		}
		int result = connect(self->fd, addr, len);
		if (result < 0 && errno != EINPROGRESS) {
			self->why = errno;
			continue;
		}
		self->watch = clove_watch_add(self->loop, self->fd, CLOVE_WRITE, on_connecting, self);
		if (!self->watch) {
			self->why = ENOMEM;
			continue;
		}
		start_timer(self);
		return;
	}
}

/* The first turn, or time is up: for the look-up, or for one address. */
static void on_timer(void *opaque)
{
	struct clove_connector *self = opaque;

	if (!self->fn) {
		connector_free(self);
		return;
	}
	if (self->is_looking_up) {
		explain(&self->error, "cannot look up \"%s\": no answer within %d s", self->host,
				CONNECT_MS / 1000);
		answer(self, NULL);
		return;
	}
	if (self->look_up_result) {
		errno = self->look_up_errno;
		explain(&self->error, "cannot look up \"%s\": %s", self->host,
				look_up_error(self->look_up_result));
		answer(self, NULL);
		return;
	}
	if (self->fd >= 0)
		self->why = ETIMEDOUT;
	try_next(self);
}

static void on_looked_up(void *home, void *carried)
{
	struct clove_connector *self = home;

	(void)carried;
	self->is_looking_up = false;
	self->next = self->list;
	clove_timer_start(self->loop, self->timer, 0); /* a mailbox is not freed by its letter */
}

static int look_up(struct clove_connector *self, int flags)
{
	struct addrinfo hints = {
		.ai_flags = flags | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};

	return getaddrinfo(self->host, self->service, &hints, &self->list);
}

/* The thread owns the look-up's fields from its start until its letter. */
static void *look_up_thread(void *opaque)
{
	struct clove_connector *self = opaque;

	self->look_up_result = look_up(self, AI_ADDRCONFIG);
	/* A machine with no address but loopback's still reaches itself. */
	if (self->look_up_result)
		self->look_up_result = look_up(self, 0);
	self->look_up_errno = errno;
	clove_mailbox_post(self->mailbox, on_looked_up, NULL);
	return NULL;
}

static bool start_look_up(struct clove_connector *self)
{
	sigset_t all, before;
	pthread_t thread;
	pthread_attr_t attr;

	self->mailbox = clove_mailbox_new(self->loop, self);
	if (!self->mailbox)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	self->is_looking_up = true;
	if (pthread_create(&thread, &attr, look_up_thread, self) != 0)
		self->is_looking_up = false;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return self->is_looking_up;
}

static struct clove_connector *connector_new(struct clove_loop *loop, clove_connected_fn fn, void *opaque)
{
	struct clove_connector *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	*self = (struct clove_connector){ .loop = loop, .fn = fn, .opaque = opaque, .fd = -1 };
	self->why = EADDRNOTAVAIL;
	self->give_up_ms = clove_now_ms() + CONNECT_MS;
	self->timer = clove_timer_add(loop, on_timer, self);
	if (!self->timer) {
		connector_free(self);
		return NULL;
	}
	return self;
}

struct clove_connector *clove_connect_tcp(struct clove_loop *loop, const char *host, int port,
		clove_connected_fn fn, void *opaque)
{
	struct clove_connector *self = connector_new(loop, fn, opaque);

	if (!self)
		return NULL;
	snprintf(self->service, sizeof self->service, "%d", port);
	self->host = strdup(host);
	if (!self->host || asprintf(&self->name, "%s port %d", host, port) < 0) {
		self->name = NULL;
		connector_free(self);
		return NULL;
	}
	/* An address needs no thread. */
	if (port < 1 || port > 65535) {
		explain(&self->error, "cannot reach %s: ports are 1 to 65535", self->name);
		clove_timer_start(loop, self->timer, 0);
	} else if (look_up(self, AI_NUMERICHOST) == 0) {
		self->next = self->list;
		clove_timer_start(loop, self->timer, 0);
	} else if (start_look_up(self)) {
		clove_timer_start(loop, self->timer, CONNECT_MS);
	} else {
		connector_free(self);
		return NULL;
	}
	return self;
}

struct clove_connector *clove_connect_unix(struct clove_loop *loop, const char *path,
		clove_connected_fn fn, void *opaque)
{
	struct clove_connector *self = connector_new(loop, fn, opaque);

	if (!self)
		return NULL;
	self->name = strdup(path);
	if (!self->name) {
		connector_free(self);
		return NULL;
	}
	if (unix_address(path, &self->un, &self->un_len, &self->error) < 0)
		self->un_len = 0;
	clove_timer_start(loop, self->timer, 0);
	return self;
}

void clove_connector_cancel(struct clove_connector *self)
{
	if (!self)
		return;
	self->fn = NULL;
	connector_free(self);
}
