/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker-commands.c - knows when the rings are read, what a command asks for, and what it is owed.
 *
 * Read, check, draw, release: a command is done with when its function returns, so the guest's
 * memory never waits for a client.
 */
#include "server/worker-state.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum {
	BURST = 4,                    /* commands in a turn: then more will follow soon, */
	LOOK_AGAIN_MS = 10,           /* and a look costs less than being woken for each */
	WAITS_MOST_US = 20000,        /* for clients, before more is drawn that they may never see */
	TURN_US = 10000,              /* then clients and requests have their turn */
	DRAIN_MOST = 4096,            /* commands that one request may have to wait for */
	CURSORS_A_TURN = 256,         /* a guest that moves its pointer all the time still draws */
	COMMAND_NOP = 0, COMMAND_DRAW, COMMAND_UPDATE, COMMAND_CURSOR, COMMAND_MESSAGE, COMMAND_SURFACE,
	FLAG_COMPAT = 1, FLAG_COMPAT_16BPP = 2,
	RELEASE_INFO = 8,             /* bytes that QEMU reads where a command begins */
};

/* -- what commands are owed -- */

static void release_now(struct clove_worker *worker, void *info, uint32_t group)
{
	struct QXLReleaseInfoExt ext = { .info = info, .group_id = group };

	worker->qif->release_resource(worker->qxl, ext);
}

/* A guest that is stopped may not be interrupted; the release waits for its start. */
void clove_worker_release(struct clove_worker *worker, void *info, uint32_t group)
{
	if (!info)
		return;
	if (worker->is_running || clove_memslot_is_host(&worker->memslots, group)) {
		release_now(worker, info, group);
		return;
	}

	struct clove_held *held = malloc(sizeof *held);

	if (!held)
		return;
	*held = (struct clove_held){ info, group, worker->held };
	worker->held = held;
}

void clove_worker_release_held(struct clove_worker *worker, bool is_forgotten)
{
	while (worker->held) {
		struct clove_held *held = worker->held;

		worker->held = held->next;
		if (!is_forgotten)
			release_now(worker, held->info, held->group);
		free(held);
	}
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
				is_watched ? &clove_worker_watch : NULL, worker);
	if (err != CLOVE_OK)
		clove_log_limited(WARN, "worker", "drawing of type %d on surface %u: %s; ignored",
				(int)drawable.type, drawable.surface_id, clove_err_name(err));
	clove_qxl_drawable_fini(&drawable);
	clove_worker_release(worker, info, source->group);
}

void clove_worker_run_surface(struct clove_worker *worker, const struct clove_qxl_source *source,
		uint64_t address, bool is_load)
{
	struct clove_qxl_surface_command command;
	struct clove_surface *surface = NULL;
	void *info = NULL;

	if (clove_qxl_read_surface(source, address, &command, &info) != CLOVE_OK || command.id == 0) {
		clove_log_limited(WARN, "worker", "a surface command makes no sense; ignored");
		clove_worker_release(worker, info, source->group);
		return;
	}
	if (command.is_create) {
		command.info.keeps_data |= is_load;
		surface = clove_worker_add_surface(worker, command.id, &command.info);
	} else {
		clove_worker_drop_surface(worker, command.id);
	}
	if (surface) {
		/* Held for the surface's life: QEMU replays the command after a migration. */
		surface->release = info;
		surface->release_group = source->group;
	} else {
		clove_worker_release(worker, info, source->group);
	}
}

static void run_update(struct clove_worker *worker, const struct clove_qxl_source *source,
		uint64_t address)
{
	struct clove_qxl_update update;
	void *info = NULL;

	if (clove_qxl_read_update(source, address, &update, &info) == CLOVE_OK) {
		struct clove_surface *surface = clove_worker_find(worker, update.surface_id);

		if (surface)
			clove_surface_save(surface, &worker->memslots, NULL);
		worker->qif->notify_update(worker->qxl, update.update_id);
	}
	clove_worker_release(worker, info, source->group);
}

struct clove_qxl_source clove_worker_source(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	return (struct clove_qxl_source){ &worker->memslots, ext->group_id,
			ext->flags & FLAG_COMPAT, (ext->flags & FLAG_COMPAT_16BPP) != 0 };
}

static void record(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = clove_worker_source(worker, ext);

	clove_record_command(worker->record, &source, ext->cmd.type, ext->cmd.data);
}

static void run_command(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = clove_worker_source(worker, ext);
	uint64_t address = ext->cmd.data;

	switch (ext->cmd.type) {
	case COMMAND_DRAW:
		draw(worker, &source, address);
		break;
	case COMMAND_UPDATE:
		run_update(worker, &source, address);
		break;
	case COMMAND_MESSAGE:
		clove_worker_release(worker, clove_memslot_get(&worker->memslots, ext->group_id, address,
				RELEASE_INFO), ext->group_id);
		break;
	case COMMAND_SURFACE:
		clove_worker_run_surface(worker, &source, address, false);
		break;
	case COMMAND_NOP:
		break;
	default:
		clove_log_limited(WARN, "worker", "unknown command %u; ignored", ext->cmd.type);
	}
}

void clove_worker_run_cursor(struct clove_worker *worker, const struct QXLCommandExt *ext)
{
	struct clove_qxl_source source = clove_worker_source(worker, ext);
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
		clove_worker_release(worker, info, ext->group_id);
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
		clove_worker_release(worker, former, former_group);
	}
	clove_worker_release(worker, info, ext->group_id);
}

/* False: the ring is empty, and what was taken of it has been run. */
static bool fill_batch(struct clove_worker *worker)
{
	struct clove_batch *batch = &worker->batch;

	if (batch->at < batch->n)
		return true;
	batch->at = batch->n = 0;
	while (batch->n < CLOVE_BATCH_MOST) {
		struct QXLCommandExt *ext = &batch->commands[batch->n];

		memset(ext, 0, sizeof *ext);
		if (!worker->qif->get_command(worker->qxl, ext))
			break;
		record(worker, ext);
		batch->n++;
	}
	clove_batch_hide(batch, &worker->memslots);
	return batch->n > 0;
}

static void run_next(struct clove_worker *worker)
{
	struct clove_batch *batch = &worker->batch;
	const struct QXLCommandExt *ext = &batch->commands[batch->at];
	bool is_hidden = batch->is_hidden[batch->at++];

	if (is_hidden)
		clove_worker_release(worker, clove_memslot_get(&worker->memslots, ext->group_id, ext->cmd.data,
				RELEASE_INFO), ext->group_id);
	else
		run_command(worker, ext);
}

void clove_worker_finish_batch(struct clove_worker *worker)
{
	while (worker->batch.at < worker->batch.n)
		run_next(worker);
}

/* As many pixels as the screen has were drawn, and nobody was sent any. */
static bool is_all_new(const struct clove_worker *worker)
{
	const struct clove_surface *primary = worker->screen.primary;

	return primary && worker->screen.unsent >= (int64_t)primary->width * primary->height;
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
		clove_worker_run_cursor(worker, &ext);
	}
	while (most && fill_batch(worker)) {
		/* With a limit the caller waits for these commands: then time does not count. */
		if (n >= most || (most > DRAIN_MOST && (clove_now_us() > until || is_all_new(worker)))) {
			*is_more = true;
			break;
		}
		run_next(worker);
		n++;
	}
	return n + n_cursors;
}

/* What a guest draws faster than any client takes it is drawn for nothing, and takes from them the time to
 * catch up. It waits in the ring, but not for long: a client may be slow. */
static bool shall_wait(struct clove_worker *worker)
{
	uint64_t now;
	bool is_any = false;

	if (!is_all_new(worker)) {
		worker->waits_us = 0;
		return false;
	}
	FOR_EACH_DISPLAY(worker, display) {
		if (!clove_display_is_behind(display))
			return false;
		is_any = true;
	}
	now = clove_now_us();
	worker->waits_us = worker->waits_us ? worker->waits_us : now;
	return is_any && now - worker->waits_us < WAITS_MOST_US;
}

void clove_worker_process(struct clove_worker *worker)
{
	bool waits, is_more;
	unsigned int n;

	if (!worker->is_running)
		return;
	waits = shall_wait(worker);
	if (!waits && is_all_new(worker))
		worker->screen.unsent = 0;
	n = read_rings(worker, waits ? 0 : UINT32_MAX, &is_more);
	if (n)
		clove_worker_flush(worker);
	worker->is_timed = is_more || waits || n >= BURST;
	if (worker->is_timed) {
		clove_timer_start(worker->loop, worker->timer, is_more ? 0 : LOOK_AGAIN_MS);
		return;
	}
	clove_timer_stop(worker->loop, worker->timer);
	if (!worker->qif->req_cmd_notification(worker->qxl) ||
			!worker->qif->req_cursor_notification(worker->qxl))
		clove_timer_start(worker->loop, worker->timer, 0);
}

void clove_worker_catch_up(void *opaque)
{
	struct clove_worker *worker = opaque;

	if (worker->is_timed)
		clove_worker_process(worker);
}

/* What a request must find done: the commands that were there when it came. */
void clove_worker_drain(struct clove_worker *worker)
{
	bool is_more;

	if (worker->is_running)
		read_rings(worker, DRAIN_MOST, &is_more);
}

static void run_wakeup(void *home, void *carried)
{
	struct clove_worker *worker = home;

	(void)carried;
	clove_worker_process(worker);
}

static void run_oom(void *home, void *carried)
{
	struct clove_worker *worker = home;

	(void)carried;
	if (!worker->is_running)
		return;
	clove_worker_drain(worker);
	clove_worker_flush(worker);
	/* Everything drawn is given back already: what QEMU has not passed on is all there is. */
	worker->qif->flush_resources(worker->qxl);
}

void clove_worker_wakeup(struct clove_worker *worker)
{
	clove_mailbox_ring(worker->mail, &worker->wakeup, run_wakeup);
}

void clove_worker_oom(struct clove_worker *worker)
{
	clove_mailbox_ring(worker->mail, &worker->oom, run_oom);
}
