/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-session.c - a whole session with a server that lies in its lists, and how it ends. */
#include <glib.h>
#include <unistd.h>
#include "client-gtk/session.h"
#include "common/net/channel.h"
#include "common/net/tcp.h"
#include "net-fixture.h"

enum { CONNECTIONS = 64 };

/* One accepted connection: a link, then the server's end of a channel. */
struct connection {
	struct clove_channel channel; /* first */
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_link link;
	bool is_channel, is_gone;
};

static struct clove_loop *loop;
static struct clove_watch *listening;
static int listener;
static char path[64];
static struct connection connections[CONNECTIONS];
static unsigned int n_connections;
static bool is_silent;             /* after the link */
static uint32_t list_count;        /* of the channels that are offered */
static struct clove_main_channel list[2000];
static struct clove_settings settings;
static struct clove_session *session;

static struct {
	bool is_connected, is_lost, is_marked;
	enum clove_failure failure;
	char *cause;
	unsigned int heads, n_heads, goes, changed;
	struct clove_head head[CLOVE_SESSION_HEADS];
	int channels_lost;
} seen;

/* -- the server -- */

static void closed(void *channel, enum clove_err err)
{
	struct connection *c = channel;

	(void)err;
	c->is_gone = true;
}

static enum clove_err on_attach(void *channel, const void *message)
{
	(void)message;
	clove_channel_send(channel, CLOVE_MAIN_CHANNELS_LIST, &(struct clove_main_channels_list){
		.count = list_count, .channels = list });
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = { { CLOVE_MAIN_ATTACH_CHANNELS, on_attach }, { 0, NULL } };
static const struct clove_handler none[] = { { 0, NULL } };
static const struct clove_channel_ops main_ops = { .handlers = handlers, .closed = closed };
static const struct clove_channel_ops other_ops = { .handlers = none, .closed = closed };

static void become_channel(struct connection *c)
{
	bool is_main = c->link.info.channel_type == CLOVE_CHANNEL_MAIN;

	clove_watch_remove(loop, c->watch);
	c->watch = NULL;
	ck_assert_int_eq(clove_channel_init(&c->channel, is_main ? &main_ops : &other_ops,
			&(struct clove_channel_options){ .take_stream = c->stream, .loop = loop,
			.type = (enum clove_channel_type)c->link.info.channel_type,
			.id = c->link.info.channel_id, .is_server = true,
			.mini_header = c->link.mini_header }), CLOVE_OK);
	c->is_channel = true;
	c->stream = NULL;
	clove_channel_start(&c->channel);
	if (is_main && !is_silent)
		clove_channel_send(&c->channel, CLOVE_MAIN_INIT, &(struct clove_main_init){
			.session_id = 99, .supported_mouse_modes = 1, .current_mouse_mode = 1 });
}

static void serve(void *opaque, int fd, int events)
{
	struct connection *c = opaque;
	struct clove_caps caps = { { 0 } };
	uint8_t bytes[1024];
	size_t got, used, done = 0, put;

	(void)fd;
	(void)events;
	if (clove_stream_read(c->stream, bytes, sizeof bytes, &got))
		return;
	clove_caps_set(&caps, CLOVE_DISPLAY_CAP_MONITORS_CONFIG);
	while (done < got && c->link.state != CLOVE_LINK_DONE) {
		ck_assert_int_eq(clove_link_feed(&c->link, CLOVE_BYTES(bytes + done, got - done), &used),
				CLOVE_OK);
		done += used;
		if (c->link.state == CLOVE_LINK_ASKING)
			clove_link_accept(&c->link, &caps, clove_ticket_new());
		else if (c->link.state == CLOVE_LINK_TICKETED)
			clove_link_finish(&c->link, CLOVE_LINK_OK);
	}
	ck_assert_int_eq(clove_stream_write(c->stream, c->link.out.data, c->link.out.len, &put), CLOVE_OK);
	clove_buf_clear(&c->link.out);
	if (c->link.state == CLOVE_LINK_DONE)
		become_channel(c);
}

static void take(void *opaque, int fd, int events)
{
	struct connection *c = &connections[n_connections++];

	(void)opaque;
	(void)events;
	ck_assert_uint_le(n_connections, CONNECTIONS);
	c->stream = clove_socket_stream_new(clove_accept(fd), 0);
	ck_assert_ptr_nonnull(c->stream);
	clove_link_init_server(&c->link);
	c->watch = clove_watch_add(loop, c->stream->fd, CLOVE_READ, serve, c);
}

static struct connection *find(enum clove_channel_type type)
{
	for (unsigned int i = 0; i < n_connections; i++)
		if (connections[i].is_channel && connections[i].channel.type == type)
			return &connections[i];
	return NULL;
}

static unsigned int count(enum clove_channel_type type)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_connections; i++)
		n += connections[i].is_channel && connections[i].channel.type == type;
	return n;
}

static void drop(struct connection *c)
{
	clove_channel_close(&c->channel, CLOVE_ERR_CLOSED);
	NET_TURN_UNTIL(loop, c->is_gone);
	clove_channel_fini(&c->channel);
}

/* -- the viewer -- */

static void connected(void *opaque)
{
	(void)opaque;
	seen.is_connected = true;
}

static void failed(void *opaque, enum clove_failure failure, const char *cause)
{
	(void)opaque;
	clove_session_free(session);
	session = NULL;
	seen.failure = failure;
	seen.cause = g_strdup(cause);
}

static void lost(void *opaque, enum clove_err err)
{
	(void)opaque;
	(void)err;
	clove_session_free(session);
	session = NULL;
	seen.is_lost = true;
}

static void channel_lost(void *opaque, enum clove_channel_type type, uint8_t id, const char *cause)
{
	(void)opaque;
	(void)type;
	(void)id;
	ck_assert_ptr_nonnull(cause);
	seen.channels_lost++;
}

static void heads(void *opaque, const struct clove_session_display *display)
{
	(void)opaque;
	seen.heads++;
	seen.n_heads = display->n_heads;
	memcpy(seen.head, display->heads, sizeof seen.head);
}

static void picture_goes(void *opaque, const struct clove_session_display *display)
{
	struct clove_pixels picture;

	(void)opaque;
	ck_assert(clove_display_picture(display->channel, &picture));
	seen.goes++;
}

static void changed(void *opaque, const struct clove_session_display *display,
		const pixman_region32_t *region)
{
	(void)opaque;
	(void)display;
	(void)region;
	seen.changed++;
}

static void marked(void *opaque, const struct clove_session_display *display)
{
	(void)opaque;
	(void)display;
	seen.is_marked = true;
}

static struct clove_usbredir_channel *usb_of[256];
static int usb_comes, usb_goes;
static bool usb_has_why;

static void usb_came(void *opaque, struct clove_usbredir_channel *channel)
{
	uint8_t id = clove_usbredir_channel_id(channel);

	(void)opaque;
	ck_assert_ptr_null(usb_of[id]);
	usb_of[id] = channel;
	usb_comes++;
}

static void usb_went(void *opaque, struct clove_usbredir_channel *channel, const char *why)
{
	(void)opaque;
	ck_assert_ptr_eq(usb_of[clove_usbredir_channel_id(channel)], channel);
	usb_of[clove_usbredir_channel_id(channel)] = NULL;
	usb_has_why = why != NULL;
	usb_goes++;
}

static const struct clove_session_events events = {
	.usb_came = usb_came, .usb_went = usb_went,
	.connected = connected, .failed = failed, .lost = lost, .channel_lost = channel_lost,
	.heads = heads, .picture_goes = picture_goes, .changed = changed, .marked = marked,
};

static void setup(void)
{
	char *error = NULL;

	memset(connections, 0, sizeof connections);
	memset(&settings, 0, sizeof settings);
	memset(&seen, 0, sizeof seen);
	memset(usb_of, 0, sizeof usb_of);
	usb_comes = usb_goes = 0;
	n_connections = 0;
	is_silent = false;
	loop = clove_poll_loop_new();
	snprintf(path, sizeof path, "/tmp/clove-session-%d", getpid());
	listener = clove_listen_unix(path, &error);
	ck_assert_msg(listener >= 0, "%s", error);
	listening = clove_watch_add(loop, listener, CLOVE_READ, take, NULL);
	settings.address.unix_path = g_strdup(path);
	list_count = 3;
	list[0] = (struct clove_main_channel){ CLOVE_CHANNEL_CURSOR, 0 };
	list[1] = (struct clove_main_channel){ CLOVE_CHANNEL_DISPLAY, 0 };
	list[2] = (struct clove_main_channel){ CLOVE_CHANNEL_INPUTS, 0 };
}

static void start(void)
{
	session = clove_session_new(loop, &settings, &events, NULL);
	ck_assert_ptr_nonnull(session);
}

static void teardown(void)
{
	clove_session_free(session);
	for (unsigned int i = 0; i < n_connections; i++) {
		if (connections[i].watch)
			clove_watch_remove(loop, connections[i].watch);
		clove_link_fini(&connections[i].link);
		clove_stream_free(connections[i].stream);
		clove_channel_fini(&connections[i].channel);
	}
	clove_watch_remove(loop, listening);
	close(listener);
	unlink(path);
	clove_settings_fini(&settings);
	g_free(seen.cause);
	clove_poll_loop_free(loop);
}

START_TEST(test_session_opens_what_is_listed_with_its_number)
{
	start();
	NET_TURN_UNTIL(loop, n_connections == 4 && find(CLOVE_CHANNEL_INPUTS) &&
			find(CLOVE_CHANNEL_DISPLAY) && find(CLOVE_CHANNEL_CURSOR));
	ck_assert(seen.is_connected && clove_session_is_connected(session));
	ck_assert_uint_eq(connections[0].link.info.connection_id, 0);
	/* keys first, whatever the order of the list */
	ck_assert_uint_eq(connections[1].link.info.channel_type, CLOVE_CHANNEL_INPUTS);
	for (int i = 1; i < 4; i++)
		ck_assert_uint_eq(connections[i].link.info.connection_id, 99);
	NET_TURN_UNTIL(loop, clove_session_inputs(session) && clove_session_display(session, 0));
	ck_assert_ptr_null(clove_session_display(session, 1));
	ck_assert_ptr_null(clove_session_display(session, 1000));
}
END_TEST

START_TEST(test_session_opens_no_more_than_sixteen_displays)
{
	list_count = 2000;
	for (unsigned int i = 0; i < list_count; i++)
		list[i] = (struct clove_main_channel){ (uint8_t)(i / 256 % 8), (uint8_t)i };
	start();
	NET_TURN_UNTIL(loop, count(CLOVE_CHANNEL_DISPLAY) == 16 && count(CLOVE_CHANNEL_CURSOR) == 16 &&
			count(CLOVE_CHANNEL_INPUTS) == 1);
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(loop, 5);
	ck_assert_uint_eq(n_connections, 1 + 16 + 16 + 1);
	/* and nothing a second time */
	clove_channel_send(&connections[0].channel, CLOVE_MAIN_CHANNELS_LIST,
			&(struct clove_main_channels_list){ .count = list_count, .channels = list });
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(loop, 5);
	ck_assert_uint_eq(n_connections, 1 + 16 + 16 + 1);
}
END_TEST

static void create_primary(struct connection *c, uint32_t width, uint32_t height)
{
	clove_channel_send(&c->channel, CLOVE_DISPLAY_SURFACE_CREATE, &(struct clove_display_surface_create){
		.surface_id = 0, .width = width, .height = height, .format = CLOVE_SURFACE_FMT_32_XRGB,
		.flags = CLOVE_SURFACE_FLAG_PRIMARY });
}

static void config_heads(struct connection *c, struct clove_display_head *all, uint16_t n)
{
	clove_channel_send(&c->channel, CLOVE_DISPLAY_MONITORS_CONFIG,
			&(struct clove_display_monitors_config){ .count = n, .max_allowed = n, .heads = all });
}

START_TEST(test_session_shows_heads_that_lie_on_the_primary)
{
	struct clove_display_head all[] = {
		{ .width = 640, .height = 480 },
		{ .monitor_id = 1, .x = 640, .width = 640, .height = 480 },   /* half of it outside */
		{ .monitor_id = 2, .x = 2000, .width = 640, .height = 480 },  /* all of it */
		{ .monitor_id = 3, .width = 0, .height = 480 },
		{ .monitor_id = 4, .surface_id = 1, .width = 64, .height = 64 },
		{ .monitor_id = 5, .x = UINT32_MAX, .y = UINT32_MAX, .width = 2, .height = 2 },
		{ .monitor_id = 6, .x = 1, .width = INT32_MAX, .height = UINT32_MAX },
	};
	struct clove_display_head many[100];
	struct connection *c;

	start();
	NET_TURN_UNTIL(loop, find(CLOVE_CHANNEL_DISPLAY));
	c = find(CLOVE_CHANNEL_DISPLAY);
	create_primary(c, 1000, 500);
	NET_TURN_UNTIL(loop, seen.heads == 1);
	ck_assert_uint_eq(seen.n_heads, 1);
	ck_assert(seen.head[0].width == 1000 && seen.head[0].height == 500);
	config_heads(c, all, sizeof all / sizeof all[0]);
	NET_TURN_UNTIL(loop, seen.heads == 2);
	ck_assert_uint_eq(seen.n_heads, 2);
	ck_assert(seen.head[0].width == 640 && seen.head[0].height == 480);
	ck_assert(seen.head[1].x == 640 && seen.head[1].width == 360 && seen.head[1].height == 480);
	/* none of them: the primary is one */
	config_heads(c, all + 2, 5);
	NET_TURN_UNTIL(loop, seen.heads == 3);
	ck_assert(seen.n_heads == 1 && seen.head[0].width == 1000);
	for (int i = 0; i < 100; i++)
		many[i] = (struct clove_display_head){ .x = (uint32_t)i, .width = 10, .height = 10 };
	config_heads(c, many, 100);
	NET_TURN_UNTIL(loop, seen.heads == 4);
	ck_assert_uint_eq(seen.n_heads, CLOVE_SESSION_HEADS);
	clove_channel_send(&c->channel, CLOVE_DISPLAY_MARK, NULL);
	NET_TURN_UNTIL(loop, seen.is_marked);
	clove_channel_send(&c->channel, CLOVE_DISPLAY_SURFACE_DESTROY,
			&(struct clove_display_surface_destroy){ .surface_id = 0 });
	NET_TURN_UNTIL(loop, seen.goes == 1);
}
END_TEST

START_TEST(test_session_tells_once_that_it_was_lost)
{
	start();
	NET_TURN_UNTIL(loop, find(CLOVE_CHANNEL_DISPLAY) && clove_session_inputs(session));
	create_primary(find(CLOVE_CHANNEL_DISPLAY), 64, 64);
	NET_TURN_UNTIL(loop, seen.heads == 1);
	drop(find(CLOVE_CHANNEL_MAIN));
	NET_TURN_UNTIL(loop, seen.is_lost);
	ck_assert_uint_eq(seen.goes, 1); /* while its pixels were there */
	ck_assert_ptr_null(session);
}
END_TEST

START_TEST(test_session_goes_on_without_inputs)
{
	start();
	NET_TURN_UNTIL(loop, find(CLOVE_CHANNEL_INPUTS) && clove_session_inputs(session));
	drop(find(CLOVE_CHANNEL_INPUTS));
	NET_TURN_UNTIL(loop, seen.channels_lost == 1);
	ck_assert_ptr_null(clove_session_inputs(session));
	ck_assert(clove_session_is_connected(session) && !seen.is_lost);
}
END_TEST

START_TEST(test_session_fails_when_it_ends_before_it_begins)
{
	is_silent = true;
	start();
	NET_TURN_UNTIL(loop, find(CLOVE_CHANNEL_MAIN));
	drop(find(CLOVE_CHANNEL_MAIN));
	NET_TURN_UNTIL(loop, seen.failure);
	ck_assert_int_eq(seen.failure, CLOVE_FAILURE_EARLY);
	ck_assert(!seen.is_connected && !seen.is_lost);
}
END_TEST

START_TEST(test_session_says_what_is_wrong_with_a_ca)
{
	clove_settings_fini(&settings);
	settings.address.host = g_strdup("127.0.0.1");
	settings.address.tls_port = 1;
	settings.ca_pem = g_strdup("nonsense");
	start();
	ck_assert_int_eq(seen.failure, CLOVE_FAILURE_NONE); /* never from inside */
	NET_TURN_UNTIL(loop, seen.failure);
	ck_assert_int_eq(seen.failure, CLOVE_FAILURE_TLS);
	ck_assert_msg(strstr(seen.cause, "CA") || strstr(seen.cause, "certificate"), "%s", seen.cause);
}
END_TEST

/* -- USB -- */

static void offer_usb(uint8_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		list[i] = (struct clove_main_channel){ CLOVE_CHANNEL_USBREDIR, (uint8_t)(first + i) };
	clove_channel_send(&find(CLOVE_CHANNEL_MAIN)->channel, CLOVE_MAIN_CHANNELS_LIST,
			&(struct clove_main_channels_list){ .count = n, .channels = list });
}

static struct connection *find_usb(uint8_t id)
{
	for (unsigned int i = n_connections; i-- > 0;)
		if (connections[i].is_channel && !connections[i].is_gone &&
				connections[i].channel.type == CLOVE_CHANNEL_USBREDIR &&
				connections[i].channel.id == id)
			return &connections[i];
	return NULL;
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(loop, 5);
}

START_TEST(test_session_has_usb_channels_that_come_and_go)
{
	list_count = 0;
	start();
	NET_TURN_UNTIL(loop, seen.is_connected);
	offer_usb(0, 2);
	NET_TURN_UNTIL(loop, usb_comes == 2 && find_usb(0) && find_usb(1));
	ck_assert_ptr_nonnull(usb_of[1]);
	offer_usb(2, 1); /* later */
	NET_TURN_UNTIL(loop, usb_comes == 3 && find_usb(2));
	/* the server takes one away, and gives another by that number */
	drop(find_usb(1));
	NET_TURN_UNTIL(loop, usb_goes == 1);
	ck_assert(!usb_has_why && !seen.is_lost);
	offer_usb(1, 1);
	NET_TURN_UNTIL(loop, usb_comes == 4 && find_usb(1));
	/* or gives it before we know that the old one is gone */
	offer_usb(1, 1);
	turn();
	ck_assert_int_eq(usb_comes, 4);
	drop(find_usb(1));
	NET_TURN_UNTIL(loop, usb_goes == 2 && usb_comes == 5 && find_usb(1));
	drop(find_usb(1));
	NET_TURN_UNTIL(loop, usb_goes == 3);
	turn();
	ck_assert_int_eq(usb_comes, 5); /* nobody offered it again */
	/* nonsense on one is that one's end alone */
	clove_channel_send_raw(&find_usb(0)->channel, CLOVE_VMC_DATA, CLOVE_BYTES("nonsense, and not a little", 26));
	NET_TURN_UNTIL(loop, usb_goes == 4);
	ck_assert(usb_has_why && !usb_of[0] && usb_of[2]);
	ck_assert(clove_session_is_connected(session) && !seen.is_lost);
}
END_TEST

START_TEST(test_session_opens_usb_channels_within_reason)
{
	settings.is_usb_disabled = _i;
	list_count = 0;
	start();
	NET_TURN_UNTIL(loop, seen.is_connected);
	offer_usb(0, 256);
	offer_usb(0, 256);
	if (!_i)
		NET_TURN_UNTIL(loop, usb_comes == 32);
	turn();
	ck_assert_int_eq(usb_comes, _i ? 0 : 32);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_session_opens_what_is_listed_with_its_number);
	tcase_add_test(tcase, test_session_opens_no_more_than_sixteen_displays);
	tcase_add_test(tcase, test_session_shows_heads_that_lie_on_the_primary);
	tcase_add_test(tcase, test_session_tells_once_that_it_was_lost);
	tcase_add_test(tcase, test_session_goes_on_without_inputs);
	tcase_add_test(tcase, test_session_fails_when_it_ends_before_it_begins);
	tcase_add_test(tcase, test_session_says_what_is_wrong_with_a_ca);
	tcase_add_test(tcase, test_session_has_usb_channels_that_come_and_go);
	tcase_add_loop_test(tcase, test_session_opens_usb_channels_within_reason, 0, 2);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
