/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-channel.c - knows what a display client has been sent, and what it can take next. */
#include "server/display-channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/image-encode.h"

enum {
	INIT_MS = 30000,
	ACK_WINDOW = 20,
	QUEUE_MOST = 256 << 10,       /* bytes that wait for the kernel before newer pixels do */
	PIECE_PIXELS = 128 << 10,     /* of one DRAW_COPY: what a frame later may replace */
	RECTS_MOST = 64,              /* a damage of more is rounded up to whole tiles */
	TILE = 64,
	FORMAT_32 = 32, FLAG_PRIMARY = 1,
};

static void send_monitors(struct clove_display *display)
{
	const struct clove_monitors *from = &display->screen->monitors;
	struct clove_display_head heads[CLOVE_HEADS_MAX];
	struct clove_display_monitors_config message = { .count = from->count,
			.max_allowed = from->max_allowed, .heads = heads };

	if (!clove_caps_has(&display->channel.peer_caps, CLOVE_DISPLAY_CAP_MONITORS_CONFIG) ||
			!from->count)
		return;
	for (uint16_t i = 0; i < from->count; i++)
		heads[i] = (struct clove_display_head){ from->heads[i].id, from->heads[i].surface_id,
				from->heads[i].width, from->heads[i].height, from->heads[i].x,
				from->heads[i].y, 0 };
	clove_channel_send(&display->channel, CLOVE_DISPLAY_MONITORS_CONFIG, &message);
}

/* -- from the client -- */

static enum clove_err on_init(void *channel, const void *message)
{
	struct clove_display *display = channel;

	(void)message;
	if (display->is_ready)
		return CLOVE_ERR_STATE;
	display->is_ready = true;
	clove_timer_stop(display->screen->loop, display->init_timer);
	clove_channel_cork(&display->channel);
	clove_channel_set_ack(&display->channel, ACK_WINDOW);
	if (display->screen->primary)
		clove_display_surface_came(display);
	clove_display_flush(display);
	clove_channel_uncork(&display->channel);
	return CLOVE_OK;
}

static enum clove_err on_preferred_compression(void *channel, const void *message)
{
	struct clove_display *display = channel;
	const struct clove_display_preferred_compression *want = message;

	if (want->image_compression >= 1 && want->image_compression <= 7)
		display->preferred_compression = want->image_compression;
	else
		clove_log_limited(WARN, "display", "%s: unknown compression %u",
				display->channel.stream->peer, want->image_compression);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_DISPLAY_INIT, on_init },
	{ CLOVE_DISPLAY_PREFERRED_COMPRESSION, on_preferred_compression },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return 1024;
}

/* -- to the client -- */

void clove_display_surface_came(struct clove_display *display)
{
	const struct clove_surface *primary = display->screen->primary;
	struct clove_display_surface_create create = { 0, (uint32_t)primary->width,
			(uint32_t)primary->height, FORMAT_32, FLAG_PRIMARY };

	if (!display->is_ready)
		return;
	clove_channel_send(&display->channel, CLOVE_DISPLAY_INVAL_ALL_PALETTES, NULL);
	clove_channel_send(&display->channel, CLOVE_DISPLAY_SURFACE_CREATE, &create);
	display->has_surface = true;
	display->is_marked = false;
	pixman_region32_fini(&display->damage);
	pixman_region32_init_rect(&display->damage, 0, 0, create.width, create.height);
	pixman_region32_copy(&display->unseen, &display->damage);
}

void clove_display_surface_went(struct clove_display *display)
{
	struct clove_display_surface_destroy destroy = { 0 };

	if (display->has_surface)
		clove_channel_send(&display->channel, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	display->has_surface = false;
	pixman_region32_clear(&display->damage);
	pixman_region32_clear(&display->unseen);
}

void clove_display_monitors_changed(struct clove_display *display)
{
	if (display->is_ready && display->is_marked)
		send_monitors(display);
}

/* Many small rectangles become few: each message has its price, and so has each rectangle kept. */
static void simplify(pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
	pixman_region32_t tiles;

	if (n <= RECTS_MOST)
		return;
	pixman_region32_init(&tiles);
	for (int i = 0; i < n; i++) {
		int32_t x1 = boxes[i].x1 & ~(TILE - 1), y1 = boxes[i].y1 & ~(TILE - 1);
		int32_t x2 = (boxes[i].x2 + TILE - 1) & ~(TILE - 1);
		int32_t y2 = (boxes[i].y2 + TILE - 1) & ~(TILE - 1);

		pixman_region32_union_rect(&tiles, &tiles, x1, y1, (unsigned int)(x2 - x1),
				(unsigned int)(y2 - y1));
	}
	if (pixman_region32_n_rects(&tiles) > 4 * RECTS_MOST)
		pixman_region32_reset(&tiles, pixman_region32_extents(region));
	pixman_region32_copy(region, &tiles);
	pixman_region32_fini(&tiles);
}

void clove_display_damage(struct clove_display *display, pixman_region32_t *region)
{
	const struct clove_surface *primary = display->screen->primary;

	if (!display->has_surface || !primary)
		return;
	pixman_region32_union(&display->damage, &display->damage, region);
	simplify(&display->damage);
	pixman_region32_intersect_rect(&display->damage, &display->damage, 0, 0,
			(unsigned int)primary->width, (unsigned int)primary->height);
}

/* The next piece: the first rectangle, grown over its neighbours where the damage between is
 * most of what is then sent, and cut to a size that encodes quickly. */
static pixman_box32_t next_piece(pixman_region32_t *damage, int64_t most)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(damage, &n);
	pixman_box32_t piece = boxes[0];
	int64_t used = (int64_t)(piece.x2 - piece.x1) * (piece.y2 - piece.y1);

	for (int i = 1; i < n; i++) {
		pixman_box32_t both = {
			piece.x1 < boxes[i].x1 ? piece.x1 : boxes[i].x1,
			piece.y1 < boxes[i].y1 ? piece.y1 : boxes[i].y1,
			piece.x2 > boxes[i].x2 ? piece.x2 : boxes[i].x2,
			piece.y2 > boxes[i].y2 ? piece.y2 : boxes[i].y2,
		};
		int64_t size = (int64_t)(both.x2 - both.x1) * (both.y2 - both.y1);
		int64_t more = used + (int64_t)(boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1);

		/* A message costs about as much as 1024 pixels. */
		if (size > most || size > more + more / 2 + 1024)
			continue;
		piece = both;
		used = more;
	}

	int64_t rows = most / (piece.x2 - piece.x1);

	if (rows < 1)
		rows = 1;
	if (piece.y2 - piece.y1 > rows)
		piece.y2 = piece.y1 + (int32_t)rows;
	return piece;
}

static void send_piece(struct clove_display *display, const pixman_box32_t *piece)
{
	int compression = display->screen->image_compression;
	pixman_region32_t sent;

	/* The VMM's "off" stands; otherwise the client knows its line best. */
	if (compression > 1 && display->preferred_compression)
		compression = display->preferred_compression;
	clove_buf_clear(&display->body);
	enum clove_err err = clove_image_draw_copy(display->screen->primary, piece,
			clove_image_codec_for(compression, clove_caps_has(&display->channel.peer_caps,
			CLOVE_DISPLAY_CAP_LZ4_COMPRESSION), display->channel.stream->is_unix), &display->body);
	if (err == CLOVE_OK)
		clove_channel_send_raw(&display->channel, CLOVE_DISPLAY_DRAW_COPY,
				clove_buf_bytes(&display->body));
	else
		clove_channel_close(&display->channel, err);
	pixman_region32_init_rect(&sent, piece->x1, piece->y1, (unsigned int)(piece->x2 - piece->x1),
			(unsigned int)(piece->y2 - piece->y1));
	pixman_region32_subtract(&display->damage, &display->damage, &sent);
	pixman_region32_subtract(&display->unseen, &display->unseen, &sent);
	pixman_region32_fini(&sent);
}

/* The first picture comes whole: there are viewers that show, or keep, what the first message brings. */
static int64_t piece_most(const struct clove_display *display)
{
	const struct clove_surface *primary = display->screen->primary;

	return display->is_marked ? PIECE_PIXELS : (int64_t)primary->width * primary->height;
}

static void show(struct clove_display *display)
{
	send_monitors(display);
	clove_channel_send(&display->channel, CLOVE_DISPLAY_MARK, NULL);
	display->is_marked = true;
	clove_buf_fini(&display->body);   /* never again so large */
}

void clove_display_flush(struct clove_display *display)
{
	struct clove_channel *channel = &display->channel;

	if (!display->has_surface)
		return;
	clove_channel_cork(channel);
	while (!channel->is_closed && pixman_region32_not_empty(&display->damage) &&
			clove_channel_may_send(channel) && clove_channel_queued(channel) < QUEUE_MOST) {
		pixman_box32_t piece = next_piece(&display->damage, piece_most(display));

		send_piece(display, &piece);
		if (clove_channel_queued(channel) >= QUEUE_MOST) {
			clove_channel_uncork(channel);
			clove_channel_cork(channel);
		}
	}
	if (!display->is_marked && !pixman_region32_not_empty(&display->unseen))
		show(display);
	clove_channel_uncork(channel);
}

static void on_writable(void *channel)
{
	clove_display_flush(channel);
}

/* -- birth and death -- */

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_display *display = channel;
	struct clove_connection *conn = display->conn;

	clove_log(INFO, "display", "client %u left: %s", conn->info.connection_id, clove_err_name(err));
	display->conn = NULL;
	display->screen->closed(display->screen->worker, display, conn);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.writable = on_writable,
	.closed = on_closed,
};

static void on_no_init(void *opaque)
{
	struct clove_display *display = opaque;

	clove_log_limited(WARN, "display", "%s: no DISPLAY_INIT for 30 s; closing",
			display->channel.stream->peer);
	clove_channel_close(&display->channel, CLOVE_ERR_STATE);
}

struct clove_display *clove_display_new(struct clove_screen *screen, struct clove_connection *conn)
{
	struct clove_display *display = calloc(1, sizeof *display);
	struct clove_channel_options options = {
		.take_stream = conn->stream,
		.loop = screen->loop,
		.type = CLOVE_CHANNEL_DISPLAY,
		.id = screen->id,
		.is_server = true,
		.mini_header = conn->mini_header,
		.peer_common = conn->info.common_caps,
		.peer_caps = conn->info.channel_caps,
		.early = clove_buf_bytes(&conn->early),
	};

	if (!display)
		return NULL;
	display->screen = screen;
	clove_list_init(&display->link);
	pixman_region32_init(&display->damage);
	pixman_region32_init(&display->unseen);
	display->init_timer = clove_timer_add(screen->loop, on_no_init, display);
	conn->stream = NULL;
	if (clove_channel_init(&display->channel, &ops, &options) != CLOVE_OK || !display->init_timer) {
		clove_display_free(display);
		return NULL;
	}
	display->conn = conn;
	clove_timer_start(screen->loop, display->init_timer, INIT_MS);
	clove_channel_start(&display->channel);
	return display;
}

void clove_display_free(struct clove_display *display)
{
	if (!display)
		return;
	clove_list_remove(&display->link);
	clove_timer_remove(display->screen->loop, display->init_timer);
	clove_channel_fini(&display->channel);
	pixman_region32_fini(&display->damage);
	pixman_region32_fini(&display->unseen);
	clove_buf_fini(&display->body);
	free(display);
}
