/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* video-encoder.h - what any video codec does for a stream: pictures in, one frame's bytes out, at a rate. */
#ifndef CLOVE_SERVER_VIDEO_ENCODER_H
#define CLOVE_SERVER_VIDEO_ENCODER_H

#include "common/codec/pixels.h"
#include "common/util/buf.h"
#include "common/util/job-pool.h"

struct clove_video_stats {
	uint64_t frames, bytes;
	int quality;                  /* of the last frame, 1 to 100 */
};

struct clove_video_encoder;

/* An encoder belongs to one stream and is used by one thread at a time. */
struct clove_video_encoder_ops {
	uint8_t codec;                /* CLOVE_VIDEO_CODEC_... */
	bool is_shared;               /* a frame is whole by itself: it does for any client's stream */
	/* NULL without memory. */
	struct clove_video_encoder *(*create)(void);
	void (*destroy)(struct clove_video_encoder *encoder);
	/* Replaces what is in `out` by one frame of the picture, which may have another size than the last.
	 * Parts may be encoded on the pool. */
	enum clove_err (*encode)(struct clove_video_encoder *encoder, const struct clove_pixels *picture,
			struct clove_job_pool *pool, struct clove_buf *out);
	/* What a frame may take, on average, where that is not below all quality; 0: no bound but the
	 * codec's own idea of good. */
	void (*set_frame_bytes)(struct clove_video_encoder *encoder, size_t bytes);
	void (*stats)(const struct clove_video_encoder *encoder, struct clove_video_stats *stats);
};

struct clove_video_encoder {
	const struct clove_video_encoder_ops *ops;
};

extern const struct clove_video_encoder_ops clove_video_mjpeg;

#endif
