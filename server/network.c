/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* network.c - knows who may link: in which order, over which kind of stream, with which ticket.
 *
 * Everything here but the calls of network.h runs on the network thread. A link is driven by its
 * socket alone and never waits in the thread: for a key, for its delay after a wrong ticket or for
 * a place among the links it is left lying, and turn() takes it up again.
 */
#include "server/network.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/net/openssl.h"
#include "common/net/tcp.h"
#include "common/util/list.h"
#include "common/util/log.h"
#include "server/key-maker.h"
#include "server/peers.h"

enum {
	EXEMPT_MAX = 64,         /* links that name a live connection id */
	WAITING_MAX = 64,        /* accepted, and not served: their address has its links */
	SPARE_KEYS = 8,          /* as many channels as a viewer of four heads opens at once */
	ACCEPTS_A_TURN = 16,
	/* A flood of connections that end at once would be a flood of events for QEMU's thread. */
	PACE_ACCEPTS = 64, PACE_MS = 50,
	NO_DESCRIPTORS_MS = 500,
	CHUNK = 4096,
	KEEPALIVE_S = 600,
};

struct clove_network {
	struct clove_mailbox *server_mail;
	void *server;
	const struct clove_network_events *events;

	pthread_t thread;
	bool is_started;
	struct clove_loop *loop;
	struct clove_mailbox *mail;
	struct clove_key_maker *key_maker;

	/* the thread's own */
	struct clove_timer *turn;         /* soon: who waits may go on */
	struct clove_timer *rest;         /* accepting is interrupted until then */
	bool is_resting;
	uint64_t paced_ms;
	unsigned int paced;               /* connections since paced_ms */
	uint32_t deadline_ms;
	struct clove_tls *tls;
	struct clove_link_policy policy;
	struct clove_list listeners, waiters, links;
	struct clove_peers peers;
	unsigned int n_waiting;
	unsigned int n_counted, n_exempt; /* of the links */
	struct clove_ticket *spares[SPARE_KEYS], *shared;
	unsigned int n_spares, n_ordered;
	bool is_without_keys;             /* OpenSSL makes none */
};

struct listener {
	struct clove_list list;
	struct clove_network *network;
	int fd;
	bool is_tls, is_unix;
	struct clove_watch *watch;
};

/* A connection whose address has all its links: as if it were still in the backlog, but out of the
 * way of other addresses. */
struct waiter {
	struct clove_list list;
	int fd;
	bool is_tls;
	struct clove_peer *peer;
};

struct link {
	struct clove_list list;
	struct clove_network *network;
	struct clove_connection *conn;
	struct clove_peer *peer;          /* NULL without memory */
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_timer *deadline, *delay;
	bool is_counted, is_exempt, skips_auth;
	bool is_secured;                  /* the TLS handshake is over, or there is none */
	bool lacks_key, has_shared_key;
	bool is_answered;                 /* the link message was accepted */
	bool is_delayed;                  /* a refusal waits, or has waited */
	struct clove_link handshake;
	struct clove_buf in;              /* read and not yet understood */
};

/* -- to QEMU's main thread -- */

struct event {
	void (*fn)(void *server, struct clove_connection *conn);
	void *server;
	struct clove_connection *conn;
};

static void run_event(void *home, void *carried)
{
	struct event *event = carried;

	(void)home;
	event->fn(event->server, event->conn);
	free(event);
}

static bool tell(struct clove_network *network, void (*fn)(void *server, struct clove_connection *conn),
		struct clove_connection *conn)
{
	struct event *event = malloc(sizeof *event);

	if (event)
		*event = (struct event){ fn, network->server, conn };
	if (event && clove_mailbox_post(network->server_mail, run_event, event))
		return true;
	clove_log(ERROR, "link", "out of memory: the server misses an event");
	free(event);
	return false;
}

/* -- places -- */

static void turn_soon(struct clove_network *network)
{
	clove_timer_start(network->loop, network->turn, 0);
}

static bool may_accept(const struct clove_network *network)
{
	return !network->is_resting && network->n_counted < CLOVE_LINKS_MAX;
}

static void set_listeners(struct clove_network *network)
{
	int mask = may_accept(network) ? CLOVE_READ : 0;

	CLOVE_LIST_FOR_EACH(item, &network->listeners)
		clove_watch_set(network->loop, CLOVE_CONTAINER(item, struct listener, list)->watch, mask);
}

static void rest(struct clove_network *network, uint32_t ms)
{
	network->is_resting = true;
	clove_timer_start(network->loop, network->rest, ms);
	set_listeners(network);
}

static void on_rested(void *opaque)
{
	struct clove_network *network = opaque;

	network->is_resting = false;
	set_listeners(network);
}

static bool has_place(const struct clove_network *network, const struct clove_peer *peer)
{
	return network->n_counted < CLOVE_LINKS_MAX && peer->links < CLOVE_LINKS_PER_ADDRESS;
}

static void take_place(struct link *link)
{
	link->is_counted = true;
	link->network->n_counted++;
	link->peer->links++;
}

static void leave_place(struct link *link)
{
	struct clove_network *network = link->network;

	if (link->is_counted) {
		network->n_counted--;
		link->peer->links--;
		turn_soon(network);
	}
	link->is_counted = false;
}

/* -- keys -- */

/* Over plain TCP a ticket that was overheard could be sent again to the same key. */
static bool is_replay_feared(const struct link *link)
{
	return link->network->policy.has_ticketing && !link->skips_auth && !link->stream->is_tls &&
			!link->stream->is_unix;
}

static bool has_plain_tcp_listener(const struct clove_network *network)
{
	CLOVE_LIST_FOR_EACH(item, &network->listeners) {
		const struct listener *listener = CLOVE_CONTAINER(item, struct listener, list);

		if (!listener->is_tls && !listener->is_unix)
			return true;
	}
	return false;
}

/* Keys are made ahead for what may come, and for who waits already. */
static void order_keys(struct clove_network *network)
{
	unsigned int wanted = network->shared ? 0 : 1;

	if (!network->key_maker)
		return;
	if (network->policy.has_ticketing && has_plain_tcp_listener(network))
		wanted = SPARE_KEYS;
	CLOVE_LIST_FOR_EACH(item, &network->links)
		if (CLOVE_CONTAINER(item, struct link, list)->lacks_key && wanted < SPARE_KEYS)
			wanted++;
	while (network->n_spares + network->n_ordered < wanted && clove_key_maker_order(network->key_maker))
		network->n_ordered++;
}

/* A reference, or NULL: none is there now. */
static struct clove_ticket *take_key(struct clove_network *network, bool is_shared)
{
	if (is_shared && network->shared)
		return clove_ticket_ref(network->shared);
	if (!network->n_spares)
		return NULL;

	struct clove_ticket *key = network->spares[--network->n_spares];

	if (!is_shared)
		return key;
	network->shared = key;
	return clove_ticket_ref(key);
}

static void on_key(void *home, void *carried)
{
	struct clove_network *network = home;
	struct clove_ticket *key = carried;

	network->n_ordered--;
	if (!key)
		network->is_without_keys = true;
	else if (network->n_spares < SPARE_KEYS)
		network->spares[network->n_spares++] = key;
	else
		clove_ticket_unref(key);
	turn_soon(network);
}

/* -- one link -- */

static void free_link(struct link *link)
{
	struct clove_network *network = link->network;

	leave_place(link);
	if (link->is_exempt)
		network->n_exempt--;
	clove_list_remove(&link->list);
	clove_watch_remove(network->loop, link->watch);
	clove_timer_remove(network->loop, link->deadline);
	clove_timer_remove(network->loop, link->delay);
	clove_link_fini(&link->handshake);
	clove_buf_fini(&link->in);
	clove_peers_unuse(&network->peers, link->peer);
	free(link);
}

/* Where a link is, in the words of a log line. */
static const char *step_name(const struct link *link)
{
	if (!link->stream)
		return "start";
	if (!link->is_secured)
		return "TLS handshake";
	if (link->handshake.state == CLOVE_LINK_DONE)
		return "link result";
	return link->is_answered ? "ticket" : "link message";
}

static void log_failure(const struct link *link, const char *why)
{
	const struct clove_link_info *info = &link->handshake.info;
	const char *peer = link->stream ? link->stream->peer : "a connection";
	const char *name = clove_channel_type_name(info->channel_type);
	char channel[64] = "";

	if (name)
		snprintf(channel, sizeof channel, " for channel %s %u", name, info->channel_id);
	else if (info->channel_type)
		snprintf(channel, sizeof channel, " for a channel of type %u", info->channel_type);
	/* Clients try the plain port first; this is how they learn. */
	if (link->handshake.error == CLOVE_LINK_NEED_SECURED)
		clove_log_limited(INFO, "link", "%s: %s%s: %s", peer, step_name(link), channel, why);
	else
		clove_log_limited(WARN, "link", "%s: %s%s: %s", peer, step_name(link), channel, why);
}

/* Over before it was linked. The link is gone afterwards. */
static void fail(struct link *link, const char *why)
{
	struct clove_network *network = link->network;
	struct clove_connection *conn = link->conn;

	log_failure(link, why);
	clove_watch_remove(network->loop, link->watch);
	link->watch = NULL;
	clove_stream_free(link->stream);
	free_link(link);
	tell(network, network->events->failed, conn);
}

/* The early bytes are what was read behind the ticket. */
static void hand_over(struct link *link)
{
	struct clove_network *network = link->network;
	struct clove_connection *conn = link->conn;

	clove_watch_remove(network->loop, link->watch);
	link->watch = NULL;
	conn->stream = link->stream;
	conn->info = link->handshake.info;
	conn->mini_header = link->handshake.mini_header;
	conn->early = link->in;
	link->in = (struct clove_buf){ 0 };
	free_link(link);
	/* Nobody else knows of the stream then. */
	if (!tell(network, network->events->linked, conn)) {
		clove_stream_free(conn->stream);
		conn->stream = NULL;
	}
}

static void advance(struct link *link);

static void on_ready(void *opaque, int fd, int events)
{
	(void)fd;
	(void)events;
	advance(opaque);
}

/* Goes on when the stream can; 0: when something else says so. The link may have failed. */
static void await(struct link *link, int mask)
{
	if (link->watch)
		clove_watch_set(link->network->loop, link->watch, mask);
	else
		link->watch = clove_watch_add(link->network->loop, link->stream->fd, mask, on_ready, link);
	if (!link->watch)
		fail(link, "out of memory");
}

static void on_deadline(void *opaque)
{
	fail(opaque, "it took too long");
}

/* -- what it asks for -- */

static bool is_live_id(const struct clove_link_policy *policy, uint32_t id)
{
	for (unsigned int i = 0; i < policy->n_clients && i < CLOVE_CLIENTS_MAX; i++)
		if (id != 0 && policy->connection_ids[i] == id)
			return true;
	return false;
}

/* Of main there is one, whatever the id (spice-wire 2.6). */
static const struct clove_caps *find_offer(const struct clove_link_policy *policy,
		const struct clove_link_info *info)
{
	static const struct clove_caps none;
	bool is_main = info->channel_type == CLOVE_CHANNEL_MAIN;

	for (unsigned int i = 0; i < policy->n_offers && i < CLOVE_OFFERS_MAX; i++) {
		const struct clove_offer *offer = &policy->offers[i];

		if (offer->type == info->channel_type && (is_main || offer->id == info->channel_id))
			return &offer->caps;
	}
	return is_main ? &none : NULL;
}

/* What the link reply says of the link message. */
static enum clove_link_error judge_message(const struct link *link, const struct clove_caps **caps)
{
	const struct clove_link_policy *policy = &link->network->policy;
	const struct clove_link_info *info = &link->handshake.info;
	bool is_tls = link->stream->is_tls;

	if (info->channel_type >= CLOVE_CHANNEL_TYPES)
		return CLOVE_LINK_CHANNEL_NOT_AVAILABLE;
	if (!(policy->security[info->channel_type] & (is_tls ? CLOVE_SECURITY_TLS : CLOVE_SECURITY_PLAIN)))
		return is_tls ? CLOVE_LINK_NEED_UNSECURED : CLOVE_LINK_NEED_SECURED;
	*caps = find_offer(policy, info);
	return *caps ? CLOVE_LINK_OK : CLOVE_LINK_CHANNEL_NOT_AVAILABLE;
}

/* A client that is here already, and not a stranger, needs a place for each of its channels. */
static void exempt(struct link *link)
{
	struct clove_network *network = link->network;

	if (!link->is_counted || network->n_exempt >= EXEMPT_MAX ||
			!is_live_id(&network->policy, link->handshake.info.connection_id))
		return;
	leave_place(link);
	link->is_exempt = true;
	network->n_exempt++;
}

/* False while there is no key. */
static bool answer_message(struct link *link)
{
	struct clove_network *network = link->network;
	const struct clove_caps *caps = NULL;

	clove_mailbox_run(network->mail);
	exempt(link);

	enum clove_link_error error = judge_message(link, &caps);

	if (error != CLOVE_LINK_OK) {
		clove_link_refuse(&link->handshake, error);
		return true;
	}

	bool is_shared = !is_replay_feared(link);
	struct clove_ticket *key = take_key(network, is_shared);

	link->lacks_key = !key;
	link->has_shared_key = is_shared;
	link->is_answered = key != NULL;
	if (key)
		clove_link_accept(&link->handshake, caps, key);
	order_keys(network);
	return key != NULL;
}

/* -- its ticket -- */

/* Of a C string, so that what lies behind its end does not count. */
static void spread(char to[128], const char *password, size_t room)
{
	memset(to, 0, 128);
	memcpy(to, password, strnlen(password, room < 127 ? room : 127));
}

static bool is_password(const char given[128], const char wanted[CLOVE_TICKET_PASSWORD_MAX + 1])
{
	char a[128], b[128];

	spread(a, given, 128);
	spread(b, wanted, CLOVE_TICKET_PASSWORD_MAX);
	bool is_same = CRYPTO_memcmp(a, b, sizeof a) == 0;
	OPENSSL_cleanse(a, sizeof a);
	OPENSSL_cleanse(b, sizeof b);
	return is_same;
}

/* NULL, or why the ticket is no good. */
static const char *judge_ticket(const struct link *link)
{
	const struct clove_link_policy *policy = &link->network->policy;

	if (!policy->has_ticketing || link->skips_auth)
		return NULL;
	if (link->has_shared_key && is_replay_feared(link))
		return "ticketing was turned on meanwhile";
	if (!policy->password[0])
		return "no password is set";
	/* Good through the whole of its last second (server-abi 2.1). */
	if (policy->expires_ms && policy->expires_ms / 1000 < clove_now_ms() / 1000)
		return "the password has expired";
	return is_password(link->handshake.password, policy->password) ? NULL : "wrong password";
}

/* The id comes last: who has no ticket is not told which ids live. */
static void answer_ticket(struct link *link)
{
	struct clove_network *network = link->network;
	struct clove_link *handshake = &link->handshake;
	const struct clove_link_info *info = &handshake->info;

	clove_mailbox_run(network->mail);

	const char *why = judge_ticket(link);

	if (why) {
		clove_link_finish(handshake, CLOVE_LINK_PERMISSION_DENIED);
		handshake->reason = why;
	} else if (info->channel_type != CLOVE_CHANNEL_MAIN &&
			!is_live_id(&network->policy, info->connection_id)) {
		clove_link_finish(handshake, CLOVE_LINK_BAD_CONNECTION_ID);
	} else if (!find_offer(&network->policy, info)) {
		clove_link_finish(handshake, CLOVE_LINK_CHANNEL_NOT_AVAILABLE);
	} else {
		clove_link_finish(handshake, CLOVE_LINK_OK);
	}
}

static void on_delayed(void *opaque)
{
	advance(opaque);
}

/* Guessing is slow. True once: the refusal waits. */
static bool delay_refusal(struct link *link)
{
	struct clove_network *network = link->network;

	if (link->is_delayed || link->handshake.state != CLOVE_LINK_FAILED ||
			link->handshake.error != CLOVE_LINK_PERMISSION_DENIED || !link->peer)
		return false;
	link->is_delayed = true;

	uint32_t ms = clove_peer_failed(link->peer, clove_now_ms());

	link->delay = clove_timer_add(network->loop, on_delayed, link);
	if (!link->delay)
		return false;
	clove_timer_start(network->loop, link->delay, ms);
	await(link, 0);
	return true;
}

/* -- its bytes -- */

/* True when all of it is on its way; else the link waits, or has failed. */
static bool flush(struct link *link)
{
	struct clove_buf *out = &link->handshake.out;

	while (out->len) {
		size_t put;
		enum clove_err err = clove_stream_write(link->stream, out->data, out->len, &put);

		clove_buf_consume(out, put);
		if (err == CLOVE_ERR_AGAIN) {
			await(link, clove_stream_wants(link->stream));
			return false;
		}
		if (err != CLOVE_OK) {
			fail(link, link->stream->error ? link->stream->error : clove_err_name(err));
			return false;
		}
	}
	return true;
}

/* False if the link waits, or has failed. */
static bool hear(struct link *link)
{
	struct clove_buf *in = &link->in;
	size_t n;

	if (!in->len) {
		uint8_t *room = clove_buf_reserve(in, CHUNK);
		enum clove_err err = room ? clove_stream_read(link->stream, room, CHUNK, &n) : CLOVE_ERR_NOMEM;

		if (err == CLOVE_ERR_AGAIN) {
			await(link, clove_stream_wants(link->stream));
			return false;
		}
		if (err != CLOVE_OK) {
			fail(link, err == CLOVE_ERR_CLOSED ? "the client left" :
					link->stream->error ? link->stream->error : clove_err_name(err));
			return false;
		}
		in->len += n;
	}
	if (clove_link_feed(&link->handshake, clove_buf_bytes(in), &n) != CLOVE_OK) {
		fail(link, "out of memory");
		return false;
	}
	clove_buf_consume(in, n);
	return true;
}

/* False if the link waits, or has failed. */
static bool secure(struct link *link)
{
	enum clove_err err = clove_stream_handshake(link->stream);

	if (err == CLOVE_OK)
		return link->is_secured = true;
	if (err == CLOVE_ERR_AGAIN)
		await(link, clove_stream_wants(link->stream));
	else
		fail(link, link->stream->error ? link->stream->error : clove_err_name(err));
	return false;
}

/* As far as its socket, the keys and its peer's failures allow. */
static void advance(struct link *link)
{
	if (!link->is_secured && !secure(link))
		return;
	for (;;) {
		if (delay_refusal(link) || !flush(link))
			return;
		switch (link->handshake.state) {
		case CLOVE_LINK_GOING_ON:
			if (!hear(link))
				return;
			break;
		case CLOVE_LINK_ASKING:
			if (!answer_message(link)) {
				await(link, 0);
				return;
			}
			break;
		case CLOVE_LINK_TICKETED:
			answer_ticket(link);
			break;
		case CLOVE_LINK_DONE:
			hand_over(link);
			return;
		case CLOVE_LINK_FAILED:
			fail(link, link->handshake.reason);
			return;
		}
	}
}

/* -- where links come from -- */

/* The bottom of the stack, and TLS. NULL with a reason; the descriptor is then closed. */
static struct clove_stream *make_stream(struct clove_network *network, int fd, bool is_tls,
		const char **why)
{
	struct clove_stream *stream = clove_socket_stream_new(fd, KEEPALIVE_S);

	*why = "out of memory";
	if (!stream) {
		close(fd);
		return NULL;
	}
	if (!is_tls)
		return stream;
	if (network->tls)
		return clove_tls_stream_new(network->tls, stream);
	*why = "there is no certificate for TLS";
	clove_stream_free(stream);
	return NULL;
}

/* The connection will be linked, or will have failed. `peer` is a use of it, which the link takes
 * over; NULL: without memory. */
static void start(struct clove_network *network, struct clove_connection *conn, int fd,
		struct clove_peer *peer, bool is_counted, bool skips_auth)
{
	struct link *link = calloc(1, sizeof *link);
	const char *why;

	if (!link) {
		close(fd);
		clove_peers_unuse(&network->peers, peer);
		tell(network, network->events->failed, conn);
		return;
	}
	*link = (struct link){ .network = network, .conn = conn, .peer = peer, .skips_auth = skips_auth,
			.is_secured = !conn->is_tls };
	clove_list_append(&network->links, &link->list);
	if (is_counted)
		take_place(link);
	clove_link_init_server(&link->handshake);
	link->stream = make_stream(network, fd, conn->is_tls, &why);
	if (!link->stream) {
		fail(link, why);
		return;
	}
	link->deadline = clove_timer_add(network->loop, on_deadline, link);
	if (!link->deadline) {
		fail(link, "out of memory");
		return;
	}
	clove_timer_start(network->loop, link->deadline, network->deadline_ms);
	advance(link);
}

/* QEMU lists both addresses. False if the connection was reset already. */
static bool find_addresses(int fd, struct clove_connection *conn)
{
	conn->local_len = sizeof conn->local;
	conn->peer_len = sizeof conn->peer;
	return getsockname(fd, (struct sockaddr *)&conn->local, &conn->local_len) == 0 &&
			getpeername(fd, (struct sockaddr *)&conn->peer, &conn->peer_len) == 0;
}

/* `peer` is a use of it. */
static void serve(struct clove_network *network, int fd, struct clove_peer *peer, bool is_tls)
{
	struct clove_connection *conn = calloc(1, sizeof *conn);

	if (conn && find_addresses(fd, conn)) {
		conn->is_tls = is_tls;
		if (tell(network, network->events->accepted, conn)) {
			start(network, conn, fd, peer, true, false);
			return;
		}
	}
	free(conn);
	close(fd);
	clove_peers_unuse(&network->peers, peer);
}

static void drop_waiter(struct clove_network *network, struct waiter *waiter)
{
	network->n_waiting--;
	waiter->peer->waiting--;
	clove_list_remove(&waiter->list);
	free(waiter);
}

/* The address has its links already. When the list is full too, the newest of an address with many
 * must go, or it would keep all others out. */
static void queue(struct clove_network *network, int fd, struct clove_peer *peer, bool is_tls)
{
	struct waiter *waiter = network->n_waiting < WAITING_MAX ? calloc(1, sizeof *waiter) : NULL;

	if (!waiter) {
		clove_log_limited(WARN, "link", "too many connections from one address: one was closed");
		close(fd);
		clove_peers_unuse(&network->peers, peer);
		return;
	}
	*waiter = (struct waiter){ .fd = fd, .is_tls = is_tls, .peer = peer };
	clove_list_append(&network->waiters, &waiter->list);
	network->n_waiting++;
	peer->waiting++;
}

static void welcome(struct clove_network *network, int fd, bool is_tls)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;
	struct clove_peer *peer = NULL;

	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0)
		peer = clove_peers_use(&network->peers, &address);
	if (!peer)
		close(fd);
	else if (!peer->waiting && has_place(network, peer))
		serve(network, fd, peer, is_tls);
	else
		queue(network, fd, peer, is_tls);
}

/* Too many lately: accepting rests. */
static bool is_flooded(struct clove_network *network)
{
	uint64_t now = clove_now_ms();

	if (now - network->paced_ms >= PACE_MS) {
		network->paced_ms = now;
		network->paced = 0;
	}
	if (network->paced < PACE_ACCEPTS)
		return false;
	rest(network, PACE_MS);
	return true;
}

static void on_connection(void *opaque, int fd, int events)
{
	struct listener *listener = opaque;
	struct clove_network *network = listener->network;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && may_accept(network) && !is_flooded(network); i++) {
		int accepted = clove_accept(fd);

		if (accepted >= 0) {
			network->paced++;
			welcome(network, accepted, listener->is_tls);
			continue;
		}
		/* Out of descriptors: the connection stays, and would wake us all the time. */
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			clove_log_limited(WARN, "link", "cannot accept a connection: %s", strerror(errno));
			rest(network, NO_DESCRIPTORS_MS);
		}
		break;
	}
	set_listeners(network);
}

static void close_listener(struct clove_network *network, struct listener *listener)
{
	clove_watch_remove(network->loop, listener->watch);
	clove_list_remove(&listener->list);
	close(listener->fd);
	free(listener);
}

/* A place is free, or a key is there. */
static void on_turn(void *opaque)
{
	struct clove_network *network = opaque;

	CLOVE_LIST_FOR_EACH(item, &network->waiters) {
		struct waiter *waiter = CLOVE_CONTAINER(item, struct waiter, list);
		struct clove_peer *peer = waiter->peer;
		bool is_tls = waiter->is_tls;
		int fd = waiter->fd;

		if (!has_place(network, peer))
			continue;
		drop_waiter(network, waiter);
		serve(network, fd, peer, is_tls);
	}
	CLOVE_LIST_FOR_EACH(item, &network->links) {
		struct link *link = CLOVE_CONTAINER(item, struct link, list);

		if (!link->lacks_key)
			continue;
		if (network->is_without_keys) {
			clove_link_refuse(&link->handshake, CLOVE_LINK_ERROR);
			link->lacks_key = false;
		}
		advance(link);
	}
	network->is_without_keys = false;
	order_keys(network);
	set_listeners(network);
}

/* -- letters -- */

static void on_quit(void *home, void *carried)
{
	struct clove_network *network = home;

	(void)carried;
	clove_poll_loop_quit(network->loop);
}

static void on_set_tls(void *home, void *carried)
{
	struct clove_network *network = home;

	clove_tls_free(network->tls);
	network->tls = carried;
}

static void on_listen(void *home, void *carried)
{
	struct clove_network *network = home;
	struct listener *listener = carried;

	clove_list_append(&network->listeners, &listener->list);
	listener->watch = clove_watch_add(network->loop, listener->fd,
			may_accept(network) ? CLOVE_READ : 0, on_connection, listener);
	if (!listener->watch) {
		clove_log(ERROR, "link", "cannot listen: %s", strerror(errno));
		close_listener(network, listener);
	}
	order_keys(network);
}

static void on_policy(void *home, void *carried)
{
	struct clove_network *network = home;
	struct clove_link_policy *policy = carried;

	network->policy = *policy;
	OPENSSL_cleanse(policy, sizeof *policy);
	free(policy);
	order_keys(network);
}

struct adoption {
	struct clove_connection *conn;
	int fd;
	bool skips_auth;
};

static void on_adopt(void *home, void *carried)
{
	struct clove_network *network = home;
	struct adoption *adoption = carried;

	start(network, adoption->conn, adoption->fd,
			clove_peers_use(&network->peers, &adoption->conn->peer), false,
			adoption->skips_auth);
	free(adoption);
}

/* -- the thread -- */

static void *thread_main(void *opaque)
{
	struct clove_network *network = opaque;

	clove_poll_loop_run(network->loop);
	return NULL;
}

static bool start_thread(struct clove_network *network)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	network->is_started = pthread_create(&network->thread, NULL, thread_main, network) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (network->is_started)
		pthread_setname_np(network->thread, "clove-network");
	return network->is_started;
}

struct clove_network *clove_network_new(struct clove_mailbox *server_mail, void *server,
		const struct clove_network_events *events)
{
	struct clove_network *network = calloc(1, sizeof *network);

	if (!network)
		return NULL;
	clove_openssl_init();
	network->server_mail = server_mail;
	network->server = server;
	network->events = events;
	network->deadline_ms = CLOVE_LINK_DEADLINE_MS;
	network->policy.has_ticketing = true;
	clove_list_init(&network->listeners);
	clove_list_init(&network->waiters);
	clove_list_init(&network->links);
	clove_peers_init(&network->peers);
	network->loop = clove_poll_loop_new();
	if (network->loop) {
		/* Made here, before the thread is there to be their home. */
		network->mail = clove_mailbox_new(network->loop, network);
		network->turn = clove_timer_add(network->loop, on_turn, network);
		network->rest = clove_timer_add(network->loop, on_rested, network);
	}
	if (network->mail)
		network->key_maker = clove_key_maker_new(network->mail, on_key);
	if (!network->key_maker || !network->turn || !network->rest || !start_thread(network)) {
		clove_log(ERROR, "link", "no network thread: out of memory, descriptors or threads");
		clove_network_free(network);
		return NULL;
	}
	return network;
}

/* After the thread's end its objects are the caller's; letters that were not read are run here. */
void clove_network_free(struct clove_network *network)
{
	if (!network)
		return;
	if (network->is_started) {
		while (!clove_mailbox_post(network->mail, on_quit, NULL))
			usleep(1000);
		pthread_join(network->thread, NULL);
	}
	clove_key_maker_free(network->key_maker);
	network->key_maker = NULL;
	clove_mailbox_free(network->mail);
	CLOVE_LIST_FOR_EACH(item, &network->listeners)
		close_listener(network, CLOVE_CONTAINER(item, struct listener, list));
	CLOVE_LIST_FOR_EACH(item, &network->waiters) {
		struct waiter *waiter = CLOVE_CONTAINER(item, struct waiter, list);

		close(waiter->fd);
		drop_waiter(network, waiter);
	}
	CLOVE_LIST_FOR_EACH(item, &network->links)
		fail(CLOVE_CONTAINER(item, struct link, list), "the server ends");
	clove_peers_fini(&network->peers);
	while (network->n_spares)
		clove_ticket_unref(network->spares[--network->n_spares]);
	clove_ticket_unref(network->shared);
	clove_tls_free(network->tls);
	OPENSSL_cleanse(&network->policy, sizeof network->policy);
	if (network->loop) {
		clove_timer_remove(network->loop, network->turn);
		clove_timer_remove(network->loop, network->rest);
	}
	clove_poll_loop_free(network->loop);
	free(network);
}

/* -- calls -- */

void clove_network_set_deadline(struct clove_network *network, uint32_t ms)
{
	network->deadline_ms = ms;
}

void clove_network_set_tls(struct clove_network *network, struct clove_tls *take_tls)
{
	if (clove_mailbox_post(network->mail, on_set_tls, take_tls))
		return;
	clove_log(ERROR, "link", "out of memory: the certificates are not used");
	clove_tls_free(take_tls);
}

bool clove_network_listen(struct clove_network *network, int take_fd, bool is_tls)
{
	struct listener *listener = calloc(1, sizeof *listener);
	int flags = fcntl(take_fd, F_GETFL), domain = AF_UNSPEC;
	socklen_t len = sizeof domain;

	if (!listener)
		return false;
	getsockopt(take_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (flags >= 0) /* it may be the VMM's */
		fcntl(take_fd, F_SETFL, flags | O_NONBLOCK);
	*listener = (struct listener){ .network = network, .fd = take_fd, .is_tls = is_tls,
			.is_unix = domain == AF_UNIX };
	clove_list_init(&listener->list);
	if (clove_mailbox_post(network->mail, on_listen, listener))
		return true;
	free(listener);
	return false;
}

void clove_network_set_policy(struct clove_network *network, const struct clove_link_policy *policy)
{
	struct clove_link_policy *copy = malloc(sizeof *copy);

	if (copy)
		*copy = *policy;
	if (copy && clove_mailbox_post(network->mail, on_policy, copy))
		return;
	clove_log(ERROR, "link", "out of memory: links follow the policy before this one");
	free(copy);
}

bool clove_network_adopt(struct clove_network *network, struct clove_connection *take_conn, int take_fd,
		bool is_tls, bool skips_auth)
{
	struct adoption *adoption = malloc(sizeof *adoption);

	if (!adoption)
		return false;
	take_conn->is_tls = is_tls;
	*adoption = (struct adoption){ take_conn, take_fd, skips_auth };
	if (clove_mailbox_post(network->mail, on_adopt, adoption))
		return true;
	free(adoption);
	return false;
}
