/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.c - vfio-user's connection: framing, descriptors that come along, version, replies, and who may connect. */
#include "vmm-glue/vfio-user/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/arena.h"
#include "common/util/log.h"
#include "vmm-glue/vfio-user/pci.h"

enum {
	MESSAGE_MAX = 65536 + 64,     /* with its header: a whole region at once */
	FDS_MAX = 16,                 /* of one message */
	MESSAGES_A_TURN = 64,         /* then others have their turn */
	UNSENT_MAX = 1 << 20,         /* replies that the client does not take */
	PROBE_MAX = 64,               /* bytes of memory that are asked for twice */
	PROBES_MAX = 16,
	PROBE_ID = 0xc10e,
};

/* Whether the client's memory file really holds the guest's memory. */
enum sharing {
	UNPROVEN,                     /* nothing but zeroes was read from it */
	ASKED,                        /* the same bytes were asked for by message */
	PROVEN,
	NOT_SHARED,
};

struct clove_vfio_server {
	struct clove_loop *loop;
	int listener, client;         /* client -1: none */
	struct clove_watch *listening, *watch;
	struct clove_vfio_pci pci;
	struct clove_arena arena;
	struct clove_buf out;
	bool has_version;

	uint8_t *in;                  /* one message */
	uint32_t got, want;           /* bytes of it */
	int fds[FDS_MAX];
	unsigned int fd_count;

	enum sharing sharing;
	unsigned int probes;
	uint64_t probe_address;
	uint32_t probe_len;
	bool told_fileless;
};

static void drop_fds(struct clove_vfio_server *self)
{
	for (unsigned int i = 0; i < self->fd_count; i++)
		if (self->fds[i] >= 0)
			close(self->fds[i]);
	self->fd_count = 0;
}

static void begin_message(struct clove_vfio_server *self)
{
	drop_fds(self);
	self->got = 0;
	self->want = CLOVE_VFIO_HEADER;
}

/* The cable is pulled. `why` NULL: the client left in order. */
static void detach(struct clove_vfio_server *self, const char *why)
{
	if (self->client < 0)
		return;
	if (why)
		clove_log(WARN, "vfio-user", "the VMM was cut off: %s", why);
	else
		clove_log(INFO, "vfio-user", "the VMM has left");
	clove_watch_remove(self->loop, self->watch);
	self->watch = NULL;
	close(self->client);
	self->client = -1;
	begin_message(self);
	clove_buf_clear(&self->out);
	clove_vfio_pci_drop(&self->pci);
	if (self->pci.function->attached)
		self->pci.function->attached(self->pci.opaque, false);
}

/* -- sending -- */

static void flush(struct clove_vfio_server *self)
{
	while (self->client >= 0 && self->out.len) {
		ssize_t n = send(self->client, self->out.data, self->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			detach(self, strerror(errno));
			return;
		}
		clove_buf_consume(&self->out, (size_t)n);
	}
	/* A client that does not take its replies is not listened to. */
	if (self->watch)
		clove_watch_set(self->loop, self->watch, self->out.len ? CLOVE_WRITE : CLOVE_READ);
}

static void put_header(uint8_t *to, uint16_t id, uint16_t command, size_t size, uint32_t flags, int error)
{
	clove_put_le16(to, id);
	clove_put_le16(to + 2, command);
	clove_put_le32(to + 4, (uint32_t)size);
	clove_put_le32(to + 8, flags);
	clove_put_le32(to + 12, (uint32_t)error);
}

/* -- is the memory shared? --
 *
 * A VMM passes the file of its memory also where the guest's writes go to private copies of it (QEMU's
 * memory-backend-memfd with share=off): what is read is then zeroes for ever. The first zeroes are asked for
 * again by message, which takes the guest's own view. */

static bool is_zero(const uint8_t *data, size_t len)
{
	while (len && !*data)
		data++, len--;
	return !len;
}

static void probe(struct clove_vfio_server *self, uint64_t address, const uint8_t *data, size_t len)
{
	struct clove_vfio_dma_access ask = { .address = address, .count = len < PROBE_MAX ? len : PROBE_MAX };
	uint8_t header[CLOVE_VFIO_HEADER];
	size_t before = self->out.len;

	if (!is_zero(data, len)) {
		self->sharing = PROVEN;
		return;
	}
	if (self->probes++ == PROBES_MAX) {
		self->sharing = PROVEN; /* a guest whose memory is zeroes either way */
		return;
	}
	put_header(header, PROBE_ID, CLOVE_VFIO_DMA_READ, CLOVE_VFIO_HEADER + 16, CLOVE_VFIO_COMMAND, 0);
	if (clove_buf_append(&self->out, header, sizeof header) ||
			clove_wire_write(clove_vfio_dma_access_layout(), &ask, NULL, &self->out)) {
		self->out.len = before;
		return;
	}
	self->sharing = ASKED;
	self->probe_address = address;
	self->probe_len = (uint32_t)ask.count;
	if (self->watch && self->client >= 0)
		clove_watch_set(self->loop, self->watch, CLOVE_READ | CLOVE_WRITE);
}

static void on_probed(struct clove_vfio_server *self, struct clove_bytes body, bool is_error)
{
	uint8_t now[PROBE_MAX];

	if (self->sharing != ASKED)
		return;
	self->sharing = UNPROVEN;
	if (is_error || body.len < 16 + (size_t)self->probe_len || is_zero(body.data + 16, self->probe_len))
		return;
	if (clove_vfio_dma_copy(&self->pci.dma, self->probe_address, now, self->probe_len, false) !=
			CLOVE_VFIO_DMA_OK || !is_zero(now, self->probe_len))
		return;
	self->sharing = NOT_SHARED;
	clove_log(ERROR, "vfio-user", "the guest's memory is not shared with this process: start the VMM with "
			"shared memory (QEMU: -object memory-backend-memfd,...,share=on)");
}

bool clove_vfio_dma(struct clove_vfio_server *self, uint64_t address, void *data, size_t len, bool is_write)
{
	if (self->client < 0 || !self->pci.is_bus_master || self->sharing == NOT_SHARED)
		return false;
	switch (clove_vfio_dma_copy(&self->pci.dma, address, data, len, is_write)) {
	case CLOVE_VFIO_DMA_OK:
		if (self->sharing == UNPROVEN && !is_write)
			probe(self, address, data, len);
		return true;
	case CLOVE_VFIO_DMA_FILELESS:
		if (!self->told_fileless)
			clove_log(ERROR, "vfio-user", "the guest's memory came without a file: start the VMM with shared "
					"memory (QEMU: -object memory-backend-memfd,...,share=on)");
		self->told_fileless = true;
		return false;
	case CLOVE_VFIO_DMA_LOST:
		clove_log_limited(WARN, "vfio-user", "the guest's memory file is shorter than what was mapped");
		return false;
	case CLOVE_VFIO_DMA_NOWHERE:
		break;
	}
	return false;
}

void clove_vfio_interrupt(struct clove_vfio_server *self, bool level)
{
	clove_vfio_irq_set(&self->pci.irq, level);
}

/* -- receiving -- */

/* The number behind "name": in a client's JSON, if it is there; the rest of it is nothing that we need. */
static uint64_t json_number(const char *json, const char *name, uint64_t otherwise)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof key, "\"%s\"", name);
	at = strstr(json, key);
	if (!at)
		return otherwise;
	at += strlen(key);
	at += strspn(at, " \t\r\n:");
	return *at >= '0' && *at <= '9' ? strtoull(at, NULL, 10) : otherwise;
}

/* False: not a version that we speak. */
static bool on_version(struct clove_vfio_server *self, const struct clove_vfio_version *version,
		struct clove_buf *reply)
{
	char json[192];
	struct clove_vfio_version ours = { .major = 0, .minor = 0, .json.data = (const uint8_t *)json };
	uint64_t maps = CLOVE_VFIO_MAPS_MAX, theirs = 65535;

	if (version->major != 0)
		return false;
	if (version->json.len) {
		if (version->json.data[version->json.len - 1])
			return false;
		theirs = json_number((const char *)version->json.data, "max_dma_maps", theirs);
	}
	/* QEMU takes no reply that is longer than its request (214 bytes). */
	ours.json.len = 1 + (size_t)snprintf(json, sizeof json, "{\"capabilities\":{\"max_msg_fds\":%d,"
			"\"max_data_xfer_size\":65536,\"max_dma_maps\":%llu,\"pgsizes\":%d}}", FDS_MAX,
			(unsigned long long)(theirs < maps ? theirs : maps), CLOVE_VFIO_PAGE);
	self->has_version = clove_wire_write(clove_vfio_version_layout(), &ours, NULL, reply) == CLOVE_OK;
	return self->has_version;
}

/* One whole message is in self->in. A reason, if the client must go. */
static const char *on_message(struct clove_vfio_server *self)
{
	uint16_t id = clove_le16(self->in), command = clove_le16(self->in + 2);
	uint32_t flags = clove_le32(self->in + 8);
	struct clove_bytes body = { self->in + CLOVE_VFIO_HEADER, self->want - CLOVE_VFIO_HEADER };
	const struct clove_vfio_message *known = clove_vfio_message(command);
	uint8_t header[CLOVE_VFIO_HEADER] = { 0 };
	size_t start = self->out.len;
	void *message = NULL;
	int why = known ? 0 : ENOTSUP;

	if ((flags & CLOVE_VFIO_TYPE) == CLOVE_VFIO_REPLY) {
		if (command == CLOVE_VFIO_DMA_READ && id == PROBE_ID)
			on_probed(self, body, flags & CLOVE_VFIO_ERROR);
		return NULL;
	}
	if ((flags & CLOVE_VFIO_TYPE) != CLOVE_VFIO_COMMAND)
		return "a message is neither command nor reply";
	if (!self->has_version && command != CLOVE_VFIO_VERSION)
		return "its first message is not VERSION";
	if (self->has_version && command == CLOVE_VFIO_VERSION)
		why = EINVAL;

	if (clove_buf_append(&self->out, header, sizeof header))
		return "no memory";
	if (!why && clove_wire_parse(known->layout(), body, NULL, &self->arena, &message))
		why = EINVAL;
	if (!why && command == CLOVE_VFIO_VERSION) {
		if (self->fd_count || !on_version(self, message, &self->out))
			return "it speaks another version of vfio-user than 0.x";
	} else if (!why) {
		why = clove_vfio_pci_request(&self->pci, command, message, self->fds, self->fd_count, &self->out);
	}
	clove_arena_reset(&self->arena);
	if (why) {
		clove_log_limited(INFO, "vfio-user", "%s refused: %s", known ? known->name : "an unknown command",
				strerror(why));
		self->out.len = start + CLOVE_VFIO_HEADER;
	}
	if (flags & CLOVE_VFIO_NO_REPLY)
		self->out.len = start;
	else
		put_header(self->out.data + start, id, command, self->out.len - start,
				CLOVE_VFIO_REPLY | (why ? CLOVE_VFIO_ERROR : 0), why);
	return NULL;
}

/* Descriptors belong to the message whose first byte they came with: a header is read alone. */
static enum clove_err receive(struct clove_vfio_server *self, const char **why)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { self->in + self->got, self->want - self->got };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof control,
	};
	ssize_t n;

	do
		n = recvmsg(self->client, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EAGAIN)
			return CLOVE_ERR_AGAIN;
		*why = strerror(errno);
		return CLOVE_ERR_IO;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (self->got || self->fd_count == FDS_MAX) {
				close(fd);
				*why = "descriptors came where no message begins";
			} else {
				self->fds[self->fd_count++] = fd;
			}
		}
	}
	if (message.msg_flags & MSG_CTRUNC)
		*why = "too many descriptors came with one message";
	if (*why)
		return CLOVE_ERR_VALUE;
	if (!n) {
		*why = self->got ? "it left in the middle of a message" : NULL;
		return CLOVE_ERR_CLOSED;
	}
	self->got += (uint32_t)n;
	return CLOVE_OK;
}

static void on_readable(struct clove_vfio_server *self)
{
	const char *why = NULL;

	for (unsigned int i = 0; i < MESSAGES_A_TURN && self->client >= 0 && self->out.len < UNSENT_MAX;) {
		enum clove_err err = receive(self, &why);

		if (err == CLOVE_ERR_AGAIN)
			break;
		if (err) {
			detach(self, why);
			return;
		}
		if (self->got < self->want)
			continue;
		if (self->want == CLOVE_VFIO_HEADER) {
			uint32_t size = clove_le32(self->in + 4);

			if (size < CLOVE_VFIO_HEADER || size > MESSAGE_MAX) {
				detach(self, "a message of impossible size");
				return;
			}
			self->want = size;
			if (self->got < self->want)
				continue;
		}
		i++;
		why = on_message(self);
		if (why) {
			detach(self, why);
			return;
		}
		begin_message(self);
		if (self->out.len)
			flush(self);
	}
	if (self->out.len)
		flush(self);
}

static void on_client(void *opaque, int fd, int events)
{
	struct clove_vfio_server *self = opaque;

	(void)fd;
	if (events & CLOVE_WRITE)
		flush(self);
	if (events & CLOVE_READ && self->client >= 0)
		on_readable(self);
}

/* -- who may connect -- */

static bool has_left(int client)
{
	char byte;
	ssize_t n = recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

bool clove_vfio_server_take_client(struct clove_vfio_server *self, int client)
{
	if (self->client >= 0 && has_left(self->client))
		detach(self, NULL);
	if (self->client >= 0) {
		clove_log_limited(WARN, "vfio-user", "a second VMM was sent away: a controller serves one at a time");
		close(client);
		return false;
	}
	self->watch = clove_watch_add(self->loop, client, CLOVE_READ, on_client, self);
	if (!self->watch) {
		close(client);
		return false;
	}
	self->client = client;
	self->has_version = self->told_fileless = false;
	self->sharing = UNPROVEN;
	self->probes = 0;
	begin_message(self);
	clove_log(INFO, "vfio-user", "a VMM has come");
	if (self->pci.function->attached)
		self->pci.function->attached(self->pci.opaque, true);
	return true;
}

static void on_connection(void *opaque, int fd, int events)
{
	struct clove_vfio_server *self = opaque;
	int client = clove_accept(fd);

	(void)events;
	if (client >= 0)
		clove_vfio_server_take_client(self, client);
}

struct clove_vfio_server *clove_vfio_server_new(struct clove_loop *loop, int listener,
		const struct clove_vfio_function *function, void *opaque)
{
	struct clove_vfio_server *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	*self = (struct clove_vfio_server){ .loop = loop, .listener = -1, .client = -1, .want = CLOVE_VFIO_HEADER };
	clove_vfio_pci_init(&self->pci, function, opaque, loop);
	clove_arena_init(&self->arena, 4096);
	self->in = malloc(MESSAGE_MAX);
	if (listener >= 0)
		self->listening = clove_watch_add(loop, listener, CLOVE_READ, on_connection, self);
	if (!self->in || (listener >= 0 && !self->listening)) {
		clove_vfio_server_free(self);
		return NULL;
	}
	self->listener = listener;
	return self;
}

void clove_vfio_server_free(struct clove_vfio_server *self)
{
	if (!self)
		return;
	detach(self, NULL);
	clove_watch_remove(self->loop, self->listening);
	if (self->listener >= 0)
		close(self->listener);
	clove_buf_fini(&self->out);
	clove_arena_fini(&self->arena);
	free(self->in);
	free(self);
}
