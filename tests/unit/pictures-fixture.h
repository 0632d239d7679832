/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pictures-fixture.h - a server's recorded or made-up bytes, played to a channel of the viewer. */
#ifndef CLOVE_TESTS_PICTURES_FIXTURE_H
#define CLOVE_TESTS_PICTURES_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client-gtk/opening.h"
#include "common/net/tcp.h"
#include "common/protocol/messages.h"

/* What a server says, and how far it got. */
struct playing {
	struct clove_buf bytes;
	size_t at;
	int fd;                           /* the server's end */
	bool mini_header;
	uint64_t serial;
	struct clove_buf heard;           /* what the client said */
};

static inline struct clove_buf read_whole_file(const char *name)
{
	struct clove_buf buf = { 0 };
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", TEST_DATA, name);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	do {
		uint8_t *room = clove_buf_reserve(&buf, 1 << 16);

		ck_assert_ptr_nonnull(room);
		n = fread(room, 1, 1 << 16, f);
		buf.len += n;
	} while (n);
	fclose(f);
	return buf;
}

/* The server's half of a recorded connection: past the link reply and its result. */
static inline void play_recorded(struct playing *playing, const char *name, bool mini_header)
{
	*playing = (struct playing){ .bytes = read_whole_file(name), .mini_header = mini_header };
	ck_assert_uint_gt(playing->bytes.len, 16 + 178);
	playing->at = 16 + (size_t)clove_le32(playing->bytes.data + 12) + 4;
	ck_assert_uint_lt(playing->at, playing->bytes.len);
}

/* Adds a message. */
static inline void play_raw(struct playing *playing, uint16_t id, struct clove_bytes body)
{
	uint8_t header[6];

	playing->mini_header = true;
	clove_put_le16(header, id);
	clove_put_le32(header + 2, (uint32_t)body.len);
	ck_assert(clove_buf_append(&playing->bytes, header, sizeof header) == CLOVE_OK);
	ck_assert(clove_buf_append(&playing->bytes, body.data, body.len) == CLOVE_OK);
}

static inline void play(struct playing *playing, enum clove_channel_type channel, uint16_t id,
		const void *message)
{
	const struct clove_message_type *type = clove_message_find(channel, CLOVE_S2C, id);
	struct clove_buf body = { 0 };

	ck_assert_ptr_nonnull(type);
	if (message)
		ck_assert_int_eq(clove_wire_write(type->layout(), message, NULL, &body), CLOVE_OK);
	play_raw(playing, id, clove_buf_bytes(&body));
	clove_buf_fini(&body);
}

/* CLOVE_SEEDS=FOLDER: what is made up and played is also a fuzz target's corpus. */
static inline void save_seed(const struct playing *playing)
{
	const char *folder = getenv("CLOVE_SEEDS");
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char path[512];
	FILE *f;

	if (!folder || playing->at || playing->bytes.len > 2000)
		return;
	for (size_t i = 0; i < playing->bytes.len; i++)
		h = (h ^ playing->bytes.data[i]) * UINT64_C(0x100000001b3);
	snprintf(path, sizeof path, "%s/%016llx", folder, (unsigned long long)h);
	f = fopen(path, "wb");
	if (!f)
		return;
	fputc(playing->mini_header ? 0 : 1, f);
	fwrite(playing->bytes.data, 1, playing->bytes.len, f);
	fclose(f);
}

/* Connects: what an opening would have given. */
static inline struct clove_opened play_open(struct playing *playing)
{
	struct clove_opened opened = { .mini_header = playing->mini_header };
	int fds[2];

	save_seed(playing);

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	playing->fd = fds[0];
	opened.stream = clove_socket_stream_new(fds[1], 0);
	ck_assert_ptr_nonnull(opened.stream);
	/* every capability of a server that the client may ask about */
	opened.info.channel_caps.words[0] = UINT32_MAX;
	return opened;
}

/* As much as the socket takes; at the end of what there is, no more is to come. */
static inline void play_on(struct playing *playing, bool ends)
{
	uint8_t data[4096];
	ssize_t n;

	while ((n = read(playing->fd, data, sizeof data)) > 0)
		ck_assert(clove_buf_append(&playing->heard, data, (size_t)n) == CLOVE_OK);
	while (playing->at < playing->bytes.len) {
		n = send(playing->fd, playing->bytes.data + playing->at, playing->bytes.len - playing->at,
				MSG_NOSIGNAL);
		if (n <= 0)
			return;
		playing->at += (size_t)n;
	}
	if (ends)
		shutdown(playing->fd, SHUT_WR);
}

static inline void play_fini(struct playing *playing)
{
	close(playing->fd);
	clove_buf_fini(&playing->bytes);
	clove_buf_fini(&playing->heard);
}

#endif
