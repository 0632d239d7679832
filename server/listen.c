/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listen.c - the sockets and certificates that the VMM's options ask for. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/log.h"

void clove_connection_addresses(struct clove_connection *conn, int fd)
{
	conn->local_len = sizeof conn->local;
	conn->peer_len = sizeof conn->peer;
	if (getsockname(fd, (struct sockaddr *)&conn->local, &conn->local_len) < 0)
		conn->local_len = 0;
	if (getpeername(fd, (struct sockaddr *)&conn->peer, &conn->peer_len) < 0)
		conn->peer_len = 0;
	/* the kernel says how long an address is, not how much of it it wrote */
	if (conn->local_len > sizeof conn->local)
		conn->local_len = sizeof conn->local;
	if (conn->peer_len > sizeof conn->peer)
		conn->peer_len = sizeof conn->peer;
}

/* The network thread has the socket from now on. */
static bool give(struct SpiceServer *server, int fd, bool is_tls)
{
	struct clove_network *network = clove_server_network(server);

	if (network && clove_network_listen(network, fd, is_tls))
		return true;
	clove_log(ERROR, "server", "no memory to listen");
	close(fd);
	return false;
}

static bool listen_tcp(struct SpiceServer *server, int port, bool is_tls)
{
	const struct clove_server_options *options = &server->options;
	char *error = NULL;
	int fd = clove_listen_tcp(options->addr, port, options->family, &error);

	if (fd < 0) {
		clove_log(ERROR, "server", "%s", error ? error : "out of memory");
		free(error);
		return false;
	}
	return give(server, fd, is_tls);
}

static bool listen_unix(struct SpiceServer *server)
{
	const char *path = server->options.addr;
	char *error = NULL;
	int fd = clove_listen_unix(path ? path : "", &error);

	if (fd < 0) {
		clove_log(ERROR, "server", "%s", error ? error : "out of memory");
		free(error);
		return false;
	}
	if (path[0] != '@')
		server->unix_path = strdup(path);
	return give(server, fd, false);
}

static bool listen_given(struct SpiceServer *server)
{
	/* the VMM keeps its own descriptor */
	int fd = dup(server->options.listen_fd);

	if (fd < 0) {
		clove_log(ERROR, "server", "listening socket %d: %s", server->options.listen_fd,
				strerror(errno));
		return false;
	}
	return give(server, fd, false);
}

static bool load_tls(struct SpiceServer *server)
{
	const struct clove_server_options *options = &server->options;
	const struct clove_tls_server_options files = {
		options->ca_file, options->cert_file, options->key_file, options->key_password,
		options->dh_file, options->ciphers,
	};
	char *error = NULL;
	struct clove_tls *tls = clove_tls_server_new(&files, &error);
	struct clove_network *network = tls ? clove_server_network(server) : NULL;

	if (!tls)
		clove_log(ERROR, "server", "%s", error ? error : "out of memory");
	free(error);
	if (tls && !network)
		clove_tls_free(tls);
	else if (network)
		clove_network_set_tls(network, tls);
	return network != NULL;
}

bool clove_server_listen(struct SpiceServer *server)
{
	const struct clove_server_options *options = &server->options;

	if (options->tls_port > 0 && (!load_tls(server) || !listen_tcp(server, options->tls_port, true)))
		return false;
	if (options->listen_fd >= 0)
		return listen_given(server);
	if (options->is_unix)
		return listen_unix(server);
	return options->port < 0 || listen_tcp(server, options->port, false);
}
