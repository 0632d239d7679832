/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-opening.c - servers that do not answer, are none, close early, ask for TLS or a password. */
#include <check.h>
#include <glib.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client-gtk/failures.h"
#include "client-gtk/glib-loop.h"
#include "client-gtk/opening.h"
#include "common/net/tcp.h"

enum behaviour { SILENT, CLOSES, HTTP, WORD, REFUSES, TAKES };

/* A server in the same main context: it accepts, and behaves. */
struct server {
	enum behaviour behaviour;
	enum clove_link_error error;  /* REFUSES: before the ticket; TAKES: as link result */
	int listener, fd;
	struct clove_link link;
	bool is_linking;
	guint watch;
};

struct seen {
	struct clove_opened opened;
	char *cause;
	bool is_over;
};

static void over(void *opaque, struct clove_opened *opened)
{
	struct seen *seen = opaque;

	seen->opened = *opened;
	seen->cause = g_strdup(opened->cause);
	seen->is_over = true;
}

static void send_out(struct server *server)
{
	struct clove_buf *out = &server->link.out;

	ck_assert_int_eq(write(server->fd, out->data, out->len), (ssize_t)out->len);
	clove_buf_clear(out);
}

static gboolean serve(gint fd, GIOCondition condition, gpointer data)
{
	struct server *server = data;
	uint8_t bytes[4096];
	ssize_t got = read(fd, bytes, sizeof bytes);
	size_t done = 0;

	(void)condition;
	if (got <= 0) {
		server->watch = 0;
		return G_SOURCE_REMOVE;
	}
	while (done < (size_t)got) {
		struct clove_caps none = { { 0 } };
		size_t used = 0;

		ck_assert_int_eq(clove_link_feed(&server->link, CLOVE_BYTES(bytes + done,
				(size_t)got - done), &used), CLOVE_OK);
		done += used;
		if (server->link.state == CLOVE_LINK_ASKING) {
			if (server->behaviour == REFUSES)
				clove_link_refuse(&server->link, server->error);
			else
				clove_link_accept(&server->link, &none, clove_ticket_new());
		} else if (server->link.state == CLOVE_LINK_TICKETED) {
			clove_link_finish(&server->link, server->error);
		}
		send_out(server);
		if (server->link.state == CLOVE_LINK_DONE)
			ck_assert_int_eq(write(fd, "early", 5), 5);
		if (server->link.state != CLOVE_LINK_GOING_ON)
			break;
	}
	return G_SOURCE_CONTINUE;
}

static gboolean take(gint fd, GIOCondition condition, gpointer data)
{
	struct server *server = data;

	(void)condition;
	server->fd = clove_accept(fd);
	ck_assert_int_ge(server->fd, 0);
	switch (server->behaviour) {
	case SILENT:
		break;
	case CLOSES:
		close(server->fd);
		server->fd = -1;
		break;
	case WORD:
		ck_assert_int_eq(write(server->fd, "hello\n", 6), 6);
		close(server->fd);
		server->fd = -1;
		break;
	case HTTP:
		ck_assert_int_eq(write(server->fd, "HTTP/1.0 400 Bad Request\r\n\r\n", 28), 28);
		break;
	case REFUSES:
	case TAKES:
		clove_link_init_server(&server->link);
		server->is_linking = true;
		server->watch = g_unix_fd_add(server->fd, G_IO_IN, serve, server);
		break;
	}
	return G_SOURCE_CONTINUE;
}

static const struct {
	const char *why;
	enum behaviour behaviour;
	enum clove_link_error error;
	bool is_secure;
	enum clove_failure want;
} cases[] = {
	{ "closes at once",      CLOSES,  0, false, CLOVE_FAILURE_EARLY },
	{ "a word, then closes", WORD,    0, false, CLOVE_FAILURE_NOT_SPICE },
	{ "another protocol",    HTTP,    0, false, CLOVE_FAILURE_NOT_SPICE },
	{ "wants TLS, no port",  REFUSES, CLOVE_LINK_NEED_SECURED, false, CLOVE_FAILURE_TLS },
	{ "no such channel",     REFUSES, CLOVE_LINK_CHANNEL_NOT_AVAILABLE, false,
		CLOVE_FAILURE_REFUSED },
	{ "wrong password",      TAKES,   CLOVE_LINK_PERMISSION_DENIED, false,
		CLOVE_FAILURE_PASSWORD },
	{ "taken",               TAKES,   CLOVE_LINK_OK, false, CLOVE_FAILURE_NONE },
	{ "secure without port", SILENT,  0, true, CLOVE_FAILURE_TLS },
};

START_TEST(test_opening_row)
{
	struct server server = { .behaviour = cases[_i].behaviour, .error = cases[_i].error, .fd = -1 };
	struct clove_address address = { .host = (char *)"127.0.0.1", .password = (char *)"secret" };
	struct seen seen = { .is_over = false };
	struct clove_opening *opening;
	guint listening;
	char *error = NULL;

	server.listener = clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);
	ck_assert_int_ge(server.listener, 0);
	address.port = clove_socket_port(server.listener);
	listening = g_unix_fd_add(server.listener, G_IO_IN, take, &server);
	opening = clove_opening_new(&(struct clove_opening_options){
		.loop = clove_glib_loop(), .address = &address, .is_secure = cases[_i].is_secure,
		.wanted = { .channel_type = 1 },
	}, over, &seen);
	ck_assert_ptr_nonnull(opening);
	ck_assert(!seen.is_over);
	while (!seen.is_over)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_msg(seen.opened.failure == cases[_i].want, "%s: %d, %s", cases[_i].why,
			seen.opened.failure, seen.cause);
	ck_assert_int_eq(seen.cause != NULL, cases[_i].want != CLOVE_FAILURE_NONE);
	ck_assert_int_eq(seen.opened.stream != NULL, cases[_i].want == CLOVE_FAILURE_NONE);
	clove_stream_free(seen.opened.stream);
	clove_buf_fini(&seen.opened.early);
	g_free(seen.cause);
	g_source_remove(listening);
	if (server.watch)
		g_source_remove(server.watch);
	if (server.is_linking)
		clove_link_fini(&server.link);
	if (server.fd >= 0)
		close(server.fd);
	close(server.listener);
}
END_TEST

START_TEST(test_opening_says_that_nobody_listens)
{
	struct clove_address address = { .host = (char *)"127.0.0.1" };
	struct seen seen = { .is_over = false };
	char *error = NULL;
	int listener = clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);

	address.port = clove_socket_port(listener);
	close(listener);
	ck_assert_ptr_nonnull(clove_opening_new(&(struct clove_opening_options){
		.loop = clove_glib_loop(), .address = &address, .wanted = { .channel_type = 1 },
	}, over, &seen));
	while (!seen.is_over)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_int_eq(seen.opened.failure, CLOVE_FAILURE_CONNECT);
	ck_assert_msg(strstr(seen.cause, "refused") != NULL, "%s", seen.cause);
	g_free(seen.cause);
}
END_TEST

START_TEST(test_failure_says_what_why_and_what_next)
{
	char *line = clove_failure_sentence(CLOVE_FAILURE_PASSWORD, "wrong or expired", true);

	ck_assert_str_eq(line, "The password was not accepted: Wrong or expired. The password of a "
			"connection file is good for a short time only: get a new file.");
	g_free(line);
	for (int failure = CLOVE_FAILURE_CONNECT; failure <= CLOVE_FAILURE_REFUSED; failure++)
		for (int is_file = 0; is_file < 2; is_file++) {
			const struct clove_failure_text *text =
					clove_failure_text((enum clove_failure)failure, is_file);

			ck_assert(text->title[0] && text->next_step[0] && text->exit != CLOVE_EXIT_OK);
		}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("opening");
	TCase *tcase = tcase_create("opening");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_opening_row, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tcase, test_opening_says_that_nobody_listens);
	tcase_add_test(tcase, test_failure_says_what_why_and_what_next);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
