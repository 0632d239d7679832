/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-uri.c - addresses that are taken, what they mean, and those that are refused. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include "client-gtk/uri.h"

static const struct {
	const char *uri, *host, *path, *user, *password;
	int port, tls_port;
	const char *canonical;
} good[] = {
	{ "spice://h:5900", "h", NULL, NULL, NULL, 5900, 0, "spice://h:5900" },
	{ "spice://h?port=1", "h", NULL, NULL, NULL, 1, 0, "spice://h:1" },
	{ "spice://h/?tls-port=65535", "h", NULL, NULL, NULL, 0, 65535, "spice+tls://h:65535" },
	{ "spice://h;port=1;tls-port=2", "h", NULL, NULL, NULL, 1, 2, "spice://h?port=1&tls-port=2" },
	{ "spice://h:1?password=a%20b&tls-port=", "h", NULL, NULL, "a b", 1, 0, "spice://h:1" },
	{ "spice://u%40x@h:1", "h", NULL, "u@x", NULL, 1, 0, "spice://h:1" },
	{ "spice://[2001:db8::1]:5900", "2001:db8::1", NULL, NULL, NULL, 5900, 0,
		"spice://[2001:db8::1]:5900" },
	{ "spice+tls://h:5901", "h", NULL, NULL, NULL, 0, 5901, "spice+tls://h:5901" },
	{ "spice+tls://h:5901?port=3", "h", NULL, NULL, NULL, 0, 5901, "spice+tls://h:5901" },
	{ "spice+unix:///run/a%20b", NULL, "/run/a%20b", NULL, NULL, 0, 0, "spice+unix:///run/a%20b" },
	{ "spice://h:1/path", "h", NULL, NULL, NULL, 1, 0, "spice://h:1" },
};

START_TEST(test_uri_is_taken)
{
	struct clove_address address;
	char *error, *canonical;

	ck_assert_int_eq(clove_uri_parse(good[_i].uri, &address, &error), CLOVE_OK);
	ck_assert_pstr_eq(address.host, good[_i].host);
	ck_assert_pstr_eq(address.unix_path, good[_i].path);
	ck_assert_pstr_eq(address.user, good[_i].user);
	ck_assert_pstr_eq(address.password, good[_i].password);
	ck_assert_int_eq(address.port, good[_i].port);
	ck_assert_int_eq(address.tls_port, good[_i].tls_port);
	canonical = clove_uri_format(&address);
	ck_assert_str_eq(canonical, good[_i].canonical);
	g_free(canonical);
	clove_address_fini(&address);
}
END_TEST

static const char *const bad[] = {
	"", "h:1", "gopher://h:1", "SPICE://h:1", "spice://", "spice://h", "spice://:1",
	"spice://h:port", "spice://h:0", "spice://h:65536", "spice://h:1?port=1", "spice://h?port=-1",
	"spice://h:1?colour=red", "spice://h:1?port", "spice://h:1?=1", "spice://[::1", "spice://::1:1",
	"spice+unix://", "spice+unix://relative", "spice+tls://h", "spice://h:1?password=%zz",
	"spice://h:1?tls-port=1&tls-port=2", "spice://%zz@h:1", "spice://h:1?password=\xff",
};

START_TEST(test_uri_is_refused)
{
	struct clove_address address;
	char *error;

	ck_assert_msg(clove_uri_parse(bad[_i], &address, &error) == CLOVE_ERR_VALUE, "%s", bad[_i]);
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_null(address.host);
	g_free(error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uri");
	TCase *tcase = tcase_create("uri");
	SRunner *runner = srunner_create(suite);
	int failed;

	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
	tcase_add_loop_test(tcase, test_uri_is_taken, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(tcase, test_uri_is_refused, 0, G_N_ELEMENTS(bad));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
