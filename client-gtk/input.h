/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.h - which of the desktop's events go to the guest, when the desktop's devices are taken for it,
 * and when they are given back. One for all windows of a session.
 */
#ifndef CLOVE_CLIENT_GTK_INPUT_H
#define CLOVE_CLIENT_GTK_INPUT_H

#include "client-gtk/display-widget.h"
#include "client-gtk/hotkeys.h"
#include "client-gtk/inputs-channel.h"
#include "client-gtk/stats.h"

struct clove_input;

struct clove_input_events {
	/* A hotkey, which the guest does not see. RELEASE_CURSOR and SECURE_ATTENTION never come. */
	void (*hotkey)(void *opaque, struct clove_display_widget *view,
			enum clove_hotkey_action action);
	/* The pointer was taken (server mode), or given back. */
	void (*grabbed)(void *opaque, bool is_grabbed);
	/* The pointer moves over a view; for bars that hide. Desktop units. */
	void (*moved)(void *opaque, struct clove_display_widget *view, double x, double y);
};

/* Everything given lives as long as the input. */
struct clove_input *clove_input_new(const struct clove_input_events *events, void *opaque,
		const struct clove_hotkeys *hotkeys, struct clove_stats *stats);
void clove_input_free(struct clove_input *input);

/* Takes part in the view's events, and in those of the window around it. */
void clove_input_attach(struct clove_input *input, struct clove_display_widget *view);
/* Before the view is freed. */
void clove_input_detach(struct clove_input *input, struct clove_display_widget *view);

/* NULL: there is nobody to tell. Everything that was down counts as up. */
void clove_input_set_channel(struct clove_input *input, struct clove_inputs_channel *channel);
void clove_input_set_mouse_mode(struct clove_input *input, enum clove_mouse_mode mode);
/* The guest's locks. */
void clove_input_modifiers(struct clove_input *input, uint16_t modifiers);

/* Presses and lets go; Linux's key codes. */
void clove_input_chord(struct clove_input *input, const unsigned int *evdevs, int n);
/* Keyboard and pointer belong to the desktop until a view is clicked or entered again. */
void clove_input_release(struct clove_input *input);

#endif
