/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job-pool.h - a few threads that run pure jobs: encoders in the server, decoders in the viewer. */
#ifndef CLOVE_UTIL_JOB_POOL_H
#define CLOVE_UTIL_JOB_POOL_H

struct clove_job_pool;

/* Threads are started with the first job; all their signals are blocked. 0 threads: as many as
 * there are processors, at most 8. NULL without memory. */
struct clove_job_pool *clove_job_pool_new(unsigned int threads);

/* How many jobs run at the same time. */
unsigned int clove_job_pool_width(const struct clove_job_pool *pool);

/* Waits for the jobs that were given. */
void clove_job_pool_free(struct clove_job_pool *pool);

struct clove_job {
	void (*run)(struct clove_job *job);
	struct clove_job *next; /* the pool's */
};

/* Runs the n jobs, on the pool and on the calling thread, and returns when all are done.
 * The jobs may share nothing that they write. */
void clove_job_pool_run(struct clove_job_pool *pool, struct clove_job **jobs, unsigned int n);

#endif
