/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - one SPICE server inside a VMM: its options, interfaces, clients and threads.
 *
 * Its home is QEMU's main thread, and vCPU threads that hold QEMU's lock.
 */
#ifndef CLOVE_SERVER_SERVER_H
#define CLOVE_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include "common/net/tcp.h"
#include "common/util/list.h"
#include "common/util/loop.h"
#include "common/util/mailbox.h"
#include "include/spice-server/spice.h"
#include "server/network.h"
#include "server/worker.h"

#define CLOVE_EXPORT __attribute__((visibility("default")))

struct clove_client;

/* What the VMM has set; strings are owned. */
struct clove_server_options {
	char *addr;
	enum clove_family family;
	bool is_unix;
	int port, tls_port;              /* -1: not listening there */
	int listen_fd;                   /* the VMM's own listening socket; -1: none */
	char *ca_file, *cert_file, *key_file, *key_password, *dh_file, *ciphers;
	char *name;
	uint8_t uuid[16];
	bool has_uuid;
	bool has_agent_mouse, has_agent_copypaste, has_agent_file_xfer;
	bool has_playback_compression;
	bool exits_on_disconnect;
	bool is_seamless;
	int default_security;            /* for channels that were not named */
	int security[CLOVE_CHANNEL_TYPES]; /* 0: the default */
};

/* One QXL interface, its display and cursor channels of the same number. */
struct clove_head {
	struct clove_list link;
	QXLInstance *qxl;
	struct clove_worker *worker;
	int width, height;               /* of the primary; 0 x 0: none */
};

/* Before the first vm_start displays rest already, and char devices do not yet. */
enum clove_vm_state {
	CLOVE_VM_NEW,
	CLOVE_VM_RUNNING,
	CLOVE_VM_STOPPED,
};

struct SpiceServer {
	struct clove_server_options options;
	struct clove_link_policy policy; /* ticket, security and offers as links see them */
	struct clove_worker_settings display_settings;

	struct clove_loop *loop;         /* the VMM's core interface; NULL before init */
	SpiceCoreInterface *core;
	struct clove_mailbox *mail;
	struct clove_network *network;
	char *unix_path;                 /* to be removed at the end */
	enum clove_vm_state vm_state;
	bool is_noauth_chosen;           /* expiring a password that nobody asks for locks no one out */

	struct clove_list clients;       /* struct clove_client.link, the oldest first */
	unsigned int n_clients;
	int mouse_mode;                  /* CLOVE_MOUSE_MODE_* */
	unsigned int mouse_modes_told;   /* those that may be, as clients know them */
	bool allows_client_mouse;        /* by the guest's last word: a primary's mouse_mode */

	SpiceKbdInstance *keyboard;
	SpiceMouseInstance *mouse;
	SpiceTabletInstance *tablet;
	SpiceMigrateInstance *migration;
	int leds;                        /* CLOVE_MODIFIER_*, as the guest last had them */
	struct clove_list heads;         /* struct clove_head.link, the oldest first */
	unsigned int n_heads;
	struct clove_list char_devices;  /* char-api.c's */
	struct clove_list vmc_offers;    /* vmc-channel.c's */
	struct clove_usb_bridge *usb_bridge; /* NULL: none */
	struct clove_list audio;         /* audio.c's */
	struct clove_migration *migrate; /* migrate.c's */
	char *video_codecs;              /* as the VMM wrote them */
};

/* The interfaces by type: 0 or -1; the instance is kept by pointer until detached. */
int clove_char_device_attach(struct SpiceServer *server, SpiceCharDeviceInstance *device);
void clove_char_device_detach(SpiceCharDeviceInstance *device);
/* The VM runs or stops: devices are active only while it runs. */
void clove_char_devices_set_running(struct SpiceServer *server, bool is_running);
int clove_playback_attach(struct SpiceServer *server, SpicePlaybackInstance *playback);
void clove_playback_detach(SpicePlaybackInstance *playback);
int clove_record_attach(struct SpiceServer *server, SpiceRecordInstance *record);
void clove_record_detach(SpiceRecordInstance *record);
int clove_migrate_attach(struct SpiceServer *server, SpiceMigrateInstance *migration);

/* At the server's end: forgets instances that are still attached; no callback follows. */
void clove_char_devices_fini(struct SpiceServer *server);
void clove_audio_fini(struct SpiceServer *server);
void clove_migrate_fini(struct SpiceServer *server);

/* The policy has changed: links from now on follow it. */
void clove_server_policy_changed(struct SpiceServer *server);

/* A channel comes or goes: links follow, and clients are told of a new one. -1 if there are too many. */
int clove_server_offer(struct SpiceServer *server, const struct clove_offer *offer);
void clove_server_withdraw(struct SpiceServer *server, uint8_t type, uint8_t id);

/* Pointer positions are allowed, or asked for, or no more: clients, tablet and workers follow. */
unsigned int clove_server_mouse_modes(const struct SpiceServer *server); /* CLOVE_MOUSE_MODE_* that may be */
void clove_server_set_mouse_mode(struct SpiceServer *server, int mode);
void clove_server_update_mouse(struct SpiceServer *server);

/* The VMM hears of a connection: 1 connected, 2 initialized, 3 disconnected; the last also frees it. */
void clove_server_event(struct SpiceServer *server, int event, struct clove_connection *conn);

/* The sockets that the options ask for (listen.c); false with the reason logged. */
bool clove_server_listen(struct SpiceServer *server);

/* The network thread, which the first listener or adopted socket starts. NULL: no memory or threads. */
struct clove_network *clove_server_network(struct SpiceServer *server);

/* All of them. */
void clove_server_drop_clients(struct SpiceServer *server);
/* A client's last word: its last event has been given. */
void clove_server_client_gone(struct SpiceServer *server);

/* The VMM's interfaces (interfaces.c): 0, or -1 with the reason logged. */
int clove_server_attach(struct SpiceServer *server, SpiceBaseInstance *instance);
int clove_server_detach(SpiceBaseInstance *instance);
/* At the server's end. */
void clove_server_detach_all(struct SpiceServer *server);

/* The event for a socket that the VMM gave, whose addresses its own thread fills in. */
void clove_connection_addresses(struct clove_connection *conn, int fd);

#endif
