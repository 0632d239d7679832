/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* streams.c - when a frame of video is drawn or left out, and where it goes (spice-wire 9.8). */
#include "client-gtk/streams.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"
#include "common/util/list.h"
#include "common/util/log.h"
#include "common/util/loop.h"

enum {
	STREAMS = 64,                /* ids below */
	FRAME_PIXELS = 1 << 25,      /* 8192x4096 */
	FRAMES_WAITING = 64,         /* of one stream, for their time: two seconds */
	BYTES_WAITING = 32 << 20,    /* of all streams */
	FAR_MS = 5000,               /* a time as far away as this is none to wait for */
	LATE_MS = 100,               /* later than this is not worth drawing, */
	STILL_MS = 250,              /* unless the picture has stood still for so long */
	LATE_IN_A_ROW = 3,           /* are reported at once */
};

struct frame {
	struct clove_list link;
	uint32_t mm_time;
	bool is_sized;
	pixman_box32_t dest;         /* of a sized one */
	size_t size;
	uint8_t data[];
};

struct stream {
	bool is_there, has_clip;
	bool is_top_down;
	uint8_t codec;
	uint32_t surface_id;
	int64_t src_width, src_height; /* of a frame that is not sized, what of it is shown */
	pixman_box32_t dest;
	pixman_region32_t clip;
	struct clove_list frames;    /* oldest first */
	unsigned int n_frames;
	uint64_t drawn_ms;
	/* since the last report, if any are wanted */
	bool is_reported;
	uint32_t unique_id, max_window, timeout_ms;
	uint32_t n_reported, n_drops, start_mm, end_mm;
	unsigned int drops_in_a_row;
	int32_t delay;
	uint64_t since_ms;
};

struct clove_streams {
	const struct clove_mm_time *time;
	const struct clove_streams_events *events;
	struct clove_job_pool *pool;
	void *opaque;
	struct stream streams[STREAMS];
	struct clove_streams_counts counts;
	size_t bytes_waiting;
	uint8_t *scratch;            /* frames that do not go straight onto a surface */
	size_t scratch_size;
};

static struct stream *find(struct clove_streams *streams, uint32_t id)
{
	return id < STREAMS && streams->streams[id].is_there ? &streams->streams[id] : NULL;
}

/* -- reports -- */

static void send_report(struct clove_streams *streams, struct stream *stream)
{
	const struct clove_mm_time *time = streams->time;
	struct clove_display_stream_report report = {
		.stream_id = (uint32_t)(stream - streams->streams), .unique_id = stream->unique_id,
		.start_mm = stream->start_mm, .end_mm = stream->end_mm,
		.num_frames = stream->n_reported, .num_drops = stream->n_drops,
		.last_frame_delay = stream->delay,
		.audio_delay = time->is_heard ? time->audio_delay_ms : UINT32_MAX,
	};

	streams->events->report(streams->opaque, &report);
	stream->n_reported = stream->n_drops = stream->drops_in_a_row = 0;
}

/* A frame was drawn or not. */
static void note(struct clove_streams *streams, struct stream *stream, const struct frame *frame, bool is_drawn,
		uint64_t now_ms)
{
	if (is_drawn)
		streams->counts.frames++;
	else
		streams->counts.dropped++;
	if (!stream->is_reported)
		return;
	if (!stream->n_reported++) {
		stream->start_mm = frame->mm_time;
		stream->since_ms = now_ms;
	}
	stream->end_mm = frame->mm_time;
	stream->delay = clove_mm_time_until(streams->time, frame->mm_time, now_ms);
	stream->n_drops += !is_drawn;
	stream->drops_in_a_row = is_drawn ? 0 : stream->drops_in_a_row + 1;
	if (stream->n_reported >= stream->max_window || now_ms - stream->since_ms >= stream->timeout_ms ||
			stream->drops_in_a_row >= LATE_IN_A_ROW)
		send_report(streams, stream);
}

/* -- drawing -- */

static bool is_inside(const pixman_box32_t *box, const struct stream *stream, const struct clove_canvas *canvas)
{
	if (box->x1 < 0 || box->y1 < 0 || box->x2 > canvas->width || box->y2 > canvas->height)
		return false;
	return !stream->has_clip || pixman_region32_contains_rectangle((pixman_region32_t *)(uintptr_t)
			&stream->clip, (pixman_box32_t *)(uintptr_t)box) == PIXMAN_REGION_IN;
}

/* Upside down for frames whose last row is the top one. */
static struct clove_pixels rows(uint8_t *data, int32_t width, int32_t height, size_t stride,
		enum clove_format format, bool is_top_down)
{
	struct clove_pixels pixels = { data, width, height, (ptrdiff_t)stride, format };

	if (!is_top_down) {
		pixels.data += (size_t)(height - 1) * stride;
		pixels.stride = -pixels.stride;
	}
	return pixels;
}

static enum clove_err decode_straight(const struct clove_canvas *canvas, const pixman_box32_t *box,
		bool is_top_down, struct clove_bytes in, struct clove_job_pool *pool, pixman_region32_t *drawn)
{
	struct clove_pixels to = rows(canvas->data + (size_t)box->y1 * canvas->stride + (size_t)box->x1 * 4,
			box->x2 - box->x1, box->y2 - box->y1, canvas->stride,
			canvas->format == CLOVE_SURFACE_FMT_32_ARGB ? CLOVE_FORMAT_RGBA : CLOVE_FORMAT_RGB32,
			is_top_down);

	/* damaged data leave a part of the picture: that shows too */
	pixman_region32_union_rect(drawn, drawn, box->x1, box->y1, (unsigned int)to.width,
			(unsigned int)to.height);
	return clove_jpeg_decode_frame(in, &to, pool);
}

/* 0: video is not drawn on such a surface. */
static pixman_format_code_t pixman_format(uint32_t format)
{
	switch (format) {
	case CLOVE_SURFACE_FMT_16_555: return PIXMAN_x1r5g5b5;
	case CLOVE_SURFACE_FMT_16_565: return PIXMAN_r5g6b5;
	case CLOVE_SURFACE_FMT_32_XRGB: return PIXMAN_x8r8g8b8;
	case CLOVE_SURFACE_FMT_32_ARGB: return PIXMAN_a8r8g8b8;
	default: return 0;
	}
}

/* The part of `from` that `width` and `height` name, scaled to the box. The canvas blends the outermost
 * pixels of what it scales with what lies around; video has nothing around it. */
static enum clove_err draw_scaled(const struct clove_canvas *canvas, const pixman_box32_t *box,
		pixman_region32_t *region, uint8_t *from, size_t stride, int32_t width, int32_t height)
{
	const pixman_box32_t *seen = pixman_region32_extents(region);
	pixman_image_t *source = pixman_image_create_bits_no_clear(PIXMAN_x8r8g8b8, width, height,
			(uint32_t *)(void *)from, (int)stride);
	pixman_image_t *target = pixman_image_create_bits_no_clear(pixman_format(canvas->format),
			canvas->width, canvas->height, (uint32_t *)(void *)canvas->data, (int)canvas->stride);
	double across = (double)box->x2 - box->x1, down = (double)box->y2 - box->y1;
	enum clove_err err = CLOVE_ERR_NOMEM;
	pixman_transform_t scale;

	if (source && target && pixman_image_set_clip_region32(target, region)) {
		if (across != width || down != height) {
			pixman_transform_init_scale(&scale, pixman_double_to_fixed(width / across),
					pixman_double_to_fixed(height / down));
			pixman_image_set_transform(source, &scale);
			pixman_image_set_filter(source, PIXMAN_FILTER_BILINEAR, NULL, 0);
			pixman_image_set_repeat(source, PIXMAN_REPEAT_PAD);
		}
		pixman_image_composite32(PIXMAN_OP_SRC, source, NULL, target, seen->x1 - box->x1,
				seen->y1 - box->y1, 0, 0, seen->x1, seen->y1, seen->x2 - seen->x1,
				seen->y2 - seen->y1);
		err = CLOVE_OK;
	}
	if (source)
		pixman_image_unref(source);
	if (target)
		pixman_image_unref(target);
	return err;
}

static int32_t clamp(int32_t v, int32_t most)
{
	return v < 0 ? 0 : v > most ? most : v;
}

static enum clove_err decode_and_draw(struct clove_streams *streams, const struct stream *stream,
		const struct clove_canvas *canvas, const struct frame *frame,
		const struct clove_image_info *info, pixman_region32_t *drawn)
{
	const pixman_box32_t *box = frame->is_sized ? &frame->dest : &stream->dest;
	size_t stride = (size_t)info->width * 4, size = stride * (size_t)info->height;
	int32_t width = info->width, height = info->height;
	struct clove_pixels pixels;
	enum clove_err err;

	if (!pixman_format(canvas->format))
		return CLOVE_ERR_UNSUPPORTED;
	/* pixman counts in 16.16 */
	if (box->x1 < INT16_MIN || box->y1 < INT16_MIN || box->x2 > INT16_MAX || box->y2 > INT16_MAX)
		return CLOVE_ERR_LIMIT;
	if (streams->scratch_size < size) {
		free(streams->scratch);
		streams->scratch = malloc(size);
		streams->scratch_size = streams->scratch ? size : 0;
		if (!streams->scratch)
			return CLOVE_ERR_NOMEM;
	}
	pixels = rows(streams->scratch, width, height, stride, CLOVE_FORMAT_RGB32, stream->is_top_down);
	err = clove_jpeg_decode_frame(CLOVE_BYTES(frame->data, frame->size), &pixels, streams->pool);
	if (err)
		return err;
	if (!frame->is_sized && stream->src_width < width)
		width = (int32_t)stream->src_width;
	if (!frame->is_sized && stream->src_height < height)
		height = (int32_t)stream->src_height;
	pixman_region32_fini(drawn);
	pixman_region32_init_with_extents(drawn, &(pixman_box32_t){
			clamp(box->x1, canvas->width), clamp(box->y1, canvas->height),
			clamp(box->x2, canvas->width), clamp(box->y2, canvas->height) });
	if (stream->has_clip)
		pixman_region32_intersect(drawn, drawn, (pixman_region32_t *)(uintptr_t)&stream->clip);
	if (!pixman_region32_not_empty(drawn))
		return CLOVE_OK;
	return draw_scaled(canvas, box, drawn, streams->scratch, stride, width, height);
}

static enum clove_err draw_frame(struct clove_streams *streams, const struct stream *stream,
		const struct frame *frame, pixman_region32_t *drawn)
{
	const struct clove_canvas *canvas = streams->events->surface(streams->opaque, stream->surface_id);
	const pixman_box32_t *box = frame->is_sized ? &frame->dest : &stream->dest;
	struct clove_bytes in = { frame->data, frame->size };
	struct clove_image_info info;
	enum clove_err err;

	if (!canvas)
		return CLOVE_ERR_STATE;
	if (stream->has_clip && !pixman_region32_not_empty((pixman_region32_t *)(uintptr_t)&stream->clip))
		return CLOVE_OK;     /* not seen for now */
	err = clove_jpeg_probe(in, &info);
	if (err)
		return err;
	if ((int64_t)info.width * info.height > FRAME_PIXELS)
		return CLOVE_ERR_LIMIT;
	if (clove_canvas_bytes(canvas->format) == 4 && is_inside(box, stream, canvas) &&
			box->x2 - box->x1 == info.width && box->y2 - box->y1 == info.height &&
			(frame->is_sized || (stream->src_width >= info.width && stream->src_height >= info.height)))
		return decode_straight(canvas, box, stream->is_top_down, in, streams->pool, drawn);
	return decode_and_draw(streams, stream, canvas, frame, &info, drawn);
}

static void show(struct clove_streams *streams, struct stream *stream, const struct frame *frame, uint64_t now_ms)
{
	uint64_t start = clove_now_us();
	pixman_region32_t drawn;
	enum clove_err err;

	pixman_region32_init(&drawn);
	err = draw_frame(streams, stream, frame, &drawn);
	streams->counts.decode_us += clove_now_us() - start;
	if (err)
		clove_log_limited(WARN, "display", "a frame of video cannot be drawn: %s", clove_err_name(err));
	if (pixman_region32_not_empty(&drawn))
		streams->events->drawn(streams->opaque, stream->surface_id, &drawn);
	pixman_region32_fini(&drawn);
	stream->drawn_ms = now_ms;
	note(streams, stream, frame, !err, now_ms);
}

/* -- time -- */

static void drop(struct clove_streams *streams, struct stream *stream, struct frame *frame)
{
	stream->n_frames--;
	streams->bytes_waiting -= frame->size;
	clove_list_remove(&frame->link);
	free(frame);
}

static struct frame *first(const struct stream *stream)
{
	return stream->n_frames ? CLOVE_CONTAINER(stream->frames.next, struct frame, link) : NULL;
}

/* 0: due; below: so late. A time of 0 is none. */
static int32_t until(const struct clove_streams *streams, const struct frame *frame, uint64_t now_ms)
{
	int32_t wait = clove_mm_time_until(streams->time, frame->mm_time, now_ms);

	return streams->time->is_heard && frame->mm_time && wait < FAR_MS && wait > -FAR_MS ? wait : 0;
}

static int32_t show_one(struct clove_streams *streams, struct stream *stream, uint64_t now_ms)
{
	struct frame *newest = NULL, *next;

	while ((next = first(stream)) && until(streams, next, now_ms) <= 0) {
		if (newest) {
			note(streams, stream, newest, false, now_ms);
			free(newest);
		}
		clove_list_remove(&next->link);
		stream->n_frames--;
		streams->bytes_waiting -= next->size;
		newest = next;
	}
	if (newest && until(streams, newest, now_ms) < -LATE_MS && now_ms - stream->drawn_ms < STILL_MS)
		note(streams, stream, newest, false, now_ms);
	else if (newest)
		show(streams, stream, newest, now_ms);
	free(newest);
	return next ? until(streams, next, now_ms) : -1;
}

int32_t clove_streams_show(struct clove_streams *streams, uint64_t now_ms)
{
	int32_t soonest = -1;

	for (int i = 0; i < STREAMS; i++) {
		int32_t wait = streams->streams[i].n_frames ?
				show_one(streams, &streams->streams[i], now_ms) : -1;

		if (wait >= 0 && (soonest < 0 || wait < soonest))
			soonest = wait;
	}
	return soonest;
}

/* -- messages -- */

static pixman_box32_t box_of(const struct clove_rect *rect)
{
	return (pixman_box32_t){ rect->left, rect->top, rect->right, rect->bottom };
}

static void set_clip(struct stream *stream, pixman_region32_t *take_clip, bool has_clip)
{
	pixman_region32_fini(&stream->clip);
	stream->clip = *take_clip;
	stream->has_clip = has_clip;
}

static enum clove_err make_clip(struct clove_streams *streams, uint32_t surface_id, const struct clove_clip *clip,
		pixman_region32_t *region)
{
	const struct clove_canvas *canvas = streams->events->surface(streams->opaque, surface_id);
	enum clove_err err = CLOVE_OK;

	pixman_region32_init(region);
	if (!canvas)
		return CLOVE_ERR_STATE;
	if (clip->type == CLOVE_CLIP_RECTS) {
		pixman_region32_fini(region);
		err = clove_canvas_clip(clip, canvas, region);
	}
	if (err)
		pixman_region32_fini(region);
	return err;
}

static void destroy(struct clove_streams *streams, struct stream *stream)
{
	struct frame *frame;

	if (!stream->is_there)
		return;
	while ((frame = first(stream)))
		drop(streams, stream, frame);
	pixman_region32_fini(&stream->clip);
	*stream = (struct stream){ 0 };
	if (!--streams->counts.streams) {
		free(streams->scratch);
		streams->scratch = NULL;
		streams->scratch_size = 0;
	}
}

enum clove_err clove_streams_create(struct clove_streams *streams,
		const struct clove_display_stream_create *create)
{
	struct stream *stream = &streams->streams[create->id % STREAMS];
	pixman_region32_t clip;
	enum clove_err err;

	if (create->id >= STREAMS)
		return CLOVE_ERR_BOUNDS;
	if (create->dest.left >= create->dest.right || create->dest.top >= create->dest.bottom)
		return CLOVE_ERR_VALUE;
	err = make_clip(streams, create->surface_id, &create->clip, &clip);
	if (err)
		return err;
	destroy(streams, stream);
	*stream = (struct stream){
		.is_there = true, .is_top_down = create->flags & CLOVE_STREAM_TOP_DOWN, .codec = create->codec,
		.surface_id = create->surface_id, .dest = box_of(&create->dest),
		.src_width = create->src_width ? create->src_width : INT64_MAX,
		.src_height = create->src_height ? create->src_height : INT64_MAX,
	};
	pixman_region32_init(&stream->clip);
	set_clip(stream, &clip, create->clip.type == CLOVE_CLIP_RECTS);
	clove_list_init(&stream->frames);
	streams->counts.streams++;
	return CLOVE_OK;
}

enum clove_err clove_streams_activate_report(struct clove_streams *streams,
		const struct clove_display_stream_activate_report *activate)
{
	struct stream *stream = find(streams, activate->stream_id);

	if (!stream)
		return CLOVE_ERR_STATE;
	stream->is_reported = true;
	stream->unique_id = activate->unique_id;
	stream->max_window = activate->max_window;
	stream->timeout_ms = activate->timeout_ms;
	stream->n_reported = stream->n_drops = stream->drops_in_a_row = 0;
	if (stream->codec == CLOVE_VIDEO_CODEC_MJPEG)
		return CLOVE_OK;
	/* "cannot decode": the server goes back to images */
	stream->n_drops = UINT32_MAX;
	send_report(streams, stream);
	stream->is_reported = false;
	return CLOVE_OK;
}

enum clove_err clove_streams_clip(struct clove_streams *streams, const struct clove_display_stream_clip *clip)
{
	struct stream *stream = find(streams, clip->id);
	pixman_region32_t region;
	enum clove_err err;

	if (!stream)
		return CLOVE_ERR_STATE;
	err = make_clip(streams, stream->surface_id, &clip->clip, &region);
	if (!err)
		set_clip(stream, &region, clip->clip.type == CLOVE_CLIP_RECTS);
	return err;
}

enum clove_err clove_streams_destroy(struct clove_streams *streams, uint32_t id)
{
	struct stream *stream = find(streams, id);

	if (!stream)
		return CLOVE_ERR_STATE;
	destroy(streams, stream);
	return CLOVE_OK;
}

void clove_streams_destroy_all(struct clove_streams *streams)
{
	for (int i = 0; i < STREAMS; i++)
		destroy(streams, &streams->streams[i]);
}

static enum clove_err add_frame(struct clove_streams *streams, uint32_t id, struct clove_bytes data,
		const struct frame *head, uint64_t now_ms)
{
	struct stream *stream = find(streams, id);
	struct frame *frame;

	if (!stream)
		return CLOVE_ERR_STATE;
	if (stream->codec != CLOVE_VIDEO_CODEC_MJPEG)
		return CLOVE_ERR_UNSUPPORTED;
	if (data.len > BYTES_WAITING)
		return CLOVE_ERR_LIMIT;
	/* at once: the newest wins; in time: there is room for so many */
	while ((frame = first(stream)) && (!streams->time->is_heard || stream->n_frames == FRAMES_WAITING ||
			data.len > BYTES_WAITING - streams->bytes_waiting)) {
		note(streams, stream, frame, false, now_ms);
		drop(streams, stream, frame);
	}
	if (data.len > BYTES_WAITING - streams->bytes_waiting)
		return CLOVE_ERR_LIMIT;
	frame = malloc(sizeof *frame + data.len);
	if (!frame)
		return CLOVE_ERR_NOMEM;
	*frame = *head;
	frame->size = data.len;
	if (data.len)
		memcpy(frame->data, data.data, data.len);
	clove_list_append(&stream->frames, &frame->link);
	stream->n_frames++;
	streams->bytes_waiting += data.len;
	return CLOVE_OK;
}

enum clove_err clove_streams_data(struct clove_streams *streams, const struct clove_display_stream_data *data,
		uint64_t now_ms)
{
	const struct frame head = { .mm_time = data->mm_time };

	return add_frame(streams, data->id, data->data, &head, now_ms);
}

enum clove_err clove_streams_data_sized(struct clove_streams *streams,
		const struct clove_display_stream_data_sized *data, uint64_t now_ms)
{
	const struct frame head = { .mm_time = data->mm_time, .is_sized = true, .dest = box_of(&data->dest) };

	if (head.dest.x1 >= head.dest.x2 || head.dest.y1 >= head.dest.y2)
		return CLOVE_ERR_VALUE;
	return add_frame(streams, data->id, data->data, &head, now_ms);
}

/* -- birth and death -- */

struct clove_streams *clove_streams_new(const struct clove_mm_time *time,
		const struct clove_streams_events *events, struct clove_job_pool *pool, void *opaque)
{
	struct clove_streams *streams = calloc(1, sizeof *streams);

	if (!streams)
		return NULL;
	streams->time = time;
	streams->events = events;
	streams->pool = pool;
	streams->opaque = opaque;
	return streams;
}

void clove_streams_free(struct clove_streams *streams)
{
	if (!streams)
		return;
	clove_streams_destroy_all(streams);
	free(streams);
}

void clove_streams_count(const struct clove_streams *streams, struct clove_streams_counts *counts)
{
	*counts = streams->counts;
}
