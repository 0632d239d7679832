/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-channel.c - an inputs channel's two ends on one loop, and ends fed by hand. */
#include <stdbool.h>
#include <string.h>
#include "common/net/channel.h"
#include "tests/unit/net-fixture.h"

/* The server's messages of an inputs channel, by number: their bodies are made by hand here. */
enum { INIT = 101, MODIFIERS = 102, MOTION_ACK = 111 };

struct end {
	struct clove_channel channel;
	uint32_t codes[64];
	unsigned int handled, writable, pongs, notified, closed;
	unsigned int inits, modifiers, motion_acks;
	uint16_t last;
	enum clove_err close_err;
	uint32_t limit, pong_id;
	bool close_in_handler, pause_in_handler, hold;
	enum clove_err answer;
};

static struct clove_loop *loop;
static struct end *server, *client;
static struct clove_stream *raw;    /* the other end, when one is fed by hand */

static enum clove_err on_key(void *channel, const void *message)
{
	struct end *end = channel;
	const struct clove_inputs_key *key = message;

	end->codes[end->handled++ % 64] = key->code;
	if (end->close_in_handler)
		clove_channel_close(&end->channel, CLOVE_ERR_LIMIT);
	if (end->pause_in_handler)
		clove_channel_pause(&end->channel);
	return end->answer;
}

static enum clove_err on_init(void *channel, const void *message)
{
	struct end *end = channel;

	(void)message;
	end->inits++;
	if (end->pause_in_handler)
		clove_channel_pause(&end->channel);
	return end->answer;
}

static enum clove_err on_modifiers(void *channel, const void *message)
{
	((struct end *)channel)->modifiers++;
	memcpy(&((struct end *)channel)->last, message, sizeof(uint16_t));
	return CLOVE_OK;
}

static enum clove_err on_motion_ack(void *channel, const void *message)
{
	(void)message;
	((struct end *)channel)->motion_acks++;
	return CLOVE_OK;
}

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)id;
	return ((struct end *)channel)->limit;
}

static void on_writable(void *channel)
{
	((struct end *)channel)->writable++;
}

static void on_pong(void *channel, uint32_t id, uint64_t timestamp)
{
	((struct end *)channel)->pongs++;
	((struct end *)channel)->pong_id = id;
	ck_assert_uint_eq(timestamp, 77);
}

static void on_notify(void *channel, const struct clove_notify *notify)
{
	(void)notify;
	((struct end *)channel)->notified++;
}

static bool on_wait_for(void *channel, const struct clove_wait_for_channels *wait)
{
	(void)wait;
	return ((struct end *)channel)->hold;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct end *end = channel;

	end->closed++;
	end->close_err = err;
	clove_channel_fini(&end->channel);
}

static const struct clove_handler server_handlers[] = {
	{ CLOVE_INPUTS_KEY_DOWN, on_key },
	{ 0, NULL },
};
static const struct clove_handler client_handlers[] = {
	{ INIT, on_init }, { MODIFIERS, on_modifiers }, { MOTION_ACK, on_motion_ack },
	{ 0, NULL },
};
static const struct clove_channel_ops server_ops = {
	server_handlers, body_limit, on_writable, on_closed, on_pong, on_notify, on_wait_for,
};
static const struct clove_channel_ops client_ops = {
	client_handlers, body_limit, on_writable, on_closed, on_pong, on_notify, on_wait_for,
};

static struct end *end_new(bool is_server, bool mini_header, struct clove_stream *stream,
		struct clove_bytes early)
{
	struct end *end = calloc(1, sizeof *end);
	struct clove_channel_options options = {
		.take_stream = stream, .loop = loop, .type = CLOVE_CHANNEL_INPUTS,
		.is_server = is_server, .mini_header = mini_header, .early = early,
	};

	end->limit = is_server ? 2048 : 0;
	ck_assert_int_eq(clove_channel_init(&end->channel, is_server ? &server_ops : &client_ops,
			&options), CLOVE_OK);
	return end;
}

static void set_up(void)
{
	loop = clove_poll_loop_new();
}

static void tear_down(void)
{
	if (server)
		clove_channel_fini(&server->channel);
	if (client)
		clove_channel_fini(&client->channel);
	free(server);
	free(client);
	clove_stream_free(raw);
	clove_poll_loop_free(loop);
}

static void start_pair(bool mini_header)
{
	struct clove_stream *ends[2];

	net_pair(ends);
	server = end_new(true, mini_header, ends[0], CLOVE_BYTES(NULL, 0));
	client = end_new(false, mini_header, ends[1], CLOVE_BYTES(NULL, 0));
	clove_channel_start(&server->channel);
	clove_channel_start(&client->channel);
}

/* One end; the other is `raw`. */
static struct end *start_one(bool is_server, struct clove_bytes early)
{
	struct clove_stream *ends[2];
	struct end *end;

	net_pair(ends);
	raw = ends[1];
	end = end_new(is_server, true, ends[0], early);
	if (is_server)
		server = end;
	else
		client = end;
	clove_channel_start(&end->channel);
	return end;
}

static void press(struct end *end, uint32_t code)
{
	struct clove_inputs_key key = { .code = code };

	clove_channel_send(&end->channel, CLOVE_INPUTS_KEY_DOWN, &key);
}

static void say(const void *bytes, size_t len)
{
	size_t put;

	ck_assert_int_eq(clove_stream_write(raw, bytes, len, &put), CLOVE_OK);
	ck_assert_uint_eq(put, len);
}

static size_t message(uint8_t *to, uint16_t id, uint32_t size, const void *body)
{
	clove_put_le16(to, id);
	clove_put_le32(to + 2, size);
	if (size && body)
		memcpy(to + 6, body, size);
	return 6 + size;
}

static void turn_a_few(void)
{
	for (int i = 0; i < 8; i++)
		clove_poll_loop_step(loop, 5);
}

START_TEST(test_channel_carries_messages)
{
	start_pair(_i);
	for (uint32_t i = 0; i < 50; i++)
		press(client, i * 3);
	/* Written at once: nothing waits for a turn of the loop. */
	ck_assert_uint_eq(clove_channel_queued(&client->channel), 0);
	NET_TURN_UNTIL(loop, server->handled == 50);
	for (uint32_t i = 0; i < 50; i++)
		ck_assert_uint_eq(server->codes[i], i * 3);
	ck_assert_uint_eq(client->channel.sent_serial, 50);
	ck_assert_uint_eq(server->channel.received_serial, 50);
	ck_assert_uint_eq(server->channel.bytes_in, 50 * ((_i ? 6 : 18) + 4));
	ck_assert_uint_eq(client->channel.bytes_out, server->channel.bytes_in);
}
END_TEST

START_TEST(test_channel_survives_every_split)
{
	uint8_t bytes[64];
	size_t len = message(bytes, 101, 4, "\1\0\0\0");

	len += message(bytes + len, 6, 12, "\0\0\0\0\0\0\0\0\0\0\0\0");
	len += message(bytes + len, 101, 4, "\2\0\0\0");
	for (size_t split = 0; split <= len; split++) {
		start_one(true, CLOVE_BYTES(bytes, split));
		turn_a_few();
		if (split < len)
			say(bytes + split, len - split);
		NET_TURN_UNTIL(loop, server->handled == 2);
		ck_assert_uint_eq(server->codes[0], 1);
		ck_assert_uint_eq(server->codes[1], 2);
		clove_channel_fini(&server->channel);
		free(server);
		clove_stream_free(raw);
		server = NULL;
		raw = NULL;
	}
}
END_TEST

START_TEST(test_channel_ends_at_every_byte)
{
	uint8_t bytes[64];
	size_t one = message(bytes, 101, 4, "\1\0\0\0");
	size_t len = one + message(bytes + one, 101, 4, "\2\0\0\0");

	for (size_t cut = 0; cut <= len; cut++) {
		start_one(true, CLOVE_BYTES(NULL, 0));
		if (cut)
			say(bytes, cut);
		clove_stream_free(raw);
		raw = NULL;
		NET_TURN_UNTIL(loop, server->closed);
		ck_assert_uint_eq(server->handled, cut / one);
		ck_assert_int_eq(server->close_err, cut % one ? CLOVE_ERR_SHORT : CLOVE_ERR_CLOSED);
		turn_a_few();
		ck_assert_uint_eq(server->closed, 1);
		free(server);
		server = NULL;
	}
}
END_TEST

/* -- what a server does not take -- */

static const struct { const char *why; uint16_t id; uint32_t size, sent; enum clove_err err; } wrong[] = {
	{ "as large as allowed",      101, 2048,       2048, CLOVE_OK },
	{ "one too large, no body",   101, 2049,       0,    CLOVE_ERR_LIMIT },
	{ "absurd, no body",          101, 0xffffffff, 0,    CLOVE_ERR_LIMIT },
	{ "short body",               101, 3,          3,    CLOVE_ERR_SHORT },
	{ "no body",                  101, 0,          0,    CLOVE_ERR_SHORT },
	{ "trailing bytes",           101, 9,          9,    CLOVE_OK },
	{ "unknown id",               999, 4,          4,    CLOVE_ERR_STATE },
	{ "id 0",                     0,   0,          0,    CLOVE_ERR_STATE },
	{ "flush mark from nowhere",  4,   0,          0,    CLOVE_ERR_STATE },
	{ "an ack nobody asked for",  2,   0,          0,    CLOVE_OK },
	{ "an ack sync of its own",   1,   4,          4,    CLOVE_OK },
	{ "short ack sync",           1,   3,          3,    CLOVE_ERR_SHORT },
	{ "disconnecting",            6,   12,         12,   CLOVE_OK },
};

START_TEST(test_channel_server_refuses)
{
	static uint8_t body[4096];
	uint8_t bytes[4200];

	start_one(true, CLOVE_BYTES(NULL, 0));
	message(bytes, wrong[_i].id, 0, NULL);
	clove_put_le32(bytes + 2, wrong[_i].size);
	memcpy(bytes + 6, body, wrong[_i].sent);
	say(bytes, 6 + wrong[_i].sent);
	turn_a_few();
	ck_assert_msg(server->closed == (wrong[_i].err != CLOVE_OK), "%s", wrong[_i].why);
	ck_assert_int_eq(server->close_err, wrong[_i].err);
	/* Nothing of a body that is too large was kept. */
	ck_assert_uint_le(server->channel.in.cap, 64 << 10);
}
END_TEST

START_TEST(test_channel_handler_error_closes_a_server)
{
	start_pair(true);
	server->answer = CLOVE_ERR_VALUE;
	press(client, 1);
	press(client, 2);
	NET_TURN_UNTIL(loop, server->closed && client->closed);
	ck_assert_uint_eq(server->handled, 1);
	ck_assert_int_eq(server->close_err, CLOVE_ERR_VALUE);
	press(client, 3); /* harmless */
}
END_TEST

START_TEST(test_channel_closes_from_a_handler)
{
	start_pair(true);
	server->close_in_handler = true;
	press(client, 1);
	press(client, 2);
	NET_TURN_UNTIL(loop, server->closed);
	ck_assert_uint_eq(server->handled, 1);
	ck_assert_int_eq(server->close_err, CLOVE_ERR_LIMIT);
}
END_TEST

START_TEST(test_channel_close_comes_later_and_once)
{
	start_pair(true);
	press(client, 5);
	clove_channel_close(&client->channel, CLOVE_ERR_CLOSED);
	clove_channel_close(&client->channel, CLOVE_ERR_IO);
	ck_assert_uint_eq(client->closed, 0);
	NET_TURN_UNTIL(loop, client->closed && server->closed);
	ck_assert_int_eq(client->close_err, CLOVE_ERR_CLOSED);
	ck_assert_uint_eq(server->handled, 1);
	ck_assert_int_eq(server->close_err, CLOVE_ERR_CLOSED);
}
END_TEST

/* -- what a client leaves out -- */

START_TEST(test_channel_client_skips_what_it_does_not_know)
{
	uint8_t bytes[128];
	size_t len;

	start_one(false, CLOVE_BYTES(NULL, 0));
	len = message(bytes, 999, 5, "12345");
	len += message(bytes + len, MODIFIERS, 1, "\1");          /* short */
	len += message(bytes + len, INIT, 2, "\1\0");              /* its handler objects */
	len += message(bytes + len, MODIFIERS, 2, "\7\0");
	client->answer = CLOVE_ERR_VALUE;
	say(bytes, len);
	NET_TURN_UNTIL(loop, client->modifiers == 1);
	ck_assert_uint_eq(client->inits, 1);
	ck_assert_uint_eq(client->last, 7);
	ck_assert_uint_eq(client->closed, 0);
	ck_assert_uint_eq(client->channel.received_serial, 4);
}
END_TEST

START_TEST(test_channel_client_answers_pings_without_padding)
{
	static uint8_t ping[6 + 256012];
	uint8_t answer[64];
	size_t n, sent = 0;

	start_one(false, CLOVE_BYTES(NULL, 0));
	client->limit = 1000; /* the network test is taken anyway */
	message(ping, 4, 256012, NULL);
	clove_put_le32(ping + 6, 3);
	clove_put_le64(ping + 10, 0x123456789abcdef0);
	while (sent < sizeof ping) {
		enum clove_err err = clove_stream_write(raw, ping + sent, sizeof ping - sent, &n);

		ck_assert(err == CLOVE_OK || err == CLOVE_ERR_AGAIN);
		sent += n;
		clove_poll_loop_step(loop, 5);
	}
	turn_a_few();
	ck_assert_int_eq(clove_stream_read(raw, answer, sizeof answer, &n), CLOVE_OK);
	ck_assert_uint_eq(n, 18);
	ck_assert_uint_eq(clove_le16(answer), 3);
	ck_assert_uint_eq(clove_le32(answer + 2), 12);
	ck_assert_mem_eq(answer + 6, ping + 6, 12);
}
END_TEST

START_TEST(test_channel_pong_and_notify_are_told)
{
	uint8_t pong[32], body[64] = { 0 };

	start_one(true, CLOVE_BYTES(NULL, 0));
	clove_put_le32(body, 9);
	clove_put_le64(body + 4, 77);
	say(pong, message(pong, 3, 12, body));
	NET_TURN_UNTIL(loop, server->pongs == 1);
	ck_assert_uint_eq(server->pong_id, 9);
	tear_down();
	server = NULL;
	raw = NULL;
	set_up();

	uint8_t notify[64];
	memset(body, 0, sizeof body);
	start_one(false, CLOVE_BYTES(NULL, 0));
	say(notify, message(notify, 7, 25, body));
	NET_TURN_UNTIL(loop, client->notified == 1);
}
END_TEST

/* A server that pings and never reads: the client's answers stay bounded. */
START_TEST(test_channel_replies_to_a_deaf_peer_are_bounded)
{
	uint8_t ping[18];
	enum clove_err err;
	size_t put, total = 0;

	start_one(false, CLOVE_BYTES(NULL, 0));
	message(ping, 4, 12, "123456789012");
	for (int i = 0; i < 2000; i++) {
		for (int j = 0; j < 200; j++) {
			err = clove_stream_write(raw, ping, sizeof ping, &put);
			if (err == CLOVE_ERR_AGAIN)
				break;
			ck_assert_int_eq(err, CLOVE_OK);
			ck_assert_uint_eq(put, sizeof ping);
			total += put;
		}
		clove_poll_loop_step(loop, 0);
	}
	ck_assert_uint_le(clove_channel_queued(&client->channel), 128 << 10);
	ck_assert_uint_le(client->channel.in.cap, 1 << 20);
	ck_assert_uint_eq(client->closed, 0);

	/* It reads after all: every ping is answered. */
	size_t answered = 0, n;
	uint8_t sink[65536];
	for (int i = 0; i < 20000 && answered < total; i++) {
		while (clove_stream_read(raw, sink, sizeof sink, &n) == CLOVE_OK)
			answered += n;
		clove_poll_loop_step(loop, 0);
	}
	ck_assert_uint_eq(answered, total);
}
END_TEST

/* -- acks -- */

static const struct { uint32_t window; unsigned int sent; } windows[] = {
	{ 1, 10 }, { 3, 20 }, { 20, 100 }, { 40, 41 },
};

START_TEST(test_channel_ack_window_both_ends)
{
	uint32_t window = windows[_i].window;
	unsigned int sent = 0;

	start_pair(true);
	clove_channel_set_ack(&server->channel, window);
	/* Nobody answers yet: two windows and one more, SET_ACK counted. */
	while (clove_channel_may_send(&server->channel)) {
		clove_channel_send_raw(&server->channel, MOTION_ACK, CLOVE_BYTES(NULL, 0));
		ck_assert_uint_le(++sent, 2 * window);
	}
	ck_assert_uint_eq(sent, 2 * window);
	NET_TURN_UNTIL(loop, client->motion_acks == sent && server->channel.ack_outstanding <= window);
	while (sent < windows[_i].sent) {
		NET_TURN_UNTIL(loop, clove_channel_may_send(&server->channel));
		clove_channel_send_raw(&server->channel, MOTION_ACK, CLOVE_BYTES(NULL, 0));
		sent++;
	}
	NET_TURN_UNTIL(loop, client->motion_acks == sent);
	turn_a_few();
	/* The client's count begins behind SET_ACK. */
	ck_assert_uint_eq(server->channel.ack_outstanding, sent % window + 1);
	ck_assert_uint_eq(server->channel.ack_client_generation, 1);
	ck_assert_uint_gt(server->writable, 0);
}
END_TEST

START_TEST(test_channel_ack_of_an_old_generation_does_not_count)
{
	uint8_t bytes[64], generation[4] = { 1 };

	start_one(true, CLOVE_BYTES(NULL, 0));
	clove_channel_set_ack(&server->channel, 4);
	clove_channel_set_ack(&server->channel, 4);
	ck_assert_uint_eq(server->channel.ack_generation, 2);
	for (int i = 0; i < 8; i++)
		clove_channel_send_raw(&server->channel, MOTION_ACK, CLOVE_BYTES(NULL, 0));
	ck_assert(!clove_channel_may_send(&server->channel));
	say(bytes, message(bytes, 1, 4, generation));
	say(bytes, message(bytes, 2, 0, NULL));
	turn_a_few();
	ck_assert(!clove_channel_may_send(&server->channel));
	generation[0] = 2;
	say(bytes, message(bytes, 1, 4, generation));
	for (int i = 0; i < 9; i++) /* more acks than messages: no debt */
		say(bytes, message(bytes, 2, 0, NULL));
	turn_a_few();
	ck_assert(clove_channel_may_send(&server->channel));
	ck_assert_uint_eq(server->channel.ack_outstanding, 0);
}
END_TEST

/* -- pause, cork, lists -- */

START_TEST(test_channel_pause_holds_messages)
{
	start_pair(true);
	server->pause_in_handler = true;
	for (uint32_t i = 0; i < 4; i++)
		press(client, i);
	for (unsigned int i = 1; i <= 4; i++) {
		NET_TURN_UNTIL(loop, server->handled == i);
		turn_a_few();
		ck_assert_uint_eq(server->handled, i);
		clove_channel_resume(&server->channel);
		ck_assert_uint_eq(server->handled, i); /* from the loop, not from here */
	}
}
END_TEST

START_TEST(test_channel_cork_writes_in_one_go)
{
	start_pair(true);
	clove_channel_cork(&client->channel);
	clove_channel_cork(&client->channel);
	press(client, 1);
	press(client, 2);
	clove_channel_uncork(&client->channel);
	ck_assert_uint_eq(clove_channel_queued(&client->channel), 20);
	clove_channel_uncork(&client->channel);
	ck_assert_uint_eq(clove_channel_queued(&client->channel), 0);
	NET_TURN_UNTIL(loop, server->handled == 2);
}
END_TEST

START_TEST(test_channel_queue_drains)
{
	enum { BODY = 1 << 20, COUNT = 12 };
	uint8_t *body = calloc(1, BODY);

	start_pair(true);
	for (int i = 0; i < COUNT; i++)
		clove_channel_send_raw(&server->channel, MODIFIERS, CLOVE_BYTES(body, BODY));
	ck_assert_uint_gt(clove_channel_queued(&server->channel), BODY);
	NET_TURN_UNTIL(loop, client->modifiers == COUNT);
	ck_assert_uint_eq(clove_channel_queued(&server->channel), 0);
	NET_TURN_UNTIL(loop, server->writable > 0);
	free(body);
}
END_TEST

/* WAIT_FOR_CHANNELS first, INIT second; then a message behind the list. The sizes lie. */
static size_t make_list(uint8_t *body)
{
	memset(body, 0, 64);
	clove_put_le16(body, 2);
	clove_put_le32(body + 2, 10);
	clove_put_le32(body + 6, 17);
	clove_put_le16(body + 10, 5);
	clove_put_le32(body + 12, 9999);
	clove_put_le16(body + 17, INIT);
	clove_put_le32(body + 19, 9999);
	return 25;
}

START_TEST(test_channel_list_waits_in_the_middle)
{
	uint8_t body[64], bytes[128];
	size_t len;

	start_one(false, CLOVE_BYTES(NULL, 0));
	client->hold = true;
	len = message(bytes, 8, (uint32_t)make_list(body), body);
	len += message(bytes + len, MODIFIERS, 2, "\1\0");
	say(bytes, len);
	turn_a_few();
	ck_assert(client->channel.is_paused);
	ck_assert_uint_eq(client->inits, 0);
	clove_channel_resume(&client->channel);
	NET_TURN_UNTIL(loop, client->modifiers == 1);
	ck_assert_uint_eq(client->inits, 1);
	ck_assert_uint_eq(client->channel.received_serial, 2);
}
END_TEST

START_TEST(test_channel_full_header_carries_a_list)
{
	struct clove_stream *ends[2];
	uint8_t bytes[128] = { 0 };
	size_t len = 18 + make_list(bytes + 20) + 2;

	/* A MODIFIERS body of two bytes, the list behind it; offsets are from the body's start. */
	clove_put_le64(bytes, 1);
	clove_put_le16(bytes + 8, MODIFIERS);
	clove_put_le32(bytes + 10, (uint32_t)len - 18);
	clove_put_le32(bytes + 14, 2);
	clove_put_le32(bytes + 22, 12);
	clove_put_le32(bytes + 26, 19);
	net_pair(ends);
	raw = ends[1];
	client = end_new(false, false, ends[0], CLOVE_BYTES(bytes, len));
	clove_channel_start(&client->channel);
	NET_TURN_UNTIL(loop, client->modifiers == 1);
	ck_assert_uint_eq(client->inits, 1);
}
END_TEST

/* A stream that says it is TLS, takes so many bytes a call, and keeps where each call ended. */
static struct {
	uint8_t bytes[4096];
	size_t len, ends[512], n, most;
} taken;

static enum clove_err taker_read(struct clove_stream *s, void *data, size_t len, size_t *got)
{
	(void)s;
	(void)data;
	(void)len;
	(void)got;
	return CLOVE_ERR_AGAIN;
}

static enum clove_err taker_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	size_t room = taken.most;

	(void)s;
	if (!room)
		return CLOVE_ERR_AGAIN;
	for (int i = 0; i < n; i++) {
		size_t part = iov[i].iov_len < room ? iov[i].iov_len : room;

		memcpy(taken.bytes + taken.len, iov[i].iov_base, part);
		taken.len += part;
		room -= part;
		*put += part;
	}
	taken.ends[taken.n++] = taken.len;
	return CLOVE_OK;
}

static int taker_wants(const struct clove_stream *s)
{
	(void)s;
	return CLOVE_WRITE;
}

static size_t taker_buffered(const struct clove_stream *s)
{
	(void)s;
	return 0;
}

static void taker_free(struct clove_stream *s)
{
	free(s);
}

static const struct clove_stream_ops taker_ops = {
	.read = taker_read, .writev = taker_writev, .wants = taker_wants, .buffered = taker_buffered,
	.free = taker_free,
};

static const size_t takes[] = { 1, 5, 9, 10, 11, 4096 };

/* No write goes over the end of a message: corked, queued while nothing is taken, or at once. */
START_TEST(test_channel_tls_write_holds_one_message)
{
	enum { MESSAGES = 12, LEN = 6 + 4 };
	struct clove_stream *stream = calloc(1, sizeof *stream);
	struct clove_stream *ends[2];

	net_pair(ends);
	raw = ends[1];
	*stream = (struct clove_stream){ .ops = &taker_ops, .fd = raw->fd, .is_tls = true };
	memset(&taken, 0, sizeof taken);
	client = end_new(false, true, stream, CLOVE_BYTES(NULL, 0));
	clove_channel_start(&client->channel);
	clove_channel_cork(&client->channel);
	for (uint32_t i = 0; i < 4; i++)
		press(client, i);
	taken.most = takes[_i];
	clove_channel_uncork(&client->channel);
	taken.most = 0;
	for (uint32_t i = 4; i < 8; i++)
		press(client, i);
	taken.most = takes[_i];
	for (uint32_t i = 8; i < MESSAGES; i++)
		press(client, i);
	NET_TURN_UNTIL(loop, taken.len == MESSAGES * LEN);
	clove_stream_free(ends[0]);

	for (size_t i = 0, begin = 0; i < taken.n; begin = taken.ends[i++])
		ck_assert_uint_eq(begin / LEN, (taken.ends[i] - 1) / LEN);
	for (uint32_t i = 0; i < MESSAGES; i++)
		ck_assert_uint_eq(clove_le32(taken.bytes + i * LEN + 6), i);
}
END_TEST

static const struct { const char *why; uint8_t body[16]; size_t len; } lists[] = {
	{ "empty",              { 0 }, 0 },
	{ "half a count",       { 1 }, 1 },
	{ "no offsets",         { 1, 0 }, 2 },
	{ "half an offset",     { 1, 0, 6, 0 }, 4 },
	{ "absurd count",       { 0xff, 0xff, 6, 0, 0, 0 }, 6 },
	{ "offset beyond",      { 1, 0, 7, 0, 0, 0 }, 6 },
	{ "offset far beyond",  { 1, 0, 0xff, 0xff, 0xff, 0xff }, 6 },
	{ "header cut",         { 1, 0, 6, 0, 0, 0, 101, 0, 2 }, 9 },
	{ "body cut",           { 1, 0, 6, 0, 0, 0, 101, 0, 2, 0, 0, 0, 1 }, 13 },
	{ "a list in a list",   { 1, 0, 6, 0, 0, 0, 8, 0, 2, 0, 0, 0, 1, 0 }, 14 },
};

START_TEST(test_channel_client_skips_bad_lists)
{
	uint8_t bytes[64];
	size_t len = message(bytes, 8, (uint32_t)lists[_i].len, lists[_i].body);

	start_one(false, CLOVE_BYTES(NULL, 0));
	len += message(bytes + len, MODIFIERS, 2, "\1\0");
	say(bytes, len);
	NET_TURN_UNTIL(loop, client->modifiers == 1);
	ck_assert_uint_eq(client->inits, 0);
	ck_assert_uint_eq(client->closed, 0);
}
END_TEST

#define LOOP(test, rows) \
	tcase_add_loop_test(tests, test, 0, (int)(sizeof rows / sizeof rows[0]))

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tests = tcase_create("channel");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_channel_carries_messages, 0, 2);
	tcase_add_test(tests, test_channel_survives_every_split);
	tcase_add_test(tests, test_channel_ends_at_every_byte);
	LOOP(test_channel_server_refuses, wrong);
	tcase_add_test(tests, test_channel_handler_error_closes_a_server);
	tcase_add_test(tests, test_channel_closes_from_a_handler);
	tcase_add_test(tests, test_channel_close_comes_later_and_once);
	tcase_add_test(tests, test_channel_client_skips_what_it_does_not_know);
	tcase_add_test(tests, test_channel_client_answers_pings_without_padding);
	tcase_add_test(tests, test_channel_pong_and_notify_are_told);
	tcase_add_test(tests, test_channel_replies_to_a_deaf_peer_are_bounded);
	LOOP(test_channel_ack_window_both_ends, windows);
	tcase_add_test(tests, test_channel_ack_of_an_old_generation_does_not_count);
	tcase_add_test(tests, test_channel_pause_holds_messages);
	tcase_add_test(tests, test_channel_cork_writes_in_one_go);
	tcase_add_test(tests, test_channel_queue_drains);
	tcase_add_test(tests, test_channel_list_waits_in_the_middle);
	tcase_add_test(tests, test_channel_full_header_carries_a_list);
	LOOP(test_channel_client_skips_bad_lists, lists);
	LOOP(test_channel_tls_write_holds_one_message, takes);
	suite_add_tcase(suite, tests);
	return net_run(suite);
}
