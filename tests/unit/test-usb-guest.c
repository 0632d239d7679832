/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-guest.c - a usb guest against a far side that says what the test has it say. */
#include <stdio.h>
#include "tests/unit/usbredir-fixture.h"
#include "usbredir/guest.h"

enum { SEEN_MAX = 4096 };

struct rig {
	struct clove_usb_guest *guest;
	struct clove_usbredir *far;
	struct clove_usb_device *device;
	unsigned int gone, wakes, devices, outputs;
	char why[80];
	bool frees_in_gone, frees_guest_in_gone;
	struct packet *seen[SEEN_MAX];   /* what the far side got */
	unsigned int seen_count, next;   /* next: the first not yet looked at */
	size_t piece;
};

static struct rig rig;
static unsigned int alive, done_count;

static void far_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct packet *packet;

	(void)owner;
	if (type == CLOVE_USBREDIR_HELLO)
		return;
	ck_assert_uint_lt(rig.seen_count, SEEN_MAX);
	packet = calloc(1, sizeof *packet);
	packet->type = type;
	packet->id = id;
	packet->len = data.len;
	if (body)
		memcpy(packet->body, body, packet_kinds[type].layout()->size);
	if (data.len)
		memcpy(packet->data, data.data, data.len < DATA_SOME ? data.len : DATA_SOME);
	rig.seen[rig.seen_count++] = packet;
}

static void on_output(void *owner)
{
	(void)owner;
	rig.outputs++;
}

static void on_gone(void *owner, const char *why)
{
	(void)owner;
	rig.gone++;
	snprintf(rig.why, sizeof rig.why, "%s", why);
	ck_assert_uint_eq(alive, 0); /* all have come back */
	if (rig.frees_in_gone) {
		clove_usb_device_free(rig.device);
		rig.device = NULL;
	}
	if (rig.frees_guest_in_gone) {
		clove_usb_guest_free(rig.guest);
		rig.guest = NULL;
	}
}

static void on_wake(void *owner)
{
	(void)owner;
	rig.wakes++;
}

static const struct clove_usb_events device_events = { .gone = on_gone, .wake = on_wake };

static void on_device(void *owner, struct clove_usb_device *device)
{
	(void)owner;
	rig.devices++;
	rig.device = device;
	device->events = &device_events;
}

static void move(size_t n, struct clove_buf *wire, bool to_far)
{
	for (size_t at = 0; at < wire->len && rig.guest;) {
		size_t piece = n && n < wire->len - at ? n : wire->len - at;

		if (to_far)
			ck_assert_int_eq(feed_piece(rig.far, wire->data + at, piece), CLOVE_OK);
		else
			(void)!clove_usb_guest_feed(rig.guest, CLOVE_BYTES(wire->data + at, piece));
		at += piece;
	}
	clove_buf_clear(wire);
}

/* All that waits crosses, both ways. */
static void pump(void)
{
	struct clove_buf wire = { 0 };

	while (rig.guest && (clove_usb_guest_unsent(rig.guest) || clove_usbredir_unsent(rig.far))) {
		struct iovec iov[2];
		int n;

		while ((n = clove_usb_guest_output(rig.guest, iov, 2)) > 0)
			for (int i = 0; i < n; i++) {
				ck_assert_int_eq(clove_buf_append(&wire, iov[i].iov_base, iov[i].iov_len), CLOVE_OK);
				if (i + 1 == n) {
					size_t sum = iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0);

					clove_usb_guest_sent(rig.guest, sum);
				}
			}
		move(rig.piece, &wire, true);
		drain(rig.far, &wire);
		move(rig.piece, &wire, false);
	}
	clove_buf_fini(&wire);
}

static void say_data(uint32_t type, uint64_t id, const void *body, const void *data, size_t len)
{
	ck_assert_int_eq(clove_usbredir_send(rig.far, type, id, body, CLOVE_BYTES(data, len)), CLOVE_OK);
	pump();
}

static void say(uint32_t type, uint64_t id, const void *body)
{
	say_data(type, id, body, NULL, 0);
}

static void open_rig_with(uint32_t far_caps)
{
	static const struct clove_usb_guest_events events = { on_output, on_device };
	struct clove_usbredir_options options = { .role = CLOVE_USBREDIR_HOST, .caps = far_caps, .packet = far_packet };

	rig = (struct rig){ .far = clove_usbredir_new(&options) };
	alive = done_count = 0;
	rig.guest = clove_usb_guest_new(NULL, &events, NULL);
	ck_assert_ptr_nonnull(rig.guest);
	pump();
}

static void open_rig(void)
{
	open_rig_with(0xff);
}

static void close_rig(void)
{
	rig.frees_guest_in_gone = false;
	if (rig.device)
		clove_usb_device_free(rig.device);
	clove_usb_guest_free(rig.guest);
	clove_usbredir_free(rig.far);
	for (unsigned int i = 0; i < rig.seen_count; i++)
		free(rig.seen[i]);
	ck_assert_uint_eq(alive, 0);
}

/* The next packet that the far side got; it must be of this type. */
static const struct packet *got(uint32_t type)
{
	pump();
	ck_assert_msg(rig.next < rig.seen_count, "no packet; %s expected", packet_kinds[type].name);
	ck_assert_str_eq(packet_kinds[rig.seen[rig.next]->type].name, packet_kinds[type].name);
	return rig.seen[rig.next++];
}

static void got_nothing(void)
{
	pump();
	ck_assert_msg(rig.next == rig.seen_count, "%s came", packet_kinds[rig.seen[rig.next]->type].name);
}

enum { BULK_IN = 0x81, BULK_OUT = 0x02, INT_IN = 0x83, INT_OUT = 0x04, ISO_IN = 0x85, ISO_OUT = 0x06 };

/* A high-speed device with an endpoint of each kind. */
static void plug(uint8_t interface_class, uint8_t subclass, uint8_t protocol, uint16_t vendor, uint16_t product)
{
	static const struct { uint8_t address, type, interval; uint16_t max; } endpoints[] = {
		{ BULK_IN, 2, 0, 512 }, { BULK_OUT, 2, 0, 512 }, { INT_IN, 3, 4, 8 }, { INT_OUT, 3, 4, 8 },
		{ ISO_IN, 1, 4, 200 }, { ISO_OUT, 1, 4, 200 },
	};
	struct clove_usbredir_ep_info info = { .type = { 0 } };
	struct clove_usbredir_interface_info interfaces = { .interface_count = 1 };
	struct clove_usbredir_device_connect connect = { .speed = 2, .vendor_id = vendor, .product_id = product,
			.device_version_bcd = 0x0102 };

	memset(info.type, 255, 32);
	info.type[0] = info.type[16] = 0;
	for (size_t i = 0; i < 6; i++) {
		unsigned int at = clove_usb_index(endpoints[i].address);

		info.type[at] = endpoints[i].type;
		info.interval[at] = endpoints[i].interval;
		info.max_packet_size[at] = endpoints[i].max;
	}
	interfaces.interface_class[0] = interface_class;
	interfaces.interface_subclass[0] = subclass;
	interfaces.interface_protocol[0] = protocol;
	say(CLOVE_USBREDIR_INTERFACE_INFO, 0, &interfaces);
	say(CLOVE_USBREDIR_EP_INFO, 0, &info);
	say(CLOVE_USBREDIR_DEVICE_CONNECT, 0, &connect);
	ck_assert_ptr_nonnull(rig.device);
}

static void open_plugged(void)
{
	open_rig();
	plug(0xff, 0, 0, 0x1234, 0x5678);
}

static void open_storage(void)
{
	open_rig();
	plug(8, 6, 0x50, 0x1234, 0x5678);
}

static void on_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
	alive--;
	done_count++;
}

static struct clove_usb_transfer *submit_packets(uint8_t endpoint, uint8_t type, const void *data, size_t len,
		uint32_t packets)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, packets);

	ck_assert_ptr_nonnull(transfer);
	transfer->done = on_done;
	if (data)
		memcpy(transfer->data, data, len);
	if (packets) {
		transfer->is_now = true;
		transfer->packets[0].len = (uint16_t)len;
	}
	alive++;
	clove_usb_submit(rig.device, transfer);
	return transfer;
}

static struct clove_usb_transfer *submit(uint8_t endpoint, uint8_t type, const void *data, size_t len)
{
	return submit_packets(endpoint, type, data, len, 0);
}

static struct clove_usb_transfer *control(uint8_t request_type, uint8_t request, uint16_t value, uint16_t index,
		uint16_t length)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL, length, 0);

	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, length };
	transfer->done = on_done;
	if (length && !(request_type & 0x80))
		memset(transfer->data, 'o', length);
	alive++;
	clove_usb_submit(rig.device, transfer);
	return transfer;
}

static void came_back(struct clove_usb_transfer *transfer, uint8_t status, size_t actual)
{
	pump();
	ck_assert(!transfer->is_submitted);
	ck_assert_uint_eq(transfer->status, status);
	ck_assert_uint_eq(transfer->actual, actual);
	clove_usb_transfer_free(transfer);
}

/* -- coming and going -- */

START_TEST(test_device_appears_as_it_is_told)
{
	const struct clove_usb_shape *shape;

	open_plugged();
	shape = &rig.device->shape;
	ck_assert_uint_eq(shape->speed, CLOVE_USB_HIGH);
	ck_assert_uint_eq(shape->vendor, 0x1234);
	ck_assert_uint_eq(shape->product, 0x5678);
	ck_assert_uint_eq(shape->version, 0x0102);
	ck_assert_uint_eq(shape->interface_count, 1);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(BULK_IN)].max_packet, 512);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(INT_IN)].interval, 4);
	ck_assert_uint_eq(shape->endpoints[1].type, CLOVE_USB_NO_ENDPOINT);
	got_nothing();
	close_rig();
}
END_TEST

START_TEST(test_device_without_its_tables_is_rejected)
{
	struct clove_usbredir_interface_info interfaces = { .interface_count = 0 };
	struct clove_usbredir_device_connect connect = { .speed = 2 };

	open_rig();
	say(CLOVE_USBREDIR_INTERFACE_INFO, 0, &interfaces);
	say(CLOVE_USBREDIR_DEVICE_CONNECT, 0, &connect);
	ck_assert_ptr_null(rig.device);
	got(CLOVE_USBREDIR_FILTER_REJECT);
	close_rig();
}
END_TEST

static void fill_with_transfers(struct clove_usb_transfer *t[8])
{
	t[0] = control(0x80, 6, 0x0100, 0, 18);
	t[1] = control(0x00, 9, 1, 0, 0);
	t[2] = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	t[3] = submit(BULK_OUT, CLOVE_USB_BULK, "abc", 3);
	t[4] = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	t[5] = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	t[6] = submit(INT_OUT, CLOVE_USB_INTERRUPT, "x", 1);
	t[7] = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
}

/* 0: by the far side, 1: the connection ends, 2: freed by its owner, 3: as 0 with the owner freeing inside, 4: and
 * the guest, too, 5: reset. */
START_TEST(test_all_comes_back_when_the_device_goes)
{
	struct clove_usb_transfer *t[8];

	open_storage();
	fill_with_transfers(t);
	if (_i & 1)
		pump();
	ck_assert_uint_eq(alive, 8);
	switch (_i / 2) {
	case 3:
		rig.frees_in_gone = true;
		say(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL);
		break;
	case 4:
		rig.frees_in_gone = rig.frees_guest_in_gone = true;
		say(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL);
		break;
	case 0:
		say(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL);
		break;
	case 1:
		clove_usb_guest_free(rig.guest);
		rig.guest = NULL;
		break;
	case 2:
		clove_usb_device_free(rig.device);
		rig.device = NULL;
		break;
	default:
		clove_usb_reset(rig.device);
	}
	ck_assert_uint_eq(alive, 0);
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_eq(t[i]->status, CLOVE_USB_CANCELLED);
		clove_usb_transfer_free(t[i]);
	}
	ck_assert_uint_eq(rig.gone, _i / 2 == 2 || _i / 2 == 5 ? 0 : 1);
	if (rig.device && rig.gone) { /* and those that come too late */
		t[0] = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
		ck_assert_uint_eq(t[0]->status, CLOVE_USB_IOERROR);
		clove_usb_transfer_free(t[0]);
	}
	close_rig();
}
END_TEST

START_TEST(test_a_disconnect_is_acknowledged_and_another_device_comes)
{
	open_plugged();
	rig.frees_in_gone = true;
	say(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0, NULL);
	ck_assert_str_eq(rig.why, "");
	got(CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK);
	plug(0xff, 0, 0, 1, 2);
	ck_assert_uint_eq(rig.devices, 2);
	plug(0xff, 0, 0, 1, 3); /* without a disconnect */
	ck_assert_uint_eq(rig.devices, 3);
	ck_assert_uint_eq(rig.gone, 2);
	close_rig();
}
END_TEST

/* -- control -- */

START_TEST(test_standard_requests_have_packets_of_their_own)
{
	const struct packet *packet;
	struct clove_usb_transfer *t;
	struct clove_usbredir_configuration_status configuration = { 0, 2 };
	struct clove_usbredir_alt_setting_status alt = { 0, 0, 3 };

	open_plugged();
	t = control(0x00, 9, 2, 0, 0);
	packet = got(CLOVE_USBREDIR_SET_CONFIGURATION);
	ck_assert_uint_eq(packet->body[0], 2);
	say(CLOVE_USBREDIR_CONFIGURATION_STATUS, packet->id, &configuration);
	came_back(t, CLOVE_USB_SUCCESS, 0);
	ck_assert_uint_eq(rig.device->shape.configuration, 2);

	t = control(0x80, 8, 0, 0, 1);
	packet = got(CLOVE_USBREDIR_GET_CONFIGURATION);
	say(CLOVE_USBREDIR_CONFIGURATION_STATUS, packet->id, &configuration);
	ck_assert_uint_eq(t->data[0], 2);
	came_back(t, CLOVE_USB_SUCCESS, 1);

	t = control(0x01, 11, 3, 0, 0);
	packet = got(CLOVE_USBREDIR_SET_ALT_SETTING);
	ck_assert_uint_eq(packet->body[0], 0);
	ck_assert_uint_eq(packet->body[1], 3);
	say(CLOVE_USBREDIR_ALT_SETTING_STATUS, packet->id, &alt);
	came_back(t, CLOVE_USB_SUCCESS, 0);
	ck_assert_uint_eq(rig.device->shape.interfaces[0].alt, 3);

	t = control(0x81, 10, 0, 0, 1);
	packet = got(CLOVE_USBREDIR_GET_ALT_SETTING);
	alt.status = CLOVE_USB_STALL;
	say(CLOVE_USBREDIR_ALT_SETTING_STATUS, packet->id, &alt);
	came_back(t, CLOVE_USB_STALL, 0);
	close_rig();
}
END_TEST

/* request type, request, wLength; the answer's data and status, and what comes of it */
static const struct {
	const char *why;
	uint8_t request_type, request;
	uint16_t length, answer;
	uint8_t status, want;
	size_t actual;
} controls[] = {
	{ "read",            0x80, 6, 18, 18, 0, CLOVE_USB_SUCCESS, 18 },
	{ "read, less",      0x80, 6, 255, 18, 0, CLOVE_USB_SUCCESS, 18 },
	{ "read, none",      0x80, 6, 18, 0, 0, CLOVE_USB_SUCCESS, 0 },
	{ "read, too much",  0x80, 6, 8, 18, 0, CLOVE_USB_BABBLE, 0 },
	{ "read, stalled",   0x80, 6, 18, 0, 4, CLOVE_USB_STALL, 0 },
	{ "read, unknown",   0x80, 6, 18, 0, 77, CLOVE_USB_IOERROR, 0 },
	{ "written",         0x21, 9, 8, 8, 0, CLOVE_USB_SUCCESS, 8 },
	{ "written, less",   0x21, 9, 8, 3, 0, CLOVE_USB_SUCCESS, 3 },
	{ "written, more",   0x21, 9, 8, 30, 0, CLOVE_USB_SUCCESS, 8 },
	{ "halt cleared",    0x02, 1, 0, 0, 0, CLOVE_USB_SUCCESS, 0 },
	{ "timeout",         0x02, 1, 0, 0, 5, CLOVE_USB_TIMEOUT, 0 },
};

START_TEST(test_control_requests_and_answers)
{
	const struct packet *packet;
	struct clove_usb_transfer *t;
	struct clove_usbredir_control_packet answer;
	uint8_t data[64];
	bool is_in = controls[_i].request_type & 0x80;

	open_plugged();
	rig.piece = 7;
	memset(data, 'a', sizeof data);
	t = control(controls[_i].request_type, controls[_i].request, 0, 0, controls[_i].length);
	packet = got(CLOVE_USBREDIR_CONTROL_PACKET);
	memcpy(&answer, packet->body, sizeof answer);
	ck_assert_uint_eq(answer.endpoint, controls[_i].request_type & 0x80);
	ck_assert_uint_eq(answer.length, controls[_i].length);
	ck_assert_uint_eq(packet->len, is_in ? 0 : controls[_i].length);
	answer.length = controls[_i].answer;
	answer.status = controls[_i].status;
	say_data(CLOVE_USBREDIR_CONTROL_PACKET, packet->id, &answer, data, is_in ? answer.length : 0);
	if (is_in && controls[_i].actual)
		ck_assert_mem_eq(t->data, data, controls[_i].actual);
	came_back(t, controls[_i].want, controls[_i].actual);
	close_rig();
}
END_TEST

/* -- bulk -- */

static void answer_bulk(const struct packet *packet, uint8_t status, size_t len)
{
	struct clove_usbredir_bulk_packet answer;
	uint8_t *data = malloc(len + 1);

	memcpy(&answer, packet->body, sizeof answer);
	answer.status = status;
	clove_usbredir_set_bulk_length(&answer, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + packet->id);
	say_data(CLOVE_USBREDIR_BULK_PACKET, packet->id, &answer, data, answer.endpoint & 0x80 ? len : 0);
	free(data);
}

static uint32_t bulk_len(const struct packet *packet)
{
	return clove_usbredir_bulk_length((const void *)packet->body);
}

START_TEST(test_bulk_goes_several_at_once)
{
	struct clove_usb_transfer *t[6];
	const struct packet *packet[6];
	static const size_t lens[6] = { 512, 0, 1 << 20, 100000, 65536, 65535 };

	open_plugged();
	rig.piece = _i ? 4096 : 0;
	for (int i = 0; i < 6; i++)
		t[i] = submit(i & 1 ? BULK_OUT : BULK_IN, CLOVE_USB_BULK, NULL, lens[i]);
	for (int i = 0; i < 6; i++) {
		packet[i] = got(CLOVE_USBREDIR_BULK_PACKET);
		ck_assert_uint_eq(bulk_len(packet[i]), lens[i]);
		ck_assert_uint_eq(packet[i]->len, i & 1 ? lens[i] : 0);
	}
	for (int i = 5; i >= 0; i--)
		answer_bulk(packet[i], CLOVE_USB_SUCCESS, lens[i]);
	for (int i = 0; i < 6; i++) {
		size_t same_bytes = 0;

		while (!(i & 1) && same_bytes < lens[i] &&
				t[i]->data[same_bytes] == (uint8_t)(same_bytes * 7 + packet[i]->id))
			same_bytes++;
		ck_assert_uint_eq(same_bytes, i & 1 ? 0 : lens[i]);
		came_back(t[i], CLOVE_USB_SUCCESS, lens[i]);
	}
	close_rig();
}
END_TEST

START_TEST(test_bulk_is_cut_for_ends_that_know_16_bits)
{
	struct clove_usb_transfer *a, *b;
	const struct packet *packet;
	size_t sum = 0;

	open_rig_with(0x1e); /* no 32-bit lengths, no 64-bit ids */
	plug(0xff, 0, 0, 1, 1);
	a = submit(_i ? BULK_OUT : BULK_IN, CLOVE_USB_BULK, NULL, 200000);
	b = submit(_i ? BULK_OUT : BULK_IN, CLOVE_USB_BULK, NULL, 512); /* not in between */
	while (sum < 200000) {
		packet = got(CLOVE_USBREDIR_BULK_PACKET);
		got_nothing();
		ck_assert_uint_le(bulk_len(packet), 65535);
		ck_assert(bulk_len(packet) % 1024 == 0 || sum + bulk_len(packet) == 200000);
		sum += bulk_len(packet);
		answer_bulk(packet, CLOVE_USB_SUCCESS, bulk_len(packet));
	}
	came_back(a, CLOVE_USB_SUCCESS, 200000);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 5);
	came_back(b, CLOVE_USB_SUCCESS, 5);

	a = submit(BULK_IN, CLOVE_USB_BULK, NULL, 200000); /* a short one ends it */
	packet = got(CLOVE_USBREDIR_BULK_PACKET);
	answer_bulk(packet, CLOVE_USB_SUCCESS, 1000);
	came_back(a, CLOVE_USB_SUCCESS, 1000);
	got_nothing();

	a = submit(BULK_IN, CLOVE_USB_BULK, NULL, 200000); /* given up half way */
	b = submit(BULK_IN, CLOVE_USB_BULK, NULL, 10);
	packet = got(CLOVE_USBREDIR_BULK_PACKET);
	answer_bulk(packet, CLOVE_USB_SUCCESS, bulk_len(packet));
	got(CLOVE_USBREDIR_BULK_PACKET);
	clove_usb_cancel(rig.device, a);
	came_back(a, CLOVE_USB_CANCELLED, bulk_len(packet));
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 10);
	came_back(b, CLOVE_USB_SUCCESS, 10);
	close_rig();
}
END_TEST

START_TEST(test_bulk_answers_longer_than_asked_are_babble)
{
	struct clove_usb_transfer *t;

	open_plugged();
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 513);
	came_back(t, CLOVE_USB_BABBLE, 0);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 1 << 20);
	came_back(t, CLOVE_USB_BABBLE, 0);
	t = submit(BULK_OUT, CLOVE_USB_BULK, NULL, 5);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 50);
	came_back(t, CLOVE_USB_SUCCESS, 5);
	close_rig();
}
END_TEST

/* -- cancel -- */

START_TEST(test_cancel_races_with_the_answer)
{
	struct clove_usb_transfer *t;
	const struct packet *packet, *cancel;

	open_plugged();
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	packet = got(CLOVE_USBREDIR_BULK_PACKET);
	clove_usb_cancel(rig.device, t);
	came_back(t, CLOVE_USB_CANCELLED, 0);
	cancel = got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	ck_assert_uint_eq(cancel->id, packet->id);
	if (_i == 0) /* the far side was quicker */
		answer_bulk(packet, CLOVE_USB_SUCCESS, 512);
	else
		answer_bulk(packet, CLOVE_USB_CANCELLED, 0);
	ck_assert_uint_eq(done_count, 1);
	answer_bulk(packet, CLOVE_USB_SUCCESS, 512); /* and once more */

	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	packet = got(CLOVE_USBREDIR_BULK_PACKET);
	answer_bulk(packet, CLOVE_USB_SUCCESS, 512);
	clove_usb_cancel(rig.device, t); /* it is back already */
	came_back(t, CLOVE_USB_SUCCESS, 512);
	got_nothing();
	ck_assert_uint_eq(done_count, 2);
	close_rig();
}
END_TEST

START_TEST(test_answers_to_nothing_are_ignored)
{
	struct clove_usbredir_control_packet answer = { .endpoint = 0x80, .length = 3 };
	struct clove_usbredir_bulk_packet bulk = { .endpoint = BULK_IN, .length = 3 };
	struct clove_usbredir_configuration_status configuration = { 0, 9 };
	struct clove_usbredir_interrupt_packet interrupt = { 0x8f, 0, 3 };
	struct clove_usbredir_iso_packet iso = { 0xff, 0, 3 };
	struct clove_usbredir_buffered_bulk_packet buffered = { 0, 3, 0xf7, 0 };
	struct clove_usbredir_iso_stream_status status = { 4, 0x7f };
	struct clove_usb_transfer *t;
	const struct packet *packet;

	open_plugged();
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	packet = got(CLOVE_USBREDIR_BULK_PACKET);
	say_data(CLOVE_USBREDIR_CONTROL_PACKET, packet->id, &answer, "abc", 3); /* another type */
	say_data(CLOVE_USBREDIR_BULK_PACKET, packet->id + 1, &bulk, "abc", 3);
	say(CLOVE_USBREDIR_CONFIGURATION_STATUS, packet->id, &configuration);
	say_data(CLOVE_USBREDIR_INTERRUPT_PACKET, 0, &interrupt, "abc", 3); /* endpoints that are not there */
	say_data(CLOVE_USBREDIR_ISO_PACKET, 0, &iso, "abc", 3);
	say_data(CLOVE_USBREDIR_BUFFERED_BULK_PACKET, 0, &buffered, "abc", 3);
	say(CLOVE_USBREDIR_ISO_STREAM_STATUS, 0, &status);
	ck_assert(t->is_submitted);
	answer_bulk(packet, CLOVE_USB_SUCCESS, 1);
	came_back(t, CLOVE_USB_SUCCESS, 1);
	got_nothing();
	close_rig();
}
END_TEST

/* -- interrupt -- */

static void report(const void *data, size_t len, uint8_t status)
{
	struct clove_usbredir_interrupt_packet packet = { INT_IN, status, (uint16_t)len };

	say_data(CLOVE_USBREDIR_INTERRUPT_PACKET, 0, &packet, data, len);
}

static void running(const struct packet *start)
{
	struct clove_usbredir_interrupt_receiving_status status = { 0, INT_IN };

	say(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, start->id, &status);
}

START_TEST(test_interrupt_reports_wait_for_the_driver_and_it_for_them)
{
	struct clove_usb_transfer *t;

	open_plugged();
	report("early", 5, 0); /* nobody asked: dropped */
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	running(got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING));
	ck_assert(t->is_submitted);
	report("abc", 3, 0);
	ck_assert_mem_eq(t->data, "abc", 3);
	came_back(t, CLOVE_USB_SUCCESS, 3);
	report("d", 1, 0);
	report("", 0, 0);
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	ck_assert_mem_eq(t->data, "d", 1);
	came_back(t, CLOVE_USB_SUCCESS, 1);
	came_back(submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8), CLOVE_USB_SUCCESS, 0);

	report("12345678", 8, 0); /* full: the message goes on */
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 16);
	ck_assert(t->is_submitted);
	report("9", 1, 0);
	ck_assert_mem_eq(t->data, "123456789", 9);
	came_back(t, CLOVE_USB_SUCCESS, 9);
	report("12345678", 8, 0);
	came_back(submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8), CLOVE_USB_SUCCESS, 8);
	report("12345", 5, 0);
	came_back(submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 4), CLOVE_USB_BABBLE, 0);
	report("", 0, CLOVE_USB_STALL);
	came_back(submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 4), CLOVE_USB_STALL, 0);

	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	clove_usb_cancel(rig.device, t);
	came_back(t, CLOVE_USB_CANCELLED, 0);
	got_nothing(); /* the stream goes on */
	close_rig();
}
END_TEST

START_TEST(test_interrupt_stream_that_ends_is_told_once_and_started_again)
{
	struct clove_usbredir_interrupt_receiving_status status = { CLOVE_USB_STALL, INT_IN };
	struct clove_usb_transfer *t;
	const struct packet *start;

	open_plugged();
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	start = got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING);
	say(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 0, &status); /* of what ran before a reset */
	ck_assert(t->is_submitted);
	running(start);
	say(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 0, &status);
	came_back(t, CLOVE_USB_STALL, 0);
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	start = got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING);
	status.status = CLOVE_USB_INVAL;
	say(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, start->id, &status);
	came_back(t, CLOVE_USB_INVAL, 0);

	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	running(got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING));
	report("a", 1, 0);
	came_back(t, CLOVE_USB_SUCCESS, 1);
	status.status = CLOVE_USB_IOERROR;
	say(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 0, &status); /* while nobody waits */
	came_back(submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8), CLOVE_USB_IOERROR, 0);
	got_nothing();
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING);
	clove_usb_cancel(rig.device, t);
	clove_usb_transfer_free(t);
	close_rig();
}
END_TEST

START_TEST(test_interrupt_reports_that_nobody_reads_are_bounded)
{
	struct clove_usb_guest_figures figures;
	struct clove_usb_transfer *t;

	open_plugged();
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	running(got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING));
	clove_usb_cancel(rig.device, t);
	clove_usb_transfer_free(t);
	for (int i = 0; i < 1200; i++)
		report("a", 1, 0);
	clove_usb_guest_figures(rig.guest, &figures);
	ck_assert_uint_eq(figures.interrupt_dropped, 200);
	close_rig();
}
END_TEST

START_TEST(test_interrupt_out_is_answered)
{
	struct clove_usbredir_interrupt_packet answer = { INT_OUT, 0, 3 };
	struct clove_usb_transfer *t;
	const struct packet *packet;

	open_plugged();
	t = submit(INT_OUT, CLOVE_USB_INTERRUPT, "abc", 3);
	packet = got(CLOVE_USBREDIR_INTERRUPT_PACKET);
	ck_assert_mem_eq(packet->data, "abc", 3);
	say(CLOVE_USBREDIR_INTERRUPT_PACKET, packet->id, &answer);
	came_back(t, CLOVE_USB_SUCCESS, 3);
	t = submit(INT_OUT, CLOVE_USB_INTERRUPT, "abc", 3);
	got(CLOVE_USBREDIR_INTERRUPT_PACKET);
	clove_usb_cancel(rig.device, t);
	came_back(t, CLOVE_USB_CANCELLED, 0);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	close_rig();
}
END_TEST

static void answer_control(struct clove_usb_transfer *t)
{
	const struct packet *packet = got(CLOVE_USBREDIR_CONTROL_PACKET);
	struct clove_usbredir_control_packet answer;

	memcpy(&answer, packet->body, sizeof answer);
	say(CLOVE_USBREDIR_CONTROL_PACKET, packet->id, &answer);
	came_back(t, CLOVE_USB_SUCCESS, 0);
}

START_TEST(test_a_report_wakes_a_suspended_guest)
{
	struct clove_usb_transfer *t;

	open_plugged();
	t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
	running(got(CLOVE_USBREDIR_START_INTERRUPT_RECEIVING));
	clove_usb_cancel(rig.device, t);
	clove_usb_transfer_free(t);
	rig.device->is_suspended = true;
	report("a", 1, 0);
	ck_assert_uint_eq(rig.wakes, 0); /* it was not allowed to */
	rig.device->is_suspended = false;
	answer_control(control(0x00, 3, 1, 0, 0)); /* SET_FEATURE(DEVICE_REMOTE_WAKEUP) */
	report("b", 1, 0);
	ck_assert_uint_eq(rig.wakes, 0); /* awake */
	rig.device->is_suspended = true;
	report("c", 1, 0);
	report("d", 1, 0);
	ck_assert_uint_eq(rig.wakes, 1);
	rig.device->is_suspended = false;
	for (const char *key = "abcd"; *key; key++) { /* nothing is lost */
		t = submit(INT_IN, CLOVE_USB_INTERRUPT, NULL, 8);
		ck_assert_mem_eq(t->data, key, 1);
		came_back(t, CLOVE_USB_SUCCESS, 1);
	}
	answer_control(control(0x00, 1, 1, 0, 0)); /* CLEAR_FEATURE */
	rig.device->is_suspended = true;
	report("e", 1, 0);
	ck_assert_uint_eq(rig.wakes, 1);
	close_rig();
}
END_TEST

/* -- isochronous -- */

static void iso_in(uint64_t id, size_t len, uint8_t status)
{
	struct clove_usbredir_iso_packet packet = { ISO_IN, status, (uint16_t)len };
	uint8_t data[300];

	memset(data, (int)id, sizeof data);
	say_data(CLOVE_USBREDIR_ISO_PACKET, id, &packet, data, len);
}

/* What the driver reads in a frame: -1 nothing, -2 an error, else the packet's mark. */
static int iso_read(void)
{
	struct clove_usb_transfer *t = submit_packets(ISO_IN, CLOVE_USB_ISO, NULL, 200, 1);
	int got_ = -1;

	ck_assert(!t->is_submitted); /* at once */
	if (t->packets[0].status || t->status)
		got_ = -2;
	else if (t->packets[0].actual)
		got_ = t->data[0];
	clove_usb_transfer_free(t);
	return got_;
}

static struct clove_usb_guest_figures figures(void)
{
	struct clove_usb_guest_figures now;

	clove_usb_guest_figures(rig.guest, &now);
	return now;
}

START_TEST(test_iso_in_goes_through_a_jitter_buffer)
{
	const struct clove_usbredir_start_iso_stream *start;
	struct clove_usbredir_iso_stream_status status = { 0, ISO_IN };
	const struct packet *packet;
	uint64_t id = 0;

	open_plugged();
	ck_assert_int_eq(iso_read(), -1);
	packet = got(CLOVE_USBREDIR_START_ISO_STREAM);
	start = (const void *)packet->body;
	ck_assert_uint_eq(start->endpoint, ISO_IN);
	ck_assert_uint_eq(start->pkts_per_urb, 10); /* bInterval 4 at high speed: 1000 a second */
	ck_assert_uint_eq(start->no_urbs, 6);
	say(CLOVE_USBREDIR_ISO_STREAM_STATUS, packet->id, &status);
	for (; id < 59; id++)
		iso_in(id, 192, 0);
	ck_assert_int_eq(iso_read(), -1); /* it fills to 60 ms */
	iso_in(id++, 192, 0);
	ck_assert_int_eq(iso_read(), 0);
	for (int i = 1; i < 60; i++) {
		ck_assert_int_eq(iso_read(), i & 0xff);
		iso_in(id++, 192, 0);
	}
	ck_assert_uint_eq(figures().iso_dropped + figures().iso_missing, 0);
	/* it runs dry: more is kept in hand from now on */
	for (int i = 0; i < 59; i++)
		ck_assert_int_ge(iso_read(), 0);
	ck_assert_int_eq(iso_read(), -1);
	ck_assert_uint_gt(figures().iso_missing, 0);
	for (int i = 0; i < 70; i++)
		iso_in(id++, 192, 0);
	ck_assert_int_eq(iso_read(), -1);
	for (int i = 0; i < 10; i++)
		iso_in(id++, 192, 0);
	ck_assert_int_ge(iso_read(), 0);
	/* nobody reads: the oldest go */
	for (int i = 0; i < 1000; i++)
		iso_in(id++, 192, 0);
	ck_assert_uint_gt(figures().iso_dropped, 700);
	ck_assert_int_ge(iso_read(), 0);
	got_nothing();
	close_rig();
}
END_TEST

START_TEST(test_iso_errors_and_restarts)
{
	struct clove_usbredir_iso_stream_status status = { CLOVE_USB_STALL, ISO_IN };
	const struct packet *packet;
	uint64_t id = 0;

	open_plugged();
	iso_read();
	packet = got(CLOVE_USBREDIR_START_ISO_STREAM);
	for (; id < 58; id++)
		iso_in(id, 192, 0);
	iso_in(id++, 0, CLOVE_USB_IOERROR);
	iso_in(id++, 201, 0); /* more than the driver has room for */
	for (int i = 0; i < 58; i++)
		ck_assert_int_eq(iso_read(), i);
	ck_assert_int_eq(iso_read(), -2);
	ck_assert_int_eq(iso_read(), -2);
	status.status = 0;
	say(CLOVE_USBREDIR_ISO_STREAM_STATUS, packet->id, &status);
	status.status = CLOVE_USB_STALL;
	say(CLOVE_USBREDIR_ISO_STREAM_STATUS, 0, &status);
	ck_assert_int_eq(iso_read(), -1);
	packet = got(CLOVE_USBREDIR_START_ISO_STREAM); /* with the next packet */
	say(CLOVE_USBREDIR_ISO_STREAM_STATUS, packet->id, &status); /* refused: not asked for each frame */
	for (int i = 0; i < 250; i++)
		ck_assert_int_eq(iso_read(), -2);
	got_nothing();
	iso_read();
	got(CLOVE_USBREDIR_START_ISO_STREAM);
	close_rig();
}
END_TEST

START_TEST(test_iso_out_counts_from_0_and_drops_when_the_link_stands_still)
{
	struct clove_usbredir_alt_setting_status alt = { 0, 0, 0 };
	const struct packet *packet;
	struct clove_usb_transfer *t;
	uint8_t data[200] = { 1 };

	open_plugged();
	for (uint64_t round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 5; i++)
			came_back(submit_packets(ISO_OUT, CLOVE_USB_ISO, data, 200, 1), CLOVE_USB_SUCCESS, 200);
		packet = got(CLOVE_USBREDIR_START_ISO_STREAM);
		ck_assert_uint_eq(packet->body[1], 10);
		ck_assert_uint_eq(packet->body[2], 12);
		for (uint64_t i = 0; i < 5; i++) {
			packet = got(CLOVE_USBREDIR_ISO_PACKET);
			ck_assert_uint_eq(packet->id, i);
			ck_assert_uint_eq(packet->len, 200);
		}
		t = control(0x01, 11, 0, 0, 0);
		got(CLOVE_USBREDIR_STOP_ISO_STREAM);
		packet = got(CLOVE_USBREDIR_SET_ALT_SETTING);
		say(CLOVE_USBREDIR_ALT_SETTING_STATUS, packet->id, &alt);
		came_back(t, CLOVE_USB_SUCCESS, 0);
	}
	for (int i = 0; i < 2000; i++) {
		t = submit_packets(ISO_OUT, CLOVE_USB_ISO, data, 200, 1);
		ck_assert_uint_eq(t->status, CLOVE_USB_SUCCESS);
		clove_usb_transfer_free(t);
	}
	ck_assert_uint_gt(figures().iso_dropped, 0);
	ck_assert_uint_lt(clove_usb_guest_unsent(rig.guest), 100 * 1024);
	close_rig();
}
END_TEST

static const struct {
	uint8_t speed, interval, packets_per_urb, urbs; /* IN */
} intervals[] = {
	{ CLOVE_USB_FULL, 1, 10, 6 }, { CLOVE_USB_FULL, 4, 1, 7 }, { CLOVE_USB_HIGH, 1, 32, 15 },
	{ CLOVE_USB_HIGH, 2, 32, 8 }, { CLOVE_USB_HIGH, 4, 10, 6 }, { CLOVE_USB_HIGH, 16, 1, 2 },
	{ CLOVE_USB_HIGH, 255, 1, 2 },
};

START_TEST(test_iso_interval_is_an_exponent)
{
	struct clove_usbredir_ep_info info;
	struct clove_usbredir_interface_info interfaces = { .interface_count = 1 };
	struct clove_usbredir_device_connect connect = { .speed = intervals[_i].speed };
	const struct packet *packet;

	memset(&info, 0, sizeof info);
	memset(info.type, 255, 32);
	info.type[21] = CLOVE_USB_ISO;
	info.interval[21] = intervals[_i].interval;
	info.max_packet_size[21] = 200;
	open_rig();
	say(CLOVE_USBREDIR_EP_INFO, 0, &info);
	say(CLOVE_USBREDIR_INTERFACE_INFO, 0, &interfaces);
	say(CLOVE_USBREDIR_DEVICE_CONNECT, 0, &connect);
	iso_read();
	packet = got(CLOVE_USBREDIR_START_ISO_STREAM);
	ck_assert_uint_eq(packet->body[1], intervals[_i].packets_per_urb);
	ck_assert_uint_eq(packet->body[2], intervals[_i].urbs);
	close_rig();
}
END_TEST

/* -- bulk received ahead -- */

static void buffered(const void *data, size_t len, uint8_t status)
{
	struct clove_usbredir_buffered_bulk_packet packet = { 0, (uint32_t)len, BULK_IN, status };

	say_data(CLOVE_USBREDIR_BUFFERED_BULK_PACKET, 0, &packet, data, len);
}

START_TEST(test_serial_converters_are_read_ahead)
{
	const struct clove_usbredir_start_bulk_receiving *start;
	struct clove_usb_transfer *t;
	const struct packet *packet;

	open_rig();
	plug(0xff, 0, 0, 0x10c4, 0xea60);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	packet = got(CLOVE_USBREDIR_START_BULK_RECEIVING);
	start = (const void *)packet->body;
	ck_assert_uint_eq(start->bytes_per_transfer, 512);
	ck_assert_uint_eq(start->no_transfers, 5);
	buffered("abc", 3, 0);
	ck_assert_mem_eq(t->data, "abc", 3);
	came_back(t, CLOVE_USB_SUCCESS, 3);
	buffered("de", 2, 0);
	buffered("", 0, 0);
	buffered("fg", 2, 0);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512); /* merged */
	ck_assert_mem_eq(t->data, "defg", 4);
	came_back(t, CLOVE_USB_SUCCESS, 4);
	buffered("", 0, CLOVE_USB_STALL);
	came_back(submit(BULK_IN, CLOVE_USB_BULK, NULL, 512), CLOVE_USB_STALL, 0);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 100); /* not whole packets: no more of this */
	got(CLOVE_USBREDIR_STOP_BULK_RECEIVING);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 7);
	came_back(t, CLOVE_USB_SUCCESS, 7);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), CLOVE_USB_SUCCESS, 7);
	came_back(t, CLOVE_USB_SUCCESS, 7);
	close_rig();
}
END_TEST

START_TEST(test_ftdi_keeps_its_status_bytes)
{
	uint8_t two[512 + 5], want[512];
	struct clove_usb_transfer *t;

	open_rig();
	plug(0xff, 0, 0, 0x0403, 0x6001);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 1024);
	got(CLOVE_USBREDIR_START_BULK_RECEIVING);
	buffered("\x01\x60", 2, 0); /* the line is idle */
	came_back(t, CLOVE_USB_SUCCESS, 2);
	buffered("\x01\x60" "ab", 4, 0);
	buffered("\x01\x60" "cd", 4, 0);
	buffered("\x02\x60" "ef", 4, 0); /* another status */
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 1024);
	ck_assert_mem_eq(t->data, "\x01\x60" "abcd", 6);
	came_back(t, CLOVE_USB_SUCCESS, 6);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 1024);
	ck_assert_mem_eq(t->data, "\x02\x60" "ef", 4);
	came_back(t, CLOVE_USB_SUCCESS, 4);
	/* a full packet with a short one behind it, and more: the driver sees a status in front of each 512 */
	memset(two, 'x', sizeof two);
	memcpy(two, "\x01\x60", 2);
	memcpy(two + 512, "\x01\x60", 2);
	buffered("\x01\x60" "abc", 5, 0);
	buffered(two, sizeof two, 0);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 1024);
	memset(want, 'x', sizeof want);
	memcpy(want, "\x01\x60" "abc", 5);
	ck_assert_mem_eq(t->data, want, 512);
	ck_assert_mem_eq(t->data + 512, "\x01\x60", 2);
	came_back(t, CLOVE_USB_SUCCESS, 2 + 3 + 510 + 3 + 2);
	close_rig();
}
END_TEST

/* -- bulk streams -- */

static uint8_t streams_status;
static unsigned int streams_done;

static void on_streams(void *opaque, uint8_t status)
{
	(void)opaque;
	streams_status = status;
	streams_done++;
}

static void on_stream_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
}

START_TEST(test_bulk_streams_are_asked_for_and_given_back)
{
	struct clove_usb_transfer *t[2];
	const struct packet *sent[2];
	struct clove_usbredir_bulk_streams_status status = { 1 << 17, 4, CLOVE_USB_INVAL };
	const struct packet *packet;

	open_plugged();
	streams_done = 0;
	rig.device->ops->streams(rig.device, 1 << 17, 4, on_streams, NULL);
	packet = got(CLOVE_USBREDIR_ALLOC_BULK_STREAMS);
	say(CLOVE_USBREDIR_BULK_STREAMS_STATUS, packet->id, &status);
	ck_assert_uint_eq(streams_done, 1);
	ck_assert_uint_eq(streams_status, CLOVE_USB_INVAL);
	status.status = CLOVE_USB_SUCCESS;
	rig.device->ops->streams(rig.device, 1 << 17, 4, on_streams, NULL);
	packet = got(CLOVE_USBREDIR_ALLOC_BULK_STREAMS);
	ck_assert_uint_eq(((const struct clove_usbredir_alloc_bulk_streams *)(const void *)packet->body)->no_streams, 4);
	say(CLOVE_USBREDIR_BULK_STREAMS_STATUS, packet->id, &status);
	ck_assert_uint_eq(streams_done, 2);
	ck_assert_uint_eq(streams_status, CLOVE_USB_SUCCESS);
	/* two streams of an endpoint end in the order that the device likes */
	for (uint32_t i = 0; i < 2; i++) {
		t[i] = clove_usb_transfer_new(BULK_IN, CLOVE_USB_BULK, 512, 0);
		t[i]->stream = 4 - i;
		t[i]->done = on_stream_done;
		clove_usb_submit(rig.device, t[i]);
		sent[i] = got(CLOVE_USBREDIR_BULK_PACKET);
		ck_assert_uint_eq(((const struct clove_usbredir_bulk_packet *)(const void *)sent[i]->body)->stream_id, 4 - i);
	}
	for (int i = 1; i >= 0; i--) {
		answer_bulk(sent[i], CLOVE_USB_SUCCESS, 100);
		ck_assert(!t[i]->is_submitted);
		ck_assert_uint_eq(t[i]->actual, 100);
		ck_assert_uint_eq(t[i]->data[1], (uint8_t)(7 + sent[i]->id));
		clove_usb_transfer_free(t[i]);
	}
	rig.device->ops->streams(rig.device, 1 << 17, 0, on_streams, NULL);
	got(CLOVE_USBREDIR_FREE_BULK_STREAMS);
	clove_usb_reset(rig.device);
	ck_assert_uint_eq(streams_done, 3);
	ck_assert_uint_eq(streams_status, CLOVE_USB_CANCELLED);
	got(CLOVE_USBREDIR_RESET);
	close_rig();
}
END_TEST

/* -- mass storage -- */

static void command(uint32_t len, bool is_in)
{
	uint8_t cbw[31] = "USBC";
	struct clove_usb_transfer *t;

	clove_put_le32(cbw + 8, len);
	cbw[12] = is_in ? 0x80 : 0;
	cbw[14] = 10;
	t = submit(BULK_OUT, CLOVE_USB_BULK, cbw, 31);
	ck_assert(!t->is_submitted); /* at once */
	ck_assert_uint_eq(t->status, CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(t->actual, 31);
	clove_usb_transfer_free(t);
}

static const struct packet *got_bulk(uint8_t endpoint, size_t len)
{
	const struct packet *packet = got(CLOVE_USBREDIR_BULK_PACKET);

	ck_assert_uint_eq(packet->body[0], endpoint);
	ck_assert_uint_eq(bulk_len(packet), len);
	return packet;
}

START_TEST(test_a_read_is_one_round_trip)
{
	const struct packet *cbw, *data, *csw;
	struct clove_usb_transfer *t, *s;

	open_storage();
	command(65536, true);
	cbw = got_bulk(BULK_OUT, 31); /* all three before any answer */
	data = got_bulk(BULK_IN, 65536);
	csw = got_bulk(BULK_IN, 13);
	got_nothing();
	if (_i & 1) {
		answer_bulk(cbw, 0, 31);
		answer_bulk(data, 0, 65536);
		answer_bulk(csw, 0, 13);
	}
	if (_i & 2) { /* the driver reads in slices */
		for (int k = 0; k < 4; k++) {
			t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 16384);
			if (!(_i & 1) && !k) {
				answer_bulk(cbw, 0, 31);
				answer_bulk(data, 0, 65536);
			}
			ck_assert_uint_eq(t->data[5], (uint8_t)((k * 16384 + 5) * 7 + data->id));
			came_back(t, CLOVE_USB_SUCCESS, 16384);
		}
	} else {
		t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 65536);
		if (!(_i & 1)) {
			answer_bulk(cbw, 0, 31);
			answer_bulk(data, 0, 65536);
		}
		ck_assert_uint_eq(t->data[60000], (uint8_t)(60000 * 7 + data->id));
		came_back(t, CLOVE_USB_SUCCESS, 65536);
	}
	s = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	if (!(_i & 1))
		answer_bulk(csw, 0, 13);
	came_back(s, CLOVE_USB_SUCCESS, 13);
	got_nothing();
	ck_assert_uint_eq(figures().requests, 3);
	ck_assert_uint_eq(figures().read_ahead, 2);
	close_rig();
}
END_TEST

START_TEST(test_a_write_and_a_command_without_data_are_one_round_trip)
{
	struct clove_usb_transfer *a, *b, *s;
	const struct packet *packet[4];

	open_storage();
	command(1024, false);
	got_bulk(BULK_OUT, 31);
	got_nothing();
	a = submit(BULK_OUT, CLOVE_USB_BULK, NULL, 512);
	b = submit(BULK_OUT, CLOVE_USB_BULK, NULL, 512);
	packet[0] = got_bulk(BULK_OUT, 512);
	packet[1] = got_bulk(BULK_OUT, 512);
	packet[2] = got_bulk(BULK_IN, 13);
	answer_bulk(packet[0], 0, 512);
	answer_bulk(packet[1], 0, 512);
	answer_bulk(packet[2], 0, 13);
	came_back(a, CLOVE_USB_SUCCESS, 512);
	came_back(b, CLOVE_USB_SUCCESS, 512);
	came_back(submit(BULK_IN, CLOVE_USB_BULK, NULL, 13), CLOVE_USB_SUCCESS, 13);
	command(0, false);
	packet[0] = got_bulk(BULK_OUT, 31);
	packet[1] = got_bulk(BULK_IN, 13);
	s = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	answer_bulk(packet[0], 0, 31);
	answer_bulk(packet[1], 0, 13);
	came_back(s, CLOVE_USB_SUCCESS, 13);
	got_nothing();
	close_rig();
}
END_TEST

/* The data are stalled: the driver clears the halt, then reads the status; whatever became of the one asked for. */
START_TEST(test_a_stalled_read_is_told_and_the_status_is_read)
{
	const struct packet *data, *csw;
	struct clove_usb_transfer *t;

	open_storage();
	command(512, true);
	answer_bulk(got_bulk(BULK_OUT, 31), 0, 31);
	data = got_bulk(BULK_IN, 512);
	csw = got_bulk(BULK_IN, 13);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	answer_bulk(data, CLOVE_USB_STALL, 0);
	came_back(t, CLOVE_USB_STALL, 0);
	if (_i == 0) /* behind the stall it stalled, too */
		answer_bulk(csw, CLOVE_USB_STALL, 0);
	answer_control(control(0x02, 1, 0, BULK_IN, 0));
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	if (_i == 0) {
		answer_bulk(got_bulk(BULK_IN, 13), 0, 13);
	} else if (_i == 1) { /* it waited */
		answer_bulk(csw, 0, 13);
	} else { /* it failed only now */
		answer_bulk(csw, CLOVE_USB_STALL, 0);
		answer_bulk(got_bulk(BULK_IN, 13), 0, 13);
	}
	came_back(t, CLOVE_USB_SUCCESS, 13);
	got_nothing();
	command(0, false); /* and on it goes */
	got_bulk(BULK_OUT, 31);
	got_bulk(BULK_IN, 13);
	close_rig();
}
END_TEST

/* want: what the command says; have: what the device sends; slice: what the driver reads at once */
static const struct {
	size_t want, have, slice;
	bool skips; /* the driver, which knows that there is no more */
} shorts[] = {
	{ 255, 36, 255, false }, { 1024, 512, 1024, false }, { 1024, 512, 512, false }, { 1024, 512, 512, true },
	{ 1024, 0, 1024, false }, { 1024, 700, 512, false },
};

START_TEST(test_short_data_end_the_data)
{
	const struct packet *data, *csw;
	size_t left = shorts[_i].have, sum = 0;
	struct clove_usb_transfer *t;

	open_storage();
	command((uint32_t)shorts[_i].want, true);
	got_bulk(BULK_OUT, 31);
	data = got_bulk(BULK_IN, shorts[_i].want);
	csw = got_bulk(BULK_IN, 13);
	answer_bulk(data, 0, shorts[_i].have);
	answer_bulk(csw, 0, 13);
	while (sum < shorts[_i].want) {
		size_t n = left < shorts[_i].slice ? left : shorts[_i].slice;

		t = submit(BULK_IN, CLOVE_USB_BULK, NULL, shorts[_i].slice);
		came_back(t, CLOVE_USB_SUCCESS, n);
		left -= n;
		sum += n;
		if (n < shorts[_i].slice || (!left && shorts[_i].skips))
			break;
	}
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	ck_assert_uint_eq(t->data[1], (uint8_t)(7 + csw->id));
	came_back(t, CLOVE_USB_SUCCESS, 13);
	got_nothing();
	close_rig();
}
END_TEST

START_TEST(test_a_command_block_that_fails_is_told_by_the_next_read)
{
	struct clove_usb_transfer *t;
	const struct packet *cbw;

	open_storage();
	command(512, true);
	cbw = got_bulk(BULK_OUT, 31);
	got_bulk(BULK_IN, 512);
	got_bulk(BULK_IN, 13);
	if (_i) {
		t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
		answer_bulk(cbw, CLOVE_USB_STALL, 0);
	} else {
		answer_bulk(cbw, CLOVE_USB_STALL, 0);
		t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	}
	came_back(t, CLOVE_USB_STALL, 0);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	answer_bulk(got_bulk(BULK_IN, 13), CLOVE_USB_STALL, 0);
	came_back(t, CLOVE_USB_STALL, 0);
	close_rig();
}
END_TEST

START_TEST(test_reset_recovery_drops_what_was_read_ahead)
{
	struct clove_usb_transfer *t;

	open_storage();
	command(512, true);
	got_bulk(BULK_OUT, 31);
	got_bulk(BULK_IN, 512);
	got_bulk(BULK_IN, 13);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	clove_usb_cancel(rig.device, t); /* the driver's patience is over */
	came_back(t, CLOVE_USB_CANCELLED, 0);
	got_nothing();
	t = control(0x21, 0xff, 0, 0, 0);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	answer_control(t);
	command(0, false);
	got_bulk(BULK_OUT, 31);
	got_bulk(BULK_IN, 13);
	/* a new command without the old one's status */
	t = submit(BULK_OUT, CLOVE_USB_BULK, "USBC\1\1\1\1\0\0\0\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 31);
	got(CLOVE_USBREDIR_CANCEL_DATA_PACKET);
	answer_bulk(got_bulk(BULK_OUT, 31), 0, 31);
	came_back(t, CLOVE_USB_SUCCESS, 31);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	answer_bulk(got_bulk(BULK_IN, 13), 0, 13);
	came_back(t, CLOVE_USB_SUCCESS, 13);
	close_rig();
}
END_TEST

START_TEST(test_a_failed_write_ends_the_data)
{
	struct clove_usb_transfer *t;

	open_storage();
	command(1024, false);
	got_bulk(BULK_OUT, 31);
	t = submit(BULK_OUT, CLOVE_USB_BULK, NULL, 512);
	answer_bulk(got_bulk(BULK_OUT, 512), CLOVE_USB_STALL, 0);
	came_back(t, CLOVE_USB_STALL, 0);
	t = submit(BULK_IN, CLOVE_USB_BULK, NULL, 13);
	answer_bulk(got_bulk(BULK_IN, 13), 0, 13);
	came_back(t, CLOVE_USB_SUCCESS, 13);
	command(0, false); /* is one again, and no data */
	got_bulk(BULK_OUT, 31);
	got_bulk(BULK_IN, 13);
	close_rig();
}
END_TEST

START_TEST(test_output_is_said_once)
{
	struct clove_usb_transfer *t[3];

	open_plugged();
	rig.outputs = 0;
	for (int i = 0; i < 3; i++)
		t[i] = submit(BULK_IN, CLOVE_USB_BULK, NULL, 512);
	ck_assert_uint_eq(rig.outputs, 1);
	pump();
	ck_assert_uint_eq(rig.outputs, 1);
	for (int i = 0; i < 3; i++)
		answer_bulk(got(CLOVE_USBREDIR_BULK_PACKET), 0, 0);
	for (int i = 0; i < 3; i++)
		came_back(t[i], CLOVE_USB_SUCCESS, 0);
	close_rig();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usb-guest");
	TCase *tcase = tcase_create("guest");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_device_appears_as_it_is_told);
	tcase_add_test(tcase, test_device_without_its_tables_is_rejected);
	tcase_add_loop_test(tcase, test_all_comes_back_when_the_device_goes, 0, 12);
	tcase_add_test(tcase, test_a_disconnect_is_acknowledged_and_another_device_comes);
	tcase_add_test(tcase, test_standard_requests_have_packets_of_their_own);
	tcase_add_loop_test(tcase, test_control_requests_and_answers, 0, sizeof controls / sizeof controls[0]);
	tcase_add_loop_test(tcase, test_bulk_goes_several_at_once, 0, 2);
	tcase_add_loop_test(tcase, test_bulk_is_cut_for_ends_that_know_16_bits, 0, 2);
	tcase_add_test(tcase, test_bulk_answers_longer_than_asked_are_babble);
	tcase_add_loop_test(tcase, test_cancel_races_with_the_answer, 0, 2);
	tcase_add_test(tcase, test_answers_to_nothing_are_ignored);
	tcase_add_test(tcase, test_interrupt_reports_wait_for_the_driver_and_it_for_them);
	tcase_add_test(tcase, test_interrupt_stream_that_ends_is_told_once_and_started_again);
	tcase_add_test(tcase, test_interrupt_reports_that_nobody_reads_are_bounded);
	tcase_add_test(tcase, test_interrupt_out_is_answered);
	tcase_add_test(tcase, test_a_report_wakes_a_suspended_guest);
	tcase_add_test(tcase, test_iso_in_goes_through_a_jitter_buffer);
	tcase_add_test(tcase, test_iso_errors_and_restarts);
	tcase_add_test(tcase, test_iso_out_counts_from_0_and_drops_when_the_link_stands_still);
	tcase_add_loop_test(tcase, test_iso_interval_is_an_exponent, 0, sizeof intervals / sizeof intervals[0]);
	tcase_add_test(tcase, test_serial_converters_are_read_ahead);
	tcase_add_test(tcase, test_ftdi_keeps_its_status_bytes);
	tcase_add_test(tcase, test_bulk_streams_are_asked_for_and_given_back);
	tcase_add_loop_test(tcase, test_a_read_is_one_round_trip, 0, 4);
	tcase_add_test(tcase, test_a_write_and_a_command_without_data_are_one_round_trip);
	tcase_add_loop_test(tcase, test_a_stalled_read_is_told_and_the_status_is_read, 0, 3);
	tcase_add_loop_test(tcase, test_short_data_end_the_data, 0, sizeof shorts / sizeof shorts[0]);
	tcase_add_loop_test(tcase, test_a_command_block_that_fails_is_told_by_the_next_read, 0, 2);
	tcase_add_test(tcase, test_reset_recovery_drops_what_was_read_ahead);
	tcase_add_test(tcase, test_a_failed_write_ends_the_data);
	tcase_add_test(tcase, test_output_is_said_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
