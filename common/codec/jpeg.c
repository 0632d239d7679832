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

/* libjpeg writes x = 255. */
static void copy_without_x(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint64_t mask = 0x00ffffff00ffffff;

	for (; n >= 4; n -= 4, from += 16, to += 16) {
		uint64_t a = clove_le64(from) & mask, b = clove_le64(from + 8) & mask;

		clove_put_le64(to, a);
		clove_put_le64(to + 8, b);
	}
	for (; n; n--, from += 4, to += 4)
		clove_put_le32(to, clove_le32(from) & (uint32_t)mask);
}

static enum clove_err put_row(uint8_t *to, enum clove_format format, const uint8_t *from, int32_t width)
{
	if (format == CLOVE_FORMAT_RGB32)
		copy_without_x(to, from, (size_t)width);
	else if (format == CLOVE_FORMAT_RGBA)
		memcpy(to, from, 4 * (size_t)width);
	else
		return clove_pixels_convert_row(to, format, from, CLOVE_FORMAT_RGB32, width, NULL);
	return CLOVE_OK;
}

enum { LINES = 2, ALIGNED = 32 };

static size_t line_bytes(int32_t width)
{
	return (4 * (size_t)width + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* `lines` are LINES rows of RGB32. libjpeg writes them rather than the picture's own rows: aligned ones it
 * would write around the caches, and what comes next reads them. */
static enum clove_err decode_rows(struct clove_bytes in, const struct clove_pixels *dst, uint8_t *lines,
		bool is_smooth)
{
	struct jpeg_decompress_struct cinfo = { 0 };
	struct jpeg_progress_mgr progress = { .progress_monitor = on_progress };
	JSAMPROW to[LINES] = { lines, lines + line_bytes(dst->width) };
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
	cinfo.do_fancy_upsampling = cinfo.do_block_smoothing = is_smooth;
	jpeg_start_decompress(&cinfo);
	while (!err && cinfo.output_scanline < cinfo.output_height) {
		int32_t y = (int32_t)cinfo.output_scanline;
		int32_t n = (int32_t)jpeg_read_scanlines(&cinfo, to, LINES);

		if (n < 1)
			break;
		for (int32_t i = 0; i < n && !err; i++)
			err = put_row(clove_pixels_row(dst, y + i), dst->format, to[i], dst->width);
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

static enum clove_err decode(struct clove_bytes in, const struct clove_pixels *dst, bool is_smooth)
{
	enum clove_err err;
	uint8_t *lines;

	if (!in.len)
		return CLOVE_ERR_SHORT;
	if (!clove_pixels_converts(CLOVE_FORMAT_RGB32, dst->format))
		return CLOVE_ERR_UNSUPPORTED;
	err = clove_pixels_check_size(dst->width, dst->height);
	if (err)
		return err;
	lines = malloc(LINES * line_bytes(dst->width) + ALIGNED);
	if (!lines)
		return CLOVE_ERR_NOMEM;
	err = decode_rows(in, dst, lines + ((uintptr_t)lines % ALIGNED ? 0 : ALIGNED / 2), is_smooth);
	free(lines);
	return err;
}

enum clove_err clove_jpeg_decode(struct clove_bytes in, const struct clove_pixels *dst)
{
	return decode(in, dst, true);
}

enum clove_err clove_jpeg_decode_quick(struct clove_bytes in, const struct clove_pixels *dst)
{
	return decode(in, dst, false);
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

/* ---- encoding ---- */

struct clove_jpeg_encoder {
	struct jpeg_compress_struct cinfo;
	struct errors errors;
	struct jpeg_destination_mgr dest;
	bool is_full;
	uint8_t *lines;       /* rows of formats that libjpeg does not read */
	size_t lines_size;
};

/* Rows handed over at once. */
#define ROWS 16

static void on_init(j_compress_ptr cinfo)
{
	(void)cinfo;
}

static boolean on_full(j_compress_ptr cinfo)
{
	((struct clove_jpeg_encoder *)cinfo->client_data)->is_full = true;
	on_error((j_common_ptr)cinfo);
	return FALSE;
}

static bool encoder_init(struct clove_jpeg_encoder *encoder)
{
	errors_init(&encoder->errors);
	encoder->cinfo.err = &encoder->errors.manager;
	if (setjmp(encoder->errors.back))
		return false;
	jpeg_create_compress(&encoder->cinfo);
	return true;
}

struct clove_jpeg_encoder *clove_jpeg_encoder_new(void)
{
	struct clove_jpeg_encoder *encoder = calloc(1, sizeof *encoder);

	if (!encoder || !encoder_init(encoder)) {
		clove_jpeg_encoder_free(encoder);
		return NULL;
	}
	encoder->cinfo.client_data = encoder;
	encoder->cinfo.dest = &encoder->dest;
	encoder->dest.init_destination = on_init;
	encoder->dest.empty_output_buffer = on_full;
	encoder->dest.term_destination = on_init;
	return encoder;
}

void clove_jpeg_encoder_free(struct clove_jpeg_encoder *encoder)
{
	if (!encoder)
		return;
	jpeg_destroy_compress(&encoder->cinfo);
	free(encoder->lines);
	free(encoder);
}

/* How many luma samples there are to a chroma sample, across and down. */
static const struct { int h, v; } thinning[] = {
	[CLOVE_JPEG_444] = { 1, 1 }, [CLOVE_JPEG_422] = { 2, 1 }, [CLOVE_JPEG_420] = { 2, 2 },
};

static enum clove_err encode_rows(struct clove_jpeg_encoder *encoder, const struct clove_pixels *src,
		int quality, enum clove_jpeg_chroma chroma)
{
	struct jpeg_compress_struct *cinfo = &encoder->cinfo;
	size_t line = 4 * (size_t)src->width;

	if (setjmp(encoder->errors.back)) {
		jpeg_abort_compress(cinfo);
		return encoder->is_full ? CLOVE_ERR_LIMIT : CLOVE_ERR_NOMEM;
	}
	cinfo->image_width = (JDIMENSION)src->width;
	cinfo->image_height = (JDIMENSION)src->height;
	cinfo->input_components = src->format == CLOVE_FORMAT_RGB24 ? 3 : 4;
	cinfo->in_color_space = src->format == CLOVE_FORMAT_RGB24 ? JCS_EXT_BGR : JCS_EXT_BGRX;
	jpeg_set_defaults(cinfo);
	cinfo->comp_info[0].h_samp_factor = thinning[chroma].h;
	cinfo->comp_info[0].v_samp_factor = thinning[chroma].v;
	jpeg_set_quality(cinfo, quality, TRUE);
	jpeg_start_compress(cinfo, TRUE);
	for (int32_t y = 0; y < src->height; y += ROWS) {
		int32_t n = src->height - y < ROWS ? src->height - y : ROWS;
		JSAMPROW rows[ROWS];

		for (int32_t i = 0; i < n; i++) {
			rows[i] = clove_pixels_row(src, y + i);
			if (src->format == CLOVE_FORMAT_RGB16) {
				uint8_t *to = encoder->lines + (size_t)i * line;

				if (clove_pixels_convert_row(to, CLOVE_FORMAT_RGB32, rows[i],
						src->format, src->width, NULL))
					on_error((j_common_ptr)cinfo);
				rows[i] = to;
			}
		}
		jpeg_write_scanlines(cinfo, rows, (JDIMENSION)n);
	}
	jpeg_finish_compress(cinfo);
	return CLOVE_OK;
}

enum clove_err clove_jpeg_encoder_run(struct clove_jpeg_encoder *encoder, uint8_t *dst, size_t capacity,
		const struct clove_pixels *src, int quality, enum clove_jpeg_chroma chroma, size_t *size)
{
	size_t lines = src->format == CLOVE_FORMAT_RGB16 ? ROWS * 4 * (size_t)src->width : 0;
	enum clove_err err = clove_pixels_check_size(src->width, src->height);

	if (err)
		return err;
	if (src->format < CLOVE_FORMAT_RGB16 || src->format > CLOVE_FORMAT_RGBA
			|| chroma > CLOVE_JPEG_420)
		return CLOVE_ERR_UNSUPPORTED;
	/* libjpeg takes it that a buffer has room, and 65500 is the most that it writes. */
	if (!capacity || src->width > JPEG_MAX_DIMENSION || src->height > JPEG_MAX_DIMENSION)
		return CLOVE_ERR_LIMIT;
	if (lines > encoder->lines_size) {
		uint8_t *grown = realloc(encoder->lines, lines);

		if (!grown)
			return CLOVE_ERR_NOMEM;
		encoder->lines = grown;
		encoder->lines_size = lines;
	}
	encoder->is_full = false;
	encoder->dest.next_output_byte = dst;
	encoder->dest.free_in_buffer = capacity;
	err = encode_rows(encoder, src, quality < 1 ? 1 : quality > 100 ? 100 : quality, chroma);
	if (!err)
		*size = capacity - encoder->dest.free_in_buffer;
	return err;
}

enum clove_err clove_jpeg_encoder_run_alpha(struct clove_jpeg_encoder *encoder, uint8_t *dst,
		size_t capacity, const struct clove_pixels *src, int quality,
		enum clove_jpeg_chroma chroma, uint32_t *jpeg_size, size_t *size)
{
	size_t colours, alpha;
	enum clove_err err;

	if (src->format != CLOVE_FORMAT_RGBA)
		return CLOVE_ERR_UNSUPPORTED;
	err = clove_jpeg_encoder_run(encoder, dst, capacity, src, quality, chroma, &colours);
	if (!err && colours > UINT32_MAX)
		err = CLOVE_ERR_LIMIT;
	if (!err)
		err = clove_lz_encode_alpha(dst + colours, capacity - colours, src, true, &alpha);
	if (err)
		return err;
	*jpeg_size = (uint32_t)colours;
	*size = colours + alpha;
	return CLOVE_OK;
}

enum clove_err clove_jpeg_encode(uint8_t *dst, size_t capacity, const struct clove_pixels *src,
		int quality, size_t *size)
{
	struct clove_jpeg_encoder *encoder = clove_jpeg_encoder_new();
	enum clove_err err = encoder ? clove_jpeg_encoder_run(encoder, dst, capacity, src, quality,
			CLOVE_JPEG_420, size) : CLOVE_ERR_NOMEM;

	clove_jpeg_encoder_free(encoder);
	return err;
}
