/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-vfio-user.c - a client made by hand: what a VMM says, and what none should. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/log.h"
#include "vmm-glue/vfio-user/messages.h"
#include "vmm-glue/vfio-user/server.h"

enum { BAR = 4096, CONFIG = 256, PAGE = 4096 };

/* A function that is two pieces of memory. */
static struct {
	uint8_t config[CONFIG], bar[BAR];
	unsigned int resets, widths[5];
	int attached;
} pci;

static uint32_t get(const uint8_t *from, uint32_t offset, unsigned int size, uint32_t limit)
{
	uint32_t value = 0;

	ck_assert_uint_le(offset + size, limit);
	ck_assert(!(offset % size));
	memcpy(&value, from + offset, size);
	pci.widths[size]++;
	return value;
}

static void put(uint8_t *to, uint32_t offset, uint32_t value, unsigned int size, uint32_t limit)
{
	ck_assert_uint_le(offset + size, limit);
	ck_assert(!(offset % size));
	memcpy(to + offset, &value, size);
	pci.widths[size]++;
}

static uint32_t config_read(void *opaque, uint32_t offset, unsigned int size)
{
	ck_assert_ptr_eq(opaque, &pci);
	return get(pci.config, offset, size, CONFIG);
}

static void config_write(void *opaque, uint32_t offset, uint32_t value, unsigned int size)
{
	(void)opaque;
	put(pci.config, offset, value, size, CONFIG);
}

static uint32_t bar_read(void *opaque, uint32_t bar, uint32_t offset, unsigned int size)
{
	(void)opaque;
	ck_assert_uint_eq(bar, 0);
	return get(pci.bar, offset, size, BAR);
}

static void bar_write(void *opaque, uint32_t bar, uint32_t offset, uint32_t value, unsigned int size)
{
	(void)opaque;
	ck_assert_uint_eq(bar, 0);
	put(pci.bar, offset, value, size, BAR);
}

static void reset(void *opaque)
{
	(void)opaque;
	pci.resets++;
	memset(pci.config, 0, sizeof pci.config);
}

static void attached(void *opaque, bool is_attached)
{
	(void)opaque;
	pci.attached = is_attached;
}

static const struct clove_vfio_function function = {
	.config_size = CONFIG, .bar_sizes = { BAR },
	.config_read = config_read, .config_write = config_write, .bar_read = bar_read, .bar_write = bar_write,
	.reset = reset, .attached = attached,
};

static struct clove_loop *loop;
static struct clove_vfio_server *server;
static int client;
static char path[64];
static uint8_t reply[70000];
static size_t reply_len;

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		clove_poll_loop_step(loop, 0);
}

static int connect_client(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	clove_vfio_server_take_client(server, pair[1]);
	return pair[0];
}

static void send_raw(const void *data, size_t len, const int *fds, unsigned int n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(32 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(client, &message, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(uint16_t command, uint32_t flags, const void *body, size_t len, const int *fds, unsigned int n)
{
	uint8_t message[70000];

	clove_put_le16(message, 0x1234);
	clove_put_le16(message + 2, command);
	clove_put_le32(message + 4, (uint32_t)(CLOVE_VFIO_HEADER + len));
	clove_put_le32(message + 8, flags);
	clove_put_le32(message + 12, 0);
	if (len)
		memcpy(message + CLOVE_VFIO_HEADER, body, len);
	send_raw(message, CLOVE_VFIO_HEADER + len, fds, n);
	turn();
}

/* Whether the server closed the connection. */
static bool is_cut_off(void)
{
	uint8_t byte;
	ssize_t n;

	turn();
	n = recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* The errno of the reply; 0: a good one, whose body is in reply[0 .. reply_len). */
static int hear(uint16_t command)
{
	uint8_t header[CLOVE_VFIO_HEADER];

	ck_assert_int_eq(recv(client, header, sizeof header, MSG_DONTWAIT), sizeof header);
	ck_assert_uint_eq(clove_le16(header), 0x1234);
	ck_assert_uint_eq(clove_le16(header + 2), command);
	uint32_t flags = clove_le32(header + 8);

	reply_len = clove_le32(header + 4) - sizeof header;
	ck_assert_uint_le(reply_len, sizeof reply);
	if (reply_len)
		ck_assert_int_eq(recv(client, reply, reply_len, MSG_DONTWAIT), (ssize_t)reply_len);
	if (flags & CLOVE_VFIO_ERROR) {
		ck_assert_uint_eq(reply_len, 0);
		ck_assert_uint_ne(clove_le32(header + 12), 0);
		return (int)clove_le32(header + 12);
	}
	ck_assert_uint_eq(flags, CLOVE_VFIO_REPLY);
	ck_assert_uint_eq(clove_le32(header + 12), 0);
	return 0;
}

static int ask(uint16_t command, const void *body, size_t len, int fd)
{
	say(command, 0, body, len, &fd, fd >= 0);
	return hear(command);
}

/* What QEMU 11.1 sends. */
static const char qemu_json[] = "{\"capabilities\": {\"pgsizes\": 4096, \"max_msg_fds\": 16, \"max_dma_maps\": 65535, "
	"\"max_data_xfer_size\": 1048576, \"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": 4096}, "
	"\"write_multiple\": true}}";

static int say_version(uint16_t major, uint16_t minor, const char *json, size_t json_len)
{
	uint8_t body[512];

	clove_put_le16(body, major);
	clove_put_le16(body + 2, minor);
	memcpy(body + 4, json, json_len);
	say(CLOVE_VFIO_VERSION, 0, body, 4 + json_len, NULL, 0);
	return is_cut_off() ? -1 : hear(CLOVE_VFIO_VERSION);
}

static void set_up(void)
{
	clove_log_set_level(CLOVE_LOG_ERROR);
	memset(&pci, 0, sizeof pci);
	loop = clove_poll_loop_new();
	server = clove_vfio_server_new(loop, -1, &function, &pci);
	ck_assert_ptr_nonnull(server);
	client = connect_client();
}

static void set_up_met(void)
{
	set_up();
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
}

static void tear_down(void)
{
	clove_vfio_server_free(server);
	clove_poll_loop_free(loop);
	close(client);
}

static int map_fd(int fd, uint64_t offset, uint64_t address, uint64_t size, uint32_t flags)
{
	uint8_t body[32];

	clove_put_le32(body, 32);
	clove_put_le32(body + 4, flags);
	clove_put_le64(body + 8, offset);
	clove_put_le64(body + 16, address);
	clove_put_le64(body + 24, size);
	return ask(CLOVE_VFIO_DMA_MAP, body, sizeof body, fd);
}

static int unmap(uint64_t address, uint64_t size, uint32_t flags)
{
	uint8_t body[24];

	clove_put_le32(body, 24);
	clove_put_le32(body + 4, flags);
	clove_put_le64(body + 8, address);
	clove_put_le64(body + 16, size);
	int why = ask(CLOVE_VFIO_DMA_UNMAP, body, sizeof body, -1);

	if (!why) {
		ck_assert_uint_eq(reply_len, sizeof body);
		ck_assert_mem_eq(reply, body, sizeof body);
	}
	return why;
}

static int region(uint16_t command, uint32_t index, uint64_t offset, uint32_t count, const void *data, size_t len)
{
	uint8_t body[70000];

	clove_put_le64(body, offset);
	clove_put_le32(body + 8, index);
	clove_put_le32(body + 12, count);
	if (len)
		memcpy(body + 16, data, len);
	return ask(command, body, 16 + len, -1);
}

static void set_master(bool is_on)
{
	uint8_t command[2] = { is_on ? 4 : 0, 0 };

	ck_assert_int_eq(region(CLOVE_VFIO_REGION_WRITE, 7, 4, 2, command, 2), 0);
}

static int set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count, const int *fds, unsigned int n)
{
	uint8_t body[20];

	clove_put_le32(body, 20);
	clove_put_le32(body + 4, flags);
	clove_put_le32(body + 8, index);
	clove_put_le32(body + 12, start);
	clove_put_le32(body + 16, count);
	say(CLOVE_VFIO_DEVICE_SET_IRQS, 0, body, sizeof body, fds, n);
	return hear(CLOVE_VFIO_DEVICE_SET_IRQS);
}

static int memory_file(size_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* -- the session -- */

START_TEST(test_version_fits_in_what_qemu_receives)
{
	set_up();
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
	ck_assert_uint_le(reply_len, 4 + sizeof qemu_json);
	ck_assert_uint_eq(clove_le32(reply), 0);
	ck_assert_uint_eq(reply[reply_len - 1], 0);
	ck_assert_ptr_nonnull(strstr((char *)reply + 4, "\"max_dma_maps\":1024"));
	ck_assert_int_eq(pci.attached, 1);
	/* once only */
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), EINVAL);
	tear_down();
}
END_TEST

static const struct {
	const char *why;
	uint16_t major;
	const char *json;
	size_t len;
	const char *wants;
} versions[] = {
	{ "none at all",          0, "", 0, "max_msg_fds" },
	{ "fewer maps than ours", 0, "{\"capabilities\":{\"max_dma_maps\": 7}}", 37, "\"max_dma_maps\":7" },
	{ "no number",            0, "{\"max_dma_maps\"", 16, "1024" },
	{ "no end",               0, "{}", 2, NULL },
	{ "another major",        1, "{}", 3, NULL },
};

START_TEST(test_version_is_answered_or_the_client_cut_off)
{
	set_up();
	int why = say_version(versions[_i].major, 3, versions[_i].json, versions[_i].len);

	if (versions[_i].wants) {
		ck_assert_int_eq(why, 0);
		ck_assert_ptr_nonnull(strstr((char *)reply + 4, versions[_i].wants));
	} else {
		ck_assert_int_eq(why, -1);
		ck_assert_int_eq(pci.attached, 0);
	}
	tear_down();
}
END_TEST

START_TEST(test_nothing_is_answered_before_the_version)
{
	set_up();
	say(CLOVE_VFIO_DEVICE_RESET, 0, NULL, 0, NULL, 0);
	ck_assert(is_cut_off());
	tear_down();
}
END_TEST

START_TEST(test_info_says_what_there_is)
{
	uint8_t body[32] = { 0 };

	set_up_met();
	clove_put_le32(body, 16);
	ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_GET_INFO, body, 16, -1), 0);
	ck_assert_uint_eq(clove_le32(reply + 4), 3);
	ck_assert_uint_eq(clove_le32(reply + 8), 9);
	ck_assert_uint_eq(clove_le32(reply + 12), 5);
	for (uint32_t i = 0; i < 10; i++) {
		clove_put_le32(body, 32);
		clove_put_le32(body + 8, i);
		ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_GET_REGION_INFO, body, 32, -1), i < 9 ? 0 : EINVAL);
		if (i == 9)
			break;
		ck_assert_uint_eq(reply_len, 32);
		ck_assert_uint_eq(clove_le64(reply + 16), i == 0 ? BAR : i == 7 ? CONFIG : 0);
		ck_assert_uint_eq(clove_le32(reply + 4), i == 0 || i == 7 ? 3 : 0);
	}
	for (uint32_t i = 0; i < 6; i++) {
		clove_put_le32(body, 16);
		clove_put_le32(body + 8, i);
		ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_GET_IRQ_INFO, body, 16, -1), i < 5 ? 0 : EINVAL);
		if (i < 5)
			ck_assert_uint_eq(clove_le32(reply + 12), i < 2);
	}
	/* no room for the answer */
	clove_put_le32(body, 15);
	ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_GET_INFO, body, 16, -1), EINVAL);
	tear_down();
}
END_TEST

START_TEST(test_regions_are_read_and_written_in_any_size)
{
	uint8_t data[CONFIG];

	set_up_met();
	for (int i = 0; i < CONFIG; i++)
		data[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(region(CLOVE_VFIO_REGION_WRITE, 7, 0, CONFIG, data, CONFIG), 0);
	ck_assert_uint_eq(reply_len, 16);
	ck_assert_int_eq(region(CLOVE_VFIO_REGION_READ, 7, 0, CONFIG, NULL, 0), 0);
	ck_assert_uint_eq(reply_len, 16 + CONFIG);
	ck_assert_mem_eq(reply + 16, data, CONFIG);
	ck_assert_uint_eq(pci.widths[4], 2 * CONFIG / 4);
	for (uint32_t at = 0; at < 9; at++)
		for (uint32_t n = 1; n <= 8; n++) {
			memset(pci.bar, 0, 32);
			ck_assert_int_eq(region(CLOVE_VFIO_REGION_WRITE, 0, at, n, data + 1, n), 0);
			ck_assert_mem_eq(pci.bar + at, data + 1, n);
			ck_assert_uint_eq(pci.bar[at + n], 0);
			ck_assert_int_eq(region(CLOVE_VFIO_REGION_READ, 0, at, n, NULL, 0), 0);
			ck_assert_mem_eq(reply + 16, data + 1, n);
		}
	tear_down();
}
END_TEST

START_TEST(test_posted_writes_are_not_answered)
{
	uint8_t body[20] = { 0 };

	set_up_met();
	clove_put_le32(body + 12, 4);
	clove_put_le32(body + 16, 0xfeed);
	say(CLOVE_VFIO_REGION_WRITE, CLOVE_VFIO_NO_REPLY, body, sizeof body, NULL, 0);
	ck_assert_uint_eq(clove_le32(pci.bar), 0xfeed);
	/* nor is a bad one */
	clove_put_le64(body, BAR);
	say(CLOVE_VFIO_REGION_WRITE, CLOVE_VFIO_NO_REPLY, body, sizeof body, NULL, 0);
	ck_assert_int_eq(region(CLOVE_VFIO_REGION_READ, 0, 0, 4, NULL, 0), 0);
	tear_down();
}
END_TEST

static const struct {
	const char *why;
	bool is_write;
	uint32_t index;
	uint64_t offset;
	uint32_t count;
	size_t len;
} bad_accesses[] = {
	{ "no such region",          false, 9, 0, 4, 0 },
	{ "an empty region",         false, 1, 0, 4, 0 },
	{ "the ROM",                 false, 6, 0, 4, 0 },
	{ "region out of any range", false, 0xffffffff, 0, 4, 0 },
	{ "at the end",              false, 0, BAR, 1, 0 },
	{ "across the end",          false, 0, BAR - 3, 4, 0 },
	{ "an offset that wraps",    false, 0, UINT64_MAX - 1, 4, 0 },
	{ "an offset of 2^32",       false, 0, UINT64_C(1) << 32, 4, 0 },
	{ "nothing",                 false, 0, 0, 0, 0 },
	{ "far too much",            false, 0, 0, 0xffffffff, 0 },
	{ "more than config space",  false, 7, 0, CONFIG + 1, 0 },
	{ "a read with data",        false, 0, 0, 4, 4 },
	{ "a write without data",    true,  0, 0, 4, 0 },
	{ "a write with less",       true,  0, 0, 4, 3 },
	{ "a write with more",       true,  0, 0, 4, 5 },
	{ "a write across the end",  true,  7, CONFIG - 2, 4, 4 },
};

START_TEST(test_bad_accesses_are_refused)
{
	set_up_met();
	ck_assert_int_eq(region(bad_accesses[_i].is_write ? CLOVE_VFIO_REGION_WRITE : CLOVE_VFIO_REGION_READ,
			bad_accesses[_i].index, bad_accesses[_i].offset, bad_accesses[_i].count, "12345",
			bad_accesses[_i].len), EINVAL);
	ck_assert(!is_cut_off());
	tear_down();
}
END_TEST

START_TEST(test_commands_that_are_not_offered_are_refused)
{
	static const uint16_t commands[] = { 0, 6, 11, 12, 14, 15, 16, 17, 18, 19, 999 };
	uint8_t body[64] = { 0 };

	set_up_met();
	ck_assert_int_eq(ask(commands[_i], body, sizeof body, -1), ENOTSUP);
	ck_assert_int_eq(ask(commands[_i], NULL, 0, -1), ENOTSUP);
	tear_down();
}
END_TEST

START_TEST(test_short_bodies_are_refused)
{
	static const struct { uint16_t command; size_t whole; } bodies[] = {
		{ CLOVE_VFIO_DMA_MAP, 32 }, { CLOVE_VFIO_DMA_UNMAP, 24 }, { CLOVE_VFIO_DEVICE_GET_INFO, 4 },
		{ CLOVE_VFIO_DEVICE_GET_REGION_INFO, 32 }, { CLOVE_VFIO_DEVICE_GET_IRQ_INFO, 16 },
		{ CLOVE_VFIO_DEVICE_SET_IRQS, 20 }, { CLOVE_VFIO_REGION_READ, 16 }, { CLOVE_VFIO_REGION_WRITE, 16 },
	};
	uint8_t body[64] = { 0 };

	set_up_met();
	for (size_t n = 0; n < bodies[_i].whole; n++)
		ck_assert_int_eq(ask(bodies[_i].command, body, n, -1), EINVAL);
	tear_down();
}
END_TEST

/* -- memory -- */

START_TEST(test_memory_is_reached_across_maps)
{
	int low = memory_file(4 * PAGE), high = memory_file(2 * PAGE);
	uint8_t data[3 * PAGE], seen[3 * PAGE], *file;

	set_up_met();
	set_master(true);
	/* the second file's second page lies behind the first one's first two */
	ck_assert_int_eq(map_fd(low, PAGE, 0x10000, 2 * PAGE, 3), 0);
	ck_assert_int_eq(map_fd(high, PAGE, 0x10000 + 2 * PAGE, PAGE, 3), 0);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 31 + i / 256 + 1);
	ck_assert(clove_vfio_dma(server, 0x10000, data, sizeof data, true));
	ck_assert(clove_vfio_dma(server, 0x10000, seen, sizeof seen, false));
	ck_assert_mem_eq(data, seen, sizeof data);
	file = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, high, 0);
	ck_assert_mem_eq(file + PAGE, data + 2 * PAGE, PAGE);
	munmap(file, 2 * PAGE);
	file = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, low, 0);
	ck_assert_mem_eq(file + PAGE, data, 2 * PAGE);
	munmap(file, 4 * PAGE);
	/* words, at odd places too */
	for (uint64_t at = 0x10000 + 2 * PAGE - 6; at < 0x10000 + 2 * PAGE + 2; at++) {
		ck_assert(clove_vfio_dma(server, at, seen, 4, false));
		ck_assert_mem_eq(seen, data + (at - 0x10000), 4);
	}
	/* not a byte further, on either side; and then nothing at all is moved */
	ck_assert(!clove_vfio_dma(server, 0x10000 - 1, seen, 2, false));
	ck_assert(!clove_vfio_dma(server, 0x10000 + 3 * PAGE - 1, seen, 2, false));
	memset(seen, 0xee, sizeof seen);
	ck_assert(!clove_vfio_dma(server, 0x10000 + PAGE, seen, 2 * PAGE + 1, true));
	ck_assert(clove_vfio_dma(server, 0x10000 + PAGE, seen, PAGE, false));
	ck_assert_mem_eq(seen, data + PAGE, PAGE);
	ck_assert(!clove_vfio_dma(server, UINT64_MAX, seen, 2, false));
	close(low);
	close(high);
	tear_down();
}
END_TEST

START_TEST(test_memory_needs_a_bus_master_and_a_client)
{
	int fd = memory_file(PAGE);
	uint32_t word = 1;

	set_up_met();
	ck_assert_int_eq(map_fd(fd, 0, 0, PAGE, 3), 0);
	ck_assert(!clove_vfio_dma(server, 0, &word, 4, true));
	set_master(true);
	ck_assert(clove_vfio_dma(server, 0, &word, 4, true));
	ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_RESET, NULL, 0, -1), 0);
	ck_assert_uint_eq(pci.resets, 1);
	ck_assert(!clove_vfio_dma(server, 0, &word, 4, true));
	set_master(true);
	/* the cable is pulled */
	close(client);
	turn();
	ck_assert(!clove_vfio_dma(server, 0, &word, 4, true));
	ck_assert_uint_eq(pci.resets, 2);
	ck_assert_int_eq(pci.attached, 0);
	/* and the next one has the device, without the other's memory */
	client = connect_client();
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
	set_master(true);
	ck_assert(!clove_vfio_dma(server, 0, &word, 4, true));
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_read_only_memory_is_not_written)
{
	int fd = memory_file(2 * PAGE);
	uint8_t bytes[8] = { 1 };

	set_up_met();
	set_master(true);
	ck_assert_int_eq(map_fd(fd, 0, 0, PAGE, 3), 0);
	ck_assert_int_eq(map_fd(fd, PAGE, PAGE, PAGE, 1), 0);
	ck_assert(clove_vfio_dma(server, PAGE, bytes, 8, false));
	ck_assert(!clove_vfio_dma(server, PAGE, bytes, 8, true));
	ck_assert(!clove_vfio_dma(server, PAGE - 4, bytes, 8, true));
	ck_assert(clove_vfio_dma(server, PAGE - 8, bytes, 8, true));
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_memory_without_a_file_is_refused_only_when_used)
{
	uint8_t bytes[8] = { 1 };

	set_up_met();
	set_master(true);
	ck_assert_int_eq(map_fd(-1, 0, 0, PAGE, 3), 0);
	ck_assert(!clove_vfio_dma(server, 0, bytes, 8, false));
	ck_assert_int_eq(unmap(0, PAGE, 0), 0);
	ck_assert(!is_cut_off());
	tear_down();
}
END_TEST

static const struct {
	const char *why;
	uint64_t offset, address, size;
	uint32_t flags;
	int want;
} maps[] = {
	{ "behind it",             0, 2 * PAGE, PAGE, 3, 0 },
	{ "before it",             0, 0, PAGE, 3, 0 },
	{ "the same",              0, PAGE, PAGE, 3, EEXIST },
	{ "around it",             0, 0, 3 * PAGE, 3, EEXIST },
	{ "into it from below",    0, 0, 2 * PAGE, 1, EEXIST },
	{ "empty",                 0, 8 * PAGE, 0, 3, EINVAL },
	{ "odd address",           0, 8 * PAGE + 1, PAGE, 3, EINVAL },
	{ "odd size",              0, 8 * PAGE, 100, 3, EINVAL },
	{ "odd offset",            100, 8 * PAGE, PAGE, 3, EINVAL },
	{ "wraps",                 0, UINT64_MAX - PAGE + 1, 2 * PAGE, 3, EINVAL },
	{ "to the last byte",      0, UINT64_MAX - PAGE + 1, PAGE, 3, 0 },
	{ "longer than its file",  0, 8 * PAGE, 5 * PAGE, 3, EINVAL },
	{ "beyond its file",       4 * PAGE, 8 * PAGE, PAGE, 3, EINVAL },
	{ "offset that wraps",     UINT64_MAX - PAGE + 1, 8 * PAGE, PAGE, 3, EINVAL },
	{ "all there is",          0, 0, UINT64_MAX - PAGE + 1, 3, EINVAL },
	{ "all from here",         0, 2 * PAGE, UINT64_MAX - 4 * PAGE + 1, 3, EINVAL },
	{ "neither read nor write", 0, 8 * PAGE, PAGE, 0, EINVAL },
	{ "only written",          0, 8 * PAGE, PAGE, 2, EINVAL },
	{ "unknown flags",         0, 8 * PAGE, PAGE, 7, EINVAL },
};

START_TEST(test_maps_are_checked)
{
	int fd = memory_file(4 * PAGE);

	set_up_met();
	ck_assert_int_eq(map_fd(fd, 0, PAGE, PAGE, 3), 0);
	ck_assert_int_eq(map_fd(fd, maps[_i].offset, maps[_i].address, maps[_i].size, maps[_i].flags), maps[_i].want);
	ck_assert(!is_cut_off());
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_files_that_are_no_memory_are_refused)
{
	int fds[2], fd;
	uint8_t body[32] = { 32, 0, 0, 0, 3 };

	set_up_met();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(map_fd(fds[0], 0, 0, PAGE, 3), EINVAL);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(map_fd(fd, 0, 0, PAGE, 3), EINVAL);
	/* two for one mapping */
	clove_put_le64(body + 24, PAGE);
	say(CLOVE_VFIO_DMA_MAP, 0, body, sizeof body, fds, 2);
	ck_assert_int_eq(hear(CLOVE_VFIO_DMA_MAP), EINVAL);
	close(fd);
	/* a file that may not be written */
	fd = memory_file(PAGE);
	char name[40];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int reading = open(name, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(map_fd(reading, 0, 0, PAGE, 3), EACCES);
	ck_assert_int_eq(map_fd(reading, 0, 0, PAGE, 1), 0);
	close(reading);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	tear_down();
}
END_TEST

START_TEST(test_unmap_wants_the_very_mapping)
{
	int fd = memory_file(4 * PAGE);
	uint32_t word = 0;

	set_up_met();
	set_master(true);
	for (uint64_t i = 0; i < 4; i++)
		ck_assert_int_eq(map_fd(fd, i * PAGE, i * PAGE, PAGE, 3), 0);
	ck_assert_int_eq(unmap(PAGE, 2 * PAGE, 0), ENOENT);
	ck_assert_int_eq(unmap(PAGE + 16, PAGE, 0), ENOENT);
	ck_assert_int_eq(unmap(PAGE, PAGE, 1), EINVAL);
	ck_assert_int_eq(unmap(PAGE, PAGE, 2), EINVAL);
	ck_assert_int_eq(unmap(PAGE, PAGE, 0), 0);
	ck_assert_int_eq(unmap(PAGE, PAGE, 0), ENOENT);
	ck_assert(clove_vfio_dma(server, 0, &word, 4, true));
	ck_assert(!clove_vfio_dma(server, PAGE, &word, 4, true));
	ck_assert(clove_vfio_dma(server, 2 * PAGE, &word, 4, true));
	ck_assert_int_eq(unmap(0, 0, 2), 0);
	ck_assert(!clove_vfio_dma(server, 0, &word, 4, true));
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_maps_have_a_limit)
{
	int fd = memory_file(PAGE);

	set_up_met();
	for (uint64_t i = 0; i < 1024; i++)
		ck_assert_int_eq(map_fd(fd, 0, (1023 - i) * PAGE, PAGE, 3), 0);
	ck_assert_int_eq(map_fd(fd, 0, 1024 * PAGE, PAGE, 3), ENOSPC);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_shrinks_hurts_nobody)
{
	int fd = memory_file(2 * PAGE);
	uint8_t bytes[2 * PAGE] = { 1 };
	uint32_t word = 1;

	set_up_met();
	set_master(true);
	ck_assert_int_eq(map_fd(fd, 0, 0, 2 * PAGE, 3), 0);
	ck_assert(clove_vfio_dma(server, 0, bytes, sizeof bytes, true));
	ck_assert_int_eq(ftruncate(fd, PAGE), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert(!clove_vfio_dma(server, 0, bytes, sizeof bytes, true));
		ck_assert(!clove_vfio_dma(server, 0, bytes, sizeof bytes, false));
		ck_assert(!clove_vfio_dma(server, PAGE, &word, 4, true));
		ck_assert(clove_vfio_dma(server, 0, &word, 4, true));
	}
	close(fd);
	tear_down();
}
END_TEST

/* The guest writes into private copies of the file that the client passes; the client knows its bytes. */
START_TEST(test_memory_that_is_not_shared_is_noticed)
{
	int fd = memory_file(PAGE);
	uint8_t header[CLOVE_VFIO_HEADER + 16], data[48] = { 0 }, answer[CLOVE_VFIO_HEADER + 16 + 48] = { 0 };
	static const struct { uint8_t bytes; bool is_shared; } guests[] = { { 7, false }, { 0, true } };

	set_up_met();
	set_master(true);
	ck_assert_int_eq(map_fd(fd, 0, 0, PAGE, 3), 0);
	ck_assert(clove_vfio_dma(server, 0x80, data, sizeof data, false));
	turn();
	ck_assert_int_eq(recv(client, header, sizeof header, MSG_DONTWAIT), sizeof header);
	ck_assert_uint_eq(clove_le16(header + 2), 11);
	ck_assert_uint_eq(clove_le32(header + 8), 0);
	ck_assert_uint_eq(clove_le64(header + 16), 0x80);
	ck_assert_uint_eq(clove_le64(header + 24), sizeof data);
	/* commands go on meanwhile */
	ck_assert_int_eq(region(CLOVE_VFIO_REGION_READ, 0, 0, 4, NULL, 0), 0);
	memcpy(answer, header, sizeof header);
	clove_put_le32(answer + 4, sizeof answer);
	clove_put_le32(answer + 8, CLOVE_VFIO_REPLY);
	memset(answer + sizeof header, guests[_i].bytes, 48);
	send_raw(answer, sizeof answer, NULL, 0);
	turn();
	clove_log_set_level(CLOVE_LOG_ERROR);
	ck_assert_int_eq(clove_vfio_dma(server, 0x80, data, sizeof data, false), guests[_i].is_shared);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_memory_with_bytes_in_it_is_believed)
{
	int fd = memory_file(PAGE);
	uint8_t data[48] = { 0 };

	set_up_met();
	set_master(true);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0x90), 1);
	ck_assert_int_eq(map_fd(fd, 0, 0, PAGE, 3), 0);
	ck_assert(clove_vfio_dma(server, 0x80, data, sizeof data, false));
	turn();
	ck_assert_int_eq(recv(client, data, 1, MSG_DONTWAIT), -1);
	/* zeroes are not asked for any more either */
	ck_assert(clove_vfio_dma(server, 0x100, data, sizeof data, false));
	turn();
	ck_assert_int_eq(recv(client, data, 1, MSG_DONTWAIT), -1);
	close(fd);
	tear_down();
}
END_TEST

/* -- interrupts -- */

static uint64_t signals(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof n) == sizeof n ? n : 0;
}

START_TEST(test_intx_masks_itself_until_it_is_unmasked)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	set_up_met();
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fd, 1), 0);
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(fd), 1);
	clove_vfio_interrupt(server, true);
	clove_vfio_interrupt(server, false);
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(fd), 0);
	/* still high: again */
	ck_assert_int_eq(set_irqs(0x11, 0, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(signals(fd), 1);
	clove_vfio_interrupt(server, false);
	ck_assert_int_eq(set_irqs(0x11, 0, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(signals(fd), 0);
	/* masked by the client */
	ck_assert_int_eq(set_irqs(0x09, 0, 0, 1, NULL, 0), 0);
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(fd), 0);
	ck_assert_int_eq(set_irqs(0x11, 0, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(signals(fd), 1);
	/* taken away, and given again while the level is high */
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, NULL, 0), 0);
	ck_assert_int_eq(set_irqs(0x11, 0, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(signals(fd), 0);
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fd, 1), 0);
	ck_assert_uint_eq(signals(fd), 1);
	ck_assert_int_eq(set_irqs(0x21, 0, 0, 0, NULL, 0), 0);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_an_eventfd_can_unmask)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), again = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t one = 1;

	set_up_met();
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fd, 1), 0);
	ck_assert_int_eq(set_irqs(0x14, 0, 0, 1, &again, 1), 0);
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(fd), 1);
	ck_assert_int_eq(write(again, &one, 8), 8);
	turn();
	ck_assert_uint_eq(signals(fd), 1);
	ck_assert_int_eq(set_irqs(0x14, 0, 0, 1, NULL, 0), 0);
	ck_assert_int_eq(write(again, &one, 8), 8);
	turn();
	ck_assert_uint_eq(signals(fd), 0);
	close(fd);
	close(again);
	tear_down();
}
END_TEST

START_TEST(test_msi_is_signalled_at_each_rise)
{
	int intx = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), msi = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	set_up_met();
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &intx, 1), 0);
	ck_assert_int_eq(set_irqs(0x24, 1, 0, 1, &msi, 1), 0);
	for (int i = 0; i < 3; i++) {
		clove_vfio_interrupt(server, true);
		clove_vfio_interrupt(server, true);
		clove_vfio_interrupt(server, false);
	}
	ck_assert_uint_eq(signals(msi), 3);
	ck_assert_uint_eq(signals(intx), 0);
	/* switched off: INTx has the level again */
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(msi), 1);
	ck_assert_int_eq(set_irqs(0x21, 1, 0, 0, NULL, 0), 0);
	ck_assert_uint_eq(signals(intx), 1);
	ck_assert_uint_eq(signals(msi), 0);
	close(intx);
	close(msi);
	tear_down();
}
END_TEST

static const struct {
	const char *why;
	uint32_t flags, index, start, count;
	unsigned int fds;
} bad_irqs[] = {
	{ "no action",               0x04, 0, 0, 1, 1 },
	{ "two actions",             0x34, 0, 0, 1, 1 },
	{ "two kinds of data",       0x26, 0, 0, 1, 1 },
	{ "no data",                 0x20, 0, 0, 1, 0 },
	{ "unknown flags",           0x64, 0, 0, 1, 1 },
	{ "no such index",           0x24, 5, 0, 1, 1 },
	{ "an index without any",    0x24, 2, 0, 1, 1 },
	{ "a second vector",         0x24, 1, 1, 1, 1 },
	{ "two vectors",             0x24, 1, 0, 2, 2 },
	{ "so many that it wraps",   0x24, 1, 0xffffffff, 2, 1 },
	{ "descriptors, but no use", 0x21, 0, 0, 1, 1 },
	{ "two for one",             0x24, 0, 0, 1, 2 },
	{ "mask MSI",                0x09, 1, 0, 1, 0 },
	{ "mask by descriptor",      0x0c, 0, 0, 1, 1 },
	{ "bool without data",       0x22, 0, 0, 1, 0 },
	{ "off from the middle",     0x21, 0, 1, 0, 0 },
	{ "off by eventfd",          0x24, 0, 0, 0, 0 },
};

START_TEST(test_bad_interrupts_are_refused)
{
	int fds[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };

	set_up_met();
	ck_assert_int_eq(set_irqs(bad_irqs[_i].flags, bad_irqs[_i].index, bad_irqs[_i].start, bad_irqs[_i].count, fds,
			bad_irqs[_i].fds), EINVAL);
	clove_vfio_interrupt(server, true);
	ck_assert_uint_eq(signals(fds[0]) + signals(fds[1]), 0);
	close(fds[0]);
	close(fds[1]);
	tear_down();
}
END_TEST

START_TEST(test_only_eventfds_are_signalled)
{
	int fds[2], fd = memory_file(PAGE);
	uint64_t most = UINT64_MAX - 1;

	set_up_met();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fds[1], 1), EINVAL);
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fd, 1), EINVAL);
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &client, 1), EINVAL);
	close(fd);
	/* one that is full, and would keep a writer waiting */
	fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(write(fd, &most, 8), 8);
	ck_assert_int_eq(set_irqs(0x24, 0, 0, 1, &fd, 1), 0);
	clove_vfio_interrupt(server, true);
	ck_assert(!is_cut_off());
	close(fd);
	close(fds[0]);
	close(fds[1]);
	tear_down();
}
END_TEST

/* -- framing -- */

START_TEST(test_messages_may_come_in_pieces)
{
	uint8_t message[CLOVE_VFIO_HEADER + 32] = { 0 };
	int fd = memory_file(PAGE);
	uint32_t word = 5;

	set_up_met();
	set_master(true);
	clove_put_le16(message, 0x1234);
	clove_put_le16(message + 2, CLOVE_VFIO_DMA_MAP);
	clove_put_le32(message + 4, sizeof message);
	clove_put_le32(message + 16, 32);
	clove_put_le32(message + 20, 3);
	clove_put_le64(message + 40, PAGE);
	for (size_t i = 0; i < sizeof message; i++) {
		send_raw(message + i, 1, &fd, i == 0);
		turn();
	}
	ck_assert_int_eq(hear(CLOVE_VFIO_DMA_MAP), 0);
	ck_assert(clove_vfio_dma(server, 0, &word, 4, true));
	/* and many in one piece */
	uint8_t many[20 * CLOVE_VFIO_HEADER];

	for (int i = 0; i < 20; i++) {
		memset(many + i * CLOVE_VFIO_HEADER, 0, CLOVE_VFIO_HEADER);
		clove_put_le16(many + i * CLOVE_VFIO_HEADER, 0x1234);
		clove_put_le16(many + i * CLOVE_VFIO_HEADER + 2, CLOVE_VFIO_DEVICE_RESET);
		clove_put_le32(many + i * CLOVE_VFIO_HEADER + 4, CLOVE_VFIO_HEADER);
	}
	send_raw(many, sizeof many, NULL, 0);
	turn();
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(hear(CLOVE_VFIO_DEVICE_RESET), 0);
	ck_assert_uint_eq(pci.resets, 20);
	close(fd);
	tear_down();
}
END_TEST

static const struct {
	const char *why;
	uint32_t size, flags;
	unsigned int fds, late_fds;
} bad_frames[] = {
	{ "a size of 0",                     0, 0, 0, 0 },
	{ "less than a header",              15, 0, 0, 0 },
	{ "far too long",                    0xffffffff, 0, 0, 0 },
	{ "a little too long",               65536 + 65, 0, 0, 0 },
	{ "neither command nor reply",       16, 2, 0, 0 },
	{ "17 descriptors",                  16, 0, 17, 0 },
	{ "descriptors inside of a message", 32, 0, 0, 1 },
};

START_TEST(test_impossible_messages_end_the_connection)
{
	uint8_t message[CLOVE_VFIO_HEADER] = { 0 };
	int fds[32];

	set_up_met();
	for (int i = 0; i < 32; i++)
		fds[i] = client;
	clove_put_le16(message + 2, CLOVE_VFIO_DEVICE_RESET);
	clove_put_le32(message + 4, bad_frames[_i].size);
	clove_put_le32(message + 8, bad_frames[_i].flags);
	send_raw(message, sizeof message, fds, bad_frames[_i].fds);
	turn();
	if (bad_frames[_i].late_fds)
		send_raw(message, sizeof message, fds, bad_frames[_i].late_fds);
	ck_assert(is_cut_off());
	ck_assert_int_eq(pci.attached, 0);
	tear_down();
}
END_TEST

START_TEST(test_descriptors_where_none_belong_are_closed)
{
	int fds[2];
	char byte;
	uint8_t body[16] = { 16 };

	set_up_met();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_GET_INFO, body, sizeof body, fds[1]), EINVAL);
	ck_assert_int_eq(ask(CLOVE_VFIO_DEVICE_RESET, NULL, 0, fds[1]), EINVAL);
	ck_assert_int_eq(ask(999, NULL, 0, fds[1]), ENOTSUP);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	tear_down();
}
END_TEST

START_TEST(test_a_client_that_takes_no_replies_is_not_read)
{
	uint8_t message[CLOVE_VFIO_HEADER + 16] = { 0 };
	int sent = 0;

	set_up_met();
	clove_put_le16(message + 2, CLOVE_VFIO_REGION_READ);
	clove_put_le32(message + 4, sizeof message);
	clove_put_le32(message + CLOVE_VFIO_HEADER + 12, BAR);
	/* its own socket's buffer ends this, since the server has stopped reading */
	while (send(client, message, sizeof message, MSG_DONTWAIT) == sizeof message && sent < 1 << 20) {
		sent++;
		clove_poll_loop_step(loop, 0);
	}
	ck_assert_int_lt(sent, 1 << 20);
	close(client);
	turn();
	turn();
	client = connect_client();
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
	tear_down();
}
END_TEST

START_TEST(test_a_second_client_waits_for_nothing)
{
	int first, second;

	set_up_met();
	first = client;
	second = connect_client();
	client = second;
	ck_assert(is_cut_off());
	client = first;
	ck_assert_int_eq(region(CLOVE_VFIO_REGION_READ, 0, 0, 4, NULL, 0), 0);
	/* the first has left, and nobody has noticed yet */
	close(first);
	client = connect_client();
	ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
	close(second);
	tear_down();
}
END_TEST

START_TEST(test_clients_come_through_a_socket)
{
	char *error = NULL;
	int listener;
	struct clove_loop *l = clove_poll_loop_new();

	memset(&pci, 0, sizeof pci);
	snprintf(path, sizeof path, "/tmp/clove-vfio-%d", (int)getpid());
	listener = clove_listen_unix(path, &error);
	ck_assert_int_ge(listener, 0);
	loop = l;
	server = clove_vfio_server_new(loop, listener, &function, &pci);
	for (int i = 0; i < 3; i++) {

		client = socket(AF_UNIX, SOCK_STREAM, 0);
		struct sockaddr_storage where = { .ss_family = AF_UNIX };

		strcpy((char *)&where + 2, path);
		ck_assert_int_eq(connect(client, (struct sockaddr *)&where, 2 + (socklen_t)strlen(path) + 1), 0);
		turn();
		ck_assert_int_eq(say_version(0, 0, qemu_json, sizeof qemu_json), 0);
		ck_assert_int_eq(pci.attached, 1);
		close(client);
	}
	unlink(path);
	client = -1;
	tear_down();
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
	Suite *suite = suite_create("vfio-user");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_version_fits_in_what_qemu_receives);
	tcase_add_loop_test(tcase, test_version_is_answered_or_the_client_cut_off, 0, COUNT(versions));
	tcase_add_test(tcase, test_nothing_is_answered_before_the_version);
	tcase_add_test(tcase, test_info_says_what_there_is);
	tcase_add_test(tcase, test_regions_are_read_and_written_in_any_size);
	tcase_add_test(tcase, test_posted_writes_are_not_answered);
	tcase_add_loop_test(tcase, test_bad_accesses_are_refused, 0, COUNT(bad_accesses));
	tcase_add_loop_test(tcase, test_commands_that_are_not_offered_are_refused, 0, 11);
	tcase_add_loop_test(tcase, test_short_bodies_are_refused, 0, 8);
	tcase_add_test(tcase, test_memory_is_reached_across_maps);
	tcase_add_test(tcase, test_memory_needs_a_bus_master_and_a_client);
	tcase_add_test(tcase, test_read_only_memory_is_not_written);
	tcase_add_test(tcase, test_memory_without_a_file_is_refused_only_when_used);
	tcase_add_loop_test(tcase, test_maps_are_checked, 0, COUNT(maps));
	tcase_add_test(tcase, test_files_that_are_no_memory_are_refused);
	tcase_add_test(tcase, test_unmap_wants_the_very_mapping);
	tcase_add_test(tcase, test_maps_have_a_limit);
#ifndef __SANITIZE_THREAD__ /* whose runtime takes SIGBUS for itself */
	tcase_add_test(tcase, test_a_file_that_shrinks_hurts_nobody);
#else
	(void)test_a_file_that_shrinks_hurts_nobody;
#endif
	tcase_add_loop_test(tcase, test_memory_that_is_not_shared_is_noticed, 0, 2);
	tcase_add_test(tcase, test_memory_with_bytes_in_it_is_believed);
	tcase_add_test(tcase, test_intx_masks_itself_until_it_is_unmasked);
	tcase_add_test(tcase, test_an_eventfd_can_unmask);
	tcase_add_test(tcase, test_msi_is_signalled_at_each_rise);
	tcase_add_loop_test(tcase, test_bad_interrupts_are_refused, 0, COUNT(bad_irqs));
	tcase_add_test(tcase, test_only_eventfds_are_signalled);
	tcase_add_test(tcase, test_messages_may_come_in_pieces);
	tcase_add_loop_test(tcase, test_impossible_messages_end_the_connection, 0, COUNT(bad_frames));
	tcase_add_test(tcase, test_descriptors_where_none_belong_are_closed);
	tcase_add_test(tcase, test_a_client_that_takes_no_replies_is_not_read);
	tcase_add_test(tcase, test_a_second_client_waits_for_nothing);
	tcase_add_test(tcase, test_clients_come_through_a_socket);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
