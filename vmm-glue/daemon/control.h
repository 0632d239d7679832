/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control.h - the control socket: lines that ask, a line or more that answer, then the end. */
#ifndef CLOVE_DAEMON_CONTROL_H
#define CLOVE_DAEMON_CONTROL_H

#include "common/util/buf.h"
#include "common/util/loop.h"

struct clove_control;

/* Carries out one line; `take_fd` is a file that came along, or -1. The answer, without its last newline, goes into
 * `answer`; it begins with "error: " if it is one. */
typedef void (*clove_control_fn)(void *owner, char *line, int take_fd, struct clove_buf *answer);

/* Takes a listening unix socket. NULL without memory; then the caller still has it. */
struct clove_control *clove_control_new(struct clove_loop *loop, int listener, clove_control_fn fn, void *owner);
void clove_control_free(struct clove_control *control); /* takes NULL */

#endif
