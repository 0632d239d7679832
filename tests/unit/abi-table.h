/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* abi-table.h - what one set of public headers says, as rows that can be compared with another's. */
#ifndef CLOVE_TESTS_ABI_TABLE_H
#define CLOVE_TESTS_ABI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct abi_row {
	const char *name;
	size_t offset, size;
	bool is_signed;
	long long value;
	const char *text;
};

struct abi_table {
	const struct abi_row *rows;
	size_t n;
	/* Plays a row of puts and takes on a ring: its counters and answers after each. */
	void (*ring)(uint32_t trace[]);
};
enum { ABI_RING_STEPS = 60, ABI_RING_WORDS = 6 };

const struct abi_table *abi_table_ours(void);
const struct abi_table *abi_table_peer(void);

#endif
