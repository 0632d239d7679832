/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-vfio-user.c - bytes as what a client sends: after a version of our own, so that more of them is read. */
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/util/log.h"
#include "vmm-glue/vfio-user/messages.h"
#include "vmm-glue/vfio-user/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 20, PIECE = 4096 };

static uint8_t config[256], bar[4096];

static uint32_t config_read(void *opaque, uint32_t offset, unsigned int size)
{
	uint32_t value = 0;

	(void)opaque;
	memcpy(&value, config + offset, size);
	return value;
}

static void config_write(void *opaque, uint32_t offset, uint32_t value, unsigned int size)
{
	(void)opaque;
	memcpy(config + offset, &value, size);
}

static uint32_t bar_read(void *opaque, uint32_t index, uint32_t offset, unsigned int size)
{
	uint32_t value = 0;

	(void)opaque, (void)index;
	memcpy(&value, bar + offset, size);
	return value;
}

static void bar_write(void *opaque, uint32_t index, uint32_t offset, uint32_t value, unsigned int size)
{
	(void)opaque, (void)index;
	memcpy(bar + offset, &value, size);
}

static void reset(void *opaque)
{
	(void)opaque;
	memset(config, 0, sizeof config);
}

static const struct clove_vfio_function function = {
	.config_size = sizeof config, .bar_sizes = { sizeof bar },
	.config_read = config_read, .config_write = config_write, .bar_read = bar_read, .bar_write = bar_write,
	.reset = reset,
};

/* A map of memory comes with a file, and an interrupt with an eventfd, as often as not. */
static void send_message(int client, const uint8_t *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	if (sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void turn(struct clove_loop *loop, struct clove_vfio_server *server, int client)
{
	static uint8_t replies[65536];
	uint8_t bytes[96];

	clove_poll_loop_step(loop, 0);
	while (recv(client, replies, sizeof replies, MSG_DONTWAIT) > 0)
		clove_poll_loop_step(loop, 0);
	for (uint64_t address = 0; address < 0x3000; address += 0xfe0)
		if (clove_vfio_dma(server, address, bytes, sizeof bytes, false) &&
				!clove_vfio_dma(server, address, bytes, sizeof bytes, true))
			continue;
	clove_vfio_interrupt(server, true);
	clove_vfio_interrupt(server, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t version[] = { 1, 0, 1, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{', '}', 0 };
	struct clove_loop *loop = clove_poll_loop_new();
	struct clove_vfio_server *server = loop ? clove_vfio_server_new(loop, -1, &function, NULL) : NULL;
	int pair[2], memory = memfd_create("fuzz", MFD_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);

	clove_log_set_level(CLOVE_LOG_ERROR);
	if (server && memory >= 0 && event >= 0 && ftruncate(memory, MEMORY) == 0 &&
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		if (clove_vfio_server_take_client(server, pair[1])) {
			send_message(pair[0], version, sizeof version, -1);
			turn(loop, server, pair[0]);
		}
		for (size_t at = 0; at < size;) {
			/* messages as they say, so that descriptors come where one begins */
			size_t len = size - at < PIECE ? size - at : PIECE;
			int fd = -1;

			if (len >= CLOVE_VFIO_HEADER) {
				uint32_t said = clove_le32(data + at + 4);

				if (said >= CLOVE_VFIO_HEADER && said < len)
					len = said;
				if (data[at] & 1)
					fd = data[at + 2] == CLOVE_VFIO_DEVICE_SET_IRQS ? event : memory;
			}
			send_message(pair[0], data + at, len, fd);
			at += len;
			turn(loop, server, pair[0]);
		}
		close(pair[0]);
		turn(loop, server, pair[0]);
	}
	clove_vfio_server_free(server);
	clove_poll_loop_free(loop);
	close(memory);
	close(event);
	return 0;
}
