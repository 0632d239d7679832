/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* openssl.h - how OpenSSL is started: without an exit handler that our threads would race with. */
#ifndef CLOVE_NET_OPENSSL_H
#define CLOVE_NET_OPENSSL_H

#include <openssl/crypto.h>

/* Before any other call of OpenSSL. A VMM ends by exit() while our threads still run. */
static inline void clove_openssl_init(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

#endif
