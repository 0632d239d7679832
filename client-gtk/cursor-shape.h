/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-shape.h - the shapes of the cursor channel, of all types, as ARGB. */
#ifndef CLOVE_CLIENT_GTK_CURSOR_SHAPE_H
#define CLOVE_CLIENT_GTK_CURSOR_SHAPE_H

#include "client-gtk/image-cache.h"
#include "common/protocol/messages.h"

enum { CLOVE_CURSOR_SIDE_MAX = 1024 };

/* `cursor` has data, and a size above 0. The picture, RGBA, is the caller's.
 * CLOVE_ERR_SHORT: less data than type and size ask for. CLOVE_ERR_VALUE: no such type. */
CLOVE_CHECKED enum clove_err clove_cursor_shape_decode(const struct clove_cursor *cursor,
		struct clove_picture **picture);

#endif
