/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hub.c - the built-in hub with its transaction translator (USB 2.0, chapter 11), as a device of usb/ on a root port.
 *
 * What a real translator does on the wire is done by the schedules in one step; here are the ports.
 */
#include "vmm-glue/ehci/ehci.h"

#include <stdlib.h>
#include "usb/model.h"

enum {
	PORTS = CLOVE_EHCI_HUB_PORTS,
	STATUS_CHANGE = 0x81,

	/* wPortStatus and wPortChange (tables 11-21, 11-22); the change bits have the same places */
	CONNECTION = 1 << 0, ENABLE = 1 << 1, SUSPEND = 1 << 2, OVER_CURRENT = 1 << 3, RESET = 1 << 4,
	POWER = 1 << 8, LOW_SPEED = 1 << 9, HIGH_SPEED = 1 << 10, TEST = 1 << 11, INDICATOR = 1 << 12,

	/* features (table 11-17) */
	F_ENABLE = 1, F_SUSPEND = 2, F_RESET = 4, F_POWER = 8, F_C_CONNECTION = 16, F_C_RESET = 20, F_TEST = 21,
	F_INDICATOR = 22,
};

struct ehci_hub {
	struct clove_model model;              /* first */
	const struct clove_usb_device_ops *base;
	struct clove_usb_device_ops ops;
	struct clove_ehci *hc;
	struct hub_port {
		uint16_t status, change;
		struct ehci_attached attached;
	} ports[PORTS];
};

static const struct clove_desc_endpoint endpoints[] = {
	{ .address = STATUS_CHANGE, .attributes = CLOVE_USB_INTERRUPT, .max_packet = PORTS / 8 + 1, .interval = 12 },
};
static const struct clove_desc_interface interfaces[] = {
	{ .interface_class = 9, .endpoints = endpoints, .endpoint_count = 1 },
};
static const struct clove_desc hub_desc = {
	.speed = CLOVE_USB_HIGH, .usb = 0x200, .device_class = 9, .device_protocol = 1, .max_packet_0 = 64,
	.vendor = 0x1d6b, .product = 0x0107, .version = 0x100, /* protocol 1: a single translator */
	.strings = { "Clove", "USB 2.0 hub" },
	.attributes = CLOVE_DESC_BUS_POWERED | 0x40 | CLOVE_DESC_REMOTE_WAKEUP,
	.interfaces = interfaces, .interface_count = 1,
};
/* Table 11-13: power and over-current for each port, 8 bit times to think, 100 ms until the power is good */
static const uint8_t class_desc[] = { 9, 0x29, PORTS, 0x09, 0x00, 50, 0, 0x00, 0xff };
/* 9.6.2: what it would be at full speed */
static const uint8_t qualifier[] = { 10, 6, 0x00, 0x02, 9, 0, 0, 64, 1, 0 };

static struct ehci_hub *hub_of(struct clove_model *model)
{
	return CLOVE_CONTAINER(model, struct ehci_hub, model);
}

struct clove_usb_device *ehci_hub_device(struct ehci_hub *hub)
{
	return &hub->model.device;
}

struct ehci_attached *ehci_hub_port(struct ehci_hub *hub, unsigned int n)
{
	return &hub->ports[n].attached;
}

bool ehci_hub_is_enabled(const struct ehci_hub *hub, unsigned int n)
{
	return hub->ports[n].status & ENABLE;
}

bool ehci_hub_is_suspended(const struct ehci_hub *hub, unsigned int n)
{
	return hub->ports[n].status & SUSPEND;
}

uint32_t ehci_hub_port_state(const struct ehci_hub *hub, unsigned int n)
{
	return hub->ports[n].status | (uint32_t)hub->ports[n].change << 16;
}

/* As it was before a migration, with what is plugged in now. */
void ehci_hub_port_restore(struct ehci_hub *hub, unsigned int n, uint32_t state)
{
	struct hub_port *port = &hub->ports[n];
	bool was_there = state & CONNECTION, is_there = port->attached.usb;

	port->status = (uint16_t)state;
	port->change = (uint16_t)(state >> 16);
	if (was_there != is_there)
		ehci_hub_port_changed(hub, n);
}

/* The status change endpoint: a bit for each port with a change, as long as it has one (11.12.4). */
static void run(struct clove_model *model)
{
	struct clove_usb_transfer *transfer = clove_model_first(model, STATUS_CHANGE);
	uint8_t bitmap = 0;

	for (unsigned int i = 0; i < PORTS; i++)
		if (hub_of(model)->ports[i].change)
			bitmap |= (uint8_t)(2u << i);
	if (!transfer || !bitmap)
		return;
	if (transfer->len)
		transfer->data[0] = bitmap;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len ? 1 : 0);
}

static uint16_t speed_of(const struct hub_port *port)
{
	switch (port->attached.usb->shape.speed) {
	case CLOVE_USB_LOW:
		return LOW_SPEED;
	case CLOVE_USB_HIGH:
		return HIGH_SPEED;
	default:
		return 0;
	}
}

static void changed(struct ehci_hub *hub)
{
	clove_model_run(&hub->model);
	clove_model_wake(&hub->model);     /* only if suspended, and allowed to (11.4.4) */
}

void ehci_hub_port_changed(struct ehci_hub *hub, unsigned int n)
{
	struct hub_port *port = &hub->ports[n];

	if (!(port->status & POWER))
		return;                    /* told when the power comes */
	port->status = POWER;
	if (port->attached.usb)
		port->status |= CONNECTION | speed_of(port);
	port->change = (port->change & ~(uint16_t)RESET) | CONNECTION;
	changed(hub);
}

static void resume(struct ehci_hub *hub, struct hub_port *port)
{
	if (!(port->status & SUSPEND))
		return;
	port->status &= (uint16_t)~SUSPEND;
	port->change |= SUSPEND;
	ehci_port_suspends_changed(hub->hc);
}

void ehci_hub_port_wakes(struct ehci_hub *hub, unsigned int n)
{
	resume(hub, &hub->ports[n]);
	changed(hub);
}

/* ---- requests (11.24.2) ------------------------------------------------------------------------------ */

static void set_power(struct ehci_hub *hub, struct hub_port *port)
{
	if (port->status & POWER)
		return;
	port->status = POWER;
	if (port->attached.usb) {
		port->status |= CONNECTION | speed_of(port);
		port->change |= CONNECTION;
	}
	ehci_port_suspends_changed(hub->hc);
}

static void reset_port(struct ehci_hub *hub, struct hub_port *port)
{
	if (!(port->status & CONNECTION))
		return;
	port->status = POWER | CONNECTION | speed_of(port);
	ehci_attached_reset(&port->attached);
	port->status |= ENABLE;
	port->change |= RESET;
	ehci_port_suspends_changed(hub->hc);
}

static enum clove_err set_port_feature(struct ehci_hub *hub, struct hub_port *port, uint16_t feature)
{
	switch (feature) {
	case F_POWER:
		set_power(hub, port);
		break;
	case F_RESET:
		reset_port(hub, port);
		break;
	case F_SUSPEND:
		if (port->status & ENABLE)
			port->status |= SUSPEND;
		ehci_port_suspends_changed(hub->hc);
		break;
	case F_TEST:
	case F_INDICATOR:
		break;
	default:
		return CLOVE_ERR_VALUE;
	}
	return CLOVE_OK;
}

static enum clove_err clear_port_feature(struct ehci_hub *hub, struct hub_port *port, uint16_t feature)
{
	switch (feature) {
	case F_ENABLE:
		port->status &= (uint16_t)~(ENABLE | SUSPEND);
		break;
	case F_SUSPEND:
		resume(hub, port);
		break;
	case F_POWER:
		port->status = 0;
		port->change = 0;
		break;
	case F_INDICATOR:
		break;
	default:
		if (feature < F_C_CONNECTION || feature > F_C_RESET)
			return CLOVE_ERR_VALUE;
		port->change &= (uint16_t)~(1u << (feature - F_C_CONNECTION));
	}
	ehci_port_suspends_changed(hub->hc);
	return CLOVE_OK;
}

static enum clove_err control(struct clove_model *model, const struct clove_usb_setup *setup, struct clove_bytes data,
		struct clove_buf *answer)
{
	struct ehci_hub *hub = hub_of(model);
	uint16_t n = setup->index & 0xff;
	struct hub_port *port = n >= 1 && n <= PORTS ? &hub->ports[n - 1] : NULL;
	uint8_t zeros[4] = { 0 };
	enum clove_err err;

	(void)data;
	switch (setup->request_type << 8 | setup->request) {
	case 0xa000:                       /* GET_STATUS of the hub: power is good */
		return clove_buf_append(answer, zeros, 4);
	case 0xa300:
		if (!port)
			return CLOVE_ERR_VALUE;
		clove_put_le16(zeros, port->status);
		clove_put_le16(zeros + 2, port->change);
		return clove_buf_append(answer, zeros, 4);
	case 0xa006:
		if (setup->value >> 8 != 0x29 && setup->value >> 8)
			return CLOVE_ERR_VALUE;
		return clove_buf_append(answer, class_desc, sizeof class_desc);
	case 0x2001: case 0x2003:          /* C_HUB_LOCAL_POWER, C_HUB_OVER_CURRENT */
		return setup->value <= 1 ? CLOVE_OK : CLOVE_ERR_VALUE;
	case 0x2301:
		err = port ? clear_port_feature(hub, port, setup->value) : CLOVE_ERR_VALUE;
		clove_model_run(model);
		return err;
	case 0x2303:
		err = port ? set_port_feature(hub, port, setup->value) : CLOVE_ERR_VALUE;
		clove_model_run(model);
		return err;
	case 0x2308: case 0x2309: case 0x230b: /* CLEAR_TT_BUFFER, RESET_TT, STOP_TT: nothing is in the translator */
		return CLOVE_OK;
	case 0xa30a:                       /* GET_TT_STATE */
		return clove_buf_append(answer, zeros, 4);
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

/* Reset, or configured: all ports without power. */
static void restart(struct clove_model *model, uint32_t which)
{
	struct ehci_hub *hub = hub_of(model);

	if (which != UINT32_MAX)
		return;
	for (unsigned int i = 0; i < PORTS; i++)
		hub->ports[i].status = hub->ports[i].change = 0;
	ehci_port_suspends_changed(hub->hc);
}

static void free_hub(struct clove_model *model)
{
	struct ehci_hub *hub = hub_of(model);

	for (unsigned int i = 0; i < PORTS; i++)
		if (hub->ports[i].attached.usb)
			ehci_detach(&hub->ports[i].attached);
	hub->hc->hub = NULL;
	free(hub);
}

/* Two standard requests that are answered otherwise than by most devices. */
static void submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct ehci_hub *hub = CLOVE_CONTAINER(device, struct ehci_hub, model.device);
	const struct clove_usb_setup *setup = &transfer->setup;
	uint8_t status[2] = { (uint8_t)(1 | hub->model.may_wake << 1), 0 }; /* self-powered */
	struct clove_bytes answer = { NULL, 0 };

	if (transfer->type == CLOVE_USB_CONTROL && setup->request_type == CLOVE_USB_IN) {
		if (setup->request == 6 && setup->value == 0x0600)
			answer = CLOVE_BYTES(qualifier, sizeof qualifier);
		if (setup->request == 0)
			answer = CLOVE_BYTES(status, sizeof status);
	}
	if (!answer.data) {
		hub->base->submit(device, transfer);
		return;
	}
	if (answer.len > setup->length)
		answer.len = setup->length;
	if (answer.len)
		memcpy(transfer->data, answer.data, answer.len);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, answer.len);
}

static const struct clove_model_ops model_ops = {
	.control = control, .run = run, .restart = restart, .free = free_hub,
};

struct ehci_hub *ehci_hub_new(struct clove_ehci *hc)
{
	struct ehci_hub *hub = calloc(1, sizeof *hub);

	if (!hub)
		return NULL;
	hub->hc = hc;
	for (unsigned int i = 0; i < PORTS; i++)
		hub->ports[i].attached = (struct ehci_attached){ .hc = hc, .port = 101 + (int)i };
	clove_model_init(&hub->model, &model_ops, &hub_desc, "USB 2.0 hub");
	hub->base = hub->model.device.ops;
	hub->ops = *hub->base;
	hub->ops.submit = submit;
	hub->model.device.ops = &hub->ops;
	return hub;
}
