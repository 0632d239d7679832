/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.c - which options there are, which exclude each other, and where a password may come from. */
#include "config.h"
#include "client-gtk/options.h"

#include <errno.h>
#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "client-gtk/connection-file.h"
#include "common/util/log.h"

struct raw {
	char *ca_file, *subject, *secure, *password_file, *screenshot, *stats, *title, *hotkeys;
	char *usb_filter, *usb_connect_filter;
	char **rest, **images, **cds;
	int wait_picture, zoom;
	gboolean version, debug, full_screen, scale, no_scale, exit_after, exit_on_disconnect, wait;
	gboolean no_usb;
};

static enum clove_exit fail(enum clove_exit code, char **error, const char *format, ...)
		G_GNUC_PRINTF(3, 4);
static enum clove_exit fail(enum clove_exit code, char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return code;
}

/* The first line of a file, or of standard input; a password is at most 60 bytes on the wire. */
static enum clove_exit read_password(const char *path, char **password, char **error)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char line[258];
	enum clove_exit code = CLOVE_EXIT_OK;

	if (!file)
		return fail(CLOVE_EXIT_BAD_TARGET, error, "The password file %s cannot be read: %s.",
				path, g_strerror(errno));
	if (!fgets(line, sizeof line, file))
		line[0] = 0;
	if (file != stdin)
		fclose(file);
	line[strcspn(line, "\r\n")] = 0;
	if (strlen(line) > 60) {
		code = fail(CLOVE_EXIT_BAD_TARGET, error, "The password in %s is longer than 60 bytes, "
				"which the protocol cannot carry.", path);
	} else {
		g_free(*password);
		*password = g_strdup(line);
	}
	explicit_bzero(line, sizeof line);
	return code;
}

enum clove_exit clove_options_target(const char *target, struct clove_settings *settings,
		char **error)
{
	if (!strcmp(target, "-") || g_file_test(target, G_FILE_TEST_EXISTS))
		return clove_connection_file_load(target, settings, error) ? CLOVE_EXIT_BAD_TARGET
				: CLOVE_EXIT_OK;
	if (!strstr(target, "://") && (strchr(target, '/') || g_str_has_suffix(target, ".vv")))
		return fail(CLOVE_EXIT_BAD_TARGET, error, "There is no file %s.", target);
	return clove_uri_parse(target, &settings->address, error) ? CLOVE_EXIT_BAD_TARGET
			: CLOVE_EXIT_OK;
}

/* FILE, or FILE,writable. */
static enum clove_exit add_image(struct clove_settings *settings, const char *text, bool is_cd, char **error)
{
	static const char writable[] = ",writable";
	struct clove_usb_image *image = &settings->usb_images[settings->n_usb_images];
	size_t len = strlen(text);

	if (settings->n_usb_images == CLOVE_USB_IMAGES_MOST)
		return fail(CLOVE_EXIT_USAGE, error, "At most %d images can be shared from the start.",
				CLOVE_USB_IMAGES_MOST);
	*image = (struct clove_usb_image){ .is_cd = is_cd };
	image->is_writable = !is_cd && g_str_has_suffix(text, writable);
	if (image->is_writable)
		len -= strlen(writable);
	image->path = g_strndup(text, len);
	settings->n_usb_images++;
	if (access(image->path, image->is_writable ? R_OK | W_OK : R_OK))
		return fail(CLOVE_EXIT_BAD_TARGET, error, "The image %s cannot be %s: %s.", image->path,
				image->is_writable ? "written" : "read", g_strerror(errno));
	return CLOVE_EXIT_OK;
}

static enum clove_exit apply_usb(struct raw *raw, struct clove_settings *settings, char **error)
{
	const struct {
		const char *option, *rules;
		char **setting;
	} filters[] = {
		{ "--spice-usbredir-auto-redirect-filter", raw->usb_filter, &settings->usb_filter },
		{ "--spice-usbredir-redirect-on-connect", raw->usb_connect_filter, &settings->usb_connect_filter },
	};
	enum clove_exit code;

	settings->is_usb_disabled |= raw->no_usb;
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		if (!filters[i].rules)
			continue;
		if (!clove_usb_rules_are_valid(filters[i].rules))
			return fail(CLOVE_EXIT_USAGE, error, "“%s” are no rules for %s: write "
					"class,vendor,product,version,allow and put | between rules, as in "
					"0x03,-1,-1,-1,0|-1,-1,-1,-1,1.", filters[i].rules,
					filters[i].option);
		g_free(*filters[i].setting);
		*filters[i].setting = g_strdup(filters[i].rules);
	}
	settings->shares_usb |= raw->usb_filter != NULL;
	for (char **image = raw->images; image && *image; image++)
		if ((code = add_image(settings, *image, false, error)))
			return code;
	for (char **cd = raw->cds; cd && *cd; cd++)
		if ((code = add_image(settings, *cd, true, error)))
			return code;
	if (settings->is_usb_disabled && settings->n_usb_images)
		return fail(CLOVE_EXIT_USAGE, error, "Images are shared by USB redirection, which "
				"--spice-disable-usbredir or the connection file switches off.");
	return CLOVE_EXIT_OK;
}

static enum clove_exit apply(struct raw *raw, struct clove_settings *settings, char **error)
{
	enum clove_exit code;

	clove_hotkeys_defaults(&settings->hotkeys);
	if (raw->zoom && (raw->zoom < 10 || raw->zoom > 400))
		return fail(CLOVE_EXIT_USAGE, error, "The zoom must be from 10 to 400.");
	if (raw->wait_picture < 0)
		return fail(CLOVE_EXIT_USAGE, error, "--wait-picture takes a number of seconds.");
	if (raw->scale && raw->no_scale)
		return fail(CLOVE_EXIT_USAGE, error, "--scale and --no-scale exclude each other.");
	if (raw->exit_after && !raw->screenshot)
		return fail(CLOVE_EXIT_USAGE, error, "--exit-after-screenshot needs --screenshot.");
	if (raw->rest && raw->rest[0] && raw->rest[1])
		return fail(CLOVE_EXIT_USAGE, error, "One address or file at a time, please.");
	if (raw->secure && clove_secure_channels_parse(raw->secure, ",", &settings->secure_channels,
			error))
		return CLOVE_EXIT_USAGE;
	settings->ca_file = g_strdup(raw->ca_file);
	settings->host_subject = g_strdup(raw->subject);
	if (raw->rest && raw->rest[0]) {
		code = clove_options_target(raw->rest[0], settings, error);
		if (code)
			return code;
	}
	if (raw->hotkeys && clove_hotkeys_parse(raw->hotkeys, &settings->hotkeys, error))
		return CLOVE_EXIT_USAGE;
	if (raw->password_file) {
		code = read_password(raw->password_file, &settings->address.password, error);
		if (code)
			return code;
	}
	if (raw->title) {
		g_free(settings->title);
		settings->title = g_strdup(raw->title);
	}
	settings->screenshot = g_strdup(raw->screenshot);
	settings->stats = g_strdup(raw->stats);
	settings->wait_picture = raw->wait_picture;
	settings->zoom = raw->zoom ? raw->zoom : 100;
	settings->is_full_screen |= raw->full_screen;
	settings->is_unscaled = raw->no_scale;
	settings->exits_after_screenshot = raw->exit_after;
	settings->exits_on_disconnect = raw->exit_on_disconnect;
	settings->waits = raw->wait;
	return apply_usb(raw, settings, error);
}

static void raw_fini(struct raw *raw)
{
	g_free(raw->ca_file);
	g_free(raw->subject);
	g_free(raw->secure);
	g_free(raw->password_file);
	g_free(raw->screenshot);
	g_free(raw->stats);
	g_free(raw->title);
	g_free(raw->hotkeys);
	g_free(raw->usb_filter);
	g_free(raw->usb_connect_filter);
	g_strfreev(raw->images);
	g_strfreev(raw->cds);
	g_strfreev(raw->rest);
}

enum clove_exit clove_options_parse(int *argc, char ***argv, struct clove_settings *settings,
		bool *goes_on, char **error)
{
	struct raw raw = { 0 };
	const GOptionEntry entries[] = {
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &raw.version, "Print the version", NULL },
		{ "debug", 0, 0, G_OPTION_ARG_NONE, &raw.debug, "Say more on standard error", NULL },
		{ "full-screen", 'f', 0, G_OPTION_ARG_NONE, &raw.full_screen, "Start in full screen",
			NULL },
		{ "title", 't', 0, G_OPTION_ARG_STRING, &raw.title,
			"Title of the windows; %d is the display's number", "TEXT" },
		{ "zoom", 'z', 0, G_OPTION_ARG_INT, &raw.zoom, "Size of the picture, 10 to 400",
			"PERCENT" },
		{ "scale", 0, 0, G_OPTION_ARG_NONE, &raw.scale,
			"Fit the picture into the window (default)", NULL },
		{ "no-scale", 0, 0, G_OPTION_ARG_NONE, &raw.no_scale, "Show pixel for pixel", NULL },
		{ "hotkeys", 'H', 0, G_OPTION_ARG_STRING, &raw.hotkeys,
			"Keys that the viewer keeps; all others are off", "ACTION=KEYS,..." },
		{ "ca-file", 0, 0, G_OPTION_ARG_FILENAME, &raw.ca_file,
			"Certificates of the authorities to trust", "FILE" },
		{ "spice-ca-file", 0, 0, G_OPTION_ARG_FILENAME, &raw.ca_file, "The same", "FILE" },
		{ "host-subject", 0, 0, G_OPTION_ARG_STRING, &raw.subject,
			"Subject that the server's certificate must have", "SUBJECT" },
		{ "spice-host-subject", 0, 0, G_OPTION_ARG_STRING, &raw.subject, "The same",
			"SUBJECT" },
		{ "spice-secure-channels", 0, 0, G_OPTION_ARG_STRING, &raw.secure,
			"Channels that must use TLS", "main,inputs,...|all" },
		{ "password-file", 0, 0, G_OPTION_ARG_FILENAME, &raw.password_file,
			"Read the password from the first line of a file, or of standard input (-)",
			"FILE" },
		{ "share-image", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw.images,
			"Give the guest a disk image or ISO as a USB device; more than once if needed",
			"FILE[,writable]" },
		{ "spice-share-cd", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw.cds,
			"Give the guest an ISO as a USB CD", "FILE" },
		{ "spice-disable-usbredir", 0, 0, G_OPTION_ARG_NONE, &raw.no_usb,
			"No USB devices for the guest", NULL },
		{ "spice-usbredir-auto-redirect-filter", 0, 0, G_OPTION_ARG_STRING, &raw.usb_filter,
			"Devices that the guest gets when they are plugged in while it has the keyboard",
			"RULES" },
		{ "spice-usbredir-redirect-on-connect", 0, 0, G_OPTION_ARG_STRING, &raw.usb_connect_filter,
			"Devices that the guest gets when the session begins", "RULES" },
		{ "screenshot", 0, 0, G_OPTION_ARG_FILENAME, &raw.screenshot,
			"Write the first complete picture, and one more at each SIGUSR1",
			"FILE.png|FILE.ppm" },
		{ "exit-after-screenshot", 0, 0, G_OPTION_ARG_NONE, &raw.exit_after,
			"End when the first picture is written", NULL },
		{ "wait-picture", 0, 0, G_OPTION_ARG_INT, &raw.wait_picture,
			"End if no complete picture came in time", "SECONDS" },
		{ "exit-on-disconnect", 0, 0, G_OPTION_ARG_NONE, &raw.exit_on_disconnect,
			"End instead of asking or trying again", NULL },
		{ "wait", 'w', 0, G_OPTION_ARG_NONE, &raw.wait, "Wait for the guest to start", NULL },
		{ "stats", 0, 0, G_OPTION_ARG_FILENAME, &raw.stats,
			"Write a line of JSON every second", "FILE" },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw.rest, NULL,
			"[URI | FILE.vv | -]" },
		{ NULL },
	};
	GOptionContext *context = g_option_context_new(NULL);
	enum clove_exit code = CLOVE_EXIT_OK;
	GError *gerror = NULL;

	*error = NULL;
	*goes_on = false;
	g_option_context_set_summary(context, "Shows the screen of a virtual machine and takes your "
			"keyboard and mouse to it.");
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_add_group(context, gtk_get_option_group(FALSE));
	if (!g_option_context_parse(context, argc, argv, &gerror)) {
		code = fail(CLOVE_EXIT_USAGE, error, "%s (option --help lists them all)",
				gerror->message);
		g_error_free(gerror);
	} else if (raw.version) {
		printf("clove-viewer version %s\n", PACKAGE_VERSION);
	} else {
		if (raw.debug)
			clove_log_set_level(CLOVE_LOG_DEBUG);
		code = apply(&raw, settings, error);
		*goes_on = code == CLOVE_EXIT_OK;
	}
	g_option_context_free(context);
	raw_fini(&raw);
	return code;
}
