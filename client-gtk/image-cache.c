/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-cache.c - how cached images are found by their ids, and bounded. */
#include "client-gtk/image-cache.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/list.h"
#include "common/util/log.h"

enum {
	BUCKETS = 4096,
	COST = 64,                /* of an entry, in pixels: small images are not free */
};

struct entry {
	struct clove_list bucket, age;
	uint64_t id;
	struct clove_picture *picture;
};

struct clove_image_cache {
	struct clove_list buckets[BUCKETS];
	struct clove_list ages;   /* the one used longest ago first */
	int64_t limit, pixels, entries;
};

/* -- pictures -- */

struct clove_picture *clove_picture_new(enum clove_format format, int32_t width, int32_t height,
		bool is_borrowed)
{
	struct clove_picture *picture = calloc(1, sizeof *picture);
	size_t stride = clove_format_row_bytes(format, width);

	if (!picture)
		return NULL;
	picture->refs = 1;
	picture->pixels = (struct clove_pixels){ NULL, width, height, (ptrdiff_t)stride, format };
	if (is_borrowed)
		return picture;
	picture->own = malloc(stride * (size_t)height);
	picture->pixels.data = picture->own;
	if (!picture->own) {
		free(picture);
		return NULL;
	}
	return picture;
}

struct clove_picture *clove_picture_ref(struct clove_picture *picture)
{
	picture->refs++;
	return picture;
}

void clove_picture_unref(struct clove_picture *picture)
{
	if (!picture || --picture->refs)
		return;
	free(picture->palette);
	free(picture->own);
	free(picture);
}

/* -- the cache -- */

struct clove_image_cache *clove_image_cache_new(int64_t limit)
{
	struct clove_image_cache *cache = calloc(1, sizeof *cache);

	if (!cache)
		return NULL;
	for (int i = 0; i < BUCKETS; i++)
		clove_list_init(&cache->buckets[i]);
	clove_list_init(&cache->ages);
	cache->limit = limit;
	return cache;
}

static struct clove_list *bucket(struct clove_image_cache *cache, uint64_t id)
{
	return &cache->buckets[(id * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

static int64_t size(const struct clove_picture *picture)
{
	return (int64_t)picture->pixels.width * picture->pixels.height;
}

static void drop(struct clove_image_cache *cache, struct entry *entry)
{
	cache->pixels -= size(entry->picture);
	cache->entries--;
	clove_list_remove(&entry->bucket);
	clove_list_remove(&entry->age);
	clove_picture_unref(entry->picture);
	free(entry);
}

void clove_image_cache_clear(struct clove_image_cache *cache)
{
	CLOVE_LIST_FOR_EACH(item, &cache->ages)
		drop(cache, CLOVE_CONTAINER(item, struct entry, age));
}

void clove_image_cache_free(struct clove_image_cache *cache)
{
	if (!cache)
		return;
	clove_image_cache_clear(cache);
	free(cache);
}

static struct entry *find(struct clove_image_cache *cache, uint64_t id)
{
	CLOVE_LIST_FOR_EACH(item, bucket(cache, id)) {
		struct entry *entry = CLOVE_CONTAINER(item, struct entry, bucket);

		if (entry->id == id)
			return entry;
	}
	return NULL;
}

struct clove_picture *clove_image_cache_find(struct clove_image_cache *cache, uint64_t id)
{
	struct entry *entry = find(cache, id);

	if (!entry)
		return NULL;
	clove_list_remove(&entry->age);
	clove_list_append(&cache->ages, &entry->age);
	return entry->picture;
}

void clove_image_cache_put(struct clove_image_cache *cache, uint64_t id, struct clove_picture *picture)
{
	struct entry *entry;

	clove_picture_ref(picture);   /* it may be the one that is there */
	clove_image_cache_remove(cache, id);
	entry = calloc(1, sizeof *entry);
	if (!entry) {
		clove_picture_unref(picture);
		return;
	}
	entry->id = id;
	entry->picture = picture;
	clove_list_append(bucket(cache, id), &entry->bucket);
	clove_list_append(&cache->ages, &entry->age);
	cache->pixels += size(picture);
	cache->entries++;
	/* Half as much again: a server that serves several displays may be ahead of what we have read. */
	while (cache->pixels + COST * cache->entries > cache->limit + cache->limit / 2 &&
			cache->ages.next != &entry->age) {
		clove_log_limited(WARN, "display", "the server stores more images than it was allowed to");
		drop(cache, CLOVE_CONTAINER(cache->ages.next, struct entry, age));
	}
}

void clove_image_cache_remove(struct clove_image_cache *cache, uint64_t id)
{
	struct entry *entry = find(cache, id);

	if (entry)
		drop(cache, entry);
}

int64_t clove_image_cache_pixels(const struct clove_image_cache *cache)
{
	return cache->pixels;
}
