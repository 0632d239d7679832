/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peers.h - what is remembered of each address: how many links it has open, how often it failed. */
#ifndef CLOVE_SERVER_PEERS_H
#define CLOVE_SERVER_PEERS_H

#include <stdint.h>
#include <sys/socket.h>
#include "common/util/list.h"

enum {
	CLOVE_PEERS_REMEMBERED = 256,     /* addresses that failed and have nothing open */
	CLOVE_PEER_FORGET_MS = 60000,     /* after the last failure */
	CLOVE_PEER_FIRST_DELAY_MS = 100,  /* doubles with each failure */
	CLOVE_PEER_MOST_DELAY_MS = 2000,
};

/* One address: of IPv4, or a network of IPv6 (its /64: whoever has one address there has them all;
 * not of the link-local one, which is everybody's). All unix sockets are one. */
struct clove_peer {
	struct clove_list list;           /* the one used last is last */
	uint8_t address[17];
	unsigned int uses;                /* whoever points here */
	unsigned int links, waiting;      /* the owner's to count */
	unsigned int failures;
	uint64_t failed_ms;
};

struct clove_peers {
	struct clove_list list;
	unsigned int unused;              /* remembered for their failures alone */
};

void clove_peers_init(struct clove_peers *peers);
void clove_peers_fini(struct clove_peers *peers);

/* The peer at an address, used once more. NULL without memory. */
struct clove_peer *clove_peers_use(struct clove_peers *peers, const struct sockaddr_storage *address);
void clove_peers_unuse(struct clove_peers *peers, struct clove_peer *peer);

/* One more wrong ticket at `now_ms`: for how long it is not answered. */
uint32_t clove_peer_failed(struct clove_peer *peer, uint64_t now_ms);

#endif
