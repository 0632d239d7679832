/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-commands.c - random commands give the pixels that the incumbent gave (golden/commands.tsv); and a
 * guest that rewrites its memory under them spoils pixels and nothing else. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/protocol/enums.h"
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

/* Of a copy, so that to look at rows that lie elsewhere does not bring them back. */
static bool equals(struct shadow *shadow)
{
	struct clove_surface s = *shadow->surface;
	size_t row = (size_t)s.width * s.bytes_per_pixel, all = s.stride * (size_t)s.height;
	bool is_same = true;

	s.data = malloc(all);
	memcpy(s.data, shadow->surface->data, all);
	clove_surface_settle(&s, NULL);
	for (int32_t y = 0; y < s.height; y++) {
		const uint8_t *is = clove_surface_row(&s, y), *told = shadow_at(shadow, 0, y);

		if (!memcmp(is, told, row))
			continue;
		for (size_t i = 0; i < row; i++)
			if (is[i] != told[i] && !(s.bytes_per_pixel == 4 && i % 4 == 3))
				is_same = false;
	}
	free(s.data);
	return is_same;
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

/* A part of the primary surface that scrolls: mostly the same one, so that its rows are turned while commands
 * of every kind are drawn on it, beside it and from it. */
struct scrolling {
	uint32_t chance;
	pixman_box32_t box;
	int32_t dy;
};

static int32_t below(struct scrolling *scrolling, int32_t n)
{
	scrolling->chance = scrolling->chance * 1664525 + 1013904223;
	return (int32_t)((scrolling->chance >> 8) % (uint32_t)n);
}

/* False: the surface is too low. */
static bool scrolls(struct scrolling *scrolling, const struct clove_surface *surface)
{
	int32_t width = surface->width, height = surface->height;

	if (height < 4)
		return false;
	if (scrolling->dy && below(scrolling, 8))
		return true;
	scrolling->dy = 1 + below(scrolling, height / 3);
	scrolling->box.x1 = below(scrolling, width);
	scrolling->box.x2 = scrolling->box.x1 + 1 + below(scrolling, width - scrolling->box.x1);
	scrolling->box.y1 = scrolling->dy + below(scrolling, height - 2 * scrolling->dy);
	scrolling->box.y2 = scrolling->box.y1 + 1 + below(scrolling, height - scrolling->dy - scrolling->box.y1);
	if (below(scrolling, 2))
		scrolling->dy = -scrolling->dy;
	return true;
}

static void scroll_by_hand(const struct scrolling *scrolling, struct clove_surface *surface)
{
	const pixman_box32_t *box = &scrolling->box;
	size_t all = surface->stride * (size_t)surface->height, x = (size_t)box->x1 * surface->bytes_per_pixel;
	uint8_t *before = malloc(all);
	pixman_region32_t region;

	memcpy(before, surface->data, all);
	for (int32_t y = box->y1; y < box->y2; y++)
		memcpy(clove_surface_row(surface, y) + x, before + surface->stride * (size_t)(y - scrolling->dy) + x,
				(size_t)(box->x2 - box->x1) * surface->bytes_per_pixel);
	free(before);
	pixman_region32_init_rect(&region, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)(box->y2 - box->y1));
	clove_surface_drawn(surface, &region);
	pixman_region32_fini(&region);
}

static void scroll_by_command(const struct scrolling *scrolling, struct raster_server *server,
		struct clove_paint *paint, struct shadow *shadow)
{
	static const struct clove_paint_watch watch = { on_changed, on_copied, on_filled };
	struct clove_qxl_drawable drawable = { .type = CLOVE_QXL_DRAW_COPY_BITS, .box = scrolling->box,
			.src_x = scrolling->box.x1, .src_y = scrolling->box.y1 - scrolling->dy };

	ck_assert_int_eq(clove_paint_draw(paint, &drawable, &server->surfaces, &watch, shadow), CLOVE_OK);
}

/* What reads pixels of the primary surface, on it or on another one: as an image, as a copy of itself, or by a
 * COPY_BITS of several rectangles. */
static void read_drawable(struct scrolling *scrolling, const struct raster_server *server,
		struct clove_qxl_drawable *drawable)
{
	const struct clove_surface *from = server->by_id[0], *on;
	pixman_box32_t area, halves[2];
	int32_t width, height, x, y;
	int kind = below(scrolling, 3);

	*drawable = (struct clove_qxl_drawable){ .type = CLOVE_QXL_DRAW_COPY, .rop = CLOVE_ROP_PUT };
	drawable->surface_id = kind ? 0 : (uint32_t)below(scrolling, RASTER_SURFACES);
	on = server->by_id[drawable->surface_id];
	width = 1 + below(scrolling, on->width < from->width ? on->width : from->width);
	height = 1 + below(scrolling, on->height < from->height ? on->height : from->height);
	x = below(scrolling, on->width - width + 1);
	y = below(scrolling, on->height - height + 1);
	drawable->box = (pixman_box32_t){ x, y, x + width, y + height };
	x = below(scrolling, from->width - width + 1);
	y = below(scrolling, from->height - height + 1);
	area = (pixman_box32_t){ x, y, x + width, y + height };
	switch (kind) {
	case 0:
		drawable->src.kind = CLOVE_QXL_SURFACE;
		drawable->src_area = area;
		break;
	case 1:
		drawable->src.kind = CLOVE_QXL_SELF;
		drawable->self_area = area;
		drawable->src_area = (pixman_box32_t){ 0, 0, width, height };
		break;
	case 2:
		drawable->type = CLOVE_QXL_DRAW_COPY_BITS;
		drawable->src_x = x;
		drawable->src_y = y;
		drawable->has_clip = true;
		halves[0] = halves[1] = drawable->box;
		halves[0].x2 = drawable->box.x1 + width / 3;
		halves[1].y1 = drawable->box.y1 + height / 3;
		halves[1].x1 = drawable->box.x1 + width / 2;
		pixman_region32_init_rects(&drawable->clip, halves, 2);
		break;
	}
}

static void read_by_hand(struct scrolling *scrolling, const struct raster_server *server)
{
	struct clove_qxl_drawable drawable;

	read_drawable(scrolling, server, &drawable);
	(void)!clove_drawable_draw(&drawable, &server->surfaces, NULL);
	if (drawable.has_clip)
		pixman_region32_fini(&drawable.clip);
}

static void read_by_command(struct scrolling *scrolling, const struct raster_server *server,
		struct clove_paint *paint, struct shadow *shadow)
{
	static const struct clove_paint_watch watch = { on_changed, on_copied, on_filled };
	struct clove_qxl_drawable drawable;

	read_drawable(scrolling, server, &drawable);
	(void)!clove_paint_draw(paint, &drawable, &server->surfaces, drawable.surface_id ? NULL : &watch, shadow);
	if (drawable.has_clip)
		pixman_region32_fini(&drawable.clip);
}

START_TEST(test_scrolled_rows_are_where_they_belong)
{
	unsigned int turned = 0;

	current.memory = calloc(1, RASTER_MEMORY);
	ck_assert_ptr_nonnull(current.memory);
	for (uint64_t seed = 1; seed <= WATCHED; seed++) {
		struct scrolling plain = { .chance = (uint32_t)seed }, watched = plain;
		struct clove_paint *paint = calloc(1, sizeof *paint);
		struct raster_server server;
		struct shadow shadow;
		uint64_t hash;

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		for (unsigned int i = 0; i < current.count; i++) {
			if (current.commands[i].cmd.type == QXL_CMD_DRAW)
				(void)!raster_draw(&server, &current.commands[i], NULL);
			for (int n = 1 + below(&plain, 4); n && scrolls(&plain, server.by_id[0]); n--)
				scroll_by_hand(&plain, server.by_id[0]);
			if (!below(&plain, 3))
				read_by_hand(&plain, &server);
		}
		raster_save(&server);
		raster_close(&server);
		hash = raster_hash(&current);

		raster_make(&current, seed);
		ck_assert(raster_open(&server, &current));
		shadow_open(&shadow, server.by_id[0]);
		for (unsigned int i = 0; i < current.count; i++) {
			if (current.commands[i].cmd.type == QXL_CMD_DRAW)
				(void)!draw_watched(&server, paint, &current.commands[i], &shadow);
			ck_assert_msg(equals(&shadow), "case %d: %s", (int)seed, current.what[i]);
			for (int n = 1 + below(&watched, 4); n && scrolls(&watched, server.by_id[0]); n--)
				scroll_by_command(&watched, &server, paint, &shadow);
			turned += server.by_id[0]->scroll.turned != 0;
			ck_assert_msg(equals(&shadow), "case %d: scrolled behind %s", (int)seed, current.what[i]);
			if (!below(&watched, 3))
				read_by_command(&watched, &server, paint, &shadow);
			ck_assert_msg(equals(&shadow), "case %d: read behind %s", (int)seed, current.what[i]);
		}
		raster_save(&server);
		ck_assert_msg(raster_hash(&current) == hash, "case %d", (int)seed);
		free(shadow.data);
		raster_close(&server);
		free(paint);
	}
	ck_assert_uint_gt(turned, WATCHED);
	free(current.memory);
}
END_TEST

/* Guest memory's pixels replace those of a surface whose rows lie elsewhere, and lie in their places. */
START_TEST(test_loaded_pixels_are_where_they_belong)
{
	struct clove_paint *paint = calloc(1, sizeof *paint);
	struct raster_server server;
	struct shadow shadow;
	uint64_t hash;

	current.memory = calloc(1, RASTER_MEMORY);
	raster_make(&current, 1);
	ck_assert(raster_open(&server, &current));
	for (unsigned int i = 0; i < current.count; i++)
		if (current.commands[i].cmd.type == QXL_CMD_DRAW)
			(void)!raster_draw(&server, &current.commands[i], NULL);
	raster_save(&server);
	hash = raster_hash(&current);

	struct clove_surface *surface = server.by_id[0];
	struct scrolling up = { .box = { 0, 0, surface->width, surface->height - 1 }, .dy = -1 };
	pixman_region32_t all;

	shadow_open(&shadow, surface);
	for (int i = 0; i < 3; i++)
		scroll_by_command(&up, &server, paint, &shadow);
	ck_assert_int_ne(surface->scroll.turned, 0);
	ck_assert(clove_surface_load(surface, &server.memslots));
	pixman_region32_init_rect(&all, 0, 0, (unsigned int)surface->width, (unsigned int)surface->height);
	clove_surface_drawn(surface, &all);
	pixman_region32_fini(&all);
	raster_save(&server);
	ck_assert(raster_hash(&current) == hash);
	free(shadow.data);
	raster_close(&server);
	free(current.memory);
	free(paint);
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
	tcase_add_test(tcase, test_scrolled_rows_are_where_they_belong);
	tcase_add_test(tcase, test_loaded_pixels_are_where_they_belong);
	tcase_add_test(tcase, test_rewritten_memory_spoils_pixels_only);
	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
