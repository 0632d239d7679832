/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* locks.c - how two sets of locks become one without a quarrel. */
#include "client-gtk/locks.h"

/* The server says again what is, 2 s after a lock key: what comes earlier may be older than the key. */
enum { SETTLE_MS = 1000 };

static bool tell(struct clove_locks *locks, bool is_forced)
{
	if (!locks->is_connected || (!is_forced && locks->desktop == locks->guest))
		return false;
	/* told this already when it was as it is now, and it did not listen */
	if (!is_forced && locks->has_told && locks->told == locks->desktop &&
			locks->told_at == locks->guest)
		return false;
	locks->has_told = true;
	locks->told = locks->desktop;
	locks->told_at = locks->guest;
	return true;
}

bool clove_locks_connected(struct clove_locks *locks, uint16_t guest)
{
	locks->is_connected = true;
	locks->has_told = false;
	locks->key_at_ms = 0;
	locks->guest = guest;
	return tell(locks, false);
}

bool clove_locks_focus(struct clove_locks *locks, uint16_t desktop)
{
	locks->desktop = desktop;
	return tell(locks, locks->desktop != locks->guest);
}

bool clove_locks_desktop(struct clove_locks *locks, uint16_t desktop, bool is_focused)
{
	locks->desktop = desktop;
	return !is_focused && tell(locks, false);
}

bool clove_locks_report(struct clove_locks *locks, uint16_t guest, uint64_t now_ms)
{
	locks->guest = guest;
	if (locks->key_at_ms && now_ms - locks->key_at_ms < SETTLE_MS)
		return false;
	return tell(locks, false);
}

void clove_locks_key(struct clove_locks *locks, uint64_t now_ms)
{
	locks->key_at_ms = now_ms;
}

void clove_locks_disconnected(struct clove_locks *locks)
{
	locks->is_connected = false;
}
