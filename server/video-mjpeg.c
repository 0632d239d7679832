/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-mjpeg.c - knows which quality makes frames of the size that is wanted, and how strips of one frame
 * that were encoded side by side become one JPEG.
 *
 * Strips have the same tables; behind a restart marker decoding begins anew. So one strip's header
 * with the whole height and a restart interval, and all strips' scans, are a JPEG.
 */
#include "server/video-encoder.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"
#include "common/protocol/enums.h"

enum {
	QUALITY_LEAST = 30, QUALITY_MOST = 80, QUALITY_FIRST = 70,
	BITS_A_PIXEL_10 = 9,          /* tenths: what a frame takes at most where the line does not matter */
	BLOCK = 16,                   /* pixels of an MCU in each direction, of 4:2:0 */
	STRIPS_MOST = 8,              /* the restart markers have eight numbers */
	STRIP_PIXELS = 400000,        /* fewer are not worth a thread */
	SMALL = 512,                  /* bytes of headers */
	MARK_SOI = 0xd8, MARK_EOI = 0xd9, MARK_SOS = 0xda, MARK_DRI = 0xdd, MARK_RST0 = 0xd0,
	MARK_SOF0 = 0xc0,
};

struct strip {
	struct clove_job job;         /* first, so that a job is a strip */
	struct clove_pixels pixels;
	int quality;
	struct clove_buf out;
	enum clove_err err;
	size_t scan, scan_len;        /* the entropy coded bytes in `out` */
	size_t frame_header, scan_header; /* where SOF0 and SOS are */
};

struct mjpeg {
	struct clove_video_encoder base; /* first, so that an encoder is one */
	struct strip strips[STRIPS_MOST];
	size_t frame_bytes;
	int quality;
	struct clove_video_stats stats;
};

static void run(struct clove_job *job)
{
	struct strip *strip = (struct strip *)job;
	size_t capacity = (size_t)strip->pixels.width * (size_t)strip->pixels.height * 2 + (64 << 10);
	uint8_t *to;

	clove_buf_clear(&strip->out);
	to = clove_buf_reserve(&strip->out, capacity);
	strip->err = to ? clove_jpeg_encode(to, capacity, &strip->pixels, strip->quality,
			&strip->out.len) : CLOVE_ERR_NOMEM;
}

/* Finds the parts of what our own encoder wrote. */
static bool find_parts(struct strip *strip)
{
	const uint8_t *p = strip->out.data;
	size_t len = strip->out.len, at = 2;

	if (len < SMALL / 2 || p[1] != MARK_SOI || p[len - 1] != MARK_EOI)
		return false;
	while (at + 4 <= len && p[at] == 0xff) {
		size_t size = (size_t)p[at + 2] << 8 | p[at + 3];

		if (p[at + 1] == MARK_SOF0)
			strip->frame_header = at;
		if (p[at + 1] == MARK_SOS) {
			strip->scan_header = at;
			strip->scan = at + 2 + size;
			strip->scan_len = len - 2 - strip->scan;
			return strip->frame_header && strip->scan < len - 2;
		}
		at += 2 + size;
	}
	return false;
}

static unsigned int cut(struct mjpeg *mjpeg, const struct clove_pixels *picture)
{
	int64_t n = (int64_t)picture->width * picture->height / STRIP_PIXELS;
	int32_t rows;
	unsigned int strips = 0;

	n = n < 1 ? 1 : n > STRIPS_MOST ? STRIPS_MOST : n;
	rows = (int32_t)((picture->height + n * BLOCK - 1) / (n * BLOCK)) * BLOCK;
	for (int32_t y = 0; y < picture->height; y += rows) {
		struct strip *strip = &mjpeg->strips[strips++];

		strip->pixels = *picture;
		strip->pixels.data = clove_pixels_row(picture, y);
		strip->pixels.height = picture->height - y < rows ? picture->height - y : rows;
		strip->quality = mjpeg->quality;
		strip->job.run = run;
	}
	return strips;
}

static void put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static enum clove_err join(struct mjpeg *mjpeg, unsigned int n, int32_t height, struct clove_buf *out)
{
	struct strip *first = &mjpeg->strips[0];
	unsigned int blocks = (unsigned int)((first->pixels.width + BLOCK - 1) / BLOCK) *
			(unsigned int)(first->pixels.height / BLOCK);
	uint8_t interval[6] = { 0xff, MARK_DRI, 0, 4 };
	enum clove_err err;

	if (blocks > UINT16_MAX)
		return CLOVE_ERR_LIMIT;
	put16(first->out.data + first->frame_header + 5, (unsigned int)height);
	put16(interval + 4, blocks);
	err = clove_buf_append(out, first->out.data, first->scan_header);
	if (!err)
		err = clove_buf_append(out, interval, sizeof interval);
	if (!err)
		err = clove_buf_append(out, first->out.data + first->scan_header, first->scan - first->scan_header);
	for (unsigned int i = 0; i < n && !err; i++) {
		const uint8_t mark[2] = { 0xff, (uint8_t)(i + 1 < n ? MARK_RST0 + i : MARK_EOI) };

		err = clove_buf_append(out, mjpeg->strips[i].out.data + mjpeg->strips[i].scan,
				mjpeg->strips[i].scan_len);
		if (!err)
			err = clove_buf_append(out, mark, sizeof mark);
	}
	return err;
}

/* Bytes grow somewhat faster than quality; small steps up, as many down as it takes. */
static void adapt(struct mjpeg *mjpeg, const struct clove_pixels *picture, size_t bytes)
{
	size_t good = (size_t)((int64_t)picture->width * picture->height * BITS_A_PIXEL_10 / 80) + 2 * SMALL;
	size_t want = mjpeg->frame_bytes && mjpeg->frame_bytes < good ? mjpeg->frame_bytes : good;

	if (bytes > want + want / 16) {
		size_t over = (bytes - want) * 20 / want;

		mjpeg->quality -= over > 12 ? 12 : 1 + (int)over;
	} else if (bytes < want - want / 8) {
		mjpeg->quality += bytes < want / 2 ? 4 : 1;
	}
	if (mjpeg->quality < QUALITY_LEAST)
		mjpeg->quality = QUALITY_LEAST;
	if (mjpeg->quality > QUALITY_MOST)
		mjpeg->quality = QUALITY_MOST;
}

static enum clove_err encode(struct clove_video_encoder *encoder, const struct clove_pixels *picture,
		struct clove_job_pool *pool, struct clove_buf *out)
{
	struct mjpeg *mjpeg = (struct mjpeg *)encoder;
	struct clove_job *jobs[STRIPS_MOST];
	enum clove_err err = clove_pixels_check_size(picture->width, picture->height);

	if (err)
		return err;
	if (picture->width > UINT16_MAX || picture->height > UINT16_MAX)
		return CLOVE_ERR_LIMIT;

	unsigned int n = cut(mjpeg, picture);

	for (unsigned int i = 0; i < n; i++)
		jobs[i] = &mjpeg->strips[i].job;
	if (pool && n > 1)
		clove_job_pool_run(pool, jobs, n);
	else
		for (unsigned int i = 0; i < n; i++)
			run(jobs[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (!mjpeg->strips[i].err && n > 1 && !find_parts(&mjpeg->strips[i]))
			mjpeg->strips[i].err = CLOVE_ERR_STATE;
		if (mjpeg->strips[i].err)
			return mjpeg->strips[i].err;
	}
	clove_buf_clear(out);
	err = n > 1 ? join(mjpeg, n, picture->height, out) :
			clove_buf_append(out, mjpeg->strips[0].out.data, mjpeg->strips[0].out.len);
	if (err)
		return err;
	mjpeg->stats.frames++;
	mjpeg->stats.bytes += out->len;
	mjpeg->stats.quality = mjpeg->quality;
	adapt(mjpeg, picture, out->len);
	return CLOVE_OK;
}

static void set_frame_bytes(struct clove_video_encoder *encoder, size_t bytes)
{
	((struct mjpeg *)encoder)->frame_bytes = bytes;
}

static void stats(const struct clove_video_encoder *encoder, struct clove_video_stats *into)
{
	*into = ((const struct mjpeg *)encoder)->stats;
}

static void destroy(struct clove_video_encoder *encoder)
{
	struct mjpeg *mjpeg = (struct mjpeg *)encoder;

	if (!mjpeg)
		return;
	for (unsigned int i = 0; i < STRIPS_MOST; i++)
		clove_buf_fini(&mjpeg->strips[i].out);
	free(mjpeg);
}

static struct clove_video_encoder *create(void)
{
	struct mjpeg *mjpeg = calloc(1, sizeof *mjpeg);

	if (!mjpeg)
		return NULL;
	mjpeg->base.ops = &clove_video_mjpeg;
	mjpeg->quality = QUALITY_FIRST;
	return &mjpeg->base;
}

const struct clove_video_encoder_ops clove_video_mjpeg = {
	.codec = CLOVE_VIDEO_CODEC_MJPEG,
	.create = create,
	.destroy = destroy,
	.encode = encode,
	.set_frame_bytes = set_frame_bytes,
	.stats = stats,
};
