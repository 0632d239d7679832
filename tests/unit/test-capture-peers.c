/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-capture-peers.c - the incumbent's usbredirect and ours, each on a mocked machine's device, serve our usb guest. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/mock-device.h"
#include "tests/unit/usbfs-fixture.h"
#include "usbredir/guest.h"

enum { LIMIT_MS = 30000 };

static struct usbfs_machine *machine;
static struct usbfs_port *port;
static struct clove_loop *loop;
static struct clove_usb_guest *guest;
static struct clove_usb_device *device;
static struct clove_watch *watch;
static int connection, gone;
static pid_t child;

#define WAIT(what) \
	do { \
		uint64_t limit_ = clove_now_ms() + LIMIT_MS; \
		while (!(what)) { \
			ck_assert_msg(clove_now_ms() < limit_, "waited for: %s", #what); \
			clove_poll_loop_step(loop, 20); \
		} \
	} while (0)

static void on_gone(void *owner, const char *why)
{
	(void)owner;
	(void)why;
	gone++;
}

static const struct clove_usb_events device_events = { .gone = on_gone };

static void on_device(void *owner, struct clove_usb_device *take_device)
{
	(void)owner;
	device = take_device;
	device->events = &device_events;
}

static void on_output(void *owner)
{
	(void)owner;
	if (watch)
		clove_watch_set(loop, watch, CLOVE_READ | CLOVE_WRITE);
}

static const struct clove_usb_guest_events guest_events = { .output = on_output, .device = on_device };

static void on_ready(void *opaque, int fd, int events)
{
	static uint8_t room[65536];
	struct iovec iov[16];
	ssize_t n;

	(void)opaque;
	(void)events;
	n = clove_usb_guest_output(guest, iov, 16);
	n = n ? writev(fd, iov, (int)n) : 0;
	if (n > 0)
		clove_usb_guest_sent(guest, (size_t)n);
	n = read(fd, room, sizeof room);
	if (n > 0)
		ck_assert_msg(clove_usb_guest_feed(guest, CLOVE_BYTES(room, n)) == CLOVE_OK, "%s",
				clove_usb_guest_error(guest));
	clove_watch_set(loop, watch, n ? CLOVE_READ | (clove_usb_guest_unsent(guest) ? CLOVE_WRITE : 0) : 0);
}

/* The program connects to us. */
static void run_peer(const char *program)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char to[64];

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&address, &len);
	snprintf(to, sizeof to, "127.0.0.1:%d", ntohs(address.sin_port));
	child = fork();
	if (!child) {
		dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
		/* libusb 1.0.26 keeps its own record of transfers that were flying when the mocked device left */
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
		execlp(program, program, "--device", "1234:5678", "--to", to, NULL);
		_exit(98);
	}
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ge(connection, 0);
	close(listener);
	watch = clove_watch_add(loop, connection, CLOVE_READ | CLOVE_WRITE, on_ready, NULL);
}

static void on_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
}

static struct clove_usb_transfer *give(uint8_t endpoint, uint8_t type, const void *data, size_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, 0);

	if (data && len)
		memcpy(transfer->data, data, len);
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	return transfer;
}

static struct clove_usb_transfer *ask(uint8_t request_type, uint8_t request, uint16_t value, uint16_t index, uint16_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL, len, 0);

	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, len };
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	WAIT(!transfer->is_submitted);
	return transfer;
}

static const char *const programs[] = { "usbredirect", REDIRECT };

START_TEST(test_serves_our_guest)
{
	struct usbfs_port_options options = { 1, 2, "usb-storage", "Acme", "Mock", NULL, NULL, NULL };
	struct clove_usb_transfer *transfer, *in;
	uint8_t *bytes = malloc(1 << 20);
	int status;

	for (int i = 0; i < 1 << 20; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 1000);
	machine = usbfs_machine_new();
	port = usbfs_machine_plug(machine, mock_device_new(0x1234, 0x5678, 0), &options);
	port->is_foreign = 1;
	loop = clove_poll_loop_new();
	guest = clove_usb_guest_new(loop, &guest_events, NULL);
	run_peer(programs[_i]);
	WAIT(device);
	ck_assert_uint_eq(device->shape.vendor, 0x1234);
	ck_assert_uint_eq(device->shape.endpoints[clove_usb_index(MOCK_BULK_IN)].max_packet, 512);
	ck_assert_int_eq(port->detaches, 2);
	clove_usb_reset(device);
	transfer = ask(0x80, 6, 0x0100, 0, 18);
	ck_assert_uint_eq(transfer->actual, 18);
	ck_assert_uint_eq(transfer->data[8], 0x34);
	clove_usb_transfer_free(transfer);
	transfer = ask(0x00, 9, 1, 0, 0);
	ck_assert_uint_eq(transfer->status, CLOVE_USB_SUCCESS);
	clove_usb_transfer_free(transfer);
	transfer = ask(0x01, 11, 1, 1, 0);
	ck_assert_uint_eq(transfer->status, CLOVE_USB_SUCCESS);
	clove_usb_transfer_free(transfer);
	ck_assert_uint_eq(device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].type, CLOVE_USB_ISO);
	transfer = ask(0xc0, 77, 0, 0, 8);
	ck_assert_uint_eq(transfer->status, CLOVE_USB_STALL);
	clove_usb_transfer_free(transfer);
	for (size_t len = 0; len <= 1 << 20; len = len ? len * 16 : 1) {
		transfer = give(MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, len);
		in = give(MOCK_BULK_IN, CLOVE_USB_BULK, NULL, len);
		WAIT(!transfer->is_submitted && !in->is_submitted);
		ck_assert_uint_eq(transfer->actual, len);
		ck_assert_uint_eq(in->status, CLOVE_USB_SUCCESS);
		ck_assert_uint_eq(in->actual, len);
		if (len)
			ck_assert_mem_eq(in->data, bytes, len);
		clove_usb_transfer_free(transfer);
		clove_usb_transfer_free(in);
	}
	in = give(MOCK_INTERRUPT, CLOVE_USB_INTERRUPT, NULL, 8);
	clove_usb_transfer_free(ask(0x40, MOCK_EVENT, 0x55, 0, 0));
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->actual, 4);
	ck_assert_uint_eq(in->data[0], 0x55);
	clove_usb_transfer_free(in);
	in = give(MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 512);
	WAIT(port->flying);
	clove_usb_cancel(device, in);
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->status, CLOVE_USB_CANCELLED);
	clove_usb_transfer_free(in);
	usbfs_machine_unplug(machine, port);
	/* with something under way, as the incumbent notices only then */
	in = give(MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, 10);
	WAIT(gone);
	ck_assert(!in->is_submitted);
	clove_usb_transfer_free(in);
	kill(child, _i ? SIGTERM : SIGKILL); /* the incumbent does not hear it any more */
	waitpid(child, &status, 0);
	ck_assert(!_i || (WIFEXITED(status) && !WEXITSTATUS(status)));
	clove_usb_device_free(device);
	clove_watch_remove(loop, watch);
	clove_usb_guest_free(guest);
	clove_poll_loop_free(loop);
	close(connection);
	usbfs_machine_free(machine);
	free(bytes);
}
END_TEST

static bool is_here(const char *program)
{
	char command[300];

	snprintf(command, sizeof command, "command -v %s >/dev/null", program);
	return system(command) == 0;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("capture-peers");
	TCase *peers = tcase_create("peers");
	bool has_incumbent = is_here("usbredirect");
	SRunner *runner;
	int failed;

	(void)argc;
	if (!usbfs_is_mocked(argv)) {
		printf("skip: umockdev cannot be loaded into this program\n");
		return 77;
	}
	if (!has_incumbent)
		printf("skip: the incumbent's program: no usbredirect here (Debian: usbredirect)\n");
	suite_add_tcase(suite, peers);
	tcase_set_timeout(peers, 120);
	tcase_add_loop_test(peers, test_serves_our_guest, has_incumbent ? 0 : 1, 2);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
