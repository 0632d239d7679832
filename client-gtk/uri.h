/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uri.h - where a server is, and how people write it: spice://, spice+tls://, spice+unix://. */
#ifndef CLOVE_CLIENT_GTK_URI_H
#define CLOVE_CLIENT_GTK_URI_H

#include <stdbool.h>
#include "common/util/err.h"

/* All zeroes is no address. A unix path, or a host with one or both ports. */
struct clove_address {
	char *host;          /* an IPv6 address without its brackets */
	char *unix_path;
	char *user;          /* for SASL */
	char *password;
	int port, tls_port;  /* 0: none */
};

/* CLOVE_ERR_VALUE with a sentence for people in *error (free with g_free). */
CLOVE_CHECKED enum clove_err clove_uri_parse(const char *text, struct clove_address *address,
		char **error);

/* The canonical form, without user and password. */
char *clove_uri_format(const struct clove_address *address);

/* 1..65535, or 0. */
int clove_port_parse(const char *text);

void clove_address_fini(struct clove_address *address);

#endif
