/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* keymap.h - hardware key codes and the PC set 1 codes that the guest's keyboard sends. */
#ifndef CLOVE_CLIENT_GTK_KEYMAP_H
#define CLOVE_CLIENT_GTK_KEYMAP_H

#include <stdint.h>

enum {
	CLOVE_KEYMAP_X11_OFFSET = 8, /* hardware key codes of X11 and Wayland are Linux's and 8 */
	CLOVE_KEYMAP_CODES = 0x200,  /* every code is below */
};

/* Seven bits, and 0x100 for the keys with the prefix e0; 0 for a key that the guest cannot have. */
uint16_t clove_keymap_code(unsigned int evdev);

/* What KEY_DOWN and KEY_UP carry: the bytes of a press or release, the lowest first. */
uint32_t clove_keymap_press(uint16_t code);
uint32_t clove_keymap_release(uint16_t code);

#endif
