/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pieces.c - knows what belongs into one image: what lies together and looks alike. */
#include "server/pieces.h"

enum {
	TILE = 64,
	ROWS_APART = 4,               /* of the rows that are looked at */
	SMALL = 96 * 96,              /* pixels that are not worth being divided */
};

static int64_t area_of(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

enum clove_class clove_class_of(const struct clove_surface *surface, const pixman_box32_t *box)
{
	uint32_t equal = 0, all = 0;

	if (surface->bytes_per_pixel != 4)
		return CLOVE_CLASS_DRAWN;
	for (int32_t y = box->y1; y < box->y2; y += ROWS_APART) {
		const uint32_t *row = (const uint32_t *)(const void *)clove_surface_row(surface, y);

		for (int32_t x = box->x1 + 1; x < box->x2; x++)
			equal += row[x] == row[x - 1];
		all += (uint32_t)(box->x2 - box->x1 - 1);
	}
	/* Antialiased text has some 60 % of equal neighbours, a photo less than 20. */
	return equal * 5 < all * 2 ? CLOVE_CLASS_PHOTO : CLOVE_CLASS_DRAWN;
}

static pixman_box32_t union_of(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return (pixman_box32_t){
		a->x1 < b->x1 ? a->x1 : b->x1, a->y1 < b->y1 ? a->y1 : b->y1,
		a->x2 > b->x2 ? a->x2 : b->x2, a->y2 > b->y2 ? a->y2 : b->y2,
	};
}

/* The box at `first`, grown over those that follow where most of what is then sent is damage. A message
 * costs about as much as 1024 pixels. */
static pixman_box32_t grow(const pixman_box32_t *boxes, int n, int first, int64_t most, int64_t *used)
{
	pixman_box32_t piece = boxes[first];

	*used = area_of(&piece);
	for (int i = first + 1; i < n; i++) {
		pixman_box32_t both = union_of(&piece, &boxes[i]);
		int64_t size = area_of(&both), more = *used + area_of(&boxes[i]);

		if (size > most || size > more + more / 2 + 1024)
			continue;
		piece = both;
		*used = more;
	}
	return piece;
}

static bool joins(const struct clove_piece *a, const pixman_box32_t *box, enum clove_class class, int64_t most)
{
	pixman_box32_t both = union_of(&a->box, box);

	return a->class == class && area_of(&both) == area_of(&a->box) + area_of(box) && area_of(&both) <= most;
}

/* Tiles of one class become runs, and equal runs below each other become one piece. */
static unsigned int divide(const struct clove_surface *surface, const pixman_box32_t *box, int64_t most,
		struct clove_piece *pieces, unsigned int room, pixman_box32_t *done)
{
	unsigned int n = 0;

	*done = *box;
	for (int32_t y = box->y1; y < box->y2; ) {
		int32_t y2 = (y / TILE + 1) * TILE < box->y2 ? (y / TILE + 1) * TILE : box->y2;
		struct clove_piece row[CLOVE_PIECES_MOST];
		unsigned int in_row = 0;

		for (int32_t x = box->x1; x < box->x2; ) {
			int32_t x2 = (x / TILE + 1) * TILE < box->x2 ? (x / TILE + 1) * TILE : box->x2;
			pixman_box32_t tile = { x, y, x2, y2 };
			enum clove_class class = clove_class_of(surface, &tile);

			/* A row of too many changes keeps what class it has. */
			if (in_row && (joins(&row[in_row - 1], &tile, class, INT64_MAX) ||
					in_row == CLOVE_PIECES_MOST / 2))
				row[in_row - 1].box.x2 = x2;
			else
				row[in_row++] = (struct clove_piece){ tile, class };
			x = x2;
		}
		for (unsigned int i = 0; i < in_row; i++) {
			unsigned int to = 0;

			while (to < n && !joins(&pieces[to], &row[i].box, row[i].class, most))
				to++;
			if (to < n) {
				pieces[to].box.y2 = y2;
				continue;
			}
			if (n == room) {
				/* The whole row comes next time; what of it joined is sent twice. */
				done->y2 = y;
				return n;
			}
			pieces[n++] = row[i];
		}
		y = y2;
	}
	return n;
}

static unsigned int take_box(const struct clove_surface *surface, pixman_box32_t *box, int64_t most,
		struct clove_piece *pieces, unsigned int room)
{
	unsigned int n;
	pixman_box32_t done;

	if (area_of(box) <= SMALL) {
		pieces[0] = (struct clove_piece){ *box, clove_class_of(surface, box) };
		return 1;
	}
	n = divide(surface, box, most, pieces, room, &done);
	*box = done;
	return n;
}

unsigned int clove_pieces_take(const struct clove_surface *surface, const pixman_region32_t *region,
		int64_t most, int32_t *row, struct clove_piece *pieces)
{
	unsigned int n = 0;
	int n_boxes, first = 0;
	pixman_region32_t left, taken;

	pixman_region32_init(&left);
	pixman_region32_copy(&left, (pixman_region32_t *)(uintptr_t)region);
	/* What fits into one image is not divided by where the last one ended. */
	if (*row >= pixman_region32_extents(&left)->y2 || area_of(pixman_region32_extents(&left)) <= SMALL)
		*row = 0;
	while (n < CLOVE_PIECES_MOST && pixman_region32_not_empty(&left)) {
		const pixman_box32_t *boxes = pixman_region32_rectangles(&left, &n_boxes);
		pixman_box32_t box;
		int64_t used;

		for (first = 0; first < n_boxes - 1 && boxes[first].y2 <= *row; )
			first++;
		if (boxes[first].y2 <= *row)
			first = 0;
		box = grow(boxes, n_boxes, first, most, &used);
		if (boxes[first].y1 < *row && *row < box.y2 && boxes[first].y2 > *row)
			box.y1 = *row;

		unsigned int more = take_box(surface, &box, most, pieces + n, CLOVE_PIECES_MOST - n);

		if (!more || box.y1 >= box.y2)
			break;
		n += more;
		*row = box.y2;
		pixman_region32_init_rect(&taken, box.x1, box.y1, (unsigned int)(box.x2 - box.x1),
				(unsigned int)(box.y2 - box.y1));
		pixman_region32_subtract(&left, &left, &taken);
		pixman_region32_fini(&taken);
		if (*row >= surface->height)
			*row = 0;
	}
	pixman_region32_fini(&left);
	return n;
}
