/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c - entry points for playing a recorded display; this library plays none. */
#include "common/util/log.h"
#include "server/server.h"

CLOVE_EXPORT SpiceReplay *spice_replay_new(FILE *file, int num_surfaces)
{
	(void)file;
	(void)num_surfaces;
	clove_log(WARN, "replay", "this library does not play recorded displays");
	return NULL;
}

/* There never is a replay for these. */
CLOVE_EXPORT void spice_replay_free(SpiceReplay *replay)
{
	(void)replay;
}

CLOVE_EXPORT QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *qxl)
{
	(void)replay;
	(void)qxl;
	return NULL;
}

CLOVE_EXPORT void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *command)
{
	(void)replay;
	(void)command;
}
