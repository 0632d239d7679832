/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel-fixture.h - the server's end of a viewer's channel, in a test's own loop. */
#ifndef CLOVE_TESTS_CHANNEL_FIXTURE_H
#define CLOVE_TESTS_CHANNEL_FIXTURE_H

#include <stdarg.h>
#include <string.h>
#include "client-gtk/opening.h"
#include "common/net/channel.h"
#include "net-fixture.h"

struct peer {
	struct clove_channel channel; /* first, so that a channel is a peer */
	char said[4096];              /* by the viewer, a word each */
	size_t len;
	bool is_closed;
};

static inline void peer_note(struct peer *peer, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
static inline void peer_note(struct peer *peer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	peer->len += (size_t)vsnprintf(peer->said + peer->len, sizeof peer->said - peer->len, format, args);
	va_end(args);
	ck_assert_uint_lt(peer->len, sizeof peer->said);
}

static void peer_closed(void *channel, enum clove_err err)
{
	struct peer *peer = channel;

	(void)err;
	peer->is_closed = true;
}

/* A channel between two ends of a socket pair; *opened is the viewer's. */
static void peer_open(struct peer *peer, struct clove_loop *loop, enum clove_channel_type type,
		const struct clove_channel_ops *ops, struct clove_opened *opened)
{
	struct clove_stream *ends[2];

	net_pair(ends);
	*opened = (struct clove_opened){ .stream = ends[1], .mini_header = true };
	ck_assert_int_eq(clove_channel_init(&peer->channel, ops, &(struct clove_channel_options){
		.take_stream = ends[0], .loop = loop, .type = type, .is_server = true,
		.mini_header = true }), CLOVE_OK);
	clove_channel_start(&peer->channel);
}

#endif
