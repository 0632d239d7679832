/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-pixels.c - every pair of formats by hand-made pixels. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/pixels.h"

static const uint32_t entries[] = { 0x102030, 0x405060, 0x7fff, 0xff99ccdd };

static const struct {
	const char *why;
	enum clove_format from, into;
	int32_t n;
	size_t palette;
	uint8_t src[16], want[16];
	size_t want_len;
	enum clove_err err;
} conversions[] = {
	{ "1 bit, lowest first", CLOVE_FORMAT_PLT1_LE, CLOVE_FORMAT_RGB32, 2, 2, { 0x02 },
			{ 0x30, 0x20, 0x10, 0, 0x60, 0x50, 0x40, 0 }, 8, CLOVE_OK },
	{ "1 bit, highest first", CLOVE_FORMAT_PLT1_BE, CLOVE_FORMAT_RGB32, 2, 2, { 0x40 },
			{ 0x30, 0x20, 0x10, 0, 0x60, 0x50, 0x40, 0 }, 8, CLOVE_OK },
	{ "1 bit with one entry", CLOVE_FORMAT_PLT1_BE, CLOVE_FORMAT_RGB32, 2, 1, { 0x40 },
			{ 0x30, 0x20, 0x10, 0, 0, 0, 0, 0 }, 8, CLOVE_ERR_BOUNDS },
	{ "4 bits, low first", CLOVE_FORMAT_PLT4_LE, CLOVE_FORMAT_RGB16, 2, 4, { 0x21 },
			{ 0x60, 0x50, 0xff, 0x7f }, 4, CLOVE_OK },
	{ "4 bits, high first, into 555", CLOVE_FORMAT_PLT4_BE, CLOVE_FORMAT_RGB16, 2, 4, { 0x21 },
			{ 0xff, 0x7f, 0x60, 0x50 }, 4, CLOVE_OK },
	{ "4 bits beyond are 0", CLOVE_FORMAT_PLT4_BE, CLOVE_FORMAT_RGB32, 3, 3, { 0x14, 0x10 },
			{ 0x60, 0x50, 0x40, 0, 0, 0, 0, 0, 0x60, 0x50, 0x40, 0 }, 12, CLOVE_OK },
	{ "and in 555", CLOVE_FORMAT_PLT4_LE, CLOVE_FORMAT_RGB16, 2, 1, { 0x01 },
			{ 0, 0, 0x30, 0x20 }, 4, CLOVE_OK },
	{ "8 bits", CLOVE_FORMAT_PLT8, CLOVE_FORMAT_RGBA, 1, 4, { 3 },
			{ 0xdd, 0xcc, 0x99, 0xff }, 4, CLOVE_OK },
	{ "8 bits beyond", CLOVE_FORMAT_PLT8, CLOVE_FORMAT_RGB32, 2, 4, { 4, 0 },
			{ 0, 0, 0, 0, 0x30, 0x20, 0x10, 0 }, 8, CLOVE_ERR_BOUNDS },
	{ "no palette", CLOVE_FORMAT_PLT8, CLOVE_FORMAT_RGB32, 1, 0, { 0 }, { 0 }, 0, CLOVE_ERR_BOUNDS },
	{ "555 widens", CLOVE_FORMAT_RGB16, CLOVE_FORMAT_RGB32, 2, 0, { 0xff, 0xff, 0x41, 0x04 },
			{ 0xff, 0xff, 0xff, 0, 0x08, 0x10, 0x08, 0 }, 8, CLOVE_OK },
	{ "24 to 32", CLOVE_FORMAT_RGB24, CLOVE_FORMAT_RGB32, 2, 0, { 1, 2, 3, 4, 5, 6 },
			{ 1, 2, 3, 0, 4, 5, 6, 0 }, 8, CLOVE_OK },
	{ "32 to 24", CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGB24, 1, 0, { 1, 2, 3, 9 }, { 1, 2, 3 }, 3, CLOVE_OK },
	{ "32 to 32 keeps x", CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGB32, 1, 0, { 1, 2, 3, 9 },
			{ 1, 2, 3, 9 }, 4, CLOVE_OK },
	{ "32 to 555", CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGB16, 1, 0, { 0x08, 0x10, 0x80, 9 },
			{ 0x41, 0x40 }, 2, CLOVE_OK },
	{ "32 is opaque", CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGBA, 1, 0, { 1, 2, 3, 9 },
			{ 1, 2, 3, 255 }, 4, CLOVE_OK },
	{ "alpha dropped", CLOVE_FORMAT_RGBA, CLOVE_FORMAT_RGB32, 1, 0, { 1, 2, 3, 9 },
			{ 1, 2, 3, 0 }, 4, CLOVE_OK },
	{ "A8 as black", CLOVE_FORMAT_A8, CLOVE_FORMAT_RGBA, 1, 0, { 7 }, { 0, 0, 0, 7 }, 4, CLOVE_OK },
	{ "gray", CLOVE_FORMAT_GRAY, CLOVE_FORMAT_RGB32, 1, 0, { 7 }, { 7, 7, 7, 0 }, 4, CLOVE_OK },
	{ "no such pair", CLOVE_FORMAT_A8, CLOVE_FORMAT_RGB32, 1, 0, { 7 }, { 0 }, 0,
			CLOVE_ERR_UNSUPPORTED },
	{ "no such format", CLOVE_FORMAT_NONE, CLOVE_FORMAT_NONE, 1, 0, { 7 }, { 0 }, 0,
			CLOVE_ERR_UNSUPPORTED },
};

START_TEST(test_row_converts)
{
	struct clove_palette palette = { entries, conversions[_i].palette };
	uint8_t got[16];

	memset(got, 0xaa, sizeof got);
	ck_assert_msg(clove_pixels_convert_row(got, conversions[_i].into, conversions[_i].src,
			conversions[_i].from, conversions[_i].n, &palette) == conversions[_i].err,
			"%s", conversions[_i].why);
	ck_assert_msg(!memcmp(got, conversions[_i].want, conversions[_i].want_len), "%s",
			conversions[_i].why);
	ck_assert_uint_eq(got[conversions[_i].want_len], 0xaa);
}
END_TEST

START_TEST(test_size_is_limited)
{
	ck_assert_int_eq(clove_pixels_check_size(1, 1), CLOVE_OK);
	ck_assert_int_eq(clove_pixels_check_size(16384, 16384), CLOVE_OK);
	ck_assert_int_eq(clove_pixels_check_size(16384, 16385), CLOVE_ERR_LIMIT);
	ck_assert_int_eq(clove_pixels_check_size(CLOVE_PIXELS_MAX_SIDE + 1, 1), CLOVE_ERR_LIMIT);
	ck_assert_int_eq(clove_pixels_check_size(0, 1), CLOVE_ERR_VALUE);
	ck_assert_int_eq(clove_pixels_check_size(1, -1), CLOVE_ERR_VALUE);
	ck_assert_int_eq(clove_pixels_check_size(INT64_MAX, INT64_MAX), CLOVE_ERR_LIMIT);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMAT_PLT1_LE, 9), 2);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMAT_PLT4_BE, 9), 5);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMAT_RGB24, 9), 27);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMAT_RGB32, INT32_MAX), (size_t)INT32_MAX * 4);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMAT_RGB32, -1), 0);
	ck_assert_uint_eq(clove_format_row_bytes(CLOVE_FORMATS, 1), 0);
}
END_TEST

START_TEST(test_rows_go_by_stride)
{
	uint8_t up[] = { 5, 6, 0, 3, 4, 0, 1, 2, 0 }, down[8];  /* bottom row first, padded */
	struct clove_pixels src = { up + 6, 2, 3, -3, CLOVE_FORMAT_A8 };
	struct clove_pixels dst = { down, 2, 3, 2, CLOVE_FORMAT_A8 };
	uint32_t x[2] = { 0x00112233, 0x80112233 };
	struct clove_pixels wide = { (uint8_t *)x, 2, 1, 8, CLOVE_FORMAT_RGB32 };

	ck_assert_int_eq(clove_pixels_convert(&dst, &src, NULL), CLOVE_OK);
	ck_assert_mem_eq(down, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	dst.width = 1;
	ck_assert_int_eq(clove_pixels_convert(&dst, &src, NULL), CLOVE_ERR_BOUNDS);
	clove_pixels_set_high_bits(&wide);
	ck_assert_uint_eq(x[0], 0xff112233);
	ck_assert_uint_eq(x[1], 0xff112233);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pixels");
	TCase *tcase = tcase_create("pixels");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_row_converts, 0, sizeof conversions / sizeof conversions[0]);
	tcase_add_test(tcase, test_size_is_limited);
	tcase_add_test(tcase, test_rows_go_by_stride);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
