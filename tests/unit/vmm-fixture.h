/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmm-fixture.h - a VMM for tests of the server: a core interface over our own loop, input devices
 * that take notes, and a QXL interface with nothing to draw. */
#ifndef CLOVE_TESTS_VMM_FIXTURE_H
#define CLOVE_TESTS_VMM_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include "include/spice-server/spice.h"
#include "tests/unit/net-fixture.h"

enum { VMM_NOTES = 256 };

static struct {
	struct clove_loop *loop;
	uint8_t keys[VMM_NOTES];
	unsigned int n_keys;
	uint8_t leds;
	int x, y, dz, width, height;
	uint32_t buttons;
	unsigned int motions, positions, wheels;
	int events[4];                    /* how many of each */
	int last_disconnected_type;
	SpiceChannelEventInfo *initialized[64];
} vmm;

/* -- the core interface -- */

static SpiceTimer *vmm_timer_add(SpiceTimerFunc fn, void *opaque)
{
	return (SpiceTimer *)clove_timer_add(vmm.loop, fn, opaque);
}
static void vmm_timer_start(SpiceTimer *timer, uint32_t ms)
{
	clove_timer_start(vmm.loop, (struct clove_timer *)timer, ms);
}
static void vmm_timer_cancel(SpiceTimer *timer)
{
	clove_timer_stop(vmm.loop, (struct clove_timer *)timer);
}
static void vmm_timer_remove(SpiceTimer *timer)
{
	clove_timer_remove(vmm.loop, (struct clove_timer *)timer);
}

struct vmm_watch {
	struct clove_watch *watch;
	SpiceWatchFunc fn;
	void *opaque;
	struct vmm_watch **is_gone;
};

/* One event a call, as the interface promises. */
static void vmm_on_watch(void *opaque, int fd, int events)
{
	struct vmm_watch *watch = opaque, *gone = NULL;

	watch->is_gone = &gone;
	if (events & CLOVE_READ)
		watch->fn(fd, SPICE_WATCH_EVENT_READ, watch->opaque);
	if (!gone && events & CLOVE_WRITE)
		watch->fn(fd, SPICE_WATCH_EVENT_WRITE, watch->opaque);
	if (!gone)
		watch->is_gone = NULL;
	free(gone);
}
static SpiceWatch *vmm_watch_add(int fd, int mask, SpiceWatchFunc fn, void *opaque)
{
	struct vmm_watch *watch = calloc(1, sizeof *watch);

	watch->fn = fn;
	watch->opaque = opaque;
	watch->watch = clove_watch_add(vmm.loop, fd, mask, vmm_on_watch, watch);
	return (SpiceWatch *)watch;
}
static void vmm_watch_update(SpiceWatch *watch, int mask)
{
	clove_watch_set(vmm.loop, ((struct vmm_watch *)watch)->watch, mask);
}
static void vmm_watch_remove(SpiceWatch *opaque)
{
	struct vmm_watch *watch = (struct vmm_watch *)opaque;

	clove_watch_remove(vmm.loop, watch->watch);
	if (watch->is_gone)
		*watch->is_gone = watch;
	else
		free(watch);
}

/* The VMM remembers what is there by its address. */
static void vmm_channel_event(int event, SpiceChannelEventInfo *info)
{
	vmm.events[event]++;
	for (size_t i = 0; i < sizeof vmm.initialized / sizeof *vmm.initialized; i++)
		if (event == SPICE_CHANNEL_EVENT_INITIALIZED && !vmm.initialized[i]) {
			vmm.initialized[i] = info;
			break;
		} else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED && vmm.initialized[i] == info) {
			vmm.initialized[i] = NULL;
			vmm.last_disconnected_type = info->type;
		}
}

static inline int vmm_channels(int type)
{
	int n = 0;

	for (size_t i = 0; i < sizeof vmm.initialized / sizeof *vmm.initialized; i++)
		n += vmm.initialized[i] && vmm.initialized[i]->type == type;
	return n;
}

static SpiceCoreInterface vmm_core = {
	.base = { .type = SPICE_INTERFACE_CORE, .description = "test",
		.major_version = SPICE_INTERFACE_CORE_MAJOR, .minor_version = SPICE_INTERFACE_CORE_MINOR },
	.timer_add = vmm_timer_add, .timer_start = vmm_timer_start, .timer_cancel = vmm_timer_cancel,
	.timer_remove = vmm_timer_remove, .watch_add = vmm_watch_add,
	.watch_update_mask = vmm_watch_update, .watch_remove = vmm_watch_remove,
	.channel_event = vmm_channel_event,
};

/* -- input devices -- */

static void vmm_push(SpiceKbdInstance *kbd, uint8_t byte)
{
	(void)kbd;
	if (vmm.n_keys < VMM_NOTES)
		vmm.keys[vmm.n_keys++] = byte;
}
static uint8_t vmm_get_leds(SpiceKbdInstance *kbd)
{
	(void)kbd;
	return vmm.leds;
}
static void vmm_motion(SpiceMouseInstance *mouse, int dx, int dy, int dz, uint32_t buttons)
{
	(void)mouse;
	vmm.motions++;
	vmm.x += dx;
	vmm.y += dy;
	vmm.dz += dz;
	vmm.buttons = buttons;
}
static void vmm_mouse_buttons(SpiceMouseInstance *mouse, uint32_t buttons)
{
	(void)mouse;
	vmm.buttons = buttons;
}
static void vmm_size(SpiceTabletInstance *tablet, int width, int height)
{
	(void)tablet;
	vmm.width = width;
	vmm.height = height;
}
static void vmm_position(SpiceTabletInstance *tablet, int x, int y, uint32_t buttons)
{
	(void)tablet;
	vmm.positions++;
	vmm.x = x;
	vmm.y = y;
	vmm.buttons = buttons;
}
static void vmm_wheel(SpiceTabletInstance *tablet, int dz, uint32_t buttons)
{
	(void)tablet;
	vmm.wheels++;
	vmm.dz += dz;
	vmm.buttons = buttons;
}
static void vmm_tablet_buttons(SpiceTabletInstance *tablet, uint32_t buttons)
{
	(void)tablet;
	vmm.buttons = buttons;
}

static const SpiceKbdInterface vmm_kbd_if = {
	.base = { SPICE_INTERFACE_KEYBOARD, "test", SPICE_INTERFACE_KEYBOARD_MAJOR,
		SPICE_INTERFACE_KEYBOARD_MINOR },
	.push_scan_freg = vmm_push, .get_leds = vmm_get_leds,
};
static const SpiceMouseInterface vmm_mouse_if = {
	.base = { SPICE_INTERFACE_MOUSE, "test", SPICE_INTERFACE_MOUSE_MAJOR,
		SPICE_INTERFACE_MOUSE_MINOR },
	.motion = vmm_motion, .buttons = vmm_mouse_buttons,
};
static const SpiceTabletInterface vmm_tablet_if = {
	.base = { SPICE_INTERFACE_TABLET, "test", SPICE_INTERFACE_TABLET_MAJOR,
		SPICE_INTERFACE_TABLET_MINOR },
	.set_logical_size = vmm_size, .position = vmm_position, .wheel = vmm_wheel,
	.buttons = vmm_tablet_buttons,
};
static __attribute__((unused)) SpiceKbdInstance vmm_kbd = { .base = { &vmm_kbd_if.base } };
static __attribute__((unused)) SpiceMouseInstance vmm_mouse = { .base = { &vmm_mouse_if.base } };
static __attribute__((unused)) SpiceTabletInstance vmm_tablet = { .base = { &vmm_tablet_if.base } };

/* -- a QXL interface without commands -- */

static void vmm_attached(QXLInstance *qxl) { (void)qxl; }
static void vmm_level(QXLInstance *qxl, int level) { (void)qxl; (void)level; }
static int vmm_no_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	(void)qxl;
	(void)ext;
	return 0;
}
static int vmm_armed(QXLInstance *qxl) { (void)qxl; return 1; }
static void vmm_release(QXLInstance *qxl, struct QXLReleaseInfoExt ext) { (void)qxl; (void)ext; }
static void vmm_update(QXLInstance *qxl, uint32_t id) { (void)qxl; (void)id; }
static int vmm_flush(QXLInstance *qxl) { (void)qxl; return 0; }
static void vmm_complete(QXLInstance *qxl, uint64_t cookie) { (void)qxl; (void)cookie; }
static void vmm_area(QXLInstance *qxl, uint32_t id, struct QXLRect *rects, uint32_t n)
{
	(void)qxl;
	(void)id;
	(void)rects;
	(void)n;
}
static void vmm_caps(QXLInstance *qxl, uint8_t present, uint8_t *caps)
{
	(void)qxl;
	(void)present;
	(void)caps;
}
static void vmm_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){ .num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8,
			.memslot_id_bits = 8, .qxl_ram_size = 1 << 20, .n_surfaces = 16 };
}
static const QXLInterface vmm_qif = {
	.base = { SPICE_INTERFACE_QXL, "test", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR },
	.attached_worker = vmm_attached, .set_compression_level = vmm_level,
	.get_init_info = vmm_init_info, .get_command = vmm_no_command,
	.req_cmd_notification = vmm_armed, .release_resource = vmm_release,
	.get_cursor_command = vmm_no_command, .req_cursor_notification = vmm_armed,
	.notify_update = vmm_update, .flush_resources = vmm_flush, .async_complete = vmm_complete,
	.update_area_complete = vmm_area, .set_client_capabilities = vmm_caps,
};

/* A screen of this size in the VMM's own memory, as a simple display has one. */
static inline void vmm_screen(QXLInstance *qxl, int width, int height, void *pixels)
{
	QXLDevMemSlot host = { .virt_end = UINTPTR_MAX };
	QXLDevSurfaceCreate create = { .width = (uint32_t)width, .height = (uint32_t)height,
			.stride = -4 * width, .format = 32, .mouse_mode = 1, .mem = (uintptr_t)pixels };

	spice_qxl_add_memslot(qxl, &host);
	spice_qxl_create_primary_surface(qxl, 0, &create);
}

#endif
