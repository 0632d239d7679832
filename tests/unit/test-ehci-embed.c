/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-embed.c - the installed library as a VMM links it: by its header alone. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "vmm-glue/clove-ehci.h"

static unsigned int outputs;

static bool no_read(void *opaque, uint64_t address, void *data, size_t len)
{
	(void)opaque, (void)address, (void)data, (void)len;
	return false;
}
static bool no_write(void *opaque, uint64_t address, const void *data, size_t len)
{
	(void)opaque, (void)address, (void)data, (void)len;
	return false;
}
static void set_irq(void *opaque, bool level)
{
	(void)opaque, (void)level;
}
static uint64_t now(void *opaque)
{
	(void)opaque;
	return 1;
}
static void wake_at(void *opaque, uint64_t ns)
{
	(void)opaque, (void)ns;
}
static void output(void *opaque)
{
	(void)opaque;
	outputs++;
}
static const struct clove_ehci_vmm vmm = {
	.dma_read = no_read, .dma_write = no_write, .set_irq = set_irq, .now = now, .wake_at = wake_at,
};

START_TEST(test_devices_are_plugged_in)
{
	struct clove_ehci *ehci = clove_ehci_new(&vmm, NULL);
	char *error = NULL;
	struct clove_usb_device *keyboard = clove_ehci_keyboard_new();

	ck_assert_ptr_null(clove_ehci_storage_new("/nowhere/disk.img", 0, &error));
	ck_assert(error && strstr(error, "/nowhere/disk.img"));
	free(error);
	ck_assert_int_eq(clove_ehci_plug(ehci, keyboard), 101);
	clove_ehci_keyboard_key(keyboard, 4, true);
	ck_assert_int_eq(clove_ehci_plug(ehci, clove_ehci_tablet_new()), 102);
	ck_assert_int_eq(clove_ehci_plug(ehci, clove_ehci_serial_new()), 103);
	ck_assert_int_eq(clove_ehci_plug(ehci, clove_ehci_audio_new()), 104);
	ck_assert_str_eq(clove_ehci_port_name(ehci, 6), "USB 2.0 hub");
	ck_assert(clove_ehci_unplug(ehci, 102));
	clove_ehci_device_free(clove_ehci_keyboard_new());
	clove_ehci_device_free(NULL);
	clove_ehci_free(ehci);
}
END_TEST

START_TEST(test_usbredir_greets_and_refuses_what_is_none)
{
	struct clove_ehci *ehci = clove_ehci_new(&vmm, NULL);
	struct clove_ehci_redir *redir = clove_ehci_redir_new(ehci, output, NULL);
	uint8_t hello[256];
	static const uint8_t noise[80] = { 0xff, 0xff, 0xff, 0xff, 0xff };
	size_t first = clove_ehci_redir_take(redir, hello, 10), rest = clove_ehci_redir_take(redir, hello + first, 246);

	/* type 0, 64 bytes of version and a word of capabilities */
	ck_assert_uint_eq(first, 10);
	ck_assert_uint_ge(first + rest, 12 + 64 + 4);
	ck_assert_uint_eq(hello[0], 0);
	ck_assert_uint_eq(clove_ehci_redir_take(redir, hello, sizeof hello), 0);
	ck_assert_ptr_nonnull(clove_ehci_redir_feed(redir, noise, sizeof noise));
	clove_ehci_redir_free(redir);
	clove_ehci_redir_free(NULL);
	clove_ehci_free(ehci);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ehci-embed");
	TCase *tc = tcase_create("embed");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_devices_are_plugged_in);
	tcase_add_test(tc, test_usbredir_greets_and_refuses_what_is_none);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
