/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-char-device.c - bytes between a guest and a user: none lost, none twice, no queue without a bound, and
 * either side may go at any moment. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "server/char-device.h"
#include "tests/unit/net-fixture.h"

enum { SCRIPT_MOST = 1 << 22 };

static struct clove_loop *loop;
static struct clove_char_device *device;

/* The guest's end: gives what it has in pieces, takes what it may. */
static struct {
	size_t has;                /* bytes that it would still say, numbered from `said` */
	size_t said, piece;
	size_t may_take;           /* bytes that it takes before it is busy */
	uint8_t *taken;
	size_t n_taken;
	int opens, closes, reads, writes, depth, deepest;
	bool wants_read, wants_write;
	void (*in_write)(void), (*in_read)(void), (*in_state)(void);
} guest;

static struct {
	size_t room;               /* bytes that it takes before it is full */
	size_t got;
	bool is_wrong;             /* not the next bytes that the guest said */
	int writables, gone;
	void (*in_data)(void), (*in_gone)(void);
} user;

static uint8_t nth(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13);
}

static void guest_state(void *end, bool is_open)
{
	ck_assert_ptr_eq(end, &guest);
	guest.opens += is_open;
	guest.closes += !is_open;
	if (guest.in_state)
		guest.in_state();
}

static int guest_write(void *end, const uint8_t *bytes, int len)
{
	size_t n = (size_t)len < guest.may_take ? (size_t)len : guest.may_take;

	(void)end;
	guest.writes++;
	if (++guest.depth > guest.deepest)
		guest.deepest = guest.depth;
	if (guest.in_write)
		guest.in_write();
	/* after what happens inside: the bytes must still be there */
	ck_assert_uint_le(guest.n_taken + n, SCRIPT_MOST);
	memcpy(guest.taken + guest.n_taken, bytes, n);
	guest.n_taken += n;
	guest.may_take -= n;
	guest.depth--;
	return (int)n;
}

static int guest_read(void *end, uint8_t *bytes, int len)
{
	size_t n = guest.has < guest.piece ? guest.has : guest.piece;

	(void)end;
	guest.reads++;
	if (n > (size_t)len)
		n = (size_t)len;
	for (size_t i = 0; i < n; i++)
		bytes[i] = nth(guest.said + i);
	guest.said += n;
	guest.has -= n;
	if (guest.in_read)
		guest.in_read();
	return (int)n;
}

static void guest_wants(void *end, bool read, bool write)
{
	(void)end;
	guest.wants_read = read;
	guest.wants_write = write;
}

static const struct clove_char_ops guest_ops = { guest_state, guest_write, guest_read, guest_wants };

static bool user_has_room(void *opaque)
{
	(void)opaque;
	return user.room > 0;
}

static void user_data(void *opaque, struct clove_bytes data)
{
	ck_assert_ptr_eq(opaque, &user);
	for (size_t i = 0; i < data.len; i++)
		user.is_wrong |= data.data[i] != nth(user.got + i);
	user.got += data.len;
	user.room -= data.len < user.room ? data.len : user.room;
	if (user.in_data)
		user.in_data();
}

static void user_writable(void *opaque) { (void)opaque; user.writables++; }

static void user_gone(void *opaque)
{
	(void)opaque;
	user.gone++;
	if (user.in_gone)
		user.in_gone();
}

static const struct clove_char_user user_ops = { user_has_room, user_data, user_writable, user_gone };

static void make(bool is_polled, bool is_drained)
{
	clove_char_device_free(device);
	device = clove_char_device_new(loop, &(struct clove_char_options){ .ops = &guest_ops, .end = &guest,
			.is_polled = is_polled, .is_drained = is_drained, .is_running = true });
	ck_assert_ptr_nonnull(device);
}

static bool open_it(void)
{
	return clove_char_device_open(device, &user_ops, &user);
}

static void setup(void)
{
	uint8_t *taken = malloc(SCRIPT_MOST);

	memset(&guest, 0, sizeof guest);
	memset(&user, 0, sizeof user);
	guest.taken = taken;
	guest.piece = guest.may_take = user.room = SIZE_MAX;
	loop = clove_poll_loop_new();
	device = NULL;
	make(false, true);
}

static void teardown(void)
{
	clove_char_device_free(device);
	clove_poll_loop_free(loop);
	free(guest.taken);
}

/* Numbered bytes from `from` on, as they are to arrive at the guest. */
static void write_numbered(size_t from, size_t n)
{
	uint8_t *bytes = malloc(n);

	for (size_t i = 0; i < n; i++)
		bytes[i] = nth(from + i);
	ck_assert_int_eq(clove_char_device_write(device, CLOVE_BYTES(bytes, n)), CLOVE_OK);
	free(bytes);
}

static bool took(size_t n)
{
	for (size_t i = 0; i < n && i < guest.n_taken; i++)
		if (guest.taken[i] != nth(i))
			return false;
	return guest.n_taken == n;
}

/* -- reading -- */

START_TEST(test_reading_stops_without_room)
{
	ck_assert(open_it());
	ck_assert(!open_it());
	ck_assert_int_eq(guest.opens, 1);
	guest.has = 300000;
	guest.piece = 1000;
	user.room = 5000;
	clove_char_device_wakeup(device);
	ck_assert_uint_eq(user.got, 5000);
	ck_assert(!guest.wants_read);
	clove_char_device_wakeup(device);
	ck_assert_uint_eq(user.got, 5000);
	user.room = 1;
	clove_char_device_pull(device);
	ck_assert_uint_eq(user.got, 6000);
	user.room = SIZE_MAX;
	clove_char_device_pull(device);
	ck_assert_uint_eq(user.got, 300000);
	ck_assert(!user.is_wrong);
	ck_assert(guest.wants_read);
}
END_TEST

START_TEST(test_reading_without_a_user)
{
	bool is_drained = _i;

	make(false, is_drained);
	guest.has = 100000;
	clove_char_device_wakeup(device);
	ck_assert_uint_eq(guest.has, is_drained ? 0 : 100000);
	ck_assert_uint_eq(clove_char_device_dropped(device), is_drained ? 100000 : 0);
	/* what was not dropped is there for who comes */
	ck_assert(open_it());
	ck_assert_uint_eq(user.got, is_drained ? 0 : 100000);
}
END_TEST

static void wake(void) { clove_char_device_wakeup(device); }

START_TEST(test_the_guest_speaks_inside_of_everything)
{
	guest.in_read = guest.in_write = guest.in_state = user.in_data = wake;
	guest.has = 70000;
	guest.piece = 33;
	ck_assert(open_it());
	ck_assert_uint_eq(user.got, 70000);
	guest.has = 500;
	write_numbered(0, 100000);
	ck_assert_uint_eq(user.got, 70500);
	ck_assert(took(100000));
	ck_assert(!user.is_wrong);
	ck_assert_int_eq(guest.deepest, 1);
	clove_char_device_close(device);
	ck_assert_int_eq(guest.closes, 1);
}
END_TEST

/* -- writing -- */

START_TEST(test_writing_waits_for_the_guest)
{
	ck_assert(open_it());
	write_numbered(0, 1000);
	ck_assert(took(1000));
	guest.may_take = 10;
	write_numbered(1000, 1000);
	ck_assert(took(1010));
	ck_assert(guest.wants_write);
	/* the order stays although there is room now */
	guest.may_take = SIZE_MAX;
	write_numbered(2000, 500);
	ck_assert_uint_eq(guest.n_taken, 1010);
	clove_char_device_wakeup(device);
	ck_assert(took(2500));
	ck_assert(!guest.wants_write);
	ck_assert_int_eq(user.writables, 0);
}
END_TEST

START_TEST(test_a_full_device_says_when_it_is_not)
{
	size_t n = 0;

	ck_assert(open_it());
	guest.may_take = 0;
	for (; !clove_char_device_is_full(device); n += 50000)
		write_numbered(n, 50000);
	ck_assert_uint_ge(n, CLOVE_CHAR_QUEUE_MOST);
	ck_assert_uint_lt(n, CLOVE_CHAR_QUEUE_MOST + 50000);
	guest.may_take = 10;
	clove_char_device_wakeup(device);
	ck_assert_int_eq(user.writables, 0);
	guest.may_take = SIZE_MAX;
	clove_char_device_wakeup(device);
	ck_assert_int_eq(user.writables, 1);
	ck_assert(took(n));
	clove_char_device_wakeup(device);
	ck_assert_int_eq(user.writables, 1);
}
END_TEST

START_TEST(test_a_guest_that_does_not_call_is_asked_again)
{
	make(true, true);
	ck_assert(open_it());
	guest.may_take = 0;
	write_numbered(0, 100);
	ck_assert_uint_eq(guest.n_taken, 0);
	guest.may_take = 60;
	NET_TURN_UNTIL(loop, guest.n_taken == 60);
	guest.may_take = SIZE_MAX;
	NET_TURN_UNTIL(loop, took(100));
	/* nothing waits: no timer runs */
	int writes = guest.writes;
	for (int i = 0; i < 3; i++)
		clove_poll_loop_step(loop, CLOVE_CHAR_RETRY_MS);
	ck_assert_int_eq(guest.writes, writes);
}
END_TEST

START_TEST(test_a_vm_that_rests)
{
	ck_assert(open_it());
	clove_char_device_set_running(device, false);
	guest.has = 5000;
	write_numbered(0, 5000);
	clove_char_device_wakeup(device);
	clove_char_device_pull(device);
	ck_assert_int_eq(guest.reads + guest.writes, 1); /* the read at its opening */
	ck_assert(!guest.wants_read && !guest.wants_write);
	clove_char_device_set_running(device, true);
	ck_assert(took(5000));
	ck_assert_uint_eq(user.got, 5000);
}
END_TEST

/* -- going -- */

START_TEST(test_the_next_user_gets_nothing_of_the_last)
{
	ck_assert(open_it());
	guest.may_take = 100;
	write_numbered(0, 1000);
	clove_char_device_close(device);
	clove_char_device_close(device);
	ck_assert_int_eq(guest.closes, 1);
	ck_assert_int_eq(user.gone, 0);
	guest.may_take = SIZE_MAX;
	clove_char_device_wakeup(device);
	ck_assert_uint_eq(guest.n_taken, 100);
	ck_assert(open_it());
	write_numbered(100, 100);
	ck_assert(took(200));
}
END_TEST

static void die(void) { clove_char_device_free(device); }
static void close_it(void) { clove_char_device_close(device); }
static void reopen(void)
{
	guest.in_write = NULL;
	clove_char_device_close(device);
	ck_assert(open_it());
}
static void stop(void) { clove_char_device_set_running(device, false); }
static void more(void)
{
	guest.in_write = NULL;
	write_numbered(3000, 200000);
	clove_char_device_wakeup(device);
}

/* Each from inside each; some of it queued before, so that the queue is what the guest looks at. */
static const struct {
	void (*fn)(void);
	bool is_death;
} acts[] = { { die, true }, { close_it, false }, { reopen, false }, { stop, false } };
enum { ACTS = sizeof acts / sizeof *acts, PLACES = 5 };

START_TEST(test_anything_from_inside)
{
	void (*fn)(void) = acts[_i % ACTS].fn;
	int place = _i / ACTS;

	if (place == 4)
		guest.in_state = fn == reopen ? close_it : fn;
	ck_assert(open_it());
	guest.in_state = NULL;
	if (place == 1) {
		guest.may_take = 1000;
		write_numbered(0, 3000);
	}
	guest.may_take = 500;
	if (place == 0 || place == 1)
		guest.in_write = fn;
	if (place == 2)
		guest.in_read = fn == reopen ? close_it : fn;
	if (place == 3)
		user.in_data = fn == reopen ? close_it : fn;
	guest.has = 100000;
	if (place == 0)
		write_numbered(0, 3000);
	else if (!(place == 4 && acts[_i % ACTS].is_death))
		clove_char_device_wakeup(device);
	/* death told the user once; a close by the user did not */
	ck_assert_int_eq(user.gone, acts[_i % ACTS].is_death);
	guest.in_write = guest.in_read = user.in_data = NULL;
	/* whose bytes they were is gone, or waits for a VM that rests */
	if (place < 2) {
		guest.may_take = SIZE_MAX;
		if (!acts[_i % ACTS].is_death)
			clove_char_device_wakeup(device);
		ck_assert_uint_eq(guest.n_taken, place ? 1500 : 500);
	}
	if (acts[_i % ACTS].is_death)
		device = NULL;
}
END_TEST

START_TEST(test_what_is_written_from_inside_comes_behind)
{
	ck_assert(open_it());
	guest.may_take = 1000;
	write_numbered(0, 3000);
	guest.may_take = 500;
	guest.in_write = more;
	clove_char_device_wakeup(device);
	guest.may_take = SIZE_MAX;
	clove_char_device_wakeup(device);
	ck_assert(took(203000));
	ck_assert_int_eq(guest.deepest, 1);
}
END_TEST

START_TEST(test_random_pieces)
{
	size_t wrote = 0, most = 0;

	srand((unsigned int)_i);
	ck_assert(open_it());
	guest.piece = (size_t)(rand() % 5000 + 1);
	user.room = guest.may_take = 0;
	while (wrote < 2000000) {
		size_t n = (size_t)(rand() % 40000);

		if (!clove_char_device_is_full(device)) {
			write_numbered(wrote, n);
			wrote += n;
		}
		if (wrote - guest.n_taken > most)
			most = wrote - guest.n_taken;
		guest.has += (size_t)(rand() % 30000);
		guest.may_take += (size_t)(rand() % 35000);
		user.room += (size_t)(rand() % 30000);
		if (rand() % 3)
			clove_char_device_wakeup(device);
		else
			clove_char_device_pull(device);
		if (rand() % 16 == 0) {
			clove_char_device_set_running(device, false);
			clove_char_device_wakeup(device);
			clove_char_device_set_running(device, true);
		}
	}
	guest.may_take = user.room = SIZE_MAX;
	clove_char_device_wakeup(device);
	ck_assert(took(wrote));
	ck_assert_uint_eq(user.got, guest.said);
	ck_assert_uint_eq(guest.has, 0);
	ck_assert(!user.is_wrong);
	ck_assert_uint_lt(most, CLOVE_CHAR_QUEUE_MOST + 40000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("char-device");
	TCase *tc = tcase_create("char-device");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_reading_stops_without_room);
	tcase_add_loop_test(tc, test_reading_without_a_user, 0, 2);
	tcase_add_test(tc, test_the_guest_speaks_inside_of_everything);
	tcase_add_test(tc, test_writing_waits_for_the_guest);
	tcase_add_test(tc, test_a_full_device_says_when_it_is_not);
	tcase_add_test(tc, test_a_guest_that_does_not_call_is_asked_again);
	tcase_add_test(tc, test_a_vm_that_rests);
	tcase_add_test(tc, test_the_next_user_gets_nothing_of_the_last);
	tcase_add_loop_test(tc, test_anything_from_inside, 0, ACTS * PLACES);
	tcase_add_test(tc, test_what_is_written_from_inside_comes_behind);
	tcase_add_loop_test(tc, test_random_pieces, 0, 8);
	suite_add_tcase(suite, tc);
	return net_run(suite);
}
