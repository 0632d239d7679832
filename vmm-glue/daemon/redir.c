/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redir.c - how a usbredir connection is made, kept, given up and made again. */
#include "vmm-glue/daemon/redir.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/log.h"
#include "usbredir/guest.h"
#include "vmm-glue/daemon/devices.h"

enum {
	READ_SIZE = 128 << 10,
	READS_A_TURN = 4,
	FIRST_PAUSE_MS = 250,         /* before a connection is tried again; doubled each time */
	LAST_PAUSE_MS = 8000,
	IOV = 16,
	KEEPALIVE_S = 60,
};

struct clove_redir {
	struct clove_loop *loop;
	const struct clove_redir_target *target;
	struct clove_tls *tls;
	clove_redir_plug_fn plug;
	void *owner;

	int listener;                 /* -1: we connect */
	struct clove_watch *listening;
	struct clove_connector *connector;
	struct clove_timer *again;
	uint32_t pause_ms;
	bool is_told;                 /* that it cannot be reached */

	struct clove_stream *stream;  /* NULL: not connected */
	struct clove_watch *watch;
	int watched;
	bool is_shaking, has_output, needs_write;
	size_t greeting;              /* bytes of it that are still to be sent */
	struct clove_usb_guest *guest;
	uint8_t *in;
};

static const struct {
	const char *word;
	enum clove_redir_kind kind;
	bool has_port;
} words[] = {
	{ "unix:",        CLOVE_REDIR_UNIX,        false },
	{ "tcp:",         CLOVE_REDIR_TCP,         true },
	{ "tls:",         CLOVE_REDIR_TLS,         true },
	{ "listen-unix:", CLOVE_REDIR_LISTEN_UNIX, false },
	{ "listen-tcp:",  CLOVE_REDIR_LISTEN_TCP,  true },
};

static const char greeting[] = "CLOVEUSB";

bool clove_redir_target_parse(const char *text, struct clove_redir_target *target, char **error)
{
	*error = NULL;
	*target = (struct clove_redir_target){ 0 };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(text, words[i].word, n))
			continue;
		const char *rest = text + n, *colon = strrchr(rest, ':');
		char *end = NULL;
		long port = words[i].has_port && colon ? strtol(colon + 1, &end, 10) : 0;

		if (words[i].has_port && (!colon || colon == rest || !colon[1] || *end || port < 1 || port > 65535)) {
			clove_explain(error, "\"%s\" is not understood: it is %sHOST:PORT, with a port from 1 to 65535", text,
					words[i].word);
			return false;
		}
		if (!words[i].has_port && !*rest) {
			clove_explain(error, "\"%s\" names no socket: it is %sPATH", text, words[i].word);
			return false;
		}
		target->kind = words[i].kind;
		target->port = (int)port;
		target->name = strdup(text);
		if (words[i].has_port && *rest == '[' && colon[-1] == ']') /* an IPv6 address */
			target->host = strndup(rest + 1, (size_t)(colon - rest) - 2);
		else
			target->host = words[i].has_port ? strndup(rest, (size_t)(colon - rest)) : strdup(rest);
		if (target->name && target->host)
			return true;
		clove_redir_target_fini(target);
		return false;
	}
	clove_explain(error, "\"%s\" is not understood: say unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, listen-unix:PATH or "
			"listen-tcp:HOST:PORT", text);
	return false;
}

void clove_redir_target_fini(struct clove_redir_target *target)
{
	free(target->host);
	free(target->name);
	*target = (struct clove_redir_target){ 0 };
}

static void disconnect(struct clove_redir *self, const char *why)
{
	bool was_there = self->stream;

	if (was_there)
		clove_log(INFO, "usbredir", "%s: the connection ended%s%s", self->target->name, why ? ": " : "",
				why ? why : "");
	clove_watch_remove(self->loop, self->watch);
	self->watch = NULL;
	clove_usb_guest_free(self->guest);
	self->guest = NULL;
	clove_stream_free(self->stream);
	self->stream = NULL;
	self->has_output = self->needs_write = false;
	if (self->listener < 0) {
		clove_timer_start(self->loop, self->again, self->pause_ms);
		self->pause_ms = self->pause_ms * 2 < LAST_PAUSE_MS ? self->pause_ms * 2 : LAST_PAUSE_MS;
	}
}

static void on_output(void *owner)
{
	struct clove_redir *self = owner;

	self->has_output = true;
}

static void on_device(void *owner, struct clove_usb_device *device)
{
	struct clove_redir *self = owner;
	char name[sizeof device->name];

	memcpy(name, device->name, sizeof name);
	if (self->plug(self->owner, device)) {
		clove_log(INFO, "usbredir", "%s: %s is plugged in", self->target->name, name);
		return;
	}
	clove_log(WARN, "usbredir", "%s: no free port for %s", self->target->name, name);
	if (self->guest)
		clove_usb_guest_reject(self->guest);
}

static const struct clove_usb_guest_events guest_events = { on_output, on_device };

static void watch(struct clove_redir *self)
{
	int mask = self->is_shaking ? clove_stream_wants(self->stream) :
			CLOVE_READ | (self->needs_write ? CLOVE_WRITE : 0);

	if (mask != self->watched)
		clove_watch_set(self->loop, self->watch, mask);
	self->watched = mask;
}

static const char *reason(const struct clove_redir *self, enum clove_err err)
{
	return self->stream->error ? self->stream->error : err == CLOVE_ERR_CLOSED ? NULL : clove_err_name(err);
}

/* False: the connection is gone. */
static bool send_greeting(struct clove_redir *self)
{
	while (self->greeting) {
		size_t put;
		enum clove_err err = clove_stream_write(self->stream,
				greeting + sizeof greeting - 1 - self->greeting, self->greeting, &put);

		if (err == CLOVE_ERR_AGAIN) {
			self->needs_write = true;
			return true;
		}
		if (err) {
			disconnect(self, reason(self, err));
			return false;
		}
		self->greeting -= put;
	}
	return true;
}

void clove_redir_flush(struct clove_redir *self)
{
	if (!self->stream || self->is_shaking || !self->has_output)
		return;
	self->needs_write = false;
	if (!send_greeting(self))
		return;
	while (!self->needs_write) {
		struct iovec iov[IOV];
		size_t put;
		int n = clove_usb_guest_output(self->guest, iov, IOV);

		if (!n) {
			self->has_output = false;
			break;
		}
		enum clove_err err = clove_stream_writev(self->stream, iov, n, &put);

		if (err == CLOVE_ERR_AGAIN) {
			self->needs_write = true;
		} else if (err) {
			disconnect(self, reason(self, err));
			return;
		} else {
			clove_usb_guest_sent(self->guest, put);
		}
	}
	watch(self);
}

static void on_readable(struct clove_redir *self)
{
	for (int i = 0; i < READS_A_TURN || clove_stream_buffered(self->stream); i++) {
		size_t got;
		enum clove_err err = clove_stream_read(self->stream, self->in, READ_SIZE, &got);

		if (err == CLOVE_ERR_AGAIN)
			return;
		if (err) {
			disconnect(self, reason(self, err));
			return;
		}
		self->pause_ms = FIRST_PAUSE_MS;
		if (clove_usb_guest_feed(self->guest, CLOVE_BYTES(self->in, got))) {
			const char *why = clove_usb_guest_error(self->guest);

			clove_log(WARN, "usbredir", "%s: %s", self->target->name, why ? why : "what came makes no sense");
			disconnect(self, NULL);
			return;
		}
	}
}

static void on_stream(void *opaque, int fd, int events)
{
	struct clove_redir *self = opaque;

	(void)fd;
	if (self->is_shaking) {
		enum clove_err err = clove_stream_handshake(self->stream);

		if (err && err != CLOVE_ERR_AGAIN) {
			clove_log(WARN, "usbredir", "%s: %s", self->target->name,
					self->stream->error ? self->stream->error : clove_err_name(err));
			disconnect(self, NULL);
			return;
		}
		self->is_shaking = err;
		watch(self);
		/* what came with the end of the handshake is with TLS already: the descriptor stays silent */
		if (err || !clove_stream_buffered(self->stream))
			return;
		events = CLOVE_READ;
	}
	if (events & CLOVE_READ)
		on_readable(self);
	if (self->stream)
		clove_redir_flush(self);
}

/* Takes the stream. */
static void begin(struct clove_redir *self, struct clove_stream *stream)
{
	self->stream = stream;
	if (self->target->kind == CLOVE_REDIR_TLS)
		self->stream = clove_tls_stream_new(self->tls, stream);
	self->guest = self->stream ? clove_usb_guest_new(self->loop, &guest_events, self) : NULL;
	self->watched = CLOVE_READ;
	self->watch = self->guest ?
			clove_watch_add(self->loop, self->stream->fd, self->watched, on_stream, self) : NULL;
	if (!self->watch) {
		disconnect(self, "no memory");
		return;
	}
	self->is_told = false;
	self->greeting = self->target->kind == CLOVE_REDIR_BRIDGE ? sizeof greeting - 1 : 0;
	self->has_output = true;
	self->is_shaking = true;
	on_stream(self, self->stream->fd, 0);
}

static void on_connected(void *opaque, struct clove_stream *stream, const char *error)
{
	struct clove_redir *self = opaque;

	self->connector = NULL;
	if (stream) {
		begin(self, stream);
		return;
	}
	if (!self->is_told)
		clove_log(WARN, "usbredir", "%s: %s; trying again", self->target->name, error);
	self->is_told = true;
	disconnect(self, NULL);
}

static void on_again(void *opaque)
{
	struct clove_redir *self = opaque;
	const struct clove_redir_target *target = self->target;

	if (self->stream || self->connector)
		return;
	if (target->kind == CLOVE_REDIR_UNIX || target->kind == CLOVE_REDIR_BRIDGE)
		self->connector = clove_connect_unix(self->loop, target->host, on_connected, self);
	else
		self->connector = clove_connect_tcp(self->loop, target->host, target->port, on_connected, self);
	if (!self->connector)
		clove_timer_start(self->loop, self->again, LAST_PAUSE_MS);
}

static void on_connection(void *opaque, int fd, int events)
{
	struct clove_redir *self = opaque;
	int peer = clove_accept(fd);
	struct clove_stream *stream;

	(void)events;
	if (peer < 0)
		return;
	stream = self->stream ? NULL : clove_socket_stream_new(peer, KEEPALIVE_S);
	if (!stream) {
		clove_log_limited(WARN, "usbredir", "%s: a second connection was sent away", self->target->name);
		close(peer);
		return;
	}
	begin(self, stream);
}

struct clove_redir *clove_redir_new(struct clove_loop *loop, const struct clove_redir_target *target,
		struct clove_tls *tls, clove_redir_plug_fn plug, void *owner, char **error)
{
	struct clove_redir *self = calloc(1, sizeof *self);

	*error = NULL;
	if (!self)
		return NULL;
	*self = (struct clove_redir){ .loop = loop, .target = target, .tls = tls, .plug = plug, .owner = owner,
			.listener = -1, .pause_ms = FIRST_PAUSE_MS };
	self->in = malloc(READ_SIZE);
	self->again = clove_timer_add(loop, on_again, self);
	if (!self->in || !self->again) {
		clove_redir_free(self);
		return NULL;
	}
	if (target->kind == CLOVE_REDIR_LISTEN_UNIX)
		self->listener = clove_listen_unix(target->host, error);
	else if (target->kind == CLOVE_REDIR_LISTEN_TCP)
		self->listener = clove_listen_tcp(target->host, target->port, CLOVE_FAMILY_ANY, error);
	if (self->listener >= 0)
		self->listening = clove_watch_add(loop, self->listener, CLOVE_READ, on_connection, self);
	if (*error || (self->listener >= 0 && !self->listening)) {
		clove_redir_free(self);
		return NULL;
	}
	if (self->listener < 0)
		clove_timer_start(loop, self->again, 0);
	return self;
}

void clove_redir_free(struct clove_redir *self)
{
	if (!self)
		return;
	clove_connector_cancel(self->connector);
	clove_watch_remove(self->loop, self->watch);
	clove_usb_guest_free(self->guest);
	clove_stream_free(self->stream);
	clove_watch_remove(self->loop, self->listening);
	if (self->listener >= 0) {
		close(self->listener);
		if (self->target->kind == CLOVE_REDIR_LISTEN_UNIX)
			unlink(self->target->host);
	}
	clove_timer_remove(self->loop, self->again);
	free(self->in);
	free(self);
}
