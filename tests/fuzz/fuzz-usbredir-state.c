/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usbredir-state.c - any bytes as the saved state of a parser; if they are taken, a packet follows. */
#include <stdlib.h>
#include "usbredir/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	(void)owner, (void)type, (void)id, (void)body, (void)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int role = 0; role < 2; role++) {
		const struct clove_usbredir_options options = { .role = role, .caps = CLOVE_USBREDIR_CAPS_ALL,
				.packet = on_packet, .is_silent = true };
		struct clove_usbredir *parser = clove_usbredir_new(&options);
		struct clove_buf state = { 0 };
		uint8_t more[64] = { 0 };
		struct iovec iov[3];
		int n;

		if (!parser)
			return 0;
		if (clove_usbredir_restore(parser, CLOVE_BYTES(data, size)) == CLOVE_OK &&
				clove_usbredir_save(parser, &state) != CLOVE_OK)
			abort();
		(void)!clove_usbredir_feed(parser, CLOVE_BYTES(more, sizeof more));
		while ((n = clove_usbredir_output(parser, iov, 3)) > 0)
			clove_usbredir_sent(parser, iov[0].iov_len);
		if (clove_usbredir_unsent(parser))
			abort();
		clove_buf_fini(&state);
		clove_usbredir_free(parser);
	}
	return 0;
}
