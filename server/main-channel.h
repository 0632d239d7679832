/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main-channel.h - what the server says to one client about the session. */
#ifndef CLOVE_SERVER_MAIN_CHANNEL_H
#define CLOVE_SERVER_MAIN_CHANNEL_H

#include "server/client.h"
#include "server/network.h"

/* Sends INIT and what follows it. NULL without memory; then the connection is still the caller's. */
struct clove_main *clove_main_new(struct clove_client *client, struct clove_connection *take_conn);
/* Gives the connection back, without its stream. */
struct clove_connection *clove_main_free(struct clove_main *main_channel);

/* The multimedia time of this moment, as INIT does. */
void clove_main_tell_time(struct clove_main *main_channel);
void clove_main_tell_mouse_mode(struct clove_main *main_channel);
/* Nothing before the client has asked for the list. */
void clove_main_tell_channel(struct clove_main *main_channel, const struct clove_offer *offer);
/* NOTIFY: a warning for the person at the viewer. */
void clove_main_warn(struct clove_main *main_channel, const char *text);

#endif
