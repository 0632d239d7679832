/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scsi.h - a SCSI disk or CD-ROM on an image: what each command means. Moves no data of the medium itself. */
#ifndef CLOVE_USB_SCSI_H
#define CLOVE_USB_SCSI_H

#include <stdbool.h>
#include "common/util/buf.h"
#include "usb/image.h"

struct clove_scsi {
	struct clove_image image;
	bool is_cd;
	uint32_t block;                   /* bytes */
	uint64_t blocks;
	uint8_t sense[3];                 /* key, ASC, ASCQ of the last failure */
	bool is_locked;                   /* PREVENT MEDIUM REMOVAL */
	bool is_ejected;
	char serial[17];
};

enum clove_scsi_move {
	CLOVE_SCSI_NOTHING,
	CLOVE_SCSI_ANSWER,                /* `answer` goes to the host */
	CLOVE_SCSI_PARAMETERS,            /* `len` bytes come and are ignored: nothing can be set */
	CLOVE_SCSI_READ,                  /* `len` bytes of the image from `offset` on */
	CLOVE_SCSI_WRITE,
	CLOVE_SCSI_FLUSH,
};

struct clove_scsi_command {
	enum clove_scsi_move move;
	bool is_bad;                      /* CHECK CONDITION: the sense says why; nothing is moved */
	uint64_t offset, len;             /* bytes; ANSWER: len is answer.len, cut to the allocation length */
	struct clove_buf answer;          /* kept between commands */
};

/* `cdb` has 16 bytes, those behind the command are zero. */
void clove_scsi_decode(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command);

/* The medium failed in the middle: the sense for the next REQUEST SENSE. */
void clove_scsi_read_failed(struct clove_scsi *scsi);
void clove_scsi_write_failed(struct clove_scsi *scsi);

/* scsi-cd.c: the commands of MMC; false: not one of them. */
bool clove_scsi_decode_cd(struct clove_scsi *scsi, const uint8_t *cdb, struct clove_scsi_command *command);
/* For scsi-cd.c. */
void clove_scsi_fail(struct clove_scsi *scsi, struct clove_scsi_command *command, uint32_t key_asc_ascq);
void clove_scsi_answer(struct clove_scsi *scsi, struct clove_scsi_command *command, const void *data, size_t len,
		size_t allocation);
void clove_scsi_read_blocks(struct clove_scsi *scsi, struct clove_scsi_command *command, uint64_t block,
		uint64_t count);

enum {                                    /* sense key, ASC, ASCQ (SPC-4, annex D) */
	CLOVE_SENSE_NO_MEDIUM = 0x023a00,
	CLOVE_SENSE_READ_ERROR = 0x031100,
	CLOVE_SENSE_WRITE_ERROR = 0x030c00,
	CLOVE_SENSE_NO_SUCH_COMMAND = 0x052000,
	CLOVE_SENSE_OUT_OF_RANGE = 0x052100,
	CLOVE_SENSE_BAD_FIELD = 0x052400,
	CLOVE_SENSE_LOCKED = 0x055302,
	CLOVE_SENSE_WRITE_PROTECTED = 0x072700,
};

#endif
