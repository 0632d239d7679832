/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-poll.c - our own loop, on epoll: for our threads and for tests. */
#include "common/util/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "common/util/list.h"

enum { EVENTS_A_TURN = 64 };

struct clove_watch {
	struct clove_list link;
	int fd, mask;
	clove_watch_fn fn;      /* NULL: removed, freed at the end of the turn */
	void *opaque;
	bool is_polled;         /* known to epoll */
};

struct clove_timer {
	struct clove_list link;
	clove_timer_fn fn;
	void *opaque;
	uint64_t due;           /* ms; 0: stopped */
};

struct poll_loop {
	struct clove_loop loop;
	int epoll;
	bool is_quitting;
	struct clove_list watches, dead_watches, timers;
};

static struct poll_loop *poll_loop(struct clove_loop *loop)
{
	return CLOVE_CONTAINER(loop, struct poll_loop, loop);
}

/* A sleeping watch leaves epoll altogether: EPOLLHUP is reported whatever the mask says. */
static bool poll_watch(struct poll_loop *self, struct clove_watch *watch, int mask)
{
	struct epoll_event event = {
		.events = (mask & CLOVE_READ ? EPOLLIN : 0) | (mask & CLOVE_WRITE ? EPOLLOUT : 0),
		.data.ptr = watch,
	};
	int op = !mask ? EPOLL_CTL_DEL : watch->is_polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	watch->mask = mask;
	if (!mask && !watch->is_polled)
		return true;
	if (epoll_ctl(self->epoll, op, watch->fd, &event) < 0)
		return false;
	watch->is_polled = mask != 0;
	return true;
}

static struct clove_watch *watch_add(struct clove_loop *loop, int fd, int mask,
		clove_watch_fn fn, void *opaque)
{
	struct poll_loop *self = poll_loop(loop);
	struct clove_watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	*watch = (struct clove_watch){ .fd = fd, .fn = fn, .opaque = opaque };
	if (!poll_watch(self, watch, mask)) {
		free(watch);
		return NULL;
	}
	clove_list_append(&self->watches, &watch->link);
	return watch;
}

static void watch_set(struct clove_loop *loop, struct clove_watch *watch, int mask)
{
	if (watch->mask != mask)
		poll_watch(poll_loop(loop), watch, mask);
}

static void watch_remove(struct clove_loop *loop, struct clove_watch *watch)
{
	struct poll_loop *self = poll_loop(loop);

	poll_watch(self, watch, 0);
	watch->fn = NULL;
	clove_list_remove(&watch->link);
	clove_list_append(&self->dead_watches, &watch->link);
}

static struct clove_timer *timer_add(struct clove_loop *loop, clove_timer_fn fn, void *opaque)
{
	struct clove_timer *timer = calloc(1, sizeof *timer);

	if (!timer)
		return NULL;
	*timer = (struct clove_timer){ .fn = fn, .opaque = opaque };
	clove_list_append(&poll_loop(loop)->timers, &timer->link);
	return timer;
}

static void timer_start(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms)
{
	(void)loop;
	timer->due = clove_now_ms() + ms;
}

static void timer_stop(struct clove_loop *loop, struct clove_timer *timer)
{
	(void)loop;
	timer->due = 0;
}

static void timer_remove(struct clove_loop *loop, struct clove_timer *timer)
{
	(void)loop;
	clove_list_remove(&timer->link);
	free(timer);
}

static const struct clove_loop_ops poll_loop_ops = {
	watch_add, watch_set, watch_remove, timer_add, timer_start, timer_stop, timer_remove,
};

struct clove_loop *clove_poll_loop_new(void)
{
	struct poll_loop *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->loop.ops = &poll_loop_ops;
	clove_list_init(&self->watches);
	clove_list_init(&self->dead_watches);
	clove_list_init(&self->timers);
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self->epoll < 0) {
		free(self);
		return NULL;
	}
	return &self->loop;
}

static void bury(struct clove_list *watches)
{
	CLOVE_LIST_FOR_EACH(item, watches) {
		clove_list_remove(item);
		free(CLOVE_CONTAINER(item, struct clove_watch, link));
	}
}

void clove_poll_loop_free(struct clove_loop *loop)
{
	if (!loop)
		return;
	struct poll_loop *self = poll_loop(loop);

	bury(&self->watches);
	bury(&self->dead_watches);
	CLOVE_LIST_FOR_EACH(item, &self->timers)
		timer_remove(loop, CLOVE_CONTAINER(item, struct clove_timer, link));
	close(self->epoll);
	free(self);
}

/* Milliseconds until the first timer, at most `most` (-1: no bound). */
static int until_due(struct poll_loop *self, int most)
{
	uint64_t now = 0;

	CLOVE_LIST_FOR_EACH(item, &self->timers) {
		struct clove_timer *timer = CLOVE_CONTAINER(item, struct clove_timer, link);

		if (!timer->due)
			continue;
		if (!now)
			now = clove_now_ms();
		uint64_t left = timer->due > now ? timer->due - now : 0;
		if (most < 0 || left < (uint64_t)most)
			most = left > 1000000 ? 1000000 : (int)left;
	}
	return most;
}

/* A handler may add, start or remove any timer: after each one the search begins anew. Timers
 * started inside are due later than `now`, so the search ends. */
static void run_timers(struct poll_loop *self)
{
	uint64_t now = clove_now_ms();
	struct clove_timer *due;

	do {
		due = NULL;
		CLOVE_LIST_FOR_EACH(item, &self->timers) {
			struct clove_timer *timer = CLOVE_CONTAINER(item, struct clove_timer, link);

			if (timer->due && timer->due <= now && (!due || timer->due < due->due))
				due = timer;
		}
		if (due) {
			due->due = 0;
			due->fn(due->opaque);
			now = now ? now - 1 : 0; /* a timer of 0 ms restarted inside waits a turn */
		}
	} while (due);
}

void clove_poll_loop_step(struct clove_loop *loop, int ms)
{
	struct poll_loop *self = poll_loop(loop);
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(self->epoll, events, EVENTS_A_TURN, until_due(self, ms));

	for (int i = 0; i < n; i++) {
		struct clove_watch *watch = events[i].data.ptr;
		uint32_t got = events[i].events;
		int ready = (got & EPOLLIN ? CLOVE_READ : 0) | (got & EPOLLOUT ? CLOVE_WRITE : 0);

		/* An error or hang-up is told as whatever the watch waits for: the read or
		 * write that follows gets the reason. */
		if (got & (EPOLLERR | EPOLLHUP))
			ready = watch->mask;
		ready &= watch->mask;
		if (watch->fn && ready)
			watch->fn(watch->opaque, watch->fd, ready);
	}
	run_timers(self);
	bury(&self->dead_watches);
}

void clove_poll_loop_run(struct clove_loop *loop)
{
	struct poll_loop *self = poll_loop(loop);

	self->is_quitting = false;
	while (!self->is_quitting)
		clove_poll_loop_step(loop, -1);
}

void clove_poll_loop_quit(struct clove_loop *loop)
{
	poll_loop(loop)->is_quitting = true;
}
