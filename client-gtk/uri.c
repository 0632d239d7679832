/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uri.c - the grammar of server addresses, as the viewers before us have taught people to write it. */
#include "client-gtk/uri.h"

#include <glib.h>
#include <string.h>

enum {
	KEY_MAX = 31,
	VALUE_MAX = 127,
	URI_MAX = 4096,
};

#define KEY_CHARACTERS "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int clove_port_parse(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	gint64 port;

	if (digits < 1 || digits > 5 || text[digits])
		return 0;
	port = g_ascii_strtoll(text, NULL, 10);
	return port <= 65535 ? (int)port : 0;
}

static enum clove_err refuse(char **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static enum clove_err refuse(char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return CLOVE_ERR_VALUE;
}

/* `text` is "host", "host:port" or "[address]:port". */
static enum clove_err parse_authority(const char *text, bool is_tls, struct clove_address *address,
		char **error)
{
	const char *colon, *close;

	if (text[0] == '[') {
		close = strchr(text, ']');
		if (!close || (close[1] && close[1] != ':'))
			return refuse(error, "The address has a [ without its ].");
		address->host = g_strndup(text + 1, (gsize)(close - text - 1));
		colon = close[1] ? close + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		address->host = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
		if (colon && strchr(colon + 1, ':'))
			return refuse(error, "An IPv6 address needs brackets: spice://[%s].", text);
	}
	if (!address->host[0])
		return refuse(error, "The address names no host.");
	if (colon && colon[1]) {
		int port = clove_port_parse(colon + 1);

		if (!port)
			return refuse(error, "“%s” is no port: it must be a number from 1 to 65535.",
					colon + 1);
		*(is_tls ? &address->tls_port : &address->port) = port;
	}
	return CLOVE_OK;
}

static enum clove_err parse_pair(const char *pair, bool is_tls, struct clove_address *address,
		char **error)
{
	const char *equals = strchr(pair, '=');
	size_t len = equals ? (size_t)(equals - pair) : strlen(pair);
	bool is_port, is_tls_port;
	char *value;
	int *port;

	if (!equals || !len || len > KEY_MAX || strspn(pair, KEY_CHARACTERS) != len)
		return refuse(error, "“%s” in the address is not of the form key=value.", pair);
	is_port = len == 4 && !strncmp(pair, "port", len);
	is_tls_port = len == 8 && !strncmp(pair, "tls-port", len);
	if (!is_port && !is_tls_port && !(len == 8 && !strncmp(pair, "password", len)))
		return refuse(error, "The address has the unknown key “%.*s”; known are port, tls-port "
				"and password.", (int)len, pair);
	if (!equals[1])
		return CLOVE_OK;
	value = g_uri_unescape_string(equals + 1, NULL);
	if (!value || strlen(value) > VALUE_MAX) {
		g_free(value);
		return refuse(error, "The value of “%.*s” in the address is too long or not well "
				"written.", (int)len, pair);
	}
	if (!is_port && !is_tls_port) {
		if (address->password) {
			g_free(value);
			return refuse(error, "The address gives a password twice.");
		}
		g_warning("a password in an address can be seen by every user of this computer");
		address->password = value;
		return CLOVE_OK;
	}
	if (is_tls) {
		g_warning("an address spice+tls:// has its port behind the host; %s is ignored",
				is_port ? "port=" : "tls-port=");
		g_free(value);
		return CLOVE_OK;
	}
	port = is_port ? &address->port : &address->tls_port;
	if (*port) {
		g_free(value);
		return refuse(error, "The address gives the %s twice.", is_port ? "port" : "TLS port");
	}
	*port = clove_port_parse(value);
	if (!*port) {
		enum clove_err err = refuse(error, "“%s” is no port: it must be a number from 1 to "
				"65535.", value);

		g_free(value);
		return err;
	}
	g_free(value);
	return CLOVE_OK;
}

static enum clove_err parse_query(const char *query, bool is_tls, struct clove_address *address,
		char **error)
{
	char **pairs = g_strsplit_set(query, "&;", -1);
	enum clove_err err = CLOVE_OK;

	for (char **pair = pairs; *pair && !err; pair++)
		if (**pair)
			err = parse_pair(*pair, is_tls, address, error);
	g_strfreev(pairs);
	return err;
}

static enum clove_err parse_host(const char *rest, bool is_tls, struct clove_address *address,
		char **error)
{
	char *text = g_strdup(rest), *authority = text, *query = strpbrk(text, "?;"), *at, *slash;
	enum clove_err err;

	if (query)
		*query++ = 0;
	at = strchr(authority, '@');
	if (at) {
		*at = 0;
		address->user = g_uri_unescape_string(authority, NULL);
		authority = at + 1;
		if (!address->user) {
			g_free(text);
			return refuse(error, "The user name in the address is not well written.");
		}
	}
	slash = strchr(authority, '/');
	if (slash) {
		if (slash[1])
			g_warning("the path “%s” in the address is ignored", slash);
		*slash = 0;
	}
	err = parse_authority(authority, is_tls, address, error);
	if (!err && query)
		err = parse_query(query, is_tls, address, error);
	if (!err && !address->port && !address->tls_port)
		err = refuse(error, "The address names no port: write spice://%s:5900, for example.",
				address->host);
	g_free(text);
	return err;
}

static enum clove_err parse(const char *text, struct clove_address *address, char **error)
{
	if (strlen(text) > URI_MAX || !g_utf8_validate(text, -1, NULL))
		return refuse(error, "The address is too long or not UTF-8.");
	if (g_str_has_prefix(text, "spice+unix://")) {
		if (text[13] != '/')
			return refuse(error, "The path in a spice+unix:// address must begin with a "
					"slash: spice+unix:///run/vm.sock.");
		address->unix_path = g_strdup(text + 13);
		return CLOVE_OK;
	}
	if (g_str_has_prefix(text, "spice+tls://"))
		return parse_host(text + 12, true, address, error);
	if (g_str_has_prefix(text, "spice://"))
		return parse_host(text + 8, false, address, error);
	return refuse(error, "“%s” is neither a file nor an address that begins with spice://, "
			"spice+tls:// or spice+unix://.", text);
}

enum clove_err clove_uri_parse(const char *text, struct clove_address *address, char **error)
{
	enum clove_err err;

	memset(address, 0, sizeof *address);
	*error = NULL;
	err = parse(text, address, error);
	if (err)
		clove_address_fini(address);
	return err;
}

char *clove_uri_format(const struct clove_address *address)
{
	const char *open = "", *close = "";

	if (address->unix_path)
		return g_strdup_printf("spice+unix://%s", address->unix_path);
	if (address->host && strchr(address->host, ':'))
		open = "[", close = "]";
	if (address->port && address->tls_port)
		return g_strdup_printf("spice://%s%s%s?port=%d&tls-port=%d", open, address->host, close,
				address->port, address->tls_port);
	return g_strdup_printf("%s://%s%s%s:%d", address->port ? "spice" : "spice+tls", open,
			address->host, close, address->port ? address->port : address->tls_port);
}

void clove_address_fini(struct clove_address *address)
{
	g_free(address->host);
	g_free(address->unix_path);
	g_free(address->user);
	if (address->password)
		explicit_bzero(address->password, strlen(address->password));
	g_free(address->password);
	memset(address, 0, sizeof *address);
}
