/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-quic.c - QUIC's worked example, its levels and runs there and back, strides, variants and small buffers. */
#include "common/codec/quic.h"
#include "common/codec/quic-rows.h"
#include "tests/unit/codec-fixture.h"

/* GRAY, 8 x 3, all 5 but 9 at (5, 2). */
static const uint8_t example[] = {
	0x51, 0x55, 0x49, 0x43, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0,
	0x95, 0x84, 0x80, 0x8a, 0x8c, 0x00, 0xfa, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0,
};

START_TEST(test_example_is_read_and_written)
{
	struct clove_pixels gray = fixture_rows(CLOVE_FORMAT_GRAY, 8, 3);
	struct clove_pixels wide = fixture_rows(CLOVE_FORMAT_RGB32, 8, 3);
	struct clove_image_info info;
	uint8_t out[sizeof example];
	size_t size;

	ck_assert(!clove_quic_probe(CLOVE_BYTES(example, sizeof example), &info));
	ck_assert(info.width == 8 && info.height == 3 && info.format == CLOVE_FORMAT_GRAY);
	ck_assert(!clove_quic_decode(CLOVE_BYTES(example, sizeof example), &gray));
	for (int i = 0; i < 24; i++)
		ck_assert_uint_eq(gray.data[i], i == 21 ? 9 : 5);
	ck_assert(!clove_quic_decode(CLOVE_BYTES(example, sizeof example), &wide));
	ck_assert_uint_eq(clove_le32(wide.data + 4 * 21), 0x090909);
	ck_assert(!clove_quic_encode(out, sizeof out, &gray, &size));
	ck_assert_uint_eq(size, sizeof example);
	ck_assert_mem_eq(out, example, sizeof example);
	/* The last word is only looked at; the one before is needed. */
	ck_assert(!clove_quic_decode(CLOVE_BYTES(example, sizeof example - 4), &gray));
	ck_assert_int_eq(clove_quic_decode(CLOVE_BYTES(example, 24), &gray), CLOVE_ERR_SHORT);
	gray.width = 7;
	ck_assert_int_eq(clove_quic_decode(CLOVE_BYTES(example, sizeof example), &gray),
			CLOVE_ERR_BOUNDS);
	free(gray.data);
	free(wide.data);
}
END_TEST

START_TEST(test_pictures_come_back)
{
	static const enum clove_format formats[] = { CLOVE_FORMAT_GRAY, CLOVE_FORMAT_RGB16,
			CLOVE_FORMAT_RGB24, CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGBA };
	static const int32_t sizes[][2] = { { 1, 1 }, { 2, 5 }, { 5000, 9 }, { 4, 4096 }, { 641, 67 } };

	for (size_t f = 0; f < 5; f++) {
		for (size_t i = 0; i < 5; i++) {
			struct clove_pixels src = fixture_picture(formats[f], sizes[i][0], sizes[i][1], 3);
			struct clove_pixels back = fixture_rows(formats[f], sizes[i][0], sizes[i][1]);
			size_t size, bound = clove_quic_bound(formats[f], sizes[i][0], sizes[i][1]);
			uint8_t *out = malloc(bound);

			ck_assert(!clove_quic_encode(out, bound, &src, &size));
			ck_assert(!clove_quic_decode(CLOVE_BYTES(out, size), &back));
			ck_assert(fixture_same(&src, &back));
			free(out);
			free(src.data);
			free(back.data);
		}
	}
}
END_TEST

/* All that matters to rows: parts of a vector, levels within a row, long runs, each kind of group. */
static const int32_t awkward[][2] = { { 1, 1 }, { 3, 3 }, { 7, 40 }, { 8, 9 }, { 9, 8 }, { 63, 64 }, { 64, 65 },
		{ 65, 63 }, { 129, 130 }, { 2047, 5 }, { 2049, 4 }, { 33000, 3 } };

static const uint32_t noises[] = { 0x07, 0x1f, 0x7f, 0x1f };

/* Each byte has these bits at random, and one in sixty all of them. */
static void make_noise(const struct clove_pixels *pixels, int32_t h, uint32_t bits)
{
	uint32_t seed = 7;

	for (size_t i = 0; i < (size_t)pixels->stride * (size_t)h; i++) {
		seed = seed * 1664525 + 1013904223;
		if (pixels->format != CLOVE_FORMAT_RGB32 || i % 4 != 3)
			pixels->data[i] = (uint8_t)(seed >> 24 & ((seed >> 8) % 60 ? bits : 127));
	}
}

/* Some columns of one colour, of whatever alpha: runs between few pixels that are like their neighbours. */
static void make_spots(const struct clove_pixels *pixels)
{
	size_t size = clove_format_row_bytes(pixels->format, 1);

	for (int32_t y = 0; y < pixels->height; y++)
		for (int32_t x = 0; x < pixels->width; x++)
			if (x % 80 < 6 && y % 6 > 1)
				memset(clove_pixels_row(pixels, y) + (size_t)x * size, 5, size < 3 ? size : 3);
}

static void check_variants(int32_t w, int32_t h)
{
	static const enum clove_format formats[] = { CLOVE_FORMAT_GRAY, CLOVE_FORMAT_RGB16,
			CLOVE_FORMAT_RGB24, CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGBA };

	for (size_t f = 0; f < 5; f++) {
		for (uint32_t seed = 0; seed < 8; seed++) {
			struct clove_pixels src = fixture_picture(formats[f], w, h, seed);
			struct clove_pixels back = fixture_rows(formats[f], w, h);
			size_t size, other, bound = clove_quic_bound(formats[f], w, h);
			uint8_t *out = malloc(bound), *again = malloc(bound);

			if (seed == 2)  /* flat: the longest runs */
				memset(src.data, 0, (size_t)src.stride * (size_t)h);
			if (seed == 3)  /* only grain */
				for (size_t i = 0; i < (size_t)src.stride * (size_t)h; i++)
					src.data[i] &= formats[f] == CLOVE_FORMAT_RGB16 ? 0x21 : 1;
			if (seed > 3)   /* a photograph's noise, finer and coarser, with some spots */
				make_noise(&src, h, noises[seed - 4]);
			if (seed == 7)
				make_spots(&src);
			clove_quic_pick(NULL);
			ck_assert(!clove_quic_encode(out, bound, &src, &size));
			clove_quic_pick(&clove_quic_rows);
			ck_assert(!clove_quic_encode(again, bound, &src, &other));
			ck_assert_uint_eq(size, other);
			ck_assert_mem_eq(out, again, size);
			ck_assert(!clove_quic_decode(CLOVE_BYTES(out, size), &back));
			ck_assert(fixture_same(&src, &back));
			memset(back.data, 0xff, (size_t)back.stride * (size_t)h);
			clove_quic_pick(NULL);
			ck_assert(!clove_quic_decode(CLOVE_BYTES(out, size), &back));
			ck_assert(fixture_same(&src, &back));
			free(out);
			free(again);
			free(src.data);
			free(back.data);
		}
	}
}

START_TEST(test_variants_write_and_read_the_same)
{
	for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++)
		check_variants(awkward[i][0], awkward[i][1]);
}
END_TEST

/* Both agree about what is no stream, too. */
START_TEST(test_variants_refuse_the_same)
{
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGBA, 90, 40, 5);
	struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGBA, 90, 40);
	size_t size, bound = clove_quic_bound(src.format, src.width, src.height);
	uint8_t *out = malloc(bound), *bad = malloc(bound);
	uint32_t seed = 1;
	int refused = 0;

	ck_assert(!clove_quic_encode(out, bound, &src, &size));
	for (int i = 0; i < 2000; i++) {
		size_t len = size;
		enum clove_err fast, plain;

		memcpy(bad, out, size);
		for (int j = 0; j < 1 + i % 5; j++) {
			seed = seed * 1664525 + 1013904223;
			bad[20 + (seed >> 8) % (size - 20)] ^= (uint8_t)(1 << seed % 8);
		}
		if (i % 3 == 0)
			len = 20 + (seed >> 8) % (size - 20) / 4 * 4;
		fast = clove_quic_decode(CLOVE_BYTES(bad, len), &back);
		clove_quic_pick(&clove_quic_rows);
		plain = clove_quic_decode(CLOVE_BYTES(bad, len), &back);
		clove_quic_pick(NULL);
		ck_assert_int_eq(fast, plain);
		refused += fast != CLOVE_OK;
	}
	ck_assert_int_gt(refused, 600);
	free(out);
	free(bad);
	free(src.data);
	free(back.data);
}
END_TEST

START_TEST(test_any_stride_and_order)
{
	static const enum clove_format formats[] = { CLOVE_FORMAT_GRAY, CLOVE_FORMAT_RGB16,
			CLOVE_FORMAT_RGB24, CLOVE_FORMAT_RGB32, CLOVE_FORMAT_RGBA };
	static const ptrdiff_t paddings[] = { 1, 3, 4, 64 };

	for (size_t f = 0; f < 5; f++) {
		struct clove_pixels src = fixture_picture(formats[f], 67, 21, 9);
		size_t row = (size_t)src.stride, size, other, bound = clove_quic_bound(formats[f], 67, 21);
		uint8_t *out = malloc(bound), *again = malloc(bound);

		ck_assert(!clove_quic_encode(out, bound, &src, &size));
		for (size_t i = 0; i < 8; i++) {
			ptrdiff_t stride = src.stride + paddings[i / 2];
			size_t room = (size_t)stride * 21 - (size_t)paddings[i / 2];
			struct clove_pixels wide = { malloc(room), 67, 21, stride, formats[f] };
			uint8_t *memory = wide.data;

			memset(memory, 0xa5, room);
			if (i % 2) {
				wide.data += 20 * stride;
				wide.stride = -stride;
			}
			ck_assert(!clove_quic_decode(CLOVE_BYTES(out, size), &wide));
			ck_assert(fixture_same(&src, &wide));
			for (int32_t y = 0; y < 20; y++)
				for (ptrdiff_t j = (ptrdiff_t)row; j < stride; j++)
					ck_assert_uint_eq(memory[y * stride + j], 0xa5);
			ck_assert(!clove_quic_encode(again, bound, &wide, &other));
			ck_assert_uint_eq(size, other);
			ck_assert_mem_eq(out, again, size);
			free(memory);
		}
		free(out);
		free(again);
		free(src.data);
	}
}
END_TEST

START_TEST(test_small_buffers_are_refused)
{
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGBA, 70, 30, 1);

	fixture_capacities(clove_quic_encode, &src,
			clove_quic_bound(src.format, src.width, src.height));
	src.format = CLOVE_FORMAT_PLT8;
	ck_assert_int_eq(clove_quic_encode(NULL, 0, &src, &(size_t){ 0 }), CLOVE_ERR_UNSUPPORTED);
	free(src.data);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_example_is_read_and_written, test_pictures_come_back,
			test_variants_write_and_read_the_same, test_variants_refuse_the_same,
			test_any_stride_and_order, test_small_buffers_are_refused };

	return fixture_run("quic", tests, sizeof tests / sizeof tests[0]);
}
