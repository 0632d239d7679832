/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core-loop.h - the VMM's core interface as a clove_loop. */
#ifndef CLOVE_SERVER_CORE_LOOP_H
#define CLOVE_SERVER_CORE_LOOP_H

#include "common/util/loop.h"
#include "include/spice-server/spice.h"

/* The interface must outlive the loop. NULL without memory. */
struct clove_loop *clove_core_loop_new(const SpiceCoreInterface *core);
/* When nothing is watched or timed any more. NULL is fine. */
void clove_core_loop_free(struct clove_loop *loop);

#endif
