/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest-storage.c - mass storage in one round trip a command: the command block is answered at once, and what the
 * driver will read behind it is asked for before the driver asks (bulk-only transport, BOT 1.0).
 *
 * What is read ahead answers the driver's reads in order. Where something else comes than BOT foresees, the
 * transfers go as any others do.
 */
#include "usbredir/guest-private.h"

#include <stdlib.h>
#include <string.h>

enum {
	CBW = 31, CSW = 13,
	AHEAD_MAX = 4 << 20,             /* data of one command; longer ones go as they come */
	CLASS_STORAGE = 8, SCSI = 6, BULK_ONLY = 0x50,
};

/* A read that was sent before the driver's. */
struct guest_ahead {
	struct clove_list link;
	struct guest_storage *storage;
	struct guest_request *request;   /* NULL: answered */
	size_t want, len, used;
	uint8_t *data;
	uint8_t status;
	bool is_status;                  /* the CSW, behind the data */
};

struct guest_storage {
	struct clove_list link;
	uint8_t in, out;                 /* endpoint addresses */
	struct clove_list aheads, waiting; /* waiting: the driver's reads, for them */
	uint64_t out_left;               /* data that the driver still has to send for this command */
	uint8_t failed;                  /* what became of a command block that was answered as passed */
};

static struct guest_storage *find_storage(struct guest_device *device, uint8_t endpoint)
{
	CLOVE_LIST_FOR_EACH(item, &device->storages) {
		struct guest_storage *storage = CLOVE_CONTAINER(item, struct guest_storage, link);

		if (storage->in == endpoint || storage->out == endpoint)
			return storage;
	}
	return NULL;
}

/* -- what is read ahead -- */

static void free_ahead(struct guest_device *device, struct guest_ahead *ahead, bool cancels)
{
	clove_list_remove(&ahead->link);
	if (ahead->request && cancels)
		guest_cancel_request(device->guest, ahead->request);
	else if (ahead->request)
		ahead->request->ahead = NULL;
	free(ahead->data);
	free(ahead);
}

/* Without memory, or if it cannot be sent, the driver's own read will do. */
static bool read_ahead(struct guest_device *device, struct guest_storage *storage, size_t want, bool is_status)
{
	struct clove_usbredir_bulk_packet packet = { .endpoint = storage->in };
	struct guest_ahead *ahead = calloc(1, sizeof *ahead);

	if (!ahead)
		return false;
	clove_usbredir_set_bulk_length(&packet, (uint32_t)want);
	ahead->request = guest_request(device->guest, CLOVE_USBREDIR_BULK_PACKET, &packet, NULL, 0);
	if (!ahead->request) {
		free(ahead);
		return false;
	}
	ahead->request->ahead = ahead;
	ahead->storage = storage;
	ahead->want = want;
	ahead->is_status = is_status;
	clove_list_append(&storage->aheads, &ahead->link);
	device->guest->figures.read_ahead++;
	return true;
}

static struct guest_ahead *first_ahead(const struct guest_storage *storage)
{
	return clove_list_is_empty(&storage->aheads) ? NULL :
			CLOVE_CONTAINER(storage->aheads.next, struct guest_ahead, link);
}

static void abort_storage(struct guest_device *device, struct guest_storage *storage, uint8_t status)
{
	struct clove_list ended;

	while (first_ahead(storage))
		free_ahead(device, first_ahead(storage), true);
	storage->out_left = 0;
	storage->failed = CLOVE_USB_SUCCESS;
	clove_list_init(&ended);
	while (!clove_list_is_empty(&storage->waiting)) {
		struct clove_list *item = storage->waiting.next;

		clove_list_remove(item);
		clove_list_append(&ended, item);
	}
	while (!clove_list_is_empty(&ended))
		clove_usb_complete(CLOVE_CONTAINER(ended.next, struct clove_usb_transfer, link), status, 0);
}

/* -- the driver's reads -- */

/* A piece of the data; the phase ends with a short one, or with the last byte. */
static void serve_data(struct guest_device *device, struct guest_ahead *ahead, struct clove_usb_transfer *transfer)
{
	size_t left = ahead->len - ahead->used, n = left < transfer->len ? left : transfer->len;
	uint8_t status = ahead->status;

	if (n == ahead->len && n == transfer->len) {
		free(transfer->data);
		transfer->data = ahead->data;
		ahead->data = NULL;
	} else if (n) {
		memcpy(transfer->data, ahead->data + ahead->used, n);
	}
	ahead->used += n;
	if (ahead->used < ahead->len)
		status = CLOVE_USB_SUCCESS;
	else if (n < transfer->len || ahead->used == ahead->want || status != CLOVE_USB_SUCCESS)
		free_ahead(device, ahead, false);
	clove_usb_complete(transfer, status, n);
}

static void serve_status(struct guest_device *device, struct guest_ahead *ahead, struct clove_usb_transfer *transfer)
{
	uint8_t csw[CSW];
	size_t len = ahead->len;

	if (len)
		memcpy(csw, ahead->data, len);
	free_ahead(device, ahead, false);
	guest_answer_in(transfer, CLOVE_USB_SUCCESS, CLOVE_BYTES(csw, len));
}

/* The device sent all it had, in whole packets, and the driver knows it: it is at the CSW already. */
static bool is_past(const struct guest_ahead *ahead, const struct clove_usb_transfer *transfer)
{
	return !ahead->is_status && !ahead->request && ahead->status == CLOVE_USB_SUCCESS && ahead->used &&
			ahead->used == ahead->len && ahead->want - ahead->used > CSW && transfer->len == CSW;
}

static void serve(struct guest_device *device, struct guest_storage *storage)
{
	while (device->guest && !clove_list_is_empty(&storage->waiting)) {
		struct clove_usb_transfer *transfer = CLOVE_CONTAINER(storage->waiting.next,
				struct clove_usb_transfer, link);
		struct guest_ahead *ahead = first_ahead(storage);

		if (ahead && is_past(ahead, transfer)) {
			free_ahead(device, ahead, false);
			continue;
		}
		if (ahead && ahead->request)
			return;
		if (ahead && !ahead->is_status) {
			serve_data(device, ahead, transfer);
		} else if (ahead && ahead->status == CLOVE_USB_SUCCESS) {
			serve_status(device, ahead, transfer);
		} else {
			/* a status that was asked for in vain, behind a stall: the driver has cleared that by now */
			if (ahead)
				free_ahead(device, ahead, false);
			else
				clove_list_remove(&transfer->link);
			if (!ahead)
				guest_submit_bulk(device, transfer);
		}
	}
}

static bool submit_in(struct guest_device *device, struct guest_storage *storage, struct clove_usb_transfer *transfer)
{
	uint8_t failed = storage->failed;

	if (failed) {
		storage->failed = CLOVE_USB_SUCCESS;
		clove_usb_complete(transfer, failed, 0);
		return true;
	}
	if (clove_list_is_empty(&storage->aheads) && clove_list_is_empty(&storage->waiting))
		return false;
	clove_list_append(&storage->waiting, &transfer->link);
	serve(device, storage);
	return true;
}

/* -- the driver's writes -- */

static bool is_cbw(const struct clove_usb_transfer *transfer)
{
	return transfer->len == CBW && !memcmp(transfer->data, "USBC", 4);
}

static bool can_read_ahead(const struct guest_device *device, uint32_t len)
{
	return clove_usbredir_has_cap(device->guest->parser, CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH) ?
			len <= AHEAD_MAX : len <= 63 * 1024;
}

/* False: as any other transfer. */
static bool submit_cbw(struct guest_device *device, struct guest_storage *storage,
		struct clove_usb_transfer *transfer)
{
	const struct clove_usbredir_bulk_packet packet = { .endpoint = storage->out, .length = CBW };
	uint32_t len = clove_le32(transfer->data + 8);
	bool is_in = transfer->data[12] & 0x80;
	struct guest_request *request;
	uint8_t *copy;

	if (!can_read_ahead(device, is_in ? len : 0))
		return false;
	copy = malloc(CBW);
	if (!copy)
		return false;
	memcpy(copy, transfer->data, CBW);
	request = guest_request(device->guest, CLOVE_USBREDIR_BULK_PACKET, &packet, copy, CBW);
	if (!request)
		return false;
	request->storage = storage;
	storage->failed = CLOVE_USB_SUCCESS;
	if (!is_in && len)
		storage->out_left = len;
	else if (!len || read_ahead(device, storage, len, false))
		(void)!read_ahead(device, storage, CSW, true);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, CBW);
	return true;
}

/* Data to the device; behind the last of them the status is asked for. */
static void submit_data(struct guest_device *device, struct guest_storage *storage,
		struct clove_usb_transfer *transfer)
{
	bool is_last = transfer->len == storage->out_left;
	bool is_odd = !transfer->len || transfer->len > storage->out_left;

	storage->out_left = is_odd ? 0 : storage->out_left - transfer->len;
	guest_submit_bulk(device, transfer);
	if (is_last && device->guest && clove_list_is_empty(&storage->aheads) &&
			!device->endpoints[clove_usb_index(storage->out)].split)
		(void)!read_ahead(device, storage, CSW, true);
}

bool guest_storage_submit(struct guest_device *device, struct clove_usb_transfer *transfer)
{
	struct guest_storage *storage = transfer->type == CLOVE_USB_BULK && !transfer->stream ?
			find_storage(device, transfer->endpoint) : NULL;

	if (!storage)
		return false;
	if (transfer->endpoint == storage->in)
		return submit_in(device, storage, transfer);
	if (storage->out_left) {
		submit_data(device, storage, transfer);
		return true;
	}
	if (!is_cbw(transfer))
		return false;
	if (!clove_list_is_empty(&storage->aheads) || !clove_list_is_empty(&storage->waiting)) {
		/* a new command before the old one's status: the driver has given that up */
		abort_storage(device, storage, CLOVE_USB_CANCELLED);
		return false;
	}
	return submit_cbw(device, storage, transfer);
}

/* -- what comes of it -- */

void guest_storage_answered(struct guest_device *device, struct guest_request *request, uint8_t status,
		struct clove_bytes data)
{
	struct guest_ahead *ahead = request->ahead;
	struct guest_storage *storage = ahead ? ahead->storage : request->storage;

	guest_forget_request(device->guest, request);
	if (!ahead) { /* the command block */
		bool is_awaited = !clove_list_is_empty(&storage->waiting);

		if (status == CLOVE_USB_SUCCESS)
			return;
		abort_storage(device, storage, status);
		if (!is_awaited)
			storage->failed = status;
		return;
	}
	ahead->request = NULL;
	ahead->status = status;
	if (data.len > ahead->want) {
		ahead->status = CLOVE_USB_BABBLE;
	} else if (data.len) {
		ahead->data = clove_usbredir_take_data(device->guest->parser);
		ahead->len = ahead->data ? data.len : 0;
		if (!ahead->data)
			ahead->status = CLOVE_USB_IOERROR;
	}
	/* The driver would have asked for the status only after it had cleared the halt: it will, and then itself. */
	if (ahead->is_status && ahead->status != CLOVE_USB_SUCCESS && first_ahead(storage) != ahead)
		free_ahead(device, ahead, false);
	else if (ahead->is_status && ahead->status != CLOVE_USB_SUCCESS && clove_list_is_empty(&storage->waiting))
		free_ahead(device, ahead, false);
	serve(device, storage);
}

bool guest_storage_cancel(struct guest_device *device, struct clove_usb_transfer *transfer)
{
	struct guest_storage *storage = find_storage(device, transfer->endpoint);

	if (!storage)
		return false;
	CLOVE_LIST_FOR_EACH(item, &storage->waiting) {
		if (item != &transfer->link)
			continue;
		/* what was read ahead stays: if the driver asks again it is there, and a reset drops it */
		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, 0);
		return true;
	}
	return false;
}

void guest_storage_trouble(struct guest_device *device, uint8_t endpoint)
{
	struct guest_storage *storage = find_storage(device, endpoint);

	if (storage && storage->out == endpoint)
		storage->out_left = 0;
}

void guest_storage_abort(struct guest_device *device, uint8_t status)
{
	CLOVE_LIST_FOR_EACH(item, &device->storages)
		abort_storage(device, CLOVE_CONTAINER(item, struct guest_storage, link), status);
}

/* -- which interfaces -- */

static uint8_t only_bulk(const struct clove_usb_shape *shape, uint8_t interface, uint8_t direction)
{
	uint8_t found = 0;

	for (uint8_t i = 1; i < 16; i++) {
		const struct clove_usb_endpoint *endpoint = &shape->endpoints[clove_usb_index(i | direction)];

		if (endpoint->type == CLOVE_USB_BULK && endpoint->interface == interface)
			found = found ? 0xff : i | direction;
	}
	return found == 0xff ? 0 : found;
}

static void free_storage(struct guest_device *device, struct guest_storage *storage)
{
	CLOVE_LIST_FOR_EACH(item, &device->guest->requests) {
		struct guest_request *request = CLOVE_CONTAINER(item, struct guest_request, link);

		if (request->storage == storage)
			guest_forget_request(device->guest, request);
	}
	clove_list_remove(&storage->link);
	free(storage);
}

void guest_storage_find(struct guest_device *device)
{
	const struct clove_usb_shape *shape = &device->base.shape;
	struct clove_list old;

	clove_list_init(&old);
	while (!clove_list_is_empty(&device->storages)) {
		struct clove_list *item = device->storages.next;

		clove_list_remove(item);
		clove_list_append(&old, item);
	}
	for (uint32_t i = 0; i < shape->interface_count; i++) {
		const struct clove_usb_interface *interface = &shape->interfaces[i];
		uint8_t in = only_bulk(shape, interface->number, CLOVE_USB_IN), out = only_bulk(shape, interface->number, 0);
		struct guest_storage *storage = NULL;

		if (interface->interface_class != CLASS_STORAGE || interface->subclass != SCSI ||
				interface->protocol != BULK_ONLY || !in || !out || find_storage(device, in))
			continue;
		CLOVE_LIST_FOR_EACH(item, &old) {
			struct guest_storage *known = CLOVE_CONTAINER(item, struct guest_storage, link);

			if (known->in == in && known->out == out)
				storage = known;
		}
		if (!storage && (storage = calloc(1, sizeof *storage))) {
			clove_list_init(&storage->link);
			clove_list_init(&storage->aheads);
			clove_list_init(&storage->waiting);
			storage->in = in;
			storage->out = out;
		}
		if (storage) {
			clove_list_remove(&storage->link);
			clove_list_append(&device->storages, &storage->link);
		}
	}
	while (!clove_list_is_empty(&old)) {
		struct guest_storage *storage = CLOVE_CONTAINER(old.next, struct guest_storage, link);

		abort_storage(device, storage, CLOVE_USB_CANCELLED);
		free_storage(device, storage);
	}
}

/* After everything came back, and the guest's requests were forgotten. */
void guest_storage_fini(struct guest_device *device)
{
	while (!clove_list_is_empty(&device->storages)) {
		struct guest_storage *storage = CLOVE_CONTAINER(device->storages.next, struct guest_storage, link);

		clove_list_remove(&storage->link);
		free(storage);
	}
}
