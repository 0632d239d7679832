/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vd_agent.h - what the guest's agent, the server and the client say to each other.
 *
 * Each message is a VDAgentMessage and its data; between guest and server it travels in chunks
 * of at most VD_AGENT_MAX_DATA_SIZE bytes with a VDIChunkHeader before each. Little-endian, packed.
 */
#ifndef CLOVE_SPICE_VD_AGENT_H
#define CLOVE_SPICE_VD_AGENT_H

#include "macros.h"
#include "types.h"

#define VD_AGENT_PROTOCOL 1
#define VD_AGENT_MAX_DATA_SIZE 2048

enum {
	VDP_CLIENT_PORT = 1,
	VDP_SERVER_PORT,
	VDP_END_PORT,
};

enum {
	VD_AGENT_MOUSE_STATE = 1,
	VD_AGENT_MONITORS_CONFIG,
	VD_AGENT_REPLY,
	VD_AGENT_CLIPBOARD,
	VD_AGENT_DISPLAY_CONFIG,
	VD_AGENT_ANNOUNCE_CAPABILITIES,
	VD_AGENT_CLIPBOARD_GRAB,
	VD_AGENT_CLIPBOARD_REQUEST,
	VD_AGENT_CLIPBOARD_RELEASE,
	VD_AGENT_FILE_XFER_START,
	VD_AGENT_FILE_XFER_STATUS,
	VD_AGENT_FILE_XFER_DATA,
	VD_AGENT_CLIENT_DISCONNECTED,
	VD_AGENT_MAX_CLIPBOARD,
	VD_AGENT_AUDIO_VOLUME_SYNC,
	VD_AGENT_GRAPHICS_DEVICE_INFO,
	VD_AGENT_END_MESSAGE,
};

/* Bits of VDAgentAnnounceCapabilities. */
enum {
	VD_AGENT_CAP_MOUSE_STATE,
	VD_AGENT_CAP_MONITORS_CONFIG,
	VD_AGENT_CAP_REPLY,
	VD_AGENT_CAP_CLIPBOARD,
	VD_AGENT_CAP_DISPLAY_CONFIG,
	VD_AGENT_CAP_CLIPBOARD_BY_DEMAND,
	VD_AGENT_CAP_CLIPBOARD_SELECTION,
	VD_AGENT_CAP_SPARSE_MONITORS_CONFIG,
	VD_AGENT_CAP_GUEST_LINEEND_LF,
	VD_AGENT_CAP_GUEST_LINEEND_CRLF,
	VD_AGENT_CAP_MAX_CLIPBOARD,
	VD_AGENT_CAP_AUDIO_VOLUME_SYNC,
	VD_AGENT_CAP_MONITORS_CONFIG_POSITION,
	VD_AGENT_CAP_FILE_XFER_DISABLED,
	VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS,
	VD_AGENT_CAP_GRAPHICS_DEVICE_INFO,
	VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB,
	VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL,
	VD_AGENT_END_CAP,
};

#define VD_AGENT_CAPS_SIZE ((VD_AGENT_END_CAP + 31) / 32)  /* words */
#define VD_AGENT_CAPS_BYTES (VD_AGENT_CAPS_SIZE * 4)
#define VD_AGENT_CAPS_SIZE_FROM_MSG_SIZE(size) (((size) - sizeof(VDAgentAnnounceCapabilities)) / 4)
#define VD_AGENT_HAS_CAPABILITY(caps, words, bit) \
	((bit) < (words) * 32 && ((caps)[(bit) / 32] >> ((bit) % 32) & 1))
#define VD_AGENT_SET_CAPABILITY(caps, bit) do { (caps)[(bit) / 32] |= 1u << ((bit) % 32); } while (0)
#define VD_AGENT_CLEAR_CAPABILITY(caps, bit) do { (caps)[(bit) / 32] &= ~(1u << ((bit) % 32)); } while (0)

/* Buttons of VDAgentMouseState. */
#define VD_AGENT_LBUTTON_MASK (1 << 1)
#define VD_AGENT_MBUTTON_MASK (1 << 2)
#define VD_AGENT_RBUTTON_MASK (1 << 3)
#define VD_AGENT_UBUTTON_MASK (1 << 4)
#define VD_AGENT_DBUTTON_MASK (1 << 5)
#define VD_AGENT_SBUTTON_MASK (1 << 6)
#define VD_AGENT_EBUTTON_MASK (1 << 7)

enum {
	VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS = 1 << 0,
	VD_AGENT_CONFIG_MONITORS_FLAG_PHYSICAL_SIZE = 1 << 1,  /* a VDAgentMonitorMM each follows */
};

enum {
	VD_AGENT_SUCCESS = 1,
	VD_AGENT_ERROR,
};

enum {
	VD_AGENT_DISPLAY_CONFIG_FLAG_DISABLE_WALLPAPER = 1 << 0,
	VD_AGENT_DISPLAY_CONFIG_FLAG_DISABLE_FONT_SMOOTH = 1 << 1,
	VD_AGENT_DISPLAY_CONFIG_FLAG_DISABLE_ANIMATION = 1 << 2,
	VD_AGENT_DISPLAY_CONFIG_FLAG_SET_COLOR_DEPTH = 1 << 3,
};

enum {
	VD_AGENT_CLIPBOARD_NONE,
	VD_AGENT_CLIPBOARD_UTF8_TEXT,
	VD_AGENT_CLIPBOARD_IMAGE_PNG,
	VD_AGENT_CLIPBOARD_IMAGE_BMP,
	VD_AGENT_CLIPBOARD_IMAGE_TIFF,
	VD_AGENT_CLIPBOARD_IMAGE_JPG,
	VD_AGENT_CLIPBOARD_FILE_LIST,
};

enum {
	VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
	VD_AGENT_CLIPBOARD_SELECTION_PRIMARY,
	VD_AGENT_CLIPBOARD_SELECTION_SECONDARY,
};

enum {
	VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA,
	VD_AGENT_FILE_XFER_STATUS_CANCELLED,
	VD_AGENT_FILE_XFER_STATUS_ERROR,
	VD_AGENT_FILE_XFER_STATUS_SUCCESS,
	VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE,
	VD_AGENT_FILE_XFER_STATUS_SESSION_LOCKED,
	VD_AGENT_FILE_XFER_STATUS_VDAGENT_NOT_CONNECTED,
	VD_AGENT_FILE_XFER_STATUS_DISABLED,
};
enum { VD_AGENT_FILE_XFER_STATUS_ERROR_GLIB_IO };  /* error_type of VDAgentFileXferStatusError */

#pragma pack(push, 1)

typedef struct VDIChunkHeader {
	uint32_t port;                  /* VDP_..._PORT */
	uint32_t size;
} VDIChunkHeader;

typedef struct VDAgentMessage {
	uint32_t protocol;
	uint32_t type;
	uint64_t opaque;
	uint32_t size;
	uint8_t data[0];
} VDAgentMessage;

typedef struct VDAgentMouseState {
	uint32_t x, y;
	uint32_t buttons;
	uint8_t display_id;
} VDAgentMouseState;

typedef struct VDAgentMonConfig {
	uint32_t height, width;
	uint32_t depth;
	int32_t x, y;
} VDAgentMonConfig;

typedef struct VDAgentMonitorMM {
	uint16_t height, width;
} VDAgentMonitorMM;

typedef struct VDAgentMonitorsConfig {
	uint32_t num_of_monitors;
	uint32_t flags;
	VDAgentMonConfig monitors[0];
} VDAgentMonitorsConfig;

typedef struct VDAgentReply {
	uint32_t type;                  /* of the message that it answers */
	uint32_t error;
} VDAgentReply;

typedef struct VDAgentDisplayConfig {
	uint32_t flags;
	uint32_t depth;
} VDAgentDisplayConfig;

typedef struct VDAgentAnnounceCapabilities {
	uint32_t request;               /* not 0: announce yours too */
	uint32_t caps[0];
} VDAgentAnnounceCapabilities;

/* A selection byte and three of padding, and in a grab then a serial, stand before these where
 * the capabilities say so. */
typedef struct VDAgentClipboard {
	uint32_t type;
	uint8_t data[0];
} VDAgentClipboard;
typedef struct VDAgentClipboardGrab {
	uint32_t types[0];
} VDAgentClipboardGrab;
typedef struct VDAgentClipboardRequest {
	uint32_t type;
} VDAgentClipboardRequest;
typedef struct VDAgentClipboardRelease {
	uint8_t dummy_empty_field[0];
} VDAgentClipboardRelease;
typedef struct VDAgentMaxClipboard {
	int32_t max;                    /* bytes; -1: any */
} VDAgentMaxClipboard;

typedef struct VDAgentFileXferStartMessage {
	uint32_t id;
	uint8_t data[0];                /* a key file: name and size */
} VDAgentFileXferStartMessage;
typedef struct VDAgentFileXferStatusMessage {
	uint32_t id;
	uint32_t result;
	uint8_t data[0];                /* one of the two below, if the capability is there */
} VDAgentFileXferStatusMessage;
typedef struct VDAgentFileXferStatusNotEnoughSpace {
	uint64_t disk_free_space;
} VDAgentFileXferStatusNotEnoughSpace;
typedef struct VDAgentFileXferStatusError {
	uint8_t error_type;
	uint32_t error_code;
} VDAgentFileXferStatusError;
typedef struct VDAgentFileXferDataMessage {
	uint32_t id;
	uint64_t size;
	uint8_t data[0];
} VDAgentFileXferDataMessage;

typedef struct VDAgentAudioVolumeSync {
	uint8_t is_playback;
	uint8_t mute;
	uint8_t nchannels;
	uint16_t volume[0];
} VDAgentAudioVolumeSync;

typedef struct VDAgentDeviceDisplayInfo {
	uint32_t channel_id;
	uint32_t monitor_id;
	uint32_t device_display_id;
	uint32_t device_address_len;    /* with its NUL */
	uint8_t device_address[0];
} VDAgentDeviceDisplayInfo;
typedef struct VDAgentGraphicsDeviceInfo {
	uint32_t count;
	VDAgentDeviceDisplayInfo display_info[0];  /* each as long as its address makes it */
} VDAgentGraphicsDeviceInfo;

#pragma pack(pop)

#endif
