/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* streaming.h - one client's streams: the regions of the screen that it gets as video.
 *
 * A stream has no queue: it is due or it is not, and what is sent is the picture of that moment. So
 * frames that the line has no room for are never encoded. While a stream runs its area is not damage.
 */
#ifndef CLOVE_SERVER_STREAMING_H
#define CLOVE_SERVER_STREAMING_H

#include "common/net/channel.h"
#include "server/video-encoder.h"
#include "server/video-regions.h"

struct clove_streaming;

/* For the display channel `channel`, whose capabilities are known. NULL without memory. */
struct clove_streaming *clove_streaming_new(struct clove_channel *channel);
void clove_streaming_free(struct clove_streaming *streaming);

/* The regions that there are now. Streams begin, end, change their place and clip; `back` grows by what
 * frames brought and will bring no more: the client shows it only about, or not at all. */
void clove_streaming_follow(struct clove_streaming *streaming, const struct clove_video_region *regions,
		size_t n, pixman_region32_t *back);
/* All streams are over, and so is the surface that they were on. */
void clove_streaming_forget(struct clove_streaming *streaming);

/* What frames bring: no place to copy from. */
const pixman_region32_t *clove_streaming_area(const struct clove_streaming *streaming);
/* `changed` loses what a frame will bring. */
void clove_streaming_take(struct clove_streaming *streaming, pixman_region32_t *changed, uint64_t now_us);

/* Milliseconds until a frame is due: 0 now, -1 when something changes. */
int clove_streaming_wait(const struct clove_streaming *streaming, uint64_t now_us);

/* The last frame of each region of a screen: clients that can take the same get the same. Zeroed at first. */
struct clove_streaming_frames {
	struct clove_streaming_frame {
		uint32_t region_id;
		pixman_box32_t box;
		uint64_t drawings;
		const struct clove_video_encoder_ops *codec;
		struct clove_buf bytes;
	} frames[CLOVE_VIDEO_REGIONS_MOST];
};

void clove_streaming_frames_fini(struct clove_streaming_frames *frames);

/* What the line is like: bytes a second, and bytes that are on their way; 0: not known. */
struct clove_streaming_line {
	uint64_t rate, away;
};

/* Sends one frame of the stream that is due longest; `screen` is the surface as it is now, `drawings` another
 * number whenever its pixels are other ones. What cannot be encoded is no stream from the next
 * clove_streaming_follow on. */
void clove_streaming_send(struct clove_streaming *streaming, const struct clove_pixels *screen,
		uint64_t drawings, struct clove_streaming_frames *frames, struct clove_job_pool *pool,
		struct clove_streaming_line line, uint64_t now_us);

/* What the client says of how frames came. */
CLOVE_CHECKED enum clove_err clove_streaming_report(struct clove_streaming *streaming,
		const struct clove_display_stream_report *report);
/* True, once in a while: by its reports the client's clock is off by more than frames can be dated for (either
 * machine slept, or they went apart over days); it should be told the time. */
bool clove_streaming_asks_time(struct clove_streaming *streaming, uint64_t now_us);
/* The client's preference of codecs; those that we have not are passed over. */
void clove_streaming_prefer(struct clove_streaming *streaming,
		const struct clove_display_preferred_video_codec_type *preferred);

struct clove_streaming_counts {
	unsigned int streams;             /* that there are */
	uint64_t frames, bytes, dropped;  /* dropped: changed again before there was room */
	uint64_t shared;                  /* of the frames, those that another client had encoded */
	int quality;                      /* of the last frame */
};

void clove_streaming_count(const struct clove_streaming *streaming, struct clove_streaming_counts *counts);

#endif
