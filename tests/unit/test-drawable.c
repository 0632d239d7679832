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

static uint32_t pixel(const struct clove_surface *surface, int x, int y)
{
	return clove_le32(clove_surface_row(surface, y) + 4 * x);
}

/* Chunked bytes at AT_DATA behind a head of `head` bytes. */
static uint8_t *put_chunked(size_t head, uint32_t bytes)
{
	uint8_t *p = guest.memory + AT_DATA;

	memset(p, 0, head + 20);
	clove_put_le32(p + head, bytes);
	return p + head + 20;
}

static enum clove_err draw_now(void)
{
	pixman_region32_t changed;

	pixman_region32_init(&changed);
	enum clove_err err = guest_draw(&guest, &changed);
	pixman_region32_fini(&changed);
	return err;
}

/* One glyph of 4x2 bits, bottom row first, in two chunks' worth of header. */
static uint8_t *put_text(void)
{
	uint8_t *u = put_drawable(&guest, CLOVE_QXL_DRAW_TEXT, 0, 0, 20, 20), *glyph = put_chunked(8, 22);

	clove_put_le64(u, guest_address(AT_DATA));
	clove_put_le32(u + 24, 1);
	clove_put_le32(u + 28, 0xffffff);
	clove_put_le32(guest.memory + AT_DATA, 22);
	clove_put_le16(guest.memory + AT_DATA + 4, 1);
	clove_put_le16(guest.memory + AT_DATA + 6, 1);
	memset(glyph, 0, 22);
	clove_put_le32(glyph, 3);
	clove_put_le32(glyph + 4, 5);
	clove_put_le16(glyph + 16, 4);
	clove_put_le16(glyph + 18, 2);
	glyph[20] = 0x90;
	glyph[21] = 0x60;
	return u;
}

START_TEST(test_text_is_read)
{
	static const struct {
		const char *why;
		size_t at;
		uint32_t value;
		int bytes;
		enum clove_err want;
	} rows[] = {
		{ "whole",               AT_DATA + 4, 1, 2, CLOVE_OK },
		{ "a glyph too many",    AT_DATA + 4, 2, 2, CLOVE_ERR_SHORT },
		{ "a glyph too few",     AT_DATA + 4, 0, 2, CLOVE_ERR_VALUE },
		{ "another size",        AT_DATA, 23, 4, CLOVE_ERR_SHORT },
		{ "a wider glyph",       AT_DATA + 28 + 16, 9, 2, CLOVE_ERR_SHORT },
		{ "a larger depth",      AT_DATA + 6, 4, 2, CLOVE_ERR_SHORT },
		{ "a huge glyph",        AT_DATA + 28 + 16, UINT32_MAX, 4, CLOVE_ERR_SHORT },
		{ "outlines",            AT_DATA + 6, 0, 2, CLOVE_OK },
		{ "a chunk outside",     AT_DATA + 20, 2u << 24, 8, CLOVE_ERR_BOUNDS },
	};

	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, W * 4);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t value = rows[i].bytes == 8 ? (uint64_t)rows[i].value << 32 : rows[i].value;

		memset(surface->data, 0, surface->stride * H);
		put_text();
		memcpy(guest.memory + rows[i].at, &value, (size_t)rows[i].bytes);
		ck_assert_msg(draw_now() == rows[i].want, "%s", rows[i].why);
		bool is_lit = i == 0;
		ck_assert_uint_eq(pixel(surface, 3, 5), 0);
		ck_assert_uint_eq(pixel(surface, 4, 5) & 0xffffff, is_lit ? 0xffffff : 0);
		ck_assert_uint_eq(pixel(surface, 3, 6) & 0xffffff, is_lit ? 0xffffff : 0);
		ck_assert_uint_eq(pixel(surface, 4, 6), 0);
	}
	guest_fini(&guest);
}
END_TEST

/* A 555 surface as the brush on a 565 one: its green is green, and not half of it. */
START_TEST(test_text_takes_a_tile_as_it_is_meant)
{
	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, CLOVE_SURFACE_16_565, W * 2 + 2);
	struct clove_surface *tile = guest_surface(&guest, 1, 2, 1, CLOVE_SURFACE_16_555, 4);
	uint8_t *u = put_text();

	clove_put_le32(tile->data, 0x03e003e0);
	clove_put_le32(u + 24, 2);
	clove_put_le64(u + 28, guest_address(AT_IMAGE));
	memset(guest.memory + AT_IMAGE, 0, 22);
	guest.memory[AT_IMAGE + 8] = 104;
	guest.memory[AT_IMAGE + 18] = 1;
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	ck_assert_uint_eq(clove_le16(clove_surface_row(surface, 5) + 2 * 4), 0x07e0);
	guest_fini(&guest);
}
END_TEST

START_TEST(test_stroke_is_read)
{
	static const struct {
		const char *why;
		size_t at;
		uint32_t value;
		int lit;        /* pixels; -1: refused */
	} rows[] = {
		{ "a line of ten",        AT_DATA + 24, 3, 10 },
		{ "more points than are", AT_DATA + 28, 3, -1 },
		{ "as many as wrap",      AT_DATA + 28, UINT32_MAX, -1 },
		{ "dashed: two of five",  AT_DRAWABLE + 123 + 8, 8 | 2 << 24, 4 },
		{ "dashes elsewhere",     AT_DRAWABLE + 123 + 8 + 12 + 4, 2u << 24, 10 },
	};

	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, W * 4);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t *u = put_drawable(&guest, CLOVE_QXL_DRAW_STROKE, 0, 0, 20, 20);
		uint8_t *segment = put_chunked(4, 24);
		int lit = 0;

		memset(surface->data, 0, surface->stride * H);
		clove_put_le64(u, guest_address(AT_DATA));
		clove_put_le64(u + 8 + 12, guest_address(AT_CLIP));
		clove_put_le32(u + 28, 1);
		clove_put_le32(u + 32, 0xff);
		clove_put_le16(u + 48, 8);
		clove_put_le32(guest.memory + AT_CLIP, 2 << 4);
		clove_put_le32(guest.memory + AT_CLIP + 4, 3 << 4);
		clove_put_le32(segment, 3);
		clove_put_le32(segment + 4, 2);
		clove_put_le32(segment + 8, 1 << 4);
		clove_put_le32(segment + 12, 2 << 4);
		clove_put_le32(segment + 16, 11 << 4);
		clove_put_le32(segment + 20, 2 << 4);
		clove_put_le32(guest.memory + rows[i].at, rows[i].value);
		ck_assert_msg((draw_now() == CLOVE_OK) == (rows[i].lit >= 0), "%s", rows[i].why);
		for (int x = 0; x < W; x++)
			lit += pixel(surface, x, 2) != 0;
		ck_assert_msg(lit == (rows[i].lit < 0 ? 0 : rows[i].lit), "%s: %d", rows[i].why, lit);
	}
	/* a style that is not in guest memory */
	clove_put_le64(guest.memory + AT_DRAWABLE + 123 + 8 + 12, 2ull << 56);
	clove_put_le32(guest.memory + AT_DRAWABLE + 123 + 8, 8 | 2 << 24);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_BOUNDS);
	guest_fini(&guest);
}
END_TEST

/* OVER of a half transparent white, moved by a transform of its own. */
START_TEST(test_composite_is_read)
{
	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, W * 4);
	uint8_t *u = put_drawable(&guest, CLOVE_QXL_DRAW_COMPOSITE, 10, 10, 14, 14);
	uint8_t *t = guest.memory + AT_CLIP;

	put_bitmap(&guest, CLOVE_FORMAT_RGBA, 4, 2, 2, 8);
	memset(guest.memory + AT_DATA + 20, 0x80, 16);
	clove_put_le32(u, 3);
	clove_put_le64(u + 4, guest_address(AT_IMAGE));
	clove_put_le64(u + 12, guest_address(AT_CLIP));
	memset(t, 0, 24);
	clove_put_le32(t, 0x10000);
	clove_put_le32(t + 16, 0x10000);
	clove_put_le32(t + 8, (uint32_t)-0x10000); /* one to the right */
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	ck_assert_uint_eq(pixel(surface, 10, 10) & 0xffffff, 0);
	ck_assert_uint_eq(pixel(surface, 11, 10) & 0xffffff, 0x808080);
	ck_assert_uint_eq(pixel(surface, 12, 11) & 0xffffff, 0x808080);
	ck_assert_uint_eq(pixel(surface, 13, 10) & 0xffffff, 0);
	clove_put_le64(u + 12, 2ull << 56);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_BOUNDS);
	clove_put_le64(u + 12, 0);
	clove_put_le64(u + 20, 2ull << 56);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_BOUNDS);
	clove_put_le64(u + 4, 0);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_VALUE);
	guest_fini(&guest);
}
END_TEST

/* OPAQUE without an image takes the place that the command names. */
START_TEST(test_self_bitmap_is_the_source)
{
	ck_assert(guest_init(&guest));
	struct clove_surface *surface = guest_surface(&guest, 0, W, H, 32, W * 4);

	put_fill(&guest, 2, 2, 6, 6, 0x1234, 8);
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	uint8_t *u = put_drawable(&guest, CLOVE_QXL_DRAW_OPAQUE, 20, 20, 28, 28);
	put_rect(u + 8, 0, 0, 8, 8);
	clove_put_le32(u + 24, 1);
	clove_put_le32(u + 28, 0xff);
	clove_put_le16(u + 44, 0x40); /* xor */
	guest.memory[AT_DRAWABLE + 14] = 1;
	put_rect(guest.memory + AT_DRAWABLE + 15, 2, 2, 10, 10);
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	ck_assert_uint_eq(pixel(surface, 20, 20) & 0xffffff, 0x1234 ^ 0xff);
	ck_assert_uint_eq(pixel(surface, 24, 24) & 0xffffff, 0xff);
	put_rect(guest.memory + AT_DRAWABLE + 15, 2, 2, W + 1, 10);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_BOUNDS);
	put_rect(guest.memory + AT_DRAWABLE + 15, 2, 2, 2, 10);
	ck_assert_int_eq(draw_now(), CLOVE_ERR_BOUNDS);
	guest_fini(&guest);
}
END_TEST

/* A surface of bits is drawn on, saved eight in a byte, and is a mask. */
START_TEST(test_bits_are_a_surface)
{
	ck_assert(guest_init(&guest));
	guest_surface(&guest, 0, W, H, 32, W * 4);
	struct clove_surface *bits = guest_surface(&guest, 1, 19, 3, 1, 4);

	ck_assert_ptr_nonnull(bits);
	put_fill(&guest, 2, 1, 11, 2, 1, 8);
	guest.memory[AT_DRAWABLE + 8] = 1;
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	clove_surface_save(bits, &guest.memslots, NULL);
	ck_assert_uint_eq(clove_le32(guest.memory + AT_SURFACE + 4), 0x7fc);
	ck_assert_uint_eq(clove_le32(guest.memory + AT_SURFACE + 8), 0);
	guest.memory[AT_SURFACE + 8] = 0x04;
	ck_assert(clove_surface_load(bits, &guest.memslots));
	put_fill(&guest, 0, 0, 19, 3, 0x777777, 8);
	clove_put_le64(guest.memory + AT_DRAWABLE + 123 + 22 + 9, guest_address(AT_IMAGE));
	guest.memory[AT_IMAGE + 8] = 104;
	clove_put_le32(guest.memory + AT_IMAGE + 18, 1);
	ck_assert_int_eq(draw_now(), CLOVE_OK);
	ck_assert_uint_eq(pixel(guest.by_id[0], 2, 1), 0x777777);
	ck_assert_uint_eq(pixel(guest.by_id[0], 11, 1), 0);
	ck_assert_uint_eq(pixel(guest.by_id[0], 2, 2), 0x777777);
	ck_assert_uint_eq(pixel(guest.by_id[0], 3, 2), 0);
	guest_fini(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drawable");
	TCase *tcase = tcase_create("drawable");

	tcase_add_loop_test(tcase, test_drawing_equals_the_model, 0, 8);
	tcase_add_test(tcase, test_mask_limits_a_copy);
	tcase_add_test(tcase, test_text_is_read);
	tcase_add_test(tcase, test_text_takes_a_tile_as_it_is_meant);
	tcase_add_test(tcase, test_stroke_is_read);
	tcase_add_test(tcase, test_composite_is_read);
	tcase_add_test(tcase, test_self_bitmap_is_the_source);
	tcase_add_test(tcase, test_bits_are_a_surface);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
