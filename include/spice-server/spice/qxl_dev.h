/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl_dev.h - the QXL device as its driver sees it: PCI, ROM, RAM, rings and commands.
 *
 * All in guest memory, little-endian and packed. A QXLPHYSICAL has a memory slot's id and
 * generation in its upper bits and an offset in the lower ones.
 */
#ifndef CLOVE_SPICE_QXL_DEV_H
#define CLOVE_SPICE_QXL_DEV_H

#include "enums.h"
#include "ipc_ring.h"
#include "macros.h"
#include "types.h"

#define REDHAT_PCI_VENDOR_ID 0x1b36
#define QXL_DEVICE_ID_STABLE 0x0100
#define QXL_DEVICE_ID_DEVEL 0x01ff
#define QXL_REVISION_DEVEL 0x01
enum {
	QXL_REVISION_STABLE_V04 = 1,
	QXL_REVISION_STABLE_V06 = 2,    /* memory slots, surfaces */
	QXL_REVISION_STABLE_V10 = 3,    /* the ..._ASYNC ports */
	QXL_REVISION_STABLE_V12 = 4,    /* client capabilities, monitors config */
};

#define QXL_ROM_MAGIC SPICE_MAGIC_CONST("QXRO")
#define QXL_RAM_MAGIC SPICE_MAGIC_CONST("QXRA")

/* BARs. */
enum {
	QXL_RAM_RANGE_INDEX,
	QXL_VRAM_RANGE_INDEX,
	QXL_ROM_RANGE_INDEX,
	QXL_IO_RANGE_INDEX,
	QXL_PCI_RANGES
};

/* I/O ports, one byte each. */
enum {
	QXL_IO_NOTIFY_CMD,
	QXL_IO_NOTIFY_CURSOR,
	QXL_IO_UPDATE_AREA,
	QXL_IO_UPDATE_IRQ,
	QXL_IO_NOTIFY_OOM,
	QXL_IO_RESET,
	QXL_IO_SET_MODE,                /* revision 1 */
	QXL_IO_LOG,
	QXL_IO_MEMSLOT_ADD,             /* from here on revision 2 */
	QXL_IO_MEMSLOT_DEL,
	QXL_IO_DETACH_PRIMARY,
	QXL_IO_ATTACH_PRIMARY,
	QXL_IO_CREATE_PRIMARY,
	QXL_IO_DESTROY_PRIMARY,
	QXL_IO_DESTROY_SURFACE_WAIT,
	QXL_IO_DESTROY_ALL_SURFACES,
	QXL_IO_UPDATE_AREA_ASYNC,       /* revision 3 */
	QXL_IO_MEMSLOT_ADD_ASYNC,
	QXL_IO_CREATE_PRIMARY_ASYNC,
	QXL_IO_DESTROY_PRIMARY_ASYNC,
	QXL_IO_DESTROY_SURFACE_ASYNC,
	QXL_IO_DESTROY_ALL_SURFACES_ASYNC,
	QXL_IO_FLUSH_SURFACES_ASYNC,
	QXL_IO_FLUSH_RELEASE,
	QXL_IO_MONITORS_CONFIG_ASYNC,   /* revision 4 */
	QXL_IO_RANGE_SIZE
};

/* Bits of int_pending and int_mask. */
#define QXL_INTERRUPT_DISPLAY (1 << 0)
#define QXL_INTERRUPT_CURSOR (1 << 1)
#define QXL_INTERRUPT_IO_CMD (1 << 2)
#define QXL_INTERRUPT_ERROR (1 << 3)
#define QXL_INTERRUPT_CLIENT (1 << 4)
#define QXL_INTERRUPT_CLIENT_MONITORS_CONFIG (1 << 5)

#define QXL_COMMAND_RING_SIZE 32
#define QXL_CURSOR_RING_SIZE 32
#define QXL_RELEASE_RING_SIZE 8
#define QXL_LOG_BUF_SIZE 4096
#define QXL_CURSUR_DEVICE_DATA_SIZE 128
#define SPICE_CAPABILITIES_SIZE 58
#define CLIENT_MONITORS_CONFIG_CRC32_POLY 0xedb88320  /* reflected; of client_monitors_config */

/* Flags of QXLCommandExt: how old the driver is. */
#define QXL_COMMAND_FLAG_COMPAT (1 << 0)
#define QXL_COMMAND_FLAG_COMPAT_16BPP (1 << 1)

#define QXL_SURF_TYPE_PRIMARY 0
#define QXL_SURF_FLAG_KEEP_DATA (1 << 0)

typedef enum QXLCmdType {
	QXL_CMD_NOP,
	QXL_CMD_DRAW,
	QXL_CMD_UPDATE,
	QXL_CMD_CURSOR,
	QXL_CMD_MESSAGE,
	QXL_CMD_SURFACE,
} QXLCmdType;

enum {
	QXL_CURSOR_SET,
	QXL_CURSOR_MOVE,
	QXL_CURSOR_HIDE,
	QXL_CURSOR_TRAIL,
};

enum {
	QXL_DRAW_NOP,
	QXL_DRAW_FILL,
	QXL_DRAW_OPAQUE,
	QXL_DRAW_COPY,
	QXL_COPY_BITS,
	QXL_DRAW_BLEND,
	QXL_DRAW_BLACKNESS,
	QXL_DRAW_WHITENESS,
	QXL_DRAW_INVERS,
	QXL_DRAW_ROP3,
	QXL_DRAW_STROKE,
	QXL_DRAW_TEXT,
	QXL_DRAW_TRANSPARENT,
	QXL_DRAW_ALPHA_BLEND,
	QXL_DRAW_COMPOSITE,
};

/* What a command does to pixels that lie below; only OPAQUE hides them. */
typedef enum QXLEffectType {
	QXL_EFFECT_BLEND,
	QXL_EFFECT_OPAQUE,
	QXL_EFFECT_REVERT_ON_DUP,
	QXL_EFFECT_BLACKNESS_ON_DUP,
	QXL_EFFECT_WHITENESS_ON_DUP,
	QXL_EFFECT_NOP_ON_DUP,
	QXL_EFFECT_NOP,
	QXL_EFFECT_OPAQUE_BRUSH,
} QXLEffectType;

typedef enum QXLSurfaceCmdType {
	QXL_SURFACE_CMD_CREATE,
	QXL_SURFACE_CMD_DESTROY,
} QXLSurfaceCmdType;

/* The operator of a QXLComposite: pixman's numbers. */
typedef enum {
	QXL_OP_CLEAR,
	QXL_OP_SOURCE,
	QXL_OP_DST,
	QXL_OP_OVER,
	QXL_OP_OVER_REVERSE,
	QXL_OP_IN,
	QXL_OP_IN_REVERSE,
	QXL_OP_OUT,
	QXL_OP_OUT_REVERSE,
	QXL_OP_ATOP,
	QXL_OP_ATOP_REVERSE,
	QXL_OP_XOR,
	QXL_OP_ADD,
	QXL_OP_SATURATE,
	QXL_OP_MULTIPLY = 0x30,
	QXL_OP_SCREEN,
	QXL_OP_OVERLAY,
	QXL_OP_DARKEN,
	QXL_OP_LIGHTEN,
	QXL_OP_COLOR_DODGE,
	QXL_OP_COLOR_BURN,
	QXL_OP_HARD_LIGHT,
	QXL_OP_SOFT_LIGHT,
	QXL_OP_DIFFERENCE,
	QXL_OP_EXCLUSION,
	QXL_OP_HSL_HUE,
	QXL_OP_HSL_SATURATION,
	QXL_OP_HSL_COLOR,
	QXL_OP_HSL_LUMINOSITY,
} QXLOperator;

enum {
	QXL_PATH_BEGIN = 1 << 0,
	QXL_PATH_END = 1 << 1,
	QXL_PATH_CLOSE = 1 << 3,
	QXL_PATH_BEZIER = 1 << 4,
};

/* Who made an image: the lower half of its id. */
enum {
	QXL_IMAGE_GROUP_DRIVER,
	QXL_IMAGE_GROUP_DEVICE,
	QXL_IMAGE_GROUP_RED,
	QXL_IMAGE_GROUP_DRIVER_DONT_CACHE,
};

typedef enum QXLImageFlags {
	QXL_IMAGE_CACHE = 1 << 0,
	QXL_IMAGE_HIGH_BITS_SET = 1 << 1,
} QXLImageFlags;

typedef enum QXLBitmapFlags {
	QXL_BITMAP_DIRECT = 1 << 0,     /* pixels in one piece, not in chunks */
	QXL_BITMAP_UNSTABLE = 1 << 1,   /* pixels may change until the release */
	QXL_BITMAP_TOP_DOWN = 1 << 2,
} QXLBitmapFlags;

#pragma pack(push, 1)

typedef uint64_t QXLPHYSICAL;
typedef int32_t QXLFIXED;               /* 28.4 */

typedef struct QXLPointFix {
	QXLFIXED x, y;
} QXLPointFix;

typedef struct QXLPoint {
	int32_t x, y;
} QXLPoint;

typedef struct QXLPoint16 {
	int16_t x, y;
} QXLPoint16;

typedef struct QXLRect {
	int32_t top, left, bottom, right;
} QXLRect;

typedef struct QXLURect {
	uint32_t top, left, bottom, right;
} QXLURect;

/* -- device memory -- */

/* At the start of the ROM BAR. */
typedef struct QXLRom {
	uint32_t magic;
	uint32_t id;
	uint32_t update_id;
	uint32_t compression_level;
	uint32_t log_level;
	uint32_t mode;
	uint32_t modes_offset;
	uint32_t num_pages;
	uint32_t pages_offset;
	uint32_t draw_area_offset;
	uint32_t surface0_area_size;
	uint32_t ram_header_offset;
	uint32_t mm_clock;
	uint32_t n_surfaces;
	uint64_t flags;
	uint8_t slots_start;
	uint8_t slots_end;
	uint8_t slot_gen_bits;
	uint8_t slot_id_bits;
	uint8_t slot_generation;
	uint8_t client_present;
	uint8_t client_capabilities[SPICE_CAPABILITIES_SIZE];
	uint32_t client_monitors_config_crc;
	struct {
		uint16_t count;
		uint16_t padding;
		QXLURect heads[64];
	} client_monitors_config;
} QXLRom;

typedef struct QXLMode {
	uint32_t id;
	uint32_t x_res, y_res;
	uint32_t bits;
	uint32_t stride;
	uint32_t x_mili, y_mili;
	uint32_t orientation;
} QXLMode;

typedef struct QXLModes {
	uint32_t n_modes;
	QXLMode modes[0];
} QXLModes;

typedef struct QXLCommand {
	QXLPHYSICAL data;
	uint32_t type;                  /* QXLCmdType */
	uint32_t padding;
} QXLCommand;

/* A command with what the VMM knows about it. */
typedef struct QXLCommandExt {
	QXLCommand cmd;
	uint32_t group_id;
	uint32_t flags;                 /* QXL_COMMAND_FLAG_... */
} QXLCommandExt;

typedef struct QXLMemSlot {
	uint64_t mem_start, mem_end;
} QXLMemSlot;

typedef struct QXLSurfaceCreate {
	uint32_t width, height;
	int32_t stride;                 /* negative: the last line is first in memory */
	uint32_t format;                /* SpiceSurfaceFmt */
	uint32_t position;
	uint32_t mouse_mode;            /* not 0: clients may send pointer positions */
	uint32_t flags;                 /* QXL_SURF_FLAG_... */
	uint32_t type;
	QXLPHYSICAL mem;
} QXLSurfaceCreate;

SPICE_RING_DECLARE(QXLCommandRing, QXLCommand, QXL_COMMAND_RING_SIZE);
SPICE_RING_DECLARE(QXLCursorRing, QXLCommand, QXL_CURSOR_RING_SIZE);
SPICE_RING_DECLARE(QXLReleaseRing, uint64_t, QXL_RELEASE_RING_SIZE);

/* In the RAM BAR at the ROM's ram_header_offset. */
typedef struct QXLRam {
	uint32_t magic;
	uint32_t int_pending;
	uint32_t int_mask;
	uint8_t log_buf[QXL_LOG_BUF_SIZE];
	QXLCommandRing cmd_ring;
	QXLCursorRing cursor_ring;
	QXLReleaseRing release_ring;
	QXLRect update_area;
	uint32_t update_surface;
	QXLMemSlot mem_slot;
	QXLSurfaceCreate create_surface;
	uint64_t flags;
	QXLPHYSICAL monitors_config;
} QXLRam;

/* -- commands -- */

/* First in every command: the driver's id, until released; then the next in its chain. */
typedef union QXLReleaseInfo {
	uint64_t id;
	uint64_t next;
} QXLReleaseInfo;

typedef struct QXLDataChunk {
	uint32_t data_size;
	QXLPHYSICAL prev_chunk;
	QXLPHYSICAL next_chunk;
	uint8_t data[0];
} QXLDataChunk;

typedef struct QXLMessage {
	QXLReleaseInfo release_info;
	uint8_t data[0];                /* text with a NUL */
} QXLMessage;

typedef struct QXLCompatUpdateCmd {
	QXLReleaseInfo release_info;
	QXLRect area;
	uint32_t update_id;
} QXLCompatUpdateCmd;

typedef struct QXLUpdateCmd {
	QXLReleaseInfo release_info;
	QXLRect area;
	uint32_t update_id;
	uint32_t surface_id;
} QXLUpdateCmd;

typedef struct QXLCursorHeader {
	uint64_t unique;
	uint16_t type;                  /* SpiceCursorType */
	uint16_t width, height;
	uint16_t hot_spot_x, hot_spot_y;
} QXLCursorHeader;

typedef struct QXLCursor {
	QXLCursorHeader header;
	uint32_t data_size;
	QXLDataChunk chunk;
} QXLCursor;

typedef struct QXLCursorCmd {
	QXLReleaseInfo release_info;
	uint8_t type;
	union {
		struct {
			QXLPoint16 position;
			uint8_t visible;
			QXLPHYSICAL shape;
		} set;
		struct {
			uint16_t length;
			uint16_t frequency;
		} trail;
		QXLPoint16 position;
	} u;
	uint8_t device_data[QXL_CURSUR_DEVICE_DATA_SIZE];
} QXLCursorCmd;

typedef struct QXLSurface {
	uint32_t format;
	uint32_t width, height;
	int32_t stride;
	QXLPHYSICAL data;
} QXLSurface;

typedef struct QXLSurfaceCmd {
	QXLReleaseInfo release_info;
	uint32_t surface_id;
	uint8_t type;
	uint32_t flags;
	union {
		QXLSurface surface_create;
	} u;
} QXLSurfaceCmd;

/* -- what drawing is made of -- */

typedef struct QXLClip {
	uint32_t type;
	QXLPHYSICAL data;               /* QXLClipRects */
} QXLClip;

typedef struct QXLClipRects {
	uint32_t num_rects;
	QXLDataChunk chunk;
} QXLClipRects;

typedef struct QXLPattern {
	QXLPHYSICAL pat;                /* QXLImage */
	QXLPoint pos;
} QXLPattern;

typedef struct QXLBrush {
	uint32_t type;
	union {
		uint32_t color;
		QXLPattern pattern;
	} u;
} QXLBrush;

typedef struct QXLQMask {
	uint8_t flags;
	QXLPoint pos;
	QXLPHYSICAL bitmap;             /* QXLImage, or 0 */
} QXLQMask;

typedef struct QXLLineAttr {
	uint8_t flags;
	uint8_t join_style;
	uint8_t end_style;
	uint8_t style_nseg;
	QXLFIXED width;
	QXLFIXED miter_limit;
	QXLPHYSICAL style;              /* style_nseg QXLFIXED */
} QXLLineAttr;

typedef struct QXLPathSeg {
	uint32_t flags;
	uint32_t count;
	QXLPointFix points[0];
} QXLPathSeg;

typedef struct QXLPath {
	uint32_t data_size;
	QXLDataChunk chunk;
} QXLPath;

typedef struct QXLRasterGlyph {
	QXLPoint render_pos;
	QXLPoint glyph_origin;
	uint16_t width, height;
	uint8_t data[0];
} QXLRasterGlyph;

typedef struct QXLString {
	uint32_t data_size;
	uint16_t length;                /* glyphs */
	uint16_t flags;
	QXLDataChunk chunk;
} QXLString;

typedef struct QXLTransform {
	uint32_t t00, t01, t02;         /* 16.16 */
	uint32_t t10, t11, t12;
} QXLTransform;

/* -- drawing; src_bitmap is the address of a QXLImage -- */

typedef struct QXLFill {
	QXLBrush brush;
	uint16_t rop_descriptor;
	QXLQMask mask;
} QXLFill;

typedef struct QXLOpaque {
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
	QXLBrush brush;
	uint16_t rop_descriptor;
	uint8_t scale_mode;
	QXLQMask mask;
} QXLOpaque;

typedef struct QXLCopy {
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
	uint16_t rop_descriptor;
	uint8_t scale_mode;
	QXLQMask mask;
} QXLCopy, QXLBlend;

typedef struct QXLTransparent {
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
	uint32_t src_color;
	uint32_t true_color;
} QXLTransparent;

typedef struct QXLAlphaBlend {
	uint16_t alpha_flags;
	uint8_t alpha;
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
} QXLAlphaBlend;

typedef struct QXLCompatAlphaBlend {
	uint8_t alpha;
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
} QXLCompatAlphaBlend;

typedef struct QXLCopyBits {
	QXLPoint src_pos;
} QXLCopyBits;

typedef struct QXLRop3 {
	QXLPHYSICAL src_bitmap;
	QXLRect src_area;
	QXLBrush brush;
	uint8_t rop3;
	uint8_t scale_mode;
	QXLQMask mask;
} QXLRop3;

typedef struct QXLStroke {
	QXLPHYSICAL path;               /* QXLPath */
	QXLLineAttr attr;
	QXLBrush brush;
	uint16_t fore_mode;
	uint16_t back_mode;
} QXLStroke;

typedef struct QXLText {
	QXLPHYSICAL str;                /* QXLString */
	QXLRect back_area;
	QXLBrush fore_brush;
	QXLBrush back_brush;
	uint16_t fore_mode;
	uint16_t back_mode;
} QXLText;

typedef struct QXLBlackness {
	QXLQMask mask;
} QXLBlackness, QXLInvers, QXLWhiteness;

/* flags: QXLOperator in the lowest byte, then filters (3 + 3 bits), repeats (2 + 2), component alpha. */
typedef struct QXLComposite {
	uint32_t flags;
	QXLPHYSICAL src;
	QXLPHYSICAL src_transform;
	QXLPHYSICAL mask;
	QXLPHYSICAL mask_transform;
	QXLPoint16 src_origin;
	QXLPoint16 mask_origin;
} QXLComposite;

/* Revision 1. */
typedef struct QXLCompatDrawable {
	QXLReleaseInfo release_info;
	uint8_t effect;
	uint8_t type;
	uint16_t bitmap_offset;
	QXLRect bitmap_area;
	QXLRect bbox;
	QXLClip clip;
	uint32_t mm_time;
	union {
		QXLFill fill;
		QXLOpaque opaque;
		QXLCopy copy;
		QXLTransparent transparent;
		QXLCompatAlphaBlend alpha_blend;
		QXLCopyBits copy_bits;
		QXLBlend blend;
		QXLRop3 rop3;
		QXLStroke stroke;
		QXLText text;
		QXLBlackness blackness;
		QXLInvers invers;
		QXLWhiteness whiteness;
	} u;
} QXLCompatDrawable;

typedef struct QXLDrawable {
	QXLReleaseInfo release_info;
	uint32_t surface_id;
	uint8_t effect;                 /* QXLEffectType */
	uint8_t type;                   /* QXL_DRAW_... */
	uint8_t self_bitmap;
	QXLRect self_bitmap_area;
	QXLRect bbox;
	QXLClip clip;
	uint32_t mm_time;
	int32_t surfaces_dest[3];       /* other surfaces that it reads; -1: none */
	QXLRect surfaces_rects[3];
	union {
		QXLFill fill;
		QXLOpaque opaque;
		QXLCopy copy;
		QXLTransparent transparent;
		QXLAlphaBlend alpha_blend;
		QXLCopyBits copy_bits;
		QXLBlend blend;
		QXLRop3 rop3;
		QXLStroke stroke;
		QXLText text;
		QXLBlackness blackness;
		QXLInvers invers;
		QXLWhiteness whiteness;
		QXLComposite composite;
	} u;
} QXLDrawable;

/* -- images -- */

typedef struct QXLImageID {
	uint32_t group;
	uint32_t unique;
} QXLImageID;

typedef union {
	QXLImageID id;
	uint64_t value;
} QXLImageIDUnion;

#define QXL_SET_IMAGE_ID(image, id_group, id_unique) do { \
		(image)->descriptor.id = (uint64_t)(uint32_t)(id_unique) << 32 | (uint32_t)(id_group); \
	} while (0)

typedef struct QXLImageDescriptor {
	uint64_t id;
	uint8_t type;                   /* SPICE_IMAGE_TYPE_BITMAP, _QUIC or _SURFACE */
	uint8_t flags;                  /* QXLImageFlags */
	uint32_t width, height;
} QXLImageDescriptor;

typedef struct QXLPalette {
	uint64_t unique;
	uint16_t num_ents;
	uint32_t ents[0];
} QXLPalette;

typedef struct QXLBitmap {
	uint8_t format;                 /* SpiceBitmapFmt */
	uint8_t flags;                  /* QXLBitmapFlags */
	uint32_t x, y;                  /* width and height */
	uint32_t stride;
	QXLPHYSICAL palette;            /* QXLPalette, or 0 */
	QXLPHYSICAL data;               /* pixels, or a QXLDataChunk */
} QXLBitmap;

typedef struct QXLSurfaceId {
	uint32_t surface_id;
} QXLSurfaceId;

typedef struct QXLQUICData {
	uint32_t data_size;
	uint8_t data[0];                /* a QXLDataChunk */
} QXLQUICData, QXLLZRGBData, QXLJPEGData;

typedef struct QXLImage {
	QXLImageDescriptor descriptor;
	union {
		QXLBitmap bitmap;
		QXLQUICData quic;
		QXLSurfaceId surface_image;
	};
} QXLImage;

/* -- monitors -- */

typedef struct QXLHead {
	uint32_t id;
	uint32_t surface_id;
	uint32_t width, height;
	uint32_t x, y;
	uint32_t flags;
} QXLHead;

typedef struct QXLMonitorsConfig {
	uint16_t count;
	uint16_t max_allowed;
	QXLHead heads[0];
} QXLMonitorsConfig;

#pragma pack(pop)

/* Names a command to be released. The VMM's own: not packed. */
typedef struct QXLReleaseInfoExt {
	QXLReleaseInfo *info;
	uint32_t group_id;
} QXLReleaseInfoExt;

#endif
