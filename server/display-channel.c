/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-channel.c - knows what a display client has been sent, and what it can take next. */
#include "server/display-channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "common/protocol/enums.h"
#include "server/drawable.h"

enum {
	INIT_MS = 30000,
	ACK_WINDOW = 20,
	QUEUE_MOST = 1 << 20,         /* bytes that wait for the kernel before newer pixels do */
	PIECE_LEAST = 8 << 10, PIECE_MOST = 128 << 10, /* pixels of one image, beyond the first */
	WAVE_MOST = 2 << 20,          /* pixels that are encoded before others have their turn */
	REST_MS = 300,
	ENCODER_REST_MS = 2000,       /* without an image: large buffers are given back */
	SLOW_LINE = 10000000 / 8,     /* bytes a second, below which jpeg "auto" is lossy */
	FAST_LINE = 100000000 / 8,    /* from here on pixels are kept for the client when they come again, not before */
	JPEG_QUALITY = 80,
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

/* Next door raw pixels are cheaper than what is kept. */
static void open_mirror(struct clove_display *display, int64_t pixels)
{
	struct clove_screen *screen = display->screen;

	if (pixels <= 0 || display->channel.stream->is_unix || !display->conn->images)
		return;
	if (!screen->tile_key)
		screen->tile_key = clove_tile_key_new();
	display->mirror = clove_image_mirror_new(display->conn->images, screen->tile_key, pixels);
}

static enum clove_err on_init(void *channel, const void *message)
{
	struct clove_display *display = channel;
	const struct clove_display_init *init = message;
	struct clove_glz_encoder *glz = display->conn->glz;

	if (display->is_ready)
		return CLOVE_ERR_STATE;
	if (glz && clove_glz_encoder_open(glz, init->glz_dictionary_id, init->glz_dictionary_window_size))
		display->glz = clove_glz_encoder_ref(glz);
	open_mirror(display, init->pixmap_cache_size);
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

static enum clove_err on_stream_report(void *channel, const void *message)
{
	struct clove_display *display = channel;
	enum clove_err err = display->streaming ? clove_streaming_report(display->streaming, message) : CLOVE_OK;

	if (!err && display->streaming && clove_streaming_asks_time(display->streaming, clove_now_us()))
		display->screen->clock_is_off(display->screen->worker, display->conn->info.connection_id);
	return err;
}

static enum clove_err on_preferred_video_codec_type(void *channel, const void *message)
{
	struct clove_display *display = channel;

	if (display->streaming)
		clove_streaming_prefer(display->streaming, message);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_DISPLAY_INIT, on_init },
	{ CLOVE_DISPLAY_STREAM_REPORT, on_stream_report },
	{ CLOVE_DISPLAY_PREFERRED_COMPRESSION, on_preferred_compression },
	{ CLOVE_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE, on_preferred_video_codec_type },
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
	clove_damage_clear(&display->damage);
	pixman_region32_union_rect(&display->damage.pixels, &display->damage.pixels, 0, 0, create.width,
			create.height);
}

void clove_display_surface_went(struct clove_display *display)
{
	struct clove_display_surface_destroy destroy = { 0 };

	if (display->streaming)
		clove_streaming_forget(display->streaming);
	if (display->has_surface)
		clove_channel_send(&display->channel, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	display->has_surface = false;
	clove_damage_clear(&display->damage);
}

void clove_display_monitors_changed(struct clove_display *display)
{
	if (display->is_ready && display->is_marked)
		send_monitors(display);
}

static bool is_shown(struct clove_display *display)
{
	clove_timer_stop(display->screen->loop, display->rest_timer);
	display->is_resting = display->is_rest_awaited = false;
	return display->has_surface && display->is_marked;
}

void clove_display_changed(struct clove_display *display, const pixman_region32_t *region)
{
	pixman_region32_t images;

	pixman_region32_init(&images);
	pixman_region32_copy(&images, (pixman_region32_t *)(uintptr_t)region);
	if (display->streaming)
		clove_streaming_take(display->streaming, &images, clove_now_us());
	/* Beside a video the rest of the screen may rest. */
	if (pixman_region32_not_empty(&images) && is_shown(display))
		clove_damage_add(&display->damage, &images);
	pixman_region32_fini(&images);
}

void clove_display_copied(struct clove_display *display, const pixman_box32_t *box, int32_t dx, int32_t dy)
{
	if (is_shown(display))
		clove_damage_copy(&display->damage, box, dx, dy, display->streaming ?
				clove_streaming_area(display->streaming) : NULL);
}

void clove_display_filled(struct clove_display *display, const pixman_box32_t *box, uint32_t color,
		const pixman_region32_t *changed)
{
	if (is_shown(display))
		clove_damage_fill(&display->damage, box, color, changed);
}

/* -- sending -- */

static struct clove_display_base base_of(const pixman_box32_t *box)
{
	return (struct clove_display_base){ .box = { .left = box->x1, .top = box->y1, .right = box->x2,
			.bottom = box->y2 } };
}

static void send_op(struct clove_display *display, const struct clove_damage_op *op)
{
	struct clove_display_copy_bits copy = { base_of(&op->box), { op->box.x1 - op->dx, op->box.y1 - op->dy } };
	struct clove_display_draw_fill fill = { .base = base_of(&op->box), .rop = CLOVE_ROP_PUT,
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = op->color } };

	if (op->is_copy)
		clove_channel_send(&display->channel, CLOVE_DISPLAY_COPY_BITS, &copy);
	else
		clove_channel_send(&display->channel, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

static void send_ops(struct clove_display *display)
{
	for (unsigned int i = 0; i < display->damage.n_ops; i++)
		send_op(display, &display->damage.ops[i]);
	display->damage.n_ops = 0;
}

static struct clove_encoding encoding_for(const struct clove_display *display)
{
	const struct clove_screen *screen = display->screen;
	uint64_t rate = clove_flow_rate(&display->flow);
	int compression = screen->image_compression;
	struct clove_encoding encoding = { .jpeg_quality = JPEG_QUALITY };

	/* The VMM's "off" stands; otherwise the client knows its line best. */
	if (compression > 1 && display->preferred_compression)
		compression = display->preferred_compression;
	encoding.codecs = clove_codecs_for(compression, clove_caps_has(&display->channel.peer_caps,
			CLOVE_DISPLAY_CAP_LZ4_COMPRESSION), display->channel.stream->is_unix);
	bool is_slow = rate && rate < SLOW_LINE;

	if (encoding.codecs & CLOVE_CODEC_PALETTE && is_slow)
		encoding.codecs |= CLOVE_CODEC_LZ_PLT;
	if (encoding.codecs && !display->is_resting && (screen->jpeg == 2 || (screen->jpeg == 1 && is_slow)))
		encoding.codecs |= CLOVE_CODEC_JPEG;
	if (!display->glz)
		encoding.codecs &= ~(unsigned int)CLOVE_CODEC_GLZ;
	else if (encoding.codecs & CLOVE_CODEC_GLZ) {
		encoding.glz = display->glz;
		if (screen->zlib_glz == 2 || (screen->zlib_glz == 1 && is_slow))
			encoding.codecs |= CLOVE_CODEC_ZLIB;
	}
	return encoding;
}

static int64_t pixels_of(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

/* The first picture comes whole: there are viewers that show, or keep, what the first message brings.
 * Afterwards as many pieces as are likely to find room on the line. */
static unsigned int next_pieces(struct clove_display *display, const pixman_region32_t *region,
		struct clove_piece *pieces)
{
	const struct clove_surface *primary = display->screen->primary;
	int64_t room = (int64_t)clove_flow_room(&display->flow), most, used = 0;
	unsigned int n, keep = 0;

	if (!display->is_marked) {
		pieces[0].box = (pixman_box32_t){ 0, 0, primary->width, primary->height };
		pieces[0].class = clove_class_of(primary, &pieces[0].box);
		return 1;
	}
	/* A photo takes some two bytes a pixel, anything else far less. */
	most = room / 2 < PIECE_LEAST ? PIECE_LEAST : room / 2 > PIECE_MOST ? PIECE_MOST : room / 2;
	n = clove_pieces_take(primary, region, most, &display->row, pieces);
	while (keep < n && used < room * 2 && used < 4 * (int64_t)WAVE_MOST) {
		used += pixels_of(&pieces[keep].box) * (pieces[keep].class == CLOVE_CLASS_PHOTO ? 4 : 1);
		keep++;
	}
	if (keep < n)
		display->row = pieces[keep].box.y1;
	return keep;
}

static uint64_t sent_bytes(const struct clove_display *display)
{
	return display->channel.bytes_out + clove_channel_queued(&display->channel);
}

static void ask_whether_it_came(struct clove_display *display)
{
	struct clove_ping ping = { 0 };
	uint64_t now = clove_now_us();

	clove_flow_sent(&display->flow, sent_bytes(display));
	if (clove_flow_ping(&display->flow, now, &ping.id)) {
		ping.timestamp = now;
		clove_channel_send(&display->channel, CLOVE_PING, &ping);
	}
}

static void send_gone_images(struct clove_display *display)
{
	struct clove_resource_id resources[64];
	struct clove_display_inval_list list = { 0, resources };
	size_t n;
	const uint64_t *ids = display->mirror ? clove_image_mirror_gone(display->mirror, &n) : NULL;

	for (size_t i = 0; ids && i < n; i++) {
		resources[list.count++] = (struct clove_resource_id){ CLOVE_RESOURCE_PIXMAP, ids[i] };
		if (i + 1 < n && list.count < sizeof resources / sizeof *resources)
			continue;
		clove_channel_send(&display->channel, CLOVE_DISPLAY_INVAL_LIST, &list);
		list.count = 0;
	}
}

void clove_display_forget_images(struct clove_display *display)
{
	if (!display->mirror)
		return;
	clove_image_mirror_clear(display->mirror);
	send_gone_images(display);
}

/* Whether nothing else is to be sent of the piece now. What is left of it stays damage. */
static bool send_known(struct clove_display *display, unsigned int i, bool may_be_lossy)
{
	const struct clove_known *known;
	struct clove_buf *body = &display->body;
	bool is_all;
	unsigned int n = clove_image_mirror_find(display->mirror, i, may_be_lossy, &known, &is_all);

	for (unsigned int k = 0; k < n; k++) {
		clove_buf_clear(body);
		if (clove_image_from_cache(&known[k].box, &known[k].image, known[k].id, body) != CLOVE_OK)
			return false;
		clove_channel_send_raw(&display->channel, CLOVE_DISPLAY_DRAW_COPY, clove_buf_bytes(body));
		clove_damage_sent(&display->damage, &known[k].box, known[k].is_lossy);
	}
	return n;
}

/* Sends what the client has; the pieces that are left, whose numbers in the mirror go into `looks`. The first picture
 * comes whole. */
static unsigned int send_all_known(struct clove_display *display, struct clove_piece *pieces, unsigned int n,
		bool may_be_lossy, unsigned int *looks)
{
	unsigned int left = 0;

	if (!display->mirror)
		return n;
	clove_image_mirror_look(display->mirror, clove_encoder_pool(display->screen->encoder),
			display->screen->primary, pieces, n, clove_flow_rate(&display->flow) < FAST_LINE);
	for (unsigned int i = 0; i < n; i++) {
		if (display->is_marked && send_known(display, i, may_be_lossy))
			continue;
		pieces[left] = pieces[i];
		looks[left++] = i;
	}
	return left;
}

static void send_image(struct clove_display *display, struct clove_encoded *encoded, unsigned int look)
{
	if (!encoded->is_fill) {
		clove_encoded_keep(encoded, display->mirror ? clove_image_mirror_keep(display->mirror, look,
				encoded->is_lossy, encoded->body.len) : 0);
		send_gone_images(display);
	}
	clove_channel_send_raw(&display->channel, encoded->is_fill ? CLOVE_DISPLAY_DRAW_FILL :
			CLOVE_DISPLAY_DRAW_COPY, clove_buf_bytes(&encoded->body));
}

/* As many at a time as there are threads: what is encoded leaves, and is decoded, while the next ones are. */
static void send_pieces(struct clove_display *display, const pixman_region32_t *region)
{
	struct clove_piece pieces[CLOVE_PIECES_MOST];
	struct clove_encoded *encoded[CLOVE_PIECES_MOST];
	struct clove_encoder *encoder = display->screen->encoder;
	struct clove_channel *channel = &display->channel;
	struct clove_encoding encoding = encoding_for(display);

	/* No piece is larger than all of the region; the first picture is all of the surface. */
	clove_surface_settle(display->screen->primary, display->is_marked ?
			pixman_region32_extents((pixman_region32_t *)(uintptr_t)region) : NULL);

	unsigned int n = next_pieces(display, region, pieces), looks[CLOVE_PIECES_MOST] = { 0 };
	unsigned int width = clove_job_pool_width(clove_encoder_pool(encoder)), now;

	n = send_all_known(display, pieces, n, encoding.codecs & CLOVE_CODEC_JPEG, looks);
	for (unsigned int first = 0; first < n && !channel->is_closed; first += now) {
		now = n - first < width ? n - first : width;
		clove_encoder_run(encoder, display->screen->primary, display->screen->drawings, pieces + first,
				now, encoding, encoded);
		for (unsigned int i = 0; i < now; i++) {
			if (encoded[i]->err != CLOVE_OK) {
				clove_channel_close(channel, encoded[i]->err);
				return;
			}
			send_image(display, encoded[i], looks[first + i]);
			clove_damage_sent(&display->damage, &pieces[first + i].box, encoded[i]->is_lossy);
		}
		if (first + now < n) {
			ask_whether_it_came(display);
			clove_channel_uncork(channel);
			clove_channel_cork(channel);
		}
	}
	if (clove_encoder_is_large(encoder))
		clove_timer_start(display->screen->loop, display->screen->rest_timer, ENCODER_REST_MS);
}

static void show(struct clove_display *display)
{
	send_monitors(display);
	clove_channel_send(&display->channel, CLOVE_DISPLAY_MARK, NULL);
	display->is_marked = true;
}

static bool may_send(const struct clove_display *display)
{
	const struct clove_channel *channel = &display->channel;

	return display->has_surface && !channel->is_closed && clove_channel_may_send(channel) &&
			clove_channel_queued(channel) < QUEUE_MOST && clove_flow_room(&display->flow) > 0;
}

/* What is lacking, or when nothing else is, what is lossy. NULL: nothing. */
static const pixman_region32_t *next_region(const struct clove_display *display)
{
	const struct clove_damage *damage = &display->damage;

	if (pixman_region32_not_empty((pixman_region32_t *)(uintptr_t)&damage->pixels))
		return &damage->pixels;
	if (display->is_resting && pixman_region32_not_empty((pixman_region32_t *)(uintptr_t)&damage->lossy))
		return &damage->lossy;
	return NULL;
}

/* Streams begin and end; what lies in one is no damage. */
static void follow_videos(struct clove_display *display)
{
	const struct clove_video_region *regions;
	struct clove_damage *damage = &display->damage;
	pixman_region32_t back;
	size_t n;

	if (!display->streaming || !display->screen->videos || !display->is_marked)
		return;
	regions = clove_video_regions_list(display->screen->videos, &n);
	if (!n && !pixman_region32_not_empty((pixman_region32_t *)(uintptr_t)clove_streaming_area(
			display->streaming)))
		return;
	pixman_region32_init(&back);
	clove_streaming_follow(display->streaming, regions, n, &back);
	clove_damage_add(damage, &back);
	pixman_region32_fini(&back);
	clove_streaming_take(display->streaming, &damage->pixels, clove_now_us());
	pixman_region32_subtract(&damage->lossy, &damage->lossy,
			(pixman_region32_t *)(uintptr_t)clove_streaming_area(display->streaming));
}

/* Milliseconds; -1: none is pending. */
static int until_frame(const struct clove_display *display)
{
	return display->streaming && display->is_marked ?
			clove_streaming_wait(display->streaming, clove_now_us()) : -1;
}

/* Not while more than one frame waits at the client: it would only be later there. */
static bool may_send_frame(const struct clove_display *display)
{
	return may_send(display) && !clove_flow_is_behind(&display->flow, display->frame_bytes);
}

static void send_frames(struct clove_display *display)
{
	while (until_frame(display) == 0 && may_send_frame(display)) {
		uint64_t before = sent_bytes(display);
		struct clove_pixels pixels = clove_surface_pixels(display->screen->primary);
		struct clove_streaming_line line = { clove_flow_rate(&display->flow),
				sent_bytes(display) - display->flow.arrived };

		clove_surface_settle(display->screen->primary, NULL);
		clove_streaming_send(display->streaming, &pixels, display->screen->drawings,
				&display->screen->frames, clove_encoder_pool(display->screen->encoder), line,
				clove_now_us());
		display->frame_bytes = sent_bytes(display) - before;
		clove_flow_sent(&display->flow, sent_bytes(display));
		display->screen->unsent = 0;
	}
}

bool clove_display_is_behind(const struct clove_display *display)
{
	int wait = until_frame(display);

	if (next_region(display))
		return true;
	return wait > 0 || (wait == 0 && !may_send_frame(display));
}

void clove_display_flush(struct clove_display *display)
{
	struct clove_channel *channel = &display->channel;
	const pixman_region32_t *region = NULL;
	int wait;

	if (!display->has_surface)
		return;
	clove_channel_cork(channel);
	follow_videos(display);
	if (may_send(display)) {
		send_ops(display);
		send_frames(display);
		region = next_region(display);
		if (region) {
			send_pieces(display, region);
			if (!next_region(display))
				display->screen->unsent = 0;
		}
		if (!display->is_marked)
			show(display);
	}
	ask_whether_it_came(display);
	clove_channel_uncork(channel);
	if (!next_region(display) && pixman_region32_not_empty(&display->damage.lossy) &&
			!display->is_resting && !display->is_rest_awaited) {
		clove_timer_start(display->screen->loop, display->rest_timer, REST_MS);
		display->is_rest_awaited = true;
	}
	if (region && next_region(display))
		wait = may_send(display) ? 0 : -1;
	else if (!(wait = until_frame(display)) && !may_send_frame(display))
		wait = -1;
	if (wait >= 0 && may_send(display))
		clove_timer_start(display->screen->loop, display->more_timer, (uint32_t)wait);
}

/* It could not be sent more before. What of a picture is left goes out before there is a newer one. */
static void go_on(struct clove_display *display)
{
	if (may_send(display) && !next_region(display))
		display->screen->catch_up(display->screen->worker);
	clove_display_flush(display);
}

static void on_more(void *opaque)
{
	go_on(opaque);
}

static void on_rest(void *opaque)
{
	struct clove_display *display = opaque;

	display->is_resting = true;
	display->is_rest_awaited = false;
	clove_display_flush(display);
}

static void on_writable(void *channel)
{
	go_on(channel);
}

static void on_pong(void *channel, uint32_t id, uint64_t timestamp)
{
	struct clove_display *display = channel;

	(void)timestamp;
	clove_flow_pong(&display->flow, id, clove_now_us());
	go_on(display);
}

/* -- birth and death -- */

/* What was queued is lost; images of the client's other displays may refer to it. */
static void let_go_of_glz(struct clove_display *display)
{
	if (display->glz)
		clove_glz_encoder_close(display->glz);
	clove_glz_encoder_unref(display->glz);
	display->glz = NULL;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_display *display = channel;
	struct clove_connection *conn = display->conn;

	clove_log(INFO, "display", "client %u left: %s", conn->info.connection_id, clove_err_name(err));
	let_go_of_glz(display);
	display->conn = NULL;
	display->screen->closed(display->screen->worker, display, conn);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.writable = on_writable,
	.pong = on_pong,
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
	struct clove_channel_options options = clove_connection_options(conn, screen->loop);

	if (!display)
		return NULL;
	display->screen = screen;
	clove_list_init(&display->link);
	clove_damage_init(&display->damage);
	display->init_timer = clove_timer_add(screen->loop, on_no_init, display);
	display->more_timer = clove_timer_add(screen->loop, on_more, display);
	display->rest_timer = clove_timer_add(screen->loop, on_rest, display);
	conn->stream = NULL;
	if (clove_channel_init(&display->channel, &ops, &options) != CLOVE_OK || !display->init_timer ||
			!display->more_timer || !display->rest_timer) {
		clove_display_free(display);
		return NULL;
	}
	/* Next door raw pixels are cheaper than frames. */
	if (!display->channel.stream->is_unix)
		display->streaming = clove_streaming_new(&display->channel);
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
	let_go_of_glz(display);
	clove_image_mirror_free(display->mirror);
	clove_buf_fini(&display->body);
	clove_timer_remove(display->screen->loop, display->init_timer);
	clove_timer_remove(display->screen->loop, display->more_timer);
	clove_timer_remove(display->screen->loop, display->rest_timer);
	clove_streaming_free(display->streaming);
	clove_channel_fini(&display->channel);
	clove_damage_fini(&display->damage);
	free(display);
}
