/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* schedule.c - walks the two schedules: the frame list and the asynchronous circle (4.6, 4.8).
 *
 * Lists are the guest's and may be anything: each pass has a budget of elements, and no QH is executed twice in one.
 */
#include "vmm-glue/ehci/ehci.h"

#include <stdlib.h>

enum {
	ASYNC_COMPLETIONS = 16,    /* of one QH in one pass */
	FRAME_STEPS = 128,         /* elements of one frame, those already read included */
	FRAME_LIST = 1024,
	UNSEEN = 100000000,        /* ns after which a QH in no schedule gives its transfers back */
	KEPT_QUEUES = 64,
};

/* Reads `count` words of an element. False: the budget is used up, or it is not there (now). */
bool ehci_fetch(struct clove_ehci *hc, uint32_t address, uint32_t *words, unsigned int count)
{
	uint8_t bytes[64];

	if (!hc->fetches)
		return false;
	hc->fetches--;
	if (!ehci_dma_read(hc, address, bytes, 4 * count)) {
		ehci_element_missing(hc);
		return false;
	}
	for (unsigned int i = 0; i < count; i++)
		words[i] = clove_le32(bytes + 4 * i);
	return true;
}

static struct clove_list *bucket_of(struct clove_ehci *hc, uint32_t address)
{
	return &hc->queues[(address >> 5 ^ address >> 11) % EHCI_BUCKETS];
}

static void queue_free(struct clove_ehci *hc, struct ehci_queue *queue)
{
	clove_list_remove(&queue->link);
	hc->queue_count--;
	free(queue);
}

static void forget_unseen(struct clove_ehci *hc)
{
	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			if (queue->pass != hc->pass && clove_list_is_empty(&queue->works))
				queue_free(hc, queue);
		}
}

struct ehci_queue *ehci_queue_find(struct clove_ehci *hc, uint32_t address, bool may_make)
{
	struct clove_list *bucket = bucket_of(hc, address);
	struct ehci_queue *queue;

	CLOVE_LIST_FOR_EACH(item, bucket)
		if (CLOVE_CONTAINER(item, struct ehci_queue, link)->address == address)
			return CLOVE_CONTAINER(item, struct ehci_queue, link);
	if (!may_make)
		return NULL;
	if (hc->queue_count == KEPT_QUEUES || hc->queue_count == EHCI_QUEUES)
		forget_unseen(hc);
	if (hc->queue_count >= EHCI_QUEUES || !(queue = calloc(1, sizeof *queue)))
		return NULL;
	queue->address = address;
	clove_list_init(&queue->works);
	clove_list_append(bucket, &queue->link);
	hc->queue_count++;
	return queue;
}

static struct ehci_queue *fetch_queue(struct clove_ehci *hc, uint32_t address, struct ehci_qh *qh)
{
	struct ehci_queue *queue;
	uint32_t words[12];

	if (!ehci_fetch(hc, address, words, 12) || !(queue = ehci_queue_find(hc, address, true)))
		return NULL;
	*qh = (struct ehci_qh){ words[0], words[1], words[2], words[3],
			{ words[4], words[5], words[6], { words[7], words[8], words[9], words[10], words[11] } } };
	queue->next = qh->link;
	queue->pass = hc->pass;
	queue->seen = ehci_now(hc);
	return queue;
}

/* Once around the circle. What lies before the point where it closes was taken out of it. */
static bool walk_async(struct clove_ehci *hc, bool is_execution)
{
	uint32_t address = hc->reg[ASYNCLISTADDR];
	unsigned int order = 0, closes_at = 0;
	bool has_moved = false;
	struct ehci_qh qh;

	hc->pass++;
	hc->fetches = EHCI_FETCHES;
	while (ehci_is_running(hc)) {
		struct ehci_queue *queue = ehci_queue_find(hc, address, false);

		if (queue && queue->pass == hc->pass) {
			closes_at = queue->order;
			hc->reg[ASYNCLISTADDR] = address;
			break;
		}
		queue = fetch_queue(hc, address, &qh);
		if (!queue)
			break;
		queue->order = order++;
		queue->is_periodic = false;
		if (is_execution)
			has_moved |= ehci_queue_execute(hc, queue, &qh, ASYNC_COMPLETIONS);
		if (qh.link & LINK_T)
			break;
		if ((qh.link >> 1 & 3) != LINK_QH) {
			ehci_log(hc, "the asynchronous list holds something else than queue heads");
			ehci_host_error(hc);
			break;
		}
		address = qh.link & ~0x1fu;
	}
	for (int i = 0; closes_at && i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			if (queue->pass == hc->pass && queue->order < closes_at)
				queue->pass--;
		}
	return has_moved;
}

bool ehci_async_pass(struct clove_ehci *hc)
{
	bool has_moved = walk_async(hc, true);

	if (hc->away_pass != hc->pass)
		hc->away[false].looks = 0;
	if (has_moved)
		hc->reg[USBSTS] |= USBSTS_RECLAMATION;
	else
		hc->reg[USBSTS] &= ~(uint32_t)USBSTS_RECLAMATION;
	return has_moved;
}

static void withdraw(struct clove_ehci *hc, struct ehci_queue *queue)
{
	ehci_queue_withdraw(queue);
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		if (a->control.transfer && a->control.queue == queue->address)
			ehci_control_abort(a);
}

/* IAAD: what is in the circle no more gives its transfers back, then the driver may have it (4.8.2). */
void ehci_doorbell(struct clove_ehci *hc)
{
	bool is_on = ehci_is_running(hc) && hc->reg[USBSTS] & USBSTS_ASS;

	if (is_on)
		walk_async(hc, false);
	if (is_on && hc->away_pass == hc->pass && ehci_is_running(hc))
		return;                    /* some of the circle was not seen */
	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			if (!queue->is_periodic && (!is_on || queue->pass != hc->pass)) {
				withdraw(hc, queue);
				queue_free(hc, queue);
			}
		}
	hc->reg[USBCMD] &= ~(uint32_t)USBCMD_IAAD;
	ehci_raise_at_threshold(hc, USBSTS_IAA);
}

static unsigned int bits(uint32_t mask)
{
	return (unsigned int)__builtin_popcount(mask);
}

static bool visit_periodic(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, uint64_t frame)
{
	bool is_split = qh_speed(qh) != CLOVE_USB_HIGH;

	/* S-mask 0: never (4.10.1); start and complete of a split in one step */
	if (!qh_smask(qh) || !ehci_queue_execute(hc, queue, qh, is_split ? 1 : bits(qh_smask(qh)) * qh_mult(qh)))
		return false;
	queue->moved_frame = frame;
	return true;
}

/* A frame's place in which this QH is linked; the distance to the one before is how often it is due. */
static void was_linked(struct ehci_queue *queue, uint64_t frame)
{
	if (frame > queue->frame && frame - queue->frame <= FRAME_LIST)
		queue->period = frame - queue->frame;
	queue->frame = frame;
}

static bool walk_frame(struct clove_ehci *hc, uint64_t frame, bool has_iso)
{
	uint32_t words[16], link;
	unsigned int iso = 0;
	bool has_moved = false;
	struct ehci_queue *queue;
	struct ehci_qh qh;

	if (!ehci_fetch(hc, hc->reg[PERIODICLISTBASE] + 4 * (uint32_t)(frame % FRAME_LIST), &link, 1))
		return false;
	for (int steps = 0; !(link & LINK_T) && steps < FRAME_STEPS && ehci_is_running(hc); steps++) {
		uint32_t address = link & ~0x1fu;

		switch (link >> 1 & 3) {
		case LINK_QH:
			queue = ehci_queue_find(hc, address, false);
			if (queue && queue->pass == hc->pass) {
				if (queue->frame == frame)
					return has_moved;  /* a loop */
				was_linked(queue, frame);
				link = queue->next;
				break;
			}
			queue = fetch_queue(hc, address, &qh);
			if (!queue)
				return has_moved;
			queue->is_periodic = true;
			was_linked(queue, frame);
			link = qh.link;
			has_moved |= visit_periodic(hc, queue, &qh, frame);
			break;
		case LINK_ITD:
		case LINK_SITD:
			if (++iso > EHCI_ISO_A_FRAME || !ehci_fetch(hc, address, words, link & 6 ? 7 : 16))
				return has_moved;
			hc->iso_until = ehci_now(hc) + 64 * EHCI_FRAME;
			if (has_iso)
				has_moved |= link & 6 ? ehci_sitd_execute(hc, address, words) :
						ehci_itd_execute(hc, address, words);
			link = words[0];
			break;
		default:
			/* FSTN: splits end in the frame in which they begin, so nothing has to be saved */
			if (!ehci_fetch(hc, address, words, 2))
				return has_moved;
			link = words[0];
		}
	}
	return has_moved;
}

/* Frames first..last; isochronous elements only of those from iso_first on. Each QH once, however late we are. */
bool ehci_periodic_frames(struct clove_ehci *hc, uint64_t first, uint64_t last, uint64_t iso_first)
{
	bool has_moved = false;

	hc->pass++;
	hc->is_in_frames = true;
	hc->fetches = EHCI_FETCHES + (unsigned int)(last - first);
	for (uint64_t frame = first; frame <= last && ehci_is_running(hc); frame++) {
		if (hc->iso_until > ehci_now(hc)) {
			hc->frames_at = ehci_now(hc) + EHCI_FRAME;
			ehci_tell_frame(hc);
		}
		has_moved |= walk_frame(hc, frame, frame >= iso_first);
	}
	if (hc->away_pass != hc->pass)
		hc->away[true].looks = 0;
	hc->is_in_frames = false;
	return has_moved;
}

/* Whether a periodic QH is where it was last seen. */
static bool is_linked(struct clove_ehci *hc, const struct ehci_queue *queue)
{
	uint32_t link;

	hc->fetches = FRAME_STEPS;
	if (!ehci_fetch(hc, hc->reg[PERIODICLISTBASE] + 4 * (uint32_t)(queue->frame % FRAME_LIST), &link, 1))
		return false;
	while (!(link & LINK_T))
		if ((link >> 1 & 3) == LINK_QH && (link & ~0x1fu) == queue->address)
			return true;
		else if (!ehci_fetch(hc, link & ~0x1fu, &link, 1))
			return false;
	return false;
}

/* What a device answered between two frames of its QH is told at once, if that is not oftener than the QH is due: a
 * frame that was empty may as well have been later. */
bool ehci_periodic_answers(struct clove_ehci *hc, uint64_t frame)
{
	bool has_moved = false;
	struct ehci_qh qh;

	hc->answers = 0;
	hc->pass++;
	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);
			const struct ehci_work *work = CLOVE_CONTAINER(queue->works.next, struct ehci_work, link);

			if (!queue->is_periodic || clove_list_is_empty(&queue->works) || !work->is_done ||
					!queue->period || (frame >= queue->moved_frame && frame < queue->moved_frame + queue->period) ||
					!ehci_is_running(hc) || !is_linked(hc, queue))
				continue;
			hc->fetches = EHCI_FETCHES;
			if (fetch_queue(hc, queue->address, &qh))
				has_moved |= visit_periodic(hc, queue, &qh, frame);
		}
	return has_moved;
}

static bool is_waiting(struct clove_ehci *hc, const struct ehci_queue *queue)
{
	if (!clove_list_is_empty(&queue->works))
		return true;
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		if (a->control.queue == queue->address && ehci_control_is_waiting(a))
			return true;
	return false;
}

uint64_t ehci_queues_expire(struct clove_ehci *hc)
{
	uint64_t now = ehci_now(hc), again = EHCI_NEVER;
	bool is_periodic_on = ehci_is_running(hc) && hc->reg[USBSTS] & USBSTS_PSS;

	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			if (!is_waiting(hc, queue))
				continue;
			if (now - queue->seen >= UNSEEN) {
				if (queue->is_periodic && is_periodic_on && is_linked(hc, queue)) {
					queue->seen = now;
				} else {
					withdraw(hc, queue);
					continue;
				}
			}
			if (queue->seen + UNSEEN < again)
				again = queue->seen + UNSEEN;
		}
	return again;
}

void ehci_queues_forget(struct clove_ehci *hc)
{
	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			ehci_queue_withdraw(queue);
			queue_free(hc, queue);
		}
	for (struct ehci_attached *a = NULL; (a = ehci_next_attached(hc, a));)
		ehci_control_abort(a);
}
