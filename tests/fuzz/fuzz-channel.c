/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-channel.c - three bytes choose role, header, channel and pieces; the rest is the peer's. */
#include <stdlib.h>
#include <unistd.h>
#include "common/net/channel.h"
#include "common/util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A stream that gives the input in pieces, then ends, and swallows what is written. */
struct fed {
	struct clove_stream stream;
	struct clove_bytes in;
	size_t piece;
};

struct end {
	struct clove_channel channel;
	bool is_closed;
};

static enum clove_err fed_read(struct clove_stream *s, void *to, size_t len, size_t *got)
{
	struct fed *fed = (struct fed *)s;
	size_t n = len < fed->piece ? len : fed->piece;

	if (n > fed->in.len)
		n = fed->in.len;
	if (!n)
		return CLOVE_ERR_CLOSED;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = fed->in.data[i];
	fed->in = CLOVE_BYTES(fed->in.data + n, fed->in.len - n);
	*got = n;
	return CLOVE_OK;
}

static enum clove_err fed_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	(void)s;
	for (int i = 0; i < n; i++)
		*put += iov[i].iov_len;
	return CLOVE_OK;
}

static int fed_wants(const struct clove_stream *s)
{
	(void)s;
	return CLOVE_READ;
}

static void fed_free(struct clove_stream *s)
{
	close(s->fd);
	free(s);
}

static const struct clove_stream_ops fed_ops = {
	.read = fed_read, .writev = fed_writev, .wants = fed_wants, .free = fed_free,
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
	struct fed *fed = calloc(1, sizeof *fed);
	struct end end = { 0 };
	int pipes[2];

	if (!loop || !fed || size < 3 || pipe(pipes) < 0) {
		clove_poll_loop_free(loop);
		free(fed);
		return 0;
	}
	clove_log_set_sink(no_line, NULL);
	close(pipes[1]); /* always ready: at its end */
	*fed = (struct fed){ { .ops = &fed_ops, .fd = pipes[0] }, CLOVE_BYTES(data + 3, size - 3),
			(size_t)data[2] + 1 };
	struct clove_channel_options options = {
		.take_stream = &fed->stream, .loop = loop, .is_server = data[0] & 1,
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
