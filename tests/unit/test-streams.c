/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-streams.c - where frames of video land, which are left out, and what the server is told. */
#include "client-gtk/streams.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"

enum { W = 64, H = 48, FW = 16, FH = 16, REPORTS = 8 };

struct screen {
	struct clove_mm_time time;
	struct clove_canvas canvas;
	struct clove_streams *streams;
	pixman_region32_t drawn;
	int n_reports;
	struct clove_display_stream_report reports[REPORTS];
};

static const struct clove_canvas *surface(void *opaque, uint32_t id)
{
	return id == 3 ? &((struct screen *)opaque)->canvas : NULL;
}

static void drawn(void *opaque, uint32_t surface_id, pixman_region32_t *region)
{
	struct screen *screen = opaque;

	ck_assert_uint_eq(surface_id, 3);
	pixman_region32_union(&screen->drawn, &screen->drawn, region);
}

static void report(void *opaque, const struct clove_display_stream_report *message)
{
	struct screen *screen = opaque;

	ck_assert_int_lt(screen->n_reports, REPORTS);
	screen->reports[screen->n_reports++] = *message;
}

static const struct clove_streams_events events = { surface, drawn, report };

static void screen_init(struct screen *screen, uint32_t format)
{
	*screen = (struct screen){ 0 };
	screen->canvas = (struct clove_canvas){ NULL, W, H, W * clove_canvas_bytes(format), format };
	screen->canvas.data = calloc(H, screen->canvas.stride);
	pixman_region32_init(&screen->drawn);
	screen->streams = clove_streams_new(&screen->time, &events, NULL, screen);
	ck_assert_ptr_nonnull(screen->streams);
}

static void screen_fini(struct screen *screen)
{
	clove_streams_free(screen->streams);
	pixman_region32_fini(&screen->drawn);
	free(screen->canvas.data);
}

static uint32_t pixel(const struct screen *screen, int32_t x, int32_t y)
{
	uint32_t argb;

	clove_canvas_read(&screen->canvas, x, y, 1, &argb);
	return argb & 0xffffff;
}

/* JPEG is not exact. */
static bool is_near(uint32_t a, uint32_t b)
{
	for (int shift = 0; shift < 24; shift += 8)
		if (abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) > 12)
			return false;
	return true;
}

/* The upper half of one colour, the lower of another. */
static struct clove_bytes frame(uint8_t *room, size_t size, int32_t width, int32_t height, uint32_t upper,
		uint32_t lower)
{
	uint32_t *colours = malloc((size_t)width * (size_t)height * 4);
	struct clove_pixels pixels = { (uint8_t *)colours, width, height, width * 4, CLOVE_FORMAT_RGB32 };
	size_t len = 0;

	for (int32_t i = 0; i < width * height; i++)
		colours[i] = htole32(i < width * height / 2 ? upper : lower);
	ck_assert(!clove_jpeg_encode(room, size, &pixels, 95, &len));
	free(colours);
	return CLOVE_BYTES(room, len);
}

static struct clove_display_stream_create stream_at(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
	return (struct clove_display_stream_create){
		.surface_id = 3, .id = 7, .flags = CLOVE_STREAM_TOP_DOWN, .codec = CLOVE_VIDEO_CODEC_MJPEG,
		.stream_width = FW, .stream_height = FH, .src_width = FW, .src_height = FH,
		.dest = { .left = left, .top = top, .right = right, .bottom = bottom },
	};
}

static void give(struct screen *screen, uint32_t mm_time, uint32_t colour, uint64_t now_ms)
{
	uint8_t room[8192];
	struct clove_display_stream_data data = { .id = 7, .mm_time = mm_time };

	data.data = frame(room, sizeof room, FW, FH, colour, colour);
	ck_assert_int_eq(clove_streams_data(screen->streams, &data, now_ms), CLOVE_OK);
}

static struct clove_streams_counts counts(const struct screen *screen)
{
	struct clove_streams_counts c;

	clove_streams_count(screen->streams, &c);
	return c;
}

/* -- where frames land -- */

#define RED 0xd02020
#define BLUE 0x2020d0

static const struct {
	const char *why;
	uint32_t format;
	bool is_bottom_up, is_sized;
	int32_t box[4];                   /* left, top, right, bottom */
	int32_t clip[4];                  /* of one rectangle, if there is any */
	int32_t width, height;            /* of the frame */
	int32_t src;                      /* rows that are shown; 0: as the frame has */
	struct { int32_t x, y; uint32_t colour; } seen[4];
} landings[] = {
	{ "straight", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 8, 8, 24, 24 }, { 0 }, 16, 16, 0,
		{ { 8, 8, RED }, { 23, 23, BLUE }, { 7, 8, 0 }, { 24, 23, 0 } } },
	{ "bottom row first", CLOVE_SURFACE_FMT_32_XRGB, true, false, { 8, 8, 24, 24 }, { 0 }, 16, 16, 0,
		{ { 8, 8, BLUE }, { 23, 23, RED }, { 7, 8, 0 }, { 24, 23, 0 } } },
	{ "with alpha", CLOVE_SURFACE_FMT_32_ARGB, false, false, { 8, 8, 24, 24 }, { 0 }, 16, 16, 0,
		{ { 8, 8, RED }, { 23, 23, BLUE }, { 7, 8, 0 }, { 24, 23, 0 } } },
	{ "in 16 bits", CLOVE_SURFACE_FMT_16_555, true, false, { 8, 8, 24, 24 }, { 0 }, 16, 16, 0,
		{ { 8, 8, BLUE }, { 23, 23, RED }, { 7, 8, 0 }, { 24, 23, 0 } } },
	{ "clipped", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 8, 8, 24, 24 }, { 10, 0, 64, 20 }, 16, 16, 0,
		{ { 9, 9, 0 }, { 10, 8, RED }, { 23, 19, BLUE }, { 23, 20, 0 } } },
	{ "clip around it", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 8, 8, 24, 24 }, { 0, 0, 24, 24 }, 16, 16,
		0, { { 8, 8, RED }, { 23, 23, BLUE }, { 7, 8, 0 }, { 24, 23, 0 } } },
	{ "half outside", CLOVE_SURFACE_FMT_32_XRGB, false, false, { -8, -8, 8, 8 }, { 0 }, 16, 16, 0,
		{ { 0, 3, BLUE }, { 7, 7, BLUE }, { 8, 7, 0 }, { 7, 8, 0 } } },
	{ "larger", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 0, 0, 64, 48 }, { 0 }, 16, 16, 0,
		{ { 0, 0, RED }, { 63, 10, RED }, { 0, 47, BLUE }, { 63, 36, BLUE } } },
	{ "larger, bottom row first", CLOVE_SURFACE_FMT_32_XRGB, true, false, { 0, 0, 64, 48 }, { 0 }, 16, 16, 0,
		{ { 0, 0, BLUE }, { 63, 10, BLUE }, { 0, 47, RED }, { 63, 36, RED } } },
	{ "smaller", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 8, 8, 16, 16 }, { 0 }, 32, 32, 0,
		{ { 8, 8, RED }, { 15, 15, BLUE }, { 16, 15, 0 }, { 8, 16, 0 } } },
	{ "the upper half of it", CLOVE_SURFACE_FMT_32_XRGB, false, false, { 8, 8, 24, 16 }, { 0 }, 16, 16, 8,
		{ { 8, 8, RED }, { 23, 14, RED }, { 8, 16, 0 }, { 24, 8, 0 } } },
	{ "sized", CLOVE_SURFACE_FMT_32_XRGB, false, true, { 40, 20, 50, 30 }, { 0 }, 10, 10, 0,
		{ { 40, 20, RED }, { 49, 29, BLUE }, { 8, 8, 0 }, { 50, 29, 0 } } },
	{ "sized and larger", CLOVE_SURFACE_FMT_32_XRGB, false, true, { 40, 20, 60, 40 }, { 0 }, 10, 10, 0,
		{ { 41, 21, RED }, { 58, 38, BLUE }, { 8, 8, 0 }, { 60, 39, 0 } } },
};

START_TEST(test_streams_draw)
{
	const int32_t *box = landings[_i].box, *c = landings[_i].clip;
	struct clove_rect dest = { .left = box[0], .top = box[1], .right = box[2], .bottom = box[3] };
	struct clove_rect clip = { .left = c[0], .top = c[1], .right = c[2], .bottom = c[3] };
	struct clove_display_stream_create create = stream_at(8, 8, 24, 24);
	struct clove_display_stream_data_sized sized = { .id = 7, .dest = dest };
	struct clove_display_stream_data data = { .id = 7 };
	uint8_t room[16384];
	struct screen screen;

	screen_init(&screen, landings[_i].format);
	if (!landings[_i].is_sized)
		create.dest = dest;
	if (landings[_i].is_bottom_up)
		create.flags = 0;
	if (landings[_i].src)
		create.src_height = (uint32_t)landings[_i].src;
	else
		create.src_height = create.src_width = 32;
	if (clip.right)
		create.clip = (struct clove_clip){ CLOVE_CLIP_RECTS, 1, &clip };
	ck_assert_int_eq(clove_streams_create(screen.streams, &create), CLOVE_OK);
	data.data = frame(room, sizeof room, landings[_i].width, landings[_i].height, RED, BLUE);
	sized.data = data.data;
	ck_assert_int_eq(landings[_i].is_sized ? clove_streams_data_sized(screen.streams, &sized, 1) :
			clove_streams_data(screen.streams, &data, 1), CLOVE_OK);
	ck_assert(!pixman_region32_not_empty(&screen.drawn));
	ck_assert_int_eq(clove_streams_show(screen.streams, 1), -1);
	for (int i = 0; i < 4; i++) {
		int32_t x = landings[_i].seen[i].x, y = landings[_i].seen[i].y;
		uint32_t want = landings[_i].seen[i].colour;

		ck_assert_msg(want ? is_near(pixel(&screen, x, y), want) : !pixel(&screen, x, y),
				"%s: (%d, %d) is %06x", landings[_i].why, x, y, pixel(&screen, x, y));
		ck_assert_int_eq(pixman_region32_contains_point(&screen.drawn, x, y, NULL), want != 0);
	}
	ck_assert_uint_eq(counts(&screen).frames, 1);
	screen_fini(&screen);
}
END_TEST

START_TEST(test_streams_follow_the_clip)
{
	struct clove_display_stream_create create = stream_at(0, 0, FW, FH);
	struct clove_rect rect = { .left = 0, .top = 0, .right = 4, .bottom = 4 };
	struct clove_display_stream_clip clip = { .id = 7, .clip = { CLOVE_CLIP_RECTS, 1, &rect } };
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	create.clip.type = CLOVE_CLIP_RECTS;      /* no rectangle: not seen for now */
	ck_assert_int_eq(clove_streams_create(screen.streams, &create), CLOVE_OK);
	give(&screen, 0, RED, 1);
	clove_streams_show(screen.streams, 1);
	ck_assert(!pixman_region32_not_empty(&screen.drawn));
	ck_assert_int_eq(clove_streams_clip(screen.streams, &clip), CLOVE_OK);
	give(&screen, 0, RED, 2);
	clove_streams_show(screen.streams, 2);
	ck_assert(is_near(pixel(&screen, 3, 3), RED));
	ck_assert_uint_eq(pixel(&screen, 4, 3), 0);
	clip.clip.type = CLOVE_CLIP_NONE;
	ck_assert_int_eq(clove_streams_clip(screen.streams, &clip), CLOVE_OK);
	give(&screen, 0, BLUE, 3);
	clove_streams_show(screen.streams, 3);
	ck_assert(is_near(pixel(&screen, 15, 15), BLUE));
	screen_fini(&screen);
}
END_TEST

/* -- time -- */

START_TEST(test_streams_show_the_newest_without_sound)
{
	struct clove_display_stream_create create = stream_at(0, 0, FW, FH);
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	clove_mm_time_set(&screen.time, 1000, 0);
	ck_assert_int_eq(clove_streams_create(screen.streams, &create), CLOVE_OK);
	give(&screen, 5000, 0x101010, 1);
	give(&screen, 5100, 0x404040, 1);
	give(&screen, 5200, RED, 1);
	ck_assert_int_eq(clove_streams_show(screen.streams, 1), -1);
	ck_assert(is_near(pixel(&screen, 1, 1), RED));
	ck_assert_uint_eq(counts(&screen).frames, 1);
	ck_assert_uint_eq(counts(&screen).dropped, 2);
	screen_fini(&screen);
}
END_TEST

START_TEST(test_streams_wait_for_sound)
{
	struct clove_display_stream_create create = stream_at(0, 0, FW, FH);
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	clove_mm_time_set(&screen.time, UINT32_MAX - 99, 1000);   /* it wraps */
	screen.time.is_heard = true;
	ck_assert_int_eq(clove_streams_create(screen.streams, &create), CLOVE_OK);
	give(&screen, 100, RED, 1000);
	give(&screen, 140, BLUE, 1000);
	give(&screen, 180, 0x808080, 1000);
	ck_assert_int_eq(clove_streams_show(screen.streams, 1000), 200);
	ck_assert_uint_eq(pixel(&screen, 1, 1), 0);
	ck_assert_int_eq(clove_streams_show(screen.streams, 1200), 40);
	ck_assert(is_near(pixel(&screen, 1, 1), RED));
	ck_assert_int_eq(clove_streams_show(screen.streams, 1290), -1);   /* two are due */
	ck_assert(is_near(pixel(&screen, 1, 1), 0x808080));
	ck_assert_uint_eq(counts(&screen).dropped, 1);
	give(&screen, 60, RED, 1300);                                     /* 140 ms late */
	ck_assert_int_eq(clove_streams_show(screen.streams, 1300), -1);
	ck_assert(is_near(pixel(&screen, 1, 1), 0x808080));
	ck_assert_uint_eq(counts(&screen).dropped, 2);
	give(&screen, 300, RED, 1800);               /* late, but nothing has moved for half a second */
	clove_streams_show(screen.streams, 1800);
	ck_assert(is_near(pixel(&screen, 1, 1), RED));
	give(&screen, 1000000, BLUE, 1801);                               /* of no time at all */
	ck_assert_int_eq(clove_streams_show(screen.streams, 1801), -1);
	ck_assert(is_near(pixel(&screen, 1, 1), BLUE));
	give(&screen, 0, RED, 1802);
	ck_assert_int_eq(clove_streams_show(screen.streams, 1802), -1);
	ck_assert(is_near(pixel(&screen, 1, 1), RED));
	screen_fini(&screen);
}
END_TEST

START_TEST(test_streams_keep_a_bounded_number_waiting)
{
	struct clove_display_stream_create create = stream_at(0, 0, FW, FH);
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	clove_mm_time_set(&screen.time, 1000, 0);
	screen.time.is_heard = true;
	ck_assert_int_eq(clove_streams_create(screen.streams, &create), CLOVE_OK);
	for (uint32_t i = 0; i < 1000; i++)
		give(&screen, 3000 + i, RED, 1);
	ck_assert_uint_eq(counts(&screen).dropped, 1000 - 64);
	clove_streams_destroy_all(screen.streams);
	ck_assert_int_eq(clove_streams_show(screen.streams, 4000), -1);
	ck_assert_uint_eq(counts(&screen).frames, 0);
	screen_fini(&screen);
}
END_TEST

/* -- reports -- */

static void want_reports(struct screen *screen, uint8_t codec)
{
	struct clove_display_stream_create create = stream_at(0, 0, FW, FH);
	struct clove_display_stream_activate_report activate = { 7, 99, 5, 1000 };

	create.codec = codec;
	ck_assert_int_eq(clove_streams_create(screen->streams, &create), CLOVE_OK);
	ck_assert_int_eq(clove_streams_activate_report(screen->streams, &activate), CLOVE_OK);
}

START_TEST(test_streams_report_a_window_of_frames)
{
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	clove_mm_time_set(&screen.time, 1000, 0);
	want_reports(&screen, CLOVE_VIDEO_CODEC_MJPEG);
	for (uint32_t i = 0; i < 10; i++) {
		give(&screen, 1500 + 10 * i, RED, 10 * i);
		if (i != 7)
			clove_streams_show(screen.streams, 10 * i);
	}
	ck_assert_int_eq(screen.n_reports, 2);
	ck_assert_uint_eq(screen.reports[0].stream_id, 7);
	ck_assert_uint_eq(screen.reports[0].unique_id, 99);
	ck_assert_uint_eq(screen.reports[0].start_mm, 1500);
	ck_assert_uint_eq(screen.reports[0].end_mm, 1540);
	ck_assert_uint_eq(screen.reports[0].num_frames, 5);
	ck_assert_uint_eq(screen.reports[0].num_drops, 0);
	ck_assert_int_eq(screen.reports[0].last_frame_delay, 500);
	ck_assert_uint_eq(screen.reports[0].audio_delay, UINT32_MAX);
	ck_assert_uint_eq(screen.reports[1].start_mm, 1550);
	ck_assert_uint_eq(screen.reports[1].num_frames, 5);
	ck_assert_uint_eq(screen.reports[1].num_drops, 1);
	screen_fini(&screen);
}
END_TEST

START_TEST(test_streams_report_after_a_time_and_when_late)
{
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	clove_mm_time_set(&screen.time, 1000, 0);
	want_reports(&screen, CLOVE_VIDEO_CODEC_MJPEG);
	give(&screen, 1500, RED, 0);
	clove_streams_show(screen.streams, 0);
	give(&screen, 2500, RED, 1200);
	clove_streams_show(screen.streams, 1200);
	ck_assert_int_eq(screen.n_reports, 1);
	ck_assert_uint_eq(screen.reports[0].num_frames, 2);
	ck_assert_int_eq(screen.reports[0].last_frame_delay, 300);
	screen.time.is_heard = true;
	screen.time.audio_delay_ms = 123;
	for (int i = 0; i < 3; i++) {
		give(&screen, 2000, RED, 1300);
		clove_streams_show(screen.streams, 1300);
	}
	ck_assert_int_eq(screen.n_reports, 2);
	ck_assert_uint_eq(screen.reports[1].num_frames, 3);
	ck_assert_uint_eq(screen.reports[1].num_drops, 3);
	ck_assert_int_eq(screen.reports[1].last_frame_delay, -300);
	ck_assert_uint_eq(screen.reports[1].audio_delay, 123);
	screen_fini(&screen);
}
END_TEST

START_TEST(test_streams_say_what_they_cannot)
{
	struct screen screen;
	struct clove_display_stream_data data = { .id = 7, .data = CLOVE_BYTES("x", 1) };

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	want_reports(&screen, CLOVE_VIDEO_CODEC_VP8);
	ck_assert_int_eq(screen.n_reports, 1);
	ck_assert_uint_eq(screen.reports[0].num_frames, 0);
	ck_assert_uint_eq(screen.reports[0].num_drops, UINT32_MAX);
	ck_assert_int_eq(clove_streams_data(screen.streams, &data, 1), CLOVE_ERR_UNSUPPORTED);
	ck_assert_int_eq(clove_streams_show(screen.streams, 1), -1);
	ck_assert_int_eq(screen.n_reports, 1);
	screen_fini(&screen);
}
END_TEST

/* -- servers that mean harm -- */

static const struct {
	const char *why;
	uint32_t id, surface_id;
	int32_t left, top, right, bottom;
	enum clove_err want;
} creations[] = {
	{ "the last",            63, 3, 0, 0, 8, 8, CLOVE_OK },
	{ "one id too many",     64, 3, 0, 0, 8, 8, CLOVE_ERR_BOUNDS },
	{ "no surface",           7, 4, 0, 0, 8, 8, CLOVE_ERR_STATE },
	{ "an inverted area",     7, 3, 8, 8, 0, 0, CLOVE_ERR_VALUE },
	{ "an empty area",        7, 3, 8, 0, 8, 8, CLOVE_ERR_VALUE },
	{ "an area of all there is", 7, 3, INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX, CLOVE_OK },
};

START_TEST(test_streams_are_created)
{
	struct clove_display_stream_create create = stream_at(creations[_i].left, creations[_i].top,
			creations[_i].right, creations[_i].bottom);
	uint8_t room[8192];
	struct clove_display_stream_data data = { .id = creations[_i].id };
	struct screen screen;

	screen_init(&screen, CLOVE_SURFACE_FMT_32_XRGB);
	create.id = creations[_i].id;
	create.surface_id = creations[_i].surface_id;
	ck_assert_msg(clove_streams_create(screen.streams, &create) == creations[_i].want, "%s", creations[_i].why);
	data.data = frame(room, sizeof room, FW, FH, RED, RED);
	ck_assert_int_eq(clove_streams_data(screen.streams, &data, 1), creations[_i].want ? CLOVE_ERR_STATE :
			CLOVE_OK);
	clove_streams_show(screen.streams, 1);
	data.data.len /= 2;                      /* damaged: left out, and the next one is shown */
	if (!creations[_i].want)
		ck_assert_int_eq(clove_streams_data(screen.streams, &data, 2), CLOVE_OK);
	clove_streams_show(screen.streams, 2);
	ck_assert_uint_eq(counts(&screen).frames + counts(&screen).dropped, creations[_i].want ? 0 : 2);
	ck_assert_int_eq(clove_streams_destroy(screen.streams, creations[_i].id), creations[_i].want ?
			CLOVE_ERR_STATE : CLOVE_OK);
	ck_assert_uint_eq(counts(&screen).streams, 0);
	screen_fini(&screen);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("streams");
	TCase *tcase = tcase_create("streams");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_streams_draw, 0, sizeof landings / sizeof *landings);
	tcase_add_test(tcase, test_streams_follow_the_clip);
	tcase_add_test(tcase, test_streams_show_the_newest_without_sound);
	tcase_add_test(tcase, test_streams_wait_for_sound);
	tcase_add_test(tcase, test_streams_keep_a_bounded_number_waiting);
	tcase_add_test(tcase, test_streams_report_a_window_of_frames);
	tcase_add_test(tcase, test_streams_report_after_a_time_and_when_late);
	tcase_add_test(tcase, test_streams_say_what_they_cannot);
	tcase_add_loop_test(tcase, test_streams_are_created, 0, sizeof creations / sizeof *creations);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
