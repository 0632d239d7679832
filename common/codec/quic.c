/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic.c - QUIC's streams: headers, tables, which groups of planes a picture has. */
#include "common/codec/quic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/quic-rows.h"
#ifdef CLOVE_AVX2
#include <cpuid.h>
#endif

#define QUIC_MAGIC 0x43495551u
#define QUIC_HEADER 20

enum quic_type { QUIC_GRAY = 1, QUIC_RGB16, QUIC_RGB24, QUIC_RGB32, QUIC_RGBA };

const uint8_t clove_quic_run_bits[32] = {
	0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
	4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

/* Rows: 8 bits a component, 5 bits. */
const struct quic_code clove_quic_codes[2][8] = {
	{ { 18, 18, 8 }, { 18, 36, 8 }, { 18, 72, 8 }, { 18, 144, 7 },
			{ 15, 240, 4 }, { 7, 224, 5 }, { 3, 192, 6 }, { 1, 128, 7 } },
	{ { 21, 21, 4 }, { 15, 30, 1 }, { 7, 28, 2 }, { 3, 24, 3 }, { 1, 16, 4 } },
};

static struct quic_tables tables;
static const struct quic_rows *rows, *fastest = &clove_quic_rows;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_codes(bool is_five)
{
	for (unsigned int s = 0; s < (is_five ? 32 : 256); s++) {
		for (unsigned int l = 0; l < (is_five ? 5 : 8); l++) {
			const struct quic_code *code = &clove_quic_codes[is_five][l];
			bool is_plain = s < code->limit;
			unsigned int length = is_plain ? (s >> l) + 1 + l
					: code->zeros + (unsigned int)code->suffix;
			unsigned int value = is_plain ? 1u << l | (s & ((1u << l) - 1)) : s - code->limit;

			tables.zeros[is_five][l] = code->zeros;
			tables.limit[is_five][l] = code->limit;
			tables.length[is_five][s][7 - l] = (uint16_t)length;
			tables.word[is_five][s][l] = (uint16_t)(value << 8 | length);
		}
	}
}

#ifdef CLOVE_AVX2
/* With what comes with it: without LZCNT its instruction means another. */
static bool has_avx2(void)
{
	unsigned int a, b, c, d;

	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
			&& __get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT;
}
#endif

static void make_tables(void)
{
	make_codes(false);
	make_codes(true);
	for (unsigned int i = 0; i < 32; i++)
		tables.run[i + 1] = tables.run[i] + (1u << clove_quic_run_bits[i]);
	for (uint32_t n = 0, i = 0; n < sizeof tables.step; n++) {
		i += tables.run[i + 1] == n;
		tables.step[n] = (uint8_t)i;
	}
#ifdef CLOVE_AVX2
	if (has_avx2())
		fastest = &clove_quic_rows_avx2;
#endif
	rows = fastest;
}

void clove_quic_pick(const struct quic_rows *other)
{
	pthread_once(&tables_once, make_tables);
	rows = other ? other : fastest;
}

/* Rows are looked at whole before their codes are. */
static bool group_init(struct quic_group *group, unsigned int bpc, int32_t width)
{
	size_t words = (size_t)width / 64 + 1, columns = (size_t)width + 1;

	memset(group, 0, sizeof *group);
	group->left = QUIC_LEVEL_PIXELS;
	for (int p = 0; p < 3; p++) {
		memset(group->planes[p].best, (int)bpc - 1, sizeof group->planes[p].best);
		memset(group->planes[p].code, (int)bpc - 1, sizeof group->planes[p].code);
	}
	group->same = calloc(3 * words + columns + QUIC_SLACK, sizeof *group->same);
	if (!group->same)
		return false;
	group->memory = group->same;
	group->same_above = group->same + words;
	group->runs = group->same_above + words;
	group->context = (uint32_t *)(group->runs + words);
	group->symbols = group->context + columns;
	return true;
}

static enum clove_err read_header(struct clove_bytes in, enum quic_type *type, int32_t *width,
		int32_t *height)
{
	enum clove_err err;

	if (in.len < QUIC_HEADER)
		return CLOVE_ERR_SHORT;
	if (in.len % 4 || clove_le32(in.data) != QUIC_MAGIC)
		return CLOVE_ERR_VALUE;
	if (clove_le32(in.data + 4))
		return CLOVE_ERR_VERSION;
	if (clove_le32(in.data + 8) < QUIC_GRAY || clove_le32(in.data + 8) > QUIC_RGBA)
		return CLOVE_ERR_VALUE;
	err = clove_pixels_check_size((int32_t)clove_le32(in.data + 12), (int32_t)clove_le32(in.data + 16));
	if (err)
		return err;
	*type = (enum quic_type)clove_le32(in.data + 8);
	*width = (int32_t)clove_le32(in.data + 12);
	*height = (int32_t)clove_le32(in.data + 16);
	return CLOVE_OK;
}

static enum clove_format format_of(enum quic_type type)
{
	return type == QUIC_GRAY ? CLOVE_FORMAT_GRAY
			: (enum clove_format)(CLOVE_FORMAT_RGB16 + (type - QUIC_RGB16));
}

enum clove_err clove_quic_probe(struct clove_bytes in, struct clove_image_info *info)
{
	int32_t width, height;
	enum quic_type type;
	enum clove_err err = read_header(in, &type, &width, &height);

	if (!err)
		*info = (struct clove_image_info){ format_of(type), width, height, true };
	return err;
}

/* Which groups, one after the other, code a row. */
static const struct { enum quic_kind kinds[2]; unsigned int count, bpc; } groups_of[] = {
	[QUIC_GRAY] = { { QUIC_ONE }, 1, 8 },
	[QUIC_RGB16] = { { QUIC_RGB5 }, 1, 5 },
	[QUIC_RGB24] = { { QUIC_RGB8 }, 1, 8 },
	[QUIC_RGB32] = { { QUIC_RGB8 }, 1, 8 },
	[QUIC_RGBA] = { { QUIC_RGB8, QUIC_ALPHA }, 2, 8 },
};

static size_t row_most(enum quic_type type, int32_t width)
{
	return quic_row_most((size_t)width, 3) + (type == QUIC_RGBA ? quic_row_most((size_t)width, 1) : 0);
}

/* ---- decoding ---- */

/* The bytes of each word turned round, and zeros that a row may look at beyond the end. */
static uint8_t *turn_words(struct clove_bytes words, size_t slack)
{
	uint8_t *bytes = malloc(words.len + slack);

	if (!bytes)
		return NULL;
	for (size_t i = 0; i < words.len; i += 4)
		clove_put_be32(bytes + i, clove_le32(words.data + i));
	memset(bytes + words.len, 0, slack);
	return bytes;
}

enum clove_err clove_quic_decode(struct clove_bytes in, const struct clove_pixels *dst)
{
	struct quic_group groups[2] = { { .memory = NULL }, { .memory = NULL } };
	uint8_t *lines = NULL, *above = NULL;  /* two rows, for formats that are not the stream's */
	uint8_t *bytes = NULL;
	struct quic_reader reader = { .have = 0 };
	int32_t width, height;
	enum quic_type type;
	enum clove_format native;
	enum clove_err err = read_header(in, &type, &width, &height);
	size_t row_bytes;

	if (err)
		return err;
	if (width != dst->width || height != dst->height)
		return CLOVE_ERR_BOUNDS;
	native = type == QUIC_RGB24 ? CLOVE_FORMAT_RGB32 : format_of(type);
	if (!clove_pixels_converts(native, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	pthread_once(&tables_once, make_tables);
	row_bytes = clove_format_row_bytes(native, width);
	err = CLOVE_ERR_NOMEM;
	for (unsigned int i = 0; i < groups_of[type].count; i++)
		if (!group_init(&groups[i], groups_of[type].bpc, width))
			goto out;
	if (native != dst->format && !(lines = malloc(2 * row_bytes)))
		goto out;
	in = CLOVE_BYTES(in.data + QUIC_HEADER, in.len - QUIC_HEADER);
	bytes = turn_words(in, row_most(type, width));
	if (!bytes)
		goto out;
	reader.next = bytes;
	err = CLOVE_OK;
	for (int32_t y = 0; y < height && !err; y++) {
		uint8_t *to = clove_pixels_row(dst, y);
		uint8_t *row = lines ? lines + (y & 1) * row_bytes : to;

		for (unsigned int i = 0; i < groups_of[type].count && !err; i++)
			err = rows->decode[groups_of[type].kinds[i]](&tables, &groups[i], &reader, row, above,
					width);
		/* Zeros may be looked at beyond the end, but not used. */
		if ((uint64_t)(reader.next - bytes) * 8 - reader.have > (uint64_t)in.len * 8)
			err = CLOVE_ERR_SHORT;
		if (!err && lines)
			err = clove_pixels_convert_row(to, dst->format, row, native, width, NULL);
		above = row;
	}
out:
	free(lines);
	free(bytes);
	free(groups[0].memory);
	free(groups[1].memory);
	return err;
}

/* ---- encoding ---- */

static enum quic_type type_of(enum clove_format format)
{
	if (format == CLOVE_FORMAT_GRAY)
		return QUIC_GRAY;
	if (format < CLOVE_FORMAT_RGB16 || format > CLOVE_FORMAT_RGBA)
		return 0;
	return (enum quic_type)(QUIC_RGB16 + (format - CLOVE_FORMAT_RGB16));
}

size_t clove_quic_bound(enum clove_format format, int32_t width, int32_t height)
{
	size_t planes = format == CLOVE_FORMAT_GRAY ? 1 : format == CLOVE_FORMAT_RGBA ? 4 : 3;

	if (!type_of(format) || clove_pixels_check_size(width, height))
		return 0;
	/* No code has more than 26 bits; a run costs less than 2 bits a pixel or follows a coded pixel. */
	return QUIC_HEADER + 8 + (size_t)width * (size_t)height * planes * 28 / 8;
}

/* Whole words of the row's bytes, turned round, go from `bytes` to *dst; what is left moves to the front. */
static enum clove_err put_words(struct quic_writer *out, uint8_t *bytes, uint8_t **dst, const uint8_t *end)
{
	size_t len = (size_t)(out->next - bytes), whole = len & ~(size_t)3, i = 0;

	if (whole > (size_t)(end - *dst))
		return CLOVE_ERR_LIMIT;
	for (; i + 8 <= whole; i += 8) {
		uint64_t two = clove_be64(bytes + i);

		clove_put_le64(*dst + i, two >> 32 | two << 32);
	}
	if (i < whole)
		clove_put_le32(*dst + i, clove_be32(bytes + i));
	*dst += whole;
	memmove(bytes, bytes + whole, len - whole);
	out->next = bytes + (len - whole);
	return CLOVE_OK;
}

/* The last word is filled with zeros, and existing decoders look one word ahead. */
static enum clove_err put_end(struct quic_writer *out, uint8_t *bytes, uint8_t **dst, const uint8_t *end)
{
	size_t len = (size_t)(out->next - bytes);

	if (out->have)
		bytes[len++] = (uint8_t)(out->bits << (8 - out->have));
	memset(bytes + len, 0, 8);
	out->next = bytes + ((len + 3) & ~(size_t)3) + 4;
	return put_words(out, bytes, dst, end);
}

enum clove_err clove_quic_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		size_t *size)
{
	struct quic_group groups[2] = { { .memory = NULL }, { .memory = NULL } };
	enum quic_type type = type_of(src->format);
	uint8_t *lines = NULL, *above = NULL;  /* two rows of RGB24 as RGB32 */
	uint8_t *bytes = NULL, *next;
	struct quic_writer out = { .have = 0 };
	enum clove_err err = clove_pixels_check_size(src->width, src->height);

	if (err)
		return err;
	if (!type)
		return CLOVE_ERR_UNSUPPORTED;
	if (capacity < QUIC_HEADER)
		return CLOVE_ERR_LIMIT;
	pthread_once(&tables_once, make_tables);
	err = CLOVE_ERR_NOMEM;
	for (unsigned int i = 0; i < groups_of[type].count; i++)
		if (!group_init(&groups[i], groups_of[type].bpc, src->width))
			goto out;
	if (type == QUIC_RGB24 && !(lines = malloc(8 * (size_t)src->width)))
		goto out;
	bytes = malloc(row_most(type, src->width));
	if (!bytes)
		goto out;
	clove_put_le32(dst, QUIC_MAGIC);
	clove_put_le32(dst + 4, 0);
	clove_put_le32(dst + 8, type);
	clove_put_le32(dst + 12, (uint32_t)src->width);
	clove_put_le32(dst + 16, (uint32_t)src->height);
	next = dst + QUIC_HEADER;
	out.next = bytes;
	err = CLOVE_OK;
	for (int32_t y = 0; y < src->height && !err; y++) {
		uint8_t *row = clove_pixels_row(src, y);

		if (lines) {
			uint8_t *line = lines + (y & 1) * 4 * (size_t)src->width;

			err = clove_pixels_convert_row(line, CLOVE_FORMAT_RGB32, row,
					CLOVE_FORMAT_RGB24, src->width, NULL);
			row = line;
		}
		for (unsigned int i = 0; i < groups_of[type].count; i++)
			rows->encode[groups_of[type].kinds[i]](&tables, &groups[i], &out, row, above, src->width);
		if (!err)
			err = put_words(&out, bytes, &next, dst + capacity);
		above = row;
	}
	if (!err)
		err = put_end(&out, bytes, &next, dst + capacity);
	*size = (size_t)(next - dst);
out:
	free(lines);
	free(bytes);
	free(groups[0].memory);
	free(groups[1].memory);
	return err;
}
