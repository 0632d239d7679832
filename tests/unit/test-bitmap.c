/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-bitmap.c - bitmaps that fit their bytes, and those that do not. */
#include <check.h>
#include <string.h>
#include "common/codec/bitmap.h"

/* 3 x 2 of RGB16 in rows of 8 bytes. */
static const uint8_t bytes[16] = { 1, 0, 2, 0, 3, 0, 9, 9, 4, 0, 5, 0, 6, 0, 9, 9 };

static const struct {
	const char *why;
	size_t len;
	uint32_t format, width, height, stride;
	enum clove_err want;
} views[] = {
	{ "whole", 16, 6, 3, 2, 8, CLOVE_OK },
	{ "without the last padding", 14, 6, 3, 2, 8, CLOVE_OK },
	{ "one byte missing", 13, 6, 3, 2, 8, CLOVE_ERR_SHORT },
	{ "nothing", 0, 6, 3, 2, 8, CLOVE_ERR_SHORT },
	{ "stride below the row", 16, 6, 3, 2, 5, CLOVE_ERR_BOUNDS },
	{ "stride 0", 16, 6, 3, 2, 0, CLOVE_ERR_BOUNDS },
	{ "stride * height wraps 32 bits", 16, 6, 3, 0x8001, 0x20000, CLOVE_ERR_SHORT },
	{ "format 0", 16, 0, 3, 2, 8, CLOVE_ERR_VALUE },
	{ "format 11", 16, 11, 3, 2, 8, CLOVE_ERR_VALUE },
	{ "width 0", 16, 6, 0, 2, 8, CLOVE_ERR_VALUE },
	{ "height 2^31", 16, 6, 3, 0x80000000, 8, CLOVE_ERR_LIMIT },
	{ "width 2^32 - 1", 16, 6, 0xffffffff, 1, 0xffffffff, CLOVE_ERR_LIMIT },
};

START_TEST(test_view_checks)
{
	struct clove_pixels view;

	ck_assert_msg(clove_bitmap_view(CLOVE_BYTES(bytes, views[_i].len), views[_i].format,
			views[_i].width, views[_i].height, views[_i].stride, true, &view)
			== views[_i].want, "%s", views[_i].why);
}
END_TEST

START_TEST(test_rows_come_in_both_orders)
{
	uint8_t got[12];
	struct clove_pixels dst = { got, 3, 2, 6, CLOVE_FORMAT_RGB16 };

	ck_assert(!clove_bitmap_decode(CLOVE_BYTES(bytes, 16), 6, 8, true, NULL, &dst));
	ck_assert_mem_eq(got, ((uint8_t[]){ 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0 }), 12);
	ck_assert(!clove_bitmap_decode(CLOVE_BYTES(bytes, 16), 6, 8, false, NULL, &dst));
	ck_assert_mem_eq(got, ((uint8_t[]){ 4, 0, 5, 0, 6, 0, 1, 0, 2, 0, 3, 0 }), 12);
	dst.format = CLOVE_FORMAT_A8;
	ck_assert_int_eq(clove_bitmap_decode(CLOVE_BYTES(bytes, 16), 6, 8, false, NULL, &dst),
			CLOVE_ERR_UNSUPPORTED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bitmap");
	TCase *tcase = tcase_create("bitmap");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_view_checks, 0, sizeof views / sizeof views[0]);
	tcase_add_test(tcase, test_rows_come_in_both_orders);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
