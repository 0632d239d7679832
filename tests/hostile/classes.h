/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* classes.h - the ways in which a client may break the protocol. */
#ifndef CLOVE_TESTS_HOSTILE_CLASSES_H
#define CLOVE_TESTS_HOSTILE_CLASSES_H

#include <stdint.h>

struct hostile_class {
	const char *name;
	/* One input, the i-th of its class; everything else by chance(). */
	void (*fn)(unsigned int type, uint32_t i);
	unsigned int type;
};

extern const struct hostile_class hostile_classes[];
extern const unsigned int hostile_class_count;

/* A command of bench-vmm's control socket. */
void vmm_do(const char *command);

#endif
