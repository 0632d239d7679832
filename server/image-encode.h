/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-encode.h - a piece of a surface as the image of a DRAW_COPY. */
#ifndef CLOVE_SERVER_IMAGE_ENCODE_H
#define CLOVE_SERVER_IMAGE_ENCODE_H

#include <pixman.h>
#include <stdbool.h>
#include "common/util/buf.h"
#include "common/util/err.h"
#include "server/surface.h"

enum clove_image_codec {
	CLOVE_IMAGE_RAW,
	CLOVE_IMAGE_LZ,
	CLOVE_IMAGE_LZ4,
};

/* The codec for a client: `compression` is the SpiceImageCompression that it or the VMM asked for
 * (1 off, 2 auto_glz, 3 auto_lz, 4 quic, 5 glz, 6 lz, 7 lz4). */
enum clove_image_codec clove_image_codec_for(int compression, bool has_lz4, bool is_unix);

/* Appends a DRAW_COPY of `area` on surface 0, of the surface's pixels there; raw where the codec
 * does not make it smaller. */
CLOVE_CHECKED enum clove_err clove_image_draw_copy(const struct clove_surface *surface,
		const pixman_box32_t *area, enum clove_image_codec codec, struct clove_buf *out);

#endif
