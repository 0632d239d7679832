/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audio.c - sound cards' voices. No channel carries them yet: they play to no one and hear silence.
 *
 * That is what the VMM sees of a server without viewers, so it needs no case of its own for this.
 */
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "server/server.h"

enum { BEST_RATE = 48000, CHANNELS_MAX = 8 };

struct voice {
	struct clove_list link;      /* of the server's audio */
	void (*forget)(void *instance);
	void *instance;
	uint32_t rate;
	bool is_started, is_mute;
	uint8_t channels;
	uint16_t volume[CHANNELS_MAX];
};
struct SpicePlaybackState { struct voice voice; };
struct SpiceRecordState { struct voice voice; };

static struct voice *add_voice(struct SpiceServer *server, void *instance, void (*forget)(void *))
{
	struct voice *voice = calloc(1, sizeof *voice);

	if (!voice)
		return NULL;
	voice->instance = instance;
	voice->forget = forget;
	voice->rate = SPICE_INTERFACE_PLAYBACK_FREQ;
	clove_list_append(&server->audio, &voice->link);
	clove_log(INFO, "audio", "a voice came: no channel carries it yet");
	return voice;
}

static void remove_voice(struct voice *voice)
{
	voice->forget(voice->instance);
	clove_list_remove(&voice->link);
	free(voice);
}

void clove_audio_fini(struct SpiceServer *server)
{
	CLOVE_LIST_FOR_EACH(link, &server->audio)
		remove_voice(CLOVE_CONTAINER(link, struct voice, link));
}

static void set_volume(struct voice *voice, uint8_t channels, const uint16_t *volume)
{
	voice->channels = channels < CHANNELS_MAX ? channels : CHANNELS_MAX;
	memcpy(voice->volume, volume, voice->channels * sizeof *volume);
}

/* -- playback -- */

static void forget_playback(void *playback)
{
	((SpicePlaybackInstance *)playback)->st = NULL;
}

static struct voice *playing(const SpicePlaybackInstance *playback)
{
	return playback && playback->st ? &playback->st->voice : NULL;
}

int clove_playback_attach(struct SpiceServer *server, SpicePlaybackInstance *playback)
{
	playback->st = (SpicePlaybackState *)add_voice(server, playback, forget_playback);
	return playback->st ? 0 : -1;
}

void clove_playback_detach(SpicePlaybackInstance *playback)
{
	if (playing(playback))
		remove_voice(playing(playback));
}

CLOVE_EXPORT uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *playback)
{
	(void)playback;
	return BEST_RATE;
}

CLOVE_EXPORT void spice_server_set_playback_rate(SpicePlaybackInstance *playback, uint32_t hertz)
{
	if (playing(playback))
		playing(playback)->rate = hertz;
}

CLOVE_EXPORT void spice_server_playback_start(SpicePlaybackInstance *playback)
{
	if (playing(playback))
		playing(playback)->is_started = true;
}

CLOVE_EXPORT void spice_server_playback_stop(SpicePlaybackInstance *playback)
{
	if (playing(playback))
		playing(playback)->is_started = false;
}

CLOVE_EXPORT void spice_server_playback_get_buffer(SpicePlaybackInstance *playback, uint32_t **samples,
		uint32_t *num_samples)
{
	(void)playback;
	*samples = NULL;
	*num_samples = 0;
}

CLOVE_EXPORT void spice_server_playback_put_samples(SpicePlaybackInstance *playback, uint32_t *samples)
{
	(void)playback;
	if (samples)
		clove_log_limited(WARN, "audio", "samples came back in a buffer that is not ours; ignored");
}

CLOVE_EXPORT void spice_server_playback_set_volume(SpicePlaybackInstance *playback, uint8_t num_channels,
		uint16_t *volume)
{
	if (playing(playback) && volume)
		set_volume(playing(playback), num_channels, volume);
}

CLOVE_EXPORT void spice_server_playback_set_mute(SpicePlaybackInstance *playback, uint8_t mute)
{
	if (playing(playback))
		playing(playback)->is_mute = mute;
}

/* -- record -- */

static void forget_record(void *record)
{
	((SpiceRecordInstance *)record)->st = NULL;
}

static struct voice *recording(const SpiceRecordInstance *record)
{
	return record && record->st ? &record->st->voice : NULL;
}

int clove_record_attach(struct SpiceServer *server, SpiceRecordInstance *record)
{
	record->st = (SpiceRecordState *)add_voice(server, record, forget_record);
	return record->st ? 0 : -1;
}

void clove_record_detach(SpiceRecordInstance *record)
{
	if (recording(record))
		remove_voice(recording(record));
}

CLOVE_EXPORT uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *record)
{
	(void)record;
	return BEST_RATE;
}

CLOVE_EXPORT void spice_server_set_record_rate(SpiceRecordInstance *record, uint32_t hertz)
{
	if (recording(record))
		recording(record)->rate = hertz;
}

CLOVE_EXPORT void spice_server_record_start(SpiceRecordInstance *record)
{
	if (recording(record))
		recording(record)->is_started = true;
}

CLOVE_EXPORT void spice_server_record_stop(SpiceRecordInstance *record)
{
	if (recording(record))
		recording(record)->is_started = false;
}

CLOVE_EXPORT uint32_t spice_server_record_get_samples(SpiceRecordInstance *record, uint32_t *samples,
		uint32_t num_samples)
{
	(void)record;
	(void)samples;
	(void)num_samples;
	return 0;
}

CLOVE_EXPORT void spice_server_record_set_volume(SpiceRecordInstance *record, uint8_t num_channels,
		uint16_t *volume)
{
	if (recording(record) && volume)
		set_volume(recording(record), num_channels, volume);
}

CLOVE_EXPORT void spice_server_record_set_mute(SpiceRecordInstance *record, uint8_t mute)
{
	if (recording(record))
		recording(record)->is_mute = mute;
}
