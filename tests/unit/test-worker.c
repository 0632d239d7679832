/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-worker.c - a worker between a VMM that pushes commands and clients that decode what they get. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/worker-requests.h"
#include "tests/unit/qxl-fixture.h"
#include "tests/unit/shown-fixture.h"

enum { W = 203, H = 131, RING = 64, ROOM = 2048, MODES = 3 };

/* -- the VMM: one QXL interface with a ring -- */

static struct guest guest;            /* the worker's view of it is by memslots only */
static struct guest model;            /* the same commands drawn here, one after the other */
static uint8_t pool[RING][512 + 64 * 64 * 4 + 64];

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct QXLCommandExt ring[RING];
	unsigned int head, tail;          /* counts up */
	unsigned int released, completed, caps_calls;
	uint64_t last_cookie;
	uint8_t present;
	bool is_running;
	unsigned int misuse;              /* calls while the display was stopped */
} vmm = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static void attached(QXLInstance *qxl) { (void)qxl; }
static void set_level(QXLInstance *qxl, int level) { (void)qxl; (void)level; }
static int no_cursor(QXLInstance *qxl, struct QXLCommandExt *ext) { (void)qxl; (void)ext; return 0; }
static int armed(QXLInstance *qxl) { (void)qxl; return 1; }
static void notify_update(QXLInstance *qxl, uint32_t id) { (void)qxl; (void)id; }
static int flush_resources(QXLInstance *qxl) { (void)qxl; return 0; }

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	(void)qxl;
	*info = (QXLDevInitInfo){ .num_memslots_groups = 2, .num_memslots = 8, .memslot_gen_bits = 8,
			.memslot_id_bits = 8, .qxl_ram_size = 1 << 20, .n_surfaces = 16 };
}

static int get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	(void)qxl;
	pthread_mutex_lock(&vmm.lock);
	bool is_any = vmm.head != vmm.tail;
	if (!vmm.is_running)
		vmm.misuse++;
	if (is_any)
		*ext = vmm.ring[vmm.tail++ % RING];
	pthread_mutex_unlock(&vmm.lock);
	return is_any;
}

static int req_command(QXLInstance *qxl)
{
	(void)qxl;
	pthread_mutex_lock(&vmm.lock);
	bool is_empty = vmm.head == vmm.tail;
	pthread_mutex_unlock(&vmm.lock);
	return is_empty;
}

static void release_resource(QXLInstance *qxl, struct QXLReleaseInfoExt ext)
{
	(void)qxl;
	(void)ext;
	pthread_mutex_lock(&vmm.lock);
	if (!vmm.is_running)
		vmm.misuse++;
	vmm.released++;
	pthread_cond_broadcast(&vmm.moved);
	pthread_mutex_unlock(&vmm.lock);
}

static void async_complete(QXLInstance *qxl, uint64_t cookie)
{
	(void)qxl;
	pthread_mutex_lock(&vmm.lock);
	vmm.completed++;
	vmm.last_cookie = cookie;
	pthread_cond_broadcast(&vmm.moved);
	pthread_mutex_unlock(&vmm.lock);
}

static void area_complete(QXLInstance *qxl, uint32_t id, struct QXLRect *rects, uint32_t n)
{
	(void)qxl;
	(void)id;
	(void)rects;
	(void)n;
}

static void set_caps(QXLInstance *qxl, uint8_t present, uint8_t *caps)
{
	(void)qxl;
	(void)caps;
	pthread_mutex_lock(&vmm.lock);
	vmm.present = present;
	vmm.caps_calls++;
	pthread_cond_broadcast(&vmm.moved);
	pthread_mutex_unlock(&vmm.lock);
}

static const QXLInterface qif = {
	.base = { SPICE_INTERFACE_QXL, "test", 3, 3 },
	.attached_worker = attached, .set_compression_level = set_level,
	.get_init_info = get_init_info, .get_command = get_command, .req_cmd_notification = req_command,
	.release_resource = release_resource, .get_cursor_command = no_cursor,
	.req_cursor_notification = armed, .notify_update = notify_update,
	.flush_resources = flush_resources, .async_complete = async_complete,
	.update_area_complete = area_complete, .set_client_capabilities = set_caps,
};

static QXLInstance qxl;
static struct clove_loop *loop;
static struct clove_mailbox *mail;
static unsigned int disconnected;

static void on_primary(void *server, QXLInstance *q, int width, int height, bool allows)
{
	(void)server;
	(void)q;
	(void)width;
	(void)height;
	(void)allows;
}

static void on_disconnected(void *server, struct clove_connection *conn)
{
	(void)server;
	disconnected++;
	clove_buf_fini(&conn->early);
	clove_stream_free(conn->stream);
	free(conn);
}

static uint32_t off_client;

static void on_clock_is_off(void *server, uint32_t connection_id)
{
	(void)server;
	off_client = connection_id;
}

static const struct clove_worker_events events = { on_primary, on_disconnected, on_clock_is_off };

static struct clove_worker *set_up_with(struct clove_worker_settings settings)
{
	QXLDevMemSlot slot = { .slot_group_id = GUEST, .slot_id = SLOT,
			.virt_start = (uintptr_t)guest.memory,
			.virt_end = (uintptr_t)guest.memory + GUEST_BYTES,
			.addr_delta = (uintptr_t)guest.memory };
	QXLDevMemSlot host = { .virt_end = UINTPTR_MAX };

	ck_assert(guest_init(&guest) && guest_init(&model));
	ck_assert_ptr_nonnull(guest_surface(&model, 0, W, H, 32, W * 4));
	qxl = (QXLInstance){ .base = { &qif.base } };
	loop = clove_poll_loop_new();
	mail = clove_mailbox_new(loop, NULL);
	disconnected = 0;
	vmm.head = vmm.tail = vmm.released = vmm.completed = vmm.misuse = 0;
	struct clove_worker *worker = clove_worker_new(&qxl, mail, NULL, &events, &settings);
	ck_assert_ptr_nonnull(worker);
	spice_qxl_add_memslot(&qxl, &host);
	spice_qxl_add_memslot(&qxl, &slot);
	return worker;
}

static struct clove_worker *set_up(void)
{
	return set_up_with((struct clove_worker_settings){ .image_compression = 2 });
}

static void tear_down(struct clove_worker *worker)
{
	clove_worker_free(worker);
	clove_mailbox_free(mail);
	clove_poll_loop_free(loop);
	guest_fini(&guest);
	guest_fini(&model);
}

static void run(bool is_running)
{
	if (is_running) {
		pthread_mutex_lock(&vmm.lock);
		vmm.is_running = true;
		pthread_mutex_unlock(&vmm.lock);
		clove_worker_start(clove_worker_of(&qxl));
	} else {
		clove_worker_stop(clove_worker_of(&qxl));
		pthread_mutex_lock(&vmm.lock);
		vmm.is_running = false;
		pthread_mutex_unlock(&vmm.lock);
	}
}

static void create_primary(void)
{
	QXLDevSurfaceCreate create = { .width = W, .height = H, .stride = W * 4, .format = 32,
			.mouse_mode = 1, .mem = guest_address(AT_SURFACE), .group_id = GUEST };

	spice_qxl_create_primary_surface(&qxl, 0, &create);
}

/* -- a client -- */

struct client {
	int fd;
	bool is_slow;
	atomic_bool is_stuck;             /* reads nothing */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint32_t picture[H][W];
	struct shown shown;               /* that picture */
	bool is_marked, has_surface, is_over;
	unsigned int bad;
};

static bool read_all(int fd, uint8_t *into, size_t n)
{
	while (n) {
		ssize_t got = read(fd, into, n);

		if (got <= 0)
			return false;
		into += got;
		n -= (size_t)got;
	}
	return true;
}

static void send_message(int fd, uint16_t id, const void *body, uint32_t size)
{
	uint8_t message[64];

	clove_put_le16(message, id);
	clove_put_le32(message + 2, size);
	memcpy(message + 6, body, size);
	if (send(fd, message, 6 + size, MSG_NOSIGNAL) < 0)
		return;
}

static void *client_main(void *opaque)
{
	struct client *client = opaque;
	uint8_t init[14] = { 1 }, head[6];
	uint32_t left = 0;

	send_message(client->fd, 101, init, sizeof init);
	while (read_all(client->fd, head, sizeof head)) {
		uint16_t id = clove_le16(head);
		uint32_t size = clove_le32(head + 2);
		uint8_t *body = malloc(size + 1);

		if (!read_all(client->fd, body, size)) {
			free(body);
			break;
		}
		pthread_mutex_lock(&client->lock);
		if (id == 3) {
			send_message(client->fd, 1, body, 4);
			left = clove_le32(body + 4);
		} else if (left && --left == 0) {
			send_message(client->fd, 2, body, 0);
			left = 20;
		}
		if (id == 314)
			client->has_surface = true;
		if (id == 315)
			client->has_surface = client->is_marked = false;
		if (id == 102)
			client->is_marked = true;
		if (id == 4)
			send_message(client->fd, 3, body, 12);
		if (id == 319) {
			/* the last of five frames came two hours behind its time */
			uint32_t report[8] = { clove_le32(body), clove_le32(body + 4), 0, 0, htole32(5), 0,
					htole32((uint32_t)-7200000), UINT32_MAX };

			send_message(client->fd, 102, report, sizeof report);
		}
		if (is_drawing(id) && (!client->has_surface || !show(&client->shown, id, body, size)))
			client->bad++;
		pthread_cond_broadcast(&client->moved);
		pthread_mutex_unlock(&client->lock);
		free(body);
		if (client->is_slow)
			usleep(500);
		while (client->is_stuck)
			usleep(1000);
	}
	pthread_mutex_lock(&client->lock);
	client->is_over = true;
	pthread_cond_broadcast(&client->moved);
	pthread_mutex_unlock(&client->lock);
	return NULL;
}

static void connect_client(struct clove_worker *worker, struct client *client, bool is_slow)
{
	struct clove_connection *conn = calloc(1, sizeof *conn);
	int fds[2], small = 4096;

	memset(client, 0, sizeof *client);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (is_slow)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	conn->stream = clove_socket_stream_new(fds[0], 0);
	conn->stream->is_unix = false; /* as if over the network: encoded */
	conn->mini_header = true;
	conn->info.connection_id = is_slow ? 2 : 1;
	conn->info.channel_type = CLOVE_CHANNEL_DISPLAY;
	clove_caps_set(&conn->info.channel_caps, CLOVE_DISPLAY_CAP_MONITORS_CONFIG);
	clove_caps_set(&conn->info.channel_caps, CLOVE_DISPLAY_CAP_STREAM_REPORT);
	if (is_slow)
		clove_caps_set(&conn->info.channel_caps, CLOVE_DISPLAY_CAP_LZ4_COMPRESSION);
	client->shown = (struct shown){ &client->picture[0][0], W, H };
	client->fd = fds[1];
	client->is_slow = is_slow;
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->moved, NULL);
	pthread_create(&client->thread, NULL, client_main, client);
	clove_worker_connect(worker, conn);
}

static void disconnect_client(struct client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	pthread_join(client->thread, NULL);
	close(client->fd);
}

/* True once the client shows what the model holds. */
static bool client_equals(struct client *client)
{
	struct timespec until;
	bool is_equal = false;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&client->lock);
	for (int err = 0; !err; err = pthread_cond_timedwait(&client->moved, &client->lock, &until)) {
		is_equal = client->is_marked;
		for (int y = 0; y < H && is_equal; y++)
			for (int x = 0; x < W && is_equal; x++)
				is_equal = ((client->picture[y][x] ^ ((const uint32_t *)(const void *)
						clove_surface_row(model.by_id[0], y))[x]) & 0xffffff) == 0;
		if (is_equal || client->is_over)
			break;
	}
	is_equal = is_equal && !client->bad;
	pthread_mutex_unlock(&client->lock);
	return is_equal;
}

/* -- commands -- */

static uint64_t seed;

static int rnd(int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int)((seed >> 33) % (uint64_t)n);
}

/* What the model has drawn, for the worker: as the simple display does, plain pointers, pixels flat. */
static void push_drawn(unsigned int number, int w, int h)
{
	uint8_t *place = pool[number % RING];

	memcpy(place, model.memory + AT_DRAWABLE, 191);
	if (place[13] == CLOVE_QXL_DRAW_COPY) {
		memcpy(place + 256, model.memory + AT_IMAGE, 48);
		memcpy(place + 512, model.memory + AT_DATA + 20, (size_t)w * (size_t)h * 4);
		clove_put_le64(place + 123, (uintptr_t)place + 256);
		place[256 + 19] = 5;
		clove_put_le64(place + 256 + 40, (uintptr_t)place + 512);
	}
	pthread_mutex_lock(&vmm.lock);
	vmm.ring[vmm.head++ % RING] = (struct QXLCommandExt){ .cmd = { (uintptr_t)place, 1, 0 } };
	pthread_mutex_unlock(&vmm.lock);
}

/* One random command, made in the model's memory, drawn there, and copied to a place in host
 * memory from which the worker takes it. */
static void push_one(unsigned int number)
{
	int x = rnd(W), y = rnd(H);
	int w = 1 + rnd(W - x < 64 ? W - x : 64), h = 1 + rnd(H - y < 64 ? H - y : 64);
	pixman_region32_t changed;

	switch (rnd(3)) {
	case 0:
		put_fill(&model, x, y, x + w, y + h, (uint32_t)rnd(1 << 24), rnd(2) ? 8 : 64);
		break;
	case 1: {
		uint8_t *u = put_drawable(&model, CLOVE_QXL_DRAW_COPY_BITS, x, y, x + w, y + h);

		clove_put_le32(u, (uint32_t)rnd(W));
		clove_put_le32(u + 4, (uint32_t)rnd(H));
		break;
	}
	default:
		put_copy(&model, x, y, w, h, 8);
		put_bitmap(&model, 8, 4, (uint32_t)w, (uint32_t)h, (uint32_t)w * 4);
		for (int i = 0; i < w * h; i++)
			clove_put_le32(model.memory + AT_DATA + 20 + 4 * i, (uint32_t)rnd(4) * 0x302010);
	}
	pixman_region32_init(&changed);
	ck_assert_int_eq(guest_draw(&model, &changed), CLOVE_OK);
	pixman_region32_fini(&changed);

	push_drawn(number, w, h);
}

static void wait_released(unsigned int number)
{
	pthread_mutex_lock(&vmm.lock);
	while ((int)(vmm.released - number) < 0)
		pthread_cond_wait(&vmm.moved, &vmm.lock);
	pthread_mutex_unlock(&vmm.lock);
}

static void push(unsigned int count)
{
	static unsigned int total;

	total = vmm.head;
	for (unsigned int i = 0; i < count; i++) {
		if (total >= RING)
			wait_released(total - RING + 1);
		push_one(total++);
		if (rnd(8) == 0)
			spice_qxl_wakeup(&qxl);
	}
	spice_qxl_wakeup(&qxl);
}

static bool guest_equals(void)
{
	QXLRect all = { 0, 0, H, W }, dirty[4];

	spice_qxl_update_area(&qxl, 0, &all, dirty, 4, 1);
	for (int y = 0; y < H; y++)
		if (memcmp(guest.memory + AT_SURFACE + y * W * 4, clove_surface_row(model.by_id[0], y), W * 4))
			return false;
	return true;
}

START_TEST(test_clients_and_guest_see_the_same)
{
	struct clove_worker *worker = set_up();
	static struct client quick, slow, late;

	seed = (uint64_t)_i + 7;
	create_primary();
	run(true);
	connect_client(worker, &quick, false);
	connect_client(worker, &slow, true);
	for (int round = 0; round < 6; round++) {
		push(200);
		ck_assert(guest_equals());
	}
	ck_assert_msg(client_equals(&quick), "quick: %u bad", quick.bad);
	ck_assert_msg(client_equals(&slow), "slow: %u bad", slow.bad);
	connect_client(worker, &late, false);
	ck_assert(client_equals(&late));
	/* The guest filled and moved: so they were told. */
	ck_assert_uint_gt(quick.shown.fills, 0);
	ck_assert_uint_gt(quick.shown.moves, 0);
	ck_assert_uint_gt(quick.shown.types[0] + quick.shown.types[100] + quick.shown.types[101], 0);
	ck_assert_uint_eq(vmm.released, vmm.head);
	run(false);
	ck_assert_uint_eq(vmm.misuse, 0);
	disconnect_client(&quick);
	disconnect_client(&slow);
	disconnect_client(&late);
	tear_down(worker);
	ck_assert_uint_eq(disconnected, 3);
}
END_TEST

static void push_photo(unsigned int number, int x, int y, int side)
{
	pixman_region32_t changed;

	put_copy(&model, x, y, side, side, 8);
	put_bitmap(&model, 8, 4, (uint32_t)side, (uint32_t)side, (uint32_t)side * 4);
	for (int i = 0; i < side * side; i++)
		clove_put_le32(model.memory + AT_DATA + 20 + 4 * i, (uint32_t)((i % side * 3 + rnd(8)) << 16 |
				(i / side * 3 + rnd(8)) << 8 | rnd(8)));
	pixman_region32_init(&changed);
	ck_assert_int_eq(guest_draw(&model, &changed), CLOVE_OK);
	pixman_region32_fini(&changed);
	push_drawn(number, side, side);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Noise over the whole screen, in tiles. */
static unsigned int push_screen(unsigned int number)
{
	pixman_region32_t changed;

	pixman_region32_init(&changed);
	for (int y = 0; y < H; y += 64) {
		for (int x = 0; x < W; x += 64, number++) {
			int w = W - x < 64 ? W - x : 64, h = H - y < 64 ? H - y : 64;

			if (number >= RING)
				wait_released(number - RING + 1);
			put_copy(&model, x, y, w, h, 8);
			put_bitmap(&model, 8, 4, (uint32_t)w, (uint32_t)h, (uint32_t)w * 4);
			for (int i = 0; i < w * h; i++)
				clove_put_le32(model.memory + AT_DATA + 20 + 4 * i, (uint32_t)rnd(1 << 24));
			ck_assert_int_eq(guest_draw(&model, &changed), CLOVE_OK);
			push_drawn(number, w, h);
		}
	}
	pixman_region32_fini(&changed);
	spice_qxl_wakeup(&qxl);
	return number;
}

/* What a client cannot take is not drawn as fast as the guest can push it; but it is drawn. */
START_TEST(test_a_guest_waits_a_little_for_clients)
{
	enum { SCREENS = 60 };
	struct clove_worker *worker = set_up();
	static struct client client;
	unsigned int number = 0;
	uint64_t began;

	create_primary();
	run(true);
	connect_client(worker, &client, true);
	ck_assert(client_equals(&client));
	client.is_stuck = true;
	for (int i = 0; i < SCREENS; i++) /* until nothing more goes out to it */
		number = push_screen(number);
	began = now_ms();
	for (int i = 0; i < SCREENS; i++)
		number = push_screen(number);
	ck_assert_uint_ge(now_ms() - began, 80);
	client.is_stuck = false;
	ck_assert(client_equals(&client));
	wait_released(number);
	ck_assert(guest_equals());
	run(false);
	disconnect_client(&client);
	tear_down(worker);
}
END_TEST

/* A photograph, lossy at first; once nothing changes, it becomes exact. */
START_TEST(test_what_is_lossy_is_sent_again)
{
	struct clove_worker *worker = set_up_with((struct clove_worker_settings){ .image_compression = 2,
			.jpeg = (int)_i });
	static struct client client;

	create_primary();
	run(true);
	connect_client(worker, &client, false);
	ck_assert(client_equals(&client));
	push_photo(0, 20, 30, 64);
	spice_qxl_wakeup(&qxl);
	ck_assert(client_equals(&client));
	ck_assert_uint_eq(client.shown.types[105] > 0, _i == 2);
	ck_assert_uint_gt(client.shown.types[1], 0);
	run(false);
	disconnect_client(&client);
	tear_down(worker);
}
END_TEST

/* A video of four pieces a picture; whose client says that its clock is another, the server hears of. */
START_TEST(test_a_clock_that_is_off_is_told_of)
{
	struct clove_worker *worker = set_up_with((struct clove_worker_settings){ .image_compression = 2,
			.streaming_video = 2 });
	static struct client client;
	unsigned int number = 0;

	off_client = 0;
	create_primary();
	run(true);
	connect_client(worker, &client, false);
	ck_assert(client_equals(&client));
	for (int n = 0; n < 400 && !off_client; n++) {
		for (int i = 0; i < 4; i++)
			push_photo(number++, i % 2 * 64, i / 2 * 64, 64);
		spice_qxl_wakeup(&qxl);
		wait_released(number);
		clove_poll_loop_step(loop, 25);
	}
	ck_assert_uint_eq(off_client, 1);
	run(false);
	disconnect_client(&client);
	tear_down(worker);
}
END_TEST

START_TEST(test_requests_complete_once_also_when_stopped)
{
	struct clove_worker *worker = set_up();
	QXLRect area = { 0, 0, H, W };
	QXLDevSurfaceCreate nonsense = { .width = 10, .height = 10, .stride = 3, .format = 32,
			.mem = guest_address(0), .group_id = GUEST };

	create_primary();
	push_one(0);
	spice_qxl_update_area_async(&qxl, 0, &area, 1, 11);
	spice_qxl_update_area_async(&qxl, 99, &area, 1, 12);
	spice_qxl_flush_surfaces_async(&qxl, 13);
	spice_qxl_monitors_config_async(&qxl, guest_address(GUEST_BYTES), GUEST, 14);
	spice_qxl_gl_draw_async(&qxl, 0, 0, 1, 1, 15);
	spice_qxl_destroy_primary_surface_async(&qxl, 0, 16);
	spice_qxl_destroy_primary_surface_async(&qxl, 0, 17);
	spice_qxl_create_primary_surface_async(&qxl, 0, &nonsense, 18);
	spice_qxl_destroy_surfaces_async(&qxl, 19);
	spice_qxl_destroy_surface_async(&qxl, 5, 20);
	spice_qxl_reset_cursor(&qxl);
	ck_assert_uint_eq(vmm.completed, 10);
	ck_assert_uint_eq(vmm.last_cookie, 20);
	ck_assert_uint_eq(vmm.tail, 0);
	ck_assert_uint_eq(vmm.misuse, 0);
	create_primary();
	run(true);
	spice_qxl_update_area(&qxl, 0, &area, NULL, 0, 0);
	ck_assert_uint_eq(vmm.released, 1);
	ck_assert(guest_equals());
	run(false);
	tear_down(worker);
}
END_TEST

START_TEST(test_scanout_descriptors_are_closed)
{
	struct clove_worker *worker = set_up();
	int first[2], second[2];
	uint8_t byte;

	ck_assert_int_eq(pipe(first), 0);
	ck_assert_int_eq(pipe(second), 0);
	spice_qxl_gl_scanout(&qxl, first[1], 1, 1, 4, 0, 0);
	spice_qxl_gl_scanout(&qxl, second[1], 1, 1, 4, 0, 0);
	spice_qxl_reset_image_cache(&qxl);
	ck_assert_int_eq(read(first[0], &byte, 1), 0);
	spice_qxl_gl_scanout(&qxl, -1, 0, 0, 0, 0, 0);
	spice_qxl_reset_image_cache(&qxl);
	ck_assert_int_eq(read(second[0], &byte, 1), 0);
	close(first[0]);
	close(second[0]);
	tear_down(worker);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("worker");

	tcase_add_loop_test(tcase, test_clients_and_guest_see_the_same, 0, MODES);
	tcase_add_test(tcase, test_a_guest_waits_a_little_for_clients);
	tcase_add_loop_test(tcase, test_what_is_lossy_is_sent_again, 1, 4);
	tcase_add_test(tcase, test_a_clock_that_is_off_is_told_of);
	tcase_add_test(tcase, test_requests_complete_once_also_when_stopped);
	tcase_add_test(tcase, test_scanout_descriptors_are_closed);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
