/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmc-channel.c - a byte stream between a client and a char device, its bytes unread (spice-wire 15). */
#include "server/vmc-channel.h"

#include <stdlib.h>
#include "common/codec/lz4.h"
#include "common/util/log.h"
#include "server/char-device.h"
#include "server/server.h"

enum {
	BODY_LIMIT = 64 << 20,            /* one transfer of a device is at most one message */
	UNPACKED_MOST = 16 << 20,
	QUEUE_MOST = 1 << 20,             /* bytes for the client at which the guest is read no more */
	PACK_LEAST = 1000,                /* below it packing does not pay */
	KEEP = 1 << 20,
	IDS = 256,
};

struct clove_vmc {
	struct clove_channel channel;     /* first, so that a channel is a vmc */
	struct clove_list link;           /* of its client's vmcs */
	struct clove_client *client;
	struct clove_connection *conn;
	struct clove_char_device *device; /* NULL: it is gone */
	bool packs;
	struct clove_buf packed, unpacked;
};

/* -- from the guest -- */

static bool has_room(void *user)
{
	const struct clove_vmc *vmc = user;

	return clove_channel_queued(&vmc->channel) < QUEUE_MOST;
}

/* True if it went packed: it became smaller. */
static bool send_packed(struct clove_vmc *vmc, struct clove_bytes data)
{
	/* type and size come on top of it */
	size_t most = data.len - 1 - sizeof(uint32_t) - 1, size;
	uint8_t *room = clove_buf_reserve(&vmc->packed, most);

	if (!room || clove_lz4_pack(room, most, data, &size) != CLOVE_OK)
		return false;

	struct clove_vmc_compressed_data message = {
		.type = CLOVE_VMC_COMPRESSION_LZ4, .uncompressed_size = (uint32_t)data.len,
		.data = CLOVE_BYTES(room, size),
	};

	clove_channel_send(&vmc->channel, CLOVE_VMC_COMPRESSED_DATA, &message);
	return true;
}

static void on_guest_data(void *user, struct clove_bytes data)
{
	struct clove_vmc *vmc = user;

	if (!vmc->packs || data.len <= PACK_LEAST || !send_packed(vmc, data))
		clove_channel_send_raw(&vmc->channel, CLOVE_VMC_DATA, data);
}

static void on_guest_writable(void *user)
{
	clove_channel_resume(&((struct clove_vmc *)user)->channel);
}

static void on_guest_gone(void *user)
{
	struct clove_vmc *vmc = user;

	vmc->device = NULL;
	clove_channel_close(&vmc->channel, CLOVE_ERR_CLOSED);
}

static const struct clove_char_user user_ops = { has_room, on_guest_data, on_guest_writable, on_guest_gone };

/* -- from the client -- */

static enum clove_err give(struct clove_vmc *vmc, struct clove_bytes data)
{
	enum clove_err err = CLOVE_OK;

	if (vmc->device)
		err = clove_char_device_write(vmc->device, data);
	/* the guest's end may have gone meanwhile */
	if (vmc->device && clove_char_device_is_full(vmc->device))
		clove_channel_pause(&vmc->channel);
	return err;
}

static enum clove_err on_data(void *channel, const void *message)
{
	return give(channel, ((const struct clove_vmc_data *)message)->data);
}

/* A size that this many bytes cannot have is not even made room for. */
static enum clove_err on_compressed_data(void *channel, const void *message)
{
	struct clove_vmc *vmc = channel;
	const struct clove_vmc_compressed_data *packed = message;
	size_t size = packed->uncompressed_size;
	enum clove_err err;
	uint8_t *room;

	if (packed->type != CLOVE_VMC_COMPRESSION_LZ4)
		return CLOVE_ERR_UNSUPPORTED;
	if (size > UNPACKED_MOST)
		return CLOVE_ERR_LIMIT;
	if (!size || size / CLOVE_LZ4_GROWTH > packed->data.len)
		return CLOVE_ERR_VALUE;
	room = clove_buf_reserve(&vmc->unpacked, size);
	if (!room)
		return CLOVE_ERR_NOMEM;
	err = clove_lz4_unpack(packed->data, room, size);
	if (err == CLOVE_OK)
		err = give(vmc, CLOVE_BYTES(room, size));
	if (vmc->unpacked.cap > KEEP)
		clove_buf_fini(&vmc->unpacked);
	return err;
}

/* -- the channel -- */

static const struct clove_handler handlers[] = {
	{ CLOVE_VMC_DATA, on_data },
	{ CLOVE_VMC_COMPRESSED_DATA, on_compressed_data },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	return id == CLOVE_VMC_COMPRESSED_DATA ? UNPACKED_MOST : BODY_LIMIT;
}

static void on_writable(void *channel)
{
	struct clove_vmc *vmc = channel;

	if (vmc->device)
		clove_char_device_pull(vmc->device);
}

/* Gives the connection back, without its stream. */
static struct clove_connection *free_vmc(struct clove_vmc *vmc)
{
	struct clove_connection *conn = vmc->conn;

	clove_list_remove(&vmc->link);
	if (vmc->device)
		clove_char_device_close(vmc->device);
	clove_channel_fini(&vmc->channel);
	clove_buf_fini(&vmc->packed);
	clove_buf_fini(&vmc->unpacked);
	free(vmc);
	return conn;
}

static void end(struct clove_vmc *vmc)
{
	struct SpiceServer *server = vmc->client->server;

	clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, free_vmc(vmc));
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_vmc *vmc = channel;

	clove_log_limited(INFO, clove_channel_type_name(vmc->channel.type), "%s: channel %u closed: %s",
			vmc->channel.stream->peer, vmc->channel.id, clove_err_name(err));
	end(vmc);
}

void clove_vmc_drop_all(struct clove_client *client)
{
	while (!clove_list_is_empty(&client->vmcs))
		end(CLOVE_CONTAINER(client->vmcs.next, struct clove_vmc, link));
}

/* NULL without memory; then the connection is still the caller's. */
static struct clove_vmc *new_vmc(struct clove_client *client, struct clove_connection *conn)
{
	static const struct clove_channel_ops ops = {
		.handlers = handlers, .body_limit = body_limit, .writable = on_writable, .closed = on_closed,
	};
	struct clove_vmc *vmc = calloc(1, sizeof *vmc);
	struct clove_channel_options options = clove_connection_options(conn, client->server->loop);

	if (!vmc)
		return NULL;
	conn->stream = NULL;
	if (clove_channel_init(&vmc->channel, &ops, &options) != CLOVE_OK) {
		free(vmc);
		return NULL;
	}
	vmc->conn = conn;
	vmc->client = client;
	vmc->packs = !vmc->channel.stream->is_unix &&
			clove_caps_has(&vmc->channel.peer_caps, CLOVE_VMC_CAP_DATA_COMPRESS_LZ4);
	clove_list_append(&client->vmcs, &vmc->link);
	return vmc;
}

static struct clove_vmc_offer *find(struct SpiceServer *server, uint8_t type, uint8_t id)
{
	CLOVE_LIST_FOR_EACH(link, &server->vmc_offers) {
		struct clove_vmc_offer *offer = CLOVE_CONTAINER(link, struct clove_vmc_offer, link);

		if (offer->type == type && offer->id == id)
			return offer;
	}
	return NULL;
}

bool clove_vmc_link(struct clove_client *client, struct clove_connection *conn)
{
	struct SpiceServer *server = client->server;
	struct clove_vmc_offer *offer = find(server, conn->info.channel_type, conn->info.channel_id);
	struct clove_vmc *vmc;

	if (!offer || clove_char_device_has_user(offer->device))
		return false;
	clove_server_event(server, SPICE_CHANNEL_EVENT_INITIALIZED, conn);
	vmc = new_vmc(client, conn);
	if (!vmc) {
		clove_log(ERROR, "char", "out of memory: a channel is closed");
		clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
		return true;
	}
	clove_channel_start(&vmc->channel);
	vmc->device = offer->device;
	/* The guest speaks inside of it; and it may be gone before it returns. */
	clove_char_device_open(offer->device, &user_ops, vmc);
	return true;
}

/* -- what is offered -- */

bool clove_vmc_offer(struct SpiceServer *server, struct clove_vmc_offer *offer, uint8_t type,
		struct clove_char_device *device)
{
	unsigned int id = 0;

	while (id < IDS && find(server, type, (uint8_t)id))
		id++;
	if (id == IDS)
		return false;

	struct clove_offer link = { type, (uint8_t)id,
			{ { 1 << CLOVE_VMC_CAP_DATA_COMPRESS_LZ4 } } };

	/* Known before clients are told. */
	*offer = (struct clove_vmc_offer){ .type = type, .id = (uint8_t)id, .device = device };
	clove_list_append(&server->vmc_offers, &offer->link);
	if (clove_server_offer(server, &link) == 0)
		return true;
	clove_list_remove(&offer->link);
	return false;
}

void clove_vmc_withdraw(struct SpiceServer *server, struct clove_vmc_offer *offer)
{
	if (clove_list_is_empty(&offer->link))
		return;
	clove_list_remove(&offer->link);
	clove_server_withdraw(server, offer->type, offer->id);
}
