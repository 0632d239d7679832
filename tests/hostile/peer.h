/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h - a client driven by hand: each step of a connection by itself, and what may be said at it. */
#ifndef CLOVE_TESTS_HOSTILE_PEER_H
#define CLOVE_TESTS_HOSTILE_PEER_H

#include "bench/player.h"
#include "common/util/buf.h"

/* Where the server is; set by hostile.c. Without secure.tls there is no TLS port. */
extern struct player_where plain, secure;
/* Of the present input: whether its connections are TLS ones, and offer no mini header. */
extern bool is_secure, is_full_header;

/* -- chance, by a seed for each input -- */

void chance_seed(uint64_t seed);
uint32_t chance(void);
uint32_t below(uint32_t n);      /* 0 for 0 */
uint32_t absurd(void);           /* mostly what is likely to be on an edge of something */

/* -- bytes -- */

void put(struct clove_buf *buf, const void *data, size_t n);
void put16(struct clove_buf *buf, uint16_t value);
void put32(struct clove_buf *buf, uint32_t value);
void put_chance(struct clove_buf *buf, size_t n);
void flip_bits(struct clove_buf *buf, uint32_t n);

/* -- connections -- */

struct peer {
	struct clove_stream *stream; /* NULL: could not connect, or closed */
	struct clove_link link;
	struct clove_buf early;      /* what came behind the link result */
	bool is_linked;
};

void peer_raw(struct peer *peer);  /* a TCP connection, nothing said */
void peer_open(struct peer *peer); /* and TLS over it, if it is to be */
/* As much as is taken within 300 ms. */
void peer_say(struct peer *peer, const void *data, size_t len);
/* Reads until it is silent for `ms`. */
void peer_listen(struct peer *peer, int ms);
/* Sometimes listens, sometimes closes one direction first. */
void peer_end(struct peer *peer);
void peer_close(struct peer *peer);
/* Left as it is until the next check. */
void peer_keep(struct peer *peer);
void peer_drop_kept(void);

struct clove_link_info wanted_info(unsigned int type, unsigned int id, uint32_t connection);
/* The whole link stage. */
bool peer_link(struct peer *peer, unsigned int type, unsigned int id, uint32_t connection);
/* The link stage of main, up to where mechanism and ticket are due: they lie in link.out. `password` as
 * for the link. False if it does not come so far; the peer is to be ended all the same. */
bool peer_link_to_ticket(struct peer *peer, const char *password);
/* The session id from MAIN_INIT, the first message; 0 if there is none. */
uint32_t peer_session(struct peer *main);
/* A session's main channel, and another channel of it. */
bool peer_session_open(struct peer *main, struct peer *other, unsigned int type);

/* -- messages -- */

/* The header says `size`, whatever `len` is. */
void put_message(struct clove_buf *buf, uint16_t id, uint32_t size, const void *body, size_t len);
void put_whole(struct clove_buf *buf, uint16_t id, const void *body, size_t len);
void put_link_message(struct clove_buf *buf);
/* A well-formed message with whatever values, of that channel or one that all have. */
void put_seed(struct clove_buf *buf, unsigned int type);
/* An id that the channel's client may send; `i` counts through them, the common ones included. */
uint16_t client_id(unsigned int type, uint32_t i);
uint32_t count_client_ids(unsigned int type);
void put_display_init(struct clove_buf *buf);
/* What a channel says when all is well: enough for each step to be there and be broken. */
void put_sensible(struct clove_buf *buf, unsigned int type);
/* A ClientHello as OpenSSL sends it. */
void put_client_hello(struct clove_buf *buf);

void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
