/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-thread.h - the thread on which a session's display channels read, decode and draw.
 *
 * One for all of them: they share caches, and wait for each other. Whoever owns the session reaches it by
 * letters alone (display.h).
 */
#ifndef CLOVE_CLIENT_GTK_DISPLAY_THREAD_H
#define CLOVE_CLIENT_GTK_DISPLAY_THREAD_H

#include "client-gtk/pictures.h"
#include "common/util/loop.h"
#include "common/util/mailbox.h"

struct clove_display_thread {
	struct clove_mailbox *mailbox;    /* to the thread */
	/* the thread's own: */
	struct clove_loop *loop;
	struct clove_pictures *pictures;
	struct clove_display_thread_private *private;
};

/* Starts it. NULL without memory. */
struct clove_display_thread *clove_display_thread_new(void);
/* Waits until it has ended: for the message at work at most. No display may be left. NULL is fine. */
void clove_display_thread_free(struct clove_display_thread *thread);

/* The server's multimedia time now. */
void clove_display_thread_set_mm_time(struct clove_display_thread *thread, uint32_t mm_time);

#endif
