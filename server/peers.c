/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peers.c - which addresses are one peer, and for how long its failures are held against it. */
#include "server/peers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

void clove_peers_init(struct clove_peers *peers)
{
	*peers = (struct clove_peers){ 0 };
	clove_list_init(&peers->list);
}

static void drop(struct clove_peer *peer)
{
	clove_list_remove(&peer->list);
	free(peer);
}

void clove_peers_fini(struct clove_peers *peers)
{
	CLOVE_LIST_FOR_EACH(item, &peers->list)
		drop(CLOVE_CONTAINER(item, struct clove_peer, list));
	peers->unused = 0;
}

/* A tag and the bytes that tell peers apart. */
static void write_address(const struct sockaddr_storage *from, uint8_t to[17])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(to, 0, 17);
	switch (from->ss_family) {
	case AF_INET:
		to[0] = 4;
		memcpy(to + 1, &v4->sin_addr, 4);
		break;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			to[0] = 4;
			memcpy(to + 1, v6->sin6_addr.s6_addr + 12, 4);
			break;
		}
		to[0] = 6;
		memcpy(to + 1, &v6->sin6_addr, IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? 16 : 8);
		break;
	}
}

static void forget_the_oldest(struct clove_peers *peers)
{
	CLOVE_LIST_FOR_EACH(item, &peers->list) {
		struct clove_peer *peer = CLOVE_CONTAINER(item, struct clove_peer, list);

		if (!peer->uses) {
			drop(peer);
			peers->unused--;
			return;
		}
	}
}

struct clove_peer *clove_peers_use(struct clove_peers *peers, const struct sockaddr_storage *address)
{
	uint8_t wanted[17];
	struct clove_peer *peer;

	write_address(address, wanted);
	CLOVE_LIST_FOR_EACH(item, &peers->list) {
		peer = CLOVE_CONTAINER(item, struct clove_peer, list);
		if (memcmp(peer->address, wanted, sizeof wanted) != 0)
			continue;
		if (!peer->uses++)
			peers->unused--;
		clove_list_remove(&peer->list);
		clove_list_append(&peers->list, &peer->list);
		return peer;
	}
	peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	memcpy(peer->address, wanted, sizeof wanted);
	peer->uses = 1;
	clove_list_append(&peers->list, &peer->list);
	return peer;
}

void clove_peers_unuse(struct clove_peers *peers, struct clove_peer *peer)
{
	if (!peer || --peer->uses)
		return;
	if (!peer->failures) {
		drop(peer);
		return;
	}
	if (++peers->unused > CLOVE_PEERS_REMEMBERED)
		forget_the_oldest(peers);
}

uint32_t clove_peer_failed(struct clove_peer *peer, uint64_t now_ms)
{
	uint32_t delay = CLOVE_PEER_FIRST_DELAY_MS;

	if (peer->failures && now_ms - peer->failed_ms >= CLOVE_PEER_FORGET_MS)
		peer->failures = 0;
	for (unsigned int i = 0; i < peer->failures && delay < CLOVE_PEER_MOST_DELAY_MS; i++)
		delay *= 2;
	if (peer->failures < UINT32_MAX)
		peer->failures++;
	peer->failed_ms = now_ms;
	return delay < CLOVE_PEER_MOST_DELAY_MS ? delay : CLOVE_PEER_MOST_DELAY_MS;
}
