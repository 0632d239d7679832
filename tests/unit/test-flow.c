/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-flow.c - a line of some rate, and how long what is sent waits before it. */
#include "server/flow.h"

#include <check.h>
#include <stdlib.h>

enum { PINGS = 64 };

/* A line that carries bytes one after the other, and answers a little later. */
struct line {
	uint64_t rate, trip;          /* bytes a second, microseconds */
	uint64_t free_at;             /* when it has carried what was sent */
	uint64_t sent, wait_most;
	struct { uint32_t id; uint64_t at; } pongs[PINGS];
	unsigned int first, next;
};

static void send(struct line *line, struct clove_flow *flow, uint64_t now, uint64_t bytes)
{
	uint32_t id;
	uint64_t wait = line->free_at > now ? line->free_at - now : 0;

	line->free_at = (line->free_at > now ? line->free_at : now) + bytes * 1000000 / line->rate;
	line->sent += bytes;
	if (now > 3000000 && wait > line->wait_most)
		line->wait_most = wait;
	clove_flow_sent(flow, line->sent);
	if (clove_flow_ping(flow, now, &id)) {
		line->pongs[line->next % PINGS].id = id;
		line->pongs[line->next++ % PINGS].at = line->free_at + line->trip;
	}
}

static const struct {
	uint64_t rate, trip;
} lines[] = {
	{ 125000, 20000 }, { 1250000, 2000 }, { 1250000, 40000 }, { 12500000, 1000 }, { 500000000, 300 },
};

/* Sends whatever it may, all the time: the line is kept busy, and nothing waits long. */
START_TEST(test_a_line_is_busy_and_little_waits)
{
	struct line line = { .rate = lines[_i].rate, .trip = lines[_i].trip };
	struct clove_flow flow = { 0 };
	uint64_t end = 10000000;

	for (uint64_t now = 1000; now < end; now += 500) {
		while (line.first != line.next && line.pongs[line.first % PINGS].at <= now)
			clove_flow_pong(&flow, line.pongs[line.first++ % PINGS].id, now);
		for (size_t room; (room = clove_flow_room(&flow)) > 0; )
			send(&line, &flow, now, room < 20000 ? room : 20000);
	}

	double busy = (double)line.sent / ((double)line.rate * (double)end / 1e6);

	ck_assert_msg(busy > 0.8, "%.2f of %llu", busy, (unsigned long long)line.rate);
	/* 48 kB is all that may wait on the slowest. */
	ck_assert_msg(line.wait_most < 150000 || line.wait_most < (uint64_t)(72 << 10) * 1000000 / line.rate,
			"%llu us at %llu", (unsigned long long)line.wait_most, (unsigned long long)line.rate);
	ck_assert_uint_gt(clove_flow_rate(&flow), line.rate / 2);
	ck_assert_uint_lt(clove_flow_rate(&flow), line.rate * 2);
}
END_TEST

/* A guest that types says nothing about the line. */
START_TEST(test_pauses_are_no_rate)
{
	struct clove_flow flow = { 0 };
	uint64_t now = 1000;
	uint32_t id;

	for (uint64_t sent = 0; sent < 4000000; sent += 1000, now += 30000) {
		clove_flow_sent(&flow, sent);
		if (clove_flow_ping(&flow, now, &id))
			clove_flow_pong(&flow, id, now + 1000);
		ck_assert_uint_gt(clove_flow_room(&flow), 0);
	}
	ck_assert_uint_eq(clove_flow_rate(&flow), 0);
}
END_TEST

START_TEST(test_answers_to_nothing_are_ignored)
{
	struct clove_flow flow = { 0 };
	uint32_t id;

	clove_flow_pong(&flow, 0, 1);
	clove_flow_pong(&flow, 77, 1);
	ck_assert(clove_flow_is_idle(&flow));
	clove_flow_sent(&flow, 1 << 20);
	ck_assert(clove_flow_ping(&flow, 10, &id));
	ck_assert_uint_eq(clove_flow_room(&flow), 0);
	clove_flow_pong(&flow, id + 1, 20);
	clove_flow_pong(&flow, id - 1, 20);
	ck_assert_uint_eq(clove_flow_room(&flow), 0);
	clove_flow_pong(&flow, id, 20);
	clove_flow_pong(&flow, id, 30);
	ck_assert(clove_flow_is_idle(&flow));
	ck_assert_uint_gt(clove_flow_room(&flow), 0);
}
END_TEST

/* Frames of video go no further ahead of the client than that, on the fastest line too. */
START_TEST(test_a_client_is_behind)
{
	struct clove_flow flow = { 0 };
	uint32_t id;

	clove_flow_sent(&flow, 400000);
	ck_assert(!clove_flow_is_behind(&flow, 100000)); /* nobody was asked */
	ck_assert(clove_flow_ping(&flow, 1000, &id));
	ck_assert(clove_flow_is_behind(&flow, 399999));
	ck_assert(!clove_flow_is_behind(&flow, 400000));
	clove_flow_sent(&flow, 800000);                  /* no answer will tell of these */
	ck_assert(!clove_flow_is_behind(&flow, 400000));
	clove_flow_pong(&flow, id, 41000);
	ck_assert(!clove_flow_is_behind(&flow, 0));
	/* 10 MB/s and 40 ms: the line itself holds 400 kB */
	ck_assert(clove_flow_ping(&flow, 50000, &id));
	ck_assert(!clove_flow_is_behind(&flow, 10000));
	clove_flow_sent(&flow, 1000000);
	ck_assert(clove_flow_ping(&flow, 60000, &id));
	ck_assert(clove_flow_is_behind(&flow, 190000));
	ck_assert(!clove_flow_is_behind(&flow, 210000));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *tcase = tcase_create("flow");

	tcase_add_test(tcase, test_a_client_is_behind);
	tcase_add_loop_test(tcase, test_a_line_is_busy_and_little_waits, 0, sizeof lines / sizeof *lines);
	tcase_add_test(tcase, test_pauses_are_no_rate);
	tcase_add_test(tcase, test_answers_to_nothing_are_ignored);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
