/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.c - the handshake's steps and every reason to refuse one (spice-wire 2 and 3). */
#include "common/net/link.h"

#include <openssl/crypto.h>
#include <string.h>

enum {
	MAJOR = 2, MINOR = 2,
	HEADER_SIZE = 16,
	MESSAGE_SIZE = 18, MESSAGE_MAX = 4096,
	REPLY_SIZE = 178, REPLY_MAX = 16384,
	WORDS_MAX = 1024,              /* of either capability set */
	MECHANISM_SPICE = CLOVE_COMMON_CAP_AUTH_SPICE,
};

static const uint8_t magic[4] = { 'R', 'E', 'D', 'Q' };

static const char *const error_names[] = {
	[CLOVE_LINK_OK] = "accepted",
	[CLOVE_LINK_ERROR] = "an error without a name",
	[CLOVE_LINK_INVALID_MAGIC] = "not the SPICE protocol",
	[CLOVE_LINK_INVALID_DATA] = "invalid link data",
	[CLOVE_LINK_VERSION_MISMATCH] = "another protocol version",
	[CLOVE_LINK_NEED_SECURED] = "this channel needs TLS",
	[CLOVE_LINK_NEED_UNSECURED] = "this channel is not offered over TLS",
	[CLOVE_LINK_PERMISSION_DENIED] = "wrong or expired password",
	[CLOVE_LINK_BAD_CONNECTION_ID] = "no such connection",
	[CLOVE_LINK_CHANNEL_NOT_AVAILABLE] = "no such channel",
};

const char *clove_link_error_name(enum clove_link_error error)
{
	if ((unsigned int)error >= sizeof error_names / sizeof error_names[0])
		return "an unknown error";
	return error_names[error];
}

enum step_id {
	SERVER_MAGIC, SERVER_HEADER, SERVER_MESSAGE, SERVER_MECHANISM, SERVER_TICKET,
	CLIENT_HEADER, CLIENT_REPLY, CLIENT_RESULT, CLIENT_REFUSAL_HEADER, CLIENT_REFUSAL,
};

/* `size` bytes are there when the handler is called. It chooses what is next. */
struct step {
	uint32_t size;                 /* 0: told by the header before */
	void (*arrived)(struct clove_link *link, const uint8_t *bytes);
};

static const struct step steps[];

static void expect(struct clove_link *link, enum step_id step, uint32_t size)
{
	link->step = step;
	link->size = size ? size : steps[step].size;
}

static void fail(struct clove_link *link, enum clove_link_error error, const char *reason)
{
	link->state = CLOVE_LINK_FAILED;
	link->error = error;
	link->reason = reason;
}

static void emit(struct clove_link *link, const void *bytes, size_t len)
{
	if (clove_buf_append(&link->out, bytes, len) != CLOVE_OK)
		fail(link, CLOVE_LINK_ERROR, "out of memory");
}

static void emit_word(struct clove_link *link, uint32_t word)
{
	uint8_t bytes[4];

	clove_put_le32(bytes, word);
	emit(link, bytes, sizeof bytes);
}

/* A header, `len` fixed bytes (the capability counts and offset are their last 12), capabilities. */
static void emit_linked(struct clove_link *link, uint8_t *fixed, uint32_t len,
		const struct clove_caps *common, const struct clove_caps *channel)
{
	uint32_t commons = common ? clove_caps_count(common) : 0;
	uint32_t channels = channel ? clove_caps_count(channel) : 0;
	uint8_t header[HEADER_SIZE];

	memcpy(header, magic, sizeof magic);
	clove_put_le32(header + 4, MAJOR);
	clove_put_le32(header + 8, MINOR);
	clove_put_le32(header + 12, len + 4 * (commons + channels));
	if (common) {
		clove_put_le32(fixed + len - 12, commons);
		clove_put_le32(fixed + len - 8, channels);
		clove_put_le32(fixed + len - 4, len);
	}
	emit(link, header, sizeof header);
	emit(link, fixed, len);
	for (uint32_t i = 0; i < commons; i++)
		emit_word(link, common->words[i]);
	for (uint32_t i = 0; i < channels; i++)
		emit_word(link, channel->words[i]);
}

/* `counts` are the two counts and the offset; `whole` is what the offset is from. */
static bool read_caps(const uint8_t *counts, struct clove_bytes whole, uint32_t fixed,
		struct clove_caps *common, struct clove_caps *channel)
{
	uint32_t commons = clove_le32(counts), channels = clove_le32(counts + 4);
	uint32_t offset = clove_le32(counts + 8);

	*common = *channel = (struct clove_caps){ 0 };
	if (commons > WORDS_MAX || channels > WORDS_MAX)
		return false;
	if (commons + channels == 0)
		return true;
	if (offset < fixed || offset > whole.len || 4 * (commons + channels) > whole.len - offset)
		return false;

	const uint8_t *words = whole.data + offset;

	/* Words that we do not keep have no bits that we know. */
	for (uint32_t i = 0; i < commons && i < CLOVE_CAPS_WORDS; i++)
		common->words[i] = clove_le32(words + 4 * i);
	for (uint32_t i = 0; i < channels && i < CLOVE_CAPS_WORDS; i++)
		channel->words[i] = clove_le32(words + 4 * (commons + i));
	return true;
}

/* -- server -- */

static void refuse(struct clove_link *link, enum clove_link_error error, const char *reason)
{
	uint8_t reply[REPLY_SIZE] = { 0 };

	clove_put_le32(reply, error);
	emit_linked(link, reply, sizeof reply, NULL, NULL);
	fail(link, error, reason);
}

void clove_link_init_server(struct clove_link *link)
{
	*link = (struct clove_link){ .is_server = true };
	clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_AUTH_SELECTION);
	clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_AUTH_SPICE);
	clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_MINI_HEADER);
	expect(link, SERVER_MAGIC, 0);
}

/* Looked at before the rest: who speaks another protocol may wait for us after a few bytes. A
 * web socket's "GET " will leave here. */
static void on_magic(struct clove_link *link, const uint8_t *bytes)
{
	if (memcmp(bytes, magic, sizeof magic) == 0)
		expect(link, SERVER_HEADER, 0);
	else if (memcmp(bytes, "GET ", 4) == 0)
		refuse(link, CLOVE_LINK_INVALID_MAGIC, "a web request; web sockets are not offered");
	else
		refuse(link, CLOVE_LINK_INVALID_MAGIC, "not the SPICE protocol");
}

static void on_header(struct clove_link *link, const uint8_t *bytes)
{
	uint32_t major = clove_le32(bytes), size = clove_le32(bytes + 8);

	/* Version 0 had another reply, which nobody would understand today. */
	if (major == 0)
		fail(link, CLOVE_LINK_VERSION_MISMATCH, "protocol version 0");
	else if (major != MAJOR)
		refuse(link, CLOVE_LINK_VERSION_MISMATCH, "another protocol version");
	else if (size < MESSAGE_SIZE || size > MESSAGE_MAX)
		refuse(link, CLOVE_LINK_INVALID_DATA, "a link message of impossible size");
	else
		expect(link, SERVER_MESSAGE, size);
}

static void on_message(struct clove_link *link, const uint8_t *bytes)
{
	struct clove_link_info *info = &link->info;

	info->connection_id = clove_le32(bytes);
	info->channel_type = bytes[4];
	info->channel_id = bytes[5];
	if (read_caps(bytes + 6, CLOVE_BYTES(bytes, link->size), MESSAGE_SIZE,
			&info->common_caps, &info->channel_caps))
		link->state = CLOVE_LINK_ASKING;
	else
		refuse(link, CLOVE_LINK_INVALID_DATA, "capabilities outside their message");
}

void clove_link_refuse(struct clove_link *link, enum clove_link_error error)
{
	refuse(link, error, clove_link_error_name(error));
}

void clove_link_accept(struct clove_link *link, const struct clove_caps *channel_caps,
		struct clove_ticket *take_ticket)
{
	static const struct clove_caps none;
	uint8_t reply[REPLY_SIZE] = { 0 };

	clove_ticket_unref(link->ticket);
	link->ticket = take_ticket;
	if (!take_ticket) {
		clove_link_refuse(link, CLOVE_LINK_ERROR);
		return;
	}
	memcpy(reply + 4, clove_ticket_public_key(take_ticket), CLOVE_TICKET_KEY_SIZE);
	link->state = CLOVE_LINK_GOING_ON;
	link->mini_header = clove_caps_has(&link->info.common_caps, CLOVE_COMMON_CAP_MINI_HEADER);
	emit_linked(link, reply, sizeof reply, &link->own_common, channel_caps ? channel_caps : &none);
	if (clove_caps_has(&link->info.common_caps, CLOVE_COMMON_CAP_AUTH_SELECTION))
		expect(link, SERVER_MECHANISM, 0);
	else
		expect(link, SERVER_TICKET, 0);
}

/* SASL will leave here. */
static void on_mechanism(struct clove_link *link, const uint8_t *bytes)
{
	if (clove_le32(bytes) == MECHANISM_SPICE)
		expect(link, SERVER_TICKET, 0);
	else
		refuse(link, CLOVE_LINK_INVALID_DATA, "an authentication mechanism that is not offered");
}

static void on_ticket(struct clove_link *link, const uint8_t *bytes)
{
	if (clove_ticket_open(link->ticket, bytes, link->password) == CLOVE_OK) {
		link->state = CLOVE_LINK_TICKETED;
		return;
	}
	clove_link_finish(link, CLOVE_LINK_PERMISSION_DENIED);
	link->reason = "a ticket that does not decrypt";
}

void clove_link_finish(struct clove_link *link, enum clove_link_error result)
{
	OPENSSL_cleanse(link->password, sizeof link->password);
	if (result == CLOVE_LINK_OK)
		link->state = CLOVE_LINK_DONE;
	else
		fail(link, result, clove_link_error_name(result));
	emit_word(link, result);
}

/* -- client -- */

void clove_link_init_client(struct clove_link *link, const struct clove_link_info *wanted,
		const char *password)
{
	uint8_t message[MESSAGE_SIZE] = { 0 };
	size_t len = password ? strnlen(password, sizeof link->password) : 0;

	*link = (struct clove_link){ .own_common = wanted->common_caps };
	if (!clove_caps_count(&link->own_common)) {
		clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_AUTH_SELECTION);
		clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_AUTH_SPICE);
		clove_caps_set(&link->own_common, CLOVE_COMMON_CAP_MINI_HEADER);
	}
	if (len > CLOVE_TICKET_PASSWORD_MAX) {
		fail(link, CLOVE_LINK_PERMISSION_DENIED, "the password has more than 60 bytes");
		return;
	}
	if (len)
		memcpy(link->password, password, len);
	clove_put_le32(message, wanted->connection_id);
	message[4] = wanted->channel_type;
	message[5] = wanted->channel_id;
	emit_linked(link, message, sizeof message, &link->own_common, &wanted->channel_caps);
	expect(link, CLIENT_HEADER, 0);
}

/* The fields behind the magic, of a reply or of a refusal after the reply. */
static bool read_reply_header(struct clove_link *link, const uint8_t *bytes, enum step_id next)
{
	uint32_t size = clove_le32(bytes + 8);

	if (clove_le32(bytes) != MAJOR)
		fail(link, CLOVE_LINK_VERSION_MISMATCH, "the server speaks another protocol version");
	else if (size < REPLY_SIZE || size > REPLY_MAX)
		fail(link, CLOVE_LINK_INVALID_DATA, "the server's reply has an impossible size");
	else
		expect(link, next, size);
	return link->state == CLOVE_LINK_GOING_ON;
}

static void on_reply_header(struct clove_link *link, const uint8_t *bytes)
{
	if (memcmp(bytes, magic, sizeof magic) != 0)
		fail(link, CLOVE_LINK_INVALID_MAGIC, "this is not a SPICE server");
	else
		read_reply_header(link, bytes + 4, CLIENT_REPLY);
}

static bool is_accepted(struct clove_link *link, uint32_t error)
{
	if (error == CLOVE_LINK_OK)
		return true;
	fail(link, error <= CLOVE_LINK_CHANNEL_NOT_AVAILABLE ? error : CLOVE_LINK_ERROR,
			clove_link_error_name(error));
	return false;
}

static void on_reply(struct clove_link *link, const uint8_t *bytes)
{
	struct clove_link_info *info = &link->info;
	const struct clove_caps *common = &info->common_caps;
	uint8_t sealed[CLOVE_TICKET_SIZE];

	if (!is_accepted(link, clove_le32(bytes)))
		return;
	if (!read_caps(bytes + 4 + CLOVE_TICKET_KEY_SIZE, CLOVE_BYTES(bytes, link->size), REPLY_SIZE,
			&info->common_caps, &info->channel_caps)) {
		fail(link, CLOVE_LINK_INVALID_DATA, "the server's capabilities lie outside its reply");
		return;
	}
	if (clove_caps_has(common, CLOVE_COMMON_CAP_AUTH_SASL) &&
			!clove_caps_has(common, CLOVE_COMMON_CAP_AUTH_SPICE)) {
		fail(link, CLOVE_LINK_PERMISSION_DENIED, "the server wants SASL, which is not offered here");
		return;
	}
	link->mini_header = clove_caps_has(common, CLOVE_COMMON_CAP_MINI_HEADER) &&
			clove_caps_has(&link->own_common, CLOVE_COMMON_CAP_MINI_HEADER);

	enum clove_err err = clove_ticket_seal(bytes + 4, link->password, sealed);

	OPENSSL_cleanse(link->password, sizeof link->password);
	if (err != CLOVE_OK) {
		fail(link, CLOVE_LINK_INVALID_DATA, "the server's key is none");
		return;
	}
	if (clove_caps_has(common, CLOVE_COMMON_CAP_AUTH_SELECTION) &&
			clove_caps_has(&link->own_common, CLOVE_COMMON_CAP_AUTH_SELECTION))
		emit_word(link, MECHANISM_SPICE);
	emit(link, sealed, sizeof sealed);
	expect(link, CLIENT_RESULT, 0);
}

/* A mechanism is refused by a second reply where the result should be. */
static void on_result(struct clove_link *link, const uint8_t *bytes)
{
	if (memcmp(bytes, magic, sizeof magic) == 0) {
		expect(link, CLIENT_REFUSAL_HEADER, 0);
		return;
	}
	link->was_refused_by_result = true;
	if (is_accepted(link, clove_le32(bytes))) {
		link->was_refused_by_result = false;
		link->state = CLOVE_LINK_DONE;
	}
}

static void on_refusal_header(struct clove_link *link, const uint8_t *bytes)
{
	read_reply_header(link, bytes, CLIENT_REFUSAL);
}

static void on_refusal(struct clove_link *link, const uint8_t *bytes)
{
	if (is_accepted(link, clove_le32(bytes)))
		fail(link, CLOVE_LINK_INVALID_DATA, "the server replied twice");
}

/* -- both -- */

static const struct step steps[] = {
	[SERVER_MAGIC]          = { 4,                 on_magic },
	[SERVER_HEADER]         = { HEADER_SIZE - 4,   on_header },
	[SERVER_MESSAGE]        = { 0,                 on_message },
	[SERVER_MECHANISM]      = { 4,                 on_mechanism }, /* if AUTH_SELECTION */
	[SERVER_TICKET]         = { CLOVE_TICKET_SIZE, on_ticket },
	[CLIENT_HEADER]         = { HEADER_SIZE,       on_reply_header },
	[CLIENT_REPLY]          = { 0,                 on_reply },
	[CLIENT_RESULT]         = { 4,                 on_result },
	[CLIENT_REFUSAL_HEADER] = { HEADER_SIZE - 4,   on_refusal_header },
	[CLIENT_REFUSAL]        = { 0,                 on_refusal },
};

enum clove_err clove_link_feed(struct clove_link *link, struct clove_bytes in, size_t *used)
{
	*used = 0;
	while (link->state == CLOVE_LINK_GOING_ON && *used < in.len) {
		size_t n = link->size - link->in.len;

		if (n > in.len - *used)
			n = in.len - *used;
		if (clove_buf_append(&link->in, in.data + *used, n) != CLOVE_OK) {
			fail(link, CLOVE_LINK_ERROR, "out of memory");
			return CLOVE_ERR_NOMEM;
		}
		*used += n;
		if (link->in.len < link->size)
			break;
		steps[link->step].arrived(link, link->in.data);
		clove_buf_clear(&link->in);
	}
	return CLOVE_OK;
}

void clove_link_fini(struct clove_link *link)
{
	if (!link)
		return;
	OPENSSL_cleanse(link->password, sizeof link->password);
	clove_ticket_unref(link->ticket);
	clove_buf_fini(&link->in);
	clove_buf_fini(&link->out);
	link->ticket = NULL;
}
