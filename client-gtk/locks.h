/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* locks.h - Caps, Num and Scroll Lock of the desktop and of the guest: when to say what they should be.
 *
 * The desktop's state wins. While the guest has the keyboard, its lock keys toggle both sides by
 * themselves and nothing is said; a guest that ignores what is said is told once per report.
 */
#ifndef CLOVE_CLIENT_GTK_LOCKS_H
#define CLOVE_CLIENT_GTK_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

/* Locks are CLOVE_MODIFIER_... All zeroes: nothing known. */
struct clove_locks {
	uint16_t desktop, guest;
	uint16_t told;            /* what we asked for last */
	uint16_t told_at;         /* and the guest's state then */
	bool is_connected, has_told;
	uint64_t key_at_ms;       /* when a lock key went to the guest; 0: never */
};

/* Each answers whether the guest must be told locks->desktop now. */
bool clove_locks_connected(struct clove_locks *locks, uint16_t guest);
bool clove_locks_focus(struct clove_locks *locks, uint16_t desktop);
bool clove_locks_desktop(struct clove_locks *locks, uint16_t desktop, bool is_focused);
bool clove_locks_report(struct clove_locks *locks, uint16_t guest, uint64_t now_ms);

/* A lock key was sent: reports are behind for a while. */
void clove_locks_key(struct clove_locks *locks, uint64_t now_ms);
void clove_locks_disconnected(struct clove_locks *locks);

#endif
