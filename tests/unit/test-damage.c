/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-damage.c - a surface and a client that is told of it late: after a drain both are equal. */
#include "server/damage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { W = 160, H = 120, SEEDS = 40, STEPS = 200 };

static uint32_t surface[H][W], client[H][W];
static uint64_t seed;

static int rnd(int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int)((seed >> 33) % (uint64_t)n);
}

static pixman_box32_t rnd_box(void)
{
	int x = rnd(W - 1), y = rnd(H - 1);

	return (pixman_box32_t){ x, y, x + 1 + rnd(W - x), y + 1 + rnd(H - y) };
}

static void move(uint32_t to[H][W], const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	static uint32_t was[H][W];

	memcpy(was, to, sizeof was);
	for (int y = box->y1; y < box->y2; y++)
		for (int x = box->x1; x < box->x2; x++)
			to[y][x] = was[y - dy][x - dx];
}

static void fill(uint32_t to[H][W], const pixman_box32_t *box, uint32_t color)
{
	for (int y = box->y1; y < box->y2; y++)
		for (int x = box->x1; x < box->x2; x++)
			to[y][x] = color;
}

static void paint(struct clove_damage *damage, uint32_t step)
{
	pixman_box32_t box = rnd_box();
	pixman_region32_t changed;
	int32_t dx, dy;

	pixman_region32_init_rect(&changed, box.x1, box.y1, (unsigned int)(box.x2 - box.x1),
			(unsigned int)(box.y2 - box.y1));
	switch (rnd(3)) {
	case 0:
		for (int y = box.y1; y < box.y2; y++)
			for (int x = box.x1; x < box.x2; x++)
				surface[y][x] = step << 8 | (uint32_t)rnd(256);
		clove_damage_add(damage, &changed);
		break;
	case 1:
		fill(surface, &box, step << 8);
		clove_damage_fill(damage, &box, step << 8, &changed);
		break;
	default:
		dx = box.x1 - rnd(W - (box.x2 - box.x1) + 1);
		dy = box.y1 - rnd(H - (box.y2 - box.y1) + 1);
		move(surface, &box, dx, dy);
		clove_damage_copy(damage, &box, dx, dy, NULL);
	}
	pixman_region32_fini(&changed);
}

static void apply_ops(struct clove_damage *damage)
{
	for (unsigned int i = 0; i < damage->n_ops; i++) {
		const struct clove_damage_op *op = &damage->ops[i];

		if (op->is_copy)
			move(client, &op->box, op->dx, op->dy);
		else
			fill(client, &op->box, op->color);
	}
	damage->n_ops = 0;
}

/* What is neither lacking nor lossy is right at any moment between the operations and the pixels. */
static void check(struct clove_damage *damage)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if (!pixman_region32_contains_point(&damage->pixels, x, y, NULL) &&
					!pixman_region32_contains_point(&damage->lossy, x, y, NULL))
				ck_assert_msg(client[y][x] == surface[y][x], "(%d, %d)", x, y);
}

static void send(struct clove_damage *damage, bool is_all)
{
	apply_ops(damage);
	while (pixman_region32_not_empty(&damage->pixels)) {
		pixman_box32_t box = *pixman_region32_rectangles(&damage->pixels, &(int){ 0 });
		bool is_lossy = !is_all && rnd(4) == 0;

		ck_assert(box.x1 >= 0 && box.y1 >= 0 && box.x2 <= W && box.y2 <= H);
		for (int y = box.y1; y < box.y2; y++)
			for (int x = box.x1; x < box.x2; x++)
				client[y][x] = surface[y][x] ^ is_lossy;
		clove_damage_sent(damage, &box, is_lossy);
		if (!is_all && rnd(3) == 0)
			break;
	}
}

START_TEST(test_a_drained_client_shows_the_surface)
{
	struct clove_damage damage;
	pixman_box32_t all = { 0, 0, W, H };

	seed = (uint64_t)_i + 1;
	memset(surface, 0, sizeof surface);
	memset(client, 0, sizeof client);
	clove_damage_init(&damage);
	for (uint32_t step = 1; step <= STEPS; step++) {
		paint(&damage, step);
		ck_assert_uint_le(damage.n_ops, CLOVE_DAMAGE_OPS_MAX);
		if (rnd(5) == 0)
			send(&damage, false);
		if (!damage.n_ops && rnd(8) == 0)
			check(&damage);
	}
	send(&damage, true);
	check(&damage);
	ck_assert(clove_damage_is_empty(&damage));
	clove_damage_sent(&damage, &all, false);
	ck_assert(!pixman_region32_not_empty(&damage.lossy));
	clove_damage_fini(&damage);
}
END_TEST

static const struct {
	const char *what;
	pixman_box32_t lacking, box;
	int32_t dx, dy;
	bool is_op;
	pixman_box32_t left;
} copies[] = {
	{ "a clean source", { 0, 0, 0, 0 }, { 0, 0, 100, 80 }, 0, -16, true, { 0, 0, 0, 0 } },
	{ "its lower end is lacking", { 0, 90, 100, 96 }, { 0, 0, 100, 80 }, 0, -16, true, { 0, 74, 100, 80 } },
	{ "most is lacking", { 0, 16, 100, 80 }, { 0, 0, 100, 80 }, 0, -16, false, { 0, 0, 100, 80 } },
	{ "too small", { 0, 0, 0, 0 }, { 0, 0, 10, 10 }, 0, -16, false, { 0, 0, 10, 10 } },
	{ "lacking where it goes", { 10, 10, 20, 20 }, { 0, 0, 100, 80 }, 0, -40, true, { 0, 0, 0, 0 } },
};

START_TEST(test_a_copy_needs_its_source)
{
	struct clove_damage damage;
	pixman_region32_t lacking;
	const pixman_box32_t *l = &copies[_i].lacking, *left = &copies[_i].left, *got;

	clove_damage_init(&damage);
	pixman_region32_init_rect(&lacking, l->x1, l->y1, (unsigned int)(l->x2 - l->x1),
			(unsigned int)(l->y2 - l->y1));
	clove_damage_add(&damage, &lacking);
	clove_damage_copy(&damage, &copies[_i].box, copies[_i].dx, copies[_i].dy, NULL);
	ck_assert_msg(damage.n_ops == copies[_i].is_op, "%s", copies[_i].what);
	pixman_region32_intersect_rect(&damage.pixels, &damage.pixels, copies[_i].box.x1, copies[_i].box.y1,
			(unsigned int)(copies[_i].box.x2 - copies[_i].box.x1),
			(unsigned int)(copies[_i].box.y2 - copies[_i].box.y1));
	got = pixman_region32_extents(&damage.pixels);
	ck_assert_msg(left->x1 == left->x2 ? !pixman_region32_not_empty(&damage.pixels) :
			!memcmp(got, left, sizeof *left), "%s: %d,%d %d,%d", copies[_i].what, got->x1, got->y1,
			got->x2, got->y2);
	pixman_region32_fini(&lacking);
	clove_damage_fini(&damage);
}
END_TEST

/* As a screen that comes in columns scrolls. */
START_TEST(test_columns_become_one_copy)
{
	struct clove_damage damage;

	clove_damage_init(&damage);
	for (int32_t x = 0; x < W; x += 32)
		clove_damage_copy(&damage, &(pixman_box32_t){ x, 0, x + 32, 100 }, 0, -16, NULL);
	ck_assert_uint_eq(damage.n_ops, 1);
	ck_assert_int_eq(damage.ops[0].box.x1, 0);
	ck_assert_int_eq(damage.ops[0].box.x2, W);
	clove_damage_copy(&damage, &(pixman_box32_t){ 0, 0, 32, 100 }, 0, -16, NULL);
	ck_assert_uint_eq(damage.n_ops, 2);
	clove_damage_fini(&damage);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damage");
	TCase *tcase = tcase_create("damage");

	tcase_add_loop_test(tcase, test_a_drained_client_shows_the_surface, 0, SEEDS);
	tcase_add_loop_test(tcase, test_a_copy_needs_its_source, 0, sizeof copies / sizeof *copies);
	tcase_add_test(tcase, test_columns_become_one_copy);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
