/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compat.c - entry points that have one right answer: kept for old VMMs, or refused with a sentence (docs/abi.md). */
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

CLOVE_EXPORT spice_compat_version_t spice_get_current_compat_version(void)
{
	return SPICE_COMPAT_VERSION_CURRENT;
}

CLOVE_EXPORT int spice_server_set_compat_version(SpiceServer *server, spice_compat_version_t version)
{
	(void)server;
	if (version == SPICE_COMPAT_VERSION_CURRENT)
		return 0;
	clove_log(ERROR, "server", "compatibility version %d; only %d is spoken", (int)version,
			SPICE_COMPAT_VERSION_CURRENT);
	return -1;
}

CLOVE_EXPORT int spice_server_add_renderer(SpiceServer *server, const char *name)
{
	(void)server;
	if (name && !strcmp(name, "sw"))
		return 0;
	clove_log(ERROR, "server", "renderer %s: the only one is sw", name ? name : "(none)");
	return -1;
}

/* Of which client? The channel events tell of every one. */
CLOVE_EXPORT int spice_server_get_sock_info(SpiceServer *server, struct sockaddr *address,
		socklen_t *length)
{
	(void)server;
	(void)address;
	(void)length;
	return -1;
}

CLOVE_EXPORT int spice_server_get_peer_info(SpiceServer *server, struct sockaddr *address,
		socklen_t *length)
{
	(void)server;
	(void)address;
	(void)length;
	return -1;
}

CLOVE_EXPORT int spice_server_set_sasl(SpiceServer *server, int enabled)
{
	(void)server;
	if (!enabled)
		return 0;
	clove_log(ERROR, "server", "SASL is asked for, and not built in");
	return -1;
}

/* QEMU names itself before every init, SASL or not. */
CLOVE_EXPORT int spice_server_set_sasl_appname(SpiceServer *server, const char *appname)
{
	(void)server;
	clove_log(DEBUG, "server", "SASL is not built in; its name %s is of no use", appname ? appname : "");
	return -1;
}
