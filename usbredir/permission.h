/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* permission.h - asks for a USB device that this program may not open: polkit decides, a helper opens it.
 *
 * Nothing is left behind: the helper hands over one opened descriptor and ends; no access right changes.
 */
#ifndef CLOVE_USBREDIR_PERMISSION_H
#define CLOVE_USBREDIR_PERMISSION_H

#include <stdint.h>
#include "common/util/err.h"
#include "common/util/loop.h"

struct clove_permission;

/* Said once, later: an opened descriptor that the callee then owns (for clove_capture_open), or -1 and some
 * words that say why. CLOVE_ERR_CLOSED: the user dismissed the question; _REFUSED: polkit or the helper says no;
 * _UNSUPPORTED: no polkit or no helper here. Free the question here or later. */
typedef void (*clove_permission_fn)(void *opaque, int take_fd, enum clove_err err, const char *why);

/* Nothing blocks; the question may stand for minutes. NULL without memory or descriptors. */
struct clove_permission *clove_permission_ask(struct clove_loop *loop, uint8_t bus, uint8_t address,
		clove_permission_fn answer, void *opaque);
/* Withdraws the question if it stands: no answer follows. Takes NULL. */
void clove_permission_free(struct clove_permission *permission);

#endif
