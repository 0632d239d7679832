/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* viewer.c - what follows what: connecting, asking, showing, losing, trying again, ending. */
#include "client-gtk/viewer.h"

#include <glib-unix.h>
#include <gtk/gtk.h>
#include <signal.h>
#include <string.h>
#include "client-gtk/connect-dialog.h"
#include "client-gtk/failures.h"
#include "client-gtk/glib-loop.h"
#include "client-gtk/input.h"
#include "client-gtk/options.h"
#include "client-gtk/reconnect.h"
#include "client-gtk/screenshot.h"
#include "client-gtk/session.h"
#include "client-gtk/stats.h"
#include "client-gtk/usb-sharing.h"
#include "client-gtk/window.h"
#include "common/net/tcp.h"
#include "common/util/log.h"

enum { WINDOWS_MOST = 16, WAIT_SECONDS = 2, DARK_SECONDS = 3 };

/* A window and the head that it shows. */
struct shown {
	struct clove_window *window;
	uint8_t display;
	unsigned int head;
	bool has_head;
	bool has_statistics;
	struct clove_display_counts counts; /* at the last second */
};

struct clove_viewer {
	struct clove_settings *settings;
	struct clove_loop *loop;
	struct clove_session *session;
	struct clove_input *input;
	struct clove_usb_sharing *usb;
	struct clove_stats stats;
	struct shown shown[WINDOWS_MOST];
	unsigned int n_shown;
	GtkWidget *dialog;              /* the one that is open */
	char *target, *name;            /* as typed into the dialog; the guest's */
	struct clove_reconnect reconnect;
	struct clove_connector *look;
	guint retry_source, wait_source, stats_source, overlay_source, dark_source, signals[3];
	enum clove_exit code;
	bool is_over;
	bool is_lost;                   /* there was a session, and its last picture is shown */
	bool is_grabbed, has_screenshot;
};

static void start(struct clove_viewer *viewer);
static void ask_address(struct clove_viewer *viewer, const char *error);
static void plan_reconnect(struct clove_viewer *viewer);

static void quit(struct clove_viewer *viewer, enum clove_exit code)
{
	if (viewer->is_over)
		return;
	viewer->is_over = true;
	viewer->code = code;
	if (gtk_main_level())
		gtk_main_quit();
}

static bool is_unattended(const struct clove_viewer *viewer)
{
	return viewer->settings->exits_on_disconnect || viewer->settings->exits_after_screenshot;
}

static void close_dialog(struct clove_viewer *viewer)
{
	g_clear_pointer(&viewer->dialog, gtk_widget_destroy);
}

static void show_dialog(struct clove_viewer *viewer, GtkWidget *dialog, GCallback on_response)
{
	close_dialog(viewer);
	viewer->dialog = dialog;
	g_signal_connect(dialog, "response", on_response, viewer);
	gtk_window_present(GTK_WINDOW(dialog));
}

static GtkWindow *parent(struct clove_viewer *viewer)
{
	return viewer->n_shown ? clove_window_gtk(viewer->shown[0].window) : NULL;
}

/* -- titles -- */

static char *title_of(struct clove_viewer *viewer, unsigned int n)
{
	char *uri = clove_uri_format(&viewer->settings->address), *title;
	const char *base = viewer->settings->title ? viewer->settings->title :
			viewer->name && *viewer->name ? viewer->name : uri;
	const char *number = strstr(base, "%d");

	if (number)
		title = g_strdup_printf("%.*s%u%s", (int)(number - base), base, n + 1, number + 2);
	else if (viewer->n_shown > 1)
		title = g_strdup_printf("%s (%u)", base, n + 1);
	else
		title = g_strdup(base);
	g_free(uri);
	return title;
}

static char *subtitle_of(struct clove_viewer *viewer)
{
	const char *version = clove_session_tls_version(viewer->session);
	char *uri = clove_uri_format(&viewer->settings->address), *text;

	if (viewer->is_grabbed)
		text = g_strdup("Press Ctrl+Alt (left) to release the pointer");
	else if (!clove_session_is_connected(viewer->session))
		text = g_strdup_printf("%s – not connected", uri);
	else if (version)
		text = g_strdup_printf("%s – encrypted (%.*s)", uri, (int)strcspn(version, " "), version);
	else if (viewer->settings->address.unix_path)
		text = g_strdup(uri);
	else
		text = g_strdup_printf("%s – not encrypted", uri);
	g_free(uri);
	return text;
}

static void update_titles(struct clove_viewer *viewer)
{
	char *subtitle = subtitle_of(viewer);

	for (unsigned int i = 0; i < viewer->n_shown; i++) {
		char *title = title_of(viewer, i);

		clove_window_set_title(viewer->shown[i].window, title, subtitle);
		g_free(title);
	}
	g_free(subtitle);
}

static void set_banner(struct clove_viewer *viewer, const char *text, const char *button)
{
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		clove_window_set_banner(viewer->shown[i].window, text, button);
}

static void set_status(struct clove_viewer *viewer, const char *text)
{
	char *uri = clove_uri_format(&viewer->settings->address);

	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (!clove_display_widget_has_picture(clove_window_view(viewer->shown[i].window)))
			clove_window_show_status(viewer->shown[i].window, text, uri);
	g_free(uri);
}

/* -- screenshots -- */

static bool write_picture(const struct clove_session_display *display, const struct clove_head *head,
		const char *path, char **error)
{
	struct clove_pixels picture;

	if (!display || !clove_display_picture(display->channel, &picture)) {
		*error = g_strdup("There is no picture to write.");
		return false;
	}
	if (!head)
		return !clove_screenshot_write(path, picture.data, picture.width, picture.height,
				(int32_t)picture.stride, error);
	return !clove_screenshot_write(path, clove_pixels_row(&picture, head->y) + (ptrdiff_t)head->x * 4,
			head->width, head->height, (int32_t)picture.stride, error);
}

/* --screenshot: the first display that has a whole picture. */
static bool write_screenshot(struct clove_viewer *viewer)
{
	const struct clove_session_display *display = NULL;
	char *error = NULL;
	bool is_written;

	for (unsigned int id = 0; id < CLOVE_SESSION_DISPLAYS && !display; id++) {
		display = clove_session_display(viewer->session, id);
		if (display && !clove_display_is_marked(display->channel))
			display = NULL;
	}
	is_written = write_picture(display, NULL, viewer->settings->screenshot, &error);
	if (!is_written)
		g_printerr("clove-viewer: %s\n", error);
	g_free(error);
	return is_written;
}

static void screenshot_chosen(GtkDialog *dialog, int response, gpointer data)
{
	struct clove_viewer *viewer = data;
	struct shown *shown = g_object_get_data(G_OBJECT(dialog), "clove-shown");
	const struct clove_session_display *display = clove_session_display(viewer->session, shown->display);
	char *path = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(dialog)), *error = NULL;

	if (response == GTK_RESPONSE_ACCEPT && path && !write_picture(display,
			display && shown->head < display->n_heads ? &display->heads[shown->head] : NULL,
			path, &error))
		clove_window_set_banner(shown->window, error, NULL);
	g_free(error);
	g_free(path);
	close_dialog(viewer);
}

static struct shown *shown_in(struct clove_viewer *viewer, const struct clove_window *window)
{
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (viewer->shown[i].window == window)
			return &viewer->shown[i];
	return NULL;
}

static void window_screenshot(void *opaque, struct clove_window *window)
{
	struct clove_viewer *viewer = opaque;
	GtkWidget *dialog = gtk_file_chooser_dialog_new("Save Screenshot", clove_window_gtk(window),
			GTK_FILE_CHOOSER_ACTION_SAVE, "_Cancel", GTK_RESPONSE_CANCEL, "_Save",
			GTK_RESPONSE_ACCEPT, NULL);

	gtk_file_chooser_set_do_overwrite_confirmation(GTK_FILE_CHOOSER(dialog), TRUE);
	gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(dialog), "Screenshot.png");
	gtk_window_set_modal(GTK_WINDOW(dialog), TRUE);
	g_object_set_data(G_OBJECT(dialog), "clove-shown", shown_in(viewer, window));
	show_dialog(viewer, dialog, G_CALLBACK(screenshot_chosen));
}

/* -- windows -- */

static void window_close(void *opaque, struct clove_window *window)
{
	struct clove_viewer *viewer = opaque;

	(void)window;
	quit(viewer, viewer->is_lost ? CLOVE_EXIT_DISCONNECTED : CLOVE_EXIT_OK);
}

static void window_send_keys(void *opaque, const unsigned int *evdevs, int n)
{
	struct clove_viewer *viewer = opaque;

	clove_input_chord(viewer->input, evdevs, n);
}

static void window_release(void *opaque)
{
	struct clove_viewer *viewer = opaque;

	clove_input_release(viewer->input);
}

static void retry_now(struct clove_viewer *viewer)
{
	if (viewer->retry_source)
		g_source_remove(viewer->retry_source);
	viewer->retry_source = 0;
	clove_connector_cancel(viewer->look);
	viewer->look = NULL;
	start(viewer);
}

static void window_banner(void *opaque, struct clove_window *window)
{
	struct clove_viewer *viewer = opaque;

	(void)window;
	if (viewer->is_lost)
		retry_now(viewer);
}

static void window_painted(void *opaque, struct clove_window *window)
{
	struct clove_viewer *viewer = opaque;

	(void)window;
	clove_stats_painted(&viewer->stats, clove_now_us());
}

static void show_statistics(struct clove_viewer *viewer, struct shown *shown)
{
	const struct clove_session_display *display = shown->has_head ?
			clove_session_display(viewer->session, shown->display) : NULL;
	struct clove_display_counts now = { 0 };
	char *text;

	if (!display) {
		clove_window_set_statistics(shown->window, "no display");
		shown->counts = now;
		return;
	}
	clove_display_count(display->channel, &now);
	text = clove_stats_text(shown->display + 1u, &shown->counts, &now);
	if (now.at_us != shown->counts.at_us)  /* else they have not come yet */
		clove_window_set_statistics(shown->window, text);
	shown->counts = now;
	g_free(text);
}

static gboolean on_overlay(gpointer data)
{
	struct clove_viewer *viewer = data;

	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (viewer->shown[i].has_statistics)
			show_statistics(viewer, &viewer->shown[i]);
	return G_SOURCE_CONTINUE;
}

static void window_statistics(void *opaque, struct clove_window *window, bool is_wanted)
{
	struct clove_viewer *viewer = opaque;
	struct shown *shown = shown_in(viewer, window);
	bool is_any = false;

	if (!shown)
		return;
	shown->has_statistics = is_wanted;
	if (is_wanted)
		show_statistics(viewer, shown);
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		is_any = is_any || viewer->shown[i].has_statistics;
	if (is_any && !viewer->overlay_source)
		viewer->overlay_source = g_timeout_add_seconds(1, on_overlay, viewer);
	if (!is_any && viewer->overlay_source) {
		g_source_remove(viewer->overlay_source);
		viewer->overlay_source = 0;
	}
}

static void window_usb(void *opaque, struct clove_window *window)
{
	struct clove_viewer *viewer = opaque;

	clove_usb_sharing_show(viewer->usb, clove_window_gtk(window));
}

static void window_usb_reset(void *opaque)
{
	struct clove_viewer *viewer = opaque;

	clove_usb_sharing_reset(viewer->usb);
}

static const struct clove_window_events window_events = {
	.usb = window_usb,
	.usb_reset = window_usb_reset,
	.statistics = window_statistics,
	.close = window_close,
	.send_keys = window_send_keys,
	.release = window_release,
	.screenshot = window_screenshot,
	.banner = window_banner,
	.painted = window_painted,
};

static struct shown *add_window(struct clove_viewer *viewer)
{
	struct shown *shown;

	if (viewer->n_shown == WINDOWS_MOST)
		return NULL;
	shown = &viewer->shown[viewer->n_shown++];
	*shown = (struct shown){ .window = clove_window_new(viewer->settings, &window_events, viewer) };
	clove_input_attach(viewer->input, clove_window_view(shown->window));
	update_titles(viewer);
	gtk_window_present(clove_window_gtk(shown->window));
	return shown;
}

static void free_window(struct clove_viewer *viewer, struct shown *shown)
{
	clove_input_detach(viewer->input, clove_window_view(shown->window));
	clove_window_free(shown->window);
	shown->window = NULL;
}

/* Heads that are no more lose their windows; one window stays. */
static void drop_windows(struct clove_viewer *viewer, const struct clove_session_display *display)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < viewer->n_shown; i++) {
		struct shown *shown = &viewer->shown[i];

		if (shown->has_head && shown->display == display->id && shown->head >= display->n_heads &&
				viewer->n_shown - i + n > 1) {
			free_window(viewer, shown);
			continue;
		}
		if (&viewer->shown[n] != shown)
			viewer->shown[n] = *shown;
		n++;
	}
	if (n != viewer->n_shown) {
		viewer->n_shown = n;
		close_dialog(viewer); /* it may speak of a window that went */
		update_titles(viewer);
	}
}

static struct shown *window_for(struct clove_viewer *viewer, uint8_t display, unsigned int head)
{
	struct shown *shown = NULL;

	for (unsigned int i = 0; i < viewer->n_shown; i++) {
		struct shown *one = &viewer->shown[i];

		if (one->has_head && one->display == display && one->head == head)
			return one;
		if (!one->has_head && !shown)
			shown = one;
	}
	if (!shown)
		shown = add_window(viewer);
	if (!shown)
		return NULL;
	shown->display = display;
	shown->head = head;
	shown->has_head = true;
	return shown;
}

/* -- the session's events -- */

static void session_connected(void *opaque)
{
	struct clove_viewer *viewer = opaque;
	char *uri = clove_uri_format(&viewer->settings->address);

	clove_usb_sharing_connected(viewer->usb, true);
	if (!viewer->settings->is_file && !is_unattended(viewer))
		clove_connect_dialog_remember(uri);
	g_free(uri);
	set_status(viewer, "Waiting for the guest's screen");
	update_titles(viewer);
}

static void session_name(void *opaque, const char *name)
{
	struct clove_viewer *viewer = opaque;

	g_free(viewer->name);
	viewer->name = g_strdup(name);
	update_titles(viewer);
}

static void session_mouse_mode(void *opaque, enum clove_mouse_mode mode)
{
	struct clove_viewer *viewer = opaque;

	clove_input_set_mouse_mode(viewer->input, mode);
}

static void session_modifiers(void *opaque, uint16_t modifiers)
{
	struct clove_viewer *viewer = opaque;

	clove_input_set_channel(viewer->input, clove_session_inputs(viewer->session));
	clove_input_modifiers(viewer->input, modifiers);
}

static void show_heads(struct clove_viewer *viewer, const struct clove_session_display *display)
{
	struct clove_pixels picture;

	if (!clove_display_picture(display->channel, &picture))
		return;
	for (unsigned int i = 0; i < display->n_heads; i++) {
		struct shown *shown = window_for(viewer, display->id, i);

		if (!shown)
			break;
		clove_display_widget_show(clove_window_view(shown->window), display->id, &picture,
				&display->heads[i]);
		clove_display_widget_set_dimmed(clove_window_view(shown->window), false);
		clove_window_show_picture(shown->window);
		if (viewer->is_lost)
			clove_window_set_banner(shown->window, NULL, NULL);
	}
	drop_windows(viewer, display);
}

static void session_heads(void *opaque, const struct clove_session_display *display)
{
	/* before its mark a picture is not worth showing, and the last one stays */
	if (clove_display_is_marked(display->channel))
		show_heads(opaque, display);
}

/* A screen that was switched off, not one that changes its mode. */
static gboolean still_dark(gpointer data)
{
	struct clove_viewer *viewer = data;

	viewer->dark_source = 0;
	for (unsigned int id = 0; id < CLOVE_SESSION_DISPLAYS; id++) {
		const struct clove_session_display *display = clove_session_display(viewer->session, id);

		if (display && !display->n_heads)
			drop_windows(viewer, display);
	}
	return G_SOURCE_REMOVE;
}

static void session_picture_goes(void *opaque, const struct clove_session_display *display)
{
	struct clove_viewer *viewer = opaque;

	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (viewer->shown[i].has_head && viewer->shown[i].display == display->id)
			clove_display_widget_keep(clove_window_view(viewer->shown[i].window));
	if (!viewer->dark_source)
		viewer->dark_source = g_timeout_add_seconds(DARK_SECONDS, still_dark, viewer);
}

static void session_changed(void *opaque, const struct clove_session_display *display,
		const pixman_region32_t *region)
{
	struct clove_viewer *viewer = opaque;

	clove_stats_changed(&viewer->stats);
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (viewer->shown[i].has_head && viewer->shown[i].display == display->id)
			clove_display_widget_changed(clove_window_view(viewer->shown[i].window), region);
}

static void session_marked(void *opaque, const struct clove_session_display *display)
{
	struct clove_viewer *viewer = opaque;

	show_heads(viewer, display);
	if (viewer->is_lost) {
		viewer->is_lost = false;
		update_titles(viewer);
	}
	if (viewer->wait_source)
		g_source_remove(viewer->wait_source);
	viewer->wait_source = 0;
	if (!viewer->settings->screenshot || viewer->has_screenshot)
		return;
	viewer->has_screenshot = write_screenshot(viewer);
	if (!viewer->has_screenshot)
		quit(viewer, CLOVE_EXIT_NO_PICTURE);
	else if (viewer->settings->exits_after_screenshot)
		quit(viewer, CLOVE_EXIT_OK);
}

#define FOR_EACH_VIEW(viewer, id, view) \
	for (unsigned int i_ = 0; i_ < (viewer)->n_shown; i_++) \
		for (struct clove_display_widget *view = (viewer)->shown[i_].has_head && \
				(viewer)->shown[i_].display == (id) ? \
				clove_window_view((viewer)->shown[i_].window) : NULL; view; view = NULL)

static void session_cursor_shape(void *opaque, uint8_t id, const struct clove_cursor_shape *shape)
{
	FOR_EACH_VIEW((struct clove_viewer *)opaque, id, view)
		clove_display_widget_cursor_shape(view, shape);
}

static void session_cursor_moved(void *opaque, uint8_t id, int32_t x, int32_t y)
{
	FOR_EACH_VIEW((struct clove_viewer *)opaque, id, view)
		clove_display_widget_cursor_moved(view, x, y);
}

static void session_cursor_visible(void *opaque, uint8_t id, bool is_visible)
{
	FOR_EACH_VIEW((struct clove_viewer *)opaque, id, view)
		clove_display_widget_cursor_visible(view, is_visible);
}

static void session_cursor_reset(void *opaque, uint8_t id)
{
	FOR_EACH_VIEW((struct clove_viewer *)opaque, id, view)
		clove_display_widget_cursor_reset(view);
}

static void session_channel_lost(void *opaque, enum clove_channel_type type, uint8_t id,
		const char *cause)
{
	struct clove_viewer *viewer = opaque;
	char *text;

	if (type == CLOVE_CHANNEL_INPUTS)
		clove_input_set_channel(viewer->input, NULL);
	/* all channels go when a server ends, in any order: the main channel's end then says so */
	clove_log(INFO, "session", "%s channel %u: %s", clove_channel_type_name(type), id, cause);
	if (type == CLOVE_CHANNEL_CURSOR || type == CLOVE_CHANNEL_USBREDIR)
		return;
	text = type == CLOVE_CHANNEL_INPUTS ?
			g_strdup_printf("Keyboard and mouse do not reach the guest: %s", cause) :
			g_strdup_printf("Screen %u is not updated any more: %s", id + 1u, cause);
	set_banner(viewer, text, NULL);
	g_free(text);
}

/* -- USB -- */

static void session_usb_came(void *opaque, struct clove_usbredir_channel *channel)
{
	clove_usb_sharing_came(((struct clove_viewer *)opaque)->usb, channel);
}

static void session_usb_device_left(void *opaque, struct clove_usbredir_channel *channel, const char *why)
{
	clove_usb_sharing_device_left(((struct clove_viewer *)opaque)->usb, channel, why);
}

static void session_usb_filter(void *opaque, struct clove_usbredir_channel *channel, const char *rules)
{
	clove_usb_sharing_filter(((struct clove_viewer *)opaque)->usb, channel, rules);
}

static void session_usb_went(void *opaque, struct clove_usbredir_channel *channel, const char *why)
{
	clove_usb_sharing_went(((struct clove_viewer *)opaque)->usb, channel, why);
}

static bool usb_has_focus(void *opaque)
{
	struct clove_viewer *viewer = opaque;

	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (gtk_window_has_toplevel_focus(clove_window_gtk(viewer->shown[i].window)) &&
				gtk_widget_is_focus(clove_display_widget_area(
				clove_window_view(viewer->shown[i].window))))
			return true;
	return false;
}

static void usb_message(void *opaque, const char *text)
{
	struct clove_viewer *viewer = opaque;

	if (!viewer->is_lost) /* its banner says more */
		set_banner(viewer, text, NULL);
}

static const struct clove_usb_sharing_events usb_events = {
	.has_focus = usb_has_focus,
	.message = usb_message,
};

static void end_session(struct clove_viewer *viewer)
{
	clove_usb_sharing_connected(viewer->usb, false);
	clove_input_set_channel(viewer->input, NULL);
	clove_session_free(viewer->session);
	viewer->session = NULL;
}

/* -- failing, asking, trying again -- */

static void password_given(GtkDialog *dialog, int response, gpointer data)
{
	struct clove_viewer *viewer = data;
	struct clove_address *address = &viewer->settings->address;

	if (response != GTK_RESPONSE_ACCEPT) {
		quit(viewer, CLOVE_EXIT_AUTH);
		return;
	}
	if (address->password)
		explicit_bzero(address->password, strlen(address->password));
	g_free(address->password);
	address->password = g_strdup(clove_password_dialog_text(GTK_WIDGET(dialog)));
	close_dialog(viewer);
	start(viewer);
}

static void ask_password(struct clove_viewer *viewer)
{
	const struct clove_address *address = &viewer->settings->address;
	char *uri = clove_uri_format(address);

	show_dialog(viewer, clove_password_dialog_new(parent(viewer), uri,
			address->password && *address->password), G_CALLBACK(password_given));
	g_free(uri);
}

static void failure_answered(GtkDialog *dialog, int response, gpointer data)
{
	struct clove_viewer *viewer = data;

	(void)dialog;
	if (response == GTK_RESPONSE_ACCEPT) {
		close_dialog(viewer);
		start(viewer);
	} else if (viewer->target) {
		close_dialog(viewer);
		ask_address(viewer, NULL);
	} else {
		quit(viewer, viewer->code);
	}
}

static gboolean retry_due(gpointer data)
{
	struct clove_viewer *viewer = data;

	viewer->retry_source = 0;
	start(viewer);
	return G_SOURCE_REMOVE;
}

static void looked(void *opaque, struct clove_stream *take_stream, const char *error)
{
	struct clove_viewer *viewer = opaque;

	(void)error;
	viewer->look = NULL;
	clove_reconnect_found(&viewer->reconnect, take_stream != NULL);
	clove_stream_free(take_stream);
	plan_reconnect(viewer);
}

static gboolean look_due(gpointer data)
{
	struct clove_viewer *viewer = data;
	const struct clove_address *address = &viewer->settings->address;

	viewer->retry_source = 0;
	viewer->look = address->unix_path ?
			clove_connect_unix(viewer->loop, address->unix_path, looked, viewer) :
			clove_connect_tcp(viewer->loop, address->host,
				address->port ? address->port : address->tls_port, looked, viewer);
	return G_SOURCE_REMOVE;
}

static void plan_reconnect(struct clove_viewer *viewer)
{
	unsigned int ms, seconds;
	enum clove_reconnect_step step = clove_reconnect_next(&viewer->reconnect, &ms);
	char *text;

	if (step == CLOVE_RECONNECT_ASK) {
		set_banner(viewer, "The server has ended this connection, and still takes new ones: "
				"another viewer may have come in your place.", "_Reconnect");
		return;
	}
	seconds = ms / 1000;
	text = step == CLOVE_RECONNECT_LOOK ? g_strdup("The connection was lost.") :
			g_strdup_printf("The connection was lost, and no server answers. Trying again in "
				"%u %s…", seconds, seconds == 1 ? "second" : "seconds");
	set_banner(viewer, text, "_Try Now");
	g_free(text);
	viewer->retry_source = g_timeout_add(ms, step == CLOVE_RECONNECT_LOOK ? look_due : retry_due,
			viewer);
}

static void session_failed(void *opaque, enum clove_failure failure, const char *cause)
{
	struct clove_viewer *viewer = opaque;
	bool is_file = viewer->settings->is_file;
	const struct clove_failure_text *text = clove_failure_text(failure, is_file);
	bool had_password = viewer->settings->address.password != NULL;
	char *sentence;

	end_session(viewer);
	if (viewer->is_lost && (failure == CLOVE_FAILURE_CONNECT || failure == CLOVE_FAILURE_EARLY)) {
		clove_reconnect_found(&viewer->reconnect, false);
		plan_reconnect(viewer);
		return;
	}
	if (viewer->settings->waits && failure == CLOVE_FAILURE_CONNECT) {
		set_status(viewer, "Waiting for the virtual machine to start");
		viewer->retry_source = g_timeout_add_seconds(WAIT_SECONDS, retry_due, viewer);
		return;
	}
	viewer->code = text->exit;
	if (failure == CLOVE_FAILURE_PASSWORD && !is_unattended(viewer) && !(is_file && had_password)) {
		ask_password(viewer);
		return;
	}
	sentence = clove_failure_sentence(failure, cause, is_file);
	g_printerr("clove-viewer: %s\n", sentence);
	g_free(sentence);
	if (is_unattended(viewer))
		quit(viewer, text->exit);
	else
		show_dialog(viewer, clove_failure_dialog_new(parent(viewer), failure, cause, is_file),
				G_CALLBACK(failure_answered));
}

static void session_lost(void *opaque, enum clove_err err)
{
	struct clove_viewer *viewer = opaque;

	end_session(viewer);
	if (is_unattended(viewer)) {
		g_printerr("clove-viewer: The server ended the connection (%s). Look whether the virtual "
				"machine still runs.\n", clove_err_name(err));
		quit(viewer, CLOVE_EXIT_DISCONNECTED);
		return;
	}
	viewer->is_lost = true;
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		clove_display_widget_set_dimmed(clove_window_view(viewer->shown[i].window), true);
	update_titles(viewer);
	set_status(viewer, "The connection was lost");
	clove_reconnect_lost(&viewer->reconnect);
	plan_reconnect(viewer);
}

static const struct clove_session_events session_events = {
	.connected = session_connected,
	.failed = session_failed,
	.lost = session_lost,
	.channel_lost = session_channel_lost,
	.name = session_name,
	.mouse_mode = session_mouse_mode,
	.modifiers = session_modifiers,
	.heads = session_heads,
	.picture_goes = session_picture_goes,
	.changed = session_changed,
	.marked = session_marked,
	.cursor_shape = session_cursor_shape,
	.cursor_moved = session_cursor_moved,
	.cursor_visible = session_cursor_visible,
	.cursor_reset = session_cursor_reset,
	.usb_came = session_usb_came,
	.usb_device_left = session_usb_device_left,
	.usb_filter = session_usb_filter,
	.usb_went = session_usb_went,
};

static void start(struct clove_viewer *viewer)
{
	end_session(viewer);
	if (!viewer->n_shown)
		add_window(viewer);
	update_titles(viewer);
	set_status(viewer, "Connecting");
	if (viewer->is_lost)
		set_banner(viewer, "Connecting again…", "_Try Now");
	viewer->session = clove_session_new(viewer->loop, viewer->settings, &session_events, viewer);
	if (!viewer->session)
		session_failed(viewer, CLOVE_FAILURE_CONNECT, "There is not enough memory.");
}

/* -- the address, if the command line has none -- */

static void address_given(GtkDialog *dialog, int response, gpointer data)
{
	struct clove_viewer *viewer = data;
	char *error = NULL;
	enum clove_exit code;

	if (response != GTK_RESPONSE_ACCEPT) {
		quit(viewer, CLOVE_EXIT_OK);
		return;
	}
	g_free(viewer->target);
	viewer->target = g_strstrip(g_strdup(clove_connect_dialog_text(GTK_WIDGET(dialog))));
	close_dialog(viewer);
	clove_address_fini(&viewer->settings->address);
	code = clove_options_target(viewer->target, viewer->settings, &error);
	if (code == CLOVE_EXIT_OK)
		start(viewer);
	else
		ask_address(viewer, error);
	g_free(error);
}

static void ask_address(struct clove_viewer *viewer, const char *error)
{
	show_dialog(viewer, clove_connect_dialog_new(viewer->target, error), G_CALLBACK(address_given));
}

/* -- input's events -- */

static void input_hotkey(void *opaque, struct clove_display_widget *view, enum clove_hotkey_action action)
{
	struct clove_viewer *viewer = opaque;

	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (clove_window_view(viewer->shown[i].window) == view)
			clove_window_hotkey(viewer->shown[i].window, action);
}

static void input_grabbed(void *opaque, bool is_grabbed)
{
	struct clove_viewer *viewer = opaque;

	viewer->is_grabbed = is_grabbed;
	update_titles(viewer);
}

static void input_moved(void *opaque, struct clove_display_widget *view, double x, double y)
{
	struct clove_viewer *viewer = opaque;

	(void)x;
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		if (clove_window_view(viewer->shown[i].window) == view)
			clove_window_pointer_moved(viewer->shown[i].window, y);
}

static const struct clove_input_events input_events = {
	.hotkey = input_hotkey,
	.grabbed = input_grabbed,
	.moved = input_moved,
};

/* -- signals and timers -- */

static gboolean on_end_signal(gpointer data)
{
	quit(data, CLOVE_EXIT_OK);
	return G_SOURCE_CONTINUE;
}

static gboolean on_screenshot_signal(gpointer data)
{
	struct clove_viewer *viewer = data;

	if (viewer->settings->screenshot)
		write_screenshot(viewer);
	else
		g_printerr("clove-viewer: SIGUSR1 writes the picture to the file that --screenshot names; "
				"none was named.\n");
	return G_SOURCE_CONTINUE;
}

static gboolean no_picture(gpointer data)
{
	struct clove_viewer *viewer = data;

	viewer->wait_source = 0;
	g_printerr("clove-viewer: No complete picture came within %d seconds. Look whether the virtual "
			"machine runs and has a screen.\n", viewer->settings->wait_picture);
	quit(viewer, CLOVE_EXIT_NO_PICTURE);
	return G_SOURCE_REMOVE;
}

static void write_stats(struct clove_viewer *viewer)
{
	struct clove_stats_display displays[CLOVE_SESSION_DISPLAYS];
	struct clove_display_counts counts;
	struct clove_stats_usb usb;
	unsigned int n = 0;

	clove_session_count(viewer->session, &counts);
	clove_session_count_usb(viewer->session, &usb.bytes_in, &usb.bytes_out);
	for (unsigned int id = 0; id < CLOVE_SESSION_DISPLAYS; id++) {
		const struct clove_session_display *display = clove_session_display(viewer->session, id);

		if (!display)
			continue;
		displays[n].id = (uint8_t)id;
		clove_display_count(display->channel, &displays[n++].counts);
	}
	clove_stats_write(&viewer->stats, clove_now_us(), clove_session_is_connected(viewer->session),
			&counts, &usb, displays, n);
}

static gboolean on_stats(gpointer data)
{
	write_stats(data);
	return G_SOURCE_CONTINUE;
}

/* -- birth and death -- */

static void fini(struct clove_viewer *viewer)
{
	guint sources[] = { viewer->retry_source, viewer->wait_source, viewer->stats_source,
		viewer->overlay_source, viewer->dark_source,
		viewer->signals[0], viewer->signals[1], viewer->signals[2] };

	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		if (sources[i])
			g_source_remove(sources[i]);
	write_stats(viewer);
	clove_stats_close(&viewer->stats);
	close_dialog(viewer);
	clove_connector_cancel(viewer->look);
	end_session(viewer);
	clove_usb_sharing_free(viewer->usb);
	for (unsigned int i = 0; i < viewer->n_shown; i++)
		free_window(viewer, &viewer->shown[i]);
	clove_input_free(viewer->input);
	g_free(viewer->target);
	g_free(viewer->name);
}

enum clove_exit clove_viewer_run(struct clove_settings *settings)
{
	struct clove_viewer viewer = { .settings = settings, .loop = clove_glib_loop() };
	const struct clove_address *address = &settings->address;
	char *error = NULL;

	if (settings->stats && !clove_stats_open(&viewer.stats, settings->stats, &error)) {
		g_printerr("clove-viewer: %s\n", error);
		g_free(error);
		return CLOVE_EXIT_BAD_TARGET;
	}
	viewer.input = clove_input_new(&input_events, &viewer, &settings->hotkeys, &viewer.stats);
	viewer.usb = clove_usb_sharing_new(viewer.loop, settings, &usb_events, &viewer);
	viewer.signals[0] = g_unix_signal_add(SIGINT, on_end_signal, &viewer);
	viewer.signals[1] = g_unix_signal_add(SIGTERM, on_end_signal, &viewer);
	viewer.signals[2] = g_unix_signal_add(SIGUSR1, on_screenshot_signal, &viewer);
	if (settings->wait_picture)
		viewer.wait_source = g_timeout_add_seconds((guint)settings->wait_picture, no_picture,
				&viewer);
	if (settings->stats)
		viewer.stats_source = g_timeout_add_seconds(1, on_stats, &viewer);
	if (address->host || address->unix_path)
		start(&viewer);
	else
		ask_address(&viewer, NULL);
	if (!viewer.is_over)
		gtk_main();
	fini(&viewer);
	return viewer.code;
}
