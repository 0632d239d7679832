/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-tcp.c - listening, connecting and talking over TCP and unix sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "tests/unit/net-fixture.h"

static struct clove_loop *loop;
static struct clove_stream *got_stream;
static char *got_error;
static int answers;

static void set_up(void)
{
	loop = clove_poll_loop_new();
	ck_assert_ptr_nonnull(loop);
	got_stream = NULL;
	got_error = NULL;
	answers = 0;
}

static void tear_down(void)
{
	clove_stream_free(got_stream);
	free(got_error);
	clove_poll_loop_free(loop);
}

static void on_connected(void *opaque, struct clove_stream *take_stream, const char *error)
{
	ck_assert_ptr_eq(opaque, &answers);
	ck_assert_int_ne(take_stream == NULL, error == NULL);
	got_stream = take_stream;
	got_error = error ? strdup(error) : NULL;
	answers++;
}

/* Talks both ways until the end of stream. */
static void talk(struct clove_stream *client, int listener, const char *peer)
{
	int fd = clove_accept(listener);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(clove_accept(listener), 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);

	struct clove_stream *server = clove_socket_stream_new(fd, 600);
	char bytes[16];
	size_t n;

	ck_assert_ptr_nonnull(server);
	ck_assert_int_eq(strncmp(server->peer, peer, strlen(peer)), 0);
	ck_assert_int_eq(server->is_unix, !strcmp(peer, "unix"));
	if (!server->is_unix) {
		int on = 0, alive = 0;
		socklen_t len = sizeof on;

		ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
		ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &alive, &len), 0);
		ck_assert_int_eq(on, 1);
		ck_assert_int_eq(alive, 1);
	}
	ck_assert_int_eq(clove_stream_handshake(server), CLOVE_OK);
	ck_assert_int_eq(clove_stream_read(server, bytes, sizeof bytes, &n), CLOVE_ERR_AGAIN);
	ck_assert_int_eq(clove_stream_wants(server), CLOVE_READ);
	ck_assert_int_eq(clove_stream_write(client, "hello", 5, &n), CLOVE_OK);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(clove_stream_read(server, bytes, sizeof bytes, &n), CLOVE_OK);
	ck_assert_mem_eq(bytes, "hello", 5);
	clove_stream_free(client);
	got_stream = NULL;
	ck_assert_int_eq(clove_stream_read(server, bytes, sizeof bytes, &n), CLOVE_ERR_CLOSED);
	clove_stream_free(server);
}

static const struct { const char *listen, *connect, *peer; enum clove_family family; } places[] = {
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:", CLOVE_FAMILY_ANY },
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:", CLOVE_FAMILY_IPV4 },
	{ "",          "127.0.0.1", "127.0.0.1:", CLOVE_FAMILY_IPV4 },
	{ NULL,        "127.0.0.1", "",           CLOVE_FAMILY_ANY }, /* [::] takes both */
	{ "::1",       "::1",       "[::1]:",     CLOVE_FAMILY_ANY },
	{ "::1",       "::1",       "[::1]:",     CLOVE_FAMILY_IPV6 },
	{ "127.0.0.1", "localhost", "127.0.0.1:", CLOVE_FAMILY_ANY }, /* looked up */
};

START_TEST(test_tcp_connects)
{
	char *error = NULL;
	int listener = clove_listen_tcp(places[_i].listen, 0, places[_i].family, &error);

	if (listener < 0 && strchr(places[_i].connect, ':')) {
		printf("skipped: no IPv6 here (%s)\n", error);
		free(error);
		return;
	}
	ck_assert_msg(listener >= 0, "%s", error);
	ck_assert_ptr_nonnull(clove_connect_tcp(loop, places[_i].connect, clove_socket_port(listener),
			on_connected, &answers));
	ck_assert_int_eq(answers, 0);
	NET_TURN_UNTIL(loop, answers);
	ck_assert_msg(got_stream != NULL, "%s", got_error);
	talk(got_stream, listener, places[_i].peer);
	close(listener);
}
END_TEST

START_TEST(test_tcp_refused_is_a_sentence)
{
	char *error = NULL;
	int listener = clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);
	int port = clove_socket_port(listener);

	close(listener);
	ck_assert_ptr_nonnull(clove_connect_tcp(loop, "127.0.0.1", port, on_connected, &answers));
	NET_TURN_UNTIL(loop, answers);
	ck_assert_ptr_null(got_stream);
	ck_assert_ptr_nonnull(strstr(got_error, "cannot reach 127.0.0.1 port "));
	ck_assert_ptr_nonnull(strstr(got_error, "Connection refused"));
}
END_TEST

static const struct { const char *host; int port; const char *says; } nowhere[] = {
	{ "127.0.0.1", 0, "ports are" },
	{ "127.0.0.1", 65536, "ports are" },
	{ "no.such.name.invalid", 5900, "cannot look up \"no.such.name.invalid\"" },
	{ "", 5900, "" },
};

START_TEST(test_tcp_nowhere_is_a_sentence)
{
	ck_assert_ptr_nonnull(clove_connect_tcp(loop, nowhere[_i].host, nowhere[_i].port,
			on_connected, &answers));
	NET_TURN_UNTIL(loop, answers);
	ck_assert_ptr_null(got_stream);
	ck_assert_msg(strstr(got_error, nowhere[_i].says) != NULL, "%s", got_error);
}
END_TEST

START_TEST(test_tcp_cancelled_never_answers)
{
	clove_connector_cancel(clove_connect_tcp(loop, "127.0.0.1", 1, on_connected, &answers));
	clove_connector_cancel(clove_connect_tcp(loop, "localhost", 1, on_connected, &answers));
	clove_connector_cancel(clove_connect_unix(loop, "/nowhere", on_connected, &answers));
	clove_connector_cancel(NULL);
	/* The look-up's thread still has to come home. */
	for (int i = 0; i < 10; i++)
		clove_poll_loop_step(loop, 50);
	ck_assert_int_eq(answers, 0);
}
END_TEST

START_TEST(test_tcp_taken_port_is_a_sentence)
{
	char *error = NULL;
	int first = clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);

	ck_assert_int_ge(first, 0);
	ck_assert_int_lt(clove_listen_tcp("127.0.0.1", clove_socket_port(first), CLOVE_FAMILY_ANY,
			&error), 0);
	ck_assert_ptr_nonnull(strstr(error, "Address already in use"));
	free(error);
	close(first);
	ck_assert_int_lt(clove_listen_tcp("127.0.0.1", 70000, CLOVE_FAMILY_ANY, &error), 0);
	free(error);
	ck_assert_int_lt(clove_listen_tcp("no.such.name.invalid", 0, CLOVE_FAMILY_ANY, &error), 0);
	ck_assert_ptr_nonnull(strstr(error, "no.such.name.invalid"));
	free(error);
}
END_TEST

START_TEST(test_unix_connects)
{
	char dir[] = "/tmp/clove-test-XXXXXX", path[64], *error = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	if (_i)
		snprintf(path, sizeof path, "@%s", dir);
	else
		snprintf(path, sizeof path, "%s/socket", dir);
	int listener = clove_listen_unix(path, &error);
	ck_assert_msg(listener >= 0, "%s", error);
	ck_assert_int_eq(clove_socket_port(listener), -1);
	ck_assert_ptr_nonnull(clove_connect_unix(loop, path, on_connected, &answers));
	NET_TURN_UNTIL(loop, answers);
	ck_assert_msg(got_stream != NULL, "%s", got_error);
	talk(got_stream, listener, "unix");
	close(listener);
	if (!_i) { /* what a dead server left behind is no obstacle */
		listener = clove_listen_unix(path, &error);
		ck_assert_msg(listener >= 0, "%s", error);
		close(listener);
		unlink(path);
	}
	rmdir(dir);
}
END_TEST

START_TEST(test_unix_keeps_what_is_no_socket)
{
	char path[] = "/tmp/clove-test-XXXXXX", *error = NULL;
	struct stat st;

	close(mkstemp(path));
	ck_assert_int_lt(clove_listen_unix(path, &error), 0);
	ck_assert_ptr_nonnull(error);
	free(error);
	ck_assert_int_eq(stat(path, &st), 0);
	unlink(path);
}
END_TEST

START_TEST(test_unix_long_path_is_a_sentence)
{
	char path[200], *error = NULL;

	memset(path, 'p', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	ck_assert_int_lt(clove_listen_unix(path, &error), 0);
	ck_assert_ptr_nonnull(strstr(error, "1 to 107 bytes, not 199"));
	free(error);
	ck_assert_int_lt(clove_listen_unix("", &error), 0);
	free(error);
	ck_assert_ptr_nonnull(clove_connect_unix(loop, path, on_connected, &answers));
	NET_TURN_UNTIL(loop, answers);
	ck_assert_ptr_nonnull(strstr(got_error, "1 to 107 bytes"));
}
END_TEST

/* The kernel's queue fills, the rest waits; a dead reader is an error and no signal. */
START_TEST(test_stream_full_and_broken)
{
	struct clove_stream *ends[2];
	static char chunk[65536];
	size_t put, total = 0;
	enum clove_err err;

	signal(SIGPIPE, SIG_DFL);
	net_pair(ends);
	while ((err = clove_stream_write(ends[0], chunk, sizeof chunk, &put)) == CLOVE_OK)
		total += put;
	ck_assert_int_eq(err, CLOVE_ERR_AGAIN);
	ck_assert_int_eq(clove_stream_wants(ends[0]), CLOVE_WRITE);
	ck_assert_uint_gt(total, 0);
	ck_assert_uint_gt(clove_stream_unsent(ends[0]), 0);
	ck_assert_uint_eq(clove_stream_buffered(ends[0]), 0);
	clove_stream_free(ends[1]);
	ck_assert_int_eq(clove_stream_write(ends[0], chunk, sizeof chunk, &put), CLOVE_ERR_IO);
	ck_assert_str_eq(ends[0]->error, strerror(EPIPE));
	clove_stream_free(ends[0]);
	clove_stream_free(NULL);
}
END_TEST

#define LOOP(test, rows) \
	tcase_add_loop_test(tests, test, 0, (int)(sizeof rows / sizeof rows[0]))

int main(void)
{
	Suite *suite = suite_create("tcp");
	TCase *tests = tcase_create("tcp");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 20);
	LOOP(test_tcp_connects, places);
	tcase_add_test(tests, test_tcp_refused_is_a_sentence);
	LOOP(test_tcp_nowhere_is_a_sentence, nowhere);
	tcase_add_test(tests, test_tcp_cancelled_never_answers);
	tcase_add_test(tests, test_tcp_taken_port_is_a_sentence);
	tcase_add_loop_test(tests, test_unix_connects, 0, 2);
	tcase_add_test(tests, test_unix_keeps_what_is_no_socket);
	tcase_add_test(tests, test_unix_long_path_is_a_sentence);
	tcase_add_test(tests, test_stream_full_and_broken);
	suite_add_tcase(suite, tests);
	return net_run(suite);
}
