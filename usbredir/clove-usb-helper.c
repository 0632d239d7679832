/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-usb-helper.c - opens one USB device for a user whom polkit allowed to have it, and ends.
 *
 * Started as root through pkexec with a bus and an address. The opened descriptor goes out over standard output,
 * which is a unix socket; no access right changes and nothing is left behind. It includes nothing of ours: what
 * runs as root is all here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	USB_MAJOR = 189,            /* Documentation/admin-guide/devices.txt: 189 char, USB devices */
	BUS_DEVICES = 128,          /* minors of a bus */
	DEVICE_DESCRIPTOR = 18,     /* USB 2.0, table 9-8 */
	CLASS_HUB = 9,
};

/* A decimal number of 1 to `most`, and nothing else; 0 if it is not. */
static unsigned int number(const char *text, unsigned int most)
{
	unsigned int n = 0;

	if (!text[0] || strlen(text) > 3)
		return 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		n = n * 10 + (unsigned int)(*text - '0');
	}
	return n <= most ? n : 0;
}

/* The opened node, or -1 with *why. */
static int open_device(unsigned int bus, unsigned int address, const char **why)
{
	uint8_t descriptor[DEVICE_DESCRIPTOR];
	char node[48];
	struct stat status, opened;
	int fd;

	snprintf(node, sizeof node, "/dev/bus/usb/%03u/%03u", bus, address);
	if (lstat(node, &status) < 0) {
		*why = errno == ENOENT || errno == ENODEV ? "it was unplugged" : strerror(errno);
		return -1;
	}
	/* before it is opened: opening something else might do something */
	if (!S_ISCHR(status.st_mode) || major(status.st_rdev) != USB_MAJOR ||
			minor(status.st_rdev) != (bus - 1) * BUS_DEVICES + address - 1) {
		*why = "that is no USB device";
		return -1;
	}
	fd = open(node, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		*why = errno == ENOENT || errno == ENODEV ? "it was unplugged" : strerror(errno);
		return -1;
	}
	*why = NULL;
	if (fstat(fd, &opened) < 0 || opened.st_dev != status.st_dev || opened.st_ino != status.st_ino)
		*why = "it was unplugged";
	else if (pread(fd, descriptor, sizeof descriptor, 0) != (ssize_t)sizeof descriptor ||
			descriptor[0] != DEVICE_DESCRIPTOR || descriptor[1] != 1)
		*why = "it did not answer";
	else if (descriptor[4] == CLASS_HUB)
		*why = "hubs are not given away";
	if (!*why)
		return fd;
	close(fd);
	return -1;
}

static bool send_answer(int fd, const char *text)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof fd)];
	} control = { .room = { 0 } };
	struct iovec bytes = { (char *)(uintptr_t)text, strlen(text) };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control.room;
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	}
	return sendmsg(STDOUT_FILENO, &message, MSG_NOSIGNAL) == (ssize_t)bytes.iov_len;
}

int main(int argc, char **argv)
{
	unsigned int bus = argc == 3 ? number(argv[1], 255) : 0;
	unsigned int address = argc == 3 ? number(argv[2], 127) : 0;
	const char *why = "OK";
	struct stat status;
	int fd;

	if (!bus || !address) {
		fprintf(stderr, "usage: clove-usb-helper BUS ADDRESS\n"
				"clove-viewer runs this through pkexec when a USB device is not open to its user.\n");
		return 2;
	}
	if (fstat(STDOUT_FILENO, &status) < 0 || !S_ISSOCK(status.st_mode)) {
		fprintf(stderr, "clove-usb-helper: standard output has to be a socket\n");
		return 2;
	}
	fd = open_device(bus, address, &why);
	if (!send_answer(fd, fd < 0 ? why : "OK")) {
		fprintf(stderr, "clove-usb-helper: %s\n", strerror(errno));
		return 1;
	}
	return fd < 0;
}
