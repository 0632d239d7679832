/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker-state.h - what the files of a worker share; for no one else. */
#ifndef CLOVE_SERVER_WORKER_STATE_H
#define CLOVE_SERVER_WORKER_STATE_H

#include <pthread.h>
#include "server/batch.h"
#include "server/cursor-channel.h"
#include "server/display-channel.h"
#include "server/paint.h"
#include "server/record.h"
#include "server/recording.h"
#include "server/worker-requests.h"

/* A release that may not be made while the display is stopped. */
struct clove_held {
	void *info;
	uint32_t group;
	struct clove_held *next;
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
	struct clove_letter wakeup, oom;

	/* the thread's own */
	bool is_running;
	struct clove_worker_settings settings;
	struct clove_timer *timer;        /* look at the rings again */
	bool is_timed;                    /* it runs, and the guest does not wake us */
	uint64_t waits_us;                /* since when the ring is left alone; 0: it is not */
	struct clove_timer *video_timer;
	struct clove_memslots memslots;
	struct clove_surfaces surfaces;
	struct clove_batch batch;         /* taken from the ring and being run */
	struct clove_record *record;      /* or NULL */
	struct clove_paint paint;
	pixman_region32_t videos;         /* where there are some; paint looks there less */
	struct clove_screen screen;
	struct clove_pointer pointer;
	bool is_driver_monitors;          /* the guest said where monitors are */
	uint16_t max_monitors;
	void *cursor_release;             /* of the command whose shape is shown */
	uint32_t cursor_release_group;
	struct clove_held *held;
	struct clove_list displays, cursors;
	unsigned int n_clients;
	int planes[CLOVE_PLANES_MAX];
};

#define FOR_EACH_DISPLAY(worker, display) \
	CLOVE_LIST_FOR_EACH(display##_link, &(worker)->displays) \
		for (struct clove_display *display = CLOVE_CONTAINER(display##_link, \
				struct clove_display, link); display; display = NULL)
#define FOR_EACH_CURSOR(worker, cursor) \
	CLOVE_LIST_FOR_EACH(cursor##_link, &(worker)->cursors) \
		for (struct clove_cursor_channel *cursor = CLOVE_CONTAINER(cursor##_link, \
				struct clove_cursor_channel, link); cursor; cursor = NULL)

/* worker.c: what QEMU's main thread is told. */
struct clove_worker_event {
	const struct clove_worker_events *events;
	void *server;
	QXLInstance *qxl;
	int width, height;
	bool allows_client_mouse;
	struct clove_connection *conn;
	uint32_t off_client;              /* connection id; 0: nobody's clock is off */
};

void clove_worker_tell_server(struct clove_worker *worker, struct clove_worker_event what);

/* worker-commands.c: what the guest's rings hold, and what is owed for it. */
void clove_worker_release(struct clove_worker *worker, void *info, uint32_t group);
void clove_worker_release_held(struct clove_worker *worker, bool is_forgotten);
struct clove_qxl_source clove_worker_source(struct clove_worker *worker, const struct QXLCommandExt *ext);
void clove_worker_run_surface(struct clove_worker *worker, const struct clove_qxl_source *source,
		uint64_t address, bool is_load);
void clove_worker_run_cursor(struct clove_worker *worker, const struct QXLCommandExt *ext);
/* Looks at the rings, for a turn's time, and says to QEMU or a timer when to look again. */
void clove_worker_process(struct clove_worker *worker);
/* A client could be sent something now: then it shall be the newest. */
void clove_worker_catch_up(void *worker);
/* Runs all that was in the rings when a request came. */
void clove_worker_drain(struct clove_worker *worker);
void clove_worker_finish_batch(struct clove_worker *worker);

/* worker-screen.c: the surfaces, and who is told of them. */
extern const struct clove_paint_watch clove_worker_watch;
void clove_worker_flush(struct clove_worker *worker);
struct clove_surface *clove_worker_find(struct clove_worker *worker, uint32_t id);
struct clove_surface *clove_worker_add_surface(struct clove_worker *worker, uint32_t id,
		const struct clove_surface_info *info);
void clove_worker_drop_surface(struct clove_worker *worker, uint32_t id);
void clove_worker_drop_primary(struct clove_worker *worker);
void clove_worker_save_all(struct clove_worker *worker);
void clove_worker_reset_cursor(struct clove_worker *worker);
void clove_worker_set_own_monitors(struct clove_worker *worker);
void clove_worker_tell_guest(struct clove_worker *worker);
void clove_worker_count_displays(struct clove_worker *worker);
/* There may be videos: they end when time has passed. */
void clove_worker_go_on_watching(struct clove_worker *worker);
bool clove_worker_can_be_video(const struct clove_surface *surface);
void clove_worker_watch_videos_on(void *opaque);
void clove_worker_display_closed(void *opaque, struct clove_display *display, struct clove_connection *conn);
void clove_worker_clock_is_off(void *opaque, uint32_t connection_id);
void clove_worker_cursor_closed(void *opaque, struct clove_cursor_channel *cursor,
		struct clove_connection *conn);

#endif
