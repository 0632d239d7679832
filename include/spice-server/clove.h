/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove.h - what this library can do beyond the SPICE server's ABI. A VMM that runs on other servers too looks
 * each function up with dlsym().
 *
 * The USB bridge, as a process beside the VMM sees it (docs/usb.md says more):
 *
 *   A unix stream socket of mode 0600, for peers of the library's own uid and root. The peer begins with 8 bytes:
 *
 *   "CLOVEUSB"  From now on the connection is one usbredir channel, offered to the viewer as a place for one
 *               device. Bytes are carried both ways unread; the peer is usbredir's guest side. It may send its
 *               hello at once: up to 64 KiB are kept until a viewer links the channel. The first byte that
 *               arrives says that a viewer is there. When the viewer leaves, the connection is closed: whoever
 *               wants to be a place for the next viewer's device connects again, with a new hello.
 *   "CLOVEWAK"  Each byte 1 asks that the guest be woken, by the System Wake key, and is answered by a byte:
 *               1 done, 0 refused (the VM has no keyboard, or is stopped).
 *
 *   At most 64 connections at a time; one that says none of this for 10 s, or anything else, is closed.
 */
#ifndef CLOVE_EXTENSIONS_H
#define CLOVE_EXTENSIONS_H

#include "spice-server.h"

SPICE_BEGIN_DECLS

/* Opens the USB bridge at `path`, instead of one that is open; NULL closes it. After spice_server_init(), which
 * opens it by itself where the environment variable CLOVE_USB_SOCKET has a path. A socket that was left behind is
 * replaced. -1 with a line in the log: another process listens there, or the path cannot be used. */
int clove_server_set_usb_bridge(SpiceServer *server, const char *path);

SPICE_END_DECLS

#endif
