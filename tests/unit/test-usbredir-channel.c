/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usbredir-channel.c - usbredir's bytes in messages: whole, compressed, too many, damaged. */
#include <glib.h>
#include "client-gtk/usbredir-channel.h"
#include "common/codec/lz4.h"
#include "common/protocol/caps.h"
#include "common/protocol/enums.h"
#include "usb/software.h"
#include "usbredir/packets.h"
#include "usbredir/parser.h"
#include "channel-fixture.h"

enum { BULK = 0x81 };

/* The guest behind the server. */
static struct peer peer;
static struct clove_usbredir *guest;
static struct {
	unsigned int n_data, n_packed, n_connects, n_disconnects, n_infos;
	size_t bulk;              /* bytes */
	uint64_t next_id;         /* answers come in order */
	bool is_wrong;            /* they were not what the device said */
	size_t largest;
} got;

static struct clove_loop *loop;
static struct clove_usbredir_channel *channel;
static struct {
	char why[200], rules[200], left[200];
	bool is_closed, has_left, was_refused;
	enum clove_err err;
} seen;

/* -- a device that says the same for ever -- */

static struct clove_usb_device talker;
static bool is_freed;
static uint32_t noise;

static void talk(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	(void)device;
	for (size_t i = 0; i < transfer->len; i++) {
		noise = noise * 1103515245 + 12345;
		transfer->data[i] = (uint8_t)(transfer->stream || device->shape.product == 2 ? noise >> 16 :
				i / 256);
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
}

static void cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	(void)device;
	(void)transfer;
}

static void ignore(struct clove_usb_device *device)
{
	(void)device;
}

static void talker_free(struct clove_usb_device *device)
{
	(void)device;
	is_freed = true;
}

static const struct clove_usb_device_ops talker_ops = {
	.submit = talk, .cancel = cancel, .reset = ignore, .free = talker_free,
};

/* `product` 2 makes noise that nobody can compress. */
static void plug(uint16_t product, bool has_iso)
{
	is_freed = false;
	talker = (struct clove_usb_device){ .ops = &talker_ops, .name = "Talker" };
	talker.shape = (struct clove_usb_shape){ .speed = CLOVE_USB_HIGH, .vendor = 1, .product = product,
		.configuration = 1, .interface_count = 1 };
	for (int i = 0; i < CLOVE_USB_ENDPOINTS; i++)
		talker.shape.endpoints[i].type = i % 16 ? CLOVE_USB_NO_ENDPOINT : CLOVE_USB_CONTROL;
	talker.shape.endpoints[clove_usb_index(BULK)] = (struct clove_usb_endpoint){ .type = CLOVE_USB_BULK,
		.max_packet = 512 };
	if (has_iso)
		talker.shape.endpoints[clove_usb_index(0x82)] = (struct clove_usb_endpoint){
			.type = CLOVE_USB_ISO, .interval = 1, .max_packet = 192 };
	ck_assert_int_eq(clove_usbredir_channel_plug(channel, &talker), CLOVE_OK);
}

/* -- the guest -- */

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	(void)owner;
	(void)body;
	switch (type) {
	case CLOVE_USBREDIR_DEVICE_CONNECT:
		got.n_connects++;
		break;
	case CLOVE_USBREDIR_DEVICE_DISCONNECT:
		got.n_disconnects++;
		break;
	case CLOVE_USBREDIR_EP_INFO:
	case CLOVE_USBREDIR_INTERFACE_INFO:
		got.n_infos++;
		break;
	case CLOVE_USBREDIR_BULK_PACKET:
		got.is_wrong |= id != got.next_id;
		for (size_t i = 0; i < data.len && talker.shape.product != 2; i += 97)
			got.is_wrong |= data.data[i] != (uint8_t)(i / 256);
		got.next_id++;
		got.bulk += data.len;
		break;
	}
}

static enum clove_err eat(struct peer *from, struct clove_bytes bytes)
{
	(void)from;
	if (bytes.len > got.largest)
		got.largest = bytes.len;
	ck_assert_int_eq(clove_usbredir_feed(guest, bytes), CLOVE_OK);
	return CLOVE_OK;
}

static enum clove_err on_data(void *from, const void *message)
{
	const struct clove_vmc_data *data = message;

	got.n_data++;
	return eat(from, data->data);
}

static enum clove_err on_packed(void *from, const void *message)
{
	const struct clove_vmc_compressed_data *data = message;
	uint8_t *bytes = malloc(data->uncompressed_size);
	enum clove_err err;

	got.n_packed++;
	ck_assert_uint_eq(data->type, CLOVE_VMC_COMPRESSION_LZ4);
	ck_assert_uint_lt(data->data.len + 5, data->uncompressed_size);
	ck_assert_int_eq(clove_lz4_unpack(data->data, bytes, data->uncompressed_size), CLOVE_OK);
	err = eat(from, CLOVE_BYTES(bytes, data->uncompressed_size));
	free(bytes);
	return err;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_VMC_DATA, on_data },
	{ CLOVE_VMC_COMPRESSED_DATA, on_packed },
	{ 0, NULL },
};

static uint32_t body_limit(void *from, uint16_t id)
{
	(void)from;
	(void)id;
	return 1 << 20;
}

static const struct clove_channel_ops ops = { .handlers = handlers, .body_limit = body_limit, .closed = peer_closed };

/* What the guest has to say, in pieces of `size`, plain or packed. */
static void say(size_t size, bool is_packed)
{
	struct iovec iov;

	while (clove_usbredir_output(guest, &iov, 1)) {
		size_t len = iov.iov_len < size ? iov.iov_len : size, put;
		uint8_t packed[600] = { CLOVE_VMC_COMPRESSION_LZ4 };

		if (is_packed) {
			clove_put_le32(packed + 1, (uint32_t)len);
			ck_assert_int_eq(clove_lz4_pack(packed + 5, sizeof packed - 5, CLOVE_BYTES(iov.iov_base, len),
					&put), CLOVE_OK);
			clove_channel_send_raw(&peer.channel, CLOVE_VMC_COMPRESSED_DATA, CLOVE_BYTES(packed, put + 5));
		} else {
			clove_channel_send_raw(&peer.channel, CLOVE_VMC_DATA, CLOVE_BYTES(iov.iov_base, len));
		}
		clove_usbredir_sent(guest, len);
	}
}

static void ask_bulk(unsigned int n, uint32_t len)
{
	static uint64_t id;

	got.next_id = id;
	for (unsigned int i = 0; i < n; i++) {
		struct clove_usbredir_bulk_packet body = { .endpoint = BULK, .length = (uint16_t)len,
			.length_high = (uint16_t)(len >> 16) };

		ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_BULK_PACKET, id++, &body,
				CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	}
}

/* -- the viewer -- */

static void device_left(void *opaque, const char *why)
{
	(void)opaque;
	seen.has_left = true;
	snprintf(seen.left, sizeof seen.left, "%s", why);
}

static void filter(void *opaque, const char *rules)
{
	(void)opaque;
	seen.was_refused |= !rules;
	snprintf(seen.rules, sizeof seen.rules, "%s", rules ? rules : "");
}

static void closed(void *opaque, enum clove_err err, const char *why)
{
	(void)opaque;
	seen.is_closed = true;
	seen.err = err;
	snprintf(seen.why, sizeof seen.why, "%s", why ? why : "");
}

static const struct clove_usbredir_channel_events events = { device_left, filter, closed };

static void start(bool has_lz4, bool is_unix)
{
	struct clove_opened opened;

	peer_open(&peer, loop, CLOVE_CHANNEL_USBREDIR, &ops, &opened);
	if (has_lz4)
		clove_caps_set(&opened.info.channel_caps, CLOVE_VMC_CAP_DATA_COMPRESS_LZ4);
	opened.stream->is_unix = is_unix;
	channel = clove_usbredir_channel_new(&(struct clove_usbredir_channel_options){ .loop = loop, .id = 3,
		.events = &events }, &opened);
	ck_assert_ptr_nonnull(channel);
	ck_assert_uint_eq(clove_usbredir_channel_id(channel), 3);
}

static void meet(void)
{
	say(SIZE_MAX, false);
	NET_TURN_UNTIL(loop, clove_usbredir_is_met(guest));
	clove_poll_loop_step(loop, 10);
}

static void setup(void)
{
	memset(&peer, 0, sizeof peer);
	memset(&got, 0, sizeof got);
	memset(&seen, 0, sizeof seen);
	loop = clove_poll_loop_new();
	guest = clove_usbredir_new(&(struct clove_usbredir_options){ .role = CLOVE_USBREDIR_GUEST,
		.caps = CLOVE_USBREDIR_CAPS_ALL, .packet = on_packet });
}

static void teardown(void)
{
	clove_usbredir_channel_free(channel);
	channel = NULL;
	clove_channel_fini(&peer.channel);
	clove_usbredir_free(guest);
	clove_poll_loop_free(loop);
}

START_TEST(test_channel_says_hello_by_itself)
{
	start(true, false);
	NET_TURN_UNTIL(loop, clove_usbredir_is_met(guest));
	ck_assert_uint_eq(got.n_data, 1);
	ck_assert_uint_eq(got.n_packed, 0); /* too short */
}
END_TEST

START_TEST(test_channel_has_devices_one_after_the_other)
{
	start(true, false);
	plug(1, false); /* before the guest is there */
	say(SIZE_MAX, false);
	NET_TURN_UNTIL(loop, got.n_connects == 1);
	ck_assert_uint_eq(got.n_infos, 2);
	ck_assert_int_eq(clove_usbredir_channel_plug(channel, clove_usb_keyboard_new()), CLOVE_ERR_STATE);
	clove_usbredir_channel_unplug(channel);
	NET_TURN_UNTIL(loop, seen.has_left);
	ck_assert(is_freed);
	ck_assert_str_eq(seen.left, "");
	NET_TURN_UNTIL(loop, got.n_disconnects == 1);
	ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL,
			CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	say(SIZE_MAX, false);
	ck_assert_int_eq(clove_usbredir_channel_plug(channel, clove_usb_keyboard_new()), CLOVE_OK);
	NET_TURN_UNTIL(loop, got.n_connects == 2);
	/* and it goes with the channel */
}
END_TEST

static const struct {
	const char *why;
	bool has_lz4, is_unix, has_iso;
	uint16_t product;
	uint32_t len;
	bool is_packed;
} packings[] = {
	{ "long and dull", true, false, false, 1, 200000, true },
	{ "short", true, false, false, 1, 700, false },
	{ "noise", true, false, false, 2, 200000, false },
	{ "the server cannot", false, false, false, 1, 200000, false },
	{ "on this machine", true, true, false, 1, 200000, false },
	{ "in a hurry", true, false, true, 1, 200000, false },
};

START_TEST(test_channel_compresses_what_it_helps)
{
	start(packings[_i].has_lz4, packings[_i].is_unix);
	meet();
	plug(packings[_i].product, packings[_i].has_iso);
	NET_TURN_UNTIL(loop, got.n_connects == 1);
	got.n_packed = 0;
	ask_bulk(3, packings[_i].len);
	say(SIZE_MAX, false);
	NET_TURN_UNTIL(loop, got.bulk == 3 * packings[_i].len);
	ck_assert(!got.is_wrong);
	ck_assert_msg((got.n_packed > 0) == packings[_i].is_packed, "%s: %u", packings[_i].why, got.n_packed);
	ck_assert_uint_le(got.largest, 64 << 10);
}
END_TEST

START_TEST(test_channel_takes_pieces_of_any_size)
{
	static const size_t sizes[] = { 1, 2, 7, 79, 500 };

	start(true, false);
	plug(1, false);
	say(sizes[_i / 2], _i % 2);
	NET_TURN_UNTIL(loop, got.n_connects == 1);
	ask_bulk(2, 5000);
	say(sizes[_i / 2], _i % 2);
	NET_TURN_UNTIL(loop, got.bulk == 10000);
	ck_assert(!got.is_wrong && !seen.is_closed);
}
END_TEST

static const struct {
	const char *why;
	uint16_t id;
	uint8_t body[64];
	size_t len;
	bool has_why;
} damages[] = {
	{ "of no kind", CLOVE_VMC_COMPRESSED_DATA, { 0, 'x' }, 2, true },
	{ "of an unknown kind", CLOVE_VMC_COMPRESSED_DATA, { 2, 'x' }, 2, true },
	{ "of another size", CLOVE_VMC_COMPRESSED_DATA, { 1, 9, 0, 0, 0, 0x10, 'x' }, 7, true },
	{ "no block", CLOVE_VMC_COMPRESSED_DATA, { 1, 9, 0, 0, 0, 0xff, 0xff, 0xff }, 8, true },
	{ "nothing", CLOVE_VMC_COMPRESSED_DATA, { 1, 9, 0, 0, 0 }, 5, true },
	{ "too much", CLOVE_VMC_COMPRESSED_DATA, { 1, 0xff, 0xff, 0xff, 0xff, 0x10, 'x' }, 7, true },
	{ "more than a block can be", CLOVE_VMC_COMPRESSED_DATA, { 1, 0, 0, 0x80, 0, 0x10, 'x' }, 7, true },
	{ "no usbredir", CLOVE_VMC_DATA, { 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 }, 32, true },
};

START_TEST(test_channel_ends_alone_when_the_peer_breaks_a_rule)
{
	start(true, false);
	plug(1, false);
	clove_channel_send_raw(&peer.channel, damages[_i].id, CLOVE_BYTES(damages[_i].body, damages[_i].len));
	NET_TURN_UNTIL(loop, seen.is_closed);
	ck_assert_msg((seen.why[0] != 0) == damages[_i].has_why, "%s: %s", damages[_i].why, seen.why);
	clove_usbredir_channel_free(channel); /* as its owner does */
	channel = NULL;
	ck_assert(is_freed);
}
END_TEST

START_TEST(test_channel_ends_with_its_connection)
{
	start(true, false);
	plug(1, false);
	meet();
	clove_channel_close(&peer.channel, CLOVE_ERR_CLOSED);
	NET_TURN_UNTIL(loop, peer.is_closed);
	clove_channel_fini(&peer.channel);
	memset(&peer, 0, sizeof peer);
	NET_TURN_UNTIL(loop, seen.is_closed);
	ck_assert_str_eq(seen.why, "");
	ck_assert(!is_freed);
}
END_TEST

/* 64 MiB for one who does not read: neither is it held all at once, nor does any of it get lost. */
START_TEST(test_channel_waits_for_a_slow_peer)
{
	enum { REQUESTS = 256, EACH = 256 << 10 };
	uint64_t out;

	start(true, false);
	meet();
	plug(2, false);
	NET_TURN_UNTIL(loop, got.n_connects == 1);
	clove_channel_pause(&peer.channel);
	ask_bulk(REQUESTS, EACH);
	say(SIZE_MAX, false);
	for (int i = 0; i < 50; i++)
		clove_poll_loop_step(loop, 2);
	clove_usbredir_channel_count(channel, NULL, &out);
	ck_assert_uint_lt(out, 4 << 20); /* what the kernel took */
	clove_channel_resume(&peer.channel);
	NET_TURN_UNTIL(loop, got.bulk == (size_t)REQUESTS * EACH);
	ck_assert(!got.is_wrong && !seen.is_closed);
}
END_TEST

START_TEST(test_channel_hears_the_guests_rules)
{
	static const char rules[] = "0x08,-1,-1,-1,0|-1,-1,-1,-1,1";

	start(true, false);
	meet();
	ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_FILTER_FILTER, 0, NULL,
			CLOVE_BYTES(rules, sizeof rules)), CLOVE_OK);
	say(SIZE_MAX, false);
	NET_TURN_UNTIL(loop, seen.rules[0]);
	ck_assert_str_eq(seen.rules, rules);
	plug(1, false);
	NET_TURN_UNTIL(loop, got.n_connects == 1);
	ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_FILTER_REJECT, 0, NULL, CLOVE_BYTES(NULL, 0)),
			CLOVE_OK);
	say(SIZE_MAX, false);
	NET_TURN_UNTIL(loop, seen.has_left);
	ck_assert(seen.was_refused);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usbredir-channel");
	TCase *tcase = tcase_create("usbredir-channel");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_channel_says_hello_by_itself);
	tcase_add_test(tcase, test_channel_has_devices_one_after_the_other);
	tcase_add_loop_test(tcase, test_channel_compresses_what_it_helps, 0, G_N_ELEMENTS(packings));
	tcase_add_loop_test(tcase, test_channel_takes_pieces_of_any_size, 0, 10);
	tcase_add_loop_test(tcase, test_channel_ends_alone_when_the_peer_breaks_a_rule, 0, G_N_ELEMENTS(damages));
	tcase_add_test(tcase, test_channel_ends_with_its_connection);
	tcase_add_test(tcase, test_channel_waits_for_a_slow_peer);
	tcase_add_test(tcase, test_channel_hears_the_guests_rules);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
