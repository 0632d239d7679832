/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* storage.c - the bulk-only transport (mass storage class, BOT 1.0): from CBW to CSW, and what goes wrong between.
 *
 * With a loop, whatever may wait for the disk runs on a worker's thread, in order; what the page cache has is read
 * from inside submit. Without one, everything happens inside submit.
 */
#include "usb/software.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/util/log.h"
#include "common/util/worker.h"
#include "usb/model.h"
#include "usb/scsi.h"

enum { IN = 0x81, OUT = 0x02, MAX_PACKET = 512 };
enum { CBW = 31, CSW = 13 };
enum { PASSED = 0, FAILED = 1, PHASE_ERROR = 2 };             /* bCSWStatus (table 5.3) */
enum { LEAVE_AFTER = 200 };                                   /* frames: the guest hears the eject's end first */

static const struct clove_desc_endpoint endpoints[] = {
	{ .address = IN, .attributes = CLOVE_USB_BULK, .max_packet = MAX_PACKET },
	{ .address = OUT, .attributes = CLOVE_USB_BULK, .max_packet = MAX_PACKET },
};

static const struct clove_desc_interface interface = {
	.interface_class = 8, .subclass = 6, .protocol = 0x50, /* SCSI, bulk-only */
	.endpoints = endpoints, .endpoint_count = 2,
};

enum phase {
	COMMAND,                          /* a CBW is next */
	DATA_IN, DATA_OUT,
	DATA_IN_END,                      /* the host wants more than there is, and sees no short packet yet */
	STATUS,                           /* a CSW is next */
	WEDGED,                           /* a bad CBW: only reset recovery helps (6.6.1) */
};

enum kind { READ, WRITE, FLUSH, CLOSE };

/* What the worker does. It owns the bytes if nobody waits for them any more. */
struct job {
	struct clove_work work;
	struct clove_list link;           /* in storage->jobs */
	struct storage *storage;          /* NULL: it was freed */
	struct clove_usb_transfer *transfer; /* NULL: cancelled, or a flush */
	bool is_wanted;                   /* its end moves the command on */
	enum kind kind;
	struct clove_image image;
	uint64_t offset;
	size_t begin, len;                /* bytes already there, and wanted in all */
	uint8_t *data;
	size_t done;
	bool is_good;
};

struct storage {
	struct clove_model model;         /* first */
	struct clove_desc desc;
	struct clove_scsi scsi;
	struct clove_scsi_command command;
	struct clove_work_thread *worker;      /* NULL: nothing waits */
	struct clove_list jobs;
	bool is_waiting;                  /* for the job that is wanted */
	enum phase phase;
	uint8_t tag[4], status;
	uint32_t host_len;                /* dCBWDataTransferLength */
	uint64_t moved;                   /* bytes of the data phase so far */
	unsigned int leaves_in;           /* frames; 0: it stays */
};

static struct storage *storage_of(struct clove_model *model)
{
	return CLOVE_CONTAINER(model, struct storage, model);
}

/* ---- the disk ---------------------------------------------------------------------------------------- */

static void run_job(struct clove_work *work)
{
	struct job *job = CLOVE_CONTAINER(work, struct job, work);
	uint8_t *data = job->data + job->begin;

	switch (job->kind) {
	case READ:
		job->done = job->begin + clove_image_read(&job->image, job->offset + job->begin, data,
				job->len - job->begin);
		break;
	case WRITE:
		job->done = clove_image_write(&job->image, job->offset, job->data, job->len);
		break;
	case FLUSH:
		job->is_good = clove_image_flush(&job->image);
		break;
	case CLOSE:
		clove_image_close(&job->image);
	}
}

static void drop_job(struct clove_work *work)
{
	struct job *job = CLOVE_CONTAINER(work, struct job, work);

	if (!job->transfer)
		free(job->data);
	free(job);
}

static void read_done(struct storage *storage, struct clove_usb_transfer *transfer, size_t want, size_t got);
static void write_done(struct storage *storage, struct clove_usb_transfer *transfer, bool is_good);

static void job_done(struct clove_work *work)
{
	struct job *job = CLOVE_CONTAINER(work, struct job, work);
	struct storage *storage = job->storage;
	struct clove_usb_transfer *transfer = job->transfer;

	if (storage) {
		clove_list_remove(&job->link);
		if (job->is_wanted)
			storage->is_waiting = false;
	}
	if (storage && job->is_wanted) {
		if (transfer)
			transfer->device_data = NULL;
		switch (job->kind) {
		case READ:
			read_done(storage, transfer, job->len, job->done);
			break;
		case WRITE:
			write_done(storage, transfer, job->done == job->len);
			break;
		default:
			if (!job->is_good) {
				clove_scsi_write_failed(&storage->scsi);
				storage->status = FAILED;
			}
		}
		clove_model_run(&storage->model);
	}
	drop_job(work);
}

/* False without memory. The transfer is in hand until job_done. */
static bool give_job(struct storage *storage, enum kind kind, struct clove_usb_transfer *transfer,
		uint64_t offset, size_t begin, size_t len)
{
	struct job *job = calloc(1, sizeof *job);

	if (!job)
		return false;
	*job = (struct job){
		.work = { run_job, job_done, drop_job, NULL }, .storage = storage, .transfer = transfer,
		.is_wanted = true, .kind = kind, .image = storage->scsi.image, .offset = offset,
		.begin = begin, .len = len, .data = transfer ? transfer->data : NULL,
	};
	if (transfer) {
		clove_model_take(&storage->model, transfer);
		transfer->device_data = job;
	}
	clove_list_append(&storage->jobs, &job->link);
	storage->is_waiting = true;
	clove_work_thread_give(storage->worker, &job->work);
	return true;
}

/* The command that waits for the disk does so no more. The job keeps the bytes until the disk lets go of them. */
static void forget_jobs(struct storage *storage)
{
	CLOVE_LIST_FOR_EACH(item, &storage->jobs)
		CLOVE_CONTAINER(item, struct job, link)->is_wanted = false;
	storage->is_waiting = false;
}

static void cancel_taken(struct clove_model *model, struct clove_usb_transfer *transfer)
{
	struct storage *storage = storage_of(model);
	struct job *job = transfer->device_data;

	forget_jobs(storage);
	job->transfer = NULL;
	transfer->data = NULL;
	transfer->len = 0;
	/* For the host nothing has moved: what it sends or asks next takes this one's place. */
	clove_usb_complete(transfer, CLOVE_USB_CANCELLED, 0);
}

/* ---- a command --------------------------------------------------------------------------------------- */

/* Halts both ways, until reset recovery (6.6.1). */
static void wedge(struct storage *storage)
{
	storage->phase = WEDGED;
	clove_model_halt(&storage->model, IN);
	clove_model_halt(&storage->model, OUT);
}

static bool moves_in(enum clove_scsi_move move)
{
	return move == CLOVE_SCSI_ANSWER || move == CLOVE_SCSI_READ;
}

static bool moves_out(enum clove_scsi_move move)
{
	return move == CLOVE_SCSI_PARAMETERS || move == CLOVE_SCSI_WRITE;
}

/* The thirteen cases (6.7): what the host expects (Hn, Hi, Ho) against what the device intends (Dn, Di, Do). */
static void begin_data(struct storage *storage, bool is_in)
{
	const struct clove_scsi_command *command = &storage->command;
	uint64_t host = storage->host_len, device = command->len;
	bool device_in = moves_in(command->move) && device, device_out = moves_out(command->move) && device;

	storage->moved = 0;
	storage->status = command->is_bad ? FAILED : PASSED;
	if (!host) {
		storage->phase = STATUS;
		if (device_in || device_out)                /* 2, 3 */
			storage->status = PHASE_ERROR;
	} else if (is_in) {
		storage->phase = DATA_IN;                   /* 4, 5, 6 */
		if (device_out)
			storage->command.len = 0;           /* 8 */
		if (device_out || device > host)
			storage->status = PHASE_ERROR;      /* 7: what it asked for is sent */
	} else {
		storage->phase = DATA_OUT;                  /* 9, 11, 12: what is too much is dropped */
		if (device_in || device > host) {
			storage->status = PHASE_ERROR;      /* 10, 13: nothing is written */
			storage->command.len = 0;
		}
	}
}

static void flush(struct storage *storage)
{
	if (storage->worker && storage->scsi.image.is_writable &&
			give_job(storage, FLUSH, NULL, 0, 0, 0))
		return;
	if (!clove_image_flush(&storage->scsi.image)) {
		clove_scsi_write_failed(&storage->scsi);
		storage->status = FAILED;
	}
}

/* True: something moved. */
static bool take_command(struct storage *storage)
{
	struct clove_usb_transfer *transfer = clove_model_first(&storage->model, OUT);
	uint8_t cbw[CBW], cdb[16] = { 0 };

	if (!transfer)
		return false;
	if (transfer->len != CBW || memcmp(transfer->data, "USBC", 4) || transfer->data[12] & 0x7f ||
			transfer->data[13] & 0xf0 || !(transfer->data[14] & 0x1f) || transfer->data[14] > 16) {
		storage->phase = WEDGED;
		clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
		if (storage->phase == WEDGED)
			wedge(storage);
		return true;
	}
	memcpy(cbw, transfer->data, CBW);
	memcpy(storage->tag, cbw + 4, 4);
	storage->host_len = clove_le32(cbw + 8);
	memcpy(cdb, cbw + 15, cbw[14]);
	clove_scsi_decode(&storage->scsi, cdb, &storage->command);
	if (cbw[13])                                        /* there is but LUN 0 */
		clove_scsi_fail(&storage->scsi, &storage->command, 0x052500);
	begin_data(storage, cbw[12] & 0x80);
	if (storage->command.move == CLOVE_SCSI_FLUSH)
		flush(storage);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, CBW);
	return true;
}

/* ---- data to the host -------------------------------------------------------------------------------- */

/* Bytes that the host wants and the device has, still to go. */
static uint64_t left_to_send(const struct storage *storage)
{
	uint64_t all = storage->command.len < storage->host_len ? storage->command.len : storage->host_len;

	return all - storage->moved;
}

/* After `len` bytes in a transfer with room for `room`: is the data phase over? */
static void end_of_transfer_in(struct storage *storage, size_t len, size_t room)
{
	storage->moved += len;
	if (storage->moved == storage->host_len || (len < room && !left_to_send(storage)))
		storage->phase = STATUS;
	else if (!left_to_send(storage))
		storage->phase = DATA_IN_END;
}

/* The medium gave less: what there is goes, the rest fails. */
static void read_done(struct storage *storage, struct clove_usb_transfer *transfer, size_t want, size_t got)
{
	if (got < want) {
		clove_scsi_read_failed(&storage->scsi);
		storage->status = FAILED;
		got = got / MAX_PACKET * MAX_PACKET;
		storage->command.len = storage->moved + got;
	}
	if (!got) {                                         /* stalled, as an error without data is */
		storage->phase = STATUS;
		clove_list_remove(&transfer->link);
		clove_list_prepend(&storage->model.waiting[clove_usb_index(IN)], &transfer->link);
		clove_model_halt(&storage->model, IN);
		return;
	}
	end_of_transfer_in(storage, got, transfer->len);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, got);
}

/* Behind the last byte of a file that is no multiple of a block there are zeroes. */
static size_t zeroes_behind(const struct storage *storage, uint64_t offset, size_t len)
{
	uint64_t size = storage->scsi.image.size;

	if (offset > size)
		return len;
	return len > size - offset ? (size_t)(len - (size - offset)) : 0;
}

static void send_from_image(struct storage *storage, struct clove_usb_transfer *transfer, size_t len)
{
	uint64_t offset = storage->command.offset + storage->moved;
	size_t zeroes = zeroes_behind(storage, offset, len), stored = len - zeroes, got = 0;

	memset(transfer->data + stored, 0, zeroes);
	if (clove_list_is_empty(&storage->jobs))            /* else a write may be on its way */
		got = clove_image_read_now(&storage->scsi.image, offset, transfer->data, stored);
	if (got < stored && storage->worker && !zeroes && give_job(storage, READ, transfer, offset, got, stored))
		return;
	if (got < stored)
		got += clove_image_read(&storage->scsi.image, offset + got, transfer->data + got, stored - got);
	read_done(storage, transfer, len, got == stored ? len : got);
}

static bool send_data(struct storage *storage)
{
	struct clove_usb_transfer *transfer = clove_model_first(&storage->model, IN);
	uint64_t left = left_to_send(storage);
	size_t len;

	if (!transfer)
		return false;
	if (!left) {                                        /* case 4: nothing at all */
		storage->phase = STATUS;
		clove_model_halt(&storage->model, IN);
		return true;
	}
	len = left < transfer->len ? (size_t)left : transfer->len;
	if (storage->command.move == CLOVE_SCSI_READ && len) {
		send_from_image(storage, transfer, len);
		return true;
	}
	if (len)
		memcpy(transfer->data, storage->command.answer.data + storage->moved, len);
	end_of_transfer_in(storage, len, transfer->len);
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, len);
	return true;
}

/* Case 5 with whole packets: a packet of no bytes says that this was all. */
static bool end_data_in(struct storage *storage)
{
	struct clove_usb_transfer *transfer = clove_model_first(&storage->model, IN);

	if (!transfer)
		return false;
	storage->phase = STATUS;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, 0);
	return true;
}

/* ---- data from the host ------------------------------------------------------------------------------ */

static void write_done(struct storage *storage, struct clove_usb_transfer *transfer, bool is_good)
{
	if (!is_good) {
		clove_scsi_write_failed(&storage->scsi);
		storage->status = FAILED;
		storage->command.len = storage->moved;      /* the rest is dropped */
	}
	storage->moved += transfer->len;
	if (storage->moved >= storage->host_len)
		storage->phase = STATUS;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, transfer->len);
}

static bool take_data(struct storage *storage)
{
	struct clove_usb_transfer *transfer = clove_model_first(&storage->model, OUT);
	struct clove_scsi_command *command = &storage->command;
	uint64_t left = command->len > storage->moved ? command->len - storage->moved : 0;
	uint64_t offset = command->offset + storage->moved;
	size_t len;

	if (!transfer)
		return false;
	len = left < transfer->len ? (size_t)left : transfer->len;
	if (command->move != CLOVE_SCSI_WRITE || !len)
		write_done(storage, transfer, true);
	else if (!storage->worker || !give_job(storage, WRITE, transfer, offset, 0, len))
		write_done(storage, transfer,
				clove_image_write(&storage->scsi.image, offset, transfer->data, len) == len);
	return true;
}

/* ---- status ------------------------------------------------------------------------------------------ */

static bool send_status(struct storage *storage)
{
	struct clove_usb_transfer *transfer = clove_model_first(&storage->model, IN);
	uint64_t used = storage->moved < storage->command.len ? storage->moved : storage->command.len;
	uint32_t residue = used > storage->host_len ? 0 : storage->host_len - (uint32_t)used;

	if (!transfer)
		return false;
	if (transfer->len < CSW) {
		clove_usb_complete(transfer, CLOVE_USB_BABBLE, 0);
		return true;
	}
	memcpy(transfer->data, "USBS", 4);
	memcpy(transfer->data + 4, storage->tag, 4);
	clove_put_le32(transfer->data + 8, residue);
	transfer->data[12] = storage->status;
	storage->phase = COMMAND;
	if (storage->scsi.is_ejected && !storage->leaves_in) {
		storage->leaves_in = LEAVE_AFTER;
		storage->model.device.wants_frames = true;
	}
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, CSW);
	return true;
}

static bool step(struct storage *storage)
{
	static bool (*const steps[])(struct storage *storage) = {
		[COMMAND] = take_command, [DATA_IN] = send_data, [DATA_IN_END] = end_data_in,
		[DATA_OUT] = take_data, [STATUS] = send_status,
	};

	return !storage->is_waiting && storage->phase != WEDGED && steps[storage->phase](storage);
}

static void run(struct clove_model *model)
{
	struct storage *storage = storage_of(model);

	if (storage->phase == WEDGED && !storage->is_waiting) {
		wedge(storage);                             /* CLEAR_FEATURE alone does not help */
		return;
	}
	while (step(storage))
		;
}

/* ---- the device -------------------------------------------------------------------------------------- */

static void start_again(struct storage *storage)
{
	forget_jobs(storage);
	storage->phase = COMMAND;
}

enum { GET_MAX_LUN = 0xfe, RESET = 0xff };

static enum clove_err control(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_bytes data, struct clove_buf *answer)
{
	static const uint8_t last_lun = 0;
	struct storage *storage = storage_of(model);

	(void)data;
	if (setup->index || setup->value)
		return CLOVE_ERR_VALUE;
	switch (setup->request_type << 8 | setup->request) {
	case 0xa100 | GET_MAX_LUN:
		return clove_buf_append(answer, &last_lun, 1);
	case 0x2100 | RESET:                                /* 3.1: halts stay, the host clears them */
		while (!clove_list_is_empty(&model->taken))
			cancel_taken(model, CLOVE_CONTAINER(model->taken.next, struct clove_usb_transfer, link));
		start_again(storage);
		return CLOVE_OK;
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

static void restart(struct clove_model *model, uint32_t reset_endpoints)
{
	struct storage *storage = storage_of(model);

	(void)reset_endpoints;                              /* one interface, one setting */
	storage->scsi.is_locked = false;
	start_again(storage);
}

static void frame(struct clove_model *model)
{
	struct storage *storage = storage_of(model);

	if (!storage->leaves_in || --storage->leaves_in)
		return;
	clove_model_leave(model, storage->scsi.is_cd ? "the guest ejected the CD" :
			"the guest ejected the stick");     /* it may be gone now */
}

static void free_storage(struct clove_model *model)
{
	struct storage *storage = storage_of(model);
	struct job *last = storage->worker ? calloc(1, sizeof *last) : NULL;

	CLOVE_LIST_FOR_EACH(item, &storage->jobs) {
		struct job *job = CLOVE_CONTAINER(item, struct job, link);

		clove_list_remove(item);
		job->storage = NULL;
	}
	if (last) {                                         /* behind all that is still to be written */
		*last = (struct job){ .work = { run_job, drop_job, drop_job, NULL }, .kind = CLOSE,
				.image = storage->scsi.image };
		clove_work_thread_give(storage->worker, &last->work);
	} else {
		clove_image_close(&storage->scsi.image);
	}
	clove_work_thread_release(storage->worker);
	clove_buf_fini(&storage->command.answer);
	free(storage);
}

static const struct clove_model_ops storage_ops = {
	.control = control, .run = run, .restart = restart, .cancel_taken = cancel_taken,
	.frame = frame, .free = free_storage,
};

/* Twelve hex digits or more, as BOT 4.1.1 wants them; the same for the same path. */
static void make_serial(char serial[17], const char *path)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = path; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	snprintf(serial, 17, "%016llX", (unsigned long long)hash);
}

static void describe(struct storage *storage, const char *path)
{
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	bool is_cd = storage->scsi.is_cd;
	char name[64];

	storage->desc = (struct clove_desc){
		.speed = CLOVE_USB_HIGH, .usb = 0x0200, .max_packet_0 = 64,
		.vendor = 0x1d6b, .product = is_cd ? 0x0109 : 0x0108, .version = 0x0100,
		.strings = { "Clove", is_cd ? "USB CD-ROM" : "USB stick", storage->scsi.serial },
		.attributes = CLOVE_DESC_BUS_POWERED, .max_power = 50,
		.interfaces = &interface, .interface_count = 1,
	};
	snprintf(name, sizeof name, "Clove USB %s (%.40s)", is_cd ? "CD" : "stick", file);
	clove_model_init(&storage->model, &storage_ops, &storage->desc, name);
}

struct clove_usb_device *clove_usb_storage_new(const struct clove_usb_storage_options *options, char **error)
{
	struct storage *storage = calloc(1, sizeof *storage);
	struct clove_scsi *scsi = storage ? &storage->scsi : NULL;

	*error = NULL;
	if (!storage) {
		if (options->fd > 0)
			close(options->fd);
		*error = strdup("out of memory");
		return NULL;
	}
	*error = clove_image_open(&scsi->image, options->path, options->fd,
			options->is_writable && options->kind != CLOVE_USB_STORAGE_CD);
	if (*error) {
		free(storage);
		return NULL;
	}
	scsi->is_cd = options->kind == CLOVE_USB_STORAGE_CD ||
			(options->kind == CLOVE_USB_STORAGE_GUESS && clove_image_is_iso(&scsi->image));
	if (scsi->is_cd)
		scsi->image.is_writable = false;
	scsi->block = scsi->is_cd ? 2048 : 512;
	scsi->blocks = scsi->image.size / scsi->block;
	if (!scsi->image.is_writable && scsi->image.size % scsi->block)
		scsi->blocks++;                             /* its last block is filled up with zeroes */
	clove_list_init(&storage->jobs);
	make_serial(scsi->serial, options->path);
	describe(storage, options->path);
	if (options->loop)
		storage->worker = clove_work_thread_new(options->loop);
	return &storage->model.device;
}
