/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.c - a server's life, its clients' comings and goings, and whose the pointer is. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/net/openssl.h"
#include "common/util/log.h"
#include "server/client.h"
#include "server/core-loop.h"
#include "server/inputs-channel.h"
#include "server/main-channel.h"
#include "server/usb-bridge.h"

enum { IMAGE_COMPRESSION_AUTO_GLZ = 2, WAN_AUTO = 1, STREAM_FILTER = 3 };

/* -- events for the VMM -- */

static void fill_event(SpiceChannelEventInfo *info, const struct clove_connection *conn)
{
	info->flags = SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT | (conn->is_tls ? SPICE_CHANNEL_EVENT_FLAG_TLS : 0);
	memcpy(&info->laddr_ext, &conn->local, conn->local_len);
	memcpy(&info->paddr_ext, &conn->peer, conn->peer_len);
	info->llen_ext = conn->local_len;
	info->plen_ext = conn->peer_len;
	/* the older form holds what fits */
	info->llen = conn->local_len < sizeof info->laddr ? conn->local_len : sizeof info->laddr;
	info->plen = conn->peer_len < sizeof info->paddr ? conn->peer_len : sizeof info->paddr;
	memcpy(&info->laddr, &conn->local, info->llen);
	memcpy(&info->paddr, &conn->peer, info->plen);
}

/* The VMM keeps the address of what it is given, from the second event to the third. */
void clove_server_event(struct SpiceServer *server, int event, struct clove_connection *conn)
{
	bool has_events = server->core->base.minor_version >= 3 && server->core->channel_event;

	if (event == SPICE_CHANNEL_EVENT_CONNECTED && !conn->event) {
		conn->event = calloc(1, sizeof *conn->event);
		if (conn->event)
			fill_event(conn->event, conn);
	}
	if (conn->event && event == SPICE_CHANNEL_EVENT_INITIALIZED) {
		conn->event->connection_id = (int)conn->info.connection_id;
		conn->event->type = conn->info.channel_type;
		conn->event->id = conn->info.channel_id;
	}
	if (conn->event && has_events)
		server->core->channel_event(event, conn->event);
	if (event == SPICE_CHANNEL_EVENT_DISCONNECTED) {
		free(conn->event);
		clove_connection_free(conn);
	}
}

static void on_accepted(void *opaque, struct clove_connection *conn)
{
	clove_server_event(opaque, SPICE_CHANNEL_EVENT_CONNECTED, conn);
}

static void on_failed(void *opaque, struct clove_connection *conn)
{
	clove_server_event(opaque, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
}

static void on_linked(void *opaque, struct clove_connection *conn)
{
	struct SpiceServer *server = opaque;
	struct clove_client *client = clove_client_find(server, conn->info.connection_id);

	if (conn->info.channel_type == CLOVE_CHANNEL_MAIN) {
		if (!server->display_settings.multi_client)
			clove_server_drop_clients(server);
		if (server->n_clients < CLOVE_CLIENTS_MAX) {
			clove_client_new(server, conn);
			return;
		}
		clove_log_limited(WARN, "main", "%s: %d clients are here already; turned away",
				conn->stream->peer, CLOVE_CLIENTS_MAX);
	} else if (client && !client->is_leaving) {
		clove_client_link(client, conn);
		return;
	}
	/* its client left while it linked */
	clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
}

struct clove_network *clove_server_network(struct SpiceServer *server)
{
	static const struct clove_network_events events = { on_accepted, on_linked, on_failed };

	if (!server->network) {
		server->network = clove_network_new(server->mail, server, &events);
		if (server->network)
			clove_network_set_policy(server->network, &server->policy);
		else
			clove_log(ERROR, "server", "no memory, descriptors or thread for the network");
	}
	return server->network;
}

void clove_server_policy_changed(struct SpiceServer *server)
{
	if (server->network)
		clove_network_set_policy(server->network, &server->policy);
}

int clove_server_offer(struct SpiceServer *server, const struct clove_offer *offer)
{
	struct clove_link_policy *policy = &server->policy;

	if (policy->n_offers == CLOVE_OFFERS_MAX) {
		clove_log(ERROR, "server", "more than %d channels; %s %u is not offered", CLOVE_OFFERS_MAX,
				clove_channel_type_name(offer->type), offer->id);
		return -1;
	}
	policy->offers[policy->n_offers++] = *offer;
	clove_server_policy_changed(server);
	CLOVE_FOR_EACH_CLIENT(server, client)
		if (client->main)
			clove_main_tell_channel(client->main, offer);
	return 0;
}

void clove_server_withdraw(struct SpiceServer *server, uint8_t type, uint8_t id)
{
	struct clove_link_policy *policy = &server->policy;

	for (unsigned int i = 0; i < policy->n_offers; i++)
		if (policy->offers[i].type == type && policy->offers[i].id == id) {
			policy->n_offers--;
			memmove(&policy->offers[i], &policy->offers[i + 1],
					(policy->n_offers - i) * sizeof *policy->offers);
			break;
		}
	clove_server_policy_changed(server);
}

void clove_server_drop_clients(struct SpiceServer *server)
{
	CLOVE_FOR_EACH_CLIENT(server, client)
		clove_client_drop(client);
}

void clove_server_client_gone(struct SpiceServer *server)
{
	if (server->options.exits_on_disconnect && clove_list_is_empty(&server->clients)) {
		clove_log(INFO, "server", "the last client left; the VMM asked to exit then");
		exit(0);
	}
}

/* -- whose the pointer is (spice-wire 7.6) -- */

unsigned int clove_server_mouse_modes(const struct SpiceServer *server)
{
	bool has_positions = server->tablet && server->n_heads == 1 && server->allows_client_mouse;

	return CLOVE_MOUSE_MODE_SERVER | (has_positions ? CLOVE_MOUSE_MODE_CLIENT : 0);
}

static void tell_mouse_mode(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		clove_worker_set_mouse_mode(CLOVE_CONTAINER(link, struct clove_head, link)->worker,
				server->mouse_mode);
	CLOVE_FOR_EACH_CLIENT(server, client)
		if (client->main)
			clove_main_tell_mouse_mode(client->main);
}

void clove_server_set_mouse_mode(struct SpiceServer *server, int mode)
{
	if (mode == server->mouse_mode)
		return;
	server->mouse_mode = mode;
	tell_mouse_mode(server);
}

void clove_server_update_mouse(struct SpiceServer *server)
{
	unsigned int modes = clove_server_mouse_modes(server);
	bool is_changed = modes != server->mouse_modes_told;

	server->mouse_modes_told = modes;
	if (!(modes & (unsigned int)server->mouse_mode))
		clove_server_set_mouse_mode(server, CLOVE_MOUSE_MODE_SERVER);
	else if (is_changed)
		tell_mouse_mode(server);
}

/* -- birth and death -- */

CLOVE_EXPORT SpiceServer *spice_server_new(void)
{
	struct SpiceServer *server = calloc(1, sizeof *server);
	const char *mine = getenv("CLOVE_MULTI_CLIENT");

	if (!server)
		return NULL;
	/* Early: whoever calls OpenSSL first in a process decides whether exit() cleans up under our threads. */
	clove_openssl_init();
	server->options.port = server->options.tls_port = server->options.listen_fd = -1;
	server->options.has_agent_mouse = server->options.has_agent_copypaste = true;
	server->options.has_agent_file_xfer = server->options.has_playback_compression = true;
	server->options.default_security = CLOVE_SECURITY_PLAIN | CLOVE_SECURITY_TLS;
	server->policy.has_ticketing = true;
	memset(server->policy.security, server->options.default_security, sizeof server->policy.security);
	server->display_settings = (struct clove_worker_settings){
		.image_compression = IMAGE_COMPRESSION_AUTO_GLZ, .jpeg = WAN_AUTO, .zlib_glz = WAN_AUTO,
		.streaming_video = STREAM_FILTER,
		.multi_client = (mine && !strcmp(mine, "1")) || getenv("SPICE_DEBUG_ALLOW_MC"),
	};
	server->mouse_mode = CLOVE_MOUSE_MODE_SERVER;
	server->mouse_modes_told = CLOVE_MOUSE_MODE_SERVER;
	clove_list_init(&server->clients);
	clove_list_init(&server->heads);
	clove_list_init(&server->char_devices);
	clove_list_init(&server->vmc_offers);
	clove_list_init(&server->audio);
	return server;
}

CLOVE_EXPORT int spice_server_init(SpiceServer *server, SpiceCoreInterface *core)
{
	static const struct clove_offer inputs = {
		.type = CLOVE_CHANNEL_INPUTS, .caps = { { 1 << CLOVE_INPUTS_CAP_KEY_SCANCODE } },
	};
	const char *bridge = getenv("CLOVE_USB_SOCKET");

	if (server->core) {
		clove_log(ERROR, "server", "initialized twice; the second time is ignored");
		return -1;
	}
	if (!core || core->base.major_version != SPICE_INTERFACE_CORE_MAJOR) {
		clove_log(ERROR, "server", "core interface of version %u.%u; version %d is needed",
				core ? core->base.major_version : 0, core ? core->base.minor_version : 0,
				SPICE_INTERFACE_CORE_MAJOR);
		return -1;
	}
	server->core = core;
	server->loop = clove_core_loop_new(core);
	server->mail = server->loop ? clove_mailbox_new(server->loop, server) : NULL;
	if (!server->mail) {
		clove_log(ERROR, "server", "no memory or descriptors");
		return -1;
	}
	if (clove_server_offer(server, &inputs) < 0 || !clove_server_listen(server))
		return -1;
	/* Without it there is a screen all the same, and the log says what is wrong. */
	if (bridge && *bridge)
		server->usb_bridge = clove_usb_bridge_new(server, bridge);
	return 0;
}

static void free_options(struct clove_server_options *options)
{
	free(options->addr);
	free(options->ca_file);
	free(options->cert_file);
	free(options->key_file);
	free(options->key_password);
	free(options->dh_file);
	free(options->ciphers);
	free(options->name);
}

CLOVE_EXPORT void spice_server_destroy(SpiceServer *server)
{
	if (!server)
		return;
	clove_network_free(server->network);
	server->network = NULL;
	server->options.exits_on_disconnect = false;
	clove_server_drop_clients(server);
	clove_usb_bridge_free(server->usb_bridge);
	clove_server_detach_all(server);
	/* what the threads said last: connections, whose events are due */
	if (server->mail) {
		clove_mailbox_run(server->mail);
		clove_server_drop_clients(server);
		clove_mailbox_free(server->mail);
	}
	clove_core_loop_free(server->loop);
	if (server->unix_path)
		unlink(server->unix_path);
	free(server->unix_path);
	free(server->video_codecs);
	free_options(&server->options);
	free(server);
}
