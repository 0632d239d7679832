/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-glz.c - what a GLZ dictionary holds, waits for and lets go. */
#include <pthread.h>
#include <zlib.h>
#include "common/codec/glz.h"
#include "tests/unit/codec-fixture.h"

#define PIXELS 8   /* in every picture here: one row */

/* An RGB32 picture of one row: literals of `colour` if img is 0, else all of image id - img. */
static struct clove_bytes stream(uint64_t id, uint32_t head_dist, unsigned int img, uint8_t colour)
{
	static uint8_t bytes[100];
	size_t n = 33;

	clove_put_be32(bytes, 0x20205a4c);
	clove_put_be32(bytes + 4, 0x00010001);
	bytes[8] = 0x18;
	clove_put_be32(bytes + 9, PIXELS);
	clove_put_be32(bytes + 13, 1);
	clove_put_be32(bytes + 17, PIXELS * 4);
	clove_put_be32(bytes + 21, (uint32_t)(id >> 32));
	clove_put_be32(bytes + 25, (uint32_t)id);
	clove_put_be32(bytes + 29, head_dist);
	if (!img) {
		bytes[n++] = PIXELS - 1;
		memset(bytes + n, colour, PIXELS * 3);
		return CLOVE_BYTES(bytes, n + PIXELS * 3);
	}
	bytes[n++] = 0xe0;  /* length 7 + 1, near, offset 0 */
	bytes[n++] = PIXELS - 7;
	bytes[n++] = 0;
	bytes[n++] = (uint8_t)(0x40 | (img & 63));
	bytes[n++] = (uint8_t)(img >> 6);
	return CLOVE_BYTES(bytes, n);
}

static uint32_t row[PIXELS];
static const struct clove_pixels rows = { (uint8_t *)row, PIXELS, 1, PIXELS * 4, CLOVE_FORMAT_RGB32 };

START_TEST(test_late_image_is_waited_for)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(1000);

	ck_assert_int_eq(clove_glz_decode(dictionary, stream(1, 1, 1, 0), &rows), CLOVE_ERR_AGAIN);
	ck_assert_int_eq(clove_glz_dictionary_pixels(dictionary), 0);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(0, 0, 0, 7), &rows), CLOVE_OK);
	memset(row, 0xee, sizeof row);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(1, 1, 1, 0), &rows), CLOVE_OK);
	for (int i = 0; i < PIXELS; i++)
		ck_assert_uint_eq(row[i], 0x070707);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(1, 1, 1, 0), &rows), CLOVE_ERR_STATE);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_images_leave_at_the_head)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(1000);

	for (uint64_t id = 0; id < 1000; id++)
		ck_assert(!clove_glz_decode(dictionary, stream(id, id < 3 ? (uint32_t)id : 3, 0, 7), NULL));
	ck_assert_int_eq(clove_glz_dictionary_pixels(dictionary), 4 * PIXELS);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(1000, 3, 5, 0), NULL), CLOVE_ERR_STATE);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(1000, 3, 3, 0), NULL), CLOVE_OK);
	clove_glz_dictionary_clear(dictionary);
	ck_assert_int_eq(clove_glz_dictionary_pixels(dictionary), 0);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(0, 0, 0, 7), NULL), CLOVE_OK);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

/* Image 3 overtakes 2, which still refers to 0: nothing goes before 2 is there. */
START_TEST(test_gap_keeps_what_is_older)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(1000);

	ck_assert(!clove_glz_decode(dictionary, stream(0, 0, 0, 1), NULL));
	ck_assert(!clove_glz_decode(dictionary, stream(1, 1, 0, 2), NULL));
	ck_assert(!clove_glz_decode(dictionary, stream(3, 0, 0, 3), NULL));
	ck_assert(!clove_glz_decode(dictionary, stream(2, 2, 2, 0), &rows));
	ck_assert_uint_eq(row[0], 0x010101);
	ck_assert_int_eq(clove_glz_dictionary_pixels(dictionary), PIXELS);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_migrated_sequence_is_released)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(1000);

	for (uint64_t id = 70000; id < 72000; id++)
		ck_assert(!clove_glz_decode(dictionary, stream(id, id == 70000 ? 0 : 1, id != 70000, 7), NULL));
	ck_assert_int_eq(clove_glz_dictionary_pixels(dictionary), 2 * PIXELS);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_black_stands_for_a_lost_image)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(1000);
	struct clove_glz_header header;
	struct clove_bytes in = stream(0, 0, 0, 9);

	ck_assert(!clove_glz_probe(in, &header));
	ck_assert_int_eq(clove_glz_decode(dictionary, CLOVE_BYTES(in.data, in.len - 1), NULL),
			CLOVE_ERR_SHORT);
	ck_assert(!clove_glz_put_black(dictionary, &header));
	ck_assert(!clove_glz_decode(dictionary, stream(1, 1, 1, 0), &rows));
	ck_assert_uint_eq(row[0], 0);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_memory_is_bounded)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(PIXELS * 4);
	enum clove_err err = CLOVE_OK;
	uint64_t id = 1;

	while (!err)  /* 0 never comes, so nothing is released */
		err = clove_glz_decode(dictionary, stream(id++, 0, 0, 7), NULL);
	ck_assert_int_eq(err, CLOVE_ERR_LIMIT);
	ck_assert_uint_lt(id, 40000);
	clove_glz_dictionary_free(dictionary);

	dictionary = clove_glz_dictionary_new(PIXELS - 1);
	ck_assert_int_eq(clove_glz_decode(dictionary, stream(0, 0, 0, 7), NULL), CLOVE_ERR_LIMIT);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_zlib_must_give_what_it_announces)
{
	struct clove_bytes in = stream(0, 0, 0, 7);
	struct clove_buf glz = { NULL };
	uint8_t packed[200];
	uLongf size = sizeof packed;

	ck_assert_int_eq(compress2(packed, &size, in.data, in.len, 3), Z_OK);
	ck_assert(!clove_zlib_glz_inflate(CLOVE_BYTES(packed, size), (uint32_t)in.len, PIXELS, &glz));
	ck_assert_uint_eq(glz.len, in.len);
	ck_assert_mem_eq(glz.data, in.data, in.len);
	ck_assert_int_ne(clove_zlib_glz_inflate(CLOVE_BYTES(packed, size), (uint32_t)in.len - 1, PIXELS,
			&glz), CLOVE_OK);
	ck_assert_int_ne(clove_zlib_glz_inflate(CLOVE_BYTES(packed, size), (uint32_t)in.len + 1, PIXELS,
			&glz), CLOVE_OK);
	ck_assert_int_eq(clove_zlib_glz_inflate(CLOVE_BYTES(packed, size), UINT32_MAX, PIXELS, &glz),
			CLOVE_ERR_LIMIT);
	ck_assert_uint_eq(glz.len, 0);
	clove_buf_fini(&glz);
}
END_TEST

static struct clove_glz_encoder *encoder_new(int32_t window, uint64_t first_id)
{
	struct clove_glz_encoder *encoder = clove_glz_encoder_new(first_id);

	ck_assert(clove_glz_encoder_open(encoder, 1, window));
	return encoder;
}

/* A desktop that scrolls, changes and grows, in all formats, through one window; the decoder must
 * never miss what the encoder refers to. */
START_TEST(test_encoder_and_dictionary_agree)
{
	struct clove_glz_encoder *encoder = encoder_new(60000, 0);
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(60000);
	size_t sum = 0, raw = 0;

	for (uint32_t i = 0; i < 400; i++) {
		enum clove_format format = (enum clove_format)(CLOVE_FORMAT_RGB16 + i / 3 % 4);
		int32_t width = 30 + (int32_t)(i * 7 % 90), height = 1 + (int32_t)(i * 13 % 80);
		struct clove_pixels whole = fixture_picture(format, 160, 110, 5 + i % 2);
		size_t pixel = clove_format_row_bytes(format, 1);
		struct clove_pixels part = { clove_pixels_row(&whole, (int32_t)(i % 29)) + i % 31 * pixel,
				width, height, whole.stride, format };
		struct clove_pixels back = fixture_rows(format, width, height);
		size_t size, bound = clove_glz_bound(format, width, height);
		uint8_t *out = malloc(bound), *exact;

		if (i % 5 == 0)  /* no room: as if it had not been tried */
			ck_assert_int_eq(clove_glz_encode(encoder, out, 40, &part, true, &size),
					CLOVE_ERR_LIMIT);
		ck_assert_int_eq(clove_glz_encode(encoder, out, bound, &part, i % 7 != 0, &size), CLOVE_OK);
		exact = malloc(size);
		memcpy(exact, out, size);
		ck_assert_int_eq(clove_glz_decode(dictionary, CLOVE_BYTES(exact, size), &back), CLOVE_OK);
		ck_assert(fixture_same(&part, &back));
		ck_assert_int_le(clove_glz_dictionary_pixels(dictionary), 60000);
		sum += size;
		raw += pixel * (size_t)width * (size_t)height;
		free(exact);
		free(out);
		free(back.data);
		free(whole.data);
	}
	ck_assert_uint_eq(clove_glz_encoder_next_id(encoder), 400);
	ck_assert_uint_lt(sum, raw / 3);
	clove_glz_encoder_unref(encoder);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

/* Noise that moves as a whole, in part, or changes in part: what stays is told by the image before. */
START_TEST(test_what_has_moved_is_found)
{
	enum { WIDTH = 500, HEIGHT = 300 };
	struct clove_glz_encoder *encoder = encoder_new(WIDTH * HEIGHT * 3, 0);
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(WIDTH * HEIGHT * 3);
	size_t bound = clove_glz_bound(CLOVE_FORMAT_RGBA, WIDTH, HEIGHT), first, size;
	uint8_t *out = malloc(bound);

	for (int f = CLOVE_FORMAT_RGB16; f <= CLOVE_FORMAT_RGBA; f++) {
		struct clove_pixels src = fixture_rows((enum clove_format)f, WIDTH, HEIGHT);
		struct clove_pixels back = fixture_rows(src.format, WIDTH, HEIGHT);
		size_t line = (size_t)src.stride, pixel = line / WIDTH;
		uint32_t seed = 7 + (uint32_t)f;

		for (size_t i = 0; i < line * HEIGHT; i++) {
			seed = seed * 1664525 + 1013904223;
			src.data[i] = (uint8_t)(seed >> 24);
		}
		for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
			if (f == CLOVE_FORMAT_RGB16)
				src.data[2 * i + 1] &= 0x7f;
			if (f == CLOVE_FORMAT_RGB32)
				src.data[4 * i + 3] = 0;
		}
		ck_assert_int_eq(clove_glz_encode(encoder, out, bound, &src, true, &first), CLOVE_OK);
		for (int step = 0; step < 4; step++) {
			ck_assert_int_eq(clove_glz_decode(dictionary, CLOVE_BYTES(out, step ? size : first),
					&back), CLOVE_OK);
			ck_assert(fixture_same(&src, &back));
			if (step == 1)       /* scrolled */
				memmove(src.data, src.data + 21 * line, 279 * line);
			else if (step == 2)  /* a part written over */
				memset(clove_pixels_row(&src, 100), 0, 9 * line);
			for (int32_t y = 150; step == 3 && y < 250; y++)  /* a window moved */
				memcpy(clove_pixels_row(&src, y - 40) + 15 * pixel,
						clove_pixels_row(&back, y) + 200 * pixel, 250 * pixel);
			ck_assert_int_eq(clove_glz_encode(encoder, out, bound, &src, true, &size), CLOVE_OK);
			ck_assert_uint_lt(size, step < 3 ? first / 50 : first / 4);
		}
		ck_assert_int_eq(clove_glz_decode(dictionary, CLOVE_BYTES(out, size), &back), CLOVE_OK);
		ck_assert(fixture_same(&src, &back));
		free(src.data);
		free(back.data);
	}
	free(out);
	clove_glz_encoder_unref(encoder);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_image_as_large_as_the_window_is_refused)
{
	struct clove_glz_encoder *encoder = encoder_new(100, 7);
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, 10, 10, 1);
	uint8_t out[1000];
	size_t size;

	ck_assert_int_eq(clove_glz_encode(encoder, out, sizeof out, &src, true, &size), CLOVE_ERR_LIMIT);
	src.height = 9;
	ck_assert_int_eq(clove_glz_encode(encoder, out, sizeof out, &src, true, &size), CLOVE_OK);
	ck_assert_uint_eq(clove_glz_encoder_next_id(encoder), 8);
	free(src.data);
	clove_glz_encoder_unref(encoder);
}
END_TEST

START_TEST(test_one_dictionary_a_client)
{
	struct clove_glz_encoder *encoder = clove_glz_encoder_new(0);
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, 10, 10, 1);
	uint8_t out[1000];
	size_t size;

	ck_assert_int_eq(clove_glz_encode(encoder, out, sizeof out, &src, true, &size), CLOVE_ERR_STATE);
	ck_assert(clove_glz_encoder_open(encoder, 3, 101));
	ck_assert(clove_glz_encoder_open(encoder, 3, 1));      /* the first one's window holds */
	ck_assert(!clove_glz_encoder_open(encoder, 4, 1000));
	ck_assert_int_eq(clove_glz_encode(encoder, out, sizeof out, &src, true, &size), CLOVE_OK);
	ck_assert_int_eq(clove_glz_encoder_pixels(encoder), 100);
	clove_glz_encoder_close(encoder);
	ck_assert_int_eq(clove_glz_encoder_pixels(encoder), 0);
	ck_assert_int_eq(clove_glz_encode(encoder, out, sizeof out, &src, true, &size), CLOVE_ERR_STATE);
	ck_assert_uint_eq(clove_glz_encoder_next_id(encoder), 1);
	free(src.data);
	clove_glz_encoder_unref(encoder);
}
END_TEST

/* One display of a client: a thread of its own, one dictionary for all. */
struct display {
	struct clove_glz_encoder *encoder;
	int number;
	struct { struct clove_pixels src; uint8_t *bytes; size_t size; } sent[60];
};

static void *run_display(void *opaque)
{
	struct display *display = opaque;

	for (int i = 0; i < 60; i++) {
		struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, 60 + i, 40, (uint32_t)i % 7);
		size_t size, bound = clove_glz_bound(src.format, src.width, src.height);
		uint8_t *out = malloc(bound);

		if (clove_glz_encode(display->encoder, out, bound, &src, i % 2, &size))
			size = 0;
		display->sent[i].src = src;
		display->sent[i].bytes = out;
		display->sent[i].size = size;
	}
	clove_glz_encoder_unref(display->encoder);
	return NULL;
}

/* However the threads take turns, a client that reads the channels in any order gets all pictures. */
START_TEST(test_displays_share_a_dictionary)
{
	enum { DISPLAYS = 3, WINDOW = 40000 };
	static struct display displays[DISPLAYS];
	struct clove_glz_encoder *encoder = encoder_new(WINDOW, 0);
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(WINDOW);
	pthread_t threads[DISPLAYS];
	int at[DISPLAYS] = { 0 }, done = 0, waits = 0;
	size_t sum = 0, raw = 0;

	for (int d = 0; d < DISPLAYS; d++) {
		displays[d].encoder = clove_glz_encoder_ref(encoder);
		displays[d].number = d;
		ck_assert_int_eq(pthread_create(&threads[d], NULL, run_display, &displays[d]), 0);
	}
	for (int d = 0; d < DISPLAYS; d++)
		pthread_join(threads[d], NULL);
	ck_assert_uint_eq(clove_glz_encoder_next_id(encoder), DISPLAYS * 60);
	ck_assert_int_le(clove_glz_encoder_pixels(encoder), WINDOW);
	clove_glz_encoder_unref(encoder);

	for (int d = 0; done < DISPLAYS * 60; d = (d + 1) % DISPLAYS) {
		while (at[d] < 60) {
			struct clove_pixels *src = &displays[d].sent[at[d]].src;
			struct clove_pixels back = fixture_rows(src->format, src->width, src->height);
			size_t size = displays[d].sent[at[d]].size;
			enum clove_err err;

			ck_assert_uint_gt(size, 0);
			err = clove_glz_decode(dictionary, CLOVE_BYTES(displays[d].sent[at[d]].bytes, size),
					&back);
			if (err == CLOVE_ERR_AGAIN) {
				free(back.data);
				ck_assert_int_lt(waits++, 10000);
				break;
			}
			ck_assert_int_eq(err, CLOVE_OK);
			ck_assert(fixture_same(src, &back));
			sum += size;
			raw += 4 * (size_t)src->width * (size_t)src->height;
			free(back.data);
			free(src->data);
			free(displays[d].sent[at[d]].bytes);
			at[d]++;
			done++;
		}
	}
	ck_assert_uint_lt(sum, raw / 3);
	clove_glz_dictionary_free(dictionary);
}
END_TEST

START_TEST(test_zlib_there_and_back)
{
	struct clove_glz_encoder *encoder = encoder_new(100000, 0);
	struct clove_pixels src = fixture_picture(CLOVE_FORMAT_RGB32, 200, 100, 1);
	size_t size, packed_size, bound = clove_glz_bound(src.format, src.width, src.height);
	uint8_t *out = malloc(bound), *packed = malloc(bound);
	struct clove_buf glz = { NULL };

	ck_assert_int_eq(clove_glz_encode(encoder, out, bound, &src, true, &size), CLOVE_OK);
	ck_assert_int_eq(clove_zlib_glz_deflate(packed, bound, CLOVE_BYTES(out, size), &packed_size), CLOVE_OK);
	ck_assert_uint_lt(packed_size, size);
	ck_assert_int_eq(clove_zlib_glz_inflate(CLOVE_BYTES(packed, packed_size), (uint32_t)size, 20000, &glz),
			CLOVE_OK);
	ck_assert_uint_eq(glz.len, size);
	ck_assert_mem_eq(glz.data, out, size);
	ck_assert_int_eq(clove_zlib_glz_deflate(packed, packed_size - 1, CLOVE_BYTES(out, size), &size),
			CLOVE_ERR_LIMIT);
	clove_buf_fini(&glz);
	free(src.data);
	free(packed);
	free(out);
	clove_glz_encoder_unref(encoder);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_late_image_is_waited_for, test_images_leave_at_the_head,
			test_gap_keeps_what_is_older, test_migrated_sequence_is_released,
			test_black_stands_for_a_lost_image, test_memory_is_bounded,
			test_zlib_must_give_what_it_announces, test_encoder_and_dictionary_agree,
			test_image_as_large_as_the_window_is_refused, test_one_dictionary_a_client,
			test_displays_share_a_dictionary, test_zlib_there_and_back,
			test_what_has_moved_is_found };

	return fixture_run("glz", tests, 13);
}
