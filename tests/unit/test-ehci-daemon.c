/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-daemon.c - the daemon's parts without a VMM: words of devices and targets, control socket, waking. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/log.h"
#include "vmm-glue/daemon/control.h"
#include "vmm-glue/daemon/devices.h"
#include "vmm-glue/daemon/redir.h"
#include "vmm-glue/daemon/waker.h"

static const struct {
	const char *text;
	const char *file;          /* NULL: not understood */
	bool is_writable, is_cd;
	const char *says;
} specs[] = {
	{ "keyboard", "", false, false, NULL },
	{ "tablet", "", false, false, NULL },
	{ "serial", "", false, false, NULL },
	{ "audio", "", false, false, NULL },
	{ "storage,file=a.img", "a.img", false, false, NULL },
	{ "storage,file=a.img,writable=on", "a.img", true, false, NULL },
	{ "storage,writable=off,file=a=b.img", "a=b.img", false, false, NULL },
	{ "storage,cd=on,file=a.iso", "a.iso", false, true, NULL },
	{ "storage,file=a,,b.img", "a,b.img", false, false, NULL },
	{ "storage,file=a,file=b", "b", false, false, NULL },
	{ "storage", NULL, false, false, "needs its file" },
	{ "storage,file=", NULL, false, false, "needs its file" },
	{ "storage,file=a,writable=yes", NULL, false, false, "say on or off" },
	{ "storage,file=a,writable", NULL, false, false, "takes no \"writable\"" },
	{ "storage,file=a,writable=on,cd=on", NULL, false, false, "cannot be writable" },
	{ "storage,file=a,", NULL, false, false, "takes no \"\"" },
	{ "storage,path=a", NULL, false, false, "takes no \"path=\"" },
	{ "keyboard,file=a", NULL, false, false, "takes no" },
	{ "mouse", NULL, false, false, "no device \"mouse\"" },
	{ "", NULL, false, false, "no device \"\"" },
	{ ",", NULL, false, false, "no device" },
};

START_TEST(test_device_words)
{
	struct clove_device_spec spec;
	char *error;
	bool is_fine = clove_device_spec_parse(specs[_i].text, &spec, &error);

	ck_assert_int_eq(is_fine, specs[_i].file != NULL);
	if (is_fine) {
		ck_assert_ptr_null(error);
		ck_assert_str_eq(spec.file ? spec.file : "", specs[_i].file);
		ck_assert_int_eq(spec.is_writable, specs[_i].is_writable);
		ck_assert_int_eq(spec.is_cd, specs[_i].is_cd);
		clove_device_spec_fini(&spec);
	} else {
		ck_assert_ptr_nonnull(strstr(error, specs[_i].says));
		free(error);
	}
}
END_TEST

START_TEST(test_devices_are_made)
{
	struct clove_loop *loop = clove_poll_loop_new();
	char path[] = "/tmp/clove-daemon-XXXXXX", text[80], *error;
	struct clove_device_spec spec;
	struct clove_usb_device *device;
	int fd = mkstemp(path);

	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert(clove_device_spec_parse(specs[i].text, &spec, &error));
		device = clove_device_new(&spec, -1, loop, &error);
		ck_assert_ptr_nonnull(device);
		clove_usb_device_free(device);
	}
	snprintf(text, sizeof text, "storage,file=%s,writable=on", path);
	ck_assert(clove_device_spec_parse(text, &spec, &error));
	device = clove_device_new(&spec, -1, loop, &error);
	ck_assert_ptr_nonnull(device);
	clove_usb_device_free(device);
	/* a file that came along, and is nowhere any more */
	unlink(path);
	device = clove_device_new(&spec, -1, loop, &error);
	ck_assert_ptr_null(device);
	ck_assert_ptr_nonnull(strstr(error, "No such file"));
	free(error);
	device = clove_device_new(&spec, fd, loop, &error);
	ck_assert_ptr_nonnull(device);
	ck_assert_int_eq(device->shape.speed, CLOVE_USB_HIGH);
	clove_usb_device_free(device);
	/* one that came along without the right to write */
	fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	device = clove_device_new(&spec, fd, loop, &error);
	ck_assert_ptr_null(device);
	ck_assert_ptr_nonnull(strstr(error, "not opened for writing"));
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	free(error);
	clove_device_spec_fini(&spec);
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(loop, 1);
	clove_poll_loop_free(loop);
}
END_TEST

static const struct {
	const char *text;
	int kind;                  /* -1: not understood */
	const char *host;
	int port;
} targets[] = {
	{ "unix:/run/x", CLOVE_REDIR_UNIX, "/run/x", 0 },
	{ "tcp:host:4000", CLOVE_REDIR_TCP, "host", 4000 },
	{ "tls:127.0.0.1:1", CLOVE_REDIR_TLS, "127.0.0.1", 1 },
	{ "tcp:[::1]:65535", CLOVE_REDIR_TCP, "::1", 65535 },
	{ "listen-unix:a", CLOVE_REDIR_LISTEN_UNIX, "a", 0 },
	{ "listen-tcp:localhost:5", CLOVE_REDIR_LISTEN_TCP, "localhost", 5 },
	{ "unix:", -1, NULL, 0 },
	{ "tcp:host", -1, NULL, 0 },
	{ "tcp:host:", -1, NULL, 0 },
	{ "tcp::5", -1, NULL, 0 },
	{ "tcp:host:0", -1, NULL, 0 },
	{ "tcp:host:65536", -1, NULL, 0 },
	{ "tcp:host:5x", -1, NULL, 0 },
	{ "http:host:5", -1, NULL, 0 },
	{ "", -1, NULL, 0 },
};

START_TEST(test_target_words)
{
	struct clove_redir_target target;
	char *error;
	bool is_fine = clove_redir_target_parse(targets[_i].text, &target, &error);

	ck_assert_int_eq(is_fine, targets[_i].kind >= 0);
	if (is_fine) {
		ck_assert_int_eq((int)target.kind, targets[_i].kind);
		ck_assert_str_eq(target.host, targets[_i].host);
		ck_assert_int_eq(target.port, targets[_i].port);
		ck_assert_str_eq(target.name, targets[_i].text);
		clove_redir_target_fini(&target);
	} else {
		ck_assert_ptr_nonnull(error);
		free(error);
	}
}
END_TEST

/* -- sockets -- */

static struct clove_loop *loop;
static char path[64];

static int listen_here(void)
{
	char *error = NULL;

	snprintf(path, sizeof path, "/tmp/clove-daemon-%d", (int)getpid());
	int fd = clove_listen_unix(path, &error);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void turns(int n)
{
	while (n--)
		clove_poll_loop_step(loop, 5);
}

static void answer_line(void *owner, char *line, int fd, struct clove_buf *out)
{
	char text[100];
	int n = snprintf(text, sizeof text, "%s%s", line, fd >= 0 ? " and a file" : "");

	*(int *)owner += 1;
	if (fd >= 0)
		close(fd);
	ck_assert_int_eq(clove_buf_append(out, text, (size_t)n), CLOVE_OK);
}

START_TEST(test_control_answers_a_line)
{
	int count = 0, fd;
	char text[100] = "";
	struct sockaddr_un where = { .sun_family = AF_UNIX };

	loop = clove_poll_loop_new();
	struct clove_control *control = clove_control_new(loop, listen_here(), answer_line, &count);

	strcpy(where.sun_path, path);
	/* in two pieces */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
	ck_assert_int_eq(send(fd, "hel", 3, 0), 3);
	turns(3);
	ck_assert_int_eq(count, 0);
	ck_assert_int_eq(send(fd, "lo\n", 3, 0), 3);
	turns(3);
	ck_assert_int_eq(recv(fd, text, sizeof text, MSG_DONTWAIT), 6);
	ck_assert_str_eq(text, "hello\n");
	ck_assert_int_eq(recv(fd, text, sizeof text, MSG_DONTWAIT), 0);
	close(fd);
	/* without an end */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
	memset(text, 'x', sizeof text);
	for (int i = 0; i < 100; i++)
		if (send(fd, text, sizeof text, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		else
			turns(1);
	ck_assert_int_le(recv(fd, text, sizeof text, MSG_DONTWAIT), 0);
	ck_assert_int_eq(count, 1);
	close(fd);
	/* some that say nothing do not keep others out for ever, nor leak at the end */
	int silent[20];

	for (int i = 0; i < 20; i++) {
		silent[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(silent[i], (struct sockaddr *)&where, sizeof where), 0);
	}
	turns(25);
	for (int i = 0; i < 20; i++)
		close(silent[i]);
	clove_control_free(control);
	unlink(path);
	clove_poll_loop_free(loop);
}
END_TEST

/* The other end of a wake: says and expects line by line. */
static const struct {
	const char *why;
	bool is_qmp;
	const char *greeting;
	struct { const char *expects, *answers; } steps[3];
} wakes[] = {
	{ "QMP", true, "{\"QMP\": {\"version\": {}}}\r\n", {
		{ "qmp_capabilities", "{\"return\": {}}\r\n" },
		{ "system_wakeup", "{\"event\": \"WAKEUP\"}\r\n{\"return\": {}}\r\n" } } },
	{ "QMP that does not sleep", true, "{\"QMP\": {}}\n", {
		{ "qmp_capabilities", "{\"event\": \"X\"}\n{\"return\": {}}\n" },
		{ "system_wakeup", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not suspended\"}}\n" } } },
	{ "QMP that ends", true, "{\"QMP\": {}}\n", { { "qmp_capabilities", "" } } },
	{ "no QMP", true, "nonsense\n\n{}\n", { { NULL, NULL } } },
	{ "the bridge", false, "", { { "CLOVEWAK\1", "\1" } } },
	{ "a bridge that refuses", false, "", { { "CLOVEWAK\1", "\0" } } },
};

START_TEST(test_waking)
{
	int listener = listen_here(), peer;
	char text[300];

	loop = clove_poll_loop_new();
	struct clove_waker *waker = clove_waker_new(loop, wakes[_i].is_qmp ? path : NULL, wakes[_i].is_qmp ? NULL : path);

	for (int round = 0; round < 2; round++) {
		clove_waker_wake(waker);
		clove_waker_wake(waker); /* one is enough */
		turns(3);
		peer = clove_accept(listener);
		ck_assert_int_ge(peer, 0);
		ck_assert_int_lt(clove_accept(listener), 0);
		ck_assert_int_ge(send(peer, wakes[_i].greeting, strlen(wakes[_i].greeting), 0), 0);
		for (int i = 0; i < 3 && wakes[_i].steps[i].expects; i++) {
			const char *answer = wakes[_i].steps[i].answers;

			turns(3);
			memset(text, 0, sizeof text);
			ck_assert_int_gt(recv(peer, text, sizeof text - 1, MSG_DONTWAIT), 0);
			ck_assert_ptr_nonnull(strstr(text, wakes[_i].steps[i].expects));
			if (wakes[_i].is_qmp)
				ck_assert_int_ge(send(peer, answer, strlen(answer), MSG_NOSIGNAL), 0);
			else
				ck_assert_int_eq(send(peer, answer, 1, MSG_NOSIGNAL), 1);
		}
		turns(3);
		close(peer);
		turns(3);
	}
	clove_waker_free(waker);
	close(listener);
	unlink(path);
	clove_poll_loop_free(loop);
}
END_TEST

START_TEST(test_waking_where_nobody_is)
{
	loop = clove_poll_loop_new();
	struct clove_waker *waker = clove_waker_new(loop, "/nonexistent/qmp", NULL);

	clove_waker_wake(waker);
	turns(3);
	clove_waker_wake(waker);
	clove_waker_free(waker);
	waker = clove_waker_new(loop, NULL, NULL);
	clove_waker_wake(waker);
	clove_waker_free(waker);
	clove_poll_loop_free(loop);
}
END_TEST

/* A peer that is no usbredir, and one that leaves: the connection is made again. */
START_TEST(test_a_redirection_is_tried_again)
{
	struct clove_redir_target target = { .kind = CLOVE_REDIR_BRIDGE };
	int listener = listen_here();
	char *error, text[200];

	loop = clove_poll_loop_new();
	target.host = path;
	target.name = path;
	struct clove_redir *redir = clove_redir_new(loop, &target, NULL, NULL, NULL, &error);

	ck_assert_ptr_nonnull(redir);
	for (int round = 0; round < 3; round++) {
		int peer = -1;

		for (int i = 0; i < 300 && peer < 0; i++) {
			clove_poll_loop_step(loop, 10);
			clove_redir_flush(redir);
			peer = clove_accept(listener);
		}
		ck_assert_int_ge(peer, 0);
		turns(2);
		clove_redir_flush(redir);
		/* the greeting, then usbredir's hello (type 0, of 64 bytes and capabilities) */
		ck_assert_int_ge(recv(peer, text, sizeof text, MSG_DONTWAIT), 8 + 12 + 64);
		ck_assert_mem_eq(text, "CLOVEUSB\0\0\0\0", 12);
		if (round == 1)
			ck_assert_int_eq(send(peer, "this is nothing at all, and long enough", 39, MSG_NOSIGNAL), 39);
		turns(2);
		close(peer);
		turns(2);
	}
	clove_redir_free(redir);
	close(listener);
	unlink(path);
	clove_poll_loop_free(loop);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
	Suite *suite = suite_create("ehci-daemon");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	clove_log_set_level(CLOVE_LOG_ERROR);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, test_device_words, 0, COUNT(specs));
	tcase_add_test(tcase, test_devices_are_made);
	tcase_add_loop_test(tcase, test_target_words, 0, COUNT(targets));
	tcase_add_test(tcase, test_control_answers_a_line);
	tcase_add_loop_test(tcase, test_waking, 0, COUNT(wakes));
	tcase_add_test(tcase, test_waking_where_nobody_is);
	tcase_add_test(tcase, test_a_redirection_is_tried_again);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
