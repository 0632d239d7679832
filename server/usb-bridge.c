/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-bridge.c - who may use the bridge's socket, and what each connection is: a channel, or a waker.
 *
 * A channel's connection is a char device whose bytes come from a socket. It lives as long as one conversation:
 * when the viewer leaves it is closed, so that its peer knows, and begins anew.
 */
#include "server/usb-bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/buf.h"
#include "common/util/log.h"
#include "include/spice-server/clove.h"
#include "server/char-device.h"
#include "server/server.h"
#include "server/vmc-channel.h"

enum {
	GREETING = 8,
	TURN_MOST = 1 << 20,              /* bytes of one peer, then the other watches of the loop have theirs */
	WAKES_A_TURN = 16,
	BACKLOG = 64,
	NO_DESCRIPTORS_MS = 500,
};

struct clove_usb_bridge {
	struct SpiceServer *server;
	char *path;                       /* NULL: nothing lies there that is ours */
	dev_t dev;
	ino_t ino;
	int fd;
	struct clove_watch *watch;
	struct clove_timer *rest;         /* no descriptors: accepting is interrupted until then */
	struct clove_timer *sweep;        /* soon: peers that are over go */
	struct clove_list peers;
	unsigned int n_peers;
	uint32_t deadline_ms;
};

struct peer {
	struct clove_list link;
	struct clove_usb_bridge *bridge;
	int fd;
	struct clove_watch *watch;
	struct clove_timer *deadline;     /* of the greeting */
	uint8_t greeting[GREETING];
	size_t n_greeting;
	bool is_waker, is_over;
	/* a channel's */
	struct clove_char_device *device;
	struct clove_vmc_offer offer;
	struct clove_buf held;            /* said before a viewer was there */
	size_t budget;                    /* bytes that may still be read in this turn */
	bool wants_read, wants_write;
};

/* -- one connection -- */

static void watch_for(struct peer *peer, int mask)
{
	clove_watch_set(peer->bridge->server->loop, peer->watch, mask);
}

/* It may be in use further up the stack: it goes in the next turn. */
static void over(struct peer *peer)
{
	if (peer->is_over)
		return;
	peer->is_over = true;
	watch_for(peer, 0);
	clove_timer_start(peer->bridge->server->loop, peer->bridge->sweep, 0);
}

static void free_peer(struct peer *peer)
{
	struct clove_usb_bridge *bridge = peer->bridge;
	struct clove_loop *loop = bridge->server->loop;

	if (peer->device)
		clove_log(INFO, "usb", "bridge: channel %u is over", peer->offer.id);
	clove_vmc_withdraw(bridge->server, &peer->offer);
	clove_char_device_free(peer->device);
	clove_list_remove(&peer->link);
	bridge->n_peers--;
	clove_watch_remove(loop, peer->watch);
	clove_timer_remove(loop, peer->deadline);
	close(peer->fd);
	clove_buf_fini(&peer->held);
	free(peer);
}

/* Bytes, or 0: none now, or no more at all. */
static size_t receive(struct peer *peer, void *bytes, size_t len)
{
	ssize_t n = recv(peer->fd, bytes, len, MSG_DONTWAIT);

	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		over(peer);
	return 0;
}

static size_t transmit(struct peer *peer, const void *bytes, size_t len)
{
	ssize_t n = send(peer->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		over(peer);
	return 0;
}

/* -- a channel -- */

static void on_state(void *end, bool is_open)
{
	struct peer *peer = end;

	clove_log(INFO, "usb", "bridge: a viewer %s channel %u", is_open ? "has" : "leaves", peer->offer.id);
	if (!is_open)
		over(peer);
}

static int on_write(void *end, const uint8_t *bytes, int len)
{
	struct peer *peer = end;

	return peer->is_over ? 0 : (int)transmit(peer, bytes, (size_t)len);
}

static int on_read(void *end, uint8_t *bytes, int len)
{
	struct peer *peer = end;
	size_t n = (size_t)len;

	if (peer->is_over)
		return 0;
	if (peer->held.len) {
		if (n > peer->held.len)
			n = peer->held.len;
		memcpy(bytes, peer->held.data, n);
		clove_buf_consume(&peer->held, n);
		return (int)n;
	}
	if (n > peer->budget)
		n = peer->budget;
	n = n ? receive(peer, bytes, n) : 0;
	peer->budget -= n;
	return (int)n;
}

/* Not before a viewer is there: until then the socket is read, or a peer that goes would not be noticed. */
static void on_wants(void *end, bool read, bool write)
{
	struct peer *peer = end;

	peer->budget = TURN_MOST;
	if (!peer->is_over)
		watch_for(peer, (read ? CLOVE_READ : 0) | (write ? CLOVE_WRITE : 0));
}

/* A usbredir guest has a hello to say, and then waits for one. */
static void hold(struct peer *peer)
{
	uint8_t bytes[4096];
	size_t n = receive(peer, bytes, sizeof bytes);

	if (!n)
		return;
	if (peer->held.len + n > CLOVE_USB_BRIDGE_HELD ||
			clove_buf_append(&peer->held, bytes, n) != CLOVE_OK) {
		clove_log_limited(WARN, "usb", "bridge: over %d bytes on channel %u before a viewer is there;"
				" closed", CLOVE_USB_BRIDGE_HELD, peer->offer.id);
		over(peer);
	}
}

static void become_channel(struct peer *peer)
{
	static const struct clove_char_ops ops = { on_state, on_write, on_read, on_wants };
	struct clove_usb_bridge *bridge = peer->bridge;
	struct clove_char_options options = { .ops = &ops, .end = peer, .is_running = true };

	peer->budget = TURN_MOST;
	peer->device = clove_char_device_new(bridge->server->loop, &options);
	if (!peer->device || !clove_vmc_offer(bridge->server, &peer->offer, CLOVE_CHANNEL_USBREDIR,
			peer->device)) {
		clove_log(ERROR, "usb", "bridge: no memory, or no number left, for a channel");
		over(peer);
		return;
	}
	clove_log(INFO, "usb", "bridge: channel %u is offered", peer->offer.id);
}

/* -- a waker -- */

/* System Wake, pressed and let go: the guest wakes while its PS/2 keyboard is the VMM's active one. */
static bool wake(struct SpiceServer *server)
{
	static const uint8_t key[] = { 0xe0, 0x63, 0xe0, 0xe3 };
	SpiceKbdInstance *keyboard = server->keyboard;

	if (!keyboard || server->vm_state == CLOVE_VM_STOPPED)
		return false;
	for (size_t i = 0; i < sizeof key; i++)
		CLOVE_CONTAINER(keyboard->base.sif, const SpiceKbdInterface, base)->push_scan_freg(keyboard, key[i]);
	return true;
}

static void hear_waker(struct peer *peer)
{
	uint8_t bytes[WAKES_A_TURN];
	size_t n = receive(peer, bytes, sizeof bytes);

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != 1) {
			clove_log_limited(WARN, "usb", "bridge: byte %u of who wakes is not 1; closed", bytes[i]);
			over(peer);
			return;
		}
		bytes[i] = wake(peer->bridge->server);
		clove_log_limited(INFO, "usb", "bridge: a device wakes the guest%s", bytes[i] ? "" : ": refused");
	}
	/* who does not read its answers asks no more */
	if (n && transmit(peer, bytes, n) != n)
		over(peer);
}

/* -- who it is -- */

static void greet(struct peer *peer)
{
	peer->n_greeting += receive(peer, peer->greeting + peer->n_greeting, GREETING - peer->n_greeting);
	if (peer->is_over || peer->n_greeting < GREETING)
		return;
	clove_timer_stop(peer->bridge->server->loop, peer->deadline);
	if (!memcmp(peer->greeting, "CLOVEUSB", GREETING)) {
		become_channel(peer);
	} else if (!memcmp(peer->greeting, "CLOVEWAK", GREETING)) {
		peer->is_waker = true;
	} else {
		clove_log_limited(WARN, "usb", "bridge: a connection that begins neither with CLOVEUSB nor with"
				" CLOVEWAK; closed");
		over(peer);
	}
}

static void on_ready(void *opaque, int fd, int events)
{
	struct peer *peer = opaque;

	(void)fd;
	(void)events;
	if (peer->is_over)
		return;
	if (peer->n_greeting < GREETING)
		greet(peer);
	else if (peer->is_waker)
		hear_waker(peer);
	else if (clove_char_device_has_user(peer->device))
		clove_char_device_wakeup(peer->device);
	else
		hold(peer);
}

static void on_deadline(void *opaque)
{
	clove_log_limited(WARN, "usb", "bridge: a connection that says nothing; closed");
	over(opaque);
}

static void on_sweep(void *opaque)
{
	struct clove_usb_bridge *bridge = opaque;

	CLOVE_LIST_FOR_EACH(link, &bridge->peers) {
		struct peer *peer = CLOVE_CONTAINER(link, struct peer, link);

		if (peer->is_over)
			free_peer(peer);
	}
}

/* NULL, or why it may not come in. */
static const char *judge(const struct clove_usb_bridge *bridge, int fd)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || (who.uid != 0 && who.uid != geteuid()))
		return "it is another user's";
	return bridge->n_peers < CLOVE_USB_BRIDGE_PEERS ? NULL : "there are too many";
}

static bool add_peer(struct clove_usb_bridge *bridge, int fd)
{
	struct clove_loop *loop = bridge->server->loop;
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		return false;
	*peer = (struct peer){ .bridge = bridge, .fd = fd };
	clove_list_init(&peer->offer.link);
	peer->deadline = clove_timer_add(loop, on_deadline, peer);
	if (peer->deadline)
		peer->watch = clove_watch_add(loop, fd, CLOVE_READ, on_ready, peer);
	if (!peer->watch) {
		clove_timer_remove(loop, peer->deadline);
		free(peer);
		return false;
	}
	clove_timer_start(loop, peer->deadline, bridge->deadline_ms);
	clove_list_append(&bridge->peers, &peer->link);
	bridge->n_peers++;
	return true;
}

static void on_connection(void *opaque, int listener, int events)
{
	struct clove_usb_bridge *bridge = opaque;
	int fd = clove_accept(listener);
	const char *why;

	(void)events;
	if (fd < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		clove_log_limited(WARN, "usb", "bridge: cannot accept a connection: %s", strerror(errno));
		clove_watch_set(bridge->server->loop, bridge->watch, 0);
		clove_timer_start(bridge->server->loop, bridge->rest, NO_DESCRIPTORS_MS);
		return;
	}
	why = judge(bridge, fd);
	if (!why && !add_peer(bridge, fd))
		why = "out of memory";
	if (!why)
		return;
	clove_log_limited(WARN, "usb", "bridge: a connection is refused: %s", why);
	close(fd);
}

static void on_rested(void *opaque)
{
	struct clove_usb_bridge *bridge = opaque;

	clove_watch_set(bridge->server->loop, bridge->watch, CLOVE_READ);
}

/* -- the socket -- */

/* True if the path is free, or held only what a process left behind that is gone. */
static bool clear_path(const struct sockaddr_un *address)
{
	const char *path = address->sun_path;
	struct stat there;
	int fd, err;

	if (lstat(path, &there) < 0)
		return true; /* bind says what else is wrong with it */
	if (!S_ISSOCK(there.st_mode)) {
		clove_log(ERROR, "usb", "bridge: %s is there and is no socket; choose another path", path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
	if (fd >= 0)
		close(fd);
	if (err == ECONNREFUSED && unlink(path) == 0)
		return true;
	clove_log(ERROR, "usb", "bridge: another process listens at %s; end it, or choose another path", path);
	return false;
}

/* The mode is the socket's own before it has a name: there is no moment at which others may connect. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!path[0] || strlen(path) >= sizeof address.sun_path) {
		clove_log(ERROR, "usb", "bridge: the path of a socket has 1 to %zu bytes: %s",
				sizeof address.sun_path - 1, path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (!clear_path(&address))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && fchmod(fd, 0600) == 0 &&
			bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	clove_log(ERROR, "usb", "bridge: cannot listen at %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct clove_usb_bridge *clove_usb_bridge_new(struct SpiceServer *server, const char *path)
{
	struct clove_usb_bridge *bridge;
	int fd = listen_at(path);
	struct stat ours;

	if (fd < 0)
		return NULL;
	bridge = calloc(1, sizeof *bridge);
	if (bridge) {
		bridge->server = server;
		bridge->fd = fd;
		bridge->deadline_ms = CLOVE_USB_BRIDGE_GREETING_MS;
		clove_list_init(&bridge->peers);
		bridge->rest = clove_timer_add(server->loop, on_rested, bridge);
		bridge->sweep = clove_timer_add(server->loop, on_sweep, bridge);
		bridge->watch = clove_watch_add(server->loop, fd, CLOVE_READ, on_connection, bridge);
		bridge->path = strdup(path);
	}
	if (!bridge || !bridge->rest || !bridge->sweep || !bridge->watch || !bridge->path) {
		clove_log(ERROR, "usb", "bridge: out of memory");
		if (!bridge)
			close(fd);
		clove_usb_bridge_free(bridge);
		return NULL;
	}
	if (lstat(path, &ours) == 0) {
		bridge->dev = ours.st_dev;
		bridge->ino = ours.st_ino;
	}
	clove_log(INFO, "usb", "bridge: at %s", path);
	return bridge;
}

/* What lies at the path may be another's by now. */
static void unlink_ours(const struct clove_usb_bridge *bridge)
{
	struct stat there;

	if (bridge->path && lstat(bridge->path, &there) == 0 && there.st_dev == bridge->dev &&
			there.st_ino == bridge->ino)
		unlink(bridge->path);
}

void clove_usb_bridge_free(struct clove_usb_bridge *bridge)
{
	if (!bridge)
		return;
	while (!clove_list_is_empty(&bridge->peers))
		free_peer(CLOVE_CONTAINER(bridge->peers.next, struct peer, link));
	clove_watch_remove(bridge->server->loop, bridge->watch);
	clove_timer_remove(bridge->server->loop, bridge->rest);
	clove_timer_remove(bridge->server->loop, bridge->sweep);
	unlink_ours(bridge);
	close(bridge->fd);
	free(bridge->path);
	free(bridge);
}

void clove_usb_bridge_set_deadline(struct clove_usb_bridge *bridge, uint32_t ms)
{
	bridge->deadline_ms = ms;
}

CLOVE_EXPORT int clove_server_set_usb_bridge(SpiceServer *server, const char *path)
{
	if (!server->mail) {
		clove_log(ERROR, "usb", "bridge: clove_server_set_usb_bridge before spice_server_init");
		return -1;
	}
	clove_usb_bridge_free(server->usb_bridge);
	server->usb_bridge = NULL;
	if (!path)
		return 0;
	server->usb_bridge = clove_usb_bridge_new(server, path);
	return server->usb_bridge ? 0 : -1;
}
