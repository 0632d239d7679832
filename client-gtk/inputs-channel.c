/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs-channel.c - in what order keys, motion and buttons are put on the wire. */
#include "client-gtk/inputs-channel.h"

#include <stdlib.h>
#include "client-gtk/motion.h"
#include "common/net/channel.h"

enum { BODY_MOST = 4096 };

struct clove_inputs_channel {
	struct clove_channel channel;
	const struct clove_inputs_events *events;
	void *opaque;
	struct clove_motion motion;
	uint16_t buttons;         /* CLOVE_BUTTON_MASK_... that are down */
	uint8_t display;          /* of the position that waits */
};

static void flush_motion(struct clove_inputs_channel *inputs, bool is_press)
{
	struct clove_motion out;

	if (!clove_motion_take(&inputs->motion, is_press, &out))
		return;
	if (out.has_position) {
		struct clove_inputs_position position = {
			.x = out.x, .y = out.y, .buttons = inputs->buttons, .display_id = inputs->display,
		};

		clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_POSITION, &position);
	} else {
		struct clove_inputs_motion motion = {
			.dx = out.dx, .dy = out.dy, .buttons = inputs->buttons,
		};

		clove_channel_send(&inputs->channel, CLOVE_INPUTS_MOUSE_MOTION, &motion);
	}
}

static enum clove_err on_modifiers(void *channel, const void *message)
{
	struct clove_inputs_channel *inputs = channel;
	const struct clove_inputs_modifiers *modifiers = message;

	if (inputs->events->modifiers)
		inputs->events->modifiers(inputs->opaque, modifiers->modifiers);
	return CLOVE_OK;
}

static enum clove_err on_motion_ack(void *channel, const void *message)
{
	struct clove_inputs_channel *inputs = channel;

	(void)message;
	clove_motion_acked(&inputs->motion);
	flush_motion(inputs, false);
	return CLOVE_OK;
}

static const struct clove_handler handlers[] = {
	{ CLOVE_INPUTS_INIT,             on_modifiers },
	{ CLOVE_INPUTS_KEY_MODIFIERS,    on_modifiers },
	{ CLOVE_INPUTS_MOUSE_MOTION_ACK, on_motion_ack },
	{ 0, NULL },
};

void clove_inputs_channel_key(struct clove_inputs_channel *inputs, bool is_press, uint32_t code)
{
	struct clove_inputs_key key = { .code = code };

	clove_channel_send(&inputs->channel, is_press ? CLOVE_INPUTS_KEY_DOWN : CLOVE_INPUTS_KEY_UP,
			&key);
}

void clove_inputs_channel_locks(struct clove_inputs_channel *inputs, uint16_t modifiers)
{
	struct clove_inputs_modifiers locks = { .modifiers = modifiers };

	clove_channel_send(&inputs->channel, CLOVE_INPUTS_CLIENT_KEY_MODIFIERS, &locks);
}

void clove_inputs_channel_motion(struct clove_inputs_channel *inputs, int32_t dx, int32_t dy)
{
	clove_motion_by(&inputs->motion, dx, dy);
	flush_motion(inputs, false);
}

void clove_inputs_channel_position(struct clove_inputs_channel *inputs, uint8_t display,
		uint32_t x, uint32_t y)
{
	inputs->display = display;
	clove_motion_to(&inputs->motion, x, y);
	flush_motion(inputs, false);
}

/* The wheel has no state that a mask could show. */
static uint16_t mask_of(enum clove_button button)
{
	if (button == CLOVE_BUTTON_WHEEL_UP || button == CLOVE_BUTTON_WHEEL_DOWN)
		return 0;
	return (uint16_t)(1 << (button - 1));
}

void clove_inputs_channel_button(struct clove_inputs_channel *inputs, enum clove_button button,
		bool is_press)
{
	struct clove_inputs_button message = { .button = (uint8_t)button };
	uint16_t mask = mask_of(button);

	if (!is_press && mask && !(inputs->buttons & mask))
		return;
	clove_channel_cork(&inputs->channel);
	flush_motion(inputs, true);
	if (is_press)
		inputs->buttons |= mask;
	else
		inputs->buttons &= (uint16_t)~mask;
	message.buttons = inputs->buttons;
	clove_channel_send(&inputs->channel,
			is_press ? CLOVE_INPUTS_MOUSE_PRESS : CLOVE_INPUTS_MOUSE_RELEASE, &message);
	clove_channel_uncork(&inputs->channel);
}

void clove_inputs_channel_release_buttons(struct clove_inputs_channel *inputs)
{
	for (enum clove_button button = CLOVE_BUTTON_LEFT; button <= CLOVE_BUTTON_EXTRA; button++)
		if (inputs->buttons & mask_of(button))
			clove_inputs_channel_button(inputs, button, false);
}

static uint32_t body_limit(void *channel, uint16_t id)
{
	(void)channel;
	(void)id;
	return BODY_MOST;
}

static void closed(void *channel, enum clove_err err)
{
	struct clove_inputs_channel *inputs = channel;

	if (inputs->events->closed)
		inputs->events->closed(inputs->opaque, err);
}

static const struct clove_channel_ops ops = {
	.handlers = handlers,
	.body_limit = body_limit,
	.closed = closed,
};

struct clove_inputs_channel *clove_inputs_channel_new(struct clove_loop *loop,
		const struct clove_inputs_events *events, void *opaque, struct clove_opened *opened)
{
	struct clove_inputs_channel *inputs = calloc(1, sizeof *inputs);
	struct clove_channel_options options = {
		.take_stream = opened->stream,
		.loop = loop,
		.type = CLOVE_CHANNEL_INPUTS,
		.mini_header = opened->mini_header,
		.peer_common = opened->info.common_caps,
		.peer_caps = opened->info.channel_caps,
		.early = clove_buf_bytes(&opened->early),
		.arena_limit = 1 << 16,
	};

	if (!inputs) {
		clove_stream_free(opened->stream);
	} else if (clove_channel_init(&inputs->channel, &ops, &options)) {
		free(inputs);
		inputs = NULL;
	}
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	if (!inputs)
		return NULL;
	inputs->events = events;
	inputs->opaque = opaque;
	clove_channel_start(&inputs->channel);
	return inputs;
}

void clove_inputs_channel_free(struct clove_inputs_channel *inputs)
{
	if (!inputs)
		return;
	clove_channel_fini(&inputs->channel);
	free(inputs);
}

void clove_inputs_channel_count(const struct clove_inputs_channel *inputs, uint64_t *in,
		uint64_t *out)
{
	if (in)
		*in = inputs ? inputs->channel.bytes_in : 0;
	if (out)
		*out = inputs ? inputs->channel.bytes_out : 0;
}
