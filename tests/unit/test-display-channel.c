/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-display-channel.c - recorded servers and made-up ones, and the pixels that come of them. */
#include "client-gtk/display-channel.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "tests/unit/pictures-fixture.h"

struct viewer {
	struct clove_loop *loop;
	struct clove_pictures *pictures;
	struct clove_display_channel *display;
	int came, went, changes, marks, monitors;
	int32_t width, height;
	bool is_closed;
	enum clove_err err;
	char log[128];
};

static void primary_came(void *opaque, int32_t width, int32_t height)
{
	struct viewer *viewer = opaque;

	viewer->came++;
	viewer->width = width;
	viewer->height = height;
}

static void primary_went(void *opaque)
{
	((struct viewer *)opaque)->went++;
}

static void changed(void *opaque, const pixman_region32_t *region)
{
	struct viewer *viewer = opaque;
	const pixman_box32_t *box = pixman_region32_extents((pixman_region32_t *)(uintptr_t)region);

	viewer->changes++;
	ck_assert_int_ge(box->x1, 0);
	ck_assert_int_ge(box->y1, 0);
	ck_assert_int_le(box->x2, viewer->width);
	ck_assert_int_le(box->y2, viewer->height);
}

static void marked(void *opaque)
{
	((struct viewer *)opaque)->marks++;
}

static void monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	struct viewer *viewer = opaque;

	viewer->monitors++;
	ck_assert_uint_gt(config->count, 0);
	ck_assert_uint_gt(config->heads[0].width, 0);
}

static void closed(void *opaque, enum clove_err err)
{
	struct viewer *viewer = opaque;

	viewer->is_closed = true;
	viewer->err = err;
}

static const struct clove_display_events events = {
	primary_came, primary_went, changed, marked, monitors, closed,
};

static void sink(void *opaque, enum clove_log_level level, const char *line)
{
	struct viewer *viewer = opaque;

	(void)level;
	snprintf(viewer->log, sizeof viewer->log, "%s", line);
}

static void view(struct viewer *viewer, struct playing *playing)
{
	struct clove_opened opened = play_open(playing);
	struct clove_display_options options = { .events = &events, .opaque = viewer };

	*viewer = (struct viewer){ .loop = clove_poll_loop_new(), .pictures = clove_pictures_new() };
	clove_log_set_sink(sink, viewer);
	options.loop = viewer->loop;
	options.pictures = viewer->pictures;
	viewer->display = clove_display_channel_new(&options, &opened);
	ck_assert_ptr_nonnull(viewer->display);
}

static void view_to_the_end(struct viewer *viewer, struct playing *playing)
{
	while (!viewer->is_closed) {
		play_on(playing, true);
		clove_poll_loop_step(viewer->loop, 10);
	}
}

static void view_fini(struct viewer *viewer)
{
	clove_display_channel_free(viewer->display);
	clove_pictures_free(viewer->pictures);
	clove_poll_loop_free(viewer->loop);
	clove_log_set_sink(NULL, NULL);
}

/* FNV-1a of all colours, row by row, without some rows. */
static uint64_t hash(const struct clove_pixels *picture, int32_t without_from, int32_t without_to)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int32_t y = 0; y < picture->height; y++)
		for (int32_t x = 0; x < picture->width && (y < without_from || y >= without_to); x++)
			for (int i = 0; i < 3; i++)
				h = (h ^ clove_pixels_row(picture, y)[4 * x + i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The counts are those of the recordings' index. The hashes are of pictures that were looked at: text on
 * black. */
static const struct {
	const char *name;
	int surfaces;
	uint64_t drawings, hash;
} recorded[] = {
	{ "boot",          5, 196, UINT64_C(0xdce58fe1c8d45167) },
	{ "agent",         1, 109, UINT64_C(0xfd182a1859988b4f) },
	{ "fullhdr",       1,  13, UINT64_C(0xb7356e1792d252cd) },
	{ "migsrc",        4,  50, UINT64_C(0xdd93a3191f3a08cd) },
	{ "img-quic",      1,  35, UINT64_C(0x051838d8acdb5bef) },
	{ "img-glz",       1,   3, UINT64_C(0x511cc5bf7cc32747) },
	{ "img-lz",        1,   2, UINT64_C(0x6c0c93b05c78cd47) },
	{ "img-lz4",       1,   2, UINT64_C(0x41bfc196248db2af) },
	{ "img-jpegzlib",  1,  47, UINT64_C(0x8cfb3969e8ef2ac8) },
	{ "img-jpeg",      1,  20, UINT64_C(0x4e02b017051929fa) },
	{ "stream-mjpeg",  1,  31, UINT64_C(0x831fa1495b72853f) },
};

START_TEST(test_display_channel_shows_recorded_servers)
{
	struct playing playing;
	struct viewer viewer;
	struct clove_display_counts counts;
	struct clove_pixels picture;
	char name[64];

	snprintf(name, sizeof name, "wire/%s-display.s2c.bin", recorded[_i].name);
	play_recorded(&playing, name, !strstr(name, "fullhdr"));
	view(&viewer, &playing);
	view_to_the_end(&viewer, &playing);
	clove_display_channel_count(viewer.display, &counts);
	ck_assert(clove_display_channel_picture(viewer.display, &picture));
	ck_assert_int_eq(viewer.err, CLOVE_ERR_CLOSED);
	ck_assert_uint_eq(counts.skipped, 0);
	ck_assert_uint_eq(counts.drawings, recorded[_i].drawings);
	ck_assert_int_eq(viewer.came, recorded[_i].surfaces);
	ck_assert_int_eq(viewer.went, recorded[_i].surfaces - 1);
	ck_assert_int_eq(viewer.marks, recorded[_i].surfaces);
	ck_assert_int_ge(viewer.monitors, recorded[_i].surfaces);
	ck_assert_int_gt(viewer.changes, 0);
	ck_assert_int_eq(picture.width, 1024);
	ck_assert_int_eq(picture.height, 768);
	ck_assert_msg(hash(&picture, 0, 0) == recorded[_i].hash, "%s: %016llx", name,
			(unsigned long long)hash(&picture, 0, 0));
	view_fini(&viewer);
	play_fini(&playing);
}
END_TEST

/* Three recordings show one guest, but for the lines that tell the time: so three codecs agree. */
START_TEST(test_display_channel_shows_the_same_by_any_codec)
{
	static const char *const names[] = { "img-lz", "img-lz4", "img-glz" };
	uint64_t hashes[3];

	for (int i = 0; i < 3; i++) {
		struct clove_pixels picture;
		struct playing playing;
		struct viewer viewer;
		char name[64];

		snprintf(name, sizeof name, "wire/%s-display.s2c.bin", names[i]);
		play_recorded(&playing, name, true);
		view(&viewer, &playing);
		view_to_the_end(&viewer, &playing);
		ck_assert(clove_display_channel_picture(viewer.display, &picture));
		hashes[i] = hash(&picture, 48, 80);
		view_fini(&viewer);
		play_fini(&playing);
	}
	ck_assert_uint_eq(hashes[0], hashes[1]);
	ck_assert_uint_eq(hashes[0], hashes[2]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("display-channel");
	TCase *tcase = tcase_create("display-channel");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_display_channel_shows_recorded_servers, 0,
			sizeof recorded / sizeof *recorded);
	tcase_add_test(tcase, test_display_channel_shows_the_same_by_any_codec);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
