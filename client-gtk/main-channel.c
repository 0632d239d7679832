/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main-channel.c - what the viewer does about each message of the main channel. */
#include "client-gtk/main-channel.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "common/net/channel.h"
#include "common/util/log.h"

enum {
	BODY_MOST = 64 << 10,   /* the agent's pieces have 2 KiB, lists of channels less */
	NAME_MOST = 256,
};

struct clove_main {
	struct clove_channel channel;
	const struct clove_main_events *events;
	void *opaque;
	bool has_init;
};

static void tell_mouse_mode(struct clove_main *main, uint32_t supported, uint32_t current)
{
	struct clove_main_mouse_mode_request request = { .mode = CLOVE_MOUSE_MODE_CLIENT };

	if (main->events->mouse_mode)
		main->events->mouse_mode(main->opaque, current == CLOVE_MOUSE_MODE_CLIENT ?
				CLOVE_MOUSE_MODE_CLIENT : CLOVE_MOUSE_MODE_SERVER);
	if (supported & CLOVE_MOUSE_MODE_CLIENT && current != CLOVE_MOUSE_MODE_CLIENT)
		clove_channel_send(&main->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &request);
}

static enum clove_err on_init(void *channel, const void *message)
{
	struct clove_main *main = channel;
	const struct clove_main_init *init = message;

	if (main->has_init)
		return CLOVE_ERR_STATE;
	main->has_init = true;
	clove_channel_send(&main->channel, CLOVE_MAIN_ATTACH_CHANNELS, NULL);
	if (main->events->init)
		main->events->init(main->opaque, init);
	if (main->events->mm_time)
		main->events->mm_time(main->opaque, init->multi_media_time);
	tell_mouse_mode(main, init->supported_mouse_modes, init->current_mouse_mode);
	return CLOVE_OK;
}

static enum clove_err on_channels_list(void *channel, const void *message)
{
	struct clove_main *main = channel;

	if (!main->has_init)
		return CLOVE_ERR_STATE;
	if (main->events->channels)
		main->events->channels(main->opaque, message);
	return CLOVE_OK;
}

static enum clove_err on_mouse_mode(void *channel, const void *message)
{
	struct clove_main *main = channel;
	const struct clove_main_mouse_mode *mode = message;

	if (!main->has_init)
		return CLOVE_ERR_STATE;
	tell_mouse_mode(main, mode->supported, mode->current);
	return CLOVE_OK;
}

static enum clove_err on_name(void *channel, const void *message)
{
	struct clove_main *main = channel;
	const struct clove_main_name *name = message;
	const char *bytes = (const char *)name->name.data;
	size_t len = bytes ? strnlen(bytes, MIN(name->name.len, NAME_MOST)) : 0;
	char *text = g_utf8_make_valid(bytes ? bytes : "", (gssize)len);

	g_strdelimit(text, "\r\n\t\v\f\b\033", ' ');
	if (main->events->name)
		main->events->name(main->opaque, text);
	g_free(text);
	return CLOVE_OK;
}

static enum clove_err on_multi_media_time(void *channel, const void *message)
{
	struct clove_main *main = channel;
	const struct clove_main_multi_media_time *time = message;

	if (main->events->mm_time)
		main->events->mm_time(main->opaque, time->time);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_MAIN_INIT,          on_init },
	{ CLOVE_MAIN_CHANNELS_LIST, on_channels_list },
	{ CLOVE_MAIN_MOUSE_MODE,    on_mouse_mode },
	{ CLOVE_MAIN_MULTI_MEDIA_TIME, on_multi_media_time },
	{ CLOVE_MAIN_NAME,          on_name },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_MOST;
}

static void notify(void *channel, const struct clove_notify *text)
{
	(void)channel;
	clove_log_limited(INFO, "main", "the server says: %.*s", (int)text->message.len,
			(const char *)text->message.data);
}

static void closed(void *channel, enum clove_err err)
{
	struct clove_main *main = channel;

	if (main->events->closed)
		main->events->closed(main->opaque, err);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.notify = notify,
	.closed = closed,
};

struct clove_caps clove_main_channel_caps(void)
{
	struct clove_caps caps = { { 0 } };

	clove_caps_set(&caps, CLOVE_MAIN_CAP_NAME_AND_UUID);
	clove_caps_set(&caps, CLOVE_MAIN_CAP_AGENT_CONNECTED_TOKENS);
	return caps;
}

struct clove_main *clove_main_channel_new(struct clove_loop *loop,
		const struct clove_main_events *events, void *opaque, struct clove_opened *opened)
{
	struct clove_main *main = calloc(1, sizeof *main);
	struct clove_channel_options options = {
		.take_stream = opened->stream,
		.loop = loop,
		.type = CLOVE_CHANNEL_MAIN,
		.mini_header = opened->mini_header,
		.peer_common = opened->info.common_caps,
		.peer_caps = opened->info.channel_caps,
		.early = clove_buf_bytes(&opened->early),
		.arena_limit = 1 << 20,
	};

	if (!main) {
		clove_stream_free(opened->stream);
	} else if (clove_channel_init(&main->channel, &ops, &options)) {
		free(main);
		main = NULL;
	}
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	if (!main)
		return NULL;
	main->events = events;
	main->opaque = opaque;
	clove_channel_start(&main->channel);
	return main;
}

void clove_main_channel_free(struct clove_main *main)
{
	if (!main)
		return;
	clove_channel_fini(&main->channel);
	free(main);
}

void clove_main_channel_count(const struct clove_main *main, uint64_t *in, uint64_t *out)
{
	if (in)
		*in = main ? main->channel.bytes_in : 0;
	if (out)
		*out = main ? main->channel.bytes_out : 0;
}
