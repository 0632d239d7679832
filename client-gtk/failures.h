/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* failures.h - what people are told when a connection fails: what, why, and what to do next. */
#ifndef CLOVE_CLIENT_GTK_FAILURES_H
#define CLOVE_CLIENT_GTK_FAILURES_H

#include <gtk/gtk.h>
#include "client-gtk/opening.h"
#include "client-gtk/settings.h"

struct clove_failure_text {
	const char *title, *next_step;
	enum clove_exit exit;
	bool may_retry;       /* the same once more can help */
};

/* Never NULL. `is_file`: the address came from a connection file, whose password ages. */
const struct clove_failure_text *clove_failure_text(enum clove_failure failure, bool is_file);

/* One line for standard error: what, why and the next step. Free with g_free. */
char *clove_failure_sentence(enum clove_failure failure, const char *cause, bool is_file);

/* Asks whether to try again, below `parent` (may be NULL): GTK_RESPONSE_ACCEPT to do so. */
GtkWidget *clove_failure_dialog_new(GtkWindow *parent, enum clove_failure failure,
		const char *cause, bool is_file);

/* Asks for a password: GTK_RESPONSE_ACCEPT, then _text. `server` is shown; `was_wrong` after a
 * first try. The password goes with the dialog. */
GtkWidget *clove_password_dialog_new(GtkWindow *parent, const char *server, bool was_wrong);
const char *clove_password_dialog_text(GtkWidget *dialog);

#endif
