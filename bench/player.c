/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player.c - what a client does from a socket to a picture, with the time of each step. */
#include "bench/player.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void note(uint64_t *when)
{
	if (!*when)
		*when = clove_now_ns();
}

static void channel_lost(struct player_channel *channel, const char *why)
{
	struct player *player = channel->player;
	const char *name = clove_channel_type_name(channel->type);

	channel->is_over = true;
	channel->is_open = false;
	if (player->main == channel)
		player->main = NULL;
	if (player->inputs == channel)
		player->inputs = NULL;
	if (player->display == channel)
		player->display = NULL;
	if (channel->type != CLOVE_CHANNEL_MAIN && !(player->wanted >> channel->type & 1))
		return;
	if (!player->is_over)
		snprintf(player->why, sizeof player->why, "%s: %s", name ? name : "channel", why);
	player->is_over = true;
}

/* -- main -- */

static enum clove_err on_init(void *opaque, const void *message)
{
	struct player_channel *channel = opaque;
	const struct clove_main_init *init = message;

	note(&channel->player->times.init);
	channel->player->session_id = init->session_id;
	channel->player->mm_time = init->multi_media_time;
	channel->player->mm_time_ms = clove_now_ms();
	clove_channel_send(&channel->channel, CLOVE_MAIN_ATTACH_CHANNELS, NULL);
	return CLOVE_OK;
}

static enum clove_err on_channels_list(void *opaque, const void *message)
{
	struct player_channel *channel = opaque;
	struct player *player = channel->player;
	const struct clove_main_channels_list *list = message;

	note(&player->times.channels_list);
	for (uint32_t i = 0; i < list->count; i++) {
		uint8_t type = list->channels[i].type, id = list->channels[i].id;

		if (type < 16 && id < 4)
			player->listed |= UINT64_C(1) << (type * 4 + id);
		if (type < CLOVE_CHANNEL_TYPES && player->wanted >> type & 1 && !id &&
				!player_link(player, (enum clove_channel_type)type, id))
			return CLOVE_ERR_NOMEM;
	}
	return CLOVE_OK;
}

static enum clove_err on_multi_media_time(void *opaque, const void *message)
{
	struct player *player = ((struct player_channel *)opaque)->player;

	player->mm_time = ((const struct clove_main_multi_media_time *)message)->time;
	player->mm_time_ms = clove_now_ms();
	return CLOVE_OK;
}

static const struct clove_handler main_handlers[] = {
	{ CLOVE_MAIN_INIT, on_init },
	{ CLOVE_MAIN_MULTI_MEDIA_TIME, on_multi_media_time },
	{ CLOVE_MAIN_CHANNELS_LIST, on_channels_list },
	{ 0, NULL },
};

/* -- display -- */

static struct player_picture *picture_of(void *opaque)
{
	return &((struct player_channel *)opaque)->player->picture;
}

static void look(void *opaque)
{
	struct player *player = ((struct player_channel *)opaque)->player;

	if (!player->times.complete && player_picture_is_complete(&player->picture))
		note(&player->times.complete);
}

static enum clove_err on_mark(void *opaque, const void *message)
{
	(void)message;
	note(&((struct player_channel *)opaque)->player->times.mark);
	picture_of(opaque)->is_marked = true;
	look(opaque);
	return CLOVE_OK;
}

static enum clove_err on_surface_create(void *opaque, const void *message)
{
	note(&((struct player_channel *)opaque)->player->times.primary);
	return player_surface_create(picture_of(opaque), message);
}

static enum clove_err on_surface_destroy(void *opaque, const void *message)
{
	player_surface_destroy(picture_of(opaque), ((const struct clove_display_surface_destroy *)message)->surface_id);
	return CLOVE_OK;
}

static enum clove_err on_draw_copy(void *opaque, const void *message)
{
	enum clove_err err = player_draw_copy(picture_of(opaque), message);

	note(&((struct player_channel *)opaque)->player->times.first_draw);
	look(opaque);
	return err;
}

static enum clove_err on_draw_fill(void *opaque, const void *message)
{
	player_draw_fill(picture_of(opaque), message);
	look(opaque);
	return CLOVE_OK;
}

static enum clove_err on_copy_bits(void *opaque, const void *message)
{
	player_copy_bits(picture_of(opaque), message);
	look(opaque);
	return CLOVE_OK;
}

static enum clove_err on_forget_images(void *opaque, const void *message)
{
	(void)message;
	player_forget_images(picture_of(opaque));
	return CLOVE_OK;
}

static enum clove_err on_inval_list(void *opaque, const void *message)
{
	const struct clove_display_inval_list *list = message;

	for (uint16_t i = 0; i < list->count; i++)
		player_forget_image(picture_of(opaque), list->resources[i].id);
	return CLOVE_OK;
}

static enum clove_err on_stream_create(void *opaque, const void *message)
{
	const struct clove_display_stream_create *create = message;

	if (create->id < PLAYER_STREAMS)
		((struct player_channel *)opaque)->player->reports[create->id].window = 0;
	return player_stream_create(picture_of(opaque), create);
}

static enum clove_err on_stream_clip(void *opaque, const void *message)
{
	const struct clove_display_stream_clip *clip = message;

	return player_stream_clip(picture_of(opaque), clip->id, &clip->clip);
}

static enum clove_err on_stream_destroy(void *opaque, const void *message)
{
	player_stream_destroy(picture_of(opaque), ((const struct clove_display_stream_destroy *)message)->id);
	return CLOVE_OK;
}

static enum clove_err on_stream_destroy_all(void *opaque, const void *message)
{
	(void)message;
	for (uint32_t i = 0; i < PLAYER_STREAMS; i++)
		player_stream_destroy(picture_of(opaque), i);
	return CLOVE_OK;
}

static enum clove_err on_stream_activate_report(void *opaque, const void *message)
{
	const struct clove_display_stream_activate_report *wish = message;

	if (wish->stream_id < PLAYER_STREAMS)
		((struct player_channel *)opaque)->player->reports[wish->stream_id] = (struct player_report){
				.unique_id = wish->unique_id, .window = wish->max_window,
				.timeout_ms = wish->timeout_ms };
	return CLOVE_OK;
}

/* Every `window` frames, or after the timeout, how early the last frame was. */
static void report(struct player_channel *channel, uint32_t id, uint32_t mm_time)
{
	struct player *player = channel->player;
	struct player_report *report = &player->reports[id];
	uint64_t now = clove_now_ms();

	if (!report->window)
		return;
	if (!report->frames++) {
		report->start_mm = mm_time;
		report->began_ms = now;
	}
	if (report->frames < report->window && now - report->began_ms < report->timeout_ms)
		return;
	clove_channel_send(&channel->channel, CLOVE_DISPLAY_STREAM_REPORT, &(struct clove_display_stream_report){
			.stream_id = id, .unique_id = report->unique_id, .start_mm = report->start_mm,
			.end_mm = mm_time, .num_frames = report->frames, .num_drops = report->drops,
			.last_frame_delay = (int32_t)(mm_time - (player->mm_time +
			(uint32_t)(now - player->mm_time_ms))), .audio_delay = UINT32_MAX });
	report->frames = report->drops = 0;
}

static enum clove_err on_stream_data(void *opaque, const void *message)
{
	const struct clove_display_stream_data *data = message;
	enum clove_err err = player_stream_data(picture_of(opaque), data->id, data->data, NULL);

	if (!err)
		report(opaque, data->id, data->mm_time);
	look(opaque);
	return err;
}

static enum clove_err on_stream_data_sized(void *opaque, const void *message)
{
	const struct clove_display_stream_data_sized *data = message;
	enum clove_err err = player_stream_data(picture_of(opaque), data->id, data->data, &data->dest);

	if (!err)
		report(opaque, data->id, data->mm_time);
	look(opaque);
	return err;
}

static enum clove_err on_unsupported(void *opaque, const void *message)
{
	(void)message;
	picture_of(opaque)->unsupported++;
	return CLOVE_OK;
}

static const struct clove_handler display_handlers[] = {
	{ CLOVE_DISPLAY_MARK, on_mark },
	{ CLOVE_DISPLAY_COPY_BITS, on_copy_bits },
	{ CLOVE_DISPLAY_INVAL_LIST, on_inval_list },
	{ CLOVE_DISPLAY_INVAL_ALL_PIXMAPS, on_forget_images },
	{ CLOVE_DISPLAY_STREAM_CREATE, on_stream_create },
	{ CLOVE_DISPLAY_STREAM_DATA, on_stream_data },
	{ CLOVE_DISPLAY_STREAM_CLIP, on_stream_clip },
	{ CLOVE_DISPLAY_STREAM_DESTROY, on_stream_destroy },
	{ CLOVE_DISPLAY_STREAM_DESTROY_ALL, on_stream_destroy_all },
	{ CLOVE_DISPLAY_DRAW_FILL, on_draw_fill },
	{ CLOVE_DISPLAY_DRAW_OPAQUE, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_COPY, on_draw_copy },
	{ CLOVE_DISPLAY_DRAW_BLEND, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_BLACKNESS, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_WHITENESS, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_INVERS, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_ROP3, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_STROKE, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_TEXT, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_TRANSPARENT, on_unsupported },
	{ CLOVE_DISPLAY_DRAW_ALPHA_BLEND, on_unsupported },
	{ CLOVE_DISPLAY_SURFACE_CREATE, on_surface_create },
	{ CLOVE_DISPLAY_SURFACE_DESTROY, on_surface_destroy },
	{ CLOVE_DISPLAY_STREAM_DATA_SIZED, on_stream_data_sized },
	{ CLOVE_DISPLAY_STREAM_ACTIVATE_REPORT, on_stream_activate_report },
	{ 0, NULL },
};

static void display_opened(struct player_channel *channel)
{
	struct clove_display_init init = { .pixmap_cache_id = 1, .pixmap_cache_size = PLAYER_CACHE,
			.glz_dictionary_id = 1, .glz_dictionary_window_size = PLAYER_GLZ_WINDOW };

	note(&channel->player->times.display_linked);
	clove_channel_send(&channel->channel, CLOVE_DISPLAY_INIT, &init);
}

/* -- inputs, cursor -- */

static enum clove_err on_modifiers(void *opaque, const void *message)
{
	(void)message;
	((struct player_channel *)opaque)->player->modifiers_seen++;
	return CLOVE_OK;
}

static enum clove_err on_motion_ack(void *opaque, const void *message)
{
	(void)message;
	((struct player_channel *)opaque)->player->motion_acks++;
	return CLOVE_OK;
}

static const struct clove_handler inputs_handlers[] = {
	{ CLOVE_INPUTS_INIT, on_modifiers },
	{ CLOVE_INPUTS_KEY_MODIFIERS, on_modifiers },
	{ CLOVE_INPUTS_MOUSE_MOTION_ACK, on_motion_ack },
	{ 0, NULL },
};

static const struct clove_handler no_handlers[] = { { 0, NULL } };

void player_key(struct player *player, uint32_t code, bool is_down)
{
	struct clove_inputs_key key = { .code = code };

	if (player->inputs)
		clove_channel_send(&player->inputs->channel, is_down ? CLOVE_INPUTS_KEY_DOWN : CLOVE_INPUTS_KEY_UP,
				&key);
}

/* -- any channel -- */

static void on_closed(void *opaque, enum clove_err err)
{
	struct player_channel *channel = opaque;

	channel_lost(channel, clove_err_name(err));
	clove_channel_fini(&channel->channel);
	channel->channel.loop = NULL;
}

#define OPS(name, table) \
	static const struct clove_channel_ops name = { .handlers = table, .closed = on_closed }
OPS(main_ops, main_handlers);
OPS(display_ops, display_handlers);
OPS(inputs_ops, inputs_handlers);
OPS(other_ops, no_handlers);

static const struct clove_channel_ops *ops_of(const struct player *player, enum clove_channel_type type)
{
	if (player->ops[type])
		return player->ops[type];
	return type == CLOVE_CHANNEL_MAIN ? &main_ops : type == CLOVE_CHANNEL_DISPLAY ? &display_ops :
			type == CLOVE_CHANNEL_INPUTS ? &inputs_ops : &other_ops;
}

static void stop_opening(struct player_channel *channel)
{
	clove_watch_remove(channel->player->loop, channel->watch);
	channel->watch = NULL;
	clove_stream_free(channel->stream);
	channel->stream = NULL;
}

static void opened(struct player_channel *channel, struct clove_bytes early)
{
	struct player *player = channel->player;
	struct clove_channel_options options = {
		.take_stream = channel->stream, .loop = player->loop, .type = channel->type, .id = channel->id,
		.mini_header = channel->link.mini_header, .peer_common = channel->link.info.common_caps,
		.peer_caps = channel->link.info.channel_caps, .early = early,
	};

	channel->linked_ns = clove_now_ns();
	clove_watch_remove(player->loop, channel->watch);
	channel->watch = NULL;
	channel->stream = NULL;
	if (channel->type == CLOVE_CHANNEL_DISPLAY && player->take_display) {
		player->take_display(player->opaque, channel, options.take_stream, early);
		return;
	}
	if (clove_channel_init(&channel->channel, ops_of(player, channel->type), &options)) {
		channel_lost(channel, "no memory");
		return;
	}
	channel->is_open = true;
	clove_channel_start(&channel->channel);
	if (channel->type == CLOVE_CHANNEL_MAIN) {
		note(&player->times.main_linked);
		player->main = channel;
	} else if (channel->type == CLOVE_CHANNEL_INPUTS && !player->inputs) {
		player->inputs = channel;
	} else if (channel->type == CLOVE_CHANNEL_DISPLAY && !player->display) {
		player->display = channel;
		display_opened(channel);
	}
}

/* One step of the opening: AGAIN to wait, OK when a channel came of it. */
static enum clove_err open_more(struct player_channel *channel)
{
	struct clove_buf *out = &channel->link.out;
	enum clove_err err = channel->is_secured ? CLOVE_OK : clove_stream_handshake(channel->stream);
	uint8_t data[4096];
	size_t n, used = 0;

	if (err)
		return err;
	channel->is_secured = true;
	for (;;) {
		while (out->len) {
			err = clove_stream_write(channel->stream, out->data, out->len, &n);
			if (err)
				return err;
			clove_buf_consume(out, n);
		}
		err = clove_stream_read(channel->stream, data, sizeof data, &n);
		if (!err)
			err = clove_link_feed(&channel->link, CLOVE_BYTES(data, n), &used);
		if (err)
			return err;
		if (channel->link.state == CLOVE_LINK_FAILED)
			return CLOVE_ERR_REFUSED;
		if (channel->link.state == CLOVE_LINK_DONE) {
			opened(channel, CLOVE_BYTES(data + used, n - used));
			return CLOVE_OK;
		}
	}
}

static void on_opening(void *opaque, int fd, int events)
{
	struct player_channel *channel = opaque;
	enum clove_err err = open_more(channel);

	(void)fd, (void)events;
	if (err == CLOVE_ERR_AGAIN) {
		int wants = clove_stream_wants(channel->stream);

		if (channel->is_secured && channel->link.out.len)
			wants |= CLOVE_WRITE;
		clove_watch_set(channel->player->loop, channel->watch, wants ? wants : CLOVE_READ);
	} else if (err) {
		channel->refused = channel->link.error;
		channel_lost(channel, err == CLOVE_ERR_REFUSED && channel->link.reason ? channel->link.reason :
				channel->stream->error ? channel->stream->error : clove_err_name(err));
		stop_opening(channel);
	}
}

int player_socket(const struct player_where *where)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} to = { .any.sa_family = where->unix_path ? AF_UNIX : AF_INET }, from = { .any.sa_family = AF_INET };
	socklen_t size = where->unix_path ? sizeof to.un : sizeof to.in;
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (where->unix_path) {
		snprintf(to.un.sun_path, sizeof to.un.sun_path, "%s", where->unix_path);
	} else {
		to.in.sin_port = htons((uint16_t)where->port);
		if (inet_pton(AF_INET, where->host, &to.in.sin_addr) != 1)
			goto failed;
	}
	if (where->from && (inet_pton(AF_INET, where->from, &from.in.sin_addr) != 1 ||
			bind(fd, &from.any, sizeof from.in)))
		goto failed;
	if (!connect(fd, &to.any, size) || errno == EINPROGRESS)
		return fd;
failed:
	if (fd >= 0)
		close(fd);
	return -1;
}

struct player_channel *player_link(struct player *player, enum clove_channel_type type, uint8_t id)
{
	struct player_channel *channel = calloc(1, sizeof *channel);
	struct clove_link_info wanted = { .connection_id = type == CLOVE_CHANNEL_MAIN ? 0 : player->session_id,
			.channel_type = (uint8_t)type, .channel_id = id };
	int fd;

	if (!channel)
		return NULL;
	channel->player = player;
	channel->type = type;
	channel->id = id;
	channel->began_ns = clove_now_ns();
	channel->next = player->channels;
	player->channels = channel;
	if (type == CLOVE_CHANNEL_MAIN) {
		clove_caps_set(&wanted.channel_caps, CLOVE_MAIN_CAP_NAME_AND_UUID);
		clove_caps_set(&wanted.channel_caps, CLOVE_MAIN_CAP_AGENT_CONNECTED_TOKENS);
	} else if (type == CLOVE_CHANNEL_DISPLAY && player->where.display_caps) {
		wanted.channel_caps = *player->where.display_caps;
	} else if (type == CLOVE_CHANNEL_DISPLAY) {
		clove_caps_set(&wanted.channel_caps, CLOVE_DISPLAY_CAP_MONITORS_CONFIG);
		clove_caps_set(&wanted.channel_caps, CLOVE_DISPLAY_CAP_LZ4_COMPRESSION);
	} else if (type == CLOVE_CHANNEL_USBREDIR && player->where.unpacks) {
		clove_caps_set(&wanted.channel_caps, CLOVE_VMC_CAP_DATA_COMPRESS_LZ4);
	}
	clove_link_init_client(&channel->link, &wanted, player->where.password);
	fd = player_socket(&player->where);
	channel->stream = fd < 0 ? NULL : clove_socket_stream_new(fd, 0);
	if (channel->stream && player->where.tls)
		channel->stream = clove_tls_stream_new(player->where.tls, channel->stream);
	if (channel->stream)
		channel->watch = clove_watch_add(player->loop, channel->stream->fd, CLOVE_WRITE, on_opening, channel);
	if (!channel->watch) {
		channel_lost(channel, "cannot connect");
		stop_opening(channel);
	}
	return channel;
}

void player_unlink(struct player_channel *channel)
{
	struct player *player = channel->player;

	for (struct player_channel **c = &player->channels; *c; c = &(*c)->next)
		if (*c == channel) {
			*c = channel->next;
			break;
		}
	if (player->main == channel)
		player->main = NULL;
	if (player->inputs == channel)
		player->inputs = NULL;
	if (player->display == channel)
		player->display = NULL;
	stop_opening(channel);
	clove_channel_fini(&channel->channel);
	clove_link_fini(&channel->link);
	free(channel);
}

struct player *player_new(struct clove_loop *loop, const struct player_where *where, unsigned int wanted)
{
	struct player *player = calloc(1, sizeof *player);

	if (!player)
		return NULL;
	player->loop = loop;
	player->where = *where;
	player->wanted = wanted;
	player->times.began = clove_now_ns();
	if (!player_link(player, CLOVE_CHANNEL_MAIN, 0)) {
		player_free(player);
		return NULL;
	}
	return player;
}

void player_free(struct player *player)
{
	if (!player)
		return;
	while (player->channels)
		player_unlink(player->channels);
	player_picture_fini(&player->picture);
	free(player);
}
