/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.h - a file or block device as the bytes of a medium, which may shrink or fail under us. */
#ifndef CLOVE_USB_IMAGE_H
#define CLOVE_USB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct clove_image {
	int fd;
	uint64_t size;               /* bytes when it was opened */
	bool is_writable;
	bool has_no_nowait;          /* its file system cannot say whether it would wait */
};

/* NULL; or a sentence (free it) that says why the file cannot be used and what to do. `take_fd` > 0: it was opened
 * by someone who may, and `path` is only its name. */
char *clove_image_open(struct clove_image *image, const char *path, int take_fd, bool is_writable);
void clove_image_close(struct clove_image *image); /* flushes; harmless on fd -1 */

/* How many of `len` bytes could be moved; less at the end of a file that became shorter, or on an error. */
size_t clove_image_read(const struct clove_image *image, uint64_t offset, void *data, size_t len);
size_t clove_image_write(const struct clove_image *image, uint64_t offset, const void *data, size_t len);
/* Only what is in memory already, without waiting; 0 if nothing is. */
size_t clove_image_read_now(struct clove_image *image, uint64_t offset, void *data, size_t len);
bool clove_image_flush(const struct clove_image *image);
/* ISO 9660 (a volume descriptor at sector 16). */
bool clove_image_is_iso(const struct clove_image *image);

#endif
