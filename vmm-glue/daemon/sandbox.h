/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sandbox.h - what the daemon may still do once everything is open. */
#ifndef CLOVE_DAEMON_SANDBOX_H
#define CLOVE_DAEMON_SANDBOX_H

#include <stdbool.h>

/* No new privileges and, where the library is there, a filter of system calls:
 * no programs, no writing of files by name, no inspecting of others. False with a sentence: the filter was refused. */
bool clove_sandbox_enter(char **error);
/* "seccomp", or why there is none. */
const char *clove_sandbox_kind(void);

#endif
