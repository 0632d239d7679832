/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usb-models.c - any control requests and transfers to each software device that has no file. */
#include <stdlib.h>
#include <string.h>
#include "common/util/bytes.h"
#include "usb/software.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WAITING = 8 };

static struct clove_usb_transfer *waiting[WAITING];

static void on_done(struct clove_usb_transfer *transfer)
{
	if (transfer->actual > transfer->len)
		abort();
}

static void submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer, uint8_t slot)
{
	struct clove_usb_transfer **place = &waiting[slot % WAITING];

	if (*place && (*place)->is_submitted)
		clove_usb_cancel(device, *place);
	if (*place && (*place)->is_submitted)
		abort();
	clove_usb_transfer_free(*place);
	*place = transfer;
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
}

/* A step has eight bytes: a setup, or a transfer, or a hand at the device. */
static void step(struct clove_usb_device *device, unsigned int kind, const uint8_t *s)
{
	struct clove_usb_transfer *transfer;
	uint16_t len = clove_le16(s + 6);

	switch (s[7] >> 5) {
	case 0: case 1: case 2: case 3:
		transfer = clove_usb_transfer_new(s[0] & 0x80, CLOVE_USB_CONTROL, len & 0xfff, 0);
		transfer->setup = (struct clove_usb_setup){ s[0], s[1], clove_le16(s + 2), clove_le16(s + 4), len & 0xfff };
		break;
	case 4: case 5:
		transfer = clove_usb_transfer_new(s[0], s[1] & 3, len & 0xfff, s[2] & 31);
		for (uint32_t i = 0; i < transfer->packet_count; i++)
			transfer->packets[i].len = (uint16_t)(s[3] << (s[4] & 3));
		transfer->is_now = s[4] & 4;
		break;
	case 6:
		if (kind == 0)
			clove_usb_keyboard_key(device, s[0], s[1] & 1);
		else if (kind == 1)
			clove_usb_tablet_move(device, clove_le16(s), clove_le16(s + 2), s[4], (int8_t)s[5]);
		return;
	default:
		if (s[0] & 1)
			clove_usb_frame(device);
		else
			clove_usb_reset(device);
		return;
	}
	if (!(transfer->endpoint & 0x80) && transfer->data)
		memset(transfer->data, 'x', transfer->len);
	submit(device, transfer, s[6]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct clove_usb_device *(*const makers[])(void) = {
		clove_usb_keyboard_new, clove_usb_tablet_new, clove_usb_serial_new, clove_usb_audio_new,
	};
	unsigned int kind = size ? data[0] & 3 : 0;
	struct clove_usb_device *device = makers[kind]();

	if (!device)
		return 0;
	if (size && data[0] & 4) {                      /* most of what there is needs a configuration */
		step(device, kind, (const uint8_t[]){ 0, 9, 1, 0, 0, 0, 0, 0 });
		step(device, kind, (const uint8_t[]){ 1, 11, 1, 0, 1, 0, 0, 0 });
		step(device, kind, (const uint8_t[]){ 1, 11, 1, 0, 2, 0, 0, 0 });
	}
	for (size_t at = 1; at + 8 <= size; at += 8)
		step(device, kind, data + at);
	clove_usb_device_free(device);
	for (unsigned int i = 0; i < WAITING; i++) {
		if (waiting[i] && waiting[i]->is_submitted)
			abort();
		clove_usb_transfer_free(waiting[i]);
		waiting[i] = NULL;
	}
	return 0;
}
