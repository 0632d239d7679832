/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usbredir-peer.c - our parser and filter against the ones that QEMU and other clients use: libusbredirparser. */
#include <errno.h>
#include <usbredirfilter.h>
#include <usbredirparser.h>
#include "tests/unit/usbredir-fixture.h"
#include "usbredir/filter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { EVERY = 50 };                     /* of the offsets far behind, where all is ten times as slow */
#else
enum { EVERY = 1 };
#endif

struct peer {
	struct usbredirparser *parser;
	struct clove_bytes in;
	struct clove_buf out;
	struct arrived got;
	unsigned int complaints;
	char complaint[200];
};

/* -- what the peer takes and gives -- */

static void on_log(void *priv, int level, const char *text)
{
	struct peer *peer = priv;

	if (level <= usbredirparser_warning) {
		peer->complaints++;
		snprintf(peer->complaint, sizeof peer->complaint, "%s", text);
	}
}

static int on_read(void *priv, uint8_t *data, int count)
{
	struct peer *peer = priv;
	size_t n = (size_t)count < peer->in.len ? (size_t)count : peer->in.len;

	if (n)
		memcpy(data, peer->in.data, n);
	peer->in.data += n;
	peer->in.len -= n;
	return (int)n;
}

static int on_write(void *priv, uint8_t *data, int count)
{
	struct peer *peer = priv;
	int n = count > 700 ? 700 : count;

	ck_assert_int_eq(clove_buf_append(&peer->out, data, (size_t)n), CLOVE_OK);
	return n;
}

static void peer_notes(struct peer *peer, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	const struct clove_caps some = { { peer->got.shared } };

	note(&peer->got, type, id, body, body ? clove_wire_size(packet_kinds[type].layout(), &some) : 0, data);
}

#define PLAIN(name, TYPE) \
	static void on_##name(void *priv) \
	{ \
		peer_notes(priv, CLOVE_USBREDIR_##TYPE, 0, NULL, CLOVE_BYTES(NULL, 0)); \
	}
#define BODY(name, TYPE) \
	static void on_##name(void *priv, struct usb_redir_##name##_header *body) \
	{ \
		peer_notes(priv, CLOVE_USBREDIR_##TYPE, 0, body, CLOVE_BYTES(NULL, 0)); \
	}
#define ID(name, TYPE) \
	static void on_##name(void *priv, uint64_t id) \
	{ \
		peer_notes(priv, CLOVE_USBREDIR_##TYPE, id, NULL, CLOVE_BYTES(NULL, 0)); \
	}
#define ID_BODY(name, TYPE) \
	static void on_##name(void *priv, uint64_t id, struct usb_redir_##name##_header *body) \
	{ \
		peer_notes(priv, CLOVE_USBREDIR_##TYPE, id, body, CLOVE_BYTES(NULL, 0)); \
	}
#define DATA(name, TYPE) \
	static void on_##name(void *priv, uint64_t id, struct usb_redir_##name##_header *body, uint8_t *data, int len) \
	{ \
		struct peer *peer = priv; \
		peer_notes(peer, CLOVE_USBREDIR_##TYPE, id, body, CLOVE_BYTES(data, (size_t)len)); \
		usbredirparser_free_packet_data(peer->parser, data); \
	}
#define ALL_PACKETS \
	BODY(device_connect, DEVICE_CONNECT) \
	PLAIN(device_disconnect, DEVICE_DISCONNECT) \
	PLAIN(reset, RESET) \
	BODY(interface_info, INTERFACE_INFO) \
	BODY(ep_info, EP_INFO) \
	ID_BODY(set_configuration, SET_CONFIGURATION) \
	ID(get_configuration, GET_CONFIGURATION) \
	ID_BODY(configuration_status, CONFIGURATION_STATUS) \
	ID_BODY(set_alt_setting, SET_ALT_SETTING) \
	ID_BODY(get_alt_setting, GET_ALT_SETTING) \
	ID_BODY(alt_setting_status, ALT_SETTING_STATUS) \
	ID_BODY(start_iso_stream, START_ISO_STREAM) \
	ID_BODY(stop_iso_stream, STOP_ISO_STREAM) \
	ID_BODY(iso_stream_status, ISO_STREAM_STATUS) \
	ID_BODY(start_interrupt_receiving, START_INTERRUPT_RECEIVING) \
	ID_BODY(stop_interrupt_receiving, STOP_INTERRUPT_RECEIVING) \
	ID_BODY(interrupt_receiving_status, INTERRUPT_RECEIVING_STATUS) \
	ID_BODY(alloc_bulk_streams, ALLOC_BULK_STREAMS) \
	ID_BODY(free_bulk_streams, FREE_BULK_STREAMS) \
	ID_BODY(bulk_streams_status, BULK_STREAMS_STATUS) \
	ID(cancel_data_packet, CANCEL_DATA_PACKET) \
	PLAIN(filter_reject, FILTER_REJECT) \
	ID_BODY(start_bulk_receiving, START_BULK_RECEIVING) \
	ID_BODY(stop_bulk_receiving, STOP_BULK_RECEIVING) \
	ID_BODY(bulk_receiving_status, BULK_RECEIVING_STATUS) \
	DATA(control_packet, CONTROL_PACKET) \
	DATA(bulk_packet, BULK_PACKET) \
	DATA(iso_packet, ISO_PACKET) \
	DATA(interrupt_packet, INTERRUPT_PACKET) \
	DATA(buffered_bulk_packet, BUFFERED_BULK_PACKET)

ALL_PACKETS
PLAIN(device_disconnect_ack, DEVICE_DISCONNECT_ACK) /* which it sends by itself */

static void on_filter_filter(void *priv, struct usbredirfilter_rule *rules, int count)
{
	char *text = usbredirfilter_rules_to_string(rules, count, ",", "|");

	peer_notes(priv, CLOVE_USBREDIR_FILTER_FILTER, 0, NULL, CLOVE_BYTES(text, strlen(text) + 1));
	usbredirfilter_free(text);
	usbredirfilter_free(rules);
}

#undef PLAIN
#undef BODY
#undef ID
#undef ID_BODY
#undef DATA

static void peer_sends(struct peer *peer, const struct packet *packet)
{
	uint8_t body[BODY_MAX], *data = malloc(packet->len + 1);
	struct usbredirfilter_rule *rules;
	int count;

	body_bytes(packet->type, packet->body, 0xff, body);
	memcpy(data, packet->data, packet->len);
	switch (packet->type) {
#define PLAIN(name, TYPE) \
	case CLOVE_USBREDIR_##TYPE: \
		usbredirparser_send_##name(peer->parser); \
		break;
#define BODY(name, TYPE) \
	case CLOVE_USBREDIR_##TYPE: \
		usbredirparser_send_##name(peer->parser, (void *)body); \
		break;
#define ID(name, TYPE) \
	case CLOVE_USBREDIR_##TYPE: \
		usbredirparser_send_##name(peer->parser, packet->id); \
		break;
#define ID_BODY(name, TYPE) \
	case CLOVE_USBREDIR_##TYPE: \
		usbredirparser_send_##name(peer->parser, packet->id, (void *)body); \
		break;
#define DATA(name, TYPE) \
	case CLOVE_USBREDIR_##TYPE: \
		usbredirparser_send_##name(peer->parser, packet->id, (void *)body, packet->len ? data : NULL, (int)packet->len); \
		break;
	ALL_PACKETS
	case CLOVE_USBREDIR_FILTER_FILTER:
		ck_assert_int_eq(usbredirfilter_string_to_rules((char *)data, ",", "|", &rules, &count), 0);
		usbredirparser_send_filter_filter(peer->parser, rules, count);
		usbredirfilter_free(rules);
		break;
	default:
		ck_abort_msg("type %u", packet->type);
	}
	free(data);
}

static void open_peer(struct peer *peer, bool is_host, uint32_t caps, bool is_silent)
{
	uint32_t words[USB_REDIR_CAPS_SIZE] = { caps };

	peer->parser = usbredirparser_create();
	peer->parser->priv = peer;
	peer->parser->log_func = on_log;
	peer->parser->read_func = on_read;
	peer->parser->write_func = on_write;
#undef PLAIN
#undef BODY
#undef ID
#undef ID_BODY
#undef DATA
#define PLAIN(name, TYPE) peer->parser->name##_func = on_##name;
#define BODY PLAIN
#define ID PLAIN
#define ID_BODY PLAIN
#define DATA PLAIN
	ALL_PACKETS
	PLAIN(device_disconnect_ack, DEVICE_DISCONNECT_ACK)
	peer->parser->filter_filter_func = on_filter_filter;
	usbredirparser_init(peer->parser, "the peer", words, USB_REDIR_CAPS_SIZE,
			(is_host ? usbredirparser_fl_usb_host : 0) | (is_silent ? usbredirparser_fl_no_hello : 0));
}

static void peer_reads(struct peer *peer, const uint8_t *data, size_t len)
{
	peer->in = CLOVE_BYTES(data, len);
	while (peer->in.len)
		ck_assert_msg(usbredirparser_do_read(peer->parser) == 0, "the peer: %s", peer->complaint);
}

static void peer_writes(struct peer *peer)
{
	while (usbredirparser_has_data_to_write(peer->parser))
		ck_assert_int_eq(usbredirparser_do_write(peer->parser), 0);
}

static void close_peer(struct peer *peer)
{
	ck_assert_msg(!peer->complaints, "the peer complained: %s", peer->complaint);
	usbredirparser_destroy(peer->parser);
	clove_buf_fini(&peer->out);
	clove_buf_fini(&peer->got.log);
}

/* -- both together -- */

static struct clove_usbredir *open_ours(bool is_host, uint32_t caps, struct arrived *got, bool is_silent)
{
	const struct clove_usbredir_options options = {
		.role = is_host ? CLOVE_USBREDIR_HOST : CLOVE_USBREDIR_GUEST, .caps = caps, .packet = note_packet,
		.owner = got, .is_silent = is_silent,
	};

	return clove_usbredir_new(&options);
}

struct pair {
	struct peer peer;
	struct clove_usbredir *ours;
	struct arrived got;              /* by us */
	struct clove_buf wire;           /* what we sent */
	uint32_t our_caps, peer_caps;
	bool we_host;
};

static void meet(struct pair *pair, bool we_host, uint32_t our_caps, uint32_t peer_caps)
{
	*pair = (struct pair){ .we_host = we_host };
	pair->our_caps = legal_caps(our_caps) | (we_host ? 0 : 8);
	pair->peer_caps = legal_caps(peer_caps) | (we_host ? 8 : 0);
	pair->got.shared = pair->peer.got.shared = pair->our_caps & pair->peer_caps;
	pair->ours = open_ours(we_host, our_caps, &pair->got, false);
	open_peer(&pair->peer, !we_host, peer_caps, false);
	if (legal_caps(peer_caps) != peer_caps) /* it says so, and that is right */
		pair->peer.complaints = 0;
	peer_writes(&pair->peer);
	ck_assert_int_eq(feed_piece(pair->ours, pair->peer.out.data, pair->peer.out.len), CLOVE_OK);
	clove_buf_clear(&pair->peer.out);
	drain(pair->ours, &pair->wire);
	peer_reads(&pair->peer, pair->wire.data, pair->wire.len);
	if (legal_caps(our_caps) != our_caps)
		pair->peer.complaints = 0;
	clove_buf_clear(&pair->wire);
}

static void part(struct pair *pair)
{
	close_peer(&pair->peer);
	clove_usbredir_free(pair->ours);
	clove_buf_fini(&pair->got.log);
	clove_buf_fini(&pair->wire);
}

/* A random packet that both interfaces can name: without an id where the peer has none, a filter of real rules. */
static void make_common(struct packet *packet, uint32_t type, bool from_host, uint32_t shared, uint64_t *random)
{
	static const uint32_t no_id[] = { CLOVE_USBREDIR_DEVICE_CONNECT, CLOVE_USBREDIR_DEVICE_DISCONNECT,
			CLOVE_USBREDIR_RESET, CLOVE_USBREDIR_INTERFACE_INFO, CLOVE_USBREDIR_EP_INFO,
			CLOVE_USBREDIR_FILTER_REJECT, CLOVE_USBREDIR_FILTER_FILTER,
			CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK };

	make_packet(packet, type, from_host, shared, random);
	for (size_t i = 0; i < sizeof no_id / sizeof no_id[0]; i++)
		if (no_id[i] == type)
			packet->id = 0;
	if (type == CLOVE_USBREDIR_FILTER_FILTER)
		packet->len = (size_t)snprintf((char *)packet->data, DATA_SOME, "0x%02x,0x%04x,-1,-1,%d|-1,-1,-1,-1,1",
				(unsigned int)(draw(random) & 0xff), (unsigned int)(draw(random) & 0xffff),
				(int)(draw(random) & 1)) + 1;
}

/* All that we may say. */
static void we_say_all(struct pair *pair, struct arrived *want, uint64_t *random)
{
	struct packet packet;

	want->shared = pair->got.shared;
	for (uint32_t type = 0; type < PACKET_KINDS; type++) {
		if (!packet_kinds[type].name || !may_send(type, pair->we_host, pair->our_caps, pair->peer_caps))
			continue;
		make_common(&packet, type, pair->we_host, want->shared, random);
		ck_assert_int_eq(clove_usbredir_send(pair->ours, type, packet.id, packet.body,
				CLOVE_BYTES(packet.data, packet.len)), CLOVE_OK);
		expect(want, &packet);
	}
	drain(pair->ours, &pair->wire);
}

/* All that the peer may say. */
static void peer_says_all(struct pair *pair, struct arrived *want, uint64_t *random)
{
	struct packet packet;

	want->shared = pair->got.shared;
	for (uint32_t type = 0; type < PACKET_KINDS; type++) {
		if (!packet_kinds[type].name || type == CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK ||
				!may_send(type, !pair->we_host, pair->peer_caps, pair->our_caps))
			continue;
		make_common(&packet, type, !pair->we_host, want->shared, random);
		peer_sends(&pair->peer, &packet);
		expect(want, &packet);
	}
	peer_writes(&pair->peer);
}

static void try_pair(bool we_host, uint32_t our_caps, uint32_t peer_caps, uint64_t *random)
{
	struct arrived to_peer = { 0 }, to_us = { 0 };
	struct pair pair;

	meet(&pair, we_host, our_caps, peer_caps);
	we_say_all(&pair, &to_peer, random);
	for (size_t at = 0; at < pair.wire.len;) {
		size_t n = 1 + draw(random) % 500;

		n = n < pair.wire.len - at ? n : pair.wire.len - at;
		peer_reads(&pair.peer, pair.wire.data + at, n);
		at += n;
	}
	same(&pair.peer.got, &to_peer, "to the peer");
	peer_writes(&pair.peer);
	/* it acknowledges by itself, if we know that packet */
	ck_assert_uint_eq(pair.peer.out.len > 0, we_host && pair.our_caps & 8);
	ck_assert_int_eq(feed_piece(pair.ours, pair.peer.out.data, pair.peer.out.len), CLOVE_OK);
	ck_assert_uint_eq(pair.got.count, pair.peer.out.len > 0);
	clove_buf_clear(&pair.peer.out);
	clove_buf_clear(&pair.got.log);
	pair.got.count = 0;

	peer_says_all(&pair, &to_us, random);
	for (size_t at = 0; at < pair.peer.out.len;) {
		size_t n = 1 + draw(random) % 500;

		n = n < pair.peer.out.len - at ? n : pair.peer.out.len - at;
		ck_assert_int_eq(feed_piece(pair.ours, pair.peer.out.data + at, n), CLOVE_OK);
		at += n;
	}
	same(&pair.got, &to_us, "to us");
	clove_buf_clear(&pair.wire);
	drain(pair.ours, &pair.wire);
	ck_assert_uint_eq(pair.wire.len > 0, !we_host && pair.peer_caps & 8);
	to_peer.count = pair.peer.got.count;
	peer_reads(&pair.peer, pair.wire.data, pair.wire.len);
	ck_assert_uint_eq(pair.peer.got.count, to_peer.count + (pair.wire.len > 0));
	clove_buf_fini(&to_peer.log);
	clove_buf_fini(&to_us.log);
	part(&pair);
}

START_TEST(test_peer_all_packets_under_all_capabilities_of_each_end)
{
	uint64_t random = 77 + (uint64_t)_i;

	for (uint32_t caps = 16 * (uint32_t)_i; caps < 16 * (uint32_t)(_i + 1); caps++)
		for (int we_host = 0; we_host < 2; we_host++) {
			try_pair(we_host, caps, 0xff, &random);
			try_pair(we_host, 0xff, caps, &random);
			try_pair(we_host, caps, caps, &random);
			try_pair(we_host, caps, (caps * 37 + 11) & 0xff, &random);
			try_pair(we_host, (caps * 91 + 5) & 0xff, caps, &random);
		}
}
END_TEST

static const uint32_t cut_caps[] = { 0xff, 0x08, 0xde };

START_TEST(test_peer_bytes_are_split_at_every_offset)
{
	bool we_host = _i & 1;
	uint32_t caps = cut_caps[_i / 2];
	struct arrived to_peer = { 0 }, to_us = { 0 };
	uint64_t random = 9 + (uint64_t)_i;
	struct pair pair, other;

	meet(&pair, we_host, caps, caps);
	we_say_all(&pair, &to_peer, &random);
	peer_says_all(&pair, &to_us, &random);
	for (size_t cut = 1; cut < pair.wire.len || cut < pair.peer.out.len; cut += cut < 1000 ? 1 : EVERY) {
		meet(&other, we_host, caps, caps);
		if (cut < pair.wire.len) {
			peer_reads(&other.peer, pair.wire.data, cut);
			peer_reads(&other.peer, pair.wire.data + cut, pair.wire.len - cut);
			same(&other.peer.got, &to_peer, "to the peer");
		}
		if (cut < pair.peer.out.len) {
			ck_assert_int_eq(feed_piece(other.ours, pair.peer.out.data, cut), CLOVE_OK);
			ck_assert_int_eq(feed_piece(other.ours, pair.peer.out.data + cut, pair.peer.out.len - cut),
					CLOVE_OK);
			same(&other.got, &to_us, "to us");
		}
		part(&other);
	}
	clove_buf_fini(&to_peer.log);
	clove_buf_fini(&to_us.log);
	part(&pair);
}
END_TEST

/* -- the saved state -- */

/* The peer (0.13) does not find its way from a state of its own that was saved before the first byte of data: it
 * forgets that there will be some. */
static bool peer_forgets(const struct clove_buf *wire, size_t cut, uint32_t shared)
{
	const struct clove_caps some = { { shared } };
	size_t header = shared & 1 << CLOVE_USBREDIR_CAP_64BITS_IDS ? 16 : 12, at = 0;

	while (at + header <= wire->len && at + header <= cut) {
		size_t len = clove_le32(wire->data + at + 4);
		size_t body = clove_wire_size(packet_kinds[clove_le32(wire->data + at)].layout(), &some);

		if (cut <= at + header + body && len > body)
			return true;
		at += header + len;
	}
	return false;
}

/* A packet waits to be sent on both, and `cut` bytes have come; the state crosses; all goes on. */
START_TEST(test_peer_state_is_read_by_the_other_at_every_offset)
{
	bool we_host = _i & 1;
	uint32_t caps = cut_caps[_i / 2];
	struct arrived to_peer = { 0 }, to_us = { 0 };
	uint64_t random = 5 + (uint64_t)_i;
	struct pair pair, from;
	unsigned int tried = 0;

	meet(&pair, we_host, caps, caps);
	we_say_all(&pair, &to_peer, &random);
	peer_says_all(&pair, &to_us, &random);
	for (size_t cut = 0; cut <= pair.peer.out.len; cut += cut < 1000 ? 1 : EVERY + draw(&random) % 40) {
		struct peer heir = { .got.shared = pair.peer.got.shared };
		struct clove_buf state = { 0 }, rest = { 0 };
		struct packet packet;

		if (peer_forgets(&pair.peer.out, cut, heir.got.shared))
			continue;
		tried++;

		/* ours, heard of the peer so far; the heir is of the peer's make, and has our role */
		meet(&from, we_host, caps, caps);
		ck_assert_int_eq(feed_piece(from.ours, pair.peer.out.data, cut), CLOVE_OK);
		clove_usbredir_sent(from.ours, SIZE_MAX);
		make_common(&packet, CLOVE_USBREDIR_CONTROL_PACKET, we_host, from.got.shared, &random);
		ck_assert_int_eq(clove_usbredir_send(from.ours, packet.type, packet.id, packet.body,
				CLOVE_BYTES(packet.data, packet.len)), CLOVE_OK);
		clove_usbredir_sent(from.ours, 3);
		ck_assert_int_eq(clove_usbredir_save(from.ours, &state), CLOVE_OK);
		drain(from.ours, &rest);
		open_peer(&heir, we_host, caps, true);
		ck_assert_msg(usbredirparser_unserialize(heir.parser, state.data, (int)state.len) == 0, "at %zu: %s", cut,
				heir.complaint);
		peer_writes(&heir);
		ck_assert_uint_eq(heir.out.len, rest.len);
		ck_assert_mem_eq(heir.out.data, rest.data, rest.len);
		ck_assert_int_eq(clove_buf_append(&from.got.log, heir.got.log.data, heir.got.log.len), CLOVE_OK);
		peer_reads(&heir, pair.peer.out.data + cut, pair.peer.out.len - cut);
		ck_assert_int_eq(clove_buf_append(&from.got.log, heir.got.log.data, heir.got.log.len), CLOVE_OK);
		from.got.count += heir.got.count;
		same(&from.got, &to_us, "our state, read by the peer");
		close_peer(&heir);
		clove_buf_fini(&state);
		clove_buf_fini(&rest);
		part(&from);
	}
	ck_assert_uint_gt(tried, 100);
	for (size_t cut = 0; cut <= pair.wire.len; cut += cut < 1000 ? 1 : EVERY + draw(&random) % 40) {
		struct arrived got = { .shared = pair.got.shared };
		struct clove_usbredir *heir = open_ours(!we_host, 0xff, &got, true);
		struct clove_buf out = { 0 };
		struct packet packet;
		uint8_t *state;
		int len;

		meet(&from, we_host, caps, caps);
		peer_reads(&from.peer, pair.wire.data, cut);
		peer_writes(&from.peer);
		clove_buf_clear(&from.peer.out);
		make_common(&packet, CLOVE_USBREDIR_CONTROL_PACKET, !we_host, got.shared, &random);
		peer_sends(&from.peer, &packet);
		ck_assert_int_eq(usbredirparser_serialize(from.peer.parser, &state, &len), 0);
		peer_writes(&from.peer);
		ck_assert_msg(clove_usbredir_restore(heir, CLOVE_BYTES(state, (size_t)len)) == CLOVE_OK, "at %zu: %s",
				cut, clove_usbredir_error(heir));
		free(state);
		drain(heir, &out);
		ck_assert_uint_eq(out.len, from.peer.out.len);
		ck_assert_mem_eq(out.data, from.peer.out.data, out.len);
		ck_assert_int_eq(feed_piece(heir, pair.wire.data + cut, pair.wire.len - cut), CLOVE_OK);
		ck_assert_int_eq(clove_buf_append(&from.peer.got.log, got.log.data, got.log.len), CLOVE_OK);
		from.peer.got.count += got.count;
		same(&from.peer.got, &to_peer, "the peer's state, read by us");
		clove_usbredir_free(heir);
		clove_buf_fini(&out);
		clove_buf_fini(&got.log);
		part(&from);
	}
	clove_buf_fini(&to_peer.log);
	clove_buf_fini(&to_us.log);
	part(&pair);
}
END_TEST

/* -- filters -- */

static void random_rules(char *text, size_t size, uint64_t *random)
{
	static const char *const fields[] = { "-1", "3", "0x03", "010", "255", "256", "0xffff", "65536", "8", "-2", "x",
			"0", "1", "1", "-1", "-1", "2", " 5", "1x", "0x1234" };
	size_t at = 0, rules = draw(random) % 5;
	bool is_wild = draw(random) % 3 == 0;

	text[0] = 0;
	for (size_t i = 0; i < rules; i++) {
		size_t n = is_wild && draw(random) % 6 == 0 ? draw(random) % 8 : 5;

		for (size_t k = 0; k < n; k++) {
			const char *field = is_wild ? fields[draw(random) % 20] :
					k == 4 ? fields[11 + draw(random) % 3] : fields[draw(random) % 4];

			at += (size_t)snprintf(text + at, size - at, "%s%s", k ? draw(random) % 9 ? "," : ",," : "", field);
		}
		at += (size_t)snprintf(text + at, size - at, "%s", draw(random) % 7 ? "|" : "||");
	}
}

START_TEST(test_peer_filters_agree)
{
	uint64_t random = 1234 + (uint64_t)_i;
	unsigned int good = 0;

	for (int round = 0; round < 3000; round++) {
		struct usbredirfilter_rule *rules = NULL;
		struct clove_usb_filter filter = { 0 };
		char text[2048], *ours, *theirs;
		int count = 0, err;

		random_rules(text, sizeof text, &random);
		err = usbredirfilter_string_to_rules(text, ",", "|", &rules, &count);
		ck_assert_msg((clove_usb_filter_parse(&filter, text, NULL, NULL) == CLOVE_OK) == !err, "\"%s\": %d", text,
				err);
		if (err)
			continue;
		good++;
		ours = clove_usb_filter_print(&filter);
		theirs = usbredirfilter_rules_to_string(rules, count, ",", "|");
		ck_assert_str_eq(ours, theirs ? theirs : "");
		free(ours);
		usbredirfilter_free(theirs);
		for (int k = 0; k < 20; k++) {
			static const uint8_t classes[] = { 0, 3, 8, 0xef, 9, 255 };
			struct clove_usb_shape shape = { .device_class = classes[draw(&random) % 6],
					.vendor = (uint16_t)(draw(&random) % 12), .product = (uint16_t)(draw(&random) % 12),
					.version = (uint16_t)(draw(&random) % 12) };
			uint8_t class[32], subclass[32], protocol[32];
			int flags = draw(&random) & 1 ? usbredirfilter_fl_default_allow : 0;
			enum clove_usb_verdict verdict;

			shape.interface_count = (uint32_t)(draw(&random) % 4);
			for (uint32_t i = 0; i < shape.interface_count; i++) {
				class[i] = shape.interfaces[i].interface_class = classes[draw(&random) % 6];
				subclass[i] = shape.interfaces[i].subclass = (uint8_t)(draw(&random) & 1);
				protocol[i] = shape.interfaces[i].protocol = (uint8_t)(draw(&random) & 1);
			}
			err = usbredirfilter_check(rules, count, shape.device_class, 0, 0, class, subclass, protocol,
					(int)shape.interface_count, shape.vendor, shape.product, shape.version, flags);
			verdict = clove_usb_filter_check(&filter, &shape, flags);
			ck_assert_msg(err == (verdict == CLOVE_USB_ALLOWED ? 0 : verdict == CLOVE_USB_DENIED ? -EPERM :
					-ENOENT), "\"%s\", class %u, %u interfaces: %d and %d", text, shape.device_class,
					shape.interface_count, err, verdict);
		}
		usbredirfilter_free(rules);
		clove_usb_filter_fini(&filter);
	}
	ck_assert_uint_gt(good, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usbredir-peer");
	TCase *tcase = tcase_create("peer");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test_peer_all_packets_under_all_capabilities_of_each_end, 0, 16);
	tcase_add_loop_test(tcase, test_peer_bytes_are_split_at_every_offset, 0, 6);
	tcase_add_loop_test(tcase, test_peer_state_is_read_by_the_other_at_every_offset, 0, 6);
	tcase_add_loop_test(tcase, test_peer_filters_agree, 0, 4);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
