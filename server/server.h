/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - one SPICE server inside a VMM: its options, interfaces, clients and threads.
 *
 * Its home is QEMU's main thread, and vCPU threads that hold QEMU's lock.
 */
#ifndef CLOVE_SERVER_SERVER_H
#define CLOVE_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>
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

/* One QXL interface; behind QXLInstance.st. */
struct QXLState {
	struct clove_list link;
	struct SpiceServer *server;
	QXLInstance *qxl;
	struct clove_worker *worker;
	int width, height;               /* of the primary; 0 x 0: none */
	bool allows_client_mouse;
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
	bool is_vm_running;

	struct clove_list clients;       /* struct clove_client.link, the oldest first */
	unsigned int n_clients;
	struct clove_timer *mouse_timer; /* a change of the mouse mode settles before clients hear of it */
	int mouse_mode;                  /* CLOVE_MOUSE_MODE_* that clients have been told */

	SpiceKbdInstance *keyboard;
	SpiceMouseInstance *mouse;
	SpiceTabletInstance *tablet;
	SpiceMigrateInstance *migration;
	int leds;
	struct clove_list qxls;          /* struct QXLState.link */
	struct clove_list char_devices;  /* char-device.c's */
	struct clove_list audio;         /* audio.c's */
	struct clove_migrate *migrate;   /* migrate.c's */
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

#endif
