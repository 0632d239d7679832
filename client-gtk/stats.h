/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stats.h - figures of a run: a line of JSON every second, and the lines that are laid over a picture. */
#ifndef CLOVE_CLIENT_GTK_STATS_H
#define CLOVE_CLIENT_GTK_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "client-gtk/display-channel.h"

enum { CLOVE_STATS_KEYS = 256 };

/* All zeroes: no file, nothing counted. */
struct clove_stats {
	FILE *file;
	uint64_t keys, painted;
	/* the first key since the last painted change, and whether something changed since then */
	uint64_t key_at_us;
	bool has_key, has_change;
	unsigned int n_key_to_pixel;
	uint32_t key_to_pixel_us[CLOVE_STATS_KEYS]; /* since the last line; more are not kept */
};

/* False with a sentence in *error (g_free). */
bool clove_stats_open(struct clove_stats *stats, const char *path, char **error);
void clove_stats_close(struct clove_stats *stats);

/* A press or release went to the guest; pixels changed; a change was painted. */
void clove_stats_key(struct clove_stats *stats, uint64_t now_us);
void clove_stats_changed(struct clove_stats *stats);
void clove_stats_painted(struct clove_stats *stats, uint64_t now_us);

struct clove_stats_display {
	uint8_t id;
	struct clove_display_counts counts;
};

/* What USB channels carried. */
struct clove_stats_usb {
	uint64_t bytes_in, bytes_out;
};

/* One line; `counts` of all channels since the beginning of the session, and of its displays. */
void clove_stats_write(struct clove_stats *stats, uint64_t now_us, bool is_connected,
		const struct clove_display_counts *counts, const struct clove_stats_usb *usb,
		const struct clove_stats_display *displays, unsigned int n_displays);

/* For people: what display `number` did between two counts. To be freed by g_free. */
char *clove_stats_text(unsigned int number, const struct clove_display_counts *before,
		const struct clove_display_counts *now);

#endif
