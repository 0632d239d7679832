/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* barrier.h - orders what a device and its guest's driver write into the memory that they share. */
#ifndef CLOVE_SPICE_BARRIER_H
#define CLOVE_SPICE_BARRIER_H

#define spice_mb() __sync_synchronize()

#endif
