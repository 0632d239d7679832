/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-migration.h - clients follow a VM that moves to another host. */
#ifndef CLOVE_SPICE_MIGRATION_H
#define CLOVE_SPICE_MIGRATION_H

#include "spice-core.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_MIGRATION "migration"
#define SPICE_INTERFACE_MIGRATION_MAJOR 1
#define SPICE_INTERFACE_MIGRATION_MINOR 1

typedef struct SpiceMigrateInterface SpiceMigrateInterface;
typedef struct SpiceMigrateInstance SpiceMigrateInstance;
typedef struct SpiceMigrateState SpiceMigrateState;

struct SpiceMigrateInterface {
	SpiceBaseInterface base;
	void (*migrate_connect_complete)(SpiceMigrateInstance *migration);
	void (*migrate_end_complete)(SpiceMigrateInstance *migration);
};

struct SpiceMigrateInstance {
	SpiceBaseInstance base;
	SpiceMigrateState *st;          /* the library's */
};

/* A port that is not there is -1. */
int spice_server_migrate_connect(SpiceServer *server, const char *dest, int port, int secure_port,
		const char *cert_subject);
int spice_server_migrate_start(SpiceServer *server);
int spice_server_migrate_end(SpiceServer *server, int completed);
void spice_server_set_seamless_migration(SpiceServer *server, int enabled);

/* The older way: clients leave and connect again. */
int spice_server_migrate_info(SpiceServer *server, const char *dest, int port, int secure_port,
		const char *cert_subject);
int spice_server_migrate_switch(SpiceServer *server);

SPICE_END_DECLS

#endif
