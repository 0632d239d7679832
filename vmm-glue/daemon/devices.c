/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* devices.c - the words of a device's description, and the device that each kind becomes. */
#include "vmm-glue/daemon/devices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void clove_explain(char **error, const char *format, ...)
{
	va_list args;

	free(*error);
	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
}

static const struct {
	const char *name;
	struct clove_usb_device *(*make)(void); /* NULL: made from a file */
} kinds[CLOVE_DEVICE_KINDS] = {
	[CLOVE_DEVICE_STORAGE]  = { "storage",  NULL },
	[CLOVE_DEVICE_KEYBOARD] = { "keyboard", clove_usb_keyboard_new },
	[CLOVE_DEVICE_TABLET]   = { "tablet",   clove_usb_tablet_new },
	[CLOVE_DEVICE_SERIAL]   = { "serial",   clove_usb_serial_new },
	[CLOVE_DEVICE_AUDIO]    = { "audio",    clove_usb_audio_new },
};

/* Copies up to a single comma into `word` (as long as `from`); where to go on, or NULL at the end. */
static const char *next_word(const char *from, char *word)
{
	for (; *from; from++) {
		if (*from == ',' && *++from != ',') {
			*word = 0;
			return from;
		}
		*word++ = *from;
	}
	*word = 0;
	return NULL;
}

static bool set_switch(bool *flag, const char *key, const char *value, char **error)
{
	if (strcmp(value, "on") && strcmp(value, "off")) {
		clove_explain(error, "%s=%s: say on or off", key, value);
		return false;
	}
	*flag = !strcmp(value, "on");
	return true;
}

static bool set_key(struct clove_device_spec *spec, char *word, char **error)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	if (spec->kind == CLOVE_DEVICE_STORAGE && value) {
		if (!strcmp(word, "writable"))
			return set_switch(&spec->is_writable, word, value, error);
		if (!strcmp(word, "cd"))
			return set_switch(&spec->is_cd, word, value, error);
		if (!strcmp(word, "file")) {
			free(spec->file);
			spec->file = strdup(value);
			return spec->file;
		}
	}
	clove_explain(error, "a device \"%s\" takes no \"%s%s\"%s", kinds[spec->kind].name, word, value ? "=" : "",
			spec->kind == CLOVE_DEVICE_STORAGE ? " (it takes file=, writable=on and cd=on)" : "");
	return false;
}

bool clove_device_spec_parse(const char *text, struct clove_device_spec *spec, char **error)
{
	char *word = malloc(strlen(text) + 1);
	const char *rest = word ? next_word(text, word) : NULL;
	int kind = 0;
	bool is_fine = word;

	*error = NULL;
	*spec = (struct clove_device_spec){ .kind = CLOVE_DEVICE_KINDS };
	while (is_fine && kind < CLOVE_DEVICE_KINDS && strcmp(word, kinds[kind].name))
		kind++;
	if (is_fine && kind == CLOVE_DEVICE_KINDS) {
		clove_explain(error, "there is no device \"%s\": say storage,file=FILE or keyboard, tablet, serial, audio",
				word);
		is_fine = false;
	}
	spec->kind = (enum clove_device_kind)kind;
	while (is_fine && rest) {
		rest = next_word(rest, word);
		is_fine = set_key(spec, word, error);
	}
	if (is_fine && kind == CLOVE_DEVICE_STORAGE && (!spec->file || !spec->file[0])) {
		clove_explain(error, "a storage needs its file: storage,file=FILE");
		is_fine = false;
	}
	if (is_fine && spec->is_writable && spec->is_cd) {
		clove_explain(error, "a CD cannot be writable: leave out cd=on or writable=on");
		is_fine = false;
	}
	free(word);
	if (!is_fine)
		clove_device_spec_fini(spec);
	return is_fine;
}

void clove_device_spec_fini(struct clove_device_spec *spec)
{
	free(spec->file);
	spec->file = NULL;
}

struct clove_usb_device *clove_device_new(const struct clove_device_spec *spec, int fd,
		struct clove_loop *loop, char **error)
{
	struct clove_usb_device *device = NULL;

	*error = NULL;
	if (spec->kind < CLOVE_DEVICE_KINDS && kinds[spec->kind].make) {
		device = kinds[spec->kind].make();
	} else if (spec->kind == CLOVE_DEVICE_STORAGE) {
		struct clove_usb_storage_options options = {
			.path = spec->file,
			.kind = spec->is_cd ? CLOVE_USB_STORAGE_CD : CLOVE_USB_STORAGE_GUESS,
			.is_writable = spec->is_writable,
			.fd = fd,
			.loop = loop,
		};

		device = clove_usb_storage_new(&options, error);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	if (!device && !*error)
		clove_explain(error, "no memory for the device");
	return device;
}
