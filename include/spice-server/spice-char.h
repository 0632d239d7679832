/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-char.h - byte streams of the guest: agent, USB devices, smart cards, ports. */
#ifndef CLOVE_SPICE_CHAR_H
#define CLOVE_SPICE_CHAR_H

#include "spice-core.h"
#include "spice/protocol.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_CHAR_DEVICE "char_device"
#define SPICE_INTERFACE_CHAR_DEVICE_MAJOR 1
#define SPICE_INTERFACE_CHAR_DEVICE_MINOR 3

typedef struct SpiceCharDeviceInterface SpiceCharDeviceInterface;
typedef struct SpiceCharDeviceInstance SpiceCharDeviceInstance;
typedef struct SpiceCharDeviceState SpiceCharDeviceState;

typedef enum {
	SPICE_CHAR_DEVICE_NOTIFY_WRITABLE = 1 << 0,  /* wakeup() follows when write() can take more */
} spice_char_device_flags;

struct SpiceCharDeviceInterface {
	SpiceBaseInterface base;
	void (*state)(SpiceCharDeviceInstance *device, int connected);
	int (*write)(SpiceCharDeviceInstance *device, const uint8_t *bytes, int len);  /* to the guest */
	int (*read)(SpiceCharDeviceInstance *device, uint8_t *bytes, int len);  /* from it; 0: nothing */
	/* 1.2 */
	void (*event)(SpiceCharDeviceInstance *device, uint8_t event);  /* SPICE_PORT_EVENT_... */
	/* 1.3 */
	spice_char_device_flags flags;
};

struct SpiceCharDeviceInstance {
	SpiceBaseInstance base;
	const char *subtype;            /* "vdagent", "usbredir", "smartcard" or "port" */
	SpiceCharDeviceState *st;       /* the library's */
	const char *portname;           /* of a "port" */
};

void spice_server_char_device_wakeup(SpiceCharDeviceInstance *device);
void spice_server_port_event(SpiceCharDeviceInstance *device, uint8_t event);
const char **spice_server_char_device_recognized_subtypes(void);  /* ends with NULL */

SPICE_END_DECLS

#endif
