/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest-streams.c - packets that come by themselves and wait for the driver: interrupt IN, isochronous packets
 * behind a jitter buffer, bulk data received ahead; and isochronous packets that go. */
#include "usbredir/guest-private.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum {
	URB_PACKETS_MAX = 32, URBS_MAX = 16, /* usbredir-wire 5.5 */
	/* The jitter buffer, in milliseconds: to begin with, and within what it adapts itself. */
	TARGET_MS = 60, LEAST_MS = 20, MOST_MS = 250,
	WINDOW_MS = 10000,               /* it shrinks after so long without need */
	PAUSE_MS = 250,                  /* before a refused stream is asked for again */
	RECEIVE_SIZE = 512, RECEIVE_TRANSFERS = 5, /* usbredir-wire 5.6 */
	OUT_BYTES_LEAST = 64 * 1024,
};

/* Serial converters, whose small FIFO overflows while nobody reads (usbredir-wire 5.6). */
enum { FTDI = 0x0403 };
static const struct {
	uint16_t vendor, product;
} receives_ahead[] = {
	{ FTDI, 0x6001 }, { FTDI, 0x6006 }, { FTDI, 0x6010 }, { FTDI, 0x6011 }, { FTDI, 0x6014 }, { FTDI, 0x6015 },
	{ 0x10c4, 0xea60 }, { 0x10c4, 0xea61 }, { 0x10c4, 0xea63 }, { 0x10c4, 0xea70 }, { 0x10c4, 0xea71 }, /* CP210x */
	{ 0x10c4, 0xea7a }, { 0x10c4, 0xea7b }, { 0x10c4, 0xea80 },
	{ 0x067b, 0x2303 }, { 0x067b, 0x2304 }, { 0x067b, 0x04bb }, { 0x067b, 0x1234 }, { 0x067b, 0x23a3 }, /* PL2303 */
	{ 0x067b, 0x23b3 }, { 0x067b, 0x23c3 }, { 0x067b, 0x23d3 }, { 0x067b, 0x23e3 }, { 0x067b, 0x23f3 },
};

static struct clove_usb_endpoint *shape_of(struct guest_device *device, const struct guest_endpoint *endpoint)
{
	return &device->base.shape.endpoints[clove_usb_index(endpoint->address)];
}

/* -- packets that wait -- */

static struct guest_packet *first_packet(const struct guest_endpoint *endpoint)
{
	return clove_list_is_empty(&endpoint->packets) ? NULL :
			CLOVE_CONTAINER(endpoint->packets.next, struct guest_packet, link);
}

static void drop_packet(struct guest_endpoint *endpoint, struct guest_packet *packet)
{
	clove_list_remove(&packet->link);
	endpoint->packet_count--;
	endpoint->packet_bytes -= packet->len;
	free(packet);
}

static void drop_packets(struct guest_endpoint *endpoint)
{
	while (first_packet(endpoint))
		drop_packet(endpoint, first_packet(endpoint));
}

/* False: there is no room, or no memory. */
static bool keep_packet(struct guest_endpoint *endpoint, uint8_t status, struct clove_bytes data, uint32_t most)
{
	struct guest_packet *packet;

	if (endpoint->packet_count >= most || data.len > GUEST_BYTES_MAX - endpoint->packet_bytes)
		return false;
	packet = malloc(sizeof *packet + data.len);
	if (!packet)
		return false;
	*packet = (struct guest_packet){ .status = status, .len = data.len };
	if (data.len)
		memcpy(packet->data, data.data, data.len);
	clove_list_append(&endpoint->packets, &packet->link);
	endpoint->packet_count++;
	endpoint->packet_bytes += data.len;
	return true;
}

static struct clove_usb_transfer *first_waiting(const struct guest_endpoint *endpoint)
{
	return clove_list_is_empty(&endpoint->waiting) ? NULL :
			CLOVE_CONTAINER(endpoint->waiting.next, struct clove_usb_transfer, link);
}

/* -- starting and stopping -- */

static uint32_t in_ms(const struct guest_endpoint *endpoint, uint32_t ms)
{
	uint32_t packets = endpoint->iso.per_second * ms / 1000;

	return packets ? packets : 1;
}

/* Packets a second: an interval is an exponent, of frames or of microframes (USB 2.0, table 9-13). */
static void measure_iso(struct guest_device *device, struct guest_endpoint *endpoint)
{
	uint8_t interval = shape_of(device, endpoint)->interval, speed = device->base.shape.speed;
	uint32_t frames = speed == CLOVE_USB_HIGH || speed == CLOVE_USB_SUPER ? 8000 : 1000;
	uint32_t target, urb, urbs;

	interval = interval < 1 ? 1 : interval > 16 ? 16 : interval;
	endpoint->iso.per_second = frames >> (interval - 1);
	if (!endpoint->iso.per_second)
		endpoint->iso.per_second = 1;
	target = in_ms(endpoint, TARGET_MS);
	urb = endpoint->iso.per_second / 100;
	urb = urb < 1 ? 1 : urb > URB_PACKETS_MAX ? URB_PACKETS_MAX : urb;
	urbs = (target + urb - 1) / urb * (endpoint->address & CLOVE_USB_IN ? 1 : 2);
	endpoint->iso.packets_per_urb = (uint8_t)urb;
	endpoint->iso.urbs = (uint8_t)(urbs < 2 ? 2 : urbs > URBS_MAX ? URBS_MAX : urbs);
	endpoint->iso.least = in_ms(endpoint, LEAST_MS);
	endpoint->iso.most = in_ms(endpoint, MOST_MS);
	if (!endpoint->iso.target) /* else what was learned stays */
		endpoint->iso.target = target;
	endpoint->iso.low = UINT32_MAX;
	endpoint->iso.window = in_ms(endpoint, WINDOW_MS);
	endpoint->iso.next_id = 0;
	endpoint->iso.is_filling = true;
	endpoint->iso.has_played = false;
}

/* False: it could not be sent. */
static bool start(struct guest_device *device, struct guest_endpoint *endpoint, uint32_t type)
{
	uint32_t packet = shape_of(device, endpoint)->max_packet;
	const struct clove_usbredir_start_interrupt_receiving interrupt = { endpoint->address };
	struct clove_usbredir_start_bulk_receiving bulk = { .endpoint = endpoint->address,
			.no_transfers = RECEIVE_TRANSFERS,
			.bytes_per_transfer = packet ? (RECEIVE_SIZE + packet - 1) / packet * packet : RECEIVE_SIZE };
	struct clove_usbredir_start_iso_stream iso = { .endpoint = endpoint->address };
	const void *body = &interrupt;
	uint64_t id = guest_new_id(device->guest);

	if (type == CLOVE_USBREDIR_START_BULK_RECEIVING)
		body = &bulk;
	if (type == CLOVE_USBREDIR_START_ISO_STREAM) {
		measure_iso(device, endpoint);
		iso.pkts_per_urb = endpoint->iso.packets_per_urb;
		iso.no_urbs = endpoint->iso.urbs;
		body = &iso;
	}
	endpoint->stream = STREAM_STARTING;
	endpoint->started_by = type;
	endpoint->start_id = id;
	endpoint->error = CLOVE_USB_SUCCESS;
	if (guest_send(device->guest, type, id, body, CLOVE_BYTES(NULL, 0)) == CLOVE_OK)
		return true;
	endpoint->stream = STREAM_STOPPED;
	endpoint->started_by = 0;
	return false;
}

static void stop(struct guest_device *device, struct guest_endpoint *endpoint, bool tells)
{
	const struct clove_usbredir_stop_iso_stream iso = { endpoint->address };
	const struct clove_usbredir_stop_interrupt_receiving interrupt = { endpoint->address };
	const struct clove_usbredir_stop_bulk_receiving bulk = { .endpoint = endpoint->address };
	bool was_started = endpoint->stream != STREAM_STOPPED;
	uint32_t type = endpoint->started_by;

	endpoint->stream = STREAM_STOPPED;
	endpoint->started_by = 0;
	endpoint->error = CLOVE_USB_SUCCESS;
	endpoint->iso.pause = 0;
	drop_packets(endpoint);
	if (!was_started || !tells)
		return;
	if (type == CLOVE_USBREDIR_START_ISO_STREAM)
		(void)!guest_send(device->guest, CLOVE_USBREDIR_STOP_ISO_STREAM, guest_new_id(device->guest), &iso,
				CLOVE_BYTES(NULL, 0));
	else if (type == CLOVE_USBREDIR_START_INTERRUPT_RECEIVING)
		(void)!guest_send(device->guest, CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING,
				guest_new_id(device->guest), &interrupt, CLOVE_BYTES(NULL, 0));
	else
		(void)!guest_send(device->guest, CLOVE_USBREDIR_STOP_BULK_RECEIVING, guest_new_id(device->guest),
				&bulk, CLOVE_BYTES(NULL, 0));
}

static void end_waiting(struct guest_endpoint *endpoint, uint8_t status)
{
	struct clove_list ended;

	clove_list_init(&ended); /* what is submitted meanwhile is not of it */
	while (!clove_list_is_empty(&endpoint->waiting)) {
		struct clove_list *item = endpoint->waiting.next;

		clove_list_remove(item);
		clove_list_append(&ended, item);
	}
	while (!clove_list_is_empty(&ended)) {
		struct clove_usb_transfer *transfer = CLOVE_CONTAINER(ended.next, struct clove_usb_transfer, link);

		clove_usb_complete(transfer, status, transfer->actual);
	}
}

void guest_streams_stop(struct guest_device *device, int interface, bool tells)
{
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		struct guest_endpoint *endpoint = &device->endpoints[i];

		if (interface >= 0 && shape_of(device, endpoint)->interface != interface)
			continue;
		endpoint->is_never_buffered = false;
		endpoint->iso.target = 0;
		if (endpoint->started_by) {
			stop(device, endpoint, tells);
			end_waiting(endpoint, CLOVE_USB_CANCELLED);
		}
	}
}

void guest_streams_retype(struct guest_device *device, const uint8_t *types)
{
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		struct guest_endpoint *endpoint = &device->endpoints[i];

		if (endpoint->started_by && types[i] != shape_of(device, endpoint)->type) {
			stop(device, endpoint, true);
			end_waiting(endpoint, CLOVE_USB_CANCELLED);
		}
	}
}

void guest_streams_forget(struct guest_endpoint *endpoint)
{
	endpoint->error = CLOVE_USB_SUCCESS;
}

/* -- interrupt IN -- */

/* A message ends with the first packet that is not full, or with the driver's room. */
static void deliver_interrupt(struct guest_device *device, struct guest_endpoint *endpoint)
{
	size_t full = shape_of(device, endpoint)->max_packet;

	while (first_waiting(endpoint) && first_packet(endpoint)) {
		struct clove_usb_transfer *transfer = first_waiting(endpoint);
		struct guest_packet *packet = first_packet(endpoint);
		uint8_t status = packet->status;
		bool is_end = packet->len < full || !full;

		if (status == CLOVE_USB_SUCCESS && packet->len > transfer->len - transfer->actual) {
			status = CLOVE_USB_BABBLE;
		} else if (status == CLOVE_USB_SUCCESS && packet->len) {
			memcpy(transfer->data + transfer->actual, packet->data, packet->len);
			transfer->actual += packet->len;
		}
		drop_packet(endpoint, packet);
		if (status != CLOVE_USB_SUCCESS || is_end || transfer->actual == transfer->len)
			clove_usb_complete(transfer, status, transfer->actual);
	}
}

static void submit_interrupt(struct guest_device *device, struct guest_endpoint *endpoint,
		struct clove_usb_transfer *transfer)
{
	uint8_t error = endpoint->error;

	if (error && !first_packet(endpoint)) {
		endpoint->error = CLOVE_USB_SUCCESS;
		clove_usb_complete(transfer, error, 0);
		return;
	}
	if (endpoint->stream == STREAM_STOPPED && !start(device, endpoint, CLOVE_USBREDIR_START_INTERRUPT_RECEIVING)) {
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
		return;
	}
	clove_list_append(&endpoint->waiting, &transfer->link);
}

/* -- bulk received ahead -- */

static bool is_first_of_interface(struct guest_device *device, const struct guest_endpoint *endpoint)
{
	const struct clove_usb_endpoint *shapes = device->base.shape.endpoints;
	unsigned int at = clove_usb_index(endpoint->address);

	for (unsigned int i = 17; i < at; i++)
		if (shapes[i].type == CLOVE_USB_BULK && shapes[i].interface == shapes[at].interface)
			return false;
	return true;
}

static bool is_received_ahead(struct guest_device *device, const struct guest_endpoint *endpoint)
{
	const struct clove_usb_shape *shape = &device->base.shape;

	if (endpoint->is_never_buffered || !(endpoint->address & CLOVE_USB_IN) ||
			!clove_usbredir_peer_has_cap(device->guest->parser, CLOVE_USBREDIR_CAP_BULK_RECEIVING))
		return false;
	for (size_t i = 0; i < sizeof receives_ahead / sizeof receives_ahead[0]; i++)
		if (receives_ahead[i].vendor == shape->vendor && receives_ahead[i].product == shape->product)
			return is_first_of_interface(device, endpoint);
	return false;
}

/* Data of several packets, one behind the other. */
static void merge(struct guest_endpoint *endpoint, struct clove_usb_transfer *transfer)
{
	struct guest_packet *packet;

	while ((packet = first_packet(endpoint)) && packet->status == CLOVE_USB_SUCCESS) {
		size_t room = transfer->len - transfer->actual, rest = packet->len - packet->used;
		size_t n = rest < room ? rest : room;

		if (n)
			memcpy(transfer->data + transfer->actual, packet->data + packet->used, n);
		transfer->actual += n;
		packet->used += n;
		if (packet->used < packet->len)
			return;
		drop_packet(endpoint, packet);
	}
}

/* FTDI: each max packet begins with two status bytes; so does each of what the driver sees, and another status
 * ends it. */
static void merge_ftdi(struct guest_endpoint *endpoint, struct clove_usb_transfer *transfer, size_t full)
{
	struct guest_packet *packet;
	uint8_t status[2];

	while ((packet = first_packet(endpoint)) && packet->status == CLOVE_USB_SUCCESS) {
		size_t begin = packet->used / full * full, end = begin + full;
		bool is_first = !transfer->actual;

		end = end < packet->len ? end : packet->len;
		if (end - begin < 2) {                  /* no status, no data */
			drop_packet(endpoint, packet);
			continue;
		}
		if (is_first)
			memcpy(status, packet->data + begin, 2);
		else if (memcmp(status, packet->data + begin, 2))
			return;
		if (packet->used < begin + 2)
			packet->used = begin + 2;
		if (is_first) {
			memcpy(transfer->data, status, 2);
			transfer->actual = 2;
		}
		while (packet->used < end) {
			size_t left = full - transfer->actual % full, n = end - packet->used;

			if (transfer->actual % full == 0) { /* a new packet for the driver */
				if (transfer->len - transfer->actual < full)
					return;
				memcpy(transfer->data + transfer->actual, status, 2);
				transfer->actual += 2;
				left -= 2;
			}
			n = n < left ? n : left;
			memcpy(transfer->data + transfer->actual, packet->data + packet->used, n);
			transfer->actual += n;
			packet->used += n;
		}
		if (packet->used >= packet->len)
			drop_packet(endpoint, packet);
	}
}

static void deliver_bulk(struct guest_device *device, struct guest_endpoint *endpoint)
{
	size_t full = shape_of(device, endpoint)->max_packet;
	bool is_ftdi = device->base.shape.vendor == FTDI && full > 2;

	while (first_waiting(endpoint) && first_packet(endpoint)) {
		struct clove_usb_transfer *transfer = first_waiting(endpoint);
		uint8_t status = first_packet(endpoint)->status;

		if (status != CLOVE_USB_SUCCESS)
			drop_packet(endpoint, first_packet(endpoint));
		else if (is_ftdi)
			merge_ftdi(endpoint, transfer, full);
		else
			merge(endpoint, transfer);
		if (status == CLOVE_USB_SUCCESS && !transfer->actual) /* there was nothing in it */
			continue;
		clove_usb_complete(transfer, status, transfer->actual);
	}
}

/* False: let it go as any other. */
static bool submit_bulk(struct guest_device *device, struct guest_endpoint *endpoint,
		struct clove_usb_transfer *transfer)
{
	uint16_t full = shape_of(device, endpoint)->max_packet;

	if (!is_received_ahead(device, endpoint))
		return false;
	if (!full || !transfer->len || transfer->len % full) {
		endpoint->is_never_buffered = true;
		if (endpoint->started_by) {
			stop(device, endpoint, true);
			end_waiting(endpoint, CLOVE_USB_CANCELLED);
		}
		return false;
	}
	if (endpoint->error && !first_packet(endpoint)) {
		uint8_t error = endpoint->error;

		endpoint->error = CLOVE_USB_SUCCESS;
		clove_usb_complete(transfer, error, 0);
	} else if (endpoint->stream == STREAM_STOPPED &&
			!start(device, endpoint, CLOVE_USBREDIR_START_BULK_RECEIVING)) {
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
	} else {
		clove_list_append(&endpoint->waiting, &transfer->link);
	}
	return true;
}

/* -- isochronous -- */

/* The buffer is looked at once in a window: if it never came near its end, less will do. */
static void watch_level(struct guest_endpoint *endpoint)
{
	if (endpoint->packet_count < endpoint->iso.low)
		endpoint->iso.low = endpoint->packet_count;
	if (--endpoint->iso.window)
		return;
	if (endpoint->iso.low > endpoint->iso.target / 2) {
		endpoint->iso.target -= (endpoint->iso.target + 7) / 8;
		if (endpoint->iso.target < endpoint->iso.least)
			endpoint->iso.target = endpoint->iso.least;
	}
	endpoint->iso.low = UINT32_MAX;
	endpoint->iso.window = in_ms(endpoint, WINDOW_MS);
}

/* The next packet of the stream, or none. */
static void take_iso(struct guest_device *device, struct guest_endpoint *endpoint, struct clove_usb_packet *into,
		uint8_t *data)
{
	struct guest_packet *packet = first_packet(endpoint);

	into->actual = 0;
	into->status = CLOVE_USB_SUCCESS;
	if (endpoint->iso.is_filling && endpoint->packet_count >= endpoint->iso.target)
		endpoint->iso.is_filling = false;
	if (!endpoint->iso.is_filling && !packet) { /* it ran dry: more in hand from now on */
		endpoint->iso.is_filling = true;
		endpoint->iso.target += endpoint->iso.target / 4 + 1;
		if (endpoint->iso.target > endpoint->iso.most)
			endpoint->iso.target = endpoint->iso.most;
	}
	if (endpoint->iso.is_filling) {
		device->guest->figures.iso_missing += endpoint->iso.has_played;
		return;
	}
	endpoint->iso.has_played = true;
	into->status = packet->status;
	if (packet->len > into->len) {
		into->status = CLOVE_USB_BABBLE;
	} else if (packet->len) {
		memcpy(data, packet->data, packet->len);
		into->actual = (uint16_t)packet->len;
	}
	drop_packet(endpoint, packet);
	watch_level(endpoint);
}

static void fill_iso(struct guest_device *device, struct guest_endpoint *endpoint,
		struct clove_usb_transfer *transfer)
{
	size_t at = 0, actual = 0;

	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		take_iso(device, endpoint, &transfer->packets[i], transfer->data ? transfer->data + at : NULL);
		at += transfer->packets[i].len;
		actual += transfer->packets[i].actual;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, actual);
}

/* Transfers that wait until there is something for them. */
static void deliver_iso(struct guest_device *device, struct guest_endpoint *endpoint)
{
	struct clove_usb_transfer *transfer;

	while ((transfer = first_waiting(endpoint))) {
		uint32_t wanted = endpoint->iso.is_filling ? endpoint->iso.target : 1;

		if (endpoint->packet_count < (wanted > transfer->packet_count ? wanted : transfer->packet_count))
			return;
		fill_iso(device, endpoint, transfer);
	}
}

/* What may wait to be sent: a link that stands still must not be heard for seconds after. */
static bool is_link_full(const struct guest_device *device, const struct guest_endpoint *endpoint,
		uint32_t max_packet)
{
	size_t most = (size_t)3 * endpoint->iso.packets_per_urb * endpoint->iso.urbs * max_packet;

	return clove_usbredir_unsent(device->guest->parser) > (most > OUT_BYTES_LEAST ? most : OUT_BYTES_LEAST);
}

static void send_iso(struct guest_device *device, struct guest_endpoint *endpoint,
		struct clove_usb_transfer *transfer)
{
	size_t at = 0;

	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		struct clove_usb_packet *packet = &transfer->packets[i];
		const struct clove_usbredir_iso_packet body = { endpoint->address, 0, packet->len };

		packet->actual = packet->len;
		if (is_link_full(device, endpoint, shape_of(device, endpoint)->max_packet))
			device->guest->figures.iso_dropped++;
		else
			(void)!guest_send(device->guest, CLOVE_USBREDIR_ISO_PACKET, endpoint->iso.next_id++, &body,
					CLOVE_BYTES(packet->len ? transfer->data + at : NULL, packet->len));
		at += packet->len;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, at);
}

static void skip_iso(struct clove_usb_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->packet_count; i++) {
		transfer->packets[i].actual = 0;
		transfer->packets[i].status = CLOVE_USB_IOERROR;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, 0);
}

static void submit_iso(struct guest_device *device, struct guest_endpoint *endpoint,
		struct clove_usb_transfer *transfer)
{
	if (endpoint->iso.pause) {
		endpoint->iso.pause--;
		skip_iso(transfer);
	} else if (endpoint->stream == STREAM_STOPPED && !start(device, endpoint, CLOVE_USBREDIR_START_ISO_STREAM)) {
		skip_iso(transfer);
	} else if (!(endpoint->address & CLOVE_USB_IN)) {
		send_iso(device, endpoint, transfer);
	} else if (transfer->is_now) {
		fill_iso(device, endpoint, transfer);
	} else {
		clove_list_append(&endpoint->waiting, &transfer->link);
	}
}

static bool keep_iso(struct guest_device *device, struct guest_endpoint *endpoint, uint8_t status,
		struct clove_bytes data)
{
	if (!keep_packet(endpoint, status, data, UINT32_MAX))
		return false;
	if (endpoint->packet_count > 2 * endpoint->iso.target + endpoint->iso.packets_per_urb)
		while (endpoint->packet_count > endpoint->iso.target) {
			drop_packet(endpoint, first_packet(endpoint));
			device->guest->figures.iso_dropped++;
		}
	return true;
}

/* -- all of them -- */

/* From outside a delivery, or once it has come to its end: never one inside another. */
static void deliver(struct guest_device *device, struct guest_endpoint *endpoint)
{
	if (endpoint->is_delivering)
		return;
	endpoint->is_delivering = true;
	switch (endpoint->started_by) {
	case CLOVE_USBREDIR_START_INTERRUPT_RECEIVING:
		deliver_interrupt(device, endpoint);
		break;
	case CLOVE_USBREDIR_START_BULK_RECEIVING:
		deliver_bulk(device, endpoint);
		break;
	default:
		deliver_iso(device, endpoint);
	}
	endpoint->is_delivering = false;
}

bool guest_streams_submit(struct guest_device *device, struct clove_usb_transfer *transfer)
{
	struct guest_endpoint *endpoint = &device->endpoints[clove_usb_index(transfer->endpoint)];

	device->has_woken = false;
	switch (transfer->type) {
	case CLOVE_USB_INTERRUPT:
		if (!(transfer->endpoint & CLOVE_USB_IN))
			return false;
		submit_interrupt(device, endpoint, transfer);
		break;
	case CLOVE_USB_BULK:
		if (!submit_bulk(device, endpoint, transfer))
			return false;
		break;
	case CLOVE_USB_ISO:
		submit_iso(device, endpoint, transfer);
		break;
	default:
		return false;
	}
	if (endpoint->started_by && device->guest)
		deliver(device, endpoint);
	return true;
}

static void wake(struct guest_device *device)
{
	if (!device->base.is_suspended || !device->may_wake || device->has_woken)
		return;
	device->has_woken = true;
	if (device->base.events && device->base.events->wake)
		device->base.events->wake(device->base.owner);
}

void guest_streams_packet(struct guest_device *device, uint8_t address, uint32_t type, uint8_t status,
		struct clove_bytes data)
{
	struct guest_endpoint *endpoint = &device->endpoints[clove_usb_index(address)];
	bool is_kept;

	if (endpoint->stream == STREAM_STOPPED || endpoint->started_by != type)
		return; /* late, or of an endpoint that nobody asked for */
	if (type == CLOVE_USBREDIR_START_ISO_STREAM && !(address & CLOVE_USB_IN))
		return;
	if (type == CLOVE_USBREDIR_START_ISO_STREAM)
		is_kept = keep_iso(device, endpoint, status, data);
	else
		is_kept = keep_packet(endpoint, status, data, GUEST_PACKETS_MAX);
	if (!is_kept && type == CLOVE_USBREDIR_START_INTERRUPT_RECEIVING)
		device->guest->figures.interrupt_dropped++;
	if (!is_kept)
		clove_log_limited(INFO, "usb-guest", "endpoint 0x%02x: a packet is dropped, the driver does not ask",
				address);
	deliver(device, endpoint);
	if (type == CLOVE_USBREDIR_START_INTERRUPT_RECEIVING)
		wake(device); /* last: the driver's side may do as it likes */
}

void guest_streams_status(struct guest_device *device, uint8_t address, uint32_t started_by, uint64_t id,
		uint8_t status)
{
	struct guest_endpoint *endpoint = &device->endpoints[clove_usb_index(address)];
	bool was_starting = endpoint->stream == STREAM_STARTING;

	/* an answer to what is over, or word of a stream that was stopped before this one was started */
	if (endpoint->stream == STREAM_STOPPED || endpoint->started_by != started_by ||
			(was_starting ? id != endpoint->start_id : id != 0))
		return;
	if (status == CLOVE_USB_SUCCESS) {
		endpoint->stream = STREAM_RUNNING;
		return;
	}
	clove_log_limited(INFO, "usb-guest", "endpoint 0x%02x: the stream %s, status %u", address,
			was_starting ? "was refused" : "ended", status);
	endpoint->stream = STREAM_STOPPED;
	if (started_by == CLOVE_USBREDIR_START_ISO_STREAM) {
		drop_packets(endpoint);
		endpoint->iso.pause = was_starting ? in_ms(endpoint, PAUSE_MS) : 0;
		end_waiting(endpoint, status);
	} else if (first_waiting(endpoint)) {
		end_waiting(endpoint, status);
	} else {
		endpoint->error = status;
	}
}

void guest_streams_init(struct guest_device *device)
{
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		struct guest_endpoint *endpoint = &device->endpoints[i];

		endpoint->address = (uint8_t)((i & 0x0f) | (i & 0x10) << 3);
		clove_list_init(&endpoint->waiting);
		clove_list_init(&endpoint->packets);
	}
}

void guest_streams_fini(struct guest_device *device)
{
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++)
		drop_packets(&device->endpoints[i]);
}
