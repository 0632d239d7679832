/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.h - one guest drawing command carried out on the surfaces of its worker. */
#ifndef CLOVE_SERVER_DRAWABLE_H
#define CLOVE_SERVER_DRAWABLE_H

#include "server/qxl.h"
#include "server/surface.h"

struct clove_surfaces {
	struct clove_surface **by_id;     /* NULL where there is none */
	uint32_t count;
};

static inline struct clove_surface *clove_surfaces_find(const struct clove_surfaces *surfaces,
		uint32_t id)
{
	return id < surfaces->count ? surfaces->by_id[id] : NULL;
}

/* Draws (raster semantics: every pixel of the region once). `changed` grows by the pixels that are
 * not what they were; the surface is told what was drawn. An error: nothing was. */
CLOVE_CHECKED enum clove_err clove_drawable_draw(const struct clove_qxl_drawable *drawable,
		const struct clove_surfaces *surfaces, pixman_region32_t *changed);

/* True for the operations that are drawn. */
bool clove_drawable_can(enum clove_qxl_draw type);

/* One surface's pixels seen as the codecs see them; NONE for formats that they lack. */
struct clove_pixels clove_surface_pixels(const struct clove_surface *surface);

#endif
