/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* opening.h - one channel's way from an address to a linked stream: connect, TLS, link, ticket. */
#ifndef CLOVE_CLIENT_GTK_OPENING_H
#define CLOVE_CLIENT_GTK_OPENING_H

#include "client-gtk/uri.h"
#include "common/net/link.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "common/util/buf.h"
#include "common/util/loop.h"

enum clove_failure {
	CLOVE_FAILURE_NONE,
	CLOVE_FAILURE_CONNECT,     /* nobody there, no such host, no answer in time */
	CLOVE_FAILURE_NOT_SPICE,
	CLOVE_FAILURE_EARLY,       /* the server closed in the middle */
	CLOVE_FAILURE_TLS,         /* identity, or no TLS where there must be */
	CLOVE_FAILURE_PASSWORD,    /* wrong or expired: the protocol does not tell */
	CLOVE_FAILURE_REFUSED,     /* by a link error, named in the cause */
};

struct clove_opening_options {
	struct clove_loop *loop;
	const struct clove_address *address; /* copied where needed later: lives as long as the opening */
	struct clove_tls *tls;               /* NULL: plain only */
	bool is_secure;                      /* TLS or nothing */
	struct clove_link_info wanted;       /* whose channel, and what we can do */
};

/* What an opening gives; the callee takes the stream and the early bytes. */
struct clove_opened {
	enum clove_failure failure;
	const char *cause;             /* a sentence for people; NULL without a failure */
	struct clove_stream *stream;
	struct clove_link_info info;   /* the server's capabilities */
	bool mini_header;
	struct clove_buf early;        /* bytes of the channel that came with the link result */
};

typedef void (*clove_opened_fn)(void *opaque, struct clove_opened *opened);

struct clove_opening;

/* Calls back once, from the loop, and is gone then; all of it takes 10 s at most. Plain first where
 * the address has a plain port, then TLS if the server asks for it. NULL without memory. */
struct clove_opening *clove_opening_new(const struct clove_opening_options *options,
		clove_opened_fn fn, void *opaque);
/* Before the answer; there will be none. NULL is fine. */
void clove_opening_cancel(struct clove_opening *opening);

#endif
