/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.h - one accepted connection on its way from the network thread to its home. */
#ifndef CLOVE_SERVER_CONNECTION_H
#define CLOVE_SERVER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "common/net/channel.h"
#include "common/net/link.h"
#include "common/net/stream.h"
#include "common/util/buf.h"
#include "common/util/mailbox.h"

struct SpiceChannelEventInfo;
struct clove_glz_encoder;
struct clove_image_budget;

struct clove_connection {
	struct clove_stream *stream;           /* owned; taken by the channel (then NULL) */
	struct clove_link_info info;           /* what the client asked for, its capabilities */
	bool mini_header, is_tls;
	struct clove_buf early;                /* bytes that came behind the handshake */
	struct sockaddr_storage local, peer;   /* for QEMU's list of clients */
	socklen_t local_len, peer_len;
	struct SpiceChannelEventInfo *event;   /* main thread only; QEMU compares its address */
	struct clove_connection *next;
	struct clove_glz_encoder *glz;         /* a display's: its client's, a reference */
	struct clove_image_budget *images;     /* the same */
};

/* What a channel of ours takes over of it; conn->stream is to be set to NULL then. */
static inline struct clove_channel_options clove_connection_options(const struct clove_connection *conn,
		struct clove_loop *loop)
{
	return (struct clove_channel_options){
		.take_stream = conn->stream,
		.loop = loop,
		.type = conn->info.channel_type,
		.id = conn->info.channel_id,
		.is_server = true,
		.mini_header = conn->mini_header,
		.peer_common = conn->info.common_caps,
		.peer_caps = conn->info.channel_caps,
		.early = clove_buf_bytes(&conn->early),
	};
}

/* Frees the stream and the early bytes, not the event (the main thread delivers and frees it). */
void clove_connection_free(struct clove_connection *conn);

#endif
