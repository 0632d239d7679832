/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-connection-file.c - what producers of .vv files write, and what is refused and why. */
#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-gtk/connection-file.h"

static const char ovirt[] =
	"[virt-viewer]\ntype=spice\nhost=10.0.0.1\nport=-1\npassword=secret\n"
	"# Password is valid for 120 seconds.\ndelete-this-file=1\nfullscreen=0\ntitle=VM:%d\n"
	"toggle-fullscreen=shift+f11\nrelease-cursor=shift+f12\nsecure-attention=ctrl+alt+end\n"
	"tls-port=5902\nenable-smartcard=0\nusb-filter=null\ntls-ciphers=DEFAULT\n"
	"host-subject=O=example,CN=10.0.0.1\nca=-----BEGIN\\nEND-----\\n\n"
	"secure-channels=main;inputs;cursor;display\nversions=rhev-win64:2.0-160\n"
	"[ovirt]\nhost=x\n";

START_TEST(test_connection_file_reads_what_ovirt_writes)
{
	struct clove_settings settings = { 0 };
	bool deletes;
	char *error;

	ck_assert_int_eq(clove_connection_file_parse(ovirt, strlen(ovirt), &settings, &deletes, &error),
			CLOVE_OK);
	ck_assert(deletes && settings.is_file && !settings.is_full_screen);
	ck_assert_str_eq(settings.address.host, "10.0.0.1");
	ck_assert_int_eq(settings.address.port, 0);
	ck_assert_int_eq(settings.address.tls_port, 5902);
	ck_assert_str_eq(settings.address.password, "secret");
	ck_assert_str_eq(settings.ca_pem, "-----BEGIN\nEND-----\n");
	ck_assert_str_eq(settings.host_subject, "O=example,CN=10.0.0.1");
	ck_assert_str_eq(settings.title, "VM:%d");
	ck_assert_uint_eq(settings.secure_channels, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 2);
	ck_assert_int_eq(settings.hotkeys.of[CLOVE_HOTKEY_TOGGLE_FULLSCREEN].key, GDK_KEY_F11);
	ck_assert_int_eq(settings.hotkeys.of[CLOVE_HOTKEY_ZOOM_IN].key, 0);
	clove_settings_fini(&settings);
}
END_TEST

#define SPICE "[virt-viewer]\ntype=spice\nhost=h\n"

static const struct {
	const char *text, *says; /* NULL: it is taken */
} cases[] = {
	{ SPICE "port=1\n", NULL },
	{ SPICE "port=1\nversion=11.0\n", NULL },
	{ SPICE "port=1\nversion=10.9-3\n", NULL },
	{ SPICE "port=1\nversion=nonsense\n", NULL },
	{ SPICE "port=1\nunknown=key\n[other]\nkey=1\n", NULL },
	{ SPICE "port=1\ntoggle-fullscreen=no such key\n", NULL },
	{ "[virt-viewer]\ntype=spice\nunix-path=/x\n", NULL },
	{ SPICE "port=1\nversion=11.0.1\n", "11.0.1" },
	{ SPICE "port=1\nversion=99.0\nnewer-version-url=http://x\n", "http://x" },
	{ SPICE "port=1\nproxy=http://x:3128\n", "proxy" },
	{ SPICE "port=1\nsecure-channels=main;none\n", "none" },
	{ SPICE "port=0\ntls-port=70000\n", "port" },
	{ SPICE, "port" },
	{ "[virt-viewer]\ntype=spice\nport=1\n", "host" },
	{ "[virt-viewer]\ntype=vnc\nhost=h\nport=1\n", "vnc" },
	{ "[virt-viewer]\nhost=h\nport=1\n", "type" },
	{ "[other]\ntype=spice\n", "virt-viewer" },
	{ "nonsense", "virt-viewer" },
	{ "", "virt-viewer" },
};

START_TEST(test_connection_file_cases)
{
	struct clove_settings settings = { 0 };
	bool deletes;
	char *error;
	enum clove_err err = clove_connection_file_parse(cases[_i].text, strlen(cases[_i].text),
			&settings, &deletes, &error);

	if (cases[_i].says) {
		ck_assert_int_eq(err, CLOVE_ERR_VALUE);
		ck_assert_msg(strstr(error, cases[_i].says) != NULL, "%s", error);
	} else {
		ck_assert_msg(!err, "%s", error);
	}
	g_free(error);
	clove_settings_fini(&settings);
}
END_TEST

static const struct {
	const char *text;
	bool keeps, is_left;
} deletions[] = {
	{ SPICE "port=1\ndelete-this-file=1\n", false, false },
	{ SPICE "port=1\ndelete-this-file=true\nversion=99.0\n", false, false },
	{ SPICE "port=1\ndelete-this-file=1\n", true, true },
	{ SPICE "port=1\ndelete-this-file=0\n", false, true },
};

START_TEST(test_connection_file_is_deleted_when_it_says_so)
{
	char *path = g_strdup_printf("%s/clove-test-%d-%d.vv", g_get_tmp_dir(), getpid(), _i), *error;
	struct clove_settings settings = { 0 };
	enum clove_err err;

	if (deletions[_i].keeps)
		g_setenv("VIRT_VIEWER_KEEP_FILE", "1", TRUE);
	else
		g_unsetenv("VIRT_VIEWER_KEEP_FILE");
	ck_assert(g_file_set_contents(path, deletions[_i].text, -1, NULL));
	err = clove_connection_file_load(path, &settings, &error);
	ck_assert_int_eq(err != CLOVE_OK, strstr(deletions[_i].text, "99.0") != NULL);
	ck_assert_int_eq(g_file_test(path, G_FILE_TEST_EXISTS), deletions[_i].is_left);
	g_unlink(path);
	g_free(path);
	g_free(error);
	clove_settings_fini(&settings);
}
END_TEST

static const struct {
	const char *text;
	bool is_disabled, shares;
	const char *filter, *on_connect;
} usb[] = {
	{ "", false, false, NULL, NULL },
	{ "enable-usbredir=0\n", true, false, NULL, NULL },
	{ "enable-usbredir=1\nenable-usb-autoshare=true\n", false, true, NULL, NULL },
	{ "usb-filter=0x08,-1,-1,-1,1\nusb-redirect-on-connect=-1,0x1234,-1,-1,1|3,-1,-1,-1,0\n", false, false,
		"0x08,-1,-1,-1,1", "-1,0x1234,-1,-1,1|3,-1,-1,-1,0" },
	{ "usb-filter=null\nusb-redirect-on-connect=1,2,3\n", false, false, NULL, NULL },
	{ "usb-filter=-1,-1,-1,-1,0\n", false, false, "-1,-1,-1,-1,0", NULL },
};

START_TEST(test_connection_file_says_what_becomes_of_usb)
{
	char *text = g_strconcat(SPICE "port=1\n", usb[_i].text, NULL), *error;
	struct clove_settings settings = { 0 };
	bool deletes;

	ck_assert_int_eq(clove_connection_file_parse(text, strlen(text), &settings, &deletes, &error), CLOVE_OK);
	ck_assert_int_eq(settings.is_usb_disabled, usb[_i].is_disabled);
	ck_assert_int_eq(settings.shares_usb, usb[_i].shares);
	ck_assert_pstr_eq(settings.usb_filter, usb[_i].filter);
	ck_assert_pstr_eq(settings.usb_connect_filter, usb[_i].on_connect);
	clove_settings_fini(&settings);
	g_free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("connection-file");
	TCase *tcase = tcase_create("connection-file");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_connection_file_reads_what_ovirt_writes);
	tcase_add_loop_test(tcase, test_connection_file_cases, 0, G_N_ELEMENTS(cases));
	tcase_add_loop_test(tcase, test_connection_file_is_deleted_when_it_says_so, 0,
			G_N_ELEMENTS(deletions));
	tcase_add_loop_test(tcase, test_connection_file_says_what_becomes_of_usb, 0, G_N_ELEMENTS(usb));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
