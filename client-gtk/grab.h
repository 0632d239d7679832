/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* grab.h - taking keyboard and pointer from the desktop, and giving them back. */
#ifndef CLOVE_CLIENT_GTK_GRAB_H
#define CLOVE_CLIENT_GTK_GRAB_H

#include <gtk/gtk.h>
#include <stdbool.h>

/* All zeroes: nothing is grabbed. */
struct clove_grab {
	GdkSeat *seat;
	GtkWidget *widget;        /* whose window has it */
	bool has_keyboard, has_pointer;
};

/* False if another program has it, or the environment (SPICE_NOGRAB) forbids it. */
bool clove_grab_keyboard(struct clove_grab *grab, GtkWidget *widget);
/* The keyboard too. */
bool clove_grab_all(struct clove_grab *grab, GtkWidget *widget);
/* The keyboard stays if it was grabbed. */
void clove_grab_release_pointer(struct clove_grab *grab);
void clove_grab_release(struct clove_grab *grab);
/* Somebody took it away. */
void clove_grab_broken(struct clove_grab *grab);

#endif
