/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-glz.c - records of (u16 LE length, u8 kind, bytes) as images that share one dictionary; what decodes
 * goes through an encoder and a dictionary of its own and must come back. */
#include <stdlib.h>
#include <string.h>
#include "common/codec/glz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WINDOW (1 << 14)

static struct clove_glz_encoder *encoder;
static struct clove_glz_dictionary *mirror;

static void there_and_back(const struct clove_pixels *src, bool is_top_down)
{
	size_t size, bound = clove_glz_bound(src->format, src->width, src->height);
	struct clove_pixels back = *src;
	uint8_t *out = malloc(bound);
	enum clove_err err;

	back.data = malloc((size_t)src->stride * (size_t)src->height);
	err = clove_glz_encode(encoder, out, bound, src, is_top_down, &size);
	if (err && err != CLOVE_ERR_LIMIT)
		abort();
	if (!err && (clove_glz_decode(mirror, CLOVE_BYTES(out, size), &back)
			|| memcmp(back.data, src->data, (size_t)src->stride * (size_t)src->height)))
		abort();
	free(back.data);
	free(out);
}

/* kind: 0 decode; 1 into the dictionary only; 2 zlib, announced as the next two bytes say;
 * 3 put black; 4 clear. */
static void one(struct clove_glz_dictionary *dictionary, unsigned int kind, struct clove_bytes in)
{
	struct clove_glz_header header;
	struct clove_buf glz = { NULL };
	struct clove_pixels dst;

	if (kind == 4)
		clove_glz_dictionary_clear(dictionary);
	if (kind == 2 && in.len >= 2
			&& !clove_zlib_glz_inflate(CLOVE_BYTES(in.data + 2, in.len - 2),
				clove_le16(in.data), WINDOW, &glz))
		in = clove_buf_bytes(&glz);
	if (!clove_glz_probe(in, &header) && (int64_t)header.info.width * header.info.height <= WINDOW) {
		dst = (struct clove_pixels){ malloc(4 * (size_t)header.info.width
				* (size_t)header.info.height), header.info.width, header.info.height,
				4 * (ptrdiff_t)header.info.width, CLOVE_FORMAT_RGB32 };
		if (kind == 3) {
			(void)!clove_glz_put_black(dictionary, &header);
		} else {
			if (!clove_glz_decode(dictionary, in, kind == 1 ? NULL : &dst) && kind != 1)
				there_and_back(&dst, header.info.is_top_down);
		}
		free(dst.data);
	}
	clove_buf_fini(&glz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_glz_dictionary *dictionary = clove_glz_dictionary_new(WINDOW);

	encoder = clove_glz_encoder_new(0);
	mirror = clove_glz_dictionary_new(WINDOW);
	if (!dictionary || !encoder || !mirror || !clove_glz_encoder_open(encoder, 0, WINDOW))
		abort();
	while (size >= 3) {
		size_t len = clove_le16(data);
		unsigned int kind = data[2] % 5;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		one(dictionary, kind, CLOVE_BYTES(data, len));
		data += len;
		size -= len;
	}
	clove_glz_dictionary_free(dictionary);
	clove_glz_dictionary_free(mirror);
	clove_glz_encoder_unref(encoder);
	return 0;
}
