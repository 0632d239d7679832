/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-display-images.c - a client that keeps images shows the screen, and is sent little of what it has. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/display-channel.h"
#include "tests/unit/shown-fixture.h"

enum { W = 700, H = 500, CACHE = 20 << 20, ACKS = 20 };

static uint32_t pixels[H][W];
static struct clove_surface surface;
static struct clove_screen screen;
static struct clove_image_budget *budget;

struct client {
	int fd;
	struct clove_display *display;
	uint32_t picture[H][W];
	struct shown shown;
	struct clove_buf in;
	uint32_t until_ack;
	unsigned int bad;
	uint64_t bytes;
};

static void closed(void *worker, struct clove_display *display, struct clove_connection *conn)
{
	(void)worker;
	(void)display;
	clove_connection_free(conn);
}

/* All that is drawn is told at once. */
static void no_catching_up(void *worker)
{
	(void)worker;
}

static void no_rest(void *opaque)
{
	(void)opaque;
}

static void set_up(void)
{
	surface = (struct clove_surface){ .info = { .format = CLOVE_SURFACE_32_xRGB }, .width = W, .height = H,
			.bytes_per_pixel = 4, .data = (uint8_t *)pixels, .stride = W * 4 };
	memset(pixels, 0, sizeof pixels);
	screen = (struct clove_screen){ .loop = clove_poll_loop_new(), .primary = &surface, .drawings = 1,
			.encoder = clove_encoder_new(), .image_compression = 2, .jpeg = 3, .zlib_glz = 3,
			.closed = closed, .catch_up = no_catching_up };
	screen.rest_timer = clove_timer_add(screen.loop, no_rest, NULL);
	budget = clove_image_budget_new();
}

static void tear_down(void)
{
	clove_timer_remove(screen.loop, screen.rest_timer);
	clove_encoder_free(screen.encoder);
	clove_tile_key_free(screen.tile_key);
	clove_poll_loop_free(screen.loop);
	clove_image_budget_unref(budget);
}

static void say(struct client *client, uint16_t id, const void *body, uint32_t size)
{
	uint8_t message[64];

	clove_put_le16(message, id);
	clove_put_le32(message + 2, size);
	memcpy(message + 6, body, size);
	ck_assert_int_eq(send(client->fd, message, 6 + size, MSG_NOSIGNAL), 6 + (int)size);
}

static void join(struct client *client, int64_t cache)
{
	struct clove_connection *conn = calloc(1, sizeof *conn);
	uint8_t init[14] = { 1 };
	int fds[2];

	memset(client, 0, sizeof *client);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	conn->stream = clove_socket_stream_new(fds[0], 0);
	conn->stream->is_unix = false; /* as if over the network */
	conn->mini_header = true;
	conn->info.channel_type = CLOVE_CHANNEL_DISPLAY;
	conn->images = clove_image_budget_ref(budget);
	client->fd = fds[1];
	client->shown = (struct shown){ &client->picture[0][0], W, H };
	client->display = clove_display_new(&screen, conn);
	ck_assert_ptr_nonnull(client->display);
	clove_put_le64(init + 1, (uint64_t)cache);
	say(client, 101, init, sizeof init);
}

static void leave(struct client *client)
{
	clove_connection_free(client->display->conn);
	clove_display_free(client->display);
	close(client->fd);
	while (client->shown.images)
		ck_assert(drop_image(&client->shown, client->shown.images->id));
	clove_buf_fini(&client->in);
}

static void take_message(struct client *client, uint16_t id, const uint8_t *body, uint32_t size)
{
	if (id == 3) {
		say(client, 1, body, 4);
		client->until_ack = clove_le32(body + 4);
	} else if (client->until_ack && --client->until_ack == 0) {
		say(client, 2, body, 0);
		client->until_ack = ACKS;
	}
	if (id == 4)
		say(client, 3, body, 12);
	if (id == 105 ? !drop_images(&client->shown, body, size) : is_drawing(id) &&
			!show(&client->shown, id, body, size))
		client->bad++;
	/* at no time more than it offered, if that is what the test is about */
	ck_assert_int_le(client->shown.kept, CACHE);
}

static bool take_bytes(struct client *client)
{
	uint8_t *room = clove_buf_reserve(&client->in, 1 << 16);
	ssize_t n = recv(client->fd, room, 1 << 16, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	client->in.len += (size_t)n;
	client->bytes += (uint64_t)n;
	while (client->in.len >= 6 && client->in.len - 6 >= clove_le32(client->in.data + 2)) {
		uint32_t size = clove_le32(client->in.data + 2);

		take_message(client, clove_le16(client->in.data), client->in.data + 6, size);
		clove_buf_consume(&client->in, 6 + (size_t)size);
	}
	return true;
}

static bool equals(const struct client *client)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if ((client->picture[y][x] ^ pixels[y][x]) & 0xffffff)
				return false;
	return true;
}

/* Bytes until the client shows the screen, and says no more about it. */
static uint64_t settle(struct client *client)
{
	uint64_t before = client->bytes, give_up = clove_now_ms() + 20000;
	int quiet = 0;

	while (clove_now_ms() < give_up && quiet < 3) {
		clove_poll_loop_step(screen.loop, 1);
		quiet = take_bytes(client) ? 0 : quiet + (!pixman_region32_not_empty(&client->display->damage.pixels) &&
				!pixman_region32_not_empty(&client->display->damage.lossy));
	}
	ck_assert_uint_eq(client->bad, 0);
	ck_assert(!client->display->channel.is_closed);
	ck_assert(equals(client));
	return client->bytes - before;
}

static void changed(struct client *client, pixman_box32_t box)
{
	pixman_region32_t region;

	screen.drawings++;
	pixman_region32_init_with_extents(&region, &box);
	clove_display_changed(client->display, &region);
	pixman_region32_fini(&region);
	clove_display_flush(client->display);
}

/* A photograph of its own for each number; 0x80 and more: text. */
static void paint(unsigned int picture, pixman_box32_t box)
{
	uint32_t seed = picture * 2654435761u + 7;

	for (int y = box.y1; y < box.y2; y++)
		for (int x = box.x1; x < box.x2; x++) {
			seed = seed * 1664525 + 1013904223;
			if (picture & 0x80)
				pixels[y][x] = seed >> 29 ? 0xffffff : seed >> 28 & 1 ? 0 : picture;
			else
				pixels[y][x] = ((uint32_t)x / 3 + (seed >> 29)) << 16 | ((uint32_t)y / 2 +
						picture + (seed >> 27 & 3)) << 8 | (seed >> 24 & 7);
		}
}

static const pixman_box32_t all = { 0, 0, W, H };

static uint64_t show_picture(struct client *client, unsigned int picture, pixman_box32_t box)
{
	paint(picture, box);
	changed(client, box);
	return settle(client);
}

/* As often as it takes on the fastest line. */
static void teach(struct client *client, unsigned int a, unsigned int b)
{
	for (int i = 0; i < 2; i++) {
		show_picture(client, a, all);
		show_picture(client, b, all);
	}
}

START_TEST(test_a_screen_that_comes_again_costs_little)
{
	static struct client client;
	uint64_t first;

	paint(1, all);
	join(&client, CACHE);
	settle(&client);
	ck_assert_int_eq(client.shown.kept, W * H);
	first = show_picture(&client, 2, all);
	ck_assert_uint_gt(first, 100000);
	teach(&client, 1, 2);
	for (int i = 0; i < 6; i++) {
		unsigned int before = client.shown.types[103];

		ck_assert_uint_lt(show_picture(&client, i % 2 ? 2 : 1, all), 4000);
		ck_assert_uint_gt(client.shown.types[103], before);
	}
	/* a window of another size over it, and away */
	pixman_box32_t window = { 33, 47, 590, 420 };
	ck_assert_uint_gt(show_picture(&client, 3, window), 10000);
	paint(2, all);
	changed(&client, window);
	ck_assert_uint_lt(settle(&client), 4000);
	/* one pixel is another: it is shown */
	paint(1, all);
	pixels[300][300] ^= 0x10101;
	changed(&client, all);
	ck_assert_uint_lt(settle(&client), first / 3);
	leave(&client);
}
END_TEST

/* Screens of text, too. */
START_TEST(test_text_that_comes_again_costs_little)
{
	static struct client client;

	join(&client, CACHE);
	settle(&client);
	ck_assert_uint_gt(show_picture(&client, 0x81, all), 20000);
	ck_assert_uint_gt(show_picture(&client, 0x82, all), 20000);
	teach(&client, 0x81, 0x82);
	ck_assert_uint_lt(show_picture(&client, 0x81, all), 4000);
	ck_assert_uint_lt(show_picture(&client, 0x82, all), 4000);
	leave(&client);
}
END_TEST

/* Whatever a client offers, it is right, and asked to keep no more. In a small cache there is room for the small
 * pieces that a slow line is given; how fast this one seems is up to the machine. */
static const struct { int64_t cache; enum { NOTHING, MAYBE, SOMETHING } keeps; } offers[] = {
	{ 0, NOTHING }, { -1, NOTHING }, { INT64_MIN, NOTHING }, { 1, NOTHING }, { 6000, NOTHING },
	{ W * H / 8, MAYBE }, { 2 * W * H, SOMETHING }, { 5 * W * H / 2, SOMETHING }, { INT64_MAX, SOMETHING },
};

START_TEST(test_any_offer_is_right)
{
	static struct client client;
	static const pixman_box32_t boxes[] = { { 0, 0, W, H }, { 0, 0, 333, H }, { 101, 99, 600, 400 }, { 5, 300, 690, 470 } };
	uint32_t seed = 5;

	join(&client, offers[_i].cache);
	settle(&client);
	for (int i = 0; i < 24; i++) {
		seed = seed * 1664525 + 1013904223;
		show_picture(&client, 1 + (seed >> 28) % 6, boxes[seed >> 24 & 3]);
		ck_assert(client.shown.kept <= (offers[_i].cache < 0 ? 0 : offers[_i].cache));
	}
	if (offers[_i].keeps != MAYBE)
		ck_assert_int_eq(client.shown.types[103] > 0, offers[_i].keeps == SOMETHING);
	leave(&client);
}
END_TEST

/* A JPEG is kept as what it is; what came of it without loss is what comes again. */
START_TEST(test_lossy_images_become_exact_and_stay_so)
{
	static struct client client;
	unsigned int jpegs;

	screen.jpeg = 2;
	join(&client, CACHE);
	settle(&client);
	teach(&client, 1, 2);
	jpegs = client.shown.types[105];
	ck_assert_uint_gt(jpegs, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_lt(show_picture(&client, i % 2 ? 2 : 1, all), 6000);
	ck_assert_uint_eq(client.shown.types[105], jpegs);
	/* the lossy ones did not stay beside the exact ones */
	ck_assert_int_le(client.shown.kept, 3 * W * H);
	leave(&client);
}
END_TEST

START_TEST(test_reset_empties_the_cache)
{
	static struct client client;

	paint(1, all);
	join(&client, CACHE);
	settle(&client);
	teach(&client, 2, 1);
	ck_assert_int_gt(client.shown.kept, W * H);
	clove_display_forget_images(client.display);
	settle(&client);
	ck_assert_int_eq(client.shown.kept, 0);
	ck_assert_int_eq(budget->used, 0);
	ck_assert_uint_gt(show_picture(&client, 2, all), 100000);
	ck_assert_uint_gt(show_picture(&client, 1, all), 100000);
	ck_assert_uint_lt(show_picture(&client, 2, all), 4000);
	show_picture(&client, 1, all);
	/* a mode that comes and goes: its first picture comes whole, what was before may come again */
	clove_display_surface_went(client.display);
	clove_display_surface_came(client.display);
	clove_display_flush(client.display);
	settle(&client);
	ck_assert_uint_lt(show_picture(&client, 2, all), 4000);
	leave(&client);
}
END_TEST

/* Each of a client's displays draws what it was sent itself. */
START_TEST(test_displays_of_one_client_and_clients_of_one_display)
{
	static struct client one, other;
	enum { OFFER = 6 * W * H };

	paint(1, all);
	join(&one, OFFER);
	settle(&one);
	join(&other, OFFER);
	settle(&other);
	for (unsigned int i = 0; i < 15; i++) {
		paint(2 + i % 3, all);
		/* at one time: encoded once, and kept by each under an id of its own */
		screen.drawings++;
		changed(&one, all);
		changed(&other, all);
		settle(&one);
		settle(&other);
		ck_assert_int_le(one.shown.kept + other.shown.kept, OFFER);
	}
	ck_assert_uint_gt(one.shown.types[103] + other.shown.types[103], 10);
	leave(&one);
	leave(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("display-images");
	TCase *tcase = tcase_create("display-images");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_a_screen_that_comes_again_costs_little);
	tcase_add_test(tcase, test_text_that_comes_again_costs_little);
	tcase_add_loop_test(tcase, test_any_offer_is_right, 0, sizeof offers / sizeof *offers);
	tcase_add_test(tcase, test_lossy_images_become_exact_and_stay_so);
	tcase_add_test(tcase, test_reset_empties_the_cache);
	tcase_add_test(tcase, test_displays_of_one_client_and_clients_of_one_display);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
