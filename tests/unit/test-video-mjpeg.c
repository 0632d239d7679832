/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-video-mjpeg.c - frames of many sizes decoded again, and how their size follows what is wanted. */
#include <check.h>
#include <stdlib.h>
#include "common/codec/jpeg.h"
#include "server/video-encoder.h"

static struct clove_pixels picture(int32_t width, int32_t height, int n)
{
	struct clove_pixels pixels = { malloc((size_t)width * (size_t)height * 4), width, height, width * 4,
			CLOVE_FORMAT_RGB32 };

	ck_assert_ptr_nonnull(pixels.data);
	for (int32_t y = 0; y < height; y++)
		for (int32_t x = 0; x < width; x++) {
			uint8_t *p = clove_pixels_row(&pixels, y) + 4 * (size_t)x;

			p[0] = (uint8_t)(128 + (x + n * 3) % 64 - (y * 7 % 40));
			p[1] = (uint8_t)((x * 2 + y * 3 + n) / 8);
			p[2] = (uint8_t)(y * 255 / height);
			p[3] = 0;
		}
	return pixels;
}

static double distance(const struct clove_pixels *a, const struct clove_pixels *b)
{
	double sum = 0;

	for (int32_t y = 0; y < a->height; y++)
		for (int32_t x = 0; x < a->width * 4; x++) {
			int d = clove_pixels_row(a, y)[x] - clove_pixels_row(b, y)[x];

			sum += d * d;
		}
	return sum / ((double)a->width * a->height * 3);
}

/* A pool of three: as many parts, where they are worth it and the markers can count them. */
static const struct { int32_t width, height; bool has_pool; unsigned int parts; } sizes[] = {
	{ 1, 1, false, 1 }, { 16, 16, false, 1 }, { 97, 61, true, 1 }, { 640, 360, true, 2 },
	{ 1280, 720, false, 1 }, { 1280, 720, true, 3 }, { 1277, 719, true, 3 }, { 1023, 801, true, 3 },
	{ 3840, 2160, true, 3 }, { 6000, 70, true, 3 }, { 60, 14000, true, 3 },
};

START_TEST(test_video_mjpeg_frames_are_jpegs)
{
	struct clove_pixels pixels = picture(sizes[_i].width, sizes[_i].height, 0);
	struct clove_pixels back = picture(sizes[_i].width, sizes[_i].height, 1);
	struct clove_job_pool *pool = sizes[_i].has_pool ? clove_job_pool_new(3) : NULL;
	struct clove_video_encoder *encoder = clove_video_mjpeg.create();
	struct clove_video_stats stats;
	struct clove_buf out = { 0 };

	for (int n = 1; n <= 2; n++) {
		ck_assert_int_eq(encoder->ops->encode(encoder, &pixels, pool, &out), CLOVE_OK);
		ck_assert_int_eq(clove_jpeg_decode(clove_buf_bytes(&out), &back), CLOVE_OK);
		ck_assert_double_lt(distance(&pixels, &back), 60);
		ck_assert_uint_eq(clove_jpeg_parts(clove_buf_bytes(&out)), sizes[_i].parts);
	}
	encoder->ops->stats(encoder, &stats);
	ck_assert_uint_eq(stats.frames, 2);
	clove_buf_fini(&out);
	encoder->ops->destroy(encoder);
	clove_job_pool_free(pool);
	free(pixels.data);
	free(back.data);
}
END_TEST

/* The bytes of a frame, once the quality has settled. */
static size_t settled(struct clove_video_encoder *encoder, size_t want, int *quality)
{
	struct clove_video_stats stats;
	struct clove_buf out = { 0 };
	size_t bytes;

	encoder->ops->set_frame_bytes(encoder, want);
	for (int n = 0; n < 30; n++) {
		struct clove_pixels pixels = picture(640, 480, n);

		ck_assert_int_eq(encoder->ops->encode(encoder, &pixels, NULL, &out), CLOVE_OK);
		free(pixels.data);
	}
	encoder->ops->stats(encoder, &stats);
	*quality = stats.quality;
	bytes = out.len;
	clove_buf_fini(&out);
	return bytes;
}

START_TEST(test_video_mjpeg_quality_follows_the_bytes)
{
	struct clove_video_encoder *encoder = clove_video_mjpeg.create();
	int free_quality, less_quality, least_quality, quality;
	size_t bytes = settled(encoder, 0, &free_quality), less;

	less = settled(encoder, bytes * 3 / 4, &less_quality);
	ck_assert_uint_le(less, bytes * 3 / 4 + bytes / 8);
	ck_assert_int_lt(less_quality, free_quality);
	settled(encoder, 1, &least_quality);
	ck_assert_int_lt(least_quality, less_quality);
	ck_assert_int_ge(least_quality, 20);
	settled(encoder, 0, &quality);
	ck_assert_int_eq(quality, free_quality);
	encoder->ops->destroy(encoder);
}
END_TEST

/* Nothing takes more bytes; a guest may draw it. */
START_TEST(test_video_mjpeg_takes_the_worst_picture)
{
	struct clove_pixels pixels = picture(320, 240, 0);
	struct clove_video_encoder *encoder = clove_video_mjpeg.create();
	struct clove_buf out = { 0 };

	srand(1);
	for (size_t i = 0; i < 320 * 240 * 4; i++)
		pixels.data[i] = (uint8_t)(rand() % 2 * 255);
	encoder->ops->set_frame_bytes(encoder, SIZE_MAX / 64);
	for (int n = 0; n < 40; n++)
		ck_assert_int_eq(encoder->ops->encode(encoder, &pixels, NULL, &out), CLOVE_OK);
	clove_buf_fini(&out);
	encoder->ops->destroy(encoder);
	free(pixels.data);
}
END_TEST

START_TEST(test_video_mjpeg_refuses_what_it_cannot)
{
	struct clove_pixels none = { 0 }, wide = picture(65536, 1, 0);
	struct clove_video_encoder *encoder = clove_video_mjpeg.create();
	struct clove_buf out = { 0 };

	ck_assert_int_ne(encoder->ops->encode(encoder, &none, NULL, &out), CLOVE_OK);
	ck_assert_int_ne(encoder->ops->encode(encoder, &wide, NULL, &out), CLOVE_OK);
	wide.width = 100;
	wide.format = CLOVE_FORMAT_PLT8;
	ck_assert_int_ne(encoder->ops->encode(encoder, &wide, NULL, &out), CLOVE_OK);
	wide.format = CLOVE_FORMAT_RGB32;
	ck_assert_int_eq(encoder->ops->encode(encoder, &wide, NULL, &out), CLOVE_OK);
	clove_buf_fini(&out);
	encoder->ops->destroy(encoder);
	clove_video_mjpeg.destroy(NULL);
	free(wide.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("video-mjpeg");
	TCase *tests = tcase_create("tests");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_video_mjpeg_frames_are_jpegs, 0, (int)(sizeof sizes / sizeof *sizes));
	tcase_add_test(tests, test_video_mjpeg_quality_follows_the_bytes);
	tcase_add_test(tests, test_video_mjpeg_takes_the_worst_picture);
	tcase_add_test(tests, test_video_mjpeg_refuses_what_it_cannot);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
