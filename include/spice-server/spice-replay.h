/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-replay.h - a recorded display, played again.
 *
 * A display records what it is told into the file that SPICE_WORKER_RECORD_FILENAME names.
 */
#ifndef CLOVE_SPICE_REPLAY_H
#define CLOVE_SPICE_REPLAY_H

#include <stdio.h>
#include "spice-qxl.h"

SPICE_BEGIN_DECLS

typedef struct SpiceReplay SpiceReplay;

/* NULL if the file is no recording. It stays the caller's, and open until the end. */
SpiceReplay *spice_replay_new(FILE *file, int num_surfaces);
/* The primary surface's memory goes too: destroy it first. */
void spice_replay_free(SpiceReplay *replay);
/* Makes and destroys the primary surface as recorded, up to the next command; NULL: that was all. The
 * command is for the host's group 0; its release information's id is its own address. */
QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *qxl);
void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *command);

SPICE_END_DECLS

#endif
