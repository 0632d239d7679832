/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* permission.c - runs pkexec with the helper and takes the descriptor it sends. */
#include "usbredir/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What pkexec(1) ends with when it did not run the helper. */
enum { DISMISSED = 126, NOT_AUTHORIZED = 127 };

struct clove_permission {
	struct clove_loop *loop;
	clove_permission_fn answer;     /* NULL: said */
	void *opaque;
	pid_t child;                    /* 0: none */
	int child_fd, socket;
	struct clove_watch *watch;      /* for the child's end */
	struct clove_timer *timer;      /* when there is no child: why it could not be asked */
	const char *why;
};

static void say(struct clove_permission *permission, int fd, enum clove_err err, const char *why)
{
	clove_permission_fn answer = permission->answer;

	permission->answer = NULL;
	answer(permission->opaque, fd, err, why); /* it may be freed here */
}

/* The helper's answer: its descriptor, or -1 with its words, if it said any. */
static int take_answer(int from, char *text, size_t size)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec bytes = { text, size - 1 };
	struct msghdr message = {
		.msg_iov = &bytes, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control.room,
	};
	ssize_t got = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	int fd = -1;

	text[got > 0 ? got : 0] = 0;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
			header->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

static void on_end(void *opaque, int child_fd, int events)
{
	struct clove_permission *permission = opaque;
	char text[128];
	int status = 0, fd;

	(void)child_fd;
	(void)events;
	clove_watch_remove(permission->loop, permission->watch);
	permission->watch = NULL;
	waitpid(permission->child, &status, 0); /* it has ended */
	permission->child = 0;
	fd = take_answer(permission->socket, text, sizeof text);
	if (fd >= 0)
		say(permission, fd, CLOVE_OK, "");
	else if (text[0])
		say(permission, -1, CLOVE_ERR_REFUSED, text);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == DISMISSED)
		say(permission, -1, CLOVE_ERR_CLOSED, "you did not allow it");
	else if (access(CLOVE_USB_HELPER, X_OK) < 0)
		say(permission, -1, CLOVE_ERR_UNSUPPORTED,
				"no permission to open the device, and " CLOVE_USB_HELPER
				" is not installed - see help");
	else
		say(permission, -1, CLOVE_ERR_REFUSED, "polkit does not allow you to open the device - see help");
}

static void on_timer(void *opaque)
{
	struct clove_permission *permission = opaque;

	say(permission, -1, CLOVE_ERR_UNSUPPORTED, permission->why);
}

/* 0 or an errno. Standard output is our socket; what pkexec writes about itself is for nobody. */
static int start(struct clove_permission *permission, uint8_t bus, uint8_t address, int theirs)
{
	char bus_text[8], address_text[8];
	char pkexec[] = "pkexec", quiet[] = "--disable-internal-agent", helper[] = CLOVE_USB_HELPER;
	char *argv[] = { pkexec, quiet, helper, bus_text, address_text, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int error;

	snprintf(bus_text, sizeof bus_text, "%u", bus);
	snprintf(address_text, sizeof address_text, "%u", address);
	sigemptyset(&none);
	sigfillset(&usual);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	error = posix_spawnp(&permission->child, pkexec, &actions, &attributes, argv, environ);
	if (error)
		permission->child = 0;
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

struct clove_permission *clove_permission_ask(struct clove_loop *loop, uint8_t bus, uint8_t address,
		clove_permission_fn answer, void *opaque)
{
	struct clove_permission *permission = calloc(1, sizeof *permission);
	int sockets[2] = { -1, -1 }, error = 0;

	if (!permission)
		return NULL;
	permission->loop = loop;
	permission->answer = answer;
	permission->opaque = opaque;
	permission->child_fd = permission->socket = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		goto failed;
	permission->socket = sockets[0];
	error = start(permission, bus, address, sockets[1]);
	close(sockets[1]);
	if (error) {
		permission->why = error == ENOENT ?
				"no permission to open the device, and pkexec is not installed - see help" :
				"no permission to open the device, and pkexec cannot be run - see help";
		permission->timer = clove_timer_add(loop, on_timer, permission);
		if (!permission->timer)
			goto failed;
		clove_timer_start(loop, permission->timer, 0);
		return permission;
	}
	permission->child_fd = (int)syscall(SYS_pidfd_open, permission->child, 0);
	if (permission->child_fd >= 0)
		permission->watch = clove_watch_add(loop, permission->child_fd, CLOVE_READ, on_end, permission);
	if (permission->watch)
		return permission;
failed:
	clove_permission_free(permission);
	return NULL;
}

void clove_permission_free(struct clove_permission *permission)
{
	if (!permission)
		return;
	/* As long as the question stands, pkexec is still the user's to end; once it runs the helper, that ends
	 * by itself at once. */
	if (permission->child) {
		kill(permission->child, SIGKILL);
		waitpid(permission->child, NULL, 0);
	}
	clove_watch_remove(permission->loop, permission->watch);
	clove_timer_remove(permission->loop, permission->timer);
	if (permission->child_fd >= 0)
		close(permission->child_fd);
	if (permission->socket >= 0)
		close(permission->socket);
	free(permission);
}
