/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desc.h - a device's descriptors as a table, and what is computed from it: bytes, strings, the shape. */
#ifndef CLOVE_USB_DESC_H
#define CLOVE_USB_DESC_H

#include <stdint.h>
#include "common/util/buf.h"
#include "usb/device.h"

enum {                                    /* USB 2.0, table 9-5 */
	CLOVE_DESC_DEVICE = 1,
	CLOVE_DESC_CONFIGURATION = 2,
	CLOVE_DESC_STRING = 3,
	CLOVE_DESC_INTERFACE = 4,
	CLOVE_DESC_ENDPOINT = 5,
	CLOVE_DESC_CS_INTERFACE = 0x24,   /* class-specific, as CDC and audio number them */
	CLOVE_DESC_CS_ENDPOINT = 0x25,
};

enum {                                    /* bmAttributes of a configuration (table 9-10) */
	CLOVE_DESC_BUS_POWERED = 0x80,
	CLOVE_DESC_REMOTE_WAKEUP = 0x20,
};

/* Integers inside a body. */
#define CLOVE_DESC_16(v) (uint8_t)((v) & 0xff), (uint8_t)((v) >> 8)
#define CLOVE_DESC_24(v) CLOVE_DESC_16((v) & 0xffff), (uint8_t)((v) >> 16)

/* A descriptor of a class: bDescriptorType and what follows; bLength is computed. */
struct clove_desc_extra {
	uint8_t len;
	const uint8_t *body;
};
#define CLOVE_DESC_EXTRA(...) \
	{ sizeof((const uint8_t[]){ __VA_ARGS__ }), (const uint8_t[]){ __VA_ARGS__ } }

struct clove_desc_endpoint {
	uint8_t address, attributes;      /* attributes: the type, and what iso adds */
	uint16_t max_packet;              /* wMaxPacketSize, raw */
	uint8_t interval;
	bool is_audio;                    /* has bRefresh and bSynchAddress (audio class 1.0, 4.6.1.1) */
	const struct clove_desc_extra *extras;
	uint8_t extra_count;
};

struct clove_desc_interface {
	uint8_t number, alt, interface_class, subclass, protocol;
	const struct clove_desc_extra *extras;
	const struct clove_desc_endpoint *endpoints;
	uint8_t extra_count, endpoint_count;
};

/* One configuration, number 1. All settings of an interface lie together, the first is 0. */
struct clove_desc {
	uint8_t speed;                    /* enum clove_usb_speed */
	uint16_t usb;                     /* bcdUSB */
	uint8_t device_class, device_subclass, device_protocol, max_packet_0;
	uint16_t vendor, product, version;
	const char *strings[3];           /* manufacturer, product, serial; ASCII; NULL: none */
	uint8_t attributes, max_power;    /* max_power: 2 mA */
	const struct clove_desc_interface *interfaces;
	uint8_t interface_count;          /* all settings counted */
};

/* The descriptor `type` with `index`, whole, behind what is in `out`. CLOVE_ERR_UNSUPPORTED: there is none. */
CLOVE_CHECKED enum clove_err clove_desc_write(const struct clove_desc *desc, uint8_t type, uint8_t index,
		struct clove_buf *out);

/* The setting of an interface, or NULL. */
const struct clove_desc_interface *clove_desc_interface(const struct clove_desc *desc, uint8_t number,
		uint8_t alt);

/* What the device looks like in configuration 0 or 1 with the settings `alts` (by bInterfaceNumber). */
void clove_desc_shape(const struct clove_desc *desc, uint8_t configuration, const uint8_t *alts,
		struct clove_usb_shape *shape);

#endif
