/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ehci-iso.c - the frame list: iTDs, siTDs, and interrupt QHs in their frames. */
#include <check.h>
#include "tests/unit/ehci-fixture.h"

static struct rig rig;
static struct puppet *dev, *full;          /* high speed at address 1; full speed behind the hub at address 2 */
static uint8_t filler;

static bool answer_iso(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	if (transfer->type != CLOVE_USB_ISO)
		return false;
	ck_assert(transfer->is_now && transfer->packet_count == 1);
	if (transfer->endpoint & 0x80) {
		memset(transfer->data, ++filler, transfer->len);
		transfer->packets[0].actual = (uint16_t)(transfer->len > 10 ? transfer->len - 10 : 0);
	} else {
		memcpy(puppet->echo + puppet->echo_len, transfer->data, transfer->packets[0].len);
		puppet->echo_len += transfer->packets[0].len;
		transfer->packets[0].actual = transfer->packets[0].len;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->packets[0].actual);
	return true;
}

static void setup(void)
{
	uint32_t hub0, full0;

	ck_assert(rig_open(&rig));
	filler = 0;
	dev = puppet_new(CLOVE_USB_HIGH);
	full = puppet_new(CLOVE_USB_FULL);
	dev->answer = full->answer = answer_iso;
	clove_ehci_plug(rig.hc, &dev->usb);
	ck_assert_int_eq(clove_ehci_plug(rig.hc, &full->usb), 101);
	rig_start(&rig);
	ck_assert(rig_address(&rig, 0, 1));
	ck_assert((hub0 = rig_address(&rig, 5, 5)));
	rig_control_at(&rig, hub0, &(struct clove_usb_setup){ 0, 9, 1, 0, 0 }, NULL, NULL);
	rig_control_at(&rig, hub0, &(struct clove_usb_setup){ 0x23, 3, 8, 1, 0 }, NULL, NULL);
	rig_control_at(&rig, hub0, &(struct clove_usb_setup){ 0x23, 3, 4, 1, 0 }, NULL, NULL);
	full0 = rig_qh(&rig, 0, 0, 64, 1);
	put(&rig, full0 + 4, 1 << 14 | 64 << 16 | 1 << 27);
	rig_insert(&rig, full0);
	ck_assert(rig_set_address(&rig, full0, 2));
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_PSE | CMD_ITC1);
	rig_pass(&rig, NS_MS);
	dev->submitted = full->submitted = 0;
	rig_ack(&rig);
}

static void teardown(void)
{
	rig_close(&rig);
	ck_assert_uint_eq(rig.bad, 0);
}

static uint32_t frame_in(uint32_t frames)
{
	return ((reg(&rig, R_FRINDEX) >> 3) + frames) & 1023;
}

/* An iTD with all slots alike, in a frame of the list. */
static uint32_t itd_at(uint32_t frame, bool is_in, uint32_t slot, uint32_t max_packet, uint32_t mult)
{
	uint32_t at = rig_place(&rig, 64);

	put(&rig, at, T);
	for (uint32_t i = 0; i < 8; i++)
		put(&rig, at + 4 + 4 * i, slot);
	for (uint32_t i = 0; i < 7; i++)
		put(&rig, at + 36 + 4 * i, PAGES + i * 4096);
	put(&rig, at + 36, PAGES | 3 << 8 | 1);
	put(&rig, at + 40, (PAGES + 4096) | max_packet | is_in << 11);
	put(&rig, at + 44, (PAGES + 8192) | mult);
	put(&rig, FRAMES + 4 * frame, at | TYPE_ITD);
	return at;
}

/* In the frame that comes in `frames`. */
static uint32_t itd(uint32_t frames, bool is_in, uint32_t slot, uint32_t max_packet, uint32_t mult)
{
	return itd_at(frame_in(frames), is_in, slot, max_packet, mult);
}

static const struct {
	const char *why;
	bool is_in; uint32_t slot, max_packet, mult;
	uint32_t want;                     /* of each slot */
	unsigned int submitted; uint32_t sts;
} itds[] = {
	{ "B6: OUT: the length stays", false, 0x80000000u | 100 << 16, 1024, 1, 100 << 16, 8, 0 },
	{ "B6: IN: the length is what came", true, 0x80000000u | 100 << 16, 1024, 1, 90 << 16, 8, 0 },
	{ "B6: IOC", true, 0x80008000u | 100 << 16, 1024, 1, 90 << 16 | 0x8000, 8, STS_INT },
	{ "B6: three packets in a microframe", true, 0x80000000u | 3072 << 16, 1024, 3, 3062 << 16, 8, 0 },
	{ "B6: into the next page", false, 0x80000000u | 200 << 16 | 4000, 1024, 1, 200 << 16 | 4000, 8, 0 },
	{ "B6: not active", true, 100 << 16, 1024, 1, 100 << 16, 0, 0 },
	{ "Part F: page 7", true, 0x80000000u | 100 << 16 | 7 << 12, 1024, 1, 0x40000000u | 100 << 16 | 7 << 12, 0, STS_ERR },
	{ "Part F: beyond page 6", true, 0x80000000u | 200 << 16 | 6 << 12 | 4000, 1024, 1,
			0x40000000u | 200 << 16 | 6 << 12 | 4000, 0, STS_ERR },
	{ "Part F: longer than Mult packets", true, 0x80000000u | 1025 << 16, 1024, 1, 0x40000000u | 1025 << 16, 0, STS_ERR },
	{ "Part F: longer than any microframe", true, 0x80000000u | 4095u << 16, 2047, 3, 0x40000000u | 4095u << 16, 0, STS_ERR },
};

START_TEST(test_itd)
{
	uint32_t at = itd(4, itds[_i].is_in, itds[_i].slot, itds[_i].max_packet, itds[_i].mult);

	for (uint32_t i = 0; i < 8192; i++)
		rig.memory[PAGES + i] = (uint8_t)i;
	rig_pass(&rig, 6 * NS_MS);
	for (int i = 0; i < 8; i++)
		ck_assert_msg(get(&rig, at + 4 + 4 * i) == itds[_i].want, "%s: slot %d: %08x", itds[_i].why, i,
				get(&rig, at + 4 + 4 * i));
	ck_assert_msg(dev->submitted == itds[_i].submitted, "%s: %u packets", itds[_i].why, dev->submitted);
	ck_assert_msg((reg(&rig, R_USBSTS) & 3) == itds[_i].sts, "%s: USBSTS %x", itds[_i].why, reg(&rig, R_USBSTS));
	if (!itds[_i].is_in)
		ck_assert_mem_eq(dev->echo, rig.memory + PAGES + (itds[_i].slot & 0xfff), itds[_i].slot >> 16 & 0xfff);
	else if (itds[_i].submitted)
		ck_assert_uint_eq(rig.memory[PAGES], 8);
}
END_TEST

START_TEST(test_itd_only_in_its_frame)
{
	uint32_t soon = itd(4, false, 0x80000000u | 10 << 16, 1024, 1), later = itd(40, false, 0x80000000u | 10 << 16, 1024, 1);
	uint32_t late = itd(60, false, 0x80000000u | 10 << 16, 1024, 1);

	rig_pass(&rig, 8 * NS_MS);
	ck_assert_uint_eq(dev->submitted, 8);
	ck_assert(!(get(&rig, soon + 4) >> 31) && get(&rig, later + 4) >> 31);
	rig_pass(&rig, 40 * NS_MS);
	ck_assert(!(get(&rig, later + 4) >> 31) && get(&rig, late + 4) >> 31);
	/* nobody ran for a long time: its frame is over, it stays active */
	rig.now += 200 * NS_MS;
	clove_ehci_run(rig.hc);
	rig_pass(&rig, 5 * NS_MS);
	ck_assert(get(&rig, late + 4) >> 31);
	ck_assert_uint_eq(dev->submitted, 16);
}
END_TEST

START_TEST(test_frame_index_waits_for_late_frames)
{
	uint32_t before, at, frame;

	itd(2, false, 0x80000000u | 10 << 16, 1024, 1);
	rig_pass(&rig, 4 * NS_MS);
	at = itd(3, false, 0x80000000u | 10 << 16, 1024, 1);
	frame = frame_in(3);
	before = reg(&rig, R_FRINDEX);
	rig.now += 60 * NS_MS;             /* late, but not too late */
	ck_assert_uint_le(reg(&rig, R_FRINDEX) >> 3, before >> 3);
	clove_ehci_run(rig.hc);
	ck_assert(!(get(&rig, at + 4) >> 31));
	ck_assert_uint_ge(reg(&rig, R_FRINDEX) >> 3, frame);
}
END_TEST

START_TEST(test_frame_index_never_goes_back)
{
	uint32_t before;

	itd(2, false, 0x80000000u | 10 << 16, 1024, 1);
	rig_pass(&rig, 4 * NS_MS);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_ITC1);
	rig.now += 40 * NS_MS;
	before = reg(&rig, R_FRINDEX);
	set_reg(&rig, R_USBCMD, CMD_RS | CMD_PSE | CMD_ITC1);
	ck_assert_uint_le((reg(&rig, R_FRINDEX) - before) & 0x3fff, 8);
}
END_TEST

/* What is linked into the frame of which FRINDEX tells is executed in it, wherever in a frame that is, and whether
 * isochronous frames went before or not. */
START_TEST(test_frame_index_is_what_comes_next)
{
	uint32_t at, before = reg(&rig, R_FRINDEX), now;

	if (_i) {
		itd(2, false, 0x80000000u | 10 << 16, 1024, 1);
		rig_pass(&rig, 4 * NS_MS);
	}
	for (unsigned int i = 0; i < 40; i++) {
		rig_pass(&rig, i * NS_MS / 8);
		now = reg(&rig, R_FRINDEX);
		ck_assert_uint_le((now - before) & 0x3fff, 8 * 20);
		clove_ehci_run(rig.hc);
		at = itd_at(now >> 3 & 1023, false, 0x80000000u | 10 << 16, 1024, 1);
		rig_pass(&rig, 2 * NS_MS);
		ck_assert_msg(!(get(&rig, at + 4) >> 31), "%u eighths", i);
		before = now;
	}
}
END_TEST

/* Linux counts frames modulo 1024: a guest that was kept from looking for a second took new for old. */
START_TEST(test_frame_index_waits_for_the_guest)
{
	uint32_t before, after, at;

	itd(2, false, 0x80000000u | 10 << 16, 1024, 1);
	rig_pass(&rig, 4 * NS_MS);
	before = reg(&rig, R_FRINDEX);
	if (_i)
		rig.now += 5000 * (uint64_t)NS_MS;       /* and so was this process */
	else
		rig_pass(&rig, 5000 * (uint64_t)NS_MS);
	after = reg(&rig, R_FRINDEX);
	ck_assert_uint_ge((after - before) & 0x3fff, 100 * 8);
	ck_assert_uint_le((after - before) & 0x3fff, 300 * 8);
	/* what the guest links now is executed in its frame, and not oftener */
	rig.now += 1;
	clove_ehci_run(rig.hc);
	at = itd(4, false, 0x80000000u | 10 << 16, 1024, 1);
	rig_pass(&rig, 2 * NS_MS);
	ck_assert(get(&rig, at + 4) >> 31);
	rig_pass(&rig, 4 * NS_MS);
	ck_assert(!(get(&rig, at + 4) >> 31));
	ck_assert_uint_eq(dev->submitted, 16);
	ck_assert_uint_le(((reg(&rig, R_FRINDEX) - after) & 0x3fff), 8 * 8);
}
END_TEST

static const struct {
	const char *why;
	bool is_in; uint32_t state, offset, smask;
	uint32_t want;                     /* bits 7..0 and total */
	unsigned int submitted; uint32_t sts;
} sitds[] = {
	{ "B7: OUT", false, ACTIVE | 192 << 16, 0, 1, 0, 1, 0 },
	{ "B7: IN: less came", true, ACTIVE | 192 << 16, 0, 1, 10 << 16, 1, 0 },
	{ "B7: IOC", true, ACTIVE | 192 << 16 | 1u << 31, 0, 1, 10 << 16, 1, STS_INT },
	{ "B7: into the second page", false, ACTIVE | 1023 << 16, 4000, 1, 0, 1, 0 },
	{ "B7: into the second page, IN", true, ACTIVE | 1023 << 16, 4000, 1, 10 << 16, 1, 0 },
	{ "B7: no packet", false, ACTIVE, 0, 1, 0, 1, 0 },
	{ "B7: not active", false, 192 << 16, 0, 1, 192 << 16, 0, 0 },
	{ "B7: S-mask 0", false, ACTIVE | 192 << 16, 0, 0, ACTIVE | 192 << 16, 0, 0 },
	{ "Part F: beyond the second page", true, ACTIVE | 200 << 16 | 1 << 30, 4000, 1, BUFFER_ERR | 200 << 16, 0, STS_ERR },
};

static uint32_t sitd(uint32_t frames, bool is_in, uint32_t state, uint32_t offset, uint32_t smask)
{
	uint32_t at = rig_place(&rig, 32);

	put(&rig, at, T);
	put(&rig, at + 4, 2 | 3 << 8 | 5 << 16 | 1 << 24 | (uint32_t)is_in << 31);
	put(&rig, at + 8, smask | 0x1c00);
	put(&rig, at + 12, state);
	put(&rig, at + 16, PAGES | offset);
	put(&rig, at + 20, PAGES + 0x8000);
	put(&rig, at + 24, T);
	put(&rig, FRAMES + 4 * frame_in(frames), at | TYPE_SITD);
	return at;
}

START_TEST(test_sitd)
{
	uint32_t total = sitds[_i].state >> 16 & 0x3ff, first = 4096 - sitds[_i].offset;
	uint32_t at = sitd(4, sitds[_i].is_in, sitds[_i].state, sitds[_i].offset, sitds[_i].smask);

	memset(rig.memory + PAGES, 0x11, 4096);
	memset(rig.memory + PAGES + 0x8000, 0x22, 4096);
	rig_pass(&rig, 6 * NS_MS);
	ck_assert_msg((get(&rig, at + 12) & 0x3ff00ff) == sitds[_i].want, "%s: %08x", sitds[_i].why, get(&rig, at + 12));
	ck_assert_msg(full->submitted == sitds[_i].submitted, "%s: %u packets", sitds[_i].why, full->submitted);
	ck_assert_msg((reg(&rig, R_USBSTS) & 3) == sitds[_i].sts, "%s: USBSTS %x", sitds[_i].why, reg(&rig, R_USBSTS));
	if (!sitds[_i].submitted)
		return;
	if (!sitds[_i].is_in) {
		ck_assert_uint_eq(full->echo_len, total);
		if (total > first)
			ck_assert(full->echo[first - 1] == 0x11 && full->echo[first] == 0x22);
	} else if (total > first) {
		ck_assert(rig.memory[PAGES + 4095] == 1 && rig.memory[PAGES + 0x8000] == 1);
		ck_assert_uint_eq(rig.memory[PAGES + 0x8000 + total - first - 10], 0x22);
	}
	ck_assert_uint_eq(get(&rig, at + 20) & 7, 0);
}
END_TEST

START_TEST(test_sitd_of_nobody)
{
	uint32_t at = sitd(4, true, ACTIVE | 100 << 16, 0, 1);

	put(&rig, at + 4, 9 | 3 << 8 | 1u << 31);
	rig_pass(&rig, 6 * NS_MS);
	ck_assert_uint_eq(get(&rig, at + 12) & 0xff, 0x40);  /* ERR of the translator */
	ck_assert(reg(&rig, R_USBSTS) & STS_ERR);
}
END_TEST

/* ---- interrupt QHs ---- */

static uint32_t link_qh(uint32_t smask, uint32_t mult, uint32_t period, uint32_t qtd)
{
	uint32_t qh = rig_qh(&rig, 1, 2, 64, 0);

	put(&rig, qh, T);
	put(&rig, qh + 8, smask | mult << 30);
	put(&rig, qh + 16, qtd);
	for (uint32_t i = 0; i < 1024; i += period)
		put(&rig, FRAMES + 4 * i, qh | TYPE_QH);
	return qh;
}

START_TEST(test_interrupt_waits_at_the_device)
{
	uint32_t a = rig_qtd(&rig, P_IN, 8, PAGES, IOC);
	unsigned int runs;

	link_qh(1, 1, 8, a);
	rig_pass(&rig, 100 * (uint64_t)NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);
	rig_pass(&rig, 2000 * (uint64_t)NS_MS);
	runs = rig.runs;
	rig_pass(&rig, 1000 * (uint64_t)NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);
	ck_assert_uint_le(rig.runs - runs, 40);    /* nothing to say costs next to nothing */
	ck_assert_uint_eq(dev->cancelled, 0);
	rig_ack(&rig);
	puppet_end(dev, CLOVE_USB_SUCCESS, 8);
	rig_pass(&rig, NS_MS);                     /* told at once, not at the next look */
	ck_assert_uint_eq(get(&rig, a + 8) & 0xff, 0);
	ck_assert(rig.irq);
}
END_TEST

static bool answer_at_once(struct puppet *puppet, struct clove_usb_transfer *transfer)
{
	(void)puppet;
	if (transfer->type != CLOVE_USB_INTERRUPT)
		return false;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
	return true;
}

static const struct { const char *why; uint32_t smask, mult, period; unsigned int in_32_frames; } rates[] = {
	{ "B2: once in eight frames", 0x01, 1, 8, 4 },
	{ "B2: once a frame", 0x10, 1, 1, 32 },
	{ "B2: twice a frame", 0x11, 1, 1, 64 },
	{ "B3: Mult 3 and one bit", 0x01, 3, 1, 96 },
	{ "B3: Mult 0 is one", 0x01, 0, 1, 32 },
	{ "B2: S-mask 0 is never", 0x00, 1, 1, 0 },
};

START_TEST(test_interrupt_not_oftener_than_its_mask)
{
	uint32_t first = 0, last = 0, done = 0, qh;

	dev->answer = answer_at_once;
	for (int i = 0; i < 400; i++) {
		uint32_t qtd = rig_qtd(&rig, P_IN, 8, PAGES, 0);

		if (last)
			put(&rig, last, qtd);
		else
			first = qtd;
		last = qtd;
	}
	rig_pass(&rig, NS_MS);
	qh = link_qh(rates[_i].smask, rates[_i].mult, rates[_i].period, first);
	rig_pass(&rig, 32 * NS_MS);
	for (uint32_t qtd = first; !(qtd & T) && !(get(&rig, qtd + 8) & ACTIVE); qtd = get(&rig, qtd))
		done++;
	ck_assert_msg(done >= rates[_i].in_32_frames - (rates[_i].in_32_frames > 0) * rates[_i].in_32_frames / 8 &&
			done <= rates[_i].in_32_frames + rates[_i].in_32_frames / 8 + (rates[_i].in_32_frames > 0),
			"%s: %u in 32 frames", rates[_i].why, done);
	(void)qh;
}
END_TEST

START_TEST(test_interrupt_larger_than_a_packet)
{
	uint32_t a = rig_qtd(&rig, P_IN, 100, PAGES, 0), qh = link_qh(1, 1, 1, a);

	rig_pass(&rig, 3 * NS_MS);
	ck_assert_uint_eq(puppet_first(dev)->len, 64);
	puppet_end(dev, CLOVE_USB_SUCCESS, 64);
	rig_pass(&rig, 3 * NS_MS);
	ck_assert(get(&rig, a + 8) & ACTIVE);
	ck_assert_uint_eq(get(&rig, qh + 24) >> 16 & 0x7fff, 36);
	ck_assert_uint_eq(puppet_first(dev)->len, 36);
	puppet_end(dev, CLOVE_USB_SUCCESS, 36);
	rig_pass(&rig, 3 * NS_MS);
	ck_assert_uint_eq(get(&rig, a + 8) & 0x7fff00ff, 0);
}
END_TEST

START_TEST(test_interrupt_unlinked_is_taken_back)
{
	link_qh(1, 1, 1, rig_qtd(&rig, P_IN, 8, PAGES, 0));
	rig_pass(&rig, 3 * NS_MS);
	ck_assert_uint_eq(dev->submitted, 1);
	for (uint32_t i = 0; i < 1024; i++)
		put(&rig, FRAMES + 4 * i, T);
	rig_pass(&rig, 300 * (uint64_t)NS_MS);
	ck_assert_uint_eq(dev->cancelled, 1);
}
END_TEST

START_TEST(test_interrupt_answer_after_unlinking_is_dropped)
{
	uint32_t a = rig_qtd(&rig, P_IN, 8, PAGES, 0), qh = link_qh(1, 1, 1, a);

	rig_pass(&rig, 3 * NS_MS);
	for (uint32_t i = 0; i < 1024; i++)
		put(&rig, FRAMES + 4 * i, T);
	memset(rig.memory + qh, 0xff, 48);
	puppet_end(dev, CLOVE_USB_SUCCESS, 8);
	rig_pass(&rig, 20 * NS_MS);
	ck_assert(get(&rig, a + 8) & ACTIVE);
	ck_assert_uint_eq(get(&rig, qh + 12), UINT32_MAX);
}
END_TEST

START_TEST(test_iso_budget_of_a_frame)
{
	uint32_t first = rig_place(&rig, 64), last = first;

	/* two hundred iTDs in one frame */
	put(&rig, first, T);
	for (int i = 0; i < 200; i++) {
		uint32_t at = rig_place(&rig, 64);

		put(&rig, at, T);
		put(&rig, at + 4, 0x80000000u | 1 << 16);
		put(&rig, at + 36, PAGES | 3 << 8 | 1);
		put(&rig, at + 40, (PAGES + 4096) | 1024);
		put(&rig, at + 44, 1);
		put(&rig, last, at | TYPE_ITD);
		last = at;
	}
	put(&rig, FRAMES + 4 * frame_in(3), first | TYPE_ITD);
	rig_pass(&rig, 6 * NS_MS);
	ck_assert_uint_le(dev->submitted, 64);
	ck_assert_uint_gt(dev->submitted, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ehci-iso");
	TCase *tc = tcase_create("iso");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_itd, 0, sizeof itds / sizeof *itds);
	tcase_add_test(tc, test_itd_only_in_its_frame);
	tcase_add_test(tc, test_frame_index_waits_for_late_frames);
	tcase_add_test(tc, test_frame_index_never_goes_back);
	tcase_add_loop_test(tc, test_frame_index_is_what_comes_next, 0, 2);
	tcase_add_loop_test(tc, test_frame_index_waits_for_the_guest, 0, 2);
	tcase_add_loop_test(tc, test_sitd, 0, sizeof sitds / sizeof *sitds);
	tcase_add_test(tc, test_sitd_of_nobody);
	tcase_add_test(tc, test_interrupt_waits_at_the_device);
	tcase_add_loop_test(tc, test_interrupt_not_oftener_than_its_mask, 0, sizeof rates / sizeof *rates);
	tcase_add_test(tc, test_interrupt_larger_than_a_packet);
	tcase_add_test(tc, test_interrupt_unlinked_is_taken_back);
	tcase_add_test(tc, test_interrupt_answer_after_unlinking_is_dropped);
	tcase_add_test(tc, test_iso_budget_of_a_frame);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
