/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* settings.h - what one run of the viewer is to do: gathered from options, an address or a file. */
#ifndef CLOVE_CLIENT_GTK_SETTINGS_H
#define CLOVE_CLIENT_GTK_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "client-gtk/hotkeys.h"
#include "client-gtk/uri.h"

/* Documented in clove-viewer(1); scripts rely on them. */
enum clove_exit {
	CLOVE_EXIT_OK = 0,
	CLOVE_EXIT_USAGE = 1,          /* unknown option, no display */
	CLOVE_EXIT_BAD_TARGET = 2,     /* address or file of no use */
	CLOVE_EXIT_CONNECT = 3,        /* no connection, or the server is not SPICE */
	CLOVE_EXIT_TLS = 4,            /* its identity could not be proven */
	CLOVE_EXIT_AUTH = 5,           /* password wrong or expired */
	CLOVE_EXIT_NO_PICTURE = 6,     /* none within --wait-picture, or it could not be written */
	CLOVE_EXIT_DISCONNECTED = 7,   /* it worked, then the server went */
};

enum { CLOVE_USB_IMAGES_MOST = 8 };

/* A file that the guest gets as a USB stick or CD. */
struct clove_usb_image {
	char *path;
	bool is_writable, is_cd;
};

struct clove_settings {
	struct clove_address address;
	char *ca_file, *ca_pem;        /* ca_pem: the text of certificates */
	char *host_subject, *ciphers;
	char *title;                   /* %d is the number of the display */
	char *screenshot, *stats;      /* files to write */
	uint32_t secure_channels;      /* bit n: channel type n only over TLS */
	int wait_picture;              /* seconds; 0: no limit */
	int zoom;                      /* percent */
	bool is_file;                  /* from a connection file: its password may expire */
	bool is_full_screen, is_unscaled;
	bool exits_after_screenshot, exits_on_disconnect;
	bool waits;                    /* for the guest to start */
	bool is_usb_disabled;
	bool shares_usb;               /* what is plugged in while the guest has the keyboard is the guest's */
	char *usb_filter;              /* rules for that; NULL: all but keyboards and the like */
	char *usb_connect_filter;      /* rules for what is there when the session begins; NULL: none of it */
	struct clove_usb_image usb_images[CLOVE_USB_IMAGES_MOST];
	unsigned int n_usb_images;
	struct clove_hotkeys hotkeys;
};

void clove_settings_fini(struct clove_settings *settings);

/* Names of channels, or "all", between the given separators. CLOVE_ERR_VALUE with a sentence. */
CLOVE_CHECKED enum clove_err clove_secure_channels_parse(const char *text, const char *separators,
		uint32_t *channels, char **error);

/* Of usb_filter and usb_connect_filter: class,vendor,product,version,allow|... */
bool clove_usb_rules_are_valid(const char *rules);

#endif
