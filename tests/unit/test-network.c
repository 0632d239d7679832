/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-network.c - links as clients make them: over loopback, unix sockets and TLS, good and bad. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/net/openssl.h"
#include "common/net/tcp.h"
#include "common/util/log.h"
#include "server/network.h"
#include "tests/unit/net-fixture.h"

enum { CONNS = 400, HEADER = 16, REPLY = 178, LIVE_ID = 77 };
enum where { PLAIN, TLS, UNIX, ADOPTED, ADOPTED_TLS, ADOPTED_SKIPS_AUTH, ADOPTED_TLS_SKIPS_AUTH };

static const char password[] = "correct horse";

/* -- QEMU's thread: a loop, a mailbox, and what it has been told -- */

static struct clove_loop *loop;
static struct clove_mailbox *mail;
static struct clove_network *network;
static struct clove_link_policy policy;
static int ports[2];
static char dir[] = "/tmp/clove-test-network-XXXXXX";
static char unix_path[64], cert_path[64], key_path[64];
static struct clove_connection *open_conns[CONNS], *linked_conns[CONNS];
static unsigned int n_accepted, n_adopted, n_linked, n_failed, n_open;
static struct clove_tls *client_tls;

static void is_over(struct clove_connection *conn)
{
	for (unsigned int i = 0; i < n_open; i++)
		if (open_conns[i] == conn) {
			open_conns[i] = open_conns[--n_open];
			return;
		}
	ck_abort_msg("a connection that was not accepted, or is over already");
}

static void accepted(void *server, struct clove_connection *conn)
{
	ck_assert_ptr_eq(server, &policy);
	ck_assert_uint_gt(conn->local_len, 0);
	ck_assert_uint_gt(conn->peer_len, 0);
	ck_assert_uint_lt(n_open, CONNS);
	open_conns[n_open++] = conn;
	n_accepted++;
}

static void linked(void *server, struct clove_connection *conn)
{
	ck_assert_ptr_eq(server, &policy);
	ck_assert_ptr_nonnull(conn->stream);
	ck_assert_int_eq(conn->stream->is_tls, conn->is_tls);
	is_over(conn);
	linked_conns[n_linked++] = conn;
}

static void failed(void *server, struct clove_connection *conn)
{
	ck_assert_ptr_eq(server, &policy);
	ck_assert_ptr_null(conn->stream);
	is_over(conn);
	n_failed++;
	clove_connection_free(conn);
}

static const struct clove_network_events events = { accepted, linked, failed };

/* -- log lines -- */

static char last_line[512];
static sem_t sink_entered, sink_goes_on;
static atomic_bool is_sink_held;

static void on_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	snprintf(last_line, sizeof last_line, "%s", line);
	if (atomic_exchange(&is_sink_held, false)) {
		sem_post(&sink_entered);
		sem_wait(&sink_goes_on);
	}
}

/* -- a server with one listener of each kind -- */

static void make_cert(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();
	FILE *file;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
			(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	ck_assert_ptr_nonnull(file = fopen(cert_path, "w"));
	ck_assert_int_eq(PEM_write_X509(file, cert), 1);
	fclose(file);
	ck_assert_ptr_nonnull(file = fopen(key_path, "w"));
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void set_policy(void)
{
	policy = (struct clove_link_policy){ .has_ticketing = true, .n_clients = 1, .n_offers = 4,
			.connection_ids = { LIVE_ID },
			.offers = { { CLOVE_CHANNEL_MAIN, 0, { { 9 } } },
				{ CLOVE_CHANNEL_INPUTS, 0, { { 1 } } },
				{ CLOVE_CHANNEL_DISPLAY, 0, { { 5 } } },
				{ CLOVE_CHANNEL_DISPLAY, 1, { { 6 } } } } };
	strcpy(policy.password, password);
	memset(policy.security, CLOVE_SECURITY_PLAIN | CLOVE_SECURITY_TLS, sizeof policy.security);
}

static void set_up_with(uint32_t deadline_ms, bool has_tls)
{
	char *error = NULL;

	clove_openssl_init(); /* the first to call it decides what happens at exit */
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(unix_path, sizeof unix_path, "%s/socket", dir);
	snprintf(cert_path, sizeof cert_path, "%s/cert", dir);
	snprintf(key_path, sizeof key_path, "%s/key", dir);
	make_cert();
	loop = clove_poll_loop_new();
	mail = clove_mailbox_new(loop, NULL);
	network = clove_network_new(mail, &policy, &events);
	ck_assert_ptr_nonnull(network);
	if (deadline_ms)
		clove_network_set_deadline(network, deadline_ms);
	if (has_tls) {
		struct clove_tls_server_options o = { .ca_file = cert_path, .cert_file = cert_path,
				.key_file = key_path };
		struct clove_tls *tls = clove_tls_server_new(&o, &error);

		ck_assert_msg(tls != NULL, "%s", error);
		clove_network_set_tls(network, tls);
	}

	struct clove_tls_client_options o = { .ca_file = cert_path };
	client_tls = clove_tls_client_new(&o, &error);
	ck_assert_msg(client_tls != NULL, "%s", error);
	set_policy();
	clove_network_set_policy(network, &policy);
	for (int i = 0; i < 3; i++) {
		int fd = i == UNIX ? clove_listen_unix(unix_path, &error) :
				clove_listen_tcp("127.0.0.1", 0, CLOVE_FAMILY_ANY, &error);

		ck_assert_msg(fd >= 0, "%s", error);
		if (i != UNIX)
			ports[i] = clove_socket_port(fd);
		/* The VMM's own listening socket may block. */
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		ck_assert(clove_network_listen(network, fd, i == TLS));
	}
}

static void set_up(void)
{
	set_up_with(0, true);
}

static void end_network(void)
{
	clove_network_free(network);
	network = NULL;
	clove_mailbox_run(mail);
	ck_assert_uint_eq(n_open, 0);
	ck_assert_uint_eq(n_linked + n_failed, n_accepted + n_adopted);
}

static void tear_down(void)
{
	end_network();
	clove_log_set_sink(NULL, NULL);
	while (n_linked)
		clove_connection_free(linked_conns[--n_linked]);
	clove_tls_free(client_tls);
	clove_mailbox_free(mail);
	clove_poll_loop_free(loop);
	unlink(unix_path);
	unlink(cert_path);
	unlink(key_path);
	rmdir(dir);
}

/* -- clients on the same loop -- */

struct client {
	struct clove_stream *stream;
	struct clove_watch *watch;
	struct clove_link link;
	struct clove_buf got;      /* a client that holds: the raw reply; else what follows the link */
	const char *early;         /* sent right behind the ticket */
	bool is_secured;
	bool is_held;              /* says its link message and no more */
	bool holds_ticket;         /* has made its ticket and does not send it */
	bool is_over;              /* linked, refused, or the server has closed */
	bool is_closed;
};

static int dial(enum where where, const char *from)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)ports[where == TLS]),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fd = socket(where == UNIX ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	ck_assert_int_ge(fd, 0);
	inet_pton(AF_INET, from ? from : "127.0.0.1", &own.sin_addr);
	strcpy(path.sun_path, unix_path);
	if (where == UNIX) {
		result = connect(fd, (struct sockaddr *)&path, sizeof path);
	} else {
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
		result = connect(fd, (struct sockaddr *)&to, sizeof to);
	}
	ck_assert_msg(result == 0, "%s", strerror(errno));
	return fd;
}

/* One end of a socket pair, adopted; the other end. */
static int adopt(enum where where)
{
	struct clove_connection *conn = calloc(1, sizeof *conn);
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	open_conns[n_open++] = conn;
	n_adopted++;
	ck_assert(clove_network_adopt(network, conn, fds[1],
			where == ADOPTED_TLS || where == ADOPTED_TLS_SKIPS_AUTH,
			where == ADOPTED_SKIPS_AUTH || where == ADOPTED_TLS_SKIPS_AUTH));
	return fds[0];
}

static void client_finish(struct client *client)
{
	client->is_over = true;
	clove_watch_set(loop, client->watch, 0);
}

static void client_read(struct client *client)
{
	uint8_t bytes[4096];
	size_t n, used = 0;
	enum clove_err err;

	while (!client->is_over && (err = clove_stream_read(client->stream, bytes, sizeof bytes, &n)) !=
			CLOVE_ERR_AGAIN) {
		if (err != CLOVE_OK) {
			client->is_closed = true;
			client_finish(client);
			return;
		}
		used = 0;
		if (!client->is_held) {
			ck_assert_int_eq(clove_link_feed(&client->link, CLOVE_BYTES(bytes, n), &used), CLOVE_OK);
			if (client->early && client->link.out.len)
				ck_assert_int_eq(clove_buf_append(&client->link.out, client->early,
						strlen(client->early)), CLOVE_OK);
			if (client->link.state != CLOVE_LINK_GOING_ON)
				client_finish(client);
		}
		ck_assert_int_eq(clove_buf_append(&client->got, bytes + used, n - used), CLOVE_OK);
	}
}

/* The reply, with the capabilities of its channel, was read. */
static bool is_ticket_held(const struct client *client)
{
	return client->holds_ticket && client->link.info.common_caps.words[0];
}

static void client_go(struct client *client)
{
	struct clove_buf *out = &client->link.out;
	int mask = CLOVE_READ;

	if (!client->is_secured) {
		enum clove_err err = clove_stream_handshake(client->stream);

		if (err == CLOVE_ERR_AGAIN) {
			clove_watch_set(loop, client->watch, clove_stream_wants(client->stream));
			return;
		}
		client->is_secured = err == CLOVE_OK;
		if (err != CLOVE_OK) {
			client->is_closed = true;
			client_finish(client);
			return;
		}
	}
	do { /* what is read may want an answer */
		while (out->len && !is_ticket_held(client)) {
			size_t put;
			enum clove_err err = clove_stream_write(client->stream, out->data, out->len, &put);

			clove_buf_consume(out, put);
			if (err == CLOVE_ERR_AGAIN)
				mask |= CLOVE_WRITE;
			if (err != CLOVE_OK)
				break;
		}
		client_read(client);
	} while (!client->is_over && out->len && mask == CLOVE_READ && !is_ticket_held(client));
	if (!client->is_over)
		clove_watch_set(loop, client->watch, mask);
}

static void on_client(void *opaque, int fd, int mask)
{
	(void)fd;
	(void)mask;
	client_go(opaque);
}

static void client_on(struct client *client, int fd, bool is_tls, uint32_t connection_id, uint8_t type,
		uint8_t id, const char *its_password)
{
	struct clove_link_info wanted = { .connection_id = connection_id, .channel_type = type,
			.channel_id = id, .channel_caps.words = { 3 } };

	client->stream = clove_socket_stream_new(fd, 0);
	ck_assert_ptr_nonnull(client->stream);
	if (is_tls)
		client->stream = clove_tls_stream_new(client_tls, client->stream);
	client->is_secured = !is_tls;
	clove_link_init_client(&client->link, &wanted, its_password);
	client->watch = clove_watch_add(loop, fd, 0, on_client, client);
	client_go(client);
}

static void client_open(struct client *client, enum where where, uint32_t connection_id, uint8_t type,
		uint8_t id, const char *its_password)
{
	client_on(client, where >= ADOPTED ? adopt(where) : dial(where, NULL),
			where == TLS || where == ADOPTED_TLS || where == ADOPTED_TLS_SKIPS_AUTH,
			connection_id, type, id, its_password);
}

static void client_close(struct client *client)
{
	clove_watch_remove(loop, client->watch);
	clove_stream_free(client->stream);
	clove_link_fini(&client->link);
	clove_buf_fini(&client->got);
	*client = (struct client){ 0 };
}

static bool is_linked(const struct client *client)
{
	return client->is_over && client->link.state == CLOVE_LINK_DONE;
}

/* A good main link from an address. */
static void client_from(struct client *client, const char *from)
{
	client_on(client, dial(PLAIN, from), false, 0, CLOVE_CHANNEL_MAIN, 0, password);
}

/* Reads until the server closes; how many bytes there were. */
static size_t read_to_end(int fd, uint8_t *to, size_t room)
{
	size_t len = 0;
	ssize_t n = -1;
	uint64_t give_up = clove_now_ms() + 5000;

	while (n != 0 && clove_now_ms() < give_up) {
		n = recv(fd, to + len, room - len, MSG_DONTWAIT);
		if (n < 0 && errno == ECONNRESET)
			n = 0;
		if (n < 0)
			clove_poll_loop_step(loop, 5);
		len += n > 0 ? (size_t)n : 0;
	}
	ck_assert_msg(n == 0, "the server does not close");
	return len;
}

static void say(int fd, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* The network thread writes a log line, which takes until let_thread_go(): what happens between is
 * there all at once, in its order. */
static void hold_thread(void)
{
	int fd = dial(UNIX, NULL);

	clove_log_set_sink(on_line, NULL);
	sem_init(&sink_entered, 0, 0);
	sem_init(&sink_goes_on, 0, 0);
	atomic_store(&is_sink_held, true);
	say(fd, "nonsense", 8);
	while (sem_wait(&sink_entered) < 0)
		continue;
	close(fd);
}

static void let_thread_go(void)
{
	sem_post(&sink_goes_on);
}

static void turn_for(uint32_t ms)
{
	for (uint64_t end = clove_now_ms() + ms, now; (now = clove_now_ms()) < end; )
		clove_poll_loop_step(loop, (int)(end - now));
}

/* -- who is let in -- */

static void as_it_is(void) { }
static void no_ticketing(void) { policy.has_ticketing = false; policy.password[0] = '\0'; }
static void no_password(void) { policy.password[0] = '\0'; }
static void expired(void) { policy.expires_ms = clove_now_ms() - 1000; }
static void expires_later(void) { policy.expires_ms = clove_now_ms() + 60000; }
static void tls_only(void) { policy.security[CLOVE_CHANNEL_INPUTS] = CLOVE_SECURITY_TLS; }
static void plain_only(void) { policy.security[CLOVE_CHANNEL_INPUTS] = CLOVE_SECURITY_PLAIN; }
static void no_clients(void) { policy.n_clients = 0; }
static void absurd_counts(void) { policy.n_clients = policy.n_offers = 4000000000; }
static void client_of_id_0(void) { policy.connection_ids[0] = 0; }
static void no_offers(void) { policy.n_offers = 0; }
static void longest_password(void)
{
	memset(policy.password, 'x', CLOVE_TICKET_PASSWORD_MAX);
}
/* What was longer before is still behind the end. */
static void shorter_password(void) { policy.password[7] = '\0'; }

#define SIXTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
enum { M = CLOVE_CHANNEL_MAIN, D = CLOVE_CHANNEL_DISPLAY, I = CLOVE_CHANNEL_INPUTS };

static const struct {
	const char *why;
	enum where where;
	void (*change)(void);
	uint32_t connection_id;
	uint8_t type, id;
	const char *password;
	enum clove_link_error want;
	bool is_by_result;
} links[] = {
	{ "plain main",            PLAIN, as_it_is,         0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "TLS main",              TLS,   as_it_is,         0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "unix main",             UNIX,  as_it_is,         0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "main, any channel id",  PLAIN, as_it_is,         0,  M, 9, password, CLOVE_LINK_OK, 0 },
	{ "main that migrates",    PLAIN, as_it_is,         12, M, 0, password, CLOVE_LINK_OK, 0 },
	{ "main, not listed",      PLAIN, no_offers,        0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "inputs",                PLAIN, as_it_is, LIVE_ID,    I, 0, password, CLOVE_LINK_OK, 0 },
	{ "second display, TLS",   TLS,   as_it_is, LIVE_ID,    D, 1, password, CLOVE_LINK_OK, 0 },
	{ "wrong password",        PLAIN, as_it_is,         0,  M, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "wrong, TLS",            TLS,   as_it_is,         0,  M, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "wrong, unix",           UNIX,  as_it_is,         0,  M, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "password's beginning",  PLAIN, as_it_is,         0,  M, 0, "correct", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "password and more",     PLAIN, as_it_is,         0,  M, 0, "correct horses", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "none given",            PLAIN, as_it_is,         0,  M, 0, NULL, CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "none set, none given",  PLAIN, no_password,      0,  M, 0, NULL, CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "none set, one given",   PLAIN, no_password,      0,  M, 0, password, CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "longest password",      PLAIN, longest_password, 0,  M, 0, SIXTY, CLOVE_LINK_OK, 0 },
	{ "not its first letter",  PLAIN, longest_password, 0,  M, 0, &SIXTY[1], CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "shorter than before",   PLAIN, shorter_password, 0,  M, 0, "correct", CLOVE_LINK_OK, 0 },
	{ "expired",               PLAIN, expired,          0,  M, 0, password, CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "not expired",           PLAIN, expires_later,    0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "ticketing off",         PLAIN, no_ticketing,     0,  M, 0, "whatever", CLOVE_LINK_OK, 0 },
	{ "ticketing off, none",   TLS,   no_ticketing,     0,  M, 0, NULL, CLOVE_LINK_OK, 0 },
	{ "needs TLS",             PLAIN, tls_only, LIVE_ID,    I, 0, password, CLOVE_LINK_NEED_SECURED, 0 },
	{ "unix is not TLS",       UNIX,  tls_only, LIVE_ID,    I, 0, password, CLOVE_LINK_NEED_SECURED, 0 },
	{ "has TLS",               TLS,   tls_only, LIVE_ID,    I, 0, password, CLOVE_LINK_OK, 0 },
	{ "another needs TLS",     PLAIN, tls_only, LIVE_ID,    D, 0, password, CLOVE_LINK_OK, 0 },
	{ "TLS before ticket",     PLAIN, tls_only, LIVE_ID,    I, 0, "wrong", CLOVE_LINK_NEED_SECURED, 0 },
	{ "TLS before look-up",    PLAIN, tls_only, LIVE_ID,    I, 7, "wrong", CLOVE_LINK_NEED_SECURED, 0 },
	{ "no TLS wanted",         TLS,   plain_only, LIVE_ID,  I, 0, password, CLOVE_LINK_NEED_UNSECURED, 0 },
	{ "no TLS wanted or there", PLAIN, plain_only, LIVE_ID, I, 0, password, CLOVE_LINK_OK, 0 },
	{ "unknown id",            PLAIN, as_it_is,         78, I, 0, password, CLOVE_LINK_BAD_CONNECTION_ID, 1 },
	{ "unknown id, no ticket", PLAIN, as_it_is,         78, I, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "no id",                 PLAIN, as_it_is,         0,  I, 0, password, CLOVE_LINK_BAD_CONNECTION_ID, 1 },
	{ "no id, and 0 is one",   PLAIN, client_of_id_0,   0,  I, 0, password, CLOVE_LINK_BAD_CONNECTION_ID, 1 },
	{ "nobody is there",       PLAIN, no_clients, LIVE_ID,  I, 0, password, CLOVE_LINK_BAD_CONNECTION_ID, 1 },
	{ "counts out of bounds",  PLAIN, absurd_counts, 5,     I, 9, password, CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "third display",         PLAIN, as_it_is, LIVE_ID,    D, 2, password, CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "not offered",           PLAIN, as_it_is, LIVE_ID,    5, 0, password, CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "no such type",          PLAIN, as_it_is, LIVE_ID,    0, 0, password, CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "type out of bounds",    PLAIN, as_it_is, LIVE_ID,    CLOVE_CHANNEL_TYPES, 0, password,
		CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "the largest type",      TLS,   as_it_is, LIVE_ID,    255, 255, password,
		CLOVE_LINK_CHANNEL_NOT_AVAILABLE, 0 },
	{ "adopted",               ADOPTED, as_it_is,       0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "adopted, wrong",        ADOPTED, as_it_is,       0,  M, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "adopted for TLS",       ADOPTED_TLS, as_it_is,   0,  M, 0, password, CLOVE_LINK_OK, 0 },
	{ "adopted for TLS, wrong", ADOPTED_TLS, as_it_is,  0,  M, 0, "wrong", CLOVE_LINK_PERMISSION_DENIED, 1 },
	{ "skips auth",            ADOPTED_SKIPS_AUTH, as_it_is, 0, M, 0, "wrong", CLOVE_LINK_OK, 0 },
	{ "skips auth, none set",  ADOPTED_SKIPS_AUTH, no_password, 0, M, 0, NULL, CLOVE_LINK_OK, 0 },
	{ "skips auth, TLS",       ADOPTED_TLS_SKIPS_AUTH, as_it_is, 0, M, 0, "wrong", CLOVE_LINK_OK, 0 },
	{ "skips auth, not TLS",   ADOPTED_SKIPS_AUTH, tls_only, LIVE_ID, I, 0, NULL, CLOVE_LINK_NEED_SECURED, 0 },
	{ "skips auth, no such id", ADOPTED_SKIPS_AUTH, as_it_is, 3, I, 0, NULL, CLOVE_LINK_BAD_CONNECTION_ID, 1 },
};
enum { LINKS = sizeof links / sizeof links[0] };

static void exchange(struct client *client, struct clove_connection *conn)
{
	size_t n;

	/* Now it is QEMU's thread's. */
	ck_assert_int_eq(clove_stream_write(conn->stream, "hello", 5, &n), CLOVE_OK);
	clove_watch_set(loop, client->watch, CLOVE_READ);
	client->is_over = false;
	client->is_held = true; /* that is, no link any more */
	NET_TURN_UNTIL(loop, client->got.len == 5);
	ck_assert_mem_eq(client->got.data, "hello", 5);
}

START_TEST(test_network_links)
{
	struct client client = { 0 };

	links[_i].change();
	clove_network_set_policy(network, &policy);
	client_open(&client, links[_i].where, links[_i].connection_id, links[_i].type, links[_i].id,
			links[_i].password);
	NET_TURN_UNTIL(loop, client.is_over && n_linked + n_failed == 1);
	ck_assert_msg(!client.is_closed, "%s: closed without an answer", links[_i].why);
	ck_assert_msg(client.link.error == links[_i].want, "%s: %s", links[_i].why,
			clove_link_error_name(client.link.error));
	ck_assert_int_eq(client.link.was_refused_by_result, links[_i].is_by_result);
	ck_assert_uint_eq(n_accepted, links[_i].where < ADOPTED);
	ck_assert_uint_eq(n_linked, links[_i].want == CLOVE_LINK_OK);
	if (links[_i].want == CLOVE_LINK_OK) {
		struct clove_connection *conn = linked_conns[0];

		ck_assert_int_eq(client.link.state, CLOVE_LINK_DONE);
		ck_assert_uint_eq(conn->info.connection_id, links[_i].connection_id);
		ck_assert_uint_eq(conn->info.channel_type, links[_i].type);
		ck_assert_uint_eq(conn->info.channel_id, links[_i].id);
		ck_assert_uint_eq(conn->info.channel_caps.words[0], 3);
		ck_assert(conn->mini_header && client.link.mini_header);
		ck_assert_int_eq(conn->is_tls, client.stream->is_tls);
		ck_assert_uint_eq(conn->early.len, 0);
		if (links[_i].where < UNIX) {
			struct sockaddr_in *local = (struct sockaddr_in *)&conn->local;
			struct sockaddr_in *peer = (struct sockaddr_in *)&conn->peer;
			struct sockaddr_in own;
			socklen_t len = sizeof own;

			ck_assert_int_eq(getsockname(client.stream->fd, (struct sockaddr *)&own, &len), 0);
			ck_assert_uint_eq(ntohs(local->sin_port), (unsigned int)ports[links[_i].where]);
			ck_assert_uint_eq(peer->sin_port, own.sin_port);
		}
		for (unsigned int i = 0; i < policy.n_offers; i++)
			if (policy.offers[i].type == links[_i].type && policy.offers[i].id == links[_i].id)
				ck_assert_uint_eq(client.link.info.channel_caps.words[0],
						policy.offers[i].caps.words[0]);
		exchange(&client, conn);
	}
	client_close(&client);
}
END_TEST

/* -- bytes -- */

static const enum where streams[] = { PLAIN, TLS, UNIX, ADOPTED, ADOPTED_TLS };
enum { STREAMS = sizeof streams / sizeof streams[0] };

START_TEST(test_network_hands_early_bytes_over)
{
	struct client client = { .early = "the first message" };

	client_open(&client, streams[_i], 0, CLOVE_CHANNEL_MAIN, 0, password);
	NET_TURN_UNTIL(loop, client.is_over && n_linked == 1);
	ck_assert_uint_eq(linked_conns[0]->early.len, strlen(client.early));
	ck_assert_mem_eq(linked_conns[0]->early.data, client.early, strlen(client.early));
	exchange(&client, linked_conns[0]);
	client_close(&client);
}
END_TEST

#define LINK_HEADER(major, size) "REDQ" major "\0\0\0\2\0\0\0" size
static const struct {
	const char *why, *bytes;
	size_t len;
	int error;             /* of the link reply; 0: closed without a word */
} garbage[] = {
	{ "a web browser",   "GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30, CLOVE_LINK_INVALID_MAGIC },
	{ "zeroes",          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",     16, CLOVE_LINK_INVALID_MAGIC },
	{ "old version",     LINK_HEADER("\1", "\x12\0\0\0"),        16, CLOVE_LINK_VERSION_MISMATCH },
	{ "older version",   LINK_HEADER("\0", "\x12\0\0\0"),        16, 0 },
	{ "absurd size",     LINK_HEADER("\2", "\xff\xff\xff\xff"),  16, CLOVE_LINK_INVALID_DATA },
	{ "a wild offset",   LINK_HEADER("\2", "\x12\0\0\0") "\0\0\0\0" "\1\0" "\1\0\0\0" "\0\0\0\0" "\x12\0\0\0",
		34, CLOVE_LINK_INVALID_DATA },
};
enum { GARBAGE = sizeof garbage / sizeof garbage[0] };

START_TEST(test_network_refuses_garbage)
{
	uint8_t got[1024];
	int fd = dial(PLAIN, NULL);

	say(fd, garbage[_i].bytes, garbage[_i].len);
	size_t len = read_to_end(fd, got, sizeof got);
	close(fd);
	NET_TURN_UNTIL(loop, n_failed == 1);
	ck_assert_msg(len == (garbage[_i].error ? HEADER + REPLY : 0), "%s: %zu bytes", garbage[_i].why, len);
	if (garbage[_i].error)
		ck_assert_uint_eq(clove_le32(got + HEADER), (uint32_t)garbage[_i].error);
}
END_TEST

START_TEST(test_network_refuses_plain_clients_of_tls)
{
	uint8_t got[1024];
	int fd = dial(TLS, NULL);

	clove_log_set_sink(on_line, NULL);
	say(fd, garbage[_i].bytes, garbage[_i].len);
	read_to_end(fd, got, sizeof got);
	close(fd);
	NET_TURN_UNTIL(loop, n_failed == 1);
	ck_assert_msg(strstr(last_line, ": TLS handshake: ") != NULL, "%s", last_line);
}
END_TEST

/* After so many bytes of a good link the client goes. */
static const size_t leaves_after[] = { 0, 3, 16, 20, 33 };
enum { LEAVES = sizeof leaves_after / sizeof leaves_after[0] };

START_TEST(test_network_lets_clients_go)
{
	static const uint8_t message[] = LINK_HEADER("\2", "\x12\0\0\0") "\0\0\0\0" "\1\0" "\0\0\0\0" "\0\0\0\0" "\x12\0\0\0";

	clove_log_set_sink(on_line, NULL);
	for (unsigned int i = 0; i < STREAMS; i++) {
		int fd = streams[i] < ADOPTED ? dial(streams[i], NULL) : adopt(streams[i]);

		if (leaves_after[_i])
			say(fd, message, leaves_after[_i]);
		close(fd);
		NET_TURN_UNTIL(loop, n_failed == i + 1);
		ck_assert_uint_eq(n_open, 0);
	}
}
END_TEST

/* TCP's reset while the reply is on its way. */
START_TEST(test_network_survives_resets)
{
	struct linger none = { .l_onoff = 1 };

	for (unsigned int i = 0; i < 50; i++) {
		struct client client = { .is_held = true };

		client_open(&client, i % 2 ? PLAIN : TLS, 0, CLOVE_CHANNEL_MAIN, 0, password);
		if (i % 3)
			clove_poll_loop_step(loop, 1);
		setsockopt(client.stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
		client_close(&client);
	}
	/* Some may have died before they were accepted. */
	struct client last = { 0 };
	client_from(&last, "127.0.0.1");
	NET_TURN_UNTIL(loop, is_linked(&last) && n_linked == 1 && n_failed == n_accepted - 1);
	client_close(&last);
}
END_TEST

/* -- time -- */

enum stays { SILENT, DRIPPING, BEFORE_THE_TICKET };
static const struct {
	enum where where;
	enum stays stays;
} slow[] = {
	{ PLAIN, SILENT }, { TLS, SILENT }, { UNIX, SILENT }, { ADOPTED, SILENT },
	{ PLAIN, DRIPPING }, { TLS, DRIPPING }, { PLAIN, BEFORE_THE_TICKET }, { TLS, BEFORE_THE_TICKET },
};
enum { SLOW = sizeof slow / sizeof slow[0], SHORT_DEADLINE = 300 };

static void set_up_short(void)
{
	set_up_with(SHORT_DEADLINE, true);
}

START_TEST(test_network_cuts_slow_clients)
{
	static const char header[] = LINK_HEADER("\2", "\x12\0\0\0");
	static const char record[16] = "\x16\x03\x01\x3f\xff\x01"; /* of 16 KiB, and it never ends */
	struct client client = { .is_held = true };
	uint64_t begin = clove_now_ms();
	int fd = -1;

	clove_log_set_sink(on_line, NULL);
	if (slow[_i].stays == BEFORE_THE_TICKET)
		client_open(&client, slow[_i].where, 0, CLOVE_CHANNEL_MAIN, 0, password);
	else
		fd = slow[_i].where == ADOPTED ? adopt(ADOPTED) : dial(slow[_i].where, NULL);
	for (size_t i = 0; !n_failed && i < 40; i++) {
		if (slow[_i].stays == DRIPPING && i < 16)
			(void)!send(fd, slow[_i].where == TLS ? &record[i] : &header[i], 1, MSG_NOSIGNAL);
		turn_for(25);
	}
	ck_assert_uint_eq(n_failed, 1);
	ck_assert_uint_ge(clove_now_ms() - begin, SHORT_DEADLINE);
	ck_assert_ptr_nonnull(strstr(last_line, "it took too long"));
	ck_assert_ptr_nonnull(strstr(last_line, slow[_i].stays == BEFORE_THE_TICKET ? "ticket" :
			slow[_i].where == TLS ? "TLS handshake" : "link message"));
	if (fd >= 0)
		close(fd);
	else
		client_close(&client);
}
END_TEST

START_TEST(test_network_delays_guesses_and_nobody_else)
{
	uint32_t least = 100; /* and twice as much each time */

	for (unsigned int i = 0; i < 3; i++, least *= 2) {
		struct client guess = { 0 }, good = { 0 };
		uint64_t begin = clove_now_ms();

		client_open(&guess, PLAIN, 0, CLOVE_CHANNEL_MAIN, 0, "guess");
		turn_for(40);
		client_from(&good, "127.0.0.1");
		NET_TURN_UNTIL(loop, is_linked(&good));
		ck_assert(!guess.is_over || clove_now_ms() - begin >= least);
		NET_TURN_UNTIL(loop, guess.is_over);
		ck_assert_uint_ge(clove_now_ms() - begin, least);
		ck_assert_int_eq(guess.link.error, CLOVE_LINK_PERMISSION_DENIED);
		client_close(&guess);
		client_close(&good);
	}
	/* Another address has its own count. */
	struct client other = { 0 };
	uint64_t begin = clove_now_ms();

	client_on(&other, dial(PLAIN, "127.0.0.2"), false, 0, CLOVE_CHANNEL_MAIN, 0, "guess");
	NET_TURN_UNTIL(loop, other.is_over);
	ck_assert_uint_lt(clove_now_ms() - begin, least);
	client_close(&other);
}
END_TEST

START_TEST(test_network_lets_passwords_live_to_the_end_of_their_second)
{
	struct client client = { 0 };

	while (clove_now_ms() % 1000 > 700)
		turn_for(50);
	policy.expires_ms = clove_now_ms() / 1000 * 1000;
	clove_network_set_policy(network, &policy);
	client_from(&client, "127.0.0.1");
	NET_TURN_UNTIL(loop, client.is_over);
	ck_assert(is_linked(&client));
	client_close(&client);
	policy.expires_ms -= 1;
	clove_network_set_policy(network, &policy);
	client_from(&client, "127.0.0.1");
	NET_TURN_UNTIL(loop, client.is_over);
	ck_assert_int_eq(client.link.error, CLOVE_LINK_PERMISSION_DENIED);
	client_close(&client);
}
END_TEST

/* -- places -- */

static void dial_silent(int *fds, unsigned int n, enum where where, const char *from)
{
	unsigned int before = n_accepted;

	for (unsigned int i = 0; i < n; i++)
		fds[i] = dial(where, from);
	NET_TURN_UNTIL(loop, n_accepted == before + n);
}

static void hang_up(int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
}

static const enum where listeners[] = { PLAIN, TLS, UNIX };

START_TEST(test_network_serves_an_address_32_links)
{
	struct client late = { 0 }, later = { 0 }, other = { 0 };
	enum where where = listeners[_i];
	int fds[32];

	dial_silent(fds, 32, where, NULL);
	client_open(&late, where, 0, CLOVE_CHANNEL_MAIN, 0, password);
	client_open(&later, where, 0, CLOVE_CHANNEL_MAIN, 0, password);
	turn_for(50);
	ck_assert_uint_eq(n_accepted, 32);
	client_from(&other, "127.0.0.2");
	NET_TURN_UNTIL(loop, is_linked(&other));
	ck_assert(!late.is_over && !later.is_over);
	close(fds[0]);
	NET_TURN_UNTIL(loop, is_linked(&late) && is_linked(&later) && n_linked == 3);
	ck_assert_uint_eq(n_failed, 1);
	hang_up(fds + 1, 31);
	client_close(&late);
	client_close(&later);
	client_close(&other);
}
END_TEST

/* The unix socket and the ports have different addresses; both ports have one. */
START_TEST(test_network_counts_an_address_over_all_listeners)
{
	struct client late = { 0 }, other = { 0 };
	int fds[32];

	dial_silent(fds, 16, PLAIN, NULL);
	dial_silent(fds + 16, 16, TLS, NULL);
	client_open(&late, TLS, 0, CLOVE_CHANNEL_MAIN, 0, password);
	client_open(&other, UNIX, 0, CLOVE_CHANNEL_MAIN, 0, password);
	NET_TURN_UNTIL(loop, is_linked(&other));
	ck_assert(!late.is_over);
	close(fds[0]);
	NET_TURN_UNTIL(loop, is_linked(&late));
	hang_up(fds + 1, 31);
	client_close(&late);
	client_close(&other);
}
END_TEST

START_TEST(test_network_is_not_filled_by_one_address)
{
	enum { SERVED = 32, WAIT = 64, TOO_MANY = 9 };
	struct client other = { 0 };
	int fds[SERVED + WAIT + TOO_MANY];
	uint8_t byte;

	for (unsigned int i = 0; i < SERVED + WAIT + TOO_MANY; i++)
		fds[i] = dial(PLAIN, NULL);
	for (unsigned int i = 0; i < TOO_MANY; i++)
		ck_assert_uint_eq(read_to_end(fds[SERVED + WAIT + i], &byte, 1), 0);
	client_from(&other, "127.0.0.2");
	NET_TURN_UNTIL(loop, is_linked(&other) && n_linked == 1);
	for (unsigned int i = 0; i < SERVED + WAIT; i++)
		ck_assert_int_eq(recv(fds[i], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_uint_eq(n_accepted, SERVED + 1);
	/* Who waits is served in turn, and those who have left are no trouble. */
	hang_up(fds, SERVED + WAIT / 2);
	NET_TURN_UNTIL(loop, n_accepted == SERVED + WAIT + 1 && n_failed == SERVED + WAIT / 2);
	hang_up(fds + SERVED + WAIT / 2, WAIT / 2 + TOO_MANY);
	client_close(&other);
}
END_TEST

/* A place and a newcomer in the same turn: the place is not the newcomer's. */
START_TEST(test_network_serves_who_has_waited)
{
	int fds[32], waiter, newcomer;
	struct sockaddr_in own;
	socklen_t len = sizeof own;

	dial_silent(fds, 32, PLAIN, NULL);
	waiter = dial(PLAIN, NULL);
	turn_for(50);
	ck_assert_uint_eq(n_accepted, 32);
	hold_thread();
	close(fds[0]);
	newcomer = dial(PLAIN, NULL);
	let_thread_go();
	NET_TURN_UNTIL(loop, n_accepted == 34 && n_failed == 2); /* the thread's holder is one */
	ck_assert_int_eq(getsockname(waiter, (struct sockaddr *)&own, &len), 0);
	ck_assert_uint_eq(((struct sockaddr_in *)&open_conns[n_open - 1]->peer)->sin_port, own.sin_port);
	hang_up(fds + 1, 31);
	close(waiter);
	close(newcomer);
}
END_TEST

START_TEST(test_network_has_64_links_in_all)
{
	struct client third = { 0 }, adopted_one = { 0 };
	int fds[64];

	dial_silent(fds, 32, PLAIN, "127.0.0.1");
	dial_silent(fds + 32, 32, PLAIN, "127.0.0.2");
	client_from(&third, "127.0.0.3");
	turn_for(50);
	ck_assert_uint_eq(n_accepted, 64);
	/* What the VMM gives needs no place. */
	client_open(&adopted_one, ADOPTED, 0, CLOVE_CHANNEL_MAIN, 0, password);
	NET_TURN_UNTIL(loop, is_linked(&adopted_one));
	ck_assert(!third.is_over);
	close(fds[40]);
	NET_TURN_UNTIL(loop, is_linked(&third));
	fds[40] = fds[63];
	hang_up(fds, 63);
	client_close(&third);
	client_close(&adopted_one);
}
END_TEST

/* Each would be over in microseconds, and two events for QEMU's thread. */
START_TEST(test_network_is_not_hurried)
{
	/* 64 in 50 ms; the first may share their 50 ms with what came before */
	enum { FLOOD = 220 };
	int fds[FLOOD];
	char from[16];

	hold_thread();
	for (int i = 0; i < FLOOD; i++) {
		snprintf(from, sizeof from, "127.0.0.%d", 1 + i % 10);
		fds[i] = dial(PLAIN, from);
		say(fds[i], "nonsense", 8);
	}
	uint64_t begin = clove_now_ms();
	let_thread_go();
	NET_TURN_UNTIL(loop, n_failed == FLOOD + 1);
	ck_assert_uint_ge(clove_now_ms() - begin, 95);
	hang_up(fds, FLOOD);
}
END_TEST

START_TEST(test_network_needs_no_place_for_the_channels_of_clients)
{
	enum { EXEMPT = 64, MORE = 4 };
	struct client channels[EXEMPT + MORE] = { { 0 } }, late = { 0 };
	int fds[32];

	for (int i = 0; i < EXEMPT; i++) {
		channels[i].is_held = true;
		client_open(&channels[i], PLAIN, LIVE_ID, CLOVE_CHANNEL_DISPLAY, 0, password);
		NET_TURN_UNTIL(loop, channels[i].got.len > HEADER + REPLY);
	}
	/* The next ones count. */
	for (int i = EXEMPT; i < EXEMPT + MORE; i++) {
		channels[i].is_held = true;
		client_open(&channels[i], PLAIN, LIVE_ID, CLOVE_CHANNEL_DISPLAY, 0, password);
		NET_TURN_UNTIL(loop, channels[i].got.len > HEADER + REPLY);
	}
	dial_silent(fds, 32 - MORE, PLAIN, NULL);
	client_from(&late, "127.0.0.1");
	turn_for(50);
	ck_assert(!late.is_over);
	/* An exempt one that goes leaves no place; one that counts does. */
	client_close(&channels[0]);
	turn_for(50);
	ck_assert_uint_eq(n_failed, 1);
	ck_assert(!late.is_over);
	client_close(&channels[EXEMPT]);
	NET_TURN_UNTIL(loop, is_linked(&late));
	hang_up(fds, 32 - MORE);
	for (int i = 1; i < EXEMPT + MORE; i++)
		if (i != EXEMPT)
			client_close(&channels[i]);
	client_close(&late);
}
END_TEST

/* The connection stays in the backlog and wakes nobody; when there are descriptors it is served. */
static uint64_t wake_ups(const char *thread, const char *field, int base)
{
	DIR *tasks = opendir("/proc/self/task");
	uint64_t value = UINT64_MAX;
	struct dirent *task;

	while ((task = readdir(tasks))) {
		char path[320], line[128];

		snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
		FILE *file = fopen(path, "r");
		bool is_it = false;

		while (file && fgets(line, sizeof line, file)) {
			if (!strncmp(line, "Name:\t", 6))
				is_it = !strncmp(line + 6, thread, strlen(thread));
			if (is_it && !strncmp(line, field, strlen(field)))
				value = strtoull(line + strlen(field), NULL, base);
		}
		if (file)
			fclose(file);
	}
	closedir(tasks);
	ck_assert_msg(value != UINT64_MAX, "no thread %s", thread);
	return value;
}

#define SWITCHES "voluntary_ctxt_switches:"

/* Both threads sleep for 300 ms on end, when the keys that were ordered are made. */
static bool settle(void)
{
	uint64_t give_up = clove_now_ms() + 10000, before, after = 0;

	do {
		before = after;
		turn_for(300);
		after = wake_ups("clove-network", SWITCHES, 10) + wake_ups("clove-keys", SWITCHES, 10);
	} while (before != after && clove_now_ms() < give_up);
	return before == after;
}

START_TEST(test_network_rests_without_descriptors)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)ports[PLAIN]),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct client client = { 0 };
	struct rlimit before, none;
	int fd;

	ck_assert(settle());
	uint64_t was = wake_ups("clove-network", SWITCHES, 10);

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	client_on(&client, fd, false, 0, CLOVE_CHANNEL_MAIN, 0, password);
	turn_for(200);
	ck_assert_uint_eq(n_accepted, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_uint_lt(wake_ups("clove-network", SWITCHES, 10) - was, 20);
	NET_TURN_UNTIL(loop, is_linked(&client));
	client_close(&client);
}
END_TEST

/* -- keys -- */

static const struct {
	enum where where;
	bool has_ticketing, is_fresh;
} keys[] = {
	{ PLAIN, true, true }, { PLAIN, false, false }, { TLS, true, false }, { UNIX, true, false },
	{ ADOPTED, true, false }, { ADOPTED_SKIPS_AUTH, true, false },
};
enum { KEYS = sizeof keys / sizeof keys[0] };

START_TEST(test_network_repeats_keys_only_where_replay_does_not_matter)
{
	struct client clients[2] = { { .is_held = true }, { .is_held = true } };

	policy.has_ticketing = keys[_i].has_ticketing;
	clove_network_set_policy(network, &policy);
	for (int i = 0; i < 2; i++) {
		client_open(&clients[i], keys[_i].where, 0, CLOVE_CHANNEL_MAIN, 0, password);
		NET_TURN_UNTIL(loop, clients[i].got.len >= HEADER + REPLY);
	}
	ck_assert_int_eq(memcmp(clients[0].got.data + HEADER + 4, clients[1].got.data + HEADER + 4,
			CLOVE_TICKET_KEY_SIZE) != 0, keys[_i].is_fresh);
	client_close(&clients[0]);
	client_close(&clients[1]);
}
END_TEST

/* More at once than there are spare keys, and than places. */
START_TEST(test_network_links_many_at_once)
{
	enum { MANY = 40 };
	struct client clients[MANY] = { { 0 } };

	for (int i = 0; i < MANY; i++)
		client_open(&clients[i], listeners[_i], 0, CLOVE_CHANNEL_MAIN, 0, password);
	NET_TURN_UNTIL(loop, n_linked == MANY);
	for (int i = 0; i < MANY; i++) {
		NET_TURN_UNTIL(loop, clients[i].is_over);
		ck_assert(is_linked(&clients[i]));
		client_close(&clients[i]);
	}
}
END_TEST

/* The thread is busy while the ticket, and behind it the new policy, arrive. */
START_TEST(test_network_looks_at_the_newest_policy)
{
	struct client client = { .holds_ticket = true };

	client_open(&client, PLAIN, 1234, CLOVE_CHANNEL_INPUTS, 0, password);
	NET_TURN_UNTIL(loop, is_ticket_held(&client));
	hold_thread();
	client.holds_ticket = false;
	client_go(&client);
	policy.connection_ids[policy.n_clients++] = 1234;
	clove_network_set_policy(network, &policy);
	let_thread_go();
	NET_TURN_UNTIL(loop, client.is_over);
	ck_assert_msg(is_linked(&client), "%s", clove_link_error_name(client.link.error));
	client_close(&client);
}
END_TEST

/* -- policy -- */

static void no_display(void) { policy.n_offers = 2; }
static void ticketing(void) { policy.has_ticketing = true; strcpy(policy.password, password); }
static void other_password(void) { strcpy(policy.password, "another"); }

static const struct {
	const char *why;
	enum where where;
	void (*before)(void), (*after)(void);
	enum clove_link_error want;
} changes[] = {
	{ "the channel goes",           PLAIN, as_it_is,     no_display,     CLOVE_LINK_CHANNEL_NOT_AVAILABLE },
	{ "the client goes",            PLAIN, as_it_is,     no_clients,     CLOVE_LINK_BAD_CONNECTION_ID },
	{ "the password changes",       PLAIN, as_it_is,     other_password, CLOVE_LINK_PERMISSION_DENIED },
	{ "the password expires",       TLS,   as_it_is,     expired,        CLOVE_LINK_PERMISSION_DENIED },
	{ "ticketing begins, old key",  PLAIN, no_ticketing, ticketing,      CLOVE_LINK_PERMISSION_DENIED },
	{ "ticketing begins, by TLS",   TLS,   no_ticketing, ticketing,      CLOVE_LINK_OK },
	{ "ticketing ends",             PLAIN, other_password, no_ticketing, CLOVE_LINK_OK },
};
enum { CHANGES = sizeof changes / sizeof changes[0] };

START_TEST(test_network_follows_a_policy_that_changes_before_the_ticket)
{
	struct client client = { .holds_ticket = true };

	changes[_i].before();
	clove_network_set_policy(network, &policy);
	client_open(&client, changes[_i].where, LIVE_ID, CLOVE_CHANNEL_DISPLAY, 0, password);
	NET_TURN_UNTIL(loop, is_ticket_held(&client));
	changes[_i].after();
	clove_network_set_policy(network, &policy);
	client.holds_ticket = false;
	client_go(&client);
	NET_TURN_UNTIL(loop, client.is_over && n_linked + n_failed == 1);
	ck_assert_msg(client.link.error == changes[_i].want, "%s: %s", changes[_i].why,
			clove_link_error_name(client.link.error));
	client_close(&client);
}
END_TEST

static void set_up_without_tls(void)
{
	set_up_with(0, false);
}

static const enum where needs_tls[] = { TLS, ADOPTED_TLS };

START_TEST(test_network_closes_tls_links_without_certificates)
{
	uint8_t byte;

	clove_log_set_sink(on_line, NULL);
	int fd = needs_tls[_i] == TLS ? dial(TLS, NULL) : adopt(ADOPTED_TLS);
	ck_assert_uint_eq(read_to_end(fd, &byte, 1), 0);
	NET_TURN_UNTIL(loop, n_failed == 1);
	ck_assert_ptr_nonnull(strstr(last_line, "there is no certificate for TLS"));
	close(fd);
}
END_TEST

/* -- log -- */

START_TEST(test_network_names_peer_step_and_reason)
{
	struct client client = { 0 };
	struct sockaddr_in own;
	socklen_t len = sizeof own;
	char want[128];

	clove_log_set_sink(on_line, NULL);
	client_open(&client, PLAIN, LIVE_ID, CLOVE_CHANNEL_DISPLAY, 1, "a secret guess");
	NET_TURN_UNTIL(loop, client.is_over && n_failed == 1);
	ck_assert_int_eq(getsockname(client.stream->fd, (struct sockaddr *)&own, &len), 0);
	snprintf(want, sizeof want, "clove warn: link: 127.0.0.1:%u: ticket for channel display 1: "
			"wrong password", ntohs(own.sin_port));
	ck_assert_str_eq(last_line, want);
	client_close(&client);
}
END_TEST

/* -- the thread -- */

START_TEST(test_network_sleeps_when_nothing_happens)
{
	struct client client = { 0 };
	int fd = dial(PLAIN, NULL); /* that it waits for a client is no reason to wake */

	ck_assert(settle());
	client_from(&client, "127.0.0.1");
	NET_TURN_UNTIL(loop, is_linked(&client));
	ck_assert(settle());
	client_close(&client);
	close(fd);
}
END_TEST

START_TEST(test_network_blocks_all_signals)
{
	static const char *const threads[] = { "clove-network", "clove-keys" };
	static const int signals[] = { SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD, SIGIO };

	for (int i = 0; i < 2; i++) {
		uint64_t blocked = wake_ups(threads[i], "SigBlk:", 16);

		for (size_t j = 0; j < sizeof signals / sizeof signals[0]; j++)
			ck_assert_msg(blocked >> (signals[j] - 1) & 1, "%s: %d", threads[i], signals[j]);
	}
}
END_TEST

/* Links of every kind under way: `tear_down` compares the counts. */
static void begin_all(struct client *clients, int *fds)
{
	for (int i = 0; i < 14; i++) {
		clients[i].is_held = i % 3 == 1;
		clients[i].holds_ticket = i % 3 == 2;
		client_open(&clients[i], i % 7, 0, CLOVE_CHANNEL_MAIN, 0, i % 2 ? "wrong" : password);
	}
	for (int i = 0; i < 48; i++)
		fds[i] = dial(PLAIN, NULL);
}

START_TEST(test_network_ends_with_links_under_way)
{
	struct client clients[14] = { { 0 } };
	int fds[48];
	uint8_t byte;

	begin_all(clients, fds);
	turn_for((uint32_t)_i);
	end_network();
	for (int i = 0; i < 48; i++)
		ck_assert_uint_eq(read_to_end(fds[i], &byte, 1), 0);
	hang_up(fds, 48);
	for (int i = 0; i < 14; i++) {
		if (!is_linked(&clients[i]))
			NET_TURN_UNTIL(loop, clients[i].is_over);
		client_close(&clients[i]);
	}
}
END_TEST

/* As a VMM does: the threads still run while the process ends. */
START_TEST(test_network_lets_the_process_exit)
{
	struct client clients[14] = { { 0 } };
	int fds[48];

	begin_all(clients, fds);
	turn_for((uint32_t)_i);
	unlink(unix_path);
	unlink(cert_path);
	unlink(key_path);
	rmdir(dir);
	exit(7);
}
END_TEST

static Suite *network_suite(void)
{
	Suite *suite = suite_create("network");
	TCase *tcase = tcase_create("links"), *hasty = tcase_create("short deadline");
	TCase *bare = tcase_create("no certificates"), *last = tcase_create("exit");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, test_network_links, 0, LINKS);
	tcase_add_loop_test(tcase, test_network_hands_early_bytes_over, 0, STREAMS);
	tcase_add_loop_test(tcase, test_network_refuses_garbage, 0, GARBAGE);
	tcase_add_loop_test(tcase, test_network_refuses_plain_clients_of_tls, 0, GARBAGE);
	tcase_add_loop_test(tcase, test_network_lets_clients_go, 0, LEAVES);
	tcase_add_test(tcase, test_network_survives_resets);
	tcase_add_test(tcase, test_network_delays_guesses_and_nobody_else);
	tcase_add_test(tcase, test_network_lets_passwords_live_to_the_end_of_their_second);
	tcase_add_loop_test(tcase, test_network_serves_an_address_32_links, 0, 3);
	tcase_add_test(tcase, test_network_counts_an_address_over_all_listeners);
	tcase_add_test(tcase, test_network_is_not_filled_by_one_address);
	tcase_add_test(tcase, test_network_serves_who_has_waited);
	tcase_add_test(tcase, test_network_has_64_links_in_all);
	tcase_add_test(tcase, test_network_is_not_hurried);
	tcase_add_test(tcase, test_network_needs_no_place_for_the_channels_of_clients);
	tcase_add_test(tcase, test_network_rests_without_descriptors);
	tcase_add_loop_test(tcase, test_network_repeats_keys_only_where_replay_does_not_matter, 0, KEYS);
	tcase_add_loop_test(tcase, test_network_links_many_at_once, 0, 3);
	tcase_add_test(tcase, test_network_looks_at_the_newest_policy);
	tcase_add_loop_test(tcase, test_network_follows_a_policy_that_changes_before_the_ticket, 0, CHANGES);
	tcase_add_test(tcase, test_network_names_peer_step_and_reason);
	tcase_add_test(tcase, test_network_sleeps_when_nothing_happens);
	tcase_add_test(tcase, test_network_blocks_all_signals);
	tcase_add_loop_test(tcase, test_network_ends_with_links_under_way, 0, 20);
	suite_add_tcase(suite, tcase);

	tcase_add_checked_fixture(hasty, set_up_short, tear_down);
	tcase_add_loop_test(hasty, test_network_cuts_slow_clients, 0, SLOW);
	suite_add_tcase(suite, hasty);

	tcase_add_checked_fixture(bare, set_up_without_tls, tear_down);
	tcase_add_loop_test(bare, test_network_closes_tls_links_without_certificates, 0, 2);
	suite_add_tcase(suite, bare);

	tcase_add_checked_fixture(last, set_up, NULL);
	for (int i = 0; i < 20; i += 2)
		tcase_add_loop_exit_test(last, test_network_lets_the_process_exit, 7, i, i + 1);
	suite_add_tcase(suite, last);
	return suite;
}

int main(void)
{
	return net_run(network_suite());
}
