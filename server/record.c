/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record.c - knows where a recording goes, and that it never disturbs the display. */
#include "server/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/util/log.h"
#include "server/recording.h"

enum { COMMAND_MESSAGE = 4 };

struct clove_record {
	FILE *file;
	uint32_t events;
	bool has_failed;
};

struct clove_record *clove_record_open(int display)
{
	const char *name = getenv("SPICE_WORKER_RECORD_FILENAME");
	struct clove_record *record;
	char path[4096];
	int fd, n;

	if (!name || !*name)
		return NULL;
	n = display > 0 ? snprintf(path, sizeof path, "%s.%d", name, display) :
			snprintf(path, sizeof path, "%s", name);
	if (n < 0 || (size_t)n >= sizeof path)
		return NULL;
	/* what was on somebody's screen is for its owner */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	record = fd < 0 ? NULL : calloc(1, sizeof *record);
	if (record)
		record->file = fdopen(fd, "w");
	if (!record || !record->file) {
		clove_log(WARN, "record", "%s: %s; nothing is recorded", path, strerror(errno));
		free(record);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	fputs(CLOVE_RECORDING_HEADER, record->file);
	clove_log(INFO, "record", "display %d: every command is written to %s", display, path);
	return record;
}

void clove_record_close(struct clove_record *record)
{
	if (!record)
		return;
	fclose(record->file);
	free(record);
}

/* The event's line, to be followed by what it is about. */
static bool begin(struct clove_record *record, struct clove_recording *recording, struct clove_buf *out,
		uint32_t kind, uint32_t type)
{
	struct timespec now;
	uint64_t at_ns;

	if (!record || record->has_failed)
		return false;
	recording->out = out;
	clock_gettime(CLOCK_MONOTONIC, &now);
	at_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return clove_recording_event(recording, &record->events, &kind, &type, &at_ns);
}

static void write_out(struct clove_record *record, const struct clove_recording *recording, struct clove_buf *out)
{
	if (recording->err == CLOVE_OK) {
		record->events++;
		if (fwrite(out->data, 1, out->len, record->file) != out->len || fflush(record->file)) {
			clove_log(WARN, "record", "%s; recording ends here", strerror(errno));
			record->has_failed = true;
		}
	}
	clove_buf_fini(out);
}

void clove_record_command(struct clove_record *record, const struct clove_qxl_source *source, uint32_t type,
		uint64_t address)
{
	struct clove_recording recording = { .source = source };
	struct clove_buf out = { 0 };

	/* words for a log: they draw nothing, and the incumbent dies of playing them */
	if (type == COMMAND_MESSAGE || !begin(record, &recording, &out, CLOVE_RECORDING_COMMAND, type))
		return;
	clove_recording_command(&recording, type, address);
	write_out(record, &recording, &out);
}

void clove_record_request(struct clove_record *record, uint32_t request)
{
	struct clove_recording recording = { 0 };
	struct clove_buf out = { 0 };

	if (begin(record, &recording, &out, CLOVE_RECORDING_REQUEST, request))
		write_out(record, &recording, &out);
}

void clove_record_primary(struct clove_record *record, const struct clove_memslots *memslots,
		const struct clove_surface_info *info, bool has_mouse)
{
	struct clove_qxl_source source = { memslots, info->group, false, false };
	struct clove_recording recording = { .source = &source };
	struct clove_surface_info copy = *info;
	struct clove_buf out = { 0 };

	if (!begin(record, &recording, &out, CLOVE_RECORDING_REQUEST, CLOVE_RECORDING_CREATE_PRIMARY))
		return;
	clove_recording_primary(&recording, &copy, &has_mouse);
	write_out(record, &recording, &out);
}
