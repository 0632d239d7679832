/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.h - one QXL instance's thread: guest commands, surfaces, display and cursor channels.
 *
 * Called on QEMU's main thread (or with its lock held). Requests of one worker run in order.
 */
#ifndef CLOVE_SERVER_WORKER_H
#define CLOVE_SERVER_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include "include/spice-server/spice.h"
#include "server/connection.h"

struct clove_worker;

/* Settings that clients and encoders follow; posted whenever one of them changes. */
struct clove_worker_settings {
	int image_compression;      /* SpiceImageCompression, 1..7 */
	int jpeg, zlib_glz;         /* 1 auto, 2 always, 3 never */
	int streaming_video;        /* 1 off, 2 all, 3 filter */
	bool multi_client;
};

/* What the worker tells QEMU's main thread. Called there, through `server_mail`, never while
 * a synchronous request is under way; the worker never waits for it. */
struct clove_worker_events {
	/* The primary surface came, changed or went (0 x 0); mouse_mode is the guest's word on it. */
	void (*primary_changed)(void *server, QXLInstance *qxl, int width, int height,
			bool allows_client_mouse);
	/* A display or cursor connection is over (its DISCONNECTED event is due). */
	void (*disconnected)(void *server, struct clove_connection *take_conn);
	/* This client's clock is not ours. */
	void (*clock_is_off)(void *server, uint32_t connection_id);
};

/* Starts the thread (all signals blocked). `server_mail` is the main thread's mailbox.
 * Calls get_init_info, attached_worker and set_compression_level first, on this thread, in that
 * order. NULL if it cannot; a sentence is logged. */
struct clove_worker *clove_worker_new(QXLInstance *qxl, struct clove_mailbox *server_mail,
		void *server, const struct clove_worker_events *events,
		const struct clove_worker_settings *settings);

/* Drops its clients, ends the thread, frees all. No callback to QEMU follows. */
void clove_worker_free(struct clove_worker *worker);

void clove_worker_set(struct clove_worker *worker, const struct clove_worker_settings *settings);

/* Gives a linked display or cursor connection to the worker; its link result (OK) is already
 * on its way. */
void clove_worker_connect(struct clove_worker *worker, struct clove_connection *take_conn);

/* Drops this client's display and cursor connections; asynchronous; `disconnected` follows for
 * each. */
void clove_worker_disconnect(struct clove_worker *worker, uint32_t connection_id);

/* SERVER (1) or CLIENT (2) mouse mode decides whether cursor moves are forwarded. */
void clove_worker_set_mouse_mode(struct clove_worker *worker, int mode);

void clove_worker_start(struct clove_worker *worker);  /* posted */
void clove_worker_stop(struct clove_worker *worker);   /* waits: surfaces are in guest memory */

/* The RAM size to tell clients in MAIN_INIT. */
uint32_t clove_worker_ram_hint(struct clove_worker *worker);

#endif
