/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.c - keys by what the hardware calls them, the pointer in both mouse modes, and the grab rules. */
#include "client-gtk/input.h"

#include <math.h>
#include "client-gtk/grab.h"
#include "client-gtk/keyboard.h"
#include "client-gtk/locks.h"
#include "client-gtk/release-chord.h"

enum {
	PAUSE = 119, CAPS_LOCK = 58, NUM_LOCK = 69, SCROLL_LOCK = 70,
	/* The keyboard's grab makes the desktop say that the focus went; whether it did shows then. */
	FOCUS_SETTLES_MS = 50,
	/* Server mode: how far the pointer may go from the middle of the view before it is put back. */
	WARP_BEYOND = 100,
};

static const unsigned int secure_attention[] = { 29, 56, 111 }; /* Ctrl+Alt+Delete */

struct clove_input {
	const struct clove_input_events *events;
	void *opaque;
	const struct clove_hotkeys *hotkeys;
	struct clove_stats *stats;
	struct clove_inputs_channel *channel;
	struct clove_keyboard keyboard;
	struct clove_locks locks;
	struct clove_release_chord chord;
	struct clove_grab grab;
	enum clove_mouse_mode mode;
	GList *views;                              /* struct clove_display_widget */
	struct clove_display_widget *focused, *hovered;
	bool is_released;                          /* by the chord */
	guint focus_timer;
	double wheel;                              /* what is left of a whole click */
	double last_x, last_y, warp_x, warp_y;     /* server mode, on the desktop */
	bool has_last, is_warping;
	GdkKeymap *keymap;
};

/* -- who has what -- */

static GtkWidget *area_of(struct clove_display_widget *view)
{
	return clove_display_widget_area(view);
}

static GtkWindow *window_of(struct clove_display_widget *view)
{
	return GTK_WINDOW(gtk_widget_get_toplevel(area_of(view)));
}

static void update_pointers(struct clove_input *input)
{
	enum clove_pointer pointer = CLOVE_POINTER_DESKTOP;

	if (input->channel && input->mode == CLOVE_MOUSE_MODE_CLIENT)
		pointer = CLOVE_POINTER_GUEST;
	else if (input->grab.has_pointer)
		pointer = CLOVE_POINTER_DRAWN;
	for (GList *i = input->views; i; i = i->next)
		clove_display_widget_set_pointer(i->data, pointer);
}

static void tell_grabbed(struct clove_input *input, bool was_grabbed)
{
	if (was_grabbed == input->grab.has_pointer)
		return;
	input->has_last = input->is_warping = false;
	update_pointers(input);
	if (input->events->grabbed)
		input->events->grabbed(input->opaque, input->grab.has_pointer);
}

static void release_grab(struct clove_input *input)
{
	bool was_grabbed = input->grab.has_pointer;

	clove_grab_release(&input->grab);
	tell_grabbed(input, was_grabbed);
}

/* The keyboard is the guest's while the pointer is over a view that has the focus. */
static void update_grab(struct clove_input *input)
{
	bool is_wanted = input->channel && input->focused && input->focused == input->hovered &&
			!input->is_released;

	if (is_wanted && !input->grab.has_keyboard)
		clove_grab_keyboard(&input->grab, area_of(input->focused));
	else if (!is_wanted && input->grab.has_keyboard && !input->grab.has_pointer)
		clove_grab_release(&input->grab);
}

static void release_keys(struct clove_input *input)
{
	clove_keyboard_release_all(&input->keyboard);
	input->chord = (struct clove_release_chord){ 0 };
}

void clove_input_release(struct clove_input *input)
{
	input->is_released = true;
	release_keys(input);
	release_grab(input);
}

/* -- locks -- */

static uint16_t desktop_locks(struct clove_input *input)
{
	return (uint16_t)((gdk_keymap_get_scroll_lock_state(input->keymap) ?
				CLOVE_MODIFIER_SCROLL_LOCK : 0) |
			(gdk_keymap_get_num_lock_state(input->keymap) ? CLOVE_MODIFIER_NUM_LOCK : 0) |
			(gdk_keymap_get_caps_lock_state(input->keymap) ? CLOVE_MODIFIER_CAPS_LOCK : 0));
}

static void tell_locks(struct clove_input *input, bool is_due)
{
	if (is_due && input->channel)
		clove_inputs_channel_locks(input->channel, input->locks.desktop);
}

static void on_keymap_state(GdkKeymap *keymap, gpointer data)
{
	struct clove_input *input = data;

	(void)keymap;
	tell_locks(input, clove_locks_desktop(&input->locks, desktop_locks(input),
			input->focused != NULL));
}

void clove_input_modifiers(struct clove_input *input, uint16_t modifiers)
{
	bool is_first = !input->locks.is_connected;

	tell_locks(input, is_first ? clove_locks_connected(&input->locks, modifiers) :
			clove_locks_report(&input->locks, modifiers, clove_now_ms()));
}

/* -- keys -- */

static void send_key(void *opaque, bool is_press, uint32_t code)
{
	struct clove_input *input = opaque;

	if (!input->channel)
		return;
	clove_inputs_channel_key(input->channel, is_press, code);
	if (is_press)
		clove_stats_key(input->stats, clove_now_us());
}

void clove_input_chord(struct clove_input *input, const unsigned int *evdevs, int n)
{
	clove_keyboard_chord(&input->keyboard, evdevs, n);
}

static bool is_hotkey(struct clove_input *input, struct clove_display_widget *view,
		const GdkEventKey *event)
{
	enum clove_hotkey_action action = clove_hotkeys_find(input->hotkeys, event->keyval,
			event->state);

	if (action == CLOVE_HOTKEYS)
		return false;
	release_keys(input); /* the guest saw the modifiers, and shall not keep them */
	if (action == CLOVE_HOTKEY_RELEASE_CURSOR)
		clove_input_release(input);
	else if (action == CLOVE_HOTKEY_SECURE_ATTENTION)
		clove_input_chord(input, secure_attention, G_N_ELEMENTS(secure_attention));
	else if (input->events->hotkey)
		input->events->hotkey(input->opaque, view, action);
	return true;
}

static void key(struct clove_input *input, bool is_press, unsigned int evdev, guint keyval)
{
	enum clove_release release;

	/* Ctrl+Pause is Break, which has a code of its own */
	if (evdev == PAUSE && (is_press ? keyval == GDK_KEY_Pause : input->keyboard.is_pause_down)) {
		clove_keyboard_pause(&input->keyboard, is_press);
		return;
	}
	if (evdev == CAPS_LOCK || evdev == NUM_LOCK || evdev == SCROLL_LOCK)
		clove_locks_key(&input->locks, clove_now_ms());
	clove_keyboard_key(&input->keyboard, is_press, evdev);
	release = clove_release_chord_key(&input->chord, is_press, evdev);
	if (release == CLOVE_RELEASE_POINTER && input->grab.has_pointer) {
		clove_grab_release_pointer(&input->grab);
		tell_grabbed(input, true);
	} else if (release == CLOVE_RELEASE_KEYBOARD) {
		clove_input_release(input);
	}
}

static struct clove_display_widget *view_with_focus(struct clove_input *input, GtkWidget *window)
{
	GtkWidget *focus = gtk_window_get_focus(GTK_WINDOW(window));

	for (GList *i = input->views; i; i = i->next)
		if (area_of(i->data) == focus && gtk_widget_get_mapped(focus))
			return i->data;
	return NULL;
}

/* Before GTK looks for accelerators, mnemonics and Tab: those keys are the guest's. */
static gboolean on_key(GtkWidget *window, GdkEventKey *event, gpointer data)
{
	struct clove_input *input = data;
	struct clove_display_widget *view = view_with_focus(input, window);
	bool is_press = event->type == GDK_KEY_PRESS;

	if (!view)
		return GDK_EVENT_PROPAGATE;
	if (is_press && is_hotkey(input, view, event))
		return GDK_EVENT_STOP;
	if (!input->channel)
		return GDK_EVENT_PROPAGATE;
	if (event->hardware_keycode >= CLOVE_KEYMAP_X11_OFFSET)
		key(input, is_press, event->hardware_keycode - CLOVE_KEYMAP_X11_OFFSET, event->keyval);
	return GDK_EVENT_STOP;
}

/* -- focus -- */

static void lose_focus(struct clove_input *input)
{
	input->focused = NULL;
	release_keys(input);
	if (input->channel)
		clove_inputs_channel_release_buttons(input->channel);
	release_grab(input);
}

static gboolean focus_settled(gpointer data)
{
	struct clove_input *input = data;

	input->focus_timer = 0;
	if (input->focused && (!gtk_window_is_active(window_of(input->focused)) ||
			!gtk_widget_has_focus(area_of(input->focused))))
		lose_focus(input);
	return G_SOURCE_REMOVE;
}

static void gain_focus(struct clove_input *input, struct clove_display_widget *view)
{
	if (input->focused == view)
		return;
	release_keys(input);
	input->focused = view;
	tell_locks(input, clove_locks_focus(&input->locks, desktop_locks(input)));
	update_grab(input);
}

static gboolean on_focus_in(GtkWidget *area, GdkEventFocus *event, gpointer data)
{
	struct clove_input *input = data;

	(void)event;
	for (GList *i = input->views; i; i = i->next)
		if (area_of(i->data) == area)
			gain_focus(input, i->data);
	return GDK_EVENT_PROPAGATE;
}

static gboolean on_focus_out(GtkWidget *area, GdkEventFocus *event, gpointer data)
{
	struct clove_input *input = data;

	(void)event;
	if (!input->focused || area_of(input->focused) != area)
		return GDK_EVENT_PROPAGATE;
	if (!input->grab.has_keyboard)
		lose_focus(input);
	else if (!input->focus_timer)
		input->focus_timer = g_timeout_add(FOCUS_SETTLES_MS, focus_settled, input);
	return GDK_EVENT_PROPAGATE;
}

/* A grab hides from GDK that another window was made active; the window manager says it. */
static gboolean on_window_state(GtkWidget *window, GdkEventWindowState *event, gpointer data)
{
	struct clove_input *input = data;

	if (input->focused && GTK_WIDGET(window_of(input->focused)) == window &&
			event->changed_mask & GDK_WINDOW_STATE_FOCUSED &&
			!(event->new_window_state & GDK_WINDOW_STATE_FOCUSED) && !input->focus_timer)
		input->focus_timer = g_timeout_add(FOCUS_SETTLES_MS, focus_settled, input);
	return GDK_EVENT_PROPAGATE;
}

static gboolean on_grab_broken(GtkWidget *area, GdkEventGrabBroken *event, gpointer data)
{
	struct clove_input *input = data;
	bool was_grabbed = input->grab.has_pointer;

	if (event->implicit || input->grab.widget != area)
		return GDK_EVENT_PROPAGATE;
	clove_grab_broken(&input->grab);
	tell_grabbed(input, was_grabbed);
	release_keys(input);
	if (input->channel)
		clove_inputs_channel_release_buttons(input->channel);
	return GDK_EVENT_PROPAGATE;
}

/* -- pointer -- */

static struct clove_display_widget *view_of(struct clove_input *input, GtkWidget *area)
{
	for (GList *i = input->views; i; i = i->next)
		if (area_of(i->data) == area)
			return i->data;
	return NULL;
}

static gboolean on_crossing(GtkWidget *area, GdkEventCrossing *event, gpointer data)
{
	struct clove_input *input = data;
	struct clove_display_widget *view = view_of(input, area);

	if (event->mode != GDK_CROSSING_NORMAL && event->mode != GDK_CROSSING_UNGRAB)
		return GDK_EVENT_PROPAGATE;
	if (event->type == GDK_ENTER_NOTIFY) {
		input->hovered = view;
		input->is_released = false;
	} else if (input->hovered == view) {
		input->hovered = NULL;
	}
	update_grab(input);
	return GDK_EVENT_PROPAGATE;
}

/* Relative motion, and the pointer back to the middle before an edge stops it. */
static void move_grabbed(struct clove_input *input, GdkEventMotion *event)
{
	GtkWidget *area = input->grab.widget;
	GdkWindow *window = gtk_widget_get_window(area);
	double dx = event->x_root - input->last_x, dy = event->y_root - input->last_y;
	int x, y;

	if (input->is_warping && hypot(event->x_root - input->warp_x, event->y_root - input->warp_y) <
			hypot(event->x_root - input->last_x, event->y_root - input->last_y)) {
		input->is_warping = false; /* our own doing, and what came with it */
		dx = event->x_root - input->warp_x;
		dy = event->y_root - input->warp_y;
	}
	if (input->has_last && (lround(dx) || lround(dy)))
		clove_inputs_channel_motion(input->channel, (int32_t)lround(dx), (int32_t)lround(dy));
	input->last_x = event->x_root;
	input->last_y = event->y_root;
	input->has_last = true;
	gdk_window_get_root_coords(window, gtk_widget_get_allocated_width(area) / 2,
			gtk_widget_get_allocated_height(area) / 2, &x, &y);
	if (!input->is_warping && hypot(event->x_root - x, event->y_root - y) > WARP_BEYOND) {
		input->warp_x = x;
		input->warp_y = y;
		input->is_warping = true;
		gdk_device_warp(gdk_event_get_device((GdkEvent *)event),
				gtk_widget_get_screen(area), x, y);
	}
}

static gboolean on_motion(GtkWidget *area, GdkEventMotion *event, gpointer data)
{
	struct clove_input *input = data;
	struct clove_display_widget *view = view_of(input, area);
	int32_t x, y;

	if (!view)
		return GDK_EVENT_PROPAGATE;
	if (!input->grab.has_pointer && input->events->moved)
		input->events->moved(input->opaque, view, event->x, event->y);
	if (!input->channel)
		return GDK_EVENT_PROPAGATE;
	if (input->grab.has_pointer)
		move_grabbed(input, event);
	else if (input->mode == CLOVE_MOUSE_MODE_CLIENT &&
			clove_display_widget_to_guest(view, event->x, event->y, &x, &y))
		clove_inputs_channel_position(input->channel, clove_display_widget_display(view),
				(uint32_t)x, (uint32_t)y);
	return GDK_EVENT_STOP;
}

static enum clove_button button_of(guint button)
{
	static const uint8_t buttons[] = {
		[1] = CLOVE_BUTTON_LEFT, [2] = CLOVE_BUTTON_MIDDLE, [3] = CLOVE_BUTTON_RIGHT,
		[8] = CLOVE_BUTTON_SIDE, [9] = CLOVE_BUTTON_EXTRA,
	};

	return button < G_N_ELEMENTS(buttons) ? buttons[button] : 0;
}

/* Server mode: the click that takes the pointer is not the guest's. */
static void take_pointer(struct clove_input *input, GtkWidget *area, const GdkEventButton *event)
{
	bool was_grabbed = input->grab.has_pointer;

	clove_grab_all(&input->grab, area);
	tell_grabbed(input, was_grabbed);
	input->last_x = event->x_root;
	input->last_y = event->y_root;
	input->has_last = true;
}

static gboolean on_button(GtkWidget *area, GdkEventButton *event, gpointer data)
{
	struct clove_input *input = data;
	struct clove_display_widget *view = view_of(input, area);
	enum clove_button button = button_of(event->button);
	int32_t x, y;

	if (event->type == GDK_BUTTON_PRESS) {
		gtk_widget_grab_focus(area);
		input->is_released = false;
		update_grab(input);
	}
	if (!view || !input->channel || !button ||
			(event->type != GDK_BUTTON_PRESS && event->type != GDK_BUTTON_RELEASE))
		return GDK_EVENT_STOP;
	if (input->mode == CLOVE_MOUSE_MODE_SERVER && !input->grab.has_pointer) {
		if (event->type == GDK_BUTTON_PRESS)
			take_pointer(input, area, event);
		return GDK_EVENT_STOP;
	}
	if (input->mode == CLOVE_MOUSE_MODE_CLIENT) {
		bool is_inside = clove_display_widget_to_guest(view, event->x, event->y, &x, &y);

		/* a release outside is still one */
		if (!is_inside && event->type == GDK_BUTTON_PRESS)
			return GDK_EVENT_STOP;
		if (is_inside)
			clove_inputs_channel_position(input->channel, clove_display_widget_display(view),
					(uint32_t)x, (uint32_t)y);
	}
	clove_inputs_channel_button(input->channel, button, event->type == GDK_BUTTON_PRESS);
	return GDK_EVENT_STOP;
}

static void click_wheel(struct clove_input *input, enum clove_button button)
{
	clove_inputs_channel_button(input->channel, button, true);
	clove_inputs_channel_button(input->channel, button, false);
}

static gboolean on_scroll(GtkWidget *area, GdkEventScroll *event, gpointer data)
{
	struct clove_input *input = data;

	(void)area;
	if (!input->channel || (input->mode == CLOVE_MOUSE_MODE_SERVER && !input->grab.has_pointer))
		return GDK_EVENT_STOP;
	if (event->direction == GDK_SCROLL_UP)
		click_wheel(input, CLOVE_BUTTON_WHEEL_UP);
	else if (event->direction == GDK_SCROLL_DOWN)
		click_wheel(input, CLOVE_BUTTON_WHEEL_DOWN);
	if (event->direction != GDK_SCROLL_SMOOTH)
		return GDK_EVENT_STOP;
	if (input->wheel * event->delta_y < 0)
		input->wheel = 0; /* what is left of the other direction */
	input->wheel += CLAMP(event->delta_y, -20, 20);
	for (; input->wheel <= -1; input->wheel++)
		click_wheel(input, CLOVE_BUTTON_WHEEL_UP);
	for (; input->wheel >= 1; input->wheel--)
		click_wheel(input, CLOVE_BUTTON_WHEEL_DOWN);
	return GDK_EVENT_STOP;
}

/* -- the session's part -- */

void clove_input_set_channel(struct clove_input *input, struct clove_inputs_channel *channel)
{
	if (input->channel == channel)
		return;
	input->channel = NULL; /* what was down is up without a word */
	release_keys(input);
	if (!channel) {
		release_grab(input);
		clove_locks_disconnected(&input->locks);
	}
	input->channel = channel;
	input->locks.desktop = desktop_locks(input);
	update_pointers(input);
	update_grab(input);
}

void clove_input_set_mouse_mode(struct clove_input *input, enum clove_mouse_mode mode)
{
	input->mode = mode;
	if (mode == CLOVE_MOUSE_MODE_CLIENT && input->grab.has_pointer) {
		clove_grab_release_pointer(&input->grab);
		tell_grabbed(input, true);
	}
	update_pointers(input);
}

void clove_input_attach(struct clove_input *input, struct clove_display_widget *view)
{
	GtkWidget *area = area_of(view);
	GObject *window = G_OBJECT(window_of(view));

	input->views = g_list_append(input->views, view);
	g_signal_connect(area, "focus-in-event", G_CALLBACK(on_focus_in), input);
	g_signal_connect(area, "focus-out-event", G_CALLBACK(on_focus_out), input);
	g_signal_connect(area, "grab-broken-event", G_CALLBACK(on_grab_broken), input);
	g_signal_connect(area, "enter-notify-event", G_CALLBACK(on_crossing), input);
	g_signal_connect(area, "leave-notify-event", G_CALLBACK(on_crossing), input);
	g_signal_connect(area, "motion-notify-event", G_CALLBACK(on_motion), input);
	g_signal_connect(area, "button-press-event", G_CALLBACK(on_button), input);
	g_signal_connect(area, "button-release-event", G_CALLBACK(on_button), input);
	g_signal_connect(area, "scroll-event", G_CALLBACK(on_scroll), input);
	g_signal_connect(window, "key-press-event", G_CALLBACK(on_key), input);
	g_signal_connect(window, "key-release-event", G_CALLBACK(on_key), input);
	g_signal_connect(window, "window-state-event", G_CALLBACK(on_window_state), input);
	update_pointers(input);
}

void clove_input_detach(struct clove_input *input, struct clove_display_widget *view)
{
	if (input->focused == view || input->grab.widget == area_of(view))
		lose_focus(input);
	if (input->hovered == view)
		input->hovered = NULL;
	g_signal_handlers_disconnect_by_data(area_of(view), input);
	g_signal_handlers_disconnect_by_data(window_of(view), input);
	input->views = g_list_remove(input->views, view);
}

struct clove_input *clove_input_new(const struct clove_input_events *events, void *opaque,
		const struct clove_hotkeys *hotkeys, struct clove_stats *stats)
{
	struct clove_input *input = g_new0(struct clove_input, 1);

	input->events = events;
	input->opaque = opaque;
	input->hotkeys = hotkeys;
	input->stats = stats;
	input->mode = CLOVE_MOUSE_MODE_SERVER;
	input->keyboard.send = send_key;
	input->keyboard.opaque = input;
	input->keymap = gdk_keymap_get_for_display(gdk_display_get_default());
	g_signal_connect(input->keymap, "state-changed", G_CALLBACK(on_keymap_state), input);
	return input;
}

void clove_input_free(struct clove_input *input)
{
	if (!input)
		return;
	clove_grab_release(&input->grab);
	if (input->focus_timer)
		g_source_remove(input->focus_timer);
	g_signal_handlers_disconnect_by_data(input->keymap, input);
	g_list_free(input->views);
	g_free(input);
}
