/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usb-bridge.h - a unix socket by which other processes get usbredir channels and wake the guest. */
#ifndef CLOVE_SERVER_USB_BRIDGE_H
#define CLOVE_SERVER_USB_BRIDGE_H

#include <stdint.h>

struct SpiceServer;
struct clove_usb_bridge;

enum {
	CLOVE_USB_BRIDGE_PEERS = 64,          /* at a time */
	CLOVE_USB_BRIDGE_GREETING_MS = 10000,
	CLOVE_USB_BRIDGE_HELD = 64 << 10,     /* bytes that a peer may say before a viewer is there */
};

/* NULL with the reason logged. */
struct clove_usb_bridge *clove_usb_bridge_new(struct SpiceServer *server, const char *path);
/* Its channels go with it. NULL is fine. */
void clove_usb_bridge_free(struct clove_usb_bridge *bridge);

/* For tests: CLOVE_USB_BRIDGE_GREETING_MS is long to wait for. */
void clove_usb_bridge_set_deadline(struct clove_usb_bridge *bridge, uint32_t ms);

#endif
