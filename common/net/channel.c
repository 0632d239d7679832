/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel.c - framing, serials, acks and dispatch of one connection (spice-wire 4 and 6). */
#include "common/net/channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum {
	MINI_HEADER = 6, FULL_HEADER = 18,
	COMMON_MAX = 8,                  /* ids up to here belong to every channel */
	SERVER_LIMIT = 64 << 10,
	LARGEST_BODY = 256 << 20,
	PING_LIMIT = 1 << 20,            /* the network test's ping has 256012 bytes */
	ARENA_LIMIT = 16 << 20,
	READ_LEAST = 16 << 10, READ_MOST = 256 << 10,
	READS_A_TURN = 16,               /* then the other watches of the loop have theirs */
	MESSAGES_A_TURN = 512,
	REPLIES_MOST = 64 << 10,         /* unread replies at which we stop reading */
	KEEP = 1 << 20,                  /* an empty buffer larger than this is given back */
};

/* One message as it lies in `in`. */
struct frame {
	uint16_t id;
	uint32_t sub_list;               /* 0: none */
	struct clove_bytes body;
};

static bool flush(struct clove_channel *channel);
static void on_timer(void *opaque);
static void on_event(void *opaque, int fd, int events);

static enum clove_direction incoming(const struct clove_channel *channel)
{
	return channel->is_server ? CLOVE_C2S : CLOVE_S2C;
}

static enum clove_direction outgoing(const struct clove_channel *channel)
{
	return channel->is_server ? CLOVE_S2C : CLOVE_C2S;
}

static const char *domain(const struct clove_channel *channel)
{
	const char *name = clove_channel_type_name(channel->type);

	return name ? name : "channel";
}

/* -- birth and death -- */

enum clove_err clove_channel_init(struct clove_channel *channel,
		const struct clove_channel_ops *ops, const struct clove_channel_options *options)
{
	channel->ops = ops;
	channel->loop = options->loop;
	channel->stream = options->take_stream;
	channel->type = options->type;
	channel->id = options->id;
	channel->is_server = options->is_server;
	channel->mini_header = options->mini_header;
	channel->read_ahead = options->read_ahead;
	channel->peer_common = options->peer_common;
	channel->peer_caps = options->peer_caps;
	channel->read_wants = CLOVE_READ;
	channel->write_wants = CLOVE_WRITE;
	channel->is_traced = clove_trace_enabled(domain(channel));
	clove_arena_init(&channel->arena, options->arena_limit ? options->arena_limit : ARENA_LIMIT);
	channel->timer = clove_timer_add(channel->loop, on_timer, channel);
	if (!channel->timer || clove_buf_append(&channel->in, options->early.data,
			options->early.len) != CLOVE_OK) {
		clove_channel_fini(channel);
		return CLOVE_ERR_NOMEM;
	}
	channel->bytes_in = options->early.len;
	return CLOVE_OK;
}

void clove_channel_fini(struct clove_channel *channel)
{
	if (!channel || !channel->loop)
		return;
	clove_watch_remove(channel->loop, channel->watch);
	clove_timer_remove(channel->loop, channel->timer);
	clove_stream_free(channel->stream);
	clove_buf_fini(&channel->in);
	clove_buf_fini(&channel->out);
	clove_buf_fini(&channel->ends);
	clove_buf_fini(&channel->scratch);
	clove_arena_fini(&channel->arena);
	channel->watch = NULL;
	channel->timer = NULL;
	channel->stream = NULL;
	channel->is_closed = true;
}

/* What is ready is handled in the next turn of the loop. */
static void go_on_soon(struct clove_channel *channel)
{
	clove_timer_start(channel->loop, channel->timer, 0);
}

static void close_now(struct clove_channel *channel, enum clove_err err)
{
	if (channel->is_closed)
		return;
	channel->is_closed = true;
	channel->close_err = err;
	clove_watch_remove(channel->loop, channel->watch);
	channel->watch = NULL;
	go_on_soon(channel);
}

static bool is_read_held(const struct clove_channel *channel)
{
	return channel->is_paused || channel->replies_queued > REPLIES_MOST;
}

static void update_watch(struct clove_channel *channel)
{
	int mask = 0;

	if (!channel->watch)
		return;
	if (!is_read_held(channel))
		mask |= channel->read_wants;
	if (channel->out.len)
		mask |= channel->write_wants;
	if (mask != channel->watch_mask)
		clove_watch_set(channel->loop, channel->watch, mask);
	channel->watch_mask = mask;
}

void clove_channel_start(struct clove_channel *channel)
{
	if (channel->is_started || channel->is_closed)
		return;
	channel->is_started = true;
	channel->watch_mask = channel->is_paused ? 0 : CLOVE_READ;
	channel->watch = clove_watch_add(channel->loop, channel->stream->fd, channel->watch_mask,
			on_event, channel);
	if (!channel->watch) {
		close_now(channel, CLOVE_ERR_NOMEM);
		return;
	}
	flush(channel);
	update_watch(channel);
	/* TLS may hold bytes that came with the link's. */
	if (channel->in.len || clove_stream_buffered(channel->stream))
		go_on_soon(channel);
}

/* -- sending -- */

static void trace(struct clove_channel *channel, bool is_sent, uint16_t id, struct clove_bytes body)
{
	const struct clove_message_type *type = clove_message_find(channel->type,
			is_sent ? outgoing(channel) : incoming(channel), id);
	struct clove_arena arena;
	struct clove_buf text = { 0 };
	void *message;

	clove_arena_init(&arena, ARENA_LIMIT);
	if (!type)
		clove_log_write(CLOVE_LOG_TRACE, domain(channel), "%s %u: message %u, %zu bytes",
				is_sent ? "sent" : "got", channel->id, id, body.len);
	else if (clove_wire_parse(type->layout(), body, &channel->peer_caps, &arena, &message) == CLOVE_OK &&
			clove_wire_print(type->layout(), message, &channel->peer_caps,
				clove_trace_secrets(), &text) == CLOVE_OK)
		clove_log_write(CLOVE_LOG_TRACE, domain(channel), "%s %u: %s %.*s",
				is_sent ? "sent" : "got", channel->id, type->name, (int)text.len,
				text.data ? (const char *)text.data : "");
	else
		clove_log_write(CLOVE_LOG_TRACE, domain(channel), "%s %u: %s, %zu bytes that do not parse",
				is_sent ? "sent" : "got", channel->id, type->name, body.len);
	clove_buf_fini(&text);
	clove_arena_fini(&arena);
}

static bool write_failed(struct clove_channel *channel, enum clove_err err)
{
	if (err == CLOVE_OK)
		return false;
	if (err == CLOVE_ERR_AGAIN)
		channel->write_wants = clove_stream_wants(channel->stream);
	else
		close_now(channel, err);
	return true;
}

/* Over TLS one write holds bytes of one message only. spice-gtk 0.42 waits for its socket before
 * each message; what OpenSSL has decoded with the last one would lie there unread for ever. */
static size_t one_write(const struct clove_channel *channel)
{
	size_t left = channel->out.len;

	if (channel->ends.len)
		memcpy(&left, channel->ends.data, sizeof left);
	return left;
}

static void consume(struct clove_channel *channel, size_t n)
{
	size_t left = one_write(channel) - n;

	channel->bytes_out += n;
	clove_buf_consume(&channel->out, n);
	if (!channel->ends.len)
		return;
	if (left)
		memcpy(channel->ends.data, &left, sizeof left);
	else
		clove_buf_consume(&channel->ends, sizeof left);
}

/* Writes what it can; true when the queue is empty. */
static bool flush(struct clove_channel *channel)
{
	while (channel->out.len && !channel->is_closed) {
		size_t put;

		if (write_failed(channel, clove_stream_write(channel->stream, channel->out.data,
				one_write(channel), &put)))
			return false;
		consume(channel, put);
	}
	if (channel->out.len)
		return false;
	if (channel->replies_queued > REPLIES_MOST)
		go_on_soon(channel); /* messages may wait in `in` */
	channel->replies_queued = 0;
	channel->write_wants = CLOVE_WRITE;
	if (channel->out.cap > KEEP)
		clove_buf_fini(&channel->out);
	return true;
}

/* Queues what the stream does not take at once. */
static enum clove_err put(struct clove_channel *channel, struct iovec *iov, int n)
{
	bool may_take_more = false;
	size_t left = 0;

	if (!channel->out.len && !channel->corks && channel->is_started) {
		size_t written;

		if (!write_failed(channel, clove_stream_writev(channel->stream, iov, n, &written))) {
			channel->bytes_out += written;
			may_take_more = true;
			for (int i = 0; i < n; i++) {
				size_t part = written < iov[i].iov_len ? written : iov[i].iov_len;

				iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
				iov[i].iov_len -= part;
				written -= part;
			}
		}
	}
	for (int i = 0; i < n; i++)
		left += iov[i].iov_len;
	if (left && channel->stream->is_tls &&
			clove_buf_append(&channel->ends, &left, sizeof left) != CLOVE_OK)
		return CLOVE_ERR_NOMEM;
	for (int i = 0; i < n; i++) {
		if (channel->is_reply)
			channel->replies_queued += iov[i].iov_len;
		if (clove_buf_append(&channel->out, iov[i].iov_base, iov[i].iov_len) != CLOVE_OK)
			return CLOVE_ERR_NOMEM;
	}
	/* A TLS stream takes one record at a time. */
	if (may_take_more)
		flush(channel);
	if (!channel->corks)
		update_watch(channel);
	return CLOVE_OK;
}

void clove_channel_send_raw(struct clove_channel *channel, uint16_t id, struct clove_bytes body)
{
	uint8_t header[FULL_HEADER] = { 0 };
	uint8_t *fields = channel->mini_header ? header : header + 8;

	if (channel->is_closed)
		return;
	if (body.len > UINT32_MAX) {
		close_now(channel, CLOVE_ERR_LIMIT);
		return;
	}
	channel->sent_serial++;
	if (!channel->mini_header)
		clove_put_le64(header, channel->sent_serial);
	clove_put_le16(fields, id);
	clove_put_le32(fields + 2, (uint32_t)body.len);
	if (channel->is_traced)
		trace(channel, true, id, body);
	if (channel->ack_window && channel->is_server)
		channel->ack_outstanding++;

	struct iovec iov[] = {
		{ header, channel->mini_header ? MINI_HEADER : FULL_HEADER },
		{ (void *)(uintptr_t)body.data, body.len },
	};

	if (put(channel, iov, body.len ? 2 : 1) != CLOVE_OK)
		close_now(channel, CLOVE_ERR_NOMEM);
}

void clove_channel_send(struct clove_channel *channel, uint16_t id, const void *message)
{
	const struct clove_message_type *type = clove_message_find(channel->type, outgoing(channel), id);
	enum clove_err err = CLOVE_ERR_STATE;

	if (channel->is_closed)
		return;
	clove_buf_clear(&channel->scratch);
	if (type)
		err = message ? clove_wire_write(type->layout(), message, &channel->peer_caps,
				&channel->scratch) : CLOVE_OK;
	if (err != CLOVE_OK) { /* our own mistake, inside someone's machine */
		clove_log(ERROR, domain(channel), "cannot write message %u: %s", id, clove_err_name(err));
		close_now(channel, err);
		return;
	}
	clove_channel_send_raw(channel, id, clove_buf_bytes(&channel->scratch));
	if (channel->scratch.cap > KEEP)
		clove_buf_fini(&channel->scratch);
}

/* An answer that the peer can provoke as often as it likes. */
static void reply(struct clove_channel *channel, uint16_t id, const void *message)
{
	channel->is_reply = true;
	clove_channel_send(channel, id, message);
	channel->is_reply = false;
}

void clove_channel_cork(struct clove_channel *channel)
{
	channel->corks++;
}

void clove_channel_uncork(struct clove_channel *channel)
{
	if (!channel->corks || --channel->corks || !channel->is_started)
		return;
	flush(channel);
	update_watch(channel);
}

size_t clove_channel_queued(const struct clove_channel *channel)
{
	return channel->out.len;
}

bool clove_channel_may_send(const struct clove_channel *channel)
{
	return !channel->ack_window || channel->ack_outstanding <= (uint64_t)channel->ack_window * 2;
}

void clove_channel_set_ack(struct clove_channel *channel, uint32_t window)
{
	struct clove_set_ack set = { .generation = ++channel->ack_generation, .window = window };

	channel->ack_window = window;
	channel->ack_outstanding = 0;
	clove_channel_send(channel, CLOVE_SET_ACK, &set);
}

/* -- messages of every channel -- */

static enum clove_err on_set_ack(struct clove_channel *channel, const void *message)
{
	const struct clove_set_ack *set = message;
	struct clove_ack_sync sync = { .generation = set->generation };

	channel->ack_generation = set->generation;
	channel->ack_window = channel->ack_left = set->window;
	reply(channel, CLOVE_ACK_SYNC, &sync);
	return CLOVE_OK;
}

static enum clove_err on_ping(struct clove_channel *channel, const void *message)
{
	const struct clove_ping *ping = message;
	struct clove_pong pong = { .id = ping->id, .timestamp = ping->timestamp };

	reply(channel, CLOVE_PONG, &pong);
	return CLOVE_OK;
}

static enum clove_err on_wait_for_channels(struct clove_channel *channel, const void *message)
{
	if (channel->ops->wait_for && channel->ops->wait_for(channel, message))
		clove_channel_pause(channel);
	return CLOVE_OK;
}

static enum clove_err on_notify(struct clove_channel *channel, const void *message)
{
	if (channel->ops->notify)
		channel->ops->notify(channel, message);
	return CLOVE_OK;
}

static enum clove_err on_ack_sync(struct clove_channel *channel, const void *message)
{
	const struct clove_ack_sync *sync = message;

	channel->ack_client_generation = sync->generation;
	return CLOVE_OK;
}

static enum clove_err on_ack(struct clove_channel *channel, const void *message)
{
	uint32_t window = channel->ack_window;

	(void)message;
	if (!window || channel->ack_client_generation != channel->ack_generation)
		return CLOVE_OK;
	channel->ack_outstanding -= window < channel->ack_outstanding ? window : channel->ack_outstanding;
	if (channel->ops->writable)
		channel->ops->writable(channel);
	return CLOVE_OK;
}

static enum clove_err on_pong(struct clove_channel *channel, const void *message)
{
	const struct clove_pong *pong = message;

	if (channel->ops->pong)
		channel->ops->pong(channel, pong->id, pong->timestamp);
	return CLOVE_OK;
}

typedef enum clove_err (*common_fn)(struct clove_channel *channel, const void *message);

static const common_fn client_handlers[COMMON_MAX + 1] = {
	[CLOVE_SET_ACK] = on_set_ack,
	[CLOVE_PING] = on_ping,
	[CLOVE_WAIT_FOR_CHANNELS] = on_wait_for_channels,
	[CLOVE_NOTIFY] = on_notify,
};

static const common_fn server_handlers[COMMON_MAX + 1] = {
	[CLOVE_ACK_SYNC] = on_ack_sync,
	[CLOVE_ACK] = on_ack,
	[CLOVE_PONG] = on_pong,
};

/* -- receiving -- */

static clove_handler_fn find_handler(const struct clove_channel *channel, uint16_t id)
{
	for (const struct clove_handler *h = channel->ops->handlers; h && h->id; h++)
		if (h->id == id)
			return h->fn;
	return NULL;
}

static enum clove_err handle(struct clove_channel *channel, uint16_t id, struct clove_bytes body)
{
	const struct clove_message_type *type = clove_message_find(channel->type, incoming(channel), id);
	common_fn common = id > COMMON_MAX ? NULL :
			channel->is_server ? server_handlers[id] : client_handlers[id];
	clove_handler_fn own = find_handler(channel, id);
	enum clove_err err = CLOVE_OK;
	void *message;

	if (channel->is_traced)
		trace(channel, false, id, body);
	if (!type)
		return CLOVE_ERR_STATE;
	if (!common && !own && channel->is_server && id == CLOVE_MIGRATE_FLUSH_MARK)
		return CLOVE_ERR_STATE;
	err = clove_wire_parse(type->layout(), body, &channel->peer_caps, &channel->arena, &message);
	if (err == CLOVE_OK && common)
		err = common(channel, message);
	if (err == CLOVE_OK && own && !channel->is_closed)
		err = own(channel, message);
	return err;
}

/* True to go on. A server closes on a peer's mistake; a client leaves that message out. */
static bool handled(struct clove_channel *channel, uint16_t id, size_t len, enum clove_err err)
{
	if (err == CLOVE_OK)
		return !channel->is_closed;
	clove_log_limited(WARN, domain(channel), "%s: message %u of %zu bytes: %s%s",
			channel->stream->peer, id, len, clove_err_name(err),
			channel->is_server ? "; closing" : "; skipped");
	if (channel->is_server)
		close_now(channel, err);
	return !channel->is_closed;
}

/* The sub-messages at `at` (spice-wire 4.2). Goes on where a pause interrupted it. True when all
 * are done. Sizes in sub-messages are not trusted: the sender may count its own memory. */
static bool dispatch_subs(struct clove_channel *channel, struct clove_bytes body, uint32_t at)
{
	uint32_t count;

	if (at > body.len || body.len - at < 2)
		return handled(channel, CLOVE_LIST, body.len, CLOVE_ERR_BOUNDS);
	count = clove_le16(body.data + at);
	if ((body.len - at - 2) / 4 < count)
		return handled(channel, CLOVE_LIST, body.len, CLOVE_ERR_BOUNDS);
	while (channel->subs_done < count) {
		uint32_t offset = clove_le32(body.data + at + 2 + 4 * (size_t)channel->subs_done);

		if (channel->is_paused)
			return false;
		channel->subs_done++;
		if (offset > body.len || body.len - offset < MINI_HEADER) {
			if (!handled(channel, CLOVE_LIST, body.len, CLOVE_ERR_BOUNDS))
				return false;
			continue;
		}

		uint16_t id = clove_le16(body.data + offset);
		struct clove_bytes sub = { body.data + offset + MINI_HEADER,
				body.len - offset - MINI_HEADER };
		enum clove_err err = id == CLOVE_LIST ? CLOVE_ERR_STATE : handle(channel, id, sub);

		if (err == CLOVE_ERR_AGAIN && channel->is_paused) {
			channel->subs_done--;
			return false;
		}
		if (!handled(channel, id, sub.len, err))
			return false;
	}
	return !channel->is_paused;
}

/* True when the message is done with and may be dropped. */
static bool dispatch(struct clove_channel *channel, const struct frame *frame)
{
	bool is_list = !channel->is_server && channel->mini_header && frame->id == CLOVE_LIST;

	/* An ack says that the message was received, not that it was handled; it goes once, also
	 * when the message has to be begun again behind a pause. */
	if (!channel->is_resumed && channel->ack_window && !channel->is_server && channel->ack_left &&
			--channel->ack_left == 0) {
		channel->ack_left = channel->ack_window;
		reply(channel, CLOVE_ACK, NULL);
	}
	channel->is_resumed = true;
	if (is_list)
		return dispatch_subs(channel, frame->body, 0);
	if (!channel->is_server && frame->sub_list &&
			!dispatch_subs(channel, frame->body, frame->sub_list))
		return false;
	if (channel->is_closed)
		return false;

	enum clove_err err = handle(channel, frame->id, frame->body);

	if (err == CLOVE_ERR_AGAIN && channel->is_paused)
		return false;
	return handled(channel, frame->id, frame->body.len, err);
}

static uint32_t body_limit(struct clove_channel *channel, uint16_t id)
{
	uint32_t limit = channel->is_server ? SERVER_LIMIT : LARGEST_BODY;

	if (channel->ops->body_limit)
		limit = channel->ops->body_limit(channel, id);
	if (limit == 0 || limit > LARGEST_BODY)
		limit = LARGEST_BODY;
	if (!channel->is_server && id == CLOVE_PING && limit < PING_LIMIT)
		limit = PING_LIMIT;
	return limit;
}

/* How many bytes the message at `at` of `in` has, as far as they tell; 0: too many. */
static size_t frame_at(struct clove_channel *channel, size_t at, struct frame *frame)
{
	size_t header = channel->mini_header ? MINI_HEADER : FULL_HEADER;
	const uint8_t *fields;

	if (channel->in.len - at < header)
		return header;
	fields = channel->in.data + at;
	if (!channel->mini_header)
		fields += 8;
	*frame = (struct frame){
		.id = clove_le16(fields),
		.sub_list = channel->mini_header ? 0 : clove_le32(fields + 6),
		.body = { channel->in.data + at + header, clove_le32(fields + 2) },
	};
	if (frame->body.len > body_limit(channel, frame->id))
		return 0;
	return header + frame->body.len;
}

bool clove_channel_peek(struct clove_channel *channel, size_t *at, uint16_t *id, struct clove_bytes *body)
{
	struct frame frame;
	size_t need;

	if (!*at)
		*at = frame_at(channel, 0, &frame);
	need = *at <= channel->in.len ? frame_at(channel, *at, &frame) : 0;
	if (!need || channel->in.len - *at < need || frame.sub_list)
		return false;
	*at += need;
	*id = frame.id;
	*body = frame.body;
	return true;
}

/* Handles whole messages in `in`; returns how many bytes are missing for the next one. 0: one
 * waits there (paused, or its turn is over), or the channel is closed. */
static size_t dispatch_all(struct clove_channel *channel)
{
	size_t missing = 0;
	int left = MESSAGES_A_TURN;

	while (!channel->is_closed && !is_read_held(channel) && left > 0) {
		struct frame frame;
		size_t need = frame_at(channel, 0, &frame);

		if (need == 0) {
			clove_log_limited(WARN, domain(channel), "%s: message %u with %zu bytes is too large",
					channel->stream->peer, frame.id, frame.body.len);
			close_now(channel, CLOVE_ERR_LIMIT);
			break;
		}
		if (channel->in.len < need) {
			missing = need - channel->in.len;
			break;
		}

		bool is_done = dispatch(channel, &frame);

		clove_arena_reset(&channel->arena);
		if (!is_done && !channel->is_closed && channel->is_paused)
			break;
		channel->received_serial++;
		channel->subs_done = 0;
		channel->is_resumed = false;
		clove_buf_consume(&channel->in, need);
		if (!channel->in.len && channel->in.cap > KEEP)
			clove_buf_fini(&channel->in);
		left--;
	}
	return missing;
}

/* The peer ended; in order only between two messages. */
static void end(struct clove_channel *channel)
{
	close_now(channel, channel->in.len ? CLOVE_ERR_SHORT : CLOVE_ERR_CLOSED);
}

/* At least one byte, and then as much of what is to be read ahead as there is. */
static enum clove_err fill(struct clove_channel *channel, size_t room)
{
	enum clove_err err;
	size_t sum = 0, got;

	do {
		uint8_t *to = clove_buf_reserve(&channel->in, room);

		if (!to)
			return CLOVE_ERR_NOMEM;
		got = 0;
		err = clove_stream_read(channel->stream, to, room, &got);
		if (err)
			break;
		channel->in.len += got;
		channel->bytes_in += got;
		sum += got;
		room = READ_MOST;
	} while (channel->in.len < channel->read_ahead);
	return sum ? CLOVE_OK : err;
}

/* Reads and handles until nothing is left, the owner pauses, or this turn is over. */
static void receive(struct clove_channel *channel)
{
	for (int reads = 0; reads < READS_A_TURN; reads++) {
		size_t missing = dispatch_all(channel);

		if (channel->is_closed || is_read_held(channel))
			return;
		if (!missing)
			break;

		size_t room = missing < READ_LEAST ? READ_LEAST : missing > READ_MOST ? READ_MOST : missing;
		enum clove_err err = fill(channel, room);

		if (err == CLOVE_ERR_AGAIN) {
			channel->read_wants = clove_stream_wants(channel->stream);
			return;
		}
		channel->read_wants = CLOVE_READ;
		if (err == CLOVE_ERR_CLOSED) {
			end(channel);
			return;
		}
		if (err != CLOVE_OK) {
			close_now(channel, err);
			return;
		}
	}
	/* The descriptor may stay silent although there is more. */
	go_on_soon(channel);
}

static void go_on(struct clove_channel *channel)
{
	bool had_queue = channel->out.len > 0 && !channel->corks;
	bool is_empty = had_queue && flush(channel);

	/* A handler may turn the loop itself; then only the queue moves. */
	if (channel->in_event) {
		update_watch(channel);
		return;
	}
	channel->in_event = true;
	if (is_empty && channel->ops->writable)
		channel->ops->writable(channel);
	if (!channel->is_closed)
		receive(channel);
	update_watch(channel);
	channel->in_event = false;
	if (channel->is_closed)
		go_on_soon(channel);
}

static void on_event(void *opaque, int fd, int events)
{
	(void)fd;
	(void)events;
	go_on(opaque);
}

static void on_timer(void *opaque)
{
	struct clove_channel *channel = opaque;

	if (channel->is_closed && !channel->in_event)
		channel->ops->closed(channel, channel->close_err);
	else if (!channel->is_closed && channel->is_started)
		go_on(channel);
}

void clove_channel_pause(struct clove_channel *channel)
{
	channel->is_paused = true;
	update_watch(channel);
}

void clove_channel_resume(struct clove_channel *channel)
{
	if (!channel->is_paused)
		return;
	channel->is_paused = false;
	if (channel->is_closed)
		return;
	update_watch(channel);
	go_on_soon(channel);
}

void clove_channel_close(struct clove_channel *channel, enum clove_err err)
{
	if (channel->is_closed)
		return;
	if (channel->is_started)
		flush(channel);
	close_now(channel, err);
}
