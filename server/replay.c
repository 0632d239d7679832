/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c - entry points for playing a recorded display to one that the caller has made.
 *
 * A recording is a stranger's file, and addresses in our own memory are believed by the display that is
 * given them: so every size in it is compared with the bytes that came (recording.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/list.h"
#include "common/util/log.h"
#include "server/recording.h"
#include "server/server.h"

enum { COMMAND_MOST = 384 << 20, HEADER = sizeof CLOVE_RECORDING_HEADER - 1 };

struct command {
	QXLCommandExt ext;              /* first: this is what the caller has */
	struct clove_list link;
	struct clove_arena arena;
};

struct SpiceReplay {
	FILE *file;
	struct clove_recording recording;
	struct clove_list commands;     /* that the caller has not given back */
	struct clove_arena primary;     /* its pixels */
	bool has_primary, is_over;
};

CLOVE_EXPORT SpiceReplay *spice_replay_new(FILE *file, int num_surfaces)
{
	char header[HEADER + 1] = "";
	SpiceReplay *replay;

	(void)num_surfaces; /* the display itself knows how many it has */
	if (!file)
		return NULL;
	if (fread(header, 1, HEADER, file) != HEADER || strcmp(header, CLOVE_RECORDING_HEADER)) {
		clove_log(WARN, "replay", "not a recording: its first line is not \"SPICE_REPLAY 1\"");
		return NULL;
	}
	replay = calloc(1, sizeof *replay);
	if (!replay)
		return NULL;
	replay->file = file;
	replay->recording = (struct clove_recording){ .in = file, .line = 1 };
	clove_list_init(&replay->commands);
	return replay;
}

static void free_command(struct command *command)
{
	clove_list_remove(&command->link);
	clove_arena_fini(&command->arena);
	free(command);
}

CLOVE_EXPORT void spice_replay_free(SpiceReplay *replay)
{
	if (!replay)
		return;
	while (!clove_list_is_empty(&replay->commands))
		free_command(CLOVE_CONTAINER(replay->commands.next, struct command, link));
	clove_arena_fini(&replay->primary);
	free(replay);
}

static void destroy_primary(SpiceReplay *replay, QXLInstance *qxl)
{
	if (!replay->has_primary)
		return;
	replay->has_primary = false;
	spice_qxl_destroy_primary_surface(qxl, 0);
	clove_arena_fini(&replay->primary);
}

static void create_primary(SpiceReplay *replay, QXLInstance *qxl)
{
	struct clove_surface_info info = { 0 };
	bool has_mouse = false;

	/* a recording may begin, or go on, with one that was there */
	destroy_primary(replay, qxl);
	clove_arena_init(&replay->primary, COMMAND_MOST);
	replay->recording.arena = &replay->primary;
	clove_recording_primary(&replay->recording, &info, &has_mouse);
	if (replay->recording.err != CLOVE_OK)
		return;

	QXLDevSurfaceCreate create = {
		.width = info.width, .height = info.height, .stride = info.stride, .format = info.format,
		.mouse_mode = has_mouse,
		.flags = info.keeps_data ? QXL_SURF_FLAG_KEEP_DATA : 0, .mem = info.address,
	};

	spice_qxl_create_primary_surface(qxl, 0, &create);
	replay->has_primary = true;
}

static void run_request(SpiceReplay *replay, QXLInstance *qxl, uint32_t request)
{
	switch (request) {
	case CLOVE_RECORDING_CREATE_PRIMARY:
	case CLOVE_RECORDING_CREATE_PRIMARY_ASYNC:
		create_primary(replay, qxl);
		break;
	case CLOVE_RECORDING_DESTROY_PRIMARY:
	case CLOVE_RECORDING_DESTROY_PRIMARY_ASYNC:
		destroy_primary(replay, qxl);
		break;
	case CLOVE_RECORDING_DESTROY_SURFACES:
	case CLOVE_RECORDING_DESTROY_SURFACES_ASYNC:
		spice_qxl_destroy_surfaces(qxl);
		replay->has_primary = false;
		clove_arena_fini(&replay->primary);
		break;
	default: /* what a VMM asked for changes no pixels */
		break;
	}
}

static QXLCommandExt *read_command(SpiceReplay *replay, uint32_t type)
{
	struct command *command = calloc(1, sizeof *command);
	uint64_t address;

	if (!command)
		return NULL;
	clove_list_append(&replay->commands, &command->link);
	clove_arena_init(&command->arena, COMMAND_MOST);
	replay->recording.arena = &command->arena;
	address = clove_recording_command(&replay->recording, type, 0);
	if (!address) {
		free_command(command);
		return NULL;
	}
	/* so that whoever is told to release it finds what to give back */
	clove_put_le64((void *)(uintptr_t)address, (uintptr_t)&command->ext);
	command->ext.cmd = (QXLCommand){ .data = address, .type = type };
	return &command->ext;
}

CLOVE_EXPORT QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *qxl)
{
	struct clove_recording *recording;
	QXLCommandExt *command = NULL;
	uint32_t nth, kind, type;
	uint64_t at_ns;

	if (!replay)
		return NULL;
	recording = &replay->recording;
	while (!command && !replay->is_over && clove_recording_event(recording, &nth, &kind, &type, &at_ns)) {
		if (kind == CLOVE_RECORDING_REQUEST)
			run_request(replay, qxl, type);
		else if (kind != CLOVE_RECORDING_COMMAND)
			recording->err = CLOVE_ERR_VALUE;
		else
			command = read_command(replay, type);
	}
	if (!command && recording->err != CLOVE_OK && !replay->is_over)
		clove_log(WARN, "replay", "line %lu: %s where '%s' should come; the recording ends here",
				recording->line, clove_err_name(recording->err), recording->wanted ?
				recording->wanted : "event");
	replay->is_over = !command;
	return command;
}

CLOVE_EXPORT void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *command)
{
	(void)replay;
	if (command)
		free_command(CLOVE_CONTAINER(command, struct command, ext));
}
