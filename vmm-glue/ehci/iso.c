/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* iso.c - isochronous transactions: iTDs of high speed (4.7), siTDs of full speed (4.12.3). */
#include "vmm-glue/ehci/ehci.h"

enum {
	ITD_ACTIVE = 1 << 7, ITD_BUFFER_ERR = 1 << 6, ITD_BABBLE = 1 << 5, ITD_XACT_ERR = 1 << 4, /* bits 31..28 */
	ITD_IOC = 1 << 15,
	ITD_MAX = 3072,
	SITD_ERR = 1 << 6,
	SITD_MAX = 1023,
};

static void on_done(struct clove_usb_transfer *transfer)
{
	if (!transfer->opaque)
		clove_usb_transfer_free(transfer); /* it came too late */
}

/* One packet now; its bytes are in data. CLOVE_USB_NO_ENDPOINT..: the transfer's status. */
static uint8_t packet(struct clove_ehci *hc, struct ehci_attached *attached, uint8_t endpoint, uint8_t *data,
		uint32_t len, uint32_t *actual)
{
	struct clove_usb_transfer *transfer = hc->iso_spare;
	uint8_t status;

	hc->iso_spare = NULL;
	*actual = 0;
	if (!transfer || !transfer->data) {
		clove_usb_transfer_free(transfer);
		transfer = clove_usb_transfer_new(endpoint, CLOVE_USB_ISO, ITD_MAX, 1);
	}
	if (!transfer)
		return CLOVE_USB_IOERROR;
	transfer->endpoint = endpoint;
	transfer->len = len;
	transfer->is_now = true;
	transfer->packets[0] = (struct clove_usb_packet){ .len = (uint16_t)len };
	transfer->done = on_done;
	transfer->opaque = hc;
	if (!(endpoint & CLOVE_USB_IN))
		memcpy(transfer->data, data, len);
	clove_usb_submit(attached->usb, transfer);
	if (transfer->is_submitted) {
		transfer->opaque = NULL;
		clove_usb_cancel(attached->usb, transfer);
		return CLOVE_USB_TIMEOUT;
	}
	status = transfer->status == CLOVE_USB_SUCCESS ? transfer->packets[0].status : transfer->status;
	*actual = transfer->packets[0].actual;
	if (*actual > len) {
		*actual = len;
		status = CLOVE_USB_BABBLE;
	}
	if (endpoint & CLOVE_USB_IN && *actual) {
		if (transfer->data)
			memcpy(data, transfer->data, *actual);
		else
			*actual = 0;
	}
	hc->iso_spare = transfer;
	return status;
}

static bool move(struct clove_ehci *hc, bool is_in, const uint64_t pages[2], uint32_t offset, uint8_t *data, uint32_t len)
{
	uint32_t first = len < EHCI_PAGE - offset ? len : EHCI_PAGE - offset;

	if (is_in)
		return ehci_dma_write(hc, pages[0] + offset, data, first) &&
				ehci_dma_write(hc, pages[1], data + first, len - first);
	return ehci_dma_read(hc, pages[0] + offset, data, first) &&
			ehci_dma_read(hc, pages[1], data + first, len - first);
}

static bool is_iso(const struct ehci_attached *attached, uint8_t endpoint)
{
	return attached && attached->usb->shape.endpoints[clove_usb_index(endpoint)].type == CLOVE_USB_ISO;
}

/* Slot `slot` of an iTD: the new value of its dword (3.3.2). */
static uint32_t itd_slot(struct clove_ehci *hc, const uint32_t words[16], unsigned int slot, uint32_t *causes)
{
	uint32_t dword = words[1 + slot], page = dword >> 12 & 7, offset = dword & 0xfff, len = dword >> 16 & 0xfff;
	uint32_t max_packet = words[10] & 0x7ff, mult = words[11] & 3, actual;
	bool is_in = words[10] >> 11 & 1;
	uint8_t endpoint = (words[9] >> 8 & 0xf) | (is_in ? CLOVE_USB_IN : 0), data[ITD_MAX];
	struct ehci_attached *attached = ehci_find(hc, words[9] & 0x7f, CLOVE_USB_HIGH);
	uint8_t status = CLOVE_USB_SUCCESS;
	uint64_t pages[2] = { 0 };

	dword &= ~((uint32_t)ITD_ACTIVE << 24 | 7u << 28);
	if (dword & ITD_IOC)
		*causes |= USBSTS_USBINT;
	if (page > 6 || len > ITD_MAX || len > (mult ? mult : 1) * max_packet ||
			(offset + len > EHCI_PAGE && page == 6)) {
		*causes |= USBSTS_USBERRINT;
		return dword | 1u << 30;           /* buffer error */
	}
	pages[0] = words[9 + page] & ~(EHCI_PAGE - 1u);
	if (page < 6)
		pages[1] = words[10 + page] & ~(EHCI_PAGE - 1u);
	if (!is_in && !move(hc, false, pages, offset, data, len)) {
		*causes |= USBSTS_USBERRINT;
		return dword | 1u << 30;
	}
	if (!is_iso(attached, endpoint)) {
		if (!is_in)
			return dword;              /* nobody tells who sends to nowhere */
		*causes |= USBSTS_USBERRINT;
		return (dword & ~(0xfffu << 16)) | 1u << 28;
	}
	status = packet(hc, attached, endpoint, data, len, &actual);
	if (!is_in)
		return dword;
	dword = (dword & ~(0xfffu << 16)) | actual << 16;
	if (!move(hc, true, pages, offset, data, actual))
		dword |= 1u << 30;
	else if (status == CLOVE_USB_BABBLE)
		dword |= 1u << 29;
	else if (status != CLOVE_USB_SUCCESS)
		dword |= 1u << 28;
	if (dword & 7u << 28)
		*causes |= USBSTS_USBERRINT;
	return dword;
}

bool ehci_itd_execute(struct clove_ehci *hc, uint32_t address, const uint32_t words[16])
{
	uint32_t causes = 0;
	bool has_moved = false;

	for (unsigned int slot = 0; slot < 8 && ehci_is_running(hc); slot++) {
		if (!(words[1 + slot] >> 31))
			continue;
		has_moved = true;
		if (!ehci_store(hc, address + 4 + 4 * slot, itd_slot(hc, words, slot, &causes)))
			return true;
	}
	if (causes)
		ehci_raise_at_threshold(hc, causes);
	return has_moved;
}

bool ehci_sitd_execute(struct clove_ehci *hc, uint32_t address, const uint32_t words[7])
{
	uint32_t state = words[3], total = state >> 16 & 0x3ff, offset = words[4] & 0xfff, actual = 0, causes = 0;
	bool is_in = words[1] >> 31, is_second = state >> 30 & 1;
	uint8_t endpoint = (words[1] >> 8 & 0xf) | (is_in ? CLOVE_USB_IN : 0), data[SITD_MAX];
	struct ehci_attached *attached = ehci_find(hc, words[1] & 0x7f, CLOVE_USB_FULL);
	uint64_t pages[2] = { words[4] & ~(EHCI_PAGE - 1u), words[5] & ~(EHCI_PAGE - 1u) };
	uint8_t status;
	uint64_t where;

	/* S-mask 0: never started */
	if (!(state & QTD_ACTIVE) || !(words[2] & 0xff))
		return false;
	state &= ~(uint32_t)(QTD_ACTIVE | SITD_ERR | QTD_BUFFER_ERR | QTD_BABBLE | QTD_XACT_ERR | QTD_MISSED |
			QTD_SPLIT_X | 0xff00);
	if (is_second)
		pages[0] = pages[1];
	if ((is_second && offset + total > EHCI_PAGE) ||
			(!is_in && !move(hc, false, pages, offset, data, total))) {
		state |= QTD_BUFFER_ERR;
	} else if (!is_iso(attached, endpoint)) {
		state |= SITD_ERR;
	} else {
		status = packet(hc, attached, endpoint, data, total, &actual);
		if (!is_in)
			actual = total;
		else if (!move(hc, true, pages, offset, data, actual))
			state |= QTD_BUFFER_ERR;
		else if (status == CLOVE_USB_BABBLE)
			state |= QTD_BABBLE;
		else if (status != CLOVE_USB_SUCCESS)
			state |= SITD_ERR;
		where = offset + actual;
		state = (state & ~(0x3ffu << 16)) | (total - actual) << 16;
		if (where >= EHCI_PAGE)
			state |= 1u << 30;
		if (!ehci_store(hc, address + 16, (uint32_t)((words[4] & ~0xfffu) | (where & 0xfff))) ||
				!ehci_store(hc, address + 20, words[5] & ~7u))
			return true;
	}
	if (state & (SITD_ERR | QTD_BUFFER_ERR | QTD_BABBLE | QTD_XACT_ERR))
		causes |= USBSTS_USBERRINT;
	if (state >> 31)
		causes |= USBSTS_USBINT;
	if (!ehci_store(hc, address + 12, state))
		return true;
	if (causes)
		ehci_raise_at_threshold(hc, causes);
	return true;
}
