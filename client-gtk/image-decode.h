/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-decode.h - an image of a message becomes pixels, whatever its type. */
#ifndef CLOVE_CLIENT_GTK_IMAGE_DECODE_H
#define CLOVE_CLIENT_GTK_IMAGE_DECODE_H

#include "client-gtk/image-cache.h"
#include "common/codec/glz.h"
#include "common/protocol/messages.h"

/* The palettes that a server told one display channel to keep. */
enum { CLOVE_PALETTES = 128, CLOVE_PALETTE_ENTRIES = 256 };

struct clove_palettes {
	struct {
		uint64_t unique;
		uint32_t entries[CLOVE_PALETTE_ENTRIES];
	} *slots;                 /* allocated with the first */
	unsigned int count, next; /* next: which goes when all are taken */
};

void clove_palettes_fini(struct clove_palettes *palettes);
void clove_palettes_clear(struct clove_palettes *palettes);
void clove_palettes_remove(struct clove_palettes *palettes, uint64_t unique);

/* What statistics tell apart. */
enum clove_kind {
	CLOVE_KIND_RAW, CLOVE_KIND_QUIC, CLOVE_KIND_LZ, CLOVE_KIND_GLZ, CLOVE_KIND_ZLIB_GLZ,
	CLOVE_KIND_LZ4, CLOVE_KIND_JPEG, CLOVE_KIND_JPEG_ALPHA, CLOVE_KIND_CACHE, CLOVE_KINDS
};

const char *clove_kind_name(enum clove_kind kind);
/* Of an image's type; CLOVE_KINDS if it has none. */
enum clove_kind clove_kind_of(uint8_t type);

/* Pixels in all that one image, or surface, may have: as many as a display of 7680x4320, or four of
 * 3840x2160 on one surface. */
#define CLOVE_IMAGE_PIXELS_MAX ((int64_t)1 << 25)

struct clove_image_decoding {
	struct clove_palettes *palettes;
	struct clove_glz_dictionary *dictionary;
	/* Where the pixels go: rows of the image's size; the picture borrows them, and after an error they
	 * may hold a part of it. NULL: into memory of the picture's own. */
	const struct clove_pixels *into;
	bool is_kept;             /* the picture outlives the message */
	bool is_last_try;
};

/* True for images that need nothing but their own bytes: such may be decoded into given rows, on any
 * thread, without palettes and dictionary. */
bool clove_image_is_pure(const struct clove_image *image);
/* True for those and GLZ. */
bool clove_image_may_go_into(const struct clove_image *image);

/* Decodes all types but FROM_CACHE, FROM_CACHE_LOSSLESS and SURFACE (CLOVE_ERR_UNSUPPORTED). The
 * picture is the caller's; unless `is_kept` it may borrow the message's bytes.
 * CLOVE_ERR_UNSUPPORTED with `into`: nothing was written, and
 * without it there is a picture. CLOVE_ERR_AGAIN: a GLZ image that refers to one that another channel has yet to decode; with
 * `is_last_try` that is an error. After any other error with a GLZ image, a black one stands in the
 * dictionary for it. */
CLOVE_CHECKED enum clove_err clove_image_decode(const struct clove_image *image,
		const struct clove_image_decoding *how, struct clove_picture **picture);

#endif
