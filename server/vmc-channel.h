/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmc-channel.h - char devices as channels: which are offered, and the one client that has linked each. */
#ifndef CLOVE_SERVER_VMC_CHANNEL_H
#define CLOVE_SERVER_VMC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "common/util/list.h"
#include "server/client.h"

struct SpiceServer;
struct clove_char_device;
struct clove_vmc;

/* A char device that clients may link as a channel of its own. */
struct clove_vmc_offer {
	struct clove_list link;           /* of the server's vmc_offers; initialised by whoever embeds it */
	uint8_t type, id;
	struct clove_char_device *device;
};

/* Clients are told of a new channel; its id is the lowest that its type has free. False with the reason
 * logged, if there are too many. */
bool clove_vmc_offer(struct SpiceServer *server, struct clove_vmc_offer *offer, uint8_t type,
		struct clove_char_device *device);
/* Harmless for one that is not offered. Whoever has linked it is closed by the end of the device. */
void clove_vmc_withdraw(struct SpiceServer *server, struct clove_vmc_offer *offer);

/* Links one of the offered; false if there is no such channel, or somebody has it. */
bool clove_vmc_link(struct clove_client *client, struct clove_connection *take_conn);

/* At the client's end: closes all of its channels, with their events. */
void clove_vmc_drop_all(struct clove_client *client);

#endif
