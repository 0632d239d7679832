/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* embed.c - the devices made of software under the names that clove-ehci.h gives them. */
#include "usb/software.h"
#include "vmm-glue/clove-ehci.h"

struct clove_usb_device *clove_ehci_storage_new(const char *path, unsigned int flags, char **error)
{
	struct clove_usb_storage_options options = {
		.path = path,
		.kind = flags & CLOVE_EHCI_CD ? CLOVE_USB_STORAGE_CD : CLOVE_USB_STORAGE_GUESS,
		.is_writable = flags & CLOVE_EHCI_WRITABLE,
	};

	return clove_usb_storage_new(&options, error);
}

struct clove_usb_device *clove_ehci_keyboard_new(void)
{
	return clove_usb_keyboard_new();
}

void clove_ehci_keyboard_key(struct clove_usb_device *keyboard, uint8_t usage, bool is_down)
{
	clove_usb_keyboard_key(keyboard, usage, is_down);
}

struct clove_usb_device *clove_ehci_tablet_new(void)
{
	return clove_usb_tablet_new();
}

void clove_ehci_tablet_move(struct clove_usb_device *tablet, uint16_t x, uint16_t y, uint8_t buttons, int8_t wheel)
{
	clove_usb_tablet_move(tablet, x, y, buttons, wheel);
}

struct clove_usb_device *clove_ehci_serial_new(void)
{
	return clove_usb_serial_new();
}

struct clove_usb_device *clove_ehci_audio_new(void)
{
	return clove_usb_audio_new();
}

void clove_ehci_device_free(struct clove_usb_device *device)
{
	clove_usb_device_free(device);
}
