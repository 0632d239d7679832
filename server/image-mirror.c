/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-mirror.c - knows which images a client keeps, which are worth it, and which go first. */
#include "server/image-mirror.h"

#include <string.h>
#include "common/util/list.h"

enum {
	BUCKETS = 2048,
	PIXELS_MOST = 24 << 20,       /* of what a client offers: 96 MB there, and 6144 whole tiles here */
	COST = 64,                    /* of an image, in pixels, beside its own */
	DRAWN_LEAST = 128 * 128,      /* pixels of a piece that is worth a look */
	PHOTO_LEAST = 64 * 64,
	THIN = 4,                     /* of the tiles that it touches a piece has to fill a quarter */
	BYTES_LEAST = 1024,           /* of an encoded image that is worth being kept */
	QUICK_MS = 100, STREAK = 4,   /* what has changed so often, so fast, is an animation: it does not come again */
	KEPT_BYTES = 64 << 10,        /* of a buffer */
};

struct image;

struct tile {
	struct tile *next;            /* in the bucket */
	struct image *image;
	pixman_box32_t box;
	struct clove_tile_sum sum;
};

struct image {
	struct clove_list age;
	uint64_t id;
	pixman_box32_t box;
	int64_t cost;
	uint32_t format;              /* of its surface: the same bytes may be other colours */
	bool is_lossy;
	unsigned int n;
	struct tile tiles[];
};

/* A tile's place on the screen. */
struct place {
	uint32_t sent_ms;
	uint8_t streak;               /* changes, each less than QUICK_MS after the last one */
};

/* A piece that was looked at. */
struct look {
	struct clove_job job;         /* first, so that a job is one */
	const struct clove_tile_key *key;
	const struct clove_surface *surface;
	pixman_box32_t box;
	bool is_worth_it;
	pixman_box32_t tiles;         /* numbers of the tiles that it touches */
	struct clove_buf sums;        /* of these, row by row */
};

struct clove_image_mirror {
	struct clove_image_budget *budget;
	const struct clove_tile_key *key;
	int64_t limit, pixels;
	struct clove_list ages;       /* of images, the one used longest ago first */
	struct tile *buckets[BUCKETS];
	struct place *places;
	int32_t columns, rows;        /* of places */
	struct look looks[CLOVE_PIECES_MOST];
	struct clove_buf known, gone;
};

struct clove_image_mirror *clove_image_mirror_new(struct clove_image_budget *budget,
		const struct clove_tile_key *key, int64_t pixels)
{
	struct clove_image_mirror *mirror;

	if (!budget || !key || pixels < PHOTO_LEAST)
		return NULL;
	mirror = calloc(1, sizeof *mirror);
	if (!mirror)
		return NULL;
	mirror->budget = clove_image_budget_ref(budget);
	atomic_fetch_add(&budget->displays, 1);
	mirror->key = key;
	mirror->limit = pixels < PIXELS_MOST ? pixels : PIXELS_MOST;
	clove_list_init(&mirror->ages);
	return mirror;
}

static struct image *image_of(struct clove_list *age)
{
	return CLOVE_CONTAINER(age, struct image, age);
}

void clove_image_mirror_free(struct clove_image_mirror *mirror)
{
	if (!mirror)
		return;
	CLOVE_LIST_FOR_EACH(age, &mirror->ages)
		free(image_of(age));
	for (unsigned int i = 0; i < CLOVE_PIECES_MOST; i++)
		clove_buf_fini(&mirror->looks[i].sums);
	atomic_fetch_sub(&mirror->budget->displays, 1);
	clove_image_budget_unref(mirror->budget);
	clove_buf_fini(&mirror->known);
	clove_buf_fini(&mirror->gone);
	free(mirror->places);
	free(mirror);
}

int64_t clove_image_mirror_pixels(const struct clove_image_mirror *mirror)
{
	return mirror->pixels;
}

/* -- tiles and images -- */

static struct tile **bucket(struct clove_image_mirror *mirror, const struct clove_tile_sum *sum)
{
	return &mirror->buckets[(sum->low ^ sum->high) * UINT64_C(0x9e3779b97f4a7c15) >> 53];
}

static bool is_box(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

static struct image *find(struct clove_image_mirror *mirror, const pixman_box32_t *box,
		const struct clove_tile_sum *sum, uint32_t format, bool may_be_lossy)
{
	for (struct tile *tile = *bucket(mirror, sum); tile; tile = tile->next)
		if (clove_tile_sum_is(&tile->sum, sum) && is_box(&tile->box, box) &&
				tile->image->format == format && (may_be_lossy || !tile->image->is_lossy))
			return tile->image;
	return NULL;
}

static void touch(struct clove_image_mirror *mirror, struct image *image)
{
	clove_list_remove(&image->age);
	clove_list_append(&mirror->ages, &image->age);
}

/* False without memory to tell it: then it stays. */
static bool drop(struct clove_image_mirror *mirror, struct image *image)
{
	if (clove_buf_append(&mirror->gone, &image->id, sizeof image->id) != CLOVE_OK)
		return false;
	for (unsigned int i = 0; i < image->n; i++) {
		struct tile **at = bucket(mirror, &image->tiles[i].sum);

		while (*at != &image->tiles[i])
			at = &(*at)->next;
		*at = image->tiles[i].next;
	}
	mirror->pixels -= image->cost;
	atomic_fetch_sub(&mirror->budget->used, image->cost);
	clove_list_remove(&image->age);
	free(image);
	return true;
}

void clove_image_mirror_clear(struct clove_image_mirror *mirror)
{
	CLOVE_LIST_FOR_EACH(age, &mirror->ages)
		drop(mirror, image_of(age));
}

const uint64_t *clove_image_mirror_gone(struct clove_image_mirror *mirror, size_t *n)
{
	*n = mirror->gone.len / sizeof(uint64_t);
	clove_buf_clear(&mirror->gone);
	return *n ? (const uint64_t *)(const void *)mirror->gone.data : NULL;
}

/* What this display may use: an equal part. */
static int64_t share(const struct clove_image_mirror *mirror)
{
	unsigned int displays = atomic_load(&mirror->budget->displays);

	return mirror->limit / (displays ? displays : 1);
}

static bool take(struct clove_image_mirror *mirror, int64_t cost)
{
	if (atomic_fetch_add(&mirror->budget->used, cost) + cost <= mirror->limit)
		return true;
	atomic_fetch_sub(&mirror->budget->used, cost);
	return false;
}

/* Displays that came before may not yet have given back what is not theirs any more, and what those have left that
 * are gone is the client's for ever. */
static bool make_room(struct clove_image_mirror *mirror, int64_t cost)
{
	while (mirror->pixels + cost > share(mirror) || !take(mirror, cost))
		if (clove_list_is_empty(&mirror->ages) || !drop(mirror, image_of(mirror->ages.next)))
			return false;
	return true;
}

/* -- looking -- */

static pixman_box32_t tile_box(const struct look *look, int32_t x, int32_t y)
{
	pixman_box32_t box = { x * CLOVE_TILE, y * CLOVE_TILE, (x + 1) * CLOVE_TILE, (y + 1) * CLOVE_TILE };

	box.x2 = box.x2 < look->surface->width ? box.x2 : look->surface->width;
	box.y2 = box.y2 < look->surface->height ? box.y2 : look->surface->height;
	return box;
}

static const struct clove_tile_sum *sum_of(const struct look *look, int32_t x, int32_t y)
{
	const struct clove_tile_sum *sums = (const struct clove_tile_sum *)(const void *)look->sums.data;

	return &sums[(size_t)(y - look->tiles.y1) * (size_t)(look->tiles.x2 - look->tiles.x1) +
			(size_t)(x - look->tiles.x1)];
}

static void sum_up(struct clove_job *job)
{
	struct look *look = (struct look *)job;
	const struct clove_surface *surface = look->surface;

	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++) {
		for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++) {
			pixman_box32_t box = tile_box(look, x, y);

			*(struct clove_tile_sum *)(uintptr_t)sum_of(look, x, y) = clove_tile_sum(look->key,
					clove_surface_row(surface, box.y1) + (size_t)box.x1 *
					surface->bytes_per_pixel, surface->stride, (size_t)(box.x2 - box.x1) *
					surface->bytes_per_pixel, box.y2 - box.y1);
		}
	}
}

/* Images of another surface may be shown again by this one, if it is as large. */
static bool set_places(struct clove_image_mirror *mirror, const struct clove_surface *surface)
{
	int32_t columns = (surface->width + CLOVE_TILE - 1) / CLOVE_TILE;
	int32_t rows = (surface->height + CLOVE_TILE - 1) / CLOVE_TILE;

	if (columns == mirror->columns && rows == mirror->rows)
		return mirror->places;
	free(mirror->places);
	mirror->places = calloc((size_t)columns * (size_t)rows, sizeof *mirror->places);
	mirror->columns = columns;
	mirror->rows = rows;
	return mirror->places;
}

static struct place *place(struct clove_image_mirror *mirror, int32_t x, int32_t y)
{
	return &mirror->places[(size_t)y * (size_t)mirror->columns + (size_t)x];
}

/* The piece changes: whether most of it does all the time. */
static bool is_animated(struct clove_image_mirror *mirror, const struct look *look, uint32_t now_ms)
{
	unsigned int quick = 0, all = 0;

	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++) {
		for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++) {
			struct place *at = place(mirror, x, y);

			at->streak = now_ms - at->sent_ms >= QUICK_MS ? 0 : at->streak < STREAK ?
					at->streak + 1 : STREAK;
			at->sent_ms = now_ms;
			quick += at->streak == STREAK;
			all++;
		}
	}
	return quick * 2 > all;
}

static int64_t area_of(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

void clove_image_mirror_look(struct clove_image_mirror *mirror, struct clove_job_pool *pool,
		const struct clove_surface *surface, const struct clove_piece *pieces, unsigned int n,
		uint64_t now_ms)
{
	struct clove_job *jobs[CLOVE_PIECES_MOST];
	unsigned int n_jobs = 0;
	bool has_places = set_places(mirror, surface);

	for (unsigned int i = 0; i < n; i++) {
		struct look *look = &mirror->looks[i];
		const pixman_box32_t *box = &pieces[i].box;
		size_t tiles;

		look->surface = surface;
		look->key = mirror->key;
		look->job.run = sum_up;
		look->box = *box;
		look->tiles = (pixman_box32_t){ box->x1 / CLOVE_TILE, box->y1 / CLOVE_TILE,
				(box->x2 - 1) / CLOVE_TILE + 1, (box->y2 - 1) / CLOVE_TILE + 1 };
		tiles = (size_t)area_of(&look->tiles);
		look->is_worth_it = has_places && area_of(box) >= (pieces[i].class == CLOVE_CLASS_PHOTO ?
				PHOTO_LEAST : DRAWN_LEAST) && area_of(box) * THIN >= (int64_t)tiles *
				CLOVE_TILE * CLOVE_TILE && !is_animated(mirror, look, (uint32_t)now_ms);
		if (!look->is_worth_it)
			continue;
		clove_buf_clear(&look->sums);
		if (look->sums.cap > KEPT_BYTES && tiles * sizeof(struct clove_tile_sum) <= KEPT_BYTES)
			clove_buf_fini(&look->sums);
		look->is_worth_it = clove_buf_reserve(&look->sums, tiles * sizeof(struct clove_tile_sum));
		if (look->is_worth_it)
			jobs[n_jobs++] = &look->job;
	}
	if (n_jobs)
		clove_job_pool_run(pool, jobs, n_jobs);
}

static bool crop(pixman_box32_t *box, const pixman_box32_t *to)
{
	box->x1 = box->x1 > to->x1 ? box->x1 : to->x1;
	box->y1 = box->y1 > to->y1 ? box->y1 : to->y1;
	box->x2 = box->x2 < to->x2 ? box->x2 : to->x2;
	box->y2 = box->y2 < to->y2 ? box->y2 : to->y2;
	return box->x1 < box->x2 && box->y1 < box->y2;
}

/* The tiles of row y that an image shows, side by side in one, become one part. */
static bool find_in_row(struct clove_image_mirror *mirror, const struct look *look, int32_t y, bool may_be_lossy)
{
	struct clove_known *last = NULL;

	for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++) {
		pixman_box32_t box = tile_box(look, x, y);
		struct image *image = find(mirror, &box, sum_of(look, x, y),
				look->surface->info.format, may_be_lossy);

		if (!image || !crop(&box, &look->box)) {
			last = NULL;
			continue;
		}
		if (last && last->id == image->id) {
			last->box.x2 = box.x2;
			continue;
		}
		last = (struct clove_known *)(void *)clove_buf_reserve(&mirror->known, sizeof *last);
		if (!last)
			return false;
		*last = (struct clove_known){ box, image->box, image->id, image->is_lossy };
		mirror->known.len += sizeof *last;
		touch(mirror, image);
	}
	return true;
}

/* Parts of one image that lie below each other become one. */
static unsigned int join(struct clove_known *known, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int to = 0;

		while (to < kept && !(known[to].id == known[i].id && known[to].box.y2 == known[i].box.y1 &&
				known[to].box.x1 == known[i].box.x1 && known[to].box.x2 == known[i].box.x2))
			to++;
		if (to < kept)
			known[to].box.y2 = known[i].box.y2;
		else
			known[kept++] = known[i];
	}
	return kept;
}

unsigned int clove_image_mirror_find(struct clove_image_mirror *mirror, unsigned int i, bool may_be_lossy,
		const struct clove_known **known, bool *is_all)
{
	const struct look *look = &mirror->looks[i];
	struct clove_known *found;
	unsigned int n;
	int64_t area = 0;

	clove_buf_clear(&mirror->known);
	if (!look->is_worth_it)
		return 0;
	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++)
		if (!find_in_row(mirror, look, y, may_be_lossy))
			return 0;
	n = (unsigned int)(mirror->known.len / sizeof *found);
	if (!n)
		return 0;
	found = (struct clove_known *)(void *)mirror->known.data;
	n = join(found, n);
	for (unsigned int k = 0; k < n; k++)
		area += area_of(&found[k].box);
	*known = found;
	*is_all = area == area_of(&look->box);
	if (area * 2 < area_of(&look->box))
		return 0;
	/* What comes again is not an animation, or a cheap one. */
	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++)
		for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++)
			place(mirror, x, y)->streak = 0;
	return n;
}

/* -- keeping -- */

static bool is_inside(const pixman_box32_t *box, const pixman_box32_t *in)
{
	return box->x1 >= in->x1 && box->y1 >= in->y1 && box->x2 <= in->x2 && box->y2 <= in->y2;
}

/* Whole tiles of the piece that are known by another image already: that is lossy, or the piece would have come from
 * there, and this one is as good. */
static void drop_worse(struct clove_image_mirror *mirror, const pixman_box32_t *box,
		const struct clove_tile_sum *sum, uint32_t format)
{
	struct image *image = find(mirror, box, sum, format, true);

	if (image && image->is_lossy)
		drop(mirror, image);
}

uint64_t clove_image_mirror_keep(struct clove_image_mirror *mirror, unsigned int i, bool is_lossy, size_t bytes)
{
	const struct look *look = &mirror->looks[i];
	int64_t cost = area_of(&look->box) + COST;
	struct image *image;

	if (!look->is_worth_it || bytes < BYTES_LEAST || cost > share(mirror) / 2)
		return 0;
	image = calloc(1, sizeof *image + (size_t)area_of(&look->tiles) * sizeof *image->tiles);
	if (!image)
		return 0;
	image->box = look->box;
	image->cost = cost;
	image->format = look->surface->info.format;
	image->is_lossy = is_lossy;
	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++) {
		for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++) {
			pixman_box32_t box = tile_box(look, x, y);

			if (!is_inside(&box, &look->box))
				continue;
			drop_worse(mirror, &box, sum_of(look, x, y), image->format);
			image->tiles[image->n++] = (struct tile){ NULL, image, box, *sum_of(look, x, y) };
		}
	}
	if (!image->n || !make_room(mirror, cost)) {
		free(image);
		return 0;
	}
	for (unsigned int k = 0; k < image->n; k++) {
		struct tile **at = bucket(mirror, &image->tiles[k].sum);

		image->tiles[k].next = *at;
		*at = &image->tiles[k];
	}
	mirror->pixels += cost;
	image->id = atomic_fetch_add(&mirror->budget->last_id, 1) + 1;
	clove_list_append(&mirror->ages, &image->age);
	return image->id;
}
