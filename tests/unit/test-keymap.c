/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-keymap.c - keys that people press, what the wire carries for them, and hotkeys' words. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include "client-gtk/hotkeys.h"
#include "client-gtk/keymap.h"

static const struct {
	const char *key;
	unsigned int evdev;
	uint16_t code;
	uint32_t press, release;
} keys[] = {
	{ "Escape",     1,   0x001, 0x01,   0x81 },
	{ "A",          30,  0x01e, 0x1e,   0x9e },
	{ "F12",        88,  0x058, 0x58,   0xd8 },
	{ "Print",      99,  0x054, 0x54,   0xd4 },
	{ "Right",      106, 0x14d, 0x4de0, 0xcde0 },
	{ "right Ctrl", 97,  0x11d, 0x1de0, 0x9de0 },
	{ "Super",      125, 0x15b, 0x5be0, 0xdbe0 },
	{ "Delete",     111, 0x153, 0x53e0, 0xd3e0 },
};

START_TEST(test_keymap_row)
{
	ck_assert_uint_eq(clove_keymap_code(keys[_i].evdev), keys[_i].code);
	ck_assert_uint_eq(clove_keymap_press(keys[_i].code), keys[_i].press);
	ck_assert_uint_eq(clove_keymap_release(keys[_i].code), keys[_i].release);
}
END_TEST

START_TEST(test_keymap_is_bounded)
{
	for (unsigned int evdev = 0; evdev < 1024; evdev++) {
		uint16_t code = clove_keymap_code(evdev);

		ck_assert_uint_lt(code, CLOVE_KEYMAP_CODES);
		ck_assert(!code || (code & 0x7f && !(code & 0x80)));
		if (evdev >= 1 && evdev <= 83)
			ck_assert_uint_eq(code, evdev);
	}
	ck_assert_uint_eq(clove_keymap_code(0), 0);
	ck_assert_uint_eq(clove_keymap_code(UINT32_MAX), 0);
}
END_TEST

static const struct {
	const char *text;
	bool modifiers_will_do;
	enum clove_err want;
	guint key, mods;
} hotkeys[] = {
	{ "shift+f11",         false, CLOVE_OK, GDK_KEY_F11, GDK_SHIFT_MASK },
	{ "Ctrl+Alt+Ins",      false, CLOVE_OK, GDK_KEY_Insert, GDK_CONTROL_MASK | GDK_MOD1_MASK },
	{ "left-ctrl+ralt+R",  false, CLOVE_OK, GDK_KEY_r, GDK_CONTROL_MASK | GDK_MOD1_MASK },
	{ "win+space",         false, CLOVE_OK, GDK_KEY_space, GDK_SUPER_MASK },
	{ "F8",                false, CLOVE_OK, GDK_KEY_F8, 0 },
	{ "ctrl+alt",          true,  CLOVE_OK, 0, GDK_CONTROL_MASK | GDK_MOD1_MASK },
	{ "ctrl+alt",          false, CLOVE_ERR_VALUE, 0, 0 },
	{ "ctrl+no such key",  false, CLOVE_ERR_VALUE, 0, 0 },
	{ "a+b",               false, CLOVE_ERR_VALUE, 0, 0 },
	{ "",                  true,  CLOVE_ERR_VALUE, 0, 0 },
	{ "+",                 false, CLOVE_ERR_VALUE, 0, 0 },
};

START_TEST(test_hotkey_text)
{
	struct clove_hotkey hotkey;

	ck_assert_int_eq(clove_hotkey_parse(hotkeys[_i].text, hotkeys[_i].modifiers_will_do, &hotkey),
			hotkeys[_i].want);
	ck_assert_uint_eq(hotkey.key, hotkeys[_i].key);
	ck_assert_uint_eq(hotkey.mods, hotkeys[_i].mods);
}
END_TEST

START_TEST(test_hotkeys_keep_little_from_the_guest)
{
	struct clove_hotkeys set;
	char *error, *label;

	clove_hotkeys_defaults(&set);
	ck_assert_int_eq(clove_hotkeys_find(&set, GDK_KEY_F11, 0), CLOVE_HOTKEYS);
	ck_assert_int_eq(clove_hotkeys_find(&set, GDK_KEY_F11, GDK_SHIFT_MASK | GDK_LOCK_MASK),
			CLOVE_HOTKEY_TOGGLE_FULLSCREEN);
	label = clove_hotkey_label(&set.of[CLOVE_HOTKEY_TOGGLE_FULLSCREEN]);
	ck_assert_str_eq(label, "Shift+F11");
	g_free(label);
	ck_assert_int_eq(clove_hotkeys_parse("zoom-in=ctrl+plus,usb-device-reset=f1", &set, &error),
			CLOVE_OK);
	ck_assert_int_eq(clove_hotkeys_find(&set, GDK_KEY_plus, GDK_CONTROL_MASK),
			CLOVE_HOTKEY_ZOOM_IN);
	ck_assert_int_eq(clove_hotkeys_parse("fly=f1", &set, &error), CLOVE_ERR_VALUE);
	g_free(error);
	ck_assert_int_eq(clove_hotkeys_parse("zoom-in=", &set, &error), CLOVE_ERR_VALUE);
	g_free(error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keymap");
	TCase *tcase = tcase_create("keymap");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_keymap_row, 0, G_N_ELEMENTS(keys));
	tcase_add_test(tcase, test_keymap_is_bounded);
	tcase_add_loop_test(tcase, test_hotkey_text, 0, G_N_ELEMENTS(hotkeys));
	tcase_add_test(tcase, test_hotkeys_keep_little_from_the_guest);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
