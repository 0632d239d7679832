/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scsi.c - the commands that disks and CD-ROMs share (SPC-4, SBC-3), as one table. */
#include "usb/scsi.h"

#include <stdio.h>
#include <string.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint64_t be64(const uint8_t *p)
{
	return (uint64_t)clove_be32(p) << 32 | clove_be32(p + 4);
}

void clove_scsi_fail(struct clove_scsi *scsi, struct clove_scsi_command *command, uint32_t key_asc_ascq)
{
	scsi->sense[0] = (uint8_t)(key_asc_ascq >> 16);
	scsi->sense[1] = (uint8_t)(key_asc_ascq >> 8);
	scsi->sense[2] = (uint8_t)key_asc_ascq;
	command->move = CLOVE_SCSI_NOTHING;
	command->len = 0;
	command->is_bad = true;
}

void clove_scsi_read_failed(struct clove_scsi *scsi)
{
	clove_scsi_fail(scsi, &(struct clove_scsi_command){ 0 }, CLOVE_SENSE_READ_ERROR);
}

void clove_scsi_write_failed(struct clove_scsi *scsi)
{
	clove_scsi_fail(scsi, &(struct clove_scsi_command){ 0 }, CLOVE_SENSE_WRITE_ERROR);
}

void clove_scsi_answer(struct clove_scsi *scsi, struct clove_scsi_command *command, const void *data, size_t len,
		size_t allocation)
{
	if (clove_buf_append(&command->answer, data, len)) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_READ_ERROR);
		return;
	}
	command->move = CLOVE_SCSI_ANSWER;
	command->len = len < allocation ? len : allocation;
}

/* ---- which device it is ------------------------------------------------------------------------------ */

static void inquiry(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t type = scsi->is_cd ? 5 : 0, answer[64] = { type };
	size_t room = be16(cdb + 3);

	if (!(cdb[1] & 1)) {
		if (cdb[2]) {
			clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
			return;
		}
		answer[1] = 0x80;                 /* removable */
		answer[2] = 4;                    /* SPC-2 */
		answer[3] = 2;
		answer[4] = 36 - 5;
		memcpy(answer + 8, "Clove   ", 8);
		memcpy(answer + 16, scsi->is_cd ? "USB CD-ROM      " : "USB stick       ", 16);
		memcpy(answer + 32, "1.0 ", 4);
		clove_scsi_answer(scsi, command, answer, 36, room);
		return;
	}
	answer[1] = cdb[2];
	switch (cdb[2]) {
	case 0x00:                                /* the pages there are */
		memcpy(answer + 3, "\3\x00\x80\x83", 4);
		break;
	case 0x80:                                /* serial number */
		answer[3] = (uint8_t)strlen(scsi->serial);
		memcpy(answer + 4, scsi->serial, answer[3]);
		break;
	case 0x83:                                /* identification: vendor and serial, ASCII */
		answer[4] = 2;
		answer[5] = 1;
		answer[7] = (uint8_t)(8 + strlen(scsi->serial));
		answer[3] = (uint8_t)(answer[7] + 4);
		memcpy(answer + 8, "Clove   ", 8);
		memcpy(answer + 16, scsi->serial, strlen(scsi->serial));
		break;
	default:
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	clove_scsi_answer(scsi, command, answer, 4u + answer[3], room);
}

/* Fixed format (SPC-4, 4.5.3), and what was known is forgotten. */
static void request_sense(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[18] = { 0x70, 0, scsi->sense[0], [7] = 10, [12] = scsi->sense[1], scsi->sense[2] };

	memset(scsi->sense, 0, sizeof scsi->sense);
	clove_scsi_answer(scsi, command, answer, sizeof answer, cdb[4]);
}

static void report_luns(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	static const uint8_t one[16] = { [3] = 8 };

	clove_scsi_answer(scsi, command, one, sizeof one, clove_be32(cdb + 6));
}

static void nothing(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)scsi;
	(void)cdb;
	(void)command;
}

/* ---- modes ------------------------------------------------------------------------------------------- */

static const struct {
	uint8_t code;
	bool is_of_cd, is_of_stick;
	uint8_t len, body[18];
} pages[] = {
	{ 0x01, true, true, 10, { 0 } },                            /* error recovery */
	{ 0x08, false, true, 18, { 0x04 } },                        /* caching: WCE */
	{ 0x1c, true, true, 10, { 0 } },                            /* exceptions */
	{ 0x2a, true, false, 18, { 0x08, 0, 0x01, 0, 0x29, 0, 0x02, 0xc2, 0, 0, 0, 0, 0x02, 0xc2 } }, /* a CD-ROM */
};

/* How much there is behind the header; `page` as the command says it. */
static size_t put_pages(const struct clove_scsi *scsi, uint8_t page, uint8_t *to)
{
	bool wants_changeable = page >> 6 == 1;
	size_t len = 0;

	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		if (!(scsi->is_cd ? pages[i].is_of_cd : pages[i].is_of_stick) ||
				((page & 0x3f) != 0x3f && (page & 0x3f) != pages[i].code))
			continue;
		to[len] = pages[i].code;
		to[len + 1] = pages[i].len;
		if (!wants_changeable)                      /* nothing can be changed */
			memcpy(to + len + 2, pages[i].body, pages[i].len);
		if (pages[i].code == 0x08 && !scsi->image.is_writable)
			to[len + 2] = 0;
		len += 2u + pages[i].len;
	}
	return len;
}

static void mode_sense(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	bool is_long = cdb[0] == 0x5a;
	size_t header = is_long ? 8 : 4, len;
	uint8_t answer[8 + 128] = { 0 };
	uint8_t flags = scsi->is_cd || scsi->image.is_writable ? 0 : 0x80; /* write-protected */

	if (cdb[2] >> 6 == 3) {                             /* saved values */
		clove_scsi_fail(scsi, command, 0x053900);
		return;
	}
	len = put_pages(scsi, cdb[2], answer + header);
	if (!len && (cdb[2] & 0x3f) && (cdb[2] & 0x3f) != 0x3f) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	len += header;
	if (is_long) {
		answer[1] = (uint8_t)(len - 2);
		answer[3] = flags;
	} else {
		answer[0] = (uint8_t)(len - 1);
		answer[2] = flags;
	}
	clove_scsi_answer(scsi, command, answer, len, is_long ? be16(cdb + 7) : cdb[4]);
}

static void mode_select(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)scsi;
	command->move = CLOVE_SCSI_PARAMETERS;
	command->len = cdb[0] == 0x55 ? be16(cdb + 7) : cdb[4];
}

/* ---- the medium -------------------------------------------------------------------------------------- */

static void start_stop(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	bool is_start = cdb[4] & 1, is_eject = (cdb[4] & 3) == 2;

	if (cdb[4] >> 4)                                    /* a power condition: all are one to us */
		return;
	if (is_eject && scsi->is_locked) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_LOCKED);
		return;
	}
	scsi->is_ejected |= is_eject;
	if (!is_start)
		command->move = CLOVE_SCSI_FLUSH;
}

static void prevent_removal(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)command;
	scsi->is_locked = cdb[4] & 1;
}

static void read_capacity_10(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint64_t last = scsi->blocks - 1;
	uint8_t answer[8];

	(void)cdb;
	clove_put_be32(answer, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	clove_put_be32(answer + 4, scsi->block);
	clove_scsi_answer(scsi, command, answer, sizeof answer, sizeof answer);
}

static void read_capacity_16(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[32] = { 0 };

	if ((cdb[1] & 0x1f) != 0x10) {                      /* other service actions of SERVICE ACTION IN */
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	clove_put_be32(answer, (uint32_t)((scsi->blocks - 1) >> 32));
	clove_put_be32(answer + 4, (uint32_t)(scsi->blocks - 1));
	clove_put_be32(answer + 8, scsi->block);
	clove_scsi_answer(scsi, command, answer, sizeof answer, clove_be32(cdb + 10));
}

static void read_format_capacities(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[12] = { [3] = 8 };

	clove_put_be32(answer + 4, scsi->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)scsi->blocks);
	clove_put_be32(answer + 8, 2u << 24 | scsi->block); /* formatted */
	clove_scsi_answer(scsi, command, answer, sizeof answer, be16(cdb + 7));
}

static bool is_in_range(struct clove_scsi *scsi, struct clove_scsi_command *command, uint64_t block,
		uint64_t count)
{
	if (block <= scsi->blocks && count <= scsi->blocks - block)
		return true;
	clove_scsi_fail(scsi, command, CLOVE_SENSE_OUT_OF_RANGE);
	return false;
}

void clove_scsi_read_blocks(struct clove_scsi *scsi, struct clove_scsi_command *command, uint64_t block,
		uint64_t count)
{
	if (!is_in_range(scsi, command, block, count))
		return;
	command->move = count ? CLOVE_SCSI_READ : CLOVE_SCSI_NOTHING;
	command->offset = block * scsi->block;
	command->len = count * scsi->block;
}

/* Where the block and the count are follows from the command's group, the first three bits. */
static void range_of(const uint8_t *cdb, uint64_t *block, uint64_t *count)
{
	switch (cdb[0] >> 5) {
	case 0:
		*block = clove_be32(cdb) & 0x1fffff;
		*count = cdb[4] ? cdb[4] : 256;
		break;
	case 1:
		*block = clove_be32(cdb + 2);
		*count = be16(cdb + 7);
		break;
	case 5:
		*block = clove_be32(cdb + 2);
		*count = clove_be32(cdb + 6);
		break;
	default:
		*block = be64(cdb + 2);
		*count = clove_be32(cdb + 10);
	}
}

static void read_blocks(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint64_t block, count;

	range_of(cdb, &block, &count);
	clove_scsi_read_blocks(scsi, command, block, count);
}

static void write_blocks(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	if (!scsi->image.is_writable) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_WRITE_PROTECTED);
		return;
	}
	read_blocks(scsi, cdb, command);
	if (command->move == CLOVE_SCSI_READ)
		command->move = CLOVE_SCSI_WRITE;
}

/* Without BYTCHK nothing is compared; a medium of ours is as good as its file. */
static void verify(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint64_t block, count;

	range_of(cdb, &block, &count);
	if (cdb[1] & 6)
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
	else
		(void)is_in_range(scsi, command, block, count);
}

static void seek(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)is_in_range(scsi, command, clove_be32(cdb + 2), 1);
}

static void synchronize_cache(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)scsi;
	(void)cdb;
	command->move = CLOVE_SCSI_FLUSH;
}

/* ---- the table --------------------------------------------------------------------------------------- */

static const struct {
	uint8_t code;
	bool needs_medium;
	void (*fn)(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command);
} commands[] = {
	{ 0x00, true, nothing },                  /* TEST UNIT READY */
	{ 0x03, false, request_sense },
	{ 0x08, true, read_blocks },              /* READ (6) */
	{ 0x0a, true, write_blocks },             /* WRITE (6) */
	{ 0x12, false, inquiry },
	{ 0x15, false, mode_select },
	{ 0x1a, false, mode_sense },
	{ 0x1b, false, start_stop },
	{ 0x1d, false, nothing },                 /* SEND DIAGNOSTIC: passed */
	{ 0x1e, false, prevent_removal },
	{ 0x23, true, read_format_capacities },
	{ 0x25, true, read_capacity_10 },
	{ 0x28, true, read_blocks },
	{ 0x2a, true, write_blocks },
	{ 0x2b, true, seek },
	{ 0x2e, true, write_blocks },             /* WRITE AND VERIFY (10) */
	{ 0x2f, true, verify },
	{ 0x35, true, synchronize_cache },
	{ 0x55, false, mode_select },
	{ 0x5a, false, mode_sense },
	{ 0x88, true, read_blocks },              /* READ (16) */
	{ 0x8a, true, write_blocks },
	{ 0x8e, true, write_blocks },
	{ 0x8f, true, verify },
	{ 0x91, true, synchronize_cache },
	{ 0x9e, true, read_capacity_16 },
	{ 0xa0, false, report_luns },
	{ 0xa8, true, read_blocks },              /* READ (12) */
	{ 0xaa, true, write_blocks },
	{ 0xae, true, write_blocks },
	{ 0xaf, true, verify },
};

void clove_scsi_decode(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	command->move = CLOVE_SCSI_NOTHING;
	command->is_bad = false;
	command->offset = command->len = 0;
	clove_buf_clear(&command->answer);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (commands[i].code != cdb[0])
			continue;
		if (commands[i].needs_medium && scsi->is_ejected)
			clove_scsi_fail(scsi, command, CLOVE_SENSE_NO_MEDIUM);
		else
			commands[i].fn(scsi, cdb, command);
		return;
	}
	if (!scsi->is_cd || !clove_scsi_decode_cd(scsi, cdb, command))
		clove_scsi_fail(scsi, command, CLOVE_SENSE_NO_SUCH_COMMAND);
}
