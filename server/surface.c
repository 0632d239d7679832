/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* surface.c - knows how a surface lies in guest memory, and copies it there and back. */
#include "server/surface.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum { RECTS_MOST = 256 };

static const struct {
	uint32_t format, bits;
} formats[] = {
	{ CLOVE_SURFACE_1_A, 1 }, { CLOVE_SURFACE_8_A, 8 }, { CLOVE_SURFACE_16_555, 16 },
	{ CLOVE_SURFACE_16_565, 16 }, { CLOVE_SURFACE_32_xRGB, 32 }, { CLOVE_SURFACE_32_ARGB, 32 },
};

static uint32_t bits_of(uint32_t format)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i].format == format)
			return formats[i].bits;
	return 0;
}

static uint64_t row_bytes(const struct clove_surface_info *info)
{
	return ((uint64_t)info->width * bits_of(info->format) + 7) / 8;
}

/* Ours; bits have grown to bytes. */
static uint64_t own_row_bytes(const struct clove_surface_info *info)
{
	return ((uint64_t)info->width * ((bits_of(info->format) + 7) / 8) + 3) & ~(uint64_t)3;
}

/* What a surface counts for: the guest's memory or ours, whichever is more. */
static uint64_t cost(const struct clove_surface_info *info)
{
	uint64_t step = (uint64_t)llabs((long long)info->stride), own = own_row_bytes(info);

	return (step > own ? step : own) * info->height;
}

/* n bits from the lowest on, as bytes. */
static void unpack_bits(uint8_t *bytes, const uint8_t *bits, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		bytes[i] = bits[i / 8] >> i % 8 & 1 ? 255 : 0;
}

/* Columns x1 to x2 of a row; the bits beside them stay. */
static void pack_bits(uint8_t *bits, const uint8_t *bytes, int32_t x1, int32_t x2)
{
	for (int32_t x = x1; x < x2; x++) {
		uint8_t bit = (uint8_t)(1 << x % 8);

		bits[x / 8] = (uint8_t)((bits[x / 8] & ~bit) | (bytes[x] & bit));
	}
}

/* The guest's top row, and how far its rows are apart. */
static uint8_t *guest_rows(const struct clove_surface_info *info,
		const struct clove_memslots *memslots, ptrdiff_t *stride)
{
	uint64_t step = (uint64_t)llabs((long long)info->stride);
	uint8_t *at = clove_memslot_get(memslots, info->group, info->address, step * info->height);

	*stride = info->stride;
	if (at && info->stride < 0)
		at += step * (info->height - 1);
	return at;
}

static const char *complaint(const struct clove_surface_info *info, uint64_t budget)
{
	uint32_t bits = bits_of(info->format);
	uint64_t step = (uint64_t)llabs((long long)info->stride);

	if (!bits)
		return "unknown format";
	if (!info->width || !info->height || info->width > 65536 || info->height > 65536)
		return "no such size";
	if (info->stride == INT32_MIN || step < row_bytes(info))
		return "a row does not fit in the stride";
	if (step > INT32_MAX / info->height)
		return "too large";
	if (cost(info) > budget)
		return "more than the guest has memory";
	return NULL;
}

struct clove_surface *clove_surface_new(uint32_t id, const struct clove_surface_info *info,
		const struct clove_memslots *memslots, uint64_t budget, const char **why)
{
	ptrdiff_t stride;

	*why = complaint(info, budget);
	if (*why)
		return NULL;
	if (!guest_rows(info, memslots, &stride)) {
		*why = "not in guest memory";
		return NULL;
	}

	struct clove_surface *surface = calloc(1, sizeof *surface);

	*why = "out of memory";
	if (!surface)
		return NULL;
	surface->info = *info;
	surface->id = id;
	surface->width = (int32_t)info->width;
	surface->height = (int32_t)info->height;
	surface->bytes_per_pixel = (bits_of(info->format) + 7) / 8;
	surface->guest_bytes = cost(info);
	surface->stride = own_row_bytes(info);
	surface->data = calloc(info->height, surface->stride);
	pixman_region32_init(&surface->unsaved);
	pixman_region32_init(&surface->dirty);
	if (!surface->data) {
		clove_surface_free(surface);
		return NULL;
	}
	if (info->keeps_data)
		clove_surface_load(surface, memslots);
	else
		pixman_region32_union_rect(&surface->unsaved, &surface->unsaved, 0, 0,
				info->width, info->height);
	return surface;
}

void clove_surface_free(struct clove_surface *surface)
{
	if (!surface)
		return;
	pixman_region32_fini(&surface->unsaved);
	pixman_region32_fini(&surface->dirty);
	free(surface->data);
	free(surface);
}

/* Grows; where nobody asks for it, not without bound. */
static void add(pixman_region32_t *to, pixman_region32_t *region)
{
	pixman_region32_union(to, to, region);
	if (pixman_region32_n_rects(to) > RECTS_MOST) {
		pixman_box32_t all = *pixman_region32_extents(to);

		pixman_region32_reset(to, &all);
	}
}

void clove_surface_drawn(struct clove_surface *surface, pixman_region32_t *region)
{
	add(&surface->unsaved, region);
	add(&surface->dirty, region);
}

void clove_surface_move(struct clove_surface *surface, const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	size_t bytes = (size_t)(box->x2 - box->x1) * surface->bytes_per_pixel;
	size_t to = (size_t)box->x1 * surface->bytes_per_pixel;
	size_t from = (size_t)(box->x1 - dx) * surface->bytes_per_pixel;
	int32_t height = box->y2 - box->y1;
	pixman_region32_t region;

	bool is_done = clove_scroll_again(surface, box, dx, dy);

	/* Rows that are still a source are written last. */
	for (int32_t i = 0; i < height && !is_done; i++) {
		int32_t y = dy > 0 ? box->y2 - 1 - i : box->y1 + i;

		memmove(clove_surface_row(surface, y) + to, clove_surface_row(surface, y - dy) + from, bytes);
	}
	pixman_region32_init_rect(&region, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)height);
	clove_surface_drawn(surface, &region);
	pixman_region32_fini(&region);
}

void clove_surface_save(struct clove_surface *surface, const struct clove_memslots *memslots,
		const pixman_box32_t *area)
{
	pixman_region32_t todo;
	ptrdiff_t stride;
	uint8_t *top;
	int n;

	if (!pixman_region32_not_empty(&surface->unsaved))
		return;
	clove_surface_settle(surface, area);
	pixman_region32_init(&todo);
	pixman_region32_copy(&todo, &surface->unsaved);
	if (area)
		pixman_region32_intersect_rect(&todo, &todo, area->x1, area->y1,
				(unsigned int)(area->x2 - area->x1), (unsigned int)(area->y2 - area->y1));

	const pixman_box32_t *boxes = pixman_region32_rectangles(&todo, &n);

	/* The slot may have gone meanwhile; then there is nobody to read the pixels. */
	top = guest_rows(&surface->info, memslots, &stride);
	for (int i = 0; top && i < n; i++) {
		size_t from = (size_t)boxes[i].x1 * surface->bytes_per_pixel;
		size_t bytes = (size_t)(boxes[i].x2 - boxes[i].x1) * surface->bytes_per_pixel;

		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
			if (surface->info.format == CLOVE_SURFACE_1_A)
				pack_bits(top + y * stride, clove_surface_row(surface, y), boxes[i].x1,
						boxes[i].x2);
			else
				memcpy(top + y * stride + from, clove_surface_row(surface, y) + from, bytes);
		}
	}
	pixman_region32_subtract(&surface->unsaved, &surface->unsaved, &todo);
	pixman_region32_fini(&todo);
}

bool clove_surface_load(struct clove_surface *surface, const struct clove_memslots *memslots)
{
	ptrdiff_t stride;
	const uint8_t *top = guest_rows(&surface->info, memslots, &stride);

	if (!top)
		return false;
	clove_surface_settle(surface, NULL);
	for (int32_t y = 0; y < surface->height; y++) {
		if (surface->info.format == CLOVE_SURFACE_1_A)
			unpack_bits(clove_surface_row(surface, y), top + y * stride, surface->width);
		else
			memcpy(clove_surface_row(surface, y), top + y * stride, row_bytes(&surface->info));
	}
	pixman_region32_clear(&surface->unsaved);
	return true;
}
