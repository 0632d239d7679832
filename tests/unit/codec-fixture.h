/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-fixture.h - pictures that every codec's test draws, and what holds for every encoder. */
#ifndef CLOVE_TESTS_CODEC_FIXTURE_H
#define CLOVE_TESTS_CODEC_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/pixels.h"

/* Exact memory; a sanitizer sees every byte too far. Freed by free(pixels.data) if top-down. */
static inline struct clove_pixels fixture_rows(enum clove_format format, int32_t width, int32_t height)
{
	size_t row = clove_format_row_bytes(format, width);

	return (struct clove_pixels){ calloc((size_t)height, row), width, height, (ptrdiff_t)row, format };
}

/* Flat parts, repetitions, slopes and some noise, from a seed; x bytes 0, bit 15 of RGB16 clear. */
static inline struct clove_pixels fixture_picture(enum clove_format format, int32_t width, int32_t height,
		uint32_t seed)
{
	struct clove_pixels pixels = fixture_rows(format, width, height);
	size_t row = clove_format_row_bytes(format, width);

	for (int32_t y = 0; y < height; y++) {
		uint8_t *p = clove_pixels_row(&pixels, y);

		for (size_t x = 0; x < row; x++) {
			int part = (int)(x / 64 + (size_t)y / 8) % 4;

			seed = seed * 1664525 + 1013904223;
			p[x] = (uint8_t)(part == 0 ? 77 : part == 1 ? x / 16 * 16 + (size_t)y
					: part == 2 ? (x % 12) * 20 : seed >> 24);
			if (format == CLOVE_FORMAT_RGB32 && x % 4 == 3)
				p[x] = 0;
			if (format == CLOVE_FORMAT_RGB16 && x % 2 == 1)
				p[x] &= 0x7f;
		}
	}
	return pixels;
}

static inline bool fixture_same(const struct clove_pixels *a, const struct clove_pixels *b)
{
	for (int32_t y = 0; y < a->height; y++)
		if (memcmp(clove_pixels_row(a, y), clove_pixels_row(b, y),
				clove_format_row_bytes(a->format, a->width)))
			return false;
	return true;
}

/* An encoder of any codec, told nothing but where to write. */
typedef enum clove_err (*fixture_encode_fn)(uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, size_t *size);

/* With less room than needed an encoder says so and leaves the rest alone. */
static inline void fixture_capacities(fixture_encode_fn encode, const struct clove_pixels *src,
		size_t bound)
{
	uint8_t *out = malloc(bound), *again;
	size_t size, other;

	ck_assert_int_eq(encode(out, bound, src, &size), CLOVE_OK);
	ck_assert_uint_le(size, bound);
	for (size_t capacity = 0; capacity < size; capacity += 1 + capacity / 16) {
		again = malloc(capacity ? capacity : 1);
		ck_assert_int_eq(encode(again, capacity, src, &other), CLOVE_ERR_LIMIT);
		free(again);
	}
	free(out);
}

static inline int fixture_run(const char *name, const TTest *const tests[], size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

#endif
