/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-qxl.c - commands of hostile guests are refused, and given back. */
#include <check.h>
#include <stdlib.h>
#include "tests/unit/qxl-fixture.h"

static struct guest guest;

static void set_up(void)
{
	ck_assert(guest_init(&guest));
	ck_assert_ptr_nonnull(guest_surface(&guest, 0, 64, 64, 32, 256));
}

static void tear_down(void)
{
	guest_fini(&guest);
}

enum { U = AT_DRAWABLE + 123, I = AT_IMAGE };

/* One field of a sound COPY of 8x8 pixels spoiled. */
static const struct {
	const char *why;
	size_t at;
	int bytes;
	uint64_t value;
	enum clove_err want;
} cases[] = {
	{ "nothing",                     AT_DRAWABLE + 59, 4, 0, CLOVE_OK },
	{ "unknown type",                AT_DRAWABLE + 13, 1, 15, CLOVE_ERR_VALUE },
	{ "no such surface",             AT_DRAWABLE + 8, 4, 3, CLOVE_ERR_STATE },
	{ "a surface number far away",   AT_DRAWABLE + 8, 4, UINT32_MAX, CLOVE_ERR_STATE },
	{ "box above the surface",       AT_DRAWABLE + 31, 4, UINT32_MAX, CLOVE_ERR_BOUNDS },
	{ "box beyond the surface",      AT_DRAWABLE + 43, 4, 65, CLOVE_ERR_BOUNDS },
	{ "box turned over",             AT_DRAWABLE + 35, 4, 60, CLOVE_ERR_BOUNDS },
	{ "no image",                    U, 8, 0, CLOVE_ERR_VALUE },
	{ "image outside",               U, 8, 1ull << 56 | GUEST_BYTES, CLOVE_ERR_BOUNDS },
	{ "image head cut",              U, 8, 1ull << 56 | (GUEST_BYTES - 20), CLOVE_ERR_BOUNDS },
	{ "source area wider",           U + 20, 4, 9, CLOVE_ERR_BOUNDS },
	{ "source area negative",        U + 12, 4, UINT32_MAX, CLOVE_ERR_BOUNDS },
	{ "unknown image type",          I + 8, 1, 105, CLOVE_ERR_VALUE },
	{ "a QUIC image that is none",   I + 8, 1, 1, CLOVE_ERR_LIMIT },
	{ "a surface that is not there", I + 8, 1, 104, CLOVE_ERR_STATE },
	{ "format 0",                    I + 18, 1, 0, CLOVE_ERR_VALUE },
	{ "format 11",                   I + 18, 1, 11, CLOVE_ERR_VALUE },
	{ "width 0",                     I + 20, 4, 0, CLOVE_ERR_VALUE },
	{ "width that wraps",            I + 20, 4, UINT32_MAX, CLOVE_ERR_LIMIT },
	{ "height that wraps",           I + 24, 4, 1u << 31, CLOVE_ERR_LIMIT },
	{ "height of more than is there", I + 24, 4, 9, CLOVE_ERR_SHORT },
	{ "stride too small",            I + 28, 4, 31, CLOVE_ERR_BOUNDS },
	{ "stride that wraps",           I + 28, 4, UINT32_MAX, CLOVE_ERR_BOUNDS },
	{ "stride of all memory",        I + 28, 4, 1 << 27, CLOVE_ERR_LIMIT },
	{ "palette outside",             I + 32, 8, 0, CLOVE_OK },
	{ "no data",                     I + 40, 8, 0, CLOVE_ERR_SHORT },
	{ "data outside",                I + 40, 8, 2ull << 56, CLOVE_ERR_BOUNDS },
	{ "chunk too short",             AT_DATA, 4, 255, CLOVE_ERR_SHORT },
	{ "chunk too long",              AT_DATA, 4, 257, CLOVE_ERR_LIMIT },
	{ "chunks in a circle",          AT_DATA + 12, 8, 1ull << 56 | AT_DATA, CLOVE_ERR_LIMIT },
	{ "clip outside",                AT_DRAWABLE + 51, 8, 2ull << 56, CLOVE_OK },
	{ "mask outside",                U + 36, 8, 2ull << 56, CLOVE_ERR_BOUNDS },
	{ "a mask with colours",         U + 36, 8, 1ull << 56 | I, CLOVE_ERR_VALUE },
};

START_TEST(test_copy_is_checked)
{
	uint64_t value = htole64(cases[_i].value);
	struct clove_qxl_drawable drawable;
	pixman_region32_t changed;
	void *release = NULL;

	pixman_region32_init(&changed);
	put_copy(&guest, 8, 8, 8, 8, 8);
	put_bitmap(&guest, CLOVE_FORMAT_RGB32, 4, 8, 8, 32);
	memcpy(guest.memory + cases[_i].at, &value, (size_t)cases[_i].bytes);
	enum clove_err err = clove_qxl_read_drawable(&guest.source, guest_address(AT_DRAWABLE), &drawable,
			&release);
	if (err == CLOVE_OK)
		err = clove_drawable_draw(&drawable, &guest.surfaces, &changed);
	clove_qxl_drawable_fini(&drawable);
	pixman_region32_fini(&changed);
	ck_assert_msg(err == cases[_i].want, "%s: %s", cases[_i].why, clove_err_name(err));
	ck_assert_msg(release == guest.memory, "%s: not given back", cases[_i].why);
}
END_TEST

START_TEST(test_palette_must_be_there)
{
	pixman_region32_t changed;

	pixman_region32_init(&changed);
	put_copy(&guest, 0, 0, 8, 8, 8);
	put_bitmap(&guest, CLOVE_FORMAT_PLT8, 4, 8, 8, 8);
	clove_put_le16(guest.memory + AT_PALETTE + 8, 257);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_ERR_VALUE);
	clove_put_le16(guest.memory + AT_PALETTE + 8, 2);
	memset(guest.memory + AT_DATA + 20, 0xff, 64);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_OK);
	clove_put_le64(guest.memory + AT_IMAGE + 32, 0);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_ERR_BOUNDS);
	pixman_region32_fini(&changed);
}
END_TEST

START_TEST(test_clip_total_must_match)
{
	pixman_region32_t changed;
	uint8_t *clip = guest.memory + AT_CLIP;

	pixman_region32_init(&changed);
	put_fill(&guest, 0, 0, 8, 8, 0x123456, 8);
	clove_put_le32(guest.memory + AT_DRAWABLE + 47, 1);
	clove_put_le64(guest.memory + AT_DRAWABLE + 51, guest_address(AT_CLIP));
	clove_put_le32(clip, 1);
	clove_put_le32(clip + 4, 16);
	put_rect(clip + 24, INT32_MIN, 2, INT32_MAX, 4);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_OK);
	pixman_box32_t *box = pixman_region32_extents(&changed);
	ck_assert(box->x1 == 0 && box->x2 == 8 && box->y1 == 2 && box->y2 == 4);
	clove_put_le32(clip, 2);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_ERR_SHORT);
	clove_put_le32(clip, UINT32_MAX);
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_ERR_LIMIT);
	pixman_region32_fini(&changed);
}
END_TEST

/* Columns, each a little higher than the one before: between every two edges there is a piece of each. */
START_TEST(test_clip_may_not_explode)
{
	static uint8_t head[24];
	struct clove_memslot window = { 0 };
	enum { COLUMNS = 4000 };
	uint8_t *memory = calloc(1, 1 << 20);

	window.start = window.delta = (uintptr_t)memory;
	window.end = window.start + (1 << 20);
	ck_assert_int_eq(clove_memslot_set(&guest.memslots, GUEST, 2, &window), CLOVE_OK);
	clove_put_le32(head, COLUMNS);
	clove_put_le32(head + 4, COLUMNS * 16);
	memcpy(memory, head, sizeof head);
	for (int is_stairs = 0; is_stairs < 2; is_stairs++) {
		struct clove_qxl_drawable drawable;
		void *release;

		for (int i = 0; i < COLUMNS; i++)
			put_rect(memory + 24 + 16 * i, 2 * i, is_stairs ? i : 0, 2 * i + 1, 8000);
		put_fill(&guest, 0, 0, 8000, 8000, 1, 8);
		clove_put_le32(guest.memory + AT_DRAWABLE + 47, 1);
		clove_put_le64(guest.memory + AT_DRAWABLE + 51, 2ull << 56);
		ck_assert_int_eq(clove_qxl_read_drawable(&guest.source, guest_address(AT_DRAWABLE), &drawable,
				&release), is_stairs ? CLOVE_ERR_LIMIT : CLOVE_OK);
		clove_qxl_drawable_fini(&drawable);
	}
	free(memory);
}
END_TEST

START_TEST(test_surfaces_are_bounded)
{
	static const struct {
		uint32_t width, height, format;
		int32_t stride;
		uint64_t budget;
		bool is_made;
	} rows[] = {
		{ 16, 16, 32, 64, 1024, true }, { 16, 16, 32, -64, 1024, true },
		{ 16, 16, 32, 63, 1024, false }, { 16, 16, 33, 64, 1024, false },
		{ 16, 16, 32, 64, 1023, false }, { 0, 16, 32, 64, 1024, false },
		{ 16, 16, 32, INT32_MIN, UINT64_MAX, false }, { 1, 65536, 8, 1, UINT64_MAX, true },
		{ 1, 65537, 8, 1, UINT64_MAX, false }, { 65536, 65536, 32, 262144, UINT64_MAX, false },
		{ 256, 129, 32, 1024, UINT64_MAX, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct clove_surface_info info = { .width = rows[i].width, .height = rows[i].height,
				.format = rows[i].format, .stride = rows[i].stride,
				.address = guest_address(AT_SURFACE), .group = GUEST };
		const char *why = "";
		struct clove_surface *surface = clove_surface_new(1, &info, &guest.memslots,
				rows[i].budget, &why);

		ck_assert_msg((surface != NULL) == rows[i].is_made, "row %zu: %s", i, why);
		clove_surface_free(surface);
	}
}
END_TEST

START_TEST(test_monitors_are_checked)
{
	struct clove_monitors monitors;
	uint8_t *p = guest.memory;

	clove_put_le16(p, 2);
	clove_put_le16(p + 2, 4);
	clove_put_le32(p + 4 + 8, 640);
	clove_put_le32(p + 4 + 12, 480);
	ck_assert_int_eq(clove_qxl_read_monitors(&guest.source, guest_address(0), 16, &monitors), CLOVE_OK);
	ck_assert_uint_eq(monitors.count, 1);
	clove_put_le16(p, 5);
	ck_assert_int_eq(clove_qxl_read_monitors(&guest.source, guest_address(0), 16, &monitors),
			CLOVE_ERR_VALUE);
	clove_put_le16(p, 0);
	ck_assert_int_eq(clove_qxl_read_monitors(&guest.source, guest_address(0), 16, &monitors),
			CLOVE_ERR_VALUE);
	clove_put_le16(guest.memory + GUEST_BYTES - 4, 1);
	clove_put_le16(guest.memory + GUEST_BYTES - 2, 1);
	ck_assert_int_eq(clove_qxl_read_monitors(&guest.source, guest_address(GUEST_BYTES - 4), 16,
			&monitors), CLOVE_ERR_BOUNDS);
}
END_TEST

START_TEST(test_cursor_shape_must_be_whole)
{
	struct clove_qxl_cursor cursor;
	uint8_t *p = guest.memory, *shape = guest.memory + AT_IMAGE;
	void *release;

	clove_put_le64(p + 14, guest_address(AT_IMAGE));
	p[13] = 1;
	clove_put_le16(shape + 10, 16);
	clove_put_le16(shape + 12, 16);
	clove_put_le32(shape + 18, 1024);
	clove_put_le32(shape + 22, 1024);
	ck_assert_int_eq(clove_qxl_read_cursor(&guest.source, guest_address(0), &cursor, &release), CLOVE_OK);
	ck_assert_uint_eq(cursor.shape.data.len, 1024);
	clove_buf_fini(&cursor.shape.data);
	clove_put_le32(shape + 22, 1023);
	ck_assert_int_eq(clove_qxl_read_cursor(&guest.source, guest_address(0), &cursor, &release),
			CLOVE_ERR_SHORT);
	clove_put_le16(shape + 8, 7);
	ck_assert_int_eq(clove_qxl_read_cursor(&guest.source, guest_address(0), &cursor, &release),
			CLOVE_ERR_VALUE);
	ck_assert_ptr_eq(release, guest.memory);
	ck_assert_int_eq(clove_qxl_read_cursor(&guest.source, guest_address(GUEST_BYTES - 8), &cursor,
			&release), CLOVE_ERR_BOUNDS);
	ck_assert_ptr_null(release);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("qxl");
	TCase *tcase = tcase_create("qxl");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_copy_is_checked, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tcase, test_palette_must_be_there);
	tcase_add_test(tcase, test_clip_total_must_match);
	tcase_add_test(tcase, test_clip_may_not_explode);
	tcase_add_test(tcase, test_surfaces_are_bounded);
	tcase_add_test(tcase, test_monitors_are_checked);
	tcase_add_test(tcase, test_cursor_shape_must_be_whole);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
