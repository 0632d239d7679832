/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-codecs.c - which encoders the VMM wants for streams: "encoder:codec;..." or "auto".
 *
 * A well-formed list is taken and kept also where it has nothing that we can encode: QEMU with gl=on does not
 * start without its own. Streams are MJPEG (server/streaming.c), whatever else is preferred.
 */
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

static const char *const encoders[] = { "spice", "gstreamer" };
static const char *const codecs[] = { "mjpeg", "vp8", "h264", "vp9", "h265" };
static const char automatic[] = "auto";

static bool is_one_of(const char *word, size_t len, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], word, len))
			return true;
	return false;
}

static bool is_known(const char *entry, size_t len)
{
	const char *colon = memchr(entry, ':', len);
	size_t before = colon ? (size_t)(colon - entry) : 0;

	return colon && is_one_of(entry, before, encoders, sizeof encoders / sizeof *encoders) &&
			is_one_of(colon + 1, len - before - 1, codecs, sizeof codecs / sizeof *codecs);
}

/* The entries that are known, again with ";" between; empty if there are none. */
static void keep_known(char *into, const char *list)
{
	char *end = into;

	for (const char *entry = list; *entry; entry += *entry == ';') {
		size_t len = strcspn(entry, ";");

		if (is_known(entry, len)) {
			if (end != into)
				*end++ = ';';
			memcpy(end, entry, len);
			end += len;
		} else if (len) {
			clove_log(WARN, "server", "video codec %.*s is not known; passed over",
					(int)(len < 64 ? len : 64), entry);
		}
		entry += len;
	}
	*end = '\0';
}

CLOVE_EXPORT int spice_server_set_video_codecs(SpiceServer *server, const char *list)
{
	char *kept = list ? malloc(strlen(list) + 1) : NULL;

	if (!kept)
		return -1;
	if (!strcmp(list, automatic))
		strcpy(kept, automatic);
	else
		keep_known(kept, list);
	if (!*kept) {
		clove_log(ERROR, "server", "no known video codec in the list");
		free(kept);
		return -1;
	}
	free(server->video_codecs);
	server->video_codecs = kept;
	if (strcmp(kept, automatic) && !strstr(kept, ":mjpeg"))
		clove_log(INFO, "server", "video codecs %s: none is here; streams are MJPEG", kept);
	return 0;
}

CLOVE_EXPORT const char *spice_server_get_video_codecs(SpiceServer *server)
{
	return strdup(server->video_codecs ? server->video_codecs : automatic);
}

CLOVE_EXPORT void spice_server_free_video_codecs(SpiceServer *server, const char *list)
{
	(void)server;
	free((char *)list);
}
