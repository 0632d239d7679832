/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hotkeys.h - the few key chords that the viewer keeps for itself, and how they are written. */
#ifndef CLOVE_CLIENT_GTK_HOTKEYS_H
#define CLOVE_CLIENT_GTK_HOTKEYS_H

#include <gdk/gdk.h>
#include <stdbool.h>
#include "common/util/err.h"

enum clove_hotkey_action {
	CLOVE_HOTKEY_TOGGLE_FULLSCREEN,
	CLOVE_HOTKEY_RELEASE_CURSOR,
	CLOVE_HOTKEY_ZOOM_IN,
	CLOVE_HOTKEY_ZOOM_OUT,
	CLOVE_HOTKEY_ZOOM_RESET,
	CLOVE_HOTKEY_SECURE_ATTENTION,
	CLOVE_HOTKEY_STATISTICS,
	CLOVE_HOTKEY_USB_DEVICE_RESET,
	CLOVE_HOTKEYS
};

struct clove_hotkey {
	guint key;              /* a lower-case key symbol; 0: modifiers only, or off */
	GdkModifierType mods;   /* of Control, Mod1, Shift, Super; 0 and key 0: off */
};

struct clove_hotkeys {
	struct clove_hotkey of[CLOVE_HOTKEYS];
};

/* Full screen is Shift+F11, statistics Ctrl+Shift+F12; the chord that releases the keyboard is Ctrl_L+Alt_L, and no hotkey. */
void clove_hotkeys_defaults(struct clove_hotkeys *hotkeys);

/* "ctrl+alt+end". CLOVE_ERR_VALUE switches the hotkey off. */
CLOVE_CHECKED enum clove_err clove_hotkey_parse(const char *text, bool modifiers_will_do,
		struct clove_hotkey *hotkey);

/* The action's name in options and files; NULL past the end. */
const char *clove_hotkey_name(enum clove_hotkey_action action);

/* "action=keys,action=keys"; those not named are off. CLOVE_ERR_VALUE with a sentence. */
CLOVE_CHECKED enum clove_err clove_hotkeys_parse(const char *text, struct clove_hotkeys *hotkeys,
		char **error);

/* CLOVE_HOTKEYS if the key belongs to the guest. */
enum clove_hotkey_action clove_hotkeys_find(const struct clove_hotkeys *hotkeys, guint key,
		GdkModifierType state);

/* "Shift+F11" for menus and help; NULL if off. */
char *clove_hotkey_label(const struct clove_hotkey *hotkey);

#endif
