/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-budget.h - what all displays of one client may have it keep in its image cache.
 *
 * The displays live on threads of their own; so here are counts and nothing else. Each display keeps images of its
 * own, which no other one draws or drops: no display ever waits for another.
 */
#ifndef CLOVE_SERVER_IMAGE_BUDGET_H
#define CLOVE_SERVER_IMAGE_BUDGET_H

#include <stdatomic.h>
#include <stdlib.h>

struct clove_image_budget {
	atomic_uint refs;
	atomic_uint displays;         /* that share it */
	atomic_llong used;            /* pixels */
	atomic_ullong last_id;        /* of an image */
};

/* NULL without memory. */
static inline struct clove_image_budget *clove_image_budget_new(void)
{
	struct clove_image_budget *budget = calloc(1, sizeof *budget);

	if (budget)
		atomic_init(&budget->refs, 1);
	return budget;
}

static inline struct clove_image_budget *clove_image_budget_ref(struct clove_image_budget *budget)
{
	if (budget)
		atomic_fetch_add(&budget->refs, 1);
	return budget;
}

static inline void clove_image_budget_unref(struct clove_image_budget *budget)
{
	if (budget && atomic_fetch_sub(&budget->refs, 1) == 1)
		free(budget);
}

#endif
