/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-server.h - a server: its options, its interfaces, its life.
 *
 * Call all of these from one thread, the VMM's main one. Results are 0 or -1 unless something else
 * is said; strings are copied.
 */
#ifndef CLOVE_SPICE_SERVER_H
#define CLOVE_SPICE_SERVER_H

#include "spice-core.h"
#include "spice/enums.h"

SPICE_BEGIN_DECLS

SpiceServer *spice_server_new(void);
/* Opens the sockets that the options ask for; `core` must live as long as the server. */
int spice_server_init(SpiceServer *server, SpiceCoreInterface *core);
void spice_server_destroy(SpiceServer *server);

int spice_server_add_interface(SpiceServer *server, SpiceBaseInstance *instance);
/* -1 for those that stay: keyboard, mouse, migration. */
int spice_server_remove_interface(SpiceBaseInstance *instance);

/* Displays and devices follow the VM; vm_stop() returns when guest memory is complete. */
void spice_server_vm_start(SpiceServer *server);
void spice_server_vm_stop(SpiceServer *server);

/* -- where to listen; before init -- */

#define SPICE_ADDR_FLAG_IPV4_ONLY (1 << 0)
#define SPICE_ADDR_FLAG_IPV6_ONLY (1 << 1)
#define SPICE_ADDR_FLAG_UNIX_ONLY (1 << 2)  /* `address` is a path */

int spice_server_set_port(SpiceServer *server, int port);
void spice_server_set_addr(SpiceServer *server, const char *address, int flags);
int spice_server_set_listen_socket_fd(SpiceServer *server, int fd);
/* The last three may be NULL. */
int spice_server_set_tls(SpiceServer *server, int port, const char *ca_file, const char *cert_file,
		const char *key_file, const char *key_password, const char *dh_file, const char *ciphers);
/* A connected socket becomes the server's, unless the answer is -1. */
int spice_server_add_client(SpiceServer *server, int socket, int skip_auth);
int spice_server_add_ssl_client(SpiceServer *server, int socket, int skip_auth);

/* -- who may come in -- */

#define SPICE_CHANNEL_SECURITY_NONE (1 << 0)
#define SPICE_CHANNEL_SECURITY_SSL (1 << 1)

int spice_server_set_noauth(SpiceServer *server);
/* Lifetime in seconds, 0: for ever; a NULL password lets no one in. */
int spice_server_set_ticket(SpiceServer *server, const char *password, int lifetime,
		int fail_if_connected, int disconnect_if_connected);
int spice_server_set_sasl(SpiceServer *server, int enabled);
int spice_server_set_sasl_appname(SpiceServer *server, const char *appname);
/* `channel` NULL: all that are not named. */
int spice_server_set_channel_security(SpiceServer *server, const char *channel, int security);

/* -- what clients get -- */

typedef enum {
	SPICE_WAN_COMPRESSION_INVALID,
	SPICE_WAN_COMPRESSION_AUTO,
	SPICE_WAN_COMPRESSION_ALWAYS,
	SPICE_WAN_COMPRESSION_NEVER,
} spice_wan_compression_t;

enum {
	SPICE_STREAM_VIDEO_INVALID,
	SPICE_STREAM_VIDEO_OFF,
	SPICE_STREAM_VIDEO_ALL,
	SPICE_STREAM_VIDEO_FILTER,
};

enum {
	SPICE_STREAMING_INVALID,
	SPICE_STREAMING_SPICE,
	SPICE_STREAMING_GSTREAMER,
};

/* Older names of SpiceImageCompression. */
typedef SpiceImageCompression spice_image_compression_t;
#define SPICE_IMAGE_COMPRESS_INVALID SPICE_IMAGE_COMPRESSION_INVALID
#define SPICE_IMAGE_COMPRESS_OFF SPICE_IMAGE_COMPRESSION_OFF
#define SPICE_IMAGE_COMPRESS_AUTO_GLZ SPICE_IMAGE_COMPRESSION_AUTO_GLZ
#define SPICE_IMAGE_COMPRESS_AUTO_LZ SPICE_IMAGE_COMPRESSION_AUTO_LZ
#define SPICE_IMAGE_COMPRESS_QUIC SPICE_IMAGE_COMPRESSION_QUIC
#define SPICE_IMAGE_COMPRESS_GLZ SPICE_IMAGE_COMPRESSION_GLZ
#define SPICE_IMAGE_COMPRESS_LZ SPICE_IMAGE_COMPRESSION_LZ
#define SPICE_IMAGE_COMPRESS_LZ4 SPICE_IMAGE_COMPRESSION_LZ4

int spice_server_set_image_compression(SpiceServer *server, SpiceImageCompression compression);
SpiceImageCompression spice_server_get_image_compression(SpiceServer *server);
int spice_server_set_jpeg_compression(SpiceServer *server, spice_wan_compression_t compression);
int spice_server_set_zlib_glz_compression(SpiceServer *server, spice_wan_compression_t compression);
int spice_server_set_streaming_video(SpiceServer *server, int value);
/* "encoder:codec;..." or "auto"; what get answers is given back with free. */
int spice_server_set_video_codecs(SpiceServer *server, const char *codecs);
const char *spice_server_get_video_codecs(SpiceServer *server);
void spice_server_free_video_codecs(SpiceServer *server, const char *codecs);
int spice_server_set_playback_compression(SpiceServer *server, int enabled);
int spice_server_set_agent_mouse(SpiceServer *server, int enabled);
int spice_server_set_agent_copypaste(SpiceServer *server, int enabled);
int spice_server_set_agent_file_xfer(SpiceServer *server, int enabled);
void spice_server_set_name(SpiceServer *server, const char *name);
void spice_server_set_uuid(SpiceServer *server, const uint8_t uuid[16]);

/* -- clients -- */

int spice_server_get_num_clients(SpiceServer *server);
int spice_server_is_server_mouse(SpiceServer *server);  /* 1: relative motion only */
int spice_server_set_exit_on_disconnect(SpiceServer *server, int enabled);

/* -- kept for old VMMs -- */

typedef enum {
	SPICE_COMPAT_VERSION_0_4,
	SPICE_COMPAT_VERSION_0_6,
} spice_compat_version_t;
#define SPICE_COMPAT_VERSION_CURRENT SPICE_COMPAT_VERSION_0_6

spice_compat_version_t spice_get_current_compat_version(void);
int spice_server_set_compat_version(SpiceServer *server, spice_compat_version_t version);
int spice_server_add_renderer(SpiceServer *server, const char *name);  /* "sw" */
/* Always -1: SpiceChannelEventInfo has the addresses. */
int spice_server_get_sock_info(SpiceServer *server, struct sockaddr *address, socklen_t *length);
int spice_server_get_peer_info(SpiceServer *server, struct sockaddr *address, socklen_t *length);

SPICE_END_DECLS

#endif
