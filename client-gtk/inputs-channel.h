/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs-channel.h - the viewer's inputs channel: keys, pointer and locks on their way to the guest.
 *
 * What is sent leaves in the same turn of the loop; pointer motion waits while the server has not
 * seen enough of the last (motion.h). Events come from the loop.
 */
#ifndef CLOVE_CLIENT_GTK_INPUTS_CHANNEL_H
#define CLOVE_CLIENT_GTK_INPUTS_CHANNEL_H

#include "client-gtk/opening.h"
#include "common/protocol/enums.h"
#include "common/protocol/messages.h"

struct clove_inputs_channel;

/* Any may be NULL. The channel may be freed inside `closed` alone. */
struct clove_inputs_events {
	/* The guest's locks, CLOVE_MODIFIER_...; at the beginning, and when they change. */
	void (*modifiers)(void *opaque, uint16_t modifiers);
	/* The connection is over. The last event; the channel stays until the owner frees it. */
	void (*closed)(void *opaque, enum clove_err err);
};

/* Takes the stream and the early bytes out of `opened` (also on failure). NULL without memory. */
struct clove_inputs_channel *clove_inputs_channel_new(struct clove_loop *loop,
		const struct clove_inputs_events *events, void *opaque, struct clove_opened *opened);
/* NULL is fine. No events. */
void clove_inputs_channel_free(struct clove_inputs_channel *inputs);

/* `code` as clove_keymap_press and _release make it. */
void clove_inputs_channel_key(struct clove_inputs_channel *inputs, bool is_press, uint32_t code);
/* The locks that the guest should have. */
void clove_inputs_channel_locks(struct clove_inputs_channel *inputs, uint16_t modifiers);

/* Server mode: by so much; client mode: to this pixel of the display's primary. */
void clove_inputs_channel_motion(struct clove_inputs_channel *inputs, int32_t dx, int32_t dy);
void clove_inputs_channel_position(struct clove_inputs_channel *inputs, uint8_t display,
		uint32_t x, uint32_t y);
/* A release of a button that is not down is not sent. */
void clove_inputs_channel_button(struct clove_inputs_channel *inputs, enum clove_button button,
		bool is_press);
void clove_inputs_channel_release_buttons(struct clove_inputs_channel *inputs);

/* Since the beginning; either may be NULL. */
void clove_inputs_channel_count(const struct clove_inputs_channel *inputs, uint64_t *in,
		uint64_t *out);

#endif
