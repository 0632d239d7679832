/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pieces.h - cuts damage into rectangles that are each worth one image. */
#ifndef CLOVE_SERVER_PIECES_H
#define CLOVE_SERVER_PIECES_H

#include "server/surface.h"

enum clove_class {
	CLOVE_CLASS_DRAWN,            /* runs of equal pixels: text, user interfaces */
	CLOVE_CLASS_PHOTO,            /* neighbours that are seldom equal */
};

struct clove_piece {
	pixman_box32_t box;
	enum clove_class class;
};

enum { CLOVE_PIECES_MOST = 16 };

/* The next pieces of `region` (not empty, within the surface), at most CLOVE_PIECES_MOST of at most
 * about `most` pixels each, those at or below *row first; *row is where to go on next time, so that what
 * changes all the time at the top does not keep the rest from its turn. */
unsigned int clove_pieces_take(const struct clove_surface *surface, const pixman_region32_t *region,
		int64_t most, int32_t *row, struct clove_piece *pieces);

/* What a rectangle of a surface of 32 bits looks like, by some of its rows. */
enum clove_class clove_class_of(const struct clove_surface *surface, const pixman_box32_t *box);

#endif
