/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h - a device of usb/ served as usbredir packets: the side that has the device.
 *
 * Owns no socket: its owner feeds what the peer sent, and is told when there is something to send. One host
 * lives as long as its connection; devices come and go on it, one at a time.
 */
#ifndef CLOVE_USBREDIR_HOST_H
#define CLOVE_USBREDIR_HOST_H

#include <stdbool.h>
#include "common/util/loop.h"
#include "usb/device.h"
#include "usbredir/parser.h"

struct clove_usb_host;

struct clove_usb_host_events {
	/* There are bytes to send (clove_usb_host_output); said once until they have been taken. */
	void (*output)(void *owner);
	/* The device left the connection and was freed; `why` is a sentence for people, "" if it was asked for. */
	void (*device_left)(void *owner, const char *why);
	/* The peer sent its rules, or (NULL) refused the device: device_left follows. May be NULL. */
	void (*filter)(void *owner, const char *rules);
};

/* The hello is in the output at once. The loop is the home; timers of iso streams run there. */
struct clove_usb_host *clove_usb_host_new(struct clove_loop *loop, const struct clove_usb_host_events *events,
		void *owner);
void clove_usb_host_free(struct clove_usb_host *host); /* frees the device too; takes NULL */

/* Takes the device, on failure too. It is offered as soon as the peer's hello is here. CLOVE_ERR_STATE: there is
 * one already. CLOVE_ERR_REFUSED: the peer's rules deny it. */
CLOVE_CHECKED enum clove_err clove_usb_host_plug(struct clove_usb_host *host, struct clove_usb_device *take_device);
/* The device is told to leave; device_left follows, perhaps from inside. */
void clove_usb_host_unplug(struct clove_usb_host *host);
struct clove_usb_device *clove_usb_host_device(const struct clove_usb_host *host); /* or NULL */

/* As the parser's; errors are those of the peer: the connection should then be closed. */
CLOVE_CHECKED enum clove_err clove_usb_host_feed(struct clove_usb_host *host, struct clove_bytes bytes);
const char *clove_usb_host_error(const struct clove_usb_host *host);
int clove_usb_host_output(const struct clove_usb_host *host, struct iovec *iov, int n);
void clove_usb_host_sent(struct clove_usb_host *host, size_t len);
size_t clove_usb_host_unsent(const struct clove_usb_host *host);

#endif
