/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-regions.c - knows what distinguishes a video from typing, scrolling and a dragged window.
 *
 * The screen is a grid of tiles. A tile that changed in several frames one after the other is hot;
 * hot tiles side by side are a patch; a patch that stays in its place and holds a picture is a video.
 */
#include "server/video-regions.h"

#include <stdlib.h>
#include <string.h>

enum {
	TILE = 32,
	FRAME_MS = 12,                /* changes so close together are one picture's: columns, strips */
	GAP_MS = 260,                 /* a video shows another picture before that */
	HOT_STREAK = 3, STREAK_MOST = 200,
	START_FRAMES = 3,             /* of a hot patch in one place */
	SIDE_LEAST = 64, AREA_LEAST = 96 * 96,
	FILL_LEAST = 55,              /* percent of its box that a patch has */
	END_MS = 500, END_MS_MOST = 2000,
	AGAIN_MS = 10000,             /* one that comes back before that ends more slowly */
	GROW_FRAMES = HOT_STREAK + 1, SHRINK_MS = 1200, SHRINK_PIXELS = 32,
	NEAR_TILES = 2,
	SLIDES_OF = 8, SLIDE_PIXELS = 4, /* the way of a dragged window in so many frames */
	CLIP_MS = 300, COLD_MS = 1000, CLIP_RECTS_MOST = 32,
	LOOK_MS = 1000, TEXT_LOOKS = 2, /* what turned into text for so many looks is no video */
	SPOTS = 40,                   /* sampled in each direction */
	PATCHES_MOST = 16, ENDED_MOST = 8,
};

struct tile {
	uint32_t last_ms;             /* of the last frame that touched it */
	uint8_t streak;               /* frames one after the other that did */
};

/* A row of tiles: when one of them was last hot. In the others none need be looked for. */
struct tile_row {
	uint32_t hot_ms;
	bool was_hot;
};

/* Hot tiles side by side. */
struct patch {
	pixman_box32_t tiles;         /* in tiles */
	pixman_box32_t box;           /* what of it the last frame changed, in pixels */
	pixman_box32_t around;        /* the same with the edge of a window that comes nearer */
	bool has_change;
};

/* The boxes of the last frames, newest last. */
struct slide {
	pixman_box32_t boxes[SLIDES_OF];
	int n;
};

/* A patch on its way to become a region. */
struct candidate {
	pixman_box32_t tiles, box;
	struct slide slide;
	int frames;
	uint64_t seen_ms;
};

struct tracked {
	struct slide slide;
	pixman_box32_t seen[2];       /* changed in this window of time, and in the one before */
	bool has_seen[2];
	uint64_t window_ms;           /* when this window began */
	uint64_t shrink_ms;           /* since when less than the box changes; 0: it does not */
	int outside;                  /* frames one after the other that changed beyond the box */
	uint64_t last_ms, changed_ms, clip_ms, look_ms;
	uint32_t end_ms;              /* without a change it ends */
	int text_looks;
};

struct ended {
	pixman_box32_t box;
	uint64_t at_ms;
	uint32_t end_ms;
};

struct clove_video_regions {
	enum clove_streaming_video streaming;
	int32_t width, height;        /* of the surface */
	int32_t columns, rows;
	struct tile *tiles;
	struct tile_row *tile_rows;
	uint8_t *marks;               /* of the patches' search */
	int32_t *stack;
	pixman_region32_t frame;      /* changed since frame_ms */
	uint64_t frame_ms;
	struct clove_video_region list[CLOVE_VIDEO_REGIONS_MOST];
	struct tracked tracked[CLOVE_VIDEO_REGIONS_MOST];
	size_t n;
	struct candidate candidates[PATCHES_MOST];
	size_t n_candidates;
	struct ended ended[ENDED_MOST];
	unsigned int next_ended;
	uint32_t last_id;
	bool is_another;              /* the list, in this call */
};

static bool is_off(const struct clove_video_regions *regions)
{
	return regions->streaming != CLOVE_STREAMING_ALL && regions->streaming != CLOVE_STREAMING_FILTER;
}

/* -- boxes -- */

static int64_t area(const pixman_box32_t *box)
{
	return box->x1 < box->x2 && box->y1 < box->y2 ?
			(int64_t)(box->x2 - box->x1) * (box->y2 - box->y1) : 0;
}

static pixman_box32_t common(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return (pixman_box32_t){
		a->x1 > b->x1 ? a->x1 : b->x1, a->y1 > b->y1 ? a->y1 : b->y1,
		a->x2 < b->x2 ? a->x2 : b->x2, a->y2 < b->y2 ? a->y2 : b->y2,
	};
}

static pixman_box32_t both(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return (pixman_box32_t){
		a->x1 < b->x1 ? a->x1 : b->x1, a->y1 < b->y1 ? a->y1 : b->y1,
		a->x2 > b->x2 ? a->x2 : b->x2, a->y2 > b->y2 ? a->y2 : b->y2,
	};
}

static bool is_same(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

static bool holds(const pixman_box32_t *outer, const pixman_box32_t *inner)
{
	return inner->x1 >= outer->x1 && inner->y1 >= outer->y1 && inner->x2 <= outer->x2 &&
			inner->y2 <= outer->y2;
}

static int64_t overlap(const pixman_box32_t *a, const pixman_box32_t *b)
{
	pixman_box32_t box = common(a, b);

	return area(&box);
}

/* More than half of the smaller one. */
static bool is_about(const pixman_box32_t *a, const pixman_box32_t *b)
{
	int64_t least = area(a) < area(b) ? area(a) : area(b);

	return 2 * overlap(a, b) > least;
}

/* -- what the pixels look like -- */

struct look {
	int same, gradual, sharp;     /* pairs of neighbours */
};

static void look_at(struct look *look, const uint8_t *a, const uint8_t *b)
{
	int most = 0;

	for (int i = 0; i < 3; i++) {
		int difference = abs(a[i] - b[i]);

		most = difference > most ? difference : most;
	}
	if (most == 0)
		look->same++;
	else if (most <= 24)
		look->gradual++;
	else
		look->sharp++;
}

/* Neighbours in a grid of spots: photographs change a little from pixel to pixel, text and
 * windows not at all or much. Surfaces of less than 32 bits have steps of their own: unknown. */
static bool looks_moving(const struct clove_pixels *pixels, const pixman_box32_t *box,
		enum clove_streaming_video streaming)
{
	struct look look = { 0 };

	if (!pixels || (pixels->format != CLOVE_FORMAT_RGB32 && pixels->format != CLOVE_FORMAT_RGBA))
		return streaming == CLOVE_STREAMING_ALL;
	for (int i = 0; i < SPOTS; i++) {
		int32_t y = box->y1 + (int32_t)((int64_t)(box->y2 - box->y1) * i / SPOTS);

		if (y < 0 || y >= pixels->height)
			continue;
		for (int j = 0; j < SPOTS; j++) {
			int32_t x = box->x1 + (int32_t)((int64_t)(box->x2 - box->x1) * j / SPOTS);
			const uint8_t *row = clove_pixels_row(pixels, y);

			if (x < 0 || x > pixels->width - 3)
				continue;
			look_at(&look, row + 4 * (size_t)x, row + 4 * (size_t)x + 4);
			look_at(&look, row + 4 * (size_t)x + 4, row + 4 * (size_t)x + 8);
		}
	}

	int all = look.same + look.gradual + look.sharp, edges = look.gradual + look.sharp;

	if (streaming == CLOVE_STREAMING_FILTER)
		return edges * 10 > all * 3 && look.gradual * 10 > edges * 6;
	return edges * 10 > all * 3 || look.gradual * 10 > edges * 4;
}

/* -- tiles -- */

static void set_grid(struct clove_video_regions *regions, int32_t width, int32_t height)
{
	int32_t columns = (width + TILE - 1) / TILE, rows = (height + TILE - 1) / TILE;
	size_t n = (size_t)columns * (size_t)rows;

	free(regions->tiles);
	free(regions->tile_rows);
	free(regions->marks);
	free(regions->stack);
	regions->tile_rows = n ? calloc((size_t)rows, sizeof *regions->tile_rows) : NULL;
	regions->tiles = n ? calloc(n, sizeof *regions->tiles) : NULL;
	regions->marks = n ? calloc(n, 1) : NULL;
	regions->stack = n ? calloc(n, sizeof *regions->stack) : NULL;
	/* Without memory nothing is ever a video. */
	bool is_there = regions->tiles && regions->tile_rows && regions->marks && regions->stack;
	regions->width = width;
	regions->height = height;
	regions->columns = is_there ? columns : 0;
	regions->rows = is_there ? rows : 0;
}

static struct tile *tile_at(const struct clove_video_regions *regions, int32_t x, int32_t y)
{
	return &regions->tiles[(size_t)y * (size_t)regions->columns + (size_t)x];
}

/* Tiles that the frame's rectangles touch have one frame more, each once. */
static void count_frame(struct clove_video_regions *regions)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(&regions->frame, &n);
	uint32_t now = (uint32_t)regions->frame_ms;

	for (int i = 0; i < n; i++)
		for (int32_t y = boxes[i].y1 / TILE; y <= (boxes[i].y2 - 1) / TILE; y++)
			for (int32_t x = boxes[i].x1 / TILE; x <= (boxes[i].x2 - 1) / TILE; x++) {
				struct tile *tile = tile_at(regions, x, y);

				if (tile->streak && tile->last_ms == now)
					continue;
				if (!tile->streak || now - tile->last_ms > GAP_MS)
					tile->streak = 0;
				if (tile->streak < STREAK_MOST)
					tile->streak++;
				tile->last_ms = now;
				if (tile->streak >= HOT_STREAK)
					regions->tile_rows[y] = (struct tile_row){ now, true };
			}
}

static bool is_hot(const struct tile *tile, uint32_t now)
{
	return tile->streak >= HOT_STREAK && now - tile->last_ms <= GAP_MS;
}

static bool is_hot_row(const struct tile_row *row, uint32_t now)
{
	return row->was_hot && now - row->hot_ms <= GAP_MS;
}

/* The patch around a hot tile that is not yet of one. */
static int32_t gather(struct clove_video_regions *regions, int32_t x, int32_t y, uint32_t now,
		pixman_box32_t *tiles)
{
	int32_t depth = 0, n = 0;

	*tiles = (pixman_box32_t){ x, y, x + 1, y + 1 };
	regions->marks[(size_t)y * (size_t)regions->columns + (size_t)x] = 1;
	regions->stack[depth++] = y * regions->columns + x;
	while (depth) {
		int32_t at = regions->stack[--depth], ax = at % regions->columns, ay = at / regions->columns;
		pixman_box32_t one = { ax, ay, ax + 1, ay + 1 };

		n++;
		*tiles = both(tiles, &one);
		for (int32_t ny = ay > 0 ? ay - 1 : 0; ny <= ay + 1 && ny < regions->rows; ny++)
			for (int32_t nx = ax > 0 ? ax - 1 : 0; nx <= ax + 1 && nx < regions->columns; nx++) {
				size_t to = (size_t)ny * (size_t)regions->columns + (size_t)nx;

				if (regions->marks[to] || !is_hot(&regions->tiles[to], now))
					continue;
				regions->marks[to] = 1;
				regions->stack[depth++] = (int32_t)to;
			}
	}
	return n;
}

/* What the last frame changed of some tiles and `more` around them. */
static pixman_box32_t changed_of(const struct clove_video_regions *regions, const pixman_box32_t *tiles,
		int32_t more)
{
	pixman_region32_t part;
	pixman_box32_t box;

	pixman_region32_init(&part);
	pixman_region32_intersect_rect(&part, (pixman_region32_t *)(uintptr_t)&regions->frame,
			(tiles->x1 - more) * TILE, (tiles->y1 - more) * TILE,
			(unsigned int)(tiles->x2 - tiles->x1 + 2 * more) * TILE,
			(unsigned int)(tiles->y2 - tiles->y1 + 2 * more) * TILE);
	box = *pixman_region32_extents(&part);
	pixman_region32_fini(&part);
	return box;
}

static size_t find_patches(struct clove_video_regions *regions, struct patch *patches)
{
	uint32_t now = (uint32_t)regions->frame_ms;
	size_t n = 0, columns = (size_t)regions->columns;

	for (int32_t y = 0; y < regions->rows; y++) {
		regions->tile_rows[y].was_hot = is_hot_row(&regions->tile_rows[y], now);
		if (regions->tile_rows[y].was_hot)
			memset(regions->marks + (size_t)y * columns, 0, columns);
	}
	for (int32_t y = 0; y < regions->rows; y++)
		for (int32_t x = 0; x < regions->columns && n < PATCHES_MOST && regions->tile_rows[y].was_hot; x++) {
			struct patch *patch = &patches[n];

			if (regions->marks[(size_t)y * (size_t)regions->columns + (size_t)x] ||
					!is_hot(tile_at(regions, x, y), now))
				continue;
			if (gather(regions, x, y, now, &patch->tiles) * 100 < area(&patch->tiles) * FILL_LEAST)
				continue;
			patch->box = changed_of(regions, &patch->tiles, 0);
			patch->around = changed_of(regions, &patch->tiles, NEAR_TILES);
			patch->has_change = area(&patch->box) > 0;
			n++;
		}
	return n;
}

/* -- staying in one place -- */

/* Opposite edges of all these boxes went the same way, by about as much. */
static bool goes_along(const struct slide *slide, bool is_vertical)
{
	int along = 0, first = 0, last = 0;

	for (int i = 1; i < slide->n; i++) {
		const pixman_box32_t *a = &slide->boxes[i - 1], *b = &slide->boxes[i];
		int low = is_vertical ? b->y1 - a->y1 : b->x1 - a->x1;
		int high = is_vertical ? b->y2 - a->y2 : b->x2 - a->x2;

		along += (low > 0 && high > 0) - (low < 0 && high < 0);
		first += low;
		last += high;
	}
	return abs(along) * 8 >= (slide->n - 1) * 5 && abs(first) >= SLIDE_PIXELS &&
			(first > 0) == (last > 0) && abs(first - last) <= abs(first) / 2 + 2;
}

/* A box whose opposite edges move alike is a window that is dragged. */
static bool slides(struct slide *slide, const pixman_box32_t *box)
{
	if (slide->n == SLIDES_OF)
		memmove(slide->boxes, slide->boxes + 1, (size_t)--slide->n * sizeof *slide->boxes);
	slide->boxes[slide->n++] = *box;
	return slide->n >= START_FRAMES && (goes_along(slide, false) || goes_along(slide, true));
}

/* -- regions -- */

static void end_region(struct clove_video_regions *regions, size_t i, uint64_t now)
{
	regions->ended[regions->next_ended++ % ENDED_MOST] = (struct ended){ regions->list[i].box, now,
			regions->tracked[i].end_ms };
	pixman_region32_fini(&regions->list[i].clip);
	regions->n--;
	memmove(&regions->list[i], &regions->list[i + 1], (regions->n - i) * sizeof *regions->list);
	memmove(&regions->tracked[i], &regions->tracked[i + 1], (regions->n - i) * sizeof *regions->tracked);
	regions->is_another = true;
}

static void end_all(struct clove_video_regions *regions)
{
	while (regions->n)
		end_region(regions, regions->n - 1, 0);
	memset(regions->ended, 0, sizeof regions->ended);
	regions->n_candidates = 0;
	pixman_region32_clear(&regions->frame);
}

static void set_box(struct clove_video_region *region, const pixman_box32_t *box)
{
	region->box = *box;
	pixman_region32_fini(&region->clip);
	pixman_region32_init_rect(&region->clip, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)(box->y2 - box->y1));
	region->serial++;
}

/* One that has just ended here and comes back was not over: this one waits longer. */
static uint32_t patience(const struct clove_video_regions *regions, const pixman_box32_t *box,
		uint64_t now)
{
	uint32_t ms = END_MS;

	for (size_t i = 0; i < ENDED_MOST; i++) {
		const struct ended *ended = &regions->ended[i];

		if (ended->at_ms && now - ended->at_ms < AGAIN_MS && is_about(&ended->box, box) &&
				ended->end_ms * 2 > ms)
			ms = ended->end_ms * 2;
	}
	return ms < END_MS_MOST ? ms : END_MS_MOST;
}

static void start_region(struct clove_video_regions *regions, const struct candidate *candidate)
{
	struct clove_video_region *region = &regions->list[regions->n];
	uint64_t now = regions->frame_ms;

	*region = (struct clove_video_region){ .id = ++regions->last_id, .interval_ms = 33,
			.since_ms = now };
	pixman_region32_init(&region->clip);
	set_box(region, &candidate->box);
	regions->tracked[regions->n] = (struct tracked){ .slide = candidate->slide,
			.seen = { candidate->box }, .has_seen = { true }, .window_ms = now, .last_ms = now,
			.changed_ms = now, .clip_ms = now, .look_ms = now,
			.end_ms = patience(regions, &candidate->box, now) };
	regions->n++;
	regions->is_another = true;
}

static bool is_of_region(const struct clove_video_regions *regions, const pixman_box32_t *box)
{
	for (size_t i = 0; i < regions->n; i++)
		if (overlap(&regions->list[i].box, box))
			return true;
	return false;
}

static struct candidate *candidate_for(struct clove_video_regions *regions, const struct patch *patch)
{
	for (size_t i = 0; i < regions->n_candidates; i++)
		if (is_about(&regions->candidates[i].tiles, &patch->tiles))
			return &regions->candidates[i];
	if (regions->n_candidates == PATCHES_MOST)
		return NULL;
	regions->candidates[regions->n_candidates] = (struct candidate){ .tiles = patch->tiles,
			.box = patch->box };
	return &regions->candidates[regions->n_candidates++];
}

static void consider(struct clove_video_regions *regions, const struct patch *patch,
		const struct clove_pixels *pixels)
{
	struct candidate *candidate = patch->has_change && !is_of_region(regions, &patch->box) ?
			candidate_for(regions, patch) : NULL;

	if (!candidate)
		return;
	candidate->seen_ms = regions->frame_ms;
	bool is_sliding = slides(&candidate->slide, &patch->around);
	if (is_sliding || !is_same(&candidate->tiles, &patch->tiles)) {
		candidate->tiles = patch->tiles;
		candidate->box = patch->box;
		candidate->frames = 0;
		return;
	}
	candidate->box = both(&candidate->box, &patch->box);
	candidate->frames++;
	if (candidate->frames < START_FRAMES || regions->n == CLOVE_VIDEO_REGIONS_MOST ||
			candidate->box.x2 - candidate->box.x1 < SIDE_LEAST ||
			candidate->box.y2 - candidate->box.y1 < SIDE_LEAST || area(&candidate->box) < AREA_LEAST)
		return;
	if (!looks_moving(pixels, &candidate->box, regions->streaming)) {
		candidate->frames = 0;
		return;
	}
	start_region(regions, candidate);
	candidate->seen_ms = 0;
}

static void forget_candidates(struct clove_video_regions *regions)
{
	for (size_t i = regions->n_candidates; i-- > 0; )
		if (regions->frame_ms - regions->candidates[i].seen_ms > GAP_MS)
			regions->candidates[i] = regions->candidates[--regions->n_candidates];
}

/* -- a region goes with what changes in it -- */

static void see(struct tracked *tracked, const pixman_box32_t *box, uint64_t now)
{
	if (now - tracked->window_ms > SHRINK_MS / 2) {
		tracked->seen[1] = tracked->seen[0];
		tracked->has_seen[1] = tracked->has_seen[0];
		tracked->has_seen[0] = false;
		tracked->window_ms = now;
	}
	tracked->seen[0] = tracked->has_seen[0] ? both(&tracked->seen[0], box) : *box;
	tracked->has_seen[0] = true;
}

static bool is_much_less(const pixman_box32_t *less, const pixman_box32_t *than)
{
	return less->x1 - than->x1 >= SHRINK_PIXELS || less->y1 - than->y1 >= SHRINK_PIXELS ||
			than->x2 - less->x2 >= SHRINK_PIXELS || than->y2 - less->y2 >= SHRINK_PIXELS;
}

/* Growing is quick: what lies outside costs an image each time. Shrinking is slow. */
static void fit(struct clove_video_regions *regions, size_t i)
{
	struct clove_video_region *region = &regions->list[i];
	struct tracked *tracked = &regions->tracked[i];
	pixman_box32_t want = tracked->seen[0];

	if (tracked->has_seen[1])
		want = both(&want, &tracked->seen[1]);
	if (tracked->outside >= GROW_FRAMES) {
		want = both(&want, &region->box);
		set_box(region, &want);
		tracked->outside = 0;
		tracked->shrink_ms = 0;
		regions->is_another = true;
	} else if (!is_much_less(&want, &region->box)) {
		tracked->shrink_ms = 0;
	} else if (!tracked->shrink_ms) {
		tracked->shrink_ms = regions->frame_ms;
	} else if (regions->frame_ms - tracked->shrink_ms >= SHRINK_MS && area(&want) >= AREA_LEAST) {
		want = common(&want, &region->box);
		set_box(region, &want);
		tracked->shrink_ms = 0;
		regions->is_another = true;
	}
}

/* True: the region is over. */
static bool follow(struct clove_video_regions *regions, size_t i, const struct patch *patches, size_t n)
{
	struct clove_video_region *region = &regions->list[i];
	struct tracked *tracked = &regions->tracked[i];
	pixman_box32_t box, around;
	bool has_box = false;
	int64_t hot = 0;

	for (size_t p = 0; p < n; p++) {
		pixman_box32_t tiles = { patches[p].tiles.x1 * TILE, patches[p].tiles.y1 * TILE,
				patches[p].tiles.x2 * TILE, patches[p].tiles.y2 * TILE };

		hot += overlap(&tiles, &region->box);
		if (!patches[p].has_change || !is_about(&patches[p].box, &region->box))
			continue;
		box = has_box ? both(&box, &patches[p].box) : patches[p].box;
		around = has_box ? both(&around, &patches[p].around) : patches[p].around;
		has_box = true;
	}
	/* A spinner or a clock in what was a video keeps none alive. */
	if (hot >= AREA_LEAST)
		tracked->last_ms = regions->frame_ms;
	if (!has_box)
		return false;

	uint64_t gap = regions->frame_ms - tracked->changed_ms;

	if (gap && gap <= GAP_MS)
		region->interval_ms = (uint32_t)((region->interval_ms * 7 + gap + 4) / 8);
	tracked->changed_ms = regions->frame_ms;
	tracked->outside = holds(&region->box, &box) ? 0 : tracked->outside + 1;
	see(tracked, &box, regions->frame_ms);
	if (slides(&tracked->slide, &around) && tracked->slide.n == SLIDES_OF)
		return true;
	fit(regions, i);
	return false;
}

/* Two regions that grew into each other: the larger one has it. */
static void part(struct clove_video_regions *regions)
{
	for (size_t i = 0; i < regions->n; i++)
		for (size_t j = regions->n; j-- > i + 1; ) {
			if (!overlap(&regions->list[i].box, &regions->list[j].box))
				continue;
			bool is_first_larger = area(&regions->list[i].box) >= area(&regions->list[j].box);

			end_region(regions, is_first_larger ? j : i, regions->frame_ms);
			if (!is_first_larger)
				j = regions->n;
		}
}

/* What of the box has kept still for long is no part of the video: it is sent exactly. */
static void clip(struct clove_video_regions *regions, size_t i, uint64_t now)
{
	struct clove_video_region *region = &regions->list[i];
	struct tracked *tracked = &regions->tracked[i];
	pixman_region32_t moving;

	if (now - tracked->clip_ms < CLIP_MS || now - region->since_ms < COLD_MS)
		return;
	tracked->clip_ms = now;
	pixman_region32_init(&moving);
	for (int32_t y = region->box.y1 / TILE; y <= (region->box.y2 - 1) / TILE; y++)
		for (int32_t x = region->box.x1 / TILE; x <= (region->box.x2 - 1) / TILE; x++)
			if ((uint32_t)now - tile_at(regions, x, y)->last_ms <= COLD_MS)
				pixman_region32_union_rect(&moving, &moving, x * TILE, y * TILE, TILE, TILE);
	pixman_region32_intersect_rect(&moving, &moving, region->box.x1, region->box.y1,
			(unsigned int)(region->box.x2 - region->box.x1),
			(unsigned int)(region->box.y2 - region->box.y1));
	if (pixman_region32_n_rects(&moving) > CLIP_RECTS_MOST || !pixman_region32_not_empty(&moving))
		pixman_region32_reset(&moving, &region->box);
	if (!pixman_region32_equal(&moving, &region->clip)) {
		pixman_region32_copy(&region->clip, &moving);
		region->serial++;
		regions->is_another = true;
	}
	pixman_region32_fini(&moving);
}

static bool is_text(struct clove_video_regions *regions, size_t i, const struct clove_pixels *pixels,
		uint64_t now)
{
	struct tracked *tracked = &regions->tracked[i];

	if (now - tracked->look_ms < LOOK_MS)
		return false;
	tracked->look_ms = now;
	tracked->text_looks = looks_moving(pixels, &regions->list[i].box, regions->streaming) ? 0 :
			tracked->text_looks + 1;
	return tracked->text_looks >= TEXT_LOOKS;
}

static void take_frame(struct clove_video_regions *regions, const struct clove_pixels *pixels)
{
	struct patch patches[PATCHES_MOST];

	count_frame(regions);

	size_t n = find_patches(regions, patches);

	for (size_t i = regions->n; i-- > 0; )
		if (follow(regions, i, patches, n))
			end_region(regions, i, regions->frame_ms);
	part(regions);
	for (size_t p = 0; p < n; p++)
		consider(regions, &patches[p], pixels);
	forget_candidates(regions);
	pixman_region32_clear(&regions->frame);
}

/* -- from outside -- */

struct clove_video_regions *clove_video_regions_new(enum clove_streaming_video streaming)
{
	struct clove_video_regions *regions = calloc(1, sizeof *regions);

	if (!regions)
		return NULL;
	regions->streaming = streaming;
	pixman_region32_init(&regions->frame);
	return regions;
}

void clove_video_regions_free(struct clove_video_regions *regions)
{
	if (!regions)
		return;
	end_all(regions);
	pixman_region32_fini(&regions->frame);
	free(regions->tile_rows);
	free(regions->tiles);
	free(regions->marks);
	free(regions->stack);
	free(regions);
}

void clove_video_regions_resize(struct clove_video_regions *regions, int32_t width, int32_t height)
{
	end_all(regions);
	set_grid(regions, width, height);
}

void clove_video_regions_set(struct clove_video_regions *regions, enum clove_streaming_video streaming)
{
	regions->streaming = streaming;
	if (is_off(regions))
		end_all(regions);
}

bool clove_video_regions_tick(struct clove_video_regions *regions, const struct clove_pixels *pixels,
		uint64_t now_ms)
{
	regions->is_another = false;
	if (pixman_region32_not_empty(&regions->frame) && now_ms - regions->frame_ms >= FRAME_MS)
		take_frame(regions, pixels);
	for (size_t i = regions->n; i-- > 0; )
		if (now_ms - regions->tracked[i].last_ms > regions->tracked[i].end_ms ||
				is_text(regions, i, pixels, now_ms))
			end_region(regions, i, now_ms);
		else
			clip(regions, i, now_ms);
	return regions->is_another;
}

bool clove_video_regions_changed(struct clove_video_regions *regions, pixman_region32_t *changed,
		const struct clove_pixels *pixels, uint64_t now_ms)
{
	if (is_off(regions) || !regions->columns)
		return false;

	bool is_another = clove_video_regions_tick(regions, pixels, now_ms);

	if (!pixman_region32_not_empty(&regions->frame))
		regions->frame_ms = now_ms;
	pixman_region32_union(&regions->frame, &regions->frame, changed);
	pixman_region32_intersect_rect(&regions->frame, &regions->frame, 0, 0, (unsigned int)regions->width,
			(unsigned int)regions->height);
	return is_another;
}

const struct clove_video_region *clove_video_regions_list(const struct clove_video_regions *regions,
		size_t *n)
{
	*n = regions->n;
	return regions->list;
}
