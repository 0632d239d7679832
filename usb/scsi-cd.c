/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scsi-cd.c - the commands that only a CD-ROM has (MMC-6), for a disc with one data track. */
#include "usb/scsi.h"

#include <string.h>

enum { LEAD_OUT = 0xaa, CD_LARGEST = 450000 };        /* blocks that a CD may have; beyond, it is a DVD */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t size32(const struct clove_scsi *scsi)
{
	return scsi->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)scsi->blocks;
}

/* ---- READ TOC/PMA/ATIP ------------------------------------------------------------------------------- */

/* A block's address as minutes, seconds, frames: 75 frames a second, two seconds of lead-in. */
static void put_address(uint8_t *to, uint32_t block, bool is_msf)
{
	uint64_t frame = (uint64_t)block + 150;

	if (!is_msf) {
		clove_put_be32(to, block);
		return;
	}
	to[0] = 0;
	to[1] = (uint8_t)(frame / 75 / 60 > 255 ? 255 : frame / 75 / 60);
	to[2] = (uint8_t)(frame / 75 % 60);
	to[3] = (uint8_t)(frame % 75);
}

static size_t toc_tracks(const struct clove_scsi *scsi, uint8_t first, bool is_msf, uint8_t *answer)
{
	size_t len = 4;

	answer[2] = answer[3] = 1;
	if (first <= 1) {
		answer[len + 1] = 0x14;               /* data track */
		answer[len + 2] = 1;
		put_address(answer + len + 4, 0, is_msf);
		len += 8;
	}
	answer[len + 1] = 0x14;
	answer[len + 2] = LEAD_OUT;
	put_address(answer + len + 4, size32(scsi), is_msf);
	return len + 8;
}

static size_t toc_session(uint8_t *answer, bool is_msf)
{
	answer[2] = answer[3] = 1;
	answer[5] = 0x14;
	answer[6] = 1;
	put_address(answer + 8, 0, is_msf);
	return 12;
}

static size_t toc_full(const struct clove_scsi *scsi, uint8_t *answer)
{
	static const uint8_t points[4] = { 0xa0, 0xa1, 0xa2, 1 };

	answer[2] = answer[3] = 1;
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t *entry = answer + 4 + 11 * i;

		entry[0] = 1;                         /* session */
		entry[1] = 0x14;
		entry[3] = points[i];
		if (points[i] == 0xa2)
			put_address(entry + 7, size32(scsi), true);
		else if (points[i] == 1)
			put_address(entry + 7, 0, true);
		else
			entry[8] = 1;                 /* first, last track */
	}
	return 4 + 11 * 4;
}

static void read_toc(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t format = cdb[2] & 0x0f ? cdb[2] & 0x0f : cdb[9] >> 6, answer[64] = { 0 };
	bool is_msf = cdb[1] & 2;
	size_t len;

	if (format > 2 || (!format && cdb[6] > 1 && cdb[6] != LEAD_OUT)) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	len = !format ? toc_tracks(scsi, cdb[6], is_msf, answer) : format == 1 ? toc_session(answer, is_msf) :
			toc_full(scsi, answer);
	put_be16(answer, len - 2);
	clove_scsi_answer(scsi, command, answer, len, be16(cdb + 7));
}

/* ---- what the drive can ------------------------------------------------------------------------------- */

static const struct {
	uint16_t code;
	uint8_t version, len, body[8];                /* version: with the bits "persistent" and "current" */
} features[] = {
	{ 0x0000, 0x03, 8, { 0, 0x10, 0, 0, 0, 0x08 } },      /* profiles: DVD-ROM, CD-ROM; made current below */
	{ 0x0001, 0x0b, 8, { 0, 0, 0, 8, 1 } },               /* core: USB */
	{ 0x0002, 0x07, 4, { 2 } },                           /* morphing: media events */
	{ 0x0003, 0x0b, 4, { 0x29 } },                        /* removable: tray, eject, lock */
	{ 0x0010, 0x01, 8, { 0, 0, 8, 0, 0, 1 } },            /* random readable, blocks of 2048 */
	{ 0x001d, 0x01, 0, { 0 } },                           /* reads CDs and DVDs */
	{ 0x001e, 0x09, 4, { 0 } },                           /* CD read */
	{ 0x001f, 0x01, 0, { 0 } },                           /* DVD read */
};

static void get_configuration(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[128] = { 0 }, kind = cdb[1] & 3;
	bool is_dvd = scsi->blocks > CD_LARGEST;
	uint16_t from = be16(cdb + 2);
	size_t len = 8;

	put_be16(answer + 6, scsi->is_ejected ? 0 : is_dvd ? 0x0010 : 0x0008);
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		if (kind == 2 ? features[i].code != from : features[i].code < from)
			continue;
		put_be16(answer + len, features[i].code);
		answer[len + 2] = features[i].version;
		answer[len + 3] = features[i].len;
		memcpy(answer + len + 4, features[i].body, features[i].len);
		if (!features[i].code && !scsi->is_ejected)
			answer[len + (is_dvd ? 6 : 10)] = 1;
		len += 4u + features[i].len;
	}
	clove_put_be32(answer, (uint32_t)(len - 4));
	clove_scsi_answer(scsi, command, answer, len, be16(cdb + 7));
}

static void get_event_status(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[8] = { 0, 2, 0x80, 0x10 };             /* no such event; media events there are */
	bool wants_media = cdb[4] & 0x10;

	if (!(cdb[1] & 1)) {                                  /* only polled */
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	if (wants_media) {
		answer[1] = 6;
		answer[2] = 4;
		answer[5] = scsi->is_ejected ? 1 : 2;         /* tray open; medium present */
	}
	clove_scsi_answer(scsi, command, answer, wants_media ? 8 : 4, be16(cdb + 7));
}

static void get_performance(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[24] = { [3] = 20 };

	if (cdb[10]) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	clove_put_be32(answer + 12, 0x2c2 * 10);              /* kB/s at the start and at the end */
	clove_put_be32(answer + 16, size32(scsi) - 1);
	clove_put_be32(answer + 20, 0x2c2 * 10);
	clove_scsi_answer(scsi, command, answer, sizeof answer, 8 + 16 * (size_t)be16(cdb + 8));
}

static void mechanism_status(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	static const uint8_t answer[8] = { [5] = 1 };

	clove_scsi_answer(scsi, command, answer, sizeof answer, be16(cdb + 8));
}

/* ---- what the disc is --------------------------------------------------------------------------------- */

static void read_disc_information(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	/* complete, one session, one track; no lead-in or lead-out to be written */
	static const uint8_t answer[34] = { 0, 32, 0x0e, 1, 1, 1, 1, 0x20, 0, [16] = 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff };

	if (cdb[1] & 7)
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
	else
		clove_scsi_answer(scsi, command, answer, sizeof answer, be16(cdb + 7));
}

static void read_track_information(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint8_t answer[36] = { 0, 34, 1, 1, 0, 4, 1 };       /* track 1, session 1, data, mode 1 */

	if ((cdb[1] & 3) == 1 && clove_be32(cdb + 2) > 1) {
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
		return;
	}
	clove_put_be32(answer + 24, size32(scsi));
	clove_scsi_answer(scsi, command, answer, sizeof answer, be16(cdb + 7));
}

/* READ CD: only the user data of mode 1, which is what READ gives too. */
static void read_cd(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	uint64_t count = clove_be32(cdb + 5) & 0xffffff;

	if (!(cdb[9] & 0xf8))
		return;
	if ((cdb[9] & 0xf8) != 0x10 || cdb[10] & 7)
		clove_scsi_fail(scsi, command, CLOVE_SENSE_BAD_FIELD);
	else
		clove_scsi_read_blocks(scsi, command, clove_be32(cdb + 2), count);
}

static void send_parameters(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)scsi;
	command->move = CLOVE_SCSI_PARAMETERS;
	command->len = be16(cdb + 8);
}

/* No disc of ours is encrypted. */
static void report_key(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	(void)cdb;
	clove_scsi_fail(scsi, command, 0x056f01);            /* key not present */
}

static const struct {
	uint8_t code;
	bool needs_medium;
	void (*fn)(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command);
} commands[] = {
	{ 0x43, true, read_toc },
	{ 0x46, false, get_configuration },
	{ 0x4a, false, get_event_status },
	{ 0x51, true, read_disc_information },
	{ 0x52, true, read_track_information },
	{ 0xa2, false, send_parameters },        /* SEND EVENT */
	{ 0xa3, false, send_parameters },        /* SEND KEY */
	{ 0xa4, false, report_key },
	{ 0xac, true, get_performance },
	{ 0xbd, false, mechanism_status },
	{ 0xbe, true, read_cd },
};

bool clove_scsi_decode_cd(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (commands[i].code != cdb[0])
			continue;
		if (commands[i].needs_medium && scsi->is_ejected)
			clove_scsi_fail(scsi, command, CLOVE_SENSE_NO_MEDIUM);
		else
			commands[i].fn(scsi, cdb, command);
		return true;
	}
	return false;
}
