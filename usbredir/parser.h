/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parser.h - one end of a usbredir connection: fed bytes, it gives packets; given packets, it has bytes to send.
 *
 * Owns no socket and no device. packets.def describes every packet and which capability each field needs.
 */
#ifndef CLOVE_USBREDIR_PARSER_H
#define CLOVE_USBREDIR_PARSER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "common/util/buf.h"
#include "common/util/bytes.h"
#include "common/util/err.h"

enum clove_usbredir_role {
	CLOVE_USBREDIR_HOST,      /* has the device */
	CLOVE_USBREDIR_GUEST,     /* has the driver */
};

enum clove_usbredir_cap {         /* bits of the hello's first word */
	CLOVE_USBREDIR_CAP_BULK_STREAMS = 0,
	CLOVE_USBREDIR_CAP_CONNECT_DEVICE_VERSION = 1,
	CLOVE_USBREDIR_CAP_FILTER = 2,
	CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK = 3,
	CLOVE_USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE = 4,
	CLOVE_USBREDIR_CAP_64BITS_IDS = 5,
	CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH = 6,
	CLOVE_USBREDIR_CAP_BULK_RECEIVING = 7,
	CLOVE_USBREDIR_CAPS_ALL = 0xff,
};

enum clove_usbredir_type {
	CLOVE_USBREDIR_HELLO = 0,
	CLOVE_USBREDIR_DEVICE_CONNECT,
	CLOVE_USBREDIR_DEVICE_DISCONNECT,
	CLOVE_USBREDIR_RESET,
	CLOVE_USBREDIR_INTERFACE_INFO,
	CLOVE_USBREDIR_EP_INFO,
	CLOVE_USBREDIR_SET_CONFIGURATION,
	CLOVE_USBREDIR_GET_CONFIGURATION,
	CLOVE_USBREDIR_CONFIGURATION_STATUS,
	CLOVE_USBREDIR_SET_ALT_SETTING,
	CLOVE_USBREDIR_GET_ALT_SETTING,
	CLOVE_USBREDIR_ALT_SETTING_STATUS,
	CLOVE_USBREDIR_START_ISO_STREAM,
	CLOVE_USBREDIR_STOP_ISO_STREAM,
	CLOVE_USBREDIR_ISO_STREAM_STATUS,
	CLOVE_USBREDIR_START_INTERRUPT_RECEIVING,
	CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING,
	CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS,
	CLOVE_USBREDIR_ALLOC_BULK_STREAMS,
	CLOVE_USBREDIR_FREE_BULK_STREAMS,
	CLOVE_USBREDIR_BULK_STREAMS_STATUS,
	CLOVE_USBREDIR_CANCEL_DATA_PACKET,
	CLOVE_USBREDIR_FILTER_REJECT,
	CLOVE_USBREDIR_FILTER_FILTER,
	CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK,
	CLOVE_USBREDIR_START_BULK_RECEIVING,
	CLOVE_USBREDIR_STOP_BULK_RECEIVING,
	CLOVE_USBREDIR_BULK_RECEIVING_STATUS,
	CLOVE_USBREDIR_CONTROL_PACKET = 100,
	CLOVE_USBREDIR_BULK_PACKET,
	CLOVE_USBREDIR_ISO_PACKET,
	CLOVE_USBREDIR_INTERRUPT_PACKET,
	CLOVE_USBREDIR_BUFFERED_BULK_PACKET,
};

struct clove_usbredir;

/* `body` is the packet's struct from packets.def (struct clove_usbredir_bulk_packet ...), NULL if it has
 * none; `data` the bytes behind it. Both are borrowed for the call (clove_usbredir_take_data keeps the data).
 * Only packets that are legal for this end and these capabilities arrive. The parser may be freed inside. */
typedef void (*clove_usbredir_packet_fn)(void *owner, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data);

struct clove_usbredir_options {
	enum clove_usbredir_role role;
	uint32_t caps;                    /* what this end announces */
	const char *version;              /* free text of the hello; NULL: Clove's own */
	bool is_silent;                   /* no hello of its own: it waits for a migrated state */
	clove_usbredir_packet_fn packet;
	void *owner;
};

/* The hello is in the output at once. NULL without memory. */
struct clove_usbredir *clove_usbredir_new(const struct clove_usbredir_options *options);
void clove_usbredir_free(struct clove_usbredir *parser);

/* Takes all of `bytes`, in pieces of any size. CLOVE_ERR_VALUE, _BOUNDS, _LIMIT... after a packet that broke a
 * rule: it was skipped, and what follows it was read; clove_usbredir_error() says which rule. CLOVE_ERR_CLOSED
 * if the parser was freed by its owner inside. */
CLOVE_CHECKED enum clove_err clove_usbredir_feed(struct clove_usbredir *parser, struct clove_bytes bytes);
const char *clove_usbredir_error(const struct clove_usbredir *parser);

/* Inside the packet function: the data's heap block (free() it), so that bulk data are not copied again. */
uint8_t *clove_usbredir_take_data(struct clove_usbredir *parser);

/* Queues a packet. `data` is copied; send_take takes a heap block instead, on failure too.
 * CLOVE_ERR_UNSUPPORTED: the peer has not the capability. CLOVE_ERR_STATE: wrong side, wrong direction, or the
 * peer's hello is not here yet. */
CLOVE_CHECKED enum clove_err clove_usbredir_send(struct clove_usbredir *parser, uint32_t type, uint64_t id,
		const void *body, struct clove_bytes data);
CLOVE_CHECKED enum clove_err clove_usbredir_send_take(struct clove_usbredir *parser, uint32_t type, uint64_t id,
		const void *body, uint8_t *take_data, size_t len);

/* The bytes to send: fills at most n vectors and says how many; sent drops bytes from the front. */
int clove_usbredir_output(const struct clove_usbredir *parser, struct iovec *iov, int n);
void clove_usbredir_sent(struct clove_usbredir *parser, size_t len);
size_t clove_usbredir_unsent(const struct clove_usbredir *parser);

/* The hello of the peer is here. */
bool clove_usbredir_is_met(const struct clove_usbredir *parser);
/* Both ends have it (layouts) / the peer has it (permissions); false before its hello. */
bool clove_usbredir_has_cap(const struct clove_usbredir *parser, enum clove_usbredir_cap cap);
bool clove_usbredir_peer_has_cap(const struct clove_usbredir *parser, enum clove_usbredir_cap cap);

/* The state that QEMU carries in a migration (usbredir-wire section 7). Restore needs a new, silent parser. */
CLOVE_CHECKED enum clove_err clove_usbredir_save(const struct clove_usbredir *parser, struct clove_buf *state);
CLOVE_CHECKED enum clove_err clove_usbredir_restore(struct clove_usbredir *parser, struct clove_bytes state);

#endif
