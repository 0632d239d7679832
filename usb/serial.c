/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serial.c - a CDC-ACM serial port whose far end sends back what it gets (CDC 1.2, PSTN 1.2). */
#include "usb/software.h"

#include <stdlib.h>
#include "usb/model.h"

enum { NOTICE = 0x82, IN = 0x81, OUT = 0x01, BUFFER = 64 << 10 };

static const struct clove_desc_extra comm_extras[] = {
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 0, CLOVE_DESC_16(0x0110)),  /* header */
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 1, 0, 1),                   /* call management: none; data: 1 */
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 2, 2),                      /* ACM: line coding and state */
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 6, 0, 1),                   /* union of interfaces 0 and 1 */
};

static const struct clove_desc_endpoint comm_endpoint = {
	.address = NOTICE, .attributes = CLOVE_USB_INTERRUPT, .max_packet = 16, .interval = 32,
};

static const struct clove_desc_endpoint data_endpoints[] = {
	{ .address = IN, .attributes = CLOVE_USB_BULK, .max_packet = 64 },
	{ .address = OUT, .attributes = CLOVE_USB_BULK, .max_packet = 64 },
};

static const struct clove_desc_interface interfaces[] = {
	{ .number = 0, .interface_class = 2, .subclass = 2, .protocol = 1,
	  .extras = comm_extras, .extra_count = 4, .endpoints = &comm_endpoint, .endpoint_count = 1 },
	{ .number = 1, .interface_class = 10, .endpoints = data_endpoints, .endpoint_count = 2 },
};

static const struct clove_desc desc = {
	.speed = CLOVE_USB_FULL, .usb = 0x0110, .device_class = 2, .max_packet_0 = 64,
	.vendor = 0x1d6b, .product = 0x0106, .version = 0x0100,
	.strings = { "Clove", "USB serial loopback", "1" },
	.attributes = CLOVE_DESC_BUS_POWERED, .max_power = 50,
	.interfaces = interfaces, .interface_count = 2,
};

struct serial {
	struct clove_model model;         /* first */
	struct clove_buf bytes;           /* what came and has not gone back; at most BUFFER */
	uint8_t line_coding[7];
};

static struct serial *serial_of(struct clove_model *model)
{
	return CLOVE_CONTAINER(model, struct serial, model);
}

enum { SET_LINE_CODING = 0x20, GET_LINE_CODING = 0x21, SET_CONTROL_LINE_STATE = 0x22, SEND_BREAK = 0x23 };

static enum clove_err control(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_bytes data, struct clove_buf *answer)
{
	struct serial *serial = serial_of(model);

	if (setup->index)
		return CLOVE_ERR_VALUE;
	switch (setup->request_type << 8 | setup->request) {
	case 0x2100 | SET_LINE_CODING:
		if (data.len != sizeof serial->line_coding)
			return CLOVE_ERR_SHORT;
		memcpy(serial->line_coding, data.data, data.len);
		return CLOVE_OK;
	case 0xa100 | GET_LINE_CODING:
		return clove_buf_append(answer, serial->line_coding, sizeof serial->line_coding);
	case 0x2100 | SET_CONTROL_LINE_STATE: case 0x2100 | SEND_BREAK:
		return CLOVE_OK;
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

/* Takes a whole transfer or none: a full buffer makes the driver wait. */
static bool take_one(struct serial *serial)
{
	struct clove_usb_transfer *transfer = clove_model_first(&serial->model, OUT);

	if (!transfer || serial->bytes.len >= BUFFER)
		return false;
	if (transfer->len && clove_buf_append(&serial->bytes, transfer->data, transfer->len))
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
	else
		clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
	return true;
}

static bool give_one(struct serial *serial)
{
	struct clove_usb_transfer *transfer = clove_model_first(&serial->model, IN);
	size_t len;

	if (!transfer || !serial->bytes.len)
		return false;
	len = serial->bytes.len < transfer->len ? serial->bytes.len : transfer->len;
	if (len)
		memcpy(transfer->data, serial->bytes.data, len);
	clove_buf_consume(&serial->bytes, len);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, len);
	return true;
}

static void run(struct clove_model *model)
{
	struct serial *serial = serial_of(model);

	while (take_one(serial) || give_one(serial))
		;
}

static void restart(struct clove_model *model, uint32_t endpoints)
{
	static const uint8_t at_9600_8n1[7] = { 0x80, 0x25, 0, 0, 0, 0, 8 };
	struct serial *serial = serial_of(model);

	if (!(endpoints >> clove_usb_index(OUT) & 1))
		return;
	clove_buf_clear(&serial->bytes);
	memcpy(serial->line_coding, at_9600_8n1, sizeof at_9600_8n1);
}

static void free_serial(struct clove_model *model)
{
	clove_buf_fini(&serial_of(model)->bytes);
	free(serial_of(model));
}

static const struct clove_model_ops serial_ops = {
	.control = control, .run = run, .restart = restart, .free = free_serial,
};

struct clove_usb_device *clove_usb_serial_new(void)
{
	struct serial *serial = calloc(1, sizeof *serial);

	if (!serial)
		return NULL;
	clove_model_init(&serial->model, &serial_ops, &desc, "Clove USB serial loopback");
	restart(&serial->model, UINT32_MAX);
	return &serial->model.device;
}
