/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-peers.c - which addresses are one peer, how its failures add up, and that memory ends. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "server/peers.h"
#include "tests/unit/net-fixture.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		storage.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		storage.ss_family = AF_INET6;
	else if (!strcmp(text, "unix"))
		storage.ss_family = AF_UNIX;
	return storage;
}

static struct clove_peer *use(struct clove_peers *peers, const char *text)
{
	struct sockaddr_storage storage = address(text);
	struct clove_peer *peer = clove_peers_use(peers, &storage);

	ck_assert_ptr_nonnull(peer);
	return peer;
}

static const struct {
	const char *a, *b;
	bool is_one;
} pairs[] = {
	{ "192.0.2.1",     "192.0.2.1",            true },
	{ "192.0.2.1",     "192.0.2.2",            false },
	{ "192.0.2.1",     "::ffff:192.0.2.1",     true },
	{ "192.0.2.1",     "::ffff:192.0.2.2",     false },
	{ "0.0.0.0",       "::",                   false },
	{ "2001:db8::1",   "2001:db8::ffff:1",     true },
	{ "2001:db8::1",   "2001:db8:0:1::1",      false },
	{ "fe80::1",       "fe80::2",              false },
	{ "fe80::1",       "fe80::1",              true },
	{ "::1",           "127.0.0.1",            false },
	{ "unix",          "unix",                 true },
	{ "unix",          "0.0.0.0",              false },
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

START_TEST(test_peers_are_one_or_two)
{
	struct clove_peers peers;

	clove_peers_init(&peers);
	struct clove_peer *a = use(&peers, pairs[_i].a), *b = use(&peers, pairs[_i].b);
	ck_assert_msg((a == b) == pairs[_i].is_one, "%s, %s", pairs[_i].a, pairs[_i].b);
	ck_assert_uint_eq(a->uses, pairs[_i].is_one ? 2 : 1);
	clove_peers_unuse(&peers, a);
	clove_peers_unuse(&peers, b);
	ck_assert(clove_list_is_empty(&peers.list));
	clove_peers_fini(&peers);
}
END_TEST

START_TEST(test_peers_wait_longer_with_each_failure)
{
	static const uint32_t delays[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
	enum { DELAYS = sizeof delays / sizeof delays[0] };
	struct clove_peers peers;
	uint64_t now = 1000;

	clove_peers_init(&peers);
	/* What failed is remembered though nothing is open. */
	for (int i = 0; i < DELAYS; i++, now += CLOVE_PEER_FORGET_MS - 1) {
		struct clove_peer *peer = use(&peers, "192.0.2.1");

		ck_assert_uint_eq(clove_peer_failed(peer, now), delays[i]);
		clove_peers_unuse(&peers, peer);
	}
	struct clove_peer *other = use(&peers, "192.0.2.2"), *same = use(&peers, "192.0.2.1");
	ck_assert_uint_eq(clove_peer_failed(other, now), 100);
	ck_assert_uint_eq(clove_peer_failed(same, now + 1), 100); /* a minute has passed */
	ck_assert_uint_eq(clove_peer_failed(same, now + 1), 200);
	same->failures = UINT32_MAX;
	ck_assert_uint_eq(clove_peer_failed(same, now + 2), 2000);
	ck_assert_uint_eq(clove_peer_failed(same, now + 2), 2000);
	clove_peers_fini(&peers);
}
END_TEST

START_TEST(test_peers_are_forgotten)
{
	struct clove_peers peers;
	struct clove_peer *held;
	unsigned int n = 0;
	char text[32];

	clove_peers_init(&peers);
	held = use(&peers, "192.0.2.1");
	clove_peer_failed(held, 0);
	for (int i = 0; i < 3 * CLOVE_PEERS_REMEMBERED; i++) {
		snprintf(text, sizeof text, "10.0.%d.%d", i / 256, i % 256);
		struct clove_peer *peer = use(&peers, text);
		clove_peer_failed(peer, 0);
		clove_peers_unuse(&peers, peer);
	}
	CLOVE_LIST_FOR_EACH(item, &peers.list)
		n++;
	ck_assert_uint_eq(n, CLOVE_PEERS_REMEMBERED + 1);
	ck_assert_uint_eq(peers.unused, CLOVE_PEERS_REMEMBERED);
	/* The newest is known; the oldest is not; who is in use never goes. */
	struct clove_peer *newest = use(&peers, text), *oldest = use(&peers, "10.0.0.0");
	ck_assert_uint_eq(newest->failures, 1);
	ck_assert_uint_eq(oldest->failures, 0);
	ck_assert_uint_eq(held->failures, 1);
	ck_assert_ptr_eq(use(&peers, "192.0.2.1"), held);
	clove_peers_fini(&peers);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peers");
	TCase *tcase = tcase_create("peers");

	tcase_add_loop_test(tcase, test_peers_are_one_or_two, 0, PAIRS);
	tcase_add_test(tcase, test_peers_wait_longer_with_each_failure);
	tcase_add_test(tcase, test_peers_are_forgotten);
	suite_add_tcase(suite, tcase);
	return net_run(suite);
}
