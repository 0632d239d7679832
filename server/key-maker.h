/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* key-maker.h - a thread that makes RSA keys for tickets, so that nobody else waits for one. */
#ifndef CLOVE_SERVER_KEY_MAKER_H
#define CLOVE_SERVER_KEY_MAKER_H

#include <stdbool.h>
#include "common/net/ticket.h"
#include "common/util/mailbox.h"

struct clove_key_maker;

/* Each key arrives at `mail` as a letter `made` that carries a struct clove_ticket, which it owns
 * from then on, or NULL if OpenSSL could not make one. NULL without memory or threads. */
struct clove_key_maker *clove_key_maker_new(struct clove_mailbox *mail, clove_letter_fn made);

/* One more key. False without memory. */
bool clove_key_maker_order(struct clove_key_maker *maker);

/* Orders that are still open come to nothing; letters may still lie in the mailbox. NULL is fine. */
void clove_key_maker_free(struct clove_key_maker *maker);

#endif
