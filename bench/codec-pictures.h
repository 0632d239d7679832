/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-pictures.h - seeded pictures of the kinds that screens show, 4 bytes a pixel. */
#ifndef CLOVE_BENCH_CODEC_PICTURES_H
#define CLOVE_BENCH_CODEC_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

/* Each fills width * height pixels, B G R 0 in memory, the same ones for the same seed. */
bool pictures_text(uint32_t *p, int width, int height, uint32_t seed);
bool pictures_flat(uint32_t *p, int width, int height, uint32_t seed);
bool pictures_photo(uint32_t *p, int width, int height, uint32_t seed);

#endif
