/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* types.h - integers of given widths. */
#ifndef CLOVE_SPICE_TYPES_H
#define CLOVE_SPICE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#endif
