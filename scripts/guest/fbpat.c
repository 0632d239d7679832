/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fbpat - a known test picture, for /dev/fb0 in a guest or as a PPM on the host.
 *
 *   fbpat [-k KIND] [-s SEED] [-d DEV]          draw on the frame buffer, print
 *                                               "WxH BPP FNV" of the RGB bytes
 *   fbpat [-k KIND] [-s SEED] -p W H            write the same picture as PPM
 *   fbpat -m [-n N] [-d DEV]                    move a 64x64 square N times
 *                                               (many small updates), report fps
 *   fbpat -v [-n N] [-d DEV]                    a film of N frames, 25 a second, in 96
 *                                               rows across the middle
 *   fbpat -f [-n N] [-d DEV]                    the same of 480x320 pixels, in which nothing
 *                                               merely moves
 * KIND: mix (default), bars, ramp, noise, check, text, solid
 */
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static uint32_t rnd(uint32_t x, uint32_t y, uint32_t seed)
{
	uint32_t h = seed * 0x9e3779b1u ^ x * 0x85ebca6bu ^ y * 0xc2b2ae35u;

	h ^= h >> 15;
	h *= 0x2c1b3c6du;
	h ^= h >> 12;
	h *= 0x297a2d39u;
	return h ^ h >> 15;
}

static uint32_t bars(uint32_t x, uint32_t w)
{
	static const uint32_t c[8] = { 0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
								   0xff00ff, 0xff0000, 0x0000ff, 0x000000 };
	return c[(x * 8 / w) & 7];
}

static uint32_t ramp(uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
	return (x * 255 / w) << 16 | (y * 255 / h) << 8 | ((x + y) & 255);
}

/* 6x10 cells of pseudo glyphs: two colours, high contrast, like a terminal */
static uint32_t text(uint32_t x, uint32_t y, uint32_t seed)
{
	uint32_t g = rnd(x / 6, y / 10, seed), b = (y % 10) * 6 + x % 6;

	if (x % 6 == 5 || y % 10 > 7)
		return 0x102030;
	return (g >> (b % 31) & 1) ? 0xe0e0c0 : 0x102030;
}

/* Soft, and at each time another picture. */
static uint32_t wave(uint32_t v)
{
	v &= 255;
	return v < 128 ? v * 2 : 511 - v * 2;
}

static uint32_t plasma(uint32_t x, uint32_t y, uint32_t t)
{
	uint32_t a = wave(x + 3 * t) + wave(y * 2 + 5 * t), b = wave((x * y >> 7) + 4 * t);

	return (a / 2) << 16 | (wave(a / 4 + b) & 255) << 8 | ((a + b) / 3 & 255);
}

static uint32_t pixel(const char *k, uint32_t x, uint32_t y, uint32_t w, uint32_t h, uint32_t s)
{
	if (!strcmp(k, "bars"))
		return bars(x, w);
	if (!strcmp(k, "ramp"))
		return ramp(x, y, w, h);
	if (!strcmp(k, "noise"))
		return rnd(x, y, s) & 0xffffff;
	if (!strcmp(k, "check"))
		return ((x >> 3 ^ y >> 3) & 1) ? 0xffffff : 0x303030;
	if (!strcmp(k, "text"))
		return text(x, y, s);
	if (!strcmp(k, "solid"))
		return rnd(1, 1, s) & 0xffffff;
	/* mix: four quarters, bars / ramp / text / noise, with a 1-pixel frame */
	if (!x || !y || x == w - 1 || y == h - 1)
		return 0xff8000;
	if (y < h / 2)
		return x < w / 2 ? bars(x, w / 2) : ramp(x - w / 2, y, w / 2, h / 2);
	return x < w / 2 ? text(x, y, s) : rnd(x, y, s) & 0xffffff;
}

static uint32_t fnv(uint32_t h, uint32_t rgb)
{
	h = (h ^ (rgb >> 16 & 255)) * 16777619u;
	h = (h ^ (rgb >> 8 & 255)) * 16777619u;
	return (h ^ (rgb & 255)) * 16777619u;
}

int main(int argc, char **argv)
{
	const char *kind = "mix", *dev = "/dev/fb0";
	uint32_t seed = 1, w = 0, h = 0, x, y, sum = 2166136261u;
	int c, ppm = 0, move = 0, film = 0, soft = 0, n = 200, fd, tty;
	struct fb_var_screeninfo v;
	struct fb_fix_screeninfo f;
	unsigned char *frame, *row;

	while ((c = getopt(argc, argv, "k:s:d:n:pmvf")) != -1)
		switch (c) {
		case 'k': kind = optarg; break;
		case 's': seed = strtoul(optarg, 0, 0); break;
		case 'd': dev = optarg; break;
		case 'n': n = atoi(optarg); break;
		case 'p': ppm = 1; break;
		case 'm': move = 1; break;
		case 'v': film = 1; break;
		case 'f': soft = 1; break;
		default: return 2;
		}
	if (ppm) {
		if (argc - optind < 2)
			return 2;
		w = atoi(argv[optind]);
		h = atoi(argv[optind + 1]);
		printf("P6\n%u %u\n255\n", w, h);
		for (y = 0; y < h; y++)
			for (x = 0; x < w; x++) {
				uint32_t p = pixel(kind, x, y, w, h, seed);

				putchar(p >> 16 & 255);
				putchar(p >> 8 & 255);
				putchar(p & 255);
			}
		return 0;
	}
	/* graphics mode: the console's cursor must not draw over the picture */
	tty = open("/dev/tty0", O_RDWR);
	if (tty >= 0)
		ioctl(tty, KDSETMODE, KD_GRAPHICS);
	fd = open(dev, O_RDWR);
	if (fd < 0 || ioctl(fd, FBIOGET_VSCREENINFO, &v) || ioctl(fd, FBIOGET_FSCREENINFO, &f)) {
		perror(dev);
		return 1;
	}
	w = v.xres;
	h = v.yres;
	/* The whole picture goes out in one write: Linux 6.1 shows nothing of a
	 * write that is exactly one full line (its damage rectangle is empty). */
	frame = calloc(h, f.line_length);
	row = frame;
	if (move) {
		struct timespec a, b;
		double s;
		int i, bpp = v.bits_per_pixel / 8;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (i = 0; i < n; i++) {
			uint32_t px = (uint32_t)i * 7 % (w - 64), py = (uint32_t)i * 5 % (h - 64);

			memset(row, 40 + i * 3, 64 * bpp);
			for (y = 0; y < 64; y++)
				if (pwrite(fd, row, 64 * bpp, (off_t)(py + y) * f.line_length + px * bpp) < 0)
					return 1;
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
		s = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;
		printf("%d moves %.3f s %.1f per s\n", n, s, n / s);
		return 0;
	}
	while (film && n-- > 0 && v.bits_per_pixel == 32) {
		struct timespec rest = { 0, 40000000 };
		uint32_t top = h / 2 - 48;

		for (y = 0; y < 96; y++)
			for (x = 0; x < w; x++) {
				/* brightness that moves: no pixel is one that was elsewhere before */
				uint32_t p = ramp(x * (64 + n % 64) / 128, y + 2 * n, w, h);

				memcpy(frame + (size_t)y * f.line_length + x * 4, &p, 4);
			}
		if (pwrite(fd, frame, (size_t)96 * f.line_length, (off_t)top * f.line_length) < 0)
			return 1;
		nanosleep(&rest, NULL);
	}
	while (soft && n-- > 0 && v.bits_per_pixel == 32 && w >= 480 && h >= 320) {
		struct timespec rest = { 0, 30000000 };
		uint32_t left = (w - 480) / 2, top = (h - 320) / 2;

		for (y = 0; y < 320; y++) {
			row = frame + (size_t)y * f.line_length;
			for (x = 0; x < 480; x++) {
				uint32_t p = plasma(x, y, (uint32_t)n);

				memcpy(row + x * 4, &p, 4);
			}
			if (pwrite(fd, row, 480 * 4, (off_t)(top + y) * f.line_length + left * 4) < 0)
				return 1;
		}
		nanosleep(&rest, NULL);
	}
	if (film || soft)
		return 0;
	for (y = 0; y < h; y++) {
		row = frame + (size_t)y * f.line_length;
		for (x = 0; x < w; x++) {
			uint32_t p = pixel(kind, x, y, w, h, seed);

			sum = fnv(sum, p);
			if (v.bits_per_pixel == 32) {
				uint32_t q = (p >> 16 & 255) << v.red.offset | (p >> 8 & 255) << v.green.offset |
							 (p & 255) << v.blue.offset;
				memcpy(row + x * 4, &q, 4);
			} else if (v.bits_per_pixel == 24) {
				row[x * 3] = p;
				row[x * 3 + 1] = p >> 8;
				row[x * 3 + 2] = p >> 16;
			} else {
				uint16_t q = (p >> 19 & 31) << v.red.offset |
							 (p >> (16 - v.green.length) & ((1 << v.green.length) - 1)) << v.green.offset |
							 (p >> 3 & 31) << v.blue.offset;
				memcpy(row + x * 2, &q, 2);
			}
		}
	}
	if (pwrite(fd, frame, (size_t)h * f.line_length, 0) < 0) {
		perror("write");
		return 1;
	}
	printf("%ux%u %u %08x\n", w, h, v.bits_per_pixel, sum);
	return 0;
}
