/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usb-guest.c - a driver's calls and a far side's packets as the input has them; every transfer comes back
 * once. */
#include <stdlib.h>
#include <string.h>
#include "usbredir/guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 64 };

static struct clove_usb_guest *guest;
static struct clove_usb_device *device;
static struct clove_usb_transfer *transfers[MOST];
static unsigned int alive;
static struct clove_bytes in;

static uint8_t next_byte(void)
{
	if (!in.len)
		return 0;
	in.len--;
	return *in.data++;
}

static void on_output(void *owner)
{
	(void)owner;
}

static void on_gone(void *owner, const char *why)
{
	(void)owner, (void)why;
	if (alive)
		abort();
	clove_usb_device_free(device);
	device = NULL;
}

static void on_wake(void *owner)
{
	(void)owner;
}

static const struct clove_usb_events device_events = { .gone = on_gone, .wake = on_wake };

static void on_device(void *owner, struct clove_usb_device *take_device)
{
	(void)owner;
	if (device)
		abort();
	device = take_device;
	device->events = &device_events;
}

static void on_done(struct clove_usb_transfer *transfer)
{
	if (transfer->actual > transfer->len || (transfer->actual && transfer->endpoint & 0x80 && !transfer->data))
		abort();
	alive--;
	for (unsigned int i = 0; i < MOST; i++)
		if (transfers[i] == transfer)
			transfers[i] = NULL;
	clove_usb_transfer_free(transfer);
}

static void submit(void)
{
	uint8_t endpoint = next_byte(), kind = next_byte();
	struct clove_usb_transfer *transfer;
	uint8_t type = kind & 3;
	size_t len = next_byte();
	unsigned int slot = 0;

	len = kind & 0x10 ? len * 512 : kind & 0x20 ? 31 : kind & 0x40 ? 13 : len;
	while (slot < MOST && transfers[slot])
		slot++;
	if (slot == MOST || !device)
		return;
	if (type == CLOVE_USB_CONTROL)
		endpoint &= 0x80;
	transfer = clove_usb_transfer_new(endpoint, type, len, type == CLOVE_USB_ISO ? 1 + (kind >> 2 & 3) : 0);
	if (!transfer)
		return;
	for (size_t i = 0; i < len; i++)
		transfer->data[i] = i < 32 && type == CLOVE_USB_CONTROL ? next_byte() : (uint8_t)i;
	if (kind & 0x20 && len >= 15) {
		memcpy(transfer->data, "USBC", 4);
		memset(transfer->data + 8, 0, 4);
		transfer->data[8] = next_byte();
		transfer->data[9] = next_byte() & 7;
		transfer->data[12] = kind & 0x80;
	}
	if (type == CLOVE_USB_CONTROL)
		transfer->setup = (struct clove_usb_setup){ (uint8_t)(endpoint | (next_byte() & 0x23)), next_byte(),
				next_byte(), next_byte(), (uint16_t)len };
	for (uint32_t i = 0; i < transfer->packet_count; i++)
		transfer->packets[i].len = (uint16_t)(len / transfer->packet_count);
	transfer->is_now = kind & 0x80;
	transfer->done = on_done;
	transfers[slot] = transfer;
	alive++;
	clove_usb_submit(device, transfer);
}

/* A packet with a right header, and a body of the input's bytes. */
static void say(void)
{
	static uint8_t packet[16 + 288 + 4096];
	uint32_t type = next_byte(), id = next_byte();
	size_t body = next_byte(), data = next_byte();

	if (body == 0xff)
		body = 288;
	if (data & 0x80)
		data = (data & 7) * 512;
	memset(packet, 0, sizeof packet);
	clove_put_le32(packet, type);
	clove_put_le32(packet + 4, (uint32_t)(body + data));
	clove_put_le64(packet + 8, id == 0xff ? 0 : id);
	for (size_t i = 0; i < body; i++)
		packet[16 + i] = next_byte();
	(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(packet, 16 + body + data));
}

/* A device with endpoints of each kind, so that not every input has to invent one. */
static void plug(void)
{
	static uint8_t packet[16 + 288];
	uint8_t kind = next_byte();
	static const uint8_t types[8] = { 0, 2, 2, 3, 3, 1, 1, 2 };

	memset(packet, 0, sizeof packet);
	clove_put_le32(packet, CLOVE_USBREDIR_EP_INFO);
	clove_put_le32(packet + 4, 288);
	for (int i = 0; i < 32; i++) {
		packet[16 + i] = (i & 15) < 8 ? types[i & 7] : 255;
		packet[16 + 32 + i] = 1 + (kind & 3);
		packet[16 + 96 + 2 * i] = kind & 4 ? 64 : 0;
		packet[16 + 96 + 2 * i + 1] = kind & 4 ? 0 : 2;
	}
	if (kind & 8) { /* one bulk endpoint a direction: storage */
		packet[16 + 2] = packet[16 + 7] = packet[16 + 16 + 2] = packet[16 + 16 + 7] = 255;
	}
	(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(packet, sizeof packet));
	memset(packet, 0, sizeof packet);
	clove_put_le32(packet, CLOVE_USBREDIR_INTERFACE_INFO);
	clove_put_le32(packet + 4, 132);
	packet[16] = 1;
	packet[16 + 4 + 32] = kind & 8 ? 8 : 0xff;
	packet[16 + 4 + 64] = 6;
	packet[16 + 4 + 96] = 0x50;
	(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(packet, 16 + 132));
	memset(packet, 0, sizeof packet);
	clove_put_le32(packet, CLOVE_USBREDIR_DEVICE_CONNECT);
	clove_put_le32(packet + 4, 10);
	packet[16] = kind & 16 ? 1 : 2;
	clove_put_le16(packet + 20, kind & 32 ? 0x0403 : 0x10c4);
	clove_put_le16(packet + 22, kind & 32 ? 0x6001 : 0xea60);
	(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(packet, 16 + 10));
}

static void act(uint8_t what)
{
	unsigned int slot;

	switch (what & 15) {
	case 0: case 1: case 2: case 3:
		submit();
		break;
	case 4: case 5: case 6: case 7:
		say();
		break;
	case 8:
		slot = next_byte() % MOST;
		if (device && transfers[slot])
			clove_usb_cancel(device, transfers[slot]);
		break;
	case 9:
		if (device)
			clove_usb_reset(device);
		break;
	case 10:
		plug();
		break;
	case 11:
		if (device && what & 0x40)
			clove_usb_device_free(device);
		if (what & 0x40)
			device = NULL;
		break;
	case 12:
		if (device)
			device->is_suspended = what & 0x10;
		break;
	case 13:
		clove_usb_guest_sent(guest, clove_usb_guest_unsent(guest));
		break;
	default:
		(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(in.data, in.len < what ? in.len : what));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clove_usb_guest_events events = { on_output, on_device };
	uint8_t hello[80] = { 0 };

	in = CLOVE_BYTES(data, size);
	guest = clove_usb_guest_new(NULL, &events, NULL);
	if (!guest)
		return 0;
	clove_put_le32(hello + 4, 68);
	hello[76] = (uint8_t)(next_byte() | 0x20);
	(void)!clove_usb_guest_feed(guest, CLOVE_BYTES(hello, sizeof hello));
	plug();
	while (in.len)
		act(next_byte());
	clove_usb_guest_free(guest);
	if (alive || device)
		abort();
	return 0;
}
