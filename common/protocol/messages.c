/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* messages.c - which messages each channel has, by number and name, and the tables behind them. */
#include "common/protocol/messages.h"

#include <string.h>

/* -- sizes that are computed -- */

static uint64_t link_mess_caps(const void *self, const void *around)
{
	const struct clove_link_mess *mess = self;

	(void)around;
	return (uint64_t)mess->num_common_caps + mess->num_channel_caps;
}

static uint64_t link_reply_caps(const void *self, const void *around)
{
	const struct clove_link_reply *reply = self;

	(void)around;
	return (uint64_t)reply->num_common_caps + reply->num_channel_caps;
}

static uint64_t image_bitmap_bytes(const void *self, const void *around)
{
	const struct clove_image_bitmap *bitmap = self;

	(void)around;
	return (uint64_t)bitmap->stride * bitmap->y;
}

static uint64_t line_attr_style(const void *self, const void *around)
{
	const struct clove_line_attr *attr = self;

	(void)around;
	return attr->style_nseg;
}

/* The first depth that is set counts (spice-wire 5.3). */
static uint64_t glyph_bytes(const void *self, const void *around)
{
	const struct clove_glyph *glyph = self;
	const struct clove_string *string = around;
	uint64_t bits = !string || string->flags & 1 ? 1 : string->flags & 2 ? 4 : 8;

	return (bits * glyph->width + 7) / 8 * glyph->height;
}

/* -- field tables -- */

#include "common/protocol/wire-tables.h"
#include "common/protocol/common.def"
#include "common/protocol/link.def"
#include "common/protocol/main.def"
#include "common/protocol/display.def"
#include "common/protocol/inputs.def"
#include "common/protocol/cursor.def"
#include "common/protocol/playback.def"
#include "common/protocol/record.def"
#include "common/protocol/smartcard.def"
#include "common/protocol/vmc.def"
#include "common/protocol/port.def"
#include "common/protocol/agent.def"
#include "common/protocol/migrate.def"
#include "common/protocol/wire-end.h"

/* -- message rows -- */

#define ROWS_END { 0, NULL, NULL }

#define CLOVE_ROWS_S2C
#include "common/protocol/wire-messages.h"

static const struct clove_message_type common_s2c[] = {
#include "common/protocol/common.def"
	ROWS_END
};

static const struct clove_message_type main_s2c[] = {
#include "common/protocol/main.def"
	ROWS_END
};

static const struct clove_message_type display_s2c[] = {
#include "common/protocol/display.def"
	ROWS_END
};

static const struct clove_message_type inputs_s2c[] = {
#include "common/protocol/inputs.def"
	ROWS_END
};

static const struct clove_message_type cursor_s2c[] = {
#include "common/protocol/cursor.def"
	ROWS_END
};

static const struct clove_message_type playback_s2c[] = {
#include "common/protocol/playback.def"
	ROWS_END
};

static const struct clove_message_type record_s2c[] = {
#include "common/protocol/record.def"
	ROWS_END
};

static const struct clove_message_type smartcard_s2c[] = {
#include "common/protocol/smartcard.def"
	ROWS_END
};

static const struct clove_message_type vmc_s2c[] = {
#include "common/protocol/vmc.def"
	ROWS_END
};

static const struct clove_message_type port_s2c[] = {
#include "common/protocol/vmc.def"
#include "common/protocol/port.def"
	ROWS_END
};

#include "common/protocol/wire-end.h"
#undef CLOVE_ROWS_S2C
#define CLOVE_ROWS_C2S
#include "common/protocol/wire-messages.h"

static const struct clove_message_type common_c2s[] = {
#include "common/protocol/common.def"
	ROWS_END
};

static const struct clove_message_type main_c2s[] = {
#include "common/protocol/main.def"
	ROWS_END
};

static const struct clove_message_type display_c2s[] = {
#include "common/protocol/display.def"
	ROWS_END
};

static const struct clove_message_type inputs_c2s[] = {
#include "common/protocol/inputs.def"
	ROWS_END
};

static const struct clove_message_type record_c2s[] = {
#include "common/protocol/record.def"
	ROWS_END
};

static const struct clove_message_type smartcard_c2s[] = {
#include "common/protocol/smartcard.def"
	ROWS_END
};

static const struct clove_message_type vmc_c2s[] = {
#include "common/protocol/vmc.def"
	ROWS_END
};

static const struct clove_message_type port_c2s[] = {
#include "common/protocol/vmc.def"
#include "common/protocol/port.def"
	ROWS_END
};

#include "common/protocol/wire-end.h"
#undef CLOVE_ROWS_C2S
#define CLOVE_ROWS_AGENT
#include "common/protocol/wire-messages.h"

static const struct clove_message_type agent_rows[] = {
#include "common/protocol/agent.def"
	ROWS_END
};

#include "common/protocol/wire-end.h"
#undef CLOVE_ROWS_AGENT

static const struct clove_message_type none[] = { ROWS_END };

static const struct {
	const char *name;
	const struct clove_message_type *rows[2];
} channels[CLOVE_CHANNEL_TYPES] = {
	[CLOVE_CHANNEL_MAIN]      = { "main",      { main_s2c, main_c2s } },
	[CLOVE_CHANNEL_DISPLAY]   = { "display",   { display_s2c, display_c2s } },
	[CLOVE_CHANNEL_INPUTS]    = { "inputs",    { inputs_s2c, inputs_c2s } },
	[CLOVE_CHANNEL_CURSOR]    = { "cursor",    { cursor_s2c, none } },
	[CLOVE_CHANNEL_PLAYBACK]  = { "playback",  { playback_s2c, none } },
	[CLOVE_CHANNEL_RECORD]    = { "record",    { record_s2c, record_c2s } },
	[CLOVE_CHANNEL_TUNNEL]    = { "tunnel",    { none, none } },
	[CLOVE_CHANNEL_SMARTCARD] = { "smartcard", { smartcard_s2c, smartcard_c2s } },
	[CLOVE_CHANNEL_USBREDIR]  = { "usbredir",  { vmc_s2c, vmc_c2s } },
	[CLOVE_CHANNEL_PORT]      = { "port",      { port_s2c, port_c2s } },
	[CLOVE_CHANNEL_WEBDAV]    = { "webdav",    { port_s2c, port_c2s } },
};

const struct clove_message_type *clove_message_list(enum clove_channel_type channel,
		enum clove_direction direction)
{
	if ((unsigned int)channel >= CLOVE_CHANNEL_TYPES || !channels[channel].name)
		return none;
	return channels[channel].rows[direction == CLOVE_C2S];
}

static const struct clove_message_type *find(const struct clove_message_type *rows, uint32_t id)
{
	for (; rows->name; rows++)
		if (rows->id == id)
			return rows;
	return NULL;
}

const struct clove_message_type *clove_message_find(enum clove_channel_type channel,
		enum clove_direction direction, uint16_t id)
{
	const struct clove_message_type *common =
			find(direction == CLOVE_C2S ? common_c2s : common_s2c, id);

	return common ? common : find(clove_message_list(channel, direction), id);
}

const struct clove_layout *clove_agent_layout(uint32_t type)
{
	const struct clove_message_type *row = find(agent_rows, type);

	return row ? row->layout() : NULL;
}

const char *clove_channel_type_name(unsigned int type)
{
	return type < CLOVE_CHANNEL_TYPES ? channels[type].name : NULL;
}

unsigned int clove_channel_type_by_name(const char *name)
{
	for (unsigned int i = 0; name && i < CLOVE_CHANNEL_TYPES; i++)
		if (channels[i].name && !strcmp(channels[i].name, name))
			return i;
	return 0;
}
