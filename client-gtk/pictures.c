/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pictures.c - how long the things live that all display channels of a session share. */
#include "client-gtk/pictures.h"

#include <stdlib.h>
#include "client-gtk/image-cache.h"
#include "common/codec/glz.h"
#include "common/net/channel.h"
#include "common/util/job-pool.h"

struct clove_pictures *clove_pictures_new(void)
{
	struct clove_pictures *pictures = calloc(1, sizeof *pictures);

	if (!pictures)
		return NULL;
	clove_list_init(&pictures->members);
	pictures->cache = clove_image_cache_new(CLOVE_PICTURES_CACHE);
	pictures->dictionary = clove_glz_dictionary_new(CLOVE_PICTURES_WINDOW);
	pictures->pool = clove_job_pool_new(0);
	if (!pictures->cache || !pictures->dictionary || !pictures->pool) {
		clove_pictures_free(pictures);
		return NULL;
	}
	return pictures;
}

void clove_pictures_free(struct clove_pictures *pictures)
{
	if (!pictures)
		return;
	clove_image_cache_free(pictures->cache);
	clove_glz_dictionary_free(pictures->dictionary);
	clove_job_pool_free(pictures->pool);
	free(pictures);
}

bool clove_pictures_has_others(const struct clove_pictures *pictures,
		const struct clove_pictures_member *member)
{
	return pictures->members.next != &member->link || pictures->members.prev != &member->link;
}

const struct clove_channel *clove_pictures_find(const struct clove_pictures *pictures, unsigned int id)
{
	CLOVE_LIST_FOR_EACH(item, &pictures->members) {
		const struct clove_pictures_member *member = CLOVE_CONTAINER(item,
				struct clove_pictures_member, link);

		if (member->channel->id == id)
			return member->channel;
	}
	return NULL;
}
