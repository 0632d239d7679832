/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* key-maker.c - the thread behind the orders: milliseconds of CPU each, one after the other. */
#include "server/key-maker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct clove_key_maker {
	struct clove_mailbox *customer;
	clove_letter_fn made;
	struct clove_loop *loop;
	struct clove_mailbox *mail;
	pthread_t thread;
	bool is_started;
	atomic_bool is_ending;
};

static void make(void *home, void *carried)
{
	struct clove_key_maker *maker = home;

	(void)carried;
	if (atomic_load(&maker->is_ending))
		return;

	struct clove_ticket *ticket = clove_ticket_new();

	/* An order that is never answered would be waited for for ever. */
	while (!clove_mailbox_post(maker->customer, maker->made, ticket))
		usleep(1000);
}

static void quit(void *home, void *carried)
{
	struct clove_key_maker *maker = home;

	(void)carried;
	clove_poll_loop_quit(maker->loop);
}

static void *thread_main(void *opaque)
{
	struct clove_key_maker *maker = opaque;

	clove_poll_loop_run(maker->loop);
	return NULL;
}

static bool start_thread(struct clove_key_maker *maker)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	maker->is_started = pthread_create(&maker->thread, NULL, thread_main, maker) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (maker->is_started)
		pthread_setname_np(maker->thread, "clove-keys");
	return maker->is_started;
}

struct clove_key_maker *clove_key_maker_new(struct clove_mailbox *mail, clove_letter_fn made)
{
	struct clove_key_maker *maker = calloc(1, sizeof *maker);

	if (!maker)
		return NULL;
	maker->customer = mail;
	maker->made = made;
	maker->loop = clove_poll_loop_new();
	maker->mail = maker->loop ? clove_mailbox_new(maker->loop, maker) : NULL;
	if (!maker->mail || !start_thread(maker)) {
		clove_key_maker_free(maker);
		return NULL;
	}
	return maker;
}

bool clove_key_maker_order(struct clove_key_maker *maker)
{
	return clove_mailbox_post(maker->mail, make, NULL);
}

void clove_key_maker_free(struct clove_key_maker *maker)
{
	if (!maker)
		return;
	if (maker->is_started) {
		atomic_store(&maker->is_ending, true);
		while (!clove_mailbox_post(maker->mail, quit, NULL))
			usleep(1000);
		pthread_join(maker->thread, NULL);
	}
	clove_mailbox_free(maker->mail);
	clove_poll_loop_free(maker->loop);
	free(maker);
}
