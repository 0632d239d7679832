/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.c - which channels are opened when, what of a server's lists is believed, how all ends. */
#include "client-gtk/session.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

/* A server that has linked us and then says nothing. */
enum { INIT_WITHIN_MS = 10000 };

/* What an opening is for. */
struct slot {
	struct clove_session *session;
	enum clove_channel_type type;
	uint8_t id;
	bool is_taken;            /* a channel is opened once (USB: once at a time) */
	bool is_offered_again;    /* USB: while we still had the one before */
	struct clove_opening *opening;
};

struct display {
	struct clove_session_display public;
	struct slot slot, cursor_slot;
	struct clove_cursor_channel *cursor;
	/* as the server said last; what of it lies on the primary is public */
	struct clove_head config[CLOVE_SESSION_HEADS];
	unsigned int n_config;
};

struct usb {
	struct slot slot;
	struct clove_usbredir_channel *channel;
};

struct clove_session {
	struct clove_loop *loop;
	const struct clove_settings *settings;
	const struct clove_session_events *events;
	void *opaque;
	struct clove_tls *tls;
	char *tls_error, *tls_version;
	struct clove_display_thread *thread;
	struct clove_timer *timer;
	struct clove_main *main;
	struct clove_inputs_channel *inputs;
	struct slot main_slot, inputs_slot;
	struct display displays[CLOVE_SESSION_DISPLAYS];
	struct usb usb[CLOVE_SESSION_USB];
	uint32_t session_id;
	bool is_connected;
};

#define TELL(session, event, ...) \
	do { \
		if ((session)->events->event) \
			(session)->events->event((session)->opaque, ##__VA_ARGS__); \
	} while (0)

static void opened(void *opaque, struct clove_opened *result);

static void stop(struct clove_session *session)
{
	clove_timer_stop(session->loop, session->timer);
	clove_opening_cancel(session->main_slot.opening);
	session->main_slot.opening = NULL;
	clove_opening_cancel(session->inputs_slot.opening);
	session->inputs_slot.opening = NULL;
	clove_inputs_channel_free(session->inputs);
	session->inputs = NULL;
	for (int i = 0; i < CLOVE_SESSION_DISPLAYS; i++) {
		struct display *display = &session->displays[i];

		clove_opening_cancel(display->slot.opening);
		clove_opening_cancel(display->cursor_slot.opening);
		display->slot.opening = display->cursor_slot.opening = NULL;
		clove_display_free(display->public.channel);
		display->public.channel = NULL;
		display->public.n_heads = 0;
		clove_cursor_channel_free(display->cursor);
		display->cursor = NULL;
	}
	for (int i = 0; i < CLOVE_SESSION_USB; i++) {
		struct usb *usb = &session->usb[i];

		clove_opening_cancel(usb->slot.opening);
		usb->slot.opening = NULL;
		clove_usbredir_channel_free(usb->channel);
		usb->channel = NULL;
	}
	clove_display_thread_free(session->thread);
	session->thread = NULL;
	clove_main_channel_free(session->main);
	session->main = NULL;
}

static void fail(struct clove_session *session, enum clove_failure failure, const char *cause)
{
	char *text = g_strdup(cause); /* the session may be gone when it is read */

	stop(session);
	TELL(session, failed, failure, text);
	g_free(text);
}

/* -- displays and cursors -- */

static const struct clove_session_display *public(const struct display *display)
{
	return &display->public;
}

/* Heads lie inside the primary, or do not count; without any the primary is one. */
static void update_heads(struct display *display)
{
	struct clove_session_display *to = &display->public;
	struct clove_session *session = display->slot.session;
	struct clove_head heads[CLOVE_SESSION_HEADS];
	struct clove_pixels picture;
	unsigned int n = 0;

	if (!clove_display_picture(to->channel, &picture)) {
		to->n_heads = 0;
		return;
	}
	for (unsigned int i = 0; i < display->n_config; i++) {
		struct clove_head head = display->config[i];

		if (head.x >= picture.width || head.y >= picture.height)
			continue;
		head.width = MIN(head.width, picture.width - head.x);
		head.height = MIN(head.height, picture.height - head.y);
		heads[n++] = head;
	}
	if (!n)
		heads[n++] = (struct clove_head){ 0, 0, picture.width, picture.height };
	if (n == to->n_heads && !memcmp(heads, to->heads, n * sizeof heads[0]))
		return;
	memcpy(to->heads, heads, n * sizeof heads[0]);
	to->n_heads = n;
	TELL(session, heads, to);
}

static void display_primary_came(void *opaque, int32_t width, int32_t height)
{
	struct display *display = opaque;

	(void)width;
	(void)height;
	display->public.n_heads = 0; /* told again, also if they are the same */
	update_heads(display);
}

static void display_primary_went(void *opaque)
{
	struct display *display = opaque;

	TELL(display->slot.session, picture_goes, public(display));
	display->public.n_heads = 0;
}

static void display_changed(void *opaque, const pixman_region32_t *region)
{
	struct display *display = opaque;

	TELL(display->slot.session, changed, public(display), region);
}

static void display_marked(void *opaque)
{
	struct display *display = opaque;

	TELL(display->slot.session, marked, public(display));
}

static void display_monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	struct display *display = opaque;

	display->n_config = 0;
	for (uint32_t i = 0; i < config->count && display->n_config < CLOVE_SESSION_HEADS; i++) {
		const struct clove_display_head *head = &config->heads[i];

		/* we show the primary alone; absurd places are left out before anything is added */
		if (head->surface_id || !head->width || !head->height || head->width > INT16_MAX ||
				head->height > INT16_MAX || (uint32_t)head->x > UINT16_MAX ||
				(uint32_t)head->y > UINT16_MAX)
			continue;
		display->config[display->n_config++] = (struct clove_head){ (int32_t)head->x,
				(int32_t)head->y, (int32_t)head->width, (int32_t)head->height };
	}
	update_heads(display);
}

static void display_closed(void *opaque, enum clove_err err)
{
	struct display *display = opaque;

	/* with the whole session as a rule, whose main channel then tells; the picture stays */
	TELL(display->slot.session, channel_lost, CLOVE_CHANNEL_DISPLAY, display->public.id,
			clove_err_name(err));
}

static const struct clove_display_events display_events = {
	.primary_came = display_primary_came,
	.primary_went = display_primary_went,
	.changed = display_changed,
	.marked = display_marked,
	.monitors = display_monitors,
	.closed = display_closed,
};

static void cursor_shape(void *opaque, const struct clove_cursor_shape *shape)
{
	struct display *display = opaque;

	TELL(display->slot.session, cursor_shape, display->public.id, shape);
}

static void cursor_moved(void *opaque, int32_t x, int32_t y)
{
	struct display *display = opaque;

	TELL(display->slot.session, cursor_moved, display->public.id, x, y);
}

static void cursor_visible(void *opaque, bool is_visible)
{
	struct display *display = opaque;

	TELL(display->slot.session, cursor_visible, display->public.id, is_visible);
}

static void cursor_reset(void *opaque)
{
	struct display *display = opaque;

	TELL(display->slot.session, cursor_reset, display->public.id);
}

static void cursor_closed(void *opaque, enum clove_err err)
{
	struct display *display = opaque;

	(void)err;
	clove_cursor_channel_free(display->cursor);
	display->cursor = NULL;
	TELL(display->slot.session, cursor_reset, display->public.id);
}

static const struct clove_cursor_events cursor_events = {
	.shape = cursor_shape,
	.moved = cursor_moved,
	.visible = cursor_visible,
	.reset = cursor_reset,
	.closed = cursor_closed,
};

/* -- inputs -- */

static void inputs_modifiers(void *opaque, uint16_t modifiers)
{
	struct clove_session *session = opaque;

	TELL(session, modifiers, modifiers);
}

static void inputs_closed(void *opaque, enum clove_err err)
{
	struct clove_session *session = opaque;

	clove_inputs_channel_free(session->inputs);
	session->inputs = NULL;
	TELL(session, channel_lost, CLOVE_CHANNEL_INPUTS, 0, clove_err_name(err));
}

static const struct clove_inputs_events inputs_events = {
	.modifiers = inputs_modifiers,
	.closed = inputs_closed,
};

/* -- USB -- */

static void open_channel(struct slot *slot);

static void usb_device_left(void *opaque, const char *why)
{
	struct usb *usb = opaque;

	TELL(usb->slot.session, usb_device_left, usb->channel, why);
}

static void usb_filter(void *opaque, const char *rules)
{
	struct usb *usb = opaque;

	TELL(usb->slot.session, usb_filter, usb->channel, rules);
}

/* The server may take the channel away and offer it anew. */
static void usb_is_over(struct usb *usb)
{
	usb->slot.is_taken = false;
	if (usb->slot.is_offered_again)
		open_channel(&usb->slot);
}

static void usb_closed(void *opaque, enum clove_err err, const char *why)
{
	struct usb *usb = opaque;

	clove_log(INFO, "session", "usbredir channel %u: %s", usb->slot.id, clove_err_name(err));
	TELL(usb->slot.session, usb_went, usb->channel, why);
	clove_usbredir_channel_free(usb->channel);
	usb->channel = NULL;
	usb_is_over(usb);
}

static const struct clove_usbredir_channel_events usb_events = {
	.device_left = usb_device_left,
	.filter = usb_filter,
	.closed = usb_closed,
};

/* -- main -- */

static void open_channel(struct slot *slot)
{
	struct clove_session *session = slot->session;
	struct clove_opening_options options = {
		.loop = session->loop,
		.address = &session->settings->address,
		.tls = session->tls,
		.is_secure = session->settings->secure_channels >> slot->type & 1,
		.wanted = {
			.connection_id = session->session_id,
			.channel_type = (uint8_t)slot->type,
			.channel_id = slot->id,
		},
	};

	if (slot->is_taken) {
		slot->is_offered_again = true;
		return;
	}
	slot->is_offered_again = false;
	if (slot->type == CLOVE_CHANNEL_MAIN)
		options.wanted.channel_caps = clove_main_channel_caps();
	else if (slot->type == CLOVE_CHANNEL_DISPLAY)
		options.wanted.channel_caps = clove_display_channel_caps();
	else if (slot->type == CLOVE_CHANNEL_CURSOR)
		options.wanted.channel_caps = clove_cursor_channel_caps();
	else if (slot->type == CLOVE_CHANNEL_USBREDIR)
		options.wanted.channel_caps = clove_usbredir_channel_caps();
	slot->is_taken = true;
	slot->opening = clove_opening_new(&options, opened, slot);
	if (!slot->opening)
		clove_log(ERROR, "session", "not enough memory for a channel");
}

static void main_init(void *opaque, const struct clove_main_init *init)
{
	struct clove_session *session = opaque;

	clove_timer_stop(session->loop, session->timer);
	session->session_id = init->session_id;
	session->is_connected = true;
	TELL(session, connected);
}

static void main_channels(void *opaque, const struct clove_main_channels_list *list)
{
	struct clove_session *session = opaque;

	for (uint32_t i = 0; i < list->count; i++)
		if (list->channels[i].type == CLOVE_CHANNEL_INPUTS && !list->channels[i].id)
			open_channel(&session->inputs_slot); /* keys first */
	for (uint32_t i = 0; i < list->count; i++) {
		uint8_t type = list->channels[i].type, id = list->channels[i].id;

		if (type == CLOVE_CHANNEL_USBREDIR && id < CLOVE_SESSION_USB &&
				!session->settings->is_usb_disabled)
			open_channel(&session->usb[id].slot);
		if (id >= CLOVE_SESSION_DISPLAYS)
			continue;
		if (type == CLOVE_CHANNEL_DISPLAY)
			open_channel(&session->displays[id].slot);
		else if (type == CLOVE_CHANNEL_CURSOR)
			open_channel(&session->displays[id].cursor_slot);
	}
}

static void main_mouse_mode(void *opaque, enum clove_mouse_mode mode)
{
	struct clove_session *session = opaque;

	TELL(session, mouse_mode, mode);
}

static void main_mm_time(void *opaque, uint32_t mm_time)
{
	struct clove_session *session = opaque;

	clove_display_thread_set_mm_time(session->thread, mm_time);
}

static void main_name(void *opaque, const char *name)
{
	struct clove_session *session = opaque;

	TELL(session, name, name);
}

static void main_closed(void *opaque, enum clove_err err)
{
	struct clove_session *session = opaque;

	if (!session->is_connected) {
		fail(session, CLOVE_FAILURE_EARLY, "The server closed the connection before the session "
				"began.");
		return;
	}
	session->is_connected = false;
	clove_log(INFO, "session", "the connection is over: %s", clove_err_name(err));
	for (int i = 0; i < CLOVE_SESSION_DISPLAYS; i++)
		if (session->displays[i].public.n_heads)
			TELL(session, picture_goes, public(&session->displays[i]));
	stop(session);
	TELL(session, lost, err);
}

static const struct clove_main_events main_events = {
	.init = main_init,
	.channels = main_channels,
	.mouse_mode = main_mouse_mode,
	.mm_time = main_mm_time,
	.name = main_name,
	.closed = main_closed,
};

static void no_init(void *opaque)
{
	fail(opaque, CLOVE_FAILURE_CONNECT, "The server took the connection and then said nothing for "
			"10 seconds.");
}

/* -- opening -- */

static void open_failed(struct slot *slot, enum clove_failure failure, const char *cause)
{
	struct clove_session *session = slot->session;

	if (slot->type == CLOVE_CHANNEL_MAIN) {
		fail(session, failure, cause);
		return;
	}
	TELL(session, channel_lost, slot->type, slot->id, cause);
	if (slot->type == CLOVE_CHANNEL_USBREDIR)
		usb_is_over(&session->usb[slot->id]);
}

static bool start_channel(struct slot *slot, struct clove_opened *result)
{
	struct clove_session *session = slot->session;
	struct display *display = &session->displays[slot->id % CLOVE_SESSION_DISPLAYS];

	switch (slot->type) {
	case CLOVE_CHANNEL_MAIN:
		if (result->stream->is_tls) {
			bool was_resumed;

			session->tls_version = g_strdup(clove_tls_stream_version(result->stream,
					&was_resumed));
		}
		session->main = clove_main_channel_new(session->loop, &main_events, session, result);
		clove_timer_start(session->loop, session->timer, INIT_WITHIN_MS);
		return session->main;
	case CLOVE_CHANNEL_INPUTS:
		session->inputs = clove_inputs_channel_new(session->loop, &inputs_events, session,
				result);
		return session->inputs;
	case CLOVE_CHANNEL_DISPLAY: {
		struct clove_display_place place = {
			.thread = session->thread, .loop = session->loop, .id = slot->id,
			.events = &display_events, .opaque = display,
		};

		display->public.channel = clove_display_new(&place, result);
		return display->public.channel;
	}
	case CLOVE_CHANNEL_USBREDIR: {
		struct usb *usb = &session->usb[slot->id];
		struct clove_usbredir_channel_options options = {
			.loop = session->loop, .id = slot->id, .events = &usb_events, .opaque = usb,
		};

		usb->channel = clove_usbredir_channel_new(&options, result);
		if (usb->channel)
			TELL(session, usb_came, usb->channel);
		return usb->channel;
	}
	default: {
		struct clove_cursor_options options = {
			.loop = session->loop, .id = slot->id, .events = &cursor_events,
			.opaque = display,
		};

		display->cursor = clove_cursor_channel_new(&options, result);
		return display->cursor;
	}
	}
}

static void opened(void *opaque, struct clove_opened *result)
{
	struct slot *slot = opaque;

	slot->opening = NULL;
	if (result->failure)
		open_failed(slot, result->failure, result->cause);
	else if (!start_channel(slot, result))
		open_failed(slot, CLOVE_FAILURE_CONNECT, "There is not enough memory.");
}

/* -- birth and death -- */

/* A set-up that people have from other viewers. */
static char *usual_ca_file(void)
{
	char *path = g_build_filename(g_get_home_dir(), ".spicec", "spice_truststore.pem", NULL);

	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return path;
	g_free(path);
	return NULL;
}

static void make_tls(struct clove_session *session)
{
	const struct clove_settings *settings = session->settings;
	char *usual = settings->ca_file || settings->ca_pem ? NULL : usual_ca_file(), *error = NULL;
	struct clove_tls_client_options options = {
		.ca_file = settings->ca_file ? settings->ca_file : usual,
		.ca_pem = settings->ca_pem,
		.host = settings->address.host,
		.subject = settings->host_subject,
		.ciphers = settings->ciphers,
	};

	session->tls = clove_tls_client_new(&options, &error);
	if (!session->tls)
		session->tls_error = g_strdup(error ? error : "TLS cannot be set up.");
	free(error);
	g_free(usual);
}

static void no_tls(void *opaque)
{
	struct clove_session *session = opaque;

	fail(session, CLOVE_FAILURE_TLS, session->tls_error);
}

static void slot_init(struct clove_session *session, struct slot *slot, enum clove_channel_type type,
		unsigned int id)
{
	slot->session = session;
	slot->type = type;
	slot->id = (uint8_t)id;
}

struct clove_session *clove_session_new(struct clove_loop *loop,
		const struct clove_settings *settings, const struct clove_session_events *events,
		void *opaque)
{
	struct clove_session *session = calloc(1, sizeof *session);

	if (!session)
		return NULL;
	session->loop = loop;
	session->settings = settings;
	session->events = events;
	session->opaque = opaque;
	session->thread = clove_display_thread_new();
	slot_init(session, &session->main_slot, CLOVE_CHANNEL_MAIN, 0);
	slot_init(session, &session->inputs_slot, CLOVE_CHANNEL_INPUTS, 0);
	for (unsigned int i = 0; i < CLOVE_SESSION_DISPLAYS; i++) {
		session->displays[i].public.id = (uint8_t)i;
		slot_init(session, &session->displays[i].slot, CLOVE_CHANNEL_DISPLAY, i);
		slot_init(session, &session->displays[i].cursor_slot, CLOVE_CHANNEL_CURSOR, i);
	}
	for (unsigned int i = 0; i < CLOVE_SESSION_USB; i++)
		slot_init(session, &session->usb[i].slot, CLOVE_CHANNEL_USBREDIR, i);
	if (settings->address.tls_port && !settings->address.unix_path)
		make_tls(session);
	session->timer = clove_timer_add(loop, session->tls_error ? no_tls : no_init, session);
	if (!session->thread || !session->timer) {
		clove_session_free(session);
		return NULL;
	}
	if (session->tls_error) {
		clove_timer_start(loop, session->timer, 0);
		return session;
	}
	open_channel(&session->main_slot);
	if (!session->main_slot.opening) {
		clove_session_free(session);
		return NULL;
	}
	return session;
}

void clove_session_free(struct clove_session *session)
{
	if (!session)
		return;
	if (session->timer)
		stop(session);
	else
		clove_display_thread_free(session->thread);
	clove_timer_remove(session->loop, session->timer);
	clove_tls_free(session->tls);
	g_free(session->tls_error);
	g_free(session->tls_version);
	free(session);
}

/* -- asking -- */

bool clove_session_is_connected(const struct clove_session *session)
{
	return session && session->is_connected;
}

struct clove_inputs_channel *clove_session_inputs(const struct clove_session *session)
{
	return session ? session->inputs : NULL;
}

const struct clove_session_display *clove_session_display(const struct clove_session *session,
		unsigned int id)
{
	if (!session || id >= CLOVE_SESSION_DISPLAYS || !session->displays[id].public.channel)
		return NULL;
	return &session->displays[id].public;
}

const char *clove_session_tls_version(const struct clove_session *session)
{
	return session ? session->tls_version : NULL;
}

void clove_session_count(const struct clove_session *session, struct clove_display_counts *counts)
{
	uint64_t in, out;

	memset(counts, 0, sizeof *counts);
	if (!session)
		return;
	for (int i = 0; i < CLOVE_SESSION_DISPLAYS; i++) {
		struct clove_display_counts one = { 0 };

		if (!session->displays[i].public.channel)
			continue;
		clove_display_count(session->displays[i].public.channel, &one);
		counts->bytes_in += one.bytes_in;
		counts->bytes_out += one.bytes_out;
		counts->messages += one.messages;
		counts->drawings += one.drawings;
		counts->skipped += one.skipped;
		counts->frames += one.frames;
		counts->images += one.images;
		counts->decode_us += one.decode_us;
		counts->draw_us += one.draw_us;
		counts->video.streams += one.video.streams;
		counts->video.frames += one.video.frames;
		counts->video.dropped += one.video.dropped;
		counts->video.decode_us += one.video.decode_us;
	}
	clove_main_channel_count(session->main, &in, &out);
	counts->bytes_in += in;
	counts->bytes_out += out;
	clove_inputs_channel_count(session->inputs, &in, &out);
	counts->bytes_in += in;
	counts->bytes_out += out;
	clove_session_count_usb(session, &in, &out);
	counts->bytes_in += in;
	counts->bytes_out += out;
}

void clove_session_count_usb(const struct clove_session *session, uint64_t *in, uint64_t *out)
{
	*in = *out = 0;
	for (int i = 0; session && i < CLOVE_SESSION_USB; i++) {
		uint64_t one_in, one_out;

		clove_usbredir_channel_count(session->usb[i].channel, &one_in, &one_out);
		*in += one_in;
		*out += one_out;
	}
}
