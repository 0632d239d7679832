/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hotkeys.c - the words of key chords ("ctrl+alt+end") and what each is worth to GDK. */
#include "client-gtk/hotkeys.h"

#include <string.h>

#define MODIFIERS (GDK_CONTROL_MASK | GDK_MOD1_MASK | GDK_SHIFT_MASK | GDK_SUPER_MASK)

static const char *const names[CLOVE_HOTKEYS] = {
	[CLOVE_HOTKEY_TOGGLE_FULLSCREEN] = "toggle-fullscreen",
	[CLOVE_HOTKEY_RELEASE_CURSOR]    = "release-cursor",
	[CLOVE_HOTKEY_ZOOM_IN]           = "zoom-in",
	[CLOVE_HOTKEY_ZOOM_OUT]          = "zoom-out",
	[CLOVE_HOTKEY_ZOOM_RESET]        = "zoom-reset",
	[CLOVE_HOTKEY_SECURE_ATTENTION]  = "secure-attention",
	[CLOVE_HOTKEY_STATISTICS]        = "statistics",
	[CLOVE_HOTKEY_USB_DEVICE_RESET]  = "usb-device-reset",
};

static const struct {
	const char *word;
	GdkModifierType mod;
} modifiers[] = {
	{ "ctrl",    GDK_CONTROL_MASK },
	{ "control", GDK_CONTROL_MASK },
	{ "cmd",     GDK_CONTROL_MASK },
	{ "alt",     GDK_MOD1_MASK },
	{ "shift",   GDK_SHIFT_MASK },
	{ "win",     GDK_SUPER_MASK },
};

static const struct {
	const char *word, *name;
} keys[] = {
	{ "esc",      "Escape" },
	{ "ins",      "Insert" },
	{ "insert",   "Insert" },
	{ "del",      "Delete" },
	{ "delete",   "Delete" },
	{ "pgup",     "Page_Up" },
	{ "pageup",   "Page_Up" },
	{ "pgdn",     "Page_Down" },
	{ "pagedown", "Page_Down" },
	{ "home",     "Home" },
	{ "end",      "End" },
	{ "enter",    "Return" },
	{ "space",    "space" },
	{ "tab",      "Tab" },
	{ "plus",     "plus" },
	{ "minus",    "minus" },
};

/* Sides are not told apart: "lctrl", "left-ctrl" and "ctrl" are one. */
static const char *without_side(const char *word)
{
	static const char *const sides[] = { "left-", "right-", "left", "right", "l", "r" };

	for (size_t i = 0; i < G_N_ELEMENTS(sides); i++)
		if (g_str_has_prefix(word, sides[i]))
			for (size_t m = 0; m < G_N_ELEMENTS(modifiers); m++)
				if (!strcmp(word + strlen(sides[i]), modifiers[m].word))
					return modifiers[m].word;
	return word;
}

static GdkModifierType modifier_of(const char *word)
{
	word = without_side(word);
	for (size_t i = 0; i < G_N_ELEMENTS(modifiers); i++)
		if (!strcmp(word, modifiers[i].word))
			return modifiers[i].mod;
	return 0;
}

static guint key_of(const char *word)
{
	const char *name = word;
	guint key = GDK_KEY_VoidSymbol;
	char *upper;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!strcmp(word, keys[i].word))
			return gdk_keyval_to_lower(gdk_keyval_from_name(keys[i].name));
	upper = g_ascii_strup(name, -1);
	key = gdk_keyval_from_name(upper);
	g_free(upper);
	if (key == GDK_KEY_VoidSymbol)
		key = gdk_keyval_from_name(name);
	return key == GDK_KEY_VoidSymbol ? 0 : gdk_keyval_to_lower(key);
}

enum clove_err clove_hotkey_parse(const char *text, bool modifiers_will_do,
		struct clove_hotkey *hotkey)
{
	char *lower = g_ascii_strdown(text, -1), **words = g_strsplit(lower, "+", 8);
	struct clove_hotkey parsed = { 0 };
	bool is_good = words[0] != NULL;

	for (char **word = words; *word && is_good; word++) {
		GdkModifierType mod = modifier_of(g_strstrip(*word));

		if (mod) {
			parsed.mods |= mod;
		} else {
			is_good = !parsed.key && (parsed.key = key_of(*word)) != 0;
		}
	}
	g_strfreev(words);
	g_free(lower);
	if (!is_good || (!parsed.key && !modifiers_will_do)) {
		*hotkey = (struct clove_hotkey){ 0 };
		return CLOVE_ERR_VALUE;
	}
	*hotkey = parsed;
	return CLOVE_OK;
}

const char *clove_hotkey_name(enum clove_hotkey_action action)
{
	return action < CLOVE_HOTKEYS ? names[action] : NULL;
}

void clove_hotkeys_defaults(struct clove_hotkeys *hotkeys)
{
	*hotkeys = (struct clove_hotkeys){ .of = {
		[CLOVE_HOTKEY_TOGGLE_FULLSCREEN] = { GDK_KEY_F11, GDK_SHIFT_MASK },
		[CLOVE_HOTKEY_STATISTICS] = { GDK_KEY_F12, GDK_CONTROL_MASK | GDK_SHIFT_MASK },
	} };
}

/* Actions of other viewers that have no meaning here yet. */
static bool is_foreign(const char *name)
{
	return g_str_has_prefix(name, "smartcard-");
}

enum clove_err clove_hotkeys_parse(const char *text, struct clove_hotkeys *hotkeys, char **error)
{
	char **pairs = g_strsplit(text, ",", 64);
	enum clove_err err = CLOVE_OK;

	*error = NULL;
	*hotkeys = (struct clove_hotkeys){ 0 };
	for (char **pair = pairs; *pair && !err; pair++) {
		char *equals = strchr(*pair, '=');
		unsigned int action = 0;

		if (equals) {
			*equals = 0;
			while (action < CLOVE_HOTKEYS && strcmp(names[action], g_strstrip(*pair)))
				action++;
			if (action == CLOVE_HOTKEYS && is_foreign(*pair))
				continue;
		}
		if (!equals || action == CLOVE_HOTKEYS) {
			*error = g_strdup_printf("“%s” is no hotkey: write action=key+key, for example "
					"toggle-fullscreen=shift+f11.", *pair);
			err = CLOVE_ERR_VALUE;
		} else if (clove_hotkey_parse(equals + 1, action == CLOVE_HOTKEY_RELEASE_CURSOR,
				&hotkeys->of[action])) {
			*error = g_strdup_printf("“%s” names no keys for the hotkey %s.", equals + 1,
					names[action]);
			err = CLOVE_ERR_VALUE;
		}
	}
	g_strfreev(pairs);
	return err;
}

enum clove_hotkey_action clove_hotkeys_find(const struct clove_hotkeys *hotkeys, guint key,
		GdkModifierType state)
{
	unsigned int action = 0;

	key = gdk_keyval_to_lower(key);
	for (; action < CLOVE_HOTKEYS; action++)
		if (hotkeys->of[action].key && hotkeys->of[action].key == key &&
				hotkeys->of[action].mods == (state & MODIFIERS))
			break;
	return action;
}

char *clove_hotkey_label(const struct clove_hotkey *hotkey)
{
	GString *label = g_string_new(NULL);

	if (hotkey->mods & GDK_CONTROL_MASK)
		g_string_append(label, "Ctrl+");
	if (hotkey->mods & GDK_MOD1_MASK)
		g_string_append(label, "Alt+");
	if (hotkey->mods & GDK_SHIFT_MASK)
		g_string_append(label, "Shift+");
	if (hotkey->mods & GDK_SUPER_MASK)
		g_string_append(label, "Super+");
	if (hotkey->key)
		g_string_append(label, gdk_keyval_name(gdk_keyval_to_upper(hotkey->key)));
	else if (label->len)
		g_string_truncate(label, label->len - 1);
	return g_string_free(label, label->len == 0);
}
