/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redir.h - connections that carry usbredir: kept open, opened again, and their devices handed on. */
#ifndef CLOVE_DAEMON_REDIR_H
#define CLOVE_DAEMON_REDIR_H

#include <stdbool.h>
#include "common/net/tls.h"
#include "common/util/loop.h"
#include "usb/device.h"

enum clove_redir_kind {
	CLOVE_REDIR_UNIX,
	CLOVE_REDIR_TCP,
	CLOVE_REDIR_TLS,
	CLOVE_REDIR_BRIDGE,           /* a unix socket of the server library: says "CLOVEUSB" first */
	CLOVE_REDIR_LISTEN_UNIX,
	CLOVE_REDIR_LISTEN_TCP,
};

struct clove_redir_target {
	enum clove_redir_kind kind;
	char *host;                   /* or path */
	int port;
	char *name;                   /* as it was given */
};

/* "unix:PATH", "tcp:HOST:PORT", "tls:HOST:PORT", "listen-unix:PATH", "listen-tcp:HOST:PORT". */
bool clove_redir_target_parse(const char *text, struct clove_redir_target *target, char **error);
void clove_redir_target_fini(struct clove_redir_target *target);

struct clove_redir;

/* A device has come; false: there is no place for it (it was freed). */
typedef bool (*clove_redir_plug_fn)(void *owner, struct clove_usb_device *take_device);

/* The target and `tls` (NULL: none) are borrowed. Listening can fail: NULL with a sentence. */
struct clove_redir *clove_redir_new(struct clove_loop *loop, const struct clove_redir_target *target,
		struct clove_tls *tls, clove_redir_plug_fn plug, void *owner, char **error);
void clove_redir_free(struct clove_redir *redir);  /* its device leaves; takes NULL */
/* Sends what has come up since the last call: at the end of a turn of the loop. */
void clove_redir_flush(struct clove_redir *redir);

#endif
