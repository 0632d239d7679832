/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-window.c - every control has a name for those who do not see it, and every menu entry works.
 * It needs a display, and is skipped without. */
#include <check.h>
#include <gtk/gtk.h>
#include <stdlib.h>
#include <string.h>
#include "client-gtk/connect-dialog.h"
#include "client-gtk/failures.h"
#include "client-gtk/window.h"

enum { SKIPPED = 77 };

static GString *done;

static void on_close(void *opaque, struct clove_window *window)
{
	(void)opaque;
	(void)window;
	g_string_append(done, "close ");
}

static void on_send_keys(void *opaque, const unsigned int *evdevs, int n)
{
	(void)opaque;
	for (int i = 0; i < n; i++)
		g_string_append_printf(done, "%u%s", evdevs[i], i + 1 < n ? "+" : " ");
}

static void on_release(void *opaque)
{
	(void)opaque;
	g_string_append(done, "release ");
}

static void on_screenshot(void *opaque, struct clove_window *window)
{
	(void)opaque;
	(void)window;
	g_string_append(done, "screenshot ");
}

static void on_other(void *opaque, struct clove_window *window)
{
	(void)opaque;
	(void)window;
}

static void on_statistics(void *opaque, struct clove_window *window, bool is_wanted)
{
	(void)opaque;
	clove_window_set_statistics(window, "text");
	g_string_append(done, is_wanted ? "statistics " : "no-statistics ");
}

static void on_usb(void *opaque, struct clove_window *window)
{
	(void)opaque;
	(void)window;
	g_string_append(done, "usb ");
}

static void on_usb_reset(void *opaque)
{
	(void)opaque;
	g_string_append(done, "usb-reset ");
}

static const struct clove_window_events events = {
	.usb = on_usb, .usb_reset = on_usb_reset,
	.close = on_close, .send_keys = on_send_keys, .release = on_release, .screenshot = on_screenshot,
	.banner = on_other, .painted = on_other, .statistics = on_statistics,
};

static unsigned int n_controls;

/* Buttons, entries and lists below a widget, hidden ones too. */
static void check_names(GtkWidget *widget, gpointer where)
{
	bool is_never_shown = !gtk_widget_get_visible(widget) && gtk_widget_get_no_show_all(widget);

	/* an info bar has a button that we do not show; the bars themselves come and go */
	if (GTK_IS_BUTTON(widget) && is_never_shown)
		return;
	if (GTK_IS_BUTTON(widget) || GTK_IS_ENTRY(widget) || GTK_IS_DRAWING_AREA(widget)) {
		const char *name = atk_object_get_name(gtk_widget_get_accessible(widget));

		n_controls++;
		ck_assert_msg(name && *name, "%s: a %s without a name in a %s", (const char *)where,
				G_OBJECT_TYPE_NAME(widget), G_OBJECT_TYPE_NAME(gtk_widget_get_parent(widget)));
	}
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), check_names, where);
}

static struct clove_window *window_new(struct clove_settings *settings)
{
	clove_hotkeys_defaults(&settings->hotkeys);
	done = g_string_new(NULL);
	return clove_window_new(settings, &events, NULL);
}

static void window_free(struct clove_window *window)
{
	clove_window_free(window);
	g_string_free(done, TRUE);
}

START_TEST(test_window_names_every_control)
{
	struct clove_settings settings = { .zoom = 100 };
	struct clove_window *window = window_new(&settings);
	GtkWidget *dialogs[] = {
		clove_connect_dialog_new("spice://", "wrong"),
		clove_failure_dialog_new(clove_window_gtk(window), CLOVE_FAILURE_CONNECT, "cause", false),
		clove_password_dialog_new(clove_window_gtk(window), "server", true),
	};

	clove_window_set_title(window, "guest", "address");
	clove_window_set_banner(window, "text", "_Button");
	check_names(GTK_WIDGET(clove_window_gtk(window)), (gpointer)"window");
	ck_assert_uint_ge(n_controls, 11);
	for (size_t i = 0; i < G_N_ELEMENTS(dialogs); i++) {
		unsigned int before = n_controls;

		check_names(dialogs[i], (gpointer)"dialog");
		ck_assert_uint_ge(n_controls, before + 2);
		gtk_widget_destroy(dialogs[i]);
	}
	window_free(window);
}
END_TEST

static void activate_all(GMenuModel *menu, GActionGroup *actions)
{
	for (int i = 0; i < g_menu_model_get_n_items(menu); i++) {
		GMenuModel *section = g_menu_model_get_item_link(menu, i, G_MENU_LINK_SECTION);
		GVariant *target = g_menu_model_get_item_attribute_value(menu, i, G_MENU_ATTRIBUTE_TARGET,
				NULL);
		char *name = NULL;

		if (section) {
			activate_all(section, actions);
			g_object_unref(section);
			continue;
		}
		ck_assert(g_menu_model_get_item_attribute(menu, i, G_MENU_ATTRIBUTE_ACTION, "s", &name));
		ck_assert(g_str_has_prefix(name, "win."));
		ck_assert_msg(g_action_group_has_action(actions, name + 4), "no action %s", name);
		if (strcmp(name, "win.about") && strcmp(name, "win.full-screen"))
			g_action_group_activate_action(actions, name + 4, target);
		g_clear_pointer(&target, g_variant_unref);
		g_free(name);
	}
}

static void find_menus(GtkWidget *widget, gpointer actions)
{
	if (GTK_IS_MENU_BUTTON(widget))
		activate_all(gtk_menu_button_get_menu_model(GTK_MENU_BUTTON(widget)), actions);
	else if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), find_menus, actions);
}

START_TEST(test_window_menus_do_what_they_say)
{
	struct clove_settings settings = { .zoom = 100 };
	struct clove_window *window = window_new(&settings);
	GtkWidget *header = gtk_window_get_titlebar(clove_window_gtk(window));

	find_menus(header, gtk_widget_get_action_group(GTK_WIDGET(clove_window_gtk(window)), "win"));
	ck_assert_str_eq(done->str, "29+56+111 29+56+14 29+56+59 29+56+60 29+56+61 29+56+62 29+56+63 "
			"29+56+64 29+56+65 29+56+66 29+56+67 29+56+68 29+56+87 29+56+88 99 125 42+87 release "
			"usb screenshot statistics ");
	window_free(window);
}
END_TEST

static void find_statistics(GtkWidget *widget, gpointer found)
{
	const char *name = atk_object_get_name(gtk_widget_get_accessible(widget));

	if (GTK_IS_LABEL(widget) && !g_strcmp0(name, "Statistics"))
		*(GtkWidget **)found = widget;
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), find_statistics, found);
}

START_TEST(test_window_lays_statistics_over_the_picture)
{
	struct clove_settings settings = { .zoom = 100 };
	struct clove_window *window = window_new(&settings);
	GtkWidget *label = NULL;

	find_statistics(GTK_WIDGET(clove_window_gtk(window)), &label);
	ck_assert_ptr_nonnull(label);
	ck_assert(!gtk_widget_get_visible(label));
	clove_window_hotkey(window, CLOVE_HOTKEY_STATISTICS);
	ck_assert_str_eq(done->str, "statistics ");
	ck_assert(gtk_widget_get_visible(label));
	ck_assert_str_eq(gtk_label_get_text(GTK_LABEL(label)), "text");
	clove_window_hotkey(window, CLOVE_HOTKEY_STATISTICS);
	ck_assert_str_eq(done->str, "statistics no-statistics ");
	ck_assert(!gtk_widget_get_visible(label));
	window_free(window);
}
END_TEST

START_TEST(test_window_hides_usb_that_is_switched_off)
{
	struct clove_settings settings = { .zoom = 100, .is_usb_disabled = _i };
	struct clove_window *window = window_new(&settings);
	GActionGroup *actions = gtk_widget_get_action_group(GTK_WIDGET(clove_window_gtk(window)), "win");

	ck_assert_int_eq(g_action_group_get_action_enabled(actions, "usb"), !_i);
	clove_window_hotkey(window, CLOVE_HOTKEY_USB_DEVICE_RESET);
	ck_assert_str_eq(done->str, "usb-reset ");
	window_free(window);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("window");
	TCase *tcase = tcase_create("window");
	SRunner *runner = srunner_create(suite);
	int failed;

	g_setenv("NO_AT_BRIDGE", "1", TRUE);
	if (!gtk_init_check(&argc, &argv)) {
		puts("skip: there is no display");
		return SKIPPED;
	}
	srunner_set_fork_status(runner, CK_NOFORK); /* a display cannot be shared */
	tcase_add_test(tcase, test_window_names_every_control);
	tcase_add_test(tcase, test_window_menus_do_what_they_say);
	tcase_add_test(tcase, test_window_lays_statistics_over_the_picture);
	tcase_add_loop_test(tcase, test_window_hides_usb_that_is_switched_off, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
