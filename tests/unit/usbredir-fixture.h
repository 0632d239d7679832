/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbredir-fixture.h - random legal packets of every type, and packets that arrived, to be compared. */
#ifndef CLOVE_TESTS_USBREDIR_FIXTURE_H
#define CLOVE_TESTS_USBREDIR_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "usb/device.h"
#include "usbredir/parser.h"

enum { FROM_HOST = 1, FROM_GUEST = 2, FROM_BOTH = 3 };
enum { RULE_NO_DATA, RULE_CAPS, RULE_TEXT, RULE_BY_ENDPOINT };
enum {
	CAP_NO_CAP = 0,
	CAP_FILTER = 1 << CLOVE_USBREDIR_CAP_FILTER,
	CAP_DEVICE_DISCONNECT_ACK = 1 << CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK,
	CAP_BULK_RECEIVING = 1 << CLOVE_USBREDIR_CAP_BULK_RECEIVING,
	CAP_SHARED_BULK_STREAMS = 1 << CLOVE_USBREDIR_CAP_BULK_STREAMS,
};

struct packet_kind {
	const char *name;
	int senders, cap;
	const struct clove_layout *(*layout)(void);
	int data;
};

#include "common/protocol/wire-messages.h"
#define PACKET(number, n, sender, c, l, rule) \
	[number] = { #n, FROM_##sender, CAP_##c, clove_##l##_layout, RULE_##rule },
static const struct packet_kind packet_kinds[] = {
#include "usbredir/packets.def"
};
#undef PACKET
#include "common/protocol/wire-end.h"

enum { PACKET_KINDS = sizeof packet_kinds / sizeof packet_kinds[0], BODY_MAX = 512, DATA_SOME = 5000 };

static inline uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* What both ends make of an announced word. */
static inline uint32_t legal_caps(uint32_t caps)
{
	return caps & 1 && !(caps & 1 << CLOVE_USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE) ? caps & ~1u : caps;
}

static inline bool may_send(uint32_t type, bool is_host, uint32_t ours, uint32_t theirs)
{
	const struct packet_kind *kind = &packet_kinds[type];
	uint32_t has = kind->cap == CAP_SHARED_BULK_STREAMS ? ours & theirs : theirs;

	return kind->name && type != CLOVE_USBREDIR_HELLO &&
			kind->senders & (is_host ? FROM_HOST : FROM_GUEST) && (!kind->cap || has & (uint32_t)kind->cap);
}

struct packet {
	uint32_t type;
	uint64_t id;
	uint8_t body[BODY_MAX] __attribute__((aligned(8))); /* the struct */
	uint8_t data[DATA_SOME];
	size_t len;
};

static inline uint8_t draw_endpoint(uint64_t *random)
{
	return (uint8_t)(draw(random) & 0x8f);
}

/* A legal one; `shared` are the capabilities of both ends. */
static inline void make_packet(struct packet *packet, uint32_t type, bool is_host, uint32_t shared, uint64_t *random)
{
	static const uint8_t types[] = { 0, 1, 2, 3, 255 };
	void *body = packet->body;
	uint8_t endpoint = draw_endpoint(random);
	size_t wanted = draw(random) % 4 ? draw(random) % 100 : draw(random) % DATA_SOME;

	*packet = (struct packet){ .type = type, .id = draw(random) };
	if (!(shared & 1 << CLOVE_USBREDIR_CAP_64BITS_IDS))
		packet->id = (uint32_t)packet->id;
	for (size_t i = 0; i < DATA_SOME; i += 8)
		memcpy(packet->data + i, &(uint64_t){ draw(random) }, 8);
	for (size_t i = 0; i < packet_kinds[type].layout()->size; i++)
		packet->body[i] = (uint8_t)draw(random);
	if (type == CLOVE_USBREDIR_FILTER_FILTER) {
		packet->len = 1 + draw(random) % 300;
		memset(packet->data, '1', packet->len - 1);
		packet->data[packet->len - 1] = 0;
	}
	if (type == CLOVE_USBREDIR_ISO_PACKET || type == CLOVE_USBREDIR_BUFFERED_BULK_PACKET ||
			(type == CLOVE_USBREDIR_INTERRUPT_PACKET && !is_host))
		endpoint = (uint8_t)((endpoint & 0x0f) | (is_host ? 0x80 : 0));
	if (packet_kinds[type].data == RULE_BY_ENDPOINT && is_host == !!(endpoint & 0x80))
		packet->len = wanted;
	switch (type) {
	case CLOVE_USBREDIR_INTERFACE_INFO:
		((struct clove_usbredir_interface_info *)body)->interface_count %= 33;
		break;
	case CLOVE_USBREDIR_EP_INFO:
		for (int i = 0; i < 32; i++) {
			((struct clove_usbredir_ep_info *)body)->type[i] = types[draw(random) % 5];
			((struct clove_usbredir_ep_info *)body)->interval[i] |= 1;
		}
		break;
	case CLOVE_USBREDIR_START_INTERRUPT_RECEIVING:
		((struct clove_usbredir_start_interrupt_receiving *)body)->endpoint |= 0x80;
		break;
	case CLOVE_USBREDIR_STOP_INTERRUPT_RECEIVING:
		((struct clove_usbredir_stop_interrupt_receiving *)body)->endpoint |= 0x80;
		break;
	case CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS:
		((struct clove_usbredir_interrupt_receiving_status *)body)->endpoint |= 0x80;
		break;
	case CLOVE_USBREDIR_START_BULK_RECEIVING:
		((struct clove_usbredir_start_bulk_receiving *)body)->endpoint |= 0x80;
		((struct clove_usbredir_start_bulk_receiving *)body)->bytes_per_transfer %= CLOVE_USBREDIR_DATA_MAX + 1;
		break;
	case CLOVE_USBREDIR_STOP_BULK_RECEIVING:
		((struct clove_usbredir_stop_bulk_receiving *)body)->endpoint |= 0x80;
		break;
	case CLOVE_USBREDIR_BULK_RECEIVING_STATUS:
		((struct clove_usbredir_bulk_receiving_status *)body)->endpoint |= 0x80;
		break;
	case CLOVE_USBREDIR_CONTROL_PACKET:
		((struct clove_usbredir_control_packet *)body)->endpoint = endpoint;
		((struct clove_usbredir_control_packet *)body)->length = (uint16_t)wanted;
		break;
	case CLOVE_USBREDIR_BULK_PACKET:
		((struct clove_usbredir_bulk_packet *)body)->endpoint = endpoint;
		((struct clove_usbredir_bulk_packet *)body)->length = (uint16_t)wanted;
		((struct clove_usbredir_bulk_packet *)body)->length_high = 0;
		if (shared & 1 << CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH && is_host != !!(endpoint & 0x80))
			((struct clove_usbredir_bulk_packet *)body)->length_high = (uint16_t)(draw(random) % 0x800);
		break;
	case CLOVE_USBREDIR_ISO_PACKET:
		((struct clove_usbredir_iso_packet *)body)->endpoint = endpoint;
		((struct clove_usbredir_iso_packet *)body)->length = (uint16_t)wanted;
		break;
	case CLOVE_USBREDIR_INTERRUPT_PACKET:
		((struct clove_usbredir_interrupt_packet *)body)->endpoint = endpoint;
		((struct clove_usbredir_interrupt_packet *)body)->length = (uint16_t)wanted;
		break;
	case CLOVE_USBREDIR_BUFFERED_BULK_PACKET:
		((struct clove_usbredir_buffered_bulk_packet *)body)->endpoint = endpoint;
		((struct clove_usbredir_buffered_bulk_packet *)body)->length = (uint32_t)wanted;
		break;
	default:
		break;
	}
}

/* The type header's bytes, every field that there can be; returns how many the other end has seen. */
static inline size_t body_bytes(uint32_t type, const void *body, uint32_t shared, uint8_t bytes[BODY_MAX])
{
	const struct clove_caps all = { { CLOVE_USBREDIR_CAPS_ALL } }, some = { { shared } };
	struct clove_buf out = { 0 };

	if (body)
		ck_assert_int_eq(clove_wire_write(packet_kinds[type].layout(), body, &all, &out), CLOVE_OK);
	ck_assert_uint_le(out.len, BODY_MAX);
	memset(bytes, 0, BODY_MAX);
	if (out.len)
		memcpy(bytes, out.data, out.len);
	clove_buf_fini(&out);
	return clove_wire_size(packet_kinds[type].layout(), &some);
}

/* What arrived, as bytes one behind the other. */
struct arrived {
	struct clove_buf log;
	uint32_t shared;
	unsigned int count, errors;
};

static inline void note(struct arrived *arrived, uint32_t type, uint64_t id, const uint8_t *body, size_t body_len,
		struct clove_bytes data)
{
	uint64_t words[4] = { type, id, body_len, data.len };

	ck_assert_int_eq(clove_buf_append(&arrived->log, words, sizeof words), CLOVE_OK);
	ck_assert_int_eq(clove_buf_append(&arrived->log, body, body_len), CLOVE_OK);
	ck_assert_int_eq(clove_buf_append(&arrived->log, data.data, data.len), CLOVE_OK);
	arrived->count++;
}

static inline void note_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct arrived *arrived = owner;
	uint8_t bytes[BODY_MAX];

	if (type != CLOVE_USBREDIR_HELLO)
		note(arrived, type, id, bytes, body_bytes(type, body, arrived->shared, bytes), data);
}

static inline void expect(struct arrived *arrived, const struct packet *packet)
{
	uint8_t bytes[BODY_MAX];
	size_t len = body_bytes(packet->type, packet->body, arrived->shared, bytes);

	note(arrived, packet->type, packet->id, bytes, len, CLOVE_BYTES(packet->data, packet->len));
}

static inline void same(const struct arrived *got, const struct arrived *want, const char *why)
{
	ck_assert_msg(got->count == want->count, "%s: %u packets instead of %u", why, got->count, want->count);
	ck_assert_msg(got->log.len == want->log.len && !memcmp(got->log.data, want->log.data, got->log.len),
			"%s: other packets than were sent", why);
}

static inline void drain(struct clove_usbredir *parser, struct clove_buf *to)
{
	struct iovec iov[3];
	int n;

	while ((n = clove_usbredir_output(parser, iov, 3)) > 0) {
		size_t len = 0;

		for (int i = 0; i < n; i++) {
			ck_assert_int_eq(clove_buf_append(to, iov[i].iov_base, iov[i].iov_len), CLOVE_OK);
			len += iov[i].iov_len;
		}
		clove_usbredir_sent(parser, len);
	}
	ck_assert_uint_eq(clove_usbredir_unsent(parser), 0);
}

/* Each piece in a block of its own that is gone after the call: a sanitizer sees who keeps a pointer. */
static inline enum clove_err feed_piece(struct clove_usbredir *parser, const uint8_t *data, size_t len)
{
	uint8_t *block = malloc(len ? len : 1);
	enum clove_err err;

	memcpy(block, data, len);
	err = clove_usbredir_feed(parser, CLOVE_BYTES(block, len));
	memset(block, 0xee, len);
	free(block);
	return err;
}

#endif
