/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture-device.h - a device of this machine as a device of usb/, at its home; claim.h is its far end. */
#ifndef CLOVE_USBREDIR_CAPTURE_DEVICE_H
#define CLOVE_USBREDIR_CAPTURE_DEVICE_H

#include "common/util/list.h"
#include "common/util/mailbox.h"
#include "usbredir/capture.h"
#include "usbredir/claim.h"

struct clove_captured {
	struct clove_usb_device base;
	struct clove_list link;              /* the capture's, until it is given back */
	uint64_t id;
	struct clove_claim *claim;
	struct clove_list transfers;         /* what its driver's side waits for */
	struct clove_list streams;           /* likewise */
	uint64_t last_request;
	clove_capture_opened_fn opened;      /* NULL: answered, or not wanted */
	void *opaque;
	bool is_open;                        /* the driver's side has it */
	bool is_gone;                        /* and was told that it is gone */
	bool is_ending;
};

/* `home`'s letters run clove_captured_report with a report. NULL without memory; the fd is taken then too. */
struct clove_captured *clove_captured_new(const struct clove_local_device *local, int take_fd,
		struct clove_mailbox *home, clove_letter_fn on_report, clove_capture_opened_fn opened, void *opaque);
/* Frees the report. False: it was the last one, and the device is not the capture's any more. */
bool clove_captured_report(struct clove_claim_report *take_report);
/* It is not there any more, for whoever opened it; `opened` or `gone` says why. */
void clove_captured_lose(struct clove_captured *captured, enum clove_err err, const char *why);
/* The opening is not wanted any more. */
void clove_captured_forget(struct clove_captured *captured);

#endif
