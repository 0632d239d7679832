/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-channel.c - what the viewer does about each message of a display channel. */
#include "client-gtk/display-channel.h"

#include <stdlib.h>
#include <string.h>
#include "client-gtk/image-cache.h"
#include "client-gtk/straight.h"
#include "client-gtk/streams.h"
#include "common/canvas/canvas.h"
#include "common/net/channel.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"

enum {
	SURFACES = 4096,                 /* guests have 1024 at most */
	HEADS_MOST = 256,
	DAMAGE_BOXES = 64,               /* a region of more is told as its extents */
	LOOK_AGAIN_MS = 5,               /* at what other display channels have done meanwhile */
	WAIT_MS = 10000,                 /* for them, at most */
	BUSY_US = 16000,                 /* after so much work others have their turn */
	IMAGES = 3,                      /* in one message: source, brush, mask; or two brushes */
};
/* The largest image, raw, and what describes it. */
static const uint32_t BODY_MOST = (uint32_t)(CLOVE_IMAGE_PIXELS_MAX * 4) + (1 << 20);

/* An image of the message that is being handled. It stays while the message waits for another one. */
struct held {
	bool is_there;
	struct clove_picture *picture;
};

struct clove_display_channel {
	struct clove_channel channel;    /* first, so that a channel is a display */
	struct clove_pictures *pictures;
	struct clove_pictures_member member;
	const struct clove_display_events *events;
	void *opaque;
	struct clove_timer *report_timer, *wait_timer, *frame_timer;
	struct clove_streams *streams;
	struct clove_straight *straight;
	struct clove_palettes palettes;
	struct clove_canvas *surfaces[SURFACES];
	uint32_t *wide;                  /* a 16-bit primary in 32 bits */
	pixman_region32_t damage;        /* of the primary, not yet told */
	bool is_marked, is_mark_told, is_waiting, is_late;
	bool is_held, is_resting;        /* either pauses the channel; the timer ends a rest */
	uint64_t waiting_since;          /* ms */
	uint64_t rested_at;              /* decode_us and draw_us then */
	struct held held[IMAGES];
	struct clove_display_counts counts;
};

/* -- what the owner is told -- */

static struct clove_canvas *primary(const struct clove_display_channel *display)
{
	return display->surfaces[0];
}

static void report_soon(struct clove_display_channel *display)
{
	clove_timer_start(display->channel.loop, display->report_timer, 0);
}

static void widen(struct clove_display_channel *display)
{
	const struct clove_canvas *canvas = primary(display);
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(&display->damage, &n);

	for (int i = 0; i < n; i++) {
		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
			uint32_t *to = display->wide + (size_t)y * (size_t)canvas->width + boxes[i].x1;

			clove_canvas_read(canvas, boxes[i].x1, y, boxes[i].x2 - boxes[i].x1, to);
		}
	}
}

/* Frames of video that are due; the next one sets the timer. */
static void show_frames(void *opaque)
{
	struct clove_display_channel *display = opaque;
	int32_t wait = display->streams ? clove_streams_show(display->streams, clove_now_ms()) : -1;

	if (wait >= 0)
		clove_timer_start(display->channel.loop, display->frame_timer, (uint32_t)wait);
}

static void report(void *opaque)
{
	struct clove_display_channel *display = opaque;
	const struct clove_display_events *events = display->events;

	show_frames(display);
	if (primary(display) && pixman_region32_not_empty(&display->damage)) {
		pixman_region32_t damage;

		if (display->wide)
			widen(display);
		pixman_region32_init(&damage);
		if (pixman_region32_n_rects(&display->damage) > DAMAGE_BOXES)
			pixman_region32_reset(&damage, pixman_region32_extents(&display->damage));
		else
			pixman_region32_copy(&damage, &display->damage);
		pixman_region32_clear(&display->damage);
		display->counts.frames++;
		if (events->changed)
			events->changed(display->opaque, &damage);
		pixman_region32_fini(&damage);
	}
	if (primary(display) && display->is_marked && !display->is_mark_told) {
		display->is_mark_told = true;
		if (events->marked)
			events->marked(display->opaque);
	}
}

/* -- surfaces -- */

static size_t surface_bytes(const struct clove_canvas *canvas)
{
	return canvas->stride * (size_t)canvas->height;
}

/* With the owner's copy of a primary, what is on its way into that, and a form for it to be read in. */
static uint64_t cost(const struct clove_canvas *canvas, uint32_t id)
{
	uint64_t copy = (uint64_t)canvas->width * (uint64_t)canvas->height * 4;

	return surface_bytes(canvas) + (id ? 0 : clove_canvas_bytes(canvas->format) == 4 ? 2 * copy : 3 * copy);
}

static void destroy_surface(struct clove_display_channel *display, uint32_t id)
{
	struct clove_canvas *canvas = id < SURFACES ? display->surfaces[id] : NULL;

	if (!canvas)
		return;
	show_frames(display);
	if (id == 0) {
		/* what was drawn last has been seen */
		report(display);
		if (display->events && display->events->primary_went)
			display->events->primary_went(display->opaque);
		display->is_marked = display->is_mark_told = false;
		pixman_region32_clear(&display->damage);
		free(display->wide);
		display->wide = NULL;
	}
	display->pictures->surface_bytes -= cost(canvas, id);
	display->surfaces[id] = NULL;
	free(canvas->data);
	free(canvas);
}

static enum clove_err create_surface(struct clove_display_channel *display, uint32_t id, uint32_t width,
		uint32_t height, uint32_t format)
{
	size_t bytes = clove_canvas_bytes(format);
	struct clove_canvas *canvas;
	enum clove_err err = clove_pixels_check_size(width, height);

	if (err)
		return err;
	if (id >= SURFACES || (int64_t)width * height > CLOVE_IMAGE_PIXELS_MAX)
		return CLOVE_ERR_LIMIT;
	if (!bytes)
		return CLOVE_ERR_VALUE;
	destroy_surface(display, id);
	canvas = calloc(1, sizeof *canvas);
	if (!canvas)
		return CLOVE_ERR_NOMEM;
	*canvas = (struct clove_canvas){ NULL, (int32_t)width, (int32_t)height,
			(width * bytes + 3) & ~(size_t)3, format };
	if (display->pictures->surface_bytes + cost(canvas, id) > CLOVE_PICTURES_SURFACES)
		err = CLOVE_ERR_LIMIT;
	else
		canvas->data = calloc(1, surface_bytes(canvas));
	if (!err && id == 0 && bytes != 4)
		display->wide = calloc((size_t)width * height, sizeof *display->wide);
	if (err || !canvas->data || (id == 0 && bytes != 4 && !display->wide)) {
		free(canvas->data);
		free(canvas);
		return err ? err : CLOVE_ERR_NOMEM;
	}
	display->surfaces[id] = canvas;
	display->pictures->surface_bytes += cost(canvas, id);
	if (id == 0 && display->events->primary_came)
		display->events->primary_came(display->opaque, canvas->width, canvas->height);
	return CLOVE_OK;
}

static const struct clove_canvas *find_surface(const struct clove_display_channel *display, uint32_t id)
{
	return id < SURFACES ? display->surfaces[id] : NULL;
}

/* -- video -- */

static const struct clove_canvas *stream_surface(void *opaque, uint32_t id)
{
	return find_surface(opaque, id);
}

static void stream_drawn(void *opaque, uint32_t surface_id, pixman_region32_t *region)
{
	struct clove_display_channel *display = opaque;

	if (surface_id)
		return;
	pixman_region32_union(&display->damage, &display->damage, region);
	report_soon(display);
}

static void stream_report(void *opaque, const struct clove_display_stream_report *message)
{
	struct clove_display_channel *display = opaque;

	clove_channel_send(&display->channel, CLOVE_DISPLAY_STREAM_REPORT, message);
}

static const struct clove_streams_events stream_events = { stream_surface, stream_drawn, stream_report };

static enum clove_err on_stream_create(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	return clove_streams_create(display->streams, message);
}

static enum clove_err on_stream_data(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	report_soon(display);
	return clove_streams_data(display->streams, message, clove_now_ms());
}

static enum clove_err on_stream_data_sized(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	report_soon(display);
	return clove_streams_data_sized(display->streams, message, clove_now_ms());
}

/* What came before was to be seen where the old clip lets it. */
static enum clove_err on_stream_clip(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	show_frames(display);
	return clove_streams_clip(display->streams, message);
}

static enum clove_err on_stream_destroy(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	const struct clove_display_stream_destroy *destroy = message;

	show_frames(display);
	return clove_streams_destroy(display->streams, destroy->id);
}

static enum clove_err on_stream_destroy_all(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	(void)message;
	show_frames(display);
	clove_streams_destroy_all(display->streams);
	return CLOVE_OK;
}

static enum clove_err on_stream_activate_report(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	return clove_streams_activate_report(display->streams, message);
}

/* -- waiting for other display channels (spice-wire 9.10) -- */

static void stop_waiting(struct clove_display_channel *display)
{
	display->is_waiting = false;
	display->is_late = false;
}

static bool may_wait(const struct clove_display_channel *display)
{
	return clove_pictures_has_others(display->pictures, &display->member) && !display->is_late;
}

static void update_pause(struct clove_display_channel *display)
{
	if (display->is_held || display->is_resting)
		clove_channel_pause(&display->channel);
	else
		clove_channel_resume(&display->channel);
}

static void rest_for(struct clove_display_channel *display, uint32_t ms)
{
	display->is_resting = true;
	update_pause(display);
	clove_timer_start(display->channel.loop, display->wait_timer, ms);
}

/* CLOVE_ERR_AGAIN: the message will come again. CLOVE_ERR_STATE: there is nobody to wait for, or it
 * has taken too long. */
static enum clove_err wait(struct clove_display_channel *display)
{
	if (!may_wait(display))
		return CLOVE_ERR_STATE;
	if (!display->is_waiting)
		display->waiting_since = clove_now_ms();
	display->is_waiting = true;
	rest_for(display, LOOK_AGAIN_MS);
	return CLOVE_ERR_AGAIN;
}

static void look_again(void *opaque)
{
	struct clove_display_channel *display = opaque;

	display->is_late = display->is_waiting && clove_now_ms() - display->waiting_since > WAIT_MS;
	display->is_resting = false;
	update_pause(display);
}

static enum clove_err wait_for(struct clove_display_channel *display,
		const struct clove_wait_for_channels *wait_for_channels)
{
	for (uint32_t i = 0; i < wait_for_channels->count; i++) {
		const struct clove_channel_wait *one = &wait_for_channels->channels[i];
		const struct clove_channel *other = clove_pictures_find(display->pictures, one->channel_id);

		if (one->channel_type != CLOVE_CHANNEL_DISPLAY || !other || other == &display->channel ||
				other->received_serial >= one->message_serial)
			continue;
		enum clove_err err = wait(display);
		if (err == CLOVE_ERR_AGAIN)
			return err;
		clove_log_limited(WARN, "display", "channel %u: display %u does not get to message %llu",
				display->channel.id, one->channel_id, (unsigned long long)one->message_serial);
		break;
	}
	stop_waiting(display);
	return CLOVE_OK;
}

static enum clove_err on_wait_for_channels(void *channel, const void *message)
{
	return wait_for(channel, message);
}

/* A server that sends without end would keep other channels from ever being read, and what was drawn
 * from being told. */
static void rest(struct clove_display_channel *display)
{
	uint64_t busy = display->counts.decode_us + display->counts.draw_us;

	if (busy - display->rested_at < BUSY_US)
		return;
	display->rested_at = busy;
	rest_for(display, 0);
}

/* -- images -- */

/* One that was decoded. */
static void count_image(struct clove_display_channel *display, const struct clove_image *image)
{
	enum clove_kind kind = clove_kind_of(image->type);

	display->counts.images++;
	if (kind < CLOVE_KINDS)
		display->counts.by_kind[kind]++;
}

static bool is_lossy_enough(const struct clove_picture *picture, uint8_t type)
{
	return type == CLOVE_IMAGE_TYPE_FROM_CACHE || !picture->is_lossy;
}

static enum clove_err get_picture(struct clove_display_channel *display, const struct clove_image *image,
		struct clove_picture **picture)
{
	const uint8_t keep = CLOVE_IMAGE_FLAG_CACHE_ME | CLOVE_IMAGE_FLAG_CACHE_REPLACE_ME;
	struct clove_image_cache *cache = display->pictures->cache;
	enum clove_err err;

	if (image->type == CLOVE_IMAGE_TYPE_FROM_CACHE || image->type == CLOVE_IMAGE_TYPE_FROM_CACHE_LOSSLESS) {
		struct clove_picture *found = clove_image_cache_find(cache, image->id);

		if (!found || !is_lossy_enough(found, image->type))
			return wait(display);
		*picture = clove_picture_ref(found);
		display->counts.by_kind[CLOVE_KIND_CACHE]++;
		return CLOVE_OK;
	}

	uint64_t start = clove_now_us();
	struct clove_image_decoding how = { .palettes = &display->palettes,
			.dictionary = display->pictures->dictionary, .is_kept = image->flags & keep,
			.is_last_try = !may_wait(display) };

	err = clove_image_decode(image, &how, picture);
	display->counts.decode_us += clove_now_us() - start;
	if (err == CLOVE_ERR_AGAIN)
		return wait(display);
	if (err)
		return err;
	count_image(display, image);
	if (image->flags & keep)
		clove_image_cache_put(cache, image->id, *picture);
	return CLOVE_OK;
}

/* Makes an image of the message ready to be drawn; NULL is none. */
static enum clove_err resolve(struct clove_display_channel *display, int slot, const struct clove_image *image,
		struct clove_canvas_image *source)
{
	struct held *held = &display->held[slot];

	*source = (struct clove_canvas_image){ .kind = CLOVE_CANVAS_NO_IMAGE };
	if (!image)
		return CLOVE_OK;
	if (image->type == CLOVE_IMAGE_TYPE_SURFACE) {
		source->kind = CLOVE_CANVAS_SURFACE;
		source->surface = find_surface(display, image->surface.surface_id);
		return source->surface ? CLOVE_OK : CLOVE_ERR_STATE;
	}
	if (!held->is_there) {
		enum clove_err err = get_picture(display, image, &held->picture);

		if (err)
			return err;
		held->is_there = true;
	}
	*source = (struct clove_canvas_image){
		.kind = CLOVE_CANVAS_PIXELS,
		.pixels = held->picture->pixels,
		.palette = held->picture->palette,
		.has_high_bits = held->picture->has_high_bits,
	};
	return CLOVE_OK;
}

/* Pictures that borrow from the message do not outlive the handler. */
static void release_images(struct clove_display_channel *display, bool comes_again)
{
	for (int i = 0; i < IMAGES; i++) {
		struct held *held = &display->held[i];

		if (!held->is_there || (comes_again && held->picture->own))
			continue;
		clove_picture_unref(held->picture);
		*held = (struct held){ 0 };
	}
}

/* -- drawing -- */

/* The images of a drawing, in the order of their slots. */
struct images {
	const struct clove_image *src, *pattern, *mask, *back;
};

static pixman_box32_t box_of(const struct clove_rect *rect)
{
	return (pixman_box32_t){ rect->left, rect->top, rect->right, rect->bottom };
}

static void set_brush(struct clove_canvas_brush *to, const struct clove_brush *brush,
		const struct clove_image **pattern)
{
	to->type = brush->type;
	if (brush->type == CLOVE_BRUSH_SOLID) {
		to->color = brush->color;
	} else if (brush->type == CLOVE_BRUSH_PATTERN) {
		to->x = brush->pattern.pos.x;
		to->y = brush->pattern.pos.y;
		*pattern = brush->pattern.image;
	}
}

static void set_mask(struct clove_canvas_mask *to, const struct clove_qmask *mask, const struct clove_image **bitmap)
{
	to->is_inverse = mask->flags & CLOVE_MASK_INVERTED;
	to->x = mask->pos.x;
	to->y = mask->pos.y;
	*bitmap = mask->bitmap;
}

static enum clove_err draw_clipped(struct clove_display_channel *display, struct clove_drawing *d,
		const struct clove_display_base *base)
{
	const struct clove_canvas *target = find_surface(display, base->surface_id);
	pixman_region32_t clip;
	enum clove_err err;

	if (!target)
		return CLOVE_ERR_STATE;
	d->box = box_of(&base->box);
	if (base->clip.type != CLOVE_CLIP_RECTS)
		return clove_canvas_draw(target, d, base->surface_id ? NULL : &display->damage, NULL);
	err = clove_canvas_clip(&base->clip, target, &clip);
	d->clip = &clip;
	if (!err)
		err = clove_canvas_draw(target, d, base->surface_id ? NULL : &display->damage, NULL);
	d->clip = NULL;
	pixman_region32_fini(&clip);
	return err;
}

/* Every image is decoded whatever becomes of the drawing: later ones may refer to it. */
static enum clove_err draw(struct clove_display_channel *display, struct clove_drawing *d,
		const struct clove_display_base *base, const struct images *images)
{
	const struct {
		const struct clove_image *image;
		struct clove_canvas_image *source;
	} rows[IMAGES] = {
		{ images->src, &d->src },
		{ images->pattern, &d->brush.pattern },
		{ images->mask ? images->mask : images->back,
			images->back ? &d->back.pattern : d->type == CLOVE_DRAW_COMPOSITE ?
			&d->composite_mask : &d->mask.bitmap },
	};
	enum clove_err err = CLOVE_OK;

	for (int i = 0; i < IMAGES; i++) {
		enum clove_err one = resolve(display, i, rows[i].image, rows[i].source);

		if (one == CLOVE_ERR_AGAIN) {
			release_images(display, true);
			return one;
		}
		err = err ? err : one;
	}
	stop_waiting(display);
	show_frames(display);

	uint64_t start = clove_now_us();

	if (!err)
		err = draw_clipped(display, d, base);
	display->counts.draw_us += clove_now_us() - start;
	release_images(display, false);
	rest(display);
	if (err) {
		display->counts.skipped++;
		return err;
	}
	display->counts.drawings++;
	if (base->surface_id == 0)
		report_soon(display);
	return CLOVE_OK;
}

static enum clove_err on_copy_bits(void *channel, const void *message)
{
	const struct clove_display_copy_bits *copy = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_COPY_BITS, .src_x = copy->src_pos.x,
			.src_y = copy->src_pos.y };

	return draw(channel, &d, &copy->base, &(struct images){ 0 });
}

static enum clove_err on_fill(void *channel, const void *message)
{
	const struct clove_display_draw_fill *fill = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_FILL, .rop = fill->rop };
	struct images images = { 0 };

	set_brush(&d.brush, &fill->brush, &images.pattern);
	set_mask(&d.mask, &fill->mask, &images.mask);
	return draw(channel, &d, &fill->base, &images);
}

static enum clove_err on_opaque(void *channel, const void *message)
{
	const struct clove_display_draw_opaque *opaque = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_OPAQUE, .rop = opaque->rop,
			.scale_mode = opaque->scale, .src_area = box_of(&opaque->src_area) };
	struct images images = { .src = opaque->src };

	set_brush(&d.brush, &opaque->brush, &images.pattern);
	set_mask(&d.mask, &opaque->mask, &images.mask);
	return draw(channel, &d, &opaque->base, &images);
}

/* Without the canvas. CLOVE_ERR_UNSUPPORTED: this is none of those, and nothing was done. */
static enum clove_err draw_straight(struct clove_display_channel *display,
		const struct clove_display_draw_copy *copy)
{
	const struct clove_canvas *canvas = find_surface(display, copy->base.surface_id);
	struct clove_pixels rows;
	struct clove_image_decoding how = { .into = &rows, .dictionary = display->pictures->dictionary,
			.is_last_try = !may_wait(display) };
	struct clove_picture *picture;
	uint64_t start = clove_now_us();
	enum clove_err err;

	if (!canvas || !clove_straight_rows(canvas, copy, &rows))
		return CLOVE_ERR_UNSUPPORTED;
	show_frames(display);
	if (clove_image_is_pure(copy->src)) {
		err = clove_straight_decode(display->straight, &display->channel, canvas, copy);
	} else {
		err = clove_image_decode(copy->src, &how, &picture);
		if (!err)
			clove_picture_unref(picture);
	}
	display->counts.decode_us += clove_now_us() - start;
	if (err == CLOVE_ERR_UNSUPPORTED)
		return err;
	if (err == CLOVE_ERR_AGAIN)
		return wait(display);
	stop_waiting(display);
	if (copy->base.surface_id == 0) {
		pixman_region32_union_rect(&display->damage, &display->damage, copy->base.box.left,
				copy->base.box.top, (unsigned int)rows.width, (unsigned int)rows.height);
		report_soon(display);
	}
	rest(display);
	if (err) {
		display->counts.skipped++;
		return err;
	}
	count_image(display, copy->src);
	display->counts.drawings++;
	return CLOVE_OK;
}

static enum clove_err copy_or_blend(void *channel, const struct clove_display_draw_copy *copy,
		enum clove_draw type)
{
	struct clove_drawing d = { .type = type, .rop = copy->rop, .scale_mode = copy->scale,
			.src_area = box_of(&copy->src_area) };
	struct images images = { .src = copy->src };

	set_mask(&d.mask, &copy->mask, &images.mask);
	return draw(channel, &d, &copy->base, &images);
}

static enum clove_err on_copy(void *channel, const void *message)
{
	enum clove_err err = draw_straight(channel, message);

	return err == CLOVE_ERR_UNSUPPORTED ? copy_or_blend(channel, message, CLOVE_DRAW_COPY) : err;
}

static enum clove_err on_blend(void *channel, const void *message)
{
	return copy_or_blend(channel, message, CLOVE_DRAW_BLEND);
}

static enum clove_err draw_masked(void *channel, const struct clove_display_draw_mask *masked,
		enum clove_draw type)
{
	struct clove_drawing d = { .type = type };
	struct images images = { 0 };

	set_mask(&d.mask, &masked->mask, &images.mask);
	return draw(channel, &d, &masked->base, &images);
}

static enum clove_err on_blackness(void *channel, const void *message)
{
	return draw_masked(channel, message, CLOVE_DRAW_BLACKNESS);
}

static enum clove_err on_whiteness(void *channel, const void *message)
{
	return draw_masked(channel, message, CLOVE_DRAW_WHITENESS);
}

static enum clove_err on_invers(void *channel, const void *message)
{
	return draw_masked(channel, message, CLOVE_DRAW_INVERS);
}

static enum clove_err on_rop3(void *channel, const void *message)
{
	const struct clove_display_draw_rop3 *rop3 = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_ROP3, .rop = rop3->rop3, .scale_mode = rop3->scale,
			.src_area = box_of(&rop3->src_area) };
	struct images images = { .src = rop3->src };

	set_brush(&d.brush, &rop3->brush, &images.pattern);
	set_mask(&d.mask, &rop3->mask, &images.mask);
	return draw(channel, &d, &rop3->base, &images);
}

static enum clove_err on_stroke(void *channel, const void *message)
{
	const struct clove_display_draw_stroke *stroke = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_STROKE, .rop = stroke->fore_mode,
			.path = stroke->path, .attr = &stroke->attr };
	struct images images = { 0 };

	set_brush(&d.brush, &stroke->brush, &images.pattern);
	return draw(channel, &d, &stroke->base, &images);
}

static enum clove_err on_text(void *channel, const void *message)
{
	const struct clove_display_draw_text *text = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_TEXT, .string = text->string,
			.back_area = box_of(&text->back_area) };
	struct images images = { 0 };

	set_brush(&d.brush, &text->fore_brush, &images.pattern);
	set_brush(&d.back, &text->back_brush, &images.back);
	return draw(channel, &d, &text->base, &images);
}

static enum clove_err on_transparent(void *channel, const void *message)
{
	const struct clove_display_draw_transparent *transparent = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_TRANSPARENT, .true_color = transparent->true_color,
			.src_area = box_of(&transparent->src_area) };

	return draw(channel, &d, &transparent->base, &(struct images){ .src = transparent->src });
}

static enum clove_err on_alpha_blend(void *channel, const void *message)
{
	const struct clove_display_draw_alpha_blend *blend = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_ALPHA_BLEND, .alpha = blend->alpha,
			.alpha_flags = blend->alpha_flags, .src_area = box_of(&blend->src_area) };

	return draw(channel, &d, &blend->base, &(struct images){ .src = blend->src });
}

static enum clove_err on_composite(void *channel, const void *message)
{
	const struct clove_display_draw_composite *composite = message;
	struct clove_drawing d = { .type = CLOVE_DRAW_COMPOSITE, .composite = composite };
	struct images images = { .src = composite->src };

	if (composite->flags & CLOVE_COMPOSITE_HAS_MASK)
		images.mask = composite->mask;
	return draw(channel, &d, &composite->base, &images);
}

/* -- the screen as a whole -- */

static enum clove_err on_mode(void *channel, const void *message)
{
	const struct clove_display_mode *mode = message;

	return create_surface(channel, 0, mode->x_res, mode->y_res, mode->bits == 16 ?
			CLOVE_SURFACE_FMT_16_555 : CLOVE_SURFACE_FMT_32_XRGB);
}

static enum clove_err on_mark(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	(void)message;
	if (!primary(display))
		return CLOVE_ERR_STATE;
	display->is_marked = true;
	report_soon(display);
	return CLOVE_OK;
}

static enum clove_err on_reset(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	struct clove_canvas *canvas = primary(display);

	(void)message;
	clove_palettes_clear(&display->palettes);
	if (!canvas)
		return CLOVE_OK;
	memset(canvas->data, 0, surface_bytes(canvas));
	pixman_region32_union_rect(&display->damage, &display->damage, 0, 0, (unsigned int)canvas->width,
			(unsigned int)canvas->height);
	report_soon(display);
	return CLOVE_OK;
}

static enum clove_err on_inval_list(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	const struct clove_display_inval_list *list = message;

	for (uint32_t i = 0; i < list->count; i++)
		if (list->resources[i].type == CLOVE_RESOURCE_PIXMAP)
			clove_image_cache_remove(display->pictures->cache, list->resources[i].id);
	return CLOVE_OK;
}

static enum clove_err on_inval_all_pixmaps(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	enum clove_err err = wait_for(display, message);

	if (!err)
		clove_image_cache_clear(display->pictures->cache);
	return err;
}

static enum clove_err on_inval_palette(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	const struct clove_display_inval_palette *palette = message;

	clove_palettes_remove(&display->palettes, palette->unique);
	return CLOVE_OK;
}

static enum clove_err on_inval_all_palettes(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;

	(void)message;
	clove_palettes_clear(&display->palettes);
	return CLOVE_OK;
}

static enum clove_err on_surface_create(void *channel, const void *message)
{
	const struct clove_display_surface_create *create = message;

	return create_surface(channel, create->surface_id, create->width, create->height, create->format);
}

static enum clove_err on_surface_destroy(void *channel, const void *message)
{
	const struct clove_display_surface_destroy *destroy = message;

	destroy_surface(channel, destroy->surface_id);
	return CLOVE_OK;
}

static enum clove_err on_monitors_config(void *channel, const void *message)
{
	struct clove_display_channel *display = channel;
	struct clove_display_monitors_config config = *(const struct clove_display_monitors_config *)message;

	if (config.count > HEADS_MOST)
		config.count = HEADS_MOST;
	if (config.count && display->events->monitors)
		display->events->monitors(display->opaque, &config);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_WAIT_FOR_CHANNELS, on_wait_for_channels },
	{ CLOVE_DISPLAY_MODE, on_mode },
	{ CLOVE_DISPLAY_MARK, on_mark },
	{ CLOVE_DISPLAY_RESET, on_reset },
	{ CLOVE_DISPLAY_COPY_BITS, on_copy_bits },
	{ CLOVE_DISPLAY_INVAL_LIST, on_inval_list },
	{ CLOVE_DISPLAY_INVAL_ALL_PIXMAPS, on_inval_all_pixmaps },
	{ CLOVE_DISPLAY_INVAL_PALETTE, on_inval_palette },
	{ CLOVE_DISPLAY_INVAL_ALL_PALETTES, on_inval_all_palettes },
	{ CLOVE_DISPLAY_STREAM_CREATE, on_stream_create },
	{ CLOVE_DISPLAY_STREAM_DATA, on_stream_data },
	{ CLOVE_DISPLAY_STREAM_CLIP, on_stream_clip },
	{ CLOVE_DISPLAY_STREAM_DESTROY, on_stream_destroy },
	{ CLOVE_DISPLAY_STREAM_DESTROY_ALL, on_stream_destroy_all },
	{ CLOVE_DISPLAY_DRAW_FILL, on_fill },
	{ CLOVE_DISPLAY_DRAW_OPAQUE, on_opaque },
	{ CLOVE_DISPLAY_DRAW_COPY, on_copy },
	{ CLOVE_DISPLAY_DRAW_BLEND, on_blend },
	{ CLOVE_DISPLAY_DRAW_BLACKNESS, on_blackness },
	{ CLOVE_DISPLAY_DRAW_WHITENESS, on_whiteness },
	{ CLOVE_DISPLAY_DRAW_INVERS, on_invers },
	{ CLOVE_DISPLAY_DRAW_ROP3, on_rop3 },
	{ CLOVE_DISPLAY_DRAW_STROKE, on_stroke },
	{ CLOVE_DISPLAY_DRAW_TEXT, on_text },
	{ CLOVE_DISPLAY_DRAW_TRANSPARENT, on_transparent },
	{ CLOVE_DISPLAY_DRAW_ALPHA_BLEND, on_alpha_blend },
	{ CLOVE_DISPLAY_SURFACE_CREATE, on_surface_create },
	{ CLOVE_DISPLAY_SURFACE_DESTROY, on_surface_destroy },
	{ CLOVE_DISPLAY_STREAM_DATA_SIZED, on_stream_data_sized },
	{ CLOVE_DISPLAY_MONITORS_CONFIG, on_monitors_config },
	{ CLOVE_DISPLAY_DRAW_COMPOSITE, on_composite },
	{ CLOVE_DISPLAY_STREAM_ACTIVATE_REPORT, on_stream_activate_report },
	{ 0, NULL },
};

/* -- birth and death -- */

struct clove_caps clove_display_channel_caps(void)
{
	struct clove_caps caps = { { 0 } };

	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_MONITORS_CONFIG);
	if (clove_canvas_can(CLOVE_DRAW_COMPOSITE))
		clove_caps_set(&caps, CLOVE_DISPLAY_CAP_COMPOSITE);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_A8_SURFACE);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_LZ4_COMPRESSION);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_PREF_COMPRESSION);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_SIZED_STREAM);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_STREAM_REPORT);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_MULTI_CODEC);
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_CODEC_MJPEG);
	return caps;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_display_channel *display = channel;

	clove_list_remove(&display->member.link);
	clove_timer_stop(display->channel.loop, display->wait_timer);
	clove_timer_stop(display->channel.loop, display->report_timer);
	report(display);
	clove_timer_stop(display->channel.loop, display->frame_timer);
	if (display->events->closed)
		display->events->closed(display->opaque, err);
}

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_MOST;
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.closed = on_closed,
};

static void say_init(struct clove_display_channel *display, uint8_t preferred_compression)
{
	const struct clove_display_init init = {
		.pixmap_cache_id = 1, .pixmap_cache_size = CLOVE_PICTURES_CACHE,
		.glz_dictionary_id = 1, .glz_dictionary_window_size = CLOVE_PICTURES_WINDOW,
	};
	const struct clove_display_preferred_compression preferred = { preferred_compression };

	clove_channel_send(&display->channel, CLOVE_DISPLAY_INIT, &init);
	if (preferred_compression && clove_caps_has(&display->channel.peer_caps,
			CLOVE_DISPLAY_CAP_PREF_COMPRESSION))
		clove_channel_send(&display->channel, CLOVE_DISPLAY_PREFERRED_COMPRESSION, &preferred);
}

struct clove_display_channel *clove_display_channel_new(const struct clove_display_options *options,
		struct clove_opened *opened)
{
	struct clove_display_channel *display = calloc(1, sizeof *display);
	struct clove_channel_options channel = {
		.take_stream = opened->stream, .loop = options->loop, .type = CLOVE_CHANNEL_DISPLAY,
		.id = options->id, .mini_header = opened->mini_header, .peer_common = opened->info.common_caps,
		.peer_caps = opened->info.channel_caps, .early = clove_buf_bytes(&opened->early),
		.read_ahead = CLOVE_STRAIGHT_READ_AHEAD,
	};
	bool is_good = false;

	if (display) {
		pixman_region32_init(&display->damage);
		clove_list_init(&display->member.link);
		display->pictures = options->pictures;
		display->member.channel = &display->channel;
		display->events = options->events;
		display->opaque = options->opaque;
		is_good = clove_channel_init(&display->channel, &ops, &channel) == CLOVE_OK;
		display->report_timer = clove_timer_add(options->loop, report, display);
		display->wait_timer = clove_timer_add(options->loop, look_again, display);
		display->frame_timer = clove_timer_add(options->loop, show_frames, display);
		display->straight = clove_straight_new(options->pictures->pool);
		display->streams = clove_streams_new(&options->pictures->time, &stream_events,
				options->pictures->pool, display);
		is_good = is_good && display->report_timer && display->wait_timer && display->frame_timer &&
				display->streams && display->straight;
	} else {
		clove_stream_free(opened->stream);
	}
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	if (!is_good) {
		clove_display_channel_free(display);
		return NULL;
	}
	clove_list_append(&options->pictures->members, &display->member.link);
	say_init(display, options->preferred_compression);
	clove_channel_start(&display->channel);
	return display;
}

void clove_display_channel_free(struct clove_display_channel *display)
{
	static const struct clove_display_events no_events;

	if (!display)
		return;
	display->events = &no_events;
	clove_list_remove(&display->member.link);
	clove_straight_free(display->straight);
	clove_streams_free(display->streams);
	display->streams = NULL;
	release_images(display, false);
	for (uint32_t id = 0; id < SURFACES; id++)
		destroy_surface(display, id);
	clove_timer_remove(display->channel.loop, display->report_timer);
	clove_timer_remove(display->channel.loop, display->wait_timer);
	clove_timer_remove(display->channel.loop, display->frame_timer);
	clove_channel_fini(&display->channel);
	clove_palettes_fini(&display->palettes);
	pixman_region32_fini(&display->damage);
	free(display);
}

void clove_display_channel_hold(struct clove_display_channel *display, bool is_held)
{
	display->is_held = is_held;
	update_pause(display);
}

void clove_display_channel_close(struct clove_display_channel *display, enum clove_err err)
{
	clove_channel_close(&display->channel, err);
}

bool clove_display_channel_picture(const struct clove_display_channel *display, struct clove_pixels *picture)
{
	const struct clove_canvas *canvas = primary(display);

	*picture = (struct clove_pixels){ 0 };
	if (!canvas)
		return false;
	*picture = (struct clove_pixels){ canvas->data, canvas->width, canvas->height,
			(ptrdiff_t)canvas->stride, CLOVE_FORMAT_RGB32 };
	if (display->wide) {
		picture->data = (uint8_t *)display->wide;
		picture->stride = (ptrdiff_t)canvas->width * 4;
	}
	return true;
}

bool clove_display_channel_is_marked(const struct clove_display_channel *display)
{
	return display->is_marked;
}

void clove_display_channel_count(const struct clove_display_channel *display,
		struct clove_display_counts *counts)
{
	*counts = display->counts;
	counts->bytes_in = display->channel.bytes_in;
	counts->bytes_out = display->channel.bytes_out;
	counts->messages = display->channel.received_serial;
	counts->at_us = clove_now_us();
	if (primary(display)) {
		counts->width = primary(display)->width;
		counts->height = primary(display)->height;
	}
	clove_streams_count(display->streams, &counts->video);
}
