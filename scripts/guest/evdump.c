/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* evdump - print input events as text, one per line: "eventN TYPE CODE VALUE".
 *   evdump [-t SECONDS] [-n EVENTS] [/dev/input/eventN ...]
 * Without device names it reads every event device. SYN events are left out.
 *   evdump -l        list: eventN bus:vendor:product "name"
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAXDEV 64

int main(int argc, char **argv)
{
	static char names[MAXDEV][300];
	struct pollfd p[MAXDEV];
	int c, n = 0, i, list = 0, left = 1 << 30;
	double limit = 10;
	struct timespec t0, t;

	while ((c = getopt(argc, argv, "t:n:l")) != -1)
		switch (c) {
		case 't': limit = atof(optarg); break;
		case 'n': left = atoi(optarg); break;
		case 'l': list = 1; break;
		default: return 2;
		}
	if (optind < argc) {
		for (; optind < argc && n < MAXDEV; optind++)
			snprintf(names[n++], sizeof names[0], "%s", argv[optind]);
	} else {
		DIR *d = opendir("/dev/input");
		struct dirent *e;

		while (d && (e = readdir(d)) && n < MAXDEV)
			if (!strncmp(e->d_name, "event", 5))
				snprintf(names[n++], sizeof names[0], "/dev/input/%s", e->d_name);
	}
	for (i = 0; i < n; i++) {
		p[i].fd = open(names[i], O_RDONLY | O_NONBLOCK);
		p[i].events = POLLIN;
		if (list && p[i].fd >= 0) {
			char nm[256] = "";
			struct input_id id;

			ioctl(p[i].fd, EVIOCGNAME(sizeof nm), nm);
			ioctl(p[i].fd, EVIOCGID, &id);
			printf("%s %u:%04x:%04x \"%s\"\n", strrchr(names[i], '/') + 1, id.bustype, id.vendor, id.product, nm);
		}
	}
	if (list)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	while (left > 0) {
		double e;

		clock_gettime(CLOCK_MONOTONIC, &t);
		e = limit - ((t.tv_sec - t0.tv_sec) + (t.tv_nsec - t0.tv_nsec) / 1e9);
		if (e <= 0)
			break;
		poll(p, n, (int)(e * 1000) + 1);
		for (i = 0; i < n; i++) {
			struct input_event ev[64];
			ssize_t r;

			if (!(p[i].revents & (POLLIN | POLLERR | POLLHUP)))
				continue;
			r = read(p[i].fd, ev, sizeof ev);
			if (r <= 0) {
				if (p[i].revents & (POLLERR | POLLHUP))
					p[i].fd = -1;
				continue;
			}
			for (c = 0; c < (int)(r / sizeof ev[0]); c++)
				if (ev[c].type != EV_SYN && left-- > 0)
					printf("%s %u %u %d\n", strrchr(names[i], '/') + 1, ev[c].type, ev[c].code, ev[c].value);
			fflush(stdout);
		}
	}
	return 0;
}
