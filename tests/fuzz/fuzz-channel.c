/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-channel.c - three bytes choose role, header, channel and pieces; the rest is the peer's. */
#include "common/net/channel.h"
#include "common/util/log.h"
#include "tests/fuzz/fed-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
	struct clove_channel channel;
	bool is_closed;
};

static bool wait_for(void *channel, const struct clove_wait_for_channels *wait)
{
	(void)channel;
	(void)wait;
	return true;
}

static void closed(void *channel, enum clove_err err)
{
	(void)err;
	((struct end *)channel)->is_closed = true;
}

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clove_channel_ops ops = { .closed = closed, .wait_for = wait_for };
	struct clove_loop *loop = clove_poll_loop_new();
	struct clove_stream *fed = size < 3 ? NULL : fed_new(CLOVE_BYTES(data + 3, size - 3),
			(size_t)data[2] + 1);
	struct end end = { 0 };

	if (!loop || !fed) {
		clove_poll_loop_free(loop);
		clove_stream_free(fed);
		return 0;
	}
	clove_log_set_sink(no_line, NULL);
	struct clove_channel_options options = {
		.take_stream = fed, .loop = loop, .is_server = data[0] & 1,
		.mini_header = !(data[0] & 2), .type = data[1] % (CLOVE_CHANNEL_TYPES - 1) + 1,
		.peer_caps.words = { data[0] & 4 ? ~UINT32_C(0) : 0 },
	};
	if (clove_channel_init(&end.channel, &ops, &options) == CLOVE_OK) {
		if ((data[0] & 9) == 9) /* only a server does */
			clove_channel_set_ack(&end.channel, 3);
		clove_channel_start(&end.channel);
		while (!end.is_closed) {
			clove_channel_resume(&end.channel);
			clove_poll_loop_step(loop, 100);
		}
		clove_channel_fini(&end.channel);
	}
	clove_poll_loop_free(loop);
	return 0;
}
