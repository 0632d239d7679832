/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* packets.h - the packets as C: struct clove_usbredir_bulk_packet and CLOVE_USBREDIR_BULK_PACKET = 101,
 * from packets.def. */
#ifndef CLOVE_USBREDIR_PACKETS_H
#define CLOVE_USBREDIR_PACKETS_H

#include <stdint.h>
#include "common/protocol/wire.h"

enum clove_usbredir_cap {         /* bits of the hello's first word */
	CLOVE_USBREDIR_CAP_BULK_STREAMS = 0,
	CLOVE_USBREDIR_CAP_CONNECT_DEVICE_VERSION = 1,
	CLOVE_USBREDIR_CAP_FILTER = 2,
	CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK = 3,
	CLOVE_USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE = 4,
	CLOVE_USBREDIR_CAP_64BITS_IDS = 5,
	CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH = 6,
	CLOVE_USBREDIR_CAP_BULK_RECEIVING = 7,
	CLOVE_USBREDIR_CAPS_ALL = 0xff,
};

#include "common/protocol/wire-types.h"
#define PACKET(number, n, sender, cap, l, data) enum { CLOVE_USBREDIR_##n = number };
#include "usbredir/packets.def"
#undef PACKET
#include "common/protocol/wire-end.h"

static inline uint32_t clove_usbredir_bulk_length(const struct clove_usbredir_bulk_packet *bulk)
{
	return bulk->length | (uint32_t)bulk->length_high << 16;
}

static inline void clove_usbredir_set_bulk_length(struct clove_usbredir_bulk_packet *bulk, uint32_t length)
{
	bulk->length = (uint16_t)length;
	bulk->length_high = (uint16_t)(length >> 16);
}

#endif
