/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parser.c - knows which packet is legal now, from whom and with what behind it, and how a stream of bytes
 * becomes packets and packets a stream of bytes. */
#include "usbredir/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/protocol/caps.h"
#include "common/util/arena.h"
#include "common/util/list.h"
#include "common/util/log.h"
#include "usb/device.h"

/* -- the table of packets -- */

#include "common/protocol/wire-tables.h"
#define PACKET(number, n, sender, cap, l, data)
#include "usbredir/packets.def"
#undef PACKET
#include "common/protocol/wire-end.h"

enum { FROM_HOST = 1, FROM_GUEST = 2, FROM_BOTH = 3 };

enum data_rule {
	NO_DATA,
	CAPS,                    /* whole words */
	TEXT,                    /* at least its NUL */
	BY_ENDPOINT,             /* as many as the type header says, in the endpoint's direction */
};

enum {
	RECEIVERS = 0x100, SHARED = 0x200, CAP_BITS = 0xff,
	NEEDS_NO_CAP = 0,
	NEEDS_FILTER = RECEIVERS | CLOVE_USBREDIR_CAP_FILTER,
	NEEDS_DEVICE_DISCONNECT_ACK = RECEIVERS | CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK,
	NEEDS_BULK_RECEIVING = RECEIVERS | CLOVE_USBREDIR_CAP_BULK_RECEIVING,
	NEEDS_SHARED_BULK_STREAMS = SHARED | CLOVE_USBREDIR_CAP_BULK_STREAMS,
};

struct kind {
	const char *name;
	int senders;
	int needs;
	const struct clove_layout *(*layout)(void);
	enum data_rule data;
};

#include "common/protocol/wire-messages.h"
#define PACKET(number, n, sender, cap, l, rule) \
	[number] = { #n, FROM_##sender, NEEDS_##cap, clove_##l##_layout, rule },
static const struct kind kinds[] = {
#include "usbredir/packets.def"
};
#undef PACKET
#include "common/protocol/wire-end.h"

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* -- the parser -- */

enum {
	SHORT_HEADER = 12, LONG_HEADER = 16,
	TYPE_HEADER_MAX = 288,           /* ep_info with everything */
	LENGTH_MAX = CLOVE_USBREDIR_DATA_MAX + 1024,
	FIRST_STEP = 64 * 1024,          /* of memory for data that have not come yet */
	ARENA_MAX = 16 * 1024,
	STATE_MAGIC = 0x55525031,
};

/* A packet in the queue: the headers, and perhaps small data, in `head`. */
struct queued {
	struct clove_list link;
	uint8_t *data;                   /* owned; behind the head */
	size_t head_len, data_len;
	uint8_t head[];
};

struct clove_usbredir {
	struct clove_usbredir_options options;
	struct clove_caps ours, peers, shared;
	bool is_met, was_fed;
	bool is_feeding, is_dying;       /* freed inside its own packet function */

	/* the packet that arrives */
	uint64_t to_skip;                /* of a packet that broke a rule */
	uint8_t header[LONG_HEADER], type_header[TYPE_HEADER_MAX];
	size_t header_read, type_header_read, type_header_len;
	const struct kind *kind;
	uint8_t *data;
	size_t data_len, data_read, data_room;
	void *body;                      /* in the arena */
	struct clove_arena arena;

	struct clove_bytes given;        /* the data that the packet function looks at */
	uint8_t *given_block;            /* their heap block, if they have one */

	struct clove_list queue;
	size_t sent;                     /* bytes of the first in the queue that are gone */
	size_t unsent;

	struct clove_buf scratch;
	char error[160];
};

__attribute__((format(printf, 3, 4)))
static enum clove_err refuse(struct clove_usbredir *p, enum clove_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, sizeof p->error, format, args);
	va_end(args);
	return err;
}

/* Streams tell their number in ep_info, behind the packet sizes: not without those (section 1.1). */
static void set_caps(struct clove_caps *caps, uint32_t word)
{
	if (word & 1u << CLOVE_USBREDIR_CAP_BULK_STREAMS &&
			!(word & 1u << CLOVE_USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE)) {
		clove_log_limited(INFO, "usbredir", "bulk_streams without ep_info_max_packet_size is ignored");
		word &= ~(1u << CLOVE_USBREDIR_CAP_BULK_STREAMS);
	}
	*caps = (struct clove_caps){ .words = { word & CLOVE_USBREDIR_CAPS_ALL } };
}

static void meet(struct clove_usbredir *p, uint32_t caps)
{
	set_caps(&p->peers, caps);
	p->shared.words[0] = p->ours.words[0] & p->peers.words[0];
	p->is_met = true;
}

static size_t header_len(const struct clove_usbredir *p)
{
	return clove_usbredir_has_cap(p, CLOVE_USBREDIR_CAP_64BITS_IDS) ? LONG_HEADER : SHORT_HEADER;
}

/* -- what is legal -- */

static bool may(const struct clove_usbredir *p, const struct kind *kind, bool is_sending)
{
	unsigned int cap = (unsigned int)kind->needs & CAP_BITS;

	if (kind->needs & SHARED)
		return clove_caps_has(&p->shared, cap);
	if (kind->needs & RECEIVERS)
		return clove_caps_has(is_sending ? &p->peers : &p->ours, cap);
	return true;
}

static bool is_from(const struct clove_usbredir *p, const struct kind *kind, bool is_sending)
{
	bool by_host = (p->options.role == CLOVE_USBREDIR_HOST) == is_sending;

	return kind->senders & (by_host ? FROM_HOST : FROM_GUEST);
}

static enum clove_err check_ep_info(struct clove_usbredir *p, const struct clove_usbredir_ep_info *info)
{
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		uint8_t type = info->type[i];

		if (type > CLOVE_USB_INTERRUPT && type != CLOVE_USB_NO_ENDPOINT)
			return refuse(p, CLOVE_ERR_VALUE, "EP_INFO: endpoint %u is of unknown type %u", i, type);
		if (!info->interval[i] && (type == CLOVE_USB_ISO || type == CLOVE_USB_INTERRUPT))
			return refuse(p, CLOVE_ERR_VALUE, "EP_INFO: endpoint %u has an interval of 0", i);
	}
	return CLOVE_OK;
}

/* The direction rule (section 4): `endpoint` and `length` as the type header says them. */
static enum clove_err check_data(struct clove_usbredir *p, const struct kind *kind, uint8_t endpoint,
		uint32_t length, size_t len, bool is_sending, bool must_carry)
{
	bool to_host = (p->options.role == CLOVE_USBREDIR_HOST) != is_sending;
	bool carries = to_host == !(endpoint & CLOVE_USB_IN);

	if (must_carry && !carries)
		return refuse(p, CLOVE_ERR_STATE, "%s goes against the direction of endpoint 0x%02x", kind->name,
				endpoint);
	if (carries && len != length)
		return refuse(p, CLOVE_ERR_BOUNDS, "%s has %zu bytes of data and says %u", kind->name, len,
				(unsigned int)length);
	if (!carries && len)
		return refuse(p, CLOVE_ERR_BOUNDS, "%s has data against the direction of endpoint 0x%02x",
				kind->name, endpoint);
	return CLOVE_OK;
}

static enum clove_err check_in_endpoint(struct clove_usbredir *p, const struct kind *kind, uint8_t endpoint)
{
	if (!(endpoint & CLOVE_USB_IN))
		return refuse(p, CLOVE_ERR_VALUE, "%s is for the OUT endpoint 0x%02x", kind->name, endpoint);
	return CLOVE_OK;
}

static enum clove_err check_limit(struct clove_usbredir *p, const struct kind *kind, uint64_t length)
{
	if (length > CLOVE_USBREDIR_DATA_MAX)
		return refuse(p, CLOVE_ERR_LIMIT, "%s of %llu bytes is too long", kind->name,
				(unsigned long long)length);
	return CLOVE_OK;
}

#define AS(name) ((const struct clove_usbredir_##name *)body)

/* What no layout can say, of a packet with `len` bytes of data behind its type header. */
static enum clove_err check_body(struct clove_usbredir *p, uint32_t type, const void *body, size_t len,
		bool is_sending)
{
	const struct kind *kind = &kinds[type];
	enum clove_err err;

	switch (type) {
	case CLOVE_USBREDIR_INTERFACE_INFO:
		if (AS(interface_info)->interface_count > CLOVE_USB_INTERFACES)
			return refuse(p, CLOVE_ERR_LIMIT, "INTERFACE_INFO has %u interfaces",
					(unsigned int)AS(interface_info)->interface_count);
		return CLOVE_OK;
	case CLOVE_USBREDIR_EP_INFO:
		return check_ep_info(p, AS(ep_info));
	case CLOVE_USBREDIR_START_INTERRUPT_RECEIVING:
		return check_in_endpoint(p, kind, AS(start_interrupt_receiving)->endpoint);
	case CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING:
		return check_in_endpoint(p, kind, AS(stop_interrupt_receiving)->endpoint);
	case CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS:
		return check_in_endpoint(p, kind, AS(interrupt_receiving_status)->endpoint);
	case CLOVE_USBREDIR_START_BULK_RECEIVING:
		err = check_limit(p, kind, AS(start_bulk_receiving)->bytes_per_transfer);
		return err != CLOVE_OK ? err : check_in_endpoint(p, kind, AS(start_bulk_receiving)->endpoint);
	case CLOVE_USBREDIR_STOP_BULK_RECEIVING:
		return check_in_endpoint(p, kind, AS(stop_bulk_receiving)->endpoint);
	case CLOVE_USBREDIR_BULK_RECEIVING_STATUS:
		return check_in_endpoint(p, kind, AS(bulk_receiving_status)->endpoint);
	case CLOVE_USBREDIR_CONTROL_PACKET:
		return check_data(p, kind, AS(control_packet)->endpoint, AS(control_packet)->length, len,
				is_sending, false);
	case CLOVE_USBREDIR_BULK_PACKET:
		if (is_sending && AS(bulk_packet)->length_high &&
				!clove_usbredir_has_cap(p, CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH))
			return refuse(p, CLOVE_ERR_UNSUPPORTED, "BULK_PACKET is too long for the other end");
		err = check_limit(p, kind, clove_usbredir_bulk_length(AS(bulk_packet)));
		return err != CLOVE_OK ? err : check_data(p, kind, AS(bulk_packet)->endpoint,
				clove_usbredir_bulk_length(AS(bulk_packet)), len, is_sending, false);
	case CLOVE_USBREDIR_ISO_PACKET:
		return check_data(p, kind, AS(iso_packet)->endpoint, AS(iso_packet)->length, len,
				is_sending, true);
	case CLOVE_USBREDIR_INTERRUPT_PACKET:
		/* an answer to OUT goes to the guest without data; nobody asks for IN with one */
		return check_data(p, kind, AS(interrupt_packet)->endpoint, AS(interrupt_packet)->length, len,
				is_sending, AS(interrupt_packet)->endpoint & CLOVE_USB_IN);
	case CLOVE_USBREDIR_BUFFERED_BULK_PACKET:
		return check_data(p, kind, AS(buffered_bulk_packet)->endpoint, AS(buffered_bulk_packet)->length, len,
				is_sending, true);
	default:
		return CLOVE_OK;
	}
}

#undef AS

static enum clove_err check_text(struct clove_usbredir *p, const struct kind *kind, struct clove_bytes data)
{
	if (kind->data == TEXT && (!data.len || data.data[data.len - 1]))
		return refuse(p, CLOVE_ERR_VALUE, "%s does not end its text", kind->name);
	return CLOVE_OK;
}

/* -- reading -- */

static uint32_t incoming_type(const struct clove_usbredir *p)
{
	return clove_le32(p->header);
}

static uint64_t incoming_id(const struct clove_usbredir *p)
{
	return header_len(p) == LONG_HEADER ? clove_le64(p->header + 8) : clove_le32(p->header + 8);
}

/* Forgets the packet that arrives. */
static void forget(struct clove_usbredir *p)
{
	free(p->data);
	p->data = NULL;
	p->kind = NULL;
	p->header_read = p->type_header_read = p->type_header_len = 0;
	p->data_len = p->data_read = p->data_room = 0;
	p->body = NULL;
	clove_arena_reset(&p->arena);
}

/* The header is here: is this packet one that may come? */
static enum clove_err judge_header(struct clove_usbredir *p)
{
	uint32_t type = incoming_type(p), length = clove_le32(p->header + 4);

	if (length > LENGTH_MAX)
		return refuse(p, CLOVE_ERR_LIMIT, "a packet of %u bytes is too long", (unsigned int)length);
	if (type >= KINDS || !kinds[type].name)
		return refuse(p, CLOVE_ERR_VALUE, "there is no packet of type %u", (unsigned int)type);
	p->kind = &kinds[type];
	if (!is_from(p, p->kind, false))
		return refuse(p, CLOVE_ERR_STATE, "%s comes from the wrong side", p->kind->name);
	if (!p->is_met && type != CLOVE_USBREDIR_HELLO)
		return refuse(p, CLOVE_ERR_STATE, "%s comes before the hello", p->kind->name);
	if (!may(p, p->kind, false))
		return refuse(p, CLOVE_ERR_UNSUPPORTED, "%s needs a capability that was not announced",
				p->kind->name);
	p->type_header_len = clove_wire_size(p->kind->layout(), &p->shared);
	if (length < p->type_header_len)
		return refuse(p, CLOVE_ERR_SHORT, "%s has only %u bytes", p->kind->name, (unsigned int)length);
	p->data_len = length - p->type_header_len;
	if (p->data_len && p->kind->data == NO_DATA)
		return refuse(p, CLOVE_ERR_BOUNDS, "%s has %zu bytes too many", p->kind->name, p->data_len);
	if (p->kind->data == TEXT && !p->data_len)
		return refuse(p, CLOVE_ERR_SHORT, "%s has no text", p->kind->name);
	if (p->kind->data == CAPS && p->data_len % sizeof(uint32_t))
		return refuse(p, CLOVE_ERR_SHORT, "%s has half a capability word", p->kind->name);
	return CLOVE_OK;
}

/* The type header is here. */
static enum clove_err judge_type_header(struct clove_usbredir *p)
{
	enum clove_err err = clove_wire_parse(p->kind->layout(), CLOVE_BYTES(p->type_header, p->type_header_len),
			&p->shared, &p->arena, &p->body);

	if (err != CLOVE_OK)
		return refuse(p, err, "%s cannot be read: %s", p->kind->name, clove_err_name(err));
	return check_body(p, incoming_type(p), p->body, p->data_len, false);
}

static void take_hello(struct clove_usbredir *p, const struct clove_usbredir_hello *hello, struct clove_bytes caps)
{
	meet(p, caps.len >= sizeof(uint32_t) ? clove_le32(caps.data) : 0);
	clove_log(INFO, "usbredir", "the other end is %.63s, capabilities 0x%02x", (const char *)hello->version,
			(unsigned int)p->peers.words[0]);
}

/* The packet is whole. What it was is forgotten before the owner looks: the owner may send, take, free. */
static enum clove_err dispatch(struct clove_usbredir *p, struct clove_bytes data, uint8_t *block)
{
	const struct kind *kind = p->kind;
	uint32_t type = incoming_type(p);
	uint64_t id = incoming_id(p);
	void *body = clove_wire_size(kind->layout(), &p->shared) ? p->body : NULL;
	enum clove_err err = check_text(p, kind, data);

	p->data = NULL;
	p->header_read = p->type_header_read = p->data_read = 0;
	if (err == CLOVE_OK && type == CLOVE_USBREDIR_HELLO && p->is_met) {
		clove_log_limited(WARN, "usbredir", "a second hello is ignored");
	} else if (err == CLOVE_OK) {
		if (type == CLOVE_USBREDIR_HELLO) {
			((struct clove_usbredir_hello *)body)->version[63] = 0;
			take_hello(p, body, data);
		}
		p->given = data;
		p->given_block = block;
		p->options.packet(p->options.owner, type, id, body, data);
		block = p->given_block;
		p->given = (struct clove_bytes){ 0 };
		p->given_block = NULL;
		if (type == CLOVE_USBREDIR_DEVICE_DISCONNECT && !p->is_dying &&
				clove_usbredir_peer_has_cap(p, CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK))
			err = clove_usbredir_send(p, CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL,
					CLOVE_BYTES(NULL, 0));
	}
	free(block);
	forget(p);
	return err;
}

static void copy(uint8_t *to, size_t *read, size_t want, struct clove_bytes *in)
{
	size_t n = want - *read < in->len ? want - *read : in->len;

	if (n)
		memcpy(to + *read, in->data, n);
	*read += n;
	in->data += n;
	in->len -= n;
}

/* Memory grows with the bytes that came, not with what the header promises. */
static enum clove_err read_data(struct clove_usbredir *p, struct clove_bytes *in)
{
	while (in->len && p->data_read < p->data_len) {
		if (p->data_read == p->data_room) {
			size_t room = p->data_room ? 2 * p->data_room : FIRST_STEP;
			uint8_t *grown;

			if (room < p->data_room + in->len)
				room = p->data_room + in->len;
			if (room > p->data_len)
				room = p->data_len;
			grown = realloc(p->data, room);
			if (!grown)
				return refuse(p, CLOVE_ERR_NOMEM, "no memory for a packet of %zu bytes", p->data_len);
			p->data = grown;
			p->data_room = room;
		}
		copy(p->data, &p->data_read, p->data_room, in);
	}
	return CLOVE_OK;
}

/* Skips what of the packet has not come yet. */
static void skip(struct clove_usbredir *p)
{
	uint64_t length = clove_le32(p->header + 4);

	p->to_skip = length - p->type_header_read - p->data_read;
	forget(p);
}

/* One step; *in moves on, or the packet ends. */
static enum clove_err step(struct clove_usbredir *p, struct clove_bytes *in)
{
	enum clove_err err;

	if (p->to_skip) {
		size_t n = p->to_skip < in->len ? (size_t)p->to_skip : in->len;

		p->to_skip -= n;
		in->data += n;
		in->len -= n;
		return CLOVE_OK;
	}
	if (p->header_read < header_len(p)) {
		copy(p->header, &p->header_read, header_len(p), in);
		if (p->header_read < header_len(p))
			return CLOVE_OK;
		err = judge_header(p);
		if (err != CLOVE_OK) {
			skip(p);
			return err;
		}
	}
	if (!p->body) {
		copy(p->type_header, &p->type_header_read, p->type_header_len, in);
		if (p->type_header_read < p->type_header_len)
			return CLOVE_OK;
		err = judge_type_header(p);
		if (err != CLOVE_OK) {
			skip(p);
			return err;
		}
	}
	if (!p->data_read && in->len >= p->data_len) {
		struct clove_bytes data = { in->data, p->data_len };

		in->data += data.len;
		in->len -= data.len;
		return dispatch(p, data, NULL);
	}
	err = read_data(p, in);
	if (err != CLOVE_OK) {
		skip(p);
		return err;
	}
	if (p->data_read == p->data_len)
		return dispatch(p, CLOVE_BYTES(p->data, p->data_len), p->data);
	return CLOVE_OK;
}

static void destroy(struct clove_usbredir *p)
{
	CLOVE_LIST_FOR_EACH(item, &p->queue) {
		struct queued *queued = CLOVE_CONTAINER(item, struct queued, link);

		free(queued->data);
		free(queued);
	}
	free(p->data);
	clove_arena_fini(&p->arena);
	clove_buf_fini(&p->scratch);
	free(p);
}

enum clove_err clove_usbredir_feed(struct clove_usbredir *p, struct clove_bytes bytes)
{
	enum clove_err err = CLOVE_OK;

	if (p->is_feeding)
		return refuse(p, CLOVE_ERR_STATE, "fed while it is being fed");
	p->is_feeding = p->was_fed = true;
	while (bytes.len && !p->is_dying) {
		enum clove_err one = step(p, &bytes);

		if (err == CLOVE_OK)
			err = one;
	}
	p->is_feeding = false;
	if (p->is_dying) {
		destroy(p);
		return CLOVE_ERR_CLOSED;
	}
	return err;
}

const char *clove_usbredir_error(const struct clove_usbredir *p)
{
	return p->error;
}

uint8_t *clove_usbredir_take_data(struct clove_usbredir *p)
{
	uint8_t *block = p->given_block;

	if (!block && p->given.len) {
		block = malloc(p->given.len);
		if (block)
			memcpy(block, p->given.data, p->given.len);
	}
	p->given_block = NULL;
	return block;
}

/* -- writing -- */

/* Takes `data`, on failure too. */
static enum clove_err enqueue(struct clove_usbredir *p, struct clove_bytes head, struct clove_bytes copied,
		uint8_t *data, size_t data_len)
{
	struct queued *queued = malloc(sizeof *queued + head.len + copied.len);

	if (!queued) {
		free(data);
		return refuse(p, CLOVE_ERR_NOMEM, "no memory to queue a packet");
	}
	queued->data = data;
	queued->data_len = data_len;
	queued->head_len = head.len + copied.len;
	memcpy(queued->head, head.data, head.len);
	if (copied.len)
		memcpy(queued->head + head.len, copied.data, copied.len);
	clove_list_append(&p->queue, &queued->link);
	p->unsent += queued->head_len + data_len;
	return CLOVE_OK;
}

static enum clove_err check_sending(struct clove_usbredir *p, uint32_t type, const void *body,
		struct clove_bytes data)
{
	const struct kind *kind = &kinds[type];
	enum clove_err err;

	if (type == CLOVE_USBREDIR_HELLO || !is_from(p, kind, true))
		return refuse(p, CLOVE_ERR_STATE, "%s is not ours to send", kind->name);
	if (!p->is_met)
		return refuse(p, CLOVE_ERR_STATE, "%s has to wait for the hello", kind->name);
	if (!may(p, kind, true))
		return refuse(p, CLOVE_ERR_UNSUPPORTED, "the other end does not know %s", kind->name);
	if (!body && clove_wire_size(kind->layout(), &p->shared))
		return refuse(p, CLOVE_ERR_VALUE, "%s without its type header", kind->name);
	if (kind->data == NO_DATA && data.len)
		return refuse(p, CLOVE_ERR_BOUNDS, "%s carries no data", kind->name);
	if (p->unsent > CLOVE_USBREDIR_UNSENT_MAX)
		return refuse(p, CLOVE_ERR_LIMIT, "the other end does not read: %zu bytes wait", p->unsent);
	err = check_limit(p, kind, data.len);
	if (err == CLOVE_OK)
		err = check_text(p, kind, data);
	return err == CLOVE_OK && body ? check_body(p, type, body, data.len, true) : err;
}

/* Header and type header into scratch. */
static enum clove_err write_head(struct clove_usbredir *p, uint32_t type, uint64_t id, const void *body,
		size_t data_len)
{
	size_t header = header_len(p);
	uint8_t *at;
	enum clove_err err;

	clove_buf_clear(&p->scratch);
	at = clove_buf_reserve(&p->scratch, header);
	if (!at)
		return CLOVE_ERR_NOMEM;
	p->scratch.len = header;
	err = body ? clove_wire_write(kinds[type].layout(), body, &p->shared, &p->scratch) : CLOVE_OK;
	if (err != CLOVE_OK)
		return err;
	at = p->scratch.data;
	clove_put_le32(at, type);
	clove_put_le32(at + 4, (uint32_t)(p->scratch.len - header + data_len));
	if (header == LONG_HEADER)
		clove_put_le64(at + 8, id);
	else
		clove_put_le32(at + 8, (uint32_t)id);
	return CLOVE_OK;
}

/* Either `data` are copied, or `block` is taken. */
static enum clove_err send_any(struct clove_usbredir *p, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data, uint8_t *block)
{
	enum clove_err err;

	if (type >= KINDS || !kinds[type].name)
		err = refuse(p, CLOVE_ERR_VALUE, "there is no packet of type %u", (unsigned int)type);
	else
		err = check_sending(p, type, body, data);
	if (err == CLOVE_OK)
		err = write_head(p, type, id, body, data.len);
	if (err != CLOVE_OK) {
		free(block);
		return err;
	}
	return block ? enqueue(p, clove_buf_bytes(&p->scratch), CLOVE_BYTES(NULL, 0), block, data.len) :
			enqueue(p, clove_buf_bytes(&p->scratch), data, NULL, 0);
}

enum clove_err clove_usbredir_send(struct clove_usbredir *p, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data)
{
	return send_any(p, type, id, body, data, NULL);
}

enum clove_err clove_usbredir_send_take(struct clove_usbredir *p, uint32_t type, uint64_t id, const void *body,
		uint8_t *take_data, size_t len)
{
	return send_any(p, type, id, body, CLOVE_BYTES(take_data, len), take_data);
}

static int add_vector(struct iovec *iov, int n, const uint8_t *data, size_t len, size_t *skipped)
{
	size_t drop = len < *skipped ? len : *skipped;

	*skipped -= drop;
	if (drop == len)
		return n;
	iov[n] = (struct iovec){ (void *)(uintptr_t)(data + drop), len - drop };
	return n + 1;
}

int clove_usbredir_output(const struct clove_usbredir *p, struct iovec *iov, int n)
{
	size_t skipped = p->sent;
	int used = 0;

	CLOVE_LIST_FOR_EACH(item, &p->queue) {
		const struct queued *queued = CLOVE_CONTAINER(item, struct queued, link);

		if (used < n)
			used = add_vector(iov, used, queued->head, queued->head_len, &skipped);
		if (used < n)
			used = add_vector(iov, used, queued->data, queued->data_len, &skipped);
		if (used == n)
			break;
	}
	return used;
}

void clove_usbredir_sent(struct clove_usbredir *p, size_t len)
{
	if (len > p->unsent)
		len = p->unsent;
	p->unsent -= len;
	p->sent += len;
	while (!clove_list_is_empty(&p->queue)) {
		struct queued *first = CLOVE_CONTAINER(p->queue.next, struct queued, link);

		if (p->sent < first->head_len + first->data_len)
			return;
		p->sent -= first->head_len + first->data_len;
		clove_list_remove(&first->link);
		free(first->data);
		free(first);
	}
}

size_t clove_usbredir_unsent(const struct clove_usbredir *p)
{
	return p->unsent;
}

/* -- birth, capabilities, death -- */

static enum clove_err queue_hello(struct clove_usbredir *p)
{
	struct clove_usbredir_hello hello = { .version = "Clove" };
	uint8_t caps[sizeof(uint32_t)];
	enum clove_err err;

	if (p->options.version)
		snprintf((char *)hello.version, sizeof hello.version, "%s", p->options.version);
	clove_put_le32(caps, p->ours.words[0]);
	err = write_head(p, CLOVE_USBREDIR_HELLO, 0, &hello, sizeof caps);
	return err == CLOVE_OK ? enqueue(p, clove_buf_bytes(&p->scratch), CLOVE_BYTES(caps, sizeof caps), NULL, 0) : err;
}

struct clove_usbredir *clove_usbredir_new(const struct clove_usbredir_options *options)
{
	struct clove_usbredir *p = calloc(1, sizeof *p);
	uint32_t caps = options->caps;

	if (!p)
		return NULL;
	p->options = *options;
	clove_list_init(&p->queue);
	clove_arena_init(&p->arena, ARENA_MAX);
	if (options->role == CLOVE_USBREDIR_GUEST)
		caps |= 1u << CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK;
	set_caps(&p->ours, caps);
	if (!options->is_silent && queue_hello(p) != CLOVE_OK) {
		clove_usbredir_free(p);
		return NULL;
	}
	return p;
}

void clove_usbredir_free(struct clove_usbredir *p)
{
	if (p && p->is_feeding)
		p->is_dying = true;
	else if (p)
		destroy(p);
}

bool clove_usbredir_is_met(const struct clove_usbredir *p)
{
	return p->is_met;
}

bool clove_usbredir_has_cap(const struct clove_usbredir *p, enum clove_usbredir_cap cap)
{
	return clove_caps_has(&p->shared, cap);
}

bool clove_usbredir_peer_has_cap(const struct clove_usbredir *p, enum clove_usbredir_cap cap)
{
	return clove_caps_has(&p->peers, cap);
}

/* -- the state in a migration (section 7) -- */

static enum clove_err put_u32(struct clove_buf *state, uint32_t v)
{
	return clove_buf_append(state, &v, sizeof v);
}

/* Counted bytes, the count the host's. */
static enum clove_err put_bytes(struct clove_buf *state, const void *data, size_t len)
{
	enum clove_err err = put_u32(state, (uint32_t)len);

	return err == CLOVE_OK ? clove_buf_append(state, data, len) : err;
}

static enum clove_err put_queue(const struct clove_usbredir *p, struct clove_buf *state)
{
	size_t skipped = p->sent;
	uint32_t count = 0;
	enum clove_err err;

	CLOVE_LIST_FOR_EACH(item, &p->queue)
		count++;
	err = put_u32(state, count);
	CLOVE_LIST_FOR_EACH(item, &p->queue) {
		const struct queued *queued = CLOVE_CONTAINER(item, struct queued, link);
		struct iovec iov[2];
		int n = add_vector(iov, 0, queued->head, queued->head_len, &skipped);

		n = add_vector(iov, n, queued->data, queued->data_len, &skipped);
		if (err == CLOVE_OK)
			err = put_u32(state, (uint32_t)(iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0)));
		for (int i = 0; i < n && err == CLOVE_OK; i++)
			err = clove_buf_append(state, iov[i].iov_base, iov[i].iov_len);
	}
	return err;
}

enum clove_err clove_usbredir_save(const struct clove_usbredir *p, struct clove_buf *state)
{
	size_t start = state->len;
	uint32_t total;
	enum clove_err err = put_u32(state, STATE_MAGIC);

	if (err == CLOVE_OK)
		err = put_u32(state, 0);
	if (err == CLOVE_OK)
		err = put_bytes(state, p->ours.words, sizeof(uint32_t));
	if (err == CLOVE_OK)
		err = put_bytes(state, p->peers.words, p->is_met ? sizeof(uint32_t) : 0);
	if (err == CLOVE_OK)
		err = put_u32(state, (uint32_t)p->to_skip);
	if (err == CLOVE_OK)
		err = put_bytes(state, p->header, p->header_read);
	if (err == CLOVE_OK)
		err = put_bytes(state, p->type_header, p->type_header_read);
	if (err == CLOVE_OK)
		err = put_bytes(state, p->data, p->data_read);
	if (err == CLOVE_OK)
		err = put_queue(p, state);
	if (err == CLOVE_OK && state->len - start > UINT32_MAX)
		err = CLOVE_ERR_LIMIT;
	if (err != CLOVE_OK) {
		state->len = start;
		return err;
	}
	total = (uint32_t)(state->len - start);
	memcpy(state->data + start + sizeof total, &total, sizeof total);
	return CLOVE_OK;
}

static bool get_u32(struct clove_bytes *in, uint32_t *v)
{
	if (in->len < sizeof *v)
		return false;
	memcpy(v, in->data, sizeof *v);
	in->data += sizeof *v;
	in->len -= sizeof *v;
	return true;
}

static bool get_bytes(struct clove_bytes *in, struct clove_bytes *bytes)
{
	uint32_t len;

	if (!get_u32(in, &len) || len > in->len)
		return false;
	*bytes = CLOVE_BYTES(in->data, len);
	in->data += len;
	in->len -= len;
	return true;
}

static enum clove_err restore_caps(struct clove_usbredir *p, struct clove_bytes ours, struct clove_bytes peers)
{
	uint32_t word;

	if (ours.len < sizeof word || ours.len % sizeof word || peers.len % sizeof word)
		return refuse(p, CLOVE_ERR_SHORT, "the saved capabilities are no whole words");
	memcpy(&word, ours.data, sizeof word);
	if (word & ~p->ours.words[0])
		return refuse(p, CLOVE_ERR_UNSUPPORTED, "the saved state has capabilities 0x%02x, and only 0x%02x "
				"are known here", (unsigned int)word, (unsigned int)p->ours.words[0]);
	set_caps(&p->ours, word); /* what the peer was told */
	if (peers.len) {
		memcpy(&word, peers.data, sizeof word);
		meet(p, word);
	}
	return CLOVE_OK;
}

/* The part of a packet that had arrived is read again, and so is judged again. */
static enum clove_err restore_incoming(struct clove_usbredir *p, struct clove_bytes header,
		struct clove_bytes type_header, struct clove_bytes data)
{
	size_t behind = type_header.len + data.len;

	if (header.len > header_len(p) || (header.len < header_len(p) && behind))
		return refuse(p, CLOVE_ERR_BOUNDS, "the saved packet has a header of %zu bytes", header.len);
	if (header.len == header_len(p) && behind >= clove_le32(header.data + 4))
		return refuse(p, CLOVE_ERR_BOUNDS, "the saved packet is whole");
	if (p->to_skip && header.len)
		return refuse(p, CLOVE_ERR_STATE, "the saved packet is both read and skipped");

	uint32_t to_skip = (uint32_t)p->to_skip;
	struct clove_bytes parts[] = { header, type_header, data };
	enum clove_err err = CLOVE_OK;

	p->to_skip = 0;
	for (size_t i = 0; i < 3; i++)
		while (parts[i].len) {
			enum clove_err one = step(p, &parts[i]);

			err = err == CLOVE_OK ? one : err;
		}
	if (to_skip)
		p->to_skip = to_skip;
	if (err != CLOVE_OK) /* the owner will not hear of it: the packet is skipped, as it would have been */
		clove_log(WARN, "usbredir", "in the saved state: %s", p->error);
	return CLOVE_OK;
}

static enum clove_err restore_queue(struct clove_usbredir *p, struct clove_bytes *in)
{
	struct clove_bytes packet;
	uint32_t count;

	if (!get_u32(in, &count))
		return refuse(p, CLOVE_ERR_SHORT, "the saved state is cut off");
	for (uint32_t i = 0; i < count; i++) {
		enum clove_err err;

		if (!get_bytes(in, &packet) || !packet.len)
			return refuse(p, CLOVE_ERR_SHORT, "a saved packet is empty or cut off");
		err = enqueue(p, packet, CLOVE_BYTES(NULL, 0), NULL, 0);
		if (err != CLOVE_OK)
			return err;
	}
	return CLOVE_OK;
}

enum clove_err clove_usbredir_restore(struct clove_usbredir *p, struct clove_bytes state)
{
	struct clove_bytes ours, peers, header, type_header, data;
	size_t whole = state.len;
	uint32_t magic, len, to_skip;
	enum clove_err err;

	if (p->is_met || p->was_fed)
		return refuse(p, CLOVE_ERR_STATE, "a state is restored into a new parser only");
	if (!get_u32(&state, &magic) || !get_u32(&state, &len))
		return refuse(p, CLOVE_ERR_SHORT, "the saved state is cut off");
	if (magic != STATE_MAGIC || len != whole)
		return refuse(p, CLOVE_ERR_VALUE, "this is no saved state, or of another length");
	if (!get_bytes(&state, &ours) || !get_bytes(&state, &peers) || !get_u32(&state, &to_skip) ||
			!get_bytes(&state, &header) || !get_bytes(&state, &type_header) ||
			!get_bytes(&state, &data))
		return refuse(p, CLOVE_ERR_SHORT, "the saved state is cut off");
	clove_usbredir_sent(p, p->unsent); /* the hello went out long ago */
	p->was_fed = true;
	err = restore_caps(p, ours, peers);
	if (err == CLOVE_OK) {
		p->to_skip = to_skip;
		err = restore_incoming(p, header, type_header, data);
	}
	if (err == CLOVE_OK)
		err = restore_queue(p, &state);
	if (err == CLOVE_OK && state.len)
		err = refuse(p, CLOVE_ERR_BOUNDS, "the saved state has %zu bytes too many", state.len);
	return err;
}
