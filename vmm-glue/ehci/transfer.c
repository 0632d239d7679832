/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* transfer.c - the bytes of qTDs: where they lie in the guest's pages, and a chain of them as one transfer. */
#include "vmm-glue/ehci/ehci.h"

#include <stdatomic.h>
#include <stdlib.h>

bool ehci_dma_read(struct clove_ehci *hc, uint64_t address, void *data, size_t len)
{
	return !len || (ehci_may_dma(hc) && hc->vmm->dma_read(hc->opaque, address, data, len));
}

bool ehci_dma_write(struct clove_ehci *hc, uint64_t address, const void *data, size_t len)
{
	return !len || (ehci_may_dma(hc) && hc->vmm->dma_write(hc->opaque, address, data, len));
}

bool ehci_store(struct clove_ehci *hc, uint32_t address, uint32_t value)
{
	uint8_t word[4];

	clove_put_le32(word, value);
	/* A driver polls this word: what it is said to mean must be there. */
	atomic_thread_fence(memory_order_seq_cst);
	if (ehci_dma_write(hc, address, word, sizeof word))
		return true;
	ehci_element_missing(hc);
	return false;
}

bool ehci_qtd_is_sane(const struct ehci_qtd *qtd, uint32_t max_packet)
{
	uint32_t total = qtd_total(qtd), page = qtd_page(qtd);

	return qtd_pid(qtd) <= PID_SETUP && total <= EHCI_QTD_MAX && page <= 4 &&
			total <= (5 - page) * EHCI_PAGE - (qtd->buffer[0] & (EHCI_PAGE - 1)) &&
			max_packet <= 1024 && (max_packet || !total);
}

/* The bytes at `at` from where the qTD stands, as far as the pages follow each other. */
static size_t qtd_run(const struct ehci_qtd *qtd, size_t at, size_t len, uint64_t *address)
{
	size_t where = (size_t)qtd_page(qtd) * EHCI_PAGE + (qtd->buffer[0] & (EHCI_PAGE - 1)) + at;
	uint32_t page = where / EHCI_PAGE, offset = where % EHCI_PAGE;
	size_t run = EHCI_PAGE - offset;

	*address = (qtd->buffer[page] & ~(EHCI_PAGE - 1u)) + offset;
	while (run < len && page < 4 && (qtd->buffer[page + 1] & ~(EHCI_PAGE - 1u)) ==
			(qtd->buffer[page] & ~(EHCI_PAGE - 1u)) + EHCI_PAGE) {
		run += EHCI_PAGE;
		page++;
	}
	return run < len ? run : len;
}

/* len is at most the total of a sane qTD. */
bool ehci_qtd_read(struct clove_ehci *hc, const struct ehci_qtd *qtd, void *data, size_t len)
{
	uint64_t address;

	for (size_t at = 0, run; at < len; at += run) {
		run = qtd_run(qtd, at, len - at, &address);
		if (!ehci_dma_read(hc, address, (uint8_t *)data + at, run))
			return false;
	}
	return true;
}

bool ehci_qtd_write(struct clove_ehci *hc, const struct ehci_qtd *qtd, const void *data, size_t len)
{
	uint64_t address;

	for (size_t at = 0, run; at < len; at += run) {
		run = qtd_run(qtd, at, len - at, &address);
		if (!ehci_dma_write(hc, address, (const uint8_t *)data + at, run))
			return false;
	}
	return true;
}

/* `len` bytes have passed, at most the total; is_short: with a packet that was not full at their end (4.10.3). */
void ehci_qtd_moved(struct ehci_qtd *qtd, size_t len, uint32_t max_packet, bool is_short)
{
	size_t where = (size_t)qtd_page(qtd) * EHCI_PAGE + (qtd->buffer[0] & (EHCI_PAGE - 1)) + len;
	size_t packets = max_packet ? len / max_packet : 0;
	uint32_t page = where / EHCI_PAGE, total = qtd_total(qtd) - (uint32_t)len;

	if (is_short || !max_packet || len % max_packet || !len)
		packets++;
	qtd->buffer[0] = (qtd->buffer[0] & ~(EHCI_PAGE - 1u)) | (where & (EHCI_PAGE - 1));
	qtd->token &= ~(0x7fffu << 16 | 7u << 12);
	qtd->token |= total << 16 | (page < 4 ? page : 4) << 12;
	if (packets & 1)
		qtd->token ^= QTD_TOGGLE;
}

struct ehci_work *ehci_work_new(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_attached *attached)
{
	struct ehci_work *work = calloc(1, sizeof *work);

	if (!work)
		return NULL;
	clove_list_init(&work->link);
	work->hc = hc;
	work->queue = queue;
	work->attached = attached;
	return work;
}

void ehci_work_free(struct ehci_work *work)
{
	clove_list_remove(&work->link);
	clove_usb_transfer_free(work->transfer);
	free(work->parts);
	free(work);
}

bool ehci_work_add(struct ehci_work *work, uint32_t address, const struct ehci_qtd *qtd)
{
	if (work->count == work->room) {
		unsigned int room = work->room ? 2 * work->room : 4;
		struct ehci_part *parts = realloc(work->parts, room * sizeof *parts);

		if (!parts)
			return false;
		work->parts = parts;
		work->room = room;
	}
	work->parts[work->count++] = (struct ehci_part){ address, *qtd };
	return true;
}

static void on_done(struct clove_usb_transfer *transfer)
{
	struct ehci_work *work = transfer->opaque;
	struct clove_ehci *hc = work->hc;

	hc->in_flight--;
	work->is_done = true;
	if (!work->queue) {
		ehci_work_free(work);
		return;
	}
	if (work->queue->is_periodic) {
		hc->periodic_active = ehci_now(hc);
		hc->answers++;
	} else {
		hc->active = ehci_now(hc);
	}
	ehci_kick(hc);
}

bool ehci_work_submit(struct ehci_work *work, uint8_t endpoint, uint8_t type, size_t len, bool *is_fault)
{
	struct clove_ehci *hc = work->hc;
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, 0);
	size_t at = 0;

	*is_fault = false;
	if (!transfer)
		return false;
	work->transfer = transfer;
	transfer->done = on_done;
	transfer->opaque = work;
	for (unsigned int i = 0; !(endpoint & CLOVE_USB_IN) && i < work->count && at < len; i++) {
		size_t part = qtd_total(&work->parts[i].qtd);

		part = part < len - at ? part : len - at;
		if (!ehci_qtd_read(hc, &work->parts[i].qtd, transfer->data + at, part)) {
			*is_fault = true;
			return false;
		}
		at += part;
	}
	clove_list_append(&work->queue->works, &work->link);
	work->queue->work_count++;
	work->queue->work_bytes += len;
	hc->in_flight++;
	clove_usb_submit(work->attached->usb, transfer);
	return true;
}

/* Nothing of it reaches the guest any more. It is freed now, or when its device gives it back. */
void ehci_work_withdraw(struct ehci_work *work)
{
	struct ehci_queue *queue = work->queue;

	clove_list_remove(&work->link);
	queue->work_count--;
	queue->work_bytes -= work->transfer->len;
	work->queue = NULL;
	if (work->is_done) {
		ehci_work_free(work);
		return;
	}
	clove_list_append(&work->hc->orphans, &work->link);
	if (work->attached && work->attached->usb)
		clove_usb_cancel(work->attached->usb, work->transfer); /* may free it */
}
