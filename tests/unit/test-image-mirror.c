/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-image-mirror.c - tiles are recognized by their sums, images by their tiles, and no more are kept than allowed. */
#include "server/image-mirror.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { W = 300, H = 200, LIMIT = 1 << 20, BYTES = 5000 };

/* -- sums -- */

static uint64_t seed = 1;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 32);
}

static const struct { size_t row_bytes; int32_t rows; } sizes[] = {
	{ 256, 16 }, { 256, 1 }, { 4, 16 }, { 2, 3 }, { 252, 7 }, { 128, 16 }, { 36, 5 }, { 32, 2 }, { 1, 1 }, { 62, 13 },
};

START_TEST(test_tile_sum_sees_every_byte)
{
	struct clove_tile_key *key = clove_tile_key_new(), *other = clove_tile_key_new();
	size_t row_bytes = sizes[_i].row_bytes, stride = row_bytes + 5;
	int32_t rows = sizes[_i].rows;
	/* to the last byte: a sanitizer sees who reads on */
	uint8_t *tile = malloc(stride * (size_t)(rows - 1) + row_bytes);

	for (size_t i = 0; i < stride * (size_t)(rows - 1) + row_bytes; i++)
		tile[i] = (uint8_t)rnd();
	struct clove_tile_sum sum = clove_tile_sum(key, tile, stride, row_bytes, rows), another;
	another = clove_tile_sum(other, tile, stride, row_bytes, rows);
	ck_assert(!clove_tile_sum_is(&sum, &another));
	for (int32_t y = 0; y < rows; y++) {
		for (size_t x = 0; x < row_bytes; x++) {
			uint8_t *at = tile + stride * (size_t)y + x, bit = (uint8_t)(1 << rnd() % 8);

			*at ^= bit;
			another = clove_tile_sum(key, tile, stride, row_bytes, rows);
			ck_assert(!clove_tile_sum_is(&sum, &another));
			*at ^= bit;
		}
	}
	/* what lies between rows is not of the tile */
	if (rows > 1)
		tile[row_bytes]++;
	another = clove_tile_sum(key, tile, stride, row_bytes, rows);
	ck_assert(clove_tile_sum_is(&sum, &another));
	free(tile);
	clove_tile_key_free(key);
	clove_tile_key_free(other);
}
END_TEST

/* Of zeroes, and with words, rows and halves in other places: what sums without a key would take for the same. */
START_TEST(test_tile_sum_sees_places)
{
	struct clove_tile_key *key = clove_tile_key_new();
	static uint64_t tile[16][32];
	struct clove_tile_sum sums[35];
	unsigned int n = 0;

	sums[n++] = clove_tile_sum(key, (uint8_t *)tile, 256, 256, 16);
	for (unsigned int i = 0; i < 32; i++) {
		tile[i % 16][i] = UINT64_C(0x8000000000000000);
		sums[n++] = clove_tile_sum(key, (uint8_t *)tile, 256, 256, 16);
		tile[i % 16][i] = 0;
	}
	tile[3][4] = 5, tile[3][5] = 7;
	sums[n++] = clove_tile_sum(key, (uint8_t *)tile, 256, 256, 16);
	tile[3][4] = 7, tile[3][5] = 5;
	sums[n++] = clove_tile_sum(key, (uint8_t *)tile, 256, 256, 16);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < i; j++)
			ck_assert(!clove_tile_sum_is(&sums[i], &sums[j]));
	clove_tile_key_free(key);
}
END_TEST

/* -- images -- */

static uint32_t pixels[H][W];
static struct clove_surface surface;
static struct clove_tile_key *key;
static struct clove_job_pool *pool;
static struct clove_image_budget *budget;
static bool is_costly;

static void set_up(void)
{
	surface = (struct clove_surface){ .info = { .format = CLOVE_SURFACE_32_xRGB }, .width = W, .height = H,
			.bytes_per_pixel = 4, .data = (uint8_t *)pixels, .stride = W * 4 };
	key = clove_tile_key_new();
	pool = clove_job_pool_new(1);
	budget = clove_image_budget_new();
	is_costly = true;
}

static void tear_down(void)
{
	clove_image_budget_unref(budget);
	clove_job_pool_free(pool);
	clove_tile_key_free(key);
}

static void paint(uint64_t picture)
{
	seed = picture;
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			pixels[y][x] = rnd() >> 8;
}

static void look_at(struct clove_image_mirror *mirror, pixman_box32_t box)
{
	struct clove_piece piece = { box, CLOVE_CLASS_PHOTO };

	clove_image_mirror_look(mirror, pool, &surface, &piece, 1, is_costly);
}

static const pixman_box32_t all = { 0, 0, W, H };

static uint64_t keep(struct clove_image_mirror *mirror, pixman_box32_t box, bool is_lossy)
{
	look_at(mirror, box);
	return clove_image_mirror_keep(mirror, 0, is_lossy, BYTES);
}

static unsigned int find(struct clove_image_mirror *mirror, pixman_box32_t box, bool may_be_lossy, uint64_t *id, bool *is_all)
{
	const struct clove_known *known;
	unsigned int n;

	look_at(mirror, box);
	n = clove_image_mirror_find(mirror, 0, may_be_lossy, &known, is_all);
	if (n && id)
		*id = known->id;
	for (unsigned int i = 0; i < n; i++) {
		ck_assert(known[i].box.x1 >= box.x1 && known[i].box.x2 <= box.x2 && known[i].box.x1 < known[i].box.x2);
		ck_assert(known[i].box.y1 >= box.y1 && known[i].box.y2 <= box.y2 && known[i].box.y1 < known[i].box.y2);
	}
	return n;
}

/* Whether the box at once comes whole out of one image. */
static bool knows(struct clove_image_mirror *mirror, pixman_box32_t box, uint64_t which)
{
	uint64_t id;
	bool is_all;

	return find(mirror, box, false, &id, &is_all) == 1 && is_all && id == which;
}

START_TEST(test_mirror_finds_what_is_shown_again)
{
	struct clove_image_mirror *mirror = clove_image_mirror_new(budget, key, LIMIT);
	uint64_t first, second;
	bool is_all;
	size_t n;

	paint(1);
	ck_assert_uint_eq(find(mirror, all, true, NULL, &is_all), 0);
	first = keep(mirror, all, false);
	ck_assert_uint_ne(first, 0);
	paint(2);
	ck_assert_uint_eq(find(mirror, all, true, NULL, &is_all), 0);
	second = keep(mirror, all, false);
	ck_assert_uint_ne(second, first);
	ck_assert(knows(mirror, all, second));
	paint(1);
	ck_assert(knows(mirror, all, first));
	/* any part, tiles that it only touches too */
	ck_assert(knows(mirror, (pixman_box32_t){ 10, 20, 290, 190 }, first));
	ck_assert(knows(mirror, (pixman_box32_t){ 70, 70, 140, 140 }, first));
	/* but not next to rows that lie elsewhere: what is in the tiles there is not what is seen */
	surface.scroll = (struct clove_scroll){ { 0, 0, W, 18 }, -2, 2 };
	ck_assert_uint_eq(find(mirror, (pixman_box32_t){ 10, 20, 290, 190 }, true, NULL, &is_all), 0);
	ck_assert(knows(mirror, (pixman_box32_t){ 10, 36, 290, 190 }, first));
	surface.scroll = (struct clove_scroll){ 0 };
	/* but for a tile that changed: around it, then too little */
	pixels[100][100]++;
	ck_assert_uint_eq(find(mirror, all, true, NULL, &is_all), 4);
	ck_assert(!is_all);
	pixels[84][100]++;
	pixels[116][100]++;
	ck_assert_uint_eq(find(mirror, (pixman_box32_t){ 64, 80, 128, 144 }, true, NULL, &is_all), 0);
	/* in another place it is another tile */
	for (int y = H - 1; y >= 64; y--)
		memcpy(pixels[y], pixels[y - 64], sizeof *pixels);
	ck_assert_uint_eq(find(mirror, (pixman_box32_t){ 0, 64, W, 192 }, true, NULL, &is_all), 0);
	ck_assert_ptr_null(clove_image_mirror_gone(mirror, &n));
	clove_image_mirror_free(mirror);
}
END_TEST

START_TEST(test_mirror_knows_formats_and_what_is_lossy)
{
	struct clove_image_mirror *mirror = clove_image_mirror_new(budget, key, LIMIT);
	uint64_t lossy, exact;
	const uint64_t *gone;
	bool is_all;
	size_t n;

	paint(3);
	lossy = keep(mirror, all, true);
	ck_assert_uint_eq(find(mirror, all, false, NULL, &is_all), 0);
	ck_assert_uint_eq(find(mirror, all, true, &exact, &is_all), 1);
	ck_assert_uint_eq(exact, lossy);
	/* one without loss takes its place */
	exact = keep(mirror, all, false);
	gone = clove_image_mirror_gone(mirror, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(*gone, lossy);
	ck_assert(knows(mirror, all, exact));
	ck_assert_int_lt(clove_image_mirror_pixels(mirror), 2 * W * H);
	/* bytes that are other colours now */
	surface.info.format = CLOVE_SURFACE_32_ARGB;
	ck_assert_uint_eq(find(mirror, all, true, NULL, &is_all), 0);
	clove_image_mirror_free(mirror);
}
END_TEST

START_TEST(test_mirror_keeps_what_is_worth_it)
{
	struct clove_image_mirror *mirror = clove_image_mirror_new(budget, key, LIMIT);
	struct clove_piece drawn = { { 0, 0, 100, 100 }, CLOVE_CLASS_DRAWN };

	paint(4);
	ck_assert_uint_eq(keep(mirror, (pixman_box32_t){ 0, 0, 63, 64 }, false), 0);
	ck_assert_uint_eq(keep(mirror, (pixman_box32_t){ 1, 1, 120, 120 }, false), 0); /* no whole tile */
	ck_assert_uint_eq(keep(mirror, (pixman_box32_t){ 0, 63, W, 78 }, false), 0); /* thin */
	clove_image_mirror_look(mirror, pool, &surface, &drawn, 1, true);
	ck_assert_uint_eq(clove_image_mirror_keep(mirror, 0, false, BYTES), 0);
	look_at(mirror, all);
	ck_assert_uint_eq(clove_image_mirror_keep(mirror, 0, false, 200), 0);
	/* on a fast line what comes again, though cut in another way and with something new in it */
	is_costly = false;
	for (uint64_t i = 0; i < 20; i++) {
		paint(10 + i);
		ck_assert_uint_eq(keep(mirror, all, false), 0);
	}
	paint(15);
	for (int x = 0; x < 64; x++)
		pixels[64][x]++;
	ck_assert_uint_ne(keep(mirror, (pixman_box32_t){ 10, 10, 290, 190 }, false), 0);
	/* and that again */
	paint(98);
	ck_assert_uint_eq(keep(mirror, all, false), 0);
	ck_assert_uint_ne(keep(mirror, all, false), 0);
	clove_image_mirror_free(mirror);
}
END_TEST

START_TEST(test_mirror_is_bounded)
{
	enum { FIVE = 5 * (W * H + 64) };
	struct clove_image_mirror *mirror = clove_image_mirror_new(budget, key, FIVE);
	uint64_t ids[12] = { 0 };

	for (uint64_t i = 0; i < 12; i++) {
		const uint64_t *gone;
		size_t n;

		if (i == 7) {
			/* used now: the next one is the oldest */
			paint(102);
			ck_assert(knows(mirror, all, ids[2]));
		}
		paint(100 + i);
		ids[i] = keep(mirror, all, false);
		ck_assert_uint_ne(ids[i], 0);
		gone = clove_image_mirror_gone(mirror, &n);
		ck_assert_uint_eq(n, i >= 5);
		ck_assert(!n || *gone == ids[i < 7 ? i - 5 : i < 11 ? i - 4 : 2]);
		ck_assert_int_le(clove_image_mirror_pixels(mirror), FIVE);
		ck_assert_int_eq(budget->used, clove_image_mirror_pixels(mirror));
	}
	clove_image_mirror_clear(mirror);
	ck_assert_int_eq(clove_image_mirror_pixels(mirror), 0);
	size_t n;
	clove_image_mirror_gone(mirror, &n);
	ck_assert_uint_eq(n, 5);
	clove_image_mirror_free(mirror);
}
END_TEST

/* Nothing may be kept, or not this, or less than is asked for. */
static const struct { int64_t size; bool is_there, keeps; } limits[] = {
	{ 0, false, false }, { -1, false, false }, { INT64_MIN, false, false }, { 1, false, false },
	{ 5000, true, false }, { W * H, true, false }, { 3 * W * H, true, true }, { INT64_MAX, true, true },
};

START_TEST(test_mirror_takes_any_size)
{
	struct clove_image_mirror *mirror = clove_image_mirror_new(budget, key, limits[_i].size);

	ck_assert_int_eq(mirror != NULL, limits[_i].is_there);
	paint(5);
	ck_assert(!mirror || (keep(mirror, all, false) != 0) == limits[_i].keeps);
	clove_image_mirror_free(mirror);
}
END_TEST

START_TEST(test_displays_share_a_budget)
{
	enum { EIGHT = 8 * (W * H + 64) };
	struct clove_image_mirror *one = clove_image_mirror_new(budget, key, EIGHT), *other;
	uint64_t ids[40];
	unsigned int n = 0;

	for (; n < 8; n++) {
		paint(n + 1);
		ids[n] = keep(one, all, false);
		ck_assert_uint_ne(ids[n], 0);
	}
	/* There is no room for another one before the first gives back what is not its part any more. */
	other = clove_image_mirror_new(budget, key, EIGHT);
	paint(50);
	ck_assert_uint_eq(keep(other, all, false), 0);
	ids[n] = keep(one, all, false);
	ck_assert_uint_ne(ids[n++], 0);
	ck_assert_int_eq(clove_image_mirror_pixels(one), EIGHT / 2);
	for (int i = 0; i < 10; i++) {
		paint(60 + (uint64_t)i);
		ids[n] = keep(other, all, false);
		ck_assert_uint_ne(ids[n++], 0);
		ck_assert_int_le(budget->used, EIGHT);
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < i; j++)
			ck_assert_uint_ne(ids[i], ids[j]);
	/* What a display leaves with its client is still there. */
	clove_image_mirror_free(other);
	paint(90);
	ck_assert_uint_ne(keep(one, all, false), 0);
	ck_assert_int_le(budget->used, EIGHT);
	ck_assert_int_eq(clove_image_mirror_pixels(one), EIGHT / 2);
	clove_image_mirror_free(one);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("image-mirror");
	TCase *tcase = tcase_create("image-mirror");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_tile_sum_sees_every_byte, 0, sizeof sizes / sizeof *sizes);
	tcase_add_test(tcase, test_tile_sum_sees_places);
	tcase_add_test(tcase, test_mirror_finds_what_is_shown_again);
	tcase_add_test(tcase, test_mirror_knows_formats_and_what_is_lossy);
	tcase_add_test(tcase, test_mirror_keeps_what_is_worth_it);
	tcase_add_test(tcase, test_mirror_is_bounded);
	tcase_add_loop_test(tcase, test_mirror_takes_any_size, 0, sizeof limits / sizeof *limits);
	tcase_add_test(tcase, test_displays_share_a_budget);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
