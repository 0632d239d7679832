/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-recording.c - what was recorded plays as it was drawn; what was spoiled ends, and does no harm. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/util/log.h"
#include "server/record.h"
#include "server/recording.h"
#include "tests/raster/draw.h"
#include "tests/raster/player.h"

enum { CASES = 120, CUTS = 300 };

static struct raster_case current;
static char path[64];

static char *bytes;
static size_t size;

static void set_up(void)
{
	snprintf(path, sizeof path, "/tmp/clove-recording-XXXXXX");
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	setenv("SPICE_WORKER_RECORD_FILENAME", path, 1);
	clove_log_set_level(CLOVE_LOG_ERROR);
	current.memory = calloc(1, RASTER_MEMORY);
	ck_assert_ptr_nonnull(current.memory);
}

static void tear_down(void)
{
	unlink(path);
	unsetenv("SPICE_WORKER_RECORD_FILENAME");
	free(current.memory);
	free(bytes);
	bytes = NULL;
}

/* Records a case while it is drawn; the hash is of what was drawn. */
static uint64_t record_case(uint64_t seed)
{
	struct clove_record *record = clove_record_open(0);
	struct raster_server server;
	struct raster_surface *s = current.surfaces;

	ck_assert_ptr_nonnull(record);
	raster_make(&current, seed);
	ck_assert(raster_open(&server, &current));
	clove_record_primary(record, &server.memslots, &(struct clove_surface_info){
			.width = (uint32_t)s->width, .height = (uint32_t)s->height, .format = s->format,
			.stride = s->stride, .address = raster_address(s->at), .group = RASTER_GROUP,
			.keeps_data = true }, true);
	for (unsigned int i = 0; i < current.count; i++) {
		const QXLCommandExt *ext = &current.commands[i];
		struct clove_qxl_source source = { &server.memslots, RASTER_GROUP,
				ext->flags & QXL_COMMAND_FLAG_COMPAT, false };

		clove_record_command(record, &source, ext->cmd.type, ext->cmd.data);
		/* the colours of 16-bit modes look like others once they are recorded */
		if (ext->cmd.type == QXL_CMD_DRAW && !(ext->flags & QXL_COMMAND_FLAG_COMPAT_16BPP))
			ck_assert(raster_draw(&server, ext, NULL) == CLOVE_OK || strstr(current.what[i], "outside")
					|| strstr(current.what[i], "copy") || strstr(current.what[i], "blend"));
		else if (ext->cmd.type == QXL_CMD_DRAW)
			break;
	}
	clove_record_close(record);
	raster_save(&server);
	raster_close(&server);
	return raster_hash(&current);
}

static void read_file(void)
{
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	size = (size_t)ftell(file);
	rewind(file);
	free(bytes);
	bytes = malloc(size + 1);
	ck_assert_uint_eq(fread(bytes, 1, size, file), size);
	fclose(file);
}

/* Plays n bytes; the number of commands that came, or -1 if it is no recording. */
static int play(const char *data, size_t n, bool keeps_pixels)
{
	FILE *file = fmemopen((void *)(uintptr_t)data, n, "r");
	SpiceReplay *replay = spice_replay_new(file, PLAYER_SURFACES);
	int commands = -1;

	ck_assert(player_open(64 << 20));
	if (replay)
		commands = (int)player_play(replay);
	for (uint32_t id = 0; keeps_pixels && id < RASTER_SURFACES; id++) {
		struct raster_surface *s = &current.surfaces[id];
		size_t stride = (size_t)abs(s->stride);

		ck_assert_ptr_nonnull(player.by_id[id]);
		clove_surface_save(player.by_id[id], &player.memslots, NULL);
		memcpy(current.memory + s->at, (void *)(uintptr_t)player.by_id[id]->info.address,
				stride * (size_t)s->height);
	}
	player_close();
	spice_replay_free(replay);
	fclose(file);
	return commands;
}

START_TEST(test_recording_plays_as_it_was_drawn)
{
	for (uint64_t seed = 1; seed <= CASES; seed++) {
		uint64_t hash = record_case(seed);

		read_file();
		memset(current.memory, 0x55, current.used);
		int commands = play(bytes, size, true);

		ck_assert_int_ge(commands, RASTER_SURFACES - 1);
		bool is_16bpp = false;

		for (unsigned int i = 0; i < current.count; i++)
			is_16bpp |= (current.commands[i].flags & QXL_COMMAND_FLAG_COMPAT_16BPP) != 0;
		if (!is_16bpp)
			ck_assert_msg(raster_hash(&current) == hash, "case %d", (int)seed);
	}
}
END_TEST

START_TEST(test_cut_recording_ends)
{
	int all;

	record_case(3);
	read_file();
	all = play(bytes, size, false);
	for (size_t i = 0; i < CUTS; i++)
		ck_assert_int_le(play(bytes, 1 + (size - 1) * i / CUTS, false), all);
	ck_assert_int_eq(play("SPICE_REPLAY 2\n", 15, false), -1);
	ck_assert_int_eq(play("SPICE", 5, false), -1);
	ck_assert_int_eq(play("\0", 1, false), -1);
}
END_TEST

/* Every number of every line, one after the other, becomes something else. */
START_TEST(test_spoiled_numbers_do_no_harm)
{
	static const char *const others[] = { "-1", "0", "1", "7", "4294967295", "2147483647", "65536",
			"99999999999999999999", "x", "" };
	char *spoiled;
	int spoilt = 0;

	record_case(8);
	read_file();
	spoiled = malloc(size + 32);
	for (size_t at = 0; at + 1 < size; ) {
		char *end = memchr(bytes + at, '\n', size - at);
		size_t line = at;
		unsigned long binary = 0;

		if (!end)
			break;
		at = (size_t)(end - bytes) + 1;
		if (!memcmp(bytes + line, "binary ", 7)) {
			char *colon = memchr(bytes + line, ':', 80), *space = colon;

			ck_assert_ptr_nonnull(colon);
			while (space[-1] != ' ')
				space--;
			binary = strtoul(space, NULL, 10);
			at = (size_t)(colon - bytes) + 1 + binary + 1;
			end = colon;
		}
		/* the last word of the line */
		char *last = end;

		while (last > bytes + line && last[-1] != ' ')
			last--;
		for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
			size_t before = (size_t)(last - bytes), n = strlen(others[i]);

			memcpy(spoiled, bytes, before);
			memcpy(spoiled + before, others[i], n);
			memcpy(spoiled + before + n, end, size - (size_t)(end - bytes));
			play(spoiled, before + n + size - (size_t)(end - bytes), false);
			spoilt++;
		}
	}
	ck_assert_int_gt(spoilt, 500);
	free(spoiled);
}
END_TEST

START_TEST(test_old_dialect_and_packed_bytes_are_read)
{
	/* "hello" by zlib, as recordings may have it, and a message */
	static const char packed[] = "SPICE_REPLAY 1\nevent 0 0 4 1\nbinary 1 message 5:13:"
			"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15\n"
			"event 1 1 8 2\nevent 2 0 3 3\ncursor_cmd\ntype 2\n";

	ck_assert_int_eq(play(packed, sizeof packed - 1, false), 2);
	ck_assert_uint_eq(player.refused, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recording");
	TCase *tcase = tcase_create("recording");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_recording_plays_as_it_was_drawn);
	tcase_add_test(tcase, test_cut_recording_ends);
	tcase_add_test(tcase, test_spoiled_numbers_do_no_harm);
	tcase_add_test(tcase, test_old_dialect_and_packed_bytes_are_read);
	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
