/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection-file.c - the keys of .vv files, and the version of remote-viewer that we stand in for. */
#include "client-gtk/connection-file.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUP "virt-viewer"

/* Management tools refuse viewers that are older than they know to work; we do what this one does. */
static const char compatible_version[] = "11.0";

enum { FILE_MAX = 1024 * 1024 };

static enum clove_err refuse(char **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static enum clove_err refuse(char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return CLOVE_ERR_VALUE;
}

static char *string_of(GKeyFile *file, const char *key)
{
	char *value = g_key_file_get_string(file, GROUP, key, NULL);

	if (value && !*value) {
		g_free(value);
		return NULL;
	}
	return value;
}

static bool boolean_of(GKeyFile *file, const char *key)
{
	char *value = string_of(file, key);
	bool is_true = value && (!g_ascii_strcasecmp(value, "true") ||
			g_ascii_strtoll(value, NULL, 10) != 0);

	g_free(value);
	return is_true;
}

/* Negative, 0 or positive as a is older than, as old as or newer than b. What is no number ends
 * the comparison as equal. */
static int compare_part(const char *a, const char *b)
{
	char **as = g_strsplit(a, ".", 16), **bs = g_strsplit(b, ".", 16);
	int order = 0, i = 0;

	for (; as[i] && bs[i] && !order; i++) {
		char *a_end, *b_end;
		gint64 x = g_ascii_strtoll(as[i], &a_end, 10), y = g_ascii_strtoll(bs[i], &b_end, 10);

		if (a_end == as[i] || *a_end || b_end == bs[i] || *b_end)
			goto out;
		order = (x > y) - (x < y);
	}
	if (!order)
		order = (as[i] != NULL) - (bs[i] != NULL);
out:
	g_strfreev(as);
	g_strfreev(bs);
	return order;
}

static int compare_versions(const char *a, const char *b)
{
	char **as = g_strsplit(a, "-", 2), **bs = g_strsplit(b, "-", 2);
	int order = as[0] && bs[0] ? compare_part(as[0], bs[0]) : 0;

	if (!order && as[0] && bs[0] && as[1] && bs[1])
		order = compare_part(as[1], bs[1]);
	g_strfreev(as);
	g_strfreev(bs);
	return order;
}

static enum clove_err check_version(GKeyFile *file, char **error)
{
	char *version = string_of(file, "version");
	enum clove_err err = CLOVE_OK;

	/* "versions" speaks of builds by their operating system's id, and we are none of those */
	if (version && compare_versions(compatible_version, version) < 0) {
		char *url = string_of(file, "newer-version-url");

		err = refuse(error, "This connection file wants a viewer as new as version %s; this one "
				"does what version %s did.%s%s", version, compatible_version,
				url ? " See " : "", url ? url : "");
		g_free(url);
	}
	g_free(version);
	return err;
}

static int port_of(GKeyFile *file, const char *key)
{
	char *value = string_of(file, key);
	int port = value ? clove_port_parse(value) : 0;

	g_free(value);
	return port;
}

static enum clove_err read_address(GKeyFile *file, struct clove_address *address, char **error)
{
	address->unix_path = string_of(file, "unix-path");
	address->user = string_of(file, "username");
	address->password = string_of(file, "password");
	if (address->unix_path)
		return CLOVE_OK;
	address->host = string_of(file, "host");
	address->port = port_of(file, "port");
	address->tls_port = port_of(file, "tls-port");
	if (!address->host)
		return refuse(error, "This connection file names no host.");
	if (!address->port && !address->tls_port)
		return refuse(error, "This connection file gives neither a port nor a TLS port from 1 "
				"to 65535.");
	return CLOVE_OK;
}

static void read_hotkeys(GKeyFile *file, struct clove_hotkeys *hotkeys)
{
	/* a file that names hotkeys replaces the whole set */
	for (unsigned int action = 0; action < CLOVE_HOTKEYS; action++) {
		const char *name = clove_hotkey_name(action);
		char *value = string_of(file, name);

		hotkeys->of[action] = (struct clove_hotkey){ 0 };
		if (value && clove_hotkey_parse(value, action == CLOVE_HOTKEY_RELEASE_CURSOR,
				&hotkeys->of[action]))
			g_warning("the connection file's %s=%s names no keys", name, value);
		g_free(value);
	}
}

static void replace(char **where, char *take_value)
{
	if (!take_value)
		return;
	g_free(*where);
	*where = take_value;
}

/* Rules that are none occur in the wild, "null" for one: they must not keep anybody from the guest. */
static void replace_rules(GKeyFile *file, const char *key, char **where)
{
	char *rules = string_of(file, key);

	if (rules && !clove_usb_rules_are_valid(rules)) {
		g_warning("the connection file's %s=%s are no rules", key, rules);
		g_clear_pointer(&rules, g_free);
	}
	replace(where, rules);
}

static void read_usb(GKeyFile *file, struct clove_settings *settings)
{
	char *enabled = string_of(file, "enable-usbredir");

	settings->is_usb_disabled |= enabled && !boolean_of(file, "enable-usbredir");
	settings->shares_usb |= boolean_of(file, "enable-usb-autoshare");
	replace_rules(file, "usb-filter", &settings->usb_filter);
	replace_rules(file, "usb-redirect-on-connect", &settings->usb_connect_filter);
	g_free(enabled);
}

static enum clove_err read_keys(GKeyFile *file, struct clove_settings *settings, char **error)
{
	enum clove_err err = check_version(file, error);
	char *type = string_of(file, "type"), *proxy = NULL, *secure = NULL;

	if (err)
		goto out;
	err = CLOVE_ERR_VALUE;
	if (!type) {
		refuse(error, "This connection file does not say of what type it is.");
		goto out;
	}
	if (strcmp(type, "spice")) {
		refuse(error, "This connection file is of type “%.40s”; this viewer only knows spice.",
				type);
		goto out;
	}
	proxy = string_of(file, "proxy");
	if (proxy) {
		/* going around the proxy would tell the network what it was to hide */
		refuse(error, "This connection file asks for a proxy, which this viewer cannot use "
				"yet.");
		goto out;
	}
	replace(&settings->title, string_of(file, "title"));
	read_hotkeys(file, &settings->hotkeys);
	settings->is_full_screen |= boolean_of(file, "fullscreen");
	clove_address_fini(&settings->address);
	err = read_address(file, &settings->address, error);
	if (err)
		goto out;
	secure = string_of(file, "secure-channels");
	if (secure) {
		uint32_t channels;

		err = clove_secure_channels_parse(secure, ";,", &channels, error);
		if (err)
			goto out;
		settings->secure_channels |= channels;
	}
	settings->ca_pem = string_of(file, "ca");
	if (settings->ca_pem)
		g_clear_pointer(&settings->ca_file, g_free); /* it replaces the CA file */
	replace(&settings->host_subject, string_of(file, "host-subject"));
	replace(&settings->ciphers, string_of(file, "tls-ciphers"));
	read_usb(file, settings);
	settings->is_file = true;
out:
	g_free(type);
	g_free(proxy);
	g_free(secure);
	return err;
}

enum clove_err clove_connection_file_parse(const char *text, size_t len,
		struct clove_settings *settings, bool *asks_deletion, char **error)
{
	GKeyFile *file = g_key_file_new();
	enum clove_err err;

	*error = NULL;
	*asks_deletion = false;
	if (!len || len > FILE_MAX || memchr(text, 0, len) ||
			!g_key_file_load_from_data(file, text, len, G_KEY_FILE_NONE, NULL) ||
			!g_key_file_has_group(file, GROUP)) {
		err = refuse(error, "This is not a connection file: it has no group [virt-viewer].");
	} else {
		*asks_deletion = boolean_of(file, "delete-this-file");
		err = read_keys(file, settings, error);
	}
	g_key_file_free(file);
	return err;
}

enum clove_err clove_connection_file_load(const char *path, struct clove_settings *settings,
		char **error)
{
	bool is_stdin = !strcmp(path, "-"), asks_deletion;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	char *text, *why = NULL;
	enum clove_err err;
	size_t len;

	*error = NULL;
	if (!file) {
		*error = g_strdup_printf("The connection file %s cannot be read: %s.", path,
				g_strerror(errno));
		return CLOVE_ERR_IO;
	}
	text = g_malloc(FILE_MAX + 1);
	len = fread(text, 1, FILE_MAX + 1, file);
	err = ferror(file) ? CLOVE_ERR_IO : CLOVE_OK;
	if (!is_stdin)
		fclose(file);
	if (err) {
		*error = g_strdup_printf("The connection file %s cannot be read.", path);
	} else {
		err = clove_connection_file_parse(text, len, settings, &asks_deletion, &why);
		if (asks_deletion && !is_stdin && !g_getenv("VIRT_VIEWER_KEEP_FILE") && g_unlink(path))
			g_warning("%s could not be deleted: %s", path, g_strerror(errno));
		if (err)
			*error = g_strdup_printf("%s: %s", is_stdin ? "Standard input" : path, why);
	}
	g_free(why);
	explicit_bzero(text, len);
	g_free(text);
	return err;
}
