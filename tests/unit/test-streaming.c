/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-streaming.c - one client's streams as it hears of them. */
#include <check.h>
#include <stdlib.h>
#include "common/codec/jpeg.h"
#include "common/protocol/enums.h"
#include "server/streaming.h"
#include "tests/unit/net-fixture.h"

enum { W = 640, H = 480, MS = 1000, START = 5000000 };

/* What the client heard last of each kind, and how often. */
struct heard {
	struct clove_channel channel;     /* first, so that a channel is one */
	char order[256];                  /* a letter a message */
	size_t n;
	struct clove_display_stream_create create;
	struct clove_display_stream_data data;
	struct clove_display_stream_data_sized sized;
	struct clove_display_stream_activate_report activate;
	struct clove_rect clip[8];
	uint32_t n_clip, destroyed;
	int32_t frame_width, frame_height;
};

static void note(struct heard *heard, char letter)
{
	if (heard->n < sizeof heard->order - 1)
		heard->order[heard->n++] = letter;
}

static void note_clip(struct heard *heard, const struct clove_clip *clip)
{
	ck_assert_uint_eq(clip->type, CLOVE_CLIP_RECTS);
	heard->n_clip = clip->num_rects;
	for (uint32_t i = 0; i < clip->num_rects && i < 8; i++)
		heard->clip[i] = clip->rects[i];
}

static void note_frame(struct heard *heard, struct clove_bytes data)
{
	struct clove_image_info info;

	ck_assert_int_eq(clove_jpeg_probe(data, &info), CLOVE_OK);
	heard->frame_width = info.width;
	heard->frame_height = info.height;
}

static enum clove_err on_create(void *channel, const void *message)
{
	struct heard *heard = channel;

	heard->create = *(const struct clove_display_stream_create *)message;
	note_clip(heard, &heard->create.clip);
	note(heard, 'C');
	return CLOVE_OK;
}

static enum clove_err on_data(void *channel, const void *message)
{
	struct heard *heard = channel;

	heard->data = *(const struct clove_display_stream_data *)message;
	note_frame(heard, heard->data.data);
	note(heard, 'f');
	return CLOVE_OK;
}

static enum clove_err on_sized(void *channel, const void *message)
{
	struct heard *heard = channel;

	heard->sized = *(const struct clove_display_stream_data_sized *)message;
	note_frame(heard, heard->sized.data);
	note(heard, 's');
	return CLOVE_OK;
}

static enum clove_err on_clip(void *channel, const void *message)
{
	note_clip(channel, &((const struct clove_display_stream_clip *)message)->clip);
	note(channel, 'c');
	return CLOVE_OK;
}

static enum clove_err on_destroy(void *channel, const void *message)
{
	((struct heard *)channel)->destroyed = ((const struct clove_display_stream_destroy *)message)->id;
	note(channel, 'D');
	return CLOVE_OK;
}

static enum clove_err on_destroy_all(void *channel, const void *message)
{
	(void)message;
	note(channel, 'A');
	return CLOVE_OK;
}

static enum clove_err on_activate(void *channel, const void *message)
{
	((struct heard *)channel)->activate = *(const struct clove_display_stream_activate_report *)message;
	note(channel, 'r');
	return CLOVE_OK;
}

static void on_closed(void *channel, enum clove_err err)
{
	(void)err;
	note(channel, 'X');
}

static const struct clove_handler handlers[] = {
	{ CLOVE_DISPLAY_STREAM_CREATE, on_create }, { CLOVE_DISPLAY_STREAM_DATA, on_data },
	{ CLOVE_DISPLAY_STREAM_DATA_SIZED, on_sized }, { CLOVE_DISPLAY_STREAM_CLIP, on_clip },
	{ CLOVE_DISPLAY_STREAM_DESTROY, on_destroy }, { CLOVE_DISPLAY_STREAM_DESTROY_ALL, on_destroy_all },
	{ CLOVE_DISPLAY_STREAM_ACTIVATE_REPORT, on_activate }, { 0, NULL },
};
static const struct clove_channel_ops ops = { .handlers = handlers, .closed = on_closed };

static struct clove_loop *loop;
static struct clove_channel server;
static struct heard heard;
static struct clove_streaming *streaming;
static struct clove_pixels screen;
static struct clove_video_region regions[2];
static struct clove_streaming_frames frames;
static uint64_t drawings;
static pixman_region32_t back;
static uint64_t now;

static void set_up_with(uint32_t caps)
{
	struct clove_stream *ends[2];

	net_pair(ends);
	loop = clove_poll_loop_new();
	memset(&server, 0, sizeof server);
	memset(&heard, 0, sizeof heard);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(clove_channel_init(i ? &heard.channel : &server, &ops,
				&(struct clove_channel_options){ .take_stream = ends[i], .loop = loop,
				.type = CLOVE_CHANNEL_DISPLAY, .is_server = !i, .mini_header = true,
				.peer_caps = { { caps } } }), CLOVE_OK);
	clove_channel_start(&server);
	clove_channel_start(&heard.channel);
	streaming = clove_streaming_new(&server);
	ck_assert_ptr_nonnull(streaming);
	screen = (struct clove_pixels){ calloc(H, W * 4), W, H, W * 4, CLOVE_FORMAT_RGB32 };
	for (int i = 0; i < 2; i++) {
		int32_t x = i * 300;

		regions[i] = (struct clove_video_region){ .id = (uint32_t)i + 1, .box = { x, 20, x + 200, 140 },
				.serial = 1, .interval_ms = 33 };
		pixman_region32_init_rect(&regions[i].clip, x, 20, 200, 120);
	}
	pixman_region32_init(&back);
	now = START;
}

static void set_up(void)
{
	set_up_with(1 << CLOVE_DISPLAY_CAP_SIZED_STREAM | 1 << CLOVE_DISPLAY_CAP_STREAM_REPORT);
}

static void tear_down(void)
{
	clove_streaming_free(streaming);
	clove_streaming_frames_fini(&frames);
	clove_channel_fini(&server);
	clove_channel_fini(&heard.channel);
	clove_poll_loop_free(loop);
	for (int i = 0; i < 2; i++)
		pixman_region32_fini(&regions[i].clip);
	pixman_region32_fini(&back);
	free(screen.data);
}

static const char *hear(void)
{
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(loop, 0);
	return heard.order;
}

static void follow(size_t n)
{
	clove_streaming_follow(streaming, regions, n, &back);
}

/* Pixels that no frame brings. */
static int64_t change(int32_t x1, int32_t y1, int32_t x2, int32_t y2)
{
	pixman_region32_t region;
	int64_t left = 0;
	int n;

	pixman_region32_init_rect(&region, x1, y1, (unsigned int)(x2 - x1), (unsigned int)(y2 - y1));
	clove_streaming_take(streaming, &region, now);
	const pixman_box32_t *boxes = pixman_region32_rectangles(&region, &n);
	for (int i = 0; i < n; i++)
		left += (int64_t)(boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1);
	pixman_region32_fini(&region);
	return left;
}

static void send_line(uint64_t rate, uint64_t away)
{
	clove_streaming_send(streaming, &screen, ++drawings, &frames, NULL,
			(struct clove_streaming_line){ rate, away }, now);
}

/* However long this machine took to encode the last one. */
static void send_changed(uint64_t rate, uint64_t away)
{
	int wait;

	ck_assert_int_eq(change(0, 20, 200, 140), 0);
	wait = clove_streaming_wait(streaming, now);
	ck_assert_int_ge(wait, 0);
	now += (uint64_t)wait * MS;
	ck_assert_int_eq(clove_streaming_wait(streaming, now), 0);
	send_line(rate, away);
}

static void frame(void)
{
	now += 33 * MS;
	send_changed(0, 0);
}

static const struct { const char *why; uint32_t caps; const char *want; } clients[] = {
	{ "no capability",        0, "C" },
	{ "reports",              1 << CLOVE_DISPLAY_CAP_STREAM_REPORT, "Cr" },
	{ "MJPEG among others",   1 << CLOVE_DISPLAY_CAP_MULTI_CODEC | 1 << CLOVE_DISPLAY_CAP_CODEC_MJPEG |
			1 << CLOVE_DISPLAY_CAP_CODEC_VP8, "C" },
	{ "others only",          1 << CLOVE_DISPLAY_CAP_MULTI_CODEC | 1 << CLOVE_DISPLAY_CAP_CODEC_VP8, "" },
};

START_TEST(test_streaming_begins_as_the_client_can)
{
	set_up_with(clients[_i].caps);
	follow(1);
	ck_assert_str_eq(hear(), clients[_i].want);
	if (*clients[_i].want) {
		ck_assert_uint_eq(heard.create.codec, CLOVE_VIDEO_CODEC_MJPEG);
		ck_assert_uint_eq(heard.create.flags, CLOVE_STREAM_TOP_DOWN);
		ck_assert_uint_eq(heard.create.stream_width, 200);
		ck_assert_uint_eq(heard.create.src_height, 120);
		ck_assert_int_eq(heard.create.dest.bottom, 140);
		ck_assert_uint_lt(heard.create.id, 50);
		ck_assert_uint_eq(heard.n_clip, 1);
	} else {
		ck_assert_int_eq(change(0, 20, 200, 140), 200 * 120);
	}
	tear_down();
}
END_TEST

START_TEST(test_streaming_takes_its_area_and_no_more)
{
	follow(1);
	ck_assert_int_eq(clove_streaming_wait(streaming, now), -1);
	ck_assert_int_eq(change(300, 0, 400, 100), 100 * 100);
	ck_assert_int_eq(clove_streaming_wait(streaming, now), -1);
	ck_assert_int_eq(change(0, 0, 210, 140), 210 * 140 - 200 * 120);
	ck_assert_int_eq(clove_streaming_wait(streaming, now), 0);
	send_line(0, 0);
	ck_assert_int_eq(clove_streaming_wait(streaming, now), -1);
	ck_assert_str_eq(hear(), "Crf");
	ck_assert_int_eq(heard.frame_width, 200);
	ck_assert_int_eq(heard.frame_height, 120);
	ck_assert_uint_eq(heard.data.id, heard.create.id);
}
END_TEST

/* Columns: one frame when all are there, or when they took too long. */
START_TEST(test_streaming_waits_for_the_rest_of_a_picture)
{
	follow(1);
	for (int32_t x = 0; x < 96; x += 32)
		change(x, 20, x + 32, 140);
	ck_assert_int_gt(clove_streaming_wait(streaming, now), 0);
	now += 2 * MS;
	for (int32_t x = 96; x < 200; x += 32)
		change(x, 20, x + 32, 140);
	ck_assert_int_eq(clove_streaming_wait(streaming, now), 0);
	send_line(0, 0);
	now += 10000 * MS;
	change(0, 20, 32, 140);
	int wait = clove_streaming_wait(streaming, now);
	ck_assert_int_gt(wait, 0);
	ck_assert_int_le(wait, 12);
	now += (uint64_t)wait * MS;
	ck_assert_int_eq(clove_streaming_wait(streaming, now), 0);
}
END_TEST

START_TEST(test_streaming_ends_with_its_region)
{
	follow(2);
	frame();
	follow(1);
	ck_assert_str_eq(hear(), "CrCrfD");
	ck_assert_int_eq(pixman_region32_extents(&back)->x1, 300);
	ck_assert_int_eq(pixman_region32_extents(&back)->x2, 500);
	ck_assert_int_eq(change(300, 20, 500, 140), 200 * 120);
	pixman_region32_clear(&back);
	follow(0);
	ck_assert_int_eq(pixman_region32_extents(&back)->x2, 200);
	ck_assert_str_eq(hear(), "CrCrfDD");
	ck_assert_int_eq(clove_streaming_wait(streaming, now + 100 * MS), -1);
}
END_TEST

START_TEST(test_streaming_ends_with_the_surface)
{
	follow(2);
	clove_streaming_forget(streaming);
	clove_streaming_forget(streaming);
	ck_assert_str_eq(hear(), "CrCrA");
	ck_assert_int_eq(change(0, 20, 200, 140), 200 * 120);
}
END_TEST

START_TEST(test_streaming_clip_goes_before_what_is_drawn)
{
	pixman_region32_t hole;

	follow(1);
	pixman_region32_init_rect(&hole, 64, 64, 64, 64);
	pixman_region32_subtract(&regions[0].clip, &regions[0].clip, &hole);
	regions[0].serial++;
	follow(1);
	follow(1);
	ck_assert_str_eq(hear(), "Crc");
	ck_assert_uint_eq(heard.n_clip, 4);
	ck_assert_int_eq(pixman_region32_extents(&back)->x1, 64);
	ck_assert_int_eq(pixman_region32_extents(&back)->x2, 128);
	ck_assert_int_eq(change(64, 64, 128, 128), 64 * 64);
	pixman_region32_fini(&hole);
}
END_TEST

static void move_region(void)
{
	regions[0].box = (pixman_box32_t){ 0, 20, 250, 180 };
	regions[0].serial++;
	pixman_region32_fini(&regions[0].clip);
	pixman_region32_init_rect(&regions[0].clip, 0, 20, 250, 160);
	follow(1);
	now += 10000 * MS;
	change(0, 20, 250, 180);
	send_line(0, 0);
}

START_TEST(test_streaming_sends_sized_frames)
{
	follow(1);
	move_region();
	ck_assert_str_eq(hear(), "Crcs");
	ck_assert_uint_eq(heard.sized.width, 250);
	ck_assert_uint_eq(heard.sized.height, 160);
	ck_assert_int_eq(heard.sized.dest.bottom, 180);
	ck_assert_int_eq(heard.frame_width, 250);
	ck_assert(!pixman_region32_not_empty(&back));
}
END_TEST

START_TEST(test_streaming_begins_anew_for_clients_without_sizes)
{
	uint32_t id;

	set_up_with(0);
	follow(1);
	hear();
	id = heard.create.id;
	move_region();
	ck_assert_str_eq(hear(), "CDCf");
	ck_assert_uint_eq(heard.destroyed, id);
	ck_assert_uint_ne(heard.create.id, id);
	ck_assert_uint_eq(heard.create.stream_width, 250);
	tear_down();
}
END_TEST

static void report(int32_t early, uint32_t drops, uint32_t audio)
{
	struct clove_display_stream_report message = { .stream_id = heard.activate.stream_id,
			.unique_id = heard.activate.unique_id, .num_frames = 5, .num_drops = drops,
			.last_frame_delay = early, .audio_delay = audio };

	ck_assert_int_eq(clove_streaming_report(streaming, &message), CLOVE_OK);
}

/* A client whose clock differs by some constant, and that tells how early frames come. */
static const struct { const char *why; int32_t differs, jumps; uint32_t audio; } clocks[] = {
	{ "behind by what INIT took", -8, 0, UINT32_MAX },
	{ "the same",                  0, 0, UINT32_MAX },
	{ "ahead: frames were late", 200, 0, UINT32_MAX },
	{ "0.15 takes 400 off",     -400, 0, UINT32_MAX },
	{ "set while it runs",         0, 150, UINT32_MAX },
};

START_TEST(test_streaming_dates_frames_for_the_clients_clock)
{
	uint32_t last = 0;
	int32_t early = 0;

	follow(1);
	for (int n = 0; n < 200; n++) {
		frame();
		hear();
		ck_assert_uint_ne(heard.data.mm_time, 0);
		ck_assert(!last || (int32_t)(heard.data.mm_time - last) > 0);
		last = heard.data.mm_time;
		int32_t differs = clocks[_i].differs + (n > 100 ? clocks[_i].jumps : 0);
		early = (int32_t)(heard.data.mm_time - ((uint32_t)(now / 1000) + (uint32_t)differs));
		heard.n = 0;
		if (n % 5 == 4)
			report(early, early < 0 ? 5 : 0, clocks[_i].audio);
	}
	ck_assert_msg(early >= 5 && early <= 45, "%s: %d ms early", clocks[_i].why, early);
}
END_TEST

/* Beyond what dates make up for the client is told the time. Its clock then is ours again. */
static const struct { const char *why; int32_t differs, drifts; uint32_t audio; int told; } strangers[] = {
	{ "our machine slept for an hour",          3600000,   0, UINT32_MAX, 1 },
	{ "the client's did",                      -3600000,   0, UINT32_MAX, 1 },
	{ "half a second more than can be made up",    1000,   0, UINT32_MAX, 1 },
	{ "they go apart, slowly",                        0,   3, UINT32_MAX, 1 },
	{ "0.15 takes 400 off",                        -400,   0, UINT32_MAX, 0 },
	{ "the same",                                     0,   0, UINT32_MAX, 0 },
	{ "the sound's clock is nobody's to set",   3600000,   0, 200,        0 },
};

START_TEST(test_streaming_asks_for_the_time)
{
	int32_t differs = strangers[_i].differs, early = 0;
	int told = 0;

	follow(1);
	for (int n = 0; n < 250; n++) {
		frame();
		hear();
		differs += told ? 0 : strangers[_i].drifts;
		early = (int32_t)(heard.data.mm_time - ((uint32_t)(now / 1000) + (uint32_t)differs));
		heard.n = 0;
		if (n % 5 == 4)
			report(early, early < 0 ? 5 : 0, strangers[_i].audio);
		if (clove_streaming_asks_time(streaming, now)) {
			told++;
			differs = 0;
		}
	}
	ck_assert_msg(told == strangers[_i].told, "%s: told %d times", strangers[_i].why, told);
	ck_assert_msg(strangers[_i].audio != UINT32_MAX || (early >= 5 && early <= 45), "%s: %d ms early",
			strangers[_i].why, early);
}
END_TEST

START_TEST(test_streaming_does_not_outrun_the_sound)
{
	follow(1);
	for (int n = 0; n < 100; n++) {
		frame();
		hear();
		heard.n = 0;
		if (n % 5 == 4)
			report(200, 0, 200);
	}
	ck_assert_int_ge((int32_t)(heard.data.mm_time - (uint32_t)(now / 1000)), 0);
}
END_TEST

START_TEST(test_streaming_frames_that_fly_longer_are_dated_later)
{
	uint32_t near_time;

	follow(1);
	frame();
	hear();
	near_time = heard.data.mm_time - (uint32_t)(now / 1000);
	now += 33 * MS;
	send_changed(1000000, 100000);
	hear();
	ck_assert_uint_ge(heard.data.mm_time - (uint32_t)(now / 1000), near_time + 100);
}
END_TEST

START_TEST(test_streaming_stops_where_it_cannot_be_decoded)
{
	struct clove_display_stream_report none = { .stream_id = 7 }, cannot = { .num_drops = UINT32_MAX };

	follow(1);
	hear();
	ck_assert_int_eq(clove_streaming_report(streaming, &none), CLOVE_OK);
	none.stream_id = 50;
	ck_assert_int_ne(clove_streaming_report(streaming, &none), CLOVE_OK);
	cannot.stream_id = heard.activate.stream_id;
	cannot.unique_id = heard.activate.unique_id + 1;
	ck_assert_int_eq(clove_streaming_report(streaming, &cannot), CLOVE_OK);
	follow(1);
	ck_assert_str_eq(hear(), "Cr");
	cannot.unique_id--;
	ck_assert_int_eq(clove_streaming_report(streaming, &cannot), CLOVE_OK);
	follow(1);
	ck_assert_str_eq(hear(), "CrD");
	ck_assert_int_eq(change(0, 20, 200, 140), 200 * 120);
}
END_TEST

/* A second client on a line like the first one's, and one on a slow one. */
START_TEST(test_streaming_clients_share_frames)
{
	struct clove_streaming *other = clove_streaming_new(&server);
	static const uint64_t rates[] = { 0, 1000 };
	struct clove_streaming_counts counts;
	pixman_region32_t region;

	clove_streaming_follow(other, regions, 1, &back);
	follow(1);
	for (int i = 0; i < 2; i++) {
		frame();
		pixman_region32_init_rect(&region, 0, 20, 200, 120);
		clove_streaming_take(other, &region, now);
		pixman_region32_fini(&region);
		clove_streaming_send(other, &screen, drawings, &frames, NULL,
				(struct clove_streaming_line){ rates[i], 0 }, now + 1000 * MS);
		now += 2000 * MS;
		clove_streaming_count(other, &counts);
		ck_assert_uint_eq(counts.frames, (uint64_t)i + 1);
		ck_assert_uint_eq(counts.shared, 1);
	}
	clove_streaming_free(other);
}
END_TEST

/* A surface that no encoder takes: images again, and no loop meanwhile. */
START_TEST(test_streaming_gives_up_what_it_cannot_encode)
{
	follow(1);
	screen.format = CLOVE_FORMAT_A8;
	now += 33 * MS;
	send_changed(0, 0);
	ck_assert_int_eq(clove_streaming_wait(streaming, now + 1000 * MS), -1);
	follow(1);
	ck_assert_str_eq(hear(), "CrD");
	ck_assert_int_eq(pixman_region32_extents(&back)->x2, 200);
	ck_assert_int_eq(change(0, 20, 200, 140), 200 * 120);
}
END_TEST

/* A line of 60 KB/s: frames shrink until they fit. */
START_TEST(test_streaming_frames_fit_the_line)
{
	struct clove_streaming_counts free_line, slow;

	for (int32_t y = 0; y < H; y++)
		for (int32_t x = 0; x < W * 4; x++)
			clove_pixels_row(&screen, y)[x] = (uint8_t)(x / 8 + y / 2 + (x * y) % 12);
	follow(1);
	for (int n = 0; n < 20; n++)
		frame();
	clove_streaming_count(streaming, &free_line);
	for (int n = 0; n < 20; n++) {
		now += 33 * MS;
		send_changed(60000, 0);
		hear();
	}
	clove_streaming_count(streaming, &slow);
	ck_assert_int_lt(slow.quality, free_line.quality);
	ck_assert_uint_eq(slow.frames, 40);
}
END_TEST

START_TEST(test_streaming_preference_keeps_to_what_there_is)
{
	uint8_t h264 = CLOVE_VIDEO_CODEC_H264, both[] = { CLOVE_VIDEO_CODEC_VP8, CLOVE_VIDEO_CODEC_MJPEG };
	struct clove_display_preferred_video_codec_type one = { 1, CLOVE_BYTES(&h264, 1) };
	struct clove_display_preferred_video_codec_type two = { 2, CLOVE_BYTES(both, 2) };

	clove_streaming_prefer(streaming, &one);
	clove_streaming_prefer(streaming, &two);
	follow(1);
	hear();
	ck_assert_uint_eq(heard.create.codec, CLOVE_VIDEO_CODEC_MJPEG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("streaming");
	TCase *rows = tcase_create("rows"), *tests = tcase_create("tests");

	tcase_add_loop_test(rows, test_streaming_begins_as_the_client_can, 0,
			(int)(sizeof clients / sizeof *clients));
	tcase_add_test(rows, test_streaming_begins_anew_for_clients_without_sizes);
	suite_add_tcase(suite, rows);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_streaming_takes_its_area_and_no_more);
	tcase_add_test(tests, test_streaming_waits_for_the_rest_of_a_picture);
	tcase_add_test(tests, test_streaming_ends_with_its_region);
	tcase_add_test(tests, test_streaming_ends_with_the_surface);
	tcase_add_test(tests, test_streaming_clip_goes_before_what_is_drawn);
	tcase_add_test(tests, test_streaming_sends_sized_frames);
	tcase_add_loop_test(tests, test_streaming_dates_frames_for_the_clients_clock, 0,
			(int)(sizeof clocks / sizeof *clocks));
	tcase_add_loop_test(tests, test_streaming_asks_for_the_time, 0, sizeof strangers / sizeof *strangers);
	tcase_add_test(tests, test_streaming_does_not_outrun_the_sound);
	tcase_add_test(tests, test_streaming_frames_that_fly_longer_are_dated_later);
	tcase_add_test(tests, test_streaming_stops_where_it_cannot_be_decoded);
	tcase_add_test(tests, test_streaming_clients_share_frames);
	tcase_add_test(tests, test_streaming_gives_up_what_it_cannot_encode);
	tcase_add_test(tests, test_streaming_frames_fit_the_line);
	tcase_add_test(tests, test_streaming_preference_keeps_to_what_there_is);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
