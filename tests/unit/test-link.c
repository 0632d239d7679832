/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-link.c - the handshake against recorded ones, against itself, and against nonsense. */
#include <string.h>
#include "common/net/link.h"
#include "tests/unit/net-fixture.h"

enum { HEADER = 16, REFUSAL = 194 };

/* Feeds in two pieces; answers are the caller's. */
static size_t feed(struct clove_link *link, const uint8_t *data, size_t len, size_t split)
{
	size_t used, total;

	ck_assert_int_eq(clove_link_feed(link, CLOVE_BYTES(data, split), &used), CLOVE_OK);
	total = used;
	if (used == split) {
		ck_assert_int_eq(clove_link_feed(link, CLOVE_BYTES(data + split, len - split), &used),
				CLOVE_OK);
		total += used;
	}
	return total;
}

/* -- recorded -- */

static const struct {
	const char *name;
	uint8_t type;
	uint32_t common, channel, server_channel;
	bool is_main, mini_header;
} recorded[] = {
	{ "boot-main",     1, 0x0d, 0x0f,  0x0f,   true,  true },
	{ "boot-display",  2, 0x0d, 0x3bf, 0x1052, false, true },
	{ "boot-cursor",   4, 0x0d, 0,     0,      false, true },
	{ "boot-usbredir", 9, 0x0d, 0x01,  0x01,   false, true },
	{ "fullhdr-main",  1, 0x05, 0x0f,  0x0f,   true,  false },
	{ "agent-record",  6, 0x0d, 0x06,  0x06,   false, true },
};
enum { RECORDED = sizeof recorded / sizeof recorded[0] };

START_TEST(test_link_server_reads_recorded_clients)
{
	struct clove_buf c2s = net_load("link", recorded[_i].name, ".c2s.bin");
	struct clove_ticket *ticket = clove_ticket_new();
	size_t message = HEADER + clove_le32(c2s.data + 12);

	for (size_t split = 0; split <= c2s.len; split++) {
		struct clove_link link;

		clove_link_init_server(&link);
		size_t used = feed(&link, c2s.data, c2s.len, split);
		ck_assert_int_eq(link.state, CLOVE_LINK_ASKING);
		ck_assert_uint_eq(used, message);
		ck_assert_uint_eq(link.info.channel_type, recorded[_i].type);
		ck_assert_uint_eq(link.info.channel_id, 0);
		ck_assert_uint_eq(link.info.common_caps.words[0], recorded[_i].common);
		ck_assert_uint_eq(link.info.channel_caps.words[0], recorded[_i].channel);
		ck_assert_int_eq(link.info.connection_id == 0, recorded[_i].is_main);

		clove_link_accept(&link, NULL, clove_ticket_ref(ticket));
		ck_assert_int_eq(link.mini_header, recorded[_i].mini_header);
		used += feed(&link, c2s.data + used, c2s.len - used, split > used ? split - used : 0);
		ck_assert_uint_eq(used, c2s.len);
		/* Its ticket was made for another key. */
		ck_assert_int_eq(link.state, CLOVE_LINK_FAILED);
		ck_assert_int_eq(link.error, CLOVE_LINK_PERMISSION_DENIED);
		clove_link_fini(&link);
	}
	clove_ticket_unref(ticket);
	clove_buf_fini(&c2s);
}
END_TEST

START_TEST(test_link_client_speaks_with_recorded_servers)
{
	struct clove_buf c2s = net_load("link", recorded[_i].name, ".c2s.bin");
	struct clove_buf s2c = net_load("link", recorded[_i].name, ".s2c.bin");
	size_t message = HEADER + clove_le32(c2s.data + 12);
	struct clove_link_info wanted = {
		.connection_id = clove_le32(c2s.data + HEADER),
		.channel_type = recorded[_i].type,
		.common_caps.words = { recorded[_i].common },
		.channel_caps.words = { recorded[_i].channel },
	};

	for (size_t split = 0; split <= s2c.len; split++) {
		struct clove_link link;

		clove_link_init_client(&link, &wanted, NULL);
		ck_assert_uint_eq(link.out.len, message);
		ck_assert_mem_eq(link.out.data, c2s.data, message);
		clove_buf_consume(&link.out, message);
		ck_assert_uint_eq(feed(&link, s2c.data, s2c.len, split), s2c.len);
		ck_assert_int_eq(link.state, CLOVE_LINK_DONE);
		ck_assert_int_eq(link.mini_header, recorded[_i].mini_header);
		ck_assert_uint_eq(link.info.common_caps.words[0], 0x0b);
		ck_assert_uint_eq(link.info.channel_caps.words[0], recorded[_i].server_channel);
		ck_assert_uint_eq(link.out.len, 4 + CLOVE_TICKET_SIZE);
		ck_assert_mem_eq(link.out.data, c2s.data + message, 4);
		clove_link_fini(&link);
	}
	clove_buf_fini(&c2s);
	clove_buf_fini(&s2c);
}
END_TEST

/* -- both ends -- */

static size_t carry(struct clove_link *from, struct clove_link *to)
{
	size_t used;

	ck_assert_int_eq(clove_link_feed(to, clove_buf_bytes(&from->out), &used), CLOVE_OK);
	clove_buf_consume(&from->out, used);
	return used;
}

static void link_both(struct clove_link *client, struct clove_link *server, uint32_t client_common,
		const char *password)
{
	struct clove_link_info wanted = { .connection_id = 7, .channel_type = 3,
			.common_caps.words = { client_common }, .channel_caps.words = { 1, 0, 5 } };
	struct clove_caps offered = { { 3 } };

	clove_link_init_client(client, &wanted, password);
	clove_link_init_server(server);
	carry(client, server);
	ck_assert_int_eq(server->state, CLOVE_LINK_ASKING);
	ck_assert_uint_eq(server->info.connection_id, 7);
	ck_assert_uint_eq(server->info.channel_caps.words[2], 5);
	clove_link_accept(server, &offered, clove_ticket_new());
	carry(server, client);
	carry(client, server);
}

static const uint32_t client_commons[] = { 0, 0x0b, 0x0d, 0x01, 0x08, 0x02 };

START_TEST(test_link_both_ends_agree)
{
	struct clove_link client, server;
	uint32_t common = client_commons[_i];

	link_both(&client, &server, common, "top secret");
	ck_assert_int_eq(server.state, CLOVE_LINK_TICKETED);
	ck_assert_str_eq(server.password, "top secret");
	clove_link_finish(&server, CLOVE_LINK_OK);
	ck_assert_int_eq(server.state, CLOVE_LINK_DONE);
	ck_assert_str_eq(server.password, "");
	carry(&server, &client);
	ck_assert_int_eq(client.state, CLOVE_LINK_DONE);
	ck_assert_uint_eq(client.info.channel_caps.words[0], 3);
	ck_assert_int_eq(client.mini_header, common == 0 || common & 8);
	ck_assert_int_eq(server.mini_header, client.mini_header);
	clove_link_fini(&client);
	clove_link_fini(&server);
}
END_TEST

START_TEST(test_link_stops_before_the_first_message)
{
	struct clove_link client, server;
	size_t used;

	link_both(&client, &server, 0, NULL);
	clove_link_finish(&server, CLOVE_LINK_OK);
	ck_assert_int_eq(clove_buf_append(&server.out, "message", 7), CLOVE_OK);
	ck_assert_int_eq(clove_link_feed(&client, clove_buf_bytes(&server.out), &used), CLOVE_OK);
	ck_assert_uint_eq(server.out.len - used, 7);
	clove_link_fini(&client);
	clove_link_fini(&server);
}
END_TEST

START_TEST(test_link_tells_the_client_why)
{
	struct clove_link_info wanted = { .channel_type = 1 };
	enum clove_link_error error = _i;
	struct clove_link client, server;

	clove_link_init_client(&client, &wanted, NULL);
	clove_link_init_server(&server);
	carry(&client, &server);
	clove_link_refuse(&server, error);
	ck_assert_int_eq(server.state, CLOVE_LINK_FAILED);
	ck_assert_uint_eq(server.out.len, REFUSAL);
	carry(&server, &client);
	ck_assert_int_eq(client.state, CLOVE_LINK_FAILED);
	ck_assert_int_eq(client.error, error);
	ck_assert(!client.was_refused_by_result);
	ck_assert_str_eq(client.reason, clove_link_error_name(error));
	clove_link_fini(&client);
	clove_link_fini(&server);

	link_both(&client, &server, 0, "wrong");
	clove_link_finish(&server, error);
	carry(&server, &client);
	ck_assert_int_eq(client.state, CLOVE_LINK_FAILED);
	ck_assert_int_eq(client.error, error);
	ck_assert(client.was_refused_by_result);
	clove_link_fini(&client);
	clove_link_fini(&server);
}
END_TEST

START_TEST(test_link_refuses_a_long_password_itself)
{
	struct clove_link_info wanted = { .channel_type = 1 };
	struct clove_link client;
	char password[200];

	memset(password, 'x', sizeof password - 1);
	password[sizeof password - 1] = '\0';
	clove_link_init_client(&client, &wanted, password);
	ck_assert_int_eq(client.state, CLOVE_LINK_FAILED);
	ck_assert_uint_eq(client.out.len, 0);
	clove_link_fini(&client);
}
END_TEST

/* -- nonsense for the server -- */

static const struct {
	const char *why;
	uint32_t major, minor, size, commons, channels, offset;
	int error;      /* -1: accepted; 0: closed without a word */
} clients[] = {
	{ "as it should be",            2, 2, 26,         1, 1, 18,         -1 },
	{ "another minor",              2, 9, 26,         1, 1, 18,         -1 },
	{ "no capabilities",            2, 2, 18,         0, 0, 0,          -1 },
	{ "none, and a wild offset",    2, 2, 18,         0, 0, 0xffffffff, -1 },
	{ "words behind a gap",         2, 2, 34,         1, 1, 26,         -1 },
	{ "as large as allowed",        2, 2, 4096,       1, 1, 18,         -1 },
	{ "major 0",                    0, 2, 26,         1, 1, 18,         0 },
	{ "major 1",                    1, 2, 26,         1, 1, 18,         CLOVE_LINK_VERSION_MISMATCH },
	{ "major 3",                    3, 2, 26,         1, 1, 18,         CLOVE_LINK_VERSION_MISMATCH },
	{ "too small",                  2, 2, 17,         0, 0, 18,         CLOVE_LINK_INVALID_DATA },
	{ "nothing",                    2, 2, 0,          0, 0, 18,         CLOVE_LINK_INVALID_DATA },
	{ "too large",                  2, 2, 4097,       1, 1, 18,         CLOVE_LINK_INVALID_DATA },
	{ "absurd",                     2, 2, 0xffffffff, 1, 1, 18,         CLOVE_LINK_INVALID_DATA },
	{ "too many common words",      2, 2, 4096,       1025, 0, 18,      CLOVE_LINK_INVALID_DATA },
	{ "too many channel words",     2, 2, 4096,       0, 1025, 18,      CLOVE_LINK_INVALID_DATA },
	{ "counts that wrap",           2, 2, 26,         0x40000000, 0x40000000, 18, CLOVE_LINK_INVALID_DATA },
	{ "one word beyond",            2, 2, 26,         2, 1, 18,         CLOVE_LINK_INVALID_DATA },
	{ "offset inside the fields",   2, 2, 26,         1, 1, 17,         CLOVE_LINK_INVALID_DATA },
	{ "offset one too far",         2, 2, 26,         1, 1, 19,         CLOVE_LINK_INVALID_DATA },
	{ "offset beyond the message",  2, 2, 26,         1, 1, 27,         CLOVE_LINK_INVALID_DATA },
	{ "offset that wraps",          2, 2, 26,         1, 1, 0xfffffff0, CLOVE_LINK_INVALID_DATA },
	{ "words, but no room",         2, 2, 18,         1, 0, 18,         CLOVE_LINK_INVALID_DATA },
};

static size_t write_client(uint8_t *to, int row)
{
	memset(to, 0, HEADER + 4096);
	memcpy(to, "REDQ", 4);
	clove_put_le32(to + 4, clients[row].major);
	clove_put_le32(to + 8, clients[row].minor);
	clove_put_le32(to + 12, clients[row].size);
	to[HEADER + 4] = 1;
	clove_put_le32(to + HEADER + 6, clients[row].commons);
	clove_put_le32(to + HEADER + 10, clients[row].channels);
	clove_put_le32(to + HEADER + 14, clients[row].offset);
	return HEADER + (clients[row].size > 4096 ? 4096 : clients[row].size);
}

START_TEST(test_link_server_refuses)
{
	uint8_t bytes[HEADER + 4096];
	size_t len = write_client(bytes, _i);
	int error = clients[_i].error;
	struct clove_link link;

	clove_link_init_server(&link);
	feed(&link, bytes, len, len / 2);
	if (error < 0) {
		ck_assert_msg(link.state == CLOVE_LINK_ASKING, "%s", clients[_i].why);
	} else {
		ck_assert_msg(link.state == CLOVE_LINK_FAILED, "%s", clients[_i].why);
		ck_assert_uint_eq(link.out.len, error ? REFUSAL : 0);
		ck_assert_ptr_nonnull(link.reason);
		if (error) {
			ck_assert_int_eq(link.error, error);
			ck_assert_uint_eq(clove_le32(link.out.data + 12), 178);
			ck_assert_uint_eq(clove_le32(link.out.data + HEADER), (uint32_t)error);
			for (size_t i = HEADER + 4; i < REFUSAL; i++)
				ck_assert_uint_eq(link.out.data[i], 0);
		}
	}
	clove_link_fini(&link);
}
END_TEST

/* Four bytes are enough to know: who speaks HTTP or SSH waits for an answer. */
START_TEST(test_link_server_refuses_other_protocols_at_once)
{
	static const char *const others[] = { "GET ", "SSH-", "REDC", "\x16\x03\x01\x02", "\0\0\0\0" };
	struct clove_link link;
	size_t used;

	clove_link_init_server(&link);
	ck_assert_int_eq(clove_link_feed(&link, CLOVE_BYTES(others[_i], 3), &used), CLOVE_OK);
	ck_assert_int_eq(link.state, CLOVE_LINK_GOING_ON);
	ck_assert_int_eq(clove_link_feed(&link, CLOVE_BYTES(others[_i] + 3, 1), &used), CLOVE_OK);
	ck_assert_int_eq(link.state, CLOVE_LINK_FAILED);
	ck_assert_int_eq(link.error, CLOVE_LINK_INVALID_MAGIC);
	ck_assert_uint_eq(link.out.len, REFUSAL);
	clove_link_fini(&link);
}
END_TEST

static const uint32_t mechanisms[] = { 0, 2, 7, 0xffffffff };

START_TEST(test_link_server_refuses_other_mechanisms)
{
	uint8_t bytes[HEADER + 4096], mechanism[4];
	size_t used, len = write_client(bytes, 0);
	struct clove_link link, client;
	struct clove_link_info wanted = { .channel_type = 1 };

	bytes[HEADER + 18] = 0x0d;
	clove_link_init_server(&link);
	ck_assert_int_eq(clove_link_feed(&link, CLOVE_BYTES(bytes, len), &used), CLOVE_OK);
	clove_link_accept(&link, NULL, clove_ticket_new());
	clove_put_le32(mechanism, mechanisms[_i]);
	ck_assert_int_eq(clove_link_feed(&link, CLOVE_BYTES(mechanism, 4), &used), CLOVE_OK);
	ck_assert_int_eq(link.state, CLOVE_LINK_FAILED);
	ck_assert_int_eq(link.error, CLOVE_LINK_INVALID_DATA);
	ck_assert_uint_eq(link.out.len, HEADER + 178 + 4 + REFUSAL);

	/* What a client makes of it: a refusal where the result should be. */
	clove_link_init_client(&client, &wanted, NULL);
	ck_assert_uint_eq(carry(&link, &client), HEADER + 178 + 4 + REFUSAL);
	ck_assert_int_eq(client.state, CLOVE_LINK_FAILED);
	ck_assert_int_eq(client.error, CLOVE_LINK_INVALID_DATA);
	clove_link_fini(&client);
	clove_link_fini(&link);
}
END_TEST

/* -- nonsense for the client -- */

static const struct {
	const char *why;
	size_t at;
	uint32_t word;
	enum clove_link_error error;
} servers[] = {
	{ "other magic",           0,   0x20545448,     CLOVE_LINK_INVALID_MAGIC },
	{ "other major",           4,   1,              CLOVE_LINK_VERSION_MISMATCH },
	{ "too small",             12,  177,            CLOVE_LINK_INVALID_DATA },
	{ "absurd",                12,  0xffffffff,     CLOVE_LINK_INVALID_DATA },
	{ "refused",               16,  5,              CLOVE_LINK_NEED_SECURED },
	{ "refused, who knows why", 16, 0x10000,        CLOVE_LINK_ERROR },
	{ "a key that is none",    20,  0,              CLOVE_LINK_INVALID_DATA },
	{ "many words",            182, 1025,           CLOVE_LINK_INVALID_DATA },
	{ "words beyond",          186, 2,              CLOVE_LINK_INVALID_DATA },
	{ "offset inside",         190, 0,              CLOVE_LINK_INVALID_DATA },
	{ "offset that wraps",     190, 0xfffffff8,     CLOVE_LINK_INVALID_DATA },
	{ "only SASL",             194, 0x0d,           CLOVE_LINK_PERMISSION_DENIED },
	{ "denied",                202, 7,              CLOVE_LINK_PERMISSION_DENIED },
};

START_TEST(test_link_client_refuses)
{
	struct clove_buf s2c = net_load("link", "boot-main", ".s2c.bin");
	struct clove_link_info wanted = { .channel_type = 1 };
	struct clove_link link;

	clove_put_le32(s2c.data + servers[_i].at, servers[_i].word);
	clove_link_init_client(&link, &wanted, "x");
	feed(&link, s2c.data, s2c.len, s2c.len / 3);
	ck_assert_msg(link.state == CLOVE_LINK_FAILED, "%s", servers[_i].why);
	ck_assert_int_eq(link.error, servers[_i].error);
	ck_assert_ptr_nonnull(link.reason);
	clove_link_fini(&link);
	clove_buf_fini(&s2c);
}
END_TEST

#define LOOP(test, rows) \
	tcase_add_loop_test(tests, test, 0, (int)(sizeof rows / sizeof rows[0]))

int main(void)
{
	Suite *suite = suite_create("link");
	TCase *tests = tcase_create("link");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_link_server_reads_recorded_clients, 0, RECORDED);
	tcase_add_loop_test(tests, test_link_client_speaks_with_recorded_servers, 0, RECORDED);
	LOOP(test_link_both_ends_agree, client_commons);
	tcase_add_test(tests, test_link_stops_before_the_first_message);
	tcase_add_loop_test(tests, test_link_tells_the_client_why, 1, CLOVE_LINK_CHANNEL_NOT_AVAILABLE + 1);
	tcase_add_test(tests, test_link_refuses_a_long_password_itself);
	LOOP(test_link_server_refuses, clients);
	tcase_add_loop_test(tests, test_link_server_refuses_other_protocols_at_once, 0, 5);
	LOOP(test_link_server_refuses_other_mechanisms, mechanisms);
	LOOP(test_link_client_refuses, servers);
	suite_add_tcase(suite, tests);
	return net_run(suite);
}
