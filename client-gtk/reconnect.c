/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reconnect.c - the order of looks and tries, and the pauses between them. */
#include "client-gtk/reconnect.h"

enum { FIRST_LOOK_MS = 200, PAUSE_MOST_MS = 5000, LOOKS = 2 };

void clove_reconnect_lost(struct clove_reconnect *reconnect)
{
	*reconnect = (struct clove_reconnect){ 0 };
}

void clove_reconnect_found(struct clove_reconnect *reconnect, bool is_there)
{
	if (!is_there)
		reconnect->was_gone = true;
	else
		reconnect->looks++;
}

enum clove_reconnect_step clove_reconnect_next(struct clove_reconnect *reconnect, unsigned int *ms)
{
	unsigned int tries = reconnect->tries < 3 ? reconnect->tries : 3;

	if (!reconnect->was_gone) {
		*ms = reconnect->looks ? 1000 : FIRST_LOOK_MS;
		return reconnect->looks < LOOKS ? CLOVE_RECONNECT_LOOK : CLOVE_RECONNECT_ASK;
	}
	*ms = 1000u << tries;
	if (*ms > PAUSE_MOST_MS)
		*ms = PAUSE_MOST_MS;
	reconnect->tries++;
	return CLOVE_RECONNECT_TRY;
}
