/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* canvas.c - knows where a drawing acts, and how the operations on whole words change pixels.
 *
 * Each row goes one way: source words, combined with what is there, held back by the mask, written. With
 * `changed` it is compared with what is there first: so a guest that draws the same again costs nobody
 * anything.
 */
#include "common/canvas/canvas.h"

#include <stdlib.h>
#include <string.h>
#include "common/canvas/pen.h"

enum {
	STRIP = 16,             /* rows whose changes become rectangles of one height, */
	CELL = 32,              /* and of so many columns, where they are far apart */
	CELLS = CLOVE_PIXELS_MAX_SIDE / CELL,
};

/* -- combining -- */

void clove_rop(uint8_t *s, const uint8_t *d, size_t n, unsigned int rop, unsigned int not_s,
		unsigned int not_d)
{
	uint8_t si = rop & not_s ? 255 : 0, di = rop & not_d ? 255 : 0;
	uint8_t ri = rop & CLOVE_ROP_INVERS_RES ? 255 : 0;

	if (rop & CLOVE_ROP_PUT)
		for (size_t i = 0; i < n; i++)
			s[i] ^= si ^ ri;
	else if (rop & CLOVE_ROP_OR)
		for (size_t i = 0; i < n; i++)
			s[i] = ((s[i] ^ si) | (d[i] ^ di)) ^ ri;
	else if (rop & CLOVE_ROP_AND)
		for (size_t i = 0; i < n; i++)
			s[i] = ((s[i] ^ si) & (d[i] ^ di)) ^ ri;
	else if (rop & CLOVE_ROP_XOR)
		for (size_t i = 0; i < n; i++)
			s[i] = (s[i] ^ si) ^ (d[i] ^ di) ^ ri;
	else if (rop & (CLOVE_ROP_BLACKNESS | CLOVE_ROP_WHITENESS))
		memset(s, rop & CLOVE_ROP_BLACKNESS ? 0 : 255, n);
	else if (rop & CLOVE_ROP_INVERS)
		for (size_t i = 0; i < n; i++)
			s[i] = ~d[i];
}

bool clove_rop_is_put(unsigned int rop, unsigned int not_s)
{
	if (!(rop & CLOVE_ROP_OPERATIONS))
		return true;
	return rop & CLOVE_ROP_PUT && !(rop & not_s) == !(rop & CLOVE_ROP_INVERS_RES);
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

/* MUL of raster 9. */
static inline uint32_t mul(uint32_t a, uint32_t b)
{
	uint32_t t = a * b + 128;

	return (t + (t >> 8)) >> 8;
}

void clove_blend(uint32_t *d, const uint32_t *s, int32_t n, uint32_t all, const uint8_t *mask)
{
	for (int32_t i = 0; i < n; i++) {
		uint32_t m = mask ? mask[i] : all, keep = 255 - mul(s[i] >> 24, m), result = 0;

		if (m == 0)
			continue;
		for (int shift = 0; shift < 32; shift += 8) {
			uint32_t v = mul(s[i] >> shift & 255, m) + mul(d[i] >> shift & 255, keep);

			result |= (v > 255 ? 255 : v) << shift;
		}
		d[i] = result;
	}
}

static int32_t wrap(int64_t v, int32_t n)
{
	int64_t r = v % n;

	return (int32_t)(r < 0 ? r + n : r);
}

/* One word, and what is there doubled until it fills all. */
static void fill_words(uint8_t *into, uint32_t word, size_t bpp, size_t bytes)
{
	if (!bytes)
		return;
	memcpy(into, &word, bpp);
	for (size_t done = bpp; done < bytes; ) {
		size_t now = done < bytes - done ? done : bytes - done;

		memcpy(into + done, into, now);
		done += now;
	}
}

void clove_brush_get(const struct clove_pen *pen, const struct clove_canvas_brush *brush,
		const struct clove_words *pattern, int64_t left, int64_t top, int32_t x, int32_t y, int32_t n,
		uint8_t *into)
{
	size_t bpp = pen->bpp;

	if (brush->type != CLOVE_BRUSH_PATTERN) {
		uint32_t color = brush->type == CLOVE_BRUSH_SOLID ? brush->color : 0;

		if (pen->target->format == CLOVE_SURFACE_FMT_1_A)
			color = color & 1 ? 255 : 0;
		fill_words(into, color, bpp, (size_t)n * bpp);
		return;
	}

	const struct clove_pixels *tile = &pattern->pixels;
	int32_t ty = wrap(y - top, tile->height), tx = wrap(x - left, tile->width);

	for (int32_t done = 0; done < n; ) {
		int32_t now = tile->width - tx < n - done ? tile->width - tx : n - done;
		uint8_t *to = into + (size_t)done * bpp;
		const uint8_t *words = clove_words_get(pattern, tx, ty, now, to);

		if (words != to)
			memcpy(to, words, (size_t)now * bpp);
		done += now;
		tx = 0;
	}
}

/* Words outside the mask become what is there already. */
static void apply_mask(const struct clove_pen *pen, int32_t x, int32_t y, int32_t n, uint8_t *words,
		const uint8_t *d)
{
	const struct clove_canvas_mask *mask = &pen->d->mask;
	const struct clove_pixels *bits = &pen->mask;
	int64_t my = (int64_t)y - pen->d->box.y1 + mask->y;
	int64_t mx = (int64_t)x - pen->d->box.x1 + mask->x;
	bool has_row = my >= 0 && my < bits->height;
	const uint8_t *row = has_row ? clove_pixels_row(bits, (int32_t)my) : NULL;

	for (int32_t i = 0; i < n; i++, mx++) {
		bool is_set = false;

		if (row && mx >= 0 && mx < bits->width) {
			if (bits->format == CLOVE_FORMAT_A8)
				is_set = row[mx] >> 7;
			else
				is_set = row[mx >> 3] >> (bits->format == CLOVE_FORMAT_PLT1_BE ?
						7 - (mx & 7) : mx & 7) & 1;
			is_set ^= mask->is_inverse;
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

/* Some rows and what of them changed: the outermost pixels, and between these which cells. */
struct strip {
	int32_t left, right, top, bottom; /* empty while left >= right */
	uint8_t cells[CELLS / 8];
};

static void flush_strip(struct clove_pen *pen, struct strip *strip)
{
	int32_t cell = strip->left / CELL, end = (strip->right + CELL - 1) / CELL;

	while (strip->left < strip->right && cell < end) {
		int32_t first = cell;

		while (cell < end && strip->cells[cell / 8] >> cell % 8 & 1)
			cell++;
		if (cell > first) {
			int32_t left = first * CELL > strip->left ? first * CELL : strip->left;
			int32_t right = cell * CELL < strip->right ? cell * CELL : strip->right;

			pixman_region32_union_rect(pen->changed, pen->changed, left, strip->top,
					(unsigned int)(right - left), (unsigned int)(strip->bottom - strip->top));
		}
		cell++;
	}
	if (strip->left < strip->right)
		memset(strip->cells + strip->left / CELL / 8, 0, (size_t)((strip->right - 1) / CELL / 8 -
				strip->left / CELL / 8 + 1));
	strip->left = INT32_MAX;
	strip->right = strip->top = strip->bottom = 0;
}

/* Writes the cells of a row that are not there yet: `from` to `to` are the first pixel that is not, and the
 * end of the last. */
static void put_cells(struct clove_pen *pen, int32_t x, int32_t from, int32_t to, uint8_t *there,
		const uint8_t *words, struct strip *strip)
{
	for (int32_t i = from; i < to; ) {
		int32_t cell = (x + i) / CELL, next = (cell + 1) * CELL - x < to ? (cell + 1) * CELL - x : to;
		size_t at = (size_t)i * pen->bpp, bytes = (size_t)(next - i) * pen->bpp;

		if (memcmp(there + at, words + at, bytes)) {
			memcpy(there + at, words + at, bytes);
			strip->cells[cell / 8] |= (uint8_t)(1 << cell % 8);
		}
		i = next;
	}
}

/* Writes n words at (x, y) where they are not there yet. */
static void put_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t *words,
		struct strip *strip)
{
	uint8_t *to = clove_canvas_at(pen->target, pen->bpp, x, y);
	size_t bytes = (size_t)n * pen->bpp;

	if (!pen->changed) {
		memcpy(to, words, bytes);
		return;
	}

	/* Most rows of most drawings are there already, and nothing finds that out faster. */
	if (!memcmp(to, words, bytes))
		return;

	size_t same = same_bytes(to, words, bytes);

	if (same >= bytes)
		return;

	int32_t from = (int32_t)(same / pen->bpp);
	int32_t end = n - (int32_t)(same_bytes_at_end(to + (size_t)from * pen->bpp,
			words + (size_t)from * pen->bpp, bytes - (size_t)from * pen->bpp) / pen->bpp);

	/* Memory of a guest may have changed meanwhile. */
	if (from >= end)
		return;
	if (strip->left < strip->right && (y >= strip->top + STRIP || y > strip->bottom + 1))
		flush_strip(pen, strip);
	if (strip->left >= strip->right)
		strip->top = y;
	strip->bottom = y + 1;
	if (x + from < strip->left)
		strip->left = x + from;
	if (x + end > strip->right)
		strip->right = x + end;
	put_cells(pen, x, from, end, to, words, strip);
}

void clove_pen_draw(struct clove_pen *pen, const pixman_region32_t *region, clove_row_fn draw)
{
	struct strip strip = { .left = INT32_MAX };
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)region, &n);

	for (int i = 0; i < n; i++) {
		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
			const uint8_t *words = pen->row;
			int32_t x = boxes[i].x1, width = boxes[i].x2 - x;

			draw(pen, x, y, width, &words);
			if (pen->has_mask) {
				if (words != pen->row)
					memcpy(pen->row, words, (size_t)width * pen->bpp);
				apply_mask(pen, x, y, width, pen->row,
						clove_canvas_at(pen->target, pen->bpp, x, y));
				words = pen->row;
			}
			put_row(pen, x, y, width, words, &strip);
		}
		if (pen->changed)
			flush_strip(pen, &strip);
	}
}

/* -- operations -- */

/* Source words for n pixels at (x, y), or where they lie. Outside an unscaled image there are none:
 * the region ends there. A scaled one has zeroes there. */
static const uint8_t *get_source(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, uint8_t *into)
{
	int64_t i = (int64_t)x - pen->d->box.x1, j = (int64_t)y - pen->d->box.y1;

	if (!pen->is_scaled)
		return clove_words_get(&pen->src, i + pen->d->src_area.x1, j + pen->d->src_area.y1, n, into);
	clove_words_get_scaled(&pen->src, i, j, n, into);
	return into;
}

static void copy_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	*words = get_source(pen, x, y, n, pen->row);
	if (pen->d->type == CLOVE_DRAW_OPAQUE || clove_rop_is_put(pen->d->rop, CLOVE_ROP_INVERS_SRC))
		return;
	if (*words != pen->row)
		memcpy(pen->row, *words, (size_t)n * pen->bpp);
	*words = pen->row;
	clove_rop(pen->row, clove_canvas_at(pen->target, pen->bpp, x, y), (size_t)n * pen->bpp,
			pen->d->rop, CLOVE_ROP_INVERS_SRC, CLOVE_ROP_INVERS_DEST);
}

static void fill_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	unsigned int not_d = pen->d->type == CLOVE_DRAW_OPAQUE ? CLOVE_ROP_INVERS_SRC :
			CLOVE_ROP_INVERS_DEST;

	(void)words;
	clove_brush_get(pen, &pen->d->brush, &pen->pattern, pen->d->brush.x, pen->d->brush.y, x, y, n,
			pen->row);
	if (!clove_rop_is_put(pen->d->rop, CLOVE_ROP_INVERS_BRUSH))
		clove_rop(pen->row, clove_canvas_at(pen->target, pen->bpp, x, y), (size_t)n * pen->bpp,
				pen->d->rop, CLOVE_ROP_INVERS_BRUSH, not_d);
}

static void const_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	unsigned int rop = pen->d->type == CLOVE_DRAW_BLACKNESS ? CLOVE_ROP_BLACKNESS :
			pen->d->type == CLOVE_DRAW_WHITENESS ? CLOVE_ROP_WHITENESS : CLOVE_ROP_INVERS;

	(void)words;
	clove_rop(pen->row, clove_canvas_at(pen->target, pen->bpp, x, y), (size_t)n * pen->bpp, rop, 0, 0);
}

static void rop3_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	const uint8_t *s = get_source(pen, x, y, n, pen->row);

	clove_brush_get(pen, &pen->d->brush, &pen->pattern, pen->d->brush.x, pen->d->brush.y, x, y, n,
			pen->brush);
	apply_rop3(pen->row, pen->brush, s, clove_canvas_at(pen->target, pen->bpp, x, y),
			(size_t)n * pen->bpp, (uint8_t)pen->d->rop);
	*words = pen->row;
}

static void transparent_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	const uint8_t *there = clove_canvas_at(pen->target, pen->bpp, x, y);
	const uint8_t *s = get_source(pen, x, y, n, pen->row);
	uint32_t key = pen->d->true_color, mask = pen->bpp == 4 ? 0xffffff : pen->bpp == 2 ? 0xffff : 0xff;

	if (pen->target->format == CLOVE_SURFACE_FMT_16_555)
		key = (key >> 19 & 31) << 10 | (key >> 11 & 31) << 5 | (key >> 3 & 31);
	else if (pen->target->format == CLOVE_SURFACE_FMT_16_565)
		key = (key >> 19 & 31) << 11 | (key >> 10 & 63) << 5 | (key >> 3 & 31);
	else if (pen->bpp == 1)
		key = 0; /* as alpha, whatever its colours */
	if (s != pen->row)
		memcpy(pen->row, s, (size_t)n * pen->bpp);
	*words = pen->row;
	for (int32_t i = 0; i < n; i++) {
		uint32_t word = 0;

		memcpy(&word, pen->row + (size_t)i * pen->bpp, pen->bpp);
		if (((word ^ key) & mask) == 0)
			memcpy(pen->row + (size_t)i * pen->bpp, there + (size_t)i * pen->bpp, pen->bpp);
	}
}

/* What the target's words mean to ALPHA_BLEND. */
static uint32_t blended_format(const struct clove_pen *pen)
{
	return pen->target->format == CLOVE_SURFACE_FMT_32_XRGB && pen->d->alpha_flags &
			CLOVE_ALPHA_DEST_HAS_ALPHA ? CLOVE_SURFACE_FMT_32_ARGB : pen->target->format;
}

static void alpha_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	int64_t i = (int64_t)x - pen->d->box.x1, j = (int64_t)y - pen->d->box.y1;
	uint32_t format = blended_format(pen);

	(void)words;
	if (pen->is_scaled)
		clove_words_argb_scaled(&pen->src, i, j, n, pen->s);
	else
		clove_words_argb(&pen->src, i + pen->d->src_area.x1, j + pen->d->src_area.y1, n, pen->s);
	clove_surface_to_argb(clove_canvas_at(pen->target, pen->bpp, x, y), format, n, pen->t);
	clove_blend(pen->t, pen->s, n, pen->d->alpha, NULL);
	clove_surface_from_argb(pen->row, format, n, pen->t);
}

void clove_composed_row(struct clove_pen *pen, int32_t x, int32_t y, int32_t n, const uint8_t **words)
{
	(void)n;
	*words = pen->composed.data + (ptrdiff_t)(y - pen->cover.y1) * pen->composed.stride +
			(size_t)(x - pen->cover.x1) * pen->bpp;
}

/* -- the region -- */

static int32_t clamp(int64_t v, int32_t low, int32_t high)
{
	return v < low ? low : v > high ? high : (int32_t)v;
}

/* Inside the canvas; false if nothing is. */
static bool clamp_box(const struct clove_canvas *canvas, int64_t left, int64_t top, int64_t right,
		int64_t bottom, pixman_box32_t *box)
{
	*box = (pixman_box32_t){ clamp(left, 0, canvas->width), clamp(top, 0, canvas->height),
			clamp(right, 0, canvas->width), clamp(bottom, 0, canvas->height) };
	return box->x1 < box->x2 && box->y1 < box->y2;
}

void clove_canvas_intersect(pixman_region32_t *result, const pixman_region32_t *region,
		const struct clove_canvas *canvas, int64_t left, int64_t top, int64_t right, int64_t bottom)
{
	pixman_box32_t box;

	if (clamp_box(canvas, left, top, right, bottom, &box))
		pixman_region32_intersect_rect(result, (pixman_region32_t *)(uintptr_t)region, box.x1, box.y1,
				(unsigned int)(box.x2 - box.x1), (unsigned int)(box.y2 - box.y1));
	else
		pixman_region32_clear(result);
}

enum clove_err clove_canvas_clip(const struct clove_clip *clip, const struct clove_canvas *canvas,
		pixman_region32_t *region)
{
	pixman_box32_t *boxes = NULL;
	int n = 0;

	pixman_region32_init(region);
	/* the worst case is bands of boxes: half the square of the count */
	if (clip->num_rects > CLOVE_CANVAS_CLIPS_MAX)
		return CLOVE_ERR_LIMIT;
	if (!clip->num_rects)
		return CLOVE_OK;
	boxes = malloc(clip->num_rects * sizeof *boxes);
	if (!boxes)
		return CLOVE_ERR_NOMEM;
	for (uint32_t i = 0; i < clip->num_rects; i++) {
		const struct clove_rect *r = &clip->rects[i];

		n += clamp_box(canvas, r->left, r->top, r->right, r->bottom, &boxes[n]);
	}
	pixman_region32_fini(region);
	bool is_made = pixman_region32_init_rects(region, boxes, n);
	free(boxes);
	return is_made ? CLOVE_OK : CLOVE_ERR_NOMEM;
}

/* The region that an unscaled source covers. */
static void limit_to_source(const struct clove_pen *pen, pixman_region32_t *region)
{
	int64_t x = (int64_t)pen->d->box.x1 - pen->d->src_area.x1;
	int64_t y = (int64_t)pen->d->box.y1 - pen->d->src_area.y1;

	if (!pen->is_scaled)
		clove_canvas_intersect(region, region, pen->target, x, y, x + pen->src.pixels.width,
				y + pen->src.pixels.height);
}

void clove_canvas_read(const struct clove_canvas *canvas, int32_t x, int32_t y, int32_t n, uint32_t *argb)
{
	clove_surface_to_argb(clove_canvas_at(canvas, clove_canvas_bytes(canvas->format), x, y),
			canvas->format, n, argb);
}

/* -- from a drawing to its rows -- */

static enum clove_err draw_fill(struct clove_pen *pen, pixman_region32_t *region)
{
	clove_pen_draw(pen, region, fill_row);
	return CLOVE_OK;
}

static enum clove_err draw_const(struct clove_pen *pen, pixman_region32_t *region)
{
	clove_pen_draw(pen, region, const_row);
	return CLOVE_OK;
}

static enum clove_err draw_copy(struct clove_pen *pen, pixman_region32_t *region)
{
	limit_to_source(pen, region);
	clove_pen_draw(pen, region, copy_row);
	return CLOVE_OK;
}

static enum clove_err draw_opaque(struct clove_pen *pen, pixman_region32_t *region)
{
	pixman_region32_t covered;

	pixman_region32_init(&covered);
	pixman_region32_copy(&covered, region);
	limit_to_source(pen, &covered);
	clove_pen_draw(pen, &covered, copy_row);
	pixman_region32_fini(&covered);
	return draw_fill(pen, region);
}

static enum clove_err draw_rop3(struct clove_pen *pen, pixman_region32_t *region)
{
	limit_to_source(pen, region);
	clove_pen_draw(pen, region, rop3_row);
	return CLOVE_OK;
}

static enum clove_err draw_transparent(struct clove_pen *pen, pixman_region32_t *region)
{
	limit_to_source(pen, region);
	clove_pen_draw(pen, region, transparent_row);
	return CLOVE_OK;
}

static enum clove_err draw_alpha(struct clove_pen *pen, pixman_region32_t *region)
{
	const struct clove_drawing *d = pen->d;
	bool is_plain_555 = pen->target->format == CLOVE_SURFACE_FMT_16_555 && !pen->is_scaled &&
			d->alpha == 255 && pen->src.format != CLOVE_SURFACE_FMT_16_565 &&
			(pen->src.is_raw || clove_format_is_palette(pen->src.pixels.format));

	if (d->alpha == 0)
		return CLOVE_OK;
	if (is_plain_555) {
		pixman_region32_t covered;
		bool is_covered;

		pixman_region32_init(&covered);
		pixman_region32_copy(&covered, region);
		limit_to_source(pen, &covered);
		is_covered = pixman_region32_equal(&covered, region);
		pixman_region32_fini(&covered);
		if (is_covered) {
			struct clove_drawing put = *d;

			put.rop = CLOVE_ROP_PUT;
			pen->d = &put;
			clove_pen_draw(pen, region, copy_row);
			pen->d = d;
			return CLOVE_OK;
		}
	}
	clove_pen_draw(pen, region, alpha_row);
	return CLOVE_OK;
}

/* A copy from a snapshot of the surface at another place. */
static enum clove_err draw_copy_bits(struct clove_pen *pen, pixman_region32_t *region)
{
	const struct clove_drawing *d = pen->d;
	int64_t dx = (int64_t)d->box.x1 - d->src_x, dy = (int64_t)d->box.y1 - d->src_y;

	if (dx == 0 && dy == 0) {
		pixman_region32_clear(region);
		return CLOVE_OK;
	}
	clove_canvas_intersect(region, region, pen->target, dx, dy, dx + pen->target->width,
			dy + pen->target->height);
	if (!pixman_region32_not_empty(region))
		return CLOVE_OK;
	pen->cover = *pixman_region32_extents(region);

	int32_t height = pen->cover.y2 - pen->cover.y1;
	size_t row = (size_t)(pen->cover.x2 - pen->cover.x1) * pen->bpp;
	uint8_t *snapshot = malloc(row * (size_t)height);

	if (!snapshot)
		return CLOVE_ERR_NOMEM;
	for (int32_t y = 0; y < height; y++)
		memcpy(snapshot + (size_t)y * row, clove_canvas_at(pen->target, pen->bpp,
				(int32_t)(pen->cover.x1 - dx), (int32_t)(pen->cover.y1 + y - dy)), row);
	pen->composed = (struct clove_pixels){ .data = snapshot, .stride = (ptrdiff_t)row };
	clove_pen_draw(pen, region, clove_composed_row);
	free(snapshot);
	return CLOVE_OK;
}

enum { HAS_SRC = 1, HAS_BRUSH = 2, HAS_MASK = 4, HAS_COLOURS = 8, HAS_BACK = 16, HAS_PLAIN_SRC = 32 };

static const struct {
	enum clove_err (*draw)(struct clove_pen *pen, pixman_region32_t *region);
	unsigned int has;
} operations[CLOVE_DRAWS] = {
	[CLOVE_DRAW_FILL] =        { draw_fill,        HAS_BRUSH | HAS_MASK },
	[CLOVE_DRAW_OPAQUE] =      { draw_opaque,      HAS_SRC | HAS_BRUSH | HAS_MASK },
	[CLOVE_DRAW_COPY] =        { draw_copy,        HAS_SRC | HAS_MASK },
	[CLOVE_DRAW_BLEND] =       { draw_copy,        HAS_SRC | HAS_MASK },
	[CLOVE_DRAW_COPY_BITS] =   { draw_copy_bits,   0 },
	[CLOVE_DRAW_BLACKNESS] =   { draw_const,       HAS_MASK },
	[CLOVE_DRAW_WHITENESS] =   { draw_const,       HAS_MASK },
	[CLOVE_DRAW_INVERS] =      { draw_const,       HAS_MASK },
	[CLOVE_DRAW_ROP3] =        { draw_rop3,        HAS_SRC | HAS_BRUSH | HAS_MASK },
	[CLOVE_DRAW_TRANSPARENT] = { draw_transparent, HAS_SRC },
	[CLOVE_DRAW_STROKE] =      { clove_stroke_draw, HAS_BRUSH },
	[CLOVE_DRAW_TEXT] =        { clove_text_draw,  HAS_BRUSH | HAS_BACK | HAS_COLOURS },
	[CLOVE_DRAW_ALPHA_BLEND] = { draw_alpha,       HAS_SRC | HAS_COLOURS },
	[CLOVE_DRAW_COMPOSITE] =   { clove_composite_draw, HAS_PLAIN_SRC },
};

bool clove_canvas_can(enum clove_draw type)
{
	return type == CLOVE_DRAW_NOP || (type < CLOVE_DRAWS && operations[type].draw);
}

static enum clove_err open_mask(struct clove_pen *pen)
{
	const struct clove_canvas_image *bitmap = &pen->d->mask.bitmap;

	if (bitmap->kind == CLOVE_CANVAS_NO_IMAGE)
		return CLOVE_OK;
	pen->has_mask = true;
	if (bitmap->kind == CLOVE_CANVAS_PIXELS) {
		pen->mask = bitmap->pixels;
		return pen->mask.format == CLOVE_FORMAT_PLT1_LE || pen->mask.format == CLOVE_FORMAT_PLT1_BE ?
				CLOVE_OK : CLOVE_ERR_UNSUPPORTED;
	}
	if (!bitmap->surface || bitmap->surface->format != CLOVE_SURFACE_FMT_1_A)
		return CLOVE_ERR_UNSUPPORTED;
	pen->mask = (struct clove_pixels){ bitmap->surface->data, bitmap->surface->width,
			bitmap->surface->height, (ptrdiff_t)bitmap->surface->stride, CLOVE_FORMAT_A8 };
	return CLOVE_OK;
}

/* How the source's words are fetched (raster 8). */
static enum clove_err open_source(struct clove_pen *pen)
{
	const struct clove_drawing *d = pen->d;
	int64_t bw = (int64_t)d->box.x2 - d->box.x1, bh = (int64_t)d->box.y2 - d->box.y1;
	bool is_smooth = d->scale_mode == CLOVE_SCALE_INTERPOLATE;
	enum clove_err err = clove_words_init(&pen->src, &d->src, pen->target);

	if (err)
		return err;
	pen->src.has_surface_alpha = d->src.kind == CLOVE_CANVAS_SURFACE &&
			d->alpha_flags & CLOVE_ALPHA_SRC_SURFACE_HAS_ALPHA;
	pen->is_scaled = (int64_t)d->src_area.x2 - d->src_area.x1 != bw ||
			(int64_t)d->src_area.y2 - d->src_area.y1 != bh;
	if (!pen->is_scaled)
		return CLOVE_OK;
	if (d->type == CLOVE_DRAW_ROP3)
		return clove_words_scale_rop3(&pen->src, &d->src_area, bw, bh, is_smooth);
	if (d->type == CLOVE_DRAW_TRANSPARENT || d->type == CLOVE_DRAW_ALPHA_BLEND)
		return clove_words_scale(&pen->src, &d->src_area, bw, bh, false, false);
	return clove_words_scale(&pen->src, &d->src_area, bw, bh, is_smooth, d->type == CLOVE_DRAW_OPAQUE ||
			clove_rop_is_put(d->rop, CLOVE_ROP_INVERS_SRC));
}

static enum clove_err open_pen(struct clove_pen *pen, const pixman_box32_t *extents)
{
	size_t room = (size_t)(extents->x2 - extents->x1) * 4;
	unsigned int has = operations[pen->d->type].has;
	enum clove_err err = CLOVE_OK;

	pen->row = malloc(room);
	pen->brush = malloc(room);
	if (!pen->row || !pen->brush)
		return CLOVE_ERR_NOMEM;
	if (has & HAS_COLOURS) {
		pen->s = malloc(room);
		pen->t = malloc(room);
		if (!pen->s || !pen->t)
			return CLOVE_ERR_NOMEM;
	}
	if (has & HAS_SRC)
		err = open_source(pen);
	if (!err && has & HAS_BRUSH && pen->d->brush.type == CLOVE_BRUSH_PATTERN)
		err = clove_words_init(&pen->pattern, &pen->d->brush.pattern, pen->target);
	if (!err && has & HAS_BACK && pen->d->back.type == CLOVE_BRUSH_PATTERN)
		err = clove_words_init(&pen->back, &pen->d->back.pattern, pen->target);
	if (!err && has & HAS_MASK)
		err = open_mask(pen);
	if (!err && has & HAS_PLAIN_SRC) {
		err = clove_words_init(&pen->src, &pen->d->src, pen->target);
		if (!err && pen->d->composite_mask.kind != CLOVE_CANVAS_NO_IMAGE)
			err = clove_words_init(&pen->pattern, &pen->d->composite_mask, pen->target);
	}
	return err;
}

enum clove_err clove_canvas_draw(const struct clove_canvas *target, const struct clove_drawing *d,
		pixman_region32_t *drawn, pixman_region32_t *changed)
{
	struct clove_pen pen = { .target = target, .d = d, .changed = changed };
	pixman_region32_t region;
	pixman_box32_t box;
	enum clove_err err = CLOVE_OK;

	pen.bpp = clove_canvas_bytes(target->format);
	if (!pen.bpp || !clove_canvas_can(d->type))
		return CLOVE_ERR_UNSUPPORTED;
	if (target->width > CLOVE_PIXELS_MAX_SIDE)
		return CLOVE_ERR_LIMIT;
	if (d->type == CLOVE_DRAW_NOP || !clamp_box(target, d->box.x1, d->box.y1, d->box.x2, d->box.y2, &box))
		return CLOVE_OK;
	pixman_region32_init_with_extents(&region, &box);
	if (d->clip)
		pixman_region32_intersect(&region, &region, (pixman_region32_t *)(uintptr_t)d->clip);
	if (pixman_region32_not_empty(&region)) {
		err = open_pen(&pen, &box);
		if (!err)
			err = operations[d->type].draw(&pen, &region);
		if (!err && drawn)
			pixman_region32_union(drawn, drawn, &region);
	}
	free(pen.row);
	free(pen.brush);
	free(pen.s);
	free(pen.t);
	clove_words_fini(&pen.src);
	clove_words_fini(&pen.pattern);
	clove_words_fini(&pen.back);
	pixman_region32_fini(&region);
	return err;
}
