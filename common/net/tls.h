/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls.h - TLS 1.2 and newer over another byte stream, by OpenSSL; contexts of both roles. */
#ifndef CLOVE_NET_TLS_H
#define CLOVE_NET_TLS_H

#include <stdbool.h>
#include "common/net/stream.h"

/* A context; used from one thread at a time, its streams from their owners'. Streams keep what
 * they need of it: it may be freed before them. */
struct clove_tls;

struct clove_tls_server_options {
	const char *ca_file, *cert_file, *key_file;  /* PEM; none may be NULL */
	const char *key_password, *dh_file, *ciphers; /* NULL: none */
};

struct clove_tls_client_options {
	const char *ca_file;    /* NULL: none */
	const char *ca_pem;     /* PEM text, in addition; NULL: none. Neither: the system's CAs */
	const char *host;       /* SNI and name check; not for a proxy's opaque token */
	const char *subject;    /* "O=..,CN=.."; then the host name is not looked at. Neither host nor
	                         * subject: whoever the CA signs is trusted */
	const char *ciphers;
};

/* NULL on failure with a sentence for people in *error (free it): which file and why. */
struct clove_tls *clove_tls_server_new(const struct clove_tls_server_options *o, char **error);
struct clove_tls *clove_tls_client_new(const struct clove_tls_client_options *o, char **error);
void clove_tls_free(struct clove_tls *tls);

/* Stacks TLS upon `take_below`, which it owns from now on, on failure too (NULL without memory).
 * Client streams of one context resume its last session. stream->error names the reason of a
 * failed handshake: unknown CA, expired (dates), subject (both), host name (names). */
struct clove_stream *clove_tls_stream_new(struct clove_tls *tls, struct clove_stream *take_below);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384", and whether the session was resumed. */
const char *clove_tls_stream_version(const struct clove_stream *s, bool *resumed);

#endif
