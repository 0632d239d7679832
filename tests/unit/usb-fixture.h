/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-fixture.h - plays the driver of a device of usb/: one transfer at a time, or several that wait. */
#ifndef CLOVE_TESTS_USB_FIXTURE_H
#define CLOVE_TESTS_USB_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include "common/util/bytes.h"
#include "usb/device.h"

static int fixture_done_count;

static inline void fixture_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
	fixture_done_count++;
}

/* Given to the device; with `len` bytes of `data` if it is not NULL. */
static inline struct clove_usb_transfer *fixture_give(struct clove_usb_device *device, uint8_t endpoint,
		uint8_t type, const void *data, size_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, 0);

	ck_assert_ptr_nonnull(transfer);
	if (data && len)
		memcpy(transfer->data, data, len);
	transfer->done = fixture_done;
	clove_usb_submit(device, transfer);
	return transfer;
}

/* The status of a control request; the answer's length in *len, its bytes in data (room *len before). */
static inline uint8_t fixture_control(struct clove_usb_device *device, uint8_t request_type, uint8_t request,
		uint16_t value, uint16_t index, void *data, size_t *len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL,
			*len, 0);
	uint8_t status;

	ck_assert_ptr_nonnull(transfer);
	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, (uint16_t)*len };
	if (!(request_type & 0x80) && *len)
		memcpy(transfer->data, data, *len);
	transfer->done = fixture_done;
	clove_usb_submit(device, transfer);
	ck_assert(!transfer->is_submitted);
	if (request_type & 0x80 && transfer->actual)
		memcpy(data, transfer->data, transfer->actual);
	*len = transfer->actual;
	status = transfer->status;
	clove_usb_transfer_free(transfer);
	return status;
}

static inline uint8_t fixture_set(struct clove_usb_device *device, uint8_t request_type, uint8_t request,
		uint16_t value, uint16_t index)
{
	size_t none = 0;

	return fixture_control(device, request_type, request, value, index, NULL, &none);
}

static inline void fixture_configure(struct clove_usb_device *device)
{
	clove_usb_reset(device);
	ck_assert_uint_eq(fixture_set(device, 0x00, 9, 1, 0), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(device->shape.configuration, 1);
}

#endif
