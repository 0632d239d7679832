/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-commands.c - random commands give the pixels that the incumbent gave (golden/commands.tsv); and a
 * guest that rewrites its memory under them spoils pixels and nothing else. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "server/paint.h"
#include "tests/raster/draw.h"

enum { RACES = 100, ROUNDS = 10, WATCHED = 500 };

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

/* -- what is told of the primary surface -- */

struct shadow {
	const struct clove_surface *surface;
	uint8_t *data;                  /* kept by what is told alone */
	unsigned int told;
};

static uint8_t *shadow_at(struct shadow *shadow, int32_t x, int32_t y)
{
	return shadow->data + shadow->surface->stride * (size_t)y + (size_t)x * shadow->surface->bytes_per_pixel;
}

static void on_changed(void *opaque, const pixman_region32_t *region)
{
	struct shadow *shadow = opaque;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)region, &n);

	shadow->told++;
	for (int i = 0; i < n; i++)
		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++)
			memcpy(shadow_at(shadow, boxes[i].x1, y), clove_surface_row(shadow->surface, y) +
					(size_t)boxes[i].x1 * shadow->surface->bytes_per_pixel,
					(size_t)(boxes[i].x2 - boxes[i].x1) * shadow->surface->bytes_per_pixel);
}

static void on_copied(void *opaque, const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	struct shadow *shadow = opaque;
	size_t all = shadow->surface->stride * (size_t)shadow->surface->height;
	uint8_t *before = malloc(all);

	shadow->told++;
	memcpy(before, shadow->data, all);
	for (int32_t y = box->y1; y < box->y2; y++)
		memcpy(shadow_at(shadow, box->x1, y), before + (shadow_at(shadow, box->x1 - dx, y - dy) -
				shadow->data), (size_t)(box->x2 - box->x1) * shadow->surface->bytes_per_pixel);
	free(before);
}

static void on_filled(void *opaque, const pixman_box32_t *box, uint32_t color, const pixman_region32_t *changed)
{
	struct shadow *shadow = opaque;

	(void)changed;
	shadow->told++;
	for (int32_t y = box->y1; y < box->y2; y++)
		for (int32_t x = box->x1; x < box->x2; x++)
			clove_put_le32(shadow_at(shadow, x, y), color);
}

static bool equals(struct shadow *shadow)
{
	const struct clove_surface *s = shadow->surface;
	size_t row = (size_t)s->width * s->bytes_per_pixel;

	for (int32_t y = 0; y < s->height; y++) {
		const uint8_t *is = clove_surface_row(s, y), *told = shadow_at(shadow, 0, y);

		if (!memcmp(is, told, row))
			continue;
		for (size_t i = 0; i < row; i++)
			if (is[i] != told[i] && !(s->bytes_per_pixel == 4 && i % 4 == 3))
				return false;
	}
	return true;
}

static void shadow_open(struct shadow *shadow, const struct clove_surface *surface)
{
	size_t all = surface->stride * (size_t)surface->height;

	*shadow = (struct shadow){ surface, malloc(all), 0 };
	ck_assert_ptr_nonnull(shadow->data);
	memcpy(shadow->data, surface->data, all);
}

static enum clove_err draw_watched(struct raster_server *server, struct clove_paint *paint,
		const QXLCommandExt *ext, struct shadow *shadow)
{
	static const struct clove_paint_watch watch = { on_changed, on_copied, on_filled };
	struct clove_qxl_source source = { &server->memslots, RASTER_GROUP,
			ext->flags & QXL_COMMAND_FLAG_COMPAT, ext->flags & QXL_COMMAND_FLAG_COMPAT_16BPP };
	struct clove_qxl_drawable drawable;
	void *release;
	enum clove_err err = clove_qxl_read_drawable(&source, ext->cmd.data, &drawable, &release);

	if (err == CLOVE_OK)
		err = clove_paint_draw(paint, &drawable, &server->surfaces, drawable.surface_id == 0 ?
				&watch : NULL, shadow);
	clove_qxl_drawable_fini(&drawable);
	return err;
}

/* With somebody watching the pixels are the same, and who follows what is told has them too. */
START_TEST(test_watched_commands_are_told)
{
	unsigned int told = 0;

	current.memory = calloc(1, RASTER_MEMORY);
	ck_assert_ptr_nonnull(current.memory);
	for (uint64_t seed = 1; seed <= WATCHED; seed++) {
		struct clove_paint *paint = calloc(1, sizeof *paint);
		struct raster_server server;
		struct shadow shadow;
		uint64_t hash;

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		for (unsigned int i = 0; i < current.count; i++)
			if (current.commands[i].cmd.type == QXL_CMD_DRAW &&
					raster_draw(&server, &current.commands[i], NULL) != CLOVE_OK)
				continue;
		raster_save(&server);
		raster_close(&server);
		hash = raster_hash(&current);

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		shadow_open(&shadow, server.by_id[0]);
		for (unsigned int i = 0; i < current.count; i++) {
			if (current.commands[i].cmd.type != QXL_CMD_DRAW)
				continue;
			enum clove_err err = draw_watched(&server, paint, &current.commands[i], &shadow);

			ck_assert_msg(equals(&shadow), "case %d: %s (%s)", (int)seed, current.what[i],
					clove_err_name(err));
		}
		raster_save(&server);
		ck_assert_msg(raster_hash(&current) == hash, "case %d", (int)seed);
		told += shadow.told;
		free(shadow.data);
		raster_close(&server);
		free(paint);
	}
	ck_assert_uint_gt(told, WATCHED);
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
		struct clove_paint *paint = calloc(1, sizeof *paint);
		struct raster_server server;
		struct shadow shadow;

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		atomic_store(&is_over, false);
		ck_assert_int_eq(pthread_create(&guest, NULL, rewrite, current.memory), 0);
		shadow_open(&shadow, server.by_id[0]);
		for (int round = 0; round < ROUNDS; round++)
			for (unsigned int i = 0; i < current.count; i++) {
				if (current.commands[i].cmd.type != QXL_CMD_DRAW)
					continue;
				enum clove_err err = draw_watched(&server, paint, &current.commands[i], &shadow);

				/* what is told stays exact, whatever was drawn */
				ck_assert_msg(equals(&shadow), "case %d: %s (%s)", (int)seed,
						current.what[i], clove_err_name(err));
				raster_save(&server);
			}
		atomic_store(&is_over, true);
		pthread_join(guest, NULL);
		raster_close(&server);
		free(shadow.data);
		free(paint);
	}
	free(current.memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commands");
	TCase *tcase = tcase_create("commands");

	tcase_add_test(tcase, test_pixels_are_the_recorded_ones);
	tcase_add_test(tcase, test_watched_commands_are_told);
	tcase_add_test(tcase, test_rewritten_memory_spoils_pixels_only);
	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
