/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-replay.h - a recorded display, played again. This library plays none: new answers NULL. */
#ifndef CLOVE_SPICE_REPLAY_H
#define CLOVE_SPICE_REPLAY_H

#include <stdio.h>
#include "spice-qxl.h"

SPICE_BEGIN_DECLS

typedef struct SpiceReplay SpiceReplay;

SpiceReplay *spice_replay_new(FILE *file, int num_surfaces);
void spice_replay_free(SpiceReplay *replay);
QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *qxl);
void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *command);

SPICE_END_DECLS

#endif
