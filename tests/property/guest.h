/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.h - a guest that draws by chance, through the library's public interface. */
#ifndef CLOVE_TESTS_PROPERTY_GUEST_H
#define CLOVE_TESTS_PROPERTY_GUEST_H

#include <stdbool.h>
#include "include/spice-server/spice.h"
#include "common/codec/pixels.h"

/* -- chance, by the seed -- */

void chance_seed(uint32_t seed);
uint32_t chance_below(uint32_t n);
bool chance_one_in(uint32_t n);

/* -- the guest -- */

extern QXLInstance guest_qxl;

/* Adds the display to the server, with memory and no surface. */
bool guest_start(SpiceServer *server);
void guest_end(void);

/* Another primary surface, and nothing else; 16 or 32 bits a pixel. */
void guest_set_mode(int width, int height, int bits);

/* One thing is drawn, or a surface comes or goes. False: the ring has had no room for five seconds. */
bool guest_draw(void);

/* A frame of a film, always at the same place until guest_film_elsewhere. */
bool guest_film(void);
void guest_film_elsewhere(void);

/* Has the server draw everything, and gives its primary surface as 0x00RRGGBB. Valid until the next call. */
const uint32_t *guest_expect(int *width, int *height);

/* Commands that the library has not released, and those it released twice. */
int guest_held(void);
int guest_odd(void);

#endif
