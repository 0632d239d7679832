/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* damage.h - what a client's picture lacks of a surface: a few operations, and then pixels.
 *
 * After the operations, in their order, the client shows what the surface holds everywhere but in
 * `pixels`; there it shows anything. In `lossy` it shows about what the surface holds.
 */
#ifndef CLOVE_SERVER_DAMAGE_H
#define CLOVE_SERVER_DAMAGE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLOVE_DAMAGE_OPS_MAX = 32 };

struct clove_damage_op {
	bool is_copy;
	pixman_box32_t box;         /* what it paints */
	int32_t dx, dy;             /* a copy's: from (x - dx, y - dy) */
	uint32_t color;             /* a fill's: 0x00RRGGBB */
};

struct clove_damage {
	pixman_region32_t pixels, lossy;
	struct clove_damage_op ops[CLOVE_DAMAGE_OPS_MAX];
	unsigned int n_ops;
};

/* Pixels. */
int64_t clove_region_area(const pixman_region32_t *region);

void clove_damage_init(struct clove_damage *damage);
void clove_damage_fini(struct clove_damage *damage);
/* Nothing is lacking. */
void clove_damage_clear(struct clove_damage *damage);
bool clove_damage_is_empty(const struct clove_damage *damage);

/* The surface changed in `region`. */
void clove_damage_add(struct clove_damage *damage, const pixman_region32_t *region);

/* The surface was filled: `box` is of one colour now, `changed` (within it) was not before. */
void clove_damage_fill(struct clove_damage *damage, const pixman_box32_t *box, uint32_t color,
		const pixman_region32_t *changed);

/* The surface was copied within itself onto `box` from (x - dx, y - dy). What the client does not show
 * where it comes from, it lacks where it goes; so with `never` (may be NULL), which is no source. */
void clove_damage_copy(struct clove_damage *damage, const pixman_box32_t *box, int32_t dx, int32_t dy,
		const pixman_region32_t *never);

/* The client was sent the surface's pixels in `box`. */
void clove_damage_sent(struct clove_damage *damage, const pixman_box32_t *box, bool is_lossy);

#endif
