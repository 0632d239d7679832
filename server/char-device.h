/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* char-device.h - a byte stream between a guest and whoever uses it, bounded in both directions.
 *
 * The guest's end is the VMM's char device, or a process at the USB bridge; the user is a client's channel.
 * From the guest nothing is read that the user has no room for; to the guest what is not taken at once is kept,
 * and a full queue tells the user to read no more from its client. All on the main thread; either side may let
 * go at any moment, also from inside a call.
 */
#ifndef CLOVE_SERVER_CHAR_DEVICE_H
#define CLOVE_SERVER_CHAR_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util/bytes.h"
#include "common/util/err.h"
#include "common/util/loop.h"

enum {
	CLOVE_CHAR_READ_MOST = 65536 + 32,    /* of one read; what other servers send at once too */
	CLOVE_CHAR_QUEUE_MOST = 1 << 20,      /* bytes for the guest from which on the device is full */
	CLOVE_CHAR_RETRY_MS = 100,
};

/* What the guest's end can do. It may call clove_char_device_wakeup() from inside each of these. */
struct clove_char_ops {
	/* A user came or went. May be NULL. */
	void (*state)(void *end, bool is_open);
	/* Bytes taken, 0 to len. It is never called from inside itself. */
	int (*write)(void *end, const uint8_t *bytes, int len);
	/* Bytes given; 0: there are none now. */
	int (*read)(void *end, uint8_t *bytes, int len);
	/* Called when something has moved: what would move on if it could. May be NULL. */
	void (*wants)(void *end, bool read, bool write);
};

struct clove_char_user {
	/* False: it can take nothing now, and calls clove_char_device_pull() when it can. */
	bool (*has_room)(void *user);
	/* At most CLOVE_CHAR_READ_MOST bytes, borrowed. */
	void (*data)(void *user, struct clove_bytes data);
	/* The device was full, and is not any more. */
	void (*writable)(void *user);
	/* The device is going: it is not the user's any more. */
	void (*gone)(void *user);
};

struct clove_char_device;

struct clove_char_options {
	const struct clove_char_ops *ops;
	void *end;
	bool is_polled;           /* does not say when it could take more */
	bool is_drained;          /* without a user what it gives is read all the same, and dropped */
	bool is_running;
};

/* NULL without memory. */
struct clove_char_device *clove_char_device_new(struct clove_loop *loop, const struct clove_char_options *options);
/* Tells the user. The guest's end is not called any more. NULL is fine. */
void clove_char_device_free(struct clove_char_device *device);

/* The VM runs or stops: while it is stopped nothing is read and nothing written. */
void clove_char_device_set_running(struct clove_char_device *device, bool is_running);

/* The guest's end can take or give more. Whatever can move has moved on return. */
void clove_char_device_wakeup(struct clove_char_device *device);

/* Makes `user` its only user; false if it has one. What the guest says may come from inside. */
bool clove_char_device_open(struct clove_char_device *device, const struct clove_char_user *ops, void *user);
/* The user goes; what the guest has not taken is forgotten. */
void clove_char_device_close(struct clove_char_device *device);
bool clove_char_device_has_user(const struct clove_char_device *device);

/* From the user. All of it is the guest's, or kept for it. */
CLOVE_CHECKED enum clove_err clove_char_device_write(struct clove_char_device *device, struct clove_bytes bytes);
/* More than CLOVE_CHAR_QUEUE_MOST waits: the user is to write no more until its `writable`. */
bool clove_char_device_is_full(const struct clove_char_device *device);
/* The user has room again. */
void clove_char_device_pull(struct clove_char_device *device);

/* Bytes that were read and dropped. */
uint64_t clove_char_device_dropped(const struct clove_char_device *device);

#endif
