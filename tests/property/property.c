/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* property.c - after any sequence of commands, clients, acks and losses, a drained client's pixels equal the
 * server's surface.
 *
 * usage: property [FIRST [COUNT]]      seeds; without: those of make check
 *
 * A seed chooses the server's options, what the guest draws, and what its clients do: come, go without a word,
 * stop reading for a while, have few capabilities, prefer a codec. Then all read on and nothing is drawn: within
 * some seconds each has the pixels that the server draws for the guest, and keeps them. The time that things take
 * is not the seed's; a seed that fails once may have to be tried again.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/free-port.h"
#include "common/protocol/enums.h"
#include "tests/property/guest.h"
#include "tests/property/watcher.h"
#include "tests/unit/vmm-fixture.h"

enum {
	WATCHERS = 3,
	FIRST = 541, SEEDS = 24,     /* of make check */
	PATIENCE_MS = 10000,         /* without a change */
	LAST_MS = 90000,
	STAYS_MS = 80, RELAPSES_MOST = 2,
	JOBS = 8,
};

static struct watcher *watchers[WATCHERS];
static SpiceServer *server;
static char socket_path[64], address[32];
static char choices[96];             /* the server's options */
static int port;
static uint32_t seed;
static bool is_unix;
static bool is_wide;                 /* the primary has 32 bits a pixel, which the strict kind wants */
static unsigned long frames_seen, compared;

static const char *complain(const char *what, long n, const struct clove_rect *r)
{
	static char text[200];

	if (r)
		snprintf(text, sizeof text, "%s: %ld pixels differ, in %d,%d to %d,%d; %s", what, n, r->left, r->top,
				r->right, r->bottom, watcher_first());
	else
		snprintf(text, sizeof text, "%s: %ld", what, n);
	return text;
}

static void run_for(int ms)
{
	uint64_t until = clove_now_ms() + (uint64_t)ms;

	do
		clove_poll_loop_step(vmm.loop, 1);
	while (clove_now_ms() < until);
}

/* -- clients -- */

static void come(int i)
{
	struct watcher_options options = { .loop = vmm.loop, .host = address, .port = port, .is_viewer = !is_wide || chance_one_in(2),
			.is_narrow = chance_one_in(2) };
	static const uint8_t codecs[] = { 0, 0, CLOVE_IMAGE_COMPRESSION_OFF, CLOVE_IMAGE_COMPRESSION_AUTO_GLZ,
			CLOVE_IMAGE_COMPRESSION_AUTO_LZ, CLOVE_IMAGE_COMPRESSION_QUIC,
			CLOVE_IMAGE_COMPRESSION_GLZ, CLOVE_IMAGE_COMPRESSION_LZ, CLOVE_IMAGE_COMPRESSION_LZ4 };

	if (is_unix)
		options.unix_path = socket_path;
	if (chance_one_in(2))
		options.without.words[0] = chance_below(1 << 16);
	if (chance_one_in(5))
		options.kbit = 2000 + chance_below(20000);
	options.prefers = codecs[chance_below(sizeof codecs)];
	watchers[i] = watcher_new(&options);
}

static void go(int i)
{
	frames_seen += watcher_frames(watchers[i]);
	watcher_free(watchers[i]);
	watchers[i] = NULL;
}

static void something_with_clients(void)
{
	int i = (int)chance_below(WATCHERS);

	if (!watchers[i])
		come(i);
	else if (chance_one_in(3))
		go(i);
	else
		watcher_hold(watchers[i], chance_one_in(2));
}

/* Waits until each client shows what the server has, and goes on to. NULL, or what is wrong. */
static const char *drain(void)
{
	uint64_t give_up = clove_now_ms() + PATIENCE_MS, last = clove_now_ms() + LAST_MS, equal_since = 0;
	long had = 0;
	struct clove_rect where;
	const uint32_t *want;
	int width, height, relapses = 0;
	long n = 0;

	for (int i = 0; i < WATCHERS; i++)
		if (watchers[i])
			watcher_hold(watchers[i], false);
	want = guest_expect(&width, &height);
	for (;;) {
		int wrong = -1;

		run_for(4);
		for (int i = 0; i < WATCHERS && wrong < 0; i++) {
			if (!watchers[i])
				continue;
			if (watcher_fault(watchers[i]))
				return watcher_fault(watchers[i]);
			n = watcher_differs(watchers[i], want, width, height, &where);
			wrong = n ? i : -1;
		}
		/* A film's last frame may come late, and its exact pixels behind it; but no more than that. */
		if (wrong >= 0 && equal_since) {
			if (++relapses > RELAPSES_MOST)
				return complain("after all was equal", n, &where);
			equal_since = 0;
		}
		if (wrong >= 0 && n != had) /* a slow machine gets on too */
			give_up = clove_now_ms() + PATIENCE_MS;
		had = n;
		if (wrong >= 0 && clove_now_ms() > (give_up < last ? give_up : last))
			return complain(is_wide ? "in the end" : "in the end, with 16 bits", n,
					n < 0 ? NULL : &where);
		if (wrong < 0 && !equal_since)
			equal_since = clove_now_ms();
		if (equal_since && clove_now_ms() - equal_since >= STAYS_MS)
			break;
	}
	for (int i = 0; i < WATCHERS; i++)
		compared += watchers[i] != NULL;
	return NULL;
}

/* -- the server -- */

static void set_mode(void)
{
	is_wide = !chance_one_in(5);
	for (int i = 0; i < WATCHERS && !is_wide; i++)
		if (watchers[i])
			go(i);
	guest_set_mode(64 + (int)chance_below(580), 64 + (int)chance_below(420), is_wide ? 32 : 16);
}

static bool start(void)
{
	static const int videos[] = { SPICE_STREAM_VIDEO_OFF, SPICE_STREAM_VIDEO_ALL, SPICE_STREAM_VIDEO_FILTER };
	static const int wans[] = { SPICE_WAN_COMPRESSION_AUTO, SPICE_WAN_COMPRESSION_ALWAYS,
			SPICE_WAN_COMPRESSION_NEVER };
	uint32_t compression, jpeg, zlib, video;

	vmm.loop = clove_poll_loop_new();
	server = spice_server_new();
	port = free_port();
	is_unix = chance_one_in(8);
	snprintf(socket_path, sizeof socket_path, "/tmp/clove-property.%d", (int)getpid());
	snprintf(address, sizeof address, "127.1.%u.%u", seed >> 8 & 255, seed & 255); /* nobody else's ports */
	spice_server_set_addr(server, is_unix ? socket_path : address, is_unix ? SPICE_ADDR_FLAG_UNIX_ONLY : 0);
	if (!is_unix)
		spice_server_set_port(server, port);
	spice_server_set_noauth(server);
	compression = 1 + chance_below(7);
	jpeg = chance_below(3);
	zlib = chance_below(3);
	video = chance_below(3);
	snprintf(choices, sizeof choices, "compression %u, jpeg %d, zlib %d, video %d%s", compression, wans[jpeg],
			wans[zlib], videos[video], is_unix ? ", unix" : "");
	spice_server_set_image_compression(server, (SpiceImageCompression)compression);
	spice_server_set_jpeg_compression(server, wans[jpeg]);
	spice_server_set_zlib_glz_compression(server, wans[zlib]);
	spice_server_set_streaming_video(server, videos[video]);
	if (spice_server_init(server, &vmm_core) || spice_server_add_interface(server, &vmm_kbd.base) ||
			spice_server_add_interface(server, &vmm_mouse.base) ||
			spice_server_add_interface(server, &vmm_tablet.base) || !guest_start(server))
		return false;
	spice_server_vm_start(server);
	set_mode();
	return true;
}

static void end(void)
{
	for (int i = 0; i < WATCHERS; i++)
		if (watchers[i])
			go(i);
	run_for(5);
	guest_end();
	spice_server_remove_interface(&vmm_tablet.base);
	spice_server_destroy(server);
	unlink(socket_path);
	clove_poll_loop_free(vmm.loop);
}

/* -- a run -- */

static const char *disturb(void)
{
	switch (chance_below(24)) {
	case 0:
		set_mode();
		break;
	case 1:
		spice_qxl_oom(&guest_qxl);
		break;
	case 2:
		spice_server_vm_stop(server);
		run_for((int)chance_below(20));
		spice_server_vm_start(server);
		break;
	case 3:
		spice_qxl_reset_image_cache(&guest_qxl);
		break;
	case 4:
		guest_film_elsewhere();
		break;
	case 5:
		spice_server_set_image_compression(server, (SpiceImageCompression)(1 + chance_below(7)));
		break;
	default:
		something_with_clients();
		break;
	}
	return NULL;
}

static const char *act(void)
{
	uint32_t plan = chance_below(3), steps = plan ? 10 + chance_below(30) : 30 + chance_below(25);

	for (uint32_t i = 0; i < steps; i++) {
		if (plan == 0) { /* a film, and little else */
			if (!guest_film() || (chance_one_in(4) && !guest_draw()))
				return "the guest is held up";
			run_for(25);
			if (chance_one_in(12))
				disturb();
			continue;
		}
		for (uint32_t n = 1 + chance_below(10); n; n--)
			if (!guest_draw())
				return "the guest is held up";
		run_for((int)chance_below(plan == 1 ? 4 : 16));
		if (chance_one_in(3))
			disturb();
	}
	if (!watchers[0])
		come(0);
	return drain();
}

static const char *run(void)
{
	const char *wrong = NULL;

	chance_seed(seed);
	if (!start())
		return "the server does not start";
	come(0);
	if (chance_one_in(2))
		come(1);
	for (int i = 0; i < 3 && !wrong; i++)
		wrong = act();
	end();
	/* a surface's command stays as long as the surface */
	if (!wrong && guest_held())
		wrong = complain("commands that were never released", guest_held(), NULL);
	if (!wrong && guest_odd())
		wrong = "a command was released twice";
	return wrong;
}

/* Most of a seed's time is waiting, so several run at once, each in a process: a crash is that seed's. */
static struct job {
	pid_t pid;
	int results;
	uint32_t seed;
} jobs[JOBS];

static void start_job(struct job *job)
{
	int ends[2];

	job->seed = seed;
	fflush(stdout);
	if (pipe(ends) || (job->pid = fork()) < 0)
		abort();
	if (job->pid == 0) {
		const char *wrong;

		compared = frames_seen = 0;
		wrong = run();
		if (wrong)
			printf("not ok - seed %u: %s (%s)\n", seed, wrong, choices);
		fflush(stdout);
		dprintf(ends[1], "%lu %lu", compared, frames_seen);
		exit(wrong != NULL);
	}
	close(ends[1]);
	job->results = ends[0];
}

/* Waits for any job's end; true if its seed held. */
static bool end_job(void)
{
	int status = 0;
	pid_t pid = waitpid(-1, &status, 0);
	unsigned long pictures, frames;
	char line[64] = "";

	for (int i = 0; i < JOBS; i++) {
		if (jobs[i].pid != pid)
			continue;
		(void)!read(jobs[i].results, line, sizeof line - 1);
		close(jobs[i].results);
		if (sscanf(line, "%lu %lu", &pictures, &frames) == 2) {
			compared += pictures;
			frames_seen += frames;
		}
		if (!WIFEXITED(status))
			printf("not ok - seed %u: signal %d\n", jobs[i].seed, WTERMSIG(status));
		jobs[i].pid = 0;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	uint32_t first = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : FIRST;
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : argc > 1 ? 1 : SEEDS;
	unsigned int failed = 0;

	signal(SIGPIPE, SIG_IGN);
	setenv("SPICE_DEBUG_ALLOW_MC", "1", 1);
	for (seed = first; seed - first < count; seed++) {
		int i = 0;

		while (i < JOBS && jobs[i].pid)
			i++;
		if (i == JOBS)
			failed += !end_job();
		for (i = 0; jobs[i].pid; i++) {
		}
		start_job(&jobs[i]);
	}
	for (int i = 0; i < JOBS;)
		if (jobs[i].pid)
			failed += !end_job();
		else
			i++;
	printf("%u seeds, %u failed; %lu pictures compared, %lu frames of video\n", count, failed, compared, frames_seen);
	return failed != 0;
}
