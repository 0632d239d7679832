/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ticket.c - RSA-1024 with OAEP and SHA-1: weak by today's measure, and what the protocol says. */
#include "common/net/ticket.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "common/net/openssl.h"

struct clove_ticket {
	atomic_uint refs;
	EVP_PKEY *key;
	uint8_t der[CLOVE_TICKET_KEY_SIZE];
};

struct clove_ticket *clove_ticket_new(void)
{
	struct clove_ticket *ticket = calloc(1, sizeof *ticket);

	if (!ticket)
		return NULL;
	clove_openssl_init();
	atomic_init(&ticket->refs, 1);
	ticket->key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)CLOVE_TICKET_SIZE * 8);

	uint8_t *der = ticket->der;

	if (!ticket->key || i2d_PUBKEY(ticket->key, NULL) != CLOVE_TICKET_KEY_SIZE ||
			i2d_PUBKEY(ticket->key, &der) != CLOVE_TICKET_KEY_SIZE) {
		clove_ticket_unref(ticket);
		return NULL;
	}
	return ticket;
}

struct clove_ticket *clove_ticket_ref(struct clove_ticket *ticket)
{
	atomic_fetch_add(&ticket->refs, 1);
	return ticket;
}

void clove_ticket_unref(struct clove_ticket *ticket)
{
	if (!ticket || atomic_fetch_sub(&ticket->refs, 1) != 1)
		return;
	EVP_PKEY_free(ticket->key);
	free(ticket);
}

const uint8_t *clove_ticket_public_key(const struct clove_ticket *ticket)
{
	return ticket->der;
}

static bool set_oaep(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
			EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) > 0 &&
			EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) > 0;
}

enum clove_err clove_ticket_open(struct clove_ticket *ticket,
		const uint8_t sealed[CLOVE_TICKET_SIZE], char password[128])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ticket->key, NULL);
	uint8_t plain[CLOVE_TICKET_SIZE];
	size_t len = sizeof plain;
	enum clove_err err = CLOVE_ERR_AUTH;

	memset(password, 0, 128);
	if (!ctx)
		return CLOVE_ERR_NOMEM;
	/* OAEP leaves 86 bytes at most; what follows a NUL is not looked at. */
	if (EVP_PKEY_decrypt_init(ctx) > 0 && set_oaep(ctx) &&
			EVP_PKEY_decrypt(ctx, plain, &len, sealed, CLOVE_TICKET_SIZE) > 0 && len < 128) {
		memcpy(password, plain, len);
		err = CLOVE_OK;
	}
	OPENSSL_cleanse(plain, sizeof plain);
	ERR_clear_error(); /* or the next TLS call of this thread would find it */
	EVP_PKEY_CTX_free(ctx);
	return err;
}

enum clove_err clove_ticket_seal(const uint8_t key[CLOVE_TICKET_KEY_SIZE],
		const char *password, uint8_t sealed[CLOVE_TICKET_SIZE])
{
	const char *text = password ? password : "";
	size_t len = strnlen(text, CLOVE_TICKET_PASSWORD_MAX + 1), out = CLOVE_TICKET_SIZE;
	const uint8_t *der = key;
	EVP_PKEY_CTX *ctx = NULL;
	enum clove_err err = CLOVE_ERR_VALUE;

	if (len > CLOVE_TICKET_PASSWORD_MAX)
		return CLOVE_ERR_LIMIT;
	clove_openssl_init();

	EVP_PKEY *public = d2i_PUBKEY(NULL, &der, CLOVE_TICKET_KEY_SIZE);

	if (public && EVP_PKEY_is_a(public, "RSA") && EVP_PKEY_get_size(public) == CLOVE_TICKET_SIZE)
		ctx = EVP_PKEY_CTX_new(public, NULL);
	if (ctx && EVP_PKEY_encrypt_init(ctx) > 0 && set_oaep(ctx) &&
			EVP_PKEY_encrypt(ctx, sealed, &out, (const uint8_t *)text, len + 1) > 0 &&
			out == CLOVE_TICKET_SIZE)
		err = CLOVE_OK;
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
	return err;
}
