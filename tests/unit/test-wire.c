/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-wire.c - the walker on good, bad and random bodies of every layout. */
#include <check.h>
#include <stdlib.h>
#include "common/protocol/enums.h"
#include "tests/fuzz/wire-layouts.h"

#include "common/protocol/wire-types.h"
#include "tests/unit/wire.def"
#include "common/protocol/wire-end.h"

static uint64_t t_words_list(const void *self, const void *around)
{
	(void)around;
	return ((const struct clove_t_words *)self)->n * UINT64_C(2);
}

#include "common/protocol/wire-tables.h"
#include "tests/unit/wire.def"
#include "common/protocol/wire-end.h"

enum { ARENA = 1 << 20, SEEDS = 200, DAMAGES = 8 };

static struct clove_arena arena;

static void setup(void)
{
	clove_arena_init(&arena, ARENA);
}

static void teardown(void)
{
	clove_arena_fini(&arena);
}

/* -- parse -- */

#define BODY(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define BASE      0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,  9, 0, 0, 0,  9, 0, 0, 0,  0
#define RECT      0, 0, 0, 0,  0, 0, 0, 0,  9, 0, 0, 0,  9, 0, 0, 0
#define NO_MASK   0,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0
#define IMAGE(t)  1, 0, 0, 0, 0, 0, 0, 0, (t), 0, 2, 0, 0, 0, 2, 0, 0, 0
#define ALL       0xff, 0xff, 0xff, 0xff

static const struct {
	const char *why;
	wire_layout_fn layout;
	const uint8_t *body;
	size_t len;
	enum clove_err want;
} bodies[] = {
	{ "nothing where nothing is wanted", clove_empty_layout, NULL, 0, CLOVE_OK },
	{ "something where nothing is wanted", clove_empty_layout, BODY(1), CLOVE_OK },
	{ "whole", clove_inputs_position_layout, BODY(5, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0), CLOVE_OK },
	{ "longer", clove_inputs_position_layout, BODY(5, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 7), CLOVE_OK },
	{ "one byte missing", clove_inputs_position_layout, BODY(5, 0, 0, 0, 6, 0, 0, 0, 1, 0),
		CLOVE_ERR_SHORT },
	{ "no byte at all", clove_inputs_position_layout, NULL, 0, CLOVE_ERR_SHORT },
	{ "empty list", clove_main_channels_list_layout, BODY(0, 0, 0, 0), CLOVE_OK },
	{ "list cut", clove_main_channels_list_layout, BODY(2, 0, 0, 0, 1, 0, 2), CLOVE_ERR_SHORT },
	{ "list longer than its bytes", clove_display_monitors_config_layout, BODY(200, 0, 1, 0, [203] = 0),
		CLOVE_ERR_SHORT },
	{ "pointers longer than their bytes", clove_message_list_layout, BODY(0xff, 0xff, 6, 0, 0, 0,
		1, 0, 0, 0, 0, 0), CLOVE_ERR_SHORT },
	{ "one of the pointers is NULL", clove_message_list_layout, BODY(1, 0, 0, 0, 0, 0), CLOVE_ERR_VALUE },
	{ "list of 2^32 - 1", clove_main_channels_list_layout, BODY(ALL, 1, 0), CLOVE_ERR_SHORT },
	{ "integers cut", clove_playback_volume_layout, BODY(2, 1, 0, 2), CLOVE_ERR_SHORT },
	{ "integers", clove_playback_volume_layout, BODY(2, 1, 0, 2, 0), CLOVE_OK },
	{ "bytes of 2^32 - 1", clove_main_name_layout, BODY(ALL, 'x', 0), CLOVE_ERR_SHORT },
	{ "bytes of 2^64 - 1", clove_agent_file_xfer_data_layout, BODY(1, 0, 0, 0, ALL, ALL, 1),
		CLOVE_ERR_SHORT },
	{ "notify without its NUL", clove_notify_layout, BODY(0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0,
		0, 0, 0, 0,  0, 0, 0, 0,  1, 0, 0, 0,  'x'), CLOVE_ERR_SHORT },
	{ "name behind", clove_port_init_layout, BODY(2, 0, 0, 0, 9, 0, 0, 0, 1, 'x', 0), CLOVE_OK },
	{ "name inside", clove_port_init_layout, BODY(2, 0, 0, 0, 1, 0, 0, 0, 1), CLOVE_OK },
	{ "name beyond", clove_port_init_layout, BODY(2, 0, 0, 0, 11, 0, 0, 0, 1, 'x', 0),
		CLOVE_ERR_BOUNDS },
	{ "name at 2^32 - 1", clove_port_init_layout, BODY(2, 0, 0, 0, ALL, 1, 'x', 0), CLOVE_ERR_BOUNDS },
	{ "name too long", clove_port_init_layout, BODY(3, 0, 0, 0, 9, 0, 0, 0, 1, 'x', 0),
		CLOVE_ERR_SHORT },
	{ "name of 2^32 - 1", clove_port_init_layout, BODY(ALL, 9, 0, 0, 0, 1, 'x', 0), CLOVE_ERR_SHORT },
	{ "no name", clove_port_init_layout, BODY(0, 0, 0, 0, 0, 0, 0, 0, 1), CLOVE_OK },
	{ "a name that is NULL", clove_port_init_layout, BODY(2, 0, 0, 0, 0, 0, 0, 0, 1), CLOVE_ERR_VALUE },
	{ "clip of 2^32 - 1", clove_display_stream_clip_layout, BODY(1, 0, 0, 0, 1, ALL, RECT),
		CLOVE_ERR_SHORT },
	{ "clip of one", clove_display_stream_clip_layout, BODY(1, 0, 0, 0, 1, 1, 0, 0, 0, RECT), CLOVE_OK },
	{ "fill", clove_display_draw_fill_layout, BODY(BASE, 1, 7, 7, 7, 0, 8, 0, NO_MASK), CLOVE_OK },
	{ "pattern that is NULL", clove_display_draw_fill_layout, BODY(BASE, 2, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,  8, 0, NO_MASK), CLOVE_ERR_VALUE },
	{ "image that is NULL", clove_display_draw_copy_layout, BODY(BASE, 0, 0, 0, 0, RECT, 8, 0, 0,
		NO_MASK), CLOVE_ERR_VALUE },
	{ "image of no known type", clove_display_draw_copy_layout, BODY(BASE, 57, 0, 0, 0, RECT, 8, 0, 0,
		NO_MASK, IMAGE(77)), CLOVE_OK },
	{ "image cut", clove_display_draw_copy_layout, BODY(BASE, 58, 0, 0, 0, RECT, 8, 0, 0,
		NO_MASK, IMAGE(77)), CLOVE_ERR_SHORT },
	{ "image beyond", clove_display_draw_copy_layout, BODY(BASE, 75, 0, 0, 0, RECT, 8, 0, 0,
		NO_MASK, IMAGE(77)), CLOVE_ERR_BOUNDS },
	{ "quic", clove_image_layout, BODY(IMAGE(1), 2, 0, 0, 0, 1, 2), CLOVE_OK },
	{ "quic cut", clove_image_layout, BODY(IMAGE(1), 3, 0, 0, 0, 1, 2), CLOVE_ERR_SHORT },
	{ "bitmap", clove_image_layout, BODY(IMAGE(0), 8, 4, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0,
		0, 0, 0, 0,  1, 2, 3, 4), CLOVE_OK },
	{ "bitmap of 2^64 bytes", clove_image_layout, BODY(IMAGE(0), 8, 4, ALL, ALL, ALL,
		0, 0, 0, 0,  1, 2, 3, 4), CLOVE_ERR_SHORT },
	{ "palette from the cache", clove_image_layout, BODY(IMAGE(0), 5, 2, 1, 0, 0, 0, 1, 0, 0, 0,
		1, 0, 0, 0,  7, 0, 0, 0, 0, 0, 0, 0,  1), CLOVE_OK },
	{ "palette that may not be NULL", clove_image_layout, BODY(IMAGE(100), 0, 1, 0, 0, 0,
		0, 0, 0, 0, 1), CLOVE_ERR_VALUE },
	{ "glyph of 65535 x 65535", clove_string_layout, BODY(1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), CLOVE_ERR_SHORT },
	{ "segments of 2^32 - 1", clove_path_layout, BODY(ALL, 1, 0, 0, 0, 0), CLOVE_ERR_SHORT },
	{ "points of 2^32 - 1", clove_path_layout, BODY(1, 0, 0, 0, 1, ALL), CLOVE_ERR_SHORT },
	{ "no cursor", clove_cursor_set_layout, BODY(0, 0, 0, 0, 1, 1, 0), CLOVE_OK },
	{ "cursor cut", clove_cursor_set_layout, BODY(0, 0, 0, 0, 1, 0, 0), CLOVE_ERR_SHORT },
	{ "signed", clove_t_signed_layout, BODY(ALL, ALL, ALL, 0xff, 0xff), CLOVE_OK },
};

START_TEST(test_body_is_judged)
{
	/* Its own memory: a sanitizer sees every byte too far. */
	uint8_t *copy = malloc(bodies[_i].len ? bodies[_i].len : 1);
	void *message;

	ck_assert_ptr_nonnull(copy);
	if (bodies[_i].len)
		memcpy(copy, bodies[_i].body, bodies[_i].len);
	enum clove_err err = clove_wire_parse(bodies[_i].layout(), CLOVE_BYTES(copy, bodies[_i].len),
			NULL, &arena, &message);
	ck_assert_msg(err == bodies[_i].want, "%s: %s", bodies[_i].why, clove_err_name(err));
	ck_assert((message != NULL) == (err == CLOVE_OK));
	ck_assert_msg(arena.used < 4096, "%s: %zu bytes", bodies[_i].why, arena.used);
	free(copy);
}
END_TEST

START_TEST(test_fields_are_where_they_belong)
{
	static const uint8_t body[] = { BASE, 57, 0, 0, 0, RECT, 8, 0, 1, NO_MASK, IMAGE(101),
			2, 0, 0, 0, 'l', 'z', 'x' };
	void *message;
	size_t used;

	ck_assert_int_eq(clove_wire_parse_prefix(clove_display_draw_copy_layout(),
			CLOVE_BYTES(body, sizeof body), NULL, &arena, &message, &used), CLOVE_OK);
	const struct clove_display_draw_copy *copy = message;

	ck_assert_uint_eq(used, sizeof body - 1);
	ck_assert_int_eq(copy->base.box.right, 9);
	ck_assert_uint_eq(copy->base.clip.type, CLOVE_CLIP_NONE);
	ck_assert_uint_eq(copy->rop, CLOVE_ROP_PUT);
	ck_assert_uint_eq(copy->scale, CLOVE_SCALE_NEAREST);
	ck_assert_ptr_null(copy->mask.bitmap);
	ck_assert_uint_eq(copy->src->type, CLOVE_IMAGE_TYPE_LZ_RGB);
	ck_assert_uint_eq(copy->src->width, 2);
	ck_assert_uint_eq(copy->src->lz_rgb.data.len, 2);
	ck_assert_ptr_eq(copy->src->lz_rgb.data.data, body + sizeof body - 3); /* borrowed */
}
END_TEST

START_TEST(test_every_cut_is_noticed)
{
	static const wire_layout_fn layouts[] = {
		clove_display_draw_opaque_layout, clove_display_draw_text_layout,
		clove_display_draw_stroke_layout, clove_main_migrate_begin_seamless_layout,
		clove_agent_graphics_device_info_layout,
	};

	for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
		struct clove_buf body = { 0 };
		uint64_t random = 11 + i;
		void *message;

		ck_assert_int_eq(clove_wire_seed(layouts[i](), NULL, &random, &body), CLOVE_OK);
		for (size_t len = 0; len < body.len; len++) {
			uint8_t *copy = malloc(len ? len : 1);

			if (len)
				memcpy(copy, body.data, len);
			enum clove_err err = clove_wire_parse(layouts[i](), CLOVE_BYTES(copy, len), NULL,
					&arena, &message);
			ck_assert_msg(err == CLOVE_ERR_SHORT || err == CLOVE_ERR_BOUNDS, "%s cut to %zu: %s",
					layouts[i]()->name, len, clove_err_name(err));
			clove_arena_reset(&arena);
			free(copy);
		}
		clove_buf_fini(&body);
	}
}
END_TEST

/* A chain of `levels`, each behind the one before. */
static enum clove_err parse_chain(unsigned int levels)
{
	uint8_t body[5 * 16] = { 0 };
	void *message;

	for (unsigned int i = 0; i < levels; i++)
		clove_put_le32(body + 5 * i + 1, i + 1 < levels ? 5 * (i + 1) : 0);
	return clove_wire_parse(clove_t_deep_layout(), CLOVE_BYTES(body, 5 * levels), NULL, &arena,
			&message);
}

START_TEST(test_nesting_ends_at_8)
{
	static const uint8_t loop[] = { 1, 1, 0, 0, 0, 1, 0, 0, 0 };
	struct clove_t_deep chain[9] = { { 0 } };
	struct clove_buf out = { 0 };
	void *message;

	ck_assert_int_eq(parse_chain(8), CLOVE_OK);
	ck_assert_int_eq(parse_chain(9), CLOVE_ERR_LIMIT);
	/* a structure inside itself */
	ck_assert_int_ne(clove_wire_parse(clove_t_deep_layout(), CLOVE_BYTES(loop, sizeof loop), NULL,
			&arena, &message), CLOVE_OK);
	for (int i = 0; i < 8; i++)
		chain[i].next = &chain[i + 1];
	ck_assert_int_eq(clove_wire_write(clove_t_deep_layout(), &chain[1], NULL, &out), CLOVE_OK);
	ck_assert_uint_eq(out.len, 5 * 8);
	ck_assert_int_eq(clove_wire_write(clove_t_deep_layout(), &chain[0], NULL, &out), CLOVE_ERR_LIMIT);
	ck_assert_uint_eq(out.len, 5 * 8);
	clove_buf_fini(&out);
}
END_TEST

START_TEST(test_one_object_many_times_meets_the_cap)
{
	enum { COUNT = 1000, SIZE = 4 + 4 * COUNT + 4096 };
	uint8_t *body = calloc(1, SIZE);
	void *message;

	ck_assert_ptr_nonnull(body);
	for (uint32_t i = 0; i < COUNT; i++)
		clove_put_le32(body + 4 + 4 * i, 4 + 4 * COUNT);
	clove_put_le32(body, 200);
	ck_assert_int_eq(clove_wire_parse(clove_t_many_layout(), CLOVE_BYTES(body, SIZE), NULL, &arena,
			&message), CLOVE_OK);
	ck_assert_uint_eq(((struct clove_t_many *)message)->count, 200);
	clove_arena_reset(&arena);
	clove_put_le32(body, COUNT);
	ck_assert_int_eq(clove_wire_parse(clove_t_many_layout(), CLOVE_BYTES(body, SIZE), NULL, &arena,
			&message), CLOVE_ERR_LIMIT);
	ck_assert_uint_le(arena.used, ARENA);
	free(body);
}
END_TEST

START_TEST(test_capabilities_choose_the_form)
{
	static const uint8_t plain[] = { 1, 0, 0, 0 };
	static const uint8_t full[] = { 2, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0 };
	struct clove_caps caps = { 0 };
	const struct clove_agent_clipboard_grab *grab;
	struct clove_buf out = { 0 };
	void *message;

	ck_assert_int_eq(clove_wire_parse(clove_agent_clipboard_grab_layout(),
			CLOVE_BYTES(plain, sizeof plain), NULL, &arena, &message), CLOVE_OK);
	grab = message;
	ck_assert_uint_eq(grab->num_types, 1);
	ck_assert_uint_eq(grab->types[0], 1);
	clove_caps_set(&caps, CLOVE_AGENT_CAP_CLIPBOARD_SELECTION);
	clove_caps_set(&caps, CLOVE_AGENT_CAP_CLIPBOARD_GRAB_SERIAL);
	ck_assert_int_eq(clove_wire_parse(clove_agent_clipboard_grab_layout(),
			CLOVE_BYTES(full, sizeof full), &caps, &arena, &message), CLOVE_OK);
	grab = message;
	ck_assert_uint_eq(grab->selection, 2);
	ck_assert_uint_eq(grab->serial, 9);
	ck_assert_uint_eq(grab->num_types, 2);
	ck_assert_uint_eq(grab->types[1], 2);
	ck_assert_int_eq(clove_wire_write(clove_agent_clipboard_grab_layout(), grab, &caps, &out), CLOVE_OK);
	ck_assert_uint_eq(out.len, sizeof full);
	ck_assert_mem_eq(out.data, full, sizeof full);
	clove_buf_clear(&out);
	ck_assert_int_eq(clove_wire_write(clove_agent_clipboard_grab_layout(), grab, NULL, &out), CLOVE_OK);
	ck_assert_uint_eq(out.len, 8); /* the types alone */
	clove_buf_fini(&out);
}
END_TEST

/* Sizes of 0.15 and 0.16 reach beyond the message (spice-wire 4.2). */
START_TEST(test_sub_message_sizes_are_not_trusted)
{
	static const uint8_t body[] = { 1, 0, 6, 0, 0, 0, 105, 0, 200, 0, 0, 0, 0, 0 };
	void *message;

	ck_assert_int_eq(clove_wire_parse(clove_message_list_layout(), CLOVE_BYTES(body, sizeof body),
			NULL, &arena, &message), CLOVE_OK);
	const struct clove_message_list *list = message;

	ck_assert_uint_eq(list->messages[0]->type, CLOVE_DISPLAY_INVAL_LIST);
	ck_assert_uint_eq(list->messages[0]->body.len, 2);
}
END_TEST

/* -- write -- */

/* Source, pattern, mask; then their palettes (spice-wire 9.4). */
START_TEST(test_blocks_follow_in_order_of_their_pointers)
{
	static const uint32_t colours[2] = { 1, 2 };
	static const struct clove_image_palette palettes[3] = {
		{ 11, 2, colours }, { 12, 2, colours }, { 13, 2, colours },
	};
	struct clove_image images[3] = { { 0 } };
	struct clove_display_draw_opaque opaque = { .src = &images[0], .rop = CLOVE_ROP_PUT };
	struct clove_buf out = { 0 };

	for (int i = 0; i < 3; i++) {
		images[i].id = 21 + (uint64_t)i;
		images[i].bitmap = (struct clove_image_bitmap){ .format = CLOVE_BITMAP_FMT_8BIT, .x = 1,
				.y = 1, .stride = 1, .palette = &palettes[i],
				.data = CLOVE_BYTES("p", 1) };
	}
	opaque.brush.type = CLOVE_BRUSH_PATTERN;
	opaque.brush.pattern.image = &images[1];
	opaque.mask.bitmap = &images[2];
	ck_assert_int_eq(clove_buf_append(&out, "before", 6), CLOVE_OK);
	ck_assert_int_eq(clove_wire_write(clove_display_draw_opaque_layout(), &opaque, NULL, &out),
			CLOVE_OK);

	const uint8_t *body = out.data + 6;
	const size_t fixed = 21 + 4 + 16 + 13 + 2 + 1 + 13, image = 18 + 18 + 1, palette = 10 + 8;

	ck_assert_uint_eq(out.len - 6, fixed + 3 * image + 3 * palette);
	ck_assert_uint_eq(clove_le32(body + 21), fixed);
	ck_assert_uint_eq(clove_le32(body + 42), fixed + image);
	ck_assert_uint_eq(clove_le32(body + fixed - 4), fixed + 2 * image);
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *at = body + fixed + i * image;

		ck_assert_uint_eq(clove_le64(at), 21 + i);
		ck_assert_uint_eq(clove_le32(at + 32), fixed + 3 * image + i * palette);
		ck_assert_uint_eq(clove_le64(body + fixed + 3 * image + i * palette), 11 + i);
	}
	clove_buf_fini(&out);
}
END_TEST

START_TEST(test_empty_blocks_are_null)
{
	struct clove_main_migrate_begin begin = { { .port = 5900, .sport = 65535, .host_size = 2,
			.host = CLOVE_BYTES("h", 2) } };
	static const uint8_t want[] = { 0x0c, 0x17, 0xff, 0xff, 2, 0, 0, 0, 20, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0, 'h', 0 };
	struct clove_buf out = { 0 };

	ck_assert_int_eq(clove_wire_write(clove_main_migrate_begin_layout(), &begin, NULL, &out), CLOVE_OK);
	ck_assert_uint_eq(out.len, sizeof want);
	ck_assert_mem_eq(out.data, want, sizeof want);
	clove_buf_fini(&out);
}
END_TEST

START_TEST(test_what_cannot_be_written_leaves_nothing)
{
	const struct clove_main_name name = { 3, CLOVE_BYTES("ab", 2) };
	const struct clove_main_name lost = { 3, { NULL, 3 } };
	const struct clove_main_channels_list list = { .count = 1 };
	const struct clove_playback_volume volume = { .count = 1 };
	const struct clove_display_draw_copy copy = { .rop = CLOVE_ROP_PUT };
	const struct clove_port_init port = { .name_size = 2, .name = CLOVE_BYTES("a", 1) };
	const struct clove_image image = { .bitmap = { .stride = 4, .y = 2, .data = CLOVE_BYTES("abcd", 4) } };
	const struct clove_message_list subs = { .count = 1 };
	const struct {
		wire_layout_fn layout;
		const void *message;
	} wrong[] = {
		{ clove_main_name_layout, &name }, { clove_main_name_layout, &lost },
		{ clove_main_channels_list_layout, &list }, { clove_playback_volume_layout, &volume },
		{ clove_display_draw_copy_layout, &copy }, { clove_port_init_layout, &port },
		{ clove_image_layout, &image }, { clove_message_list_layout, &subs },
	};
	struct clove_buf out = { 0 };

	ck_assert_int_eq(clove_buf_append(&out, "x", 1), CLOVE_OK);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_int_eq(clove_wire_write(wrong[i].layout(), wrong[i].message, NULL, &out),
				CLOVE_ERR_VALUE);
		ck_assert_uint_eq(out.len, 1);
	}
	clove_buf_fini(&out);
}
END_TEST

/* -- print -- */

static void prints(const struct clove_layout *layout, const void *message, bool secrets,
		const char *want)
{
	struct clove_caps caps = { { UINT32_MAX, UINT32_MAX } };
	struct clove_buf text = { 0 };

	ck_assert_int_eq(clove_wire_print(layout, message, &caps, secrets, &text), CLOVE_OK);
	ck_assert_int_eq(clove_buf_append(&text, "", 1), CLOVE_OK);
	ck_assert_str_eq((const char *)text.data, want);
	clove_buf_fini(&text);
}

START_TEST(test_print_is_readable)
{
	static const struct clove_rect rect = { 0, -1, 480, 640 };
	static const uint32_t words[20] = { 1, 2, 3 };
	const struct clove_inputs_position position = { 5, 6, 1, 0 };
	const struct clove_t_signed negative = { -1, -2, -3 };
	const struct clove_display_stream_clip clip = { 4, { CLOVE_CLIP_RECTS, 1, &rect } };
	const struct clove_main_name name = { 5, CLOVE_BYTES("a\"\\b", 5) };
	const struct clove_playback_data sound = { 9, CLOVE_BYTES("\1\2\xff", 3) };
	const struct clove_ping ping = { 1, 2, CLOVE_BYTES("                                         ", 41) };
	const struct clove_agent_announce_capabilities announce = { 1, 20, words };
	const struct clove_qmask mask = { .flags = 1 };

	prints(clove_empty_layout(), &name, false, "");
	prints(clove_inputs_position_layout(), &position, false, "x=5 y=6 buttons=1 display_id=0");
	prints(clove_t_signed_layout(), &negative, false, "a=-1 b=-2 c=-3");
	prints(clove_display_stream_clip_layout(), &clip, false,
			"id=4 clip={type=1 num_rects=1 rects=[{top=0 left=-1 bottom=480 right=640}]}");
	prints(clove_main_name_layout(), &name, false, "len=5 name=5:\"a\\\"\\\\b\"");
	prints(clove_playback_data_layout(), &sound, false, "time=9 data=3:0102ff");
	prints(clove_ping_layout(), &ping, false,
			"id=1 timestamp=2 padding=41:\"                                \"...");
	prints(clove_agent_announce_capabilities_layout(), &announce, false,
			"request=1 caps=[1 2 3 0 0 0 0 0 0 0 0 0 0 0 0 0 ...20 in all]");
	prints(clove_qmask_layout(), &mask, false, "flags=1 pos={x=0 y=0} bitmap=none");
}
END_TEST

START_TEST(test_print_masks_secrets)
{
	const struct clove_inputs_key key = { 0x1e };
	const struct clove_inputs_scancode scancode = { CLOVE_BYTES("\x1e\x9e", 2) };
	const struct clove_agent_clipboard clipboard = { .type = 1, .data = CLOVE_BYTES("secret", 6) };
	const struct clove_main_agent_data agent = { CLOVE_BYTES("secret", 6) };
	const struct clove_link_ticket ticket = { { 'k' } };
	const struct clove_t_words words = { .n = 1, .odd = 1, .capable = 2, .hidden = 3,
			.hidden_pair = { 4, 5 }, .inside = &(struct clove_t_small){ 6, 7 },
			.pair = { 8, 9 }, .triple = { 1, 2, 3 } };
	const struct clove_smartcard_data card = { 7, 0, 6, CLOVE_BYTES("secret", 6) };
	const struct clove_vmc_data vmc = { CLOVE_BYTES("secret", 6) };

	prints(clove_inputs_key_layout(), &key, false, "code=***");
	prints(clove_inputs_key_layout(), &key, true, "code=30");
	prints(clove_inputs_scancode_layout(), &scancode, false, "data=***");
	prints(clove_inputs_scancode_layout(), &scancode, true, "data=2:1e9e");
	prints(clove_agent_clipboard_layout(), &clipboard, false,
			"selection=0 reserved=3:000000 type=1 data=***");
	prints(clove_main_agent_data_layout(), &agent, false, "data=***");
	prints(clove_main_agent_data_layout(), &agent, true, "data=6:\"secret\"");
	prints(clove_link_ticket_layout(), &ticket, false, "encrypted=***");
	prints(clove_smartcard_data_layout(), &card, false, "type=7 reader_id=0 length=6 payload=***");
	prints(clove_vmc_data_layout(), &vmc, false, "data=***");
	prints(clove_t_words_layout(), &words, false, "n=1 list=[] inside=[{a=6 b=7}] length=0 "
			"bytes=0: odd=1 capable=2 hidden=*** hidden_pair=*** pair=[8 9] triple=[1 2 3] "
			"claimed=0 some=0: rest=[]");
}
END_TEST

/* -- every layout -- */

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static void damage(const struct clove_layout *layout, struct clove_bytes body,
		const struct clove_caps *caps, uint64_t *random)
{
	size_t len = draw(random) % 4 ? body.len : draw(random) % (body.len + 1);
	uint8_t *copy = malloc(len ? len : 1);
	struct clove_buf text = { 0 };
	void *message;

	ck_assert_ptr_nonnull(copy);
	if (len)
		memcpy(copy, body.data, len);
	for (uint64_t i = draw(random) % 6; len && i; i--)
		copy[draw(random) % len] = draw(random) % 3 ? (uint8_t)draw(random) : 0xff;
	if (clove_wire_parse(layout, CLOVE_BYTES(copy, len), caps, &arena, &message) == CLOVE_OK)
		ck_assert_int_eq(clove_wire_print(layout, message, caps, true, &text), CLOVE_OK);
	clove_buf_fini(&text);
	clove_arena_reset(&arena);
	free(copy);
}

static void seed_round_trips(const struct clove_layout *layout, const char *name,
		const struct clove_caps *caps, uint64_t seed)
{
	struct clove_buf body = { 0 }, again = { 0 };
	uint64_t random = seed, harm = seed * 2 + 1;
	void *message;
	size_t used;

	ck_assert_int_eq(clove_wire_seed(layout, caps, &random, &body), CLOVE_OK);
	ck_assert_int_eq(clove_wire_parse_prefix(layout, clove_buf_bytes(&body), caps, &arena, &message,
			&used), CLOVE_OK);
	ck_assert_msg(used == body.len, "%s, seed %llu: %zu of %zu bytes", name,
			(unsigned long long)seed, used, body.len);
	ck_assert_int_eq(clove_wire_write(layout, message, caps, &again), CLOVE_OK);
	ck_assert_msg(again.len == body.len && (!body.len || !memcmp(again.data, body.data, body.len)),
			"%s, seed %llu: other bytes", name, (unsigned long long)seed);
	clove_arena_reset(&arena);
	for (int i = 0; i < DAMAGES; i++)
		damage(layout, clove_buf_bytes(&body), caps, &harm);
	clove_buf_fini(&body);
	clove_buf_fini(&again);
}

START_TEST(test_seeds_return_and_damage_does_no_harm)
{
	static const struct clove_caps all = { { UINT32_MAX, UINT32_MAX } };
	const char *name;
	const struct clove_layout *layout = wire_layout((unsigned int)_i, &name);

	for (uint64_t seed = 1; layout && seed <= SEEDS; seed++) {
		seed_round_trips(layout, name, &all, seed);
		seed_round_trips(layout, name, NULL, seed);
	}
}
END_TEST

START_TEST(test_seeds_of_unused_words_return)
{
	static const struct clove_caps all = { { UINT32_MAX, UINT32_MAX } };

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		/* what follows UP_TO is within its reach */
		struct clove_buf body = { 0 };
		uint64_t random = seed;
		void *message;

		ck_assert_int_eq(clove_wire_seed(clove_t_words_layout(), &all, &random, &body), CLOVE_OK);
		ck_assert_int_eq(clove_wire_parse(clove_t_words_layout(), clove_buf_bytes(&body), &all,
				&arena, &message), CLOVE_OK);
		const struct clove_t_words *words = message;

		ck_assert((words->n == 0) == (words->list == NULL));
		ck_assert_uint_eq(words->some.len, words->claimed);
		damage(clove_t_words_layout(), clove_buf_bytes(&body), &all, &random);
		clove_buf_fini(&body);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("walks");
	TCase *seeds = tcase_create("seeds");
	const char *name;
	int layouts = 0;

	while (wire_layout((unsigned int)layouts, &name))
		layouts++;
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_body_is_judged, 0, sizeof bodies / sizeof *bodies);
	tcase_add_test(tcase, test_fields_are_where_they_belong);
	tcase_add_test(tcase, test_every_cut_is_noticed);
	tcase_add_test(tcase, test_nesting_ends_at_8);
	tcase_add_test(tcase, test_one_object_many_times_meets_the_cap);
	tcase_add_test(tcase, test_capabilities_choose_the_form);
	tcase_add_test(tcase, test_sub_message_sizes_are_not_trusted);
	tcase_add_test(tcase, test_blocks_follow_in_order_of_their_pointers);
	tcase_add_test(tcase, test_empty_blocks_are_null);
	tcase_add_test(tcase, test_what_cannot_be_written_leaves_nothing);
	tcase_add_test(tcase, test_print_is_readable);
	tcase_add_test(tcase, test_print_masks_secrets);
	tcase_add_test(tcase, test_seeds_of_unused_words_return);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(seeds, setup, teardown);
	tcase_set_timeout(seeds, 60);
	tcase_add_loop_test(seeds, test_seeds_return_and_damage_does_no_harm, 0, layouts);
	suite_add_tcase(suite, seeds);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
