/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-permission.c - the helper that opens a device for a user, and the question that polkit answers. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/util/log.h"
#include "tests/unit/mock-device.h"
#include "tests/unit/usbfs-fixture.h"
#include "usbredir/permission.h"

static struct usbfs_machine *machine;
static struct clove_loop *loop;
static char bin[] = "/tmp/clove-permission.XXXXXX";

static void set_up(void)
{
	struct usbfs_port_options device = { .bus = 1, .address = 2 }, hub = { .bus = 1, .address = 3 };

	machine = usbfs_machine_new();
	usbfs_machine_plug(machine, mock_device_new(0x1234, 0x5678, 0), &device);
	usbfs_machine_plug(machine, mock_device_new(0x1234, 0x5678, 9), &hub);
	loop = clove_poll_loop_new();
	strcpy(bin + strlen(bin) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(bin));
}

static void tear_down(void)
{
	char path[64];

	snprintf(path, sizeof path, "%s/pkexec", bin);
	unlink(path);
	rmdir(bin);
	clove_poll_loop_free(loop);
	usbfs_machine_free(machine);
}

/* ---- the helper ---------------------------------------------------------------------------- */

/* Its exit status; what it sent in text, and the descriptor or -1. */
static int run_helper(char *const argv[], bool as_nobody, char *text, size_t size, int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec bytes = { text, size - 1 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof control.room };
	int sockets[2], status;
	ssize_t got;
	pid_t child;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	child = fork();
	if (!child) {
		dup2(sockets[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		if (as_nobody && setuid(65534) < 0)
			_exit(99);
		execv(HELPER, argv);
		_exit(98);
	}
	close(sockets[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	got = recvmsg(sockets[0], &message, MSG_DONTWAIT);
	text[got > 0 ? got : 0] = 0;
	*fd = -1;
	if (got > 0 && CMSG_FIRSTHDR(&message))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *fd);
	close(sockets[0]);
	return WEXITSTATUS(status);
}

static const struct {
	const char *why, *bus, *address;
	int status;
	const char *text;
} calls[] = {
	{ "a device", "1", "2", 0, "OK" },
	{ "with zeroes, as nodes are named", "001", "002", 0, "OK" },
	{ "a hub", "1", "3", 1, "hubs are not given away" },
	{ "none there", "1", "4", 1, "it was unplugged" },
	{ "no address", "1", NULL, 2, "" },
	{ "no numbers", "a", "2", 2, "" },
	{ "a path", "..", "2", 2, "" },
	{ "a path behind", "1", "2/../3", 2, "" },
	{ "bus 0", "0", "2", 2, "" },
	{ "bus too large", "256", "2", 2, "" },
	{ "address 0", "1", "0", 2, "" },
	{ "address too large", "1", "128", 2, "" },
	{ "negative", "-1", "2", 2, "" },
	{ "empty", "", "2", 2, "" },
	{ "very long", "00000000001", "2", 2, "" },
};

START_TEST(test_helper_hands_over)
{
	char name[] = "clove-usb-helper", bus[32], address[32], text[128];
	char *argv[] = { name, bus, calls[_i].address ? address : NULL, NULL };
	uint8_t descriptor[18];
	int fd;

	snprintf(bus, sizeof bus, "%s", calls[_i].bus);
	snprintf(address, sizeof address, "%s", calls[_i].address ? calls[_i].address : "");
	ck_assert_msg(run_helper(argv, false, text, sizeof text, &fd) == calls[_i].status, "%s: \"%s\"",
			calls[_i].why, text);
	ck_assert_str_eq(text, calls[_i].text);
	ck_assert_msg((fd >= 0) == !calls[_i].status, "%s", calls[_i].why);
	if (fd < 0)
		return;
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	ck_assert_int_eq(pread(fd, descriptor, sizeof descriptor, 0), sizeof descriptor);
	ck_assert_uint_eq(descriptor[8], 0x34);
	close(fd);
}
END_TEST

/* What lies there may be no device at all. */
START_TEST(test_helper_refuses_other_files)
{
	static const char *const others[] = { "/etc/passwd", "/dev/null", "/etc" };
	char name[] = "clove-usb-helper", bus[] = "1", address[] = "5", text[128], path[256];
	char *argv[] = { name, bus, address, NULL };
	int fd;

	snprintf(path, sizeof path, "%s/dev/bus/usb/001/005", usbfs_machine_root(machine));
	ck_assert_int_eq(symlink(others[_i], path), 0);
	ck_assert_int_eq(run_helper(argv, false, text, sizeof text, &fd), 1);
	ck_assert_int_lt(fd, 0);
	ck_assert_str_ne(text, "");
	/* nor a plain file */
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(run_helper(argv, false, text, sizeof text, &fd), 1);
	ck_assert_str_eq(text, "that is no USB device");
	/* nor a device of another number */
	snprintf(path, sizeof path, "%s/dev/.node/bus_usb_001_005", usbfs_machine_root(machine));
	ck_assert_int_eq(symlink("1:8", path), 0);
	ck_assert_int_eq(run_helper(argv, false, text, sizeof text, &fd), 1);
	ck_assert_str_eq(text, "that is no USB device");
}
END_TEST

START_TEST(test_helper_has_no_power_of_its_own)
{
	char name[] = "clove-usb-helper", bus[] = "1", address[] = "2", text[128], path[512];
	char *argv[] = { name, bus, address, NULL };
	int fd;

	if (getuid()) {
		printf("skip: the helper run by nobody: needs root to become nobody\n");
		return;
	}
	/* the mocked machine's files are to be found by nobody too */
	snprintf(path, sizeof path, "chmod 0755 %s %s/ioctl; chmod 0600 %s/dev/bus/usb/001/002",
			usbfs_machine_root(machine), usbfs_machine_root(machine), usbfs_machine_root(machine));
	ck_assert_int_eq(system(path), 0);
	if (access(HELPER, X_OK) < 0)
		return;
	int status = run_helper(argv, true, text, sizeof text, &fd);
	if (status == 98) {
		printf("skip: the helper run by nobody: nobody cannot reach %s\n", HELPER);
		return;
	}
	ck_assert_int_ne(status, 0);
	ck_assert_int_lt(fd, 0);
}
END_TEST

/* Standard output that is no socket gets nothing. */
START_TEST(test_helper_wants_a_socket)
{
	int status;
	pid_t child = fork();

	if (!child) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		dup2(STDOUT_FILENO, STDERR_FILENO);
		execl(HELPER, "clove-usb-helper", "1", "2", NULL);
		_exit(98);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 2);
}
END_TEST

/* ---- the question -------------------------------------------------------------------------- */

static int answers, got_fd;
static enum clove_err got_err;
static char got_why[256];

static void on_answer(void *opaque, int take_fd, enum clove_err err, const char *why)
{
	ck_assert_ptr_eq(opaque, &answers);
	ck_assert_int_ne(take_fd < 0, err == CLOVE_OK);
	answers++;
	got_fd = take_fd;
	got_err = err;
	snprintf(got_why, sizeof got_why, "%s", why);
}

/* A pkexec that does as the test wants; its arguments are "--disable-internal-agent HELPER BUS ADDRESS". */
static void fake_pkexec(const char *script)
{
	char path[64];
	FILE *file;

	setenv("PATH", bin, 1);
	if (!script)
		return;
	snprintf(path, sizeof path, "%s/pkexec", bin);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

static struct clove_permission *ask(const char *script)
{
	struct clove_permission *permission;

	answers = 0;
	fake_pkexec(script);
	permission = clove_permission_ask(loop, 1, 2, on_answer, &answers);
	ck_assert_ptr_nonnull(permission);
	ck_assert_int_eq(answers, 0);
	return permission;
}

static void wait_for_answer(void)
{
	uint64_t limit = clove_now_ms() + 20000;

	while (!answers && clove_now_ms() < limit)
		clove_poll_loop_step(loop, 100);
	ck_assert_int_eq(answers, 1);
}

static const struct {
	const char *why, *script;
	enum clove_err err;
	const char *text;
} questions[] = {
	{ "allowed", "shift 2; exec " HELPER " \"$@\"", CLOVE_OK, "" },
	{ "allowed, and gone meanwhile", "exec " HELPER " 1 9", CLOVE_ERR_REFUSED, "it was unplugged" },
	{ "dismissed", "exit 126", CLOVE_ERR_CLOSED, "you did not allow it" },
	{ "no pkexec", NULL, CLOVE_ERR_UNSUPPORTED,
	  "no permission to open the device, and pkexec is not installed - see help" },
	{ "refused, but there is no helper", "exit 127", CLOVE_ERR_UNSUPPORTED, "is not installed - see help" },
	{ "killed", "kill -9 $$", CLOVE_ERR_UNSUPPORTED, "is not installed - see help" },
	{ "says nothing", "exit 0", CLOVE_ERR_UNSUPPORTED, "is not installed - see help" },
};

START_TEST(test_asks_polkit)
{
	struct clove_permission *permission = ask(questions[_i].script);

	wait_for_answer();
	ck_assert_msg(got_err == questions[_i].err, "%s: %d %s", questions[_i].why, got_err, got_why);
	ck_assert_msg(strstr(got_why, questions[_i].text), "%s: %s", questions[_i].why, got_why);
	if (got_fd >= 0) {
		uint8_t descriptor[18];

		ck_assert_int_ne(fcntl(got_fd, F_GETFD) & FD_CLOEXEC, 0);
		ck_assert_int_eq(pread(got_fd, descriptor, sizeof descriptor, 0), sizeof descriptor);
		close(got_fd);
	}
	clove_permission_free(permission);
	ck_assert_int_eq(answers, 1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(test_withdraws_the_question)
{
	struct clove_permission *permission = ask("while :; do :; done");

	for (int i = 0; i < _i * 20; i++)
		clove_poll_loop_step(loop, 5);
	clove_permission_free(permission);
	ck_assert_int_eq(answers, 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	clove_permission_free(NULL);
	/* nor before the bad news of having nobody to ask */
	fake_pkexec("");
	setenv("PATH", "/nowhere", 1);
	permission = clove_permission_ask(loop, 1, 2, on_answer, &answers);
	clove_permission_free(permission);
	clove_poll_loop_step(loop, 10);
	ck_assert_int_eq(answers, 0);
}
END_TEST

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(int argc, char **argv)
{
	Suite *suite = suite_create("permission");
	TCase *helper = tcase_create("helper"), *question = tcase_create("question");
	SRunner *runner;
	int failed;

	(void)argc;
	if (!usbfs_is_mocked(argv)) {
		printf("skip: umockdev cannot be loaded into this program\n");
		return 77;
	}
	tcase_add_checked_fixture(helper, set_up, tear_down);
	tcase_add_checked_fixture(question, set_up, tear_down);
	suite_add_tcase(suite, helper);
	suite_add_tcase(suite, question);
	tcase_add_loop_test(helper, test_helper_hands_over, 0, ROWS(calls));
	tcase_add_loop_test(helper, test_helper_refuses_other_files, 0, 3);
	tcase_add_test(helper, test_helper_has_no_power_of_its_own);
	tcase_add_test(helper, test_helper_wants_a_socket);
	tcase_add_loop_test(question, test_asks_polkit, 0, ROWS(questions));
	tcase_add_loop_test(question, test_withdraws_the_question, 0, 2);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
