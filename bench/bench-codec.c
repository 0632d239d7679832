/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-codec.c - how fast and how small each codec is on desktop text, a flat interface and a photo.
 *
 * usage: bench-codec [rounds]
 * Medians of interleaved rounds, in MB/s of 4-byte pixels and of the thread's CPU time. Beside our codecs run
 * LZ4_compress_default and zstd -1, on the same pixels in the same rounds; then each bar of ours, its ratio
 * and whether it holds. `of search` compares an LZ stream's size with a plain greedy search (one entry in
 * each of 8192 slots, every pixel looked up), which is what existing encoders do.
 */
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#include "common/codec/glz.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"

#define WIDTH 1920
#define HEIGHT 1080
#define PIXELS (WIDTH * HEIGHT)

static uint32_t seed = 12345;

static uint32_t chance(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void fill(uint32_t *p, int x, int y, int w, int h, uint32_t colour)
{
	for (int j = y; j < y + h && j < HEIGHT; j++)
		for (int i = x; i < x + w && i < WIDTH; i++)
			p[j * WIDTH + i] = colour;
}

/* Smoothed letters of a made-up alphabet in lines of text, black on white with a few coloured words. */
static void draw_text(uint32_t *p)
{
	static uint8_t glyphs[64][14][8];

	for (int g = 0; g < 64; g++)
		for (int y = 0; y < 14; y++)
			for (int x = 0; x < 8; x++)
				glyphs[g][y][x] = y < 2 || y > 11 || !x || chance() % 3
						? 255 : (uint8_t)(chance() % 4 * 80);
	fill(p, 0, 0, WIDTH, HEIGHT, 0xffffff);
	fill(p, 0, 0, WIDTH, 30, 0x2d3748);
	for (int line = 0; line < 60; line++) {
		int length = 20 + (int)(chance() % 180);
		uint32_t ink = 0;

		for (int column = 0; column < length; column++) {
			unsigned int g = chance() % 80;

			if (g >= 64) {
				ink = chance() % 8 ? 0 : 0x2b6cb0;
				continue;
			}
			for (int y = 0; y < 14; y++) {
				for (int x = 0; x < 8; x++) {
					uint32_t a = glyphs[g][y][x], v = 0;

					for (int c = 0; c < 24; c += 8)
						v |= (((ink >> c & 255) * (255 - a) + 255 * a) / 255) << c;
					p[(40 + line * 17 + y) * WIDTH + 20 + column * 9 + x] = v;
				}
			}
		}
	}
}

/* Windows, buttons, borders, gradients in title bars. */
static void draw_flat(uint32_t *p)
{
	fill(p, 0, 0, WIDTH, HEIGHT, 0x336699);
	for (int i = 0; i < 60; i++) {
		int w = 60 + (int)(chance() % 500), h = 30 + (int)(chance() % 300);
		int x = (int)(chance() % (WIDTH - 60)), y = (int)(chance() % (HEIGHT - 30));
		uint32_t colour = 0x101010 * (8 + chance() % 8);

		fill(p, x, y, w, h, 0x404040);
		fill(p, x + 1, y + 1, w - 2, h - 2, colour);
		for (int j = 0; j < 20; j++)
			fill(p, x + 1, y + 1 + j, w - 2, 1, 0x4070a0 + 0x010203 * (uint32_t)j);
		for (int j = 0; j < 4; j++)
			fill(p, x + 10 + j * 50, y + 26, 40, 12, colour ^ 0x181818);
	}
}

/* Smooth light of several scales and a grain of one step, as a camera's picture has it after a JPEG. */
static void draw_photo(uint32_t *p)
{
	static const struct { int step, weight; } scales[] = { { 256, 110 }, { 64, 60 }, { 20, 36 }, { 7, 14 } };
	static int light[PIXELS];

	memset(p, 0, PIXELS * sizeof *p);
	for (int c = 0; c < 24; c += 8) {
		memset(light, 0, sizeof light);
		for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
			static int lattice[(WIDTH / 7 + 2) * (HEIGHT / 7 + 2)];
			int step = scales[s].step, columns = WIDTH / step + 2, lines = HEIGHT / step + 2;

			for (int i = 0; i < columns * lines; i++)
				lattice[i] = (int)(chance() % (unsigned int)scales[s].weight);
			for (int i = 0; i < PIXELS; i++) {
				int x = i % WIDTH, y = i / WIDTH, u = x % step, v = y % step;
				const int *l = lattice + y / step * columns + x / step;

				light[i] += (l[0] * (step - u) * (step - v) + l[1] * u * (step - v)
						+ l[columns] * (step - u) * v + l[columns + 1] * u * v)
						* 16 / (step * step);
			}
		}
		for (int i = 0; i < PIXELS; i++)
			p[i] |= (uint32_t)(light[i] / 16 + 20 + (int)(chance() % 2)) << c;
	}
}

/* ---- the plain search ---- */

static size_t search_size(const uint32_t *p)
{
	static uint32_t slots[8192];
	size_t at = 1, literals = 1, size = 28;

	memset(slots, 0, sizeof slots);
	while (at < PIXELS) {
		size_t ref = 0, len = 0, dist;

		if (at < PIXELS - 6) {
			if (p[at - 1] == p[at] && p[at] == p[at + 1] && p[at + 1] == p[at + 2]) {
				ref = at - 1;
				len = 3;
			} else {
				uint32_t h = 5381;

				for (int i = 0; i < 3; i++)
					for (int c = 0; c < 24; c += 8)
						h = 33 * h ^ (p[at + (size_t)i] >> c & 255);
				ref = slots[h & 8191];
				slots[h & 8191] = (uint32_t)at;
				if (at - ref <= 73724 && p[ref] == p[at] && p[ref + 1] == p[at + 1]
						&& p[ref + 2] == p[at + 2])
					len = 3;
			}
		}
		while (len && at + len < PIXELS && p[at + len] == p[ref + len])
			len++;
		dist = at - ref;
		if (!len || (dist > 8191 && len < 4)) {
			literals++;
			at++;
			continue;
		}
		size += literals * 3 + (literals + 31) / 32;
		literals = 0;
		size += 2 + (dist > 8191 ? 2 : 0) + (len >= 7 ? 1 + (len - 7) / 255 : 0);
		at += len;
		for (size_t q = at - 2; q < at && at < PIXELS - 6; q++) {
			uint32_t h = 5381;

			for (int i = 0; i < 3; i++)
				for (int c = 0; c < 24; c += 8)
					h = 33 * h ^ (p[q + (size_t)i] >> c & 255);
			slots[h & 8191] = (uint32_t)q;
		}
	}
	return size + literals * 3 + (literals + 31) / 32;
}

/* ---- what is timed ---- */

struct bench {
	struct clove_pixels image, into;
	uint8_t *bytes;
	size_t capacity, size;
	/* made anew for each turn: every image is a dictionary's first */
	struct clove_glz_encoder *glz;
	struct clove_glz_dictionary *dictionary;
};

static enum clove_err quic_encode(struct bench *b)
{
	return clove_quic_encode(b->bytes, b->capacity, &b->image, &b->size);
}

static enum clove_err quic_decode(struct bench *b)
{
	return clove_quic_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err lz_encode(struct bench *b)
{
	return clove_lz_encode(b->bytes, b->capacity, &b->image, true, &b->size);
}

static enum clove_err lz_decode(struct bench *b)
{
	return clove_lz_decode(CLOVE_BYTES(b->bytes, b->size), NULL, &b->into);
}

static enum clove_err glz_encode(struct bench *b)
{
	return clove_glz_encode(b->glz, b->bytes, b->capacity, &b->image, true, &b->size);
}

static enum clove_err glz_decode(struct bench *b)
{
	return clove_glz_decode(b->dictionary, CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err lz4_encode(struct bench *b)
{
	return clove_lz4_encode(b->bytes, b->capacity, &b->image, true, &b->size);
}

static enum clove_err lz4_decode(struct bench *b)
{
	return clove_lz4_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err jpeg_encode(struct bench *b)
{
	return clove_jpeg_encode(b->bytes, b->capacity, &b->image, 85, &b->size);
}

static enum clove_err jpeg_decode(struct bench *b)
{
	return clove_jpeg_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err plain_encode(struct bench *b)
{
	b->size = (size_t)LZ4_compress_default((const char *)b->image.data, (char *)b->bytes,
			PIXELS * 4, (int)b->capacity);
	return b->size ? CLOVE_OK : CLOVE_ERR_LIMIT;
}

static enum clove_err plain_decode(struct bench *b)
{
	return LZ4_decompress_safe((const char *)b->bytes, (char *)b->into.data, (int)b->size,
			PIXELS * 4) == PIXELS * 4 ? CLOVE_OK : CLOVE_ERR_VALUE;
}

#ifdef HAVE_ZSTD
static enum clove_err zstd_encode(struct bench *b)
{
	b->size = ZSTD_compress(b->bytes, b->capacity, b->image.data, PIXELS * 4, 1);
	return ZSTD_isError(b->size) ? CLOVE_ERR_LIMIT : CLOVE_OK;
}

static enum clove_err zstd_decode(struct bench *b)
{
	return ZSTD_decompress(b->into.data, PIXELS * 4, b->bytes, b->size) == PIXELS * 4
			? CLOVE_OK : CLOVE_ERR_VALUE;
}
#endif

enum codec { PLAIN, ZSTD, LZ4, LZ, GLZ, QUIC, JPEG, CODECS };

static const struct {
	const char *name;
	enum clove_err (*encode)(struct bench *b), (*decode)(struct bench *b);
} codecs[CODECS] = {
	[PLAIN] = { "lz4 library", plain_encode, plain_decode },
#ifdef HAVE_ZSTD
	[ZSTD] = { "zstd -1", zstd_encode, zstd_decode },
#endif
	[LZ4] = { "lz4", lz4_encode, lz4_decode },
	[LZ] = { "lz", lz_encode, lz_decode },
	[GLZ] = { "glz", glz_encode, glz_decode },
	[QUIC] = { "quic", quic_encode, quic_decode },
	[JPEG] = { "jpeg", jpeg_encode, jpeg_decode },
};

enum image { TEXT, FLAT, PHOTO, IMAGES };

static const struct {
	const char *name;
	void (*draw)(uint32_t *p);
} images[IMAGES] = { { "text", draw_text }, { "flat", draw_flat }, { "photo", draw_photo } };

static const struct bar {
	enum image image;
	enum codec codec;
	bool is_decode;
	enum codec beside;
	double least;
} bars[] = {
	{ PHOTO, QUIC, false, PLAIN, 0.6 },
	{ PHOTO, QUIC, true, PLAIN, 0.6 },
	{ TEXT, QUIC, false, ZSTD, 0.9 },
	{ PHOTO, LZ, false, PLAIN, 0.8 },
	{ TEXT, LZ, false, PLAIN, 1.0 },
	{ PHOTO, GLZ, false, LZ, 0.8 },
};

#define MOST_ROUNDS 99

static struct row {
	double encode[MOST_ROUNDS], decode[MOST_ROUNDS]; /* MB/s */
	size_t size;
} rows[IMAGES][CODECS];
static double search_sizes[IMAGES];

/* CPU time: what the neighbours take is not counted. */
static double mb_per_s(struct bench *b, enum clove_err (*run)(struct bench *b))
{
	struct timespec start, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	if (run(b)) {
		fprintf(stderr, "a codec failed\n");
		exit(1);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return PIXELS * 4.0 * 1000 / ((double)(end.tv_sec - start.tv_sec) * 1e9
			+ (double)(end.tv_nsec - start.tv_nsec));
}

static void measure(struct bench *b, enum image image, enum codec codec, int round)
{
	struct row *row = &rows[image][codec];

	if (!codecs[codec].encode)
		return;
	clove_glz_encoder_unref(b->glz);
	clove_glz_dictionary_free(b->dictionary);
	b->glz = clove_glz_encoder_new(0);
	if (!b->glz || !clove_glz_encoder_open(b->glz, 0, 2 * PIXELS))
		exit(1);
	b->dictionary = clove_glz_dictionary_new(2 * PIXELS);
	memset(b->into.data, 0xff, PIXELS * 4);
	row->encode[round] = mb_per_s(b, codecs[codec].encode);
	row->decode[round] = mb_per_s(b, codecs[codec].decode);
	row->size = b->size;
	if (codec != JPEG && memcmp(b->image.data, b->into.data, PIXELS * 4)) {
		fprintf(stderr, "%s: the pixels differ\n", codecs[codec].name);
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

static void print_rows(enum image image, int rounds)
{
	for (enum codec c = 0; c < CODECS; c++) {
		struct row *row = &rows[image][c];

		if (!codecs[c].encode)
			continue;
		qsort(row->encode, (size_t)rounds, sizeof *row->encode, compare);
		qsort(row->decode, (size_t)rounds, sizeof *row->decode, compare);
		printf("%-6s %-12s %9.0f %9.0f %9zu %8.3f", images[image].name, codecs[c].name,
				row->encode[rounds / 2], row->decode[rounds / 2], row->size,
				(double)row->size / PIXELS);
		if (c == LZ)
			printf(" %9.3f", (double)row->size / search_sizes[image]);
		printf("\n");
	}
}

static void print_bars(int rounds)
{
	printf("\n%-6s %-5s %-7s %-13s %6s %6s\n", "bar", "codec", "what", "beside", "least", "is");
	for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
		const struct bar *bar = &bars[i];
		const struct row *row = &rows[bar->image][bar->codec], *peer = &rows[bar->image][bar->beside];
		double is = (bar->is_decode ? row->decode : row->encode)[rounds / 2] / peer->encode[rounds / 2];

		printf("%-6s %-5s %-7s ", images[bar->image].name, codecs[bar->codec].name,
				bar->is_decode ? "decode" : "encode");
		if (codecs[bar->beside].encode)
			printf("%-13s %6.2f %6.2f  %s\n", codecs[bar->beside].name, bar->least, is,
					is >= bar->least ? "holds" : "missed");
		else
			printf("not built in: nothing to compare with\n");
	}
	for (enum image image = 0; image < IMAGES; image++) {
		double is = (double)rows[image][LZ].size / search_sizes[image];

		printf("%-6s %-5s %-7s %-13s %6.2f %6.3f  %s\n", images[image].name, "lz", "bytes",
				"plain search", 1.05, is, is <= 1.05 ? "holds" : "missed");
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 15;
	uint32_t *pixels[IMAGES], *back = calloc(PIXELS, 4);
	struct bench b = {
		.into = { (uint8_t *)back, WIDTH, HEIGHT, WIDTH * 4, CLOVE_FORMAT_RGB32 },
		.capacity = 32 << 20,
	};

	rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
	b.bytes = malloc(b.capacity);
	if (!back || !b.bytes)
		return 1;
	for (enum image i = 0; i < IMAGES; i++) {
		pixels[i] = malloc(PIXELS * 4);
		if (!pixels[i])
			return 1;
		images[i].draw(pixels[i]);
		search_sizes[i] = (double)search_size(pixels[i]);
	}
	for (int round = 0; round < rounds; round++) {
		for (enum image i = 0; i < IMAGES; i++) {
			b.image = b.into;
			b.image.data = (uint8_t *)pixels[i];
			for (enum codec c = 0; c < CODECS; c++)
				measure(&b, i, c, round);
		}
	}
	printf("%-6s %-12s %9s %9s %9s %8s %9s\n", "image", "codec", "encode", "decode", "bytes",
			"bytes/px", "of search");
	for (enum image i = 0; i < IMAGES; i++)
		print_rows(i, rounds);
	print_bars(rounds);
	for (enum image i = 0; i < IMAGES; i++)
		free(pixels[i]);
	clove_glz_encoder_unref(b.glz);
	clove_glz_dictionary_free(b.dictionary);
	free(b.bytes);
	free(back);
	return 0;
}
