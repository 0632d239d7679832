/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture-device.c - which transfers its driver's side waits for, and which of them libusb still has. */
#include "usbredir/capture-device.h"

#include <libusb.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/bytes.h"
#include "common/util/log.h"
#include "usbredir/local-devices.h"

enum { CONTROL_LIMIT_MS = 5000 };

/* A request's `opaque`: the transfer it serves, or what waits for streams, until nobody waits any more. */
struct waiter {
	struct clove_list link;              /* streams only */
	struct clove_request *request;
	struct clove_usb_transfer *transfer;
	void (*streams_done)(void *opaque, uint8_t status);
	void *opaque;
	uint8_t *kept;                       /* bytes of a transfer that went home before libusb was done */
};

static struct clove_captured *captured_of(struct clove_usb_device *device)
{
	return CLOVE_CONTAINER(device, struct clove_captured, base);
}

static void free_request(struct clove_request *request)
{
	struct waiter *waiter = request->opaque;

	if (waiter)
		free(waiter->kept);
	free(waiter);
	clove_request_free(request);
}

static struct clove_request *request_new(uint32_t packets, bool may_reshape)
{
	struct clove_request *request = clove_request_new(packets, may_reshape);
	struct waiter *waiter = request ? calloc(1, sizeof *waiter) : NULL;

	if (!waiter) {
		clove_request_free(request);
		return NULL;
	}
	clove_list_init(&waiter->link);
	waiter->request = request;
	request->opaque = waiter;
	return request;
}

/* ---- transfers ----------------------------------------------------------------------------- */

/* Its bytes stay where libusb has them. */
static void send_home(struct clove_usb_transfer *transfer, uint8_t status)
{
	struct waiter *waiter = transfer->device_data;

	waiter->transfer = NULL;
	if (transfer->type != CLOVE_USB_CONTROL) {
		waiter->kept = transfer->data;
		transfer->data = NULL;
	}
	clove_usb_complete(transfer, status, 0);
}

/* `done` may submit anew: only those that are there now. */
static void send_all_home(struct clove_captured *captured, uint8_t status)
{
	struct clove_list now;

	clove_list_init(&now);
	CLOVE_LIST_FOR_EACH(item, &captured->transfers) {
		clove_list_remove(item);
		clove_list_append(&now, item);
	}
	while (!clove_list_is_empty(&now))
		send_home(CLOVE_CONTAINER(now.next, struct clove_usb_transfer, link), status);
}

static void end_streams(struct clove_captured *captured)
{
	while (!clove_list_is_empty(&captured->streams)) {
		struct waiter *waiter = CLOVE_CONTAINER(captured->streams.next, struct waiter, link);

		clove_list_remove(&waiter->link);
		waiter->streams_done(waiter->opaque, CLOVE_USB_IOERROR);
	}
}

/* A control transfer's setup packet stands in front of its bytes: these are copied, and no others. */
static bool fill_control(struct clove_request *request, const struct clove_usb_transfer *transfer)
{
	const struct clove_usb_setup *setup = &transfer->setup;
	uint8_t *buffer = malloc(LIBUSB_CONTROL_SETUP_SIZE + (size_t)setup->length);

	if (!buffer)
		return false;
	buffer[0] = setup->request_type;
	buffer[1] = setup->request;
	clove_put_le16(buffer + 2, setup->value);
	clove_put_le16(buffer + 4, setup->index);
	clove_put_le16(buffer + 6, setup->length);
	if (!(setup->request_type & CLOVE_USB_IN) && setup->length)
		memcpy(buffer + LIBUSB_CONTROL_SETUP_SIZE, transfer->data, setup->length);
	request->usb->type = LIBUSB_TRANSFER_TYPE_CONTROL;
	request->usb->buffer = request->control = buffer;
	request->usb->length = LIBUSB_CONTROL_SETUP_SIZE + setup->length;
	request->usb->timeout = CONTROL_LIMIT_MS;
	return true;
}

static void fill_data(struct clove_request *request, const struct clove_usb_transfer *transfer)
{
	static const unsigned char types[] = {
		[CLOVE_USB_ISO] = LIBUSB_TRANSFER_TYPE_ISOCHRONOUS,
		[CLOVE_USB_BULK] = LIBUSB_TRANSFER_TYPE_BULK,
		[CLOVE_USB_INTERRUPT] = LIBUSB_TRANSFER_TYPE_INTERRUPT,
	};
	struct libusb_transfer *usb = request->usb;
	size_t len = 0;

	usb->type = types[transfer->type];
	usb->endpoint = transfer->endpoint;
	usb->buffer = transfer->data;
	usb->length = (int)transfer->len;
	if (transfer->type == CLOVE_USB_BULK && transfer->stream) {
		usb->type = LIBUSB_TRANSFER_TYPE_BULK_STREAM;
		libusb_transfer_set_stream_id(usb, transfer->stream);
	}
	if (transfer->type != CLOVE_USB_ISO)
		return;
	usb->num_iso_packets = (int)transfer->packet_count;
	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		usb->iso_packet_desc[i].length = request->packets[i].len = transfer->packets[i].len;
		len += transfer->packets[i].len;
	}
	usb->length = (int)len;
}

/* SET_CONFIGURATION and SET_INTERFACE (USB 2.0, section 9.4). */
static bool may_reshape(const struct clove_usb_transfer *transfer)
{
	return transfer->type == CLOVE_USB_CONTROL &&
			((transfer->setup.request_type == 0x00 && transfer->setup.request == 9) ||
			(transfer->setup.request_type == 0x01 && transfer->setup.request == 11));
}

static void submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct clove_captured *captured = captured_of(device);
	struct clove_request *request;
	struct waiter *waiter;

	if (captured->is_ending) {
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
		return;
	}
	/* What has to be answered within the frame cannot come from a real bus. */
	if (transfer->is_now) {
		clove_usb_complete(transfer, CLOVE_USB_INVAL, 0);
		return;
	}
	request = request_new(transfer->type == CLOVE_USB_ISO ? transfer->packet_count : 0, may_reshape(transfer));
	if (request && transfer->type != CLOVE_USB_CONTROL)
		fill_data(request, transfer);
	if (!request || (transfer->type == CLOVE_USB_CONTROL && !fill_control(request, transfer)))
		goto failed;
	waiter = request->opaque;
	waiter->transfer = transfer;
	transfer->device_data = waiter;
	request->id = ++captured->last_request;
	clove_list_append(&captured->transfers, &transfer->link);
	if (clove_claim_submit(captured->claim, request))
		return;
failed:
	if (request)
		free_request(request);
	clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
}

static void cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct waiter *waiter = transfer->device_data;

	if (!clove_claim_cancel(captured_of(device)->claim, waiter->request->id))
		send_home(transfer, CLOVE_USB_CANCELLED);
}

static void reset(struct clove_usb_device *device)
{
	struct clove_captured *captured = captured_of(device);

	send_all_home(captured, CLOVE_USB_CANCELLED);
	if (!captured->is_ending && !clove_claim_reset(captured->claim))
		clove_log(WARN, "usb", "%s: not reset: no memory", device->name);
}

static void streams(struct clove_usb_device *device, uint32_t endpoints, uint32_t count,
		void (*done)(void *opaque, uint8_t status), void *opaque)
{
	struct clove_captured *captured = captured_of(device);
	struct clove_request *request = captured->is_ending ? NULL : request_new(0, false);
	struct waiter *waiter;

	if (!request) {
		done(opaque, CLOVE_USB_IOERROR);
		return;
	}
	waiter = request->opaque;
	waiter->streams_done = done;
	waiter->opaque = opaque;
	request->is_streams = true;
	request->stream_endpoints = endpoints;
	request->stream_count = count;
	clove_list_append(&captured->streams, &waiter->link);
	if (!clove_claim_submit(captured->claim, request)) {
		clove_list_remove(&waiter->link);
		free_request(request);
		done(opaque, CLOVE_USB_IOERROR);
	}
}

/* ---- birth and death ----------------------------------------------------------------------- */

/* The claim's end frees the rest. */
static void end(struct clove_captured *captured)
{
	if (captured->is_ending)
		return;
	captured->is_ending = true;
	clove_claim_end(captured->claim);
}

/* A device that was given back already is a shell with nobody inside. */
static void free_device(struct clove_usb_device *device)
{
	struct clove_captured *captured = captured_of(device);

	device->events = NULL;
	end(captured);
	send_all_home(captured, CLOVE_USB_CANCELLED);
	end_streams(captured);
	captured->is_open = false;
	if (!captured->claim)
		free(captured);
}

static const struct clove_usb_device_ops ops = {
	.submit = submit,
	.cancel = cancel,
	.reset = reset,
	.streams = streams,
	.free = free_device,
};

struct clove_captured *clove_captured_new(const struct clove_local_device *local, int take_fd,
		struct clove_mailbox *home, clove_letter_fn on_report, clove_capture_opened_fn opened, void *opaque)
{
	struct clove_captured *captured = calloc(1, sizeof *captured);

	if (captured)
		captured->claim = clove_claim_new(local, take_fd, home, on_report, captured);
	if (!captured || !captured->claim) {
		free(captured);
		return NULL;
	}
	captured->base.ops = &ops;
	captured->base.shape = local->shape;
	captured->id = local->id;
	captured->opened = opened;
	captured->opaque = opaque;
	clove_list_init(&captured->link);
	clove_list_init(&captured->transfers);
	clove_list_init(&captured->streams);
	return captured;
}

static void answer(struct clove_captured *captured, struct clove_usb_device *device, enum clove_err err,
		const char *why)
{
	clove_capture_opened_fn opened = captured->opened;

	captured->opened = NULL;
	if (opened)
		opened(captured->opaque, device, err, why);
}

void clove_captured_lose(struct clove_captured *captured, enum clove_err err, const char *why)
{
	end(captured);
	answer(captured, NULL, err, why);
	if (!captured->is_open || captured->is_gone)
		return;
	captured->is_gone = true;
	send_all_home(captured, CLOVE_USB_IOERROR);
	end_streams(captured);
	if (captured->base.events && captured->base.events->gone)
		captured->base.events->gone(captured->base.owner, why);
}

void clove_captured_forget(struct clove_captured *captured)
{
	captured->opened = NULL;
	end(captured);
}

static void on_opened(struct clove_captured *captured)
{
	struct clove_claim *claim = captured->claim;

	if (!captured->opened) {
		end(captured);
	} else if (claim->error) {
		end(captured);
		answer(captured, NULL, claim->error, claim->why);
	} else {
		captured->base.shape = claim->shape;
		clove_local_device_text(captured->base.name, sizeof captured->base.name, claim->local.name);
		captured->is_open = true;
		answer(captured, &captured->base, CLOVE_OK, "");
	}
}

static size_t take_packets(struct clove_usb_transfer *transfer, const struct clove_request *request)
{
	size_t actual = 0;

	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		transfer->packets[i] = request->packets[i];
		actual += request->packets[i].actual;
	}
	return actual;
}

static void take_answer(struct clove_captured *captured, struct clove_request *request)
{
	struct waiter *waiter = request->opaque;
	struct clove_usb_transfer *transfer = waiter->transfer;
	size_t actual = request->actual;

	if (request->is_reshaped)
		captured->base.shape = *request->new_shape;
	if (!clove_list_is_empty(&waiter->link)) {
		void (*done)(void *opaque, uint8_t status) = waiter->streams_done;

		clove_list_remove(&waiter->link);
		done(waiter->opaque, request->status);
	}
	if (transfer) {
		if (actual > transfer->len)
			actual = transfer->len;
		if (transfer->type == CLOVE_USB_CONTROL && transfer->setup.request_type & CLOVE_USB_IN && actual)
			memcpy(transfer->data, request->control + LIBUSB_CONTROL_SETUP_SIZE, actual);
		if (transfer->type == CLOVE_USB_ISO)
			actual = take_packets(transfer, request);
		clove_usb_complete(transfer, request->status, actual);
	}
	free_request(request);
}

bool clove_captured_report(struct clove_claim_report *take_report)
{
	struct clove_captured *captured = take_report->claim->opaque;
	bool is_ended = take_report->is_ended;

	if (take_report->is_opened)
		on_opened(captured);
	CLOVE_LIST_FOR_EACH(item, &take_report->done) {
		clove_list_remove(item);
		take_answer(captured, CLOVE_CONTAINER(item, struct clove_request, link));
	}
	if (take_report->lost)
		clove_captured_lose(captured, CLOVE_ERR_CLOSED, take_report->lost);
	free(take_report);
	if (!is_ended)
		return true;
	clove_claim_free(captured->claim);
	captured->claim = NULL;
	clove_list_remove(&captured->link);
	if (!captured->is_open)
		free(captured);
	return false;
}
