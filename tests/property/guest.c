/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.c - commands of every kind that guests often give, at places and with pictures by chance. */
#include "tests/property/guest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	RING = 32, SURFACES = 6, SIDE = 720, /* no surface is larger */
	LINE = 16,
};

/* -- chance -- */

static uint32_t state;

void chance_seed(uint32_t seed)
{
	state = seed * 2654435761u + 1;
}

uint32_t chance_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return n ? (state >> 4) % n : 0;
}

bool chance_one_in(uint32_t n)
{
	return chance_below(n) == 0;
}

/* -- the device -- */

struct command {
	QXLDrawable drawable;
	QXLImage image;
	QXLSurfaceCmd surface;
	struct {
		QXLClipRects head;
		QXLRect rects[4];
	} __attribute__((packed)) clip;
	struct {
		QXLPalette head;
		uint32_t ents[256];
	} __attribute__((packed)) palette;
	size_t bytes;
	QXLDataChunk chunk;
};

static struct {
	pthread_mutex_t lock;
	QXLCommandExt ring[RING];
	unsigned int put, got;
	bool wants_notification;
	atomic_int held, odd;
} device = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
	bool is_any;

	(void)qxl;
	pthread_mutex_lock(&device.lock);
	is_any = device.put != device.got;
	if (is_any)
		*ext = device.ring[device.got++ % RING];
	pthread_mutex_unlock(&device.lock);
	return is_any;
}

static int req_notification(QXLInstance *qxl)
{
	bool is_empty;

	(void)qxl;
	pthread_mutex_lock(&device.lock);
	is_empty = device.put == device.got;
	device.wants_notification |= is_empty;
	pthread_mutex_unlock(&device.lock);
	return is_empty;
}

static int no_cursor(QXLInstance *qxl, QXLCommandExt *ext)
{
	(void)qxl, (void)ext;
	return 0;
}

static int cursor_armed(QXLInstance *qxl)
{
	(void)qxl;
	return 1;
}

/* What is read after its release is read as nonsense. */
static void release(QXLInstance *qxl, QXLReleaseInfoExt ext)
{
	struct command *command = (struct command *)(uintptr_t)ext.info->id;

	(void)qxl;
	memset(command, 0xee, command->bytes);
	free(command);
	if (--device.held < 0)
		device.odd++;
}

static void attached(QXLInstance *qxl) { (void)qxl; }
static void set_level(QXLInstance *qxl, int level) { (void)qxl, (void)level; }
static void notify_update(QXLInstance *qxl, uint32_t id) { (void)qxl, (void)id; }
static int flush_resources(QXLInstance *qxl) { (void)qxl; return 0; }
static void async_complete(QXLInstance *qxl, uint64_t cookie) { (void)qxl, (void)cookie; }
static void area_complete(QXLInstance *qxl, uint32_t id, struct QXLRect *rects, uint32_t n)
{
	(void)qxl, (void)id, (void)rects, (void)n;
}
static void client_caps(QXLInstance *qxl, uint8_t present, uint8_t caps[58]) { (void)qxl, (void)present, (void)caps; }
static void init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){ .num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8,
			.memslot_id_bits = 8, .qxl_ram_size = 64 << 20, .n_surfaces = SURFACES };
}

static const QXLInterface interface = {
	.base = { SPICE_INTERFACE_QXL, "property", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR },
	.attached_worker = attached, .set_compression_level = set_level, .get_init_info = init_info,
	.get_command = get_command, .req_cmd_notification = req_notification, .release_resource = release,
	.get_cursor_command = no_cursor, .req_cursor_notification = cursor_armed, .notify_update = notify_update,
	.flush_resources = flush_resources, .async_complete = async_complete,
	.update_area_complete = area_complete, .set_client_capabilities = client_caps,
};
QXLInstance guest_qxl = { .base = { &interface.base } };

static bool push(QXLCommandExt ext)
{
	bool shall_wake = false, is_full = true;

	for (int ms = 0; ms < 5000 && is_full; ms++) {
		pthread_mutex_lock(&device.lock);
		is_full = device.put - device.got == RING;
		if (!is_full) {
			device.ring[device.put++ % RING] = ext;
			shall_wake = device.wants_notification;
			device.wants_notification = false;
		}
		pthread_mutex_unlock(&device.lock);
		if (is_full)
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	if (shall_wake)
		spice_qxl_wakeup(&guest_qxl);
	return !is_full;
}

/* -- surfaces -- */

static struct surface {
	int width, height, bits;
	bool is_there;
} surfaces[SURFACES];
static uint8_t *memory[SURFACES];           /* SIDE x SIDE x 4 each */
static uint32_t *expected;
static uint32_t *page;                      /* what scrolls: SIDE wide, 2 SIDE high */
static struct { int x, y, width, height; uint32_t phase; } film;

int guest_held(void) { return device.held; }
int guest_odd(void) { return device.odd; }

static void paint_page(void)
{
	for (int y = 0; y < 2 * SIDE; y++)
		for (int x = 0; x < SIDE; x++)
			page[y * SIDE + x] = y % LINE > 2 && (x * 7 + y / LINE * 13) % 11 < 8 &&
					(x * 31 ^ y * 17 ^ x * y) & 4 ? 0x202020 : 0xffffff;
}

bool guest_start(SpiceServer *server)
{
	QXLDevMemSlot slot = { .virt_end = UINTPTR_MAX };

	for (int i = 0; i < SURFACES; i++)
		memory[i] = memory[i] ? memory[i] : calloc(SIDE * SIDE, 4);
	expected = expected ? expected : calloc(SIDE * SIDE, 4);
	page = page ? page : calloc(2 * SIDE * SIDE, 4);
	paint_page();
	memset(surfaces, 0, sizeof surfaces);
	device.put = device.got = 0;
	device.wants_notification = true;
	device.held = device.odd = 0;
	if (spice_server_add_interface(server, &guest_qxl.base))
		return false;
	spice_qxl_add_memslot(&guest_qxl, &slot);
	return true;
}

void guest_end(void)
{
	if (surfaces[0].is_there)
		spice_qxl_destroy_surfaces(&guest_qxl);
	spice_server_remove_interface(&guest_qxl.base);
}

void guest_film_elsewhere(void)
{
	film.width = 128 + (int)chance_below(200);
	film.height = 96 + (int)chance_below(160);
	if (film.width > surfaces[0].width)
		film.width = surfaces[0].width;
	if (film.height > surfaces[0].height)
		film.height = surfaces[0].height;
	film.x = (int)chance_below((uint32_t)(surfaces[0].width - film.width + 1));
	film.y = (int)chance_below((uint32_t)(surfaces[0].height - film.height + 1));
}

void guest_set_mode(int width, int height, int bits)
{
	QXLDevSurfaceCreate create = { .width = (uint32_t)width, .height = (uint32_t)height,
			.stride = (bits == 16 ? 2 : 4) * width, .mouse_mode = 1, .mem = (uintptr_t)memory[0],
			.format = bits == 16 ? SPICE_SURFACE_FMT_16_555 : SPICE_SURFACE_FMT_32_xRGB };

	if (surfaces[0].is_there)
		spice_qxl_destroy_surfaces(&guest_qxl);
	memset(surfaces, 0, sizeof surfaces);
	create.stride = (create.stride + 3) & ~3;
	spice_qxl_create_primary_surface(&guest_qxl, 0, &create);
	surfaces[0] = (struct surface){ width, height, bits, true };
	guest_film_elsewhere();
}

const uint32_t *guest_expect(int *width, int *height)
{
	struct QXLRect all = { .bottom = surfaces[0].height, .right = surfaces[0].width };
	size_t stride = ((size_t)surfaces[0].width * (surfaces[0].bits == 16 ? 2 : 4) + 3) & ~(size_t)3;

	spice_qxl_update_area(&guest_qxl, 0, &all, NULL, 0, 0);
	*width = surfaces[0].width;
	*height = surfaces[0].height;
	for (int y = 0; y < *height; y++)
		for (int x = 0; x < *width; x++) {
			const uint8_t *p = memory[0] + (size_t)y * stride;
			uint32_t c;

			if (surfaces[0].bits == 16) {
				c = clove_le16(p + x * 2);
				c = (c >> 10 & 31) << 19 | (c >> 5 & 31) << 11 | (c & 31) << 3;
				c |= c >> 5 & 0x070707;
			} else {
				c = clove_le32(p + x * 4) & 0xffffff;
			}
			expected[y * *width + x] = c;
		}
	return expected;
}

/* -- drawing -- */

static struct command *new_command(size_t pixels)
{
	size_t bytes = sizeof(struct command) + pixels;
	struct command *command = calloc(1, bytes);

	if (!command)
		abort();
	command->bytes = bytes;
	device.held++;
	return command;
}

static int random_surface(void)
{
	int id = (int)chance_below(SURFACES * 2);

	return id < SURFACES && surfaces[id].is_there ? id : 0;
}

static QXLRect random_box(const struct surface *on)
{
	bool is_small = !chance_one_in(4);
	int width = 1 + (int)chance_below((uint32_t)(is_small && on->width > 90 ? 90 : on->width));
	int height = 1 + (int)chance_below((uint32_t)(is_small && on->height > 90 ? 90 : on->height));
	int x = (int)chance_below((uint32_t)(on->width - width + 1));
	int y = (int)chance_below((uint32_t)(on->height - height + 1));

	return (QXLRect){ .top = y, .left = x, .bottom = y + height, .right = x + width };
}

static struct command *new_drawable(uint8_t type, int surface, QXLRect box, size_t pixels)
{
	struct command *command = new_command(pixels);
	QXLDrawable *drawable = &command->drawable;

	drawable->type = type;
	drawable->surface_id = (uint32_t)surface;
	drawable->effect = QXL_EFFECT_OPAQUE;
	drawable->bbox = box;
	for (int i = 0; i < 3; i++)
		drawable->surfaces_dest[i] = -1;
	drawable->release_info.id = (uintptr_t)command;
	return command;
}

static bool push_drawable(struct command *command)
{
	QXLCommandExt ext = { .cmd = { .type = QXL_CMD_DRAW, .data = (uintptr_t)&command->drawable } };

	return push(ext);
}

static void clip(struct command *command)
{
	const QXLRect *box = &command->drawable.bbox;

	command->clip.head.num_rects = 1 + chance_below(4);
	command->clip.head.chunk.data_size = command->clip.head.num_rects * (uint32_t)sizeof(QXLRect);
	for (uint32_t i = 0; i < command->clip.head.num_rects; i++) {
		QXLRect *r = &command->clip.rects[i];

		r->left = box->left + (int)chance_below((uint32_t)(box->right - box->left));
		r->top = box->top + (int)chance_below((uint32_t)(box->bottom - box->top));
		r->right = r->left + 1 + (int)chance_below((uint32_t)(box->right - r->left));
		r->bottom = r->top + 1 + (int)chance_below((uint32_t)(box->bottom - r->top));
	}
	command->drawable.clip.type = SPICE_CLIP_TYPE_RECTS;
	command->drawable.clip.data = (uintptr_t)&command->clip.head;
}

enum look { FLAT, TEXT, SMOOTH, NOISE, TILES, LOOKS };

static uint32_t look_at(enum look look, int x, int y, uint32_t salt)
{
	switch (look) {
	case FLAT: return salt & 0xffffff;
	case TEXT: return page[(unsigned int)(y + (int)(salt % SIDE)) % (2 * SIDE) * SIDE + (unsigned int)x % SIDE];
	case SMOOTH: return (uint32_t)(x * 2 + (int)salt) % 256 << 16 | (uint32_t)(y * 3) % 256 << 8 |
			(uint32_t)(x + y) % 256;
	case NOISE: return ((uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u) * (salt | 1) >> 8;
	default: return ((x / 24 + y / 24) & 1 ? salt : ~salt) & 0xffffff;
	}
}

/* A photograph: smooth, and a little noise. */
static uint32_t photo_at(int x, int y, uint32_t salt)
{
	uint32_t noise = ((uint32_t)x * 7919 ^ (uint32_t)y * 104729 ^ salt) * 2654435761u;

	return look_at(SMOOTH, x / 3, y / 3, salt) ^ (noise >> 10 & 0x030303);
}

static const struct { uint8_t format; int bits; } formats[] = {
	{ SPICE_BITMAP_FMT_32BIT, 32 }, { SPICE_BITMAP_FMT_32BIT, 32 }, { SPICE_BITMAP_FMT_RGBA, 32 },
	{ SPICE_BITMAP_FMT_24BIT, 24 }, { SPICE_BITMAP_FMT_16BIT, 16 }, { SPICE_BITMAP_FMT_8BIT, 8 },
};

static void set_image(struct command *command, size_t which, int width, int height, enum look look, uint32_t salt)
{
	size_t stride = ((size_t)width * (size_t)formats[which].bits / 8 + 3) & ~(size_t)3;
	QXLImage *image = &command->image;
	uint8_t *p = command->chunk.data;

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint32_t c = look == LOOKS ? photo_at(x, y, salt) : look_at(look, x, y, salt);
			uint8_t *to = p + (size_t)y * stride;

			switch (formats[which].bits) {
			case 32: clove_put_le32(to + x * 4, c | 0xff000000); break;
			case 24: to[x * 3] = (uint8_t)c, to[x * 3 + 1] = (uint8_t)(c >> 8),
					to[x * 3 + 2] = (uint8_t)(c >> 16); break;
			case 16: clove_put_le16(to + x * 2, (uint16_t)(c >> 9 & 0x7fff)); break;
			default: to[x] = (uint8_t)(c >> 4); break;
			}
		}
	image->descriptor.id = (uint64_t)(salt | 1) << 32 | QXL_IMAGE_GROUP_DRIVER;
	image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	image->descriptor.width = image->bitmap.x = (uint32_t)width;
	image->descriptor.height = image->bitmap.y = (uint32_t)height;
	image->bitmap.format = formats[which].format;
	image->bitmap.flags = chance_one_in(3) ? 0 : QXL_BITMAP_TOP_DOWN;
	image->bitmap.stride = (uint32_t)stride;
	image->bitmap.data = (uintptr_t)&command->chunk;
	command->chunk.data_size = (uint32_t)(stride * (size_t)height);
	if (formats[which].bits == 8) {
		command->palette.head.num_ents = 256;
		for (uint32_t i = 0; i < 256; i++)
			command->palette.ents[i] = i * 0x010307 & 0xffffff;
		image->bitmap.palette = (uintptr_t)&command->palette;
	}
}

static bool draw_picture(int surface, QXLRect box, enum look look, uint32_t salt, size_t format, bool may_vary)
{
	int width = box.right - box.left, height = box.bottom - box.top;
	struct command *command = new_drawable(QXL_DRAW_COPY, surface, box, (size_t)(width + 3) * (size_t)height * 4);

	set_image(command, format, width, height, look, salt);
	command->drawable.u.copy.src_bitmap = (uintptr_t)&command->image;
	command->drawable.u.copy.src_area = (QXLRect){ .bottom = height, .right = width };
	command->drawable.u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
	if (may_vary && chance_one_in(6)) { /* scaled from a part */
		command->drawable.u.copy.src_area.right = 1 + (int)chance_below((uint32_t)width);
		command->drawable.u.copy.src_area.bottom = 1 + (int)chance_below((uint32_t)height);
		command->drawable.u.copy.scale_mode = (uint8_t)chance_below(2);
	}
	if (may_vary && chance_one_in(8))
		command->drawable.u.copy.rop_descriptor = SPICE_ROPD_OP_XOR;
	if (may_vary && chance_one_in(4))
		clip(command);
	return push_drawable(command);
}

static bool draw_copy(void)
{
	int id = random_surface();
	size_t format = chance_below(sizeof formats / sizeof *formats);

	if (surfaces[id].bits == 16)
		format = 4; /* the others' colours are converted, and palettes hold 555 */
	return draw_picture(id, random_box(&surfaces[id]), (enum look)chance_below(LOOKS + 1), chance_below(1 << 24),
			format, true);
}

static bool draw_alpha(void)
{
	int id = random_surface();
	QXLRect box = random_box(&surfaces[id]);
	int width = box.right - box.left, height = box.bottom - box.top;
	struct command *command = new_drawable(QXL_DRAW_ALPHA_BLEND, id, box, (size_t)width * (size_t)height * 4);

	set_image(command, 0, width, height, (enum look)chance_below(LOOKS), chance_below(1 << 24));
	command->drawable.u.alpha_blend.alpha = (uint8_t)chance_below(256);
	command->drawable.u.alpha_blend.src_bitmap = (uintptr_t)&command->image;
	command->drawable.u.alpha_blend.src_area = (QXLRect){ .bottom = height, .right = width };
	return push_drawable(command);
}

static bool draw_fill(void)
{
	static const uint16_t rops[] = { SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_XOR,
			SPICE_ROPD_OP_AND };
	int id = random_surface();
	struct command *command = new_drawable(QXL_DRAW_FILL, id, random_box(&surfaces[id]), 0);

	command->drawable.u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
	command->drawable.u.fill.brush.u.color = chance_below(1 << 24);
	if (surfaces[id].bits == 16)
		command->drawable.u.fill.brush.u.color &= 0x7fff;
	command->drawable.u.fill.rop_descriptor = rops[chance_below(sizeof rops / sizeof *rops)];
	if (chance_one_in(4))
		clip(command);
	return push_drawable(command);
}

static bool draw_plain(void)
{
	static const uint8_t types[] = { QXL_DRAW_BLACKNESS, QXL_DRAW_WHITENESS, QXL_DRAW_INVERS };
	int id = random_surface();

	return push_drawable(new_drawable(types[chance_below(3)], id, random_box(&surfaces[id]), 0));
}

static bool copy_bits(void)
{
	int id = random_surface();
	const struct surface *on = &surfaces[id];
	QXLRect box = random_box(on);
	struct command *command = new_drawable(QXL_COPY_BITS, id, box, 0);

	command->drawable.u.copy_bits.src_pos.x = (int)chance_below((uint32_t)(on->width - (box.right - box.left) + 1));
	command->drawable.u.copy_bits.src_pos.y = (int)chance_below((uint32_t)(on->height - (box.bottom - box.top) + 1));
	return push_drawable(command);
}

/* Some steps of a window full of text, by copies of all of it or by COPY_BITS and a line. */
static bool scroll(void)
{
	const struct surface *on = &surfaces[0];
	bool by_bits = chance_one_in(2);
	uint32_t from = chance_below(SIDE / LINE);
	QXLRect box = { .top = on->height / 8, .left = on->width / 8, .bottom = on->height * 7 / 8,
			.right = on->width * 7 / 8 };

	for (uint32_t i = 0, n = 1 + chance_below(6); i < n; i++) {
		QXLRect line = box;
		struct command *command;

		if (!by_bits) {
			if (!draw_picture(0, box, TEXT, (from + i) * LINE, on->bits == 16 ? 4 : 0, false))
				return false;
			continue;
		}
		line.bottom -= LINE;
		command = new_drawable(QXL_COPY_BITS, 0, line, 0);
		command->drawable.u.copy_bits.src_pos = (QXLPoint){ line.left, line.top + LINE };
		line = box;
		line.top = box.bottom - LINE;
		if (!push_drawable(command) || !draw_picture(0, line, TEXT, (from + i) * LINE,
				on->bits == 16 ? 4 : 0, false))
			return false;
	}
	return true;
}

static bool make_or_drop_surface(void)
{
	int id = 1 + (int)chance_below(SURFACES - 1);
	struct command *command = new_command(0);
	QXLCommandExt ext = { .cmd = { .type = QXL_CMD_SURFACE, .data = (uintptr_t)&command->surface } };

	command->surface.release_info.id = (uintptr_t)command;
	command->surface.surface_id = (uint32_t)id;
	if (surfaces[id].is_there) {
		command->surface.type = QXL_SURFACE_CMD_DESTROY;
		surfaces[id].is_there = false;
	} else {
		surfaces[id] = (struct surface){ 40 + (int)chance_below(200), 40 + (int)chance_below(200),
				surfaces[0].bits, true };
		command->surface.type = QXL_SURFACE_CMD_CREATE;
		command->surface.u.surface_create = (QXLSurface){ .width = (uint32_t)surfaces[id].width,
				.height = (uint32_t)surfaces[id].height,
				.stride = (surfaces[id].width * surfaces[id].bits / 8 + 3) & ~3,
				.data = (uintptr_t)memory[id], .format = surfaces[id].bits == 16 ?
				SPICE_SURFACE_FMT_16_555 : SPICE_SURFACE_FMT_32_xRGB };
	}
	return push(ext);
}

static bool copy_surface(void)
{
	int from = random_surface(), to = chance_one_in(2) ? 0 : random_surface();
	const struct surface *source = &surfaces[from];
	QXLRect box = random_box(&surfaces[to]);
	struct command *command;

	if (box.right - box.left > source->width)
		box.right = box.left + source->width;
	if (box.bottom - box.top > source->height)
		box.bottom = box.top + source->height;
	command = new_drawable(QXL_DRAW_COPY, to, box, 0);
	command->image.descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
	command->image.descriptor.width = (uint32_t)source->width;
	command->image.descriptor.height = (uint32_t)source->height;
	command->image.surface_image.surface_id = (uint32_t)from;
	command->drawable.surfaces_dest[0] = from;
	command->drawable.surfaces_rects[0] = (QXLRect){ .bottom = source->height, .right = source->width };
	command->drawable.u.copy.src_bitmap = (uintptr_t)&command->image;
	command->drawable.u.copy.src_area = (QXLRect){ .bottom = box.bottom - box.top, .right = box.right - box.left };
	command->drawable.u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
	return push_drawable(command);
}

bool guest_film(void)
{
	QXLRect box = { .top = film.y, .left = film.x, .bottom = film.y + film.height,
			.right = film.x + film.width };

	film.phase += 5;
	return draw_picture(0, box, LOOKS, film.phase, surfaces[0].bits == 16 ? 4 : 0, false);
}

bool guest_draw(void)
{
	static bool (*const kinds[])(void) = { draw_copy, draw_copy, draw_copy, draw_fill, draw_fill, draw_plain,
			draw_alpha, copy_bits, copy_bits, scroll, make_or_drop_surface, copy_surface };

	return kinds[chance_below(sizeof kinds / sizeof *kinds)]();
}
