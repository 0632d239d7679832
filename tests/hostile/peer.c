/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - connections that stop, close or lie at any step, over plain TCP or TLS. */
#include "tests/hostile/peer.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/protocol/enums.h"

enum { LIMIT_MS = 2000, SAY_MS = 300, KEPT = 24, COMMON_IDS = 6 };

struct player_where plain = { .host = "127.0.0.1" }, secure = { .host = "127.0.0.1" };
bool is_secure, is_full_header;

/* -- chance -- */

static uint64_t dice;

void chance_seed(uint64_t seed)
{
	dice = seed ? seed : 1;
	for (int i = 0; i < 8; i++)
		chance();
}

uint32_t chance(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 32);
}

uint32_t below(uint32_t n)
{
	return n ? chance() % n : 0;
}

uint32_t absurd(void)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 17, 18, 19, 63, 64, 127, 128, 255, 256, 1023, 1024, 1025,
		2047, 2048, 2049, 4095, 4096, 4097, 26624, 65535, 65536, 1 << 20, 0x00ffffff, 0x01000000, 0x0fffffff,
		0x10000000, 0x10000001, 0x3fffffff, 0x40000001, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001,
		0xfffffff0, 0xfffffffe, 0xffffffff };
	uint32_t i = below(sizeof values / sizeof *values + 4);

	return i < sizeof values / sizeof *values ? values[i] : chance();
}

/* -- bytes -- */

void put(struct clove_buf *buf, const void *data, size_t n)
{
	if (clove_buf_append(buf, data, n))
		give_up("no memory");
}

void put16(struct clove_buf *buf, uint16_t value)
{
	uint8_t bytes[2];

	clove_put_le16(bytes, value);
	put(buf, bytes, sizeof bytes);
}

void put32(struct clove_buf *buf, uint32_t value)
{
	uint8_t bytes[4];

	clove_put_le32(bytes, value);
	put(buf, bytes, sizeof bytes);
}

void put_chance(struct clove_buf *buf, size_t n)
{
	uint8_t *room = clove_buf_reserve(buf, n);

	if (!room && n)
		give_up("no memory");
	for (size_t i = 0; i < n; i++)
		room[i] = (uint8_t)chance();
	buf->len += n;
}

void flip_bits(struct clove_buf *buf, uint32_t n)
{
	for (uint32_t i = 0; i < n && buf->len; i++)
		buf->data[below((uint32_t)buf->len)] ^= (uint8_t)(1 << below(8));
}

/* -- connections -- */

static void wait_for(struct clove_stream *stream, int events, int ms)
{
	struct pollfd polled = { stream->fd, events & CLOVE_WRITE ? POLLOUT : POLLIN, 0 };

	if (!(events & CLOVE_READ && clove_stream_buffered(stream)))
		poll(&polled, 1, ms);
}

void peer_close(struct peer *peer)
{
	clove_stream_free(peer->stream);
	clove_link_fini(&peer->link);
	clove_buf_fini(&peer->early);
	memset(peer, 0, sizeof *peer);
}

/* The stream is gone after anything worse than AGAIN. */
static bool has_failed(struct peer *peer, enum clove_err err)
{
	if (!err || err == CLOVE_ERR_AGAIN)
		return false;
	clove_stream_free(peer->stream);
	peer->stream = NULL;
	return true;
}

void peer_raw(struct peer *peer)
{
	int fd = player_socket(is_secure ? &secure : &plain);

	memset(peer, 0, sizeof *peer);
	peer->stream = fd < 0 ? NULL : clove_socket_stream_new(fd, 0);
	if (peer->stream)
		wait_for(peer->stream, CLOVE_WRITE, LIMIT_MS);
	else if (fd >= 0)
		close(fd);
}

void peer_open(struct peer *peer)
{
	uint64_t until = clove_now_ms() + LIMIT_MS;
	enum clove_err err = CLOVE_ERR_AGAIN;

	peer_raw(peer);
	if (!is_secure || !peer->stream)
		return;
	peer->stream = clove_tls_stream_new(secure.tls, peer->stream);
	while (peer->stream && err == CLOVE_ERR_AGAIN && clove_now_ms() < until) {
		err = clove_stream_handshake(peer->stream);
		if (err == CLOVE_ERR_AGAIN)
			wait_for(peer->stream, clove_stream_wants(peer->stream), 50);
	}
	if (peer->stream && err)
		has_failed(peer, CLOVE_ERR_TLS);
}

void peer_say(struct peer *peer, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t until = clove_now_ms() + SAY_MS;

	while (peer->stream && len && clove_now_ms() <= until) {
		size_t n = 0;
		enum clove_err err = clove_stream_write(peer->stream, at, len, &n);

		if (err == CLOVE_ERR_AGAIN) {
			wait_for(peer->stream, clove_stream_wants(peer->stream), 20);
		} else if (!has_failed(peer, err)) {
			at += n;
			len -= n;
		}
	}
}

/* OK: something came and lies behind `into`, if there is one. */
static enum clove_err hear(struct peer *peer, struct clove_buf *into, int ms)
{
	uint8_t data[16384];
	size_t n = 0;
	enum clove_err err = clove_stream_read(peer->stream, data, sizeof data, &n);

	if (err == CLOVE_ERR_AGAIN) {
		wait_for(peer->stream, CLOVE_READ, ms);
		err = clove_stream_read(peer->stream, data, sizeof data, &n);
	}
	if (!has_failed(peer, err) && !err && into)
		put(into, data, n);
	return err;
}

void peer_listen(struct peer *peer, int ms)
{
	uint64_t until = clove_now_ms() + LIMIT_MS;

	while (peer->stream && clove_now_ms() < until)
		if (hear(peer, NULL, ms) == CLOVE_ERR_AGAIN)
			return;
}

void peer_end(struct peer *peer)
{
	uint32_t way = below(3);

	if (way == 1 && peer->stream)
		shutdown(peer->stream->fd, SHUT_WR);
	if (way)
		peer_listen(peer, 3);
	peer_close(peer);
}

static struct peer kept[KEPT];

void peer_keep(struct peer *peer)
{
	static unsigned int next;

	peer_close(&kept[next % KEPT]);
	kept[next++ % KEPT] = *peer;
	memset(peer, 0, sizeof *peer);
}

void peer_drop_kept(void)
{
	for (int i = 0; i < KEPT; i++)
		peer_close(&kept[i]);
}

/* Says what the link has to say and feeds it what comes, to its end, or until the ticket lies in link.out. */
static bool drive(struct peer *peer, bool stops_at_ticket)
{
	uint64_t until = clove_now_ms() + LIMIT_MS;
	struct clove_buf in = { 0 };
	bool is_there = false;

	while (peer->stream && clove_now_ms() < until) {
		struct clove_buf *out = &peer->link.out;
		size_t used = 0;

		is_there = stops_at_ticket ? out->len >= CLOVE_TICKET_SIZE : peer->link.state == CLOVE_LINK_DONE;
		if (is_there || peer->link.state == CLOVE_LINK_FAILED)
			break;
		if (out->len) {
			peer_say(peer, out->data, out->len);
			clove_buf_consume(out, out->len);
			continue;
		}
		if (hear(peer, &in, 50))
			continue;
		if (clove_link_feed(&peer->link, clove_buf_bytes(&in), &used))
			break;
		clove_buf_consume(&in, used);
	}
	peer->early = in;
	return is_there && peer->stream;
}

struct clove_link_info wanted_info(unsigned int type, unsigned int id, uint32_t connection)
{
	struct clove_link_info info = { .connection_id = connection, .channel_type = (uint8_t)type,
			.channel_id = (uint8_t)id };

	clove_caps_set(&info.common_caps, CLOVE_COMMON_CAP_AUTH_SELECTION);
	clove_caps_set(&info.common_caps, CLOVE_COMMON_CAP_AUTH_SPICE);
	if (!is_full_header)
		clove_caps_set(&info.common_caps, CLOVE_COMMON_CAP_MINI_HEADER);
	if (type == CLOVE_CHANNEL_MAIN)
		info.channel_caps.words[0] = 0xf;
	if (type == CLOVE_CHANNEL_DISPLAY)
		info.channel_caps.words[0] = 0x122 | (chance() & 0x1d5d);
	return info;
}

bool peer_link(struct peer *peer, unsigned int type, unsigned int id, uint32_t connection)
{
	struct clove_link_info info = wanted_info(type, id, connection);

	peer_open(peer);
	clove_link_init_client(&peer->link, &info, plain.password);
	peer->is_linked = drive(peer, false);
	return peer->is_linked;
}

bool peer_link_to_ticket(struct peer *peer, const char *password)
{
	struct clove_link_info info = wanted_info(CLOVE_CHANNEL_MAIN, 0, 0);

	peer_open(peer);
	clove_link_init_client(&peer->link, &info, password);
	return drive(peer, true);
}

uint32_t peer_session(struct peer *main)
{
	size_t header = is_full_header ? 18 : 6;
	uint64_t until = clove_now_ms() + LIMIT_MS;

	while (main->stream && main->early.len < header + 4 && clove_now_ms() < until)
		(void)!hear(main, &main->early, 50);
	return main->early.len >= header + 4 ? clove_le32(main->early.data + header) : 0;
}

bool peer_session_open(struct peer *main, struct peer *other, unsigned int type)
{
	uint32_t id;

	memset(other, 0, sizeof *other);
	return peer_link(main, CLOVE_CHANNEL_MAIN, 0, 0) && (id = peer_session(main)) &&
			peer_link(other, type, 0, id);
}

/* -- messages -- */

void put_message(struct clove_buf *buf, uint16_t id, uint32_t size, const void *body, size_t len)
{
	static uint64_t serial;

	if (is_full_header) {
		uint8_t bytes[8];

		clove_put_le64(bytes, below(4) ? ++serial : absurd());
		put(buf, bytes, sizeof bytes);
	}
	put16(buf, id);
	put32(buf, size);
	if (is_full_header)
		put32(buf, below(2) ? 0 : absurd());
	put(buf, body, len);
}

void put_whole(struct clove_buf *buf, uint16_t id, const void *body, size_t len)
{
	put_message(buf, id, (uint32_t)len, body, len);
}

void put_link_message(struct clove_buf *buf)
{
	struct clove_link link = { 0 };
	struct clove_link_info info = wanted_info(1 + below(4), 0, below(2) ? 0 : chance());

	clove_link_init_client(&link, &info, "");
	put(buf, link.out.data, link.out.len);
	clove_link_fini(&link);
}

static uint32_t count_own_ids(unsigned int type)
{
	const struct clove_message_type *list = clove_message_list((enum clove_channel_type)type, CLOVE_C2S);
	uint32_t n = 0;

	while (list && list[n].name)
		n++;
	return n;
}

uint32_t count_client_ids(unsigned int type)
{
	return count_own_ids(type) + COMMON_IDS;
}

uint16_t client_id(unsigned int type, uint32_t i)
{
	uint32_t own = count_own_ids(type);

	i %= own + COMMON_IDS;
	return i < own ? clove_message_list((enum clove_channel_type)type, CLOVE_C2S)[i].id : (uint16_t)(1 + i - own);
}

void put_seed(struct clove_buf *buf, unsigned int type)
{
	uint16_t id = client_id(type, chance());
	const struct clove_message_type *row = clove_message_find((enum clove_channel_type)type, CLOVE_C2S, id);
	uint64_t random = (uint64_t)chance() << 32 | chance() | 1;
	struct clove_buf body = { 0 };

	if (row && clove_wire_seed(row->layout(), NULL, &random, &body) == CLOVE_OK)
		put_whole(buf, id, body.data, body.len);
	clove_buf_fini(&body);
}

void put_display_init(struct clove_buf *buf)
{
	static const uint8_t body[14] = { 1, 0, 0, 0x40, 1, 0, 0, 0, 0, 1, 0, 0xfc, 0x5f, 0 };

	put_whole(buf, CLOVE_DISPLAY_INIT, body, sizeof body);
}

void put_sensible(struct clove_buf *buf, unsigned int type)
{
	uint8_t body[16] = { 1 };

	switch (type) {
	case CLOVE_CHANNEL_MAIN:
		put_whole(buf, CLOVE_MAIN_ATTACH_CHANNELS, NULL, 0);
		put_whole(buf, CLOVE_PONG, body, 12);
		put_whole(buf, CLOVE_MAIN_MOUSE_MODE_REQUEST, body, 2);
		break;
	case CLOVE_CHANNEL_INPUTS:
		body[0] = 0x1f;
		put_whole(buf, CLOVE_INPUTS_KEY_DOWN, body, 4);
		body[0] = 0x9f;
		put_whole(buf, CLOVE_INPUTS_KEY_UP, body, 4);
		put_whole(buf, CLOVE_INPUTS_MOUSE_MOTION, body, 10);
		break;
	case CLOVE_CHANNEL_USBREDIR:
		put_whole(buf, CLOVE_VMC_DATA, body, sizeof body);
		put_whole(buf, CLOVE_VMC_COMPRESSED_DATA, "\1\4\0\0\0\100abcd", 10);
		break;
	case CLOVE_CHANNEL_DISPLAY:
		put_display_init(buf);
		/* fall through */
	default:
		put_whole(buf, CLOVE_ACK_SYNC, body, 4);
		put_whole(buf, CLOVE_ACK, NULL, 0);
	}
}

void put_client_hello(struct clove_buf *buf)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char *data;

	if (!ssl || !in || !out)
		give_up("no TLS");
	SSL_set_bio(ssl, in, out);
	SSL_set_connect_state(ssl);
	SSL_do_handshake(ssl);

	long n = BIO_get_mem_data(out, &data);
	put(buf, data, (size_t)n);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}
