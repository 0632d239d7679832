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
#include "usbredir/packets.h"

enum clove_usbredir_role {
	CLOVE_USBREDIR_HOST,      /* has the device */
	CLOVE_USBREDIR_GUEST,     /* has the driver */
};

enum {
	CLOVE_USBREDIR_DATA_MAX = 128 << 20,  /* bytes of one packet's data */
	/* While more than this waits to be sent, nothing can be queued (CLOVE_ERR_LIMIT). It is the last line
	 * of defence: a sender asks clove_usbredir_unsent() long before, drops what may be dropped (packets of
	 * streams) and stops feeding what asks for more. */
	CLOVE_USBREDIR_UNSENT_MAX = 128 << 20,
};

struct clove_usbredir;

/* `body` is the packet's struct from packets.def (struct clove_usbredir_bulk_packet ...), NULL if it has
 * none; `data` the bytes behind it. Both are borrowed for the call (clove_usbredir_take_data keeps the data).
 * Only packets that are legal for this end and these capabilities arrive; the hello does too, once. The parser
 * may be freed inside. A guest's parser acknowledges DEVICE_DISCONNECT by itself, after this call. */
typedef void (*clove_usbredir_packet_fn)(void *owner, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data);

struct clove_usbredir_options {
	enum clove_usbredir_role role;
	uint32_t caps;                    /* what this end announces; a guest always acknowledges a disconnect */
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

/* Inside the packet function: the data as a heap block (free() it), so that bulk data are not copied again.
 * NULL if there are none, or without memory. */
uint8_t *clove_usbredir_take_data(struct clove_usbredir *parser);

/* Queues a packet. `data` is copied; send_take takes a heap block instead, on failure too.
 * CLOVE_ERR_UNSUPPORTED: the peer has not the capability. CLOVE_ERR_STATE: wrong side, wrong direction, or the
 * peer's hello is not here yet. CLOVE_ERR_LIMIT: CLOVE_USBREDIR_UNSENT_MAX; CLOVE_ERR_BOUNDS, _VALUE: no legal
 * packet. Both are callable from inside the packet function. */
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
