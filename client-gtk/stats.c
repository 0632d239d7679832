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

static void write_display(FILE *file, const struct clove_stats_display *display, bool is_first)
{
	const struct clove_display_counts *counts = &display->counts;
	const char *comma = "";

	fprintf(file, "%s{\"id\":%u,\"width\":%" PRId32 ",\"height\":%" PRId32 ",\"bytes_in\":%" PRIu64
			",\"drawings\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"frames\":%" PRIu64
			",\"decode_us\":%" PRIu64 ",\"draw_us\":%" PRIu64 ",\"streams\":%u"
			",\"video_frames\":%" PRIu64 ",\"video_dropped\":%" PRIu64
			",\"video_decode_us\":%" PRIu64 ",\"images\":{",
			is_first ? "" : ",", display->id, counts->width, counts->height, counts->bytes_in,
			counts->drawings, counts->skipped, counts->frames, counts->decode_us,
			counts->draw_us, counts->video.streams, counts->video.frames,
			counts->video.dropped, counts->video.decode_us);
	for (enum clove_kind kind = 0; kind < CLOVE_KINDS; kind++) {
		if (!counts->by_kind[kind])
			continue;
		fprintf(file, "%s\"%s\":%" PRIu64, comma, clove_kind_name(kind), counts->by_kind[kind]);
		comma = ",";
	}
	fputs("}}", file);
}

void clove_stats_write(struct clove_stats *stats, uint64_t now_us, bool is_connected,
		const struct clove_display_counts *counts, const struct clove_stats_usb *usb,
		const struct clove_stats_display *displays, unsigned int n_displays)
{
	if (!stats->file)
		return;
	fprintf(stats->file, "{\"time_ms\":%" PRIu64 ",\"connected\":%s,\"bytes_in\":%" PRIu64
			",\"bytes_out\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"drawings\":%" PRIu64
			",\"skipped\":%" PRIu64 ",\"images\":%" PRIu64 ",\"frames\":%" PRIu64
			",\"painted\":%" PRIu64 ",\"decode_us\":%" PRIu64 ",\"draw_us\":%" PRIu64
			",\"streams\":%u,\"video_frames\":%" PRIu64 ",\"video_dropped\":%" PRIu64
			",\"video_decode_us\":%" PRIu64 ",\"usb_bytes_in\":%" PRIu64 ",\"usb_bytes_out\":%" PRIu64
			",\"keys\":%" PRIu64 ",\"key_to_pixel_us\":[",
			now_us / 1000, is_connected ? "true" : "false", counts->bytes_in,
			counts->bytes_out, counts->messages, counts->drawings, counts->skipped,
			counts->images, counts->frames, stats->painted, counts->decode_us,
			counts->draw_us, counts->video.streams, counts->video.frames,
			counts->video.dropped, counts->video.decode_us, usb->bytes_in, usb->bytes_out,
			stats->keys);
	for (unsigned int i = 0; i < stats->n_key_to_pixel; i++)
		fprintf(stats->file, "%s%" PRIu32, i ? "," : "", stats->key_to_pixel_us[i]);
	stats->n_key_to_pixel = 0;
	fputs("],\"displays\":[", stats->file);
	for (unsigned int i = 0; i < n_displays; i++)
		write_display(stats->file, &displays[i], i == 0);
	fputs("]}\n", stats->file);
	fflush(stats->file);
}

/* -- for people -- */

static void append_rate(GString *text, const char *what, double rate)
{
	if (rate <= 0)
		return;
	g_string_append_printf(text, rate < 10 ? "%s%s %.1f/s" : "%s%s %.0f/s",
			text->len && text->str[text->len - 1] != '\n' ? ", " : "", what, rate);
}

char *clove_stats_text(unsigned int number, const struct clove_display_counts *before,
		const struct clove_display_counts *now)
{
	double seconds = now->at_us > before->at_us ? (double)(now->at_us - before->at_us) / 1e6 : 1;
	uint64_t images = now->images - before->images, frames = now->video.frames - before->video.frames;
	uint64_t decode_us = now->decode_us - before->decode_us + now->video.decode_us - before->video.decode_us;
	GString *text = g_string_new(NULL);
	gsize start;

	g_string_append_printf(text, "Display %u: %" PRId32 "×%" PRId32 "\n", number, now->width, now->height);
	start = text->len;
	for (enum clove_kind kind = 0; kind < CLOVE_KINDS; kind++)
		append_rate(text, clove_kind_name(kind),
				(double)(now->by_kind[kind] - before->by_kind[kind]) / seconds);
	append_rate(text, "MJPEG", (double)frames / seconds);
	if (text->len == start)
		g_string_append(text, "no images");
	g_string_append_printf(text, "\n%.2f Mbit/s, %.0f updates/s\n",
			(double)(now->bytes_in - before->bytes_in) * 8 / 1e6 / seconds,
			(double)(now->frames - before->frames) / seconds);
	g_string_append_printf(text, "decoding %.2f ms each, %.0f %% of a core\n",
			images + frames ? (double)decode_us / 1000 / (double)(images + frames) : 0.0,
			(double)decode_us / 1e4 / seconds);
	g_string_append_printf(text, "video frames dropped: %" PRIu64, now->video.dropped);
	if (now->skipped)
		g_string_append_printf(text, "\ndrawings skipped: %" PRIu64, now->skipped);
	return g_string_free(text, FALSE);
}
