/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pictures.h - what all display channels of one session share: image cache, GLZ dictionary, waiting.
 *
 * The session makes one, before its first display channel, and frees it after its last. A new session
 * (a reconnect too) begins with a new one.
 */
#ifndef CLOVE_CLIENT_GTK_PICTURES_H
#define CLOVE_CLIENT_GTK_PICTURES_H

#include <stdbool.h>
#include "client-gtk/mm-time.h"
#include "common/util/list.h"

/* What we announce in DISPLAY_INIT, in pixels. The cache is as large as other viewers': half as much again is
 * held of a server that stores too much. The window is the smallest into which an image of 3840x2160
 * fits (it has to be larger); four times as much is held while an image of another channel is late. */
enum {
	CLOVE_PICTURES_CACHE = 20 << 20,
	CLOVE_PICTURES_WINDOW = 8 << 20,
};

/* Bytes of all surfaces of a session, and of what its owner has of them: two displays of 7680x4320, or
 * eight of 3840x2160, and a guest's memory for off-screen surfaces beside them. */
#define CLOVE_PICTURES_SURFACES ((uint64_t)1 << 30)

struct clove_channel;

struct clove_pictures {
	struct clove_image_cache *cache;
	struct clove_glz_dictionary *dictionary;
	struct clove_job_pool *pool;
	struct clove_list members;        /* display channels that are open */
	struct clove_mm_time time;
	uint64_t surface_bytes;
};

struct clove_pictures *clove_pictures_new(void);
void clove_pictures_free(struct clove_pictures *pictures);

/* For display channels: */
struct clove_pictures_member {
	struct clove_list link;
	const struct clove_channel *channel;
};

/* True if another channel is open, which may yet bring what this one waits for. */
bool clove_pictures_has_others(const struct clove_pictures *pictures,
		const struct clove_pictures_member *member);
/* The one with this id; NULL: none. */
const struct clove_channel *clove_pictures_find(const struct clove_pictures *pictures, unsigned int id);

#endif
