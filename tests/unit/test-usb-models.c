/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-models.c - chapter 9 on every software device, and what keyboard, tablet, serial and headset do. */
#include "usb/software.h"
#include "tests/unit/usb-fixture.h"

static struct clove_usb_device *(*const makers[])(void) = {
	clove_usb_keyboard_new, clove_usb_tablet_new, clove_usb_serial_new, clove_usb_audio_new,
};
enum { MAKERS = 4 };

static unsigned int wakes, goes;

static void on_wake(void *owner)
{
	ck_assert_ptr_eq(owner, &wakes);
	wakes++;
}

static void on_gone(void *owner, const char *why)
{
	(void)owner;
	(void)why;
	goes++;
}

static const struct clove_usb_events events = { .gone = on_gone, .wake = on_wake };

/* Walks a configuration and compares it with the shape of all settings 0. */
static void check_configuration(const struct clove_usb_device *device, const uint8_t *c, size_t len)
{
	unsigned int interfaces = 0, expected_endpoints = 0, endpoints = 0, alt = 0, interface = 0;

	ck_assert_uint_eq(clove_le16(c + 2), len);
	for (size_t at = 0; at < len; at += c[at]) {
		ck_assert_uint_ge(c[at], 2);
		ck_assert_uint_le(at + c[at], len);
		if (c[at + 1] == 4) {
			ck_assert_uint_eq(endpoints, expected_endpoints);
			expected_endpoints += c[at + 4];
			interface = c[at + 2];
			alt = c[at + 3];
			interfaces += !alt;
		} else if (c[at + 1] == 5) {
			const struct clove_usb_endpoint *e = &device->shape.endpoints[clove_usb_index(c[at + 2])];

			endpoints++;
			if (!alt) {
				ck_assert_uint_eq(e->type, c[at + 3] & 3);
				ck_assert_uint_eq(e->max_packet, clove_le16(c + at + 4));
				ck_assert_uint_eq(e->interval, c[at + 6]);
				ck_assert_uint_eq(e->interface, interface);
			}
		}
	}
	ck_assert_uint_eq(endpoints, expected_endpoints);
	ck_assert_uint_eq(interfaces, c[4]);
	ck_assert_uint_eq(device->shape.interface_count, interfaces);
}

START_TEST(test_chapter_9_is_answered)
{
	struct clove_usb_device *device = makers[_i]();
	uint8_t data[512];
	size_t len = 18;

	ck_assert_ptr_nonnull(device);
	ck_assert_uint_eq(device->shape.interface_count, 0);
	ck_assert_uint_eq(fixture_control(device, 0x80, 6, 0x0100, 0, data, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 18);
	ck_assert_uint_eq(data[0], 18);
	ck_assert_uint_eq(clove_le16(data + 8), device->shape.vendor);
	ck_assert_uint_eq(clove_le16(data + 10), device->shape.product);
	for (uint8_t i = 1; i <= 3; i++) {              /* the strings that it names are there */
		len = 255;
		ck_assert_uint_eq(data[13 + i], i);
		uint8_t text[255];
		ck_assert_uint_eq(fixture_control(device, 0x80, 6, (uint16_t)(0x0300 | i), 0x409, text, &len), 0);
		ck_assert_uint_eq(text[0], len);
		ck_assert_uint_eq(text[1], 3);
	}
	len = 255;
	ck_assert_uint_eq(fixture_control(device, 0x80, 6, 0x0304, 0x409, data, &len), CLOVE_USB_STALL);
	len = 10;                                       /* no qualifier: it has one speed */
	ck_assert_uint_eq(fixture_control(device, 0x80, 6, 0x0600, 0, data, &len), CLOVE_USB_STALL);
	len = 1;
	ck_assert_uint_eq(fixture_control(device, 0x80, 8, 0, 0, data, &len), 0);
	ck_assert_uint_eq(data[0], 0);
	len = 1;                                        /* no interface before it is configured */
	ck_assert_uint_eq(fixture_control(device, 0x81, 10, 0, 0, data, &len), CLOVE_USB_STALL);

	fixture_configure(device);
	len = 9;                                        /* the first nine bytes, as all drivers ask first */
	ck_assert_uint_eq(fixture_control(device, 0x80, 6, 0x0200, 0, data, &len), 0);
	ck_assert_uint_eq(len, 9);
	len = clove_le16(data + 2);
	ck_assert_uint_eq(fixture_control(device, 0x80, 6, 0x0200, 0, data, &len), 0);
	check_configuration(device, data, len);
	len = 1;
	ck_assert_uint_eq(fixture_control(device, 0x81, 10, 0, 0, data, &len), 0);
	ck_assert_uint_eq(data[0], 0);
	ck_assert_uint_eq(fixture_set(device, 0x01, 11, 9, 0), CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_set(device, 0x01, 11, 0, 31), CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_set(device, 0x00, 9, 2, 0), CLOVE_USB_STALL);
	ck_assert_uint_eq(device->shape.configuration, 1);
	clove_usb_device_free(device);
}
END_TEST

START_TEST(test_halts_are_set_and_cleared)
{
	struct clove_usb_device *device = clove_usb_serial_new();
	struct clove_usb_transfer *waits, *next;
	uint8_t status[2];
	size_t len = 2;

	fixture_configure(device);
	waits = fixture_give(device, 0x81, CLOVE_USB_BULK, NULL, 64);
	ck_assert(waits->is_submitted);
	ck_assert_uint_eq(fixture_set(device, 0x02, 3, 0, 0x81), 0);
	ck_assert(!waits->is_submitted);
	ck_assert_uint_eq(waits->status, CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_control(device, 0x82, 0, 0, 0x81, status, &len), 0);
	ck_assert_uint_eq(status[0], 1);
	next = fixture_give(device, 0x81, CLOVE_USB_BULK, NULL, 64);
	ck_assert_uint_eq(next->status, CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_set(device, 0x02, 1, 0, 0x81), 0);
	ck_assert_uint_eq(fixture_control(device, 0x82, 0, 0, 0x81, status, &len), 0);
	ck_assert_uint_eq(status[0], 0);
	ck_assert_uint_eq(fixture_set(device, 0x02, 1, 0, 0x8f), CLOVE_USB_STALL); /* there is none */
	clove_usb_submit(device, next);
	ck_assert(next->is_submitted);
	clove_usb_reset(device);                        /* all come back */
	ck_assert(!next->is_submitted);
	ck_assert_uint_eq(next->status, CLOVE_USB_CANCELLED);
	ck_assert_uint_eq(device->shape.configuration, 0);
	clove_usb_submit(device, next);
	ck_assert_uint_eq(next->status, CLOVE_USB_INVAL);
	clove_usb_transfer_free(waits);
	clove_usb_transfer_free(next);
	clove_usb_device_free(device);
}
END_TEST

static const struct {
	const char *why;
	uint8_t endpoint, type;
	size_t len;
	uint32_t packets, packet_len;
	uint8_t want;
} refused[] = {
	{ "no such endpoint",      0x83, CLOVE_USB_BULK, 64, 0, 0, CLOVE_USB_INVAL },
	{ "wrong type",            0x01, CLOVE_USB_INTERRUPT, 64, 0, 0, CLOVE_USB_INVAL },
	{ "wrong direction",       0x81, CLOVE_USB_ISO, 192, 1, 192, CLOVE_USB_INVAL },
	{ "a control endpoint",    0x00, CLOVE_USB_BULK, 64, 0, 0, CLOVE_USB_INVAL },
	{ "stray address bits",    0x11, CLOVE_USB_ISO, 192, 1, 192, CLOVE_USB_INVAL },
	{ "packets over the room", 0x01, CLOVE_USB_ISO, 192, 2, 97, CLOVE_USB_INVAL },
	{ "no packets",            0x01, CLOVE_USB_ISO, 192, 0, 0, CLOVE_USB_INVAL },
	{ "no such type",          0x01, 9, 192, 0, 0, CLOVE_USB_INVAL },
	{ "as it should be",       0x01, CLOVE_USB_ISO, 192, 1, 192, CLOVE_USB_SUCCESS },
};

START_TEST(test_what_cannot_be_is_refused)
{
	struct clove_usb_device *device = clove_usb_audio_new();
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(refused[_i].endpoint, refused[_i].type,
			refused[_i].len, refused[_i].packets);

	fixture_configure(device);
	ck_assert_uint_eq(fixture_set(device, 0x01, 11, 1, 1), 0);
	for (uint32_t i = 0; i < refused[_i].packets; i++)
		transfer->packets[i].len = (uint16_t)refused[_i].packet_len;
	transfer->is_now = true;
	transfer->done = fixture_done;
	fixture_done_count = 0;
	clove_usb_submit(device, transfer);
	ck_assert_int_eq(fixture_done_count, 1);
	ck_assert_msg(transfer->status == refused[_i].want, "%s", refused[_i].why);
	clove_usb_transfer_free(transfer);
	clove_usb_device_free(device);
}
END_TEST

/* ---- keyboard and tablet ----------------------------------------------------------------------------- */

static void expect_report(struct clove_usb_device *device, const void *report, size_t len)
{
	struct clove_usb_transfer *transfer = fixture_give(device, 0x81, CLOVE_USB_INTERRUPT, NULL, 8);

	if (report) {
		ck_assert(!transfer->is_submitted);
		ck_assert_uint_eq(transfer->status, 0);
		ck_assert_uint_eq(transfer->actual, len);
		ck_assert_mem_eq(transfer->data, report, len);
	} else {
		ck_assert(transfer->is_submitted);
		fixture_done_count = 0;
		clove_usb_cancel(device, transfer);
		ck_assert_int_eq(fixture_done_count, 1);
		ck_assert_uint_eq(transfer->status, CLOVE_USB_CANCELLED);
	}
	clove_usb_transfer_free(transfer);
}

START_TEST(test_keys_become_reports)
{
	struct clove_usb_device *keyboard = clove_usb_keyboard_new();
	uint8_t data[128];
	size_t len = 128;

	fixture_configure(keyboard);
	ck_assert_uint_eq(keyboard->shape.speed, CLOVE_USB_LOW);
	ck_assert_uint_eq(fixture_control(keyboard, 0x81, 6, 0x2200, 0, data, &len), 0);
	ck_assert_uint_eq(data[0], 0x05);
	ck_assert_uint_eq(data[len - 1], 0xc0);
	expect_report(keyboard, NULL, 0);
	clove_usb_keyboard_key(keyboard, 0xe1, true);   /* left shift */
	clove_usb_keyboard_key(keyboard, 0x04, true);   /* a */
	clove_usb_keyboard_key(keyboard, 0x04, true);   /* is down already: no report */
	clove_usb_keyboard_key(keyboard, 0x04, false);
	clove_usb_keyboard_key(keyboard, 0xe1, false);
	expect_report(keyboard, "\2\0\0\0\0\0\0\0", 8);
	expect_report(keyboard, "\2\0\4\0\0\0\0\0", 8);
	expect_report(keyboard, "\2\0\0\0\0\0\0\0", 8);
	expect_report(keyboard, "\0\0\0\0\0\0\0\0", 8);
	expect_report(keyboard, NULL, 0);
	for (uint8_t key = 4; key < 12; key++)          /* only six have room; the others are not seen */
		clove_usb_keyboard_key(keyboard, key, true);
	len = 8;
	ck_assert_uint_eq(fixture_control(keyboard, 0xa1, 1, 0x0100, 0, data, &len), 0);
	ck_assert_mem_eq(data, "\0\0\4\5\6\7\x8\x9", 8);
	clove_usb_device_free(keyboard);
}
END_TEST

/* More keys than the queue holds: the state at the end is told all the same. */
START_TEST(test_full_queue_ends_with_the_truth)
{
	struct clove_usb_device *keyboard = clove_usb_keyboard_new();
	struct clove_usb_transfer *transfer;
	unsigned int reports = 0;
	uint8_t last[8] = { 0 };

	fixture_configure(keyboard);
	for (unsigned int i = 0; i < 200; i++)
		clove_usb_keyboard_key(keyboard, 0x04, !(i & 1));
	clove_usb_keyboard_key(keyboard, 0x05, true);
	for (;;) {
		transfer = fixture_give(keyboard, 0x81, CLOVE_USB_INTERRUPT, NULL, 8);
		if (transfer->is_submitted)
			break;
		memcpy(last, transfer->data, 8);
		reports++;
		clove_usb_transfer_free(transfer);
	}
	ck_assert_uint_le(reports, 64);
	ck_assert_mem_eq(last, "\0\0\5\0\0\0\0\0", 8);
	clove_usb_device_free(keyboard);                /* gives the waiting one back */
	ck_assert(!transfer->is_submitted);
	clove_usb_transfer_free(transfer);
}
END_TEST

START_TEST(test_a_key_wakes_only_if_allowed)
{
	struct clove_usb_device *keyboard = clove_usb_keyboard_new();
	uint8_t status[2];
	size_t len = 2;

	wakes = 0;
	keyboard->events = &events;
	keyboard->owner = &wakes;
	fixture_configure(keyboard);
	keyboard->is_suspended = true;
	clove_usb_keyboard_key(keyboard, 0x04, true);
	ck_assert_uint_eq(wakes, 0);
	ck_assert_uint_eq(fixture_set(keyboard, 0x00, 3, 1, 0), 0);
	ck_assert_uint_eq(fixture_control(keyboard, 0x80, 0, 0, 0, status, &len), 0);
	ck_assert_uint_eq(status[0], 2);
	clove_usb_keyboard_key(keyboard, 0x04, false);
	ck_assert_uint_eq(wakes, 1);
	keyboard->is_suspended = false;                 /* awake: there is nothing to be woken */
	clove_usb_keyboard_key(keyboard, 0x04, true);
	ck_assert_uint_eq(wakes, 1);
	keyboard->is_suspended = true;
	ck_assert_uint_eq(fixture_set(keyboard, 0x00, 1, 1, 0), 0);
	clove_usb_keyboard_key(keyboard, 0x04, false);
	ck_assert_uint_eq(wakes, 1);
	clove_usb_device_free(keyboard);
}
END_TEST

START_TEST(test_idle_rate_repeats_reports)
{
	struct clove_usb_device *keyboard = clove_usb_keyboard_new();
	struct clove_usb_transfer *transfer;

	fixture_configure(keyboard);
	ck_assert_uint_eq(fixture_set(keyboard, 0x21, 10, 0x0200, 0), 0); /* 8 ms */
	ck_assert(!keyboard->wants_frames);
	transfer = fixture_give(keyboard, 0x81, CLOVE_USB_INTERRUPT, NULL, 8);
	ck_assert(keyboard->wants_frames);
	for (int i = 0; i < 7; i++)
		clove_usb_frame(keyboard);
	ck_assert(transfer->is_submitted);
	clove_usb_frame(keyboard);
	ck_assert(!transfer->is_submitted);
	ck_assert_uint_eq(transfer->actual, 8);
	ck_assert(!keyboard->wants_frames);
	clove_usb_transfer_free(transfer);
	clove_usb_device_free(keyboard);
}
END_TEST

START_TEST(test_movements_merge_and_buttons_do_not)
{
	struct clove_usb_device *tablet = clove_usb_tablet_new();

	fixture_configure(tablet);
	clove_usb_tablet_move(tablet, 1, 2, 0, 0);
	clove_usb_tablet_move(tablet, 0x1234, 0x5678, 0, 0);
	clove_usb_tablet_move(tablet, 0x1234, 0x5678, 1, 0);
	clove_usb_tablet_move(tablet, 0x1234, 0x5678, 0, 0);
	clove_usb_tablet_move(tablet, 0x1234, 0x5678, 0, 1);
	clove_usb_tablet_move(tablet, 0x1234, 0x5678, 0, 1);
	clove_usb_tablet_move(tablet, 0xffff, 0xffff, 0, 0);
	expect_report(tablet, "\0\x34\x12\x78\x56\0", 6);
	expect_report(tablet, "\1\x34\x12\x78\x56\0", 6);
	expect_report(tablet, "\0\x34\x12\x78\x56\0", 6);
	expect_report(tablet, "\0\x34\x12\x78\x56\1", 6);
	expect_report(tablet, "\0\x34\x12\x78\x56\1", 6);
	expect_report(tablet, "\0\xff\x7f\xff\x7f\0", 6);
	expect_report(tablet, NULL, 0);
	clove_usb_device_free(tablet);
}
END_TEST

/* ---- serial ------------------------------------------------------------------------------------------ */

START_TEST(test_serial_gives_back_what_it_gets)
{
	struct clove_usb_device *serial = clove_usb_serial_new();
	struct clove_usb_transfer *in, *out;
	uint8_t coding[7] = { 0x00, 0xc2, 0x01, 0, 0, 0, 8 }, read[7];
	size_t len = 7;

	fixture_configure(serial);
	ck_assert_uint_eq(fixture_control(serial, 0x21, 0x20, 0, 0, coding, &len), 0);
	ck_assert_uint_eq(fixture_control(serial, 0xa1, 0x21, 0, 0, read, &len), 0);
	ck_assert_mem_eq(read, coding, 7);
	in = fixture_give(serial, 0x81, CLOVE_USB_BULK, NULL, 64);
	ck_assert(in->is_submitted);
	out = fixture_give(serial, 0x01, CLOVE_USB_BULK, "hello", 5);
	ck_assert_uint_eq(out->actual, 5);
	ck_assert(!in->is_submitted);
	ck_assert_uint_eq(in->actual, 5);
	ck_assert_mem_eq(in->data, "hello", 5);
	clove_usb_transfer_free(in);
	clove_usb_transfer_free(out);

	/* Nobody reads: at some point it takes no more, and goes on when somebody does. */
	struct clove_usb_transfer *many[64];
	char block[4096] = { 'x' };
	unsigned int taken = 0, total = 0;

	for (unsigned int i = 0; i < 64; i++) {
		many[i] = fixture_give(serial, 0x01, CLOVE_USB_BULK, block, sizeof block);
		taken += !many[i]->is_submitted;
	}
	ck_assert_uint_gt(taken, 0);
	ck_assert_uint_lt(taken, 64);
	for (;;) {
		in = fixture_give(serial, 0x81, CLOVE_USB_BULK, NULL, 1000);
		if (in->is_submitted)
			break;
		total += (unsigned int)in->actual;
		clove_usb_transfer_free(in);
	}
	ck_assert_uint_eq(total, 64 * 4096);
	clove_usb_cancel(serial, in);
	clove_usb_transfer_free(in);
	for (unsigned int i = 0; i < 64; i++)
		clove_usb_transfer_free(many[i]);
	clove_usb_device_free(serial);
}
END_TEST

/* ---- audio ------------------------------------------------------------------------------------------- */

static struct clove_usb_transfer *give_iso(struct clove_usb_device *audio, uint8_t endpoint, uint32_t packets,
		uint16_t len, bool is_now)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, CLOVE_USB_ISO, packets * len, packets);

	for (uint32_t i = 0; i < packets; i++)
		transfer->packets[i].len = len;
	transfer->is_now = is_now;
	transfer->done = fixture_done;
	clove_usb_submit(audio, transfer);
	return transfer;
}

START_TEST(test_headset_plays_a_packet_a_frame)
{
	struct clove_usb_device *audio = clove_usb_audio_new();
	struct clove_usb_audio_figures figures;
	struct clove_usb_transfer *out, *in;

	fixture_configure(audio);
	ck_assert_uint_eq(audio->shape.endpoints[1].type, CLOVE_USB_NO_ENDPOINT);
	ck_assert_uint_eq(fixture_set(audio, 0x01, 11, 1, 1), 0);
	ck_assert_uint_eq(audio->shape.endpoints[1].max_packet, 192);
	ck_assert(!audio->wants_frames);
	out = give_iso(audio, 0x01, 4, 192, false);
	ck_assert(audio->wants_frames);
	ck_assert_uint_eq(fixture_set(audio, 0x01, 11, 1, 2), 0); /* the other stream goes on */
	ck_assert(out->is_submitted);
	for (int i = 0; i < 3; i++)
		clove_usb_frame(audio);
	ck_assert(out->is_submitted);
	clove_usb_frame(audio);
	ck_assert(!out->is_submitted);
	ck_assert_uint_eq(out->actual, 4 * 192);
	for (int i = 0; i < 5; i++)                     /* nothing for five frames, then more: a gap of five */
		clove_usb_frame(audio);
	clove_usb_audio_figures(audio, &figures);
	ck_assert_uint_eq(figures.gaps_out, 0);
	clove_usb_transfer_free(out);
	out = give_iso(audio, 0x01, 1, 192, true);
	ck_assert(!out->is_submitted);
	clove_usb_audio_figures(audio, &figures);
	ck_assert_uint_eq(figures.packets_out, 5);
	ck_assert_uint_eq(figures.bytes_out, 5 * 192);
	ck_assert_uint_eq(figures.gaps_out, 5);
	clove_usb_transfer_free(out);

	in = give_iso(audio, 0x82, 2, 96, false);
	clove_usb_frame(audio);
	clove_usb_frame(audio);
	ck_assert_uint_eq(in->actual, 192);
	ck_assert_uint_eq(clove_le16(in->data + 2 * 12), 8192); /* the crest of a kHz at 48 kHz */
	ck_assert_int_eq((int16_t)clove_le16(in->data + 96 + 2 * 36), -8192);
	clove_usb_transfer_free(in);
	ck_assert_uint_eq(fixture_set(audio, 0x01, 11, 0, 1), 0);
	ck_assert(!audio->wants_frames);
	clove_usb_device_free(audio);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("models");
	Suite *suite = suite_create("usb");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_chapter_9_is_answered, 0, MAKERS);
	tcase_add_test(tcase, test_halts_are_set_and_cleared);
	tcase_add_loop_test(tcase, test_what_cannot_be_is_refused, 0, sizeof refused / sizeof *refused);
	tcase_add_test(tcase, test_keys_become_reports);
	tcase_add_test(tcase, test_full_queue_ends_with_the_truth);
	tcase_add_test(tcase, test_a_key_wakes_only_if_allowed);
	tcase_add_test(tcase, test_idle_rate_repeats_reports);
	tcase_add_test(tcase, test_movements_merge_and_buttons_do_not);
	tcase_add_test(tcase, test_serial_gives_back_what_it_gets);
	tcase_add_test(tcase, test_headset_plays_a_packet_a_frame);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
