/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-vmc-channel.c - usbredir devices of a VMM as channels of viewers: every byte arrives once and in order, however
 * slow either side is, and whoever goes. */
#include "tests/unit/vmc-fixture.h"

enum { TCP = 1, LZ4 = 2, TEXT = 4 };

/* A VMM's device, as QEMU has one: it gives what the guest's side has said, and takes what may be written. */
struct stick {
	SpiceCharDeviceInstance device;   /* first */
	size_t has, said, piece;
	size_t may_take, taken;
	bool is_wrong, is_open;
	int opens, closes, writes;
	void (*in_write)(struct stick *stick), (*in_read)(struct stick *stick);
};

static struct stick sticks[3];

static void stick_state(SpiceCharDeviceInstance *device, int connected)
{
	struct stick *stick = (struct stick *)device;

	ck_assert_int_ne(stick->is_open, connected);
	stick->is_open = connected;
	stick->opens += connected;
	stick->closes += !connected;
	if (connected) /* QEMU makes a new parser, which says hello at once */
		stick->said = stick->taken = 0;
}

static int stick_write(SpiceCharDeviceInstance *device, const uint8_t *bytes, int len)
{
	struct stick *stick = (struct stick *)device;
	size_t n = (size_t)len < stick->may_take ? (size_t)len : stick->may_take;

	stick->writes++;
	if (stick->in_write)
		stick->in_write(stick);
	for (size_t i = 0; i < n; i++)
		stick->is_wrong |= bytes[i] != nth(stick->taken + i);
	stick->taken += n;
	stick->may_take -= n;
	return (int)n;
}

static int stick_read(SpiceCharDeviceInstance *device, uint8_t *bytes, int len)
{
	struct stick *stick = (struct stick *)device;
	size_t n = stick->has < stick->piece ? stick->has : stick->piece;

	if (n > (size_t)len)
		n = (size_t)len;
	number(bytes, stick->said, n);
	stick->said += n;
	stick->has -= n;
	if (stick->in_read)
		stick->in_read(stick);
	return (int)n;
}

static const SpiceCharDeviceInterface stick_interface = {
	{ SPICE_INTERFACE_CHAR_DEVICE, "test", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
		SPICE_INTERFACE_CHAR_DEVICE_MINOR },
	stick_state, stick_write, stick_read, NULL, SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};

static void plug(struct stick *stick)
{
	*stick = (struct stick){ .device = { .base = { &stick_interface.base }, .subtype = "usbredir" },
			.piece = SIZE_MAX, .may_take = SIZE_MAX };
	ck_assert_int_eq(spice_server_add_interface(server, &stick->device.base), 0);
}

static void unplug(struct stick *stick)
{
	ck_assert_int_eq(spice_server_remove_interface(&stick->device.base), 0);
}

static void stick_say(struct stick *stick, size_t n)
{
	stick->has += n;
	spice_server_char_device_wakeup(&stick->device);
}

static void start(int way)
{
	vmc_start(way & TCP);
	where.unpacks = way & LZ4;
	is_text = way & TEXT;
	spice_server_vm_start(server);
	plug(&sticks[0]);
}

static void setup(void)
{
	start(0);
	viewer_come(&viewers[0]);
}

/* -- which channels there are -- */

START_TEST(test_devices_are_channels)
{
	struct viewer *viewer = &viewers[0];

	plug(&sticks[1]);
	viewer_leave(viewer);
	viewer_come(viewer);
	ck_assert_uint_eq(viewer->told[0], 1);
	ck_assert_uint_eq(viewer->told[1], 1);
	plug(&sticks[2]);
	NET_TURN_UNTIL(vmm.loop, viewer->told[2] == 1);
	/* one that goes takes its channel along, and leaves its number */
	viewer_link(viewer, 1);
	NET_TURN_UNTIL(vmm.loop, sticks[1].is_open);
	ck_assert(!sticks[0].is_open && !sticks[2].is_open);
	unplug(&sticks[1]);
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	ck_assert_int_eq(sticks[1].closes, 0); /* it is gone: nobody calls it */
	viewer_link(viewer, 1);
	ck_assert(viewer->usb->is_over);
	plug(&sticks[1]);
	NET_TURN_UNTIL(vmm.loop, viewer->told[1] == 2);
	viewer_link(viewer, 1);
	NET_TURN_UNTIL(vmm.loop, sticks[1].is_open);
	/* the others go on */
	viewer_link(viewer, 2);
	viewer_say(viewer, 10);
	NET_TURN_UNTIL(vmm.loop, sticks[2].taken == 10);
}
END_TEST

START_TEST(test_one_client_at_a_time)
{
	struct viewer *viewer = &viewers[0];
	struct player_channel *first;

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	first = viewer->usb;
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	ck_assert(first->is_open);
	ck_assert_int_eq(sticks[0].opens, 1);
	/* half of what the first said is not taken, and not for the next */
	viewer->usb = first;
	sticks[0].may_take = 100;
	viewer_say(viewer, 5000);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 100);
	viewer_leave(viewer);
	NET_TURN_UNTIL(vmm.loop, sticks[0].closes == 1);
	sticks[0].may_take = SIZE_MAX;
	spice_server_char_device_wakeup(&sticks[0].device);
	ck_assert_uint_eq(sticks[0].taken, 100);
	viewer_come(viewer);
	sticks[0].has = 80;
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].opens == 2 && viewer->got == 80);
	viewer_say(viewer, 50);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 50);
	ck_assert(!sticks[0].is_wrong && !viewer->is_wrong);
}
END_TEST

/* -- bytes -- */

static const int ways[] = { 0, LZ4 | TEXT, TCP, TCP | LZ4, TCP | TEXT, TCP | LZ4 | TEXT };
enum { WAYS = sizeof ways / sizeof *ways, MUCH = 6000000 };

START_TEST(test_both_directions)
{
	struct viewer *viewer = &viewers[0];
	bool is_packed = ways[_i] == (TCP | LZ4 | TEXT);

	start(ways[_i]);
	srand((unsigned int)_i);
	viewer_come(viewer);
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	sticks[0].may_take = 0;
	sticks[0].piece = 3000;
	while (viewer->said < MUCH) {
		size_t n = (size_t)(rand() % (rand() % 8 ? 3000 : 200000)) + 1;

		if (rand() % 2)
			viewer_say(viewer, n);
		else
			viewer_say_packed(viewer, n);
		sticks[0].may_take += (size_t)(rand() % 50000);
		stick_say(&sticks[0], (size_t)(rand() % 100000));
		sticks[0].piece = (size_t)(rand() % 90000 + 1);
		clove_poll_loop_step(vmm.loop, 0);
	}
	sticks[0].may_take = SIZE_MAX;
	spice_server_char_device_wakeup(&sticks[0].device);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == viewer->said && viewer->got == sticks[0].said);
	ck_assert_uint_eq(sticks[0].has, 0);
	ck_assert(!viewer->is_wrong && !sticks[0].is_wrong);
	ck_assert_int_eq(viewer->packed > 0, is_packed);
	ck_assert_uint_eq(viewer->packed_small, 0);
	if (is_packed) {
		viewer->packed = viewer->plain = 0;
		stick_say(&sticks[0], 1000);
		NET_TURN_UNTIL(vmm.loop, viewer->plain == 1);
		stick_say(&sticks[0], 1001);
		NET_TURN_UNTIL(vmm.loop, viewer->packed == 1);
	}
}
END_TEST

START_TEST(test_a_slow_vmm)
{
	struct viewer *viewer = &viewers[0];

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	sticks[0].may_take = 0;
	for (int i = 0; i < 400; i++)
		viewer_say(viewer, 100000);
	REST(viewer->usb->channel.bytes_out);
	/* most of it is still the viewer's: the server holds a mebibyte or two, and the socket some */
	ck_assert_uint_gt(clove_channel_queued(&viewer->usb->channel), viewer->said - 5000000);
	ck_assert_int_lt(sticks[0].writes, 400);
	/* other channels are as quick as ever */
	plug(&sticks[1]);
	NET_TURN_UNTIL(vmm.loop, viewer->told[1] == 1);
	sticks[0].may_take = SIZE_MAX;
	spice_server_char_device_wakeup(&sticks[0].device);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == viewer->said);
	ck_assert(!sticks[0].is_wrong);
}
END_TEST

START_TEST(test_a_slow_client)
{
	struct viewer *viewer = &viewers[0];

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	clove_channel_pause(&viewer->usb->channel);
	stick_say(&sticks[0], 40000000);
	REST(sticks[0].said);
	ck_assert_uint_lt(sticks[0].said, 4000000);
	clove_channel_resume(&viewer->usb->channel);
	NET_TURN_UNTIL(vmm.loop, viewer->got == 40000000);
	ck_assert(!viewer->is_wrong);
}
END_TEST

START_TEST(test_a_vm_that_rests)
{
	struct viewer *viewer = &viewers[0];

	spice_server_vm_stop(server);
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	stick_say(&sticks[0], 3000);
	viewer_say(viewer, 3000);
	REST(viewer->usb->channel.bytes_out);
	ck_assert_uint_eq(sticks[0].taken + sticks[0].said, 0);
	spice_server_vm_start(server);
	ck_assert_uint_eq(sticks[0].taken, 3000);
	NET_TURN_UNTIL(vmm.loop, viewer->got == 3000);
}
END_TEST

/* As QEMU's `stop` and `cont`: nobody says that the device takes bytes again. */
START_TEST(test_a_vm_that_is_paused)
{
	struct viewer *viewer = &viewers[0];

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	sticks[0].may_take = 10;
	viewer_say(viewer, 3000);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 10);
	sticks[0].may_take = SIZE_MAX;
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 3000);
}
END_TEST

/* -- going, from inside -- */

static void unplug_once(struct stick *stick)
{
	stick->in_write = stick->in_read = NULL;
	unplug(stick);
}

static void destroy_all(struct stick *stick)
{
	stick->in_write = stick->in_read = NULL;
	spice_server_vm_stop(server);
}

START_TEST(test_gone_from_inside)
{
	struct viewer *viewer = &viewers[0];
	void (*fn)(struct stick *) = _i & 1 ? unplug_once : destroy_all;

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	if (_i & 2)
		sticks[0].in_write = fn;
	else
		sticks[0].in_read = fn;
	viewer_say(viewer, 5000);
	stick_say(&sticks[0], 5000);
	if (_i & 1)
		NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	else
		NET_TURN_UNTIL(vmm.loop, !sticks[0].in_write && !sticks[0].in_read);
}
END_TEST

/* -- a viewer that is wrong -- */

static const struct {
	const char *why;
	uint8_t type;
	uint32_t size;            /* 0: the right one */
	int change;               /* of the size */
	size_t cut;               /* bytes off the end */
	bool is_fine;
} packings[] = {
	{ "whole", 1, 0, 0, 0, true },
	{ "not packed, and says so", 0, 0, 0, 0, false },
	{ "of a kind that is not", 2, 0, 0, 0, false },
	{ "one byte too many", 1, 0, 1, 0, false },
	{ "one byte too few", 1, 0, -1, 0, false },
	{ "cut off", 1, 0, 0, 1, false },
	{ "nothing", 1, 0, 0, 5000, false },
	{ "more than any block becomes", 1, 16 << 20, 0, 0, false },
	{ "a bomb", 1, (16 << 20) + 1, 0, 0, false },
	{ "the largest bomb", 1, UINT32_MAX, 0, 0, false },
};

START_TEST(test_bad_packing)
{
	struct viewer *viewer = &viewers[0];
	uint8_t bytes[4000], packed[5000];
	size_t size;

	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	number(bytes, 0, sizeof bytes);
	ck_assert_int_eq(clove_lz4_pack(packed, sizeof packed, CLOVE_BYTES(bytes, sizeof bytes), &size), CLOVE_OK);
	size -= packings[_i].cut < size ? packings[_i].cut : size;
	clove_channel_send(&viewer->usb->channel, CLOVE_VMC_COMPRESSED_DATA, &(struct clove_vmc_compressed_data){
			.type = packings[_i].type, .data = CLOVE_BYTES(packed, size),
			.uncompressed_size = (packings[_i].size ? packings[_i].size : 4000) + (uint32_t)packings[_i].change,
			});
	if (packings[_i].is_fine) {
		NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 4000);
		return;
	}
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	ck_assert_int_eq(sticks[0].closes, 1);
	ck_assert_uint_eq(sticks[0].taken, 0);
	/* it lost its channel and no more */
	viewer_link(viewer, 0);
	viewer_say(viewer, 10);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == 10);
}
END_TEST

/* 255 bytes a byte are possible, and taken; a message that is longer than any may be is not waited for. */
START_TEST(test_great_messages)
{
	struct viewer *viewer = &viewers[0];
	uint8_t header[6] = { CLOVE_VMC_DATA };

	is_text = true;
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, sticks[0].is_open);
	viewer_say_packed(viewer, 16 << 20);
	viewer_say(viewer, 20 << 20);
	NET_TURN_UNTIL(vmm.loop, sticks[0].taken == (36 << 20));
	ck_assert(!sticks[0].is_wrong);
	if (_i) {
		viewer_say_packed(viewer, (16 << 20) + 1);
	} else {
		size_t put;

		clove_put_le32(header + 2, (64 << 20) + 1);
		ck_assert_int_eq(clove_stream_write(viewer->usb->channel.stream, header, sizeof header, &put),
				CLOVE_OK);
	}
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmc-channel");
	TCase *tc = tcase_create("vmc-channel"), *way = tcase_create("ways");

	if (!mkdtemp(dir))
		return 1;
	tcase_set_timeout(tc, 20);
	tcase_set_timeout(way, 20);
	tcase_add_checked_fixture(tc, setup, vmc_end);
	tcase_add_test(tc, test_devices_are_channels);
	tcase_add_test(tc, test_one_client_at_a_time);
	tcase_add_test(tc, test_a_slow_vmm);
	tcase_add_test(tc, test_a_slow_client);
	tcase_add_test(tc, test_a_vm_that_rests);
	tcase_add_test(tc, test_a_vm_that_is_paused);
	tcase_add_loop_test(tc, test_gone_from_inside, 0, 4);
	tcase_add_loop_test(tc, test_bad_packing, 0, sizeof packings / sizeof *packings);
	tcase_add_loop_test(tc, test_great_messages, 0, 2);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(way, NULL, vmc_end);
	tcase_add_loop_test(way, test_both_directions, 0, WAYS);
	suite_add_tcase(suite, way);

	int status = net_run(suite);

	rmdir(dir);
	return status;
}
