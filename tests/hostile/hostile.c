/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hostile.c - breaks each step of the protocol against a VMM player, and asks after it whether a client
 * that means well is still served.
 *
 * usage: hostile [--count N] [--seed S] [--class NAME] [--ca FILE] [--password WORD] [--batch N]
 *                [--patience MS] [--library PREFIX] [--list] -- PROGRAM ARGUMENT...
 *
 * PROGRAM is bench-vmm, or env with it; it is started with --control added, and anew whenever it dies. The
 * inputs are spread evenly over the classes and alternate between plain TCP and TLS (with --ca); each follows
 * from the seed, its class and its number. After each batch a good client connects, gets the VMM's pixels
 * and has a key pressed, all within --patience (1 s); a batch after which that fails, or the process is
 * dead, is repeated input by input to name the one. At the end the process must hold no more descriptors
 * and threads than after its first good client. --library: where the library under attack must lie.
 *
 * One line for each class: "ok - CLASS: N inputs, M good clients, slowest T ms", or "not ok - ...". Exit code
 * 1: a class failed; 2: the test could not be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/hostile/classes.h"
#include "tests/hostile/peer.h"

enum { FLOOD_MOST = 128, DEADLINE_MS = 10000 };

static struct options {
	int count, batch, patience_ms;
	uint64_t seed;
	const char *only, *ca, *library;
	char **program;
} options = { .count = 2000, .batch = 8, .patience_ms = 1000, .seed = 1 };

static struct clove_loop *loop;

/* -- the process under attack -- */

static struct {
	pid_t pid;           /* 0: dead */
	int output;          /* its standard output */
	char control[108], library[256];
	FILE *ask;
	int status;
} vmm = { .output = -1 };

void give_up(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "hostile: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	if (vmm.pid > 0)
		kill(vmm.pid, SIGKILL);
	exit(2);
}

static bool vmm_is_alive(void)
{
	if (vmm.pid > 0 && waitpid(vmm.pid, &vmm.status, WNOHANG) == vmm.pid)
		vmm.pid = 0;
	return vmm.pid > 0;
}

static int number_after(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? atoi(at + strlen(key)) : 0;
}

static void vmm_read_start(void)
{
	char line[1024] = "";
	size_t n = 0;

	while (n < sizeof line - 1 && !memchr(line, '\n', n)) {
		ssize_t got = read(vmm.output, line + n, sizeof line - 1 - n);

		if (got <= 0)
			give_up("the VMM player does not start");
		n += (size_t)got;
	}
	plain.port = number_after(line, "\"port\":");
	secure.port = number_after(line, "\"tls_port\":");
	const char *library = strstr(line, "\"library\":\"");
	if (library)
		snprintf(vmm.library, sizeof vmm.library, "%.*s", (int)strcspn(library + 11, "\""), library + 11);
}

static void vmm_start(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 5 };
	int ends[2], fd;

	if (pipe2(ends, O_CLOEXEC))
		give_up("pipe: %s", strerror(errno));
	vmm.pid = fork();
	if (!vmm.pid) {
		dup2(ends[1], STDOUT_FILENO);
		execvp(options.program[0], options.program);
		fprintf(stderr, "hostile: %s: %s\n", options.program[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	if (vmm.output >= 0)
		close(vmm.output);
	vmm.output = ends[0];
	vmm_read_start();
	if (options.library && strncmp(vmm.library, options.library, strlen(options.library)) != 0)
		give_up("the VMM player has loaded %s", vmm.library);
	if (vmm.ask)
		fclose(vmm.ask);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", vmm.control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) || !(vmm.ask = fdopen(fd, "r+")))
		give_up("the VMM player's control socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static void vmm_end(void)
{
	if (vmm.pid <= 0)
		return;
	kill(vmm.pid, SIGKILL);
	waitpid(vmm.pid, &vmm.status, 0);
	vmm.pid = 0;
}

/* One line; empty if it is dead, or silent for five seconds. */
static const char *vmm_line(void)
{
	static char line[4096];

	if (!fgets(line, sizeof line, vmm.ask)) {
		clearerr(vmm.ask);
		line[0] = 0;
	}
	return line;
}

static const char *vmm_ask(const char *command)
{
	fprintf(vmm.ask, "%s\n", command);
	fflush(vmm.ask);
	return vmm_line();
}

/* How often the good client's key came since the last asking. */
static unsigned int vmm_keys(void)
{
	unsigned int n = 0;

	for (const char *line = vmm_ask("keys"); strstr(line, "\"key\":"); line = vmm_line())
		n += number_after(line, "\"key\":") == 0x1e;
	return n;
}

void vmm_do(const char *command)
{
	if (vmm_is_alive())
		vmm_ask(command);
}

/* -- a client that means well -- */

static bool has_right_picture(const struct player *player)
{
	char hash[32];

	snprintf(hash, sizeof hash, "\"%016llx\"", (unsigned long long)player_picture_hash(&player->picture));
	return strstr(vmm_ask("hash"), hash);
}

static const char *what_lacks(const struct player *player, bool has_typed)
{
	return player->is_over ? player->why : !player->main ? "main is not linked" : !player->display ?
			"display is not linked" : !player->times.complete ? "no whole picture" : !player->inputs ?
			"inputs are not linked" : !has_typed ? "no key" : "not the VMM's pixels";
}

/* Milliseconds until it had the whole picture, pixel by pixel, and its key had reached the guest; -1 if that
 * took too long, or it was refused or dropped. */
static int good_client(const char *from, int patience_ms, char *why, size_t size)
{
	struct player_where where = is_secure ? secure : plain;
	uint64_t began = clove_now_ms(), until = began + (uint64_t)patience_ms;
	bool has_pressed = false, has_typed = false, is_served = false;
	struct player *player;

	where.from = from;
	vmm_keys();
	player = player_new(loop, &where, PLAYER_ALL);
	if (!player)
		give_up("no memory");
	while (!is_served && !player->is_over && clove_now_ms() < until && vmm_is_alive()) {
		clove_poll_loop_step(loop, 5);
		if (!has_pressed && player->times.complete && player->inputs) {
			player_key(player, 0x1e, true);
			player_key(player, 0x9e, false);
			has_pressed = true;
		}
		has_typed = has_typed || (has_pressed && vmm_keys());
		is_served = has_typed && has_right_picture(player);
	}
	snprintf(why, size, "%s", what_lacks(player, has_typed));
	player_free(player);
	return is_served ? (int)(clove_now_ms() - began) : -1;
}

/* -- running -- */

struct tally {
	uint32_t inputs, checks, failures, deaths;
	uint32_t late;       /* good clients that came too late, and not again when all was repeated */
	int slowest_ms;
	char what[256];
};

static void run_input(unsigned int class, uint32_t i)
{
	chance_seed((options.seed * 0x9e3779b97f4a7c15) ^ (uint64_t)(class + 1) << 40 ^ (uint64_t)(i + 1) << 8);
	is_secure = secure.tls && i % 2;
	is_full_header = false;
	hostile_classes[class].fn(hostile_classes[class].type, i / 2);
	is_full_header = false;
}

static bool check(struct tally *tally, char *why, size_t size)
{
	int ms = vmm_is_alive() ? good_client(NULL, options.patience_ms, why, size) : -1;

	peer_drop_kept();
	tally->checks++;
	for (int i = 0; ms < 0 && i < 50 && vmm_is_alive(); i++)
		poll(NULL, 0, 10); /* a process that writes its core is not dead at once */
	if (!vmm_is_alive()) {
		bool is_signal = WIFSIGNALED(vmm.status);

		snprintf(why, size, "the process died (%s %d)", is_signal ? "signal" : "status",
				is_signal ? WTERMSIG(vmm.status) : WEXITSTATUS(vmm.status));
		return false;
	}
	if (ms > tally->slowest_ms)
		tally->slowest_ms = ms;
	return ms >= 0;
}

/* Which inputs of the batch it was, each followed by a check. */
static void name_culprits(unsigned int class, uint32_t from, uint32_t to, struct tally *tally)
{
	char why[160];

	for (uint32_t i = from; i < to; i++) {
		struct tally again = { 0 };

		if (vmm.pid <= 0)
			vmm_start();
		run_input(class, i);
		if (check(&again, why, sizeof why))
			continue;
		if (!tally->failures++)
			snprintf(tally->what, sizeof tally->what, "input %u%s: %s", i,
					secure.tls && i % 2 ? " (TLS)" : "", why);
		tally->deaths += vmm.pid <= 0;
		vmm_end();
	}
}

static void run_class(unsigned int class, uint32_t n, struct tally *tally)
{
	char why[160];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t start = i - i % (uint32_t)options.batch, before = tally->failures;

		if (vmm.pid <= 0)
			vmm_start();
		run_input(class, i);
		tally->inputs++;
		if ((i + 1) % (uint32_t)options.batch && i + 1 < n && vmm_is_alive())
			continue;
		if (check(tally, why, sizeof why))
			continue;
		bool is_dead = vmm.pid <= 0;

		vmm_end();
		name_culprits(class, start, i + 1, tally);
		if (tally->failures != before)
			continue;
		for (uint32_t k = start; k <= i && !is_dead; k++)
			run_input(class, k);
		if (!is_dead && check(tally, why, sizeof why)) {
			tally->late++; /* the machine had something else to do */
			continue;
		}
		if (!tally->failures++)
			snprintf(tally->what, sizeof tally->what, "inputs %u to %u together: %s", start, i, why);
		tally->deaths += is_dead;
		vmm_end();
	}
}

/* More half-open connections than an address may have, or than there may be in all: who is beyond that waits,
 * and is served when the deadline of the others has passed; another address is served at once while there are
 * places. */
static const struct flood {
	const char *name;
	int addresses;        /* 127.0.0.3 and on */
	int each;
	const char *from[2];  /* good clients: */
	bool waits[2];        /* ... for the deadline */
} floods[] = {
	{ "slow: a flood of half-open connections", 1, 40, { "127.0.0.2", "127.0.0.3" }, { false, true } },
	{ "slow: a flood from three addresses", 3, 31, { "127.0.0.2", "127.0.0.3" }, { true, true } },
};

static void run_flood(const struct flood *flood, struct tally *tally)
{
	static struct peer peers[FLOOD_MOST];
	char address[32], why[160];
	int n = flood->addresses * flood->each;

	if (vmm.pid <= 0)
		vmm_start();
	is_secure = false;
	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "127.0.0.%d", 3 + i % flood->addresses);
		plain.from = address;
		peer_raw(&peers[i]);
		if (i % 2)
			peer_say(&peers[i], "REDQ", 4);
		tally->inputs++;
	}
	plain.from = NULL;
	for (int i = 0; i < 2; i++) {
		int ms = good_client(flood->from[i], options.patience_ms + (flood->waits[i] ? DEADLINE_MS : 0), why,
				sizeof why);

		tally->checks++;
		if (ms > tally->slowest_ms && !flood->waits[i])
			tally->slowest_ms = ms;
		if (ms >= 0 && vmm_is_alive())
			continue;
		if (!tally->failures++)
			snprintf(tally->what, sizeof tally->what, "from %s: %s", flood->from[i],
					vmm_is_alive() ? why : "the process died");
		tally->deaths += !vmm_is_alive();
	}
	for (int i = 0; i < n; i++)
		peer_close(&peers[i]);
	if (tally->failures)
		vmm_end();
}

struct holdings {
	int files, threads, rss_kb;
};

/* What the process holds when its clients have gone. */
static struct holdings count_holdings(void)
{
	struct holdings holds = { 0 }, before;
	char why[160];

	if (vmm.pid <= 0)
		vmm_start();
	is_secure = false;
	(void)!good_client(NULL, options.patience_ms, why, sizeof why);
	for (int i = 0; i < 20; i++) { /* until it rests: closing takes a turn or two */
		const char *line;

		poll(NULL, 0, 50);
		before = holds;
		line = vmm_ask("memory");
		holds = (struct holdings){ number_after(line, "\"files\":"), number_after(line, "\"threads\":"),
				number_after(line, "\"rss_kb\":") };
		if (i > 3 && holds.files == before.files && holds.threads == before.threads)
			break;
	}
	return holds;
}

/* A descriptor or a thread for each of some inputs would show; one more of a kind that is kept would not. */
static void compare_holdings(struct holdings before, struct tally *tally)
{
	struct holdings after = count_holdings();

	tally->checks = 2;
	if (after.files <= before.files + 4 && after.threads <= before.threads + 1)
		return;
	tally->failures = 1;
	snprintf(tally->what, sizeof tally->what, "%d descriptors became %d, %d threads %d", before.files, after.files,
			before.threads, after.threads);
}

static void report(const char *name, const struct tally *tally, struct tally *sum)
{
	printf("%sok - %s: %u inputs, %u good clients, slowest %d ms", tally->failures ? "not " : "", name,
			tally->inputs, tally->checks, tally->slowest_ms);
	if (tally->late)
		printf(", %u later and not again", tally->late);
	if (tally->failures)
		printf("; %u failed, %u of them deadly; first %s", tally->failures, tally->deaths, tally->what);
	printf("\n");
	fflush(stdout);
	sum->inputs += tally->inputs;
	sum->checks += tally->checks;
	sum->failures += tally->failures;
	sum->deaths += tally->deaths;
	sum->late += tally->late;
	if (tally->slowest_ms > sum->slowest_ms)
		sum->slowest_ms = tally->slowest_ms;
}

static void read_options(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "count", required_argument, NULL, 'n' }, { "seed", required_argument, NULL, 's' },
		{ "class", required_argument, NULL, 'c' }, { "ca", required_argument, NULL, 'a' },
		{ "password", required_argument, NULL, 'w' }, { "batch", required_argument, NULL, 'b' },
		{ "patience", required_argument, NULL, 'p' }, { "library", required_argument, NULL, 'L' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int n = 0;

	for (int c; (c = getopt_long(argc, argv, "+", long_options, NULL)) != -1;) {
		switch (c) {
		case 'n': options.count = atoi(optarg); break;
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 'c': options.only = optarg; break;
		case 'a': options.ca = optarg; break;
		case 'w': plain.password = secure.password = optarg; break;
		case 'b': options.batch = atoi(optarg); break;
		case 'p': options.patience_ms = atoi(optarg); break;
		case 'L': options.library = optarg; break;
		case 'l':
			for (unsigned int i = 0; i < hostile_class_count; i++)
				printf("%s\n", hostile_classes[i].name);
			exit(0);
		default: exit(2);
		}
	}
	if (optind == argc || options.count < 1 || options.batch < 1) {
		fprintf(stderr, "usage: hostile [options] -- PROGRAM ARGUMENT...\n");
		exit(2);
	}
	options.program = calloc((size_t)(argc - optind) + 3, sizeof *options.program);
	if (!options.program)
		give_up("no memory");
	for (; optind < argc; optind++)
		options.program[n++] = argv[optind];
	snprintf(vmm.control, sizeof vmm.control, "%s/clove-hostile-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
			(int)getpid());
	options.program[n++] = (char *)(uintptr_t)"--control";
	options.program[n] = vmm.control;
}

int main(int argc, char **argv)
{
	struct tally sum = { 0 };
	char *error = NULL;
	uint64_t began = clove_now_ms();
	uint32_t n;

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	read_options(argc, argv);
	loop = clove_poll_loop_new();
	if (!loop)
		give_up("no loop");
	if (options.ca && !(secure.tls = clove_tls_client_new(
			&(struct clove_tls_client_options){ .ca_file = options.ca }, &error)))
		give_up("%s", error);
	vmm_start();
	printf("# %s, seed %llu\n", vmm.library, (unsigned long long)options.seed);
	struct holdings first = count_holdings();
	n = (uint32_t)options.count / hostile_class_count;
	n = n < 2 ? 2 : n + n % 2;
	for (unsigned int i = 0; i < hostile_class_count; i++) {
		struct tally tally = { 0 };

		if (options.only && !strstr(hostile_classes[i].name, options.only))
			continue;
		run_class(i, n, &tally);
		report(hostile_classes[i].name, &tally, &sum);
	}
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		struct tally tally = { 0 };

		if (options.only && !strstr(floods[i].name, options.only))
			continue;
		run_flood(&floods[i], &tally);
		report(floods[i].name, &tally, &sum);
	}

	struct tally left = { 0 };
	compare_holdings(first, &left);
	report("afterwards: nothing left behind", &left, &sum);
	vmm_end();
	unlink(vmm.control);
	printf("# %u inputs, %u good clients, %u failed, %u deaths, slowest good client %d ms, %u late once, %llu s\n",
			sum.inputs, sum.checks, sum.failures, sum.deaths, sum.slowest_ms, sum.late,
			(unsigned long long)(clove_now_ms() - began) / 1000);
	clove_tls_free(secure.tls);
	clove_poll_loop_free(loop);
	free(options.program);
	return sum.failures ? 1 : 0;
}
