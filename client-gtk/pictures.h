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

/* What we announce in DISPLAY_INIT, in pixels. */
enum {
	CLOVE_PICTURES_CACHE = 20 << 20,
	CLOVE_PICTURES_WINDOW = 16 << 20,
};

struct clove_channel;

struct clove_pictures {
	struct clove_image_cache *cache;
	struct clove_glz_dictionary *dictionary;
	struct clove_job_pool *pool;
	struct clove_list members;        /* display channels that are open */
	struct clove_mm_time time;
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
