/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mailbox.h - the only way across threads: a function and what it owns, run by the home thread.
 *
 * Letters are run in the order of posting. What a letter carries changes owner with it.
 */
#ifndef CLOVE_UTIL_MAILBOX_H
#define CLOVE_UTIL_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include "common/util/loop.h"

struct clove_mailbox;

typedef void (*clove_letter_fn)(void *home, void *carried);

struct clove_letter {
	struct clove_letter *next;
	clove_letter_fn fn;
	void *carried;
	uint64_t number;
	bool is_kept, is_posted;  /* its sender's own; on its way */
};

/* `home` is given to every letter. The mailbox watches its own descriptor in `loop`.
 * NULL without memory or descriptors. New and free on the loop's thread. */
struct clove_mailbox *clove_mailbox_new(struct clove_loop *loop, void *home);

/* Runs the letters still there, then closes. No one may post any more. */
void clove_mailbox_free(struct clove_mailbox *mailbox);

/* From any thread. Wakes the home thread only if the mailbox was empty.
 * False without memory; then the caller still owns what it wanted to send. */
bool clove_mailbox_post(struct clove_mailbox *mailbox, clove_letter_fn fn, void *carried);

/* A letter without memory, for what is said again and again: `letter` is the caller's, zeroed before the first
 * time, and there for as long as the mailbox. While it is on its way it is not posted again. */
void clove_mailbox_ring(struct clove_mailbox *mailbox, struct clove_letter *letter, clove_letter_fn fn);

/* Posts and waits until the letter has run. Not from the home thread. */
bool clove_mailbox_call(struct clove_mailbox *mailbox, clove_letter_fn fn, void *carried);

/* Runs the letters that are there now; for a home thread that must not wait for its loop. */
void clove_mailbox_run(struct clove_mailbox *mailbox);

#endif
