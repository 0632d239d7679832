/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mm-time.h - the server's multimedia time, by which frames and sound are kept together.
 *
 * Milliseconds that wrap, so they are compared by their signed difference. The main channel tells it;
 * while sound plays, what is heard does.
 */
#ifndef CLOVE_CLIENT_GTK_MM_TIME_H
#define CLOVE_CLIENT_GTK_MM_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* All zeroes: not known. */
struct clove_mm_time {
	bool is_known;
	bool is_heard;            /* sound plays: frames wait for their time */
	uint32_t mm;              /* when our own clock said */
	uint64_t at_ms;
	uint32_t audio_delay_ms;  /* of sound that plays */
};

static inline void clove_mm_time_set(struct clove_mm_time *time, uint32_t mm, uint64_t now_ms)
{
	time->is_known = true;
	time->mm = mm;
	time->at_ms = now_ms;
}

/* How long until `mm`; negative: it has passed. 0 if the time is not known. */
static inline int32_t clove_mm_time_until(const struct clove_mm_time *time, uint32_t mm, uint64_t now_ms)
{
	return time->is_known ? (int32_t)(mm - time->mm - (uint32_t)(now_ms - time->at_ms)) : 0;
}

#endif
