/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* api.c - the ABI's entry points for a server and its options: check, convert, keep, pass on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

enum { PORT_MOST = 65535, ADDR_MOST = 255 };

/* Keeps a copy in *kept; false without memory, when the old one stays. */
static bool keep(char **kept, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return false;
	free(*kept);
	*kept = copy;
	return true;
}

/* -- where it listens -- */

CLOVE_EXPORT int spice_server_set_port(SpiceServer *server, int port)
{
	if (port < 0 || port > PORT_MOST) {
		clove_log(ERROR, "server", "port %d: 0 to %d are possible", port, PORT_MOST);
		return -1;
	}
	server->options.port = port;
	return 0;
}

CLOVE_EXPORT void spice_server_set_addr(SpiceServer *server, const char *addr, int flags)
{
	struct clove_server_options *options = &server->options;

	if (addr && strlen(addr) > ADDR_MOST) {
		clove_log(ERROR, "server", "an address of over %d bytes; ignored", ADDR_MOST);
		return;
	}
	if (!keep(&options->addr, addr))
		clove_log(ERROR, "server", "out of memory: the address is not changed");
	switch (flags) {
	case 0:
		options->family = CLOVE_FAMILY_ANY;
		options->is_unix = false;
		break;
	case SPICE_ADDR_FLAG_IPV4_ONLY:
		options->family = CLOVE_FAMILY_IPV4;
		options->is_unix = false;
		break;
	case SPICE_ADDR_FLAG_IPV6_ONLY:
		options->family = CLOVE_FAMILY_IPV6;
		options->is_unix = false;
		break;
	case SPICE_ADDR_FLAG_UNIX_ONLY:
		options->is_unix = true;
		break;
	default:
		clove_log(WARN, "server", "address flags %#x are not one of them; the family stays", flags);
	}
}

CLOVE_EXPORT int spice_server_set_listen_socket_fd(SpiceServer *server, int listen_fd)
{
	server->options.listen_fd = listen_fd;
	return 0;
}

CLOVE_EXPORT int spice_server_set_tls(SpiceServer *server, int port, const char *ca_cert_file,
		const char *certs_file, const char *private_key_file, const char *key_passwd,
		const char *dh_key_file, const char *ciphersuite)
{
	struct clove_server_options *options = &server->options;

	if (port <= 0 || port > PORT_MOST || !ca_cert_file || !certs_file || !private_key_file) {
		clove_log(ERROR, "server", "TLS needs a port from 1 to %d and the files of CA, certificate"
				" and key", PORT_MOST);
		return -1;
	}
	options->tls_port = port;
	return keep(&options->ca_file, ca_cert_file) && keep(&options->cert_file, certs_file) &&
			keep(&options->key_file, private_key_file) && keep(&options->key_password, key_passwd) &&
			keep(&options->dh_file, dh_key_file) && keep(&options->ciphers, ciphersuite) ? 0 : -1;
}

CLOVE_EXPORT int spice_server_add_client(SpiceServer *server, int socket, int skip_auth);
CLOVE_EXPORT int spice_server_add_ssl_client(SpiceServer *server, int socket, int skip_auth);

/* On success the socket is ours; its connection has been told of before we return. */
static int add_client(struct SpiceServer *server, int fd, bool is_tls, bool skips_auth)
{
	struct clove_network *network = server->mail ? clove_server_network(server) : NULL;
	struct clove_connection *conn = network ? calloc(1, sizeof *conn) : NULL;

	if (!conn) {
		clove_log(ERROR, "server", "a client cannot be added: %s",
				server->mail ? "out of memory" : "the server is not initialized");
		return -1;
	}
	if (is_tls && server->options.tls_port < 0) {
		clove_log(ERROR, "server", "a TLS client cannot be added: there is no certificate (tls-port)");
		free(conn);
		return -1;
	}
	conn->is_tls = is_tls;
	clove_connection_addresses(conn, fd);
	clove_server_event(server, SPICE_CHANNEL_EVENT_CONNECTED, conn);
	if (clove_network_adopt(network, conn, fd, is_tls, skips_auth))
		return 0;
	clove_server_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, conn);
	return -1;
}

CLOVE_EXPORT int spice_server_add_client(SpiceServer *server, int socket, int skip_auth)
{
	return add_client(server, socket, false, skip_auth);
}

CLOVE_EXPORT int spice_server_add_ssl_client(SpiceServer *server, int socket, int skip_auth)
{
	return add_client(server, socket, true, skip_auth);
}

/* -- who may come in -- */

CLOVE_EXPORT int spice_server_set_noauth(SpiceServer *server)
{
	server->is_noauth_chosen = true;
	server->policy.has_ticketing = false;
	memset(server->policy.password, 0, sizeof server->policy.password);
	clove_server_policy_changed(server);
	return 0;
}

CLOVE_EXPORT int spice_server_set_ticket(SpiceServer *server, const char *passwd, int lifetime,
		int fail_if_connected, int disconnect_if_connected)
{
	struct clove_link_policy *policy = &server->policy;
	uint64_t now = clove_now_ms();
	int result = 0;

	if (!clove_list_is_empty(&server->clients)) {
		if (fail_if_connected)
			return -1;
		if (disconnect_if_connected)
			clove_server_drop_clients(server);
	}
	/* QEMU's expire_password without a password, where nobody is asked for one */
	if (!passwd && server->is_noauth_chosen)
		return 0;
	server->is_noauth_chosen = false;
	policy->has_ticketing = true;
	/* the check allows the whole of its last second */
	policy->expires_ms = lifetime ? now + (uint64_t)(lifetime > 0 ? lifetime : 0) * 1000 : 0;
	if (!passwd) {
		memset(policy->password, 0, sizeof policy->password);
		policy->expires_ms = now;
	} else if (strlen(passwd) <= CLOVE_TICKET_PASSWORD_MAX) {
		memset(policy->password, 0, sizeof policy->password);
		memcpy(policy->password, passwd, strlen(passwd));
	} else {
		clove_log(ERROR, "server", "a password of over %d bytes; the former one stays",
				CLOVE_TICKET_PASSWORD_MAX);
		result = -1;
	}
	clove_server_policy_changed(server);
	return result;
}

CLOVE_EXPORT int spice_server_set_channel_security(SpiceServer *server, const char *channel, int security)
{
	struct clove_server_options *options = &server->options;
	unsigned int type = channel ? clove_channel_type_by_name(channel) : 0;

	if (security < 1 || security > (CLOVE_SECURITY_PLAIN | CLOVE_SECURITY_TLS) || (channel && !type)) {
		clove_log(ERROR, "server", "channel security %d of %s: no such channel, or neither plain (1)"
				" nor TLS (2)", security, channel ? channel : "all");
		return -1;
	}
	if (channel)
		options->security[type] = security;
	else
		options->default_security = security;
	for (int i = 0; i < CLOVE_CHANNEL_TYPES; i++)
		server->policy.security[i] = (uint8_t)(options->security[i] ? options->security[i]
				: options->default_security);
	clove_server_policy_changed(server);
	return 0;
}

/* -- how displays are sent -- */

static void settings_changed(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		clove_worker_set(CLOVE_CONTAINER(link, struct clove_head, link)->worker,
				&server->display_settings);
}

static int set_one_of(struct SpiceServer *server, const char *name, int *setting, int value, int most)
{
	if (value < 1 || value > most) {
		clove_log(ERROR, "server", "%s %d: 1 to %d are possible", name, value, most);
		return -1;
	}
	*setting = value;
	settings_changed(server);
	return 0;
}

CLOVE_EXPORT int spice_server_set_image_compression(SpiceServer *server, SpiceImageCompression comp)
{
	return set_one_of(server, "image compression", &server->display_settings.image_compression,
			(int)comp, SPICE_IMAGE_COMPRESSION_LZ4);
}

CLOVE_EXPORT SpiceImageCompression spice_server_get_image_compression(SpiceServer *server)
{
	return (SpiceImageCompression)server->display_settings.image_compression;
}

CLOVE_EXPORT int spice_server_set_jpeg_compression(SpiceServer *server, spice_wan_compression_t comp)
{
	return set_one_of(server, "JPEG compression", &server->display_settings.jpeg, (int)comp,
			SPICE_WAN_COMPRESSION_NEVER);
}

CLOVE_EXPORT int spice_server_set_zlib_glz_compression(SpiceServer *server, spice_wan_compression_t comp)
{
	return set_one_of(server, "zlib-glz compression", &server->display_settings.zlib_glz, (int)comp,
			SPICE_WAN_COMPRESSION_NEVER);
}

CLOVE_EXPORT int spice_server_set_streaming_video(SpiceServer *server, int value)
{
	return set_one_of(server, "streaming video", &server->display_settings.streaming_video, value,
			SPICE_STREAM_VIDEO_FILTER);
}

/* -- kept for the channels that need them -- */

CLOVE_EXPORT int spice_server_set_playback_compression(SpiceServer *server, int enable)
{
	server->options.has_playback_compression = enable;
	return 0;
}

CLOVE_EXPORT int spice_server_set_agent_mouse(SpiceServer *server, int enable)
{
	server->options.has_agent_mouse = enable;
	clove_server_update_mouse(server);
	return 0;
}

CLOVE_EXPORT int spice_server_set_agent_copypaste(SpiceServer *server, int enable)
{
	server->options.has_agent_copypaste = enable;
	return 0;
}

CLOVE_EXPORT int spice_server_set_agent_file_xfer(SpiceServer *server, int enable)
{
	server->options.has_agent_file_xfer = enable;
	return 0;
}

CLOVE_EXPORT int spice_server_set_exit_on_disconnect(SpiceServer *server, int flag)
{
	server->options.exits_on_disconnect = flag;
	return 0;
}

CLOVE_EXPORT void spice_server_set_name(SpiceServer *server, const char *name)
{
	if (!keep(&server->options.name, name))
		clove_log(ERROR, "server", "out of memory: the name is not changed");
}

CLOVE_EXPORT void spice_server_set_uuid(SpiceServer *server, const uint8_t uuid[16])
{
	server->options.has_uuid = uuid;
	if (uuid)
		memcpy(server->options.uuid, uuid, sizeof server->options.uuid);
}

/* -- what it is like -- */

CLOVE_EXPORT int spice_server_get_num_clients(SpiceServer *server)
{
	return server ? (int)server->n_clients : 0;
}

CLOVE_EXPORT int spice_server_is_server_mouse(SpiceServer *server)
{
	return server->mouse_mode == CLOVE_MOUSE_MODE_SERVER;
}

/* -- interfaces and the machine's run state -- */

CLOVE_EXPORT int spice_server_add_interface(SpiceServer *server, SpiceBaseInstance *sin)
{
	return clove_server_attach(server, sin);
}

CLOVE_EXPORT int spice_server_remove_interface(SpiceBaseInstance *sin)
{
	return clove_server_detach(sin);
}

CLOVE_EXPORT void spice_server_vm_start(SpiceServer *server)
{
	if (server->vm_state == CLOVE_VM_RUNNING)
		return;
	server->vm_state = CLOVE_VM_RUNNING;
	clove_char_devices_set_running(server, true);
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		clove_worker_start(CLOVE_CONTAINER(link, struct clove_head, link)->worker);
}

CLOVE_EXPORT void spice_server_vm_stop(SpiceServer *server)
{
	if (server->vm_state == CLOVE_VM_STOPPED)
		return;
	server->vm_state = CLOVE_VM_STOPPED;
	clove_char_devices_set_running(server, false);
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		clove_worker_stop(CLOVE_CONTAINER(link, struct clove_head, link)->worker);
}
