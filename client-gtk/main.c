/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - from the command line to the viewer, and what its mistakes cost. */
#include <gtk/gtk.h>
#include <signal.h>
#include "client-gtk/options.h"
#include "client-gtk/viewer.h"

/* A sentence of ours, not GLib's "** (process:1): WARNING **:". */
static void print_warning(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
	(void)domain;
	(void)level;
	(void)data;
	g_printerr("clove-viewer: %s\n", text);
}

int main(int argc, char **argv)
{
	struct clove_settings settings = { 0 };
	enum clove_exit code;
	char *error = NULL;
	bool goes_on;

	signal(SIGPIPE, SIG_IGN);
	g_log_set_handler(NULL, G_LOG_LEVEL_WARNING, print_warning, NULL);
	g_set_prgname("clove-viewer"); /* by which desktops find our icon */
	g_set_application_name("Clove Viewer");
	code = clove_options_parse(&argc, &argv, &settings, &goes_on, &error);
	if (goes_on && !gtk_init_check(&argc, &argv)) {
		error = g_strdup("There is no display: set DISPLAY or WAYLAND_DISPLAY, or run it under "
				"xvfb-run.");
		code = CLOVE_EXIT_USAGE;
	} else if (goes_on) {
		code = clove_viewer_run(&settings);
	}
	if (error)
		g_printerr("clove-viewer: %s\n", error);
	g_free(error);
	clove_settings_fini(&settings);
	return (int)code;
}
