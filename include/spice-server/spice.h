/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice.h - all that a VMM needs to serve its screen, input and devices over SPICE. */
#ifndef CLOVE_SPICE_H
#define CLOVE_SPICE_H

#include "spice-version.h"
#include "spice-core.h"
#include "spice-server.h"
#include "spice-qxl.h"
#include "spice-input.h"
#include "spice-audio.h"
#include "spice-char.h"
#include "spice-migration.h"
#include "spice-replay.h"

#endif
