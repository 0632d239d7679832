/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-client.c - plays the client against bench-vmm, and prints one CSV row for each thing measured.
 *
 * usage: bench-client [--host ADDR] [--port N] [--unix PATH] [--ca FILE] [--password WORD] --control PATH
 *                     [--count N] MODE
 *
 *   links    count links of each kind: main-thread CPU of the VMM, its longest callback, and the time taken
 *   picture  count connections from nothing to a whole picture, decoded and compared with the VMM's
 *   keys     count key presses: from before the send to the guest's keyboard callback
 *   idle     wake-ups and CPU of the VMM's process while nobody is connected, for count seconds
 *   memory   the VMM's memory for each of count clients that sit there at once (SPICE_DEBUG_ALLOW_MC=1)
 *
 * A row is METRIC,DETAIL,VALUE; a metric's name ends with its unit. Exit code 1: something was wrong, and said.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "bench/player.h"

enum { PATIENCE_MS = 10000, SETTLE_MS = 30 };

static struct player_where where = { .host = "127.0.0.1" };
static struct clove_loop *loop;
static FILE *control;
static int count = 20;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench-client: %s: %s\n", what, why && *why ? why : "no answer in time");
	exit(1);
}

#define TURN_UNTIL(condition, ms) \
	do { \
		uint64_t give_up_ = clove_now_ms() + (ms); \
		while (!(condition) && clove_now_ms() < give_up_) \
			clove_poll_loop_step(loop, 5); \
	} while (0)

static void settle(int ms)
{
	TURN_UNTIL(false, (uint64_t)ms);
}

static void row(const char *metric, const char *detail, double value)
{
	printf("%s,%s,%.3f\n", metric, detail, value);
}

/* -- the VMM's control socket -- */

static void control_open(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) || !(control = fdopen(fd, "r+")))
		fail("control", "cannot connect");
	setvbuf(control, NULL, _IOLBF, BUFSIZ);
}

static char *read_answer(void)
{
	static char line[4096];

	if (!fgets(line, sizeof line, control))
		fail("control", "the VMM is gone");
	return line;
}

static char *ask(const char *command)
{
	fprintf(control, "%s\n", command);
	fflush(control);
	return read_answer();
}

/* A number of a flat JSON object. */
static double field(const char *json, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof key, "\"%s\":", name);
	at = strstr(json, key);
	if (!at)
		fail("control", json);
	return strtod(at + strlen(key), NULL);
}

/* -- modes -- */

static struct player *join(unsigned int wanted)
{
	struct player *player = player_new(loop, &where, wanted);

	if (!player)
		fail("join", "no memory");
	return player;
}

static bool has_all(const struct player *player)
{
	for (unsigned int type = CLOVE_CHANNEL_DISPLAY; type <= CLOVE_CHANNEL_CURSOR; type++) {
		bool is_there = !(player->wanted >> type & 1);

		for (const struct player_channel *c = player->channels; c && !is_there; c = c->next)
			is_there = c->type == type && c->is_open;
		if (!is_there)
			return false;
	}
	return player->times.channels_list && (!(player->wanted & PLAYER_DISPLAY) || player->times.complete);
}

static struct player *join_whole(unsigned int wanted)
{
	struct player *player = join(wanted);

	TURN_UNTIL(player->is_over || has_all(player), PATIENCE_MS);
	if (!has_all(player))
		fail("join", player->why);
	return player;
}

/* What one link of this kind costs the VMM's main thread, from the connect to the end of what follows the link
 * result by itself. */
static void measure_link(const char *name, enum clove_channel_type type)
{
	struct player *player = type == CLOVE_CHANNEL_MAIN ? NULL : join_whole(0);
	struct player_channel *channel;
	double cpu;

	settle(SETTLE_MS);
	cpu = field(ask("figures"), "cpu_ns");
	if (player) {
		channel = player_link(player, type, 0);
	} else {
		player = join(0);
		channel = player->channels;
	}
	TURN_UNTIL(channel->is_open || channel->is_over, PATIENCE_MS);
	if (!channel->is_open)
		fail(name, player->why);
	settle(SETTLE_MS);

	char *figures = ask("figures");
	row("link_main_thread_cpu_us", name, (field(figures, "cpu_ns") - cpu) / 1000);
	row("link_longest_callback_us", name, field(figures, "longest_cpu_ns") / 1000);
	row("link_longest_turn_us", name, field(figures, "longest_ns") / 1000);
	row("link_time_us", name, (double)(channel->linked_ns - channel->began_ns) / 1000);
	player_free(player);
	settle(SETTLE_MS);
}

static void run_links(void)
{
	for (int i = 0; i < count; i++) {
		measure_link("main", CLOVE_CHANNEL_MAIN);
		measure_link("display", CLOVE_CHANNEL_DISPLAY);
		measure_link("inputs", CLOVE_CHANNEL_INPUTS);
		measure_link("cursor", CLOVE_CHANNEL_CURSOR);
	}
}

static void run_picture(void)
{
	for (int i = 0; i < count; i++) {
		struct player *player = join_whole(PLAYER_ALL);
		const struct player_times *t = &player->times;
		char hash[32];

		row("picture_ms", "complete", (double)(t->complete - t->began) / 1e6);
		row("picture_ms", "main linked", (double)(t->main_linked - t->began) / 1e6);
		row("picture_ms", "display linked", (double)(t->display_linked - t->began) / 1e6);
		row("picture_kb", "received", (double)player->display->channel.bytes_in / 1e3);
		snprintf(hash, sizeof hash, "\"%016llx\"", (unsigned long long)player_picture_hash(&player->picture));
		if (!strstr(ask("hash"), hash))
			fail("picture", "not the VMM's pixels");
		if (player->picture.unsupported)
			fail("picture", "drawn by something that this client cannot draw");
		player_free(player);
		settle(SETTLE_MS);
	}
}

/* 100 keys a second at most: nothing but the path itself is in the way. */
static void measure_keys(struct player *player, const char *name)
{
	static uint64_t sent[4096];
	int n = 0;

	for (char *line = ask("keys"); !strstr(line, "\"keys\""); line = read_answer()) {
	}
	for (int i = 0; i < count && i < 2000; i++) {
		sent[i] = clove_now_ns();
		player_key(player, 0x1e, true);
		TURN_UNTIL(false, 4);
		player_key(player, 0x9e, false);
		TURN_UNTIL(false, 6);
	}
	settle(SETTLE_MS);
	for (char *line = ask("keys"); !strstr(line, "\"keys\""); line = read_answer()) {
		if (field(line, "key") != 0x1e)
			continue;
		if (n < count)
			row("key_us", name, (field(line, "at_ns") - (double)sent[n]) / 1000);
		n++;
	}
	if (n != count)
		fail("keys", "not as many callbacks as presses");
}

static void run_keys(void)
{
	struct player *player = join_whole(PLAYER_ALL);

	settle(200);
	measure_keys(player, "quiet");
	ask("busy 30");
	measure_keys(player, "screen busy");
	ask("busy 0");
	player_free(player);
}

static void measure_idle(const char *name)
{
	char before[4096];

	settle(1000);
	snprintf(before, sizeof before, "%s", ask("process"));
	sleep((unsigned int)count);

	char *after = ask("process");
	double seconds = (field(after, "at_ns") - field(before, "at_ns")) / 1e9;
	/* the one turn of the question itself is not the library's */
	row("idle_main_turns_per_s", name, (field(after, "turns") - field(before, "turns") - 1) / seconds);
	row("idle_thread_wake_ups_per_s", name,
			(field(after, "other_wake_ups") - field(before, "other_wake_ups")) / seconds);
	row("idle_cpu_us_per_s", name, (field(after, "process_cpu_ns") - field(before, "process_cpu_ns")) / 1000
			/ seconds);
}

static void run_idle(void)
{
	measure_idle("no client");
	ask("nudge 33");
	measure_idle("VMM nudges 33 times");
	ask("nudge 0");
	row("memory_kb", "no client", field(ask("memory"), "pss_kb"));
}

static void run_memory(void)
{
	struct player *players[16];
	double before, first = 0;
	int n = count < 16 ? count : 16;

	settle(500);
	before = field(ask("memory"), "pss_kb");
	for (int i = 0; i < n; i++) {
		players[i] = join_whole(PLAYER_ALL);
		settle(500);
		if (!i)
			first = field(ask("memory"), "pss_kb");
	}
	settle(2000);
	for (int i = 0; i < n; i++)
		if (players[i]->is_over)
			fail("memory", "a client was dropped: not several at once?");
	row("memory_kb", "first client", first - before);
	if (n > 1)
		row("memory_kb", "each further client", (field(ask("memory"), "pss_kb") - first) / (n - 1));
	for (int i = 0; i < n; i++)
		player_free(players[i]);
}

static const struct {
	const char *name;
	void (*fn)(void);
} modes[] = {
	{ "links", run_links }, { "picture", run_picture }, { "keys", run_keys }, { "idle", run_idle },
	{ "memory", run_memory },
};

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "host", required_argument, NULL, 'h' }, { "port", required_argument, NULL, 'p' },
		{ "unix", required_argument, NULL, 'u' }, { "ca", required_argument, NULL, 'a' },
		{ "password", required_argument, NULL, 'w' }, { "control", required_argument, NULL, 'c' },
		{ "count", required_argument, NULL, 'n' }, { NULL, 0, NULL, 0 },
	};
	const char *ca = NULL, *path = NULL;
	char *error = NULL;

	signal(SIGPIPE, SIG_IGN);
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (c) {
		case 'h': where.host = optarg; break;
		case 'p': where.port = atoi(optarg); break;
		case 'u': where.unix_path = optarg; break;
		case 'a': ca = optarg; break;
		case 'w': where.password = optarg; break;
		case 'c': path = optarg; break;
		case 'n': count = atoi(optarg); break;
		default: return 2;
		}
	}
	if (ca && !(where.tls = clove_tls_client_new(
			&(struct clove_tls_client_options){ .ca_file = ca }, &error)))
		fail("TLS", error);
	loop = clove_poll_loop_new();
	if (!loop || !path || optind != argc - 1 || count < 1) {
		fprintf(stderr, "usage: bench-client [options] --control PATH links|picture|keys|idle|memory\n");
		return 2;
	}
	control_open(path);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(modes[i].name, argv[optind])) {
			modes[i].fn();
			clove_tls_free(where.tls);
			clove_poll_loop_free(loop);
			return 0;
		}
	fail(argv[optind], "no such mode");
}
