/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* software.h - devices made of software, each as a device of usb/. */
#ifndef CLOVE_USB_SOFTWARE_H
#define CLOVE_USB_SOFTWARE_H

#include <stdbool.h>
#include "common/util/loop.h"
#include "usb/device.h"

enum clove_usb_storage_kind {
	CLOVE_USB_STORAGE_STICK,     /* 512-byte blocks, removable disk */
	CLOVE_USB_STORAGE_CD,        /* 2048-byte blocks, read-only: an ISO image */
	CLOVE_USB_STORAGE_GUESS,     /* by the file: ISO 9660 is a CD, all else a stick */
};

struct clove_usb_storage_options {
	const char *path;
	enum clove_usb_storage_kind kind;
	bool is_writable;            /* otherwise it is write-protected */
	struct clove_loop *loop;     /* the home's: what may wait for the disk then runs on a thread. NULL: it
	                              * happens inside submit, and the caller waits */
	int fd;                      /* > 0: the file, opened already (taken, on failure too); `path` is its name */
};

/* Mass storage, bulk-only transport, on a file or block device; high speed. NULL with *error set (a sentence; free
 * it): the file cannot be used, and why. */
struct clove_usb_device *clove_usb_storage_new(const struct clove_usb_storage_options *options, char **error);

/* Boot keyboard, low speed; wakes a sleeping guest. NULL without memory, as all below. */
struct clove_usb_device *clove_usb_keyboard_new(void);
/* `usage`: HID usage page 7, 0xe0..0xe7 the modifiers. Wakes if the driver allowed that. */
void clove_usb_keyboard_key(struct clove_usb_device *keyboard, uint8_t usage, bool is_down);

/* Absolute pointer, full speed: x and y 0..32767, buttons bit 0 left, 1 right, 2 middle; wheel in notches. */
struct clove_usb_device *clove_usb_tablet_new(void);
void clove_usb_tablet_move(struct clove_usb_device *tablet, uint16_t x, uint16_t y, uint8_t buttons, int8_t wheel);

/* CDC-ACM, full speed: what the guest writes comes back. */
struct clove_usb_device *clove_usb_serial_new(void);

/* UAC1 headset, full speed: 48 kHz, 16 bit, stereo out; a tone of 1 kHz comes in. */
struct clove_usb_device *clove_usb_audio_new(void);
struct clove_usb_audio_figures {
	uint64_t packets_out, bytes_out, gaps_out; /* gaps: frames without a packet once it plays */
	uint64_t packets_in;
};
void clove_usb_audio_figures(const struct clove_usb_device *audio, struct clove_usb_audio_figures *figures);

#endif
