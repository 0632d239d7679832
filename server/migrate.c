/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migrate.c - a VM that moves to another host. Viewers do not follow it yet.
 *
 * The VMM's migration goes on all the same: whatever it waits for is called back at once, as if no
 * viewer were there to be asked.
 */
#include <stdlib.h>
#include "common/util/log.h"
#include "server/server.h"

struct clove_migration {
	bool has_target;         /* migrate_connect named a host and a port */
};

static const SpiceMigrateInterface *interface_of(const struct SpiceServer *server)
{
	return CLOVE_CONTAINER(server->migration->base.sif, const SpiceMigrateInterface, base);
}

int clove_migrate_attach(struct SpiceServer *server, SpiceMigrateInstance *migration)
{
	if (server->migration)
		return -1;
	server->migrate = calloc(1, sizeof *server->migrate);
	if (!server->migrate)
		return -1;
	server->migration = migration;
	migration->st = (SpiceMigrateState *)server;
	return 0;
}

void clove_migrate_fini(struct SpiceServer *server)
{
	if (server->migration)
		server->migration->st = NULL;
	server->migration = NULL;
	free(server->migrate);
	server->migrate = NULL;
}

static bool has_interface(const struct SpiceServer *server, const char *call)
{
	if (!server->migration)
		clove_log(ERROR, "migrate", "%s: the VMM has no migration interface", call);
	return server->migration;
}

CLOVE_EXPORT int spice_server_migrate_connect(SpiceServer *server, const char *dest, int port,
		int secure_port, const char *cert_subject)
{
	bool is_usable = dest && (port > 0 || secure_port > 0);

	(void)cert_subject;
	if (!has_interface(server, __func__))
		return -1;
	server->migrate->has_target = is_usable;
	if (!is_usable)
		clove_log(ERROR, "migrate", "the target has no host or no port");
	else if (server->n_clients)
		clove_log(WARN, "migrate", "viewers cannot follow to %s yet; they have to connect there", dest);
	interface_of(server)->migrate_connect_complete(server->migration);
	return is_usable ? 0 : -1;
}

CLOVE_EXPORT int spice_server_migrate_start(SpiceServer *server)
{
	return server->migrate && server->migrate->has_target ? 0 : -1;
}

CLOVE_EXPORT int spice_server_migrate_end(SpiceServer *server, int completed)
{
	if (!has_interface(server, __func__))
		return -1;
	/* without a target the VM was only saved */
	if (completed && server->migrate->has_target && server->n_clients) {
		clove_log(INFO, "migrate", "the VM runs elsewhere now; %u viewers are let go",
				server->n_clients);
		clove_server_drop_clients(server);
	}
	server->migrate->has_target = false;
	interface_of(server)->migrate_end_complete(server->migration);
	return 0;
}

CLOVE_EXPORT void spice_server_set_seamless_migration(SpiceServer *server, int enabled)
{
	server->options.is_seamless = enabled;
}

/* -- the older form, by which viewers leave and connect again -- */

CLOVE_EXPORT int spice_server_migrate_info(SpiceServer *server, const char *dest, int port,
		int secure_port, const char *cert_subject)
{
	(void)server;
	(void)port;
	(void)secure_port;
	(void)cert_subject;
	clove_log(WARN, "migrate", "viewers cannot be sent to %s yet", dest ? dest : "another host");
	return -1;
}

CLOVE_EXPORT int spice_server_migrate_switch(SpiceServer *server)
{
	(void)server;
	clove_log(WARN, "migrate", "viewers cannot be sent to another host yet");
	return -1;
}
