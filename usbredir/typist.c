/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* typist.c - which keys of a US keyboard make a character, and how fast they are pressed. */
#include "usbredir/typist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/buf.h"

enum { PACE = 15, WAIT = 250, LEFT_SHIFT = 0xe1, MOST_WAITING = 64 << 10 }; /* ms; bytes */

struct typist {
	struct clove_loop *loop;
	int fd;
	bool is_tablet, is_down, is_at_end;
	struct clove_usb_device *device;
	struct clove_watch *watch;
	struct clove_timer *timer;
	struct clove_buf text;
};

/* HID usage tables, page 7: digits and letters first, then what lies between and behind. */
static uint8_t usage_of(char c, bool *is_shifted)
{
	static const char keys[] = "\n\x1b\b\t -=[]\\#;'`,./";            /* from 0x28 on */
	static const char shifted[] = " _+{}| :\"~<>?";                     /* from 0x2c on */
	static const char digits[] = "1234567890", above[] = "!@#$%^&*()";
	const char *at;

	*is_shifted = false;
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(0x04 + c - 'a');
	if (c >= 'A' && c <= 'Z') {
		*is_shifted = true;
		return (uint8_t)(0x04 + c - 'A');
	}
	if (!c)
		return 0;
	if ((at = strchr(digits, c)))
		return (uint8_t)(0x1e + (at - digits));
	if ((at = strchr(above, c))) {
		*is_shifted = true;
		return (uint8_t)(0x1e + (at - above));
	}
	if ((at = strchr(keys, c)))
		return (uint8_t)(0x28 + (at - keys));
	if ((at = strchr(shifted, c))) {
		*is_shifted = true;
		return (uint8_t)(0x2c + (at - shifted));
	}
	return 0;
}

static void key(struct typist *typist)
{
	bool is_shifted;
	uint8_t usage = usage_of((char)typist->text.data[0], &is_shifted);

	typist->is_down = !typist->is_down && usage;
	if (usage && is_shifted)
		clove_usb_keyboard_key(typist->device, LEFT_SHIFT, typist->is_down);
	if (usage)
		clove_usb_keyboard_key(typist->device, usage, typist->is_down);
	if (!typist->is_down)
		clove_buf_consume(&typist->text, 1);
}

/* False: the line is not whole yet. */
static bool move(struct typist *typist)
{
	const uint8_t *end = memchr(typist->text.data, '\n', typist->text.len);
	size_t len = end ? (size_t)(end - typist->text.data) : 0;
	unsigned int x, y, buttons = 0;
	int wheel = 0;
	char line[64];

	if (!end)
		return false;
	snprintf(line, sizeof line, "%.*s", (int)(len > 63 ? 63 : len), (const char *)typist->text.data);
	clove_buf_consume(&typist->text, len + 1);
	if (sscanf(line, "%u %u %u %d", &x, &y, &buttons, &wheel) >= 2)
		clove_usb_tablet_move(typist->device, x > 32767 ? 32767 : (uint16_t)x, y > 32767 ? 32767 : (uint16_t)y,
				(uint8_t)buttons, (int8_t)(wheel > 127 ? 127 : wheel < -127 ? -127 : wheel));
	else
		fprintf(stderr, "clove-usbredirect: \"%s\" is no movement: give X Y [BUTTONS [WHEEL]]\n", line);
	return true;
}

static void on_timer(void *opaque)
{
	struct typist *typist = opaque;

	if (typist->watch && typist->text.len < MOST_WAITING)
		clove_watch_set(typist->loop, typist->watch, CLOVE_READ);
	if (!typist->device || !typist->text.len)
		return;
	if (!typist->device->shape.configuration) {
		clove_timer_start(typist->loop, typist->timer, WAIT);
		return;
	}
	if (!typist->is_tablet)
		key(typist);
	else if (!move(typist))
		return;
	clove_timer_start(typist->loop, typist->timer, PACE);
}

static void read_some(struct typist *typist)
{
	uint8_t *room = clove_buf_reserve(&typist->text, 4096);
	ssize_t n = room ? read(typist->fd, room, 4096) : -1;

	if (n <= 0) {
		typist->is_at_end = true;
		clove_watch_remove(typist->loop, typist->watch);
		typist->watch = NULL;
		return;
	}
	typist->text.len += (size_t)n;
	clove_timer_start(typist->loop, typist->timer, PACE);
}

static void on_readable(void *opaque, int fd, int events)
{
	struct typist *typist = opaque;

	(void)fd;
	(void)events;
	if (typist->text.len < MOST_WAITING)
		read_some(typist);
	else
		clove_watch_set(typist->loop, typist->watch, 0);
}

struct typist *typist_new(struct clove_loop *loop, int fd, bool is_tablet)
{
	struct typist *typist = calloc(1, sizeof *typist);

	if (!typist)
		return NULL;
	*typist = (struct typist){ .loop = loop, .fd = fd, .is_tablet = is_tablet };
	typist->timer = clove_timer_add(loop, on_timer, typist);
	if (!typist->timer) {
		typist_free(typist);
		return NULL;
	}
	return typist;
}

void typist_free(struct typist *typist)
{
	if (!typist)
		return;
	clove_watch_remove(typist->loop, typist->watch);
	clove_timer_remove(typist->loop, typist->timer);
	clove_buf_fini(&typist->text);
	free(typist);
}

void typist_set_device(struct typist *typist, struct clove_usb_device *device)
{
	typist->device = device;
	typist->is_down = false;
	if (device && !typist->watch && !typist->is_at_end) {
		typist->watch = clove_watch_add(typist->loop, typist->fd, CLOVE_READ, on_readable, typist);
		while (!typist->watch && !typist->is_at_end)
			read_some(typist);       /* a file: no loop can watch it, and it does not wait */
	} else if (!device) {
		clove_watch_remove(typist->loop, typist->watch);
		typist->watch = NULL;
	}
	if (device)
		clove_timer_start(typist->loop, typist->timer, WAIT);
}
