/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-image-cache.c - images are found, replaced, shared, and no more than allowed. */
#include <check.h>
#include <stdlib.h>
#include "client-gtk/image-cache.h"
#include "common/util/log.h"

static struct clove_picture *put(struct clove_image_cache *cache, uint64_t id, int32_t width, int32_t height)
{
	struct clove_picture *picture = clove_picture_new(CLOVE_FORMAT_RGB32, width, height, false);

	ck_assert_ptr_nonnull(picture);
	clove_image_cache_put(cache, id, picture);
	clove_picture_unref(picture);
	return picture;
}

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)level;
	(void)line;
	++*(int *)opaque;
}

START_TEST(test_image_cache_finds_what_was_put)
{
	struct clove_image_cache *cache = clove_image_cache_new(1 << 20);
	struct clove_picture *first, *second;

	first = put(cache, 1, 4, 4);
	put(cache, UINT64_C(1) << 52, 2, 2);
	put(cache, 0, 1, 1);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 21);
	ck_assert_ptr_eq(clove_image_cache_find(cache, 1), first);
	ck_assert_ptr_null(clove_image_cache_find(cache, 2));
	second = put(cache, 1, 3, 3);
	ck_assert_ptr_eq(clove_image_cache_find(cache, 1), second);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 14);
	/* the one that is there, once more */
	clove_image_cache_put(cache, 1, second);
	ck_assert_ptr_eq(clove_image_cache_find(cache, 1), second);
	/* who holds an image keeps it */
	clove_picture_ref(second);
	clove_image_cache_remove(cache, 1);
	clove_image_cache_remove(cache, 1);
	ck_assert_ptr_null(clove_image_cache_find(cache, 1));
	second->pixels.data[35] = 1;
	clove_picture_unref(second);
	clove_image_cache_clear(cache);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 0);
	ck_assert_ptr_null(clove_image_cache_find(cache, 0));
	clove_image_cache_free(cache);
}
END_TEST

START_TEST(test_image_cache_is_bounded)
{
	struct clove_image_cache *cache = clove_image_cache_new(10000);
	int lines = 0;

	clove_log_set_sink(no_line, &lines);
	for (uint64_t id = 0; id < 14; id++)
		put(cache, id, 100, 10);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 14000);
	ck_assert_int_eq(lines, 0);
	ck_assert_ptr_nonnull(clove_image_cache_find(cache, 0)); /* used now: 1 is the oldest */
	put(cache, 14, 100, 10);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 14000);
	ck_assert_int_gt(lines, 0);
	ck_assert_ptr_nonnull(clove_image_cache_find(cache, 0));
	ck_assert_ptr_null(clove_image_cache_find(cache, 1));
	/* small ones are not free, and the newest stays however large it is */
	for (uint64_t id = 100; id < 100000; id++)
		put(cache, id, 1, 1);
	ck_assert_int_lt(clove_image_cache_pixels(cache), 300);
	put(cache, 5, 1000, 1000);
	ck_assert_int_eq(clove_image_cache_pixels(cache), 1000000);
	clove_image_cache_free(cache);
	clove_log_set_sink(NULL, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("image-cache");
	TCase *tcase = tcase_create("image-cache");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tcase, test_image_cache_finds_what_was_put);
	tcase_add_test(tcase, test_image_cache_is_bounded);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
