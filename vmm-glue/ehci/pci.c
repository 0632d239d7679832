/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pci.c - configuration space: identity, power management, MSI, and the hand-over from a BIOS (2.1). */
#include "vmm-glue/ehci/ehci.h"

enum {
	COMMAND = 0x04, STATUS = 0x06, BAR0 = 0x10, INTERRUPT_LINE = 0x3c,
	PM = 0x50, PMCSR = 0x54, MSI = 0x70, FLADJ = 0x61, PORTWAKECAP = 0x62, LEGSUP = 0x68, LEGCTLSTS = 0x6c,

	COMMAND_MASTER = 1 << 2, COMMAND_INTX_OFF = 1 << 10,
	STATUS_INTERRUPT = 1 << 3,
	PMCSR_D = 3, PMCSR_PME_ENABLE = 1 << 8, PMCSR_PME = 1 << 15,
	MSI_ENABLE = 1 << 16,
	OS_OWNED = 1 << 24,
};

/* One dword of configuration space; what is not here reads 0 (PCI 2.2; EHCI 2.1). */
static const struct field {
	uint16_t at;
	uint32_t reset, rw, w1c;
} fields[] = {
	{ 0x00, 0x293a8086 },                          /* ICH9, EHCI #1: every system knows it */
	{ COMMAND, 0x00100000, 0x0546 },               /* memory, master, SERR and parity, INTx off; has capabilities */
	{ 0x08, 0x0c032003 },                          /* serial bus, USB, EHCI; revision 3 */
	{ BAR0, 0, ~(CLOVE_EHCI_BAR_SIZE - 1u) },
	{ 0x2c, 0x11001af4 },
	{ 0x34, PM },
	{ INTERRUPT_LINE, 0x00000100, 0xff },          /* pin A */
	{ PM, 0xc9c20001 | MSI << 8 },                 /* version 2; PME from D0, D3hot, D3cold */
	{ PMCSR, 0, PMCSR_D | PMCSR_PME_ENABLE, PMCSR_PME },
	{ MSI, 0x00800005, MSI_ENABLE | 7 << 20 },     /* 64 bits, one vector, last of the list */
	{ MSI + 4, 0, 0xfffffffc },
	{ MSI + 8, 0, 0xffffffff },
	{ MSI + 12, 0, 0xffff },
	{ 0x60, 0x00002020 | 0x7fu << 16, 0x3f00 | 0x7fu << 16 }, /* SBRN 2.0; FLADJ; PORTWAKECAP */
	{ LEGSUP, 0x00000001, 1u << 16 | OS_OWNED },
	{ LEGCTLSTS, 0, 0, 7u << 29 },
};

void ehci_config_reset(struct clove_ehci *hc)
{
	memset(hc->config, 0, sizeof hc->config);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		clove_put_le32(hc->config + fields[i].at, fields[i].reset);
}

bool ehci_may_dma(const struct clove_ehci *hc)
{
	return clove_le16(hc->config + COMMAND) & COMMAND_MASTER;
}

bool ehci_is_intx_disabled(const struct clove_ehci *hc)
{
	return clove_le16(hc->config + COMMAND) & COMMAND_INTX_OFF;
}

bool ehci_has_msi(const struct clove_ehci *hc)
{
	return clove_le32(hc->config + MSI) & MSI_ENABLE;
}

bool ehci_is_asleep(const struct clove_ehci *hc)
{
	return hc->config[PMCSR] & PMCSR_D;
}

bool ehci_set_pme(struct clove_ehci *hc)
{
	uint16_t pmcsr = clove_le16(hc->config + PMCSR);

	clove_put_le16(hc->config + PMCSR, pmcsr | PMCSR_PME);
	return pmcsr & PMCSR_PME_ENABLE;
}

void ehci_config_set_irq(struct clove_ehci *hc, bool level)
{
	uint16_t status = clove_le16(hc->config + STATUS) & ~STATUS_INTERRUPT;

	clove_put_le16(hc->config + STATUS, status | (level ? STATUS_INTERRUPT : 0));
}

uint32_t clove_ehci_config_read(struct clove_ehci *ehci, uint32_t offset, unsigned int size)
{
	uint32_t value = 0;

	if ((size != 1 && size != 2 && size != 4) || offset >= sizeof ehci->config ||
			size > sizeof ehci->config - offset)
		return UINT32_MAX;
	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)ehci->config[offset + i] << 8 * i;
	return value;
}

static void write_byte(struct clove_ehci *hc, uint32_t offset, uint8_t value)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		uint32_t shift = 8 * (offset - fields[i].at);
		uint8_t rw, w1c, *byte = &hc->config[offset];

		if (offset < fields[i].at || offset - fields[i].at > 3)
			continue;
		rw = (uint8_t)(fields[i].rw >> shift);
		w1c = (uint8_t)(fields[i].w1c >> shift);
		if (offset == FLADJ && !(hc->reg[USBSTS] & USBSTS_HCHALTED))
			rw = 0;
		*byte = (uint8_t)(((*byte & ~rw) | (value & rw)) & ~(value & w1c));
	}
}

void clove_ehci_config_write(struct clove_ehci *ehci, uint32_t offset, uint32_t value, unsigned int size)
{
	if (ehci->is_busy || (size != 1 && size != 2 && size != 4) || offset >= sizeof ehci->config ||
			size > sizeof ehci->config - offset)
		return;
	for (unsigned int i = 0; i < size; i++)
		write_byte(ehci, offset + i, (uint8_t)(value >> 8 * i));
	/* The driver that asks for it has it: there is no BIOS to ask (5.1). */
	if (clove_le32(ehci->config + LEGSUP) & OS_OWNED)
		ehci->config[LEGSUP + 2] = 0;
	ehci_update_irq(ehci, false);
	ehci_kick(ehci);
}
