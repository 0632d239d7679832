/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-display-channel.c - recorded servers and made-up ones, and the pixels that come of them. */
#include "client-gtk/display-channel.h"
#include <zlib.h>
#include "common/codec/glz.h"
#include "common/codec/jpeg.h"
#include "common/codec/lz.h"
#include "common/codec/lz4.h"
#include "common/codec/quic.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "tests/unit/pictures-fixture.h"

struct viewer {
	struct clove_loop *loop;
	struct clove_pictures *pictures;
	struct clove_display_channel *display;
	int came, went, changes, marks, monitors;
	int32_t width, height;
	bool is_closed;
	enum clove_err err;
	char log[128];
};

static void primary_came(void *opaque, int32_t width, int32_t height)
{
	struct viewer *viewer = opaque;

	viewer->came++;
	viewer->width = width;
	viewer->height = height;
}

static void primary_went(void *opaque)
{
	((struct viewer *)opaque)->went++;
}

static void changed(void *opaque, const pixman_region32_t *region)
{
	struct viewer *viewer = opaque;
	const pixman_box32_t *box = pixman_region32_extents((pixman_region32_t *)(uintptr_t)region);

	viewer->changes++;
	ck_assert_int_ge(box->x1, 0);
	ck_assert_int_ge(box->y1, 0);
	ck_assert_int_le(box->x2, viewer->width);
	ck_assert_int_le(box->y2, viewer->height);
}

static void marked(void *opaque)
{
	((struct viewer *)opaque)->marks++;
}

static void monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	struct viewer *viewer = opaque;

	viewer->monitors++;
	ck_assert_uint_gt(config->count, 0);
	ck_assert_uint_gt(config->heads[0].width, 0);
}

static void closed(void *opaque, enum clove_err err)
{
	struct viewer *viewer = opaque;

	viewer->is_closed = true;
	viewer->err = err;
}

static const struct clove_display_events events = {
	primary_came, primary_went, changed, marked, monitors, closed,
};

static void sink(void *opaque, enum clove_log_level level, const char *line)
{
	struct viewer *viewer = opaque;

	(void)level;
	snprintf(viewer->log, sizeof viewer->log, "%s", line);
}

static uint8_t preferred_compression;

static void view(struct viewer *viewer, struct playing *playing)
{
	struct clove_opened opened = play_open(playing);
	struct clove_display_options options = { .events = &events, .opaque = viewer };

	*viewer = (struct viewer){ .loop = clove_poll_loop_new(), .pictures = clove_pictures_new() };
	clove_log_set_sink(sink, viewer);
	options.loop = viewer->loop;
	options.pictures = viewer->pictures;
	options.preferred_compression = preferred_compression;
	viewer->display = clove_display_channel_new(&options, &opened);
	ck_assert_ptr_nonnull(viewer->display);
}

static void view_to_the_end(struct viewer *viewer, struct playing *playing)
{
	while (!viewer->is_closed) {
		play_on(playing, true);
		clove_poll_loop_step(viewer->loop, 10);
	}
}

static void view_fini(struct viewer *viewer)
{
	clove_display_channel_free(viewer->display);
	clove_pictures_free(viewer->pictures);
	clove_poll_loop_free(viewer->loop);
	clove_log_set_sink(NULL, NULL);
}

/* FNV-1a of all colours, row by row, without some rows. */
static uint64_t hash(const struct clove_pixels *picture, int32_t without_from, int32_t without_to)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int32_t y = 0; y < picture->height; y++)
		for (int32_t x = 0; x < picture->width && (y < without_from || y >= without_to); x++)
			for (int i = 0; i < 3; i++)
				h = (h ^ clove_pixels_row(picture, y)[4 * x + i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The counts are those of the recordings' index. The hashes are of pictures that were looked at: text on
 * black, and in one a coloured strip of video. */
static const struct {
	const char *name;
	int surfaces;
	uint64_t drawings, hash;
} recorded[] = {
	{ "boot",          5, 196, UINT64_C(0xdce58fe1c8d45167) },
	{ "agent",         1, 109, UINT64_C(0xfd182a1859988b4f) },
	{ "fullhdr",       1,  13, UINT64_C(0xb7356e1792d252cd) },
	{ "migsrc",        4,  50, UINT64_C(0xdd93a3191f3a08cd) },
	{ "img-quic",      1,  35, UINT64_C(0x051838d8acdb5bef) },
	{ "img-glz",       1,   3, UINT64_C(0x511cc5bf7cc32747) },
	{ "img-lz",        1,   2, UINT64_C(0x6c0c93b05c78cd47) },
	{ "img-lz4",       1,   2, UINT64_C(0x41bfc196248db2af) },
	{ "img-jpegzlib",  1,  47, UINT64_C(0x8cfb3969e8ef2ac8) },
	{ "img-jpeg",      1,  20, UINT64_C(0x4e02b017051929fa) },
	{ "stream-mjpeg",  1,  31, UINT64_C(0x939ecef0c6c090d2) },
};

START_TEST(test_display_channel_shows_recorded_servers)
{
	struct playing playing;
	struct viewer viewer;
	struct clove_display_counts counts;
	struct clove_pixels picture;
	char name[64];

	snprintf(name, sizeof name, "wire/%s-display.s2c.bin", recorded[_i].name);
	play_recorded(&playing, name, !strstr(name, "fullhdr"));
	view(&viewer, &playing);
	view_to_the_end(&viewer, &playing);
	clove_display_channel_count(viewer.display, &counts);
	ck_assert(clove_display_channel_picture(viewer.display, &picture));
	ck_assert_int_eq(viewer.err, CLOVE_ERR_CLOSED);
	ck_assert_uint_eq(counts.skipped, 0);
	ck_assert_uint_eq(counts.drawings, recorded[_i].drawings);
	ck_assert_uint_eq(counts.video.frames + counts.video.dropped, strstr(name, "stream") ? 5 : 0);
	ck_assert_int_eq(viewer.came, recorded[_i].surfaces);
	ck_assert_int_eq(viewer.went, recorded[_i].surfaces - 1);
	ck_assert_int_eq(viewer.marks, recorded[_i].surfaces);
	ck_assert_int_ge(viewer.monitors, recorded[_i].surfaces);
	ck_assert_int_gt(viewer.changes, 0);
	ck_assert_int_eq(picture.width, 1024);
	ck_assert_int_eq(picture.height, 768);
	ck_assert_msg(hash(&picture, 0, 0) == recorded[_i].hash, "%s: %016llx", name,
			(unsigned long long)hash(&picture, 0, 0));
	view_fini(&viewer);
	play_fini(&playing);
}
END_TEST

/* Three recordings show one guest, but for the lines that tell the time: so three codecs agree. */
START_TEST(test_display_channel_shows_the_same_by_any_codec)
{
	static const char *const names[] = { "img-lz", "img-lz4", "img-glz" };
	uint64_t hashes[3];

	for (int i = 0; i < 3; i++) {
		struct clove_pixels picture;
		struct playing playing;
		struct viewer viewer;
		char name[64];

		snprintf(name, sizeof name, "wire/%s-display.s2c.bin", names[i]);
		play_recorded(&playing, name, true);
		view(&viewer, &playing);
		view_to_the_end(&viewer, &playing);
		ck_assert(clove_display_channel_picture(viewer.display, &picture));
		hashes[i] = hash(&picture, 48, 80);
		view_fini(&viewer);
		play_fini(&playing);
	}
	ck_assert_uint_eq(hashes[0], hashes[1]);
	ck_assert_uint_eq(hashes[0], hashes[2]);
}
END_TEST

/* -- made-up servers -- */

enum { W = 16, H = 8 };

static void say(struct playing *playing, uint16_t id, const void *message)
{
	play(playing, CLOVE_CHANNEL_DISPLAY, id, message);
}

static void say_surface(struct playing *playing, uint32_t id, uint32_t width, uint32_t height, uint32_t format)
{
	struct clove_display_surface_create create = { id, width, height, format,
			id ? 0 : CLOVE_SURFACE_FLAG_PRIMARY };

	say(playing, CLOVE_DISPLAY_SURFACE_CREATE, &create);
}

static struct clove_display_base base_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
	return (struct clove_display_base){ .box = { .left = left, .top = top, .right = right, .bottom = bottom } };
}

static struct clove_rect rect_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
	return (struct clove_rect){ .left = left, .top = top, .right = right, .bottom = bottom };
}

static void say_fill(struct playing *playing, uint32_t surface, int32_t left, int32_t top, int32_t right,
		int32_t bottom, uint32_t color)
{
	struct clove_display_draw_fill fill = { .base = base_of(left, top, right, bottom), .rop = CLOVE_ROP_PUT,
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = color } };

	fill.base.surface_id = surface;
	say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

/* The image at (0, 0), as large as it says. */
static void say_copy(struct playing *playing, const struct clove_image *image)
{
	struct clove_display_draw_copy copy = {
		.base = base_of(0, 0, (int32_t)image->width, (int32_t)image->height), .src = image,
		.src_area = rect_of(0, 0, (int32_t)image->width, (int32_t)image->height), .rop = CLOVE_ROP_PUT,
	};

	say(playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
}

/* A bitmap of one colour, 32 bits. */
static struct clove_image flat(uint32_t color, uint32_t width, uint32_t height)
{
	static uint32_t pixels[8][W * H];
	static int next;
	uint32_t *to = pixels[next++ % 8];

	for (uint32_t i = 0; i < width * height; i++)
		to[i] = htole32(color);
	return (struct clove_image){
		.type = CLOVE_IMAGE_TYPE_BITMAP, .width = width, .height = height,
		.bitmap = { .format = CLOVE_BITMAP_FMT_32BIT, .flags = CLOVE_BITMAP_FLAG_TOP_DOWN, .x = width,
			.y = height, .stride = width * 4, .data = CLOVE_BYTES(to, (size_t)width * height * 4) },
	};
}

/* A viewer of what was said so far, to the end. */
static void view_all(struct viewer *viewer, struct playing *playing)
{
	view(viewer, playing);
	view_to_the_end(viewer, playing);
	ck_assert_int_eq(viewer->err, CLOVE_ERR_CLOSED);
}

static uint32_t pixel(const struct viewer *viewer, int32_t x, int32_t y)
{
	struct clove_pixels picture;

	ck_assert(clove_display_channel_picture(viewer->display, &picture));
	return clove_le32(clove_pixels_row(&picture, y) + 4 * x) & 0xffffff;
}

static uint64_t skipped(const struct viewer *viewer)
{
	struct clove_display_counts counts;

	clove_display_channel_count(viewer->display, &counts);
	return counts.skipped;
}

static void end(struct viewer *viewer, struct playing *playing)
{
	view_fini(viewer);
	play_fini(playing);
}

/* -- what the client says -- */

START_TEST(test_display_channel_begins_with_init)
{
	static const uint8_t init[] = { 101, 0, 14, 0, 0, 0, 1, 0, 0, 0x40, 1, 0, 0, 0, 0, 1, 0, 0, 0x80, 0 };
	static const uint8_t preferred[] = { 103, 0, 1, 0, 0, 0, CLOVE_IMAGE_COMPRESSION_LZ4 };
	struct playing playing = { .mini_header = true };
	struct viewer viewer;

	preferred_compression = CLOVE_IMAGE_COMPRESSION_LZ4;
	view_all(&viewer, &playing);
	preferred_compression = 0;
	play_on(&playing, true);
	ck_assert_uint_eq(playing.heard.len, sizeof init + sizeof preferred);
	ck_assert_mem_eq(playing.heard.data, init, sizeof init);
	ck_assert_mem_eq(playing.heard.data + sizeof init, preferred, sizeof preferred);
	end(&viewer, &playing);
}
END_TEST

/* -- images -- */

static uint32_t colour_of(int32_t x, int32_t y)
{
	return (uint32_t)(x * 13 % 256) << 16 | (uint32_t)(y * 29 % 256) << 8 | (uint32_t)((x + y) % 3 * 80);
}

static const struct {
	const char *why;
	uint8_t type, form;               /* form: of the pixels */
	bool is_top_down;
	int tolerance;
} images[] = {
	{ "raw 32", CLOVE_IMAGE_TYPE_BITMAP, CLOVE_FORMAT_RGB32, true, 0 },
	{ "raw 32, bottom first", CLOVE_IMAGE_TYPE_BITMAP, CLOVE_FORMAT_RGB32, false, 0 },
	{ "raw 24, bottom first", CLOVE_IMAGE_TYPE_BITMAP, CLOVE_FORMAT_RGB24, false, 0 },
	{ "raw 16", CLOVE_IMAGE_TYPE_BITMAP, CLOVE_FORMAT_RGB16, true, 8 },
	{ "raw with alpha", CLOVE_IMAGE_TYPE_BITMAP, CLOVE_FORMAT_RGBA, true, 0 },
	{ "LZ 32", CLOVE_IMAGE_TYPE_LZ_RGB, CLOVE_FORMAT_RGB32, true, 0 },
	{ "LZ 24, bottom first", CLOVE_IMAGE_TYPE_LZ_RGB, CLOVE_FORMAT_RGB24, false, 0 },
	{ "LZ 16", CLOVE_IMAGE_TYPE_LZ_RGB, CLOVE_FORMAT_RGB16, true, 8 },
	{ "LZ4", CLOVE_IMAGE_TYPE_LZ4, CLOVE_FORMAT_RGB32, true, 0 },
	{ "LZ4 16, bottom first", CLOVE_IMAGE_TYPE_LZ4, CLOVE_FORMAT_RGB16, false, 8 },
	{ "QUIC", CLOVE_IMAGE_TYPE_QUIC, CLOVE_FORMAT_RGB32, true, 0 },
	{ "QUIC 16", CLOVE_IMAGE_TYPE_QUIC, CLOVE_FORMAT_RGB16, true, 8 },
	{ "GLZ", CLOVE_IMAGE_TYPE_GLZ_RGB, CLOVE_FORMAT_RGB32, true, 0 },
	{ "zlib around GLZ", CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB, CLOVE_FORMAT_RGB32, true, 0 },
	{ "JPEG", CLOVE_IMAGE_TYPE_JPEG, CLOVE_FORMAT_RGB32, true, 120 },
	{ "JPEG with alpha", CLOVE_IMAGE_TYPE_JPEG_ALPHA, CLOVE_FORMAT_RGBA, true, 120 },
};

/* The picture of colour_of in a form. */
static struct clove_pixels draw_form(enum clove_format form, bool is_top_down, uint8_t *memory)
{
	struct clove_pixels pixels = { memory, W, H, W * 4, form };
	size_t row = clove_format_row_bytes(form, W);

	pixels.stride = is_top_down ? (ptrdiff_t)row : -(ptrdiff_t)row;
	pixels.data = is_top_down ? memory : memory + row * (H - 1);
	for (int32_t y = 0; y < H; y++) {
		uint32_t colours[W];

		for (int32_t x = 0; x < W; x++)
			colours[x] = htole32(colour_of(x, y) | 0xff000000);
		ck_assert(clove_pixels_convert_row(clove_pixels_row(&pixels, y), form, (uint8_t *)colours,
				CLOVE_FORMAT_RGB32, W, NULL) == CLOVE_OK || form == CLOVE_FORMAT_RGBA);
		if (form == CLOVE_FORMAT_RGBA)
			memcpy(clove_pixels_row(&pixels, y), colours, sizeof colours);
	}
	return pixels;
}

/* An image of one of the rows; its bytes are in `room`. */
static struct clove_image make_image(int row, uint8_t *memory, uint8_t *room, size_t size)
{
	struct clove_pixels src = draw_form(images[row].form, images[row].is_top_down, memory);
	struct clove_image image = { .type = images[row].type, .width = W, .height = H };
	struct clove_glz_encoder *glz = clove_glz_encoder_new(0);
	uLongf zlib = size / 2;
	size_t len = 0;

	ck_assert(clove_glz_encoder_open(glz, 1, 1 << 20));
	switch (image.type) {
	case CLOVE_IMAGE_TYPE_BITMAP:
		image.bitmap = (struct clove_image_bitmap){ .format = images[row].form, .x = W, .y = H,
				.flags = images[row].is_top_down ? CLOVE_BITMAP_FLAG_TOP_DOWN : 0,
				.stride = (uint32_t)clove_format_row_bytes(images[row].form, W) };
		image.bitmap.data = CLOVE_BYTES(memory, (size_t)image.bitmap.stride * H);
		break;
	case CLOVE_IMAGE_TYPE_LZ_RGB:
		ck_assert(!clove_lz_encode(room, size, &src, images[row].is_top_down, &len));
		break;
	case CLOVE_IMAGE_TYPE_LZ4:
		ck_assert(!clove_lz4_encode(room, size, &src, images[row].is_top_down, &len));
		break;
	case CLOVE_IMAGE_TYPE_QUIC:
		ck_assert(!clove_quic_encode(room, size, &src, &len));
		break;
	case CLOVE_IMAGE_TYPE_JPEG_ALPHA:
		ck_assert(!clove_jpeg_encode(room, size / 2, &src, 95, &len));
		image.jpeg_alpha = (struct clove_image_jpeg_alpha){ CLOVE_JPEG_ALPHA_TOP_DOWN, (uint32_t)len, 0,
				CLOVE_BYTES(room, len) };
		ck_assert(!clove_lz_encode_alpha(room + len, size / 2, &src, true, &len));
		image.jpeg_alpha.data.len += len;
		image.jpeg_alpha.data_size = (uint32_t)image.jpeg_alpha.data.len;
		clove_glz_encoder_unref(glz);
		return image;
	case CLOVE_IMAGE_TYPE_JPEG:
		ck_assert(!clove_jpeg_encode(room, size, &src, 95, &len));
		break;
	default:
		ck_assert(!clove_glz_encode(glz, room, size / 2, &src, true, &len));
	}
	clove_glz_encoder_unref(glz);
	if (image.type == CLOVE_IMAGE_TYPE_ZLIB_GLZ_RGB) {
		ck_assert_int_eq(compress(room + size / 2, &zlib, room, len), Z_OK);
		image.zlib_glz_rgb = (struct clove_image_zlib_glz){ (uint32_t)len, (uint32_t)zlib,
				CLOVE_BYTES(room + size / 2, zlib) };
	} else if (image.type != CLOVE_IMAGE_TYPE_BITMAP) {
		image.quic = (struct clove_image_data){ (uint32_t)len, CLOVE_BYTES(room, len) };
	}
	return image;
}

static int distance(uint32_t a, uint32_t b)
{
	int most = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int d = abs((int)(a >> shift & 255) - (int)(b >> shift & 255));

		most = d > most ? d : most;
	}
	return most;
}

/* Drawn at once, kept and drawn from the cache, on both kinds of surface. */
START_TEST(test_display_channel_decodes_images)
{
	static const uint32_t formats[] = { CLOVE_SURFACE_FMT_32_XRGB, CLOVE_SURFACE_FMT_16_555 };
	uint8_t memory[W * H * 4], room[8192];
	struct clove_image image = make_image(_i / 2, memory, room, sizeof room);
	struct clove_image cached = { .id = 77, .type = CLOVE_IMAGE_TYPE_FROM_CACHE, .width = W, .height = H };
	struct playing playing = { 0 };
	struct viewer viewer;
	int tolerance = _i % 2 && images[_i / 2].tolerance < 8 ? 8 : images[_i / 2].tolerance;

	image.id = 77;
	image.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say_surface(&playing, 0, W, H, formats[_i % 2]);
	say_copy(&playing, &image);
	say_fill(&playing, 0, 0, 0, W, H, 0x123456);
	say_copy(&playing, &cached);
	view_all(&viewer, &playing);
	ck_assert_uint_eq(skipped(&viewer), 0);
	for (int32_t y = 0; y < H; y++)
		for (int32_t x = 0; x < W; x++)
			ck_assert_msg(distance(pixel(&viewer, x, y), colour_of(x, y)) <= tolerance,
					"%s: (%d, %d) is %06x", images[_i / 2].why, x, y, pixel(&viewer, x, y));
	end(&viewer, &playing);
}
END_TEST

static struct clove_image palette_image(const struct clove_image_palette *palette, uint64_t id, uint8_t flags)
{
	static const uint8_t bits[4] = { 0xa0 };
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_BITMAP, .width = 4, .height = 1 };

	image.bitmap = (struct clove_image_bitmap){ .format = CLOVE_BITMAP_FMT_1BIT_BE,
			.flags = CLOVE_BITMAP_FLAG_TOP_DOWN | flags, .x = 4, .y = 1, .stride = 4,
			.data = CLOVE_BYTES(bits, 4) };
	if (flags & CLOVE_BITMAP_FLAG_PAL_FROM_CACHE)
		image.bitmap.palette_id = id;
	else
		image.bitmap.palette = palette;
	return image;
}

START_TEST(test_display_channel_keeps_palettes)
{
	static const uint32_t red_blue[] = { 0xff0000, 0x0000ff }, green[] = { 0x00ff00 };
	const struct clove_image_palette palette = { 5, 2, red_blue }, other = { 6, 1, green };
	struct clove_image kept = palette_image(&palette, 0, CLOVE_BITMAP_FLAG_PAL_CACHE_ME);
	struct clove_image from_cache = palette_image(NULL, 5, CLOVE_BITMAP_FLAG_PAL_FROM_CACHE);
	struct clove_image plain = palette_image(&other, 0, 0);
	struct clove_display_inval_palette inval = { 5 };
	struct playing playing = { 0 };
	struct viewer viewer;

	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	say_copy(&playing, &kept);
	say_copy(&playing, &plain);       /* an index beyond its palette is black */
	say_copy(&playing, &from_cache);
	say(&playing, CLOVE_DISPLAY_INVAL_PALETTE, &inval);
	say_copy(&playing, &from_cache);  /* 1 skipped */
	say_copy(&playing, &kept);
	say(&playing, CLOVE_DISPLAY_INVAL_ALL_PALETTES, NULL);
	say_copy(&playing, &from_cache);  /* 2 skipped */
	view_all(&viewer, &playing);
	ck_assert_uint_eq(skipped(&viewer), 2);
	ck_assert_uint_eq(pixel(&viewer, 0, 0), 0x0000ff);
	ck_assert_uint_eq(pixel(&viewer, 1, 0), 0xff0000);
	ck_assert_uint_eq(pixel(&viewer, 2, 0), 0x0000ff);
	end(&viewer, &playing);
}
END_TEST

/* The same of LZ's indices. */
START_TEST(test_display_channel_keeps_palettes_of_lz)
{
	static const uint32_t colours[] = { 0x102030, 0x405060, 0x708090 };
	const struct clove_image_palette palette = { 5, 3, colours };
	struct clove_display_inval_palette inval = { 5 };
	uint8_t indices[W * H], room[4096];
	struct clove_pixels pixels = { indices, W, H, W, CLOVE_FORMAT_PLT8 };
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_LZ_PLT, .width = W, .height = H };
	struct playing playing = { 0 };
	struct viewer viewer;
	size_t len;

	for (int i = 0; i < W * H; i++)
		indices[i] = (uint8_t)(i % 3);
	ck_assert(!clove_lz_encode(room, sizeof room, &pixels, true, &len));
	image.lz_plt = (struct clove_image_lz_plt){ .flags = CLOVE_BITMAP_FLAG_PAL_CACHE_ME,
			.data_size = (uint32_t)len, .palette = &palette, .data = CLOVE_BYTES(room, len) };
	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	say_copy(&playing, &image);
	say_fill(&playing, 0, 0, 0, W, H, 0);
	image.lz_plt.flags = CLOVE_BITMAP_FLAG_PAL_FROM_CACHE;
	image.lz_plt.palette = NULL;
	image.lz_plt.palette_id = 5;
	say_copy(&playing, &image);
	say(&playing, CLOVE_DISPLAY_INVAL_PALETTE, &inval);
	say_copy(&playing, &image);       /* 1 skipped */
	view_all(&viewer, &playing);
	ck_assert_uint_eq(skipped(&viewer), 1);
	for (int i = 0; i < W * H; i++)
		ck_assert_uint_eq(pixel(&viewer, i % W, i / W), colours[i % 3]);
	end(&viewer, &playing);
}
END_TEST

START_TEST(test_display_channel_keeps_images_as_told)
{
	uint8_t memory[W * H * 4], room[8192];
	struct clove_image lossy = make_image(14, memory, room, sizeof room), red = flat(0xff0000, 2, 2);
	struct clove_image green = flat(0x00ff00, 2, 2), from_cache = { .id = 1, .width = 2, .height = 2 };
	struct clove_resource_id resource = { CLOVE_RESOURCE_PIXMAP, 1 };
	struct clove_display_inval_list list = { 1, &resource };
	struct clove_wait_for_channels all = { 0 };
	struct playing playing = { 0 };
	struct viewer viewer;

	lossy.id = red.id = green.id = 1;
	lossy.flags = red.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	green.flags = CLOVE_IMAGE_FLAG_CACHE_REPLACE_ME;
	from_cache.type = CLOVE_IMAGE_TYPE_FROM_CACHE_LOSSLESS;
	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	say_copy(&playing, &lossy);
	say_copy(&playing, &from_cache);   /* 1 skipped: it is lossy */
	say_copy(&playing, &green);
	say_fill(&playing, 0, 0, 0, W, H, 0);
	say_copy(&playing, &from_cache);
	say(&playing, CLOVE_DISPLAY_INVAL_LIST, &list);
	say_copy(&playing, &from_cache);   /* 2 skipped */
	red.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say_copy(&playing, &red);
	say_fill(&playing, 0, 0, 0, W, H, 0x0000ff);
	say(&playing, CLOVE_DISPLAY_INVAL_ALL_PIXMAPS, &all);
	say_copy(&playing, &from_cache);   /* 3 skipped */
	view_all(&viewer, &playing);
	ck_assert_uint_eq(skipped(&viewer), 3);
	ck_assert_uint_eq(pixel(&viewer, 0, 0), 0x0000ff);
	end(&viewer, &playing);
}
END_TEST

/* A drawing that is clipped away, or on a surface that there is not, still brings its image. */
START_TEST(test_display_channel_keeps_images_that_are_not_seen)
{
	struct clove_image red = flat(0xff0000, 2, 2), green = flat(0x00ff00, 2, 2);
	struct clove_image cached = { .id = 1, .type = CLOVE_IMAGE_TYPE_FROM_CACHE, .width = 2, .height = 2 };
	struct clove_display_draw_copy copy = { .base = base_of(0, 0, 2, 2), .src = &red,
			.src_area = rect_of(0, 0, 2, 2), .rop = CLOVE_ROP_PUT };
	struct playing playing = { 0 };
	struct viewer viewer;

	red.id = 1;
	green.id = 2;
	red.flags = green.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	copy.base.clip.type = CLOVE_CLIP_RECTS;   /* without rectangles: nothing is drawn */
	say(&playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
	copy.base.clip.type = CLOVE_CLIP_NONE;
	copy.base.surface_id = 9;
	copy.src = &green;
	say(&playing, CLOVE_DISPLAY_DRAW_COPY, &copy); /* 1 skipped */
	say_copy(&playing, &cached);
	cached.id = 2;
	copy = (struct clove_display_draw_copy){ .base = base_of(2, 0, 4, 2), .src = &cached,
			.src_area = rect_of(0, 0, 2, 2), .rop = CLOVE_ROP_PUT };
	say(&playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
	view_all(&viewer, &playing);
	ck_assert_uint_eq(skipped(&viewer), 1);
	ck_assert_uint_eq(pixel(&viewer, 0, 0), 0xff0000);
	ck_assert_uint_eq(pixel(&viewer, 3, 1), 0x00ff00);
	end(&viewer, &playing);
}
END_TEST

/* -- one message after the other -- */

static void say_opaque(struct playing *playing)
{
	struct clove_image image = flat(0x0f0f0f, 4, 4);
	struct clove_display_draw_opaque opaque = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 4, 4), .rop = CLOVE_ROP_OR,
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = 0x300000 } };

	say(playing, CLOVE_DISPLAY_DRAW_OPAQUE, &opaque);
}

static void say_blend(struct playing *playing)
{
	struct clove_image image = flat(0x0f0f0f, 4, 4);
	struct clove_display_draw_copy blend = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 4, 4), .rop = CLOVE_ROP_XOR };

	say(playing, CLOVE_DISPLAY_DRAW_BLEND, &blend);
}

static void say_masked(struct playing *playing, uint16_t id)
{
	static const uint8_t bits[] = { 0x80, 0, 0, 0 };
	struct clove_image mask = palette_image(NULL, 0, 0);
	struct clove_display_draw_mask draw_mask = { .base = base_of(0, 0, 4, 4),
			.mask = { .flags = CLOVE_MASK_INVERTED, .bitmap = &mask } };

	mask.bitmap.data = CLOVE_BYTES(bits, 4); /* inverted: all of the first row but its first pixel */
	say(playing, id, &draw_mask);
}

static void say_blackness(struct playing *playing)
{
	say_masked(playing, CLOVE_DISPLAY_DRAW_BLACKNESS);
}

static void say_whiteness(struct playing *playing)
{
	say_masked(playing, CLOVE_DISPLAY_DRAW_WHITENESS);
}

static void say_invers(struct playing *playing)
{
	say_masked(playing, CLOVE_DISPLAY_DRAW_INVERS);
}

static void say_rop3(struct playing *playing)
{
	struct clove_image image = flat(0x0000ff, 4, 4);
	struct clove_display_draw_rop3 rop3 = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 4, 4), .rop3 = 0xfe, /* P | S | D */
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = 0x00ff00 } };

	say(playing, CLOVE_DISPLAY_DRAW_ROP3, &rop3);
}

static void say_transparent(struct playing *playing)
{
	struct clove_image image = flat(0xaabbcc, 4, 4);
	struct clove_display_draw_transparent transparent = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 4, 4), .true_color = 0xaabbcc };

	((uint32_t *)(uintptr_t)image.bitmap.data.data)[1] = htole32(0x112233);
	say(playing, CLOVE_DISPLAY_DRAW_TRANSPARENT, &transparent);
}

static void say_alpha(struct playing *playing)
{
	struct clove_image image = flat(0xffffff, 4, 4);
	struct clove_display_draw_alpha_blend blend = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 4, 4), .alpha = 128 };

	say(playing, CLOVE_DISPLAY_DRAW_ALPHA_BLEND, &blend);
}

static void say_composite(struct playing *playing)
{
	struct clove_image image = flat(0x0a0b0c, 4, 4);
	struct clove_display_draw_composite composite = { .base = base_of(0, 0, 4, 4), .src = &image,
			.flags = 12 }; /* ADD */

	say(playing, CLOVE_DISPLAY_DRAW_COMPOSITE, &composite);
}

static void say_stroke(struct playing *playing)
{
	static const struct clove_point_fix points[] = { { 16, 0 }, { 48, 0 } };
	static const struct clove_path_segment segment = { CLOVE_PATH_BEGIN | CLOVE_PATH_END, 2, points };
	static const struct clove_path path = { 1, &segment };
	struct clove_display_draw_stroke stroke = { .base = base_of(0, 0, 4, 4), .path = &path,
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = 0x445566 }, .fore_mode = CLOVE_ROP_PUT };

	say(playing, CLOVE_DISPLAY_DRAW_STROKE, &stroke);
}

static void say_text(struct playing *playing)
{
	static const uint8_t bits[] = { 0xff, 0x40 }; /* the bottom row first */
	static const struct clove_glyph glyph = { .width = 3, .height = 2, .data = { bits, 2 } };
	static const struct clove_string string = { 1, CLOVE_STRING_A1, &glyph };
	struct clove_display_draw_text text = { .base = base_of(0, 0, 4, 4), .string = &string,
			.fore_brush = { .type = CLOVE_BRUSH_SOLID, .color = 0x778899 },
			.fore_mode = CLOVE_ROP_PUT, .back_mode = CLOVE_ROP_PUT };

	say(playing, CLOVE_DISPLAY_DRAW_TEXT, &text);
}

static void say_copy_bits(struct playing *playing)
{
	struct clove_display_copy_bits bits = { .base = base_of(1, 0, 3, 4), .src_pos = { 0, 0 } };

	say_fill(playing, 0, 0, 0, 1, 4, 0xabcdef);
	say(playing, CLOVE_DISPLAY_COPY_BITS, &bits);
}

static void say_pattern(struct playing *playing)
{
	struct clove_image tile = flat(0x111111, 2, 1);
	struct clove_display_draw_fill fill = { .base = base_of(0, 0, 4, 4), .rop = CLOVE_ROP_PUT,
			.brush = { .type = CLOVE_BRUSH_PATTERN, .pattern = { &tile, { 1, 0 } } } };

	((uint32_t *)(uintptr_t)tile.bitmap.data.data)[1] = htole32(0x222222);
	say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

static void say_scaled(struct playing *playing)
{
	struct clove_image image = flat(0x333333, 2, 2);
	struct clove_display_draw_copy copy = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(0, 0, 2, 2), .rop = CLOVE_ROP_PUT, .scale = CLOVE_SCALE_NEAREST };

	((uint32_t *)(uintptr_t)image.bitmap.data.data)[1] = htole32(0x444444);
	say(playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
}

static void say_surface_image(struct playing *playing)
{
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_SURFACE, .width = 4, .height = 4,
			.surface = { 3 } };
	struct clove_display_surface_destroy destroy = { 3 };

	say_surface(playing, 3, 4, 4, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(playing, 3, 0, 0, 4, 4, 0x555555);
	say_fill(playing, 3, 1, 0, 2, 1, 0x666666);
	say_copy(playing, &image);
	say(playing, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	say_copy(playing, &image); /* skipped */
}

static void say_surface_mask(struct playing *playing)
{
	struct clove_image bits = { .type = CLOVE_IMAGE_TYPE_SURFACE, .width = 4, .height = 4, .surface = { 3 } };
	struct clove_display_draw_mask draw_mask = { .base = base_of(0, 0, 4, 4), .mask.bitmap = &bits };

	say_surface(playing, 3, 4, 4, CLOVE_SURFACE_FMT_1_A);
	say_fill(playing, 3, 1, 0, 2, 4, 1);
	say(playing, CLOVE_DISPLAY_DRAW_WHITENESS, &draw_mask);
}

static void say_cached_mask(struct playing *playing)
{
	static const uint8_t bits[] = { 0x80, 0, 0, 0 };
	struct clove_image mask = palette_image(NULL, 0, 0);
	struct clove_image cached = { .id = 4, .type = CLOVE_IMAGE_TYPE_FROM_CACHE, .width = 4, .height = 1 };
	struct clove_display_draw_mask draw_mask = { .base = base_of(0, 0, 4, 4),
			.mask = { .flags = CLOVE_MASK_INVERTED, .bitmap = &mask } };

	mask.bitmap.data = CLOVE_BYTES(bits, 4);
	mask.id = 4;
	mask.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say(playing, CLOVE_DISPLAY_DRAW_WHITENESS, &draw_mask);
	draw_mask.mask.bitmap = &cached;
	say(playing, CLOVE_DISPLAY_DRAW_INVERS, &draw_mask);
}

static void say_surface_pattern(struct playing *playing)
{
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_SURFACE, .width = 2, .height = 1, .surface = { 3 } };
	struct clove_display_draw_fill fill = { .base = base_of(0, 0, 4, 4), .rop = CLOVE_ROP_PUT,
			.brush = { .type = CLOVE_BRUSH_PATTERN, .pattern.image = &image } };

	say_surface(playing, 3, 2, 1, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(playing, 3, 0, 0, 1, 1, 0x111111);
	say_fill(playing, 3, 1, 0, 2, 1, 0x222222);
	say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

/* Its own pixels. */
static void say_surface_itself(struct playing *playing)
{
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_SURFACE, .width = W, .height = H };
	struct clove_display_draw_copy copy = { .base = base_of(1, 0, 4, 1), .src = &image,
			.src_area = rect_of(0, 0, 3, 1), .rop = CLOVE_ROP_PUT };

	say_fill(playing, 0, 0, 0, 1, 1, 0x909090);
	say_fill(playing, 0, 1, 0, 2, 1, 0xa0a0a0);
	say(playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
}

static void say_clipped(struct playing *playing)
{
	struct clove_rect rects[] = { rect_of(1, 0, 2, 4), rect_of(-5, -5, 0, 0), rect_of(2, 0, 99, 1) };
	struct clove_display_draw_fill fill = { .base = base_of(INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX),
			.rop = CLOVE_ROP_PUT, .brush = { .type = CLOVE_BRUSH_SOLID, .color = 0x777777 } };

	fill.base.clip = (struct clove_clip){ CLOVE_CLIP_RECTS, 3, rects };
	say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

static void say_high_bits(struct playing *playing)
{
	struct clove_image image = flat(0x00808080, 4, 4);

	image.flags = CLOVE_IMAGE_FLAG_HIGH_BITS_SET;
	say_copy(playing, &image);
}

/* On a surface of 0x204060: the first three pixels of the first row, and the one behind the last. */
static const struct {
	const char *why;
	void (*say)(struct playing *playing);
	uint32_t want[3];
	uint64_t skipped;
} messages[] = {
	{ "OPAQUE", say_opaque, { 0x3f0f0f, 0x3f0f0f, 0x3f0f0f }, 0 },
	{ "BLEND", say_blend, { 0x2f4f6f, 0x2f4f6f, 0x2f4f6f }, 0 },
	{ "BLACKNESS", say_blackness, { 0x204060, 0, 0 }, 0 },
	{ "WHITENESS", say_whiteness, { 0x204060, 0xffffff, 0xffffff }, 0 },
	{ "INVERS", say_invers, { 0x204060, 0xdfbf9f, 0xdfbf9f }, 0 },
	{ "ROP3", say_rop3, { 0x20ffff, 0x20ffff, 0x20ffff }, 0 },
	{ "TRANSPARENT", say_transparent, { 0x204060, 0x112233, 0x204060 }, 0 },
	{ "ALPHA_BLEND", say_alpha, { 0x90a0b0, 0x90a0b0, 0x90a0b0 }, 0 },
	{ "COMPOSITE", say_composite, { 0x2a4b6c, 0x2a4b6c, 0x2a4b6c }, 0 },
	{ "STROKE", say_stroke, { 0x204060, 0x445566, 0x445566 }, 0 },
	{ "TEXT", say_text, { 0x204060, 0x778899, 0x204060 }, 0 },
	{ "COPY_BITS", say_copy_bits, { 0xabcdef, 0xabcdef, 0x204060 }, 0 },
	{ "a pattern", say_pattern, { 0x222222, 0x111111, 0x222222 }, 0 },
	{ "scaled", say_scaled, { 0x333333, 0x333333, 0x444444 }, 0 },
	{ "a surface as image", say_surface_image, { 0x555555, 0x666666, 0x555555 }, 1 },
	{ "a surface as mask", say_surface_mask, { 0x204060, 0xffffff, 0x204060 }, 0 },
	{ "a mask from the cache", say_cached_mask, { 0x204060, 0, 0 }, 0 },
	{ "a surface as pattern", say_surface_pattern, { 0x111111, 0x222222, 0x111111 }, 0 },
	{ "the surface itself", say_surface_itself, { 0x909090, 0x909090, 0xa0a0a0 }, 0 },
	{ "clipped", say_clipped, { 0x204060, 0x777777, 0x777777 }, 0 },
	{ "high bits", say_high_bits, { 0x808080, 0x808080, 0x808080 }, 0 },
};

START_TEST(test_display_channel_draws)
{
	struct playing playing = { 0 };
	struct viewer viewer;

	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(&playing, 0, 0, 0, W, H, 0x204060);
	messages[_i].say(&playing);
	view_all(&viewer, &playing);
	for (int32_t x = 0; x < 3; x++)
		ck_assert_msg(pixel(&viewer, x, 0) == messages[_i].want[x], "%s: %d is %06x", messages[_i].why, x,
				pixel(&viewer, x, 0));
	ck_assert_uint_eq(pixel(&viewer, 4, 7), 0x204060);
	ck_assert_uint_eq(skipped(&viewer), messages[_i].skipped);
	end(&viewer, &playing);
}
END_TEST

/* -- surfaces -- */

START_TEST(test_display_channel_tells_of_primaries)
{
	struct clove_display_surface_destroy destroy = { 0 };
	struct clove_display_head head = { .width = 5, .height = 6 };
	struct clove_display_monitors_config none = { 0, 1, NULL }, one = { 1, 1, &head };
	struct clove_display_mode mode = { 9, 7, 32 };
	struct clove_pixels picture;
	struct playing playing = { 0 };
	struct viewer viewer;

	say(&playing, CLOVE_DISPLAY_MARK, NULL);               /* of nothing */
	say_surface(&playing, 0, 5, 6, CLOVE_SURFACE_FMT_32_XRGB);
	say(&playing, CLOVE_DISPLAY_MONITORS_CONFIG, &none);
	say(&playing, CLOVE_DISPLAY_MONITORS_CONFIG, &one);
	say(&playing, CLOVE_DISPLAY_MARK, NULL);
	say_surface(&playing, 1, 5, 6, CLOVE_SURFACE_FMT_32_ARGB);
	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_16_565); /* in place of the other */
	say_fill(&playing, 0, 0, 0, 1, 1, 0xf81f);
	say(&playing, CLOVE_DISPLAY_MARK, NULL);
	view_all(&viewer, &playing);
	ck_assert_int_eq(viewer.came, 2);
	ck_assert_int_eq(viewer.went, 1);
	ck_assert_int_eq(viewer.monitors, 1);
	ck_assert_int_eq(viewer.marks, 2);
	ck_assert(clove_display_channel_is_marked(viewer.display));
	ck_assert_uint_eq(pixel(&viewer, 0, 0), 0xff00ff);
	ck_assert_uint_eq(pixel(&viewer, 1, 0), 0);
	end(&viewer, &playing);

	playing = (struct playing){ 0 };
	say(&playing, CLOVE_DISPLAY_MODE, &mode);
	say_fill(&playing, 0, 0, 0, 9, 7, 0x123456);
	say(&playing, CLOVE_DISPLAY_RESET, NULL);
	view_all(&viewer, &playing);
	ck_assert_int_eq(viewer.width, 9);
	ck_assert_uint_eq(pixel(&viewer, 8, 6), 0);
	end(&viewer, &playing);

	playing = (struct playing){ 0 };
	say_surface(&playing, 0, 5, 6, CLOVE_SURFACE_FMT_32_XRGB);
	say(&playing, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	say(&playing, CLOVE_DISPLAY_SURFACE_DESTROY, &destroy);
	view_all(&viewer, &playing);
	ck_assert_int_eq(viewer.went, 1);
	ck_assert(!clove_display_channel_picture(viewer.display, &picture));
	end(&viewer, &playing);
}
END_TEST

/* However much a server sends at once, there is time for others in between: of work for some 300 ms each 16. */
START_TEST(test_display_channel_lets_others_have_their_turn)
{
	struct playing playing = { 0 };
	struct viewer viewer;

	say_surface(&playing, 0, 2048, 2048, CLOVE_SURFACE_FMT_32_XRGB);
	for (uint32_t i = 0; i < 200; i++)
		say_fill(&playing, 0, 0, 0, 2048, 2048, i);
	view_all(&viewer, &playing);
	ck_assert_int_ge(viewer.changes, 5);
	ck_assert_uint_eq(pixel(&viewer, 2047, 2047), 199);
	end(&viewer, &playing);
}
END_TEST

/* -- several channels -- */

struct pair {
	struct clove_loop *loop;
	struct clove_pictures *pictures;
	struct viewer viewers[2];
	struct playing playings[2];
};

static void pair_init(struct pair *pair)
{
	memset(pair, 0, sizeof *pair);
	pair->loop = clove_poll_loop_new();
	pair->pictures = clove_pictures_new();
	for (int i = 0; i < 2; i++) {
		pair->playings[i].mini_header = true;
		struct clove_opened opened = play_open(&pair->playings[i]);
		struct clove_display_options options = { .loop = pair->loop, .pictures = pair->pictures,
				.id = (uint8_t)i, .events = &events, .opaque = &pair->viewers[i] };

		pair->viewers[i].display = clove_display_channel_new(&options, &opened);
		ck_assert_ptr_nonnull(pair->viewers[i].display);
		say_surface(&pair->playings[i], 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	}
	clove_log_set_sink(sink, &pair->viewers[0]);
}

static void pair_turn(struct pair *pair, bool ends_first)
{
	for (int i = 0; i < 30; i++) {
		play_on(&pair->playings[0], ends_first);
		play_on(&pair->playings[1], false);
		clove_poll_loop_step(pair->loop, 1);
	}
}

static void pair_fini(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		clove_display_channel_free(pair->viewers[i].display);
		play_fini(&pair->playings[i]);
	}
	clove_pictures_free(pair->pictures);
	clove_poll_loop_free(pair->loop);
	clove_log_set_sink(NULL, NULL);
}

START_TEST(test_display_channel_waits_for_an_image_of_another)
{
	struct clove_image red = flat(0xff0000, W, H);
	struct clove_image cached = { .id = 1, .type = CLOVE_IMAGE_TYPE_FROM_CACHE, .width = W, .height = H };
	struct pair pair;

	pair_init(&pair);
	say_copy(&pair.playings[1], &cached);
	say_fill(&pair.playings[1], 0, 0, 0, 1, 1, 0x00ff00);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0); /* what follows waits too */
	red.id = 1;
	red.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say_copy(&pair.playings[0], &red);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0x00ff00);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 1, 0), 0xff0000);
	ck_assert_uint_eq(skipped(&pair.viewers[1]), 0);
	/* when nobody else is there nobody is waited for */
	cached.id = 2;
	say_copy(&pair.playings[1], &cached);
	say_fill(&pair.playings[1], 0, 0, 0, 1, 1, 0x0000ff);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0x00ff00);
	pair_turn(&pair, true);
	ck_assert(pair.viewers[0].is_closed);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0x0000ff);
	ck_assert_uint_eq(skipped(&pair.viewers[1]), 1);
	pair_fini(&pair);
}
END_TEST

START_TEST(test_display_channel_shares_the_glz_dictionary)
{
	uint8_t memory[W * H * 4], rooms[2][4096];
	struct clove_pixels src = draw_form(CLOVE_FORMAT_RGB32, true, memory);
	struct clove_glz_encoder *encoder = clove_glz_encoder_new(0);
	struct clove_image glz[2];
	struct pair pair;

	ck_assert(clove_glz_encoder_open(encoder, 1, 1 << 20));
	for (int i = 0; i < 2; i++) {
		size_t len;

		ck_assert(!clove_glz_encode(encoder, rooms[i], sizeof rooms[i], &src, true, &len));
		glz[i] = (struct clove_image){ .type = CLOVE_IMAGE_TYPE_GLZ_RGB, .width = W, .height = H,
				.glz_rgb = { (uint32_t)len, CLOVE_BYTES(rooms[i], len) } };
	}
	ck_assert_uint_lt(glz[1].glz_rgb.data_size, glz[0].glz_rgb.data_size); /* it does refer */
	clove_glz_encoder_unref(encoder);
	pair_init(&pair);
	say_copy(&pair.playings[1], &glz[1]);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 3, 3), 0);
	say_copy(&pair.playings[0], &glz[0]);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 3, 3), colour_of(3, 3));
	pair_fini(&pair);
}
END_TEST

/* As a server evicts: MSG_LIST with WAIT_FOR_CHANNELS and INVAL_LIST. */
START_TEST(test_display_channel_waits_for_a_message_of_another)
{
	struct clove_image red = flat(0xff0000, W, H);
	struct clove_image cached = { .id = 1, .type = CLOVE_IMAGE_TYPE_FROM_CACHE, .width = W, .height = H };
	struct clove_resource_id resource = { CLOVE_RESOURCE_PIXMAP, 1 };
	struct clove_display_inval_list inval = { 1, &resource };
	struct clove_channel_wait waits[] = {
		{ CLOVE_CHANNEL_DISPLAY, 1, 99 },  /* itself: never */
		{ CLOVE_CHANNEL_DISPLAY, 7, 99 },  /* nobody: never */
		{ CLOVE_CHANNEL_DISPLAY, 0, 3 },
	};
	struct clove_wait_for_channels wait = { 3, waits };
	struct clove_buf list = { 0 };
	struct pair pair;

	pair_init(&pair);
	red.id = 1;
	red.flags = CLOVE_IMAGE_FLAG_CACHE_ME;
	say_copy(&pair.playings[1], &red);
	pair_turn(&pair, false);

	/* count, two offsets, then each with its own head */
	struct clove_buf bodies[2] = { { 0 }, { 0 } };
	static const uint16_t ids[2] = { CLOVE_WAIT_FOR_CHANNELS, CLOVE_DISPLAY_INVAL_LIST };
	uint8_t head[10] = { 2 };
	ck_assert(!clove_wire_write(clove_wait_for_channels_layout(), &wait, NULL, &bodies[0]));
	ck_assert(!clove_wire_write(clove_display_inval_list_layout(), &inval, NULL, &bodies[1]));
	clove_put_le32(head + 2, 10);
	clove_put_le32(head + 6, (uint32_t)(10 + 6 + bodies[0].len));
	ck_assert(!clove_buf_append(&list, head, 10));
	for (int i = 0; i < 2; i++) {
		clove_put_le16(head, ids[i]);
		clove_put_le32(head + 2, (uint32_t)bodies[i].len);
		ck_assert(!clove_buf_append(&list, head, 6));
		ck_assert(!clove_buf_append(&list, bodies[i].data, bodies[i].len));
		clove_buf_fini(&bodies[i]);
	}
	play_raw(&pair.playings[1], CLOVE_LIST, clove_buf_bytes(&list));
	clove_buf_fini(&list);
	say_fill(&pair.playings[1], 0, 0, 0, 1, 1, 0x00ff00);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0xff0000);
	/* the other may still draw it: with its third message at the latest */
	say_copy(&pair.playings[0], &cached);
	say_fill(&pair.playings[0], 0, 0, 0, 1, 1, 0x0000ff);
	pair_turn(&pair, false);
	ck_assert_uint_eq(pixel(&pair.viewers[0], 1, 0), 0xff0000);
	ck_assert_uint_eq(pixel(&pair.viewers[1], 0, 0), 0x00ff00);
	ck_assert_uint_eq(skipped(&pair.viewers[0]), 0);
	pair_fini(&pair);
}
END_TEST

/* -- many images -- */

/* Images at random places, by several codecs, some damaged: what comes later lies above, however many are
 * decoded at a time. The damaged ones are painted over. */
START_TEST(test_display_channel_draws_many_in_order)
{
	enum { SW = 96, SH = 64, N = 400 };
	static const uint8_t types[] = { CLOVE_IMAGE_TYPE_LZ_RGB, CLOVE_IMAGE_TYPE_QUIC, CLOVE_IMAGE_TYPE_LZ4,
			CLOVE_IMAGE_TYPE_BITMAP, CLOVE_IMAGE_TYPE_LZ_RGB };
	uint32_t want[SH][SW] = { { 0 } }, seed = 12345 + (uint32_t)_i;
	struct playing playing = { 0 };
	struct clove_display_counts counts;
	struct viewer viewer;
	unsigned int damaged = 0;

	say_surface(&playing, 0, SW, SH, CLOVE_SURFACE_FMT_32_XRGB);
	for (uint32_t k = 0; k < N; k++) {
		uint32_t colours[W * H], colour = k * 0x10203 & 0xffffff;
		struct clove_pixels pixels = { (uint8_t *)colours, W, H, W * 4, CLOVE_FORMAT_RGB32 };
		uint8_t room[4096];
		size_t len = 0;
		/* most lie beside each other, in a grid; others overlap, or reach out of the surface */
		int32_t left = (int32_t)(k % 6) * W, top = (int32_t)(k / 6 % 8) * H;
		struct clove_image image = { .type = types[(seed >> 20) % 5], .width = W, .height = H };
		bool is_damaged = image.type == CLOVE_IMAGE_TYPE_QUIC && k % 7 == 0;

		seed = seed * 1664525 + 1013904223;
		if (seed >> 28 == 0) {
			left = (int32_t)(seed >> 8 & 127) - W;
			top = (int32_t)(seed >> 16 & 63) - H;
		}
		for (int i = 0; i < W * H; i++)
			colours[i] = htole32(colour);
		if (image.type == CLOVE_IMAGE_TYPE_LZ_RGB)
			ck_assert(!clove_lz_encode(room, sizeof room, &pixels, true, &len));
		else if (image.type == CLOVE_IMAGE_TYPE_QUIC)
			ck_assert(!clove_quic_encode(room, sizeof room, &pixels, &len));
		else if (image.type == CLOVE_IMAGE_TYPE_LZ4)
			ck_assert(!clove_lz4_encode(room, sizeof room, &pixels, true, &len));
		else
			image = flat(colour, W, H);
		if (is_damaged)
			len = 16; /* its header is there */
		if (len)
			image.quic = (struct clove_image_data){ (uint32_t)len, CLOVE_BYTES(room, len) };
		struct clove_display_draw_copy copy = { .base = base_of(left, top, left + W, top + H),
				.src = &image, .src_area = rect_of(0, 0, W, H), .rop = CLOVE_ROP_PUT };
		say(&playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
		damaged += is_damaged;
		if (is_damaged)
			say_fill(&playing, 0, left, top, left + W, top + H, colour);
		for (int32_t y = top < 0 ? 0 : top; y < top + H && y < SH; y++)
			for (int32_t x = left < 0 ? 0 : left; x < left + W && x < SW; x++)
				want[y][x] = colour;
	}
	view_all(&viewer, &playing);
	clove_display_channel_count(viewer.display, &counts);
	ck_assert_uint_gt(damaged, 0);
	ck_assert_uint_eq(counts.skipped, damaged);
	ck_assert_uint_eq(counts.drawings, N);
	ck_assert_uint_eq(counts.images, N - damaged);
	for (int32_t y = 0; y < SH; y++)
		for (int32_t x = 0; x < SW; x++)
			ck_assert_msg(pixel(&viewer, x, y) == want[y][x], "(%d, %d) is %06x and not %06x", x, y,
					pixel(&viewer, x, y), want[y][x]);
	end(&viewer, &playing);
}
END_TEST

/* -- video -- */

/* What comes later lies above, whatever waits for the end of the turn. */
START_TEST(test_display_channel_shows_video_in_order)
{
	struct clove_display_stream_create create = {
		.id = 49, .flags = CLOVE_STREAM_TOP_DOWN, .codec = CLOVE_VIDEO_CODEC_MJPEG, .stream_width = W,
		.stream_height = H, .src_width = W, .src_height = H, .dest = rect_of(0, 0, W, H),
	};
	struct clove_display_stream_activate_report activate = { 49, 5, 1, 1000 };
	struct clove_rect corner = rect_of(0, 0, 4, 4);
	struct clove_display_stream_clip clip = { 49, { CLOVE_CLIP_RECTS, 1, &corner } };
	struct clove_display_stream_destroy destroy = { 49 };
	uint8_t room[2][2048];
	uint32_t colours[2][W * H];
	struct clove_display_stream_data data = { .id = 49 };
	struct clove_display_stream_data_sized sized = { .id = 49, .width = W, .height = H,
			.dest = rect_of(0, 0, W, H) };
	struct clove_display_counts counts;
	struct playing playing = { 0 };
	struct viewer viewer;
	unsigned int reports = 0;

	for (int i = 0; i < 2; i++) {
		struct clove_pixels pixels = { (uint8_t *)colours[i], W, H, W * 4, CLOVE_FORMAT_RGB32 };
		size_t len;

		for (int k = 0; k < W * H; k++)
			colours[i][k] = htole32(i ? 0xc0c0c0 : 0x404040);
		ck_assert(!clove_jpeg_encode(room[i], sizeof room[i], &pixels, 90, &len));
		*(i ? &sized.data : &data.data) = CLOVE_BYTES(room[i], len);
		*(i ? &sized.data_size : &data.data_size) = (uint32_t)len;
	}
	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	say(&playing, CLOVE_DISPLAY_STREAM_CREATE, &create);
	say(&playing, CLOVE_DISPLAY_STREAM_ACTIVATE_REPORT, &activate);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA, &data);
	say_fill(&playing, 0, 0, 0, 2, 2, 0xff0000);
	say(&playing, CLOVE_DISPLAY_STREAM_CLIP, &clip);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA_SIZED, &sized);
	say_fill(&playing, 0, 3, 3, 4, 4, 0x00ff00);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA, &data);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA, &data);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA_SIZED, &sized);
	say(&playing, CLOVE_DISPLAY_STREAM_DESTROY, &destroy);
	say(&playing, CLOVE_DISPLAY_STREAM_DATA, &data); /* of no stream: left out */
	say(&playing, CLOVE_DISPLAY_STREAM_DESTROY_ALL, NULL);
	say_fill(&playing, 0, 0, 0, 1, 1, 0x0000ff);
	view_all(&viewer, &playing);
	clove_display_channel_count(viewer.display, &counts);
	ck_assert_uint_eq(counts.video.frames, 3);
	ck_assert_uint_eq(counts.video.dropped, 2);
	ck_assert_uint_eq(counts.video.streams, 0);
	ck_assert_uint_eq(pixel(&viewer, 0, 0), 0x0000ff);
	ck_assert_int_le(distance(pixel(&viewer, 1, 1), 0xc0c0c0), 4);
	ck_assert_int_le(distance(pixel(&viewer, 3, 3), 0xc0c0c0), 4);
	ck_assert_int_le(distance(pixel(&viewer, 4, 4), 0x404040), 4);
	play_on(&playing, true);
	for (size_t at = 0; at + 6 <= playing.heard.len; at += 6 + clove_le32(playing.heard.data + at + 2))
		reports += clove_le16(playing.heard.data + at) == CLOVE_DISPLAY_STREAM_REPORT;
	ck_assert_uint_eq(reports, 5);
	end(&viewer, &playing);
}
END_TEST

/* What one has another cannot have: 7 of 128 MiB and a small primary, then the eighth. */
START_TEST(test_display_channel_shares_memory)
{
	struct pair pair;

	pair_init(&pair);
	for (uint32_t i = 1; i <= 7; i++)
		say_surface(&pair.playings[0], i, 8192, 4096, CLOVE_SURFACE_FMT_32_XRGB);
	pair_turn(&pair, false);
	say_surface(&pair.playings[1], 1, 8192, 4096, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(&pair.playings[1], 1, 0, 0, 1, 1, 0);
	pair_turn(&pair, false);
	ck_assert_uint_eq(skipped(&pair.viewers[1]), 1);
	say(&pair.playings[0], CLOVE_DISPLAY_SURFACE_DESTROY, &(struct clove_display_surface_destroy){ 3 });
	pair_turn(&pair, false);
	say_surface(&pair.playings[1], 1, 8192, 4096, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(&pair.playings[1], 1, 0, 0, 1, 1, 0);
	pair_turn(&pair, false);
	ck_assert_uint_eq(skipped(&pair.viewers[1]), 1);
	pair_fini(&pair);
}
END_TEST

/* -- servers that mean harm -- */

static void say_wrong_surfaces(struct playing *playing)
{
	say_surface(playing, 1, 0, 4, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, 1, 65536, 65536, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, 1, UINT32_MAX, 1, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, 1, 8192, 4097, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, UINT32_MAX, 4, 4, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, 4096, 4, 4, CLOVE_SURFACE_FMT_32_XRGB);
	say_surface(playing, 1, 4, 4, 24);
	say_fill(playing, 1, 0, 0, 1, 1, 0);        /* so this is skipped */
}

static void say_many_surfaces(struct playing *playing)
{
	for (uint32_t i = 1; i < 20; i++)
		say_surface(playing, i, 8192, 4096, CLOVE_SURFACE_FMT_32_XRGB);
	say_fill(playing, 7, 0, 0, 1, 1, 0);
	say_fill(playing, 19, 0, 0, 1, 1, 0);       /* more than all may have */
}

static void say_image_larger_than_told(struct playing *playing)
{
	uint8_t memory[W * H * 4], room[8192];
	struct clove_image image = make_image(5, memory, room, sizeof room);

	image.width--;
	say_copy(playing, &image);
}

static void say_huge_image(struct playing *playing)
{
	static const uint8_t stream[] = { 1, 9, 0, 0, 0, 1, 0 };
	struct clove_image image = { .type = CLOVE_IMAGE_TYPE_LZ4, .width = 65536, .height = 65536,
			.lz4 = { 7, CLOVE_BYTES(stream, 7) } };

	say_copy(playing, &image);
}

static void say_unknown_image(struct playing *playing)
{
	struct clove_image image = { .type = 42, .width = 1, .height = 1 };

	say_copy(playing, &image);
}

static void say_mask_of_colours(struct playing *playing)
{
	struct clove_image mask = flat(1, 2, 2);
	struct clove_display_draw_mask draw_mask = { .base = base_of(0, 0, 4, 4), .mask = { .bitmap = &mask } };

	say(playing, CLOVE_DISPLAY_DRAW_WHITENESS, &draw_mask);
}

static void say_inverted_area(struct playing *playing)
{
	struct clove_image image = flat(1, 2, 2);
	struct clove_display_draw_copy copy = { .base = base_of(0, 0, 4, 4), .src = &image,
			.src_area = rect_of(INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN), .rop = CLOVE_ROP_PUT };

	say(playing, CLOVE_DISPLAY_DRAW_COPY, &copy);
}

static void say_too_many_clips(struct playing *playing)
{
	static struct clove_rect rects[4097];
	struct clove_display_draw_fill fill = { .base = base_of(0, 0, 4, 4), .rop = CLOVE_ROP_PUT };

	fill.base.clip = (struct clove_clip){ CLOVE_CLIP_RECTS, 4097, rects };
	say(playing, CLOVE_DISPLAY_DRAW_FILL, &fill);
}

static void say_colours_without_palette(struct playing *playing)
{
	struct clove_image image = palette_image(NULL, 0, 0);

	say_copy(playing, &image);
}

static void say_operator_unknown(struct playing *playing)
{
	struct clove_image image = flat(1, 2, 2);
	struct clove_display_draw_composite composite = { .base = base_of(0, 0, 4, 4), .src = &image,
			.flags = 0x3f };

	say(playing, CLOVE_DISPLAY_DRAW_COMPOSITE, &composite);
}

static void say_far_lines(struct playing *playing)
{
	static struct clove_point_fix points[1000];
	static const uint32_t dash[] = { 16, 16 };
	static const struct clove_path_segment segments[] = {
		{ CLOVE_PATH_BEGIN | CLOVE_PATH_END | CLOVE_PATH_BEZIER | CLOVE_PATH_CLOSE, 1000, points },
		{ CLOVE_PATH_BEGIN | CLOVE_PATH_END | CLOVE_PATH_CLOSE, 1000, points },
	};
	static const struct clove_path path = { 2, segments };
	struct clove_display_draw_stroke stroke = { .base = base_of(0, 0, 4, 4), .path = &path,
			.attr = { CLOVE_LINE_STYLED, 2, dash }, .fore_mode = CLOVE_ROP_XOR,
			.brush = { .type = CLOVE_BRUSH_SOLID, .color = 0 } };

	for (int i = 0; i < 1000; i++)
		points[i] = (struct clove_point_fix){ i % 2 ? INT32_MIN : INT32_MAX, i % 3 ? INT32_MIN : INT32_MAX };
	say(playing, CLOVE_DISPLAY_DRAW_STROKE, &stroke);
	stroke.attr = (struct clove_line_attr){ 0 };
	say(playing, CLOVE_DISPLAY_DRAW_STROKE, &stroke);
}

static const struct {
	const char *why;
	void (*say)(struct playing *playing);
	uint64_t skipped;
} harms[] = {
	{ "surfaces that there cannot be", say_wrong_surfaces, 1 },
	{ "too many large surfaces", say_many_surfaces, 1 },
	{ "an image larger than its descriptor", say_image_larger_than_told, 1 },
	{ "a huge image", say_huge_image, 1 },
	{ "an unknown type of image", say_unknown_image, 1 },
	{ "a mask that is none", say_mask_of_colours, 1 },
	{ "an inverted area", say_inverted_area, 1 },
	{ "too many clip rectangles", say_too_many_clips, 1 },
	{ "a bitmap without its palette", say_colours_without_palette, 1 },
	{ "an unknown operator", say_operator_unknown, 1 },
	{ "lines that end far away", say_far_lines, 0 },
};

START_TEST(test_display_channel_outlives)
{
	struct playing playing = { 0 };
	struct viewer viewer;

	say_surface(&playing, 0, W, H, CLOVE_SURFACE_FMT_32_XRGB);
	harms[_i].say(&playing);
	say_fill(&playing, 0, 0, 0, W, H, 0x204060);
	view_all(&viewer, &playing);
	ck_assert_msg(skipped(&viewer) == harms[_i].skipped, "%s: %d skipped", harms[_i].why, (int)skipped(&viewer));
	ck_assert_uint_eq(pixel(&viewer, W - 1, H - 1), 0x204060);
	end(&viewer, &playing);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("display-channel");
	TCase *tcase = tcase_create("display-channel");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_display_channel_shows_recorded_servers, 0,
			sizeof recorded / sizeof *recorded);
	tcase_add_test(tcase, test_display_channel_shows_the_same_by_any_codec);
	tcase_add_test(tcase, test_display_channel_begins_with_init);
	tcase_add_loop_test(tcase, test_display_channel_decodes_images, 0, 2 * sizeof images / sizeof *images);
	tcase_add_test(tcase, test_display_channel_keeps_palettes);
	tcase_add_test(tcase, test_display_channel_keeps_palettes_of_lz);
	tcase_add_test(tcase, test_display_channel_keeps_images_as_told);
	tcase_add_test(tcase, test_display_channel_keeps_images_that_are_not_seen);
	tcase_add_loop_test(tcase, test_display_channel_draws, 0, sizeof messages / sizeof *messages);
	tcase_add_test(tcase, test_display_channel_tells_of_primaries);
	tcase_add_test(tcase, test_display_channel_lets_others_have_their_turn);
	tcase_add_test(tcase, test_display_channel_waits_for_an_image_of_another);
	tcase_add_test(tcase, test_display_channel_shares_the_glz_dictionary);
	tcase_add_test(tcase, test_display_channel_waits_for_a_message_of_another);
	tcase_add_test(tcase, test_display_channel_shares_memory);
	tcase_add_loop_test(tcase, test_display_channel_draws_many_in_order, 0, 8);
	tcase_add_test(tcase, test_display_channel_shows_video_in_order);
	tcase_add_loop_test(tcase, test_display_channel_outlives, 0, sizeof harms / sizeof *harms);
	tcase_set_timeout(tcase, 30); /* work without a bound takes minutes */
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
