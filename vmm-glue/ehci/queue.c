/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* queue.c - executes a QH: the overlay, its advance along the qTDs, and what became of them (4.10).
 *
 * A chain of qTDs that a driver means as one transfer is given to the device as one; what the device answers is
 * then told qTD by qTD, as if the packets had passed singly. A QH is read anew each time and compared with what
 * the transfer was made of: a driver may have changed it, and then the answer is dropped.
 */
#include "vmm-glue/ehci/ehci.h"

enum {
	CHAIN_BYTES = 1 << 20,     /* gathered into one transfer */
	CHAIN_QTDS = 256,
	QUEUE_WORKS = 8,           /* transfers of one endpoint in flight */
	QUEUE_BYTES = 4 << 20,
	PAGE_BITS = ~(EHCI_PAGE - 1u),
};

static void parse_qtd(struct ehci_qtd *qtd, const uint32_t *words)
{
	qtd->next = words[0];
	qtd->alt = words[1];
	qtd->token = words[2];
	for (int i = 0; i < 5; i++)
		qtd->buffer[i] = words[3 + i];
}

static bool fetch_qtd(struct clove_ehci *hc, uint32_t address, struct ehci_qtd *qtd)
{
	uint32_t words[8];

	/* The token first: a driver fills in the others before it makes the qTD active. */
	if (!ehci_fetch(hc, address + 8, words, 1) || !(words[0] & QTD_ACTIVE) ||
			!ehci_fetch(hc, address, words, 8))
		return false;
	parse_qtd(qtd, words);
	return qtd->token & QTD_ACTIVE;
}

/* What the controller may write of a QH: dwords 3 to 11 (4.10.2). */
static bool store_overlay(struct clove_ehci *hc, uint32_t address, const struct ehci_qh *qh)
{
	uint8_t bytes[36];

	clove_put_le32(bytes, qh->current);
	clove_put_le32(bytes + 4, qh->overlay.next);
	clove_put_le32(bytes + 8, qh->overlay.alt);
	clove_put_le32(bytes + 12, qh->overlay.token);
	for (int i = 0; i < 5; i++)
		clove_put_le32(bytes + 16 + 4 * i, qh->overlay.buffer[i]);
	if (ehci_dma_write(hc, address + 12, bytes, sizeof bytes))
		return true;
	ehci_element_missing(hc);
	return false;
}

/* Loads the qTD at `address` as the overlay (4.10.2). */
static void load_overlay(struct ehci_qh *qh, uint32_t address, const struct ehci_qtd *qtd)
{
	uint32_t kept = (qh->endpoint >> 14 & 1 ? 0 : QTD_TOGGLE) |      /* DTC */
			(qh_speed(qh) == CLOVE_USB_HIGH ? QTD_PING : 0);
	uint32_t old = qh->overlay.token;

	qh->current = address;
	qh->overlay = *qtd;
	qh->overlay.token = (qtd->token & ~kept) | (old & kept);
	qh->overlay.token &= ~(uint32_t)QTD_SPLIT_X;
	qh->overlay.alt = (qtd->alt & ~0x1eu) | (qh->endpoint >> 28 & 0xf) << 1; /* NakCnt := RL */
	qh->overlay.buffer[1] &= ~0xffu;   /* C-prog-mask */
	qh->overlay.buffer[2] &= ~0x1fu;   /* frame tag */
}

static bool advance(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh)
{
	struct ehci_qtd qtd;
	uint32_t pointer = qh->overlay.next;

	if (queue->is_periodic && qh_speed(qh) != CLOVE_USB_HIGH && qh->endpoint >> 7 & 1)
		return false;              /* I: inactivate on next */
	if (qtd_total(&qh->overlay) && !(qh->overlay.alt & LINK_T))
		pointer = qh->overlay.alt;
	if (pointer & LINK_T)
		return false;
	pointer &= ~0x1fu;
	if (!fetch_qtd(hc, pointer, &qtd))
		return false;
	load_overlay(qh, pointer, &qtd);
	return store_overlay(hc, queue->address, qh);
}

static bool is_link_same(uint32_t a, uint32_t b)
{
	return a & b & LINK_T || !((a ^ b) & ~0x1eu);
}

/* Whether the guest's copy is still what a transfer was made of; toggle and ping are the QH's. */
static bool is_same(const struct ehci_qtd *a, const struct ehci_qtd *b)
{
	if ((a->token ^ b->token) & ~(QTD_TOGGLE | QTD_PING | QTD_SPLIT_X) || a->buffer[0] != b->buffer[0] ||
			!is_link_same(a->alt, b->alt))
		return false;
	for (int i = 1; i < 5; i++)
		if ((a->buffer[i] ^ b->buffer[i]) & PAGE_BITS)
			return false;
	return true;
}

/* Writes a qTD back that ended: data before, its QH after, the interrupt last (4.10.4). */
static bool retire(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, enum ehci_answer answer,
		bool is_short)
{
	struct ehci_qtd *overlay = &qh->overlay;
	uint32_t causes = 0;

	overlay->token &= ~(uint32_t)(QTD_ACTIVE | QTD_SPLIT_X);
	switch (answer) {
	case ANSWER_ACK:
		break;
	case ANSWER_FAULT:
		overlay->token |= QTD_HALTED | QTD_BUFFER_ERR;
		break;
	case ANSWER_BABBLE:
		overlay->token |= QTD_HALTED | QTD_BABBLE;
		break;
	case ANSWER_ERROR:
		overlay->token = (overlay->token & ~(uint32_t)QTD_CERR) | QTD_HALTED | QTD_XACT_ERR;
		break;
	default:
		overlay->token |= QTD_HALTED;
	}
	if (answer != ANSWER_ACK)
		causes |= USBSTS_USBERRINT;
	if (overlay->token & QTD_IOC || (is_short && answer == ANSWER_ACK))
		causes |= USBSTS_USBINT;
	if (!ehci_store(hc, (qh->current & ~0x1fu) + 8, overlay->token) || !store_overlay(hc, queue->address, qh))
		return false;
	if (causes)
		ehci_raise_at_threshold(hc, causes);
	return true;
}

/* Pages that make no sense, or an impossible PID: this queue ends, and no other (4.10.3). */
static void refuse(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh)
{
	qh->overlay.token |= QTD_XACT_ERR;
	retire(hc, queue, qh, ANSWER_FAULT, false);
}

static enum ehci_answer answer_of(const struct clove_usb_transfer *transfer, bool is_in, size_t *actual)
{
	*actual = transfer->actual;
	if (*actual > transfer->len) {
		*actual = transfer->len;
		return ANSWER_BABBLE;
	}
	if (is_in && *actual && !transfer->data) {
		*actual = 0;
		return ANSWER_ERROR;
	}
	switch (transfer->status) {
	case CLOVE_USB_SUCCESS:
		return ANSWER_ACK;
	case CLOVE_USB_CANCELLED:
		return ANSWER_WAIT;        /* it did not end: once more */
	case CLOVE_USB_STALL:
		return ANSWER_STALL;
	case CLOVE_USB_BABBLE:
		return ANSWER_BABBLE;
	default:
		return ANSWER_ERROR;
	}
}

enum finished { FINISHED, CHANGED, MISSING };

/* Tells the guest what became of the transfer. CHANGED: the guest's memory is not what it was. MISSING: some of it
 * is not there; what was told is kept in mind. */
static enum finished finish(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, struct ehci_work *work)
{
	const struct clove_usb_transfer *transfer = work->transfer;
	bool is_in = transfer->endpoint & CLOVE_USB_IN;
	size_t actual, at = work->told_bytes;
	unsigned int first = work->told;
	enum ehci_answer answer = answer_of(transfer, is_in, &actual);

	if (!is_in && answer == ANSWER_ACK)
		actual = transfer->len;
	for (unsigned int i = first; i < work->count; i++) {
		struct ehci_part *part = &work->parts[i];
		struct ehci_qtd qtd;
		size_t total = qtd_total(&part->qtd), rest = actual - at, len = rest < total ? rest : total;
		bool is_last = i + 1 == work->count || rest < total || (rest == total && answer != ANSWER_ACK);
		bool is_packet = transfer->len < total;  /* an interrupt endpoint's: one packet of several */
		bool is_short, is_ended;

		/* a driver may append to the last one while it is active */
		if (!fetch_qtd(hc, part->address, &qtd))
			return hc->away_pass == hc->pass ? MISSING : CHANGED;
		if (!is_same(&qtd, &part->qtd) || (i + 1 < work->count && !is_link_same(qtd.next, part->qtd.next)))
			return CHANGED;
		if (is_in && len && !ehci_qtd_write(hc, &part->qtd, transfer->data + at, len)) {
			if (ehci_may_come_back(hc, &queue->away))
				return MISSING;
			if (i > first)
				load_overlay(qh, part->address, &qtd);
			return retire(hc, queue, qh, ANSWER_FAULT, false) ? FINISHED : MISSING;
		}
		if (i > first)
			load_overlay(qh, part->address, &qtd);
		at += len;
		is_short = is_in && answer == ANSWER_ACK && len < (is_packet ? transfer->len : total);
		if (len || (answer == ANSWER_ACK && !total) || is_short)
			ehci_qtd_moved(&qh->overlay, len, work->max_packet, is_short && len % work->max_packet == 0 && len);
		is_ended = is_short || (answer != ANSWER_ACK && answer != ANSWER_WAIT && is_last) ||
				!qtd_total(&qh->overlay);
		if (is_ended) {
			if (!retire(hc, queue, qh, is_last && answer != ANSWER_WAIT ? answer : ANSWER_ACK, is_short))
				return MISSING;
			work->told = i + 1;
			work->told_bytes = at;
		} else {
			uint32_t where = part->address;

			/* some of it passed: the guest reads how much if it takes the rest away */
			if (len && (!store_overlay(hc, queue->address, qh) ||
					!ehci_store(hc, where + 12, qh->overlay.buffer[0]) ||
					!ehci_store(hc, where + 8, qh->overlay.token)))
				return MISSING;
		}
		if (is_last)
			return FINISHED;
	}
	return FINISHED;
}

/* What may follow `qtd` in the same transfer: a packet that is not full must lead elsewhere (4.10.2). */
static bool may_gather(const struct ehci_qtd *qtd, uint32_t max_packet)
{
	uint32_t total = qtd_total(qtd);

	if (!total || total % max_packet || qtd->token & QTD_IOC || qtd->next & LINK_T)
		return false;
	return qtd_pid(qtd) == PID_OUT || (!(qtd->alt & LINK_T) && (qtd->alt ^ qtd->next) & ~0x1fu);
}

/* Whatever becomes of `work`, the queue goes on at this address next; 0: that depends. */
static uint32_t certain_next(const struct ehci_work *work)
{
	uint32_t next = work->parts[work->count - 1].qtd.next;

	if (next & LINK_T)
		return 0;
	if (work->transfer->endpoint & CLOVE_USB_IN)
		for (unsigned int i = 0; i < work->count; i++) {
			const struct ehci_qtd *qtd = &work->parts[i].qtd;
			uint32_t after = qtd->alt & LINK_T ? qtd->next : qtd->alt;

			if (after & LINK_T || (after ^ next) & ~0x1fu)
				return 0;
		}
	return next & ~0x1fu;
}

enum started { STARTED, REFUSED, NOT_NOW };

/* Gives the device the transfer that begins with this qTD. */
static enum started start(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_attached *attached,
		const struct ehci_qh *qh, uint32_t address, const struct ehci_qtd *first, enum ehci_answer *answer)
{
	uint32_t max_packet = qh_max_packet(qh), burst = max_packet * qh_mult(qh);
	uint8_t endpoint = qh_number(qh) | (qtd_pid(first) == PID_IN ? CLOVE_USB_IN : 0);
	const struct clove_usb_endpoint *shape = &attached->usb->shape.endpoints[clove_usb_index(endpoint)];
	struct ehci_qtd qtd = *first;
	struct ehci_work *work;
	size_t len = qtd_total(first);
	bool is_fault = false;

	*answer = ANSWER_ERROR;
	if (hc->is_paused)
		return NOT_NOW;
	if (qtd_pid(first) == PID_SETUP || !max_packet ||
			(shape->type != CLOVE_USB_BULK && shape->type != CLOVE_USB_INTERRUPT))
		return REFUSED;
	work = ehci_work_new(hc, queue, attached);
	if (!work)
		return NOT_NOW;
	work->max_packet = max_packet;
	if (!ehci_work_add(work, address, first))
		goto no_memory;
	if (shape->type == CLOVE_USB_INTERRUPT) {
		len = len < burst ? len : burst;
	} else while (may_gather(&qtd, max_packet) && work->count < CHAIN_QTDS && len < CHAIN_BYTES) {
		uint32_t next = qtd.next & ~0x1fu;
		struct ehci_qtd more;

		if (!fetch_qtd(hc, next, &more) || qtd_pid(&more) != qtd_pid(first) || !qtd_total(&more) ||
				!ehci_qtd_is_sane(&more, max_packet))
			break;
		if (!ehci_work_add(work, next, &more))
			goto no_memory;
		len += qtd_total(&more);
		qtd = more;
	}
	if (ehci_work_submit(work, endpoint, shape->type, len, &is_fault))
		return STARTED;
	*answer = ANSWER_FAULT;
	if (is_fault && ehci_may_come_back(hc, &queue->away))
		is_fault = false;
no_memory:
	ehci_work_free(work);
	return is_fault ? REFUSED : NOT_NOW;
}

/* Bulk transfers behind those in flight, where nothing can come between them. */
static bool start_more(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_attached *attached,
		const struct ehci_qh *qh)
{
	bool has_started = false;

	while (!clove_list_is_empty(&queue->works) && queue->work_count < QUEUE_WORKS &&
			queue->work_bytes < QUEUE_BYTES) {
		struct ehci_work *last = CLOVE_CONTAINER(queue->works.prev, struct ehci_work, link);
		const struct ehci_qtd *before = &last->parts[last->count - 1].qtd;
		enum ehci_answer answer;
		uint32_t address;
		struct ehci_qtd qtd;

		if (last->transfer->type != CLOVE_USB_BULK || last->is_done || !(address = certain_next(last)) ||
				address == last->parts[0].address || !fetch_qtd(hc, address, &qtd) ||
				qtd_pid(&qtd) != qtd_pid(before) || !ehci_qtd_is_sane(&qtd, qh_max_packet(qh)))
			break;
		/* a ring of qTDs comes around to what is in flight already */
		CLOVE_LIST_FOR_EACH(item, &queue->works)
			for (unsigned int i = 0; i < CLOVE_CONTAINER(item, struct ehci_work, link)->count; i++)
				if (CLOVE_CONTAINER(item, struct ehci_work, link)->parts[i].address == address)
					return has_started;
		if (start(hc, queue, attached, qh, address, &qtd, &answer) != STARTED)
			break;
		has_started = true;
	}
	return has_started;
}

void ehci_queue_withdraw(struct ehci_queue *queue)
{
	while (!clove_list_is_empty(&queue->works))
		ehci_work_withdraw(CLOVE_CONTAINER(queue->works.prev, struct ehci_work, link));
}

static struct ehci_work *head_of(const struct ehci_queue *queue)
{
	return clove_list_is_empty(&queue->works) ? NULL :
			CLOVE_CONTAINER(queue->works.next, struct ehci_work, link);
}

/* Whether the QH stands where its first transfer does. */
static bool is_at(const struct ehci_qh *qh, const struct ehci_work *work)
{
	const struct ehci_part *part = &work->parts[work->told];
	bool may_be_longer = work->told && work->told + 1 == work->count; /* loaded later than the transfer began */

	return part->address == (qh->current & ~0x1fu) && is_same(&part->qtd, &qh->overlay) &&
			(may_be_longer || is_link_same(part->qtd.next, qh->overlay.next));
}

/* False: nothing more can be done now. */
static bool step_control(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_attached *attached,
		struct ehci_qh *qh)
{
	size_t moved = 0;
	enum ehci_answer answer;
	uint32_t token;
	bool is_short;

	/* what the device is told cannot be taken back: first see that the guest will be told, too */
	if (!ehci_fetch(hc, (qh->current & ~0x1fu) + 8, &token, 1))
		return false;
	attached->control.queue = queue->address;
	answer = ehci_control_token(attached, &qh->overlay, &moved);
	if (answer == ANSWER_FAULT && ehci_may_come_back(hc, &queue->away))
		return false;
	is_short = qtd_pid(&qh->overlay) == PID_IN && moved < qtd_total(&qh->overlay);
	if (answer == ANSWER_WAIT)
		return false;
	if (answer == ANSWER_ACK)
		ehci_qtd_moved(&qh->overlay, moved, qh_max_packet(qh), is_short && moved &&
				qh_max_packet(qh) && moved % qh_max_packet(qh) == 0);
	return retire(hc, queue, qh, answer, is_short);
}

static bool execute(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, unsigned int limit)
{
	bool has_moved = false;

	while (ehci_is_running(hc)) {
		struct ehci_work *work = head_of(queue);
		struct ehci_attached *attached;
		enum ehci_answer answer = ANSWER_ERROR;

		if (qh->overlay.token & QTD_HALTED) {
			ehci_queue_withdraw(queue);
			return has_moved;
		}
		if (!(qh->overlay.token & QTD_ACTIVE) && !advance(hc, queue, qh)) {
			if (hc->away_pass != hc->pass)
				ehci_queue_withdraw(queue);
			return has_moved;
		}
		if (!ehci_qtd_is_sane(&qh->overlay, qh_max_packet(qh))) {
			ehci_queue_withdraw(queue);
			refuse(hc, queue, qh);
			return true;
		}
		attached = ehci_find(hc, qh_address(qh), qh_speed(qh));
		if (work && (work->attached != attached || !is_at(qh, work))) {
			ehci_queue_withdraw(queue);
			work = NULL;
		}
		if (!attached) {
			retire(hc, queue, qh, ANSWER_ERROR, false);
			return true;
		}
		if (attached->usb->is_suspended || attached->restoring)
			return has_moved;
		if (!qh_number(qh)) {
			if (!limit || !step_control(hc, queue, attached, qh))
				return has_moved;
			limit--;
			has_moved = true;
			continue;
		}
		if (work && !work->is_done)
			return start_more(hc, queue, attached, qh) || has_moved;
		if (!work) {
			switch (start(hc, queue, attached, qh, qh->current & ~0x1fu, &qh->overlay, &answer)) {
			case REFUSED:
				retire(hc, queue, qh, answer, false);
				return true;
			case NOT_NOW:
				return has_moved;
			case STARTED:
				has_moved = true;
				continue;
			}
		}
		if (!limit)
			return has_moved;
		limit--;
		has_moved = true;
		switch (finish(hc, queue, qh, work)) {
		case MISSING:
			return true;
		case CHANGED:
			ehci_queue_withdraw(queue);
			return true;
		case FINISHED:
			break;
		}
		if (work->transfer->status == CLOVE_USB_CANCELLED) {
			ehci_queue_withdraw(queue);
			return true;               /* its device changed its mind: again at the next look */
		}
		ehci_work_withdraw(work);
		if (qh->overlay.token & QTD_HALTED)
			ehci_queue_withdraw(queue);
	}
	return has_moved;
}

void ehci_attached_withdraw(struct ehci_attached *attached)
{
	struct clove_ehci *hc = attached->hc;

	for (int i = 0; i < EHCI_BUCKETS; i++)
		CLOVE_LIST_FOR_EACH(item, &hc->queues[i]) {
			struct ehci_queue *queue = CLOVE_CONTAINER(item, struct ehci_queue, link);

			if (head_of(queue) && head_of(queue)->attached == attached)
				ehci_queue_withdraw(queue);
		}
}

bool ehci_queue_execute(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, unsigned int limit)
{
	unsigned int looks = queue->away.looks;
	bool has_moved = execute(hc, queue, qh, limit);

	if (queue->away.looks == looks)
		queue->away.looks = 0;
	return has_moved;
}
