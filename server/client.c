/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c - which channels a client has, and in what order it leaves. */
#include "server/client.h"
#include "server/image-budget.h"

#include <stdlib.h>
#include <sys/random.h>
#include "common/codec/glz.h"
#include "common/util/log.h"
#include "server/inputs-channel.h"
#include "server/main-channel.h"
#include "server/server.h"
#include "server/vmc-channel.h"

struct clove_client *clove_client_find(struct SpiceServer *server, uint32_t id)
{
	CLOVE_FOR_EACH_CLIENT(server, client)
		if (client->id == id)
			return client;
	return NULL;
}

/* Another viewer must not guess it, and 0 means a new session. */
static uint32_t new_id(struct SpiceServer *server)
{
	uint32_t id = 0;

	while (id == 0 || clove_client_find(server, id))
		if (getrandom(&id, sizeof id, 0) != sizeof id)
			id = (uint32_t)clove_now_ns();
	return id;
}

/* Links with the ids of these clients are let in. */
static void tell_policy(struct SpiceServer *server)
{
	struct clove_link_policy *policy = &server->policy;

	policy->n_clients = 0;
	CLOVE_FOR_EACH_CLIENT(server, client)
		if (!client->is_leaving && policy->n_clients < CLOVE_CLIENTS_MAX)
			policy->connection_ids[policy->n_clients++] = client->id;
	clove_server_policy_changed(server);
}

/* Its own event comes last of all its channels'. */
static void finish(struct clove_client *client)
{
	struct SpiceServer *server = client->server;
	struct clove_connection *conn = client->main_conn;

	clove_list_remove(&client->link);
	clove_glz_encoder_unref(client->glz);
	clove_image_budget_unref(client->images);
	free(client);
	clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
	clove_server_client_gone(server);
}

void clove_client_drop(struct clove_client *client)
{
	struct SpiceServer *server = client->server;

	if (client->is_leaving)
		return;
	client->is_leaving = true;
	server->n_clients--;
	tell_policy(server);
	if (client->inputs) {
		struct clove_connection *conn = clove_inputs_free(client->inputs);

		client->inputs = NULL;
		clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
	}
	clove_vmc_drop_all(client);
	client->main_conn = clove_main_free(client->main);
	client->main = NULL;
	if (!client->n_remote) {
		finish(client);
		return;
	}
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		clove_worker_disconnect(CLOVE_CONTAINER(link, struct clove_head, link)->worker, client->id);
}

void clove_client_new(struct SpiceServer *server, struct clove_connection *conn)
{
	struct clove_client *client = calloc(1, sizeof *client);

	if (!client) {
		clove_log(ERROR, "main", "out of memory: a client is turned away");
		clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
		return;
	}
	client->server = server;
	clove_list_init(&client->vmcs);
	client->id = new_id(server);
	client->glz = clove_glz_encoder_new(0);
	client->images = clove_image_budget_new();
	conn->info.connection_id = client->id;
	clove_server_event(server, SPICE_CHANNEL_EVENT_INITIALIZED, conn);
	clove_list_append(&server->clients, &client->link);
	server->n_clients++;
	/* Before INIT is on its way: the client may link its channels at once. */
	tell_policy(server);
	client->main = clove_main_new(client, conn);
	if (!client->main) {
		clove_log(ERROR, "main", "out of memory: a client is turned away");
		client->is_leaving = true;
		client->main_conn = conn;
		server->n_clients--;
		tell_policy(server);
		finish(client);
	}
}

static struct clove_worker *worker_of(struct SpiceServer *server, uint8_t id)
{
	CLOVE_LIST_FOR_EACH(link, &server->heads) {
		const struct clove_head *head = CLOVE_CONTAINER(link, struct clove_head, link);

		if (head->qxl->id == id)
			return head->worker;
	}
	return NULL;
}

/* A client has each display and each cursor once. */
static uint32_t *remote_word(struct clove_client *client, const struct clove_link_info *which)
{
	return &client->remote[which->channel_type == CLOVE_CHANNEL_CURSOR][which->channel_id / 32];
}

static uint32_t remote_bit(const struct clove_link_info *which)
{
	return UINT32_C(1) << which->channel_id % 32;
}

static void link_inputs(struct clove_client *client, struct clove_connection *conn)
{
	struct SpiceServer *server = client->server;

	if (!conn->is_tls && !conn->stream->is_unix)
		clove_main_warn(client->main, "keyboard channel is insecure");
	clove_server_event(server, SPICE_CHANNEL_EVENT_INITIALIZED, conn);
	client->inputs = clove_inputs_new(client, conn);
	if (!client->inputs)
		clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
}

void clove_client_link(struct clove_client *client, struct clove_connection *conn)
{
	struct SpiceServer *server = client->server;
	struct clove_worker *worker = NULL;

	switch (conn->info.channel_type) {
	case CLOVE_CHANNEL_INPUTS:
		if (!client->inputs) {
			link_inputs(client, conn);
			return;
		}
		break;
	case CLOVE_CHANNEL_DISPLAY:
	case CLOVE_CHANNEL_CURSOR:
		worker = worker_of(server, conn->info.channel_id);
		break;
	case CLOVE_CHANNEL_USBREDIR:
		if (clove_vmc_link(client, conn))
			return;
		break;
	}
	if (!worker || *remote_word(client, &conn->info) & remote_bit(&conn->info)) {
		clove_log_limited(WARN, "main", "%s: a second or unknown channel %s %u; closed",
				conn->stream->peer, clove_channel_type_name(conn->info.channel_type),
				conn->info.channel_id);
		clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
		return;
	}
	clove_server_event(server, SPICE_CHANNEL_EVENT_INITIALIZED, conn);
	client->n_remote++;
	if (conn->info.channel_type == CLOVE_CHANNEL_DISPLAY) {
		conn->glz = clove_glz_encoder_ref(client->glz);
		conn->images = clove_image_budget_ref(client->images);
	}
	*remote_word(client, &conn->info) |= remote_bit(&conn->info);
	clove_worker_connect(worker, conn);
}

void clove_client_returned(struct SpiceServer *server, struct clove_connection *conn)
{
	const struct clove_link_info which = conn->info;
	struct clove_client *client = clove_client_find(server, which.connection_id);

	clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
	if (!client)
		return;
	client->n_remote--;
	*remote_word(client, &which) &= ~remote_bit(&which);
	if (client->is_leaving && !client->n_remote)
		finish(client);
}
