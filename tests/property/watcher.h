/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watcher.h - a client that shows a display: the bench's strict player, or the viewer's own channel. */
#ifndef CLOVE_TESTS_PROPERTY_WATCHER_H
#define CLOVE_TESTS_PROPERTY_WATCHER_H

#include "bench/player.h"

struct watcher_options {
	struct clove_loop *loop;
	const char *unix_path;       /* NULL: the port */
	const char *host;
	int port;
	bool is_viewer;              /* its display channel draws */
	struct clove_caps without;   /* capabilities that are not announced */
	uint8_t prefers;             /* CLOVE_IMAGE_COMPRESSION_...; 0: nothing */
	unsigned int kbit;           /* of its link; 0: no limit */
	bool is_narrow;              /* takes little into its socket */
};

struct watcher;

struct watcher *watcher_new(const struct watcher_options *options);
/* Without a word to the server. NULL is fine. */
void watcher_free(struct watcher *watcher);

/* Reads nothing from its display channel, or does again. The strict kind only. */
void watcher_hold(struct watcher *watcher, bool shall_hold);

bool watcher_is_open(const struct watcher *watcher);
/* What went wrong; NULL: nothing. */
const char *watcher_fault(const struct watcher *watcher);
/* The pixels that differ from `want`, in colour; -1: another size, or none. */
long watcher_differs(const struct watcher *watcher, const uint32_t *want, int width, int height,
		struct clove_rect *where);
/* Of the last of these: the first pixel that differs, in words. */
const char *watcher_first(void);
/* Frames of streams, and drawings, that it has seen. */
unsigned long watcher_frames(const struct watcher *watcher);

#endif
