/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tablet.c - an absolute pointer's report, and which movements may be merged. */
#include "usb/software.h"

#include "usb/hid.h"

enum { LARGEST = 32767, REPORT = 6 };     /* buttons, x, y (16 bits each), wheel */

static const uint8_t report_desc[] = {
	CLOVE_HID_USAGE_PAGE(0x01), CLOVE_HID_USAGE(0x02), CLOVE_HID_COLLECTION(1), /* desktop, mouse */
	CLOVE_HID_USAGE(0x01), CLOVE_HID_COLLECTION(0),                             /* pointer */
	CLOVE_HID_USAGE_PAGE(0x09), CLOVE_HID_USAGES(1, 3), CLOVE_HID_LOGICAL(0, 1),
	CLOVE_HID_FIELDS(3, 1), CLOVE_HID_INPUT(CLOVE_HID_ABSOLUTE),
	CLOVE_HID_FIELDS(1, 5), CLOVE_HID_INPUT(CLOVE_HID_CONSTANT),
	CLOVE_HID_USAGE_PAGE(0x01), CLOVE_HID_USAGE(0x30), CLOVE_HID_USAGE(0x31),   /* X, Y */
	CLOVE_HID_LOGICAL_16(0, LARGEST),
	CLOVE_HID_FIELDS(2, 16), CLOVE_HID_INPUT(CLOVE_HID_ABSOLUTE),
	CLOVE_HID_USAGE(0x38), CLOVE_HID_LOGICAL(0x81, 0x7f),                       /* wheel */
	CLOVE_HID_FIELDS(1, 8), CLOVE_HID_INPUT(CLOVE_HID_RELATIVE),
	CLOVE_HID_END, CLOVE_HID_END,
};

static const struct clove_desc_extra hid_desc = CLOVE_DESC_EXTRA(
	CLOVE_DESC_HID, CLOVE_DESC_16(0x0111), 0, 1, CLOVE_DESC_REPORT, CLOVE_DESC_16(sizeof report_desc));

static const struct clove_desc_endpoint endpoint = {
	.address = CLOVE_HID_ENDPOINT, .attributes = CLOVE_USB_INTERRUPT, .max_packet = 8, .interval = 1,
};

static const struct clove_desc_interface interface = {
	.interface_class = 3,
	.extras = &hid_desc, .extra_count = 1, .endpoints = &endpoint, .endpoint_count = 1,
};

static const struct clove_desc desc = {
	.speed = CLOVE_USB_FULL, .usb = 0x0110, .max_packet_0 = 8,
	.vendor = 0x1d6b, .product = 0x0105, .version = 0x0100,
	.strings = { "Clove", "USB tablet", "1" },
	.attributes = CLOVE_DESC_BUS_POWERED | CLOVE_DESC_REMOTE_WAKEUP, .max_power = 50,
	.interfaces = &interface, .interface_count = 1,
};

struct clove_usb_device *clove_usb_tablet_new(void)
{
	struct clove_hid *hid = clove_hid_new(&desc, CLOVE_BYTES(report_desc, sizeof report_desc), REPORT,
			"Clove USB tablet");

	return hid ? &hid->model.device : NULL;
}

void clove_usb_tablet_move(struct clove_usb_device *device, uint16_t x, uint16_t y, uint8_t buttons, int8_t wheel)
{
	struct clove_hid *hid = CLOVE_CONTAINER(device, struct clove_hid, model.device);
	uint8_t report[REPORT] = { buttons & 7 }, *last = clove_hid_last(hid);

	clove_put_le16(report + 1, x > LARGEST ? LARGEST : x);
	clove_put_le16(report + 3, y > LARGEST ? LARGEST : y);
	report[5] = (uint8_t)(wheel == INT8_MIN ? -INT8_MAX : wheel);
	if (!wheel && !memcmp(hid->state, report, REPORT))
		return;
	/* Nobody has read the last movement: a newer one takes its place. Buttons and notches never merge. */
	if (last && last[0] == report[0] && !last[5] && !wheel) {
		memcpy(hid->state, report, REPORT);
		memcpy(last, report, REPORT);
	} else {
		clove_hid_report(hid, report);
	}
	hid->state[5] = 0;                    /* a notch is told once */
}
