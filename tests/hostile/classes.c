/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* classes.c - from before the link to inside every channel: one function for each way of being hostile. */
#include "tests/hostile/classes.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "common/codec/lz4.h"
#include "common/protocol/enums.h"
#include "tests/hostile/peer.h"

/* -- before and in the link message -- */

static void say_raw(struct clove_buf *take_buf)
{
	struct peer peer;

	peer_open(&peer);
	peer_say(&peer, take_buf->data, take_buf->len);
	peer_end(&peer);
	clove_buf_fini(take_buf);
}

static void random_bytes(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type, (void)i;
	put_chance(&buf, below(3) ? below(300) : below(70000));
	say_raw(&buf);
}

static void link_magic(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type;
	put_link_message(&buf);
	buf.data[i % 4] = (uint8_t)chance();
	say_raw(&buf);
}

static void link_version(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type;
	put_link_message(&buf);
	clove_put_le32(buf.data + (i % 2 ? 4 : 8), absurd());
	say_raw(&buf);
}

static void link_close_at(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type;
	put_link_message(&buf);
	buf.len = i % (buf.len + 1);
	say_raw(&buf);
}

static void link_bits(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type, (void)i;
	put_link_message(&buf);
	flip_bits(&buf, 1 + below(6));
	say_raw(&buf);
}

static void link_size(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type, (void)i;
	put_link_message(&buf);
	clove_put_le32(buf.data + 12, absurd());
	put_chance(&buf, below(8000));
	say_raw(&buf);
}

static void link_caps(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type;
	put_link_message(&buf);
	clove_put_le32(buf.data + 22 + 4 * (i % 3), absurd());
	if (below(2))
		clove_put_le32(buf.data + 22 + 4 * below(3), absurd());
	if (below(2)) {
		put_chance(&buf, below(4096));
		clove_put_le32(buf.data + 12, (uint32_t)buf.len - 16);
	}
	say_raw(&buf);
}

static void link_channel(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)type;
	put_link_message(&buf);
	buf.data[20] = (uint8_t)i;
	buf.data[21] = (uint8_t)(below(2) ? 0 : chance());
	say_raw(&buf);
}

static void other_protocols(unsigned int type, uint32_t i)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Protocol: binary\r\n\r\n",
		"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: \r\nSec-WebSocket-Protocol: binary\r\n\r\n",
		"GET ", "SSH-2.0-OpenSSH_9.2\r\n", "RFB 003.008\n", "\r\n\r\n", "REDQREDQREDQREDQREDQ",
	};
	struct clove_buf buf = { 0 };

	(void)type;
	put(&buf, texts[i % 8], strlen(texts[i % 8]));
	if (below(2))
		put_chance(&buf, below(5000));
	if (!below(4))
		flip_bits(&buf, 1 + below(4));
	say_raw(&buf);
}

static void nothing_said(unsigned int type, uint32_t i)
{
	struct linger reset = { .l_onoff = 1 };
	struct peer peer;

	(void)type;
	if (i % 2)
		peer_raw(&peer);
	else
		peer_open(&peer);
	if (peer.stream && below(2))
		setsockopt(peer.stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	peer_end(&peer);
}

static void connection_ids(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	struct peer peer;

	(void)type;
	put_seed(&buf, 1 + i % 6);
	if (peer_link(&peer, 1 + i % 6, below(3), absurd() | 1))
		peer_say(&peer, buf.data, buf.len);
	peer_end(&peer);
	clove_buf_fini(&buf);
}

/* -- TLS -- */

static void tls_hello(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	struct peer peer;

	(void)type;
	put_client_hello(&buf);
	switch (i % 4) {
	case 0: buf.len = i / 4 % (buf.len + 1); break;
	case 1: flip_bits(&buf, 1 + below(10)); break;
	case 2: clove_put_le16(buf.data + 3, (uint16_t)absurd()); break;
	case 3: put_chance(&buf, below(40000)); break;
	}
	peer_raw(&peer); /* on the plain port too */
	peer_say(&peer, buf.data, buf.len);
	peer_end(&peer);
	clove_buf_fini(&buf);
}

/* Below a finished handshake: records that nobody sealed. */
static void tls_records(unsigned int type, uint32_t i)
{
	static const uint8_t kinds[] = { 20, 21, 22, 23, 24, 0, 255 };
	uint8_t header[5] = { kinds[i % 7], 3, 3, (uint8_t)below(80), (uint8_t)chance() };
	struct clove_buf buf = { 0 };
	struct peer peer;

	(void)type;
	is_secure = secure.tls;
	put(&buf, header, sizeof header);
	put_chance(&buf, below(5) ? (size_t)header[3] << 8 | header[4] : below(64));
	peer_open(&peer);
	if (peer.stream)
		(void)!send(peer.stream->fd, buf.data, buf.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	peer_end(&peer);
	clove_buf_fini(&buf);
}

/* -- mechanism and ticket -- */

static void say_ticket(const char *password, uint32_t i, void (*spoil)(struct clove_buf *out, uint32_t i))
{
	struct peer peer;

	if (peer_link_to_ticket(&peer, password)) {
		if (spoil)
			spoil(&peer.link.out, i);
		peer_say(&peer, peer.link.out.data, peer.link.out.len);
	}
	peer_end(&peer);
}

static void spoil_mechanism(struct clove_buf *out, uint32_t i)
{
	static const uint32_t values[] = { 0, 2, 3, 7, 0xffffffff };

	clove_put_le32(out->data, values[i % 5]);
	if (below(2))
		out->len = 4;
}

static void spoil_length(struct clove_buf *out, uint32_t i)
{
	out->len = i % (out->len + 1);
}

static void spoil_ciphertext(struct clove_buf *out, uint32_t i)
{
	size_t n = out->len - 4;

	switch (i % 4) {
	case 0: out->data[4 + below((uint32_t)n)] ^= (uint8_t)(1 << below(8)); break;
	case 1: memset(out->data + 4, 0xff, n); break; /* more than any modulus */
	case 2: memset(out->data + 4, 0, n); break;
	case 3: out->len = 4; put_chance(out, n); break;
	}
}

static void spoil_behind(struct clove_buf *out, uint32_t i)
{
	if (i % 2)
		put_sensible(out, CLOVE_CHANNEL_MAIN);
	put_chance(out, below(2000));
}

static void spoil_sasl(struct clove_buf *out, uint32_t i)
{
	static const char *const names[] = { "PLAIN", "DIGEST-MD5", "ANONYMOUS", ",", "", "GSSAPI,PLAIN", "../../x" };

	clove_put_le32(out->data, CLOVE_AUTH_MECHANISM_SASL);
	out->len = 4;
	put32(out, below(2) ? (uint32_t)strlen(names[i % 7]) : absurd());
	put(out, names[i % 7], strlen(names[i % 7]));
	put32(out, absurd());
	put_chance(out, below(3000));
}

#define TICKET(name) \
	static void ticket_##name(unsigned int type, uint32_t i) \
	{ \
		(void)type; \
		say_ticket(plain.password, i, spoil_##name); \
	}
TICKET(mechanism)
TICKET(length)
TICKET(ciphertext)
TICKET(behind)
TICKET(sasl)

static void ticket_password(unsigned int type, uint32_t i)
{
	static const char *const words[] = { "", "x", "SECRET", "secret ", "\n",
		"012345678901234567890123456789012345678901234567890123456789" };

	(void)type;
	say_ticket(words[i % 6], i, NULL);
}

/* -- inside a channel: each of these for each type -- */

/* A session, the channel of `type` in it, and these bytes said there. */
static void say_on_channel(unsigned int type, struct clove_buf *take_buf)
{
	struct peer main, other = { 0 };
	struct peer *peer = type == CLOVE_CHANNEL_MAIN ? &main : &other;
	bool is_there = type == CLOVE_CHANNEL_MAIN ? peer_link(&main, type, 0, 0) :
			peer_session_open(&main, &other, type);

	if (is_there)
		peer_say(peer, take_buf->data, take_buf->len);
	peer_end(peer);
	if (peer != &main)
		peer_close(&main);
	clove_buf_fini(take_buf);
}

static void random_messages(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };

	(void)i;
	if (below(2))
		put_sensible(&buf, type);
	for (uint32_t n = 1 + below(8); n; n--) {
		clove_buf_clear(&body);
		put_chance(&body, below(4) ? below(64) : below(3000));
		put_whole(&buf, (uint16_t)(below(8) ? below(130) : chance()), body.data, body.len);
	}
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

static void message_close_at(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	put_sensible(&buf, type);
	if (below(2))
		put_seed(&buf, type);
	buf.len = i % (buf.len + 1);
	say_on_channel(type, &buf);
}

static void message_size(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };

	if (below(2))
		put_sensible(&buf, type);
	put_chance(&body, below(4) ? below(100) : below(100000));
	put_message(&buf, client_id(type, i), absurd(), body.data, body.len);
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

static void message_bits(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)i;
	put_sensible(&buf, type);
	put_seed(&buf, type);
	put_seed(&buf, type);
	flip_bits(&buf, 1 + below(8));
	say_on_channel(type, &buf);
}

static void well_formed(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)i;
	if (below(3))
		put_sensible(&buf, type);
	for (uint32_t n = 1 + below(12); n; n--)
		put_seed(&buf, type);
	say_on_channel(type, &buf);
}

static void repeats(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, one = { 0 };

	if (i % 3)
		put_seed(&one, type);
	else
		put_sensible(&one, type);
	if (below(2))
		put_sensible(&buf, type);
	for (uint32_t n = 2 + below(below(4) ? 10 : 400); n && buf.len < 300000; n--)
		put(&buf, one.data, one.len);
	clove_buf_fini(&one);
	say_on_channel(type, &buf);
}

static void short_bodies(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };

	if (below(2))
		put_sensible(&buf, type);
	put_chance(&body, i / count_client_ids(type) % 20);
	put_whole(&buf, client_id(type, i), body.data, body.len);
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

static void full_headers(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)i;
	is_full_header = true;
	put_sensible(&buf, type);
	for (uint32_t n = 1 + below(4); n; n--)
		put_seed(&buf, type);
	say_on_channel(type, &buf);
}

static void migration(unsigned int type, uint32_t i)
{
	static const uint16_t ids[] = { CLOVE_MIGRATE_FLUSH_MARK, CLOVE_CLIENT_MIGRATE_DATA,
		CLOVE_MAIN_MIGRATE_CONNECTED, CLOVE_MAIN_MIGRATE_CONNECT_ERROR, CLOVE_MAIN_CLIENT_MIGRATE_END, 110, 111 };
	uint32_t n = type == CLOVE_CHANNEL_MAIN ? 7 : 2;
	struct clove_buf buf = { 0 }, body = { 0 };

	put_chance(&body, below(2) ? 0 : below(300));
	put_whole(&buf, ids[i % n], body.data, body.len);
	if (below(2))
		put_whole(&buf, ids[below(n)], body.data, body.len);
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

/* -- what one channel alone has -- */

static void display_init_again(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };

	(void)i;
	for (uint32_t n = 2 + below(3); n; n--) {
		put_display_init(&buf);
		if (below(2))
			put_seed(&buf, type);
	}
	say_on_channel(type, &buf);
}

static void display_init_sizes(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	uint8_t body[14];

	(void)i;
	body[0] = (uint8_t)chance();
	clove_put_le32(body + 1, absurd());
	clove_put_le32(body + 5, below(2) ? 0 : absurd());
	body[9] = (uint8_t)chance();
	clove_put_le32(body + 10, absurd());
	put_whole(&buf, CLOVE_DISPLAY_INIT, body, sizeof body);
	say_on_channel(type, &buf);
}

static void display_no_init(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };

	switch (i % 5) {
	case 0:
		for (int k = 0; k < 8; k++)
			put32(&body, absurd());
		put_whole(&buf, CLOVE_DISPLAY_STREAM_REPORT, body.data, body.len);
		break;
	case 1: put_whole(&buf, CLOVE_DISPLAY_GL_DRAW_DONE, NULL, 0); break;
	case 2:
		put_chance(&body, 1);
		put_whole(&buf, CLOVE_DISPLAY_PREFERRED_COMPRESSION, body.data, body.len);
		break;
	case 3:
		put_chance(&body, 1 + below(39));
		put_whole(&buf, CLOVE_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE, body.data, body.len);
		break;
	case 4: put_whole(&buf, CLOVE_ACK, NULL, 0); break;
	}
	if (below(2))
		put_display_init(&buf);
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

/* Asks for everything while the screen changes, and reads nothing. */
static void display_unread(unsigned int type, uint32_t i)
{
	int small = 2048;
	struct peer main, display;
	struct clove_buf buf = { 0 };

	vmm_do("busy 200");
	put_display_init(&buf);
	if (peer_session_open(&main, &display, type)) {
		setsockopt(display.stream->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		peer_say(&display, buf.data, buf.len);
		poll(NULL, 0, 30);
	}
	if (i % 2)
		peer_close(&main);
	peer_close(&display);
	peer_close(&main);
	vmm_do("busy 0");
	clove_buf_fini(&buf);
}

/* Says much that is to be answered and reads no answer. */
static void unread_answers(unsigned int type, uint32_t i)
{
	static const uint8_t motion[10];
	struct peer main, other = { 0 };
	struct peer *peer = type == CLOVE_CHANNEL_MAIN ? &main : &other;
	bool is_there = type == CLOVE_CHANNEL_MAIN ? peer_link(&main, type, 0, 0) :
			peer_session_open(&main, &other, type);
	struct clove_buf buf = { 0 };

	(void)i;
	while (buf.len < 200000)
		if (type == CLOVE_CHANNEL_MAIN)
			put_whole(&buf, CLOVE_MAIN_ATTACH_CHANNELS, NULL, 0);
		else
			put_whole(&buf, CLOVE_INPUTS_MOUSE_MOTION, motion, sizeof motion);
	if (is_there)
		peer_say(peer, buf.data, buf.len);
	peer_close(peer);
	if (peer != &main)
		peer_close(&main);
	clove_buf_fini(&buf);
}

/* Sizes that are not the block's, kinds that are not, blocks that are none. */
static void vmc_packings(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };
	struct peer main, other;
	char text[3000];
	size_t size = 0;
	uint8_t *room;

	memset(text, 'x', sizeof text);
	put(&body, i % 4 ? "\1" : (const char[]){ (char)chance() }, 1);
	put32(&body, i % 3 ? sizeof text : absurd());
	room = clove_buf_reserve(&body, 4000);
	if (i % 5 == 4)
		put_chance(&body, below(3000));
	else if (clove_lz4_pack(room, 4000, CLOVE_BYTES(text, sizeof text), &size) == CLOVE_OK)
		body.len += size;
	if (i % 7 == 6 && body.len > 6)
		flip_bits(&body, 1 + below(4));
	for (int n = 0; n < 3; n++)
		put_whole(&buf, CLOVE_VMC_COMPRESSED_DATA, body.data, body.len);
	if (peer_session_open(&main, &other, type))
		peer_say(&other, buf.data, buf.len);
	peer_end(&other);
	peer_close(&main);
	clove_buf_fini(&body);
	clove_buf_fini(&buf);
}

/* The devices of the VMM give back what they take: both directions fill up. */
static void vmc_unread(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };
	struct peer main, other;

	put_chance(&body, 60000);
	while (buf.len < 8000000)
		put_whole(&buf, CLOVE_VMC_DATA, body.data, body.len);
	if (peer_session_open(&main, &other, type))
		peer_say(&other, buf.data, buf.len);
	if (i % 2)
		peer_keep(&other);
	else
		peer_close(&other);
	peer_close(&main);
	clove_buf_fini(&body);
	clove_buf_fini(&buf);
}

static void vmc_great(unsigned int type, uint32_t i)
{
	static const uint32_t sizes[] = { 64 << 20, (64 << 20) + 1, 256 << 20, UINT32_MAX, 16 << 20, 70000 };
	struct clove_buf buf = { 0 }, body = { 0 };
	struct peer main, other;

	put_chance(&body, 50000);
	put_message(&buf, i % 2 ? CLOVE_VMC_DATA : CLOVE_VMC_COMPRESSED_DATA, sizes[i / 2 % 6], body.data, body.len);
	if (peer_session_open(&main, &other, type))
		peer_say(&other, buf.data, buf.len);
	peer_keep(&other);
	peer_close(&main);
	clove_buf_fini(&body);
	clove_buf_fini(&buf);
}

static void inputs_values(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	uint8_t body[4096];

	for (uint32_t n = 1 + below(20); n; n--) {
		for (size_t k = 0; k < sizeof body; k += 4)
			clove_put_le32(body + k, absurd());
		switch ((i + n) % 6) {
		case 0: put_whole(&buf, CLOVE_INPUTS_KEY_SCANCODE, body, below(sizeof body)); break;
		case 1: put_whole(&buf, CLOVE_INPUTS_MOUSE_POSITION, body, 11); break;
		case 2: put_whole(&buf, CLOVE_INPUTS_MOUSE_MOTION, body, 10); break;
		case 3: put_whole(&buf, CLOVE_INPUTS_MOUSE_PRESS, body, 3); break;
		case 4: put_whole(&buf, CLOVE_INPUTS_KEY_DOWN, body, 4); break;
		case 5: put_whole(&buf, CLOVE_INPUTS_CLIENT_KEY_MODIFIERS, body, 2); break;
		}
	}
	say_on_channel(type, &buf);
}

static void agent(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 }, body = { 0 };

	if (i % 2) {
		put32(&body, absurd());
		put_whole(&buf, CLOVE_MAIN_AGENT_START, body.data, body.len);
	}
	for (uint32_t n = 1 + below(30); n; n--) {
		clove_buf_clear(&body);
		put32(&body, below(4) ? 1 : absurd());
		put32(&body, below(20));
		put32(&body, 0);
		put32(&body, 0);
		put32(&body, absurd());
		put_chance(&body, below(2) ? below(100) : below(4000));
		put_whole(&buf, CLOVE_MAIN_CLIENT_AGENT_DATA, body.data,
				below(3) ? body.len : below((uint32_t)body.len));
		if (!below(4)) {
			clove_buf_clear(&body);
			put32(&body, absurd());
			put_whole(&buf, CLOVE_MAIN_CLIENT_AGENT_TOKEN, body.data, body.len);
		}
	}
	clove_buf_fini(&body);
	say_on_channel(type, &buf);
}

/* -- sessions -- */

static void channel_twice(unsigned int type, uint32_t i)
{
	struct peer main, others[3] = { 0 };
	struct clove_buf buf = { 0 };
	unsigned int which = CLOVE_CHANNEL_DISPLAY + i % 3;
	uint32_t id;

	(void)type;
	put_sensible(&buf, which);
	if (peer_link(&main, CLOVE_CHANNEL_MAIN, 0, 0) && (id = peer_session(&main)))
		for (int k = 0; k < 3; k++)
			if (peer_link(&others[k], which, 0, id))
				peer_say(&others[k], buf.data, buf.len);
	for (uint32_t k = 0; k < 3; k++)
		peer_end(&others[(k + i) % 3]);
	peer_close(&main);
	clove_buf_fini(&buf);
}

static void not_offered(unsigned int type, uint32_t i)
{
	static const uint8_t types[] = { 5, 6, 7, 8, 9, 10, 11, 0, 12, 255, 2, 4 };
	struct peer main, other = { 0 };
	struct clove_buf buf = { 0 };
	unsigned int which = types[i % 12];
	uint32_t id;

	(void)type;
	put_seed(&buf, which);
	put_chance(&buf, below(300));
	if (peer_link(&main, CLOVE_CHANNEL_MAIN, 0, 0) && (id = peer_session(&main)) &&
			peer_link(&other, which, i % 12 >= 10 ? 1 + below(255) : below(3), id))
		peer_say(&other, buf.data, buf.len);
	peer_end(&other);
	peer_close(&main);
	clove_buf_fini(&buf);
}

/* Main goes first, or another main takes its place, or a main comes that names the session. */
static void order_of_closing(unsigned int type, uint32_t i)
{
	struct peer main, second = { 0 }, others[3] = { 0 };
	struct clove_buf buf = { 0 };
	uint32_t id = 0;

	(void)type;
	if (peer_link(&main, CLOVE_CHANNEL_MAIN, 0, 0) && (id = peer_session(&main)))
		for (unsigned int k = 0; k < 3; k++) {
			clove_buf_clear(&buf);
			put_sensible(&buf, CLOVE_CHANNEL_DISPLAY + k);
			if (peer_link(&others[k], CLOVE_CHANNEL_DISPLAY + k, 0, id))
				peer_say(&others[k], buf.data, buf.len);
		}
	switch (i % 3) {
	case 0: peer_close(&main); break;
	case 1: peer_link(&second, CLOVE_CHANNEL_MAIN, 0, 0); break;
	case 2: peer_link(&second, CLOVE_CHANNEL_MAIN, 0, id); break;
	}
	for (unsigned int k = 0; k < 3; k++) {
		clove_buf_clear(&buf);
		put_seed(&buf, CLOVE_CHANNEL_DISPLAY + k);
		peer_say(&others[k], buf.data, buf.len);
		peer_close(&others[k]);
	}
	peer_close(&second);
	peer_close(&main);
	clove_buf_fini(&buf);
}

static void links_after_end(unsigned int type, uint32_t i)
{
	struct peer main, other = { 0 };
	uint32_t id = 0;

	(void)type;
	if (peer_link(&main, CLOVE_CHANNEL_MAIN, 0, 0))
		id = peer_session(&main);
	peer_close(&main);
	peer_link(&other, CLOVE_CHANNEL_DISPLAY + i % 3, 0, id);
	peer_end(&other);
}

/* The VMM does what a VMM does, in the middle of it all. */
static void restless_vmm(unsigned int type, uint32_t i)
{
	static const char *const deeds[] = { "resize 640x480", "resize 720x400", "resize 800x600", "stop", "cont",
		"cursor", "leds 7", "leds 0", "paint 3", "paint 20" };
	struct peer main, other;
	struct clove_buf buf = { 0 };

	(void)i;
	vmm_do("busy 100");
	put_sensible(&buf, type);
	put_seed(&buf, type);
	if (peer_session_open(&main, &other, type))
		for (int n = 0; n < 6; n++) {
			if (other.stream)
				peer_say(&other, buf.data + buf.len * (size_t)n / 6,
						buf.len * (size_t)(n + 1) / 6 - buf.len * (size_t)n / 6);
			vmm_do(deeds[below(10)]);
			if (below(2))
				peer_listen(&other, 1);
		}
	peer_end(below(2) ? &main : &other);
	vmm_do("cont");
	vmm_do("busy 0");
	vmm_do("resize 640x480");
	peer_close(&other);
	peer_close(&main);
	clove_buf_fini(&buf);
}

/* -- slow ones: they stay until the next good client has been served -- */

static void slow_link(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	struct peer peer;

	(void)type;
	put_link_message(&buf);
	peer_open(&peer);
	for (size_t at = 0; at < 1 + i % buf.len; at++)
		peer_say(&peer, buf.data + at, 1);
	peer_keep(&peer);
	clove_buf_fini(&buf);
}

static void half_open(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	struct peer peer;

	(void)type;
	switch (i % 4) {
	case 0: peer_raw(&peer); break;
	case 1: peer_open(&peer); break;
	case 2: peer_link_to_ticket(&peer, plain.password); break;
	case 3:
		put_client_hello(&buf);
		peer_raw(&peer);
		peer_say(&peer, buf.data, 1 + below((uint32_t)buf.len));
		break;
	}
	peer_keep(&peer);
	clove_buf_fini(&buf);
}

static void half_message(unsigned int type, uint32_t i)
{
	struct clove_buf buf = { 0 };
	struct peer main, other;

	put_sensible(&buf, type);
	if (peer_session_open(&main, &other, type))
		peer_say(&other, buf.data, 1 + i % (uint32_t)buf.len);
	peer_keep(&other);
	peer_keep(&main);
	clove_buf_fini(&buf);
}

#define EACH_CHANNEL(name, fn) \
	{ "main: " name, fn, CLOVE_CHANNEL_MAIN }, { "display: " name, fn, CLOVE_CHANNEL_DISPLAY }, \
	{ "inputs: " name, fn, CLOVE_CHANNEL_INPUTS }, { "cursor: " name, fn, CLOVE_CHANNEL_CURSOR }, \
	{ "usbredir: " name, fn, CLOVE_CHANNEL_USBREDIR }

const struct hostile_class hostile_classes[] = {
	{ "link: random bytes", random_bytes, 0 },
	{ "link: magic", link_magic, 0 },
	{ "link: versions", link_version, 0 },
	{ "link: closed at every byte", link_close_at, 0 },
	{ "link: flipped bits", link_bits, 0 },
	{ "link: absurd sizes", link_size, 0 },
	{ "link: capability counts and offsets", link_caps, 0 },
	{ "link: channel types and ids", link_channel, 0 },
	{ "link: other protocols", other_protocols, 0 },
	{ "link: nothing said", nothing_said, 0 },
	{ "link: connection ids", connection_ids, 0 },
	{ "TLS: broken hello", tls_hello, 0 },
	{ "TLS: unsealed records", tls_records, 0 },
	{ "ticket: mechanisms", ticket_mechanism, 0 },
	{ "ticket: closed at every byte", ticket_length, 0 },
	{ "ticket: broken ciphertext", ticket_ciphertext, 0 },
	{ "ticket: wrong passwords", ticket_password, 0 },
	{ "ticket: messages before the result", ticket_behind, 0 },
	{ "ticket: SASL", ticket_sasl, 0 },
	EACH_CHANNEL("random messages", random_messages),
	EACH_CHANNEL("closed at every byte", message_close_at),
	EACH_CHANNEL("absurd sizes", message_size),
	EACH_CHANNEL("flipped bits", message_bits),
	EACH_CHANNEL("well-formed with any values", well_formed),
	EACH_CHANNEL("repeats", repeats),
	EACH_CHANNEL("short bodies", short_bodies),
	EACH_CHANNEL("full headers and sub-lists", full_headers),
	EACH_CHANNEL("migration out of place", migration),
	{ "display: INIT again", display_init_again, CLOVE_CHANNEL_DISPLAY },
	{ "display: sizes in INIT", display_init_sizes, CLOVE_CHANNEL_DISPLAY },
	{ "display: no INIT", display_no_init, CLOVE_CHANNEL_DISPLAY },
	{ "display: nothing read", display_unread, CLOVE_CHANNEL_DISPLAY },
	{ "main: no answer read", unread_answers, CLOVE_CHANNEL_MAIN },
	{ "inputs: no answer read", unread_answers, CLOVE_CHANNEL_INPUTS },
	{ "inputs: values", inputs_values, CLOVE_CHANNEL_INPUTS },
	{ "main: agent", agent, CLOVE_CHANNEL_MAIN },
	{ "usbredir: broken packings and bombs", vmc_packings, CLOVE_CHANNEL_USBREDIR },
	{ "usbredir: much, and nothing read", vmc_unread, CLOVE_CHANNEL_USBREDIR },
	{ "usbredir: half a great message", vmc_great, CLOVE_CHANNEL_USBREDIR },
	{ "session: a channel three times", channel_twice, 0 },
	{ "session: channels not offered", not_offered, 0 },
	{ "session: order of closing", order_of_closing, 0 },
	{ "session: links after its end", links_after_end, 0 },
	{ "session: a restless VMM, display", restless_vmm, CLOVE_CHANNEL_DISPLAY },
	{ "session: a restless VMM, cursor", restless_vmm, CLOVE_CHANNEL_CURSOR },
	{ "session: a restless VMM, inputs", restless_vmm, CLOVE_CHANNEL_INPUTS },
	{ "session: a restless VMM, usbredir", restless_vmm, CLOVE_CHANNEL_USBREDIR },
	{ "slow: a link byte by byte", slow_link, 0 },
	{ "slow: half open", half_open, 0 },
	{ "slow: half a message on display", half_message, CLOVE_CHANNEL_DISPLAY },
	{ "slow: half a message on inputs", half_message, CLOVE_CHANNEL_INPUTS },
};
const unsigned int hostile_class_count = sizeof hostile_classes / sizeof *hostile_classes;
