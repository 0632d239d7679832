/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-motion.c - pictures that moved, and pictures that did not. */
#include "server/motion.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { W = 400, H = 300 };

static uint32_t was[H][W], now[H][W];
static uint64_t seed;

static int rnd(int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int)((seed >> 33) % (uint64_t)n);
}

/* Lines of something like letters. */
static void write_text(uint32_t to[H][W], int x1, int y1, int x2, int y2)
{
	for (int y = y1; y < y2; y++)
		for (int x = x1; x < x2; x++)
			to[y][x] = y % 16 < 11 && rnd(4) == 0 ? 0x101010 : 0xffffff;
}

static void move(int x1, int y1, int x2, int y2, int dx, int dy)
{
	for (int y = y1; y < y2; y++)
		memcpy(&now[y + dy][x1 + dx], &was[y][x1], (size_t)(x2 - x1) * 4);
}

enum what { SCROLL_UP, SCROLL_DOWN, SCROLL_PART, DRAG, SIDEWAYS, NEW, SAME, FLAT, NOISE };

static void make(enum what what)
{
	seed = 5;
	memset(was, 0x33, sizeof was);
	write_text(was, 0, 0, W, H);
	memcpy(now, was, sizeof now);
	switch (what) {
	case SCROLL_UP:
		move(0, 16, W, H, 0, -16);
		write_text(now, 0, H - 16, W, H);
		break;
	case SCROLL_DOWN:
		move(0, 0, W, H - 33, 0, 33);
		write_text(now, 0, 0, W, 33);
		break;
	case SCROLL_PART:
		move(100, 66, 300, 250, 0, -16);
		write_text(now, 100, 234, 300, 250);
		break;
	case DRAG:
		memset(was, 0x33, sizeof was);
		write_text(was, 50, 40, 250, 180);
		memset(now, 0x33, sizeof now);
		move(50, 40, 250, 180, 13, 7);
		break;
	case SIDEWAYS:
		move(20, 0, W, H, -20, 0);
		write_text(now, W - 20, 0, W, H);
		break;
	case NEW:
		write_text(now, 0, 0, W, H);
		break;
	case SAME:
		break;
	case FLAT:
		memset(was, 0, sizeof was);
		memset(now, 1, sizeof now);
		break;
	case NOISE:
		for (int i = 0; i < W * H; i++) {
			was[i / W][i % W] = (uint32_t)rnd(1 << 24);
			now[i / W][i % W] = (uint32_t)rnd(1 << 24);
		}
	}
}

static const struct {
	const char *name;
	enum what what;
	bool is_found;
	int32_t dx, dy;
	pixman_box32_t box;
} rows[] = {
	{ "scrolled up", SCROLL_UP, true, 0, -16, { 0, 0, W, H - 16 } },
	{ "scrolled down", SCROLL_DOWN, true, 0, 33, { 0, 33, W, H } },
	{ "a part scrolled", SCROLL_PART, true, 0, -16, { 100, 50, 300, 234 } },
	{ "dragged", DRAG, true, 13, 7, { 63, 47, 263, 187 } },
	{ "sideways", SIDEWAYS, true, -20, 0, { 0, 0, W - 20, H } },
	{ "new text", NEW, false, 0, 0, { 0 } },
	{ "the same", SAME, false, 0, 0, { 0 } },
	{ "flat", FLAT, false, 0, 0, { 0 } },
	{ "noise", NOISE, false, 0, 0, { 0 } },
};

static bool find(struct clove_motion *motion, pixman_box32_t *box, int32_t *dx, int32_t *dy)
{
	struct clove_pixels before = { (uint8_t *)was, W, H, W * 4, CLOVE_FORMAT_RGB32 };
	struct clove_pixels after = { (uint8_t *)now, W, H, W * 4, CLOVE_FORMAT_RGB32 };

	return clove_motion_find(motion, &before, &after, box, dx, dy);
}

/* How many pixels differ once the box is moved. */
static int wrong(const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	int n = 0;

	for (int y = box->y1; y < box->y2; y++)
		for (int x = box->x1; x < box->x2; x++)
			n += now[y][x] != was[y - dy][x - dx];
	return n;
}

START_TEST(test_motion)
{
	struct clove_motion motion = { 0 };
	pixman_box32_t box = { 0 };
	int32_t dx = 0, dy = 0;

	make(rows[_i].what);
	ck_assert_msg(find(&motion, &box, &dx, &dy) == rows[_i].is_found, "%s", rows[_i].name);
	if (!rows[_i].is_found)
		return;
	ck_assert_msg(dx == rows[_i].dx && dy == rows[_i].dy, "%s: by %d, %d", rows[_i].name, dx, dy);
	ck_assert_int_ge(box.x1 - dx, 0);
	ck_assert_int_ge(box.y1 - dy, 0);
	ck_assert_int_le(box.x2 - dx, W);
	ck_assert_int_le(box.y2 - dy, H);

	const pixman_box32_t *want = &rows[_i].box;
	int area = (want->x2 - want->x1) * (want->y2 - want->y1), got = (box.x2 - box.x1) * (box.y2 - box.y1);

	/* To the grid's cells at worst; background that takes the place of a dragged window moved too. */
	ck_assert_msg(got >= area * 9 / 10 && got <= area * 13 / 10, "%s: %d,%d %d,%d", rows[_i].name, box.x1,
			box.y1, box.x2, box.y2);
	ck_assert_int_lt(wrong(&box, dx, dy), area / 10);
	/* And at once the next time. */
	memset(&box, 0, sizeof box);
	ck_assert(find(&motion, &box, &dx, &dy));
}
END_TEST

START_TEST(test_what_never_moves_is_left_alone)
{
	struct clove_motion motion = { 0 };
	pixman_box32_t box;
	int32_t dx, dy;

	make(NEW);
	for (int i = 0; i < 40; i++)
		ck_assert(!find(&motion, &box, &dx, &dy));
	ck_assert_uint_gt(motion.misses, 2);
	make(SCROLL_UP);
	int tries = 0;

	while (!find(&motion, &box, &dx, &dy))
		ck_assert_int_lt(++tries, 20);
}
END_TEST

START_TEST(test_small_pictures_have_no_way)
{
	struct clove_motion motion = { 0 };
	struct clove_pixels tiny = { (uint8_t *)was, 8, 8, W * 4, CLOVE_FORMAT_RGB32 };
	pixman_box32_t box;
	int32_t dx, dy;

	ck_assert(!clove_motion_find(&motion, &tiny, &tiny, &box, &dx, &dy));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("motion");
	TCase *tcase = tcase_create("motion");

	tcase_add_loop_test(tcase, test_motion, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tcase, test_what_never_moves_is_left_alone);
	tcase_add_test(tcase, test_small_pictures_have_no_way);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
