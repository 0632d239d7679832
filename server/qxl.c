/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl.c - knows the layout of QXL's structures (server ABI, section 13) and what of them is legal. */
#include "server/qxl.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/bitmap.h"
#include "common/codec/quic.h"
#include "common/protocol/enums.h"

enum {
	DRAWABLE = 191, DRAWABLE_UNION = 123, UNION_MOST = 68,
	COMPAT_DRAWABLE = 128, COMPAT_UNION = 60,
	CURSOR_COMMAND = 22, CURSOR_HEAD = 22,
	IMAGE_BITMAP = 0, IMAGE_QUIC = 1, IMAGE_SURFACE = 104,
	BITMAP_DIRECT = 1, BITMAP_TOP_DOWN = 4,
	HIGH_BITS_SET = 2,
	CLIP_MOST = 65536 * 16,
	CLIP_PIECES_MOST = 1 << 20,       /* boxes of the region that a clip becomes */
	QUIC_MOST = 64 << 20,
	DECODED_MOST = 32 << 20,          /* pixels */
	OUTLINE_MOST = 4 << 20,           /* bytes of a path or a string */
	ARENA_MOST = 16 << 20,            /* they have grown in our structures */
	GLYPH_HEAD = 20, SEGMENT_HEAD = 8, STRING_HEAD = 8, PATH_HEAD = 4,
};

static pixman_box32_t get_box(const uint8_t *p)
{
	return (pixman_box32_t){ .y1 = (int32_t)clove_le32(p), .x1 = (int32_t)clove_le32(p + 4),
			.y2 = (int32_t)clove_le32(p + 8), .x2 = (int32_t)clove_le32(p + 12) };
}

static bool get(const struct clove_qxl_source *source, uint64_t address, void *into, size_t len)
{
	return clove_memslot_read(source->memslots, source->group, address, into, len);
}

/* The guest's own memory bounds what can be honest in it. */
static uint64_t most_bytes(const struct clove_qxl_source *source)
{
	uint64_t size = clove_memslots_size(source->memslots, source->group);

	return size < INT32_MAX ? size : INT32_MAX;
}

static uint32_t widen_555(uint32_t color)
{
	uint32_t r = color >> 10 & 31, g = color >> 5 & 31, b = color & 31;

	return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | b << 3 | b >> 2;
}

/* -- images -- */

static void image_fini(struct clove_qxl_image *image)
{
	clove_chunks_fini(&image->chunks);
	free(image->decoded);
	free(image->entries);
	*image = (struct clove_qxl_image){ 0 };
}

static enum clove_err read_palette(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_image *image)
{
	uint8_t head[10];

	if (!address || !get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint32_t count = clove_le16(head + 8);

	if (count > 256)
		return CLOVE_ERR_VALUE;
	image->entries = calloc(256, sizeof *image->entries);
	if (!image->entries)
		return CLOVE_ERR_NOMEM;
	if (count && !get(source, address + sizeof head, image->entries, count * 4))
		return CLOVE_ERR_BOUNDS;
	for (uint32_t i = 0; i < count; i++) {
		image->entries[i] = le32toh(image->entries[i]);
		if (source->is_16bpp)
			image->entries[i] = widen_555(image->entries[i]);
	}
	image->palette = (struct clove_palette){ image->entries, 256 };
	return CLOVE_OK;
}

static enum clove_err read_bitmap(const struct clove_qxl_source *source, uint64_t address,
		bool is_mask, struct clove_qxl_image *image)
{
	uint8_t head[30];

	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint8_t format = head[0], flags = head[1];
	uint32_t width = clove_le32(head + 2), height = clove_le32(head + 6);
	uint32_t stride = clove_le32(head + 10);
	uint64_t palette = clove_le64(head + 14), data = clove_le64(head + 22);
	enum clove_err err = clove_pixels_check_size(width, height);

	if (err != CLOVE_OK)
		return err;
	if (format < CLOVE_FORMAT_PLT1_LE || format > CLOVE_FORMAT_A8)
		return CLOVE_ERR_VALUE;
	if (is_mask && format > CLOVE_FORMAT_PLT1_BE)
		return CLOVE_ERR_VALUE;
	if (stride < clove_format_row_bytes(format, (int32_t)width) || stride > INT32_MAX / height)
		return CLOVE_ERR_BOUNDS;
	if (!is_mask && clove_format_is_palette(format)) {
		err = read_palette(source, palette, image);
		if (err != CLOVE_OK)
			return err;
	}

	struct clove_bytes bytes = { NULL, (size_t)stride * height };

	if (flags & BITMAP_DIRECT) {
		bytes.data = clove_memslot_get(source->memslots, source->group, data, bytes.len);
		if (!bytes.data)
			return CLOVE_ERR_BOUNDS;
	} else {
		if (bytes.len > most_bytes(source))
			return CLOVE_ERR_LIMIT;
		err = clove_memslot_get_chunks(source->memslots, source->group, data, bytes.len, false,
				&image->chunks);
		if (err != CLOVE_OK)
			return err;
		if (image->chunks.bytes.len != bytes.len)
			return CLOVE_ERR_SHORT;
		bytes = image->chunks.bytes;
	}
	image->kind = CLOVE_QXL_PIXELS;
	return clove_bitmap_view(bytes, format, width, height, stride, flags & BITMAP_TOP_DOWN,
			&image->pixels);
}

static enum clove_err read_quic(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_image *image)
{
	struct clove_image_info info;
	uint8_t head[4];

	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint32_t size = clove_le32(head);
	enum clove_err err = size > QUIC_MOST || size > most_bytes(source) ? CLOVE_ERR_LIMIT :
			clove_memslot_get_chunks(source->memslots, source->group, address + sizeof head,
			size, true, &image->chunks);

	if (err == CLOVE_OK && image->chunks.bytes.len != size)
		err = CLOVE_ERR_SHORT;
	if (err == CLOVE_OK)
		err = clove_quic_probe(image->chunks.bytes, &info);
	if (err == CLOVE_OK)
		err = clove_pixels_check_size(info.width, info.height);
	if (err == CLOVE_OK && (int64_t)info.width * info.height > DECODED_MOST)
		err = CLOVE_ERR_LIMIT;
	if (err != CLOVE_OK)
		return err;

	/* 16 bits stay 16: on a surface of that depth the words are used as they are. */
	enum clove_format format = info.format == CLOVE_FORMAT_RGB16 || info.format == CLOVE_FORMAT_RGBA ?
			info.format : CLOVE_FORMAT_RGB32;
	size_t stride = clove_format_row_bytes(format, info.width);

	image->decoded = calloc((size_t)info.height, stride);
	if (!image->decoded)
		return CLOVE_ERR_NOMEM;
	image->pixels = (struct clove_pixels){ image->decoded, info.width, info.height,
			(ptrdiff_t)stride, format };
	image->kind = CLOVE_QXL_PIXELS;
	return clove_quic_decode(image->chunks.bytes, &image->pixels);
}

static enum clove_err read_image(const struct clove_qxl_source *source, uint64_t address,
		bool is_mask, struct clove_qxl_image *image)
{
	uint8_t head[18], id[4];

	if (!address)
		return CLOVE_OK;
	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;
	image->has_high_bits = head[9] & HIGH_BITS_SET;
	switch (head[8]) {
	case IMAGE_BITMAP:
		return read_bitmap(source, address + sizeof head, is_mask, image);
	case IMAGE_QUIC:
		return is_mask ? CLOVE_ERR_VALUE : read_quic(source, address + sizeof head, image);
	case IMAGE_SURFACE:
		if (!get(source, address + sizeof head, id, sizeof id))
			return CLOVE_ERR_BOUNDS;
		image->kind = CLOVE_QXL_SURFACE;
		image->surface_id = clove_le32(id);
		return CLOVE_OK;
	default:
		return CLOVE_ERR_VALUE;
	}
}

static enum clove_err read_brush(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_brush *brush)
{
	uint32_t type = clove_le32(p);

	brush->type = (uint8_t)type;
	if (type == 1) {
		brush->color = clove_le32(p + 4);
		if (source->is_16bpp)
			brush->color = widen_555(brush->color);
	} else if (type == 2) {
		brush->x = (int32_t)clove_le32(p + 12);
		brush->y = (int32_t)clove_le32(p + 16);
		enum clove_err err = read_image(source, clove_le64(p + 4), false, &brush->pattern);

		if (err == CLOVE_OK && brush->pattern.kind == CLOVE_QXL_NO_IMAGE)
			err = CLOVE_ERR_VALUE;
		return err;
	}
	return type > 2 ? CLOVE_ERR_VALUE : CLOVE_OK;
}

static enum clove_err read_mask(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_mask *mask)
{
	mask->is_inverse = p[0] & 1;
	mask->x = (int32_t)clove_le32(p + 1);
	mask->y = (int32_t)clove_le32(p + 5);
	return read_image(source, clove_le64(p + 9), true, &mask->bitmap);
}

/* The image at `address`, or the surface's own pixels where the guest said so. */
static enum clove_err read_source(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_drawable *d)
{
	if (address)
		return read_image(source, address, false, &d->src);
	if (!d->has_self)
		return CLOVE_ERR_VALUE;
	d->src.kind = CLOVE_QXL_SELF;
	return CLOVE_OK;
}

/* -- drawables -- */

typedef enum clove_err (*read_fn)(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d);

static enum clove_err read_fill(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = read_brush(source, p, &d->brush);

	d->rop = clove_le16(p + 20);
	return err == CLOVE_OK ? read_mask(source, p + 22, &d->mask) : err;
}

static enum clove_err read_copy(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err;

	d->has_self = false;              /* Windows' driver sets it and means nothing by it */
	err = read_source(source, clove_le64(p), d);
	d->src_area = get_box(p + 8);
	d->rop = clove_le16(p + 24);
	d->scale_mode = p[26];
	if (err == CLOVE_OK)
		err = read_mask(source, p + 27, &d->mask);
	if (err != CLOVE_OK)
		return err;
	if (d->src_area.x1 < 0 || d->src_area.y1 < 0 || d->src_area.x2 < d->src_area.x1 ||
			d->src_area.y2 < d->src_area.y1)
		return CLOVE_ERR_BOUNDS;
	/* asked of bitmaps alone: others are scaled with what lies outside of them */
	if (d->src.kind == CLOVE_QXL_PIXELS && !d->src.decoded && (d->src_area.x2 > d->src.pixels.width ||
			d->src_area.y2 > d->src.pixels.height))
		return CLOVE_ERR_BOUNDS;
	return CLOVE_OK;
}

static enum clove_err read_opaque(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = read_source(source, clove_le64(p), d);

	d->src_area = get_box(p + 8);
	if (err == CLOVE_OK)
		err = read_brush(source, p + 24, &d->brush);
	d->rop = clove_le16(p + 44);
	d->scale_mode = p[46];
	return err == CLOVE_OK ? read_mask(source, p + 47, &d->mask) : err;
}

static enum clove_err read_rop3(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = read_source(source, clove_le64(p), d);

	d->src_area = get_box(p + 8);
	if (err == CLOVE_OK)
		err = read_brush(source, p + 24, &d->brush);
	d->rop = p[44];
	d->scale_mode = p[45];
	return err == CLOVE_OK ? read_mask(source, p + 46, &d->mask) : err;
}

static enum clove_err read_copy_bits(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	(void)source;
	d->src_x = (int32_t)clove_le32(p);
	d->src_y = (int32_t)clove_le32(p + 4);
	return CLOVE_OK;
}

static enum clove_err read_only_mask(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	return read_mask(source, p, &d->mask);
}

static enum clove_err read_transparent(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	d->src_area = get_box(p + 8);
	d->true_color = clove_le32(p + 28); /* of 24 bits in every dialect */
	return read_source(source, clove_le64(p), d);
}

static enum clove_err read_alpha_blend(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	if (!source->is_compat) {
		d->alpha_flags = (uint8_t)clove_le16(p);
		p += 2;
	}
	d->alpha = p[0];
	d->src_area = get_box(p + 9);
	return read_source(source, clove_le64(p + 1), d);
}

/* -- strings and paths -- */

/* Copies the chunks of at most OUTLINE_MOST bytes. */
static enum clove_err read_outline(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_drawable *d)
{
	uint64_t most = most_bytes(source);

	clove_arena_init(&d->arena, ARENA_MOST);
	return clove_memslot_get_chunks(source->memslots, source->group, address,
			most < OUTLINE_MOST ? most : OUTLINE_MOST, true, &d->outline);
}

/* One glyph out of what is left of the string's bytes. */
static enum clove_err take_glyph(struct clove_bytes *left, unsigned int depth, struct clove_glyph *glyph)
{
	const uint8_t *p = left->data;

	if (left->len < GLYPH_HEAD)
		return CLOVE_ERR_SHORT;
	*glyph = (struct clove_glyph){
		.render_pos = { (int32_t)clove_le32(p), (int32_t)clove_le32(p + 4) },
		.glyph_origin = { (int32_t)clove_le32(p + 8), (int32_t)clove_le32(p + 12) },
		.width = clove_le16(p + 16), .height = clove_le16(p + 18),
	};

	size_t bytes = ((size_t)glyph->width * depth + 7) / 8 * glyph->height;

	if (left->len - GLYPH_HEAD < bytes)
		return CLOVE_ERR_SHORT;
	glyph->data = CLOVE_BYTES(p + GLYPH_HEAD, bytes);
	left->data += GLYPH_HEAD + bytes;
	left->len -= GLYPH_HEAD + bytes;
	return CLOVE_OK;
}

static enum clove_err read_string(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_drawable *d)
{
	uint8_t head[STRING_HEAD];

	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint32_t size = clove_le32(head);
	uint16_t length = clove_le16(head + 4);
	uint8_t flags = (uint8_t)clove_le16(head + 6);
	unsigned int depth = flags & CLOVE_STRING_A1 ? 1 : flags & CLOVE_STRING_A4 ? 4 :
			flags & CLOVE_STRING_A8 ? 8 : 0;
	enum clove_err err;

	d->string.flags = flags;
	if (!depth)
		return CLOVE_OK; /* outlines: nobody draws these, but the background is */
	err = read_outline(source, address + sizeof head, d);
	if (err != CLOVE_OK)
		return err;

	struct clove_bytes left = d->outline.bytes;

	if (size != left.len || left.len / GLYPH_HEAD < length)
		return CLOVE_ERR_SHORT;

	struct clove_glyph *glyphs = clove_arena_alloc(&d->arena, length * sizeof *glyphs);

	if (!glyphs)
		return CLOVE_ERR_NOMEM;
	for (uint16_t i = 0; i < length && err == CLOVE_OK; i++)
		err = take_glyph(&left, depth, &glyphs[i]);
	d->string.glyphs = glyphs;
	d->string.length = length;
	return err == CLOVE_OK && left.len ? CLOVE_ERR_VALUE : err;
}

static enum clove_err read_text(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = read_string(source, clove_le64(p), d);

	d->back_area = get_box(p + 8);
	if (err == CLOVE_OK)
		err = read_brush(source, p + 24, &d->brush);
	return err == CLOVE_OK ? read_brush(source, p + 44, &d->back) : err;
}

/* One segment out of what is left of the path's bytes; without `segment` it is only counted. */
static enum clove_err take_segment(struct clove_bytes *left, struct clove_arena *arena,
		struct clove_path_segment *segment)
{
	uint32_t count = clove_le32(left->data + 4);
	const uint8_t *p = left->data + SEGMENT_HEAD;

	if (count > (left->len - SEGMENT_HEAD) / 8)
		return CLOVE_ERR_BOUNDS;
	if (segment) {
		struct clove_point_fix *points = clove_arena_alloc(arena, count * sizeof *points);

		if (!points)
			return CLOVE_ERR_NOMEM;
		for (uint32_t i = 0; i < count; i++)
			points[i] = (struct clove_point_fix){ (int32_t)clove_le32(p + 8 * (size_t)i),
					(int32_t)clove_le32(p + 8 * (size_t)i + 4) };
		*segment = (struct clove_path_segment){ (uint8_t)clove_le32(left->data), count, points };
	}
	left->data = p + 8 * (size_t)count;
	left->len -= SEGMENT_HEAD + 8 * (size_t)count;
	return CLOVE_OK;
}

static enum clove_err read_path(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = address ? read_outline(source, address + PATH_HEAD, d) : CLOVE_ERR_BOUNDS;
	struct clove_bytes left = d->outline.bytes;
	struct clove_path_segment *segments;
	uint32_t count = 0;

	for (; err == CLOVE_OK && left.len >= SEGMENT_HEAD; count++)
		err = take_segment(&left, NULL, NULL);
	if (err != CLOVE_OK)
		return err;
	segments = clove_arena_alloc(&d->arena, count * sizeof *segments);
	if (!segments)
		return CLOVE_ERR_LIMIT;
	left = d->outline.bytes;
	for (uint32_t i = 0; i < count && err == CLOVE_OK; i++)
		err = take_segment(&left, &d->arena, &segments[i]);
	d->path = (struct clove_path){ count, segments };
	return err;
}

static enum clove_err read_attr(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	uint32_t *style;

	d->attr = (struct clove_line_attr){ .flags = p[0] };
	if (!(p[0] & CLOVE_LINE_STYLED) || !p[3])
		return CLOVE_OK;
	style = clove_arena_alloc(&d->arena, p[3] * sizeof *style);
	if (!style)
		return CLOVE_ERR_NOMEM;
	if (!get(source, clove_le64(p + 12), style, p[3] * sizeof *style))
		return CLOVE_ERR_BOUNDS;
	for (uint8_t i = 0; i < p[3]; i++)
		style[i] = le32toh(style[i]);
	d->attr.style_nseg = p[3];
	d->attr.style = style;
	return CLOVE_OK;
}

static enum clove_err read_stroke(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	enum clove_err err = read_path(source, clove_le64(p), d);

	if (err == CLOVE_OK)
		err = read_attr(source, p + 8, d);
	d->rop = clove_le16(p + 48);
	return err == CLOVE_OK ? read_brush(source, p + 28, &d->brush) : err;
}

/* -- compositing -- */

static enum clove_err read_transform(const struct clove_qxl_source *source, uint64_t address,
		struct clove_transform *transform)
{
	uint8_t p[24];

	if (!address)
		return CLOVE_OK;
	if (!get(source, address, p, sizeof p))
		return CLOVE_ERR_BOUNDS;
	*transform = (struct clove_transform){ clove_le32(p), clove_le32(p + 4), clove_le32(p + 8),
			clove_le32(p + 12), clove_le32(p + 16), clove_le32(p + 20) };
	return CLOVE_OK;
}

static enum clove_err read_composite(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	struct clove_display_draw_composite *c = &d->composite;
	uint64_t src_transform = clove_le64(p + 12), mask = clove_le64(p + 20);
	uint64_t mask_transform = clove_le64(p + 28);
	enum clove_err err = read_source(source, clove_le64(p + 4), d);

	c->flags = clove_le32(p) | (mask ? CLOVE_COMPOSITE_HAS_MASK : 0) |
			(src_transform ? CLOVE_COMPOSITE_HAS_SRC_TRANSFORM : 0) |
			(mask_transform ? CLOVE_COMPOSITE_HAS_MASK_TRANSFORM : 0);
	c->src_origin = (struct clove_point16){ (int16_t)clove_le16(p + 36), (int16_t)clove_le16(p + 38) };
	c->mask_origin = (struct clove_point16){ (int16_t)clove_le16(p + 40), (int16_t)clove_le16(p + 42) };
	if (err == CLOVE_OK)
		err = read_transform(source, src_transform, &c->src_transform);
	if (err == CLOVE_OK)
		err = read_image(source, mask, false, &d->composite_mask);
	return err == CLOVE_OK ? read_transform(source, mask_transform, &c->mask_transform) : err;
}

static enum clove_err read_nothing(const struct clove_qxl_source *source, const uint8_t *p,
		struct clove_qxl_drawable *d)
{
	(void)source;
	(void)p;
	(void)d;
	return CLOVE_OK;
}

static const read_fn readers[CLOVE_QXL_DRAWS] = {
	[CLOVE_QXL_DRAW_NOP] = read_nothing,
	[CLOVE_QXL_DRAW_FILL] = read_fill,
	[CLOVE_QXL_DRAW_OPAQUE] = read_opaque,
	[CLOVE_QXL_DRAW_COPY] = read_copy,
	[CLOVE_QXL_DRAW_COPY_BITS] = read_copy_bits,
	[CLOVE_QXL_DRAW_BLEND] = read_copy,
	[CLOVE_QXL_DRAW_BLACKNESS] = read_only_mask,
	[CLOVE_QXL_DRAW_WHITENESS] = read_only_mask,
	[CLOVE_QXL_DRAW_INVERS] = read_only_mask,
	[CLOVE_QXL_DRAW_ROP3] = read_rop3,
	[CLOVE_QXL_DRAW_STROKE] = read_stroke,
	[CLOVE_QXL_DRAW_TEXT] = read_text,
	[CLOVE_QXL_DRAW_TRANSPARENT] = read_transparent,
	[CLOVE_QXL_DRAW_ALPHA_BLEND] = read_alpha_blend,
	[CLOVE_QXL_DRAW_COMPOSITE] = read_composite,
};

static int compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

/* How many of n sorted numbers are smaller. */
static size_t rank(const int32_t *sorted, size_t n, int32_t v)
{
	size_t low = 0;

	while (n) {
		size_t half = n / 2;

		if (sorted[low + half] < v) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

/* A region is cut wherever a box begins or ends: n boxes can become n * n. A driver's do not overlap. */
static enum clove_err check_pieces(const pixman_box32_t *boxes, int n)
{
	int32_t *edges = malloc(((size_t)n * 2 + 1) * sizeof *edges);
	size_t count = 0, pieces = 0;

	if (!edges)
		return CLOVE_ERR_NOMEM;
	for (int i = 0; i < n; i++) {
		edges[2 * i] = boxes[i].y1;
		edges[2 * i + 1] = boxes[i].y2;
	}
	qsort(edges, (size_t)n * 2, sizeof *edges, compare);
	for (size_t i = 0; i < (size_t)n * 2; i++)
		if (!count || edges[i] != edges[count - 1])
			edges[count++] = edges[i];
	for (int i = 0; i < n; i++)
		pieces += rank(edges, count, boxes[i].y2) - rank(edges, count, boxes[i].y1);
	free(edges);
	return pieces > CLIP_PIECES_MOST ? CLOVE_ERR_LIMIT : CLOVE_OK;
}

static enum clove_err read_clip(const struct clove_qxl_source *source, uint32_t type,
		uint64_t address, struct clove_qxl_drawable *d)
{
	struct clove_chunks chunks;
	uint8_t head[4];

	if (type != 1)
		return CLOVE_OK;
	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint32_t count = clove_le32(head);

	if (count > CLIP_MOST / 16)
		return CLOVE_ERR_LIMIT;
	enum clove_err err = clove_memslot_get_chunks(source->memslots, source->group,
			address + sizeof head, CLIP_MOST, true, &chunks);
	if (err != CLOVE_OK)
		return err;
	if (chunks.bytes.len != (size_t)count * 16) {
		clove_chunks_fini(&chunks);
		return CLOVE_ERR_SHORT;
	}

	pixman_box32_t *boxes = calloc(count ? count : 1, sizeof *boxes);
	int n = 0;

	for (uint32_t i = 0; boxes && i < count; i++) {
		pixman_box32_t box = get_box(chunks.bytes.data + (size_t)i * 16);

		/* Within the box, so that no sum in pixman overflows. */
		box.x1 = box.x1 > d->box.x1 ? box.x1 : d->box.x1;
		box.y1 = box.y1 > d->box.y1 ? box.y1 : d->box.y1;
		box.x2 = box.x2 < d->box.x2 ? box.x2 : d->box.x2;
		box.y2 = box.y2 < d->box.y2 ? box.y2 : d->box.y2;
		if (box.x1 < box.x2 && box.y1 < box.y2)
			boxes[n++] = box;
	}
	clove_chunks_fini(&chunks);
	if (!boxes)
		return CLOVE_ERR_NOMEM;
	err = check_pieces(boxes, n);
	if (err != CLOVE_OK) {
		free(boxes);
		return err;
	}
	pixman_region32_fini(&d->clip);
	d->has_clip = true;
	bool is_made = pixman_region32_init_rects(&d->clip, boxes, n);
	free(boxes);
	if (!is_made)
		pixman_region32_init(&d->clip);
	return is_made ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

bool clove_qxl_peek_drawable(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_peek *peek)
{
	enum { ROP = 24, MASK_BITMAP = 36, COPY_BYTES = 44, IMAGE_TYPE = 8 };
	uint8_t head[DRAWABLE_UNION + COPY_BYTES], image[IMAGE_TYPE + 1];
	const uint8_t *copy = head + DRAWABLE_UNION;

	*peek = (struct clove_qxl_peek){ .reads_surfaces = true };
	if (source->is_compat || !get(source, address, head, sizeof head))
		return false;
	peek->surface_id = clove_le32(head + 8);
	peek->box = get_box(head + 31);
	/* Only what most guests do most of the time: their own pixels, copied as they are. */
	if (head[13] != CLOVE_QXL_DRAW_COPY || head[14] || clove_le32(head + 47) == 1 ||
			clove_le16(copy + ROP) != CLOVE_ROP_PUT || clove_le64(copy + MASK_BITMAP) ||
			!get(source, clove_le64(copy), image, sizeof image) || image[IMAGE_TYPE] != IMAGE_BITMAP)
		return true;
	peek->covers = true;
	peek->reads_surfaces = false;
	return true;
}

enum clove_err clove_qxl_read_drawable(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_drawable *d, void **release)
{
	/* The last member of the union is longer than the shortest drawable needs: what is not
	 * there is read as 0. */
	uint8_t head[DRAWABLE + UNION_MOST] = { 0 };
	size_t size = source->is_compat ? COMPAT_DRAWABLE : DRAWABLE;

	*d = (struct clove_qxl_drawable){ 0 };
	pixman_region32_init(&d->clip);
	*release = clove_memslot_get(source->memslots, source->group, address, size);
	if (!*release || !get(source, address, head, size))
		return CLOVE_ERR_BOUNDS;

	const uint8_t *common = source->is_compat ? head + 28 : head + 31; /* box, clip */
	const uint8_t *last = head + (source->is_compat ? COMPAT_UNION : DRAWABLE_UNION);
	uint8_t type = head[source->is_compat ? 9 : 13];

	d->surface_id = source->is_compat ? 0 : clove_le32(head + 8);
	if (type >= CLOVE_QXL_DRAWS)
		return CLOVE_ERR_VALUE;
	d->type = type;
	d->box = get_box(common);
	if (source->is_compat) {
		d->has_self = clove_le16(head + 10) != 0;
		d->self_area = get_box(head + 12);
	} else {
		d->has_self = head[14] != 0;
		d->self_area = get_box(head + 15);
	}
	if (d->box.x1 < 0 || d->box.y1 < 0 || d->box.x2 < d->box.x1 || d->box.y2 < d->box.y1 ||
			d->box.x2 > 65536 || d->box.y2 > 65536)
		return CLOVE_ERR_BOUNDS;
	enum clove_err err = read_clip(source, clove_le32(common + 16), clove_le64(common + 20), d);

	return err == CLOVE_OK ? readers[type](source, last, d) : err;
}

void clove_qxl_drawable_fini(struct clove_qxl_drawable *drawable)
{
	pixman_region32_fini(&drawable->clip);
	image_fini(&drawable->src);
	image_fini(&drawable->brush.pattern);
	image_fini(&drawable->mask.bitmap);
	image_fini(&drawable->back.pattern);
	image_fini(&drawable->composite_mask);
	clove_arena_fini(&drawable->arena);
	clove_chunks_fini(&drawable->outline);
}

/* -- the other commands -- */

enum clove_err clove_qxl_read_surface(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_surface_command *command, void **release)
{
	uint8_t head[41];

	*release = clove_memslot_get(source->memslots, source->group, address, sizeof head);
	if (!*release || !get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;
	if (head[12] > 1)
		return CLOVE_ERR_VALUE;
	*command = (struct clove_qxl_surface_command){
		.id = clove_le32(head + 8),
		.is_create = head[12] == 0,
		.info = {
			.format = clove_le32(head + 17), .width = clove_le32(head + 21),
			.height = clove_le32(head + 25), .stride = (int32_t)clove_le32(head + 29),
			.address = clove_le64(head + 33), .group = source->group,
			.keeps_data = clove_le32(head + 13) & 1,
		},
	};
	return CLOVE_OK;
}

enum clove_err clove_qxl_read_update(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_update *update, void **release)
{
	uint8_t head[32] = { 0 };
	size_t size = source->is_compat ? 28 : sizeof head;

	*release = clove_memslot_get(source->memslots, source->group, address, size);
	if (!*release || !get(source, address, head, size))
		return CLOVE_ERR_BOUNDS;
	*update = (struct clove_qxl_update){ clove_le32(head + 28), clove_le32(head + 24),
			get_box(head + 8) };
	return CLOVE_OK;
}

/* Bytes of a shape's data (spice-wire 11.3); 0 for an unknown type. */
static size_t shape_bytes(uint8_t type, uint16_t width, uint16_t height)
{
	size_t w = width, h = height, mask = (w + 7) / 8 * h;

	switch (type) {
	case 0: return w * h * 4;
	case 1: return mask * 2;
	case 2: return (w + 1) / 2 * h + 16 * 4 + mask;
	case 3: return w * h + 256 * 4 + mask;
	case 4: return w * h * 2 + mask;
	case 5: return w * h * 3 + mask;
	case 6: return w * h * 4 + mask;
	default: return 0;
	}
}

static enum clove_err read_shape(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_shape *shape)
{
	struct clove_chunks chunks;
	uint8_t head[CURSOR_HEAD];

	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint16_t type = clove_le16(head + 8);

	*shape = (struct clove_qxl_shape){
		.unique = clove_le64(head), .type = (uint8_t)type,
		.width = clove_le16(head + 10), .height = clove_le16(head + 12),
		.hot_x = clove_le16(head + 14), .hot_y = clove_le16(head + 16),
	};
	if (type > 6 || shape->width > 1024 || shape->height > 1024)
		return CLOVE_ERR_VALUE;

	size_t need = shape_bytes(shape->type, shape->width, shape->height);
	/* Drivers allocate in steps: data_size and the chunks may hold more than the shape. */
	enum clove_err err = clove_memslot_get_chunks(source->memslots, source->group,
			address + sizeof head, need + (64 << 10), true, &chunks);

	if (err != CLOVE_OK)
		return err;
	if (chunks.bytes.len < need || clove_le32(head + 18) < need)
		err = CLOVE_ERR_SHORT;
	else
		err = clove_buf_append(&shape->data, chunks.bytes.data, need);
	clove_chunks_fini(&chunks);
	return err;
}

enum clove_err clove_qxl_read_cursor(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_cursor *cursor, void **release)
{
	uint8_t head[CURSOR_COMMAND];

	*cursor = (struct clove_qxl_cursor){ 0 };
	*release = clove_memslot_get(source->memslots, source->group, address, sizeof head);
	if (!*release || !get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;
	cursor->type = head[8];
	switch (head[8]) {
	case CLOVE_QXL_CURSOR_SET:
		cursor->is_visible = head[13];
		/* fall through */
	case CLOVE_QXL_CURSOR_MOVE:
		cursor->x = (int16_t)clove_le16(head + 9);
		cursor->y = (int16_t)clove_le16(head + 11);
		break;
	case CLOVE_QXL_CURSOR_HIDE:
		break;
	case CLOVE_QXL_CURSOR_TRAIL:
		cursor->trail_length = clove_le16(head + 9);
		cursor->trail_frequency = clove_le16(head + 11);
		break;
	default:
		return CLOVE_ERR_VALUE;
	}

	uint64_t shape = clove_le64(head + 14);

	if (head[8] != CLOVE_QXL_CURSOR_SET || !shape)
		return CLOVE_OK;
	cursor->has_shape = true;
	return read_shape(source, shape, &cursor->shape);
}

enum clove_err clove_qxl_read_monitors(const struct clove_qxl_source *source, uint64_t address,
		uint16_t most, struct clove_monitors *monitors)
{
	uint8_t head[4], entry[28];

	if (!get(source, address, head, sizeof head))
		return CLOVE_ERR_BOUNDS;

	uint16_t count = clove_le16(head), allowed = clove_le16(head + 2);

	if (count == 0 || (allowed && count > allowed))
		return CLOVE_ERR_VALUE;
	if (!clove_memslot_get(source->memslots, source->group, address + sizeof head, 28ull * count))
		return CLOVE_ERR_BOUNDS;
	if (most > CLOVE_HEADS_MAX)
		most = CLOVE_HEADS_MAX;
	*monitors = (struct clove_monitors){ 0 };
	monitors->max_allowed = allowed && allowed < most ? allowed : most;
	for (uint16_t i = 0; i < count && i < most; i++) {
		if (!get(source, address + sizeof head + i * sizeof entry, entry, sizeof entry))
			return CLOVE_ERR_BOUNDS;
		struct clove_head *to = &monitors->heads[monitors->count];
		*to = (struct clove_head){ clove_le32(entry), clove_le32(entry + 4),
				clove_le32(entry + 8), clove_le32(entry + 12), clove_le32(entry + 16),
				clove_le32(entry + 20), clove_le32(entry + 24) };
		if (to->width && to->height)
			monitors->count++;
	}
	return CLOVE_OK;
}
