/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net-fixture.h - what the tests of common/net share: files, socket pairs, a turning loop. */
#ifndef CLOVE_TESTS_NET_FIXTURE_H
#define CLOVE_TESTS_NET_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "common/net/stream.h"
#include "common/util/buf.h"
#include "common/util/loop.h"

static inline struct clove_buf net_load(const char *dir, const char *name, const char *suffix)
{
	struct clove_buf buf = { 0 };
	char path[512];
	uint8_t chunk[4096];
	size_t n;

	snprintf(path, sizeof path, TEST_DATA "/%s/%s%s", dir, name, suffix);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
		ck_assert_int_eq(clove_buf_append(&buf, chunk, n), CLOVE_OK);
	fclose(file);
	return buf;
}

static inline void net_pair(struct clove_stream *ends[2])
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		ends[i] = clove_socket_stream_new(fds[i], 0);
		ck_assert_ptr_nonnull(ends[i]);
	}
}

/* Turns the loop until `condition` holds, at most twenty seconds (sanitizers on a busy machine). */
#define NET_TURN_UNTIL(loop, condition) \
	do { \
		uint64_t give_up_ = clove_now_ms() + 20000; \
		while (!(condition) && clove_now_ms() < give_up_) \
			clove_poll_loop_step((loop), 100); \
		ck_assert_msg((condition), "waited too long for: %s", #condition); \
	} while (0)

static inline int net_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
