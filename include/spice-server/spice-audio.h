/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-audio.h - sound to and from clients: frames of 16-bit stereo, one uint32_t each, left low. */
#ifndef CLOVE_SPICE_AUDIO_H
#define CLOVE_SPICE_AUDIO_H

#include "spice-core.h"

SPICE_BEGIN_DECLS

enum { SPICE_INTERFACE_AUDIO_FMT_S16 = 1 };

#define SPICE_INTERFACE_PLAYBACK "playback"
#define SPICE_INTERFACE_PLAYBACK_MAJOR 1
#define SPICE_INTERFACE_PLAYBACK_MINOR 3
#define SPICE_INTERFACE_PLAYBACK_FREQ 44100  /* unless set_playback_rate() says otherwise */
#define SPICE_INTERFACE_PLAYBACK_CHAN 2
#define SPICE_INTERFACE_PLAYBACK_FMT SPICE_INTERFACE_AUDIO_FMT_S16

typedef struct SpicePlaybackInterface SpicePlaybackInterface;
typedef struct SpicePlaybackInstance SpicePlaybackInstance;
typedef struct SpicePlaybackState SpicePlaybackState;

struct SpicePlaybackInterface {
	SpiceBaseInterface base;
};

struct SpicePlaybackInstance {
	SpiceBaseInstance base;
	SpicePlaybackState *st;         /* the library's */
};

void spice_server_playback_start(SpicePlaybackInstance *playback);
void spice_server_playback_stop(SpicePlaybackInstance *playback);
/* A buffer to be filled and put back, or NULL and 0: no one listens, or not so fast. */
void spice_server_playback_get_buffer(SpicePlaybackInstance *playback, uint32_t **samples,
		uint32_t *num_samples);
void spice_server_playback_put_samples(SpicePlaybackInstance *playback, uint32_t *samples);
void spice_server_playback_set_volume(SpicePlaybackInstance *playback, uint8_t num_channels,
		uint16_t *volume);
void spice_server_playback_set_mute(SpicePlaybackInstance *playback, uint8_t mute);
uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *playback);  /* NULL is allowed */
void spice_server_set_playback_rate(SpicePlaybackInstance *playback, uint32_t hertz);

#define SPICE_INTERFACE_RECORD "record"
#define SPICE_INTERFACE_RECORD_MAJOR 2
#define SPICE_INTERFACE_RECORD_MINOR 3
#define SPICE_INTERFACE_RECORD_FREQ 44100
#define SPICE_INTERFACE_RECORD_CHAN 2
#define SPICE_INTERFACE_RECORD_FMT SPICE_INTERFACE_AUDIO_FMT_S16

typedef struct SpiceRecordInterface SpiceRecordInterface;
typedef struct SpiceRecordInstance SpiceRecordInstance;
typedef struct SpiceRecordState SpiceRecordState;

struct SpiceRecordInterface {
	SpiceBaseInterface base;
};

struct SpiceRecordInstance {
	SpiceBaseInstance base;
	SpiceRecordState *st;           /* the library's */
};

void spice_server_record_start(SpiceRecordInstance *record);
void spice_server_record_stop(SpiceRecordInstance *record);
/* How many were there; does not wait. */
uint32_t spice_server_record_get_samples(SpiceRecordInstance *record, uint32_t *samples,
		uint32_t num_samples);
void spice_server_record_set_volume(SpiceRecordInstance *record, uint8_t num_channels,
		uint16_t *volume);
void spice_server_record_set_mute(SpiceRecordInstance *record, uint8_t mute);
uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *record);  /* NULL is allowed */
void spice_server_set_record_rate(SpiceRecordInstance *record, uint32_t hertz);

SPICE_END_DECLS

#endif
