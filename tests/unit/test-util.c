/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-util.c - buffers, arenas, the log's limit, our loop, the mailbox and the job pool. */
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/arena.h"
#include "common/util/buf.h"
#include "common/util/job-pool.h"
#include "common/util/list.h"
#include "common/util/log.h"
#include "common/util/loop.h"
#include "common/util/mailbox.h"

START_TEST(test_buf_keeps_bytes_in_order)
{
	struct clove_buf buf = { 0 };
	uint8_t next_in = 0, next_out = 0;
	unsigned int seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint8_t chunk[97];
		size_t n = (size_t)rand_r(&seed) % sizeof chunk, m;

		for (size_t j = 0; j < n; j++)
			chunk[j] = next_in++;
		ck_assert_int_eq(clove_buf_append(&buf, chunk, n), CLOVE_OK);
		m = buf.len ? (size_t)rand_r(&seed) % (buf.len + 1) : 0;
		bool is_in_order = true;

		for (size_t j = 0; j < m; j++)
			is_in_order &= buf.data[j] == next_out++;
		ck_assert(is_in_order);
		clove_buf_consume(&buf, m);
	}
	ck_assert_ptr_null(clove_buf_reserve(&buf, SIZE_MAX - 1));
	clove_buf_clear(&buf);
	ck_assert_uint_eq(buf.len, 0);
	clove_buf_fini(&buf);
	clove_buf_fini(&buf);
}
END_TEST

START_TEST(test_arena_respects_its_limit)
{
	struct clove_arena arena;

	clove_arena_init(&arena, 100000);
	for (int round = 0; round < 3; round++) {
		size_t got = 0;

		for (char *p; (p = clove_arena_alloc(&arena, 1000)); got += 1000) {
			for (int i = 0; i < 1000; i++)
				ck_assert_int_eq(p[i], 0);
			memset(p, 0xff, 1000);
		}
		ck_assert_uint_ge(got, 90000);
		ck_assert_uint_le(got, 100000);
		clove_arena_reset(&arena);
	}
	ck_assert_ptr_null(clove_arena_alloc(&arena, 100001));
	ck_assert_ptr_null(clove_arena_alloc(&arena, SIZE_MAX));
	ck_assert_ptr_nonnull(clove_arena_alloc(&arena, 0));
	clove_arena_fini(&arena);
}
END_TEST

static char last_line[256];
static int lines;

static void keep_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	strncpy(last_line, line, sizeof last_line - 1);
	lines++;
}

START_TEST(test_log_cannot_be_forged_or_flooded)
{
	clove_log_set_sink(keep_line, NULL);
	clove_log_set_level(CLOVE_LOG_WARN);
	clove_log(INFO, "test", "hidden");
	ck_assert_int_eq(lines, 0);
	clove_log(WARN, "test", "two\nlines\033[1m");
	ck_assert_str_eq(last_line, "clove warn: test: two?lines?[1m");
	lines = 0;
	for (int i = 0; i < 1000; i++)
		clove_log_limited(WARN, "test", "flood");
	ck_assert_int_eq(lines, 10);
	clove_log_set_sink(NULL, NULL);
}
END_TEST

struct turns {
	struct clove_loop *loop;
	struct clove_watch *watch;
	struct clove_timer *timer;
	int read_turns, timer_turns;
};

static void read_one(void *opaque, int fd, int events)
{
	struct turns *turns = opaque;
	char c;

	ck_assert_int_eq(events, CLOVE_READ);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	if (++turns->read_turns == 3) {
		clove_watch_remove(turns->loop, turns->watch);
		turns->watch = NULL;
		clove_timer_start(turns->loop, turns->timer, 1);
	}
}

static void tick(void *opaque)
{
	struct turns *turns = opaque;

	if (++turns->timer_turns == 3)
		clove_poll_loop_quit(turns->loop);
	else
		clove_timer_start(turns->loop, turns->timer, 0);
}

START_TEST(test_loop_runs_watches_and_timers)
{
	struct turns turns = { .loop = clove_poll_loop_new() };
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "abcde", 5), 5);
	turns.watch = clove_watch_add(turns.loop, fds[0], CLOVE_READ, read_one, &turns);
	turns.timer = clove_timer_add(turns.loop, tick, &turns);
	clove_poll_loop_run(turns.loop);
	ck_assert_int_eq(turns.read_turns, 3);
	ck_assert_int_eq(turns.timer_turns, 3);
	clove_timer_remove(turns.loop, turns.timer);
	clove_poll_loop_free(turns.loop);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

enum { POSTERS = 4, LETTERS = 2000 };

struct office {
	struct clove_mailbox *mailbox;
	struct clove_loop *loop;
	int arrived;
	int next[POSTERS];
};

struct poster {
	struct office *office;
	int number;
};

static void open_letter(void *home, void *carried)
{
	struct office *office = home;
	int *letter = carried;

	ck_assert_int_eq(letter[1], office->next[letter[0]]++);
	free(letter);
	if (++office->arrived == POSTERS * LETTERS)
		clove_poll_loop_quit(office->loop);
}

static void *post_all(void *opaque)
{
	struct poster *poster = opaque;

	for (int i = 0; i < LETTERS; i++) {
		int *letter = malloc(2 * sizeof *letter);

		letter[0] = poster->number;
		letter[1] = i;
		if (i % 500 == 499)
			ck_assert(clove_mailbox_call(poster->office->mailbox, open_letter, letter));
		else
			ck_assert(clove_mailbox_post(poster->office->mailbox, open_letter, letter));
	}
	return NULL;
}

START_TEST(test_mailbox_keeps_each_senders_order)
{
	struct office office = { .loop = clove_poll_loop_new() };
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];

	office.mailbox = clove_mailbox_new(office.loop, &office);
	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ &office, i };
		pthread_create(&threads[i], NULL, post_all, &posters[i]);
	}
	clove_poll_loop_run(office.loop);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(office.arrived, POSTERS * LETTERS);
	clove_mailbox_free(office.mailbox);
	clove_poll_loop_free(office.loop);
}
END_TEST

/* A letter that is kept: its place in line, once while it is on its way, and again from within itself. */
struct hall {
	struct clove_mailbox *mailbox;
	struct clove_letter bell;
	char said[16];
};

static void say(void *home, void *carried)
{
	strcat(((struct hall *)home)->said, carried);
}

static void say_ring(void *home, void *carried)
{
	struct hall *hall = home;

	ck_assert_ptr_null(carried);
	strcat(hall->said, "r");
	if (strlen(hall->said) < 6)
		clove_mailbox_ring(hall->mailbox, &hall->bell, say_ring);
}

START_TEST(test_mailbox_bell_rings_once_for_each_time_it_was_heard)
{
	struct clove_loop *loop = clove_poll_loop_new();
	struct hall hall = { .mailbox = clove_mailbox_new(loop, &hall) };
	char a[] = "a", b[] = "b";

	ck_assert(clove_mailbox_post(hall.mailbox, say, a));
	clove_mailbox_ring(hall.mailbox, &hall.bell, say_ring);
	ck_assert(clove_mailbox_post(hall.mailbox, say, b));
	clove_mailbox_ring(hall.mailbox, &hall.bell, say_ring);
	clove_poll_loop_step(loop, 0);
	ck_assert_str_eq(hall.said, "arb");
	clove_poll_loop_step(loop, 0);
	ck_assert_str_eq(hall.said, "arbr");
	clove_mailbox_run(hall.mailbox);
	ck_assert_str_eq(hall.said, "arbrrr");
	clove_mailbox_ring(hall.mailbox, &hall.bell, say_ring);
	clove_mailbox_free(hall.mailbox); /* runs it */
	ck_assert_str_eq(hall.said, "arbrrrr");
	clove_poll_loop_free(loop);
}
END_TEST

struct square {
	struct clove_job job;
	int in, out;
};

static void run_square(struct clove_job *job)
{
	struct square *square = CLOVE_CONTAINER(job, struct square, job);

	square->out = square->in * square->in;
}

START_TEST(test_job_pool_runs_every_job_once)
{
	struct clove_job_pool *pool = clove_job_pool_new(4);

	for (unsigned int round = 0; round < 200; round++) {
		struct square squares[37] = { 0 };
		struct clove_job *jobs[37];
		unsigned int n = round % 37 + 1;

		for (unsigned int i = 0; i < n; i++) {
			squares[i] = (struct square){ { run_square, NULL }, (int)i, -1 };
			jobs[i] = &squares[i].job;
		}
		clove_job_pool_run(pool, jobs, n);
		for (unsigned int i = 0; i < n; i++)
			ck_assert_int_eq(squares[i].out, (int)(i * i));
	}
	clove_job_pool_free(pool);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("util");
	TCase *tcase = tcase_create("util");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_buf_keeps_bytes_in_order);
	tcase_add_test(tcase, test_arena_respects_its_limit);
	tcase_add_test(tcase, test_log_cannot_be_forged_or_flooded);
	tcase_add_test(tcase, test_loop_runs_watches_and_timers);
	tcase_add_test(tcase, test_mailbox_keeps_each_senders_order);
	tcase_add_test(tcase, test_mailbox_bell_rings_once_for_each_time_it_was_heard);
	tcase_add_test(tcase, test_job_pool_runs_every_job_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
