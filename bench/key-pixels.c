/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* key-pixels - how long after a key press the pixels of a window change.
 *
 *   key-pixels WINDOW HOLD-MS COUNT
 *
 * Presses keys as an input device does (XTEST) into the window that has the focus, and waits
 * for the X server's word (DAMAGE) that other pixels are in WINDOW. Prints one line for each
 * key: milliseconds from the press to the change, or "lost" when none came within 2 s.
 * The window must lie wholly on the screen. Exit: 0, or 2 if that cannot be measured here.
 */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XTest.h>
#include <X11/extensions/Xdamage.h>
#include <X11/keysym.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUIET_MS = 120, LOST_MS = 2000, MOST_SETTLE_MS = 5000, KEYS_PER_LINE = 40 };

struct watch {
	Display *x;
	Window window;
	int damage_event;
	XImage *seen;           /* what the window showed last */
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ignore(Display *x, XErrorEvent *error)
{
	(void)x;
	(void)error;
	return 0;
}

static void die(const char *why)
{
	fprintf(stderr, "key-pixels: %s\n", why);
	exit(2);
}

/* Do the pixels of this rectangle differ from those seen last? Remembers what is there now. */
static bool changed(struct watch *w, int x, int y, int width, int height)
{
	bool differ = false;
	XImage *now;

	x = x < 0 ? 0 : x;
	y = y < 0 ? 0 : y;
	width = width < w->seen->width - x ? width : w->seen->width - x;
	height = height < w->seen->height - y ? height : w->seen->height - y;
	if (width <= 0 || height <= 0 || !(now = XGetImage(w->x, w->window, x, y, (unsigned)width,
			(unsigned)height, AllPlanes, ZPixmap)))
		return false;
	for (int row = 0; row < height; row++)
		for (int column = 0; column < width; column++) {
			unsigned long pixel = XGetPixel(now, column, row);

			if (pixel == XGetPixel(w->seen, x + column, y + row))
				continue;
			differ = true;
			XPutPixel(w->seen, x + column, y + row, pixel);
		}
	XDestroyImage(now);
	return differ;
}

/* Until other pixels are there, or until that time. */
static bool wait_change(struct watch *w, double until, double *when)
{
	struct pollfd fd = { .fd = ConnectionNumber(w->x), .events = POLLIN };

	for (;;) {
		while (XPending(w->x)) {
			XEvent event;
			double arrived = now_ms();

			XNextEvent(w->x, &event);
			if (event.type == w->damage_event) {
				const XRectangle *area = &((XDamageNotifyEvent *)&event)->area;

				if (changed(w, area->x, area->y, area->width, area->height)) {
					*when = arrived;
					return true;
				}
			}
		}
		double left = until - now_ms();

		if (left <= 0)
			return false;
		poll(&fd, 1, (int)left + 1);
	}
}

/* Until nothing has changed for a while. */
static void settle(struct watch *w)
{
	double end = now_ms() + MOST_SETTLE_MS, when;

	while (now_ms() < end && wait_change(w, now_ms() + QUIET_MS, &when))
		;
}

static void press(struct watch *w, KeyCode key, bool down)
{
	XTestFakeKeyEvent(w->x, key, down, CurrentTime);
	XFlush(w->x);
}

/* One key, held so long; milliseconds until the change, or a negative number. */
static double measure(struct watch *w, KeyCode key, int hold_ms)
{
	double began = now_ms(), when = -1;
	bool seen;

	press(w, key, true);
	seen = wait_change(w, began + hold_ms, &when);
	while (now_ms() < began + hold_ms)
		poll(NULL, 0, (int)(began + hold_ms - now_ms()) + 1);
	press(w, key, false);
	if (!seen)
		seen = wait_change(w, began + LOST_MS, &when);
	return seen ? when - began : -1;
}

int main(int argc, char **argv)
{
	struct watch w = { 0 };
	XWindowAttributes shape;
	int error, hold_ms, count;

	if (argc != 4 || (hold_ms = atoi(argv[2])) <= 0 || (count = atoi(argv[3])) <= 0) {
		fprintf(stderr, "usage: key-pixels WINDOW HOLD-MS COUNT\n");
		return 2;
	}
	w.window = strtoul(argv[1], NULL, 0);
	if (!(w.x = XOpenDisplay(NULL)))
		die("no X display");
	XSetErrorHandler(ignore);
	if (!XTestQueryExtension(w.x, &error, &error, &error, &error) ||
			!XDamageQueryExtension(w.x, &w.damage_event, &error))
		die("this X server lacks XTEST or DAMAGE");
	w.damage_event += XDamageNotify;
	if (!XGetWindowAttributes(w.x, w.window, &shape) || !XDamageCreate(w.x, w.window,
			XDamageReportRawRectangles) || !(w.seen = XGetImage(w.x, w.window, 0, 0,
			(unsigned)shape.width, (unsigned)shape.height, AllPlanes, ZPixmap)))
		die("the window cannot be watched; is it wholly on the screen?");

	srand((unsigned)time(NULL));
	for (int i = 0; i < count; i++) {
		KeySym letter = XK_a + (KeySym)(rand() % 26);
		double took;

		settle(&w);
		/* so that no timer on the way keeps in step with us */
		poll(NULL, 0, rand() % 60);
		took = measure(&w, XKeysymToKeycode(w.x, letter), hold_ms);
		if (took < 0)
			puts("lost");
		else
			printf("%.2f\n", took);
		fflush(stdout);
		if (i % KEYS_PER_LINE == KEYS_PER_LINE - 1 || i == count - 1) {
			/* clears the line that the guest's shell has collected */
			press(&w, XKeysymToKeycode(w.x, XK_Control_L), true);
			press(&w, XKeysymToKeycode(w.x, XK_u), true);
			press(&w, XKeysymToKeycode(w.x, XK_u), false);
			press(&w, XKeysymToKeycode(w.x, XK_Control_L), false);
			XSync(w.x, False);
			poll(NULL, 0, 300);
		}
	}
	XDestroyImage(w.seen);
	XCloseDisplay(w.x);
	return 0;
}
