/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-relay.h - a slow link between a client and a server: a router with a buffer of its own. */
#ifndef CLOVE_BENCH_DISPLAY_RELAY_H
#define CLOVE_BENCH_DISPLAY_RELAY_H

#include <sys/types.h>

/* Carries what clients of the returned port (of 127.0.0.1) send to `to_port` of `host`, and the answers at `kbit` a second
 * in all, from a process of its own, to be ended by a signal. 0: it does not start. */
pid_t display_relay_start(const char *host, int to_port, unsigned int kbit, int *port);

#endif
