/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-view.c - the viewer's pure parts: keys that are down, where a picture lies, and its file. */
#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-gtk/geometry.h"
#include "client-gtk/keyboard.h"
#include "client-gtk/locks.h"
#include "client-gtk/motion.h"
#include "client-gtk/reconnect.h"
#include "client-gtk/release-chord.h"
#include "client-gtk/screenshot.h"
#include "client-gtk/stats.h"

static void note(void *opaque, bool is_press, uint32_t code)
{
	g_string_append_printf(opaque, "%c%x ", is_press ? '+' : '-', code);
}

START_TEST(test_keyboard_lets_no_key_stay)
{
	GString *seen = g_string_new(NULL);
	struct clove_keyboard keyboard = { .send = note, .opaque = seen };

	ck_assert(clove_keyboard_key(&keyboard, true, 30));
	ck_assert(clove_keyboard_key(&keyboard, true, 30)); /* a repetition is a press */
	ck_assert(clove_keyboard_key(&keyboard, true, 106));
	clove_keyboard_pause(&keyboard, true);
	ck_assert(!clove_keyboard_key(&keyboard, false, 31));
	ck_assert(!clove_keyboard_key(&keyboard, true, 0));
	ck_assert(!clove_keyboard_key(&keyboard, true, 100000));
	clove_keyboard_release_all(&keyboard);
	clove_keyboard_release_all(&keyboard);
	ck_assert(!clove_keyboard_key(&keyboard, false, 30));
	ck_assert_str_eq(seen->str, "+1e +1e +4de0 +1de1 +45 -9e -cde0 -9de1 -c5 ");
	g_string_free(seen, TRUE);
}
END_TEST

START_TEST(test_keyboard_chord_goes_down_and_up_in_order)
{
	GString *seen = g_string_new(NULL);
	struct clove_keyboard keyboard = { .send = note, .opaque = seen };

	clove_keyboard_key(&keyboard, true, 42);
	clove_keyboard_chord(&keyboard, (const unsigned int[]){ 29, 56, 111 }, 3);
	ck_assert_str_eq(seen->str, "+2a -aa +1d +38 +53e0 -d3e0 -b8 -9d ");
	g_string_free(seen, TRUE);
}
END_TEST

static const struct {
	const char *why;
	int32_t widget_w, widget_h, guest_w, guest_h;
	bool is_scaled;
	int32_t x, y, w, h;
	bool is_sharp;
} places[] = {
	{ "equal",             800,  600,  800, 600, true,  0,   0,  800,  600, true },
	{ "a pixel short",     799,  600,  800, 600, true,  0,   0,  800,  600, true },
	{ "twice",             1600, 1200, 800, 600, true,  0,   0, 1600, 1200, true },
	{ "wide",              1000, 600,  800, 600, true,  100, 0,  800,  600, true },
	{ "half",              400,  400,  800, 600, true,  0,  50,  400,  300, false },
	{ "unscaled, larger",  1000, 700,  800, 600, false, 100, 50, 800,  600, true },
	{ "unscaled, smaller", 100,  100,  800, 600, false, 0,   0,  800,  600, true },
	{ "absurd",            -5,   0,    1 << 30, 0, true, 0,  0,  1,    1, false },
};

START_TEST(test_geometry_places_the_picture)
{
	struct clove_geometry g;
	int32_t x, y, area[4];

	clove_geometry_set(&g, places[_i].widget_w, places[_i].widget_h, places[_i].guest_w,
			places[_i].guest_h, places[_i].is_scaled);
	ck_assert_msg(g.x == places[_i].x && g.y == places[_i].y && g.w == places[_i].w &&
			g.h == places[_i].h && g.is_sharp == places[_i].is_sharp,
			"%s: %d %d %d %d %d", places[_i].why, g.x, g.y, g.w, g.h, g.is_sharp);
	ck_assert(clove_geometry_to_guest(&g, g.x, g.y, &x, &y));
	ck_assert(x == 0 && y == 0);
	ck_assert(clove_geometry_to_guest(&g, g.x + g.w - 0.5, g.y + g.h - 0.5, &x, &y));
	if (g.w > 1)
		ck_assert(x == g.guest_w - 1 && y == g.guest_h - 1);
	ck_assert(!clove_geometry_to_guest(&g, g.x - 0.5, g.y, &x, &y));
	ck_assert(!clove_geometry_to_guest(&g, g.x, g.y + g.h, &x, &y));
	clove_geometry_to_widget(&g, 0, 0, g.guest_w, g.guest_h, area);
	ck_assert(area[0] == g.x && area[1] == g.y && area[2] == g.w && area[3] == g.h);
}
END_TEST

START_TEST(test_screenshot_is_whole_or_not_there)
{
	static const uint8_t pixels[] = { 1, 2, 3, 0, 4, 5, 6, 0, 9, 9, 9, 9,
		7, 8, 9, 0, 10, 11, 12, 0, 9, 9, 9, 9 };
	static const char want[] = "P6\n2 2\n255\n\3\2\1\6\5\4\x09\x08\x07\x0c\x0b\x0a";
	char *base = g_strdup_printf("%s/clove-shot-%d", g_get_tmp_dir(), getpid()), *data, *error;
	char *ppm = g_strconcat(base, ".PPM", NULL), *png = g_strconcat(base, ".png", NULL);
	gsize len;

	ck_assert_int_eq(clove_screenshot_write(ppm, pixels, 2, 2, 12, &error), CLOVE_OK);
	ck_assert(g_file_get_contents(ppm, &data, &len, NULL));
	ck_assert_uint_eq(len, sizeof want - 1);
	ck_assert_mem_eq(data, want, len);
	g_free(data);
	ck_assert_int_eq(clove_screenshot_write(png, pixels, 2, 2, 12, &error), CLOVE_OK);
	ck_assert(g_file_get_contents(png, &data, &len, NULL));
	ck_assert_mem_eq(data, "\x89PNG", 4);
	g_free(data);
	g_unlink(ppm);
	g_unlink(png);
	ck_assert_int_eq(clove_screenshot_write(base, pixels, 2, 2, 12, &error), CLOVE_ERR_IO);
	g_free(error);
	ck_assert_int_eq(clove_screenshot_write("/nowhere/x.ppm", pixels, 2, 2, 12, &error),
			CLOVE_ERR_IO);
	g_free(error);
	ck_assert_int_eq(clove_screenshot_write(png, pixels, 2, 2, 4, &error), CLOVE_ERR_IO);
	g_free(error);
	ck_assert(!g_file_test(png, G_FILE_TEST_EXISTS) && !g_file_test(base, G_FILE_TEST_EXISTS));
	g_free(base);
	g_free(ppm);
	g_free(png);
}
END_TEST

START_TEST(test_motion_waits_for_acks_and_adds_up)
{
	struct clove_motion motion = { 0 }, out;

	ck_assert(!clove_motion_take(&motion, true, &out));
	for (int i = 0; i < CLOVE_MOTION_WINDOW; i++) {
		clove_motion_by(&motion, 1, -1);
		ck_assert(clove_motion_take(&motion, false, &out));
		ck_assert(out.dx == 1 && out.dy == -1);
	}
	clove_motion_by(&motion, 2, 3);
	clove_motion_by(&motion, INT32_MAX, 3);
	ck_assert(!clove_motion_take(&motion, false, &out));
	clove_motion_acked(&motion);
	ck_assert(clove_motion_take(&motion, false, &out));
	ck_assert(out.dx == INT32_MAX && out.dy == 6 && motion.unacked == 5);
	motion.unacked = CLOVE_MOTION_WINDOW;
	clove_motion_by(&motion, 1, 1);
	clove_motion_to(&motion, 7, 8);
	ck_assert(clove_motion_take(&motion, true, &out)); /* before a button, whatever is unacked */
	ck_assert(out.has_position && !out.has_motion && out.x == 7 && out.y == 8);
	for (int i = 0; i < 4; i++)
		clove_motion_acked(&motion);
	ck_assert_uint_eq(motion.unacked, 0);
}
END_TEST

/* C and A are Ctrl_L and Alt_L pressed, lower case released; X and x another key. */
static const struct {
	const char *why, *keys, *want;
} chord_cases[] = {
	{ "as it is meant",           "CAac",     ".p.k" },
	{ "the other way round",      "ACac",     ".p.k" },
	{ "with repetitions",         "CCAAac",   "..p..k" },
	{ "a key between",            "CXAxac",   "......" },
	{ "a key behind",             "CAXxac",   ".p...." },
	{ "a key when one is up",     "CAaXxc",   ".p...." },
	{ "one alone",                "CcAa",     "...." },
	{ "again after a spoilt one", "CXxcCAac", ".....p.k" },
	{ "twice",                    "CAacCAac", ".p.k.p.k" },
};

START_TEST(test_chord_releases)
{
	struct clove_release_chord chord = { 0 };
	GString *seen = g_string_new(NULL);

	for (const char *key = chord_cases[_i].keys; *key; key++) {
		char lower = g_ascii_tolower(*key);
		unsigned int evdev = lower == 'c' ? 29 : lower == 'a' ? 56 : 45;
		enum clove_release release = clove_release_chord_key(&chord, g_ascii_isupper(*key), evdev);

		g_string_append_c(seen, release == CLOVE_RELEASE_POINTER ? 'p' :
				release == CLOVE_RELEASE_KEYBOARD ? 'k' : '.');
	}
	ck_assert_msg(!strcmp(seen->str, chord_cases[_i].want), "%s: %s", chord_cases[_i].why, seen->str);
	g_string_free(seen, TRUE);
}
END_TEST

START_TEST(test_locks_follow_the_desktop_without_a_quarrel)
{
	struct clove_locks locks = { .desktop = 2 };

	ck_assert(!clove_locks_report(&locks, 0, 1)); /* nobody to tell */
	ck_assert(clove_locks_connected(&locks, 0));
	ck_assert(!clove_locks_report(&locks, 0, 10)); /* it does not listen: once is enough */
	ck_assert(!clove_locks_report(&locks, 2, 20)); /* it does */
	ck_assert(!clove_locks_desktop(&locks, 6, true)); /* its own key did this on both sides */
	clove_locks_key(&locks, 100);
	ck_assert(!clove_locks_report(&locks, 2, 200)); /* older than the key */
	ck_assert(!clove_locks_report(&locks, 6, 300));
	ck_assert(!clove_locks_report(&locks, 6, 2300));
	ck_assert(clove_locks_report(&locks, 2, 5000)); /* the guest changed its mind */
	ck_assert(!clove_locks_report(&locks, 2, 5001));
	ck_assert(!clove_locks_report(&locks, 6, 5002));
	ck_assert(clove_locks_desktop(&locks, 0, false)); /* while another window has the keyboard */
	ck_assert(!clove_locks_report(&locks, 0, 6000));
	ck_assert(!clove_locks_focus(&locks, 0));
	ck_assert(clove_locks_focus(&locks, 4));
	clove_locks_disconnected(&locks);
	ck_assert(!clove_locks_focus(&locks, 2));
}
END_TEST

START_TEST(test_reconnect_does_not_push_another_viewer_out)
{
	struct clove_reconnect reconnect = { .was_gone = true, .tries = 9 };
	static const unsigned int pauses[] = { 1000, 2000, 4000, 5000, 5000, 5000 };
	unsigned int ms;

	clove_reconnect_lost(&reconnect);
	ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_LOOK);
	ck_assert_uint_le(ms, 500); /* before anybody can have started the machine again */
	clove_reconnect_found(&reconnect, true);
	ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_LOOK);
	clove_reconnect_found(&reconnect, true);
	ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_ASK);
	/* the server was away: whoever waits may come back, again and again */
	clove_reconnect_lost(&reconnect);
	ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_LOOK);
	for (size_t i = 0; i < G_N_ELEMENTS(pauses); i++) {
		clove_reconnect_found(&reconnect, false);
		ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_TRY);
		ck_assert_uint_eq(ms, pauses[i]);
	}
	clove_reconnect_found(&reconnect, true);
	ck_assert_int_eq(clove_reconnect_next(&reconnect, &ms), CLOVE_RECONNECT_TRY);
}
END_TEST

START_TEST(test_stats_measure_from_the_first_key_to_the_next_change)
{
	struct clove_display_counts counts = { .bytes_in = 5, .decode_us = 7 };
	struct clove_stats_usb usb = { 11, 12 };
	char *path = g_strdup_printf("%s/clove-stats-%d", g_get_tmp_dir(), getpid()), *text, *error = NULL;
	struct clove_stats stats = { 0 };

	ck_assert(!clove_stats_open(&stats, "/nowhere/stats", &error));
	ck_assert_ptr_nonnull(error);
	g_free(error);
	ck_assert(clove_stats_open(&stats, path, &error));
	clove_stats_changed(&stats);        /* before the key */
	clove_stats_key(&stats, 1000);
	clove_stats_key(&stats, 1500);      /* the first counts */
	clove_stats_painted(&stats, 2000);  /* nothing changed since */
	clove_stats_changed(&stats);
	clove_stats_painted(&stats, 4000);
	clove_stats_changed(&stats);
	clove_stats_painted(&stats, 5000);  /* no key */
	clove_stats_key(&stats, 10000);
	clove_stats_changed(&stats);
	clove_stats_painted(&stats, 9000000); /* too late to be its answer */
	clove_stats_write(&stats, 9000000, true, &counts, &usb, NULL, 0);
	clove_stats_write(&stats, 9900000, false, &counts, &usb, NULL, 0);
	clove_stats_close(&stats);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "{\"time_ms\":9000,\"connected\":true,\"bytes_in\":5,\"bytes_out\":0,"
			"\"messages\":0,\"drawings\":0,\"skipped\":0,\"images\":0,\"frames\":0,"
			"\"painted\":4,\"decode_us\":7,\"draw_us\":0,\"streams\":0,\"video_frames\":0,"
			"\"video_dropped\":0,\"video_decode_us\":0,"
			"\"usb_bytes_in\":11,\"usb_bytes_out\":12,\"keys\":3,\"key_to_pixel_us\":[3000],\"displays\":[]}\n"
			"{\"time_ms\":9900,\"connected\":false,\"bytes_in\":5,\"bytes_out\":0,"
			"\"messages\":0,\"drawings\":0,\"skipped\":0,\"images\":0,\"frames\":0,"
			"\"painted\":4,\"decode_us\":7,\"draw_us\":0,\"streams\":0,\"video_frames\":0,"
			"\"video_dropped\":0,\"video_decode_us\":0,"
			"\"usb_bytes_in\":11,\"usb_bytes_out\":12,\"keys\":3,\"key_to_pixel_us\":[],\"displays\":[]}\n");
	g_unlink(path);
	g_free(text);
	g_free(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view");
	TCase *tcase = tcase_create("view");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_keyboard_lets_no_key_stay);
	tcase_add_test(tcase, test_keyboard_chord_goes_down_and_up_in_order);
	tcase_add_loop_test(tcase, test_geometry_places_the_picture, 0, G_N_ELEMENTS(places));
	tcase_add_test(tcase, test_screenshot_is_whole_or_not_there);
	tcase_add_test(tcase, test_motion_waits_for_acks_and_adds_up);
	tcase_add_loop_test(tcase, test_chord_releases, 0, G_N_ELEMENTS(chord_cases));
	tcase_add_test(tcase, test_locks_follow_the_desktop_without_a_quarrel);
	tcase_add_test(tcase, test_reconnect_does_not_push_another_viewer_out);
	tcase_add_test(tcase, test_stats_measure_from_the_first_key_to_the_next_change);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
