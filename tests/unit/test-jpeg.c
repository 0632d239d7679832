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

/* One encoder for all: sizes, formats and chroma change from picture to picture, one does not fit. */
START_TEST(test_an_encoder_is_used_again)
{
	static const struct { enum clove_format format; int quality; enum clove_jpeg_chroma chroma; } runs[] = {
		{ CLOVE_FORMAT_RGB32, 85, CLOVE_JPEG_420 }, { CLOVE_FORMAT_RGB16, 85, CLOVE_JPEG_444 },
		{ CLOVE_FORMAT_RGB24, 40, CLOVE_JPEG_422 }, { CLOVE_FORMAT_RGBA, 100, CLOVE_JPEG_444 },
		{ CLOVE_FORMAT_RGB32, 85, CLOVE_JPEG_420 },
	};
	struct clove_jpeg_encoder *encoder = clove_jpeg_encoder_new();
	size_t bound = clove_jpeg_bound(90, 70), first = 0, size = 0;
	uint8_t *out = malloc(bound), *alone = malloc(bound);

	ck_assert(encoder && out && alone);
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		struct clove_pixels src = slope(runs[i].format), want = slope(CLOVE_FORMAT_RGB32);
		struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGB32, 90, 70);

		ck_assert_int_eq(clove_jpeg_encoder_run(encoder, out, 700, &src, runs[i].quality,
				runs[i].chroma, &size), CLOVE_ERR_LIMIT);
		ck_assert(!clove_jpeg_encoder_run(encoder, out, bound, &src, runs[i].quality,
				runs[i].chroma, &size));
		ck_assert(!clove_jpeg_decode(CLOVE_BYTES(out, size), &back));
		ck_assert_int_lt(worst(&back, &want), 24);
		first = first ? first : size;
		free(src.data);
		free(want.data);
		free(back.data);
	}
	/* Nothing of those before shows in the last. */
	struct clove_pixels src = slope(CLOVE_FORMAT_RGB32);
	ck_assert_uint_eq(size, first);
	ck_assert(!encode(alone, bound, &src, &first));
	ck_assert(first == size && !memcmp(out, alone, size));
	ck_assert_int_eq(clove_jpeg_encoder_run(encoder, out, bound, &src, 85,
			(enum clove_jpeg_chroma)3, &size), CLOVE_ERR_UNSUPPORTED);
	free(src.data);
	free(alone);
	free(out);
	clove_jpeg_encoder_free(encoder);
	clove_jpeg_encoder_free(NULL);
}
END_TEST

/* Where colours are not thinned out, a one-pixel edge between them stays one. */
START_TEST(test_chroma_is_kept_as_asked)
{
	struct clove_jpeg_encoder *encoder = clove_jpeg_encoder_new();
	struct clove_pixels src = fixture_rows(CLOVE_FORMAT_RGB32, 64, 64);
	struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGB32, 64, 64);
	size_t size, bound = clove_jpeg_bound(64, 64);
	uint8_t *out = malloc(bound);
	int errors[3];

	for (int32_t y = 0; y < 64; y++)
		for (int32_t x = 0; x < 64; x++)
			clove_put_le32(clove_pixels_row(&src, y) + 4 * (size_t)x,
					y < 32 ? x & 1 ? 0xff0000 : 0x0000ff : y & 1 ? 0xff0000 : 0x0000ff);
	for (int chroma = 0; chroma < 3; chroma++) {
		ck_assert(!clove_jpeg_encoder_run(encoder, out, bound, &src, 95,
				(enum clove_jpeg_chroma)chroma, &size));
		ck_assert(!clove_jpeg_decode(CLOVE_BYTES(out, size), &back));
		back.height = src.height = 31;
		errors[chroma] = worst(&back, &src);
		back.height = src.height = 64;
	}
	ck_assert_int_lt(errors[CLOVE_JPEG_444], 40);
	ck_assert_int_gt(errors[CLOVE_JPEG_422], 80);
	/* The lower half differs by rows only: what 4:2:2 keeps. */
	src.data = clove_pixels_row(&src, 33);
	src.height = 30;
	for (int chroma = 1; chroma < 3; chroma++) {
		ck_assert(!clove_jpeg_encoder_run(encoder, out, bound, &src, 95,
				(enum clove_jpeg_chroma)chroma, &size));
		back.height = 30;
		ck_assert(!clove_jpeg_decode(CLOVE_BYTES(out, size), &back));
		errors[chroma] = worst(&back, &src);
	}
	ck_assert_int_lt(errors[CLOVE_JPEG_422], 40);
	ck_assert_int_gt(errors[CLOVE_JPEG_420], 80);
	free(out);
	free(src.data - 33 * src.stride);
	free(back.data);
	clove_jpeg_encoder_free(encoder);
}
END_TEST

START_TEST(test_alpha_travels_behind_the_colours)
{
	struct clove_jpeg_encoder *encoder = clove_jpeg_encoder_new();
	struct clove_pixels src = slope(CLOVE_FORMAT_RGBA), opaque = slope(CLOVE_FORMAT_RGB32);
	struct clove_pixels back = fixture_rows(CLOVE_FORMAT_RGBA, 90, 70);
	size_t size, bound = clove_jpeg_bound(90, 70) + clove_lz_bound(CLOVE_FORMAT_A8, 90, 70);
	uint8_t *out = malloc(bound);
	uint32_t jpeg_size;

	for (size_t i = 0; i < 90 * 70; i++)
		src.data[4 * i + 3] = (uint8_t)(i / 11);
	ck_assert(!clove_jpeg_encoder_run_alpha(encoder, out, bound, &src, 85, CLOVE_JPEG_420,
			&jpeg_size, &size));
	ck_assert(!clove_jpeg_alpha_decode(CLOVE_BYTES(out, size), 1, jpeg_size, &back));
	ck_assert_int_lt(worst(&back, &src), 16);
	for (size_t i = 0; i < 90 * 70; i++)
		ck_assert_uint_eq(back.data[4 * i + 3], src.data[4 * i + 3]);
	for (size_t capacity = 0; capacity < size; capacity += 7)
		ck_assert_int_eq(clove_jpeg_encoder_run_alpha(encoder, out, capacity, &src, 85,
				CLOVE_JPEG_420, &jpeg_size, &size), CLOVE_ERR_LIMIT);
	ck_assert_int_eq(clove_jpeg_encoder_run_alpha(encoder, out, bound, &opaque, 85, CLOVE_JPEG_420,
			&jpeg_size, &size), CLOVE_ERR_UNSUPPORTED);
	free(out);
	free(src.data);
	free(opaque.data);
	free(back.data);
	clove_jpeg_encoder_free(encoder);
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
			test_an_encoder_is_used_again, test_chroma_is_kept_as_asked,
			test_alpha_travels_behind_the_colours, test_garbage_is_refused };

	return fixture_run("jpeg", tests, 6);
}
