/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-inputs-channel.c - what a server hears of keys, motion and buttons, and in what order. */
#include "channel-fixture.h"
#include "client-gtk/inputs-channel.h"

static struct clove_loop *loop;
static struct peer peer;
static struct clove_inputs_channel *inputs;
static int heard_locks, heard_close;

static enum clove_err on_key(void *channel, const void *message)
{
	peer_note(channel, "key %x ", ((const struct clove_inputs_key *)message)->code);
	return CLOVE_OK;
}

static enum clove_err on_locks(void *channel, const void *message)
{
	peer_note(channel, "locks %u ", ((const struct clove_inputs_modifiers *)message)->modifiers);
	return CLOVE_OK;
}

static enum clove_err on_motion(void *channel, const void *message)
{
	const struct clove_inputs_motion *motion = message;

	peer_note(channel, "by %d,%d/%x ", motion->dx, motion->dy, motion->buttons);
	return CLOVE_OK;
}

static enum clove_err on_position(void *channel, const void *message)
{
	const struct clove_inputs_position *position = message;

	peer_note(channel, "to %u:%u,%u/%x ", position->display_id, position->x, position->y,
			position->buttons);
	return CLOVE_OK;
}

static enum clove_err on_press(void *channel, const void *message)
{
	const struct clove_inputs_button *button = message;

	peer_note(channel, "press %u/%x ", button->button, button->buttons);
	return CLOVE_OK;
}

static enum clove_err on_release(void *channel, const void *message)
{
	const struct clove_inputs_button *button = message;

	peer_note(channel, "release %u/%x ", button->button, button->buttons);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_INPUTS_KEY_DOWN, on_key },
	{ CLOVE_INPUTS_KEY_UP, on_key },
	{ CLOVE_INPUTS_CLIENT_KEY_MODIFIERS, on_locks },
	{ CLOVE_INPUTS_MOUSE_MOTION, on_motion },
	{ CLOVE_INPUTS_MOUSE_POSITION, on_position },
	{ CLOVE_INPUTS_MOUSE_PRESS, on_press },
	{ CLOVE_INPUTS_MOUSE_RELEASE, on_release },
	{ 0, NULL },
};

static const struct clove_channel_ops ops = { .handlers = handlers, .closed = peer_closed };

static void locks_came(void *opaque, uint16_t modifiers)
{
	(void)opaque;
	heard_locks = modifiers;
}

static void closed(void *opaque, enum clove_err err)
{
	(void)opaque;
	heard_close = (int)err;
	clove_inputs_channel_free(inputs);
	inputs = NULL;
}

static const struct clove_inputs_events events = { .modifiers = locks_came, .closed = closed };

static void setup(void)
{
	struct clove_opened opened;

	memset(&peer, 0, sizeof peer);
	heard_locks = heard_close = -1;
	loop = clove_poll_loop_new();
	peer_open(&peer, loop, CLOVE_CHANNEL_INPUTS, &ops, &opened);
	inputs = clove_inputs_channel_new(loop, &events, NULL, &opened);
	ck_assert_ptr_nonnull(inputs);
}

static void teardown(void)
{
	clove_inputs_channel_free(inputs);
	clove_channel_fini(&peer.channel);
	clove_poll_loop_free(loop);
}

static void ack(void)
{
	clove_channel_send(&peer.channel, CLOVE_INPUTS_MOUSE_MOTION_ACK, NULL);
}

/* What was said since the last time is this, and no more. */
static void expect(const char *want)
{
	NET_TURN_UNTIL(loop, peer.len >= strlen(want));
	clove_poll_loop_step(loop, 10);
	ck_assert_str_eq(peer.said, want);
	peer.len = 0;
	peer.said[0] = 0;
}

START_TEST(test_inputs_send_keys_and_locks_as_they_come)
{
	clove_inputs_channel_key(inputs, true, 0x1e);
	clove_inputs_channel_key(inputs, true, 0x1e);
	clove_inputs_channel_key(inputs, false, 0x9e);
	clove_inputs_channel_locks(inputs, CLOVE_MODIFIER_CAPS_LOCK);
	clove_inputs_channel_key(inputs, true, 0x4de0);
	expect("key 1e key 1e key 9e locks 4 key 4de0 ");
}
END_TEST

START_TEST(test_inputs_hold_motion_back_until_it_is_acknowledged)
{
	for (int i = 1; i <= 12; i++)
		clove_inputs_channel_motion(inputs, i, -i);
	expect("by 1,-1/0 by 2,-2/0 by 3,-3/0 by 4,-4/0 by 5,-5/0 by 6,-6/0 by 7,-7/0 by 8,-8/0 ");
	ack();
	expect("by 42,-42/0 ");
	ack();
	ack();
	clove_poll_loop_step(loop, 10);
	expect("");
	for (unsigned int i = 0; i < 12; i++)
		clove_inputs_channel_position(inputs, 3, i, 1);
	NET_TURN_UNTIL(loop, strstr(peer.said, "to 3:7,1/0 "));
	peer.len = 0;
	ack();
	expect("to 3:11,1/0 ");
}
END_TEST

START_TEST(test_inputs_put_motion_before_a_button)
{
	for (int i = 0; i < 9; i++)
		clove_inputs_channel_motion(inputs, 1, 0);
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_LEFT, true);
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_RIGHT, true);
	NET_TURN_UNTIL(loop, strstr(peer.said, "press 3"));
	ck_assert_str_eq(strstr(peer.said, "press 1") - 9, "by 1,0/0 press 1/1 press 3/5 ");
	peer.len = 0;
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_LEFT, false);
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_LEFT, false); /* is not down */
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_WHEEL_UP, true);
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_WHEEL_UP, false);
	clove_inputs_channel_button(inputs, CLOVE_BUTTON_EXTRA, true);
	expect("release 1/4 press 4/4 release 4/4 press 7/44 ");
	clove_inputs_channel_release_buttons(inputs);
	clove_inputs_channel_release_buttons(inputs);
	expect("release 3/40 release 7/0 ");
}
END_TEST

START_TEST(test_inputs_tell_the_guests_locks)
{
	struct clove_inputs_modifiers locks = { .modifiers = CLOVE_MODIFIER_NUM_LOCK };

	clove_channel_send(&peer.channel, CLOVE_INPUTS_INIT, &locks);
	NET_TURN_UNTIL(loop, heard_locks == CLOVE_MODIFIER_NUM_LOCK);
	locks.modifiers = 0;
	clove_channel_send(&peer.channel, CLOVE_INPUTS_KEY_MODIFIERS, &locks);
	NET_TURN_UNTIL(loop, heard_locks == 0);
}
END_TEST

START_TEST(test_inputs_close_on_what_is_too_large)
{
	static const uint8_t large[5000];

	clove_channel_send_raw(&peer.channel, CLOVE_INPUTS_INIT, CLOVE_BYTES(large, sizeof large));
	NET_TURN_UNTIL(loop, heard_close >= 0);
	ck_assert_int_eq(heard_close, CLOVE_ERR_LIMIT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inputs-channel");
	TCase *tcase = tcase_create("inputs-channel");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, test_inputs_send_keys_and_locks_as_they_come);
	tcase_add_test(tcase, test_inputs_hold_motion_back_until_it_is_acknowledged);
	tcase_add_test(tcase, test_inputs_put_motion_before_a_button);
	tcase_add_test(tcase, test_inputs_tell_the_guests_locks);
	tcase_add_test(tcase, test_inputs_close_on_what_is_too_large);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
