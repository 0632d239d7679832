/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player.h - a display that plays a recording by the server's own files: whoever includes it has the
 * functions that replay.c calls. */
#ifndef CLOVE_TESTS_RASTER_PLAYER_H
#define CLOVE_TESTS_RASTER_PLAYER_H

#include "include/spice-server/spice.h"
#include "server/drawable.h"

enum { PLAYER_SURFACES = 64 };

static struct {
	struct clove_memslots memslots;
	struct clove_surface *by_id[PLAYER_SURFACES];
	struct clove_surfaces surfaces;
	uint64_t budget;        /* of surfaces; a fuzzer has not all the memory */
	unsigned int drawn, refused;
} player;

static void player_add(uint32_t id, const struct clove_surface_info *info)
{
	const char *why;

	if (id < PLAYER_SURFACES && !player.by_id[id])
		player.by_id[id] = clove_surface_new(id, info, &player.memslots, player.budget, &why);
}

static void player_drop(uint32_t id)
{
	if (id >= PLAYER_SURFACES || !player.by_id[id])
		return;
	clove_surface_save(player.by_id[id], &player.memslots, NULL);
	clove_surface_free(player.by_id[id]);
	player.by_id[id] = NULL;
}

void spice_qxl_create_primary_surface(QXLInstance *qxl, uint32_t id, QXLDevSurfaceCreate *create)
{
	struct clove_surface_info info = { .width = create->width, .height = create->height,
			.format = create->format, .stride = create->stride, .address = create->mem,
			.keeps_data = create->flags & QXL_SURF_FLAG_KEEP_DATA };

	(void)qxl;
	player_add(id, &info);
}

void spice_qxl_destroy_primary_surface(QXLInstance *qxl, uint32_t id)
{
	(void)qxl;
	player_drop(id);
}

void spice_qxl_destroy_surfaces(QXLInstance *qxl)
{
	(void)qxl;
	for (uint32_t id = 0; id < PLAYER_SURFACES; id++)
		player_drop(id);
}

static inline bool player_open(uint64_t budget)
{
	struct clove_memslot host = { .end = UINT64_MAX };

	memset(&player, 0, sizeof player);
	player.budget = budget;
	player.surfaces = (struct clove_surfaces){ player.by_id, PLAYER_SURFACES };
	return clove_memslots_init(&player.memslots, 2, 8, 8, 8) == CLOVE_OK &&
			clove_memslot_set(&player.memslots, 0, 0, &host) == CLOVE_OK;
}

static inline void player_close(void)
{
	for (uint32_t id = 0; id < PLAYER_SURFACES; id++) {
		clove_surface_free(player.by_id[id]);
		player.by_id[id] = NULL;
	}
	clove_memslots_fini(&player.memslots);
}

static inline void player_draw(const struct clove_qxl_source *source, uint64_t address)
{
	struct clove_qxl_drawable drawable;
	void *release;
	enum clove_err err = clove_qxl_read_drawable(source, address, &drawable, &release);

	if (err == CLOVE_OK)
		err = clove_drawable_draw(&drawable, &player.surfaces, NULL);
	if (err == CLOVE_OK)
		player.drawn++;
	else
		player.refused++;
	clove_qxl_drawable_fini(&drawable);
}

/* Does what one command of a recording says; a surface's is to be kept while the surface lives. */
static inline bool player_run(const QXLCommandExt *ext)
{
	struct clove_qxl_source source = { &player.memslots, ext->group_id, false, false };
	struct clove_qxl_surface_command surface;
	struct clove_qxl_cursor cursor;
	struct clove_qxl_update area;
	enum clove_err err = CLOVE_OK;
	void *release;

	switch (ext->cmd.type) {
	case QXL_CMD_DRAW:
		player_draw(&source, ext->cmd.data);
		return false;
	case QXL_CMD_SURFACE:
		err = clove_qxl_read_surface(&source, ext->cmd.data, &surface, &release);
		if (err == CLOVE_OK && surface.is_create)
			player_add(surface.id, &surface.info);
		else if (err == CLOVE_OK)
			player_drop(surface.id);
		return true;
	case QXL_CMD_CURSOR:
		err = clove_qxl_read_cursor(&source, ext->cmd.data, &cursor, &release);
		clove_buf_fini(&cursor.shape.data);
		break;
	case QXL_CMD_UPDATE:
		err = clove_qxl_read_update(&source, ext->cmd.data, &area, &release);
		break;
	default:
		break;
	}
	player.refused += err != CLOVE_OK;
	return false;
}

/* Plays all of it; what is left of surfaces is for the caller, who then frees the replay. */
static inline unsigned int player_play(SpiceReplay *replay)
{
	QXLCommandExt *ext;
	unsigned int n = 0;

	while ((ext = spice_replay_next_cmd(replay, NULL))) {
		n++;
		if (!player_run(ext))
			spice_replay_free_cmd(replay, ext);
	}
	return n;
}

#endif
