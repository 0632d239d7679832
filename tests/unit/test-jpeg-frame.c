/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-jpeg-frame.c - what libjpeg wrote with restart markers, decoded in parts and as a whole. */
#include <stdio.h>
#include <jpeglib.h>
#include "common/codec/jpeg.h"
#include "tests/unit/codec-fixture.h"

struct shape {
	const char *why;
	int32_t width, height;
	int components, h, v, restart_rows;
	unsigned int restart_mcus, parts;
	bool is_progressive;
};

static const struct shape shapes[] = {
	{ "no markers",                    100, 100, 3, 2, 2, 0, 0,  1, false },
	{ "4:2:0, parts of 32 rows",       100, 100, 3, 2, 2, 2, 0,  4, false },
	{ "4:2:0, the last of one row",    33,   33, 3, 2, 2, 1, 0,  3, false },
	{ "4:2:2",                         100,  60, 3, 2, 1, 4, 0,  2, false },
	{ "4:4:4, as many as there may be", 31,  64, 3, 1, 1, 1, 0,  8, false },
	{ "one more",                      31,   65, 3, 1, 1, 1, 0,  1, false },
	{ "within rows",                   100, 100, 3, 2, 2, 0, 3,  1, false },
	{ "one part is all",               100, 100, 3, 2, 2, 7, 0,  1, false },
	{ "grey",                          100, 100, 1, 1, 1, 4, 0,  1, false },
	{ "progressive",                   100, 100, 3, 2, 2, 2, 0,  1, true },
};

static struct clove_buf write_jpeg(const struct shape *shape)
{
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, shape->width, shape->height, 1);
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr errors;
	struct clove_buf out = { 0 };
	unsigned char *bytes = NULL;
	unsigned long size = 0;

	c.err = jpeg_std_error(&errors);
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, &bytes, &size);
	c.image_width = (JDIMENSION)shape->width;
	c.image_height = (JDIMENSION)shape->height;
	c.input_components = 4;
	c.in_color_space = JCS_EXT_BGRX;
	jpeg_set_defaults(&c);
	if (shape->components == 1)
		jpeg_set_colorspace(&c, JCS_GRAYSCALE);
	c.comp_info[0].h_samp_factor = shape->h;
	c.comp_info[0].v_samp_factor = shape->v;
	c.restart_in_rows = shape->restart_rows;
	c.restart_interval = shape->restart_mcus;
	if (shape->is_progressive)
		jpeg_simple_progression(&c);
	jpeg_start_compress(&c, TRUE);
	for (int32_t y = 0; y < shape->height; y++) {
		JSAMPROW row = clove_pixels_row(&src, y);

		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	ck_assert(!clove_buf_append(&out, bytes, size));
	free(bytes);
	free(src.data);
	return out;
}

START_TEST(test_parts_make_the_same_picture)
{
	const struct shape *shape = &shapes[_i];
	struct clove_buf jpeg = write_jpeg(shape);
	struct clove_bytes in = clove_buf_bytes(&jpeg);
	struct clove_pixels whole = fixture_rows(CLOVE_FORMAT_RGB32, shape->width, shape->height);
	struct clove_pixels parts = fixture_rows(CLOVE_FORMAT_RGB32, shape->width, shape->height);
	struct clove_job_pool *pool = clove_job_pool_new(2);

	ck_assert_msg(clove_jpeg_parts(in) == shape->parts, "%s: %u parts", shape->why, clove_jpeg_parts(in));
	ck_assert(!clove_jpeg_decode_quick(in, &whole));
	ck_assert(!clove_jpeg_decode_frame(in, &parts, pool));
	ck_assert_msg(fixture_same(&whole, &parts), "%s", shape->why);
	memset(parts.data, 0, (size_t)parts.stride * (size_t)parts.height);
	ck_assert(!clove_jpeg_decode_frame(in, &parts, NULL));
	ck_assert(fixture_same(&whole, &parts));
	parts.height--;
	ck_assert_int_eq(clove_jpeg_decode_frame(in, &parts, pool), CLOVE_ERR_BOUNDS);
	clove_job_pool_free(pool);
	clove_buf_fini(&jpeg);
	free(whole.data);
	free(parts.data);
}
END_TEST

/* Any byte may be wrong, or missing from there on: an answer comes, and nothing is written elsewhere. */
START_TEST(test_damage_is_survived)
{
	struct clove_buf jpeg = write_jpeg(&shapes[2]);
	struct clove_pixels to = fixture_rows(CLOVE_FORMAT_RGB32, shapes[2].width, shapes[2].height);
	struct clove_job_pool *pool = clove_job_pool_new(2);
	unsigned int whole = 0;

	for (size_t i = 0; i < jpeg.len; i++) {
		uint8_t *exact = malloc(i ? i : 1);

		memcpy(exact, jpeg.data, i);
		ck_assert_uint_eq(clove_jpeg_parts(CLOVE_BYTES(exact, i)), 1);
		(void)!clove_jpeg_decode_frame(CLOVE_BYTES(exact, i), &to, pool);
		free(exact);
		for (int bit = 0; bit < 8; bit++) {
			jpeg.data[i] ^= (uint8_t)(1 << bit);
			whole += clove_jpeg_parts(clove_buf_bytes(&jpeg)) == 1;
			(void)!clove_jpeg_decode_frame(clove_buf_bytes(&jpeg), &to, pool);
			jpeg.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	/* a marker with another number, or none, among them */
	ck_assert_uint_gt(whole, 3 * 8);
	clove_job_pool_free(pool);
	clove_buf_fini(&jpeg);
	free(to.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jpeg-frame");
	TCase *tests = tcase_create("tests");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_parts_make_the_same_picture, 0, (int)(sizeof shapes / sizeof *shapes));
	tcase_add_test(tests, test_damage_is_survived);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
