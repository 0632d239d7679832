/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ticket.h - the RSA-encrypted password of the link stage (spice-wire 3.2), by OpenSSL. */
#ifndef CLOVE_NET_TICKET_H
#define CLOVE_NET_TICKET_H

#include "common/util/bytes.h"
#include "common/util/err.h"

enum {
	CLOVE_TICKET_KEY_SIZE = 162,     /* DER SubjectPublicKeyInfo of an RSA-1024 key */
	CLOVE_TICKET_SIZE = 128,
	CLOVE_TICKET_PASSWORD_MAX = 60,
};

struct clove_ticket; /* a private key; shared by reference (TLS links may share one) */

/* Makes a fresh RSA-1024 key, exponent 65537: milliseconds of CPU; not on QEMU's thread. */
struct clove_ticket *clove_ticket_new(void);
struct clove_ticket *clove_ticket_ref(struct clove_ticket *ticket);
void clove_ticket_unref(struct clove_ticket *ticket);
const uint8_t *clove_ticket_public_key(const struct clove_ticket *ticket);
/* Decrypts into a C string. CLOVE_ERR_AUTH if it does not decrypt. */
CLOVE_CHECKED enum clove_err clove_ticket_open(struct clove_ticket *ticket,
		const uint8_t sealed[CLOVE_TICKET_SIZE], char password[128]);

/* The client's side. CLOVE_ERR_LIMIT for a password over 60 bytes, CLOVE_ERR_VALUE for a key
 * that is none. */
CLOVE_CHECKED enum clove_err clove_ticket_seal(const uint8_t key[CLOVE_TICKET_KEY_SIZE],
		const char *password, uint8_t sealed[CLOVE_TICKET_SIZE]);

#endif
