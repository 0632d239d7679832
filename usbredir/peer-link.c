/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer-link.c - listening, connecting with growing pauses, and the TLS handshake's deadline. */
#include "usbredir/peer-link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/net/tls.h"

enum { FIRST_PAUSE = 250, LONGEST_PAUSE = 8000, HANDSHAKE = 10000, KEEP_ALIVE = 30 }; /* ms, and seconds */

struct peer_link {
	struct clove_loop *loop;
	struct peer_link_options options;
	const struct peer_link_events *events;
	void *owner;
	struct clove_tls *tls;
	int listener;
	struct clove_watch *listener_watch;
	struct clove_connector *connector;
	struct clove_timer *pause_timer, *deadline;
	uint32_t pause;
	struct clove_stream *shaking;    /* its TLS handshake goes on */
	struct clove_watch *shaking_watch;
};

static void drop_shaking(struct peer_link *link)
{
	clove_timer_stop(link->loop, link->deadline);
	clove_watch_remove(link->loop, link->shaking_watch);
	link->shaking_watch = NULL;
	clove_stream_free(link->shaking);
	link->shaking = NULL;
}

/* Listening goes on at once: whoever failed does not keep the next away. */
static void try_again(struct peer_link *link)
{
	if (link->options.listens) {
		clove_watch_set(link->loop, link->listener_watch, CLOVE_READ);
		return;
	}
	clove_timer_start(link->loop, link->pause_timer, link->pause);
	link->pause = link->pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : link->pause * 2;
}

static void fail(struct peer_link *link, const char *why)
{
	link->events->failed(link->owner, why);
	try_again(link);
}

static void shake(struct peer_link *link)
{
	enum clove_err err = clove_stream_handshake(link->shaking);
	struct clove_stream *stream = link->shaking;

	if (err == CLOVE_ERR_AGAIN) {
		clove_watch_set(link->loop, link->shaking_watch, clove_stream_wants(stream));
		return;
	}
	if (err) {
		char why[256];

		snprintf(why, sizeof why, "%s: %s", stream->peer, stream->error ? stream->error :
				"the connection was closed in the middle of the TLS handshake");
		drop_shaking(link);
		fail(link, why);
		return;
	}
	link->shaking = NULL;
	drop_shaking(link);
	link->events->peer(link->owner, stream);
}

static void on_shaking(void *opaque, int fd, int events)
{
	(void)fd;
	(void)events;
	shake(opaque);
}

static void on_deadline(void *opaque)
{
	struct peer_link *link = opaque;

	drop_shaking(link);
	fail(link, "the TLS handshake took too long: does the other end speak TLS?");
}

static void have_stream(struct peer_link *link, struct clove_stream *take_stream)
{
	if (!link->tls) {
		link->events->peer(link->owner, take_stream);
		return;
	}
	link->shaking = clove_tls_stream_new(link->tls, take_stream);
	if (link->shaking)
		link->shaking_watch = clove_watch_add(link->loop, link->shaking->fd, CLOVE_READ | CLOVE_WRITE,
				on_shaking, link);
	if (!link->shaking_watch) {
		drop_shaking(link);
		fail(link, "out of memory");
		return;
	}
	clove_timer_start(link->loop, link->deadline, HANDSHAKE);
	shake(link);
}

/* ---- connecting --------------------------------------------------------------------------------------- */

static void on_connected(void *opaque, struct clove_stream *take_stream, const char *error)
{
	struct peer_link *link = opaque;

	link->connector = NULL;
	if (take_stream)
		have_stream(link, take_stream);
	else
		fail(link, error);
}

static void on_pause_over(void *opaque)
{
	struct peer_link *link = opaque;
	const struct peer_link_options *o = &link->options;

	link->connector = o->port == -1 ? clove_connect_unix(link->loop, o->host, on_connected, link) :
			clove_connect_tcp(link->loop, o->host, o->port, on_connected, link);
	if (!link->connector)
		fail(link, "out of memory");
}

/* ---- listening ---------------------------------------------------------------------------------------- */

static void on_listener(void *opaque, int fd, int events)
{
	struct peer_link *link = opaque;
	struct clove_stream *stream;
	int accepted = clove_accept(fd);

	(void)events;
	if (accepted < 0)
		return;
	stream = clove_socket_stream_new(accepted, KEEP_ALIVE);
	if (!stream) {
		close(accepted);
		return;
	}
	clove_watch_set(link->loop, link->listener_watch, 0); /* one at a time: the next one waits */
	have_stream(link, stream);
}

static bool begin_listening(struct peer_link *link, char **error)
{
	const struct peer_link_options *o = &link->options;

	link->listener = o->port == -1 ? clove_listen_unix(o->host, error) :
			clove_listen_tcp(o->host, o->port == -2 ? 0 : o->port, CLOVE_FAMILY_ANY, error);
	if (link->listener < 0)
		return false;
	link->listener_watch = clove_watch_add(link->loop, link->listener, CLOVE_READ, on_listener, link);
	if (!link->listener_watch)
		*error = strdup("out of memory");
	return link->listener_watch;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static bool make_tls(struct peer_link *link, char **error)
{
	const struct peer_link_options *o = &link->options;

	if (!o->is_tls)
		return true;
	link->tls = o->listens ?
			clove_tls_server_new(&(struct clove_tls_server_options){ .ca_file = o->ca_file,
					.cert_file = o->cert_file, .key_file = o->key_file }, error) :
			clove_tls_client_new(&(struct clove_tls_client_options){ .ca_file = o->ca_file,
					.host = o->host, .subject = o->host_subject }, error);
	return link->tls;
}

struct peer_link *peer_link_new(struct clove_loop *loop, const struct peer_link_options *options,
		const struct peer_link_events *events, void *owner, char **error)
{
	struct peer_link *link = calloc(1, sizeof *link);

	*error = NULL;
	if (!link) {
		*error = strdup("out of memory");
		return NULL;
	}
	*link = (struct peer_link){ .loop = loop, .options = *options, .events = events, .owner = owner,
			.listener = -1, .pause = FIRST_PAUSE };
	link->pause_timer = clove_timer_add(loop, on_pause_over, link);
	link->deadline = clove_timer_add(loop, on_deadline, link);
	if (!link->pause_timer || !link->deadline || !make_tls(link, error) ||
			(options->listens && !begin_listening(link, error))) {
		if (!*error)
			*error = strdup("out of memory");
		peer_link_free(link);
		return NULL;
	}
	if (!options->listens)
		clove_timer_start(loop, link->pause_timer, 0);
	return link;
}

void peer_link_free(struct peer_link *link)
{
	if (!link)
		return;
	drop_shaking(link);
	clove_connector_cancel(link->connector);
	clove_watch_remove(link->loop, link->listener_watch);
	if (link->listener >= 0) {
		close(link->listener);
		if (link->options.port == -1 && *link->options.host != '@')
			unlink(link->options.host);
	}
	clove_timer_remove(link->loop, link->pause_timer);
	clove_timer_remove(link->loop, link->deadline);
	clove_tls_free(link->tls);
	free(link);
}

void peer_link_next(struct peer_link *link, bool was_good)
{
	if (was_good)
		link->pause = FIRST_PAUSE;
	try_again(link);
}

int peer_link_port(const struct peer_link *link)
{
	return link->listener >= 0 && link->options.port != -1 ? clove_socket_port(link->listener) : 0;
}
