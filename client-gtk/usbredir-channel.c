/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbredir-channel.c - how usbredir's bytes are cut into messages, when they are compressed, and who waits for whom. */
#include "client-gtk/usbredir-channel.h"

#include <stdlib.h>
#include "common/codec/lz4.h"
#include "common/net/channel.h"
#include "common/protocol/caps.h"
#include "common/protocol/enums.h"
#include "common/util/log.h"
#include "usbredir/host.h"

enum {
	BODY_MOST = 16 << 20,        /* the largest known sender makes 64 KiB */
	UNPACKED_MOST = 16 << 20,
	PIECE_MOST = 64 << 10,       /* of a message that we send */
	COMPRESS_ABOVE = 1000,       /* bytes: less is not worth the peer's time */
	QUEUE_MOST = 256 << 10,      /* beyond it bytes wait in the host, who knows what may be dropped */
	UNSENT_MOST = 8 << 20,       /* a peer that asks for more than it reads is not read */
	PIECES = 16,
};

struct clove_usbredir_channel {
	struct clove_channel channel;    /* first, so that a channel is a usbredir channel */
	const struct clove_usbredir_channel_events *events;
	void *opaque;
	struct clove_usb_host *host;
	uint8_t *piece, *packed;         /* PIECE_MOST each */
	struct clove_buf unpacked;
	const char *broken;              /* how the peer broke a rule */
	bool is_waiting;                 /* not read: it does not take what it asked for */
	bool is_sending;
};

/* An isochronous device's bytes are late before they are small. */
static bool is_hasty(const struct clove_usb_device *device)
{
	for (int i = 0; device && i < CLOVE_USB_ENDPOINTS; i++)
		if (device->shape.endpoints[i].type == CLOVE_USB_ISO)
			return true;
	return false;
}

static bool compresses(const struct clove_usbredir_channel *usbredir)
{
	return clove_caps_has(&usbredir->channel.peer_caps, CLOVE_VMC_CAP_DATA_COMPRESS_LZ4) &&
			!usbredir->channel.stream->is_unix &&
			!is_hasty(clove_usb_host_device(usbredir->host));
}

/* Compressed if that makes it smaller, all counted. */
static void send_piece(struct clove_usbredir_channel *usbredir, size_t len)
{
	uint8_t *packed = usbredir->packed;
	const size_t header = sizeof(uint8_t) + sizeof(uint32_t);
	size_t put;

	if (len <= COMPRESS_ABOVE || !compresses(usbredir) || clove_lz4_pack(packed + header, len - header - 1,
			CLOVE_BYTES(usbredir->piece, len), &put)) {
		clove_channel_send_raw(&usbredir->channel, CLOVE_VMC_DATA, CLOVE_BYTES(usbredir->piece, len));
		return;
	}
	packed[0] = CLOVE_VMC_COMPRESSION_LZ4;
	clove_put_le32(packed + 1, (uint32_t)len);
	clove_channel_send_raw(&usbredir->channel, CLOVE_VMC_COMPRESSED_DATA, CLOVE_BYTES(packed, header + put));
}

/* The front of what the host has to say, gathered. */
static size_t next_piece(struct clove_usbredir_channel *usbredir)
{
	struct iovec parts[PIECES];
	int n = clove_usb_host_output(usbredir->host, parts, PIECES);
	size_t len = 0;

	for (int i = 0; i < n && len < PIECE_MOST; i++) {
		size_t take = parts[i].iov_len < PIECE_MOST - len ? parts[i].iov_len : PIECE_MOST - len;

		memcpy(usbredir->piece + len, parts[i].iov_base, take);
		len += take;
	}
	return len;
}

static void pump(struct clove_usbredir_channel *usbredir)
{
	size_t len;

	if (usbredir->is_sending || usbredir->channel.is_closed)
		return;
	usbredir->is_sending = true;
	do { /* `writable` follows only what the kernel did not take at once */
		clove_channel_cork(&usbredir->channel);
		while (clove_channel_queued(&usbredir->channel) < QUEUE_MOST && (len = next_piece(usbredir))) {
			send_piece(usbredir, len);
			clove_usb_host_sent(usbredir->host, len);
		}
		clove_channel_uncork(&usbredir->channel);
	} while (!clove_channel_queued(&usbredir->channel) && clove_usb_host_unsent(usbredir->host));
	usbredir->is_sending = false;
	if (usbredir->is_waiting && clove_usb_host_unsent(usbredir->host) < UNSENT_MOST) {
		usbredir->is_waiting = false;
		clove_channel_resume(&usbredir->channel);
	}
}

/* -- the host's events -- */

static void host_output(void *owner)
{
	pump(owner);
}

static void host_device_left(void *owner, const char *why)
{
	struct clove_usbredir_channel *usbredir = owner;

	usbredir->events->device_left(usbredir->opaque, why ? why : "");
}

static void host_filter(void *owner, const char *rules)
{
	struct clove_usbredir_channel *usbredir = owner;

	usbredir->events->filter(usbredir->opaque, rules);
}

static const struct clove_usb_host_events host_events = {
	.output = host_output,
	.device_left = host_device_left,
	.filter = host_filter,
};

/* -- the peer's messages -- */

/* A stream that lost bytes is of no more use. */
static enum clove_err give_up(struct clove_usbredir_channel *usbredir, enum clove_err err, const char *why)
{
	clove_log(WARN, "usbredir", "channel %u: %s", usbredir->channel.id, why);
	usbredir->broken = why;
	clove_channel_close(&usbredir->channel, err);
	return CLOVE_OK;
}

static enum clove_err feed(struct clove_usbredir_channel *usbredir, struct clove_bytes bytes)
{
	enum clove_err err = clove_usb_host_feed(usbredir->host, bytes);

	if (err) {
		clove_log(WARN, "usbredir", "channel %u: %s", usbredir->channel.id,
				clove_usb_host_error(usbredir->host));
		return give_up(usbredir, err, "The virtual machine's side broke the rules of USB redirection.");
	}
	if (clove_usb_host_unsent(usbredir->host) >= UNSENT_MOST && !usbredir->is_waiting) {
		usbredir->is_waiting = true;
		clove_channel_pause(&usbredir->channel);
	}
	return CLOVE_OK;
}

static enum clove_err on_data(void *channel, const void *message)
{
	const struct clove_vmc_data *data = message;

	return feed(channel, data->data);
}

static enum clove_err on_compressed_data(void *channel, const void *message)
{
	struct clove_usbredir_channel *usbredir = channel;
	const struct clove_vmc_compressed_data *data = message;
	size_t size = data->uncompressed_size;
	uint8_t *room;

	if (data->type != CLOVE_VMC_COMPRESSION_LZ4 || size > UNPACKED_MOST ||
			size / CLOVE_LZ4_GROWTH > data->data.len)
		return give_up(usbredir, CLOVE_ERR_VALUE, "The server sent compressed data of an unknown kind.");
	clove_buf_clear(&usbredir->unpacked);
	room = clove_buf_reserve(&usbredir->unpacked, size);
	if (!room)
		return give_up(usbredir, CLOVE_ERR_NOMEM, "There is not enough memory.");
	if (clove_lz4_unpack(data->data, room, size))
		return give_up(usbredir, CLOVE_ERR_VALUE, "The server sent compressed data that are damaged.");
	return feed(usbredir, CLOVE_BYTES(room, size));
}

static const struct clove_handler handlers[] = {
	{ CLOVE_VMC_DATA,            on_data },
	{ CLOVE_VMC_COMPRESSED_DATA, on_compressed_data },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_MOST;
}

static void writable(void *channel)
{
	pump(channel);
}

static void closed(void *channel, enum clove_err err)
{
	struct clove_usbredir_channel *usbredir = channel;

	usbredir->events->closed(usbredir->opaque, err, usbredir->broken);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.writable = writable,
	.closed = closed,
};

/* -- birth and death -- */

struct clove_caps clove_usbredir_channel_caps(void)
{
	struct clove_caps caps = { { 0 } };

	clove_caps_set(&caps, CLOVE_VMC_CAP_DATA_COMPRESS_LZ4);
	return caps;
}

struct clove_usbredir_channel *clove_usbredir_channel_new(const struct clove_usbredir_channel_options *options,
		struct clove_opened *opened)
{
	struct clove_usbredir_channel *usbredir = calloc(1, sizeof *usbredir);
	struct clove_channel_options channel_options = {
		.take_stream = opened->stream,
		.loop = options->loop,
		.type = CLOVE_CHANNEL_USBREDIR,
		.id = options->id,
		.mini_header = opened->mini_header,
		.peer_common = opened->info.common_caps,
		.peer_caps = opened->info.channel_caps,
		.early = clove_buf_bytes(&opened->early),
	};

	if (!usbredir) {
		clove_stream_free(opened->stream);
	} else if (clove_channel_init(&usbredir->channel, &ops, &channel_options)) {
		free(usbredir);
		usbredir = NULL;
	}
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	if (!usbredir)
		return NULL;
	usbredir->events = options->events;
	usbredir->opaque = options->opaque;
	usbredir->piece = malloc(PIECE_MOST);
	usbredir->packed = malloc(PIECE_MOST);
	usbredir->host = clove_usb_host_new(options->loop, &host_events, usbredir);
	if (!usbredir->piece || !usbredir->packed || !usbredir->host) {
		clove_usbredir_channel_free(usbredir);
		return NULL;
	}
	clove_channel_start(&usbredir->channel);
	pump(usbredir); /* the hello */
	return usbredir;
}

void clove_usbredir_channel_free(struct clove_usbredir_channel *usbredir)
{
	if (!usbredir)
		return;
	usbredir->is_sending = true; /* nothing more */
	clove_usb_host_free(usbredir->host);
	clove_channel_fini(&usbredir->channel);
	clove_buf_fini(&usbredir->unpacked);
	free(usbredir->piece);
	free(usbredir->packed);
	free(usbredir);
}

/* -- use -- */

uint8_t clove_usbredir_channel_id(const struct clove_usbredir_channel *usbredir)
{
	return usbredir->channel.id;
}

enum clove_err clove_usbredir_channel_plug(struct clove_usbredir_channel *usbredir,
		struct clove_usb_device *take_device)
{
	enum clove_err err = clove_usb_host_plug(usbredir->host, take_device);

	pump(usbredir);
	return err;
}

void clove_usbredir_channel_unplug(struct clove_usbredir_channel *usbredir)
{
	clove_usb_host_unplug(usbredir->host);
	pump(usbredir);
}

void clove_usbredir_channel_count(const struct clove_usbredir_channel *usbredir, uint64_t *in,
		uint64_t *out)
{
	if (in)
		*in = usbredir ? usbredir->channel.bytes_in : 0;
	if (out)
		*out = usbredir ? usbredir->channel.bytes_out : 0;
}
