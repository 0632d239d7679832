/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-commands.c - random commands give the pixels that the incumbent gave (golden/commands.tsv); and a
 * guest that rewrites its memory under them spoils pixels and nothing else. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/raster/draw.h"

enum { RACES = 300 };

static struct raster_case current;

START_TEST(test_pixels_are_the_recorded_ones)
{
	FILE *file = fopen(GOLDEN "/commands.tsv", "r");
	unsigned long long seed, hash;
	int cases = 0;

	ck_assert_ptr_nonnull(file);
	current.memory = calloc(1, RASTER_MEMORY);
	ck_assert_ptr_nonnull(current.memory);
	while (fscanf(file, "%llu %llx", &seed, &hash) == 2) {
		struct raster_server server;

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		for (unsigned int i = 0; i < current.count; i++)
			if (current.commands[i].cmd.type == QXL_CMD_DRAW) {
				enum clove_err err = raster_draw(&server, &current.commands[i], NULL);

				ck_assert_msg(err == CLOVE_OK || err == CLOVE_ERR_BOUNDS, "case %llu: %s: %s", seed,
						current.what[i], clove_err_name(err));
			}
		raster_save(&server);
		ck_assert_msg(raster_hash(&current) == hash, "case %llu", seed);
		raster_close(&server);
		cases++;
	}
	ck_assert_int_gt(cases, 1000);
	fclose(file);
	free(current.memory);
}
END_TEST

static atomic_bool is_over;

/* The guest: not instrumented, since it races on purpose. What the server reads of a guest may change
 * under it at any time; that nothing follows from it is what is tested. */
__attribute__((no_sanitize("thread")))
static void *rewrite(void *opaque)
{
	volatile uint8_t *memory = opaque;
	uint32_t x = 1;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		size_t used = current.used;

		x = x * 1664525 + 1013904223;
		if (used < 8)
			continue;
		size_t at = (x >> 8) % (used - 8);

		/* a byte, a small number, or a word of ones: sizes, flags and addresses go wrong in all ways */
		switch (x >> 5 & 7) {
		case 0:
			memory[at] = 0xff, memory[at + 1] = 0xff, memory[at + 2] = 0xff, memory[at + 3] = 0xff;
			break;
		case 1:
			memory[at] = 0, memory[at + 1] = 0, memory[at + 2] = 0, memory[at + 3] = 0;
			break;
		default:
			memory[at] = (uint8_t)x;
		}
	}
	return NULL;
}

START_TEST(test_rewritten_memory_spoils_pixels_only)
{
	pthread_t guest;

	current.memory = calloc(1, RASTER_MEMORY);
	ck_assert_ptr_nonnull(current.memory);
	for (uint64_t seed = 1; seed <= RACES; seed++) {
		struct raster_server server;

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		atomic_store(&is_over, false);
		ck_assert_int_eq(pthread_create(&guest, NULL, rewrite, current.memory), 0);
		for (int round = 0; round < 20; round++)
			for (unsigned int i = 0; i < current.count; i++) {
				pixman_region32_t changed;

				if (current.commands[i].cmd.type != QXL_CMD_DRAW)
					continue;
				pixman_region32_init(&changed);
				enum clove_err err = raster_draw(&server, &current.commands[i], &changed);

				if (err != CLOVE_OK)
					ck_assert(!pixman_region32_not_empty(&changed));
				pixman_region32_fini(&changed);
				raster_save(&server);
			}
		atomic_store(&is_over, true);
		pthread_join(guest, NULL);
		raster_close(&server);
	}
	free(current.memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commands");
	TCase *tcase = tcase_create("commands");

	tcase_add_test(tcase, test_pixels_are_the_recorded_ones);
	tcase_add_test(tcase, test_rewritten_memory_spoils_pixels_only);
	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
