/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usb-host.c - a hostile guest's bytes to a usb host with each software device in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "usb/software.h"
#include "usbredir/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *image(void)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("image", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 64 << 10))
		abort();
	return path;
}

static struct clove_usb_device *make(uint8_t kind)
{
	struct clove_usb_storage_options options = { .path = image(), .is_writable = true };
	char *error;

	switch (kind % 5) {
	case 0: return clove_usb_keyboard_new();
	case 1: return clove_usb_tablet_new();
	case 2: return clove_usb_serial_new();
	case 3: return clove_usb_audio_new();
	default: return clove_usb_storage_new(&options, &error);
	}
}

static void on_left(void *owner, const char *why)
{
	(void)owner;
	(void)why;
}

/* First byte: the device; second: how much of the output is read, and the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clove_usb_host_events events = { .device_left = on_left };
	struct clove_loop *loop;
	struct clove_usb_host *host;
	struct clove_usb_device *device;

	if (size < 2)
		return 0;
	loop = clove_poll_loop_new();
	host = loop ? clove_usb_host_new(loop, &events, NULL) : NULL;
	device = make(data[0]);
	if (!host || !device || clove_usb_host_plug(host, device))
		abort();
	for (size_t at = 2; at < size;) {
		size_t n = 1 + data[1] % 64;
		size_t piece = n < size - at ? n : size - at;

		(void)!clove_usb_host_feed(host, CLOVE_BYTES(data + at, piece));
		at += piece;
		device = clove_usb_host_device(host);
		if (device && data[0] % 5 == 0)
			clove_usb_keyboard_key(device, 4 + at % 8, at & 8);
		if (device && device->wants_frames && data[0] & 0x80)
			clove_usb_frame(device);
		if (data[1] & 0x80)
			clove_usb_host_sent(host, clove_usb_host_unsent(host));
	}
	clove_usb_host_free(host);
	clove_poll_loop_free(loop);
	return 0;
}
