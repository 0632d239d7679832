/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-wire.c - parses every message of every recorded connection and writes the same bytes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/protocol/messages.h"

enum { MINI_HEADER = 6, FULL_HEADER = 18, LINK_HEADER = 16, LINK_MESS = 18, LINK_REPLY = 178 };

/* What each recording holds, by an independent count. */
static const struct {
	const char *name;
	enum clove_channel_type channel;
	unsigned int c2s, s2c;
} recordings[] = {
	{ "boot-main",            CLOVE_CHANNEL_MAIN,      14,  19 },
	{ "boot-display",         CLOVE_CHANNEL_DISPLAY,   17, 223 },
	{ "boot-inputs",          CLOVE_CHANNEL_INPUTS,     8,  10 },
	{ "boot-cursor",          CLOVE_CHANNEL_CURSOR,     4,  25 },
	{ "boot-playback",        CLOVE_CHANNEL_PLAYBACK,   2, 365 },
	{ "boot-record",          CLOVE_CHANNEL_RECORD,     2,  14 },
	{ "boot-usbredir",        CLOVE_CHANNEL_USBREDIR,   3,   3 },
	{ "boot-port",            CLOVE_CHANNEL_PORT,       2,  13 },
	{ "boot-webdav",          CLOVE_CHANNEL_WEBDAV,     2,   4 },
	{ "agent-main",           CLOVE_CHANNEL_MAIN,      14,  20 },
	{ "agent-display",        CLOVE_CHANNEL_DISPLAY,   11, 118 },
	{ "agent-inputs",         CLOVE_CHANNEL_INPUTS,    17,   8 },
	{ "agent-cursor",         CLOVE_CHANNEL_CURSOR,     3,   4 },
	{ "agent-playback",       CLOVE_CHANNEL_PLAYBACK,   2, 493 },
	{ "agent-record",         CLOVE_CHANNEL_RECORD,     2,  12 },
	{ "agent-usbredir",       CLOVE_CHANNEL_USBREDIR,   3,   3 },
	{ "agent-port",           CLOVE_CHANNEL_PORT,       2,  12 },
	{ "agent-webdav",         CLOVE_CHANNEL_WEBDAV,     2,   3 },
	{ "servermouse-inputs",   CLOVE_CHANNEL_INPUTS,    55,  12 },
	{ "servermouse-cursor",   CLOVE_CHANNEL_CURSOR,     3,  17 },
	{ "fullhdr-main",         CLOVE_CHANNEL_MAIN,       6,   9 },
	{ "fullhdr-display",      CLOVE_CHANNEL_DISPLAY,    4,  20 },
	{ "migsrc-main",          CLOVE_CHANNEL_MAIN,      14,  18 },
	{ "migsrc-display",       CLOVE_CHANNEL_DISPLAY,    8,  73 },
	{ "migsrc-inputs",        CLOVE_CHANNEL_INPUTS,     4,   6 },
	{ "migsrc-cursor",        CLOVE_CHANNEL_CURSOR,     4,  22 },
	{ "migdst-main",          CLOVE_CHANNEL_MAIN,       7,   8 },
	{ "migdst-display",       CLOVE_CHANNEL_DISPLAY,   12, 129 },
	{ "migdst-inputs",        CLOVE_CHANNEL_INPUTS,     3,   4 },
	{ "migdst-cursor",        CLOVE_CHANNEL_CURSOR,     3,  12 },
	{ "img-quic-display",     CLOVE_CHANNEL_DISPLAY,    6,  42 },
	{ "img-glz-display",      CLOVE_CHANNEL_DISPLAY,    6,  10 },
	{ "img-lz-display",       CLOVE_CHANNEL_DISPLAY,    5,   9 },
	{ "img-lz4-display",      CLOVE_CHANNEL_DISPLAY,    7,   9 },
	{ "img-jpegzlib-display", CLOVE_CHANNEL_DISPLAY,    6,  54 },
	{ "img-jpeg-display",     CLOVE_CHANNEL_DISPLAY,    6,  27 },
	{ "stream-mjpeg-display", CLOVE_CHANNEL_DISPLAY,   33,  45 },
};

static struct clove_buf load(const char *name, enum clove_direction direction)
{
	struct clove_buf buf = { 0 };
	char path[512];
	uint8_t chunk[4096];
	size_t n;

	snprintf(path, sizeof path, TEST_DATA "/wire/%s.%s.bin", name,
			direction == CLOVE_C2S ? "c2s" : "s2c");
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
		ck_assert_int_eq(clove_buf_append(&buf, chunk, n), CLOVE_OK);
	fclose(file);
	return buf;
}

/* The next `len` bytes, which must be there. */
static struct clove_bytes cut(struct clove_bytes *in, size_t len)
{
	struct clove_bytes part = { in->data, len };

	ck_assert_uint_ge(in->len, len);
	*in = CLOVE_BYTES(in->data + len, in->len - len);
	return part;
}

/* Parses all of `body`, writes it again behind other bytes, prints it; the struct is valid until
 * the arena's next reset. */
static void *round_trip(const char *what, const struct clove_layout *layout, struct clove_bytes body,
		const struct clove_caps *caps, struct clove_arena *arena)
{
	struct clove_buf out = { 0 }, text = { 0 };
	void *message;
	size_t used;
	enum clove_err err = clove_wire_parse_prefix(layout, body, caps, arena, &message, &used);

	ck_assert_msg(err == CLOVE_OK, "%s: %s of %zu bytes: %s", what, layout->name, body.len,
			clove_err_name(err));
	ck_assert_msg(used == body.len, "%s: %s: %zu of %zu bytes understood", what, layout->name,
			used, body.len);
	ck_assert_int_eq(clove_buf_append(&out, "head", 4), CLOVE_OK);
	ck_assert_int_eq(clove_wire_write(layout, message, caps, &out), CLOVE_OK);
	ck_assert_msg(out.len - 4 == body.len && !memcmp(out.data + 4, body.data, body.len),
			"%s: %s of %zu bytes is written as %zu others", what, layout->name, body.len,
			out.len - 4);
	ck_assert_int_eq(clove_wire_print(layout, message, caps, false, &text), CLOVE_OK);
	clove_buf_fini(&text);
	clove_buf_fini(&out);
	return message;
}

static void link_stage(const char *what, struct clove_bytes *in, enum clove_direction direction,
		struct clove_arena *arena)
{
	const struct clove_link_header *header = round_trip(what, clove_link_header_layout(),
			cut(in, LINK_HEADER), NULL, arena);
	struct clove_bytes body = cut(in, header->size);

	ck_assert_mem_eq(header->magic, "REDQ", 4);
	if (direction == CLOVE_C2S) {
		const struct clove_link_mess *mess = round_trip(what, clove_link_mess_layout(), body,
				NULL, arena);

		ck_assert_uint_eq(body.len, LINK_MESS + 4 * (mess->num_common_caps + mess->num_channel_caps));
		round_trip(what, clove_link_auth_mechanism_layout(), cut(in, 4), NULL, arena);
		round_trip(what, clove_link_ticket_layout(), cut(in, 128), NULL, arena);
	} else {
		const struct clove_link_reply *reply = round_trip(what, clove_link_reply_layout(), body,
				NULL, arena);

		ck_assert_uint_eq(body.len, LINK_REPLY + 4 * (reply->num_common_caps +
				reply->num_channel_caps));
		ck_assert_uint_eq(reply->error, 0);
		round_trip(what, clove_link_result_layout(), cut(in, 4), NULL, arena);
	}
}

/* What a server hands to the next one. */
static void migrate_data(const char *what, enum clove_channel_type channel, struct clove_bytes data,
		struct clove_arena *arena)
{
	static const struct clove_layout *(*const layouts[CLOVE_CHANNEL_TYPES])(void) = {
		[CLOVE_CHANNEL_MAIN] = clove_migrate_main_layout,
		[CLOVE_CHANNEL_DISPLAY] = clove_migrate_display_layout,
		[CLOVE_CHANNEL_INPUTS] = clove_migrate_inputs_layout,
	};

	ck_assert(layouts[channel] != NULL);
	round_trip(what, layouts[channel](), data, NULL, arena);
}

static unsigned int messages(const char *what, struct clove_bytes in, enum clove_channel_type channel,
		enum clove_direction direction, struct clove_buf *agent)
{
	bool is_full = !strncmp(what, "fullhdr", 7);
	struct clove_arena arena;
	unsigned int count = 0;

	clove_arena_init(&arena, 1 << 24);
	link_stage(what, &in, direction, &arena);
	for (; in.len; count++) {
		struct clove_bytes header = cut(&in, is_full ? FULL_HEADER : MINI_HEADER);
		const uint8_t *fields = header.data + (is_full ? 8 : 0);
		uint16_t id = clove_le16(fields);
		struct clove_bytes body = cut(&in, clove_le32(fields + 2));
		const struct clove_message_type *type = clove_message_find(channel, direction, id);

		ck_assert_msg(type != NULL, "%s: unknown message %u", what, id);
		ck_assert_uint_eq(type->id, id);
		if (is_full) {
			ck_assert_uint_eq(clove_le64(header.data), count + 1);
			ck_assert_uint_eq(clove_le32(fields + 6), 0);
		}

		const void *message = round_trip(what, type->layout(), body, NULL, &arena);

		if (type->layout() == clove_migrate_data_layout())
			migrate_data(what, channel, ((const struct clove_migrate_data *)message)->data, &arena);
		if (type->layout() == clove_main_agent_data_layout())
			ck_assert_int_eq(clove_buf_append(agent, body.data, body.len), CLOVE_OK);
		clove_arena_reset(&arena);
	}
	clove_arena_fini(&arena);
	return count;
}

/* Goes through an agent's byte stream; an announcement is left in *announced. */
static unsigned int agent_messages(const char *what, struct clove_bytes in,
		const struct clove_caps *caps, struct clove_caps *announced)
{
	struct clove_arena arena;
	unsigned int count = 0;

	clove_arena_init(&arena, 1 << 20);
	for (; in.len; count++) {
		const struct clove_agent_message *header = round_trip(what, clove_agent_message_layout(),
				cut(&in, 20), NULL, &arena);
		const struct clove_layout *layout = clove_agent_layout(header->type);

		ck_assert_uint_eq(header->protocol, 1);
		ck_assert_msg(layout != NULL, "%s: unknown agent message %u", what, header->type);

		const void *message = round_trip(what, layout, cut(&in, header->size), caps, &arena);

		if (header->type == CLOVE_AGENT_ANNOUNCE_CAPABILITIES) {
			const struct clove_agent_announce_capabilities *announce = message;

			ck_assert_uint_ge(announce->num_caps, 1);
			announced->words[0] = announce->caps[0];
		}
		clove_arena_reset(&arena);
	}
	clove_arena_fini(&arena);
	return count;
}

START_TEST(test_recording_is_written_back)
{
	const char *name = recordings[_i].name;
	struct clove_buf c2s = load(name, CLOVE_C2S), s2c = load(name, CLOVE_S2C);
	struct clove_buf from_client = { 0 }, from_agent = { 0 };
	struct clove_caps agent = { 0 }, client = { 0 }, everything = { { UINT32_MAX } };

	ck_assert_uint_eq(messages(name, clove_buf_bytes(&c2s), recordings[_i].channel, CLOVE_C2S,
			&from_client), recordings[_i].c2s);
	ck_assert_uint_eq(messages(name, clove_buf_bytes(&s2c), recordings[_i].channel, CLOVE_S2C,
			&from_agent), recordings[_i].s2c);
	/* The agent announces before anything that depends on it is said. */
	agent_messages(name, clove_buf_bytes(&from_agent), &everything, &agent);
	if (from_agent.len) {
		unsigned int said = agent_messages(name, clove_buf_bytes(&from_agent), &agent, &agent);

		ck_assert_uint_ge(said, 1);
		ck_assert_uint_ge(agent_messages(name, clove_buf_bytes(&from_client), &agent, &client), 3);
		ck_assert_uint_eq(client.words[0], 0x00035077);
	}
	clove_buf_fini(&c2s);
	clove_buf_fini(&s2c);
	clove_buf_fini(&from_client);
	clove_buf_fini(&from_agent);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("golden wire");
	TCase *tcase = tcase_create("recordings");

	tcase_add_loop_test(tcase, test_recording_is_written_back, 0,
			sizeof recordings / sizeof *recordings);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
