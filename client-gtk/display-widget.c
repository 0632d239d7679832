/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-widget.c - how pixels reach the window, and how little of it is drawn again. */
#include "client-gtk/display-widget.h"

#include <string.h>
#ifdef GDK_WINDOWING_X11
#include <gdk/gdkx.h>
#endif

enum {
	RECTANGLES_MOST = 64,      /* more are drawn as their extents */
	PAINTS_APART_US = 4000,    /* what comes sooner waits for the frame clock */
};

struct clove_display_widget {
	GtkWidget *area;
	const struct clove_display_widget_events *events;
	void *opaque;
	uint8_t display;
	struct clove_head head;
	cairo_surface_t *picture;    /* the head's pixels: borrowed, or a copy of them */
	bool is_copy, is_dimmed, is_scaled, has_change;
	gint64 painted_us;
	bool paints_at_once;
	struct clove_geometry geometry;

	enum clove_pointer pointer;
	cairo_surface_t *shape;      /* the guest's; NULL: none */
	int32_t hot_x, hot_y, cursor_x, cursor_y;
	bool is_known, is_visible;   /* the guest has said something of its pointer; it shows it */
};

/* -- geometry -- */

static int device_scale(const struct clove_display_widget *view)
{
	return gtk_widget_get_scale_factor(view->area);
}

static void update_geometry(struct clove_display_widget *view)
{
	int scale = device_scale(view);

	clove_geometry_set(&view->geometry, gtk_widget_get_allocated_width(view->area) * scale,
			gtk_widget_get_allocated_height(view->area) * scale, view->head.width,
			view->head.height, view->is_scaled);
}

/* Pixels of the head. */
static void queue_draw(struct clove_display_widget *view, int32_t left, int32_t top, int32_t right,
		int32_t bottom)
{
	int scale = device_scale(view);
	int32_t area[4], x, y;

	clove_geometry_to_widget(&view->geometry, left, top, right, bottom, area);
	x = area[0] / scale;
	y = area[1] / scale;
	gtk_widget_queue_draw_area(view->area, x, y, (area[0] + area[2] + scale - 1) / scale - x,
			(area[1] + area[3] + scale - 1) / scale - y);
}

bool clove_display_widget_to_guest(const struct clove_display_widget *view, double x, double y,
		int32_t *guest_x, int32_t *guest_y)
{
	int scale = device_scale(view);

	if (!view->picture || !clove_geometry_to_guest(&view->geometry, x * scale, y * scale, guest_x,
			guest_y))
		return false;
	*guest_x += view->head.x;
	*guest_y += view->head.y;
	return true;
}

/* -- the guest's pointer -- */

static bool has_shape(const struct clove_display_widget *view)
{
	return view->shape && view->is_visible;
}

/* The shape as large as the picture makes it, but still to be seen. */
static GdkCursor *guest_cursor(struct clove_display_widget *view)
{
	int scale = device_scale(view);
	double factor = MAX((double)view->geometry.w / view->geometry.guest_w, 0.5);
	int width = cairo_image_surface_get_width(view->shape);
	int height = cairo_image_surface_get_height(view->shape);
	int to_w = MAX((int)(width * factor + 0.5), 1), to_h = MAX((int)(height * factor + 0.5), 1);
	cairo_surface_t *scaled = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, to_w, to_h);
	cairo_t *cr = cairo_create(scaled);
	GdkCursor *cursor;

	cairo_scale(cr, (double)to_w / width, (double)to_h / height);
	cairo_set_source_surface(cr, view->shape, 0, 0);
	if (to_w % width == 0)
		cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_NEAREST);
	cairo_paint(cr);
	cairo_destroy(cr);
	cairo_surface_set_device_scale(scaled, scale, scale);
	cursor = gdk_cursor_new_from_surface(gtk_widget_get_display(view->area), scaled,
			MIN(view->hot_x * factor, to_w - 1) / scale, MIN(view->hot_y * factor, to_h - 1) / scale);
	cairo_surface_destroy(scaled);
	return cursor;
}

static void update_cursor(struct clove_display_widget *view)
{
	GdkWindow *window = gtk_widget_get_window(view->area);
	GdkDisplay *display = gtk_widget_get_display(view->area);
	GdkCursor *cursor = NULL;

	if (!window)
		return;
	if (view->pointer == CLOVE_POINTER_DRAWN)
		cursor = gdk_cursor_new_for_display(display, GDK_BLANK_CURSOR);
	else if (view->pointer == CLOVE_POINTER_GUEST && has_shape(view) && view->picture)
		cursor = guest_cursor(view);
	else if (view->pointer == CLOVE_POINTER_GUEST && view->is_known)
		cursor = gdk_cursor_new_for_display(display, GDK_BLANK_CURSOR);
	gdk_window_set_cursor(window, cursor);
	g_clear_object(&cursor);
}

static void queue_pointer(struct clove_display_widget *view)
{
	int32_t x = view->cursor_x - view->hot_x - view->head.x;
	int32_t y = view->cursor_y - view->hot_y - view->head.y;

	if (view->pointer == CLOVE_POINTER_DRAWN && has_shape(view) && view->picture)
		queue_draw(view, x, y, x + cairo_image_surface_get_width(view->shape),
				y + cairo_image_surface_get_height(view->shape));
}

void clove_display_widget_set_pointer(struct clove_display_widget *view, enum clove_pointer pointer)
{
	if (view->pointer == pointer)
		return;
	queue_pointer(view);
	view->pointer = pointer;
	queue_pointer(view);
	update_cursor(view);
}

void clove_display_widget_cursor_shape(struct clove_display_widget *view,
		const struct clove_cursor_shape *shape)
{
	queue_pointer(view);
	g_clear_pointer(&view->shape, cairo_surface_destroy);
	view->is_known = true;
	if (shape) {
		view->shape = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, shape->width,
				shape->height);
		if (cairo_surface_status(view->shape) == CAIRO_STATUS_SUCCESS) {
			int stride = cairo_image_surface_get_stride(view->shape);
			unsigned char *to = cairo_image_surface_get_data(view->shape);

			for (int32_t y = 0; y < shape->height; y++)
				memcpy(to + (size_t)stride * (size_t)y,
						shape->pixels + (size_t)shape->width * 4 * (size_t)y,
						(size_t)shape->width * 4);
			cairo_surface_mark_dirty(view->shape);
			view->hot_x = shape->hot_x;
			view->hot_y = shape->hot_y;
		} else {
			g_clear_pointer(&view->shape, cairo_surface_destroy);
		}
	}
	queue_pointer(view);
	update_cursor(view);
}

void clove_display_widget_cursor_moved(struct clove_display_widget *view, int32_t x, int32_t y)
{
	queue_pointer(view);
	view->cursor_x = CLAMP(x, -32768, 65535);
	view->cursor_y = CLAMP(y, -32768, 65535);
	queue_pointer(view);
}

void clove_display_widget_cursor_visible(struct clove_display_widget *view, bool is_visible)
{
	queue_pointer(view);
	view->is_known = true;
	view->is_visible = is_visible;
	queue_pointer(view);
	update_cursor(view);
}

void clove_display_widget_cursor_reset(struct clove_display_widget *view)
{
	queue_pointer(view);
	g_clear_pointer(&view->shape, cairo_surface_destroy);
	view->is_known = false;
	update_cursor(view);
}

/* -- drawing -- */

static void draw_picture(struct clove_display_widget *view, cairo_t *cr)
{
	const struct clove_geometry *g = &view->geometry;

	cairo_save(cr);
	cairo_rectangle(cr, g->x, g->y, g->w, g->h);
	cairo_clip(cr);
	cairo_translate(cr, g->x, g->y);
	cairo_scale(cr, (double)g->w / g->guest_w, (double)g->h / g->guest_h);
	cairo_set_source_surface(cr, view->picture, 0, 0);
	cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
	cairo_pattern_set_filter(cairo_get_source(cr),
			g->is_sharp ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
	cairo_set_operator(cr, CAIRO_OPERATOR_SOURCE);
	cairo_paint(cr);
	if (view->pointer == CLOVE_POINTER_DRAWN && has_shape(view)) {
		cairo_set_operator(cr, CAIRO_OPERATOR_OVER);
		cairo_set_source_surface(cr, view->shape, view->cursor_x - view->hot_x - view->head.x,
				view->cursor_y - view->hot_y - view->head.y);
		cairo_paint(cr);
	}
	cairo_restore(cr);
}

static gboolean on_draw(GtkWidget *area, cairo_t *cr, gpointer data)
{
	struct clove_display_widget *view = data;
	const struct clove_geometry *g = &view->geometry;
	int scale = device_scale(view);
	double width = gtk_widget_get_allocated_width(area) * scale;
	double height = gtk_widget_get_allocated_height(area) * scale;

	cairo_scale(cr, 1.0 / scale, 1.0 / scale);
	cairo_set_source_rgb(cr, 0, 0, 0);
	cairo_rectangle(cr, 0, 0, width, height);
	if (view->picture) {
		cairo_set_fill_rule(cr, CAIRO_FILL_RULE_EVEN_ODD);
		cairo_rectangle(cr, g->x, g->y, g->w, g->h);
	}
	cairo_fill(cr);
	if (view->picture)
		draw_picture(view, cr);
	if (view->is_dimmed) {
		cairo_set_source_rgba(cr, 0.1, 0.1, 0.12, 0.65);
		cairo_paint(cr);
	}
	if (view->has_change) {
		view->has_change = false;
		view->painted_us = g_get_monotonic_time();
		if (view->events->painted)
			view->events->painted(view->opaque);
	}
	return TRUE;
}

static void on_size_allocate(GtkWidget *area, GdkRectangle *allocation, gpointer data)
{
	(void)area;
	(void)allocation;
	update_geometry(data);
	update_cursor(data);
}

static void on_realize(GtkWidget *area, gpointer data)
{
	struct clove_display_widget *view = data;

	/* every position is told as it comes; motion.h knows how many the server can take. GDK asks the
	 * window that the desktop knows. */
	gdk_window_set_event_compression(gdk_window_get_toplevel(gtk_widget_get_window(area)), FALSE);
#ifdef GDK_WINDOWING_X11
	view->paints_at_once = GDK_IS_X11_DISPLAY(gtk_widget_get_display(area));
#endif
	update_cursor(view);
}

void clove_display_widget_show(struct clove_display_widget *view, uint8_t display,
		const struct clove_pixels *primary, const struct clove_head *head)
{
	g_clear_pointer(&view->picture, cairo_surface_destroy);
	view->display = display;
	view->head = *head;
	view->is_copy = false;
	view->picture = cairo_image_surface_create_for_data(clove_pixels_row(primary, head->y) +
			(ptrdiff_t)head->x * 4, CAIRO_FORMAT_RGB24, head->width, head->height,
			(int)primary->stride);
	if (cairo_surface_status(view->picture) != CAIRO_STATUS_SUCCESS)
		g_clear_pointer(&view->picture, cairo_surface_destroy);
	view->has_change = true;
	update_geometry(view);
	update_cursor(view);
	gtk_widget_queue_draw(view->area);
}

void clove_display_widget_keep(struct clove_display_widget *view)
{
	cairo_surface_t *copy;
	cairo_t *cr;

	if (!view->picture || view->is_copy)
		return;
	copy = cairo_image_surface_create(CAIRO_FORMAT_RGB24, view->head.width, view->head.height);
	cr = cairo_create(copy);
	cairo_set_source_surface(cr, view->picture, 0, 0);
	cairo_paint(cr);
	cairo_destroy(cr);
	cairo_surface_destroy(view->picture);
	view->picture = copy;
	view->is_copy = true;
	if (cairo_surface_status(copy) != CAIRO_STATUS_SUCCESS)
		g_clear_pointer(&view->picture, cairo_surface_destroy);
}

/* GTK's frame clock would wait for up to a sixtieth of a second since the last frame: longer than all
 * that lies between a key and its pixel. Whoever types wants to see it now; whoever watches a film
 * does not see more of it. (A Wayland compositor takes frames from the clock alone.) */
static void paint_soon(struct clove_display_widget *view)
{
	GdkWindow *window = gtk_widget_get_window(view->area);

	if (!view->paints_at_once || !view->has_change || !window || !gtk_widget_get_mapped(view->area) ||
			g_get_monotonic_time() - view->painted_us < PAINTS_APART_US)
		return;
	G_GNUC_BEGIN_IGNORE_DEPRECATIONS
	gdk_window_process_updates(window, FALSE);
	G_GNUC_END_IGNORE_DEPRECATIONS
	gdk_display_flush(gdk_window_get_display(window));
}

void clove_display_widget_changed(struct clove_display_widget *view, const pixman_region32_t *region)
{
	int n = 0;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);

	if (!view->picture || view->is_copy)
		return;
	if (n > RECTANGLES_MOST) {
		boxes = pixman_region32_extents((pixman_region32_t *)region);
		n = 1;
	}
	for (int i = 0; i < n; i++) {
		int32_t left = MAX(boxes[i].x1 - view->head.x, 0);
		int32_t top = MAX(boxes[i].y1 - view->head.y, 0);
		int32_t right = MIN(boxes[i].x2 - view->head.x, view->head.width);
		int32_t bottom = MIN(boxes[i].y2 - view->head.y, view->head.height);

		if (left >= right || top >= bottom)
			continue;
		view->has_change = true;
		queue_draw(view, left, top, right, bottom);
	}
	paint_soon(view);
}

void clove_display_widget_set_dimmed(struct clove_display_widget *view, bool is_dimmed)
{
	if (view->is_dimmed != is_dimmed)
		gtk_widget_queue_draw(view->area);
	view->is_dimmed = is_dimmed;
}

void clove_display_widget_set_scaled(struct clove_display_widget *view, bool is_scaled)
{
	view->is_scaled = is_scaled;
	update_geometry(view);
	gtk_widget_queue_draw(view->area);
}

bool clove_display_widget_has_picture(const struct clove_display_widget *view)
{
	return view->picture;
}

void clove_display_widget_size(const struct clove_display_widget *view, int32_t *width,
		int32_t *height)
{
	*width = view->picture ? view->head.width : 0;
	*height = view->picture ? view->head.height : 0;
}

uint8_t clove_display_widget_display(const struct clove_display_widget *view)
{
	return view->display;
}

/* -- birth and death -- */

struct clove_display_widget *clove_display_widget_new(
		const struct clove_display_widget_events *events, void *opaque)
{
	struct clove_display_widget *view = g_new0(struct clove_display_widget, 1);

	view->events = events;
	view->opaque = opaque;
	view->is_scaled = true;
	view->head.width = view->head.height = 1;
	view->area = g_object_ref_sink(gtk_drawing_area_new());
	gtk_widget_set_can_focus(view->area, TRUE);
	gtk_widget_set_size_request(view->area, 160, 100);
	gtk_widget_add_events(view->area, GDK_POINTER_MOTION_MASK | GDK_BUTTON_PRESS_MASK |
			GDK_BUTTON_RELEASE_MASK | GDK_ENTER_NOTIFY_MASK | GDK_LEAVE_NOTIFY_MASK |
			GDK_KEY_PRESS_MASK | GDK_KEY_RELEASE_MASK | GDK_SCROLL_MASK |
			GDK_SMOOTH_SCROLL_MASK | GDK_FOCUS_CHANGE_MASK);
	g_signal_connect(view->area, "draw", G_CALLBACK(on_draw), view);
	g_signal_connect(view->area, "size-allocate", G_CALLBACK(on_size_allocate), view);
	g_signal_connect(view->area, "realize", G_CALLBACK(on_realize), view);
	update_geometry(view);
	return view;
}

void clove_display_widget_free(struct clove_display_widget *view)
{
	if (!view)
		return;
	g_signal_handlers_disconnect_by_data(view->area, view);
	g_object_unref(view->area);
	g_clear_pointer(&view->picture, cairo_surface_destroy);
	g_clear_pointer(&view->shape, cairo_surface_destroy);
	g_free(view);
}

GtkWidget *clove_display_widget_area(const struct clove_display_widget *view)
{
	return view->area;
}
