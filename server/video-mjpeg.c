/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-mjpeg.c - knows which quality makes frames of the size that is wanted, and joins parts of a frame that
 * were encoded side by side: behind a restart marker decoding begins anew.
 */
#include "server/video-encoder.h"

#include <stdlib.h>
#include <string.h>
#include "common/codec/jpeg.h"
#include "common/protocol/enums.h"
#include "server/mjpeg-scan.h"

enum {
	QUALITY_LEAST = 30, QUALITY_MOST = 80, QUALITY_FIRST = 70,
	BITS_A_PIXEL_10 = 9,          /* tenths: what a frame takes at most where the line does not matter */
	PARTS_MOST = 8,               /* the restart markers have eight numbers */
	PART_PIXELS = 1000000,        /* fewer are not worth another thread */
	MARK_EOI = 0xd9, MARK_RST0 = 0xd0,
	HEADERS = 1024,
};

struct part {
	struct clove_job job;         /* first, so that a job is a part */
	const struct clove_mjpeg_tables *tables;
	struct clove_pixels pixels;
	struct clove_buf out;
	enum clove_err err;
};

struct mjpeg {
	struct clove_video_encoder base; /* first, so that an encoder is one */
	struct clove_mjpeg_tables tables;
	struct part parts[PARTS_MOST];
	size_t frame_bytes;
	int quality;
	struct clove_video_stats stats;
};

/* No picture takes more at the qualities that we use; memory that is not written costs nothing. */
static size_t most_bytes(const struct clove_pixels *pixels)
{
	return (size_t)pixels->width * (size_t)pixels->height * 6 + (64 << 10);
}

static void run(struct clove_job *job)
{
	struct part *part = (struct part *)job;
	uint8_t *to;

	clove_buf_clear(&part->out);
	to = clove_buf_reserve(&part->out, most_bytes(&part->pixels));
	part->err = to ? clove_mjpeg_scan(part->tables, &part->pixels, to, most_bytes(&part->pixels),
			&part->out.len) : CLOVE_ERR_NOMEM;
}

/* Parts of whole rows of MCUs, all but the last of the same height; how many. */
static unsigned int cut(struct mjpeg *mjpeg, const struct clove_pixels *picture)
{
	int64_t n = (int64_t)picture->width * picture->height / PART_PIXELS + 1;
	int64_t across = (picture->width + CLOVE_MCU - 1) / CLOVE_MCU;
	int32_t rows, most = (int32_t)(UINT16_MAX / across) * CLOVE_MCU;
	unsigned int parts = 0;

	n = n > PARTS_MOST ? PARTS_MOST : n;
	rows = (int32_t)((picture->height + n * CLOVE_MCU - 1) / (n * CLOVE_MCU)) * CLOVE_MCU;
	if (n > 1 && rows > most)
		rows = picture->height;
	for (int32_t y = 0; y < picture->height; y += rows) {
		struct part *part = &mjpeg->parts[parts++];

		part->pixels = *picture;
		part->pixels.data = clove_pixels_row(picture, y);
		part->pixels.height = picture->height - y < rows ? picture->height - y : rows;
		part->tables = &mjpeg->tables;
		part->job.run = run;
	}
	return parts;
}

static enum clove_err join(struct mjpeg *mjpeg, unsigned int n, const struct clove_pixels *picture,
		struct clove_buf *out)
{
	const struct clove_pixels *first = &mjpeg->parts[0].pixels;
	unsigned int mcus = (unsigned int)((first->width + CLOVE_MCU - 1) / CLOVE_MCU) *
			(unsigned int)((first->height + CLOVE_MCU - 1) / CLOVE_MCU);
	uint8_t header[CLOVE_MJPEG_HEADER];
	enum clove_err err = clove_buf_append(out, header, clove_mjpeg_header(&mjpeg->tables, picture->width,
			picture->height, n > 1 ? mcus : 0, header));

	for (unsigned int i = 0; i < n && !err; i++) {
		const uint8_t mark[2] = { 0xff, (uint8_t)(i + 1 < n ? MARK_RST0 + i : MARK_EOI) };

		err = mjpeg->parts[i].err;
		if (!err)
			err = clove_buf_append(out, mjpeg->parts[i].out.data, mjpeg->parts[i].out.len);
		if (!err)
			err = clove_buf_append(out, mark, sizeof mark);
	}
	return err;
}

static enum clove_err encode_parts(struct mjpeg *mjpeg, const struct clove_pixels *picture,
		struct clove_job_pool *pool, struct clove_buf *out)
{
	struct clove_job *jobs[PARTS_MOST];
	unsigned int n = cut(mjpeg, picture);

	clove_mjpeg_set_quality(&mjpeg->tables, mjpeg->quality);
	for (unsigned int i = 0; i < n; i++)
		jobs[i] = &mjpeg->parts[i].job;
	if (pool && n > 1)
		clove_job_pool_run(pool, jobs, n);
	else
		for (unsigned int i = 0; i < n; i++)
			run(jobs[i]);
	return join(mjpeg, n, picture, out);
}

static enum clove_err encode_whole(struct mjpeg *mjpeg, const struct clove_pixels *picture,
		struct clove_buf *out)
{
	uint8_t *to = clove_buf_reserve(out, most_bytes(picture));

	return to ? clove_jpeg_encode(to, most_bytes(picture), picture, mjpeg->quality, &out->len) :
			CLOVE_ERR_NOMEM;
}

/* Bytes grow somewhat faster than quality; small steps up, as many down as it takes. */
static void adapt(struct mjpeg *mjpeg, const struct clove_pixels *picture, size_t bytes)
{
	size_t good = (size_t)((int64_t)picture->width * picture->height * BITS_A_PIXEL_10 / 80) + HEADERS;
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
	bool is_ours = mjpeg->tables.is_fast &&
			(picture->format == CLOVE_FORMAT_RGB32 || picture->format == CLOVE_FORMAT_RGBA);
	enum clove_err err = clove_pixels_check_size(picture->width, picture->height);

	if (err)
		return err;
	if (picture->width > UINT16_MAX || picture->height > UINT16_MAX)
		return CLOVE_ERR_LIMIT;
	clove_buf_clear(out);
	err = is_ours ? encode_parts(mjpeg, picture, pool, out) : encode_whole(mjpeg, picture, out);
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
	for (unsigned int i = 0; i < PARTS_MOST; i++)
		clove_buf_fini(&mjpeg->parts[i].out);
	free(mjpeg);
}

static struct clove_video_encoder *create(void)
{
	struct mjpeg *mjpeg = aligned_alloc(64, (sizeof *mjpeg + 63) / 64 * 64);

	if (!mjpeg)
		return NULL;
	memset(mjpeg, 0, sizeof *mjpeg);
	mjpeg->base.ops = &clove_video_mjpeg;
	mjpeg->quality = QUALITY_FIRST;
	clove_mjpeg_tables_init(&mjpeg->tables);
	return &mjpeg->base;
}

const struct clove_video_encoder_ops clove_video_mjpeg = {
	.codec = CLOVE_VIDEO_CODEC_MJPEG,
	.is_shared = true,
	.create = create,
	.destroy = destroy,
	.encode = encode,
	.set_frame_bytes = set_frame_bytes,
	.stats = stats,
};
