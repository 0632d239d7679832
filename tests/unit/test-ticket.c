/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ticket.c - passwords there and back, and keys and tickets that are none. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include "common/net/ticket.h"
#include "tests/unit/net-fixture.h"

static struct clove_ticket *ticket;

static void make_ticket(void)
{
	ticket = clove_ticket_new();
	ck_assert_ptr_nonnull(ticket);
}

static void drop_ticket(void)
{
	clove_ticket_unref(ticket);
}

static const char *const passwords[] = {
	"", "a", "correct horse", "\xc3\xa4\xc3\xb6\xc3\xbc",
	"012345678901234567890123456789012345678901234567890123456789", /* 60 */
};

START_TEST(test_ticket_carries_a_password)
{
	uint8_t sealed[CLOVE_TICKET_SIZE];
	char password[128];

	ck_assert_int_eq(clove_ticket_seal(clove_ticket_public_key(ticket), passwords[_i], sealed), CLOVE_OK);
	ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_OK);
	ck_assert_str_eq(password, passwords[_i]);
}
END_TEST

START_TEST(test_ticket_no_password_is_an_empty_one)
{
	uint8_t sealed[CLOVE_TICKET_SIZE];
	char password[128];

	ck_assert_int_eq(clove_ticket_seal(clove_ticket_public_key(ticket), NULL, sealed), CLOVE_OK);
	ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_OK);
	ck_assert_str_eq(password, "");
}
END_TEST

START_TEST(test_ticket_refuses_long_passwords)
{
	uint8_t sealed[CLOVE_TICKET_SIZE];
	char password[62];

	memset(password, 'x', 61);
	password[61] = '\0';
	ck_assert_int_eq(clove_ticket_seal(clove_ticket_public_key(ticket), password, sealed),
			CLOVE_ERR_LIMIT);
}
END_TEST

START_TEST(test_ticket_refuses_what_does_not_decrypt)
{
	uint8_t sealed[CLOVE_TICKET_SIZE] = { 0 };
	char password[128] = "left over";

	ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_ERR_AUTH);
	ck_assert_str_eq(password, "");
	memset(sealed, 0xff, sizeof sealed);
	ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_ERR_AUTH);

	struct clove_ticket *other = clove_ticket_new();
	ck_assert_ptr_nonnull(other);
	ck_assert_int_eq(clove_ticket_seal(clove_ticket_public_key(other), "x", sealed), CLOVE_OK);
	ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_ERR_AUTH);
	clove_ticket_unref(other);
}
END_TEST

/* Bytes behind the NUL, and no NUL at all: both are the same C string (spice-wire 3.2). */
START_TEST(test_ticket_compares_as_c_strings)
{
	static const struct { const char *bytes; size_t len; } plain[] = {
		{ "secret", 6 }, { "secret\0tail", 11 }, { "secret\0", 7 },
	};

	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		const uint8_t *der = clove_ticket_public_key(ticket);
		EVP_PKEY *key = d2i_PUBKEY(NULL, &der, CLOVE_TICKET_KEY_SIZE);
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
		uint8_t sealed[CLOVE_TICKET_SIZE];
		size_t len = sizeof sealed;
		char password[128];

		ck_assert_int_gt(EVP_PKEY_encrypt_init(ctx), 0);
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 0);
		ck_assert_int_gt(EVP_PKEY_encrypt(ctx, sealed, &len, (const uint8_t *)plain[i].bytes,
				plain[i].len), 0);
		ck_assert_int_eq(clove_ticket_open(ticket, sealed, password), CLOVE_OK);
		ck_assert_str_eq(password, "secret");
		EVP_PKEY_CTX_free(ctx);
		EVP_PKEY_free(key);
	}
}
END_TEST

START_TEST(test_ticket_refuses_keys_that_are_none)
{
	uint8_t key[CLOVE_TICKET_KEY_SIZE], sealed[CLOVE_TICKET_SIZE];

	memset(key, 0, sizeof key);
	ck_assert_int_eq(clove_ticket_seal(key, "x", sealed), CLOVE_ERR_VALUE);
	for (size_t i = 0; i < 40; i++) {
		memcpy(key, clove_ticket_public_key(ticket), sizeof key);
		key[i] ^= 0x41;
		enum clove_err err = clove_ticket_seal(key, "x", sealed);
		ck_assert(err == CLOVE_OK || err == CLOVE_ERR_VALUE);
	}
}
END_TEST

START_TEST(test_ticket_key_is_what_the_wire_wants)
{
	static const uint8_t start[] = { 0x30, 0x81, 0x9f, 0x30, 0x0d, 0x06, 0x09 };
	const uint8_t *key = clove_ticket_public_key(ticket);

	ck_assert_mem_eq(key, start, sizeof start);
	ck_assert_mem_eq(key + CLOVE_TICKET_KEY_SIZE - 5, "\x02\x03\x01\x00\x01", 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket");
	TCase *tests = tcase_create("ticket");

	tcase_add_checked_fixture(tests, make_ticket, drop_ticket);
	tcase_add_loop_test(tests, test_ticket_carries_a_password, 0,
			sizeof passwords / sizeof passwords[0]);
	tcase_add_test(tests, test_ticket_no_password_is_an_empty_one);
	tcase_add_test(tests, test_ticket_refuses_long_passwords);
	tcase_add_test(tests, test_ticket_refuses_what_does_not_decrypt);
	tcase_add_test(tests, test_ticket_compares_as_c_strings);
	tcase_add_test(tests, test_ticket_refuses_keys_that_are_none);
	tcase_add_test(tests, test_ticket_key_is_what_the_wire_wants);
	suite_add_tcase(suite, tests);
	return net_run(suite);
}
