/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* devices.h - which software devices the daemon has, and how they are written: "storage,file=disk.img,writable=on". */
#ifndef CLOVE_DAEMON_DEVICES_H
#define CLOVE_DAEMON_DEVICES_H

#include <stdbool.h>
#include "usb/software.h"

enum clove_device_kind {
	CLOVE_DEVICE_STORAGE,
	CLOVE_DEVICE_KEYBOARD,
	CLOVE_DEVICE_TABLET,
	CLOVE_DEVICE_SERIAL,
	CLOVE_DEVICE_AUDIO,
	CLOVE_DEVICE_KINDS,
	CLOVE_DEVICE_REMOTE = CLOVE_DEVICE_KINDS, /* of usbredir */
};

struct clove_device_spec {
	enum clove_device_kind kind;
	char *file;                   /* of storage */
	bool is_writable, is_cd;
};

/* False with a sentence in *error (free it). A comma in a value is written twice. */
bool clove_device_spec_parse(const char *text, struct clove_device_spec *spec, char **error);
void clove_device_spec_fini(struct clove_device_spec *spec);

/* `take_fd`: the opened file of a storage, or -1. NULL with a sentence in *error. */
struct clove_usb_device *clove_device_new(const struct clove_device_spec *spec, int take_fd,
		struct clove_loop *loop, char **error);

/* A sentence for people into *error; NULL in it without memory. */
void clove_explain(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
