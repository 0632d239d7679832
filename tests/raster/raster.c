/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* raster.c - plays a VMM to two server libraries with the same commands, and compares their surfaces.
 *
 *   raster LIBRARY LIBRARY [SEED [COUNT]]
 *
 * RASTER_STOP=n leaves out all but the first n commands; RASTER_LOG=FILE keeps what the libraries say;
 * RASTER_HASHES=1 prints the hashes of equal cases, as tests/golden/commands.tsv has them.
 * Each library lives in a child process, so that one that aborts ends only its case: such cases are
 * counted, with the commands that did it, and skipped if it is the second library's. Exit status 1 if any
 * surface differs, or the first library aborts.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/raster/commands.h"
#include "tests/raster/vmm.h"

#define CALLS(X) \
	RASTER_CALLS(X) \
	X(qxl_destroy_surfaces, "SPICE_SERVER_0.8.2")

static struct {
#define FIELD(name, node) __typeof__(spice_##name) *name;
	CALLS(FIELD)
#undef FIELD
} spice;

enum { CASE_SECONDS = 30, PIXELS = 1 << 20, SHOWN = 10 };

enum state { UNTRIED, BEGUN, DONE };

/* Shared with the children. */
struct results {
	uint8_t pixels[PIXELS];         /* of the case asked for */
	struct result {
		uint8_t state;
		uint64_t hash;
	} cases[];
};

/* -- the VMM -- */

static struct raster_case current;
static unsigned int stop = RASTER_COMMANDS + RASTER_SURFACES;
static unsigned int next_command;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int on_get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	int is_there;

	(void)qxl;
	pthread_mutex_lock(&lock);
	is_there = next_command < current.count;
	if (is_there)
		*ext = current.commands[next_command++];
	pthread_mutex_unlock(&lock);
	return is_there;
}
static int on_no_command(QXLInstance *qxl, struct QXLCommandExt *ext) { (void)qxl; (void)ext; return 0; }
static void on_release(QXLInstance *qxl, struct QXLReleaseInfoExt ext) { (void)qxl; (void)ext; }

static const QXLInterface qif = RASTER_QXL_INTERFACE(on_get_command, on_no_command, on_release);
static QXLInstance qxl = { .base = { &qif.base } };

static void open_library(const char *path)
{
	QXLDevMemSlot slot = { .slot_group_id = RASTER_GROUP, .slot_id = RASTER_SLOT };
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	SpiceServer *server;

	if (!library) {
		fprintf(stderr, "raster: %s\n", dlerror());
		_exit(2);
	}
#define LOAD(name, node) \
	if (!(*(void **)&spice.name = dlvsym(library, "spice_" #name, node))) { \
		fprintf(stderr, "raster: %s\n", dlerror()); \
		_exit(2); \
	}
	CALLS(LOAD)
#undef LOAD
	next_command = current.count;
	current.memory = calloc(1, RASTER_MEMORY);
	slot.virt_start = slot.addr_delta = (uintptr_t)current.memory;
	slot.virt_end = slot.virt_start + RASTER_MEMORY;
	server = spice.server_new();
	if (!current.memory || !server || spice.server_init(server, &raster_core) ||
			spice.server_add_interface(server, &qxl.base)) {
		fprintf(stderr, "raster: %s does not start\n", path);
		_exit(2);
	}
	spice.server_vm_start(server);
	spice.qxl_add_memslot(&qxl, &slot);
}

/* -- one case -- */

static void run_case(uint64_t seed, struct result *result, uint8_t *pixels)
{
	struct raster_surface *s = current.surfaces;

	pthread_mutex_lock(&lock);
	raster_make(&current, seed);
	current.count = current.count < stop ? current.count : stop;
	next_command = current.count; /* none before the primary is there */
	pthread_mutex_unlock(&lock);

	QXLDevSurfaceCreate create = { .width = (uint32_t)s->width, .height = (uint32_t)s->height,
			.stride = s->stride, .format = s->format, .flags = QXL_SURF_FLAG_KEEP_DATA,
			.mem = raster_address(s->at), .group_id = RASTER_GROUP };

	spice.qxl_create_primary_surface(&qxl, 0, &create);
	pthread_mutex_lock(&lock);
	next_command = 0;
	pthread_mutex_unlock(&lock);
	spice.qxl_wakeup(&qxl);
	for (uint32_t id = 0; id < RASTER_SURFACES; id++) {
		QXLRect area = { 0, 0, s[id].height, s[id].width };

		spice.qxl_update_area(&qxl, id, &area, NULL, 0, 0);
	}
	result->hash = raster_hash(&current);
	if (pixels)
		raster_copy(&current, pixels, PIXELS);
	spice.qxl_destroy_surfaces(&qxl);
}

/* Runs all of them; whoever dies is followed by another, behind the case that it died of. */
static void run_library(const char *path, uint64_t seed, uint64_t count, struct results *results, bool shows)
{
	for (uint64_t from = 0; from < count; ) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			if (!freopen(getenv("RASTER_LOG") ? getenv("RASTER_LOG") : "/dev/null", "a", stderr))
				_exit(2);
			setvbuf(stderr, NULL, _IOLBF, 0);
			open_library(path);
			for (uint64_t i = from; i < count; i++) {
				alarm(CASE_SECONDS);
				results->cases[i].state = BEGUN;
				run_case(seed + i, &results->cases[i], shows ? results->pixels : NULL);
				results->cases[i].state = DONE;
			}
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) < 0) {
			perror("raster");
			exit(2);
		}
		if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
			fprintf(stderr, "raster: %s cannot be used\n", path);
			exit(2);
		}
		while (from < count && results->cases[from].state == DONE)
			from++;
		if (from < count)
			from++; /* the one that it died of */
	}
}

/* -- comparing -- */

static struct results *results_new(uint64_t count)
{
	size_t size = sizeof(struct results) + count * sizeof(struct result);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("raster");
		exit(2);
	}
	return p;
}

static void show_commands(uint64_t seed)
{
	raster_make(&current, seed);
	for (unsigned int i = 0; i < current.count; i++)
		printf("    %s\n", current.what[i]);
}

/* The first pixels that differ, from a second run of that case alone. */
static void show(const char *const *paths, uint64_t seed)
{
	struct results *a = results_new(1), *b = results_new(1);
	size_t used = 0;
	int shown = 0;

	run_library(paths[0], seed, 1, a, true);
	run_library(paths[1], seed, 1, b, true);
	show_commands(seed);
	for (uint32_t id = 0; id < RASTER_SURFACES; id++) {
		const struct raster_surface *s = &current.surfaces[id];
		size_t n = ((size_t)s->width * raster_bits(s->format) + 7) / 8, bytes = (raster_bits(s->format) + 7) / 8;
		int differ = 0;
		int32_t left = INT32_MAX, right = -1, top = INT32_MAX, bottom = -1;

		for (int32_t y = 0; y < s->height; y++, used += n)
			for (size_t i = 0; i < n; i += bytes) {
				uint32_t va = 0, vb = 0;

				memcpy(&va, a->pixels + used + i, bytes);
				memcpy(&vb, b->pixels + used + i, bytes);
				if (va == vb)
					continue;
				differ++;
				left = (int32_t)(i / bytes) < left ? (int32_t)(i / bytes) : left;
				right = (int32_t)(i / bytes) > right ? (int32_t)(i / bytes) : right;
				top = y < top ? y : top;
				bottom = y;
				if (shown++ < SHOWN)
					printf("    surface %u (format %u) pixel %zu,%d: %0*x, other library %0*x\n", id,
							s->format, i / bytes, y, (int)bytes * 2, va, (int)bytes * 2, vb);
			}
		if (differ)
			printf("    surface %u: %d pixels differ from %d,%d to %d,%d\n", id, differ, left, top, right, bottom);
	}
}

int main(int argc, char **argv)
{
	const char *const paths[2] = { argc > 2 ? argv[1] : "", argc > 2 ? argv[2] : "" };
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1, count = argc > 4 ? strtoull(argv[4], NULL, 0) : 1000;
	uint64_t equal = 0, different = 0, aborted = 0, own = 0;
	struct results *results[2];

	if (argc < 3) {
		fprintf(stderr, "usage: raster LIBRARY LIBRARY [SEED [COUNT]]\n");
		return 2;
	}
	if (getenv("RASTER_STOP"))
		stop = RASTER_SURFACES - 1 + (unsigned int)atoi(getenv("RASTER_STOP"));
	current.memory = calloc(1, RASTER_MEMORY);
	for (int i = 0; i < 2; i++) {
		results[i] = results_new(count);
		run_library(paths[i], seed, count, results[i], false);
	}
	for (uint64_t i = 0; i < count; i++) {
		const struct result *a = &results[0]->cases[i], *b = &results[1]->cases[i];

		if (a->state != DONE || b->state != DONE) {
			own += a->state != DONE;
			aborted += b->state != DONE;
			printf("case %llu: %s died\n", (unsigned long long)(seed + i), paths[a->state == DONE]);
			show_commands(seed + i);
		} else if (a->hash != b->hash) {
			if (different++ < SHOWN) {
				printf("case %llu differs\n", (unsigned long long)(seed + i));
				fflush(stdout);
				show(paths, seed + i);
			}
		} else {
			equal++;
			if (getenv("RASTER_HASHES"))
				printf("%llu\t%016llx\n", (unsigned long long)(seed + i), (unsigned long long)b->hash);
		}
	}
	printf("%llu cases equal, %llu differ, %llu died in %s, %llu skipped since %s died of them\n",
			(unsigned long long)equal, (unsigned long long)different, (unsigned long long)own, paths[0],
			(unsigned long long)aborted, paths[1]);
	return different || own || !equal;
}
