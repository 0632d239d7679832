/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-display.c - a byte chooses the header; the rest is what a server says on a display channel. */
#include "client-gtk/display-channel.h"
#include "common/util/log.h"
#include "tests/fuzz/fed-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct viewer {
	struct clove_display_channel *display;
	bool is_closed;
	uint32_t sum;
};

/* Whatever is told may be looked at. */
static void changed(void *opaque, const pixman_region32_t *region)
{
	struct viewer *viewer = opaque;
	struct clove_pixels picture;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)region, &n);

	if (!clove_display_channel_picture(viewer->display, &picture))
		abort();
	for (int i = 0; i < n; i++) {
		if (boxes[i].x1 < 0 || boxes[i].y1 < 0 || boxes[i].x2 > picture.width ||
				boxes[i].y2 > picture.height)
			abort();
		viewer->sum += clove_le32(clove_pixels_row(&picture, boxes[i].y2 - 1) +
				4 * (size_t)(boxes[i].x2 - 1));
	}
}

static void monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	struct viewer *viewer = opaque;

	for (uint32_t i = 0; i < config->count; i++)
		viewer->sum += config->heads[i].flags;
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
	static const struct clove_display_events events = {
		.changed = changed, .monitors = monitors, .closed = closed,
	};
	struct clove_loop *loop = clove_poll_loop_new();
	struct clove_pictures *pictures = clove_pictures_new();
	struct viewer viewer = { 0 };
	struct clove_opened opened = { 0 };
	struct clove_display_options options = { .loop = loop, .pictures = pictures, .events = &events,
			.opaque = &viewer };

	clove_log_set_sink(no_line, NULL);
	if (size)
		opened.stream = fed_new(CLOVE_BYTES(data + 1, size - 1), 4096);
	opened.mini_header = size && !(data[0] & 1);
	if (loop && pictures && opened.stream)
		viewer.display = clove_display_channel_new(&options, &opened);
	while (viewer.display && !viewer.is_closed)
		clove_poll_loop_step(loop, 100);
	clove_display_channel_free(viewer.display);
	clove_pictures_free(pictures);
	clove_poll_loop_free(loop);
	return 0;
}
