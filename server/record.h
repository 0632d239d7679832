/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record.h - what a display was told, written to a file that can be played (recording.h). */
#ifndef CLOVE_SERVER_RECORD_H
#define CLOVE_SERVER_RECORD_H

#include "server/qxl.h"

struct clove_record;

/* NULL unless SPICE_WORKER_RECORD_FILENAME names a file that can be made; it is overwritten. Displays
 * after the first add their number to the name. */
struct clove_record *clove_record_open(int display);
void clove_record_close(struct clove_record *record);

/* All take NULL. What cannot be read out of the guest's memory is left out: it is not drawn either. */
void clove_record_command(struct clove_record *record, const struct clove_qxl_source *source,
		uint32_t type, uint64_t address);
void clove_record_request(struct clove_record *record, uint32_t request); /* CLOVE_RECORDING_... */
void clove_record_primary(struct clove_record *record, const struct clove_memslots *memslots,
		const struct clove_surface_info *info, bool has_mouse);

#endif
