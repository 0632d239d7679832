/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* save.c - the controller's state as bytes, for live migration.
 *
 * Transfers are not in it: their qTDs are still active in the guest's memory, and the schedules are walked again.
 * A control transfer is, as its SETUP has left the guest's memory. Devices are told their configuration again.
 */
#include "vmm-glue/ehci/ehci.h"

#include <stdlib.h>
#include "common/util/buf.h"

enum {
	VERSION = 1,
	NO_HUB = 0xff,
	DEVICES = CLOVE_EHCI_ROOT_PORTS + CLOVE_EHCI_HUB_PORTS,
	SET_FEATURE = 3, SET_CONFIGURATION = 9, SET_INTERFACE = 11, DEVICE_REMOTE_WAKEUP = 1,
};
static const uint8_t magic[4] = { 'C', 'E', 'H', 'C' };

/* One walk over all fields serves both directions: a writer appends, a reader takes. */
struct codec {
	struct clove_buf *out;             /* or NULL: reads */
	struct clove_bytes in;
	bool is_bad;
};

static void bytes(struct codec *codec, void *data, size_t len)
{
	if (codec->is_bad)
		return;
	if (codec->out) {
		codec->is_bad = clove_buf_append(codec->out, data, len);
		return;
	}
	codec->is_bad = len > codec->in.len;
	if (codec->is_bad)
		return;
	memcpy(data, codec->in.data, len);
	codec->in.data += len;
	codec->in.len -= len;
}

static void u8(struct codec *codec, uint8_t *value)
{
	bytes(codec, value, 1);
}

static void u16(struct codec *codec, uint16_t *value)
{
	uint8_t b[2];

	clove_put_le16(b, *value);
	bytes(codec, b, sizeof b);
	*value = clove_le16(b);
}

static void u32(struct codec *codec, uint32_t *value)
{
	uint8_t b[4];

	clove_put_le32(b, *value);
	bytes(codec, b, sizeof b);
	*value = clove_le32(b);
}

struct device_state {
	uint8_t is_there, address, may_wake, configuration;
	uint32_t reset_order, port;        /* port: PORTSC, or the hub's status and changes */
	uint8_t alts[CLOVE_USB_INTERFACES];
	uint8_t stage;                     /* of a control transfer */
	struct clove_usb_setup setup;
	uint16_t moved;
	uint8_t *data;                     /* OUT: `moved` bytes */
};

struct state {
	uint8_t config[256];
	uint32_t reg[EHCI_REGS];
	uint32_t frindex, pending;
	uint8_t hub_at;
	struct device_state devices[DEVICES];
};

static void device_fields(struct codec *codec, struct device_state *device)
{
	u8(codec, &device->is_there);
	u8(codec, &device->address);
	u8(codec, &device->may_wake);
	u8(codec, &device->configuration);
	u32(codec, &device->reset_order);
	u32(codec, &device->port);
	bytes(codec, device->alts, sizeof device->alts);
	u8(codec, &device->stage);
	u8(codec, &device->setup.request_type);
	u8(codec, &device->setup.request);
	u16(codec, &device->setup.value);
	u16(codec, &device->setup.index);
	u16(codec, &device->setup.length);
	u16(codec, &device->moved);
	if (codec->is_bad || device->stage > CONTROL_OUT || device->moved > device->setup.length ||
			device->address > 127) {
		codec->is_bad = true;
		return;
	}
	if (device->stage != CONTROL_OUT || !device->moved)
		return;
	if (!codec->out)
		device->data = malloc(device->moved);
	if (device->data)
		bytes(codec, device->data, device->moved);
	else
		codec->is_bad = true;
}

static void fields(struct codec *codec, struct state *state)
{
	uint8_t head[4];
	uint32_t version = VERSION;

	memcpy(head, magic, sizeof head);
	bytes(codec, head, sizeof head);
	u32(codec, &version);
	if (memcmp(head, magic, sizeof head) || version != VERSION)
		codec->is_bad = true;
	bytes(codec, state->config, sizeof state->config);
	for (int i = 0; i < EHCI_REGS; i++)
		u32(codec, &state->reg[i]);
	u32(codec, &state->frindex);
	u32(codec, &state->pending);
	u8(codec, &state->hub_at);
	for (int i = 0; i < DEVICES; i++)
		device_fields(codec, &state->devices[i]);
	if (state->hub_at != NO_HUB && state->hub_at >= CLOVE_EHCI_ROOT_PORTS)
		codec->is_bad = true;
}

static struct ehci_attached *attached_at(const struct clove_ehci *hc, int i)
{
	if (i < CLOVE_EHCI_ROOT_PORTS)
		return (struct ehci_attached *)&hc->ports[i].attached;
	return hc->hub ? ehci_hub_port(hc->hub, (unsigned int)(i - CLOVE_EHCI_ROOT_PORTS)) : NULL;
}

static void look_at(const struct ehci_attached *attached, struct device_state *device)
{
	const struct clove_usb_shape *shape = &attached->usb->shape;
	const struct ehci_control *control = &attached->control;

	device->is_there = 1;
	device->address = attached->address;
	device->may_wake = attached->may_wake;
	device->reset_order = (uint32_t)attached->reset_order;
	device->configuration = shape->configuration;
	for (uint32_t i = 0; i < shape->interface_count && i < CLOVE_USB_INTERFACES; i++)
		if (shape->interfaces[i].number < CLOVE_USB_INTERFACES)
			device->alts[shape->interfaces[i].number] = shape->interfaces[i].alt;
	device->stage = control->stage == CONTROL_SUBMITTED ? CONTROL_OUT : control->stage;
	if (control->stage == CONTROL_IDLE)
		return;
	device->setup = control->transfer->setup;
	device->moved = (uint16_t)control->moved;
	device->data = control->transfer->data;
	if (device->stage == CONTROL_OUT && device->moved && !device->data)
		device->stage = CONTROL_IDLE; /* its device kept the bytes */
}

bool clove_ehci_save(const struct clove_ehci *ehci, void *data, size_t *size)
{
	struct clove_buf out = { 0 };
	struct codec codec = { .out = &out };
	struct state state = { .hub_at = NO_HUB, .pending = ehci->pending };
	bool is_fitting;

	memcpy(state.config, ehci->config, sizeof state.config);
	memcpy(state.reg, ehci->reg, sizeof state.reg);
	state.frindex = (uint32_t)ehci_microframes((struct clove_ehci *)ehci) & 0x3fff;
	for (int i = 0; i < DEVICES; i++) {
		const struct ehci_attached *attached = attached_at(ehci, i);

		if (i < CLOVE_EHCI_ROOT_PORTS)
			state.devices[i].port = ehci->ports[i].portsc;
		else if (attached)
			state.devices[i].port = ehci_hub_port_state(ehci->hub,
					(unsigned int)(i - CLOVE_EHCI_ROOT_PORTS));
		if (attached && attached->usb)
			look_at(attached, &state.devices[i]);
		if (i < CLOVE_EHCI_ROOT_PORTS && ehci->hub && attached->usb == ehci_hub_device(ehci->hub))
			state.hub_at = (uint8_t)i;
	}
	fields(&codec, &state);
	is_fitting = !codec.is_bad && *size >= out.len;
	if (is_fitting)
		memcpy(data, out.data, out.len);
	*size = out.len;
	clove_buf_fini(&out);
	return is_fitting;
}

/* Whether nothing is under way that would be sent again. */
bool clove_ehci_is_drained(const struct clove_ehci *ehci)
{
	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, (struct clove_list *)&ehci->queues[i])
			CLOVE_LIST_FOR_EACH(w, &CLOVE_CONTAINER(item, struct ehci_queue, link)->works) {
				const struct ehci_work *work = CLOVE_CONTAINER(w, struct ehci_work, link);

				if (work->is_done || !(work->transfer->endpoint & CLOVE_USB_IN))
					return false;
			}
	for (int i = 0; i < DEVICES; i++) {
		const struct ehci_attached *attached = attached_at(ehci, i);

		if (attached && attached->usb && (attached->control.stage == CONTROL_SUBMITTED || attached->restoring))
			return false;
	}
	return true;
}

/* ---- the devices' configuration ----------------------------------------------------------------------- */

/* Also when the device is reset or freed: then all its transfers come back. */
static void on_restored(struct clove_usb_transfer *transfer)
{
	struct ehci_attached *attached = transfer->opaque;

	attached->restoring--;
	ehci_kick(attached->hc);
	clove_usb_transfer_free(transfer);
}

static void request(struct ehci_attached *attached, uint8_t type, uint8_t code, uint16_t value, uint16_t index)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(0, CLOVE_USB_CONTROL, 0, 0);

	if (!transfer)
		return;
	transfer->setup = (struct clove_usb_setup){ type, code, value, index, 0 };
	transfer->done = on_restored;
	transfer->opaque = attached;
	attached->restoring++;
	clove_usb_submit(attached->usb, transfer);
}

static void restore_device(struct ehci_attached *attached, const struct device_state *device)
{
	struct clove_ehci *hc = attached->hc;

	attached->address = device->address;
	attached->may_wake = device->may_wake;
	attached->reset_order = device->reset_order;
	if (hc->resets < device->reset_order)
		hc->resets = device->reset_order;
	if (!device->configuration)
		return;
	request(attached, 0, SET_CONFIGURATION, device->configuration, 0);
	for (uint16_t i = 0; i < CLOVE_USB_INTERFACES; i++)
		if (device->alts[i])
			request(attached, 1, SET_INTERFACE, device->alts[i], i);
	if (device->may_wake)
		request(attached, 0, SET_FEATURE, DEVICE_REMOTE_WAKEUP, 0);
}

static void restore_control(struct ehci_attached *attached, const struct device_state *device)
{
	if (device->stage == CONTROL_IDLE || !ehci_control_begin(attached, &device->setup))
		return;
	attached->control.moved = device->moved;
	if (device->data)
		memcpy(attached->control.transfer->data, device->data, device->moved);
}

static bool is_stage_sane(const struct device_state *device)
{
	return device->stage == CONTROL_IDLE ||
			(device->stage == CONTROL_IN) == (device->setup.request_type >> 7);
}

static void apply(struct clove_ehci *hc, const struct state *state)
{
	ehci_controller_reset(hc);
	memcpy(hc->config, state->config, sizeof hc->config);
	if (state->hub_at != NO_HUB)
		ehci_hub_at_port(hc, state->hub_at);
	memcpy(hc->reg, state->reg, sizeof hc->reg);
	hc->reg[FRINDEX] = state->frindex;
	if (hc->reg[USBCMD] & USBCMD_RS)
		ehci_started(hc);
	hc->pending = state->pending & USBSTS_CAUSES;
	for (int i = 0; i < DEVICES; i++) {
		const struct device_state *device = &state->devices[i];
		struct ehci_attached *attached = attached_at(hc, i);

		if (i < CLOVE_EHCI_ROOT_PORTS) {
			hc->ports[i].portsc = device->port;
			if (!device->is_there != !attached->usb) {
				hc->ports[i].portsc = PORT_CSC | (device->port & (PORT_WKCNNT | PORT_WKDSCNNT | PORT_WKOC));
				ehci_raise(hc, USBSTS_PCD);
				continue;
			}
		}
		if (attached && attached->usb && device->is_there)
			restore_device(attached, device);
		/* after the hub's own configuration, which takes its ports' power */
		if (i >= CLOVE_EHCI_ROOT_PORTS && attached)
			ehci_hub_port_restore(hc->hub, (unsigned int)(i - CLOVE_EHCI_ROOT_PORTS), device->port);
		if (attached && attached->usb && device->is_there)
			restore_control(attached, device);
	}
	ehci_port_suspends_changed(hc);
	ehci_update_irq(hc, false);
	ehci_kick(hc);
}

bool clove_ehci_load(struct clove_ehci *ehci, const void *data, size_t size)
{
	struct codec codec = { .in = { data, size } };
	struct state *state = calloc(1, sizeof *state);
	bool is_good;

	if (!state)
		return false;
	fields(&codec, state);
	for (int i = 0; i < DEVICES; i++)
		codec.is_bad |= !is_stage_sane(&state->devices[i]);
	is_good = !codec.is_bad && !codec.in.len && !ehci->is_busy;
	if (is_good)
		apply(ehci, state);
	for (int i = 0; i < DEVICES; i++)
		free(state->devices[i].data);
	free(state);
	return is_good;
}
