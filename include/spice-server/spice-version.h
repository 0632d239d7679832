/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-version.h - which release's interfaces these headers describe. */
#ifndef CLOVE_SPICE_VERSION_H
#define CLOVE_SPICE_VERSION_H

#define SPICE_SERVER_VERSION 0x001000   /* 0.16.0, a byte each */

#endif
