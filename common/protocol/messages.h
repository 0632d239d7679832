/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* messages.h - every message of every channel: C structs, layouts, ids and names, from the .defs.
 *
 * STRUCT(inputs_key) in a .def gives struct clove_inputs_key and clove_inputs_key_layout();
 * MESSAGE(C2S, 101, INPUTS_KEY_DOWN, inputs_key) gives CLOVE_INPUTS_KEY_DOWN = 101 and a row
 * that clove_message_find() knows. A message without a body has the layout `empty`.
 */
#ifndef CLOVE_PROTOCOL_MESSAGES_H
#define CLOVE_PROTOCOL_MESSAGES_H

#include <stdint.h>
#include "common/protocol/wire.h"

enum clove_channel_type {
	CLOVE_CHANNEL_MAIN = 1,
	CLOVE_CHANNEL_DISPLAY = 2,
	CLOVE_CHANNEL_INPUTS = 3,
	CLOVE_CHANNEL_CURSOR = 4,
	CLOVE_CHANNEL_PLAYBACK = 5,
	CLOVE_CHANNEL_RECORD = 6,
	CLOVE_CHANNEL_TUNNEL = 7,
	CLOVE_CHANNEL_SMARTCARD = 8,
	CLOVE_CHANNEL_USBREDIR = 9,
	CLOVE_CHANNEL_PORT = 10,
	CLOVE_CHANNEL_WEBDAV = 11,
	CLOVE_CHANNEL_TYPES
};

enum clove_direction {
	CLOVE_S2C,
	CLOVE_C2S,
};

struct clove_message_type {
	uint16_t id;
	const char *name;   /* "INPUTS_KEY_DOWN" */
	const struct clove_layout *(*layout)(void);
};

/* The row for a message of that channel, the common ones (1..8) included; NULL if unknown. */
const struct clove_message_type *clove_message_find(enum clove_channel_type channel,
		enum clove_direction direction, uint16_t id);

/* All rows of one channel and direction without the common ones; the last has a NULL name. */
const struct clove_message_type *clove_message_list(enum clove_channel_type channel,
		enum clove_direction direction);

/* Layout of an agent message's data by VDAgent type (spice-wire 8.3); NULL if unknown. */
const struct clove_layout *clove_agent_layout(uint32_t type);

/* "display"; NULL for an unknown type. And back: 0 for an unknown name. */
const char *clove_channel_type_name(unsigned int type);
unsigned int clove_channel_type_by_name(const char *name);

#include "common/protocol/structs.h" /* the structs and ids themselves */

#endif
