/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire.c - knows how each word of a message description lies on the wire and in memory. */
#include "common/protocol/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/protocol/wire-field.h"

enum {
	NESTING = 8,
	SHOWN_BYTES = 32, SHOWN_ELEMENTS = 16,
};

/* -- integers and fields in a struct -- */

static uint64_t get_int(const void *p, uint32_t width)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (width) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		memcpy(&u16, p, sizeof u16);
		return u16;
	case 4:
		memcpy(&u32, p, sizeof u32);
		return u32;
	default:
		memcpy(&u64, p, sizeof u64);
		return u64;
	}
}

static void set_int(void *p, uint32_t width, uint64_t v)
{
	switch (width) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		memcpy(p, &(uint16_t){ (uint16_t)v }, sizeof(uint16_t));
		break;
	case 4:
		memcpy(p, &(uint32_t){ (uint32_t)v }, sizeof(uint32_t));
		break;
	default:
		memcpy(p, &v, sizeof v);
		break;
	}
}

static uint64_t get_wire_int(const uint8_t *p, uint32_t width)
{
	switch (width) {
	case 1:
		return *p;
	case 2:
		return clove_le16(p);
	case 4:
		return clove_le32(p);
	default:
		return clove_le64(p);
	}
}

static void put_wire_int(uint8_t *p, uint32_t width, uint64_t v)
{
	switch (width) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		clove_put_le16(p, (uint16_t)v);
		break;
	case 4:
		clove_put_le32(p, (uint32_t)v);
		break;
	default:
		clove_put_le64(p, v);
		break;
	}
}

static uint64_t aux(const struct clove_field *f, const void *self)
{
	return get_int((const char *)self + f->aux, f->aux_width);
}

static uint64_t how_many(const struct clove_field *f, const void *self, const void *around)
{
	return f->size ? f->size(self, around) : aux(f, self);
}

static const void *pointer(const void *at)
{
	const void *p;

	memcpy(&p, at, sizeof p);
	return p;
}

static struct clove_bytes bytes(const void *at)
{
	struct clove_bytes b;

	memcpy(&b, at, sizeof b);
	return b;
}

static bool is_counted(const struct clove_field *f)
{
	return f->aux_width && f->kind != CLOVE_WIRE_WHEN;
}

/* The first field from `f` on that is there in `self`; NULL if none is left. */
static const struct clove_field *next(const struct clove_field *f, const void *self,
		const struct clove_caps *caps, bool *is_secret)
{
	bool is_there = true;

	for (*is_secret = false;; f++) {
		switch (f->kind) {
		case CLOVE_WIRE_END:
			return NULL;
		case CLOVE_WIRE_WHEN:
			is_there = is_there && (aux(f, self) & f->mask) == f->value;
			break;
		case CLOVE_WIRE_WHEN_CAP:
			is_there = is_there && clove_caps_has(caps, (unsigned int)f->value);
			break;
		case CLOVE_WIRE_SECRET:
			*is_secret = true;
			break;
		default:
			if (is_there)
				return f;
			is_there = true;
			*is_secret = false;
		}
	}
}

/* -- parse -- */

struct reader {
	struct clove_bytes in;
	size_t pos, furthest;
	const struct clove_caps *caps;
	struct clove_arena *arena;
};

/* The only place that advances: every byte any layout reads is checked here. */
static const uint8_t *take(struct reader *r, uint64_t n)
{
	if (n > r->in.len - r->pos)
		return NULL;

	const uint8_t *p = r->in.data + r->pos;

	r->pos += (size_t)n;
	if (r->pos > r->furthest)
		r->furthest = r->pos;
	return p;
}

/* The bytes that an element has at least, so that a count is checked before memory is taken. */
static uint64_t least(const struct clove_layout *layout)
{
	uint64_t sum = 0;
	bool is_sure = true;

	for (const struct clove_field *f = layout->fields; f->kind != CLOVE_WIRE_END; f++) {
		switch (f->kind) {
		case CLOVE_WIRE_WHEN:
		case CLOVE_WIRE_WHEN_CAP:
			is_sure = false;
			continue;
		case CLOVE_WIRE_SECRET:
			continue;
		case CLOVE_WIRE_INT:
		case CLOVE_WIRE_FIXED:
			sum += is_sure ? f->width : 0;
			break;
		case CLOVE_WIRE_FIXED_INTS:
			sum += is_sure ? f->width * f->value : 0;
			break;
		case CLOVE_WIRE_IN:
			sum += is_sure ? least(f->of()) : 0;
			break;
		case CLOVE_WIRE_PTR:
		case CLOVE_WIRE_PTR_OPT:
		case CLOVE_WIRE_PTR_LIST:
		case CLOVE_WIRE_PTR_INTS:
		case CLOVE_WIRE_PTR_BYTES:
			sum += is_sure ? 4 : 0;
			break;
		default:
			break;
		}
		is_sure = true;
	}
	return sum ? sum : 1;
}

static enum clove_err parse_struct(struct reader *r, const struct clove_layout *layout, void *self,
		const void *around, int depth);

/* Moves to a pointed-to block; 0 leaves *is_null. */
static enum clove_err follow(struct reader *r, size_t *back, bool *is_null)
{
	const uint8_t *p = take(r, 4);

	if (!p)
		return CLOVE_ERR_SHORT;

	uint32_t offset = clove_le32(p);

	*is_null = !offset;
	if (offset && offset >= r->in.len)
		return CLOVE_ERR_BOUNDS;
	*back = r->pos;
	if (offset)
		r->pos = offset;
	return CLOVE_OK;
}

static enum clove_err parse_list(struct reader *r, const struct clove_layout *of, uint64_t count,
		const void *around, int depth, const void **list)
{
	if (count > (r->in.len - r->pos) / least(of))
		return CLOVE_ERR_SHORT;

	char *elements = clove_arena_alloc(r->arena, (size_t)count * of->size);

	if (!elements)
		return CLOVE_ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		enum clove_err err = parse_struct(r, of, elements + i * of->size, around, depth);

		if (err != CLOVE_OK)
			return err;
	}
	*list = elements;
	return CLOVE_OK;
}

static enum clove_err parse_ints(struct reader *r, uint32_t width, uint64_t count, const void **list)
{
	if (count > (r->in.len - r->pos) / width)
		return CLOVE_ERR_SHORT;

	const uint8_t *p = take(r, count * width);
	char *ints = clove_arena_alloc(r->arena, (size_t)count * width);

	if (!ints)
		return CLOVE_ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		set_int(ints + i * width, width, get_wire_int(p + i * width, width));
	*list = ints;
	return CLOVE_OK;
}

static enum clove_err parse_bytes(struct reader *r, uint64_t count, void *at)
{
	const uint8_t *p = take(r, count);
	struct clove_bytes b = { p, (size_t)count };

	if (!p)
		return CLOVE_ERR_SHORT;
	memcpy(at, &b, sizeof b);
	return CLOVE_OK;
}

static enum clove_err parse_block(struct reader *r, const struct clove_layout *of,
		const void *around, int depth, const void **block)
{
	void *self = clove_arena_alloc(r->arena, of->size);

	if (!self)
		return CLOVE_ERR_LIMIT;
	*block = self;
	return parse_struct(r, of, self, around, depth);
}

static enum clove_err parse_pointer(struct reader *r, const struct clove_field *f, void *self,
		const void *around, int depth, void *at)
{
	uint64_t count = f->kind == CLOVE_WIRE_PTR || f->kind == CLOVE_WIRE_PTR_OPT ? 1 :
			how_many(f, self, around);
	const void *block = NULL;
	bool is_null;
	size_t back;
	enum clove_err err = follow(r, &back, &is_null);

	if (err != CLOVE_OK)
		return err;
	if (is_null || !count) {
		r->pos = back;
		return is_null && count && f->kind != CLOVE_WIRE_PTR_OPT ? CLOVE_ERR_VALUE : CLOVE_OK;
	}
	if (f->kind == CLOVE_WIRE_PTR_BYTES)
		err = parse_bytes(r, count, at);
	else if (f->kind == CLOVE_WIRE_PTR_INTS)
		err = parse_ints(r, f->width, count, &block);
	else if (f->kind == CLOVE_WIRE_PTR_LIST)
		err = parse_list(r, f->of(), count, self, depth, &block);
	else
		err = parse_block(r, f->of(), self, depth, &block);
	if (f->kind != CLOVE_WIRE_PTR_BYTES)
		memcpy(at, &block, sizeof block);
	r->pos = back;
	return err;
}

static enum clove_err parse_pointers(struct reader *r, const struct clove_field *f, void *self,
		int depth, void *at)
{
	uint64_t count = aux(f, self);

	if (count > (r->in.len - r->pos) / 4)
		return CLOVE_ERR_SHORT;

	const void **blocks = clove_arena_alloc(r->arena, (size_t)count * sizeof *blocks);

	if (!blocks)
		return CLOVE_ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		bool is_null;
		size_t back;
		enum clove_err err = follow(r, &back, &is_null);

		if (err == CLOVE_OK && is_null)
			err = CLOVE_ERR_VALUE;
		if (err == CLOVE_OK)
			err = parse_block(r, f->of(), self, depth, &blocks[i]);
		if (err != CLOVE_OK)
			return err;
		r->pos = back;
	}
	memcpy(at, &blocks, sizeof blocks);
	return CLOVE_OK;
}

static enum clove_err parse_field(struct reader *r, const struct clove_field *f, void *self,
		const void *around, int depth)
{
	void *at = (char *)self + f->at;
	uint64_t left = r->in.len - r->pos, count;
	const void *list = NULL;
	const uint8_t *p;
	enum clove_err err;

	switch (f->kind) {
	case CLOVE_WIRE_INT:
		p = take(r, f->width);
		if (!p)
			return CLOVE_ERR_SHORT;
		set_int(at, f->width, get_wire_int(p, f->width));
		return CLOVE_OK;
	case CLOVE_WIRE_FIXED:
		p = take(r, f->width);
		if (!p)
			return CLOVE_ERR_SHORT;
		memcpy(at, p, f->width);
		return CLOVE_OK;
	case CLOVE_WIRE_FIXED_INTS:
		p = take(r, f->width * f->value);
		if (!p)
			return CLOVE_ERR_SHORT;
		for (size_t i = 0; i < f->value; i++)
			set_int((char *)at + i * f->width, f->width, get_wire_int(p + i * f->width, f->width));
		return CLOVE_OK;
	case CLOVE_WIRE_IN:
		return parse_struct(r, f->of(), at, self, depth);
	case CLOVE_WIRE_BYTES:
		return parse_bytes(r, how_many(f, self, around), at);
	case CLOVE_WIRE_UP_TO:
		count = aux(f, self);
		return parse_bytes(r, count < left ? count : left, at);
	case CLOVE_WIRE_REST:
		return parse_bytes(r, left, at);
	case CLOVE_WIRE_LIST:
		err = parse_list(r, f->of(), aux(f, self), self, depth, &list);
		memcpy(at, &list, sizeof list);
		return err;
	case CLOVE_WIRE_INTS:
		err = parse_ints(r, f->width, aux(f, self), &list);
		memcpy(at, &list, sizeof list);
		return err;
	case CLOVE_WIRE_REST_INTS:
		count = left / f->width;
		if (count > UINT32_MAX)
			return CLOVE_ERR_LIMIT;
		set_int((char *)self + f->aux, f->aux_width, count);
		err = parse_ints(r, f->width, count, &list);
		memcpy(at, &list, sizeof list);
		return err;
	case CLOVE_WIRE_PTRS:
		return parse_pointers(r, f, self, depth, at);
	default:
		return parse_pointer(r, f, self, around, depth, at);
	}
}

static enum clove_err parse_struct(struct reader *r, const struct clove_layout *layout, void *self,
		const void *around, int depth)
{
	bool is_secret;

	if (depth == NESTING)
		return CLOVE_ERR_LIMIT;
	for (const struct clove_field *f = next(layout->fields, self, r->caps, &is_secret); f;
			f = next(f + 1, self, r->caps, &is_secret)) {
		enum clove_err err = parse_field(r, f, self, around, depth + 1);

		if (err != CLOVE_OK)
			return err;
	}
	return CLOVE_OK;
}

enum clove_err clove_wire_parse_prefix(const struct clove_layout *layout, struct clove_bytes in,
		const struct clove_caps *caps, struct clove_arena *arena, void **message, size_t *used)
{
	/* A pointer that is not NULL, also for no bytes at all. */
	struct reader r = { .in = { in.data ? in.data : (const uint8_t *)"", in.data ? in.len : 0 },
			.caps = caps, .arena = arena };
	void *self = clove_arena_alloc(arena, layout->size);
	enum clove_err err = self ? parse_struct(&r, layout, self, NULL, 0) : CLOVE_ERR_LIMIT;

	*message = err == CLOVE_OK ? self : NULL;
	*used = r.furthest;
	return err;
}

enum clove_err clove_wire_parse(const struct clove_layout *layout, struct clove_bytes in,
		const struct clove_caps *caps, struct clove_arena *arena, void **message)
{
	size_t used;

	return clove_wire_parse_prefix(layout, in, caps, arena, message, &used);
}

size_t clove_wire_size(const struct clove_layout *layout, const struct clove_caps *caps)
{
	size_t sum = 0;
	bool is_there = true;

	for (const struct clove_field *f = layout->fields; f->kind != CLOVE_WIRE_END; f++) {
		switch (f->kind) {
		case CLOVE_WIRE_WHEN_CAP:
			is_there = is_there && clove_caps_has(caps, (unsigned int)f->value);
			continue;
		case CLOVE_WIRE_WHEN:
		case CLOVE_WIRE_SECRET:
			continue;
		case CLOVE_WIRE_INT:
		case CLOVE_WIRE_FIXED:
			sum += is_there ? f->width : 0;
			break;
		case CLOVE_WIRE_FIXED_INTS:
			sum += is_there ? f->width * (size_t)f->value : 0;
			break;
		default:
			break;
		}
		is_there = true;
	}
	return sum;
}

/* -- write -- */

/* A block that a pointer already written waits for. */
struct pending {
	const struct clove_field *field;
	const void *block, *around;
	uint64_t count;
	size_t at;               /* where the offset goes */
	int depth;
};

struct writer {
	struct clove_buf *out;
	size_t base;
	const struct clove_caps *caps;
	struct clove_buf pending;
};

static enum clove_err write_struct(struct writer *w, const struct clove_layout *layout,
		const void *self, const void *around, int depth);

static enum clove_err write_int(struct writer *w, uint32_t width, uint64_t v)
{
	uint8_t *p = clove_buf_reserve(w->out, width);

	if (!p)
		return CLOVE_ERR_NOMEM;
	put_wire_int(p, width, v);
	w->out->len += width;
	return CLOVE_OK;
}

static enum clove_err write_ints(struct writer *w, uint32_t width, const char *ints, uint64_t count)
{
	uint8_t *p;

	if (count && !ints)
		return CLOVE_ERR_VALUE;
	if (count > UINT32_MAX)
		return CLOVE_ERR_LIMIT;
	p = clove_buf_reserve(w->out, (size_t)count * width);
	if (!p)
		return CLOVE_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		put_wire_int(p + i * width, width, get_int(ints + i * width, width));
	w->out->len += (size_t)count * width;
	return CLOVE_OK;
}

static enum clove_err write_list(struct writer *w, const struct clove_layout *of, const char *list,
		uint64_t count, const void *around, int depth)
{
	if (count && !list)
		return CLOVE_ERR_VALUE;
	for (size_t i = 0; i < count; i++) {
		enum clove_err err = write_struct(w, of, list + i * of->size, around, depth);

		if (err != CLOVE_OK)
			return err;
	}
	return CLOVE_OK;
}

static enum clove_err write_bytes(struct writer *w, struct clove_bytes b)
{
	if (b.len && !b.data)
		return CLOVE_ERR_VALUE;
	return clove_buf_append(w->out, b.data, b.len);
}

/* An offset that is known when the block's turn comes; 0 if there is no block. */
static enum clove_err write_pointer(struct writer *w, const struct clove_field *f, const void *block,
		uint64_t count, const void *around, int depth)
{
	struct pending pending = { f, block, around, count, w->out->len, depth };
	enum clove_err err = write_int(w, 4, 0);

	if (err != CLOVE_OK || !count)
		return err;
	if (!block)
		return f->kind == CLOVE_WIRE_PTR_OPT ? CLOVE_OK : CLOVE_ERR_VALUE;
	return clove_buf_append(&w->pending, &pending, sizeof pending);
}

static enum clove_err write_pointers(struct writer *w, const struct clove_field *f, const void *self,
		const char *blocks, int depth)
{
	uint64_t count = aux(f, self);
	enum clove_err err = CLOVE_OK;

	if (count && !blocks)
		return CLOVE_ERR_VALUE;
	for (size_t i = 0; i < count && err == CLOVE_OK; i++)
		err = write_pointer(w, f, pointer(blocks + i * sizeof(void *)), 1, self, depth);
	return err;
}

static enum clove_err write_field(struct writer *w, const struct clove_field *f, const void *self,
		const void *around, int depth)
{
	const void *at = (const char *)self + f->at;
	struct clove_bytes b;

	switch (f->kind) {
	case CLOVE_WIRE_INT:
		return write_int(w, f->width, get_int(at, f->width));
	case CLOVE_WIRE_FIXED:
		return clove_buf_append(w->out, at, f->width);
	case CLOVE_WIRE_FIXED_INTS:
		return write_ints(w, f->width, at, f->value);
	case CLOVE_WIRE_IN:
		return write_struct(w, f->of(), at, self, depth);
	case CLOVE_WIRE_BYTES:
		b = bytes(at);
		return b.len == how_many(f, self, around) ? write_bytes(w, b) : CLOVE_ERR_VALUE;
	case CLOVE_WIRE_UP_TO:
		b = bytes(at);
		return b.len <= aux(f, self) ? write_bytes(w, b) : CLOVE_ERR_VALUE;
	case CLOVE_WIRE_REST:
		return write_bytes(w, bytes(at));
	case CLOVE_WIRE_LIST:
		return write_list(w, f->of(), pointer(at), aux(f, self), self, depth);
	case CLOVE_WIRE_INTS:
	case CLOVE_WIRE_REST_INTS:
		return write_ints(w, f->width, pointer(at), aux(f, self));
	case CLOVE_WIRE_PTRS:
		return write_pointers(w, f, self, pointer(at), depth);
	case CLOVE_WIRE_PTR_BYTES:
		b = bytes(at);
		if (b.len != aux(f, self))
			return CLOVE_ERR_VALUE;
		return write_pointer(w, f, b.data, b.len, self, depth);
	case CLOVE_WIRE_PTR_LIST:
	case CLOVE_WIRE_PTR_INTS:
		return write_pointer(w, f, pointer(at), how_many(f, self, around), self, depth);
	default:
		return write_pointer(w, f, pointer(at), 1, self, depth);
	}
}

static enum clove_err write_struct(struct writer *w, const struct clove_layout *layout,
		const void *self, const void *around, int depth)
{
	bool is_secret;

	if (depth == NESTING)
		return CLOVE_ERR_LIMIT;
	for (const struct clove_field *f = next(layout->fields, self, w->caps, &is_secret); f;
			f = next(f + 1, self, w->caps, &is_secret)) {
		enum clove_err err = write_field(w, f, self, around, depth + 1);

		if (err != CLOVE_OK)
			return err;
	}
	return CLOVE_OK;
}

static enum clove_err write_block(struct writer *w, const struct pending *pending)
{
	const struct clove_field *f = pending->field;
	size_t offset = w->out->len - w->base;

	if (offset > UINT32_MAX)
		return CLOVE_ERR_LIMIT;
	clove_put_le32(w->out->data + pending->at, (uint32_t)offset);
	switch (f->kind) {
	case CLOVE_WIRE_PTR_BYTES:
		return write_bytes(w, CLOVE_BYTES(pending->block, (size_t)pending->count));
	case CLOVE_WIRE_PTR_INTS:
		return write_ints(w, f->width, pending->block, pending->count);
	default:
		return write_list(w, f->of(), pending->block, pending->count, pending->around,
				pending->depth);
	}
}

enum clove_err clove_wire_write(const struct clove_layout *layout, const void *message,
		const struct clove_caps *caps, struct clove_buf *out)
{
	struct writer w = { .out = out, .base = out->len, .caps = caps };
	enum clove_err err = write_struct(&w, layout, message, NULL, 0);

	/* A block's own pointers queue behind those already waiting (spice-wire 5.1). */
	while (err == CLOVE_OK && w.pending.len) {
		struct pending first;

		memcpy(&first, w.pending.data, sizeof first);
		clove_buf_consume(&w.pending, sizeof first);
		err = write_block(&w, &first);
	}
	clove_buf_fini(&w.pending);
	if (err != CLOVE_OK)
		out->len = w.base;
	return err;
}

/* -- print -- */

struct printer {
	struct clove_buf *text;
	const struct clove_caps *caps;
	bool secrets;
	enum clove_err err;      /* the first one */
};

static void say(struct printer *p, const char *text, size_t len)
{
	if (p->err == CLOVE_OK)
		p->err = clove_buf_append(p->text, text, len);
}

__attribute__((format(printf, 2, 3)))
static void say_format(struct printer *p, const char *format, ...)
{
	char text[96];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	say(p, text, len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

static void print_struct(struct printer *p, const struct clove_layout *layout, const void *self);

static void print_int(struct printer *p, const struct clove_field *f, const void *at)
{
	uint64_t v = get_int(at, f->width);
	unsigned int unused = 64 - 8 * f->width;

	if (f->is_signed)
		say_format(p, "%lld", (long long)((int64_t)(v << unused) >> unused));
	else
		say_format(p, "%llu", (unsigned long long)v);
}

static bool is_text(struct clove_bytes b)
{
	if (b.len && b.data[b.len - 1] == 0)
		b.len--;
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] < ' ' || b.data[i] > '~')
			return false;
	return b.len > 0;
}

static void print_bytes(struct printer *p, struct clove_bytes b)
{
	size_t shown = b.len < SHOWN_BYTES ? b.len : SHOWN_BYTES;
	bool text = is_text(CLOVE_BYTES(b.data, shown));

	say_format(p, "%zu:", b.len);
	say(p, "\"", text);
	for (size_t i = 0; i < shown; i++) {
		if (!text)
			say_format(p, "%02x", b.data[i]);
		else if (b.data[i] == '"' || b.data[i] == '\\')
			say_format(p, "\\%c", b.data[i]);
		else if (b.data[i])
			say_format(p, "%c", b.data[i]);
	}
	say(p, "\"", text);
	if (shown < b.len)
		say(p, "...", 3);
}

static void print_nested(struct printer *p, const struct clove_layout *layout, const void *self)
{
	say(p, "{", 1);
	print_struct(p, layout, self);
	say(p, "}", 1);
}

static void print_list(struct printer *p, const struct clove_field *f, const char *list,
		uint64_t count)
{
	say(p, "[", 1);
	for (size_t i = 0; list && i < count && i < SHOWN_ELEMENTS; i++) {
		say(p, " ", i > 0);
		if (f->kind == CLOVE_WIRE_PTRS)
			print_nested(p, f->of(), pointer(list + i * sizeof(void *)));
		else if (f->of)
			print_nested(p, f->of(), list + i * f->of()->size);
		else
			print_int(p, f, list + i * f->width);
	}
	if (count > SHOWN_ELEMENTS)
		say_format(p, " ...%llu in all", (unsigned long long)count);
	say(p, "]", 1);
}

static void print_field(struct printer *p, const struct clove_field *f, const void *self,
		const void *around)
{
	const void *at = (const char *)self + f->at;

	switch (f->kind) {
	case CLOVE_WIRE_INT:
		print_int(p, f, at);
		break;
	case CLOVE_WIRE_FIXED:
		print_bytes(p, CLOVE_BYTES(at, f->width));
		break;
	case CLOVE_WIRE_FIXED_INTS:
		print_list(p, f, at, f->value);
		break;
	case CLOVE_WIRE_IN:
		print_nested(p, f->of(), at);
		break;
	case CLOVE_WIRE_BYTES:
	case CLOVE_WIRE_UP_TO:
	case CLOVE_WIRE_REST:
	case CLOVE_WIRE_PTR_BYTES:
		print_bytes(p, bytes(at));
		break;
	case CLOVE_WIRE_PTR:
	case CLOVE_WIRE_PTR_OPT:
		if (pointer(at))
			print_nested(p, f->of(), pointer(at));
		else
			say(p, "none", 4);
		break;
	default:
		print_list(p, f, pointer(at), how_many(f, self, around));
		break;
	}
}

static void print_struct(struct printer *p, const struct clove_layout *layout, const void *self)
{
	bool is_secret, is_first = true;

	for (const struct clove_field *f = next(layout->fields, self, p->caps, &is_secret); f;
			f = next(f + 1, self, p->caps, &is_secret)) {
		say(p, " ", !is_first);
		is_first = false;
		say(p, f->name, strlen(f->name));
		say(p, "=", 1);
		if (is_secret && !p->secrets)
			say(p, "***", 3);
		else
			print_field(p, f, self, NULL);
	}
}

enum clove_err clove_wire_print(const struct clove_layout *layout, const void *message,
		const struct clove_caps *caps, bool secrets, struct clove_buf *text)
{
	struct printer p = { .text = text, .caps = caps, .secrets = secrets };

	print_struct(&p, layout, message);
	return p.err;
}

/* -- seed -- */

enum { SEED_ARENA = 4 << 20, SEED_MOST = 5, SEED_SMALL = 31 };

struct seeder {
	struct clove_arena arena;
	const struct clove_caps *caps;
	uint64_t *random;
};

/* SplitMix64: any state is a good one. */
static uint64_t draw(struct seeder *s)
{
	uint64_t v = *s->random += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static enum clove_err seed_struct(struct seeder *s, const struct clove_layout *layout, void *self,
		const void *around);

static uint64_t draw_int(struct seeder *s)
{
	uint64_t v = draw(s);

	switch (draw(s) % 4) {
	case 0:
		return 0;
	case 1:
		return v & SEED_SMALL;
	case 2:
		return ~(v & 1);
	default:
		return v;
	}
}

/* A tag that no WHEN asks for makes a dull seed. */
static uint64_t draw_tag(struct seeder *s, const struct clove_layout *layout,
		const struct clove_field *tag, uint64_t v)
{
	const struct clove_field *chosen = NULL;
	uint64_t found = 0;

	for (const struct clove_field *f = layout->fields; f->kind != CLOVE_WIRE_END; f++)
		if (f->kind == CLOVE_WIRE_WHEN && f->aux == tag->at && draw(s) % ++found == 0)
			chosen = f;
	if (chosen && draw(s) % 4)
		v = (v & ~chosen->mask) | chosen->value;
	return v;
}

/* Computed sizes are products: their factors are kept small. */
static bool computes(const struct clove_layout *layout)
{
	for (const struct clove_field *f = layout->fields; f->kind != CLOVE_WIRE_END; f++)
		if (f->size)
			return true;
	return false;
}

/* How many elements, told to the counting field; two lists may share one. */
static uint64_t draw_count(struct seeder *s, const struct clove_layout *layout,
		const struct clove_field *f, void *self, const void *around)
{
	if (f->size)
		return f->size(self, around);
	for (const struct clove_field *g = layout->fields; g < f; g++)
		if (is_counted(g) && g->aux == f->aux)
			return aux(f, self);

	uint64_t count = draw(s) % SEED_MOST;

	if (!f->of && f->kind != CLOVE_WIRE_INTS)
		count *= draw(s) % SEED_MOST;
	set_int((char *)self + f->aux, f->aux_width, count);
	return count;
}

static enum clove_err seed_bytes(struct seeder *s, uint64_t count, void *at)
{
	uint8_t *p = clove_arena_alloc(&s->arena, (size_t)count);
	struct clove_bytes b = { p, (size_t)count };

	if (!p)
		return CLOVE_ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		p[i] = (uint8_t)draw(s);
	memcpy(at, &b, sizeof b);
	return CLOVE_OK;
}

static enum clove_err seed_ints(struct seeder *s, uint32_t width, uint64_t count, void *at)
{
	char *ints = clove_arena_alloc(&s->arena, (size_t)count * width);

	if (!ints)
		return CLOVE_ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		set_int(ints + i * width, width, draw_int(s));
	memcpy(at, &ints, sizeof ints);
	return CLOVE_OK;
}

static enum clove_err seed_list(struct seeder *s, const struct clove_layout *of, uint64_t count,
		const void *around, void *at)
{
	char *list = clove_arena_alloc(&s->arena, (size_t)count * of->size);
	enum clove_err err = list ? CLOVE_OK : CLOVE_ERR_LIMIT;

	for (size_t i = 0; err == CLOVE_OK && i < count; i++)
		err = seed_struct(s, of, list + i * of->size, around);
	memcpy(at, &list, sizeof list);
	return err;
}

static enum clove_err seed_pointers(struct seeder *s, const struct clove_layout *of, uint64_t count,
		const void *around, void *at)
{
	void **blocks = clove_arena_alloc(&s->arena, (size_t)count * sizeof *blocks);
	enum clove_err err = blocks ? CLOVE_OK : CLOVE_ERR_LIMIT;

	for (size_t i = 0; err == CLOVE_OK && i < count; i++)
		err = seed_list(s, of, 1, around, &blocks[i]);
	memcpy(at, &blocks, sizeof blocks);
	return err;
}

static enum clove_err seed_field(struct seeder *s, const struct clove_layout *layout,
		const struct clove_field *f, void *self, const void *around)
{
	void *at = (char *)self + f->at;
	struct clove_bytes b;
	enum clove_err err;
	uint64_t v;

	switch (f->kind) {
	case CLOVE_WIRE_INT:
		v = draw_int(s);
		if (computes(layout))
			v &= SEED_SMALL;
		set_int(at, f->width, draw_tag(s, layout, f, v));
		return CLOVE_OK;
	case CLOVE_WIRE_FIXED:
		err = seed_bytes(s, f->width, &b);
		if (err == CLOVE_OK)
			memcpy(at, b.data, f->width);
		return err;
	case CLOVE_WIRE_FIXED_INTS:
		for (size_t i = 0; i < f->value; i++)
			set_int((char *)at + i * f->width, f->width, draw_int(s));
		return CLOVE_OK;
	case CLOVE_WIRE_IN:
		return seed_struct(s, f->of(), at, self);
	case CLOVE_WIRE_REST:
		return seed_bytes(s, draw(s) % 3 * (draw(s) % 40), at);
	case CLOVE_WIRE_BYTES:
	case CLOVE_WIRE_UP_TO:
	case CLOVE_WIRE_PTR_BYTES:
		return seed_bytes(s, draw_count(s, layout, f, self, around), at);
	case CLOVE_WIRE_INTS:
	case CLOVE_WIRE_REST_INTS:
	case CLOVE_WIRE_PTR_INTS:
		return seed_ints(s, f->width, draw_count(s, layout, f, self, around), at);
	case CLOVE_WIRE_LIST:
	case CLOVE_WIRE_PTR_LIST:
		return seed_list(s, f->of(), draw_count(s, layout, f, self, around), self, at);
	case CLOVE_WIRE_PTRS:
		return seed_pointers(s, f->of(), draw_count(s, layout, f, self, around), self, at);
	case CLOVE_WIRE_PTR_OPT:
		if (draw(s) % 4 == 0)
			return CLOVE_OK;
		return seed_list(s, f->of(), 1, self, at);
	default:
		return seed_list(s, f->of(), 1, self, at);
	}
}

static enum clove_err seed_struct(struct seeder *s, const struct clove_layout *layout, void *self,
		const void *around)
{
	bool is_secret;

	for (const struct clove_field *f = next(layout->fields, self, s->caps, &is_secret); f;
			f = next(f + 1, self, s->caps, &is_secret)) {
		enum clove_err err = seed_field(s, layout, f, self, around);

		if (err != CLOVE_OK)
			return err;
	}
	return CLOVE_OK;
}

enum clove_err clove_wire_seed(const struct clove_layout *layout, const struct clove_caps *caps,
		uint64_t *random, struct clove_buf *out)
{
	struct seeder s = { .caps = caps, .random = random };
	enum clove_err err = CLOVE_ERR_LIMIT;
	void *self;

	clove_arena_init(&s.arena, SEED_ARENA);
	self = clove_arena_alloc(&s.arena, layout->size);
	if (self)
		err = seed_struct(&s, layout, self, NULL);
	if (err == CLOVE_OK)
		err = clove_wire_write(layout, self, caps, out);
	clove_arena_fini(&s.arena);
	return err;
}
