/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel.h - one linked connection: headers, serials, ack window, dispatch to handlers.
 *
 * Both roles. A channel file embeds struct clove_channel as its first member, fills a handler
 * table and an ops table, and calls clove_channel_start() on its home loop. Handlers see only
 * messages that parsed, and never a socket; a message and all it points to die when the handler
 * returns. Writes never block and never re-enter a read.
 */
#ifndef CLOVE_NET_CHANNEL_H
#define CLOVE_NET_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "common/net/stream.h"
#include "common/protocol/messages.h"
#include "common/util/arena.h"
#include "common/util/buf.h"
#include "common/util/loop.h"

/* Anything but CLOVE_OK closes the channel (server), or is logged (client); a client that cannot go
 * on calls clove_channel_close(). A known message without a handler is ignored. A handler that pauses the
 * channel and says CLOVE_ERR_AGAIN gets the same message anew after clove_channel_resume(). */
typedef enum clove_err (*clove_handler_fn)(void *channel, const void *message);

struct clove_handler {
	uint16_t id;            /* 0 ends the table */
	clove_handler_fn fn;
};

struct clove_channel;

struct clove_channel_ops {
	const struct clove_handler *handlers;
	/* The largest body that a peer may send (spice-wire 20), asked before anything of it is kept.
	 * 0: no own limit (256 MiB). Beyond it the channel closes. */
	uint32_t (*body_limit)(void *channel, uint16_t id); /* NULL: 64 KiB server, 256 MiB client */
	/* The queue fell to nothing, or acks arrived: more may be sent. From the loop, never from
	 * inside a send. May be NULL. */
	void (*writable)(void *channel);
	/* The connection is over. Called once, from the loop (never from inside a send), and the
	 * last call: the callee frees the channel. `err` is CLOSED for an orderly end. */
	void (*closed)(void *channel, enum clove_err err);
	/* Server: a PONG. Client: a NOTIFY came (message is struct clove_notify). May be NULL. */
	void (*pong)(void *channel, uint32_t id, uint64_t timestamp);
	void (*notify)(void *channel, const struct clove_notify *notify);
	/* Client: hold all further messages until clove_channel_resume() (WAIT_FOR_CHANNELS).
	 * True to hold. May be NULL. */
	bool (*wait_for)(void *channel, const struct clove_wait_for_channels *wait);
};

struct clove_channel {
	const struct clove_channel_ops *ops;
	struct clove_loop *loop;
	struct clove_stream *stream;       /* owned */
	enum clove_channel_type type;
	uint8_t id;
	bool is_server;                    /* we are the server */
	bool mini_header;
	bool is_closed;
	bool is_paused;                    /* reading stopped: back-pressure, or waiting */
	struct clove_caps peer_common, peer_caps;
	uint64_t sent_serial, received_serial;
	uint64_t bytes_in, bytes_out;
	/* ack window; server side counts, client side answers (spice-wire 6.3) */
	uint32_t ack_generation, ack_window, ack_client_generation;
	uint32_t ack_outstanding;          /* server: messages since the last credited ACK */
	uint32_t ack_left;                 /* client: messages until the next ACK */
	/* private */
	struct clove_watch *watch;
	struct clove_timer *timer;         /* closes; goes on with messages that are already here */
	struct clove_buf in, out, scratch;
	struct clove_buf ends;             /* TLS: bytes left of each message in `out`, a size_t each */
	struct clove_arena arena;
	enum clove_err close_err;
	int watch_mask, read_wants, write_wants;
	unsigned int corks;
	uint32_t subs_done;                /* of the message at the front of `in` */
	size_t read_ahead;
	size_t replies_queued;             /* bytes in `out` that the peer made us write by itself */
	bool is_started, is_resumed, in_event, is_reply, is_traced;
};

struct clove_channel_options {
	struct clove_stream *take_stream;
	struct clove_loop *loop;
	enum clove_channel_type type;
	uint8_t id;
	bool is_server, mini_header;
	struct clove_caps peer_common, peer_caps;
	struct clove_bytes early;          /* bytes already read behind the link result */
	size_t arena_limit;                /* 0: 16 MiB */
	size_t read_ahead;                 /* bytes that are read, if they are there, before any are handled */
};

/* Fills `channel` (zeroed, first member of the caller's struct). On failure the stream is freed. */
CLOVE_CHECKED enum clove_err clove_channel_init(struct clove_channel *channel,
		const struct clove_channel_ops *ops, const struct clove_channel_options *options);

/* Starts reading; messages already there are dispatched from the loop, not from here. */
void clove_channel_start(struct clove_channel *channel);

/* Inside a handler: the whole messages that wait behind the one that is being handled, and will be in their
 * turn. *at is 0 at first. False: there are no more, or this one holds others. */
bool clove_channel_peek(struct clove_channel *channel, size_t *at, uint16_t *id, struct clove_bytes *body);

/* Queues one message and tries to write. `message` may be NULL for an empty body. On failure the
 * channel closes itself (from the loop); callers need not look. */
void clove_channel_send(struct clove_channel *channel, uint16_t id, const void *message);
/* The same for a body that is already written. */
void clove_channel_send_raw(struct clove_channel *channel, uint16_t id, struct clove_bytes body);
/* Messages queued between cork and uncork are written in one go. They nest. */
void clove_channel_cork(struct clove_channel *channel);
void clove_channel_uncork(struct clove_channel *channel);

/* Bytes not yet taken by the kernel. */
size_t clove_channel_queued(const struct clove_channel *channel);
/* Server: false while the ack window is used up (more than 2 windows outstanding). */
bool clove_channel_may_send(const struct clove_channel *channel);
/* Server: start ack accounting (SET_ACK). */
void clove_channel_set_ack(struct clove_channel *channel, uint32_t window);

/* No more messages are handled, nor bytes read, until resume. Messages that are already here follow
 * from the loop. */
void clove_channel_pause(struct clove_channel *channel);
void clove_channel_resume(struct clove_channel *channel);

/* Closes soon, from the loop: ops->closed follows once. Sends nothing more after what is queued
 * has had one try. */
void clove_channel_close(struct clove_channel *channel, enum clove_err err);

/* Frees what the struct holds (the stream too), without calling closed. */
void clove_channel_fini(struct clove_channel *channel);

#endif
