/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* waker.h - waking the machine when a device asks for it: by QMP, or by the server library through its bridge. */
#ifndef CLOVE_DAEMON_WAKER_H
#define CLOVE_DAEMON_WAKER_H

#include "common/util/loop.h"

struct clove_waker;

/* Paths of unix sockets, borrowed; NULL: none. With both, QMP is asked: it wakes a guest in every configuration. */
struct clove_waker *clove_waker_new(struct clove_loop *loop, const char *qmp, const char *bridge);
void clove_waker_free(struct clove_waker *waker);
/* Asks at once; a request that is still under way is enough. */
void clove_waker_wake(struct clove_waker *waker);

#endif
