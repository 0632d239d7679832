/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - the command line of clove-viewer. */
#ifndef CLOVE_CLIENT_GTK_OPTIONS_H
#define CLOVE_CLIENT_GTK_OPTIONS_H

#include "client-gtk/settings.h"

/* Fills zeroed settings. CLOVE_EXIT_OK with *goes_on false: all is said (--version). Otherwise a
 * sentence is in *error (g_free) and the answer is the program's exit code. */
enum clove_exit clove_options_parse(int *argc, char ***argv, struct clove_settings *settings,
		bool *goes_on, char **error);

/* The address or connection file that a person named, into settings without one. */
enum clove_exit clove_options_target(const char *target, struct clove_settings *settings,
		char **error);

#endif
