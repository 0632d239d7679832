/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-canvas.c - where a canvas draws and what it says of it; what pixels become: golden/test-raster. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "common/canvas/canvas.h"

enum { W = 40, H = 30 };

static uint32_t memory[H][W];
static struct clove_canvas canvas;

static void begin(void)
{
	memset(memory, 0, sizeof memory);
	canvas = (struct clove_canvas){ (uint8_t *)memory, W, H, W * 4, CLOVE_SURFACE_FMT_32_XRGB };
}

static struct clove_drawing fill(int32_t left, int32_t top, int32_t right, int32_t bottom, uint32_t color)
{
	return (struct clove_drawing){ .type = CLOVE_DRAW_FILL, .box = { left, top, right, bottom },
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = color }, .rop = CLOVE_ROP_PUT };
}

static bool is_box(pixman_region32_t *region, int32_t left, int32_t top, int32_t right, int32_t bottom)
{
	pixman_region32_t box;
	bool is_equal;

	pixman_region32_init_rect(&box, left, top, (unsigned int)(right - left), (unsigned int)(bottom - top));
	is_equal = pixman_region32_equal(region, &box);
	pixman_region32_fini(&box);
	return is_equal;
}

START_TEST(test_canvas_says_what_changed)
{
	struct clove_drawing d = fill(2, 3, 20, 9, 7);
	pixman_region32_t drawn, changed;

	pixman_region32_init(&drawn);
	pixman_region32_init(&changed);
	ck_assert_int_eq(clove_canvas_draw(&canvas, &d, &drawn, &changed), CLOVE_OK);
	ck_assert(is_box(&drawn, 2, 3, 20, 9));
	ck_assert(is_box(&changed, 2, 3, 20, 9));
	/* once more: drawn, and nothing is new */
	pixman_region32_clear(&changed);
	ck_assert_int_eq(clove_canvas_draw(&canvas, &d, &drawn, &changed), CLOVE_OK);
	ck_assert(!pixman_region32_not_empty(&changed));
	/* a part of it is new; both regions grow */
	d = fill(2, 8, 20, 12, 7);
	ck_assert_int_eq(clove_canvas_draw(&canvas, &d, &drawn, &changed), CLOVE_OK);
	ck_assert(is_box(&drawn, 2, 3, 20, 12));
	ck_assert(is_box(&changed, 2, 9, 20, 12));
	/* without regions */
	d = fill(0, 0, 1, 1, 9);
	ck_assert_int_eq(clove_canvas_draw(&canvas, &d, NULL, NULL), CLOVE_OK);
	ck_assert_uint_eq(memory[0][0], 9);
	pixman_region32_fini(&drawn);
	pixman_region32_fini(&changed);
}
END_TEST

static const struct {
	const char *why;
	int32_t box[4], drawn[4];
} boxes[] = {
	{ "inside", { 1, 2, 3, 4 }, { 1, 2, 3, 4 } },
	{ "over every edge", { -5, -5, 99, 99 }, { 0, 0, W, H } },
	{ "as far as numbers go", { INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX }, { 0, 0, W, H } },
	{ "beside", { W, 0, W + 5, 5 }, { 0, 0, 0, 0 } },
	{ "inverted", { 9, 9, 3, 12 }, { 0, 0, 0, 0 } },
	{ "inverted as far as numbers go", { INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN }, { 0, 0, 0, 0 } },
};

/* Each operation in each box: nothing outside is touched, and no operation minds where it is. */
START_TEST(test_canvas_clips_every_operation)
{
	static const uint8_t bits[4];
	static const struct clove_glyph glyph = { { 3, 3 }, { 0, 0 }, 8, 4, { bits, 4 } };
	static const struct clove_string string = { 1, CLOVE_STRING_A1, &glyph };
	static const struct clove_point_fix points[] = { { 0, 0 }, { INT32_MAX, 300 }, { -300, INT32_MIN } };
	static const struct clove_path_segment segment = { CLOVE_PATH_BEGIN | CLOVE_PATH_END, 3, points };
	static const struct clove_path path = { 1, &segment };
	static const struct clove_display_draw_composite composite = { .flags = PIXMAN_OP_OVER };
	static uint32_t pixels[8 * 8];
	const int32_t *b = boxes[_i].box, *want = boxes[_i].drawn;
	struct clove_canvas_image image = { .kind = CLOVE_CANVAS_PIXELS,
			.pixels = { (uint8_t *)pixels, 8, 8, 32, CLOVE_FORMAT_RGB32 } };

	for (int type = CLOVE_DRAW_FILL; type < CLOVE_DRAWS; type++) {
		for (int scale = 0; scale < 4; scale++) {
			struct clove_drawing d = fill(b[0], b[1], b[2], b[3], 1);
			uint32_t frame[H + 2][W];
			pixman_region32_t drawn;
			int32_t origin = scale & 2 ? INT32_MIN : 0;
			enum clove_err err;

			memset(frame, 0x55, sizeof frame);
			canvas.data = (uint8_t *)frame[1];
			d.type = (enum clove_draw)type;
			d.src = image;
			d.src_area = scale & 1 ? (pixman_box32_t){ 1, 1, 6, 7 } :
					(pixman_box32_t){ origin, origin, (int32_t)((int64_t)origin + 8), 8 };
			d.scale_mode = (uint8_t)(scale >> 1);
			d.alpha = 77;
			d.src_x = d.src_y = origin;
			d.string = &string;
			d.path = &path;
			d.composite = &composite;
			d.back_area = d.box;
			pixman_region32_init(&drawn);
			err = clove_canvas_draw(&canvas, &d, &drawn, NULL);
			ck_assert_msg(err == CLOVE_OK || err == CLOVE_ERR_BOUNDS || err == CLOVE_ERR_LIMIT,
					"%s: %d: %s", boxes[_i].why, type, clove_err_name(err));
			pixman_region32_intersect_rect(&drawn, &drawn, 0, 0, 1000, 1000);
			if (type == CLOVE_DRAW_FILL && want[2])
				ck_assert_msg(is_box(&drawn, want[0], want[1], want[2], want[3]), "%s", boxes[_i].why);
			if (!want[2])
				ck_assert(!pixman_region32_not_empty(&drawn));
			for (int x = 0; x < W; x++)
				ck_assert(frame[0][x] == 0x55555555 && frame[H + 1][x] == 0x55555555);
			for (int y = 0; y < H; y++)
				for (int x = 0; x < W; x++)
					ck_assert_msg(frame[y + 1][x] == 0x55555555 || (x >= want[0] && x < want[2] &&
							y >= want[1] && y < want[3]), "%s: operation %d at (%d, %d)",
							boxes[_i].why, type, x, y);
			pixman_region32_fini(&drawn);
		}
	}
}
END_TEST

START_TEST(test_canvas_makes_clips)
{
	static struct clove_rect rects[CLOVE_CANVAS_CLIPS_MAX + 1];
	struct clove_clip clip = { CLOVE_CLIP_RECTS, 0, rects };
	pixman_region32_t region;

	ck_assert_int_eq(clove_canvas_clip(&clip, &canvas, &region), CLOVE_OK);
	ck_assert(!pixman_region32_not_empty(&region));
	pixman_region32_fini(&region);
	rects[0] = (struct clove_rect){ .top = INT32_MIN, .left = INT32_MIN, .bottom = 5, .right = 6 };
	rects[1] = (struct clove_rect){ .top = 9, .left = 9, .bottom = 3, .right = 3 };
	rects[2] = (struct clove_rect){ .top = 0, .left = 6, .bottom = 5, .right = 8 };
	clip.num_rects = 3;
	ck_assert_int_eq(clove_canvas_clip(&clip, &canvas, &region), CLOVE_OK);
	ck_assert(is_box(&region, 0, 0, 8, 5));
	pixman_region32_fini(&region);
	clip.num_rects = CLOVE_CANVAS_CLIPS_MAX + 1;
	ck_assert_int_eq(clove_canvas_clip(&clip, &canvas, &region), CLOVE_ERR_LIMIT);
	pixman_region32_fini(&region);
}
END_TEST

/* Without what it needs a drawing is refused and nothing is drawn. */
static const struct {
	const char *why;
	enum clove_draw type;
	struct clove_canvas_image src;
	uint32_t format;
	enum clove_err want;
} refusals[] = {
	{ "no source", CLOVE_DRAW_COPY, { 0 }, CLOVE_SURFACE_FMT_32_XRGB, CLOVE_ERR_UNSUPPORTED },
	{ "no surface", CLOVE_DRAW_OPAQUE, { .kind = CLOVE_CANVAS_SURFACE }, CLOVE_SURFACE_FMT_32_XRGB,
		CLOVE_ERR_STATE },
	{ "no palette", CLOVE_DRAW_COPY, { .kind = CLOVE_CANVAS_PIXELS, .pixels = { (uint8_t *)memory, 1, 1, 4,
		CLOVE_FORMAT_PLT8 } }, CLOVE_SURFACE_FMT_32_XRGB, CLOVE_ERR_UNSUPPORTED },
	{ "no pixels", CLOVE_DRAW_BLEND, { .kind = CLOVE_CANVAS_PIXELS, .pixels = { (uint8_t *)memory, 0, 1, 4,
		CLOVE_FORMAT_RGB32 } }, CLOVE_SURFACE_FMT_32_XRGB, CLOVE_ERR_UNSUPPORTED },
	{ "no such surface format", CLOVE_DRAW_FILL, { 0 }, 17, CLOVE_ERR_UNSUPPORTED },
	{ "no path", CLOVE_DRAW_STROKE, { 0 }, CLOVE_SURFACE_FMT_32_XRGB, CLOVE_ERR_VALUE },
	{ "no such operation", CLOVE_DRAWS, { 0 }, CLOVE_SURFACE_FMT_32_XRGB, CLOVE_ERR_UNSUPPORTED },
};

START_TEST(test_canvas_refuses)
{
	struct clove_drawing d = fill(0, 0, W, H, 1);
	pixman_region32_t drawn;

	pixman_region32_init(&drawn);
	d.type = refusals[_i].type;
	d.src = refusals[_i].src;
	d.src_area = d.box;
	canvas.format = refusals[_i].format;
	ck_assert_msg(clove_canvas_draw(&canvas, &d, &drawn, NULL) == refusals[_i].want, "%s", refusals[_i].why);
	ck_assert(!pixman_region32_not_empty(&drawn));
	for (int i = 0; i < W * H; i++)
		ck_assert_uint_eq(memory[i / W][i % W], 0);
	pixman_region32_fini(&drawn);
}
END_TEST

/* Far apart in a row, with what stayed between them. */
START_TEST(test_canvas_tells_changes_apart)
{
	enum { WIDE = 400 };
	static uint32_t wide[8][WIDE], pixels[8][WIDE];
	struct clove_canvas target = { (uint8_t *)wide, WIDE, 8, WIDE * 4, CLOVE_SURFACE_FMT_32_XRGB };
	struct clove_drawing d = { .type = CLOVE_DRAW_COPY, .box = { 0, 0, WIDE, 8 }, .src_area = { 0, 0, WIDE, 8 },
			.rop = CLOVE_ROP_PUT, .src = { .kind = CLOVE_CANVAS_PIXELS,
			.pixels = { (uint8_t *)pixels, WIDE, 8, WIDE * 4, CLOVE_FORMAT_RGB32 } } };
	pixman_region32_t changed, want;

	pixels[3][10] = pixels[5][200] = pixels[3][390] = 1;
	pixman_region32_init(&changed);
	pixman_region32_init_rect(&want, 10, 3, 22, 3);
	pixman_region32_union_rect(&want, &want, 192, 3, 32, 3);
	pixman_region32_union_rect(&want, &want, 384, 3, 7, 3);
	ck_assert_int_eq(clove_canvas_draw(&target, &d, NULL, &changed), CLOVE_OK);
	ck_assert(pixman_region32_equal(&changed, &want));
	ck_assert(!memcmp(wide, pixels, sizeof wide));
	pixman_region32_fini(&changed);
	pixman_region32_fini(&want);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("canvas");
	TCase *tcase = tcase_create("canvas");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase, test_canvas_says_what_changed);
	tcase_add_test(tcase, test_canvas_tells_changes_apart);
	tcase_add_loop_test(tcase, test_canvas_clips_every_operation, 0, sizeof boxes / sizeof *boxes);
	tcase_add_test(tcase, test_canvas_makes_clips);
	tcase_add_loop_test(tcase, test_canvas_refuses, 0, sizeof refusals / sizeof *refusals);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
