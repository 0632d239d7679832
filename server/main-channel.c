/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main-channel.c - a session's first and last words: identity, channels, mouse mode, pings
 * (spice-wire 6.4 and 7). */
#include "server/main-channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

enum {
	BODY_LIMIT = 26624,               /* 4096 + 11 agent messages of 2048 (spice-wire 20) */
	AGENT_BODY_LIMIT = 2048,
	AGENT_TOKENS = 10,
	TEST_PADDING = 64000,             /* bytes of the ping that measures the link: 50 ms of a slow one */
	TEST_PINGS = 3,
	SLOW_LINK = 10 * 1024 * 1024,     /* bits a second */
	LIVENESS_MS = 15000,
	SILENCE_MS = 30000,
};

struct clove_main {
	struct clove_channel channel;     /* first, so that a channel is a main channel */
	struct clove_client *client;
	struct clove_connection *conn;
	bool has_list;                    /* the client attached channels: news interest it */
	struct clove_timer *timer;        /* the next sign of life */
	uint32_t next_ping;
	unsigned int pings_out;           /* unanswered ones, of the test and of life */
	uint64_t bytes_in;                /* when the timer last looked */
	uint64_t heard_ms;                /* when something had come since */
	uint64_t test_rtt_us[TEST_PINGS];
};

static struct SpiceServer *server_of(const struct clove_main *main_channel)
{
	return main_channel->client->server;
}

/* -- pings -- */

static void ping(struct clove_main *main_channel, uint32_t id, uint64_t timestamp, size_t padding)
{
	struct clove_ping message = { .id = id, .timestamp = timestamp };
	uint8_t *zeros = padding ? calloc(1, padding) : NULL;

	if (zeros)
		message.padding = CLOVE_BYTES(zeros, padding);
	clove_channel_send(&main_channel->channel, CLOVE_PING, &message);
	free(zeros);
	main_channel->pings_out++;
}

/* The first two warm up and measure the way, the third measures the width. */
static void test_network(struct clove_main *main_channel)
{
	for (uint32_t id = 1; id <= TEST_PINGS; id++)
		ping(main_channel, id, clove_now_us(), id == TEST_PINGS ? TEST_PADDING : 0);
	main_channel->next_ping = TEST_PINGS + 1;
}

static void on_test_pong(struct clove_main *main_channel, uint32_t id, uint64_t sent_us)
{
	uint64_t *rtt = main_channel->test_rtt_us, now = clove_now_us();

	rtt[id - 1] = now > sent_us ? now - sent_us : 0;
	if (id < TEST_PINGS)
		return;

	uint64_t way = rtt[0] < rtt[1] ? rtt[0] : rtt[1];
	uint64_t us = rtt[2] > way ? rtt[2] - way : 1;
	uint64_t bits = (uint64_t)TEST_PADDING * 8 * 1000000 / us;

	clove_log(INFO, "main", "%s: round trip %.1f ms, %.1f Mbit/s%s", main_channel->channel.stream->peer,
			(double)way / 1000, (double)bits / 1e6, bits < SLOW_LINK ? ", a slow link" : "");
}

static void on_pong(void *channel, uint32_t id, uint64_t timestamp)
{
	struct clove_main *main_channel = channel;

	if (!main_channel->pings_out)
		return;
	main_channel->pings_out--;
	if (id >= 1 && id <= TEST_PINGS && !main_channel->test_rtt_us[id - 1])
		on_test_pong(main_channel, id, timestamp);
}

static void on_timer(void *opaque)
{
	struct clove_main *main_channel = opaque;
	struct clove_channel *channel = &main_channel->channel;
	uint64_t now = clove_now_ms();

	if (channel->bytes_in != main_channel->bytes_in) {
		main_channel->bytes_in = channel->bytes_in;
		main_channel->heard_ms = now;
	} else if (main_channel->pings_out && now - main_channel->heard_ms >= SILENCE_MS) {
		clove_log(WARN, "main", "%s: silent for %d s; disconnected", channel->stream->peer,
				SILENCE_MS / 1000);
		clove_channel_close(channel, CLOVE_ERR_IO);
		return;
	}
	/* One that has taken none of what it was sent gets no more of it. */
	if (!clove_channel_queued(channel))
		ping(main_channel, main_channel->next_ping++, clove_now_ns(), 0);
	clove_timer_start(channel->loop, main_channel->timer, LIVENESS_MS);
}

/* -- what the client says -- */

static enum clove_err on_attach_channels(void *channel, const void *message)
{
	struct clove_main *main_channel = channel;
	const struct clove_link_policy *policy = &server_of(main_channel)->policy;
	struct clove_main_channel list[CLOVE_OFFERS_MAX];
	struct clove_main_channels_list body = { .count = policy->n_offers, .channels = list };

	(void)message;
	/* The latest first, as clients are used to. */
	for (unsigned int i = 0; i < policy->n_offers; i++) {
		const struct clove_offer *offer = &policy->offers[policy->n_offers - 1 - i];

		list[i] = (struct clove_main_channel){ offer->type, offer->id };
	}
	main_channel->has_list = true;
	clove_channel_send(&main_channel->channel, CLOVE_MAIN_CHANNELS_LIST, &body);
	return CLOVE_OK;
}

static enum clove_err on_mouse_mode_request(void *channel, const void *message)
{
	struct clove_main *main_channel = channel;
	const struct clove_main_mouse_mode_request *request = message;
	struct SpiceServer *server = server_of(main_channel);

	if (request->mode != CLOVE_MOUSE_MODE_SERVER && request->mode != CLOVE_MOUSE_MODE_CLIENT)
		clove_log_limited(WARN, "main", "%s: asks for mouse mode %u; ignored",
				main_channel->channel.stream->peer, request->mode);
	else if (clove_server_mouse_modes(server) & request->mode)
		clove_server_set_mouse_mode(server, request->mode);
	return CLOVE_OK;
}

/* Tokens are counted when there is an agent. */
static enum clove_err on_agent_start(void *channel, const void *message)
{
	(void)channel;
	(void)message;
	return CLOVE_OK;
}

/* No agent is connected: what is meant for it goes nowhere, and the client knows. */
static enum clove_err on_agent_data(void *channel, const void *message)
{
	(void)channel;
	(void)message;
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_MAIN_ATTACH_CHANNELS, on_attach_channels },
	{ CLOVE_MAIN_MOUSE_MODE_REQUEST, on_mouse_mode_request },
	{ CLOVE_MAIN_AGENT_START, on_agent_start },
	{ CLOVE_MAIN_CLIENT_AGENT_DATA, on_agent_data },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	return id == CLOVE_MAIN_CLIENT_AGENT_DATA ? AGENT_BODY_LIMIT : BODY_LIMIT;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_main *main_channel = channel;

	clove_log(INFO, "main", "%s: client left (%s)", main_channel->channel.stream->peer,
			clove_err_name(err));
	clove_client_drop(main_channel->client);
}

/* -- what the server says -- */

static void send_init(struct clove_main *main_channel)
{
	struct SpiceServer *server = server_of(main_channel);
	struct clove_main_init init = {
		.session_id = main_channel->client->id,
		.display_channels_hint = server->n_heads,
		.supported_mouse_modes = clove_server_mouse_modes(server),
		.current_mouse_mode = (uint32_t)server->mouse_mode,
		.agent_tokens = AGENT_TOKENS,
		.multi_media_time = (uint32_t)clove_now_ms(),
	};

	CLOVE_LIST_FOR_EACH(link, &server->heads) {
		init.ram_hint = clove_worker_ram_hint(CLOVE_CONTAINER(link, struct clove_head, link)->worker);
		break;
	}
	clove_channel_send(&main_channel->channel, CLOVE_MAIN_INIT, &init);
}

static void send_identity(struct clove_main *main_channel)
{
	const struct clove_server_options *options = &server_of(main_channel)->options;

	if (!clove_caps_has(&main_channel->channel.peer_caps, CLOVE_MAIN_CAP_NAME_AND_UUID))
		return;
	if (options->name) {
		size_t len = strlen(options->name) + 1;
		struct clove_main_name name = { .len = (uint32_t)len, .name = CLOVE_BYTES(options->name, len) };

		clove_channel_send(&main_channel->channel, CLOVE_MAIN_NAME, &name);
	}
	if (options->has_uuid) {
		struct clove_main_uuid uuid;

		memcpy(uuid.uuid, options->uuid, sizeof uuid.uuid);
		clove_channel_send(&main_channel->channel, CLOVE_MAIN_UUID, &uuid);
	}
}

void clove_main_tell_time(struct clove_main *main_channel)
{
	struct clove_main_multi_media_time time = { (uint32_t)clove_now_ms() };

	clove_channel_send(&main_channel->channel, CLOVE_MAIN_MULTI_MEDIA_TIME, &time);
}

void clove_main_tell_mouse_mode(struct clove_main *main_channel)
{
	const struct SpiceServer *server = server_of(main_channel);
	struct clove_main_mouse_mode mode = {
		.supported = (uint16_t)clove_server_mouse_modes(server),
		.current = (uint16_t)server->mouse_mode,
	};

	clove_channel_send(&main_channel->channel, CLOVE_MAIN_MOUSE_MODE, &mode);
}

void clove_main_tell_channel(struct clove_main *main_channel, const struct clove_offer *offer)
{
	struct clove_main_channel channel = { offer->type, offer->id };
	struct clove_main_channels_list list = { .count = 1, .channels = &channel };

	if (main_channel->has_list)
		clove_channel_send(&main_channel->channel, CLOVE_MAIN_CHANNELS_LIST, &list);
}

void clove_main_warn(struct clove_main *main_channel, const char *text)
{
	struct clove_notify notify = {
		.time_stamp = clove_now_ns(),
		.severity = CLOVE_NOTIFY_SEVERITY_WARN,
		.visibility = CLOVE_NOTIFY_VISIBILITY_HIGH,
		.what = CLOVE_NOTIFY_WHAT_GENERAL,
		.message_len = (uint32_t)strlen(text),
		.message = CLOVE_BYTES(text, strlen(text)),
	};

	clove_channel_send(&main_channel->channel, CLOVE_NOTIFY, &notify);
}

struct clove_main *clove_main_new(struct clove_client *client, struct clove_connection *conn)
{
	static const struct clove_channel_ops ops = {
		.handlers = handlers, .body_limit = body_limit, .closed = on_closed, .pong = on_pong,
	};
	struct clove_main *main_channel = calloc(1, sizeof *main_channel);
	struct clove_loop *loop = client->server->loop;

	if (!main_channel)
		return NULL;
	main_channel->client = client;
	main_channel->timer = clove_timer_add(loop, on_timer, main_channel);

	struct clove_channel_options options = clove_connection_options(conn, loop);

	if (!main_channel->timer) {
		free(main_channel);
		return NULL;
	}
	conn->stream = NULL;
	if (clove_channel_init(&main_channel->channel, &ops, &options) != CLOVE_OK) {
		clove_timer_remove(loop, main_channel->timer);
		free(main_channel);
		return NULL;
	}
	main_channel->conn = conn;
	main_channel->heard_ms = clove_now_ms();
	clove_channel_cork(&main_channel->channel);
	send_init(main_channel);
	send_identity(main_channel);
	if (!main_channel->channel.stream->is_unix)
		test_network(main_channel);
	clove_channel_uncork(&main_channel->channel);
	clove_channel_start(&main_channel->channel);
	clove_timer_start(loop, main_channel->timer, LIVENESS_MS);
	return main_channel;
}

struct clove_connection *clove_main_free(struct clove_main *main_channel)
{
	if (!main_channel)
		return NULL;

	struct clove_connection *conn = main_channel->conn;

	clove_timer_remove(main_channel->channel.loop, main_channel->timer);
	clove_channel_fini(&main_channel->channel);
	free(main_channel);
	return conn;
}
