/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow.c - knows a line's rate from answers to PINGs, and how little on it keeps it busy. */
#include "server/flow.h"

enum {
	ROOM_LEAST = 48 << 10,        /* of bytes on their way: below, small pictures would wait too */
	ROOM_UNKNOWN = 512 << 10,     /* until there was an answer */
	PING_BYTES = 16 << 10,        /* fewer sent since the last PING need none */
	PING_BYTES_MOST = 128 << 10,
	SAMPLE_BYTES = 32 << 10,      /* of fewer no rate is told: that is the guest's pause, not the line's */
	WAITING_US = 25000,           /* what may be on its way beyond the round trip */
	TRIP_MOST_US = 400000,        /* the first may have waited behind the whole picture */
	SPAN_US = 1000000,
};

void clove_flow_sent(struct clove_flow *flow, uint64_t sent)
{
	flow->sent = sent;
}

bool clove_flow_ping(struct clove_flow *flow, uint64_t now, uint32_t *id)
{
	struct clove_flow_ping *ping = &flow->pings[flow->next % CLOVE_FLOW_PINGS];
	uint64_t rate = clove_flow_rate(flow), step = rate / 100;

	/* Some answers within the time that may be waited for; no more than tell something. */
	step = step < PING_BYTES ? PING_BYTES : step > PING_BYTES_MOST ? PING_BYTES_MOST : step;
	if (flow->sent - flow->pinged < step || flow->next - flow->first == CLOVE_FLOW_PINGS)
		return false;
	flow->pinged = flow->sent;
	*ping = (struct clove_flow_ping){ flow->next, flow->sent, flow->arrived, now,
			flow->first == flow->next ? now : flow->arrived_time };
	*id = flow->next++;
	return true;
}

static void take_rate(struct clove_flow *flow, uint64_t rate, uint64_t now)
{
	if (now - flow->span_began >= SPAN_US) {
		flow->span_began = now;
		flow->span = (flow->span + 1) % CLOVE_FLOW_SAMPLES;
		flow->rates[flow->span] = 0;
	}
	if (rate > flow->rates[flow->span])
		flow->rates[flow->span] = rate;
}

void clove_flow_pong(struct clove_flow *flow, uint32_t id, uint64_t now)
{
	const struct clove_flow_ping *ping = &flow->pings[id % CLOVE_FLOW_PINGS];

	/* Only answers to what was asked, in order. */
	if (id - flow->first >= flow->next - flow->first)
		return;

	uint64_t bytes = ping->bytes - ping->arrived, time = now - ping->time;
	uint64_t since = now - ping->arrived_time;

	if (!flow->round_trip || time < flow->round_trip)
		flow->round_trip = time ? time : 1;
	if (bytes >= SAMPLE_BYTES && since)
		take_rate(flow, bytes * 1000000 / since, now);
	flow->arrived = ping->bytes;
	flow->arrived_time = now;
	flow->first = id + 1;
}

uint64_t clove_flow_rate(const struct clove_flow *flow)
{
	uint64_t rate = 0;

	for (int i = 0; i < CLOVE_FLOW_SAMPLES; i++)
		if (flow->rates[i] > rate)
			rate = flow->rates[i];
	return rate;
}

/* What the line carries in a round trip and `more` microseconds. */
static uint64_t carried(const struct clove_flow *flow, uint64_t more)
{
	uint64_t trip = flow->round_trip < TRIP_MOST_US ? flow->round_trip : TRIP_MOST_US;

	return (clove_flow_rate(flow) >> 10) * (trip + more) / (1000000 >> 10);
}

size_t clove_flow_room(const struct clove_flow *flow)
{
	uint64_t away = flow->sent - flow->arrived, most = ROOM_UNKNOWN;

	if (clove_flow_rate(flow)) {
		most = carried(flow, WAITING_US);
		most = most < ROOM_LEAST ? ROOM_LEAST : most;
	}
	return away < most ? (size_t)(most - away) : 0;
}

/* Only what an answer will come for. */
bool clove_flow_is_behind(const struct clove_flow *flow, uint64_t bytes)
{
	return !clove_flow_is_idle(flow) && flow->pinged - flow->arrived > carried(flow, 0) + bytes;
}

bool clove_flow_is_idle(const struct clove_flow *flow)
{
	return flow->first == flow->next;
}
