/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* straight.c - which copies need no canvas, and which of them may be decoded at the same time. */
#include "client-gtk/straight.h"

#include <stdlib.h>

enum {
	PIECES = 16,              /* at a time */
	ARENA_LIMIT = 1 << 20,    /* the pixels' bytes are borrowed: this is for descriptors */
};

struct piece {
	struct clove_job job;     /* first, so that a job is a piece */
	const struct clove_image *image;
	struct clove_pixels rows;
	enum clove_err err;
};

/* Pieces from 1 on belong to the messages behind the one of piece 0. */
struct clove_straight {
	struct clove_job_pool *pool;
	struct clove_arena arena;
	uint64_t serial;          /* of piece 0 */
	unsigned int n;
	struct piece pieces[PIECES];
};

static pixman_box32_t box_of(const struct clove_rect *rect)
{
	return (pixman_box32_t){ rect->left, rect->top, rect->right, rect->bottom };
}

static bool is_unclipped(const struct clove_clip *clip, const struct clove_rect *box)
{
	if (clip->type != CLOVE_CLIP_RECTS)
		return true;
	return clip->num_rects == 1 && clip->rects->left <= box->left && clip->rects->top <= box->top &&
			clip->rects->right >= box->right && clip->rects->bottom >= box->bottom;
}

bool clove_straight_rows(const struct clove_canvas *canvas, const struct clove_display_draw_copy *copy,
		struct clove_pixels *rows)
{
	const struct clove_rect *box = &copy->base.box, *area = &copy->src_area;
	const struct clove_image *image = copy->src;

	/* what is kept has to be a picture; high bits are the canvas's to set */
	if (canvas->format != CLOVE_SURFACE_FMT_32_XRGB || copy->rop != CLOVE_ROP_PUT || copy->mask.bitmap ||
			!clove_image_may_go_into(image) || image->flags || box->left < 0 || box->top < 0 ||
			box->right > canvas->width || box->bottom > canvas->height ||
			box->left >= box->right || box->top >= box->bottom ||
			!is_unclipped(&copy->base.clip, box))
		return false;
	*rows = (struct clove_pixels){
		canvas->data + (size_t)box->top * canvas->stride + (size_t)box->left * 4,
		box->right - box->left, box->bottom - box->top, (ptrdiff_t)canvas->stride, CLOVE_FORMAT_RGB32,
	};
	return !area->left && !area->top && area->right == rows->width && area->bottom == rows->height &&
			image->width == (uint32_t)rows->width && image->height == (uint32_t)rows->height;
}

static void decode(struct clove_job *job)
{
	struct piece *piece = (struct piece *)job;
	struct clove_image_decoding how = { .into = &piece->rows };
	struct clove_picture *picture;

	piece->err = clove_image_decode(piece->image, &how, &picture);
	if (!piece->err)
		clove_picture_unref(picture);
}

/* Gathers what waits behind the message until one is something else. */
static void look_ahead(struct clove_straight *straight, struct clove_channel *channel,
		const struct clove_canvas *canvas, const struct clove_display_draw_copy *first)
{
	pixman_box32_t box = box_of(&first->base.box);
	pixman_region32_t covered;
	struct clove_bytes body;
	size_t at = 0;
	uint16_t id;

	pixman_region32_init_with_extents(&covered, &box);
	while (straight->n < PIECES && clove_channel_peek(channel, &at, &id, &body) &&
			id == CLOVE_DISPLAY_DRAW_COPY) {
		struct piece *piece = &straight->pieces[straight->n];
		const struct clove_display_draw_copy *copy;
		void *message;

		if (clove_wire_parse(clove_display_draw_copy_layout(), body, &channel->peer_caps,
				&straight->arena, &message))
			break;
		copy = message;
		if (copy->base.surface_id != first->base.surface_id ||
				!clove_straight_rows(canvas, copy, &piece->rows) ||
				!clove_image_is_pure(copy->src))
			break;
		box = box_of(&copy->base.box);
		if (pixman_region32_contains_rectangle(&covered, &box) != PIXMAN_REGION_OUT ||
				!pixman_region32_union_rect(&covered, &covered, box.x1, box.y1,
				(unsigned int)piece->rows.width, (unsigned int)piece->rows.height))
			break;
		piece->image = copy->src;
		straight->n++;
	}
	pixman_region32_fini(&covered);
}

enum clove_err clove_straight_decode(struct clove_straight *straight, struct clove_channel *channel,
		const struct clove_canvas *canvas, const struct clove_display_draw_copy *copy)
{
	struct clove_job *jobs[PIECES];
	uint64_t ahead = channel->received_serial - straight->serial;

	if (ahead && ahead < straight->n)
		return straight->pieces[ahead].err;
	straight->serial = channel->received_serial;
	straight->n = 1;
	straight->pieces[0].image = copy->src;
	if (!clove_straight_rows(canvas, copy, &straight->pieces[0].rows))
		return CLOVE_ERR_UNSUPPORTED;
	look_ahead(straight, channel, canvas, copy);
	for (unsigned int i = 0; i < straight->n; i++) {
		straight->pieces[i].job.run = decode;
		jobs[i] = &straight->pieces[i].job;
	}
	clove_job_pool_run(straight->pool, jobs, straight->n);
	clove_arena_reset(&straight->arena);
	return straight->pieces[0].err;
}

struct clove_straight *clove_straight_new(struct clove_job_pool *pool)
{
	struct clove_straight *straight = calloc(1, sizeof *straight);

	if (!straight)
		return NULL;
	straight->pool = pool;
	clove_arena_init(&straight->arena, ARENA_LIMIT);
	return straight;
}

void clove_straight_free(struct clove_straight *straight)
{
	if (!straight)
		return;
	clove_arena_fini(&straight->arena);
	free(straight);
}
