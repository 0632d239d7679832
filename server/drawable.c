/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.c - knows how COPY, FILL, COPY_BITS and their kin change pixels, and which they changed.
 *
 * Each row goes one way: source words, combined with what is there, compared with what is there,
 * written where they differ. So a guest that draws the same again costs its clients nothing.
 */
#include "server/drawable.h"

#include <stdlib.h>
#include <string.h>

enum {
	ROP_INVERS_SRC = 1, ROP_INVERS_BRUSH = 2, ROP_INVERS_DEST = 4, ROP_PUT = 8, ROP_OR = 16,
	ROP_AND = 32, ROP_XOR = 64, ROP_BLACKNESS = 128, ROP_WHITENESS = 256, ROP_INVERS = 512,
	ROP_INVERS_RES = 1024,
	STRIP = 16,             /* rows whose changes become one rectangle */
};

/* An image in the form of the target: words that can be combined with those of the surface. */
struct words {
	struct clove_pixels pixels;
	enum clove_format into;           /* convert each row so; NONE: as they are */
	const struct clove_palette *palette;
	bool is_565, has_high_bits;
	void *own;                        /* a snapshot, if the pixels are one */
};

struct pen {
	const struct clove_qxl_drawable *d;
	struct clove_surface *target;
	const struct clove_surfaces *surfaces;
	size_t bpp;
	struct words src, pattern;
	struct clove_pixels mask;
	bool has_mask;
	uint8_t *row, *spare, *tile;      /* of the box's width and 8 pixels more */
	pixman_region32_t *changed;
};

struct clove_pixels clove_surface_pixels(const struct clove_surface *surface)
{
	static const struct {
		enum clove_surface_format from;
		enum clove_format format;
	} table[] = {
		{ CLOVE_SURFACE_8_A, CLOVE_FORMAT_A8 }, { CLOVE_SURFACE_16_555, CLOVE_FORMAT_RGB16 },
		{ CLOVE_SURFACE_32_xRGB, CLOVE_FORMAT_RGB32 }, { CLOVE_SURFACE_32_ARGB, CLOVE_FORMAT_RGBA },
	};
	struct clove_pixels pixels = { surface->data, surface->width, surface->height,
			(ptrdiff_t)surface->stride, CLOVE_FORMAT_NONE };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].from == surface->info.format)
			pixels.format = table[i].format;
	return pixels;
}

/* -- sources -- */

static uint16_t to_565(const uint8_t *p)
{
	return (uint16_t)((p[2] >> 3) << 11 | (p[1] >> 2) << 5 | p[0] >> 3);
}

/* How a row of `from` becomes words of the surface (raster 3). False: not at all. */
static bool set_conversion(struct words *words, uint32_t target, enum clove_format from)
{
	bool is_32bit = from == CLOVE_FORMAT_RGB32 || from == CLOVE_FORMAT_RGBA;

	words->into = CLOVE_FORMAT_NONE;
	switch (target) {
	case CLOVE_SURFACE_32_xRGB:
	case CLOVE_SURFACE_32_ARGB:
		if (from == CLOVE_FORMAT_RGB16 || from == CLOVE_FORMAT_A8)
			words->into = CLOVE_FORMAT_RGBA;
		else if (!is_32bit)
			words->into = CLOVE_FORMAT_RGB32;
		return true;
	case CLOVE_SURFACE_16_555:
		if (from != CLOVE_FORMAT_RGB16)
			words->into = CLOVE_FORMAT_RGB16;
		return from != CLOVE_FORMAT_A8;
	case CLOVE_SURFACE_16_565:
		words->is_565 = true;
		words->into = CLOVE_FORMAT_RGB32;
		return from != CLOVE_FORMAT_A8;
	case CLOVE_SURFACE_8_A:
		return from == CLOVE_FORMAT_A8 || is_32bit;
	default:
		return false;
	}
}

/* The rows of a surface copied out, so that drawing on it does not change its source. */
static enum clove_err take_snapshot(struct words *words, const struct clove_surface *surface)
{
	words->own = malloc(surface->stride * (size_t)surface->height);
	if (!words->own)
		return CLOVE_ERR_NOMEM;
	memcpy(words->own, surface->data, surface->stride * (size_t)surface->height);
	words->pixels.data = words->own;
	return CLOVE_OK;
}

static enum clove_err open_words(const struct pen *pen, const struct clove_qxl_image *image,
		struct words *words)
{
	uint32_t target = pen->target->info.format;

	if (image->kind == CLOVE_QXL_PIXELS) {
		words->pixels = image->pixels;
		words->palette = image->palette.count ? &image->palette : NULL;
		words->has_high_bits = image->has_high_bits && pen->bpp == 4 &&
				image->pixels.format == CLOVE_FORMAT_RGB32;
		return set_conversion(words, target, image->pixels.format) ? CLOVE_OK : CLOVE_ERR_UNSUPPORTED;
	}

	const struct clove_surface *surface = clove_surfaces_find(pen->surfaces, image->surface_id);

	if (!surface)
		return CLOVE_ERR_STATE;
	words->pixels = clove_surface_pixels(surface);
	/* Of one depth words are copied, whatever they mean. */
	if (surface->bytes_per_pixel != pen->target->bytes_per_pixel &&
			(words->pixels.format == CLOVE_FORMAT_NONE ||
			!set_conversion(words, target, words->pixels.format)))
		return CLOVE_ERR_UNSUPPORTED;
	if (words->pixels.format == CLOVE_FORMAT_NONE)
		words->pixels.format = CLOVE_FORMAT_RGB16;
	return surface == pen->target ? take_snapshot(words, surface) : CLOVE_OK;
}

/* n words from column x of row y on, in `into` or where they already lie. `into` and `spare` have
 * room for 8 pixels more. */
static const uint8_t *get_words(const struct words *words, size_t bpp, int32_t x, int32_t y, int32_t n,
		uint8_t *into, uint8_t *spare)
{
	const uint8_t *row = clove_pixels_row(&words->pixels, y);
	enum clove_format from = words->pixels.format;
	int32_t skip = 0;

	if (from == CLOVE_FORMAT_PLT1_LE || from == CLOVE_FORMAT_PLT1_BE)
		skip = x % 8, row += x / 8;
	else if (from == CLOVE_FORMAT_PLT4_LE || from == CLOVE_FORMAT_PLT4_BE)
		skip = x % 2, row += x / 2;
	else
		row += clove_format_row_bytes(from, x);

	if (words->into == CLOVE_FORMAT_NONE && bpp == 1 && from != CLOVE_FORMAT_A8) {
		for (int32_t i = 0; i < n; i++)
			into[i] = from == CLOVE_FORMAT_RGBA ? row[i * 4 + 3] : 255;
		return into;
	}
	if (words->into == CLOVE_FORMAT_NONE) {
		if (!words->has_high_bits)
			return row;
		memcpy(into, row, (size_t)n * 4);
	} else if (clove_pixels_convert_row(words->is_565 ? spare : into, words->into, row, from, n + skip,
			words->palette) != CLOVE_OK) {
		memset(words->is_565 ? spare : into, 0, (size_t)(n + skip) * 4);
	}
	for (int32_t i = 0; words->is_565 && i < n + skip; i++) {
		uint16_t word = to_565(spare + (size_t)i * 4);

		memcpy(into + (size_t)i * 2, &word, 2);
	}
	for (int32_t i = 0; words->has_high_bits && i < n; i++)
		into[(size_t)i * 4 + 3] = 255;
	return into + (size_t)skip * bpp;
}

static int32_t wrap(int64_t v, int32_t n)
{
	int64_t r = v % n;

	return (int32_t)(r < 0 ? r + n : r);
}

/* The brush's words for n pixels at (x, y) of the surface. */
static void get_brush(struct pen *pen, int32_t x, int32_t y, int32_t n, uint8_t *into)
{
	const struct clove_qxl_brush *brush = &pen->d->brush;

	if (brush->type != 2) {
		uint32_t color = brush->type ? brush->color : 0;

		for (int32_t i = 0; i < n; i++)
			memcpy(into + (size_t)i * pen->bpp, &color, pen->bpp);
		return;
	}

	const struct clove_pixels *tile = &pen->pattern.pixels;
	int32_t ty = wrap((int64_t)y - brush->y, tile->height);
	int32_t tx = wrap((int64_t)x - brush->x, tile->width);

	for (int32_t done = 0; done < n; ) {
		int32_t now = tile->width - tx < n - done ? tile->width - tx : n - done;
		const uint8_t *words = get_words(&pen->pattern, pen->bpp, tx, ty, now, pen->tile, pen->spare);

		memcpy(into + (size_t)done * pen->bpp, words, (size_t)now * pen->bpp);
		done += now;
		tx = 0;
	}
}

/* -- combining -- */

/* s becomes rop(s, d) byte by byte: a rop does not know words. */
static void apply_rop(uint8_t *s, const uint8_t *d, size_t n, unsigned int rop, unsigned int not_s,
		unsigned int not_d)
{
	uint8_t si = rop & not_s ? 255 : 0, di = rop & not_d ? 255 : 0;
	uint8_t ri = rop & ROP_INVERS_RES ? 255 : 0;

	if (rop & ROP_PUT)
		for (size_t i = 0; i < n; i++)
			s[i] ^= si ^ ri;
	else if (rop & ROP_OR)
		for (size_t i = 0; i < n; i++)
			s[i] = ((s[i] ^ si) | (d[i] ^ di)) ^ ri;
	else if (rop & ROP_AND)
		for (size_t i = 0; i < n; i++)
			s[i] = ((s[i] ^ si) & (d[i] ^ di)) ^ ri;
	else if (rop & ROP_XOR)
		for (size_t i = 0; i < n; i++)
			s[i] = (s[i] ^ si) ^ (d[i] ^ di) ^ ri;
	else if (rop & (ROP_BLACKNESS | ROP_WHITENESS))
		memset(s, rop & ROP_BLACKNESS ? 0 : 255, n);
	else if (rop & ROP_INVERS)
		for (size_t i = 0; i < n; i++)
			s[i] = ~d[i];
}

static bool is_plain_put(unsigned int rop, unsigned int not_s)
{
	bool is_put = rop & ROP_PUT || !(rop & (ROP_OR | ROP_AND | ROP_XOR | ROP_BLACKNESS |
			ROP_WHITENESS | ROP_INVERS));

	return is_put && (!(rop & ROP_PUT) || !(rop & not_s) == !(rop & ROP_INVERS_RES));
}

static void apply_rop3(uint8_t *out, const uint8_t *p, const uint8_t *s, const uint8_t *d, size_t n,
		uint8_t code)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t result = 0;

		for (unsigned int term = 0; term < 8; term++)
			if (code >> term & 1)
				result |= (term & 4 ? p[i] : ~p[i]) & (term & 2 ? s[i] : ~s[i]) &
						(term & 1 ? d[i] : ~d[i]);
		out[i] = result;
	}
}

/* Words outside the mask become what is there already. */
static void apply_mask(const struct pen *pen, int32_t x, int32_t y, int32_t n, uint8_t *words,
		const uint8_t *d)
{
	const struct clove_qxl_mask *mask = &pen->d->mask;
	int64_t my = (int64_t)y - pen->d->box.y1 + mask->y;
	int64_t mx = (int64_t)x - pen->d->box.x1 + mask->x;
	bool has_row = my >= 0 && my < pen->mask.height;
	const uint8_t *row = has_row ? clove_pixels_row(&pen->mask, (int32_t)my) : NULL;

	for (int32_t i = 0; i < n; i++, mx++) {
		bool is_set = false;

		if (row && mx >= 0 && mx < pen->mask.width) {
			int bit = pen->mask.format == CLOVE_FORMAT_PLT1_BE ? 7 - (int)(mx & 7) : (int)(mx & 7);

			is_set = (row[mx >> 3] >> bit & 1) != mask->is_inverse;
		}
		if (!is_set)
			memcpy(words + (size_t)i * pen->bpp, d + (size_t)i * pen->bpp, pen->bpp);
	}
}

/* -- writing -- */

/* How many leading bytes are equal. Raw pixels may change meanwhile: the answer is then about some
 * moment, and what is written afterwards is what becomes damage. */
static size_t same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	for (; n - i >= 64; i += 64)
		if (memcmp(a + i, b + i, 64))
			break;
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static size_t same_bytes_at_end(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t left = n;

	for (; left >= 64; left -= 64)
		if (memcmp(a + left - 64, b + left - 64, 64))
			break;
	while (left && a[left - 1] == b[left - 1])
		left--;
	return n - left;
}

struct strip {
	int32_t left, right, top, bottom; /* empty while left >= right */
};

static void flush_strip(struct pen *pen, struct strip *strip)
{
	if (strip->left < strip->right)
		pixman_region32_union_rect(pen->changed, pen->changed, strip->left, strip->top,
				(unsigned int)(strip->right - strip->left),
				(unsigned int)(strip->bottom - strip->top));
	*strip = (struct strip){ .left = INT32_MAX };
}

/* Writes n words at (x, y) where they are not there yet. */
static void put_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t *words,
		struct strip *strip)
{
	uint8_t *to = clove_surface_row(pen->target, y) + (size_t)x * pen->bpp;
	size_t bytes = (size_t)n * pen->bpp, same = same_bytes(to, words, bytes);

	if (same >= bytes)
		return;

	size_t from = same / pen->bpp;
	size_t tail = same_bytes_at_end(to + from * pen->bpp, words + from * pen->bpp,
			bytes - from * pen->bpp) / pen->bpp;
	size_t count = (size_t)n - from - tail;

	if (!count)
		return;
	memcpy(to + from * pen->bpp, words + from * pen->bpp, count * pen->bpp);
	if (strip->left < strip->right && (y >= strip->top + STRIP || y > strip->bottom + 1))
		flush_strip(pen, strip);
	if (strip->left >= strip->right)
		strip->top = y;
	strip->bottom = y + 1;
	if (x + (int32_t)from < strip->left)
		strip->left = x + (int32_t)from;
	if (x + (int32_t)(from + count) > strip->right)
		strip->right = x + (int32_t)(from + count);
}

typedef void (*draw_row_fn)(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words);

static void draw_region(struct pen *pen, pixman_region32_t *region, draw_row_fn draw)
{
	struct strip strip = { .left = INT32_MAX };
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);

	for (int i = 0; i < n; i++) {
		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
			const uint8_t *words = pen->row;
			int32_t x = boxes[i].x1, width = boxes[i].x2 - x;
			const uint8_t *there = clove_surface_row(pen->target, y) + (size_t)x * pen->bpp;

			draw(pen, x, y, width, &words);
			if (pen->has_mask) {
				if (words != pen->row)
					memcpy(pen->row, words, (size_t)width * pen->bpp);
				apply_mask(pen, x, y, width, pen->row, there);
				words = pen->row;
			}
			put_row(pen, x, y, width, words, &strip);
		}
		flush_strip(pen, &strip);
	}
	clove_surface_drawn(pen->target, region);
}

/* -- operations -- */

static bool is_scaled(const struct clove_qxl_drawable *d)
{
	return d->src_area.x2 - d->src_area.x1 != d->box.x2 - d->box.x1 ||
			d->src_area.y2 - d->src_area.y1 != d->box.y2 - d->box.y1;
}

/* Source words for n pixels at (x, y), or where they lie. Outside an unscaled image there are none:
 * the region ends there. A scaled one has zeroes there. */
static const uint8_t *get_source(struct pen *pen, int32_t x, int32_t y, int32_t n, uint8_t *into)
{
	const struct clove_qxl_drawable *d = pen->d;
	const struct clove_pixels *pixels = &pen->src.pixels;

	if (!is_scaled(d))
		return get_words(&pen->src, pen->bpp, x - d->box.x1 + d->src_area.x1,
				y - d->box.y1 + d->src_area.y1, n, into, pen->spare);

	/* NEAREST (raster 8). */
	int64_t fx = ((int64_t)(d->src_area.x2 - d->src_area.x1) << 16) / (d->box.x2 - d->box.x1);
	int64_t fy = ((int64_t)(d->src_area.y2 - d->src_area.y1) << 16) / (d->box.y2 - d->box.y1);
	int64_t sy = d->src_area.y1 + ((fy * (y - d->box.y1) + ((fy + 1) >> 1) - 1) >> 16);

	for (int32_t i = 0; i < n; i++) {
		int64_t sx = d->src_area.x1 + ((fx * (x + i - d->box.x1) + ((fx + 1) >> 1) - 1) >> 16);
		uint8_t *to = into + (size_t)i * pen->bpp;

		if (sx < 0 || sy < 0 || sx >= pixels->width || sy >= pixels->height)
			memset(to, 0, pen->bpp);
		else
			memcpy(to, get_words(&pen->src, pen->bpp, (int32_t)sx, (int32_t)sy, 1, pen->tile,
					pen->spare), pen->bpp);
	}
	return into;
}

static void copy_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	*words = get_source(pen, x, y, n, pen->row);
	if (pen->d->type == CLOVE_QXL_DRAW_OPAQUE || is_plain_put(pen->d->rop, ROP_INVERS_SRC))
		return;
	if (*words != pen->row)
		memmove(pen->row, *words, (size_t)n * pen->bpp);
	*words = pen->row;
	apply_rop(pen->row, clove_surface_row(pen->target, y) + (size_t)x * pen->bpp,
			(size_t)n * pen->bpp, pen->d->rop, ROP_INVERS_SRC, ROP_INVERS_DEST);
}

static void fill_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	unsigned int not_d = pen->d->type == CLOVE_QXL_DRAW_OPAQUE ? ROP_INVERS_SRC : ROP_INVERS_DEST;

	(void)words;
	get_brush(pen, x, y, n, pen->row);
	if (!is_plain_put(pen->d->rop, ROP_INVERS_BRUSH))
		apply_rop(pen->row, clove_surface_row(pen->target, y) + (size_t)x * pen->bpp,
				(size_t)n * pen->bpp, pen->d->rop, ROP_INVERS_BRUSH, not_d);
}

static void const_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	unsigned int rop = pen->d->type == CLOVE_QXL_DRAW_BLACKNESS ? ROP_BLACKNESS :
			pen->d->type == CLOVE_QXL_DRAW_WHITENESS ? ROP_WHITENESS : ROP_INVERS;

	(void)words;
	apply_rop(pen->row, clove_surface_row(pen->target, y) + (size_t)x * pen->bpp,
			(size_t)n * pen->bpp, rop, 0, 0);
}

static void rop3_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	size_t bytes = (size_t)n * pen->bpp;
	const uint8_t *s = get_source(pen, x, y, n, pen->row);

	/* The tile's room is the pattern's while it is fetched; its result is kept in the row. */
	if (s != pen->row)
		memmove(pen->row, s, bytes);
	uint8_t *brush = malloc(bytes);
	if (brush) {
		get_brush(pen, x, y, n, brush);
		apply_rop3(pen->row, brush, pen->row,
				clove_surface_row(pen->target, y) + (size_t)x * pen->bpp, bytes,
				(uint8_t)pen->d->rop);
	}
	free(brush);
	*words = pen->row;
}

static void transparent_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	const uint8_t *there = clove_surface_row(pen->target, y) + (size_t)x * pen->bpp;
	const uint8_t *s = get_source(pen, x, y, n, pen->row);
	uint32_t key = pen->d->true_color, mask = pen->bpp == 4 ? 0xffffff : 0xffff;

	if (pen->target->info.format == CLOVE_SURFACE_16_555)
		key = (key >> 19 & 31) << 10 | (key >> 11 & 31) << 5 | (key >> 3 & 31);
	else if (pen->target->info.format == CLOVE_SURFACE_16_565)
		key = (key >> 19 & 31) << 11 | (key >> 10 & 63) << 5 | (key >> 3 & 31);
	if (s != pen->row)
		memmove(pen->row, s, (size_t)n * pen->bpp);
	*words = pen->row;
	for (int32_t i = 0; i < n; i++) {
		uint32_t word = 0;

		memcpy(&word, pen->row + (size_t)i * pen->bpp, pen->bpp);
		if (((word ^ key) & mask) == 0)
			memcpy(pen->row + (size_t)i * pen->bpp, there + (size_t)i * pen->bpp, pen->bpp);
	}
}

/* The region that an unscaled source covers. */
static void limit_to_source(const struct pen *pen, pixman_region32_t *region)
{
	const struct clove_qxl_drawable *d = pen->d;
	int64_t x1 = (int64_t)d->box.x1 - d->src_area.x1, y1 = (int64_t)d->box.y1 - d->src_area.y1;
	int64_t x2 = x1 + pen->src.pixels.width, y2 = y1 + pen->src.pixels.height;

	if (is_scaled(d))
		return;
	x1 = x1 < 0 ? 0 : x1 > 65536 ? 65536 : x1;
	y1 = y1 < 0 ? 0 : y1 > 65536 ? 65536 : y1;
	x2 = x2 < x1 ? x1 : x2 > 65536 ? 65536 : x2;
	y2 = y2 < y1 ? y1 : y2 > 65536 ? 65536 : y2;
	pixman_region32_intersect_rect(region, region, (int)x1, (int)y1, (unsigned int)(x2 - x1),
			(unsigned int)(y2 - y1));
}

/* COPY_BITS is a copy from a snapshot of the surface at another place. */
static void bits_row(struct pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	(void)n;
	*words = clove_pixels_row(&pen->src.pixels, y - pen->d->box.y1 + pen->d->src_y) +
			(size_t)(x - pen->d->box.x1 + pen->d->src_x) * pen->bpp;
}

static enum clove_err draw_copy_bits(struct pen *pen, pixman_region32_t *region)
{
	const struct clove_qxl_drawable *d = pen->d;
	int64_t dx = (int64_t)d->box.x1 - d->src_x, dy = (int64_t)d->box.y1 - d->src_y;

	if (dx == 0 && dy == 0)
		return CLOVE_OK;
	if (dx <= -65536 || dx >= 65536 || dy <= -65536 || dy >= 65536)
		return CLOVE_OK;
	pixman_region32_intersect_rect(region, region, (int)dx, (int)dy,
			(unsigned int)pen->target->width, (unsigned int)pen->target->height);
	if (!pixman_region32_not_empty(region))
		return CLOVE_OK;
	pen->src.pixels = (struct clove_pixels){ pen->target->data, pen->target->width,
			pen->target->height, (ptrdiff_t)pen->target->stride, CLOVE_FORMAT_NONE };
	enum clove_err err = take_snapshot(&pen->src, pen->target);
	if (err == CLOVE_OK)
		draw_region(pen, region, bits_row);
	return err;
}

static enum clove_err open_pen(struct pen *pen)
{
	const struct clove_qxl_drawable *d = pen->d;
	size_t room = ((size_t)(d->box.x2 - d->box.x1) + 8) * 4;
	enum clove_err err = CLOVE_OK;

	pen->row = malloc(room);
	pen->spare = malloc(room);
	pen->tile = malloc(room);
	if (!pen->row || !pen->spare || !pen->tile)
		return CLOVE_ERR_NOMEM;
	if (d->src.kind != CLOVE_QXL_NO_IMAGE)
		err = open_words(pen, &d->src, &pen->src);
	if (err == CLOVE_OK && d->brush.type == 2)
		err = open_words(pen, &d->brush.pattern, &pen->pattern);
	if (err == CLOVE_OK && d->mask.bitmap.kind == CLOVE_QXL_PIXELS) {
		pen->has_mask = true;
		pen->mask = d->mask.bitmap.pixels;
	} else if (err == CLOVE_OK && d->mask.bitmap.kind == CLOVE_QXL_SURFACE) {
		const struct clove_surface *mask = clove_surfaces_find(pen->surfaces,
				d->mask.bitmap.surface_id);

		if (!mask || mask->info.format != CLOVE_SURFACE_1_A)
			return CLOVE_ERR_UNSUPPORTED;
		pen->has_mask = true;
		pen->mask = (struct clove_pixels){ mask->data, mask->width, mask->height,
				(ptrdiff_t)mask->stride, CLOVE_FORMAT_PLT1_LE };
	}
	return err;
}

static enum clove_err draw(struct pen *pen, pixman_region32_t *region)
{
	switch (pen->d->type) {
	case CLOVE_QXL_DRAW_NOP:
		return CLOVE_OK;
	case CLOVE_QXL_DRAW_FILL:
		draw_region(pen, region, fill_row);
		return CLOVE_OK;
	case CLOVE_QXL_DRAW_COPY:
	case CLOVE_QXL_DRAW_BLEND:
		limit_to_source(pen, region);
		draw_region(pen, region, copy_row);
		return CLOVE_OK;
	case CLOVE_QXL_DRAW_OPAQUE: {
		pixman_region32_t covered;

		pixman_region32_init(&covered);
		pixman_region32_copy(&covered, region);
		limit_to_source(pen, &covered);
		draw_region(pen, &covered, copy_row);
		pixman_region32_fini(&covered);
		draw_region(pen, region, fill_row);
		return CLOVE_OK;
	}
	case CLOVE_QXL_DRAW_COPY_BITS:
		return draw_copy_bits(pen, region);
	case CLOVE_QXL_DRAW_BLACKNESS:
	case CLOVE_QXL_DRAW_WHITENESS:
	case CLOVE_QXL_DRAW_INVERS:
		draw_region(pen, region, const_row);
		return CLOVE_OK;
	case CLOVE_QXL_DRAW_ROP3:
		limit_to_source(pen, region);
		draw_region(pen, region, rop3_row);
		return CLOVE_OK;
	case CLOVE_QXL_DRAW_TRANSPARENT:
		limit_to_source(pen, region);
		draw_region(pen, region, transparent_row);
		return CLOVE_OK;
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

bool clove_drawable_can(enum clove_qxl_draw type)
{
	return type != CLOVE_QXL_DRAW_STROKE && type != CLOVE_QXL_DRAW_TEXT &&
			type != CLOVE_QXL_DRAW_ALPHA_BLEND && type != CLOVE_QXL_DRAW_COMPOSITE;
}

enum clove_err clove_drawable_draw(const struct clove_qxl_drawable *d,
		const struct clove_surfaces *surfaces, pixman_region32_t *changed)
{
	struct clove_surface *target = clove_surfaces_find(surfaces, d->surface_id);
	struct pen pen = { .d = d, .target = target, .surfaces = surfaces, .changed = changed };
	pixman_region32_t region;

	if (!target)
		return CLOVE_ERR_STATE;
	if (d->box.x2 > target->width || d->box.y2 > target->height)
		return CLOVE_ERR_BOUNDS;
	pen.bpp = target->bytes_per_pixel;
	if (!pen.bpp)
		return CLOVE_ERR_UNSUPPORTED;
	if (d->box.x1 >= d->box.x2 || d->box.y1 >= d->box.y2)
		return CLOVE_OK;
	pixman_region32_init_rect(&region, d->box.x1, d->box.y1,
			(unsigned int)(d->box.x2 - d->box.x1), (unsigned int)(d->box.y2 - d->box.y1));
	if (d->has_clip)
		pixman_region32_intersect(&region, &region, (pixman_region32_t *)&d->clip);

	enum clove_err err = open_pen(&pen);

	if (err == CLOVE_OK)
		err = draw(&pen, &region);
	free(pen.row);
	free(pen.spare);
	free(pen.tile);
	free(pen.src.own);
	free(pen.pattern.own);
	pixman_region32_fini(&region);
	return err;
}
