/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watcher.c - both kinds of clients behind the same questions. */
#include "tests/property/watcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "bench/display-relay.h"
#include "client-gtk/display-channel.h"

struct watcher {
	struct watcher_options options;
	struct clove_caps caps;
	struct player *player;
	struct clove_pictures *pictures;         /* the viewer's */
	struct clove_display_channel *display;
	pid_t relay;
	bool is_held, is_closed;
	char fault[160];
};

static void on_closed(void *opaque, enum clove_err err)
{
	struct watcher *watcher = opaque;

	watcher->is_closed = true;
	snprintf(watcher->fault, sizeof watcher->fault, "the viewer's channel closed: %s", clove_err_name(err));
}

static const struct clove_display_events events = { .closed = on_closed };

static void narrow(const struct clove_stream *stream)
{
	int size = 128 << 10; /* less than a segment of loopback stalls by itself */

	setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void take_display(void *opaque, struct player_channel *channel, struct clove_stream *take_stream,
		struct clove_bytes early)
{
	struct watcher *watcher = opaque;
	struct clove_opened opened = { .stream = take_stream, .info = channel->link.info,
			.mini_header = channel->link.mini_header };
	struct clove_display_options options = { .loop = watcher->options.loop, .pictures = watcher->pictures,
			.preferred_compression = watcher->options.prefers, .events = &events, .opaque = watcher };

	if (watcher->options.is_narrow)
		narrow(take_stream);
	if (clove_buf_append(&opened.early, early.data, early.len))
		abort();
	memset(&opened.info, 0, sizeof opened.info);
	opened.info.common_caps = channel->link.info.common_caps;
	opened.info.channel_caps = channel->link.info.channel_caps;
	watcher->display = clove_display_channel_new(&options, &opened);
	if (!watcher->display)
		abort();
}

struct watcher *watcher_new(const struct watcher_options *options)
{
	struct watcher *watcher = calloc(1, sizeof *watcher);
	static const unsigned int bits[] = { CLOVE_DISPLAY_CAP_SIZED_STREAM, CLOVE_DISPLAY_CAP_MONITORS_CONFIG,
			CLOVE_DISPLAY_CAP_STREAM_REPORT, CLOVE_DISPLAY_CAP_LZ4_COMPRESSION,
			CLOVE_DISPLAY_CAP_PREF_COMPRESSION, CLOVE_DISPLAY_CAP_MULTI_CODEC,
			CLOVE_DISPLAY_CAP_CODEC_MJPEG };
	struct player_where where = { .host = options->host, .port = options->port, .unix_path = options->unix_path };

	if (!watcher)
		abort();
	watcher->options = *options;
	if (options->is_viewer)
		watcher->caps = clove_display_channel_caps();
	else
		for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
			clove_caps_set(&watcher->caps, bits[i]);
	for (unsigned int i = 0; i < CLOVE_CAPS_WORDS; i++)
		watcher->caps.words[i] &= ~options->without.words[i];
	where.display_caps = &watcher->caps;
	if (options->kbit && !options->unix_path) {
		watcher->relay = display_relay_start(options->host, options->port, options->kbit, &where.port);
		where.host = "127.0.0.1";
	}
	watcher->player = player_new(options->loop, &where, PLAYER_DISPLAY);
	if (!watcher->player)
		abort();
	if (options->is_viewer) {
		watcher->pictures = clove_pictures_new();
		watcher->player->take_display = take_display;
		watcher->player->opaque = watcher;
	}
	return watcher;
}

void watcher_free(struct watcher *watcher)
{
	if (!watcher)
		return;
	clove_display_channel_free(watcher->display);
	player_free(watcher->player);
	clove_pictures_free(watcher->pictures);
	if (watcher->relay > 0) {
		kill(watcher->relay, SIGTERM);
		waitpid(watcher->relay, NULL, 0);
	}
	free(watcher);
}

void watcher_hold(struct watcher *watcher, bool shall_hold)
{
	struct player_channel *display = watcher->player->display;

	if (!display || watcher->is_held == shall_hold)
		return;
	watcher->is_held = shall_hold;
	if (shall_hold) {
		if (watcher->options.is_narrow)
			narrow(display->channel.stream);
		clove_channel_pause(&display->channel);
	} else {
		clove_channel_resume(&display->channel);
	}
}

bool watcher_is_open(const struct watcher *watcher)
{
	return watcher->display || watcher->player->display;
}

const char *watcher_fault(const struct watcher *watcher)
{
	struct clove_display_counts counts = { 0 };
	static char text[64];

	if (watcher->player->is_over)
		return watcher->player->why;
	if (*watcher->fault)
		return watcher->fault;
	if (watcher->display)
		clove_display_channel_count(watcher->display, &counts);
	snprintf(text, sizeof text, "%lu drawings could not be drawn",
			(unsigned long)counts.skipped + watcher->player->picture.unsupported);
	return counts.skipped || watcher->player->picture.unsupported ? text : NULL;
}

static char first_text[64];

const char *watcher_first(void)
{
	return first_text;
}

long watcher_differs(const struct watcher *watcher, const uint32_t *want, int width, int height,
		struct clove_rect *where)
{
	struct clove_pixels pixels = { 0 };
	const struct clove_pixels *shown = player_primary(&watcher->player->picture);
	long n = 0;

	*where = (struct clove_rect){ .top = height, .left = width };
	if (watcher->display && clove_display_channel_picture(watcher->display, &pixels))
		shown = &pixels;
	if (!shown || shown->width != width || shown->height != height)
		return -1;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			if ((clove_le32(clove_pixels_row(shown, y) + (size_t)x * 4) & 0xffffff) != want[y * width + x]) {
				if (!n++)
					snprintf(first_text, sizeof first_text, "%s: %06x for %06x", watcher->display ?
							"viewer" : "player", clove_le32(clove_pixels_row(shown, y) +
							(size_t)x * 4) & 0xffffff, want[y * width + x]);
				where->left = x < where->left ? x : where->left;
				where->top = y < where->top ? y : where->top;
				where->right = x + 1 > where->right ? x + 1 : where->right;
				where->bottom = y + 1 > where->bottom ? y + 1 : where->bottom;
			}
	return n;
}

unsigned long watcher_frames(const struct watcher *watcher)
{
	struct clove_display_counts counts = { 0 };

	if (watcher->display)
		clove_display_channel_count(watcher->display, &counts);
	return (unsigned long)counts.video.frames + watcher->player->picture.frames;
}
