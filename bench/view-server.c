/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* view-server.c - a server that only shows, as fast as told, so that a viewer's cost can be measured.
 *
 *   view-server SOCKET WIDTH HEIGHT KIND RATE    until it is ended; viewers at spice+unix://SOCKET
 *
 * KIND is one of `kinds`. All is encoded before the first viewer comes, and what is sent is the same whichever
 * library and codec choice a VMM would have: what differs between two runs is the viewer. A line of
 * JSON a second says what was sent, and how many times the connection was full when more was due.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/net/channel.h"
#include "common/net/link.h"
#include "common/net/tcp.h"
#include "common/protocol/enums.h"

enum {
	TEXT_W = 998, TEXT_H = 788, CELL_W = 7, CELL_H = 16,
	PAGES = 32,
	GLYPH = 16,
	QUEUE_MOST = 4 << 20,
	CONNECTIONS = 64,
};

static const struct kind {
	const char *name;
	uint8_t type;             /* of image; 0xff: a video stream */
	bool is_photo, is_whole;  /* whole: all of the screen, or as many as cover it */
	int32_t width, height;    /* of what changes, unless the whole screen does */
} kinds[] = {
	{ "text-raw",   CLOVE_IMAGE_TYPE_BITMAP, false, false, TEXT_W, TEXT_H },
	{ "text-lz",    CLOVE_IMAGE_TYPE_LZ_RGB, false, false, TEXT_W, TEXT_H },
	{ "text-lz4",   CLOVE_IMAGE_TYPE_LZ4,    false, false, TEXT_W, TEXT_H },
	{ "text-quic",  CLOVE_IMAGE_TYPE_QUIC,   false, false, TEXT_W, TEXT_H },
	{ "text-copy",  0xfe,                    false, false, TEXT_W, TEXT_H }, /* COPY_BITS and a line */
	{ "photo-quic", CLOVE_IMAGE_TYPE_QUIC,   true,  true,  0, 0 },
	{ "tiles-quic", CLOVE_IMAGE_TYPE_QUIC,   true,  true,  240, 240 },
	{ "photo-jpeg", CLOVE_IMAGE_TYPE_JPEG,   true,  true,  0, 0 },
	{ "video",      0xff,                    true,  false, 1280, 720 },
};

struct connection {
	struct clove_channel channel; /* first */
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_link link;
	bool is_channel, is_gone;
};

static struct clove_loop *loop;
static struct connection connections[CONNECTIONS];
static unsigned int n_connections;
static const struct kind *kind;
static int32_t width, height;
static unsigned int rate, tick;
static struct clove_timer *timer;
static uint64_t due_us, said_us, n_sent, n_full;
static struct clove_buf pages[PAGES];
static uint8_t glyphs[PAGES][GLYPH * GLYPH * 4];

static uint32_t rnd(uint32_t x, uint32_t y)
{
	uint32_t h = x * 0x85ebca6bu ^ y * 0xc2b2ae35u;

	h ^= h >> 15;
	h *= 0x2c1b3c6du;
	h ^= h >> 12;
	h *= 0x297a2d39u;
	return h ^ h >> 15;
}

/* Smoothed glyphs on a light page, lines of different lengths; `line` is the first. */
static uint32_t text_pixel(int32_t x, int32_t y, uint32_t line)
{
	uint32_t row = line + (uint32_t)y / CELL_H, column = (uint32_t)x / CELL_W;
	uint32_t glyph = rnd(column, row) % 80, part = rnd(glyph, (uint32_t)(y % CELL_H * CELL_W + x % CELL_W));
	uint32_t shade;

	if (column > 20 + rnd(row, 7) % 110 || glyph < 12 || x % CELL_W == 6 || y % CELL_H > 11 || part % 3 == 0)
		return 0xfdf6e3;
	shade = part % 3 == 1 ? 0x50 : 0xa0;
	return shade << 16 | shade << 8 | (shade + 16);
}

static uint32_t photo_pixel(int32_t x, int32_t y, uint32_t page)
{
	uint32_t px = (uint32_t)x + page * 37, noise = rnd((uint32_t)x, (uint32_t)y + page * 7919);
	uint32_t r = (px * 255 / 2000 + noise % 7) & 255, g = ((uint32_t)y * 255 / 1400 + (noise >> 8) % 7) & 255;

	return r << 16 | g << 8 | ((px + (uint32_t)y) / 9 + (noise >> 16) % 7) % 256;
}

static void encode_page(uint32_t page)
{
	int32_t w = kind->width ? kind->width : width, h = kind->height ? kind->height : height;
	uint32_t *memory = malloc((size_t)w * (size_t)h * 4);
	struct clove_pixels pixels = { (uint8_t *)memory, w, h, w * 4, CLOVE_FORMAT_RGB32 };
	size_t room = (size_t)w * (size_t)h * 5 + 65536, size = 0;
	uint8_t *to = clove_buf_reserve(&pages[page], room);
	enum clove_err err = CLOVE_OK;

	if (!memory || !to)
		exit(1);
	for (int32_t y = 0; y < h; y++)
		for (int32_t x = 0; x < w; x++)
			memory[(size_t)y * (size_t)w + (size_t)x] = kind->is_photo ? photo_pixel(x, y, page) :
					text_pixel(x, y, page);
	if (kind->type == CLOVE_IMAGE_TYPE_LZ_RGB)
		err = clove_lz_encode(to, room, &pixels, true, &size);
	else if (kind->type == CLOVE_IMAGE_TYPE_LZ4)
		err = clove_lz4_encode(to, room, &pixels, true, &size);
	else if (kind->type == CLOVE_IMAGE_TYPE_QUIC)
		err = clove_quic_encode(to, room, &pixels, &size);
	else if (kind->type == CLOVE_IMAGE_TYPE_JPEG || kind->type == 0xff)
		err = clove_jpeg_encode(to, room, &pixels, 80, &size);
	else
		memcpy(to, memory, size = (size_t)w * (size_t)h * 4);
	if (err)
		exit(1);
	pages[page].len = size;
	for (size_t i = 0; i < sizeof glyphs[page]; i++)
		glyphs[page][i] = (uint8_t)rnd((uint32_t)i, page);
	free(memory);
}

/* -- what is shown -- */

static void send_image(struct clove_channel *channel, const struct clove_image *image, int32_t left, int32_t top)
{
	struct clove_rect area = { .right = (int32_t)image->width, .bottom = (int32_t)image->height };
	struct clove_display_draw_copy copy = {
		.base.box = { .left = left, .top = top, .right = left + area.right, .bottom = top + area.bottom },
		.src = image, .src_area = area, .rop = CLOVE_ROP_PUT, .scale = CLOVE_SCALE_NEAREST,
	};

	clove_channel_send(channel, CLOVE_DISPLAY_DRAW_COPY, &copy);
}

static void send_bitmap(struct clove_channel *channel, const uint8_t *data, int32_t w, int32_t h, int32_t left,
		int32_t top)
{
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_BITMAP, .width = (uint32_t)w, .height = (uint32_t)h };

	image.bitmap = (struct clove_image_bitmap){ .format = CLOVE_BITMAP_FMT_32BIT,
			.flags = CLOVE_BITMAP_FLAG_TOP_DOWN, .x = image.width, .y = image.height,
			.stride = image.width * 4, .data = CLOVE_BYTES(data, (size_t)w * (size_t)h * 4) };
	send_image(channel, &image, left, top);
}

static void send_page(struct clove_channel *channel, uint32_t page)
{
	int32_t w = kind->width ? kind->width : width, h = kind->height ? kind->height : height;
	int32_t left = kind->is_whole ? 0 : 100, top = kind->is_whole ? 0 : 60;
	struct clove_bytes data = clove_buf_bytes(&pages[page]);
	struct clove_image image = { .type = kind->type, .width = (uint32_t)w, .height = (uint32_t)h,
			.quic = { (uint32_t)data.len, data } };

	if (kind->type == 0xff) {
		clove_channel_send(channel, CLOVE_DISPLAY_STREAM_DATA, &(struct clove_display_stream_data){
				.data_size = (uint32_t)data.len, .data = data });
	} else if (kind->type == CLOVE_IMAGE_TYPE_BITMAP) {
		send_bitmap(channel, data.data, w, h, left, top);
	} else if (kind->type == 0xfe) {
		struct clove_display_copy_bits copy = {
			.base.box = { .left = left, .top = top, .right = left + w, .bottom = top + h - CELL_H },
			.src_pos = { left, top + CELL_H },
		};

		clove_channel_send(channel, CLOVE_DISPLAY_COPY_BITS, &copy);
		send_bitmap(channel, data.data + (size_t)w * 4 * (size_t)(h - CELL_H), w, CELL_H, left,
				top + h - CELL_H);
	} else {
		for (int32_t y = top; y + h <= (kind->is_whole ? height : top + h); y += h)
			for (int32_t x = left; x + w <= (kind->is_whole ? width : left + w); x += w)
				send_image(channel, &image, x, y);
	}
	if (!kind->is_whole)
		send_bitmap(channel, glyphs[page], GLYPH, GLYPH, width - 60, height - 40);
}

static void say(uint64_t now_us)
{
	if (now_us - said_us < 1000000)
		return;
	said_us = now_us;
	printf("{\"sent\":%" PRIu64 ",\"full\":%" PRIu64 "}\n", n_sent, n_full);
	fflush(stdout);
}

static void on_tick(void *opaque)
{
	uint64_t now_us = clove_now_us();

	(void)opaque;
	for (; due_us <= now_us; due_us += 1000000 / rate, tick++) {
		for (unsigned int i = 0; i < n_connections; i++) {
			struct clove_channel *channel = &connections[i].channel;

			if (!connections[i].is_channel || connections[i].is_gone ||
					channel->type != CLOVE_CHANNEL_DISPLAY)
				continue;
			if (clove_channel_queued(channel) > QUEUE_MOST) {
				n_full++;
				continue;
			}
			n_sent++;
			clove_channel_cork(channel);
			send_page(channel, tick % PAGES);
			clove_channel_uncork(channel);
		}
	}
	say(now_us);
	now_us = clove_now_us();
	clove_timer_start(loop, timer, due_us > now_us ? (uint32_t)((due_us - now_us + 999) / 1000) : 0);
}

/* -- connections -- */

static void closed(void *channel, enum clove_err err)
{
	(void)err;
	((struct connection *)channel)->is_gone = true;
	clove_channel_fini(channel);
}

static enum clove_err on_attach(void *channel, const void *message)
{
	static const struct clove_main_channel list[] = { { CLOVE_CHANNEL_DISPLAY, 0 } };

	(void)message;
	clove_channel_send(channel, CLOVE_MAIN_CHANNELS_LIST, &(struct clove_main_channels_list){ 1, list });
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = { { CLOVE_MAIN_ATTACH_CHANNELS, on_attach }, { 0, NULL } };
static const struct clove_handler none[] = { { 0, NULL } };
static const struct clove_channel_ops main_ops = { .handlers = handlers, .closed = closed };
static const struct clove_channel_ops other_ops = { .handlers = none, .closed = closed };

static void begin_display(struct clove_channel *channel)
{
	struct clove_display_surface_create create = { 0, (uint32_t)width, (uint32_t)height,
			CLOVE_SURFACE_FMT_32_XRGB, CLOVE_SURFACE_FLAG_PRIMARY };
	struct clove_display_stream_create stream = {
		.flags = CLOVE_STREAM_TOP_DOWN, .codec = CLOVE_VIDEO_CODEC_MJPEG,
		.stream_width = (uint32_t)kind->width, .stream_height = (uint32_t)kind->height,
		.src_width = (uint32_t)kind->width, .src_height = (uint32_t)kind->height,
		.dest = { .left = 100, .top = 60, .right = 100 + kind->width, .bottom = 60 + kind->height },
	};

	clove_channel_send(channel, CLOVE_DISPLAY_SURFACE_CREATE, &create);
	if (kind->type == 0xff)
		clove_channel_send(channel, CLOVE_DISPLAY_STREAM_CREATE, &stream);
	clove_channel_send(channel, CLOVE_DISPLAY_MARK, NULL);
}

static void become_channel(struct connection *c)
{
	bool is_main = c->link.info.channel_type == CLOVE_CHANNEL_MAIN;
	struct clove_channel_options options = { .take_stream = c->stream, .loop = loop,
			.type = (enum clove_channel_type)c->link.info.channel_type, .id = c->link.info.channel_id,
			.is_server = true, .mini_header = c->link.mini_header };

	clove_watch_remove(loop, c->watch);
	if (clove_channel_init(&c->channel, is_main ? &main_ops : &other_ops, &options))
		exit(1);
	c->is_channel = true;
	clove_channel_start(&c->channel);
	if (is_main)
		clove_channel_send(&c->channel, CLOVE_MAIN_INIT, &(struct clove_main_init){
				.session_id = 99, .supported_mouse_modes = 1, .current_mouse_mode = 1 });
	else if (c->channel.type == CLOVE_CHANNEL_DISPLAY)
		begin_display(&c->channel);
}

static void serve(void *opaque, int fd, int events)
{
	struct connection *c = opaque;
	struct clove_caps caps = { { 0 } };
	uint8_t bytes[1024];
	size_t got, used, done = 0, put;

	(void)fd;
	(void)events;
	if (clove_stream_read(c->stream, bytes, sizeof bytes, &got)) {
		clove_watch_remove(loop, c->watch);
		return;
	}
	while (done < got && c->link.state != CLOVE_LINK_DONE) {
		if (clove_link_feed(&c->link, CLOVE_BYTES(bytes + done, got - done), &used))
			exit(1);
		done += used;
		if (c->link.state == CLOVE_LINK_ASKING)
			clove_link_accept(&c->link, &caps, clove_ticket_new());
		else if (c->link.state == CLOVE_LINK_TICKETED)
			clove_link_finish(&c->link, CLOVE_LINK_OK);
	}
	if (clove_stream_write(c->stream, c->link.out.data, c->link.out.len, &put))
		exit(1);
	clove_buf_clear(&c->link.out);
	if (c->link.state == CLOVE_LINK_DONE)
		become_channel(c);
}

static void take(void *opaque, int fd, int events)
{
	struct connection *c = &connections[n_connections];

	(void)opaque;
	(void)events;
	if (n_connections++ == CONNECTIONS)
		exit(1);
	c->stream = clove_socket_stream_new(clove_accept(fd), 0);
	clove_link_init_server(&c->link);
	c->watch = clove_watch_add(loop, c->stream->fd, CLOVE_READ, serve, c);
}

int main(int argc, char **argv)
{
	char *error = NULL;
	int listener;

	if (argc == 6) {
		width = atoi(argv[2]);
		height = atoi(argv[3]);
		rate = (unsigned int)atoi(argv[5]);
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if (!strcmp(kinds[i].name, argv[4]))
				kind = &kinds[i];
	}
	if (!kind || !rate || width < 1400 || height < 900) {
		fprintf(stderr, "view-server SOCKET WIDTH HEIGHT KIND RATE, at least 1400x900\n");
		return 2;
	}
	for (uint32_t page = 0; page < PAGES; page++)
		encode_page(page);
	loop = clove_poll_loop_new();
	listener = clove_listen_unix(argv[1], &error);
	if (listener < 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	clove_watch_add(loop, listener, CLOVE_READ, take, NULL);
	timer = clove_timer_add(loop, on_tick, NULL);
	due_us = clove_now_us();
	clove_timer_start(loop, timer, 0);
	clove_poll_loop_run(loop);
	return 0;
}
