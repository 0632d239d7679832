/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-channel.h - one client's copy of a worker's pointer. */
#ifndef CLOVE_SERVER_CURSOR_CHANNEL_H
#define CLOVE_SERVER_CURSOR_CHANNEL_H

#include "common/util/list.h"
#include "server/connection.h"
#include "server/qxl.h"

enum { CLOVE_CURSOR_CACHE = 256 };

struct clove_cursor_channel;

/* The pointer as the guest set it, for clients that come later; the worker's. */
struct clove_pointer {
	struct clove_loop *loop;
	uint8_t id;
	int16_t x, y;
	bool is_visible, has_shape, is_client_mode;
	uint16_t trail_length, trail_frequency;
	struct clove_qxl_shape shape;
	void (*closed)(void *worker, struct clove_cursor_channel *cursor,
			struct clove_connection *take_conn);
	void *worker;
};

/* Makes the pointer follow a command (whose shape it takes over); true if clients are to be told. */
bool clove_pointer_follow(struct clove_pointer *pointer, struct clove_qxl_cursor *take_command);
/* Hidden, and no shape. */
void clove_pointer_reset(struct clove_pointer *pointer);

struct clove_cursor_channel {
	struct clove_channel channel;     /* first, so that a channel is a cursor channel */
	struct clove_list link;
	struct clove_pointer *pointer;
	struct clove_connection *conn;
	bool has_init;
	uint64_t cache[CLOVE_CURSOR_CACHE]; /* ids that the client holds, the latest used last */
	unsigned int cached;
};

struct clove_cursor_channel *clove_cursor_channel_new(struct clove_pointer *pointer,
		struct clove_connection *take_conn);
void clove_cursor_channel_free(struct clove_cursor_channel *cursor);

/* What a command of this type changed. */
void clove_cursor_channel_tell(struct clove_cursor_channel *cursor, enum clove_qxl_cursor_type type);
/* Everything anew: INVAL_ALL, RESET, INIT. */
void clove_cursor_channel_reset(struct clove_cursor_channel *cursor);

#endif
