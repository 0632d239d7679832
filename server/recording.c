/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recording.c - knows in which order and by which names a recording has the fields of commands. */
#include "server/recording.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "server/qxl.h"

enum {
	LINE_MOST = 256, BINARY_MOST = 256 << 20, READ_STEP = 1 << 20,
	IMAGE_BITMAP = 0, IMAGE_QUIC = 1, IMAGE_SURFACE = 104, BITMAP_DIRECT = 1,
	CHUNK_HEADER = 20, CLIP_RECTS = 1, LINE_STYLED = 8, CURSOR_SET = 0, CURSOR_MOVE = 1, CURSOR_TRAIL = 3,
	KEEP_DATA = 1, MESSAGE_MOST = 100000,
	HEAD_MOST = 256,
};

static void fail(struct clove_recording *r, enum clove_err err, const char *wanted)
{
	if (r->err != CLOVE_OK)
		return;
	r->err = err;
	r->wanted = wanted;
}

/* -- text -- */

static void put(struct clove_recording *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct clove_recording *r, const char *format, ...)
{
	char text[LINE_MOST];
	va_list ap;

	if (r->err != CLOVE_OK)
		return;
	va_start(ap, format);
	int n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	fail(r, n < 0 ? CLOVE_ERR_LIMIT : clove_buf_append(r->out, text, (size_t)n), "");
}

/* One line without its end; it has to begin with `name` and a space, unless there is no name. */
static const char *get_line(struct clove_recording *r, const char *name, char *line)
{
	size_t n = strlen(name);

	if (r->err != CLOVE_OK)
		return NULL;
	r->line++;
	if (!fgets(line, LINE_MOST, r->in) || !strchr(line, '\n')) {
		fail(r, CLOVE_ERR_SHORT, name);
		return NULL;
	}
	*strchr(line, '\n') = 0;
	if (n && (strncmp(line, name, n) || (line[n] && line[n] != ' '))) {
		fail(r, CLOVE_ERR_VALUE, name);
		return NULL;
	}
	return line + n;
}

static void word(struct clove_recording *r, const char *name)
{
	char line[LINE_MOST];
	const char *rest;

	if (!r->in) {
		put(r, "%s\n", name);
	} else {
		rest = get_line(r, name, line);
		if (rest && *rest)
			fail(r, CLOVE_ERR_VALUE, name);
	}
}

static uint64_t load(const uint8_t *p, size_t bytes, bool is_signed)
{
	switch (bytes) {
	case 1: return *p;
	case 2: return is_signed ? (uint64_t)(int16_t)clove_le16(p) : clove_le16(p);
	case 4: return (uint64_t)(int32_t)clove_le32(p);
	default: return clove_le64(p);
	}
}

/* n little-endian integers of `bytes` each. */
static void numbers(struct clove_recording *r, const char *name, uint8_t *p, int n, size_t bytes)
{
	char line[LINE_MOST], *end;
	const char *text;

	if (!r->in) {
		put(r, "%s", name);
		for (int i = 0; i < n; i++, p += bytes)
			put(r, bytes == 8 ? "%s%" PRIu64 : "%s%" PRId64, i || *name ? " " : "",
					load(p, bytes, n > 1));
		put(r, "\n");
		return;
	}
	text = get_line(r, name, line);
	for (int i = 0; text && i < n; i++, p += bytes) {
		uint8_t value[8];

		/* signed text has the bits of the unsigned number */
		clove_put_le64(value, strtoull(text, &end, 10));
		memcpy(p, value, bytes);
		if (end == text)
			fail(r, CLOVE_ERR_VALUE, name);
		text = end;
	}
	if (text && *text)
		fail(r, CLOVE_ERR_VALUE, name);
}

static void number(struct clove_recording *r, const char *name, uint8_t *p, size_t bytes)
{
	numbers(r, name, p, 1, bytes);
}

static uint32_t count(struct clove_recording *r, const char *name, uint32_t value)
{
	uint8_t p[4];

	clove_put_le32(p, value);
	number(r, name, p, sizeof p);
	return clove_le32(p);
}

static void rect(struct clove_recording *r, const char *name, uint8_t *p)
{
	numbers(r, name, p, 4, 4);
}

/* -- bytes -- */

/* Digits up to a colon, which may be followed by anything. */
static bool get_size(struct clove_recording *r, const char *start, uint64_t *size)
{
	char digits[32];
	size_t n = 0;
	char *end;

	for (int c; n < sizeof digits - 1 && (c = fgetc(r->in)) != EOF && c != ':'; )
		digits[n++] = (char)c;
	digits[n] = 0;
	*size = strtoull(digits, &end, 10);
	if (n && !*end && n < sizeof digits - 1 && *size <= BINARY_MOST)
		return true;
	fail(r, CLOVE_ERR_LIMIT, start);
	return false;
}

/* As much as the file has; what it promises is believed when it is there. */
static bool get_bytes(struct clove_recording *r, uint64_t size, struct clove_buf *into)
{
	while (into->len < size) {
		size_t step = size - into->len < READ_STEP ? (size_t)(size - into->len) : READ_STEP;
		uint8_t *room = clove_buf_reserve(into, step);

		if (!room || fread(room, 1, step, r->in) != step) {
			fail(r, room ? CLOVE_ERR_SHORT : CLOVE_ERR_NOMEM, "bytes");
			return false;
		}
		into->len += step;
	}
	return true;
}

static bool inflate_bytes(struct clove_recording *r, const struct clove_buf *packed, uint64_t size,
		struct clove_buf *into)
{
	uLongf len = (uLongf)size;
	uint8_t *room;

	/* zlib makes at most about a thousand bytes of one */
	if (size / 1100 > packed->len || !(room = clove_buf_reserve(into, (size_t)size + 1)) ||
			uncompress(room, &len, packed->data, packed->len) != Z_OK || len != size) {
		fail(r, CLOVE_ERR_VALUE, "compressed bytes");
		return false;
	}
	into->len = (size_t)size;
	return true;
}

/* Appends to `into`; at most `most` bytes. */
static void get_binary(struct clove_recording *r, const char *name, uint64_t most, struct clove_buf *into)
{
	struct clove_buf packed = { 0 }, plain = { 0 };
	uint64_t size = 0, packed_size = 0;
	char start[LINE_MOST];
	int c, is_packed;

	if (r->err != CLOVE_OK)
		return;
	r->line++;
	is_packed = fgets(start, 9, r->in) && !strncmp(start, "binary ", 7) ? start[7] - '0' : -1;
	snprintf(start, sizeof start, " %s ", name);
	for (const char *p = start; *p && is_packed >= 0; p++)
		if (fgetc(r->in) != *p)
			is_packed = -1;
	if (is_packed < 0 || is_packed > 1) {
		fail(r, CLOVE_ERR_VALUE, name);
		return;
	}
	if (!get_size(r, name, &size) || (is_packed && !get_size(r, name, &packed_size)))
		return;
	if (size > most)
		fail(r, CLOVE_ERR_LIMIT, name);
	else if (!is_packed)
		get_bytes(r, size, &plain);
	else if (get_bytes(r, packed_size, &packed))
		inflate_bytes(r, &packed, size, &plain);
	c = r->err == CLOVE_OK ? fgetc(r->in) : '\n';
	if (c != '\n' && c != EOF)
		fail(r, CLOVE_ERR_VALUE, name);
	if (r->err == CLOVE_OK && plain.len)
		fail(r, clove_buf_append(into, plain.data, plain.len), name);
	clove_buf_fini(&packed);
	clove_buf_fini(&plain);
}

static void put_binary(struct clove_recording *r, const char *name, struct clove_bytes bytes)
{
	put(r, "binary 0 %s %zu:", name, bytes.len);
	if (r->err == CLOVE_OK)
		fail(r, clove_buf_append(r->out, bytes.data, bytes.len), name);
	put(r, "\n");
}

/* -- memory -- */

/* The structure at `address`, or zeroes to be filled. */
static void begin(struct clove_recording *r, uint64_t address, uint8_t *p, size_t size)
{
	memset(p, 0, size);
	if (!r->in && r->err == CLOVE_OK && !clove_memslot_read(r->source->memslots, r->source->group, address,
			p, size))
		fail(r, CLOVE_ERR_BOUNDS, "");
}

static uint64_t keep(struct clove_recording *r, const uint8_t *head, size_t head_size, struct clove_bytes bytes)
{
	uint8_t *p;

	if (r->err != CLOVE_OK)
		return 0;
	p = clove_arena_alloc(r->arena, head_size + bytes.len + 1);
	if (!p) {
		fail(r, CLOVE_ERR_LIMIT, "memory");
		return 0;
	}
	if (head_size)
		memcpy(p, head, head_size);
	if (bytes.len)
		memcpy(p + head_size, bytes.data, bytes.len);
	return (uintptr_t)p;
}

static uint64_t end(struct clove_recording *r, uint64_t address, const uint8_t *p, size_t size)
{
	return r->in ? keep(r, p, size, CLOVE_BYTES(NULL, 0)) : address;
}

/* Exactly `size` bytes at `address`. */
static uint64_t binary(struct clove_recording *r, const char *name, uint64_t address, uint64_t size)
{
	struct clove_buf bytes = { 0 };
	const uint8_t *at;

	if (r->err != CLOVE_OK)
		return 0;
	if (!r->in) {
		at = size <= BINARY_MOST ? clove_memslot_get(r->source->memslots, r->source->group, address,
				size) : NULL;
		if (at)
			put_binary(r, name, CLOVE_BYTES(at, (size_t)size));
		else
			fail(r, CLOVE_ERR_BOUNDS, name);
		return address;
	}
	get_binary(r, name, size, &bytes);
	if (r->err == CLOVE_OK && bytes.len != size)
		fail(r, CLOVE_ERR_SHORT, name);
	address = keep(r, NULL, 0, clove_buf_bytes(&bytes));
	clove_buf_fini(&bytes);
	return address;
}

/* Chunked bytes behind the `head` of their structure. Where they were torn means nothing: they are
 * written, and built, in one piece. */
static uint64_t chunked(struct clove_recording *r, const char *name, uint64_t address, const uint8_t *head,
		size_t head_size)
{
	uint8_t whole[HEAD_MOST + CHUNK_HEADER] = { 0 };
	struct clove_chunks chunks;
	struct clove_buf bytes = { 0 };
	char line[LINE_MOST];
	uint64_t total = 0;
	uint32_t more = 0;
	const char *text;

	if (r->err != CLOVE_OK)
		return 0;
	if (!r->in) {
		uint64_t most = clove_memslots_size(r->source->memslots, r->source->group);
		enum clove_err err = clove_memslot_get_chunks(r->source->memslots, r->source->group,
				address + head_size, most < BINARY_MOST ? most : BINARY_MOST, true, &chunks);

		if (err != CLOVE_OK) {
			fail(r, err, name);
			return 0;
		}
		put(r, "data_chunks 0 %zu\n", chunks.bytes.len);
		put_binary(r, name, chunks.bytes);
		clove_chunks_fini(&chunks);
		return address;
	}
	text = get_line(r, "data_chunks", line);
	if (!text || sscanf(text, "%" SCNu32 " %" SCNu64, &more, &total) != 2 || total > BINARY_MOST) {
		fail(r, CLOVE_ERR_VALUE, "data_chunks");
		return 0;
	}
	for (uint64_t i = 0; i <= more && r->err == CLOVE_OK; i++)
		get_binary(r, name, total - bytes.len, &bytes);
	if (head_size)
		memcpy(whole, head, head_size);
	clove_put_le32(whole + head_size, (uint32_t)bytes.len);
	address = keep(r, whole, head_size + CHUNK_HEADER, clove_buf_bytes(&bytes));
	clove_buf_fini(&bytes);
	return address;
}

/* A pointer in the structure `p`, replaced by where `walk` has put what it points to. */
#define FOLLOW(p, walk) clove_put_le64(p, walk)

/* -- images and brushes -- */

static uint64_t palette(struct clove_recording *r, uint64_t address)
{
	uint8_t p[10 + 4 * 256];
	uint32_t n;

	if (!count(r, "has_palette", address != 0))
		return 0;
	begin(r, address, p, 10);
	number(r, "qp.num_ents", p + 8, 2);
	number(r, "unique", p, 8);
	n = clove_le16(p + 8);
	if (n > 256)
		fail(r, CLOVE_ERR_VALUE, "qp.num_ents");
	if (r->err != CLOVE_OK)
		return 0;
	if (!r->in)
		begin(r, address, p, 10 + 4 * (size_t)n);
	for (uint32_t i = 0; i < n; i++)
		number(r, "ents", p + 10 + 4 * (size_t)i, 4);
	return end(r, address, p, 10 + 4 * (size_t)n);
}

static void bitmap(struct clove_recording *r, uint8_t *p)
{
	uint64_t rows, stride;

	number(r, "bitmap.format", p, 1);
	number(r, "bitmap.flags", p + 1, 1);
	number(r, "bitmap.x", p + 2, 4);
	number(r, "bitmap.y", p + 6, 4);
	number(r, "bitmap.stride", p + 10, 4);
	FOLLOW(p + 14, palette(r, clove_le64(p + 14)));
	rows = clove_le32(p + 6);
	stride = clove_le32(p + 10);
	if (p[1] & BITMAP_DIRECT)
		FOLLOW(p + 22, binary(r, "image_data_flat", clove_le64(p + 22), rows * stride));
	else
		FOLLOW(p + 22, chunked(r, "bitmap.data", clove_le64(p + 22), NULL, 0));
}

static uint64_t image(struct clove_recording *r, uint64_t address)
{
	enum { DESCRIPTOR = 18, BITMAP = 30 };
	uint8_t p[DESCRIPTOR + BITMAP];

	if (!count(r, "image", address != 0))
		return 0;
	begin(r, address, p, DESCRIPTOR);
	number(r, "descriptor.id", p, 8);
	number(r, "descriptor.type", p + 8, 1);
	number(r, "descriptor.flags", p + 9, 1);
	number(r, "descriptor.width", p + 10, 4);
	number(r, "descriptor.height", p + 14, 4);
	switch (p[8]) {
	case IMAGE_BITMAP:
		begin(r, address + DESCRIPTOR, p + DESCRIPTOR, BITMAP);
		bitmap(r, p + DESCRIPTOR);
		return end(r, address, p, DESCRIPTOR + BITMAP);
	case IMAGE_SURFACE:
		begin(r, address + DESCRIPTOR, p + DESCRIPTOR, 4);
		number(r, "surface_image.surface_id", p + DESCRIPTOR, 4);
		return end(r, address, p, DESCRIPTOR + 4);
	case IMAGE_QUIC:
		begin(r, address + DESCRIPTOR, p + DESCRIPTOR, 4);
		number(r, "quic.data_size", p + DESCRIPTOR, 4);
		return chunked(r, "quic.data", address, p, DESCRIPTOR + 4);
	default:
		fail(r, CLOVE_ERR_VALUE, "descriptor.type");
		return 0;
	}
}

static void brush(struct clove_recording *r, uint8_t *p)
{
	number(r, "type", p, 4);
	if (clove_le32(p) == 1)
		number(r, "u.color", p + 4, 4);
	if (clove_le32(p) != 2)
		return;
	FOLLOW(p + 4, image(r, clove_le64(p + 4)));
	numbers(r, "point", p + 12, 2, 4);
}

static void mask(struct clove_recording *r, uint8_t *p)
{
	number(r, "flags", p, 1);
	numbers(r, "point", p + 1, 2, 4);
	FOLLOW(p + 9, image(r, clove_le64(p + 9)));
}

/* -- what each kind of drawing has, at `p` -- */

static void fill(struct clove_recording *r, uint8_t *p)
{
	brush(r, p);
	number(r, "rop_descriptor", p + 20, 2);
	mask(r, p + 22);
}

static void source(struct clove_recording *r, uint8_t *p)
{
	FOLLOW(p, image(r, clove_le64(p)));
	rect(r, "rect src_area", p + 8);
}

static void opaque(struct clove_recording *r, uint8_t *p)
{
	source(r, p);
	brush(r, p + 24);
	number(r, "rop_descriptor", p + 44, 2);
	number(r, "scale_mode", p + 46, 1);
	mask(r, p + 47);
}

static void copy(struct clove_recording *r, uint8_t *p)
{
	source(r, p);
	number(r, "rop_descriptor", p + 24, 2);
	number(r, "scale_mode", p + 26, 1);
	mask(r, p + 27);
}

static void copy_bits(struct clove_recording *r, uint8_t *p)
{
	numbers(r, "point", p, 2, 4);
}

static void rop3(struct clove_recording *r, uint8_t *p)
{
	source(r, p);
	brush(r, p + 24);
	number(r, "rop3", p + 44, 1);
	number(r, "scale_mode", p + 45, 1);
	mask(r, p + 46);
}

static void stroke(struct clove_recording *r, uint8_t *p)
{
	uint64_t path = clove_le64(p);
	uint8_t head[4], size[4];

	begin(r, path, head, sizeof head);
	FOLLOW(p, chunked(r, "path", path, head, sizeof head));
	if (r->in && r->err == CLOVE_OK) {
		/* the recording has it as the chunk's size alone */
		memcpy(size, (uint8_t *)(uintptr_t)clove_le64(p) + sizeof head, sizeof size);
		memcpy((uint8_t *)(uintptr_t)clove_le64(p), size, sizeof size);
	}
	number(r, "attr.flags", p + 8, 1);
	if (p[8] & LINE_STYLED) {
		number(r, "attr.style_nseg", p + 11, 1);
		FOLLOW(p + 20, binary(r, "style", clove_le64(p + 20), p[11] * UINT64_C(4)));
	}
	brush(r, p + 28);
	number(r, "fore_mode", p + 48, 2);
	number(r, "back_mode", p + 50, 2);
}

static uint64_t string(struct clove_recording *r, uint64_t address)
{
	uint8_t p[8];

	begin(r, address, p, sizeof p);
	number(r, "data_size", p, 4);
	number(r, "length", p + 4, 2);
	number(r, "flags", p + 6, 2);
	return chunked(r, "string", address, p, sizeof p);
}

static void text(struct clove_recording *r, uint8_t *p)
{
	FOLLOW(p, string(r, clove_le64(p)));
	rect(r, "rect back_area", p + 8);
	brush(r, p + 24);
	brush(r, p + 44);
	number(r, "fore_mode", p + 64, 2);
	number(r, "back_mode", p + 66, 2);
}

static void transparent(struct clove_recording *r, uint8_t *p)
{
	source(r, p);
	number(r, "src_color", p + 24, 4);
	number(r, "true_color", p + 28, 4);
}

static void compat_alpha(struct clove_recording *r, uint8_t *p)
{
	number(r, "alpha", p, 1);
	FOLLOW(p + 1, image(r, clove_le64(p + 1)));
	rect(r, "rect src_area", p + 9);
}

static void alpha(struct clove_recording *r, uint8_t *p)
{
	number(r, "alpha_flags", p, 2);
	compat_alpha(r, p + 2);
}

static uint64_t transform(struct clove_recording *r, const char *name, uint64_t address)
{
	return count(r, name, address != 0) ? binary(r, "transform", address, 24) : 0;
}

static void composite(struct clove_recording *r, uint8_t *p)
{
	uint64_t mask_image = clove_le64(p + 20);

	number(r, "flags", p, 4);
	FOLLOW(p + 4, image(r, clove_le64(p + 4)));
	FOLLOW(p + 12, transform(r, "src_transform", clove_le64(p + 12)));
	FOLLOW(p + 20, count(r, "mask", mask_image != 0) ? image(r, mask_image) : 0);
	FOLLOW(p + 28, transform(r, "mask_transform", clove_le64(p + 28)));
	numbers(r, "src_origin", p + 36, 2, 2);
	numbers(r, "mask_origin", p + 40, 2, 2);
}

static void nothing(struct clove_recording *r, uint8_t *p)
{
	(void)r;
	(void)p;
}

static const struct {
	void (*walk)(struct clove_recording *r, uint8_t *p);
	size_t size;
} drawings[CLOVE_QXL_DRAWS] = {
	[CLOVE_QXL_DRAW_NOP] = { nothing, 0 },
	[CLOVE_QXL_DRAW_FILL] = { fill, 39 },
	[CLOVE_QXL_DRAW_OPAQUE] = { opaque, 64 },
	[CLOVE_QXL_DRAW_COPY] = { copy, 44 },
	[CLOVE_QXL_DRAW_COPY_BITS] = { copy_bits, 8 },
	[CLOVE_QXL_DRAW_BLEND] = { copy, 44 },
	[CLOVE_QXL_DRAW_BLACKNESS] = { mask, 17 },
	[CLOVE_QXL_DRAW_WHITENESS] = { mask, 17 },
	[CLOVE_QXL_DRAW_INVERS] = { mask, 17 },
	[CLOVE_QXL_DRAW_ROP3] = { rop3, 63 },
	[CLOVE_QXL_DRAW_STROKE] = { stroke, 52 },
	[CLOVE_QXL_DRAW_TEXT] = { text, 68 },
	[CLOVE_QXL_DRAW_TRANSPARENT] = { transparent, 32 },
	[CLOVE_QXL_DRAW_ALPHA_BLEND] = { alpha, 27 },
	[CLOVE_QXL_DRAW_COMPOSITE] = { composite, 44 },
};

/* -- commands -- */

static void clip(struct clove_recording *r, uint8_t *p)
{
	uint64_t rects = clove_le64(p + 4);
	uint8_t head[4];

	number(r, "type", p, 4);
	if (clove_le32(p) != CLIP_RECTS)
		return;
	begin(r, rects, head, sizeof head);
	number(r, "num_rects", head, 4);
	FOLLOW(p + 4, chunked(r, "clip_rects", rects, head, sizeof head));
}

static void drawing(struct clove_recording *r, uint8_t *type, uint8_t *p, bool is_compat)
{
	number(r, "type", type, 1);
	if (*type >= CLOVE_QXL_DRAWS)
		fail(r, CLOVE_ERR_VALUE, "type");
	else if (is_compat && *type == CLOVE_QXL_DRAW_ALPHA_BLEND)
		compat_alpha(r, r->in ? p + 2 : p); /* today's begins with flags */
	else
		drawings[*type].walk(r, p);
}

/* Played, the drawables of every dialect become those of today. */
static uint64_t drawable(struct clove_recording *r, uint64_t address)
{
	enum { SIZE = 191, UNION = 123, COMPAT_SIZE = 128, COMPAT_UNION = 60 };
	uint8_t p[SIZE + 4];
	bool is_compat = !r->in && r->source->is_compat;

	word(r, "drawable");
	begin(r, address, p, is_compat ? COMPAT_SIZE : SIZE);
	if (is_compat) {
		rect(r, "rect bbox", p + 28);
		clip(r, p + 44);
		number(r, "effect", p + 8, 1);
		number(r, "mm_time", p + 56, 4);
		number(r, "bitmap_offset", p + 10, 2);
		rect(r, "rect bitmap_area", p + 12);
		drawing(r, p + 9, p + COMPAT_UNION, true);
		return address;
	}
	rect(r, "rect bbox", p + 31);
	clip(r, p + 47);
	number(r, "effect", p + 12, 1);
	number(r, "mm_time", p + 59, 4);
	if (r->in && r->err == CLOVE_OK) {
		int next = fgetc(r->in);

		ungetc(next, r->in);
		is_compat = next == 'b';
	}
	if (is_compat) {
		number(r, "bitmap_offset", p + 14, 1);
		rect(r, "rect bitmap_area", p + 15);
		memset(p + 63, 0xff, 12);
	} else {
		number(r, "self_bitmap", p + 14, 1);
		rect(r, "rect self_bitmap_area", p + 15);
		number(r, "surface_id", p + 8, 4);
		for (size_t i = 0; i < 3; i++) {
			number(r, "surfaces_dest", p + 63 + 4 * i, 4);
			rect(r, "rect surfaces_rects", p + 75 + 16 * i);
		}
	}
	drawing(r, p + 13, p + UNION, is_compat);
	return end(r, address, p, SIZE);
}

static uint64_t update(struct clove_recording *r, uint64_t address)
{
	uint8_t p[32];

	word(r, "update");
	begin(r, address, p, !r->in && r->source->is_compat ? 28 : 32);
	rect(r, "rect area", p + 8);
	number(r, "update_id", p + 24, 4);
	number(r, "surface_id", p + 28, 4);
	return end(r, address, p, sizeof p);
}

static uint64_t surface(struct clove_recording *r, uint64_t address)
{
	uint8_t p[41];
	uint64_t size;

	word(r, "surface_cmd");
	begin(r, address, p, sizeof p);
	number(r, "surface_id", p + 8, 4);
	number(r, "type", p + 12, 1);
	number(r, "flags", p + 13, 4);
	if (p[12] == 0) {
		number(r, "u.surface_create.format", p + 17, 4);
		number(r, "u.surface_create.width", p + 21, 4);
		number(r, "u.surface_create.height", p + 25, 4);
		number(r, "u.surface_create.stride", p + 29, 4);
		size = (uint64_t)llabs((int32_t)clove_le32(p + 29)) * clove_le32(p + 25);
		if (clove_le32(p + 13) & KEEP_DATA) {
			FOLLOW(p + 33, binary(r, "data", clove_le64(p + 33), size));
		} else if (r->in) {
			void *data = size <= BINARY_MOST ? clove_arena_alloc(r->arena, (size_t)size) : NULL;

			if (!data)
				fail(r, CLOVE_ERR_LIMIT, "u.surface_create.height");
			clove_put_le64(p + 33, (uintptr_t)data);
		}
	}
	return end(r, address, p, sizeof p);
}

static uint64_t shape(struct clove_recording *r, uint64_t address)
{
	uint8_t p[22];

	begin(r, address, p, sizeof p);
	number(r, "header.unique", p, 8);
	number(r, "header.type", p + 8, 2);
	number(r, "header.width", p + 10, 2);
	number(r, "header.height", p + 12, 2);
	number(r, "header.hot_spot_x", p + 14, 2);
	number(r, "header.hot_spot_y", p + 16, 2);
	number(r, "data_size", p + 18, 4);
	return chunked(r, "cursor", address, p, sizeof p);
}

static uint64_t cursor(struct clove_recording *r, uint64_t address)
{
	uint8_t p[150];

	word(r, "cursor_cmd");
	begin(r, address, p, r->in ? sizeof p : 22);
	number(r, "type", p + 8, 1);
	if (p[8] == CURSOR_SET || p[8] == CURSOR_MOVE)
		numbers(r, "point16", p + 9, 2, 2);
	if (p[8] == CURSOR_SET) {
		number(r, "u.set.visible", p + 13, 1);
		FOLLOW(p + 14, shape(r, clove_le64(p + 14)));
	} else if (p[8] == CURSOR_TRAIL) {
		number(r, "u.trail.length", p + 9, 2);
		number(r, "u.trail.frequency", p + 11, 2);
	}
	return end(r, address, p, sizeof p);
}

/* Words for a log that nobody keeps: never written. */
static uint64_t message(struct clove_recording *r, uint64_t address)
{
	struct clove_buf bytes = { 0 };
	uint8_t head[8] = { 0 };

	if (!r->in) {
		fail(r, CLOVE_ERR_UNSUPPORTED, "message");
		return 0;
	}
	get_binary(r, "message", MESSAGE_MOST, &bytes);
	address = keep(r, head, sizeof head, clove_buf_bytes(&bytes));
	clove_buf_fini(&bytes);
	return address;
}

uint64_t clove_recording_command(struct clove_recording *r, uint32_t type, uint64_t address)
{
	static uint64_t (*const walks[])(struct clove_recording *r, uint64_t address) = {
		[1] = drawable, [2] = update, [3] = cursor, [4] = message, [5] = surface,
	};

	if (type < sizeof walks / sizeof *walks && walks[type])
		return walks[type](r, address);
	fail(r, CLOVE_ERR_VALUE, "event");
	return 0;
}

void clove_recording_primary(struct clove_recording *r, struct clove_surface_info *info, bool *has_mouse)
{
	uint8_t p[16], rest[16] = { 0 };

	clove_put_le32(p, info->width);
	clove_put_le32(p + 4, info->height);
	clove_put_le32(p + 8, (uint32_t)info->stride);
	clove_put_le32(p + 12, info->format);
	clove_put_le32(rest + 4, *has_mouse);
	clove_put_le32(rest + 8, info->keeps_data);
	numbers(r, "", p, 4, 4);
	numbers(r, "", rest, 4, 4);
	info->width = clove_le32(p);
	info->height = clove_le32(p + 4);
	info->stride = (int32_t)clove_le32(p + 8);
	info->format = clove_le32(p + 12);
	*has_mouse = clove_le32(rest + 4) != 0;
	info->keeps_data = clove_le32(rest + 8) & KEEP_DATA;
	info->address = binary(r, "data", info->address, (uint64_t)llabs((long long)info->stride) * info->height);
}

bool clove_recording_event(struct clove_recording *r, uint32_t *nth, uint32_t *kind, uint32_t *type,
		uint64_t *at_ns)
{
	char line[LINE_MOST];
	const char *rest;
	int c;

	if (!r->in) {
		put(r, "event %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64 "\n", *nth, *kind, *type, *at_ns);
		return r->err == CLOVE_OK;
	}
	c = fgetc(r->in);
	if (c == EOF || r->err != CLOVE_OK)
		return false;
	ungetc(c, r->in);
	rest = get_line(r, "event", line);
	if (rest && sscanf(rest, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64, nth, kind, type, at_ns) != 4)
		fail(r, CLOVE_ERR_VALUE, "event");
	return r->err == CLOVE_OK;
}
