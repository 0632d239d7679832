/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-regions.h - which parts of a screen move like a video, found by their own rate of change.
 *
 * It is told what changed and when, whatever display and driver it came from, and looks at some of
 * the pixels. A region comes when a place changes several times a second, keeps still meanwhile,
 * and holds a picture rather than text; it grows, shrinks and ends with what changes.
 */
#ifndef CLOVE_SERVER_VIDEO_REGIONS_H
#define CLOVE_SERVER_VIDEO_REGIONS_H

#include <pixman.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/codec/pixels.h"

enum { CLOVE_VIDEO_REGIONS_MOST = 8 };

/* As the VMM says them. */
enum clove_streaming_video {
	CLOVE_STREAMING_OFF = 1,
	CLOVE_STREAMING_ALL,              /* whatever moves, unless it is plainly text */
	CLOVE_STREAMING_FILTER,           /* what looks like a photograph */
};

struct clove_video_region {
	uint32_t id;                      /* not 0; never used again */
	pixman_box32_t box;
	pixman_region32_t clip;           /* of the box, what moves: a menu over a video does not */
	uint32_t serial;                  /* another one when box or clip is another */
	uint32_t interval_ms;             /* between two changes, on average */
	uint64_t since_ms;
};

struct clove_video_regions;

/* NULL without memory. */
struct clove_video_regions *clove_video_regions_new(enum clove_streaming_video streaming);
void clove_video_regions_free(struct clove_video_regions *regions);

/* There is another surface (0 x 0: none); all regions end. */
void clove_video_regions_resize(struct clove_video_regions *regions, int32_t width, int32_t height);
/* OFF ends all regions. */
void clove_video_regions_set(struct clove_video_regions *regions, enum clove_streaming_video streaming);

/* `changed` has new pixels, and not because something was copied there from elsewhere on the screen.
 * True if a region came, is another, or ended. */
bool clove_video_regions_changed(struct clove_video_regions *regions, pixman_region32_t *changed,
		const struct clove_pixels *pixels, uint64_t now_ms);
/* Time passed without a change; to be called some CLOVE_VIDEO_TICK_MS after the last call of either
 * while there are regions. */
bool clove_video_regions_tick(struct clove_video_regions *regions, const struct clove_pixels *pixels,
		uint64_t now_ms);
enum { CLOVE_VIDEO_TICK_MS = 100 };

/* Those that there are; until the next call of any of these functions. */
const struct clove_video_region *clove_video_regions_list(const struct clove_video_regions *regions,
		size_t *n);

#endif
