/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* api-fixture.h - what test-api adds to vmm-fixture.h: books of what is owed, a display that draws, a client
 * that notes what it is told. */
#ifndef CLOVE_TESTS_API_FIXTURE_H
#define CLOVE_TESTS_API_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "bench/player.h"
#include "include/spice-server/spice.h"
#include "tests/unit/vmm-fixture.h"

static struct clove_loop *loop;

/* -- vmm-fixture.h's core interface, its books kept -- */

static struct {
	int watches, timers;              /* that are there now */
	bool is_event_odd;                /* an event without the one that must come before it */
	SpiceChannelEventInfo *infos[64]; /* between connected and disconnected */
} books;

static SpiceTimer *books_timer_add(SpiceTimerFunc func, void *opaque)
{
	books.timers++;
	return vmm_timer_add(func, opaque);
}

static void books_timer_remove(SpiceTimer *timer)
{
	books.timers--;
	vmm_timer_remove(timer);
}

static SpiceWatch *books_watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
	books.watches++;
	return vmm_watch_add(fd, mask, func, opaque);
}

static void books_watch_remove(SpiceWatch *watch)
{
	books.watches--;
	vmm_watch_remove(watch);
}

static SpiceChannelEventInfo **books_find(const SpiceChannelEventInfo *info)
{
	for (int i = 0; i < 64; i++)
		if (books.infos[i] == info)
			return &books.infos[i];
	return NULL;
}

static void books_channel_event(int event, SpiceChannelEventInfo *info)
{
	SpiceChannelEventInfo **known = books_find(info);

	if (!(info->flags & SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT) ||
			!known != (event == SPICE_CHANNEL_EVENT_CONNECTED))
		books.is_event_odd = true;
	else if (event == SPICE_CHANNEL_EVENT_CONNECTED)
		*books_find(NULL) = info;
	else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED)
		*known = NULL;
	vmm_channel_event(event, info);
}

static SpiceCoreInterface core;

static void books_open(void)
{
	vmm.loop = loop = clove_poll_loop_new();
	core = vmm_core;
	core.timer_add = books_timer_add;
	core.timer_remove = books_timer_remove;
	core.watch_add = books_watch_add;
	core.watch_remove = books_watch_remove;
	core.channel_event = books_channel_event;
}

/* Nothing of the library may be left in the VMM's loop, nor an event be owed. */
static void books_close(void)
{
	ck_assert_int_eq(books.watches, 0);
	ck_assert_int_eq(books.timers, 0);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED],
			vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED]);
	ck_assert(!books.is_event_odd);
	clove_poll_loop_free(loop);
}

/* -- a display: commands that lie in our own memory, as QEMU's simple display sends them -- */

enum { W = 64, H = 48, RING = 64 };

struct display {
	QXLInstance qxl;                  /* first */
	uint32_t pixels[H][W];
	pthread_mutex_t lock;
	QXLCommandExt ring[RING], cursor_ring[RING];
	unsigned int put, cursor_put;
	atomic_uint taken, cursor_taken;
	atomic_int released, flushed, completed, area_rects, caps_calls, caps_present, caps, level_calls;
	atomic_int worker_calls;          /* any callback of the worker's thread */
	_Atomic uint64_t cookies;         /* a bit each, of those that came back */
};

struct drawing {
	QXLDrawable drawable;
	QXLImage image;
	uint32_t pixels[W * H];
};

static struct display *display_of(QXLInstance *qxl)
{
	return (struct display *)qxl;
}

static int take(struct display *d, const QXLCommandExt *ring, atomic_uint *taken, unsigned int put,
		QXLCommandExt *ext)
{
	int has_one = *taken != put;

	d->worker_calls++;
	if (has_one)
		*ext = ring[(*taken)++ % RING];
	return has_one;
}

static int display_get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
	struct display *d = display_of(qxl);

	pthread_mutex_lock(&d->lock);
	int has_one = take(d, d->ring, &d->taken, d->put, ext);
	pthread_mutex_unlock(&d->lock);
	return has_one;
}

static int display_get_cursor_command(QXLInstance *qxl, QXLCommandExt *ext)
{
	struct display *d = display_of(qxl);

	pthread_mutex_lock(&d->lock);
	int has_one = take(d, d->cursor_ring, &d->cursor_taken, d->cursor_put, ext);
	pthread_mutex_unlock(&d->lock);
	return has_one;
}

static int display_req_notification(QXLInstance *qxl)
{
	display_of(qxl)->worker_calls++;
	return 1;
}

static void display_release(QXLInstance *qxl, QXLReleaseInfoExt ext)
{
	display_of(qxl)->worker_calls++;
	display_of(qxl)->released++;
	free(ext.info);
}

static int display_flush(QXLInstance *qxl)
{
	display_of(qxl)->flushed++;
	return 0;
}

static void display_async_complete(QXLInstance *qxl, uint64_t cookie)
{
	display_of(qxl)->completed++;
	display_of(qxl)->cookies |= UINT64_C(1) << (cookie & 63);
}

static void display_area_complete(QXLInstance *qxl, uint32_t id, struct QXLRect *rects, uint32_t n)
{
	(void)id;
	(void)rects;
	display_of(qxl)->area_rects += (int)n;
}

static void display_set_caps(QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
	display_of(qxl)->caps_calls++;
	display_of(qxl)->caps = caps[0];
	display_of(qxl)->caps_present = present;
}

static void display_set_level(QXLInstance *qxl, int level)
{
	(void)level;
	display_of(qxl)->level_calls++;
}

static void display_init(struct display *d, int id)
{
	static QXLInterface display_interface;

	display_interface = vmm_qif;
	display_interface.set_compression_level = display_set_level;
	display_interface.get_command = display_get_command;
	display_interface.req_cmd_notification = display_req_notification;
	display_interface.release_resource = display_release;
	display_interface.get_cursor_command = display_get_cursor_command;
	display_interface.req_cursor_notification = display_req_notification;
	display_interface.flush_resources = display_flush;
	display_interface.async_complete = display_async_complete;
	display_interface.update_area_complete = display_area_complete;
	display_interface.set_client_capabilities = display_set_caps;
	memset(d, 0, sizeof *d);
	d->qxl = (QXLInstance){ .base = { &display_interface.base }, .id = id };
	pthread_mutex_init(&d->lock, NULL);
}

static QXLDevMemSlot host_slot(void)
{
	return (QXLDevMemSlot){ .virt_end = UINTPTR_MAX };
}

static QXLDevSurfaceCreate host_primary(struct display *d)
{
	return (QXLDevSurfaceCreate){ .width = W, .height = H, .stride = W * 4,
			.format = SPICE_SURFACE_FMT_32_xRGB, .mouse_mode = 1,
			.mem = (uint64_t)(uintptr_t)d->pixels };
}

static void put(struct display *d, QXLCommandExt *ring, unsigned int *count, uint32_t type, void *data)
{
	pthread_mutex_lock(&d->lock);
	ring[(*count)++ % RING] = (QXLCommandExt){ .cmd = { .data = (uint64_t)(uintptr_t)data, .type = type } };
	pthread_mutex_unlock(&d->lock);
}

/* One colour on all of the surface; the display is not told. */
static void put_drawing(struct display *d, uint32_t surface_id, uint32_t colour)
{
	struct drawing *drawing = calloc(1, sizeof *drawing);

	drawing->drawable = (QXLDrawable){ .surface_id = surface_id, .effect = QXL_EFFECT_OPAQUE,
			.type = QXL_DRAW_COPY, .bbox = { 0, 0, H, W }, .surfaces_dest = { -1, -1, -1 },
			.u.copy = { .src_bitmap = (uint64_t)(uintptr_t)&drawing->image,
			.src_area = { 0, 0, H, W }, .rop_descriptor = SPICE_ROPD_OP_PUT } };
	QXL_SET_IMAGE_ID(&drawing->image, QXL_IMAGE_GROUP_DEVICE, 1);
	drawing->image.descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	drawing->image.descriptor.width = W;
	drawing->image.descriptor.height = H;
	drawing->image.bitmap = (QXLBitmap){ .format = SPICE_BITMAP_FMT_32BIT,
			.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN, .x = W, .y = H, .stride = W * 4,
			.data = (uint64_t)(uintptr_t)drawing->pixels };
	for (int i = 0; i < W * H; i++)
		drawing->pixels[i] = colour;
	put(d, d->ring, &d->put, QXL_CMD_DRAW, drawing);
}

static void put_surface(struct display *d, uint32_t id, bool is_create, uint32_t *pixels)
{
	QXLSurfaceCmd *command = calloc(1, sizeof *command);

	command->surface_id = id;
	command->type = is_create ? QXL_SURFACE_CMD_CREATE : QXL_SURFACE_CMD_DESTROY;
	command->u.surface_create = (QXLSurface){ .format = SPICE_SURFACE_FMT_32_xRGB, .width = W,
			.height = H, .stride = W * 4, .data = (uint64_t)(uintptr_t)pixels };
	put(d, d->ring, &d->put, QXL_CMD_SURFACE, command);
}

/* -- a server with a client on a unix socket -- */

static char socket_path[64];

/* What clients were told. */
static struct {
	char name[64];
	uint8_t uuid[16];
	unsigned int mouse_modes, mouse_mode, modifiers;
	atomic_int cursor_resets, cursor_inits, heads, heads_told, first_head_width, creates, destroys;
} seen;

static enum clove_err seen_init(void *opaque, const void *message)
{
	struct player_channel *channel = opaque;
	const struct clove_main_init *init = message;

	channel->player->session_id = init->session_id;
	channel->player->times.init = clove_now_ns();
	seen.mouse_modes = init->supported_mouse_modes;
	seen.mouse_mode = init->current_mouse_mode;
	clove_channel_send(&channel->channel, CLOVE_MAIN_ATTACH_CHANNELS, NULL);
	return CLOVE_OK;
}

static enum clove_err seen_list(void *opaque, const void *message)
{
	struct player *player = ((struct player_channel *)opaque)->player;
	const struct clove_main_channels_list *list = message;

	for (uint32_t i = 0; i < list->count; i++)
		if (player->wanted >> list->channels[i].type & 1 && list->channels[i].id == 0)
			player_link(player, list->channels[i].type, 0);
	return CLOVE_OK;
}

static enum clove_err seen_mouse_mode(void *opaque, const void *message)
{
	const struct clove_main_mouse_mode *mode = message;

	(void)opaque;
	seen.mouse_modes = mode->supported;
	seen.mouse_mode = mode->current;
	return CLOVE_OK;
}

static enum clove_err seen_name(void *opaque, const void *message)
{
	const struct clove_main_name *name = message;

	(void)opaque;
	if (name->len < sizeof seen.name)
		memcpy(seen.name, name->name.data, name->len);
	return CLOVE_OK;
}

static enum clove_err seen_uuid(void *opaque, const void *message)
{
	(void)opaque;
	memcpy(seen.uuid, ((const struct clove_main_uuid *)message)->uuid, 16);
	return CLOVE_OK;
}

static enum clove_err seen_modifiers(void *opaque, const void *message)
{
	(void)opaque;
	seen.modifiers = ((const struct clove_inputs_modifiers *)message)->modifiers;
	return CLOVE_OK;
}

static enum clove_err seen_monitors(void *opaque, const void *message)
{
	const struct clove_display_monitors_config *config = message;

	(void)opaque;
	seen.heads = config->count;
	seen.first_head_width = config->count ? (int)config->heads[0].width : 0;
	seen.heads_told++;
	return CLOVE_OK;
}

static enum clove_err seen_create(void *o, const void *m) { (void)o; (void)m; seen.creates++; return CLOVE_OK; }
static enum clove_err seen_destroy(void *o, const void *m) { (void)o; (void)m; seen.destroys++; return CLOVE_OK; }
static enum clove_err seen_cursor_init(void *o, const void *m) { (void)o; (void)m; seen.cursor_inits++; return CLOVE_OK; }
static enum clove_err seen_cursor_reset(void *o, const void *m) { (void)o; (void)m; seen.cursor_resets++; return CLOVE_OK; }

static void seen_closed(void *opaque, enum clove_err err)
{
	struct player_channel *channel = opaque;
	struct player *player = channel->player;

	(void)err;
	channel->is_over = true;
	channel->is_open = false;
	if (channel->type == CLOVE_CHANNEL_MAIN) {
		player->main = NULL;
		player->is_over = true;
	}
	if (player->inputs == channel)
		player->inputs = NULL;
	if (player->display == channel)
		player->display = NULL;
	clove_channel_fini(&channel->channel);
	channel->channel.loop = NULL;
}

#define SEEN_OPS(name, ...) \
	static const struct clove_channel_ops name = { \
		.handlers = (const struct clove_handler[]){ __VA_ARGS__, { 0, NULL } }, \
		.closed = seen_closed, \
	}
SEEN_OPS(seen_main_ops, { CLOVE_MAIN_INIT, seen_init }, { CLOVE_MAIN_CHANNELS_LIST, seen_list },
		{ CLOVE_MAIN_MOUSE_MODE, seen_mouse_mode }, { CLOVE_MAIN_NAME, seen_name },
		{ CLOVE_MAIN_UUID, seen_uuid });
SEEN_OPS(seen_inputs_ops, { CLOVE_INPUTS_INIT, seen_modifiers },
		{ CLOVE_INPUTS_KEY_MODIFIERS, seen_modifiers });
SEEN_OPS(seen_display_ops, { CLOVE_DISPLAY_SURFACE_CREATE, seen_create },
		{ CLOVE_DISPLAY_SURFACE_DESTROY, seen_destroy },
		{ CLOVE_DISPLAY_MONITORS_CONFIG, seen_monitors });
SEEN_OPS(seen_cursor_ops, { CLOVE_CURSOR_INIT, seen_cursor_init },
		{ CLOVE_CURSOR_RESET, seen_cursor_reset });

static struct player *client_new(const struct player_where *where, unsigned int wanted)
{
	struct player *player = player_new(loop, where, wanted);

	player->ops[CLOVE_CHANNEL_MAIN] = &seen_main_ops;
	player->ops[CLOVE_CHANNEL_INPUTS] = &seen_inputs_ops;
	player->ops[CLOVE_CHANNEL_DISPLAY] = &seen_display_ops;
	player->ops[CLOVE_CHANNEL_CURSOR] = &seen_cursor_ops;
	return player;
}

/* Whether a client gets as far as INIT, or is turned away. */
static bool gets_in(const struct player_where *where)
{
	struct player *player = client_new(where, 0);

	NET_TURN_UNTIL(loop, player->is_over || player->times.init);
	bool is_in = player->times.init;

	player_free(player);
	return is_in;
}

static void turn(int ms)
{
	uint64_t end = clove_now_ms() + (unsigned int)ms;

	while (clove_now_ms() < end)
		clove_poll_loop_step(loop, 10);
}

static SpiceServer *server_on(const char *path)
{
	SpiceServer *server = spice_server_new();

	ck_assert_ptr_nonnull(server);
	spice_server_set_addr(server, path, SPICE_ADDR_FLAG_UNIX_ONLY);
	ck_assert_int_eq(spice_server_set_noauth(server), 0);
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	return server;
}

#endif
