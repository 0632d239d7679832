/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-s3.c - plays a guest's ACPI driver: sleeps, is woken, reads why; and the tables that tell it how. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm-glue/s3/clove-s3.h"

enum {
	PWRBTN = 1 << 8, RTC = 1 << 10, WAK = 1 << 15,
	SLP_EN = 1 << 13,
	S3 = CLOVE_S3_SLEEP_TYPE << 10,
	S5 = CLOVE_S3_OFF_TYPE << 10,
};

static struct clove_s3 *s3;
static int sleeps, wakes, offs;
static bool sci;

static void set_sci(void *opaque, bool level)
{
	(void)opaque;
	ck_assert_int_ne(sci, level);
	sci = level;
}

static void on_sleep(void *opaque)
{
	(void)opaque;
	sleeps++;
}

static void on_wake(void *opaque)
{
	ck_assert_ptr_eq(opaque, &sleeps);
	/* what the firmware and then the guest finds */
	ck_assert(clove_s3_read(s3, CLOVE_S3_PM1_STATUS, 2) & WAK);
	wakes++;
}

static void on_off(void *opaque)
{
	(void)opaque;
	offs++;
}

static const struct clove_s3_vmm vmm = { set_sci, on_sleep, on_wake, on_off };

static void set_up(void)
{
	sleeps = wakes = offs = 0;
	sci = false;
	s3 = clove_s3_new(&vmm, &sleeps);
	ck_assert_ptr_nonnull(s3);
}

static void tear_down(void)
{
	clove_s3_free(s3);
}

static uint32_t status(void)
{
	return clove_s3_read(s3, CLOVE_S3_PM1_STATUS, 2);
}

static void enable(uint32_t bits)
{
	clove_s3_write(s3, CLOVE_S3_PM1_ENABLE, bits, 2);
}

static void fall_asleep(void)
{
	clove_s3_write(s3, CLOVE_S3_PM1_STATUS, WAK, 2);
	clove_s3_write(s3, CLOVE_S3_PM1_CONTROL, S3, 2);
	clove_s3_write(s3, CLOVE_S3_PM1_CONTROL, S3 | SLP_EN, 2);
}

static const struct {
	const char *why;
	enum clove_s3_cause cause;
	uint32_t enable;
	bool wakes;
	uint32_t status;
} wake_ups[] = {
	{ "a key",                     CLOVE_S3_KEY,          0,   true,  WAK | PWRBTN },
	{ "a USB device",              CLOVE_S3_USB,          0,   true,  WAK | PWRBTN },
	{ "the power button",          CLOVE_S3_POWER_BUTTON, PWRBTN, true, WAK | PWRBTN },
	{ "the button, not enabled",   CLOVE_S3_POWER_BUTTON, 0,   true,  WAK | PWRBTN },
	{ "the clock",                 CLOVE_S3_ALARM,        RTC, true,  WAK | RTC },
	{ "the clock, not enabled",    CLOVE_S3_ALARM,        0,   false, RTC },
	{ "what there is none of",     (enum clove_s3_cause)9, 0xffff, false, 0 },
};

START_TEST(test_a_sleeping_guest_is_woken)
{
	enable(wake_ups[_i].enable);
	fall_asleep();
	ck_assert_int_eq(sleeps, 1);
	ck_assert(clove_s3_is_asleep(s3));
	ck_assert_int_eq(clove_s3_event(s3, wake_ups[_i].cause), wake_ups[_i].wakes);
	ck_assert_int_eq(wakes, wake_ups[_i].wakes);
	ck_assert_int_eq(clove_s3_is_asleep(s3), !wake_ups[_i].wakes);
	ck_assert_uint_eq(status(), wake_ups[_i].status);
	ck_assert_int_eq(sci, (wake_ups[_i].status & wake_ups[_i].enable) != 0);
	/* once */
	clove_s3_event(s3, wake_ups[_i].cause);
	ck_assert_int_eq(wakes, wake_ups[_i].wakes);
	/* the guest clears what it has seen, and can sleep again */
	clove_s3_write(s3, CLOVE_S3_PM1_STATUS, 0xffff, 2);
	ck_assert_uint_eq(status(), 0);
	ck_assert(!sci);
	if (wake_ups[_i].wakes) {
		fall_asleep();
		ck_assert_int_eq(sleeps, 2);
	}
}
END_TEST

START_TEST(test_awake_only_button_and_clock_are_told)
{
	enable(PWRBTN | RTC);
	ck_assert(!clove_s3_event(s3, CLOVE_S3_KEY));
	ck_assert(!clove_s3_event(s3, CLOVE_S3_USB));
	ck_assert_uint_eq(status(), 0);
	ck_assert(!sci);
	ck_assert(!clove_s3_event(s3, CLOVE_S3_POWER_BUTTON));
	ck_assert_uint_eq(status(), PWRBTN);
	ck_assert(sci);
	/* one of two leaves the line up */
	ck_assert(!clove_s3_event(s3, CLOVE_S3_ALARM));
	clove_s3_write(s3, CLOVE_S3_PM1_STATUS, PWRBTN, 2);
	ck_assert_uint_eq(status(), RTC);
	ck_assert(sci);
	enable(PWRBTN);
	ck_assert(!sci);
	ck_assert_int_eq(wakes, 0);
}
END_TEST

START_TEST(test_a_pending_event_keeps_the_guest_awake)
{
	enable(PWRBTN);
	clove_s3_event(s3, CLOVE_S3_POWER_BUTTON);
	fall_asleep();
	/* the guest waits for this bit (ACPI 6.5, 16.1.7), and goes on */
	ck_assert_uint_eq(status(), PWRBTN | WAK);
	ck_assert_int_eq(sleeps, 0);
	ck_assert(!clove_s3_is_asleep(s3));
}
END_TEST

START_TEST(test_other_sleep_types)
{
	clove_s3_write(s3, CLOVE_S3_PM1_CONTROL, S5 | SLP_EN, 2);
	ck_assert_int_eq(offs, 1);
	for (uint32_t type = 0; type < 8; type++)
		if (type != CLOVE_S3_SLEEP_TYPE && type != CLOVE_S3_OFF_TYPE)
			clove_s3_write(s3, CLOVE_S3_PM1_CONTROL, type << 10 | SLP_EN, 2);
	ck_assert_int_eq(offs, 1);
	ck_assert_int_eq(sleeps, 0);
	/* without SLP_EN nothing happens */
	clove_s3_write(s3, CLOVE_S3_PM1_CONTROL, S3, 2);
	ck_assert_int_eq(sleeps, 0);
	/* SLP_EN is not kept */
	fall_asleep();
	ck_assert_uint_eq(clove_s3_read(s3, CLOVE_S3_PM1_CONTROL, 2), S3 | 1);
	/* a second one while asleep: processors that had not stopped yet */
	fall_asleep();
	ck_assert_int_eq(sleeps, 1);
}
END_TEST

START_TEST(test_registers_in_bytes_and_words)
{
	clove_s3_event(s3, CLOVE_S3_POWER_BUTTON);
	clove_s3_event(s3, CLOVE_S3_ALARM);
	clove_s3_write(s3, CLOVE_S3_PM1_ENABLE + 1, PWRBTN >> 8, 1);
	ck_assert_uint_eq(clove_s3_read(s3, 0, 4), (PWRBTN | RTC) | (uint32_t)PWRBTN << 16);
	ck_assert_uint_eq(clove_s3_read(s3, 1, 1), (PWRBTN | RTC) >> 8);
	ck_assert(sci);
	clove_s3_write(s3, 1, PWRBTN >> 8, 1);
	ck_assert_uint_eq(status(), RTC);
	ck_assert(!sci);
	/* a word over both does not change what it does not say */
	clove_s3_write(s3, 0, (uint32_t)RTC << 16, 4);
	ck_assert_uint_eq(clove_s3_read(s3, 0, 4), RTC | (uint32_t)RTC << 16);
	/* only bits that exist */
	enable(0xffff);
	ck_assert_uint_eq(clove_s3_read(s3, CLOVE_S3_PM1_ENABLE, 2), 0x0720);
	/* sleep by a byte */
	clove_s3_write(s3, 0, 0xffff, 2);
	clove_s3_write(s3, CLOVE_S3_PM1_CONTROL + 1, (S3 | SLP_EN) >> 8, 1);
	ck_assert_int_eq(sleeps, 1);
}
END_TEST

START_TEST(test_odd_accesses_do_nothing)
{
	static const struct { uint32_t offset; unsigned int size; } odd[] = {
		{ 8, 1 }, { 7, 2 }, { 5, 4 }, { 0, 3 }, { 0, 8 }, { 0, 0 }, { 0xffffffff, 1 }, { 0xfffffffe, 4 }, { 6, 2 },
	};

	clove_s3_event(s3, CLOVE_S3_POWER_BUTTON);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		clove_s3_write(s3, odd[i].offset, 0xffffffff, odd[i].size);
		ck_assert_uint_eq(clove_s3_read(s3, odd[i].offset, odd[i].size), 0);
	}
	ck_assert_uint_eq(status(), PWRBTN);
	ck_assert_int_eq(sleeps + offs, 0);
}
END_TEST

START_TEST(test_reset_and_migration)
{
	uint64_t state;

	enable(RTC);
	fall_asleep();
	state = clove_s3_save(s3);
	clove_s3_reset(s3);
	ck_assert(!clove_s3_is_asleep(s3));
	ck_assert_uint_eq(clove_s3_read(s3, 0, 4), 0);
	clove_s3_load(s3, state);
	ck_assert(clove_s3_is_asleep(s3));
	ck_assert_uint_eq(clove_s3_save(s3), state);
	ck_assert(clove_s3_event(s3, CLOVE_S3_ALARM));
	ck_assert_int_eq(wakes, 1);
	ck_assert(sci);
	clove_s3_load(s3, UINT64_MAX);
	clove_s3_load(s3, 0);
	ck_assert(!sci);
}
END_TEST

static uint8_t sum(const uint8_t *table, size_t len)
{
	uint8_t total = 0;

	while (len--)
		total = (uint8_t)(total + table[len]);
	return total;
}

START_TEST(test_fadt_announces_the_block)
{
	uint8_t fadt[276];

	memset(fadt, 0xff, sizeof fadt);
	ck_assert(!clove_s3_fadt(fadt, 115, 0x600, 9));
	for (size_t len = 116; len <= sizeof fadt; len++) {
		memset(fadt, 0xff, sizeof fadt);
		ck_assert(clove_s3_fadt(fadt, len, 0x600, 9));
		ck_assert_uint_eq(sum(fadt, len), 0);
		ck_assert_mem_eq(fadt + 46, "\x09\x00\0\0\0\0", 6);
		ck_assert_mem_eq(fadt + 56, "\x00\x06\0\0\0\0\0\0\x04\x06\0\0\0\0\0\0", 16);
		ck_assert_mem_eq(fadt + 88, "\x04\x02", 2);
		ck_assert_uint_eq(fadt[112], 0xaf);
		ck_assert_uint_eq(fadt[114], 0xef);
		for (size_t i = len; i < sizeof fadt; i++)
			ck_assert_uint_eq(fadt[i], 0xff);
	}
	ck_assert_mem_eq(fadt + 148, "\x01\x20\x00\x02\x00\x06\0\0\0\0\0\0", 12);
	ck_assert_mem_eq(fadt + 160, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	ck_assert_mem_eq(fadt + 172, "\x01\x10\x00\x02\x04\x06\0\0\0\0\0\0", 12);
}
END_TEST

START_TEST(test_ssdt_and_facs)
{
	static const uint8_t aml[] = {
		0x08, 0x5c, 0x5f, 0x53, 0x33, 0x5f, 0x12, 0x08, 0x04, 0x0a, 0x05, 0x0a, 0x05, 0x00, 0x00,
		0x08, 0x5c, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x08, 0x04, 0x0a, 0x07, 0x0a, 0x07, 0x00, 0x00,
	};
	uint8_t ssdt[CLOVE_S3_SSDT_SIZE], facs[CLOVE_S3_FACS_SIZE], alone[30];

	clove_s3_ssdt(ssdt);
	ck_assert_mem_eq(ssdt, "SSDT\x42\0\0\0\x02", 9);
	ck_assert_uint_eq(sum(ssdt, sizeof ssdt), 0);
	ck_assert_mem_eq(ssdt + 36, aml, sizeof aml);
	ck_assert_uint_eq(clove_s3_aml(alone), sizeof aml);
	ck_assert_mem_eq(alone, aml, sizeof aml);
	clove_s3_facs(facs);
	ck_assert_mem_eq(facs, "FACS\x40\0\0\0", 8);
	ck_assert_mem_eq(facs + 12, "\0\0\0\0\0\0\0\0", 8);
}
END_TEST

/* Intel's compiler reads the table back, where it is there. */
START_TEST(test_ssdt_is_read_by_iasl)
{
	char folder[] = "/tmp/clove-s3-XXXXXX", command[200], line[200];
	uint8_t ssdt[CLOVE_S3_SSDT_SIZE];
	bool has_s3 = false, has_s5 = false;

	if (system("command -v iasl >/dev/null 2>&1")) {
		puts("skip: no iasl here");
		return;
	}
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof command, "%s/s.aml", folder);
	FILE *file = fopen(command, "wb");

	ck_assert_ptr_nonnull(file);
	clove_s3_ssdt(ssdt);
	ck_assert_uint_eq(fwrite(ssdt, 1, sizeof ssdt, file), sizeof ssdt);
	fclose(file);
	snprintf(command, sizeof command, "cd %s && iasl -d s.aml >log 2>&1 && cat s.dsl; rm -rf %s", folder, folder);
	file = popen(command, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof line, file)) {
		has_s3 |= strstr(line, "Name (\\_S3, Package (0x04)") != NULL;
		has_s5 |= strstr(line, "Name (\\_S5, Package (0x04)") != NULL;
		ck_assert_ptr_null(strstr(line, "Checksum should be"));
	}
	pclose(file);
	ck_assert(has_s3 && has_s5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("s3");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_a_sleeping_guest_is_woken, 0, (int)(sizeof wake_ups / sizeof *wake_ups));
	tcase_add_test(tcase, test_awake_only_button_and_clock_are_told);
	tcase_add_test(tcase, test_a_pending_event_keeps_the_guest_awake);
	tcase_add_test(tcase, test_other_sleep_types);
	tcase_add_test(tcase, test_registers_in_bytes_and_words);
	tcase_add_test(tcase, test_odd_accesses_do_nothing);
	tcase_add_test(tcase, test_reset_and_migration);
	tcase_add_test(tcase, test_fadt_announces_the_block);
	tcase_add_test(tcase, test_ssdt_and_facs);
	tcase_add_test(tcase, test_ssdt_is_read_by_iasl);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
