/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.h - the handshake of one channel, both roles: fed bytes, emitting bytes (spice-wire 2, 3).
 *
 * It owns no socket. The owner feeds what it read and writes what it finds in link->out; when
 * link->state says so it decides and calls back. Bytes after the link result belong to the
 * channel: feed() stops before them.
 */
#ifndef CLOVE_NET_LINK_H
#define CLOVE_NET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/net/ticket.h"
#include "common/protocol/caps.h"
#include "common/util/buf.h"
#include "common/util/bytes.h"
#include "common/util/err.h"

enum clove_link_error {          /* spice-wire 2.6 */
	CLOVE_LINK_OK = 0,
	CLOVE_LINK_ERROR = 1,
	CLOVE_LINK_INVALID_MAGIC = 2,
	CLOVE_LINK_INVALID_DATA = 3,
	CLOVE_LINK_VERSION_MISMATCH = 4,
	CLOVE_LINK_NEED_SECURED = 5,
	CLOVE_LINK_NEED_UNSECURED = 6,
	CLOVE_LINK_PERMISSION_DENIED = 7,
	CLOVE_LINK_BAD_CONNECTION_ID = 8,
	CLOVE_LINK_CHANNEL_NOT_AVAILABLE = 9,
};

const char *clove_link_error_name(enum clove_link_error error);

enum clove_link_state {
	CLOVE_LINK_GOING_ON,    /* feed more */
	CLOVE_LINK_ASKING,      /* server: the link message is in `info`; call _accept or _refuse */
	CLOVE_LINK_TICKETED,    /* server: `password` is there; call _finish */
	CLOVE_LINK_DONE,        /* the channel may start */
	CLOVE_LINK_FAILED,      /* see `error` and `reason`; flush out, then close */
};

struct clove_link_info {
	uint32_t connection_id;
	uint8_t channel_type, channel_id;
	struct clove_caps common_caps, channel_caps; /* the peer's */
};

struct clove_link {
	enum clove_link_state state;
	enum clove_link_error error;
	const char *reason;          /* FAILED: a few words why; static */
	struct clove_link_info info;
	struct clove_buf out;        /* to be written; the owner consumes it */
	bool mini_header;            /* valid when DONE */
	bool was_refused_by_result;  /* client: `error` came as link result: after the ticket */
	char password[128];          /* server, TICKETED: as a C string; wiped by _fini */
	/* private */
	bool is_server;
	unsigned int step;
	uint32_t size;               /* bytes that this step needs */
	struct clove_buf in;
	struct clove_ticket *ticket;
	struct clove_caps own_common;
};

/* Server. The link starts with nothing known. */
void clove_link_init_server(struct clove_link *link);
/* After ASKING: refuse with an error (a complete reply is emitted), or accept with the
 * capabilities of that channel and a ticket whose key goes into the reply (reference taken over;
 * the common ones are ours to set). */
void clove_link_refuse(struct clove_link *link, enum clove_link_error error);
void clove_link_accept(struct clove_link *link, const struct clove_caps *channel_caps,
		struct clove_ticket *take_ticket);
/* After TICKETED: OK, PERMISSION_DENIED, BAD_CONNECTION_ID... is emitted as the link result. (A
 * ticket that does not decrypt is refused before that, even where no password is asked for.) */
void clove_link_finish(struct clove_link *link, enum clove_link_error result);

/* Client. Emits the link header and message at once. The common capabilities of `wanted` are ours
 * to set if it has none. The password (at most 60 bytes, NULL: none) is copied. */
void clove_link_init_client(struct clove_link *link, const struct clove_link_info *wanted,
		const char *password);

/* Takes bytes; *used is how many belong to the handshake. It stops whenever the state changes:
 * after _accept the owner feeds what was left. CLOVE_OK also when the link FAILED by the peer's
 * word: look at state. CLOVE_ERR_NOMEM otherwise. */
CLOVE_CHECKED enum clove_err clove_link_feed(struct clove_link *link, struct clove_bytes in,
		size_t *used);

void clove_link_fini(struct clove_link *link);

#endif
