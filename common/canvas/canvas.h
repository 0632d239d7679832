/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* canvas.h - drawing commands onto the pixels of surfaces, the same for server and viewer.
 *
 * A drawing is a command whose images are decoded and whose surfaces are found. What is drawn is what
 * the raster semantics say, pixel for pixel, in this order: region, source, brush, rop, mask.
 */
#ifndef CLOVE_CANVAS_CANVAS_H
#define CLOVE_CANVAS_CANVAS_H

#include <pixman.h>
#include "common/codec/pixels.h"
#include "common/protocol/messages.h"
#include "common/protocol/enums.h"

enum { CLOVE_CANVAS_CLIPS_MAX = 4096 };   /* rectangles in a clip */

/* A surface's pixels, top row first; words little-endian. Single bits (CLOVE_SURFACE_FMT_1_A) lie in a
 * byte each here, 0 or 255. */
struct clove_canvas {
	uint8_t *data;
	int32_t width, height;
	size_t stride;
	uint32_t format;                  /* CLOVE_SURFACE_FMT_... */
};

/* 1, 2 or 4; 0 for a format that there is not. */
size_t clove_canvas_bytes(uint32_t format);

enum clove_canvas_source { CLOVE_CANVAS_NO_IMAGE, CLOVE_CANVAS_PIXELS, CLOVE_CANVAS_SURFACE };

struct clove_canvas_image {
	enum clove_canvas_source kind;
	struct clove_pixels pixels;       /* any format but GRAY; only read */
	const uint32_t *palette;          /* 256 entries; palette formats only */
	bool has_high_bits;               /* fourth bytes count as 255 */
	bool is_decoded;                  /* by a codec: of 16 bits it makes 32 with a fourth byte of 0 */
	const struct clove_canvas *surface;
};

struct clove_canvas_brush {
	uint8_t type;                     /* CLOVE_BRUSH_... */
	uint32_t color;
	struct clove_canvas_image pattern;
	int32_t x, y;
};

struct clove_canvas_mask {
	bool is_inverse;
	int32_t x, y;
	struct clove_canvas_image bitmap; /* PLT1_LE or PLT1_BE, or a surface of bits */
};

enum clove_draw {
	CLOVE_DRAW_NOP, CLOVE_DRAW_FILL, CLOVE_DRAW_OPAQUE, CLOVE_DRAW_COPY, CLOVE_DRAW_COPY_BITS,
	CLOVE_DRAW_BLEND, CLOVE_DRAW_BLACKNESS, CLOVE_DRAW_WHITENESS, CLOVE_DRAW_INVERS, CLOVE_DRAW_ROP3,
	CLOVE_DRAW_STROKE, CLOVE_DRAW_TEXT, CLOVE_DRAW_TRANSPARENT, CLOVE_DRAW_ALPHA_BLEND,
	CLOVE_DRAW_COMPOSITE, CLOVE_DRAWS
};

struct clove_drawing {
	enum clove_draw type;
	pixman_box32_t box;               /* may lie anywhere, or be inverted */
	const pixman_region32_t *clip;    /* NULL: none */
	struct clove_canvas_image src;
	pixman_box32_t src_area;
	struct clove_canvas_brush brush;  /* TEXT: of the glyphs */
	struct clove_canvas_mask mask;
	uint16_t rop;                     /* a descriptor; ROP3: the code; STROKE: fore_mode */
	uint8_t scale_mode;               /* CLOVE_SCALE_... */
	int32_t src_x, src_y;             /* COPY_BITS */
	uint32_t true_color;              /* TRANSPARENT */
	uint8_t alpha, alpha_flags;       /* ALPHA_BLEND */
	struct clove_canvas_brush back;   /* TEXT: */
	pixman_box32_t back_area;
	const struct clove_string *string;
	const struct clove_path *path;    /* STROKE: */
	const struct clove_line_attr *attr;
	const struct clove_display_draw_composite *composite; /* its flags, transforms and origins */
	struct clove_canvas_image composite_mask;
};

/* Draws. `drawn` grows by the region that the drawing is about, `changed` by the pixels that are not
 * what they were; both may be NULL, and without `changed` nothing is compared. An error: nothing was
 * drawn. CLOVE_ERR_UNSUPPORTED: see clove_canvas_can. */
CLOVE_CHECKED enum clove_err clove_canvas_draw(const struct clove_canvas *target,
		const struct clove_drawing *drawing, pixman_region32_t *drawn, pixman_region32_t *changed);

/* n pixels from (x, y) on, all inside, as premultiplied 0xAARRGGBB; 255 where there is no alpha. */
void clove_canvas_read(const struct clove_canvas *canvas, int32_t x, int32_t y, int32_t n, uint32_t *argb);

/* True for the operations that are drawn. */
bool clove_canvas_can(enum clove_draw type);

/* A clip's region inside a surface. CLOVE_ERR_LIMIT: too many rectangles. To be finished by
 * pixman_region32_fini, after an error too. */
CLOVE_CHECKED enum clove_err clove_canvas_clip(const struct clove_clip *clip,
		const struct clove_canvas *canvas, pixman_region32_t *region);

#endif
