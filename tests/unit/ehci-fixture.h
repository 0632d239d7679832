/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ehci-fixture.h - a machine with a controller: its memory, its clock, and a driver's hands on both. */
#ifndef CLOVE_TESTS_EHCI_FIXTURE_H
#define CLOVE_TESTS_EHCI_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/bytes.h"
#include "usb/device.h"
#include "vmm-glue/clove-ehci.h"

enum {
	MEMORY = 4 << 20,
	NS_MS = 1000000,
	UFRAME = 125000,

	R_USBCMD = 0x20, R_USBSTS = 0x24, R_USBINTR = 0x28, R_FRINDEX = 0x2c, R_PERIODIC = 0x34, R_ASYNC = 0x38,
	R_CONFIGFLAG = 0x60, R_PORTSC = 0x64,

	CMD_RS = 1, CMD_RESET = 2, CMD_PSE = 0x10, CMD_ASE = 0x20, CMD_IAAD = 0x40, CMD_ITC1 = 1 << 16,
	STS_INT = 1, STS_ERR = 2, STS_PCD = 4, STS_FLR = 8, STS_HSE = 0x10, STS_IAA = 0x20, STS_HALTED = 0x1000,

	T = 1, TYPE_ITD = 0, TYPE_QH = 2, TYPE_SITD = 4, TYPE_FSTN = 6,
	ACTIVE = 0x80, HALTED = 0x40, BUFFER_ERR = 0x20, BABBLE = 0x10, XACT = 8, IOC = 0x8000, CERR3 = 3 << 10,
	P_OUT = 0, P_IN = 1, P_SETUP = 2,

	/* where things are in the machine's memory */
	FRAMES = 0x1000, HEAD = 0x2000, AREA = 0x3000, PAGES = 0x100000,
};
#define TOGGLE 0x80000000u
#define NEVER UINT64_MAX

struct rig {
	struct clove_ehci *hc;
	uint8_t *memory;
	uint64_t now, wish;
	bool irq;
	unsigned int irqs;                 /* times it rose */
	unsigned int runs, events, gone;
	uint64_t reads, writes, bad;       /* DMA: calls; those outside of memory */
	uint32_t next;                     /* free memory for structures */
	uint32_t toggle;
	uint32_t hole;                     /* this page is not there; 0: none */
	/* called before a read, to change memory while it is read */
	void (*before_read)(struct rig *rig, uint64_t address);
	/* called after each run of the controller: what else the machine's time is for */
	void (*after_run)(struct rig *rig);
	/* called after a write; `order` tests */
	void (*after_write)(struct rig *rig, uint64_t address, size_t len);
	char log[200];
};

static inline bool rig_is_there(const struct rig *rig, uint64_t address, size_t len)
{
	return address <= MEMORY && len <= MEMORY - address &&
			!(rig->hole && address < rig->hole + 4096u && address + len > rig->hole);
}

static bool rig_read(void *opaque, uint64_t address, void *data, size_t len)
{
	struct rig *rig = opaque;

	rig->reads++;
	if (!rig_is_there(rig, address, len)) {
		rig->bad++;
		return false;
	}
	if (rig->before_read)
		rig->before_read(rig, address);
	memcpy(data, rig->memory + address, len);
	return true;
}

static bool rig_write(void *opaque, uint64_t address, const void *data, size_t len)
{
	struct rig *rig = opaque;

	rig->writes++;
	if (!rig_is_there(rig, address, len)) {
		rig->bad++;
		return false;
	}
	memcpy(rig->memory + address, data, len);
	if (rig->after_write)
		rig->after_write(rig, address, len);
	return true;
}

static void rig_irq(void *opaque, bool level)
{
	struct rig *rig = opaque;

	rig->irqs += level && !rig->irq;
	rig->irq = level;
}

static uint64_t rig_now(void *opaque)
{
	return ((struct rig *)opaque)->now;
}

static void rig_wake_at(void *opaque, uint64_t ns)
{
	((struct rig *)opaque)->wish = ns;
}

static void rig_power(void *opaque)
{
	((struct rig *)opaque)->events++;
}

static void rig_log(void *opaque, const char *line)
{
	snprintf(((struct rig *)opaque)->log, sizeof ((struct rig *)opaque)->log, "%s", line);
}

static void rig_gone(void *opaque, int port)
{
	((struct rig *)opaque)->gone += port > 0;
}

static const struct clove_ehci_vmm rig_vmm = {
	rig_read, rig_write, rig_irq, rig_now, rig_wake_at, rig_power, rig_log, rig_gone,
};

static inline uint32_t get(const struct rig *rig, uint32_t address)
{
	return clove_le32(rig->memory + address);
}
static inline void put(struct rig *rig, uint32_t address, uint32_t value)
{
	clove_put_le32(rig->memory + address, value);
}
static inline uint32_t reg(struct rig *rig, uint32_t offset)
{
	return clove_ehci_bar_read(rig->hc, offset, 4);
}
static inline void set_reg(struct rig *rig, uint32_t offset, uint32_t value)
{
	clove_ehci_bar_write(rig->hc, offset, value, 4);
}

/* The machine's time goes on; the controller runs whenever it asked to. */
static inline void rig_pass(struct rig *rig, uint64_t ns)
{
	uint64_t end = rig->now + ns;

	while (rig->wish <= end) {
		if (rig->wish > rig->now)
			rig->now = rig->wish;
		else
			rig->now += 1000;  /* a loop takes its time */
		if (rig->now > end)
			break;
		rig->wish = NEVER;
		rig->runs++;
		clove_ehci_run(rig->hc);
		if (rig->after_run)
			rig->after_run(rig);
	}
	if (rig->now < end)
		rig->now = end;
}

/* Aligned memory for structures. */
static inline uint32_t rig_place(struct rig *rig, uint32_t size)
{
	uint32_t at = rig->next;

	if (at / 4096 != (at + size - 1) / 4096)
		at = (at + 4095u) & ~4095u;
	rig->next = (at + size + 31u) & ~31u;
	memset(rig->memory + at, 0, size);
	return at;
}

static inline uint32_t rig_qtd(struct rig *rig, uint32_t pid, uint32_t total, uint32_t buffer, uint32_t flags)
{
	uint32_t at = rig_place(rig, 32);

	put(rig, at, T);
	put(rig, at + 4, T);
	put(rig, at + 8, total << 16 | pid << 8 | CERR3 | ACTIVE | flags);
	for (uint32_t i = 0; i < 5; i++)
		put(rig, at + 12 + 4 * i, i ? (buffer & ~4095u) + i * 4096 : buffer);
	return at;
}

/* Takes every qTD of a list that T ends. */
static inline void rig_link(struct rig *rig, uint32_t from, uint32_t to)
{
	put(rig, from, to);
}

/* A high-speed QH in the circle behind HEAD. */
static inline uint32_t rig_qh(struct rig *rig, uint8_t address, uint8_t endpoint, uint32_t max_packet, uint32_t dtc)
{
	uint32_t at = rig_place(rig, 48);

	put(rig, at + 4, address | endpoint << 8 | 2 << 12 | dtc << 14 | max_packet << 16);
	put(rig, at + 8, 1u << 30);
	put(rig, at + 16, T);
	put(rig, at + 20, T);
	return at;
}

static inline void rig_insert(struct rig *rig, uint32_t qh)
{
	put(rig, qh, get(rig, HEAD));
	put(rig, HEAD, qh | TYPE_QH);
}

/* As Linux does: reset, lists, run, ports. */
static inline void rig_start(struct rig *rig)
{
	clove_ehci_config_write(rig->hc, 4, 0x0006, 2);
	set_reg(rig, R_USBCMD, CMD_RESET);
	for (uint32_t i = 0; i < 1024; i++)
		put(rig, FRAMES + 4 * i, T);
	memset(rig->memory + HEAD, 0, 48);
	put(rig, HEAD, HEAD | TYPE_QH);
	put(rig, HEAD + 4, 1 << 15 | 2 << 12);
	put(rig, HEAD + 16, T);
	put(rig, HEAD + 20, T);
	put(rig, HEAD + 24, HALTED);
	set_reg(rig, R_PERIODIC, FRAMES);
	set_reg(rig, R_ASYNC, HEAD);
	set_reg(rig, R_USBCMD, CMD_RS | CMD_ITC1);
	set_reg(rig, R_CONFIGFLAG, 1);
	set_reg(rig, R_USBINTR, 0x37);
	set_reg(rig, R_USBCMD, CMD_RS | CMD_ITC1 | CMD_ASE);
	rig_pass(rig, NS_MS);
}

static inline void rig_reset_port(struct rig *rig, unsigned int n)
{
	set_reg(rig, R_PORTSC + 4 * n, 0x1100);
	rig_pass(rig, 50 * (uint64_t)NS_MS);
	set_reg(rig, R_PORTSC + 4 * n, 0x1000);
	rig_pass(rig, 2 * NS_MS);
}

static inline void rig_ack(struct rig *rig)
{
	set_reg(rig, R_USBSTS, 0x3f);
}

static inline bool rig_open(struct rig *rig)
{
	*rig = (struct rig){ .memory = calloc(1, MEMORY), .now = 1000 * (uint64_t)NS_MS, .wish = NEVER, .next = AREA };
	rig->hc = clove_ehci_new(&rig_vmm, rig);
	return rig->memory && rig->hc;
}

static inline void rig_close(struct rig *rig)
{
	clove_ehci_free(rig->hc);
	free(rig->memory);
}

/* The token of the last stage once it is not active any more; waits at most 100 ms. */
static inline uint32_t rig_control_at(struct rig *rig, uint32_t qh, const struct clove_usb_setup *setup, void *data,
		uint32_t *moved)
{
	uint32_t keep = rig->next, buffer = PAGES + 0x40000, setup_at = PAGES + 0x3f000, token;
	bool is_in = setup->request_type & 0x80;
	uint32_t first, middle = 0, last;

	rig->memory[setup_at] = setup->request_type;
	rig->memory[setup_at + 1] = setup->request;
	clove_put_le16(rig->memory + setup_at + 2, setup->value);
	clove_put_le16(rig->memory + setup_at + 4, setup->index);
	clove_put_le16(rig->memory + setup_at + 6, setup->length);
	if (data && !is_in && setup->length)
		memcpy(rig->memory + buffer, data, setup->length);
	first = rig_qtd(rig, P_SETUP, 8, setup_at, 0);
	last = rig_qtd(rig, is_in && setup->length ? P_OUT : P_IN, 0, 0, TOGGLE | IOC);
	if (setup->length) {
		middle = rig_qtd(rig, is_in ? P_IN : P_OUT, setup->length, buffer, TOGGLE);
		put(rig, middle, last);
		put(rig, middle + 4, last);
	}
	put(rig, first, middle ? middle : last);
	put(rig, qh + 24, 0);
	put(rig, qh + 20, T);
	put(rig, qh + 16, first);
	for (int i = 0; i < 400 && get(rig, last + 8) & ACTIVE && !(get(rig, qh + 24) & HALTED); i++)
		rig_pass(rig, UFRAME * 2);
	token = get(rig, qh + 24);
	if (moved)
		*moved = middle ? setup->length - (get(rig, middle + 8) >> 16 & 0x7fff) : 0;
	if (data && is_in && middle)
		memcpy(data, rig->memory + buffer, setup->length);
	put(rig, qh + 16, T);
	rig->next = keep;
	return token;
}

/* Gives the device at QH `qh`, its endpoint 0 in the circle, an address. False: it refused. */
static inline bool rig_set_address(struct rig *rig, uint32_t qh, uint16_t number)
{
	if (rig_control_at(rig, qh, &(struct clove_usb_setup){ 0, 5, number, 0, 0 }, NULL, NULL) & 0xff)
		return false;
	put(rig, qh + 4, get(rig, qh + 4) | number);
	return true;
}

/* The same for what is at a root port: the QH of its endpoint 0, or 0. */
static inline uint32_t rig_address(struct rig *rig, unsigned int port, uint16_t number)
{
	uint32_t qh = rig_qh(rig, 0, 0, 64, 1);

	rig_reset_port(rig, port);
	rig_insert(rig, qh);
	return rig_set_address(rig, qh, number) ? qh : 0;
}

/* A device that does what a test says: transfers wait until the test ends them. */
struct puppet {
	struct clove_usb_device usb;
	struct clove_list waiting;
	unsigned int submitted, cancelled, resets, frames;
	bool is_gone, is_freed_elsewhere;
	uint8_t echo[65536];               /* bulk OUT bytes, as they came; control OUT too */
	size_t echo_len;
	/* NULL: wait */
	bool (*answer)(struct puppet *puppet, struct clove_usb_transfer *transfer);
	struct clove_usb_setup setup;      /* the last */
	unsigned int setups;
};

static void puppet_submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct puppet *puppet = (struct puppet *)device;

	puppet->submitted++;
	clove_list_append(&puppet->waiting, &transfer->link);
	if (transfer->type == CLOVE_USB_CONTROL) {
		puppet->setup = transfer->setup;
		puppet->setups++;
	}
	if (puppet->answer && puppet->answer(puppet, transfer))
		return;
	if (transfer->type == CLOVE_USB_CONTROL)
		clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
}

static void puppet_cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	((struct puppet *)device)->cancelled++;
	clove_usb_complete(transfer, CLOVE_USB_CANCELLED, 0);
}

static void puppet_end_all(struct puppet *puppet)
{
	while (!clove_list_is_empty(&puppet->waiting))
		clove_usb_complete(CLOVE_CONTAINER(puppet->waiting.next, struct clove_usb_transfer, link),
				CLOVE_USB_CANCELLED, 0);
}

static void puppet_reset(struct clove_usb_device *device)
{
	((struct puppet *)device)->resets++;
	puppet_end_all((struct puppet *)device);
}

static void puppet_frame(struct clove_usb_device *device)
{
	((struct puppet *)device)->frames++;
}

static unsigned int puppets_freed;

static void puppet_free(struct clove_usb_device *device)
{
	puppet_end_all((struct puppet *)device);
	puppets_freed++;
	free(device);
}

static const struct clove_usb_device_ops puppet_ops = {
	puppet_submit, puppet_cancel, puppet_reset, puppet_frame, NULL, puppet_free,
};

/* Endpoints: 1 bulk both ways, 2 interrupt both ways, 3 iso both ways. */
static inline struct puppet *puppet_new(uint8_t speed)
{
	static const struct { uint8_t type; uint16_t max_packet[3]; } shapes[] = {
		{ CLOVE_USB_CONTROL, { 8, 64, 64 } }, { CLOVE_USB_BULK, { 8, 64, 512 } },
		{ CLOVE_USB_INTERRUPT, { 8, 64, 64 } }, { CLOVE_USB_ISO, { 0, 1023, 3072 } },
	};
	struct puppet *puppet = calloc(1, sizeof *puppet);

	if (!puppet)
		return NULL;
	puppet->usb.ops = &puppet_ops;
	puppet->usb.shape.speed = speed;
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++) {
		puppet->usb.shape.endpoints[e].type = CLOVE_USB_NO_ENDPOINT;
		if ((e & 15) < 4) {
			puppet->usb.shape.endpoints[e].type = shapes[e & 15].type;
			puppet->usb.shape.endpoints[e].max_packet = shapes[e & 15].max_packet[speed];
		}
	}
	clove_list_init(&puppet->waiting);
	snprintf(puppet->usb.name, sizeof puppet->usb.name, "puppet");
	return puppet;
}

static inline struct clove_usb_transfer *puppet_first(struct puppet *puppet)
{
	return clove_list_is_empty(&puppet->waiting) ? NULL :
			CLOVE_CONTAINER(puppet->waiting.next, struct clove_usb_transfer, link);
}

/* Ends the first that waits. */
static inline bool puppet_end(struct puppet *puppet, uint8_t status, size_t actual)
{
	struct clove_usb_transfer *transfer = puppet_first(puppet);

	if (!transfer)
		return false;
	clove_usb_complete(transfer, status, actual);
	return true;
}

#endif
