/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-cursor-channel.c - shapes of every type pixel by pixel, and what the owner is told when. */
#include "client-gtk/cursor-channel.h"
#include "client-gtk/cursor-shape.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "tests/unit/pictures-fixture.h"

#define BLACK 0xff000000u
#define WHITE 0xffffffffu

/* -- shapes -- */

static const struct {
	const char *why;
	uint8_t type;
	uint16_t width, height;
	uint8_t data[1100];
	size_t len;
	enum clove_err want;
	uint32_t pixels[10];
} shapes[] = {
	{ "alpha as it is", CLOVE_CURSOR_TYPE_ALPHA, 2, 1, { 1, 2, 3, 4, 5, 6, 7, 8 }, 8, CLOVE_OK,
		{ 0x04030201, 0x08070605 } },
	{ "alpha, a byte missing", CLOVE_CURSOR_TYPE_ALPHA, 2, 1, { 0 }, 7, CLOVE_ERR_SHORT, { 0 } },
	{ "mono: black, white, clear", CLOVE_CURSOR_TYPE_MONO, 3, 1, { 0x20, 0x40 }, 2, CLOVE_OK,
		{ BLACK, WHITE, 0 } },
	{ "mono: inverse with its outline", CLOVE_CURSOR_TYPE_MONO, 5, 2, { 0xf8, 0xf8, 0x40, 0x00 }, 4,
		CLOVE_OK, { WHITE, BLACK, WHITE, 0, 0, WHITE, WHITE, WHITE, 0, 0 } },
	{ "mono, rows of two bytes", CLOVE_CURSOR_TYPE_MONO, 9, 1, { 0, 0x80, 0xff, 0 }, 4, CLOVE_OK,
		{ WHITE, WHITE, WHITE, WHITE, WHITE, WHITE, WHITE, WHITE, 0 } },
	{ "mono, a byte missing", CLOVE_CURSOR_TYPE_MONO, 9, 1, { 0 }, 3, CLOVE_ERR_SHORT, { 0 } },
	{ "4 bits, the high nibble first, odd width", CLOVE_CURSOR_TYPE_COLOR4, 3, 2,
		{ 0x12, 0x10, 0x21, 0x20, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0,
		[4 + 64] = 0x20, 0x80 }, 4 + 64 + 2, CLOVE_OK,
		{ 0xff332211, 0xff776655, 0, 0, 0xff332211, 0xff776655 } },
	{ "4 bits, mask missing", CLOVE_CURSOR_TYPE_COLOR4, 3, 2, { 0 }, 4 + 64 + 1, CLOVE_ERR_SHORT, { 0 } },
	{ "8 bits", CLOVE_CURSOR_TYPE_COLOR8, 2, 1, { 255, 1, 0, 0, 0, 0, 9, 8, 7, 6, [2 + 1020] = 3, 2, 1, 0,
		0x00 }, 2 + 1024 + 1, CLOVE_OK, { 0xff010203, 0xff070809 } },
	{ "16 bits", CLOVE_CURSOR_TYPE_COLOR16, 3, 1, { 0x1f, 0, 0xe0, 0x83, 0, 0x7c, 0x00 }, 7, CLOVE_OK,
		{ 0xff0000ff, 0xff00ff00, 0xffff0000 } },
	{ "24 bits, rows without padding", CLOVE_CURSOR_TYPE_COLOR24, 1, 2, { 1, 2, 3, 4, 5, 6, 0, 0x80 }, 8,
		CLOVE_OK, { 0xff030201, 0 } },
	{ "32 bits: white under a mask inverts", CLOVE_CURSOR_TYPE_COLOR32, 3, 1,
		{ 255, 255, 255, 0, 0, 0, 0, 0, 1, 1, 1, 9, 0xc0 }, 13, CLOVE_OK, { BLACK, WHITE, 0xff010101 } },
	{ "no such type", 7, 1, 1, { 0 }, 100, CLOVE_ERR_VALUE, { 0 } },
	{ "no width", CLOVE_CURSOR_TYPE_ALPHA, 0, 1, { 0 }, 100, CLOVE_ERR_VALUE, { 0 } },
	{ "too large", CLOVE_CURSOR_TYPE_MONO, 1025, 1, { 0 }, 1000, CLOVE_ERR_LIMIT, { 0 } },
};

START_TEST(test_cursor_shape_decodes)
{
	struct clove_cursor cursor = { .type = shapes[_i].type, .width = shapes[_i].width,
			.height = shapes[_i].height };
	struct clove_picture *picture;
	uint8_t *data = malloc(shapes[_i].len); /* its end is watched by the address sanitizer */

	memcpy(data, shapes[_i].data, shapes[_i].len);
	cursor.data = CLOVE_BYTES(data, shapes[_i].len);
	ck_assert_msg(clove_cursor_shape_decode(&cursor, &picture) == shapes[_i].want, "%s", shapes[_i].why);
	for (int i = 0; picture && i < cursor.width * cursor.height; i++)
		ck_assert_msg(clove_le32(picture->pixels.data + 4 * (size_t)i) == shapes[_i].pixels[i],
				"%s: pixel %d is %08x", shapes[_i].why, i,
				clove_le32(picture->pixels.data + 4 * (size_t)i));
	clove_picture_unref(picture);
	free(data);
}
END_TEST

/* -- the channel -- */

/* What was told, in letters: S shape, N none, M moved, V visible, H hidden, R reset. */
struct told {
	char text[512];
	size_t len;
	int32_t x, y, width, height, hot_x, hot_y;
	uint32_t first;
	bool is_closed;
	enum clove_err err;
};

static void tell(struct told *told, char letter)
{
	if (told->len < sizeof told->text - 1)
		told->text[told->len++] = letter;
}

static void on_shape(void *opaque, const struct clove_cursor_shape *shape)
{
	struct told *told = opaque;

	tell(told, shape ? 'S' : 'N');
	if (!shape)
		return;
	told->width = shape->width;
	told->height = shape->height;
	told->hot_x = shape->hot_x;
	told->hot_y = shape->hot_y;
	told->first = clove_le32(shape->pixels);
}

static void on_moved(void *opaque, int32_t x, int32_t y)
{
	struct told *told = opaque;

	tell(told, 'M');
	told->x = x;
	told->y = y;
}

static void on_visible(void *opaque, bool is_visible)
{
	tell(opaque, is_visible ? 'V' : 'H');
}

static void on_reset(void *opaque)
{
	tell(opaque, 'R');
}

static void on_closed(void *opaque, enum clove_err err)
{
	struct told *told = opaque;

	told->is_closed = true;
	told->err = err;
}

static const struct clove_cursor_events events = { on_shape, on_moved, on_visible, on_reset, on_closed };

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

static void listen_to(struct playing *playing, struct told *told)
{
	struct clove_opened opened = play_open(playing);
	struct clove_loop *loop = clove_poll_loop_new();
	struct clove_cursor_options options = { .loop = loop, .events = &events, .opaque = told };
	struct clove_cursor_channel *cursor = clove_cursor_channel_new(&options, &opened);

	*told = (struct told){ 0 };
	clove_log_set_sink(no_line, NULL);
	ck_assert_ptr_nonnull(cursor);
	while (!told->is_closed) {
		play_on(playing, true);
		clove_poll_loop_step(loop, 10);
	}
	clove_cursor_channel_free(cursor);
	clove_poll_loop_free(loop);
	clove_log_set_sink(NULL, NULL);
}

static void play_set(struct playing *playing, uint16_t flags, uint64_t unique, uint8_t first)
{
	uint8_t data[4] = { first, 0, 0, 255 };
	struct clove_cursor_set set = {
		.position = { 7, -8 }, .visible = 1,
		.cursor = { .flags = flags, .unique = unique, .width = 1, .height = 1, .hot_x = 3, .hot_y = 0,
			.data = CLOVE_BYTES(data, flags & CLOVE_CURSOR_FLAG_FROM_CACHE ? 0 : 4) },
	};

	play(playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_SET, &set);
}

START_TEST(test_cursor_channel_caches_shapes)
{
	struct playing playing = { 0 };
	struct told told;
	struct clove_cursor_inval_one inval = { .unique = 5 };
	struct clove_cursor_move move = { .position = { 100, 200 } };

	play_set(&playing, CLOVE_CURSOR_FLAG_CACHE_ME, 5, 1);        /* SMV */
	play_set(&playing, CLOVE_CURSOR_FLAG_CACHE_ME, 6, 2);        /* SMV */
	play_set(&playing, CLOVE_CURSOR_FLAG_FROM_CACHE, 5, 0);      /* SMV */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_INVAL_ONE, &inval);
	play_set(&playing, CLOVE_CURSOR_FLAG_FROM_CACHE, 5, 0);      /* MV: a shape that there is not */
	play_set(&playing, CLOVE_CURSOR_FLAG_NONE, 0, 0);            /* NMV */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_HIDE, NULL);    /* H */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_MOVE, &move);   /* MV */
	play_set(&playing, CLOVE_CURSOR_FLAG_FROM_CACHE, 6, 0);      /* SMV */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_INVAL_ALL, NULL);
	play_set(&playing, CLOVE_CURSOR_FLAG_FROM_CACHE, 6, 0);      /* MV */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_RESET, NULL);   /* R */
	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_MOVE, &move);   /* MV */
	listen_to(&playing, &told);
	ck_assert_str_eq(told.text, "SMVSMVSMVMVNMVHMVSMVMVRMV");
	ck_assert_uint_eq(told.first, 0xff000002);
	ck_assert_int_eq(told.hot_x, 0); /* clamped */
	ck_assert_int_eq(told.x, 100);
	ck_assert_int_eq(told.y, 200);
	ck_assert_int_eq(told.err, CLOVE_ERR_CLOSED);
	play_fini(&playing);
}
END_TEST

/* The same shapes as a server sends them. */
START_TEST(test_cursor_channel_shows_shapes)
{
	struct clove_cursor_set set = { .visible = 1, .cursor = { .type = shapes[_i].type,
			.width = shapes[_i].width, .height = shapes[_i].height,
			.data = CLOVE_BYTES(shapes[_i].data, shapes[_i].len) } };
	struct playing playing = { 0 };
	struct told told;

	play(&playing, CLOVE_CHANNEL_CURSOR, CLOVE_CURSOR_SET, &set);
	listen_to(&playing, &told);
	/* without a size there is no shape, whatever the type */
	ck_assert_str_eq(told.text, !shapes[_i].width ? "NMV" : shapes[_i].want ? "MV" : "SMV");
	ck_assert_uint_eq(told.first, shapes[_i].want ? 0 : shapes[_i].pixels[0]);
	play_fini(&playing);
}
END_TEST

static const struct {
	const char *name, *told;
	int32_t width, x, y;
} recorded[] = {
	{ "boot", "RRRRRRRRRRRRSMVSMVSMV", 64, 121, 122 },
	{ "servermouse", "RSMVMVMVMVMVMVSMVMVMVMVMVMVSMV", 64, 121, 122 },
	{ "migdst", "SMVSMVSMVHSMV", 64, 131, 122 },
	{ "agent", "R", 0, 0, 0 },
};

START_TEST(test_cursor_channel_follows_recorded_servers)
{
	struct playing playing;
	struct told told;
	char name[64];

	snprintf(name, sizeof name, "wire/%s-cursor.s2c.bin", recorded[_i].name);
	play_recorded(&playing, name, true);
	listen_to(&playing, &told);
	ck_assert_str_eq(told.text, recorded[_i].told);
	ck_assert_int_eq(told.width, recorded[_i].width);
	ck_assert_int_eq(told.x, recorded[_i].x);
	ck_assert_int_eq(told.y, recorded[_i].y);
	ck_assert_int_eq(told.err, CLOVE_ERR_CLOSED);
	play_fini(&playing);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cursor-channel");
	TCase *tcase = tcase_create("cursor-channel");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_cursor_shape_decodes, 0, sizeof shapes / sizeof *shapes);
	tcase_add_loop_test(tcase, test_cursor_channel_shows_shapes, 0, sizeof shapes / sizeof *shapes);
	tcase_add_test(tcase, test_cursor_channel_caches_shapes);
	tcase_add_loop_test(tcase, test_cursor_channel_follows_recorded_servers, 0,
			sizeof recorded / sizeof *recorded);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
