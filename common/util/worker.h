/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.h - a thread for work that may block: given in order, done in order, given back to the home thread. */
#ifndef CLOVE_UTIL_WORKER_H
#define CLOVE_UTIL_WORKER_H

#include "common/util/loop.h"

struct clove_work_thread;

struct clove_work {
	void (*run)(struct clove_work *work);   /* on the worker's thread */
	void (*done)(struct clove_work *work);  /* on the home thread, from the loop; the giver's again */
	void (*drop)(struct clove_work *work);  /* instead of done, on any thread, once the worker was released */
	struct clove_work *next;                /* the worker's */
};

/* All calls on the loop's thread, which is the home. The thread starts with the first work; its signals are
 * blocked. NULL without memory or descriptors. */
struct clove_work_thread *clove_work_thread_new(struct clove_loop *loop);
void clove_work_thread_give(struct clove_work_thread *worker, struct clove_work *work);
/* Returns at once: what was given is still run, then dropped; `done` is called no more. Takes NULL. */
void clove_work_thread_release(struct clove_work_thread *worker);

#endif
