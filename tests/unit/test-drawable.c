/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-drawable.c - random drawing against one pixel at a time, and what counts as changed. */
#include <check.h>
#include <stdlib.h>
#include "tests/unit/qxl-fixture.h"

enum { W = 61, H = 47 };

static struct guest guest;
static uint32_t model[H][W], before[H][W];
static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static uint32_t apply(uint32_t s, uint32_t d, uint16_t rop)
{
	uint32_t si = rop & 1 ? ~s : s, di = rop & 4 ? ~d : d, r;

	r = rop & 8 ? si : rop & 16 ? si | di : rop & 32 ? si & di : rop & 64 ? si ^ di : s;
	return rop & 1024 && rop & 0x78 ? ~r : r;
}

static uint16_t random_rop(void)
{
	static const uint16_t rops[] = { 8, 8, 8, 16, 32, 64, 8 | 1, 64 | 4, 16 | 1 | 1024, 32 | 4 | 1024 };

	return rops[rnd(sizeof rops / sizeof *rops)];
}

static uint32_t get_pixel(const uint8_t *data, uint32_t stride, bool is_top_down, uint8_t format,
		int height, int x, int y)
{
	const uint8_t *row = data + (size_t)stride * (size_t)(is_top_down ? y : height - 1 - y);
	const uint8_t *entries = guest.memory + AT_PALETTE + 10;
	uint32_t v;

	switch (format) {
	case CLOVE_FORMAT_PLT1_LE: return clove_le32(entries + 4 * (row[x / 8] >> (x % 8) & 1));
	case CLOVE_FORMAT_PLT1_BE: return clove_le32(entries + 4 * (row[x / 8] >> (7 - x % 8) & 1));
	case CLOVE_FORMAT_PLT4_LE: return clove_le32(entries + 4 * (row[x / 2] >> (x % 2 * 4) & 15));
	case CLOVE_FORMAT_PLT4_BE: return clove_le32(entries + 4 * (row[x / 2] >> (4 - x % 2 * 4) & 15));
	case CLOVE_FORMAT_PLT8: return clove_le32(entries + 4 * row[x]);
	case CLOVE_FORMAT_RGB16:
		v = clove_le16(row + 2 * x);
		return 0xff000000 | (v >> 10 & 31) << 19 | (v >> 12 & 7) << 16 | (v >> 5 & 31) << 11 |
				(v >> 7 & 7) << 8 | (v & 31) << 3 | (v >> 2 & 7);
	case CLOVE_FORMAT_RGB24: return row[3 * x] | row[3 * x + 1] << 8 | row[3 * x + 2] << 16;
	case CLOVE_FORMAT_A8: return (uint32_t)row[x] << 24;
	default: return clove_le32(row + 4 * x);
	}
}

/* A clip of a few rectangles, or none; true where (x, y) may be drawn. */
static int clips;
static int32_t clip[4][4];

static void random_clip(void)
{
	uint8_t *p = guest.memory + AT_CLIP;

	clips = (int)rnd(5);
	if (!clips)
		return;
	clove_put_le32(guest.memory + AT_DRAWABLE + 47, 1);
	clove_put_le64(guest.memory + AT_DRAWABLE + 51, guest_address(AT_CLIP));
	memset(p, 0, 24);
	clove_put_le32(p, (uint32_t)clips);
	clove_put_le32(p + 4, (uint32_t)clips * 16);
	for (int i = 0; i < clips; i++) {
		clip[i][0] = (int32_t)rnd(W) - 10;
		clip[i][1] = (int32_t)rnd(H) - 10;
		clip[i][2] = clip[i][0] + (int32_t)rnd(40);
		clip[i][3] = clip[i][1] + (int32_t)rnd(40);
		put_rect(p + 24 + 16 * i, clip[i][0], clip[i][1], clip[i][2], clip[i][3]);
	}
}

static bool is_drawn(int x, int y)
{
	for (int i = 0; i < clips; i++)
		if (x >= clip[i][0] && y >= clip[i][1] && x < clip[i][2] && y < clip[i][3])
			return true;
	return !clips;
}

static void random_copy(int x, int y, int w, int h)
{
	uint8_t format = (uint8_t)(1 + rnd(10)), flags = rnd(2) ? 4 : 0;
	uint32_t stride = (uint32_t)clove_format_row_bytes(format, w) + rnd(4);
	uint16_t rop = random_rop();
	uint8_t *data = guest.memory + AT_DATA + 20;

	put_copy(&guest, x, y, w, h, rop);
	put_bitmap(&guest, format, flags, (uint32_t)w, (uint32_t)h, stride);
	clove_put_le16(guest.memory + AT_PALETTE + 8, 256);
	for (uint32_t i = 0; i < 256; i++)
		clove_put_le32(guest.memory + AT_PALETTE + 10 + 4 * i, i * 0x010305 & 0xffffff);
	for (uint32_t i = 0; i < stride * (uint32_t)h; i++)
		data[i] = (uint8_t)rnd(3);
	random_clip();
	for (int j = 0; j < h; j++)
		for (int i = 0; i < w; i++)
			if (is_drawn(x + i, y + j))
				model[y + j][x + i] = apply(get_pixel(data, stride, flags, format, h, i, j),
						model[y + j][x + i], rop);
	/* Sometimes in two chunks, torn inside a row. */
	if (stride * (uint32_t)h > 8 && rnd(2)) {
		uint32_t all = stride * (uint32_t)h, first = 1 + rnd(all - 2);
		uint8_t *second = data + all + 64;

		memmove(second + 20, data + first, all - first);
		memset(second, 0, 20);
		clove_put_le32(second, all - first);
		clove_put_le32(guest.memory + AT_DATA, first);
		clove_put_le64(guest.memory + AT_DATA + 12, guest_address((uint64_t)(second - guest.memory)));
	}
}

static void random_bits(int x, int y, int w, int h)
{
	int sx = (int)rnd(W) - 5, sy = (int)rnd(H) - 5;
	uint8_t *u = put_drawable(&guest, CLOVE_QXL_DRAW_COPY_BITS, x, y, x + w, y + h);

	clove_put_le32(u, (uint32_t)sx);
	clove_put_le32(u + 4, (uint32_t)sy);
	random_clip();
	for (int j = 0; j < h; j++)
		for (int i = 0; i < w; i++)
			if (is_drawn(x + i, y + j) && sx + i >= 0 && sy + j >= 0 && sx + i < W && sy + j < H)
				model[y + j][x + i] = before[sy + j][sx + i];
}

static void random_fill(int x, int y, int w, int h)
{
	static const uint16_t rops[] = { 8, 8, 16, 32, 64, 64 | 4 | 1024 };
	uint16_t rop = rops[rnd(sizeof rops / sizeof *rops)];
	uint32_t color = rnd(3) * 0x7f7f7f;

	put_fill(&guest, x, y, x + w, y + h, color, rop);
	random_clip();
	for (int j = 0; j < h; j++)
		for (int i = 0; i < w; i++)
			if (is_drawn(x + i, y + j))
				model[y + j][x + i] = apply(color, model[y + j][x + i], rop);
}

START_TEST(test_drawing_equals_the_model)
{
	int32_t stride = _i % 2 ? -W * 4 : W * 4 + 12;
	uint8_t *saved = guest.memory + AT_SURFACE;

	seed = (uint64_t)_i + 1;
	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, stride);
	ck_assert_ptr_nonnull(surface);
	memset(model, 0, sizeof model);
	for (int n = 0; n < 400; n++) {
		int x = (int)rnd(W), y = (int)rnd(H);
		int w = 1 + (int)rnd((uint32_t)(W - x)), h = 1 + (int)rnd((uint32_t)(H - y));
		pixman_region32_t changed;

		memcpy(before, model, sizeof model);
		pixman_region32_init(&changed);
		switch (rnd(3)) {
		case 0: random_copy(x, y, w, h); break;
		case 1: random_fill(x, y, w, h); break;
		default: random_bits(x, y, w, h);
		}
		ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_OK);
		for (int j = 0; j < H; j++) {
			ck_assert_msg(!memcmp(clove_surface_row(surface, j), model[j], W * 4),
					"seed %d, command %d, row %d", _i, n, j);
			for (int i = 0; i < W; i++)
				if (model[j][i] != before[j][i])
					ck_assert(pixman_region32_contains_point(&changed, i, j, NULL));
		}
		if (!memcmp(before, model, sizeof model))
			ck_assert(!pixman_region32_not_empty(&changed));
		pixman_region32_fini(&changed);
	}
	clove_surface_save(surface, &guest.memslots, &(pixman_box32_t){ 0, 0, W, 20 });
	clove_surface_save(surface, &guest.memslots, NULL);
	for (int j = 0; j < H; j++)
		ck_assert(!memcmp(saved + (stride < 0 ? (H - 1 - j) * -stride : j * stride), model[j], W * 4));
	memset(surface->data, 0, surface->stride * H);
	ck_assert(clove_surface_load(surface, &guest.memslots));
	ck_assert(!memcmp(clove_surface_row(surface, 7), model[7], W * 4));
	guest_fini(&guest);
}
END_TEST

START_TEST(test_mask_limits_a_copy)
{
	pixman_region32_t changed;

	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, W * 4);
	pixman_region32_init(&changed);
	put_fill(&guest, 4, 4, 12, 6, 0xffffff, 8);
	/* The mask is the image's place: 8x2 bits, big-endian, 0xa5 and 0x00. */
	put_bitmap(&guest, CLOVE_FORMAT_PLT1_BE, 4, 8, 2, 1);
	guest.memory[AT_DATA + 20] = 0xa5;
	guest.memory[AT_DATA + 21] = 0x00;
	clove_put_le64(guest.memory + AT_DRAWABLE + 123 + 22 + 9, guest_address(AT_IMAGE));
	ck_assert_int_eq(guest_draw(&guest, &changed), CLOVE_OK);
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_eq(clove_le32(clove_surface_row(surface, 4) + 4 * (4 + i)),
				0xa5 >> (7 - i) & 1 ? 0xffffff : 0);
		ck_assert_uint_eq(clove_le32(clove_surface_row(surface, 5) + 4 * (4 + i)), 0);
	}
	pixman_region32_fini(&changed);
	guest_fini(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drawable");
	TCase *tcase = tcase_create("drawable");

	tcase_add_loop_test(tcase, test_drawing_equals_the_model, 0, 8);
	tcase_add_test(tcase, test_mask_limits_a_copy);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
