/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-redirect.c - what clove-usbredirect is told, and how its peers come and go. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "usbredir/peer-link.h"
#include "usbredir/redirect-options.h"

static const struct {
	const char *words[10];
	int want;
} rows[] = {
	{ { "--serial", "--to", "host:4000" }, 0 },
	{ { "--serial", "--as", ":4000", "-k", "-v", "3" }, 0 },
	{ { "--device", "1234:abcd", "--to", "[::1]:4000", "--tls", "--ca-file", "f" }, 0 },
	{ { "--image", "f", "--writable", "--listen", "unix:/run/x" }, 0 },
	{ { "--list" }, 0 },
	{ { "--help" }, 1 },
	{ { NULL }, 2 },
	{ { "--serial" }, 2 },
	{ { "--to", "host:1" }, 2 },
	{ { "--serial", "--audio", "--to", "host:1" }, 2 },
	{ { "--serial", "--to", "host:1", "--listen", ":2" }, 2 },
	{ { "--serial", "--to", "host" }, 2 },
	{ { "--serial", "--to", ":1" }, 2 },
	{ { "--serial", "--to", "host:0" }, 2 },
	{ { "--serial", "--to", "host:65536" }, 2 },
	{ { "--serial", "--to", "host:1x" }, 2 },
	{ { "--serial", "--to", "unix:" }, 2 },
	{ { "--device", "1234", "--to", "host:1" }, 2 },
	{ { "--device", "12345:1", "--to", "host:1" }, 2 },
	{ { "--device", "-1:1", "--to", "host:1" }, 2 },
	{ { "--device", "3-256", "--to", "host:1" }, 2 },
	{ { "--serial", "--writable", "--to", "host:1" }, 2 },
	{ { "--image", "f", "--cd", "--writable", "--to", "host:1" }, 2 },
	{ { "--serial", "--tls", "--listen", ":1" }, 2 },
	{ { "--serial", "--tls", "--to", "unix:/x" }, 2 },
	{ { "--serial", "--ca-file", "f", "--to", "host:1" }, 2 },
	{ { "--serial", "--to", "host:1", "more" }, 2 },
};

START_TEST(test_options_are_judged)
{
	struct redirect_options options;
	char *argv[12] = { (char[]){ "clove-usbredirect" } };
	int argc = 1;

	for (int i = 0; rows[_i].words[i]; i++)
		argv[argc++] = strdup(rows[_i].words[i]);
	ck_assert_int_eq(redirect_options_parse(&options, argc, argv), rows[_i].want);
	redirect_options_fini(&options);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
}
END_TEST

START_TEST(test_options_are_understood)
{
	char *device[] = { (char[]){ "x" }, (char[]){ "--device" }, (char[]){ "1234:abcd" }, (char[]){ "--to" },
			(char[]){ "tls:[::1]:4000" }, NULL };
	char *place[] = { (char[]){ "x" }, (char[]){ "--device" }, (char[]){ "3-12" }, (char[]){ "--listen" },
			(char[]){ ":0" }, NULL };
	struct redirect_options o;

	ck_assert_int_eq(redirect_options_parse(&o, 5, device), 0);
	ck_assert_uint_eq(o.vendor, 0x1234);
	ck_assert_uint_eq(o.product, 0xabcd);
	ck_assert_str_eq(o.host, "::1");
	ck_assert_int_eq(o.port, 4000);
	ck_assert(o.is_tls && !o.listens && !o.is_by_place);
	redirect_options_fini(&o);
	optind = 0;
	ck_assert_int_eq(redirect_options_parse(&o, 5, place), 0);
	ck_assert(o.is_by_place && o.listens);
	ck_assert_uint_eq(o.bus, 3);
	ck_assert_uint_eq(o.address, 12);
	redirect_options_fini(&o);
}
END_TEST

/* ---- peers --------------------------------------------------------------------------------------------- */

static struct clove_loop *loop;
static struct clove_stream *peer;
static unsigned int peers, failures, connections;

static void on_peer(void *owner, struct clove_stream *take_stream)
{
	(void)owner;
	ck_assert_ptr_null(peer);
	peer = take_stream;
	peers++;
}

static void on_failed(void *owner, const char *why)
{
	(void)owner;
	ck_assert_ptr_nonnull(strstr(why, "cannot reach"));
	failures++;
}

static const struct peer_link_events events = { on_peer, on_failed };

static struct clove_stream *others[2];

static void on_connected(void *opaque, struct clove_stream *take_stream, const char *error)
{
	(void)opaque;
	ck_assert_msg(take_stream != NULL, "%s", error);
	others[connections++] = take_stream;
}

static void turn_until(const unsigned int *count, unsigned int wanted)
{
	uint64_t give_up = clove_now_ms() + 10000;

	while (*count < wanted && clove_now_ms() < give_up)
		clove_poll_loop_step(loop, 100);
	ck_assert_uint_eq(*count, wanted);
}

START_TEST(test_peers_come_one_at_a_time)
{
	struct peer_link *link;
	char *error;

	loop = clove_poll_loop_new();
	link = peer_link_new(loop, &(struct peer_link_options){ .listens = true, .host = "127.0.0.1", .port = -2 },
			&events, NULL, &error);
	ck_assert_msg(link != NULL, "%s", error);
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_nonnull(clove_connect_tcp(loop, "127.0.0.1", peer_link_port(link), on_connected, NULL));
	turn_until(&connections, 2);
	turn_until(&peers, 1);
	clove_poll_loop_step(loop, 50);
	ck_assert_uint_eq(peers, 1);                    /* the other one waits */
	clove_stream_free(peer);
	peer = NULL;
	peer_link_next(link, true);
	turn_until(&peers, 2);
	clove_stream_free(peer);
	clove_stream_free(others[0]);
	clove_stream_free(others[1]);
	peer_link_free(link);
	clove_poll_loop_free(loop);
}
END_TEST

START_TEST(test_a_peer_is_tried_until_it_is_there)
{
	char path[] = "/tmp/clove-test-redirect-XXXXXX/s", *error;
	struct peer_link *link;
	int listener;

	path[strlen(path) - 2] = '\0';
	ck_assert_ptr_nonnull(mkdtemp(path));
	path[strlen(path)] = '/';
	loop = clove_poll_loop_new();
	link = peer_link_new(loop, &(struct peer_link_options){ .host = path, .port = -1 }, &events, NULL, &error);
	ck_assert_msg(link != NULL, "%s", error);
	turn_until(&failures, 2);
	listener = clove_listen_unix(path, &error);
	ck_assert_int_ge(listener, 0);
	turn_until(&peers, 1);
	clove_stream_free(peer);
	peer = NULL;
	peer_link_next(link, true);                     /* lost: it comes again */
	turn_until(&peers, 2);
	clove_stream_free(peer);
	peer_link_free(link);
	close(listener);
	unlink(path);
	path[strlen(path) - 2] = '\0';
	rmdir(path);
	clove_poll_loop_free(loop);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("redirect");
	Suite *suite = suite_create("redirect");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_options_are_judged, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tcase, test_options_are_understood);
	tcase_add_test(tcase, test_peers_come_one_at_a_time);
	tcase_add_test(tcase, test_a_peer_is_tried_until_it_is_there);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
