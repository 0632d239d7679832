/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-video-regions.c - screens on which people type, scroll, drag windows and look at videos. */
#include "server/video-regions.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { W = 1024, H = 768, START = 1000000 };

static struct clove_video_regions *regions;
static uint8_t *memory;
static struct clove_pixels screen;
static uint64_t now;

static void set_up_with(enum clove_streaming_video streaming)
{
	memory = calloc(H, W * 4);
	screen = (struct clove_pixels){ memory, W, H, W * 4, CLOVE_FORMAT_RGB32 };
	regions = clove_video_regions_new(streaming);
	ck_assert(regions && memory);
	clove_video_regions_resize(regions, W, H);
	now = START;
}

static void set_up(void)
{
	set_up_with(CLOVE_STREAMING_FILTER);
}

static void tear_down(void)
{
	clove_video_regions_free(regions);
	free(memory);
}

/* A picture that is soft everywhere and another one each time. */
static void photo(int32_t x1, int32_t y1, int32_t x2, int32_t y2, int n)
{
	for (int32_t y = y1; y < y2; y++)
		for (int32_t x = x1; x < x2; x++) {
			uint8_t *p = clove_pixels_row(&screen, y) + 4 * (size_t)x;

			p[0] = (uint8_t)(x * 3 + y + n * 5);
			p[1] = (uint8_t)(x + y * 2 + n * 9);
			p[2] = (uint8_t)((x ^ y) / 8 + n);
		}
}

/* Black strokes on white. */
static void text(int32_t x1, int32_t y1, int32_t x2, int32_t y2, int n)
{
	for (int32_t y = y1; y < y2; y++)
		for (int32_t x = x1; x < x2; x++) {
			bool is_ink = (y + n) % 16 < 11 && ((x * 7 + ((y + n) / 16) * 13) % 9) == 0;

			memset(clove_pixels_row(&screen, y) + 4 * (size_t)x, is_ink ? 0 : 255, 4);
		}
}

static void change(int32_t x1, int32_t y1, int32_t x2, int32_t y2)
{
	pixman_region32_t region;

	pixman_region32_init_rect(&region, x1, y1, (unsigned int)(x2 - x1), (unsigned int)(y2 - y1));
	clove_video_regions_changed(regions, &region, &screen, now);
	pixman_region32_fini(&region);
}

static void pass(uint64_t ms)
{
	for (uint64_t end = now + ms; now < end; ) {
		now += end - now < 50 ? end - now : 50;
		clove_video_regions_tick(regions, &screen, now);
	}
}

static size_t count(void)
{
	size_t n;

	clove_video_regions_list(regions, &n);
	return n;
}

static const struct clove_video_region *only(void)
{
	size_t n;
	const struct clove_video_region *list = clove_video_regions_list(regions, &n);

	ck_assert_uint_eq(n, 1);
	return list;
}

static void ck_box(const pixman_box32_t *box, int32_t x1, int32_t y1, int32_t x2, int32_t y2)
{
	ck_assert_msg(box->x1 == x1 && box->y1 == y1 && box->x2 == x2 && box->y2 == y2,
			"%d,%d - %d,%d", box->x1, box->y1, box->x2, box->y2);
}

/* -- what changes on a screen: a frame at a time; `n` counts them -- */

static void video(int n)
{
	photo(100, 50, 740, 410, n);
	change(100, 50, 740, 410);
}

static void columns(int n)
{
	photo(100, 50, 740, 410, n);
	for (int32_t x = 96; x < 740; x += 32)
		change(x < 100 ? 100 : x, 50, x + 32 > 740 ? 740 : x + 32, 410);
}

/* The worker took a turn between the two halves of a picture. */
static void halves(int n)
{
	photo(100, 50, 740, 410, n);
	change(100, 50, 420, 410);
	now += 8;
	change(420, 50, 740, 410);
	now -= 8;
}

/* What did not change was left out. */
static void ragged(int n)
{
	photo(100, 50, 740, 410, n);
	for (int32_t y = 50; y < 410; y += 4)
		change(100 + (y * 7 + n) % 5, y, 740 - (y * 3 + n) % 5, y + 4);
}

static void noise(int n)
{
	srand((unsigned int)n);
	for (int32_t y = 50; y < 410; y++)
		for (int32_t x = 400; x < 1600; x++)
			clove_pixels_row(&screen, y)[x] = (uint8_t)rand();
	change(100, 50, 400, 410);
}

static void typing(int n)
{
	int32_t x = n % 60 * 16, y = 16 + n / 60 % 40 * 16;

	text(x, y, x + 16, y + 16, n);
	change(x, y, x + 16, y + 16);
}

static void scroll(int n)
{
	text(10, 10, 1000, 700, n * 16);
	change(10, 10, 1000, 700);
}

static void drag(int n)
{
	int32_t x = n * 8 % 500, y = n * 2 % 200;

	photo(x, y, x + 420, y + 320, 0);
	change(x ? x - 8 : x, y ? y - 2 : y, x + 420, y + 320);
}

/* Not at the same speed all the time. */
static void drag_unevenly(int n)
{
	static const int32_t steps[] = { 3, 9, 5, 12, 2, 7 };
	static int32_t x;
	int32_t was = n ? x : 0;

	x = was + steps[n % 6];
	photo(x, 100, x + 300, 400, 0);
	change(was, 100, x + 300, 400);
}

static void blinking(int n)
{
	if (n % 15 == 0) {
		text(200, 200, 328, 328, n);
		change(200, 200, 328, 328);
	}
}

static void spinner(int n)
{
	photo(200, 200, 264, 264, n);
	change(200, 200, 264, 264);
}

static void slides_of_photographs(int n)
{
	if (n % 15 == 0) {
		photo(0, 0, W, H, n);
		change(0, 0, W, H);
	}
}

static void bits(int n)
{
	photo(0, 0, W, H, 0);
	for (int i = 0; i < 12; i++)
		change(i * 83, i * 61, i * 83 + 20 + n % 3, i * 61 + 20);
}

static void two(int n)
{
	video(n);
	photo(800, 500, 1000, 700, n);
	change(800, 500, 1000, 700);
}

static void beside_typing(int n)
{
	video(n);
	text(n % 30 * 16, 600, n % 30 * 16 + 16, 616, n);
	change(n % 30 * 16, 600, n % 30 * 16 + 16, 616);
}

static void whole(int n)
{
	photo(0, 0, W, H, n);
	change(0, 0, W, H);
}

static const struct {
	const char *why;
	void (*frame)(int n);
	enum clove_streaming_video streaming;
	uint64_t interval_ms;
	size_t want;
} screens[] = {
	{ "video",                   video,         CLOVE_STREAMING_FILTER, 33, 1 },
	{ "video, all",              video,         CLOVE_STREAMING_ALL,    33, 1 },
	{ "video, off",              video,         CLOVE_STREAMING_OFF,    33, 0 },
	{ "video, 60/s",             video,         CLOVE_STREAMING_FILTER, 16, 1 },
	{ "video, 8/s",              video,         CLOVE_STREAMING_FILTER, 125, 1 },
	{ "pictures, 3/s",           video,         CLOVE_STREAMING_ALL,    333, 0 },
	{ "video by columns",        columns,       CLOVE_STREAMING_FILTER, 40, 1 },
	{ "video in halves",         halves,        CLOVE_STREAMING_FILTER, 40, 1 },
	{ "video with rough edges",  ragged,        CLOVE_STREAMING_FILTER, 33, 1 },
	{ "video on all the screen", whole,         CLOVE_STREAMING_FILTER, 33, 1 },
	{ "two videos",              two,           CLOVE_STREAMING_FILTER, 33, 2 },
	{ "video beside typing",     beside_typing, CLOVE_STREAMING_FILTER, 33, 1 },
	{ "noise",                   noise,         CLOVE_STREAMING_FILTER, 33, 0 },
	{ "noise, all",              noise,         CLOVE_STREAMING_ALL,    33, 1 },
	{ "typing",                  typing,        CLOVE_STREAMING_ALL,    33, 0 },
	{ "scrolled text",           scroll,        CLOVE_STREAMING_ALL,    33, 0 },
	{ "scrolled text, filter",   scroll,        CLOVE_STREAMING_FILTER, 33, 0 },
	{ "dragged photograph",      drag,          CLOVE_STREAMING_ALL,    33, 0 },
	{ "dragged unevenly",        drag_unevenly, CLOVE_STREAMING_ALL,    33, 0 },
	{ "a cursor that blinks",    blinking,      CLOVE_STREAMING_ALL,    33, 0 },
	{ "a small thing that turns", spinner,      CLOVE_STREAMING_ALL,    33, 0 },
	{ "photographs, 2/s",        slides_of_photographs, CLOVE_STREAMING_ALL, 33, 0 },
	{ "bits here and there",     bits,          CLOVE_STREAMING_ALL,    33, 0 },
};

START_TEST(test_video_regions_finds_videos_only)
{
	size_t most = 0;

	set_up_with(screens[_i].streaming);
	for (int n = 0; n < 60; n++, now += screens[_i].interval_ms) {
		screens[_i].frame(n);
		most = count() > most ? count() : most;
	}
	ck_assert_msg(most == screens[_i].want && count() == most, "%s: %zu of %zu at last, %zu",
			screens[_i].why, screens[_i].want, count(), most);
	tear_down();
}
END_TEST

/* Three frames until it is hot, three more to see that it stays. */
START_TEST(test_video_regions_come_soon_with_the_right_box)
{
	for (int n = 0; n < 7; n++, now += 33)
		video(n);
	ck_box(&only()->box, 100, 50, 740, 410);
	ck_assert_uint_le(only()->interval_ms, 40);
	ck_assert(pixman_region32_contains_rectangle((pixman_region32_t *)(uintptr_t)&only()->clip,
			(pixman_box32_t *)(uintptr_t)&only()->box) == PIXMAN_REGION_IN);
}
END_TEST

START_TEST(test_video_regions_keep_their_number_while_they_run)
{
	uint32_t id, serial;

	for (int n = 0; n < 20; n++, now += 33)
		ragged(n);
	id = only()->id;
	serial = only()->serial;
	for (int n = 0; n < 300; n++, now += 33)
		ragged(n);
	ck_assert_uint_eq(only()->id, id);
	ck_assert_uint_eq(only()->serial, serial);
}
END_TEST

START_TEST(test_video_regions_end_when_nothing_changes)
{
	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	pass(300);
	ck_assert_uint_eq(count(), 1);
	pass(500);
	ck_assert_uint_eq(count(), 0);
}
END_TEST

/* One that stops and goes on again and again ends later each time, so it is not drawn anew each time. */
START_TEST(test_video_regions_do_not_flap)
{
	int ends = 0;

	for (int n = 0; n < 600; n++, now += 33) {
		size_t was = count();

		video(n);
		if (n % 15 == 14)
			pass(700);
		ends += was && !count();
	}
	ck_assert_int_le(ends, 2);
}
END_TEST

START_TEST(test_video_regions_grow_and_shrink)
{
	uint32_t id;
	int n = 0;

	for (; n < 20; n++, now += 33)
		video(n);
	id = only()->id;
	for (; n < 40; n++, now += 33) {
		photo(0, 0, 900, 600, n);
		change(0, 0, 900, 600);
	}
	ck_box(&only()->box, 0, 0, 900, 600);
	for (; n < 140; n++, now += 33) {
		photo(300, 200, 700, 500, n);
		change(300, 200, 700, 500);
	}
	ck_assert_uint_eq(only()->id, id);
	ck_box(&only()->box, 300, 200, 700, 500);
}
END_TEST

START_TEST(test_video_regions_give_up_a_window_that_moves)
{
	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	ck_assert_uint_eq(count(), 1);
	for (int n = 0; n < 25; n++, now += 33) {
		photo(100 + n * 4, 50, 740 + n * 4, 410, n);
		change(100 + n * 4, 50, 740 + n * 4, 410);
	}
	ck_assert_uint_eq(count(), 0);
	for (int n = 0; n < 20; n++, now += 33) {
		photo(200, 50, 840, 410, n);
		change(200, 50, 840, 410);
	}
	ck_box(&only()->box, 200, 50, 840, 410);
}
END_TEST

/* A menu covers the middle: what does not move there is not the video's. */
START_TEST(test_video_regions_leave_a_menu_out)
{
	pixman_box32_t menu = { 300, 150, 460, 310 };
	pixman_box32_t inside = { 320, 160, 448, 288 };
	pixman_region32_t around;

	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	pixman_region32_init_rect(&around, 100, 50, 640, 360);
	pixman_region32_t hole;
	pixman_region32_init_rect(&hole, menu.x1, menu.y1, 160, 160);
	pixman_region32_subtract(&around, &around, &hole);
	for (int n = 0; n < 60; n++, now += 33) {
		photo(100, 50, 740, 410, n);
		text(menu.x1, menu.y1, menu.x2, menu.y2, 0);
		clove_video_regions_changed(regions, &around, &screen, now);
	}
	ck_box(&only()->box, 100, 50, 740, 410);
	ck_assert_int_eq(pixman_region32_contains_rectangle((pixman_region32_t *)(uintptr_t)&only()->clip,
			&inside), PIXMAN_REGION_OUT);
	for (int n = 0; n < 60; n++, now += 33)
		video(n);
	ck_assert_int_eq(pixman_region32_contains_rectangle((pixman_region32_t *)(uintptr_t)&only()->clip,
			&inside), PIXMAN_REGION_IN);
	pixman_region32_fini(&around);
	pixman_region32_fini(&hole);
}
END_TEST

START_TEST(test_video_regions_end_with_text)
{
	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	ck_assert_uint_eq(count(), 1);
	for (int n = 0; n < 120; n++, now += 33) {
		text(100, 50, 740, 410, n);
		change(100, 50, 740, 410);
	}
	ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_video_regions_end_with_the_surface_and_the_setting)
{
	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	clove_video_regions_resize(regions, W, H);
	ck_assert_uint_eq(count(), 0);
	for (int n = 0; n < 20; n++, now += 33)
		video(n);
	ck_assert_uint_eq(count(), 1);
	clove_video_regions_set(regions, CLOVE_STREAMING_OFF);
	ck_assert_uint_eq(count(), 0);
	/* A change that does not fit is cut; without a surface it is nothing. */
	change(1000, 700, 5000, 5000);
	clove_video_regions_set(regions, CLOVE_STREAMING_ALL);
	change(1000, 700, 5000, 5000);
	now += 50;
	clove_video_regions_resize(regions, 0, 0);
	change(0, 0, 100, 100);
	ck_assert_uint_eq(count(), 0);
}
END_TEST

/* Whatever changes, boxes lie within the surface and apart from each other. */
START_TEST(test_video_regions_stay_sound)
{
	srand((unsigned int)_i);
	for (int n = 0; n < 3000; n++) {
		int32_t x = rand() % W, y = rand() % H, which = rand() % 4;
		size_t count_now;

		for (int k = 0; k < 3 + rand() % 6; k++, now += 20 + (uint64_t)rand() % 20) {
			photo(x, y, x + 200 > W ? W : x + 200, y + 150 > H ? H : y + 150, n + k);
			change(x, y, x + 200 + which * k * 3, y + 150);
		}
		const struct clove_video_region *list = clove_video_regions_list(regions, &count_now);
		ck_assert_uint_le(count_now, CLOVE_VIDEO_REGIONS_MOST);
		for (size_t i = 0; i < count_now; i++) {
			const pixman_box32_t *a = &list[i].box;

			ck_assert(a->x1 >= 0 && a->y1 >= 0 && a->x1 < a->x2 && a->y1 < a->y2);
			ck_assert(a->x2 <= W && a->y2 <= H);
			for (size_t j = 0; j < i; j++) {
				const pixman_box32_t *b = &list[j].box;

				ck_assert(a->x2 <= b->x1 || b->x2 <= a->x1 || a->y2 <= b->y1 || b->y2 <= a->y1);
			}
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("video-regions");
	TCase *rows = tcase_create("rows"), *tests = tcase_create("tests");

	tcase_add_loop_test(rows, test_video_regions_finds_videos_only, 0,
			(int)(sizeof screens / sizeof *screens));
	tcase_set_timeout(rows, 60);
	suite_add_tcase(suite, rows);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_video_regions_come_soon_with_the_right_box);
	tcase_add_test(tests, test_video_regions_keep_their_number_while_they_run);
	tcase_add_test(tests, test_video_regions_end_when_nothing_changes);
	tcase_add_test(tests, test_video_regions_do_not_flap);
	tcase_add_test(tests, test_video_regions_grow_and_shrink);
	tcase_add_test(tests, test_video_regions_give_up_a_window_that_moves);
	tcase_add_test(tests, test_video_regions_leave_a_menu_out);
	tcase_add_test(tests, test_video_regions_end_with_text);
	tcase_add_test(tests, test_video_regions_end_with_the_surface_and_the_setting);
	tcase_add_loop_test(tests, test_video_regions_stay_sound, 0, 2);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
