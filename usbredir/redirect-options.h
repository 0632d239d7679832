/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redirect-options.h - what clove-usbredirect was told: which device, and which peer. */
#ifndef CLOVE_USBREDIR_REDIRECT_OPTIONS_H
#define CLOVE_USBREDIR_REDIRECT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum redirect_source {
	REDIRECT_NOTHING, REDIRECT_DEVICE, REDIRECT_IMAGE, REDIRECT_KEYBOARD, REDIRECT_TABLET, REDIRECT_SERIAL,
	REDIRECT_AUDIO, REDIRECT_LIST,
};

struct redirect_options {
	enum redirect_source source;
	bool is_by_place;            /* bus and address, else vendor and product */
	uint16_t vendor, product;
	uint8_t bus, address;
	const char *image;
	bool is_writable, is_cd;
	bool listens;                /* else it connects */
	char *host;                  /* NULL: every address; or a unix socket's path */
	int port;                    /* -1: a unix socket */
	bool is_tls;
	const char *ca_file, *cert_file, *key_file, *host_subject;
	bool is_once;                /* ends with its first peer */
	bool is_verbose;
};

/* 0: go on; else the program ends: 1 all was said (help, version), 2 with a sentence on standard error. */
int redirect_options_parse(struct redirect_options *options, int argc, char **argv);
void redirect_options_fini(struct redirect_options *options);

#endif
