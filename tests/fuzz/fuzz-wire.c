/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-wire.c - a byte chooses the layout (wire-layouts.h), a byte the capabilities; a body follows. */
#include <stdlib.h>
#include "tests/fuzz/wire-layouts.h"

enum { ARENA = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct clove_layout *layout, const void *message,
		const struct clove_caps *caps, bool secrets)
{
	struct clove_buf text = { 0 };

	if (clove_wire_print(layout, message, caps, secrets, &text) != CLOVE_OK)
		abort();
	clove_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_arena arena, again;
	struct clove_buf first = { 0 }, second = { 0 };
	struct clove_caps caps = { { size > 1 && data[1] & 1 ? UINT32_MAX : 0 } };
	const struct clove_layout *layout;
	const char *name;
	void *message;
	size_t used;

	if (size < 2 || !(layout = wire_layout(data[0], &name)))
		return 0;
	clove_arena_init(&arena, ARENA);
	clove_arena_init(&again, ARENA);
	if (clove_wire_parse_prefix(layout, CLOVE_BYTES(data + 2, size - 2), &caps, &arena, &message,
			&used) == CLOVE_OK) {
		if (used > size - 2)
			abort();
		print(layout, message, &caps, false);
		print(layout, message, &caps, true);
		/* What parses can be written, and that means the same. Only sub-messages differ: their
		 * sizes may reach over what follows them. */
		if (layout != clove_message_list_layout()) {
			if (clove_wire_write(layout, message, &caps, &first) != CLOVE_OK ||
					clove_wire_parse(layout, clove_buf_bytes(&first), &caps, &again,
						&message) != CLOVE_OK ||
					clove_wire_write(layout, message, &caps, &second) != CLOVE_OK ||
					first.len != second.len ||
					(first.len && memcmp(first.data, second.data, first.len) != 0))
				abort();
		}
	}
	clove_arena_fini(&arena);
	clove_arena_fini(&again);
	clove_buf_fini(&first);
	clove_buf_fini(&second);
	return 0;
}
