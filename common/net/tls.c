/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls.c - OpenSSL over any byte stream: contexts, who is trusted, and sentences why not. */
#include "common/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/net/openssl.h"
#include "common/util/loop.h"

enum { RECORD = 16384 };

struct clove_tls {
	atomic_uint refs;
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	bool is_server;
	/* client */
	char *host, *ca_file;
	bool has_own_ca;
	X509_NAME *subject;       /* NULL: the host name counts */
	_Atomic(SSL_SESSION *) session; /* the last one; streams may live on several threads */
};

struct tls_stream {
	struct clove_stream stream;
	struct clove_stream *below;
	struct clove_tls *tls;
	SSL *ssl;
	int wants;
	bool has_ended;           /* below: end of stream */
	bool is_up;               /* the handshake was finished once; an error undoes OpenSSL's own mark */
	bool is_broken;           /* nothing more may be said, not even goodbye */
	char version[80];
};

static struct tls_stream *tls_stream(struct clove_stream *s)
{
	return (struct tls_stream *)s;
}

static void explain(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void explain(char **error, const char *format, ...)
{
	va_list args;

	free(*error);
	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
}

static const char *openssl_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	return reason ? reason : "no reason given";
}

/* -- OpenSSL's way to the stream below -- */

static int bio_read(BIO *bio, char *data, size_t len, size_t *got)
{
	struct tls_stream *self = BIO_get_data(bio);
	enum clove_err err = clove_stream_read(self->below, data, len, got);

	BIO_clear_retry_flags(bio);
	if (err == CLOVE_ERR_AGAIN) {
		self->wants = clove_stream_wants(self->below);
		BIO_set_retry_read(bio);
	}
	if (err == CLOVE_ERR_CLOSED)
		self->has_ended = true;
	return err == CLOVE_OK;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *put)
{
	struct tls_stream *self = BIO_get_data(bio);
	enum clove_err err = clove_stream_write(self->below, data, len, put);

	BIO_clear_retry_flags(bio);
	if (err == CLOVE_ERR_AGAIN) {
		self->wants = clove_stream_wants(self->below);
		BIO_set_retry_write(bio);
	}
	return err == CLOVE_OK;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
	struct tls_stream *self = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (what == BIO_CTRL_EOF)
		return self && self->has_ended;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "byte stream");

	if (!method || !BIO_meth_set_read_ex(method, bio_read) ||
			!BIO_meth_set_write_ex(method, bio_write) ||
			!BIO_meth_set_ctrl(method, bio_ctrl)) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

/* -- contexts -- */

static void tls_unref(struct clove_tls *tls)
{
	if (!tls || atomic_fetch_sub(&tls->refs, 1) != 1)
		return;
	SSL_SESSION_free(tls->session);
	SSL_CTX_free(tls->ctx);
	BIO_meth_free(tls->bio);
	X509_NAME_free(tls->subject);
	free(tls->host);
	free(tls->ca_file);
	free(tls);
}

void clove_tls_free(struct clove_tls *tls)
{
	tls_unref(tls);
}

static struct clove_tls *tls_new(bool is_server)
{
	struct clove_tls *tls = calloc(1, sizeof *tls);

	if (!tls)
		return NULL;
	clove_openssl_init();
	ERR_clear_error();
	atomic_init(&tls->refs, 1);
	tls->is_server = is_server;
	tls->bio = bio_method();
	tls->ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (!tls->bio || !tls->ctx || !SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION)) {
		tls_unref(tls);
		return NULL;
	}
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(tls->ctx, 1);
	return tls;
}

/* False with a sentence if the file cannot even be read. */
static bool can_read(const char *what, const char *path, char **error)
{
	FILE *file = path ? fopen(path, "re") : NULL;

	if (file) {
		int c = fgetc(file), why = errno;
		bool is_bad = ferror(file);

		(void)c;
		fclose(file);
		if (!is_bad)
			return true;
		errno = why;
	} else if (!path) {
		errno = EINVAL;
	}
	explain(error, "cannot read %s file %s: %s", what, path ? path : "(none)", strerror(errno));
	return false;
}

static bool load_ca_file(struct clove_tls *tls, const char *path, char **error)
{
	if (!can_read("CA", path, error))
		return false;
	if (SSL_CTX_load_verify_file(tls->ctx, path))
		return true;
	explain(error, "no certificate in CA file %s: %s", path, openssl_reason());
	return false;
}

static bool set_ciphers(struct clove_tls *tls, const char *ciphers, char **error)
{
	if (!ciphers || SSL_CTX_set_cipher_list(tls->ctx, ciphers))
		return true;
	explain(error, "the cipher list \"%s\" names no cipher that OpenSSL has", ciphers);
	return false;
}

/* Never asks at a terminal. */
static int give_password(char *to, int size, int is_writing, void *opaque)
{
	const char *password = opaque;
	size_t len = password ? strlen(password) : 0;

	(void)is_writing;
	if (!password || len > (size_t)size)
		return -1;
	memcpy(to, password, len);
	return (int)len;
}

static bool is_encrypted(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof line, file))
		found = strstr(line, "ENCRYPTED") != NULL;
	if (file)
		fclose(file);
	return found;
}

static bool load_key(struct clove_tls *tls, const struct clove_tls_server_options *o, char **error)
{
	BIO *file = BIO_new_file(o->key_file, "r");
	EVP_PKEY *key = file ? PEM_read_bio_PrivateKey(file, NULL, give_password,
			(void *)(uintptr_t)o->key_password) : NULL;
	bool is_loaded = false;

	BIO_free(file);
	if (!key && is_encrypted(o->key_file))
		explain(error, o->key_password ? "the password for key file %s is wrong" :
				"key file %s is encrypted and no password was given", o->key_file);
	else if (!key)
		explain(error, "no private key in key file %s: %s", o->key_file, openssl_reason());
	else if (!X509_check_private_key(SSL_CTX_get0_certificate(tls->ctx), key))
		explain(error, "the key in %s does not belong to the certificate in %s",
				o->key_file, o->cert_file);
	else if (!SSL_CTX_use_PrivateKey(tls->ctx, key))
		explain(error, "cannot use the key in %s: %s", o->key_file, openssl_reason());
	else
		is_loaded = true;
	EVP_PKEY_free(key);
	return is_loaded;
}

static bool load_dh(struct clove_tls *tls, const char *path, char **error)
{
	if (!path)
		return true;
	if (!can_read("DH", path, error))
		return false;

	BIO *file = BIO_new_file(path, "r");
	EVP_PKEY *dh = file ? PEM_read_bio_Parameters(file, NULL) : NULL;

	BIO_free(file);
	if (dh && EVP_PKEY_is_a(dh, "DH") && SSL_CTX_set0_tmp_dh_pkey(tls->ctx, dh))
		return true;
	explain(error, "no usable DH parameters in DH file %s: %s", path, openssl_reason());
	EVP_PKEY_free(dh);
	return false;
}

struct clove_tls *clove_tls_server_new(const struct clove_tls_server_options *o, char **error)
{
	struct clove_tls *tls = tls_new(true);
	bool is_good = false;

	*error = NULL;
	if (!tls) {
		explain(error, "OpenSSL does not start: %s", openssl_reason());
		return NULL;
	}
	/* Tickets without a cache: many channels of one client resume, and none costs us memory. */
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(tls->ctx, (const unsigned char *)"SPICE", 5);
	if (load_ca_file(tls, o->ca_file, error) && can_read("certificate", o->cert_file, error) &&
			can_read("key", o->key_file, error)) {
		if (SSL_CTX_use_certificate_chain_file(tls->ctx, o->cert_file) <= 0)
			explain(error, "no usable certificate in certificate file %s: %s", o->cert_file,
					openssl_reason());
		else
			is_good = load_key(tls, o, error) && load_dh(tls, o->dh_file, error) &&
					set_ciphers(tls, o->ciphers, error);
	}
	ERR_clear_error();
	if (is_good)
		return tls;
	tls_unref(tls);
	return NULL;
}

/* -- who is trusted -- */

/* Certificates and revocation lists in one text. */
static bool load_ca_pem(struct clove_tls *tls, const char *pem, char **error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	BIO *text = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509_INFO) *items = text ? PEM_X509_INFO_read_bio(text, NULL, give_password, NULL) : NULL;
	int certificates = 0;

	for (int i = 0; items && i < sk_X509_INFO_num(items); i++) {
		const X509_INFO *item = sk_X509_INFO_value(items, i);

		if (item->x509 && X509_STORE_add_cert(store, item->x509))
			certificates++;
		if (item->crl && X509_STORE_add_crl(store, item->crl))
			X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	}
	if (!certificates)
		explain(error, "no certificate in the CA text: %s", openssl_reason());
	sk_X509_INFO_pop_free(items, X509_INFO_free);
	BIO_free(text);
	return certificates > 0;
}

/* One "K=V" of a subject into key and value, unescaped; the rest of the text, or NULL if it is
 * not well formed. */
static const char *next_pair(const char *text, char *key, char *value, size_t room)
{
	size_t n = 0;

	while (*text == ' ')
		text++;
	for (; *text && *text != '='; text++) {
		if (n + 1 >= room || *text == ',' || *text == '\\')
			return NULL;
		key[n++] = *text;
	}
	key[n] = '\0';
	if (*text != '=' || n == 0)
		return NULL;
	for (n = 0, text++; *text && *text != ','; text++) {
		if (*text == '\\' && *++text != ',' && *text != '\\')
			return NULL;
		if (n + 1 >= room)
			return NULL;
		value[n++] = *text;
	}
	value[n] = '\0';
	return n ? text : NULL;
}

static X509_NAME *parse_subject(const char *text, char **error)
{
	X509_NAME *name = X509_NAME_new();
	size_t room = strlen(text) + 1;
	char *key = malloc(room), *value = malloc(room);
	const char *at = text;
	bool is_good = name && key && value;

	while (is_good) {
		at = next_pair(at, key, value, room);
		is_good = at && X509_NAME_add_entry_by_txt(name, key, MBSTRING_UTF8,
				(const unsigned char *)value, -1, -1, 0);
		if (!at)
			explain(error, "the host subject \"%s\" is not of the form KEY=VALUE,KEY=VALUE "
					"(a comma in a value is written \\,)", text);
		else if (!is_good)
			explain(error, "the host subject \"%s\" has a bad part: %s=%s", text, key, value);
		if (!is_good || *at != ',')
			break;
		at++;
	}
	free(key);
	free(value);
	if (is_good)
		return name;
	X509_NAME_free(name);
	return NULL;
}

/* "O=Red\, Hat,CN=host", in the certificate's order: what a user may copy as host subject. */
static char *subject_text(const X509_NAME *name)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	for (int i = 0; to && i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		unsigned char *value = NULL;
		int n = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));

		fprintf(to, "%s%s=", i ? "," : "", nid == NID_undef ? "?" : OBJ_nid2sn(nid));
		for (int j = 0; j < n; j++) {
			if (value[j] == ',' || value[j] == '\\')
				fputc('\\', to);
			fputc(value[j] < 32 || value[j] == 127 ? '?' : value[j], to);
		}
		OPENSSL_free(value);
	}
	if (to)
		fclose(to);
	return text;
}

/* "a.example, 192.0.2.1": the names that count for a host check. */
static char *host_names(X509 *cert, bool *has_alternatives)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *subject = X509_get_subject_name(cert);
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	const char *comma = "";

	*has_alternatives = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char ip[INET6_ADDRSTRLEN] = "";

		if (name->type == GEN_IPADD) {
			int n = ASN1_STRING_length(name->d.iPAddress);

			*has_alternatives = true;
			if (n == 4 || n == 16)
				inet_ntop(n == 4 ? AF_INET : AF_INET6,
						ASN1_STRING_get0_data(name->d.iPAddress), ip, sizeof ip);
		} else if (name->type == GEN_DNS) {
			*has_alternatives = true;
		} else {
			continue;
		}
		if (to)
			fprintf(to, "%s%.*s", comma, ip[0] ? (int)strlen(ip) :
					name->type == GEN_DNS ? ASN1_STRING_length(name->d.dNSName) : 0,
					ip[0] ? ip : name->type == GEN_DNS ?
					(const char *)ASN1_STRING_get0_data(name->d.dNSName) : "");
		comma = ", ";
	}
	for (int at = -1; !*has_alternatives && to &&
			(at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
		unsigned char *value = NULL;
		int n = ASN1_STRING_to_UTF8(&value,
				X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

		if (n > 0)
			fprintf(to, "%s%.*s", comma, n, (const char *)value);
		comma = ", ";
		OPENSSL_free(value);
	}
	GENERAL_NAMES_free(names);
	if (to)
		fclose(to);
	for (char *c = text; c && *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			*c = '?';
	return text;
}

static bool is_ip(const char *host)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, host, &addr) == 1 || inet_pton(AF_INET6, host, &addr) == 1;
}

static bool check_host(struct tls_stream *self, X509 *cert, const char *host)
{
	bool has_alternatives;
	char *names = host_names(cert, &has_alternatives);
	int result;

	if (is_ip(host) && has_alternatives)
		result = X509_check_ip_asc(cert, host, 0);
	else
		result = X509_check_host(cert, host, 0,
				has_alternatives ? X509_CHECK_FLAG_NEVER_CHECK_SUBJECT : 0, NULL);
	if (result != 1)
		clove_stream_set_error(&self->stream, "the server's certificate is for %s, not for %s",
				names && names[0] ? names : "no host at all", host);
	free(names);
	return result == 1;
}

static bool check_subject(struct tls_stream *self, X509 *cert, const X509_NAME *wanted)
{
	if (X509_NAME_cmp(X509_get_subject_name(cert), wanted) == 0)
		return true;

	char *has = subject_text(X509_get_subject_name(cert)), *wants = subject_text(wanted);

	clove_stream_set_error(&self->stream, "the server's certificate has the subject \"%s\", not \"%s\"",
			has ? has : "", wants ? wants : "");
	free(has);
	free(wants);
	return false;
}

static const char *date(const ASN1_TIME *time, char *text, size_t room)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(time, &tm) || !strftime(text, room, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(text, room, "an unreadable date");
	return text;
}

static void explain_chain(struct tls_stream *self, X509_STORE_CTX *chain)
{
	const struct clove_tls *tls = self->tls;
	X509 *cert = X509_STORE_CTX_get_current_cert(chain);
	int depth = X509_STORE_CTX_get_error_depth(chain), why = X509_STORE_CTX_get_error(chain);
	char *subject = cert ? subject_text(X509_get_subject_name(cert)) : NULL;
	const char *name = subject ? subject : "";
	const char *whose = depth ? "a certificate above the server's" : "the server's certificate";
	char when[40];

	switch (why) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		clove_stream_set_error(&self->stream, "%s (\"%s\") expired on %s", whose, name,
				date(X509_get0_notAfter(cert), when, sizeof when));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		clove_stream_set_error(&self->stream, "%s (\"%s\") is valid only from %s on", whose, name,
				date(X509_get0_notBefore(cert), when, sizeof when));
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		clove_stream_set_error(&self->stream, "the server's certificate (\"%s\") is not signed by "
				"%s%s", name, !tls->has_own_ca ? "a CA that this system knows" :
				tls->ca_file ? "the CA in " : "the given CA",
				tls->has_own_ca && tls->ca_file ? tls->ca_file : "");
		break;
	default:
		clove_stream_set_error(&self->stream, "%s (\"%s\") was refused: %s", whose, name,
				X509_verify_cert_error_string(why));
	}
	free(subject);
}

/* All of viewer 5.1: the chain, then the subject if one is given, else the host name. */
static int verify(X509_STORE_CTX *chain, void *opaque)
{
	struct clove_tls *tls = opaque;
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *self = SSL_get_app_data(ssl);

	if (X509_verify_cert(chain) <= 0) {
		explain_chain(self, chain);
		return 0;
	}

	X509 *cert = X509_STORE_CTX_get0_cert(chain);

	if (tls->subject ? check_subject(self, cert, tls->subject) :
			!tls->host || check_host(self, cert, tls->host))
		return 1;
	X509_STORE_CTX_set_error(chain, tls->subject ? X509_V_ERR_APPLICATION_VERIFICATION :
			X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_stream *self = SSL_get_app_data(ssl);

	SSL_SESSION_free(atomic_exchange(&self->tls->session, session));
	return 1;
}

struct clove_tls *clove_tls_client_new(const struct clove_tls_client_options *o, char **error)
{
	struct clove_tls *tls = tls_new(false);
	bool is_good = tls != NULL;

	*error = NULL;
	if (!tls) {
		explain(error, "OpenSSL does not start: %s", openssl_reason());
		return NULL;
	}
	tls->has_own_ca = o->ca_file || o->ca_pem;
	if ((o->host && !(tls->host = strdup(o->host))) ||
			(o->ca_file && !(tls->ca_file = strdup(o->ca_file)))) {
		explain(error, "out of memory");
		is_good = false;
	}
	if (is_good && o->ca_file)
		is_good = load_ca_file(tls, o->ca_file, error);
	if (is_good && o->ca_pem)
		is_good = load_ca_pem(tls, o->ca_pem, error);
	if (is_good && !tls->has_own_ca)
		SSL_CTX_set_default_verify_paths(tls->ctx);
	if (is_good && o->subject)
		is_good = (tls->subject = parse_subject(o->subject, error)) != NULL;
	if (is_good)
		is_good = set_ciphers(tls, o->ciphers, error);
	ERR_clear_error();
	if (!is_good) {
		tls_unref(tls);
		return NULL;
	}
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
	SSL_CTX_set_session_cache_mode(tls->ctx,
			SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(tls->ctx, keep_session);
	return tls;
}

/* -- the stream -- */

static void explain_handshake(struct tls_stream *self)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);

	if (self->stream.error) /* verify said it */
		return;
	if (self->has_ended || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		clove_stream_set_error(&self->stream, self->tls->is_server ?
				"the client left during the TLS handshake" :
				"the server closed the connection during the TLS handshake; "
				"perhaps it has no TLS on this port");
		return;
	}
	switch (ERR_GET_LIB(code) == ERR_LIB_SSL ? reason : 0) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_HTTP_REQUEST:
		clove_stream_set_error(&self->stream, self->tls->is_server ?
				"the client does not speak TLS" : "the server has no TLS on this port");
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
		clove_stream_set_error(&self->stream, "the %s has no TLS 1.2 or newer",
				self->tls->is_server ? "client" : "server");
		break;
	default:
		clove_stream_set_error(&self->stream, "the TLS handshake failed: %s",
				code ? openssl_reason() : self->below->error ? self->below->error : "broken off");
	}
}

static enum clove_err failed(struct tls_stream *self, int result)
{
	int why = SSL_get_error(self->ssl, result);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return CLOVE_ERR_AGAIN;
	if (why == SSL_ERROR_ZERO_RETURN)
		return CLOVE_ERR_CLOSED;
	self->is_broken = true;
	if (!self->is_up) {
		explain_handshake(self);
		ERR_clear_error();
		return CLOVE_ERR_TLS;
	}
	/* Other SPICE programs end without TLS's goodbye; a message that is cut is seen above. */
	if (self->has_ended) {
		ERR_clear_error();
		return CLOVE_ERR_CLOSED;
	}
	clove_stream_set_error(&self->stream, "%s", why == SSL_ERROR_SSL ? openssl_reason() :
			self->below->error ? self->below->error : "broken off");
	ERR_clear_error();
	return why == SSL_ERROR_SSL ? CLOVE_ERR_TLS : CLOVE_ERR_IO;
}

/* Before every call of OpenSSL: an old error would be taken for a new one. */
static void enter(struct tls_stream *self)
{
	ERR_clear_error();
	self->is_up |= SSL_is_init_finished(self->ssl);
}

static enum clove_err tls_read(struct clove_stream *s, void *data, size_t len, size_t *got)
{
	struct tls_stream *self = tls_stream(s);

	if (self->is_broken)
		return self->has_ended ? CLOVE_ERR_CLOSED : CLOVE_ERR_TLS;
	enter(self);
	int result = SSL_read_ex(self->ssl, data, len, got);
	return result > 0 ? CLOVE_OK : failed(self, result);
}

/* Gathers small pieces into one record. */
static size_t gather(const struct iovec *iov, int n, size_t skip, uint8_t *to)
{
	size_t len = 0;

	for (int i = 0; i < n && len < RECORD; i++) {
		size_t part = iov[i].iov_len > skip ? iov[i].iov_len - skip : 0;

		if (part > RECORD - len)
			part = RECORD - len;
		if (part)
			memcpy(to + len, (const uint8_t *)iov[i].iov_base + skip, part);
		skip -= skip < iov[i].iov_len ? skip : iov[i].iov_len;
		len += part;
	}
	return len;
}

static enum clove_err tls_writev(struct clove_stream *s, const struct iovec *iov, int n, size_t *put)
{
	struct tls_stream *self = tls_stream(s);
	uint8_t record[RECORD];
	size_t len;

	if (self->is_broken)
		return CLOVE_ERR_TLS;
	while ((len = gather(iov, n, *put, record)) > 0) {
		size_t done;

		enter(self);
		int result = SSL_write_ex(self->ssl, record, len, &done);
		if (result <= 0) {
			enum clove_err err = failed(self, result);

			return *put && err == CLOVE_ERR_AGAIN ? CLOVE_OK : err;
		}
		*put += done;
	}
	return CLOVE_OK;
}

static enum clove_err tls_handshake(struct clove_stream *s)
{
	struct tls_stream *self = tls_stream(s);
	enum clove_err err = clove_stream_handshake(self->below);

	if (err != CLOVE_OK) {
		self->wants = clove_stream_wants(self->below);
		return err;
	}
	if (self->is_broken)
		return CLOVE_ERR_TLS;
	enter(self);
	int result = SSL_do_handshake(self->ssl);
	return result > 0 ? CLOVE_OK : failed(self, result);
}

static int tls_wants(const struct clove_stream *s)
{
	return ((const struct tls_stream *)s)->wants;
}

static size_t tls_buffered(const struct clove_stream *s)
{
	const struct tls_stream *self = (const struct tls_stream *)s;
	int decoded = SSL_pending(self->ssl);

	return decoded > 0 ? (size_t)decoded : SSL_has_pending(self->ssl) ? 1 : 0;
}

static size_t tls_unsent(const struct clove_stream *s)
{
	return clove_stream_unsent(((const struct tls_stream *)s)->below);
}

static void tls_free(struct clove_stream *s)
{
	struct tls_stream *self = tls_stream(s);

	if (self->ssl && !self->is_broken && SSL_is_init_finished(self->ssl)) {
		ERR_clear_error();
		SSL_shutdown(self->ssl); /* one try; nobody waits for the answer */
		ERR_clear_error();
	}
	SSL_free(self->ssl);
	clove_stream_free(self->below);
	tls_unref(self->tls);
	free(self);
}

static const struct clove_stream_ops tls_ops = {
	.read = tls_read,
	.writev = tls_writev,
	.handshake = tls_handshake,
	.wants = tls_wants,
	.buffered = tls_buffered,
	.unsent = tls_unsent,
	.free = tls_free,
};

/* Taken out while it is in use, and put back unless a newer one has come. */
static void resume_session(SSL *ssl, struct clove_tls *tls)
{
	SSL_SESSION *session = atomic_exchange(&tls->session, NULL), *none = NULL;

	if (!session)
		return;
	SSL_set_session(ssl, session);
	if (!atomic_compare_exchange_strong(&tls->session, &none, session))
		SSL_SESSION_free(session);
}

/* False without memory. */
static bool set_up(struct tls_stream *self)
{
	struct clove_tls *tls = self->tls;
	BIO *bio;

	self->ssl = SSL_new(tls->ctx);
	if (!self->ssl)
		return false;
	bio = BIO_new(tls->bio);
	if (!bio)
		return false;
	BIO_set_data(bio, self);
	BIO_set_init(bio, 1);
	SSL_set_bio(self->ssl, bio, bio);
	SSL_set_app_data(self->ssl, self);
	if (tls->is_server) {
		SSL_set_accept_state(self->ssl);
		return true;
	}
	SSL_set_connect_state(self->ssl);
	resume_session(self->ssl, tls);
	return !tls->host || is_ip(tls->host) || SSL_set_tlsext_host_name(self->ssl, tls->host);
}

struct clove_stream *clove_tls_stream_new(struct clove_tls *tls, struct clove_stream *take_below)
{
	struct tls_stream *self = calloc(1, sizeof *self);

	if (!self) {
		clove_stream_free(take_below);
		return NULL;
	}
	atomic_fetch_add(&tls->refs, 1);
	self->stream = (struct clove_stream){ .ops = &tls_ops, .fd = take_below->fd, .is_tls = true,
			.is_unix = take_below->is_unix };
	memcpy(self->stream.peer, take_below->peer, sizeof self->stream.peer);
	self->below = take_below;
	self->tls = tls;
	self->wants = tls->is_server ? CLOVE_READ : CLOVE_WRITE;
	if (!set_up(self)) {
		ERR_clear_error();
		clove_stream_free(&self->stream);
		return NULL;
	}
	return &self->stream;
}

const char *clove_tls_stream_version(const struct clove_stream *s, bool *resumed)
{
	struct tls_stream *self = (struct tls_stream *)(uintptr_t)s;

	if (resumed)
		*resumed = SSL_session_reused(self->ssl);
	snprintf(self->version, sizeof self->version, "%s %s", SSL_get_version(self->ssl),
			SSL_get_cipher_name(self->ssl));
	return self->version;
}
