/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl.h - a guest's commands, read out of its memory once and checked.
 *
 * Everything is copied but raw pixels: these are read in place, so a guest that rewrites them
 * meanwhile spoils its own picture and nothing else.
 */
#ifndef CLOVE_SERVER_QXL_H
#define CLOVE_SERVER_QXL_H

#include <pixman.h>
#include "common/codec/pixels.h"
#include "common/protocol/messages.h"
#include "common/util/arena.h"
#include "server/memslot.h"
#include "server/surface.h"

/* Where a command lies, and in which dialect. */
struct clove_qxl_source {
	const struct clove_memslots *memslots;
	uint32_t group;
	bool is_compat;         /* the drawables of device revision 1 */
	bool is_16bpp;          /* its colours are 555 */
};

enum clove_qxl_draw {
	CLOVE_QXL_DRAW_NOP, CLOVE_QXL_DRAW_FILL, CLOVE_QXL_DRAW_OPAQUE, CLOVE_QXL_DRAW_COPY,
	CLOVE_QXL_DRAW_COPY_BITS, CLOVE_QXL_DRAW_BLEND, CLOVE_QXL_DRAW_BLACKNESS,
	CLOVE_QXL_DRAW_WHITENESS, CLOVE_QXL_DRAW_INVERS, CLOVE_QXL_DRAW_ROP3, CLOVE_QXL_DRAW_STROKE,
	CLOVE_QXL_DRAW_TEXT, CLOVE_QXL_DRAW_TRANSPARENT, CLOVE_QXL_DRAW_ALPHA_BLEND,
	CLOVE_QXL_DRAW_COMPOSITE, CLOVE_QXL_DRAWS
};

enum clove_qxl_image_kind {
	CLOVE_QXL_NO_IMAGE, CLOVE_QXL_PIXELS, CLOVE_QXL_SURFACE,
	CLOVE_QXL_SELF,                   /* what `self_area` of the target held before the command */
};

struct clove_qxl_image {
	enum clove_qxl_image_kind kind;
	uint32_t surface_id;
	bool has_high_bits;               /* fourth bytes count as 255 */
	struct clove_pixels pixels;       /* in guest memory, `chunks` or `decoded`; only to be read */
	struct clove_palette palette;     /* 256 entries, those that the guest left out are 0 */
	uint32_t *entries;
	struct clove_chunks chunks;
	void *decoded;
};

struct clove_qxl_brush {
	uint8_t type;                     /* 0 none, 1 solid, 2 pattern */
	uint32_t color;
	struct clove_qxl_image pattern;
	int32_t x, y;
};

struct clove_qxl_mask {
	bool is_inverse;
	int32_t x, y;
	struct clove_qxl_image bitmap;
};

struct clove_qxl_drawable {
	uint32_t surface_id;
	enum clove_qxl_draw type;
	pixman_box32_t box, src_area;
	bool has_clip;
	pixman_region32_t clip;
	bool has_self;                    /* should there be no source, it is `self_area` */
	pixman_box32_t self_area;
	struct clove_qxl_image src;
	struct clove_qxl_brush brush;     /* TEXT: of the glyphs */
	struct clove_qxl_mask mask;
	uint16_t rop;                     /* a descriptor, or the code of ROP3; STROKE: fore_mode */
	uint8_t scale_mode;
	int32_t src_x, src_y;             /* COPY_BITS */
	uint32_t true_color;              /* TRANSPARENT */
	uint8_t alpha, alpha_flags;       /* ALPHA_BLEND */
	struct clove_qxl_brush back;      /* TEXT: */
	pixman_box32_t back_area;
	struct clove_string string;
	struct clove_path path;           /* STROKE: */
	struct clove_line_attr attr;
	struct clove_display_draw_composite composite; /* its flags, transforms and origins */
	struct clove_qxl_image composite_mask;
	struct clove_arena arena;         /* of what string, path and attr point to */
	struct clove_chunks outline;      /* the bytes of glyphs */
};

/* What a drawing does, without its images: whether it could matter to others. */
struct clove_qxl_peek {
	uint32_t surface_id;
	pixman_box32_t box;               /* all that it changes lies within */
	bool covers;                      /* every pixel of the box is another one's, from memory */
	bool reads_surfaces;
};
/* False: not a drawing that can be read. */
bool clove_qxl_peek_drawable(const struct clove_qxl_source *source, uint64_t address,
		struct clove_qxl_peek *peek);

/* *release is set once the command's head could be read, and to be given back whatever follows.
 * fini after success and after failure. */
CLOVE_CHECKED enum clove_err clove_qxl_read_drawable(const struct clove_qxl_source *source,
		uint64_t address, struct clove_qxl_drawable *drawable, void **release);
void clove_qxl_drawable_fini(struct clove_qxl_drawable *drawable);

struct clove_qxl_surface_command {
	uint32_t id;
	bool is_create;
	struct clove_surface_info info;
};
CLOVE_CHECKED enum clove_err clove_qxl_read_surface(const struct clove_qxl_source *source,
		uint64_t address, struct clove_qxl_surface_command *command, void **release);

struct clove_qxl_update {
	uint32_t surface_id, update_id;
	pixman_box32_t area;
};
CLOVE_CHECKED enum clove_err clove_qxl_read_update(const struct clove_qxl_source *source,
		uint64_t address, struct clove_qxl_update *update, void **release);

enum clove_qxl_cursor_type { CLOVE_QXL_CURSOR_SET, CLOVE_QXL_CURSOR_MOVE, CLOVE_QXL_CURSOR_HIDE,
	CLOVE_QXL_CURSOR_TRAIL };

struct clove_qxl_shape {
	uint64_t unique;
	uint8_t type;
	uint16_t width, height, hot_x, hot_y;
	struct clove_buf data;            /* as long as type and size say */
};

struct clove_qxl_cursor {
	uint8_t type;
	int16_t x, y;
	bool is_visible, has_shape;
	uint16_t trail_length, trail_frequency;
	struct clove_qxl_shape shape;
};
CLOVE_CHECKED enum clove_err clove_qxl_read_cursor(const struct clove_qxl_source *source,
		uint64_t address, struct clove_qxl_cursor *cursor, void **release);

enum { CLOVE_HEADS_MAX = 16 };

struct clove_head {
	uint32_t id, surface_id, width, height, x, y, flags;
};

struct clove_monitors {
	uint16_t count, max_allowed;
	struct clove_head heads[CLOVE_HEADS_MAX];
};
CLOVE_CHECKED enum clove_err clove_qxl_read_monitors(const struct clove_qxl_source *source,
		uint64_t address, uint16_t most, struct clove_monitors *monitors);

#endif
