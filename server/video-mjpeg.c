/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-mjpeg.c - knows which quality makes frames of the size that is wanted, and joins parts of a frame that
 * libjpeg-turbo encoded side by side: behind a restart marker decoding begins anew.
 */
#include "server/video-encoder.h"

#include <stdlib.h>
#include "common/codec/jpeg.h"
#include "common/protocol/enums.h"

enum {
	QUALITY_LEAST = 30, QUALITY_MOST = 80, QUALITY_FIRST = 70,
	BITS_A_PIXEL_10 = 9,          /* tenths: what a frame takes at most where the line does not matter */
	PARTS_MOST = 8,               /* the restart markers have eight numbers */
	PART_PIXELS = 150000,         /* fewer are not worth another thread */
	MCU = 16,                     /* pixels, both ways, of 4:2:0 */
	MARK_SOF0 = 0xc0, MARK_RST0 = 0xd0, MARK_EOI = 0xd9, MARK_SOS = 0xda, MARK_DRI = 0xdd,
	HEADERS = 1024,
};

struct part {
	struct clove_job job;         /* first, so that a job is a part */
	struct clove_jpeg_encoder *encoder;
	struct clove_pixels pixels;
	int quality;
	struct clove_buf out;
	enum clove_err err;
};

struct mjpeg {
	struct clove_video_encoder base; /* first, so that an encoder is one */
	struct part parts[PARTS_MOST];
	size_t frame_bytes;
	int quality;
	struct clove_video_stats stats;
};

static void run(struct clove_job *job)
{
	struct part *part = (struct part *)job;
	size_t most = clove_jpeg_bound(part->pixels.width, part->pixels.height);
	uint8_t *to;

	clove_buf_clear(&part->out);
	to = clove_buf_reserve(&part->out, most);
	if (!part->encoder)
		part->encoder = clove_jpeg_encoder_new();
	part->err = !to || !part->encoder ? CLOVE_ERR_NOMEM : clove_jpeg_encoder_run(part->encoder, to, most,
			&part->pixels, part->quality, CLOVE_JPEG_420, &part->out.len);
}

/* Parts of whole rows of MCUs, all but the last of the same height, at most one a thread; how many. */
static unsigned int cut(struct mjpeg *mjpeg, const struct clove_pixels *picture, unsigned int threads)
{
	int64_t n = (int64_t)picture->width * picture->height / PART_PIXELS + 1;
	int64_t across = (picture->width + MCU - 1) / MCU;
	int32_t rows, most = (int32_t)(UINT16_MAX / across) * MCU;
	unsigned int parts = 0;

	n = n > threads ? threads : n;
	n = n > PARTS_MOST ? PARTS_MOST : n;
	rows = (int32_t)((picture->height + n * MCU - 1) / (n * MCU)) * MCU;
	if (n > 1 && rows > most)
		rows = picture->height;
	for (int32_t y = 0; y < picture->height; y += rows) {
		struct part *part = &mjpeg->parts[parts++];

		part->pixels = *picture;
		part->pixels.data = clove_pixels_row(picture, y);
		part->pixels.height = picture->height - y < rows ? picture->height - y : rows;
		part->quality = mjpeg->quality;
		part->job.run = run;
	}
	return parts;
}

/* Where the segment with that marker begins; len if there is none. What we made ourselves is well formed. */
static size_t find(const struct clove_buf *jpeg, uint8_t marker)
{
	size_t at = 2;

	while (at + 4 <= jpeg->len && jpeg->data[at + 1] != marker)
		at += 2 + ((size_t)jpeg->data[at + 2] << 8 | jpeg->data[at + 3]);
	return at + 4 <= jpeg->len ? at : jpeg->len;
}

static size_t behind_scan_header(const struct clove_buf *jpeg)
{
	size_t scan = find(jpeg, MARK_SOS);

	return scan < jpeg->len ? scan + 2 + ((size_t)jpeg->data[scan + 2] << 8 | jpeg->data[scan + 3]) : scan;
}

/* The first part's headers say the height of all, and how many MCUs lie between restart markers. Then what
 * each part has between its own headers and its end. */
static enum clove_err join(struct mjpeg *mjpeg, unsigned int n, int32_t height, struct clove_buf *out)
{
	const struct part *first = &mjpeg->parts[0];
	unsigned int mcus = (unsigned int)((first->pixels.width + MCU - 1) / MCU) *
			(unsigned int)((first->pixels.height + MCU - 1) / MCU);
	const uint8_t restarts[6] = { 0xff, MARK_DRI, 0, 4, (uint8_t)(mcus >> 8), (uint8_t)mcus };
	enum clove_err err = first->err;
	size_t scan = err ? 0 : find(&first->out, MARK_SOS), frame = err ? 0 : find(&first->out, MARK_SOF0);

	if (!err && (scan >= first->out.len || frame >= scan))
		err = CLOVE_ERR_VALUE;
	if (!err) {
		first->out.data[frame + 5] = (uint8_t)(height >> 8);
		first->out.data[frame + 6] = (uint8_t)height;
		err = clove_buf_append(out, first->out.data, scan);
	}
	if (!err)
		err = clove_buf_append(out, restarts, sizeof restarts);
	for (unsigned int i = 0; i < n && !err; i++) {
		const struct clove_buf *jpeg = &mjpeg->parts[i].out;
		const uint8_t mark[2] = { 0xff, (uint8_t)(i + 1 < n ? MARK_RST0 + i : MARK_EOI) };
		size_t from = scan;

		err = mjpeg->parts[i].err;
		if (!err && i > 0)
			from = behind_scan_header(jpeg);
		if (!err && from + 2 > jpeg->len)
			err = CLOVE_ERR_VALUE;
		if (!err)
			err = clove_buf_append(out, jpeg->data + from, jpeg->len - from - 2);
		if (!err)
			err = clove_buf_append(out, mark, sizeof mark);
	}
	return err;
}

static enum clove_err encode_parts(struct mjpeg *mjpeg, const struct clove_pixels *picture,
		struct clove_job_pool *pool, struct clove_buf *out)
{
	struct clove_job *jobs[PARTS_MOST];
	unsigned int n = cut(mjpeg, picture, pool ? clove_job_pool_width(pool) : 1);

	for (unsigned int i = 0; i < n; i++)
		jobs[i] = &mjpeg->parts[i].job;
	if (n > 1)
		clove_job_pool_run(pool, jobs, n);
	else
		run(jobs[0]);
	if (n > 1)
		return join(mjpeg, n, picture->height, out);

	struct clove_buf whole = mjpeg->parts[0].out;

	mjpeg->parts[0].out = *out;
	*out = whole;
	return mjpeg->parts[0].err;
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
	enum clove_err err = clove_pixels_check_size(picture->width, picture->height);

	if (err)
		return err;
	if (picture->width > UINT16_MAX || picture->height > UINT16_MAX)
		return CLOVE_ERR_LIMIT;
	clove_buf_clear(out);
	err = encode_parts(mjpeg, picture, pool, out);
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
	for (unsigned int i = 0; i < PARTS_MOST; i++) {
		clove_jpeg_encoder_free(mjpeg->parts[i].encoder);
		clove_buf_fini(&mjpeg->parts[i].out);
	}
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
	.is_shared = true,
	.create = create,
	.destroy = destroy,
	.encode = encode,
	.set_frame_bytes = set_frame_bytes,
	.stats = stats,
};
