/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-options.c - what options make of the settings, and the sentence for each that cannot be. */
#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-gtk/options.h"

static struct clove_settings settings;
static char *error;

static enum clove_exit parse(const char *options)
{
	char *line = g_strconcat("clove-viewer ", options, NULL), **words, **argv;
	enum clove_exit code;
	bool goes_on;
	int argc;

	ck_assert(g_shell_parse_argv(line, &argc, &words, NULL));
	argv = g_new0(char *, argc + 1); /* what is parsed is taken out */
	memcpy(argv, words, (size_t)argc * sizeof *words);
	memset(&settings, 0, sizeof settings);
	error = NULL;
	code = clove_options_parse(&argc, &argv, &settings, &goes_on, &error);
	ck_assert_int_eq(goes_on, code == CLOVE_EXIT_OK);
	g_free(argv);
	g_strfreev(words);
	g_free(line);
	return code;
}

static void done(void)
{
	clove_settings_fini(&settings);
	g_free(error);
}

static const struct {
	const char *options;
	enum clove_exit code;
	const char *says;
} refused[] = {
	{ "--no-such-option", CLOVE_EXIT_USAGE, "--help" },
	{ "--zoom=5", CLOVE_EXIT_USAGE, "10 to 400" },
	{ "--exit-after-screenshot", CLOVE_EXIT_USAGE, "--screenshot" },
	{ "--share-image=/no/such/file", CLOVE_EXIT_BAD_TARGET, "The image /no/such/file cannot be read: No such file" },
	{ "--share-image=/no/such/file,writable", CLOVE_EXIT_BAD_TARGET, "/no/such/file cannot be written" },
	{ "--spice-share-cd=/no/such/cd", CLOVE_EXIT_BAD_TARGET, "/no/such/cd" },
	{ "--spice-share-cd=/dev/null --spice-disable-usbredir", CLOVE_EXIT_USAGE, "switches off" },
	{ "--spice-usbredir-auto-redirect-filter=nonsense", CLOVE_EXIT_USAGE,
		"“nonsense” are no rules for --spice-usbredir-auto-redirect-filter" },
	{ "--spice-usbredir-redirect-on-connect=1,2,3", CLOVE_EXIT_USAGE, "--spice-usbredir-redirect-on-connect" },
	{ "--share-image=/dev/null --share-image=/dev/null --share-image=/dev/null --share-image=/dev/null "
		"--share-image=/dev/null --share-image=/dev/null --share-image=/dev/null --share-image=/dev/null "
		"--share-image=/dev/null", CLOVE_EXIT_USAGE, "At most 8" },
};

START_TEST(test_options_that_cannot_be)
{
	ck_assert_int_eq(parse(refused[_i].options), refused[_i].code);
	ck_assert_msg(strstr(error, refused[_i].says), "%s", error);
	done();
}
END_TEST

START_TEST(test_options_share_images)
{
	char *path = g_strdup_printf("%s/clove-image-%d", g_get_tmp_dir(), getpid());
	char *options = g_strdup_printf("--share-image=%s --share-image=%s,writable --spice-share-cd=%s", path, path,
			path);

	ck_assert(g_file_set_contents(path, "x", 1, NULL));
	ck_assert_int_eq(parse(options), CLOVE_EXIT_OK);
	ck_assert_uint_eq(settings.n_usb_images, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_str_eq(settings.usb_images[i].path, path);
		ck_assert_int_eq(settings.usb_images[i].is_writable, i == 1);
		ck_assert_int_eq(settings.usb_images[i].is_cd, i == 2);
	}
	ck_assert(!settings.shares_usb && !settings.usb_filter && !settings.is_usb_disabled);
	done();
	g_unlink(path);
	g_free(options);
	g_free(path);
}
END_TEST

START_TEST(test_options_have_usb_rules)
{
	ck_assert_int_eq(parse("--spice-usbredir-auto-redirect-filter=8,-1,-1,-1,1 "
			"--spice-usbredir-redirect-on-connect='-1,0x1234,-1,-1,1|-1,-1,-1,-1,0'"), CLOVE_EXIT_OK);
	ck_assert(settings.shares_usb);
	ck_assert_str_eq(settings.usb_filter, "8,-1,-1,-1,1");
	ck_assert_str_eq(settings.usb_connect_filter, "-1,0x1234,-1,-1,1|-1,-1,-1,-1,0");
	done();
	ck_assert_int_eq(parse("--spice-disable-usbredir --hotkeys=usb-device-reset=ctrl+shift+r"), CLOVE_EXIT_OK);
	ck_assert(settings.is_usb_disabled && !settings.shares_usb);
	ck_assert_int_eq(settings.hotkeys.of[CLOVE_HOTKEY_USB_DEVICE_RESET].key, GDK_KEY_r);
	done();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("options");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_options_that_cannot_be, 0, G_N_ELEMENTS(refused));
	tcase_add_test(tcase, test_options_share_images);
	tcase_add_test(tcase, test_options_have_usb_rules);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
