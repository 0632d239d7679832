/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* typist.h - turns text into what a keyboard or a tablet made of software does. */
#ifndef CLOVE_USBREDIR_TYPIST_H
#define CLOVE_USBREDIR_TYPIST_H

#include "common/util/loop.h"
#include "usb/software.h"

struct typist;

/* Reads a descriptor (borrowed) while there is a device. NULL without memory. */
struct typist *typist_new(struct clove_loop *loop, int fd, bool is_tablet);
void typist_free(struct typist *typist); /* takes NULL */
/* Whose keys are pressed; NULL: nobody's, and what comes waits. */
void typist_set_device(struct typist *typist, struct clove_usb_device *device);

#endif
