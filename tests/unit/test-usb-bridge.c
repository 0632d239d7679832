/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-bridge.c - processes beside the VMM: who may connect, channels that come and go with them, and wakes. */
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "common/util/log.h"
#include "include/spice-server/clove.h"
#include "server/server.h"
#include "server/usb-bridge.h"
#include "tests/unit/vmc-fixture.h"

static char path[80], last_line[400];

static void note_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	snprintf(last_line, sizeof last_line, "%s", line);
}

static void setup(void)
{
	vmc_start(false);
	spice_server_vm_start(server);
	snprintf(path, sizeof path, "%s/usb", dir);
	clove_log_set_sink(note_line, NULL);
	last_line[0] = 0;
	ck_assert_int_eq(clove_server_set_usb_bridge(server, path), 0);
}

static void teardown(void)
{
	vmc_end();
	ck_assert_int_ne(access(path, F_OK), 0);
	clove_log_set_sink(NULL, NULL);
}

/* -- a process at the bridge -- */

static int try_connect(const char *to)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", to);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static int come(const char *greeting)
{
	int fd = try_connect(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, greeting, strlen(greeting), MSG_NOSIGNAL), strlen(greeting));
	return fd;
}

/* Whether the bridge has closed it; what it said before is read over. */
static bool is_over(int fd)
{
	char bytes[4096];
	ssize_t n = 1;

	while (n > 0)
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Takes what is there; true if it was the next numbered bytes. */
static bool take(int fd, size_t *got)
{
	static uint8_t bytes[1 << 16];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] != nth(*got + (size_t)i))
				return false;
		*got += (size_t)n;
	}
	return true;
}

/* As many of the numbered bytes as go. */
static void give(int fd, size_t *said, size_t n)
{
	static uint8_t bytes[1 << 16];
	ssize_t put;

	n = n < sizeof bytes ? n : sizeof bytes;
	number(bytes, *said, n);
	put = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	*said += put > 0 ? (size_t)put : 0;
}

/* -- the socket -- */

START_TEST(test_the_socket_is_its_users)
{
	struct stat there;
	int fd, status;
	pid_t pid;

	ck_assert_int_eq(lstat(path, &there), 0);
	ck_assert(S_ISSOCK(there.st_mode));
	ck_assert_int_eq(there.st_mode & 07777, 0600);
	if (geteuid() != 0) {
		fprintf(stderr, "skip: another user's process: this needs root\n");
		return;
	}
	/* the mode alone does not keep it: whoever got a descriptor is asked for its user too */
	ck_assert_int_eq(chmod(dir, 0711) | chmod(path, 0666), 0);
	pid = fork();
	if (!pid) {
		struct pollfd waits;

		if (setuid(65534) || (fd = try_connect(path)) < 0)
			_exit(2);
		send(fd, "CLOVEWAK\1", 9, MSG_NOSIGNAL);
		waits = (struct pollfd){ .fd = fd, .events = POLLIN };
		poll(&waits, 1, 4000);
		_exit(is_over(fd) ? 0 : 1);
	}
	NET_TURN_UNTIL(vmm.loop, strstr(last_line, "another user"));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static const struct { const char *what, *word; } bad_paths[] = {
	{ "live", "another process listens" }, { "file", "is no socket" }, { "", "has 1 to" },
	{ "no/such/folder", "No such file" },
	{ "long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long", "has 1 to" },
};

START_TEST(test_bad_paths)
{
	SpiceServer *other = spice_server_new();
	char there[200], *held = path;

	there[0] = '\0';
	if (bad_paths[_i].what[0])
		snprintf(there, sizeof there, "%s/%s", dir, bad_paths[_i].what);
	ck_assert_int_eq(clove_server_set_usb_bridge(other, path), -1); /* before init */
	spice_server_set_noauth(other);
	ck_assert_int_eq(spice_server_init(other, &vmm_core), 0);
	if (!strcmp(bad_paths[_i].what, "file"))
		fclose(fopen(there, "w"));
	else if (!strcmp(bad_paths[_i].what, "live"))
		snprintf(there, sizeof there, "%s", held);
	ck_assert_int_eq(clove_server_set_usb_bridge(other, there), -1);
	ck_assert_msg(strstr(last_line, bad_paths[_i].word), "%s", last_line);
	spice_server_destroy(other);
	/* what was there is there */
	ck_assert_int_eq(access(path, F_OK), 0);
	if (!strcmp(bad_paths[_i].what, "file"))
		ck_assert_int_eq(unlink(there), 0);
}
END_TEST

START_TEST(test_what_a_dead_process_left)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(clove_server_set_usb_bridge(server, NULL), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, path), 0);
	fd = come("CLOVEUSB");
	viewer_come(&viewers[0]);
	NET_TURN_UNTIL(vmm.loop, viewers[0].told[0]);
	close(fd);
	/* what has taken its place is not removed */
	ck_assert_int_eq(unlink(path), 0);
	fclose(fopen(path, "w"));
	ck_assert_int_eq(clove_server_set_usb_bridge(server, NULL), 0);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(test_the_environment_names_it)
{
	SpiceServer *other;
	char there[100];

	snprintf(there, sizeof there, "%s/env", dir);
	for (int i = 0; i < 2; i++) {
		setenv("CLOVE_USB_SOCKET", i ? path : there, 1);
		other = spice_server_new();
		/* at a bad path there is a server all the same */
		ck_assert_int_eq(spice_server_init(other, &vmm_core), 0);
		ck_assert_int_eq(access(there, F_OK), i ? -1 : 0);
		spice_server_destroy(other);
		ck_assert_int_eq(access(there, F_OK), -1);
	}
	ck_assert(strstr(last_line, "another process listens"));
	unsetenv("CLOVE_USB_SOCKET");
}
END_TEST

/* -- who says something else, or nothing -- */

static const struct { const char *says, *word; } strangers[] = {
	{ "CLOVEUSX", "begins neither" }, { "GET / HTTP/1.1\r\n\r\n", "begins neither" }, { "CLOVE", "says nothing" },
	{ "", "says nothing" }, { "CLOVEWAK\2", "is not 1" },
};

START_TEST(test_strangers)
{
	int fd;

	clove_usb_bridge_set_deadline(server->usb_bridge, 50);
	fd = come(strangers[_i].says);
	NET_TURN_UNTIL(vmm.loop, is_over(fd));
	ck_assert_msg(strstr(last_line, strangers[_i].word), "%s", last_line);
	close(fd);
	ck_assert_uint_eq(server->policy.n_offers, 1);
}
END_TEST

START_TEST(test_the_deadline_is_of_the_greeting)
{
	int fd;

	clove_usb_bridge_set_deadline(server->usb_bridge, 30);
	fd = come("CLOVEUSB");
	for (int i = 0; i < 10; i++)
		clove_poll_loop_step(vmm.loop, 10);
	ck_assert(!is_over(fd));
	close(fd);
}
END_TEST

START_TEST(test_not_too_many)
{
	enum { MANY = CLOVE_USB_BRIDGE_PEERS + 6 };
	int fds[MANY], n = 0;

	for (int i = 0; i < MANY; i++) {
		fds[i] = come(i % 2 ? "CLOVEUSB" : "CLOVEWAK");
		clove_poll_loop_step(vmm.loop, 0);
	}
	NET_TURN_UNTIL(vmm.loop, server->policy.n_offers == 1 + CLOVE_USB_BRIDGE_PEERS / 2);
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(vmm.loop, 1);
	for (int i = 0; i < MANY; i++)
		n += is_over(fds[i]);
	ck_assert_int_eq(n, 6);
	ck_assert(strstr(last_line, "too many"));
	/* a place that is left is a place */
	close(fds[0]);
	for (int i = 0; i < 20; i++)
		clove_poll_loop_step(vmm.loop, 1);
	fds[0] = come("CLOVEUSB");
	NET_TURN_UNTIL(vmm.loop, server->policy.n_offers == 2 + CLOVE_USB_BRIDGE_PEERS / 2);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	NET_TURN_UNTIL(vmm.loop, server->policy.n_offers == 1);
}
END_TEST

/* -- channels -- */

START_TEST(test_a_channel_comes_and_goes)
{
	struct viewer *viewer = &viewers[0];
	size_t said = 0, got = 0;
	int fd, other;

	viewer_come(viewer);
	ck_assert_uint_eq(viewer->told[0], 0);
	fd = come("CLOVEUSB");
	give(fd, &said, 80);
	other = come("CLOVEUSB");
	NET_TURN_UNTIL(vmm.loop, viewer->told[0] == 1 && viewer->told[1] == 1);
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, viewer->got == 80);
	viewer_say(viewer, 80);
	NET_TURN_UNTIL(vmm.loop, take(fd, &got) && got == 80);

	/* the viewer gives the channel back: its peer is told by the end, and comes again */
	player_unlink(viewer->usb);
	NET_TURN_UNTIL(vmm.loop, is_over(fd));
	close(fd);
	ck_assert_uint_eq(server->policy.n_offers, 2);
	fd = come("CLOVEUSB");
	said = got = 0;
	give(fd, &said, 80);
	NET_TURN_UNTIL(vmm.loop, viewer->told[0] == 2);
	viewer_link(viewer, 0);
	NET_TURN_UNTIL(vmm.loop, viewer->got == 80);

	/* the peer goes: what it had said arrives, then the end */
	give(fd, &said, 60000);
	close(fd);
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	ck_assert_uint_eq(viewer->got, said);
	ck_assert(!viewer->is_wrong && !is_over(other));
	/* and one that goes without a viewer goes too */
	close(other);
	NET_TURN_UNTIL(vmm.loop, server->policy.n_offers == 1);
}
END_TEST

START_TEST(test_much_both_ways)
{
	struct viewer *viewer = &viewers[0];
	size_t said = 0, got = 0;
	bool is_right = true;
	int fd = come("CLOVEUSB");

	srand((unsigned int)_i);
	spice_server_vm_stop(server); /* it is not the VM's */
	viewer_come(viewer);
	NET_TURN_UNTIL(vmm.loop, viewer->told[0]);
	viewer_link(viewer, 0);
	while (viewer->said < 8000000 || said < 8000000) {
		if (viewer->said < 8000000)
			viewer_say(viewer, (size_t)(rand() % 100000 + 1));
		give(fd, &said, (size_t)(rand() % 65536 + 1));
		if (rand() % 2)
			is_right &= take(fd, &got);
		clove_poll_loop_step(vmm.loop, 0);
	}
	NET_TURN_UNTIL(vmm.loop, (is_right &= take(fd, &got)) && got == viewer->said && viewer->got == said);
	ck_assert(is_right && !viewer->is_wrong);
	close(fd);
}
END_TEST

START_TEST(test_slow_ends)
{
	struct viewer *viewer = &viewers[0];
	size_t said = 0, got = 0, before;
	int fd = come("CLOVEUSB");

	viewer_come(viewer);
	NET_TURN_UNTIL(vmm.loop, viewer->told[0]);
	viewer_link(viewer, 0);
	/* the peer reads nothing: most stays with the viewer */
	for (int i = 0; i < 200; i++)
		viewer_say(viewer, 100000);
	REST(viewer->usb->channel.bytes_out);
	ck_assert_uint_gt(clove_channel_queued(&viewer->usb->channel), viewer->said - 5000000);
	NET_TURN_UNTIL(vmm.loop, take(fd, &got) && got == viewer->said);
	/* the viewer reads nothing: the peer can say no more */
	clove_channel_pause(&viewer->usb->channel);
	do {
		before = said;
		for (int i = 0; i < 100; i++)
			give(fd, &said, 65536), clove_poll_loop_step(vmm.loop, 0);
	} while (said != before);
	ck_assert_uint_lt(said, 8000000);
	clove_channel_resume(&viewer->usb->channel);
	NET_TURN_UNTIL(vmm.loop, viewer->got == said);
	/* a peer that goes with all its bytes unread takes nothing along but its channel */
	for (int i = 0; i < 100; i++)
		viewer_say(viewer, 100000);
	REST(viewer->usb->channel.bytes_out);
	close(fd);
	NET_TURN_UNTIL(vmm.loop, viewer->usb->is_over);
	ck_assert(!viewer->is_wrong);
}
END_TEST

START_TEST(test_who_says_too_much_too_early)
{
	size_t said = 0;
	int fd = come("CLOVEUSB");

	while (said < CLOVE_USB_BRIDGE_HELD)
		give(fd, &said, CLOVE_USB_BRIDGE_HELD - said), clove_poll_loop_step(vmm.loop, 10);
	for (int i = 0; i < 30; i++)
		clove_poll_loop_step(vmm.loop, 1);
	ck_assert(!is_over(fd));
	if (_i) { /* that much is there for who comes */
		viewer_come(&viewers[0]);
		viewer_link(&viewers[0], 0);
		NET_TURN_UNTIL(vmm.loop, viewers[0].got == said);
	} else {
		give(fd, &said, 1);
		NET_TURN_UNTIL(vmm.loop, is_over(fd));
		ck_assert(strstr(last_line, "before a viewer is there"));
	}
	close(fd);
}
END_TEST

/* -- wakes -- */

/* How many answers have come since, and how many of them say that it was done. */
static size_t answers(int fd, size_t *done)
{
	char bytes[16];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		*done += bytes[i] == 1;
	return n > 0 ? (size_t)n : 0;
}

START_TEST(test_wakes)
{
	static const uint8_t key[] = { 0xe0, 0x63, 0xe0, 0xe3 };
	size_t n = 0, done = 0;
	int fd = come("CLOVEWAK\1");

	NET_TURN_UNTIL(vmm.loop, (n += answers(fd, &done)) == 1);
	ck_assert_uint_eq(done, 0); /* no keyboard */
	spice_server_add_interface(server, &vmm_kbd.base);
	send(fd, "\1\1", 2, 0);
	NET_TURN_UNTIL(vmm.loop, (n += answers(fd, &done)) == 3);
	ck_assert_uint_eq(done, 2);
	ck_assert_uint_eq(vmm.n_keys, 8);
	ck_assert_mem_eq(vmm.keys, key, 4);
	ck_assert_mem_eq(vmm.keys + 4, key, 4);
	spice_server_vm_stop(server);
	send(fd, "\1", 1, 0);
	NET_TURN_UNTIL(vmm.loop, (n += answers(fd, &done)) == 4);
	ck_assert_uint_eq(done, 2);
	ck_assert_uint_eq(vmm.n_keys, 8);
	close(fd);
}
END_TEST

START_TEST(test_a_waker_that_does_not_listen)
{
	char ones[4096];
	int fd = come("CLOVEWAK");
	ssize_t n = 0;

	memset(ones, 1, sizeof ones);
	while (n >= 0 || errno == EAGAIN) {
		n = send(fd, ones, sizeof ones, MSG_DONTWAIT | MSG_NOSIGNAL);
		clove_poll_loop_step(vmm.loop, 0);
	}
	ck_assert_int_eq(errno == EPIPE || errno == ECONNRESET, 1);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usb-bridge");
	TCase *tc = tcase_create("usb-bridge");

	if (!mkdtemp(dir))
		return 1;
	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_the_socket_is_its_users);
	tcase_add_loop_test(tc, test_bad_paths, 0, sizeof bad_paths / sizeof *bad_paths);
	tcase_add_test(tc, test_what_a_dead_process_left);
	tcase_add_test(tc, test_the_environment_names_it);
	tcase_add_loop_test(tc, test_strangers, 0, sizeof strangers / sizeof *strangers);
	tcase_add_test(tc, test_the_deadline_is_of_the_greeting);
	tcase_add_test(tc, test_not_too_many);
	tcase_add_test(tc, test_a_channel_comes_and_goes);
	tcase_add_loop_test(tc, test_much_both_ways, 0, 3);
	tcase_add_test(tc, test_slow_ends);
	tcase_add_loop_test(tc, test_who_says_too_much_too_early, 0, 2);
	tcase_add_test(tc, test_wakes);
	tcase_add_test(tc, test_a_waker_that_does_not_listen);
	suite_add_tcase(suite, tc);

	int status = net_run(suite);

	rmdir(dir);
	return status;
}
