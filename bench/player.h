/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player.h - a client without a window: links channels, draws what it receives, notes when what happened.
 *
 * One loop, one thread. Used by bench-client and by tests/hostile as the client that means well.
 */
#ifndef CLOVE_BENCH_PLAYER_H
#define CLOVE_BENCH_PLAYER_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/player-picture.h"
#include "common/net/channel.h"
#include "common/net/link.h"
#include "common/net/tls.h"

struct player_where {
	const char *host;      /* an IPv4 address */
	const char *from;      /* the own address; NULL: any */
	const char *unix_path; /* instead of host and port; NULL: none */
	int port;
	struct clove_tls *tls; /* NULL: plain */
	const char *password;  /* NULL: none */
	const struct clove_caps *display_caps; /* what is announced; NULL: monitors' config and LZ4 */
	bool unpacks;          /* LZ4 on usbredir channels is announced */
};

/* CLOCK_MONOTONIC, ns; 0: has not happened. */
struct player_times {
	uint64_t began, main_linked, init, channels_list;
	uint64_t display_linked, primary, first_draw, mark;
	uint64_t complete;     /* marked, and each pixel of the primary surface has been drawn */
};

struct player;

struct player_channel {
	struct clove_channel channel;      /* first; valid once is_open */
	struct player *player;
	struct player_channel *next;
	enum clove_channel_type type;
	uint8_t id;
	bool is_open;                      /* the link result was 0 */
	bool is_over;                      /* failed, refused or closed; stays until player_free */
	enum clove_link_error refused;
	uint64_t began_ns, linked_ns;
	/* private */
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_link link;
	bool is_secured;
};

/* What the server wants to hear about a stream. */
struct player_report {
	uint32_t unique_id, window, timeout_ms;   /* window 0: nothing */
	uint32_t start_mm, frames, drops;
	uint64_t began_ms;
};

struct player {
	struct clove_loop *loop;
	struct player_where where;
	unsigned int wanted;               /* 1 << type: opened as soon as the server lists them */
	const struct clove_channel_ops *ops[CLOVE_CHANNEL_TYPES]; /* instead of the player's own; NULL: those */
	/* instead of a display channel of the player's: takes the linked stream. NULL: none */
	void (*take_display)(void *opaque, struct player_channel *channel, struct clove_stream *take_stream,
			struct clove_bytes early);
	void *opaque;
	uint32_t session_id;
	struct player_channel *channels;   /* newest first */
	struct player_channel *main, *inputs, *display; /* NULL until they are open */
	struct player_times times;
	struct player_picture picture;
	uint64_t listed;                   /* bit type * 4 + id, as far as they fit */
	uint32_t mm_time;                  /* the server's, ms, when mm_time_ms was now; 0: never told */
	uint64_t mm_time_ms;
	struct player_report reports[PLAYER_STREAMS];
	unsigned int motion_acks, modifiers_seen;
	bool is_over;                      /* main is gone, or a wanted channel is */
	char why[128];
};

enum {
	PLAYER_DISPLAY = 1 << CLOVE_CHANNEL_DISPLAY,
	PLAYER_INPUTS = 1 << CLOVE_CHANNEL_INPUTS,
	PLAYER_CURSOR = 1 << CLOVE_CHANNEL_CURSOR,
	PLAYER_ALL = PLAYER_DISPLAY | PLAYER_INPUTS | PLAYER_CURSOR,
};

/* Begins with the main channel. NULL without memory. */
struct player *player_new(struct clove_loop *loop, const struct player_where *where, unsigned int wanted);
void player_free(struct player *player);

/* One more connection; NULL without memory. Whatever becomes of it is seen in its fields. */
struct player_channel *player_link(struct player *player, enum clove_channel_type type, uint8_t id);
/* Drops one connection. */
void player_unlink(struct player_channel *channel);

/* A scancode of set 1, by INPUTS_KEY_DOWN or _UP. */
void player_key(struct player *player, uint32_t code, bool is_down);

/* A connected or connecting non-blocking socket, or -1. */
int player_socket(const struct player_where *where);

#endif
