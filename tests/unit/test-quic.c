/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-quic.c - QUIC's worked example, its levels and runs there and back, and small buffers. */
#include "common/codec/quic.h"
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
			test_small_buffers_are_refused };

	return fixture_run("quic", tests, 3);
}
