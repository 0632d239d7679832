/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glib-loop.c - how watches and timers are sources of GLib's main context. */
#include "client-gtk/glib-loop.h"

#include <glib-unix.h>

struct clove_watch {
	guint source;   /* 0 while it sleeps */
	int fd, mask;
	clove_watch_fn fn;
	void *opaque;
};

struct clove_timer {
	guint source;   /* 0 when stopped */
	clove_timer_fn fn;
	void *opaque;
};

/* A watch may be removed inside its own callback: then it is gone when fn returns, and GLib drops
 * the destroyed source whatever is returned. */
static gboolean ready(gint fd, GIOCondition condition, gpointer data)
{
	struct clove_watch *watch = data;
	int events = 0;

	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		events |= CLOVE_READ;
	if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR))
		events |= CLOVE_WRITE;
	watch->fn(watch->opaque, fd, events & watch->mask ? events & watch->mask : events);
	return G_SOURCE_CONTINUE;
}

static void watch_set(struct clove_loop *loop, struct clove_watch *watch, int mask)
{
	int condition = 0;

	(void)loop;
	if (watch->mask == mask)
		return;
	if (watch->source)
		g_source_remove(watch->source);
	watch->source = 0;
	watch->mask = mask;
	if (mask & CLOVE_READ)
		condition |= G_IO_IN;
	if (mask & CLOVE_WRITE)
		condition |= G_IO_OUT;
	if (condition)
		watch->source = g_unix_fd_add(watch->fd, (GIOCondition)condition | G_IO_HUP | G_IO_ERR,
				ready, watch);
}

static struct clove_watch *watch_add(struct clove_loop *loop, int fd, int mask, clove_watch_fn fn,
		void *opaque)
{
	struct clove_watch *watch = g_new0(struct clove_watch, 1);

	watch->fd = fd;
	watch->fn = fn;
	watch->opaque = opaque;
	watch_set(loop, watch, mask);
	return watch;
}

static void watch_remove(struct clove_loop *loop, struct clove_watch *watch)
{
	watch_set(loop, watch, 0);
	g_free(watch);
}

static gboolean due(gpointer data)
{
	struct clove_timer *timer = data;

	timer->source = 0;
	timer->fn(timer->opaque);
	return G_SOURCE_REMOVE;
}

static struct clove_timer *timer_add(struct clove_loop *loop, clove_timer_fn fn, void *opaque)
{
	struct clove_timer *timer = g_new0(struct clove_timer, 1);

	(void)loop;
	timer->fn = fn;
	timer->opaque = opaque;
	return timer;
}

static void timer_stop(struct clove_loop *loop, struct clove_timer *timer)
{
	(void)loop;
	if (timer->source)
		g_source_remove(timer->source);
	timer->source = 0;
}

static void timer_start(struct clove_loop *loop, struct clove_timer *timer, uint32_t ms)
{
	timer_stop(loop, timer);
	timer->source = g_timeout_add(ms, due, timer);
}

static void timer_remove(struct clove_loop *loop, struct clove_timer *timer)
{
	timer_stop(loop, timer);
	g_free(timer);
}

static const struct clove_loop_ops ops = {
	.watch_add = watch_add,
	.watch_set = watch_set,
	.watch_remove = watch_remove,
	.timer_add = timer_add,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.timer_remove = timer_remove,
};

struct clove_loop *clove_glib_loop(void)
{
	static struct clove_loop loop = { &ops };

	return &loop;
}
