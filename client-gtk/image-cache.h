/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-cache.h - decoded images, and those that the server told the session to keep. */
#ifndef CLOVE_CLIENT_GTK_IMAGE_CACHE_H
#define CLOVE_CLIENT_GTK_IMAGE_CACHE_H

#include "common/codec/pixels.h"

/* One decoded image in its native form; shared by the cache and whoever draws it. */
struct clove_picture {
	unsigned int refs;
	struct clove_pixels pixels;
	uint32_t *palette;        /* 256 entries, unused ones 0; or NULL */
	bool has_high_bits;       /* fourth bytes count as 255 */
	bool is_lossy;
	void *own;                /* the pixels' memory; NULL: borrowed from a message */
};

/* With memory for its rows, unless `is_borrowed`. NULL without memory. */
struct clove_picture *clove_picture_new(enum clove_format format, int32_t width, int32_t height,
		bool is_borrowed);
struct clove_picture *clove_picture_ref(struct clove_picture *picture);
void clove_picture_unref(struct clove_picture *picture);

/* What the server says is kept. It counts pixels and tells what goes; a server that stores more than
 * `limit` (and some) loses what was used least lately. */
struct clove_image_cache;

struct clove_image_cache *clove_image_cache_new(int64_t limit);
void clove_image_cache_free(struct clove_image_cache *cache);
/* Takes a reference of its own; replaces what has this id. The picture must own its pixels. */
void clove_image_cache_put(struct clove_image_cache *cache, uint64_t id, struct clove_picture *picture);
/* Borrowed; NULL: not there. */
struct clove_picture *clove_image_cache_find(struct clove_image_cache *cache, uint64_t id);
void clove_image_cache_remove(struct clove_image_cache *cache, uint64_t id);
void clove_image_cache_clear(struct clove_image_cache *cache);
/* Pixels held. */
int64_t clove_image_cache_pixels(const struct clove_image_cache *cache);

#endif
