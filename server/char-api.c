/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* char-api.c - the VMM's char devices: which there are, and what becomes of each subtype.
 *
 * A usbredir device is a channel that clients may link. Agent, smart cards and ports have no channel yet. So
 * that no guest waits for a reader who never comes, what they say is taken and dropped while the VM runs, as
 * it would be with no viewer there; while the VM rests nothing is taken, because it belongs to a VM that may be
 * on its way elsewhere.
 */
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/char-device.h"
#include "server/server.h"
#include "server/vmc-channel.h"

struct SpiceCharDeviceState {
	struct clove_list link;          /* of the server's char_devices */
	struct SpiceServer *server;
	SpiceCharDeviceInstance *device;
	struct clove_char_device *stream;
	struct clove_vmc_offer offer;    /* usbredir's */
	bool is_agent;
	bool has_event;
	uint8_t event;                   /* SPICE_PORT_EVENT_*, the last, for who connects later */
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

/* -- the VMM's end of the stream -- */

static void on_state(void *end, bool is_open)
{
	SpiceCharDeviceInstance *device = end;

	if (interface_of(device)->state)
		interface_of(device)->state(device, is_open);
}

static int on_write(void *end, const uint8_t *bytes, int len)
{
	return interface_of(end)->write(end, bytes, len);
}

static int on_read(void *end, uint8_t *bytes, int len)
{
	return interface_of(end)->read(end, bytes, len);
}

static bool is_running(const struct SpiceServer *server)
{
	return server->vm_state != CLOVE_VM_STOPPED;
}

/* -- coming and going -- */

static bool has_agent(const struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		if (CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->is_agent)
			return true;
	return false;
}

/* NOTIFY_WRITABLE is not believed: QEMU's usb-redir takes nothing while the VM is paused, which we are not told of
 * (vm_stop is for other reasons), and says nothing when it goes on. A transfer would wait until the guest gives up. */
static struct SpiceCharDeviceState *new_state(struct SpiceServer *server, SpiceCharDeviceInstance *device)
{
	static const struct clove_char_ops ops = { .state = on_state, .write = on_write, .read = on_read };
	struct SpiceCharDeviceState *state = calloc(1, sizeof *state);
	struct clove_char_options options = {
		.ops = &ops, .end = device, .is_polled = true, .is_drained = true,
		.is_running = is_running(server),
	};

	if (!state)
		return NULL;
	state->stream = clove_char_device_new(server->loop, &options);
	if (!state->stream) {
		free(state);
		return NULL;
	}
	state->server = server;
	state->device = device;
	clove_list_init(&state->offer.link);
	clove_list_append(&server->char_devices, &state->link);
	return state;
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
	state = new_state(server, device);
	if (!state) {
		clove_log(ERROR, "char", "%s: out of memory; ignored", device->subtype);
		return 0;
	}
	state->is_agent = is_agent;
	device->st = state;
	if (!strcmp(device->subtype, "usbredir"))
		clove_vmc_offer(server, &state->offer, CLOVE_CHANNEL_USBREDIR, state->stream);
	else
		clove_log(INFO, "char", "%s %s: no channel carries it yet", device->subtype,
				device->portname && !strcmp(device->subtype, "port") ? device->portname : "");
	/* An agent whose port looks unplugged opens it again and again. The others wait for a viewer. */
	if (is_agent)
		on_state(device, true);
	if (device->st)
		clove_char_device_wakeup(device->st->stream);
	return 0;
}

void clove_char_device_detach(SpiceCharDeviceInstance *device)
{
	struct SpiceCharDeviceState *state = device->st;

	if (!state)
		return;
	device->st = NULL;
	clove_log(DEBUG, "char", "%s: gone; %llu bytes were dropped", device->subtype,
			(unsigned long long)clove_char_device_dropped(state->stream));
	clove_vmc_withdraw(state->server, &state->offer);
	clove_char_device_free(state->stream);
	clove_list_remove(&state->link);
	free(state);
}

void clove_char_devices_set_running(struct SpiceServer *server, bool running)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		clove_char_device_set_running(CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->stream,
				running);
}

void clove_char_devices_fini(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->char_devices)
		clove_char_device_detach(CLOVE_CONTAINER(link, struct SpiceCharDeviceState, link)->device);
}

CLOVE_EXPORT void spice_server_char_device_wakeup(SpiceCharDeviceInstance *device)
{
	if (device && device->st)
		clove_char_device_wakeup(device->st->stream);
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
