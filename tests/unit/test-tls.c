/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-tls.c - who is trusted and why not, with certificates made here; resumption; bad files. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>
#include "common/net/tls.h"
#include "tests/unit/net-fixture.h"

static char dir[] = "/tmp/clove-test-tls-XXXXXX";
static char paths[16][96];
static int path_count;

static const char *at(const char *name)
{
	static char path[4][96];
	static int turn;
	char *to = path[turn++ % 4];

	snprintf(to, 96, "%s/%s", dir, name);
	return to;
}

static FILE *create(const char *name)
{
	snprintf(paths[path_count], sizeof paths[0], "%s/%s", dir, name);
	FILE *file = fopen(paths[path_count++], "w");

	ck_assert_ptr_nonnull(file);
	return file;
}

static EVP_PKEY *make_key(const char *name, const char *password)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	FILE *file = create(name);

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0,
			NULL, (void *)(uintptr_t)password), 1);
	fclose(file);
	return key;
}

struct names { const char *key, *value; };

/* Days are from now; `alternatives` is an extension's text or NULL. */
static X509 *make_cert(const char *name, EVP_PKEY *key, const struct names *subject,
		X509 *issuer, EVP_PKEY *issuer_key, int from_days, int to_days, const char *alternatives)
{
	static long serial = 1;
	X509 *cert = X509_new();
	X509V3_CTX ctx;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(cert), from_days * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(cert), to_days * 86400L);
	for (; subject->key; subject++)
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), subject->key,
				MBSTRING_UTF8, (const unsigned char *)subject->value, -1, -1, 0), 1);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	X509_set_pubkey(cert, key);
	X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
			issuer ? "CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	if (alternatives) {
		ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alternatives);
		ck_assert_ptr_nonnull(ext);
		X509_add_ext(cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	ck_assert_int_gt(X509_sign(cert, issuer_key ? issuer_key : key, EVP_sha256()), 0);

	FILE *file = create(name);
	ck_assert_int_eq(PEM_write_X509(file, cert), 1);
	fclose(file);
	return cert;
}

static void make_all(void)
{
	static const struct names ca_name[] = { { "CN", "Test CA" }, { NULL, NULL } };
	static const struct names other_name[] = { { "CN", "Other CA" }, { NULL, NULL } };
	static const struct names cn[] = { { "CN", "Host.Example" }, { NULL, NULL } };
	static const struct names full[] = { { "C", "DE" }, { "O", "Red, Hat\\Blue" },
			{ "CN", "vm 1" }, { NULL, NULL } };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	EVP_PKEY *ca_key = make_key("ca.key", NULL), *other_key = make_key("other.key", NULL);
	EVP_PKEY *key = make_key("key", NULL), *locked = make_key("locked.key", "open sesame");
	X509 *ca = make_cert("ca", ca_key, ca_name, NULL, NULL, -10, 100, NULL);
	X509 *other = make_cert("other", other_key, other_name, NULL, NULL, -10, 100, NULL);

	X509_free(make_cert("cn", key, cn, ca, ca_key, -1, 10, NULL));
	X509_free(make_cert("full", key, full, ca, ca_key, -1, 10, NULL));
	X509_free(make_cert("old", key, cn, ca, ca_key, -20, -5, NULL));
	X509_free(make_cert("new", key, cn, ca, ca_key, 5, 10, NULL));
	X509_free(make_cert("names", key, cn, ca, ca_key, -1, 10,
			"DNS:a.example,DNS:*.wild.example,IP:192.0.2.7,IP:2001:db8::7"));
	X509_free(make_cert("ip", key, cn, ca, ca_key, -1, 10, "IP:127.0.0.1"));
	X509_free(make_cert("locked", locked, cn, ca, ca_key, -1, 10, NULL));
	X509_free(ca);
	X509_free(other);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(locked);

	FILE *file = create("empty");
	fclose(file);
}

static void drop_all(void)
{
	while (path_count)
		unlink(paths[--path_count]);
	rmdir(dir);
}

static struct clove_tls *server_with(const char *cert)
{
	struct clove_tls_server_options o = { .ca_file = at("ca"), .cert_file = at(cert), .key_file = at("key") };
	char *error = NULL;
	struct clove_tls *tls = clove_tls_server_new(&o, &error);

	ck_assert_msg(tls != NULL, "%s", error);
	return tls;
}

/* Turns both ends until both are done or one failed; the client's verdict. */
static enum clove_err shake(struct clove_stream *client, struct clove_stream *server)
{
	enum clove_err c = CLOVE_ERR_AGAIN, s = CLOVE_ERR_AGAIN;

	for (int i = 0; i < 1000 && (c == CLOVE_ERR_AGAIN || s == CLOVE_ERR_AGAIN); i++) {
		if (c == CLOVE_ERR_AGAIN)
			c = clove_stream_handshake(client);
		if (c != CLOVE_OK && c != CLOVE_ERR_AGAIN)
			return c;
		if (s == CLOVE_ERR_AGAIN)
			s = clove_stream_handshake(server);
		if (s != CLOVE_OK && s != CLOVE_ERR_AGAIN)
			return clove_stream_handshake(client);
	}
	ck_assert_int_eq(s, CLOVE_OK);
	return c;
}

/* Ends on a fresh socket pair; the client's verdict. */
static enum clove_err meet(struct clove_tls *server, struct clove_tls *client,
		struct clove_stream *tls_ends[2])
{
	struct clove_stream *ends[2];

	net_pair(ends);
	tls_ends[0] = clove_tls_stream_new(client, ends[0]);
	tls_ends[1] = clove_tls_stream_new(server, ends[1]);
	ck_assert_ptr_nonnull(tls_ends[0]);
	ck_assert_ptr_nonnull(tls_ends[1]);
	ck_assert(tls_ends[0]->is_tls && tls_ends[0]->is_unix);
	return shake(tls_ends[0], tls_ends[1]);
}

/* -- trust -- */

static const struct {
	const char *cert, *ca, *host, *subject;
	const char *error;     /* NULL: trusted; else a part of the sentence */
} trust[] = {
	{ "cn",    "ca",    "host.example",     NULL, NULL },
	{ "cn",    "ca",    "other.example",    NULL, "is for Host.Example, not for other.example" },
	{ "cn",    "other", "host.example",     NULL, "is not signed by the CA in" },
	{ "cn",    NULL,    "host.example",     NULL, "a CA that this system knows" },
	{ "old",   "ca",    "host.example",     NULL, "expired on 2" },
	{ "new",   "ca",    "host.example",     NULL, "is valid only from 2" },
	{ "names", "ca",    "a.example",        NULL, NULL },
	{ "names", "ca",    "A.EXAMPLE",        NULL, NULL },
	{ "names", "ca",    "x.wild.example",   NULL, NULL },
	{ "names", "ca",    "x.y.wild.example", NULL, "not for x.y.wild.example" },
	{ "names", "ca",    "wild.example",     NULL, "not for wild.example" },
	{ "names", "ca",    "host.example",     NULL, "is for a.example, *.wild.example, 192.0.2.7, 2001:db8::7, not" },
	{ "names", "ca",    "192.0.2.7",        NULL, NULL },
	{ "names", "ca",    "2001:db8:0::7",    NULL, NULL },
	{ "names", "ca",    "192.0.2.8",        NULL, "not for 192.0.2.8" },
	{ "ip",    "ca",    "host.example",     NULL, "is for 127.0.0.1, not for host.example" },
	{ "ip",    "ca",    "127.0.0.1",        NULL, NULL },
	{ "full",  "ca",    "whatever",         "C=DE,O=Red\\, Hat\\\\Blue,CN=vm 1", NULL },
	{ "full",  "ca",    "whatever",         "C=DE, O=red\\,  hat\\\\blue, CN=VM 1", NULL },
	{ "full",  "ca",    "whatever",         "C=DE,organizationName=Red\\, Hat\\\\Blue,commonName=vm 1", NULL },
	{ "full",  "ca",    "whatever",         "O=Red\\, Hat\\\\Blue,C=DE,CN=vm 1",
		"has the subject \"C=DE,O=Red\\, Hat\\\\Blue,CN=vm 1\", not \"O=Red\\, Hat\\\\Blue,C=DE,CN=vm 1\"" },
	{ "full",  "ca",    "whatever",         "C=DE,CN=vm 1", "has the subject" },
	{ "full",  "ca",    "whatever",         "C=DE,O=Red\\, Hat\\\\Blue,CN=vm 1,OU=x", "has the subject" },
	{ "full",  "other", "whatever",         "C=DE,O=Red\\, Hat\\\\Blue,CN=vm 1", "is not signed by" },
	{ "cn",    "ca",    "host.example",     "CN=elsewhere", "has the subject" },
	{ "cn",    "ca",    NULL,               NULL, NULL },
};

START_TEST(test_tls_trusts)
{
	struct clove_tls *server = server_with(trust[_i].cert);
	struct clove_tls_client_options o = { .ca_file = trust[_i].ca ? at(trust[_i].ca) : NULL,
			.host = trust[_i].host, .subject = trust[_i].subject };
	struct clove_stream *ends[2];
	char *error = NULL;
	struct clove_tls *client = clove_tls_client_new(&o, &error);

	ck_assert_msg(client != NULL, "%s", error);
	enum clove_err err = meet(server, client, ends);
	/* Streams outlive their contexts. */
	clove_tls_free(server);
	clove_tls_free(client);
	if (trust[_i].error) {
		ck_assert_int_eq(err, CLOVE_ERR_TLS);
		ck_assert_msg(ends[0]->error && strstr(ends[0]->error, trust[_i].error),
				"%s", ends[0]->error);
		size_t n;
		ck_assert_int_eq(clove_stream_write(ends[0], "x", 1, &n), CLOVE_ERR_TLS);
	} else {
		ck_assert_msg(err == CLOVE_OK, "%s", ends[0]->error);
	}
	clove_stream_free(ends[0]);
	clove_stream_free(ends[1]);
}
END_TEST

static const char *const bad_subjects[] = {
	"", "CN", "CN=", "=x", "CN=a,", "CN=a,,O=b", "NoSuchKey=x", "CN=a\\b", "CN=a\\", "C=Germany",
};

START_TEST(test_tls_refuses_bad_subjects)
{
	struct clove_tls_client_options o = { .ca_file = at("ca"), .subject = bad_subjects[_i] };
	char *error = NULL;

	ck_assert_ptr_null(clove_tls_client_new(&o, &error));
	ck_assert_ptr_nonnull(strstr(error, "the host subject"));
	free(error);
}
END_TEST

START_TEST(test_tls_takes_ca_text)
{
	char chunk[8192];
	FILE *file = fopen(at("other"), "r");
	size_t n = fread(chunk, 1, sizeof chunk, file);

	fclose(file);
	file = fopen(at("ca"), "r");
	n += fread(chunk + n, 1, sizeof chunk - n - 1, file);
	fclose(file);
	chunk[n] = '\0';

	struct clove_tls_client_options o = { .ca_pem = chunk, .host = "host.example" };
	char *error = NULL;
	struct clove_tls *client = clove_tls_client_new(&o, &error), *server = server_with("cn");
	struct clove_stream *ends[2];

	ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
	clove_stream_free(ends[0]);
	clove_stream_free(ends[1]);
	clove_tls_free(client);
	clove_tls_free(server);
	o.ca_pem = "nothing of the kind";
	ck_assert_ptr_null(clove_tls_client_new(&o, &error));
	ck_assert_ptr_nonnull(strstr(error, "no certificate in the CA text"));
	free(error);
}
END_TEST

/* -- files -- */

static const struct {
	const char *ca, *cert, *key, *password, *dh, *ciphers;
	const char *error;     /* NULL: good */
} files[] = {
	{ "ca",   "cn",     "key",        NULL, NULL, NULL, NULL },
	{ "ca",   "cn",     "key",        NULL, NULL, "ECDHE+AESGCM", NULL },
	{ "ca",   "locked", "locked.key", "open sesame", NULL, NULL, NULL },
	{ "ca",   "locked", "locked.key", "wrong", NULL, NULL, "password for key file" },
	{ "ca",   "locked", "locked.key", NULL, NULL, NULL, "is encrypted and no password" },
	{ "gone", "cn",     "key",        NULL, NULL, NULL, "cannot read CA file" },
	{ "ca",   "gone",   "key",        NULL, NULL, NULL, "cannot read certificate file" },
	{ "ca",   "cn",     "gone",       NULL, NULL, NULL, "cannot read key file" },
	{ "",     "cn",     "key",        NULL, NULL, NULL, "Is a directory" },
	{ "empty", "cn",    "key",        NULL, NULL, NULL, "no certificate in CA file" },
	{ "ca",   "empty",  "key",        NULL, NULL, NULL, "no usable certificate in" },
	{ "ca",   "cn",     "empty",      NULL, NULL, NULL, "no private key in" },
	{ "ca",   "cn",     "other.key",  NULL, NULL, NULL, "does not belong to the certificate" },
	{ "ca",   "cn",     "key",        NULL, "gone", NULL, "cannot read DH file" },
	{ "ca",   "cn",     "key",        NULL, "ca", NULL, "no usable DH parameters" },
	{ "ca",   "cn",     "key",        NULL, NULL, "NONSENSE", "names no cipher" },
};

START_TEST(test_tls_reads_files)
{
	struct clove_tls_server_options o = {
		.ca_file = at(files[_i].ca), .cert_file = at(files[_i].cert), .key_file = at(files[_i].key),
		.key_password = files[_i].password, .dh_file = files[_i].dh ? at(files[_i].dh) : NULL,
		.ciphers = files[_i].ciphers,
	};
	char *error = NULL;
	struct clove_tls *tls = clove_tls_server_new(&o, &error);

	if (files[_i].error) {
		ck_assert_ptr_null(tls);
		ck_assert_msg(error && strstr(error, files[_i].error), "%s", error);
	} else {
		ck_assert_msg(tls != NULL, "%s", error);
	}
	free(error);
	clove_tls_free(tls);
}
END_TEST

/* -- bytes -- */

static struct clove_tls *client_for(const char *host)
{
	struct clove_tls_client_options o = { .ca_file = at("ca"), .host = host };
	char *error = NULL;
	struct clove_tls *tls = clove_tls_client_new(&o, &error);

	ck_assert_msg(tls != NULL, "%s", error);
	return tls;
}

START_TEST(test_tls_carries_bytes_through_a_narrow_pipe)
{
	struct clove_tls *server = server_with("cn"), *client = client_for("host.example");
	struct clove_stream *ends[2];
	enum { TOTAL = 3000000 };
	uint8_t *data = malloc(TOTAL), *back = malloc(TOTAL + 1);
	size_t sent = 0, got = 0, n;
	bool was_full = false;

	for (size_t i = 0; i < TOTAL; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
	while (got < TOTAL) {
		struct iovec iov[2] = { { data + sent, TOTAL - sent < 6 ? TOTAL - sent : 6 } };

		iov[1] = (struct iovec){ data + sent + iov[0].iov_len, TOTAL - sent - iov[0].iov_len };
		if (sent < TOTAL) {
			enum clove_err err = clove_stream_writev(ends[1], iov, 2, &n);

			ck_assert(err == CLOVE_OK || err == CLOVE_ERR_AGAIN);
			sent += n;
			if (sent < TOTAL) {
				was_full = true;
				ck_assert_int_eq(clove_stream_wants(ends[1]), CLOVE_WRITE);
			}
		}
		enum clove_err err;
		while ((err = clove_stream_read(ends[0], back + got, TOTAL + 1 - got, &n)) == CLOVE_OK)
			got += n;
		ck_assert_int_eq(err, CLOVE_ERR_AGAIN);
		ck_assert_int_eq(clove_stream_wants(ends[0]), CLOVE_READ);
	}
	ck_assert(was_full);
	ck_assert_uint_eq(got, TOTAL);
	ck_assert_mem_eq(data, back, TOTAL);
	/* A goodbye is the end of the stream. */
	clove_stream_free(ends[1]);
	ck_assert_int_eq(clove_stream_read(ends[0], back, 1, &n), CLOVE_ERR_CLOSED);
	clove_stream_free(ends[0]);
	clove_tls_free(client);
	clove_tls_free(server);
	free(data);
	free(back);
}
END_TEST

START_TEST(test_tls_buffers_decoded_bytes)
{
	struct clove_tls *server = server_with("cn"), *client = client_for("host.example");
	struct clove_stream *ends[2];
	char bytes[4];
	size_t n;

	ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
	ck_assert_int_eq(clove_stream_write(ends[1], "abcdef", 6, &n), CLOVE_OK);
	ck_assert_int_eq(clove_stream_read(ends[0], bytes, 2, &n), CLOVE_OK);
	ck_assert_uint_eq(clove_stream_buffered(ends[0]), 4);
	ck_assert_int_eq(clove_stream_read(ends[0], bytes, 4, &n), CLOVE_OK);
	ck_assert_uint_eq(clove_stream_buffered(ends[0]), 0);
	clove_stream_free(ends[0]);
	clove_stream_free(ends[1]);
	clove_tls_free(client);
	clove_tls_free(server);
}
END_TEST

START_TEST(test_tls_resumes_for_the_next_channels)
{
	struct clove_tls *server = server_with("cn"), *client = client_for("host.example");

	for (int i = 0; i < 4; i++) {
		struct clove_stream *ends[2];
		bool resumed;
		char byte;
		size_t n;

		ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
		ck_assert_ptr_nonnull(strstr(clove_tls_stream_version(ends[0], &resumed), "TLSv1.3 "));
		ck_assert_int_eq(resumed, i > 0);
		/* With TLS 1.3 the tickets come behind the handshake. */
		ck_assert_int_eq(clove_stream_write(ends[1], "x", 1, &n), CLOVE_OK);
		ck_assert_int_eq(clove_stream_read(ends[0], &byte, 1, &n), CLOVE_OK);
		clove_stream_free(ends[0]);
		clove_stream_free(ends[1]);
	}
	clove_tls_free(client);
	clove_tls_free(server);
}
END_TEST

/* -- peers that are wrong -- */

/* A client of plain OpenSSL that offers one version only. */
static enum clove_err meet_version(struct clove_tls *server, int version, char *error, size_t room)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct clove_stream *end;
	enum clove_err err = CLOVE_ERR_AGAIN;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fds[0]);
	end = clove_tls_stream_new(server, clove_socket_stream_new(fds[1], 0));
	for (int i = 0; i < 100 && err == CLOVE_ERR_AGAIN; i++) {
		SSL_connect(ssl);
		err = clove_stream_handshake(end);
	}
	snprintf(error, room, "%s", end->error ? end->error : "");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fds[0]);
	clove_stream_free(end);
	return err;
}

START_TEST(test_tls_refuses_old_versions)
{
	struct clove_tls *server = server_with("cn");
	char error[256];

	ck_assert_int_eq(meet_version(server, TLS1_2_VERSION, error, sizeof error), CLOVE_OK);
	ck_assert_int_eq(meet_version(server, TLS1_1_VERSION, error, sizeof error), CLOVE_ERR_TLS);
	ck_assert_str_eq(error, "the client has no TLS 1.2 or newer");
	clove_tls_free(server);
}
END_TEST

static const struct { const char *says; size_t len; const char *error; } others[] = {
	{ "REDQ\2\0\0\0\2\0\0\0\xb2\0\0\0\2\0\0\0", 20, "the server has no TLS on this port" },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28, "the server has no TLS on this port" },
	{ "", 0, "closed the connection during the TLS handshake" },
	{ "\x16\x03\x03\0\x04", 5, "closed the connection during the TLS handshake" },
};

START_TEST(test_tls_client_knows_what_is_no_tls)
{
	struct clove_tls *client = client_for("host.example");
	struct clove_stream *ends[2];
	enum clove_err err;
	size_t n;

	net_pair(ends);
	ends[0] = clove_tls_stream_new(client, ends[0]);
	ck_assert_int_eq(clove_stream_handshake(ends[0]), CLOVE_ERR_AGAIN);
	if (others[_i].len)
		ck_assert_int_eq(clove_stream_write(ends[1], others[_i].says, others[_i].len, &n), CLOVE_OK);
	ck_assert_int_eq(shutdown(ends[1]->fd, SHUT_WR), 0);
	err = clove_stream_handshake(ends[0]);
	ck_assert_int_eq(err, CLOVE_ERR_TLS);
	ck_assert_msg(strstr(ends[0]->error, others[_i].error) != NULL, "%s", ends[0]->error);
	clove_stream_free(ends[0]);
	clove_stream_free(ends[1]);
	clove_tls_free(client);
}
END_TEST

/* The connection is cut after every number of bytes of a record, once it is up. */
START_TEST(test_tls_cut_anywhere_is_an_end)
{
	struct clove_tls *server = server_with("cn"), *client = client_for("host.example");

	size_t whole = 1;

	for (size_t cut = 0; cut <= whole; cut++) {
		struct clove_stream *ends[2];
		uint8_t record[8192];
		char byte[64];
		ssize_t len;
		size_t n;

		ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
		ck_assert_int_eq(clove_stream_read(ends[0], byte, sizeof byte, &n), CLOVE_ERR_AGAIN);
		ck_assert_int_eq(clove_stream_write(ends[0], "0123456789", 10, &n), CLOVE_OK);
		ck_assert_int_eq(clove_stream_write(ends[1], "0123456789", 10, &n), CLOVE_OK);
		/* Take the record out of the client's socket and put a part of it back. */
		len = recv(ends[0]->fd, record, sizeof record, 0);
		ck_assert_int_gt(len, 0);
		whole = (size_t)len;
		ck_assert_int_eq(send(ends[1]->fd, record, cut, MSG_NOSIGNAL), (ssize_t)cut);
		ck_assert_int_eq(shutdown(ends[1]->fd, SHUT_RDWR), 0);
		enum clove_err err = clove_stream_read(ends[0], byte, sizeof byte, &n);
		if (cut == whole) {
			ck_assert_int_eq(err, CLOVE_OK);
			err = clove_stream_read(ends[0], byte, sizeof byte, &n);
		}
		ck_assert_msg(err == CLOVE_ERR_CLOSED, "cut at %zu: %s", cut, ends[0]->error);
		ck_assert_int_eq(clove_stream_read(ends[0], byte, sizeof byte, &n), CLOVE_ERR_CLOSED);
		clove_stream_free(ends[0]);
		clove_stream_free(ends[1]);
	}
	clove_tls_free(client);
	clove_tls_free(server);
}
END_TEST

START_TEST(test_tls_damaged_record_is_an_error)
{
	struct clove_tls *server = server_with("cn"), *client = client_for("host.example");
	struct clove_stream *ends[2];
	uint8_t record[8192];
	char byte[64];
	size_t n;

	ck_assert_int_eq(meet(server, client, ends), CLOVE_OK);
	ck_assert_int_eq(clove_stream_read(ends[0], byte, sizeof byte, &n), CLOVE_ERR_AGAIN);
	ck_assert_int_eq(clove_stream_write(ends[1], "0123456789", 10, &n), CLOVE_OK);
	ssize_t len = recv(ends[0]->fd, record, sizeof record, 0);
	record[len - 3] ^= 1;
	ck_assert_int_eq(send(ends[1]->fd, record, (size_t)len, MSG_NOSIGNAL), len);
	ck_assert_int_eq(clove_stream_read(ends[0], byte, sizeof byte, &n), CLOVE_ERR_TLS);
	ck_assert_ptr_nonnull(ends[0]->error);
	clove_stream_free(ends[0]);
	clove_stream_free(ends[1]);
	clove_tls_free(client);
	clove_tls_free(server);
}
END_TEST

#define LOOP(test, rows) \
	tcase_add_loop_test(tests, test, 0, (int)(sizeof rows / sizeof rows[0]))

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tests = tcase_create("tls");

	tcase_add_unchecked_fixture(tests, make_all, drop_all);
	tcase_set_timeout(tests, 30);
	LOOP(test_tls_trusts, trust);
	LOOP(test_tls_refuses_bad_subjects, bad_subjects);
	tcase_add_test(tests, test_tls_takes_ca_text);
	LOOP(test_tls_reads_files, files);
	tcase_add_test(tests, test_tls_carries_bytes_through_a_narrow_pipe);
	tcase_add_test(tests, test_tls_buffers_decoded_bytes);
	tcase_add_test(tests, test_tls_resumes_for_the_next_channels);
	tcase_add_test(tests, test_tls_refuses_old_versions);
	LOOP(test_tls_client_knows_what_is_no_tls, others);
	tcase_add_test(tests, test_tls_cut_anywhere_is_an_end);
	tcase_add_test(tests, test_tls_damaged_record_is_an_error);
	suite_add_tcase(suite, tests);
	return net_run(suite);
}
