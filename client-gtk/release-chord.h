/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* release-chord.h - Ctrl_L and Alt_L pressed together with no key between: gives the desktop back. */
#ifndef CLOVE_CLIENT_GTK_RELEASE_CHORD_H
#define CLOVE_CLIENT_GTK_RELEASE_CHORD_H

#include <stdbool.h>

enum clove_release {
	CLOVE_RELEASE_NOTHING,
	CLOVE_RELEASE_POINTER,    /* both are down */
	CLOVE_RELEASE_KEYBOARD,   /* and both up again */
};

/* All zeroes: no key is down. */
struct clove_release_chord {
	unsigned int down;        /* bit 0: Ctrl_L, bit 1: Alt_L */
	bool is_complete, is_spoiled;
};

/* Keys by Linux's codes. The keys go to the guest all the same. */
enum clove_release clove_release_chord_key(struct clove_release_chord *chord, bool is_press,
		unsigned int evdev);

#endif
