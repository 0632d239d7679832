/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-redir.c - a VMM with the installed library, and a stick at the other end of a socket: the driver's commands
 * and bytes, who leaves and when, and a move to another process. */
#include <check.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/ehci-fixture.h"
#include "common/util/loop.h"
#include "usb/software.h"
#include "usbredir/host.h"

enum { BLOCK = 512, BLOCKS = 2048, CBW = PAGES, CSW = PAGES + 0x1000, DATA = PAGES + 0x10000, LATER = 200 };

static struct rig rig;
static struct clove_ehci_redir *redir;
static struct clove_usb_host *host;
static struct clove_loop *loop;
static int to_host = -1, to_vmm = -1;    /* the VMM's end, the host's */
static unsigned int left;
static const char *refused;              /* what feed says */
static uint32_t ep0, in, out, tag;
static char path[] = "/tmp/test-ehci-redir.XXXXXX";

/* ---- the line ------------------------------------------------------------------------------------------ */

static void on_output(void *opaque)
{
	(void)opaque;                      /* we look often enough */
}

static void on_left(void *owner, const char *why)
{
	(void)owner, (void)why;
	left++;
}

static const struct clove_usb_host_events host_events = { .output = on_output, .device_left = on_left };

/* Odd sizes, so that no packet comes in one piece. */
static bool vmm_moves(void)
{
	static uint8_t bytes[60001];
	size_t n = clove_ehci_redir_take(redir, bytes, 1013);
	ssize_t got;

	if (n && send(to_host, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
		refused = "a line that is down";
	got = recv(to_host, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got > 0)
		refused = clove_ehci_redir_feed(redir, bytes, (size_t)got);
	return n || got > 0;
}

static bool host_moves(void)
{
	static uint8_t bytes[777];
	struct iovec iov[4];
	int n = clove_usb_host_output(host, iov, 4);
	ssize_t sent = n ? writev(to_vmm, iov, n) : 0, got;

	if (sent > 0)
		clove_usb_host_sent(host, (size_t)sent);
	got = recv(to_vmm, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got > 0)
		ck_assert_msg(clove_usb_host_feed(host, CLOVE_BYTES(bytes, got)) == CLOVE_OK, "%s",
				clove_usb_host_error(host));
	return sent > 0 || got > 0;
}

static void pump(struct rig *unused)
{
	bool moved;

	(void)unused;
	do {
		moved = redir && vmm_moves();
		moved = (host && host_moves()) || moved;
	} while (moved);
}

/* The other end is another process: it gets time to answer. */
static void pump_and_wait(struct rig *unused)
{
	struct pollfd line = { to_host, POLLIN, 0 };

	pump(unused);
	if (poll(&line, 1, 1) > 0)
		pump(unused);
}

/* ---- a driver of mass storage (BOT 1.0) ---------------------------------------------------------------- */

static uint32_t bulk(uint32_t qh, uint32_t pid, uint32_t address, uint32_t len)
{
	uint32_t keep = rig.next, first = 0, before = 0, qtd = 0, token;

	for (uint32_t at = 0, n; at < len; at += n, before = qtd) {
		n = len - at < 16384 ? len - at : 16384;
		qtd = rig_qtd(&rig, pid, n, address + at, at + n == len ? IOC : 0);
		if (before)
			put(&rig, before, qtd);
		else
			first = qtd;
	}
	put(&rig, qh + 24, get(&rig, qh + 24) & TOGGLE);
	put(&rig, qh + 20, T);
	put(&rig, qh + 16, first);
	for (int i = 0; i < LATER && get(&rig, qtd + 8) & ACTIVE && !(get(&rig, qh + 24) & HALTED); i++)
		rig_pass(&rig, NS_MS / 2);
	token = get(&rig, qh + 24);
	put(&rig, qh + 16, T);
	rig.next = keep;
	return token;
}

enum { INQUIRY = 0x12, READ_10 = 0x28, WRITE_10 = 0x2a };
enum { GOOD = 0, REFUSED = 1, NO_ANSWER = -1 };

static bool ask(uint8_t operation, uint32_t block, uint8_t count, uint32_t len)
{
	const uint8_t cdb[10] = { operation, 0, 0, 0, operation == INQUIRY ? count : (uint8_t)(block >> 8), (uint8_t)block,
		0, 0, operation == INQUIRY ? 0 : count };

	memset(rig.memory + CBW, 0, 31);
	memcpy(rig.memory + CBW, "USBC", 4);
	put(&rig, CBW + 4, ++tag);
	put(&rig, CBW + 8, len);
	rig.memory[CBW + 12] = operation == WRITE_10 ? 0 : 0x80;
	rig.memory[CBW + 14] = sizeof cdb;
	memcpy(rig.memory + CBW + 15, cdb, sizeof cdb);
	return !(bulk(out, P_OUT, CBW, 31) & (HALTED | ACTIVE));
}

static int hear(void)
{
	if (bulk(in, P_IN, CSW, 13) & (HALTED | ACTIVE) || get(&rig, CSW + 4) != tag)
		return NO_ANSWER;
	return rig.memory[CSW + 12] ? REFUSED : GOOD;
}

static int command(uint8_t operation, uint32_t block, uint8_t count, uint32_t len)
{
	bool is_in = operation != WRITE_10;

	if (!ask(operation, block, count, len) ||
			bulk(is_in ? in : out, is_in ? P_IN : P_OUT, DATA, len) & (HALTED | ACTIVE))
		return NO_ANSWER;
	return hear();
}

static int read_blocks(uint32_t block, uint8_t count)
{
	return command(READ_10, block, count, (uint32_t)count * BLOCK);
}

static uint8_t content(uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 9));
}

static bool has_content(uint32_t block, uint32_t count)
{
	for (uint32_t i = 0; i < count * BLOCK; i++)
		if (rig.memory[DATA + i] != content(block * BLOCK + i))
			return false;
	return true;
}

static uint32_t request(uint8_t type, uint8_t code, uint16_t value, uint16_t length, void *data)
{
	return rig_control_at(&rig, ep0, &(struct clove_usb_setup){ type, code, value, 0, length }, data, NULL) & 0xff;
}

/* Address 1, configuration 1, and its first command. */
static void enumerate(unsigned int port)
{
	uint8_t descriptor[18];

	rig_reset_port(&rig, port);
	ck_assert_uint_eq(reg(&rig, R_PORTSC + 4 * port) & 5, 5);
	ep0 = rig_qh(&rig, 0, 0, 64, 1);
	rig_insert(&rig, ep0);
	ck_assert_uint_eq(request(0x80, 6, 0x100, sizeof descriptor, descriptor), 0);
	ck_assert_uint_eq(descriptor[1], 1);
	ck_assert_uint_eq(request(0, 5, 1, 0, NULL), 0);
	put(&rig, ep0 + 4, get(&rig, ep0 + 4) | 1);
	ck_assert_uint_eq(request(0, 9, 1, 0, NULL), 0);
	in = rig_qh(&rig, 1, 1, 512, 0);
	out = rig_qh(&rig, 1, 2, 512, 0);
	rig_insert(&rig, in);
	rig_insert(&rig, out);
	ck_assert_int_eq(command(INQUIRY, 0, 36, 36), GOOD);
	ck_assert_mem_eq(rig.memory + DATA + 8, "Clove", 5);
}

/* ---- fixture ------------------------------------------------------------------------------------------- */

static struct clove_usb_device *stick(void)
{
	char *error = NULL;
	struct clove_usb_device *device = clove_usb_storage_new(&(struct clove_usb_storage_options){
			.path = path, .is_writable = true }, &error);

	ck_assert_msg(device, "%s", error);
	return device;
}

static void connect_ends(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	to_host = ends[0];
	to_vmm = ends[1];
	redir = clove_ehci_redir_new(rig.hc, on_output, NULL);
	host = clove_usb_host_new(loop, &host_events, NULL);
	ck_assert(redir && host);
}

static void setup(void)
{
	strcpy(strrchr(path, '.'), ".XXXXXX");
	int fd = mkstemp(path);

	for (uint32_t at = 0; at < BLOCKS * BLOCK; at += BLOCK) {
		uint8_t block[BLOCK];

		for (uint32_t i = 0; i < BLOCK; i++)
			block[i] = content(at + i);
		ck_assert_int_eq(write(fd, block, BLOCK), BLOCK);
	}
	close(fd);
	ck_assert(rig_open(&rig));
	rig.after_run = pump;
	rig_start(&rig);
	loop = clove_poll_loop_new();
	left = 0;
	refused = NULL;
	connect_ends();
}

static void hang_up(void)
{
	clove_ehci_redir_free(redir);
	clove_usb_host_free(host);
	redir = NULL;
	host = NULL;
	close(to_host);
	close(to_vmm);
}

static void teardown(void)
{
	hang_up();
	rig_close(&rig);
	clove_poll_loop_free(loop);
	unlink(path);
	ck_assert_ptr_null(refused);
	ck_assert_uint_eq(rig.bad, 0);
}

static void plug_stick(void)
{
	ck_assert_int_eq(clove_usb_host_plug(host, stick()), CLOVE_OK);
	rig_pass(&rig, NS_MS);
	pump(NULL);
	rig_pass(&rig, NS_MS);
}

static bool is_connected(unsigned int port)
{
	return reg(&rig, R_PORTSC + 4 * port) & 1;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

START_TEST(test_stick_is_read_and_written)
{
	uint8_t bytes[4 * BLOCK];
	FILE *file;

	ck_assert(!is_connected(0));
	plug_stick();
	ck_assert(is_connected(0));
	ck_assert_str_eq(clove_ehci_port_name(rig.hc, 1), "USB device 1d6b:0108");
	enumerate(0);
	for (uint32_t block = 0; block < BLOCKS; block += 200) {
		memset(rig.memory + DATA, 0, 200 * BLOCK);
		ck_assert_int_eq(read_blocks(block, block + 200 > BLOCKS ? BLOCKS - block : 200), GOOD);
		ck_assert(has_content(block, block + 200 > BLOCKS ? BLOCKS - block : 200));
	}
	memset(rig.memory + DATA, 0x5a, 4 * BLOCK);
	ck_assert_int_eq(command(WRITE_10, 100, 4, 4 * BLOCK), GOOD);
	memset(rig.memory + DATA, 0, 4 * BLOCK);
	ck_assert_int_eq(read_blocks(100, 4), GOOD);
	ck_assert_uint_eq(rig.memory[DATA + 4 * BLOCK - 1], 0x5a);
	file = fopen(path, "r");
	ck_assert(file && !fseek(file, 100 * BLOCK, SEEK_SET) && fread(bytes, sizeof bytes, 1, file) == 1);
	fclose(file);
	ck_assert_mem_eq(bytes, rig.memory + DATA, sizeof bytes);
	/* and what there is not */
	ck_assert_int_eq(read_blocks(BLOCKS, 1), NO_ANSWER); /* the data stage stalls */
}
END_TEST

enum { BY_HOST, BY_CONNECTION, BY_VMM, LEAVINGS };

START_TEST(test_stick_leaves_in_the_middle)
{
	uint32_t qtd;

	plug_stick();
	enumerate(0);
	/* it has nothing to say: this one waits */
	qtd = rig_qtd(&rig, P_IN, 512, DATA, IOC);
	put(&rig, in + 16, qtd);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(get(&rig, qtd + 8) & (ACTIVE | HALTED), ACTIVE);
	switch (_i) {
	case BY_HOST:
		clove_usb_host_unplug(host);
		break;
	case BY_CONNECTION:
		clove_ehci_redir_free(redir);
		redir = NULL;
		break;
	default:
		ck_assert(clove_ehci_unplug(rig.hc, 1));
	}
	rig_pass(&rig, 2 * NS_MS);
	ck_assert(!is_connected(0));
	ck_assert_uint_eq(get(&rig, qtd + 8) & (ACTIVE | HALTED), HALTED);
	ck_assert_uint_eq(rig.gone, _i != BY_VMM);
	ck_assert_uint_eq(left, _i == BY_HOST);
	/* the next one comes by the same line, or by another */
	if (_i != BY_HOST) {
		hang_up();
		connect_ends();
	}
	plug_stick();
	enumerate(0);
	ck_assert_int_eq(read_blocks(7, 20), GOOD);
	ck_assert(has_content(7, 20));
}
END_TEST

START_TEST(test_stick_without_a_port_is_refused)
{
	for (int port = 1; port <= CLOVE_EHCI_ROOT_PORTS; port++) {
		char *error = NULL;

		ck_assert_int_eq(clove_ehci_plug(rig.hc, clove_ehci_storage_new(path, 0, &error)), port);
	}
	plug_stick();
	ck_assert_uint_eq(left, 1);
	ck_assert_ptr_null(clove_usb_host_device(host));
	/* one leaves: the line is as good as before */
	ck_assert(clove_ehci_unplug(rig.hc, 2));
	plug_stick();
	ck_assert(clove_usb_host_device(host));
	enumerate(1);
	ck_assert_int_eq(read_blocks(1, 1), GOOD);
	ck_assert(has_content(1, 1));
}
END_TEST

/* ---- to another process -------------------------------------------------------------------------------- */

enum { TARGET_MEMORY = 50, TARGET_LINE = 51 };

struct ticket {                          /* all that the target knows besides memory and state */
	uint64_t now;
	uint32_t portsc, next, ep0, in, out, tag, waiting;
	size_t state_len;
	uint8_t state[1 << 16];
};

/* The target: a VMM that was never here before, and no test; the answer says where it ends. Its descriptors: the memory and the ticket behind it, and the line. */
static int target(void)
{
	uint8_t *shared = mmap(NULL, MEMORY + sizeof(struct ticket), PROT_READ | PROT_WRITE, MAP_SHARED, TARGET_MEMORY, 0);
	const struct ticket *ticket = (const struct ticket *)(const void *)(shared + MEMORY);

	if (shared == MAP_FAILED)
		return 2;
	rig = (struct rig){ .memory = shared, .now = ticket->now + 3600 * (uint64_t)1000 * NS_MS, .wish = NEVER,
		.next = ticket->next, .after_run = pump_and_wait };
	rig.hc = clove_ehci_new(&rig_vmm, &rig);
	ep0 = ticket->ep0, in = ticket->in, out = ticket->out, tag = ticket->tag;
	redir = clove_ehci_redir_new(rig.hc, on_output, NULL);
	to_host = TARGET_LINE;
	for (int i = 0; i < 5000 && !is_connected(0); i++)
		pump_and_wait(&rig);
	if (!is_connected(0))
		return 3;
	if (!clove_ehci_load(rig.hc, ticket->state, ticket->state_len))
		return 4;
	if (reg(&rig, R_PORTSC) != ticket->portsc)
		return 5;
	/* the transfer that waited is executed again: what the stick says to the driver's next command is for it */
	rig_pass(&rig, NS_MS);
	if (!ask(READ_10, 40, 1, BLOCK))
		return 6;
	for (int i = 0; i < LATER && get(&rig, ticket->waiting + 8) & ACTIVE; i++)
		rig_pass(&rig, NS_MS / 2);
	if (get(&rig, ticket->waiting + 8) & 0xff || !has_content(40, 1) || hear() != GOOD)
		return 7;
	if (read_blocks(300, 64) != GOOD || !has_content(300, 64))
		return 8;
	if (refused || rig.bad)
		return 9;
	clove_ehci_redir_free(redir);
	clove_ehci_free(rig.hc);
	return 0;
}

static int run_target(int memory, int line)
{
	pid_t child = fork();
	int status = 0;

	if (!child) {
		if (dup2(memory, TARGET_MEMORY) >= 0 && dup2(line, TARGET_LINE) >= 0)
			execl("/proc/self/exe", "test-ehci-redir", "target", (char *)NULL);
		_exit(99);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		pump(NULL);
		usleep(200);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

START_TEST(test_controller_moves_to_another_process)
{
	struct ticket *ticket = calloc(1, sizeof *ticket);
	int memory = memfd_create("guest", 0);

	plug_stick();
	enumerate(0);
	ticket->waiting = rig_qtd(&rig, P_IN, BLOCK, DATA, IOC);
	put(&rig, in + 16, ticket->waiting);
	rig_pass(&rig, NS_MS);
	clove_ehci_pause(rig.hc, true);
	for (int i = 0; i < LATER && !clove_ehci_is_drained(rig.hc); i++)
		rig_pass(&rig, NS_MS);
	ck_assert(clove_ehci_is_drained(rig.hc));
	ticket->now = rig.now, ticket->next = rig.next, ticket->tag = tag;
	ticket->portsc = reg(&rig, R_PORTSC), ticket->ep0 = ep0, ticket->in = in, ticket->out = out;
	ticket->state_len = sizeof ticket->state;
	ck_assert(clove_ehci_save(rig.hc, ticket->state, &ticket->state_len));
	ck_assert(get(&rig, ticket->waiting + 8) & ACTIVE);
	ck_assert_int_eq(write(memory, rig.memory, MEMORY), MEMORY);
	ck_assert_int_eq(write(memory, ticket, sizeof *ticket), sizeof *ticket);
	free(ticket);
	/* the source's connection ends; the target has its own */
	hang_up();
	connect_ends();
	clove_ehci_redir_free(redir);
	redir = NULL;
	ck_assert_int_eq(clove_usb_host_plug(host, stick()), CLOVE_OK);
	ck_assert_int_eq(run_target(memory, to_host), 0);
	close(memory);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;
	SRunner *runner;
	int failed;

	if (argc == 2 && !strcmp(argv[1], "target"))
		return target();
	suite = suite_create("ehci-redir");
	tc = tcase_create("redir");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_stick_is_read_and_written);
	tcase_add_loop_test(tc, test_stick_leaves_in_the_middle, 0, LEAVINGS);
	tcase_add_test(tc, test_stick_without_a_port_is_refused);
	tcase_add_test(tc, test_controller_moves_to_another_process);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
