/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-messages.c - which messages are found, under which numbers and names. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "common/protocol/messages.h"

static const struct {
	enum clove_channel_type channel;
	enum clove_direction direction;
	uint16_t id;
	const char *name, *layout; /* NULL: there is none */
} wanted[] = {
	{ CLOVE_CHANNEL_INPUTS,    CLOVE_C2S, 101, "INPUTS_KEY_DOWN",       "inputs_key" },
	{ CLOVE_CHANNEL_INPUTS,    CLOVE_C2S, 112, "INPUTS_MOUSE_POSITION", "inputs_position" },
	{ CLOVE_CHANNEL_INPUTS,    CLOVE_S2C, 101, "INPUTS_INIT",           "inputs_modifiers" },
	{ CLOVE_CHANNEL_INPUTS,    CLOVE_S2C, 112, NULL, NULL },
	{ CLOVE_CHANNEL_INPUTS,    CLOVE_S2C, 4,   "PING",                  "ping" },
	{ CLOVE_CHANNEL_CURSOR,    CLOVE_C2S, 3,   "PONG",                  "pong" },
	{ CLOVE_CHANNEL_CURSOR,    CLOVE_C2S, 101, NULL, NULL },
	{ CLOVE_CHANNEL_CURSOR,    CLOVE_C2S, 6,   "DISCONNECTING",         "disconnecting" },
	{ CLOVE_CHANNEL_CURSOR,    CLOVE_S2C, 6,   "DISCONNECTING",         "disconnecting" },
	{ CLOVE_CHANNEL_MAIN,      CLOVE_S2C, 0,   NULL, NULL },
	{ CLOVE_CHANNEL_MAIN,      CLOVE_C2S, 7,   NULL, NULL },
	{ CLOVE_CHANNEL_MAIN,      CLOVE_S2C, 109, "MAIN_AGENT_DATA",        "main_agent_data" },
	{ CLOVE_CHANNEL_MAIN,      CLOVE_C2S, 107, "MAIN_CLIENT_AGENT_DATA", "main_agent_data" },
	{ CLOVE_CHANNEL_DISPLAY,   CLOVE_S2C, 305, "DISPLAY_DRAW_BLEND",    "display_draw_copy" },
	{ CLOVE_CHANNEL_DISPLAY,   CLOVE_S2C, 323, "DISPLAY_GL_SCANOUT2_UNIX", "display_gl_scanout2_unix" },
	{ CLOVE_CHANNEL_DISPLAY,   CLOVE_S2C, 324, NULL, NULL },
	{ CLOVE_CHANNEL_USBREDIR,  CLOVE_C2S, 102, "VMC_COMPRESSED_DATA",   "vmc_compressed_data" },
	{ CLOVE_CHANNEL_USBREDIR,  CLOVE_S2C, 201, NULL, NULL },
	{ CLOVE_CHANNEL_PORT,      CLOVE_S2C, 101, "VMC_DATA",              "vmc_data" },
	{ CLOVE_CHANNEL_PORT,      CLOVE_S2C, 201, "PORT_INIT",             "port_init" },
	{ CLOVE_CHANNEL_WEBDAV,    CLOVE_C2S, 201, "PORT_CLIENT_EVENT",     "port_event" },
	{ CLOVE_CHANNEL_SMARTCARD, CLOVE_C2S, 101, "SMARTCARD_DATA",        "smartcard_data" },
	{ CLOVE_CHANNEL_TUNNEL,    CLOVE_S2C, 101, NULL, NULL },
	{ CLOVE_CHANNEL_TYPES,     CLOVE_S2C, 101, NULL, NULL },
	{ (enum clove_channel_type)0,    CLOVE_S2C, 101, NULL, NULL },
	{ (enum clove_channel_type)1000, CLOVE_C2S, 101, NULL, NULL },
};

START_TEST(test_message_is_found)
{
	const struct clove_message_type *type = clove_message_find(wanted[_i].channel,
			wanted[_i].direction, wanted[_i].id);

	ck_assert((type != NULL) == (wanted[_i].name != NULL));
	if (!type)
		return;
	ck_assert_str_eq(type->name, wanted[_i].name);
	ck_assert_str_eq(type->layout()->name, wanted[_i].layout);
	ck_assert_uint_eq(type->id, wanted[_i].id);
}
END_TEST

START_TEST(test_lists_have_each_id_once_and_no_common_one)
{
	/* How many ids spice-wire 0.1 gives each channel. */
	static const unsigned int counts[CLOVE_CHANNEL_TYPES][2] = {
		[CLOVE_CHANNEL_MAIN] = { 18, 12 }, [CLOVE_CHANNEL_DISPLAY] = { 8 + 5 + 22, 5 },
		[CLOVE_CHANNEL_INPUTS] = { 3, 8 }, [CLOVE_CHANNEL_CURSOR] = { 8, 0 },
		[CLOVE_CHANNEL_PLAYBACK] = { 7, 0 }, [CLOVE_CHANNEL_RECORD] = { 4, 3 },
		[CLOVE_CHANNEL_SMARTCARD] = { 1, 1 }, [CLOVE_CHANNEL_USBREDIR] = { 2, 2 },
		[CLOVE_CHANNEL_PORT] = { 4, 3 }, [CLOVE_CHANNEL_WEBDAV] = { 4, 3 },
	};

	for (int direction = CLOVE_S2C; direction <= CLOVE_C2S; direction++) {
		const struct clove_message_type *rows = clove_message_list((enum clove_channel_type)_i,
				(enum clove_direction)direction);
		unsigned int n = 0;

		for (; rows[n].name; n++) {
			ck_assert_uint_gt(rows[n].id, 100);
			for (unsigned int i = 0; i < n; i++)
				ck_assert_uint_ne(rows[i].id, rows[n].id);
		}
		ck_assert_uint_eq(n, counts[_i][direction]);
	}
}
END_TEST

START_TEST(test_agent_types_have_layouts)
{
	ck_assert_ptr_null(clove_agent_layout(0));
	ck_assert_ptr_null(clove_agent_layout(17));
	for (uint32_t type = 1; type <= 16; type++)
		ck_assert_ptr_nonnull(clove_agent_layout(type));
	ck_assert_str_eq(clove_agent_layout(CLOVE_AGENT_CLIPBOARD_GRAB)->name, "agent_clipboard_grab");
}
END_TEST

START_TEST(test_channels_have_names)
{
	ck_assert_ptr_null(clove_channel_type_name(0));
	ck_assert_ptr_null(clove_channel_type_name(CLOVE_CHANNEL_TYPES));
	ck_assert_ptr_null(clove_channel_type_name(UINT_MAX));
	for (unsigned int type = 1; type < CLOVE_CHANNEL_TYPES; type++)
		ck_assert_uint_eq(clove_channel_type_by_name(clove_channel_type_name(type)), type);
	ck_assert_uint_eq(clove_channel_type_by_name("webdav"), CLOVE_CHANNEL_WEBDAV);
	ck_assert_uint_eq(clove_channel_type_by_name("no such"), 0);
	ck_assert_uint_eq(clove_channel_type_by_name(NULL), 0);
}
END_TEST

START_TEST(test_caps_are_bits_of_words)
{
	struct clove_caps caps = { 0 };

	ck_assert_uint_eq(clove_caps_count(&caps), 0);
	clove_caps_set(&caps, 3);
	ck_assert_uint_eq(clove_caps_count(&caps), 1);
	clove_caps_set(&caps, 33);
	ck_assert_uint_eq(clove_caps_count(&caps), 2);
	ck_assert_uint_eq(caps.words[0], 8);
	ck_assert_uint_eq(caps.words[1], 2);
	ck_assert(clove_caps_has(&caps, 33));
	ck_assert(!clove_caps_has(&caps, 1));
	ck_assert(!clove_caps_has(&caps, 4000));
	ck_assert(!clove_caps_has(NULL, 3));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *tcase = tcase_create("messages");

	tcase_add_loop_test(tcase, test_message_is_found, 0, sizeof wanted / sizeof *wanted);
	tcase_add_loop_test(tcase, test_lists_have_each_id_once_and_no_common_one, 0, CLOVE_CHANNEL_TYPES);
	tcase_add_test(tcase, test_agent_types_have_layouts);
	tcase_add_test(tcase, test_channels_have_names);
	tcase_add_test(tcase, test_caps_are_bits_of_words);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
