/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* local-devices.h - what the system knows of a USB device beside its descriptors: names, drivers, who uses it. */
#ifndef CLOVE_USBREDIR_LOCAL_DEVICES_H
#define CLOVE_USBREDIR_LOCAL_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include "usbredir/capture.h"

/* Fills name, serial, driver, in_use and is_accessible from bus, address and shape. Reads files of sysfs and
 * proc, which may wait for a device that is being reset. */
void clove_local_device_look(struct clove_local_device *device);

/* "/dev/bus/usb/001/002". */
void clove_local_device_node(uint8_t bus, uint8_t address, char *path, size_t size);

/* Copies text of a device as UTF-8 of one line without control characters, cut at a whole character. */
void clove_local_device_text(char *to, size_t size, const char *from);

#endif
