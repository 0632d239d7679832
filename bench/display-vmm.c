/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display-vmm.c - plays a VMM with a QXL device and its guest, and keeps count of what the display costs.
 *
 * usage: display-vmm WORK SECONDS [library|qemu] [KEY=VALUE...]
 *
 * The library is the libspice-server.so.1 that the dynamic linker finds (LD_LIBRARY_PATH), opened by its
 * versioned symbols. The guest has a command ring of 32 entries and memory of its own; what it draws in is
 * free again only when the library has released the command. It is driven by lines on standard input:
 *
 *   (start)    prints "started PORT LIBRARY"
 *   go         draws the work's frames for SECONDS, then prints "pushed FRAMES"
 *   figures    prints "cpu NS", "held PEAK NOW", "push N NS" for each frame, "end"
 *   (EOF)      ends
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "bench/display-work.h"
#include "bench/free-port.h"
#include "include/spice-server/spice.h"

/* What is called, and the version node it has carried since. */
#define CALLS(X) \
	X(server_new, "SPICE_SERVER_0.6.0") \
	X(server_init, "SPICE_SERVER_0.6.0") \
	X(server_set_port, "SPICE_SERVER_0.6.0") \
	X(server_set_addr, "SPICE_SERVER_0.6.0") \
	X(server_set_noauth, "SPICE_SERVER_0.6.0") \
	X(server_set_image_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_jpeg_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_zlib_glz_compression, "SPICE_SERVER_0.6.0") \
	X(server_set_streaming_video, "SPICE_SERVER_0.6.0") \
	X(server_add_interface, "SPICE_SERVER_0.6.0") \
	X(server_vm_start, "SPICE_SERVER_0.11.2") \
	X(qxl_wakeup, "SPICE_SERVER_0.8.2") \
	X(qxl_oom, "SPICE_SERVER_0.8.2") \
	X(qxl_add_memslot, "SPICE_SERVER_0.8.2") \
	X(qxl_create_primary_surface, "SPICE_SERVER_0.8.2") \
	X(qxl_set_device_info, "SPICE_SERVER_0.14.2")

static struct {
#define FIELD(name, node) __typeof__(spice_##name) *name;
	CALLS(FIELD)
#undef FIELD
} spice;

enum {
	RING = 32,
	FRAMES_MOST = 1 << 18,
	HELD_MOST = 256 << 20,       /* a guest's memory for commands */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* -- the core interface -- */

struct SpiceTimer {
	struct SpiceTimer *next;
	SpiceTimerFunc fn;
	void *opaque;
	uint64_t due_ns;        /* 0: not running */
	bool is_dead;
};

struct SpiceWatch {
	struct SpiceWatch *next;
	SpiceWatchFunc fn;
	void *opaque;
	int fd, mask;
	bool is_dead;
};

static struct SpiceTimer *timers;
static struct SpiceWatch *watches;

static SpiceTimer *on_timer_add(SpiceTimerFunc fn, void *opaque)
{
	struct SpiceTimer *timer = calloc(1, sizeof *timer);

	if (!timer)
		exit(1);
	*timer = (struct SpiceTimer){ timers, fn, opaque, 0, false };
	timers = timer;
	return timer;
}

static void on_timer_start(SpiceTimer *timer, uint32_t ms)
{
	timer->due_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000;
}

static void on_timer_cancel(SpiceTimer *timer)
{
	timer->due_ns = 0;
}

static void on_timer_remove(SpiceTimer *timer)
{
	timer->due_ns = 0;
	timer->is_dead = true;
}

static SpiceWatch *on_watch_add(int fd, int mask, SpiceWatchFunc fn, void *opaque)
{
	struct SpiceWatch *watch = calloc(1, sizeof *watch);

	if (!watch)
		exit(1);
	*watch = (struct SpiceWatch){ watches, fn, opaque, fd, mask, false };
	watches = watch;
	return watch;
}

static void on_watch_update_mask(SpiceWatch *watch, int mask)
{
	watch->mask = mask;
}

static void on_watch_remove(SpiceWatch *watch)
{
	watch->is_dead = true;
}

static void on_channel_event(int event, SpiceChannelEventInfo *info)
{
	(void)event, (void)info;
}

static SpiceCoreInterface core = {
	.base = { SPICE_INTERFACE_CORE, "bench core", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR },
	.timer_add = on_timer_add,
	.timer_start = on_timer_start,
	.timer_cancel = on_timer_cancel,
	.timer_remove = on_timer_remove,
	.watch_add = on_watch_add,
	.watch_update_mask = on_watch_update_mask,
	.watch_remove = on_watch_remove,
	.channel_event = on_channel_event,
};

static void sweep(void)
{
	for (struct SpiceWatch **w = &watches; *w;) {
		struct SpiceWatch *watch = *w;

		if (!watch->is_dead) {
			w = &watch->next;
			continue;
		}
		*w = watch->next;
		free(watch);
	}
	for (struct SpiceTimer **t = &timers; *t;) {
		struct SpiceTimer *timer = *t;

		if (!timer->is_dead) {
			t = &timer->next;
			continue;
		}
		*t = timer->next;
		free(timer);
	}
}

static int next_timeout(uint64_t now)
{
	uint64_t due = UINT64_MAX;

	for (struct SpiceTimer *timer = timers; timer; timer = timer->next)
		if (timer->due_ns && timer->due_ns < due)
			due = timer->due_ns;
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

/* One turn of the loop; true when `own_fd` has something to read. */
static bool turn(int own_fd)
{
	static const struct { short polled; int event; } kinds[] = {
		{ POLLIN | POLLHUP | POLLERR, SPICE_WATCH_EVENT_READ },
		{ POLLOUT | POLLERR, SPICE_WATCH_EVENT_WRITE },
	};
	static struct pollfd polled[256];
	static struct SpiceWatch *of[256];
	nfds_t n = 0;

	sweep();
	polled[n++] = (struct pollfd){ own_fd, POLLIN, 0 };
	for (struct SpiceWatch *watch = watches; watch && n < 256; watch = watch->next) {
		if (!watch->mask)
			continue;
		of[n] = watch;
		polled[n++] = (struct pollfd){ watch->fd, (short)((watch->mask & SPICE_WATCH_EVENT_READ ? POLLIN : 0) |
				(watch->mask & SPICE_WATCH_EVENT_WRITE ? POLLOUT : 0)), 0 };
	}
	poll(polled, n, next_timeout(clock_ns(CLOCK_MONOTONIC)));
	for (nfds_t i = 1; i < n; i++)
		for (int k = 0; k < 2; k++)
			if (polled[i].revents & kinds[k].polled && of[i]->mask & kinds[k].event && !of[i]->is_dead)
				of[i]->fn(of[i]->fd, kinds[k].event, of[i]->opaque);
	for (struct SpiceTimer *timer = timers; timer; timer = timer->next)
		if (timer->due_ns && timer->due_ns <= clock_ns(CLOCK_MONOTONIC)) {
			timer->due_ns = 0;
			timer->fn(timer->opaque);
		}
	return polled[0].revents;
}

/* -- the guest's memory: blocks that are used again, so that the measured time has no page faults -- */

struct command {
	struct command *next;
	size_t capacity, bytes;
	QXLDrawable drawable;
	QXLImage image;
	QXLCommandExt ext;
	QXLDataChunk chunk;          /* and the pixels behind it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_changed = PTHREAD_COND_INITIALIZER;
static struct command *released;             /* by the library, not yet seen by the guest */
static QXLCommandExt ring[RING];
static unsigned int ring_put, ring_got;
static bool wants_notification = true, guest_waits;
static size_t held, held_peak;
static struct command *free_blocks;          /* the guest thread's */
static uint64_t wake_cpu_ns;                 /* of the guest thread, inside the library */

static void wake(void (*call)(QXLInstance *qxl));

static void take_released(void)
{
	struct command *command = released;

	released = NULL;
	while (command) {
		struct command *next = command->next;

		held -= command->bytes;
		command->next = free_blocks;
		free_blocks = command;
		command = next;
	}
}

static struct command *find_block(size_t size)
{
	for (struct command **c = &free_blocks; *c; c = &(*c)->next) {
		struct command *block = *c;

		if (block->capacity >= size && block->capacity / 2 <= size) {
			*c = block->next;
			return block;
		}
	}
	return NULL;
}

static struct command *new_command(size_t pixels)
{
	size_t size = (sizeof(struct command) + pixels + 4095) & ~(size_t)4095;
	struct command *command;

	pthread_mutex_lock(&lock);
	take_released();
	while (held + size > HELD_MOST) {
		pthread_mutex_unlock(&lock);
		wake(spice.qxl_oom);
		pthread_mutex_lock(&lock);
		guest_waits = true;
		while (!released)
			pthread_cond_wait(&has_changed, &lock);
		guest_waits = false;
		take_released();
	}
	held += size;
	if (held > held_peak)
		held_peak = held;
	pthread_mutex_unlock(&lock);
	command = find_block(size);
	if (!command) {
		command = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (command == MAP_FAILED)
			exit(1);
		command->capacity = size;
	}
	size = command->capacity;
	memset(command, 0, sizeof *command);
	command->capacity = size;
	command->bytes = (sizeof *command + pixels + 4095) & ~(size_t)4095;
	return command;
}

/* -- the device -- */

static void on_get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){
		.num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8, .memslot_id_bits = 8,
		.qxl_ram_size = 64 << 20, .internal_groupslot_id = 0, .n_surfaces = 1024,
	};
}

static void on_attached(QXLInstance *qxl)
{
	(void)qxl;
}

static void on_compression_level(QXLInstance *qxl, int level)
{
	(void)qxl, (void)level;
}

static int on_get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	bool is_there;

	(void)qxl;
	pthread_mutex_lock(&lock);
	is_there = ring_got != ring_put;
	if (is_there) {
		*ext = ring[ring_got++ % RING];
		if (guest_waits)
			pthread_cond_signal(&has_changed);
	}
	pthread_mutex_unlock(&lock);
	return is_there;
}

static int on_req_notification(QXLInstance *qxl)
{
	bool is_empty;

	(void)qxl;
	pthread_mutex_lock(&lock);
	is_empty = ring_got == ring_put;
	wants_notification = wants_notification || is_empty;
	pthread_mutex_unlock(&lock);
	return is_empty;
}

static int on_get_cursor_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	(void)qxl, (void)ext;
	return 0;
}

static int on_req_cursor_notification(QXLInstance *qxl)
{
	(void)qxl;
	return 1;
}

static void on_release(QXLInstance *qxl, struct QXLReleaseInfoExt release)
{
	struct command *command = (struct command *)(uintptr_t)release.info->id;

	(void)qxl;
	pthread_mutex_lock(&lock);
	command->next = released;
	released = command;
	if (guest_waits)
		pthread_cond_signal(&has_changed);
	pthread_mutex_unlock(&lock);
}

static void on_notify_update(QXLInstance *qxl, uint32_t id)
{
	(void)qxl, (void)id;
}

static int on_flush_resources(QXLInstance *qxl)
{
	(void)qxl;
	return 0;
}

static void on_async_complete(QXLInstance *qxl, uint64_t cookie)
{
	(void)qxl, (void)cookie;
}

static void on_update_area_complete(QXLInstance *qxl, uint32_t surface, struct QXLRect *rects, uint32_t n)
{
	(void)qxl, (void)surface, (void)rects, (void)n;
}

static void on_client_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[58])
{
	(void)qxl, (void)present, (void)caps;
}

static int on_client_monitors(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
	(void)qxl, (void)config;
	return 0;
}

static const QXLInterface qxl_interface = {
	.base = { SPICE_INTERFACE_QXL, "bench display", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR },
	.attached_worker = on_attached,
	.set_compression_level = on_compression_level,
	.get_init_info = on_get_init_info,
	.get_command = on_get_command,
	.req_cmd_notification = on_req_notification,
	.release_resource = on_release,
	.get_cursor_command = on_get_cursor_command,
	.req_cursor_notification = on_req_cursor_notification,
	.notify_update = on_notify_update,
	.flush_resources = on_flush_resources,
	.async_complete = on_async_complete,
	.update_area_complete = on_update_area_complete,
	.set_client_capabilities = on_client_capabilities,
	.client_monitors_config = on_client_monitors,
};
static QXLInstance display = { .base.sif = &qxl_interface.base };

/* In QEMU a guest's notification is a call in the virtual CPU's thread: the library's cost. */
static void wake(void (*call)(QXLInstance *qxl))
{
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	call(&display);
	wake_cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

/* -- the guest's drawing -- */

static uint64_t pushed_ns[FRAMES_MOST];
static unsigned int frame_now, frames;

static struct command *new_drawable(uint8_t type, struct work_box to, size_t pixels)
{
	struct command *command = new_command(pixels);
	QXLDrawable *drawable = &command->drawable;

	drawable->type = type;
	drawable->effect = QXL_EFFECT_OPAQUE;
	drawable->bbox = (QXLRect){ .top = to.y, .left = to.x, .bottom = to.y + to.height, .right = to.x + to.width };
	for (int i = 0; i < 3; i++)
		drawable->surfaces_dest[i] = -1;
	drawable->release_info.id = (uintptr_t)command;
	command->ext.cmd.type = QXL_CMD_DRAW;
	command->ext.cmd.data = (uintptr_t)drawable;
	return command;
}

static void push(struct command *command)
{
	bool shall_wake;

	pthread_mutex_lock(&lock);
	guest_waits = true;
	while (ring_put - ring_got == RING)
		pthread_cond_wait(&has_changed, &lock);
	guest_waits = false;
	pushed_ns[frame_now] = clock_ns(CLOCK_MONOTONIC);
	ring[ring_put++ % RING] = command->ext;
	shall_wake = wants_notification;
	wants_notification = false;
	pthread_mutex_unlock(&lock);
	if (shall_wake)
		wake(spice.qxl_wakeup);
}

static void guest_copy(struct work_box to, const uint32_t *from, int from_width, unsigned int n,
		struct work_spot mark)
{
	static uint32_t unique;
	size_t row = (size_t)to.width * 4;
	struct command *command = new_drawable(QXL_DRAW_COPY, to, row * (size_t)to.height);
	QXLImage *image = &command->image;

	for (int y = 0; y < to.height; y++)
		memcpy(command->chunk.data + (size_t)y * row, from + (size_t)y * (size_t)from_width, row);
	if (mark.cell)
		work_mark((uint32_t *)(void *)(command->chunk.data) + (size_t)(mark.y - to.y) * (size_t)to.width +
				(mark.x - to.x), (size_t)to.width, n, &mark);
	command->chunk.data_size = (uint32_t)(row * (size_t)to.height);
	image->descriptor.id = (uint64_t)++unique << 32 | 1;
	image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	image->descriptor.width = image->bitmap.x = (uint32_t)to.width;
	image->descriptor.height = image->bitmap.y = (uint32_t)to.height;
	image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
	image->bitmap.flags = QXL_BITMAP_TOP_DOWN;
	image->bitmap.stride = (uint32_t)row;
	image->bitmap.data = (uintptr_t)&command->chunk;
	command->drawable.u.copy.src_bitmap = (uintptr_t)image;
	command->drawable.u.copy.src_area = (QXLRect){ .bottom = to.height, .right = to.width };
	command->drawable.u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
	push(command);
}

static void guest_fill(struct work_box to, uint32_t colour)
{
	struct command *command = new_drawable(QXL_DRAW_FILL, to, 0);

	command->drawable.u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
	command->drawable.u.fill.brush.u.color = colour;
	command->drawable.u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
	push(command);
}

static void guest_copy_bits(struct work_box to, int from_x, int from_y)
{
	struct command *command = new_drawable(QXL_COPY_BITS, to, 0);

	command->drawable.u.copy_bits.src_pos = (QXLPoint){ from_x, from_y };
	push(command);
}

static const struct work_guest guest = { guest_copy, guest_fill, guest_copy_bits };
static const struct work *work;
static double seconds;
static uint64_t guest_cpu_ns;
static int done_pipe[2];

static void *guest_run(void *unused)
{
	uint64_t began = clock_ns(CLOCK_MONOTONIC), due = began;
	uint64_t period = work->hz > 0 ? (uint64_t)(1e9 / work->hz) : 0, end = began + (uint64_t)(seconds * 1e9);

	(void)unused;
	while (clock_ns(CLOCK_MONOTONIC) < end && frames + 1 < FRAMES_MOST) {
		uint64_t now;

		frame_now = ++frames;
		work->frame(&guest, frame_now);
		now = clock_ns(CLOCK_MONOTONIC);
		due += period;
		if (due < now) {
			due = now; /* a guest that was held up draws no faster for it */
			continue;
		}
		struct timespec t = { (time_t)(due / 1000000000), (long)(due % 1000000000) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	guest_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	(void)!write(done_pipe[1], "d", 1);
	return NULL;
}

static void *guest_begin(void *unused)
{
	(void)unused;
	work->begin(&guest);
	return NULL;
}

/* -- start -- */

static void load_library(void)
{
	void *library = dlopen("libspice-server.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "display-vmm: %s\n", dlerror());
		exit(2);
	}
#define LOAD(name, node) \
	if (!(*(void **)&spice.name = dlvsym(library, "spice_" #name, node))) { \
		fprintf(stderr, "display-vmm: %s\n", dlerror()); \
		exit(2); \
	}
	CALLS(LOAD)
#undef LOAD
}

static SpiceServer *server;

static void server_start(int port, bool as_qemu)
{
	QXLDevMemSlot slot = { .virt_end = ~(uintptr_t)0 };
	QXLDevSurfaceCreate surface = {
		.width = WORK_WIDTH, .height = WORK_HEIGHT, .stride = 4 * WORK_WIDTH,
		.format = SPICE_SURFACE_FMT_32_xRGB, .mouse_mode = 1,
	};

	server = spice.server_new();
	spice.server_set_addr(server, "127.0.0.1", 0);
	spice.server_set_port(server, port);
	spice.server_set_noauth(server);
	if (as_qemu) {
		spice.server_set_image_compression(server, SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
		spice.server_set_jpeg_compression(server, SPICE_WAN_COMPRESSION_AUTO);
		spice.server_set_zlib_glz_compression(server, SPICE_WAN_COMPRESSION_AUTO);
		spice.server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
	}
	if (spice.server_init(server, &core) || spice.server_add_interface(server, &display.base)) {
		fprintf(stderr, "display-vmm: the server does not start\n");
		exit(2);
	}
	surface.mem = (uintptr_t)calloc(WORK_WIDTH * 4, WORK_HEIGHT);
	spice.qxl_set_device_info(&display, "pci/0000/02.0", 0, 1);
	spice.qxl_add_memslot(&display, &slot);
	spice.qxl_create_primary_surface(&display, 0, &surface);
	spice.server_vm_start(server);
}

static void print_library(int port)
{
	char line[1024];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "libspice-server.so") && strchr(line, '/')) {
			printf("started %d %s", port, strchr(line, '/'));
			break;
		}
	if (maps)
		fclose(maps);
	fflush(stdout);
}

static uint64_t process_cpu_ns;

static void start_guest(pthread_t *thread, void *(*fn)(void *))
{
	if (pthread_create(thread, NULL, fn, NULL))
		exit(1);
}

static void print_figures(void)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process_cpu_ns;

	pthread_mutex_lock(&lock);
	take_released();
	printf("cpu %llu\nheld %zu %zu\n", (unsigned long long)(cpu - guest_cpu_ns + wake_cpu_ns), held_peak, held);
	pthread_mutex_unlock(&lock);
	for (unsigned int n = 1; n <= frames; n++)
		printf("push %u %llu\n", n, (unsigned long long)pushed_ns[n]);
	printf("end\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int port = free_port();
	bool as_qemu = argc > 3 && !strcmp(argv[3], "qemu");
	pthread_t thread;
	char word[16];

	signal(SIGPIPE, SIG_IGN);
	work = argc > 2 ? work_find(argv[1]) : NULL;
	seconds = argc > 2 ? atof(argv[2]) : 0;
	if (!work || seconds <= 0) {
		fprintf(stderr, "usage: display-vmm WORK SECONDS [library|qemu]\n");
		return 2;
	}
	load_library();
	work->prepare();
	server_start(port, as_qemu);
	start_guest(&thread, guest_begin);
	pthread_join(thread, NULL);
	print_library(port);
	if (pipe(done_pipe))
		return 1;
	for (bool is_over = false; !is_over;) {
		if (!turn(STDIN_FILENO))
			continue;
		is_over = true;
		if (!fgets(word, sizeof word, stdin))
			break;
		is_over = false;
		if (!strcmp(word, "go\n")) {
			pthread_mutex_lock(&lock);
			take_released();
			held_peak = held;
			pthread_mutex_unlock(&lock);
			wake_cpu_ns = 0;
			process_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
			start_guest(&thread, guest_run);
			while (!turn(done_pipe[0])) {
			}
			pthread_join(thread, NULL);
			printf("pushed %u\n", frames);
			fflush(stdout);
		} else if (!strcmp(word, "figures\n")) {
			print_figures();
		}
	}
	/* taking the server down is not what is measured */
	_exit(0);
}
