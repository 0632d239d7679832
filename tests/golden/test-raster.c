/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-raster.c - draws the recorded cases (golden/raster) and compares every pixel, by its hash. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/canvas/canvas.h"

enum { NAMED = 8, GLYPHS = 64, SEGMENTS = 32, POINTS = 4096, CASES = 400 };

struct named {
	char name[16];
	struct clove_canvas_image image;
	uint32_t palette[256];
	uint8_t *data;
};

struct drawn_case {
	struct clove_canvas surfaces[NAMED];
	uint8_t *packed[NAMED];           /* bits as the recording has them, padding too */
	struct named images[NAMED];
};

/* What a case's operation line says, and the memory behind it. */
struct operation {
	struct clove_drawing d;
	pixman_region32_t clip;
	bool has_clip;
	struct clove_glyph glyphs[GLYPHS];
	struct clove_string string;
	struct clove_path_segment segments[SEGMENTS];
	struct clove_path path;
	struct clove_point_fix points[POINTS];
	int point_count;
	struct clove_line_attr attr;
	uint32_t style[256];
	struct clove_display_draw_composite composite;
	uint8_t *bytes[GLYPHS];
	struct clove_canvas self;
	uint8_t *self_data;
};

static uint32_t noise(uint8_t *to, size_t n, uint32_t x, uint32_t mask)
{
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		to[i] = (x >> 24) & mask;
	}
	return x;
}

static size_t bits_of(uint32_t format)
{
	return format == CLOVE_SURFACE_FMT_1_A ? 1 : clove_canvas_bytes(format) * 8;
}

static size_t packed_stride(const struct clove_canvas *canvas)
{
	return ((size_t)canvas->width * bits_of(canvas->format) + 31) / 32 * 4;
}

/* Numbers between any separators. */
static int numbers(const char *text, int64_t *to, int most)
{
	int n = 0;

	while (*text && n < most) {
		char *end;

		to[n] = strtoll(text, &end, 0);
		ck_assert_msg(end != text, "%s", text);
		n++;
		text = *end ? end + 1 : end;
	}
	return n;
}

static size_t unhex(const char *text, uint8_t **bytes)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF") / 2;

	*bytes = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], 0 };

		(*bytes)[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static void make_surface(struct drawn_case *c, const char *line)
{
	int64_t v[6];
	struct clove_canvas *canvas;
	uint8_t *packed;

	ck_assert_int_eq(numbers(line, v, 6), 6);
	canvas = &c->surfaces[v[0]];
	*canvas = (struct clove_canvas){ NULL, (int32_t)v[2], (int32_t)v[3], 0, (uint32_t)v[1] };
	canvas->stride = canvas->format == CLOVE_SURFACE_FMT_1_A ? (size_t)canvas->width : packed_stride(canvas);
	canvas->data = calloc(canvas->stride, (size_t)canvas->height);
	packed = malloc(packed_stride(canvas) * (size_t)canvas->height);
	noise(packed, packed_stride(canvas) * (size_t)canvas->height, (uint32_t)v[4], (uint32_t)v[5]);
	if (canvas->format != CLOVE_SURFACE_FMT_1_A)
		memcpy(canvas->data, packed, packed_stride(canvas) * (size_t)canvas->height);
	for (int32_t y = 0; canvas->format == CLOVE_SURFACE_FMT_1_A && y < canvas->height; y++)
		for (int32_t x = 0; x < canvas->width; x++)
			canvas->data[(size_t)y * canvas->stride + (size_t)x] = packed[packed_stride(canvas) *
					(size_t)y + (size_t)x / 8] >> (x % 8) & 1 ? 255 : 0;
	c->packed[v[0]] = packed;
}

/* FNV-1a of the rows as the recording has them. */
static uint64_t hash(const struct clove_canvas *canvas, const uint8_t *packed)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t stride = packed_stride(canvas);
	uint8_t *row = malloc(stride);

	for (int32_t y = 0; y < canvas->height; y++) {
		const uint8_t *from = canvas->data + (size_t)y * canvas->stride;

		bool has_bits = canvas->format == CLOVE_SURFACE_FMT_1_A;

		memcpy(row, has_bits ? packed + (size_t)y * stride : from, stride);
		for (int32_t x = 0; has_bits && x < canvas->width; x++)
			row[x / 8] = (uint8_t)((row[x / 8] & ~(1 << x % 8)) | (from[x] & 1) << x % 8);
		for (size_t i = 0; i < stride; i++) {
			bool is_unused = canvas->format == CLOVE_SURFACE_FMT_32_XRGB && i % 4 == 3;

			h = (h ^ (is_unused ? 0 : row[i])) * UINT64_C(0x100000001b3);
		}
	}
	free(row);
	return h;
}

static const char *value_of(char **tokens, int count, const char *key)
{
	size_t n = strlen(key);

	for (int i = 0; i < count; i++)
		if (!strncmp(tokens[i], key, n) && tokens[i][n] == '=')
			return tokens[i] + n + 1;
	return NULL;
}

static int64_t number_of(char **tokens, int count, const char *key, int64_t otherwise)
{
	const char *value = value_of(tokens, count, key);

	return value ? strtoll(value, NULL, 0) : otherwise;
}

/* The image whose name begins `text` and ends at a comma; *rest is what follows. */
static struct named *find_image(struct drawn_case *c, const char *text, const char **rest)
{
	size_t n = strcspn(text, ",");

	if (rest)
		*rest = text[n] ? text + n + 1 : text + n;
	for (int i = 0; i < NAMED; i++)
		if (strlen(c->images[i].name) == n && !strncmp(c->images[i].name, text, n))
			return &c->images[i];
	ck_abort_msg("no image %s", text);
	return NULL;
}

static void make_image(struct drawn_case *c, char **tokens, int count)
{
	struct named *named = c->images;
	int32_t w = (int32_t)number_of(tokens, count, "w", 0), h = (int32_t)number_of(tokens, count, "h", 0);
	enum clove_format format = (enum clove_format)number_of(tokens, count, "fmt", 0);
	const char *text;
	int64_t stride, v[256];
	size_t size;

	while (*named->name)
		named++;
	snprintf(named->name, sizeof named->name, "%s", tokens[0]);
	if (value_of(tokens, count, "surface")) {
		named->image.kind = CLOVE_CANVAS_SURFACE;
		named->image.surface = &c->surfaces[number_of(tokens, count, "surface", 0)];
		return;
	}
	stride = number_of(tokens, count, "stride", ((int64_t)clove_format_row_bytes(format, w) + 3) / 4 * 4);
	size = (size_t)(stride * h);
	if ((text = value_of(tokens, count, "hex"))) {
		ck_assert_uint_ge(unhex(text, &named->data), size);
	} else {
		named->data = calloc(1, size);
		if ((text = value_of(tokens, count, "noise"))) {
			numbers(text, v, 2);
			noise(named->data, size, (uint32_t)v[0], (uint32_t)v[1]);
		}
	}
	for (size_t i = 0; number_of(tokens, count, "premul", 0) && i + 3 < size; i += 4)
		for (int k = 0; k < 3; k++)
			named->data[i + (size_t)k] = (uint8_t)(named->data[i + (size_t)k] * named->data[i + 3] / 255);
	if ((text = value_of(tokens, count, "palnoise"))) {
		uint8_t bytes[256 * 3];

		numbers(text, v, 3);
		noise(bytes, (size_t)v[0] * 3, (uint32_t)v[1], (uint32_t)v[2]);
		for (int64_t i = 0; i < v[0]; i++)
			named->palette[i] = bytes[3 * i] | (uint32_t)bytes[3 * i + 1] << 8 |
					(uint32_t)bytes[3 * i + 2] << 16;
	} else if ((text = value_of(tokens, count, "pal"))) {
		int n = numbers(text, v, 256);

		for (int i = 0; i < n; i++)
			named->palette[i] = (uint32_t)v[i];
	}
	named->image = (struct clove_canvas_image){
		.kind = CLOVE_CANVAS_PIXELS, .palette = named->palette,
		.pixels = { named->data, w, h, stride, format },
		.has_high_bits = number_of(tokens, count, "high", 0) && format == CLOVE_FORMAT_RGB32,
	};
	if (!number_of(tokens, count, "td", 1)) {
		named->image.pixels.data += stride * (h - 1);
		named->image.pixels.stride = -stride;
	}
}

static pixman_box32_t box_of(const char *text)
{
	int64_t v[4] = { 0 };

	if (text)
		numbers(text, v, 4);
	return (pixman_box32_t){ (int32_t)v[0], (int32_t)v[1], (int32_t)v[2], (int32_t)v[3] };
}

static void set_brush(struct drawn_case *c, struct clove_canvas_brush *brush, const char *text)
{
	int64_t v[2];

	if (!text || !strcmp(text, "none"))
		return;
	if (!strncmp(text, "solid:", 6)) {
		brush->type = CLOVE_BRUSH_SOLID;
		brush->color = (uint32_t)strtoul(text + 6, NULL, 16);
		return;
	}
	ck_assert(!strncmp(text, "pattern:", 8));
	brush->type = CLOVE_BRUSH_PATTERN;
	brush->pattern = find_image(c, text + 8, &text)->image;
	numbers(text, v, 2);
	brush->x = (int32_t)v[0];
	brush->y = (int32_t)v[1];
}

static void set_glyphs(struct operation *op, char **tokens, int count)
{
	op->string.glyphs = op->glyphs;
	op->string.flags = (uint8_t)number_of(tokens, count, "flags", 0);
	for (int i = 0; i < count; i++) {
		struct clove_glyph *glyph = &op->glyphs[op->string.length];
		const char *hex;
		int64_t v[6];

		if (strncmp(tokens[i], "glyph=", 6))
			continue;
		numbers(tokens[i] + 6, v, 6);
		hex = tokens[i] + 6;
		for (int k = 0; k < 6 && hex; k++)
			hex = strchr(hex, ',') ? strchr(hex, ',') + 1 : "";
		glyph->render_pos = (struct clove_point){ (int32_t)v[0], (int32_t)v[1] };
		glyph->glyph_origin = (struct clove_point){ (int32_t)v[2], (int32_t)v[3] };
		glyph->width = (uint16_t)v[4];
		glyph->height = (uint16_t)v[5];
		glyph->data.len = unhex(hex, &op->bytes[op->string.length]);
		glyph->data.data = op->bytes[op->string.length];
		op->string.length++;
	}
	op->d.string = &op->string;
}

static void set_path(struct operation *op, char **tokens, int count)
{
	const char *dash = value_of(tokens, count, "dash");
	int64_t v[POINTS];

	op->path.segments = op->segments;
	for (int i = 0; i < count; i++) {
		struct clove_path_segment *segment = &op->segments[op->path.num_segments];
		int n;

		if (strncmp(tokens[i], "seg=", 4))
			continue;
		n = numbers(tokens[i] + 4, v, POINTS);
		segment->flags = (uint8_t)v[0];
		segment->count = (uint32_t)(n - 1) / 2;
		segment->points = &op->points[op->point_count];
		for (int k = 1; k + 1 < n; k += 2)
			op->points[op->point_count++] = (struct clove_point_fix){ (int32_t)v[k], (int32_t)v[k + 1] };
		op->path.num_segments++;
	}
	if (dash) {
		int n = numbers(dash, v, 256);

		op->attr.flags = (uint8_t)v[0];
		op->attr.style_nseg = (uint8_t)(n - 1);
		for (int i = 1; i < n; i++)
			op->style[i - 1] = (uint32_t)v[i];
		op->attr.style = op->style;
	}
	op->d.path = &op->path;
	op->d.attr = &op->attr;
}

static void set_transform(struct clove_transform *t, uint32_t *flags, uint32_t flag, const char *text)
{
	int64_t v[6];

	if (!text)
		return;
	numbers(text, v, 6);
	*t = (struct clove_transform){ (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[3],
			(uint32_t)v[4], (uint32_t)v[5] };
	*flags |= flag;
}

static void set_composite(struct drawn_case *c, struct operation *op, char **tokens, int count)
{
	const char *mask = value_of(tokens, count, "mask"), *origin = value_of(tokens, count, "srcorg");
	int64_t v[2];

	op->composite.flags = (uint32_t)number_of(tokens, count, "flags", 0);
	if (origin) {
		numbers(origin, v, 2);
		op->composite.src_origin = (struct clove_point16){ (int16_t)v[0], (int16_t)v[1] };
	}
	if (mask) {
		op->composite.flags |= CLOVE_COMPOSITE_HAS_MASK;
		op->d.composite_mask = find_image(c, mask, &mask)->image;
		numbers(mask, v, 2);
		op->composite.mask_origin = (struct clove_point16){ (int16_t)v[0], (int16_t)v[1] };
	}
	set_transform(&op->composite.src_transform, &op->composite.flags, CLOVE_COMPOSITE_HAS_SRC_TRANSFORM,
			value_of(tokens, count, "tr"));
	set_transform(&op->composite.mask_transform, &op->composite.flags, CLOVE_COMPOSITE_HAS_MASK_TRANSFORM,
			value_of(tokens, count, "mtr"));
	op->d.composite = &op->composite;
}

/* The source is a copy of the target (raster 3): a server makes it. */
static void set_self(struct operation *op, const struct clove_canvas *target, pixman_box32_t area)
{
	size_t bytes = clove_canvas_bytes(target->format), row = (size_t)(area.x2 - area.x1) * bytes;
	enum clove_format format = bytes == 4 ? CLOVE_FORMAT_RGB32 : CLOVE_FORMAT_RGB16;
	bool is_any = false, are_all = bytes == 4;

	op->self_data = malloc(row * (size_t)(area.y2 - area.y1));
	for (int32_t y = area.y1; y < area.y2; y++) {
		uint8_t *to = op->self_data + row * (size_t)(y - area.y1);

		memcpy(to, target->data + target->stride * (size_t)y + bytes * (size_t)area.x1, row);
		for (size_t i = 3; bytes == 4 && i < row; i += 4) {
			is_any |= to[i] != 0;
			are_all &= to[i] == 255;
		}
	}
	if (is_any)
		format = CLOVE_FORMAT_RGBA;
	op->d.src = (struct clove_canvas_image){
		.kind = CLOVE_CANVAS_PIXELS, .has_high_bits = are_all,
		.pixels = { op->self_data, area.x2 - area.x1, area.y2 - area.y1, (ptrdiff_t)row, format },
	};
}

static void set_clip(struct operation *op, const struct clove_canvas *target, const char *text)
{
	struct clove_rect rects[64];
	struct clove_clip clip = { .type = CLOVE_CLIP_RECTS, .rects = rects };
	int64_t v[256];
	int n = strcmp(text, "empty") ? numbers(text, v, 256) : 0;

	for (int i = 0; i + 3 < n; i += 4)
		rects[clip.num_rects++] = (struct clove_rect){ .left = (int32_t)v[i], .top = (int32_t)v[i + 1],
				.right = (int32_t)v[i + 2], .bottom = (int32_t)v[i + 3] };
	ck_assert(clove_canvas_clip(&clip, target, &op->clip) == CLOVE_OK);
	op->d.clip = &op->clip;
	op->has_clip = true;
}

static const struct {
	const char *name;
	enum clove_draw type;
} operations[] = {
	{ "fill", CLOVE_DRAW_FILL }, { "opaque", CLOVE_DRAW_OPAQUE }, { "copy", CLOVE_DRAW_COPY },
	{ "copybits", CLOVE_DRAW_COPY_BITS }, { "blend", CLOVE_DRAW_BLEND },
	{ "blackness", CLOVE_DRAW_BLACKNESS }, { "whiteness", CLOVE_DRAW_WHITENESS },
	{ "invers", CLOVE_DRAW_INVERS }, { "rop3", CLOVE_DRAW_ROP3 }, { "stroke", CLOVE_DRAW_STROKE },
	{ "text", CLOVE_DRAW_TEXT }, { "transparent", CLOVE_DRAW_TRANSPARENT },
	{ "alpha", CLOVE_DRAW_ALPHA_BLEND }, { "composite", CLOVE_DRAW_COMPOSITE },
};

static void draw(struct drawn_case *c, char **tokens, int count, bool is_compared)
{
	struct operation *op = calloc(1, sizeof *op);
	const struct clove_canvas *target = &c->surfaces[number_of(tokens, count, "on", 1)];
	pixman_region32_t changed, drawn;
	const char *text;
	int64_t v[3];

	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		if (!strcmp(tokens[0], operations[i].name))
			op->d.type = operations[i].type;
	ck_assert_msg(op->d.type != CLOVE_DRAW_NOP, "%s", tokens[0]);
	op->d.box = box_of(value_of(tokens, count, "box"));
	op->d.src_area = box_of(value_of(tokens, count, "area"));
	op->d.back_area = box_of(value_of(tokens, count, "backarea"));
	op->d.rop = (uint16_t)number_of(tokens, count, op->d.type == CLOVE_DRAW_ROP3 ? "code" : "rop", 8);
	op->d.scale_mode = (uint8_t)number_of(tokens, count, "scale", 0);
	op->d.true_color = (uint32_t)number_of(tokens, count, "key", 0);
	op->d.alpha = (uint8_t)number_of(tokens, count, "alpha", 0);
	if (op->d.type == CLOVE_DRAW_ALPHA_BLEND)
		op->d.alpha_flags = (uint8_t)number_of(tokens, count, "flags", 0);
	set_brush(c, &op->d.brush, value_of(tokens, count, op->d.type == CLOVE_DRAW_TEXT ? "fore" : "brush"));
	set_brush(c, &op->d.back, value_of(tokens, count, "back"));
	if ((text = value_of(tokens, count, "src")))
		op->d.src = find_image(c, text, NULL)->image;
	if ((text = value_of(tokens, count, "self")))
		set_self(op, target, box_of(text));
	if ((text = value_of(tokens, count, "clip")))
		set_clip(op, target, text);
	if ((text = value_of(tokens, count, "pos"))) {
		numbers(text, v, 2);
		op->d.src_x = (int32_t)v[0];
		op->d.src_y = (int32_t)v[1];
	}
	if (op->d.type == CLOVE_DRAW_COMPOSITE) {
		set_composite(c, op, tokens, count);
	} else if ((text = value_of(tokens, count, "mask"))) {
		op->d.mask.bitmap = find_image(c, text, &text)->image;
		numbers(text, v, 3);
		op->d.mask.x = (int32_t)v[0];
		op->d.mask.y = (int32_t)v[1];
		op->d.mask.is_inverse = v[2] & CLOVE_MASK_INVERTED;
	}
	if (op->d.type == CLOVE_DRAW_TEXT)
		set_glyphs(op, tokens, count);
	if (op->d.type == CLOVE_DRAW_STROKE)
		set_path(op, tokens, count);

	pixman_region32_init(&changed);
	pixman_region32_init(&drawn);
	enum clove_err err = clove_canvas_draw(target, &op->d, &drawn, is_compared ? &changed : NULL);
	/* one case has no source and is dropped */
	ck_assert_msg(!err || op->d.src.kind == CLOVE_CANVAS_NO_IMAGE, "%s: %s", tokens[0], clove_err_name(err));
	/* what changed lies in what was drawn */
	pixman_region32_subtract(&changed, &changed, &drawn);
	ck_assert(!pixman_region32_not_empty(&changed));
	pixman_region32_fini(&changed);
	pixman_region32_fini(&drawn);
	if (op->has_clip)
		pixman_region32_fini(&op->clip);
	for (int i = 0; i < GLYPHS; i++)
		free(op->bytes[i]);
	free(op->self_data);
	free(op);
}

static uint64_t expected(const char *name)
{
	char line[256], found[64];
	unsigned long long h = 0;
	FILE *f = fopen(TEST_DATA "/raster/expected.tsv", "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%63s %*u %*u %*u %llx", found, &h) == 2 && !strcmp(found, name))
			break;
	fclose(f);
	return h;
}

static void finish(struct drawn_case *c)
{
	for (int i = 0; i < NAMED; i++) {
		free(c->surfaces[i].data);
		free(c->images[i].data);
		free(c->packed[i]);
	}
	*c = (struct drawn_case){ 0 };
}

/* Those where the recorded server drops a command that a canvas clips. */
static const char *const dropped[] = { "box-negative", "box-beyond", "src-outside-copy" };

static bool is_dropped(const char *name)
{
	for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
		if (!strcmp(name, dropped[i]))
			return true;
	return false;
}

/* Once as a viewer draws, once as a server does. */
START_TEST(test_canvas_draws_the_recorded_pixels)
{
	static char line[1 << 16];
	char *tokens[128], name[64] = "", list[4096] = "";
	struct drawn_case c = { 0 };
	FILE *f = fopen(TEST_DATA "/raster/cases.txt", "r");
	int checked = 0, wrong = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f)) {
		int count = 0;

		for (char *at = strtok(line, " \n"); at && count < 128; at = strtok(NULL, " \n"))
			tokens[count++] = at;
		if (!count || *tokens[0] == '#')
			continue;
		if (!strcmp(tokens[0], "case")) {
			snprintf(name, sizeof name, "%s", tokens[1]);
		} else if (!strcmp(tokens[0], "surface")) {
			char numbers_only[256] = "";

			for (int i = 1; i < count; i++) {
				strncat(numbers_only, tokens[i], sizeof numbers_only - strlen(numbers_only) - 2);
				if (i + 1 < count)
					strcat(numbers_only, " ");
			}
			make_surface(&c, numbers_only);
		} else if (!strcmp(tokens[0], "img")) {
			make_image(&c, tokens + 1, count - 1);
		} else if (!strcmp(tokens[0], "check")) {
			int id = atoi(tokens[1]);

			if (!is_dropped(name)) {
				checked++;
				if (hash(&c.surfaces[id], c.packed[id]) != expected(name)) {
					wrong++;
					strncat(list, " ", sizeof list - strlen(list) - 1);
					strncat(list, name, sizeof list - strlen(list) - 1);
				}
			}
		} else if (!strcmp(tokens[0], "end")) {
			finish(&c);
		} else if (!is_dropped(name)) {
			draw(&c, tokens, count, _i);
		}
	}
	fclose(f);
	finish(&c);
	ck_assert_msg(wrong == 0, "%d of %d cases differ:%s", wrong, checked, list);
	ck_assert_int_eq(checked, 283);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("raster");
	TCase *tcase = tcase_create("raster");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_canvas_draws_the_recorded_pixels, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
