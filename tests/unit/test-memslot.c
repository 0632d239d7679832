/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-memslot.c - addresses that a guest may and may not use. */
#include <check.h>
#include <stdlib.h>
#include "server/memslot.h"

static struct clove_memslots slots;
static uint8_t memory[4096];

static void set_up(void)
{
	struct clove_memslot window = { (uintptr_t)memory, (uintptr_t)memory + sizeof memory,
			(uintptr_t)memory, 3 };
	struct clove_memslot host = { 0, UINT64_MAX, 0, 0 };

	ck_assert_int_eq(clove_memslots_init(&slots, 2, 8, 8, 8), CLOVE_OK);
	ck_assert_int_eq(clove_memslot_set(&slots, 1, 2, &window), CLOVE_OK);
	ck_assert_int_eq(clove_memslot_set(&slots, 0, 0, &host), CLOVE_OK);
}

static void tear_down(void)
{
	clove_memslots_fini(&slots);
}

#define AT(slot, generation, offset) ((uint64_t)(slot) << 56 | (uint64_t)(generation) << 48 | (offset))

static const struct {
	const char *why;
	uint32_t group;
	uint64_t address, len;
	bool is_there;
} cases[] = {
	{ "the first byte",             1, AT(2, 3, 0),      1,          true },
	{ "all of it",                  1, AT(2, 3, 0),      4096,       true },
	{ "nothing at its end",         1, AT(2, 3, 4096),   0,          true },
	{ "one byte more",              1, AT(2, 3, 0),      4097,       false },
	{ "one byte behind",            1, AT(2, 3, 4096),   1,          false },
	{ "a length that wraps",        1, AT(2, 3, 16),     UINT64_MAX, false },
	{ "an offset far away",         1, AT(2, 3, 0xffffffffffff), 1,  false },
	{ "another generation",         1, AT(2, 4, 0),      1,          false },
	{ "an empty slot",              1, AT(1, 0, 0),      1,          false },
	{ "an empty slot, no bytes",    1, AT(1, 0, 0),      0,          false },
	{ "a slot that is not there",   1, AT(8, 3, 0),      1,          false },
	{ "the last slot number",       1, AT(255, 3, 0),    1,          false },
	{ "a group that is not there",  2, AT(2, 3, 0),      1,          false },
	{ "NULL in the host's group",   0, 0,                1,          false },
};

START_TEST(test_memslot_translates)
{
	void *at = clove_memslot_get(&slots, cases[_i].group, cases[_i].address, cases[_i].len);

	ck_assert_msg((at != NULL) == cases[_i].is_there, "%s", cases[_i].why);
	if (at)
		ck_assert_msg((uint8_t *)at >= memory && (uint8_t *)at + cases[_i].len <= memory + sizeof memory,
				"%s", cases[_i].why);
}
END_TEST

START_TEST(test_memslot_refuses_what_is_out_of_range)
{
	struct clove_memslot window = { 1, 2, 0, 0 }, backwards = { 2, 1, 0, 0 };

	ck_assert_int_eq(clove_memslot_set(&slots, 2, 0, &window), CLOVE_ERR_BOUNDS);
	ck_assert_int_eq(clove_memslot_set(&slots, 1, 8, &window), CLOVE_ERR_BOUNDS);
	ck_assert_int_eq(clove_memslot_set(&slots, 1, 1, &backwards), CLOVE_ERR_BOUNDS);
	clove_memslot_clear(&slots, 7, 7);
	ck_assert_uint_eq(clove_memslots_size(&slots, 1), sizeof memory);
	ck_assert_uint_eq(clove_memslots_size(&slots, 9), 0);
	clove_memslots_reset(&slots);
	ck_assert_ptr_null(clove_memslot_get(&slots, 1, AT(2, 3, 0), 1));
	ck_assert_ptr_null(clove_memslot_get(&slots, 0, (uintptr_t)memory, 1));
}
END_TEST

static void put_chunk(size_t at, uint32_t size, uint64_t next)
{
	clove_put_le32(memory + at, size);
	clove_put_le64(memory + at + 4, 0);
	clove_put_le64(memory + at + 12, next);
}

static const struct {
	const char *why;
	uint32_t first, second;
	uint64_t next, then;      /* of the chunks at 0 and at 1024 */
	enum clove_err want;
	size_t len;
} lists[] = {
	{ "one chunk",              8,    0, 0,                0,             CLOVE_OK, 8 },
	{ "two",                    8,    4, AT(2, 3, 1024),   0,             CLOVE_OK, 12 },
	{ "an empty one first",     0,    4, AT(2, 3, 1024),   0,             CLOVE_OK, 4 },
	{ "in a circle",            8,    4, AT(2, 3, 1024),   AT(2, 3, 0),   CLOVE_ERR_LIMIT, 0 },
	{ "empty, in a circle",     0,    0, AT(2, 3, 1024),   AT(2, 3, 0),   CLOVE_ERR_LIMIT, 0 },
	{ "itself",                 0,    0, AT(2, 3, 0),      0,             CLOVE_ERR_LIMIT, 0 },
	{ "more than wanted",       2048, 0, 0,                0,             CLOVE_ERR_LIMIT, 0 },
	{ "behind the slot",        8, 1000, AT(2, 3, 4080),   0,             CLOVE_ERR_BOUNDS, 0 },
	{ "header cut",             8,    4, AT(2, 3, 4090),   0,             CLOVE_ERR_BOUNDS, 0 },
	{ "size that wraps",        UINT32_MAX, 0, 0,          0,             CLOVE_ERR_LIMIT, 0 },
};

START_TEST(test_chunks_follow_the_list)
{
	struct clove_chunks chunks;

	memset(memory, 0, sizeof memory);
	put_chunk(0, lists[_i].first, lists[_i].next);
	put_chunk(1024, lists[_i].second, lists[_i].then);
	enum clove_err err = clove_memslot_get_chunks(&slots, 1, AT(2, 3, 0), 1024, false, &chunks);
	ck_assert_msg(err == lists[_i].want, "%s: %d", lists[_i].why, (int)err);
	ck_assert_msg(chunks.bytes.len == lists[_i].len, "%s: %zu", lists[_i].why, chunks.bytes.len);
	clove_chunks_fini(&chunks);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memslot");
	TCase *tcase = tcase_create("memslot");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_memslot_translates, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tcase, test_memslot_refuses_what_is_out_of_range);
	tcase_add_loop_test(tcase, test_chunks_follow_the_list, 0, sizeof lists / sizeof *lists);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
