/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-cursor.c - a byte chooses the header; the rest is what a server says on a cursor channel. */
#include "client-gtk/cursor-channel.h"
#include "common/util/log.h"
#include "tests/fuzz/fed-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct viewer {
	bool is_closed;
	uint32_t sum;
};

/* Whatever is told may be looked at. */
static void shape_came(void *opaque, const struct clove_cursor_shape *shape)
{
	struct viewer *viewer = opaque;

	if (!shape)
		return;
	if (shape->width < 1 || shape->height < 1 || shape->hot_x < 0 || shape->hot_y < 0 ||
			shape->hot_x >= shape->width || shape->hot_y >= shape->height)
		abort();
	for (int32_t i = 0; i < shape->width * shape->height * 4; i++)
		viewer->sum += shape->pixels[i];
}

static void closed(void *opaque, enum clove_err err)
{
	(void)err;
	((struct viewer *)opaque)->is_closed = true;
}

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clove_cursor_events events = { .shape = shape_came, .closed = closed };
	struct clove_loop *loop = clove_poll_loop_new();
	struct clove_cursor_channel *cursor = NULL;
	struct viewer viewer = { 0 };
	struct clove_opened opened = { 0 };
	struct clove_cursor_options options = { .loop = loop, .events = &events, .opaque = &viewer };

	clove_log_set_sink(no_line, NULL);
	if (size)
		opened.stream = fed_new(CLOVE_BYTES(data + 1, size - 1), 4096);
	opened.mini_header = size && !(data[0] & 1);
	if (loop && opened.stream)
		cursor = clove_cursor_channel_new(&options, &opened);
	while (cursor && !viewer.is_closed)
		clove_poll_loop_step(loop, 100);
	clove_cursor_channel_free(cursor);
	clove_poll_loop_free(loop);
	return 0;
}
