/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* interfaces.c - which interfaces of the VMM a server has, by their type's word and version. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/client.h"
#include "server/inputs-channel.h"
#include "server/main-channel.h"
#include "server/worker-requests.h"

enum { ID_MOST = 255 };

static int attach_keyboard(struct SpiceServer *server, SpiceBaseInstance *instance)
{
	if (server->keyboard)
		return -1;
	server->keyboard = CLOVE_CONTAINER(instance, SpiceKbdInstance, base);
	server->keyboard->st = (SpiceKbdState *)server;
	return 0;
}

static int attach_mouse(struct SpiceServer *server, SpiceBaseInstance *instance)
{
	if (server->mouse)
		return -1;
	server->mouse = CLOVE_CONTAINER(instance, SpiceMouseInstance, base);
	server->mouse->st = (SpiceMouseState *)server;
	return 0;
}

/* -- tablet -- */

static void tell_tablet_size(struct SpiceServer *server)
{
	if (!server->tablet || server->n_heads != 1)
		return;

	const struct clove_head *head = CLOVE_CONTAINER(server->heads.next, struct clove_head, link);

	CLOVE_CONTAINER(server->tablet->base.sif, const SpiceTabletInterface, base)
			->set_logical_size(server->tablet, head->width, head->height);
}

static int attach_tablet(struct SpiceServer *server, SpiceBaseInstance *instance)
{
	if (server->tablet)
		return -1;
	server->tablet = CLOVE_CONTAINER(instance, SpiceTabletInstance, base);
	server->tablet->st = (SpiceTabletState *)server;
	tell_tablet_size(server);
	clove_server_update_mouse(server);
	return 0;
}

static void detach_tablet(SpiceBaseInstance *instance)
{
	SpiceTabletInstance *tablet = CLOVE_CONTAINER(instance, SpiceTabletInstance, base);
	struct SpiceServer *server = (struct SpiceServer *)tablet->st;

	if (!server || server->tablet != tablet)
		return;
	tablet->st = NULL;
	server->tablet = NULL;
	clove_server_update_mouse(server);
}

/* -- QXL -- */

static struct clove_head *head_of(struct SpiceServer *server, const QXLInstance *qxl)
{
	CLOVE_LIST_FOR_EACH(link, &server->heads) {
		struct clove_head *head = CLOVE_CONTAINER(link, struct clove_head, link);

		if (head->qxl == qxl)
			return head;
	}
	return NULL;
}

static void on_primary_changed(void *opaque, QXLInstance *qxl, int width, int height,
		bool allows_client_mouse)
{
	struct SpiceServer *server = opaque;
	struct clove_head *head = head_of(server, qxl);

	if (!head)
		return;
	head->width = width;
	head->height = height;
	/* Between two primaries the guest's last word holds: a mode set does not take the pointer. */
	if (width)
		server->allows_client_mouse = allows_client_mouse;
	tell_tablet_size(server);
	clove_server_update_mouse(server);
}

static void on_disconnected(void *opaque, struct clove_connection *conn)
{
	clove_client_returned(opaque, conn);
}

static void on_clock_is_off(void *opaque, uint32_t connection_id)
{
	struct clove_client *client = clove_client_find(opaque, connection_id);

	if (client && client->main)
		clove_main_tell_time(client->main);
}

static int attach_qxl(struct SpiceServer *server, SpiceBaseInstance *instance)
{
	static const struct clove_worker_events events = { on_primary_changed, on_disconnected,
			on_clock_is_off };
	static const struct clove_caps display_caps = { { 1 << CLOVE_DISPLAY_CAP_MONITORS_CONFIG |
			1 << CLOVE_DISPLAY_CAP_STREAM_REPORT | 1 << CLOVE_DISPLAY_CAP_PREF_COMPRESSION |
			1 << CLOVE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE } };
	QXLInstance *qxl = CLOVE_CONTAINER(instance, QXLInstance, base);
	struct clove_head *head;

	if (qxl->id < 0 || qxl->id > ID_MOST)
		return -1;
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		if (CLOVE_CONTAINER(link, struct clove_head, link)->qxl->id == qxl->id)
			return -1;
	head = calloc(1, sizeof *head);
	if (!head)
		return -1;
	head->qxl = qxl;
	head->worker = clove_worker_new(qxl, server->mail, server, &events, &server->display_settings);
	if (!head->worker) {
		free(head);
		return -1;
	}
	clove_list_append(&server->heads, &head->link);
	server->n_heads++;
	clove_worker_set_mouse_mode(head->worker, server->mouse_mode);
	if (server->vm_state == CLOVE_VM_RUNNING)
		clove_worker_start(head->worker);

	struct clove_offer offer = { CLOVE_CHANNEL_DISPLAY, (uint8_t)qxl->id, display_caps };

	if (clove_server_offer(server, &offer) == 0) {
		offer = (struct clove_offer){ CLOVE_CHANNEL_CURSOR, (uint8_t)qxl->id, { { 0 } } };
		if (clove_server_offer(server, &offer) < 0)
			clove_log(WARN, "server", "display %d has no cursor", qxl->id);
	}
	clove_server_update_mouse(server);
	return 0;
}

static void remove_head(struct SpiceServer *server, struct clove_head *head)
{
	clove_server_withdraw(server, CLOVE_CHANNEL_DISPLAY, (uint8_t)head->qxl->id);
	clove_server_withdraw(server, CLOVE_CHANNEL_CURSOR, (uint8_t)head->qxl->id);
	clove_list_remove(&head->link);
	server->n_heads--;
	clove_worker_free(head->worker);
	free(head);
	clove_server_update_mouse(server);
}

static void detach_qxl(SpiceBaseInstance *instance)
{
	QXLInstance *qxl = CLOVE_CONTAINER(instance, QXLInstance, base);
	struct clove_worker *worker = clove_worker_of(qxl);
	struct SpiceServer *server = worker ? clove_worker_server(worker) : NULL;
	struct clove_head *head = server ? head_of(server, qxl) : NULL;

	if (head)
		remove_head(server, head);
}

/* -- the others, each a file's own -- */

#define ATTACH(name, type) \
	static int attach_##name(struct SpiceServer *server, SpiceBaseInstance *instance) \
	{ \
		return clove_##name##_attach(server, CLOVE_CONTAINER(instance, type, base)); \
	}
#define DETACH(name, type) \
	static void detach_##name(SpiceBaseInstance *instance) \
	{ \
		clove_##name##_detach(CLOVE_CONTAINER(instance, type, base)); \
	}
ATTACH(playback, SpicePlaybackInstance)
DETACH(playback, SpicePlaybackInstance)
ATTACH(record, SpiceRecordInstance)
DETACH(record, SpiceRecordInstance)
ATTACH(char_device, SpiceCharDeviceInstance)
DETACH(char_device, SpiceCharDeviceInstance)
ATTACH(migrate, SpiceMigrateInstance)

/* An interface without a detach stays until the end of its server. */
static const struct {
	const char *type;
	uint32_t major, minor;
	int (*attach)(struct SpiceServer *server, SpiceBaseInstance *instance);
	void (*detach)(SpiceBaseInstance *instance);
} interfaces[] = {
	{ SPICE_INTERFACE_KEYBOARD, SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR,
		attach_keyboard, NULL },
	{ SPICE_INTERFACE_MOUSE, SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR,
		attach_mouse, NULL },
	{ SPICE_INTERFACE_TABLET, SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR,
		attach_tablet, detach_tablet },
	{ SPICE_INTERFACE_QXL, SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR,
		attach_qxl, detach_qxl },
	{ SPICE_INTERFACE_PLAYBACK, SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR,
		attach_playback, detach_playback },
	{ SPICE_INTERFACE_RECORD, SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR,
		attach_record, detach_record },
	{ SPICE_INTERFACE_CHAR_DEVICE, SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
		SPICE_INTERFACE_CHAR_DEVICE_MINOR, attach_char_device, detach_char_device },
	{ SPICE_INTERFACE_MIGRATION, SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR,
		attach_migrate, NULL },
};
enum { INTERFACES = sizeof interfaces / sizeof *interfaces };

int clove_server_attach(struct SpiceServer *server, SpiceBaseInstance *instance)
{
	const SpiceBaseInterface *sif = instance->sif;

	for (int i = 0; i < INTERFACES; i++) {
		if (strcmp(sif->type, interfaces[i].type))
			continue;
		if (sif->major_version != interfaces[i].major || sif->minor_version > interfaces[i].minor) {
			clove_log(ERROR, "server", "interface %s %u.%u: %u.0 to %u.%u are known", sif->type,
					sif->major_version, sif->minor_version, interfaces[i].major,
					interfaces[i].major, interfaces[i].minor);
			return -1;
		}
		if (!server->mail) {
			clove_log(ERROR, "server", "interface %s before spice_server_init", sif->type);
			return -1;
		}
		if (interfaces[i].attach(server, instance) == 0)
			return 0;
		clove_log(WARN, "server", "interface %s (%s) is refused: a second one, or no memory",
				sif->type, sif->description ? sif->description : "");
		return -1;
	}
	clove_log(WARN, "server", "interface %s is not known; ignored", sif->type);
	return 0;
}

int clove_server_detach(SpiceBaseInstance *instance)
{
	for (int i = 0; i < INTERFACES; i++)
		if (interfaces[i].detach && !strcmp(instance->sif->type, interfaces[i].type)) {
			interfaces[i].detach(instance);
			return 0;
		}
	return -1;
}

void clove_server_detach_all(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->heads)
		remove_head(server, CLOVE_CONTAINER(link, struct clove_head, link));
	clove_char_devices_fini(server);
	clove_audio_fini(server);
	clove_migrate_fini(server);
	if (server->keyboard)
		server->keyboard->st = NULL;
	if (server->mouse)
		server->mouse->st = NULL;
	if (server->tablet)
		server->tablet->st = NULL;
	server->keyboard = NULL;
	server->mouse = NULL;
	server->tablet = NULL;
}

CLOVE_EXPORT int spice_server_kbd_leds(SpiceKbdInstance *keyboard, int leds)
{
	struct SpiceServer *server = keyboard ? (struct SpiceServer *)keyboard->st : NULL;

	if (!server)
		return -1;
	server->leds = leds;
	CLOVE_FOR_EACH_CLIENT(server, client)
		if (client->inputs)
			clove_inputs_tell_leds(client->inputs);
	return 0;
}
