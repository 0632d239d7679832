/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-thread.h - a thread that waits in libusb and runs the letters posted to it.
 *
 * Each captured device has one with a libusb context of its own, so that a device whose reset takes seconds
 * holds up nobody else; another one looks for devices.
 */
#ifndef CLOVE_USBREDIR_USB_THREAD_H
#define CLOVE_USBREDIR_USB_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include "common/util/err.h"
#include "common/util/mailbox.h"

struct libusb_context;

struct clove_usb_thread {
	/* The thread's own, made by it; NULL if that failed (init_error then says why). */
	struct libusb_context *_Atomic context;
	int init_error;
	bool is_discovering;                 /* its context follows the machine's devices */
	_Atomic bool is_ending;
	int wait_ms;                         /* the longest wait; -1: until something happens */
	/* On the thread: before the first letter, after the letters of each turn, and before it ends. NULL: nothing. */
	void (*begin)(struct clove_usb_thread *thread);
	void (*turn)(struct clove_usb_thread *thread);
	void (*end)(struct clove_usb_thread *thread);
	struct clove_mailbox *letters;
	struct clove_loop *idle_loop;        /* the mailbox's; it runs only where libusb cannot wait */
	pthread_t id;
	bool is_started;
};

/* Starts it: with the callbacks and is_discovering set, all else zero. False without memory or threads. */
CLOVE_CHECKED bool clove_usb_thread_start(struct clove_usb_thread *thread);
/* Runs the letter on the thread, whose home is the thread itself. False without memory. */
CLOVE_CHECKED bool clove_usb_thread_post(struct clove_usb_thread *thread, clove_letter_fn fn, void *carried);
/* Asks it to end; what was posted before is still run. Needs no memory. */
void clove_usb_thread_end(struct clove_usb_thread *thread);
/* Waits for its end, which somebody must have asked for. Takes one that was never started. */
void clove_usb_thread_join(struct clove_usb_thread *thread);

/* On the thread: what libusb has to tell, for at most `ms` (-1: for ever). */
void clove_usb_thread_wait(struct clove_usb_thread *thread, int ms);

#endif
