/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* embed.c - the devices made of software, and those of usbredir, under the names that clove-ehci.h gives them. */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "usb/software.h"
#include "usbredir/guest.h"
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

/* ---- usbredir ---- */

struct clove_ehci_redir {
	struct clove_ehci *ehci;
	struct clove_usb_guest *guest;
	void (*output)(void *opaque);
	void *opaque;
	int port;                          /* of the device that came last */
};

static void on_output(void *owner)
{
	struct clove_ehci_redir *redir = owner;

	if (redir->output)
		redir->output(redir->opaque);
}

static void on_device(void *owner, struct clove_usb_device *take_device)
{
	struct clove_ehci_redir *redir = owner;

	redir->port = clove_ehci_plug(redir->ehci, take_device);
	if (!redir->port)
		clove_usb_guest_reject(redir->guest);
}

static const struct clove_usb_guest_events redir_events = { on_output, on_device };

struct clove_ehci_redir *clove_ehci_redir_new(struct clove_ehci *ehci, void (*output)(void *opaque), void *opaque)
{
	struct clove_ehci_redir *redir = calloc(1, sizeof *redir);

	if (!redir)
		return NULL;
	redir->ehci = ehci;
	redir->output = output;
	redir->opaque = opaque;
	redir->guest = clove_usb_guest_new(NULL, &redir_events, redir);
	if (!redir->guest) {
		free(redir);
		return NULL;
	}
	return redir;
}

void clove_ehci_redir_free(struct clove_ehci_redir *redir)
{
	if (!redir)
		return;
	clove_usb_guest_free(redir->guest);
	free(redir);
}

const char *clove_ehci_redir_feed(struct clove_ehci_redir *redir, const void *data, size_t len)
{
	const char *why;

	if (!clove_usb_guest_feed(redir->guest, CLOVE_BYTES(data, len)))
		return NULL;
	why = clove_usb_guest_error(redir->guest);
	return why ? why : "the far side does not speak usbredir";
}

size_t clove_ehci_redir_take(struct clove_ehci_redir *redir, void *data, size_t len)
{
	struct iovec iov[16];
	int n = clove_usb_guest_output(redir->guest, iov, 16);
	size_t at = 0;

	for (int i = 0; i < n && at < len; i++) {
		size_t part = iov[i].iov_len < len - at ? iov[i].iov_len : len - at;

		memcpy((char *)data + at, iov[i].iov_base, part);
		at += part;
	}
	clove_usb_guest_sent(redir->guest, at);
	return at;
}
