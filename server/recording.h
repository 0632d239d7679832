/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recording.h - a display's commands as the text that the incumbent records and plays.
 *
 * One walk serves both ways: recording, fields are read from guest memory and written; playing, they are
 * parsed, and what they point to is built anew in memory of our own.
 */
#ifndef CLOVE_SERVER_RECORDING_H
#define CLOVE_SERVER_RECORDING_H

#include <stdio.h>
#include "common/util/arena.h"
#include "server/surface.h"

struct clove_qxl_source;

#define CLOVE_RECORDING_HEADER "SPICE_REPLAY 1\n"

/* The second number of an "event" line, and the third if it is a request. */
enum { CLOVE_RECORDING_COMMAND = 0, CLOVE_RECORDING_REQUEST = 1 };
enum {
	CLOVE_RECORDING_UPDATE = 1, CLOVE_RECORDING_DESTROY_SURFACES = 19,
	CLOVE_RECORDING_CREATE_PRIMARY = 20, CLOVE_RECORDING_DESTROY_PRIMARY = 21,
	CLOVE_RECORDING_DESTROY_SURFACES_ASYNC = 28, CLOVE_RECORDING_CREATE_PRIMARY_ASYNC = 29,
	CLOVE_RECORDING_DESTROY_PRIMARY_ASYNC = 30,
};

struct clove_recording {
	/* recording */
	const struct clove_qxl_source *source;
	struct clove_buf *out;
	/* playing, if `in` is set */
	FILE *in;
	struct clove_arena *arena;
	unsigned long line;
	const char *wanted;       /* after an error: the field that should have come */
	enum clove_err err;       /* the first; nothing is read or written afterwards */
};

/* Walks the command of `type` (server ABI, 13.2) at `address`; its address, when played the new one's,
 * or 0. */
uint64_t clove_recording_command(struct clove_recording *recording, uint32_t type, uint64_t address);

/* A primary surface and its pixels, at info->address. */
void clove_recording_primary(struct clove_recording *recording, struct clove_surface_info *info,
		bool *has_mouse);

/* An "event" line; false: the recording has ended, or err says what is wrong. */
bool clove_recording_event(struct clove_recording *recording, uint32_t *number, uint32_t *kind,
		uint32_t *type, uint64_t *at_ns);

#endif
