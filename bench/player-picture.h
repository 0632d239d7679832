/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player-picture.h - surfaces drawn by what a VMM's simple display makes servers send, every image decoded. */
#ifndef CLOVE_BENCH_PLAYER_PICTURE_H
#define CLOVE_BENCH_PLAYER_PICTURE_H

#include "common/codec/glz.h"
#include "common/codec/pixels.h"
#include "common/protocol/messages.h"

enum { PLAYER_SURFACES = 64, PLAYER_IMAGES = 4096, PLAYER_STREAMS = 64 };

struct player_surface {
	struct clove_pixels pixels;  /* data NULL: none */
	uint8_t *drawn;              /* a byte for each pixel that something was drawn on */
	int64_t left;                /* pixels that nothing was drawn on */
	bool is_primary;
};

struct player_image {
	uint64_t id;
	struct clove_pixels pixels;
};

struct player_stream {
	bool is_there, is_top_down;
	uint32_t surface_id;
	struct clove_rect dest;
	struct clove_rect *clip;     /* NULL: none */
	uint32_t clips;
};

struct player_picture {
	/* after anything was drawn on a part of a surface; may be NULL */
	void (*drawn)(void *opaque, uint32_t surface_id, const struct clove_rect *part);
	void *opaque;
	struct player_stream streams[PLAYER_STREAMS];
	struct player_surface surfaces[PLAYER_SURFACES];
	struct player_image images[PLAYER_IMAGES];
	unsigned int next_image;
	struct clove_glz_dictionary *dictionary;
	struct clove_job_pool *pool;          /* made with the first frame of a stream */
	bool is_marked;
	unsigned long draws, unsupported, frames;
};

enum { PLAYER_GLZ_WINDOW = 8 << 20, PLAYER_CACHE = 20 << 20 };

void player_picture_fini(struct player_picture *picture);

/* Messages of the display channel; what cannot be drawn here is counted and left out. */
enum clove_err player_surface_create(struct player_picture *picture,
		const struct clove_display_surface_create *create);
void player_surface_destroy(struct player_picture *picture, uint32_t id);
enum clove_err player_draw_copy(struct player_picture *picture, const struct clove_display_draw_copy *draw);
void player_draw_fill(struct player_picture *picture, const struct clove_display_draw_fill *draw);
void player_copy_bits(struct player_picture *picture, const struct clove_display_copy_bits *draw);
void player_forget_images(struct player_picture *picture);
void player_forget_image(struct player_picture *picture, uint64_t id);
enum clove_err player_stream_create(struct player_picture *picture,
		const struct clove_display_stream_create *create);
enum clove_err player_stream_clip(struct player_picture *picture, uint32_t id, const struct clove_clip *clip);
void player_stream_destroy(struct player_picture *picture, uint32_t id);
/* A frame of MJPEG, scaled to `dest` (NULL: the stream's). */
enum clove_err player_stream_data(struct player_picture *picture, uint32_t id, struct clove_bytes data,
		const struct clove_rect *dest);

/* The primary surface's pixels; NULL: none. */
const struct clove_pixels *player_primary(const struct player_picture *picture);

/* True when the primary surface is whole. */
bool player_picture_is_complete(const struct player_picture *picture);
/* FNV-1a over the primary surface's colours, row by row; 0 without one. */
uint64_t player_picture_hash(const struct player_picture *picture);

#endif
