/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* network.h - the library's own thread: it accepts, secures and links; QEMU's thread gets the rest.
 *
 * All calls are QEMU's main thread's (or made with its lock held). The events arrive there too,
 * through the mailbox, in this order for every connection: accepted, then linked or failed.
 */
#ifndef CLOVE_SERVER_NETWORK_H
#define CLOVE_SERVER_NETWORK_H

#include "common/net/ticket.h"
#include "common/net/tls.h"
#include "common/protocol/caps.h"
#include "common/protocol/enums.h"
#include "common/protocol/messages.h"
#include "server/connection.h"

enum {
	CLOVE_SECURITY_PLAIN = 1,
	CLOVE_SECURITY_TLS = 2,
};

enum {
	CLOVE_CLIENTS_MAX = 8,
	CLOVE_OFFERS_MAX = 160,     /* channels of one server */
	CLOVE_LINKS_MAX = 64,       /* before authentication, in all; beyond that they wait unaccepted */
	CLOVE_LINKS_PER_ADDRESS = 32,
	CLOVE_LINK_DEADLINE_MS = 10000,
};

/* A channel that a client may link, with our capabilities for it. */
struct clove_offer {
	uint8_t type, id;
	struct clove_caps caps;
};

/* What links are measured against: the main thread's truth, of which the network thread has the
 * latest copy. It looks for a newer one before it decides, so a client that was told an id in a
 * message is known by it. */
struct clove_link_policy {
	bool has_ticketing;
	char password[CLOVE_TICKET_PASSWORD_MAX + 1]; /* empty: no ticket is right */
	uint64_t expires_ms;                          /* of clove_now_ms(); 0: never */
	uint8_t security[CLOVE_CHANNEL_TYPES];        /* CLOVE_SECURITY_*, by channel type */
	unsigned int n_clients, n_offers;
	uint32_t connection_ids[CLOVE_CLIENTS_MAX];
	struct clove_offer offers[CLOVE_OFFERS_MAX];  /* the main channel is always offered */
};

struct clove_network_events {
	/* The addresses in it are known; the stream is not yet the main thread's. Not for what was
	 * adopted. */
	void (*accepted)(void *server, struct clove_connection *conn);
	/* Linked, the result (OK) is on its way; stream, info, mini_header and early are set. */
	void (*linked)(void *server, struct clove_connection *take_conn);
	/* Over before that; why is in the log. */
	void (*failed)(void *server, struct clove_connection *take_conn);
};

struct clove_network;

/* Starts the thread (all signals blocked). NULL without memory, descriptors or threads. */
struct clove_network *clove_network_new(struct clove_mailbox *server_mail, void *server,
		const struct clove_network_events *events);

/* Closes the listeners, gives every connection that is not linked back by `failed`, ends the thread.
 * Events may still lie in the mailbox afterwards. NULL is fine. */
void clove_network_free(struct clove_network *network);

/* For tests, before the first link: CLOVE_LINK_DEADLINE_MS is long to wait for. */
void clove_network_set_deadline(struct clove_network *network, uint32_t ms);

/* Certificates for TLS listeners and adopted TLS connections. */
void clove_network_set_tls(struct clove_network *network, struct clove_tls *take_tls);

/* Accepts from this listening descriptor. False without memory: it is still the caller's. */
bool clove_network_listen(struct clove_network *network, int take_fd, bool is_tls);

void clove_network_set_policy(struct clove_network *network, const struct clove_link_policy *policy);

/* Links a connected socket that the VMM gave; `conn` is zeroed but for its addresses and event.
 * False without memory: both are still the caller's. */
bool clove_network_adopt(struct clove_network *network, struct clove_connection *take_conn, int take_fd,
		bool is_tls, bool skips_auth);

#endif
