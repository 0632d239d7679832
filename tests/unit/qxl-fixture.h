/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl-fixture.h - a guest of a few kilobytes: its memory, and commands written into it. */
#ifndef CLOVE_TESTS_QXL_FIXTURE_H
#define CLOVE_TESTS_QXL_FIXTURE_H

#include <string.h>
#include "server/drawable.h"

enum {
	GUEST_BYTES = 256 << 10, GUEST = 1, SLOT = 1,
	AT_DRAWABLE = 0, AT_IMAGE = 256, AT_PALETTE = 384, AT_CLIP = 2048, AT_DATA = 4096,
	AT_SURFACE = 128 << 10,
};

struct guest {
	uint8_t memory[GUEST_BYTES];
	struct clove_memslots memslots;
	struct clove_surface *by_id[4];
	struct clove_surfaces surfaces;
	struct clove_qxl_source source;
};

static inline uint64_t guest_address(uint64_t at)
{
	return (uint64_t)SLOT << 56 | at;
}

static inline bool guest_init(struct guest *guest)
{
	struct clove_memslot window = { (uintptr_t)guest->memory,
			(uintptr_t)guest->memory + GUEST_BYTES, (uintptr_t)guest->memory, 0 };

	memset(guest, 0, sizeof *guest);
	guest->surfaces = (struct clove_surfaces){ guest->by_id, 4 };
	guest->source = (struct clove_qxl_source){ &guest->memslots, GUEST, false, false };
	return clove_memslots_init(&guest->memslots, 2, 8, 8, 8) == CLOVE_OK &&
			clove_memslot_set(&guest->memslots, GUEST, SLOT, &window) == CLOVE_OK;
}

static inline void guest_fini(struct guest *guest)
{
	for (int i = 0; i < 4; i++)
		clove_surface_free(guest->by_id[i]);
	clove_memslots_fini(&guest->memslots);
}

static inline struct clove_surface *guest_surface(struct guest *guest, uint32_t id, uint32_t width,
		uint32_t height, uint32_t format, int32_t stride)
{
	struct clove_surface_info info = { .width = width, .height = height, .format = format,
			.stride = stride, .address = guest_address(AT_SURFACE), .group = GUEST };
	const char *why;

	guest->by_id[id] = clove_surface_new(id, &info, &guest->memslots, GUEST_BYTES, &why);
	return guest->by_id[id];
}

static inline void put_rect(uint8_t *p, int32_t left, int32_t top, int32_t right, int32_t bottom)
{
	clove_put_le32(p, (uint32_t)top);
	clove_put_le32(p + 4, (uint32_t)left);
	clove_put_le32(p + 8, (uint32_t)bottom);
	clove_put_le32(p + 12, (uint32_t)right);
}

static inline uint8_t *put_drawable(struct guest *guest, uint8_t type, int32_t left, int32_t top,
		int32_t right, int32_t bottom)
{
	uint8_t *p = guest->memory + AT_DRAWABLE;

	memset(p, 0, 191);
	p[13] = type;
	put_rect(p + 31, left, top, right, bottom);
	for (int i = 0; i < 3; i++)
		clove_put_le32(p + 63 + 4 * i, UINT32_MAX);
	return p + 123;
}

/* A bitmap image in one chunk at AT_DATA, or flat there. */
static inline void put_bitmap(struct guest *guest, uint8_t format, uint8_t flags, uint32_t width,
		uint32_t height, uint32_t stride)
{
	uint8_t *p = guest->memory + AT_IMAGE, *chunk = guest->memory + AT_DATA;

	memset(p, 0, 48);
	clove_put_le32(p + 10, width);
	clove_put_le32(p + 14, height);
	p[18] = format;
	p[19] = flags;
	clove_put_le32(p + 20, width);
	clove_put_le32(p + 24, height);
	clove_put_le32(p + 28, stride);
	clove_put_le64(p + 32, guest_address(AT_PALETTE));
	clove_put_le64(p + 40, guest_address(AT_DATA));
	memset(chunk, 0, 20);
	clove_put_le32(chunk, stride * height);
}

static inline void put_copy(struct guest *guest, int32_t left, int32_t top, int32_t width,
		int32_t height, uint16_t rop)
{
	uint8_t *u = put_drawable(guest, CLOVE_QXL_DRAW_COPY, left, top, left + width, top + height);

	clove_put_le64(u, guest_address(AT_IMAGE));
	put_rect(u + 8, 0, 0, width, height);
	clove_put_le16(u + 24, rop);
	u[26] = 1;
}

static inline void put_fill(struct guest *guest, int32_t left, int32_t top, int32_t right,
		int32_t bottom, uint32_t color, uint16_t rop)
{
	uint8_t *u = put_drawable(guest, CLOVE_QXL_DRAW_FILL, left, top, right, bottom);

	clove_put_le32(u, 1);
	clove_put_le32(u + 4, color);
	clove_put_le16(u + 20, rop);
}

/* Reads and draws what lies at AT_DRAWABLE. */
static inline enum clove_err guest_draw(struct guest *guest, pixman_region32_t *changed)
{
	struct clove_qxl_drawable drawable;
	void *release;
	enum clove_err err = clove_qxl_read_drawable(&guest->source, guest_address(AT_DRAWABLE),
			&drawable, &release);

	if (err == CLOVE_OK)
		err = clove_drawable_draw(&drawable, &guest->surfaces, changed);
	clove_qxl_drawable_fini(&drawable);
	return err;
}

#endif
