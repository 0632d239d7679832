/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-jpeg.c - JPEG keeps a picture nearly, alpha exactly, and its errors return. */
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "tests/unit/codec-fixture.h"

static struct clove_pixels slope(enum clove_format format)
{
	struct clove_pixels pixels = fixture_rows(CLOVE_FORMAT_RGB32, 90, 70);
	struct clove_pixels as = fixture_rows(format, 90, 70);

	for (int32_t y = 0; y < 70; y++)
		for (int32_t x = 0; x < 90; x++)
			clove_put_le32(clove_pixels_row(&pixels, y) + 4 * (size_t)x,
					(uint32_t)(x * 2) << 16 | (uint32_t)(y * 3) << 8 | 128);
	ck_assert(!clove_pixels_convert(&as, &pixels, NULL));
	free(pixels.data);
	return as;
}

static int worst(const struct clove_pixels *a, const struct clove_pixels *b)
{
	int most = 0;

	for (int32_t y = 0; y < a->height; y++)
		for (int32_t x = 0; x < 4 * a->width; x++)
			if (x % 4 != 3 && abs(clove_pixels_row(a, y)[x] - clove_pixels_row(b, y)[x]) > most)
				most = abs(clove_pixels_row(a, y)[x] - clove_pixels_row(b, y)[x]);
	return most;
}

static enum clove_err encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src, size_t *size)
{
	return clove_jpeg_encode(dst, capacity, src, 85, size);
}

START_TEST(test_pictures_stay_nearly_the_same)
{
	for (int f = CLOVE_FORMAT_RGB16; f <= CLOVE_FORMAT_RGBA; f++) {
		struct clove_pixels src = slope((enum clove_format)f), want = slope(CLOVE_FORMAT_RGB32);
		struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGB32, 90, 70);
		size_t size, bound = clove_jpeg_bound(90, 70);
		uint8_t *out = malloc(bound);
		struct clove_image_info info;

		ck_assert(!encode(out, bound, &src, &size));
		ck_assert(!clove_jpeg_probe(CLOVE_BYTES(out, size), &info));
		ck_assert(info.width == 90 && info.height == 70);
		ck_assert(!clove_jpeg_decode(CLOVE_BYTES(out, size), &back));
		ck_assert_int_lt(worst(&back, &want), 16);
		for (size_t i = 0; i < 90 * 70; i++)
			ck_assert_uint_eq(back.data[4 * i + 3], 0);
		fixture_capacities(encode, &src, bound);
		back.width = 89;
		ck_assert_int_eq(clove_jpeg_decode(CLOVE_BYTES(out, size), &back), CLOVE_ERR_BOUNDS);
		free(out);
		free(src.data);
		free(want.data);
		free(back.data);
	}
}
END_TEST

START_TEST(test_alpha_is_exact)
{
	struct clove_pixels src = slope(CLOVE_FORMAT_RGBA);
	struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGBA, 90, 70);
	size_t jpeg_size, alpha_size, bound = clove_jpeg_bound(90, 70) + clove_lz_bound(CLOVE_FORMAT_A8, 90, 70);
	uint8_t *out = malloc(bound);

	for (size_t i = 0; i < 90 * 70; i++)
		src.data[4 * i + 3] = (uint8_t)(i / 11);
	for (uint8_t flags = 0; flags < 2; flags++) {
		ck_assert(!encode(out, bound, &src, &jpeg_size));
		ck_assert(!clove_lz_encode_alpha(out + jpeg_size, bound - jpeg_size, &src, flags,
				&alpha_size));
		ck_assert(!clove_jpeg_alpha_decode(CLOVE_BYTES(out, jpeg_size + alpha_size), flags,
				(uint32_t)jpeg_size, &back));
		for (size_t i = 0; i < 90 * 70; i++)
			ck_assert_uint_eq(back.data[4 * i + 3], src.data[4 * i + 3]);
		ck_assert_int_eq(clove_jpeg_alpha_decode(CLOVE_BYTES(out, jpeg_size + alpha_size), !flags,
				(uint32_t)jpeg_size, &back), CLOVE_ERR_VALUE);
		ck_assert_int_ne(clove_jpeg_alpha_decode(CLOVE_BYTES(out, jpeg_size + alpha_size), flags,
				UINT32_MAX, &back), CLOVE_OK);
	}
	free(out);
	free(src.data);
	free(back.data);
}
END_TEST

START_TEST(test_garbage_is_refused)
{
	uint8_t bytes[] = { 0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0 };
	struct clove_pixels dst = fixture_rows(CLOVE_FORMAT_RGB32, 4, 4);
	struct clove_image_info info;

	for (size_t len = 0; len <= sizeof bytes; len++) {
		ck_assert_int_ne(clove_jpeg_probe(CLOVE_BYTES(bytes, len), &info), CLOVE_OK);
		ck_assert_int_ne(clove_jpeg_decode(CLOVE_BYTES(bytes, len), &dst), CLOVE_OK);
	}
	free(dst.data);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_pictures_stay_nearly_the_same, test_alpha_is_exact,
			test_garbage_is_refused };

	return fixture_run("jpeg", tests, 3);
}
