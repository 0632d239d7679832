/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.c - a transfer's life, and which transfers a device is never asked for. */
#include "usb/device.h"

#include <assert.h>
#include <stdlib.h>

struct clove_usb_transfer *clove_usb_transfer_new(uint8_t endpoint, uint8_t type, size_t len,
		uint32_t packet_count)
{
	struct clove_usb_transfer *transfer;

	if (len > CLOVE_USB_BULK_MAX || packet_count > CLOVE_USB_ISO_PACKETS_MAX)
		return NULL;
	transfer = calloc(1, sizeof *transfer + packet_count * sizeof *transfer->packets);
	if (!transfer)
		return NULL;
	clove_list_init(&transfer->link);
	transfer->endpoint = endpoint;
	transfer->type = type;
	transfer->len = len;
	transfer->packet_count = packet_count;
	if (packet_count)
		transfer->packets = (struct clove_usb_packet *)(transfer + 1);
	/* Iso packets lie apart from each other: what is between them may be sent on. */
	transfer->data = !len ? NULL : packet_count ? calloc(1, len) : malloc(len);
	if (len && !transfer->data) {
		free(transfer);
		return NULL;
	}
	return transfer;
}

void clove_usb_transfer_free(struct clove_usb_transfer *transfer)
{
	if (!transfer)
		return;
	assert(!transfer->is_submitted);
	free(transfer->data);
	free(transfer);
}

static bool control_can_be(const struct clove_usb_transfer *transfer)
{
	const struct clove_usb_setup *setup = &transfer->setup;
	bool is_in = setup->request_type & CLOVE_USB_IN;

	if (transfer->endpoint & 0x7f || transfer->len > CLOVE_USB_CONTROL_MAX)
		return false;
	return is_in ? transfer->len >= setup->length : transfer->len == setup->length;
}

static bool packets_fit(const struct clove_usb_transfer *transfer)
{
	size_t room = transfer->len;

	if (!transfer->packets || !transfer->packet_count || transfer->packet_count > CLOVE_USB_ISO_PACKETS_MAX)
		return false;
	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		if (transfer->packets[i].len > room)
			return false;
		room -= transfer->packets[i].len;
	}
	return true;
}

static bool can_be(const struct clove_usb_device *device, const struct clove_usb_transfer *transfer)
{
	if (transfer->len > CLOVE_USB_BULK_MAX || (transfer->len && !transfer->data))
		return false;
	if (transfer->type == CLOVE_USB_CONTROL)
		return control_can_be(transfer);
	if (transfer->type > CLOVE_USB_INTERRUPT || transfer->endpoint & 0x70 || !(transfer->endpoint & 0x0f) ||
			device->shape.endpoints[clove_usb_index(transfer->endpoint)].type != transfer->type)
		return false;
	return transfer->type != CLOVE_USB_ISO || packets_fit(transfer);
}

void clove_usb_submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	assert(!transfer->is_submitted);
	transfer->is_submitted = true;
	transfer->actual = 0;
	transfer->device_data = NULL;
	for (uint32_t i = 0; transfer->packets && i < transfer->packet_count; i++) {
		transfer->packets[i].actual = 0;
		transfer->packets[i].status = CLOVE_USB_SUCCESS;
	}
	if (can_be(device, transfer))
		device->ops->submit(device, transfer);
	else
		clove_usb_complete(transfer, CLOVE_USB_INVAL, 0);
}

void clove_usb_cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	if (transfer->is_submitted)
		device->ops->cancel(device, transfer);
}

void clove_usb_reset(struct clove_usb_device *device)
{
	device->ops->reset(device);
}

void clove_usb_frame(struct clove_usb_device *device)
{
	if (device->ops->frame)
		device->ops->frame(device);
}

void clove_usb_device_free(struct clove_usb_device *device)
{
	if (device)
		device->ops->free(device);
}

void clove_usb_complete(struct clove_usb_transfer *transfer, uint8_t status, size_t actual)
{
	assert(transfer->is_submitted);
	clove_list_remove(&transfer->link);
	transfer->is_submitted = false;
	transfer->status = status;
	transfer->actual = actual;
	transfer->done(transfer);
}
