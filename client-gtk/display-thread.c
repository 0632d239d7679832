/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-thread.c - how that thread begins and ends. */
#include "client-gtk/display-thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct clove_display_thread_private {
	pthread_t id;
	bool is_running;
};

static void *run(void *opaque)
{
	struct clove_display_thread *thread = opaque;

	clove_poll_loop_run(thread->loop);
	return NULL;
}

static bool start(struct clove_display_thread *thread)
{
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&thread->private->id, NULL, run, thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread->private->is_running = !failed;
}

struct clove_display_thread *clove_display_thread_new(void)
{
	struct clove_display_thread *thread = calloc(1, sizeof *thread);

	if (!thread)
		return NULL;
	thread->private = calloc(1, sizeof *thread->private);
	thread->loop = clove_poll_loop_new();
	thread->pictures = clove_pictures_new();
	if (thread->loop)
		thread->mailbox = clove_mailbox_new(thread->loop, thread);
	if (!thread->private || !thread->mailbox || !thread->pictures || !start(thread)) {
		clove_display_thread_free(thread);
		return NULL;
	}
	return thread;
}

static void quit(void *home, void *carried)
{
	struct clove_display_thread *thread = home;

	(void)carried;
	clove_poll_loop_quit(thread->loop);
}

void clove_display_thread_free(struct clove_display_thread *thread)
{
	if (!thread)
		return;
	if (thread->private && thread->private->is_running) {
		if (!clove_mailbox_post(thread->mailbox, quit, NULL))
			return;         /* it lives on, and all that it needs */
		pthread_join(thread->private->id, NULL);
	}
	clove_mailbox_free(thread->mailbox);
	clove_pictures_free(thread->pictures);
	clove_poll_loop_free(thread->loop);
	free(thread->private);
	free(thread);
}

static void set_mm_time(void *home, void *carried)
{
	struct clove_display_thread *thread = home;
	struct clove_mm_time *time = carried;

	clove_mm_time_set(&thread->pictures->time, time->mm, time->at_ms);
	free(time);
}

void clove_display_thread_set_mm_time(struct clove_display_thread *thread, uint32_t mm_time)
{
	struct clove_mm_time *time = malloc(sizeof *time);

	if (!time)
		return;
	*time = (struct clove_mm_time){ .mm = mm_time, .at_ms = clove_now_ms() };
	if (!clove_mailbox_post(thread->mailbox, set_mm_time, time))
		free(time);
}
