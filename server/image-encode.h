/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-encode.h - a piece of a surface as the message that brings it to a client. */
#ifndef CLOVE_SERVER_IMAGE_ENCODE_H
#define CLOVE_SERVER_IMAGE_ENCODE_H

#include "common/codec/glz.h"
#include "common/util/buf.h"
#include "common/util/job-pool.h"
#include "server/pieces.h"

/* What an image may be sent as; raw pixels always. */
enum clove_codecs {
	CLOVE_CODEC_LZ = 1,
	CLOVE_CODEC_LZ4 = 2,
	CLOVE_CODEC_QUIC = 4,
	CLOVE_CODEC_PALETTE = 8,      /* small pieces of few colours as indices */
	CLOVE_CODEC_JPEG = 16,        /* lossy */
	CLOVE_CODEC_GLZ = 64,         /* by the client's dictionary */
	CLOVE_CODEC_ZLIB = 128,       /* GLZ is deflated as well */
	CLOVE_CODEC_LZ_PLT = 32,      /* large ones too: some bytes fewer, half as much time again */
};

/* The codecs for a client: `compression` is the SpiceImageCompression that it or the VMM asked for
 * (1 off, 2 auto_glz, 3 auto_lz, 4 quic, 5 glz, 6 lz, 7 lz4). */
unsigned int clove_codecs_for(int compression, bool has_lz4, bool is_unix);

/* One image to be made: a job that only reads the surface. Its buffers are kept for the next one. */
struct clove_encoded {
	struct clove_job job;         /* first, so that a job is one */
	const struct clove_surface *surface;
	struct clove_piece piece;
	unsigned int codecs;
	int jpeg_quality;
	struct clove_glz_encoder *glz; /* NULL: no GLZ. Otherwise pieces are run in the order of sending */
	/* what became of it */
	enum clove_err err;
	bool is_fill;                 /* a DRAW_FILL; otherwise a DRAW_COPY */
	bool is_lossy;
	struct clove_buf body, work, indices;
};

/* clove_encoded.job.run */
void clove_image_encode(struct clove_job *job);
void clove_encoded_fini(struct clove_encoded *encoded);

/* A DRAW_COPY whose image the client is to keep by this id; 0: not to. To be said anew for each client. */
void clove_encoded_keep(struct clove_encoded *encoded, uint64_t id);

/* Appends the body of a DRAW_COPY onto `box` of surface 0 of what the client keeps by this id: an image of the size
 * of `image`, whose top left corner would lie there. */
CLOVE_CHECKED enum clove_err clove_image_from_cache(const pixman_box32_t *box, const pixman_box32_t *image,
		uint64_t id, struct clove_buf *out);

/* Appends the body of a DRAW_FILL of surface 0. */
CLOVE_CHECKED enum clove_err clove_image_fill(const pixman_box32_t *box, uint32_t color,
		struct clove_buf *out);

#endif
