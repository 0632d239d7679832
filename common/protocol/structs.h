/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* structs.h - the order in which the .def files become C; shared structures come first. */
#ifndef CLOVE_PROTOCOL_STRUCTS_H
#define CLOVE_PROTOCOL_STRUCTS_H

#include "common/protocol/wire.h"

#include "common/protocol/wire-types.h"
#include "common/protocol/common.def"
#include "common/protocol/link.def"
#include "common/protocol/main.def"
#include "common/protocol/display.def"
#include "common/protocol/inputs.def"
#include "common/protocol/cursor.def"
#include "common/protocol/playback.def"
#include "common/protocol/record.def"
#include "common/protocol/smartcard.def"
#include "common/protocol/vmc.def"
#include "common/protocol/port.def"
#include "common/protocol/agent.def"
#include "common/protocol/migrate.def"
#include "common/protocol/wire-end.h"

#endif
