/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wake.c - ACPI's PM1 registers: how a guest falls asleep, what wakes it, and what it then reads (ACPI 6.5, 4.8.3). */
#include "vmm-glue/s3/clove-s3.h"

#include <stdlib.h>

enum {
	STATUS_GLOBAL = 1 << 5,
	STATUS_POWER_BUTTON = 1 << 8,
	STATUS_SLEEP_BUTTON = 1 << 9,
	STATUS_ALARM = 1 << 10,
	STATUS_WAKE = 1 << 15,
	STATUS_ALL = STATUS_GLOBAL | STATUS_POWER_BUTTON | STATUS_SLEEP_BUTTON | STATUS_ALARM | STATUS_WAKE,
	ENABLES = STATUS_GLOBAL | STATUS_POWER_BUTTON | STATUS_SLEEP_BUTTON | STATUS_ALARM,

	CONTROL_SCI = 1 << 0,             /* no SMI_CMD in the FADT: always ACPI mode */
	CONTROL_TYPE_SHIFT = 10,
	CONTROL_TYPE = 7 << CONTROL_TYPE_SHIFT,
	CONTROL_SLEEP = 1 << 13,          /* write only */
	CONTROL_KEPT = CONTROL_TYPE | 1 << 1,
};

struct clove_s3 {
	const struct clove_s3_vmm *vmm;
	void *opaque;
	uint16_t status, enable, control;
	bool is_asleep, sci;
};

/* What an event leaves in the status register. Keys and USB devices have no bit of their own there: they count as
 * the power button, which tells the guest that a person is there (Windows leaves its screen off otherwise). */
static const struct { uint16_t status; bool needs_enable; } causes[] = {
	[CLOVE_S3_KEY]          = { STATUS_POWER_BUTTON, false },
	[CLOVE_S3_USB]          = { STATUS_POWER_BUTTON, false },
	[CLOVE_S3_POWER_BUTTON] = { STATUS_POWER_BUTTON, false },
	[CLOVE_S3_ALARM]        = { STATUS_ALARM, true },
};

static void update_sci(struct clove_s3 *s3)
{
	bool level = s3->status & s3->enable;

	if (level == s3->sci)
		return;
	s3->sci = level;
	s3->vmm->set_sci(s3->opaque, level);
}

struct clove_s3 *clove_s3_new(const struct clove_s3_vmm *vmm, void *opaque)
{
	struct clove_s3 *s3 = calloc(1, sizeof *s3);

	if (s3)
		*s3 = (struct clove_s3){ .vmm = vmm, .opaque = opaque };
	return s3;
}

void clove_s3_free(struct clove_s3 *s3)
{
	free(s3);
}

void clove_s3_reset(struct clove_s3 *s3)
{
	s3->status = s3->enable = s3->control = 0;
	s3->is_asleep = false;
	update_sci(s3);
}

bool clove_s3_is_asleep(const struct clove_s3 *s3)
{
	return s3->is_asleep;
}

static void wake(struct clove_s3 *s3)
{
	s3->is_asleep = false;
	s3->status |= STATUS_WAKE;
	update_sci(s3);
	s3->vmm->wake(s3->opaque);
}

static void go_to_sleep(struct clove_s3 *s3)
{
	switch ((s3->control & CONTROL_TYPE) >> CONTROL_TYPE_SHIFT) {
	case CLOVE_S3_SLEEP_TYPE:
		/* An event that is pending wakes at once: the guest, which waits for WAK_STS, just goes on. */
		if (s3->status & s3->enable) {
			s3->status |= STATUS_WAKE;
			break;
		}
		s3->is_asleep = true;
		s3->vmm->sleep(s3->opaque);
		break;
	case CLOVE_S3_OFF_TYPE:
		s3->vmm->power_off(s3->opaque);
		break;
	}
}

bool clove_s3_event(struct clove_s3 *s3, enum clove_s3_cause cause)
{
	if ((unsigned int)cause >= sizeof causes / sizeof *causes)
		return false;
	bool wakes = s3->is_asleep && (!causes[cause].needs_enable || causes[cause].status & s3->enable);

	/* Awake, a key is a key; only the button and the clock have something to tell. */
	if (wakes || cause == CLOVE_S3_POWER_BUTTON || cause == CLOVE_S3_ALARM)
		s3->status |= causes[cause].status;
	if (wakes)
		wake(s3);
	else
		update_sci(s3);
	return wakes;
}

/* The registers as the 8 bytes that they are. */
static uint64_t registers(const struct clove_s3 *s3)
{
	return (uint64_t)s3->status | (uint64_t)s3->enable << 16 | (uint64_t)(s3->control | CONTROL_SCI) << 32;
}

static bool is_access(uint32_t offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset < CLOVE_S3_PORTS && offset + size <= CLOVE_S3_PORTS;
}

uint32_t clove_s3_read(const struct clove_s3 *s3, uint32_t offset, unsigned int size)
{
	uint64_t value;

	if (!is_access(offset, size))
		return 0;
	value = registers(s3) >> offset * 8;
	return (uint32_t)(value & ((UINT64_C(1) << size * 8) - 1));
}

void clove_s3_write(struct clove_s3 *s3, uint32_t offset, uint32_t value, unsigned int size)
{
	uint64_t written, mask;

	if (!is_access(offset, size))
		return;
	mask = ((UINT64_C(1) << size * 8) - 1) << offset * 8;
	written = (uint64_t)value << offset * 8 & mask;
	/* status bits are cleared by the ones that are written, and only by those */
	s3->status &= (uint16_t)~(written & STATUS_ALL);
	s3->enable = (uint16_t)((s3->enable & ~(mask >> 16)) | (written >> 16 & ENABLES));
	s3->control = (uint16_t)((s3->control & ~(mask >> 32)) | (written >> 32 & CONTROL_KEPT));
	update_sci(s3);
	if (written >> 32 & CONTROL_SLEEP && !s3->is_asleep)
		go_to_sleep(s3);
}

uint64_t clove_s3_save(const struct clove_s3 *s3)
{
	return (registers(s3) & UINT64_C(0xffffffffffff)) | (uint64_t)s3->is_asleep << 48;
}

void clove_s3_load(struct clove_s3 *s3, uint64_t state)
{
	s3->status = (uint16_t)(state & STATUS_ALL);
	s3->enable = (uint16_t)(state >> 16 & ENABLES);
	s3->control = (uint16_t)(state >> 32 & CONTROL_KEPT);
	s3->is_asleep = state >> 48 & 1;
	update_sci(s3);
}
