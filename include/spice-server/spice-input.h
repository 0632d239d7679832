/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-input.h - keyboard, mouse and tablet: where clients' input goes. */
#ifndef CLOVE_SPICE_INPUT_H
#define CLOVE_SPICE_INPUT_H

#include "spice-core.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_KEYBOARD "keyboard"
#define SPICE_INTERFACE_KEYBOARD_MAJOR 1
#define SPICE_INTERFACE_KEYBOARD_MINOR 1

typedef struct SpiceKbdInterface SpiceKbdInterface;
typedef struct SpiceKbdInstance SpiceKbdInstance;
typedef struct SpiceKbdState SpiceKbdState;

struct SpiceKbdInterface {
	SpiceBaseInterface base;
	void (*push_scan_freg)(SpiceKbdInstance *keyboard, uint8_t code);  /* PC set 1, byte by byte */
	uint8_t (*get_leds)(SpiceKbdInstance *keyboard);
};

struct SpiceKbdInstance {
	SpiceBaseInstance base;
	SpiceKbdState *st;              /* the library's */
};

/* Scroll lock 1, num lock 2, caps lock 4. */
int spice_server_kbd_leds(SpiceKbdInstance *keyboard, int leds);

#define SPICE_INTERFACE_MOUSE "mouse"
#define SPICE_INTERFACE_MOUSE_MAJOR 1
#define SPICE_INTERFACE_MOUSE_MINOR 1

typedef struct SpiceMouseInterface SpiceMouseInterface;
typedef struct SpiceMouseInstance SpiceMouseInstance;
typedef struct SpiceMouseState SpiceMouseState;

/* Buttons: left 1, right 2, middle 4, side 0x40, extra 0x80. dz: -1 is up. */
struct SpiceMouseInterface {
	SpiceBaseInterface base;
	void (*motion)(SpiceMouseInstance *mouse, int dx, int dy, int dz, uint32_t buttons);
	void (*buttons)(SpiceMouseInstance *mouse, uint32_t buttons);
};

struct SpiceMouseInstance {
	SpiceBaseInstance base;
	SpiceMouseState *st;            /* the library's */
};

#define SPICE_INTERFACE_TABLET "tablet"
#define SPICE_INTERFACE_TABLET_MAJOR 1
#define SPICE_INTERFACE_TABLET_MINOR 1

typedef struct SpiceTabletInterface SpiceTabletInterface;
typedef struct SpiceTabletInstance SpiceTabletInstance;
typedef struct SpiceTabletState SpiceTabletState;

struct SpiceTabletInterface {
	SpiceBaseInterface base;
	void (*set_logical_size)(SpiceTabletInstance *tablet, int width, int height);
	void (*position)(SpiceTabletInstance *tablet, int x, int y, uint32_t buttons);
	void (*wheel)(SpiceTabletInstance *tablet, int dz, uint32_t buttons);
	void (*buttons)(SpiceTabletInstance *tablet, uint32_t buttons);
};

struct SpiceTabletInstance {
	SpiceBaseInstance base;
	SpiceTabletState *st;           /* the library's */
};

SPICE_END_DECLS

#endif
