/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection-file.h - .vv files, which management tools hand out to connect to one guest once. */
#ifndef CLOVE_CLIENT_GTK_CONNECTION_FILE_H
#define CLOVE_CLIENT_GTK_CONNECTION_FILE_H

#include <stddef.h>
#include "client-gtk/settings.h"

/* Reads a file ("-": standard input) into zeroed settings or over those that options made. A file
 * that says delete-this-file is deleted as soon as it is read, whatever else is wrong with it,
 * unless VIRT_VIEWER_KEEP_FILE is set. On failure a sentence for people in *error (g_free). */
CLOVE_CHECKED enum clove_err clove_connection_file_load(const char *path,
		struct clove_settings *settings, char **error);

/* The same from memory; *asks_deletion tells what the file says. */
CLOVE_CHECKED enum clove_err clove_connection_file_parse(const char *text, size_t len,
		struct clove_settings *settings, bool *asks_deletion, char **error);

#endif
