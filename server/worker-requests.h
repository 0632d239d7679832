/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker-requests.h - what the spice_qxl_* entry points ask of a worker. */
#ifndef CLOVE_SERVER_WORKER_REQUESTS_H
#define CLOVE_SERVER_WORKER_REQUESTS_H

#include "server/worker.h"

enum clove_request_type {
	CLOVE_REQUEST_UPDATE_AREA, CLOVE_REQUEST_ADD_MEMSLOT, CLOVE_REQUEST_DEL_MEMSLOT,
	CLOVE_REQUEST_RESET_MEMSLOTS, CLOVE_REQUEST_CREATE_PRIMARY, CLOVE_REQUEST_DESTROY_PRIMARY,
	CLOVE_REQUEST_DESTROY_SURFACE, CLOVE_REQUEST_DESTROY_SURFACES, CLOVE_REQUEST_FLUSH_SURFACES,
	CLOVE_REQUEST_RESET_CURSOR, CLOVE_REQUEST_RESET_IMAGE_CACHE, CLOVE_REQUEST_LOADVM,
	CLOVE_REQUEST_MONITORS_CONFIG, CLOVE_REQUEST_DRIVER_UNLOAD, CLOVE_REQUEST_MAX_MONITORS,
	CLOVE_REQUEST_GL_SCANOUT, CLOVE_REQUEST_GL_DRAW, CLOVE_REQUEST_START, CLOVE_REQUEST_STOP,
	CLOVE_REQUESTS
};

enum { CLOVE_PLANES_MAX = 4 };

struct clove_request {
	enum clove_request_type type;
	bool is_async;                    /* async_complete(cookie) follows */
	uint64_t cookie;
	uint32_t id;                      /* surface, slot, or number of monitors */
	uint32_t group;
	union {
		struct {
			struct QXLRect area;
			struct QXLRect *dirty;    /* sync: filled; may be NULL */
			uint32_t n_dirty;
			bool clears_dirty;
		} update;
		QXLDevMemSlot slot;
		QXLDevSurfaceCreate create;
		struct {
			const struct QXLCommandExt *commands;
			uint32_t count;
		} loadvm;
		uint64_t address;
		int planes[CLOVE_PLANES_MAX]; /* descriptors, -1 for none; the worker's now */
	};
};

/* The instance's worker; NULL before add_interface and after remove_interface. */
struct clove_worker *clove_worker_of(const QXLInstance *qxl);
/* Whose it is: as given to clove_worker_new. */
void *clove_worker_server(const struct clove_worker *worker);

/* Returns when it is done. */
void clove_worker_call(struct clove_worker *worker, struct clove_request *request);
/* Copied; done soon, in the order of the calls. */
void clove_worker_post(struct clove_worker *worker, const struct clove_request *request);
/* Coalesced until the worker has taken them. */
void clove_worker_wakeup(struct clove_worker *worker);
void clove_worker_oom(struct clove_worker *worker);

#endif
