/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* protocol.h - the frame around messages: link, headers, capabilities. Little-endian and packed. */
#ifndef CLOVE_SPICE_PROTOCOL_H
#define CLOVE_SPICE_PROTOCOL_H

#include "enums.h"
#include "macros.h"
#include "types.h"

#define SPICE_MAGIC SPICE_MAGIC_CONST("REDQ")
#define SPICE_VERSION_MAJOR 2
#define SPICE_VERSION_MINOR 2

#define SPICE_TICKET_KEY_PAIR_LENGTH 1024                            /* bits */
#define SPICE_TICKET_PUBKEY_BYTES (SPICE_TICKET_KEY_PAIR_LENGTH / 8 + 34) /* with its DER frame */
#define SPICE_MAX_PASSWORD_LENGTH 60

#define SPICE_MAX_NUM_STREAMS 64
#define SPICE_INPUT_MOTION_ACK_BUNCH 4

/* Bits of the capability words that follow a link message and its reply. */
enum {
	SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
	SPICE_COMMON_CAP_AUTH_SPICE,
	SPICE_COMMON_CAP_AUTH_SASL,
	SPICE_COMMON_CAP_MINI_HEADER,
};
enum {
	SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
	SPICE_MAIN_CAP_NAME_AND_UUID,
	SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
	SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
};
enum {
	SPICE_DISPLAY_CAP_SIZED_STREAM,
	SPICE_DISPLAY_CAP_MONITORS_CONFIG,
	SPICE_DISPLAY_CAP_COMPOSITE,
	SPICE_DISPLAY_CAP_A8_SURFACE,
	SPICE_DISPLAY_CAP_STREAM_REPORT,
	SPICE_DISPLAY_CAP_LZ4_COMPRESSION,
	SPICE_DISPLAY_CAP_PREF_COMPRESSION,
	SPICE_DISPLAY_CAP_GL_SCANOUT,
	SPICE_DISPLAY_CAP_MULTI_CODEC,
	SPICE_DISPLAY_CAP_CODEC_MJPEG,
	SPICE_DISPLAY_CAP_CODEC_VP8,
	SPICE_DISPLAY_CAP_CODEC_H264,
	SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE,
	SPICE_DISPLAY_CAP_CODEC_VP9,
	SPICE_DISPLAY_CAP_CODEC_H265,
	SPICE_DISPLAY_CAP_GL_SCANOUT2,
};
enum { SPICE_INPUTS_CAP_KEY_SCANCODE };
enum {
	SPICE_PLAYBACK_CAP_CELT_0_5_1,
	SPICE_PLAYBACK_CAP_VOLUME,
	SPICE_PLAYBACK_CAP_LATENCY,
	SPICE_PLAYBACK_CAP_OPUS,
};
enum {
	SPICE_RECORD_CAP_CELT_0_5_1,
	SPICE_RECORD_CAP_VOLUME,
	SPICE_RECORD_CAP_OPUS,
};
enum { SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4 };

enum {
	SPICE_PORT_EVENT_OPENED,
	SPICE_PORT_EVENT_CLOSED,
	SPICE_PORT_EVENT_BREAK,
};

#pragma pack(push, 1)

typedef struct SpiceLinkHeader {
	uint32_t magic;
	uint32_t major_version;
	uint32_t minor_version;
	uint32_t size;                  /* of what follows */
} SpiceLinkHeader;

/* The client's; caps_offset counts from the start of this struct. */
typedef struct SpiceLinkMess {
	uint32_t connection_id;         /* 0 for a new session's main channel */
	uint8_t channel_type;
	uint8_t channel_id;
	uint32_t num_common_caps;       /* words */
	uint32_t num_channel_caps;
	uint32_t caps_offset;
} SpiceLinkMess;

/* The server's answer. */
typedef struct SpiceLinkReply {
	uint32_t error;                 /* SpiceLinkErr */
	uint8_t pub_key[SPICE_TICKET_PUBKEY_BYTES];
	uint32_t num_common_caps;
	uint32_t num_channel_caps;
	uint32_t caps_offset;
} SpiceLinkReply;

typedef struct SpiceLinkAuthMechanism {
	uint32_t auth_mechanism;        /* SPICE_COMMON_CAP_AUTH_... */
} SpiceLinkAuthMechanism;

typedef struct SpiceLinkEncryptedTicket {
	uint8_t encrypted_data[SPICE_TICKET_KEY_PAIR_LENGTH / 8];
} SpiceLinkEncryptedTicket;

/* Before each message, unless both ends have SPICE_COMMON_CAP_MINI_HEADER. */
typedef struct SpiceDataHeader {
	uint64_t serial;
	uint16_t type;
	uint32_t size;
	uint32_t sub_list;              /* offset of a SpiceSubMessageList, or 0 */
} SpiceDataHeader;

typedef struct SpiceMiniDataHeader {
	uint16_t type;
	uint32_t size;
} SpiceMiniDataHeader;

typedef struct SpiceSubMessage {
	uint16_t type;
	uint32_t size;
} SpiceSubMessage;

typedef struct SpiceSubMessageList {
	uint16_t size;
	uint32_t sub_messages[0];       /* offsets */
} SpiceSubMessageList;

#pragma pack(pop)

#endif
