/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* keyboard.c - the boot keyboard's report (HID 1.11, appendix B.1) and which keys are down. */
#include "usb/software.h"

#include "usb/hid.h"

enum { KEYS = 6, FIRST_MODIFIER = 0xe0, ROLLOVER_ERROR = 1 };

struct report {                           /* as on the wire */
	uint8_t modifiers, reserved, keys[KEYS];
};

static const uint8_t report_desc[] = {
	CLOVE_HID_USAGE_PAGE(0x01), CLOVE_HID_USAGE(0x06), CLOVE_HID_COLLECTION(1), /* desktop, keyboard */
	CLOVE_HID_USAGE_PAGE(0x07), CLOVE_HID_USAGES(0xe0, 0xe7), CLOVE_HID_LOGICAL(0, 1),
	CLOVE_HID_FIELDS(8, 1), CLOVE_HID_INPUT(CLOVE_HID_ABSOLUTE),
	CLOVE_HID_FIELDS(1, 8), CLOVE_HID_INPUT(CLOVE_HID_CONSTANT),
	CLOVE_HID_USAGE_PAGE(0x08), CLOVE_HID_USAGES(1, 5),                         /* LEDs */
	CLOVE_HID_FIELDS(5, 1), CLOVE_HID_OUTPUT(CLOVE_HID_ABSOLUTE),
	CLOVE_HID_FIELDS(1, 3), CLOVE_HID_OUTPUT(CLOVE_HID_CONSTANT),
	CLOVE_HID_USAGE_PAGE(0x07), CLOVE_HID_USAGES(0, 0xe7), CLOVE_HID_LOGICAL_16(0, 0xe7),
	CLOVE_HID_FIELDS(KEYS, 8), CLOVE_HID_INPUT(CLOVE_HID_DATA_ARRAY),
	CLOVE_HID_END,
};

static const struct clove_desc_extra hid_desc = CLOVE_DESC_EXTRA(
	CLOVE_DESC_HID, CLOVE_DESC_16(0x0111), 0, 1, CLOVE_DESC_REPORT, CLOVE_DESC_16(sizeof report_desc));

static const struct clove_desc_endpoint endpoint = {
	.address = CLOVE_HID_ENDPOINT, .attributes = CLOVE_USB_INTERRUPT, .max_packet = sizeof(struct report),
	.interval = 10,                   /* ms: the least that low speed may ask (5.7.4) */
};

static const struct clove_desc_interface interface = {
	.interface_class = 3, .subclass = 1, .protocol = 1,   /* boot keyboard */
	.extras = &hid_desc, .extra_count = 1, .endpoints = &endpoint, .endpoint_count = 1,
};

static const struct clove_desc desc = {
	.speed = CLOVE_USB_LOW, .usb = 0x0110, .max_packet_0 = 8,
	.vendor = 0x1d6b, .product = 0x0104, .version = 0x0100,
	.strings = { "Clove", "USB keyboard", "1" },
	.attributes = CLOVE_DESC_BUS_POWERED | CLOVE_DESC_REMOTE_WAKEUP, .max_power = 50,
	.interfaces = &interface, .interface_count = 1,
};


struct clove_usb_device *clove_usb_keyboard_new(void)
{
	struct clove_hid *hid = clove_hid_new(&desc, CLOVE_BYTES(report_desc, sizeof report_desc),
			sizeof(struct report), "Clove USB keyboard");

	return hid ? &hid->model.device : NULL;
}

static bool set_modifier(struct report *report, uint8_t usage, bool is_down)
{
	uint8_t bit = (uint8_t)(1 << (usage - FIRST_MODIFIER));
	uint8_t old = report->modifiers;

	report->modifiers = (uint8_t)(is_down ? old | bit : old & ~bit);
	return report->modifiers != old;
}

static bool set_key(struct report *report, uint8_t usage, bool is_down)
{
	int at = -1, room = -1;

	for (int i = 0; i < KEYS; i++) {
		if (report->keys[i] == usage)
			at = i;
		else if (!report->keys[i] && room < 0)
			room = i;
	}
	if ((at >= 0) == is_down || (is_down && room < 0))
		return false;
	report->keys[is_down ? room : at] = is_down ? usage : 0;
	return true;
}

void clove_usb_keyboard_key(struct clove_usb_device *device, uint8_t usage, bool is_down)
{
	struct clove_hid *hid = CLOVE_CONTAINER(device, struct clove_hid, model.device);
	struct report report;
	bool is_changed;

	memcpy(&report, hid->state, sizeof report);
	is_changed = usage >= FIRST_MODIFIER && usage < FIRST_MODIFIER + 8 ? set_modifier(&report, usage, is_down) :
			usage > ROLLOVER_ERROR + 2 && usage < FIRST_MODIFIER && set_key(&report, usage, is_down);
	if (is_changed)
		clove_hid_report(hid, (const uint8_t *)&report);
}
