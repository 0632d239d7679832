/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* regs.c - the registers of BAR 0: values after reset, writable bits, and what a write sets off (2.2, 2.3).
 *
 * Nothing here reads or writes the guest's memory: what takes that is left to clove_ehci_run().
 */
#include "vmm-glue/ehci/ehci.h"

struct reg {
	const char *name;
	uint16_t at;                       /* from the operational base */
	uint32_t reset, rw, w1c;           /* after HCRESET; writable; cleared by writing 1 */
	void (*wrote)(struct clove_ehci *hc, uint32_t old, uint32_t value);
};

static void wrote_usbcmd(struct clove_ehci *hc, uint32_t old, uint32_t value);
static void wrote_usbsts(struct clove_ehci *hc, uint32_t old, uint32_t value);
static void wrote_usbintr(struct clove_ehci *hc, uint32_t old, uint32_t value);
static void wrote_frindex(struct clove_ehci *hc, uint32_t old, uint32_t value);
static void wrote_configflag(struct clove_ehci *hc, uint32_t old, uint32_t value);

static const struct reg regs[EHCI_REGS] = {
	[USBCMD] = { "USBCMD", 0x00, 0x00080000, 0x00ff0073, 0, wrote_usbcmd },
	[USBSTS] = { "USBSTS", 0x04, 0x00001000, 0, USBSTS_CAUSES, wrote_usbsts },
	[USBINTR] = { "USBINTR", 0x08, 0, USBSTS_CAUSES, 0, wrote_usbintr },
	[FRINDEX] = { "FRINDEX", 0x0c, 0, 0x3fff, 0, wrote_frindex },
	[CTRLDSSEGMENT] = { "CTRLDSSEGMENT", 0x10, 0, 0, 0, NULL },
	[PERIODICLISTBASE] = { "PERIODICLISTBASE", 0x14, 0, 0xfffff000, 0, NULL },
	[ASYNCLISTADDR] = { "ASYNCLISTADDR", 0x18, 0, 0xffffffe0, 0, NULL },
	[CONFIGFLAG] = { "CONFIGFLAG", 0x40, 0, 1, 0, wrote_configflag },
};
enum { PORTSC_AT = 0x44 };

static void wrote_usbcmd(struct clove_ehci *hc, uint32_t old, uint32_t value)
{
	uint32_t *cmd = &hc->reg[USBCMD], *sts = &hc->reg[USBSTS];

	if (*cmd & USBCMD_HCRESET) {
		ehci_controller_reset(hc);
		return;
	}
	(void)value; /* IAAD written as 0 is a driver's watchdog that gave up waiting */
	if (*cmd & ~old & USBCMD_RS) {
		*sts &= ~(uint32_t)USBSTS_HCHALTED;
		ehci_started(hc);
	} else if (~*cmd & old & USBCMD_RS) {
		ehci_stopped(hc);
	}
	*sts &= ~(uint32_t)(USBSTS_PSS | USBSTS_ASS);
	if (*cmd & USBCMD_RS)
		*sts |= (*cmd & USBCMD_PSE ? USBSTS_PSS : 0) | (*cmd & USBCMD_ASE ? USBSTS_ASS : 0);
	if (*sts & USBSTS_PSS && (~old & USBCMD_PSE || ~old & USBCMD_RS)) {
		hc->iso_until = 0;         /* the clock went on meanwhile, and waits for no frame of then */
		hc->frame_next = ehci_microframes(hc) >> 3;
	}
}

static void wrote_usbsts(struct clove_ehci *hc, uint32_t old, uint32_t value)
{
	(void)old;
	(void)value;
	ehci_update_irq(hc, true);
}

static void wrote_usbintr(struct clove_ehci *hc, uint32_t old, uint32_t value)
{
	(void)old;
	(void)value;
	ehci_update_irq(hc, false);
}

static void wrote_frindex(struct clove_ehci *hc, uint32_t old, uint32_t value)
{
	(void)value;
	if (hc->reg[USBCMD] & USBCMD_RS)
		hc->reg[FRINDEX] = old;    /* only while halted */
}

static void wrote_configflag(struct clove_ehci *hc, uint32_t old, uint32_t value)
{
	(void)value;
	if (~old & hc->reg[CONFIGFLAG] & 1)
		ehci_ports_routed(hc);
}

void ehci_regs_reset(struct clove_ehci *hc)
{
	for (int i = 0; i < EHCI_REGS; i++)
		hc->reg[i] = regs[i].reset;
}

static uint32_t capability(uint32_t offset)
{
	switch (offset) {
	case 0x00:
		return 0x0100u << 16 | CAPLENGTH;
	case 0x04:
		return CLOVE_EHCI_ROOT_PORTS; /* no companions, no port power control */
	case 0x08:
		return 0x00006880;         /* EECP 68h; a whole frame is cached; 1024 frames, 32 bits */
	default:
		return 0;
	}
}

/* A whole register, by its offset in BAR 0; a multiple of 4. */
uint32_t ehci_reg_read(struct clove_ehci *hc, uint32_t offset)
{
	if (offset < CAPLENGTH)
		return capability(offset);
	offset -= CAPLENGTH;
	if (offset >= PORTSC_AT && offset < PORTSC_AT + 4 * CLOVE_EHCI_ROOT_PORTS)
		return ehci_port_read(hc, (offset - PORTSC_AT) / 4);
	for (int i = 0; i < EHCI_REGS; i++) {
		if (regs[i].at != offset)
			continue;
		if (i == USBSTS)
			ehci_rollover(hc);
		if (i == FRINDEX && hc->reg[USBCMD] & USBCMD_RS) {
			/* who asks for the time is about to schedule isochronous frames */
			hc->periodic_active = ehci_now(hc);
			if (hc->reg[USBSTS] & USBSTS_PSS && hc->periodic_at > hc->periodic_active + EHCI_FRAME)
				ehci_kick(hc);
			return (uint32_t)ehci_show_microframes(hc) & 0x3fff;
		}
		return hc->reg[i];
	}
	return 0;
}

static bool is_access(uint32_t offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset % size == 0 && offset < CLOVE_EHCI_BAR_SIZE;
}

uint32_t clove_ehci_bar_read(struct clove_ehci *ehci, uint32_t offset, unsigned int size)
{
	uint32_t mask = size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX;

	if (!is_access(offset, size))
		return UINT32_MAX;
	return ehci_reg_read(ehci, offset & ~3u) >> 8 * (offset & 3) & mask;
}

void clove_ehci_bar_write(struct clove_ehci *ehci, uint32_t offset, uint32_t value, unsigned int size)
{
	uint32_t mask = size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX, shift = 8 * (offset & 3);

	/* While we work it can only be our own doing: a list that leads into the register window. */
	if (!is_access(offset, size) || ehci->is_busy || offset < CAPLENGTH)
		return;
	value = (value & mask) << shift;
	mask <<= shift;
	offset = (offset & ~3u) - CAPLENGTH;
	if (offset >= PORTSC_AT && offset < PORTSC_AT + 4 * CLOVE_EHCI_ROOT_PORTS) {
		ehci_port_write(ehci, (offset - PORTSC_AT) / 4, value, mask);
		ehci_kick(ehci);
		return;
	}
	for (int i = 0; i < EHCI_REGS; i++) {
		uint32_t old = ehci->reg[i], rw = regs[i].rw & mask;

		if (regs[i].at != offset)
			continue;
		if (i == USBSTS)
			ehci_rollover(ehci);
		ehci->reg[i] = ((ehci->reg[i] & ~rw) | (value & rw)) & ~(value & regs[i].w1c);
		if (regs[i].wrote)
			regs[i].wrote(ehci, old, value);
		if (i == USBSTS)
			ehci->active = ehci_now(ehci); /* the driver has taken note: it may queue more */
		else
			ehci->active = ehci->periodic_active = ehci_now(ehci);
		if (i == USBCMD || i == CONFIGFLAG || i == USBSTS || i == USBINTR)
			ehci_kick(ehci);
	}
}
