/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmm.h - the least that a server library wants of a VMM: no client comes, and nothing has to happen in
 * the main loop. */
#ifndef CLOVE_TESTS_RASTER_VMM_H
#define CLOVE_TESTS_RASTER_VMM_H

#include <stdlib.h>
#include "tests/raster/commands.h"

/* What is called, and the version node it has carried since. */
#define RASTER_CALLS(X) \
	X(server_new, "SPICE_SERVER_0.6.0") \
	X(server_init, "SPICE_SERVER_0.6.0") \
	X(server_add_interface, "SPICE_SERVER_0.6.0") \
	X(server_vm_start, "SPICE_SERVER_0.11.2") \
	X(qxl_wakeup, "SPICE_SERVER_0.8.2") \
	X(qxl_add_memslot, "SPICE_SERVER_0.8.2") \
	X(qxl_create_primary_surface, "SPICE_SERVER_0.8.2") \
	X(qxl_update_area, "SPICE_SERVER_0.8.2")

struct SpiceTimer {
	SpiceTimerFunc fn;
};

static SpiceTimer *on_timer_add(SpiceTimerFunc fn, void *opaque)
{
	SpiceTimer *timer = malloc(sizeof *timer);

	(void)opaque;
	if (timer)
		timer->fn = fn;
	return timer;
}
static void on_timer_start(SpiceTimer *timer, uint32_t ms) { (void)timer; (void)ms; }
static void on_timer_cancel(SpiceTimer *timer) { (void)timer; }
static void on_timer_remove(SpiceTimer *timer) { free(timer); }
static SpiceWatch *on_watch_add(int fd, int mask, SpiceWatchFunc fn, void *opaque)
{
	(void)fd, (void)mask, (void)fn, (void)opaque;
	return malloc(1);
}
static void on_watch_update(SpiceWatch *watch, int mask) { (void)watch; (void)mask; }
static void on_watch_remove(SpiceWatch *watch) { free(watch); }
static void on_channel_event(int event, SpiceChannelEventInfo *info) { (void)event; (void)info; }

static SpiceCoreInterface raster_core = {
	.base = { SPICE_INTERFACE_CORE, "raster", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR },
	.timer_add = on_timer_add, .timer_start = on_timer_start, .timer_cancel = on_timer_cancel,
	.timer_remove = on_timer_remove, .watch_add = on_watch_add, .watch_update_mask = on_watch_update,
	.watch_remove = on_watch_remove, .channel_event = on_channel_event,
};

static void on_attached(QXLInstance *qxl) { (void)qxl; }
static void on_level(QXLInstance *qxl, int level) { (void)qxl; (void)level; }
static void on_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){ .num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8,
			.memslot_id_bits = 8, .qxl_ram_size = RASTER_MEMORY, .n_surfaces = 64 };
}
static int on_armed(QXLInstance *qxl) { (void)qxl; return 1; }
static void on_update(QXLInstance *qxl, uint32_t id) { (void)qxl; (void)id; }
static int on_flush(QXLInstance *qxl) { (void)qxl; return 0; }
static void on_complete(QXLInstance *qxl, uint64_t cookie) { (void)qxl; (void)cookie; }
static void on_area(QXLInstance *qxl, uint32_t id, struct QXLRect *rects, uint32_t n)
{
	(void)qxl, (void)id, (void)rects, (void)n;
}
static void on_caps(QXLInstance *qxl, uint8_t present, uint8_t *caps) { (void)qxl; (void)present; (void)caps; }
static int on_monitors(QXLInstance *qxl, VDAgentMonitorsConfig *config) { (void)qxl; (void)config; return 0; }

#define RASTER_QXL_INTERFACE(get_command_fn, get_cursor_fn, release_fn) { \
	.base = { SPICE_INTERFACE_QXL, "raster", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR }, \
	.attached_worker = on_attached, .set_compression_level = on_level, .get_init_info = on_init_info, \
	.get_command = get_command_fn, .req_cmd_notification = on_armed, .release_resource = release_fn, \
	.get_cursor_command = get_cursor_fn, .req_cursor_notification = on_armed, \
	.notify_update = on_update, .flush_resources = on_flush, .async_complete = on_complete, \
	.update_area_complete = on_area, .set_client_capabilities = on_caps, \
	.client_monitors_config = on_monitors }

#endif
