/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c - has one server library record a display, and another play it, and compares the surfaces.
 *
 *   replay record LIBRARY SEED FILE
 *   replay play LIBRARY SEED FILE
 *
 * Both end with a line "hash H" of the surfaces of the case that the seed stands for. Playing, the surfaces
 * are the library's and out of reach: they are copied to others, drawn like any image.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/raster/commands.h"
#include "tests/raster/vmm.h"

#define CALLS(X) \
	RASTER_CALLS(X) \
	X(server_destroy, "SPICE_SERVER_0.6.0") \
	X(qxl_destroy_primary_surface, "SPICE_SERVER_0.8.2") \
	X(replay_new, "SPICE_SERVER_0.12.6") \
	X(replay_next_cmd, "SPICE_SERVER_0.12.6") \
	X(replay_free_cmd, "SPICE_SERVER_0.12.6") \
	X(replay_free, "SPICE_SERVER_0.12.6")

static struct {
#define FIELD(name, node) __typeof__(spice_##name) *name;
	CALLS(FIELD)
#undef FIELD
} spice;

enum { QUEUE = 64, EXTRA_AT = RASTER_MEMORY - 65536, FIRST_COPY = 32, HOST_GROUP = 0 };

static struct raster_case current;
static QXLCommandExt queue[QUEUE], cursors[4];
static unsigned int queued, taken, cursors_queued, cursors_taken;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SpiceReplay *played;

static int take(QXLCommandExt *from, unsigned int *at, unsigned int n, struct QXLCommandExt *ext)
{
	int is_there;

	pthread_mutex_lock(&lock);
	is_there = *at < n;
	if (is_there)
		*ext = from[(*at)++];
	pthread_mutex_unlock(&lock);
	return is_there;
}

static int on_get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	(void)qxl;
	return take(queue, &taken, queued, ext);
}

static int on_get_cursor(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	(void)qxl;
	return take(cursors, &cursors_taken, cursors_queued, ext);
}

/* What was played is given back as the recording's reader asks; our own commands have no id. */
static void on_release(QXLInstance *qxl, struct QXLReleaseInfoExt ext)
{
	(void)qxl;
	if (played && ext.info->id && ext.group_id == HOST_GROUP)
		spice.replay_free_cmd(played, (QXLCommandExt *)(uintptr_t)ext.info->id);
}

static const QXLInterface qif = RASTER_QXL_INTERFACE(on_get_command, on_get_cursor, on_release);
static QXLInstance qxl = { .base = { &qif.base } };
static SpiceServer *server;

static void open_library(const char *path)
{
	QXLDevMemSlot guest = { .slot_group_id = RASTER_GROUP, .slot_id = RASTER_SLOT };
	QXLDevMemSlot host = { .virt_end = ~(uintptr_t)0 };
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "replay: %s\n", dlerror());
		exit(2);
	}
#define LOAD(name, node) \
	if (!(*(void **)&spice.name = dlvsym(library, "spice_" #name, node))) { \
		fprintf(stderr, "replay: %s\n", dlerror()); \
		exit(2); \
	}
	CALLS(LOAD)
#undef LOAD
	current.memory = calloc(1, RASTER_MEMORY);
	guest.virt_start = guest.addr_delta = (uintptr_t)current.memory;
	guest.virt_end = guest.virt_start + RASTER_MEMORY;
	server = spice.server_new();
	if (!current.memory || !server || spice.server_init(server, &raster_core) ||
			spice.server_add_interface(server, &qxl.base)) {
		fprintf(stderr, "replay: %s does not start\n", path);
		exit(2);
	}
	spice.server_vm_start(server);
	spice.qxl_add_memslot(&qxl, &host);
	spice.qxl_add_memslot(&qxl, &guest);
}

static void submit(const QXLCommandExt *commands, unsigned int n)
{
	pthread_mutex_lock(&lock);
	memcpy(queue, commands, n * sizeof *commands);
	queued = n;
	taken = 0;
	pthread_mutex_unlock(&lock);
	spice.qxl_wakeup(&qxl);
}

static void update(uint32_t id, const struct raster_surface *s)
{
	QXLRect area = { 0, 0, s->height, s->width };

	spice.qxl_update_area(&qxl, id, &area, NULL, 0, 0);
}

/* -- recording -- */

/* A command that draws nothing (not MESSAGE: the incumbent dies of playing one), a surface that goes again, and all cursor commands. */
static unsigned int add_others(QXLCommandExt *commands)
{
	uint8_t *p = current.memory + EXTRA_AT;
	QXLUpdateCmd *area = (QXLUpdateCmd *)p;
	QXLSurfaceCmd *create = (QXLSurfaceCmd *)(p + 128), *destroy = (QXLSurfaceCmd *)(p + 192);
	QXLCursorCmd *cursor = (QXLCursorCmd *)(p + 256);
	QXLCursor *shape = (QXLCursor *)(p + 1024);

	memset(p, 0, 8192);
	area->update_id = 9;
	area->area = (QXLRect){ 0, 0, 4, 4 };
	*create = (QXLSurfaceCmd){ .surface_id = 40, .u.surface_create = { SPICE_SURFACE_FMT_32_xRGB, 8, 8, 32,
			raster_address(EXTRA_AT + 4096) } };
	*destroy = (QXLSurfaceCmd){ .surface_id = 40, .type = QXL_SURFACE_CMD_DESTROY };
	shape->header = (QXLCursorHeader){ .unique = 77, .width = 16, .height = 16, .hot_spot_x = 2 };
	shape->data_size = shape->chunk.data_size = 1024;
	cursor[0].u.set.position = (QXLPoint16){ 3, -4 };
	cursor[0].u.set.visible = 1;
	cursor[0].u.set.shape = raster_address(EXTRA_AT + 1024);
	for (uint8_t i = 0; i < 4; i++) {
		cursor[i].type = i;
		cursors[i] = (QXLCommandExt){ { raster_address(EXTRA_AT + 256 + i * sizeof *cursor),
				QXL_CMD_CURSOR, 0 }, RASTER_GROUP, 0 };
	}
	commands[0] = (QXLCommandExt){ { raster_address(EXTRA_AT), QXL_CMD_UPDATE, 0 }, RASTER_GROUP, 0 };
	commands[1] = (QXLCommandExt){ { raster_address(EXTRA_AT + 128), QXL_CMD_SURFACE, 0 }, RASTER_GROUP, 0 };
	commands[2] = (QXLCommandExt){ { raster_address(EXTRA_AT + 192), QXL_CMD_SURFACE, 0 }, RASTER_GROUP, 0 };
	return 3;
}

static void do_record(uint64_t seed)
{
	const struct raster_surface *s = current.surfaces;
	QXLCommandExt others[3];
	unsigned int n;

	raster_make(&current, seed);
	/* what was recorded of revision 1 the incumbent does not play */
	for (n = 0; n < current.count && !(current.commands[n].flags & QXL_COMMAND_FLAG_COMPAT); n++)
		;
	QXLDevSurfaceCreate create = { .width = (uint32_t)s->width, .height = (uint32_t)s->height,
			.stride = s->stride, .format = s->format, .flags = QXL_SURF_FLAG_KEEP_DATA,
			.mem = raster_address(s->at), .group_id = RASTER_GROUP };

	spice.qxl_create_primary_surface(&qxl, 0, &create);
	submit(others, add_others(others));
	pthread_mutex_lock(&lock);
	cursors_queued = 4;
	pthread_mutex_unlock(&lock);
	spice.qxl_wakeup(&qxl);
	update(0, s);
	submit(current.commands, n);
	for (uint32_t id = 0; id < RASTER_SURFACES; id++)
		update(id, &s[id]);
}

/* -- playing -- */

/* A surface of ours for each, as it was before; onto it goes the one that was played. */
static void copy_back(void)
{
	for (uint32_t id = 0; id < RASTER_SURFACES; id++) {
		const struct raster_surface *s = &current.surfaces[id];
		uint8_t *p = current.memory + EXTRA_AT;
		QXLSurfaceCmd *create = (QXLSurfaceCmd *)p;
		QXLDrawable *d = (QXLDrawable *)(p + 64);
		QXLImage *image = (QXLImage *)(p + 512);
		const QXLCommandExt commands[] = {
			{ { raster_address(EXTRA_AT), QXL_CMD_SURFACE, 0 }, RASTER_GROUP, 0 },
			{ { raster_address(EXTRA_AT + 64), QXL_CMD_DRAW, 0 }, RASTER_GROUP, 0 },
		};

		if (s->format == SPICE_SURFACE_FMT_1_A) /* no library copies these */
			continue;
		memset(p, 0, 1024);
		*create = (QXLSurfaceCmd){ .surface_id = FIRST_COPY + id, .u.surface_create = { s->format,
				(uint32_t)s->width, (uint32_t)s->height, s->stride, raster_address(s->at) } };
		d->type = QXL_DRAW_COPY;
		d->surface_id = FIRST_COPY + id;
		d->bbox = d->u.copy.src_area = (QXLRect){ 0, 0, s->height, s->width };
		d->surfaces_dest[0] = (int32_t)id;
		d->surfaces_dest[1] = d->surfaces_dest[2] = -1;
		d->surfaces_rects[0] = d->bbox;
		d->u.copy.src_bitmap = raster_address(EXTRA_AT + 512);
		d->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
		image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
		image->descriptor.width = (uint32_t)s->width;
		image->descriptor.height = (uint32_t)s->height;
		image->surface_image.surface_id = id;
		submit(commands, 2);
		update(FIRST_COPY + id, s);
	}
}

static void do_play(uint64_t seed, const char *path)
{
	FILE *file = fopen(path, "r");
	QXLCommandExt *command;
	unsigned int n = 0;

	if (!file || !(played = spice.replay_new(file, 64))) {
		fprintf(stderr, "replay: %s is no recording\n", path);
		exit(1);
	}
	raster_make(&current, seed);
	while ((command = spice.replay_next_cmd(played, &qxl))) {
		static const struct raster_surface any = { .width = 1, .height = 1 };

		n++;
		if (command->cmd.type == QXL_CMD_CURSOR) {
			pthread_mutex_lock(&lock);
			cursors[0] = *command;
			cursors_queued = 1;
			cursors_taken = 0;
			pthread_mutex_unlock(&lock);
			spice.qxl_wakeup(&qxl);
		} else {
			submit(command, 1);
		}
		update(0, &any);
	}
	printf("%u commands\n", n);
	copy_back();
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	bool is_play = argc > 1 && !strcmp(argv[1], "play");
	struct raster_surface *bits = &current.surfaces[5];

	if (argc != 5 || (!is_play && strcmp(argv[1], "record"))) {
		fprintf(stderr, "usage: replay record|play LIBRARY SEED FILE\n");
		return 2;
	}
	if (!is_play)
		setenv("SPICE_WORKER_RECORD_FILENAME", argv[4], 1);
	alarm(60);
	open_library(argv[2]);
	if (is_play)
		do_play(seed, argv[4]);
	else
		do_record(seed);
	memset(current.memory + bits->at, 0, bits->bytes);
	printf("hash %016llx\n", (unsigned long long)raster_hash(&current));
	fflush(stdout);
	if (!is_play) /* so that the file is whole */
		spice.server_destroy(server);
	_exit(0);
}
