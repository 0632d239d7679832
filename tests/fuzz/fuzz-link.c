/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-link.c - two bytes choose the role and the pieces, then any bytes as the peer's handshake. */
#include <stdlib.h>
#include "common/net/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct clove_link *link, struct clove_bytes in, size_t piece, struct clove_ticket *ticket)
{
	while (link->state == CLOVE_LINK_GOING_ON && in.len) {
		size_t n = in.len < piece ? in.len : piece, used;

		if (clove_link_feed(link, CLOVE_BYTES(in.data, n), &used) != CLOVE_OK)
			return;
		if (used > n)
			abort();
		in.data += used;
		in.len -= used;
		if (link->state == CLOVE_LINK_ASKING && link->info.channel_id == 9)
			clove_link_refuse(link, CLOVE_LINK_NEED_SECURED);
		else if (link->state == CLOVE_LINK_ASKING)
			clove_link_accept(link, &link->info.channel_caps, clove_ticket_ref(ticket));
		else if (link->state == CLOVE_LINK_TICKETED)
			clove_link_finish(link, CLOVE_LINK_OK);
	}
	if (link->state == CLOVE_LINK_FAILED && !link->reason)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct clove_ticket *ticket; /* a key takes milliseconds */
	struct clove_link_info wanted = { .channel_type = 1, .channel_caps.words = { 0x0f } };
	struct clove_link link;

	if (!ticket && !(ticket = clove_ticket_new()))
		return 0;
	if (size < 2)
		return 0;
	if (data[0] & 1)
		clove_link_init_client(&link, &wanted, "password");
	else
		clove_link_init_server(&link);
	feed(&link, CLOVE_BYTES(data + 2, size - 2), (size_t)data[1] + 1, ticket);
	clove_link_fini(&link);
	return 0;
}
