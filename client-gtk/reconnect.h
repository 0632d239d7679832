/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reconnect.h - when to try again after a server went, without pushing out whoever came instead.
 *
 * A server takes one viewer: the one that comes later gets the guest, and the earlier one sees its
 * connection end. Two viewers that both come back at once would play this for ever. So an ended
 * connection is followed by two looks whether anyone listens there still, one at once (a machine may be
 * started again quickly) and one when all that ends has ended; only who saw that nobody did comes
 * back by itself.
 */
#ifndef CLOVE_CLIENT_GTK_RECONNECT_H
#define CLOVE_CLIENT_GTK_RECONNECT_H

#include <stdbool.h>

enum clove_reconnect_step {
	CLOVE_RECONNECT_LOOK,     /* whether a server listens */
	CLOVE_RECONNECT_TRY,      /* a whole session */
	CLOVE_RECONNECT_ASK,      /* leave it to the person */
};

/* All zeroes: nothing was lost. */
struct clove_reconnect {
	bool was_gone;            /* nobody listened since the connection was lost */
	unsigned int looks;       /* that found a server */
	unsigned int tries;
};

void clove_reconnect_lost(struct clove_reconnect *reconnect);
/* What a look or a try found: a server listens, or none does. */
void clove_reconnect_found(struct clove_reconnect *reconnect, bool is_there);
/* What to do next, and how long to wait before. */
enum clove_reconnect_step clove_reconnect_next(struct clove_reconnect *reconnect,
		unsigned int *ms);

#endif
