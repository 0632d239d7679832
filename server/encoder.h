/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encoder.h - encodes pieces of one screen on several threads, once for all clients that want the same. */
#ifndef CLOVE_SERVER_ENCODER_H
#define CLOVE_SERVER_ENCODER_H

#include "server/image-encode.h"

struct clove_encoder;

/* NULL without memory. */
struct clove_encoder *clove_encoder_new(void);
void clove_encoder_free(struct clove_encoder *encoder);

/* How many clients there are: with one, no more is kept than is being sent. */
void clove_encoder_set_clients(struct clove_encoder *encoder, unsigned int n);

/* How one client wants its images. */
struct clove_encoding {
	unsigned int codecs;
	int jpeg_quality;
	struct clove_glz_encoder *glz; /* NULL: no GLZ. Its images are one client's, encoded in order */
};

/* Encodes n <= CLOVE_PIECES_MOST pieces; encoded[i] is valid until the next call, and
 * all of them have to be sent, in order, if there is a GLZ dictionary. `drawings` is another
 * number whenever the surface's pixels are other ones. */
void clove_encoder_run(struct clove_encoder *encoder, const struct clove_surface *surface, uint64_t drawings,
		const struct clove_piece *pieces, unsigned int n, struct clove_encoding encoding,
		struct clove_encoded **encoded);

/* For others that have jobs. */
struct clove_job_pool *clove_encoder_pool(struct clove_encoder *encoder);

/* Whether there are large buffers. */
bool clove_encoder_is_large(const struct clove_encoder *encoder);

/* The screen rests: they are given back. */
void clove_encoder_rest(struct clove_encoder *encoder);

#endif
