/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-ehci.h - an EHCI 1.0 (USB 2.0) host controller for any virtual machine monitor.
 *
 * The controller is a PCI function: the VMM routes its configuration space and the 4 KiB of BAR 0 here, gives it
 * the guest's memory, a clock and an interrupt, and plugs devices in. It has no thread and no socket. All calls
 * on a controller come from one thread at a time (or under one lock of the VMM's), never from inside a callback
 * except where said.
 *
 * High-speed devices are on root ports, 1..6. Low- and full-speed devices are put behind a built-in USB 2.0 hub with
 * a transaction translator, ports 101..107; it comes with the first of them, on the last free root port, and stays.
 */
#ifndef CLOVE_EHCI_H
#define CLOVE_EHCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

struct clove_ehci;
struct clove_usb_device;          /* a USB device, not yet or no longer plugged in */

struct clove_ehci_vmm {
	/* Guest memory, physical addresses. False: no RAM there, or no bus mastering; nothing was moved. Never
	 * the BAR of a device. */
	bool (*dma_read)(void *opaque, uint64_t address, void *data, size_t len);
	bool (*dma_write)(void *opaque, uint64_t address, const void *data, size_t len);
	/* The interrupt's level changed (INTx: the line; MSI, when the guest enabled it: a message at each rise). */
	void (*set_irq)(void *opaque, bool level);
	/* Monotonic nanoseconds. */
	uint64_t (*now)(void *opaque);
	/* Call clove_ehci_run() at that time of `now`, as exactly as you can (a look at a busy schedule comes each
	 * 125 us); at once, but from your loop, if it is past. Replaces the last wish; UINT64_MAX: no more. */
	void (*wake_at)(void *opaque, uint64_t ns);
	/* PME#: a sleeping machine is to wake up. May be NULL. */
	void (*power_event)(void *opaque);
	/* A line for the VMM's log. May be NULL. */
	void (*log)(void *opaque, const char *line);
	/* The device at this port left by itself and was freed. May be NULL. Not from here: unplug of others. */
	void (*gone)(void *opaque, int port);
};

enum { CLOVE_EHCI_ROOT_PORTS = 6, CLOVE_EHCI_HUB_PORTS = 7, CLOVE_EHCI_BAR_SIZE = 4096 };

/* NULL without memory. The structure of callbacks is borrowed for the controller's life. */
struct clove_ehci *clove_ehci_new(const struct clove_ehci_vmm *vmm, void *opaque);
void clove_ehci_free(struct clove_ehci *ehci);

/* Time has come, or a device has something: runs what is due. Cheap when nothing is. */
void clove_ehci_run(struct clove_ehci *ehci);

/* Accesses of the guest: size 1, 2 or 4, inside the region (others read as ones and write nothing). Never block. */
uint32_t clove_ehci_bar_read(struct clove_ehci *ehci, uint32_t offset, unsigned int size);
void clove_ehci_bar_write(struct clove_ehci *ehci, uint32_t offset, uint32_t value, unsigned int size);
uint32_t clove_ehci_config_read(struct clove_ehci *ehci, uint32_t offset, unsigned int size);
void clove_ehci_config_write(struct clove_ehci *ehci, uint32_t offset, uint32_t value, unsigned int size);
/* PCI reset: the power-on state; devices stay plugged in. */
void clove_ehci_reset(struct clove_ehci *ehci);
/* The guest's memory is going away or changed: transfers in flight are called back; schedules start again. */
void clove_ehci_memory_changed(struct clove_ehci *ehci);

/* Takes the device, on failure too: to a root port if it is high-speed, to the hub otherwise. The port's number
 * (1.. root; 101.. hub), or 0: all ports are taken, or a speed that EHCI has not. */
int clove_ehci_plug(struct clove_ehci *ehci, struct clove_usb_device *take_device);
/* Unplugs and frees what is there. False: nothing is. */
bool clove_ehci_unplug(struct clove_ehci *ehci, int port);
/* What is plugged in at a port, for people; NULL: nothing. */
const char *clove_ehci_port_name(const struct clove_ehci *ehci, int port);

/* ---- devices made of software; NULL without memory ---- */

enum { CLOVE_EHCI_WRITABLE = 1, CLOVE_EHCI_CD = 2 };

/* A file or block device as a USB stick, or as a CD (also what holds ISO 9660). NULL with *error set, a sentence that
 * says why (free() it). It reads and writes inside clove_ehci_run(). */
struct clove_usb_device *clove_ehci_storage_new(const char *path, unsigned int flags, char **error);

/* Boot keyboard; wakes a sleeping guest that allowed it. usage: HID usage page 7. */
struct clove_usb_device *clove_ehci_keyboard_new(void);
void clove_ehci_keyboard_key(struct clove_usb_device *keyboard, uint8_t usage, bool is_down);

/* Absolute pointer: x and y 0..32767; buttons: bit 0 left, 1 right, 2 middle; wheel in notches. */
struct clove_usb_device *clove_ehci_tablet_new(void);
void clove_ehci_tablet_move(struct clove_usb_device *tablet, uint16_t x, uint16_t y, uint8_t buttons, int8_t wheel);

struct clove_usb_device *clove_ehci_serial_new(void);  /* CDC-ACM: what is written comes back */
struct clove_usb_device *clove_ehci_audio_new(void);   /* UAC1 headset with a tone of 1 kHz */

/* ---- devices of a usbredir connection: the side that has the driver; owns no socket ---- */

struct clove_ehci_redir;

/* Devices plug themselves into `ehci` as they come. output: there are bytes to send (may be called inside feed, run
 * and accesses of the guest: note it and take them later). NULL without memory. */
struct clove_ehci_redir *clove_ehci_redir_new(struct clove_ehci *ehci, void (*output)(void *opaque), void *opaque);
/* The connection ends, and its device with it. Before clove_ehci_free(), and never from a callback. Takes NULL. */
void clove_ehci_redir_free(struct clove_ehci_redir *redir);
/* Bytes as they came. NULL: fine; else why the connection cannot go on (borrowed). */
const char *clove_ehci_redir_feed(struct clove_ehci_redir *redir, const void *data, size_t len);
/* Takes at most `len` bytes to send; how many. 0: none. */
size_t clove_ehci_redir_take(struct clove_ehci_redir *redir, void *data, size_t len);

/* Of one that was never plugged in. Takes NULL. */
void clove_ehci_device_free(struct clove_usb_device *device);

/* For live migration. With the guest stopped, pause: no new transfers begin. Then run until it is drained: what was
 * sent to a device was told to the guest, so that it is not sent twice. Then save; or go on with pause(false). */
void clove_ehci_pause(struct clove_ehci *ehci, bool is_paused);
bool clove_ehci_is_drained(const struct clove_ehci *ehci);
/* The controller's state, not that of its devices: at the target the VMM plugs the same ones in, in the same order,
 * and loads then; they are given their configuration again. size is the room, in and out; false: too small (*size
 * says how much is needed), or on load: damaged, or of another version, and nothing was changed. */
bool clove_ehci_save(const struct clove_ehci *ehci, void *data, size_t *size);
bool clove_ehci_load(struct clove_ehci *ehci, const void *data, size_t size);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
