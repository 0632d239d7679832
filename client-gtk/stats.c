/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stats.c - the names of the figures, and what counts as the answer to a key. */
#include "client-gtk/stats.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

/* A change that comes later has other reasons than the key. */
enum { ANSWER_WITHIN_US = 2000000 };

bool clove_stats_open(struct clove_stats *stats, const char *path, char **error)
{
	stats->file = fopen(path, "we");
	if (!stats->file)
		*error = g_strdup_printf("The file for figures %s cannot be written: %s.", path,
				g_strerror(errno));
	return stats->file != NULL;
}

void clove_stats_close(struct clove_stats *stats)
{
	if (stats->file)
		fclose(stats->file);
	stats->file = NULL;
}

void clove_stats_key(struct clove_stats *stats, uint64_t now_us)
{
	stats->keys++;
	if (stats->has_key && now_us - stats->key_at_us < ANSWER_WITHIN_US)
		return;
	stats->has_key = true;
	stats->has_change = false;
	stats->key_at_us = now_us;
}

void clove_stats_changed(struct clove_stats *stats)
{
	stats->has_change = true;
}

void clove_stats_painted(struct clove_stats *stats, uint64_t now_us)
{
	stats->painted++;
	if (!stats->has_key || !stats->has_change)
		return;
	stats->has_key = false;
	if (now_us - stats->key_at_us < ANSWER_WITHIN_US && stats->n_key_to_pixel < CLOVE_STATS_KEYS)
		stats->key_to_pixel_us[stats->n_key_to_pixel++] = (uint32_t)(now_us - stats->key_at_us);
}

void clove_stats_write(struct clove_stats *stats, uint64_t now_us, bool is_connected,
		const struct clove_display_counts *counts)
{
	if (!stats->file)
		return;
	fprintf(stats->file, "{\"time_ms\":%" PRIu64 ",\"connected\":%s,\"bytes_in\":%" PRIu64
			",\"bytes_out\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"drawings\":%" PRIu64
			",\"skipped\":%" PRIu64 ",\"images\":%" PRIu64 ",\"frames\":%" PRIu64
			",\"painted\":%" PRIu64 ",\"decode_us\":%" PRIu64 ",\"draw_us\":%" PRIu64
			",\"streams\":%u,\"video_frames\":%" PRIu64 ",\"video_dropped\":%" PRIu64
			",\"video_decode_us\":%" PRIu64
			",\"keys\":%" PRIu64 ",\"key_to_pixel_us\":[",
			now_us / 1000, is_connected ? "true" : "false", counts->bytes_in,
			counts->bytes_out, counts->messages, counts->drawings, counts->skipped,
			counts->images, counts->frames, stats->painted, counts->decode_us,
			counts->draw_us, counts->video.streams, counts->video.frames,
			counts->video.dropped, counts->video.decode_us, stats->keys);
	for (unsigned int i = 0; i < stats->n_key_to_pixel; i++)
		fprintf(stats->file, "%s%" PRIu32, i ? "," : "", stats->key_to_pixel_us[i]);
	stats->n_key_to_pixel = 0;
	fputs("]}\n", stats->file);
	fflush(stats->file);
}
