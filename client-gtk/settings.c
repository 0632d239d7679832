/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* settings.c - the names of the channels that may be asked to be secure, and how settings end. */
#include "client-gtk/settings.h"

#include <glib.h>
#include <string.h>
#include "usbredir/filter.h"

static const char *const channels_by_type[] = {
	[1] = "main", [2] = "display", [3] = "inputs", [4] = "cursor", [5] = "playback",
	[6] = "record", [8] = "smartcard", [9] = "usbredir", [10] = "port", [11] = "webdav",
};

static enum clove_err find(const char *name, uint32_t *channels)
{
	if (!strcmp(name, "all")) {
		*channels = UINT32_MAX;
		return CLOVE_OK;
	}
	for (unsigned int type = 1; type < G_N_ELEMENTS(channels_by_type); type++)
		if (channels_by_type[type] && !strcmp(name, channels_by_type[type])) {
			*channels |= UINT32_C(1) << type;
			return CLOVE_OK;
		}
	return CLOVE_ERR_VALUE;
}

enum clove_err clove_secure_channels_parse(const char *text, const char *separators,
		uint32_t *channels, char **error)
{
	char **names = g_strsplit_set(text, separators, 64);
	enum clove_err err = CLOVE_OK;

	*error = NULL;
	*channels = 0;
	for (char **name = names; *name && !err; name++) {
		g_strstrip(*name);
		if (**name && (err = find(*name, channels)))
			*error = g_strdup_printf("There is no channel “%s”; secure channels are main, "
					"display, inputs, cursor, playback, record, smartcard, usbredir, "
					"port, webdav or all.", *name);
	}
	g_strfreev(names);
	return err;
}

bool clove_usb_rules_are_valid(const char *rules)
{
	struct clove_usb_filter filter = { 0 };

	if (clove_usb_filter_parse(&filter, rules, NULL, NULL))
		return false;
	clove_usb_filter_fini(&filter);
	return true;
}

void clove_settings_fini(struct clove_settings *settings)
{
	clove_address_fini(&settings->address);
	g_free(settings->ca_file);
	g_free(settings->ca_pem);
	g_free(settings->host_subject);
	g_free(settings->ciphers);
	g_free(settings->title);
	g_free(settings->screenshot);
	g_free(settings->stats);
	g_free(settings->usb_filter);
	g_free(settings->usb_connect_filter);
	for (unsigned int i = 0; i < settings->n_usb_images; i++)
		g_free(settings->usb_images[i].path);
	memset(settings, 0, sizeof *settings);
}
