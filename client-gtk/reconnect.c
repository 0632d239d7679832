/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reconnect.c - the order of looks and tries, and the pauses between them. */
#include "client-gtk/reconnect.h"

enum { PAUSE_MOST = 15 };

void clove_reconnect_lost(struct clove_reconnect *reconnect)
{
	*reconnect = (struct clove_reconnect){ 0 };
}

void clove_reconnect_found(struct clove_reconnect *reconnect, bool is_there)
{
	if (!is_there)
		reconnect->was_gone = true;
	else if (!reconnect->was_gone)
		reconnect->was_there = true;
}

enum clove_reconnect_step clove_reconnect_next(struct clove_reconnect *reconnect,
		unsigned int *seconds)
{
	unsigned int tries = reconnect->tries < 4 ? reconnect->tries : 4;

	*seconds = 1u << tries;
	if (*seconds > PAUSE_MOST)
		*seconds = PAUSE_MOST;
	if (reconnect->was_there)
		return CLOVE_RECONNECT_ASK;
	reconnect->tries++;
	return reconnect->was_gone ? CLOVE_RECONNECT_TRY : CLOVE_RECONNECT_LOOK;
}
