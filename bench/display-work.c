/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-work.c - the pictures of each workload and the commands of each frame. */
#include "bench/display-work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GLYPHS = 64, LINE = 16 };

static uint32_t seed = 12345;

static uint32_t chance(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* The same for the same frame, in both processes. */
static uint32_t dice(unsigned int n, unsigned int which)
{
	uint32_t v = n * 2654435761u + which * 40503u + 977;

	v = (v ^ v >> 15) * 2246822519u;
	v = (v ^ v >> 13) * 3266489917u;
	return v ^ v >> 16;
}

/* -- marks -- */

enum { SMALL_BITS = 12, LARGE_BITS = 14, LARGE_CHECK = 10 };

unsigned int work_bits(const struct work_spot *spot, unsigned int n)
{
	return n & ((1u << (spot->cells == 5 ? LARGE_BITS : SMALL_BITS)) - 1);
}

/* The number and what checks it: of 16 cells four; of 25 ten, and a white one. A mark of 40 rows may be seen while it is
 * half another frame's, since the server cuts what has changed into strips: such a one must not pass for a number. */
static unsigned int code_of(const struct work_spot *spot, unsigned int n)
{
	unsigned int bits = work_bits(spot, n), check = (bits ^ bits >> 4 ^ bits >> 8 ^ 5) & 15;

	if (spot->cells == 5)
		return bits | (bits * 2654435761u >> (32 - LARGE_CHECK)) << LARGE_BITS | 1 << 24;
	return bits | check << SMALL_BITS;
}

void work_mark(uint32_t *pixels, size_t row, unsigned int n, const struct work_spot *spot)
{
	unsigned int code = code_of(spot, n);
	int cells = spot->cells, cell = spot->cell;

	for (int y = 0; y < cells * cell; y++)
		for (int x = 0; x < cells * cell; x++)
			pixels[(size_t)y * row + (size_t)x] = code >> (y / cell * cells + x / cell) & 1 ? 0xffffff : 0;
}

int work_read_mark(const uint8_t *pixels, ptrdiff_t stride, const struct work_spot *spot)
{
	unsigned int code = 0;
	int cells = spot->cells, cell = spot->cell;

	for (int i = 0; i < cells * cells; i++) {
		int x = i % cells * cell + cell / 2, y = i / cells * cell + cell / 2, sum = 0;

		for (int j = 0; j < 4; j++) {
			const uint8_t *at = pixels + (y - j / 2) * stride + (ptrdiff_t)(x - j % 2) * 4;

			sum += at[0] + 2 * at[1] + at[2];
		}
		if (sum >= 4 * 4 * 168)
			code |= 1u << i;
		else if (sum > 4 * 4 * 88)
			return -1;
	}
	return code_of(spot, code) == code ? (int)work_bits(spot, code) : -1;
}

/* -- pictures -- */

static struct work_picture new_picture(int width, int height, uint32_t colour)
{
	struct work_picture picture = { malloc((size_t)width * (size_t)height * 4), width, height };

	if (!picture.pixels) {
		fprintf(stderr, "no memory for pictures\n");
		exit(1);
	}
	for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
		picture.pixels[i] = colour;
	return picture;
}

static uint32_t *at(const struct work_picture *picture, int x, int y)
{
	return picture->pixels + (size_t)y * (size_t)picture->width + x;
}

static void fill(struct work_picture *picture, int x, int y, int width, int height, uint32_t colour)
{
	for (int j = 0; j < height; j++)
		for (int i = 0; i < width; i++)
			*at(picture, x + i, y + j) = colour;
}

static uint8_t glyphs[GLYPHS][14][8];

static void make_glyphs(void)
{
	for (int g = 0; g < GLYPHS; g++)
		for (int y = 0; y < 14; y++)
			for (int x = 0; x < 8; x++)
				glyphs[g][y][x] = y < 2 || y > 11 || !x || chance() % 3 ?
						255 : (uint8_t)(chance() % 4 * 80);
}

/* Words of made-up letters on one line of text, dark on white. */
static void write_line(struct work_picture *picture, int x, int y, int width)
{
	int length = width / 8 / 4 + (int)(chance() % (unsigned int)(width / 8 * 3 / 4));
	uint32_t ink = chance() % 5 ? 0 : 0x2b6cb0;

	for (int i = 0; i < length; i++) {
		unsigned int g = chance() % (GLYPHS + 12);

		for (int v = 0; v < 14 && g < GLYPHS; v++)
			for (int u = 0; u < 8; u++) {
				uint32_t paper = glyphs[g][v][u];

				*at(picture, x + i * 8 + u, y + v + 1) = (paper << 16 | paper << 8 | paper) | ink;
			}
	}
}

/* Smooth light of several scales, and the noise of a camera: +-noise / 2 in each colour. */
static struct work_picture new_photo(int width, int height, int noise)
{
	struct work_picture picture = new_picture(width, height, 0);
	static const struct { int step, weight; } scales[] = { { 256, 110 }, { 64, 60 }, { 20, 36 }, { 7, 14 } };

	for (int c = 0; c < 3; c++) {
		int *light = calloc((size_t)width * (size_t)height, sizeof *light);

		for (size_t s = 0; light && s < sizeof scales / sizeof *scales; s++) {
			int step = scales[s].step, columns = width / step + 2, rows = height / step + 2;
			int *lattice = malloc((size_t)columns * (size_t)rows * sizeof *lattice);

			for (int i = 0; lattice && i < columns * rows; i++)
				lattice[i] = (int)(chance() % (unsigned int)scales[s].weight);
			for (int y = 0; lattice && y < height; y++)
				for (int x = 0; x < width; x++) {
					const int *l = lattice + y / step * columns + x / step;
					int u = x % step, v = y % step;

					light[(size_t)y * (size_t)width + (size_t)x] +=
							(l[0] * (step - u) * (step - v) + l[1] * u * (step - v) +
							l[columns] * (step - u) * v + l[columns + 1] * u * v) * 16
							/ (step * step);
				}
			free(lattice);
		}
		for (size_t i = 0; light && i < (size_t)width * (size_t)height; i++) {
			int v = light[i] / 16 + 20 + (noise ? (int)(chance() % (unsigned int)noise) - noise / 2 : 0);

			picture.pixels[i] |= (uint32_t)(v < 0 ? 0 : v > 255 ? 255 : v) << 8 * c;
		}
		free(light);
	}
	return picture;
}

/* A desktop: flat, with a grid of icons and a bar. */
static struct work_picture new_desktop(void)
{
	struct work_picture picture = new_picture(WORK_WIDTH, WORK_HEIGHT, 0);

	for (int y = 0; y < WORK_HEIGHT; y++)
		fill(&picture, 0, y, WORK_WIDTH, 1, 0x204060u + (uint32_t)(y / 36) * 0x010101u);
	for (int y = 40; y < WORK_HEIGHT - 160; y += 140)
		for (int x = 40; x < WORK_WIDTH - 100; x += 160) {
			struct work_picture icon = new_photo(48, 48, 2);

			for (int j = 0; j < 48; j++)
				memcpy(at(&picture, x, y + j), at(&icon, 0, j), 48 * 4);
			free(icon.pixels);
		}
	fill(&picture, 0, WORK_HEIGHT - 40, WORK_WIDTH, 40, 0xd0d0d0);
	return picture;
}

/* A window: title, frame, text and some boxes. */
static struct work_picture new_window(int width, int height)
{
	struct work_picture picture = new_picture(width, height, 0xffffff);

	fill(&picture, 0, 0, width, 36, 0x3465a4);
	fill(&picture, 0, 36, 150, height - 36, 0xe8e8e8);
	for (int y = 44; y + LINE < height; y += LINE)
		write_line(&picture, 158, y, width - 166);
	for (int y = 44; y + 2 * LINE < height; y += 2 * LINE)
		write_line(&picture, 8, y, 136);
	fill(&picture, 0, 0, 1, height, 0x204a87);
	fill(&picture, width - 1, 0, 1, height, 0x204a87);
	fill(&picture, 0, height - 1, width, 1, 0x204a87);
	return picture;
}

static const struct work_spot no_mark;

static struct work_box box(int x, int y, int width, int height)
{
	return (struct work_box){ x, y, width, height };
}

static void copy_all(const struct work_guest *guest, int x, int y, const struct work_picture *picture)
{
	guest->copy(box(x, y, picture->width, picture->height), picture->pixels, picture->width, 0, no_mark);
}

static struct work_picture desktop;

static void prepare_desktop(void)
{
	make_glyphs();
	desktop = new_desktop();
}

static void begin_desktop(const struct work_guest *guest)
{
	copy_all(guest, 0, 0, &desktop);
}

/* -- typing: one glyph a frame -- */

static struct work_spot typing_spot(unsigned int n)
{
	return (struct work_spot){ 160 + (int)(n % 100) * 16, 120 + (int)(n / 100 % 50) * 16, 4, 4 };
}

static void typing_begin(const struct work_guest *guest)
{
	begin_desktop(guest);
	guest->fill(box(160, 120, 1600, 800), 0xffffff);
}

static void typing_frame(const struct work_guest *guest, unsigned int n)
{
	struct work_spot spot = typing_spot(n);

	guest->copy(box(spot.x, spot.y, 16, 16), desktop.pixels, desktop.width, n, spot);
}

/* -- scrolling text -- */

enum { TEXT_X = 260, TEXT_Y = 240, TEXT_WIDTH = 998, TEXT_HEIGHT = 788, TEXT_FRAMES = 600 };
enum { TEXT_LINES = TEXT_HEIGHT / LINE };

static struct work_picture text;

static struct work_spot scroll_spot(unsigned int n)
{
	(void)n;
	return (struct work_spot){ TEXT_X, TEXT_Y + TEXT_HEIGHT - LINE, 4, 4 };
}

/* Each line begins with the number of the frame that it comes with. */
static void scroll_prepare(void)
{
	prepare_desktop();
	text = new_picture(TEXT_WIDTH, TEXT_HEIGHT + TEXT_FRAMES * LINE, 0xffffff);
	for (int y = TEXT_HEIGHT % LINE; y + LINE <= text.height; y += LINE)
		write_line(&text, 24, y, TEXT_WIDTH - 24);
	for (int n = 1; n <= TEXT_FRAMES; n++)
		work_mark(at(&text, 0, TEXT_HEIGHT + (n - 1) * LINE), TEXT_WIDTH, (unsigned int)n,
				&(struct work_spot){ .cell = 4, .cells = 4 });
}

static void scroll_begin(const struct work_guest *guest)
{
	begin_desktop(guest);
	guest->copy(box(TEXT_X, TEXT_Y, TEXT_WIDTH, TEXT_HEIGHT), text.pixels, text.width, 0, no_mark);
}

static void scroll_frame(const struct work_guest *guest, unsigned int n)
{
	int line = (int)((n - 1) % TEXT_FRAMES) + 1;

	guest->copy(box(TEXT_X, TEXT_Y, TEXT_WIDTH, TEXT_HEIGHT), at(&text, 0, line * LINE), text.width, n,
			scroll_spot(n));
}

static void copy_bits_frame(const struct work_guest *guest, unsigned int n)
{
	int line = (int)((n - 1) % TEXT_FRAMES) + 1;

	guest->copy_bits(box(TEXT_X, TEXT_Y, TEXT_WIDTH, TEXT_HEIGHT - LINE), TEXT_X, TEXT_Y + LINE);
	guest->copy(box(TEXT_X, TEXT_Y + TEXT_HEIGHT - LINE, TEXT_WIDTH, LINE),
			at(&text, 0, TEXT_HEIGHT + (line - 1) * LINE), text.width, n, scroll_spot(n));
}

/* -- a window is dragged: what the desktop and the window show inside the union of both places -- */

enum { WINDOW_WIDTH = 640, WINDOW_HEIGHT = 420 };

static struct work_picture window, composed;

static int bounce(unsigned int n, int step, int range)
{
	int at_ = (int)(n % (unsigned int)(2 * range / step)) * step;

	return at_ < range ? at_ : 2 * range - at_;
}

static struct work_spot drag_place(unsigned int n)
{
	return (struct work_spot){ 100 + bounce(n, 9, 1080), 60 + bounce(n, 4, 560), 0, 0 };
}

static struct work_spot drag_spot(unsigned int n)
{
	struct work_spot place = drag_place(n);

	return (struct work_spot){ place.x + 560, place.y + 2, 8, 4 };
}

static void drag_prepare(void)
{
	prepare_desktop();
	window = new_window(WINDOW_WIDTH, WINDOW_HEIGHT);
	composed = new_picture(WORK_WIDTH, WORK_HEIGHT, 0);
}

static void drag_begin(const struct work_guest *guest)
{
	struct work_spot place = drag_place(0);

	begin_desktop(guest);
	memcpy(composed.pixels, desktop.pixels, (size_t)WORK_WIDTH * WORK_HEIGHT * 4);
	copy_all(guest, place.x, place.y, &window);
}

static void drag_frame(const struct work_guest *guest, unsigned int n)
{
	struct work_spot from = drag_place(n - 1), to = drag_place(n);
	int x = from.x < to.x ? from.x : to.x, y = from.y < to.y ? from.y : to.y;
	int right = (from.x > to.x ? from.x : to.x) + WINDOW_WIDTH, bottom = (from.y > to.y ? from.y : to.y) +
			WINDOW_HEIGHT;

	for (int j = y; j < bottom; j++)
		memcpy(at(&composed, x, j), at(&desktop, x, j), (size_t)(right - x) * 4);
	for (int j = 0; j < WINDOW_HEIGHT; j++)
		memcpy(at(&composed, to.x, to.y + j), at(&window, 0, j), (size_t)WINDOW_WIDTH * 4);
	guest->copy(box(x, y, right - x, bottom - y), at(&composed, x, y), WORK_WIDTH, n, drag_spot(n));
}

/* -- photographs -- */

enum { PHOTOS = 4, PHOTO_VIEWS = 32, PHOTO_NOISE = 8, TILE_NOISE = 2 };

static struct work_picture photos[PHOTOS];

/* At the bottom right: a server that sends a picture in stripes has sent all of it when that is seen. */
static struct work_spot photo_spot(unsigned int n)
{
	(void)n;
	return (struct work_spot){ WORK_WIDTH - 200, WORK_HEIGHT - 80, 8, 5 };
}

static void photo_prepare(void)
{
	prepare_desktop();
	for (int i = 0; i < PHOTOS; i++)
		photos[i] = new_photo(WORK_WIDTH + PHOTO_VIEWS, WORK_HEIGHT + PHOTO_VIEWS, PHOTO_NOISE);
}

static void photo_frame(const struct work_guest *guest, unsigned int n)
{
	int view = (int)(n / PHOTOS);

	/* never the same again, for hundreds of frames: that is "switch" */
	guest->copy(box(0, 0, WORK_WIDTH, WORK_HEIGHT), at(&photos[n % PHOTOS], view % PHOTO_VIEWS,
			view / PHOTO_VIEWS % PHOTO_VIEWS), photos[n % PHOTOS].width, n, photo_spot(n));
}

/* -- video: a camera that pans -- */

enum { VIDEO_WIDTH = 1280, VIDEO_HEIGHT = 720, VIDEO_X = 320, VIDEO_Y = 160, VIDEO_NOISE = 14, VIDEO_PAN = 320 };

/* The same scene with the camera's noise of different moments. */
enum { FILMS = 7 };

static struct work_picture films[FILMS];

static void make_films(int width, int height)
{
	films[0] = new_photo(width, height, 0);
	for (int i = FILMS - 1; i >= 0; i--) {
		size_t n = (size_t)width * (size_t)height;

		if (i)
			films[i] = new_picture(width, height, 0);
		for (size_t p = 0; p < n; p++) {
			uint32_t from = films[0].pixels[p], to = 0;

			for (int c = 0; c < 24; c += 8) {
				int v = (int)(from >> c & 255) + (int)(chance() % VIDEO_NOISE) - VIDEO_NOISE / 2;

				to |= (uint32_t)(v < 0 ? 0 : v > 255 ? 255 : v) << c;
			}
			films[i].pixels[p] = to;
		}
	}
}

static struct work_spot video_spot(unsigned int n)
{
	(void)n;
	return (struct work_spot){ VIDEO_X + 160, VIDEO_Y + 96, 16, 4 };
}

static void video_prepare(void)
{
	prepare_desktop();
	make_films(VIDEO_WIDTH + VIDEO_PAN, VIDEO_HEIGHT + VIDEO_PAN);
}

static void video_frame(const struct work_guest *guest, unsigned int n)
{
	const struct work_picture *film = &films[n % FILMS];

	guest->copy(box(VIDEO_X, VIDEO_Y, VIDEO_WIDTH, VIDEO_HEIGHT),
			at(film, bounce(n, 5, VIDEO_PAN), bounce(n, 2, VIDEO_PAN)), film->width, n, video_spot(n));
}

/* -- a desktop in use -- */

enum { PANEL_X = 1100, PANEL_Y = 100, PANEL_WIDTH = 700, PANEL_HEIGHT = 496 };

enum { THUMBNAIL_WIDTH = 400, THUMBNAIL_HEIGHT = 300 };

static struct work_picture menu;

enum mixed { MIX_TYPE, MIX_SCROLL, MIX_MENU, MIX_BUTTON, MIX_THUMBNAIL, MIX_WINDOW };

static enum mixed mixed_kind(unsigned int n)
{
	uint32_t d = dice(n, 0) % 100;

	return d < 48 ? MIX_TYPE : d < 66 ? MIX_SCROLL : d < 76 ? MIX_MENU : d < 84 ? MIX_BUTTON : d < 96 ?
			MIX_THUMBNAIL : MIX_WINDOW;
}

static struct work_spot mixed_spot(unsigned int n)
{
	int a = (int)(dice(n, 1) % 400), b = (int)(dice(n, 2) % 300);

	switch (mixed_kind(n)) {
	case MIX_TYPE: return (struct work_spot){ 80 + (int)(n % 50) * 16, 80 + (int)(n / 50 % 20) * 16, 4, 4 };
	case MIX_SCROLL: return (struct work_spot){ PANEL_X, PANEL_Y + PANEL_HEIGHT - LINE, 4, 4 };
	case MIX_MENU: return (struct work_spot){ 60 + a, 450 + b / 2, 4, 4 };
	case MIX_BUTTON: return (struct work_spot){ 1120 + a, 640 + b / 3, 4, 4 };
	case MIX_THUMBNAIL: return (struct work_spot){ 1100 + a, 700 + b / 4, 8, 4 };
	default: return (struct work_spot){ 200 + a, 420 + b / 2, 4, 4 };
	}
}

static void mixed_prepare(void)
{
	scroll_prepare();
	window = new_window(WINDOW_WIDTH, WINDOW_HEIGHT);
	menu = new_window(220, 320);
	photos[0] = new_photo(WORK_WIDTH, WORK_HEIGHT, PHOTO_NOISE);
}

static void mixed_begin(const struct work_guest *guest)
{
	begin_desktop(guest);
	guest->fill(box(80, 80, 800, 320), 0xffffff);
	guest->copy(box(PANEL_X, PANEL_Y, PANEL_WIDTH, PANEL_HEIGHT), text.pixels, text.width, 0, no_mark);
}

static void mixed_frame(const struct work_guest *guest, unsigned int n)
{
	struct work_spot spot = mixed_spot(n);

	switch (mixed_kind(n)) {
	case MIX_TYPE:
		guest->copy(box(spot.x, spot.y, 16, 16), desktop.pixels, desktop.width, n, spot);
		break;
	case MIX_SCROLL:
		guest->copy_bits(box(PANEL_X, PANEL_Y, PANEL_WIDTH, PANEL_HEIGHT - LINE), PANEL_X, PANEL_Y + LINE);
		guest->copy(box(PANEL_X, PANEL_Y + PANEL_HEIGHT - LINE, PANEL_WIDTH, LINE),
				at(&text, 0, (int)(n % TEXT_FRAMES) * LINE), text.width, n, spot);
		break;
	case MIX_MENU:
		guest->copy(box(spot.x, spot.y, menu.width, menu.height), menu.pixels, menu.width, n, spot);
		break;
	case MIX_BUTTON:
		guest->fill(box(spot.x, spot.y, 120, 30), 0x606060);
		guest->fill(box(spot.x + 1, spot.y + 1, 118, 28), dice(n, 3) % 2 ? 0xe0e0e0 : 0xf4f4f4);
		guest->copy(box(spot.x, spot.y, 16, 16), desktop.pixels, desktop.width, n, spot);
		break;
	case MIX_THUMBNAIL:
		guest->copy(box(spot.x, spot.y, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT), at(&photos[0],
				(int)(dice(n, 3) % (WORK_WIDTH - THUMBNAIL_WIDTH)),
				(int)(dice(n, 4) % (WORK_HEIGHT - THUMBNAIL_HEIGHT))), WORK_WIDTH, n, spot);
		break;
	case MIX_WINDOW:
		guest->copy(box(spot.x, spot.y, window.width, window.height), window.pixels, window.width, n, spot);
		break;
	}
}

/* -- two desktops, one of them with a photograph, switched to and fro -- */

enum { PICTURE_X = 880, PICTURE_Y = 120, PICTURE_WIDTH = 900, PICTURE_HEIGHT = 700 };

static struct work_picture desktops[2];

static struct work_spot switch_spot(unsigned int n)
{
	(void)n;
	return (struct work_spot){ 1680, 10, 8, 5 };
}

static void put(struct work_picture *onto, int x, int y, const struct work_picture *from, int width, int height)
{
	for (int v = 0; v < height; v++)
		memcpy(at(onto, x, y + v), at(from, 0, v), (size_t)width * 4);
}

static void switch_prepare(void)
{
	prepare_desktop();
	photos[0] = new_photo(WORK_WIDTH, WORK_HEIGHT, PHOTO_NOISE);
	desktops[0] = new_picture(WORK_WIDTH, WORK_HEIGHT, 0);
	desktops[1] = new_photo(WORK_WIDTH, WORK_HEIGHT, 2);
	put(&desktops[0], 0, 0, &desktop, WORK_WIDTH, WORK_HEIGHT);
	for (int i = 0; i < 2; i++) {
		struct work_picture one = new_window(760, 620), other = new_window(640, 420);

		put(&desktops[i], 60 + 30 * i, 90, &one, one.width, one.height);
		put(&desktops[i], 1100 - 900 * i, 560, &other, other.width, other.height);
		fill(&desktops[i], 0, WORK_HEIGHT - 40, WORK_WIDTH, 40, 0xd0d0d0);
	}
	put(&desktops[0], PICTURE_X, PICTURE_Y, &photos[0], PICTURE_WIDTH, PICTURE_HEIGHT);
}

static void switch_frame(const struct work_guest *guest, unsigned int n)
{
	guest->copy(box(0, 0, WORK_WIDTH, WORK_HEIGHT), desktops[n % 2].pixels, WORK_WIDTH, n, switch_spot(n));
}

/* -- floods -- */

enum { TILE_WIDTH = 240, TILE_HEIGHT = 135, TILE_ROWS = 8, TILES = 8 };

/* The last of a frame's tiles, which fill a row. */
static struct work_spot tile_spot(unsigned int n)
{
	return (struct work_spot){ (TILES - 1) * TILE_WIDTH, (int)(n * 3 % TILE_ROWS) * TILE_HEIGHT, 8, 5 };
}

static void tile_prepare(void)
{
	prepare_desktop();
	for (int i = 0; i < PHOTOS; i++)
		photos[i] = new_photo(WORK_WIDTH, WORK_HEIGHT, TILE_NOISE);
}

static void tile_frame(const struct work_guest *guest, unsigned int n)
{
	struct work_spot spot = tile_spot(n);

	for (int i = 0; i < TILES; i++) {
		uint32_t d = dice(n, (unsigned int)i);
		int x = (int)(d % (WORK_WIDTH - TILE_WIDTH)), y = (int)(d / 4096 % (WORK_HEIGHT - TILE_HEIGHT));

		guest->copy(box(i * TILE_WIDTH, spot.y, TILE_WIDTH, TILE_HEIGHT), at(&photos[d >> 30], x, y),
				WORK_WIDTH, n, i == TILES - 1 ? spot : no_mark);
	}
}

/* -- scrolling beside a video -- */

enum { SMALL_WIDTH = 640, SMALL_HEIGHT = 360 };

static void both_prepare(void)
{
	scroll_prepare();
	make_films(SMALL_WIDTH + VIDEO_PAN, SMALL_HEIGHT + VIDEO_PAN);
}

static void both_frame(const struct work_guest *guest, unsigned int n)
{
	const struct work_picture *film = &films[n % FILMS];

	guest->copy(box(WORK_WIDTH - SMALL_WIDTH, 0, SMALL_WIDTH, SMALL_HEIGHT),
			at(film, bounce(n, 5, VIDEO_PAN), bounce(n, 2, VIDEO_PAN)), film->width, 0, no_mark);
	scroll_frame(guest, n);
}

static const struct work works[] = {
	{ "typing", 30, 6, prepare_desktop, typing_begin, typing_frame, typing_spot, 0 },
	{ "scroll", 30, 8, scroll_prepare, scroll_begin, scroll_frame, scroll_spot, 1 },
	{ "copy-bits", 30, 6, scroll_prepare, scroll_begin, copy_bits_frame, scroll_spot, 1 },
	{ "drag", 30, 8, drag_prepare, drag_begin, drag_frame, drag_spot, 0 },
	{ "photos", 2, 8, photo_prepare, begin_desktop, photo_frame, photo_spot, 1 },
	{ "video", 30, 15, video_prepare, begin_desktop, video_frame, video_spot, 1 },
	{ "mixed", 30, 10, mixed_prepare, mixed_begin, mixed_frame, mixed_spot, 0 },
	{ "switch", 2, 10, switch_prepare, begin_desktop, switch_frame, switch_spot, 1 },
	{ "tiles", 0, 6, tile_prepare, begin_desktop, tile_frame, tile_spot, TILE_ROWS },
	{ "screens", 0, 6, photo_prepare, begin_desktop, photo_frame, photo_spot, 1 },
	{ "scroll-video", 30, 8, both_prepare, scroll_begin, both_frame, scroll_spot, 1 },
};

const struct work *work_at(unsigned int i)
{
	return i < sizeof works / sizeof *works ? &works[i] : NULL;
}

const struct work *work_find(const char *name)
{
	const struct work *work;

	for (unsigned int i = 0; (work = work_at(i)); i++)
		if (!strcmp(work->name, name))
			return work;
	return NULL;
}
