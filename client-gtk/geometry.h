/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* geometry.h - where a guest's picture lies in a widget, and which guest pixel a point means. */
#ifndef CLOVE_CLIENT_GTK_GEOMETRY_H
#define CLOVE_CLIENT_GTK_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

/* All in device pixels. */
struct clove_geometry {
	int32_t guest_w, guest_h;
	int32_t x, y, w, h;   /* the picture in the widget; the rest is black */
	bool is_sharp;        /* pixels need no smoothing: 1:1, or a whole factor */
};

/* Sizes from 1 to 32767; others are clamped. */
void clove_geometry_set(struct clove_geometry *geometry, int32_t widget_w, int32_t widget_h,
		int32_t guest_w, int32_t guest_h, bool is_scaled);

/* The guest pixel under a point; false outside the picture. The last pixel can be reached. */
bool clove_geometry_to_guest(const struct clove_geometry *geometry, double x, double y,
		int32_t *guest_x, int32_t *guest_y);

/* The smallest area of the widget that a guest's rectangle touches, smoothing included. */
void clove_geometry_to_widget(const struct clove_geometry *geometry, int32_t left, int32_t top,
		int32_t right, int32_t bottom, int32_t area[4]);

#endif
