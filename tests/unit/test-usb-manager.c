/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-manager.c - what is taken, given back and refused, by whose wish, and in what words. */
#include "usb-manager-fixture.h"

START_TEST(test_manager_takes_and_gives_back)
{
	start_usual();
	ck_assert_str_eq(see(0)->name, "Acme Thing");
	ck_assert_str_eq(item.place, "1234:abcd, bus 3, device 7");
	ck_assert_int_eq(item.state, CLOVE_USB_FREE);
	ck_assert_str_eq(item.text, "");
	clove_usb_manager_take(manager, item.id);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_CLAIMING);
	ck_assert_uint_eq(machine.id, 1);
	ck_assert_int_eq(machine.fd, -1);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
	ck_assert_ptr_nonnull(channels[0].device);
	channels[0].is_slow = true;
	clove_usb_manager_give_back(manager, item.id);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_LEAVING);
	settle();
	leave(&channels[0], "");
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	ck_assert_str_eq(said->str, "");
	/* and once more */
	clove_usb_manager_take(manager, item.id);
	ck_assert_int_eq(machine.n_opens, 2);
	answer_open(device_new(), CLOVE_OK, NULL);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
}
END_TEST

static const struct {
	const char *why;
	bool is_disabled, is_connected, has_channel, is_busy, is_private;
	const char *rules, *in_use;
	const char *text;         /* "": it can be taken */
	enum clove_usb_state state;
} refusals[] = {
	{ "as it should be", .is_connected = true, .has_channel = true, .text = "" },
	{ "switched off", .is_disabled = true, .is_connected = true, .has_channel = true,
		.text = "switched off", .state = CLOVE_USB_REFUSED },
	{ "no session", .text = "no connection", .state = CLOVE_USB_REFUSED },
	{ "no channel", .is_connected = true, .text = "usb-redir device", .state = CLOVE_USB_REFUSED },
	{ "the guest's rules", .is_connected = true, .has_channel = true, .rules = "0x08,-1,-1,-1,0|-1,-1,-1,-1,1",
		.text = "rules keep it out", .state = CLOVE_USB_REFUSED },
	{ "the guest's rules that let it in", .is_connected = true, .has_channel = true,
		.rules = "-1,0x1234,-1,-1,1", .text = "" },
	{ "mounted", .is_connected = true, .has_channel = true, .in_use = "/media/stick is mounted",
		.text = "/media/stick is mounted. Close what uses it and eject it first",
		.state = CLOVE_USB_REFUSED },
	{ "somebody to ask", .is_connected = true, .has_channel = true, .is_private = true,
		.text = "asked for permission" },
	{ "no free channel", .is_connected = true, .has_channel = true, .is_busy = true,
		.text = "only USB channel is in use", .state = CLOVE_USB_REFUSED },
};

START_TEST(test_manager_says_why_not)
{
	struct clove_local_device local = {
		.id = 9, .bus = 3, .address = 7, .is_accessible = !refusals[_i].is_private,
		.shape = { .speed = CLOVE_USB_HIGH, .vendor = 0x1234, .product = 1, .interface_count = 1,
			.interfaces = { { .interface_class = 8 } } },
	};

	settings.is_usb_disabled = refusals[_i].is_disabled;
	start(&source);
	if (refusals[_i].is_disabled) /* the devices are not even looked at */
		clove_usb_manager_add_image(manager, "/x/y.img", false);
	if (refusals[_i].in_use)
		snprintf(local.in_use, sizeof local.in_use, "%s", refusals[_i].in_use);
	if (!refusals[_i].is_disabled)
		machine.events->plugged(machine.owner, &local);
	clove_usb_manager_connected(manager, refusals[_i].is_connected);
	if (refusals[_i].has_channel)
		come(0);
	if (refusals[_i].rules)
		clove_usb_manager_filter(manager, &channels[0], refusals[_i].rules);
	if (refusals[_i].is_busy)
		clove_usb_manager_add_image(manager, "/x/y.img", true);
	settle();
	see(0);
	if (refusals[_i].is_disabled)
		clove_usb_manager_give_back(manager, see(0)->id);
	see(0);
	ck_assert_msg(strstr(item.text, refusals[_i].text), "%s: %s", refusals[_i].why, item.text);
	ck_assert_msg(refusals[_i].text[0] || !item.text[0], "%s: %s", refusals[_i].why, item.text);
	ck_assert_msg(item.state == refusals[_i].state, "%s: state %d", refusals[_i].why, (int)item.state);
	if (item.state == CLOVE_USB_REFUSED) { /* and a wish does not change that */
		clove_usb_manager_take(manager, item.id);
		settle();
		ck_assert_int_eq(machine.n_opens + police.n_asked, 0);
	}
}
END_TEST

static const struct {
	enum clove_err err;
	const char *why, *text;
} answers[] = {
	{ CLOVE_ERR_CLOSED, "dismissed", "" },
	{ CLOVE_ERR_REFUSED, "not on Sundays", "given to the guest. Not on Sundays." },
	{ CLOVE_ERR_UNSUPPORTED, "no permission, and no polkit - see help",
		"No permission, and no polkit. The manual, clove-viewer(1), shows a udev rule" },
};

static void ask_for_one(void)
{
	struct clove_local_device local = { .id = 4, .bus = 3, .address = 7, .name = "Private Thing" };

	start(&source);
	machine.events->plugged(machine.owner, &local);
	clove_usb_manager_connected(manager, true);
	come(0);
	settle();
	clove_usb_manager_take(manager, see(0)->id);
	ck_assert_int_eq(police.n_asked, 1);
	ck_assert_uint_eq(police.address, 7);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_CLAIMING);
	ck_assert_str_eq(item.text, "Waiting for permission…");
}

START_TEST(test_manager_asks_for_permission)
{
	ask_for_one();
	police.answer(police.opaque, -1, answers[_i].err, answers[_i].why);
	ck_assert_int_eq(police.n_freed, 1);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	ck_assert_msg(strstr(said->str, answers[_i].text), "%s", said->str);
	ck_assert_msg(answers[_i].text[0] || !said->len, "%s", said->str);
	ck_assert_int_eq(machine.n_opens, 0);
	clove_usb_manager_take(manager, item.id); /* another try */
	ck_assert_int_eq(police.n_asked, 2);
	police.answer(police.opaque, 1234, CLOVE_OK, NULL);
	ck_assert_int_eq(machine.fd, 1234);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
}
END_TEST

/* Ways in which a claim ends before it has come to anything. */
START_TEST(test_manager_ends_a_claim)
{
	bool is_asking = _i % 2;

	if (is_asking) {
		ask_for_one();
	} else {
		start_usual();
		clove_usb_manager_take(manager, see(0)->id);
	}
	if (_i / 2 == 0)
		clove_usb_manager_give_back(manager, see(0)->id);
	else if (_i / 2 == 1)
		go(0, NULL);
	else if (_i / 2 == 2)
		lose();
	else
		machine.events->unplugged(machine.owner, is_asking ? 4 : 1);
	ck_assert_int_eq(machine.n_forgets, !is_asking);
	ck_assert_int_eq(police.n_freed, is_asking);
	settle();
	ck_assert_str_eq(said->str, "");
	if (_i / 2 == 3) {
		ck_assert(!clove_usb_manager_item(manager, 0, &item));
		return;
	}
	ck_assert_int_eq(see(0)->state, _i / 2 ? CLOVE_USB_WAITING : CLOVE_USB_FREE);
	/* the channel can be used again */
	clove_usb_manager_connected(manager, true);
	if (_i / 2)
		come(1);
	settle();
	clove_usb_manager_take(manager, see(0)->id);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_CLAIMING);
}
END_TEST

START_TEST(test_manager_hears_of_a_device_that_is_unplugged)
{
	start_usual();
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	if (_i == 0) { /* either may come first */
		machine.events->unplugged(machine.owner, 1);
	} else {
		leave(&channels[0], "It was unplugged.");
		machine.events->unplugged(machine.owner, 1);
	}
	settle();
	ck_assert(!clove_usb_manager_item(manager, 0, &item));
	ck_assert_ptr_null(channels[0].device);
	/* the next plug of it is another device, and nobody asked for it */
	plug_in(2, 8, CLOVE_USB_HIGH);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	clove_usb_manager_take(manager, item.id);
	answer_open(device_new(), CLOVE_OK, NULL);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
}
END_TEST

START_TEST(test_manager_tells_why_a_device_left)
{
	static const struct {
		uint8_t speed;
		bool is_refused;
		const char *why, *text, *rules;
	} rows[] = {
		{ CLOVE_USB_HIGH, false, "The rules do not allow it.",
			"could not be given to the guest. The virtual machine refused it", "8,-1,-1,-1,0" },
		{ CLOVE_USB_HIGH, false, "It does not answer any more.",
			"The guest no longer has “Acme Thing”. It does not answer any more.\n" },
		{ CLOVE_USB_HIGH, false, "", "" },    /* ejected in the guest */
		{ CLOVE_USB_HIGH, true, "x", "filter of the usb-redir device" },
		{ CLOVE_USB_FULL, true, "x", "as slow as this one" },
		{ CLOVE_USB_LOW, true, "x", "clove-ehci-vfio" },
		{ CLOVE_USB_SUPER, true, "x", "USB 2 port" },
	};

	start(&source);
	plug_in(1, 8, rows[_i].speed);
	clove_usb_manager_connected(manager, true);
	come(0);
	settle();
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	if (rows[_i].is_refused || rows[_i].rules)
		clove_usb_manager_filter(manager, &channels[0], rows[_i].rules);
	leave(&channels[0], rows[_i].why);
	settle();
	ck_assert_int_eq(see(0)->state, rows[_i].rules ? CLOVE_USB_REFUSED : CLOVE_USB_FREE);
	ck_assert_msg(strstr(said->str, rows[_i].text), "%s", said->str);
	ck_assert_msg(rows[_i].text[0] || !said->len, "%s", said->str);
	if (rows[_i].text[0] && !rows[_i].rules)
		ck_assert_msg(item.text[0] && strstr(said->str, item.text), "%s", item.text);
	/* not again by itself */
	ck_assert_int_eq(machine.n_opens, 1);
}
END_TEST

START_TEST(test_manager_tells_why_a_device_was_not_opened)
{
	start_usual();
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(NULL, CLOVE_ERR_IO, "Another program has it: close that.");
	settle();
	ck_assert_str_eq(said->str, "“Acme Thing” could not be given to the guest. Another program has it: close "
			"that.\n");
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	ck_assert_str_eq(item.text, "Another program has it: close that.");
	channels[0].err = CLOVE_ERR_REFUSED;
	clove_usb_manager_take(manager, item.id);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert_msg(strstr(said->str, "rules keep it out"), "%s", said->str);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	clove_usb_manager_take(manager, item.id);
	answer_open(device_new(), CLOVE_OK, NULL);
	ck_assert_str_eq(see(0)->text, "The guest has it.");
}
END_TEST

START_TEST(test_manager_takes_what_is_there_by_rule)
{
	settings.usb_connect_filter = g_strdup("0x08,-1,-1,-1,1");
	start(&source);
	plug_in(1, 3, CLOVE_USB_LOW);
	plug_in(2, 8, CLOVE_USB_HIGH);
	clove_usb_manager_connected(manager, true);
	settle();
	ck_assert_int_eq(machine.n_opens, 0);
	come(0);
	settle();
	ck_assert_int_eq(machine.n_opens, 1);
	ck_assert_uint_eq(machine.id, 2);
	answer_open(device_new(), CLOVE_OK, NULL);
	come(1);
	/* the list of what is there may come later than the channel */
	plug_in(3, 3, CLOVE_USB_LOW);
	plug_in(4, 8, CLOVE_USB_HIGH);
	settle();
	ck_assert_uint_eq(machine.id, 4);
	answer_open(device_new(), CLOVE_OK, NULL);
	/* what a person gave back stays here, in the next session too */
	clove_usb_manager_give_back(manager, see(1)->id);
	settle();
	lose();
	clove_usb_manager_connected(manager, true);
	come(2);
	settle();
	ck_assert_int_eq(see(1)->state, CLOVE_USB_REFUSED);
	ck_assert_uint_eq(machine.id, 4);
	ck_assert_int_eq(machine.n_opens, 3);
}
END_TEST

static const struct {
	const char *why;
	bool shares, has_focus, is_connected;
	const char *rules;
	uint8_t class;
	bool is_taken;
} plugs[] = {
	{ "by the usual rules", true, true, true, NULL, 8, true },
	{ "a keyboard stays", true, true, true, NULL, 3, false },
	{ "unless the rules say so", true, true, true, "3,-1,-1,-1,1", 3, true },
	{ "and what they do not name stays", true, true, true, "3,-1,-1,-1,1", 8, false },
	{ "people look elsewhere", true, false, true, NULL, 8, false },
	{ "nobody asked for it", false, true, true, NULL, 8, false },
	{ "there is no guest", true, true, false, NULL, 8, false },
};

START_TEST(test_manager_takes_what_is_plugged_in_by_rule)
{
	settings.shares_usb = plugs[_i].shares;
	settings.usb_filter = g_strdup(plugs[_i].rules);
	has_focus = plugs[_i].has_focus;
	start_settled();
	if (plugs[_i].is_connected) {
		clove_usb_manager_connected(manager, true);
		come(0);
	}
	plug_in(1, plugs[_i].class, CLOVE_USB_HIGH);
	settle();
	ck_assert_msg(machine.n_opens == plugs[_i].is_taken, "%s", plugs[_i].why);
	if (machine.n_opens)
		answer_open(device_new(), CLOVE_OK, NULL);
}
END_TEST

START_TEST(test_manager_attaches_again_after_a_reconnect)
{
	settings.usb_images[settings.n_usb_images++] = (struct clove_usb_image){ .path = g_strdup("/x/a.iso"),
		.is_cd = true };
	start(&source);
	plug_in(1, 8, CLOVE_USB_HIGH);
	settle();
	ck_assert_int_eq(see(1)->state, CLOVE_USB_WAITING);
	ck_assert_str_eq(item.name, "a.iso");
	ck_assert_str_eq(item.place, "/x/a.iso, read-only");
	clove_usb_manager_connected(manager, true);
	come(0);
	come(1);
	settle();
	ck_assert_int_eq(see(1)->state, CLOVE_USB_REDIRECTED);
	ck_assert_str_eq(last_path, "/x/a.iso");
	ck_assert_int_eq(last_image.kind, CLOVE_USB_STORAGE_CD);
	ck_assert(!last_image.is_writable);
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	for (int i = 1; i <= 3; i++) {
		lose();
		ck_assert_int_eq(n_devices, 0);
		settle();
		for (unsigned int n = 0; n < 2; n++) {
			ck_assert_int_eq(see(n)->state, CLOVE_USB_WAITING);
			ck_assert_msg(strstr(item.text, "connection is back"), "%s", item.text);
		}
		clove_usb_manager_connected(manager, true);
		come(0);
		settle();
		come(1); /* a channel may come later than the others */
		settle();
		answer_open(device_new(), CLOVE_OK, NULL);
		settle();
		for (unsigned int n = 0; n < 2; n++)
			ck_assert_int_eq(see(n)->state, CLOVE_USB_REDIRECTED);
		ck_assert_int_eq(n_devices, 2);
	}
	ck_assert_str_eq(said->str, "");
}
END_TEST

START_TEST(test_manager_follows_channels_that_come_and_go)
{
	start_usual();
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	/* the server takes the channel away, and offers another */
	go(0, NULL);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_WAITING);
	ck_assert_int_eq(machine.n_opens, 1);
	come(1);
	settle();
	answer_open(device_new(), CLOVE_OK, NULL);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
	/* what broke it would break the next one */
	go(1, "It talks nonsense.");
	settle();
	ck_assert_str_eq(said->str, "The guest no longer has “Acme Thing”. It talks nonsense.\n");
	come(2);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	ck_assert_str_eq(item.text, "It talks nonsense.");
	ck_assert_int_eq(machine.n_opens, 2);
}
END_TEST

START_TEST(test_manager_waits_for_a_channel_that_is_given_back)
{
	start_usual();
	plug_in(2, 8, CLOVE_USB_HIGH);
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	clove_usb_manager_take(manager, see(1)->id);
	settle();
	ck_assert_int_eq(see(1)->state, CLOVE_USB_WAITING);
	channels[0].is_slow = true;
	clove_usb_manager_give_back(manager, see(0)->id);
	settle();
	ck_assert_int_eq(machine.n_opens, 1); /* the first is still there */
	leave(&channels[0], "");
	settle();
	ck_assert_int_eq(machine.n_opens, 2);
	ck_assert_uint_eq(machine.id, 2);
	answer_open(device_new(), CLOVE_OK, NULL);
	ck_assert_int_eq(see(1)->state, CLOVE_USB_REDIRECTED);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REFUSED);
}
END_TEST

START_TEST(test_manager_plugs_in_anew)
{
	start_usual();
	plug_in(2, 8, CLOVE_USB_HIGH);
	clove_usb_manager_take(manager, see(0)->id);
	answer_open(device_new(), CLOVE_OK, NULL);
	clove_usb_manager_reset(manager);
	settle();
	ck_assert_int_eq(machine.n_opens, 2);
	ck_assert_uint_eq(machine.id, 1);
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
	ck_assert_int_eq(channels[0].n_plugs, 2);
	ck_assert_int_eq(n_devices, 1);
}
END_TEST

START_TEST(test_manager_shares_images)
{
	bool is_possible;

	start(&deaf_source);
	clove_usb_manager_connected(manager, true);
	come(0);
	come(1);
	clove_usb_manager_add_image(manager, "/x/stick.img", true);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
	ck_assert(item.is_image && item.is_writable);
	ck_assert_str_eq(item.place, "/x/stick.img, the guest may write to it");
	ck_assert(last_image.is_writable);
	ck_assert_int_eq(last_image.kind, CLOVE_USB_STORAGE_GUESS);
	ck_assert_msg(strstr(clove_usb_manager_summary(manager, &is_possible), "1 channel is free"), "%s",
			clove_usb_manager_summary(manager, &is_possible));
	ck_assert_msg(strstr(clove_usb_manager_summary(manager, &is_possible), "no USB here"), "%s",
			clove_usb_manager_summary(manager, &is_possible));
	ck_assert(is_possible);
	has_images = false;
	clove_usb_manager_add_image(manager, "/x/gone.img", false);
	settle();
	ck_assert_str_eq(said->str, "“gone.img” could not be given to the guest. The file is gone.\n");
	ck_assert_int_eq(see(1)->state, CLOVE_USB_FREE);
	clove_usb_manager_remove_image(manager, item.id);
	settle();
	ck_assert(!clove_usb_manager_item(manager, 1, &item));
	clove_usb_manager_remove_image(manager, see(0)->id); /* with the device in it */
	ck_assert_int_eq(n_devices, 0);
	settle();
	ck_assert(!clove_usb_manager_item(manager, 0, &item));
	has_images = true;
	clove_usb_manager_add_image(manager, "/x/next.img", false);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REDIRECTED);
}
END_TEST

START_TEST(test_manager_says_why_there_are_no_devices)
{
	bool is_possible;

	start(&deaf_source);
	clove_usb_manager_connected(manager, true);
	come(0);
	ck_assert_str_eq(clove_usb_manager_summary(manager, &is_possible), "The guest can have one device at a time. "
			"This computer's devices cannot be listed: There is no USB here.");
}
END_TEST

START_TEST(test_manager_sees_who_uses_a_device)
{
	struct clove_local_device local = { .id = 1, .bus = 3, .address = 7, .is_accessible = true,
		.in_use = "/media/x is mounted" };

	start_usual();
	clove_usb_manager_look(manager);
	ck_assert_int_eq(n_looks, 1);
	machine.events->changed(machine.owner, &local);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_REFUSED);
	local.in_use[0] = 0;
	machine.events->changed(machine.owner, &local);
	settle();
	ck_assert_int_eq(see(0)->state, CLOVE_USB_FREE);
	/* the right to open it went while nobody looked */
	clove_usb_manager_take(manager, item.id);
	answer_open(NULL, CLOVE_ERR_AUTH, "no permission");
	settle();
	ck_assert_int_eq(police.n_asked, 1);
	ck_assert_int_eq(see(0)->state, CLOVE_USB_CLAIMING);
	police.answer(police.opaque, 5, CLOVE_OK, NULL);
	answer_open(NULL, CLOVE_ERR_AUTH, "still no permission");
	settle();
	ck_assert_int_eq(police.n_asked, 1);
	ck_assert_str_eq(said->str, "“Acme Thing” could not be given to the guest. Still no permission.\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usb-manager");
	TCase *tcase = tcase_create("usb-manager");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_manager_takes_and_gives_back);
	tcase_add_loop_test(tcase, test_manager_says_why_not, 0, G_N_ELEMENTS(refusals));
	tcase_add_loop_test(tcase, test_manager_asks_for_permission, 0, G_N_ELEMENTS(answers));
	tcase_add_loop_test(tcase, test_manager_ends_a_claim, 0, 8);
	tcase_add_loop_test(tcase, test_manager_hears_of_a_device_that_is_unplugged, 0, 2);
	tcase_add_loop_test(tcase, test_manager_tells_why_a_device_left, 0, 7);
	tcase_add_test(tcase, test_manager_tells_why_a_device_was_not_opened);
	tcase_add_test(tcase, test_manager_takes_what_is_there_by_rule);
	tcase_add_loop_test(tcase, test_manager_takes_what_is_plugged_in_by_rule, 0, G_N_ELEMENTS(plugs));
	tcase_add_test(tcase, test_manager_attaches_again_after_a_reconnect);
	tcase_add_test(tcase, test_manager_follows_channels_that_come_and_go);
	tcase_add_test(tcase, test_manager_waits_for_a_channel_that_is_given_back);
	tcase_add_test(tcase, test_manager_plugs_in_anew);
	tcase_add_test(tcase, test_manager_shares_images);
	tcase_add_test(tcase, test_manager_says_why_there_are_no_devices);
	tcase_add_test(tcase, test_manager_sees_who_uses_a_device);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
