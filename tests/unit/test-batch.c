/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-batch.c - drawings that are painted over before anyone could see them, and those that are not. */
#include "server/batch.h"

#include <check.h>
#include <stdlib.h>
#include "common/protocol/enums.h"
#include "tests/unit/qxl-fixture.h"

enum { MOST = 6, EACH = 1024, DRAW = 1, UPDATE = 2 };

static struct guest guest;

enum kind { END, COPY, XOR, MASKED, CLIPPED, FROM_SURFACE, MOVE, FILL, OTHER_SURFACE, ASK, NONSENSE };

struct step {
	enum kind kind;
	int left, top, right, bottom;
	bool is_hidden;
};

static const struct {
	const char *what;
	struct step steps[MOST];
} rows[] = {
	{ "the same place twice", { { COPY, 0, 0, 9, 9, true }, { COPY, 0, 0, 9, 9, false } } },
	{ "a larger place", { { COPY, 2, 2, 5, 5, true }, { COPY, 0, 0, 9, 9, false } } },
	{ "not all of it", { { COPY, 0, 0, 9, 9, false }, { COPY, 0, 0, 9, 8, false } } },
	{ "three times", { { COPY, 0, 0, 9, 9, true }, { COPY, 0, 0, 9, 9, true }, { COPY, 0, 0, 9, 9, false } } },
	{ "over what it reads", { { COPY, 0, 0, 9, 9, false }, { XOR, 0, 0, 9, 9, false } } },
	{ "after it was moved away", { { COPY, 0, 0, 9, 9, false }, { MOVE, 20, 0, 29, 9, false },
		{ COPY, 0, 0, 9, 9, false } } },
	{ "after it was asked for", { { COPY, 0, 0, 9, 9, false }, { ASK }, { COPY, 0, 0, 9, 9, false } } },
	{ "by a mask", { { COPY, 0, 0, 9, 9, false }, { MASKED, 0, 0, 9, 9, false } } },
	{ "by a clip", { { COPY, 0, 0, 9, 9, false }, { CLIPPED, 0, 0, 9, 9, false } } },
	{ "from a surface", { { COPY, 0, 0, 9, 9, false }, { FROM_SURFACE, 0, 0, 9, 9, false } } },
	{ "elsewhere", { { COPY, 0, 0, 9, 9, false }, { OTHER_SURFACE, 0, 0, 9, 9, false } } },
	{ "a fill is drawn", { { FILL, 0, 0, 9, 9, false }, { COPY, 0, 0, 9, 9, false } } },
	{ "after nonsense", { { COPY, 0, 0, 9, 9, false }, { NONSENSE }, { COPY, 0, 0, 9, 9, false } } },
};

static void put(const struct step *step, struct clove_batch *batch)
{
	uint8_t *to = guest.memory + AT_DATA + EACH * batch->n;
	struct QXLCommandExt *ext = &batch->commands[batch->n++];
	int width = step->right - step->left, height = step->bottom - step->top;

	put_copy(&guest, step->left, step->top, width, height, step->kind == XOR ? CLOVE_ROP_XOR : CLOVE_ROP_PUT);
	if (step->kind == MOVE)
		put_drawable(&guest, CLOVE_QXL_DRAW_COPY_BITS, step->left, step->top, step->right, step->bottom);
	if (step->kind == FILL)
		put_fill(&guest, step->left, step->top, step->right, step->bottom, 7, CLOVE_ROP_PUT);
	memcpy(to, guest.memory + AT_DRAWABLE, 200);
	memset(to + 512, 0, 48);
	clove_put_le64(to + 123, guest_address(AT_DATA + EACH * (batch->n - 1) + 512));
	if (step->kind == MASKED)
		clove_put_le64(to + 123 + 36, guest_address(AT_IMAGE));
	if (step->kind == CLIPPED)
		to[47] = 1;
	if (step->kind == FROM_SURFACE)
		to[512 + 8] = 104;
	if (step->kind == OTHER_SURFACE)
		to[8] = 1;
	*ext = (struct QXLCommandExt){ .cmd = { guest_address(AT_DATA + EACH * (batch->n - 1)),
			step->kind == ASK ? UPDATE : DRAW, 0 }, .group_id = GUEST };
	if (step->kind == NONSENSE)
		ext->cmd.data = guest_address(GUEST_BYTES - 8);
}

START_TEST(test_what_is_painted_over_is_hidden)
{
	struct clove_batch batch = { .n = 0 };

	ck_assert(guest_init(&guest));
	for (int i = 0; i < MOST && rows[_i].steps[i].kind != END; i++)
		put(&rows[_i].steps[i], &batch);
	clove_batch_hide(&batch, &guest.memslots);
	for (unsigned int i = 0; i < batch.n; i++)
		ck_assert_msg(batch.is_hidden[i] == rows[_i].steps[i].is_hidden, "%s: %u", rows[_i].what, i);
	guest_fini(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = tcase_create("batch");

	tcase_add_loop_test(tcase, test_what_is_painted_over_is_hidden, 0, sizeof rows / sizeof *rows);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
