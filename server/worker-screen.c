/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker-screen.c - knows the surfaces of a device, and tells clients and guest what becomes of them. */
#include "server/worker-state.h"

#include <stdlib.h>
#include "common/util/log.h"

enum {
	GUEST_CAPS = 58,
};

/* -- clients -- */

void clove_worker_flush(struct clove_worker *worker)
{
	FOR_EACH_DISPLAY(worker, display)
		clove_display_flush(display);
}

/* While there are videos: they end when time has passed. */
void clove_worker_go_on_watching(struct clove_worker *worker)
{
	const struct clove_video_region *list;
	size_t n;

	list = clove_video_regions_list(worker->screen.videos, &n);
	if (n)
		clove_timer_start(worker->loop, worker->video_timer, CLOVE_VIDEO_TICK_MS);
	pixman_region32_clear(&worker->videos);
	for (size_t i = 0; i < n; i++)
		pixman_region32_union_rect(&worker->videos, &worker->videos, list[i].box.x1, list[i].box.y1,
				(unsigned int)(list[i].box.x2 - list[i].box.x1),
				(unsigned int)(list[i].box.y2 - list[i].box.y1));
	worker->paint.videos = n ? &worker->videos : NULL;
	if (!n)
		clove_streaming_frames_fini(&worker->screen.frames);
}

/* The formats that video encoders take. */
bool clove_worker_can_be_video(const struct clove_surface *surface)
{
	enum clove_format format = clove_surface_pixels(surface).format;

	return format >= CLOVE_FORMAT_RGB16 && format <= CLOVE_FORMAT_RGBA;
}

/* Looks at spots only, and finds the same in rows that lie elsewhere: nothing is settled for it. */
static void watch_videos(struct clove_worker *worker, const pixman_region32_t *region)
{
	struct clove_pixels pixels = clove_surface_pixels(worker->screen.primary);

	if (clove_video_regions_changed(worker->screen.videos, (pixman_region32_t *)(uintptr_t)region,
			&pixels, clove_now_ms()))
		clove_worker_go_on_watching(worker);
}

void clove_worker_watch_videos_on(void *opaque)
{
	struct clove_worker *worker = opaque;
	struct clove_pixels pixels = { 0 };

	if (worker->screen.primary)
		pixels = clove_surface_pixels(worker->screen.primary);
	if (clove_video_regions_tick(worker->screen.videos, &pixels, clove_now_ms()))
		clove_worker_flush(worker);
	clove_worker_go_on_watching(worker);
}

static void on_changed(void *opaque, const pixman_region32_t *region)
{
	struct clove_worker *worker = opaque;

	worker->screen.drawings++;
	worker->screen.unsent += clove_region_area(region);
	watch_videos(worker, region);
	FOR_EACH_DISPLAY(worker, display)
		clove_display_changed(display, region);
}

static void on_copied(void *opaque, const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	struct clove_worker *worker = opaque;

	worker->screen.drawings++;
	FOR_EACH_DISPLAY(worker, display)
		clove_display_copied(display, box, dx, dy);
}

static void on_filled(void *opaque, const pixman_box32_t *box, uint32_t color,
		const pixman_region32_t *changed)
{
	struct clove_worker *worker = opaque;

	worker->screen.drawings++;
	FOR_EACH_DISPLAY(worker, display)
		clove_display_filled(display, box, color, changed);
}

static void on_renewed(void *opaque, const pixman_box32_t *box)
{
	struct clove_worker *worker = opaque;
	pixman_region32_t region;

	worker->screen.drawings++;
	pixman_region32_init_rect(&region, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
			(unsigned int)(box->y2 - box->y1));
	worker->screen.unsent += clove_region_area(&region);
	FOR_EACH_DISPLAY(worker, display)
		clove_display_changed(display, &region);
	pixman_region32_fini(&region);
}

const struct clove_paint_watch clove_worker_watch = { on_changed, on_copied, on_filled, on_renewed };

void clove_worker_count_displays(struct clove_worker *worker)
{
	unsigned int n = 0;

	FOR_EACH_DISPLAY(worker, display)
		n += display != NULL;
	clove_encoder_set_clients(worker->screen.encoder, n);
}

void clove_worker_tell_guest(struct clove_worker *worker)
{
	uint8_t caps[GUEST_CAPS] = { 0 };
	bool is_present = !clove_list_is_empty(&worker->displays);
	static const unsigned int common[] = { CLOVE_DISPLAY_CAP_SIZED_STREAM,
			CLOVE_DISPLAY_CAP_MONITORS_CONFIG };

	if (!worker->is_running || worker->qif->base.minor_version < 2 ||
			!worker->qif->set_client_capabilities)
		return;
	/* We draw: what a client lacks for compositing does not matter. */
	if (is_present && clove_drawable_can(CLOVE_QXL_DRAW_COMPOSITE))
		caps[0] |= 1 << CLOVE_DISPLAY_CAP_COMPOSITE | 1 << CLOVE_DISPLAY_CAP_A8_SURFACE;
	for (size_t i = 0; is_present && i < sizeof common / sizeof *common; i++) {
		bool all = true;

		FOR_EACH_DISPLAY(worker, display)
			all = all && clove_caps_has(&display->channel.peer_caps, common[i]);
		if (all)
			caps[0] |= (uint8_t)(1 << common[i]);
	}
	worker->qif->set_client_capabilities(worker->qxl, is_present, caps);
}

void clove_worker_display_closed(void *opaque, struct clove_display *display,
		struct clove_connection *conn)
{
	struct clove_worker *worker = opaque;

	clove_display_free(display);
	worker->n_clients--;
	clove_worker_count_displays(worker);
	clove_worker_tell_guest(worker);
	clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
}

void clove_worker_clock_is_off(void *opaque, uint32_t connection_id)
{
	clove_worker_tell_server(opaque, (struct clove_worker_event){ .off_client = connection_id });
}

void clove_worker_cursor_closed(void *opaque, struct clove_cursor_channel *cursor,
		struct clove_connection *conn)
{
	struct clove_worker *worker = opaque;

	clove_cursor_channel_free(cursor);
	worker->n_clients--;
	clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
}

/* -- surfaces -- */

struct clove_surface *clove_worker_find(struct clove_worker *worker, uint32_t id)
{
	return clove_surfaces_find(&worker->surfaces, id);
}

static uint64_t memory_left(struct clove_worker *worker, uint32_t group)
{
	uint64_t left = clove_memslots_size(&worker->memslots, group);

	for (uint32_t id = 0; id < worker->surfaces.count; id++) {
		const struct clove_surface *surface = worker->surfaces.by_id[id];

		if (surface && surface->info.group == group)
			left -= surface->guest_bytes < left ? surface->guest_bytes : left;
	}
	return left;
}

struct clove_surface *clove_worker_add_surface(struct clove_worker *worker, uint32_t id,
		const struct clove_surface_info *info)
{
	const char *why = "no such number, or in use";
	struct clove_surface *surface = NULL;

	if (id < worker->surfaces.count && !worker->surfaces.by_id[id])
		surface = clove_surface_new(id, info, &worker->memslots,
				memory_left(worker, info->group), &why);
	if (surface)
		worker->surfaces.by_id[id] = surface;
	else
		clove_log_limited(WARN, "worker", "surface %u, %ux%u, stride %d, format %u: %s; ignored", id,
				info->width, info->height, info->stride, info->format, why);
	return surface;
}

void clove_worker_drop_surface(struct clove_worker *worker, uint32_t id)
{
	struct clove_surface *surface = clove_worker_find(worker, id);

	if (!surface)
		return;
	clove_surface_save(surface, &worker->memslots, NULL);
	clove_worker_release(worker, surface->release, surface->release_group);
	worker->surfaces.by_id[id] = NULL;
	clove_surface_free(surface);
}

void clove_worker_save_all(struct clove_worker *worker)
{
	for (uint32_t id = 0; id < worker->surfaces.count; id++)
		if (worker->surfaces.by_id[id])
			clove_surface_save(worker->surfaces.by_id[id], &worker->memslots, NULL);
}

void clove_worker_reset_cursor(struct clove_worker *worker)
{
	clove_worker_release(worker, worker->cursor_release, worker->cursor_release_group);
	worker->cursor_release = NULL;
	clove_pointer_reset(&worker->pointer);
	FOR_EACH_CURSOR(worker, cursor)
		clove_cursor_channel_reset(cursor);
}

void clove_worker_set_own_monitors(struct clove_worker *worker)
{
	const struct clove_surface *primary = worker->screen.primary;

	if (worker->is_driver_monitors || !primary)
		return;
	worker->screen.monitors = (struct clove_monitors){ .count = 1, .max_allowed = 1,
			.heads = { { .width = (uint32_t)primary->width, .height = (uint32_t)primary->height } } };
}

void clove_worker_drop_primary(struct clove_worker *worker)
{
	if (!worker->screen.primary)
		return;
	clove_worker_flush(worker);
	FOR_EACH_DISPLAY(worker, display)
		clove_display_surface_went(display);
	worker->screen.primary = NULL;
	clove_video_regions_resize(worker->screen.videos, 0, 0);
	clove_worker_go_on_watching(worker);
	clove_worker_drop_surface(worker, 0);
	clove_worker_reset_cursor(worker);
	clove_worker_tell_server(worker, (struct clove_worker_event){ 0 });
}
