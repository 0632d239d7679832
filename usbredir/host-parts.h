/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host-parts.h - what the two halves of a usb host share: host.c (life, requests), host-stream.c (streams). */
#ifndef CLOVE_USBREDIR_HOST_PARTS_H
#define CLOVE_USBREDIR_HOST_PARTS_H

#include "usbredir/filter.h"
#include "usbredir/host.h"

struct host_stream;

struct clove_usb_host {
	struct clove_loop *loop;
	struct clove_usbredir *parser;
	const struct clove_usb_host_events *events;
	void *owner;
	struct clove_usb_device *device;
	struct clove_usb_filter filter;       /* the peer's rules */
	struct clove_timer *frame_timer, *later;
	uint64_t frames_from, frames_done;    /* us; frames since then */
	bool is_framing;

	bool is_connected;                    /* device_connect was sent */
	bool awaits_ack;                      /* of the last device's disconnect */
	bool is_fresh;                        /* no traffic since the device was reset */
	struct clove_usb_shape told;          /* what ep_info and interface_info last said */

	struct clove_list requests;           /* in the device's hands */
	struct clove_list waiting;            /* requests for which there is no room yet, in order */
	unsigned int request_count;           /* of both */
	uint64_t in_hand, held;               /* bytes: of transfers; of OUT data, waiting ones too */
	struct clove_list stream_ops;         /* bulk streams being allocated or freed */

	struct host_stream *streams[CLOVE_USB_ENDPOINTS];
	struct clove_list dying;              /* streams whose transfers are still to come back */

	bool output_told;
	unsigned int busy, in_done;           /* calls into us; those of them that come from inside a device */
	bool is_dying;                        /* freed by its owner, while busy */
	bool leaves;                          /* the device is to leave when nothing is busy */
	char why[160];
	char error[160];
};

/* ---- host.c */

/* A packet for the peer; failure makes the device leave. */
void host_send(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body, struct clove_bytes data);
void host_send_take(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body, uint8_t *take_data,
		size_t len);
/* Gives it to the device, and sees whether it wants frames now. */
void host_submit(struct clove_usb_host *host, struct clove_usb_transfer *transfer);
/* The device leaves as soon as nothing is in the way. */
void host_leave(struct clove_usb_host *host, const char *why);
/* Around all that a device calls back. */
void host_enter_done(struct clove_usb_host *host);
void host_exit_done(struct clove_usb_host *host);
/* CLEAR_FEATURE(ENDPOINT_HALT); `done` with the status, unless the device is freed before. */
void host_clear_halt(struct clove_usb_host *host, uint8_t endpoint,
		void (*done)(struct clove_usb_host *host, uint8_t endpoint, uint8_t status));

/* ---- host-stream.c */

/* A packet about streams, or of one; false: of another kind. */
bool host_stream_packet(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data);
/* Ends those whose endpoint is in the mask, and tells the peer that they stalled. */
void host_streams_stop(struct clove_usb_host *host, uint32_t endpoints);
/* The device is about to be freed, or is gone: nothing is told. */
void host_streams_forget(struct clove_usb_host *host);
/* The peer reads again. */
void host_streams_resume(struct clove_usb_host *host);

#endif
