/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mock-device.h - a device with an endpoint of each kind, for tests of who drives devices. */
#ifndef CLOVE_TESTS_MOCK_DEVICE_H
#define CLOVE_TESTS_MOCK_DEVICE_H

#include <stdlib.h>
#include "usb/model.h"

enum {
	MOCK_BULK_OUT = 0x01, MOCK_BULK_IN = 0x81,  /* what goes out comes in; a transfer waits for bytes */
	MOCK_INTERRUPT = 0x82,                      /* waits for MOCK_EVENT */
	MOCK_ISO_OUT = 0x03, MOCK_ISO_IN = 0x83,    /* interface 1, setting 1 */
};

/* Vendor requests, 0x40 out and 0xc0 in. */
enum {
	MOCK_STORE = 1,      /* out: bytes */
	MOCK_FETCH = 2,      /* in: the same */
	MOCK_HALT = 3,       /* out: the endpoint in wValue */
	MOCK_EVENT = 4,      /* out: four bytes of wValue come in on the interrupt endpoint */
	MOCK_ISO_BYTES = 5,  /* in: u32, how many came on the iso endpoint */
};

struct mock {
	struct clove_model model;         /* first */
	struct clove_desc desc;
	struct clove_buf bytes, stored;
	uint16_t event;
	bool has_event;
	uint32_t iso_bytes;
};

static inline enum clove_err mock_control(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_bytes data, struct clove_buf *answer)
{
	struct mock *mock = CLOVE_CONTAINER(model, struct mock, model);
	uint8_t word[4];

	switch (setup->request_type << 8 | setup->request) {
	case 0x4000 | MOCK_STORE:
		clove_buf_clear(&mock->stored);
		return clove_buf_append(&mock->stored, data.data, data.len);
	case 0xc000 | MOCK_FETCH:
		return clove_buf_append(answer, mock->stored.data, mock->stored.len);
	case 0x4000 | MOCK_HALT:
		clove_model_halt(model, (uint8_t)setup->value);
		return CLOVE_OK;
	case 0x4000 | MOCK_EVENT:
		mock->event = setup->value;
		mock->has_event = true;
		clove_model_run(model);
		return CLOVE_OK;
	case 0xc000 | MOCK_ISO_BYTES:
		clove_put_le32(word, mock->iso_bytes);
		return clove_buf_append(answer, word, sizeof word);
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

static inline bool mock_bulk(struct mock *mock)
{
	struct clove_usb_transfer *transfer = clove_model_first(&mock->model, MOCK_BULK_OUT);
	size_t len;

	if (transfer) {
		if (transfer->len && clove_buf_append(&mock->bytes, transfer->data, transfer->len))
			abort();
		clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
		return true;
	}
	transfer = clove_model_first(&mock->model, MOCK_BULK_IN);
	if (!transfer || !(mock->bytes.len || !transfer->len))
		return false;
	len = mock->bytes.len < transfer->len ? mock->bytes.len : transfer->len;
	if (len)
		memcpy(transfer->data, mock->bytes.data, len);
	clove_buf_consume(&mock->bytes, len);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, len);
	return true;
}

static inline bool mock_interrupt(struct mock *mock)
{
	struct clove_usb_transfer *transfer = clove_model_first(&mock->model, MOCK_INTERRUPT);
	size_t len;

	if (!transfer || !mock->has_event)
		return false;
	len = transfer->len < 4 ? transfer->len : 4;
	memset(transfer->data, mock->event, len);
	mock->has_event = false;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, len);
	return true;
}

/* Packet i comes in with 10 + i bytes of value i, the fourth as an error. */
static inline bool mock_iso(struct mock *mock)
{
	struct clove_usb_transfer *transfer = clove_model_first(&mock->model, MOCK_ISO_IN);
	bool is_in = transfer;
	size_t at = 0;

	if (!transfer)
		transfer = clove_model_first(&mock->model, MOCK_ISO_OUT);
	if (!transfer)
		return false;
	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		struct clove_usb_packet *packet = &transfer->packets[i];

		if (!is_in) {
			mock->iso_bytes += packet->len;
			packet->actual = packet->len;
		} else if (i == 3) {
			packet->status = CLOVE_USB_IOERROR;
		} else {
			packet->actual = (uint16_t)(10 + i < packet->len ? 10 + i : packet->len);
			memset(transfer->data + at, (int)i, packet->actual);
		}
		at += packet->len;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, at);
	return true;
}

static inline void mock_run(struct clove_model *model)
{
	struct mock *mock = CLOVE_CONTAINER(model, struct mock, model);

	while (mock_bulk(mock) || mock_interrupt(mock) || mock_iso(mock))
		;
}

static inline void mock_restart(struct clove_model *model, uint32_t endpoints)
{
	struct mock *mock = CLOVE_CONTAINER(model, struct mock, model);

	if (endpoints & 1u << clove_usb_index(MOCK_BULK_OUT))
		clove_buf_clear(&mock->bytes);
}

static inline void mock_free(struct clove_model *model)
{
	struct mock *mock = CLOVE_CONTAINER(model, struct mock, model);

	clove_buf_fini(&mock->bytes);
	clove_buf_fini(&mock->stored);
	free(mock);
}

static const struct clove_model_ops mock_ops = {
	.control = mock_control, .run = mock_run, .restart = mock_restart, .free = mock_free,
};

static inline struct clove_usb_device *mock_device_new(uint16_t vendor, uint16_t product, uint8_t device_class)
{
	static const struct clove_desc_endpoint data[] = {
		{ .address = MOCK_BULK_OUT, .attributes = CLOVE_USB_BULK, .max_packet = 512 },
		{ .address = MOCK_BULK_IN, .attributes = CLOVE_USB_BULK, .max_packet = 512 },
		{ .address = MOCK_INTERRUPT, .attributes = CLOVE_USB_INTERRUPT, .max_packet = 8, .interval = 4 },
	};
	static const struct clove_desc_endpoint iso[] = {
		{ .address = MOCK_ISO_OUT, .attributes = CLOVE_USB_ISO, .max_packet = 192, .interval = 4 },
		{ .address = MOCK_ISO_IN, .attributes = CLOVE_USB_ISO, .max_packet = 0x0800 | 192, .interval = 1 },
	};
	static const struct clove_desc_interface interfaces[] = {
		{ .number = 0, .interface_class = 0xff, .subclass = 1, .protocol = 2, .endpoints = data,
		  .endpoint_count = 3 },
		{ .number = 1, .interface_class = 0xff },
		{ .number = 1, .alt = 1, .interface_class = 0xff, .endpoints = iso, .endpoint_count = 2 },
	};
	struct mock *mock = calloc(1, sizeof *mock);

	mock->desc = (struct clove_desc){
		.speed = CLOVE_USB_HIGH, .usb = 0x0200, .device_class = device_class, .max_packet_0 = 64,
		.vendor = vendor, .product = product, .version = 0x0123,
		.attributes = CLOVE_DESC_BUS_POWERED, .max_power = 50,
		.interfaces = interfaces, .interface_count = 3,
	};
	clove_model_init(&mock->model, &mock_ops, &mock->desc, "mock");
	return &mock->model.device;
}

#endif
