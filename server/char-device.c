/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* char-device.c - the guest's byte streams: agent, USB devices, smart cards, ports.
 *
 * No channel carries them yet. So that no guest waits for a reader who never comes, what it writes is
 * taken and dropped while the VM runs, as it would be with no viewer there; while the VM rests nothing
 * is taken, because it belongs to a VM that may be on its way elsewhere. Nothing is ever written to a guest.
 */
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

struct SpiceCharDeviceState {
	struct clove_list link;          /* of the server's char_devices */
	struct SpiceServer *server;
	SpiceCharDeviceInstance *device;
	bool is_agent;
	bool is_reading;                 /* the VMM calls us back from inside its read */
	bool has_event;
	uint8_t event;                   /* SPICE_PORT_EVENT_*, the last, for who connects later */
	uint64_t dropped;                /* bytes */
};

static const char *subtypes[] = { "vdagent", "smartcard", "usbredir", NULL };

CLOVE_EXPORT const char **spice_server_char_device_recognized_subtypes(void)
{
	return subtypes;
}

static bool is_known(const char *subtype)
{
	for (int i = 0; subtype && subtypes[i]; i++)
		if (!strcmp(subtype, subtypes[i]))
			return true;
	return subtype && !strcmp(subtype, "port");
}

static const SpiceCharDeviceInterface *interface_of(const SpiceCharDeviceInstance *device)
{
	return CLOVE_CONTAINER(device->base.sif, const SpiceCharDeviceInterface, base);
}

/* The device may be detached from inside its read. */
static void drain(SpiceCharDeviceInstance *device)
{
	uint8_t bytes[4096];
	int n = 1;

	if (!device->st || device->st->is_reading)
		return;
	device->st->is_reading = true;
	while (n > 0 && device->st && device->st->server->vm_state != CLOVE_VM_STOPPED) {
		n = interface_of(device)->read(device, bytes, sizeof bytes);
		if (n > 0 && device->st)
			device->st->dropped += (unsigned int)n;
	}
	if (device->st)
		device->st->is_reading = false;
}

static bool has_agent(const struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		if (CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->is_agent)
			return true;
	return false;
}

/* A device that is turned away is left alone: the VMM expects 0 for it, and may go on calling. */
int clove_char_device_attach(struct SpiceServer *server, SpiceCharDeviceInstance *device)
{
	bool is_agent = device->subtype && !strcmp(device->subtype, "vdagent");
	struct SpiceCharDeviceState *state;

	device->st = NULL;
	if (!is_known(device->subtype) || (is_agent && has_agent(server))) {
		clove_log(WARN, "char", "%s: %s; ignored", device->subtype ? device->subtype : "(no subtype)",
				is_agent ? "there is an agent already" : "not a known subtype");
		return 0;
	}
	state = calloc(1, sizeof *state);
	if (!state) {
		clove_log(ERROR, "char", "%s: out of memory; ignored", device->subtype);
		return 0;
	}
	state->server = server;
	state->device = device;
	state->is_agent = is_agent;
	device->st = state;
	clove_list_append(&server->char_devices, &state->link);
	clove_log(INFO, "char", "%s %s: no channel carries it yet", device->subtype,
			device->portname && !strcmp(device->subtype, "port") ? device->portname : "");
	/* An agent whose port looks unplugged opens it again and again. The others wait for a viewer. */
	if (is_agent && interface_of(device)->state)
		interface_of(device)->state(device, 1);
	drain(device);
	return 0;
}

void clove_char_device_detach(SpiceCharDeviceInstance *device)
{
	struct SpiceCharDeviceState *state = device->st;

	if (!state)
		return;
	device->st = NULL;
	clove_log(DEBUG, "char", "%s: gone; %llu bytes were dropped", device->subtype,
			(unsigned long long)state->dropped);
	clove_list_remove(&state->link);
	free(state);
}

void clove_char_devices_set_running(struct SpiceServer *server, bool is_running)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		if (is_running)
			drain(CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->device);
}

void clove_char_devices_fini(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		clove_char_device_detach(CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->device);
}

CLOVE_EXPORT void spice_server_char_device_wakeup(SpiceCharDeviceInstance *device)
{
	if (device)
		drain(device);
}

CLOVE_EXPORT void spice_server_port_event(SpiceCharDeviceInstance *device, uint8_t event)
{
	if (!device || !device->st)
		return;
	if (event > SPICE_PORT_EVENT_BREAK) {
		clove_log_limited(WARN, "char", "%s: port event %u is not known; ignored",
				device->portname ? device->portname : device->subtype, event);
		return;
	}
	device->st->has_event = true;
	device->st->event = event;
}
