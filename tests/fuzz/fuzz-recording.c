/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-recording.c - bytes as a recording, played to a display in which nothing is checked but by it. */
#include <stdio.h>
#include "common/util/log.h"
#include "tests/raster/player.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	SpiceReplay *replay;

	if (!file)
		return 0;
	clove_log_set_level(CLOVE_LOG_ERROR);
	if (player_open(4 << 20)) {
		replay = spice_replay_new(file, PLAYER_SURFACES);
		if (replay)
			player_play(replay);
		player_close();
		spice_replay_free(replay);
	}
	fclose(file);
	return 0;
}
