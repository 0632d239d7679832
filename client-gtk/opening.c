/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* opening.c - in what order plain and TLS are tried, and what each way of failing is called. */
#include "client-gtk/opening.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "common/net/tcp.h"

enum { TIME_LIMIT_MS = 10000 };

struct clove_opening {
	struct clove_opening_options options;
	clove_opened_fn fn;
	void *opaque;
	struct clove_connector *connector;
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_timer *timer;
	struct clove_link link;
	struct clove_buf early;
	uint8_t greeting[4];         /* the first bytes of the server, which tell what it is */
	size_t greeted;
	bool is_tls, is_ready, is_linking;
};

static void connect_server(struct clove_opening *opening);

static void disconnect_server(struct clove_opening *opening)
{
	clove_connector_cancel(opening->connector);
	opening->connector = NULL;
	clove_watch_remove(opening->options.loop, opening->watch);
	opening->watch = NULL;
	clove_stream_free(opening->stream);
	opening->stream = NULL;
	if (opening->is_linking)
		clove_link_fini(&opening->link);
	memset(&opening->link, 0, sizeof opening->link);
	clove_buf_clear(&opening->early);
	opening->is_ready = opening->is_linking = false;
	opening->greeted = 0;
}

void clove_opening_cancel(struct clove_opening *opening)
{
	if (!opening)
		return;
	disconnect_server(opening);
	clove_timer_remove(opening->options.loop, opening->timer);
	clove_buf_fini(&opening->early);
	free(opening);
}

static void fail(struct clove_opening *opening, enum clove_failure failure, const char *format, ...)
		G_GNUC_PRINTF(3, 4);
static void fail(struct clove_opening *opening, enum clove_failure failure, const char *format, ...)
{
	struct clove_opened opened = { .failure = failure };
	clove_opened_fn fn = opening->fn;
	void *opaque = opening->opaque;
	char *cause;
	va_list args;

	va_start(args, format);
	cause = g_strdup_vprintf(format, args);
	va_end(args);
	clove_opening_cancel(opening);
	opened.cause = cause;
	fn(opaque, &opened);
	g_free(cause);
}

static void succeed(struct clove_opening *opening)
{
	struct clove_opened opened = {
		.stream = opening->stream,
		.info = opening->link.info,
		.mini_header = opening->link.mini_header,
		.early = opening->early,
	};
	clove_opened_fn fn = opening->fn;
	void *opaque = opening->opaque;

	/* the descriptor must be unwatched before its next owner watches it */
	opening->stream = NULL;
	memset(&opening->early, 0, sizeof opening->early);
	clove_opening_cancel(opening);
	fn(opaque, &opened);
}

static void ended(struct clove_opening *opening, enum clove_err err)
{
	const char *why = opening->stream->error;

	if (err == CLOVE_ERR_TLS)
		fail(opening, CLOVE_FAILURE_TLS, "%s", why ? why : "The TLS connection failed.");
	else if (memcmp(opening->greeting, "REDQ", opening->greeted))
		fail(opening, CLOVE_FAILURE_NOT_SPICE, "What answers there is not a SPICE server.");
	else if (!opening->greeted)
		fail(opening, CLOVE_FAILURE_EARLY, "The server closed the connection before it said "
				"anything.");
	else
		fail(opening, CLOVE_FAILURE_EARLY, "The server closed the connection in the middle of "
				"the handshake.");
}

static void refused(struct clove_opening *opening)
{
	enum clove_link_error error = opening->link.error;
	const char *reason = opening->link.reason;

	if (error == CLOVE_LINK_NEED_SECURED && !opening->is_tls && opening->options.tls &&
			opening->options.address->tls_port) {
		disconnect_server(opening);
		opening->is_tls = true;
		connect_server(opening);
	} else if (error == CLOVE_LINK_NEED_SECURED) {
		fail(opening, CLOVE_FAILURE_TLS, "The server wants TLS, and the address gives no TLS "
				"port.");
	} else if (error == CLOVE_LINK_PERMISSION_DENIED) {
		fail(opening, CLOVE_FAILURE_PASSWORD, "The password is wrong or has expired.");
	} else if (error == CLOVE_LINK_INVALID_MAGIC || (error == CLOVE_LINK_OK && !opening->is_tls)) {
		fail(opening, CLOVE_FAILURE_NOT_SPICE, "What answers there is not a SPICE server%s%s.",
				reason ? ": " : "", reason ? reason : "");
	} else {
		fail(opening, CLOVE_FAILURE_REFUSED, "The server refused: %s.",
				reason ? reason : clove_link_error_name(error));
	}
}

/* True while the opening is still there and may read on. */
static bool feed(struct clove_opening *opening, const uint8_t *data, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && opening->greeted < sizeof opening->greeting; i++)
		opening->greeting[opening->greeted++] = data[i];
	if (clove_link_feed(&opening->link, CLOVE_BYTES(data, len), &used)) {
		fail(opening, CLOVE_FAILURE_NOT_SPICE, "What answers there is not a SPICE server.");
		return false;
	}
	if (opening->link.state == CLOVE_LINK_FAILED) {
		refused(opening);
		return false;
	}
	if (opening->link.state != CLOVE_LINK_DONE)
		return true;
	if (clove_buf_append(&opening->early, data + used, len - used))
		fail(opening, CLOVE_FAILURE_CONNECT, "There is not enough memory.");
	else
		succeed(opening);
	return false;
}

static enum clove_err flush(struct clove_opening *opening)
{
	struct clove_buf *out = &opening->link.out;

	while (out->len) {
		size_t put = 0;
		enum clove_err err = clove_stream_write(opening->stream, out->data, out->len, &put);

		if (err)
			return err;
		clove_buf_consume(out, put);
	}
	return CLOVE_OK;
}

static void move_on(void *opaque, int fd, int events)
{
	struct clove_opening *opening = opaque;
	enum clove_err err = CLOVE_OK;
	uint8_t data[4096];
	size_t got;

	(void)fd;
	(void)events;
	if (!opening->is_ready) {
		err = clove_stream_handshake(opening->stream);
		if (!err)
			opening->is_ready = true;
	}
	while (!err) {
		err = flush(opening);
		if (err && err != CLOVE_ERR_AGAIN)
			break;
		/* the stream says of one direction only what it waits for: reading is what is left */
		if (err == CLOVE_ERR_AGAIN) {
			clove_watch_set(opening->options.loop, opening->watch,
					clove_stream_wants(opening->stream) | CLOVE_WRITE);
			return;
		}
		err = clove_stream_read(opening->stream, data, sizeof data, &got);
		if (!err && !feed(opening, data, got))
			return;
	}
	if (err == CLOVE_ERR_AGAIN) {
		int wants = clove_stream_wants(opening->stream);

		clove_watch_set(opening->options.loop, opening->watch, wants ? wants : CLOVE_READ);
		return;
	}
	ended(opening, err);
}

static void connected(void *opaque, struct clove_stream *take_stream, const char *error)
{
	struct clove_opening *opening = opaque;

	opening->connector = NULL;
	if (!take_stream) {
		fail(opening, CLOVE_FAILURE_CONNECT, "%s", error ? error : "No connection.");
		return;
	}
	opening->stream = opening->is_tls ? clove_tls_stream_new(opening->options.tls, take_stream)
			: take_stream;
	if (opening->stream) {
		clove_link_init_client(&opening->link, &opening->options.wanted,
				opening->options.address->password);
		opening->is_linking = true;
		opening->watch = clove_watch_add(opening->options.loop, opening->stream->fd,
				CLOVE_READ | CLOVE_WRITE, move_on, opening);
	}
	if (!opening->watch)
		fail(opening, CLOVE_FAILURE_CONNECT, "There is not enough memory.");
}

static void too_late(void *opaque)
{
	struct clove_opening *opening = opaque;

	fail(opening, CLOVE_FAILURE_CONNECT, "The server did not answer within %d seconds.",
			TIME_LIMIT_MS / 1000);
}

static void no_memory(void *opaque)
{
	fail(opaque, CLOVE_FAILURE_CONNECT, "There is not enough memory.");
}

static void connect_server(struct clove_opening *opening)
{
	const struct clove_address *address = opening->options.address;
	struct clove_loop *loop = opening->options.loop;

	if (address->unix_path)
		opening->connector = clove_connect_unix(loop, address->unix_path, connected, opening);
	else
		opening->connector = clove_connect_tcp(loop, address->host,
				opening->is_tls ? address->tls_port : address->port, connected, opening);
	if (opening->connector)
		return;
	/* the answer never comes from inside: a timer that is due gives it */
	clove_timer_remove(loop, opening->timer);
	opening->timer = clove_timer_add(loop, no_memory, opening);
	if (opening->timer)
		clove_timer_start(loop, opening->timer, 0);
}

static void no_tls(void *opaque)
{
	struct clove_opening *opening = opaque;

	fail(opening, CLOVE_FAILURE_TLS, opening->options.address->unix_path ?
			"This channel must be secure, and a unix socket has no TLS." :
			"This channel must be secure, and the address gives no TLS port.");
}

struct clove_opening *clove_opening_new(const struct clove_opening_options *options,
		clove_opened_fn fn, void *opaque)
{
	struct clove_opening *opening = calloc(1, sizeof *opening);
	const struct clove_address *address = options->address;
	bool has_tls = options->tls && address->tls_port && !address->unix_path;

	if (!opening)
		return NULL;
	opening->options = *options;
	opening->fn = fn;
	opening->opaque = opaque;
	opening->is_tls = !address->unix_path && (options->is_secure || !address->port);
	opening->timer = clove_timer_add(options->loop,
			(options->is_secure || opening->is_tls) && !has_tls ? no_tls : too_late, opening);
	if (!opening->timer) {
		clove_opening_cancel(opening);
		return NULL;
	}
	if ((options->is_secure || opening->is_tls) && !has_tls) {
		clove_timer_start(options->loop, opening->timer, 0);
		return opening;
	}
	clove_timer_start(options->loop, opening->timer, TIME_LIMIT_MS);
	connect_server(opening);
	return opening;
}
