/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* keyboard.h - which keys are down in the guest, so that none stays there and none comes up twice. */
#ifndef CLOVE_CLIENT_GTK_KEYBOARD_H
#define CLOVE_CLIENT_GTK_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "client-gtk/keymap.h"

/* `code` is the body of KEY_DOWN (is_press) or KEY_UP. */
typedef void (*clove_key_send_fn)(void *opaque, bool is_press, uint32_t code);

/* All zeroes but for send is a keyboard with nothing pressed. */
struct clove_keyboard {
	clove_key_send_fn send;
	void *opaque;
	uint32_t down[CLOVE_KEYMAP_CODES / 32];
	bool is_pause_down;
};

/* A hardware key; repeated presses are sent as presses: the guest's PS/2 keyboard does not repeat
 * by itself. False for a key that the guest cannot have, or a release of what is not down. */
bool clove_keyboard_key(struct clove_keyboard *keyboard, bool is_press, unsigned int evdev);

/* Pause has no code of its own. */
void clove_keyboard_pause(struct clove_keyboard *keyboard, bool is_press);

/* Presses these in order and lets them go in reverse; keys that are down already are let go first. */
void clove_keyboard_chord(struct clove_keyboard *keyboard, const unsigned int *evdevs, int n);

/* Lets every key go: on losing the focus, the grab or the connection. */
void clove_keyboard_release_all(struct clove_keyboard *keyboard);

#endif
