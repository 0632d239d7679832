/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* window.h - a window around one head: header bar, menus, full screen, zoom, banners. */
#ifndef CLOVE_CLIENT_GTK_WINDOW_H
#define CLOVE_CLIENT_GTK_WINDOW_H

#include <gtk/gtk.h>
#include "client-gtk/display-widget.h"
#include "client-gtk/settings.h"

struct clove_window;

/* None may be NULL. */
struct clove_window_events {
	void (*close)(void *opaque, struct clove_window *window);
	/* Linux's key codes. */
	void (*send_keys)(void *opaque, const unsigned int *evdevs, int n);
	void (*release)(void *opaque);
	void (*screenshot)(void *opaque, struct clove_window *window);
	/* The banner's button. */
	void (*banner)(void *opaque, struct clove_window *window);
	void (*painted)(void *opaque, struct clove_window *window);
	/* The USB devices are to be shown; or unplugged and plugged in again. */
	void (*usb)(void *opaque, struct clove_window *window);
	void (*usb_reset)(void *opaque);
	/* Statistics are wanted over the picture, or no more. */
	void (*statistics)(void *opaque, struct clove_window *window, bool is_wanted);
};

struct clove_window *clove_window_new(const struct clove_settings *settings,
		const struct clove_window_events *events, void *opaque);
void clove_window_free(struct clove_window *window);

GtkWindow *clove_window_gtk(const struct clove_window *window);
struct clove_display_widget *clove_window_view(const struct clove_window *window);

/* `subtitle` may be NULL. */
void clove_window_set_title(struct clove_window *window, const char *title, const char *subtitle);

/* In place of the picture: what is waited for. */
void clove_window_show_status(struct clove_window *window, const char *text, const char *detail);
/* The picture; and the window takes its size, unless a person has chosen another. */
void clove_window_show_picture(struct clove_window *window);

/* Over the picture, with a button (NULL: it goes by itself after a while). NULL text: none. */
void clove_window_set_banner(struct clove_window *window, const char *text, const char *button);

/* What is laid over the picture while statistics are wanted. */
void clove_window_set_statistics(struct clove_window *window, const char *text);

void clove_window_hotkey(struct clove_window *window, enum clove_hotkey_action action);
/* The pointer is there, over the picture. */
void clove_window_pointer_moved(struct clove_window *window, double y);

#endif
