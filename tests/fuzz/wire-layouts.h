/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire-layouts.h - every layout that is parsed from a peer, in an order that seeds may rely on. */
#ifndef CLOVE_TESTS_WIRE_LAYOUTS_H
#define CLOVE_TESTS_WIRE_LAYOUTS_H

#include "common/protocol/messages.h"

typedef const struct clove_layout *(*wire_layout_fn)(void);

/* Those that no message names. */
static const wire_layout_fn wire_other_layouts[] = {
	clove_link_header_layout, clove_link_mess_layout, clove_link_reply_layout,
	clove_link_auth_mechanism_layout, clove_link_ticket_layout, clove_link_result_layout,
	clove_agent_chunk_layout, clove_agent_message_layout,
	clove_smartcard_init_layout, clove_smartcard_error_layout, clove_webdav_frame_layout,
	clove_migrate_main_layout, clove_migrate_display_layout, clove_migrate_inputs_layout,
	clove_migrate_vmc_layout, clove_migrate_smartcard_layout, clove_migrate_lossy_surfaces_layout,
};

/* The layout with that number, and where it is from; NULL beyond the last. */
static inline const struct clove_layout *wire_layout(unsigned int number, const char **name)
{
	unsigned int n = sizeof wire_other_layouts / sizeof *wire_other_layouts;

	if (number < n) {
		*name = wire_other_layouts[number]()->name;
		return wire_other_layouts[number]();
	}
	for (uint32_t type = 1; clove_agent_layout(type); type++, n++)
		if (n == number) {
			*name = clove_agent_layout(type)->name;
			return clove_agent_layout(type);
		}
	for (int direction = CLOVE_S2C; direction <= CLOVE_C2S; direction++) {
		for (uint16_t id = 1; id <= 8; id++) { /* the common ones */
			const struct clove_message_type *type = clove_message_find(CLOVE_CHANNEL_MAIN,
					(enum clove_direction)direction, id);

			if (type && n++ == number) {
				*name = type->name;
				return type->layout();
			}
		}
		for (unsigned int channel = 1; channel < CLOVE_CHANNEL_TYPES; channel++) {
			const struct clove_message_type *type = clove_message_list(
					(enum clove_channel_type)channel, (enum clove_direction)direction);

			/* vmc's come with the ports */
			if (channel == CLOVE_CHANNEL_USBREDIR || channel == CLOVE_CHANNEL_WEBDAV)
				continue;
			for (; type->name; type++)
				if (n++ == number) {
					*name = type->name;
					return type->layout();
				}
		}
	}
	return NULL;
}

#endif
