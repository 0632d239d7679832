/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* messages.h - vfio-user's messages as C structs, and the numbers that their fields hold. */
#ifndef CLOVE_VFIO_MESSAGES_H
#define CLOVE_VFIO_MESSAGES_H

#include "common/protocol/wire.h"

#include "common/protocol/wire-types.h"
#include "vmm-glue/vfio-user/messages.def"
#include "common/protocol/wire-end.h"

/* Id (2), command (2), size with this header (4), flags (4), errno (4). */
enum { CLOVE_VFIO_HEADER = 16 };

enum {
	CLOVE_VFIO_TYPE = 0x0f,       /* of the flags: */
	CLOVE_VFIO_COMMAND = 0,
	CLOVE_VFIO_REPLY = 1,
	CLOVE_VFIO_NO_REPLY = 0x10,
	CLOVE_VFIO_ERROR = 0x20,
};

enum { CLOVE_VFIO_DMA_READABLE = 1, CLOVE_VFIO_DMA_WRITABLE = 2 };
enum { CLOVE_VFIO_UNMAP_ALL = 2 };
enum { CLOVE_VFIO_DEVICE_RESETS = 1, CLOVE_VFIO_DEVICE_IS_PCI = 2 };
enum { CLOVE_VFIO_REGION_READABLE = 1, CLOVE_VFIO_REGION_WRITABLE = 2 };
enum { CLOVE_VFIO_CONFIG_REGION = 7, CLOVE_VFIO_REGIONS = 9 };

enum { CLOVE_VFIO_IRQ_EVENTFD = 1, CLOVE_VFIO_IRQ_MASKABLE = 2, CLOVE_VFIO_IRQ_AUTOMASKED = 4,
	CLOVE_VFIO_IRQ_NORESIZE = 8 };
enum { CLOVE_VFIO_INTX = 0, CLOVE_VFIO_MSI = 1, CLOVE_VFIO_IRQS = 5 };

enum {
	CLOVE_VFIO_SET_NONE = 1,      /* what the data are */
	CLOVE_VFIO_SET_BOOL = 2,
	CLOVE_VFIO_SET_EVENTFD = 4,
	CLOVE_VFIO_SET_MASK = 8,      /* what is to be done */
	CLOVE_VFIO_SET_UNMASK = 16,
	CLOVE_VFIO_SET_TRIGGER = 32,
};

struct clove_vfio_message {
	uint16_t command;
	const char *name;
	const struct clove_layout *(*layout)(void);
};

/* What a client may ask, by number; NULL: nothing that is offered. */
const struct clove_vfio_message *clove_vfio_message(uint16_t command);

#endif
