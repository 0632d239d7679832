/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.h - one connection to one guest: its channels, opened and ended together.
 *
 * A session is tried once: whoever wants to try again makes a new one. Events come from the loop,
 * never from inside a call of the owner; the session may be freed inside `failed` and `lost` alone.
 */
#ifndef CLOVE_CLIENT_GTK_SESSION_H
#define CLOVE_CLIENT_GTK_SESSION_H

#include "client-gtk/cursor-channel.h"
#include "client-gtk/display.h"
#include "client-gtk/inputs-channel.h"
#include "client-gtk/main-channel.h"
#include "client-gtk/settings.h"
#include "client-gtk/usbredir-channel.h"

enum {
	CLOVE_SESSION_DISPLAYS = 16,  /* ids below; a server that offers more is not shown more */
	CLOVE_SESSION_HEADS = 16,     /* of one display */
	CLOVE_SESSION_USB = 32,       /* channels for USB devices, ids below */
};

struct clove_session;

/* A monitor of the guest: a rectangle of a display's primary. */
struct clove_head {
	int32_t x, y, width, height;
};

/* For reading. */
struct clove_session_display {
	uint8_t id;
	struct clove_display *channel;         /* NULL: not linked */
	struct clove_head heads[CLOVE_SESSION_HEADS];
	unsigned int n_heads;                  /* 0: no primary */
};

/* Any may be NULL. */
struct clove_session_events {
	void (*connected)(void *opaque);
	/* There never was a session. `cause` is a sentence. */
	void (*failed)(void *opaque, enum clove_failure failure, const char *cause);
	/* There was one. Its displays are gone; `picture_goes` came for each that had a picture. */
	void (*lost)(void *opaque, enum clove_err err);
	/* One channel could not be had, or is no more; the others go on. */
	void (*channel_lost)(void *opaque, enum clove_channel_type type, uint8_t id,
			const char *cause);
	void (*name)(void *opaque, const char *name);
	void (*mouse_mode)(void *opaque, enum clove_mouse_mode mode);
	void (*modifiers)(void *opaque, uint16_t modifiers);

	/* display.h has the rules of these; heads are there with `heads`. */
	void (*heads)(void *opaque, const struct clove_session_display *display);
	void (*picture_goes)(void *opaque, const struct clove_session_display *display);
	void (*changed)(void *opaque, const struct clove_session_display *display,
			const pixman_region32_t *region);
	void (*marked)(void *opaque, const struct clove_session_display *display);

	/* cursor-channel.h has the rules of these; `id` is the display's. */
	void (*cursor_shape)(void *opaque, uint8_t id, const struct clove_cursor_shape *shape);
	void (*cursor_moved)(void *opaque, uint8_t id, int32_t x, int32_t y);
	void (*cursor_visible)(void *opaque, uint8_t id, bool is_visible);
	void (*cursor_reset)(void *opaque, uint8_t id);

	/* A USB channel, at any time; usbredir-channel.h has the rules of what it does. `went` is the last of it, and
	 * does not come for those that end with the session. */
	void (*usb_came)(void *opaque, struct clove_usbredir_channel *channel);
	void (*usb_device_left)(void *opaque, struct clove_usbredir_channel *channel, const char *why);
	void (*usb_filter)(void *opaque, struct clove_usbredir_channel *channel, const char *rules);
	void (*usb_went)(void *opaque, struct clove_usbredir_channel *channel, const char *why);
};

/* Begins at once. `settings` and `events` live as long as the session. NULL without memory. */
struct clove_session *clove_session_new(struct clove_loop *loop,
		const struct clove_settings *settings, const struct clove_session_events *events,
		void *opaque);
/* NULL is fine. No events. */
void clove_session_free(struct clove_session *session);

bool clove_session_is_connected(const struct clove_session *session);
/* NULL while the guest cannot be given input. */
struct clove_inputs_channel *clove_session_inputs(const struct clove_session *session);
/* Display n by id, NULL if it is not linked. */
const struct clove_session_display *clove_session_display(const struct clove_session *session,
		unsigned int id);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" of the main channel; NULL: not encrypted. */
const char *clove_session_tls_version(const struct clove_session *session);

/* The sum over all channels; USB's share of it. */
void clove_session_count(const struct clove_session *session, struct clove_display_counts *counts);
void clove_session_count_usb(const struct clove_session *session, uint64_t *in, uint64_t *out);

#endif
