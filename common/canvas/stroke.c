/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stroke.c - which pixels the lines of a path light: solid, dashed, straight and bent (raster 14).
 *
 * Lines are lit on a copy of what the stroke may touch, since one pixel may be lit more than once. A
 * budget bounds the work that coordinates and dashes may ask for.
 */
#include "common/canvas/pen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/protocol/enums.h"

enum { DASHES = 256, BEZIER_DEPTH = 24, POLYGON_COST = 32, BEND_COST = 16 };
static const int64_t BUDGET = (int64_t)1 << 23;   /* pixels and steps; a polygon counts as some */

struct point {
	int64_t x, y;
};

struct stroke {
	struct clove_pen *pen;
	const pixman_region32_t *region;
	pixman_box32_t box;               /* the region's extents */
	uint8_t *scratch;                 /* the target's words in `box` */
	uint8_t *marks;                   /* collecting: pixels to be lit, a byte each; or NULL */
	pixman_box32_t marked;            /* where marks may be */
	bool is_collecting, changes_twice;
	int64_t budget;
	struct point *points;             /* the current polyline */
	size_t count, room;
	int64_t dash[DASHES], total, offset;
	int dashes;                       /* 0: solid */
};

/* -- pixels -- */

static void light(struct stroke *stroke, int32_t x, int32_t y)
{
	struct clove_pen *pen = stroke->pen;
	size_t width = (size_t)(stroke->box.x2 - stroke->box.x1);
	uint8_t word[4];
	uint8_t *d;

	if (!pixman_region32_contains_point((pixman_region32_t *)(uintptr_t)stroke->region, x, y, NULL))
		return;
	d = stroke->scratch + ((size_t)(y - stroke->box.y1) * width + (size_t)(x - stroke->box.x1)) * pen->bpp;
	clove_brush_get(pen, &pen->d->brush, &pen->pattern, pen->d->brush.x, pen->d->brush.y, x, y, 1, word);
	if (!clove_rop_is_put(pen->d->rop, CLOVE_ROP_INVERS_BRUSH))
		clove_rop(word, d, pen->bpp, pen->d->rop, CLOVE_ROP_INVERS_BRUSH, CLOVE_ROP_INVERS_DEST);
	memcpy(d, word, pen->bpp);
}

/* From left to right, both inclusive. */
static void light_span(struct stroke *stroke, int64_t left, int64_t right, int64_t y)
{
	const pixman_box32_t *box = &stroke->box;

	if (y < box->y1 || y >= box->y2)
		return;
	left = left < box->x1 ? box->x1 : left;
	right = right >= box->x2 ? box->x2 - 1 : right;
	if (left > right)
		return;
	stroke->budget -= right - left + 1;
	for (int32_t x = (int32_t)left; x <= right; x++) {
		if (stroke->is_collecting)
			stroke->marks[(size_t)(y - box->y1) * (size_t)(box->x2 - box->x1) +
					(size_t)(x - box->x1)] = 1;
		else
			light(stroke, x, (int32_t)y);
	}
	if (!stroke->is_collecting)
		return;
	stroke->marked.x1 = left < stroke->marked.x1 ? (int32_t)left : stroke->marked.x1;
	stroke->marked.x2 = right >= stroke->marked.x2 ? (int32_t)right + 1 : stroke->marked.x2;
	stroke->marked.y1 = y < stroke->marked.y1 ? (int32_t)y : stroke->marked.y1;
	stroke->marked.y2 = y >= stroke->marked.y2 ? (int32_t)y + 1 : stroke->marked.y2;
}

static void light_marked(struct stroke *stroke)
{
	const pixman_box32_t *box = &stroke->box, marked = stroke->marked;
	size_t width = (size_t)(box->x2 - box->x1);

	stroke->marked = (pixman_box32_t){ INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN };
	for (int32_t y = marked.y1; y < marked.y2; y++) {
		uint8_t *row = stroke->marks + (size_t)(y - box->y1) * width;

		stroke->budget -= marked.x2 - marked.x1;
		for (int32_t x = marked.x1; x < marked.x2; x++) {
			if (row[x - box->x1])
				light(stroke, x, y);
			row[x - box->x1] = 0;
		}
	}
}

/* -- solid lines -- */

static void draw_segment(struct stroke *stroke, struct point from, struct point to)
{
	int64_t adx = llabs(to.x - from.x), ady = llabs(to.y - from.y);
	int64_t sx = to.x < from.x ? -1 : 1, sy = to.y < from.y ? -1 : 1;
	bool is_flat = adx > ady;
	int64_t major = is_flat ? adx : ady, minor = is_flat ? ady : adx;
	int64_t bias = (is_flat ? sx : sy) < 0;
	/* only the steps at which the major axis lies in the box */
	int64_t start = is_flat ? from.x : from.y, low = is_flat ? stroke->box.x1 : stroke->box.y1;
	int64_t high = (is_flat ? stroke->box.x2 : stroke->box.y2) - 1;
	int64_t first = (is_flat ? sx : sy) > 0 ? low - start : start - high;
	int64_t last = (is_flat ? sx : sy) > 0 ? high - start : start - low;

	first = first < 0 ? 0 : first;
	last = last >= major ? major - 1 : last;
	if (first > last)
		return;

	/* minor steps before `first`, and the error then: what the loop from 0 on would have */
	int64_t steps = (2 * minor * first + major - bias) / (2 * major);
	int64_t e = -major - bias + 2 * minor * first - 2 * major * steps;
	int64_t x = from.x + sx * (is_flat ? first : steps), y = from.y + sy * (is_flat ? steps : first);

	for (int64_t i = first; i <= last && stroke->budget > 0; i++) {
		light_span(stroke, x, x, y);
		stroke->budget--;
		e += 2 * minor;
		if (e >= 0) {
			x += is_flat ? 0 : sx;
			y += is_flat ? sy : 0;
			e -= 2 * major;
		}
		x += is_flat ? sx : 0;
		y += is_flat ? 0 : sy;
	}
}

/* -- polygons of dashes and joins -- */

struct vertex {
	double x, y;
};

struct slope {
	int64_t x, y;
	double k;
};

struct edge {
	int64_t x, e, step, dir, add, down, height;
};

enum { EDGES = 4 };

struct side {
	struct edge edges[EDGES];
	int count, next;
	struct edge now;
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Where the edge starts. */
static int64_t set_edge(struct edge *edge, struct vertex from, struct slope s, int64_t xi, int64_t yi,
		bool is_left)
{
	int64_t y = (int64_t)ceil(from.y), q, x, e;

	if (s.y < 0)
		s = (struct slope){ -s.x, -s.y, -s.k };
	q = (int64_t)ceil(s.k) + y * s.x;
	x = floor_div(q - 1, s.y);
	e = q - x * s.y;
	edge->dir = s.x >= 0 ? 1 : -1;
	edge->step = s.x / s.y;
	edge->add = llabs(s.x) % s.y;
	if (s.x < 0)
		e = s.y - e + 1;
	edge->x = x + is_left + xi;
	edge->e = e - s.y;
	edge->down = s.y;
	return y + yi;
}

static void set_side(struct side *side, const struct vertex *v, const struct slope *s, int count, int top,
		int bottom, int turn, int offset, int64_t xi, int64_t yi, bool is_left)
{
	int64_t start = (int64_t)ceil(v[top].y) + yi;
	int i = top, j = (top + offset + count) % count;

	*side = (struct side){ 0 };
	while (i != bottom) {
		if (s[j].y && side->count < EDGES) {
			struct edge *edge = &side->edges[side->count];
			int64_t begins = set_edge(edge, v[i], s[j], xi, yi, is_left);

			if (side->count)
				edge[-1].height = begins - start;
			else
				begins = start;
			start = begins;
			side->count++;
		}
		i = (i + turn + count) % count;
		j = (j + turn + count) % count;
	}
	if (side->count)
		side->edges[side->count - 1].height = (int64_t)ceil(v[bottom].y) + yi - start;
}

static bool load_edge(struct side *side)
{
	if (side->now.height)
		return true;
	if (side->next == side->count)
		return false;
	side->now = side->edges[side->next++];
	return true;
}

static void step_edge(struct edge *edge)
{
	edge->x += edge->step;
	edge->e += edge->add;
	if (edge->e > 0) {
		edge->x += edge->dir;
		edge->e -= edge->down;
	}
}

static void fill_polygon(struct stroke *stroke, const struct vertex *v, const struct slope *s, int count,
		struct point at)
{
	int top = 0, bottom = 0, before, turn = 1, offset = 0;
	struct side left, right;
	int64_t y;

	for (int i = 1; i < count; i++) {
		if (v[i].y < v[top].y)
			top = i;
		if (v[i].y >= v[bottom].y)
			bottom = i;
	}
	before = (top - 1 + count) % count;
	if (s[before].y * s[top].x > s[top].y * s[before].x) {
		turn = -1;
		offset = -1;
	}
	set_side(&right, v, s, count, top, bottom, turn, offset, at.x, at.y, false);
	set_side(&left, v, s, count, top, bottom, -turn, -1 - offset, at.x, at.y, true);
	y = (int64_t)ceil(v[top].y) + at.y;
	stroke->budget -= POLYGON_COST;
	while (stroke->budget > 0) {
		int64_t height;

		stroke->budget--;
		if ((!right.now.height && right.next == right.count) ||
				(!left.now.height && left.next == left.count))
			return;
		load_edge(&right);
		load_edge(&left);
		height = right.now.height < left.now.height ? right.now.height : left.now.height;
		right.now.height -= height;
		left.now.height -= height;
		for (; height > 0 && stroke->budget > 0; height--) {
			if (right.now.x >= left.now.x)
				light_span(stroke, left.now.x, right.now.x, y);
			stroke->budget--;
			y++;
			step_edge(&right.now);
			step_edge(&left.now);
		}
	}
}

/* -- dashes -- */

struct phase {
	int index;
	int64_t offset;
};

static void skip_dashes(const struct stroke *stroke, struct phase *phase, int64_t distance)
{
	if (distance < stroke->dash[phase->index] - phase->offset) {
		phase->offset += distance;
		return;
	}
	distance -= stroke->dash[phase->index] - phase->offset;
	phase->index = (phase->index + 1) % stroke->dashes;
	distance %= stroke->total;
	while (distance >= stroke->dash[phase->index]) {
		distance -= stroke->dash[phase->index];
		phase->index = (phase->index + 1) % stroke->dashes;
	}
	phase->offset = distance;
}

struct face {
	struct point at;
	int64_t dx, dy;
	double ax, ay, k;
};

static void draw_dashes(struct stroke *stroke, struct point from, struct point to, struct phase *phase,
		struct face *left, struct face *right)
{
	int64_t dx = to.x - from.x, dy = to.y - from.y;
	double length, ux, uy, k, rest;
	int64_t rem;

	if (!dx || !dy) {
		length = (double)(dx ? llabs(dx) : llabs(dy));
		ux = dx ? dx > 0 ? 0.5 : -0.5 : 0;
		uy = dy ? dy > 0 ? 0.5 : -0.5 : 0;
	} else {
		length = hypot((double)dx, (double)dy);
		ux = 0.5 / length * (double)dx;
		uy = 0.5 / length * (double)dy;
	}
	k = 0.5 * length;

	struct slope s[4] = { { dx, dy, k }, { -dy, dx, 0 }, { -dx, -dy, k }, { dy, -dx, 0 } };
	struct vertex v[4] = { { uy, -ux }, { uy, -ux }, { -uy, ux }, { -uy, ux } };

	rest = length;
	rem = stroke->dash[phase->index] - phase->offset;
	while (rest > (double)rem && stroke->budget > 0) {
		double x = (double)(rem * dx) / length, y = (double)(rem * dy) / length;

		v[1] = (struct vertex){ v[1].x + x, v[1].y + y };
		v[2] = (struct vertex){ v[2].x + x, v[2].y + y };
		s[1].k = v[1].x * (double)dx + v[1].y * (double)dy;
		if (phase->index % 2 == 0)
			fill_polygon(stroke, v, s, 4, from);
		stroke->budget--;
		rest -= (double)rem;
		phase->index = (phase->index + 1) % stroke->dashes;
		rem = stroke->dash[phase->index];
		v[0] = v[1];
		v[3] = v[2];
		s[3].k = -s[1].k;
	}
	if (phase->index % 2 == 0) {
		v[0] = (struct vertex){ v[0].x - (double)dx, v[0].y - (double)dy };
		v[3] = (struct vertex){ v[3].x - (double)dx, v[3].y - (double)dy };
		v[1] = (struct vertex){ uy, -ux };
		v[2] = (struct vertex){ -uy, ux };
		s[1].k = 0;
		s[3].k += (double)(dx * dx + dy * dy);
		fill_polygon(stroke, v, s, 4, to);
	}
	rem = (int64_t)((double)rem - rest);
	if (rem == 0) {
		phase->index = (phase->index + 1) % stroke->dashes;
		rem = stroke->dash[phase->index];
	}
	phase->offset = stroke->dash[phase->index] - rem;
	*left = (struct face){ from, dx, dy, uy, -ux, k };
	*right = (struct face){ to, -dx, -dy, -uy, ux, k };
}

static bool points_on(const struct face *face)
{
	return face->dx > 0 || (face->dx == 0 && face->dy > 0);
}

static void join(struct stroke *stroke, struct face a, struct face b)
{
	double den, mx, my;
	struct vertex v[4];
	struct slope s[4];
	bool is_swapped = false;

	if (!stroke->is_collecting && (points_on(&a) || points_on(&b)))
		return;
	den = (double)(-a.dx * b.dy + b.dx * a.dy);
	if (den == 0)
		return;
	if (den > 0) {
		a.ax = -a.ax, a.ay = -a.ay, a.dx = -a.dx, a.dy = -a.dy;
	} else {
		is_swapped = true;
		b.ax = -b.ax, b.ay = -b.ay, b.dx = -b.dx, b.dy = -b.dy;
	}
	v[0] = (struct vertex){ b.ax, b.ay };
	v[1] = (struct vertex){ 0, 0 };
	v[2] = (struct vertex){ a.ax, a.ay };
	s[0] = (struct slope){ -b.dy, b.dx, 0 };
	s[1] = (struct slope){ a.dy, -a.dx, 0 };

	double adx = (double)a.dx, ady = (double)a.dy, bdx = (double)b.dx, bdy = (double)b.dy;

	my = (ady * (b.ax * bdy - b.ay * bdx) - bdy * (a.ax * ady - a.ay * adx)) / den;
	mx = a.dy ? a.ax + (my - a.ay) * adx / ady : b.ax + (my - b.ay) * bdx / bdy;
	if (4 * (mx * mx + my * my) <= 108.856472512142) {
		int sign = is_swapped ? -1 : 1;

		v[3] = (struct vertex){ mx, my };
		s[2] = (struct slope){ sign * a.dx, sign * a.dy, sign * a.k };
		s[3] = (struct slope){ sign * b.dx, sign * b.dy, sign * b.k };
		fill_polygon(stroke, v, s, 4, a.at);
		return;
	}

	double ex = b.ax - a.ax, ey = b.ay - a.ay, m = fabs(ex) > fabs(ey) ? fabs(ex) : fabs(ey);

	if (m == 0)
		return;
	s[2].x = (int64_t)(65536 * ex / m);
	s[2].y = (int64_t)(65536 * ey / m);
	s[2].k = ((a.ax + b.ax) * (double)s[2].y - (a.ay + b.ay) * (double)s[2].x) / 2;
	fill_polygon(stroke, v, s, 3, a.at);
}

static void draw_dashed(struct stroke *stroke)
{
	struct phase phase = { 0 };
	struct face left, right, first = { .k = 0 };
	bool has_first = false, has_right = false, ended_on = false;
	const struct point *p = stroke->points;
	bool is_closed = p[0].x == p[stroke->count - 1].x && p[0].y == p[stroke->count - 1].y;

	skip_dashes(stroke, &phase, stroke->offset);
	for (size_t i = 1; i < stroke->count && stroke->budget > 0; i++) {
		bool is_on = phase.index % 2 == 0;
		struct face before = right;

		if (p[i].x == p[i - 1].x && p[i].y == p[i - 1].y)
			continue;
		draw_dashes(stroke, p[i - 1], p[i], &phase, &left, &right);
		if (is_on) {
			if (has_right && ended_on)
				join(stroke, left, before);
			else if (!has_right && is_closed) {
				first = left;
				has_first = true;
			}
		}
		has_right = true;
		ended_on = (phase.index % 2 != 0) != (phase.offset != 0);
	}
	if (has_right && ended_on && has_first)
		join(stroke, first, right);
}

/* -- paths -- */

static enum clove_err append(struct stroke *stroke, struct point point)
{
	if (stroke->count == stroke->room) {
		size_t room = stroke->room ? stroke->room * 2 : 64;
		struct point *points = realloc(stroke->points, room * sizeof *points);

		if (!points)
			return CLOVE_ERR_NOMEM;
		stroke->points = points;
		stroke->room = room;
	}
	stroke->points[stroke->count++] = point;
	return CLOVE_OK;
}

static void draw_polyline(struct stroke *stroke)
{
	size_t count = stroke->count;

	if (count >= 2 && stroke->dashes) {
		stroke->is_collecting = stroke->changes_twice && count >= 3;
		draw_dashed(stroke);
		if (stroke->is_collecting)
			light_marked(stroke);
		stroke->is_collecting = false;
	} else {
		for (size_t i = 1; i < count; i++)
			draw_segment(stroke, stroke->points[i - 1], stroke->points[i]);
	}
	stroke->count = 0;
}

/* 28.4; exactly one half goes down. */
static int64_t to_pixel(int64_t v)
{
	return (v >> 4) + ((v & 15) > 8);
}

static struct point pixel_of(struct point fix)
{
	return (struct point){ to_pixel(fix.x), to_pixel(fix.y) };
}

static struct point middle(struct point a, struct point b)
{
	return (struct point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

static __int128 dot(struct point v, struct point w)
{
	return ((__int128)v.x * w.x + (__int128)v.y * w.y) >> 4;
}

static enum clove_err bend(struct stroke *stroke, struct point p0, struct point p1, struct point p2,
		struct point p3, int depth)
{
	struct point a = { p1.x - p0.x, p1.y - p0.y }, b = { p3.x - p0.x, p3.y - p0.y };
	struct point c = { p2.x - p3.x, p2.y - p3.y };
	__int128 bb = dot(b, b), ab = dot(a, b), cb = dot(c, (struct point){ -b.x, -b.y });
	enum clove_err err;

	stroke->budget -= BEND_COST;
	if (stroke->budget <= 0)
		return CLOVE_OK;
	if (depth == BEZIER_DEPTH || (((dot(a, a) * bb - ab * ab) >> 3) < bb && ((dot(c, c) * bb - cb * cb) >> 3) < bb))
		return append(stroke, pixel_of(p3));

	struct point p01 = middle(p0, p1), p12 = middle(p1, p2), p23 = middle(p2, p3);
	struct point p012 = middle(p01, p12), p123 = middle(p12, p23), p0123 = middle(p012, p123);

	err = bend(stroke, p0, p01, p012, p0123, depth + 1);
	return err ? err : bend(stroke, p0123, p123, p23, p3, depth + 1);
}

static struct point fix_of(const struct clove_point_fix *point)
{
	return (struct point){ point->x, point->y };
}

static enum clove_err add_segment(struct stroke *stroke, const struct clove_path_segment *segment)
{
	enum clove_err err = CLOVE_OK;
	uint32_t i = 0;

	if (segment->flags & CLOVE_PATH_BEGIN) {
		draw_polyline(stroke);
		if (segment->count)
			err = append(stroke, pixel_of(fix_of(&segment->points[i++])));
	}
	if (!(segment->flags & CLOVE_PATH_BEZIER)) {
		for (; !err && i < segment->count; i++)
			err = append(stroke, pixel_of(fix_of(&segment->points[i])));
	} else {
		for (; !err && segment->count - i >= 3 && stroke->count; i += 3) {
			struct point last = stroke->points[stroke->count - 1];

			err = bend(stroke, (struct point){ last.x * 16, last.y * 16 },
					fix_of(&segment->points[i]), fix_of(&segment->points[i + 1]),
					fix_of(&segment->points[i + 2]), 0);
		}
	}
	if (!err && segment->flags & CLOVE_PATH_END) {
		if (segment->flags & CLOVE_PATH_CLOSE && stroke->count)
			err = append(stroke, stroke->points[0]);
		draw_polyline(stroke);
	}
	return err;
}

static void set_dashes(struct stroke *stroke, const struct clove_line_attr *attr)
{
	int n = attr && attr->flags & CLOVE_LINE_STYLED && attr->style ? attr->style_nseg : 0;
	int shift = n && attr->flags & CLOVE_LINE_START_WITH_GAP ? 1 : 0;

	for (int i = 0; i < n; i++) {
		stroke->dash[i] = to_pixel((int32_t)attr->style[(i + shift) % n]) & 255;
		stroke->total += stroke->dash[i];
	}
	if (stroke->total)
		stroke->dashes = n;
	if (shift)
		stroke->offset = stroke->dash[0];
}

/* Whether drawing twice gives something else than drawing once: each bit of a byte is a case. */
static bool changes_twice(unsigned int rop)
{
	uint8_t once = 0xc, twice = 0xc, d = 0xa;

	clove_rop(&once, &d, 1, rop, CLOVE_ROP_INVERS_BRUSH, CLOVE_ROP_INVERS_DEST);
	clove_rop(&twice, &once, 1, rop, CLOVE_ROP_INVERS_BRUSH, CLOVE_ROP_INVERS_DEST);
	return (once ^ twice) & 15;
}

enum clove_err clove_stroke_draw(struct clove_pen *pen, pixman_region32_t *region)
{
	struct stroke stroke = { .pen = pen, .region = region, .budget = BUDGET,
			.box = *pixman_region32_extents(region), .changes_twice = changes_twice(pen->d->rop),
			.marked = { INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN } };
	size_t row = (size_t)(stroke.box.x2 - stroke.box.x1) * pen->bpp;
	int32_t height = stroke.box.y2 - stroke.box.y1;
	enum clove_err err = CLOVE_OK;

	if (!pen->d->path)
		return CLOVE_ERR_VALUE;
	set_dashes(&stroke, pen->d->attr);
	stroke.scratch = malloc(row * (size_t)height);
	if (stroke.dashes && stroke.changes_twice)
		stroke.marks = calloc(row / pen->bpp, (size_t)height);
	if (!stroke.scratch || (stroke.dashes && stroke.changes_twice && !stroke.marks))
		err = CLOVE_ERR_NOMEM;
	for (int32_t y = 0; !err && y < height; y++)
		memcpy(stroke.scratch + (size_t)y * row, clove_canvas_at(pen->target, pen->bpp, stroke.box.x1,
				stroke.box.y1 + y), row);
	for (uint32_t i = 0; !err && i < pen->d->path->num_segments; i++)
		err = add_segment(&stroke, &pen->d->path->segments[i]);
	if (!err) {
		draw_polyline(&stroke);
		pen->cover = stroke.box;
		pen->composed = (struct clove_pixels){ .data = stroke.scratch, .stride = (ptrdiff_t)row };
		clove_pen_draw(pen, region, clove_composed_row);
	}
	free(stroke.scratch);
	free(stroke.marks);
	free(stroke.points);
	return err;
}
