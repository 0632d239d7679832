/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-widget.h - one head of a guest on the desktop: its pixels, its place, its pointer. */
#ifndef CLOVE_CLIENT_GTK_DISPLAY_WIDGET_H
#define CLOVE_CLIENT_GTK_DISPLAY_WIDGET_H

#include <gtk/gtk.h>
#include "client-gtk/geometry.h"
#include "client-gtk/session.h"

struct clove_display_widget;

/* Any may be NULL. */
struct clove_display_widget_events {
	/* A change that was told has been drawn. */
	void (*painted)(void *opaque);
};

/* The drawing area belongs to its container; the rest to the caller, who frees it when the area is
 * destroyed or will be. */
struct clove_display_widget *clove_display_widget_new(
		const struct clove_display_widget_events *events, void *opaque);
void clove_display_widget_free(struct clove_display_widget *view);
GtkWidget *clove_display_widget_area(const struct clove_display_widget *view);

/* Shows a head of a primary; the pixels are borrowed until the next call or _keep. All is drawn. */
void clove_display_widget_show(struct clove_display_widget *view, uint8_t display,
		const struct clove_pixels *primary, const struct clove_head *head);
/* The pixels are about to go: shows a copy from here on. */
void clove_display_widget_keep(struct clove_display_widget *view);
/* In pixels of the primary; ignored while a copy is shown. */
void clove_display_widget_changed(struct clove_display_widget *view, const pixman_region32_t *region);

/* Old news: nobody answers behind this picture. */
void clove_display_widget_set_dimmed(struct clove_display_widget *view, bool is_dimmed);
void clove_display_widget_set_scaled(struct clove_display_widget *view, bool is_scaled);

bool clove_display_widget_has_picture(const struct clove_display_widget *view);
/* The head's size; zeroes without a picture. */
void clove_display_widget_size(const struct clove_display_widget *view, int32_t *width,
		int32_t *height);
uint8_t clove_display_widget_display(const struct clove_display_widget *view);

/* The primary's pixel at a place of the area, in its own units; false outside of the picture. */
bool clove_display_widget_to_guest(const struct clove_display_widget *view, double x, double y,
		int32_t *guest_x, int32_t *guest_y);

/* How the pointer looks over the picture. */
enum clove_pointer {
	CLOVE_POINTER_DESKTOP,    /* as the desktop has it */
	CLOVE_POINTER_GUEST,      /* the guest's shape, moved by the desktop */
	CLOVE_POINTER_DRAWN,      /* none of the desktop; the guest's, where the guest has it */
};

void clove_display_widget_set_pointer(struct clove_display_widget *view, enum clove_pointer pointer);
/* NULL: a pointer without a shape. */
void clove_display_widget_cursor_shape(struct clove_display_widget *view,
		const struct clove_cursor_shape *shape);
void clove_display_widget_cursor_moved(struct clove_display_widget *view, int32_t x, int32_t y);
void clove_display_widget_cursor_visible(struct clove_display_widget *view, bool is_visible);
void clove_display_widget_cursor_reset(struct clove_display_widget *view);

#endif
