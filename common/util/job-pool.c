/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job-pool.c - one queue of pure jobs and the threads that empty it. */
#include "common/util/job-pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 8 };

struct clove_job_pool {
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	struct clove_job *first, **last;
	unsigned int wanted, started;
	unsigned int unfinished;        /* queued and running jobs */
	bool is_ending;
	pthread_t threads[MOST_THREADS];
};

/* Under the lock. */
static struct clove_job *take(struct clove_job_pool *pool)
{
	struct clove_job *job = pool->first;

	if (job) {
		pool->first = job->next;
		if (!pool->first)
			pool->last = &pool->first;
	}
	return job;
}

/* Under the lock, which is open while the job runs. */
static void run(struct clove_job_pool *pool, struct clove_job *job)
{
	pthread_mutex_unlock(&pool->lock);
	job->run(job);
	pthread_mutex_lock(&pool->lock);
	if (!--pool->unfinished)
		pthread_cond_broadcast(&pool->idle);
}

static void *work(void *opaque)
{
	struct clove_job_pool *pool = opaque;

	pthread_mutex_lock(&pool->lock);
	while (!pool->is_ending) {
		struct clove_job *job = take(pool);

		if (job)
			run(pool, job);
		else
			pthread_cond_wait(&pool->work, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct clove_job_pool *clove_job_pool_new(unsigned int threads)
{
	struct clove_job_pool *pool = calloc(1, sizeof *pool);

	if (!pool)
		return NULL;
	if (!threads) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		threads = n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (unsigned int)n;
	}
	pool->wanted = threads > MOST_THREADS ? MOST_THREADS : threads;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->idle, NULL);
	return pool;
}

unsigned int clove_job_pool_width(const struct clove_job_pool *pool)
{
	return pool->wanted;
}

/* The caller of clove_job_pool_run works too, so one thread fewer is started. Fewer than wanted
 * is slower, not wrong. */
static void start_threads(struct clove_job_pool *pool)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (pool->started + 1 < pool->wanted) {
		if (pthread_create(&pool->threads[pool->started], NULL, work, pool))
			break;
		pool->started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void clove_job_pool_free(struct clove_job_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	while (pool->unfinished)
		pthread_cond_wait(&pool->idle, &pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->started; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void clove_job_pool_run(struct clove_job_pool *pool, struct clove_job **jobs, unsigned int n)
{
	struct clove_job *job;

	if (n == 1) {           /* nothing to share */
		jobs[0]->run(jobs[0]);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	if (!pool->started)
		start_threads(pool);
	for (unsigned int i = 0; i < n; i++) {
		jobs[i]->next = NULL;
		*pool->last = jobs[i];
		pool->last = &jobs[i]->next;
	}
	pool->unfinished += n;
	pthread_cond_broadcast(&pool->work);
	while ((job = take(pool)))
		run(pool, job);
	while (pool->unfinished)
		pthread_cond_wait(&pool->idle, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}
