/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acpi.c - the bytes of ACPI tables that announce sleep: FADT fields, \_S3 and \_S5, FACS (ACPI 6.5, chapters 5, 20). */
#include "vmm-glue/s3/clove-s3.h"

#include <string.h>

enum {                                    /* offsets in a FADT (table 5.9) */
	FADT_SCI = 46,
	FADT_SMI_COMMAND = 48,
	FADT_PM1A_EVENT = 56,
	FADT_PM1B_EVENT = 60,
	FADT_PM1A_CONTROL = 64,
	FADT_PM1B_CONTROL = 68,
	FADT_PM1_EVENT_LENGTH = 88,
	FADT_PM1_CONTROL_LENGTH = 89,
	FADT_FLAGS = 112,
	FADT_X_PM1A_EVENT = 148,
	FADT_X_PM1B_EVENT = 160,
	FADT_X_PM1A_CONTROL = 172,
	FADT_X_PM1B_CONTROL = 184,
	GAS_SIZE = 12,                    /* a generic address (5.2.3.2) */
};

enum {                                    /* the FADT's flags (table 5.10) */
	FLAG_POWER_BUTTON_IS_A_DEVICE = 1 << 4,
	FLAG_SLEEP_BUTTON_IS_A_DEVICE = 1 << 5,
	FLAG_ALARM_IS_NO_FIXED_EVENT = 1 << 6,
	FLAG_HARDWARE_REDUCED = 1 << 20,
};

enum { HEADER = 36, CHECKSUM = 9 };

static void put(uint8_t *to, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> i * 8);
}

static uint32_t get32(const uint8_t *from)
{
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

void clove_s3_checksum(uint8_t *table, size_t len)
{
	uint8_t sum = 0;

	if (len <= CHECKSUM)
		return;
	table[CHECKSUM] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + table[i]);
	table[CHECKSUM] = (uint8_t)-sum;
}

/* `bytes` of I/O space, accessed as words. */
static void put_address(uint8_t gas[GAS_SIZE], uint16_t port, unsigned int bytes)
{
	memset(gas, 0, GAS_SIZE);
	if (!bytes)
		return;
	gas[0] = 1;
	gas[1] = (uint8_t)(bytes * 8);
	gas[3] = 2;
	put(gas + 4, port, 8);
}

bool clove_s3_fadt(uint8_t *fadt, size_t len, uint16_t port, uint16_t sci)
{
	static const struct { uint16_t at; uint16_t offset; uint8_t bytes; } addresses[] = {
		{ FADT_X_PM1A_EVENT,   CLOVE_S3_PM1_STATUS,  4 },
		{ FADT_X_PM1B_EVENT,   0,                    0 },
		{ FADT_X_PM1A_CONTROL, CLOVE_S3_PM1_CONTROL, 2 },
		{ FADT_X_PM1B_CONTROL, 0,                    0 },
	};
	uint32_t flags;

	if (len < CLOVE_S3_FADT_MIN)
		return false;
	put(fadt + FADT_SCI, sci, 2);
	put(fadt + FADT_SMI_COMMAND, 0, 4);
	put(fadt + FADT_PM1A_EVENT, port + CLOVE_S3_PM1_STATUS, 4);
	put(fadt + FADT_PM1B_EVENT, 0, 4);
	put(fadt + FADT_PM1A_CONTROL, port + CLOVE_S3_PM1_CONTROL, 4);
	put(fadt + FADT_PM1B_CONTROL, 0, 4);
	fadt[FADT_PM1_EVENT_LENGTH] = 4;
	fadt[FADT_PM1_CONTROL_LENGTH] = 2;
	flags = get32(fadt + FADT_FLAGS);
	flags &= ~(uint32_t)(FLAG_POWER_BUTTON_IS_A_DEVICE | FLAG_ALARM_IS_NO_FIXED_EVENT | FLAG_HARDWARE_REDUCED);
	put(fadt + FADT_FLAGS, flags | FLAG_SLEEP_BUTTON_IS_A_DEVICE, 4);
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		if (len >= (size_t)addresses[i].at + GAS_SIZE)
			put_address(fadt + addresses[i].at, (uint16_t)(port + addresses[i].offset), addresses[i].bytes);
	clove_s3_checksum(fadt, len);
	return true;
}

/* Name (\_S3_, Package (4) { type, type, 0, 0 }) (20.2.5, 7.4.2). */
static uint8_t *put_state(uint8_t *to, char digit, uint8_t type)
{
	const uint8_t bytes[] = {
		0x08, '\\', '_', 'S', (uint8_t)digit, '_',
		0x12, 8, 4, 0x0a, type, 0x0a, type, 0, 0,
	};

	memcpy(to, bytes, sizeof bytes);
	return to + sizeof bytes;
}

size_t clove_s3_aml(uint8_t aml[CLOVE_S3_SSDT_SIZE - HEADER])
{
	uint8_t *end = put_state(put_state(aml, '3', CLOVE_S3_SLEEP_TYPE), '5', CLOVE_S3_OFF_TYPE);

	return (size_t)(end - aml);
}

void clove_s3_ssdt(uint8_t table[CLOVE_S3_SSDT_SIZE])
{
	memset(table, 0, CLOVE_S3_SSDT_SIZE);
	memcpy(table, "SSDT", 4);
	put(table + 4, CLOVE_S3_SSDT_SIZE, 4);
	table[8] = 2;
	memcpy(table + 10, "CLOVE ", 6);
	memcpy(table + 16, "CLOVES3 ", 8);
	put(table + 24, 1, 4);
	memcpy(table + 28, "CLOV", 4);
	put(table + 32, 1, 4);
	clove_s3_aml(table + HEADER);
	clove_s3_checksum(table, CLOVE_S3_SSDT_SIZE);
}

void clove_s3_facs(uint8_t facs[CLOVE_S3_FACS_SIZE])
{
	memset(facs, 0, CLOVE_S3_FACS_SIZE);
	memcpy(facs, "FACS", 4);
	put(facs + 4, CLOVE_S3_FACS_SIZE, 4);
	facs[32] = 2;
}
