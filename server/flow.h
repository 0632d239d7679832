/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow.h - how much a client has not yet taken, how fast it takes, and what may be sent now.
 *
 * Pixels that wait in some router's memory are late when they come. So no more is on its way than
 * the line carries in a short time, as measured by PINGs behind the bytes: a client answers one when it
 * has handled all before it. Times are in microseconds.
 */
#ifndef CLOVE_SERVER_FLOW_H
#define CLOVE_SERVER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOVE_FLOW_PINGS = 32, CLOVE_FLOW_SAMPLES = 8 };

struct clove_flow_ping {
	uint32_t id;
	uint64_t bytes;               /* sent before it */
	uint64_t arrived;             /* had arrived when it was sent */
	uint64_t time, arrived_time;  /* of the sending, and of the last answer before it */
};

/* Zeroed at first. */
struct clove_flow {
	uint64_t sent, pinged, arrived; /* bytes */
	uint64_t arrived_time;
	struct clove_flow_ping pings[CLOVE_FLOW_PINGS]; /* unanswered: [first, next), modulo */
	uint32_t first, next;
	uint64_t rates[CLOVE_FLOW_SAMPLES]; /* bytes a second, the best of each of the last spans */
	uint64_t span_began;
	unsigned int span;
	uint64_t round_trip;          /* the shortest; 0: not known */
};

/* `sent`: bytes given to the connection since its beginning. */
void clove_flow_sent(struct clove_flow *flow, uint64_t sent);
/* Whether a PING is due behind what was sent; its id is then to be sent now. */
bool clove_flow_ping(struct clove_flow *flow, uint64_t now, uint32_t *id);
void clove_flow_pong(struct clove_flow *flow, uint32_t id, uint64_t now);

/* Bytes that may be sent now. */
size_t clove_flow_room(const struct clove_flow *flow);
/* Bytes a second that the client has lately been seen to take; 0: not known. */
uint64_t clove_flow_rate(const struct clove_flow *flow);
/* The client has yet to handle more than `bytes`, beside what the line carries in a round trip. */
bool clove_flow_is_behind(const struct clove_flow *flow, uint64_t bytes);
/* Nothing is on its way that anyone is waiting for. */
bool clove_flow_is_idle(const struct clove_flow *flow);

#endif
