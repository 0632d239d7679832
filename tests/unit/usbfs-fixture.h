/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbfs-fixture.h - a machine whose USB devices are devices of usb/: sysfs, uevents and usbfs, by umockdev.
 *
 * libusb of this process and of programs started by it finds them as on a real machine. The devices' home is
 * umockdev's thread: who drives them through libusb must not touch them otherwise.
 */
#ifndef CLOVE_TESTS_USBFS_FIXTURE_H
#define CLOVE_TESTS_USBFS_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include "usb/device.h"

struct usbfs_machine;

struct usbfs_port_options {
	int bus, address;                    /* 1, 2, ... */
	const char *driver;                  /* the kernel's for every interface, or NULL */
	const char *manufacturer, *product, *serial;
	const char *block, *block_number;    /* a disk on it: "sdx", "8:240"; or NULL */
};

/* What the mocked kernel is asked, and what it should do. Any thread. */
struct usbfs_port {
	_Atomic int claims, releases, detaches, attaches, resets, configurations, settings, halts_cleared, streams;
	_Atomic int flying;                  /* transfers that the device has */
	_Atomic int most_flying;
	_Atomic int reaped;
	_Atomic int busy;                    /* claiming answers EBUSY */
	_Atomic int reset_error;             /* what a reset answers, an errno */
	_Atomic int reset_ms;                /* how long it takes */
	_Atomic int memory;                  /* bytes that may fly, beyond it ENOMEM; 0: no bound */
	_Atomic int is_foreign;              /* another process drives it: no isochronous transfers then */
	_Atomic int ioctls;
	_Atomic int unplug_after;            /* at the n-th ioctl from now; 0: never */
};

/* True if umockdev is loaded into this process; otherwise runs it again so (and returns only if that fails). */
bool usbfs_is_mocked(char **argv);

struct usbfs_machine *usbfs_machine_new(void);
void usbfs_machine_free(struct usbfs_machine *machine); /* frees the devices */
/* Takes the device; the port is the machine's and lives as long. */
struct usbfs_port *usbfs_machine_plug(struct usbfs_machine *machine, struct clove_usb_device *take_device,
		const struct usbfs_port_options *options);
void usbfs_machine_unplug(struct usbfs_machine *machine, struct usbfs_port *port);
const char *usbfs_machine_root(const struct usbfs_machine *machine);
/* The names by which others may add to the testbed. */
const char *usbfs_port_syspath(const struct usbfs_port *port);

#endif
