/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usbredir-parser.c - every packet there and back in pieces of any size, and every rule broken once. */
#include <malloc.h>
#include "tests/unit/usbredir-fixture.h"

static struct clove_usbredir *open_end(enum clove_usbredir_role role, uint32_t caps, void *owner, bool is_silent)
{
	struct clove_usbredir_options options = { .role = role, .caps = caps, .version = "test",
			.packet = note_packet, .owner = owner, .is_silent = is_silent };
	struct clove_usbredir *parser = clove_usbredir_new(&options);

	ck_assert_ptr_nonnull(parser);
	return parser;
}

/* A hello with this capability word. */
static size_t hello(uint8_t bytes[80], uint32_t caps)
{
	memset(bytes, 0, 80);
	clove_put_le32(bytes + 4, 68);
	memcpy(bytes + 12, "peer", 4);
	clove_put_le32(bytes + 76, caps);
	return 80;
}

/* An end that has met one with `caps`; its own hello is gone. */
static struct clove_usbredir *met(enum clove_usbredir_role role, uint32_t ours, uint32_t theirs,
		struct arrived *arrived)
{
	struct clove_usbredir *parser = open_end(role, ours, arrived, false);
	uint8_t bytes[80];

	arrived->shared = legal_caps(ours) & legal_caps(theirs);
	ck_assert_int_eq(feed_piece(parser, bytes, hello(bytes, theirs)), CLOVE_OK);
	clove_usbredir_sent(parser, SIZE_MAX);
	return parser;
}

static size_t put_header(uint8_t *bytes, uint32_t caps, uint32_t type, uint32_t length, uint64_t id)
{
	clove_put_le32(bytes, type);
	clove_put_le32(bytes + 4, length);
	clove_put_le64(bytes + 8, id);
	return caps & 1 << CLOVE_USBREDIR_CAP_64BITS_IDS ? 16 : 12;
}

static bool is_legal(uint32_t caps)
{
	return legal_caps(caps) == caps;
}

/* -- the vectors of section 11 -- */

START_TEST(test_hello_is_short_and_what_follows_is_long)
{
	static const uint8_t start[12] = { 0, 0, 0, 0, 0x44 };
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = open_end(CLOVE_USBREDIR_HOST, 0xff, &arrived, false);
	struct clove_usbredir_device_connect connect = { .speed = 2, .vendor_id = 0x1234, .product_id = 0x5678,
			.device_version_bcd = 0x0100 };
	static const uint8_t want[26] = { 1, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x34, 0x12,
			0x78, 0x56, 0, 1 };
	struct clove_buf out = { 0 };
	uint8_t bytes[80];

	drain(parser, &out);
	ck_assert_uint_eq(out.len, 80);
	ck_assert_mem_eq(out.data, start, sizeof start);
	ck_assert_str_eq((char *)out.data + 12, "test");
	ck_assert_uint_eq(clove_le32(out.data + 76), 0xff);
	ck_assert_int_eq(clove_usbredir_send(parser, CLOVE_USBREDIR_DEVICE_CONNECT, 0, &connect, CLOVE_BYTES(NULL, 0)),
			CLOVE_ERR_STATE);
	ck_assert(!clove_usbredir_is_met(parser));
	ck_assert_int_eq(feed_piece(parser, bytes, hello(bytes, 0xff)), CLOVE_OK);
	ck_assert(clove_usbredir_is_met(parser));
	clove_buf_clear(&out);
	ck_assert_int_eq(clove_usbredir_send(parser, CLOVE_USBREDIR_DEVICE_CONNECT, 0, &connect, CLOVE_BYTES(NULL, 0)),
			CLOVE_OK);
	drain(parser, &out);
	ck_assert_uint_eq(out.len, sizeof want);
	ck_assert_mem_eq(out.data, want, sizeof want);
	clove_buf_fini(&out);
	clove_usbredir_free(parser);
}
END_TEST

static const struct {
	uint32_t peer, type, length; /* of the type header */
} layouts[] = {
	{ 0x00, CLOVE_USBREDIR_DEVICE_CONNECT, 8 }, { 0xff, CLOVE_USBREDIR_DEVICE_CONNECT, 10 },
	{ 0x00, CLOVE_USBREDIR_EP_INFO, 96 }, { 0x10, CLOVE_USBREDIR_EP_INFO, 160 },
	{ 0x11, CLOVE_USBREDIR_EP_INFO, 288 }, { 0x01, CLOVE_USBREDIR_EP_INFO, 96 },
	{ 0x00, CLOVE_USBREDIR_BULK_PACKET, 8 }, { 0x40, CLOVE_USBREDIR_BULK_PACKET, 10 },
	{ 0x00, CLOVE_USBREDIR_INTERFACE_INFO, 132 }, { 0xff, CLOVE_USBREDIR_CONFIGURATION_STATUS, 2 },
	{ 0xff, CLOVE_USBREDIR_ALT_SETTING_STATUS, 3 }, { 0xff, CLOVE_USBREDIR_ISO_STREAM_STATUS, 2 },
	{ 0xff, CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 2 }, { 0xff, CLOVE_USBREDIR_BULK_STREAMS_STATUS, 9 },
	{ 0xff, CLOVE_USBREDIR_BULK_RECEIVING_STATUS, 6 }, { 0xff, CLOVE_USBREDIR_CONTROL_PACKET, 10 },
};

START_TEST(test_layouts_follow_the_capabilities)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(CLOVE_USBREDIR_HOST, 0xff, layouts[_i].peer, &arrived);
	struct packet packet;
	uint64_t random = 7;
	struct clove_buf out = { 0 };

	do
		make_packet(&packet, layouts[_i].type, true, arrived.shared, &random);
	while (packet.len);
	ck_assert_int_eq(clove_usbredir_send(parser, packet.type, 1, packet.body, CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	drain(parser, &out);
	ck_assert_uint_eq(clove_le32(out.data + 4), layouts[_i].length);
	ck_assert_uint_eq(out.len, layouts[_i].length + (layouts[_i].peer & 0x20 ? 16 : 12));
	clove_buf_fini(&out);
	clove_usbredir_free(parser);
}
END_TEST

/* Every type with a length of one more and one less, and from the wrong side. The packet behind it arrives. */
static void refuses(uint32_t type, enum clove_usbredir_role role, int more)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(role, 0xff, 0xff, &arrived);
	struct clove_usbredir *sender;
	struct arrived none = { 0 };
	struct clove_buf out = { 0 };
	struct packet packet;
	uint64_t random = type + 1;
	bool is_right = packet_kinds[type].senders & (role == CLOVE_USBREDIR_HOST ? FROM_GUEST : FROM_HOST);
	bool from_host = more ? role == CLOVE_USBREDIR_GUEST : role == CLOVE_USBREDIR_HOST;

	if (is_right == !more)
		goto out;
	sender = met(from_host ? CLOVE_USBREDIR_HOST : CLOVE_USBREDIR_GUEST, 0xff, 0xff, &none);
	make_packet(&packet, type, from_host, 0xff, &random);
	ck_assert_int_eq(clove_usbredir_send(sender, type, 1, packet.body, CLOVE_BYTES(packet.data, packet.len)),
			CLOVE_OK);
	drain(sender, &out);
	clove_usbredir_free(sender);
	if (more > 0)
		ck_assert_int_eq(clove_buf_append(&out, "x", 1), CLOVE_OK);
	if (more < 0 && out.len == 16)
		goto out;
	if (more < 0)
		out.len--;
	clove_put_le32(out.data + 4, (uint32_t)(out.len - 16));
	ck_assert_msg(feed_piece(parser, out.data, out.len) != CLOVE_OK, "%s, %+d", packet_kinds[type].name, more);
	ck_assert_str_ne(clove_usbredir_error(parser), "");
	ck_assert_uint_eq(arrived.count, 0);

	type = role == CLOVE_USBREDIR_HOST ? CLOVE_USBREDIR_RESET : CLOVE_USBREDIR_DEVICE_DISCONNECT;
	clove_buf_clear(&out);
	clove_buf_reserve(&out, 16);
	ck_assert_int_eq(feed_piece(parser, out.data, put_header(out.data, 0xff, type, 0, 0)), CLOVE_OK);
	ck_assert_uint_eq(arrived.count, 1);
out:
	clove_buf_fini(&out);
	clove_buf_fini(&arrived.log);
	clove_usbredir_free(parser);
}

START_TEST(test_a_packet_of_another_length_is_skipped)
{
	if (!packet_kinds[_i].name || _i == CLOVE_USBREDIR_HELLO)
		return;
	for (int role = 0; role < 2; role++) {
		refuses((uint32_t)_i, role, 1);
		refuses((uint32_t)_i, role, -1);
	}
}
END_TEST

START_TEST(test_a_packet_from_the_wrong_side_is_skipped)
{
	if (!packet_kinds[_i].name)
		return;
	for (int role = 0; role < 2; role++)
		refuses((uint32_t)_i, role, 0);
}
END_TEST

/* Section 4: type, endpoint, to the host?, inner length, bytes behind. */
static const struct {
	const char *why;
	uint32_t type;
	uint8_t endpoint;
	bool to_host;
	uint32_t length, len;
	enum clove_err want;
} directions[] = {
	{ "control OUT request",        100, 0x00, true,  5, 5, CLOVE_OK },
	{ "control OUT request, bare",  100, 0x00, true,  5, 0, CLOVE_ERR_BOUNDS },
	{ "control IN request",         100, 0x80, true,  5, 0, CLOVE_OK },
	{ "control IN request, data",   100, 0x80, true,  5, 5, CLOVE_ERR_BOUNDS },
	{ "control IN answer",          100, 0x80, false, 5, 5, CLOVE_OK },
	{ "control IN answer, short",   100, 0x80, false, 5, 4, CLOVE_ERR_BOUNDS },
	{ "control IN answer, empty",   100, 0x80, false, 0, 0, CLOVE_OK },
	{ "control OUT answer",         100, 0x00, false, 5, 0, CLOVE_OK },
	{ "control OUT answer, data",   100, 0x00, false, 5, 5, CLOVE_ERR_BOUNDS },
	{ "bulk OUT request",           101, 0x02, true,  5, 5, CLOVE_OK },
	{ "bulk OUT request, empty",    101, 0x02, true,  0, 0, CLOVE_OK },
	{ "bulk OUT request, long",     101, 0x02, true,  5, 6, CLOVE_ERR_BOUNDS },
	{ "bulk IN request",            101, 0x82, true,  100000, 0, CLOVE_OK },
	{ "bulk IN request, data",      101, 0x82, true,  5, 5, CLOVE_ERR_BOUNDS },
	{ "bulk IN request, 128 MiB",   101, 0x82, true,  128 << 20, 0, CLOVE_OK },
	{ "bulk IN request, more",      101, 0x82, true,  (128 << 20) + 1, 0, CLOVE_ERR_LIMIT },
	{ "bulk IN answer",             101, 0x82, false, 70000, 70000, CLOVE_OK },
	{ "bulk OUT answer",            101, 0x02, false, 70000, 0, CLOVE_OK },
	{ "bulk OUT answer, data",      101, 0x02, false, 5, 5, CLOVE_ERR_BOUNDS },
	{ "iso OUT to the host",        102, 0x03, true,  9, 9, CLOVE_OK },
	{ "iso IN to the host",         102, 0x83, true,  0, 0, CLOVE_ERR_STATE },
	{ "iso IN to the guest",        102, 0x83, false, 9, 9, CLOVE_OK },
	{ "iso OUT to the guest",       102, 0x03, false, 0, 0, CLOVE_ERR_STATE },
	{ "interrupt IN to the host",   103, 0x81, true,  0, 0, CLOVE_ERR_STATE },
	{ "interrupt OUT to the host",  103, 0x01, true,  8, 8, CLOVE_OK },
	{ "interrupt IN to the guest",  103, 0x81, false, 8, 8, CLOVE_OK },
	{ "interrupt OUT answer",       103, 0x01, false, 8, 0, CLOVE_OK },
	{ "interrupt OUT answer, data", 103, 0x01, false, 8, 8, CLOVE_ERR_BOUNDS },
	{ "buffered bulk to the guest", 104, 0x81, false, 70000, 70000, CLOVE_OK },
	{ "buffered bulk, short",       104, 0x81, false, 70000, 6, CLOVE_ERR_BOUNDS },
	{ "buffered bulk to the host",  104, 0x81, true,  8, 8, CLOVE_ERR_STATE },
	{ "buffered bulk, OUT",         104, 0x01, false, 8, 8, CLOVE_ERR_STATE },
};

START_TEST(test_data_go_in_the_direction_of_the_endpoint)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(directions[_i].to_host ? CLOVE_USBREDIR_HOST : CLOVE_USBREDIR_GUEST,
			0xff, 0xff, &arrived);
	struct clove_buf in = { 0 };
	uint8_t bytes[BODY_MAX];
	uint32_t type = directions[_i].type, length = directions[_i].length;
	struct clove_usbredir_control_packet control = { .endpoint = directions[_i].endpoint, .length = (uint16_t)length };
	struct clove_usbredir_bulk_packet bulk = { .endpoint = directions[_i].endpoint };
	struct clove_usbredir_iso_packet iso = { directions[_i].endpoint, 0, (uint16_t)length };
	struct clove_usbredir_buffered_bulk_packet buffered = { 0, length, directions[_i].endpoint, 0 };
	const void *bodies[] = { &control, &bulk, &iso, &iso, &buffered };
	size_t body, header;
	enum clove_err err;

	clove_usbredir_set_bulk_length(&bulk, length);
	body = body_bytes(type, bodies[type - 100], 0xff, bytes);
	clove_buf_reserve(&in, 16 + body + directions[_i].len);
	header = put_header(in.data, 0xff, type, (uint32_t)body + directions[_i].len, 3);
	memcpy(in.data + header, bytes, body);
	memset(in.data + header + body, 0x5a, directions[_i].len);
	err = feed_piece(parser, in.data, header + body + directions[_i].len);
	ck_assert_msg(err == directions[_i].want, "%s: %s", directions[_i].why, clove_err_name(err));
	ck_assert_uint_eq(arrived.count, directions[_i].want == CLOVE_OK);
	clove_usbredir_free(parser);
	clove_buf_fini(&in);

	/* and none is sent that would be refused */
	arrived.count = 0;
	parser = met(directions[_i].to_host ? CLOVE_USBREDIR_GUEST : CLOVE_USBREDIR_HOST, 0xff, 0xff, &arrived);
	err = clove_usbredir_send_take(parser, type, 3, bodies[type - 100], calloc(1, directions[_i].len + 1),
			directions[_i].len);
	ck_assert_msg(err == directions[_i].want, "sending %s: %s", directions[_i].why, clove_err_name(err));
	clove_usbredir_free(parser);
	clove_buf_fini(&arrived.log);
}
END_TEST

/* -- values that no layout can refuse -- */

static void refused_body(enum clove_usbredir_role role, uint32_t type, const void *body, enum clove_err want)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(role, 0xff, 0xff, &arrived);
	uint8_t bytes[16 + BODY_MAX];
	size_t len = body_bytes(type, body, 0xff, bytes + 16);

	put_header(bytes, 0xff, type, (uint32_t)len, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 16 + len), want);
	ck_assert_uint_eq(arrived.count, want == CLOVE_OK);
	clove_usbredir_free(parser);
	clove_buf_fini(&arrived.log);
}

START_TEST(test_ep_info_with_unknown_types_or_no_interval_is_refused)
{
	struct clove_usbredir_ep_info info;

	memset(&info, 0, sizeof info);
	memset(info.type, 255, sizeof info.type);
	info.type[0] = info.type[16] = 0;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_EP_INFO, &info, CLOVE_OK);
	info.type[17] = 4;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_EP_INFO, &info, CLOVE_ERR_VALUE);
	info.type[17] = 3;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_EP_INFO, &info, CLOVE_ERR_VALUE);
	info.type[17] = 1;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_EP_INFO, &info, CLOVE_ERR_VALUE);
	info.interval[17] = 1;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_EP_INFO, &info, CLOVE_OK);
}
END_TEST

START_TEST(test_more_than_32_interfaces_are_refused)
{
	struct clove_usbredir_interface_info info = { .interface_count = 33 };

	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_INTERFACE_INFO, &info, CLOVE_ERR_LIMIT);
	info.interface_count = UINT32_MAX;
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_INTERFACE_INFO, &info, CLOVE_ERR_LIMIT);
}
END_TEST

START_TEST(test_receiving_is_from_in_endpoints)
{
	struct clove_usbredir_start_bulk_receiving start = { .bytes_per_transfer = 512, .endpoint = 0x82 };
	struct clove_usbredir_start_interrupt_receiving interrupt = { 0x01 };
	struct clove_usbredir_interrupt_receiving_status interrupt_status = { 0, 0x01 };
	struct clove_usbredir_bulk_receiving_status bulk_status = { .endpoint = 0x02 };
	struct clove_usbredir_stop_bulk_receiving stop = { .endpoint = 0x02 };

	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_START_BULK_RECEIVING, &start, CLOVE_OK);
	start.endpoint = 2;
	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_START_BULK_RECEIVING, &start, CLOVE_ERR_VALUE);
	start.bytes_per_transfer = (128 << 20) + 1;
	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_START_BULK_RECEIVING, &start, CLOVE_ERR_LIMIT);
	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_STOP_BULK_RECEIVING, &stop, CLOVE_ERR_VALUE);
	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_START_INTERRUPT_RECEIVING, &interrupt, CLOVE_ERR_VALUE);
	refused_body(CLOVE_USBREDIR_HOST, CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING, &interrupt, CLOVE_ERR_VALUE);
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, &interrupt_status,
			CLOVE_ERR_VALUE);
	refused_body(CLOVE_USBREDIR_GUEST, CLOVE_USBREDIR_BULK_RECEIVING_STATUS, &bulk_status, CLOVE_ERR_VALUE);
}
END_TEST

START_TEST(test_a_filter_ends_its_text)
{
	static const struct { uint8_t text[4]; uint32_t len; enum clove_err want; } cases[] = {
		{ "", 1, CLOVE_OK }, { "abc", 4, CLOVE_OK }, { "abc", 3, CLOVE_ERR_VALUE }, { "", 0, CLOVE_ERR_SHORT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arrived arrived = { 0 };
		struct clove_usbredir *parser = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &arrived);
		uint8_t bytes[20];
		size_t header = put_header(bytes, 0xff, CLOVE_USBREDIR_FILTER_FILTER, cases[i].len, 0);

		memcpy(bytes + header, cases[i].text, cases[i].len);
		ck_assert_int_eq(feed_piece(parser, bytes, header + cases[i].len), cases[i].want);
		clove_usbredir_free(parser);
		clove_buf_fini(&arrived.log);
	}
}
END_TEST

/* -- what crosses in order -- */

static void make_all(struct clove_usbredir *from, bool is_host, uint32_t ours, uint32_t theirs, struct arrived *want,
		uint64_t *random)
{
	struct packet packet;

	for (uint32_t type = 0; type < PACKET_KINDS; type++) {
		if (!packet_kinds[type].name)
			continue;
		make_packet(&packet, type, is_host, ours & theirs, random);
		bool is_there = may_send(type, is_host, ours, theirs);
		enum clove_err err = clove_usbredir_send(from, packet.type, packet.id, packet.body,
				CLOVE_BYTES(packet.data, packet.len));

		ck_assert_msg((err == CLOVE_OK) == is_there, "%s with %02x and %02x: %s", packet_kinds[type].name,
				(unsigned int)ours, (unsigned int)theirs, clove_err_name(err));
		if (is_there)
			expect(want, &packet);
	}
}

START_TEST(test_all_packets_cross_under_all_capabilities)
{
	uint32_t caps = (uint32_t)_i;
	uint64_t random = 99 + caps;

	if (!is_legal(caps))
		return;
	for (uint32_t theirs = 0; theirs < 256; theirs += 1 + (caps * 7 + theirs) % 5) {
		struct arrived got = { 0 }, want = { 0 }, none = { 0 };
		bool is_host = theirs & 1;
		/* a guest always has the acknowledgement */
		uint32_t a = caps | (is_host ? 0 : 8), b = theirs | (is_host ? 8 : 0);
		struct clove_usbredir *from, *to;
		struct clove_buf wire = { 0 };

		if (!is_legal(theirs))
			continue;
		from = met(is_host ? CLOVE_USBREDIR_HOST : CLOVE_USBREDIR_GUEST, caps, b, &none);
		to = met(is_host ? CLOVE_USBREDIR_GUEST : CLOVE_USBREDIR_HOST, theirs, a, &got);
		want.shared = got.shared = a & b;
		make_all(from, is_host, a, b, &want, &random);
		drain(from, &wire);
		for (size_t at = 0; at < wire.len;) {
			size_t n = 1 + draw(&random) % 300;

			n = n < wire.len - at ? n : wire.len - at;
			ck_assert_int_eq(feed_piece(to, wire.data + at, n), CLOVE_OK);
			at += n;
		}
		same(&got, &want, "random pieces");
		clove_buf_fini(&wire);
		clove_buf_fini(&got.log);
		clove_buf_fini(&want.log);
		clove_usbredir_free(from);
		clove_usbredir_free(to);
	}
}
END_TEST

/* One byte at a time, and cut in two at every place; with the state carried to a new parser at the cut. */
START_TEST(test_bytes_are_split_at_every_offset)
{
	uint32_t caps = _i & 2 ? 0xff : 0x08;
	bool is_host = _i & 1;
	enum clove_usbredir_role role = is_host ? CLOVE_USBREDIR_GUEST : CLOVE_USBREDIR_HOST;
	struct arrived want = { .shared = caps }, none = { 0 };
	struct clove_usbredir *from = open_end(is_host ? CLOVE_USBREDIR_HOST : CLOVE_USBREDIR_GUEST, caps, &none, false);
	struct clove_buf wire = { 0 };
	uint64_t random = 5 + (uint64_t)_i;
	uint8_t bytes[80];

	ck_assert_int_eq(feed_piece(from, bytes, hello(bytes, caps)), CLOVE_OK);
	make_all(from, is_host, caps, caps, &want, &random);
	drain(from, &wire);
	for (size_t cut = 0; cut <= wire.len; cut++) {
		struct arrived got = { .shared = caps };
		struct clove_usbredir *to = open_end(role, caps, &got, false), *other;
		struct clove_buf state = { 0 };

		ck_assert_int_eq(feed_piece(to, wire.data, cut), CLOVE_OK);
		if (cut % 3 == 0) { /* moved to another machine */
			ck_assert_int_eq(clove_usbredir_save(to, &state), CLOVE_OK);
			clove_usbredir_free(to);
			other = open_end(role, caps, &got, true);
			ck_assert_int_eq(clove_usbredir_restore(other, clove_buf_bytes(&state)), CLOVE_OK);
			clove_buf_fini(&state);
			to = other;
		}
		ck_assert_int_eq(feed_piece(to, wire.data + cut, wire.len - cut), CLOVE_OK);
		same(&got, &want, "cut in two");
		clove_buf_fini(&got.log);
		clove_usbredir_free(to);
	}
	struct arrived got = { .shared = caps };
	struct clove_usbredir *to = open_end(role, caps, &got, false);

	for (size_t at = 0; at < wire.len; at++)
		ck_assert_int_eq(feed_piece(to, wire.data + at, 1), CLOVE_OK);
	same(&got, &want, "byte by byte");
	clove_usbredir_free(to);
	clove_usbredir_free(from);
	clove_buf_fini(&got.log);
	clove_buf_fini(&want.log);
	clove_buf_fini(&wire);
}
END_TEST

/* -- the bug classes of section 6 -- */

START_TEST(test_a_length_below_the_type_header_does_not_underflow)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &arrived);
	uint8_t bytes[40] = { 0 };

	put_header(bytes, 0xff, CLOVE_USBREDIR_BULK_PACKET, 2, 0);
	put_header(bytes + 18, 0xff, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 34), CLOVE_ERR_SHORT);
	ck_assert_uint_eq(arrived.count, 1);
	clove_usbredir_free(parser);
	clove_buf_fini(&arrived.log);
}
END_TEST

START_TEST(test_a_header_alone_takes_no_memory)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
	struct arrived arrived = { 0 };
	struct clove_usbredir *parsers[16];
	struct clove_usbredir_bulk_packet bulk = { .endpoint = 2 };
	struct mallinfo2 before, after;
	uint8_t bytes[16 + BODY_MAX];
	size_t len;

	clove_usbredir_set_bulk_length(&bulk, 128 << 20);
	len = body_bytes(CLOVE_USBREDIR_BULK_PACKET, &bulk, 0xff, bytes + 16);
	put_header(bytes, 0xff, CLOVE_USBREDIR_BULK_PACKET, (uint32_t)len + (128 << 20), 0);
	before = mallinfo2();
	for (int i = 0; i < 16; i++) {
		parsers[i] = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &arrived);
		ck_assert_int_eq(feed_piece(parsers[i], bytes, 16 + len), CLOVE_OK);
		ck_assert_int_eq(feed_piece(parsers[i], bytes, 1), CLOVE_OK);
	}
	after = mallinfo2();
	ck_assert_uint_lt(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd, 16 * 100 * 1024);
	for (int i = 0; i < 16; i++)
		clove_usbredir_free(parsers[i]);
#endif
}
END_TEST

START_TEST(test_a_packet_too_long_is_skipped_as_long_as_it_is)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &arrived);
	uint32_t left = (128 << 20) + 1025;
	uint8_t *piece = calloc(1, 1 << 20);
	uint8_t bytes[16];

	put_header(bytes, 0xff, CLOVE_USBREDIR_BULK_PACKET, left, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 16), CLOVE_ERR_LIMIT);
	while (left) {
		uint32_t n = left < 1 << 20 ? left : 1 << 20;

		ck_assert_int_eq(clove_usbredir_feed(parser, CLOVE_BYTES(piece, n)), CLOVE_OK);
		left -= n;
	}
	put_header(bytes, 0xff, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 16), CLOVE_OK);
	ck_assert_uint_eq(arrived.count, 1);
	free(piece);
	clove_usbredir_free(parser);
	clove_buf_fini(&arrived.log);
}
END_TEST

START_TEST(test_the_queue_is_bounded_and_counted)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = met(CLOVE_USBREDIR_GUEST, 0xff, 0xff, &arrived);
	struct clove_usbredir_bulk_packet bulk = { .endpoint = 2 };
	enum { SIZE = 32 << 20 };
	enum clove_err err = CLOVE_OK;
	int n = 0;

	clove_usbredir_set_bulk_length(&bulk, SIZE);
	for (; n < 100 && err == CLOVE_OK; n++)
		err = clove_usbredir_send_take(parser, CLOVE_USBREDIR_BULK_PACKET, 1, &bulk, calloc(1, SIZE), SIZE);
	ck_assert_int_eq(err, CLOVE_ERR_LIMIT);
	ck_assert_uint_eq(clove_usbredir_unsent(parser), (size_t)(n - 1) * (16 + 10 + SIZE));
	ck_assert_uint_le(clove_usbredir_unsent(parser), 2u * CLOVE_USBREDIR_UNSENT_MAX);
	clove_usbredir_sent(parser, 26 + SIZE);
	ck_assert_int_eq(clove_usbredir_send(parser, CLOVE_USBREDIR_RESET, 1, NULL, CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	clove_usbredir_free(parser);
}
END_TEST

START_TEST(test_packets_before_the_hello_and_a_second_hello_do_nothing)
{
	struct arrived arrived = { 0 };
	struct clove_usbredir *parser = open_end(CLOVE_USBREDIR_HOST, 0xff, &arrived, false);
	uint8_t bytes[96], second[96];

	put_header(bytes, 0, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 12), CLOVE_ERR_STATE);
	ck_assert_int_eq(feed_piece(parser, bytes, hello(bytes, 0x20)), CLOVE_OK);
	hello(bytes, 0);
	put_header(second, 0x20, CLOVE_USBREDIR_HELLO, 68, 0);
	memcpy(second + 16, bytes + 12, 68);
	ck_assert_int_eq(feed_piece(parser, second, 84), CLOVE_OK);
	ck_assert(clove_usbredir_has_cap(parser, CLOVE_USBREDIR_CAP_64BITS_IDS));
	put_header(bytes, 0x20, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 16), CLOVE_OK);
	ck_assert_uint_eq(arrived.count, 1);
	clove_usbredir_free(parser);
	clove_buf_fini(&arrived.log);
}
END_TEST

START_TEST(test_hellos_of_all_sizes)
{
	static const struct { uint32_t words; uint32_t want; } cases[] = { { 0, 0 }, { 1, 0xfe }, { 9, 0xfe } };

	for (size_t i = 0; i < 3; i++) {
		struct arrived arrived = { 0 };
		struct clove_usbredir *parser = open_end(CLOVE_USBREDIR_GUEST, 0xff, &arrived, false);
		uint8_t bytes[12 + 64 + 36];

		memset(bytes, 0xff, sizeof bytes); /* a version without end, words and bits that nobody knows */
		put_header(bytes, 0, CLOVE_USBREDIR_HELLO, 64 + 4 * cases[i].words, 0);
		if (cases[i].words)
			clove_put_le32(bytes + 76, 0xffffffee); /* streams without packet sizes */
		ck_assert_int_eq(feed_piece(parser, bytes, 76 + 4 * cases[i].words), CLOVE_OK);
		ck_assert(clove_usbredir_is_met(parser));
		ck_assert(!clove_usbredir_peer_has_cap(parser, CLOVE_USBREDIR_CAP_BULK_STREAMS));
		ck_assert_int_eq(clove_usbredir_peer_has_cap(parser, CLOVE_USBREDIR_CAP_BULK_RECEIVING),
				cases[i].want == 0xfe);
		clove_usbredir_free(parser);
	}
}
END_TEST

/* -- the owner inside the packet function -- */

struct owner {
	struct clove_usbredir *parser;
	uint8_t *taken;
	size_t taken_len;
	unsigned int count;
	enum { DO_TAKE, DO_FREE, DO_ANSWER, DO_FEED } act;
};

static void act(void *opaque, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct owner *owner = opaque;
	const struct clove_usbredir_bulk_packet *bulk = body;
	struct clove_usbredir_bulk_packet answer;

	if (type != CLOVE_USBREDIR_BULK_PACKET)
		return;
	owner->count++;
	switch (owner->act) {
	case DO_TAKE:
		owner->taken = clove_usbredir_take_data(owner->parser);
		owner->taken_len = data.len;
		break;
	case DO_FREE:
		clove_usbredir_free(owner->parser);
		ck_assert_uint_eq(bulk->length, data.len); /* still there */
		break;
	case DO_ANSWER:
		answer = *bulk;
		ck_assert_int_eq(clove_usbredir_send(owner->parser, type, id, &answer, CLOVE_BYTES(NULL, 0)), CLOVE_OK);
		break;
	default:
		ck_assert_int_eq(clove_usbredir_feed(owner->parser, CLOVE_BYTES("x", 1)), CLOVE_ERR_STATE);
	}
}

START_TEST(test_the_owner_may_take_free_and_answer_inside)
{
	for (size_t piece = 1; piece < 100; piece += 98)
		for (int what = DO_TAKE; what <= DO_FEED; what++) {
			struct owner owner = { .act = (unsigned int)what };
			struct clove_usbredir_options options = { .role = CLOVE_USBREDIR_HOST, .caps = 0xff,
					.packet = act, .owner = &owner };
			struct clove_usbredir_bulk_packet bulk = { .endpoint = 2, .length = 5 };
			uint8_t bytes[128];
			size_t len = hello(bytes, 0xff);
			uint8_t wire[BODY_MAX];
			size_t body = body_bytes(CLOVE_USBREDIR_BULK_PACKET, &bulk, 0xff, wire);
			enum clove_err err = CLOVE_OK;

			owner.parser = clove_usbredir_new(&options);
			len += put_header(bytes + len, 0xff, CLOVE_USBREDIR_BULK_PACKET, (uint32_t)body + 5, 9);
			memcpy(bytes + len, wire, body);
			memcpy(bytes + len + body, "data!", 5);
			len += body + 5;
			for (size_t at = 0; at < len && err == CLOVE_OK; at += piece)
				err = feed_piece(owner.parser, bytes + at, len - at < piece ? len - at : piece);
			ck_assert_int_eq(err, what == DO_FREE ? CLOVE_ERR_CLOSED : CLOVE_OK);
			ck_assert_uint_eq(owner.count, 1);
			if (what == DO_TAKE) {
				ck_assert_uint_eq(owner.taken_len, 5);
				ck_assert_mem_eq(owner.taken, "data!", 5);
				free(owner.taken);
			}
			if (what == DO_ANSWER)
				ck_assert_uint_eq(clove_usbredir_unsent(owner.parser), 80 + 26);
			if (what != DO_FREE)
				clove_usbredir_free(owner.parser);
		}
}
END_TEST

START_TEST(test_a_guest_acknowledges_a_disconnect)
{
	for (uint32_t theirs = 0; theirs < 0x10; theirs += 8) {
		struct arrived arrived = { 0 };
		struct clove_usbredir *parser = met(CLOVE_USBREDIR_GUEST, 0, theirs, &arrived);
		uint8_t bytes[16];

		put_header(bytes, 0, CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, 0);
		ck_assert_int_eq(feed_piece(parser, bytes, 12), CLOVE_OK);
		ck_assert_uint_eq(clove_usbredir_unsent(parser), theirs ? 12 : 0);
		clove_usbredir_free(parser);
		clove_buf_fini(&arrived.log);
	}
}
END_TEST

/* -- output -- */

START_TEST(test_output_goes_in_pieces_of_any_size)
{
	struct arrived none = { 0 };
	struct clove_buf whole = { 0 }, pieces = { 0 };

	for (size_t step = 0; step < 40; step++) {
		struct clove_usbredir *parser = met(CLOVE_USBREDIR_GUEST, 0xff, 0xff, &none);
		struct clove_usbredir_bulk_packet bulk = { .endpoint = 2, .length = 6 };
		struct iovec iov[4];

		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(clove_usbredir_send(parser, CLOVE_USBREDIR_BULK_PACKET, 1, &bulk,
					CLOVE_BYTES("hello", 6)), CLOVE_OK);
			ck_assert_int_eq(clove_usbredir_send_take(parser, CLOVE_USBREDIR_BULK_PACKET, 1, &bulk,
					(uint8_t *)strdup("taken"), 6), CLOVE_OK);
		}
		if (!step) {
			drain(parser, &whole);
		} else {
			clove_buf_clear(&pieces);
			while (clove_usbredir_output(parser, iov, 4)) {
				size_t n = step < iov[0].iov_len ? step : iov[0].iov_len;

				ck_assert_int_eq(clove_buf_append(&pieces, iov[0].iov_base, n), CLOVE_OK);
				clove_usbredir_sent(parser, n);
				ck_assert_uint_eq(clove_usbredir_unsent(parser) + pieces.len, whole.len);
			}
			ck_assert_uint_eq(pieces.len, whole.len);
			ck_assert_mem_eq(pieces.data, whole.data, whole.len);
		}
		clove_usbredir_free(parser);
	}
	clove_buf_fini(&whole);
	clove_buf_fini(&pieces);
}
END_TEST

/* -- the state of a migration -- */

static struct clove_buf some_state(uint32_t caps, size_t sent)
{
	struct arrived none = { 0 };
	struct clove_usbredir *parser = met(CLOVE_USBREDIR_HOST, caps, caps, &none);
	struct clove_buf state = { 0 };
	uint8_t bytes[16];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(clove_usbredir_send(parser, CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL,
				CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	clove_usbredir_sent(parser, sent);
	put_header(bytes, caps, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(parser, bytes, 5), CLOVE_OK);
	ck_assert_int_eq(clove_usbredir_save(parser, &state), CLOVE_OK);
	clove_usbredir_free(parser);
	return state;
}

START_TEST(test_state_lies_as_qemu_reads_it)
{
	struct clove_buf state = some_state(0xfe, 20);
	uint32_t words[5];

	ck_assert_uint_eq(state.len, 7 * 4 + (4 + 5) + 4 + 4 + 4 + (4 + 12));
	memcpy(words, state.data, sizeof words);
	ck_assert_uint_eq(words[0], 0x55525031);
	ck_assert_uint_eq(words[1], state.len);
	ck_assert_uint_eq(words[2], 4);
	ck_assert_uint_eq(words[3], 0xfe);
	ck_assert_uint_eq(words[4], 4);
	clove_buf_fini(&state);
}
END_TEST

START_TEST(test_broken_states_are_refused)
{
	struct clove_buf state = some_state(0xfe, 4);
	struct arrived none = { 0 };

	for (size_t len = 0; len < state.len; len++) {
		struct clove_usbredir *parser = open_end(CLOVE_USBREDIR_HOST, 0xff, &none, true);
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, state.data, len);
		if (len >= 8)
			memcpy(cut + 4, &(uint32_t){ (uint32_t)len }, 4);
		ck_assert_int_ne(clove_usbredir_restore(parser, CLOVE_BYTES(cut, len)), CLOVE_OK);
		clove_usbredir_free(parser);
		free(cut);
	}
	struct clove_usbredir *parser = open_end(CLOVE_USBREDIR_HOST, 0x7f, &none, true);

	ck_assert_int_eq(clove_usbredir_restore(parser, clove_buf_bytes(&state)), CLOVE_ERR_UNSUPPORTED);
	clove_usbredir_free(parser);
	parser = open_end(CLOVE_USBREDIR_HOST, 0xff, &none, true);
	ck_assert_int_eq(clove_buf_append(&state, "", 1), CLOVE_OK);
	memcpy(state.data + 4, &(uint32_t){ (uint32_t)state.len }, 4);
	ck_assert_int_eq(clove_usbredir_restore(parser, clove_buf_bytes(&state)), CLOVE_ERR_BOUNDS);
	clove_usbredir_free(parser);
	parser = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &none);
	ck_assert_int_eq(clove_usbredir_restore(parser, clove_buf_bytes(&state)), CLOVE_ERR_STATE);
	clove_usbredir_free(parser);
	clove_buf_fini(&state);
}
END_TEST

START_TEST(test_what_was_skipped_and_queued_moves_with_the_state)
{
	struct arrived got = { 0 };
	struct clove_usbredir *old = met(CLOVE_USBREDIR_HOST, 0xff, 0xff, &got), *new;
	struct clove_buf state = { 0 }, out = { 0 };
	uint8_t bytes[16 + 100 + 16] = { 0 };

	put_header(bytes, 0xff, 77, 100, 0); /* there is no such type */
	put_header(bytes + 116, 0xff, CLOVE_USBREDIR_RESET, 0, 0);
	ck_assert_int_eq(feed_piece(old, bytes, 50), CLOVE_ERR_VALUE);
	ck_assert_int_eq(clove_usbredir_send(old, CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL, CLOVE_BYTES(NULL, 0)),
			CLOVE_OK);
	clove_usbredir_sent(old, 3);
	ck_assert_int_eq(clove_usbredir_save(old, &state), CLOVE_OK);
	new = open_end(CLOVE_USBREDIR_HOST, 0xff, &got, true);
	ck_assert_int_eq(clove_usbredir_restore(new, clove_buf_bytes(&state)), CLOVE_OK);
	drain(new, &out);
	ck_assert_uint_eq(out.len, 13);
	ck_assert_int_eq(feed_piece(new, bytes + 50, sizeof bytes - 50), CLOVE_OK);
	ck_assert_uint_eq(got.count, 1);
	clove_usbredir_free(old);
	clove_usbredir_free(new);
	clove_buf_fini(&state);
	clove_buf_fini(&out);
	clove_buf_fini(&got.log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usbredir-parser");
	TCase *tcase = tcase_create("parser");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_hello_is_short_and_what_follows_is_long);
	tcase_add_loop_test(tcase, test_layouts_follow_the_capabilities, 0, sizeof layouts / sizeof layouts[0]);
	tcase_add_loop_test(tcase, test_a_packet_of_another_length_is_skipped, 0, PACKET_KINDS);
	tcase_add_loop_test(tcase, test_a_packet_from_the_wrong_side_is_skipped, 0, PACKET_KINDS);
	tcase_add_loop_test(tcase, test_data_go_in_the_direction_of_the_endpoint, 0,
			sizeof directions / sizeof directions[0]);
	tcase_add_test(tcase, test_ep_info_with_unknown_types_or_no_interval_is_refused);
	tcase_add_test(tcase, test_more_than_32_interfaces_are_refused);
	tcase_add_test(tcase, test_receiving_is_from_in_endpoints);
	tcase_add_test(tcase, test_a_filter_ends_its_text);
	tcase_add_loop_test(tcase, test_all_packets_cross_under_all_capabilities, 0, 256);
	tcase_add_loop_test(tcase, test_bytes_are_split_at_every_offset, 0, 4);
	tcase_add_test(tcase, test_a_length_below_the_type_header_does_not_underflow);
	tcase_add_test(tcase, test_a_header_alone_takes_no_memory);
	tcase_add_test(tcase, test_a_packet_too_long_is_skipped_as_long_as_it_is);
	tcase_add_test(tcase, test_the_queue_is_bounded_and_counted);
	tcase_add_test(tcase, test_packets_before_the_hello_and_a_second_hello_do_nothing);
	tcase_add_test(tcase, test_hellos_of_all_sizes);
	tcase_add_test(tcase, test_the_owner_may_take_free_and_answer_inside);
	tcase_add_test(tcase, test_a_guest_acknowledges_a_disconnect);
	tcase_add_test(tcase, test_output_goes_in_pieces_of_any_size);
	tcase_add_test(tcase, test_state_lies_as_qemu_reads_it);
	tcase_add_test(tcase, test_broken_states_are_refused);
	tcase_add_test(tcase, test_what_was_skipped_and_queued_moves_with_the_state);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
