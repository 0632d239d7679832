/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-server.c - a server between a VMM that takes notes and clients that link as viewers do. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/net/channel.h"
#include "common/net/link.h"
#include "common/protocol/enums.h"
#include "tests/unit/vmm-fixture.h"

enum { W = 64, H = 48 };

static SpiceServer *server;
static QXLInstance qxls[2];
static uint32_t pixels[W * H];

/* -- one channel of a viewer -- */

struct peer {
	struct clove_channel channel;     /* once it is linked */
	struct clove_stream *stream;
	struct clove_link link;
	struct clove_watch *watch;
	bool is_linked, is_closed, is_refused;
	uint8_t type;
	/* main */
	struct clove_main_init init;
	unsigned int inits, lists, modes, warnings;
	struct clove_main_channel channels[16];
	unsigned int n_channels;
	uint16_t supported, current;
	char name[32];
	uint8_t uuid[16];
	/* inputs */
	unsigned int acks, leds_told;
	uint16_t leds;
};

static enum clove_err on_init(void *channel, const void *message)
{
	struct peer *peer = channel;

	peer->init = *(const struct clove_main_init *)message;
	peer->inits++;
	return CLOVE_OK;
}

static enum clove_err on_list(void *channel, const void *message)
{
	struct peer *peer = channel;
	const struct clove_main_channels_list *list = message;

	peer->lists++;
	for (uint32_t i = 0; i < list->count && peer->n_channels < 16; i++)
		peer->channels[peer->n_channels++] = list->channels[i];
	return CLOVE_OK;
}

static enum clove_err on_mode(void *channel, const void *message)
{
	struct peer *peer = channel;
	const struct clove_main_mouse_mode *mode = message;

	peer->modes++;
	peer->supported = mode->supported;
	peer->current = mode->current;
	return CLOVE_OK;
}

static enum clove_err on_name(void *channel, const void *message)
{
	struct peer *peer = channel;
	const struct clove_main_name *name = message;

	ck_assert_uint_lt(name->name.len, sizeof peer->name);
	memcpy(peer->name, name->name.data, name->name.len);
	return CLOVE_OK;
}

static enum clove_err on_uuid(void *channel, const void *message)
{
	memcpy(((struct peer *)channel)->uuid, ((const struct clove_main_uuid *)message)->uuid, 16);
	return CLOVE_OK;
}

static enum clove_err on_leds(void *channel, const void *message)
{
	struct peer *peer = channel;

	peer->leds = ((const struct clove_inputs_modifiers *)message)->modifiers;
	peer->leds_told++;
	return CLOVE_OK;
}

static enum clove_err on_ack(void *channel, const void *message)
{
	(void)message;
	((struct peer *)channel)->acks++;
	return CLOVE_OK;
}

static void on_notify(void *channel, const struct clove_notify *notify)
{
	(void)notify;
	((struct peer *)channel)->warnings++;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct peer *peer = channel;

	(void)err;
	peer->is_closed = true;
	clove_channel_fini(&peer->channel);
}

static const struct clove_handler main_handlers[] = {
	{ CLOVE_MAIN_INIT, on_init }, { CLOVE_MAIN_CHANNELS_LIST, on_list },
	{ CLOVE_MAIN_MOUSE_MODE, on_mode }, { CLOVE_MAIN_NAME, on_name }, { CLOVE_MAIN_UUID, on_uuid },
	{ 0, NULL },
};
static const struct clove_handler inputs_handlers[] = {
	{ CLOVE_INPUTS_INIT, on_leds }, { CLOVE_INPUTS_KEY_MODIFIERS, on_leds },
	{ CLOVE_INPUTS_MOUSE_MOTION_ACK, on_ack }, { 0, NULL },
};
static const struct clove_handler no_handlers[] = { { 0, NULL } };

static void start_channel(struct peer *peer, struct clove_bytes early)
{
	static const struct clove_channel_ops main_ops = { .handlers = main_handlers,
			.closed = on_closed, .notify = on_notify };
	static const struct clove_channel_ops inputs_ops = { .handlers = inputs_handlers,
			.closed = on_closed };
	static const struct clove_channel_ops other_ops = { .handlers = no_handlers, .closed = on_closed };
	uint8_t type = peer->type;
	struct clove_channel_options options = {
		.take_stream = peer->stream, .loop = vmm.loop, .type = (enum clove_channel_type)type,
		.mini_header = peer->link.mini_header, .peer_common = peer->link.info.common_caps,
		.peer_caps = peer->link.info.channel_caps, .early = early,
	};

	clove_watch_remove(vmm.loop, peer->watch);
	peer->stream = NULL;
	ck_assert_int_eq(clove_channel_init(&peer->channel, type == CLOVE_CHANNEL_MAIN ? &main_ops :
			type == CLOVE_CHANNEL_INPUTS ? &inputs_ops : &other_ops, &options), CLOVE_OK);
	clove_channel_start(&peer->channel);
	peer->is_linked = true;
}

static void give_up(struct peer *peer)
{
	clove_watch_remove(vmm.loop, peer->watch);
	clove_stream_free(peer->stream);
	peer->stream = NULL;
	peer->is_refused = true;
}

static void flush_link(struct peer *peer)
{
	size_t put;

	while (peer->link.out.len && clove_stream_write(peer->stream, peer->link.out.data,
			peer->link.out.len, &put) == CLOVE_OK)
		clove_buf_consume(&peer->link.out, put);
}

static void on_readable(void *opaque, int fd, int events)
{
	struct peer *peer = opaque;
	uint8_t data[4096];
	size_t got, used;

	(void)fd;
	(void)events;
	if (clove_stream_read(peer->stream, data, sizeof data, &got) != CLOVE_OK) {
		give_up(peer);
		return;
	}
	ck_assert_int_eq(clove_link_feed(&peer->link, CLOVE_BYTES(data, got), &used), CLOVE_OK);
	flush_link(peer);
	if (peer->link.state == CLOVE_LINK_DONE)
		start_channel(peer, CLOVE_BYTES(data + used, got - used));
	else if (peer->link.state == CLOVE_LINK_FAILED)
		give_up(peer);
}

/* Begins; the server has the other end of a socket pair. */
static struct peer *dial(uint8_t type, uint8_t id, uint32_t connection, const char *password)
{
	struct peer *peer = calloc(1, sizeof *peer);
	struct clove_link_info wanted = { .connection_id = connection, .channel_type = type,
			.channel_id = id };
	int fds[2];

	peer->type = type;
	if (type == CLOVE_CHANNEL_MAIN)
		clove_caps_set(&wanted.channel_caps, CLOVE_MAIN_CAP_NAME_AND_UUID);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer->stream = clove_socket_stream_new(fds[0], 0);
	clove_link_init_client(&peer->link, &wanted, password);
	flush_link(peer);
	peer->watch = clove_watch_add(vmm.loop, fds[0], CLOVE_READ, on_readable, peer);
	ck_assert_int_eq(spice_server_add_client(server, fds[1], 0), 0);
	return peer;
}

static struct peer *join(uint8_t type, uint8_t id, uint32_t connection)
{
	struct peer *peer = dial(type, id, connection, NULL);

	NET_TURN_UNTIL(vmm.loop, peer->is_linked || peer->is_refused);
	ck_assert(peer->is_linked);
	return peer;
}

static struct peer *join_main(void)
{
	struct peer *peer = join(CLOVE_CHANNEL_MAIN, 0, 0);

	NET_TURN_UNTIL(vmm.loop, peer->inits);
	return peer;
}

static void leave(struct peer *peer)
{
	if (peer->is_linked && !peer->is_closed)
		clove_channel_fini(&peer->channel);
	else if (peer->stream)
		give_up(peer);
	clove_link_fini(&peer->link);
	free(peer);
}

/* -- the VMM -- */

static void set_up(void)
{
	memset(&vmm, 0, sizeof vmm);
	vmm.loop = clove_poll_loop_new();
	server = spice_server_new();
	spice_server_set_noauth(server);
	spice_server_set_name(server, "a guest");
	spice_server_set_uuid(server, (const uint8_t *)"0123456789abcdef");
	ck_assert_int_eq(spice_server_init(server, &vmm_core), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_kbd.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_mouse.base), 0);
	qxls[0] = (QXLInstance){ .base = { &vmm_qif.base } };
	ck_assert_int_eq(spice_server_add_interface(server, &qxls[0].base), 0);
	vmm_screen(&qxls[0], W, H, pixels);
	spice_server_vm_start(server);
}

static void tear_down(void)
{
	spice_server_destroy(server);
	/* each connection that came has gone */
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED],
			vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED]);
	clove_poll_loop_free(vmm.loop);
}

/* -- sessions -- */

START_TEST(test_session_is_told_what_there_is)
{
	struct peer *peer = join_main();

	ck_assert_uint_ne(peer->init.session_id, 0);
	ck_assert_uint_eq(peer->init.display_channels_hint, 1);
	ck_assert_uint_eq(peer->init.supported_mouse_modes, CLOVE_MOUSE_MODE_SERVER);
	ck_assert_uint_eq(peer->init.ram_hint, 1 << 20);
	ck_assert_uint_eq(peer->init.agent_connected, 0);
	clove_channel_send(&peer->channel, CLOVE_MAIN_ATTACH_CHANNELS, NULL);
	NET_TURN_UNTIL(vmm.loop, peer->lists == 1);
	ck_assert_uint_eq(peer->n_channels, 3);
	ck_assert_uint_eq(peer->channels[0].type, CLOVE_CHANNEL_CURSOR);
	ck_assert_uint_eq(peer->channels[1].type, CLOVE_CHANNEL_DISPLAY);
	ck_assert_uint_eq(peer->channels[2].type, CLOVE_CHANNEL_INPUTS);
	ck_assert_str_eq(peer->name, "a guest");
	ck_assert_mem_eq(peer->uuid, "0123456789abcdef", 16);

	/* a second head is news, to those who asked */
	qxls[1] = (QXLInstance){ .base = { &vmm_qif.base }, .id = 3 };
	ck_assert_int_eq(spice_server_add_interface(server, &qxls[1].base), 0);
	NET_TURN_UNTIL(vmm.loop, peer->n_channels == 5);
	ck_assert_uint_eq(peer->channels[3].type, CLOVE_CHANNEL_DISPLAY);
	ck_assert_uint_eq(peer->channels[3].id, 3);

	struct peer *display = join(CLOVE_CHANNEL_DISPLAY, 3, peer->init.session_id);

	ck_assert_int_eq(spice_server_remove_interface(&qxls[1].base), 0);
	NET_TURN_UNTIL(vmm.loop, display->is_closed);
	ck_assert(!peer->is_closed);
	leave(display);
	leave(peer);
}
END_TEST

START_TEST(test_session_ends_with_its_main_channel)
{
	struct peer *peer = join_main();
	uint32_t id = peer->init.session_id;
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, id);
	struct peer *display = join(CLOVE_CHANNEL_DISPLAY, 0, id);
	struct peer *cursor = join(CLOVE_CHANNEL_CURSOR, 0, id);

	NET_TURN_UNTIL(vmm.loop, vmm.events[SPICE_CHANNEL_EVENT_INITIALIZED] == 4);
	ck_assert_int_eq(spice_server_get_num_clients(server), 1);
	leave(peer);
	NET_TURN_UNTIL(vmm.loop, inputs->is_closed && display->is_closed && cursor->is_closed);
	NET_TURN_UNTIL(vmm.loop, vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED] == 4);
	ck_assert_int_eq(vmm.last_disconnected_type, CLOVE_CHANNEL_MAIN);
	ck_assert_int_eq(spice_server_get_num_clients(server), 0);

	/* its id is worth nothing any more */
	struct peer *late = dial(CLOVE_CHANNEL_INPUTS, 0, id, NULL);

	NET_TURN_UNTIL(vmm.loop, late->is_linked || late->is_refused);
	ck_assert(late->is_refused);
	ck_assert_int_eq(late->link.error, CLOVE_LINK_BAD_CONNECTION_ID);
	leave(late);
	leave(inputs);
	leave(display);
	leave(cursor);
}
END_TEST

START_TEST(test_channel_comes_once)
{
	struct peer *peer = join_main();
	struct peer *first = join(CLOVE_CHANNEL_DISPLAY, 0, peer->init.session_id);
	struct peer *second = join(CLOVE_CHANNEL_DISPLAY, 0, peer->init.session_id);
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);
	struct peer *more_inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);

	NET_TURN_UNTIL(vmm.loop, second->is_closed && more_inputs->is_closed);
	ck_assert(!first->is_closed && !inputs->is_closed);
	leave(second);
	leave(first);
	/* gone, it may come again */
	NET_TURN_UNTIL(vmm.loop, vmm_channels(CLOVE_CHANNEL_DISPLAY) == 0);
	first = join(CLOVE_CHANNEL_DISPLAY, 0, peer->init.session_id);
	NET_TURN_UNTIL(vmm.loop, vmm_channels(CLOVE_CHANNEL_DISPLAY) == 1);
	leave(first);
	leave(inputs);
	leave(more_inputs);
	leave(peer);
}
END_TEST

/* by default the newcomer has the session to itself */
START_TEST(test_second_client_replaces_the_first)
{
	struct peer *first = join_main();
	struct peer *second = join_main();

	NET_TURN_UNTIL(vmm.loop, first->is_closed);
	ck_assert(!second->is_closed);
	ck_assert_uint_ne(first->init.session_id, second->init.session_id);
	ck_assert_int_eq(spice_server_get_num_clients(server), 1);
	leave(first);
	leave(second);
}
END_TEST

START_TEST(test_clients_join_up_to_eight)
{
	struct peer *peers[9];

	setenv("CLOVE_MULTI_CLIENT", "1", 1);
	spice_server_destroy(server);
	clove_poll_loop_free(vmm.loop);
	set_up();
	unsetenv("CLOVE_MULTI_CLIENT");
	for (int i = 0; i < 8; i++)
		peers[i] = join_main();
	peers[8] = join(CLOVE_CHANNEL_MAIN, 0, 0);
	NET_TURN_UNTIL(vmm.loop, peers[8]->is_closed);
	ck_assert_int_eq(spice_server_get_num_clients(server), 8);
	for (int i = 0; i < 9; i++) {
		ck_assert(i == 8 || !peers[i]->is_closed);
		leave(peers[i]);
	}
}
END_TEST

START_TEST(test_ticket_is_asked_for)
{
	struct peer *peer = join_main(), *other;

	/* with somebody there, fail keeps all as it was */
	ck_assert_int_eq(spice_server_set_ticket(server, "secret", 0, 1, 0), -1);
	other = dial(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id, NULL);
	NET_TURN_UNTIL(vmm.loop, other->is_linked);
	leave(other);
	/* disconnect sends them away, and the next must know it */
	ck_assert_int_eq(spice_server_set_ticket(server, "secret", 0, 0, 1), 0);
	NET_TURN_UNTIL(vmm.loop, peer->is_closed);
	leave(peer);
	peer = dial(CLOVE_CHANNEL_MAIN, 0, 0, "wrong");
	NET_TURN_UNTIL(vmm.loop, peer->is_linked || peer->is_refused);
	ck_assert_int_eq(peer->link.error, CLOVE_LINK_PERMISSION_DENIED);
	leave(peer);
	peer = dial(CLOVE_CHANNEL_MAIN, 0, 0, "secret");
	NET_TURN_UNTIL(vmm.loop, peer->is_linked || peer->is_refused);
	ck_assert(peer->is_linked);
	leave(peer);
	/* too long: the former stays, expired: nobody */
	ck_assert_int_eq(spice_server_set_ticket(server,
			"0123456789012345678901234567890123456789012345678901234567890", 0, 0, 0), -1);
	peer = dial(CLOVE_CHANNEL_MAIN, 0, 0, "secret");
	NET_TURN_UNTIL(vmm.loop, peer->is_linked);
	leave(peer);
	ck_assert_int_eq(spice_server_set_ticket(server, NULL, 1, 0, 0), 0);
	peer = dial(CLOVE_CHANNEL_MAIN, 0, 0, "secret");
	NET_TURN_UNTIL(vmm.loop, peer->is_linked || peer->is_refused);
	ck_assert(peer->is_refused);
	leave(peer);
}
END_TEST

/* a VMM's expire_password, where no password is asked for */
START_TEST(test_expiry_locks_nobody_out_without_ticketing)
{
	ck_assert_int_eq(spice_server_set_ticket(server, NULL, 1, 0, 0), 0);
	leave(join_main());
	ck_assert_int_eq(spice_server_set_ticket(server, NULL, 60, 0, 0), 0);
	leave(join_main());
}
END_TEST

START_TEST(test_server_ends_with_clients_there)
{
	struct peer *peer = join_main();
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);
	struct peer *display = join(CLOVE_CHANNEL_DISPLAY, 0, peer->init.session_id);
	struct peer *on_its_way = dial(CLOVE_CHANNEL_CURSOR, 0, peer->init.session_id, NULL);

	spice_server_destroy(server);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED],
			vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED]);
	NET_TURN_UNTIL(vmm.loop, peer->is_closed && inputs->is_closed && display->is_closed);
	leave(peer);
	leave(inputs);
	leave(display);
	leave(on_its_way);
	clove_poll_loop_free(vmm.loop);
	set_up();
}
END_TEST

/* -- keys -- */

static const struct {
	const char *why;
	struct { uint16_t id; uint32_t code; } sent[4];
	uint8_t pushed[8], n_pushed;      /* at once */
	uint8_t released[8], n_released;  /* when the channel goes */
} keys[] = {
	{ "a press and its release", { { CLOVE_INPUTS_KEY_DOWN, 0x1e }, { CLOVE_INPUTS_KEY_UP, 0x9e } },
		{ 0x1e, 0x9e }, 2, { 0 }, 0 },
	{ "one that stays down", { { CLOVE_INPUTS_KEY_DOWN, 0x2a } }, { 0x2a }, 1, { 0xaa }, 1 },
	{ "an extended one that stays down", { { CLOVE_INPUTS_KEY_DOWN, 0x4de0 } }, { 0xe0, 0x4d }, 2,
		{ 0xe0, 0xcd }, 2 },
	{ "held: repeated presses", { { CLOVE_INPUTS_KEY_DOWN, 0x1e }, { CLOVE_INPUTS_KEY_DOWN, 0x1e } },
		{ 0x1e, 0x1e }, 2, { 0x9e }, 1 },
	{ "Pause holds nothing", { { CLOVE_INPUTS_KEY_DOWN, 0x451de1 }, { CLOVE_INPUTS_KEY_UP, 0xc59de1 } },
		{ 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 }, 6, { 0 }, 0 },
	{ "the zero byte ends a code", { { CLOVE_INPUTS_KEY_DOWN, 0x1e001e } }, { 0x1e }, 1, { 0x9e }, 1 },
	{ "left and right Ctrl are two keys",
		{ { CLOVE_INPUTS_KEY_DOWN, 0x1d }, { CLOVE_INPUTS_KEY_DOWN, 0x1de0 },
			{ CLOVE_INPUTS_KEY_UP, 0x9d } }, { 0x1d, 0xe0, 0x1d, 0x9d }, 4, { 0xe0, 0x9d }, 2 },
};

START_TEST(test_keys_reach_the_guest)
{
	struct peer *peer = join_main();
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);

	for (size_t i = 0; i < 4 && keys[_i].sent[i].id; i++) {
		struct clove_inputs_key key = { keys[_i].sent[i].code };

		clove_channel_send(&inputs->channel, keys[_i].sent[i].id, &key);
	}
	NET_TURN_UNTIL(vmm.loop, vmm.n_keys >= keys[_i].n_pushed);
	ck_assert_uint_eq(vmm.n_keys, keys[_i].n_pushed);
	ck_assert_mem_eq(vmm.keys, keys[_i].pushed, vmm.n_keys);
	vmm.n_keys = 0;
	leave(inputs);
	NET_TURN_UNTIL(vmm.loop, vmm_channels(CLOVE_CHANNEL_INPUTS) == 0);
	ck_assert_msg(vmm.n_keys == keys[_i].n_released, "%s", keys[_i].why);
	ck_assert_mem_eq(vmm.keys, keys[_i].released, vmm.n_keys);
	leave(peer);
}
END_TEST

START_TEST(test_scancodes_reach_the_guest_in_order)
{
	static const uint8_t codes[] = { 0xe0, 0x4d, 0xe0, 0xcd, 0x1e, 0x9e };
	struct clove_inputs_scancode message = { CLOVE_BYTES(codes, sizeof codes) };
	struct peer *peer = join_main();
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);

	/* no primary surface, no display channel, and the VM stopped: it may be asleep */
	spice_qxl_destroy_primary_surface(&qxls[0], 0);
	spice_server_vm_stop(server);
	ck_assert(clove_caps_has(&inputs->channel.peer_caps, CLOVE_INPUTS_CAP_KEY_SCANCODE));
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_KEY_SCANCODE, &message);
	NET_TURN_UNTIL(vmm.loop, vmm.n_keys >= sizeof codes);
	ck_assert_mem_eq(vmm.keys, codes, sizeof codes);
	leave(inputs);
	leave(peer);
}
END_TEST

START_TEST(test_lights_follow_each_other)
{
	static const uint8_t taps[] = { 0x45, 0xc5, 0x3a, 0xba };
	struct clove_inputs_modifiers wanted = { CLOVE_MODIFIER_CAPS_LOCK };
	struct peer *peer = join_main(), *inputs;

	vmm.leds = CLOVE_MODIFIER_NUM_LOCK;
	inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);
	NET_TURN_UNTIL(vmm.loop, inputs->leds_told);
	ck_assert_uint_eq(inputs->leds, CLOVE_MODIFIER_NUM_LOCK);
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_CLIENT_KEY_MODIFIERS, &wanted);
	NET_TURN_UNTIL(vmm.loop, vmm.n_keys >= sizeof taps);
	ck_assert_mem_eq(vmm.keys, taps, sizeof taps);
	ck_assert_int_eq(spice_server_kbd_leds(&vmm_kbd, CLOVE_MODIFIER_CAPS_LOCK), 0);
	NET_TURN_UNTIL(vmm.loop, inputs->leds == CLOVE_MODIFIER_CAPS_LOCK);
	leave(inputs);
	leave(peer);
}
END_TEST

/* -- pointer -- */

static const struct {
	uint8_t button;
	uint16_t wire;
	uint32_t vmm;
	int dz;
} buttons[] = {
	{ CLOVE_BUTTON_LEFT, 0x01, 0x01, 0 },   { CLOVE_BUTTON_MIDDLE, 0x02, 0x04, 0 },
	{ CLOVE_BUTTON_RIGHT, 0x04, 0x02, 0 },  { CLOVE_BUTTON_SIDE, 0x20, 0x40, 0 },
	{ CLOVE_BUTTON_EXTRA, 0x40, 0x80, 0 },  { CLOVE_BUTTON_WHEEL_UP, 0x00, 0x00, -1 },
	{ CLOVE_BUTTON_WHEEL_DOWN, 0x10, 0x00, 1 }, { CLOVE_BUTTON_RIGHT, 0x07, 0x07, 0 },
};

START_TEST(test_buttons_and_wheel)
{
	bool is_tablet = _i % 2;
	size_t row = (size_t)_i / 2;
	struct clove_inputs_button press = { buttons[row].button, buttons[row].wire }, release = { 1, 0 };
	struct clove_main_mouse_mode_request request = { CLOVE_MOUSE_MODE_CLIENT };
	struct peer *peer = join_main();
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);

	if (is_tablet) {
		ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), 0);
		NET_TURN_UNTIL(vmm.loop, peer->supported & CLOVE_MOUSE_MODE_CLIENT);
		clove_channel_send(&peer->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &request);
		NET_TURN_UNTIL(vmm.loop, peer->current == CLOVE_MOUSE_MODE_CLIENT);
	}
	vmm.buttons = 0x1000;
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_PRESS, &press);
	NET_TURN_UNTIL(vmm.loop, vmm.buttons == buttons[row].vmm);
	ck_assert_int_eq(vmm.dz, buttons[row].dz);
	ck_assert_uint_eq(vmm.wheels, is_tablet && buttons[row].dz);
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_RELEASE, &release);
	NET_TURN_UNTIL(vmm.loop, vmm.buttons == 0);
	/* one held when the channel goes is let go */
	press = (struct clove_inputs_button){ CLOVE_BUTTON_LEFT, 1 };
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_PRESS, &press);
	NET_TURN_UNTIL(vmm.loop, vmm.buttons == 1);
	leave(inputs);
	NET_TURN_UNTIL(vmm.loop, vmm.buttons == 0);
	if (is_tablet)
		ck_assert_int_eq(spice_server_remove_interface(&vmm_tablet.base), 0);
	leave(peer);
}
END_TEST

START_TEST(test_mouse_modes)
{
	struct clove_main_mouse_mode_request request = { CLOVE_MOUSE_MODE_CLIENT }, odd = { 7 };
	struct clove_inputs_position position = { 10, 20, 0, 0 }, outside = { 5000, UINT32_MAX, 0, 0 };
	struct clove_inputs_motion motion = { -3, 5, 0 };
	struct peer *peer = join_main();
	struct peer *inputs = join(CLOVE_CHANNEL_INPUTS, 0, peer->init.session_id);

	/* without a tablet positions go nowhere, but are acknowledged */
	clove_channel_send(&peer->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &request);
	clove_channel_send(&peer->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &odd);
	for (int i = 0; i < 3; i++)
		clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_POSITION, &position);
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_MOTION, &motion);
	NET_TURN_UNTIL(vmm.loop, inputs->acks == 1);
	ck_assert_uint_eq(vmm.positions, 0);
	ck_assert_int_eq(vmm.x, -3);
	ck_assert_int_eq(vmm.y, 5);
	ck_assert_int_eq(spice_server_is_server_mouse(server), 1);

	ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), 0);
	ck_assert_int_eq(vmm.width, W);
	ck_assert_int_eq(vmm.height, H);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), -1);
	NET_TURN_UNTIL(vmm.loop, peer->supported == (CLOVE_MOUSE_MODE_SERVER | CLOVE_MOUSE_MODE_CLIENT));
	ck_assert_uint_eq(peer->current, CLOVE_MOUSE_MODE_SERVER);
	clove_channel_send(&peer->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &request);
	NET_TURN_UNTIL(vmm.loop, peer->current == CLOVE_MOUSE_MODE_CLIENT);
	ck_assert_int_eq(spice_server_is_server_mouse(server), 0);
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_POSITION, &position);
	NET_TURN_UNTIL(vmm.loop, vmm.positions == 1);
	ck_assert_int_eq(vmm.x, 10);
	ck_assert_int_eq(vmm.y, 20);
	clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_POSITION, &outside);
	NET_TURN_UNTIL(vmm.loop, vmm.positions == 2);
	ck_assert_int_eq(vmm.x, W - 1);
	ck_assert_int_eq(vmm.y, H - 1);

	/* a mode set of the guest does not take the pointer away */
	spice_qxl_destroy_primary_surface(&qxls[0], 0);
	NET_TURN_UNTIL(vmm.loop, vmm.width == 0);
	vmm_screen(&qxls[0], W / 2, H / 2, pixels);
	NET_TURN_UNTIL(vmm.loop, vmm.width == W / 2);
	ck_assert_int_eq(spice_server_is_server_mouse(server), 0);

	ck_assert_int_eq(spice_server_remove_interface(&vmm_tablet.base), 0);
	NET_TURN_UNTIL(vmm.loop, peer->current == CLOVE_MOUSE_MODE_SERVER);
	ck_assert_uint_eq(peer->supported, CLOVE_MOUSE_MODE_SERVER);
	leave(inputs);
	leave(peer);
}
END_TEST

/* with two heads a position says nothing about the pointer of the guest */
START_TEST(test_two_heads_have_no_positions)
{
	struct peer *peer;

	ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), 0);
	qxls[1] = (QXLInstance){ .base = { &vmm_qif.base }, .id = 1 };
	ck_assert_int_eq(spice_server_add_interface(server, &qxls[1].base), 0);
	peer = join_main();
	ck_assert_uint_eq(peer->init.supported_mouse_modes, CLOVE_MOUSE_MODE_SERVER);
	leave(peer);
	ck_assert_int_eq(spice_server_remove_interface(&vmm_tablet.base), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *sessions = tcase_create("sessions"), *input = tcase_create("input");

	tcase_add_checked_fixture(sessions, set_up, tear_down);
	tcase_add_checked_fixture(input, set_up, tear_down);
	tcase_set_timeout(sessions, 60);
	tcase_set_timeout(input, 60);
	tcase_add_test(sessions, test_session_is_told_what_there_is);
	tcase_add_test(sessions, test_session_ends_with_its_main_channel);
	tcase_add_test(sessions, test_channel_comes_once);
	tcase_add_test(sessions, test_second_client_replaces_the_first);
	tcase_add_test(sessions, test_clients_join_up_to_eight);
	tcase_add_test(sessions, test_ticket_is_asked_for);
	tcase_add_test(sessions, test_expiry_locks_nobody_out_without_ticketing);
	tcase_add_test(sessions, test_server_ends_with_clients_there);
	tcase_add_loop_test(input, test_keys_reach_the_guest, 0, sizeof keys / sizeof *keys);
	tcase_add_test(input, test_scancodes_reach_the_guest_in_order);
	tcase_add_test(input, test_lights_follow_each_other);
	tcase_add_loop_test(input, test_buttons_and_wheel, 0, 2 * sizeof buttons / sizeof *buttons);
	tcase_add_test(input, test_mouse_modes);
	tcase_add_test(input, test_two_heads_have_no_positions);
	suite_add_tcase(suite, sessions);
	suite_add_tcase(suite, input);
	return net_run(suite);
}
