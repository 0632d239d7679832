/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-codec.c - how fast and how small each codec is on desktop text, a flat interface and a photo.
 *
 * usage: bench-codec [milliseconds per figure]
 * MB/s are of 4-byte pixels; `of lz4` compares with LZ4_compress_default and LZ4_decompress_safe in
 * the same run; `of search` compares an LZ stream's size with a plain greedy search (one entry in each
 * of 8192 slots, every pixel looked up), which is what existing encoders do.
 */
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/util/loop.h"

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

/* Smooth surfaces with grain, as a camera makes them. */
static void draw_photo(uint32_t *p)
{
	enum { CELL = 40, W = WIDTH / CELL + 2, H = HEIGHT / CELL + 2 };
	static int grid[3][H][W];

	for (int c = 0; c < 3; c++)
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++)
				grid[c][y][x] = (int)(chance() % 256);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			int i = x / CELL, j = y / CELL, u = x % CELL, v = y % CELL;
			uint32_t pixel = 0;

			for (int c = 0; c < 3; c++) {
				int top = grid[c][j][i] * (CELL - u) + grid[c][j][i + 1] * u;
				int low = grid[c][j + 1][i] * (CELL - u) + grid[c][j + 1][i + 1] * u;
				int value = (top * (CELL - v) + low * v) / (CELL * CELL)
						+ (int)(chance() % 7) - 3;

				value = value < 0 ? 0 : value > 255 ? 255 : value;
				pixel |= (uint32_t)value << 8 * c;
			}
			p[y * WIDTH + x] = pixel;
		}
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

static const struct codec {
	const char *name;
	enum clove_err (*encode)(struct bench *b), (*decode)(struct bench *b);
} codecs[] = {
	{ "lz4 library", plain_encode, plain_decode },
	{ "lz4", lz4_encode, lz4_decode },
	{ "lz", lz_encode, lz_decode },
	{ "quic", quic_encode, quic_decode },
	{ "jpeg", jpeg_encode, jpeg_decode },
};

/* The best of many turns, in MB/s: on a busy machine the others tell of the neighbours. */
static double speed(struct bench *b, enum clove_err (*run)(struct bench *b), uint64_t ms)
{
	uint64_t end = clove_now_us() + ms * 1000, best = UINT64_MAX;

	for (int turns = 0; turns < 3 || clove_now_us() < end; turns++) {
		uint64_t start = clove_now_ns(), took;

		if (run(b))
			return 0;
		took = clove_now_ns() - start;
		best = took < best ? took : best;
	}
	return PIXELS * 4.0 * 1000 / (double)best;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*draw)(uint32_t *p);
	} images[] = { { "text", draw_text }, { "flat", draw_flat }, { "photo", draw_photo } };
	uint64_t ms = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
	uint32_t *pixels = malloc(PIXELS * 4), *back = calloc(PIXELS, 4);
	struct bench b = {
		.image = { (uint8_t *)pixels, WIDTH, HEIGHT, WIDTH * 4, CLOVE_FORMAT_RGB32 },
		.into = { (uint8_t *)back, WIDTH, HEIGHT, WIDTH * 4, CLOVE_FORMAT_RGB32 },
		.capacity = 32 << 20,
	};

	b.bytes = malloc(b.capacity);
	if (!pixels || !back || !b.bytes)
		return 1;
	printf("%-6s %-12s %9s %9s %8s %8s %9s\n", "image", "codec", "encode", "decode", "bytes/px",
			"of lz4", "of search");
	for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
		double library = 0;

		images[i].draw(pixels);
		for (size_t c = 0; c < sizeof codecs / sizeof codecs[0]; c++) {
			double encode, decode;

			memset(back, 0, PIXELS * 4);
			encode = speed(&b, codecs[c].encode, ms);
			decode = speed(&b, codecs[c].decode, ms);
			if (!c)
				library = encode;
			printf("%-6s %-12s %9.0f %9.0f %8.3f %8.2f", images[i].name, codecs[c].name, encode,
					decode, (double)b.size / PIXELS, encode / library);
			if (codecs[c].encode == lz_encode)
				printf(" %9.3f", (double)b.size / (double)search_size(pixels));
			printf("\n");
			if (codecs[c].encode != jpeg_encode && memcmp(pixels, back, PIXELS * 4)) {
				printf("%s: the pixels differ\n", codecs[c].name);
				return 1;
			}
		}
	}
	free(b.bytes);
	free(back);
	free(pixels);
	return 0;
}
