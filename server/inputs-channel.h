/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs-channel.h - one client's keyboard and pointer, at the VMM's input interfaces. */
#ifndef CLOVE_SERVER_INPUTS_CHANNEL_H
#define CLOVE_SERVER_INPUTS_CHANNEL_H

#include "server/client.h"

/* Sends INIT. NULL without memory; then the connection is still the caller's. */
struct clove_inputs *clove_inputs_new(struct clove_client *client, struct clove_connection *take_conn);
/* Lets its keys and buttons go in the guest; gives the connection back, without its stream. */
struct clove_connection *clove_inputs_free(struct clove_inputs *inputs);

/* The guest switched its lights. */
void clove_inputs_tell_leds(struct clove_inputs *inputs);

#endif
