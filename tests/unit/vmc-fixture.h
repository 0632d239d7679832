/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmc-fixture.h - a server with byte streams, and viewers that link them: every byte is numbered. */
#ifndef CLOVE_TESTS_VMC_FIXTURE_H
#define CLOVE_TESTS_VMC_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/player.h"
#include "common/codec/lz4.h"
#include "common/net/tcp.h"
#include "common/protocol/enums.h"
#include "server/char-device.h"
#include "server/server.h"
#include "server/vmc-channel.h"
#include "tests/unit/vmm-fixture.h"

static SpiceServer *server;
static struct player_where where;
static char dir[] = "/tmp/clove-test-vmc-XXXXXX";

/* The n-th byte of a conversation: noise, or text that packs well. */
static bool is_text;
static inline uint8_t nth(size_t i)
{
	uint32_t x = (uint32_t)i;

	x = (x ^ x >> 16) * 0x7feb352d;
	x = (x ^ x >> 15) * 0x846ca68b;
	return is_text ? (uint8_t)"a keyboard's reports"[i % 20] : (uint8_t)(x >> 20);
}

static inline void number(uint8_t *bytes, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = nth(from + i);
}

/* -- the viewer's end of one channel; the player's own pointer leads to it -- */

static struct viewer {
	struct player *player;
	struct player_channel *usb;
	size_t got, said;
	bool is_wrong;
	unsigned int plain, packed, packed_small, lists;
	uint32_t told[64];                /* usbredir channels, by id: how often */
} viewers[2];

static struct viewer *viewer_of(void *channel)
{
	return &viewers[((struct player_channel *)channel)->player == viewers[1].player];
}

static void viewer_got(struct viewer *viewer, struct clove_bytes data)
{
	for (size_t i = 0; i < data.len; i++)
		viewer->is_wrong |= data.data[i] != nth(viewer->got + i);
	viewer->got += data.len;
}

static enum clove_err viewer_data(void *channel, const void *message)
{
	viewer_of(channel)->plain++;
	viewer_got(viewer_of(channel), ((const struct clove_vmc_data *)message)->data);
	return CLOVE_OK;
}

static enum clove_err viewer_packed(void *channel, const void *message)
{
	const struct clove_vmc_compressed_data *packed = message;
	struct viewer *viewer = viewer_of(channel);
	uint8_t *bytes = malloc(packed->uncompressed_size);

	viewer->packed++;
	viewer->packed_small += packed->uncompressed_size <= 1000;
	ck_assert_uint_eq(packed->type, CLOVE_VMC_COMPRESSION_LZ4);
	ck_assert_uint_lt(packed->data.len + 5, packed->uncompressed_size);
	ck_assert_int_eq(clove_lz4_unpack(packed->data, bytes, packed->uncompressed_size), CLOVE_OK);
	viewer_got(viewer, CLOVE_BYTES(bytes, packed->uncompressed_size));
	free(bytes);
	return CLOVE_OK;
}

static enum clove_err viewer_init(void *opaque, const void *message)
{
	struct player_channel *channel = opaque;

	channel->player->session_id = ((const struct clove_main_init *)message)->session_id;
	clove_channel_send(&channel->channel, CLOVE_MAIN_ATTACH_CHANNELS, NULL);
	return CLOVE_OK;
}

static enum clove_err viewer_list(void *opaque, const void *message)
{
	struct viewer *viewer = viewer_of(opaque);
	const struct clove_main_channels_list *list = message;

	viewer->lists++;
	for (uint32_t i = 0; i < list->count; i++)
		if (list->channels[i].type == CLOVE_CHANNEL_USBREDIR && list->channels[i].id < 64)
			viewer->told[list->channels[i].id]++;
	return CLOVE_OK;
}

static void viewer_closed(void *opaque, enum clove_err err)
{
	struct player_channel *channel = opaque;

	(void)err;
	channel->is_over = true;
	channel->is_open = false;
	if (channel->player->main == channel)
		channel->player->main = NULL;
	clove_channel_fini(&channel->channel);
	channel->channel.loop = NULL;
}

/* The server's network has a viewer's channel a moment before its char device does. */
static bool is_served(uint8_t id)
{
	CLOVE_LIST_FOR_EACH(link, &server->vmc_offers) {
		struct clove_vmc_offer *offer = CLOVE_CONTAINER(link, struct clove_vmc_offer, link);

		if (offer->id == id)
			return clove_char_device_has_user(offer->device);
	}
	return false;
}

static void viewer_link(struct viewer *viewer, uint8_t id)
{
	viewer->usb = player_link(viewer->player, CLOVE_CHANNEL_USBREDIR, id);
	viewer->got = viewer->said = 0;
	viewer->plain = viewer->packed = 0;
	NET_TURN_UNTIL(vmm.loop, (viewer->usb->is_open && is_served(id)) || viewer->usb->is_over);
}

static void viewer_come(struct viewer *viewer)
{
	static const struct clove_handler main_handlers[] = {
		{ CLOVE_MAIN_INIT, viewer_init }, { CLOVE_MAIN_CHANNELS_LIST, viewer_list }, { 0, NULL },
	};
	static const struct clove_handler usb_handlers[] = {
		{ CLOVE_VMC_DATA, viewer_data }, { CLOVE_VMC_COMPRESSED_DATA, viewer_packed }, { 0, NULL },
	};
	static const struct clove_channel_ops main_ops = { .handlers = main_handlers, .closed = viewer_closed };
	static const struct clove_channel_ops usb_ops = { .handlers = usb_handlers, .closed = viewer_closed };

	*viewer = (struct viewer){ .player = player_new(vmm.loop, &where, 0) };
	viewer->player->ops[CLOVE_CHANNEL_MAIN] = &main_ops;
	viewer->player->ops[CLOVE_CHANNEL_USBREDIR] = &usb_ops;
	NET_TURN_UNTIL(vmm.loop, viewer->lists > 0);
}

static void viewer_leave(struct viewer *viewer)
{
	player_free(viewer->player);
	viewer->player = NULL;
	viewer->usb = NULL;
}

/* One message of numbered bytes. */
static void viewer_say(struct viewer *viewer, size_t n)
{
	uint8_t *bytes = malloc(n + 1);

	number(bytes, viewer->said, n);
	clove_channel_send_raw(&viewer->usb->channel, CLOVE_VMC_DATA, CLOVE_BYTES(bytes, n));
	viewer->said += n;
	free(bytes);
}

static inline void viewer_say_packed(struct viewer *viewer, size_t n)
{
	uint8_t *bytes = malloc(n), *packed = malloc(n + n / 255 + 16);
	size_t size;

	number(bytes, viewer->said, n);
	ck_assert_int_eq(clove_lz4_pack(packed, n + n / 255 + 16, CLOVE_BYTES(bytes, n), &size), CLOVE_OK);
	clove_channel_send(&viewer->usb->channel, CLOVE_VMC_COMPRESSED_DATA, &(struct clove_vmc_compressed_data){
			.type = CLOVE_VMC_COMPRESSION_LZ4, .uncompressed_size = (uint32_t)n,
			.data = CLOVE_BYTES(packed, size) });
	viewer->said += n;
	free(bytes);
	free(packed);
}

/* Turns the loop until nothing moves any more for a moment. */
#define REST(moves) \
	do { \
		uint64_t before_, after_ = (moves); \
		do { \
			before_ = after_; \
			for (int i_ = 0; i_ < 5; i_++) \
				clove_poll_loop_step(vmm.loop, 10); \
			after_ = (moves); \
		} while (after_ != before_); \
	} while (0)

/* -- the server -- */

static void vmc_start(bool is_tcp)
{
	char path[80];

	vmm.loop = clove_poll_loop_new();
	where = (struct player_where){ .host = "127.0.0.1" };
	server = spice_server_new();
	if (is_tcp) {
		char *error = NULL;
		int fd = clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);

		ck_assert_msg(fd >= 0, "%s", error);
		where.port = clove_socket_port(fd);
		spice_server_set_listen_socket_fd(server, fd);
	} else {
		snprintf(path, sizeof path, "%s/spice", dir);
		where.unix_path = strdup(path);
		spice_server_set_addr(server, path, SPICE_ADDR_FLAG_UNIX_ONLY);
	}
	spice_server_set_noauth(server);
	ck_assert_int_eq(spice_server_init(server, &vmm_core), 0);
}

static void vmc_end(void)
{
	viewer_leave(&viewers[0]);
	viewer_leave(&viewers[1]);
	spice_server_destroy(server);
	server = NULL;
	clove_poll_loop_free(vmm.loop);
	free((char *)(uintptr_t)where.unix_path);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED], vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED]);
	memset(&vmm, 0, sizeof vmm);
	is_text = false;
}

#endif
