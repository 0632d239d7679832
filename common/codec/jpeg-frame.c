/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg-frame.c - knows where a JPEG with restart markers can be cut, so that its parts are decoded side by side. */
#include "common/codec/jpeg.h"

#include <stdlib.h>
#include <string.h>

enum {
	PARTS_MOST = 8,
	SOF0 = 0xc0, RST0 = 0xd0, EOI = 0xd9, SOS = 0xda, DRI = 0xdd,
	BLOCK = 8,
};

/* What lies between two restart markers, behind the picture's own headers. */
struct part {
	struct clove_job job;         /* first, so that a job is a part */
	struct clove_pixels dst;
	struct clove_buf jpeg;
	enum clove_err err;
};

struct span {
	size_t from, end;
};

struct header {
	size_t size;                  /* of all up to the first MCU */
	size_t height_at;             /* where it says its height */
	int32_t width, height, mcu_width, mcu_height;
	uint8_t components, scanned;
	uint32_t restart;             /* MCUs between two markers; 0: there are none */
};

/* The largest sampling factors make the MCU. */
static bool read_frame(struct header *header, struct clove_bytes in, size_t at, size_t len)
{
	const uint8_t *frame = in.data + at;

	if (len < 8 || frame[4] != 8 || frame[9] < 2 || len < 8 + 3 * (size_t)frame[9])
		return false;
	header->height_at = at + 5;
	header->height = frame[5] << 8 | frame[6];
	header->width = frame[7] << 8 | frame[8];
	header->components = frame[9];
	for (int i = 0; i < header->components; i++) {
		int32_t across = (frame[11 + 3 * i] >> 4) * BLOCK, down = (frame[11 + 3 * i] & 15) * BLOCK;

		header->mcu_width = across > header->mcu_width ? across : header->mcu_width;
		header->mcu_height = down > header->mcu_height ? down : header->mcu_height;
	}
	return header->mcu_width && header->mcu_height;
}

/* False: nothing that is cut here. */
static bool read_header(struct header *header, struct clove_bytes in)
{
	size_t at = 2;

	while (at + 4 <= in.len && in.data[at] == 0xff) {
		uint8_t marker = in.data[at + 1];
		size_t len = (size_t)in.data[at + 2] << 8 | in.data[at + 3];

		if (len < 2 || len > in.len - at - 2)
			return false;
		if (marker == SOF0 && !read_frame(header, in, at, len))
			return false;
		if (marker == DRI && len == 4)
			header->restart = (uint32_t)in.data[at + 4] << 8 | in.data[at + 5];
		if (marker == SOS && len > 2)
			header->scanned = in.data[at + 4];
		at += 2 + len;
		if (marker == SOS) {
			header->size = at;
			return header->components && header->scanned == header->components;
		}
	}
	return false;
}

/* Behind the next marker, which ends `*end`; 0: there is none. */
static size_t behind_marker(struct clove_bytes in, size_t from, size_t *end, uint8_t *marker)
{
	while (from + 2 <= in.len) {
		const uint8_t *found = memchr(in.data + from, 0xff, in.len - from - 1);

		if (!found)
			return 0;
		from = (size_t)(found - in.data);
		*marker = found[1];
		if (*marker != 0 && *marker != 0xff) {
			*end = from;
			return from + 2;
		}
		from += *marker == 0 ? 2 : 1;
	}
	return 0;
}

/* What each part's MCUs are; how many parts, each of `rows` rows, the last of those that are left. 0: none. */
static unsigned int find_parts(struct header *header, struct clove_bytes in, struct span *spans, int32_t *rows)
{
	unsigned int n = 0, most;
	uint32_t across;
	uint8_t marker;

	if (!read_header(header, in) || !header->restart)
		return 0;
	across = (uint32_t)((header->width + header->mcu_width - 1) / header->mcu_width);
	if (!across || header->restart % across)
		return 0;
	*rows = (int32_t)(header->restart / across) * header->mcu_height;
	most = (unsigned int)((header->height + *rows - 1) / *rows);
	if (most < 2 || most > PARTS_MOST)
		return 0;
	for (size_t at = header->size; n < most; n++) {
		spans[n].from = at;
		at = behind_marker(in, at, &spans[n].end, &marker);
		if (!at || marker != (n + 1 < most ? RST0 + n : EOI))
			return 0;
	}
	return n;
}

unsigned int clove_jpeg_parts(struct clove_bytes in)
{
	struct span spans[PARTS_MOST];
	struct header header = { 0 };
	int32_t rows;
	unsigned int n = find_parts(&header, in, spans, &rows);

	return n ? n : 1;
}

static enum clove_err fill(struct part *part, const struct header *header, struct clove_bytes in,
		const struct span *span)
{
	static const uint8_t over[2] = { 0xff, EOI };
	enum clove_err err = clove_buf_append(&part->jpeg, in.data, header->size);

	if (!err)
		err = clove_buf_append(&part->jpeg, in.data + span->from, span->end - span->from);
	if (!err)
		err = clove_buf_append(&part->jpeg, over, sizeof over);
	if (!err) {
		part->jpeg.data[header->height_at] = (uint8_t)(part->dst.height >> 8);
		part->jpeg.data[header->height_at + 1] = (uint8_t)part->dst.height;
	}
	return err;
}

/* How many; 0: it is decoded as a whole. */
static unsigned int cut(struct part *parts, struct clove_bytes in, const struct clove_pixels *dst)
{
	struct span spans[PARTS_MOST];
	struct header header = { 0 };
	int32_t rows;
	unsigned int n = find_parts(&header, in, spans, &rows);

	if (!n || header.width != dst->width || header.height != dst->height)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		int32_t y = (int32_t)i * rows;

		parts[i].dst = *dst;
		parts[i].dst.data = clove_pixels_row(dst, y);
		parts[i].dst.height = dst->height - y < rows ? dst->height - y : rows;
		if (fill(&parts[i], &header, in, &spans[i]))
			return 0;
	}
	return n;
}

static void run(struct clove_job *job)
{
	struct part *part = (struct part *)job;

	part->err = clove_jpeg_decode_quick(clove_buf_bytes(&part->jpeg), &part->dst);
}

enum clove_err clove_jpeg_decode_frame(struct clove_bytes in, const struct clove_pixels *dst,
		struct clove_job_pool *pool)
{
	struct part parts[PARTS_MOST] = { 0 };
	struct clove_job *jobs[PARTS_MOST];
	unsigned int n = pool && clove_job_pool_width(pool) > 1 ? cut(parts, in, dst) : 0;
	enum clove_err err = CLOVE_OK;

	for (unsigned int i = 0; i < n; i++) {
		parts[i].job.run = run;
		jobs[i] = &parts[i].job;
	}
	if (n)
		clove_job_pool_run(pool, jobs, n);
	else
		err = clove_jpeg_decode_quick(in, dst);
	for (unsigned int i = 0; i < n && !err; i++)
		err = parts[i].err;
	for (unsigned int i = 0; i < PARTS_MOST; i++)
		clove_buf_fini(&parts[i].jpeg);
	return err;
}
