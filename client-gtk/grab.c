/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* grab.c - what GDK's seats can and cannot do: they are let go as a whole only. */
#include "client-gtk/grab.h"

static bool take(struct clove_grab *grab, GtkWidget *widget, GdkSeatCapabilities what)
{
	GdkWindow *window = gtk_widget_get_window(widget);
	GdkCursor *blank = NULL;
	bool is_taken;

	if (!window || g_getenv("SPICE_NOGRAB"))
		return false;
	if (what != GDK_SEAT_CAPABILITY_KEYBOARD)
		blank = gdk_cursor_new_for_display(gtk_widget_get_display(widget), GDK_BLANK_CURSOR);
	grab->seat = gdk_display_get_default_seat(gtk_widget_get_display(widget));
	is_taken = gdk_seat_grab(grab->seat, window, what, FALSE, blank, NULL, NULL, NULL) ==
			GDK_GRAB_SUCCESS;
	g_clear_object(&blank);
	if (!is_taken)
		return false;
	grab->widget = widget;
	grab->has_keyboard = true;
	grab->has_pointer |= what != GDK_SEAT_CAPABILITY_KEYBOARD;
	return true;
}

bool clove_grab_keyboard(struct clove_grab *grab, GtkWidget *widget)
{
	return grab->has_keyboard || take(grab, widget, GDK_SEAT_CAPABILITY_KEYBOARD);
}

bool clove_grab_all(struct clove_grab *grab, GtkWidget *widget)
{
	return grab->has_pointer || take(grab, widget,
			GDK_SEAT_CAPABILITY_KEYBOARD | GDK_SEAT_CAPABILITY_ALL_POINTING);
}

void clove_grab_release_pointer(struct clove_grab *grab)
{
	GtkWidget *widget = grab->widget;

	if (!grab->has_pointer)
		return;
	clove_grab_release(grab);
	take(grab, widget, GDK_SEAT_CAPABILITY_KEYBOARD);
}

void clove_grab_release(struct clove_grab *grab)
{
	if (grab->has_keyboard || grab->has_pointer)
		gdk_seat_ungrab(grab->seat);
	clove_grab_broken(grab);
}

void clove_grab_broken(struct clove_grab *grab)
{
	grab->has_keyboard = grab->has_pointer = false;
	grab->widget = NULL;
}
