/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-dialog.c - how each state of a device looks, and what its controls are called. */
#include "client-gtk/usb-dialog.h"

#include <string.h>

enum { RESPONSE_SHARE = 1, WIDTH = 520, HEIGHT = 400, LIST_LEAST = 160, INDENT = 28, LOOK_SECONDS = 2 };

struct row {
	struct clove_usb_dialog *dialog;
	uint64_t id;
	GtkWidget *widget, *check, *name, *place, *text, *sign, *spinner, *cancel, *remove;
	bool is_seen;             /* while the list is compared */
};

struct clove_usb_dialog {
	struct clove_usb_manager *manager;
	void (*closed)(void *opaque);
	void *opaque;
	GtkWidget *dialog, *bar, *bar_text, *summary, *list, *nothing, *chooser;
	GPtrArray *rows;
	guint look_source;
	bool is_refreshing;       /* check boxes are set by us */
};

/* How a state looks. */
static const struct {
	bool is_ticked, can_change, is_busy, can_cancel;
} looks[] = {
	[CLOVE_USB_FREE]       = { .can_change = true },
	[CLOVE_USB_REFUSED]    = { .is_ticked = false },
	[CLOVE_USB_CLAIMING]   = { .is_ticked = true, .can_change = true, .is_busy = true, .can_cancel = true },
	[CLOVE_USB_WAITING]    = { .is_ticked = true, .can_change = true },
	[CLOVE_USB_REDIRECTED] = { .is_ticked = true, .can_change = true },
	[CLOVE_USB_LEAVING]    = { .can_change = true, .is_busy = true },
};

static void take_name(GtkWidget *widget, char *take_text)
{
	atk_object_set_name(gtk_widget_get_accessible(widget), take_text);
	gtk_widget_set_tooltip_text(widget, take_text);
	g_free(take_text);
}

static GtkWidget *text_new(bool is_indented)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 60);
	if (is_indented)
		gtk_widget_set_margin_start(label, INDENT);
	return label;
}

static void set_class(GtkWidget *widget, const char *class, bool is_set)
{
	GtkStyleContext *style = gtk_widget_get_style_context(widget);

	if (is_set)
		gtk_style_context_add_class(style, class);
	else
		gtk_style_context_remove_class(style, class);
}

/* -- rows -- */

static void on_toggled(GtkToggleButton *check, gpointer data)
{
	struct row *row = data;

	if (row->dialog->is_refreshing)
		return;
	if (gtk_toggle_button_get_active(check))
		clove_usb_manager_take(row->dialog->manager, row->id);
	else
		clove_usb_manager_give_back(row->dialog->manager, row->id);
}

static void on_cancel(GtkButton *button, gpointer data)
{
	struct row *row = data;

	(void)button;
	clove_usb_manager_give_back(row->dialog->manager, row->id);
}

static void on_remove(GtkButton *button, gpointer data)
{
	struct row *row = data;

	(void)button;
	clove_usb_manager_remove_image(row->dialog->manager, row->id);
}

/* The focus must not vanish with what has it. */
static void pass_focus(GtkWidget *widget, bool can_keep)
{
	if (!can_keep && gtk_widget_is_focus(widget))
		gtk_widget_child_focus(gtk_widget_get_toplevel(widget), GTK_DIR_TAB_FORWARD);
}

static void set_shown(GtkWidget *widget, bool is_shown)
{
	pass_focus(widget, is_shown);
	gtk_widget_set_visible(widget, is_shown);
}

static struct row *row_new(struct clove_usb_dialog *dialog, const struct clove_usb_item *item, int at)
{
	struct row *row = g_new0(struct row, 1);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
	GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *reason = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

	row->dialog = dialog;
	row->id = item->id;
	row->check = gtk_check_button_new();
	row->name = gtk_label_new(item->name);
	gtk_label_set_xalign(GTK_LABEL(row->name), 0);
	gtk_label_set_ellipsize(GTK_LABEL(row->name), PANGO_ELLIPSIZE_MIDDLE);
	gtk_widget_set_margin_start(row->name, 4);
	gtk_container_add(GTK_CONTAINER(row->check), row->name);
	row->place = text_new(true);
	set_class(row->place, "dim-label", true);
	gtk_label_set_text(GTK_LABEL(row->place), item->place);
	row->text = text_new(false);
	row->sign = gtk_image_new_from_icon_name("dialog-warning-symbolic", GTK_ICON_SIZE_MENU);
	gtk_widget_set_valign(row->sign, GTK_ALIGN_START);
	gtk_widget_set_margin_start(reason, INDENT);
	gtk_container_add(GTK_CONTAINER(reason), row->sign);
	gtk_container_add(GTK_CONTAINER(reason), row->text);
	row->spinner = gtk_spinner_new();
	row->cancel = gtk_button_new_with_label("Cancel");
	row->remove = gtk_button_new_from_icon_name("list-remove-symbolic", GTK_ICON_SIZE_BUTTON);
	gtk_button_set_relief(GTK_BUTTON(row->remove), GTK_RELIEF_NONE);
	atk_object_set_name(gtk_widget_get_accessible(row->check), item->name);
	take_name(row->cancel, g_strdup_printf("Do not give %s to the guest", item->name));
	take_name(row->remove, g_strdup_printf("Take %s off the list", item->name));
	gtk_container_add(GTK_CONTAINER(words), row->check);
	gtk_container_add(GTK_CONTAINER(words), row->place);
	gtk_container_add(GTK_CONTAINER(words), reason);
	gtk_box_pack_start(GTK_BOX(box), words, TRUE, TRUE, 0);
	for (int i = 0; i < 3; i++) {
		GtkWidget *widget = i == 0 ? row->spinner : i == 1 ? row->cancel : row->remove;

		gtk_widget_set_valign(widget, GTK_ALIGN_CENTER);
		gtk_container_add(GTK_CONTAINER(box), widget);
	}
	gtk_widget_set_margin_start(box, 10);
	gtk_widget_set_margin_end(box, 10);
	gtk_widget_set_margin_top(box, 8);
	gtk_widget_set_margin_bottom(box, 8);
	row->widget = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	gtk_container_add(GTK_CONTAINER(row->widget), box);
	gtk_container_add(GTK_CONTAINER(row->widget), gtk_separator_new(GTK_ORIENTATION_HORIZONTAL));
	gtk_widget_show_all(row->widget);
	gtk_container_add(GTK_CONTAINER(dialog->list), row->widget);
	gtk_box_reorder_child(GTK_BOX(dialog->list), row->widget, at);
	g_signal_connect(row->check, "toggled", G_CALLBACK(on_toggled), row);
	g_signal_connect(row->cancel, "clicked", G_CALLBACK(on_cancel), row);
	g_signal_connect(row->remove, "clicked", G_CALLBACK(on_remove), row);
	g_ptr_array_add(dialog->rows, row);
	return row;
}

static void update_row(struct row *row, const struct clove_usb_item *item)
{
	bool is_ticked = looks[item->state].is_ticked, is_busy = looks[item->state].is_busy;
	bool is_said = g_str_equal(item->text, gtk_label_get_text(GTK_LABEL(row->dialog->summary))); /* above all */

	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(row->check), is_ticked);
	pass_focus(row->check, looks[item->state].can_change);
	gtk_widget_set_sensitive(row->check, looks[item->state].can_change);
	gtk_label_set_text(GTK_LABEL(row->text), item->text);
	gtk_widget_set_visible(row->text, item->text[0] && !is_said);
	gtk_widget_set_visible(row->sign, item->is_trouble && !is_said);
	atk_object_set_description(gtk_widget_get_accessible(row->check), item->text);
	set_shown(row->spinner, is_busy);
	g_object_set(row->spinner, "active", is_busy, NULL);
	set_shown(row->cancel, looks[item->state].can_cancel);
	set_shown(row->remove, item->is_image && !is_ticked && !is_busy);
}

static void row_free(gpointer data)
{
	struct row *row = data;

	gtk_widget_destroy(row->widget);
	g_free(row);
}

void clove_usb_dialog_refresh(struct clove_usb_dialog *dialog)
{
	struct clove_usb_item item;
	bool is_possible;

	dialog->is_refreshing = true;
	gtk_label_set_text(GTK_LABEL(dialog->summary), clove_usb_manager_summary(dialog->manager, &is_possible));
	for (guint i = 0; i < dialog->rows->len; i++)
		((struct row *)dialog->rows->pdata[i])->is_seen = false;
	for (unsigned int n = 0; clove_usb_manager_item(dialog->manager, n, &item); n++) {
		struct row *row = NULL;

		for (guint i = 0; i < dialog->rows->len && !row; i++)
			if (((struct row *)dialog->rows->pdata[i])->id == item.id)
				row = dialog->rows->pdata[i];
		if (!row)
			row = row_new(dialog, &item, (int)n + 1); /* behind `nothing` */
		row->is_seen = true;
		update_row(row, &item);
	}
	for (guint i = dialog->rows->len; i-- > 0;)
		if (!((struct row *)dialog->rows->pdata[i])->is_seen)
			g_ptr_array_remove_index(dialog->rows, i);
	gtk_widget_set_visible(dialog->nothing, !dialog->rows->len);
	dialog->is_refreshing = false;
}

/* -- images -- */

static gboolean destroy(gpointer chooser)
{
	gtk_widget_destroy(chooser);
	g_object_unref(chooser);
	return G_SOURCE_REMOVE;
}

/* The key that chose is still on its way through the chooser's widgets: it goes from the loop. */
static void drop_chooser(struct clove_usb_dialog *dialog)
{
	g_signal_handlers_disconnect_by_data(dialog->chooser, dialog);
	gtk_widget_hide(dialog->chooser);
	g_idle_add(destroy, g_object_ref(dialog->chooser));
	dialog->chooser = NULL;
}

static void chosen(GtkDialog *chooser, int response, gpointer data)
{
	struct clove_usb_dialog *dialog = data;
	GtkWidget *writes = gtk_file_chooser_get_extra_widget(GTK_FILE_CHOOSER(chooser));
	char *path = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(chooser));

	if (response == GTK_RESPONSE_ACCEPT && path)
		clove_usb_manager_add_image(dialog->manager, path,
				gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(writes)));
	g_free(path);
	drop_chooser(dialog);
}

static void add_filter(GtkWidget *chooser, const char *name, const char *const *patterns)
{
	GtkFileFilter *filter = gtk_file_filter_new();

	gtk_file_filter_set_name(filter, name);
	for (; *patterns; patterns++)
		gtk_file_filter_add_pattern(filter, *patterns);
	gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(chooser), filter);
}

static void choose_image(struct clove_usb_dialog *dialog)
{
	static const char *const images[] = { "*.iso", "*.ISO", "*.img", "*.IMG", "*.raw", "*.bin", NULL };
	static const char *const all[] = { "*", NULL };
	GtkWidget *chooser, *writes;

	if (dialog->chooser) {
		gtk_window_present(GTK_WINDOW(dialog->chooser));
		return;
	}
	chooser = gtk_file_chooser_dialog_new("Share a Disk Image or ISO", GTK_WINDOW(dialog->dialog),
			GTK_FILE_CHOOSER_ACTION_OPEN, "_Cancel", GTK_RESPONSE_CANCEL, "_Share",
			GTK_RESPONSE_ACCEPT, NULL);
	writes = gtk_check_button_new_with_mnemonic("Let the guest _write to it");
	atk_object_set_name(gtk_widget_get_accessible(writes), "Let the guest write to it");
	gtk_widget_show(writes);
	gtk_file_chooser_set_extra_widget(GTK_FILE_CHOOSER(chooser), writes);
	add_filter(chooser, "Disk images (iso, img, raw)", images);
	add_filter(chooser, "All files", all);
	gtk_dialog_set_default_response(GTK_DIALOG(chooser), GTK_RESPONSE_ACCEPT);
	gtk_window_set_modal(GTK_WINDOW(chooser), TRUE);
	g_signal_connect(chooser, "response", G_CALLBACK(chosen), dialog);
	dialog->chooser = chooser;
	gtk_window_present(GTK_WINDOW(chooser));
}

/* -- the window -- */

static void on_response(GtkDialog *widget, int response, gpointer data)
{
	struct clove_usb_dialog *dialog = data;

	(void)widget;
	if (response == RESPONSE_SHARE)
		choose_image(dialog);
	else
		dialog->closed(dialog->opaque);
}

/* Its parent took it along. */
static void on_destroy(GtkWidget *widget, gpointer data)
{
	struct clove_usb_dialog *dialog = data;

	(void)widget;
	dialog->dialog = NULL;
	dialog->closed(dialog->opaque);
}

static void on_bar_response(GtkInfoBar *bar, int response, gpointer data)
{
	(void)response;
	(void)data;
	gtk_widget_hide(GTK_WIDGET(bar));
}

static void name_bar_button(GtkWidget *widget, gpointer data)
{
	(void)data;
	if (GTK_IS_BUTTON(widget))
		take_name(widget, g_strdup("Close this message"));
	else if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), name_bar_button, NULL);
}

static GtkWidget *bar_new(struct clove_usb_dialog *dialog)
{
	dialog->bar = gtk_info_bar_new();
	dialog->bar_text = text_new(false);
	gtk_info_bar_set_message_type(GTK_INFO_BAR(dialog->bar), GTK_MESSAGE_WARNING);
	gtk_info_bar_set_show_close_button(GTK_INFO_BAR(dialog->bar), TRUE);
	gtk_container_add(GTK_CONTAINER(gtk_info_bar_get_content_area(GTK_INFO_BAR(dialog->bar))),
			dialog->bar_text);
	name_bar_button(dialog->bar, NULL);
	g_signal_connect(dialog->bar, "response", G_CALLBACK(on_bar_response), dialog);
	gtk_widget_show_all(dialog->bar);
	gtk_widget_hide(dialog->bar);
	gtk_widget_set_no_show_all(dialog->bar, TRUE);
	return dialog->bar;
}

/* No GtkListBox: its rows take the keyboard from the controls in them. */
static GtkWidget *list_new(struct clove_usb_dialog *dialog)
{
	GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL), *frame = gtk_frame_new(NULL);

	dialog->nothing = text_new(false);
	gtk_label_set_text(GTK_LABEL(dialog->nothing),
			"No USB device is plugged in. Plug one in, or share a disk image.");
	set_class(dialog->nothing, "dim-label", true);
	gtk_label_set_xalign(GTK_LABEL(dialog->nothing), 0.5);
	gtk_widget_set_margin_top(dialog->nothing, 24);
	gtk_widget_set_margin_bottom(dialog->nothing, 24);
	dialog->list = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	set_class(dialog->list, "view", true);
	atk_object_set_role(gtk_widget_get_accessible(dialog->list), ATK_ROLE_LIST);
	atk_object_set_name(gtk_widget_get_accessible(dialog->list), "USB devices and images");
	gtk_container_add(GTK_CONTAINER(dialog->list), dialog->nothing);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), LIST_LEAST);
	gtk_container_add(GTK_CONTAINER(scrolled), dialog->list);
	gtk_container_add(GTK_CONTAINER(frame), scrolled);
	return frame;
}

static gboolean on_look(gpointer data)
{
	struct clove_usb_dialog *dialog = data;

	clove_usb_manager_look(dialog->manager);
	return G_SOURCE_CONTINUE;
}

struct clove_usb_dialog *clove_usb_dialog_new(GtkWindow *parent, struct clove_usb_manager *manager,
		void (*closed)(void *opaque), void *opaque)
{
	struct clove_usb_dialog *dialog = g_new0(struct clove_usb_dialog, 1);
	GtkWidget *box, *share;

	dialog->manager = manager;
	dialog->closed = closed;
	dialog->opaque = opaque;
	dialog->rows = g_ptr_array_new_with_free_func(row_free);
	dialog->dialog = gtk_dialog_new();
	gtk_window_set_title(GTK_WINDOW(dialog->dialog), "USB Devices");
	gtk_window_set_icon_name(GTK_WINDOW(dialog->dialog), "org.clove.Viewer");
	gtk_window_set_transient_for(GTK_WINDOW(dialog->dialog), parent);
	gtk_window_set_destroy_with_parent(GTK_WINDOW(dialog->dialog), TRUE);
	gtk_window_set_default_size(GTK_WINDOW(dialog->dialog), WIDTH, HEIGHT);
	share = gtk_dialog_add_button(GTK_DIALOG(dialog->dialog), "_Share a Disk Image or ISO…", RESPONSE_SHARE);
	gtk_dialog_add_button(GTK_DIALOG(dialog->dialog), "_Close", GTK_RESPONSE_CLOSE);
	gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(gtk_widget_get_parent(share)), share, TRUE);
	gtk_button_box_set_child_non_homogeneous(GTK_BUTTON_BOX(gtk_widget_get_parent(share)), share, TRUE);
	box = gtk_dialog_get_content_area(GTK_DIALOG(dialog->dialog));
	gtk_box_set_spacing(GTK_BOX(box), 8);
	gtk_container_set_border_width(GTK_CONTAINER(box), 12);
	gtk_container_add(GTK_CONTAINER(box), bar_new(dialog));
	dialog->summary = text_new(false);
	gtk_container_add(GTK_CONTAINER(box), dialog->summary);
	gtk_box_pack_start(GTK_BOX(box), list_new(dialog), TRUE, TRUE, 0);
	gtk_widget_show_all(box);
	clove_usb_dialog_refresh(dialog);
	clove_usb_manager_look(manager);
	dialog->look_source = g_timeout_add_seconds(LOOK_SECONDS, on_look, dialog);
	g_signal_connect(dialog->dialog, "response", G_CALLBACK(on_response), dialog);
	g_signal_connect(dialog->dialog, "destroy", G_CALLBACK(on_destroy), dialog);
	return dialog;
}

void clove_usb_dialog_free(struct clove_usb_dialog *dialog)
{
	if (!dialog)
		return;
	g_source_remove(dialog->look_source);
	if (dialog->chooser)
		drop_chooser(dialog);
	if (dialog->dialog) {
		g_ptr_array_free(dialog->rows, TRUE);
		g_signal_handlers_disconnect_by_data(dialog->dialog, dialog);
		gtk_widget_destroy(dialog->dialog);
	} else { /* the widgets are gone already */
		g_ptr_array_set_free_func(dialog->rows, g_free);
		g_ptr_array_free(dialog->rows, TRUE);
	}
	g_free(dialog);
}

void clove_usb_dialog_present(struct clove_usb_dialog *dialog)
{
	gtk_window_present(GTK_WINDOW(dialog->dialog));
}

void clove_usb_dialog_message(struct clove_usb_dialog *dialog, const char *text)
{
	gtk_label_set_text(GTK_LABEL(dialog->bar_text), text);
	gtk_widget_show(dialog->bar);
}

GtkWidget *clove_usb_dialog_widget(const struct clove_usb_dialog *dialog)
{
	return dialog->dialog;
}
