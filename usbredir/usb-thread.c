/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-thread.c - libusb's wait and a mailbox on one thread: who posts interrupts the wait. */
#include "usbredir/usb-thread.h"

#include <libusb.h>
#include <signal.h>
#include "common/util/loop.h"

static int context_new(const struct clove_usb_thread *thread, struct libusb_context **context)
{
#if defined(LIBUSB_API_VERSION) && LIBUSB_API_VERSION >= 0x0100010a
	struct libusb_init_option option = { .option = LIBUSB_OPTION_NO_DEVICE_DISCOVERY };

	return libusb_init_context(context, &option, thread->is_discovering ? 0 : 1);
#else
	(void)thread;
	return libusb_init(context); /* always discovers: some milliseconds of this thread */
#endif
}

void clove_usb_thread_wait(struct clove_usb_thread *thread, int ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (!thread->context) {
		clove_poll_loop_step(thread->idle_loop, ms < 0 || ms > 1000 ? 1000 : ms);
		return;
	}
	if (ms < 0)
		time = (struct timeval){ .tv_sec = 1000000 };
	libusb_handle_events_timeout(thread->context, &time);
}

static void *run(void *opaque)
{
	struct clove_usb_thread *thread = opaque;
	struct libusb_context *context = NULL;

	/* Reading the devices of the machine can wait for one that is being reset: it is done here. */
	thread->init_error = context_new(thread, &context);
	thread->context = thread->init_error ? NULL : context;
	if (thread->begin)
		thread->begin(thread);
	while (!thread->is_ending) {
		clove_mailbox_run(thread->letters);
		if (thread->turn)
			thread->turn(thread);
		if (!thread->is_ending)
			clove_usb_thread_wait(thread, thread->wait_ms);
	}
	clove_mailbox_run(thread->letters);
	if (thread->end)
		thread->end(thread);
	return NULL;
}

bool clove_usb_thread_start(struct clove_usb_thread *thread)
{
	sigset_t all, old;

	thread->wait_ms = -1;
	thread->idle_loop = clove_poll_loop_new();
	thread->letters = thread->idle_loop ? clove_mailbox_new(thread->idle_loop, thread) : NULL;
	if (!thread->letters)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	thread->is_started = pthread_create(&thread->id, NULL, run, thread) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread->is_started;
}

static void wake(struct clove_usb_thread *thread)
{
	struct libusb_context *context = thread->context;

	/* Without one the thread has yet to look for the first time, or looks every second. */
	if (context)
		libusb_interrupt_event_handler(context);
}

bool clove_usb_thread_post(struct clove_usb_thread *thread, clove_letter_fn fn, void *carried)
{
	if (!clove_mailbox_post(thread->letters, fn, carried))
		return false;
	wake(thread);
	return true;
}

void clove_usb_thread_end(struct clove_usb_thread *thread)
{
	thread->is_ending = true;
	wake(thread);
}

void clove_usb_thread_join(struct clove_usb_thread *thread)
{
	if (thread->is_started)
		pthread_join(thread->id, NULL);
	thread->is_started = false;
	clove_mailbox_free(thread->letters);
	thread->letters = NULL;
	clove_poll_loop_free(thread->idle_loop);
	thread->idle_loop = NULL;
	if (thread->context)
		libusb_exit(thread->context);
	thread->context = NULL;
}
