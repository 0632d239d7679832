/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-schedule.c - plays the driver: lists in memory, and what the controller makes of them. */
#include <check.h>
#include <unistd.h>
#include "tests/unit/ehci-fixture.h"
#include "usb/software.h"

static struct rig rig;
static struct puppet *dev;
static uint32_t ep0, in, out;          /* queue heads of dev at address 1 */

static void setup(void)
{
	ck_assert(rig_open(&rig));
	puppets_freed = 0;
	dev = puppet_new(CLOVE_USB_HIGH);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &dev->usb), 1);
	rig_start(&rig);
	ck_assert((ep0 = rig_address(&rig, 0, 1)));
	in = rig_qh(&rig, 1, 1, 512, 0);
	out = rig_qh(&rig, 1, 1, 512, 0);
	rig_insert(&rig, in);
	rig_insert(&rig, out);
	rig_ack(&rig);
}

static void teardown(void)
{
	rig_close(&rig);
	ck_assert_uint_eq(rig.bad, 0);
}

static uint32_t token(uint32_t qtd)
{
	return get(&rig, qtd + 8);
}

/* Hangs a list on a QH that has nothing to do, as a driver does. */
static void queue(uint32_t qh, uint32_t qtd)
{
	put(&rig, qh + 24, get(&rig, qh + 24) & TOGGLE);
	put(&rig, qh + 20, T);
	put(&rig, qh + 16, qtd);
	rig_pass(&rig, NS_MS);
}

static void doorbell(void)
{
	set_reg(&rig, R_USBCMD, reg(&rig, R_USBCMD) | CMD_IAAD);
	rig_pass(&rig, NS_MS);
}

/* ---- control: 4.10, USB 2.0 8.5.3 ---- */

static bool stall(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	(void)puppet;
	clove_usb_complete(transfer, CLOVE_USB_STALL, 0);
	return true;
}

static bool short_answer(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	(void)puppet;
	for (size_t i = 0; i < transfer->len; i++)
		transfer->data[i] = (uint8_t)i;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len < 9 ? transfer->len : 9);
	return true;
}

static bool keep_out(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	if (transfer->len)
		memcpy(puppet->echo, transfer->data, transfer->len);
	puppet->echo_len = transfer->len;
	return false;
}

static bool wait_for_test(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	(void)puppet;
	(void)transfer;
	return true;
}

static const struct {
	const char *why;
	struct clove_usb_setup setup;
	bool (*answer)(struct puppet *puppet, struct clove_usb_transfer *transfer);
	uint32_t want, moved;              /* status bits of the QH; bytes of the data stage */
	unsigned int setups;
} controls[] = {
	{ "B5: IN with a data stage", { 0x80, 6, 0x100, 0, 18 }, NULL, 0, 18, 1 },
	{ "B5: a short data stage goes to the status stage by alt-next", { 0x80, 6, 0x100, 0, 64 }, short_answer, 0, 9, 1 },
	{ "B5: OUT with a data stage", { 0x21, 0x20, 0, 0, 7 }, keep_out, 0, 7, 1 },
	{ "B5: no data stage", { 0, 9, 1, 0, 0 }, NULL, 0, 0, 1 },
	{ "B5: a stalled data stage halts", { 0x80, 6, 0x600, 0, 10 }, stall, HALTED, 0, 1 },
	{ "B5: a stalled status stage halts", { 0, 9, 7, 0, 0 }, stall, HALTED, 0, 1 },
	{ "device.h: SET_ADDRESS never reaches the device", { 0, 5, 1, 0, 0 }, NULL, 0, 0, 0 },
	{ "Part F: wLength larger than any buffer", { 0x80, 6, 0x200, 0, 20000 }, short_answer, 0, 9, 1 },
};

START_TEST(test_control_transfer)
{
	static uint8_t data[65536];
	uint32_t moved, got;

	memset(data, 0x5a, sizeof data);
	dev->answer = controls[_i].answer;
	got = rig_control_at(&rig, ep0, &controls[_i].setup, data, &moved);
	ck_assert_msg((got & 0xff) == controls[_i].want && moved == controls[_i].moved &&
			dev->setups == controls[_i].setups, "%s: token %08x, %u bytes, %u requests", controls[_i].why, got,
			moved, dev->setups);
	if (controls[_i].answer == short_answer)
		ck_assert_uint_eq(data[8], 8);
	if (controls[_i].answer == keep_out)
		ck_assert_mem_eq(dev->echo, data, controls[_i].moved);
	rig_pass(&rig, NS_MS);
	ck_assert_msg(!(reg(&rig, R_USBSTS) & STS_ERR) == !controls[_i].want, "%s: USBERRINT", controls[_i].why);
	/* and the next one is not disturbed */
	dev->answer = NULL;
	ck_assert_uint_eq(rig_control_at(&rig, ep0, &(struct clove_usb_setup){ 0x80, 6, 0x100, 0, 8 }, data, &moved) & 0xff, 0);
	ck_assert_uint_eq(moved, 8);
}
END_TEST

START_TEST(test_control_setup_ends_the_transfer_before)
{
	uint8_t data[18];
	uint32_t a = rig_qtd(&rig, P_SETUP, 8, PAGES, 0), b = rig_qtd(&rig, P_IN, 18, PAGES + 64, TOGGLE);

	memcpy(rig.memory + PAGES, "\x80\x06\0\1\0\0\x12\0", 8);
	put(&rig, a, b);
	dev->answer = wait_for_test;
	queue(ep0, a);
	ck_assert_uint_eq(dev->submitted, 1);
	ck_assert_uint_eq(token(a) & 0xff, 0);
	ck_assert(token(b) & ACTIVE);
	dev->answer = NULL;
	ck_assert_uint_eq(rig_control_at(&rig, ep0, &(struct clove_usb_setup){ 0x80, 6, 0x200, 0, 9 }, data, NULL) & 0xff, 0);
	ck_assert_uint_eq(dev->cancelled, 1);
}
END_TEST

START_TEST(test_control_data_without_setup_stalls)
{
	uint32_t a = rig_qtd(&rig, P_IN, 18, PAGES, TOGGLE);

	queue(ep0, a);
	ck_assert_uint_eq(token(a) & 0xff, HALTED);
	ck_assert_uint_eq(dev->submitted, 0);
}
END_TEST

/* ---- bulk: what one transfer's end does to its qTDs (4.10.3, 4.10.4) ---- */

static const struct {
	const char *why;
	uint32_t pid, total, offset;
	uint8_t status;
	size_t actual;
	uint32_t want, rest, toggle;       /* status bits, total bytes left, toggle after */
	uint32_t sts;
} ends[] = {
	{ "B5: OUT, one full packet", P_OUT, 512, 0, CLOVE_USB_SUCCESS, 512, 0, 0, 1, 0 },
	{ "B5: OUT, two packets: the toggle comes back", P_OUT, 1024, 0, CLOVE_USB_SUCCESS, 1024, 0, 0, 0, 0 },
	{ "B5: OUT, a packet that is not full", P_OUT, 513, 0, CLOVE_USB_SUCCESS, 513, 0, 0, 0, 0 },
	{ "B5: OUT, no bytes: one packet", P_OUT, 0, 0, CLOVE_USB_SUCCESS, 0, 0, 0, 1, 0 },
	{ "B5: IN, all", P_IN, 4096, 100, CLOVE_USB_SUCCESS, 4096, 0, 0, 0, 0 },
	{ "B5: IN, no bytes asked for", P_IN, 0, 0, CLOVE_USB_SUCCESS, 0, 0, 0, 1, 0 },
	{ "B5: IN, short: USBINT without IOC", P_IN, 4096, 0, CLOVE_USB_SUCCESS, 13, 0, 4083, 1, STS_INT },
	{ "B5: IN, short at a packet's end: a packet without bytes", P_IN, 4096, 0, CLOVE_USB_SUCCESS, 512, 0, 3584, 0, STS_INT },
	{ "B5: IN, nothing at all: short", P_IN, 4096, 0, CLOVE_USB_SUCCESS, 0, 0, 4096, 1, STS_INT },
	{ "B4: five pages from an offset", P_IN, 16384, 4095, CLOVE_USB_SUCCESS, 16384, 0, 0, 0, 0 },
	{ "B4: five whole pages", P_OUT, 20480, 0, CLOVE_USB_SUCCESS, 20480, 0, 0, 0, 0 },
	{ "B5: stall: CERR stays", P_IN, 512, 0, CLOVE_USB_STALL, 0, HALTED | CERR3, 512, 0, STS_ERR },
	{ "B5: stall after a packet", P_IN, 1024, 0, CLOVE_USB_STALL, 512, HALTED | CERR3, 512, 1, STS_ERR },
	{ "B5: no answer: CERR is used up", P_OUT, 512, 0, CLOVE_USB_TIMEOUT, 0, HALTED | XACT, 512, 0, STS_ERR },
	{ "B5: an error on the far bus", P_IN, 512, 0, CLOVE_USB_IOERROR, 0, HALTED | XACT, 512, 0, STS_ERR },
	{ "B5: babble", P_IN, 512, 0, CLOVE_USB_BABBLE, 512, HALTED | BABBLE | CERR3, 0, 1, STS_ERR },
	{ "hostile: more than there was room for", P_IN, 512, 0, CLOVE_USB_SUCCESS, 513, HALTED | BABBLE | CERR3, 0, 1, STS_ERR },
	{ "hostile: a status that there is none", P_IN, 512, 0, 77, 0, HALTED | XACT, 512, 0, STS_ERR },
};

START_TEST(test_bulk_ends)
{
	uint32_t a = rig_qtd(&rig, ends[_i].pid, ends[_i].total, PAGES + ends[_i].offset, 0), want = ends[_i].want;
	bool is_in = ends[_i].pid == P_IN;

	if (!(want & (XACT | CERR3)))
		want |= CERR3;
	for (uint32_t i = 0; i < 0x8000; i++)
		rig.memory[PAGES + i] = (uint8_t)(i * 7);
	queue(is_in ? in : out, a);
	ck_assert_msg(dev->submitted == 1 && puppet_first(dev), "%s: not submitted", ends[_i].why);
	ck_assert_uint_eq(puppet_first(dev)->endpoint, is_in ? 0x81 : 1);
	ck_assert_uint_eq(puppet_first(dev)->len, ends[_i].total);
	if (!is_in && ends[_i].total)
		ck_assert_mem_eq(puppet_first(dev)->data, rig.memory + PAGES + ends[_i].offset, ends[_i].total);
	if (is_in && ends[_i].total)
		memset(puppet_first(dev)->data, 0xab, ends[_i].total);
	rig_ack(&rig);
	puppet_end(dev, ends[_i].status, ends[_i].actual);
	rig_pass(&rig, NS_MS);
	ck_assert_msg((token(a) & (0xff | CERR3)) == want && (token(a) >> 16 & 0x7fff) == ends[_i].rest &&
			token(a) >> 31 == ends[_i].toggle, "%s: token %08x", ends[_i].why, token(a));
	ck_assert_msg((reg(&rig, R_USBSTS) & 0x3f) == ends[_i].sts, "%s: USBSTS %08x", ends[_i].why, reg(&rig, R_USBSTS));
	if (is_in && ends[_i].actual <= ends[_i].total)
		for (uint32_t i = 0; i <= ends[_i].total; i++)
			ck_assert_msg(rig.memory[PAGES + ends[_i].offset + i] == (i < ends[_i].actual ? 0xab :
					(uint8_t)((ends[_i].offset + i) * 7)), "%s: byte %u", ends[_i].why, i);
	/* the overlay says the same, and whose it is */
	ck_assert_uint_eq(get(&rig, (is_in ? in : out) + 12), a);
	ck_assert_uint_eq(get(&rig, (is_in ? in : out) + 24), token(a));
}
END_TEST

/* ---- chains ---- */

START_TEST(test_bulk_makes_a_chain_one_transfer)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512 * 8, PAGES, 0);
	uint32_t b = rig_qtd(&rig, P_OUT, 512 * 4, PAGES + 0x8000, IOC);

	put(&rig, a, b);
	memset(rig.memory + PAGES, 0x11, 4096);
	memset(rig.memory + PAGES + 0x8000, 0x22, 2048);
	queue(out, a);
	ck_assert_uint_eq(dev->submitted, 1);
	ck_assert_uint_eq(puppet_first(dev)->len, 512 * 12);
	ck_assert_uint_eq(puppet_first(dev)->data[4095], 0x11);
	ck_assert_uint_eq(puppet_first(dev)->data[4096], 0x22);
	ck_assert(token(a) & ACTIVE);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512 * 12);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, 0);
	ck_assert_uint_eq(token(b) & 0x7fff00ff, 0);
	ck_assert(rig.irq);
}
END_TEST

static const struct {
	const char *why;
	size_t actual;
	bool has_alt;
	uint32_t active;                   /* bits: a, b, c, d still active */
	unsigned int submitted;            /* d's is the second */
} shorts[] = {
	{ "B5: all of a chain; the queue goes on", 1536, true, 0x8, 2 },
	{ "B5: short in the first: the rest stays active, alt-next is next", 100, true, 0x8 | 0x6, 2 },
	{ "B5: short in the second", 612, true, 0x8 | 0x4, 2 },
	{ "B5: a packet without bytes between two", 512, true, 0x8 | 0x4, 2 },
	{ "B5: short without alt-next: no chain, each its own", 100, false, 0x8 | 0x6, 2 },
};

START_TEST(test_bulk_short_in_a_chain)
{
	uint32_t q[4], active = 0;

	for (uint32_t i = 0; i < 4; i++)
		q[i] = rig_qtd(&rig, P_IN, 512, PAGES + i * 4096, 0);
	for (int i = 0; i < 3; i++) {
		put(&rig, q[i], q[i + 1]);
		put(&rig, q[i] + 4, shorts[_i].has_alt ? q[3] : (uint32_t)T);
	}
	queue(in, q[0]);
	if (shorts[_i].has_alt) {
		ck_assert_uint_eq(dev->submitted, 2);      /* a transfer of three, and d behind it: it comes in any case */
		ck_assert_uint_eq(puppet_first(dev)->len, 1536);
	} else {
		ck_assert_uint_eq(puppet_first(dev)->len, 512);
	}
	memset(puppet_first(dev)->data, 0x77, puppet_first(dev)->len);
	puppet_end(dev, CLOVE_USB_SUCCESS, shorts[_i].actual);
	rig_pass(&rig, NS_MS);
	for (int i = 0; i < 4; i++)
		active |= token(q[i]) & ACTIVE ? 1u << i : 0;
	if (shorts[_i].has_alt)
		ck_assert_msg(active == shorts[_i].active, "%s: active %x", shorts[_i].why, active);
	else
		ck_assert_msg(active == 0xe, "%s: active %x", shorts[_i].why, active);
	ck_assert_msg(get(&rig, in + 12) == (shorts[_i].has_alt ? q[3] : q[1]), "%s: current %x", shorts[_i].why, get(&rig, in + 12));
	ck_assert(reg(&rig, R_USBSTS) & STS_INT || shorts[_i].actual == 1536);
}
END_TEST

START_TEST(test_bulk_several_in_flight_come_in_order)
{
	uint32_t q[3];

	for (uint32_t i = 0; i < 3; i++) {
		q[i] = rig_qtd(&rig, P_IN, 512, PAGES + i * 4096, IOC);
		if (i)
			put(&rig, q[i - 1], q[i]);
	}
	queue(in, q[0]);
	ck_assert_uint_eq(dev->submitted, 3);
	/* the second comes back first: the guest hears of it after the first */
	clove_usb_complete(CLOVE_CONTAINER(dev->waiting.next->next, struct clove_usb_transfer, link), CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert(token(q[0]) & token(q[1]) & ACTIVE);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq((token(q[0]) | token(q[1])) & 0xff, 0);
	ck_assert(token(q[2]) & ACTIVE);
}
END_TEST

START_TEST(test_bulk_stall_takes_back_what_is_behind)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, IOC), b = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);

	put(&rig, a, b);
	queue(out, a);
	ck_assert_uint_eq(dev->submitted, 2);
	puppet_end(dev, CLOVE_USB_STALL, 0);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, HALTED);
	ck_assert(token(b) & ACTIVE);
	ck_assert_uint_eq(dev->cancelled, 1);
	ck_assert_uint_eq(dev->submitted, 2);
}
END_TEST

START_TEST(test_pid_change_is_another_transfer)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, 0), b = rig_qtd(&rig, P_IN, 512, PAGES, 0);

	put(&rig, a, b);
	queue(out, a);
	ck_assert_uint_eq(dev->submitted, 1);
	ck_assert_uint_eq(puppet_first(dev)->len, 512);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(puppet_first(dev)->endpoint, 0x81);
}
END_TEST

START_TEST(test_toggle_from_qtd_or_queue)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, TOGGLE), b;

	/* DTC 0: the queue's toggle */
	queue(out, a);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) >> 31, 1);
	b = rig_qtd(&rig, P_OUT, 512, PAGES, TOGGLE);
	queue(out, b);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(b) >> 31, 0);
	/* DTC 1: the qTD's */
	put(&rig, out + 4, get(&rig, out + 4) | 1 << 14);
	b = rig_qtd(&rig, P_OUT, 512, PAGES, TOGGLE);
	queue(out, b);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(b) >> 31, 0);
}
END_TEST

/* ---- a queue that makes no sense ends alone (B8) ---- */

static const struct {
	const char *why;
	uint32_t clear, set;               /* of the token */
	uint32_t max_packet, endpoint, address, want;
} senseless[] = {
	{ "B8: PID 3", 3 << 8, 3 << 8, 512, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B8: more than 5000h bytes", 0x7fffu << 16, 0x5001u << 16, 512, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B8: C_Page 5", 0, 5 << 12, 512, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B4: more than the pages hold", 0x7fffu << 16, 0x1001u << 16 | 4 << 12, 512, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B3: packets larger than there are", 0, 0, 1025, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B3: packets of no bytes", 0, 0, 0, 1, 1, HALTED | BUFFER_ERR | XACT },
	{ "B5: nobody at this address", 0, 0, 512, 1, 9, HALTED | XACT },
	{ "B5: no such endpoint", 0, 0, 512, 7, 1, HALTED | XACT },
	{ "B5: an isochronous endpoint", 0, 0, 512, 3, 1, HALTED | XACT },
	{ "B5: SETUP to another endpoint than 0", 3 << 8, 2 << 8, 512, 1, 1, HALTED | XACT },
};

START_TEST(test_senseless_queue_halts_alone)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, 0), b = rig_qtd(&rig, P_IN, 512, PAGES, 0);

	put(&rig, a + 8, (token(a) & ~senseless[_i].clear) | senseless[_i].set);
	put(&rig, out + 4, senseless[_i].address | senseless[_i].endpoint << 8 | 2 << 12 | senseless[_i].max_packet << 16);
	queue(out, a);
	ck_assert_msg((token(a) & 0xff) == senseless[_i].want, "%s: token %08x", senseless[_i].why, token(a));
	ck_assert_msg(reg(&rig, R_USBSTS) & STS_ERR, "%s: no USBERRINT", senseless[_i].why);
	ck_assert_uint_eq(dev->submitted, 0);
	ck_assert(!(reg(&rig, R_USBSTS) & (STS_HSE | STS_HALTED)));
	/* the others go on */
	queue(in, b);
	ck_assert_uint_eq(dev->submitted, 1);
}
END_TEST

/* ---- memory that is not there ---- */

enum { AWAY = 110 * NS_MS };               /* longer than memory may be away */

START_TEST(test_buffer_that_is_not_there_halts_the_queue)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, 0x80000000, 0), b = rig_qtd(&rig, P_IN, 512, 0x80000000, 0);

	queue(out, a);
	rig_pass(&rig, AWAY);
	ck_assert_uint_eq(token(a) & 0xff, HALTED | BUFFER_ERR);
	queue(in, b);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, AWAY);
	ck_assert_uint_eq(token(b) & 0xff, HALTED | BUFFER_ERR);
	ck_assert(reg(&rig, R_USBSTS) & STS_ERR && !(reg(&rig, R_USBSTS) & STS_HSE));
	ck_assert_uint_gt(rig.bad, 0);
	rig.bad = 0;
}
END_TEST

static const struct { const char *why; uint32_t at, value; } nowhere[] = {
	{ "B8: a QH in no memory", 0, 0xfebf0000 | TYPE_QH },
	{ "B8: something else than a QH in the asynchronous list", 0, AREA | TYPE_ITD },
	{ "B8: a qTD in no memory (the register window)", 16, 0xfebf0000 },
};

START_TEST(test_list_that_leads_nowhere_is_a_host_error)
{
	put(&rig, out + nowhere[_i].at, nowhere[_i].value);
	rig_pass(&rig, AWAY);
	ck_assert_msg(reg(&rig, R_USBSTS) & STS_HSE, "%s: USBSTS %x", nowhere[_i].why, reg(&rig, R_USBSTS));
	ck_assert(reg(&rig, R_USBSTS) & STS_HALTED && !(reg(&rig, R_USBCMD) & CMD_RS) && rig.irq);
	ck_assert(strstr(rig.log, "host system error") || _i == 1);
	/* a reset makes it work again */
	rig.bad = 0;
	rig_start(&rig);
	ck_assert(!(reg(&rig, R_USBSTS) & (STS_HSE | STS_HALTED)));
}
END_TEST

/* What is away: the circle, a list or a buffer of one queue. */
enum { HOLE_HEAD = HEAD & ~4095, HOLE_QTD = 0x80000, HOLE_DATA = PAGES + 4096 };

static const struct {
	const char *why;
	uint32_t hole;
	bool is_in;
	bool is_before;                    /* it is gone before the driver's list is looked at; else before the answer */
	uint32_t sts;                      /* what follows if it never comes back */
} aways[] = {
	{ "the circle, before a transfer", HOLE_HEAD, false, true, STS_HSE },
	{ "the circle, before the answer", HOLE_HEAD, true, false, STS_HSE },
	{ "a qTD, before a transfer", HOLE_QTD, false, true, STS_HSE },
	{ "a qTD, before the answer", HOLE_QTD, true, false, STS_HSE },
	{ "a qTD, before the answer of OUT", HOLE_QTD, false, false, STS_HSE },
	{ "bytes to be read", HOLE_DATA, false, true, STS_ERR },
	{ "bytes to be written, of the second qTD", HOLE_DATA, true, false, STS_ERR },
};

START_TEST(test_memory_may_be_away_for_a_moment)
{
	uint32_t q[3];

	rig.next = HOLE_QTD;
	for (uint32_t i = 0; i < 3; i++) {
		q[i] = rig_qtd(&rig, aways[_i].is_in ? P_IN : P_OUT, 4096, PAGES + i * 4096, 0);
		memset(rig.memory + PAGES + i * 4096, (int)(0x50 + i), 4096);
		if (i) {
			put(&rig, q[i - 1], q[i]);
			put(&rig, q[i - 1] + 4, T);
		}
	}
	for (uint32_t i = 0; i < 2; i++)
		put(&rig, q[i] + 4, q[2]);         /* one transfer of two, and one */
	rig.hole = aways[_i].is_before ? aways[_i].hole : 0;
	queue(aways[_i].is_in ? in : out, q[0]);
	rig_pass(&rig, 50 * NS_MS);
	if (aways[_i].is_before)
		ck_assert_msg(!dev->submitted && rig.bad, "%s: %u submitted", aways[_i].why, dev->submitted);
	rig.hole = aways[_i].is_before ? 0 : aways[_i].hole;
	rig_pass(&rig, 5 * NS_MS);
	for (size_t left = 3 * 4096; left;) {
		struct clove_usb_transfer *transfer = puppet_first(dev);
		size_t len;

		ck_assert_msg(transfer, "%s: %zu bytes missing", aways[_i].why, left);
		len = transfer->len;
		for (size_t i = 0; i < len; i += 4096)
			if (aways[_i].is_in)
				memset(transfer->data + i, (int)(0x60 + (3 * 4096 - left + i) / 4096), 4096);
			else
				ck_assert_uint_eq(transfer->data[i], 0x50 + (3 * 4096 - left + i) / 4096);
		left -= len;
		puppet_end(dev, CLOVE_USB_SUCCESS, len);
		rig_pass(&rig, 50 * NS_MS);
		if (!aways[_i].is_before)
			ck_assert_msg(rig.bad, "%s: nothing was looked for", aways[_i].why);
		rig.hole = 0;
		rig_pass(&rig, 5 * NS_MS);
	}
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_msg(!(token(q[i]) & 0x7fff00ff), "%s: token %u is %08x", aways[_i].why, i, token(q[i]));
		ck_assert_msg(rig.memory[PAGES + i * 4096] == (aways[_i].is_in ? 0x60 : 0x50) + i, "%s: bytes", aways[_i].why);
	}
	ck_assert_msg(!(reg(&rig, R_USBSTS) & (STS_HSE | STS_ERR)) && !dev->cancelled, "%s: USBSTS %x, %u called back",
			aways[_i].why, reg(&rig, R_USBSTS), dev->cancelled);
	rig.bad = 0;
}
END_TEST

START_TEST(test_memory_may_not_be_away_for_good)
{
	uint32_t a, b;

	rig.next = HOLE_QTD;
	a = rig_qtd(&rig, aways[_i].is_in ? P_IN : P_OUT, 4096, PAGES, 0);
	b = rig_qtd(&rig, aways[_i].is_in ? P_IN : P_OUT, 4096, PAGES + 4096, 0);
	put(&rig, a, b);
	put(&rig, a + 4, PAGES);
	rig.hole = aways[_i].is_before ? aways[_i].hole : 0;
	queue(aways[_i].is_in ? in : out, a);
	if (!aways[_i].is_before) {
		rig.hole = aways[_i].hole;
		puppet_end(dev, CLOVE_USB_SUCCESS, 8192);
	}
	rig_pass(&rig, AWAY);
	ck_assert_msg((reg(&rig, R_USBSTS) & (STS_HSE | STS_ERR)) == aways[_i].sts, "%s: USBSTS %x", aways[_i].why,
			reg(&rig, R_USBSTS));
	rig.hole = 0;
	if (aways[_i].sts == STS_ERR)
		ck_assert_uint_eq(token(aways[_i].is_in ? b : a) & 0xff, HALTED | BUFFER_ERR);
	rig.bad = 0;
}
END_TEST

/* A driver reads the answer of a request without data in the status stage's qTD alone. */
START_TEST(test_memory_may_be_away_for_a_moment_of_control)
{
	uint32_t a, b;

	memcpy(rig.memory + PAGES, "\0\x09\1\0\0\0\0\0", 8);
	a = rig_qtd(&rig, P_SETUP, 8, PAGES, 0);
	rig.next = HOLE_QTD;
	b = rig_qtd(&rig, P_IN, 0, 0, TOGGLE | IOC);
	put(&rig, a, b);
	dev->answer = wait_for_test;
	queue(ep0, a);
	ck_assert_uint_eq(dev->setups, 1);
	rig.hole = HOLE_QTD;
	puppet_end(dev, CLOVE_USB_SUCCESS, 0);
	rig_pass(&rig, 50 * NS_MS);
	ck_assert_uint_gt(rig.bad, 0);
	rig.hole = 0;
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(b) & 0xff, 0);
	ck_assert_uint_eq(dev->setups, 1);
	ck_assert(!(reg(&rig, R_USBSTS) & (STS_HSE | STS_ERR)));
	rig.bad = 0;
}
END_TEST

START_TEST(test_memory_away_takes_nothing_back)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, IOC), b;

	rig.next = HOLE_QTD;
	b = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);
	put(&rig, a, b);
	queue(out, a);
	ck_assert_uint_eq(dev->submitted, 2);
	/* the way to the second is not there */
	rig.hole = HOLE_QTD;
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, 10 * NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, 0);
	/* nor does the doorbell know who is in a circle that it cannot see */
	rig.hole = HOLE_HEAD;
	doorbell();
	rig_pass(&rig, 10 * NS_MS);
	ck_assert(!(reg(&rig, R_USBSTS) & STS_IAA));
	ck_assert_uint_eq(dev->cancelled, 0);
	rig.hole = 0;
	rig_pass(&rig, NS_MS);
	ck_assert(reg(&rig, R_USBSTS) & STS_IAA);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(b) & 0xff, 0);
	ck_assert_uint_eq(dev->submitted, 2);
	rig.bad = 0;
}
END_TEST

/* Each time is a time of its own, and a controller that nobody ran has not looked. */
START_TEST(test_memory_is_away_again)
{
	for (int i = 0; i < 4; i++) {
		rig.hole = HOLE_HEAD;
		rig_pass(&rig, NS_MS * 60);
		ck_assert(!(reg(&rig, R_USBSTS) & STS_HSE));
		if (i == 1)
			set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1);
		if (i == 2)
			set_reg(&rig, R_USBCMD, CMD_ITC1);
		if (i == 3)
			rig.now += 500 * (uint64_t)NS_MS;
		rig_pass(&rig, NS_MS / 2);
		if (i == 0 || i == 3)
			rig.hole = 0;
		rig_pass(&rig, NS_MS * 200);
		rig.hole = 0;
		set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1 | CMD_ASE);
		if (i == 1 || i == 2)
			rig.hole = HOLE_HEAD;
		rig_pass(&rig, NS_MS * 60);
		ck_assert_msg(!(reg(&rig, R_USBSTS) & STS_HSE), "time %d", i);
		rig.hole = 0;
		rig_pass(&rig, NS_MS);
	}
	rig.bad = 0;
}
END_TEST

START_TEST(test_bus_master_off_moves_nothing)
{
	uint64_t before;

	clove_ehci_config_write(rig.hc, 4, 0x0002, 2);
	before = rig.reads + rig.writes;
	rig_pass(&rig, NS_MS * 20);
	ck_assert_uint_eq(rig.reads + rig.writes, before);
	ck_assert(reg(&rig, R_USBSTS) & STS_HSE);
}
END_TEST

/* ---- lists without end (Part F) ---- */

START_TEST(test_endless_lists_end)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 0, PAGES, 0), q;
	uint64_t before;

	/* a ring of qTDs that are active: each pass ends, and so does Windows' ring at what is not */
	put(&rig, a, a);
	queue(out, a);
	/* 4000 queue heads before the circle closes */
	for (int i = 0; i < 4000; i++) {
		q = rig_qh(&rig, 1, 1, 512, 0);
		rig_insert(&rig, q);
		if (rig.next > PAGES - 4096)
			break;
	}
	before = rig.reads;
	clove_ehci_run(rig.hc);
	set_reg(&rig, R_USBCMD, reg(&rig, R_USBCMD));
	clove_ehci_run(rig.hc);
	ck_assert_uint_lt(rig.reads - before, 8 * 1100);
	/* a circle that does not come back to where it began */
	put(&rig, q, q | TYPE_QH);
	rig_pass(&rig, NS_MS);
	ck_assert(!(reg(&rig, R_USBSTS) & STS_HSE));
	/* frames: a QH to itself, an iTD to itself, an FSTN to itself */
	for (uint32_t type = 0; type < 8; type += 2)
		for (uint32_t i = 0; i < 1024; i++) {
			put(&rig, AREA + 0x20 * 8, (AREA + 0x20 * 8) | type);
			put(&rig, FRAMES + 4 * i, (AREA + 0x20 * 8) | type);
		}
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1 | CMD_PSE);
	before = rig.reads;
	rig_pass(&rig, 10 * NS_MS);
	ck_assert_uint_lt(rig.reads - before, 12 * 1100);
}
END_TEST

START_TEST(test_ring_of_qtds_stops_at_the_inactive)
{
	uint32_t q[3];

	for (int i = 0; i < 3; i++)
		q[i] = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);
	for (int i = 0; i < 3; i++)
		put(&rig, q[i], q[(i + 1) % 3]);
	queue(out, q[0]);
	ck_assert_uint_eq(dev->submitted, 3);
	for (int i = 0; i < 3; i++) {
		puppet_end(dev, CLOVE_USB_SUCCESS, 512);
		rig_pass(&rig, NS_MS);
		ck_assert_uint_eq(token(q[i]) & 0xff, 0);
	}
	ck_assert_uint_eq(dev->submitted, 3);
	put(&rig, q[0] + 8, 512 << 16 | P_OUT << 8 | CERR3 | ACTIVE);
	rig_pass(&rig, 70 * (uint64_t)NS_MS);
	ck_assert_uint_eq(dev->submitted, 4);
}
END_TEST

/* ---- memory that changes under us (Part F) ---- */

static const struct { const char *why; uint32_t at; uint32_t value; } changes[] = {
	{ "the token's length", 8, 256u << 16 | P_IN << 8 | CERR3 | ACTIVE },
	{ "not active any more", 8, 512u << 16 | P_IN << 8 | CERR3 },
	{ "another buffer", 12, PAGES + 0x9000 },
	{ "another page", 16, PAGES + 0x9000 },
};

START_TEST(test_answer_for_a_changed_qtd_is_dropped)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, 0), before;

	queue(in, a);
	put(&rig, a + changes[_i].at, changes[_i].value);
	before = token(a);
	memset(puppet_first(dev)->data, 0xab, 512);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, UFRAME);
	ck_assert_msg(rig.memory[PAGES] == 0 && rig.memory[PAGES + 0x9000] == 0 && token(a) == before, "%s", changes[_i].why);
}
END_TEST

static void flip_token(struct rig *r, uint64_t address)
{
	/* between the reading of the token and that of the rest */
	if (address == in + 0x1000000u)
		return;
	if (address >= AREA && r->events++ % 2)
		r->memory[address % MEMORY] ^= 0x40;
}

START_TEST(test_memory_that_changes_while_it_is_read_hurts_nobody)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, 0);

	rig.before_read = flip_token;
	queue(in, a);
	for (int i = 0; i < 50; i++) {
		puppet_end(dev, CLOVE_USB_SUCCESS, 512);
		rig_pass(&rig, NS_MS);
		set_reg(&rig, R_USBCMD, CMD_RS | CMD_ASE | CMD_ITC1);
	}
	rig.before_read = NULL;
	rig.bad = 0;
}
END_TEST

/* Data, then the token, then the QH, then the interrupt (D2.7, Part F). */
static uint64_t writes_seen[64];
static unsigned int write_count, irq_at_write;

static void note_write(struct rig *r, uint64_t address, size_t len)
{
	(void)len;
	irq_at_write |= r->irq;
	if (write_count < 64)
		writes_seen[write_count++] = address;
}

START_TEST(test_write_back_is_in_order)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	rig_ack(&rig);
	write_count = irq_at_write = 0;
	rig.after_write = note_write;
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	rig.after_write = NULL;
	ck_assert_uint_eq(write_count, 3);
	ck_assert_uint_eq(writes_seen[0], PAGES);
	ck_assert_uint_eq(writes_seen[1], a + 8);
	ck_assert_uint_eq(writes_seen[2], in + 12);
	ck_assert(!irq_at_write && rig.irq);
}
END_TEST

/* ---- doorbell (B9) ---- */

START_TEST(test_doorbell_takes_back_what_was_unlinked)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	ck_assert_uint_eq(dev->submitted, 1);
	put(&rig, out, get(&rig, in));     /* out -> in -> ... : without in */
	doorbell();
	ck_assert(reg(&rig, R_USBSTS) & STS_IAA);
	ck_assert(!(reg(&rig, R_USBCMD) & CMD_IAAD));
	ck_assert_uint_eq(dev->cancelled, 1);
	ck_assert(token(a) & ACTIVE);
	memset(rig.memory + in, 0xff, 48);
	memset(rig.memory + a, 0xff, 32);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(get(&rig, in + 12), UINT32_MAX);
}
END_TEST

START_TEST(test_doorbell_keeps_what_is_linked)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	for (int i = 0; i < 100; i++)      /* a storm */
		set_reg(&rig, R_USBCMD, reg(&rig, R_USBCMD) | CMD_IAAD);
	doorbell();
	ck_assert(reg(&rig, R_USBSTS) & STS_IAA);
	ck_assert_uint_eq(dev->cancelled, 0);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, 0);
}
END_TEST

START_TEST(test_doorbell_of_the_head_that_we_stand_on)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	/* the controller stands at a QH that is taken out of the circle: it goes on in the circle */
	queue(in, rig_qtd(&rig, P_IN, 512, PAGES, IOC));
	set_reg(&rig, R_ASYNC, in);
	rig_pass(&rig, NS_MS);
	put(&rig, out, get(&rig, in));
	doorbell();
	ck_assert(reg(&rig, R_USBSTS) & STS_IAA);
	memset(rig.memory + in, 0xff, 48);
	queue(out, a);
	rig_pass(&rig, NS_MS);
	ck_assert(!(reg(&rig, R_USBSTS) & STS_HSE));
	ck_assert_uint_eq(dev->cancelled, 1);
	ck_assert_uint_eq(dev->submitted, 2);
}
END_TEST

START_TEST(test_doorbell_with_the_schedule_off)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1);
	rig_ack(&rig);
	doorbell();
	ck_assert(reg(&rig, R_USBSTS) & STS_IAA);
	ck_assert_uint_eq(dev->cancelled, 1);
}
END_TEST

START_TEST(test_doorbell_at_once_however_idle)
{
	uint64_t asked;

	rig_pass(&rig, 2000 * (uint64_t)NS_MS);
	set_reg(&rig, R_USBCMD, reg(&rig, R_USBCMD) | CMD_IAAD);
	asked = rig.now;
	while (!(reg(&rig, R_USBSTS) & STS_IAA) && rig.now < asked + 10 * NS_MS)
		rig_pass(&rig, 10000);
	ck_assert_uint_lt(rig.now - asked, 300000);
}
END_TEST

START_TEST(test_unlinked_without_doorbell_is_taken_back_in_time)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	put(&rig, out, get(&rig, in));
	rig_pass(&rig, 300 * (uint64_t)NS_MS);
	ck_assert_uint_eq(dev->cancelled, 1);
}
END_TEST

/* ---- running and halting ---- */

START_TEST(test_halt_keeps_answers_until_it_runs_again)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	set_reg(&rig, R_USBCMD, CMD_ASE | CMD_ITC1);
	ck_assert(reg(&rig, R_USBSTS) & STS_HALTED);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert(token(a) & ACTIVE);
	for (int i = 0; i < 30; i++)       /* RS toggling */
		set_reg(&rig, R_USBCMD, (i & 1) | CMD_ASE | CMD_ITC1);
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, 0);
	ck_assert_uint_eq(dev->submitted, 1);
}
END_TEST

START_TEST(test_reset_in_the_middle_takes_all_back)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	set_reg(&rig, R_USBCMD, reg(&rig, R_USBCMD) | CMD_RESET);
	ck_assert_uint_eq(dev->cancelled, 1);
	ck_assert_uint_eq(reg(&rig, R_USBCMD), 0x00080000);
	ck_assert_uint_eq(reg(&rig, R_USBSTS), 0x00001000);
	ck_assert_uint_eq(reg(&rig, R_PORTSC), 0x1803);
	rig_pass(&rig, NS_MS);
	ck_assert(token(a) & ACTIVE);
}
END_TEST

START_TEST(test_unplug_in_the_middle)
{
	uint32_t a = rig_qtd(&rig, P_IN, 512, PAGES, IOC);

	queue(in, a);
	ck_assert(clove_ehci_unplug(rig.hc, 1));
	ck_assert_uint_eq(puppets_freed, 1);
	ck_assert(!clove_ehci_unplug(rig.hc, 1));
	rig_pass(&rig, NS_MS);
	ck_assert_uint_eq(token(a) & 0xff, HALTED | XACT);
	ck_assert_uint_eq(reg(&rig, R_PORTSC) & 7, 2);
}
END_TEST

START_TEST(test_threshold_gathers_interrupts)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, IOC), b = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);
	uint64_t first;

	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ASE | 64 << 16);
	queue(out, a);
	rig_pass(&rig, 10 * NS_MS);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	while (!rig.irq)
		rig_pass(&rig, 10000);
	first = rig.now;
	rig_ack(&rig);
	queue(out, b);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	while (!rig.irq && rig.now < first + 100 * NS_MS)
		rig_pass(&rig, 10000);
	ck_assert_uint_ge(rig.now - first, 7 * NS_MS);
	ck_assert_uint_le(rig.now - first, 9 * NS_MS);
}
END_TEST

/* Not a driver's doing: the list is empty. */
START_TEST(test_idle_costs_little)
{
	unsigned int runs;

	rig_pass(&rig, 3000 * (uint64_t)NS_MS);
	runs = rig.runs;
	rig_pass(&rig, 1000 * (uint64_t)NS_MS);
	ck_assert_uint_le(rig.runs - runs, 20);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1);
	rig_pass(&rig, NS_MS);
	runs = rig.runs;
	rig_pass(&rig, 5000 * (uint64_t)NS_MS);
	ck_assert_uint_eq(rig.runs, runs);
	ck_assert_uint_eq(rig.wish, NEVER);
}
END_TEST

START_TEST(test_new_work_is_found_soon_after_activity)
{
	uint32_t a = rig_qtd(&rig, P_OUT, 512, PAGES, IOC), b = rig_qtd(&rig, P_OUT, 512, PAGES, IOC);
	uint64_t asked;

	queue(out, a);
	puppet_end(dev, CLOVE_USB_SUCCESS, 512);
	rig_pass(&rig, 2 * NS_MS);
	put(&rig, out + 16, b);
	asked = rig.now;
	while (dev->submitted < 2 && rig.now < asked + 10 * NS_MS)
		rig_pass(&rig, 10000);
	ck_assert_uint_le(rig.now - asked, 260000);
}
END_TEST

/* A command of bulk-only transport as a driver's three transfers. */
START_TEST(test_storage_stick_answers_inquiry)
{
	char path[] = "/tmp/clove-ehci-XXXXXX", *error = NULL;
	int fd = mkstemp(path);
	struct clove_usb_storage_options options = { .path = path };
	static const uint8_t command[31] = {
		'U', 'S', 'B', 'C', 1, 2, 3, 4, 36, 0, 0, 0, 0x80, 0, 6, 0x12, 0, 0, 0, 36,
	};
	uint32_t q0, q1, q2, a, b, c;

	ck_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
	ck_assert_int_eq(clove_ehci_plug(rig.hc, clove_usb_storage_new(&options, &error)), 2);
	rig_reset_port(&rig, 1);
	q0 = rig_qh(&rig, 0, 0, 64, 1);
	rig_insert(&rig, q0);
	ck_assert_uint_eq(rig_control_at(&rig, q0, &(struct clove_usb_setup){ 0, 5, 2, 0, 0 }, NULL, NULL) & 0xff, 0);
	put(&rig, q0 + 4, get(&rig, q0 + 4) | 2);
	ck_assert_uint_eq(rig_control_at(&rig, q0, &(struct clove_usb_setup){ 0, 9, 1, 0, 0 }, NULL, NULL) & 0xff, 0);
	q1 = rig_qh(&rig, 2, 2, 512, 0);
	q2 = rig_qh(&rig, 2, 1, 512, 0);
	rig_insert(&rig, q1);
	rig_insert(&rig, q2);
	memcpy(rig.memory + PAGES, command, sizeof command);
	a = rig_qtd(&rig, P_OUT, 31, PAGES, IOC);
	b = rig_qtd(&rig, P_IN, 36, PAGES + 0x1000, IOC);
	c = rig_qtd(&rig, P_IN, 13, PAGES + 0x2000, IOC);
	put(&rig, b, c);
	put(&rig, q1 + 16, a);
	put(&rig, q2 + 16, b);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	ck_assert_uint_eq(get(&rig, b + 8) & 0x7fff00ff, 0);
	ck_assert_uint_eq(get(&rig, c + 8) & 0x7fff00ff, 0);
	ck_assert_mem_eq(rig.memory + PAGES + 0x2000, "USBS\1\2\3\4\0\0\0\0\0", 13);
	close(fd);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ehci-schedule");
	TCase *tc = tcase_create("schedule");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_control_transfer, 0, sizeof controls / sizeof *controls);
	tcase_add_test(tc, test_control_setup_ends_the_transfer_before);
	tcase_add_test(tc, test_control_data_without_setup_stalls);
	tcase_add_loop_test(tc, test_bulk_ends, 0, sizeof ends / sizeof *ends);
	tcase_add_test(tc, test_bulk_makes_a_chain_one_transfer);
	tcase_add_loop_test(tc, test_bulk_short_in_a_chain, 0, sizeof shorts / sizeof *shorts);
	tcase_add_test(tc, test_bulk_several_in_flight_come_in_order);
	tcase_add_test(tc, test_bulk_stall_takes_back_what_is_behind);
	tcase_add_test(tc, test_pid_change_is_another_transfer);
	tcase_add_test(tc, test_toggle_from_qtd_or_queue);
	tcase_add_loop_test(tc, test_senseless_queue_halts_alone, 0, sizeof senseless / sizeof *senseless);
	tcase_add_test(tc, test_buffer_that_is_not_there_halts_the_queue);
	tcase_add_loop_test(tc, test_list_that_leads_nowhere_is_a_host_error, 0, sizeof nowhere / sizeof *nowhere);
	tcase_add_loop_test(tc, test_memory_may_be_away_for_a_moment, 0, sizeof aways / sizeof *aways);
	tcase_add_loop_test(tc, test_memory_may_not_be_away_for_good, 0, sizeof aways / sizeof *aways);
	tcase_add_test(tc, test_memory_may_be_away_for_a_moment_of_control);
	tcase_add_test(tc, test_memory_away_takes_nothing_back);
	tcase_add_test(tc, test_memory_is_away_again);
	tcase_add_test(tc, test_bus_master_off_moves_nothing);
	tcase_add_test(tc, test_endless_lists_end);
	tcase_add_test(tc, test_ring_of_qtds_stops_at_the_inactive);
	tcase_add_loop_test(tc, test_answer_for_a_changed_qtd_is_dropped, 0, sizeof changes / sizeof *changes);
	tcase_add_test(tc, test_memory_that_changes_while_it_is_read_hurts_nobody);
	tcase_add_test(tc, test_write_back_is_in_order);
	tcase_add_test(tc, test_doorbell_takes_back_what_was_unlinked);
	tcase_add_test(tc, test_doorbell_keeps_what_is_linked);
	tcase_add_test(tc, test_doorbell_of_the_head_that_we_stand_on);
	tcase_add_test(tc, test_doorbell_with_the_schedule_off);
	tcase_add_test(tc, test_doorbell_at_once_however_idle);
	tcase_add_test(tc, test_unlinked_without_doorbell_is_taken_back_in_time);
	tcase_add_test(tc, test_halt_keeps_answers_until_it_runs_again);
	tcase_add_test(tc, test_reset_in_the_middle_takes_all_back);
	tcase_add_test(tc, test_unplug_in_the_middle);
	tcase_add_test(tc, test_threshold_gathers_interrupts);
	tcase_add_test(tc, test_idle_costs_little);
	tcase_add_test(tc, test_new_work_is_found_soon_after_activity);
	tcase_add_test(tc, test_storage_stick_answers_inquiry);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
