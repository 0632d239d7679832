/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-display.c - what the owner of a display on another thread sees, and that it may go at any time. */
#include "client-gtk/display.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "tests/unit/pictures-fixture.h"

enum { W = 320, H = 200 };

struct viewer {
	struct clove_loop *loop;
	struct clove_display_thread *thread;
	struct clove_display *display;
	int came, went, marks, monitors, changes;
	int32_t width, height;
	bool has_primary, is_closed;
	uint32_t last;                    /* pixel at (0, 0) when the last primary went */
};

static void primary_came(void *opaque, int32_t width, int32_t height)
{
	struct viewer *viewer = opaque;

	ck_assert(!viewer->has_primary);
	viewer->has_primary = true;
	viewer->came++;
	viewer->width = width;
	viewer->height = height;
}

static void primary_went(void *opaque)
{
	struct viewer *viewer = opaque;
	struct clove_pixels picture;

	ck_assert(viewer->has_primary);
	ck_assert(clove_display_picture(viewer->display, &picture));
	viewer->last = clove_le32(picture.data) & 0xffffff;
	viewer->has_primary = false;
	viewer->went++;
}

static void changed(void *opaque, const pixman_region32_t *region)
{
	struct viewer *viewer = opaque;
	const pixman_box32_t *box = pixman_region32_extents((pixman_region32_t *)(uintptr_t)region);

	viewer->changes++;
	ck_assert(viewer->has_primary);
	ck_assert(box->x1 >= 0 && box->y1 >= 0 && box->x2 <= viewer->width && box->y2 <= viewer->height);
}

static void marked(void *opaque)
{
	struct viewer *viewer = opaque;

	ck_assert(viewer->has_primary);
	ck_assert(clove_display_is_marked(viewer->display));
	viewer->marks++;
}

static void monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	ck_assert_uint_gt(config->count, 0);
	ck_assert_uint_gt(config->heads[config->count - 1].width, 0);
	((struct viewer *)opaque)->monitors++;
}

static void closed(void *opaque, enum clove_err err)
{
	(void)err;
	((struct viewer *)opaque)->is_closed = true;
}

static const struct clove_display_events events = {
	primary_came, primary_went, changed, marked, monitors, closed,
};

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

static void view(struct viewer *viewer, struct playing *playing)
{
	struct clove_opened opened = play_open(playing);
	struct clove_display_place place = { .events = &events, .opaque = viewer };

	clove_log_set_sink(no_line, NULL);
	*viewer = (struct viewer){ .loop = clove_poll_loop_new(), .thread = clove_display_thread_new() };
	ck_assert_ptr_nonnull(viewer->thread);
	place.loop = viewer->loop;
	place.thread = viewer->thread;
	viewer->display = clove_display_new(&place, &opened);
	ck_assert_ptr_nonnull(viewer->display);
	ck_assert_ptr_null(opened.stream);
}

static void view_to_the_end(struct viewer *viewer, struct playing *playing)
{
	while (!viewer->is_closed) {
		play_on(playing, true);
		clove_poll_loop_step(viewer->loop, 10);
	}
}

static void end(struct viewer *viewer, struct playing *playing)
{
	clove_display_free(viewer->display);
	clove_display_thread_free(viewer->thread);
	clove_poll_loop_free(viewer->loop);
	play_fini(playing);
}

/* FNV-1a of all colours, row by row: as in test-display-channel. */
static uint64_t hash(const struct clove_pixels *picture)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int32_t y = 0; y < picture->height; y++)
		for (int32_t x = 0; x < picture->width; x++)
			for (int i = 0; i < 3; i++)
				h = (h ^ clove_pixels_row(picture, y)[4 * x + i]) * UINT64_C(0x100000001b3);
	return h;
}

static const struct {
	const char *name;
	int surfaces;
	uint64_t hash;
} recorded[] = {
	{ "boot",          5, UINT64_C(0xdce58fe1c8d45167) },
	{ "img-quic",      1, UINT64_C(0x051838d8acdb5bef) },
	{ "img-glz",       1, UINT64_C(0x511cc5bf7cc32747) },
	{ "stream-mjpeg",  1, UINT64_C(0x939ecef0c6c090d2) },
};

START_TEST(test_display_shows_recorded_servers)
{
	struct clove_display_counts counts;
	struct clove_pixels picture;
	struct playing playing;
	struct viewer viewer;
	char name[64];

	snprintf(name, sizeof name, "wire/%s-display.s2c.bin", recorded[_i].name);
	play_recorded(&playing, name, true);
	view(&viewer, &playing);
	view_to_the_end(&viewer, &playing);
	ck_assert_int_eq(viewer.came, recorded[_i].surfaces);
	ck_assert_int_eq(viewer.went, recorded[_i].surfaces - 1);
	ck_assert_int_eq(viewer.marks, recorded[_i].surfaces);
	ck_assert_int_ge(viewer.monitors, recorded[_i].surfaces);
	ck_assert(clove_display_picture(viewer.display, &picture));
	ck_assert_uint_eq(hash(&picture), recorded[_i].hash);
	clove_display_count(viewer.display, &counts);
	ck_assert_uint_gt(counts.messages, 0);
	ck_assert_uint_eq(counts.bytes_in, playing.bytes.len - 16 - 4 - clove_le32(playing.bytes.data + 12));
	ck_assert_uint_eq(counts.skipped, 0);
	end(&viewer, &playing);
}
END_TEST

static void say(struct playing *playing, uint16_t id, const void *message)
{
	play(playing, CLOVE_CHANNEL_DISPLAY, id, message);
}

/* Modes that come and go, with something drawn on each. */
static void say_modes(struct playing *playing, uint32_t n)
{
	struct clove_display_surface_create create = { 0, W, H, CLOVE_SURFACE_FMT_32_XRGB,
			CLOVE_SURFACE_FLAG_PRIMARY };
	struct clove_display_surface_destroy destroy = { 0 };
	struct clove_display_head head = { .width = W, .height = H };
	struct clove_display_monitors_config config = { 1, 4, &head };
	struct clove_display_draw_fill fill = { .base.box = { .right = W, .bottom = H }, .rop = CLOVE_ROP_PUT,
			.brush.type = CLOVE_BRUSH_SOLID };

	for (uint32_t i = 0; i < n; i++) {
		create.format = i % 3 ? CLOVE_SURFACE_FMT_32_XRGB : CLOVE_SURFACE_FMT_16_555;
		fill.brush.color = (i & 31) << 3 | (i & 31) >> 2; /* as 5 bits can say it */
		say(playing, CLOVE_DISPLAY_SURFACE_CREATE, &create);
		say(playing, CLOVE_DISPLAY_MONITORS_CONFIG, &config);
		say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
		say(playing, CLOVE_DISPLAY_MARK, NULL);
		say(playing, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	}
}

/* More than the letters that may lie unread: nothing is lost, and all is in its order. */
START_TEST(test_display_tells_of_every_primary)
{
	struct clove_display_counts counts;
	struct playing playing = { 0 };
	struct viewer viewer;

	say_modes(&playing, 200);
	view(&viewer, &playing);
	view_to_the_end(&viewer, &playing);
	ck_assert_int_eq(viewer.came, 200);
	ck_assert_int_eq(viewer.went, 200);
	ck_assert_int_eq(viewer.marks, 200);
	ck_assert_int_eq(viewer.monitors, 200);
	ck_assert_int_eq(viewer.changes, 200);
	ck_assert_uint_eq(viewer.last, (199 & 31) << 3 | (199 & 31) >> 2);
	clove_display_count(viewer.display, &counts);
	ck_assert_uint_eq(counts.messages, 1000);
	end(&viewer, &playing);
}
END_TEST

/* A server that draws faster than the owner looks. */
START_TEST(test_display_tells_the_newest_pixels)
{
	struct clove_display_surface_create create = { 0, 128, 128, CLOVE_SURFACE_FMT_32_XRGB,
			CLOVE_SURFACE_FLAG_PRIMARY };
	struct clove_display_draw_fill fill = { .base.box = { .right = 128, .bottom = 128 },
			.rop = CLOVE_ROP_PUT, .brush.type = CLOVE_BRUSH_SOLID };
	struct playing playing = { 0 };
	struct clove_pixels picture;
	struct viewer viewer;

	say(&playing, CLOVE_DISPLAY_SURFACE_CREATE, &create);
	for (uint32_t i = 0; i < 2000; i++) {
		fill.brush.color = i;
		say(&playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
	}
	view(&viewer, &playing);
	view_to_the_end(&viewer, &playing);
	ck_assert_int_ge(viewer.changes, 1); /* all in one, if the owner came late */
	ck_assert_int_lt(viewer.changes, 1000);
	ck_assert(clove_display_picture(viewer.display, &picture));
	ck_assert_uint_eq(clove_le32(clove_pixels_row(&picture, 127)) & 0xffffff, 1999);
	end(&viewer, &playing);
}
END_TEST

/* Letters may lie on either side when it is freed. */
START_TEST(test_display_ends_at_any_time)
{
	struct playing playing = { 0 };
	struct viewer viewer;

	say_modes(&playing, 100);
	view(&viewer, &playing);
	for (int i = 0; i < _i; i++) {
		struct clove_display_counts counts;

		play_on(&playing, false);
		clove_poll_loop_step(viewer.loop, 1);
		clove_display_count(viewer.display, &counts);
	}
	end(&viewer, &playing);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("display");
	TCase *tcase = tcase_create("display");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_display_shows_recorded_servers, 0, sizeof recorded / sizeof *recorded);
	tcase_add_test(tcase, test_display_tells_of_every_primary);
	tcase_add_test(tcase, test_display_tells_the_newest_pixels);
	tcase_add_loop_test(tcase, test_display_ends_at_any_time, 0, 20);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
