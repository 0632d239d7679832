/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest-private.h - what the files of the usb guest share: requests, endpoints, the device. */
#ifndef CLOVE_USBREDIR_GUEST_PRIVATE_H
#define CLOVE_USBREDIR_GUEST_PRIVATE_H

#include "common/util/list.h"
#include "usbredir/guest.h"

enum {
	GUEST_REQUESTS_MAX = 4096,     /* in flight */
	GUEST_PACKETS_MAX = 1000,      /* that came by themselves and wait for the driver, an endpoint */
	GUEST_BYTES_MAX = 16 << 20,    /* of those */
};

/* A packet that came by itself, kept until the driver asks. */
struct guest_packet {
	struct clove_list link;
	uint8_t status;
	size_t len, used;
	uint8_t data[];
};

enum guest_stream_state {
	STREAM_STOPPED,
	STREAM_STARTING,               /* started, and not yet told so; packets may come */
	STREAM_RUNNING,
};

struct guest_endpoint {
	uint8_t address;
	struct clove_list waiting;     /* transfers, in order */
	/* What comes by itself: interrupt IN, iso, buffered bulk. */
	enum guest_stream_state stream;
	uint64_t start_id;             /* of the start that is not answered */
	struct clove_list packets;
	uint32_t packet_count;
	size_t packet_bytes;
	uint8_t error;                 /* the stream ended so; told to the next transfer */
	uint32_t started_by;           /* the type of the packet that started the stream */
	bool is_never_buffered;        /* bulk: the driver's reads do not fit packets received ahead */
	bool is_delivering;
	struct {
		uint64_t next_id;              /* OUT */
		uint32_t target, least, most;  /* packets to have in hand */
		uint32_t low;                  /* fewest in hand in this window */
		uint32_t window;               /* packets until the target is looked at again */
		uint32_t per_second;
		uint32_t pause;                /* transfers until a refused stream is tried again */
		uint8_t packets_per_urb, urbs;
		bool is_filling;
		bool has_played;
	} iso;
	/* One transfer in several packets, where a packet is at most 65535 bytes: others wait. */
	struct guest_request *split;
};

/* Something that the far side answers, by its id. */
struct guest_request {
	struct clove_list link;        /* guest->requests */
	uint64_t id;
	uint32_t type;                 /* of the packet */
	struct clove_usb_transfer *transfer; /* NULL: none waits */
	size_t offset, piece;          /* bulk: bytes moved by earlier packets, and asked for by this one */
	struct guest_ahead *ahead;     /* read ahead of the driver (guest-storage.c) */
	struct guest_storage *storage; /* ... or a command block that was answered at once */
	void (*streams_done)(void *opaque, uint8_t status);
	void *opaque;
};

struct guest_storage;

struct guest_device {
	struct clove_usb_device base;  /* first */
	struct clove_usb_guest *guest; /* NULL: it is gone, and waits to be freed */
	struct guest_endpoint endpoints[CLOVE_USB_ENDPOINTS];
	struct clove_list storages;    /* struct guest_storage, one an interface */
	bool may_wake, has_woken;
	bool is_ending;                /* everything is coming back: nothing new is taken */
};

struct clove_usb_guest {
	struct clove_usb_guest_events events;
	void *owner;
	struct clove_usbredir *parser;
	struct clove_list requests;
	uint32_t request_count;
	uint64_t last_id;
	struct clove_usb_shape shape;  /* as the far side told it so far */
	bool has_endpoints, has_interfaces;
	struct guest_device *device;   /* the driver's, while it is plugged */
	bool is_told;                  /* that there is output */
	bool is_feeding, is_dying;
	struct clove_usb_guest_figures figures;
};

static inline struct guest_device *guest_device_of(struct clove_usb_device *device)
{
	return (struct guest_device *)device;
}

/* guest.c */

/* Sends, and tells the owner that there is output. */
enum clove_err guest_send(struct clove_usb_guest *guest, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data);
uint64_t guest_new_id(struct clove_usb_guest *guest);
/* Sends a packet that will be answered. NULL: it could not be sent. `take_data` (or NULL) is taken. */
struct guest_request *guest_request(struct clove_usb_guest *guest, uint32_t type, const void *body,
		uint8_t *take_data, size_t len);
void guest_forget_request(struct clove_usb_guest *guest, struct guest_request *request);
/* Tells the far side that it is not wanted, and forgets it: ids are not used twice, so that its answer, whatever
 * it be, is that of nothing. */
void guest_cancel_request(struct clove_usb_guest *guest, struct guest_request *request);
/* Sends a bulk transfer as it is. */
void guest_submit_bulk(struct guest_device *device, struct clove_usb_transfer *transfer);
/* Answers with bytes; more than was asked for is babble. */
void guest_answer_in(struct clove_usb_transfer *transfer, uint8_t status, struct clove_bytes data);

/* guest-streams.c: what comes, or goes, without an answer to each */

void guest_streams_init(struct guest_device *device);
void guest_streams_fini(struct guest_device *device); /* packets only; transfers are gone */
/* False: not a matter of streams. */
bool guest_streams_submit(struct guest_device *device, struct clove_usb_transfer *transfer);
/* Stops those of an interface, or all (-1); with `tells`, the far side is told. */
void guest_streams_stop(struct guest_device *device, int interface, bool tells);
/* The far side is about to tell another type of some endpoints (32 of them): what runs there ends. */
void guest_streams_retype(struct guest_device *device, const uint8_t *types);
/* The halt of this endpoint was cleared. */
void guest_streams_forget(struct guest_endpoint *endpoint);
/* A packet that came by itself, or word of what became of a stream. */
void guest_streams_packet(struct guest_device *device, uint8_t endpoint, uint32_t type, uint8_t status,
		struct clove_bytes data);
void guest_streams_status(struct guest_device *device, uint8_t endpoint, uint32_t started_by, uint64_t id,
		uint8_t status);

/* guest-storage.c: mass storage, a round trip a command */

/* Looks for bulk-only interfaces in the shape. */
void guest_storage_find(struct guest_device *device);
void guest_storage_fini(struct guest_device *device);
/* False: nothing special about it. */
bool guest_storage_submit(struct guest_device *device, struct clove_usb_transfer *transfer);
/* The driver gave up a transfer that waits for read-ahead. False: it does not. */
bool guest_storage_cancel(struct guest_device *device, struct clove_usb_transfer *transfer);
/* A transfer to or from one of its endpoints failed or was given up. */
void guest_storage_trouble(struct guest_device *device, uint8_t endpoint);
/* Forgets what was read ahead; what waits for it comes back with `status`. */
void guest_storage_abort(struct guest_device *device, uint8_t status);
void guest_storage_answered(struct guest_device *device, struct guest_request *request, uint8_t status,
		struct clove_bytes data);

#endif
