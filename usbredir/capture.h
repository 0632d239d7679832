/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.h - this machine's USB devices: which there are, and one of them as a device of usb/.
 *
 * libusb lives on a thread of its own; nothing here blocks. All calls and callbacks belong to the loop's
 * thread. No libusb type appears here.
 */
#ifndef CLOVE_USBREDIR_CAPTURE_H
#define CLOVE_USBREDIR_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include "common/util/err.h"
#include "common/util/loop.h"
#include "usb/device.h"

struct clove_capture;

/* A device of this machine; hubs are not among them. */
struct clove_local_device {
	uint64_t id;                 /* of this plug: another plug of the same device has another */
	uint8_t bus, address;
	struct clove_usb_shape shape; /* every interface's first setting, for filter rules */
	char name[128];              /* UTF-8: "Manufacturer Product", or words for what it is */
	char serial[64];
	char driver[64];             /* kernel drivers that hold it now, or "" */
	char in_use[160];            /* "/media/stick is mounted"; "" if nothing is known */
	bool is_accessible;          /* its node can be opened as it is */
};

struct clove_capture_events {
	/* Also for all that are there, soon after new. `device` is borrowed for the call. */
	void (*plugged)(void *owner, const struct clove_local_device *device);
	void (*unplugged)(void *owner, uint64_t id);
	/* Its driver, in_use or is_accessible are not what they were (clove_capture_look). May be NULL. */
	void (*changed)(void *owner, const struct clove_local_device *device);
	/* Said once: all that were there at the beginning have been told. May be NULL. */
	void (*settled)(void *owner);
};

/* NULL with *error set (a sentence; free it): no USB here, or no memory. */
struct clove_capture *clove_capture_new(struct clove_loop *loop, const struct clove_capture_events *events,
		void *owner, char **error);
/* What was opened is gone, what was being opened is answered as gone; then it waits until the kernel's drivers
 * have what they had before. Not from inside a callback. Takes NULL. */
void clove_capture_free(struct clove_capture *capture);

/* Looks again at who uses the devices, as mounting and permissions change without a plug: `changed` follows. */
void clove_capture_look(struct clove_capture *capture);

/* Opens and claims; `opened` is called once, later: with a device that the callee then owns, or with NULL and
 * some words that say why and what to do, to stand behind "Could not redirect X: ". CLOVE_ERR_AUTH: no
 * permission (permission.h asks for it); _REFUSED: mounted, or used as swap; _STATE: another program has it, or
 * it is open here already; _CLOSED: unplugged; _IO: it did not answer.
 * `fd` is an opened device node (taken, on failure too), or -1. */
typedef void (*clove_capture_opened_fn)(void *opaque, struct clove_usb_device *take_device, enum clove_err err,
		const char *why);
void clove_capture_open(struct clove_capture *capture, uint64_t id, int take_fd, clove_capture_opened_fn opened,
		void *opaque);
/* An opening whose answer is no longer wanted: `opened` is not called; what was claimed is given back. */
void clove_capture_forget(struct clove_capture *capture, void *opaque);

#endif
