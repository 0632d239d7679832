/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-display.c - how late, at what cost and in how many bytes a guest's frames become pixels at a client.
 *
 * usage: bench-display --work NAME [--seconds N] [--library DIR] [--defaults library|qemu] [--link KBIT]
 *                      [--beside KBIT] [--frames FILE]
 *
 * Starts a display-vmm (which loads DIR/libspice-server.so.1, or without --library the system's), connects to it
 * as a client that decodes everything, and reads from its pixels which frame it sees when. Prints a row
 * METRIC,VALUE for each figure. With --link the client sits behind a slow link, with --beside a second client
 * does. --frames writes NUMBER,PUSHED_NS,SEEN_NS for each frame (0: never seen).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/display-relay.h"
#include "bench/display-work.h"
#include "bench/player.h"

enum {
	FRAMES_MOST = 1 << 18,
	AHEAD = 512,                 /* frames looked for beyond the newest that was seen */
	PATIENCE_MS = 20000,
	SETTLE_MS = 500,
	REST_MS = 1000,              /* after the last frame: what is left to be sent belongs to it */
	SLOW_REST_MS = 4000,
	LONGEST_S = 100,
};

static struct options {
	const char *work, *library, *defaults, *seconds, *frames;
	unsigned int link, beside;
} options = { .defaults = "library" };

static const struct work *work;
static uint64_t pushed[FRAMES_MOST], seen[FRAMES_MOST];
static unsigned int frames, newest;
static struct clove_loop *loop;
static pid_t vmm_pid, relays[2];
static FILE *to_vmm, *from_vmm;
static const char *doing = "the VMM's start";

static void fail(const char *what)
{
	fprintf(stderr, "bench-display: %s: %s\n", options.work ? options.work : "", what);
	if (vmm_pid > 0)
		kill(vmm_pid, SIGTERM);
	exit(1);
}

static void on_alarm(int number)
{
	(void)number;
	fail(doing);
}

/* -- the VMM -- */

static void start_vmm(const char *self)
{
	int to[2], from[2];
	char path[4096], seconds[32];

	snprintf(path, sizeof path, "%s", self);
	char *name = strrchr(path, '/');
	snprintf(name ? name + 1 : path, 32, "display-vmm");
	if (pipe(to) || pipe(from))
		fail("no pipe");
	vmm_pid = fork();
	if (vmm_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(to[0], 0);
		dup2(from[1], 1);
		for (int i = 0; i < 2; i++) {
			close(to[i]);
			close(from[i]);
		}
		snprintf(seconds, sizeof seconds, "%g", work->seconds);
		if (options.beside)
			setenv("SPICE_DEBUG_ALLOW_MC", "1", 1);
		if (options.library)
			setenv("LD_LIBRARY_PATH", options.library, 1);
		execl(path, path, options.work, options.seconds ? options.seconds : seconds, options.defaults, (char *)NULL);
		perror(path);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	to_vmm = fdopen(to[1], "w");
	from_vmm = fdopen(from[0], "r");
	if (vmm_pid < 0 || !to_vmm || !from_vmm)
		fail("no process");
}

static char *read_line(void)
{
	static char line[1024];

	if (!fgets(line, sizeof line, from_vmm))
		fail("the VMM is gone");
	return line;
}

static void tell(const char *line)
{
	fprintf(to_vmm, "%s\n", line);
	fflush(to_vmm);
}

/* -- what is seen -- */

/* The number that a spot shows, or -1. */
static int look_at(const struct clove_pixels *pixels, const struct clove_rect *part, const struct work_spot *spot)
{
	int side = spot->cell * spot->cells;

	if (part->left >= spot->x + side || part->right <= spot->x || part->top >= spot->y + side ||
			part->bottom <= spot->y)
		return -1;
	return work_read_mark(clove_pixels_row(pixels, spot->y) + (size_t)spot->x * 4, pixels->stride, spot);
}

static void saw(unsigned int n, uint64_t now)
{
	if (n < 1 || n >= FRAMES_MOST || seen[n])
		return;
	seen[n] = now;
	if (n > newest)
		newest = n;
}

/* The number with these bits that is nearest: a flood's may be far behind the newest, or far before it. */
static unsigned int number_of(const struct work_spot *spot, unsigned int bits)
{
	unsigned int half = (work_bits(spot, UINT32_MAX) + 1) / 2, from = newest > half ? newest - half : 0;

	return from + work_bits(spot, bits - from);
}

static void on_drawn(void *opaque, uint32_t surface_id, const struct clove_rect *part)
{
	const struct player *player = opaque;
	const struct clove_pixels *pixels = surface_id ? NULL : player_primary(&player->picture);
	uint64_t now = clove_now_ns();

	if (!pixels || pixels->width < WORK_WIDTH || pixels->height < WORK_HEIGHT)
		return;
	for (unsigned int k = 0; k < work->period; k++) {
		struct work_spot spot = work->spot(k);
		int bits = look_at(pixels, part, &spot);
		unsigned int n = number_of(&spot, (unsigned int)bits);

		if (bits >= 0 && n % work->period == k)
			saw(n, now);
	}
	if (work->period)
		return;
	for (unsigned int n = newest > AHEAD ? newest - AHEAD : 1; n < newest + AHEAD && n < FRAMES_MOST; n++) {
		struct work_spot spot = work->spot(n);

		if (!seen[n] && look_at(pixels, part, &spot) == (int)work_bits(&spot, n))
			saw(n, now);
	}
}

static void turn_until_ms(uint64_t until)
{
	while (clove_now_ms() < until)
		clove_poll_loop_step(loop, 5);
}

static void on_vmm_line(void *opaque, int fd, int events)
{
	(void)fd, (void)events;
	frames = (unsigned int)strtoul(read_line() + strlen("pushed "), NULL, 10);
	*(bool *)opaque = true;
}

/* What remote-viewer announces, as far as it is about pixels and MJPEG. */
static struct clove_caps caps_of_viewers(void)
{
	static const unsigned int caps[] = { CLOVE_DISPLAY_CAP_SIZED_STREAM, CLOVE_DISPLAY_CAP_MONITORS_CONFIG,
			CLOVE_DISPLAY_CAP_COMPOSITE, CLOVE_DISPLAY_CAP_A8_SURFACE, CLOVE_DISPLAY_CAP_STREAM_REPORT,
			CLOVE_DISPLAY_CAP_LZ4_COMPRESSION, CLOVE_DISPLAY_CAP_PREF_COMPRESSION,
			CLOVE_DISPLAY_CAP_MULTI_CODEC, CLOVE_DISPLAY_CAP_CODEC_MJPEG,
			CLOVE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE };
	struct clove_caps set = { 0 };

	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		clove_caps_set(&set, caps[i]);
	return set;
}

/* -- figures -- */

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static void row(const char *metric, double value)
{
	printf("%s,%.4f\n", metric, value);
}

static void print_latencies(void)
{
	double *late = calloc(frames + 1, sizeof *late), gap = 0;
	unsigned int n = 0, got = 0;
	uint64_t last = frames ? pushed[1] : 0;

	for (unsigned int i = 1; i <= frames && late; i++)
		if (seen[i])
			late[n++] = (double)(seen[i] - pushed[i]) / 1e6;
	if (!n)
		fail("no frame was seen");
	/* in the order in which they were seen, from the first push to the last */
	uint64_t *order = calloc(n, sizeof *order);
	for (unsigned int i = 1; i <= frames && order; i++)
		if (seen[i])
			order[got++] = seen[i];
	for (unsigned int i = 1; i < got; i++)
		for (unsigned int j = i; j > 0 && order[j] < order[j - 1]; j--) {
			uint64_t swap = order[j];

			order[j] = order[j - 1];
			order[j - 1] = swap;
		}
	for (unsigned int i = 0; i < got; i++) {
		if ((double)(order[i] - last) / 1e6 > gap)
			gap = (double)(order[i] - last) / 1e6;
		last = order[i];
	}
	qsort(late, n, sizeof *late, compare);
	row("pushed", frames);
	row("delivered", n);
	row("fps", n / ((double)(pushed[frames] - pushed[1]) / 1e9 + (work->hz > 0 ? 1 / work->hz : 0)));
	row("p50_ms", late[n / 2]);
	row("p95_ms", late[(unsigned int)(n * 0.95)]);
	row("max_ms", late[n - 1]);
	row("gap_ms", gap);
	free(order);
	free(late);
}

static void print_frames(void)
{
	FILE *file = options.frames ? fopen(options.frames, "w") : NULL;

	for (unsigned int i = 1; file && i <= frames; i++)
		fprintf(file, "%u,%llu,%llu\n", i, (unsigned long long)pushed[i], (unsigned long long)seen[i]);
	if (file)
		fclose(file);
}

static void print_figures(uint64_t bytes)
{
	unsigned int delivered = 0;
	double cpu = 0, held = 0, left = 0;

	doing = "the VMM tells its figures";
	tell("figures");
	for (char *line = read_line(); strcmp(line, "end\n"); line = read_line()) {
		unsigned int n;
		unsigned long long ns;

		if (sscanf(line, "push %u %llu", &n, &ns) == 2 && n < FRAMES_MOST)
			pushed[n] = ns;
		else if (sscanf(line, "cpu %lf", &cpu) != 1)
			(void)!sscanf(line, "held %lf %lf", &held, &left);
	}
	for (unsigned int i = 1; i <= frames; i++) {
		if (seen[i] && seen[i] < pushed[i])
			fail("a frame was seen before it was drawn");
		delivered += seen[i] != 0;
	}
	print_latencies();
	row("cpu_ms", cpu / 1e6 / delivered);
	row("kb", (double)bytes / 1e3 / delivered);
	row("held_mb", held / 1e6);
	row("left_mb", left / 1e6);
	print_frames();
}

/* A client that has the whole picture. kbit: what its link carries; 0: no limit. */
static struct player *join(int port, unsigned int kbit)
{
	static struct clove_caps caps;
	struct player_where where = { .host = "127.0.0.1", .port = port, .display_caps = &caps };
	uint64_t give_up = clove_now_ms() + PATIENCE_MS;
	struct player *player;

	caps = caps_of_viewers();
	if (kbit) {
		pid_t *relay = &relays[relays[0] != 0];

		*relay = display_relay_start("127.0.0.1", port, kbit, &where.port);
		if (!*relay)
			fail("no relay");
	}
	player = player_new(loop, &where, PLAYER_ALL & ~PLAYER_INPUTS);
	if (!player)
		fail("no memory");
	while (!player->is_over && !player->times.complete && clove_now_ms() < give_up)
		clove_poll_loop_step(loop, 5);
	if (!player->times.complete)
		fail(player->is_over ? player->why : "no picture");
	return player;
}

static void measure(int port)
{
	struct player *beside = options.beside ? join(port, options.beside) : NULL, *player = join(port, options.link);
	struct clove_watch *watch;
	bool is_pushed = false;
	uint64_t bytes;

	doing = "the first picture settles";
	turn_until_ms(clove_now_ms() + SETTLE_MS);
	doing = "the guest draws";
	player->picture.drawn = on_drawn;
	player->picture.opaque = player;
	bytes = player->display->channel.bytes_in;
	watch = clove_watch_add(loop, fileno(from_vmm), CLOVE_READ, on_vmm_line, &is_pushed);
	tell("go");
	while (!is_pushed && !player->is_over)
		clove_poll_loop_step(loop, 5);
	clove_watch_remove(loop, watch);
	doing = "the rest is sent";
	turn_until_ms(clove_now_ms() + (options.link ? SLOW_REST_MS : REST_MS));
	if (player->is_over)
		fail(player->why);
	if (beside && beside->is_over)
		fail("the other client was dropped");
	if (player->picture.unsupported)
		fail("drawn by something that this client cannot draw");
	print_figures(player->display->channel.bytes_in - bytes);
	row("stream_frames", (double)player->picture.frames);
	player_free(player);
	player_free(beside);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "work", required_argument, NULL, 'w' }, { "seconds", required_argument, NULL, 's' },
		{ "library", required_argument, NULL, 'l' }, { "defaults", required_argument, NULL, 'd' },
		{ "link", required_argument, NULL, 'k' }, { "frames", required_argument, NULL, 'f' },
		{ "beside", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	char *line;
	int port;

	signal(SIGPIPE, SIG_IGN);
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (c) {
		case 'w': options.work = optarg; break;
		case 's': options.seconds = optarg; break;
		case 'l': options.library = optarg; break;
		case 'd': options.defaults = optarg; break;
		case 'k': options.link = (unsigned int)atoi(optarg); break;
		case 'b': options.beside = (unsigned int)atoi(optarg); break;
		case 'f': options.frames = optarg; break;
		default: return 2;
		}
	}
	work = options.work ? work_find(options.work) : NULL;
	if (!work || optind != argc) {
		fprintf(stderr, "usage: bench-display --work NAME [--seconds N] [--library DIR] "
				"[--defaults library|qemu] [--link KBIT] [--beside KBIT] [--frames FILE]\nworks:");
		for (unsigned int i = 0; (work = work_at(i)); i++)
			fprintf(stderr, " %s", work->name);
		fprintf(stderr, "\n");
		return 2;
	}
	loop = clove_poll_loop_new();
	if (!loop)
		fail("no memory");
	signal(SIGALRM, on_alarm);
	alarm(LONGEST_S);
	start_vmm(argv[0]);
	line = read_line();
	doing = "the clients come";
	port = atoi(line + strcspn(line, " "));
	fprintf(stderr, "bench-display: %s", line + strlen("started "));
	measure(port);
	fflush(stdout);
	doing = "the end";
	for (int i = 0; i < 2 && relays[i]; i++) { /* they would keep the VMM's input open */
		kill(relays[i], SIGTERM);
		waitpid(relays[i], NULL, 0);
	}
	fclose(to_vmm);
	waitpid(vmm_pid, NULL, 0);
	clove_poll_loop_free(loop);
	return 0;
}
