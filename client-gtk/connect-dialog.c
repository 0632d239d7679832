/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect-dialog.c - the dialog for an address, and where used addresses are kept. */
#include "client-gtk/connect-dialog.h"

#include <string.h>

enum { RECENT_MOST = 12, RESPONSE_FILE = 1 };

static const char entry_key[] = "clove-address-entry";
static char mime_type[] = "application/x-spice", program[] = "Clove Viewer", command[] = "clove-viewer %u";

static void on_changed(GtkEditable *entry, gpointer dialog)
{
	gtk_dialog_set_response_sensitive(dialog, GTK_RESPONSE_ACCEPT,
			gtk_entry_get_text_length(GTK_ENTRY(entry)) > 0);
}

static void on_selected(GtkListBox *list, GtkListBoxRow *row, gpointer entry)
{
	(void)list;
	if (row)
		gtk_entry_set_text(entry, gtk_label_get_text(GTK_LABEL(gtk_bin_get_child(GTK_BIN(row)))));
}

static void on_activated(GtkListBox *list, GtkListBoxRow *row, gpointer dialog)
{
	(void)list;
	(void)row;
	gtk_dialog_response(dialog, GTK_RESPONSE_ACCEPT);
}

/* A response that must not close the dialog is handled before anyone else sees it. */
static void on_response(GtkDialog *dialog, int response, gpointer entry)
{
	GtkWidget *chooser;

	if (response != RESPONSE_FILE)
		return;
	g_signal_stop_emission_by_name(dialog, "response");
	chooser = gtk_file_chooser_dialog_new("Open Connection File", GTK_WINDOW(dialog),
			GTK_FILE_CHOOSER_ACTION_OPEN, "_Cancel", GTK_RESPONSE_CANCEL, "_Open",
			GTK_RESPONSE_ACCEPT, NULL);
	if (gtk_dialog_run(GTK_DIALOG(chooser)) == GTK_RESPONSE_ACCEPT) {
		char *name = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(chooser));

		if (name)
			gtk_entry_set_text(entry, name);
		g_free(name);
		gtk_widget_destroy(chooser);
		gtk_dialog_response(dialog, GTK_RESPONSE_ACCEPT);
	} else {
		gtk_widget_destroy(chooser);
	}
}

static int by_age(gconstpointer a, gconstpointer b)
{
	time_t x = gtk_recent_info_get_modified((GtkRecentInfo *)a);
	time_t y = gtk_recent_info_get_modified((GtkRecentInfo *)b);

	return (x < y) - (x > y);
}

static int add_recent(GtkListBox *list)
{
	GList *all = g_list_sort(gtk_recent_manager_get_items(gtk_recent_manager_get_default()), by_age);
	int n = 0;

	for (GList *i = all; i && n < RECENT_MOST; i = i->next) {
		const char *uri = gtk_recent_info_get_uri(i->data);
		GtkWidget *label;

		if (!g_str_has_prefix(uri, "spice"))
			continue;
		label = gtk_label_new(uri);
		gtk_label_set_xalign(GTK_LABEL(label), 0);
		gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
		gtk_widget_set_margin_start(label, 8);
		gtk_widget_set_margin_end(label, 8);
		gtk_widget_set_margin_top(label, 6);
		gtk_widget_set_margin_bottom(label, 6);
		gtk_container_add(GTK_CONTAINER(list), label);
		n++;
	}
	g_list_free_full(all, (GDestroyNotify)gtk_recent_info_unref);
	return n;
}

static GtkWidget *heading_new(const char *text, GtkWidget *of)
{
	GtkWidget *label = gtk_label_new_with_mnemonic(text);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_mnemonic_widget(GTK_LABEL(label), of);
	return label;
}

GtkWidget *clove_connect_dialog_new(const char *text, const char *error)
{
	GtkWidget *dialog = gtk_dialog_new(), *entry = gtk_entry_new(), *list = gtk_list_box_new(), *box, *label;

	gtk_window_set_title(GTK_WINDOW(dialog), "Connect to a Virtual Machine");
	gtk_window_set_icon_name(GTK_WINDOW(dialog), "org.clove.Viewer");
	gtk_window_set_default_size(GTK_WINDOW(dialog), 480, -1);
	gtk_dialog_add_button(GTK_DIALOG(dialog), "_Open File…", RESPONSE_FILE);
	gtk_dialog_add_button(GTK_DIALOG(dialog), "_Cancel", GTK_RESPONSE_CANCEL);
	gtk_dialog_add_button(GTK_DIALOG(dialog), "C_onnect", GTK_RESPONSE_ACCEPT);
	gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT);
	gtk_style_context_add_class(gtk_widget_get_style_context(gtk_dialog_get_widget_for_response(
			GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT)), "suggested-action");

	box = gtk_dialog_get_content_area(GTK_DIALOG(dialog));
	gtk_box_set_spacing(GTK_BOX(box), 6);
	gtk_container_set_border_width(GTK_CONTAINER(box), 12);
	gtk_container_add(GTK_CONTAINER(box), heading_new("Server _address", entry));
	gtk_entry_set_placeholder_text(GTK_ENTRY(entry), "spice://server.example.org:5900");
	gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
	gtk_entry_set_input_purpose(GTK_ENTRY(entry), GTK_INPUT_PURPOSE_URL);
	atk_object_set_name(gtk_widget_get_accessible(entry), "Server address");
	gtk_container_add(GTK_CONTAINER(box), entry);
	label = gtk_label_new(error ? error : "spice:// is plain, spice+tls:// is encrypted, spice+unix:// is "
			"a socket of this computer.");
	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 60);
	gtk_style_context_add_class(gtk_widget_get_style_context(label), error ? "error" : "dim-label");
	gtk_container_add(GTK_CONTAINER(box), label);
	if (add_recent(GTK_LIST_BOX(list))) {
		GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL), *frame = gtk_frame_new(NULL);

		gtk_container_add(GTK_CONTAINER(box), heading_new("_Recent", list));
		gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_NEVER,
				GTK_POLICY_AUTOMATIC);
		gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scrolled), TRUE);
		gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(scrolled), 240);
		gtk_list_box_set_activate_on_single_click(GTK_LIST_BOX(list), FALSE);
		atk_object_set_name(gtk_widget_get_accessible(list), "Recent addresses");
		gtk_container_add(GTK_CONTAINER(scrolled), list);
		gtk_container_add(GTK_CONTAINER(frame), scrolled);
		gtk_box_pack_start(GTK_BOX(box), frame, TRUE, TRUE, 0);
		g_signal_connect(list, "row-selected", G_CALLBACK(on_selected), entry);
		g_signal_connect(list, "row-activated", G_CALLBACK(on_activated), dialog);
	} else {
		g_object_ref_sink(list);
		g_object_unref(list);
	}
	g_signal_connect(entry, "changed", G_CALLBACK(on_changed), dialog);
	g_signal_connect(dialog, "response", G_CALLBACK(on_response), entry);
	gtk_entry_set_text(GTK_ENTRY(entry), text ? text : "");
	on_changed(GTK_EDITABLE(entry), dialog);
	gtk_widget_show_all(box);
	gtk_widget_grab_focus(entry);
	g_object_set_data(G_OBJECT(dialog), entry_key, entry);
	return dialog;
}

const char *clove_connect_dialog_text(GtkWidget *dialog)
{
	return gtk_entry_get_text(g_object_get_data(G_OBJECT(dialog), entry_key));
}

void clove_connect_dialog_remember(const char *uri)
{
	GtkRecentData data = { .mime_type = mime_type, .app_name = program, .app_exec = command };

	gtk_recent_manager_add_full(gtk_recent_manager_get_default(), uri, &data);
}
