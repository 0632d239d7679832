/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h - one viewer: its main channel, and the channels that came with its connection id. */
#ifndef CLOVE_SERVER_CLIENT_H
#define CLOVE_SERVER_CLIENT_H

#include "common/util/list.h"
#include "server/connection.h"

struct SpiceServer;
struct clove_main;
struct clove_inputs;

struct clove_client {
	struct clove_list link;
	struct SpiceServer *server;
	uint32_t id;                      /* the connection id of its channels */
	struct clove_glz_encoder *glz;    /* what its displays have sent; NULL: no memory for it */
	struct clove_image_budget *images; /* what they keep; NULL: the same */
	struct clove_main *main;
	struct clove_inputs *inputs;      /* NULL: none linked */
	struct clove_list vmcs;           /* vmc-channel.c's */
	unsigned int n_remote;            /* connections that workers have */
	uint32_t remote[2][256 / 32];     /* which: displays, cursors, by id */
	bool is_leaving;                  /* waits for the workers' */
	struct clove_connection *main_conn; /* of a client that leaves: its event comes last */
};

/* A new main channel: a client with an id of its own, which is offered to links before its INIT is
 * sent. Nothing is left of the connection if there is no memory. */
void clove_client_new(struct SpiceServer *server, struct clove_connection *take_conn);

/* Ends all its channels. The client is gone when the workers have given theirs back. */
void clove_client_drop(struct clove_client *client);

struct clove_client *clove_client_find(struct SpiceServer *server, uint32_t id);

/* A linked channel of a client that is there. */
void clove_client_link(struct clove_client *client, struct clove_connection *take_conn);

/* A worker's connection is over. */
void clove_client_returned(struct SpiceServer *server, struct clove_connection *take_conn);

#define CLOVE_FOR_EACH_CLIENT(server, client) \
	CLOVE_LIST_FOR_EACH(client##_link, &(server)->clients) \
		for (struct clove_client *client = CLOVE_CONTAINER(client##_link, \
				struct clove_client, link); client; client = NULL)

#endif
