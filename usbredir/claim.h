/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* claim.h - one device in the hands of libusb, on a thread of its own: opened, claimed, given back.
 *
 * Its home posts requests; reports come back to the home's mailbox. What is in a request belongs to the thread
 * from the posting to the report.
 */
#ifndef CLOVE_USBREDIR_CLAIM_H
#define CLOVE_USBREDIR_CLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include "common/util/list.h"
#include "common/util/mailbox.h"
#include "usbredir/capture.h"
#include "usbredir/usb-thread.h"

struct libusb_context;
struct libusb_device;
struct libusb_device_handle;
struct libusb_transfer;
struct clove_claim;

/* A transfer, or something that libusb does in a call that waits. */
struct clove_request {
	struct clove_list link;              /* the thread's */
	struct clove_claim *claim;           /* the thread's */
	uint64_t id;
	void *opaque;                        /* the home's */
	struct libusb_transfer *usb;         /* freed by the thread when it is done */
	uint8_t *control;                    /* its buffer, begins with the setup packet; NULL: no control request */
	bool is_streams;                     /* no transfer, but bulk streams (usb/device.h) */
	uint32_t stream_endpoints, stream_count;
	uint8_t status;                      /* enum clove_usb_status */
	size_t actual;
	struct clove_usb_shape *new_shape;   /* room for what a request may make of the device, or NULL */
	bool is_reshaped;                    /* it did, and new_shape holds it */
	uint32_t packet_count;               /* iso */
	struct clove_usb_packet packets[];
};

/* NULL without memory. */
struct clove_request *clove_request_new(uint32_t packet_count, bool may_reshape);
/* Not its data, but a control request's buffer. Takes NULL. */
void clove_request_free(struct clove_request *request);

struct clove_claim {
	struct clove_usb_thread thread;      /* first: a letter's home */
	struct clove_mailbox *reports;       /* the home's */
	clove_letter_fn on_report;           /* runs there and is given a report */
	void *opaque;                        /* the home's */
	struct clove_local_device local;     /* what is to be opened */
	int fd;                              /* its node, opened already; or -1 */
	/* The thread's from here to its report. */
	enum clove_err error;                /* of opening */
	char why[256];                       /* of a failed opening, or of a loss; written once */
	struct clove_usb_shape shape;        /* of now */
	struct libusb_device_handle *handle;
	int first_configuration;
	uint32_t claimed;                    /* bit for each interface number */
	uint8_t alt[CLOVE_USB_INTERFACES];
	bool is_opened, is_lost, is_ended;   /* what is to be told ... */
	bool is_opened_told, is_lost_told;   /* ... and was */
	bool is_fresh;                       /* reset, and nothing asked since */
	bool is_first_time;                  /* since reset or configured, no data have moved */
	struct clove_list flying, waiting, done;
};

/* What the descriptors say; `alt` holds the settings by interface number, NULL: the first of each. */
void clove_claim_shape(struct libusb_context *context, struct libusb_device *device, const uint8_t *alt,
		struct clove_usb_shape *shape);

/* What the thread says, in the order of the fields. The home frees it and the requests. */
struct clove_claim_report {
	struct clove_claim *claim;
	bool is_opened;                      /* or failed: claim->error; said once, first */
	struct clove_list done;              /* requests, each with its status */
	const char *lost;                    /* why it is gone; said once */
	bool is_ended;                       /* the thread is over: join it */
};

/* Starts to open. NULL without memory or threads; `fd` is taken then too. */
struct clove_claim *clove_claim_new(const struct clove_local_device *local, int take_fd,
		struct clove_mailbox *reports, clove_letter_fn on_report, void *opaque);
CLOVE_CHECKED bool clove_claim_submit(struct clove_claim *claim, struct clove_request *request);
CLOVE_CHECKED bool clove_claim_cancel(struct clove_claim *claim, uint64_t id);
CLOVE_CHECKED bool clove_claim_reset(struct clove_claim *claim);
/* Everything still asked for is reported, the device given back, and the report of the end follows. */
void clove_claim_end(struct clove_claim *claim);
/* Waits for that end. Reports may still be on their way. */
void clove_claim_join(struct clove_claim *claim);
/* After the last report. */
void clove_claim_free(struct clove_claim *claim);

#endif
