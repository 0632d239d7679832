/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caps.h - capability sets: bit n is bit n & 31 of word n >> 5 (spice-wire 2.4). */
#ifndef CLOVE_PROTOCOL_CAPS_H
#define CLOVE_PROTOCOL_CAPS_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOVE_CAPS_WORDS = 4 }; /* words kept; peers may send more, all unknown to us */

struct clove_caps {
	uint32_t words[CLOVE_CAPS_WORDS];
};

static inline bool clove_caps_has(const struct clove_caps *caps, unsigned int bit)
{
	return caps && bit < CLOVE_CAPS_WORDS * 32 && caps->words[bit / 32] >> (bit % 32) & 1;
}

static inline void clove_caps_set(struct clove_caps *caps, unsigned int bit)
{
	caps->words[bit / 32] |= UINT32_C(1) << (bit % 32);
}

/* How many words the highest set bit needs; 0 for none. */
static inline unsigned int clove_caps_count(const struct clove_caps *caps)
{
	unsigned int n = CLOVE_CAPS_WORDS;

	while (n && !caps->words[n - 1])
		n--;
	return n;
}

enum clove_common_cap {
	CLOVE_COMMON_CAP_AUTH_SELECTION = 0,
	CLOVE_COMMON_CAP_AUTH_SPICE = 1,
	CLOVE_COMMON_CAP_AUTH_SASL = 2,
	CLOVE_COMMON_CAP_MINI_HEADER = 3,
};

enum clove_main_cap {
	CLOVE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE = 0,
	CLOVE_MAIN_CAP_NAME_AND_UUID = 1,
	CLOVE_MAIN_CAP_AGENT_CONNECTED_TOKENS = 2,
	CLOVE_MAIN_CAP_SEAMLESS_MIGRATE = 3,
};

enum clove_display_cap {
	CLOVE_DISPLAY_CAP_SIZED_STREAM = 0,
	CLOVE_DISPLAY_CAP_MONITORS_CONFIG = 1,
	CLOVE_DISPLAY_CAP_COMPOSITE = 2,
	CLOVE_DISPLAY_CAP_A8_SURFACE = 3,
	CLOVE_DISPLAY_CAP_STREAM_REPORT = 4,
	CLOVE_DISPLAY_CAP_LZ4_COMPRESSION = 5,
	CLOVE_DISPLAY_CAP_PREF_COMPRESSION = 6,
	CLOVE_DISPLAY_CAP_GL_SCANOUT = 7,
	CLOVE_DISPLAY_CAP_MULTI_CODEC = 8,
	CLOVE_DISPLAY_CAP_CODEC_MJPEG = 9,
	CLOVE_DISPLAY_CAP_CODEC_VP8 = 10,
	CLOVE_DISPLAY_CAP_CODEC_H264 = 11,
	CLOVE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE = 12,
	CLOVE_DISPLAY_CAP_CODEC_VP9 = 13,
	CLOVE_DISPLAY_CAP_CODEC_H265 = 14,
	CLOVE_DISPLAY_CAP_GL_SCANOUT2 = 15,
};

enum clove_inputs_cap {
	CLOVE_INPUTS_CAP_KEY_SCANCODE = 0,
};

enum clove_playback_cap {
	CLOVE_PLAYBACK_CAP_VOLUME = 1,
	CLOVE_PLAYBACK_CAP_LATENCY = 2,
	CLOVE_PLAYBACK_CAP_OPUS = 3,
};

enum clove_record_cap {
	CLOVE_RECORD_CAP_VOLUME = 1,
	CLOVE_RECORD_CAP_OPUS = 2,
};

enum clove_vmc_cap {
	CLOVE_VMC_CAP_DATA_COMPRESS_LZ4 = 0,
};

/* Of the guest agent's announcement (spice-wire 8.7). */
enum clove_agent_cap {
	CLOVE_AGENT_CAP_MOUSE_STATE = 0,
	CLOVE_AGENT_CAP_MONITORS_CONFIG = 1,
	CLOVE_AGENT_CAP_REPLY = 2,
	CLOVE_AGENT_CAP_CLIPBOARD = 3,      /* obsolete push model */
	CLOVE_AGENT_CAP_DISPLAY_CONFIG = 4,
	CLOVE_AGENT_CAP_CLIPBOARD_BY_DEMAND = 5,
	CLOVE_AGENT_CAP_CLIPBOARD_SELECTION = 6,
	CLOVE_AGENT_CAP_SPARSE_MONITORS_CONFIG = 7,
	CLOVE_AGENT_CAP_GUEST_LINEEND_LF = 8,
	CLOVE_AGENT_CAP_GUEST_LINEEND_CRLF = 9,
	CLOVE_AGENT_CAP_MAX_CLIPBOARD = 10,
	CLOVE_AGENT_CAP_AUDIO_VOLUME_SYNC = 11,
	CLOVE_AGENT_CAP_MONITORS_CONFIG_POSITION = 12,
	CLOVE_AGENT_CAP_FILE_XFER_DISABLED = 13,
	CLOVE_AGENT_CAP_FILE_XFER_DETAILED_ERRORS = 14,
	CLOVE_AGENT_CAP_GRAPHICS_DEVICE_INFO = 15,
	CLOVE_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB = 16,
	CLOVE_AGENT_CAP_CLIPBOARD_GRAB_SERIAL = 17,
};

#endif
