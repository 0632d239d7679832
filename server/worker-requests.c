/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker-requests.c - knows what the spice_qxl_* entry points ask of a worker, and when it is done. */
#include "server/worker-state.h"

#include <stdlib.h>
#include <unistd.h>
#include "common/util/log.h"

enum {
	DIRTY_MOST = 64,
	COMMAND_NOP = 0, COMMAND_DRAW, COMMAND_UPDATE, COMMAND_CURSOR, COMMAND_MESSAGE, COMMAND_SURFACE,
};

/* -- requests -- */

static void update_area(struct clove_worker *worker, struct clove_request *request)
{
	clove_worker_drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_UPDATE);

	struct clove_surface *surface = clove_worker_find(worker, request->id);
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
	clove_worker_flush(worker);
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
	clove_worker_release_held(worker, true);
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
	struct clove_surface *surface = clove_worker_add_surface(worker, 0, &info);

	if (!surface)
		return;
	worker->screen.primary = surface;
	worker->screen.drawings++;
	if (clove_worker_can_be_video(surface))
		clove_video_regions_resize(worker->screen.videos, surface->width, surface->height);
	clove_worker_set_own_monitors(worker);
	FOR_EACH_DISPLAY(worker, display) {
		clove_display_surface_came(display);
		clove_display_flush(display);
	}
	clove_worker_tell_server(worker, (struct clove_worker_event){ .width = surface->width,
			.height = surface->height, .allows_client_mouse = create->mouse_mode != 0 });
}

static void destroy_primary(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	if (!worker->screen.primary) {
		clove_log_limited(INFO, "worker", "no primary surface to destroy");
		return;
	}
	clove_worker_drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_DESTROY_PRIMARY);
	clove_worker_drop_primary(worker);
}

static void destroy_surface(struct clove_worker *worker, struct clove_request *request)
{
	clove_worker_drain(worker);

	struct clove_surface *surface = clove_worker_find(worker, request->id);

	/* The surface itself lives on until its DESTROY command. */
	if (surface)
		clove_surface_save(surface, &worker->memslots, NULL);
	clove_worker_flush(worker);
}

static void destroy_surfaces(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	clove_worker_drain(worker);
	clove_record_request(worker->record, CLOVE_RECORDING_DESTROY_SURFACES);
	clove_worker_drop_primary(worker);
	for (uint32_t id = 1; id < worker->surfaces.count; id++)
		clove_worker_drop_surface(worker, id);
	clove_worker_reset_cursor(worker);
}

static void flush_surfaces(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	clove_worker_drain(worker);
	clove_worker_save_all(worker);
	clove_worker_flush(worker);
}

static void reset_cursor_request(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	clove_worker_reset_cursor(worker);
}

/* The guest's images were never kept: clients keep what the screen showed. Memory is given back all the same. */
static void reset_image_cache(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	FOR_EACH_DISPLAY(worker, display)
		clove_display_forget_images(display);
}

static void loadvm(struct clove_worker *worker, struct clove_request *request)
{
	for (uint32_t i = 0; i < request->loadvm.count; i++) {
		const struct QXLCommandExt *ext = &request->loadvm.commands[i];
		struct clove_qxl_source source = clove_worker_source(worker, ext);

		if (ext->cmd.type == COMMAND_SURFACE)
			clove_worker_run_surface(worker, &source, ext->cmd.data, true);
		else if (ext->cmd.type == COMMAND_CURSOR)
			clove_worker_run_cursor(worker, ext);
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
	clove_worker_set_own_monitors(worker);
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
	clove_worker_release_held(worker, false);
	clove_worker_tell_guest(worker);
	clove_worker_process(worker);
}

static void stop(struct clove_worker *worker, struct clove_request *request)
{
	(void)request;
	if (!worker->is_running)
		return;
	clove_timer_stop(worker->loop, worker->timer);
	clove_worker_finish_batch(worker);
	clove_worker_save_all(worker);
	clove_worker_flush(worker);
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
