/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.c - which files can be a medium, and whole reads and writes of them. */
#include "usb/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ISO_MARK_AT = 16 * 2048 + 1 };

__attribute__((format(printf, 1, 2)))
static char *sentence(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	return len < 0 ? strdup("out of memory") : text;
}

static char *measure(struct clove_image *image, const char *path)
{
	struct stat about;

	if (fstat(image->fd, &about))
		return sentence("cannot look at %s: %s", path, strerror(errno));
	if (S_ISREG(about.st_mode))
		image->size = (uint64_t)about.st_size;
	else if (!S_ISBLK(about.st_mode))
		return sentence("%s is %s: give a disk image, an ISO image or a block device", path,
				S_ISDIR(about.st_mode) ? "a folder" : "not a file");
	else if (ioctl(image->fd, BLKGETSIZE64, &image->size))
		return sentence("%s has no medium: %s", path, strerror(errno));
	if (image->size < 512)
		return sentence("%s is %s: make it as large as the stick is to be (truncate -s 64M ...)", path,
				image->size ? "shorter than a block of 512 bytes" : "empty");
	return NULL;
}

char *clove_image_open(struct clove_image *image, const char *path, int take_fd, bool is_writable)
{
	char *error;

	*image = (struct clove_image){ .is_writable = is_writable };
	/* NONBLOCK: a named pipe must not hold us; files do not care. */
	image->fd = take_fd > 0 ? take_fd : open(path, (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (image->fd < 0)
		return is_writable && (errno == EACCES || errno == EROFS || errno == EPERM) ?
				sentence("cannot write to %s: %s; share it read-only, or make it writable", path,
						strerror(errno)) :
				sentence("cannot open %s: %s", path, strerror(errno));
	error = is_writable && (fcntl(image->fd, F_GETFL) & O_ACCMODE) != O_RDWR ?
			sentence("%s was not opened for writing", path) : measure(image, path);
	if (error) {
		close(image->fd);
		image->fd = -1;
	}
	return error;
}

void clove_image_close(struct clove_image *image)
{
	if (image->fd < 0)
		return;
	clove_image_flush(image);
	close(image->fd);
	image->fd = -1;
}

size_t clove_image_read(const struct clove_image *image, uint64_t offset, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(image->fd, (uint8_t *)data + done, len - done, (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (!n || errno != EINTR)
			break;
	}
	return done;
}

size_t clove_image_write(const struct clove_image *image, uint64_t offset, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(image->fd, (const uint8_t *)data + done, len - done, (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (!n || errno != EINTR)
			break;
	}
	return done;
}

size_t clove_image_read_now(struct clove_image *image, uint64_t offset, void *data, size_t len)
{
	struct iovec iov = { data, len };
	ssize_t n;

	if (image->has_no_nowait)
		return 0;
	n = preadv2(image->fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS))
		image->has_no_nowait = true;
	return n > 0 ? (size_t)n : 0;
}

bool clove_image_flush(const struct clove_image *image)
{
	return !image->is_writable || !fdatasync(image->fd);
}

bool clove_image_is_iso(const struct clove_image *image)
{
	char mark[5];

	return clove_image_read(image, ISO_MARK_AT, mark, sizeof mark) == sizeof mark && !memcmp(mark, "CD001", 5);
}
