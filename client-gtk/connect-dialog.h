/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect-dialog.h - asks where to connect to when the command line does not say. */
#ifndef CLOVE_CLIENT_GTK_CONNECT_DIALOG_H
#define CLOVE_CLIENT_GTK_CONNECT_DIALOG_H

#include <gtk/gtk.h>

/* An entry and the addresses that were used before: GTK_RESPONSE_ACCEPT, then _text. `text` (may be
 * NULL) is in the entry, `error` (may be NULL) says what was wrong with it. */
GtkWidget *clove_connect_dialog_new(const char *text, const char *error);
const char *clove_connect_dialog_text(GtkWidget *dialog);

/* Remembers an address (without a password) for the next time. */
void clove_connect_dialog_remember(const char *uri);

#endif
