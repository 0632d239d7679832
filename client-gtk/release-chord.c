/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* release-chord.c - what spoils the chord. */
#include "client-gtk/release-chord.h"

enum { CTRL_L = 29, ALT_L = 56, BOTH = 3 };

enum clove_release clove_release_chord_key(struct clove_release_chord *chord, bool is_press,
		unsigned int evdev)
{
	unsigned int bit = evdev == CTRL_L ? 1 : evdev == ALT_L ? 2 : 0;
	bool was_complete = chord->is_complete;

	if (is_press) {
		bool is_repeat = chord->down & bit;

		if (!bit)
			chord->is_spoiled = true;
		else if (!chord->down)
			chord->is_spoiled = false;
		chord->down |= bit;
		chord->is_complete = chord->down == BOTH && !chord->is_spoiled;
		return chord->is_complete && !was_complete && !is_repeat ? CLOVE_RELEASE_POINTER :
				CLOVE_RELEASE_NOTHING;
	}
	chord->down &= ~bit;
	if (chord->down)
		return CLOVE_RELEASE_NOTHING;
	was_complete = was_complete && bit && !chord->is_spoiled;
	chord->is_complete = chord->is_spoiled = false;
	return was_complete ? CLOVE_RELEASE_KEYBOARD : CLOVE_RELEASE_NOTHING;
}
