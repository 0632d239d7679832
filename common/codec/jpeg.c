/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg.c - what libjpeg-turbo must be told: errors that return, limits, and our rows. */
#include "common/codec/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include "common/codec/lz.h"

/* A progressive picture may repeat its scans without end; no honest one has more. */
#define MAX_SCANS 100

struct errors {
	struct jpeg_error_mgr manager;
	jmp_buf back;
};

static void on_error(j_common_ptr cinfo)
{
	struct errors *errors = (struct errors *)cinfo->err;

	longjmp(errors->back, 1);
}

/* Warnings tell of damaged data: a picture that has any is refused. The count is kept by libjpeg's
 * own function of this name, which prints as well; this one does not. */
static void on_message(j_common_ptr cinfo, int level)
{
	if (level < 0)
		cinfo->err->num_warnings++;
}

static void on_output(j_common_ptr cinfo)
{
	(void)cinfo;
}

static void errors_init(struct errors *errors)
{
	jpeg_std_error(&errors->manager);
	errors->manager.error_exit = on_error;
	errors->manager.emit_message = on_message;
	errors->manager.output_message = on_output;
}

static void on_progress(j_common_ptr cinfo)
{
	if (cinfo->is_decompressor && ((j_decompress_ptr)cinfo)->input_scan_number > MAX_SCANS)
		on_error(cinfo);
}

/* Reads the header and chooses B G R x as output. */
static enum clove_err read_header(struct jpeg_decompress_struct *cinfo, struct clove_bytes in)
{
	jpeg_mem_src(cinfo, in.data, in.len);
	if (jpeg_read_header(cinfo, TRUE) != JPEG_HEADER_OK)
		return CLOVE_ERR_VALUE;
	if (cinfo->jpeg_color_space != JCS_YCbCr && cinfo->jpeg_color_space != JCS_GRAYSCALE
			&& cinfo->jpeg_color_space != JCS_RGB)
		return CLOVE_ERR_VALUE;
	cinfo->out_color_space = JCS_EXT_BGRX;
	return clove_pixels_check_size(cinfo->image_width, cinfo->image_height);
}

enum clove_err clove_jpeg_probe(struct clove_bytes in, struct clove_image_info *info)
{
	struct jpeg_decompress_struct cinfo = { 0 };
	struct errors errors;
	enum clove_err err;

	if (!in.len)
		return CLOVE_ERR_SHORT;
	errors_init(&errors);
	cinfo.err = &errors.manager;
	if (setjmp(errors.back)) {
		jpeg_destroy_decompress(&cinfo);
		return CLOVE_ERR_VALUE;
	}
	jpeg_create_decompress(&cinfo);
	err = read_header(&cinfo, in);
	if (!err)
		*info = (struct clove_image_info){ CLOVE_FORMAT_RGB32, (int32_t)cinfo.image_width,
				(int32_t)cinfo.image_height, true };
	jpeg_destroy_decompress(&cinfo);
	return err;
}

/* `line` is one row of RGB32 for formats that libjpeg does not write, else NULL. */
static enum clove_err decode_rows(struct clove_bytes in, const struct clove_pixels *dst, uint8_t *line)
{
	struct jpeg_decompress_struct cinfo = { 0 };
	struct jpeg_progress_mgr progress = { .progress_monitor = on_progress };
	struct errors errors;
	enum clove_err err;

	errors_init(&errors);
	cinfo.err = &errors.manager;
	if (setjmp(errors.back)) {
		jpeg_destroy_decompress(&cinfo);
		return CLOVE_ERR_VALUE;
	}
	jpeg_create_decompress(&cinfo);
	cinfo.progress = &progress;
	err = read_header(&cinfo, in);
	if (!err && (cinfo.image_width != (JDIMENSION)dst->width
			|| cinfo.image_height != (JDIMENSION)dst->height))
		err = CLOVE_ERR_BOUNDS;
	if (err) {
		jpeg_destroy_decompress(&cinfo);
		return err;
	}
	jpeg_start_decompress(&cinfo);
	while (cinfo.output_scanline < cinfo.output_height) {
		uint8_t *row = clove_pixels_row(dst, (int32_t)cinfo.output_scanline);
		JSAMPROW to = line ? line : row;

		if (jpeg_read_scanlines(&cinfo, &to, 1) != 1)
			break;
		if (line)
			err = clove_pixels_convert_row(row, dst->format, line, CLOVE_FORMAT_RGB32,
					dst->width, NULL);
		else if (dst->format == CLOVE_FORMAT_RGB32)  /* libjpeg writes x = 255 */
			for (int32_t x = 0; x < dst->width; x++)
				row[4 * (size_t)x + 3] = 0;
	}
	if (!err && cinfo.output_scanline < cinfo.output_height)
		err = CLOVE_ERR_SHORT;
	if (!err)
		jpeg_finish_decompress(&cinfo);
	if (!err && errors.manager.num_warnings)
		err = CLOVE_ERR_VALUE;
	jpeg_destroy_decompress(&cinfo);
	return err;
}

enum clove_err clove_jpeg_decode(struct clove_bytes in, const struct clove_pixels *dst)
{
	uint8_t *line = NULL;
	enum clove_err err;

	if (!in.len)
		return CLOVE_ERR_SHORT;
	if (!clove_pixels_converts(CLOVE_FORMAT_RGB32, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	err = clove_pixels_check_size(dst->width, dst->height);
	if (err)
		return err;
	if (dst->format != CLOVE_FORMAT_RGB32 && dst->format != CLOVE_FORMAT_RGBA) {
		line = malloc(4 * (size_t)dst->width);
		if (!line)
			return CLOVE_ERR_NOMEM;
	}
	err = decode_rows(in, dst, line);
	free(line);
	return err;
}

enum clove_err clove_jpeg_alpha_decode(struct clove_bytes in, uint8_t flags, uint32_t jpeg_size,
		const struct clove_pixels *dst)
{
	struct clove_bytes jpeg, alpha;
	enum clove_err err;

	if (flags & ~1)
		return CLOVE_ERR_VALUE;
	if (dst->format != CLOVE_FORMAT_RGBA && dst->format != CLOVE_FORMAT_RGB32)
		return CLOVE_ERR_UNSUPPORTED;
	if (jpeg_size > in.len)
		return CLOVE_ERR_SHORT;
	jpeg = CLOVE_BYTES(in.data, jpeg_size);
	alpha = CLOVE_BYTES(in.data + jpeg_size, in.len - jpeg_size);
	err = clove_jpeg_decode(jpeg, dst);
	if (err || dst->format != CLOVE_FORMAT_RGBA)
		return err;
	return clove_lz_decode_alpha(alpha, flags & 1, dst);
}

size_t clove_jpeg_bound(int32_t width, int32_t height)
{
	size_t w = ((size_t)width + 15) / 16 * 16, h = ((size_t)height + 15) / 16 * 16;

	if (clove_pixels_check_size(width, height))
		return 0;
	return w * h * 6 + 2048;  /* as libjpeg-turbo's own tjBufSize for 4:4:4 */
}

struct fixed_dest {
	struct jpeg_destination_mgr manager;
	bool is_full;
};

static void on_init(j_compress_ptr cinfo)
{
	(void)cinfo;
}

static boolean on_full(j_compress_ptr cinfo)
{
	((struct fixed_dest *)cinfo->dest)->is_full = true;
	on_error((j_common_ptr)cinfo);
	return FALSE;
}

static J_COLOR_SPACE space_of(enum clove_format format)
{
	return format == CLOVE_FORMAT_RGB24 ? JCS_EXT_BGR : JCS_EXT_BGRX;
}

static enum clove_err encode_rows(struct fixed_dest *dest, const struct clove_pixels *src,
		int quality, uint8_t *line)
{
	struct jpeg_compress_struct cinfo = { 0 };
	struct errors errors;

	errors_init(&errors);
	cinfo.err = &errors.manager;
	if (setjmp(errors.back)) {
		jpeg_destroy_compress(&cinfo);
		return dest->is_full ? CLOVE_ERR_LIMIT : CLOVE_ERR_NOMEM;
	}
	jpeg_create_compress(&cinfo);
	cinfo.dest = &dest->manager;
	cinfo.image_width = (JDIMENSION)src->width;
	cinfo.image_height = (JDIMENSION)src->height;
	cinfo.input_components = src->format == CLOVE_FORMAT_RGB24 ? 3 : 4;
	cinfo.in_color_space = space_of(src->format);
	jpeg_set_defaults(&cinfo);
	jpeg_set_quality(&cinfo, quality, TRUE);
	jpeg_start_compress(&cinfo, TRUE);
	while (cinfo.next_scanline < cinfo.image_height) {
		uint8_t *row = clove_pixels_row(src, (int32_t)cinfo.next_scanline);

		if (line && clove_pixels_convert_row(line, CLOVE_FORMAT_RGB32, row, src->format,
				src->width, NULL))
			break;
		row = line ? line : row;
		jpeg_write_scanlines(&cinfo, &row, 1);
	}
	jpeg_finish_compress(&cinfo);
	jpeg_destroy_compress(&cinfo);
	return CLOVE_OK;
}

enum clove_err clove_jpeg_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		int quality, size_t *size)
{
	struct fixed_dest dest = { .is_full = false };
	uint8_t *line = NULL;
	enum clove_err err = clove_pixels_check_size(src->width, src->height);

	if (err)
		return err;
	if (src->format < CLOVE_FORMAT_RGB16 || src->format > CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_UNSUPPORTED;
	if (!capacity)  /* libjpeg takes it that a buffer has room */
		return CLOVE_ERR_LIMIT;
	if (src->format == CLOVE_FORMAT_RGB16) {
		line = malloc(4 * (size_t)src->width);
		if (!line)
			return CLOVE_ERR_NOMEM;
	}
	dest.manager.next_output_byte = dst;
	dest.manager.free_in_buffer = capacity;
	dest.manager.init_destination = on_init;
	dest.manager.empty_output_buffer = on_full;
	dest.manager.term_destination = on_init;
	err = encode_rows(&dest, src, quality < 1 ? 1 : quality > 100 ? 100 : quality, line);
	free(line);
	if (!err)
		*size = capacity - dest.manager.free_in_buffer;
	return err;
}
