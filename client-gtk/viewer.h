/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* viewer.h - the program between its command line and its exit code: sessions, windows, dialogs. */
#ifndef CLOVE_CLIENT_GTK_VIEWER_H
#define CLOVE_CLIENT_GTK_VIEWER_H

#include "client-gtk/settings.h"

/* Runs until the person, a signal or the settings end it. Changes the settings: a password is typed,
 * an address chosen. */
enum clove_exit clove_viewer_run(struct clove_settings *settings);

#endif
