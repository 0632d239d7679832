/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encoder.c - knows which images were made of the pixels that are on the screen now. */
#include "server/encoder.h"

#include <stdlib.h>

enum {
	SLOTS = 4 * CLOVE_PIECES_MOST, /* as many as several clients may want at one time */
	KEPT_BYTES = 64 << 10,        /* of a buffer that rests */
};

struct slot {
	struct clove_encoded encoded;
	uint64_t drawings;            /* 0: nothing is in it */
	struct clove_encoding encoding;
};

/* Pieces that share a dictionary, in the order of sending: one job. */
struct chain {
	struct clove_job job;         /* first, so that a job is one */
	struct clove_job *links[CLOVE_PIECES_MOST];
	unsigned int n;
};

struct clove_encoder {
	struct clove_job_pool *pool;
	struct slot slots[SLOTS];
	unsigned int used;            /* of the slots */
	unsigned int next;
	uint64_t newest;              /* drawings of the last image: of others none can be found */
	bool is_large;                /* a buffer is larger than one that rests */
};

struct clove_encoder *clove_encoder_new(void)
{
	struct clove_encoder *encoder = calloc(1, sizeof *encoder);

	if (encoder)
		encoder->pool = clove_job_pool_new(0);
	if (!encoder || !encoder->pool) {
		free(encoder);
		return NULL;
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		encoder->slots[i].encoded.job.run = clove_image_encode;
	clove_encoder_set_clients(encoder, 1);
	return encoder;
}

void clove_encoder_set_clients(struct clove_encoder *encoder, unsigned int n)
{
	encoder->used = n > 1 ? SLOTS : CLOVE_PIECES_MOST;
}

void clove_encoder_free(struct clove_encoder *encoder)
{
	if (!encoder)
		return;
	clove_job_pool_free(encoder->pool);
	for (unsigned int i = 0; i < SLOTS; i++)
		clove_encoded_fini(&encoder->slots[i].encoded);
	free(encoder);
}

static void run_chain(struct clove_job *job)
{
	struct chain *chain = (struct chain *)job;

	for (unsigned int i = 0; i < chain->n; i++)
		chain->links[i]->run(chain->links[i]);
}

/* Whether the piece may become an image of the client's dictionary. */
static bool is_glz(const struct clove_piece *piece, const struct clove_encoding *encoding)
{
	return encoding->glz && encoding->codecs & CLOVE_CODEC_GLZ && (piece->class != CLOVE_CLASS_PHOTO ||
			!(encoding->codecs & (CLOVE_CODEC_QUIC | CLOVE_CODEC_JPEG)));
}

static bool is_that(const struct slot *slot, uint64_t drawings, const struct clove_piece *piece,
		const struct clove_encoding *encoding)
{
	const struct clove_piece *has = &slot->encoded.piece;

	return slot->drawings == drawings && slot->encoding.codecs == encoding->codecs &&
			slot->encoding.jpeg_quality == encoding->jpeg_quality && has->box.x1 == piece->box.x1 &&
			has->box.y1 == piece->box.y1 && has->box.x2 == piece->box.x2 &&
			has->box.y2 == piece->box.y2;
}

static struct slot *find(struct clove_encoder *encoder, uint64_t drawings, const struct clove_piece *piece,
		const struct clove_encoding *encoding)
{
	for (unsigned int i = 0; drawings == encoder->newest && i < SLOTS; i++)
		if (is_that(&encoder->slots[i], drawings, piece, encoding))
			return &encoder->slots[i];
	return NULL;
}

/* The oldest slot that is not among those of this call. */
static struct slot *take(struct clove_encoder *encoder, struct clove_encoded *const *encoded, unsigned int n)
{
	for (;;) {
		struct slot *slot = &encoder->slots[encoder->next++ % encoder->used];
		unsigned int i = 0;

		while (i < n && encoded[i] != &slot->encoded)
			i++;
		if (i == n)
			return slot;
	}
}

static size_t bytes_of(const struct clove_encoded *encoded)
{
	return encoded->body.cap + encoded->work.cap + encoded->indices.cap;
}

void clove_encoder_run(struct clove_encoder *encoder, const struct clove_surface *surface, uint64_t drawings,
		const struct clove_piece *pieces, unsigned int n, struct clove_encoding encoding,
		struct clove_encoded **encoded)
{
	struct clove_job *jobs[CLOVE_PIECES_MOST];
	struct chain chain = { { run_chain, NULL } };
	unsigned int n_jobs = 0;

	for (unsigned int i = 0; i < n; i++) {
		bool has_glz = is_glz(&pieces[i], &encoding);
		struct slot *slot = has_glz ? NULL : find(encoder, drawings, &pieces[i], &encoding);

		if (!slot) {
			slot = take(encoder, encoded, i);
			slot->drawings = has_glz ? 0 : drawings;
			encoder->newest = drawings;
			slot->encoding = encoding;
			slot->encoded.surface = surface;
			slot->encoded.piece = pieces[i];
			slot->encoded.codecs = encoding.codecs;
			slot->encoded.jpeg_quality = encoding.jpeg_quality;
			slot->encoded.glz = has_glz ? encoding.glz : NULL;
			if (has_glz)
				chain.links[chain.n++] = &slot->encoded.job;
			else
				jobs[n_jobs++] = &slot->encoded.job;
		}
		encoded[i] = &slot->encoded;
	}
	if (chain.n)
		jobs[n_jobs++] = &chain.job;
	if (n_jobs)
		clove_job_pool_run(encoder->pool, jobs, n_jobs);
	for (unsigned int i = 0; i < n; i++)
		encoder->is_large |= bytes_of(encoded[i]) > KEPT_BYTES;
}

struct clove_job_pool *clove_encoder_pool(struct clove_encoder *encoder)
{
	return encoder->pool;
}

bool clove_encoder_is_large(const struct clove_encoder *encoder)
{
	return encoder->is_large;
}

void clove_encoder_rest(struct clove_encoder *encoder)
{
	encoder->is_large = false;
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct clove_encoded *encoded = &encoder->slots[i].encoded;

		if (bytes_of(encoded) <= KEPT_BYTES)
			continue;
		clove_encoded_fini(encoded);
		encoder->slots[i].drawings = 0;
	}
}
