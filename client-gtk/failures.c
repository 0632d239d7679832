/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* failures.c - the texts of failed connections, and the two dialogs that show them. */
#include "client-gtk/failures.h"

static const struct clove_failure_text texts[] = {
	[CLOVE_FAILURE_NONE] = { "Connected", "", CLOVE_EXIT_OK, false },
	[CLOVE_FAILURE_CONNECT] = { "The server cannot be reached",
		"Check the address and the port, and whether the virtual machine runs.",
		CLOVE_EXIT_CONNECT, true },
	[CLOVE_FAILURE_NOT_SPICE] = { "This is not a SPICE server",
		"Check the port: a VNC or web server may be listening there.",
		CLOVE_EXIT_CONNECT, true },
	[CLOVE_FAILURE_EARLY] = { "The server closed the connection",
		"If this port is the server's TLS port, use an address that begins with spice+tls://; "
		"otherwise look into the server's log.", CLOVE_EXIT_CONNECT, true },
	[CLOVE_FAILURE_TLS] = { "The server could not be trusted",
		"Ask the server's administrator for the certificate of its authority and its subject; "
		"give them with --ca-file and --host-subject.", CLOVE_EXIT_TLS, true },
	[CLOVE_FAILURE_PASSWORD] = { "The password was not accepted",
		"Type it again, or ask for a new one.", CLOVE_EXIT_AUTH, true },
	[CLOVE_FAILURE_REFUSED] = { "The server refused the connection",
		"Look into the server's log.", CLOVE_EXIT_CONNECT, true },
};

static const struct clove_failure_text stale_file = { "The password was not accepted",
	"The password of a connection file is good for a short time only: get a new file.",
	CLOVE_EXIT_AUTH, false };

const struct clove_failure_text *clove_failure_text(enum clove_failure failure, bool is_file)
{
	if (failure == CLOVE_FAILURE_PASSWORD && is_file)
		return &stale_file;
	return &texts[(unsigned int)failure < G_N_ELEMENTS(texts) ? failure : CLOVE_FAILURE_REFUSED];
}

/* Causes come from many places: some are sentences, some are not. */
static char *as_sentence(const char *cause)
{
	char *text = g_strdup(cause && *cause ? cause : "no reason was given");
	char *whole = g_strconcat(text, g_str_has_suffix(text, ".") ? "" : ".", NULL);

	whole[0] = g_ascii_toupper(whole[0]);
	g_free(text);
	return whole;
}

char *clove_failure_sentence(enum clove_failure failure, const char *cause, bool is_file)
{
	const struct clove_failure_text *text = clove_failure_text(failure, is_file);
	char *why = as_sentence(cause), *sentence;

	sentence = g_strdup_printf("%s: %s %s", text->title, why, text->next_step);
	g_free(why);
	return sentence;
}

GtkWidget *clove_failure_dialog_new(GtkWindow *parent, enum clove_failure failure,
		const char *cause, bool is_file)
{
	const struct clove_failure_text *text = clove_failure_text(failure, is_file);
	GtkWidget *dialog = gtk_message_dialog_new(parent, GTK_DIALOG_MODAL, GTK_MESSAGE_ERROR,
			GTK_BUTTONS_NONE, "%s", text->title);
	char *why = as_sentence(cause);

	gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s\n\n%s", why,
			text->next_step);
	gtk_window_set_title(GTK_WINDOW(dialog), "Clove Viewer");
	gtk_dialog_add_button(GTK_DIALOG(dialog), "_Close", GTK_RESPONSE_CLOSE);
	if (text->may_retry)
		gtk_dialog_add_button(GTK_DIALOG(dialog), "_Try Again", GTK_RESPONSE_ACCEPT);
	gtk_dialog_set_default_response(GTK_DIALOG(dialog),
			text->may_retry ? GTK_RESPONSE_ACCEPT : GTK_RESPONSE_CLOSE);
	g_free(why);
	return dialog;
}

static const char entry_key[] = "clove-password-entry";

GtkWidget *clove_password_dialog_new(GtkWindow *parent, const char *server, bool was_wrong)
{
	GtkWidget *dialog = gtk_message_dialog_new(parent, GTK_DIALOG_MODAL, GTK_MESSAGE_QUESTION,
			GTK_BUTTONS_NONE, "%s", was_wrong ? texts[CLOVE_FAILURE_PASSWORD].title :
			"This server asks for a password");
	GtkWidget *entry = gtk_entry_new(), *area;

	gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%sServer: %s",
			was_wrong ? "It is wrong or has expired.\n" : "", server);
	gtk_window_set_title(GTK_WINDOW(dialog), "Clove Viewer");
	gtk_entry_set_visibility(GTK_ENTRY(entry), FALSE);
	gtk_entry_set_max_length(GTK_ENTRY(entry), 60); /* more does not fit into a ticket */
	gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
	atk_object_set_name(gtk_widget_get_accessible(entry), "Password");
	area = gtk_message_dialog_get_message_area(GTK_MESSAGE_DIALOG(dialog));
	gtk_container_add(GTK_CONTAINER(area), entry);
	gtk_widget_show(entry);
	gtk_dialog_add_button(GTK_DIALOG(dialog), "_Cancel", GTK_RESPONSE_CANCEL);
	gtk_dialog_add_button(GTK_DIALOG(dialog), "C_onnect", GTK_RESPONSE_ACCEPT);
	gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT);
	g_object_set_data(G_OBJECT(dialog), entry_key, entry);
	return dialog;
}

const char *clove_password_dialog_text(GtkWidget *dialog)
{
	return gtk_entry_get_text(g_object_get_data(G_OBJECT(dialog), entry_key));
}
