/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-vmm.c - plays a VMM through the library's public interface, and keeps count of what it costs.
 *
 * The library is the libspice-server.so.1 that the dynamic linker finds (LD_LIBRARY_PATH), opened by its
 * versioned symbols, so that one binary drives whichever is installed; the first line on standard output
 * names its file. It calls what QEMU calls for a simple display, from a poll loop of its own, and asks for
 * nothing by itself: a process that wakes up was woken by the library.
 *
 * On the control socket (--control) a line is a command and the answer one line of JSON; see `commands`.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "bench/free-port.h"
#include "include/spice-server/spice.h"

/* What is called, and the version node it has carried since. */
#define CALLS(X) \
	X(server_new, "SPICE_SERVER_0.6.0") \
	X(server_init, "SPICE_SERVER_0.6.0") \
	X(server_destroy, "SPICE_SERVER_0.6.0") \
	X(server_set_port, "SPICE_SERVER_0.6.0") \
	X(server_set_addr, "SPICE_SERVER_0.6.0") \
	X(server_set_noauth, "SPICE_SERVER_0.6.0") \
	X(server_set_ticket, "SPICE_SERVER_0.6.0") \
	X(server_set_tls, "SPICE_SERVER_0.6.0") \
	X(server_set_image_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_jpeg_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_zlib_glz_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_streaming_video, "SPICE_SERVER_0.6.0") \
	X(server_set_playback_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_agent_mouse, "SPICE_SERVER_0.6.0") \
	X(server_add_interface, "SPICE_SERVER_0.6.0") \
	X(server_remove_interface, "SPICE_SERVER_0.6.0") \
	X(server_kbd_leds, "SPICE_SERVER_0.6.0") \
	X(server_char_device_wakeup, "SPICE_SERVER_0.6.0") \
	X(server_get_num_clients, "SPICE_SERVER_0.10.0") \
	X(server_set_name, "SPICE_SERVER_0.10.2") \
	X(server_set_uuid, "SPICE_SERVER_0.10.2") \
	X(server_vm_start, "SPICE_SERVER_0.11.2") \
	X(server_vm_stop, "SPICE_SERVER_0.11.2") \
	X(qxl_wakeup, "SPICE_SERVER_0.8.2") \
	X(qxl_add_memslot, "SPICE_SERVER_0.8.2") \
	X(qxl_create_primary_surface, "SPICE_SERVER_0.8.2") \
	X(qxl_destroy_primary_surface, "SPICE_SERVER_0.8.2") \
	X(qxl_set_device_info, "SPICE_SERVER_0.14.2")

static struct {
#define FIELD(name, node) __typeof__(spice_##name) *name;
	CALLS(FIELD)
#undef FIELD
} spice;

enum { COLUMN = 32, GLYPHS = 64, CONTROLS_MAX = 8, KEYS_MAX = 4096 };

struct SpiceTimer {
	struct SpiceTimer *next;
	SpiceTimerFunc fn;
	void *opaque;
	uint64_t due_ns;        /* 0: not running */
	bool is_dead;
};

struct SpiceWatch {
	struct SpiceWatch *next;
	SpiceWatchFunc fn;
	void *opaque;
	int fd, mask;
	bool is_dead;
};

/* One drawing command with its pixels, as QEMU's simple display makes them. */
struct update {
	QXLDrawable drawable;
	QXLImage image;
	QXLCommandExt ext;
	struct update *next;
	uint8_t pixels[];
};

struct cursor_update {
	QXLCursorCmd command;
	QXLCommandExt ext;
	struct {
		QXLCursor cursor;
		uint32_t pixels[32 * 32];
	} __attribute__((packed)) shape;
};

static struct options {
	const char *addr, *unix_path, *password, *tls_dir, *control;
	int port, tls_port, width, height, compression, usb;
	bool has_display, has_tablet, shows_events;
} options = { .addr = "127.0.0.1", .width = 1024, .height = 768, .compression = 2, .has_display = true };

/* -- figures -- */

static struct figures {
	uint64_t cpu_ns;        /* of this thread inside the library's callbacks */
	uint64_t callbacks;
	uint64_t longest_cpu_ns, longest_ns; /* one callback; one turn of the loop */
	uint64_t turns;
} figures;

static struct { uint64_t at_ns; uint8_t code; } keys[KEYS_MAX];
static unsigned int key_count, motion_count;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t entered_cpu_ns;

static void enter_library(void)
{
	entered_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void leave_library(void)
{
	uint64_t spent = clock_ns(CLOCK_THREAD_CPUTIME_ID) - entered_cpu_ns;

	figures.cpu_ns += spent;
	figures.callbacks++;
	if (spent > figures.longest_cpu_ns)
		figures.longest_cpu_ns = spent;
}

/* -- the core interface -- */

static struct SpiceTimer *timers;
static struct SpiceWatch *watches;
static bool is_over;

static SpiceTimer *on_timer_add(SpiceTimerFunc fn, void *opaque)
{
	struct SpiceTimer *timer = calloc(1, sizeof *timer);

	if (!timer)
		exit(1);
	timer->fn = fn;
	timer->opaque = opaque;
	timer->next = timers;
	timers = timer;
	return timer;
}

static void on_timer_start(SpiceTimer *timer, uint32_t ms)
{
	timer->due_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000;
}

static void on_timer_cancel(SpiceTimer *timer)
{
	timer->due_ns = 0;
}

static void on_timer_remove(SpiceTimer *timer)
{
	timer->due_ns = 0;
	timer->is_dead = true;
}

static SpiceWatch *on_watch_add(int fd, int mask, SpiceWatchFunc fn, void *opaque)
{
	struct SpiceWatch *watch = calloc(1, sizeof *watch);

	if (!watch)
		exit(1);
	*watch = (struct SpiceWatch){ watches, fn, opaque, fd, mask, false };
	watches = watch;
	return watch;
}

static void on_watch_update_mask(SpiceWatch *watch, int mask)
{
	watch->mask = mask;
}

static void on_watch_remove(SpiceWatch *watch)
{
	watch->is_dead = true;
}

static void on_channel_event(int event, SpiceChannelEventInfo *info)
{
	static const char *const names[] = { "", "connected", "initialized", "disconnected" };

	if (!options.shows_events || event < 1 || event > 3)
		return;
	printf("{\"event\":\"%s\",\"type\":%d,\"id\":%d,\"connection\":%d,\"tls\":%s}\n", names[event], info->type,
			info->id, info->connection_id, info->flags & SPICE_CHANNEL_EVENT_FLAG_TLS ? "true" : "false");
	fflush(stdout);
}

static SpiceCoreInterface core = {
	.base = { SPICE_INTERFACE_CORE, "bench core", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR },
	.timer_add = on_timer_add,
	.timer_start = on_timer_start,
	.timer_cancel = on_timer_cancel,
	.timer_remove = on_timer_remove,
	.watch_add = on_watch_add,
	.watch_update_mask = on_watch_update_mask,
	.watch_remove = on_watch_remove,
	.channel_event = on_channel_event,
};

/* -- keyboard and pointers -- */

static void on_scancode(SpiceKbdInstance *keyboard, uint8_t code)
{
	(void)keyboard;
	if (key_count < KEYS_MAX) {
		keys[key_count].at_ns = clock_ns(CLOCK_MONOTONIC);
		keys[key_count++].code = code;
	}
}

static uint8_t on_get_leds(SpiceKbdInstance *keyboard)
{
	(void)keyboard;
	return 0;
}

static void on_motion(SpiceMouseInstance *mouse, int dx, int dy, int dz, uint32_t buttons)
{
	(void)mouse, (void)dx, (void)dy, (void)dz, (void)buttons;
	motion_count++;
}

static void on_buttons(SpiceMouseInstance *mouse, uint32_t buttons)
{
	(void)mouse, (void)buttons;
	motion_count++;
}

static void on_tablet_size(SpiceTabletInstance *tablet, int width, int height)
{
	(void)tablet, (void)width, (void)height;
}

static void on_tablet_position(SpiceTabletInstance *tablet, int x, int y, uint32_t buttons)
{
	(void)tablet, (void)x, (void)y, (void)buttons;
	motion_count++;
}

static void on_tablet_wheel(SpiceTabletInstance *tablet, int wheel, uint32_t buttons)
{
	(void)tablet, (void)wheel, (void)buttons;
	motion_count++;
}

static void on_tablet_buttons(SpiceTabletInstance *tablet, uint32_t buttons)
{
	(void)tablet, (void)buttons;
	motion_count++;
}

static const SpiceKbdInterface keyboard_interface = {
	.base = { SPICE_INTERFACE_KEYBOARD, "bench keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
			SPICE_INTERFACE_KEYBOARD_MINOR },
	.push_scan_freg = on_scancode,
	.get_leds = on_get_leds,
};
static const SpiceMouseInterface mouse_interface = {
	.base = { SPICE_INTERFACE_MOUSE, "bench mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR },
	.motion = on_motion,
	.buttons = on_buttons,
};
static const SpiceTabletInterface tablet_interface = {
	.base = { SPICE_INTERFACE_TABLET, "bench tablet", SPICE_INTERFACE_TABLET_MAJOR,
			SPICE_INTERFACE_TABLET_MINOR },
	.set_logical_size = on_tablet_size,
	.position = on_tablet_position,
	.wheel = on_tablet_wheel,
	.buttons = on_tablet_buttons,
};
static SpiceKbdInstance keyboard = { .base.sif = &keyboard_interface.base };
static SpiceMouseInstance mouse = { .base.sif = &mouse_interface.base };
static SpiceTabletInstance tablet = { .base.sif = &tablet_interface.base };

static SpiceServer *server;

/* -- usbredir devices that give back whatever they take, as far as they have room -- */

enum { USB_MOST = 8, USB_ROOM = 1 << 20 };

static struct usb {
	SpiceCharDeviceInstance device; /* first */
	uint8_t bytes[USB_ROOM];
	size_t at, len;
	bool is_writing;
} usbs[USB_MOST];

static void on_usb_state(SpiceCharDeviceInstance *device, int connected)
{
	struct usb *usb = (struct usb *)device;

	usb->at = 0;
	usb->len = 0;
	if (!connected)
		return;
	memset(usb->bytes, 0, 80); /* a hello has as many */
	usb->len = 80;
	spice.server_char_device_wakeup(device);
}

static int on_usb_read(SpiceCharDeviceInstance *device, uint8_t *bytes, int len)
{
	struct usb *usb = (struct usb *)device;
	size_t n = usb->len < (size_t)len ? usb->len : (size_t)len;

	memcpy(bytes, usb->bytes + usb->at, n);
	usb->at += n;
	usb->len -= n;
	return (int)n;
}

static int on_usb_write(SpiceCharDeviceInstance *device, const uint8_t *bytes, int len)
{
	struct usb *usb = (struct usb *)device;
	size_t n;

	if (usb->is_writing) /* QEMU's asserts that it is not */
		abort();
	usb->is_writing = true;
	memmove(usb->bytes, usb->bytes + usb->at, usb->len);
	usb->at = 0;
	n = USB_ROOM - usb->len < (size_t)len ? USB_ROOM - usb->len : (size_t)len;
	memcpy(usb->bytes + usb->len, bytes, n);
	usb->len += n;
	spice.server_char_device_wakeup(device);
	usb->is_writing = false;
	return (int)n;
}

static const SpiceCharDeviceInterface usb_interface = {
	.base = { SPICE_INTERFACE_CHAR_DEVICE, "bench usb", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
			SPICE_INTERFACE_CHAR_DEVICE_MINOR },
	.state = on_usb_state,
	.write = on_usb_write,
	.read = on_usb_read,
	.flags = SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};

static void usb_start(void)
{
	for (int i = 0; i < options.usb; i++) {
		usbs[i].device = (SpiceCharDeviceInstance){ .base.sif = &usb_interface.base, .subtype = "usbredir" };
		spice.server_add_interface(server, &usbs[i].device.base);
	}
}

static void usb_end(void)
{
	for (int i = 0; i < options.usb; i++)
		spice.server_remove_interface(&usbs[i].device.base);
}

/* -- the display: a frame buffer, its mirror, and a queue that the worker thread empties -- */

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct update *queue_first, **queue_last = &queue_first;
static struct cursor_update *queued_cursor;
static uint32_t *frame, *mirror;
static uint8_t *primary;     /* where the library draws on the guest's behalf */
static uint8_t glyphs[GLYPHS][14][8];
static uint32_t image_count, chance_state = 12345;
static unsigned int lines_painted;

static uint32_t chance(void)
{
	chance_state = chance_state * 1664525 + 1013904223;
	return chance_state >> 8;
}

static void on_get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){
		.num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8, .memslot_id_bits = 8,
		.qxl_ram_size = 16 << 20, .internal_groupslot_id = 0, .n_surfaces = 1024,
	};
}

static void on_attached(QXLInstance *qxl)
{
	(void)qxl;
}

static void on_compression_level(QXLInstance *qxl, int level)
{
	(void)qxl, (void)level;
}

static int on_get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	struct update *update;

	(void)qxl;
	pthread_mutex_lock(&queue_lock);
	update = queue_first;
	if (update) {
		queue_first = update->next;
		if (!queue_first)
			queue_last = &queue_first;
		*ext = update->ext;
	}
	pthread_mutex_unlock(&queue_lock);
	return update != NULL;
}

static int on_get_cursor_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	struct cursor_update *update;

	(void)qxl;
	pthread_mutex_lock(&queue_lock);
	update = queued_cursor;
	queued_cursor = NULL;
	if (update)
		*ext = update->ext;
	pthread_mutex_unlock(&queue_lock);
	return update != NULL;
}

static int on_req_notification(QXLInstance *qxl)
{
	(void)qxl;
	return 1;
}

static void on_release(QXLInstance *qxl, struct QXLReleaseInfoExt release)
{
	(void)qxl;
	free((void *)(uintptr_t)release.info->id); /* the update that it is part of */
}

static void on_notify_update(QXLInstance *qxl, uint32_t id)
{
	(void)qxl, (void)id;
}

static int on_flush_resources(QXLInstance *qxl)
{
	(void)qxl;
	return 0;
}

static void on_async_complete(QXLInstance *qxl, uint64_t cookie)
{
	(void)qxl, (void)cookie;
}

static void on_update_area_complete(QXLInstance *qxl, uint32_t surface, struct QXLRect *rects, uint32_t n)
{
	(void)qxl, (void)surface, (void)rects, (void)n;
}

static void on_client_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[58])
{
	(void)qxl, (void)present, (void)caps;
}

static int on_client_monitors(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
	(void)qxl, (void)config;
	return 0;
}

static const QXLInterface qxl_interface = {
	.base = { SPICE_INTERFACE_QXL, "bench display", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR },
	.attached_worker = on_attached,
	.set_compression_level = on_compression_level,
	.get_init_info = on_get_init_info,
	.get_command = on_get_command,
	.req_cmd_notification = on_req_notification,
	.release_resource = on_release,
	.get_cursor_command = on_get_cursor_command,
	.req_cursor_notification = on_req_notification,
	.notify_update = on_notify_update,
	.flush_resources = on_flush_resources,
	.async_complete = on_async_complete,
	.update_area_complete = on_update_area_complete,
	.set_client_capabilities = on_client_capabilities,
	.client_monitors_config = on_client_monitors,
};
static QXLInstance display = { .base.sif = &qxl_interface.base };

static void queue_update(int x, int y, int width, int height)
{
	size_t row = (size_t)width * 4;
	struct update *update = calloc(1, sizeof *update + row * (size_t)height);

	if (!update)
		exit(1);
	for (int i = 0; i < height; i++)
		memcpy(update->pixels + row * (size_t)i, frame + (size_t)(y + i) * (size_t)options.width + x, row);

	update->image.descriptor.id = (uint64_t)++image_count << 32 | 1;
	update->image.descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	update->image.descriptor.width = update->image.bitmap.x = (uint32_t)width;
	update->image.descriptor.height = update->image.bitmap.y = (uint32_t)height;
	update->image.bitmap.format = SPICE_BITMAP_FMT_32BIT;
	update->image.bitmap.flags = 1 | QXL_BITMAP_TOP_DOWN;
	update->image.bitmap.stride = (uint32_t)row;
	update->image.bitmap.data = (uintptr_t)update->pixels;

	QXLDrawable *drawable = &update->drawable;
	drawable->type = QXL_DRAW_COPY;
	drawable->effect = QXL_EFFECT_OPAQUE;
	drawable->bbox = (QXLRect){ .top = y, .left = x, .bottom = y + height, .right = x + width };
	for (int i = 0; i < 3; i++)
		drawable->surfaces_dest[i] = -1;
	drawable->u.copy.src_bitmap = (uintptr_t)&update->image;
	drawable->u.copy.src_area = (QXLRect){ .bottom = height, .right = width };
	drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
	drawable->release_info.id = (uintptr_t)update;
	update->ext.cmd.type = QXL_CMD_DRAW;
	update->ext.cmd.data = (uintptr_t)drawable;

	pthread_mutex_lock(&queue_lock);
	*queue_last = update;
	queue_last = &update->next;
	pthread_mutex_unlock(&queue_lock);
}

/* Rows that differ from the mirror, in columns of 32 pixels, become commands: QEMU does the same. */
static void refresh(void)
{
	for (int x = 0; x < options.width; x += COLUMN) {
		int width = options.width - x < COLUMN ? options.width - x : COLUMN, from = -1;

		for (int y = 0; y <= options.height; y++) {
			size_t at = (size_t)y * (size_t)options.width + (size_t)x;
			bool differs = y < options.height && memcmp(frame + at, mirror + at, (size_t)width * 4);

			if (differs) {
				memcpy(mirror + at, frame + at, (size_t)width * 4);
				if (from < 0)
					from = y;
			} else if (from >= 0) {
				queue_update(x, from, width, y - from);
				from = -1;
			}
		}
	}
	spice.qxl_wakeup(&display);
}

/* One more line of made-up text, at the next place down the screen. */
static void paint_line(void)
{
	int rows = options.height / 16, y = (int)(lines_painted++ % (unsigned int)rows) * 16 + 1;
	int length = 20 + (int)(chance() % (unsigned int)(options.width / 9));
	uint32_t ink = lines_painted % 5 ? 0 : 0x2b6cb0;

	for (int x = 0; x + 8 <= options.width; x += 8) {
		unsigned int g = x / 8 < length ? chance() % (GLYPHS + 16) : GLYPHS;

		for (int j = 0; j < 14 && y + j < options.height; j++)
			for (int i = 0; i < 8; i++) {
				uint32_t paper = g < GLYPHS ? glyphs[g][j][i] : 255;
				uint32_t grey = paper << 16 | paper << 8 | paper;

				frame[(size_t)(y + j) * (size_t)options.width + (size_t)(x + i)] = grey | ink;
			}
	}
}

static void create_primary(void)
{
	size_t bytes = (size_t)options.width * (size_t)options.height * 4;

	frame = malloc(bytes);
	mirror = calloc(1, bytes);
	primary = calloc(1, bytes);
	if (!frame || !mirror || !primary)
		exit(1);
	memset(frame, 0xff, bytes);
	memset(mirror, 0x55, bytes);

	QXLDevSurfaceCreate surface = {
		.width = (uint32_t)options.width, .height = (uint32_t)options.height, .stride = -4 * options.width,
		.format = SPICE_SURFACE_FMT_32_xRGB, .mouse_mode = 1, .mem = (uintptr_t)primary,
	};
	spice.qxl_create_primary_surface(&display, 0, &surface);
}

static void drop_queue(void)
{
	struct update *first;

	pthread_mutex_lock(&queue_lock);
	first = queue_first;
	queue_first = NULL;
	queue_last = &queue_first;
	pthread_mutex_unlock(&queue_lock);
	while (first) {
		struct update *next = first->next;

		free(first);
		first = next;
	}
}

static void destroy_primary(void)
{
	drop_queue();
	spice.qxl_destroy_primary_surface(&display, 0);
	free(frame);
	free(mirror);
	free(primary);
	frame = mirror = NULL;
	primary = NULL;
}

static void paint_all(void)
{
	for (int i = 0; i < options.height / 16; i++)
		paint_line();
	refresh();
}

static void queue_cursor(void)
{
	static uint64_t unique;
	struct cursor_update *update = calloc(1, sizeof *update);

	if (!update)
		exit(1);
	QXLCursor *cursor = &update->shape.cursor;
	cursor->header.unique = ++unique;
	cursor->header.type = SPICE_CURSOR_TYPE_ALPHA;
	cursor->header.width = cursor->header.height = 32;
	cursor->data_size = cursor->chunk.data_size = sizeof update->shape.pixels;
	for (int i = 0; i < 32 * 32; i++) {
		uint32_t pixel = i % 32 <= i / 32 ? 0xff000000 : 0;

		memcpy(update->shape.pixels + i, &pixel, sizeof pixel);
	}
	update->command.type = QXL_CURSOR_SET;
	update->command.u.set.visible = 1;
	update->command.u.set.shape = (uintptr_t)cursor;
	update->command.release_info.id = (uintptr_t)update;
	update->ext.cmd.type = QXL_CMD_CURSOR;
	update->ext.cmd.data = (uintptr_t)&update->command;
	pthread_mutex_lock(&queue_lock);
	free(queued_cursor);
	queued_cursor = update;
	pthread_mutex_unlock(&queue_lock);
	spice.qxl_wakeup(&display);
}

static void display_start(void)
{
	QXLDevMemSlot slot = { .virt_end = ~(uintptr_t)0 };

	for (int g = 0; g < GLYPHS; g++)
		for (int y = 0; y < 14; y++)
			for (int x = 0; x < 8; x++)
				glyphs[g][y][x] = y < 2 || y > 11 || !x || chance() % 3
						? 255 : (uint8_t)(chance() % 4 * 80);
	spice.qxl_set_device_info(&display, "pci/0000/02.0", 0, 1);
	spice.qxl_add_memslot(&display, &slot);
	create_primary();
}

/* -- the control socket -- */

struct control {
	int fd;
	size_t len;
	char line[256];
};

static struct control controls[CONTROLS_MAX];
static int control_listener = -1;
static uint64_t busy_ns, busy_due_ns;   /* a line of text that often; 0: never */
static uint64_t nudge_ns, nudge_due_ns; /* a wake-up call for nothing */

static void answer(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void answer(int fd, const char *format, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof text - 1, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n > sizeof text - 2)
		n = sizeof text - 2;
	text[n++] = '\n';
	(void)!write(fd, text, (size_t)n);
}

static unsigned int count_files(const char *path)
{
	unsigned int n = 0;
	DIR *dir = opendir(path);

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 2 ? n - 2 : 0;
}

/* "Name: 123 kB" and the like, summed up over the file's lines. */
static unsigned long long sum_lines(const char *path, const char *name)
{
	unsigned long long sum = 0;
	char line[256];
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, name, strlen(name)))
			sum += strtoull(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return sum;
}

/* Voluntary waits of the threads that are not ours: each is one wake-up. */
static unsigned long long count_wake_ups(void)
{
	unsigned long long sum = 0;
	DIR *dir = opendir("/proc/self/task");

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[300];

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == (int)getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		sum += sum_lines(path, "voluntary_ctxt_switches:");
	}
	if (dir)
		closedir(dir);
	return sum;
}

static void do_figures(int fd, const char *rest)
{
	(void)rest;
	answer(fd, "{\"at_ns\":%llu,\"cpu_ns\":%llu,\"callbacks\":%llu,\"longest_cpu_ns\":%llu,\"longest_ns\":%llu,"
			"\"turns\":%llu,\"clients\":%d,\"motions\":%u}",
			(unsigned long long)clock_ns(CLOCK_MONOTONIC), (unsigned long long)figures.cpu_ns,
			(unsigned long long)figures.callbacks, (unsigned long long)figures.longest_cpu_ns,
			(unsigned long long)figures.longest_ns, (unsigned long long)figures.turns,
			spice.server_get_num_clients(server), motion_count);
	figures.longest_cpu_ns = figures.longest_ns = 0;
}

static void do_process(int fd, const char *rest)
{
	(void)rest;
	answer(fd, "{\"at_ns\":%llu,\"process_cpu_ns\":%llu,\"turns\":%llu,\"other_wake_ups\":%llu}",
			(unsigned long long)clock_ns(CLOCK_MONOTONIC),
			(unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID), (unsigned long long)figures.turns,
			count_wake_ups());
}

static void do_memory(int fd, const char *rest)
{
	(void)rest;
	answer(fd, "{\"rss_kb\":%llu,\"pss_kb\":%llu,\"threads\":%u,\"files\":%u}",
			sum_lines("/proc/self/smaps_rollup", "Rss:"), sum_lines("/proc/self/smaps_rollup", "Pss:"),
			count_files("/proc/self/task"), count_files("/proc/self/fd"));
}

static void do_keys(int fd, const char *rest)
{
	(void)rest;
	for (unsigned int i = 0; i < key_count; i++)
		answer(fd, "{\"key\":%u,\"at_ns\":%llu}", keys[i].code, (unsigned long long)keys[i].at_ns);
	answer(fd, "{\"keys\":%u}", key_count);
	key_count = 0;
}

static void do_paint(int fd, const char *rest)
{
	int lines = atoi(rest);

	for (int i = 0; options.has_display && i < lines; i++)
		paint_line();
	if (options.has_display)
		refresh();
	answer(fd, "{\"painted\":%d}", lines);
}

static void do_busy(int fd, const char *rest)
{
	int hz = atoi(rest);

	busy_ns = options.has_display && hz > 0 && hz <= 1000 ? 1000000000u / (unsigned int)hz : 0;
	busy_due_ns = clock_ns(CLOCK_MONOTONIC);
	answer(fd, "{\"busy\":%d}", hz);
}

static void do_nudge(int fd, const char *rest)
{
	int hz = atoi(rest);

	nudge_ns = options.has_display && hz > 0 && hz <= 1000 ? 1000000000u / (unsigned int)hz : 0;
	nudge_due_ns = clock_ns(CLOCK_MONOTONIC);
	answer(fd, "{\"nudge\":%d}", hz);
}

/* FNV-1a over the colours, row by row. */
static void do_hash(int fd, const char *rest)
{
	uint64_t hash = 0xcbf29ce484222325;
	size_t n = options.has_display ? (size_t)options.width * (size_t)options.height : 0;

	(void)rest;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (frame[i] & 0xffffff)) * 0x100000001b3;
	answer(fd, "{\"hash\":\"%016llx\",\"width\":%d,\"height\":%d}", (unsigned long long)hash, options.width,
			options.height);
}

static void do_leds(int fd, const char *rest)
{
	spice.server_kbd_leds(&keyboard, atoi(rest));
	answer(fd, "{\"leds\":%d}", atoi(rest));
}

static bool read_size(const char *text)
{
	int width, height;

	if (sscanf(text, "%dx%d", &width, &height) != 2 || width < 64 || height < 32 || width > 8192 || height > 8192)
		return false;
	options.width = width;
	options.height = height;
	return true;
}

static void do_resize(int fd, const char *rest)
{
	if (options.has_display) {
		destroy_primary();
		read_size(rest);
		create_primary();
		paint_all();
	}
	answer(fd, "{\"width\":%d,\"height\":%d}", options.width, options.height);
}

static void do_cursor(int fd, const char *rest)
{
	(void)rest;
	if (options.has_display)
		queue_cursor();
	answer(fd, "{\"cursor\":%d}", options.has_display);
}

static void do_stop(int fd, const char *rest)
{
	(void)rest;
	spice.server_vm_stop(server);
	answer(fd, "{\"stopped\":true}");
}

static void do_cont(int fd, const char *rest)
{
	(void)rest;
	spice.server_vm_start(server);
	answer(fd, "{\"stopped\":false}");
}

static void do_quit(int fd, const char *rest)
{
	(void)rest;
	answer(fd, "{\"quit\":true}");
	is_over = true;
}

static const struct {
	const char *name;
	void (*fn)(int fd, const char *rest);
} commands[] = {
	{ "figures", do_figures }, /* of the main thread; the longest ones since the last asking */
	{ "process", do_process }, /* CPU of it all, turns of this loop, waits of the other threads */
	{ "memory", do_memory },   /* memory, threads and descriptors; costs milliseconds to find out */
	{ "keys", do_keys },       /* a line for each scancode since the last asking, then their count */
	{ "paint", do_paint },     /* N lines of text at once */
	{ "busy", do_busy },       /* a line of text N times a second; 0 ends it */
	{ "nudge", do_nudge },     /* says N times a second that there may be commands, as QEMU does; 0 ends it */
	{ "hash", do_hash },       /* of the screen's colours */
	{ "resize", do_resize },   /* WxH, with a new picture */
	{ "cursor", do_cursor },   /* a new shape */
	{ "leds", do_leds },
	{ "stop", do_stop },
	{ "cont", do_cont },
	{ "quit", do_quit },
};

static void control_line(int fd, const char *line)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t n = strlen(commands[i].name);

		if (!strncmp(line, commands[i].name, n) && (!line[n] || line[n] == ' ')) {
			commands[i].fn(fd, line + n);
			return;
		}
	}
	answer(fd, "{\"error\":\"no such command\"}");
}

static void control_read(struct control *control)
{
	ssize_t n = read(control->fd, control->line + control->len, sizeof control->line - 1 - control->len);

	if (n <= 0) {
		close(control->fd);
		control->fd = -1;
		return;
	}
	control->len += (size_t)n;
	for (char *end; (end = memchr(control->line, '\n', control->len));) {
		size_t used = (size_t)(end - control->line) + 1;

		*end = 0;
		control_line(control->fd, control->line);
		memmove(control->line, control->line + used, control->len -= used);
	}
	if (control->len == sizeof control->line - 1)
		control->len = 0;
}

static void control_accept(void)
{
	int fd = accept4(control_listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < CONTROLS_MAX; i++)
		if (controls[i].fd < 0) {
			controls[i].fd = fd;
			controls[i].len = 0;
			return;
		}
	if (fd >= 0)
		close(fd);
}

static int control_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	strcpy(address.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4))
		return -1;
	return fd;
}

/* -- the loop -- */

static void sweep(void)
{
	for (struct SpiceWatch **w = &watches; *w;) {
		struct SpiceWatch *watch = *w;

		if (!watch->is_dead) {
			w = &watch->next;
			continue;
		}
		*w = watch->next;
		free(watch);
	}
	for (struct SpiceTimer **t = &timers; *t;) {
		struct SpiceTimer *timer = *t;

		if (!timer->is_dead) {
			t = &timer->next;
			continue;
		}
		*t = timer->next;
		free(timer);
	}
}

static int next_timeout(uint64_t now)
{
	uint64_t due = busy_ns ? busy_due_ns : UINT64_MAX;

	if (nudge_ns && nudge_due_ns < due)
		due = nudge_due_ns;
	for (struct SpiceTimer *timer = timers; timer; timer = timer->next)
		if (timer->due_ns && timer->due_ns < due)
			due = timer->due_ns;
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

static void turn(void)
{
	static struct pollfd polled[2048];
	static struct SpiceWatch *of[2048];
	size_t n = 0, first_control;

	sweep();
	for (struct SpiceWatch *watch = watches; watch && n < 2000; watch = watch->next) {
		if (!watch->mask)
			continue;
		of[n] = watch;
		polled[n++] = (struct pollfd){ watch->fd, (short)((watch->mask & SPICE_WATCH_EVENT_READ ? POLLIN : 0) |
				(watch->mask & SPICE_WATCH_EVENT_WRITE ? POLLOUT : 0)), 0 };
	}
	first_control = n;
	for (int i = 0; i < CONTROLS_MAX; i++)
		polled[n++] = (struct pollfd){ controls[i].fd, POLLIN, 0 };
	polled[n++] = (struct pollfd){ control_listener, POLLIN, 0 };
	poll(polled, n, next_timeout(clock_ns(CLOCK_MONOTONIC)));

	uint64_t began = clock_ns(CLOCK_MONOTONIC), called = figures.callbacks;
	figures.turns++;
	for (size_t i = 0; i < first_control; i++) {
		static const struct { short polled; int event; } kinds[] = {
			{ POLLIN | POLLHUP | POLLERR, SPICE_WATCH_EVENT_READ },
			{ POLLOUT | POLLERR, SPICE_WATCH_EVENT_WRITE },
		};

		for (int k = 0; k < 2; k++)
			if (polled[i].revents & kinds[k].polled && of[i]->mask & kinds[k].event && !of[i]->is_dead) {
				enter_library();
				of[i]->fn(of[i]->fd, kinds[k].event, of[i]->opaque);
				leave_library();
			}
	}
	for (struct SpiceTimer *timer = timers; timer; timer = timer->next)
		if (timer->due_ns && timer->due_ns <= began) {
			timer->due_ns = 0;
			enter_library();
			timer->fn(timer->opaque);
			leave_library();
		}
	uint64_t took = clock_ns(CLOCK_MONOTONIC) - began;
	if (took > figures.longest_ns && figures.callbacks > called)
		figures.longest_ns = took;

	if (busy_ns && busy_due_ns <= began) {
		busy_due_ns += busy_ns;
		paint_line();
		refresh();
	}
	if (nudge_ns && nudge_due_ns <= began) {
		nudge_due_ns += nudge_ns;
		spice.qxl_wakeup(&display);
	}
	for (int i = 0; i < CONTROLS_MAX; i++)
		if (polled[first_control + (size_t)i].revents)
			control_read(&controls[i]);
	if (polled[first_control + CONTROLS_MAX].revents)
		control_accept();
}

/* -- start -- */

static void load_library(void)
{
	void *library = dlopen("libspice-server.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "bench-vmm: %s\n", dlerror());
		exit(2);
	}
#define LOAD(name, node) \
	if (!(*(void **)&spice.name = dlvsym(library, "spice_" #name, node))) { \
		fprintf(stderr, "bench-vmm: %s\n", dlerror()); \
		exit(2); \
	}
	CALLS(LOAD)
#undef LOAD
}

static void library_path(char *path, size_t size)
{
	char line[1024];
	FILE *maps = fopen("/proc/self/maps", "r");

	snprintf(path, size, "?");
	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "libspice-server.so") && strchr(line, '/')) {
			line[strcspn(line, "\n")] = 0;
			snprintf(path, size, "%s", strchr(line, '/'));
			break;
		}
	if (maps)
		fclose(maps);
}

static void server_start(void)
{
	static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	server = spice.server_new();
	if (options.unix_path) {
		spice.server_set_addr(server, options.unix_path, SPICE_ADDR_FLAG_UNIX_ONLY);
	} else {
		spice.server_set_addr(server, options.addr, 0);
		spice.server_set_port(server, options.port);
	}
	if (options.tls_dir) {
		char ca[512], cert[512], key[512];

		snprintf(ca, sizeof ca, "%s/ca-cert.pem", options.tls_dir);
		snprintf(cert, sizeof cert, "%s/server-cert.pem", options.tls_dir);
		snprintf(key, sizeof key, "%s/server-key.pem", options.tls_dir);
		spice.server_set_tls(server, options.tls_port, ca, cert, key, NULL, NULL, NULL);
	}
	if (options.password)
		spice.server_set_ticket(server, options.password, 0, 0, 0);
	else
		spice.server_set_noauth(server);
	spice.server_set_image_compression(server, (SpiceImageCompression)options.compression);
	spice.server_set_jpeg_compression(server, SPICE_WAN_COMPRESSION_AUTO);
	spice.server_set_zlib_glz_compression(server, SPICE_WAN_COMPRESSION_AUTO);
	spice.server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
	spice.server_set_agent_mouse(server, 1);
	spice.server_set_playback_compression(server, 1);
	spice.server_set_name(server, "bench");
	spice.server_set_uuid(server, uuid);
	if (spice.server_init(server, &core)) {
		fprintf(stderr, "bench-vmm: the server does not start\n");
		exit(2);
	}
	if (spice.server_add_interface(server, &keyboard.base) || spice.server_add_interface(server, &mouse.base)) {
		fprintf(stderr, "bench-vmm: keyboard or mouse refused\n");
		exit(2);
	}
	if (options.has_display) {
		if (spice.server_add_interface(server, &display.base)) {
			fprintf(stderr, "bench-vmm: display refused\n");
			exit(2);
		}
		display_start();
	}
	if (options.has_tablet && spice.server_add_interface(server, &tablet.base)) {
		fprintf(stderr, "bench-vmm: tablet refused\n");
		exit(2);
	}
	usb_start();
	spice.server_vm_start(server);
	if (options.has_display) {
		paint_all();
		queue_cursor();
	}
}

static void server_end(void)
{
	spice.server_vm_stop(server);
	if (options.has_display) {
		destroy_primary();
		spice.server_remove_interface(&display.base);
	}
	if (options.has_tablet)
		spice.server_remove_interface(&tablet.base);
	usb_end();
	spice.server_destroy(server);
	free(queued_cursor);
	for (struct SpiceWatch *watch = watches; watch; watch = watch->next)
		watch->is_dead = true;
	for (struct SpiceTimer *timer = timers; timer; timer = timer->next)
		timer->is_dead = true;
	sweep();
}

enum { ADDR = 256, PORT, TLS_PORT, TLS_DIR, UNIX, PASSWORD, CONTROL, SIZE, COMPRESSION, TABLET, USB, NO_DISPLAY, EVENTS, HELP };

static const struct option long_options[] = {
	{ "addr", required_argument, NULL, ADDR },
	{ "port", required_argument, NULL, PORT },             /* 0, the default: any free one */
	{ "tls-dir", required_argument, NULL, TLS_DIR },       /* with ca-cert, server-cert, server-key .pem */
	{ "tls-port", required_argument, NULL, TLS_PORT },
	{ "unix", required_argument, NULL, UNIX },
	{ "password", required_argument, NULL, PASSWORD },     /* without: no ticket */
	{ "control", required_argument, NULL, CONTROL },
	{ "size", required_argument, NULL, SIZE },             /* WxH */
	{ "compression", required_argument, NULL, COMPRESSION }, /* 1 off, 2 auto_glz ... 7 lz4 */
	{ "tablet", no_argument, NULL, TABLET },
	{ "usb", required_argument, NULL, USB },               /* so many usbredir devices that echo */
	{ "no-display", no_argument, NULL, NO_DISPLAY },
	{ "events", no_argument, NULL, EVENTS },               /* print channel events */
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

static void read_options(int argc, char **argv)
{
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (c) {
		case ADDR: options.addr = optarg; break;
		case PORT: options.port = atoi(optarg); break;
		case TLS_PORT: options.tls_port = atoi(optarg); break;
		case TLS_DIR: options.tls_dir = optarg; break;
		case UNIX: options.unix_path = optarg; break;
		case PASSWORD: options.password = optarg; break;
		case CONTROL: options.control = optarg; break;
		case COMPRESSION: options.compression = atoi(optarg); break;
		case TABLET: options.has_tablet = true; break;
		case USB: options.usb = atoi(optarg) < USB_MOST ? atoi(optarg) : USB_MOST; break;
		case NO_DISPLAY: options.has_display = false; break;
		case EVENTS: options.shows_events = true; break;
		case SIZE:
			if (read_size(optarg))
				break;
			fprintf(stderr, "bench-vmm: --size is WxH, from 64x32 to 8192x8192\n");
			exit(2);
		default:
			printf("usage: bench-vmm");
			for (const struct option *o = long_options; o->name; o++)
				printf(" [--%s%s]", o->name, o->has_arg ? " ..." : "");
			printf("\n");
			exit(c == HELP ? 0 : 2);
		}
	}
	if (!options.port && !options.unix_path)
		options.port = free_port();
	if (!options.tls_port && options.tls_dir)
		options.tls_port = free_port();
}

int main(int argc, char **argv)
{
	char path[512];

	signal(SIGPIPE, SIG_IGN);
	read_options(argc, argv);
	load_library();
	for (int i = 0; i < CONTROLS_MAX; i++)
		controls[i].fd = -1;
	if (options.control && (control_listener = control_listen(options.control)) < 0) {
		fprintf(stderr, "bench-vmm: cannot listen at %s\n", options.control);
		return 2;
	}
	server_start();
	library_path(path, sizeof path);
	printf("{\"event\":\"started\",\"library\":\"%s\",\"pid\":%d,\"port\":%d,\"tls_port\":%d}\n", path, (int)getpid(),
			options.port, options.tls_port);
	fflush(stdout);
	while (!is_over)
		turn();
	server_end();
	printf("{\"event\":\"ended\"}\n");
	return 0;
}
