/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor-channel.c - what the viewer does about each message of a cursor channel. */
#include "client-gtk/cursor-channel.h"

#include <stdlib.h>
#include "client-gtk/cursor-shape.h"
#include "common/net/channel.h"
#include "common/protocol/enums.h"

/* Of all shapes together; the server counts 256 shapes. */
enum { CACHE_PIXELS = 16 << 20, BODY_MOST = 8 << 20 };

struct clove_cursor_channel {
	struct clove_channel channel;     /* first, so that a channel is a cursor channel */
	const struct clove_cursor_events *events;
	void *opaque;
	struct clove_image_cache *cache;
};

/* -- what the owner is told -- */

static void tell_shape(const struct clove_cursor_channel *cursor, const struct clove_picture *picture,
		const struct clove_cursor *message)
{
	struct clove_cursor_shape shape;

	if (!cursor->events->shape)
		return;
	if (!picture) {
		cursor->events->shape(cursor->opaque, NULL);
		return;
	}
	shape = (struct clove_cursor_shape){
		.pixels = picture->pixels.data, .width = picture->pixels.width,
		.height = picture->pixels.height, .hot_x = message->hot_x, .hot_y = message->hot_y,
	};
	if (shape.hot_x >= shape.width)
		shape.hot_x = shape.width - 1;
	if (shape.hot_y >= shape.height)
		shape.hot_y = shape.height - 1;
	cursor->events->shape(cursor->opaque, &shape);
}

static void tell_place(const struct clove_cursor_channel *cursor, struct clove_point16 place, bool is_visible)
{
	if (cursor->events->moved)
		cursor->events->moved(cursor->opaque, place.x, place.y);
	if (cursor->events->visible)
		cursor->events->visible(cursor->opaque, is_visible);
}

static void tell_reset(const struct clove_cursor_channel *cursor)
{
	if (cursor->events->reset)
		cursor->events->reset(cursor->opaque);
}

/* -- messages -- */

static enum clove_err set_shape(struct clove_cursor_channel *cursor, const struct clove_cursor *message)
{
	struct clove_picture *picture;
	enum clove_err err;

	if (message->flags & CLOVE_CURSOR_FLAG_NONE) {
		tell_shape(cursor, NULL, message);
		return CLOVE_OK;
	}
	if (message->flags & CLOVE_CURSOR_FLAG_FROM_CACHE) {
		picture = clove_image_cache_find(cursor->cache, message->unique);
		if (!picture)
			return CLOVE_ERR_STATE;
		tell_shape(cursor, picture, message);
		return CLOVE_OK;
	}
	if (!message->width || !message->height) {
		tell_shape(cursor, NULL, message);
		return CLOVE_OK;
	}
	err = clove_cursor_shape_decode(message, &picture);
	if (err)
		return err;
	if (message->flags & CLOVE_CURSOR_FLAG_CACHE_ME && message->unique)
		clove_image_cache_put(cursor->cache, message->unique, picture);
	tell_shape(cursor, picture, message);
	clove_picture_unref(picture);
	return CLOVE_OK;
}

/* Without a shape the guest has not said anything of its pointer yet: a firmware, a text console. */
static enum clove_err on_init(void *channel, const void *message)
{
	struct clove_cursor_channel *cursor = channel;
	const struct clove_cursor_init *init = message;
	enum clove_err err = CLOVE_OK;

	clove_image_cache_clear(cursor->cache);
	if (init->cursor.flags & CLOVE_CURSOR_FLAG_NONE) {
		tell_reset(cursor);
		return CLOVE_OK;
	}
	err = set_shape(cursor, &init->cursor);
	tell_place(cursor, init->position, init->visible);
	return err;
}

static enum clove_err on_reset(void *channel, const void *message)
{
	struct clove_cursor_channel *cursor = channel;

	(void)message;
	clove_image_cache_clear(cursor->cache);
	tell_reset(cursor);
	return CLOVE_OK;
}

static enum clove_err on_set(void *channel, const void *message)
{
	const struct clove_cursor_set *set = message;
	enum clove_err err = set_shape(channel, &set->cursor);

	tell_place(channel, set->position, set->visible);
	return err;
}

static enum clove_err on_move(void *channel, const void *message)
{
	const struct clove_cursor_move *move = message;

	tell_place(channel, move->position, true);
	return CLOVE_OK;
}

static enum clove_err on_hide(void *channel, const void *message)
{
	struct clove_cursor_channel *cursor = channel;

	(void)message;
	if (cursor->events->visible)
		cursor->events->visible(cursor->opaque, false);
	return CLOVE_OK;
}

static enum clove_err on_inval_one(void *channel, const void *message)
{
	struct clove_cursor_channel *cursor = channel;
	const struct clove_cursor_inval_one *inval = message;

	clove_image_cache_remove(cursor->cache, inval->unique);
	return CLOVE_OK;
}

static enum clove_err on_inval_all(void *channel, const void *message)
{
	struct clove_cursor_channel *cursor = channel;

	(void)message;
	clove_image_cache_clear(cursor->cache);
	return CLOVE_OK;
}

/* TRAIL has no meaning on a desktop that draws the pointer. */
static const struct clove_handler handlers[] = {
	{ CLOVE_CURSOR_INIT, on_init },
	{ CLOVE_CURSOR_RESET, on_reset },
	{ CLOVE_CURSOR_SET, on_set },
	{ CLOVE_CURSOR_MOVE, on_move },
	{ CLOVE_CURSOR_HIDE, on_hide },
	{ CLOVE_CURSOR_INVAL_ONE, on_inval_one },
	{ CLOVE_CURSOR_INVAL_ALL, on_inval_all },
	{ 0, NULL },
};

/* -- birth and death -- */

struct clove_caps clove_cursor_channel_caps(void)
{
	return (struct clove_caps){ { 0 } };
}

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_MOST;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_cursor_channel *cursor = channel;

	if (cursor->events->closed)
		cursor->events->closed(cursor->opaque, err);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.closed = on_closed,
};

struct clove_cursor_channel *clove_cursor_channel_new(const struct clove_cursor_options *options,
		struct clove_opened *opened)
{
	struct clove_cursor_channel *cursor = calloc(1, sizeof *cursor);
	struct clove_channel_options channel = {
		.take_stream = opened->stream, .loop = options->loop, .type = CLOVE_CHANNEL_CURSOR,
		.id = options->id, .mini_header = opened->mini_header, .peer_common = opened->info.common_caps,
		.peer_caps = opened->info.channel_caps, .early = clove_buf_bytes(&opened->early),
	};
	bool is_good = false;

	if (cursor) {
		cursor->events = options->events;
		cursor->opaque = options->opaque;
		is_good = clove_channel_init(&cursor->channel, &ops, &channel) == CLOVE_OK;
		cursor->cache = clove_image_cache_new(CACHE_PIXELS);
	} else {
		clove_stream_free(opened->stream);
	}
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	if (!is_good || !cursor->cache) {
		clove_cursor_channel_free(cursor);
		return NULL;
	}
	clove_channel_start(&cursor->channel);
	return cursor;
}

void clove_cursor_channel_free(struct clove_cursor_channel *cursor)
{
	if (!cursor)
		return;
	clove_channel_fini(&cursor->channel);
	clove_image_cache_free(cursor->cache);
	free(cursor);
}

void clove_cursor_channel_close(struct clove_cursor_channel *cursor, enum clove_err err)
{
	clove_channel_close(&cursor->channel, err);
}
