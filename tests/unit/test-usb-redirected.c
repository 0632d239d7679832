/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-redirected.c - software devices through a usb host and a usb guest: what a driver sees, in how many
 * round trips, and what is left when either end goes at any packet. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/bytes.h"
#include "common/util/loop.h"
#include "usb/software.h"
#include "usbredir/guest.h"
#include "usbredir/host.h"

enum { BLOCK = 512, BLOCKS = 4096, FOREVER = 1 << 30 };
enum leaving { NOBODY, UNPLUGGED, HOST_DIES, GUEST_DIES, DRIVER_GOES, LEAVINGS };

static struct clove_loop *loop;
static struct clove_usb_host *host;
static struct clove_usb_guest *guest;
static struct clove_usb_device *device;   /* the driver's */
static struct clove_buf to_host, to_guest;
static unsigned int alive, gone, left, trips, packets, leave_at;
static enum leaving leaving;
static bool is_open, is_over, host_met, guest_met;
static uint64_t random_state;
static char path[] = "/tmp/test-usb-redirected.XXXXXX";

static uint32_t draw(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % below;
}

static void on_output(void *owner)
{
	(void)owner;
}

static void on_left(void *owner, const char *why)
{
	(void)owner;
	(void)why;
	left++;
}

static void on_gone(void *owner, const char *why)
{
	(void)owner;
	(void)why;
	gone++;
	ck_assert_uint_eq(alive, 0);
	clove_usb_device_free(device);
	device = NULL;
}

static const struct clove_usb_events device_events = { .gone = on_gone };

static void on_device(void *owner, struct clove_usb_device *plugged)
{
	(void)owner;
	ck_assert_ptr_null(device);
	device = plugged;
	device->events = &device_events;
}

static void leave(void)
{
	is_over = true;
	switch (leaving) {
	case UNPLUGGED:
		clove_usb_host_unplug(host);
		break;
	case HOST_DIES:
		clove_usb_host_free(host);
		host = NULL;
		break;
	case GUEST_DIES:
		clove_usb_guest_free(guest);
		guest = NULL;
		break;
	default:
		clove_usb_device_free(device);
		device = NULL;
		ck_assert_uint_eq(alive, 0);
	}
}

/* The first packet of a stream that is whole; 0: none is. */
static size_t first_packet(const struct clove_buf *wire, bool is_met)
{
	size_t header = is_met ? 16 : 12;

	if (wire->len < header || wire->len - header < clove_le32(wire->data + 4))
		return 0;
	return header + clove_le32(wire->data + 4);
}

static void take(struct clove_buf *wire, bool from_guest)
{
	struct iovec iov[8];
	int n;

	while ((n = from_guest ? clove_usb_guest_output(guest, iov, 8) : clove_usb_host_output(host, iov, 8)) > 0) {
		size_t len = 0;

		for (int i = 0; i < n; i++) {
			ck_assert_int_eq(clove_buf_append(wire, iov[i].iov_base, iov[i].iov_len), CLOVE_OK);
			len += iov[i].iov_len;
		}
		if (from_guest)
			clove_usb_guest_sent(guest, len);
		else
			clove_usb_host_sent(host, len);
	}
}

/* Delivers packet by packet, each in pieces of any size; after the one that was chosen someone leaves. */
static bool deliver(struct clove_buf *wire, bool into_host, bool *is_met)
{
	bool moved = false;
	size_t len;

	while ((into_host ? !!host : !!guest) && (len = first_packet(wire, *is_met))) {
		uint8_t *packet = malloc(len);

		memcpy(packet, wire->data, len);
		clove_buf_consume(wire, len);
		*is_met = moved = true;
		for (size_t at = 0; at < len;) {
			size_t n = draw(8) ? 1 + draw(2000) : 1;

			n = n < len - at ? n : len - at;
			if (into_host)
				ck_assert_int_eq(clove_usb_host_feed(host, CLOVE_BYTES(packet + at, n)), CLOVE_OK);
			else
				ck_assert_int_eq(clove_usb_guest_feed(guest, CLOVE_BYTES(packet + at, n)), CLOVE_OK);
			at += n;
		}
		free(packet);
		if (is_open && device && ++packets == leave_at && leaving)
			leave();
	}
	return moved;
}

/* What waits at the guest reaches the host, and its answers the guest: a round trip. */
static bool travel(void)
{
	bool moved;

	if (!host && guest) { /* the guest hears of it as its connection's end */
		clove_usb_guest_free(guest);
		guest = NULL;
		return true;
	}
	if (guest)
		take(&to_host, true);
	moved = deliver(&to_host, true, &host_met);
	trips += moved;
	clove_poll_loop_step(loop, 0);
	if (host)
		take(&to_guest, false);
	return deliver(&to_guest, false, &guest_met) || moved;
}

static void on_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
	alive--;
}

/* Until it is back. False: it is not as wanted, which may be only after someone left. */
static bool end(struct clove_usb_transfer *transfer, void *into, size_t want)
{
	bool is_good;

	for (int i = 0; transfer->is_submitted; i++) {
		ck_assert_msg(i < 10000, "a transfer is stuck at packet %u", packets);
		travel();
	}
	is_good = transfer->status == CLOVE_USB_SUCCESS && transfer->actual == want;
	if (is_good && into && want)
		memcpy(into, transfer->data, want);
	ck_assert_msg(is_good || is_over, "status %u, %zu bytes of %zu", transfer->status, transfer->actual, want);
	clove_usb_transfer_free(transfer);
	return is_good;
}

static struct clove_usb_transfer *begin(uint8_t endpoint, uint8_t type, const void *data, size_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, 0);

	transfer->done = on_done;
	if (data)
		memcpy(transfer->data, data, len);
	alive++;
	clove_usb_submit(device, transfer);
	return transfer;
}

static bool control(uint8_t request_type, uint8_t request, uint16_t value, uint16_t index, void *into, uint16_t len)
{
	struct clove_usb_transfer *transfer;

	if (!device)
		return false;
	transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL, len, 0);
	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, len };
	transfer->done = on_done;
	alive++;
	clove_usb_submit(device, transfer);
	return end(transfer, into, len);
}

/* A command as a driver does it, one transfer after the other. */
static bool command(const uint8_t *cdb, size_t cdb_len, bool is_in, void *data, size_t len)
{
	uint8_t cbw[31] = "USBC", csw[13];

	clove_put_le32(cbw + 4, draw(1 << 30));
	clove_put_le32(cbw + 8, (uint32_t)len);
	cbw[12] = is_in ? 0x80 : 0;
	cbw[14] = (uint8_t)cdb_len;
	memcpy(cbw + 15, cdb, cdb_len);
	if (!device || !end(begin(0x02, CLOVE_USB_BULK, cbw, 31), NULL, 31))
		return false;
	if (len && (!device || !end(begin(is_in ? 0x81 : 0x02, CLOVE_USB_BULK, is_in ? NULL : data, len),
			is_in ? data : NULL, len)))
		return false;
	if (!device || !end(begin(0x81, CLOVE_USB_BULK, NULL, 13), csw, 13))
		return false;
	ck_assert_mem_eq(csw + 4, cbw + 4, 4);
	ck_assert_uint_eq(csw[12], 0);
	return true;
}

static bool move_blocks(bool is_in, uint32_t at, uint16_t count, void *data)
{
	uint8_t cdb[10] = { is_in ? 0x28 : 0x2a };

	clove_put_be32(cdb + 2, at);
	cdb[7] = (uint8_t)(count >> 8);
	cdb[8] = (uint8_t)count;
	return command(cdb, 10, is_in, data, (size_t)count * BLOCK);
}

static bool test_unit(void)
{
	static const uint8_t cdb[6] = { 0 };

	return command(cdb, 6, false, NULL, 0);
}

static struct clove_usb_device *new_stick(void)
{
	struct clove_usb_storage_options options = { .path = path, .is_writable = true };
	char *error = NULL;
	struct clove_usb_device *stick = clove_usb_storage_new(&options, &error);

	ck_assert_msg(stick, "%s", error);
	return stick;
}

static void open_with(struct clove_usb_device *take_device)
{
	static const struct clove_usb_host_events host_events = { on_output, on_left, NULL };
	static const struct clove_usb_guest_events guest_events = { on_output, on_device };

	alive = gone = left = trips = packets = 0;
	is_open = is_over = host_met = guest_met = false;
	random_state = 42;
	loop = clove_poll_loop_new();
	host = clove_usb_host_new(loop, &host_events, NULL);
	guest = clove_usb_guest_new(loop, &guest_events, NULL);
	ck_assert_int_eq(clove_usb_host_plug(host, take_device), CLOVE_OK);
	while (travel())
		;
	ck_assert_ptr_nonnull(device);
	is_open = true;
}

static void close_all(void)
{
	if (device)
		clove_usb_device_free(device);
	device = NULL;
	clove_usb_guest_free(guest);
	clove_usb_host_free(host);
	clove_poll_loop_free(loop);
	clove_buf_fini(&to_host);
	clove_buf_fini(&to_guest);
	host = NULL;
	guest = NULL;
	ck_assert_uint_eq(alive, 0);
}

static void make_disk(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)BLOCK * BLOCKS), 0);
	close(fd);
}

static void remove_disk(void)
{
	unlink(path);
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
}

static bool enumerate(void)
{
	uint8_t descriptor[18];

	return control(0x80, 6, 0x0100, 0, descriptor, 18) && control(0x00, 9, 1, 0, NULL, 0);
}

START_TEST(test_storage_is_read_and_written_in_one_round_trip_a_command)
{
	enum { MOST = 240 };
	uint8_t *disk = calloc(BLOCKS, BLOCK), *data = malloc(MOST * BLOCK);
	struct clove_usb_guest_figures figures;
	unsigned int commands = 0, before;

	leaving = NOBODY;
	open_with(new_stick());
	enumerate();
	ck_assert_uint_eq(device->shape.speed, CLOVE_USB_HIGH);
	for (int i = 0; i < 10 && !test_unit(); i++)
		;
	before = trips;
	for (int i = 0; i < 60; i++) {
		uint16_t count = (uint16_t)(1 + draw(MOST));
		uint32_t at = draw(BLOCKS - count);

		if (i % 3 == 0) {
			for (size_t k = 0; k < (size_t)count * BLOCK; k += 4)
				clove_put_le32(data + k, draw(1 << 30));
			memcpy(disk + (size_t)at * BLOCK, data, (size_t)count * BLOCK);
			ck_assert(move_blocks(false, at, count, data));
		} else {
			ck_assert(move_blocks(true, at, count, data));
			ck_assert_mem_eq(data, disk + (size_t)at * BLOCK, (size_t)count * BLOCK);
		}
		ck_assert(test_unit());
		commands += 2;
	}
	ck_assert_uint_eq(trips - before, commands);
	clove_usb_guest_figures(guest, &figures);
	ck_assert_uint_gt(figures.read_ahead, commands);
	close_all();
	free(disk);
	free(data);
}
END_TEST

/* A command that the device refuses: data stalled, the halt cleared, the status read. */
START_TEST(test_a_refused_command_recovers)
{
	uint8_t cbw[31] = "USBC", sense[18] = { 0 }, csw[13] = { 0 };
	static const uint8_t request_sense[6] = { 0x03, 0, 0, 0, 18 };
	struct clove_usb_transfer *t;
	uint8_t block[BLOCK];

	leaving = NOBODY;
	open_with(new_stick());
	enumerate();
	(void)!move_blocks(true, 0, 1, block);
	clove_put_le32(cbw + 8, BLOCK);
	cbw[12] = 0x80;
	cbw[14] = 6;
	cbw[15] = 0xee; /* there is no such command */
	end(begin(0x02, CLOVE_USB_BULK, cbw, 31), NULL, 31);
	t = begin(0x81, CLOVE_USB_BULK, NULL, BLOCK);
	while (t->is_submitted)
		travel();
	if (t->status == CLOVE_USB_STALL)
		ck_assert(control(0x02, 1, 0, 0x81, NULL, 0));
	clove_usb_transfer_free(t);
	end(begin(0x81, CLOVE_USB_BULK, NULL, 13), csw, 13);
	ck_assert_mem_eq(csw, "USBS", 4);
	ck_assert_uint_eq(csw[12], 1);
	ck_assert(command(request_sense, 6, true, sense, 18));
	ck_assert_uint_eq(sense[2] & 15, 5); /* illegal request */
	ck_assert(move_blocks(true, 0, 1, block));
	close_all();
}
END_TEST

static void storage_session(void)
{
	uint8_t *data = calloc(64, BLOCK);

	(void)!(enumerate() && test_unit() && move_blocks(true, 5, 64, data) && move_blocks(false, 9, 64, data) &&
			test_unit());
	free(data);
}

/* Interrupt reports, read while keys are pressed at the far side. */
static struct clove_usb_device *keyboard;

static struct clove_usb_device *new_keyboard(void)
{
	return keyboard = clove_usb_keyboard_new();
}

static void keyboard_session(void)
{
	if (!enumerate())
		return;
	for (int i = 0; i < 4 && device; i++) {
		struct clove_usb_transfer *t = begin(0x81, CLOVE_USB_INTERRUPT, NULL, 8);

		travel();
		if (!is_over)
			clove_usb_keyboard_key(keyboard, (uint8_t)(4 + i / 2), !(i & 1));
		end(t, NULL, 8);
	}
}

static void iso(uint8_t endpoint, size_t len)
{
	struct clove_usb_transfer *t;

	if (!device)
		return;
	t = clove_usb_transfer_new(endpoint, CLOVE_USB_ISO, len, 1);
	t->packets[0].len = (uint16_t)len;
	t->is_now = true;
	t->done = on_done;
	alive++;
	clove_usb_submit(device, t);
	ck_assert(!t->is_submitted);
	clove_usb_transfer_free(t);
}

static uint8_t first_iso(uint8_t direction)
{
	for (uint8_t i = 1; device && i < 16; i++)
		if (device->shape.endpoints[clove_usb_index(i | direction)].type == CLOVE_USB_ISO)
			return i | direction;
	return 0;
}

static void audio_session(void)
{
	if (!enumerate())
		return;
	for (uint16_t interface = 1; interface < 3; interface++)
		if (!control(0x01, 11, 1, interface, NULL, 0))
			return;
	ck_assert(is_over || (first_iso(0) && first_iso(0x80)));
	for (int i = 0; i < 8 && device; i++) {
		iso(first_iso(0), 192);
		if (device)
			iso(first_iso(0x80), 192);
		travel();
		clove_poll_loop_step(loop, 1);
	}
	if (device)
		(void)!control(0x01, 11, 0, 1, NULL, 0);
}

static const struct {
	const char *name;
	struct clove_usb_device *(*new)(void);
	void (*session)(void);
} sessions[] = {
	{ "storage", new_stick, storage_session },
	{ "keyboard", new_keyboard, keyboard_session },
	{ "audio", clove_usb_audio_new, audio_session },
};

START_TEST(test_either_end_goes_at_every_packet)
{
	unsigned int whole;

	leaving = NOBODY;
	leave_at = FOREVER;
	open_with(sessions[_i].new());
	sessions[_i].session();
	whole = packets;
	close_all();
	ck_assert_uint_ge(whole, 10);
	for (leaving = UNPLUGGED; leaving < LEAVINGS; leaving++)
		for (leave_at = 1; leave_at <= whole; leave_at++) {
			open_with(sessions[_i].new());
			sessions[_i].session();
			if (is_over) {
				while (travel())
					;
				ck_assert_uint_eq(gone, leaving != DRIVER_GOES);
				ck_assert_ptr_null(device);
			}
			if (is_over && leaving == UNPLUGGED)
				ck_assert_uint_eq(left, 1);
			close_all();
		}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usb-redirected");
	TCase *tcase = tcase_create("redirected");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, make_disk, remove_disk);
	tcase_add_test(tcase, test_storage_is_read_and_written_in_one_round_trip_a_command);
	tcase_add_test(tcase, test_a_refused_command_recovers);
	tcase_add_loop_test(tcase, test_either_end_goes_at_every_packet, 0, sizeof sessions / sizeof sessions[0]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
