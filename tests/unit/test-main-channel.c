/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-main-channel.c - how a session begins, and servers that begin it twice, late or absurdly. */
#include "channel-fixture.h"
#include "client-gtk/main-channel.h"

static struct clove_loop *loop;
static struct peer peer;
static struct clove_main *viewer;
static struct {
	int inits, lists, mode;
	uint32_t session_id, mm_time;
	int closed;
	char name[1024];
} heard;

static enum clove_err on_attach(void *channel, const void *message)
{
	(void)message;
	peer_note(channel, "attach ");
	return CLOVE_OK;
}

static enum clove_err on_mode(void *channel, const void *message)
{
	peer_note(channel, "mode %u ", ((const struct clove_main_mouse_mode_request *)message)->mode);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_MAIN_ATTACH_CHANNELS, on_attach },
	{ CLOVE_MAIN_MOUSE_MODE_REQUEST, on_mode },
	{ 0, NULL },
};

static void pong(void *channel, uint32_t id, uint64_t timestamp)
{
	peer_note(channel, "pong %u %u ", id, (unsigned int)timestamp);
}

static const struct clove_channel_ops ops = { .handlers = handlers, .closed = peer_closed, .pong = pong };

static void init(void *opaque, const struct clove_main_init *message)
{
	(void)opaque;
	heard.inits++;
	heard.session_id = message->session_id;
}

static void channels(void *opaque, const struct clove_main_channels_list *list)
{
	(void)opaque;
	heard.lists += (int)list->count;
}

static void mouse_mode(void *opaque, enum clove_mouse_mode mode)
{
	(void)opaque;
	heard.mode = (int)mode;
}

static void name(void *opaque, const char *text)
{
	(void)opaque;
	ck_assert_uint_lt(strlen(text), sizeof heard.name);
	strcpy(heard.name, text);
}

static void mm_time(void *opaque, uint32_t time)
{
	(void)opaque;
	heard.mm_time = time;
}

static void closed(void *opaque, enum clove_err err)
{
	(void)opaque;
	heard.closed = (int)err;
	clove_main_channel_free(viewer);
	viewer = NULL;
}

static const struct clove_main_events events = {
	.init = init, .channels = channels, .mouse_mode = mouse_mode, .name = name, .closed = closed,
	.mm_time = mm_time,
};

static void setup(void)
{
	struct clove_opened opened;

	memset(&peer, 0, sizeof peer);
	memset(&heard, 0, sizeof heard);
	heard.closed = -1;
	loop = clove_poll_loop_new();
	peer_open(&peer, loop, CLOVE_CHANNEL_MAIN, &ops, &opened);
	viewer = clove_main_channel_new(loop, &events, NULL, &opened);
	ck_assert_ptr_nonnull(viewer);
}

static void teardown(void)
{
	clove_main_channel_free(viewer);
	clove_channel_fini(&peer.channel);
	clove_poll_loop_free(loop);
}

static void send_init(uint32_t id, uint32_t supported, uint32_t current)
{
	clove_channel_send(&peer.channel, CLOVE_MAIN_INIT, &(struct clove_main_init){
		.session_id = id, .supported_mouse_modes = supported, .current_mouse_mode = current });
}

static void send_list(uint32_t n)
{
	struct clove_main_channel all[300] = { { 2, 0 } };

	clove_channel_send(&peer.channel, CLOVE_MAIN_CHANNELS_LIST, &(struct clove_main_channels_list){
		.count = n, .channels = all });
}

/* The last thing sent in each test: what came before has been handled when it is answered. */
static void settle(const char *want)
{
	char whole[256];

	clove_channel_send(&peer.channel, CLOVE_PING, &(struct clove_ping){ .id = 7, .timestamp = 9 });
	NET_TURN_UNTIL(loop, strstr(peer.said, "pong 7 9 "));
	snprintf(whole, sizeof whole, "%spong 7 9 ", want);
	ck_assert_str_eq(peer.said, whole);
}

static const struct {
	const char *why;
	uint32_t supported, current;
	const char *want;
	int mode;
} modes[] = {
	{ "server only",         1, 1, "attach ",        CLOVE_MOUSE_MODE_SERVER },
	{ "client is offered",   3, 1, "attach mode 2 ", CLOVE_MOUSE_MODE_SERVER },
	{ "client already",      3, 2, "attach ",        CLOVE_MOUSE_MODE_CLIENT },
	{ "no mode that we know", 8, 9, "attach ",       CLOVE_MOUSE_MODE_SERVER },
};

START_TEST(test_main_begins_a_session)
{
	send_init(17, modes[_i].supported, modes[_i].current);
	send_list(3);
	settle(modes[_i].want);
	ck_assert(heard.inits == 1 && heard.session_id == 17 && heard.lists == 3);
	ck_assert_msg(heard.mode == modes[_i].mode, "%s", modes[_i].why);
}
END_TEST

START_TEST(test_main_asks_again_when_client_mode_comes_back)
{
	struct clove_main_mouse_mode mode = { .supported = 1, .current = 1 };

	send_init(17, 3, 2);
	clove_channel_send(&peer.channel, CLOVE_MAIN_MOUSE_MODE, &mode);
	mode.supported = 3;
	clove_channel_send(&peer.channel, CLOVE_MAIN_MOUSE_MODE, &mode);
	settle("attach mode 2 ");
	ck_assert_int_eq(heard.mode, CLOVE_MOUSE_MODE_SERVER);
}
END_TEST

START_TEST(test_main_takes_nothing_before_init_and_init_once)
{
	send_list(2);
	clove_channel_send(&peer.channel, CLOVE_MAIN_MOUSE_MODE, &(struct clove_main_mouse_mode){
		.supported = 3, .current = 2 });
	send_init(1, 1, 1);
	send_init(2, 3, 1);
	settle("attach ");
	ck_assert(heard.inits == 1 && heard.session_id == 1 && heard.lists == 0);
	ck_assert_int_eq(heard.mode, CLOVE_MOUSE_MODE_SERVER);
}
END_TEST

START_TEST(test_main_follows_the_servers_time)
{
	clove_channel_send(&peer.channel, CLOVE_MAIN_INIT, &(struct clove_main_init){
		.session_id = 1, .supported_mouse_modes = 1, .current_mouse_mode = 1, .multi_media_time = 1000 });
	NET_TURN_UNTIL(loop, heard.inits);
	ck_assert_uint_eq(heard.mm_time, 1000);
	clove_channel_send(&peer.channel, CLOVE_MAIN_MULTI_MEDIA_TIME,
			&(struct clove_main_multi_media_time){ UINT32_MAX });
	settle("attach ");
	ck_assert_uint_eq(heard.mm_time, UINT32_MAX);
}
END_TEST

static const struct {
	const char *why;
	uint8_t body[24];
	size_t len;
	const char *want;
} names[] = {
	{ "with its NUL",      { 4, 0, 0, 0, 'a', 'b', 'c', 0 }, 8, "abc" },
	{ "without",           { 3, 0, 0, 0, 'a', 'b', 'c' }, 7, "abc" },
	{ "empty",             { 0, 0, 0, 0 }, 4, "" },
	{ "line ends, escape", { 5, 0, 0, 0, 'a', '\n', 27, 'b', 0 }, 9, "a  b" },
	{ "no UTF-8",          { 3, 0, 0, 0, 'a', 0xff, 'b' }, 7, "a\xef\xbf\xbd" "b" },
	{ "longer than sent",  { 9, 0, 0, 0, 'a', 'b', 'c' }, 7, "none" },
};

START_TEST(test_main_tells_a_name_that_can_be_shown)
{
	strcpy(heard.name, "none");
	clove_channel_send_raw(&peer.channel, CLOVE_MAIN_NAME, CLOVE_BYTES(names[_i].body, names[_i].len));
	settle("");
	ck_assert_msg(!strcmp(heard.name, names[_i].want), "%s: %s", names[_i].why, heard.name);
}
END_TEST

START_TEST(test_main_cuts_an_endless_name)
{
	static uint8_t body[4 + 2000];

	memset(body, 'x', sizeof body);
	clove_put_le32(body, 2000);
	clove_channel_send_raw(&peer.channel, CLOVE_MAIN_NAME, CLOVE_BYTES(body, sizeof body));
	settle("");
	ck_assert_uint_eq(strlen(heard.name), 256);
}
END_TEST

START_TEST(test_main_closes_on_what_is_too_large)
{
	static uint8_t body[70000];

	clove_put_le32(body, 34998);
	clove_channel_send_raw(&peer.channel, CLOVE_MAIN_CHANNELS_LIST, CLOVE_BYTES(body, sizeof body));
	NET_TURN_UNTIL(loop, heard.closed >= 0);
	ck_assert_int_eq(heard.closed, CLOVE_ERR_LIMIT);
	ck_assert_int_eq(heard.lists, 0);
}
END_TEST

START_TEST(test_main_takes_the_ping_of_the_network_test)
{
	static uint8_t body[256012] = { 3 };

	clove_channel_send_raw(&peer.channel, CLOVE_PING, CLOVE_BYTES(body, sizeof body));
	NET_TURN_UNTIL(loop, peer.len);
	ck_assert_str_eq(peer.said, "pong 3 0 ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("main-channel");
	TCase *tcase = tcase_create("main-channel");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_loop_test(tcase, test_main_begins_a_session, 0, sizeof modes / sizeof modes[0]);
	tcase_add_test(tcase, test_main_asks_again_when_client_mode_comes_back);
	tcase_add_test(tcase, test_main_takes_nothing_before_init_and_init_once);
	tcase_add_test(tcase, test_main_follows_the_servers_time);
	tcase_add_loop_test(tcase, test_main_tells_a_name_that_can_be_shown, 0,
			sizeof names / sizeof names[0]);
	tcase_add_test(tcase, test_main_cuts_an_endless_name);
	tcase_add_test(tcase, test_main_closes_on_what_is_too_large);
	tcase_add_test(tcase, test_main_takes_the_ping_of_the_network_test);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
