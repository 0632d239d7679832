/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-s3.h - suspend to RAM for any virtual machine monitor: ACPI's PM1 registers, what wakes, and the tables.
 *
 * The VMM routes an I/O port range of 8 bytes here and writes what clove_s3_fadt() and clove_s3_ssdt() say into
 * the guest's tables. Its part of a sleep: to stop the processors, and on wake-up to reset all of the machine but
 * its memory and this block, and to start its firmware, which finds the waking vector in the FACS.
 *
 * No thread, no clock. All calls come from one thread at a time. References are to ACPI 6.5.
 */
#ifndef CLOVE_S3_H
#define CLOVE_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

struct clove_s3;

struct clove_s3_vmm {
	/* The system control interrupt: level, shared, active low on PCs. */
	void (*set_sci)(void *opaque, bool level);
	/* The guest wants to sleep (S3): stop its processors. It is asleep from now on. */
	void (*sleep)(void *opaque);
	/* Something woke it: reset the machine (not this block) and let its firmware resume the guest. */
	void (*wake)(void *opaque);
	/* The guest wants to be off (S5). */
	void (*power_off)(void *opaque);
};

enum clove_s3_cause {
	CLOVE_S3_KEY,                 /* a press of a key on the keyboard, however it came */
	CLOVE_S3_USB,                 /* remote wake-up: clove-ehci's power_event */
	CLOVE_S3_POWER_BUTTON,
	CLOVE_S3_ALARM,               /* of the real-time clock */
};

/* Offsets from the range's first port (4.8.3). */
enum {
	CLOVE_S3_PM1_STATUS = 0,      /* 2 bytes; with the next 2 PM1a_EVT_BLK */
	CLOVE_S3_PM1_ENABLE = 2,
	CLOVE_S3_PM1_CONTROL = 4,     /* 2 bytes: PM1a_CNT_BLK */
	CLOVE_S3_PORTS = 8,
};

enum {
	CLOVE_S3_SLEEP_TYPE = 5,      /* SLP_TYP of \_S3 and of \_S5 */
	CLOVE_S3_OFF_TYPE = 7,
	CLOVE_S3_FADT_MIN = 116,      /* bytes up to the flags (ACPI 1.0) */
	CLOVE_S3_SSDT_SIZE = 36 + 2 * 15,
	CLOVE_S3_FACS_SIZE = 64,
};

/* NULL without memory. The callbacks are borrowed for the block's life; wake may be called from inside of
 * clove_s3_event(), sleep and power_off from inside of clove_s3_write(), set_sci from both. */
struct clove_s3 *clove_s3_new(const struct clove_s3_vmm *vmm, void *opaque);
void clove_s3_free(struct clove_s3 *s3);
/* The machine was reset (not: woke up). */
void clove_s3_reset(struct clove_s3 *s3);

/* The guest's accesses: size 1, 2 or 4; what lies outside the registers reads as 0. */
uint32_t clove_s3_read(const struct clove_s3 *s3, uint32_t offset, unsigned int size);
void clove_s3_write(struct clove_s3 *s3, uint32_t offset, uint32_t value, unsigned int size);

/* Something happened. True: it woke the guest. A release of a key is no event: the one that follows a wake-up
 * would end the next sleep. */
bool clove_s3_event(struct clove_s3 *s3, enum clove_s3_cause cause);
bool clove_s3_is_asleep(const struct clove_s3 *s3);

/* The fields of a FADT of `len` bytes that announce this block at `port`, with interrupt `sci`; its checksum is set
 * right. False: it is shorter than an ACPI 1.0 FADT. */
bool clove_s3_fadt(uint8_t *fadt, size_t len, uint16_t port, uint16_t sci);
/* A whole table with \_S3 and \_S5; or clove_s3_aml()'s bytes for inside of a DSDT, after its header. */
void clove_s3_ssdt(uint8_t table[CLOVE_S3_SSDT_SIZE]);
size_t clove_s3_aml(uint8_t aml[CLOVE_S3_SSDT_SIZE - 36]);
/* The FACS, with no waking vector yet: the guest writes it (5.2.10). 64-byte aligned in guest memory. */
void clove_s3_facs(uint8_t facs[CLOVE_S3_FACS_SIZE]);
/* Sets byte 9 so that the table's bytes sum to 0. */
void clove_s3_checksum(uint8_t *table, size_t len);

/* State for live migration: it fits into 8 bytes. */
uint64_t clove_s3_save(const struct clove_s3 *s3);
void clove_s3_load(struct clove_s3 *s3, uint64_t state);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
