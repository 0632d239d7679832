/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-mirror.c - knows which images a client keeps, which are worth it, and which go first. */
#include "server/image-mirror.h"

#include <string.h>
#include "common/util/list.h"

enum {
	BUCKET_BITS = 14, BUCKETS = 1 << BUCKET_BITS,
	TILE_PIXELS = CLOVE_TILE_WIDTH * CLOVE_TILE_HEIGHT,
	PIXELS_MOST = 24 << 20,       /* of what a client offers: 96 MB there, and 24576 whole tiles here */
	COST = 64,                    /* of an image, in pixels, beside its own */
	DRAWN_LEAST = 128 * 128,      /* pixels of a piece that is worth a look */
	PHOTO_LEAST = 64 * 64,
	THIN = 4,                     /* of the tiles that it touches a piece has to fill a quarter */
	BYTES_LEAST = 1024,           /* of an encoded image that is worth being kept */
	SEEN_BITS = 15, SEEN = 1 << SEEN_BITS,
	ROWS_APART = 8,               /* of those by which a tile is thought to have been seen */
	PROBES_APART = 4,             /* of tiles, side by side, that stand for all */
	PROBES_LEAST = 32,            /* tiles, of which those tell enough */
	KEPT_BYTES = 64 << 10,        /* of a buffer */
};

struct image;

struct tile {
	struct tile *next;            /* in the bucket */
	struct image *image;
	struct clove_tile_sum sum;
};

struct image {
	struct clove_list age;
	uint64_t id;
	pixman_box32_t box;
	int64_t cost;
	uint32_t format;              /* of its surface: the same bytes may be other colours */
	int32_t width, height;        /* of the surface: at its edges tiles are smaller */
	bool is_lossy;
	pixman_box32_t grid;          /* numbers of the tiles that are whole in it */
	struct tile tiles[];          /* these, row by row */
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
	unsigned int n_lossy;         /* images */
	struct clove_list ages;       /* of images, the one used longest ago first */
	struct tile *buckets[BUCKETS];
	uint16_t seen[SEEN];          /* tags of tiles that were sent, kept or not */
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
	free(mirror);
}

int64_t clove_image_mirror_pixels(const struct clove_image_mirror *mirror)
{
	return mirror->pixels;
}

/* -- tiles and images -- */

static int64_t area_of(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

static pixman_box32_t tile_box(const struct look *look, int32_t x, int32_t y)
{
	pixman_box32_t box = { x * CLOVE_TILE_WIDTH, y * CLOVE_TILE_HEIGHT, (x + 1) * CLOVE_TILE_WIDTH,
			(y + 1) * CLOVE_TILE_HEIGHT };

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

static struct tile **bucket(struct clove_image_mirror *mirror, const struct clove_tile_sum *sum)
{
	return &mirror->buckets[(sum->low ^ sum->high) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKET_BITS)];
}

static struct tile *tile_of(struct image *image, int32_t x, int32_t y)
{
	const pixman_box32_t *grid = &image->grid;

	return x < grid->x1 || x >= grid->x2 || y < grid->y1 || y >= grid->y2 ? NULL :
			&image->tiles[(size_t)(y - grid->y1) * (size_t)(grid->x2 - grid->x1) + (size_t)(x - grid->x1)];
}

static bool shows(struct image *image, const struct look *look, int32_t x, int32_t y, bool may_be_lossy)
{
	const struct clove_surface *surface = look->surface;
	const struct tile *tile = tile_of(image, x, y);

	return tile && clove_tile_sum_is(&tile->sum, sum_of(look, x, y)) && image->format == surface->info.format &&
			image->width == surface->width && image->height == surface->height &&
			(may_be_lossy || !image->is_lossy);
}

/* An image that shows tile (x, y) as it is; `likely` if that does. */
static struct image *find(struct clove_image_mirror *mirror, const struct look *look, int32_t x, int32_t y,
		bool may_be_lossy, struct image *likely)
{
	if (likely && shows(likely, look, x, y, may_be_lossy))
		return likely;
	for (struct tile *tile = *bucket(mirror, sum_of(look, x, y)); tile; tile = tile->next)
		if (tile->image != likely && shows(tile->image, look, x, y, may_be_lossy))
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
	for (size_t i = 0; i < (size_t)area_of(&image->grid); i++) {
		struct tile **at = bucket(mirror, &image->tiles[i].sum);

		while (*at != &image->tiles[i])
			at = &(*at)->next;
		*at = image->tiles[i].next;
	}
	mirror->pixels -= image->cost;
	mirror->n_lossy -= image->is_lossy;
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

/* All of the tiles, also what of them the piece only touches, lies in its place. A piece beside what scrolls is new
 * anyway. */
static bool is_settled(const struct look *look)
{
	pixman_box32_t box = { look->tiles.x1 * CLOVE_TILE_WIDTH, look->tiles.y1 * CLOVE_TILE_HEIGHT,
			look->tiles.x2 * CLOVE_TILE_WIDTH, look->tiles.y2 * CLOVE_TILE_HEIGHT };

	return clove_surface_is_settled(look->surface, &box);
}

/* Tiles that stand for all are the same ones in any piece. */
static int32_t first_probe(const struct look *look, int32_t y)
{
	return (look->tiles.x1 + y + PROBES_APART - 1) / PROBES_APART * PROBES_APART - y;
}

/* Whether most of the piece was sent before, as far as some rows of some of its tiles tell; they are remembered. They
 * are rows that the piece's class was told by. */
static bool was_seen(struct clove_image_mirror *mirror, const struct look *look)
{
	const struct clove_surface *surface = look->surface;
	unsigned int n = 0, all = 0;

	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++) {
		for (int32_t x = first_probe(look, y); x < look->tiles.x2; x += PROBES_APART) {
			pixman_box32_t box = tile_box(look, x, y);
			struct clove_tile_sum sum = clove_tile_sum(mirror->key, clove_surface_row(surface, box.y1) +
					(size_t)box.x1 * surface->bytes_per_pixel, surface->stride * ROWS_APART,
					(size_t)(box.x2 - box.x1) * surface->bytes_per_pixel,
					(box.y2 - box.y1 - 1) / ROWS_APART + 1);
			uint64_t mixed = (sum.low ^ sum.high ^ (uint64_t)y << 32 ^ (uint64_t)x) *
					UINT64_C(0x9e3779b97f4a7c15);
			uint16_t *seen = &mirror->seen[mixed >> (64 - SEEN_BITS)];
			uint16_t tag = (uint16_t)(mixed >> 32 | 1); /* 0: nothing */

			n += *seen == tag;
			*seen = tag;
			all++;
		}
	}
	return all && n * 2 >= all;
}

void clove_image_mirror_look(struct clove_image_mirror *mirror, struct clove_job_pool *pool,
		const struct clove_surface *surface, const struct clove_piece *pieces, unsigned int n,
		bool is_costly)
{
	struct clove_job *jobs[CLOVE_PIECES_MOST];
	unsigned int n_jobs = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct look *look = &mirror->looks[i];
		const pixman_box32_t *box = &pieces[i].box;
		size_t tiles;

		look->surface = surface;
		look->key = mirror->key;
		look->job.run = sum_up;
		look->box = *box;
		look->tiles = (pixman_box32_t){ box->x1 / CLOVE_TILE_WIDTH, box->y1 / CLOVE_TILE_HEIGHT,
				(box->x2 - 1) / CLOVE_TILE_WIDTH + 1, (box->y2 - 1) / CLOVE_TILE_HEIGHT + 1 };
		tiles = (size_t)area_of(&look->tiles);
		look->is_worth_it = area_of(box) >= (pieces[i].class == CLOVE_CLASS_PHOTO ? PHOTO_LEAST :
				DRAWN_LEAST) && area_of(box) * THIN >= (int64_t)tiles * TILE_PIXELS &&
				is_settled(look) && (was_seen(mirror, look) || is_costly);
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
	struct image *image = NULL;

	for (int32_t x = look->tiles.x1; x < look->tiles.x2; x++) {
		pixman_box32_t box = tile_box(look, x, y);

		image = find(mirror, look, x, y, may_be_lossy, image);
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

/* Where no tile of a quarter of all is known, half of them are not. */
static bool is_new(struct clove_image_mirror *mirror, const struct look *look, bool may_be_lossy)
{
	if (area_of(&look->tiles) < PROBES_LEAST)
		return false;
	for (int32_t y = look->tiles.y1; y < look->tiles.y2; y++)
		for (int32_t x = first_probe(look, y); x < look->tiles.x2; x += PROBES_APART)
			if (find(mirror, look, x, y, may_be_lossy, NULL))
				return false;
	return true;
}

unsigned int clove_image_mirror_find(struct clove_image_mirror *mirror, unsigned int i, bool may_be_lossy,
		const struct clove_known **known, bool *is_all)
{
	const struct look *look = &mirror->looks[i];
	struct clove_known *found;
	unsigned int n;
	int64_t area = 0;

	clove_buf_clear(&mirror->known);
	if (!look->is_worth_it || is_new(mirror, look, may_be_lossy))
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
	return n;
}

/* -- keeping -- */

/* The tiles that are whole in a piece: at the surface's edges also smaller ones. */
static pixman_box32_t grid_of(const struct look *look)
{
	pixman_box32_t first = tile_box(look, look->tiles.x1, look->tiles.y1), grid = look->tiles;
	pixman_box32_t last = tile_box(look, look->tiles.x2 - 1, look->tiles.y2 - 1);

	grid.x1 += first.x1 < look->box.x1;
	grid.y1 += first.y1 < look->box.y1;
	grid.x2 -= last.x2 > look->box.x2;
	grid.y2 -= last.y2 > look->box.y2;
	return grid;
}

/* An image that knows this tile already is lossy, or the piece would have come from there, and the new one is as good;
 * or it knows less of the piece, and stays. */
static void drop_worse(struct clove_image_mirror *mirror, const struct look *look, int32_t x, int32_t y)
{
	struct image *image = find(mirror, look, x, y, true, NULL);

	if (image && image->is_lossy)
		drop(mirror, image);
}

static void add_tiles(struct clove_image_mirror *mirror, struct image *image, const struct look *look)
{
	struct tile *tile = image->tiles;

	for (int32_t y = image->grid.y1; y < image->grid.y2; y++) {
		for (int32_t x = image->grid.x1; x < image->grid.x2; x++, tile++) {
			struct tile **at = bucket(mirror, sum_of(look, x, y));

			*tile = (struct tile){ *at, image, *sum_of(look, x, y) };
			*at = tile;
		}
	}
}

uint64_t clove_image_mirror_keep(struct clove_image_mirror *mirror, unsigned int i, bool is_lossy, size_t bytes)
{
	const struct look *look = &mirror->looks[i];
	int64_t cost = area_of(&look->box) + COST;
	pixman_box32_t grid;
	struct image *image;

	if (!look->is_worth_it || bytes < BYTES_LEAST || cost > share(mirror) / 2)
		return 0;
	grid = grid_of(look);
	if (grid.x1 >= grid.x2 || grid.y1 >= grid.y2 ||
			area_of(&grid) * TILE_PIXELS > area_of(&look->box) * THIN)
		return 0;
	image = malloc(sizeof *image + (size_t)area_of(&grid) * sizeof *image->tiles);
	if (!image)
		return 0;
	for (int32_t y = grid.y1; y < grid.y2 && mirror->n_lossy; y++)
		for (int32_t x = grid.x1; x < grid.x2; x++)
			drop_worse(mirror, look, x, y);
	if (!make_room(mirror, cost)) {
		free(image);
		return 0;
	}
	*image = (struct image){ .id = atomic_fetch_add(&mirror->budget->last_id, 1) + 1, .box = look->box,
			.cost = cost, .format = look->surface->info.format, .width = look->surface->width,
			.height = look->surface->height, .is_lossy = is_lossy, .grid = grid };
	add_tiles(mirror, image, look);
	mirror->pixels += cost;
	mirror->n_lossy += is_lossy;
	clove_list_append(&mirror->ages, &image->age);
	return image->id;
}
