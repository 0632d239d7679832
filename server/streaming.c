/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* streaming.c - knows when a frame is worth sending, what it may cost, and when the client is to show it. */
#include "server/streaming.h"

#include <stdlib.h>
#include <string.h>
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "server/damage.h"

enum {
	STREAMS = CLOVE_VIDEO_REGIONS_MOST,
	IDS = 50,                         /* what the older servers use of 64 */
	COLLECT_US = 8000,                /* the other columns of a picture come within that */
	FRAME_LEAST_US = 12000,           /* no screen shows more than some 80 a second */
	INTERVAL_LEAST_US = 16000, INTERVAL_MOST_US = 300000,
	RATE_PERCENT = 60,                /* of the line for all streams: the rest is for images */
	REPORT_FRAMES = 5, REPORT_MS = 1000,
	REPORT_CANNOT = UINT32_MAX, NO_AUDIO = UINT32_MAX,
	AHEAD_FIRST_MS = 30,              /* of the time at which the client should have the frame */
	AHEAD_LEAST_MS = -500, AHEAD_MOST_MS = 500,
	EARLY_MS = 12, EARLY_MOST_MS = 40, /* a frame that waits longer at the client was dated too late */
	FLIGHT_MOST_MS = 300,
	TELL_TIME_MS = 10000,             /* a client is told the time once in so long */
};

struct stream {
	uint32_t region_id, region_serial; /* 0: none */
	uint32_t id, report_id;
	pixman_box32_t created, box;      /* as STREAM_CREATE said; as it is now */
	pixman_region32_t clip;
	struct clove_video_encoder *encoder;
	uint64_t interval_us, picture_us; /* between pictures of the guest; when the last one began */
	bool is_pending;                  /* changed since the last frame */
	uint64_t pending_us, sent_us, rest_us; /* since when; the last frame's; not before */
	int64_t changed, usual;           /* pixels, since the last frame and in a whole picture */
	uint32_t mm_time;                 /* the last frame's */
	int32_t ahead_ms;                 /* how far frames are dated ahead of their arrival */
	size_t frame_bytes;               /* the last frame's */
};

struct clove_streaming {
	struct clove_channel *channel;
	const struct clove_video_encoder_ops *codec; /* NULL: the client can decode none that we have */
	struct stream streams[STREAMS];
	pixman_region32_t area;           /* all streams' */
	uint32_t next_id, last_report_id;
	bool is_clock_off;                /* the client's: more than frames can be dated for */
	uint64_t told_time_us;            /* 0: never beyond MAIN_INIT */
	struct clove_streaming_counts counts;
};

#define FOR_EACH_STREAM(streaming, stream) \
	for (struct stream *stream = (streaming)->streams; stream < (streaming)->streams + STREAMS; stream++) \
		if (stream->region_id)

/* -- what there is to choose from -- */

static const struct {
	const struct clove_video_encoder_ops *ops;
	unsigned int cap;
} codecs[] = {
	{ &clove_video_mjpeg, CLOVE_DISPLAY_CAP_CODEC_MJPEG },
};

/* Clients that do not tell their codecs have MJPEG (spice-wire 9.8). */
static bool can_decode(const struct clove_channel *channel, size_t i)
{
	const struct clove_caps *caps = &channel->peer_caps;

	return clove_caps_has(caps, CLOVE_DISPLAY_CAP_MULTI_CODEC) ? clove_caps_has(caps, codecs[i].cap) :
			codecs[i].ops->codec == CLOVE_VIDEO_CODEC_MJPEG;
}

struct clove_streaming *clove_streaming_new(struct clove_channel *channel)
{
	struct clove_streaming *streaming = calloc(1, sizeof *streaming);

	if (!streaming)
		return NULL;
	streaming->channel = channel;
	pixman_region32_init(&streaming->area);
	for (size_t i = sizeof codecs / sizeof *codecs; i-- > 0; )
		if (can_decode(channel, i))
			streaming->codec = codecs[i].ops;
	return streaming;
}

void clove_streaming_prefer(struct clove_streaming *streaming,
		const struct clove_display_preferred_video_codec_type *preferred)
{
	for (size_t n = 0; n < preferred->codecs.len; n++)
		for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
			if (codecs[i].ops->codec == preferred->codecs.data[n] && streaming->codec &&
					can_decode(streaming->channel, i)) {
				streaming->codec = codecs[i].ops;
				return;
			}
}

/* -- beginnings and ends -- */

static void set_area(struct clove_streaming *streaming)
{
	pixman_region32_clear(&streaming->area);
	FOR_EACH_STREAM(streaming, stream)
		pixman_region32_union(&streaming->area, &streaming->area, &stream->clip);
}

static struct clove_rect rect_of(const pixman_box32_t *box)
{
	return (struct clove_rect){ .left = box->x1, .top = box->y1, .right = box->x2, .bottom = box->y2 };
}

static struct clove_clip clip_of(const pixman_region32_t *region, struct clove_rect *rects, int most)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)region, &n);

	n = n < most ? n : most;
	for (int i = 0; i < n; i++)
		rects[i] = rect_of(&boxes[i]);
	return (struct clove_clip){ .type = CLOVE_CLIP_RECTS, .num_rects = (uint32_t)n, .rects = rects };
}

enum { RECTS_MOST = 64 };             /* more than a region's clip ever has */

static void send_create(struct clove_streaming *streaming, struct stream *stream)
{
	struct clove_rect rects[RECTS_MOST];
	const pixman_box32_t *box = &stream->box;
	struct clove_display_stream_create create = {
		.id = stream->id, .flags = CLOVE_STREAM_TOP_DOWN, .codec = stream->encoder->ops->codec,
		.stream_width = (uint32_t)(box->x2 - box->x1), .stream_height = (uint32_t)(box->y2 - box->y1),
		.src_width = (uint32_t)(box->x2 - box->x1), .src_height = (uint32_t)(box->y2 - box->y1),
		.dest = rect_of(box), .clip = clip_of(&stream->clip, rects, RECTS_MOST),
	};
	struct clove_display_stream_activate_report activate = { stream->id, stream->report_id,
			REPORT_FRAMES, REPORT_MS };

	clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_CREATE, &create);
	if (clove_caps_has(&streaming->channel->peer_caps, CLOVE_DISPLAY_CAP_STREAM_REPORT))
		clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_ACTIVATE_REPORT, &activate);
}

static void send_clip(struct clove_streaming *streaming, const struct stream *stream)
{
	struct clove_rect rects[RECTS_MOST];
	struct clove_display_stream_clip clip = { stream->id, clip_of(&stream->clip, rects, RECTS_MOST) };

	clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_CLIP, &clip);
}

static void send_destroy(struct clove_streaming *streaming, const struct stream *stream)
{
	struct clove_display_stream_destroy destroy = { stream->id };

	clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_DESTROY, &destroy);
}

/* Numbers are used in turn: a report that is under way is of none that is there. */
static uint32_t free_id(struct clove_streaming *streaming)
{
	for (;;) {
		uint32_t id = streaming->next_id++ % IDS;
		bool is_used = false;

		FOR_EACH_STREAM(streaming, stream)
			is_used = is_used || stream->id == id;
		if (!is_used)
			return id;
	}
}

static void touch(struct stream *stream, int64_t pixels, uint64_t now_us)
{
	uint64_t interval = now_us - stream->picture_us;

	if (!stream->is_pending || stream->changed >= stream->usual) {
		if (interval >= INTERVAL_LEAST_US && interval <= INTERVAL_MOST_US)
			stream->interval_us = (stream->interval_us * 7 + interval) / 8;
		stream->picture_us = now_us;
	}
	if (!stream->is_pending)
		stream->pending_us = now_us;
	stream->is_pending = true;
	stream->changed += pixels;
}

static void begin(struct clove_streaming *streaming, struct stream *stream,
		const struct clove_video_region *region)
{
	struct clove_video_encoder *encoder = streaming->codec->create();

	if (!encoder)
		return;
	*stream = (struct stream){ .region_id = region->id, .region_serial = region->serial,
			.report_id = ++streaming->last_report_id, .created = region->box, .box = region->box,
			.encoder = encoder, .interval_us = (uint64_t)region->interval_ms * 1000, .ahead_ms = AHEAD_FIRST_MS };
	stream->id = free_id(streaming);
	pixman_region32_init(&stream->clip);
	pixman_region32_copy(&stream->clip, (pixman_region32_t *)(uintptr_t)&region->clip);
	stream->usual = clove_region_area(&stream->clip);
	send_create(streaming, stream);
	streaming->counts.streams++;
	clove_log(DEBUG, "display", "stream %u begins: %dx%d at %d,%d", stream->id,
			region->box.x2 - region->box.x1, region->box.y2 - region->box.y1, region->box.x1,
			region->box.y1);
}

static void end(struct clove_streaming *streaming, struct stream *stream, pixman_region32_t *back)
{
	if (back) {
		pixman_region32_union(back, back, &stream->clip);
		send_destroy(streaming, stream);
	}
	pixman_region32_fini(&stream->clip);
	stream->encoder->ops->destroy(stream->encoder);
	stream->region_id = 0;
	streaming->counts.streams--;
}

static bool is_same(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

/* The region has another box or clip. Frames of another size say so themselves where the client knows
 * such; otherwise the stream begins anew. */
static void change(struct clove_streaming *streaming, struct stream *stream,
		const struct clove_video_region *region, pixman_region32_t *back)
{
	pixman_region32_t left;
	bool is_moved = !is_same(&stream->box, &region->box);

	pixman_region32_init(&left);
	pixman_region32_subtract(&left, &stream->clip, (pixman_region32_t *)(uintptr_t)&region->clip);
	pixman_region32_union(back, back, &left);
	pixman_region32_fini(&left);
	pixman_region32_copy(&stream->clip, (pixman_region32_t *)(uintptr_t)&region->clip);
	stream->box = region->box;
	stream->region_serial = region->serial;
	stream->usual = clove_region_area(&stream->clip);
	if (is_moved && !clove_caps_has(&streaming->channel->peer_caps, CLOVE_DISPLAY_CAP_SIZED_STREAM)) {
		send_destroy(streaming, stream);
		stream->id = free_id(streaming);
		stream->report_id = ++streaming->last_report_id;
		stream->created = region->box;
		send_create(streaming, stream);
	} else {
		send_clip(streaming, stream);
	}
}

static const struct clove_video_region *find_region(const struct clove_video_region *regions, size_t n,
		uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (regions[i].id == id)
			return &regions[i];
	return NULL;
}

static bool has_stream(struct clove_streaming *streaming, uint32_t region_id)
{
	FOR_EACH_STREAM(streaming, stream)
		if (stream->region_id == region_id)
			return true;
	return false;
}

static struct stream *free_stream(struct clove_streaming *streaming)
{
	for (int i = 0; i < STREAMS; i++)
		if (!streaming->streams[i].region_id)
			return &streaming->streams[i];
	return NULL;
}

void clove_streaming_follow(struct clove_streaming *streaming, const struct clove_video_region *regions,
		size_t n, pixman_region32_t *back)
{
	bool is_another = false;

	if (!streaming->codec)
		n = 0;
	if (!n && !streaming->counts.streams)
		return;
	FOR_EACH_STREAM(streaming, stream) {
		const struct clove_video_region *region = find_region(regions, n, stream->region_id);

		if (region && region->serial == stream->region_serial)
			continue;
		if (region)
			change(streaming, stream, region, back);
		else
			end(streaming, stream, back);
		is_another = true;
	}
	for (size_t i = 0; i < n; i++) {
		struct stream *stream = has_stream(streaming, regions[i].id) ? NULL : free_stream(streaming);

		if (!stream)
			continue;
		begin(streaming, stream, &regions[i]);
		is_another = true;
	}
	if (is_another)
		set_area(streaming);
	/* What one stream gave up another may have taken. */
	if (is_another)
		pixman_region32_subtract(back, back, &streaming->area);
}

void clove_streaming_forget(struct clove_streaming *streaming)
{
	if (streaming->counts.streams)
		clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_DESTROY_ALL, NULL);
	FOR_EACH_STREAM(streaming, stream)
		end(streaming, stream, NULL);
	pixman_region32_clear(&streaming->area);
}

void clove_streaming_free(struct clove_streaming *streaming)
{
	if (!streaming)
		return;
	FOR_EACH_STREAM(streaming, stream)
		end(streaming, stream, NULL);
	pixman_region32_fini(&streaming->area);
	free(streaming);
}

/* -- frames -- */

const pixman_region32_t *clove_streaming_area(const struct clove_streaming *streaming)
{
	return &streaming->area;
}

void clove_streaming_take(struct clove_streaming *streaming, pixman_region32_t *changed, uint64_t now_us)
{
	pixman_region32_t part;

	if (!streaming->counts.streams)
		return;
	pixman_region32_init(&part);
	FOR_EACH_STREAM(streaming, stream) {
		pixman_region32_intersect(&part, changed, &stream->clip);
		if (pixman_region32_not_empty(&part))
			touch(stream, clove_region_area(&part), now_us);
	}
	pixman_region32_fini(&part);
	pixman_region32_subtract(changed, changed, &streaming->area);
}

/* A picture that comes in pieces is waited for, but not for long. */
static uint64_t due_us(const struct stream *stream)
{
	uint64_t due = stream->pending_us + (stream->changed * 10 >= stream->usual * 7 ? 0 : COLLECT_US);

	if (due < stream->sent_us + FRAME_LEAST_US)
		due = stream->sent_us + FRAME_LEAST_US;
	return due < stream->rest_us ? stream->rest_us : due;
}

/* NULL: none is pending. */
static struct stream *next_stream(const struct clove_streaming *streaming)
{
	struct stream *next = NULL;

	if (!streaming->counts.streams)
		return NULL;
	FOR_EACH_STREAM((struct clove_streaming *)(uintptr_t)streaming, stream)
		if (stream->is_pending && (!next || due_us(stream) < due_us(next)))
			next = stream;
	return next;
}

int clove_streaming_wait(const struct clove_streaming *streaming, uint64_t now_us)
{
	const struct stream *stream = next_stream(streaming);

	if (!stream)
		return -1;
	return due_us(stream) <= now_us ? 0 : (int)((due_us(stream) - now_us + 999) / 1000);
}

/* Its part of what the line carries between two frames. */
static size_t bytes_for(const struct clove_streaming *streaming, const struct stream *stream, uint64_t rate)
{
	int64_t all = clove_region_area(&streaming->area);
	uint64_t bytes = rate / 1000 * stream->interval_us / 1000 * RATE_PERCENT / 100;

	if (!rate || !all)
		return 0;
	bytes = (uint64_t)((double)bytes * (double)clove_region_area(&stream->clip) / (double)all);
	return bytes < 1 ? 1 : bytes > (64 << 20) ? 64 << 20 : (size_t)bytes;
}

/* When the client will have it, and a little: a frame that comes behind its time is dropped by some, and
 * one before it is kept waiting. 0 means something else. */
static uint32_t date(struct stream *stream, size_t bytes, struct clove_streaming_line line, uint64_t now_us)
{
	uint64_t flight = line.rate ? (line.away + bytes) * 1000 / line.rate : 0;
	uint32_t time = (uint32_t)(now_us / 1000) + (uint32_t)stream->ahead_ms +
			(uint32_t)(flight < FLIGHT_MOST_MS ? flight : FLIGHT_MOST_MS);

	if (stream->mm_time && (int32_t)(time - stream->mm_time) <= 0)
		time = stream->mm_time + 1;
	time += !time;
	stream->mm_time = time;
	return time;
}

static void send_frame(struct clove_streaming *streaming, struct stream *stream,
		const struct clove_buf *frame, struct clove_streaming_line line, uint64_t now_us)
{
	const pixman_box32_t *box = &stream->box;
	uint32_t time = date(stream, frame->len, line, now_us);
	struct clove_display_stream_data data = { .id = stream->id, .mm_time = time,
			.data_size = (uint32_t)frame->len, .data = clove_buf_bytes(frame) };
	struct clove_display_stream_data_sized sized = { .id = stream->id, .mm_time = time,
			.width = (uint32_t)(box->x2 - box->x1), .height = (uint32_t)(box->y2 - box->y1),
			.dest = rect_of(box), .data_size = (uint32_t)frame->len, .data = clove_buf_bytes(frame) };

	if (is_same(box, &stream->created))
		clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_DATA, &data);
	else
		clove_channel_send(streaming->channel, CLOVE_DISPLAY_STREAM_DATA_SIZED, &sized);
}

static struct clove_pixels part_of(const struct clove_pixels *screen, const pixman_box32_t *box)
{
	size_t size = clove_format_row_bytes(screen->format, 1);

	return (struct clove_pixels){ clove_pixels_row(screen, box->y1) + (size_t)box->x1 * size,
			box->x2 - box->x1, box->y2 - box->y1, screen->stride, screen->format };
}

/* An image will do. */
static void give_up(struct clove_streaming *streaming, struct stream *stream, enum clove_err err)
{
	clove_log_limited(WARN, "display", "stream %u cannot be encoded: %s; images are sent", stream->id,
			clove_err_name(err));
	streaming->codec = NULL;
	stream->is_pending = false;
}

void clove_streaming_frames_fini(struct clove_streaming_frames *frames)
{
	for (size_t i = 0; i < CLOVE_VIDEO_REGIONS_MOST; i++)
		clove_buf_fini(&frames->frames[i].bytes);
	memset(frames, 0, sizeof *frames);
}

/* Another client's frame of the same pixels does, unless it is much larger or smaller than this line's. */
static bool does(const struct clove_streaming_frame *frame, const struct stream *stream, uint64_t drawings,
		size_t bytes)
{
	return frame->codec == stream->encoder->ops && frame->codec->is_shared &&
			frame->region_id == stream->region_id && frame->drawings == drawings &&
			is_same(&frame->box, &stream->box) &&
			(!bytes || (frame->bytes.len <= bytes + bytes / 8 && frame->bytes.len >= bytes / 2));
}

static enum clove_err encode(struct clove_streaming *streaming, struct stream *stream,
		const struct clove_pixels *screen, uint64_t drawings, struct clove_streaming_frame *frame,
		struct clove_job_pool *pool, size_t bytes)
{
	const struct clove_video_encoder_ops *ops = stream->encoder->ops;
	struct clove_pixels picture = part_of(screen, &stream->box);
	struct clove_video_stats stats;

	frame->codec = NULL;
	ops->set_frame_bytes(stream->encoder, bytes);
	enum clove_err err = ops->encode(stream->encoder, &picture, pool, &frame->bytes);
	if (err)
		return err;
	frame->region_id = stream->region_id;
	frame->box = stream->box;
	frame->drawings = drawings;
	frame->codec = ops;
	ops->stats(stream->encoder, &stats);
	streaming->counts.quality = stats.quality;
	return CLOVE_OK;
}

void clove_streaming_send(struct clove_streaming *streaming, const struct clove_pixels *screen,
		uint64_t drawings, struct clove_streaming_frames *frames, struct clove_job_pool *pool,
		struct clove_streaming_line line, uint64_t now_us)
{
	struct stream *stream = next_stream(streaming);
	struct clove_streaming_frame *frame;
	uint64_t began_us = clove_now_us();
	enum clove_err err = CLOVE_OK;
	size_t bytes;

	if (!stream || due_us(stream) > now_us)
		return;
	if (stream->box.x1 < 0 || stream->box.y1 < 0 || stream->box.x2 > screen->width ||
			stream->box.y2 > screen->height) {
		give_up(streaming, stream, CLOVE_ERR_BOUNDS);
		return;
	}
	frame = &frames->frames[stream->region_id % CLOVE_VIDEO_REGIONS_MOST];
	bytes = bytes_for(streaming, stream, line.rate);
	if (does(frame, stream, drawings, bytes))
		streaming->counts.shared++;
	else
		err = encode(streaming, stream, screen, drawings, frame, pool, bytes);
	if (err) {
		give_up(streaming, stream, err);
		return;
	}
	send_frame(streaming, stream, &frame->bytes, line, now_us);
	streaming->counts.frames++;
	streaming->counts.bytes += frame->bytes.len;
	if (stream->changed >= 2 * stream->usual)
		streaming->counts.dropped += (uint64_t)(stream->changed / stream->usual - 1);
	stream->frame_bytes = frame->bytes.len;
	stream->usual = (stream->usual * 15 + stream->changed) / 16;
	stream->usual = stream->usual < stream->changed ? stream->changed : stream->usual;
	if (stream->usual > clove_region_area(&stream->clip) || !stream->usual)
		stream->usual = clove_region_area(&stream->clip);
	stream->is_pending = false;
	stream->changed = 0;
	stream->sent_us = now_us;
	/* Encoding leaves the thread half of its time. */
	stream->rest_us = now_us + 2 * (clove_now_us() - began_us);
}

/* -- what the client says -- */

static struct stream *stream_of(struct clove_streaming *streaming, uint32_t id)
{
	FOR_EACH_STREAM(streaming, stream)
		if (stream->id == id)
			return stream;
	return NULL;
}

/* Frames should be there a little before they are shown. With sound the client's clock is the sound's:
 * then frames are dated as they were made, and wait for it. */
static void adjust_time(struct clove_streaming *streaming, struct stream *stream,
		const struct clove_display_stream_report *report)
{
	int32_t early = report->last_frame_delay, ahead = stream->ahead_ms;

	if (report->audio_delay == NO_AUDIO && (early > AHEAD_MOST_MS || early < AHEAD_LEAST_MS ||
			(early < 0 && ahead == AHEAD_MOST_MS)))
		streaming->is_clock_off = true;
	if (early > AHEAD_MOST_MS || early < -10 * AHEAD_MOST_MS)
		early = early > 0 ? AHEAD_MOST_MS : -AHEAD_MOST_MS;
	if (early < EARLY_MS)
		ahead += EARLY_MS - early + (report->num_drops ? EARLY_MS : 0);
	else if (early > EARLY_MOST_MS && !report->num_drops)
		ahead -= (early - EARLY_MOST_MS / 2) / 2;
	if (report->audio_delay != NO_AUDIO && ahead < 0)
		ahead = 0;
	stream->ahead_ms = ahead < AHEAD_LEAST_MS ? AHEAD_LEAST_MS : ahead > AHEAD_MOST_MS ?
			AHEAD_MOST_MS : ahead;
}

enum clove_err clove_streaming_report(struct clove_streaming *streaming,
		const struct clove_display_stream_report *report)
{
	struct stream *stream = stream_of(streaming, report->stream_id);

	if (report->stream_id >= IDS)
		return CLOVE_ERR_VALUE;
	if (!stream || stream->report_id != report->unique_id)
		return CLOVE_OK;
	if (!report->num_frames && report->num_drops == REPORT_CANNOT) {
		clove_log(INFO, "display", "%s: cannot decode streams; images are sent",
				streaming->channel->stream->peer);
		streaming->codec = NULL;
		return CLOVE_OK;
	}
	adjust_time(streaming, stream, report);
	return CLOVE_OK;
}

bool clove_streaming_asks_time(struct clove_streaming *streaming, uint64_t now_us)
{
	if (!streaming->is_clock_off || (streaming->told_time_us &&
			now_us - streaming->told_time_us < TELL_TIME_MS * UINT64_C(1000)))
		return false;
	streaming->is_clock_off = false;
	streaming->told_time_us = now_us;
	return true;
}

void clove_streaming_count(const struct clove_streaming *streaming, struct clove_streaming_counts *counts)
{
	*counts = streaming->counts;
}
