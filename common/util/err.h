/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* err.h - the error codes that every fallible function of Clove returns. */
#ifndef CLOVE_UTIL_ERR_H
#define CLOVE_UTIL_ERR_H

enum clove_err {
	CLOVE_OK = 0,
	CLOVE_ERR_AGAIN,        /* nothing to read, or no room to write, just now */
	CLOVE_ERR_CLOSED,       /* the peer ended the conversation in order */
	CLOVE_ERR_SHORT,        /* input ends before what it promises */
	CLOVE_ERR_BOUNDS,       /* an offset, count or rectangle outside what holds it */
	CLOVE_ERR_VALUE,        /* a field holds a value that the specification does not have */
	CLOVE_ERR_LIMIT,        /* legal, but more than we are willing to take */
	CLOVE_ERR_STATE,        /* legal, but not now (wrong order, repeated, unknown id) */
	CLOVE_ERR_UNSUPPORTED,  /* known, and not offered */
	CLOVE_ERR_VERSION,      /* a protocol version that we do not speak */
	CLOVE_ERR_AUTH,         /* ticket wrong, expired or not set */
	CLOVE_ERR_REFUSED,      /* the peer refused; a link error code says why */
	CLOVE_ERR_TLS,          /* handshake, certificate or record failed */
	CLOVE_ERR_IO,           /* the operating system says no; errno or the log says why */
	CLOVE_ERR_NOMEM,
};

/* A peer's mistake is data: whoever calls must look at the answer. */
#define CLOVE_CHECKED __attribute__((warn_unused_result))

/* A few words for a log line or a dialog; never NULL. */
const char *clove_err_name(enum clove_err err);

#endif
