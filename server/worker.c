/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.c - knows how a display's thread begins and ends, and how others reach it. */
#include "server/worker-state.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/util/log.h"

enum {
	CLIENTS_MOST = 16,
	SURFACES_MOST = 65536,
};

/* -- to QEMU's main thread -- */

static void run_event(void *home, void *carried)
{
	struct clove_worker_event *event = carried;

	(void)home;
	if (event->conn)
		event->events->disconnected(event->server, event->conn);
	else if (event->off_client)
		event->events->clock_is_off(event->server, event->off_client);
	else
		event->events->primary_changed(event->server, event->qxl, event->width, event->height,
				event->allows_client_mouse);
	free(event);
}

void clove_worker_tell_server(struct clove_worker *worker, struct clove_worker_event what)
{
	struct clove_worker_event *event = malloc(sizeof *event);

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
		clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
		return;
	}
	worker->n_clients++;
	if (display)
		clove_list_append(&worker->displays, &display->link);
	else
		clove_list_append(&worker->cursors, &cursor->link);
	if (display) {
		clove_worker_count_displays(worker);
		clove_worker_tell_guest(worker);
	}
}

void clove_worker_connect(struct clove_worker *worker, struct clove_connection *conn)
{
	if (!clove_mailbox_post(worker->mail, run_connect, conn)) {
		clove_log(ERROR, "worker", "out of memory: a connection is lost");
		clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
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
	clove_worker_go_on_watching(worker);
	clove_worker_flush(worker);
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

static void on_timer(void *opaque)
{
	clove_worker_process(opaque);
}

static void on_rest(void *opaque)
{
	struct clove_worker *worker = opaque;

	clove_encoder_rest(worker->screen.encoder);
}

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
		clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
	}
	FOR_EACH_CURSOR(worker, cursor) {
		struct clove_connection *conn = cursor->conn;

		clove_cursor_channel_free(cursor);
		clove_worker_tell_server(worker, (struct clove_worker_event){ .conn = conn });
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
	clove_worker_release_held(worker, true);
	for (uint32_t id = 0; id < worker->surfaces.count; id++)
		clove_surface_free(worker->surfaces.by_id[id]);
	free(worker->surfaces.by_id);
	clove_memslots_fini(&worker->memslots);
	clove_pointer_reset(&worker->pointer);
	clove_encoder_free(worker->screen.encoder);
	clove_tile_key_free(worker->screen.tile_key);
	clove_video_regions_free(worker->screen.videos);
	clove_streaming_frames_fini(&worker->screen.frames);
	pixman_region32_fini(&worker->videos);
	for (int i = 0; i < CLOVE_PLANES_MAX; i++)
		if (worker->planes[i] >= 0)
			close(worker->planes[i]);
	if (worker->loop) {
		clove_timer_remove(worker->loop, worker->timer);
		clove_timer_remove(worker->loop, worker->video_timer);
		clove_timer_remove(worker->loop, worker->screen.rest_timer);
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
	worker->video_timer = worker->loop ? clove_timer_add(worker->loop, clove_worker_watch_videos_on,
			worker) : NULL;
	worker->screen.encoder = clove_encoder_new();
	worker->screen.videos = clove_video_regions_new(
			(enum clove_streaming_video)worker->settings.streaming_video);
	worker->screen.rest_timer = worker->loop ? clove_timer_add(worker->loop, on_rest, worker) : NULL;
	if (!worker->surfaces.by_id || !worker->mail || !worker->timer || !worker->video_timer ||
			!worker->screen.rest_timer || !worker->screen.encoder || !worker->screen.videos) {
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
	worker->screen.closed = clove_worker_display_closed;
	worker->screen.clock_is_off = clove_worker_clock_is_off;
	worker->screen.catch_up = clove_worker_catch_up;
	worker->pointer.closed = clove_worker_cursor_closed;
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
