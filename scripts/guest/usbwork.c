/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbwork - work for USB devices in a guest, with a line of figures each.
 *   usbwork read|write DEVICE BLOCK BYTES     one block after the other, past the page cache: "BYTES SECONDS"
 *   usbwork random DEVICE BLOCK COUNT SPAN    reads at random places of the first SPAN bytes: "COUNT SECONDS"
 *   usbwork fill DEVICE BYTES SEED            a known pattern, past the page cache
 *   usbwork verify DEVICE BYTES SEED          is it there? "same" or where it differs
 *   usbwork play SECONDS [DSP]                a tone through /dev/dsp: "FRAMES SECONDS"
 *   usbwork echo TTY BYTES                    what is written must come back: "same SECONDS"
 *   usbwork stamp EVENT COUNT                 the kernel's time of COUNT events of an input device, in us
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/soundcard.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static void pattern(uint8_t *data, size_t len, uint32_t *state)
{
	for (size_t i = 0; i < len; i += 4) {
		uint32_t word = next(state);

		memcpy(data + i, &word, 4);
	}
}

static uint8_t *room(size_t len)
{
	void *data = NULL;

	return posix_memalign(&data, 4096, len) ? NULL : data;
}

static int sequential(const char *path, size_t block, uint64_t bytes, int is_write)
{
	int fd = open(path, (is_write ? O_WRONLY : O_RDONLY) | O_DIRECT);
	uint8_t *data = room(block);
	uint32_t state = 4711;
	double start;

	if (fd < 0 || !data)
		return fail(path);
	pattern(data, block, &state);
	start = now();
	for (uint64_t at = 0; at < bytes; at += block)
		if ((is_write ? pwrite(fd, data, block, (off_t)at) : pread(fd, data, block, (off_t)at)) != (ssize_t)block)
			return fail(path);
	if (is_write && fsync(fd) < 0)
		return fail("fsync");
	printf("%llu %.6f\n", (unsigned long long)bytes, now() - start);
	return 0;
}

static int at_random(const char *path, size_t block, int count, uint64_t span)
{
	int fd = open(path, O_RDONLY | O_DIRECT);
	uint8_t *data = room(block);
	uint32_t state = 815;
	double start;

	if (fd < 0 || !data || span < block)
		return fail(path);
	start = now();
	for (int i = 0; i < count; i++)
		if (pread(fd, data, block, (off_t)(next(&state) % (span / block) * block)) != (ssize_t)block)
			return fail(path);
	printf("%d %.6f\n", count, now() - start);
	return 0;
}

static int fill(const char *path, uint64_t bytes, uint32_t state, int is_check)
{
	enum { BLOCK = 65536 };
	int fd = open(path, (is_check ? O_RDONLY : O_WRONLY) | O_DIRECT);
	uint8_t *data = room(BLOCK), *seen = room(BLOCK);

	if (fd < 0 || !data || !seen)
		return fail(path);
	for (uint64_t at = 0; at < bytes; at += BLOCK) {
		pattern(data, BLOCK, &state);
		if (!is_check) {
			if (pwrite(fd, data, BLOCK, (off_t)at) != BLOCK)
				return fail(path);
			continue;
		}
		if (pread(fd, seen, BLOCK, (off_t)at) != BLOCK)
			return fail(path);
		if (memcmp(data, seen, BLOCK)) {
			printf("differs in the block at %llu\n", (unsigned long long)at);
			return 1;
		}
	}
	if (!is_check && fsync(fd) < 0)
		return fail("fsync");
	puts("same");
	return 0;
}

static int play(double seconds, const char *path)
{
	int fd = open(path, O_WRONLY), format = AFMT_S16_LE, channels = 2, rate = 48000, fragment = 8 << 16 | 12;
	static int16_t tone[4800 * 2];
	long frames = 0;
	double start;

	if (fd < 0)
		return fail(path);
	ioctl(fd, SNDCTL_DSP_SETFRAGMENT, &fragment);
	if (ioctl(fd, SNDCTL_DSP_SETFMT, &format) < 0 || ioctl(fd, SNDCTL_DSP_CHANNELS, &channels) < 0 ||
			ioctl(fd, SNDCTL_DSP_SPEED, &rate) < 0)
		return fail("the format");
	for (int i = 0; i < 4800; i++)
		tone[2 * i] = tone[2 * i + 1] = (int16_t)(i % 48 * 400 - 9600);
	start = now();
	while (now() - start < seconds) {
		ssize_t n = write(fd, tone, sizeof tone);

		if (n < 0)
			return fail("write");
		frames += n / 4;
	}
	ioctl(fd, SNDCTL_DSP_SYNC, 0);
	printf("%ld %.3f\n", frames, now() - start);
	return 0;
}

static int echo(const char *path, int bytes)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK), sent = 0, got = 0;
	uint8_t out[512], in[512];
	uint32_t to = 99, from = 99;
	uint8_t *all = malloc((size_t)bytes + 4), *expected = malloc((size_t)bytes + 4);
	struct termios raw;
	double start = now();

	if (fd < 0 || !all || !expected || tcgetattr(fd, &raw) < 0)
		return fail(path);
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	pattern(all, (size_t)bytes, &to);
	pattern(expected, (size_t)bytes, &from);
	while (got < bytes) {
		struct pollfd p = { fd, (short)(POLLIN | (sent < bytes ? POLLOUT : 0)), 0 };

		if (poll(&p, 1, 5000) <= 0) {
			printf("only %d of %d bytes came back\n", got, bytes);
			return 1;
		}
		if (p.revents & POLLOUT && sent < bytes) {
			int n = bytes - sent < (int)sizeof out ? bytes - sent : (int)sizeof out;
			ssize_t put = write(fd, all + sent, (size_t)n);

			if (put > 0)
				sent += (int)put;
		}
		if (p.revents & POLLIN) {
			ssize_t n = read(fd, in, sizeof in);

			if (n > 0 && (got + n > bytes || memcmp(in, expected + got, (size_t)n))) {
				printf("other bytes came back after %d\n", got);
				return 1;
			}
			if (n > 0)
				got += (int)n;
		}
		if (p.revents & (POLLHUP | POLLERR))
			return fail("hung up");
	}
	printf("same %.3f\n", now() - start);
	return 0;
}

static int stamp(const char *path, int count)
{
	int fd = open(path, O_RDONLY), clock = CLOCK_REALTIME;

	if (fd < 0 || ioctl(fd, EVIOCSCLOCKID, &clock) < 0)
		return fail(path);
	while (count > 0) {
		struct input_event event;

		if (read(fd, &event, sizeof event) != sizeof event)
			return fail(path);
		if (event.type == EV_SYN)
			continue;
		printf("%u %u %d %lld\n", event.type, event.code, event.value,
				(long long)event.input_event_sec * 1000000 + event.input_event_usec);
		fflush(stdout);
		count--;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if ((!strcmp(verb, "read") || !strcmp(verb, "write")) && argc == 5)
		return sequential(argv[2], (size_t)atol(argv[3]), strtoull(argv[4], NULL, 0), verb[0] == 'w');
	if (!strcmp(verb, "random") && argc == 6)
		return at_random(argv[2], (size_t)atol(argv[3]), atoi(argv[4]), strtoull(argv[5], NULL, 0));
	if ((!strcmp(verb, "fill") || !strcmp(verb, "verify")) && argc == 5)
		return fill(argv[2], strtoull(argv[3], NULL, 0), (uint32_t)atol(argv[4]), verb[0] == 'v');
	if (!strcmp(verb, "play"))
		return play(atof(argv[2]), argc > 3 ? argv[3] : "/dev/dsp");
	if (!strcmp(verb, "echo") && argc == 4)
		return echo(argv[2], atoi(argv[3]));
	if (!strcmp(verb, "stamp") && argc == 4)
		return stamp(argv[2], atoi(argv[3]));
	fputs("usbwork: see the head of its source\n", stderr);
	return 2;
}
