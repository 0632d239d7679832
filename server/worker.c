/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.c - knows when a display's thread reads commands, what it owes QEMU for them, and who is told.
 *
 * Read, check, draw, release: a command is done with when its function returns, so the guest's
 * memory never waits for a client. Clients have damage only (display-channel.h).
 */
#include "server/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/log.h"
#include "server/batch.h"
#include "server/cursor-channel.h"
#include "server/display-channel.h"
#include "server/paint.h"
#include "server/record.h"
#include "server/recording.h"
#include "server/worker-requests.h"

enum {
	BURST = 4,                    /* commands in a turn: then more will follow soon, */
	LOOK_AGAIN_MS = 10,           /* and a look costs less than being woken for each */
	REST_MS = 2000,               /* without a command: large buffers are given back */
	TURN_US = 10000,              /* then clients and requests have their turn */
	DRAIN_MOST = 4096,            /* commands that one request may have to wait for */
	CURSORS_A_TURN = 256,         /* a guest that moves its pointer all the time still draws */
	CLIENTS_MOST = 16,
	SURFACES_MOST = 65536,
	DIRTY_MOST = 64,
	COMMAND_NOP = 0, COMMAND_DRAW, COMMAND_UPDATE, COMMAND_CURSOR, COMMAND_MESSAGE, COMMAND_SURFACE,
	FLAG_COMPAT = 1, FLAG_COMPAT_16BPP = 2,
	GUEST_CAPS = 58,
	RELEASE_INFO = 8,             /* bytes that QEMU reads where a command begins */
};

/* A release that may not be made while the display is stopped. */
struct held {
	void *info;
	uint32_t group;
	struct held *next;
};

struct clove_worker {
	QXLInstance *qxl;
	const QXLInterface *qif;
	struct clove_mailbox *server_mail;
	void *server;
	const struct clove_worker_events *events;
	uint32_t ram_hint;

	pthread_t thread;
	struct clove_loop *loop;
	struct clove_mailbox *mail;
	atomic_bool is_wakeup_posted, is_oom_posted;

	/* the thread's own */
	bool is_running;
	struct clove_worker_settings settings;
	struct clove_timer *timer;        /* look at the rings again */
	struct clove_timer *video_timer, *rest_timer;
	struct clove_memslots memslots;
	struct clove_surfaces surfaces;
	struct clove_batch batch;         /* taken from the ring and being run */
	struct clove_record *record;      /* or NULL */
	struct clove_paint paint;
	pixman_region32_t videos;
	struct clove_screen screen;
	struct clove_pointer pointer;
	bool is_driver_monitors;          /* the guest said where monitors are */
	uint16_t max_monitors;
	void *cursor_release;             /* of the command whose shape is shown */
	uint32_t cursor_release_group;
	struct held *held;
	struct clove_list displays, cursors;
	unsigned int n_clients;
	int planes[CLOVE_PLANES_MAX];
};

/* -- to QEMU's main thread -- */

struct event {
	const struct clove_worker_events *events;
	void *server;
	QXLInstance *qxl;
	int width, height;
	bool allows_client_mouse;
	struct clove_connection *conn;
};

static void run_event(void *home, void *carried)
{
	struct event *event = carried;

	(void)home;
	if (event->conn)
		event->events->disconnected(event->server, event->conn);
	else
		event->events->primary_changed(event->server, event->qxl, event->width, event->height,
				event->allows_client_mouse);
	free(event);
}

static void tell_server(struct clove_worker *worker, struct event what)
{
	struct event *event = malloc(sizeof *event);

	what.events = worker->events;
	what.server = worker->server;
	what.qxl = worker->qxl;
	if (event)
		*event = what;
	if (!event || !clove_mailbox_post(worker->server_mail, run_event, event)) {
		clove_log(ERROR, "worker", "out of memory: the server misses an event");
		free(event);
	}
}

/* -- what commands are owed -- */

static void release_now(struct clove_worker *worker, void *info, uint32_t group)
{
	struct QXLReleaseInfoExt ext = { .info = info, .group_id = group };

	worker->qif->release_resource(worker->qxl, ext);
}

/* A guest that is stopped may not be interrupted; the release waits for its start. */
static void release(struct clove_worker *worker, void *info, uint32_t group)
{
	if (!info)
		return;
	if (worker->is_running || clove_memslot_is_host(&worker->memslots, group)) {
		release_now(worker, info, group);
		return;
	}

	struct held *held = malloc(sizeof *held);

	if (!held)
		return;
	*held = (struct held){ info, group, worker->held };
	worker->held = held;
}

static void release_held(struct clove_worker *worker, bool is_forgotten)
{
	while (worker->held) {
		struct held *held = worker->held;

		worker->held = held->next;
		if (!is_forgotten)
			release_now(worker, held->info, held->group);
		free(held);
	}
}

/* -- clients -- */

#define FOR_EACH_DISPLAY(worker, display) \
	CLOVE_LIST_FOR_EACH(display##_link, &(worker)->displays) \
		for (struct clove_display *display = CLOVE_CONTAINER(display##_link, \
				struct clove_display, link); display; display = NULL)
#define FOR_EACH_CURSOR(worker, cursor) \
	CLOVE_LIST_FOR_EACH(cursor##_link, &(worker)->cursors) \
		for (struct clove_cursor_channel *cursor = CLOVE_CONTAINER(cursor##_link, \
				struct clove_cursor_channel, link); cursor; cursor = NULL)

static void flush_displays(struct clove_worker *worker)
{
	FOR_EACH_DISPLAY(worker, display)
		clove_display_flush(display);
}

/* While there are videos: they end when time has passed. */
static void go_on_watching(struct clove_worker *worker)
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
}

/* The formats that video encoders take. */
static bool can_be_video(const struct clove_surface *surface)
{
	enum clove_format format = clove_surface_pixels(surface).format;

	return format >= CLOVE_FORMAT_RGB16 && format <= CLOVE_FORMAT_RGBA;
}

static void watch_videos(struct clove_worker *worker, const pixman_region32_t *region)
{
	struct clove_pixels pixels = clove_surface_pixels(worker->screen.primary);

	if (clove_video_regions_changed(worker->screen.videos, (pixman_region32_t *)(uintptr_t)region,
			&pixels, clove_now_ms()))
		go_on_watching(worker);
}

static void on_video_timer(void *opaque)
{
	struct clove_worker *worker = opaque;
	struct clove_pixels pixels = { 0 };

	if (worker->screen.primary)
		pixels = clove_surface_pixels(worker->screen.primary);
	if (clove_video_regions_tick(worker->screen.videos, &pixels, clove_now_ms()))
		flush_displays(worker);
	go_on_watching(worker);
}

static void on_changed(void *opaque, const pixman_region32_t *region)
{
	struct clove_worker *worker = opaque;

	worker->screen.drawings++;
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
	FOR_EACH_DISPLAY(worker, display)
		clove_display_changed(display, &region);
	pixman_region32_fini(&region);
}

static const struct clove_paint_watch watch = { on_changed, on_copied, on_filled, on_renewed };

static void count_displays(struct clove_worker *worker)
{
	unsigned int n = 0;

	FOR_EACH_DISPLAY(worker, display)
		n += display != NULL;
	clove_encoder_set_clients(worker->screen.encoder, n);
}

static void tell_guest_caps(struct clove_worker *worker)
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

static void on_display_closed(void *opaque, struct clove_display *display,
		struct clove_connection *conn)
{
	struct clove_worker *worker = opaque;

	clove_display_free(display);
	worker->n_clients--;
	count_displays(worker);
	tell_guest_caps(worker);
	tell_server(worker, (struct event){ .conn = conn });
}

static void on_cursor_closed(void *opaque, struct clove_cursor_channel *cursor,
		struct clove_connection *conn)
{
	struct clove_worker *worker = opaque;

	clove_cursor_channel_free(cursor);
	worker->n_clients--;
	tell_server(worker, (struct event){ .conn = conn });
}

/* -- surfaces -- */

static struct clove_surface *find_surface(struct clove_worker *worker, uint32_t id)
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

static struct clove_surface *add_surface(struct clove_worker *worker, uint32_t id,
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

static void drop_surface(struct clove_worker *worker, uint32_t id)
{
	struct clove_surface *surface = find_surface(worker, id);

	if (!surface)
		return;
	clove_surface_save(surface, &worker->memslots, NULL);
	release(worker, surface->release, surface->release_group);
	worker->surfaces.by_id[id] = NULL;
	clove_surface_free(surface);
}

static void save_all(struct clove_worker *worker)
{
	for (uint32_t id = 0; id < worker->surfaces.count; id++)
		if (worker->surfaces.by_id[id])
			clove_surface_save(worker->surfaces.by_id[id], &worker->memslots, NULL);
}

static void reset_cursor(struct clove_worker *worker)
{
	release(worker, worker->cursor_release, worker->cursor_release_group);
	worker->cursor_release = NULL;
	clove_pointer_reset(&worker->pointer);
	FOR_EACH_CURSOR(worker, cursor)
		clove_cursor_channel_reset(cursor);
}

static void set_own_monitors(struct clove_worker *worker)
{
	const struct clove_surface *primary = worker->screen.primary;

	if (worker->is_driver_monitors || !primary)
		return;
	worker->screen.monitors = (struct clove_monitors){ .count = 1, .max_allowed = 1,
			.heads = { { .width = (uint32_t)primary->width, .height = (uint32_t)primary->height } } };
}

static void drop_primary(struct clove_worker *worker)
{
	if (!worker->screen.primary)
		return;
	flush_displays(worker);
	FOR_EACH_DISPLAY(worker, display)
		clove_display_surface_went(display);
	worker->screen.primary = NULL;
	clove_video_regions_resize(worker->screen.videos, 0, 0);
	go_on_watching(worker);
	drop_surface(worker, 0);
	reset_cursor(worker);
	tell_server(worker, (struct event){ 0 });
}

/* -- commands -- */

static void draw(struct clove_worker *worker, const struct clove_qxl_source *source, uint64_t address)
{
	struct clove_qxl_drawable drawable;
	void *info = NULL;
	enum clove_err err = clove_qxl_read_drawable(source, address, &drawable, &info);
	bool is_watched = drawable.surface_id == 0 && !clove_list_is_empty(&worker->displays);

	/* seen or not: whoever comes later must not be given what was encoded before */
	worker->screen.drawings += drawable.surface_id == 0;
	if (err == CLOVE_OK)
		err = clove_paint_draw(&worker->paint, &drawable, &worker->surfaces,
				is_watched ? &watch : NULL, worker);
	if (err != CLOVE_OK)
		clove_log_limited(WARN, "worker", "drawing of type %d on surface %u: %s; ignored",
				(int)drawable.type, drawable.surface_id, clove_err_name(err));
	clove_qxl_drawable_fini(&drawable);
	release(worker, info, source->group);
}

static void run_surface(struct clove_worker *worker, const struct clove_qxl_source *source,
		uint64_t address, bool is_load)
{
	struct clove_qxl_surface_command command;
	struct clove_surface *surface = NULL;
	void *info = NULL;

	if (clove_qxl_read_surface(source, address, &command, &info) != CLOVE_OK || command.id == 0) {
		clove_log_limited(WARN, "worker", "a surface command makes no sense; ignored");
		release(worker, info, source->group);
		return;
	}
	if (command.is_create) {
		command.info.keeps_data |= is_load;
		surface = add_surface(worker, command.id, &command.info);
	} else {
		drop_surface(worker, command.id);
	}
	if (surface) {
		/* Held for the surface's life: QEMU replays the command after a migration. */
		surface->release = info;
		surface->release_group = source->group;
	} else {
		release(worker, info, source->group);
	}
}

static void run_update(struct clove_worker *worker, const struct clove_qxl_source *source,
		uint64_t address)
{
	struct clove_qxl_update update;
	void *info = NULL;

	if (clove_qxl_read_update(source, address, &update, &info) == CLOVE_OK) {
		struct clove_surface *surface = find_surface(worker, update.surface_id);

		if (surface)
			clove_surface_save(surface, &worker->memslots, NULL);
		worker->qif->notify_update(worker->qxl, update.update_id);
	}
	release(worker, info, source->group);
}

static struct clove_qxl_source source_of(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	return (struct clove_qxl_source){ &worker->memslots, ext->group_id,
			ext->flags & FLAG_COMPAT, (ext->flags & FLAG_COMPAT_16BPP) != 0 };
}

static void record(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = source_of(worker, ext);

	clove_record_command(worker->record, &source, ext->cmd.type, ext->cmd.data);
}

static void run_command(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = source_of(worker, ext);
	uint64_t address = ext->cmd.data;

	switch (ext->cmd.type) {
	case COMMAND_DRAW:
		draw(worker, &source, address);
		break;
	case COMMAND_UPDATE:
		run_update(worker, &source, address);
		break;
	case COMMAND_MESSAGE:
		release(worker, clove_memslot_get(&worker->memslots, ext->group_id, address,
				RELEASE_INFO), ext->group_id);
		break;
	case COMMAND_SURFACE:
		run_surface(worker, &source, address, false);
		break;
	case COMMAND_NOP:
		break;
	default:
		clove_log_limited(WARN, "worker", "unknown command %u; ignored", ext->cmd.type);
	}
}

static void run_cursor(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = source_of(worker, ext);
	struct clove_qxl_cursor command;
	void *info = NULL;

	if (ext->cmd.type != COMMAND_CURSOR) {
		clove_log_limited(WARN, "worker", "command %u in the cursor ring; ignored", ext->cmd.type);
		return;
	}
	enum clove_err err = clove_qxl_read_cursor(&source, ext->cmd.data, &command, &info);
	if (err != CLOVE_OK) {
		clove_log_limited(WARN, "worker", "cursor command: %s; ignored", clove_err_name(err));
		clove_buf_fini(&command.shape.data);
		release(worker, info, ext->group_id);
		return;
	}
	if (clove_pointer_follow(&worker->pointer, &command))
		FOR_EACH_CURSOR(worker, cursor)
			clove_cursor_channel_tell(cursor, command.type);
	if (command.type == CLOVE_QXL_CURSOR_SET) {
		/* A migration sends the shape again from guest memory: hold it there. */
		void *former = worker->cursor_release;
		uint32_t former_group = worker->cursor_release_group;

		worker->cursor_release = info;
		worker->cursor_release_group = ext->group_id;
		info = NULL;
		release(worker, former, former_group);
	}
	release(worker, info, ext->group_id);
}

/* False: the ring is empty, and what was taken of it has been run. */
static bool fill_batch(struct clove_worker *worker)
{
	struct clove_batch *batch = &worker->batch;

	if (batch->at < batch->n)
		return true;
	batch->at = batch->n = 0;
	memset(batch->commands, 0, sizeof batch->commands);
	while (batch->n < CLOVE_BATCH_MOST &&
			worker->qif->get_command(worker->qxl, &batch->commands[batch->n]))
		record(worker, &batch->commands[batch->n++]);
	clove_batch_hide(batch, &worker->memslots);
	return batch->n > 0;
}

static void run_next(struct clove_worker *worker)
{
	struct clove_batch *batch = &worker->batch;
	const struct QXLCommandExt *ext = &batch->commands[batch->at];
	bool is_hidden = batch->is_hidden[batch->at++];

	if (is_hidden)
		release(worker, clove_memslot_get(&worker->memslots, ext->group_id, ext->cmd.data,
				RELEASE_INFO), ext->group_id);
	else
		run_command(worker, ext);
}

/* Runs what is in the rings, for at most `most` commands or the turn's time; how many there were. */
static unsigned int read_rings(struct clove_worker *worker, unsigned int most, bool *is_more)
{
	uint64_t until = clove_now_us() + TURN_US;
	struct QXLCommandExt ext;
	unsigned int n_cursors = 0, n = 0;

	*is_more = false;
	for (; ; n_cursors++) {
		if (n_cursors >= CURSORS_A_TURN) {
			*is_more = true;
			break;
		}
		memset(&ext, 0, sizeof ext);
		if (!worker->qif->get_cursor_command(worker->qxl, &ext))
			break;
		record(worker, &ext);
		run_cursor(worker, &ext);
	}
	while (fill_batch(worker)) {
		/* With a limit the caller waits for these commands: then time does not count. */
		if (n >= most || (most > DRAIN_MOST && clove_now_us() > until)) {
			*is_more = true;
			break;
		}
		run_next(worker);
		n++;
	}
	return n + n_cursors;
}

static void process(struct clove_worker *worker)
{
	bool is_more;
	unsigned int n;

	if (!worker->is_running)
		return;
	n = read_rings(worker, UINT32_MAX, &is_more);
	if (n) {
		flush_displays(worker);
		clove_timer_start(worker->loop, worker->rest_timer, REST_MS);
	}
	if (is_more || n >= BURST) {
		clove_timer_start(worker->loop, worker->timer, is_more ? 0 : LOOK_AGAIN_MS);
		return;
	}
	clove_timer_stop(worker->loop, worker->timer);
	if (!worker->qif->req_cmd_notification(worker->qxl) ||
			!worker->qif->req_cursor_notification(worker->qxl))
		clove_timer_start(worker->loop, worker->timer, 0);
}

/* What a request must find done: the commands that were there when it came. */
static void drain(struct clove_worker *worker)
{
	bool is_more;

	if (worker->is_running)
		read_rings(worker, DRAIN_MOST, &is_more);
}

static void on_timer(void *opaque)
{
	process(opaque);
}

static void on_rest(void *opaque)
{
	struct clove_worker *worker = opaque;

	clove_encoder_rest(worker->screen.encoder);
}

/* -- requests -- */

static void update_area(struct clove_worker *worker, struct clove_request *request)
{
	drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_UPDATE);

	struct clove_surface *surface = find_surface(worker, request->id);
	const struct QXLRect *area = &request->update.area;
	struct QXLRect rects[DIRTY_MOST];
	struct QXLRect *into = request->update.dirty ? request->update.dirty : rects;
	uint32_t most = request->update.dirty ? request->update.n_dirty : DIRTY_MOST, count = 0;

	if (surface) {
		pixman_box32_t box = {
			area->left > 0 ? area->left : 0,
			area->top > 0 ? area->top : 0,
			area->right < surface->width ? area->right : surface->width,
			area->bottom < surface->height ? area->bottom : surface->height,
		};
		int n;
		const pixman_box32_t *dirty = pixman_region32_rectangles(&surface->dirty, &n);

		if (box.x1 < box.x2 && box.y1 < box.y2)
			clove_surface_save(surface, &worker->memslots, &box);
		if ((uint32_t)n > most) {
			dirty = pixman_region32_extents(&surface->dirty);
			n = most ? 1 : 0;
		}
		for (; count < (uint32_t)n; count++)
			into[count] = (struct QXLRect){ .top = dirty[count].y1, .left = dirty[count].x1,
					.bottom = dirty[count].y2, .right = dirty[count].x2 };
		if (request->update.clears_dirty)
			pixman_region32_clear(&surface->dirty);
	} else {
		clove_log_limited(WARN, "worker", "update of surface %u, which is not there", request->id);
	}
	for (uint32_t i = count; request->update.dirty && i < most; i++)
		into[i] = (struct QXLRect){ 0 };
	if (request->is_async && worker->qif->update_area_complete)
		worker->qif->update_area_complete(worker->qxl, request->id, into, count);
	flush_displays(worker);
}

static void add_memslot(struct clove_worker *worker, struct clove_request *request)
{
	const QXLDevMemSlot *slot = &request->slot;
	struct clove_memslot window = { slot->virt_start, slot->virt_end,
			slot->addr_delta, slot->generation };

	if (clove_memslot_set(&worker->memslots, slot->slot_group_id, slot->slot_id, &window) != CLOVE_OK)
		clove_log_limited(WARN, "worker", "memslot %u of group %u: out of range; ignored",
				slot->slot_id, slot->slot_group_id);
}

static void del_memslot(struct clove_worker *worker, struct clove_request *request)
{
	clove_memslot_clear(&worker->memslots, request->group, request->id);
}

static void reset_memslots(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	/* The guest starts anew: what it would be given back is no longer its. */
	release_held(worker, true);
	clove_memslots_reset(&worker->memslots);
}

static void create_primary(struct clove_worker *worker, struct clove_request *request)
{
	const QXLDevSurfaceCreate *create = &request->create;
	struct clove_surface_info info = {
		.width = create->width, .height = create->height, .format = create->format,
		.stride = create->stride, .address = create->mem, .group = create->group_id,
		.keeps_data = create->flags & 1,
	};

	if (request->id != 0 || worker->screen.primary) {
		clove_log_limited(WARN, "worker", "a second primary surface (%u); ignored", request->id);
		return;
	}
	clove_record_primary(worker->record, &worker->memslots, &info, create->mouse_mode != 0);
	struct clove_surface *surface = add_surface(worker, 0, &info);

	if (!surface)
		return;
	worker->screen.primary = surface;
	worker->screen.drawings++;
	if (can_be_video(surface))
		clove_video_regions_resize(worker->screen.videos, surface->width, surface->height);
	set_own_monitors(worker);
	FOR_EACH_DISPLAY(worker, display) {
		clove_display_surface_came(display);
		clove_display_flush(display);
	}
	tell_server(worker, (struct event){ .width = surface->width, .height = surface->height,
			.allows_client_mouse = create->mouse_mode != 0 });
}

static void destroy_primary(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	if (!worker->screen.primary) {
		clove_log_limited(INFO, "worker", "no primary surface to destroy");
		return;
	}
	drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_DESTROY_PRIMARY);
	drop_primary(worker);
}

static void destroy_surface(struct clove_worker *worker, struct clove_request *request)
{
	drain(worker);

	struct clove_surface *surface = find_surface(worker, request->id);

	/* The surface itself lives on until its DESTROY command. */
	if (surface)
		clove_surface_save(surface, &worker->memslots, NULL);
	flush_displays(worker);
}

static void destroy_surfaces(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_DESTROY_SURFACES);
	drop_primary(worker);
	for (uint32_t id = 1; id < worker->surfaces.count; id++)
		drop_surface(worker, id);
	reset_cursor(worker);
}

static void flush_surfaces(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	drain(worker);
	save_all(worker);
	flush_displays(worker);
}

static void reset_cursor_request(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	reset_cursor(worker);
}

/* There is no image cache: clients are sent pixels. */
static void reset_image_cache(struct clove_worker *worker, struct clove_request *request)
{
	(void)worker;
	(void)request;
}

static void loadvm(struct clove_worker *worker, struct clove_request *request)
{
	for (uint32_t i = 0; i < request->loadvm.count; i++) {
		const struct QXLCommandExt *ext = &request->loadvm.commands[i];
		struct clove_qxl_source source = source_of(worker, ext);

		if (ext->cmd.type == COMMAND_SURFACE)
			run_surface(worker, &source, ext->cmd.data, true);
		else if (ext->cmd.type == COMMAND_CURSOR)
			run_cursor(worker, ext);
		else
			clove_log_limited(WARN, "worker", "loadvm: command %u; ignored", ext->cmd.type);
	}
}

static void monitors_config(struct clove_worker *worker, struct clove_request *request)
{
	struct clove_qxl_source source = { &worker->memslots, request->group, false, false };
	struct clove_monitors monitors;
	enum clove_err err = clove_qxl_read_monitors(&source, request->address,
			worker->max_monitors, &monitors);

	if (err != CLOVE_OK) {
		clove_log_limited(WARN, "worker", "monitors config: %s; ignored", clove_err_name(err));
		return;
	}
	worker->is_driver_monitors = true;
	worker->screen.monitors = monitors;
	FOR_EACH_DISPLAY(worker, display)
		clove_display_monitors_changed(display);
}

static void driver_unload(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	worker->is_driver_monitors = false;
	set_own_monitors(worker);
	FOR_EACH_DISPLAY(worker, display)
		clove_display_monitors_changed(display);
}

static void max_monitors(struct clove_worker *worker, struct clove_request *request)
{
	worker->max_monitors = request->id == 0 ? 1 : request->id > CLOVE_HEADS_MAX ? CLOVE_HEADS_MAX :
			(uint16_t)request->id;
}

static void gl_scanout(struct clove_worker *worker, struct clove_request *request)
{
	for (int i = 0; i < CLOVE_PLANES_MAX; i++) {
		if (worker->planes[i] >= 0 && worker->planes[i] != request->planes[i])
			close(worker->planes[i]);
		worker->planes[i] = request->planes[i];
	}
}

/* No client is sent a scanout, so none has to say that it has drawn. */
static void gl_draw(struct clove_worker *worker, struct clove_request *request)
{
	(void)worker;
	(void)request;
}

static void start(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	if (worker->is_running)
		return;
	worker->is_running = true;
	release_held(worker, false);
	tell_guest_caps(worker);
	process(worker);
}

static void stop(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	if (!worker->is_running)
		return;
	clove_timer_stop(worker->loop, worker->timer);
	while (worker->batch.at < worker->batch.n)
		run_next(worker);
	save_all(worker);
	flush_displays(worker);
	worker->is_running = false;
}

static void (*const requests[CLOVE_REQUESTS])(struct clove_worker *, struct clove_request *) = {
	[CLOVE_REQUEST_UPDATE_AREA] = update_area,
	[CLOVE_REQUEST_ADD_MEMSLOT] = add_memslot,
	[CLOVE_REQUEST_DEL_MEMSLOT] = del_memslot,
	[CLOVE_REQUEST_RESET_MEMSLOTS] = reset_memslots,
	[CLOVE_REQUEST_CREATE_PRIMARY] = create_primary,
	[CLOVE_REQUEST_DESTROY_PRIMARY] = destroy_primary,
	[CLOVE_REQUEST_DESTROY_SURFACE] = destroy_surface,
	[CLOVE_REQUEST_DESTROY_SURFACES] = destroy_surfaces,
	[CLOVE_REQUEST_FLUSH_SURFACES] = flush_surfaces,
	[CLOVE_REQUEST_RESET_CURSOR] = reset_cursor_request,
	[CLOVE_REQUEST_RESET_IMAGE_CACHE] = reset_image_cache,
	[CLOVE_REQUEST_LOADVM] = loadvm,
	[CLOVE_REQUEST_MONITORS_CONFIG] = monitors_config,
	[CLOVE_REQUEST_DRIVER_UNLOAD] = driver_unload,
	[CLOVE_REQUEST_MAX_MONITORS] = max_monitors,
	[CLOVE_REQUEST_GL_SCANOUT] = gl_scanout,
	[CLOVE_REQUEST_GL_DRAW] = gl_draw,
	[CLOVE_REQUEST_START] = start,
	[CLOVE_REQUEST_STOP] = stop,
};

static void run_request(void *home, void *carried)
{
	struct clove_worker *worker = home;
	struct clove_request *request = carried;

	requests[request->type](worker, request);
	if (request->is_async)
		worker->qif->async_complete(worker->qxl, request->cookie);
}

static void run_posted(void *home, void *carried)
{
	run_request(home, carried);
	free(carried);
}

struct clove_worker *clove_worker_of(const QXLInstance *qxl)
{
	return (struct clove_worker *)qxl->st;
}

void *clove_worker_server(const struct clove_worker *worker)
{
	return worker->server;
}

void clove_worker_call(struct clove_worker *worker, struct clove_request *request)
{
	if (!clove_mailbox_call(worker->mail, run_request, request))
		clove_log(ERROR, "worker", "out of memory: a request is lost");
}

void clove_worker_post(struct clove_worker *worker, const struct clove_request *request)
{
	struct clove_request *copy = malloc(sizeof *copy);

	if (copy)
		*copy = *request;
	if (!copy || !clove_mailbox_post(worker->mail, run_posted, copy)) {
		clove_log(ERROR, "worker", "out of memory: a request is lost");
		free(copy);
	}
}

static void run_wakeup(void *home, void *carried)
{
	struct clove_worker *worker = home;

	(void)carried;
	atomic_store(&worker->is_wakeup_posted, false);
	process(worker);
}

static void run_oom(void *home, void *carried)
{
	struct clove_worker *worker = home;

	(void)carried;
	atomic_store(&worker->is_oom_posted, false);
	if (!worker->is_running)
		return;
	drain(worker);
	flush_displays(worker);
	/* Everything drawn is given back already: what QEMU has not passed on is all there is. */
	worker->qif->flush_resources(worker->qxl);
}

void clove_worker_wakeup(struct clove_worker *worker)
{
	if (!atomic_exchange(&worker->is_wakeup_posted, true) &&
			!clove_mailbox_post(worker->mail, run_wakeup, NULL))
		atomic_store(&worker->is_wakeup_posted, false);
}

void clove_worker_oom(struct clove_worker *worker)
{
	if (!atomic_exchange(&worker->is_oom_posted, true) &&
			!clove_mailbox_post(worker->mail, run_oom, NULL))
		atomic_store(&worker->is_oom_posted, false);
}

void clove_worker_start(struct clove_worker *worker)
{
	clove_worker_post(worker, &(struct clove_request){ .type = CLOVE_REQUEST_START });
}

void clove_worker_stop(struct clove_worker *worker)
{
	clove_worker_call(worker, &(struct clove_request){ .type = CLOVE_REQUEST_STOP });
}

/* -- clients come and go -- */

static void run_connect(void *home, void *carried)
{
	struct clove_worker *worker = home;
	struct clove_connection *conn = carried;
	bool is_display = conn->info.channel_type == CLOVE_CHANNEL_DISPLAY;
	struct clove_display *display = NULL;
	struct clove_cursor_channel *cursor = NULL;

	if (worker->n_clients < CLIENTS_MOST && is_display)
		display = clove_display_new(&worker->screen, conn);
	else if (worker->n_clients < CLIENTS_MOST && conn->info.channel_type == CLOVE_CHANNEL_CURSOR)
		cursor = clove_cursor_channel_new(&worker->pointer, conn);
	if (!display && !cursor) {
		clove_log_limited(WARN, "worker", "connection %u cannot be served; closing",
				conn->info.connection_id);
		tell_server(worker, (struct event){ .conn = conn });
		return;
	}
	worker->n_clients++;
	if (display)
		clove_list_append(&worker->displays, &display->link);
	else
		clove_list_append(&worker->cursors, &cursor->link);
	if (display) {
		count_displays(worker);
		tell_guest_caps(worker);
	}
}

void clove_worker_connect(struct clove_worker *worker, struct clove_connection *conn)
{
	if (!clove_mailbox_post(worker->mail, run_connect, conn)) {
		clove_log(ERROR, "worker", "out of memory: a connection is lost");
		tell_server(worker, (struct event){ .conn = conn });
	}
}

static void run_disconnect(void *home, void *carried)
{
	struct clove_worker *worker = home;
	uint32_t id = (uint32_t)(uintptr_t)carried;

	FOR_EACH_DISPLAY(worker, display)
		if (display->conn->info.connection_id == id)
			clove_channel_close(&display->channel, CLOVE_ERR_CLOSED);
	FOR_EACH_CURSOR(worker, cursor)
		if (cursor->conn->info.connection_id == id)
			clove_channel_close(&cursor->channel, CLOVE_ERR_CLOSED);
}

void clove_worker_disconnect(struct clove_worker *worker, uint32_t connection_id)
{
	clove_mailbox_post(worker->mail, run_disconnect, (void *)(uintptr_t)connection_id);
}

static void run_set(void *home, void *carried)
{
	struct clove_worker *worker = home;
	struct clove_worker_settings *settings = carried;

	worker->settings = *settings;
	worker->screen.image_compression = settings->image_compression;
	worker->screen.jpeg = settings->jpeg;
	worker->screen.zlib_glz = settings->zlib_glz;
	clove_video_regions_set(worker->screen.videos, (enum clove_streaming_video)settings->streaming_video);
	go_on_watching(worker);
	flush_displays(worker);
	free(settings);
}

void clove_worker_set(struct clove_worker *worker, const struct clove_worker_settings *settings)
{
	struct clove_worker_settings *copy = malloc(sizeof *copy);

	if (copy)
		*copy = *settings;
	if (!copy || !clove_mailbox_post(worker->mail, run_set, copy))
		free(copy);
}

static void run_mouse_mode(void *home, void *carried)
{
	struct clove_worker *worker = home;

	worker->pointer.is_client_mode = (uintptr_t)carried == 2;
}

void clove_worker_set_mouse_mode(struct clove_worker *worker, int mode)
{
	clove_mailbox_post(worker->mail, run_mouse_mode, (void *)(uintptr_t)mode);
}

uint32_t clove_worker_ram_hint(struct clove_worker *worker)
{
	return worker->ram_hint;
}

/* -- birth and death -- */

static void run_quit(void *home, void *carried)
{
	struct clove_worker *worker = home;

	(void)carried;
	clove_poll_loop_quit(worker->loop);
}

/* On the thread, behind its last turn: what belongs to it ends with it. */
static void close_all(struct clove_worker *worker)
{
	worker->is_running = false;
	FOR_EACH_DISPLAY(worker, display) {
		struct clove_connection *conn = display->conn;

		clove_display_free(display);
		tell_server(worker, (struct event){ .conn = conn });
	}
	FOR_EACH_CURSOR(worker, cursor) {
		struct clove_connection *conn = cursor->conn;

		clove_cursor_channel_free(cursor);
		tell_server(worker, (struct event){ .conn = conn });
	}
}

static void *thread_main(void *opaque)
{
	struct clove_worker *worker = opaque;

	clove_poll_loop_run(worker->loop);
	close_all(worker);
	return NULL;
}

static bool start_thread(struct clove_worker *worker)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	bool is_started = pthread_create(&worker->thread, NULL, thread_main, worker) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (is_started)
		pthread_setname_np(worker->thread, "clove-worker");
	return is_started;
}

static void free_worker(struct clove_worker *worker)
{
	clove_record_close(worker->record);
	release_held(worker, true);
	for (uint32_t id = 0; id < worker->surfaces.count; id++)
		clove_surface_free(worker->surfaces.by_id[id]);
	free(worker->surfaces.by_id);
	clove_memslots_fini(&worker->memslots);
	clove_pointer_reset(&worker->pointer);
	clove_encoder_free(worker->screen.encoder);
	clove_video_regions_free(worker->screen.videos);
	pixman_region32_fini(&worker->videos);
	for (int i = 0; i < CLOVE_PLANES_MAX; i++)
		if (worker->planes[i] >= 0)
			close(worker->planes[i]);
	if (worker->loop) {
		clove_timer_remove(worker->loop, worker->timer);
		clove_timer_remove(worker->loop, worker->video_timer);
		clove_timer_remove(worker->loop, worker->rest_timer);
	}
	clove_mailbox_free(worker->mail);
	if (worker->loop)
		clove_poll_loop_free(worker->loop);
	free(worker);
}

/* The numbers that QEMU gives are the layout of every guest address. */
static bool set_up(struct clove_worker *worker)
{
	QXLDevInitInfo info = { 0 };

	worker->qif->get_init_info(worker->qxl, &info);
	worker->ram_hint = info.qxl_ram_size;
	worker->record = clove_record_open(worker->qxl->id);
	enum clove_err err = clove_memslots_init(&worker->memslots, info.num_memslots_groups,
			info.num_memslots, info.memslot_id_bits, info.memslot_gen_bits);
	if (err != CLOVE_OK || info.n_surfaces == 0 || info.n_surfaces > SURFACES_MOST) {
		clove_log(ERROR, "worker", "QXL interface %d: %u groups of %u memslots with %u+%u bits and"
				" %u surfaces cannot be served", worker->qxl->id, info.num_memslots_groups,
				info.num_memslots, info.memslot_id_bits, info.memslot_gen_bits, info.n_surfaces);
		return false;
	}
	worker->surfaces.by_id = calloc(info.n_surfaces, sizeof *worker->surfaces.by_id);
	worker->surfaces.count = worker->surfaces.by_id ? info.n_surfaces : 0;
	worker->loop = clove_poll_loop_new();
	/* Made here, before the thread is there to be their home. */
	worker->mail = worker->loop ? clove_mailbox_new(worker->loop, worker) : NULL;
	worker->timer = worker->loop ? clove_timer_add(worker->loop, on_timer, worker) : NULL;
	worker->video_timer = worker->loop ? clove_timer_add(worker->loop, on_video_timer, worker) : NULL;
	worker->screen.encoder = clove_encoder_new();
	worker->screen.videos = clove_video_regions_new(
			(enum clove_streaming_video)worker->settings.streaming_video);
	worker->rest_timer = worker->loop ? clove_timer_add(worker->loop, on_rest, worker) : NULL;
	if (!worker->surfaces.by_id || !worker->mail || !worker->timer || !worker->video_timer ||
			!worker->rest_timer || !worker->screen.encoder || !worker->screen.videos) {
		clove_log(ERROR, "worker", "QXL interface %d: out of memory or descriptors", worker->qxl->id);
		return false;
	}
	return true;
}

struct clove_worker *clove_worker_new(QXLInstance *qxl, struct clove_mailbox *server_mail,
		void *server, const struct clove_worker_events *events,
		const struct clove_worker_settings *settings)
{
	struct clove_worker *worker = calloc(1, sizeof *worker);

	if (!worker)
		return NULL;
	worker->qxl = qxl;
	worker->qif = CLOVE_CONTAINER(qxl->base.sif, const QXLInterface, base);
	worker->server_mail = server_mail;
	worker->server = server;
	worker->events = events;
	worker->settings = *settings;
	worker->max_monitors = 1;
	worker->screen.image_compression = settings->image_compression;
	worker->screen.jpeg = settings->jpeg;
	worker->screen.zlib_glz = settings->zlib_glz;
	clove_list_init(&worker->displays);
	clove_list_init(&worker->cursors);
	pixman_region32_init(&worker->videos);
	for (int i = 0; i < CLOVE_PLANES_MAX; i++)
		worker->planes[i] = -1;
	if (!set_up(worker)) {
		free_worker(worker);
		return NULL;
	}
	worker->screen.loop = worker->pointer.loop = worker->loop;
	worker->screen.id = worker->pointer.id = (uint8_t)qxl->id;
	worker->screen.worker = worker->pointer.worker = worker;
	worker->screen.closed = on_display_closed;
	worker->pointer.closed = on_cursor_closed;
	qxl->st = (struct QXLState *)worker;
	worker->qif->attached_worker(qxl);
	/* The guest's own compression would only be undone here: pixels are wanted raw. */
	worker->qif->set_compression_level(qxl, 0);
	if (!start_thread(worker)) {
		clove_log(ERROR, "worker", "QXL interface %d: no thread", qxl->id);
		qxl->st = NULL;
		free_worker(worker);
		return NULL;
	}
	return worker;
}

void clove_worker_free(struct clove_worker *worker)
{
	if (!worker)
		return;
	worker->qxl->st = NULL;
	while (!clove_mailbox_post(worker->mail, run_quit, NULL))
		usleep(1000);
	pthread_join(worker->thread, NULL);
	free_worker(worker);
}
