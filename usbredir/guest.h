/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.h - usbredir packets as a device of usb/: the side that has the driver.
 *
 * Owns no socket. One guest lives as long as its connection; devices come and go on it.
 */
#ifndef CLOVE_USBREDIR_GUEST_H
#define CLOVE_USBREDIR_GUEST_H

#include <stdint.h>
#include "common/util/loop.h"
#include "usb/device.h"
#include "usbredir/parser.h"

struct clove_usb_guest;

struct clove_usb_guest_events {
	/* As of struct clove_usb_host_events; perhaps from inside a device's submit: note it, free nothing. */
	void (*output)(void *owner);
	/* A device is there: the owner has it from now on, until its `gone` and then frees it. */
	void (*device)(void *owner, struct clove_usb_device *take_device);
};

struct clove_usb_guest_figures {
	uint64_t iso_dropped;      /* packets, because too many waited */
	uint64_t iso_missing;      /* packets that the driver asked for and that had not come */
	uint64_t interrupt_dropped;
	uint64_t requests;         /* packets that the far side had to answer */
	uint64_t read_ahead;       /* of them, those sent before the driver asked */
};

struct clove_usb_guest *clove_usb_guest_new(struct clove_loop *loop, const struct clove_usb_guest_events *events,
		void *owner);
/* A device that its owner still has is gone; it must be freed first or in `gone`. Takes NULL. */
void clove_usb_guest_free(struct clove_usb_guest *guest);
/* Tells the far side that its device is not wanted (filter_reject): in the device callback or later. The device
 * is still the owner's to free. */
void clove_usb_guest_reject(struct clove_usb_guest *guest);

/* As the parser's; errors are those of the peer: the connection should then be closed. CLOVE_ERR_CLOSED if the
 * guest was freed inside. */
CLOVE_CHECKED enum clove_err clove_usb_guest_feed(struct clove_usb_guest *guest, struct clove_bytes bytes);
const char *clove_usb_guest_error(const struct clove_usb_guest *guest);
int clove_usb_guest_output(const struct clove_usb_guest *guest, struct iovec *iov, int n);
void clove_usb_guest_sent(struct clove_usb_guest *guest, size_t len);
size_t clove_usb_guest_unsent(const struct clove_usb_guest *guest);

/* Counted since the guest was made. */
void clove_usb_guest_figures(const struct clove_usb_guest *guest, struct clove_usb_guest_figures *figures);

#endif
