/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-mirror.h - what one display's client holds in its image cache, found by what the screen shows.
 *
 * Images are what pieces became; they are found again by tiles: one of the screen that shows what it showed in
 * an image can be drawn from that image, however damage is cut into pieces now. Tiles are as high as the strips in
 * which damage is found.
 */
#ifndef CLOVE_SERVER_IMAGE_MIRROR_H
#define CLOVE_SERVER_IMAGE_MIRROR_H

#include "common/util/buf.h"
#include "common/util/job-pool.h"
#include "server/image-budget.h"
#include "server/pieces.h"
#include "server/tile-sum.h"

struct clove_image_mirror;

/* A part of an image that the client has. */
struct clove_known {
	pixman_box32_t box;           /* where it is shown */
	pixman_box32_t image;         /* where the whole image was */
	uint64_t id;
	bool is_lossy;
};

/* `pixels` is the size of the client's cache. NULL: it has none, or there is no memory. */
struct clove_image_mirror *clove_image_mirror_new(struct clove_image_budget *budget,
		const struct clove_tile_key *key, int64_t pixels);
/* What the client holds stays counted in the budget. */
void clove_image_mirror_free(struct clove_image_mirror *mirror);

/* Looks at pieces (n <= CLOVE_PIECES_MOST) that are to be sent now, as far as that may pay: what comes for the second
 * time, or if bytes are costly anything; the calls below name these by their index. Jobs run on the pool. */
void clove_image_mirror_look(struct clove_image_mirror *mirror, struct clove_job_pool *pool,
		const struct clove_surface *surface, const struct clove_piece *pieces, unsigned int n,
		bool is_costly);

/* The parts of piece i that the client has, if they are half of it or more; they are valid until the next call.
 * *is_all: there is nothing else in the piece. 0: none. */
unsigned int clove_image_mirror_find(struct clove_image_mirror *mirror, unsigned int i, bool may_be_lossy,
		const struct clove_known **known, bool *is_all);

/* Piece i will be sent as an image of its box, in `bytes`: its id if the client is to keep it, 0 if not. */
uint64_t clove_image_mirror_keep(struct clove_image_mirror *mirror, unsigned int i, bool is_lossy, size_t bytes);

/* Ids of images that the client has to drop before it is sent anything else; NULL: none. They are valid until the
 * next call, and told once. */
const uint64_t *clove_image_mirror_gone(struct clove_image_mirror *mirror, size_t *n);

/* All images are gone. */
void clove_image_mirror_clear(struct clove_image_mirror *mirror);

/* Pixels that the client holds for it. */
int64_t clove_image_mirror_pixels(const struct clove_image_mirror *mirror);

#endif
