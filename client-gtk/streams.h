/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* streams.h - the regions of one display channel that come as video: frames, their time, reports.
 *
 * While sound plays a frame waits for its time. Else it is due at once, and of those that have come
 * the newest is drawn: whoever draws anything else shows what is due first, so that the order of the
 * channel is kept.
 */
#ifndef CLOVE_CLIENT_GTK_STREAMS_H
#define CLOVE_CLIENT_GTK_STREAMS_H

#include "client-gtk/mm-time.h"
#include "common/canvas/canvas.h"
#include "common/util/job-pool.h"

struct clove_streams_events {
	/* NULL: no such surface. */
	const struct clove_canvas *(*surface)(void *opaque, uint32_t id);
	/* Pixels were drawn. The region dies with the call. */
	void (*drawn)(void *opaque, uint32_t surface_id, pixman_region32_t *region);
	/* To be sent. */
	void (*report)(void *opaque, const struct clove_display_stream_report *report);
};

struct clove_streams_counts {
	unsigned int streams;     /* that there are */
	uint64_t frames, dropped; /* drawn; late, replaced by newer ones, or damaged */
	uint64_t decode_us;
};

struct clove_streams;

/* `time`, `events` and `pool`, on which frames are decoded, outlive the streams. NULL without memory. */
struct clove_streams *clove_streams_new(const struct clove_mm_time *time,
		const struct clove_streams_events *events, struct clove_job_pool *pool, void *opaque);
/* NULL is fine. */
void clove_streams_free(struct clove_streams *streams);

CLOVE_CHECKED enum clove_err clove_streams_create(struct clove_streams *streams,
		const struct clove_display_stream_create *create);
CLOVE_CHECKED enum clove_err clove_streams_activate_report(struct clove_streams *streams,
		const struct clove_display_stream_activate_report *activate);
CLOVE_CHECKED enum clove_err clove_streams_clip(struct clove_streams *streams,
		const struct clove_display_stream_clip *clip);
/* Frames that are not drawn yet go with it. */
CLOVE_CHECKED enum clove_err clove_streams_destroy(struct clove_streams *streams, uint32_t id);
void clove_streams_destroy_all(struct clove_streams *streams);

/* The bytes are copied; nothing is decoded before clove_streams_show. */
CLOVE_CHECKED enum clove_err clove_streams_data(struct clove_streams *streams,
		const struct clove_display_stream_data *data, uint64_t now_ms);
CLOVE_CHECKED enum clove_err clove_streams_data_sized(struct clove_streams *streams,
		const struct clove_display_stream_data_sized *data, uint64_t now_ms);

/* Draws what is due, and returns the milliseconds until more is; -1: nothing waits. */
int32_t clove_streams_show(struct clove_streams *streams, uint64_t now_ms);

void clove_streams_count(const struct clove_streams *streams, struct clove_streams_counts *counts);

#endif
