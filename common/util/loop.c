/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c - the short forms of a loop's calls, and the clock. */
#include "common/util/loop.h"

#include <time.h>

struct clove_watch *clove_watch_add(struct clove_loop *loop, int fd, int mask,
		clove_watch_fn fn, void *opaque)
{
	return loop->ops->watch_add(loop, fd, mask, fn, opaque);
}

void clove_watch_set(struct clove_loop *loop, struct clove_watch *watch, int mask)
{
	loop->ops->watch_set(loop, watch, mask);
}

void clove_watch_remove(struct clove_loop *loop, struct clove_watch *watch)
{
	if (watch)
		loop->ops->watch_remove(loop, watch);
}

struct clove_timer *clove_timer_add(struct clove_loop *loop, clove_timer_fn fn, void *opaque)
{
	return loop->ops->timer_add(loop, fn, opaque);
}

void clove_timer_start(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms)
{
	loop->ops->timer_start(loop, timer, ms);
}

void clove_timer_stop(struct clove_loop *loop, struct clove_timer *timer)
{
	loop->ops->timer_stop(loop, timer);
}

void clove_timer_remove(struct clove_loop *loop, struct clove_timer *timer)
{
	if (timer)
		loop->ops->timer_remove(loop, timer);
}

uint64_t clove_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clove_now_us(void)
{
	return clove_now_ns() / 1000;
}

uint64_t clove_now_ms(void)
{
	return clove_now_ns() / 1000000;
}
