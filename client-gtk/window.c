/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* window.c - the controls around a picture, and when a window takes the picture's size. */
#include "config.h"
#include "client-gtk/window.h"

enum {
	ZOOM_LEAST = 10, ZOOM_MOST = 400, ZOOM_STEP = 10,
	BANNER_SECONDS = 8,
	FIT_SETTLES_US = 500000,
	MODE_SETTLES_MS = 200,
	BAR_AT = 1,               /* pixels from the upper edge that show the bar in full screen */
	BAR_UNTIL = 80,
};

static const char css[] =
	/* without a compositor the frame is as wide as the grip to resize by */
	".solid-csd decoration { background-color: @borders; box-shadow: none; border: none; margin: 0; padding: 3px; }"
	".clove-status { padding: 48px; }"
	".clove-status .title { font-size: 140%; font-weight: bold; }"
	".clove-bar { padding: 4px 8px; border-radius: 0 0 8px 8px;"
	"  background-color: alpha(@theme_bg_color, 0.96); border: 1px solid @borders; border-top: none; }"
	".clove-statistics { margin: 8px; padding: 6px 10px; border-radius: 6px; font-family: monospace;"
	"  color: white; background-color: rgba(0, 0, 0, 0.75); }";

struct clove_window {
	const struct clove_settings *settings;
	const struct clove_window_events *events;
	void *opaque;
	GtkWidget *window, *header, *stack, *bar, *bar_title, *banner, *banner_text, *banner_button, *banner_close;
	GtkWidget *statistics;
	GtkWidget *status_text, *status_detail, *spinner;
	GSimpleActionGroup *actions;
	struct clove_display_widget *view;
	int zoom;                 /* percent */
	int fit_w, fit_h;         /* the view's size that we asked for last; 0: none yet */
	gint64 fit_until_us;      /* by when it has it */
	guint fit_source, banner_timer;
	bool is_full_screen, is_fit_wanted;
};

/* -- keys for the guest -- */

#define CTRL_ALT 29, 56

static const struct chord {
	const char *name, *label;
	unsigned int evdevs[3];
	int n;
} chords[] = {
	{ "del",       "Ctrl+Alt+_Del",       { CTRL_ALT, 111 }, 3 },
	{ "backspace", "Ctrl+Alt+_Backspace", { CTRL_ALT, 14 },  3 },
	{ "f1",        "Ctrl+Alt+F_1",        { CTRL_ALT, 59 },  3 },
	{ "f2",        "Ctrl+Alt+F_2",        { CTRL_ALT, 60 },  3 },
	{ "f3",        "Ctrl+Alt+F_3",        { CTRL_ALT, 61 },  3 },
	{ "f4",        "Ctrl+Alt+F_4",        { CTRL_ALT, 62 },  3 },
	{ "f5",        "Ctrl+Alt+F_5",        { CTRL_ALT, 63 },  3 },
	{ "f6",        "Ctrl+Alt+F_6",        { CTRL_ALT, 64 },  3 },
	{ "f7",        "Ctrl+Alt+F_7",        { CTRL_ALT, 65 },  3 },
	{ "f8",        "Ctrl+Alt+F_8",        { CTRL_ALT, 66 },  3 },
	{ "f9",        "Ctrl+Alt+F_9",        { CTRL_ALT, 67 },  3 },
	{ "f10",       "Ctrl+Alt+F10",        { CTRL_ALT, 68 },  3 },
	{ "f11",       "Ctrl+Alt+F11",        { CTRL_ALT, 87 },  3 },
	{ "f12",       "Ctrl+Alt+F12",        { CTRL_ALT, 88 },  3 },
	{ "print",     "_Print Screen",       { 99 },            1 },
	{ "super",     "_Super",              { 125 },           1 },
	{ "shift-f11", "Shift+F11",           { 42, 87 },        2 },
};

static void send_keys(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;
	const char *name = g_variant_get_string(parameter, NULL);

	(void)action;
	for (size_t i = 0; i < G_N_ELEMENTS(chords); i++)
		if (!g_strcmp0(name, chords[i].name))
			window->events->send_keys(window->opaque, chords[i].evdevs, chords[i].n);
}

static void append_chord(GMenu *menu, size_t i)
{
	char *action = g_strdup_printf("win.send-keys::%s", chords[i].name);

	g_menu_append(menu, chords[i].label, action);
	g_free(action);
}

static GMenuModel *keys_menu(void)
{
	GMenu *menu = g_menu_new(), *first = g_menu_new(), *consoles = g_menu_new(), *rest = g_menu_new();
	GMenu *release = g_menu_new();

	for (size_t i = 0; i < G_N_ELEMENTS(chords); i++)
		append_chord(i < 2 ? first : i < 14 ? consoles : rest, i);
	g_menu_append(release, "_Release Keyboard and Pointer (Ctrl+Alt)", "win.release");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(first));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(consoles));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(rest));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(release));
	g_object_unref(first);
	g_object_unref(consoles);
	g_object_unref(rest);
	g_object_unref(release);
	return G_MENU_MODEL(menu);
}

/* -- size -- */

static void wanted_size(struct clove_window *window, int *w, int *h)
{
	int32_t width, height;
	int scale = gtk_widget_get_scale_factor(window->window);

	clove_display_widget_size(window->view, &width, &height);
	*w = MAX(width * window->zoom / 100 / scale, 1);
	*h = MAX(height * window->zoom / 100 / scale, 1);
}

/* The place that a window may take on its monitor. */
static void work_area(struct clove_window *window, GdkRectangle *area)
{
	GdkWindow *gdk = gtk_widget_get_window(window->window);
	GdkDisplay *display = gtk_widget_get_display(window->window);
	GdkMonitor *monitor = gdk ? gdk_display_get_monitor_at_window(display, gdk) :
			gdk_display_get_monitor(display, 0);

	*area = (GdkRectangle){ 0, 0, 1024, 768 };
	if (monitor)
		gdk_monitor_get_workarea(monitor, area);
}

/* GTK counts a window's size without its header bar and frame: as the view's. */
static gboolean fit(gpointer data)
{
	struct clove_window *window = data;
	GtkWindow *gtk = GTK_WINDOW(window->window);
	int now_w, now_h, frame_w, frame_h, w, h, x, y, to_x, to_y;
	GdkRectangle most;

	window->fit_source = 0;
	now_w = gtk_widget_get_allocated_width(window->stack);
	now_h = gtk_widget_get_allocated_height(window->stack);
	if (now_w <= 1 || now_h <= 1 || window->is_full_screen || gtk_window_is_maximized(gtk))
		return G_SOURCE_REMOVE;
	window->is_fit_wanted = false;
	frame_w = gtk_widget_get_allocated_width(window->window) - now_w;
	frame_h = gtk_widget_get_allocated_height(window->window) - now_h;
	wanted_size(window, &w, &h);
	work_area(window, &most);
	/* too large for the screen: as large as it may be, in the picture's shape */
	if (w + frame_w > most.width || h + frame_h > most.height) {
		double shrink = MIN((double)(most.width - frame_w) / w,
				(double)(most.height - frame_h) / h);

		w = MAX((int)(w * shrink), 1);
		h = MAX((int)(h * shrink), 1);
	}
	window->fit_w = w;
	window->fit_h = h;
	window->fit_until_us = g_get_monotonic_time() + FIT_SETTLES_US;
	gtk_window_resize(gtk, w, h);
	/* what grew must not hang over the edge */
	gtk_window_get_position(gtk, &x, &y);
	to_x = CLAMP(x, most.x, MAX(most.x + most.width - w - frame_w, most.x));
	to_y = CLAMP(y, most.y, MAX(most.y + most.height - h - frame_h, most.y));
	if (to_x != x || to_y != y)
		gtk_window_move(gtk, to_x, to_y);
	return G_SOURCE_REMOVE;
}

/* A guest that changes its mode has odd sizes on the way (64x64, for one): those are waited out. */
static void fit_soon(struct clove_window *window, bool is_settling)
{
	window->is_fit_wanted = true;
	if (!gtk_widget_get_mapped(window->stack))
		return;
	if (window->fit_source)
		g_source_remove(window->fit_source);
	window->fit_source = is_settling ? g_timeout_add(MODE_SETTLES_MS, fit, window) :
			g_idle_add(fit, window);
}

static void on_stack_allocate(GtkWidget *stack, GdkRectangle *allocation, gpointer data)
{
	struct clove_window *window = data;

	(void)stack;
	(void)allocation;
	if (window->is_fit_wanted && !window->fit_source)
		fit_soon(window, false);
}

/* Somebody has pulled at the window since we sized it. Window managers take their time. */
static bool is_resized(struct clove_window *window)
{
	GtkWidget *area = clove_display_widget_area(window->view);

	return window->fit_w && g_get_monotonic_time() > window->fit_until_us && (ABS(gtk_widget_get_allocated_width(area) - window->fit_w) > 1 ||
			ABS(gtk_widget_get_allocated_height(area) - window->fit_h) > 1);
}

static void set_zoom(struct clove_window *window, int zoom)
{
	window->zoom = CLAMP(zoom, ZOOM_LEAST, ZOOM_MOST);
	if (clove_display_widget_has_picture(window->view))
		fit_soon(window, false);
}

/* -- actions -- */

static void set_full_screen(struct clove_window *window, bool is_full_screen)
{
	if (is_full_screen)
		gtk_window_fullscreen(GTK_WINDOW(window->window));
	else
		gtk_window_unfullscreen(GTK_WINDOW(window->window));
}

static void toggle_full_screen(GSimpleAction *action, GVariant *value, gpointer data)
{
	(void)action;
	set_full_screen(data, g_variant_get_boolean(value));
}

static void zoom_in(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	set_zoom(window, window->zoom + ZOOM_STEP);
}

static void zoom_out(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	set_zoom(window, window->zoom - ZOOM_STEP);
}

static void zoom_reset(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	(void)action;
	(void)parameter;
	set_zoom(data, 100);
}

static void toggle_scale(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct clove_window *window = data;

	g_simple_action_set_state(action, value);
	clove_display_widget_set_scaled(window->view, g_variant_get_boolean(value));
}

static void toggle_statistics(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct clove_window *window = data;

	g_simple_action_set_state(action, value);
	gtk_label_set_text(GTK_LABEL(window->statistics), "…");
	gtk_widget_set_visible(window->statistics, g_variant_get_boolean(value));
	window->events->statistics(window->opaque, window, g_variant_get_boolean(value));
}

static void screenshot(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	window->events->screenshot(window->opaque, window);
}

static void usb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	window->events->usb(window->opaque, window);
}

static void release(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	window->events->release(window->opaque);
}

static void close_window(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	(void)action;
	(void)parameter;
	gtk_window_close(GTK_WINDOW(((struct clove_window *)data)->window));
}

static void about(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct clove_window *window = data;

	(void)action;
	(void)parameter;
	gtk_show_about_dialog(GTK_WINDOW(window->window), "program-name", "Clove Viewer",
			"version", PACKAGE_VERSION, "logo-icon-name", "org.clove.Viewer",
			"comments", "Shows the screen of a virtual machine and takes your keyboard and mouse "
			"to it.", "license-type", GTK_LICENSE_LGPL_2_1, NULL);
}

static const GActionEntry entries[] = {
	{ "send-keys", send_keys, "s", NULL, NULL, { 0 } },
	{ "full-screen", NULL, NULL, "false", toggle_full_screen, { 0 } },
	{ "zoom-in", zoom_in, NULL, NULL, NULL, { 0 } },
	{ "zoom-out", zoom_out, NULL, NULL, NULL, { 0 } },
	{ "zoom-reset", zoom_reset, NULL, NULL, NULL, { 0 } },
	{ "scale", NULL, NULL, "true", toggle_scale, { 0 } },
	{ "statistics", NULL, NULL, "false", toggle_statistics, { 0 } },
	{ "screenshot", screenshot, NULL, NULL, NULL, { 0 } },
	{ "usb", usb, NULL, NULL, NULL, { 0 } },
	{ "release", release, NULL, NULL, NULL, { 0 } },
	{ "close", close_window, NULL, NULL, NULL, { 0 } },
	{ "about", about, NULL, NULL, NULL, { 0 } },
};

void clove_window_hotkey(struct clove_window *window, enum clove_hotkey_action action)
{
	if (action == CLOVE_HOTKEY_TOGGLE_FULLSCREEN)
		set_full_screen(window, !window->is_full_screen);
	else if (action == CLOVE_HOTKEY_ZOOM_IN)
		set_zoom(window, window->zoom + ZOOM_STEP);
	else if (action == CLOVE_HOTKEY_ZOOM_OUT)
		set_zoom(window, window->zoom - ZOOM_STEP);
	else if (action == CLOVE_HOTKEY_ZOOM_RESET)
		set_zoom(window, 100);
	else if (action == CLOVE_HOTKEY_STATISTICS)
		g_action_group_activate_action(G_ACTION_GROUP(window->actions), "statistics", NULL);
	else if (action == CLOVE_HOTKEY_USB_DEVICE_RESET)
		window->events->usb_reset(window->opaque);
}

/* A menu shows the hotkey that does the same. */
static void append_item(GMenu *menu, const struct clove_window *window, const char *label,
		const char *action, enum clove_hotkey_action hotkey)
{
	GMenuItem *item = g_menu_item_new(label, action);
	const struct clove_hotkey *keys = hotkey < CLOVE_HOTKEYS ? &window->settings->hotkeys.of[hotkey] :
			NULL;

	if (keys && keys->key) {
		char *name = gtk_accelerator_name(keys->key, keys->mods);

		g_menu_item_set_attribute(item, "accel", "s", name);
		g_free(name);
	}
	g_menu_append_item(menu, item);
	g_object_unref(item);
}

static GMenuModel *main_menu(const struct clove_window *window)
{
	GMenu *menu = g_menu_new(), *view = g_menu_new(), *picture = g_menu_new(), *program = g_menu_new();
	GMenu *devices = g_menu_new();

	append_item(view, window, "_Full Screen", "win.full-screen", CLOVE_HOTKEY_TOGGLE_FULLSCREEN);
	append_item(view, window, "_Scale to Window", "win.scale", CLOVE_HOTKEYS);
	append_item(view, window, "Zoom _In", "win.zoom-in", CLOVE_HOTKEY_ZOOM_IN);
	append_item(view, window, "Zoom _Out", "win.zoom-out", CLOVE_HOTKEY_ZOOM_OUT);
	append_item(view, window, "_Normal Size", "win.zoom-reset", CLOVE_HOTKEY_ZOOM_RESET);
	g_menu_append(devices, "_USB Devices…", "win.usb");
	g_menu_append(picture, "Save S_creenshot…", "win.screenshot");
	append_item(picture, window, "S_tatistics", "win.statistics", CLOVE_HOTKEY_STATISTICS);
	g_menu_append(program, "_About Clove Viewer", "win.about");
	g_menu_append(program, "_Close", "win.close");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(view));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(devices));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(picture));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(program));
	g_object_unref(view);
	g_object_unref(devices);
	g_object_unref(picture);
	g_object_unref(program);
	return G_MENU_MODEL(menu);
}

/* -- parts -- */

static void set_name(GtkWidget *widget, const char *name)
{
	atk_object_set_name(gtk_widget_get_accessible(widget), name);
	gtk_widget_set_tooltip_text(widget, name);
}

static GtkWidget *button_new(const char *icon, const char *label)
{
	GtkWidget *button = icon ? gtk_button_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON) :
			gtk_button_new_with_mnemonic(label);

	if (icon)
		set_name(button, label);
	gtk_widget_set_focus_on_click(button, FALSE);
	return button;
}

/* Menus are windows of their own: a popover must fit into a small guest's window. */
static GtkWidget *menu_button_new(const char *icon, const char *name, const char *label,
		GMenuModel *take_menu)
{
	GtkWidget *button = gtk_menu_button_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);

	gtk_container_add(GTK_CONTAINER(box), gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON));
	if (label) {
		GtkWidget *text = gtk_label_new_with_mnemonic(label);

		gtk_label_set_mnemonic_widget(GTK_LABEL(text), button);
		gtk_container_add(GTK_CONTAINER(box), text);
	}
	gtk_container_add(GTK_CONTAINER(button), box);
	gtk_menu_button_set_use_popover(GTK_MENU_BUTTON(button), FALSE);
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(button), take_menu);
	g_object_unref(take_menu);
	gtk_widget_set_focus_on_click(button, FALSE);
	set_name(button, name);
	return button;
}

static GtkWidget *usb_button_new(void)
{
	GtkWidget *button = button_new("media-removable-symbolic", "USB devices");

	gtk_actionable_set_action_name(GTK_ACTIONABLE(button), "win.usb");
	return button;
}

static GtkWidget *header_new(struct clove_window *window)
{
	GtkWidget *header = gtk_header_bar_new(), *full;

	gtk_header_bar_set_show_close_button(GTK_HEADER_BAR(header), TRUE);
	gtk_header_bar_pack_start(GTK_HEADER_BAR(header), menu_button_new("input-keyboard-symbolic",
			"Send keys to the guest", "_Keys", keys_menu()));
	gtk_header_bar_pack_start(GTK_HEADER_BAR(header), usb_button_new());
	gtk_header_bar_pack_end(GTK_HEADER_BAR(header), menu_button_new("open-menu-symbolic", "Menu",
			NULL, main_menu(window)));
	full = button_new("view-fullscreen-symbolic", "Full screen");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(full), "win.full-screen");
	gtk_header_bar_pack_end(GTK_HEADER_BAR(header), full);
	return header;
}

/* Shown later, as a whole. A revealer would keep a row of the picture's pixels to itself. */
static GtkWidget *hidden(GtkWidget *widget)
{
	gtk_widget_show_all(widget);
	gtk_widget_hide(widget);
	gtk_widget_set_no_show_all(widget, TRUE);
	return widget;
}

/* Full screen has no header bar: this one comes down when the pointer touches the upper edge. */
static GtkWidget *bar_new(struct clove_window *window)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8), *button;

	gtk_style_context_add_class(gtk_widget_get_style_context(box), "clove-bar");
	window->bar_title = gtk_label_new(NULL);
	gtk_label_set_ellipsize(GTK_LABEL(window->bar_title), PANGO_ELLIPSIZE_END);
	gtk_container_add(GTK_CONTAINER(box), menu_button_new("input-keyboard-symbolic",
			"Send keys to the guest", "_Keys", keys_menu()));
	gtk_container_add(GTK_CONTAINER(box), usb_button_new());
	gtk_container_add(GTK_CONTAINER(box), window->bar_title);
	gtk_container_add(GTK_CONTAINER(box), menu_button_new("open-menu-symbolic", "Menu", NULL,
			main_menu(window)));
	button = button_new("view-restore-symbolic", "Leave full screen");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(button), "win.full-screen");
	gtk_container_add(GTK_CONTAINER(box), button);
	button = button_new("window-close-symbolic", "Close");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(button), "win.close");
	gtk_container_add(GTK_CONTAINER(box), button);
	gtk_widget_set_halign(box, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(box, GTK_ALIGN_START);
	return hidden(box);
}

static void banner_clicked(GtkWidget *button, gpointer data)
{
	struct clove_window *window = data;

	(void)button;
	window->events->banner(window->opaque, window);
}

static GtkWidget *banner_new(struct clove_window *window)
{
	GtkWidget *bar = gtk_info_bar_new(), *area;

	gtk_info_bar_set_message_type(GTK_INFO_BAR(bar), GTK_MESSAGE_WARNING);
	area = gtk_info_bar_get_content_area(GTK_INFO_BAR(bar));
	window->banner_text = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(window->banner_text), TRUE);
	gtk_label_set_xalign(GTK_LABEL(window->banner_text), 0);
	gtk_container_add(GTK_CONTAINER(area), window->banner_text);
	window->banner_button = gtk_button_new_with_mnemonic("_Reconnect");
	g_signal_connect(window->banner_button, "clicked", G_CALLBACK(banner_clicked), window);
	gtk_info_bar_add_action_widget(GTK_INFO_BAR(bar), window->banner_button, GTK_RESPONSE_ACCEPT);
	window->banner_close = gtk_button_new_with_mnemonic("_Close");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(window->banner_close), "win.close");
	gtk_info_bar_add_action_widget(GTK_INFO_BAR(bar), window->banner_close, GTK_RESPONSE_CLOSE);
	gtk_widget_set_valign(bar, GTK_ALIGN_START);
	return hidden(bar);
}

/* Clicks go through it to the guest. */
static GtkWidget *statistics_new(void)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_style_context_add_class(gtk_widget_get_style_context(label), "clove-statistics");
	atk_object_set_name(gtk_widget_get_accessible(label), "Statistics");
	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_widget_set_halign(label, GTK_ALIGN_START);
	gtk_widget_set_valign(label, GTK_ALIGN_START);
	return hidden(label);
}

static GtkWidget *status_new(struct clove_window *window)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), *cancel;

	gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
	gtk_style_context_add_class(gtk_widget_get_style_context(box), "clove-status");
	window->spinner = gtk_spinner_new();
	gtk_widget_set_size_request(window->spinner, 32, 32);
	window->status_text = gtk_label_new(NULL);
	gtk_style_context_add_class(gtk_widget_get_style_context(window->status_text), "title");
	window->status_detail = gtk_label_new(NULL);
	gtk_style_context_add_class(gtk_widget_get_style_context(window->status_detail), "dim-label");
	for (int i = 0; i < 2; i++) {
		GtkWidget *label = i ? window->status_detail : window->status_text;

		gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
		gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
		gtk_label_set_max_width_chars(GTK_LABEL(label), 50);
	}
	cancel = gtk_button_new_with_mnemonic("_Cancel");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(cancel), "win.close");
	gtk_widget_set_halign(cancel, GTK_ALIGN_CENTER);
	gtk_container_add(GTK_CONTAINER(box), window->spinner);
	gtk_container_add(GTK_CONTAINER(box), window->status_text);
	gtk_container_add(GTK_CONTAINER(box), window->status_detail);
	gtk_container_add(GTK_CONTAINER(box), cancel);
	return box;
}

static void painted(void *opaque)
{
	struct clove_window *window = opaque;

	window->events->painted(window->opaque, window);
}

static const struct clove_display_widget_events view_events = { .painted = painted };

static gboolean on_delete(GtkWidget *widget, GdkEvent *event, gpointer data)
{
	struct clove_window *window = data;

	(void)widget;
	(void)event;
	window->events->close(window->opaque, window);
	return GDK_EVENT_STOP;
}

static gboolean on_state(GtkWidget *widget, GdkEventWindowState *event, gpointer data)
{
	struct clove_window *window = data;
	GAction *action = g_action_map_lookup_action(G_ACTION_MAP(window->actions), "full-screen");

	(void)widget;
	if (!(event->changed_mask & GDK_WINDOW_STATE_FULLSCREEN))
		return GDK_EVENT_PROPAGATE;
	window->is_full_screen = event->new_window_state & GDK_WINDOW_STATE_FULLSCREEN;
	g_simple_action_set_state(G_SIMPLE_ACTION(action),
			g_variant_new_boolean(window->is_full_screen));
	gtk_widget_set_visible(window->bar, FALSE);
	if (!window->is_full_screen && window->is_fit_wanted)
		fit_soon(window, false);
	return GDK_EVENT_PROPAGATE;
}

void clove_window_pointer_moved(struct clove_window *window, double y)
{
	if (!window->is_full_screen)
		return;
	if (y < BAR_AT)
		gtk_widget_set_visible(window->bar, TRUE);
	else if (y > BAR_UNTIL)
		gtk_widget_set_visible(window->bar, FALSE);
}

/* -- what the owner says -- */

void clove_window_set_title(struct clove_window *window, const char *title, const char *subtitle)
{
	char *name = g_strdup_printf("Screen of %s", title);

	gtk_window_set_title(GTK_WINDOW(window->window), title);
	gtk_header_bar_set_title(GTK_HEADER_BAR(window->header), title);
	gtk_header_bar_set_subtitle(GTK_HEADER_BAR(window->header), subtitle);
	gtk_label_set_text(GTK_LABEL(window->bar_title), title);
	atk_object_set_name(gtk_widget_get_accessible(clove_display_widget_area(window->view)), name);
	g_free(name);
}

void clove_window_show_status(struct clove_window *window, const char *text, const char *detail)
{
	gtk_label_set_text(GTK_LABEL(window->status_text), text);
	gtk_label_set_text(GTK_LABEL(window->status_detail), detail ? detail : "");
	gtk_spinner_start(GTK_SPINNER(window->spinner));
	gtk_stack_set_visible_child_name(GTK_STACK(window->stack), "status");
}

void clove_window_show_picture(struct clove_window *window)
{
	int w, h;

	gtk_spinner_stop(GTK_SPINNER(window->spinner));
	gtk_stack_set_visible_child_name(GTK_STACK(window->stack), "display");
	if (!gtk_window_get_focus(GTK_WINDOW(window->window)) ||
			!GTK_IS_BUTTON(gtk_window_get_focus(GTK_WINDOW(window->window))))
		gtk_widget_grab_focus(clove_display_widget_area(window->view));
	wanted_size(window, &w, &h);
	if ((w != window->fit_w || h != window->fit_h) && !is_resized(window))
		fit_soon(window, window->fit_w != 0);
}

static gboolean banner_over(gpointer data)
{
	struct clove_window *window = data;

	window->banner_timer = 0;
	gtk_widget_set_visible(window->banner, FALSE);
	return G_SOURCE_REMOVE;
}

void clove_window_set_banner(struct clove_window *window, const char *text, const char *button)
{
	if (window->banner_timer)
		g_source_remove(window->banner_timer);
	window->banner_timer = 0;
	gtk_widget_set_visible(window->banner, text != NULL);
	if (!text)
		return;
	gtk_label_set_text(GTK_LABEL(window->banner_text), text);
	gtk_widget_set_visible(window->banner_button, button != NULL);
	gtk_widget_set_visible(window->banner_close, button != NULL);
	if (button)
		gtk_button_set_label(GTK_BUTTON(window->banner_button), button);
	else
		window->banner_timer = g_timeout_add_seconds(BANNER_SECONDS, banner_over, window);
}

void clove_window_set_statistics(struct clove_window *window, const char *text)
{
	gtk_label_set_text(GTK_LABEL(window->statistics), text);
}

/* -- birth and death -- */

static void load_style(void)
{
	static GtkCssProvider *provider;

	if (provider)
		return;
	provider = gtk_css_provider_new();
	gtk_css_provider_load_from_data(provider, css, -1, NULL);
	gtk_style_context_add_provider_for_screen(gdk_screen_get_default(), GTK_STYLE_PROVIDER(provider),
			GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

struct clove_window *clove_window_new(const struct clove_settings *settings,
		const struct clove_window_events *events, void *opaque)
{
	struct clove_window *window = g_new0(struct clove_window, 1);
	GtkWidget *overlay = gtk_overlay_new();

	load_style();
	window->settings = settings;
	window->events = events;
	window->opaque = opaque;
	window->zoom = settings->zoom ? settings->zoom : 100;
	window->view = clove_display_widget_new(&view_events, window);
	window->window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	window->actions = g_simple_action_group_new();
	g_action_map_add_action_entries(G_ACTION_MAP(window->actions), entries, G_N_ELEMENTS(entries),
			window);
	gtk_widget_insert_action_group(window->window, "win", G_ACTION_GROUP(window->actions));
	window->header = header_new(window);
	gtk_window_set_titlebar(GTK_WINDOW(window->window), window->header);
	gtk_window_set_icon_name(GTK_WINDOW(window->window), "org.clove.Viewer");
	gtk_window_set_default_size(GTK_WINDOW(window->window), 720, 480);

	window->bar = bar_new(window);
	window->banner = banner_new(window);
	gtk_container_add(GTK_CONTAINER(overlay), clove_display_widget_area(window->view));
	window->statistics = statistics_new();
	gtk_overlay_add_overlay(GTK_OVERLAY(overlay), window->statistics);
	gtk_overlay_set_overlay_pass_through(GTK_OVERLAY(overlay), window->statistics, TRUE);
	gtk_overlay_add_overlay(GTK_OVERLAY(overlay), window->banner);
	gtk_overlay_add_overlay(GTK_OVERLAY(overlay), window->bar);
	window->stack = gtk_stack_new();
	gtk_stack_set_homogeneous(GTK_STACK(window->stack), FALSE);
	gtk_stack_add_named(GTK_STACK(window->stack), status_new(window), "status");
	gtk_stack_add_named(GTK_STACK(window->stack), overlay, "display");
	gtk_container_add(GTK_CONTAINER(window->window), window->stack);
	g_signal_connect(window->window, "delete-event", G_CALLBACK(on_delete), window);
	g_signal_connect(window->window, "window-state-event", G_CALLBACK(on_state), window);
	g_signal_connect_after(window->stack, "size-allocate", G_CALLBACK(on_stack_allocate), window);
	g_simple_action_set_enabled(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(window->actions),
			"usb")), !settings->is_usb_disabled);
	if (settings->is_unscaled)
		g_action_group_change_action_state(G_ACTION_GROUP(window->actions), "scale",
				g_variant_new_boolean(FALSE));
	gtk_widget_show_all(window->stack);
	gtk_widget_show_all(window->header);
	if (settings->is_full_screen)
		gtk_window_fullscreen(GTK_WINDOW(window->window));
	return window;
}

void clove_window_free(struct clove_window *window)
{
	if (!window)
		return;
	if (window->fit_source)
		g_source_remove(window->fit_source);
	if (window->banner_timer)
		g_source_remove(window->banner_timer);
	g_signal_handlers_disconnect_by_data(window->window, window);
	g_signal_handlers_disconnect_by_data(window->stack, window);
	clove_display_widget_free(window->view);
	gtk_widget_destroy(window->window);
	g_object_unref(window->actions);
	g_free(window);
}

GtkWindow *clove_window_gtk(const struct clove_window *window)
{
	return GTK_WINDOW(window->window);
}

struct clove_display_widget *clove_window_view(const struct clove_window *window)
{
	return window->view;
}
