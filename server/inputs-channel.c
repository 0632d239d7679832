/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs-channel.c - keys and pointer from a client to the VMM, as they come (spice-wire 10).
 *
 * No display, no surface and no running guest is asked for: so a key wakes one that sleeps in S3.
 */
#include "server/inputs-channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

enum {
	BODY_LIMIT = 2048,
	MOTIONS_AN_ACK = 4,
	LOCKS_SETTLE_MS = 2000,
	KEYS = 128,                       /* make codes, with and without E0 */
	BREAK = 0x80, EXTENDED = 0xe0, PAUSE = 0xe1, PAUSE_REST = 2,
};

struct clove_inputs {
	struct clove_channel channel;     /* first, so that a channel is an inputs */
	struct clove_client *client;
	struct clove_connection *conn;
	struct clove_timer *timer;        /* the locks are told anew */
	uint32_t down[2][KEYS / 32];      /* keys that this client holds; [1]: after E0 */
	bool is_extended;                 /* E0 was the last byte */
	unsigned int pause_left;          /* bytes of Pause that are no keys */
	unsigned int motions;
	uint32_t buttons;                 /* as the VMM knows them */
};

static struct SpiceServer *server_of(const struct clove_inputs *inputs)
{
	return inputs->client->server;
}

/* -- keys -- */

static bool is_down(const struct clove_inputs *inputs, bool extended, unsigned int key)
{
	return inputs->down[extended][key / 32] >> key % 32 & 1;
}

static void push(struct clove_inputs *inputs, uint8_t byte)
{
	SpiceKbdInstance *keyboard = server_of(inputs)->keyboard;

	if (keyboard)
		CLOVE_CONTAINER(keyboard->base.sif, const SpiceKbdInterface, base)->push_scan_freg(keyboard, byte);
}

/* Passes a byte of set 1 on, and keeps count of what is down. */
static void push_key(struct clove_inputs *inputs, uint8_t byte)
{
	unsigned int key = byte & ~BREAK;
	uint32_t *word = &inputs->down[inputs->is_extended][key / 32], bit = UINT32_C(1) << key % 32;

	push(inputs, byte);
	if (byte == EXTENDED) {
		inputs->is_extended = true;
		return;
	}
	if (byte == PAUSE)
		inputs->pause_left = PAUSE_REST;
	else if (inputs->pause_left)
		inputs->pause_left--;
	else if (byte & BREAK)
		*word &= ~bit;
	else
		*word |= bit;
	inputs->is_extended = false;
}

static void release_keys(struct clove_inputs *inputs)
{
	for (unsigned int extended = 0; extended < 2; extended++)
		for (unsigned int key = 0; key < KEYS; key++)
			if (is_down(inputs, extended, key)) {
				if (extended)
					push(inputs, EXTENDED);
				push(inputs, (uint8_t)(key | BREAK));
			}
	memset(inputs->down, 0, sizeof inputs->down);
	inputs->is_extended = false;
	inputs->pause_left = 0;
}

static enum clove_err on_key(void *channel, const void *message)
{
	const struct clove_inputs_key *key = message;

	for (uint32_t rest = key->code; rest & 0xff; rest >>= 8)
		push_key(channel, rest & 0xff);
	return CLOVE_OK;
}

static enum clove_err on_scancode(void *channel, const void *message)
{
	const struct clove_inputs_scancode *codes = message;

	for (size_t i = 0; i < codes->data.len; i++)
		push_key(channel, codes->data.data[i]);
	return CLOVE_OK;
}

/* -- lights -- */

static uint16_t leds(const struct clove_inputs *inputs)
{
	return (uint16_t)server_of(inputs)->leds &
			(CLOVE_MODIFIER_SCROLL_LOCK | CLOVE_MODIFIER_NUM_LOCK | CLOVE_MODIFIER_CAPS_LOCK);
}

static void ask_leds(struct SpiceServer *server)
{
	SpiceKbdInstance *keyboard = server->keyboard;

	if (keyboard)
		server->leds = CLOVE_CONTAINER(keyboard->base.sif, const SpiceKbdInterface, base)
				->get_leds(keyboard);
}

void clove_inputs_tell_leds(struct clove_inputs *inputs)
{
	struct clove_inputs_modifiers modifiers = { leds(inputs) };

	clove_channel_send(&inputs->channel, CLOVE_INPUTS_KEY_MODIFIERS, &modifiers);
}

static void on_timer(void *opaque)
{
	clove_inputs_tell_leds(opaque);
}

/* Taps the keys whose lights are not as the client has them, unless somebody is on them. */
static enum clove_err on_modifiers(void *channel, const void *message)
{
	static const struct { uint16_t light; uint8_t key; } locks[] = {
		{ CLOVE_MODIFIER_SCROLL_LOCK, 0x46 },
		{ CLOVE_MODIFIER_NUM_LOCK,    0x45 },
		{ CLOVE_MODIFIER_CAPS_LOCK,   0x3a },
	};
	struct clove_inputs *inputs = channel;
	const struct clove_inputs_modifiers *wanted = message;
	uint16_t change = wanted->modifiers ^ leds(inputs);

	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
		if (change & locks[i].light && !is_down(inputs, false, locks[i].key)) {
			push(inputs, locks[i].key);
			push(inputs, locks[i].key | BREAK);
		}
	/* The guest may have its own idea of them. */
	clove_timer_start(inputs->channel.loop, inputs->timer, LOCKS_SETTLE_MS);
	return CLOVE_OK;
}

/* -- pointer -- */

/* Wire bits to the VMM's: left, right and middle as QEMU orders them, side, extra. */
static uint32_t vmm_buttons(uint32_t wire)
{
	static const struct { uint32_t wire, vmm; } map[] = {
		{ CLOVE_BUTTON_MASK_LEFT,   0x01 },
		{ CLOVE_BUTTON_MASK_MIDDLE, 0x04 },
		{ CLOVE_BUTTON_MASK_RIGHT,  0x02 },
		{ CLOVE_BUTTON_MASK_SIDE,   0x40 },
		{ CLOVE_BUTTON_MASK_EXTRA,  0x80 },
	};
	uint32_t vmm = 0;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (wire & map[i].wire)
			vmm |= map[i].vmm;
	return vmm;
}

static SpiceTabletInstance *tablet_of(const struct clove_inputs *inputs)
{
	const struct SpiceServer *server = server_of(inputs);

	return server->mouse_mode == CLOVE_MOUSE_MODE_CLIENT ? server->tablet : NULL;
}

static SpiceMouseInstance *mouse_of(const struct clove_inputs *inputs)
{
	const struct SpiceServer *server = server_of(inputs);

	return server->mouse_mode == CLOVE_MOUSE_MODE_SERVER ? server->mouse : NULL;
}

#define MOUSE(mouse)   CLOVE_CONTAINER((mouse)->base.sif, const SpiceMouseInterface, base)
#define TABLET(tablet) CLOVE_CONTAINER((tablet)->base.sif, const SpiceTabletInterface, base)

/* Motion in the other mode is acknowledged too: the client sent it before it knew. */
static void count_motion(struct clove_inputs *inputs)
{
	if (++inputs->motions % MOTIONS_AN_ACK == 0)
		clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_MOTION_ACK, NULL);
}

static enum clove_err on_motion(void *channel, const void *message)
{
	struct clove_inputs *inputs = channel;
	const struct clove_inputs_motion *motion = message;
	SpiceMouseInstance *mouse = mouse_of(inputs);

	count_motion(inputs);
	if (mouse) {
		inputs->buttons = vmm_buttons(motion->buttons);
		MOUSE(mouse)->motion(mouse, motion->dx, motion->dy, 0, inputs->buttons);
	}
	return CLOVE_OK;
}

/* The tablet was told this size; positions outside of it are a client's mistake. */
static int clamp(uint32_t at, int size)
{
	return size <= 0 ? 0 : at < (uint32_t)size ? (int)at : size - 1;
}

static enum clove_err on_position(void *channel, const void *message)
{
	struct clove_inputs *inputs = channel;
	const struct clove_inputs_position *position = message;
	SpiceTabletInstance *tablet = tablet_of(inputs);

	count_motion(inputs);
	if (!tablet)
		return CLOVE_OK;
	CLOVE_LIST_FOR_EACH(link, &server_of(inputs)->heads) {
		const struct clove_head *head = CLOVE_CONTAINER(link, struct clove_head, link);

		if (head->qxl->id != position->display_id)
			continue;
		inputs->buttons = vmm_buttons(position->buttons);
		TABLET(tablet)->position(tablet, clamp(position->x, head->width),
				clamp(position->y, head->height), inputs->buttons);
		break;
	}
	return CLOVE_OK;
}

static void set_buttons(struct clove_inputs *inputs, uint32_t buttons)
{
	SpiceMouseInstance *mouse = mouse_of(inputs);
	SpiceTabletInstance *tablet = tablet_of(inputs);

	inputs->buttons = buttons;
	if (mouse)
		MOUSE(mouse)->buttons(mouse, buttons);
	else if (tablet)
		TABLET(tablet)->buttons(tablet, buttons);
}

static void turn_wheel(struct clove_inputs *inputs, int by, uint32_t buttons)
{
	SpiceMouseInstance *mouse = mouse_of(inputs);
	SpiceTabletInstance *tablet = tablet_of(inputs);

	inputs->buttons = buttons;
	if (mouse)
		MOUSE(mouse)->motion(mouse, 0, 0, by, buttons);
	else if (tablet)
		TABLET(tablet)->wheel(tablet, by, buttons);
}

static enum clove_err on_press(void *channel, const void *message)
{
	const struct clove_inputs_button *press = message;
	uint32_t buttons = vmm_buttons(press->buttons);

	if (press->button == CLOVE_BUTTON_WHEEL_UP)
		turn_wheel(channel, -1, buttons);
	else if (press->button == CLOVE_BUTTON_WHEEL_DOWN)
		turn_wheel(channel, 1, buttons);
	else
		set_buttons(channel, buttons);
	return CLOVE_OK;
}

static enum clove_err on_release(void *channel, const void *message)
{
	const struct clove_inputs_button *release = message;

	/* A wheel has nothing to let go. */
	if (release->button != CLOVE_BUTTON_WHEEL_UP && release->button != CLOVE_BUTTON_WHEEL_DOWN)
		set_buttons(channel, vmm_buttons(release->buttons));
	return CLOVE_OK;
}

/* -- the channel -- */

static const struct clove_handler handlers[] = {
	{ CLOVE_INPUTS_KEY_DOWN, on_key },
	{ CLOVE_INPUTS_KEY_UP, on_key },
	{ CLOVE_INPUTS_CLIENT_KEY_MODIFIERS, on_modifiers },
	{ CLOVE_INPUTS_KEY_SCANCODE, on_scancode },
	{ CLOVE_INPUTS_MOUSE_MOTION, on_motion },
	{ CLOVE_INPUTS_MOUSE_POSITION, on_position },
	{ CLOVE_INPUTS_MOUSE_PRESS, on_press },
	{ CLOVE_INPUTS_MOUSE_RELEASE, on_release },
	{ 0, NULL },
};

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_LIMIT;
}

static void on_closed(void *channel, enum clove_err err)
{
	struct clove_inputs *inputs = channel;
	struct clove_client *client = inputs->client;

	if (err != CLOVE_ERR_CLOSED)
		clove_log_limited(INFO, "inputs", "%s: closed: %s", inputs->channel.stream->peer,
				clove_err_name(err));
	client->inputs = NULL;
	clove_server_event(client->server, SPICE_CHANNEL_EVENT_DISCONNECTED, clove_inputs_free(inputs));
}

struct clove_inputs *clove_inputs_new(struct clove_client *client, struct clove_connection *conn)
{
	static const struct clove_channel_ops ops = {
		.handlers = handlers, .body_limit = body_limit, .closed = on_closed,
	};
	struct clove_inputs *inputs = calloc(1, sizeof *inputs);
	struct clove_loop *loop = client->server->loop;

	if (!inputs)
		return NULL;
	inputs->client = client;
	inputs->timer = clove_timer_add(loop, on_timer, inputs);

	struct clove_channel_options options = clove_connection_options(conn, loop);

	if (!inputs->timer) {
		free(inputs);
		return NULL;
	}
	conn->stream = NULL;
	if (clove_channel_init(&inputs->channel, &ops, &options) != CLOVE_OK) {
		clove_timer_remove(loop, inputs->timer);
		free(inputs);
		return NULL;
	}
	inputs->conn = conn;

	ask_leds(client->server);

	struct clove_inputs_modifiers init = { leds(inputs) };

	clove_channel_send(&inputs->channel, CLOVE_INPUTS_INIT, &init);
	clove_channel_start(&inputs->channel);
	return inputs;
}

struct clove_connection *clove_inputs_free(struct clove_inputs *inputs)
{
	if (!inputs)
		return NULL;

	struct clove_connection *conn = inputs->conn;

	release_keys(inputs);
	if (inputs->buttons)
		set_buttons(inputs, 0);
	clove_timer_remove(inputs->channel.loop, inputs->timer);
	clove_channel_fini(&inputs->channel);
	free(inputs);
	return conn;
}
