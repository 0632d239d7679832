/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-mjpeg-scan.c - our JPEGs beside those of libjpeg, and the fast variant beside the definition. */
#include "server/mjpeg-scan.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"

enum kind { BLACK, WHITE, RAMP, PHOTO, NOISE, EXTREMES, KINDS };

static struct clove_mjpeg_tables tables __attribute__((aligned(64)));

static struct clove_pixels picture(int32_t width, int32_t height, enum kind kind)
{
	/* rows with a gap, and somewhere in memory: nothing is aligned */
	ptrdiff_t stride = width * 4 + 12;
	struct clove_pixels pixels = { malloc((size_t)stride * (size_t)height + 1), width, height, stride,
			CLOVE_FORMAT_RGB32 };

	ck_assert_ptr_nonnull(pixels.data);
	srand((unsigned int)(width * height + (int)kind));
	for (int32_t y = 0; y < height; y++)
		for (int32_t x = 0; x < width; x++) {
			uint8_t *p = clove_pixels_row(&pixels, y) + 4 * (size_t)x;

			for (int c = 0; c < 4; c++)
				p[c] = (uint8_t)(kind == BLACK ? 0 : kind == WHITE ? 255 : kind == RAMP ? x * (c + 1) + y :
						kind == PHOTO ? 100 + x / (c + 2) % 90 + y / 3 % 50 + rand() % 8 :
						kind == NOISE ? rand() : rand() % 2 * 255);
		}
	return pixels;
}

static double distance(const struct clove_pixels *a, const struct clove_pixels *b)
{
	double sum = 0;

	for (int32_t y = 0; y < a->height; y++)
		for (int32_t x = 0; x < a->width * 4; x++) {
			int d = clove_pixels_row(a, y)[x] - clove_pixels_row(b, y)[x];

			sum += x % 4 == 3 ? 0 : d * d;
		}
	return sum / ((double)a->width * a->height * 3);
}

static const struct { int32_t width, height; } sizes[] = {
	{ 16, 16 }, { 1, 1 }, { 15, 17 }, { 33, 31 }, { 64, 48 }, { 200, 120 }, { 321, 203 },
};

enum { SIZES = sizeof sizes / sizeof *sizes };
static const int qualities[] = { 1, 30, 50, 75, 95 };

/* As near to the picture as libjpeg's, in about as many bytes. */
START_TEST(test_mjpeg_scan_is_as_good_as_libjpeg)
{
	int32_t width = sizes[_i % SIZES].width, height = sizes[_i % SIZES].height;
	struct clove_pixels pixels = picture(width, height, (enum kind)(_i / SIZES));
	struct clove_pixels ours = picture(width, height, BLACK), theirs = picture(width, height, BLACK);
	size_t capacity = clove_jpeg_bound(width, height) + 65536, len, header, other;
	uint8_t *bytes = malloc(capacity), *more = malloc(capacity);

	for (size_t q = 1; q < sizeof qualities / sizeof *qualities; q++) {
		clove_mjpeg_set_quality(&tables, qualities[q]);
		header = clove_mjpeg_header(&tables, width, height, 0, bytes);
		ck_assert_uint_le(header, CLOVE_MJPEG_HEADER);
		ck_assert_int_eq(clove_mjpeg_scan(&tables, &pixels, bytes + header, capacity - header - 2, &len),
				CLOVE_OK);
		memcpy(bytes + header + len, "\xff\xd9", 2);
		ck_assert_int_eq(clove_jpeg_decode(CLOVE_BYTES(bytes, header + len + 2), &ours), CLOVE_OK);
		ck_assert_int_eq(clove_jpeg_encode(more, capacity, &pixels, qualities[q], &other), CLOVE_OK);
		ck_assert_int_eq(clove_jpeg_decode(CLOVE_BYTES(more, other), &theirs), CLOVE_OK);
		ck_assert_double_le(distance(&pixels, &ours), distance(&pixels, &theirs) * 1.05 + 2);
		ck_assert_uint_le(header + len + 2, other + other / 20 + 64);
	}
	free(bytes);
	free(more);
	free(pixels.data);
	free(ours.data);
	free(theirs.data);
}
END_TEST

START_TEST(test_mjpeg_scan_variants_are_equal)
{
	int32_t width = sizes[_i % SIZES].width, height = sizes[_i % SIZES].height;
	struct clove_pixels pixels = picture(width, height, (enum kind)(_i / SIZES));
	size_t capacity = clove_jpeg_bound(width, height) + 65536, len, other;
	uint8_t *bytes = malloc(capacity), *more = malloc(capacity);

	for (size_t q = 0; q < sizeof qualities / sizeof *qualities; q++) {
		clove_mjpeg_set_quality(&tables, qualities[q]);
		ck_assert_int_eq(clove_mjpeg_scan(&tables, &pixels, bytes, capacity, &len), CLOVE_OK);
		ck_assert_int_eq(clove_mjpeg_scan_c(&tables, &pixels, more, capacity, &other), CLOVE_OK);
		ck_assert_uint_eq(len, other);
		ck_assert_mem_eq(bytes, more, len);
	}
	if (!tables.is_fast)
		printf("skip: this processor has one variant only\n");
	free(bytes);
	free(more);
	free(pixels.data);
}
END_TEST

/* Whatever the picture, an MCU never takes more than is looked for, and nothing is written beyond. */
START_TEST(test_mjpeg_scan_keeps_to_its_capacity)
{
	struct clove_pixels pixels = picture(160, 96, EXTREMES);
	size_t len;

	clove_mjpeg_set_quality(&tables, 95);
	for (size_t capacity = 0; capacity < 60000; capacity += 1237) {
		uint8_t *bytes = malloc(capacity + 8);

		memset(bytes, 0x5a, capacity + 8);
		enum clove_err err = clove_mjpeg_scan(&tables, &pixels, bytes, capacity, &len);
		ck_assert(err == CLOVE_OK || err == CLOVE_ERR_LIMIT);
		for (int i = 0; i < 8; i++)
			ck_assert_uint_eq(bytes[capacity + (size_t)i], 0x5a);
		free(bytes);
	}
	pixels.format = CLOVE_FORMAT_RGB16;
	ck_assert_int_eq(clove_mjpeg_scan(&tables, &pixels, NULL, 0, &len), CLOVE_ERR_UNSUPPORTED);
	pixels.width = 0;
	ck_assert_int_eq(clove_mjpeg_scan(&tables, &pixels, NULL, 0, &len), CLOVE_ERR_VALUE);
	free(pixels.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mjpeg-scan");
	TCase *tests = tcase_create("tests");

	clove_mjpeg_tables_init(&tables);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_mjpeg_scan_is_as_good_as_libjpeg, 0, SIZES * KINDS);
	tcase_add_loop_test(tests, test_mjpeg_scan_variants_are_equal, 0, SIZES * KINDS);
	tcase_add_test(tests, test_mjpeg_scan_keeps_to_its_capacity);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
