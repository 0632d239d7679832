/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-ehci-ctl.c - asks a running clove-ehci-vfio: plug, unplug, list; it opens image files itself and hands them over. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "vmm-glue/daemon/devices.h"

static const char help[] =
	"Usage: clove-ehci-ctl SOCKET COMMAND\n"
	"\n"
	"  list                         what is plugged in, and where\n"
	"  plug DEVICE                  storage,file=FILE[,writable=on][,cd=on], keyboard, tablet, serial, audio\n"
	"  unplug PORT\n"
	"  key PORT USAGE [down|up]     press a key of a keyboard (HID usage page 7)\n"
	"  tablet PORT X Y [BUTTONS [WHEEL]]\n"
	"  audio PORT                   what an audio device has played and heard\n"
	"\n"
	"SOCKET is the one that clove-ehci-vfio was given as --control.\n";

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "clove-ehci-ctl: %s: %s\n", what, why);
	return 1;
}

/* The daemon's sandbox opens nothing for writing, and may not see our folders. -1: nothing to open; -2: said why. */
static int open_image(const char *text)
{
	struct clove_device_spec spec;
	char *error = NULL;
	int fd = -1;

	if (!clove_device_spec_parse(text, &spec, &error)) {
		fprintf(stderr, "clove-ehci-ctl: %s\n", error ? error : "no memory");
		free(error);
		return -2;
	}
	if (spec.kind == CLOVE_DEVICE_STORAGE) {
		fd = open(spec.file, (spec.is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		if (fd < 0) {
			fail(spec.file, strerror(errno));
			fd = -2;
		}
	}
	clove_device_spec_fini(&spec);
	return fd;
}

static int ask(int socket, char *line, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { line, strlen(line) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	char answer[4096];
	ssize_t n;
	int status = -1;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	if (sendmsg(socket, &message, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return fail("asking", strerror(errno));
	while ((n = recv(socket, answer, sizeof answer, 0)) > 0) {
		if (status < 0)
			status = n >= 6 && !memcmp(answer, "error:", 6);
		fwrite(answer, 1, (size_t)n, status ? stderr : stdout);
	}
	return status < 0 ? fail("asking", "there was no answer: may this user ask that daemon?") : status;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char line[4096] = "";
	int fd = -1, s;

	if (argc == 2 && !strcmp(argv[1], "--version"))
		return puts("clove-ehci-ctl " VERSION) < 0;
	if (argc < 3) {
		bool is_asked = argc == 2 && !strcmp(argv[1], "--help");

		fputs(help, is_asked ? stdout : stderr);
		return !is_asked;
	}
	for (int i = 2; i < argc; i++) {
		size_t len = strlen(line), more = strlen(argv[i]);

		if (len + more + 3 > sizeof line || strchr(argv[i], '\n'))
			return fail(argv[2], "that is too long, or has more than one line");
		if (len)
			line[len++] = ' ';
		memcpy(line + len, argv[i], more + 1);
	}
	if (!strcmp(argv[2], "plug") && argc == 4) {
		fd = open_image(argv[3]);
		if (fd == -2)
			return 1;
	}
	strcat(line, "\n");
	if (strlen(argv[1]) >= sizeof address.sun_path)
		return fail(argv[1], "this name is too long for a socket");
	strcpy(address.sun_path, argv[1]);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof address) < 0)
		return fail(argv[1], errno == ENOENT || errno == ECONNREFUSED ?
				"no clove-ehci-vfio listens there (its --control)" : strerror(errno));
	return ask(s, line, fd);
}
