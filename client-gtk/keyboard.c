/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* keyboard.c - how presses and releases are counted, and the sequences of Pause. */
#include "client-gtk/keyboard.h"

static bool is_down(const struct clove_keyboard *keyboard, uint16_t code)
{
	return keyboard->down[code / 32] >> (code % 32) & 1;
}

static void release(struct clove_keyboard *keyboard, uint16_t code)
{
	keyboard->down[code / 32] &= ~(UINT32_C(1) << (code % 32));
	keyboard->send(keyboard->opaque, false, clove_keymap_release(code));
}

bool clove_keyboard_key(struct clove_keyboard *keyboard, bool is_press, unsigned int evdev)
{
	uint16_t code = clove_keymap_code(evdev);

	if (!code || (!is_press && !is_down(keyboard, code)))
		return false;
	if (is_press) {
		keyboard->down[code / 32] |= UINT32_C(1) << (code % 32);
		keyboard->send(keyboard->opaque, true, clove_keymap_press(code));
	} else {
		release(keyboard, code);
	}
	return true;
}

void clove_keyboard_pause(struct clove_keyboard *keyboard, bool is_press)
{
	if (!is_press && !keyboard->is_pause_down)
		return;
	keyboard->is_pause_down = is_press;
	keyboard->send(keyboard->opaque, is_press, is_press ? 0x1de1 : 0x9de1);
	keyboard->send(keyboard->opaque, is_press, is_press ? 0x45 : 0xc5);
}

void clove_keyboard_chord(struct clove_keyboard *keyboard, const unsigned int *evdevs, int n)
{
	clove_keyboard_release_all(keyboard);
	for (int i = 0; i < n; i++)
		clove_keyboard_key(keyboard, true, evdevs[i]);
	for (int i = n; i-- > 0;)
		clove_keyboard_key(keyboard, false, evdevs[i]);
}

void clove_keyboard_release_all(struct clove_keyboard *keyboard)
{
	for (uint16_t code = 0; code < CLOVE_KEYMAP_CODES; code++)
		if (is_down(keyboard, code))
			release(keyboard, code);
	clove_keyboard_pause(keyboard, false);
}
