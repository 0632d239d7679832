/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-codecs.c - every recorded stream decodes to its digest, every damaged one as its index says. */
#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "common/codec/bitmap.h"
#include "common/codec/glz.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"

static const char *folder;

/* ---- the index ---- */

struct row {
	char file[160], codec[16], format[16], sha256[65], notes[512], expected[24];
	long type, width, height, stride, record;
	bool is_top_down;
};

/* The value of `key=` in the notes, or NULL; valid until the next call. */
static const char *note(const struct row *row, const char *key)
{
	static char value[160];
	size_t len = strlen(key);

	for (const char *at = row->notes; (at = strstr(at, key)); at += len) {
		if ((at == row->notes || at[-1] == ' ') && at[len] == '=') {
			sscanf(at + len + 1, "%159[^ ;]", value);
			return value;
		}
	}
	return NULL;
}

static uint32_t note_number(const struct row *row, const char *key)
{
	const char *value = note(row, key);

	return value ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

static void split(char *line, char *fields[], int n)
{
	for (int i = 0; i < n; i++)
		fields[i] = line ? strsep(&line, "\t\n") : NULL;
	for (int i = 0; i < n; i++)
		ck_assert_ptr_nonnull(fields[i]);
}

/* Plain or gzipped; an exact allocation, so that a sanitizer sees every byte too far. */
static struct clove_bytes load(const char *name)
{
	char path[1024];
	uint8_t *data = NULL;
	size_t len = 0;
	gzFile file;
	int got;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = gzopen(path, "rb");
	ck_assert_msg(file != NULL, "%s: cannot open", path);
	do {
		data = realloc(data, len + 65536);
		got = gzread(file, data + len, 65536);
		ck_assert_int_ge(got, 0);
		len += (size_t)got;
	} while (got == 65536);
	gzclose(file);
	data = realloc(data, len ? len : 1);
	return CLOVE_BYTES(data, len);
}

static void unload(struct clove_bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

static void hex_digest(const void *data, size_t len, char hex[65])
{
	uint8_t digest[32];

	EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
}

static void check_digest(const struct row *row, const char *what, const void *data, size_t len,
		const char *want)
{
	char hex[65];

	hex_digest(data, len, hex);
	ck_assert_msg(!strcmp(hex, want), "%s#%ld: %s differs", row->file, row->record, what);
}

static enum clove_format format_by_name(const char *name)
{
	static const char *const names[CLOVE_FORMATS] = { "", "plt1_le", "plt1_be", "plt4_le", "plt4_be",
			"plt8", "rgb16", "rgb24", "rgb32", "rgba", "a8", "gray" };

	for (int i = 1; i < CLOVE_FORMATS; i++)
		if (!strcmp(name, names[i]))
			return (enum clove_format)i;
	return !strcmp(name, "xxxa") ? CLOVE_FORMAT_RGBA : CLOVE_FORMAT_NONE;
}

/* ---- pictures ---- */

/* Zeroed rows; `padding` bytes behind each; bottom row first in memory if asked. */
static struct clove_pixels picture(enum clove_format format, long width, long height, size_t padding,
		bool is_top_down)
{
	size_t stride = clove_format_row_bytes(format, (int32_t)width) + padding;
	struct clove_pixels pixels = { calloc((size_t)height, stride), (int32_t)width, (int32_t)height,
			(ptrdiff_t)stride, format };

	if (!is_top_down) {
		pixels.data += stride * (size_t)(height - 1);
		pixels.stride = -pixels.stride;
	}
	return pixels;
}

static uint8_t *memory(const struct clove_pixels *pixels)
{
	return pixels->stride < 0 ? clove_pixels_row(pixels, pixels->height - 1) : pixels->data;
}

static size_t memory_size(const struct clove_pixels *pixels)
{
	return (size_t)labs(pixels->stride) * (size_t)pixels->height;
}

static void check_same(const struct row *row, const char *what, const struct clove_pixels *a,
		const struct clove_pixels *b)
{
	for (int32_t y = 0; y < a->height; y++)
		ck_assert_msg(!memcmp(clove_pixels_row(a, y), clove_pixels_row(b, y),
				clove_format_row_bytes(a->format, a->width)), "%s: %s: row %d differs",
				row->file, what, (int)y);
}

/* The palette a row names, if any. */
static const struct clove_palette *palette_of(const struct row *row)
{
	static uint32_t entries[256];
	static struct clove_palette palette;
	const char *name = note(row, "palette");
	struct clove_bytes text;
	char *at, *end;

	if (!name)
		return NULL;
	text = load(name);
	at = calloc(1, text.len + 1);
	memcpy(at, text.data, text.len);
	palette = (struct clove_palette){ entries, 0 };
	end = at;
	for (char *word; (word = strsep(&end, "\n")); )
		if (*word && palette.count < 256)
			entries[palette.count++] = (uint32_t)strtoul(word, NULL, 16);
	free(at);
	unload(text);
	return &palette;
}

/* ---- one codec's answer ---- */

static struct clove_glz_dictionary *dictionary;

static enum clove_err decode(const struct row *row, struct clove_bytes in,
		const struct clove_palette *palette, const struct clove_pixels *dst)
{
	if (!strcmp(row->codec, "QUIC"))
		return clove_quic_decode(in, dst);
	if (!strcmp(row->codec, "LZ"))
		return !strcmp(row->format, "xxxa") ? clove_lz_decode_alpha(in, row->is_top_down, dst)
				: clove_lz_decode(in, palette, dst);
	if (!strcmp(row->codec, "LZ4"))
		return clove_lz4_decode(in, dst);
	if (!strcmp(row->codec, "JPEG"))
		return clove_jpeg_decode(in, dst);
	if (!strcmp(row->codec, "JPEG_ALPHA"))
		return clove_jpeg_alpha_decode(in, (uint8_t)note_number(row, "flags"),
				note_number(row, "jpeg_size"), dst);
	if (!strcmp(row->codec, "BITMAP"))
		return clove_bitmap_decode(in, (uint32_t)row->type, (uint32_t)row->stride,
				row->is_top_down, palette, dst);
	ck_abort_msg("%s: no decoder", row->codec);
	return CLOVE_ERR_UNSUPPORTED;
}

/* The size that the stream tells of itself, where it does. */
static void check_probe(const struct row *row, struct clove_bytes in)
{
	struct clove_image_info info;
	enum clove_err err;
	bool has_size = true;

	if (!strcmp(row->codec, "QUIC")) {
		err = clove_quic_probe(in, &info);
	} else if (!strcmp(row->codec, "LZ") && strcmp(row->format, "xxxa")) {
		err = clove_lz_probe(in, &info);
	} else if (!strcmp(row->codec, "JPEG")) {
		err = clove_jpeg_probe(in, &info);
	} else if (!strcmp(row->codec, "LZ4")) {
		err = clove_lz4_probe(in, &info);
		has_size = false;
	} else {
		return;
	}
	ck_assert_msg(!err, "%s: probe says %s", row->file, clove_err_name(err));
	ck_assert(!has_size || (info.width == row->width && info.height == row->height));
	ck_assert_int_eq(info.is_top_down, row->is_top_down);
	if (strcmp(row->codec, "JPEG"))
		ck_assert_int_eq(info.format, format_by_name(row->format));
}

static void check_lossless(const struct row *row, struct clove_bytes in)
{
	enum clove_format format = format_by_name(row->format);
	const struct clove_palette *palette = palette_of(row);
	struct clove_pixels exact = picture(format, row->width, row->height, 0, row->is_top_down);
	enum clove_err err = decode(row, in, palette, &exact);

	ck_assert_msg(!err, "%s: %s", row->file, clove_err_name(err));
	check_digest(row, "digest", memory(&exact), memory_size(&exact), row->sha256);
	/* The same with padded rows in both orders, and as 32-bit pixels. */
	for (int turn = 0; turn < 4; turn++) {
		bool is_wide = turn & 1;
		enum clove_format into = is_wide ? CLOVE_FORMAT_RGB32 : format;
		struct clove_pixels padded = picture(into, row->width, row->height, 12, turn & 2);

		if (clove_pixels_converts(format, into) && strcmp(row->format, "xxxa")
				&& (palette || !is_wide || !clove_format_is_palette(format))) {
			err = decode(row, in, palette, &padded);
			ck_assert_msg(!err, "%s: padded: %s", row->file, clove_err_name(err));
			if (is_wide) {
				struct clove_pixels wide = picture(into, row->width, row->height, 0, true);

				ck_assert(!clove_pixels_convert(&wide, &exact, palette));
				check_same(row, "as 32 bits", &wide, &padded);
				free(memory(&wide));
			} else {
				check_same(row, "padded", &exact, &padded);
			}
		}
		free(memory(&padded));
	}
	if (note(row, "sha256_rgb32")) {
		struct clove_pixels wide = picture(CLOVE_FORMAT_RGB32, row->width, row->height, 0,
				row->is_top_down);

		ck_assert(!decode(row, in, palette, &wide));
		check_digest(row, "expansion", memory(&wide), memory_size(&wide),
				note(row, "sha256_rgb32"));
		free(memory(&wide));
	}
	free(memory(&exact));
}

/* JPEG, JPEG_ALPHA and BITMAP: digests of 32-bit pixels. */
static void check_wide(const struct row *row, struct clove_bytes in)
{
	bool is_alpha = !strcmp(row->format, "rgba");
	enum clove_format format = is_alpha ? CLOVE_FORMAT_RGBA
			: !strcmp(row->format, "a8") ? CLOVE_FORMAT_A8 : CLOVE_FORMAT_RGB32;
	struct clove_pixels wide = picture(format, row->width, row->height, 0, true);
	enum clove_err err = decode(row, in, palette_of(row), &wide);
	size_t pixels = (size_t)row->width * (size_t)row->height;

	ck_assert_msg(!err, "%s: %s", row->file, clove_err_name(err));
	if (!strcmp(row->codec, "BITMAP") && format == CLOVE_FORMAT_RGB32)
		for (size_t i = 0; i < pixels; i++)  /* x is what the sender had */
			wide.data[4 * i + 3] = 0;
	check_digest(row, "digest", wide.data, memory_size(&wide), row->sha256);
	if (note(row, "sha256_alpha_topdown")) {
		uint8_t *alpha = malloc(pixels);

		for (size_t i = 0; i < pixels; i++)
			alpha[i] = wide.data[4 * i + 3];
		check_digest(row, "alpha", alpha, pixels, note(row, "sha256_alpha_topdown"));
		free(alpha);
	}
	free(wide.data);
}

/* What our LZ and the recorded one took, by format. */
static size_t lz_ours[CLOVE_FORMATS], lz_theirs[CLOVE_FORMATS];

/* QUIC leaves no choice: what was decoded must be encoded to the same bytes. The others must come
 * back; LZ in no more than 5 % more bytes, all in all, than the recorded encoder took. */
static void check_encoders(const struct row *row, struct clove_bytes in)
{
	enum clove_format format = format_by_name(row->format);
	struct clove_pixels src = picture(format, row->width, row->height, 20, !row->is_top_down);
	struct clove_pixels again = picture(format, row->width, row->height, 0, true);
	bool is_quic = !strcmp(row->codec, "QUIC"), is_lz = !strcmp(row->codec, "LZ");
	size_t bound = is_quic ? clove_quic_bound(format, src.width, src.height)
			: is_lz ? clove_lz_bound(format, src.width, src.height)
			: clove_lz4_bound(format, src.width, src.height);
	uint8_t *out = malloc(bound);
	enum clove_err err;
	size_t size = 0;

	ck_assert(!decode(row, in, NULL, &src));
	if (is_quic)
		err = clove_quic_encode(out, bound, &src, &size);
	else if (!is_lz)
		err = clove_lz4_encode(out, bound, &src, row->is_top_down, &size);
	else if (!strcmp(row->format, "xxxa"))
		err = clove_lz_encode_alpha(out, bound, &src, row->is_top_down, &size);
	else
		err = clove_lz_encode(out, bound, &src, row->is_top_down, &size);
	ck_assert_msg(!err && size <= bound, "%s: %s", row->file, clove_err_name(err));
	if (is_quic)
		ck_assert_msg(size == in.len && !memcmp(out, in.data, size), "%s: other bytes", row->file);
	out = realloc(out, size);
	err = decode(row, CLOVE_BYTES(out, size), NULL, &again);
	ck_assert_msg(!err, "%s: again: %s", row->file, clove_err_name(err));
	check_same(row, "again", &src, &again);
	if (is_lz && !strstr(row->file, "-odd")) {
		lz_ours[format] += size;
		lz_theirs[format] += in.len;
	}
	free(out);
	free(memory(&src));
	free(memory(&again));
}

/* ---- sequences of GLZ ---- */

/* Our encoder with the same pictures, its client, and what both took. */
static struct clove_glz_encoder *encoder;
static struct clove_glz_dictionary *client;
static size_t glz_ours, glz_theirs;

static struct clove_bytes sequence;
static char sequence_name[160];
static size_t sequence_at;
static long sequence_record;

static void sequence_open(const char *name, uint32_t window)
{
	unload(sequence);
	clove_glz_dictionary_free(dictionary);
	clove_glz_dictionary_free(client);
	clove_glz_encoder_unref(encoder);
	sequence = load(name);
	snprintf(sequence_name, sizeof sequence_name, "%s", name);
	sequence_at = 0;
	sequence_record = 0;
	dictionary = clove_glz_dictionary_new((int32_t)window);
	client = clove_glz_dictionary_new((int32_t)window);
	encoder = clove_glz_encoder_new(0);
	ck_assert(clove_glz_encoder_open(encoder, 1, (int32_t)window));
}

static struct clove_bytes sequence_next(void)
{
	size_t len;

	if (sequence_at == sequence.len)
		return CLOVE_BYTES(NULL, 0);
	len = clove_le32(sequence.data + sequence_at);
	ck_assert_uint_le(len, sequence.len - sequence_at - 4);
	sequence_at += 4 + len;
	sequence_record++;
	return CLOVE_BYTES(sequence.data + sequence_at - len, len);
}

static enum clove_err decode_glz(struct clove_bytes in, const struct clove_pixels *dst, bool is_zlib,
		uint32_t glz_size)
{
	struct clove_buf glz = { NULL };
	enum clove_err err;

	if (!is_zlib)
		return clove_glz_decode(dictionary, in, dst);
	err = clove_zlib_glz_inflate(in, glz_size, dst ? (int64_t)dst->width * dst->height : 64 * 48, &glz);
	if (!err)
		err = clove_glz_decode(dictionary, clove_buf_bytes(&glz), dst);
	clove_buf_fini(&glz);
	return err;
}

static void encode_glz(const struct row *row, const struct clove_pixels *src, size_t recorded)
{
	struct clove_pixels back = picture(src->format, src->width, src->height, 0, true);
	size_t size, bound = clove_glz_bound(src->format, src->width, src->height);
	uint8_t *out = malloc(bound);

	ck_assert(!clove_glz_encode(encoder, out, bound, src, row->is_top_down, &size));
	ck_assert(!clove_glz_decode(client, CLOVE_BYTES(out, size), &back));
	check_same(row, "again", src, &back);
	if (!strstr(row->file, "distance")) {  /* whose pictures refer to others, not in the index */
		glz_ours += size;
		glz_theirs += recorded;
	}
	free(out);
	free(back.data);
}

static void sequence_close(void)
{
	unload(sequence);
	sequence = CLOVE_BYTES(NULL, 0);
	sequence_name[0] = 0;
	clove_glz_dictionary_free(dictionary);
	clove_glz_dictionary_free(client);
	clove_glz_encoder_unref(encoder);
	dictionary = client = NULL;
	encoder = NULL;
}

static void check_glz(const struct row *row)
{
	bool is_zlib = !strcmp(row->codec, "ZLIB_GLZ");
	struct clove_pixels exact = picture(format_by_name(row->format), row->width, row->height, 0,
			row->is_top_down);
	struct clove_bytes in = { NULL, 0 };
	enum clove_err err;

	if (strcmp(sequence_name, row->file) || sequence_record > row->record)
		sequence_open(row->file, note(row, "window") ? note_number(row, "window") : 1 << 22);
	while (sequence_record < row->record) {
		/* Not in the index, but later records may refer to it. */
		in = sequence_next();
		ck_assert(!clove_glz_decode(dictionary, in, NULL));
	}
	in = sequence_next();
	err = decode_glz(in, &exact, is_zlib, note_number(row, "glz_data_size"));
	ck_assert_msg(!err, "%s#%ld: %s", row->file, row->record, clove_err_name(err));
	check_digest(row, "digest", memory(&exact), memory_size(&exact), row->sha256);
	ck_assert_int_le(clove_glz_dictionary_pixels(dictionary),
			note(row, "window") ? note_number(row, "window") : 1 << 22);
	encode_glz(row, &exact, is_zlib ? note_number(row, "glz_data_size") : in.len);
	free(memory(&exact));
}

/* ---- tests ---- */

static int for_each(const char *codec, void (*check)(const struct row *row, struct clove_bytes in))
{
	char path[1024], line[2048];
	int count = 0;
	FILE *index;

	snprintf(path, sizeof path, "%s/index.tsv", folder);
	index = fopen(path, "r");
	ck_assert_msg(index != NULL, "%s: cannot open", path);
	while (fgets(line, sizeof line, index)) {
		struct row row = { .record = -1 };
		struct clove_bytes in;
		char *f[11], *hash;

		split(line, f, 11);
		if (strcmp(f[1], codec))
			continue;
		hash = strchr(f[0], '#');
		if (hash) {
			*hash = 0;
			row.record = strtol(hash + 1, NULL, 10);
		}
		snprintf(row.file, sizeof row.file, "%s", f[0]);
		snprintf(row.codec, sizeof row.codec, "%s", f[1]);
		snprintf(row.format, sizeof row.format, "%s", f[3]);
		snprintf(row.sha256, sizeof row.sha256, "%s", f[9]);
		snprintf(row.notes, sizeof row.notes, "%s", f[10]);
		row.type = strtol(f[2], NULL, 10);
		row.width = strtol(f[4], NULL, 10);
		row.height = strtol(f[5], NULL, 10);
		row.stride = strtol(f[6], NULL, 10);
		row.is_top_down = f[7][0] == '1';
		count++;
		if (row.record >= 0) {
			check_glz(&row);
			continue;
		}
		in = load(row.file);
		check(&row, in);
		unload(in);
	}
	fclose(index);
	printf("%s: %d streams\n", codec, count);
	return count;
}

static void check_all(const struct row *row, struct clove_bytes in)
{
	check_probe(row, in);
	check_lossless(row, in);
	check_encoders(row, in);
}

START_TEST(test_quic_is_exact_both_ways)
{
	ck_assert_int_gt(for_each("QUIC", check_all), 100);
}
END_TEST

START_TEST(test_lz_is_exact)
{
	ck_assert_int_gt(for_each("LZ", check_all), 300);
	for (int i = 1; i < CLOVE_FORMATS; i++) {
		printf("LZ format %d: %zu bytes, recorded %zu\n", i, lz_ours[i], lz_theirs[i]);
		ck_assert_uint_le(lz_ours[i], lz_theirs[i] + lz_theirs[i] / 20);
	}
}
END_TEST

START_TEST(test_lz4_is_exact)
{
	ck_assert_int_gt(for_each("LZ4", check_all), 100);
}
END_TEST

static void check_jpeg(const struct row *row, struct clove_bytes in)
{
	check_probe(row, in);
	check_wide(row, in);
}

START_TEST(test_jpeg_is_exact)
{
	ck_assert_int_gt(for_each("JPEG", check_jpeg), 30);
	ck_assert_int_gt(for_each("JPEG_ALPHA", check_wide), 30);
}
END_TEST

START_TEST(test_bitmap_is_exact)
{
	ck_assert_int_ge(for_each("BITMAP", check_wide), 16);
}
END_TEST

START_TEST(test_glz_is_exact)
{
	ck_assert_int_gt(for_each("GLZ", NULL), 100);
	ck_assert_int_gt(for_each("ZLIB_GLZ", NULL), 40);
	printf("GLZ: %zu bytes, recorded %zu\n", glz_ours, glz_theirs);
	ck_assert_uint_le(glz_ours, glz_theirs + glz_theirs / 20);
	sequence_close();
}
END_TEST

/* A descriptor that says what the stream says, for those whose parameters leave it open. */
static void descriptor(const struct row *row, struct clove_bytes in, long *width, long *height,
		enum clove_format *format)
{
	struct clove_image_info info = { CLOVE_FORMAT_RGB32, 64, 48, true };
	struct clove_glz_header header;
	enum clove_err err = CLOVE_ERR_UNSUPPORTED;

	if (!strcmp(row->codec, "QUIC"))
		err = clove_quic_probe(in, &info);
	else if (!strcmp(row->codec, "LZ"))
		err = clove_lz_probe(in, &info);
	else if (!strcmp(row->codec, "GLZ") && !(err = clove_glz_probe(in, &header)))
		info = header.info;
	else if (!strcmp(row->codec, "LZ4") && !clove_lz4_probe(in, &info))
		info.width = 64, info.height = 48;
	else if (!strcmp(row->codec, "JPEG_ALPHA"))
		info.format = CLOVE_FORMAT_RGBA;
	*width = note(row, "width") ? (long)note_number(row, "width") : err ? 64 : info.width;
	*height = note(row, "height") ? (long)note_number(row, "height") : err ? 48 : info.height;
	*format = info.format;
}

START_TEST(test_malformed_streams_are_judged)
{
	char path[1024], line[2048];
	int count = 0, wrong = 0;
	FILE *index;

	snprintf(path, sizeof path, "%s/malformed/index.tsv", folder);
	index = fopen(path, "r");
	ck_assert_msg(index != NULL, "%s: cannot open", path);
	while (fgets(line, sizeof line, index)) {
		struct row row = { .record = -1, .is_top_down = true };
		enum clove_format format;
		struct clove_pixels dst;
		struct clove_bytes in;
		enum clove_err err;
		long width, height;
		char *f[5];

		split(line, f, 5);
		if (!strcmp(f[0], "file"))
			continue;
		snprintf(row.file, sizeof row.file, "malformed/%s", f[0]);
		snprintf(row.codec, sizeof row.codec, "%s", f[1]);
		snprintf(row.expected, sizeof row.expected, "%s", f[2]);
		snprintf(row.notes, sizeof row.notes, "%s", f[3]);
		in = load(row.file);
		if (note(&row, "data_size"))  /* the message ends there */
			ck_assert_uint_eq(in.len, note_number(&row, "data_size"));
		descriptor(&row, in, &width, &height, &format);
		if (width * height > 1 << 24)  /* nobody has so large a surface for it */
			width = 64, height = 48;
		dst = picture(format, width, height, 0, true);
		if (strstr(row.codec, "GLZ")) {
			char prelude[200];

			snprintf(prelude, sizeof prelude, "malformed/%s", note(&row, "after"));
			sequence_open(prelude, 1 << 20);
			for (struct clove_bytes image; (image = sequence_next()).data; )
				ck_assert(!clove_glz_decode(dictionary, image, NULL));
			err = decode_glz(in, row.codec[0] == 'Z' ? NULL : &dst, row.codec[0] == 'Z',
					note_number(&row, "glz_data_size"));
		} else {
			static const uint32_t grays[256];

			err = decode(&row, in, &(struct clove_palette){ grays, 256 }, &dst);
		}
		if ((!strcmp(row.expected, "accept") && err) || (!strcmp(row.expected, "reject") && !err)) {
			printf("%s: want %s, got %s (%s)\n", row.file, row.expected, clove_err_name(err),
					f[4]);
			wrong++;
		}
		count++;
		free(memory(&dst));
		unload(in);
	}
	fclose(index);
	sequence_close();
	printf("malformed: %d streams\n", count);
	ck_assert_int_gt(count, 200);
	ck_assert_int_eq(wrong, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("codecs");
	TCase *tcase = tcase_create("golden");
	SRunner *runner = srunner_create(suite);
	int failed;

	folder = getenv("CLOVE_CODEC_VECTORS");
	if (!folder)
		folder = TEST_DATA "/codecs";
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, test_quic_is_exact_both_ways);
	tcase_add_test(tcase, test_lz_is_exact);
	tcase_add_test(tcase, test_lz4_is_exact);
	tcase_add_test(tcase, test_jpeg_is_exact);
	tcase_add_test(tcase, test_bitmap_is_exact);
	tcase_add_test(tcase, test_glz_is_exact);
	tcase_add_test(tcase, test_malformed_streams_are_judged);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
