/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-codec.c - how fast and how small each codec is on text, a flat interface and a photograph, and
 * whether that is fast enough.
 *
 * usage: bench-codec [rounds [picture]]
 * In each round everything is run once, one after the other, so that what slows the machine slows all; the
 * figures are medians of the thread's CPU time, in MB/s of 4-byte pixels. `of lz4` compares with
 * LZ4_compress_default in the same run; `of search` compares a stream's size with a plain greedy search of
 * the same format (one entry in each of 8192 slots, every pixel looked up). Each GLZ picture is new to its
 * dictionary, which is full of another one.
 */
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/codec-pictures.h"
#include "common/codec/glz.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#define WIDTH 1920
#define HEIGHT 1080
#define PIXELS (WIDTH * HEIGHT)
#define CAPACITY ((size_t)32 << 20)
#define ROUNDS_MOST 1000

/* ---- the plain search ---- */

static uint32_t plain_hash(const uint32_t *p)
{
	uint32_t h = 5381;

	for (int i = 0; i < 3; i++)
		for (int c = 0; c < 24; c += 8)
			h = 33 * h ^ (p[i] >> c & 255);
	return h & 8191;
}

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
				uint32_t *slot = &slots[plain_hash(p + at)];

				ref = *slot;
				*slot = (uint32_t)at;
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
		for (size_t q = at - 2; q < at && at < PIXELS - 6; q++)
			slots[plain_hash(p + q)] = (uint32_t)q;
	}
	return size + literals * 3 + (literals + 31) / 32;
}

/* ---- what is timed ---- */

struct bench {
	struct clove_pixels image, into;
	uint8_t *bytes;
	size_t size;
};

static enum clove_err quic_encode(struct bench *b)
{
	return clove_quic_encode(b->bytes, CAPACITY, &b->image, &b->size);
}

static enum clove_err quic_decode(struct bench *b)
{
	return clove_quic_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err lz_encode(struct bench *b)
{
	return clove_lz_encode(b->bytes, CAPACITY, &b->image, true, &b->size);
}

static enum clove_err lz_decode(struct bench *b)
{
	return clove_lz_decode(CLOVE_BYTES(b->bytes, b->size), NULL, &b->into);
}

/* Room for two pictures of the three that come in turn. */
#define GLZ_WINDOW (PIXELS * 5 / 2)

static struct clove_glz_encoder *glz_encoder;
static struct clove_glz_dictionary *glz_dictionary;

static enum clove_err glz_encode(struct bench *b)
{
	return clove_glz_encode(glz_encoder, b->bytes, CAPACITY, &b->image, true, &b->size);
}

static enum clove_err glz_decode(struct bench *b)
{
	return clove_glz_decode(glz_dictionary, CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err lz4_encode(struct bench *b)
{
	return clove_lz4_encode(b->bytes, CAPACITY, &b->image, true, &b->size);
}

static enum clove_err lz4_decode(struct bench *b)
{
	return clove_lz4_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static struct clove_jpeg_encoder *jpeg_encoder;

static enum clove_err jpeg_encode(struct bench *b)
{
	return clove_jpeg_encoder_run(jpeg_encoder, b->bytes, CAPACITY, &b->image, 85, CLOVE_JPEG_420, &b->size);
}

static enum clove_err jpeg_decode(struct bench *b)
{
	return clove_jpeg_decode(CLOVE_BYTES(b->bytes, b->size), &b->into);
}

static enum clove_err library_encode(struct bench *b)
{
	b->size = (size_t)LZ4_compress_default((const char *)b->image.data, (char *)b->bytes,
			PIXELS * 4, (int)CAPACITY);
	return b->size ? CLOVE_OK : CLOVE_ERR_LIMIT;
}

static enum clove_err library_decode(struct bench *b)
{
	return LZ4_decompress_safe((const char *)b->bytes, (char *)b->into.data, (int)b->size,
			PIXELS * 4) == PIXELS * 4 ? CLOVE_OK : CLOVE_ERR_VALUE;
}

#ifdef HAVE_ZSTD
static enum clove_err zstd_encode(struct bench *b)
{
	b->size = ZSTD_compress(b->bytes, CAPACITY, b->image.data, PIXELS * 4, 1);
	return ZSTD_isError(b->size) ? CLOVE_ERR_LIMIT : CLOVE_OK;
}

static enum clove_err zstd_decode(struct bench *b)
{
	return ZSTD_decompress(b->into.data, PIXELS * 4, b->bytes, b->size) == PIXELS * 4
			? CLOVE_OK : CLOVE_ERR_VALUE;
}
#endif

enum { LIBRARY, ZSTD, LZ4, LZ, GLZ, QUIC, JPEG, CODECS };

static const struct codec {
	const char *name;
	enum clove_err (*encode)(struct bench *b), (*decode)(struct bench *b);
} codecs[CODECS] = {
	[LIBRARY] = { "lz4 library", library_encode, library_decode },
#ifdef HAVE_ZSTD
	[ZSTD] = { "zstd -1", zstd_encode, zstd_decode },
#endif
	[LZ4] = { "lz4", lz4_encode, lz4_decode },
	[LZ] = { "lz", lz_encode, lz_decode },
	[GLZ] = { "glz", glz_encode, glz_decode },
	[QUIC] = { "quic", quic_encode, quic_decode },
	[JPEG] = { "jpeg 85", jpeg_encode, jpeg_decode },
};

enum { TEXT, FLAT, PHOTO, PICTURES };

static const struct picture {
	const char *name;
	bool (*draw)(uint32_t *p, int width, int height, uint32_t seed);
} pictures[PICTURES] = {
	[TEXT] = { "text", pictures_text },
	[FLAT] = { "flat", pictures_flat },
	[PHOTO] = { "photo", pictures_photo },
};

/* What is asked for: so many times as fast as another, in the same run. */
static const struct bar {
	int picture, codec, other;
	bool is_decode;
	double least;
} bars[] = {
	{ PHOTO, QUIC, LIBRARY, false, 0.6 },
	{ PHOTO, QUIC, LIBRARY, true, 0.6 },
	{ TEXT, QUIC, ZSTD, false, 0.9 },
	{ PHOTO, LZ, LIBRARY, false, 0.8 },
	{ TEXT, LZ, LIBRARY, false, 1.0 },
	{ PHOTO, GLZ, LZ, false, 0.8 },
};

#define SIZE_MOST 1.05 /* of what the plain search makes */

static struct result {
	double encode, decode; /* MB/s */
	size_t size, search;
} results[PICTURES][CODECS];

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t times[CODECS][2][ROUNDS_MOST];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_speed(uint64_t *took, int rounds)
{
	qsort(took, (size_t)rounds, sizeof *took, compare);
	return PIXELS * 4.0 * 1000 / (double)took[rounds / 2];
}

static bool run_once(int which, struct bench *b, int round, uint32_t *back)
{
	uint64_t start = cpu_ns(), between;

	if (codecs[which].encode(b))
		return false;
	times[which][0][round] = cpu_ns() - start;
	between = cpu_ns();
	if (codecs[which].decode(b))
		return false;
	times[which][1][round] = cpu_ns() - between;
	if (which != JPEG && memcmp(b->image.data, back, PIXELS * 4)) {
		printf("%s: the pixels differ\n", codecs[which].name);
		return false;
	}
	return true;
}

static bool measure(int which, int rounds, uint32_t *pixels[3], uint32_t *back, uint8_t *bytes)
{
	struct bench b = { .into = { (uint8_t *)back, WIDTH, HEIGHT, WIDTH * 4, CLOVE_FORMAT_RGB32 },
			.bytes = bytes };

	clove_glz_encoder_unref(glz_encoder);
	clove_glz_dictionary_free(glz_dictionary);
	glz_encoder = clove_glz_encoder_new(0);
	glz_dictionary = clove_glz_dictionary_new(GLZ_WINDOW);
	if (!glz_encoder || !glz_dictionary || !clove_glz_encoder_open(glz_encoder, 1, GLZ_WINDOW))
		return false;
	for (int i = 0; i < 3; i++)
		if (!pictures[which].draw(pixels[i], WIDTH, HEIGHT, 12345 + (uint32_t)i))
			return false;
	for (int round = -1; round < rounds; round++) {  /* one to warm up */
		b.image = (struct clove_pixels){ (uint8_t *)pixels[(round + 3) % 3], WIDTH, HEIGHT, WIDTH * 4,
				CLOVE_FORMAT_RGB32 };
		for (int c = 0; c < CODECS; c++) {
			if (!codecs[c].encode)
				continue;
			if (!run_once(c, &b, round < 0 ? 0 : round, back))
				return false;
			results[which][c].size = b.size;
		}
	}
	for (int c = 0; c < CODECS; c++) {
		if (!codecs[c].encode)
			continue;
		results[which][c].encode = median_speed(times[c][0], rounds);
		results[which][c].decode = median_speed(times[c][1], rounds);
	}
	results[which][LZ].search = search_size((const uint32_t *)(const void *)b.image.data);
	return true;
}

static void print_results(int which)
{
	double library = results[which][LIBRARY].encode;

	for (int c = 0; c < CODECS; c++) {
		struct result *r = &results[which][c];

		if (!codecs[c].encode)
			continue;
		printf("| %s | %s | %.0f | %.0f | %zu | %.3f | %.2f | ", pictures[which].name, codecs[c].name,
				r->encode, r->decode, r->size, (double)r->size / PIXELS, r->encode / library);
		if (r->search)
			printf("%.3f ", (double)r->size / (double)r->search);
		printf("|\n");
	}
}

static bool print_bar(const struct bar *bar)
{
	struct result *own = &results[bar->picture][bar->codec];
	struct result *other = &results[bar->picture][bar->other];
	double ratio = (bar->is_decode ? own->decode : own->encode) / other->encode;

	if (!own->encode || !other->encode)
		return true;
	printf("| %s %s of %s | %s's encode | %.2f | %.2f | %s |\n", codecs[bar->codec].name,
			bar->is_decode ? "decode" : "encode", pictures[bar->picture].name,
			codecs[bar->other].name, bar->least, ratio, ratio >= bar->least ? "held" : "missed");
	return ratio >= bar->least;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 31;
	uint32_t *pixels[3], *back = calloc(PIXELS, 4);
	uint8_t *bytes = malloc(CAPACITY);
	bool is_good = true;

	rounds = rounds < 1 ? 1 : rounds > ROUNDS_MOST ? ROUNDS_MOST : rounds;
	for (int i = 0; i < 3; i++)
		pixels[i] = malloc(PIXELS * 4);
	jpeg_encoder = clove_jpeg_encoder_new();
	if (!back || !bytes || !pixels[0] || !pixels[1] || !pixels[2] || !jpeg_encoder)
		return 1;
	printf("| picture | codec | encode | decode | bytes | bytes/pixel | of lz4 | of search |\n"
			"|---|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < PICTURES; i++) {
		if (argc > 2 && strcmp(argv[2], pictures[i].name))
			continue;
		if (!measure(i, rounds, pixels, back, bytes))
			return 1;
		print_results(i);
	}
	printf("\n| what | against | bar | ratio | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++)
		is_good &= print_bar(&bars[i]);
	for (int i = 0; i < PICTURES; i++) {
		struct result *r = &results[i][LZ];
		double ratio = (double)r->size / (double)r->search;

		if (!r->search)
			continue;
		printf("| lz bytes of %s | plain search's | %.2f | %.3f | %s |\n", pictures[i].name, SIZE_MOST,
				ratio, ratio <= SIZE_MOST ? "held" : "missed");
		is_good &= ratio <= SIZE_MOST;
	}
	clove_glz_encoder_unref(glz_encoder);
	clove_glz_dictionary_free(glz_dictionary);
	clove_jpeg_encoder_free(jpeg_encoder);
	for (int i = 0; i < 3; i++)
		free(pixels[i]);
	free(bytes);
	free(back);
	return is_good ? 0 : 2;
}
