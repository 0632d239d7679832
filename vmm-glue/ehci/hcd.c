/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hcd.c - the controller's clock, its interrupt, its resets, and when it has to look at its lists again. */
#include "vmm-glue/ehci/ehci.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LATE_FRAMES = 100,         /* isochronous frames executed late, with the guest's clock waiting for us */
	UNSEEN = 256 * 8,          /* microframes that may pass between two looks of a driver at isochronous frames */
	CATCH_UP = 128,            /* frames behind which are not looked at any more */
	ROLLOVER = 8192,           /* microframes: 1024 frames (2.3.2, FLR) */
	ROUNDS = 4,
	MS = 1000000,
	GRACE = 100 * MS,          /* ns spent looking for memory that is not there */
	LOOK = 2 * MS,             /* a look counts at most so much: perhaps it was us who were away */
};

uint64_t ehci_now(struct clove_ehci *hc)
{
	return hc->vmm->now(hc->opaque);
}

void ehci_log(struct clove_ehci *hc, const char *format, ...)
{
	char line[160];
	va_list args;

	if (!hc->vmm->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	hc->vmm->log(hc->opaque, line);
}

/* Microframes since the beginning; FRINDEX are the lowest 14 bits. */
static uint64_t clock_now(struct clove_ehci *hc)
{
	uint64_t now = ehci_now(hc);

	if (!(hc->reg[USBCMD] & USBCMD_RS))
		return hc->reg[FRINDEX];
	return hc->run_base + (now > hc->run_since ? (now - hc->run_since) / EHCI_MICROFRAME : 0);
}

/* As the guest sees it: the first microframe that is not executed. Frames are executed whole, at their beginning, or
 * when a driver asks for the time; those with isochronous elements may be late. So a driver may link an element into
 * any microframe from here on, and what lies before it is done, or never will be: Linux gives a transfer back by its
 * last element, and loses sight of an earlier one that is still active in the frame that is, or in the one before it. */
uint64_t ehci_microframes(struct clove_ehci *hc)
{
	uint64_t clock = clock_now(hc), next = hc->frame_next * 8, seen = clock;

	if (!(hc->reg[USBCMD] & USBCMD_RS))
		return clock;
	if (hc->reg[USBSTS] & USBSTS_PSS) {
		bool is_late = hc->iso_until > ehci_now(hc) && next <= clock && (clock - next) / 8 < LATE_FRAMES;

		seen = is_late && next ? next : (clock / 8 + 1) * 8;
	}
	return seen > hc->shown ? seen : hc->shown;
}

/* Frames come again after 1024, and a driver tells those behind it from those ahead by FRINDEX alone. One that was kept
 * from looking for a second would take the one for the other, so for such a driver time has stood still. */
uint64_t ehci_show_microframes(struct clove_ehci *hc)
{
	uint64_t clock = clock_now(hc), most = hc->shown + UNSEEN;

	if (hc->reg[USBSTS] & USBSTS_PSS && hc->iso_until > hc->shown_at && hc->shown >= hc->run_base && clock > most) {
		hc->run_since += (clock - most) * EHCI_MICROFRAME;
		hc->rollovers = most / ROLLOVER;
		hc->frame_next = most >> 3;
		ehci_kick(hc);
	}
	hc->shown = ehci_microframes(hc);
	hc->shown_at = ehci_now(hc);
	return hc->shown;
}

static uint64_t time_of(const struct clove_ehci *hc, uint64_t microframe)
{
	return hc->run_since + (microframe > hc->run_base ? microframe - hc->run_base : 0) * EHCI_MICROFRAME;
}

bool ehci_is_running(const struct clove_ehci *hc)
{
	return hc->reg[USBCMD] & USBCMD_RS && !ehci_is_asleep(hc);
}

static void wish(struct clove_ehci *hc, uint64_t at)
{
	if (hc->wish == at)
		return;
	hc->wish = at;
	hc->vmm->wake_at(hc->opaque, at);
}

void ehci_kick(struct clove_ehci *hc)
{
	hc->async_at = 0;
	hc->periodic_at = 0;
	hc->must_run = true;
	if (!hc->is_busy && hc->wish)
		wish(hc, 0);
}

void ehci_update_irq(struct clove_ehci *hc, bool is_acknowledge)
{
	bool is_asserted = hc->reg[USBSTS] & hc->reg[USBINTR] & USBSTS_CAUSES;
	bool is_raised = is_asserted && (ehci_has_msi(hc) || !ehci_is_intx_disabled(hc));

	ehci_config_set_irq(hc, is_asserted);
	/* A message is an edge: what the driver left pending needs one more. */
	if (is_acknowledge && is_raised && hc->is_raised && ehci_has_msi(hc)) {
		hc->is_raised = false;
		hc->vmm->set_irq(hc->opaque, false);
	}
	if (is_raised != hc->is_raised) {
		hc->is_raised = is_raised;
		hc->vmm->set_irq(hc->opaque, is_raised);
	}
}

void ehci_raise(struct clove_ehci *hc, uint32_t causes)
{
	hc->reg[USBSTS] |= causes;
	ehci_update_irq(hc, false);
}

void ehci_raise_at_threshold(struct clove_ehci *hc, uint32_t causes)
{
	hc->pending |= causes;
	hc->must_run = true;
}

/* USBCMD's interrupt threshold in ns (2.3.1). */
static uint64_t threshold(const struct clove_ehci *hc)
{
	uint32_t itc = hc->reg[USBCMD] >> 16 & 0xff;

	return (itc && itc <= 64 && !(itc & (itc - 1)) ? itc : 8) * EHCI_MICROFRAME;
}

static void deliver(struct clove_ehci *hc)
{
	uint64_t now = ehci_now(hc);

	if (!hc->pending || (hc->delivered && now - hc->delivered < threshold(hc)))
		return;
	hc->delivered = now;
	hc->reg[USBSTS] |= hc->pending;
	hc->pending = 0;
	ehci_update_irq(hc, false);
}

void ehci_rollover(struct clove_ehci *hc)
{
	uint64_t rollovers = ehci_microframes(hc) / ROLLOVER;

	if (hc->reg[USBCMD] & USBCMD_RS && rollovers != hc->rollovers) {
		hc->rollovers = rollovers;
		ehci_raise(hc, USBSTS_FLR);
	}
}

void ehci_started(struct clove_ehci *hc)
{
	hc->run_since = ehci_now(hc);
	hc->run_base = hc->reg[FRINDEX];
	hc->rollovers = hc->run_base / ROLLOVER;
	hc->frame_next = hc->run_base >> 3;
	hc->iso_until = hc->shown = hc->shown_at = 0;
}

void ehci_stopped(struct clove_ehci *hc)
{
	uint64_t clock = hc->run_base + (ehci_now(hc) - hc->run_since) / EHCI_MICROFRAME;

	hc->reg[FRINDEX] = (uint32_t)(clock > hc->shown ? clock : hc->shown) & 0x3fff;
	hc->reg[USBSTS] |= USBSTS_HCHALTED;
	hc->reg[USBSTS] &= ~(uint32_t)(USBSTS_PSS | USBSTS_ASS | USBSTS_RECLAMATION);
}

/* Memory that is not there, or a list that is none: the controller stops (4.15.2.4). */
void ehci_host_error(struct clove_ehci *hc)
{
	if (!(hc->reg[USBCMD] & USBCMD_RS))
		return;
	ehci_log(hc, "%s", ehci_may_dma(hc) ? "host system error: the schedule leads to memory that is not there" :
			"host system error: the schedule runs without bus mastering");
	hc->reg[USBCMD] &= ~(uint32_t)USBCMD_RS;
	ehci_stopped(hc);
	ehci_raise(hc, USBSTS_HSE);
}

/* A chipset that reshapes its memory makes a VMM take some away and give it back, at its leisure. */
bool ehci_may_come_back(struct clove_ehci *hc, struct ehci_absence *absence)
{
	uint64_t now = ehci_now(hc);

	if (absence->looks++)
		absence->spent += now - absence->looked < LOOK ? now - absence->looked : LOOK;
	else
		absence->spent = 0;
	absence->looked = now;
	if (!ehci_may_dma(hc) || absence->spent >= GRACE)
		return false;
	hc->active = hc->periodic_active = now; /* again soon */
	return true;
}

void ehci_element_missing(struct clove_ehci *hc)
{
	if (!ehci_may_come_back(hc, &hc->away[hc->is_in_frames]))
		ehci_host_error(hc);
	hc->fetches = 0;
	hc->away_pass = hc->pass;
}

void ehci_wake_machine(struct clove_ehci *hc)
{
	if (!ehci_is_asleep(hc) && !(hc->reg[USBSTS] & USBSTS_HCHALTED))
		return;
	if (ehci_set_pme(hc) && hc->vmm->power_event)
		hc->vmm->power_event(hc->opaque);
}

void ehci_controller_reset(struct clove_ehci *hc)
{
	ehci_queues_forget(hc);
	ehci_regs_reset(hc);
	hc->pending = 0;
	hc->delivered = 0;
	hc->iso_until = 0;
	ehci_ports_reset(hc);
	ehci_update_irq(hc, false);
}

void clove_ehci_reset(struct clove_ehci *ehci)
{
	if (ehci->is_busy)
		return;
	ehci_config_reset(ehci);
	ehci_controller_reset(ehci);
	ehci_kick(ehci);
}

void clove_ehci_memory_changed(struct clove_ehci *ehci)
{
	if (ehci->is_busy)
		return;
	ehci_queues_forget(ehci);
	ehci_kick(ehci);
}

void clove_ehci_pause(struct clove_ehci *ehci, bool is_paused)
{
	ehci->is_paused = is_paused;
	ehci_kick(ehci);
}

/* How long nothing may be looked at, by how long nothing has happened. */
static uint64_t async_step(uint64_t idle)
{
	return idle < 4 * MS ? EHCI_MICROFRAME : idle < 12 * MS ? 2 * EHCI_MICROFRAME : idle < 16 * MS ? MS :
			idle < 1024 * (uint64_t)MS ? idle / 16 : 64 * MS;
}

static uint64_t periodic_step(uint64_t idle)
{
	return idle < 64 * MS ? 1 : idle < 1024 * (uint64_t)MS ? idle / (16 * MS) : 64;
}

static void run_async(struct clove_ehci *hc, uint64_t now)
{
	if (!ehci_is_running(hc) || !(hc->reg[USBSTS] & USBSTS_ASS)) {
		hc->away[false].looks = 0;
		hc->async_at = EHCI_NEVER;
		return;
	}
	if (now < hc->async_at)
		return;
	hc->async_at = EHCI_NEVER;
	if (ehci_async_pass(hc))
		hc->active = now;
	if (hc->async_at)                  /* else it was kicked meanwhile */
		hc->async_at = now + async_step(now > hc->active ? now - hc->active : 0);
}

static void run_periodic(struct clove_ehci *hc, uint64_t now)
{
	uint64_t frame = clock_now(hc) >> 3, first = hc->frame_next, idle;

	if (!ehci_is_running(hc) || !(hc->reg[USBSTS] & USBSTS_PSS)) {
		hc->away[true].looks = 0;
		hc->periodic_at = EHCI_NEVER;
		return;
	}
	if (now < hc->periodic_at)
		return;
	hc->periodic_at = EHCI_NEVER;
	if (first <= frame) {
		if (frame - first >= CATCH_UP)
			first = frame - CATCH_UP + 1;
		hc->frame_next = frame + 1;
		if (ehci_periodic_frames(hc, first, frame, frame < LATE_FRAMES ? 0 : frame - LATE_FRAMES + 1))
			hc->periodic_active = now;
	} else if (hc->answers && ehci_periodic_answers(hc, frame)) {
		hc->periodic_active = now;
	}
	idle = now > hc->periodic_active ? now - hc->periodic_active : 0;
	hc->periodic_at = time_of(hc, (frame + (hc->iso_until > now ? 1 : periodic_step(idle))) << 3);
}

void ehci_tell_frame(struct clove_ehci *hc)
{
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		if (a->usb->wants_frames && !a->is_lost)
			clove_usb_frame(a->usb);
}

/* A millisecond's call for who wants it; a late one is made up for, within reason. */
static uint64_t run_frames(struct clove_ehci *hc, uint64_t now)
{
	bool is_wanted = false;

	if (hc->reg[USBSTS] & USBSTS_PSS && ehci_is_running(hc) && hc->iso_until > now)
		return EHCI_NEVER;         /* frame by frame, with the schedule */
	if (!hc->frames_at || (hc->frames_at < now && now - hc->frames_at > 16 * EHCI_FRAME))
		hc->frames_at = now;
	for (; hc->frames_at <= now; hc->frames_at += EHCI_FRAME)
		ehci_tell_frame(hc);
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		is_wanted |= a->usb->wants_frames && !a->is_lost;
	if (!is_wanted)
		hc->frames_at = 0;
	return is_wanted ? hc->frames_at : EHCI_NEVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void clove_ehci_run(struct clove_ehci *ehci)
{
	uint64_t next = EHCI_NEVER, now;

	if (ehci->is_busy) {
		ehci->must_run = true;
		return;
	}
	ehci->is_busy = true;
	ehci->wish = EHCI_NEVER - 1;           /* it came true: the next one is told whatever it is */
	for (int round = 0; round < ROUNDS; round++) {
		ehci->must_run = false;
		now = ehci_now(ehci);
		next = run_frames(ehci, now);
		ehci_rollover(ehci);
		if (ehci->reg[USBCMD] & USBCMD_IAAD)
			ehci_doorbell(ehci);
		run_periodic(ehci, now);
		run_async(ehci, now);
		next = earlier(next, ehci_queues_expire(ehci));
		deliver(ehci);
		ehci_attached_lost(ehci);
		if (!ehci->must_run || ehci->pending)
			break;
	}
	next = earlier(next, earlier(ehci->async_at, ehci->periodic_at));
	if (ehci->pending)
		next = earlier(next, ehci->delivered + threshold(ehci));
	if (ehci_is_running(ehci) && ehci->reg[USBINTR] & USBSTS_FLR)
		next = earlier(next, time_of(ehci, (ehci->rollovers + 1) * ROLLOVER));
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(ehci, a));)
		if (a->usb->wants_frames && next > now + EHCI_FRAME)
			next = earlier(next, ehci->frames_at > now ? ehci->frames_at : now + EHCI_FRAME);
	ehci->is_busy = false;
	wish(ehci, next);
}

struct clove_ehci *clove_ehci_new(const struct clove_ehci_vmm *vmm, void *opaque)
{
	struct clove_ehci *hc = calloc(1, sizeof *hc);

	if (!hc)
		return NULL;
	hc->vmm = vmm;
	hc->opaque = opaque;
	hc->wish = EHCI_NEVER;
	clove_list_init(&hc->orphans);
	for (int i = 0; i < EHCI_BUCKETS; i++)
		clove_list_init(&hc->queues[i]);
	ehci_config_reset(hc);
	ehci_regs_reset(hc);
	ehci_ports_init(hc);
	return hc;
}

void clove_ehci_free(struct clove_ehci *ehci)
{
	if (!ehci)
		return;
	ehci->is_busy = true;
	ehci_queues_forget(ehci);
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(ehci, NULL));)
		ehci_detach(a);
	clove_usb_transfer_free(ehci->iso_spare);
	free(ehci);
}
