/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.h - a case of random commands drawn by the server's own files, without a server. */
#ifndef CLOVE_TESTS_RASTER_DRAW_H
#define CLOVE_TESTS_RASTER_DRAW_H

#include "server/drawable.h"
#include "tests/raster/commands.h"

struct raster_server {
	struct clove_memslots memslots;
	struct clove_surface *by_id[RASTER_SURFACES];
	struct clove_surfaces surfaces;
};

/* Makes the surfaces of a case; false if one cannot be. */
static inline bool raster_open(struct raster_server *server, const struct raster_case *c)
{
	struct clove_memslot window = { (uintptr_t)c->memory, (uintptr_t)c->memory + RASTER_MEMORY,
			(uintptr_t)c->memory, 0 };

	*server = (struct raster_server){ 0 };
	server->surfaces = (struct clove_surfaces){ server->by_id, RASTER_SURFACES };
	if (clove_memslots_init(&server->memslots, 2, 8, 8, 8) != CLOVE_OK ||
			clove_memslot_set(&server->memslots, RASTER_GROUP, RASTER_SLOT, &window) != CLOVE_OK)
		return false;
	for (uint32_t id = 0; id < RASTER_SURFACES; id++) {
		const struct raster_surface *s = &c->surfaces[id];
		struct clove_surface_info info = { .width = (uint32_t)s->width, .height = (uint32_t)s->height,
				.format = s->format, .stride = s->stride, .address = raster_address(s->at),
				.group = RASTER_GROUP, .keeps_data = true };
		const char *why;

		server->by_id[id] = clove_surface_new(id, &info, &server->memslots, UINT64_MAX, &why);
		if (!server->by_id[id])
			return false;
	}
	return true;
}

static inline enum clove_err raster_draw(struct raster_server *server, const QXLCommandExt *command,
		pixman_region32_t *changed)
{
	struct clove_qxl_source source = { &server->memslots, RASTER_GROUP,
			command->flags & QXL_COMMAND_FLAG_COMPAT, command->flags & QXL_COMMAND_FLAG_COMPAT_16BPP };
	struct clove_qxl_drawable drawable;
	void *release;
	enum clove_err err = clove_qxl_read_drawable(&source, command->cmd.data, &drawable, &release);

	if (err == CLOVE_OK)
		err = clove_drawable_draw(&drawable, &server->surfaces, changed);
	clove_qxl_drawable_fini(&drawable);
	return err;
}

static inline void raster_save(struct raster_server *server)
{
	for (uint32_t id = 0; id < RASTER_SURFACES; id++)
		clove_surface_save(server->by_id[id], &server->memslots, NULL);
}

static inline void raster_close(struct raster_server *server)
{
	for (uint32_t id = 0; id < RASTER_SURFACES; id++)
		clove_surface_free(server->by_id[id]);
	clove_memslots_fini(&server->memslots);
}

#endif
