/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-api.c - every export of the library, called as a VMM calls it, by what it does that can be seen. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/free-port.h"
#include "common/protocol/enums.h"
#include "include/spice-server/clove.h"
#include "tests/unit/api-fixture.h"

static char dir[] = "/tmp/clove-test-api-XXXXXX";
static struct player_where on_socket = { .unix_path = socket_path };

static const char *at(const char *name)
{
	static char paths[8][80];
	static int turns;
	char *path = paths[turns++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static void setup(void)
{
	books_open();
	snprintf(socket_path, sizeof socket_path, "%s/socket-%d", dir, (int)getpid());
}

/* What the library wrote to standard error since. */
static int kept_stderr = -1;

static void listen_to_stderr(void)
{
	FILE *file = fopen(at("stderr"), "w+");

	kept_stderr = dup(2);
	dup2(fileno(file), 2);
	fclose(file);
}

static bool said(const char *text)
{
	char line[4096];
	bool is_found = false;
	FILE *file = fopen(at("stderr"), "r");

	dup2(kept_stderr, 2);
	close(kept_stderr);
	while (fgets(line, sizeof line, file))
		is_found |= strstr(line, text) != NULL;
	fclose(file);
	return is_found;
}

/* -- options -- */

START_TEST(test_defaults)
{
	SpiceServer *server = spice_server_new();

	ck_assert_int_eq(spice_server_get_image_compression(server), SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
	ck_assert_int_eq(spice_server_get_num_clients(server), 0);
	ck_assert_int_eq(spice_server_get_num_clients(NULL), 0);
	ck_assert_int_eq(spice_server_is_server_mouse(server), 1);
	spice_server_destroy(server);
}
END_TEST

#define SETTER(name, type) \
	static int try_##name(SpiceServer *server, int value) { return spice_server_##name(server, (type)value); }
SETTER(set_port, int)
SETTER(set_image_compression, SpiceImageCompression)
SETTER(set_jpeg_compression, spice_wan_compression_t)
SETTER(set_zlib_glz_compression, spice_wan_compression_t)
SETTER(set_streaming_video, int)
SETTER(set_playback_compression, int)
SETTER(set_agent_mouse, int)
SETTER(set_agent_copypaste, int)
SETTER(set_agent_file_xfer, int)
SETTER(set_compat_version, spice_compat_version_t)
SETTER(set_sasl, int)
SETTER(set_exit_on_disconnect, int)

static const struct {
	const char *name;
	int (*set)(SpiceServer *, int);
	int value, result;
} setters[] = {
	{ "port", try_set_port, -1, -1 },
	{ "port", try_set_port, 65536, -1 },
	{ "port", try_set_port, 65535, 0 },
	{ "image compression", try_set_image_compression, 0, -1 },
	{ "image compression", try_set_image_compression, 8, -1 },
	{ "image compression", try_set_image_compression, 7, 0 },
	{ "JPEG", try_set_jpeg_compression, 0, -1 },
	{ "JPEG", try_set_jpeg_compression, 4, -1 },
	{ "JPEG", try_set_jpeg_compression, 3, 0 },
	{ "zlib-glz", try_set_zlib_glz_compression, 0, -1 },
	{ "zlib-glz", try_set_zlib_glz_compression, 4, -1 },
	{ "zlib-glz", try_set_zlib_glz_compression, 2, 0 },
	{ "streaming video", try_set_streaming_video, 0, -1 },
	{ "streaming video", try_set_streaming_video, 4, -1 },
	{ "streaming video", try_set_streaming_video, 1, 0 },
	{ "playback compression", try_set_playback_compression, 0, 0 },
	{ "agent mouse", try_set_agent_mouse, 0, 0 },
	{ "agent copy and paste", try_set_agent_copypaste, 0, 0 },
	{ "agent file transfer", try_set_agent_file_xfer, 0, 0 },
	{ "compatibility", try_set_compat_version, 0, -1 },
	{ "compatibility", try_set_compat_version, 1, 0 },
	{ "SASL on", try_set_sasl, 1, -1 },
	{ "SASL off", try_set_sasl, 0, 0 },
	{ "exit on disconnect", try_set_exit_on_disconnect, 0, 0 },
};

START_TEST(test_setters)
{
	SpiceServer *server = spice_server_new();

	ck_assert_msg(setters[_i].set(server, setters[_i].value) == setters[_i].result, "%s %d",
			setters[_i].name, setters[_i].value);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_answers)
{
	SpiceServer *server = spice_server_new();
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	const char **subtypes = spice_server_char_device_recognized_subtypes();
	static const char *const wanted[] = { "vdagent", "smartcard", "usbredir" };

	ck_assert_int_eq(spice_server_set_image_compression(server, SPICE_IMAGE_COMPRESSION_LZ), 0);
	ck_assert_int_eq(spice_server_get_image_compression(server), SPICE_IMAGE_COMPRESSION_LZ);
	ck_assert_int_eq(spice_get_current_compat_version(), SPICE_COMPAT_VERSION_CURRENT);
	ck_assert_int_eq(spice_server_add_renderer(server, "sw"), 0);
	ck_assert_int_eq(spice_server_add_renderer(server, "oglpbuf"), -1);
	ck_assert_int_eq(spice_server_add_renderer(server, NULL), -1);
	ck_assert_int_eq(spice_server_get_sock_info(server, (struct sockaddr *)&address, &len), -1);
	ck_assert_int_eq(spice_server_get_peer_info(server, (struct sockaddr *)&address, &len), -1);
	ck_assert_int_eq(spice_server_set_sasl_appname(server, "test"), -1);
	for (int i = 0; i < 3; i++) {
		bool is_there = false;

		for (const char **s = subtypes; *s; s++)
			is_there |= !strcmp(*s, wanted[i]);
		ck_assert_msg(is_there, "%s", wanted[i]);
	}
	spice_server_destroy(server);
}
END_TEST

static const struct { const char *list; int result; const char *kept; } codec_lists[] = {
	{ "gstreamer:h264", 0, "gstreamer:h264" },
	{ "gstreamer:h264;spice:mjpeg;", 0, "gstreamer:h264;spice:mjpeg" },
	{ "auto", 0, "auto" },
	{ "spice:mjpeg;nonsense;gstreamer:av1;:;gstreamer:vp9", 0, "spice:mjpeg;gstreamer:vp9" },
	{ "nonsense", -1, "auto" },
	{ "spice:", -1, "auto" },
	{ "", -1, "auto" },
	{ ";;;", -1, "auto" },
	{ NULL, -1, "auto" },
};

START_TEST(test_video_codecs)
{
	SpiceServer *server = spice_server_new();

	ck_assert_int_eq(spice_server_set_video_codecs(server, codec_lists[_i].list), codec_lists[_i].result);
	const char *kept = spice_server_get_video_codecs(server);
	ck_assert_str_eq(kept, codec_lists[_i].kept);
	spice_server_free_video_codecs(server, kept);
	spice_server_free_video_codecs(server, NULL);
	spice_server_destroy(server);
}
END_TEST

/* -- where it listens -- */

static void use_any(SpiceServer *s, int port) { spice_server_set_port(s, port); }
static void use_ipv4(SpiceServer *s, int port)
{
	spice_server_set_addr(s, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
	spice_server_set_port(s, port);
}
static void use_odd_flags(SpiceServer *s, int port)
{
	spice_server_set_addr(s, "127.0.0.1", 1 | 2);
	spice_server_set_port(s, port);
}
static void use_long_address(SpiceServer *s, int port)
{
	char text[1000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	spice_server_set_addr(s, text, 0);
	spice_server_set_port(s, port);
}
static void use_fd(SpiceServer *s, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(spice_server_set_listen_socket_fd(s, fd), 0);
}
static void (*const places[])(SpiceServer *, int) = { use_any, use_ipv4, use_odd_flags, use_long_address, use_fd };

START_TEST(test_listen)
{
	SpiceServer *server = spice_server_new();
	struct player_where where = { .host = "127.0.0.1", .port = free_port() };

	places[_i](server, where.port);
	spice_server_set_noauth(server);
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	ck_assert(gets_in(&where));
	spice_server_destroy(server);
	if (places[_i] != use_fd) {
		int fd = player_socket(&where);

		turn(20);
		ck_assert_int_lt(send(fd, "x", 1, MSG_NOSIGNAL), 0);
		close(fd);
	}
}
END_TEST

START_TEST(test_listen_ipv6)
{
	SpiceServer *server = spice_server_new();
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int port = free_port(), fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct player_where ipv4 = { .host = "127.0.0.1", .port = port };

	in.sin6_port = htons((uint16_t)port);
	spice_server_set_addr(server, "::1", SPICE_ADDR_FLAG_IPV6_ONLY);
	spice_server_set_port(server, port);
	spice_server_set_noauth(server);
	if (fd >= 0 && spice_server_init(server, &core) == 0) {
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
		ck_assert(!gets_in(&ipv4));
	}
	close(fd);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_listen_unix)
{
	SpiceServer *server = server_on(socket_path);

	ck_assert(gets_in(&on_socket));
	ck_assert_int_eq(access(socket_path, F_OK), 0);
	spice_server_destroy(server);
	ck_assert_int_ne(access(socket_path, F_OK), 0);
}
END_TEST

static void fail_port(SpiceServer *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	spice_server_set_addr(s, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
	spice_server_set_port(s, ntohs(in.sin_port));
}
static void fail_tls(SpiceServer *s)
{
	ck_assert_int_eq(spice_server_set_tls(s, free_port(), "/nowhere/ca.pem", "/nowhere/cert.pem",
			"/nowhere/key.pem", NULL, NULL, NULL), 0);
}
static void fail_unix(SpiceServer *s) { spice_server_set_addr(s, "/nowhere/socket", SPICE_ADDR_FLAG_UNIX_ONLY); }
static void fail_fd(SpiceServer *s) { spice_server_set_listen_socket_fd(s, 12345); }
static void fail_core(SpiceServer *s) { (void)s; core.base.major_version = 2; }

static const struct { void (*set)(SpiceServer *); const char *word; } failures[] = {
	{ fail_port, "in use" },
	{ fail_tls, "/nowhere/" },
	{ fail_unix, "/nowhere/socket" },
	{ fail_fd, "12345" },
	{ fail_core, "version" },
};

START_TEST(test_init_fails)
{
	SpiceServer *server = spice_server_new();

	failures[_i].set(server);
	listen_to_stderr();
	int result = spice_server_init(server, &core);
	bool is_said = said(failures[_i].word);

	ck_assert_int_eq(result, -1);
	ck_assert_msg(is_said, "nothing in the log about: %s", failures[_i].word);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_init_twice)
{
	SpiceServer *server = server_on(socket_path);

	ck_assert_int_eq(spice_server_init(server, &core), -1);
	ck_assert(gets_in(&on_socket));
	spice_server_destroy(server);
	server = spice_server_new();
	ck_assert_int_eq(spice_server_init(server, NULL), -1);
	spice_server_destroy(server);
	/* listening nowhere is fine: QEMU does it for a qxl device without SPICE */
	server = spice_server_new();
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	spice_server_destroy(server);
	spice_server_destroy(NULL);
}
END_TEST

/* -- who may come in -- */

static const char long_password[] = "0123456789012345678901234567890123456789012345678901234567890";

static const struct {
	const char *label;
	const char *ticket;          /* NULL: none is set */
	int lifetime, result;
	const char *password;
	bool gets_in;
} tickets[] = {
	{ "none set", NULL, 0, 0, "", false },
	{ "right", "secret", 0, 0, "secret", true },
	{ "right, lives long", "secret", 2147483647, 0, "secret", true },
	{ "wrong", "secret", 0, 0, "Secret", false },
	{ "longer", "secret", 0, 0, "secrets", false },
	{ "shorter", "secret", 0, 0, "secre", false },
	{ "empty", "", 0, 0, "", false },
	{ "too long", long_password, 0, -1, "0123", false },
	{ "of the future's past", "secret", -5, 0, "secret", false },
};

START_TEST(test_ticket)
{
	SpiceServer *server = spice_server_new();
	struct player_where where = { .unix_path = socket_path, .password = tickets[_i].password };

	spice_server_set_addr(server, socket_path, SPICE_ADDR_FLAG_UNIX_ONLY);
	if (tickets[_i].ticket)
		ck_assert_int_eq(spice_server_set_ticket(server, tickets[_i].ticket, tickets[_i].lifetime, 0, 0),
				tickets[_i].result);
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	bool is_in = gets_in(&where);

	if (tickets[_i].lifetime >= 0)
		ck_assert_msg(is_in == tickets[_i].gets_in, "%s", tickets[_i].label);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_ticket_changes)
{
	SpiceServer *server = server_on(socket_path);
	struct player_where with = { .unix_path = socket_path, .password = "first" };

	/* an expiry locks no one out where no one is asked */
	ck_assert_int_eq(spice_server_set_ticket(server, NULL, 1, 0, 0), 0);
	ck_assert(gets_in(&on_socket));
	/* a password turns tickets on, whatever went before */
	ck_assert_int_eq(spice_server_set_ticket(server, "first", 0, 0, 0), 0);
	ck_assert(!gets_in(&on_socket));
	ck_assert(gets_in(&with));
	ck_assert_int_eq(spice_server_set_ticket(server, long_password, 0, 0, 0), -1);
	ck_assert(gets_in(&with));

	struct player *player = client_new(&with, PLAYER_INPUTS);

	NET_TURN_UNTIL(loop, player->inputs);
	ck_assert_int_eq(spice_server_get_num_clients(server), 1);
	ck_assert_int_eq(spice_server_set_ticket(server, "second", 0, 1, 0), -1);
	ck_assert(!player->is_over);
	ck_assert_int_eq(spice_server_set_ticket(server, "second", 0, 0, 1), 0);
	NET_TURN_UNTIL(loop, player->is_over);
	player_free(player);
	ck_assert(!gets_in(&with));
	with.password = "second";
	ck_assert(gets_in(&with));
	/* expired at once */
	ck_assert_int_eq(spice_server_set_ticket(server, NULL, 0, 0, 0), 0);
	ck_assert(!gets_in(&with));
	ck_assert_int_eq(spice_server_set_noauth(server), 0);
	ck_assert(gets_in(&on_socket));
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_security)
{
	static const struct { const char *channel; int flags, result; bool gets_in; } rows[] = {
		{ "main", 1, 0, true }, { "main", 2, 0, false }, { NULL, 2, 0, false }, { "main", 3, 0, true },
		{ NULL, 1, 0, true }, { "inputs", 2, 0, true }, { "display", 2, 0, true },
		{ "cursor", 2, 0, true }, { "playback", 2, 0, true }, { "record", 2, 0, true },
		{ "smartcard", 2, 0, true }, { "usbredir", 2, 0, true }, { "port", 2, 0, true },
		{ "webdav", 2, 0, true }, { "tunnel", 2, 0, true }, { "nonsense", 2, -1, true },
		{ "", 2, -1, true }, { "main", 0, -1, true }, { "main", 4, -1, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		SpiceServer *server = spice_server_new();

		spice_server_set_addr(server, socket_path, SPICE_ADDR_FLAG_UNIX_ONLY);
		spice_server_set_noauth(server);
		ck_assert_msg(spice_server_set_channel_security(server, rows[i].channel, rows[i].flags) ==
				rows[i].result, "%s %d", rows[i].channel, rows[i].flags);
		ck_assert_int_eq(spice_server_init(server, &core), 0);
		ck_assert_msg(gets_in(&on_socket) == rows[i].gets_in, "%s %d", rows[i].channel, rows[i].flags);
		spice_server_destroy(server);
	}
}
END_TEST

/* A certificate that signs itself is its own CA. */
static void make_cert(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	FILE *file = fopen(at("key.pem"), "w");

	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	file = fopen(at("cert.pem"), "w");
	ck_assert_int_eq(PEM_write_X509(file, cert), 1);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void use_tls(SpiceServer *server, int port)
{
	make_cert();
	ck_assert_int_eq(spice_server_set_tls(server, 0, at("cert.pem"), at("cert.pem"), at("key.pem"),
			NULL, NULL, NULL), -1);
	ck_assert_int_eq(spice_server_set_tls(server, 65536, at("cert.pem"), at("cert.pem"), at("key.pem"),
			NULL, NULL, NULL), -1);
	ck_assert_int_eq(spice_server_set_tls(server, port, NULL, at("cert.pem"), at("key.pem"),
			NULL, NULL, NULL), -1);
	ck_assert_int_eq(spice_server_set_tls(server, port, at("cert.pem"), at("cert.pem"), at("key.pem"),
			NULL, NULL, NULL), 0);
	spice_server_set_addr(server, "127.0.0.1", 0);
	spice_server_set_noauth(server);
}

static struct clove_tls *client_tls(void)
{
	struct clove_tls_client_options options = { .ca_file = at("cert.pem"), .subject = "CN=localhost" };
	char *error = NULL;
	struct clove_tls *tls = clove_tls_client_new(&options, &error);

	ck_assert_msg(tls != NULL, "%s", error);
	return tls;
}

START_TEST(test_tls)
{
	SpiceServer *server = spice_server_new();
	int port = free_port();
	struct player_where plain = { .host = "127.0.0.1", .port = port }, secured = plain;

	use_tls(server, port);
	ck_assert_int_eq(spice_server_set_channel_security(server, NULL, SPICE_CHANNEL_SECURITY_SSL), 0);
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	secured.tls = client_tls();
	ck_assert(gets_in(&secured));
	ck_assert(!gets_in(&plain));
	clove_tls_free(secured.tls);
	spice_server_destroy(server);
}
END_TEST

/* -- sockets that the VMM gives -- */

/* What comes to our own listener is given to the server: plain or TLS, asked for the ticket or not. */
static bool given(SpiceServer *server, bool is_tls, int skip_auth, struct clove_tls *tls)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int listener = socket(AF_INET, SOCK_STREAM, 0), connected = vmm.events[SPICE_CHANNEL_EVENT_CONNECTED];

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &len), 0);

	struct player_where where = { .host = "127.0.0.1", .port = ntohs(in.sin_port), .tls = tls };
	struct player *player = client_new(&where, 0);
	int fd = accept(listener, NULL, NULL);

	ck_assert_int_ge(fd, 0);
	close(listener);
	int result = is_tls ? spice_server_add_ssl_client(server, fd, skip_auth)
			: spice_server_add_client(server, fd, skip_auth);

	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED], connected + 1);
	NET_TURN_UNTIL(loop, player->is_over || player->times.init);
	bool is_in = player->times.init;

	player_free(player);
	return is_in;
}

START_TEST(test_add_client)
{
	SpiceServer *server = spice_server_new();
	int port = free_port(), pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(spice_server_add_client(server, pair[0], 0), -1);
	ck_assert_int_eq(fcntl(pair[0], F_GETFD), 0); /* still ours */
	use_tls(server, port);
	spice_server_set_ticket(server, "secret", 0, 0, 0);
	ck_assert_int_eq(spice_server_init(server, &core), 0);

	struct clove_tls *tls = client_tls();

	ck_assert(given(server, false, 1, NULL));
	ck_assert(!given(server, false, 0, NULL));
	ck_assert(given(server, true, 1, tls));
	ck_assert(!given(server, true, 0, tls));

	/* one end of a pair whose other end goes without a word */
	ck_assert_int_eq(spice_server_add_client(server, pair[0], 1), 0);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_CONNECTED], 5);
	close(pair[1]);
	NET_TURN_UNTIL(loop, vmm.events[SPICE_CHANNEL_EVENT_DISCONNECTED] == 5);
	clove_tls_free(tls);
	spice_server_destroy(server);
}
END_TEST

/* A server without a certificate cannot secure anyone; the socket stays the VMM's. */
START_TEST(test_add_ssl_client_without_tls)
{
	SpiceServer *server = server_on(socket_path);
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(spice_server_add_ssl_client(server, pair[0], 1), -1);
	ck_assert_int_eq(fcntl(pair[0], F_GETFD), 0);
	close(pair[0]);
	close(pair[1]);
	/* a descriptor that is none harms no one, whatever the answer is */
	spice_server_add_client(server, 12345, 1);
	spice_server_add_client(server, -1, 1);
	turn(50);
	ck_assert(gets_in(&on_socket));
	spice_server_destroy(server);
}
END_TEST

/* -- clients -- */

START_TEST(test_client)
{
	static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	SpiceServer *server = spice_server_new();

	spice_server_set_addr(server, socket_path, SPICE_ADDR_FLAG_UNIX_ONLY);
	spice_server_set_noauth(server);
	vmm.leds = 2;
	spice_server_set_name(server, "a machine");
	spice_server_set_uuid(server, uuid);
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_kbd.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_mouse.base), 0);

	struct player *player = client_new(&on_socket, PLAYER_INPUTS);

	NET_TURN_UNTIL(loop, player->inputs && seen.modifiers == 2);
	ck_assert_str_eq(seen.name, "a machine");
	ck_assert_mem_eq(seen.uuid, uuid, 16);
	ck_assert_int_eq(spice_server_get_num_clients(server), 1);
	ck_assert_int_eq(spice_server_kbd_leds(&vmm_kbd, 4), 0);
	NET_TURN_UNTIL(loop, seen.modifiers == 4);
	player_key(player, 0x1e, true);
	NET_TURN_UNTIL(loop, vmm.n_keys == 1);
	ck_assert_int_eq(spice_server_kbd_leds(NULL, 4), -1);
	ck_assert_int_eq(vmm.events[SPICE_CHANNEL_EVENT_INITIALIZED], 2);
	player_free(player);
	NET_TURN_UNTIL(loop, spice_server_get_num_clients(server) == 0);
	spice_server_destroy(server);
	ck_assert_int_eq(spice_server_kbd_leds(&vmm_kbd, 4), -1);
}
END_TEST

START_TEST(test_mouse_mode)
{
	static struct display d;
	struct clove_main_mouse_mode_request request = { .mode = CLOVE_MOUSE_MODE_CLIENT };
	SpiceServer *server = server_on(socket_path);
	QXLDevMemSlot slot = host_slot();

	display_init(&d, 0);
	QXLDevSurfaceCreate create = host_primary(&d);

	ck_assert_int_eq(spice_server_add_interface(server, &d.qxl.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), 0);
	spice_qxl_add_memslot(&d.qxl, &slot);
	spice_qxl_create_primary_surface(&d.qxl, 0, &create);
	NET_TURN_UNTIL(loop, vmm.width == W && vmm.height == H);

	struct player *player = client_new(&on_socket, 0);

	NET_TURN_UNTIL(loop, seen.mouse_modes == (CLOVE_MOUSE_MODE_SERVER | CLOVE_MOUSE_MODE_CLIENT));
	ck_assert_int_eq(spice_server_is_server_mouse(server), 1);
	clove_channel_send(&player->main->channel, CLOVE_MAIN_MOUSE_MODE_REQUEST, &request);
	NET_TURN_UNTIL(loop, !spice_server_is_server_mouse(server));
	/* without a tablet there are no positions */
	ck_assert_int_eq(spice_server_remove_interface(&vmm_tablet.base), 0);
	ck_assert_int_eq(spice_server_is_server_mouse(server), 1);
	NET_TURN_UNTIL(loop, seen.mouse_modes == CLOVE_MOUSE_MODE_SERVER);
	vmm.width = -1;
	spice_qxl_destroy_primary_surface(&d.qxl, 0);
	turn(30);
	ck_assert_int_eq(vmm.width, -1);
	ck_assert_int_eq(spice_server_remove_interface(&vmm_tablet.base), 0); /* again: harmless */
	player_free(player);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_exit_on_disconnect)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		SpiceServer *server = server_on(socket_path);

		spice_server_set_exit_on_disconnect(server, 1);
		if (!gets_in(&on_socket))
			_exit(3);
		turn(3000);
		_exit(4);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* -- interfaces -- */

START_TEST(test_refused_interfaces)
{
	static struct display one, same, negative;
	SpiceKbdInstance kbd2 = { .base = { &vmm_kbd_if.base } };
	SpiceMouseInstance mouse2 = { .base = { &vmm_mouse_if.base } };
	SpiceTabletInstance tablet2 = { .base = { &vmm_tablet_if.base } };
	SpiceKbdInterface major = vmm_kbd_if, minor = vmm_kbd_if;
	SpiceBaseInterface unknown = { "teleporter", "test", 1, 1 };
	SpiceBaseInstance teleporter = { &unknown };
	SpiceServer *server = spice_server_new();

	ck_assert_int_eq(spice_server_add_interface(server, &vmm_kbd.base), -1); /* before init */
	ck_assert_int_eq(spice_server_init(server, &core), 0);
	major.base.major_version++;
	kbd2.base.sif = &major.base;
	ck_assert_int_eq(spice_server_add_interface(server, &kbd2.base), -1);
	minor.base.minor_version++;
	kbd2.base.sif = &minor.base;
	ck_assert_int_eq(spice_server_add_interface(server, &kbd2.base), -1);
	minor.base.minor_version = 0; /* an older VMM's */
	ck_assert_int_eq(spice_server_add_interface(server, &kbd2.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_kbd.base), -1);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_mouse.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &mouse2.base), -1);
	ck_assert_int_eq(spice_server_add_interface(server, &vmm_tablet.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &tablet2.base), -1);
	ck_assert_int_eq(spice_server_add_interface(server, &teleporter), 0);
	ck_assert_int_eq(spice_server_remove_interface(&teleporter), -1);
	ck_assert_int_eq(spice_server_remove_interface(&kbd2.base), -1);
	ck_assert_int_eq(spice_server_remove_interface(&vmm_mouse.base), -1);

	display_init(&one, 0);
	display_init(&same, 0);
	display_init(&negative, -1);
	ck_assert_int_eq(spice_server_add_interface(server, &one.qxl.base), 0);
	ck_assert_int_eq(one.level_calls, 1);
	ck_assert_int_eq(spice_server_add_interface(server, &same.qxl.base), -1);
	ck_assert_int_eq(spice_server_add_interface(server, &negative.qxl.base), -1);
	/* what was refused may be called all the same */
	spice_qxl_wakeup(&same.qxl);
	spice_qxl_stop(&negative.qxl);
	ck_assert_int_eq(spice_server_remove_interface(&one.qxl.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &same.qxl.base), 0);
	spice_server_destroy(server);
}
END_TEST

/* -- byte streams -- */

struct port {
	SpiceCharDeviceInstance device;   /* first */
	int left;                         /* bytes that the guest has to say */
	int reads, states, connected;
	bool leaves;                      /* is removed inside its read */
};

static void port_state(SpiceCharDeviceInstance *d, int connected)
{
	((struct port *)d)->states++;
	((struct port *)d)->connected = connected;
}
static int port_write(SpiceCharDeviceInstance *d, const uint8_t *b, int len) { (void)d; (void)b; return len; }
static int port_read(SpiceCharDeviceInstance *device, uint8_t *bytes, int len)
{
	struct port *port = (struct port *)device;
	int n = port->left < len ? port->left : len;

	port->reads++;
	memset(bytes, 'x', (size_t)n);
	port->left -= n;
	/* QEMU's device may go on at once */
	spice_server_char_device_wakeup(device);
	if (port->leaves)
		spice_server_remove_interface(&device->base);
	return n;
}
static void port_event(SpiceCharDeviceInstance *d, uint8_t event) { (void)d; (void)event; }
static const SpiceCharDeviceInterface port_interface = {
	{ SPICE_INTERFACE_CHAR_DEVICE, "test", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
		SPICE_INTERFACE_CHAR_DEVICE_MINOR },
	port_state, port_write, port_read, port_event, SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};
static struct port port_of(const char *subtype, const char *name, int left)
{
	return (struct port){ .device = { .base = { &port_interface.base }, .subtype = subtype,
			.portname = name }, .left = left };
}

START_TEST(test_char_devices)
{
	static const struct { const char *subtype, *name; int states; } kinds[] = {
		{ "vdagent", NULL, 1 }, { "usbredir", NULL, 0 }, { "smartcard", NULL, 0 },
		{ "port", "org.example.0", 0 }, { "port", NULL, 0 },
	};
	SpiceServer *server = server_on(socket_path);

	spice_server_vm_start(server);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct port port = port_of(kinds[i].subtype, kinds[i].name, 100000);

		ck_assert_int_eq(spice_server_add_interface(server, &port.device.base), 0);
		ck_assert_int_eq(port.states, kinds[i].states);
		ck_assert_int_eq(port.connected, kinds[i].states);
		ck_assert_int_eq(port.left, 0);
		port.left = 5000;
		spice_server_char_device_wakeup(&port.device);
		ck_assert_int_eq(port.left, 0);

		/* of a VM that rests nothing is taken; when it goes on, all */
		spice_server_vm_stop(server);
		spice_server_vm_stop(server);
		port.left = 5000;
		port.reads = 0;
		spice_server_char_device_wakeup(&port.device);
		ck_assert_int_eq(port.reads, 0);
		spice_server_vm_start(server);
		ck_assert_int_eq(port.left, 0);
		spice_server_vm_start(server);

		for (int event = 0; event < 256; event++)
			spice_server_port_event(&port.device, (uint8_t)event);
		ck_assert_int_eq(spice_server_remove_interface(&port.device.base), 0);
		port.left = 10;
		port.reads = 0;
		spice_server_char_device_wakeup(&port.device);
		spice_server_port_event(&port.device, SPICE_PORT_EVENT_OPENED);
		ck_assert_int_eq(port.reads, 0);
		ck_assert_int_eq(spice_server_remove_interface(&port.device.base), 0);
	}
	spice_server_char_device_wakeup(NULL);
	spice_server_port_event(NULL, 0);
	spice_server_destroy(server);
}
END_TEST

START_TEST(test_odd_char_devices)
{
	SpiceServer *server = server_on(socket_path);
	struct port agent = port_of("vdagent", NULL, 0), second = port_of("vdagent", NULL, 10);
	struct port unknown = port_of("toaster", NULL, 10), nameless = port_of(NULL, NULL, 10);
	struct port leaving = port_of("port", "org.example.0", 100000), staying = port_of("usbredir", NULL, 10);
	SpiceCharDeviceInterface old = port_interface;

	ck_assert_int_eq(spice_server_add_interface(server, &agent.device.base), 0);
	/* turned away, and left alone */
	ck_assert_int_eq(spice_server_add_interface(server, &second.device.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &unknown.device.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &nameless.device.base), 0);
	spice_server_char_device_wakeup(&second.device);
	spice_server_char_device_wakeup(&unknown.device);
	ck_assert_int_eq(second.reads + unknown.reads + nameless.reads, 0);
	ck_assert_int_eq(second.states + unknown.states + nameless.states, 0);
	ck_assert_int_eq(spice_server_remove_interface(&second.device.base), 0);
	ck_assert_int_eq(spice_server_remove_interface(&unknown.device.base), 0);
	ck_assert_int_eq(spice_server_remove_interface(&agent.device.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &second.device.base), 0);
	ck_assert_int_eq(second.states, 1);

	leaving.leaves = true;
	ck_assert_int_eq(spice_server_add_interface(server, &leaving.device.base), 0);
	ck_assert_int_eq(leaving.reads, 1);
	ck_assert_ptr_null(leaving.device.st);

	/* an interface of 1.1 ends before `event` and `flags` */
	old.base.minor_version = 1;
	old.event = NULL;
	staying.device.base.sif = &old.base;
	ck_assert_int_eq(spice_server_add_interface(server, &staying.device.base), 0);
	ck_assert_int_eq(staying.left, 0);
	spice_server_destroy(server);
	staying.reads = 0;
	spice_server_char_device_wakeup(&staying.device);
	ck_assert_int_eq(staying.reads, 0);
}
END_TEST

START_TEST(test_usb_bridge)
{
	SpiceServer *server = spice_server_new();

	ck_assert_int_eq(clove_server_set_usb_bridge(server, at("usb")), -1); /* before init */
	spice_server_destroy(server);
	server = server_on(socket_path);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, at("no/folder")), -1);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, at("usb")), 0);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, at("usb")), 0);
	ck_assert_int_eq(access(at("usb"), F_OK), 0);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, NULL), 0);
	ck_assert_int_eq(access(at("usb"), F_OK), -1);
	ck_assert_int_eq(clove_server_set_usb_bridge(server, at("usb")), 0);
	spice_server_destroy(server);
	ck_assert_int_eq(access(at("usb"), F_OK), -1);
}
END_TEST

/* -- sound -- */

START_TEST(test_audio)
{
	static const SpicePlaybackInterface play_interface = { { SPICE_INTERFACE_PLAYBACK, "test",
			SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR } };
	static const SpiceRecordInterface record_interface = { { SPICE_INTERFACE_RECORD, "test",
			SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR } };
	SpicePlaybackInstance play = { .base = { &play_interface.base } };
	SpiceRecordInstance record = { .base = { &record_interface.base } };
	SpiceServer *server = server_on(socket_path);
	uint16_t volume[256] = { 1, 2 };
	uint32_t foreign[16], *samples = foreign, n = 16;

	ck_assert_uint_eq(spice_server_get_best_playback_rate(NULL), 48000);
	ck_assert_uint_eq(spice_server_get_best_record_rate(NULL), 48000);
	ck_assert_int_eq(spice_server_add_interface(server, &play.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &record.base), 0);
	ck_assert_ptr_nonnull(play.st);
	ck_assert_ptr_nonnull(record.st);
	ck_assert_uint_eq(spice_server_get_best_playback_rate(&play), 48000);
	ck_assert_uint_eq(spice_server_get_best_record_rate(&record), 48000);
	spice_server_set_playback_rate(&play, 48000);
	spice_server_set_record_rate(&record, 48000);
	for (int channels = 0; channels < 256; channels++) {
		spice_server_playback_set_volume(&play, (uint8_t)channels, volume);
		spice_server_record_set_volume(&record, (uint8_t)channels, volume);
	}
	spice_server_playback_set_mute(&play, 1);
	spice_server_record_set_mute(&record, 1);
	for (int i = 0; i < 2; i++) {
		spice_server_playback_start(&play);
		spice_server_record_start(&record);
	}
	spice_server_playback_get_buffer(&play, &samples, &n);
	ck_assert_ptr_null(samples);
	ck_assert_uint_eq(n, 0);
	spice_server_playback_put_samples(&play, NULL);
	spice_server_playback_put_samples(&play, foreign);
	ck_assert_uint_eq(spice_server_record_get_samples(&record, foreign, 16), 0);
	spice_server_playback_stop(&play);
	spice_server_record_stop(&record);
	ck_assert_int_eq(spice_server_remove_interface(&play.base), 0);
	ck_assert_ptr_null(play.st);
	spice_server_playback_start(&play);
	spice_server_playback_set_volume(&play, 2, volume);
	/* the other one stays attached to the end */
	spice_server_destroy(server);
	ck_assert_ptr_null(record.st);
	ck_assert_uint_eq(spice_server_record_get_samples(&record, foreign, 16), 0);
	ck_assert_int_eq(spice_server_remove_interface(&record.base), 0);
}
END_TEST

/* -- migration, replay -- */

static int connects_completed, ends_completed;
static void connect_complete(SpiceMigrateInstance *m) { (void)m; connects_completed++; }
static void end_complete(SpiceMigrateInstance *m) { (void)m; ends_completed++; }
static const SpiceMigrateInterface migrate_interface = {
	{ SPICE_INTERFACE_MIGRATION, "test", SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR },
	connect_complete, end_complete,
};

START_TEST(test_migrate)
{
	SpiceMigrateInstance migration = { .base = { &migrate_interface.base } };
	SpiceMigrateInstance second = { .base = { &migrate_interface.base } };
	SpiceServer *server = server_on(socket_path);

	ck_assert_int_eq(spice_server_migrate_connect(server, "host", 1, -1, NULL), -1);
	ck_assert_int_eq(spice_server_migrate_start(server), -1);
	ck_assert_int_eq(spice_server_migrate_end(server, 1), -1);
	ck_assert_int_eq(spice_server_migrate_info(server, "host", 1, -1, NULL), -1);
	ck_assert_int_eq(spice_server_migrate_info(server, NULL, -1, -1, NULL), -1);
	ck_assert_int_eq(spice_server_migrate_switch(server), -1);
	spice_server_set_seamless_migration(server, 1);

	ck_assert_int_eq(spice_server_add_interface(server, &migration.base), 0);
	ck_assert_int_eq(spice_server_add_interface(server, &second.base), -1);
	ck_assert_int_eq(spice_server_migrate_start(server), -1);
	ck_assert_int_eq(spice_server_migrate_connect(server, NULL, 1, -1, NULL), -1);
	ck_assert_int_eq(connects_completed, 1);
	ck_assert_int_eq(spice_server_migrate_connect(server, "host", -1, -1, NULL), -1);
	ck_assert_int_eq(connects_completed, 2);

	struct player *player = client_new(&on_socket, 0);

	NET_TURN_UNTIL(loop, player->times.init);
	/* saved to a file, or failed: clients stay */
	ck_assert_int_eq(spice_server_migrate_end(server, 1), 0);
	ck_assert_int_eq(ends_completed, 1);
	ck_assert_int_eq(spice_server_migrate_connect(server, "host", -1, 5900, "CN=host"), 0);
	ck_assert_int_eq(connects_completed, 3);
	ck_assert_int_eq(spice_server_migrate_start(server), 0);
	ck_assert_int_eq(spice_server_migrate_end(server, 0), 0);
	ck_assert_int_eq(ends_completed, 2);
	turn(30);
	ck_assert(!player->is_over);
	/* gone elsewhere: they are let go */
	ck_assert_int_eq(spice_server_migrate_connect(server, "host", 5900, -1, NULL), 0);
	ck_assert_int_eq(spice_server_migrate_end(server, 1), 0);
	ck_assert_int_eq(ends_completed, 3);
	NET_TURN_UNTIL(loop, player->is_over);
	player_free(player);
	ck_assert_int_eq(spice_server_remove_interface(&migration.base), -1);
	spice_server_destroy(server);
	ck_assert_ptr_null(migration.st);
}
END_TEST

START_TEST(test_replay)
{
	FILE *file = tmpfile();

	fputs("SPICE_REPLAY 1\nevent 0 1 8 1\nevent 1 0 3 2\ncursor_cmd\ntype 2\nevent 2 0 9 3\n", file);
	rewind(file);
	SpiceReplay *replay = spice_replay_new(file, 1024);
	QXLCommandExt *command = spice_replay_next_cmd(replay, NULL);

	ck_assert_ptr_nonnull(command);
	ck_assert_uint_eq(command->cmd.type, QXL_CMD_CURSOR);
	ck_assert_uint_eq(((QXLReleaseInfo *)(uintptr_t)command->cmd.data)->id, (uintptr_t)command);
	spice_replay_free_cmd(replay, command);
	listen_to_stderr();
	command = spice_replay_next_cmd(replay, NULL);
	bool is_said = said("the recording ends here");

	ck_assert(is_said);
	ck_assert_ptr_null(command);
	ck_assert_ptr_null(spice_replay_next_cmd(replay, NULL));
	spice_replay_free(replay);
	fclose(file);

	ck_assert_ptr_null(spice_replay_new(NULL, 1024));
	ck_assert_ptr_null(spice_replay_next_cmd(NULL, NULL));
	spice_replay_free_cmd(NULL, NULL);
	spice_replay_free(NULL);
}
END_TEST

/* -- displays -- */

static struct display d;
static SpiceServer *display_server;
static struct player *viewer;
static QXLRect whole = { 0, 0, H, W };

/* A running display with a primary; the viewer has its display and cursor channels. */
static void display_up(bool has_viewer)
{
	QXLDevMemSlot slot = host_slot();

	display_init(&d, 0);
	display_server = server_on(socket_path);
	ck_assert_int_eq(spice_server_add_interface(display_server, &d.qxl.base), 0);
	QXLDevSurfaceCreate create = host_primary(&d);

	spice_qxl_add_memslot(&d.qxl, &slot);
	spice_qxl_create_primary_surface(&d.qxl, 0, &create);
	spice_server_vm_start(display_server);
	if (!has_viewer)
		return;
	viewer = client_new(&on_socket, PLAYER_DISPLAY | PLAYER_CURSOR);
	NET_TURN_UNTIL(loop, seen.creates && seen.cursor_inits && d.caps_present && seen.heads_told);
}

static void display_down(void)
{
	player_free(viewer);
	spice_server_destroy(display_server);
	int calls = d.worker_calls;

	turn(30);
	ck_assert_int_eq(d.worker_calls, calls);
}

/* All of the picture has this colour, once the library has been asked for it. */
static bool shows(uint32_t colour)
{
	spice_qxl_update_area(&d.qxl, 0, &whole, NULL, 0, 0);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if ((d.pixels[y][x] & 0xffffff) != colour)
				return false;
	return true;
}

START_TEST(test_draw)
{
	display_up(false);
	put_drawing(&d, 0, 0x123456);
	spice_qxl_wakeup(&d.qxl);
	NET_TURN_UNTIL(loop, d.released == 1);
	ck_assert(shows(0x123456));
	/* the area is all that is asked for: it is read without a wakeup too */
	put_drawing(&d, 0, 0x654321);
	ck_assert(shows(0x654321));
	display_down();
}
END_TEST

START_TEST(test_dirty)
{
	QXLRect dirty[4], top = { 0, 0, 1, W };

	display_up(false);
	put_drawing(&d, 0, 1);
	memset(dirty, 0xff, sizeof dirty);
	spice_qxl_update_area(&d.qxl, 0, &whole, dirty, 4, 1);
	ck_assert_int_eq(dirty[0].bottom - dirty[0].top, H);
	ck_assert_int_eq(dirty[0].right - dirty[0].left, W);
	memset(dirty, 0xff, sizeof dirty);
	spice_qxl_update_area(&d.qxl, 0, &top, dirty, 4, 1);
	ck_assert_int_eq(dirty[0].bottom, dirty[0].top); /* it was cleared */
	spice_qxl_update_area(&d.qxl, 0, NULL, NULL, 0, 0);
	spice_qxl_update_area(&d.qxl, 7777, &whole, NULL, 0, 0);
	display_down();
}
END_TEST

START_TEST(test_stop)
{
	display_up(false);
	NET_TURN_UNTIL(loop, d.caps_calls > 0);
	put_drawing(&d, 0, 1);
	ck_assert(shows(1));
	spice_qxl_stop(&d.qxl);
	put_drawing(&d, 0, 2);
	spice_qxl_wakeup(&d.qxl);
	turn(50);
	ck_assert_uint_eq(d.taken, 1); /* a machine that rests is left alone */
	int calls = d.caps_calls;

	spice_qxl_start(&d.qxl);
	NET_TURN_UNTIL(loop, d.taken == 2 && d.released == 2);
	ck_assert_int_gt(d.caps_calls, calls);
	ck_assert(shows(2));
	/* the same for the whole machine */
	spice_server_vm_stop(display_server);
	put_drawing(&d, 0, 3);
	spice_qxl_wakeup(&d.qxl);
	turn(50);
	ck_assert_uint_eq(d.taken, 2);
	spice_server_vm_start(display_server);
	NET_TURN_UNTIL(loop, d.taken == 3);
	display_down();
}
END_TEST

START_TEST(test_oom)
{
	display_up(false);
	put_drawing(&d, 0, 1);
	spice_qxl_oom(&d.qxl);
	NET_TURN_UNTIL(loop, d.flushed == 1);
	ck_assert_int_eq(d.released, 1);
	display_down();
}
END_TEST

START_TEST(test_memslots)
{
	QXLDevMemSlot slot = host_slot(), nonsense = { .slot_group_id = 99, .slot_id = 99, .virt_end = 10 };

	display_up(false);
	put_drawing(&d, 0, 1);
	ck_assert(shows(1));
	spice_qxl_add_memslot(&d.qxl, &nonsense);
	for (int i = 0; i < 2; i++) {
		if (i)
			spice_qxl_reset_memslots(&d.qxl);
		else
			spice_qxl_del_memslot(&d.qxl, 0, 0);
		put_drawing(&d, 0, 2);
		struct drawing *lost = (struct drawing *)(uintptr_t)d.ring[(d.put - 1) % RING].cmd.data;

		spice_qxl_wakeup(&d.qxl);
		NET_TURN_UNTIL(loop, d.taken == d.put);
		/* no address of it leads anywhere, so that it can neither be drawn nor given back */
		ck_assert_int_eq(d.released, 1 + i);
		free(lost);
		if (i)
			spice_qxl_add_memslot_async(&d.qxl, &slot, 5);
		else
			spice_qxl_add_memslot(&d.qxl, &slot);
		put_drawing(&d, 0, 3);
		ck_assert(shows(3));
	}
	NET_TURN_UNTIL(loop, d.cookies == 1u << 5);
	spice_qxl_del_memslot(&d.qxl, 99, 99);
	display_down();
}
END_TEST

START_TEST(test_async)
{
	QXLDevMemSlot slot = host_slot();

	display_up(false);
	QXLDevSurfaceCreate create = host_primary(&d);

	put_drawing(&d, 0, 7);
	spice_qxl_flush_surfaces_async(&d.qxl, 1);
	NET_TURN_UNTIL(loop, d.completed == 1);
	ck_assert_uint_eq(d.pixels[H - 1][W - 1] & 0xffffff, 7);
	put_drawing(&d, 0, 8);
	spice_qxl_update_area_async(&d.qxl, 0, &whole, 1, 2);
	NET_TURN_UNTIL(loop, d.completed == 2);
	ck_assert_uint_eq(d.pixels[0][0] & 0xffffff, 8);
	ck_assert_int_gt(d.area_rects, 0);
	spice_qxl_add_memslot_async(&d.qxl, &slot, 3);
	spice_qxl_destroy_primary_surface_async(&d.qxl, 0, 4);
	spice_qxl_create_primary_surface_async(&d.qxl, 0, &create, 5);
	NET_TURN_UNTIL(loop, d.completed == 5);
	put_drawing(&d, 0, 9);
	ck_assert(shows(9));
	spice_qxl_destroy_surface_async(&d.qxl, 0, 6);
	spice_qxl_destroy_surfaces_async(&d.qxl, 7);
	spice_qxl_gl_draw_async(&d.qxl, 0, 0, W, H, 8);
	spice_qxl_monitors_config_async(&d.qxl, 0, 0, 9);
	/* odd ones are ignored and complete */
	spice_qxl_update_area_async(&d.qxl, 99, &whole, 0, 10);
	spice_qxl_update_area_async(&d.qxl, 0, NULL, 0, 11);
	spice_qxl_destroy_surface_async(&d.qxl, 0xffffffff, 12);
	create.stride = INT32_MIN;
	spice_qxl_create_primary_surface_async(&d.qxl, 0, &create, 13);
	NET_TURN_UNTIL(loop, d.completed == 13);
	turn(30);
	ck_assert_int_eq(d.completed, 13); /* once each */
	ck_assert_uint_eq(d.cookies, 0x3ffe);
	display_down();
}
END_TEST

START_TEST(test_primary_and_viewer)
{
	display_up(true);
	QXLDevSurfaceCreate create = host_primary(&d);

	ck_assert_int_eq(seen.heads, 1);
	ck_assert_int_eq(seen.first_head_width, W);
	spice_qxl_destroy_primary_surface(&d.qxl, 0);
	NET_TURN_UNTIL(loop, seen.destroys == 1);
	spice_qxl_destroy_primary_surface(&d.qxl, 0); /* there is none */
	spice_qxl_create_primary_surface(&d.qxl, 0, &create);
	NET_TURN_UNTIL(loop, seen.creates == 2);
	spice_qxl_destroy_surface_wait(&d.qxl, 0);
	spice_qxl_destroy_surface_wait(&d.qxl, 12345);
	spice_qxl_destroy_surfaces(&d.qxl);
	NET_TURN_UNTIL(loop, seen.destroys == 2);
	int resets = seen.cursor_resets;

	spice_qxl_reset_cursor(&d.qxl);
	NET_TURN_UNTIL(loop, seen.cursor_resets > resets);
	spice_qxl_reset_image_cache(&d.qxl);
	ck_assert_int_eq(spice_server_remove_interface(&d.qxl.base), 0);
	NET_TURN_UNTIL(loop, d.qxl.st == NULL);
	display_down();
}
END_TEST

START_TEST(test_viewer_comes_and_goes)
{
	display_up(true);
	ck_assert_int_eq(d.caps_present, 1);
	/* we draw: what the viewer cannot do is no matter to the guest's driver */
	ck_assert_int_eq(d.caps & 12, 12);
	player_free(viewer);
	viewer = NULL;
	NET_TURN_UNTIL(loop, !d.caps_present);
	ck_assert_int_eq(d.caps, 0);
	display_down();
}
END_TEST

START_TEST(test_monitors)
{
	struct {
		QXLMonitorsConfig config;
		QXLHead heads[2];
	} two = { { 2, 2 }, { { .id = 0, .width = 40, .height = H }, { .id = 1, .width = 24, .height = H, .x = 40 } } };
	uint64_t address = (uint64_t)(uintptr_t)&two;

	display_up(true);
	spice_qxl_set_device_info(&d.qxl, "pci/0000/02.0", 0, 2);
	spice_qxl_monitors_config_async(&d.qxl, address, 0, 1);
	NET_TURN_UNTIL(loop, seen.heads == 2 && d.completed == 1);
	ck_assert_int_eq(seen.first_head_width, 40);
	spice_qxl_driver_unload(&d.qxl);
	NET_TURN_UNTIL(loop, seen.heads == 1 && seen.first_head_width == W);
	spice_qxl_set_max_monitors(&d.qxl, 1);
	spice_qxl_monitors_config_async(&d.qxl, address, 0, 2);
	NET_TURN_UNTIL(loop, seen.heads == 1 && seen.first_head_width == 40);
	/* refused as they stand */
	spice_qxl_set_device_info(&d.qxl, "pci/0000/02.0", 0, 17);
	spice_qxl_set_device_info(&d.qxl, NULL, 0, 0);
	two.config.count = 0;
	int told = seen.heads_told;

	spice_qxl_monitors_config_async(&d.qxl, address, 0, 3);
	spice_qxl_monitors_config_async(&d.qxl, address, -1, 4);
	NET_TURN_UNTIL(loop, d.completed == 4);
	turn(30);
	ck_assert_int_eq(seen.heads_told, told);
	display_down();
}
END_TEST

/* Surfaces beside the primary one: drawn on, saved when asked for, and their commands given back in the end. */
START_TEST(test_surfaces)
{
	static uint32_t first[H][W], second[H][W];

	display_up(false);
	first[1][1] = 0x777777;
	put_surface(&d, 3, true, &first[0][0]);
	put_surface(&d, 4, true, &second[0][0]);
	put_surface(&d, 3, true, &second[0][0]); /* there is one */
	put_drawing(&d, 3, 0x112233);
	spice_qxl_flush_surfaces_async(&d.qxl, 1);
	NET_TURN_UNTIL(loop, d.completed == 1);
	ck_assert_uint_eq(first[H - 1][W - 1] & 0xffffff, 0x112233);
	ck_assert_uint_eq(second[H - 1][W - 1], 0);
	ck_assert_int_eq(d.released, 2); /* the drawing, and the surface that could not be */
	put_drawing(&d, 4, 0x445566);
	spice_qxl_destroy_surfaces(&d.qxl);
	ck_assert_uint_eq(second[0][0] & 0xffffff, 0x445566);
	ck_assert_int_eq(d.released, 5);
	put_drawing(&d, 4, 1); /* nowhere, and given back */
	spice_qxl_wakeup(&d.qxl);
	NET_TURN_UNTIL(loop, d.released == 6);
	ck_assert_uint_eq(second[0][0] & 0xffffff, 0x445566);
	display_down();
}
END_TEST

/* After a migration: the surface is there again, with the pixels that lie in guest memory. */
START_TEST(test_loadvm)
{
	static uint32_t pixels[H][W];
	QXLSurfaceCmd *create = calloc(1, sizeof *create);
	QXLCommandExt ext[2] = { { .cmd = { (uint64_t)(uintptr_t)create, QXL_CMD_SURFACE, 0 } },
		{ .cmd = { 0, 77, 0 } } };

	display_up(false);
	create->surface_id = 5;
	create->type = QXL_SURFACE_CMD_CREATE;
	create->u.surface_create = (QXLSurface){ .format = SPICE_SURFACE_FMT_32_xRGB, .width = W, .height = H,
			.stride = W * 4, .data = (uint64_t)(uintptr_t)pixels };
	pixels[3][3] = 0x424242;
	spice_qxl_loadvm_commands(&d.qxl, NULL, 0);
	spice_qxl_loadvm_commands(&d.qxl, ext, 2);
	spice_qxl_update_area(&d.qxl, 5, &whole, NULL, 0, 0);
	ck_assert_uint_eq(pixels[3][3], 0x424242);
	put_drawing(&d, 5, 0xabcdef);
	spice_qxl_update_area(&d.qxl, 5, &whole, NULL, 0, 0);
	ck_assert_uint_eq(pixels[H / 2][W / 2] & 0xffffff, 0xabcdef);
	ck_assert_int_eq(d.released, 1);
	put_surface(&d, 5, false, NULL);
	spice_qxl_wakeup(&d.qxl);
	NET_TURN_UNTIL(loop, d.released == 3); /* and its two commands */
	display_down();
}
END_TEST

/* True when the library has closed its end. */
static bool is_closed(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

START_TEST(test_scanout)
{
	int ends[6][2];

	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(pipe(ends[i]), 0);
		ck_assert_int_eq(fcntl(ends[i][0], F_SETFL, O_NONBLOCK), 0);
	}
	const int four[4] = { ends[1][1], ends[2][1], ends[3][1], ends[4][1] };
	const uint32_t zeros[4] = { 0 };

	display_up(false);
	spice_qxl_gl_scanout(&d.qxl, ends[0][1], W, H, W * 4, 0x34325258, 0);
	ck_assert(!is_closed(ends[0][0]));
	spice_qxl_gl_scanout2(&d.qxl, four, W, H, zeros, zeros, 4, 0x34325258, 0, 1);
	NET_TURN_UNTIL(loop, is_closed(ends[0][0]));
	ck_assert(!is_closed(ends[4][0]));
	spice_qxl_gl_scanout2(&d.qxl, NULL, 0, 0, NULL, NULL, 0, 0, 0, 0);
	for (int i = 1; i < 5; i++)
		NET_TURN_UNTIL(loop, is_closed(ends[i][0]));
	spice_qxl_gl_draw_async(&d.qxl, 0, 0, 1, 1, 1);
	NET_TURN_UNTIL(loop, d.completed == 1);
	spice_qxl_gl_scanout(&d.qxl, -1, 0, 0, 0, 0, 0);
	spice_qxl_gl_scanout(&d.qxl, ends[5][1], W, H, W * 4, 0x34325258, 0);
	display_down();
	ck_assert(is_closed(ends[5][0]));
}
END_TEST

/* -- whole lives -- */

START_TEST(test_two_servers)
{
	static struct display one, two;
	char path[80];
	struct player_where elsewhere = { .unix_path = path };
	QXLDevMemSlot slot = host_slot();

	snprintf(path, sizeof path, "%s-2", socket_path);
	display_init(&one, 0);
	display_init(&two, 0);
	SpiceServer *first = server_on(socket_path), *second = server_on(path);
	QXLDevSurfaceCreate create1 = host_primary(&one), create2 = host_primary(&two);

	ck_assert_int_eq(spice_server_add_interface(first, &one.qxl.base), 0);
	ck_assert_int_eq(spice_server_add_interface(second, &two.qxl.base), 0);
	spice_qxl_add_memslot(&one.qxl, &slot);
	spice_qxl_add_memslot(&two.qxl, &slot);
	spice_qxl_create_primary_surface(&one.qxl, 0, &create1);
	spice_qxl_create_primary_surface(&two.qxl, 0, &create2);
	spice_server_vm_start(first);
	spice_server_vm_start(second);

	struct player *here = client_new(&on_socket, PLAYER_DISPLAY), *there = client_new(&elsewhere, PLAYER_DISPLAY);

	NET_TURN_UNTIL(loop, here->display && there->display);
	ck_assert_int_eq(spice_server_get_num_clients(first), 1);
	ck_assert_int_eq(spice_server_get_num_clients(second), 1);
	spice_server_destroy(first);
	NET_TURN_UNTIL(loop, here->is_over);
	put_drawing(&two, 0, 0x777777);
	spice_qxl_update_area(&two.qxl, 0, &whole, NULL, 0, 0);
	ck_assert_uint_eq(two.pixels[0][0] & 0xffffff, 0x777777);
	ck_assert(!there->is_over);
	player_free(here);
	player_free(there);
	ck_assert(gets_in(&elsewhere));
	spice_server_destroy(second);
}
END_TEST

/* QEMU 11.1 leaves some attached, 7.2 all of them. */
START_TEST(test_destroy_attached)
{
	static struct display display;
	static const SpicePlaybackInterface play_interface = { { SPICE_INTERFACE_PLAYBACK, "test",
			SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR } };
	SpicePlaybackInstance play = { .base = { &play_interface.base } };
	SpiceMigrateInstance migration = { .base = { &migrate_interface.base } };
	struct port agent = port_of("vdagent", NULL, 10), usb = port_of("usbredir", NULL, 10);
	SpiceServer *server = server_on(socket_path);
	SpiceBaseInstance *all[] = { &vmm_kbd.base, &vmm_mouse.base, &vmm_tablet.base, &play.base, &migration.base,
		&agent.device.base, &usb.device.base, &display.qxl.base };
	QXLDevMemSlot slot = host_slot();

	display_init(&display, 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ck_assert_int_eq(spice_server_add_interface(server, all[i]), 0);
	QXLDevSurfaceCreate create = host_primary(&display);

	spice_qxl_add_memslot(&display.qxl, &slot);
	spice_qxl_create_primary_surface(&display.qxl, 0, &create);
	spice_server_vm_start(server);

	struct player *player = client_new(&on_socket, PLAYER_ALL);

	NET_TURN_UNTIL(loop, player->display && player->inputs && display.caps_present);
	spice_server_destroy(server);
	ck_assert_int_eq(books.watches + books.timers, 0);
	NET_TURN_UNTIL(loop, player->is_over);

	int calls = display.worker_calls;

	vmm.width = -1;

	agent.left = 10;
	agent.reads = 0;
	spice_server_char_device_wakeup(&agent.device);
	spice_qxl_wakeup(&display.qxl);
	ck_assert_int_eq(spice_server_kbd_leds(&vmm_kbd, 1), -1);
	/* a VMM that is late with these */
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		spice_server_remove_interface(all[i]);
	turn(30);
	ck_assert_int_eq(display.worker_calls, calls);
	ck_assert_int_eq(vmm.width, -1);
	ck_assert_int_eq(agent.reads, 0);
	player_free(player);
}
END_TEST

static void suite_add(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, books_close);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_defaults);
	tcase_add_loop_test(tc, test_setters, 0, sizeof setters / sizeof *setters);
	tcase_add_test(tc, test_answers);
	tcase_add_loop_test(tc, test_video_codecs, 0, sizeof codec_lists / sizeof *codec_lists);
	tcase_add_loop_test(tc, test_listen, 0, sizeof places / sizeof *places);
	tcase_add_test(tc, test_listen_ipv6);
	tcase_add_test(tc, test_listen_unix);
	tcase_add_loop_test(tc, test_init_fails, 0, sizeof failures / sizeof *failures);
	tcase_add_test(tc, test_init_twice);
	tcase_add_loop_test(tc, test_ticket, 0, sizeof tickets / sizeof *tickets);
	tcase_add_test(tc, test_ticket_changes);
	tcase_add_test(tc, test_security);
	tcase_add_test(tc, test_tls);
	tcase_add_test(tc, test_add_client);
	tcase_add_test(tc, test_add_ssl_client_without_tls);
	tcase_add_test(tc, test_client);
	tcase_add_test(tc, test_mouse_mode);
	tcase_add_test(tc, test_exit_on_disconnect);
	tcase_add_test(tc, test_refused_interfaces);
	tcase_add_test(tc, test_char_devices);
	tcase_add_test(tc, test_odd_char_devices);
	tcase_add_test(tc, test_usb_bridge);
	tcase_add_test(tc, test_audio);
	tcase_add_test(tc, test_migrate);
	tcase_add_test(tc, test_replay);
	tcase_add_test(tc, test_draw);
	tcase_add_test(tc, test_dirty);
	tcase_add_test(tc, test_stop);
	tcase_add_test(tc, test_oom);
	tcase_add_test(tc, test_memslots);
	tcase_add_test(tc, test_async);
	tcase_add_test(tc, test_primary_and_viewer);
	tcase_add_test(tc, test_viewer_comes_and_goes);
	tcase_add_test(tc, test_monitors);
	tcase_add_test(tc, test_surfaces);
	tcase_add_test(tc, test_loadvm);
	tcase_add_test(tc, test_scanout);
	tcase_add_test(tc, test_two_servers);
	tcase_add_test(tc, test_destroy_attached);
}

int main(void)
{
	Suite *suite = suite_create("api");
	TCase *tc = tcase_create("api");
	char command[128];

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	suite_add(tc);
	suite_add_tcase(suite, tc);
	int status = net_run(suite);

	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command) ? EXIT_FAILURE : status;
}
