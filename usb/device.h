/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.h - what any USB device is, as a vtable: made of software, captured, or at the far end of usbredir.
 *
 * A device has a home thread; every call and every callback happens there. Requests are transfers: given to
 * the device by clove_usb_submit() and given back by their `done`, exactly once, perhaps from inside submit.
 * Nothing blocks. Who drives a device (the EHCI model, a usbredir host) sees this file and no more.
 *
 * Addresses are the driver's side's affair: SET_ADDRESS never reaches a device. All other control requests
 * do, SET_CONFIGURATION, SET_INTERFACE and CLEAR_FEATURE(ENDPOINT_HALT) included (USB 2.0, section 9.4).
 */
#ifndef CLOVE_USB_DEVICE_H
#define CLOVE_USB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util/err.h"
#include "common/util/list.h"

/* As usbredir numbers them. */
enum clove_usb_speed {
	CLOVE_USB_LOW = 0,
	CLOVE_USB_FULL = 1,
	CLOVE_USB_HIGH = 2,
	CLOVE_USB_SUPER = 3,
	CLOVE_USB_SPEED_UNKNOWN = 255,
};

/* USB 2.0, table 9-13 (bmAttributes); 255: there is no such endpoint. */
enum clove_usb_type {
	CLOVE_USB_CONTROL = 0,
	CLOVE_USB_ISO = 1,
	CLOVE_USB_BULK = 2,
	CLOVE_USB_INTERRUPT = 3,
	CLOVE_USB_NO_ENDPOINT = 255,
};

/* What became of a transfer; as usbredir numbers them. */
enum clove_usb_status {
	CLOVE_USB_SUCCESS = 0,
	CLOVE_USB_CANCELLED = 1,
	CLOVE_USB_INVAL = 2,
	CLOVE_USB_IOERROR = 3,
	CLOVE_USB_STALL = 4,
	CLOVE_USB_TIMEOUT = 5,
	CLOVE_USB_BABBLE = 6,
};

enum {
	CLOVE_USB_IN = 0x80,              /* the direction bit of an endpoint address and of bmRequestType */
	CLOVE_USB_ENDPOINTS = 32,         /* OUT 0..15, then IN 0..15 */
	CLOVE_USB_INTERFACES = 32,
	CLOVE_USB_CONTROL_MAX = 65535,    /* bytes of a data stage */
	CLOVE_USB_BULK_MAX = 128 << 20,   /* bytes of one transfer */
	CLOVE_USB_ISO_PACKETS_MAX = 32,   /* packets of one transfer */
};

/* Where an endpoint address (bits 7 and 3..0) has its place in a table of 32. */
static inline unsigned int clove_usb_index(uint8_t endpoint)
{
	return (endpoint & 0x0fu) | (endpoint & 0x80u) >> 3;
}

/* What a device looks like now: it changes with its configuration and alternate settings. */
struct clove_usb_shape {
	uint8_t speed;                    /* enum clove_usb_speed */
	uint8_t device_class, device_subclass, device_protocol;
	uint16_t vendor, product, version; /* version: bcdDevice */
	uint8_t configuration;            /* bConfigurationValue; 0: not configured */
	uint32_t interface_count;
	struct clove_usb_interface {
		uint8_t number, alt, interface_class, subclass, protocol;
	} interfaces[CLOVE_USB_INTERFACES];
	struct clove_usb_endpoint {
		uint8_t type;             /* enum clove_usb_type */
		uint8_t interval;         /* bInterval, raw */
		uint8_t interface;        /* bInterfaceNumber */
		uint16_t max_packet;      /* bytes; high-speed iso: times the transactions of a microframe */
		uint32_t max_streams;
	} endpoints[CLOVE_USB_ENDPOINTS]; /* 0 and 16 are always control */
};

/* USB 2.0, section 9.3; the integers are the host's. */
struct clove_usb_setup {
	uint8_t request_type, request;
	uint16_t value, index, length;
};

struct clove_usb_packet {                 /* of an isochronous transfer */
	uint16_t len, actual;             /* bytes; packets lie one behind the other, `len` apart */
	uint8_t status;                   /* enum clove_usb_status */
};

struct clove_usb_transfer {
	struct clove_list link;           /* the device's, while it has the transfer */
	uint8_t endpoint;                 /* address with direction; control: 0x00 or 0x80 */
	uint8_t type;                     /* enum clove_usb_type */
	struct clove_usb_setup setup;     /* control only */
	uint32_t stream;                  /* bulk streams; 0: none */
	/* On the heap, owned by the transfer. Who wants to keep the bytes takes the pointer and leaves NULL;
	 * so may a device that cannot take its hands off a cancelled transfer at once. */
	uint8_t *data;
	size_t len;                       /* OUT: bytes to send; IN: room, bytes wanted */
	size_t actual;                    /* bytes moved */
	uint8_t status;                   /* enum clove_usb_status */
	bool is_now;                      /* iso: answer from inside submit with what there is */
	bool is_submitted;
	uint32_t packet_count;            /* iso */
	struct clove_usb_packet *packets; /* iso; behind the transfer in memory */
	/* The device's last word; the transfer is the owner's again, who may submit or free it here; but not
	 * free the device. */
	void (*done)(struct clove_usb_transfer *transfer);
	void *opaque;                     /* the owner's */
	void *device_data;                /* the device's, while it has the transfer */
};

struct clove_usb_device;

/* What a device tells its driver's side; any may be NULL. None is called from inside submit or cancel. */
struct clove_usb_events {
	/* Unplugged, or lost; `why` is a short sentence, "" for an orderly end. All transfers have come back.
	 * The device still has to be freed (it may be freed here). Said once. */
	void (*gone)(void *owner, const char *why);
	/* Signals remote wake-up (USB 2.0, 7.1.7.7); only what DEVICE_REMOTE_WAKEUP allowed. */
	void (*wake)(void *owner);
	/* It waits for frames from now on: clove_usb_frame() every millisecond while wants_frames is true. What
	 * begins to want them inside submit does not call this: who submits looks at wants_frames afterwards. */
	void (*frames_wanted)(void *owner);
};

struct clove_usb_device_ops {
	void (*submit)(struct clove_usb_device *device, struct clove_usb_transfer *transfer);
	/* Ends a transfer that the device has: `done` follows from inside this call or later, once, with
	 * CANCELLED or with what it had come to. */
	void (*cancel)(struct clove_usb_device *device, struct clove_usb_transfer *transfer);
	/* The bus's reset: back to the state "default", unconfigured. All transfers come back first. */
	void (*reset)(struct clove_usb_device *device);
	/* A millisecond has passed; NULL for who never wants frames. */
	void (*frame)(struct clove_usb_device *device);
	/* Bulk streams (USB 3) for a set of endpoints, bit clove_usb_index(); count 0 frees them. NULL: has none.
	 * `done` exactly once, with an enum clove_usb_status; from inside the call or later. */
	void (*streams)(struct clove_usb_device *device, uint32_t endpoints, uint32_t count,
			void (*done)(void *opaque, uint8_t status), void *opaque);
	/* All transfers come back (CANCELLED) before it returns; no callback follows. */
	void (*free)(struct clove_usb_device *device);
};

struct clove_usb_device {
	const struct clove_usb_device_ops *ops;
	struct clove_usb_shape shape;     /* of now; read freely */
	char name[64];                    /* UTF-8, for people: "Clove USB stick (disk.img)" */
	bool wants_frames;
	/* The driver's side's: the port, or one above, is suspended (USB 2.0, 7.1.7.6). No transfers come; what
	 * happens now is a reason for events->wake if DEVICE_REMOTE_WAKEUP is set, and is told after the resume. */
	bool is_suspended;
	const struct clove_usb_events *events; /* NULL: nobody listens */
	void *owner;
};

/* With room for `len` bytes (0: no data) and `packet_count` packets. NULL without memory. */
struct clove_usb_transfer *clove_usb_transfer_new(uint8_t endpoint, uint8_t type, size_t len,
		uint32_t packet_count);
/* Not while the device has it. Takes NULL. */
void clove_usb_transfer_free(struct clove_usb_transfer *transfer);

/* Gives it to the device; what cannot be (no such endpoint, wrong direction or type, packets beyond the
 * room) comes back at once as INVAL. */
void clove_usb_submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer);
void clove_usb_cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer);
void clove_usb_reset(struct clove_usb_device *device);
void clove_usb_frame(struct clove_usb_device *device);
void clove_usb_device_free(struct clove_usb_device *device); /* takes NULL */

/* For devices: hands a transfer back. */
void clove_usb_complete(struct clove_usb_transfer *transfer, uint8_t status, size_t actual);

#endif
