/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-dialog.h - the window in which people give USB devices and images to the guest and take them back. */
#ifndef CLOVE_CLIENT_GTK_USB_DIALOG_H
#define CLOVE_CLIENT_GTK_USB_DIALOG_H

#include <gtk/gtk.h>
#include "client-gtk/usb-manager.h"

struct clove_usb_dialog;

/* Above `parent`, and gone with it; not modal. `closed` comes when a person closed it: free it there or later. The
 * manager lives longer. */
struct clove_usb_dialog *clove_usb_dialog_new(GtkWindow *parent, struct clove_usb_manager *manager,
		void (*closed)(void *opaque), void *opaque);
/* Takes NULL. */
void clove_usb_dialog_free(struct clove_usb_dialog *dialog);

void clove_usb_dialog_present(struct clove_usb_dialog *dialog);
/* The manager's items changed. */
void clove_usb_dialog_refresh(struct clove_usb_dialog *dialog);
/* Something went wrong: said above the list until it is closed or the next takes its place. */
void clove_usb_dialog_message(struct clove_usb_dialog *dialog, const char *text);

GtkWidget *clove_usb_dialog_widget(const struct clove_usb_dialog *dialog);

#endif
