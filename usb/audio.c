/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audio.c - a headset of the audio class 1.0: counts what is played, and has a tone for a microphone. */
#include "usb/software.h"

#include <stdlib.h>
#include "usb/model.h"

enum { OUT = 0x01, IN = 0x82, RATE = 48000, A_FRAME = RATE / 1000 };
enum { OUT_BYTES = 4 * A_FRAME, IN_BYTES = 2 * A_FRAME };           /* 16 bits; stereo, mono */
enum { CREDIT = 8, SILENCE = 1000 };                                /* frames */

/* ---- descriptors (audio 1.0, section 4) -------------------------------------------------------------- */

enum { USB_STREAMING = 0x0101, HEADSET = 0x0402, PCM = 0x0001 };
enum { TERMINALS = 10 + 12 + 9 + 12 + 9 };                          /* bytes of control_extras */

static const struct clove_desc_extra control_extras[] = {
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 1, CLOVE_DESC_16(0x0100), CLOVE_DESC_16(TERMINALS), 2, 1, 2),
	/* input terminal 1 -> output terminal 2; input terminal 3 -> output terminal 4 */
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 2, 1, CLOVE_DESC_16(USB_STREAMING), 0, 2,
			CLOVE_DESC_16(0x0003), 0, 0),
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 3, 2, CLOVE_DESC_16(HEADSET), 3, 1, 0),
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 2, 3, CLOVE_DESC_16(HEADSET), 2, 1, CLOVE_DESC_16(0), 0, 0),
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 3, 4, CLOVE_DESC_16(USB_STREAMING), 1, 3, 0),
};

#define STREAM(terminal, channels) { \
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 1, (terminal), 1, CLOVE_DESC_16(PCM)), \
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_INTERFACE, 2, 1, (channels), 2, 16, 1, CLOVE_DESC_24(RATE)), \
}
static const struct clove_desc_extra out_extras[] = STREAM(1, 2);
static const struct clove_desc_extra in_extras[] = STREAM(4, 1);
static const struct clove_desc_extra data_extra =
	CLOVE_DESC_EXTRA(CLOVE_DESC_CS_ENDPOINT, 1, 0, 0, CLOVE_DESC_16(0));

enum { ADAPTIVE = 0x08, ASYNCHRONOUS = 0x04 };                      /* USB 2.0, table 9-13 */

static const struct clove_desc_endpoint out_endpoint = {
	.address = OUT, .attributes = CLOVE_USB_ISO | ADAPTIVE, .max_packet = OUT_BYTES, .interval = 1,
	.is_audio = true, .extras = &data_extra, .extra_count = 1,
};
static const struct clove_desc_endpoint in_endpoint = {
	.address = IN, .attributes = CLOVE_USB_ISO | ASYNCHRONOUS, .max_packet = IN_BYTES, .interval = 1,
	.is_audio = true, .extras = &data_extra, .extra_count = 1,
};

static const struct clove_desc_interface interfaces[] = {
	{ .number = 0, .interface_class = 1, .subclass = 1, .extras = control_extras, .extra_count = 5 },
	{ .number = 1, .interface_class = 1, .subclass = 2 },
	{ .number = 1, .alt = 1, .interface_class = 1, .subclass = 2, .extras = out_extras, .extra_count = 2,
	  .endpoints = &out_endpoint, .endpoint_count = 1 },
	{ .number = 2, .interface_class = 1, .subclass = 2 },
	{ .number = 2, .alt = 1, .interface_class = 1, .subclass = 2, .extras = in_extras, .extra_count = 2,
	  .endpoints = &in_endpoint, .endpoint_count = 1 },
};

static const struct clove_desc desc = {
	.speed = CLOVE_USB_FULL, .usb = 0x0110, .max_packet_0 = 64,
	.vendor = 0x1d6b, .product = 0x0107, .version = 0x0100,
	.strings = { "Clove", "USB headset", "1" },
	.attributes = CLOVE_DESC_BUS_POWERED, .max_power = 50,
	.interfaces = interfaces, .interface_count = 5,
};

/* ---- sound ------------------------------------------------------------------------------------------ */

struct audio {
	struct clove_model model;         /* first */
	struct clove_usb_audio_figures figures;
	bool is_playing;
	unsigned int credit;              /* packets that came before their frame */
	unsigned int silent;              /* frames without a packet; gaps only if one follows */
};

static struct audio *audio_of(struct clove_model *model)
{
	return CLOVE_CONTAINER(model, struct audio, model);
}

static void play(struct audio *audio, struct clove_usb_packet *packet)
{
	packet->actual = packet->len;
	audio->figures.packets_out++;
	audio->figures.bytes_out += packet->len;
	audio->figures.gaps_out += audio->silent;
	audio->silent = 0;
	audio->is_playing = true;
	if (audio->credit < CREDIT)
		audio->credit++;
}

/* 1 kHz: one period of a sine is one frame. */
static void record(struct audio *audio, struct clove_usb_packet *packet, uint8_t *data)
{
	static const int16_t quarter[13] = {
		0, 1069, 2120, 3135, 4096, 4987, 5793, 6499, 7094, 7568, 7913, 8122, 8192,
	};
	uint16_t len = packet->len < IN_BYTES ? packet->len & 0xfffe : IN_BYTES;

	for (unsigned int i = 0; i < len / 2u; i++) {
		unsigned int at = i % 24 > 12 ? 24 - i % 24 : i % 24;

		clove_put_le16(data + 2 * i, (uint16_t)(i < 24 ? quarter[at] : -quarter[at]));
	}
	packet->actual = len;
	audio->figures.packets_in++;
}

/* The packet that is due of the first transfer at `endpoint`; device_data counts those that are done.
 * False: nothing waits there. */
static bool move_one(struct audio *audio, uint8_t endpoint)
{
	struct clove_usb_transfer *transfer = clove_model_first(&audio->model, endpoint);
	size_t at, before = 0, actual = 0;

	if (!transfer)
		return false;
	at = (size_t)(uintptr_t)transfer->device_data;
	for (size_t i = 0; i < at; i++)
		before += transfer->packets[i].len;
	if (endpoint == OUT)
		play(audio, &transfer->packets[at]);
	else
		record(audio, &transfer->packets[at], transfer->data + before);
	transfer->device_data = (void *)(uintptr_t)++at;
	if (at < transfer->packet_count)
		return true;
	for (size_t i = 0; i < at; i++)
		actual += transfer->packets[i].actual;
	clove_usb_complete(transfer, CLOVE_USB_SUCCESS, actual);
	return true;
}

static void want_frames(struct audio *audio)
{
	audio->model.device.wants_frames = audio->is_playing || clove_model_first(&audio->model, OUT) ||
			clove_model_first(&audio->model, IN);
}

static void move_those_of_now(struct audio *audio, uint8_t endpoint)
{
	struct clove_usb_transfer *transfer;

	while ((transfer = clove_model_first(&audio->model, endpoint)) && transfer->is_now)
		move_one(audio, endpoint);
}

static void run(struct clove_model *model)
{
	struct audio *audio = audio_of(model);

	move_those_of_now(audio, OUT);
	move_those_of_now(audio, IN);
	want_frames(audio);
}

static void frame(struct clove_model *model)
{
	struct audio *audio = audio_of(model);

	move_one(audio, OUT);
	move_one(audio, IN);
	if (audio->credit)
		audio->credit--;
	else if (audio->is_playing && ++audio->silent > SILENCE)
		audio->is_playing = false, audio->silent = 0;
	want_frames(audio);
}

static void restart(struct clove_model *model, uint32_t endpoints)
{
	struct audio *audio = audio_of(model);

	if (endpoints >> clove_usb_index(OUT) & 1) {
		audio->is_playing = false;
		audio->credit = audio->silent = 0;
	}
	want_frames(audio);
}

static void free_audio(struct clove_model *model)
{
	free(audio_of(model));
}

static const struct clove_model_ops audio_ops = {
	.run = run, .restart = restart, .frame = frame, .free = free_audio,
};

struct clove_usb_device *clove_usb_audio_new(void)
{
	struct audio *audio = calloc(1, sizeof *audio);

	if (!audio)
		return NULL;
	clove_model_init(&audio->model, &audio_ops, &desc, "Clove USB headset");
	return &audio->model.device;
}

void clove_usb_audio_figures(const struct clove_usb_device *device, struct clove_usb_audio_figures *figures)
{
	*figures = CLOVE_CONTAINER(device, struct audio, model.device)->figures;
}
