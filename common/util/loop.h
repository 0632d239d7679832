/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - what any event loop can do for us: watches on descriptors and one-shot timers.
 *
 * Nothing in Clove calls poll itself; it asks a loop, which is QEMU's core interface, GLib's
 * main context, or ours (clove_poll_loop_new). All calls on a loop belong to its home thread.
 */
#ifndef CLOVE_UTIL_LOOP_H
#define CLOVE_UTIL_LOOP_H

#include <stdint.h>

enum {
	CLOVE_READ = 1,
	CLOVE_WRITE = 2,
};

struct clove_watch;  /* each loop has its own */
struct clove_timer;

/* `events` holds CLOVE_READ, CLOVE_WRITE or both. The watch may be removed inside. */
typedef void (*clove_watch_fn)(void *opaque, int fd, int events);
typedef void (*clove_timer_fn)(void *opaque);

struct clove_loop;

struct clove_loop_ops {
	/* Level triggered; at most one watch per descriptor; mask 0 is a sleeping watch. */
	struct clove_watch *(*watch_add)(struct clove_loop *loop, int fd, int mask,
			clove_watch_fn fn, void *opaque);
	void (*watch_set)(struct clove_loop *loop, struct clove_watch *watch, int mask);
	void (*watch_remove)(struct clove_loop *loop, struct clove_watch *watch);
	/* Timers are born stopped and fire once per start. */
	struct clove_timer *(*timer_add)(struct clove_loop *loop, clove_timer_fn fn, void *opaque);
	void (*timer_start)(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms);
	void (*timer_stop)(struct clove_loop *loop, struct clove_timer *timer);
	void (*timer_remove)(struct clove_loop *loop, struct clove_timer *timer);
};

struct clove_loop {
	const struct clove_loop_ops *ops;
};

/* Short forms; remove takes NULL. Add returns NULL without memory or descriptors. */
struct clove_watch *clove_watch_add(struct clove_loop *loop, int fd, int mask,
		clove_watch_fn fn, void *opaque);
void clove_watch_set(struct clove_loop *loop, struct clove_watch *watch, int mask);
void clove_watch_remove(struct clove_loop *loop, struct clove_watch *watch);
struct clove_timer *clove_timer_add(struct clove_loop *loop, clove_timer_fn fn, void *opaque);
void clove_timer_start(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms);
void clove_timer_stop(struct clove_loop *loop, struct clove_timer *timer);
void clove_timer_remove(struct clove_loop *loop, struct clove_timer *timer);

/* Monotonic time. */
uint64_t clove_now_ms(void);
uint64_t clove_now_us(void);
uint64_t clove_now_ns(void);

/* Our own loop, for our own threads. run returns after quit; both on the home thread, so
 * another thread quits it by a mailbox. step waits at most `ms` (-1: for ever) and handles
 * what is ready. Sleeps without a wake-up when nothing is due. */
struct clove_loop *clove_poll_loop_new(void);
void clove_poll_loop_run(struct clove_loop *loop);
void clove_poll_loop_step(struct clove_loop *loop, int ms);
void clove_poll_loop_quit(struct clove_loop *loop);
void clove_poll_loop_free(struct clove_loop *loop);

#endif
