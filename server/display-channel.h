/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-channel.h - one client's view of a worker's primary surface.
 *
 * There is no queue of commands: a client has damage (damage.h), and when it can take more it gets the
 * newest pixels of it. So a slow client costs a region, and after a drain it shows what the surface
 * holds.
 */
#ifndef CLOVE_SERVER_DISPLAY_CHANNEL_H
#define CLOVE_SERVER_DISPLAY_CHANNEL_H

#include "common/util/list.h"
#include "server/connection.h"
#include "server/damage.h"
#include "server/encoder.h"
#include "server/flow.h"
#include "server/image-mirror.h"
#include "server/qxl.h"
#include "server/streaming.h"
#include "server/surface.h"

struct clove_display;

/* What all display channels of a worker show; the worker's. */
struct clove_screen {
	struct clove_loop *loop;
	struct clove_surface *primary;    /* NULL: none */
	uint64_t drawings;                /* counts what changed its pixels */
	int64_t unsent;                   /* pixels drawn since anyone was sent any */
	struct clove_monitors monitors;
	struct clove_encoder *encoder;
	struct clove_timer *rest_timer;   /* no images: the encoder's large buffers are given back */
	struct clove_tile_key *tile_key;  /* NULL until a client has an image cache */
	struct clove_video_regions *videos;
	struct clove_streaming_frames frames; /* that clients share */
	int image_compression;            /* SpiceImageCompression */
	int jpeg, zlib_glz;               /* 1 auto, 2 always, 3 never */
	uint8_t id;
	void (*closed)(void *worker, struct clove_display *display, struct clove_connection *take_conn);
	/* The client with this id should be told the time. */
	void (*clock_is_off)(void *worker, uint32_t connection_id);
	void (*catch_up)(void *worker);   /* with what the guest has drawn */
	void *worker;
};

struct clove_display {
	struct clove_channel channel;     /* first, so that a channel is a display */
	struct clove_list link;           /* the worker's */
	struct clove_screen *screen;
	struct clove_connection *conn;    /* owned until closed */
	struct clove_timer *init_timer;
	int preferred_compression;        /* 0: the VMM's */
	struct clove_glz_encoder *glz;    /* the client's, if this channel may use it; a reference */
	struct clove_image_mirror *mirror; /* NULL: no image cache */
	bool is_ready;                    /* DISPLAY_INIT came */
	bool has_surface, is_marked;      /* the client's surface 0; MARK was sent for it */
	struct clove_buf body;            /* of a message that is being written */
	struct clove_damage damage;
	struct clove_flow flow;
	struct clove_streaming *streaming; /* NULL: none, ever */
	uint64_t frame_bytes;             /* the last frame's */
	struct clove_timer *more_timer;   /* there is more, and it could be sent */
	struct clove_timer *rest_timer;   /* nothing changes: what is lossy is sent again */
	bool is_resting, is_rest_awaited;
	int32_t row;                      /* where pieces go on */
};

/* NULL: the connection is then still the caller's. */
struct clove_display *clove_display_new(struct clove_screen *screen, struct clove_connection *take_conn);
/* Without calling `closed`. */
void clove_display_free(struct clove_display *display);

/* The screen's primary came, or is about to go. */
void clove_display_surface_came(struct clove_display *display);
void clove_display_surface_went(struct clove_display *display);
void clove_display_monitors_changed(struct clove_display *display);
/* What became of the primary: as clove_paint_watch tells it. */
void clove_display_changed(struct clove_display *display, const pixman_region32_t *region);
void clove_display_copied(struct clove_display *display, const pixman_box32_t *box, int32_t dx, int32_t dy);
void clove_display_filled(struct clove_display *display, const pixman_box32_t *box, uint32_t color,
		const pixman_region32_t *changed);
/* The client shall keep no image. */
void clove_display_forget_images(struct clove_display *display);
/* It lacks pixels, or a frame that cannot be sent now. */
bool clove_display_is_behind(const struct clove_display *display);
/* Sends what the client can take now. */
void clove_display_flush(struct clove_display *display);

#endif
