/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usbredir-filter.c - rules as people write them, and what they say of devices. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "usbredir/filter.h"

static const struct {
	const char *text, *printed;  /* printed NULL: refused */
	enum clove_err want;
} texts[] = {
	{ "", "", CLOVE_OK },
	{ "|||", "", CLOVE_OK },
	{ CLOVE_USB_FILTER_AUTO, CLOVE_USB_FILTER_AUTO, CLOVE_OK },
	{ "|3,010,0x10,-1,1||", "0x03,0x0008,0x0010,-1,1", CLOVE_OK },
	{ ",,8,,-1,-1,-1,,0,", "0x08,-1,-1,-1,0", CLOVE_OK },
	{ "255,65535,65535,65535,1", "0xff,0xffff,0xffff,0xffff,1", CLOVE_OK },
	{ "256,-1,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "-2,-1,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "1,65536,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "1,-1,-1,-1,-1|1,-1,-1,-1,2", "0x01,-1,-1,-1,1|0x01,-1,-1,-1,1", CLOVE_OK },
	{ "1,-1,-1,-1,99999999999", NULL, CLOVE_ERR_VALUE },
	{ "1,-1,-1,-1", NULL, CLOVE_ERR_SHORT },
	{ "1,-1,-1,-1,1,1", NULL, CLOVE_ERR_SHORT },
	{ "1,x,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "1,1x,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "1,99999999999999999999,-1,-1,1", NULL, CLOVE_ERR_VALUE },
	{ "1,0000000000000000000000000000000000000000001,-1,-1,1", NULL, CLOVE_ERR_VALUE },
};

START_TEST(test_filter_reads_and_prints_rules)
{
	struct clove_usb_filter filter = { 0 };
	char *printed;

	ck_assert_int_eq(clove_usb_filter_parse(&filter, texts[_i].text, NULL, NULL), texts[_i].want);
	if (!texts[_i].printed)
		return;
	printed = clove_usb_filter_print(&filter);
	ck_assert_str_eq(printed, texts[_i].printed);
	free(printed);
	clove_usb_filter_fini(&filter);
}
END_TEST

START_TEST(test_filter_has_the_separators_that_are_asked_for)
{
	struct clove_usb_filter filter = { 0 };

	ck_assert_int_eq(clove_usb_filter_parse(&filter, "1:2:3:4:1|2:-1:-1:-1:0", NULL, ":"), CLOVE_OK);
	ck_assert_uint_eq(filter.count, 2);
	ck_assert_int_eq(filter.rules[0].version, 4);
	clove_usb_filter_fini(&filter);
	ck_assert_int_eq(clove_usb_filter_parse(&filter, "1,2,3,4,1;2,-1,-1,-1,0", ";", NULL), CLOVE_OK);
	ck_assert_uint_eq(filter.count, 2);
	clove_usb_filter_fini(&filter);
}
END_TEST

START_TEST(test_filter_bounds_its_rules)
{
	struct clove_usb_filter filter = { 0 };
	size_t len = strlen("1,1,1,1,1|"), n = 10001;
	char *text = malloc(n * len + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, "1,1,1,1,1|", len + 1);
	ck_assert_int_eq(clove_usb_filter_parse(&filter, text, NULL, NULL), CLOVE_ERR_LIMIT);
	text[(n - 1) * len] = 0;
	ck_assert_int_eq(clove_usb_filter_parse(&filter, text, NULL, NULL), CLOVE_OK);
	clove_usb_filter_fini(&filter);
	free(text);
}
END_TEST

#define HID_SIDE  { 0, 0, 3, 0, 0 }
#define HID_BOOT  { 0, 0, 3, 1, 1 }
#define AUDIO     { 0, 0, 1, 1, 0 }
#define STORAGE   { 0, 0, 8, 6, 0x50 }

static const struct {
	const char *why, *rules;
	bool allows_by_default;
	uint8_t device_class;
	uint32_t count;
	struct clove_usb_interface interfaces[3];
	enum clove_usb_verdict want;
} checks[] = {
	{ "no rules", "", false, 0, 1, { STORAGE }, CLOVE_USB_UNMATCHED },
	{ "no rules, by default", "", true, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "a stick", CLOVE_USB_FILTER_AUTO, false, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "a keyboard", CLOVE_USB_FILTER_AUTO, false, 0, 1, { HID_BOOT }, CLOVE_USB_DENIED },
	{ "a gamepad", CLOVE_USB_FILTER_AUTO, false, 0, 1, { HID_SIDE }, CLOVE_USB_DENIED },
	{ "a headset with keys", CLOVE_USB_FILTER_AUTO, false, 0, 2, { AUDIO, HID_SIDE }, CLOVE_USB_ALLOWED },
	{ "a headset with a keyboard", CLOVE_USB_FILTER_AUTO, false, 0, 2, { AUDIO, HID_BOOT }, CLOVE_USB_DENIED },
	{ "two pads", CLOVE_USB_FILTER_AUTO, false, 0, 2, { HID_SIDE, HID_SIDE }, CLOVE_USB_DENIED },
	{ "a class of its own", "9,-1,-1,-1,0|-1,-1,-1,-1,1", false, 9, 1, { STORAGE }, CLOVE_USB_DENIED },
	{ "class 0xef is none", "0xef,-1,-1,-1,0|-1,-1,-1,-1,1", false, 0xef, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "class 0 is none", "0,-1,-1,-1,0|-1,-1,-1,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "vendor", "-1,0x1234,-1,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "other vendor", "-1,0x1235,-1,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_UNMATCHED },
	{ "product", "-1,-1,0x5678,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "other product", "-1,-1,0x5679,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_UNMATCHED },
	{ "version", "-1,-1,-1,0x100,1", false, 0, 1, { STORAGE }, CLOVE_USB_ALLOWED },
	{ "other version", "-1,-1,-1,0x101,1", false, 0, 1, { STORAGE }, CLOVE_USB_UNMATCHED },
	{ "the first rule decides", "8,-1,-1,-1,0|8,-1,-1,-1,1", false, 0, 1, { STORAGE }, CLOVE_USB_DENIED },
	{ "one interface of two", "1,-1,-1,-1,1", false, 0, 2, { AUDIO, STORAGE }, CLOVE_USB_UNMATCHED },
	{ "no interface at all", "", false, 0, 0, { STORAGE }, CLOVE_USB_ALLOWED },
};

START_TEST(test_filter_judges_devices)
{
	struct clove_usb_shape shape = { .vendor = 0x1234, .product = 0x5678, .version = 0x100,
			.device_class = checks[_i].device_class, .interface_count = checks[_i].count };
	struct clove_usb_filter filter = { 0 };
	enum clove_usb_verdict got;

	memcpy(shape.interfaces, checks[_i].interfaces, sizeof checks[_i].interfaces);
	ck_assert_int_eq(clove_usb_filter_parse(&filter, checks[_i].rules, NULL, NULL), CLOVE_OK);
	got = clove_usb_filter_check(&filter, &shape, checks[_i].allows_by_default);
	ck_assert_msg(got == checks[_i].want, "%s: %d", checks[_i].why, got);
	clove_usb_filter_fini(&filter);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usbredir-filter");
	TCase *tcase = tcase_create("filter");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_filter_reads_and_prints_rules, 0, sizeof texts / sizeof texts[0]);
	tcase_add_test(tcase, test_filter_has_the_separators_that_are_asked_for);
	tcase_add_test(tcase, test_filter_bounds_its_rules);
	tcase_add_loop_test(tcase, test_filter_judges_devices, 0, sizeof checks / sizeof checks[0]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
