/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* port.c - the root ports' state machine (2.3.9, 4.2), what is plugged in where, and who answers to an address. */
#include "vmm-glue/ehci/ehci.h"

#include <stdlib.h>

enum {
	PORT_STORED = PORT_CSC | PORT_PED | PORT_PEC | PORT_OCC | PORT_FPR | PORT_SUSPEND | PORT_PR | PORT_TEST |
			PORT_WKCNNT | PORT_WKDSCNNT | PORT_WKOC,
	PORT_RW = PORT_TEST | PORT_WKCNNT | PORT_WKDSCNNT | PORT_WKOC,
	PORT_W1C = PORT_CSC | PORT_PEC | PORT_OCC,
	HUB_PORT = 101,            /* the hub's first, as clove_ehci_plug() numbers them */
};

static struct ehci_port *root_of(const struct ehci_attached *attached)
{
	return CLOVE_CONTAINER(attached, struct ehci_port, attached);
}

static bool is_root(const struct ehci_attached *attached)
{
	return attached->port < HUB_PORT;
}

/* The hub's place on a root port, or NULL. */
static struct ehci_port *hub_port(const struct clove_ehci *hc)
{
	for (int i = 0; hc->hub && i < CLOVE_EHCI_ROOT_PORTS; i++)
		if (hc->ports[i].attached.usb == ehci_hub_device(hc->hub))
			return (struct ehci_port *)&hc->ports[i];
	return NULL;
}

void ehci_ports_init(struct clove_ehci *hc)
{
	for (int i = 0; i < CLOVE_EHCI_ROOT_PORTS; i++)
		hc->ports[i].attached = (struct ehci_attached){ .hc = hc, .port = 1 + i };
}

/* Nobody's reset, and the devices are there as before: the driver finds them anew. */
void ehci_ports_reset(struct clove_ehci *hc)
{
	for (int i = 0; i < CLOVE_EHCI_ROOT_PORTS; i++)
		hc->ports[i].portsc = hc->ports[i].attached.usb ? PORT_CSC : 0;
	ehci_port_suspends_changed(hc);
}

void ehci_ports_routed(struct clove_ehci *hc)
{
	for (int i = 0; i < CLOVE_EHCI_ROOT_PORTS; i++)
		if (hc->ports[i].attached.usb) {
			hc->ports[i].portsc |= PORT_CSC;
			ehci_raise(hc, USBSTS_PCD);
		}
}

void ehci_port_suspends_changed(struct clove_ehci *hc)
{
	const struct ehci_port *hub = hub_port(hc);

	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		a->usb->is_suspended = is_root(a) ? root_of(a)->portsc & PORT_SUSPEND :
				(hub && hub->portsc & PORT_SUSPEND) ||
				ehci_hub_is_suspended(hc->hub, (unsigned int)(a->port - HUB_PORT));
}

uint32_t ehci_port_read(struct clove_ehci *hc, unsigned int n)
{
	const struct ehci_port *port = &hc->ports[n];
	uint32_t value = (port->portsc & PORT_STORED) | PORT_PP;

	if (!port->attached.usb)
		return value;
	value |= PORT_CCS;
	if (!(value & (PORT_PED | PORT_PR)))
		value |= PORT_LINE_J;      /* high speed rests as full speed does */
	return value;
}

static void resume(struct clove_ehci *hc, struct ehci_port *port)
{
	port->portsc &= ~(uint32_t)(PORT_FPR | PORT_SUSPEND);
	ehci_port_suspends_changed(hc);
}

void ehci_attached_reset(struct ehci_attached *attached)
{
	clove_usb_reset(attached->usb);
	ehci_control_abort(attached);
	attached->address = 0;
	attached->may_wake = false;
	attached->reset_order = ++attached->hc->resets;
}

void ehci_port_write(struct clove_ehci *hc, unsigned int n, uint32_t value, uint32_t mask)
{
	struct ehci_port *port = &hc->ports[n];
	uint32_t old = port->portsc, now = old & ~(value & PORT_W1C);
	uint32_t written = (value & mask) | (old & ~mask);

	now = (now & ~(PORT_RW & mask)) | (value & PORT_RW & mask);
	if (!(written & PORT_PED))
		now &= ~(uint32_t)(PORT_PED | PORT_SUSPEND | PORT_FPR);
	if (written & PORT_PR && !(old & PORT_PR)) {
		/* a reset begins */
		now = (now & ~(uint32_t)(PORT_PED | PORT_SUSPEND | PORT_FPR)) | PORT_PR;
		port->portsc = now;
		ehci_port_suspends_changed(hc);
		return;
	}
	if (!(written & PORT_PR) && old & PORT_PR) {
		/* and ends: only high-speed devices are on root ports */
		port->portsc = now & ~(uint32_t)PORT_PR;
		if (port->attached.usb)
			ehci_attached_reset(&port->attached);
		if (port->attached.usb && !port->attached.is_lost)
			port->portsc |= PORT_PED;
		return;
	}
	if (now & PORT_PED && !(old & PORT_SUSPEND) && written & PORT_SUSPEND && hc->reg[USBCMD] & USBCMD_RS)
		now |= PORT_SUSPEND;
	port->portsc = now;
	if (old & PORT_SUSPEND && now & PORT_SUSPEND) {
		if (written & PORT_FPR)
			port->portsc |= PORT_FPR;
		else if (old & PORT_FPR)
			resume(hc, port);
	}
	ehci_port_suspends_changed(hc);
}

/* Remote wake-up: the port resumes by itself, and a sleeping machine is told (4.3). */
static void on_wake(void *owner)
{
	struct ehci_attached *attached = owner;
	struct clove_ehci *hc = attached->hc;
	struct ehci_port *port;

	if (!is_root(attached)) {
		ehci_hub_port_wakes(hc->hub, (unsigned int)(attached->port - HUB_PORT));
		return;
	}
	port = root_of(attached);
	if (!(port->portsc & PORT_SUSPEND) || port->portsc & PORT_FPR)
		return;
	port->portsc |= PORT_FPR;
	ehci_raise(hc, USBSTS_PCD);
	ehci_wake_machine(hc);
	ehci_kick(hc);
}

static void on_frames_wanted(void *owner)
{
	struct ehci_attached *attached = owner;

	ehci_kick(attached->hc);
}

/* A port's connection changed. */
static void connection_changed(struct ehci_attached *attached)
{
	struct clove_ehci *hc = attached->hc;
	struct ehci_port *port;

	if (!is_root(attached)) {
		ehci_hub_port_changed(hc->hub, (unsigned int)(attached->port - HUB_PORT));
		return;
	}
	port = root_of(attached);
	port->portsc &= ~(uint32_t)(PORT_PED | PORT_SUSPEND | PORT_FPR | PORT_PR);
	port->portsc |= PORT_CSC;
	ehci_raise(hc, USBSTS_PCD);
	if (port->portsc & (attached->usb ? PORT_WKCNNT : PORT_WKDSCNNT))
		ehci_wake_machine(hc);
	ehci_kick(hc);
}

static void on_gone(void *owner, const char *why)
{
	struct ehci_attached *attached = owner;
	struct clove_ehci *hc = attached->hc;
	int port = attached->port;

	if (*why)
		ehci_log(hc, "%s: %s", attached->usb->name, why);
	if (hc->is_busy) {
		attached->is_lost = true;  /* a pass may have it in hand */
		hc->must_run = true;
		return;
	}
	ehci_detach(attached);
	if (hc->vmm->gone)
		hc->vmm->gone(hc->opaque, port);
}

void ehci_attached_lost(struct clove_ehci *hc)
{
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		if (a->is_lost) {
			ehci_detach(a);
			if (hc->vmm->gone)
				hc->vmm->gone(hc->opaque, a->port);
		}
}

static const struct clove_usb_events events = { on_gone, on_wake, on_frames_wanted };

void ehci_attach(struct ehci_attached *attached, struct clove_usb_device *take_usb)
{
	attached->usb = take_usb;
	attached->address = 0;
	attached->is_lost = attached->may_wake = false;
	attached->control = (struct ehci_control){ CONTROL_IDLE };
	take_usb->owner = attached;
	take_usb->events = &events;
	take_usb->is_suspended = false;
	connection_changed(attached);
}

void ehci_detach(struct ehci_attached *attached)
{
	struct clove_usb_device *usb = attached->usb;

	ehci_attached_withdraw(attached);
	ehci_control_abort(attached);
	attached->usb = NULL;
	attached->is_lost = false;
	usb->events = NULL;
	connection_changed(attached);
	clove_usb_device_free(usb);
}

struct ehci_attached *ehci_next_attached(struct clove_ehci *hc, const struct ehci_attached *after)
{
	int i = !after ? 0 : is_root(after) ? after->port : CLOVE_EHCI_ROOT_PORTS + after->port - HUB_PORT + 1;

	for (; i < CLOVE_EHCI_ROOT_PORTS; i++)
		if (hc->ports[i].attached.usb)
			return &hc->ports[i].attached;
	for (i -= CLOVE_EHCI_ROOT_PORTS; hc->hub && i < CLOVE_EHCI_HUB_PORTS; i++)
		if (ehci_hub_port(hc->hub, (unsigned int)i)->usb)
			return ehci_hub_port(hc->hub, (unsigned int)i);
	return NULL;
}

static void prefer(struct ehci_attached **found, struct ehci_attached *candidate, uint32_t address)
{
	if (candidate->usb && !candidate->is_lost && candidate->address == address &&
			(!*found || (*found)->reset_order < candidate->reset_order))
		*found = candidate;
}

/* Who answers at this address, on an enabled port; of several at address 0 who was reset last. */
struct ehci_attached *ehci_find(struct clove_ehci *hc, uint32_t address, uint8_t speed)
{
	struct ehci_attached *found = NULL;
	const struct ehci_port *hub;

	for (int i = 0; speed == CLOVE_USB_HIGH && i < CLOVE_EHCI_ROOT_PORTS; i++)
		if (hc->ports[i].portsc & PORT_PED)
			prefer(&found, &hc->ports[i].attached, address);
	if (speed == CLOVE_USB_HIGH || !(hub = hub_port(hc)) || !(hub->portsc & PORT_PED))
		return found;
	for (unsigned int i = 0; i < CLOVE_EHCI_HUB_PORTS; i++)
		if (ehci_hub_is_enabled(hc->hub, i) && ehci_hub_port(hc->hub, i)->usb &&
				ehci_hub_port(hc->hub, i)->usb->shape.speed == speed)
			prefer(&found, ehci_hub_port(hc->hub, i), address);
	return found;
}

/* ---- plugging --------------------------------------------------------------------------------------- */

void ehci_hub_at_port(struct clove_ehci *hc, unsigned int n)
{
	struct ehci_port *from;

	if (hc->ports[n].attached.usb || !(hc->hub || (hc->hub = ehci_hub_new(hc))))
		return;
	from = hub_port(hc);
	if (from)
		from->attached.usb = NULL;
	ehci_attach(&hc->ports[n].attached, ehci_hub_device(hc->hub));
}

/* The hub comes with the first device that needs it, on the last free root port, and stays. */
static bool need_hub(struct clove_ehci *hc)
{
	if (hc->hub)
		return true;
	for (int i = CLOVE_EHCI_ROOT_PORTS; i-- > 0;)
		if (!hc->ports[i].attached.usb) {
			hc->hub = ehci_hub_new(hc);
			if (hc->hub)
				ehci_attach(&hc->ports[i].attached, ehci_hub_device(hc->hub));
			return hc->hub;
		}
	return false;
}

static struct ehci_attached *free_port(struct clove_ehci *hc, uint8_t speed)
{
	if (speed == CLOVE_USB_HIGH) {
		for (int i = 0; i < CLOVE_EHCI_ROOT_PORTS; i++)
			if (!hc->ports[i].attached.usb)
				return &hc->ports[i].attached;
		return NULL;
	}
	if ((speed != CLOVE_USB_FULL && speed != CLOVE_USB_LOW) || !need_hub(hc))
		return NULL;
	for (unsigned int i = 0; i < CLOVE_EHCI_HUB_PORTS; i++)
		if (!ehci_hub_port(hc->hub, i)->usb)
			return ehci_hub_port(hc->hub, i);
	return NULL;
}

int clove_ehci_plug(struct clove_ehci *ehci, struct clove_usb_device *take_device)
{
	struct ehci_attached *attached = ehci->is_busy ? NULL : free_port(ehci, take_device->shape.speed);

	if (!attached) {
		clove_usb_device_free(take_device);
		return 0;
	}
	ehci_attach(attached, take_device);
	return attached->port;
}

static struct ehci_attached *at_port(const struct clove_ehci *hc, int port)
{
	struct ehci_attached *attached = NULL;

	if (port >= 1 && port <= CLOVE_EHCI_ROOT_PORTS)
		attached = (struct ehci_attached *)&hc->ports[port - 1].attached;
	else if (hc->hub && port >= HUB_PORT && port < HUB_PORT + CLOVE_EHCI_HUB_PORTS)
		attached = ehci_hub_port(hc->hub, (unsigned int)(port - HUB_PORT));
	return attached && attached->usb ? attached : NULL;
}

bool clove_ehci_unplug(struct clove_ehci *ehci, int port)
{
	struct ehci_attached *attached = at_port(ehci, port);

	if (!attached || ehci->is_busy || (ehci->hub && attached->usb == ehci_hub_device(ehci->hub)))
		return false;
	ehci_detach(attached);
	return true;
}

const char *clove_ehci_port_name(const struct clove_ehci *ehci, int port)
{
	const struct ehci_attached *attached = at_port(ehci, port);

	return attached ? attached->usb->name : NULL;
}
