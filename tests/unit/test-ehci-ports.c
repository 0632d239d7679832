/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-ports.c - registers, configuration space, root ports, the hub, sleep and wake, saving and loading. */
#include <check.h>
#include "tests/unit/ehci-fixture.h"

static struct rig rig;
static struct puppet *dev;

static void setup(void)
{
	ck_assert(rig_open(&rig));
	puppets_freed = 0;
	dev = puppet_new(CLOVE_USB_HIGH);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &dev->usb), 1);
	rig_start(&rig);
}

static void teardown(void)
{
	rig_close(&rig);
}

/* ---- registers (A2, A3) ---- */

static const struct {
	const char *why;
	uint32_t at; unsigned int size; uint32_t write, want;
	bool is_halted;
} registers[] = {
	{ "A2: CAPLENGTH as a byte", 0x00, 1, 0, 0x20 },
	{ "A2: HCIVERSION as a word", 0x02, 2, 0, 0x0100 },
	{ "A2: both as one", 0x00, 4, 0, 0x01000020 },
	{ "A2: HCSPARAMS: 6 ports, no companions, no port power", 0x04, 4, 0, 6 },
	{ "A2: HCCPARAMS: EECP 68h, a frame is cached", 0x08, 4, 0, 0x6880 },
	{ "A2: no port route", 0x0c, 4, 0xffffffff, 0 },
	{ "A3: frame list size is read-only", 0x20, 4, 0x0008000d, 0x00080001 },
	{ "A3: light reset and park are not there", 0x20, 4, 0x00080b81, 0x00080001 },
	{ "A3: a byte of USBCMD", 0x22, 1, 0x10, 0x10 },
	{ "A3: USBINTR has six bits", 0x28, 4, 0xffffffff, 0x3f },
	{ "A3: FRINDEX, halted", 0x2c, 4, 0xffffffff, 0x3fff, true },
	{ "A3: CTRLDSSEGMENT is read-only", 0x30, 4, 0xffffffff, 0 },
	{ "A3: PERIODICLISTBASE", 0x34, 4, 0xffffffff, 0xfffff000, true },
	{ "A3: ASYNCLISTADDR", 0x38, 4, 0xffffffff, 0xffffffe0, true },
	{ "A3: CONFIGFLAG", 0x60, 4, 0xfffffffe, 0 },
	{ "A3: PORTSC of an empty port: power is on, the owner is us", 0x68, 4, 0xffffffff & ~0x1c0u, 0x007f1000 },
	{ "A3: indicators and owner are read-only", 0x68, 4, 0x0000e000, 0x00001000 },
	{ "outside of all", 0xffc, 4, 0, 0 },
	{ "a size that there is none", 0x20, 3, 0, UINT32_MAX },
	{ "unaligned", 0x21, 2, 0, UINT32_MAX },
	{ "beyond the region", 0x1000, 4, 0, UINT32_MAX },
};

START_TEST(test_register)
{
	if (registers[_i].is_halted)
		set_reg(&rig, R_USBCMD, 0x00080000);
	clove_ehci_bar_write(rig.hc, registers[_i].at, registers[_i].write, registers[_i].size);
	ck_assert_msg(clove_ehci_bar_read(rig.hc, registers[_i].at, registers[_i].size) == registers[_i].want, "%s: %x",
			registers[_i].why, clove_ehci_bar_read(rig.hc, registers[_i].at, registers[_i].size));
}
END_TEST

START_TEST(test_config_space)
{
	static const struct { const char *why; uint32_t at; unsigned int size; uint32_t write, want; } rows[] = {
		{ "A1: ICH9 EHCI", 0, 4, 0xffffffff, 0x293a8086 },
		{ "A1: class", 8, 4, 0, 0x0c032003 },
		{ "A1: BAR 0 has 4 KiB", 0x10, 4, 0xffffffff, 0xfffff000 },
		{ "A1: command", 4, 2, 0xffff, 0x0546 },
		{ "A1: capabilities, and an interrupt waits", 6, 2, 0, 0x0018 },
		{ "A1: interrupt pin", 0x3d, 1, 7, 1 },
		{ "A1: SBRN", 0x60, 1, 0xff, 0x20 },
		{ "A1: FLADJ only while halted", 0x61, 1, 0x3f, 0x20 },
		{ "A1: PM, then MSI", 0x50, 4, 0, 0xc9c27001 },
		{ "A1: MSI is the last", 0x70, 4, 0, 0x00800005 },
		{ "A1: PMCSR", 0x54, 2, 0x0103, 0x0103 },
		{ "A1: the OS owns it at once", 0x6b, 1, 1, 1 },
		{ "A1: and the BIOS does not", 0x68, 4, 0x01010001, 0x01000001 },
		{ "what is not there", 0xf0, 4, 0xffffffff, 0 },
		{ "beyond", 0x100, 4, 0, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		clove_ehci_config_write(rig.hc, rows[i].at, rows[i].write, rows[i].size);
		ck_assert_msg(clove_ehci_config_read(rig.hc, rows[i].at, rows[i].size) == rows[i].want, "%s: %x", rows[i].why,
				clove_ehci_config_read(rig.hc, rows[i].at, rows[i].size));
	}
}
END_TEST

START_TEST(test_status_bytes_clear_alone)
{
	rig_reset_port(&rig, 0);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
	clove_ehci_bar_write(rig.hc, R_USBSTS + 1, 0xff, 1);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
	clove_ehci_bar_write(rig.hc, R_USBSTS, STS_PCD, 1);
	ck_assert(!(reg(&rig, R_USBSTS) & STS_PCD));
	ck_assert(!rig.irq);
}
END_TEST

START_TEST(test_frame_index_is_the_clock)
{
	uint32_t before, last;

	set_reg(&rig, R_USBCMD, 0x00080000);
	set_reg(&rig, R_FRINDEX, 100);
	set_reg(&rig, R_USBCMD, 0x00080001);
	ck_assert_uint_eq(reg(&rig, R_FRINDEX), 100);
	rig.now += 10 * UFRAME + 5;
	ck_assert_uint_eq(reg(&rig, R_FRINDEX), 110);
	set_reg(&rig, R_FRINDEX, 7);       /* only while halted */
	ck_assert_uint_eq(reg(&rig, R_FRINDEX), 110);
	set_reg(&rig, R_USBCMD, 0x00080000);
	before = reg(&rig, R_FRINDEX);
	rig_pass(&rig, 5 * NS_MS);
	ck_assert_uint_eq(reg(&rig, R_FRINDEX), before);
	set_reg(&rig, R_USBCMD, 0x00080001);
	last = reg(&rig, R_FRINDEX);
	for (int i = 0; i < 3000; i++) {
		rig_pass(&rig, 997000);
		ck_assert_uint_lt((reg(&rig, R_FRINDEX) - last) & 0x3fff, 10);
		last = reg(&rig, R_FRINDEX);
	}
}
END_TEST

START_TEST(test_rollover_each_1024_frames)
{
	unsigned int rises = 0;

	set_reg(&rig, R_USBINTR, STS_FLR);
	rig_ack(&rig);
	rig_pass(&rig, 1100 * (uint64_t)NS_MS);
	rig_ack(&rig);
	rises = rig.irqs;
	for (int i = 0; i < 100; i++) {
		rig_pass(&rig, 102400000);
		if (rig.irq)
			rig_ack(&rig);
	}
	ck_assert_uint_eq(rig.irqs - rises, 10);
	/* the status is told with the interrupt off as well, and then no timer is needed */
	set_reg(&rig, R_USBINTR, 0);
	set_reg(&rig, R_USBCMD, CMD_RS);
	rig_pass(&rig, 2000 * (uint64_t)NS_MS);
	ck_assert_uint_eq(rig.wish, NEVER);
	ck_assert(reg(&rig, R_USBSTS) & STS_FLR);
}
END_TEST

START_TEST(test_interrupt_is_a_level_or_a_message)
{
	set_reg(&rig, R_USBINTR, 0);
	rig_ack(&rig);
	clove_ehci_unplug(rig.hc, 1);
	ck_assert(!rig.irq && reg(&rig, R_USBSTS) & STS_PCD);
	set_reg(&rig, R_USBINTR, STS_PCD);
	ck_assert(rig.irq);
	ck_assert(clove_ehci_config_read(rig.hc, 6, 2) & 8);
	clove_ehci_config_write(rig.hc, 4, 0x0406, 2);
	ck_assert(!rig.irq);               /* INTx off */
	ck_assert(clove_ehci_config_read(rig.hc, 6, 2) & 8);
	clove_ehci_config_write(rig.hc, 0x72, 0x81, 2);
	ck_assert(rig.irq);                /* MSI */
	/* what is left pending is one more message */
	rig.irqs = 0;
	set_reg(&rig, R_USBINTR, STS_PCD | STS_IAA);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_IAAD | CMD_ITC1);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(rig.irqs, 0);
	set_reg(&rig, R_USBSTS, STS_PCD);
	ck_assert_uint_eq(rig.irqs, 1);
	set_reg(&rig, R_USBSTS, STS_IAA);
	ck_assert(!rig.irq);
}
END_TEST

/* ---- ports (A4) ---- */

static const struct {
	const char *why;
	uint32_t write[6], want;           /* 0: no more writes; CCS, CSC, PED ... after them */
	unsigned int resets;
} ports[] = {
	{ "A4: plugged in", { 0 }, 0x1803, 0 },
	{ "A3: CSC is cleared by 1", { 0x1002 }, 0x1801, 0 },
	{ "A4: a reset begins: no line state", { 0x1102 }, 0x1101, 0 },
	{ "A4: a reset ends: enabled, and no CSC", { 0x1102, 0x1000 }, 0x1005, 1 },
	{ "A4: PR with PED does not enable", { 0x1106 }, 0x1101, 0 },
	{ "A3: software cannot enable", { 0x1006 }, 0x1801, 0 },
	{ "A3: and can disable, without PEC", { 0x1102, 0x1000, 0x1000 }, 0x1801, 1 },
	{ "A4: suspend", { 0x1102, 0x1000, 0x1084 }, 0x1085, 1 },
	{ "A3: suspend needs PED", { 0x1082 }, 0x1801, 0 },
	{ "A3: writing 0 does not end a suspend", { 0x1102, 0x1000, 0x1084, 0x1004 }, 0x1085, 1 },
	{ "A4: resume is driven", { 0x1102, 0x1000, 0x1084, 0x10c4 }, 0x10c5, 1 },
	{ "A4: and ends", { 0x1102, 0x1000, 0x1084, 0x10c4, 0x1004 }, 0x1005, 1 },
	{ "A4: a reset ends a suspend", { 0x1102, 0x1000, 0x1084, 0x1104, 0x1000 }, 0x1005, 2 },
	{ "A3: the owner stays us", { 0x3002 }, 0x1801, 0 },
	{ "A3: test mode and wake bits are kept", { 0x750002 | 0x1000 }, 0x751801, 0 },
};

START_TEST(test_port)
{
	for (int i = 0; i < 6 && ports[_i].write[i]; i++)
		set_reg(&rig, R_PORTSC, ports[_i].write[i]);
	ck_assert_msg(reg(&rig, R_PORTSC) == ports[_i].want && dev->resets == ports[_i].resets, "%s: %x, %u resets",
			ports[_i].why, reg(&rig, R_PORTSC), dev->resets);
}
END_TEST

START_TEST(test_unplug_in_every_state)
{
	for (int writes = 0; writes < 6; writes++) {
		static const uint32_t states[] = { 0x1102, 0x1000, 0x1084, 0x10c4, 0x1004 };
		struct puppet *other = puppet_new(CLOVE_USB_HIGH);
		int port = clove_ehci_plug(rig.hc, &other->usb);

		ck_assert_int_eq(port, 2);
		for (int i = 0; i < writes; i++)
			set_reg(&rig, R_PORTSC + 4, states[i]);
		rig_ack(&rig);
		set_reg(&rig, R_PORTSC + 4, reg(&rig, R_PORTSC + 4) | 2);
		ck_assert(clove_ehci_unplug(rig.hc, port));
		ck_assert_uint_eq(reg(&rig, R_PORTSC + 4), 0x1002);
		ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
		set_reg(&rig, R_PORTSC + 4, 0x1002);
	}
	ck_assert_uint_eq(puppets_freed, 6);
}
END_TEST

START_TEST(test_ports_after_resets)
{
	rig_reset_port(&rig, 0);
	clove_ehci_reset(rig.hc);          /* as a VMM does when it wakes from S3 */
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1803);
	ck_assert_uint_eq(reg(&rig, R_CONFIGFLAG), 0);
	ck_assert_uint_eq(clove_ehci_config_read(rig.hc, 4, 2), 0);
	rig_start(&rig);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
	rig_reset_port(&rig, 0);
	ck_assert_uint_eq(reg(&rig, R_PORTSC) & 5, 5);
}
END_TEST

START_TEST(test_all_ports_taken)
{
	for (int i = 2; i <= 6; i++)
		ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_HIGH)->usb), i);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_HIGH)->usb), 0);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_LOW)->usb), 0);
	ck_assert_uint_eq(puppets_freed, 2);
	ck_assert(clove_ehci_unplug(rig.hc, 4));
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_LOW)->usb), 101);
	ck_assert_str_eq(clove_ehci_port_name(rig.hc, 4), "USB 2.0 hub");
	ck_assert(!clove_ehci_unplug(rig.hc, 4));
	for (int i = 102; i <= 107; i++)
		ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_FULL)->usb), i);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_FULL)->usb), 0);
	ck_assert(!clove_ehci_port_name(rig.hc, 108) && !clove_ehci_port_name(rig.hc, 0) && !clove_ehci_port_name(rig.hc, 7));
}
END_TEST

START_TEST(test_device_that_leaves)
{
	rig_ack(&rig);
	dev->usb.events->gone(dev->usb.owner, "the far side closed");
	ck_assert_uint_eq(puppets_freed, 1);
	ck_assert_uint_eq(rig.gone, 1);
	ck_assert(strstr(rig.log, "the far side closed"));
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1002);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
	ck_assert(!clove_ehci_unplug(rig.hc, 1));
}
END_TEST

START_TEST(test_remote_wake_up)
{
	rig_reset_port(&rig, 0);
	dev->usb.events->wake(dev->usb.owner);
	ck_assert_uint_eq(reg(&rig, R_PORTSC) & 0xc0, 0);
	set_reg(&rig, R_PORTSC, 0x1084);
	ck_assert(dev->usb.is_suspended);
	set_reg(&rig, R_USBCMD, 0x00080000);
	clove_ehci_config_write(rig.hc, 0x54, 0x0103, 2);  /* D3hot, PME enabled */
	rig_ack(&rig);
	dev->usb.events->wake(dev->usb.owner);
	ck_assert_uint_eq(reg(&rig, R_PORTSC) & 0xc0, 0xc0);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
	ck_assert_uint_eq(rig.events, 1);
	ck_assert_uint_eq(clove_ehci_config_read(rig.hc, 0x54, 2), 0x8103);
	dev->usb.events->wake(dev->usb.owner);
	ck_assert_uint_eq(rig.events, 1);
	clove_ehci_config_write(rig.hc, 0x54, 0x8100, 2);
	ck_assert_uint_eq(clove_ehci_config_read(rig.hc, 0x54, 2), 0x0100);
	set_reg(&rig, R_USBCMD, 0x00080001);
	set_reg(&rig, R_PORTSC, 0x1004);
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1007);
	ck_assert(!dev->usb.is_suspended);
}
END_TEST

START_TEST(test_connect_wakes_only_if_asked_to)
{
	set_reg(&rig, R_USBCMD, 0x00080000);
	clove_ehci_config_write(rig.hc, 0x54, 0x0103, 2);
	clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_HIGH)->usb);
	ck_assert_uint_eq(rig.events, 0);
	set_reg(&rig, R_PORTSC + 4, 0x00201000);
	clove_ehci_unplug(rig.hc, 2);
	ck_assert_uint_eq(rig.events, 1);
}
END_TEST

/* ---- the hub (C2, C3) ---- */

static uint32_t hub0;                      /* the hub's endpoint 0, and a low-speed device's */

static void open_hub(void)
{
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_LOW)->usb), 101);
	ck_assert((hub0 = rig_address(&rig, 5, 5)));
	ck_assert_uint_eq(reg(&rig, R_PORTSC + 20) & 5, 5);
	ck_assert_uint_eq(rig_control_at(&rig, hub0, &(struct clove_usb_setup){ 0, 9, 1, 0, 0 }, NULL, NULL) & 0xff, 0);
}

static uint32_t hub(uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint16_t length, void *data)
{
	uint32_t moved = 0;
	uint32_t token = rig_control_at(&rig, hub0, &(struct clove_usb_setup){ type, request, value, index, length }, data,
			&moved);

	return token & 0xff ? UINT32_MAX : moved;
}

static uint32_t port_status(uint16_t port)
{
	uint8_t status[4] = { 0 };

	ck_assert_uint_eq(hub(0xa3, 0, 0, port, 4, status), 4);
	return clove_le32(status);
}

START_TEST(test_hub_descriptors)
{
	uint8_t data[64] = { 0 };

	open_hub();
	ck_assert_uint_eq(hub(0x80, 6, 0x0100, 0, 18, data), 18);
	ck_assert_mem_eq(data, "\x12\x01\x00\x02\x09\x00\x01\x40", 8);
	ck_assert_uint_eq(hub(0x80, 6, 0x0600, 0, 10, data), 10);
	ck_assert_mem_eq(data, "\x0a\x06\x00\x02\x09\x00\x00\x40\x01\x00", 10);
	ck_assert_uint_eq(hub(0x80, 6, 0x0200, 0, 64, data), 25);
	ck_assert_mem_eq(data, "\x09\x02\x19\x00\x01\x01\x00\xe0\x00\x09\x04\x00\x00\x01\x09\x00\x00\x00"
			"\x07\x05\x81\x03\x01\x00\x0c", 25);
	ck_assert_uint_eq(hub(0xa0, 6, 0x2900, 0, 64, data), 9);
	ck_assert_mem_eq(data, "\x09\x29\x07\x09\x00\x32\x00\x00\xff", 9);
	ck_assert_uint_eq(hub(0x80, 0, 0, 0, 2, data), 2);
	ck_assert_uint_eq(data[0], 1);
	ck_assert_uint_eq(hub(0xa0, 0, 0, 0, 4, data), 4);
	ck_assert_uint_eq(clove_le32(data), 0);
}
END_TEST

static const struct {
	const char *why;
	uint8_t type, request; uint16_t value, index;
	bool is_good;
} hub_requests[] = {
	{ "C3: C_HUB_LOCAL_POWER", 0x20, 1, 0, 0, true },
	{ "C3: CLEAR_TT_BUFFER", 0x23, 8, 0x1234, 1, true },
	{ "C3: RESET_TT", 0x23, 9, 0, 1, true },
	{ "C3: STOP_TT", 0x23, 11, 0, 1, true },
	{ "C3: SET_INTERFACE", 0x01, 11, 0, 0, true },
	{ "C3: DEVICE_REMOTE_WAKEUP", 0x00, 3, 1, 0, true },
	{ "C3: indicator", 0x23, 3, 22, 0x0101, true },
	{ "C3: port 0", 0x23, 3, 8, 0, false },
	{ "C3: port 8", 0x23, 3, 8, 8, false },
	{ "C3: a feature that there is none", 0x23, 3, 77, 1, false },
	{ "C3: a request that there is none", 0x23, 99, 0, 1, false },
};

START_TEST(test_hub_request)
{
	open_hub();
	ck_assert_msg((hub(hub_requests[_i].type, hub_requests[_i].request, hub_requests[_i].value, hub_requests[_i].index, 0,
			NULL) != UINT32_MAX) == hub_requests[_i].is_good, "%s", hub_requests[_i].why);
}
END_TEST

/* From power to enabled, as a driver goes (C3), then a report of the device behind a split interrupt QH (C1). */
START_TEST(test_hub_port_to_a_split_interrupt)
{
	uint32_t status_qh, change, low0, low2, report;

	open_hub();
	status_qh = rig_qh(&rig, 5, 1, 1, 0);
	put(&rig, status_qh, T);
	put(&rig, status_qh + 8, 1 | 1u << 30);
	for (uint32_t i = 0; i < 1024; i += 4)
		put(&rig, FRAMES + 4 * i, status_qh | TYPE_QH);
	change = rig_qtd(&rig, P_IN, 1, PAGES, IOC);
	put(&rig, status_qh + 16, change);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ASE | CMD_PSE | CMD_ITC1);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert(get(&rig, change + 8) & ACTIVE); /* no power, no change */
	ck_assert_uint_eq(port_status(1), 0);
	ck_assert_uint_ne(hub(0x23, 3, 8, 1, 0, NULL), UINT32_MAX);
	ck_assert_uint_eq(port_status(1), 0x00010301);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert(!(get(&rig, change + 8) & ACTIVE));
	ck_assert_uint_eq(rig.memory[PAGES], 2);
	/* level: once more until it is cleared */
	change = rig_qtd(&rig, P_IN, 1, PAGES + 64, IOC);
	put(&rig, status_qh + 16, change);
	rig_pass(&rig, 100 * (uint64_t)NS_MS);
	ck_assert_uint_eq(rig.memory[PAGES + 64], 2);
	hub(0x23, 1, 16, 1, 0, NULL);
	ck_assert_uint_eq(port_status(1), 0x00000301);
	hub(0x23, 3, 4, 1, 0, NULL);
	ck_assert_uint_eq(port_status(1), 0x00100303);
	hub(0x23, 1, 20, 1, 0, NULL);
	ck_assert_uint_eq(port_status(1), 0x00000303);
	/* SET_ADDRESS by splits: low speed, control, hub 5, port 1 */
	low0 = rig_qh(&rig, 0, 0, 8, 1);
	put(&rig, low0 + 4, 1 << 12 | 1 << 14 | 8 << 16 | 1 << 27);
	put(&rig, low0 + 8, 1u << 30 | 1 << 23 | 5 << 16);
	rig_insert(&rig, low0);
	ck_assert_uint_eq(rig_control_at(&rig, low0, &(struct clove_usb_setup){ 0, 5, 6, 0, 0 }, NULL, NULL) & 0xff, 0);
	/* and its interrupt endpoint: S-mask 01, C-mask 1c */
	low2 = rig_qh(&rig, 6, 2, 8, 0);
	put(&rig, low2, T);
	put(&rig, low2 + 4, 6 | 2 << 8 | 1 << 12 | 8 << 16);
	put(&rig, low2 + 8, 0x1c01 | 1u << 30 | 1 << 23 | 5 << 16);
	report = rig_qtd(&rig, P_IN, 8, PAGES + 128, IOC);
	put(&rig, low2 + 16, report);
	/* behind a save-place FSTN, whose restore is not ours to follow */
	change = rig_place(&rig, 32);
	put(&rig, change, low2 | TYPE_QH);
	put(&rig, change + 4, HEAD | TYPE_QH);
	put(&rig, status_qh, change | TYPE_FSTN);
	rig_pass(&rig, 100 * (uint64_t)NS_MS);
	ck_assert(get(&rig, report + 8) & ACTIVE);
	{
		struct puppet *low = NULL;
		/* the puppet is behind the name */
		for (int i = 101; i <= 107 && !low; i++)
			if (clove_ehci_port_name(rig.hc, i))
				low = (struct puppet *)(void *)((char *)(uintptr_t)clove_ehci_port_name(rig.hc, i) -
						offsetof(struct clove_usb_device, name));
		ck_assert_uint_eq(low->submitted, 1);     /* it waits there: no polling */
		memcpy(puppet_first(low)->data, "report!", 8);
		puppet_end(low, CLOVE_USB_SUCCESS, 8);
	}
	rig_pass(&rig, 10 * NS_MS);
	ck_assert_uint_eq(get(&rig, report + 8) & 0x7fff00ff, 0);
	ck_assert_str_eq((char *)rig.memory + PAGES + 128, "report!");
	/* suspend and resume of the port */
	hub(0x23, 3, 2, 1, 0, NULL);
	ck_assert_uint_eq(port_status(1), 0x00000307);
	hub(0x23, 1, 2, 1, 0, NULL);
	ck_assert_uint_eq(port_status(1), 0x00040303);
	/* unplugged */
	ck_assert(clove_ehci_unplug(rig.hc, 101));
	ck_assert_uint_eq(port_status(1), 0x00050100);
}
END_TEST

START_TEST(test_hub_wakes_through_its_root_port)
{
	open_hub();
	hub(0x23, 3, 8, 1, 0, NULL);
	hub(0x23, 1, 16, 1, 0, NULL);
	hub(0x00, 3, 1, 0, 0, NULL);       /* DEVICE_REMOTE_WAKEUP of the hub */
	set_reg(&rig, R_PORTSC + 20, 0x1084);
	rig_ack(&rig);
	ck_assert(clove_ehci_unplug(rig.hc, 101));
	ck_assert_uint_eq(reg(&rig, R_PORTSC + 20) & 0xc0, 0xc0);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
}
END_TEST

/* ---- saving and loading ---- */

static uint8_t saved[65536];
static size_t saved_size;

static void configure(void)
{
	ck_assert(rig_address(&rig, 0, 1));
	dev->usb.shape.configuration = 1;
	dev->usb.shape.interface_count = 1;
	dev->usb.shape.interfaces[0].alt = 2;
}

START_TEST(test_save_and_load_in_the_middle_of_a_transfer)
{
	struct puppet *other = puppet_new(CLOVE_USB_HIGH);
	struct clove_ehci *old = rig.hc;
	uint32_t in, a, frindex;

	configure();
	in = rig_qh(&rig, 1, 1, 512, 0);
	rig_insert(&rig, in);
	a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);
	put(&rig, in + 16, a);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);
	saved_size = 10;
	ck_assert(!clove_ehci_save(rig.hc, saved, &saved_size));
	ck_assert_uint_gt(saved_size, 10);
	saved_size = sizeof saved;
	ck_assert(clove_ehci_is_drained(rig.hc));
	ck_assert(clove_ehci_save(rig.hc, saved, &saved_size));
	frindex = reg(&rig, R_FRINDEX);
	/* the target */
	rig.hc = clove_ehci_new(&rig_vmm, &rig);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &other->usb), 1);
	ck_assert(!clove_ehci_load(rig.hc, saved, saved_size - 1));
	saved[0] ^= 1;
	ck_assert(!clove_ehci_load(rig.hc, saved, saved_size));
	saved[0] ^= 1;
	ck_assert(clove_ehci_load(rig.hc, saved, saved_size));
	ck_assert_uint_eq(other->setups, 2);      /* SET_CONFIGURATION, SET_INTERFACE */
	ck_assert_uint_eq(other->setup.value, 2);
	ck_assert_uint_eq(reg(&rig, R_FRINDEX), frindex);
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1007);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(other->submitted, 3);
	puppet_end(other, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	clove_ehci_free(old);
}
END_TEST

START_TEST(test_pause_drains_what_was_sent)
{
	uint32_t out, a, b;

	configure();
	out = rig_qh(&rig, 1, 1, 512, 0);
	rig_insert(&rig, out);
	a = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);
	b = rig_qtd(&rig, P_OUT, 100, PAGES, IOC);
	put(&rig, out + 16, a);
	rig_pass(&rig, NS_MS);
	clove_ehci_pause(rig.hc, true);
	put(&rig, a, b);
	ck_assert(!clove_ehci_is_drained(rig.hc));
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, 10 * NS_MS);
	ck_assert(clove_ehci_is_drained(rig.hc));
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	ck_assert_uint_eq(dev->submitted, 1);
	clove_ehci_pause(rig.hc, false);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);     /* a's next was T when it was fetched; b is another story */
}
END_TEST

START_TEST(test_load_of_a_port_that_is_empty_now)
{
	configure();
	saved_size = sizeof saved;
	ck_assert(clove_ehci_save(rig.hc, saved, &saved_size));
	clove_ehci_unplug(rig.hc, 1);
	set_reg(&rig, R_PORTSC, 0x1002);
	ck_assert(clove_ehci_load(rig.hc, saved, saved_size));
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1002);
	ck_assert(reg(&rig, R_USBSTS) & STS_PCD);
}
END_TEST

START_TEST(test_save_and_load_of_the_hub)
{
	open_hub();
	hub(0x23, 3, 8, 1, 0, NULL);
	hub(0x23, 3, 4, 1, 0, NULL);
	saved_size = sizeof saved;
	ck_assert(clove_ehci_save(rig.hc, saved, &saved_size));
	clove_ehci_free(rig.hc);
	dev = puppet_new(CLOVE_USB_HIGH);
	rig.hc = clove_ehci_new(&rig_vmm, &rig);
	clove_ehci_plug(rig.hc, &dev->usb);
	clove_ehci_plug(rig.hc, &puppet_new(CLOVE_USB_LOW)->usb);
	ck_assert(clove_ehci_load(rig.hc, saved, saved_size));
	ck_assert_uint_eq(port_status(1), 0x00110303);
}
END_TEST

START_TEST(test_frames_for_who_wants_them)
{
	dev->usb.wants_frames = true;
	dev->usb.events->frames_wanted(dev->usb.owner);
	rig_pass(&rig, 100 * (uint64_t)NS_MS);
	ck_assert_uint_ge(dev->frames, 99);
	ck_assert_uint_le(dev->frames, 101);
	dev->usb.wants_frames = false;
	rig_pass(&rig, 100 * (uint64_t)NS_MS);
	ck_assert_uint_le(dev->frames, 101);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ehci-ports");
	TCase *tc = tcase_create("ports");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_register, 0, sizeof registers / sizeof *registers);
	tcase_add_test(tc, test_config_space);
	tcase_add_test(tc, test_status_bytes_clear_alone);
	tcase_add_test(tc, test_frame_index_is_the_clock);
	tcase_add_test(tc, test_rollover_each_1024_frames);
	tcase_add_test(tc, test_interrupt_is_a_level_or_a_message);
	tcase_add_loop_test(tc, test_port, 0, sizeof ports / sizeof *ports);
	tcase_add_test(tc, test_unplug_in_every_state);
	tcase_add_test(tc, test_ports_after_resets);
	tcase_add_test(tc, test_all_ports_taken);
	tcase_add_test(tc, test_device_that_leaves);
	tcase_add_test(tc, test_remote_wake_up);
	tcase_add_test(tc, test_connect_wakes_only_if_asked_to);
	tcase_add_test(tc, test_hub_descriptors);
	tcase_add_loop_test(tc, test_hub_request, 0, sizeof hub_requests / sizeof *hub_requests);
	tcase_add_test(tc, test_hub_port_to_a_split_interrupt);
	tcase_add_test(tc, test_hub_wakes_through_its_root_port);
	tcase_add_test(tc, test_save_and_load_in_the_middle_of_a_transfer);
	tcase_add_test(tc, test_pause_drains_what_was_sent);
	tcase_add_test(tc, test_load_of_a_port_that_is_empty_now);
	tcase_add_test(tc, test_save_and_load_of_the_hub);
	tcase_add_test(tc, test_frames_for_who_wants_them);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
