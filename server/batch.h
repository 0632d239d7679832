/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* batch.h - some commands of a ring, looked at together before they are run one by one. */
#ifndef CLOVE_SERVER_BATCH_H
#define CLOVE_SERVER_BATCH_H

#include "include/spice-server/spice.h"
#include "server/memslot.h"

enum { CLOVE_BATCH_MOST = 32 };

struct clove_batch {
	struct QXLCommandExt commands[CLOVE_BATCH_MOST];
	bool is_hidden[CLOVE_BATCH_MOST]; /* nobody will see it: only to be released */
	unsigned int n, at;
};

/* Finds the drawings that later ones of the batch paint over before anything reads them. So a guest that
 * draws faster than anyone can look costs little. */
void clove_batch_hide(struct clove_batch *batch, const struct clove_memslots *memslots);

#endif
