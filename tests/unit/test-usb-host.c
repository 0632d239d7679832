/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-host.c - a guest's parser against a usb host: software devices, and one that does what the test says. */
#include "usbredir/host.h"

#include <stdio.h>
#include <unistd.h>
#include "tests/unit/usb-fixture.h"
#include "usb/software.h"

enum { MOST_PACKETS = 4096, MOST_GIVEN = 64 };

/* ---- the guest ---------------------------------------------------------------------------------------- */

struct packet {
	uint32_t type;
	uint64_t id;
	union {
		struct clove_usbredir_ep_info ep_info;
		struct clove_usbredir_device_connect connect;
		struct clove_usbredir_interface_info interfaces;
		struct clove_usbredir_configuration_status configuration;
		struct clove_usbredir_alt_setting_status alt;
		struct clove_usbredir_control_packet control;
		struct clove_usbredir_bulk_packet bulk;
		struct clove_usbredir_iso_packet iso;
		struct clove_usbredir_interrupt_packet interrupt;
		struct clove_usbredir_buffered_bulk_packet buffered;
		struct clove_usbredir_iso_stream_status iso_status;
		struct clove_usbredir_interrupt_receiving_status interrupt_status;
		struct clove_usbredir_bulk_receiving_status bulk_status;
		struct clove_usbredir_bulk_streams_status streams;
	};
	uint8_t data[256];
	size_t len;
};

static struct clove_loop *loop;
static struct clove_usbredir *guest;
static struct clove_usb_host *host;
static struct packet packets[MOST_PACKETS];
static unsigned int packet_count, next_packet, outputs, lefts;
static char left_why[160], rules[160];
static bool frees_when_left, frees_at_output;

static size_t body_size(uint32_t type)
{
	switch (type) {
	case CLOVE_USBREDIR_EP_INFO: return sizeof(struct clove_usbredir_ep_info);
	case CLOVE_USBREDIR_INTERFACE_INFO: return sizeof(struct clove_usbredir_interface_info);
	case CLOVE_USBREDIR_DEVICE_CONNECT: return sizeof(struct clove_usbredir_device_connect);
	case CLOVE_USBREDIR_CONTROL_PACKET: return sizeof(struct clove_usbredir_control_packet);
	case CLOVE_USBREDIR_BULK_PACKET: return sizeof(struct clove_usbredir_bulk_packet);
	case CLOVE_USBREDIR_BUFFERED_BULK_PACKET: return sizeof(struct clove_usbredir_buffered_bulk_packet);
	case CLOVE_USBREDIR_BULK_STREAMS_STATUS: return sizeof(struct clove_usbredir_bulk_streams_status);
	case CLOVE_USBREDIR_BULK_RECEIVING_STATUS: return sizeof(struct clove_usbredir_bulk_receiving_status);
	case CLOVE_USBREDIR_ISO_PACKET: case CLOVE_USBREDIR_INTERRUPT_PACKET:
		return sizeof(struct clove_usbredir_iso_packet);
	case CLOVE_USBREDIR_ALT_SETTING_STATUS: return sizeof(struct clove_usbredir_alt_setting_status);
	default: return sizeof(struct clove_usbredir_configuration_status); /* two bytes, as all others */
	}
}

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct packet *p = &packets[packet_count];

	(void)owner;
	if (type == CLOVE_USBREDIR_HELLO)
		return;
	ck_assert_uint_lt(packet_count++, MOST_PACKETS);
	memset(p, 0, sizeof *p);
	p->type = type;
	p->id = id;
	if (body)
		memcpy(&p->ep_info, body, body_size(type));
	p->len = data.len;
	if (data.len)
		memcpy(p->data, data.data, data.len < sizeof p->data ? data.len : sizeof p->data);
}

static void on_output(void *owner)
{
	ck_assert_ptr_eq(owner, &lefts);
	outputs++;
	if (frees_at_output) {
		clove_usb_host_free(host);
		host = NULL;
	}
}

static void on_left(void *owner, const char *why)
{
	(void)owner;
	lefts++;
	snprintf(left_why, sizeof left_why, "%s", why);
	if (frees_when_left) {
		clove_usb_host_free(host);
		host = NULL;
	}
}

static void on_filter(void *owner, const char *text)
{
	(void)owner;
	snprintf(rules, sizeof rules, "%s", text ? text : "refused");
}

static const struct clove_usb_host_events events = { on_output, on_left, on_filter };

static bool move_to_guest(void)
{
	struct iovec iov[16];
	int n = host ? clove_usb_host_output(host, iov, 16) : 0;

	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(clove_usbredir_feed(guest, CLOVE_BYTES(iov[i].iov_base, iov[i].iov_len)), CLOVE_OK);
	}
	for (int i = 0; i < n; i++)
		clove_usb_host_sent(host, iov[i].iov_len);
	return n > 0;
}

static bool move_to_host(void)
{
	struct iovec iov[1];
	int n = clove_usbredir_output(guest, iov, 1);

	if (!n || !host)
		return false;
	enum clove_err err = clove_usb_host_feed(host, CLOVE_BYTES(iov[0].iov_base, iov[0].iov_len));

	if (host)
		ck_assert_int_eq(err, CLOVE_OK);
	clove_usbredir_sent(guest, iov[0].iov_len);
	return true;
}

static void pump(void)
{
	bool moved;

	do {
		moved = move_to_guest();
		moved |= move_to_host();
	} while (moved);
}

static void new_guest(uint32_t caps)
{
	guest = clove_usbredir_new(&(struct clove_usbredir_options){ .role = CLOVE_USBREDIR_GUEST, .caps = caps,
			.packet = on_packet });
	ck_assert_ptr_nonnull(guest);
}

static void set_up(void)
{
	loop = clove_poll_loop_new();
	packet_count = next_packet = outputs = lefts = 0;
	frees_when_left = frees_at_output = false;
	left_why[0] = rules[0] = '\0';
	new_guest(CLOVE_USBREDIR_CAPS_ALL);
	host = clove_usb_host_new(loop, &events, &lefts);
	ck_assert_ptr_nonnull(host);
}

static void tear_down(void)
{
	clove_usb_host_free(host);
	clove_usbredir_free(guest);
	clove_poll_loop_free(loop);
}

/* The next packet, which must be of that kind. */
static struct packet *expect(uint32_t type, uint64_t id)
{
	ck_assert_msg(next_packet < packet_count, "no packet where %u was due", type);
	struct packet *p = &packets[next_packet++];

	ck_assert_uint_eq(p->type, type);
	ck_assert_uint_eq(p->id, id);
	return p;
}

static void expect_nothing(void)
{
	pump();
	ck_assert_msg(next_packet == packet_count, "packet %u too many", packets[next_packet].type);
}

static void send(uint32_t type, uint64_t id, const void *body, const void *data, size_t len)
{
	ck_assert_int_eq(clove_usbredir_send(guest, type, id, body, CLOVE_BYTES(data, len)), CLOVE_OK);
	pump();
}
#define SEND(type, id, ...) send(CLOVE_USBREDIR_##type, (id), &(__VA_ARGS__), NULL, 0)
#define SEND_BARE(type, id) send(CLOVE_USBREDIR_##type, (id), NULL, NULL, 0)

static void send_control(uint64_t id, uint8_t request_type, uint8_t request, uint16_t value, uint16_t index,
		const void *data, uint16_t len)
{
	struct clove_usbredir_control_packet control = { request_type & 0x80, request, request_type, 0, value, index,
			len };

	send(CLOVE_USBREDIR_CONTROL_PACKET, id, &control, data, data ? len : 0);
}

static void send_bulk(uint64_t id, uint8_t endpoint, const void *data, uint32_t len)
{
	struct clove_usbredir_bulk_packet bulk = { .endpoint = endpoint };

	clove_usbredir_set_bulk_length(&bulk, len);
	send(CLOVE_USBREDIR_BULK_PACKET, id, &bulk, data, data ? len : 0);
}

static void plug(struct clove_usb_device *device)
{
	ck_assert_ptr_nonnull(device);
	ck_assert_int_eq(clove_usb_host_plug(host, device), CLOVE_OK);
	pump();
	expect(CLOVE_USBREDIR_INTERFACE_INFO, 0);
	expect(CLOVE_USBREDIR_EP_INFO, 0);
	expect(CLOVE_USBREDIR_DEVICE_CONNECT, 0);
}

/* ---- a device that does what the test says ------------------------------------------------------------- */

static struct {
	struct clove_usb_device device;
	struct clove_usb_transfer *given[MOST_GIVEN];
	unsigned int count, resets, cancels, frees;
	bool is_lazy_to_cancel;             /* a cancelled transfer comes back when the test says so */
	bool refuses_clear_halt;
	uint32_t stream_endpoints, stream_count;
} script;

/* Not an event handler's stack: as a captured device, from the loop. */
static void complete(unsigned int i, uint8_t status, const void *data, size_t actual)
{
	struct clove_usb_transfer *t = script.given[i];

	ck_assert_uint_lt(i, script.count);
	memmove(&script.given[i], &script.given[i + 1], sizeof *script.given * (--script.count - i));
	if (data)
		memcpy(t->data, data, actual);
	clove_usb_complete(t, status, actual);
	pump();
}

static void script_submit(struct clove_usb_device *device, struct clove_usb_transfer *t)
{
	(void)device;
	if (t->type == CLOVE_USB_CONTROL && t->setup.request_type == 0x02) {
		clove_usb_complete(t, script.refuses_clear_halt ? CLOVE_USB_STALL : CLOVE_USB_SUCCESS, 0);
		return;
	}
	ck_assert_uint_lt(script.count, MOST_GIVEN);
	script.given[script.count++] = t;
}

static void script_cancel(struct clove_usb_device *device, struct clove_usb_transfer *t)
{
	(void)device;
	script.cancels++;
	for (unsigned int i = 0; i < script.count && !script.is_lazy_to_cancel; i++)
		if (script.given[i] == t) {
			memmove(&script.given[i], &script.given[i + 1],
					sizeof *script.given * (--script.count - i));
			clove_usb_complete(t, CLOVE_USB_CANCELLED, 0);
			return;
		}
}

static void all_back(void)
{
	while (script.count) {
		struct clove_usb_transfer *t = script.given[--script.count];

		clove_usb_complete(t, CLOVE_USB_CANCELLED, 0);
	}
}

static void script_reset(struct clove_usb_device *device)
{
	(void)device;
	script.resets++;
	all_back();
}

static void script_streams(struct clove_usb_device *device, uint32_t endpoints, uint32_t count,
		void (*done)(void *opaque, uint8_t status), void *opaque)
{
	(void)device;
	script.stream_endpoints = endpoints;
	script.stream_count = count;
	done(opaque, CLOVE_USB_SUCCESS);
}

static void script_free(struct clove_usb_device *device)
{
	(void)device;
	all_back();
	script.frees++;
}

static const struct clove_usb_device_ops script_ops = {
	.submit = script_submit, .cancel = script_cancel, .reset = script_reset, .streams = script_streams,
	.free = script_free,
};

enum { BULK_IN = 0x81, BULK_OUT = 0x01, INT_IN = 0x82, INT_OUT = 0x02, ISO_IN = 0x83, ISO_OUT = 0x03 };

static struct clove_usb_device *scripted(void)
{
	static const struct { uint8_t address, type; uint16_t max_packet; } endpoints[] = {
		{ BULK_IN, CLOVE_USB_BULK, 512 }, { BULK_OUT, CLOVE_USB_BULK, 512 },
		{ INT_IN, CLOVE_USB_INTERRUPT, 8 }, { INT_OUT, CLOVE_USB_INTERRUPT, 8 },
		{ ISO_IN, CLOVE_USB_ISO, 100 }, { ISO_OUT, CLOVE_USB_ISO, 100 },
	};

	memset(&script, 0, sizeof script);
	script.device.ops = &script_ops;
	script.device.shape = (struct clove_usb_shape){ .speed = CLOVE_USB_HIGH, .vendor = 0x1234,
			.product = 0x5678, .version = 0x0102, .configuration = 1, .interface_count = 1,
			.interfaces = { { .interface_class = 0xff } } };
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		script.device.shape.endpoints[e].type = e % 16 ? CLOVE_USB_NO_ENDPOINT : CLOVE_USB_CONTROL;
	for (size_t i = 0; i < 6; i++)
		script.device.shape.endpoints[clove_usb_index(endpoints[i].address)] = (struct clove_usb_endpoint){
				.type = endpoints[i].type, .max_packet = endpoints[i].max_packet, .interval = 1 };
	return &script.device;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

START_TEST(test_a_device_is_offered_as_it_is)
{
	struct packet *p;

	ck_assert_int_eq(clove_usb_host_plug(host, scripted()), CLOVE_OK);
	ck_assert_uint_eq(outputs, 0);                  /* the hello is known of; more there is not */
	pump();
	p = expect(CLOVE_USBREDIR_INTERFACE_INFO, 0);
	ck_assert_uint_eq(p->interfaces.interface_count, 1);
	ck_assert_uint_eq(p->interfaces.interface_class[0], 0xff);
	p = expect(CLOVE_USBREDIR_EP_INFO, 0);
	ck_assert_uint_eq(p->ep_info.type[0], CLOVE_USB_CONTROL);
	ck_assert_uint_eq(p->ep_info.type[17], CLOVE_USB_BULK);
	ck_assert_uint_eq(p->ep_info.type[20], CLOVE_USB_NO_ENDPOINT);
	ck_assert_uint_eq(p->ep_info.max_packet_size[17], 512);
	p = expect(CLOVE_USBREDIR_DEVICE_CONNECT, 0);
	ck_assert_uint_eq(p->connect.speed, CLOVE_USB_HIGH);
	ck_assert_uint_eq(p->connect.vendor_id, 0x1234);
	ck_assert_uint_eq(p->connect.device_version_bcd, 0x0102);
	expect_nothing();
	ck_assert_int_eq(clove_usb_host_plug(host, clove_usb_serial_new()), CLOVE_ERR_STATE);
	clove_usb_host_unplug(host);
	ck_assert_uint_eq(lefts, 1);
	ck_assert_str_eq(left_why, "");
	ck_assert_uint_eq(script.frees, 1);
	pump();
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	plug(scripted());                               /* the acknowledgement was here */
	expect_nothing();
}
END_TEST

/* The next device waits until the guest has said good-bye to the last. */
START_TEST(test_connect_waits_for_the_acknowledgement)
{
	plug(scripted());
	clove_usb_host_unplug(host);
	ck_assert_int_eq(clove_usb_host_plug(host, scripted()), CLOVE_OK);
	move_to_guest();
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	ck_assert_uint_eq(next_packet, packet_count);
	pump();
	expect(CLOVE_USBREDIR_INTERFACE_INFO, 0);
}
END_TEST

START_TEST(test_a_guest_of_few_words_is_served)
{
	clove_usbredir_free(guest);
	new_guest(0);
	plug(clove_usb_serial_new());
	ck_assert_uint_eq(packets[next_packet - 1].connect.device_version_bcd, 0);
	send_bulk(7, 0x01, "hello", 5);
	expect(CLOVE_USBREDIR_BULK_PACKET, 7);
	send_bulk(8, 0x81, NULL, 64);
	ck_assert_mem_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 8)->data, "hello", 5);
}
END_TEST

START_TEST(test_a_lost_device_says_why)
{
	plug(scripted());
	send_bulk(1, BULK_IN, NULL, 100);
	ck_assert_uint_eq(script.count, 1);
	all_back();
	script.device.events->gone(script.device.owner, "it was unplugged");
	ck_assert_uint_eq(lefts, 1);
	ck_assert_str_eq(left_why, "it was unplugged");
	pump();
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 1)->bulk.status, CLOVE_USB_CANCELLED);
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	send_bulk(2, BULK_IN, NULL, 100);               /* for the old device: nobody answers */
	expect_nothing();
}
END_TEST

START_TEST(test_unplugging_answers_everything)
{
	plug(scripted());
	send_bulk(1, BULK_IN, NULL, 100);
	send_bulk(2, BULK_OUT, "x", 1);
	send_control(3, 0x80, 6, 0x0100, 0, NULL, 18);
	SEND(START_INTERRUPT_RECEIVING, 4, (struct clove_usbredir_start_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 4);
	ck_assert_uint_eq(script.count, 8);
	clove_usb_host_unplug(host);
	pump();
	for (int i = 0; i < 3; i++) {
		struct packet *p = &packets[next_packet++];

		ck_assert_uint_ge(p->type, CLOVE_USBREDIR_CONTROL_PACKET);
		ck_assert_uint_eq(p->type == CLOVE_USBREDIR_CONTROL_PACKET ? p->control.status : p->bulk.status,
				CLOVE_USB_CANCELLED);
	}
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	expect_nothing();
}
END_TEST

START_TEST(test_rules_of_the_guest_are_kept)
{
	static const char none[] = "0xff,0x1234,-1,-1,0|-1,-1,-1,-1,1";

	plug(scripted());
	send(CLOVE_USBREDIR_FILTER_FILTER, 0, NULL, none, sizeof none);
	ck_assert_str_eq(rules, none);
	ck_assert_uint_eq(lefts, 1);
	ck_assert_str_eq(left_why, "the guest's rules do not allow it");
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	ck_assert_int_eq(clove_usb_host_plug(host, scripted()), CLOVE_ERR_REFUSED);
	ck_assert_uint_eq(script.frees, 1);
	plug(clove_usb_keyboard_new());
	SEND_BARE(FILTER_REJECT, 0);
	ck_assert_uint_eq(lefts, 2);
	ck_assert_str_eq(left_why, "the guest refused it");
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
}
END_TEST

START_TEST(test_the_host_may_be_freed_anywhere)
{
	plug(scripted());
	send_bulk(1, BULK_IN, NULL, 100);
	if (_i == 0) {                                  /* when the guest refuses it: from inside feed */
		frees_when_left = true;
		SEND_BARE(FILTER_REJECT, 0);
	} else if (_i == 1) {                           /* when it is lost */
		frees_when_left = true;
		all_back();
		script.device.events->gone(script.device.owner, "lost");
	} else {                                        /* because a write failed, from inside a transfer's end */
		frees_at_output = true;
		complete(0, 0, "hello", 5);
		ck_assert_ptr_null(host);
		ck_assert_uint_eq(script.frees, 0);     /* not while it is on the stack */
		clove_poll_loop_step(loop, 10);
	}
	ck_assert_ptr_null(host);
	ck_assert_uint_eq(script.frees, 1);
}
END_TEST

/* ---- requests ------------------------------------------------------------------------------------------ */

START_TEST(test_requests_are_answered)
{
	struct packet *p;

	plug(scripted());
	send_bulk(0x123456789abc, BULK_IN, NULL, 100000);
	send_bulk(2, BULK_OUT, "some bytes", 10);
	send_control(3, 0xc0, 5, 0x1234, 0x5678, NULL, 20);
	send_control(4, 0x40, 6, 1, 2, "abc", 3);
	SEND(INTERRUPT_PACKET, 5, (struct clove_usbredir_interrupt_packet){ INT_OUT, 0, 0 });
	ck_assert_uint_eq(script.count, 5);
	ck_assert_uint_eq(script.given[0]->len, 100000);
	ck_assert_mem_eq(script.given[1]->data, "some bytes", 10);
	ck_assert_uint_eq(script.given[2]->setup.value, 0x1234);
	ck_assert_uint_eq(script.given[2]->setup.length, 20);
	ck_assert_mem_eq(script.given[3]->data, "abc", 3);
	complete(4, 0, NULL, 0);                        /* in any order */
	complete(3, 0, NULL, 3);
	complete(2, 0, "answer", 6);
	complete(1, CLOVE_USB_STALL, NULL, 4);
	complete(0, 0, "data", 4);
	expect(CLOVE_USBREDIR_INTERRUPT_PACKET, 5);
	p = expect(CLOVE_USBREDIR_CONTROL_PACKET, 4);
	ck_assert_uint_eq(p->control.length, 3);
	ck_assert_uint_eq(p->len, 0);
	p = expect(CLOVE_USBREDIR_CONTROL_PACKET, 3);
	ck_assert_uint_eq(p->control.value, 0x1234);
	ck_assert_uint_eq(p->len, 6);
	p = expect(CLOVE_USBREDIR_BULK_PACKET, 2);
	ck_assert_uint_eq(p->bulk.status, CLOVE_USB_STALL);
	ck_assert_uint_eq(p->bulk.length, 4);
	p = expect(CLOVE_USBREDIR_BULK_PACKET, 0x123456789abc);
	ck_assert_mem_eq(p->data, "data", 4);
	expect_nothing();
	send_bulk(6, 0x85, NULL, 10);                   /* no such endpoint */
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 6)->bulk.status, CLOVE_USB_INVAL);
	send_control(7, 0x00, 5, 3, 0, NULL, 0);        /* SET_ADDRESS is not for us */
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_CONTROL_PACKET, 7)->control.status, CLOVE_USB_INVAL);
}
END_TEST

/* Exactly one answer, whoever is first: the cancel or the end. The id may be used again at once. */
START_TEST(test_cancelled_requests_have_one_answer)
{
	struct packet *p;

	plug(scripted());
	script.is_lazy_to_cancel = true;
	send_bulk(1, BULK_IN, NULL, 100);
	SEND_BARE(CANCEL_DATA_PACKET, 1);
	p = expect(CLOVE_USBREDIR_BULK_PACKET, 1);
	ck_assert_uint_eq(p->bulk.status, CLOVE_USB_CANCELLED);
	ck_assert_uint_eq(p->len, 0);
	ck_assert_uint_eq(script.cancels, 1);
	send_bulk(1, BULK_IN, NULL, 50);                /* the same id */
	SEND_BARE(CANCEL_DATA_PACKET, 1);               /* means the new one */
	ck_assert_uint_eq(script.cancels, 2);
	expect(CLOVE_USBREDIR_BULK_PACKET, 1);
	send_bulk(1, BULK_IN, NULL, 20);
	complete(0, 0, "late", 4);                      /* the first one's real end: swallowed */
	complete(0, CLOVE_USB_CANCELLED, NULL, 0);
	expect_nothing();
	complete(0, 0, "third", 5);
	ck_assert_mem_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 1)->data, "third", 5);
	SEND_BARE(CANCEL_DATA_PACKET, 1);               /* too late */
	SEND_BARE(CANCEL_DATA_PACKET, 99);
	expect_nothing();
	ck_assert_uint_eq(script.cancels, 2);
}
END_TEST

START_TEST(test_configurations_and_settings)
{
	struct packet *p;

	plug(clove_usb_audio_new());
	SEND_BARE(GET_CONFIGURATION, 1);
	p = expect(CLOVE_USBREDIR_CONFIGURATION_STATUS, 1);
	ck_assert_uint_eq(p->configuration.configuration, 1); /* as any system would have done */
	SEND(SET_CONFIGURATION, 2, (struct clove_usbredir_set_configuration){ 1 });
	expect(CLOVE_USBREDIR_CONFIGURATION_STATUS, 2); /* it is: no new tables */
	SEND(SET_ALT_SETTING, 3, (struct clove_usbredir_set_alt_setting){ 1, 1 });
	expect(CLOVE_USBREDIR_INTERFACE_INFO, 0);
	p = expect(CLOVE_USBREDIR_EP_INFO, 0);
	ck_assert_uint_eq(p->ep_info.type[1], CLOVE_USB_ISO);
	p = expect(CLOVE_USBREDIR_ALT_SETTING_STATUS, 3);
	ck_assert_uint_eq(p->alt.status, 0);
	ck_assert_uint_eq(p->alt.alt, 1);
	SEND(GET_ALT_SETTING, 4, (struct clove_usbredir_get_alt_setting){ 1 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ALT_SETTING_STATUS, 4)->alt.alt, 1);
	SEND(SET_ALT_SETTING, 5, (struct clove_usbredir_set_alt_setting){ 1, 7 });
	p = expect(CLOVE_USBREDIR_ALT_SETTING_STATUS, 5);
	ck_assert_uint_eq(p->alt.status, CLOVE_USB_STALL);
	ck_assert_uint_eq(p->alt.alt, 1);
	SEND(GET_ALT_SETTING, 6, (struct clove_usbredir_get_alt_setting){ 9 });
	p = expect(CLOVE_USBREDIR_ALT_SETTING_STATUS, 6);
	ck_assert_uint_eq(p->alt.alt, 0xff);
	ck_assert_uint_ne(p->alt.status, 0);
	SEND(SET_CONFIGURATION, 7, (struct clove_usbredir_set_configuration){ 0 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_INTERFACE_INFO, 0)->interfaces.interface_count, 0);
	expect(CLOVE_USBREDIR_EP_INFO, 0);
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_CONFIGURATION_STATUS, 7)->configuration.configuration, 0);
	SEND_BARE(RESET, 8);                            /* configured again, with the first settings */
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_INTERFACE_INFO, 0)->interfaces.interface_count, 3);
	expect(CLOVE_USBREDIR_EP_INFO, 0);
	expect_nothing();
}
END_TEST

START_TEST(test_a_second_reset_is_skipped)
{
	plug(scripted());
	SEND_BARE(RESET, 0);
	ck_assert_uint_eq(script.resets, 0);            /* it was reset when it was opened */
	send_bulk(1, BULK_IN, NULL, 10);
	SEND_BARE(RESET, 0);
	SEND_BARE(RESET, 0);
	ck_assert_uint_eq(script.resets, 1);
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 1)->bulk.status, CLOVE_USB_CANCELLED);
	expect_nothing();
}
END_TEST

START_TEST(test_bulk_streams_are_passed_on)
{
	struct packet *p;

	plug(scripted());
	SEND(ALLOC_BULK_STREAMS, 1, (struct clove_usbredir_alloc_bulk_streams){ 0x20002, 4 });
	p = expect(CLOVE_USBREDIR_BULK_STREAMS_STATUS, 1);
	ck_assert_uint_eq(p->streams.no_streams, 4);
	ck_assert_uint_eq(p->streams.status, 0);
	ck_assert_uint_eq(script.stream_endpoints, 0x20002);
	/* two streams of an endpoint, in the order that the device likes */
	for (uint32_t stream = 3; stream <= 4; stream++)
		ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_BULK_PACKET, stream,
				&(struct clove_usbredir_bulk_packet){ .endpoint = BULK_IN, .length = 512, .stream_id = stream },
				CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	pump();
	ck_assert_uint_eq(script.count, 2);
	ck_assert_uint_eq(script.given[0]->stream, 3);
	ck_assert_uint_eq(script.given[1]->stream, 4);
	for (uint32_t stream = 4; stream >= 3; stream--) {
		clove_usb_complete(script.given[--script.count], CLOVE_USB_SUCCESS, 512);
		pump();
		p = expect(CLOVE_USBREDIR_BULK_PACKET, stream);
		ck_assert_uint_eq(p->bulk.stream_id, stream);
		ck_assert_uint_eq(p->bulk.status, CLOVE_USB_SUCCESS);
	}
	SEND(FREE_BULK_STREAMS, 2, (struct clove_usbredir_free_bulk_streams){ 0x20002 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_STREAMS_STATUS, 2)->streams.no_streams, 0);
	ck_assert_uint_eq(script.stream_count, 0);
	clove_usb_host_unplug(host);
	pump();
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	plug(clove_usb_serial_new());                   /* has none */
	SEND(ALLOC_BULK_STREAMS, 3, (struct clove_usbredir_alloc_bulk_streams){ 0x20002, 4 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_STREAMS_STATUS, 3)->streams.status, CLOVE_USB_INVAL);
}
END_TEST

/* What cannot be taken any more fails; memory stays bounded, and the rest is served. */
START_TEST(test_too_many_requests_fail)
{
	unsigned int failed = 0;

	plug(clove_usb_serial_new());
	for (unsigned int i = 0; i < 3900; i++)
		ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_BULK_PACKET, i,
				&(struct clove_usbredir_bulk_packet){ .endpoint = 0x81, .length = 8 },
				CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	pump();
	ck_assert_uint_eq(packet_count, 3);
	for (unsigned int i = 0; i < 1000; i++)
		ck_assert_int_eq(clove_usbredir_send(guest, CLOVE_USBREDIR_BULK_PACKET, 10000 + i,
				&(struct clove_usbredir_bulk_packet){ .endpoint = 0x81, .length = 8 },
				CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	pump();
	for (; next_packet < packet_count; next_packet++)
		failed += packets[next_packet].bulk.status == CLOVE_USB_IOERROR;
	ck_assert_uint_eq(failed, 3900 + 1000 - 4096);
}
END_TEST

/* ---- streams ------------------------------------------------------------------------------------------- */

START_TEST(test_interrupt_packets_come_in_order)
{
	struct packet *p;

	plug(scripted());
	SEND(START_INTERRUPT_RECEIVING, 9, (struct clove_usbredir_start_interrupt_receiving){ INT_IN });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 9)->interrupt_status.status, 0);
	ck_assert_uint_eq(script.count, 5);
	for (unsigned int i = 0; i < 12; i++) {
		complete(0, 0, &i, i % 5);              /* those of no bytes too */
		p = expect(CLOVE_USBREDIR_INTERRUPT_PACKET, i);
		ck_assert_uint_eq(p->len, i % 5);
		ck_assert_uint_eq(script.count, 5);
	}
	complete(0, CLOVE_USB_STALL, NULL, 0);          /* cleared, and started anew from 0 */
	ck_assert_uint_eq(script.count, 5);
	expect_nothing();
	complete(0, 0, "x", 1);
	expect(CLOVE_USBREDIR_INTERRUPT_PACKET, 0);
	SEND(STOP_INTERRUPT_RECEIVING, 10, (struct clove_usbredir_stop_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 10);
	ck_assert_uint_eq(script.count, 0);
	SEND(START_INTERRUPT_RECEIVING, 11, (struct clove_usbredir_start_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 11);
	script.refuses_clear_halt = true;
	complete(0, CLOVE_USB_STALL, NULL, 0);
	p = expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 0);
	ck_assert_uint_eq(p->interrupt_status.status, CLOVE_USB_STALL);
	ck_assert_uint_eq(script.count, 0);
	SEND(START_INTERRUPT_RECEIVING, 12, (struct clove_usbredir_start_interrupt_receiving){ 0x87 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 12)->interrupt_status.status,
			CLOVE_USB_INVAL);
}
END_TEST

/* A device that is slow to give back what was cancelled: stopped, started, and freed in the meantime. */
START_TEST(test_streams_end_in_their_own_time)
{
	plug(scripted());
	script.is_lazy_to_cancel = true;
	SEND(START_INTERRUPT_RECEIVING, 1, (struct clove_usbredir_start_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 1);
	SEND(STOP_INTERRUPT_RECEIVING, 2, (struct clove_usbredir_stop_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 2);
	SEND(START_INTERRUPT_RECEIVING, 3, (struct clove_usbredir_start_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 3);
	ck_assert_uint_eq(script.count, 10);
	for (int i = 0; i < 5; i++)                     /* the old ones, one with data: nobody's */
		complete(0, i ? CLOVE_USB_CANCELLED : 0, i ? NULL : "x", i ? 0 : 1);
	expect_nothing();
	complete(0, CLOVE_USB_STALL, NULL, 0);          /* clears its halt when the other four are back */
	ck_assert_uint_eq(script.count, 4);
	for (int i = 0; i < 4; i++)
		complete(0, CLOVE_USB_CANCELLED, NULL, 0);
	ck_assert_uint_eq(script.count, 5);
	complete(0, 0, "y", 1);
	expect(CLOVE_USBREDIR_INTERRUPT_PACKET, 0);
	SEND(STOP_INTERRUPT_RECEIVING, 4, (struct clove_usbredir_stop_interrupt_receiving){ INT_IN });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 4);
	ck_assert_uint_eq(script.count, 5);             /* tear_down frees it so */
}
END_TEST

START_TEST(test_buffered_bulk_is_received)
{
	struct packet *p;

	plug(scripted());
	SEND(START_BULK_RECEIVING, 1, (struct clove_usbredir_start_bulk_receiving){ 0, 1000, BULK_IN, 3 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_RECEIVING_STATUS, 1)->bulk_status.status, CLOVE_USB_INVAL);
	SEND(START_BULK_RECEIVING, 2, (struct clove_usbredir_start_bulk_receiving){ 0, 1024, BULK_IN, 3 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_RECEIVING_STATUS, 2)->bulk_status.status, 0);
	ck_assert_uint_eq(script.count, 3);
	for (unsigned int i = 0; i < 7; i++) {
		complete(0, 0, "chunk", 5);
		p = expect(CLOVE_USBREDIR_BUFFERED_BULK_PACKET, i);
		ck_assert_uint_eq(p->buffered.length, 5);
		ck_assert_mem_eq(p->data, "chunk", 5);
	}
	SEND(STOP_BULK_RECEIVING, 3, (struct clove_usbredir_stop_bulk_receiving){ 0, BULK_IN });
	expect(CLOVE_USBREDIR_BULK_RECEIVING_STATUS, 3);
	ck_assert_uint_eq(script.count, 0);
	expect_nothing();
}
END_TEST

static void complete_iso(unsigned int i, uint16_t bytes)
{
	struct clove_usb_transfer *t = script.given[i];

	for (uint32_t p = 0; p < t->packet_count; p++)
		t->packets[p].actual = bytes;
	complete(i, 0, NULL, (size_t)bytes * t->packet_count);
}

START_TEST(test_iso_in_numbers_its_packets)
{
	plug(scripted());
	SEND(START_ISO_STREAM, 1, (struct clove_usbredir_start_iso_stream){ ISO_IN, 4, 3 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 1)->iso_status.status, 0);
	ck_assert_uint_eq(script.count, 3);
	ck_assert_uint_eq(script.given[0]->packet_count, 4);
	ck_assert_uint_eq(script.given[0]->packets[3].len, 100);
	script.given[0]->packets[2].status = CLOVE_USB_IOERROR;
	script.given[0]->data[100] = 'b';
	for (unsigned int turn = 0; turn < 5; turn++)
		complete_iso(0, 7);
	for (unsigned int i = 0; i < 20; i++) {
		struct packet *p = expect(CLOVE_USBREDIR_ISO_PACKET, i);

		ck_assert_uint_eq(p->iso.length, 7);
		ck_assert_uint_eq(p->iso.status, i == 2 ? CLOVE_USB_IOERROR : 0);
		if (i == 1)
			ck_assert_uint_eq(p->data[0], 'b');
	}
	SEND(STOP_ISO_STREAM, 2, (struct clove_usbredir_stop_iso_stream){ ISO_IN });
	expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 2);
	expect_nothing();
	SEND(START_ISO_STREAM, 3, (struct clove_usbredir_start_iso_stream){ ISO_IN, 33, 3 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 3)->iso_status.status, CLOVE_USB_INVAL);
	SEND(START_ISO_STREAM, 4, (struct clove_usbredir_start_iso_stream){ ISO_IN, 4, 17 });
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 4)->iso_status.status, CLOVE_USB_INVAL);
}
END_TEST

static void send_iso(uint64_t id, uint16_t len)
{
	static const uint8_t data[200] = { 'i', 's', 'o' };

	send(CLOVE_USBREDIR_ISO_PACKET, id, &(struct clove_usbredir_iso_packet){ ISO_OUT, 0, len }, data, len);
}

START_TEST(test_iso_out_fills_up_first)
{
	uint64_t id = 0;

	plug(scripted());
	SEND(START_ISO_STREAM, 1, (struct clove_usbredir_start_iso_stream){ ISO_OUT, 4, 4 });
	expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 1);
	for (int i = 0; i < 7; i++)
		send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 0);
	send_iso(id++, 60);                             /* half of it is there: half of it goes */
	ck_assert_uint_eq(script.count, 2);
	ck_assert_uint_eq(script.given[1]->packet_count, 4);
	ck_assert_uint_eq(script.given[1]->packets[2].len, 50);
	ck_assert_uint_eq(script.given[1]->packets[3].len, 60);
	ck_assert_mem_eq(script.given[1]->data + 150, "iso", 3);
	for (int i = 0; i < 8; i++)
		send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 4);
	send_iso(id++, 50);                             /* overflow: the next eight are lost */
	complete(0, 0, NULL, 0);
	for (int i = 0; i < 8; i++)
		send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 3);
	for (int i = 0; i < 4; i++)
		send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 4);
	while (script.count)                            /* underflow: it fills up again */
		complete(0, 0, NULL, 0);
	for (int i = 0; i < 7; i++)
		send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 0);
	send_iso(id++, 50);
	ck_assert_uint_eq(script.count, 2);
	expect_nothing();
	send_iso(id++, 101);                            /* more than a packet holds */
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 0)->iso_status.status, CLOVE_USB_INVAL);
	SEND_BARE(RESET, 0);
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_STREAM_STATUS, 0)->iso_status.status, CLOVE_USB_STALL);
	send_iso(id++, 50);                             /* stopped: a late one is nobody's */
	expect_nothing();
}
END_TEST

/* Every shape of a stream gets going, and no packet is sent twice. */
START_TEST(test_iso_out_of_any_shape)
{
	for (uint8_t packets_of = 1; packets_of <= 32; packets_of++)
		for (uint8_t count = 1; count <= 16; count++) {
			unsigned int sent = 0;

			packet_count = next_packet = 0;
			if (clove_usb_host_device(host))
				clove_usb_host_unplug(host);
			pump();
			packet_count = next_packet = 0;
			plug(scripted());
			SEND(START_ISO_STREAM, 1, (struct clove_usbredir_start_iso_stream){ ISO_OUT, packets_of,
					count });
			while (!script.count && sent < 2u * packets_of * count)
				send_iso(sent++, 3);
			ck_assert_msg(script.count > 0, "%u x %u never starts", packets_of, count);
			ck_assert_uint_le(script.count * packets_of, sent);
			ck_assert_uint_ge(script.count * packets_of + packets_of, sent);
		}
}
END_TEST

/* ---- a peer that does not read -------------------------------------------------------------------------- */

static void feed_only(uint32_t type, uint64_t id, const void *body)
{
	ck_assert_int_eq(clove_usbredir_send(guest, type, id, body, CLOVE_BYTES(NULL, 0)), CLOVE_OK);
	while (move_to_host())
		;
}

START_TEST(test_a_peer_that_does_not_read_gets_no_more)
{
	size_t unsent;

	plug(scripted());
	feed_only(CLOVE_USBREDIR_START_ISO_STREAM, 1, &(struct clove_usbredir_start_iso_stream){ ISO_IN, 4, 3 });
	feed_only(CLOVE_USBREDIR_START_BULK_RECEIVING, 2,
			&(struct clove_usbredir_start_bulk_receiving){ 0, 65536, BULK_IN, 2 });
	ck_assert_uint_eq(script.count, 5);
	for (int i = 0; i < 100; i++) {                 /* iso is dropped, the reads go on */
		struct clove_usb_transfer *t = script.given[0];

		memmove(&script.given[0], &script.given[1], sizeof *script.given * --script.count);
		if (t->type == CLOVE_USB_ISO)
			for (uint32_t p = 0; p < 4; p++)
				t->packets[p].actual = 100;
		clove_usb_complete(t, 0, t->len);
		if (t->type == CLOVE_USB_ISO)
			ck_assert(t->is_submitted);
	}
	unsent = clove_usb_host_unsent(host);
	ck_assert_uint_lt(unsent, 2 << 20);             /* bulk rests at 1 MiB */
	ck_assert_uint_eq(script.count, 3);
	pump();                                         /* it reads again: bulk goes on */
	ck_assert_uint_eq(script.count, 5);
	ck_assert_uint_eq(clove_usb_host_unsent(host), 0);
	next_packet = packet_count;
	for (unsigned int i = 0; i < 3; i++)
		if (script.given[i]->type == CLOVE_USB_ISO) {
			complete_iso(i, 100);
			break;
		}
	expect(CLOVE_USBREDIR_ISO_PACKET, packets[next_packet].id);
}
END_TEST

START_TEST(test_requests_wait_for_a_reader)
{
	plug(scripted());
	for (unsigned int i = 0; i < 20; i++)           /* 20 MiB of answers that nobody takes */
		feed_only(CLOVE_USBREDIR_BULK_PACKET, i,
				&(struct clove_usbredir_bulk_packet){ .endpoint = BULK_IN, .length_high = 0x10 });
	while (script.count) {
		struct clove_usb_transfer *t = script.given[0];

		memmove(&script.given[0], &script.given[1], sizeof *script.given * --script.count);
		memset(t->data, 0, t->len);
		clove_usb_complete(t, 0, t->len);
	}
	feed_only(CLOVE_USBREDIR_BULK_PACKET, 100, &(struct clove_usbredir_bulk_packet){ .endpoint = BULK_IN,
			.length = 8 });
	feed_only(CLOVE_USBREDIR_BULK_PACKET, 101, &(struct clove_usbredir_bulk_packet){ .endpoint = BULK_IN,
			.length = 8 });
	ck_assert_uint_eq(script.count, 0);
	feed_only(CLOVE_USBREDIR_CANCEL_DATA_PACKET, 101, NULL);
	pump();
	ck_assert_uint_eq(script.count, 1);
	next_packet += 20;
	ck_assert_uint_eq(expect(CLOVE_USBREDIR_BULK_PACKET, 101)->bulk.status, CLOVE_USB_CANCELLED);
	complete(0, 0, "x", 1);
	expect(CLOVE_USBREDIR_BULK_PACKET, 100);
	expect_nothing();
}
END_TEST

/* ---- software devices, end to end ------------------------------------------------------------------------ */

static void turn_until(unsigned int wanted)
{
	uint64_t give_up = clove_now_ms() + 5000;

	while (packet_count < wanted && clove_now_ms() < give_up) {
		clove_poll_loop_step(loop, 100);
		pump();
	}
	ck_assert_uint_ge(packet_count, wanted);
}

START_TEST(test_a_keyboard_types_through)
{
	struct clove_usb_device *keyboard = clove_usb_keyboard_new();
	struct packet *p;

	plug(keyboard);
	ck_assert_uint_eq(packets[2].connect.speed, CLOVE_USB_LOW);
	SEND(START_INTERRUPT_RECEIVING, 1, (struct clove_usbredir_start_interrupt_receiving){ 0x81 });
	expect(CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, 1);
	for (unsigned int i = 0; i < 9; i++) {
		clove_usb_keyboard_key(keyboard, 0x04, !(i & 1));
		pump();
		p = expect(CLOVE_USBREDIR_INTERRUPT_PACKET, i);
		ck_assert_uint_eq(p->len, 8);
		ck_assert_uint_eq(p->data[2], i & 1 ? 0 : 4);
	}
}
END_TEST

/* A frame a millisecond while somebody waits for one, and no timer else. */
START_TEST(test_sound_has_its_frames)
{
	struct clove_usb_device *audio = clove_usb_audio_new();
	struct clove_usb_audio_figures figures;
	uint8_t silence[192] = { 0 };
	uint64_t since;

	plug(audio);
	SEND(SET_ALT_SETTING, 1, (struct clove_usbredir_set_alt_setting){ 1, 1 });
	SEND(SET_ALT_SETTING, 2, (struct clove_usbredir_set_alt_setting){ 2, 1 });
	SEND(START_ISO_STREAM, 3, (struct clove_usbredir_start_iso_stream){ 0x82, 10, 6 });
	next_packet = packet_count;
	since = clove_now_ms();
	turn_until(packet_count + 100);
	ck_assert_uint_ge(clove_now_ms() - since, 90);  /* not faster than time */
	for (unsigned int i = 0; i < 100; i++)
		ck_assert_uint_eq(expect(CLOVE_USBREDIR_ISO_PACKET, i)->len, 96);
	SEND(START_ISO_STREAM, 4, (struct clove_usbredir_start_iso_stream){ 0x01, 10, 6 });
	for (unsigned int i = 0; i < 60; i++)
		send(CLOVE_USBREDIR_ISO_PACKET, i, &(struct clove_usbredir_iso_packet){ 0x01, 0, 192 }, silence, 192);
	turn_until(packet_count + 100);
	clove_usb_audio_figures(audio, &figures);
	ck_assert_uint_eq(figures.packets_out, 60);
	ck_assert_uint_eq(figures.gaps_out, 0);
	ck_assert_uint_ge(figures.packets_in, 200);
	SEND(STOP_ISO_STREAM, 5, (struct clove_usbredir_stop_iso_stream){ 0x82 });
	SEND(SET_ALT_SETTING, 6, (struct clove_usbredir_set_alt_setting){ 1, 0 });
	ck_assert(!audio->wants_frames);
}
END_TEST

START_TEST(test_a_stick_is_read_through)
{
	char path[] = "/tmp/clove-test-host-XXXXXX", *error;
	uint8_t cbw[31] = { 'U', 'S', 'B', 'C', [8] = 0, 4, [12] = 0x80, [14] = 10, 0x28, [20] = 3, [23] = 2 };
	int fd = mkstemp(path);
	struct packet *p;

	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	ck_assert_int_eq(pwrite(fd, "here it is", 10, 3 * 512), 10);
	close(fd);
	plug(clove_usb_storage_new(&(struct clove_usb_storage_options){ .path = path, .loop = loop }, &error));
	send_bulk(10, 0x81, NULL, 1024);                /* asked for before the command, in one go */
	send_bulk(11, 0x81, NULL, 13);
	send_bulk(12, 0x02, cbw, 31);
	turn_until(6);
	expect(CLOVE_USBREDIR_BULK_PACKET, 12);
	p = expect(CLOVE_USBREDIR_BULK_PACKET, 10);
	ck_assert_uint_eq(p->len, 1024);
	ck_assert_mem_eq(p->data, "here it is", 10);
	p = expect(CLOVE_USBREDIR_BULK_PACKET, 11);
	ck_assert_mem_eq(p->data, "USBS", 4);
	ck_assert_uint_eq(p->data[12], 0);
	unlink(path);
}
END_TEST

START_TEST(test_an_ejected_stick_leaves)
{
	char path[] = "/tmp/clove-test-host-XXXXXX", *error;
	uint8_t cbw[31] = { 'U', 'S', 'B', 'C', [14] = 6, 0x1b, [19] = 2 };
	int fd = mkstemp(path);

	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	close(fd);
	plug(clove_usb_storage_new(&(struct clove_usb_storage_options){ .path = path, .loop = loop }, &error));
	send_bulk(1, 0x02, cbw, 31);
	send_bulk(2, 0x81, NULL, 13);
	turn_until(6);
	expect(CLOVE_USBREDIR_BULK_PACKET, 1);
	expect(CLOVE_USBREDIR_BULK_PACKET, 2);
	expect(CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
	ck_assert_uint_eq(lefts, 1);
	ck_assert_str_eq(left_why, "the guest ejected the stick");
	unlink(path);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("host");
	Suite *suite = suite_create("usb-host");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_a_device_is_offered_as_it_is);
	tcase_add_test(tcase, test_connect_waits_for_the_acknowledgement);
	tcase_add_test(tcase, test_a_guest_of_few_words_is_served);
	tcase_add_test(tcase, test_a_lost_device_says_why);
	tcase_add_test(tcase, test_unplugging_answers_everything);
	tcase_add_test(tcase, test_rules_of_the_guest_are_kept);
	tcase_add_loop_test(tcase, test_the_host_may_be_freed_anywhere, 0, 3);
	tcase_add_test(tcase, test_requests_are_answered);
	tcase_add_test(tcase, test_cancelled_requests_have_one_answer);
	tcase_add_test(tcase, test_configurations_and_settings);
	tcase_add_test(tcase, test_a_second_reset_is_skipped);
	tcase_add_test(tcase, test_bulk_streams_are_passed_on);
	tcase_add_test(tcase, test_too_many_requests_fail);
	tcase_add_test(tcase, test_interrupt_packets_come_in_order);
	tcase_add_test(tcase, test_streams_end_in_their_own_time);
	tcase_add_test(tcase, test_buffered_bulk_is_received);
	tcase_add_test(tcase, test_iso_in_numbers_its_packets);
	tcase_add_test(tcase, test_iso_out_fills_up_first);
	tcase_add_test(tcase, test_iso_out_of_any_shape);
	tcase_add_test(tcase, test_a_peer_that_does_not_read_gets_no_more);
	tcase_add_test(tcase, test_requests_wait_for_a_reader);
	tcase_add_test(tcase, test_a_keyboard_types_through);
	tcase_add_test(tcase, test_sound_has_its_frames);
	tcase_add_test(tcase, test_a_stick_is_read_through);
	tcase_add_test(tcase, test_an_ejected_stick_leaves);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
