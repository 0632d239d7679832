/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-lz.c - LZ's worked example, far matches beyond the encoder's window, and small buffers. */
#include "common/codec/elements.h"
#include "common/codec/lz.h"
#include "tests/unit/codec-fixture.h"

/* RGB32, 26 x 1: twenty pixels (1, 2, 3), then (i, i, i). */
static const uint8_t example[] = {
	0x20, 0x20, 0x5a, 0x4c, 0, 1, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0x1a, 0, 0, 0, 1, 0, 0, 0, 0x68,
	0, 0, 0, 1, 0x01, 1, 2, 3, 1, 2, 3, 0xe0, 0x0b, 0x00,
	0x05, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5,
};

START_TEST(test_example_is_read)
{
	struct clove_pixels dst = fixture_rows(CLOVE_FORMAT_RGB32, 26, 1);
	struct clove_image_info info;

	ck_assert(!clove_lz_probe(CLOVE_BYTES(example, sizeof example), &info));
	ck_assert(info.width == 26 && info.height == 1 && info.format == CLOVE_FORMAT_RGB32
			&& info.is_top_down);
	ck_assert(!clove_lz_decode(CLOVE_BYTES(example, sizeof example), NULL, &dst));
	for (size_t i = 0; i < 26; i++)
		ck_assert_uint_eq(clove_le32(dst.data + 4 * i),
				i < 20 ? 0x030201 : (uint32_t)(i - 20) * 0x010101);
	for (size_t len = 0; len < sizeof example; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, example, len);
		ck_assert_int_ne(clove_lz_decode(CLOVE_BYTES(cut, len), NULL, &dst), CLOVE_OK);
		free(cut);
	}
	free(dst.data);
}
END_TEST

static enum clove_err encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src, size_t *size)
{
	return clove_lz_encode(dst, capacity, src, true, size);
}

static void there_and_back(const struct clove_pixels *src, bool is_top_down)
{
	struct clove_pixels back = fixture_rows(src->format, src->width, src->height);
	size_t size, bound = clove_lz_bound(src->format, src->width, src->height);
	uint8_t *out = malloc(bound);

	ck_assert(!clove_lz_encode(out, bound, src, is_top_down, &size));
	ck_assert(!clove_lz_decode(CLOVE_BYTES(out, size), NULL, &back));
	ck_assert(fixture_same(src, &back));
	free(out);
	free(back.data);
}

START_TEST(test_pictures_come_back)
{
	static const int32_t sizes[][2] = { { 1, 1 }, { 3, 2 }, { 641, 67 }, { 1000, 900 } };

	for (int f = CLOVE_FORMAT_PLT1_LE; f <= CLOVE_FORMAT_A8; f++) {
		for (size_t i = 0; i < 4; i++) {
			struct clove_pixels src = fixture_picture((enum clove_format)f, sizes[i][0],
					sizes[i][1], (uint32_t)f);

			there_and_back(&src, true);
			there_and_back(&src, false);
			free(src.data);
		}
	}
}
END_TEST

/* Rows that repeat others as far back as the encoder looks, in a picture larger than the window. */
START_TEST(test_far_rows_match)
{
	struct clove_pixels src = fixture_rows(CLOVE_FORMAT_RGB32, 1024, 600);
	size_t size, bound = clove_lz_bound(src.format, src.width, src.height);
	uint8_t *out = malloc(bound);
	uint32_t seed = 1;

	for (int32_t y = 0; y < 600; y++) {
		for (size_t x = 0; x < 1024 && y < 64; x++) {
			seed = seed * 1664525 + 1013904223;
			clove_put_le32(clove_pixels_row(&src, y) + 4 * x, seed >> 8);
		}
		if (y >= 64)
			memcpy(clove_pixels_row(&src, y), clove_pixels_row(&src, y - 64), 4096);
	}
	there_and_back(&src, true);
	ck_assert(!clove_lz_encode(out, bound, &src, true, &size));
	ck_assert_uint_lt(size, 600 * 1024 * 3 / 2);
	free(out);
	free(src.data);
}
END_TEST

/* Padded rows and rows from the bottom up are compressed like any others. */
START_TEST(test_strides_cost_nothing)
{
	for (int f = CLOVE_FORMAT_PLT8; f <= CLOVE_FORMAT_A8; f++) {
		struct clove_pixels src = fixture_picture((enum clove_format)f, 500, 300, 5), padded = src, flipped = src;
		size_t row = clove_format_row_bytes(src.format, 500), size, other;
		size_t bound = clove_lz_bound(src.format, 500, 300);
		uint8_t *out = malloc(bound), *rows = malloc((row + 20) * 300), *turned = malloc(row * 300);

		memset(rows, 0x5a, (row + 20) * 300);
		padded.data = rows;
		padded.stride = (ptrdiff_t)row + 20;
		flipped.data = turned + 299 * row;
		flipped.stride = -(ptrdiff_t)row;
		for (int32_t y = 0; y < 300; y++) {
			memcpy(clove_pixels_row(&padded, y), clove_pixels_row(&src, y), row);
			memcpy(clove_pixels_row(&flipped, y), clove_pixels_row(&src, y), row);
		}
		ck_assert(!clove_lz_encode(out, bound, &src, true, &size));
		ck_assert(!clove_lz_encode(out, bound, &padded, true, &other));
		ck_assert_uint_lt(other, size + size / 50);
		ck_assert(!clove_lz_encode(out, bound, &flipped, true, &other));
		ck_assert_uint_lt(other, size + size / 50);
		there_and_back(&padded, true);
		there_and_back(&padded, false);
		there_and_back(&flipped, true);
		there_and_back(&flipped, false);
		free(turned);
		free(rows);
		free(out);
		free(src.data);
	}
}
END_TEST

START_TEST(test_agreement_is_that_of_the_plain_loop)
{
	for (unsigned int differ = 0; differ <= 32; differ++) {
		uint8_t a[32], b[32];

		for (unsigned int bit = 0; bit < 8; bit++) {
			memset(a, 0x77, sizeof a);
			memset(b, 0x77, sizeof b);
			if (differ < 32)
				b[differ] ^= (uint8_t)(1 << bit);
			for (int has_x = 0; has_x < 2; has_x++)
				ck_assert_uint_eq(clove_agree8(a, b, has_x), clove_agree8_plain(a, b, has_x));
			ck_assert_uint_eq(clove_agree8(a, b, false), differ / 4);
			ck_assert_uint_eq(clove_agree8(a, b, true), differ % 4 == 3 ? 8 : differ / 4);
		}
	}
	/* Longer stretches, of any length and from any place. */
	for (size_t len = 0; len < 200; len++) {
		uint8_t *a = calloc(1, 4 * len + 1), *b = calloc(1, 4 * len + 1);

		for (size_t at = 0; at < 4 * len; at++) {
			a[at] = 1;
			ck_assert_uint_eq(clove_agreement(a, b, a + 4 * len, UINT64_MAX), at);
			ck_assert_uint_eq(clove_agreement(a, b, a + 4 * len, 0x00ffffff00ffffff) / 4,
					at % 4 == 3 ? len : at / 4);
			a[at] = 0;
		}
		free(a);
		free(b);
	}
}
END_TEST

START_TEST(test_unused_bits_are_ignored)
{
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, 64, 64, 1);
	size_t bound = clove_lz_bound(src.format, 64, 64), sizes[2];
	uint8_t *out[2] = { malloc(bound), malloc(bound) };

	ck_assert(!clove_lz_encode(out[0], bound, &src, true, &sizes[0]));
	for (size_t i = 0; i < 64 * 64; i++)
		src.data[4 * i + 3] = (uint8_t)(i * 7);
	ck_assert(!clove_lz_encode(out[1], bound, &src, true, &sizes[1]));
	ck_assert_uint_eq(sizes[0], sizes[1]);
	ck_assert_mem_eq(out[0], out[1], sizes[0]);
	free(out[0]);
	free(out[1]);
	free(src.data);
}
END_TEST

START_TEST(test_small_buffers_are_refused)
{
	for (int f = CLOVE_FORMAT_PLT8; f <= CLOVE_FORMAT_A8; f++) {
		struct clove_pixels src = fixture_picture((enum clove_format)f, 300, 40, 1);

		fixture_capacities(encode, &src, clove_lz_bound(src.format, src.width, src.height));
		free(src.data);
	}
	ck_assert_uint_eq(clove_lz_bound(CLOVE_FORMAT_GRAY, 1, 1), 0);
	ck_assert_uint_eq(clove_lz_bound(CLOVE_FORMAT_A8, 0, 1), 0);
}
END_TEST

/* Incompressible rows cost what the bound says at most. */
START_TEST(test_bound_holds_for_noise)
{
	static const int32_t sizes[][2] = { { 1, 1 }, { 1, 3000 }, { 33, 33 }, { 8193, 40 } };

	for (size_t i = 0; i < 4; i++) {
		struct clove_pixels src = fixture_rows(CLOVE_FORMAT_RGBA, sizes[i][0], sizes[i][1]);
		size_t size, bound = clove_lz_bound(src.format, src.width, src.height);
		uint8_t *out = malloc(bound);

		srandom(7);
		for (size_t b = 0; b < (size_t)src.stride * (size_t)src.height; b++)
			src.data[b] = (uint8_t)(random() >> 8);
		ck_assert_int_eq(clove_lz_encode(out, bound, &src, true, &size), CLOVE_OK);
		free(out);
		free(src.data);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_example_is_read, test_pictures_come_back, test_far_rows_match,
			test_strides_cost_nothing, test_agreement_is_that_of_the_plain_loop,
			test_unused_bits_are_ignored, test_small_buffers_are_refused,
			test_bound_holds_for_noise };

	return fixture_run("lz", tests, 8);
}
