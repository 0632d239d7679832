/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-encoder.c - pieces of every look by every choice of codecs, shown again. */
#include "server/encoder.h"

#include <check.h>
#include "common/protocol/enums.h"
#include "tests/unit/shown-fixture.h"

enum { W = 256, H = 192 };

static uint32_t pixels[H][W], picture[H][W];
static struct clove_surface surface;
static struct clove_encoder *encoder;
static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static uint32_t flat(int x, int y) { (void)x; (void)y; return 0x123456; }
static uint32_t two(int x, int y) { (void)x; return y % 3 && rnd(9) == 0 ? 0xffffff : 0; }
static uint32_t sixteen(int x, int y) { (void)y; return x % 7 ? 0x111111 : rnd(15) * 0x101010; }
static uint32_t many(int x, int y) { (void)y; return x % 7 ? 0x111111 : rnd(200) * 0x010001; }
static uint32_t most(int x, int y) { return x % 5 ? 0xeeeeee : rnd(4000) * 0x0101 + (uint32_t)y; }
static uint32_t photo(int x, int y)
{
	return ((uint32_t)x / 2 + rnd(6)) << 16 | ((uint32_t)y / 2 + rnd(6)) << 8 | (uint32_t)(x + y) / 4;
}

static void set_up(void)
{
	surface = (struct clove_surface){ .info = { .format = CLOVE_SURFACE_32_xRGB }, .width = W, .height = H,
			.bytes_per_pixel = 4, .data = (uint8_t *)pixels, .stride = W * 4 };
	encoder = clove_encoder_new();
	ck_assert_ptr_nonnull(encoder);
}

static void tear_down(void)
{
	clove_encoder_free(encoder);
}

static void paint(uint32_t (*look)(int x, int y))
{
	seed = 3;
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			pixels[y][x] = look(x, y) | 0xab000000;
}

static bool show_it(struct shown *shown, const struct clove_encoded *e)
{
	return show(shown, e->is_fill ? 302 : 304, e->body.data, e->body.len);
}

enum { AUTO = CLOVE_CODEC_LZ | CLOVE_CODEC_PALETTE | CLOVE_CODEC_QUIC,
	SLOW = AUTO | CLOVE_CODEC_LZ_PLT, IS_FILL = 256, GLZ = CLOVE_CODEC_GLZ | CLOVE_CODEC_LZ };

static const struct {
	const char *what;
	uint32_t (*look)(int x, int y);
	pixman_box32_t box;
	unsigned int codecs;
	int type;
} rows[] = {
	{ "flat", flat, { 3, 5, 200, 150 }, AUTO, IS_FILL },
	{ "flat, raw only", flat, { 3, 5, 200, 150 }, 0, CLOVE_IMAGE_TYPE_BITMAP },
	{ "a glyph of two colours", two, { 16, 16, 32, 32 }, AUTO, CLOVE_IMAGE_TYPE_BITMAP },
	{ "an odd glyph of two colours", two, { 17, 16, 28, 31 }, AUTO, CLOVE_IMAGE_TYPE_BITMAP },
	{ "text of two colours", two, { 0, 0, W, H }, AUTO, CLOVE_IMAGE_TYPE_LZ_RGB },
	{ "the same for a slow line", two, { 0, 0, W, H }, SLOW, CLOVE_IMAGE_TYPE_LZ_PLT },
	{ "flat for a slow line", flat, { 0, 0, W, H }, SLOW, IS_FILL },
	{ "a glyph of sixteen", sixteen, { 16, 16, 31, 32 }, AUTO, CLOVE_IMAGE_TYPE_BITMAP },
	{ "text of sixteen", sixteen, { 1, 0, W, H }, SLOW, CLOVE_IMAGE_TYPE_LZ_PLT },
	{ "text of two hundred", many, { 0, 1, W, H }, SLOW, CLOVE_IMAGE_TYPE_LZ_PLT },
	{ "text of more for a slow line", most, { 0, 0, W, H }, SLOW, CLOVE_IMAGE_TYPE_LZ_RGB },
	{ "text of more", most, { 0, 0, W, H }, AUTO, CLOVE_IMAGE_TYPE_LZ_RGB },
	{ "a photo", photo, { 0, 0, W, H }, AUTO, CLOVE_IMAGE_TYPE_QUIC },
	{ "a photo by LZ4 or raw", photo, { 0, 0, W, H }, CLOVE_CODEC_LZ4, -1 },
	{ "a photo of two columns", photo, { 0, 0, 2, H }, CLOVE_CODEC_QUIC, CLOVE_IMAGE_TYPE_BITMAP },
	{ "text by LZ4", most, { 0, 0, W, H }, CLOVE_CODEC_LZ4, CLOVE_IMAGE_TYPE_LZ4 },
	{ "text by QUIC", most, { 0, 0, W, H }, CLOVE_CODEC_QUIC, CLOVE_IMAGE_TYPE_QUIC },
	{ "a photo that may be lossy", photo, { 0, 0, W, H }, AUTO | CLOVE_CODEC_JPEG, CLOVE_IMAGE_TYPE_JPEG },
	{ "text is never lossy", most, { 0, 0, W, H }, AUTO | CLOVE_CODEC_JPEG, CLOVE_IMAGE_TYPE_LZ_RGB },
	{ "text by the dictionary", most, { 0, 0, W, H }, GLZ, CLOVE_IMAGE_TYPE_GLZ_RGB },
	{ "a photo by the dictionary", photo, { 0, 0, W, H }, GLZ, CLOVE_IMAGE_TYPE_GLZ_RGB },
	{ "deflated", most, { 0, 0, W, H }, GLZ | CLOVE_CODEC_ZLIB, CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB },
	{ "too little to deflate", flat, { 0, 0, W, 1 }, GLZ | CLOVE_CODEC_ZLIB, CLOVE_IMAGE_TYPE_GLZ_RGB },
	{ "a photo with QUIC", photo, { 0, 0, W, H }, GLZ | CLOVE_CODEC_QUIC, CLOVE_IMAGE_TYPE_QUIC },
	{ "one pixel by the dictionary", photo, { 3, 3, 4, 4 }, GLZ, CLOVE_IMAGE_TYPE_BITMAP },
	{ "one pixel", photo, { 255, 191, 256, 192 }, AUTO, CLOVE_IMAGE_TYPE_BITMAP },
};

static int distance(uint32_t a, uint32_t b)
{
	int most_of = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int d = abs((int)(a >> shift & 255) - (int)(b >> shift & 255));

		most_of = d > most_of ? d : most_of;
	}
	return most_of;
}

START_TEST(test_a_piece_is_shown_as_it_is)
{
	struct shown shown = { &picture[0][0], W, H };
	struct clove_piece piece = { .box = rows[_i].box };
	struct clove_encoded *e;
	bool is_lossy = rows[_i].type == CLOVE_IMAGE_TYPE_JPEG;
	struct clove_glz_encoder *glz = clove_glz_encoder_new(0);

	shown.glz = clove_glz_dictionary_new(1 << 20);
	ck_assert(clove_glz_encoder_open(glz, 1, 1 << 20));

	paint(rows[_i].look);
	piece.class = clove_class_of(&surface, &piece.box);
	clove_encoder_run(encoder, &surface, 1, &piece, 1, (struct clove_encoding){ rows[_i].codecs, 90,
			glz }, &e);
	ck_assert_int_eq(e->err, CLOVE_OK);
	ck_assert_msg(show_it(&shown, e), "%s", rows[_i].what);
	ck_assert_msg(rows[_i].type == IS_FILL ? shown.fills == 1 : rows[_i].type < 0 ||
			shown.types[rows[_i].type] == 1, "%s: another type", rows[_i].what);
	ck_assert_int_eq(e->is_lossy, is_lossy);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			bool is_in = x >= piece.box.x1 && x < piece.box.x2 && y >= piece.box.y1 && y < piece.box.y2;

			ck_assert_msg(distance(picture[y][x], is_in ? pixels[y][x] : 0) <= (is_lossy ? 40 : 0),
					"%s: (%d, %d)", rows[_i].what, x, y);
		}
	clove_glz_encoder_unref(glz);
	clove_glz_dictionary_free(shown.glz);
}
END_TEST

/* All pieces of a region together are the region, whatever it looks like and however much is taken. */
START_TEST(test_pieces_are_the_damage)
{
	struct shown shown = { &picture[0][0], W, H };
	pixman_region32_t region;
	int32_t row = 0;

	paint(photo);
	for (int y = 40; y < 170; y++)
		for (int x = 30; x < 140; x++)
			pixels[y][x] = most(x, y);
	seed = (uint64_t)_i;
	pixman_region32_init(&region);
	for (int i = 0; i < 12; i++)
		pixman_region32_union_rect(&region, &region, (int)rnd(200), (int)rnd(150), 1 + rnd(56), 1 + rnd(42));
	if (_i % 2)
		pixman_region32_union_rect(&region, &region, 0, 0, W, H);

	pixman_region32_t left, sent;
	int waves = 0;

	pixman_region32_init(&left);
	pixman_region32_copy(&left, &region);
	while (pixman_region32_not_empty(&left)) {
		struct clove_piece pieces[CLOVE_PIECES_MOST];
		struct clove_encoded *e[CLOVE_PIECES_MOST];
		unsigned int n = clove_pieces_take(&surface, &left, 4096, &row, pieces);

		ck_assert_uint_gt(n, 0);
		ck_assert_uint_le(n, CLOVE_PIECES_MOST);
		ck_assert_int_lt(++waves, 100);
		clove_encoder_run(encoder, &surface, 1, pieces, n, (struct clove_encoding){ AUTO, 0, NULL }, e);
		for (unsigned int i = 0; i < n; i++) {
			const pixman_box32_t *box = &pieces[i].box;

			ck_assert(box->x1 >= 0 && box->y1 >= 0 && box->x2 <= W && box->y2 <= H);
			ck_assert(show_it(&shown, e[i]));
			pixman_region32_init_rect(&sent, box->x1, box->y1, (unsigned int)(box->x2 - box->x1),
					(unsigned int)(box->y2 - box->y1));
			pixman_region32_subtract(&left, &left, &sent);
			pixman_region32_fini(&sent);
		}
	}
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if (pixman_region32_contains_point(&region, x, y, NULL))
				ck_assert_msg(distance(picture[y][x], pixels[y][x]) == 0, "(%d, %d)", x, y);
	pixman_region32_fini(&left);
	pixman_region32_fini(&region);
}
END_TEST

/* Two clients that want the same get the same bytes; another drawing, or other codecs, are other bytes. */
START_TEST(test_images_are_made_once)
{
	struct clove_piece piece = { .box = { 0, 0, 64, 64 } };
	struct clove_encoding encoding = { AUTO, 0, NULL };
	struct clove_encoded *first, *second;

	paint(most);
	clove_encoder_set_clients(encoder, 2);
	clove_encoder_run(encoder, &surface, 1, &piece, 1, encoding, &first);
	paint(photo);
	clove_encoder_run(encoder, &surface, 1, &piece, 1, encoding, &second);
	ck_assert_ptr_eq(first, second);
	clove_encoder_run(encoder, &surface, 2, &piece, 1, encoding, &second);
	ck_assert_ptr_ne(first, second);
	encoding.codecs = CLOVE_CODEC_QUIC;
	clove_encoder_run(encoder, &surface, 1, &piece, 1, encoding, &second);
	ck_assert_ptr_ne(first, second);
	clove_encoder_rest(encoder);
}
END_TEST

/* What rests is small; a small image leaves nothing to give back. */
START_TEST(test_large_buffers_are_given_back)
{
	struct clove_piece small = { .box = { 0, 0, 16, 16 } }, large = { { 0, 0, W, H }, CLOVE_CLASS_PHOTO };
	struct clove_encoded *e;

	paint(photo);
	clove_encoder_run(encoder, &surface, 1, &small, 1, (struct clove_encoding){ AUTO, 0, NULL }, &e);
	ck_assert(!clove_encoder_is_large(encoder));
	clove_encoder_run(encoder, &surface, 1, &large, 1, (struct clove_encoding){ AUTO, 0, NULL }, &e);
	ck_assert_uint_gt(e->body.cap, 64 << 10);
	ck_assert(clove_encoder_is_large(encoder));
	clove_encoder_rest(encoder);
	ck_assert(!clove_encoder_is_large(encoder));
	ck_assert_uint_eq(e->body.cap, 0);
}
END_TEST

/* The pieces of two displays with one dictionary, which take turns; nothing is kept for others. */
START_TEST(test_a_dictionary_is_one_clients)
{
	struct shown shown = { &picture[0][0], W, H, .glz = clove_glz_dictionary_new(W * H * 4) };
	struct clove_glz_encoder *glz = clove_glz_encoder_new(0);
	struct clove_encoder *other = clove_encoder_new();
	struct clove_encoding encoding = { GLZ | CLOVE_CODEC_QUIC, 0, glz };
	struct clove_piece pieces[CLOVE_PIECES_MOST];
	struct clove_encoded *e[CLOVE_PIECES_MOST];
	size_t first = 0, later = 0;

	ck_assert(clove_glz_encoder_open(glz, 1, W * H * 4));
	paint(most);
	for (int turn = 0; turn < 4; turn++) {
		memset(picture, 0, sizeof picture);
		for (unsigned int i = 0; i < CLOVE_PIECES_MOST; i++)
			pieces[i] = (struct clove_piece){ { (int)i * 16, 0, (int)i * 16 + 16, H },
					i == 5 ? CLOVE_CLASS_PHOTO : CLOVE_CLASS_DRAWN };
		clove_encoder_run(turn % 2 ? other : encoder, &surface, 1, pieces, CLOVE_PIECES_MOST, encoding, e);
		for (unsigned int i = 0; i < CLOVE_PIECES_MOST; i++) {
			ck_assert(show_it(&shown, e[i]));
			*(turn ? &later : &first) += e[i]->body.len;
		}
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++)
				ck_assert_uint_eq(picture[y][x], pixels[y][x] & 0xffffff);
	}
	ck_assert_uint_eq(shown.types[CLOVE_IMAGE_TYPE_GLZ_RGB], 4 * (CLOVE_PIECES_MOST - 1));
	ck_assert_uint_eq(clove_glz_encoder_next_id(glz), 4 * (CLOVE_PIECES_MOST - 1));
	ck_assert_uint_lt(later, first); /* three times what was known */
	clove_glz_encoder_close(glz);
	clove_encoder_run(encoder, &surface, 1, pieces, 1, encoding, e);
	ck_assert(show_it(&shown, e[0]));
	ck_assert_uint_eq(shown.types[CLOVE_IMAGE_TYPE_LZ_RGB], 1);
	clove_encoder_free(other);
	clove_glz_encoder_unref(glz);
	clove_glz_dictionary_free(shown.glz);
}
END_TEST

static const struct {
	int compression;
	bool has_lz4, is_unix;
	unsigned int codecs;
} choices[] = {
	{ 1, true, false, 0 }, { 2, true, true, 0 }, { 0, true, false, 0 }, { 8, true, false, 0 },
	{ 2, false, false, AUTO }, { 3, false, false, AUTO }, { 4, true, false, CLOVE_CODEC_QUIC },
	{ 6, true, false, CLOVE_CODEC_LZ | CLOVE_CODEC_PALETTE }, { 7, true, false, CLOVE_CODEC_LZ4 },
	{ 7, false, false, CLOVE_CODEC_LZ }, { 5, true, false, GLZ },
};

START_TEST(test_codecs_are_what_was_asked_for)
{
	ck_assert_uint_eq(clove_codecs_for(choices[_i].compression, choices[_i].has_lz4, choices[_i].is_unix),
			choices[_i].codecs);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("encoder");
	TCase *tcase = tcase_create("encoder");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_a_piece_is_shown_as_it_is, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(tcase, test_pieces_are_the_damage, 0, 30);
	tcase_add_test(tcase, test_images_are_made_once);
	tcase_add_test(tcase, test_large_buffers_are_given_back);
	tcase_add_test(tcase, test_a_dictionary_is_one_clients);
	tcase_add_loop_test(tcase, test_codecs_are_what_was_asked_for, 0, sizeof choices / sizeof *choices);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
