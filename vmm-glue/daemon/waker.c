/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* waker.c - QMP's system_wakeup, and the bridge's CLOVEWAK: one short conversation for each wake. */
#include "vmm-glue/daemon/waker.h"

#include <stdlib.h>
#include <string.h>
#include "common/net/tcp.h"
#include "common/util/buf.h"
#include "common/util/log.h"

enum { PATIENCE_MS = 5000, LINE_MAX_BYTES = 65536 };

enum step {
	IDLE,
	CONNECTING,
	QMP_GREETING,
	QMP_CAPABILITIES,
	QMP_WAKEUP,
	BRIDGE_ANSWER,
};

struct clove_waker {
	struct clove_loop *loop;
	const char *qmp, *bridge;
	enum step step;
	struct clove_connector *connector;
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_timer *timer;
	struct clove_buf in;
};

static void end(struct clove_waker *self)
{
	clove_connector_cancel(self->connector);
	self->connector = NULL;
	clove_watch_remove(self->loop, self->watch);
	self->watch = NULL;
	clove_stream_free(self->stream);
	self->stream = NULL;
	clove_timer_stop(self->loop, self->timer);
	clove_buf_clear(&self->in);
	self->step = IDLE;
}

static void give_up(struct clove_waker *self, const char *why)
{
	clove_log(WARN, "wake", "%s did not wake the guest: %s", self->qmp ? self->qmp : self->bridge, why);
	end(self);
}

/* A few bytes into a socket that has just been opened: they fit, or the peer is no use. */
static void say(struct clove_waker *self, const char *text, size_t len, enum step next)
{
	size_t put;

	if (clove_stream_write(self->stream, text, len, &put) || put != len)
		give_up(self, "it takes nothing");
	else
		self->step = next;
}

static void say_line(struct clove_waker *self, const char *line, enum step next)
{
	say(self, line, strlen(line), next);
}

/* A line of QMP is an object; which one it is can be told by a member that the others have not. */
static void on_line(struct clove_waker *self, const char *line)
{
	if (strstr(line, "\"event\"") && !strstr(line, "\"return\""))
		return;
	if (strstr(line, "\"error\"")) {
		const char *text = strstr(line, "\"desc\"");

		give_up(self, text ? text : line);
		return;
	}
	switch (self->step) {
	case QMP_GREETING:
		if (strstr(line, "\"QMP\""))
			say_line(self, "{\"execute\":\"qmp_capabilities\"}\n", QMP_CAPABILITIES);
		break;
	case QMP_CAPABILITIES:
		say_line(self, "{\"execute\":\"system_wakeup\"}\n", QMP_WAKEUP);
		break;
	case QMP_WAKEUP:
		clove_log(INFO, "wake", "the guest was woken through %s", self->qmp);
		end(self);
		break;
	default:
		break;
	}
}

static void on_answer(void *opaque, int fd, int events)
{
	struct clove_waker *self = opaque;
	size_t got;
	uint8_t *room = self->in.len < LINE_MAX_BYTES ? clove_buf_reserve(&self->in, 4096) : NULL;
	enum clove_err err = room ? clove_stream_read(self->stream, room, 4096, &got) : CLOVE_ERR_LIMIT;

	(void)fd, (void)events;
	if (err == CLOVE_ERR_AGAIN)
		return;
	if (err) {
		give_up(self, err == CLOVE_ERR_CLOSED ? "it closed the connection" : clove_err_name(err));
		return;
	}
	self->in.len += got;
	if (self->step == BRIDGE_ANSWER) {
		if (self->in.data[0] == 1)
			clove_log(INFO, "wake", "the guest was sent a wake key through %s", self->bridge);
		else
			clove_log(WARN, "wake", "%s refused to wake the guest: it has no keyboard", self->bridge);
		end(self);
		return;
	}
	while (self->in.len) {
		uint8_t *end_of_line = memchr(self->in.data, '\n', self->in.len);

		if (!end_of_line)
			break;
		size_t len = (size_t)(end_of_line - self->in.data);

		*end_of_line = 0;
		on_line(self, (const char *)self->in.data);
		if (self->step == IDLE)
			break;
		clove_buf_consume(&self->in, len + 1);
	}
}

static void on_connected(void *opaque, struct clove_stream *stream, const char *error)
{
	struct clove_waker *self = opaque;

	self->connector = NULL;
	if (!stream) {
		give_up(self, error);
		return;
	}
	self->stream = stream;
	self->watch = clove_watch_add(self->loop, stream->fd, CLOVE_READ, on_answer, self);
	if (!self->watch)
		give_up(self, "no memory");
	else if (self->qmp)
		self->step = QMP_GREETING;
	else
		say(self, "CLOVEWAK\1", 9, BRIDGE_ANSWER);
}

static void on_late(void *opaque)
{
	give_up(opaque, "it does not answer");
}

void clove_waker_wake(struct clove_waker *self)
{
	const char *path = self->qmp ? self->qmp : self->bridge;

	if (self->step != IDLE)
		return;
	if (!path) {
		clove_log_limited(WARN, "wake", "a device wants to wake the guest, but nothing was given to wake it with: "
				"use --qmp or --bridge");
		return;
	}
	self->connector = clove_connect_unix(self->loop, path, on_connected, self);
	if (!self->connector)
		return;
	self->step = CONNECTING;
	clove_timer_start(self->loop, self->timer, PATIENCE_MS);
}

struct clove_waker *clove_waker_new(struct clove_loop *loop, const char *qmp, const char *bridge)
{
	struct clove_waker *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	*self = (struct clove_waker){ .loop = loop, .qmp = qmp, .bridge = bridge };
	self->timer = clove_timer_add(loop, on_late, self);
	if (self->timer)
		return self;
	free(self);
	return NULL;
}

void clove_waker_free(struct clove_waker *self)
{
	if (!self)
		return;
	end(self);
	clove_timer_remove(self->loop, self->timer);
	clove_buf_fini(&self->in);
	free(self);
}
