/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mailbox.c - a locked queue of letters and an eventfd that wakes their reader. */
#include "common/util/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct clove_mailbox {
	struct clove_loop *loop;
	void *home;
	int fd;
	struct clove_watch *watch;
	pthread_mutex_t lock;
	struct clove_letter *first, **last;
	uint64_t posted;        /* letters so far: the last one's number */
};

/* Runs the first letter; *number is its. False: there was none. */
static bool run_one(struct clove_mailbox *mailbox, uint64_t *number)
{
	pthread_mutex_lock(&mailbox->lock);
	struct clove_letter *letter = mailbox->first, copy;
	if (letter) {
		mailbox->first = letter->next;
		if (!mailbox->first)
			mailbox->last = &mailbox->first;
		copy = *letter;
		letter->is_posted = false; /* what it is about may happen again from here on */
	}
	pthread_mutex_unlock(&mailbox->lock);
	if (!letter)
		return false;
	if (!copy.is_kept)
		free(letter);
	*number = copy.number;
	copy.fn(mailbox->home, copy.carried);
	return true;
}

/* One at a time, so that a letter that runs the mailbox itself keeps the order. */
void clove_mailbox_run(struct clove_mailbox *mailbox)
{
	uint64_t number;

	while (run_one(mailbox, &number))
		;
}

static void wake(struct clove_mailbox *mailbox)
{
	uint64_t one = 1;
	ssize_t put = write(mailbox->fd, &one, sizeof one);

	(void)put; /* fails only when the counter is full: then it wakes anyway */
}

/* What is posted meanwhile has its turn after the loop's other watches: a sender that never pauses does
 * not keep them from theirs. */
static void run_those_here(struct clove_mailbox *mailbox)
{
	uint64_t last, number = 0;

	pthread_mutex_lock(&mailbox->lock);
	last = mailbox->posted;
	pthread_mutex_unlock(&mailbox->lock);
	while (number < last)
		if (!run_one(mailbox, &number))
			return;
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->first)
		wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
}

static void on_wake(void *opaque, int fd, int events)
{
	uint64_t count;
	ssize_t got = read(fd, &count, sizeof count);

	(void)got; /* nothing there: the letters were run already */
	(void)events;
	run_those_here(opaque);
}

struct clove_mailbox *clove_mailbox_new(struct clove_loop *loop, void *home)
{
	struct clove_mailbox *mailbox = calloc(1, sizeof *mailbox);

	if (!mailbox)
		return NULL;
	mailbox->loop = loop;
	mailbox->home = home;
	mailbox->last = &mailbox->first;
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd >= 0)
		mailbox->watch = clove_watch_add(loop, mailbox->fd, CLOVE_READ, on_wake, mailbox);
	if (!mailbox->watch) {
		clove_mailbox_free(mailbox);
		return NULL;
	}
	return mailbox;
}

void clove_mailbox_free(struct clove_mailbox *mailbox)
{
	if (!mailbox)
		return;
	clove_mailbox_run(mailbox);
	clove_watch_remove(mailbox->loop, mailbox->watch);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

/* Under the lock. The wake is written there too: once it is released the home may run this very letter and
 * free the mailbox. */
static void append(struct clove_mailbox *mailbox, struct clove_letter *letter)
{
	bool was_empty = !mailbox->first;

	*mailbox->last = letter;
	mailbox->last = &letter->next;
	letter->number = ++mailbox->posted;
	if (was_empty)
		wake(mailbox);
}

bool clove_mailbox_post(struct clove_mailbox *mailbox, clove_letter_fn fn, void *carried)
{
	struct clove_letter *letter = malloc(sizeof *letter);

	if (!letter)
		return false;
	*letter = (struct clove_letter){ .fn = fn, .carried = carried };
	pthread_mutex_lock(&mailbox->lock);
	append(mailbox, letter);
	pthread_mutex_unlock(&mailbox->lock);
	return true;
}

void clove_mailbox_ring(struct clove_mailbox *mailbox, struct clove_letter *letter, clove_letter_fn fn)
{
	pthread_mutex_lock(&mailbox->lock);
	if (!letter->is_posted) {
		*letter = (struct clove_letter){ .fn = fn, .is_kept = true, .is_posted = true };
		append(mailbox, letter);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

struct call {
	clove_letter_fn fn;
	void *carried;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool is_done;
};

static void run_call(void *home, void *carried)
{
	struct call *call = carried;

	call->fn(home, call->carried);
	pthread_mutex_lock(&call->lock);
	call->is_done = true;
	pthread_cond_signal(&call->done_cond);
	pthread_mutex_unlock(&call->lock);
}

bool clove_mailbox_call(struct clove_mailbox *mailbox, clove_letter_fn fn, void *carried)
{
	struct call call = { .fn = fn, .carried = carried };

	pthread_mutex_init(&call.lock, NULL);
	pthread_cond_init(&call.done_cond, NULL);
	bool posted = clove_mailbox_post(mailbox, run_call, &call);
	pthread_mutex_lock(&call.lock);
	while (posted && !call.is_done)
		pthread_cond_wait(&call.done_cond, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.done_cond);
	pthread_mutex_destroy(&call.lock);
	return posted;
}
