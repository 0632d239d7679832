/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.c - one thread, a queue to it and a queue back, which outlive their owner until they are empty. */
#include "common/util/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	struct clove_work *first, **last;
};

struct clove_work_thread {
	struct clove_loop *loop;        /* the home's */
	struct clove_watch *watch;
	int fd;
	pthread_mutex_t lock;           /* of all below */
	pthread_cond_t work;
	struct queue given, finished;
	bool is_started, is_released;
};

static void put(struct queue *queue, struct clove_work *work)
{
	work->next = NULL;
	*queue->last = work;
	queue->last = &work->next;
}

static struct clove_work *take(struct queue *queue)
{
	struct clove_work *work = queue->first;

	if (work && !(queue->first = work->next))
		queue->last = &queue->first;
	return work;
}

static void destroy(struct clove_work_thread *worker)
{
	struct clove_work *work;

	while ((work = take(&worker->finished)))
		work->drop(work);
	pthread_cond_destroy(&worker->work);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/* Under the lock. The descriptor is the home's: nobody writes to it once the worker was released. */
static void finish(struct clove_work_thread *worker, struct clove_work *work)
{
	uint64_t one = 1;
	bool was_empty = !worker->finished.first;

	put(&worker->finished, work);
	if (was_empty && !worker->is_released) {
		ssize_t n = write(worker->fd, &one, sizeof one);

		(void)n; /* fails only when it is full: then it wakes anyway */
	}
}

static void *run(void *opaque)
{
	struct clove_work_thread *worker = opaque;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct clove_work *work = take(&worker->given);

		if (work) {
			pthread_mutex_unlock(&worker->lock);
			work->run(work);
			pthread_mutex_lock(&worker->lock);
			finish(worker, work);
		} else if (worker->is_released) {
			break;
		} else {
			pthread_cond_wait(&worker->work, &worker->lock);
		}
	}
	pthread_mutex_unlock(&worker->lock);
	destroy(worker);
	return NULL;
}

static void on_finished(void *opaque, int fd, int events)
{
	struct clove_work_thread *worker = opaque;
	struct clove_work *work;
	struct queue mine = { NULL, &mine.first };
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof count);

	(void)n;
	(void)events;
	pthread_mutex_lock(&worker->lock);
	mine.first = worker->finished.first;
	worker->finished = (struct queue){ NULL, &worker->finished.first };
	pthread_mutex_unlock(&worker->lock);
	/* The worker may be released inside: nothing of it is touched here. */
	while ((work = take(&mine)))
		work->done(work);
}

struct clove_work_thread *clove_work_thread_new(struct clove_loop *loop)
{
	struct clove_work_thread *worker = calloc(1, sizeof *worker);

	if (!worker)
		return NULL;
	worker->loop = loop;
	worker->given.last = &worker->given.first;
	worker->finished.last = &worker->finished.first;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->work, NULL);
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->fd >= 0)
		worker->watch = clove_watch_add(loop, worker->fd, CLOVE_READ, on_finished, worker);
	if (!worker->watch) {
		clove_work_thread_release(worker);
		return NULL;
	}
	return worker;
}

static bool start(struct clove_work_thread *worker)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&thread, &attributes, run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return !failed;
}

void clove_work_thread_give(struct clove_work_thread *worker, struct clove_work *work)
{
	if (!worker->is_started)
		worker->is_started = start(worker);
	if (!worker->is_started)
		work->run(work); /* no thread to be had: it blocks, but it is done */
	pthread_mutex_lock(&worker->lock);
	if (worker->is_started) {
		put(&worker->given, work);
		pthread_cond_signal(&worker->work);
	} else {
		finish(worker, work);
	}
	pthread_mutex_unlock(&worker->lock);
}

void clove_work_thread_release(struct clove_work_thread *worker)
{
	bool has_thread;

	if (!worker)
		return;
	clove_watch_remove(worker->loop, worker->watch);
	pthread_mutex_lock(&worker->lock);
	if (worker->fd >= 0)
		close(worker->fd);
	worker->is_released = true;
	has_thread = worker->is_started;
	pthread_cond_signal(&worker->work);
	pthread_mutex_unlock(&worker->lock);
	if (!has_thread)
		destroy(worker);
}
