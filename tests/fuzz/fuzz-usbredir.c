/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usbredir.c - the first bytes choose the role, the capabilities and the pieces; the rest comes from a peer.
 * What arrives is sent back where that is legal, and the state moves to another parser half way. */
#include <stdlib.h>
#include "usbredir/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
	struct clove_usbredir *parser;
	unsigned int count;
	bool takes, frees;
};

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct end *end = owner;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < data.len; i++)
		sum = (uint8_t)(sum + data.data[i]);
	end->count++;
	if (end->takes && data.len) {
		uint8_t *taken = clove_usbredir_take_data(end->parser);

		(void)!clove_usbredir_send_take(end->parser, type, id, body, taken, data.len);
	} else {
		(void)!clove_usbredir_send(end->parser, type, id, body, data);
	}
	if (end->frees && end->count == 5) {
		clove_usbredir_free(end->parser);
		end->parser = NULL;
	}
}

static struct clove_usbredir *new_end(struct end *end, const uint8_t *data, bool is_silent)
{
	const struct clove_usbredir_options options = { .role = data[0] & 1, .caps = data[1], .packet = on_packet,
			.owner = end, .is_silent = is_silent };

	return clove_usbredir_new(&options);
}

static void move_state(struct end *end, const uint8_t *data)
{
	struct clove_usbredir *other = new_end(end, data, true);
	struct clove_buf state = { 0 }, again = { 0 };

	if (!other)
		return;
	if (clove_usbredir_save(end->parser, &state) != CLOVE_OK ||
			clove_usbredir_restore(other, clove_buf_bytes(&state)) != CLOVE_OK ||
			clove_usbredir_save(other, &again) != CLOVE_OK ||
			again.len != state.len || memcmp(again.data, state.data, state.len))
		abort(); /* a state of our own is always good, and whole */
	clove_usbredir_free(end->parser);
	end->parser = other;
	clove_buf_fini(&state);
	clove_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end end = { NULL };
	uint32_t random = 1;

	if (size < 3)
		return 0;
	end.parser = new_end(&end, data, false);
	end.takes = data[0] & 2;
	end.frees = data[0] & 4;
	for (size_t at = 3; at < size && end.parser;) {
		size_t n = 1 + (data[2] ? (random = random * 1103515245 + 12345) % (data[2] * 4u) : size);
		bool is_half = at < size / 2 && at + n >= size / 2;

		n = n < size - at ? n : size - at;
		if (clove_usbredir_feed(end.parser, CLOVE_BYTES(data + at, n)) == CLOVE_ERR_CLOSED)
			return 0;
		if (data[0] & 8)
			clove_usbredir_sent(end.parser, n);
		if (is_half)
			move_state(&end, data);
		at += n;
	}
	clove_usbredir_free(end.parser);
	return 0;
}
