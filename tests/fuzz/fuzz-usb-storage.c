/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usb-storage.c - a driver that says anything to a stick or CD: commands, data, resets, cancels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "usb/software.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WAITING = 8, IMAGE = 64 << 10 };

static struct clove_usb_transfer *waiting[WAITING];

static void on_done(struct clove_usb_transfer *transfer)
{
	if (transfer->actual > transfer->len)
		abort();
}

/* In the place of one that came back, or of none. */
static void submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	for (unsigned int i = 0; i < WAITING; i++) {
		if (!waiting[i] || !waiting[i]->is_submitted) {
			clove_usb_transfer_free(waiting[i]);
			waiting[i] = transfer;
			return;
		}
	}
	clove_usb_cancel(device, transfer);
	if (transfer->is_submitted)
		abort();
	clove_usb_transfer_free(transfer);
}

static void control(struct clove_usb_device *device, uint8_t request_type, uint8_t request, uint16_t value,
		uint16_t index)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL,
			request_type & 0x80 ? 64 : 0, 0);

	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, (uint16_t)transfer->len };
	submit(device, transfer);
}

static const char *image(void)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("image", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, IMAGE))
		abort();
	return path;
}

/* Each step: a byte that says what, and its parameters; CBWs are 15 bytes on from the flags. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_usb_storage_options options = { .path = image(), .kind = size ? data[0] & 1 : 0,
			.is_writable = size && data[0] & 2 };
	char *error;
	struct clove_usb_device *device = clove_usb_storage_new(&options, &error);

	if (!device)
		abort();
	control(device, 0x00, 9, 1, 0);
	for (size_t at = 1; at + 2 <= size;) {
		uint8_t what = data[at++], parameter = data[at++];
		struct clove_usb_transfer *transfer;

		switch (what & 7) {
		case 0: case 1:                                 /* a command */
			transfer = clove_usb_transfer_new(0x02, CLOVE_USB_BULK, 31, 0);
			memset(transfer->data, 0, 31);
			memcpy(transfer->data, "USBC", 4);
			transfer->data[8] = parameter;
			transfer->data[9] = what >> 3;
			transfer->data[12] = what & 0x80;
			transfer->data[14] = 16;
			for (size_t i = 15; i < 31 && at < size; i++)
				transfer->data[i] = data[at++];
			submit(device, transfer);
			break;
		case 2: case 3:                                 /* a read */
			submit(device, clove_usb_transfer_new(0x81, CLOVE_USB_BULK, (size_t)parameter << (what >> 5), 0));
			break;
		case 4:                                         /* a write */
			transfer = clove_usb_transfer_new(0x02, CLOVE_USB_BULK, (size_t)parameter << (what >> 5), 0);
			if (transfer->data)
				memset(transfer->data, what, transfer->len);
			submit(device, transfer);
			break;
		case 5:
			control(device, what & 0x80 ? 0xa1 : parameter & 1 ? 0x02 : 0x21,
					parameter & 1 ? 1 : parameter, 0, parameter & 1 ? (what & 8 ? 0x81 : 0x02) : 0);
			break;
		case 6:
			if (waiting[parameter % WAITING] && waiting[parameter % WAITING]->is_submitted)
				clove_usb_cancel(device, waiting[parameter % WAITING]);
			break;
		default:
			if (parameter & 1)
				clove_usb_frame(device);
			else if (parameter & 2)
				clove_usb_reset(device);
			else
				control(device, 0x00, 9, (what >> 3) & 1, 0);
		}
	}
	clove_usb_device_free(device);
	for (unsigned int i = 0; i < WAITING; i++) {
		if (waiting[i] && waiting[i]->is_submitted)
			abort();
		clove_usb_transfer_free(waiting[i]);
		waiting[i] = NULL;
	}
	return 0;
}
