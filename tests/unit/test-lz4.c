/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-lz4.c - LZ4 images there and back by any stride, and what a stream may not say. */
#include "common/codec/lz4.h"
#include "tests/unit/codec-fixture.h"

static enum clove_err encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src, size_t *size)
{
	return clove_lz4_encode(dst, capacity, src, true, size);
}

START_TEST(test_pictures_come_back)
{
	for (int f = CLOVE_FORMAT_RGB16; f <= CLOVE_FORMAT_RGBA; f++) {
		struct clove_pixels src = fixture_picture((enum clove_format)f, 301, 200, 1);
		struct clove_pixels back = fixture_rows(src.format, 301, 200);
		struct clove_pixels part = { src.data + 40 * src.stride + 48, 100, 50, src.stride, src.format };
		struct clove_pixels part_back = fixture_rows(src.format, 100, 50);
		size_t size, bound = clove_lz4_bound(src.format, 301, 200);
		uint8_t *out = malloc(bound);
		struct clove_image_info info;

		for (int is_top_down = 0; is_top_down < 2; is_top_down++) {
			ck_assert(!clove_lz4_encode(out, bound, &src, is_top_down, &size));
			ck_assert(!clove_lz4_probe(CLOVE_BYTES(out, size), &info));
			ck_assert(info.format == src.format && info.is_top_down == is_top_down);
			ck_assert(!clove_lz4_decode(CLOVE_BYTES(out, size), &back));
			ck_assert(fixture_same(&src, &back));
			ck_assert(!clove_lz4_encode(out, bound, &part, is_top_down, &size));
			ck_assert(!clove_lz4_decode(CLOVE_BYTES(out, size), &part_back));
			ck_assert(fixture_same(&part, &part_back));
		}
		fixture_capacities(encode, &part, bound);
		back.height = 199;
		ck_assert_int_ne(clove_lz4_decode(CLOVE_BYTES(out, size), &back), CLOVE_OK);
		free(out);
		free(src.data);
		free(back.data);
		free(part_back.data);
	}
}
END_TEST

static const struct {
	const char *why;
	uint8_t bytes[16];
	size_t len;
	enum clove_err want;
} cases[] = {
	{ "two pixels as literals", { 1, 8, 0, 0, 0, 9, 0x80, 1, 2, 3, 4, 5, 6, 7, 8 }, 15, CLOVE_OK },
	{ "one byte missing", { 1, 8, 0, 0, 0, 9, 0x80, 1, 2, 3, 4, 5, 6, 7 }, 14, CLOVE_ERR_SHORT },
	{ "half a picture", { 1, 8, 0, 0, 0, 5, 0x40, 1, 2, 3, 4 }, 11, CLOVE_ERR_SHORT },
	{ "empty block", { 1, 8, 0, 0, 0, 0 }, 6, CLOVE_ERR_VALUE },
	{ "palette format", { 1, 5, 0, 0, 0, 9, 0x80, 1, 2, 3, 4, 5, 6, 7, 8 }, 15, CLOVE_ERR_VALUE },
	{ "no blocks", { 1, 8 }, 2, CLOVE_ERR_SHORT },
	{ "nothing", { 0 }, 0, CLOVE_ERR_SHORT },
};

START_TEST(test_streams_are_judged)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct clove_pixels dst = fixture_rows(CLOVE_FORMAT_RGB32, 2, 1);

		ck_assert_msg(clove_lz4_decode(CLOVE_BYTES(cases[i].bytes, cases[i].len), &dst)
				== cases[i].want, "%s", cases[i].why);
		free(dst.data);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_pictures_come_back, test_streams_are_judged };

	return fixture_run("lz4", tests, 2);
}
