/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host-stream.c - transfers kept running for a guest: isochronous, interrupt and buffered bulk reception. */
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "usbredir/host-parts.h"

enum {
	MOST_TRANSFERS = 16, INTERRUPT_TRANSFERS = 5,
	BULK_BYTES = 16 << 20,              /* of one endpoint's buffered reception */
	MOST_ERRORS = 8,                    /* in a row: then the stream ends */
	UNSENT_HIGH = 1 << 20, UNSENT_LOW = UNSENT_HIGH / 2, /* interrupt and bulk rest above, go on below */
};

/* Which transfer of which stream. */
struct slot {
	struct host_stream *stream;
	struct clove_usb_transfer *transfer;
	uint64_t id;                        /* of its first packet */
	bool is_out;                        /* in the device's hands */
};

struct host_stream {
	struct clove_usb_host *host;
	struct clove_list link;             /* in host->dying */
	uint8_t endpoint, type;
	uint32_t stream_id;                 /* bulk */
	uint32_t packets;                   /* of a transfer; 1 but for iso */
	size_t bytes;                       /* of a transfer */
	unsigned int count, out;            /* transfers; those the device has */
	struct slot slots[MOST_TRANSFERS];
	bool is_dying;
	bool is_clearing;                   /* its halt; then it starts again */
	bool is_dropping;                   /* iso IN: the peer does not read */
	unsigned int errors;                /* in a row */
	/* iso OUT */
	unsigned int fill, filled;          /* the slot that is being filled; its packets */
	bool is_filling_up;                 /* nothing is submitted before half is there */
	unsigned int arrived, full;         /* packets and whole slots, while it fills up */
	unsigned int to_drop;               /* packets, after an overflow */
	uint64_t dropped;
};

static bool is_in(const struct host_stream *stream)
{
	return stream->endpoint & CLOVE_USB_IN;
}

/* ---- what the peer is told ---------------------------------------------------------------------------- */

static void send_status(struct clove_usb_host *host, uint8_t type, uint64_t id, uint8_t endpoint,
		uint32_t stream_id, uint8_t status)
{
	if (type == CLOVE_USB_ISO)
		host_send(host, CLOVE_USBREDIR_ISO_STREAM_STATUS, id,
				&(struct clove_usbredir_iso_stream_status){ status, endpoint }, CLOVE_BYTES(NULL, 0));
	else if (type == CLOVE_USB_INTERRUPT)
		host_send(host, CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS, id,
				&(struct clove_usbredir_interrupt_receiving_status){ status, endpoint },
				CLOVE_BYTES(NULL, 0));
	else
		host_send(host, CLOVE_USBREDIR_BULK_RECEIVING_STATUS, id,
				&(struct clove_usbredir_bulk_receiving_status){ stream_id, endpoint, status },
				CLOVE_BYTES(NULL, 0));
}

static void send_data(struct host_stream *stream, struct slot *slot)
{
	struct clove_usb_transfer *t = slot->transfer;
	struct clove_usb_host *host = stream->host;

	if (stream->type == CLOVE_USB_INTERRUPT)
		host_send(host, CLOVE_USBREDIR_INTERRUPT_PACKET, slot->id,
				&(struct clove_usbredir_interrupt_packet){ stream->endpoint, t->status,
						(uint16_t)t->actual },
				CLOVE_BYTES(t->data, t->actual));
	else
		host_send(host, CLOVE_USBREDIR_BUFFERED_BULK_PACKET, slot->id,
				&(struct clove_usbredir_buffered_bulk_packet){ stream->stream_id,
						(uint32_t)t->actual, stream->endpoint, t->status },
				CLOVE_BYTES(t->data, t->actual));
}

/* Late sound is worth nothing: while the peer does not read, packets are dropped, and counted. */
static bool drops(struct host_stream *stream)
{
	size_t high = 3 * stream->count * stream->bytes, unsent = clove_usbredir_unsent(stream->host->parser);

	if (unsent > high)
		stream->is_dropping = true;
	else if (unsent < high / 2)
		stream->is_dropping = false;
	return stream->is_dropping;
}

static void send_iso(struct host_stream *stream, struct slot *slot)
{
	struct clove_usb_transfer *t = slot->transfer;
	size_t at = 0;

	for (uint32_t i = 0; i < t->packet_count; i++) {
		const struct clove_usb_packet *packet = &t->packets[i];
		uint8_t status = t->status ? t->status : packet->status;
		uint16_t len = t->status ? 0 : packet->actual;

		if (drops(stream))
			stream->dropped++;
		else
			host_send(stream->host, CLOVE_USBREDIR_ISO_PACKET, slot->id + i,
					&(struct clove_usbredir_iso_packet){ stream->endpoint, status, len },
					CLOVE_BYTES(t->data + at, len));
		at += packet->len;
	}
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void free_stream(struct host_stream *stream)
{
	if (stream->dropped)
		clove_log(INFO, "usbredir", "endpoint %02x: %llu packets dropped", stream->endpoint,
				(unsigned long long)stream->dropped);
	for (unsigned int i = 0; i < stream->count; i++)
		clove_usb_transfer_free(stream->slots[i].transfer);
	free(stream);
}

/* It is no longer the endpoint's; freed when the device has given back its transfers. */
static void end_stream(struct host_stream *stream)
{
	struct clove_usb_host *host = stream->host;

	host->streams[clove_usb_index(stream->endpoint)] = NULL;
	stream->is_dying = true;
	clove_list_append(&host->dying, &stream->link);
	stream->out++;                      /* so that the last one to come back does not free it under us */
	for (unsigned int i = 0; i < stream->count; i++)
		if (stream->slots[i].is_out)
			clove_usb_cancel(host->device, stream->slots[i].transfer);
	if (!--stream->out) {
		clove_list_remove(&stream->link);
		free_stream(stream);
	}
}

static void stop_with(struct host_stream *stream, uint8_t status)
{
	struct clove_usb_host *host = stream->host;
	uint8_t type = stream->type, endpoint = stream->endpoint;
	uint32_t stream_id = stream->stream_id;

	end_stream(stream);
	send_status(host, type, 0, endpoint, stream_id, status);
}

static void give(struct host_stream *stream, struct slot *slot)
{
	slot->is_out = true;
	stream->out++;
	host_submit(stream->host, slot->transfer);
}

static void set_packets(struct host_stream *stream, struct clove_usb_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->packet_count; i++)
		transfer->packets[i].len = (uint16_t)(stream->bytes / stream->packets);
}

/* Ids from 0, everything in flight that can be. The stream may have ended on return. */
static void start(struct host_stream *stream)
{
	struct clove_usb_host *host = stream->host;
	unsigned int e = clove_usb_index(stream->endpoint);

	stream->fill = stream->filled = stream->arrived = stream->full = stream->to_drop = 0;
	stream->is_filling_up = true;
	for (unsigned int i = 0; i < stream->count; i++)
		stream->slots[i].id = (uint64_t)i * stream->packets;
	for (unsigned int i = 0; is_in(stream) && i < stream->count; i++) {
		if (stream->type == CLOVE_USB_ISO)
			set_packets(stream, stream->slots[i].transfer);
		if (!stream->slots[i].is_out)
			give(stream, &stream->slots[i]);
		if (host->streams[e] != stream || stream->is_clearing)
			return;
	}
}

static void halt_cleared(struct clove_usb_host *host, uint8_t endpoint, uint8_t status)
{
	struct host_stream *stream = host->streams[clove_usb_index(endpoint)];

	if (!stream || !stream->is_clearing)
		return;
	stream->is_clearing = false;
	if (status)
		stop_with(stream, CLOVE_USB_STALL);
	else
		start(stream);
}

static void clear_when_all_are_back(struct host_stream *stream)
{
	if (!stream->out)
		host_clear_halt(stream->host, stream->endpoint, halt_cleared);
}

/* A stall ends quietly (5.5): the rest comes back, the halt is cleared, and it starts again. */
static void stalled(struct host_stream *stream)
{
	struct clove_usb_host *host = stream->host;

	if (++stream->errors > MOST_ERRORS) {
		stop_with(stream, CLOVE_USB_STALL);
		return;
	}
	stream->is_clearing = true;
	stream->out++;
	for (unsigned int i = 0; i < stream->count; i++)
		if (stream->slots[i].is_out)
			clove_usb_cancel(host->device, stream->slots[i].transfer);
	stream->out--;
	clear_when_all_are_back(stream);
}

/* ---- towards the peer --------------------------------------------------------------------------------- */

static bool rests(const struct host_stream *stream)
{
	return stream->type != CLOVE_USB_ISO && clove_usbredir_unsent(stream->host->parser) > UNSENT_HIGH;
}

static void in_came(struct host_stream *stream, struct slot *slot)
{
	uint8_t status = slot->transfer->status;

	if (stream->type == CLOVE_USB_ISO)
		send_iso(stream, slot);
	else
		send_data(stream, slot);
	slot->id += (uint64_t)stream->count * stream->packets;
	stream->errors = status ? stream->errors + 1 : 0;
	if (stream->errors > MOST_ERRORS)
		stop_with(stream, CLOVE_USB_STALL);
	else if (!rests(stream))
		give(stream, slot);
}

/* ---- towards the device ------------------------------------------------------------------------------- */

static void out_went(struct host_stream *stream)
{
	if (stream->out || stream->is_filling_up)
		return;
	/* Underflow: what is there goes, and it fills up again. */
	stream->fill = stream->filled = stream->arrived = stream->full = 0;
	stream->is_filling_up = true;
}

static void submit_full(struct host_stream *stream)
{
	struct slot *slot = &stream->slots[stream->fill];

	stream->fill = (stream->fill + 1) % stream->count;
	stream->filled = 0;
	if (stream->is_filling_up)
		stream->full++;
	else
		give(stream, slot);
}

static void submit_first_half(struct host_stream *stream)
{
	struct clove_usb_host *host = stream->host;
	unsigned int full = stream->full, e = clove_usb_index(stream->endpoint);

	stream->is_filling_up = false;
	for (unsigned int i = 0; i < full && host->streams[e] == stream && !stream->is_clearing &&
			!stream->is_filling_up; i++)
		give(stream, &stream->slots[i]);
}

static void iso_arrived(struct clove_usb_host *host, const struct clove_usbredir_iso_packet *packet,
		struct clove_bytes data)
{
	struct host_stream *stream = host->streams[clove_usb_index(packet->endpoint)];
	struct clove_usb_transfer *t;
	size_t at = 0;

	if (!stream || stream->type != CLOVE_USB_ISO || is_in(stream))
		return;                     /* it was stopped a moment ago */
	if (data.len > stream->bytes / stream->packets) {
		send_status(host, CLOVE_USB_ISO, 0, stream->endpoint, 0, CLOVE_USB_INVAL);
		return;
	}
	if (stream->is_clearing || (stream->to_drop && stream->to_drop--)) {
		stream->dropped++;
		return;
	}
	if (stream->slots[stream->fill].is_out) {       /* overflow */
		stream->to_drop = stream->packets * stream->count / 2;
		stream->dropped++;
		return;
	}
	t = stream->slots[stream->fill].transfer;
	for (uint32_t i = 0; i < stream->filled; i++)
		at += t->packets[i].len;
	if (data.len)
		memcpy(t->data + at, data.data, data.len);
	t->packets[stream->filled++].len = (uint16_t)data.len;
	stream->arrived++;
	if (stream->filled == stream->packets)
		submit_full(stream);
	if (host->streams[clove_usb_index(packet->endpoint)] == stream && stream->is_filling_up &&
			stream->arrived >= (stream->packets * stream->count + 1) / 2 && stream->full)
		submit_first_half(stream);
}

static void done(struct clove_usb_transfer *transfer)
{
	struct slot *slot = transfer->opaque;
	struct host_stream *stream = slot->stream;
	struct clove_usb_host *host = stream->host;
	uint8_t status = transfer->status;

	host_enter_done(host);
	slot->is_out = false;
	stream->out--;
	if (stream->is_dying) {
		if (!stream->out) {
			clove_list_remove(&stream->link);
			free_stream(stream);
		}
	} else if (stream->is_clearing) {
		clear_when_all_are_back(stream);
	} else if (status == CLOVE_USB_STALL) {
		stalled(stream);
	} else if (status == CLOVE_USB_CANCELLED) {
		stop_with(stream, CLOVE_USB_STALL); /* not by us: a reset, a new setting */
	} else if (status == CLOVE_USB_INVAL) {
		stop_with(stream, CLOVE_USB_INVAL);
	} else if (is_in(stream)) {
		in_came(stream, slot);
	} else {
		stream->errors = status ? stream->errors + 1 : 0;
		if (stream->errors > MOST_ERRORS)
			stop_with(stream, CLOVE_USB_STALL);
		else
			out_went(stream);
	}
	host_exit_done(host);
}

/* ---- packets ------------------------------------------------------------------------------------------ */

static bool make_slots(struct host_stream *stream)
{
	for (unsigned int i = 0; i < stream->count; i++) {
		struct slot *slot = &stream->slots[i];

		slot->stream = stream;
		slot->transfer = clove_usb_transfer_new(stream->endpoint, stream->type, stream->bytes,
				stream->type == CLOVE_USB_ISO ? stream->packets : 0);
		if (!slot->transfer) {
			stream->count = i;
			return false;
		}
		slot->transfer->stream = stream->stream_id;
		slot->transfer->opaque = slot;
		slot->transfer->done = done;
	}
	return true;
}

/* What a start packet asks for; the endpoint decides what else there is to know. */
static void start_stream(struct clove_usb_host *host, uint64_t id, const struct host_stream *wanted)
{
	unsigned int e = clove_usb_index(wanted->endpoint);
	const struct clove_usb_endpoint *about = &host->device->shape.endpoints[e];
	struct host_stream *stream = NULL;
	uint8_t status = CLOVE_USB_INVAL;

	if (about->type == wanted->type && e % 16 && wanted->packets && wanted->count &&
			wanted->packets <= CLOVE_USB_ISO_PACKETS_MAX && wanted->count <= MOST_TRANSFERS &&
			about->max_packet && (wanted->type != CLOVE_USB_BULK || (wanted->bytes &&
			wanted->bytes % about->max_packet == 0 && wanted->bytes <= BULK_BYTES / wanted->count))) {
		stream = malloc(sizeof *stream);
		status = CLOVE_USB_IOERROR;
	}
	if (stream) {
		*stream = *wanted;
		stream->host = host;
		clove_list_init(&stream->link);
		stream->endpoint = (uint8_t)((e & 0x0f) | (e & 0x10) << 3);
		if (stream->type != CLOVE_USB_BULK)
			stream->bytes = (size_t)about->max_packet * stream->packets;
		if (!make_slots(stream)) {
			free_stream(stream);
			stream = NULL;
		}
	}
	if (!stream) {
		send_status(host, wanted->type, id, wanted->endpoint, wanted->stream_id, status);
		return;
	}
	if (host->streams[e])
		end_stream(host->streams[e]);
	host->streams[e] = stream;
	send_status(host, stream->type, id, stream->endpoint, stream->stream_id, CLOVE_USB_SUCCESS);
	start(stream);
}

static void stop_stream(struct clove_usb_host *host, uint64_t id, uint8_t type, uint8_t endpoint, uint32_t stream_id)
{
	struct host_stream *stream = host->streams[clove_usb_index(endpoint)];

	if (stream && stream->type == type)
		end_stream(stream);
	send_status(host, type, id, endpoint, stream_id, CLOVE_USB_SUCCESS);
}

bool host_stream_packet(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data)
{
	switch (type) {
	case CLOVE_USBREDIR_START_ISO_STREAM: {
		const struct clove_usbredir_start_iso_stream *p = body;

		start_stream(host, id, &(struct host_stream){ .type = CLOVE_USB_ISO, .endpoint = p->endpoint,
				.packets = p->pkts_per_urb, .count = p->no_urbs });
		return true;
	}
	case CLOVE_USBREDIR_STOP_ISO_STREAM:
		stop_stream(host, id, CLOVE_USB_ISO, ((const struct clove_usbredir_stop_iso_stream *)body)->endpoint, 0);
		return true;
	case CLOVE_USBREDIR_START_INTERRUPT_RECEIVING: {
		const struct clove_usbredir_start_interrupt_receiving *p = body;

		start_stream(host, id, &(struct host_stream){ .type = CLOVE_USB_INTERRUPT, .endpoint = p->endpoint,
				.packets = 1, .count = INTERRUPT_TRANSFERS });
		return true;
	}
	case CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING:
		stop_stream(host, id, CLOVE_USB_INTERRUPT,
				((const struct clove_usbredir_stop_interrupt_receiving *)body)->endpoint, 0);
		return true;
	case CLOVE_USBREDIR_START_BULK_RECEIVING: {
		const struct clove_usbredir_start_bulk_receiving *p = body;

		start_stream(host, id, &(struct host_stream){ .type = CLOVE_USB_BULK, .endpoint = p->endpoint,
				.stream_id = p->stream_id, .bytes = p->bytes_per_transfer, .packets = 1,
				.count = p->no_transfers });
		return true;
	}
	case CLOVE_USBREDIR_STOP_BULK_RECEIVING: {
		const struct clove_usbredir_stop_bulk_receiving *p = body;

		stop_stream(host, id, CLOVE_USB_BULK, p->endpoint, p->stream_id);
		return true;
	}
	case CLOVE_USBREDIR_ISO_PACKET:
		iso_arrived(host, body, data);
		return true;
	default:
		return false;
	}
}

void host_streams_stop(struct clove_usb_host *host, uint32_t endpoints)
{
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		if (endpoints >> e & 1 && host->streams[e])
			stop_with(host->streams[e], CLOVE_USB_STALL);
}

void host_streams_forget(struct clove_usb_host *host)
{
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		if (host->streams[e])
			end_stream(host->streams[e]);
}

void host_streams_resume(struct clove_usb_host *host)
{
	if (clove_usbredir_unsent(host->parser) > UNSENT_LOW)
		return;
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++) {
		struct host_stream *stream = host->streams[e];

		/* Those that rest do so in order: the one with the lowest id goes first. */
		while (stream && stream == host->streams[e] && is_in(stream) && !stream->is_clearing &&
				stream->type != CLOVE_USB_ISO && !rests(stream)) {
			struct slot *first = NULL;

			for (unsigned int i = 0; i < stream->count; i++)
				if (!stream->slots[i].is_out && (!first || stream->slots[i].id < first->id))
					first = &stream->slots[i];
			if (!first)
				break;
			give(stream, first);
		}
	}
}
