/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-pictures.c - draws what codecs are measured by: a page of text, windows, a photograph. */
#include "bench/codec-pictures.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"

struct sheet {
	uint32_t *p, seed;
	int width, height;
};

static uint32_t chance(struct sheet *s)
{
	s->seed = s->seed * 1664525 + 1013904223;
	return s->seed >> 8;
}

static void fill(struct sheet *s, int x, int y, int w, int h, uint32_t colour)
{
	for (int j = y; j < y + h && j < s->height; j++)
		for (int i = x; i < x + w && i < s->width; i++)
			s->p[j * s->width + i] = colour;
}

/* Smoothed letters of a made-up alphabet in lines of text, black on white with a few coloured words. */
bool pictures_text(uint32_t *p, int width, int height, uint32_t seed)
{
	struct sheet s = { p, seed, width, height };
	uint8_t glyphs[64][14][8];

	for (int g = 0; g < 64; g++)
		for (int y = 0; y < 14; y++)
			for (int x = 0; x < 8; x++)
				glyphs[g][y][x] = y < 2 || y > 11 || !x || chance(&s) % 3
						? 255 : (uint8_t)(chance(&s) % 4 * 80);
	fill(&s, 0, 0, width, height, 0xffffff);
	fill(&s, 0, 0, width, 30, 0x2d3748);
	for (int top = 40; top + 17 <= height; top += 17) {
		int length = 20 + (int)(chance(&s) % 180);
		uint32_t ink = 0;

		for (int column = 0; column < length && 28 + column * 9 < width; column++) {
			unsigned int g = chance(&s) % 80;

			if (g >= 64) {
				ink = chance(&s) % 8 ? 0 : 0x2b6cb0;
				continue;
			}
			for (int y = 0; y < 14; y++) {
				for (int x = 0; x < 8; x++) {
					uint32_t a = glyphs[g][y][x], v = 0;

					for (int c = 0; c < 24; c += 8)
						v |= (((ink >> c & 255) * (255 - a) + 255 * a) / 255) << c;
					p[(top + y) * width + 20 + column * 9 + x] = v;
				}
			}
		}
	}
	return true;
}

/* Windows, buttons, borders, gradients in title bars. */
bool pictures_flat(uint32_t *p, int width, int height, uint32_t seed)
{
	struct sheet s = { p, seed, width, height };

	fill(&s, 0, 0, width, height, 0x336699);
	for (int i = 0; i < 60; i++) {
		int w = 60 + (int)(chance(&s) % 500), h = 30 + (int)(chance(&s) % 300);
		int x = (int)(chance(&s) % (uint32_t)(width - 60));
		int y = (int)(chance(&s) % (uint32_t)(height - 30));
		uint32_t colour = 0x101010 * (8 + chance(&s) % 8);

		fill(&s, x, y, w, h, 0x404040);
		fill(&s, x + 1, y + 1, w - 2, h - 2, colour);
		for (int j = 0; j < 20; j++)
			fill(&s, x + 1, y + 1 + j, w - 2, 1, 0x4070a0 + 0x010203 * (uint32_t)j);
		for (int j = 0; j < 4; j++)
			fill(&s, x + 10 + j * 50, y + 26, 40, 12, colour ^ 0x181818);
	}
	return true;
}

/* ---- the photograph ---- */

/* Light that changes smoothly, `step` pixels from one bright point to the next. */
static bool add_light(struct sheet *s, int *plane, int step, int weight)
{
	int columns = s->width / step + 2, rows = s->height / step + 2;
	int *lattice = malloc((size_t)columns * (size_t)rows * sizeof *lattice);

	if (!lattice)
		return false;
	for (int i = 0; i < columns * rows; i++)
		lattice[i] = (int)(chance(s) % (uint32_t)(2 * weight)) - weight;
	for (int y = 0; y < s->height; y++) {
		for (int x = 0; x < s->width; x++) {
			const int *l = lattice + y / step * columns + x / step;
			int u = x % step, v = y % step;

			plane[y * s->width + x] += (l[0] * (step - u) * (step - v) + l[1] * u * (step - v)
					+ l[columns] * (step - u) * v + l[columns + 1] * u * v)
					* 16 / (step * step);
		}
	}
	free(lattice);
	return true;
}

/* Things with edges, each of one colour and lit from a side. */
static void add_things(struct sheet *s, int *planes[3])
{
	for (int i = 0; i < 120; i++) {
		int rx = 10 + (int)(chance(s) % 160), ry = 10 + (int)(chance(s) % 120);
		int cx = (int)(chance(s) % (uint32_t)s->width), cy = (int)(chance(s) % (uint32_t)s->height);
		int add[3], slope = (int)(chance(s) % 21) - 10;

		for (int c = 0; c < 3; c++)
			add[c] = (int)(chance(s) % (c ? 40 : 90)) - (c ? 20 : 45);
		for (int y = cy - ry > 0 ? cy - ry : 0; y < cy + ry && y < s->height; y++) {
			for (int x = cx - rx > 0 ? cx - rx : 0; x < cx + rx && x < s->width; x++) {
				int64_t u = (int64_t)(x - cx) * ry, v = (int64_t)(y - cy) * rx;

				if (u * u + v * v > (int64_t)rx * rx * ry * ry)
					continue;
				for (int c = 0; c < 3; c++)
					planes[c][y * s->width + x] += 16 * add[c]
							+ (c ? 0 : 16 * slope * (x - cx) / rx);
			}
		}
	}
}

static uint32_t byte(int v)
{
	return v < 0 ? 0 : v > 255 ? 255 : (uint32_t)v;
}

/* A camera's grain lies in the light more than in the colours, and dark parts have more of it. */
static void expose(struct sheet *s, int *planes[3])
{
	for (int i = 0; i < s->width * s->height; i++) {
		int light = planes[0][i] / 16 + 118, grain = light > 150 ? 3 : 7;
		int blue = planes[1][i] / 16, red = planes[2][i] / 16;

		light += (int)(chance(s) % (uint32_t)grain) - grain / 2;
		s->p[i] = byte(light + red) << 16 | byte(light - (blue + 2 * red) / 4) << 8
				| byte(light + blue);
	}
}

/* What is shown as a photograph has been a JPEG. */
static bool develop(struct sheet *s, int quality)
{
	struct clove_pixels pixels = { (uint8_t *)s->p, s->width, s->height, 4 * (ptrdiff_t)s->width,
			CLOVE_FORMAT_RGB32 };
	size_t size, capacity = clove_jpeg_bound(s->width, s->height);
	uint8_t *jpeg = malloc(capacity);
	bool is_good = jpeg && !clove_jpeg_encode(jpeg, capacity, &pixels, quality, &size)
			&& !clove_jpeg_decode(CLOVE_BYTES(jpeg, size), &pixels);

	free(jpeg);
	return is_good;
}

bool pictures_photo(uint32_t *p, int width, int height, uint32_t seed)
{
	static const struct { int step, light, colour; } scales[] = {
		{ 300, 70, 24 }, { 90, 36, 10 }, { 28, 14, 4 }, { 9, 6, 0 }, { 4, 4, 0 },
	};
	struct sheet s = { p, seed, width, height };
	size_t pixels = (size_t)width * (size_t)height;
	int *planes[3] = { NULL }, *all = calloc(3 * pixels, sizeof *all);
	bool is_good = all != NULL;

	for (size_t c = 0; is_good && c < 3; c++) {
		planes[c] = all + c * pixels;
		for (size_t i = 0; is_good && i < sizeof scales / sizeof scales[0]; i++) {
			int weight = c ? scales[i].colour : scales[i].light;

			is_good = !weight || add_light(&s, planes[c], scales[i].step, weight);
		}
	}
	if (is_good) {
		add_things(&s, planes);
		expose(&s, planes);
	}
	free(all);
	return is_good && develop(&s, 97);
}
