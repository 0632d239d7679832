/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.c - knows what may stand in each field of a command, and what had better not. */
#include "tests/raster/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/codec/quic.h"

enum { XRGB = SPICE_SURFACE_FMT_32_xRGB, ARGB = SPICE_SURFACE_FMT_32_ARGB, RGB555 = SPICE_SURFACE_FMT_16_555,
	RGB565 = SPICE_SURFACE_FMT_16_565, A8 = SPICE_SURFACE_FMT_8_A, A1 = SPICE_SURFACE_FMT_1_A };

/* -- chance -- */

static uint32_t any(struct raster_case *c)
{
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	uint64_t x = c->random ^ c->random >> 29;

	return (uint32_t)(x * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
}

static uint32_t below(struct raster_case *c, uint32_t n)
{
	return any(c) % n;
}

static int32_t between(struct raster_case *c, int32_t low, int32_t high)
{
	return low + (int32_t)below(c, (uint32_t)(high - low + 1));
}

static bool one_in(struct raster_case *c, uint32_t n)
{
	return below(c, n) == 0;
}

/* -- memory -- */

/* Addresses of drivers are seldom round. */
static void *take(struct raster_case *c, size_t bytes, uint64_t *address)
{
	c->used += below(c, 4);
	if (bytes > RASTER_MEMORY - c->used)
		abort();
	void *p = c->memory + c->used;

	*address = raster_address(c->used);
	c->used += bytes;
	return memset(p, 0, bytes);
}

static void put_noise(struct raster_case *c, uint8_t *to, size_t n)
{
	static const uint8_t masks[] = { 0xff, 0xff, 0xff, 0x81, 0xc0, 0x01, 0xf0 };
	uint8_t mask = masks[below(c, sizeof masks)];

	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(any(c) >> 24) & mask;
}

/* Behind a head of `head` bytes the data in one to three chunks, torn between units. */
static uint8_t *put_parts(struct raster_case *c, size_t head, const uint8_t *data, size_t len, size_t unit,
		uint64_t *address)
{
	size_t parts[3] = { len, 0, 0 };
	unsigned int n = len > 2 * unit && one_in(c, 3) ? 1 + below(c, 3) : 1;
	uint8_t *first = NULL;
	QXLDataChunk *last = NULL;

	for (unsigned int i = 0; i + 1 < n; i++) {
		size_t units = parts[i] / unit;

		/* empty ones are legal, but not for the incumbent's decoder */
		parts[i + 1] = unit == 1 ? below(c, (uint32_t)units + 1) : units > 1 ? unit : 0;
		parts[i] -= parts[i + 1];
	}
	for (unsigned int i = 0; i < n && (i == 0 || unit == 1 || parts[i]); i++) {
		uint64_t at;
		uint8_t *p = take(c, (i ? 0 : head) + sizeof(QXLDataChunk) + parts[i], &at);
		QXLDataChunk *chunk = (QXLDataChunk *)(p + (i ? 0 : head));

		chunk->data_size = (uint32_t)parts[i];
		memcpy(chunk->data, data, parts[i]);
		data += parts[i];
		if (last)
			last->next_chunk = at;
		else
			*address = at, first = p;
		last = chunk;
	}
	return first;
}

static uint8_t *put_chunks(struct raster_case *c, size_t head, const uint8_t *data, size_t len, uint64_t *address)
{
	return put_parts(c, head, data, len, 1, address);
}

/* -- what was made, in words -- */

static void say(struct raster_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct raster_case *c, const char *format, ...)
{
	char *what = c->what[c->count];
	size_t len = strlen(what);
	va_list ap;

	va_start(ap, format);
	vsnprintf(what + len, sizeof c->what[0] - len, format, ap);
	va_end(ap);
}

/* -- surfaces -- */

uint32_t raster_bits(uint32_t format)
{
	return format == A1 ? 1 : format == A8 ? 8 : format == RGB555 || format == RGB565 ? 16 : 32;
}

static uint32_t random_format(struct raster_case *c, unsigned int id)
{
	static const uint32_t colours[] = { XRGB, XRGB, XRGB, ARGB, RGB555, RGB565 };

	return id == 4 ? A8 : id == 5 ? A1 : id == 1 ? ARGB : id == 2 ? XRGB :
			colours[below(c, sizeof colours / sizeof *colours)];
}

static void add_surface(struct raster_case *c, unsigned int id)
{
	struct raster_surface *s = &c->surfaces[id];
	QXLSurfaceCmd *create;
	uint64_t address;

	s->format = random_format(c, id);
	s->width = id ? between(c, 1, 60) : between(c, 40, 120);
	s->height = id ? between(c, 1, 50) : between(c, 30, 90);
	s->stride = (int32_t)((raster_bits(s->format) * (uint32_t)s->width + 31) / 32 * 4);
	if (one_in(c, 4))
		s->stride += 4 * between(c, 1, 5);
	s->bytes = (size_t)(s->stride * s->height);
	c->used = (c->used + 3) & ~(size_t)3;
	s->at = c->used;
	c->used += s->bytes;
	put_noise(c, c->memory + s->at, s->bytes);
	s->is_for_one = one_in(c, 3);
	if (one_in(c, 3))
		s->stride = -s->stride;
	if (!id)
		return;
	create = take(c, sizeof *create, &address);
	create->surface_id = id;
	create->type = QXL_SURFACE_CMD_CREATE;
	create->flags = QXL_SURF_FLAG_KEEP_DATA;
	create->u.surface_create = (QXLSurface){ s->format, (uint32_t)s->width, (uint32_t)s->height, s->stride,
			raster_address(s->at) };
	say(c, "surface %u format %u %dx%d stride %d", id, s->format, s->width, s->height, s->stride);
	c->commands[c->count++] = (QXLCommandExt){ { address, QXL_CMD_SURFACE, 0 }, RASTER_GROUP, 0 };
}

/* -- images -- */

struct drawing {
	const struct raster_surface *target;
	unsigned int id;
	bool is_compat;
	QXLDrawable *d;
	int32_t l, t, w, h;     /* the box */
	int reads;              /* how many of surfaces_dest are set */
	bool turns_vague;       /* a word of unknown fourth byte may come to the target */
};

struct image {
	uint64_t address;
	int32_t w, h;
	int surface;            /* -1: a bitmap */
};

static int32_t row_bytes(uint32_t format, int32_t width)
{
	return (int32_t)clove_format_row_bytes((enum clove_format)format, width);
}

static uint64_t make_palette(struct raster_case *c, uint32_t entries)
{
	uint64_t address;
	QXLPalette *palette = take(c, sizeof *palette + entries * 4, &address);

	palette->unique = any(c);
	palette->num_ents = (uint16_t)entries;
	for (uint32_t i = 0; i < entries; i++) {
		uint32_t v = any(c);

		v = one_in(c, 2) ? v & 0xffffff : v;
		memcpy((uint8_t *)palette + sizeof *palette + 4 * (size_t)i, &v, 4);
	}
	return address;
}

static uint64_t make_bitmap(struct raster_case *c, uint8_t format, int32_t w, int32_t h, bool is_mask)
{
	int32_t stride = row_bytes(format, w) + (one_in(c, 2) ? 0 : between(c, 0, 9));
	size_t bytes = (size_t)(stride * h);
	uint8_t *data = malloc(bytes);
	uint64_t address;
	QXLImage *image;

	put_noise(c, data, bytes);
	for (size_t i = 0; format == SPICE_BITMAP_FMT_RGBA && i + 3 < bytes && c->random >> 60 & 1; i += 4)
		for (int k = 0; k < 3; k++)
			data[i + (size_t)k] = (uint8_t)(data[i + (size_t)k] * data[i + 3] / 255);
	image = take(c, 18 + sizeof(QXLBitmap), &address);
	QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER, any(c));
	image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	image->descriptor.flags = one_in(c, 5) ? QXL_IMAGE_HIGH_BITS_SET : 0;
	image->descriptor.width = (uint32_t)w;
	image->descriptor.height = (uint32_t)h;
	image->bitmap.format = format;
	image->bitmap.x = (uint32_t)w;
	image->bitmap.y = (uint32_t)h;
	image->bitmap.stride = (uint32_t)stride;
	image->bitmap.flags = one_in(c, 2) ? QXL_BITMAP_TOP_DOWN : 0;
	if (format <= SPICE_BITMAP_FMT_8BIT && !is_mask)
		image->bitmap.palette = make_palette(c, format <= 2 ? 2 : format <= 4 ? 16 : 256);
	if (one_in(c, 2)) {
		uint64_t at;

		memcpy(take(c, bytes, &at), data, bytes);
		image->bitmap.flags |= QXL_BITMAP_DIRECT;
		image->bitmap.data = at;
	} else {
		uint64_t at;

		put_chunks(c, 0, data, bytes, &at);
		image->bitmap.data = at;
	}
	free(data);
	say(c, " [fmt %u %dx%d stride %d flags %x,%x]", format, w, h, stride, image->bitmap.flags,
			image->descriptor.flags);
	return address;
}

static uint64_t make_quic(struct raster_case *c, int32_t w, int32_t h)
{
	enum clove_format format = CLOVE_FORMAT_RGB16 + below(c, 4);
	int32_t stride = row_bytes(format, w);
	struct clove_pixels pixels = { malloc((size_t)(stride * h)), w, h, stride, format };
	size_t room = clove_quic_bound(format, w, h), size = 0;
	uint8_t *data = malloc(room);
	uint64_t address;
	QXLImage *image;

	put_noise(c, pixels.data, (size_t)(stride * h));
	if (clove_quic_encode(data, room, &pixels, &size) != CLOVE_OK)
		abort();
	image = (QXLImage *)put_parts(c, 22, data, size, 4, &address); /* the incumbent reads words */
	QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER, any(c));
	image->descriptor.type = SPICE_IMAGE_TYPE_QUIC;
	image->descriptor.flags = one_in(c, 5) ? QXL_IMAGE_HIGH_BITS_SET : 0;
	image->descriptor.width = (uint32_t)w;
	image->descriptor.height = (uint32_t)h;
	image->quic.data_size = (uint32_t)size;
	say(c, " [quic fmt %u %dx%d flags %x]", format, w, h, image->descriptor.flags);
	free(pixels.data);
	free(data);
	return address;
}

static uint64_t make_surface_image(struct raster_case *c, struct drawing *g, unsigned int id)
{
	const struct raster_surface *s = &c->surfaces[id];
	uint64_t address;
	QXLImage *image = take(c, 18 + sizeof(QXLSurfaceId), &address);

	image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
	image->descriptor.width = (uint32_t)s->width;
	image->descriptor.height = (uint32_t)s->height;
	image->surface_image.surface_id = id;
	if (!g->is_compat && g->reads < 3) {
		g->d->surfaces_dest[g->reads] = (int32_t)id;
		g->d->surfaces_rects[g->reads++] = (QXLRect){ 0, 0, s->height, s->width };
	}
	say(c, " [surface %u]", id);
	return address;
}

/* A surface that may be read: of the target's depth, or any colours if it is only seen. */
enum { NO_SURFACE = 1, MAY_SEE = 2, COMPOSITED = 4, LENT = 8 };

static int choose_surface(struct raster_case *c, struct drawing *g, unsigned int how)
{
	unsigned int id = below(c, RASTER_SURFACES);
	struct raster_surface *s = &c->surfaces[id];

	if (id == g->id || g->reads >= 3 || s->format == A1 || g->is_compat)
		return -1;
	if (!(how & MAY_SEE) && raster_bits(s->format) != raster_bits(g->target->format))
		return -1;
	if (s->is_vague && g->target->format == ARGB)
		return -1;
	if (how & LENT && (!s->is_for_one || s->is_lent))
		return -1;
	if (how & COMPOSITED && s->is_for_one)
		return -1;
	s->is_lent |= how & LENT;
	g->turns_vague |= s->is_vague;
	return (int)id;
}

/* An image of at least w x h (w and h may be wanted exactly by the caller through `image`). */
static struct image make_image(struct raster_case *c, struct drawing *g, int32_t w, int32_t h, unsigned int how)
{
	static const uint8_t formats[] = { SPICE_BITMAP_FMT_1BIT_BE, SPICE_BITMAP_FMT_4BIT_BE,
			SPICE_BITMAP_FMT_8BIT, SPICE_BITMAP_FMT_16BIT, SPICE_BITMAP_FMT_24BIT,
			SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_RGBA,
			SPICE_BITMAP_FMT_RGBA, SPICE_BITMAP_FMT_8BIT_A };
	uint32_t target = g->target->format;
	struct image image = { .w = w, .h = h, .surface = -1 };

	if (!(how & NO_SURFACE) && one_in(c, 3)) {
		image.surface = choose_surface(c, g, how);
		if (image.surface >= 0) {
			image.w = c->surfaces[image.surface].width;
			image.h = c->surfaces[image.surface].height;
			image.address = make_surface_image(c, g, (unsigned int)image.surface);
			return image;
		}
	}
	if (raster_bits(target) > 8 && one_in(c, 8)) {
		image.address = make_quic(c, w, h);
		return image;
	}
	for (;;) {
		uint8_t format = formats[below(c, sizeof formats)];

		if (target == RGB565 && format <= SPICE_BITMAP_FMT_8BIT)
			continue; /* the incumbent aborts */
		if (target == A8 && format != SPICE_BITMAP_FMT_8BIT_A && format != SPICE_BITMAP_FMT_RGBA)
			continue;
		image.address = make_bitmap(c, format, w, h, false);
		return image;
	}
}

static void set_mask(struct raster_case *c, struct drawing *g, QXLQMask *mask)
{
	int32_t w, h;

	if (!one_in(c, 3))
		return;
	mask->flags = one_in(c, 3) ? SPICE_MASK_FLAGS_INVERS : 0;
	mask->pos = (QXLPoint){ between(c, -4, 6), between(c, -4, 6) };
	say(c, " mask%s %d,%d", mask->flags ? " inverse" : "", mask->pos.x, mask->pos.y);
	if (one_in(c, 4) && g->id != 5 && g->reads < 3 && !g->is_compat) {
		mask->bitmap = make_surface_image(c, g, 5);
		return;
	}
	w = between(c, 1, g->w + 8);
	h = between(c, 1, g->h + 8);
	mask->bitmap = make_bitmap(c, one_in(c, 2) ? SPICE_BITMAP_FMT_1BIT_BE : SPICE_BITMAP_FMT_1BIT_LE, w, h, true);
}

static void set_brush(struct raster_case *c, struct drawing *g, QXLBrush *brush, unsigned int how)
{
	uint32_t kind = below(c, 10);

	brush->type = kind == 0 ? SPICE_BRUSH_TYPE_NONE : kind < 6 ? SPICE_BRUSH_TYPE_SOLID :
			SPICE_BRUSH_TYPE_PATTERN;
	if (kind && kind < 6) {
		brush->u.color = any(c) & (raster_bits(g->target->format) == 16 ? 0x7fff : 0xffffff);
		say(c, " solid %06x", brush->u.color);
	} else if (kind) {
		struct image tile;

		say(c, " tile");
		tile = make_image(c, g, between(c, 1, 20), between(c, 1, 20), how);
		brush->u.pattern.pat = tile.address;
		brush->u.pattern.pos = (QXLPoint){ between(c, -30, 60), between(c, -30, 60) };
		say(c, "@%d,%d", brush->u.pattern.pos.x, brush->u.pattern.pos.y);
	} else {
		say(c, " no brush");
	}
}

static uint16_t random_rop(struct raster_case *c)
{
	static const uint16_t operations[] = { SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_PUT,
			SPICE_ROPD_OP_OR, SPICE_ROPD_OP_AND, SPICE_ROPD_OP_XOR, SPICE_ROPD_OP_BLACKNESS,
			SPICE_ROPD_OP_WHITENESS, SPICE_ROPD_OP_INVERS };
	uint16_t rop = operations[below(c, sizeof operations / sizeof *operations)];

	if (one_in(c, 3))
		rop |= any(c) & (SPICE_ROPD_INVERS_SRC | SPICE_ROPD_INVERS_BRUSH | SPICE_ROPD_INVERS_DEST |
				SPICE_ROPD_INVERS_RES);
	if (one_in(c, 30))
		rop = (uint16_t)(any(c) & SPICE_ROPD_MASK);
	say(c, " rop %x", rop);
	return rop;
}

/* A place in an image of w x h for a box of bw x bh; scaled now and then. */
static QXLRect source_area(struct raster_case *c, const struct image *image, int32_t bw, int32_t bh, bool may_scale,
		bool *is_scaled)
{
	int32_t w = bw, h = bh, x, y;

	if ((may_scale && one_in(c, 3)) || w > image->w || h > image->h) {
		if (may_scale || w > image->w)
			w = between(c, 1, image->w);
		if (may_scale || h > image->h)
			h = between(c, 1, image->h);
	}
	x = between(c, 0, image->w - w);
	y = between(c, 0, image->h - h);
	*is_scaled = w != bw || h != bh;
	say(c, " from %d,%d+%dx%d", x, y, w, h);
	return (QXLRect){ y, x, y + h, x + w };
}

/* -- drawing -- */

static void set_clip(struct raster_case *c, struct drawing *g, QXLClip *clip, bool is_stroke)
{
	QXLRect rects[6];
	uint32_t n = below(c, 6);
	uint64_t address;

	if (one_in(c, 2))
		return;
	if (is_stroke) /* several in one band make the incumbent lose spans */
		n = 1;
	for (uint32_t i = 0; i < n; i++) {
		rects[i].left = between(c, g->l - 10, g->l + g->w);
		rects[i].top = between(c, g->t - 10, g->t + g->h);
		rects[i].right = rects[i].left + between(c, 0, g->w + 10);
		rects[i].bottom = rects[i].top + between(c, 0, g->h + 10);
	}
	clip->type = SPICE_CLIP_TYPE_RECTS;
	uint8_t *p = put_chunks(c, 4, (const uint8_t *)rects, n * sizeof *rects, &address);

	memcpy(p, &n, 4);
	clip->data = address;
	say(c, " clip %u", n);
}

typedef void (*make_fn)(struct raster_case *c, struct drawing *g);

static void make_fill(struct raster_case *c, struct drawing *g)
{
	QXLFill *fill = &g->d->u.fill;

	set_brush(c, g, &fill->brush, g->target->format == A1 ? NO_SURFACE : 0);
	fill->rop_descriptor = random_rop(c);
	set_mask(c, g, &fill->mask);
}

static void make_copy(struct raster_case *c, struct drawing *g)
{
	QXLCopy *copy = &g->d->u.copy;
	bool is_scaled;
	struct image image = make_image(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20), COMPOSITED);

	copy->src_bitmap = image.address;
	copy->src_area = source_area(c, &image, g->w, g->h, true, &is_scaled);
	copy->rop_descriptor = random_rop(c);
	copy->scale_mode = (uint8_t)below(c, 2);
	g->d->self_bitmap = one_in(c, 8);
	if (one_in(c, 40))
		copy->src_area.right += 30;
	g->turns_vague |= is_scaled;
	say(c, " scale %u", copy->scale_mode);
	set_mask(c, g, &copy->mask);
}

/* The target's own pixels instead of an image; false if it had better have one. */
static bool make_self(struct raster_case *c, struct drawing *g, struct image *image)
{
	const struct raster_surface *t = g->target;
	int32_t l, top;

	if (!one_in(c, 6) || t->format == RGB565 || t->format == A8 || t->is_vague || g->is_compat)
		return false;
	image->w = between(c, 1, t->width);
	image->h = between(c, 1, t->height);
	l = between(c, 0, t->width - image->w);
	top = between(c, 0, t->height - image->h);
	image->address = 0;
	image->surface = -1;
	g->d->self_bitmap = 1;
	g->d->self_bitmap_area = (QXLRect){ top, l, top + image->h, l + image->w };
	say(c, " self %d,%d+%dx%d", l, top, image->w, image->h);
	return true;
}

static struct image make_source(struct raster_case *c, struct drawing *g, int32_t w, int32_t h, unsigned int how)
{
	struct image image;

	return make_self(c, g, &image) ? image : make_image(c, g, w, h, how);
}

static void make_opaque(struct raster_case *c, struct drawing *g)
{
	QXLOpaque *opaque = &g->d->u.opaque;
	bool is_scaled;
	struct image image = make_source(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20), COMPOSITED);

	opaque->src_bitmap = image.address;
	opaque->src_area = source_area(c, &image, g->w, g->h, true, &is_scaled);
	set_brush(c, g, &opaque->brush, 0);
	opaque->rop_descriptor = random_rop(c);
	opaque->scale_mode = (uint8_t)below(c, 2);
	g->turns_vague |= is_scaled;
	set_mask(c, g, &opaque->mask);
}

static void make_mask_only(struct raster_case *c, struct drawing *g)
{
	set_mask(c, g, &g->d->u.blackness.mask);
}

/* True if the code asks for pattern, source and destination. */
static bool needs_all(uint8_t code)
{
	return (code ^ code >> 4) & 0x0f && (code ^ code >> 2) & 0x33 && (code ^ code >> 1) & 0x55;
}

static void make_rop3(struct raster_case *c, struct drawing *g)
{
	QXLRop3 *rop3 = &g->d->u.rop3;
	bool is_scaled;
	struct image image = make_source(c, g, g->w + between(c, 0, 20), g->h + between(c, 0, 20), COMPOSITED);

	rop3->src_bitmap = image.address;
	rop3->src_area = source_area(c, &image, g->w, g->h, true, &is_scaled);
	set_brush(c, g, &rop3->brush, 0);
	if (rop3->brush.type == SPICE_BRUSH_TYPE_PATTERN) {
		rop3->brush.u.pattern.pos.x = between(c, -30, g->l);
		rop3->brush.u.pattern.pos.y = between(c, -30, g->t);
	}
	do
		rop3->rop3 = (uint8_t)any(c);
	while (!needs_all(rop3->rop3));
	rop3->scale_mode = (uint8_t)below(c, 2);
	say(c, " code %02x", rop3->rop3);
	set_mask(c, g, &rop3->mask);
}

static void make_transparent(struct raster_case *c, struct drawing *g)
{
	QXLTransparent *transparent = &g->d->u.transparent;
	bool is_scaled;
	struct image image = make_source(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20), COMPOSITED);

	transparent->src_bitmap = image.address;
	transparent->src_area = source_area(c, &image, g->w, g->h, true, &is_scaled);
	transparent->src_color = any(c);
	transparent->true_color = one_in(c, 2) ? 0 : one_in(c, 2) ? 0xffffff : any(c) & 0x818181;
	if (one_in(c, 4))
		transparent->true_color |= any(c) & 0xff000000;
	say(c, " key %x", transparent->true_color);
}

static void make_alpha(struct raster_case *c, struct drawing *g)
{
	QXLAlphaBlend *blend = &g->d->u.alpha_blend;
	bool is_scaled;
	struct image image = make_source(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20),
			MAY_SEE | COMPOSITED);

	blend->src_bitmap = image.address;
	blend->src_area = source_area(c, &image, g->w, g->h, true, &is_scaled);
	blend->alpha = one_in(c, 3) ? 255 : (uint8_t)any(c);
	blend->alpha_flags = (uint16_t)(g->is_compat ? 0 : below(c, 4));
	if (image.surface >= 0 && c->surfaces[image.surface].is_vague)
		blend->alpha_flags &= ~SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA;
	if (g->target->is_vague)
		blend->alpha_flags &= ~SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA;
	say(c, " alpha %u flags %u", blend->alpha, blend->alpha_flags);
	g->turns_vague |= !(blend->alpha_flags & SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA);
}

static void make_copy_bits(struct raster_case *c, struct drawing *g)
{
	g->d->u.copy_bits.src_pos = (QXLPoint){ between(c, -5, g->target->width), between(c, -5, g->target->height) };
	say(c, " from %d,%d", g->d->u.copy_bits.src_pos.x, g->d->u.copy_bits.src_pos.y);
}

/* -- strokes -- */

static QXLPointFix random_point(struct raster_case *c, struct drawing *g, bool is_bent)
{
	/* further out the incumbent's products of a bend do not fit in 64 bits */
	int32_t most = is_bent ? 1000 : 16000;

	if (one_in(c, 12))
		return (QXLPointFix){ between(c, -most, most) * 16, between(c, -most, most) * 16 };
	return (QXLPointFix){ between(c, (g->l - 20) * 16, (g->l + g->w + 20) * 16),
			between(c, (g->t - 20) * 16, (g->t + g->h + 20) * 16) };
}

static size_t add_segment(struct raster_case *c, struct drawing *g, uint8_t *to, bool is_first)
{
	QXLPathSeg *segment = (QXLPathSeg *)to;
	uint32_t count;

	segment->flags = (is_first || one_in(c, 3) ? SPICE_PATH_BEGIN : 0) | (one_in(c, 3) ? SPICE_PATH_END : 0) |
			(one_in(c, 3) ? SPICE_PATH_CLOSE : 0) | (one_in(c, 4) ? SPICE_PATH_BEZIER : 0);
	/* without a point to go on from no curve: the segment before may have ended */
	if (segment->flags & SPICE_PATH_BEZIER && !(segment->flags & SPICE_PATH_BEGIN))
		segment->flags |= SPICE_PATH_BEGIN;
	count = segment->flags & SPICE_PATH_BEZIER ? 3 * below(c, 3) + 1 : 1 + below(c, 7);
	segment->count = count;
	for (uint32_t i = 0; i < count; i++)
		segment->points[i] = random_point(c, g, segment->flags & SPICE_PATH_BEZIER);
	if (one_in(c, 4) && count > 2 && !(segment->flags & SPICE_PATH_BEZIER))
		segment->points[count - 1] = segment->points[0];
	return sizeof *segment + count * sizeof *segment->points;
}

static void make_stroke(struct raster_case *c, struct drawing *g)
{
	static uint8_t data[4096] __attribute__((aligned(8)));
	QXLStroke *stroke = &g->d->u.stroke;
	uint32_t n = 1 + below(c, 4);
	size_t len = 0;
	uint64_t address;

	memset(data, 0, sizeof data);
	for (uint32_t i = 0; i < n; i++)
		len += add_segment(c, g, data + len, i == 0);
	QXLPath *path = (QXLPath *)put_chunks(c, 4, data, len, &address);

	path->data_size = (uint32_t)len;
	stroke->path = address;
	set_brush(c, g, &stroke->brush, NO_SURFACE);
	stroke->fore_mode = random_rop(c);
	stroke->back_mode = (uint16_t)any(c);
	say(c, " %u segments", n);
	if (one_in(c, 2)) {
		uint8_t nseg = (uint8_t)(1 + below(c, 6));
		uint8_t *style = take(c, nseg * 4u, &address);

		stroke->attr.flags = SPICE_LINE_FLAGS_STYLED | (one_in(c, 3) ? SPICE_LINE_FLAGS_START_WITH_GAP : 0);
		stroke->attr.style_nseg = nseg;
		stroke->attr.style = address;
		for (uint8_t i = 0; i < nseg; i++) {
			uint32_t v = (uint32_t)between(c, i ? 0 : 1, 12) << 4;

			memcpy(style + 4 * i, &v, 4);
		}
		say(c, " %u dashes flags %u", nseg, stroke->attr.flags);
	}
}

/* -- text -- */

static void make_text(struct raster_case *c, struct drawing *g)
{
	static uint8_t data[65536];
	QXLText *text = &g->d->u.text;
	unsigned int depth = one_in(c, 2) ? 1 : 4;
	uint16_t n = (uint16_t)(1 + below(c, 8));
	int32_t x = between(c, g->l - 5, g->l + g->w), y = between(c, g->t - 5, g->t + g->h);
	size_t len = 0;
	uint64_t address;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t w = (uint16_t)below(c, 14), h = (uint16_t)below(c, 14);
		QXLRasterGlyph glyph = { { x, y }, { between(c, -3, 3), between(c, -10, 0) }, w, h };
		size_t bytes = (w * depth + 7) / 8 * h;

		memcpy(data + len, &glyph, sizeof glyph);
		put_noise(c, data + len + sizeof glyph, bytes);
		len += sizeof glyph + bytes;
		x += between(c, 1, 12);
	}
	QXLString *string = (QXLString *)put_chunks(c, 8, data, len, &address);

	string->data_size = (uint32_t)len;
	string->length = n;
	string->flags = (uint16_t)((depth == 1 ? SPICE_STRING_FLAGS_RASTER_A1 : SPICE_STRING_FLAGS_RASTER_A4) |
			(one_in(c, 3) ? SPICE_STRING_FLAGS_RASTER_TOP_DOWN : 0));
	text->str = address;
	say(c, " A%u x %u", depth, n);
	text->fore_mode = text->back_mode = SPICE_ROPD_OP_PUT;
	if (one_in(c, 2)) {
		text->back_area.left = between(c, g->l - 5, g->l + g->w - 1);
		text->back_area.top = between(c, g->t - 5, g->t + g->h - 1);
		text->back_area.right = text->back_area.left + between(c, 1, g->w + 5);
		text->back_area.bottom = text->back_area.top + between(c, 1, g->h + 5);
		say(c, " back");
	}
	set_brush(c, g, &text->fore_brush, LENT);
	set_brush(c, g, &text->back_brush, 0);
	g->turns_vague = true;
}

/* -- compositing -- */

static uint64_t make_transform(struct raster_case *c)
{
	uint64_t address;
	QXLTransform *t;

	if (!one_in(c, 3))
		return 0;
	t = take(c, sizeof *t, &address);
	t->t00 = (uint32_t)between(c, 0x4000, 0x30000);
	t->t11 = (uint32_t)between(c, 0x4000, 0x30000);
	if (one_in(c, 2)) {
		t->t01 = (uint32_t)between(c, -0x10000, 0x10000);
		t->t10 = (uint32_t)between(c, -0x10000, 0x10000);
	}
	t->t02 = (uint32_t)between(c, -0x80000, 0x80000);
	t->t12 = (uint32_t)between(c, -0x80000, 0x80000);
	say(c, " transform");
	return address;
}

static void make_composite(struct raster_case *c, struct drawing *g)
{
	static const uint8_t first[] = { 0, 0x10, 0x20, 0x30 }, count[] = { 14, 12, 12, 15 };
	QXLComposite *composite = &g->d->u.composite;
	uint32_t group = one_in(c, 2) ? 0 : below(c, 4), op = first[group] + below(c, count[group]);
	struct image src = make_source(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20), MAY_SEE | LENT);

	composite->src = src.address;
	composite->src_transform = make_transform(c);
	if (one_in(c, 2)) {
		say(c, " mask");
		composite->mask = make_image(c, g, between(c, 1, g->w + 20), between(c, 1, g->h + 20),
				MAY_SEE | LENT).address;
		composite->mask_transform = make_transform(c);
	}
	composite->flags = op | below(c, 5) << 8 | below(c, 5) << 11 | below(c, 4) << 14 | below(c, 4) << 16 |
			(one_in(c, 4) ? SPICE_COMPOSITE_COMPONENT_ALPHA : 0) | below(c, 8) << 22;
	/* opaque alone is no format that the incumbent has */
	if (src.surface >= 0 && c->surfaces[src.surface].format == A8)
		composite->flags &= ~(uint32_t)SPICE_COMPOSITE_SOURCE_OPAQUE;
	if (g->target->format == A8)
		composite->flags &= ~(uint32_t)SPICE_COMPOSITE_DEST_OPAQUE;
	composite->src_origin = (QXLPoint16){ (int16_t)between(c, -10, 20), (int16_t)between(c, -10, 20) };
	composite->mask_origin = (QXLPoint16){ (int16_t)between(c, -10, 20), (int16_t)between(c, -10, 20) };
	say(c, " flags %x", composite->flags);
}

static const struct {
	const char *name;
	uint8_t type;
	make_fn make;
	bool may_A8;
} kinds[] = {
	{ "fill", QXL_DRAW_FILL, make_fill, true },
	{ "opaque", QXL_DRAW_OPAQUE, make_opaque, true },
	{ "copy", QXL_DRAW_COPY, make_copy, true },
	{ "blend", QXL_DRAW_BLEND, make_copy, true },
	{ "blackness", QXL_DRAW_BLACKNESS, make_mask_only, true },
	{ "whiteness", QXL_DRAW_WHITENESS, make_mask_only, true },
	{ "invers", QXL_DRAW_INVERS, make_mask_only, true },
	{ "rop3", QXL_DRAW_ROP3, make_rop3, false },
	{ "stroke", QXL_DRAW_STROKE, make_stroke, true },
	{ "text", QXL_DRAW_TEXT, make_text, true },
	{ "transparent", QXL_DRAW_TRANSPARENT, make_transparent, true },
	{ "alpha", QXL_DRAW_ALPHA_BLEND, make_alpha, true },
	{ "composite", QXL_DRAW_COMPOSITE, make_composite, true },
	{ "copy bits", QXL_COPY_BITS, make_copy_bits, true },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The drawable of revision 1 has the same union, but for ALPHA_BLEND. */
static uint64_t as_compat(struct raster_case *c, const QXLDrawable *d)
{
	uint64_t address;
	QXLCompatDrawable *compat = take(c, sizeof *compat, &address);

	compat->effect = d->effect;
	compat->type = d->type;
	compat->bbox = d->bbox;
	compat->clip = d->clip;
	memcpy(&compat->u, &d->u, sizeof compat->u);
	if (d->type == QXL_DRAW_ALPHA_BLEND)
		compat->u.alpha_blend = (QXLCompatAlphaBlend){ d->u.alpha_blend.alpha,
				d->u.alpha_blend.src_bitmap, d->u.alpha_blend.src_area };
	return address;
}

/* Nothing of what was there shows through, wherever it is drawn at all. */
static bool is_opaque(const QXLDrawable *d)
{
	return (d->type == QXL_DRAW_BLACKNESS && !d->u.blackness.mask.bitmap) ||
			(d->type == QXL_DRAW_WHITENESS && !d->u.whiteness.mask.bitmap) ||
			(d->type == QXL_DRAW_FILL && d->u.fill.rop_descriptor == SPICE_ROPD_OP_PUT &&
			!d->u.fill.mask.bitmap);
}

static void add_drawing(struct raster_case *c)
{
	unsigned int kind = below(c, KINDS), id = one_in(c, 2) ? 0 : below(c, RASTER_SURFACES);
	struct drawing g = { .id = id };
	uint32_t flags = 0;
	uint64_t address;

	if ((id == 4 && !kinds[kind].may_A8) || id == 5)
		id = g.id = 0;
	g.target = &c->surfaces[id];
	g.is_compat = id == 0 && one_in(c, 10) && kinds[kind].type != QXL_DRAW_COMPOSITE;
	g.w = between(c, 1, g.target->width);
	g.h = between(c, 1, g.target->height);
	g.l = between(c, 0, g.target->width - g.w);
	g.t = between(c, 0, g.target->height - g.h);
	g.d = take(c, sizeof *g.d, &address);
	g.d->surface_id = id;
	g.d->type = kinds[kind].type;
	g.d->bbox = (QXLRect){ g.t, g.l, g.t + g.h, g.l + g.w };
	for (int i = 0; i < 3; i++)
		g.d->surfaces_dest[i] = -1;
	say(c, "%s on %u (format %u) at %d,%d+%dx%d", kinds[kind].name, id, g.target->format, g.l, g.t, g.w, g.h);
	set_clip(c, &g, &g.d->clip, kinds[kind].type == QXL_DRAW_STROKE);
	kinds[kind].make(c, &g);
	if (one_in(c, 60)) {
		g.d->bbox.right = g.target->width + 1;
		say(c, " outside");
	}
	/* a true claim, which lets the incumbent leave out what lies below */
	if (is_opaque(g.d) && c->random >> 61 & 1)
		g.d->effect = QXL_EFFECT_OPAQUE;
	if (g.is_compat) {
		flags = QXL_COMMAND_FLAG_COMPAT | (one_in(c, 3) ? QXL_COMMAND_FLAG_COMPAT_16BPP : 0);
		address = as_compat(c, g.d);
		say(c, " compat %u", flags);
	}
	if (g.target->format == XRGB && g.turns_vague)
		c->surfaces[id].is_vague = true;
	c->commands[c->count++] = (QXLCommandExt){ { address, QXL_CMD_DRAW, 0 }, RASTER_GROUP, flags };
}

/* Solid fills are all that the incumbent can do on single bits. */
static void add_bits(struct raster_case *c)
{
	const struct raster_surface *s = &c->surfaces[5];
	uint64_t address;
	QXLDrawable *d = take(c, sizeof *d, &address);
	int32_t w = between(c, 1, s->width), h = between(c, 1, s->height);
	int32_t l = between(c, 0, s->width - w), t = between(c, 0, s->height - h);

	d->surface_id = 5;
	d->type = QXL_DRAW_FILL;
	d->bbox = (QXLRect){ t, l, t + h, l + w };
	for (int i = 0; i < 3; i++)
		d->surfaces_dest[i] = -1;
	d->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
	d->u.fill.brush.u.color = one_in(c, 2) ? 1 : 0;
	d->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
	say(c, "fill bits with %u at %d,%d+%dx%d", d->u.fill.brush.u.color, l, t, w, h);
	c->commands[c->count++] = (QXLCommandExt){ { address, QXL_CMD_DRAW, 0 }, RASTER_GROUP, 0 };
}

void raster_make(struct raster_case *c, uint64_t seed)
{
	uint8_t *memory = c->memory;
	unsigned int n;

	*c = (struct raster_case){ .memory = memory, .random = seed * 2 + 1 };
	for (int i = 0; i < 8; i++)
		any(c);
	for (unsigned int id = 0; id < RASTER_SURFACES; id++)
		add_surface(c, id);
	n = 1 + below(c, 6);
	for (unsigned int i = 0; i < n; i++) {
		if (one_in(c, 20))
			add_bits(c);
		add_drawing(c);
	}
}

/* -- the surfaces afterwards -- */

static size_t get_row(const struct raster_case *c, const struct raster_surface *s, int32_t y, uint8_t *into)
{
	size_t stride = (size_t)abs(s->stride), n = ((size_t)s->width * raster_bits(s->format) + 7) / 8;
	int32_t at = s->stride < 0 ? s->height - 1 - y : y;

	memcpy(into, c->memory + s->at + stride * (size_t)at, n);
	for (size_t i = 3; s->format == XRGB && i < n; i += 4)
		into[i] = 0;
	if (s->format == A1 && s->width % 8)
		into[n - 1] &= (uint8_t)((1 << s->width % 8) - 1);
	return n;
}

uint64_t raster_hash(const struct raster_case *c)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint8_t row[1024];

	for (unsigned int id = 0; id < RASTER_SURFACES; id++)
		for (int32_t y = 0; y < c->surfaces[id].height; y++) {
			size_t n = get_row(c, &c->surfaces[id], y, row);

			for (size_t i = 0; i < n; i++)
				hash = (hash ^ row[i]) * UINT64_C(0x100000001b3);
		}
	return hash;
}

void raster_copy(const struct raster_case *c, uint8_t *pixels, size_t room)
{
	uint8_t row[1024];

	for (unsigned int id = 0; id < RASTER_SURFACES; id++)
		for (int32_t y = 0; y < c->surfaces[id].height; y++) {
			size_t n = get_row(c, &c->surfaces[id], y, row);

			if (n > room)
				return;
			memcpy(pixels, row, n);
			pixels += n;
			room -= n;
		}
}
