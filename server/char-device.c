/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* char-device.c - moving bytes between a guest and a user, and when to stop.
 *
 * Each callback may end in another call of this file: a VMM's device answers inside of what is written to it,
 * and a detach may come from anywhere. So nothing is believed after a callback but `device` itself, which
 * stays until the outermost call is over.
 */
#include "server/char-device.h"

#include <limits.h>
#include <stdlib.h>
#include "common/util/buf.h"

struct clove_char_device {
	struct clove_loop *loop;
	const struct clove_char_ops *ops;
	void *end;
	const struct clove_char_user *user_ops;
	void *user;
	bool has_user;
	bool is_polled, is_drained, is_running;
	bool is_reading, is_writing;
	bool was_full;                    /* the user waits for its `writable` */
	bool is_dead;
	unsigned int calls;               /* callbacks that have not returned */
	unsigned int users;               /* how many there were: one that came anew is not the same */
	struct clove_buf queue;           /* for the guest; what is being written just now is not in it */
	struct clove_timer *retry;
	uint64_t dropped;
	uint8_t read_bytes[CLOVE_CHAR_READ_MOST];
};

static void enter(struct clove_char_device *device)
{
	device->calls++;
}

static void leave(struct clove_char_device *device)
{
	if (--device->calls || !device->is_dead)
		return;
	clove_timer_remove(device->loop, device->retry);
	clove_buf_fini(&device->queue);
	free(device);
}

static bool may_read(const struct clove_char_device *device)
{
	if (device->is_dead || !device->is_running)
		return false;
	return device->has_user ? device->user_ops->has_room(device->user) : device->is_drained;
}

static void forget_user(struct clove_char_device *device)
{
	device->has_user = false;
	device->users++;
	clove_buf_fini(&device->queue);
}

static void lose_user(struct clove_char_device *device)
{
	if (!device->has_user)
		return;
	forget_user(device);
	device->user_ops->gone(device->user);
}

/* -- from the guest -- */

static void pull(struct clove_char_device *device)
{
	if (device->is_reading)
		return; /* the outer call goes on until there is nothing more */
	device->is_reading = true;
	while (may_read(device)) {
		int n = device->ops->read(device->end, device->read_bytes, sizeof device->read_bytes);

		if (n <= 0)
			break;
		if (n > CLOVE_CHAR_READ_MOST)
			n = CLOVE_CHAR_READ_MOST;
		if (device->has_user)
			device->user_ops->data(device->user, CLOVE_BYTES(device->read_bytes, n));
		else
			device->dropped += (uint64_t)n;
	}
	device->is_reading = false;
}

/* -- to the guest -- */

/* How many of the bytes it takes now. They must stay where they are although the user may go meanwhile. */
static size_t write_some(struct clove_char_device *device, struct clove_bytes bytes)
{
	size_t done = 0;

	device->is_writing = true;
	while (done < bytes.len && !device->is_dead && device->is_running) {
		size_t left = bytes.len - done;
		int len = left < INT_MAX ? (int)left : INT_MAX;
		int n = device->ops->write(device->end, bytes.data + done, len);

		if (n <= 0)
			break;
		done += (size_t)(n < len ? n : len);
	}
	device->is_writing = false;
	return done;
}

/* The queue is out of reach while the guest's end looks at it: whoever calls from inside puts into a new one. */
static void push(struct clove_char_device *device)
{
	struct clove_buf flight = device->queue, *later = &device->queue;
	unsigned int users = device->users;

	if (device->is_writing || !flight.len || !device->is_running)
		return;
	device->queue = (struct clove_buf){ 0 };
	clove_buf_consume(&flight, write_some(device, clove_buf_bytes(&flight)));
	if (users != device->users || device->is_dead) {
		clove_buf_fini(&flight);
		return;
	}
	if (later->len && clove_buf_append(&flight, later->data, later->len) != CLOVE_OK) {
		/* A stream with a gap is worse than none: its user is told that it is over. */
		clove_buf_fini(&flight);
		lose_user(device);
		if (!device->is_dead && device->ops->state)
			device->ops->state(device->end, false);
		return;
	}
	clove_buf_fini(later);
	device->queue = flight;
	if (!flight.len && flight.cap > CLOVE_CHAR_QUEUE_MOST)
		clove_buf_fini(&device->queue);
}

/* -- what follows from it -- */

static void settle(struct clove_char_device *device)
{
	if (device->was_full && device->has_user && !clove_char_device_is_full(device) && !device->is_writing) {
		device->was_full = false;
		device->user_ops->writable(device->user);
	}
	if (device->is_dead)
		return;
	if (device->is_polled && device->queue.len && device->is_running)
		clove_timer_start(device->loop, device->retry, CLOVE_CHAR_RETRY_MS);
	if (device->ops->wants)
		device->ops->wants(device->end, may_read(device), device->queue.len && device->is_running);
}

static void move(struct clove_char_device *device)
{
	enter(device);
	if (!device->is_dead)
		push(device);
	if (!device->is_dead)
		pull(device);
	if (!device->is_dead)
		settle(device);
	leave(device);
}

static void on_retry(void *opaque)
{
	move(opaque);
}

void clove_char_device_wakeup(struct clove_char_device *device)
{
	move(device);
}

void clove_char_device_pull(struct clove_char_device *device)
{
	move(device);
}

void clove_char_device_set_running(struct clove_char_device *device, bool is_running)
{
	if (device->is_running == is_running)
		return;
	device->is_running = is_running;
	move(device);
}

/* -- the user -- */

bool clove_char_device_open(struct clove_char_device *device, const struct clove_char_user *ops, void *user)
{
	if (device->has_user || device->is_dead)
		return false;
	device->user_ops = ops;
	device->user = user;
	device->has_user = true;
	device->users++;
	device->was_full = false;
	enter(device);
	if (device->ops->state)
		device->ops->state(device->end, true);
	if (!device->is_dead)
		move(device);
	leave(device);
	return true;
}

void clove_char_device_close(struct clove_char_device *device)
{
	if (!device->has_user)
		return;
	enter(device);
	forget_user(device);
	if (device->ops->state)
		device->ops->state(device->end, false);
	if (!device->is_dead)
		settle(device);
	leave(device);
}

bool clove_char_device_has_user(const struct clove_char_device *device)
{
	return device->has_user;
}

enum clove_err clove_char_device_write(struct clove_char_device *device, struct clove_bytes bytes)
{
	unsigned int users = device->users;
	enum clove_err err = CLOVE_OK;

	enter(device);
	if (!device->queue.len && !device->is_writing && device->is_running) {
		size_t done = write_some(device, bytes);

		bytes = CLOVE_BYTES(bytes.data + done, bytes.len - done);
	}
	if (bytes.len && users == device->users && !device->is_dead) {
		err = clove_buf_append(&device->queue, bytes.data, bytes.len);
		device->was_full |= clove_char_device_is_full(device);
	}
	if (!device->is_dead)
		settle(device);
	leave(device);
	return err;
}

bool clove_char_device_is_full(const struct clove_char_device *device)
{
	return device->queue.len >= CLOVE_CHAR_QUEUE_MOST;
}

uint64_t clove_char_device_dropped(const struct clove_char_device *device)
{
	return device->dropped;
}

/* -- birth and death -- */

struct clove_char_device *clove_char_device_new(struct clove_loop *loop, const struct clove_char_options *options)
{
	struct clove_char_device *device = calloc(1, sizeof *device);

	if (!device)
		return NULL;
	device->loop = loop;
	device->ops = options->ops;
	device->end = options->end;
	device->is_polled = options->is_polled;
	device->is_drained = options->is_drained;
	device->is_running = options->is_running;
	device->retry = clove_timer_add(loop, on_retry, device);
	if (!device->retry) {
		free(device);
		return NULL;
	}
	return device;
}

void clove_char_device_free(struct clove_char_device *device)
{
	if (!device || device->is_dead)
		return;
	enter(device);
	device->is_dead = true;
	lose_user(device);
	leave(device);
}
