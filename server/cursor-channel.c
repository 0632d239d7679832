/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-channel.c - knows which shapes a client holds and what of the pointer it must be told. */
#include "server/cursor-channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum {
	ACK_WINDOW = 20,
	NO_CURSOR = 1, CACHE_ME = 2, FROM_CACHE = 4,
	QUEUE_MOST = 1 << 20,
};

/* -- the pointer -- */

bool clove_pointer_follow(struct clove_pointer *pointer, struct clove_qxl_cursor *command)
{
	bool was_visible = pointer->is_visible;

	switch (command->type) {
	case CLOVE_QXL_CURSOR_SET:
		pointer->x = command->x;
		pointer->y = command->y;
		pointer->is_visible = command->is_visible;
		clove_buf_fini(&pointer->shape.data);
		pointer->has_shape = command->has_shape;
		pointer->shape = command->shape;
		command->shape = (struct clove_qxl_shape){ 0 };
		return true;
	case CLOVE_QXL_CURSOR_MOVE:
		pointer->x = command->x;
		pointer->y = command->y;
		pointer->is_visible = true;
		/* A client that moves its own pointer knows better where it is. */
		return !pointer->is_client_mode || !was_visible;
	case CLOVE_QXL_CURSOR_HIDE:
		pointer->is_visible = false;
		return true;
	case CLOVE_QXL_CURSOR_TRAIL:
		pointer->trail_length = command->trail_length;
		pointer->trail_frequency = command->trail_frequency;
		return true;
	default:
		return false;
	}
}

void clove_pointer_reset(struct clove_pointer *pointer)
{
	clove_buf_fini(&pointer->shape.data);
	pointer->shape = (struct clove_qxl_shape){ 0 };
	pointer->has_shape = pointer->is_visible = false;
	pointer->x = pointer->y = 0;
	pointer->trail_length = pointer->trail_frequency = 0;
}

/* -- the client's cache -- */

/* True if the client holds the shape; it becomes the latest used. */
static bool touch(struct clove_cursor_channel *cursor, uint64_t unique)
{
	for (unsigned int i = 0; i < cursor->cached; i++) {
		if (cursor->cache[i] != unique)
			continue;
		memmove(&cursor->cache[i], &cursor->cache[i + 1],
				(cursor->cached - i - 1) * sizeof *cursor->cache);
		cursor->cache[cursor->cached - 1] = unique;
		return true;
	}
	return false;
}

static void remember(struct clove_cursor_channel *cursor, uint64_t unique)
{
	if (cursor->cached == CLOVE_CURSOR_CACHE) {
		struct clove_cursor_inval_one oldest = { cursor->cache[0] };

		clove_channel_send(&cursor->channel, CLOVE_CURSOR_INVAL_ONE, &oldest);
		memmove(&cursor->cache[0], &cursor->cache[1],
				(CLOVE_CURSOR_CACHE - 1) * sizeof *cursor->cache);
		cursor->cached--;
	}
	cursor->cache[cursor->cached++] = unique;
}

static struct clove_cursor describe(struct clove_cursor_channel *cursor)
{
	const struct clove_qxl_shape *shape = &cursor->pointer->shape;
	struct clove_cursor wire = { .flags = NO_CURSOR };

	if (!cursor->pointer->has_shape)
		return wire;
	wire = (struct clove_cursor){ .unique = shape->unique, .type = shape->type,
			.width = shape->width, .height = shape->height,
			.hot_x = shape->hot_x, .hot_y = shape->hot_y };
	if (shape->unique && touch(cursor, shape->unique)) {
		wire.flags = FROM_CACHE;
		return wire;
	}
	wire.data = clove_buf_bytes(&shape->data);
	if (shape->unique) {
		wire.flags = CACHE_ME;
		remember(cursor, shape->unique);
	}
	return wire;
}

/* -- to the client -- */

static void send_init(struct clove_cursor_channel *cursor)
{
	const struct clove_pointer *pointer = cursor->pointer;
	struct clove_cursor_init init = {
		.position = { pointer->x, pointer->y },
		.trail_length = pointer->trail_length,
		.trail_frequency = pointer->trail_frequency,
		.visible = pointer->is_visible,
	};

	cursor->cached = 0;
	init.cursor = describe(cursor);
	clove_channel_send(&cursor->channel, CLOVE_CURSOR_INIT, &init);
	cursor->has_init = true;
}

void clove_cursor_channel_tell(struct clove_cursor_channel *cursor, enum clove_qxl_cursor_type type)
{
	const struct clove_pointer *pointer = cursor->pointer;
	struct clove_channel *channel = &cursor->channel;

	/* A client that does not read is told everything anew when it does. */
	if (cursor->has_init && (clove_channel_queued(channel) > QUEUE_MOST ||
			!clove_channel_may_send(channel)))
		cursor->has_init = false;
	if (!cursor->has_init)
		return;
	switch (type) {
	case CLOVE_QXL_CURSOR_SET: {
		struct clove_cursor_set set = { .position = { pointer->x, pointer->y },
				.visible = pointer->is_visible };

		set.cursor = describe(cursor);
		clove_channel_send(channel, CLOVE_CURSOR_SET, &set);
		break;
	}
	case CLOVE_QXL_CURSOR_MOVE: {
		struct clove_cursor_move move = { .position = { pointer->x, pointer->y } };

		clove_channel_send(channel, CLOVE_CURSOR_MOVE, &move);
		break;
	}
	case CLOVE_QXL_CURSOR_HIDE:
		clove_channel_send(channel, CLOVE_CURSOR_HIDE, NULL);
		break;
	case CLOVE_QXL_CURSOR_TRAIL: {
		struct clove_cursor_trail trail = { pointer->trail_length, pointer->trail_frequency };

		clove_channel_send(channel, CLOVE_CURSOR_TRAIL, &trail);
		break;
	}
	}
}

void clove_cursor_channel_reset(struct clove_cursor_channel *cursor)
{
	clove_channel_cork(&cursor->channel);
	clove_channel_send(&cursor->channel, CLOVE_CURSOR_INVAL_ALL, NULL);
	clove_channel_send(&cursor->channel, CLOVE_CURSOR_RESET, NULL);
	send_init(cursor);
	clove_channel_uncork(&cursor->channel);
}

/* -- birth and death -- */

static void on_writable(void *channel)
{
	struct clove_cursor_channel *cursor = channel;

	if (!cursor->has_init && clove_channel_may_send(&cursor->channel))
		clove_cursor_channel_reset(cursor);
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_cursor_channel *cursor = channel;
	struct clove_connection *conn = cursor->conn;

	clove_log(INFO, "cursor", "client %u left: %s", conn->info.connection_id, clove_err_name(err));
	cursor->conn = NULL;
	cursor->pointer->closed(cursor->pointer->worker, cursor, conn);
}

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return 1024;
}

static const struct clove_handler handlers[] = {
	{ 0, NULL },
};

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.writable = on_writable,
	.closed = on_closed,
};

struct clove_cursor_channel *clove_cursor_channel_new(struct clove_pointer *pointer,
		struct clove_connection *conn)
{
	struct clove_cursor_channel *cursor = calloc(1, sizeof *cursor);
	struct clove_channel_options options = clove_connection_options(conn, pointer->loop);

	if (!cursor)
		return NULL;
	cursor->pointer = pointer;
	clove_list_init(&cursor->link);
	conn->stream = NULL;
	if (clove_channel_init(&cursor->channel, &ops, &options) != CLOVE_OK) {
		free(cursor);
		return NULL;
	}
	cursor->conn = conn;
	clove_channel_cork(&cursor->channel);
	clove_channel_start(&cursor->channel);
	clove_channel_set_ack(&cursor->channel, ACK_WINDOW);
	send_init(cursor);
	clove_channel_uncork(&cursor->channel);
	return cursor;
}

void clove_cursor_channel_free(struct clove_cursor_channel *cursor)
{
	if (!cursor)
		return;
	clove_list_remove(&cursor->link);
	clove_channel_fini(&cursor->channel);
	free(cursor);
}
