/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-usb-storage.c - the bulk-only transport's cases, the commands of disk and CD, and files that go wrong. */
#include "usb/software.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/util/loop.h"
#include "tests/unit/usb-fixture.h"

enum { IN = 0x81, OUT = 0x02 };

static char path[64];
static struct clove_usb_device *disk;
static struct clove_loop *loop;
static uint32_t tag;

static void make_file(size_t size)
{
	int fd;

	snprintf(path, sizeof path, "/tmp/clove-test-storage-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < size; i += 512) {        /* each block begins with its number */
		uint32_t number = (uint32_t)(i / 512);

		ck_assert_int_eq(pwrite(fd, &number, 4, (off_t)i), 4);
	}
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void open_disk(enum clove_usb_storage_kind kind, bool is_writable)
{
	struct clove_usb_storage_options options = { path, kind, is_writable, loop };
	char *error;

	disk = clove_usb_storage_new(&options, &error);
	ck_assert_msg(disk != NULL, "%s", error);
	fixture_configure(disk);
}

static void set_up(void)
{
	loop = NULL;
	make_file(1 << 20);
	open_disk(CLOVE_USB_STORAGE_STICK, true);
}

static void set_up_with_loop(void)
{
	loop = clove_poll_loop_new();
	make_file(1 << 20);
	open_disk(CLOVE_USB_STORAGE_STICK, true);
}

static void tear_down(void)
{
	clove_usb_device_free(disk);
	unlink(path);
	clove_poll_loop_free(loop);
}

static void wait_for(struct clove_usb_transfer *transfer)
{
	for (int i = 0; i < 1000 && loop && transfer->is_submitted; i++)
		clove_poll_loop_step(loop, 100);
}

static uint8_t out(const void *data, size_t len)
{
	struct clove_usb_transfer *transfer = fixture_give(disk, OUT, CLOVE_USB_BULK, data, len);
	uint8_t status;

	wait_for(transfer);
	ck_assert(!transfer->is_submitted);
	status = transfer->status;
	clove_usb_transfer_free(transfer);
	return status;
}

/* The status; what came is in `data`, *len long. */
static uint8_t in(void *data, size_t *len)
{
	struct clove_usb_transfer *transfer = fixture_give(disk, IN, CLOVE_USB_BULK, NULL, *len);
	uint8_t status;

	wait_for(transfer);
	ck_assert(!transfer->is_submitted);
	status = transfer->status;
	if (transfer->actual)
		memcpy(data, transfer->data, transfer->actual);
	*len = transfer->actual;
	clove_usb_transfer_free(transfer);
	return status;
}

static void send_cbw(const uint8_t *cdb, size_t cdb_len, uint32_t host_len, bool is_in)
{
	uint8_t cbw[31] = { 'U', 'S', 'B', 'C', [12] = is_in ? 0x80 : 0, [14] = (uint8_t)cdb_len };

	clove_put_le32(cbw + 4, ++tag);
	clove_put_le32(cbw + 8, host_len);
	memcpy(cbw + 15, cdb, cdb_len);
	ck_assert_uint_eq(out(cbw, sizeof cbw), CLOVE_USB_SUCCESS);
}

/* The CSW's status; the residue in *residue. Clears a halt as drivers do. */
static uint8_t csw(uint32_t *residue)
{
	uint8_t data[13];
	size_t len = sizeof data;
	uint8_t status = in(data, &len);

	if (status == CLOVE_USB_STALL) {
		ck_assert_uint_eq(fixture_set(disk, 0x02, 1, 0, IN), 0);
		len = sizeof data;
		status = in(data, &len);
	}
	ck_assert_uint_eq(status, CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 13);
	ck_assert_mem_eq(data, "USBS", 4);
	ck_assert_uint_eq(clove_le32(data + 4), tag);
	*residue = clove_le32(data + 8);
	return data[12];
}

/* A whole command with data to the host: the CSW's status, *len what came. */
static uint8_t command_in(const uint8_t *cdb, size_t cdb_len, void *data, size_t *len)
{
	uint32_t residue, wanted = (uint32_t)*len;

	send_cbw(cdb, cdb_len, wanted, true);
	if (wanted && in(data, len) == CLOVE_USB_STALL) {
		ck_assert_uint_eq(fixture_set(disk, 0x02, 1, 0, IN), 0);
		*len = 0;
	}
	uint8_t status = csw(&residue);

	ck_assert_uint_eq(residue, wanted - *len);
	return status;
}

static uint32_t sense(void)
{
	uint8_t data[18];
	size_t len = 18;

	ck_assert_uint_eq(command_in((const uint8_t[]){ 3, 0, 0, 0, 18, 0 }, 6, data, &len), 0);
	ck_assert_uint_eq(len, 18);
	return (uint32_t)data[2] << 16 | (uint32_t)data[12] << 8 | data[13];
}

/* ---- the thirteen cases ------------------------------------------------------------------------------- */

#define READ_2 { 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0 }        /* two blocks from block 9 on */
#define WRITE_2 { 0x2a, 0, 0, 0, 0, 9, 0, 0, 2, 0 }
#define READY { 0x00 }

static const struct {
	const char *why;
	uint8_t cdb[10];
	uint32_t host;
	bool is_in, has_stall;
	uint32_t moved;
	uint8_t status;
	uint32_t residue;                 /* of no meaning with a phase error */
} thirteen[] = {
	{ "1 Hn = Dn",  READY,   0,    false, false, 0, 0, 0 },
	{ "2 Hn < Di",  READ_2,  0,    false, false, 0, 2, 0 },
	{ "3 Hn < Do",  WRITE_2, 0,    false, false, 0, 2, 0 },
	{ "4 Hi > Dn",  READY,   512,  true,  true,  0, 0, 512 },
	{ "5 Hi > Di",  READ_2,  4096, true,  false, 1024, 0, 3072 },
	{ "6 Hi = Di",  READ_2,  1024, true,  false, 1024, 0, 0 },
	{ "7 Hi < Di",  READ_2,  512,  true,  false, 512, 2, 0 },
	{ "8 Hi <> Do", WRITE_2, 1024, true,  true,  0, 2, 0 },
	{ "9 Ho > Dn",  READY,   512,  false, false, 0, 0, 512 },
	{ "10 Ho <> Di", READ_2, 1024, false, false, 0, 2, 0 },
	{ "11 Ho > Do", WRITE_2, 4096, false, false, 1024, 0, 3072 },
	{ "12 Ho = Do", WRITE_2, 1024, false, false, 1024, 0, 0 },
	{ "13 Ho < Do", WRITE_2, 512,  false, false, 0, 2, 0 },
};

START_TEST(test_the_thirteen_cases)
{
	uint8_t data[4096], before[1024], after[1024];
	uint32_t residue;
	size_t len = thirteen[_i].host;
	FILE *file = fopen(path, "r");

	memset(data, 0xa5, sizeof data);
	ck_assert_int_eq(fseek(file, 9 * 512, SEEK_SET), 0);
	ck_assert_uint_eq(fread(before, 1, 1024, file), 1024);
	send_cbw(thirteen[_i].cdb, 10, thirteen[_i].host, thirteen[_i].is_in);
	if (thirteen[_i].host && thirteen[_i].is_in) {
		uint8_t status = in(data, &len);

		ck_assert_uint_eq(status, thirteen[_i].has_stall ? CLOVE_USB_STALL : CLOVE_USB_SUCCESS);
		ck_assert_uint_eq(len, thirteen[_i].moved);
		ck_assert_mem_eq(data, before, len);
	} else if (thirteen[_i].host) {
		ck_assert_uint_eq(out(data, len), CLOVE_USB_SUCCESS);
	}
	ck_assert_msg(csw(&residue) == thirteen[_i].status, "%s", thirteen[_i].why);
	if (thirteen[_i].status != 2)
		ck_assert_msg(residue == thirteen[_i].residue, "%s: %u", thirteen[_i].why, residue);
	fclose(file);
	file = fopen(path, "r");
	ck_assert_int_eq(fseek(file, 9 * 512, SEEK_SET), 0);
	ck_assert_uint_eq(fread(after, 1, 1024, file), 1024);
	fclose(file);
	if (thirteen[_i].is_in || !thirteen[_i].moved)
		ck_assert_mem_eq(after, before, 1024);
	else
		ck_assert_mem_eq(after, data, 1024);
	ck_assert_uint_eq(sense(), 0);                  /* it goes on */
}
END_TEST

/* Case 5 when every packet is whole: the host has room for more, and a packet of no bytes ends it. */
START_TEST(test_whole_packets_end_with_an_empty_one)
{
	static const uint8_t cdb[] = READ_2;
	uint8_t data[1024];
	uint32_t residue;
	size_t len = 1024;

	send_cbw(cdb, 10, 2048, true);
	ck_assert_uint_eq(in(data, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 1024);
	len = 1024;
	ck_assert_uint_eq(in(data, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(csw(&residue), 0);
	ck_assert_uint_eq(residue, 1024);
}
END_TEST

static const struct {
	const char *why;
	uint8_t cbw[64];
	size_t len;
} bad_cbws[] = {
	{ "short",         "USBC", 30 },
	{ "long",          "USBC\0\0\0\0\0\0\0\0\0\0\6", 32 },
	{ "signature",     "USBD\0\0\0\0\0\0\0\0\0\0\6", 31 },
	{ "no command",    "USBC\0\0\0\0\0\0\0\0\0\0\0", 31 },
	{ "long command",  "USBC\0\0\0\0\0\0\0\0\0\0\x11", 31 },
	{ "flags",         "USBC\0\0\0\0\0\0\0\0\x40\0\6", 31 },
	{ "empty",         "", 0 },
};

START_TEST(test_bad_cbw_needs_reset_recovery)
{
	uint8_t data[13];
	size_t len = 13;

	ck_assert_uint_eq(out(bad_cbws[_i].cbw, bad_cbws[_i].len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(in(data, &len), CLOVE_USB_STALL);
	ck_assert_uint_eq(out(data, 13), CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_set(disk, 0x02, 1, 0, IN), 0); /* alone it does not help */
	len = 13;
	ck_assert_uint_eq(in(data, &len), CLOVE_USB_STALL);
	ck_assert_uint_eq(fixture_set(disk, 0x21, 0xff, 0, 0), 0);
	ck_assert_uint_eq(fixture_set(disk, 0x02, 1, 0, IN), 0);
	ck_assert_uint_eq(fixture_set(disk, 0x02, 1, 0, OUT), 0);
	ck_assert_uint_eq(sense(), 0);
}
END_TEST

/* A driver may post its reads before the command: they wait. */
START_TEST(test_reads_posted_early_are_filled)
{
	struct clove_usb_transfer *data = fixture_give(disk, IN, CLOVE_USB_BULK, NULL, 120 << 10);
	struct clove_usb_transfer *status = fixture_give(disk, IN, CLOVE_USB_BULK, NULL, 13);
	static const uint8_t cdb[10] = { 0x28, 0, 0, 0, 0, 5, 0, 0, 240, 0 };

	ck_assert(data->is_submitted && status->is_submitted);
	send_cbw(cdb, 10, 120 << 10, true);
	wait_for(status);
	ck_assert(!data->is_submitted && !status->is_submitted);
	ck_assert_uint_eq(data->actual, 120 << 10);
	for (uint32_t i = 0; i < 240; i++)
		ck_assert_uint_eq(clove_le32(data->data + 512 * i), i + 5);
	ck_assert_uint_eq(status->actual, 13);
	ck_assert_uint_eq(status->data[12], 0);
	clove_usb_transfer_free(data);
	clove_usb_transfer_free(status);
}
END_TEST

START_TEST(test_what_is_written_is_read)
{
	static const uint8_t write_16[16] = { 0x8a, [9] = 100, [13] = 64 };
	static const uint8_t sync[10] = { 0x35 }, read_12[12] = { 0xa8, [5] = 100, [9] = 64 };
	uint8_t *data = malloc(32 << 10), *again = malloc(32 << 10);
	uint32_t residue;
	size_t len = 32 << 10;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + i / 512);
	send_cbw(write_16, 16, 32 << 10, false);
	for (size_t i = 0; i < len; i += 8192)
		ck_assert_uint_eq(out(data + i, 8192), 0);
	ck_assert_uint_eq(csw(&residue), 0);
	send_cbw(sync, 10, 0, false);
	ck_assert_uint_eq(csw(&residue), 0);
	ck_assert_uint_eq(command_in(read_12, 12, again, &len), 0);
	ck_assert_uint_eq(len, 32 << 10);
	ck_assert_mem_eq(data, again, len);
	free(data);
	free(again);
}
END_TEST

/* ---- commands ----------------------------------------------------------------------------------------- */

static const struct {
	const char *why;
	uint8_t cdb[16];
	size_t room, want_len;
	size_t at;
	const char *want;
	size_t compared;
	uint32_t sense;                   /* 0: it passes */
} stick_rows[] = {
	{ "INQUIRY", { 0x12, 0, 0, 0, 36 }, 36, 36, 0, "\0\x80\4\2\x1f\0\0\0Clove   USB stick", 25, 0 },
	{ "INQUIRY, 5 bytes", { 0x12, 0, 0, 0, 5 }, 5, 5, 0, "\0\x80\4\2\x1f", 5, 0 },
	{ "VPD pages", { 0x12, 1, 0, 0, 255 }, 255, 7, 0, "\0\0\0\3\0\x80\x83", 7, 0 },
	{ "VPD serial", { 0x12, 1, 0x80, 0, 255 }, 255, 20, 0, "\0\x80\0\x10", 4, 0 },
	{ "VPD identification", { 0x12, 1, 0x83, 0, 255 }, 255, 32, 0, "\0\x83\0\x1c\2\1\0\x18" "Clove", 13, 0 },
	{ "VPD unknown", { 0x12, 1, 0xb0, 0, 255 }, 255, 0, 0, "", 0, 0x052400 },
	{ "READ CAPACITY (10)", { 0x25 }, 8, 8, 0, "\0\0\7\xff\0\0\2\0", 8, 0 },
	{ "READ CAPACITY (16)", { 0x9e, 0x10, [13] = 32 }, 32, 32, 0, "\0\0\0\0\0\0\7\xff\0\0\2\0", 12, 0 },
	{ "MODE SENSE (6)", { 0x1a, 0, 0x3f, 0, 192 }, 192, 48, 0, "\x2f\0\0\0\1\x0a", 6, 0 },
	{ "MODE SENSE (6), caching", { 0x1a, 8, 8, 0, 192 }, 192, 24, 4, "\x08\x12\x04", 3, 0 },
	{ "MODE SENSE (10)", { 0x5a, 0, 0x1c, 0, 0, 0, 0, 0, 192 }, 192, 20, 0, "\0\x12\0\0\0\0\0\0\x1c\x0a", 10, 0 },
	{ "MODE SENSE, no such page", { 0x1a, 0, 0x05, 0, 192 }, 192, 0, 0, "", 0, 0x052400 },
	{ "MODE SENSE, saved", { 0x1a, 0, 0xc8, 0, 192 }, 192, 0, 0, "", 0, 0x053900 },
	{ "REPORT LUNS", { 0xa0, [9] = 16 }, 16, 16, 0, "\0\0\0\x08", 4, 0 },
	{ "READ FORMAT CAPACITIES", { 0x23, [8] = 252 }, 252, 12, 0, "\0\0\0\x08\0\0\x08\0\2\0\2\0", 12, 0 },
	{ "READ (6)", { 0x08, 0, 0, 3, 1 }, 512, 512, 0, "\3", 1, 0 },
	{ "READ (10) at the end", { 0x28, [4] = 7, 0xff, [8] = 1 }, 512, 512, 0, "\xff\7", 2, 0 },
	{ "READ (10) over the end", { 0x28, [4] = 7, 0xff, [8] = 2 }, 1024, 0, 0, "", 0, 0x052100 },
	{ "READ (16) far away", { 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1 },
	  512, 0, 0, "", 0, 0x052100 },
	{ "VERIFY", { 0x2f, [4] = 7, 0xff, [8] = 1 }, 0, 0, 0, "", 0, 0 },
	{ "VERIFY over the end", { 0x2f, [4] = 8, [8] = 1 }, 0, 0, 0, "", 0, 0x052100 },
	{ "PREVENT", { 0x1e, [4] = 1 }, 0, 0, 0, "", 0, 0 },
	{ "START", { 0x1b, [4] = 1 }, 0, 0, 0, "", 0, 0 },
	{ "SEND DIAGNOSTIC", { 0x1d, 4 }, 0, 0, 0, "", 0, 0 },
	{ "a CD's command", { 0x43, [8] = 12 }, 12, 0, 0, "", 0, 0x052000 },
	{ "no command", { 0xff }, 0, 0, 0, "", 0, 0x052000 },
}, cd_rows[] = {
	{ "INQUIRY", { 0x12, 0, 0, 0, 36 }, 36, 36, 0, "\5\x80\4\2\x1f\0\0\0Clove   USB CD-ROM", 26, 0 },
	{ "READ CAPACITY (10)", { 0x25 }, 8, 8, 0, "\0\0\1\xff\0\0\x08\0", 8, 0 },
	{ "READ (10)", { 0x28, [5] = 2, [8] = 1 }, 2048, 2048, 0, "\x08", 1, 0 },
	{ "READ CD", { 0xbe, [5] = 2, [8] = 1, 0x10 }, 2048, 2048, 0, "\x08", 1, 0 },
	{ "READ CD, raw", { 0xbe, [5] = 2, [8] = 1, 0xf8 }, 2352, 0, 0, "", 0, 0x052400 },
	{ "WRITE (10)", { 0x2a, [8] = 1 }, 0, 0, 0, "", 0, 0x072700 },
	{ "READ TOC", { 0x43, [8] = 20 }, 20, 20, 0, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x14\xaa\0\0\0\2\0", 20, 0 },
	{ "READ TOC, MSF", { 0x43, 2, [8] = 20 }, 20, 20, 8, "\0\0\2\0", 4, 0 },
	{ "READ TOC, session", { 0x43, [2] = 1, [8] = 12 }, 12, 12, 0, "\0\x0a\1\1\0\x14\1", 7, 0 },
	{ "READ TOC, full", { 0x43, 2, 2, [8] = 200 }, 200, 48, 0, "\0\x2e\1\1\1\x14\0\xa0", 8, 0 },
	{ "READ TOC, no such track", { 0x43, [6] = 2, [8] = 20 }, 20, 0, 0, "", 0, 0x052400 },
	{ "GET CONFIGURATION", { 0x46, [8] = 8 }, 8, 8, 6, "\0\x08", 2, 0 },
	{ "GET EVENT STATUS", { 0x4a, 1, [4] = 0x10, [8] = 8 }, 8, 8, 0, "\0\6\4\x10\0\2", 6, 0 },
	{ "GET EVENT STATUS, not polled", { 0x4a, 0, [4] = 0x10, [8] = 8 }, 8, 0, 0, "", 0, 0x052400 },
	{ "READ DISC INFORMATION", { 0x51, [8] = 34 }, 34, 34, 0, "\0\x20\x0e\1\1\1\1", 7, 0 },
	{ "READ TRACK INFORMATION", { 0x52, 1, [5] = 1, [8] = 36 }, 36, 36, 24, "\0\0\2\0", 4, 0 },
	{ "MODE SENSE (10), capabilities", { 0x5a, 0, 0x2a, [8] = 128 }, 128, 28, 8, "\x2a\x12", 2, 0 },
	{ "GET PERFORMANCE", { 0xac, [9] = 1 }, 24, 24, 0, "\0\0\0\x14", 4, 0 },
	{ "MECHANISM STATUS", { 0xbd, [9] = 8 }, 8, 8, 0, "\0", 1, 0 },
	{ "REPORT KEY", { 0xa4, [9] = 8 }, 8, 0, 0, "", 0, 0x056f01 },
};

static void check_row(const uint8_t *cdb, const char *why, size_t room, size_t want_len, size_t at,
		const char *want, size_t compared, uint32_t want_sense)
{
	static uint8_t data[65536];
	size_t len = room;
	uint8_t status = command_in(cdb, 16, data, &len);

	ck_assert_msg(status == (want_sense != 0), "%s: status %u", why, status);
	ck_assert_msg(len == want_len, "%s: %zu bytes", why, len);
	ck_assert_msg(!memcmp(data + at, want, compared), "%s: other bytes", why);
	ck_assert_msg(sense() == want_sense, "%s: sense", why);
	ck_assert_uint_eq(sense(), 0);
}

START_TEST(test_stick_answers)
{
	check_row(stick_rows[_i].cdb, stick_rows[_i].why, stick_rows[_i].room, stick_rows[_i].want_len,
			stick_rows[_i].at, stick_rows[_i].want, stick_rows[_i].compared, stick_rows[_i].sense);
}
END_TEST

START_TEST(test_cd_answers)
{
	clove_usb_device_free(disk);
	open_disk(CLOVE_USB_STORAGE_CD, true);
	check_row(cd_rows[_i].cdb, cd_rows[_i].why, cd_rows[_i].room, cd_rows[_i].want_len, cd_rows[_i].at,
			cd_rows[_i].want, cd_rows[_i].compared, cd_rows[_i].sense);
}
END_TEST

START_TEST(test_read_only_stays_as_it_is)
{
	static const uint8_t cdb[] = WRITE_2, mode[6] = { 0x1a, 0, 8, 0, 192 };
	uint8_t data[1024] = { 0 };
	uint32_t residue;
	size_t len = 192;

	clove_usb_device_free(disk);
	open_disk(CLOVE_USB_STORAGE_STICK, false);
	ck_assert_uint_eq(command_in(mode, 6, data, &len), 0);
	ck_assert_uint_eq(data[2], 0x80);
	ck_assert_uint_eq(data[6], 0);                  /* nothing to be flushed */
	send_cbw(cdb, 10, 1024, false);
	ck_assert_uint_eq(out(data, 1024), 0);
	ck_assert_uint_eq(csw(&residue), 1);
	ck_assert_uint_eq(residue, 1024);
	ck_assert_uint_eq(sense(), 0x072700);
}
END_TEST

static const char *gone_why;

static void on_gone(void *owner, const char *why)
{
	clove_usb_device_free(owner);
	disk = NULL;
	gone_why = why;
}

START_TEST(test_eject_makes_it_leave)
{
	static const struct clove_usb_events events = { .gone = on_gone };
	static const uint8_t lock[6] = { 0x1e, [4] = 1 }, unlock[6] = { 0x1e }, eject[6] = { 0x1b, [4] = 2 };
	static const uint8_t ready[6] = { 0 };
	size_t none = 0;

	disk->events = &events;
	disk->owner = disk;
	gone_why = NULL;
	ck_assert_uint_eq(command_in(lock, 6, NULL, &none), 0);
	ck_assert_uint_eq(command_in(eject, 6, NULL, &none), 1);
	ck_assert_uint_eq(sense(), 0x055302);
	ck_assert(!disk->wants_frames);
	ck_assert_uint_eq(command_in(unlock, 6, NULL, &none), 0);
	ck_assert_uint_eq(command_in(eject, 6, NULL, &none), 0);
	ck_assert_uint_eq(command_in(ready, 6, NULL, &none), 1);
	ck_assert_uint_eq(sense(), 0x023a00);
	for (int i = 0; i < 1000 && disk; i++) {
		ck_assert(disk->wants_frames);
		clove_usb_frame(disk);
	}
	ck_assert_ptr_null(disk);
	ck_assert_str_eq(gone_why, "the guest ejected the stick");
}
END_TEST

/* ---- files that go wrong ------------------------------------------------------------------------------ */

START_TEST(test_a_file_that_shrinks_is_a_bad_medium)
{
	static const uint8_t cdb[10] = { 0x28, 0, 0, 0, 3, 0xfe, 0, 0, 4, 0 };  /* blocks 1022 to 1025 */
	uint8_t data[2048];
	size_t len = 2048;

	ck_assert_int_eq(truncate(path, 1024 * 512), 0);
	ck_assert_uint_eq(command_in(cdb, 10, data, &len), 1);
	ck_assert_uint_eq(len, 1024);                   /* what there is comes */
	ck_assert_uint_eq(sense(), 0x031100);
	ck_assert_int_eq(truncate(path, 0), 0);
	len = 2048;
	ck_assert_uint_eq(command_in(cdb, 10, data, &len), 1);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(sense(), 0x031100);
}
END_TEST

START_TEST(test_a_broken_last_block_is_filled_up)
{
	static const uint8_t cdb[10] = { 0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0 };
	uint8_t data[512], zeroes[512] = { 0 };
	size_t len = 512;

	clove_usb_device_free(disk);
	ck_assert_int_eq(truncate(path, 2 * 512 + 4), 0);
	open_disk(CLOVE_USB_STORAGE_STICK, false);
	memset(data, 0xff, sizeof data);
	ck_assert_uint_eq(command_in(cdb, 10, data, &len), 0);
	ck_assert_uint_eq(len, 512);
	ck_assert_uint_eq(clove_le32(data), 2);
	ck_assert_mem_eq(data + 4, zeroes, 508);
}
END_TEST

static const struct {
	const char *path, *want;
} unusable[] = {
	{ "/nonexistent/disk.img", "cannot open /nonexistent/disk.img: No such file or directory" },
	{ "/tmp", "/tmp is a folder: give a disk image, an ISO image or a block device" },
	{ "/dev/null", "/dev/null is not a file: give a disk image, an ISO image or a block device" },
};

START_TEST(test_unusable_files_are_explained)
{
	struct clove_usb_storage_options options = { .path = unusable[_i].path };
	char *error;

	ck_assert_ptr_null(clove_usb_storage_new(&options, &error));
	ck_assert_str_eq(error, unusable[_i].want);
	free(error);
}
END_TEST

START_TEST(test_an_empty_file_is_explained)
{
	struct clove_usb_storage_options options = { .path = path };
	char *error;

	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_ptr_null(clove_usb_storage_new(&options, &error));
	ck_assert_ptr_nonnull(strstr(error, "is empty: make it as large as"));
	free(error);
}
END_TEST

START_TEST(test_the_kind_is_guessed)
{
	FILE *file = fopen(path, "r+");

	ck_assert_int_eq(fseek(file, 0x8001, SEEK_SET), 0);
	ck_assert_int_eq(fputs("CD001", file) < 0, 0);
	fclose(file);
	clove_usb_device_free(disk);
	open_disk(CLOVE_USB_STORAGE_GUESS, true);
	ck_assert_ptr_nonnull(strstr(disk->name, "CD ("));
	ck_assert_uint_eq(disk->shape.speed, CLOVE_USB_HIGH);
}
END_TEST

/* ---- with a worker ------------------------------------------------------------------------------------ */

/* A write that is cancelled while the disk has it, and one that is not: nothing is lost, nothing hangs. */
START_TEST(test_cancel_and_reset_while_the_disk_works)
{
	static const uint8_t cdb[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 4, 0, 0 };
	uint8_t *block = calloc(1, 1024 * 512);
	struct clove_usb_transfer *transfer;

	for (unsigned int i = 0; i < 50; i++) {
		send_cbw(cdb, 10, 1024 * 512, false);
		transfer = fixture_give(disk, OUT, CLOVE_USB_BULK, block, 1024 * 512);
		if (i % 3 == 0)
			clove_usb_cancel(disk, transfer);
		else if (i % 3 == 1)
			clove_usb_reset(disk);
		else
			ck_assert_uint_eq(fixture_set(disk, 0x21, 0xff, 0, 0), 0);
		ck_assert(!transfer->is_submitted);
		ck_assert_uint_eq(transfer->status, CLOVE_USB_CANCELLED);
		clove_usb_transfer_free(transfer);
		fixture_configure(disk);
		ck_assert_uint_eq(sense(), 0);
	}
	send_cbw(cdb, 10, 1024 * 512, false);           /* freed with one in the disk's hands */
	transfer = fixture_give(disk, OUT, CLOVE_USB_BULK, block, 1024 * 512);
	clove_usb_device_free(disk);
	disk = NULL;
	ck_assert(!transfer->is_submitted);
	clove_usb_transfer_free(transfer);
	free(block);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usb-storage");
	SRunner *runner = srunner_create(suite);
	int failed;

	for (int turn = 0; turn < 2; turn++) {          /* without a loop, and with */
		TCase *tcase = tcase_create(turn ? "with a worker" : "inside submit");

		tcase_add_checked_fixture(tcase, turn ? set_up_with_loop : set_up, tear_down);
		tcase_add_loop_test(tcase, test_the_thirteen_cases, 0, 13);
		tcase_add_test(tcase, test_whole_packets_end_with_an_empty_one);
		tcase_add_loop_test(tcase, test_bad_cbw_needs_reset_recovery, 0, sizeof bad_cbws / sizeof *bad_cbws);
		tcase_add_test(tcase, test_reads_posted_early_are_filled);
		tcase_add_test(tcase, test_what_is_written_is_read);
		tcase_add_loop_test(tcase, test_stick_answers, 0, sizeof stick_rows / sizeof *stick_rows);
		tcase_add_loop_test(tcase, test_cd_answers, 0, sizeof cd_rows / sizeof *cd_rows);
		tcase_add_test(tcase, test_read_only_stays_as_it_is);
		tcase_add_test(tcase, test_eject_makes_it_leave);
		tcase_add_test(tcase, test_a_file_that_shrinks_is_a_bad_medium);
		tcase_add_test(tcase, test_a_broken_last_block_is_filled_up);
		tcase_add_loop_test(tcase, test_unusable_files_are_explained, 0, 3);
		tcase_add_test(tcase, test_an_empty_file_is_explained);
		tcase_add_test(tcase, test_the_kind_is_guessed);
		if (turn)
			tcase_add_test(tcase, test_cancel_and_reset_while_the_disk_works);
		suite_add_tcase(suite, tcase);
	}
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
