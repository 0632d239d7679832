/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-dialog.c - what the USB window shows of each state, what its controls do and are called, and in what
 * order the keyboard reaches them. It needs a display, and is skipped without. CLOVE_SHOTS=DIR keeps pictures.
 */
#include <gtk/gtk.h>
#include "client-gtk/usb-dialog.h"
#include "usb-manager-fixture.h"

enum { SKIPPED = 77 };

static struct clove_usb_dialog *dialog;
static GtkWidget *parent;
static int n_closed;

static void refresh(void)
{
	clove_usb_dialog_refresh(dialog);
}

static void tell(const char *text)
{
	clove_usb_dialog_message(dialog, text);
}

static void closed(void *opaque)
{
	(void)opaque;
	n_closed++;
}

static void gtk_settle(void)
{
	while (gtk_events_pending())
		gtk_main_iteration();
}

static void shoot(const char *name)
{
	GtkWidget *widget = clove_usb_dialog_widget(dialog);
	GdkPixbuf *picture;
	char *path;

	if (!g_getenv("CLOVE_SHOTS"))
		return;
	for (int i = 0; i < 100; i++) { /* what fades in has faded in */
		gtk_settle();
		g_usleep(5000);
	}
	picture = gdk_pixbuf_get_from_window(gtk_widget_get_window(widget), 0, 0,
			gtk_widget_get_allocated_width(widget), gtk_widget_get_allocated_height(widget));
	path = g_strdup_printf("%s/%s.png", g_getenv("CLOVE_SHOTS"), name);
	gdk_pixbuf_save(picture, path, "png", NULL, NULL);
	g_object_unref(picture);
	g_free(path);
}

/* -- looking -- */

struct search {
	const char *type, *name;
	GtkWidget *found;
};

static void search(GtkWidget *widget, gpointer data)
{
	struct search *wanted = data;
	const char *name = atk_object_get_name(gtk_widget_get_accessible(widget));

	if (!strcmp(G_OBJECT_TYPE_NAME(widget), wanted->type) && !g_strcmp0(name, wanted->name))
		wanted->found = widget;
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), search, data);
}

static GtkWidget *find(const char *type, const char *name)
{
	struct search wanted = { type, name, NULL };

	search(clove_usb_dialog_widget(dialog), &wanted);
	ck_assert_msg(wanted.found, "no %s called %s", type, name);
	return wanted.found;
}

static GtkWidget *check_of(const char *name)
{
	return find("GtkCheckButton", name);
}

static bool is_seen(const char *type, const char *name)
{
	gtk_settle();
	return gtk_widget_get_mapped(find(type, name));
}

static void list_texts(GtkWidget *widget, gpointer into)
{
	if (GTK_IS_LABEL(widget) && gtk_widget_get_mapped(widget))
		g_string_append_printf(into, "%s\n", gtk_label_get_text(GTK_LABEL(widget)));
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), list_texts, into);
}

static void shows_times(const char *text, int least, int most)
{
	GString *all = g_string_new(NULL);
	int times = 0;

	gtk_settle();
	list_texts(clove_usb_dialog_widget(dialog), all);
	for (const char *at = all->str; (at = strstr(at, text)); at++)
		times++;
	ck_assert_msg(times >= least && times <= most, "“%s” %d times in:\n%s", text, times, all->str);
	g_string_free(all, TRUE);
}

static void shows(const char *text, bool is_expected)
{
	shows_times(text, is_expected, is_expected ? INT_MAX : 0);
}

static void check_names(GtkWidget *widget, gpointer count)
{
	if (GTK_IS_BUTTON(widget)) {
		const char *name = atk_object_get_name(gtk_widget_get_accessible(widget));

		++*(int *)count;
		ck_assert_msg(name && *name, "a %s without a name in a %s", G_OBJECT_TYPE_NAME(widget),
				G_OBJECT_TYPE_NAME(gtk_widget_get_parent(widget)));
	}
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), check_names, count);
}

/* -- fixture -- */

static void open_dialog(void)
{
	setup();
	n_closed = 0;
	start(&source);
	parent = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	dialog = clove_usb_dialog_new(GTK_WINDOW(parent), manager, closed, NULL);
	also_changed = refresh;
	also_message = tell;
	clove_usb_dialog_present(dialog);
	gtk_settle();
}

static void close_dialog(void)
{
	also_changed = NULL;
	also_message = NULL;
	clove_usb_dialog_free(dialog);
	gtk_widget_destroy(parent);
	teardown();
}

static void plug_in_named(uint64_t id, const char *name, const char *driver, const char *in_use, bool is_accessible)
{
	struct clove_local_device local = {
		.id = id, .bus = 3, .address = (uint8_t)id, .is_accessible = is_accessible,
		.shape = { .speed = CLOVE_USB_HIGH, .vendor = 0x0951, .product = 0x1666, .interface_count = 1,
			.interfaces = { { .interface_class = 8 } } },
	};

	snprintf(local.name, sizeof local.name, "%s", name);
	snprintf(local.driver, sizeof local.driver, "%s", driver);
	snprintf(local.in_use, sizeof local.in_use, "%s", in_use);
	machine.events->plugged(machine.owner, &local);
}

START_TEST(test_dialog_shows_every_state)
{
	int n_controls = 0;

	shows("No USB device is plugged in", true);
	shows("no connection", true);
	shoot("empty");
	clove_usb_manager_connected(manager, true);
	settle();
	shows("not set up for USB redirection", true);
	plug_in_named(8, "Yubikey", "usbhid", "", true);
	plug_in_named(9, "Webcam", "uvcvideo", "", true);
	settle();
	shows("Yubikey", true);
	shows_times("not set up for USB redirection", 1, 1);
	ck_assert(!gtk_widget_get_sensitive(check_of("Yubikey")));
	ck_assert(strstr(atk_object_get_description(gtk_widget_get_accessible(check_of("Webcam"))), "not set up"));
	shoot("no-channel");
	machine.events->unplugged(machine.owner, 8);
	machine.events->unplugged(machine.owner, 9);
	settle();
	come(0);
	come(1);
	come(2);
	plug_in_named(1, "Kingston DataTraveler 3.0", "usb-storage", "", true);
	plug_in_named(2, "Logitech Headset H390", "snd-usb-audio usbhid", "", true);
	plug_in_named(3, "SanDisk Cruzer", "usb-storage", "/media/anna/CRUZER is mounted", true);
	plug_in_named(4, "FTDI FT232R Serial Adapter with a name that goes on for longer than anybody would like it to",
			"ftdi_sio", "", false);
	clove_usb_manager_add_image(manager, "/home/anna/images/debian-12-netinst.iso", false);
	settle();
	shows("No USB device is plugged in", false);
	shows("2 channels are free", true);
	shows("The guest has it.", true);
	shows("Close what uses it and eject it first", true);
	shows("asked for permission", true);
	clove_usb_manager_take(manager, see(1)->id);
	settle();
	shows("Being opened…", true);
	clove_usb_manager_take(manager, see(3)->id);
	settle();
	shows("Waiting for permission…", true);
	police.answer(police.opaque, -1, CLOVE_ERR_REFUSED, "polkit does not allow you to open the device");
	settle();
	shows("Polkit does not allow you to open the device.", true);
	ck_assert(is_seen("GtkButton", "Do not give Logitech Headset H390 to the guest"));
	ck_assert(!is_seen("GtkButton", "Do not give Kingston DataTraveler 3.0 to the guest"));
	ck_assert(!gtk_widget_get_sensitive(check_of("SanDisk Cruzer")));
	ck_assert(gtk_widget_get_sensitive(check_of("Kingston DataTraveler 3.0")));
	ck_assert(!gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check_of("Kingston DataTraveler 3.0"))));
	ck_assert(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check_of("debian-12-netinst.iso"))));
	ck_assert_str_eq(atk_object_get_description(gtk_widget_get_accessible(check_of("SanDisk Cruzer"))),
			"It is in use: /media/anna/CRUZER is mounted. Close what uses it and eject it first.");
	shoot("states");
	check_names(clove_usb_dialog_widget(dialog), &n_controls);
	ck_assert_int_ge(n_controls, 5 * 3 + 3);
}
END_TEST

START_TEST(test_dialog_gives_and_takes)
{
	clove_usb_manager_connected(manager, true);
	come(0);
	plug_in_named(1, "Stick", "", "", true);
	settle();
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	ck_assert_int_eq(machine.n_opens, 1);
	settle();
	gtk_button_clicked(GTK_BUTTON(find("GtkButton", "Do not give Stick to the guest")));
	ck_assert_int_eq(machine.n_forgets, 1);
	settle();
	ck_assert(!gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check_of("Stick"))));
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	answer_open(NULL, CLOVE_ERR_IO, "Another program has it: close that.");
	settle();
	/* said above the list and below the device; the window can be worked with */
	shows("“Stick” could not be given to the guest. Another program has it: close that.", true);
	ck_assert(!gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check_of("Stick"))));
	shoot("failure");
	gtk_button_clicked(GTK_BUTTON(find("GtkButton", "Close this message")));
	gtk_settle();
	shows("could not be given", false);
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(check_of("Stick"))));
	ck_assert_ptr_nonnull(channels[0].device);
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	settle();
	ck_assert_ptr_null(channels[0].device);
	machine.events->unplugged(machine.owner, 1);
	settle();
	shows("Stick", false);
}
END_TEST

START_TEST(test_dialog_takes_images_off_the_list)
{
	clove_usb_manager_connected(manager, true);
	come(0);
	clove_usb_manager_add_image(manager, "/x/a.iso", false);
	settle();
	ck_assert(!is_seen("GtkButton", "Take a.iso off the list"));
	gtk_button_clicked(GTK_BUTTON(check_of("a.iso")));
	settle();
	ck_assert(is_seen("GtkButton", "Take a.iso off the list"));
	gtk_button_clicked(GTK_BUTTON(find("GtkButton", "Take a.iso off the list")));
	settle();
	shows("a.iso", false);
}
END_TEST

START_TEST(test_dialog_is_worked_by_keyboard)
{
	static const char *const order[] = { "Stick", "Adapter", "Share a Disk Image or ISO…", "Close" };
	GtkWidget *widget = clove_usb_dialog_widget(dialog), *focus;
	const char *name = NULL;
	size_t n = 0;

	clove_usb_manager_connected(manager, true);
	come(0);
	plug_in_named(1, "Stick", "", "", true);
	plug_in_named(2, "Mounted", "", "/media/x is mounted", true);
	plug_in_named(3, "Adapter", "", "", true);
	settle();
	/* without a window manager nobody else does it */
	gdk_window_focus(gtk_widget_get_window(widget), GDK_CURRENT_TIME);
	for (int i = 0; i < 200 && !gtk_window_has_toplevel_focus(GTK_WINDOW(widget)); i++) {
		gtk_settle();
		g_usleep(10000);
	}
	gtk_window_set_focus(GTK_WINDOW(widget), NULL);
	for (int i = 0; i < 8 && n < G_N_ELEMENTS(order); i++) {
		gtk_widget_child_focus(widget, GTK_DIR_TAB_FORWARD);
		focus = gtk_window_get_focus(GTK_WINDOW(widget));
		if (!focus) /* round the end */
			continue;
		name = atk_object_get_name(gtk_widget_get_accessible(focus));
		ck_assert_msg(!g_strcmp0(name, order[n]), "%s comes at place %zu", name, n);
		n++;
	}
	ck_assert_uint_eq(n, G_N_ELEMENTS(order));
	/* Escape closes */
	gtk_widget_grab_focus(check_of("Stick"));
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	ck_assert_int_eq(machine.n_opens, 1);
	gtk_dialog_response(GTK_DIALOG(widget), GTK_RESPONSE_DELETE_EVENT);
	ck_assert_int_eq(n_closed, 1);
}
END_TEST

START_TEST(test_dialog_keeps_the_focus_when_states_change)
{
	GtkWidget *widget = clove_usb_dialog_widget(dialog);

	clove_usb_manager_connected(manager, true);
	come(0);
	plug_in_named(1, "Stick", "", "", true);
	settle();
	gtk_widget_grab_focus(check_of("Stick"));
	gtk_button_clicked(GTK_BUTTON(check_of("Stick")));
	settle();
	ck_assert_ptr_eq(gtk_window_get_focus(GTK_WINDOW(widget)), check_of("Stick"));
	answer_open(device_new(), CLOVE_OK, NULL);
	settle();
	ck_assert_ptr_eq(gtk_window_get_focus(GTK_WINDOW(widget)), check_of("Stick"));
}
END_TEST

START_TEST(test_dialog_goes_with_its_parent)
{
	clove_usb_manager_connected(manager, true);
	come(0);
	plug_in_named(1, "Stick", "", "", true);
	settle();
	gtk_widget_destroy(parent);
	ck_assert_int_eq(n_closed, 1);
	ck_assert_ptr_null(clove_usb_dialog_widget(dialog));
	also_changed = NULL;
	parent = gtk_window_new(GTK_WINDOW_TOPLEVEL);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("usb-dialog");
	TCase *tcase = tcase_create("usb-dialog");
	SRunner *runner = srunner_create(suite);
	int failed;

	g_setenv("NO_AT_BRIDGE", "1", TRUE);
	if (!gtk_init_check(&argc, &argv)) {
		puts("skip: there is no display");
		return SKIPPED;
	}
	srunner_set_fork_status(runner, CK_NOFORK); /* a display cannot be shared */
	tcase_add_checked_fixture(tcase, open_dialog, close_dialog);
	tcase_add_test(tcase, test_dialog_shows_every_state);
	tcase_add_test(tcase, test_dialog_gives_and_takes);
	tcase_add_test(tcase, test_dialog_takes_images_off_the_list);
	tcase_add_test(tcase, test_dialog_is_worked_by_keyboard);
	tcase_add_test(tcase, test_dialog_keeps_the_focus_when_states_change);
	tcase_add_test(tcase, test_dialog_goes_with_its_parent);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
