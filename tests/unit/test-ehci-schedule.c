/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-schedule.c - plays the driver: lists in memory, and what the controller makes of them. */
#include <check.h>
#include <unistd.h>
#include "tests/unit/ehci-fixture.h"
#include "usb/software.h"

static struct rig rig;
static struct puppet *dev;
static uint32_t ep0, in, out;          /* queue heads of dev at address 1 */

static void setup(void)
{
	ck_assert(rig_open(&rig));
	puppets_freed = 0;
	dev = puppet_new(CLOVE_USB_HIGH);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &dev->usb), 1);
	rig_start(&rig);
	rig_reset_port(&rig, 0);
	ep0 = rig_qh(&rig, 0, 0, 64, 1);
	rig_insert(&rig, ep0);
	ck_assert_uint_eq(rig_control_at(&rig, ep0, &(struct clove_usb_setup){ 0, 5, 1, 0, 0 }, NULL, NULL) & 0xff, 0);
	put(&rig, ep0 + 4, get(&rig, ep0 + 4) | 1);
	in = rig_qh(&rig, 1, 1, 512, 0);
	out = rig_qh(&rig, 1, 1, 512, 0);
	rig_insert(&rig, in);
	rig_insert(&rig, out);
	rig_ack(&rig);
}

static void teardown(void)
{
	rig_close(&rig);
	ck_assert_uint_eq(rig.bad, 0);
}

START_TEST(test_control_moves_a_data_stage_in)
{
	uint8_t data[18];
	uint32_t moved;

	ck_assert_uint_eq(rig_control_at(&rig, ep0, &(struct clove_usb_setup){ 0x80, 6, 0x100, 0, 18 }, data, &moved) &
			0xff, 0);
	ck_assert_uint_eq(moved, 18);
	ck_assert_uint_eq(dev->setups, 1);
	ck_assert_uint_eq(dev->setup.value, 0x100);
	ck_assert(rig.irq);
}
END_TEST

START_TEST(test_bulk_makes_a_chain_one_transfer)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512 * 8, PAGES, 0);
	uint32_t b = rig_qtd(&rig, P_OUT, 512 * 4, PAGES + 0x8000, IOC);

	put(&rig, a, b);
	memset(rig.memory + PAGES, 0x11, 4096);
	memset(rig.memory + PAGES + 0x8000, 0x22, 2048);
	put(&rig, out + 16, a);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);
	ck_assert_uint_eq(puppet_first(dev)->len, 512 * 12);
	ck_assert_uint_eq(puppet_first(dev)->data[4095], 0x11);
	ck_assert_uint_eq(puppet_first(dev)->data[4096], 0x22);
	ck_assert(get(&rig, a + 8) & ACTIVE);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512 * 12);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	ck_assert_uint_eq(get(&rig, b + 8) >> 16, 0);
	ck_assert(rig.irq);
}
END_TEST

/* A command of bulk-only transport as a driver's three transfers. */
START_TEST(test_storage_stick_answers_inquiry)
{
	char path[] = "/tmp/clove-ehci-XXXXXX", *error = NULL;
	int fd = mkstemp(path);
	struct clove_usb_storage_options options = { .path = path };
	static const uint8_t command[31] = {
		'U', 'S', 'B', 'C', 1, 2, 3, 4, 36, 0, 0, 0, 0x80, 0, 6, 0x12, 0, 0, 0, 36,
	};
	uint32_t q0, q1, q2, a, b, c;

	ck_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
	ck_assert_int_eq(clove_ehci_plug(rig.hc, clove_usb_storage_new(&options, &error)), 2);
	rig_reset_port(&rig, 1);
	q0 = rig_qh(&rig, 0, 0, 64, 1);
	rig_insert(&rig, q0);
	ck_assert_uint_eq(rig_control_at(&rig, q0, &(struct clove_usb_setup){ 0, 5, 2, 0, 0 }, NULL, NULL) & 0xff, 0);
	put(&rig, q0 + 4, get(&rig, q0 + 4) | 2);
	ck_assert_uint_eq(rig_control_at(&rig, q0, &(struct clove_usb_setup){ 0, 9, 1, 0, 0 }, NULL, NULL) & 0xff, 0);
	q1 = rig_qh(&rig, 2, 2, 512, 0);
	q2 = rig_qh(&rig, 2, 1, 512, 0);
	rig_insert(&rig, q1);
	rig_insert(&rig, q2);
	memcpy(rig.memory + PAGES, command, sizeof command);
	a = rig_qtd(&rig, P_OUT, 31, PAGES, IOC);
	b = rig_qtd(&rig, P_IN, 36, PAGES + 0x1000, IOC);
	c = rig_qtd(&rig, P_IN, 13, PAGES + 0x2000, IOC);
	put(&rig, b, c);
	put(&rig, q1 + 16, a);
	put(&rig, q2 + 16, b);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	ck_assert_uint_eq(get(&rig, b + 8) & 0x7fff00ff, 0);
	ck_assert_uint_eq(get(&rig, c + 8) & 0x7fff00ff, 0);
	ck_assert_mem_eq(rig.memory + PAGES + 0x2000, "USBS\1\2\3\4\0\0\0\0\0", 13);
	close(fd);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ehci-schedule");
	TCase *tc = tcase_create("schedule");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_control_moves_a_data_stage_in);
	tcase_add_test(tc, test_bulk_makes_a_chain_one_transfer);
	tcase_add_test(tc, test_storage_stick_answers_inquiry);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
