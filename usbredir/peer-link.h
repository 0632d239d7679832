/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer-link.h - where peers come from: one at a time, by connecting again and again or by listening. */
#ifndef CLOVE_USBREDIR_PEER_LINK_H
#define CLOVE_USBREDIR_PEER_LINK_H

#include <stdbool.h>
#include "common/net/stream.h"
#include "common/util/loop.h"

struct peer_link;

struct peer_link_options {
	bool listens;
	const char *host;            /* or the path of a unix socket; NULL: every address */
	int port;                    /* -1: unix; listening, -2: any */
	bool is_tls;
	const char *ca_file, *cert_file, *key_file, *host_subject;
};

struct peer_link_events {
	/* A peer, TLS and all. The next comes after peer_link_next. */
	void (*peer)(void *owner, struct clove_stream *take_stream);
	/* An attempt failed: a sentence. There will be another. */
	void (*failed)(void *owner, const char *why);
};

/* NULL with a sentence in *error (free it): a bad address, certificate or key. The first peer is looked for. */
struct peer_link *peer_link_new(struct clove_loop *loop, const struct peer_link_options *options,
		const struct peer_link_events *events, void *owner, char **error);
void peer_link_free(struct peer_link *link); /* takes NULL */
/* The last peer is gone; `was_good` if it spoke: then the next attempt is soon. */
void peer_link_next(struct peer_link *link, bool was_good);
/* The port that it listens on, or 0. */
int peer_link_port(const struct peer_link *link);

#endif
