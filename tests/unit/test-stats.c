/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-stats.c - what people and programs are told of a second. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-gtk/stats.h"

static const struct {
	const char *why;
	struct clove_display_counts before, now;
	const char *text;
} seconds[] = {
	{ "nothing yet", { 0 }, { 0 },
		"Display 1: 0×0\nno images\n0.00 Mbit/s, 0 updates/s\n"
		"decoding 0.00 ms each, 0 % of a core\nvideo frames dropped: 0" },
	{ "two seconds of text",
		{ .at_us = 1000000, .bytes_in = 1000, .images = 10, .by_kind[CLOVE_KIND_LZ] = 10, .frames = 3 },
		{ .at_us = 3000000, .bytes_in = 501000, .images = 70, .by_kind = { [CLOVE_KIND_LZ] = 67,
			[CLOVE_KIND_QUIC] = 3 }, .frames = 63, .decode_us = 90000, .width = 640, .height = 480 },
		"Display 1: 640×480\nQUIC 1.5/s, LZ 28/s\n2.00 Mbit/s, 30 updates/s\n"
		"decoding 1.50 ms each, 4 % of a core\nvideo frames dropped: 0" },
	{ "video, too slow",
		{ .at_us = 1000000, .video = { 1, 10, 2, 1000 } },
		{ .at_us = 2000000, .video = { 1, 35, 4, 51000 }, .width = 64, .height = 48, .skipped = 1 },
		"Display 1: 64×48\nMJPEG 25/s\n0.00 Mbit/s, 0 updates/s\n"
		"decoding 2.00 ms each, 5 % of a core\nvideo frames dropped: 4\ndrawings skipped: 1" },
};

START_TEST(test_stats_text)
{
	char *text = clove_stats_text(1, &seconds[_i].before, &seconds[_i].now);

	ck_assert_msg(!strcmp(text, seconds[_i].text), "%s: %s", seconds[_i].why, text);
	g_free(text);
}
END_TEST

START_TEST(test_stats_write_displays)
{
	struct clove_stats_display displays[] = {
		{ 0, { .width = 640, .height = 480, .by_kind[CLOVE_KIND_LZ4] = 5, .video = { 2, 7, 1, 9 } } },
		{ 3, { .by_kind = { [CLOVE_KIND_RAW] = 1, [CLOVE_KIND_CACHE] = 2 } } },
	};
	char path[] = "/tmp/clove-stats-XXXXXX", *error = NULL, *line = NULL;
	struct clove_display_counts sum = { .bytes_in = 12 };
	struct clove_stats_usb usb = { 0 };
	struct clove_stats stats = { 0 };
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(clove_stats_open(&stats, path, &error));
	clove_stats_write(&stats, 5000, true, &sum, &usb, displays, 2);
	clove_stats_close(&stats);
	ck_assert(g_file_get_contents(path, &line, NULL, NULL));
	unlink(path);
	ck_assert(g_str_has_prefix(line, "{\"time_ms\":5,\"connected\":true,\"bytes_in\":12,"));
	ck_assert(strstr(line, ",\"displays\":[{\"id\":0,\"width\":640,\"height\":480,"));
	ck_assert(strstr(line, "\"streams\":2,\"video_frames\":7,\"video_dropped\":1,\"video_decode_us\":9,"
			"\"images\":{\"LZ4\":5}},{\"id\":3,"));
	ck_assert(g_str_has_suffix(line, "\"images\":{\"raw\":1,\"cache\":2}}]}\n"));
	g_free(line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats");
	TCase *tcase = tcase_create("stats");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_stats_text, 0, sizeof seconds / sizeof *seconds);
	tcase_add_test(tcase, test_stats_write_displays);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
