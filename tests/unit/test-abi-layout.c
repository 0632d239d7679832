/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Are our public headers the ABI? Every structure, member and constant against the -dev headers'. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "tests/unit/abi-table.h"

START_TEST(test_rows)
{
	const struct abi_table *ours = abi_table_ours(), *peer = abi_table_peer();
	int differ = 0;

	ck_assert_uint_eq(ours->n, peer->n);
	for (size_t i = 0; i < ours->n; i++) {
		const struct abi_row *a = &ours->rows[i], *b = &peer->rows[i];

		if (a->offset == b->offset && a->size == b->size && a->is_signed == b->is_signed &&
				a->value == b->value && !a->text == !b->text &&
				(!a->text || !strcmp(a->text, b->text)))
			continue;
		printf("%s: at %zu, %zu bytes, %ssigned, %lld, %s; theirs: at %zu, %zu bytes, %ssigned, %lld, %s\n",
				a->name, a->offset, a->size, a->is_signed ? "" : "un", a->value,
				a->text ? a->text : "-", b->offset, b->size, b->is_signed ? "" : "un",
				b->value, b->text ? b->text : "-");
		differ++;
	}
	ck_assert_int_eq(differ, 0);
	printf("%zu structures, members and constants are the same\n", ours->n);
}
END_TEST

START_TEST(test_ring)
{
	static uint32_t ours[ABI_RING_STEPS][ABI_RING_WORDS], peer[ABI_RING_STEPS][ABI_RING_WORDS];

	abi_table_ours()->ring(ours[0]);
	abi_table_peer()->ring(peer[0]);
	for (int i = 0; i < ABI_RING_STEPS; i++)
		for (int j = 0; j < ABI_RING_WORDS; j++)
			ck_assert_msg(ours[i][j] == peer[i][j], "step %d, word %d: %x, theirs %x", i, j,
					ours[i][j], peer[i][j]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("abi-layout");
	TCase *tc = tcase_create("abi-layout");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_rows);
	tcase_add_test(tc, test_ring);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
