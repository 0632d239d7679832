/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core-loop.c - how the VMM spells watches and timers. */
#include "server/core-loop.h"

#include <stdlib.h>
#include "common/util/list.h"

struct core_loop {
	struct clove_loop loop;           /* first, so that a loop is a core loop */
	const SpiceCoreInterface *core;
};

struct clove_watch {
	SpiceWatch *watch;
	clove_watch_fn fn;
	void *opaque;
};

struct clove_timer {
	SpiceTimer *timer;
	clove_timer_fn fn;
	void *opaque;
};

static const SpiceCoreInterface *core_of(struct clove_loop *loop)
{
	return CLOVE_CONTAINER(loop, struct core_loop, loop)->core;
}

/* The VMM gives one event a call; the watch may be gone when fn returns. */
static void on_watch(int fd, int event, void *opaque)
{
	struct clove_watch *watch = opaque;

	watch->fn(watch->opaque, fd, event);
}

static struct clove_watch *watch_add(struct clove_loop *loop, int fd, int mask, clove_watch_fn fn,
		void *opaque)
{
	struct clove_watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	watch->fn = fn;
	watch->opaque = opaque;
	watch->watch = core_of(loop)->watch_add(fd, mask, on_watch, watch);
	if (!watch->watch) {
		free(watch);
		return NULL;
	}
	return watch;
}

static void watch_set(struct clove_loop *loop, struct clove_watch *watch, int mask)
{
	core_of(loop)->watch_update_mask(watch->watch, mask);
}

static void watch_remove(struct clove_loop *loop, struct clove_watch *watch)
{
	core_of(loop)->watch_remove(watch->watch);
	free(watch);
}

static void on_timer(void *opaque)
{
	struct clove_timer *timer = opaque;

	timer->fn(timer->opaque);
}

static struct clove_timer *timer_add(struct clove_loop *loop, clove_timer_fn fn, void *opaque)
{
	struct clove_timer *timer = calloc(1, sizeof *timer);

	if (!timer)
		return NULL;
	timer->fn = fn;
	timer->opaque = opaque;
	timer->timer = core_of(loop)->timer_add(on_timer, timer);
	if (!timer->timer) {
		free(timer);
		return NULL;
	}
	return timer;
}

static void timer_start(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms)
{
	core_of(loop)->timer_start(timer->timer, ms);
}

static void timer_stop(struct clove_loop *loop, struct clove_timer *timer)
{
	core_of(loop)->timer_cancel(timer->timer);
}

static void timer_remove(struct clove_loop *loop, struct clove_timer *timer)
{
	core_of(loop)->timer_remove(timer->timer);
	free(timer);
}

struct clove_loop *clove_core_loop_new(const SpiceCoreInterface *core)
{
	static const struct clove_loop_ops ops = {
		watch_add, watch_set, watch_remove, timer_add, timer_start, timer_stop, timer_remove,
	};
	struct core_loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return NULL;
	loop->loop.ops = &ops;
	loop->core = core;
	return &loop->loop;
}

void clove_core_loop_free(struct clove_loop *loop)
{
	if (loop)
		free(CLOVE_CONTAINER(loop, struct core_loop, loop));
}
