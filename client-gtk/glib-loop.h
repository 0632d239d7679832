/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glib-loop.h - GLib's main context as a clove_loop. */
#ifndef CLOVE_CLIENT_GTK_GLIB_LOOP_H
#define CLOVE_CLIENT_GTK_GLIB_LOOP_H

#include "common/util/loop.h"

/* The default main context, which is GTK's. It lives as long as the program. */
struct clove_loop *clove_glib_loop(void);

#endif
