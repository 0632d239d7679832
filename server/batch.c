/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* batch.c - knows which drawings are painted over before they could be seen. */
#include "server/batch.h"

#include <string.h>
#include "server/qxl.h"

enum { COVERS_MOST = 8, COMMAND_DRAW = 1, FLAG_COMPAT = 1 };

/* Seen from the end: what is painted over later, since the last command that might read it. */
struct covers {
	struct clove_qxl_peek peeks[COVERS_MOST];
	unsigned int n;
};

static bool is_covered(const struct covers *covers, const struct clove_qxl_peek *peek)
{
	for (unsigned int i = 0; i < covers->n; i++) {
		const struct clove_qxl_peek *over = &covers->peeks[i];

		if (over->surface_id == peek->surface_id && over->box.x1 <= peek->box.x1 &&
				over->box.y1 <= peek->box.y1 && over->box.x2 >= peek->box.x2 &&
				over->box.y2 >= peek->box.y2)
			return true;
	}
	return false;
}

void clove_batch_hide(struct clove_batch *batch, const struct clove_memslots *memslots)
{
	struct covers covers = { .n = 0 };

	memset(batch->is_hidden, 0, sizeof batch->is_hidden);
	if (batch->n < 2)
		return;
	for (unsigned int i = batch->n; i-- > 0; ) {
		const struct QXLCommandExt *ext = &batch->commands[i];
		struct clove_qxl_source source = { memslots, ext->group_id, ext->flags & FLAG_COMPAT, false };
		struct clove_qxl_peek peek;

		if (ext->cmd.type != COMMAND_DRAW || !clove_qxl_peek_drawable(&source, ext->cmd.data, &peek)) {
			covers.n = 0;
			continue;
		}
		batch->is_hidden[i] = peek.covers && is_covered(&covers, &peek);
		if (peek.reads_surfaces)
			covers.n = 0;
		else if (!batch->is_hidden[i] && covers.n < COVERS_MOST)
			covers.peeks[covers.n++] = peek;
	}
}
