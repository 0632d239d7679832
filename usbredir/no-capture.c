/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* no-capture.c - a build without libusb: no device of this machine, and it says so. */
#include "usbredir/capture.h"

#include <string.h>
#include <unistd.h>

struct clove_capture *clove_capture_new(struct clove_loop *loop, const struct clove_capture_events *events,
		void *owner, char **error)
{
	(void)loop;
	(void)events;
	(void)owner;
	*error = strdup("No USB devices of this machine: this Clove was built without libusb.");
	return NULL;
}

void clove_capture_free(struct clove_capture *capture)
{
	(void)capture;
}

void clove_capture_look(struct clove_capture *capture)
{
	(void)capture;
}

void clove_capture_open(struct clove_capture *capture, uint64_t id, int take_fd, clove_capture_opened_fn opened,
		void *opaque)
{
	(void)capture;
	(void)id;
	if (take_fd >= 0)
		close(take_fd);
	opened(opaque, NULL, CLOVE_ERR_UNSUPPORTED, "this Clove was built without libusb");
}

void clove_capture_forget(struct clove_capture *capture, void *opaque)
{
	(void)capture;
	(void)opaque;
}
