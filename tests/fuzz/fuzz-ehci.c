/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-ehci.c - bytes as what a guest does to the controller: registers, descriptors in memory, time, plugs. */
#include <stdio.h>
#include "tests/unit/ehci-fixture.h"
#include "usb/software.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t len;
};

static uint32_t take(struct input *in, unsigned int n)
{
	uint32_t value = 0;

	while (n--) {
		value = value << 8 | (in->len ? *in->data : 0);
		if (in->len) {
			in->data++;
			in->len--;
		}
	}
	return value;
}

/* A device's answers are bytes as well: too long, late, or of a status that there is none. */
static struct input *answers;

static bool answer(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	uint32_t how = take(answers, 1);

	(void)puppet;
	if (how & 1)
		return false;
	for (uint32_t i = 0; i < transfer->packet_count; i++)
		transfer->packets[i].actual = (uint16_t)(how * 37);
	clove_usb_complete(transfer, how >> 5, how & 2 ? transfer->len : how & 4 ? transfer->len + how : how);
	return true;
}

static void descriptor(struct rig *rig, struct input *in)
{
	/* few places, so that lists find each other */
	uint32_t at = AREA + (take(in, 1) & 15) * 64, how = take(in, 1);
	uint32_t link = AREA + (how & 15) * 64, links = AREA + (how >> 4) * 64;

	switch (take(in, 1) % 6) {
	case 0: /* QH */
		put(rig, at, link | (take(in, 1) & 7));
		put(rig, at + 4, (take(in, 1) & 3) | (take(in, 1) & 0xf) << 8 | (take(in, 1) & 3) << 12 | take(in, 1) << 14 |
				512 << 16);
		put(rig, at + 8, take(in, 2) | 1u << 30);
		put(rig, at + 16, links | (take(in, 1) & 1));
		put(rig, at + 20, link | 1);
		put(rig, at + 24, 0);
		break;
	case 1: /* qTD */
		put(rig, at, link | (take(in, 1) & 1));
		put(rig, at + 4, links | (take(in, 1) & 1));
		put(rig, at + 8, take(in, 2) << 16 | (take(in, 2) & 0xff7f) | ACTIVE);
		for (uint32_t i = 0; i < 5; i++)
			put(rig, at + 12 + 4 * i, PAGES + i * 4096 + (i ? 0 : take(in, 2) & 0xfff));
		break;
	case 2: /* iTD or siTD */
		put(rig, at, link | (take(in, 1) & 7));
		for (uint32_t i = 1; i < 16; i++)
			put(rig, at + 4 * i, i < 9 ? take(in, 4) | 1u << 31 : PAGES + i * 4096 + (take(in, 2) & 0xfff));
		break;
	case 3: /* a SETUP packet */
		for (uint32_t i = 0; i < 8; i++)
			rig->memory[PAGES + i] = (uint8_t)take(in, 1);
		break;
	case 4: /* a frame's list */
		put(rig, FRAMES + (take(in, 1) & 7) * 4, link | (take(in, 1) & 7));
		break;
	default: /* any word */
		put(rig, at + (how & 15) * 4, take(in, 4));
	}
}

/* A guest's usual state, so that the bytes need not find the way there. */
static void prepare(struct rig *rig)
{
	clove_ehci_config_write(rig->hc, 4, 0x0006, 2);
	for (uint32_t i = 0; i < 1024; i++)
		put(rig, FRAMES + 4 * i, (AREA + (i & 7) * 64) | TYPE_QH);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t at = AREA + i * 64;

		put(rig, at, (i & 7) == 7 ? (uint32_t)T : (at + 64) | TYPE_QH);
		put(rig, at + 4, 2 << 12 | 512 << 16 | (i & 3) << 8);
		put(rig, at + 8, 0x1c01 | 1u << 30);
		put(rig, at + 16, T);
		put(rig, at + 20, T);
	}
	set_reg(rig, R_PERIODIC, FRAMES);
	set_reg(rig, R_ASYNC, AREA + 8 * 64);
	set_reg(rig, R_USBINTR, 0x3f);
	set_reg(rig, R_USBCMD, CMD_RS | CMD_PSE | CMD_ASE | CMD_ITC1);
	for (uint32_t n = 0; n < 6; n++) {
		set_reg(rig, R_PORTSC + 4 * n, 0x1100);
		set_reg(rig, R_PORTSC + 4 * n, 0x1000);
	}
}

static void plug(struct rig *rig, struct input *in)
{
	struct puppet *puppet;

	switch (take(in, 1) % 6) {
	case 0:
		puppet = puppet_new((uint8_t)(take(in, 1) % 3));
		if (!puppet)
			return;
		puppet->answer = answer;
		clove_ehci_plug(rig->hc, &puppet->usb);
		return;
	case 1:
		clove_ehci_plug(rig->hc, clove_usb_keyboard_new());
		return;
	case 2:
		clove_ehci_plug(rig->hc, clove_usb_tablet_new());
		return;
	case 3:
		clove_ehci_plug(rig->hc, clove_usb_serial_new());
		return;
	default:
		clove_ehci_plug(rig->hc, clove_usb_audio_new());
	}
}

static void reload(struct rig *rig, struct input *in)
{
	static uint8_t state[1 << 17];
	size_t size = sizeof state;

	if (!clove_ehci_save(rig->hc, state, &size))
		return;
	for (uint32_t n = take(in, 1) & 3; n--;)
		state[take(in, 2) % size] = (uint8_t)take(in, 1);
	clove_ehci_load(rig->hc, state, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *memory;
	struct input in = { data, size };
	struct rig rig;

	if (!memory && !(memory = calloc(1, MEMORY)))
		return 0;
	memset(memory, 0, 0x8000);
	rig = (struct rig){ .memory = memory, .now = 1000 * (uint64_t)NS_MS, .wish = NEVER, .next = AREA };
	rig.hc = clove_ehci_new(&rig_vmm, &rig);
	if (!rig.hc)
		return 0;
	answers = &in;
	plug(&rig, &in);
	plug(&rig, &in);
	prepare(&rig);
	for (int steps = 0; in.len && steps < 400; steps++) {
		uint32_t what = take(&in, 1);

		switch (what & 15) {
		case 0:
			clove_ehci_bar_write(rig.hc, 0x20 + (what >> 4) * 4, take(&in, 4), 4);
			break;
		case 1:
			clove_ehci_bar_write(rig.hc, take(&in, 1), take(&in, 2), 1u << (what >> 4) % 3);
			break;
		case 2:
			clove_ehci_config_write(rig.hc, take(&in, 1), take(&in, 2), 1u << (what >> 4) % 3);
			break;
		case 3:
			plug(&rig, &in);
			break;
		case 4:
			clove_ehci_unplug(rig.hc, what & 0x80 ? 101 + (int)(what >> 4 & 7) : 1 + (int)(what >> 4 & 7));
			break;
		case 5:
			clove_ehci_bar_read(rig.hc, take(&in, 1), 4);
			break;
		case 6:
			reload(&rig, &in);
			break;
		case 7:
			if (what & 0x10)
				clove_ehci_reset(rig.hc);
			else if (what & 0x20)
				clove_ehci_memory_changed(rig.hc);
			else if (what & 0x40)
				rig.hole = rig.hole ? 0 : PAGES;
			else
				clove_ehci_pause(rig.hc, what & 0x80);
			break;
		case 8:
			set_reg(&rig, R_USBCMD, CMD_RS | CMD_PSE | CMD_ASE | CMD_IAAD | CMD_ITC1);
			clove_ehci_config_write(rig.hc, 4, 0x0006, 2);
			break;
		case 9:
		case 10:
			rig_pass(&rig, (what >> 4) * (uint64_t)UFRAME * 4);
			break;
		default:
			descriptor(&rig, &in);
		}
	}
	rig_pass(&rig, 3 * NS_MS);
	clove_ehci_free(rig.hc);
	return 0;
}
