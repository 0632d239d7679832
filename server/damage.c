/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* damage.c - knows when an operation is a cheaper truth than the pixels that it painted. */
#include "server/damage.h"

enum {
	RECTS_MOST = 64,              /* a region of more is rounded up to whole tiles */
	TILE = 64,
	OP_PIXELS_LEAST = 1024,       /* a message costs about as much as so many pixels */
};

int64_t clove_region_area(const pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)region, &n);
	int64_t area = 0;

	for (int i = 0; i < n; i++)
		area += (int64_t)(boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1);
	return area;
}

static int64_t box_area(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

static void init_box(pixman_region32_t *region, const pixman_box32_t *box)
{
	pixman_region32_init_rect(region, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)(box->y2 - box->y1));
}

static void subtract_box(pixman_region32_t *region, const pixman_box32_t *box)
{
	pixman_region32_t other;

	if (!pixman_region32_not_empty(region))
		return;
	init_box(&other, box);
	pixman_region32_subtract(region, region, &other);
	pixman_region32_fini(&other);
}

/* Many small rectangles become few: each message has its price, and so has each rectangle kept. */
static void simplify(pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
	pixman_box32_t all = *pixman_region32_extents(region);
	pixman_region32_t tiles;

	if (n <= RECTS_MOST)
		return;
	pixman_region32_init(&tiles);
	for (int i = 0; i < n; i++) {
		int32_t x1 = boxes[i].x1 & ~(TILE - 1), y1 = boxes[i].y1 & ~(TILE - 1);
		int32_t x2 = (boxes[i].x2 + TILE - 1) & ~(TILE - 1);
		int32_t y2 = (boxes[i].y2 + TILE - 1) & ~(TILE - 1);

		pixman_region32_union_rect(&tiles, &tiles, x1, y1, (unsigned int)(x2 - x1),
				(unsigned int)(y2 - y1));
	}
	if (pixman_region32_n_rects(&tiles) > 4 * RECTS_MOST)
		pixman_region32_reset(&tiles, &all);
	else
		pixman_region32_intersect_rect(&tiles, &tiles, all.x1, all.y1,
				(unsigned int)(all.x2 - all.x1), (unsigned int)(all.y2 - all.y1));
	pixman_region32_copy(region, &tiles);
	pixman_region32_fini(&tiles);
}

void clove_damage_init(struct clove_damage *damage)
{
	pixman_region32_init(&damage->pixels);
	pixman_region32_init(&damage->lossy);
	damage->n_ops = 0;
}

void clove_damage_fini(struct clove_damage *damage)
{
	pixman_region32_fini(&damage->pixels);
	pixman_region32_fini(&damage->lossy);
}

void clove_damage_clear(struct clove_damage *damage)
{
	pixman_region32_clear(&damage->pixels);
	pixman_region32_clear(&damage->lossy);
	damage->n_ops = 0;
}

bool clove_damage_is_empty(const struct clove_damage *damage)
{
	return !damage->n_ops && !pixman_region32_not_empty((pixman_region32_t *)(uintptr_t)&damage->pixels);
}

void clove_damage_add(struct clove_damage *damage, const pixman_region32_t *region)
{
	pixman_region32_union(&damage->pixels, &damage->pixels, (pixman_region32_t *)(uintptr_t)region);
	simplify(&damage->pixels);
}

static void add_box(struct clove_damage *damage, const pixman_box32_t *box)
{
	pixman_region32_union_rect(&damage->pixels, &damage->pixels, box->x1, box->y1,
			(unsigned int)(box->x2 - box->x1), (unsigned int)(box->y2 - box->y1));
	simplify(&damage->pixels);
}

/* Columns of a screen that scroll one after the other by the same way are one copy: none of them
 * reads what another wrote. */
static bool merge(struct clove_damage_op *last, const struct clove_damage_op *op)
{
	if (!op->is_copy || !last->is_copy || op->dx || last->dx || op->dy != last->dy ||
			op->box.y1 != last->box.y1 || op->box.y2 != last->box.y2)
		return false;
	if (op->box.x1 != last->box.x2 && op->box.x2 != last->box.x1)
		return false;
	if (op->box.x1 < last->box.x1)
		last->box.x1 = op->box.x1;
	if (op->box.x2 > last->box.x2)
		last->box.x2 = op->box.x2;
	return true;
}

static bool add_op(struct clove_damage *damage, const struct clove_damage_op *op)
{
	if (damage->n_ops && merge(&damage->ops[damage->n_ops - 1], op))
		return true;
	if (damage->n_ops == CLOVE_DAMAGE_OPS_MAX)
		return false;
	damage->ops[damage->n_ops++] = *op;
	return true;
}

void clove_damage_fill(struct clove_damage *damage, const pixman_box32_t *box, uint32_t color,
		const pixman_region32_t *changed)
{
	const pixman_box32_t *extents = pixman_region32_extents((pixman_region32_t *)(uintptr_t)changed);
	struct clove_damage_op op = { .box = *extents, .color = color & 0xffffff };

	/* What the client lacks in the box becomes right by a fill of the whole of it. */
	if (pixman_region32_contains_rectangle(&damage->pixels, (pixman_box32_t *)(uintptr_t)box) !=
			PIXMAN_REGION_OUT)
		op.box = *box;
	if (box_area(&op.box) < OP_PIXELS_LEAST || !add_op(damage, &op)) {
		clove_damage_add(damage, changed);
		return;
	}
	subtract_box(&damage->pixels, &op.box);
	subtract_box(&damage->lossy, &op.box);
}

/* What of `region` is the source of the copy, where it goes. */
static void move(pixman_region32_t *to, const pixman_region32_t *region, const pixman_box32_t *box,
		int32_t dx, int32_t dy)
{
	pixman_region32_copy(to, (pixman_region32_t *)(uintptr_t)region);
	pixman_region32_translate(to, dx, dy);
	pixman_region32_intersect_rect(to, to, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)(box->y2 - box->y1));
}

void clove_damage_copy(struct clove_damage *damage, const pixman_box32_t *box, int32_t dx, int32_t dy,
		const pixman_region32_t *never)
{
	struct clove_damage_op op = { .is_copy = true, .box = *box, .dx = dx, .dy = dy };
	pixman_region32_t lacking, other;

	pixman_region32_init(&lacking);
	pixman_region32_init(&other);
	move(&lacking, &damage->pixels, box, dx, dy);
	if (never) {
		move(&other, never, box, dx, dy);
		pixman_region32_union(&lacking, &lacking, &other);
	}
	if (clove_region_area(&lacking) > box_area(box) / 2 || box_area(box) < OP_PIXELS_LEAST ||
			!add_op(damage, &op)) {
		add_box(damage, box);
	} else {
		move(&other, &damage->lossy, box, dx, dy);
		subtract_box(&damage->lossy, box);
		pixman_region32_union(&damage->lossy, &damage->lossy, &other);
		simplify(&damage->lossy);
		subtract_box(&damage->pixels, box);
		clove_damage_add(damage, &lacking);
	}
	pixman_region32_fini(&lacking);
	pixman_region32_fini(&other);
}

void clove_damage_sent(struct clove_damage *damage, const pixman_box32_t *box, bool is_lossy)
{
	subtract_box(&damage->pixels, box);
	if (is_lossy) {
		pixman_region32_union_rect(&damage->lossy, &damage->lossy, box->x1, box->y1,
				(unsigned int)(box->x2 - box->x1), (unsigned int)(box->y2 - box->y1));
		simplify(&damage->lossy);
	} else {
		subtract_box(&damage->lossy, box);
	}
}
