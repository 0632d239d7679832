/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glz.h - GLZ: LZ whose matches reach into earlier images, and the dictionary that holds these. */
#ifndef CLOVE_CODEC_GLZ_H
#define CLOVE_CODEC_GLZ_H

#include "common/codec/pixels.h"
#include "common/util/buf.h"

struct clove_glz_header {
	struct clove_image_info info;
	uint64_t id;
	uint32_t win_head_dist;
};

/* What a client has decoded. All display channels of a session share one; all calls come from one
 * thread at a time. `window_pixels` is what the client announced in DISPLAY_INIT. */
struct clove_glz_dictionary;

struct clove_glz_dictionary *clove_glz_dictionary_new(int32_t window_pixels);
void clove_glz_dictionary_free(struct clove_glz_dictionary *dictionary);

/* Forgets all images: on a new connection of the session and after a non-seamless migration. */
void clove_glz_dictionary_clear(struct clove_glz_dictionary *dictionary);

/* Pixels held, for statistics and tests. */
int64_t clove_glz_dictionary_pixels(const struct clove_glz_dictionary *dictionary);

/* Reads and checks the header. */
CLOVE_CHECKED enum clove_err clove_glz_probe(struct clove_bytes in, struct clove_glz_header *header);

/* Decodes into the dictionary and into `dst`, of the size of the header (else CLOVE_ERR_BOUNDS) and any
 * format that clove_pixels_converts; dst NULL: into the dictionary only. Every GLZ image that arrives must be
 * decoded, seen or not.
 * CLOVE_ERR_AGAIN: refers to an image that another channel has yet to decode; nothing has changed.
 * Keep the bytes, let the other channels run, try again after any image of theirs; set a limit to the
 * waiting. CLOVE_ERR_STATE: refers to an image that is gone, or repeats an id.
 * After any error but AGAIN either end the connection or go on with clove_glz_put_black. */
CLOVE_CHECKED enum clove_err clove_glz_decode(struct clove_glz_dictionary *dictionary,
		struct clove_bytes in, const struct clove_pixels *dst);

/* Lets a black image stand for one that could not be decoded, so that no later one waits for it. */
CLOVE_CHECKED enum clove_err clove_glz_put_black(struct clove_glz_dictionary *dictionary,
		const struct clove_glz_header *header);

/* Inflates a ZLIB_GLZ_RGB body into `glz` (cleared first), which is then decoded as above.
 * glz_size and the descriptor's pixel count bound what is allocated. */
CLOVE_CHECKED enum clove_err clove_zlib_glz_inflate(struct clove_bytes in, uint32_t glz_size,
		int64_t pixels, struct clove_buf *glz);

/* What a client is known to hold, on the server's side: one for all display channels of a client,
 * which may encode on threads of their own; each keeps a reference. The memory is bounded by the window
 * (5 bytes a pixel, and 4 MiB), and none is taken before the first image. first_id is 0, or after
 * a seamless migration what the other server's next_id said. */
struct clove_glz_encoder;

struct clove_glz_encoder *clove_glz_encoder_new(uint64_t first_id);
struct clove_glz_encoder *clove_glz_encoder_ref(struct clove_glz_encoder *encoder);
void clove_glz_encoder_unref(struct clove_glz_encoder *encoder);

/* What a channel's DISPLAY_INIT said. The first one's window holds for all (at most 2^24 pixels of it).
 * False: it names another dictionary than the first channel did, and may have no GLZ images. */
CLOVE_CHECKED bool clove_glz_encoder_open(struct clove_glz_encoder *encoder, uint8_t id,
		int32_t window_pixels);

/* A channel is gone that may have taken images with it: no one gets any more (CLOVE_ERR_STATE), as a client
 * would wait for what they refer to. */
void clove_glz_encoder_close(struct clove_glz_encoder *encoder);

uint64_t clove_glz_encoder_next_id(struct clove_glz_encoder *encoder);
/* Pixels held, for statistics and tests. */
int64_t clove_glz_encoder_pixels(struct clove_glz_encoder *encoder);

/* Bytes that no picture of this size exceeds; 0 if it cannot be encoded. */
size_t clove_glz_bound(enum clove_format format, int32_t width, int32_t height);

/* Encodes RGB16, RGB24, RGB32 or RGBA as the next image, which has to be sent: later ones refer to it; and
 * a channel has to send its images in the order in which it encoded them.
 * CLOVE_ERR_LIMIT: does not fit in `capacity`, or is as large as the window; nothing has been numbered,
 * and the caller sends another form. */
CLOVE_CHECKED enum clove_err clove_glz_encode(struct clove_glz_encoder *encoder, uint8_t *dst,
		size_t capacity, const struct clove_pixels *src, bool is_top_down, size_t *size);

/* A GLZ stream as ZLIB_GLZ_RGB's data. CLOVE_ERR_LIMIT: does not fit in `capacity`. */
CLOVE_CHECKED enum clove_err clove_zlib_glz_deflate(uint8_t *dst, size_t capacity,
		struct clove_bytes glz, size_t *size);

#endif
